//! A stack that throng did not write publishes into and subscribes from the same room, and both count the same packets.

use super::peer::{AUDIO, Got, Peer, VIDEO};
use super::{Sfu, becomes};
use crate::live::harness::{MIC, cam};
use crate::turns::alone;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;
use throng::drive::live;
use throng::media::{Found, Stamp};
use throng::outcome::Outcome;
use throng::scenario::{Settings, no_files};

/// Runs a scenario in the room `agree-it-1` of the SFU, for so many seconds.
fn run(sfu: &Sfu, seconds: u32, population: &str) -> JoinHandle<Outcome> {
    let cam = cam("320x180", 25, "300kbps");
    let text = format!(
        "version = 1\nname = \"agree\"\nseed = 3\n[run]\nwarmup = \"0s\"\nduration = \"{seconds}s\"\ncooldown = \"0s\"\ninvalid_if = []\n[target]\nadapter = \"room\"\nurl = \"http://{}\"\n{MIC}\n{cam}\n[rooms]\ncount = 1\n{population}",
        sfu.http
    );
    let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
    let loaded = throng::plan::load("agree.toml", &text, &settings, Some("it"));
    let (_, plan) = loaded.unwrap_or_else(|errors| panic!("{errors:?}"));
    let options = live::Options {
        i_own_target: false,
        interrupted: Arc::new(AtomicBool::new(false)),
        command: String::new(),
        scenario_text: text,
        dump: None,
    };
    std::thread::spawn(move || live::run(plan, &options, &mut |_| {}, &mut |_| {}).expect("it begins"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// A VP8 keyframe of one packet: a descriptor with a picture id of 15 bits (RFC 7741 §4.2), the start of a frame of
/// 320 by 180 (RFC 6386 §9.1), and filler.
fn keyframe(number: u16) -> Vec<u8> {
    let [high, low] = (number | 0x8000).to_be_bytes();
    let descriptor = [0x90, 0x80, high, low];
    let start = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];
    [&descriptor[..], &start, &[0x55; 600]].concat()
}

/// 20 ms of Opus, CELT only, stereo (RFC 6716 §3.1).
fn sound() -> Vec<u8> {
    [&[0xfc][..], &[0x33; 80]].concat()
}

#[test]
fn what_a_foreign_stack_publishes_arrives_packet_for_packet() {
    ["str0m", "own"].into_iter().for_each(published_over);
}

fn published_over(leg: &str) {
    const PACKETS: u16 = 120;
    let _cores = alone();
    let sfu = Sfu::start(&["--leg", leg]);
    let runtime = runtime();
    let peer = runtime.block_on(Peer::publish(&sfu.url("/whip/agree-it-1/stranger")));
    let running = run(&sfu, 7, "[[population]]\nname = \"viewers\"\ncount = 2\n");
    assert!(becomes(Duration::from_secs(5), || sfu.participants() == 3), "the viewers came");
    // The roster told the viewers of the stranger's tracks: the SFU asks for a keyframe once they are connected.
    assert!(becomes(Duration::from_secs(5), || sfu.counter("keyframes_asked") >= 1), "the viewers subscribed");
    runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for number in 0..PACKETS {
            // Both roll over on the way.
            peer.send(true, (65_480_u16).wrapping_add(number), u32::from(number) * 1_800, keyframe(number)).await;
            peer.send(false, (65_500_u16).wrapping_add(number), u32::from(number) * 960, sound()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let outcome = running.join().expect("the run ends");
    assert_eq!(outcome.participants.joined, 2, "{:?}", outcome.participants_detail);
    let tracks = |viewer: usize| outcome.participants_detail[viewer].tracks.iter();
    for viewer in 0..2 {
        assert_eq!(tracks(viewer).map(|t| t.track.as_str()).collect::<Vec<_>>(), ["stranger/audio", "stranger/video"]);
        for track in tracks(viewer) {
            let scalar = |name: &str| track.scalars.get(name).copied();
            assert_eq!(scalar("rtp.packets_received"), Some(f64::from(PACKETS)), "{track:?}");
            assert_eq!(scalar("rtp.loss_net"), Some(0.0), "{track:?}");
            assert_eq!(scalar("delay.transport"), None, "no stamp, no delay: {track:?}");
        }
        let frames = tracks(viewer).find_map(|track| track.scalars.get("video.frames_decodable"));
        assert_eq!(frames, Some(&f64::from(PACKETS)));
    }
    assert_eq!(sfu.counter("packets_in"), 2 * u64::from(PACKETS));
    assert_eq!(sfu.counter("packets_out"), 4 * u64::from(PACKETS));
    runtime.block_on(peer.leave());
    assert!(becomes(Duration::from_secs(3), || sfu.participants() == 0));
}

/// The stamps of a stream's frames in the order of arrival; its packets follow one another without a gap.
fn stamps(packets: &[Got], payload_type: u8) -> Vec<Stamp> {
    let packets: Vec<&Got> = packets.iter().filter(|packet| packet.payload_type == payload_type).collect();
    assert!(packets.len() > 50, "only {} packets of {payload_type}", packets.len());
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "loopback neither loses nor reorders");
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
    }
    let found = packets.iter().filter_map(|packet| match Stamp::find(&packet.payload) {
        Found::Stamp(stamp, _) => Some(stamp),
        Found::BadCrc => panic!("a stamp was torn on the way"),
        Found::None => None,
    });
    found.collect()
}

#[test]
fn what_throng_publishes_is_opened_by_a_foreign_stack_packet_for_packet() {
    ["str0m", "own"].into_iter().for_each(opened_over);
}

fn opened_over(leg: &str) {
    let _cores = alone();
    let sfu = Sfu::start(&["--leg", leg]);
    let runtime = runtime();
    let publishers =
        "[[population]]\nname = \"publishers\"\ncount = 1\npublish = [\"mic\", \"cam\"]\nsubscribe = \"none\"\n";
    let running = run(&sfu, 5, publishers);
    let peer = runtime.block_on(Peer::play(&sfu.url("/whep/agree-it-1/publishers-1")));
    let outcome = running.join().expect("the run ends");
    // The peer's own tasks get to a packet after the SFU has sent it. What comes before the peer has its keys, or with
    // the goodbye, may never be read: at most one packet of a stream at either end, for the middle has no gap (below).
    let unread = || sfu.counter("packets_out").checked_sub(peer.got().len() as u64);
    becomes(Duration::from_secs(1), || unread() == Some(0));
    assert!(
        unread().is_some_and(|packets| packets <= 4),
        "of the {} packets that the SFU sent {:?} were not read",
        sfu.counter("packets_out"),
        unread()
    );
    let got = peer.got();
    runtime.block_on(peer.leave());
    assert_eq!(outcome.participants.joined, 1, "{:?}", outcome.participants_detail);

    let published = |metric: &str, media: &str| {
        // Those that a phase holds, and there only, make up the whole run.
        let of_media = outcome.metrics.iter().filter(|m| {
            let labels = &m.labels;
            m.name == metric && labels.contains_key("phase") && labels.get("media").is_some_and(|label| label == media)
        });
        of_media.map(|m| m.count).sum::<u64>()
    };
    for (payload_type, media, metric) in [(AUDIO, "mic", "rtp.packets_sent"), (VIDEO, "cam", "video.frames_published")]
    {
        let stamps = stamps(&got, payload_type);
        let (first, last) = (u64::from(stamps[0].frame), u64::from(stamps[stamps.len() - 1].frame));
        let distinct: BTreeSet<u32> = stamps.iter().map(|stamp| stamp.frame).collect();
        assert_eq!(distinct.len(), stamps.len(), "{media}: no frame came twice");
        assert_eq!(stamps.len() as u64, last - first + 1, "{media}: every frame from the first to the last came");
        let published = published(metric, media);
        // The WebSocket's goodbye may overtake the very last packets.
        assert!(last < published && last + 3 > published, "{media}: frame {last} was the last of {published}");
    }
    let frames = got.iter().filter(|packet| packet.payload_type == VIDEO && packet.marker).count();
    assert!(frames.abs_diff(stamps(&got, VIDEO).len()) <= 1, "each frame ends with its marker");
    assert_eq!(sfu.counter("retransmissions"), 0);
}
