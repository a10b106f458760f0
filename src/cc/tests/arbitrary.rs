//! Whatever comes as feedback: no panic, and an estimate that is a rate.

use crate::cc::{Config, Pacer, Receiver, Sender};
use crate::clock::{Duration, Instant};
use crate::rtp::rtcp::{self, Packet};
use crate::units::Bitrate;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Send { bytes: u16 },
    Feedback(Vec<u8>),
    Remb(u64),
    Desire(u64),
    Wait { micros: u32 },
}

/// Feedback that is framed well, with whatever is in it.
fn framed(mut body: Vec<u8>, base: u16, count: u16) -> Vec<u8> {
    body.resize(body.len().next_multiple_of(4), 0);
    let words = (4 + body.len() / 4) as u16;
    let [w0, w1] = words.to_be_bytes();
    let mut packet = vec![0x8F, 205, w0, w1, 0, 0, 0, 1, 0, 0, 0, 2];
    packet.extend_from_slice(&base.to_be_bytes());
    packet.extend_from_slice(&count.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 1, 7]);
    packet.extend(body);
    packet
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u16>().prop_map(|bytes| Step::Send { bytes }),
        4 => (prop::collection::vec(any::<u8>(), 0..80), 65_490u16..=65_535, 0u16..40)
            .prop_map(|(body, base, count)| Step::Feedback(framed(body, base, count))),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Step::Feedback),
        1 => any::<u64>().prop_map(Step::Remb),
        1 => any::<u64>().prop_map(Step::Desire),
        2 => (0u32..3_000_000).prop_map(|micros| Step::Wait { micros }),
    ]
}

proptest! {
    #[test]
    fn arbitrary_feedback_never_panics(steps in prop::collection::vec(step(), 0..120)) {
        let mut sender = Sender::new(Config::usual(65_500));
        let mut pacer = Pacer::new(sender.pacing_rate());
        let mut now = Instant::ZERO;
        for step in steps {
            match step {
                Step::Send { bytes } => pacer.push(now, bytes % 2 == 0, bytes.into(), ()),
                Step::Feedback(bytes) => {
                    for packet in rtcp::parse(&bytes) {
                        if let Packet::Transport(feedback) = packet {
                            sender.handle_feedback(now, &feedback);
                        }
                    }
                }
                Step::Remb(rate) => sender.handle_remb(Bitrate(rate)),
                Step::Desire(rate) => sender.set_desired(now, Bitrate(rate)),
                Step::Wait { micros } => now += Duration::from_micros(micros.into()),
            }
            sender.handle_timeout(now);
            while let Some(cluster) = sender.poll_probe() {
                pacer.probe(cluster);
            }
            pacer.set_rate(sender.pacing_rate());
            for _ in 0..200 {
                let Some(departure) = pacer.poll(now) else { break };
                if departure.item.is_none() {
                    pacer.handle_padding(departure.at, 300);
                }
                sender.handle_sent(departure.at, 300, departure.cluster);
            }
            // What left under an earlier time can have made something due since.
            sender.handle_timeout(now);
            prop_assert!(sender.estimate() >= Config::LEAST);
            prop_assert!(sender.poll_timeout().is_none_or(|at| at > now), "{:?} {:?}", sender.poll_timeout(), now);
        }
    }

    #[test]
    fn arbitrary_send_times_never_panic(packets in prop::collection::vec((any::<u32>(), 0u32..5_000_000, any::<u16>()), 0..200)) {
        let mut receiver = Receiver::new();
        let mut now = Instant::ZERO;
        for (send_time, apart, bytes) in packets {
            now += Duration::from_micros(apart.into());
            receiver.handle_packet(now, send_time, bytes.into());
            let _ = receiver.poll_remb(now);
        }
    }
}
