//! Machines that are fed packet by packet: a received stream, and an emulated link under any conditions.

use super::Numbers;
use netem::{DelayVariation, Link, LinkConfig, Loss, OutageMode, Packet, QueueLimit, Reorder};
use throng::clock::{Duration, Instant};
use throng::conference::{Codec, Feedback};
use throng::metrics::labels::{Key, RunPhase};
use throng::participant::subscriber::{Arrived, Expect, Opening, Output, Stream};
use throng::qos::integrity::Origin;
use throng::rtp::header::Header;

/// One packet: step, sequence number, RTP time, what it is, length of its payload, payload.
pub fn stream_seeds() -> Vec<Vec<u8>> {
    Codec::ALL
        .into_iter()
        .map(|codec| {
            let payload: &[u8] = match codec {
                Codec::Opus => &[0x78, 1, 2, 3],
                Codec::Vp8 => &[0x90, 0x80, 0x81, 0, 0x10, 0, 0, 0x9D, 1, 0x2A, 0, 2, 0, 1],
                Codec::H264 => &[0x65, 0x88, 0x84, 0],
                Codec::Av1 => &[0x28, 2, 0x08, 0, 0x30, 0x18, 7],
                Codec::Vp9 => &[0x88, 0x81, 0, 0x82, 0x49, 0x83, 0x42],
            };
            let mut bytes = vec![codec as u8];
            for index in 0..8_u8 {
                bytes.extend_from_slice(&[20, 0xFF, 0xF8 + index, 0, 0, index * 11, 0x80, 0, payload.len() as u8]);
                bytes.extend_from_slice(payload);
            }
            bytes
        })
        .collect()
}

pub fn stream(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    let codec = Codec::ALL[usize::from(numbers.byte()) % Codec::ALL.len()];
    let mut stream = Stream::new(expect(codec), 1, Some(2));
    let mut now = Instant::from_secs(1);
    while !numbers.is_empty() {
        now += Duration::from_millis(u64::from(numbers.byte()));
        let (sequence, rtp_time, what) = (numbers.short(), numbers.word(), numbers.byte());
        let len = numbers.byte();
        let payload = numbers.bytes(usize::from(len));
        let (rtx, marker) = (what % 8 == 0, what & 0x80 != 0);
        let header = Header { marker, payload_type: 96, sequence, rtp_time, ssrc: 1 };
        let open = stream.wants_payload(&header, what % 8 == 1, rtx);
        let arrived = Arrived {
            received: now.saturating_sub(Duration::from_millis(u64::from(what) / 8)),
            entered: now,
            sequence,
            rtp_time,
            marker,
            payload: open.then_some(&payload),
            payload_bytes: payload.len(),
            wire_bytes: payload.len() + 28,
            red: what & 0x20 != 0,
            descriptor: (what & 0x40 != 0).then_some(&payload),
            rtx,
        };
        stream.handle_packet(now, &arrived);
        match what % 8 {
            2 | 3 => stream.set_muted(now, what % 8 == 2),
            4 => stream.handle_timeout(now),
            5 => drop(stream.report_block(now)),
            6 => drop(stream.take_interval(now)),
            _ => {}
        }
        drain(&mut stream);
    }
    stream.finish(now + Duration::from_millis(1));
    drain(&mut stream);
}

fn drain(stream: &mut Stream) {
    while let Some(output) = stream.poll_output() {
        if let Output::Sample { metric, value, .. } = output {
            assert!(value.is_finite() && value >= 0.0, "{metric:?} was {value}");
        }
    }
}

fn expect(codec: Codec) -> Expect {
    Expect {
        origin: Origin { room: 3, publisher: Some(7), media: Some(1) },
        codec,
        feedback: Feedback { nack: true, pli: true, ..Feedback::default() },
        key: Key {
            population: Some(0),
            network: Some(0),
            media: Some(0),
            phase: RunPhase::Steady,
            spell: None,
            rejoin: false,
        },
        intended_arrival: Some(Instant::from_millis(500)),
        subscribed: Instant::from_millis(900),
        requested: None,
        first_frame: Duration::from_secs(5),
        layers: 1,
        one_stream: false,
        opening: Opening::default(),
    }
}

/// A packet of a link.
#[derive(Clone)]
struct Probe(usize);

impl Packet for Probe {
    fn wire_size(&self) -> usize {
        self.0
    }
}

/// A config of 64 bytes, then packets of gap and size.
pub fn netem_seeds() -> Vec<Vec<u8>> {
    let mut plain = vec![0; 60];
    plain.extend([1, 0, 5, 0xDC].repeat(12));
    let mut lossy = plain.clone();
    lossy[0] = 0b0101_0110;
    vec![plain, lossy]
}

/// Bits of the first byte choose models; ratios come from 16 bits (valid) or 64 (anything a float can be).
fn config(numbers: &mut Numbers<'_>) -> LinkConfig {
    let choice = numbers.byte();
    let wild = numbers.byte() % 4 == 3;
    let ratio = |numbers: &mut Numbers<'_>| {
        if wild { f64::from_bits(numbers.long()) } else { f64::from(numbers.short()) / 65_535.0 }
    };
    let time = |numbers: &mut Numbers<'_>| Duration::from_micros(u64::from(numbers.word()) >> 8);
    let loss = match choice & 3 {
        0 => Loss::None,
        1 => Loss::Iid { p: ratio(numbers) },
        2 => Loss::Gilbert { mean: ratio(numbers), burst: 1.0 + 20.0 * ratio(numbers) },
        _ => Loss::GilbertElliott { p: ratio(numbers), r: ratio(numbers), h: ratio(numbers), k: ratio(numbers) },
    };
    let reordering = choice & 4 != 0;
    let delay_variation = match choice >> 3 & 3 {
        0 => None,
        1 => Some(DelayVariation::Uniform { max: time(numbers), reordering }),
        2 => Some(DelayVariation::Gaussian { sd: time(numbers), max: time(numbers), reordering }),
        _ => Some(DelayVariation::Normal { sd: time(numbers), max: time(numbers), reordering }),
    };
    LinkConfig {
        rate: (choice & 32 != 0).then(|| u64::from(numbers.word())),
        queue: match choice >> 6 {
            0 => QueueLimit::Unlimited,
            1 => QueueLimit::Bytes(numbers.word().into()),
            2 => QueueLimit::Time(time(numbers)),
            _ => QueueLimit::Packets(numbers.short().into()),
        },
        overhead: numbers.byte().into(),
        loss,
        delay: time(numbers),
        delay_variation,
        reorder: (numbers.byte() & 1 == 1).then(|| Reorder { ratio: ratio(numbers), by: time(numbers) }),
        duplicate: ratio(numbers),
        ..LinkConfig::default()
    }
}

pub fn netem(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    let config = config(&mut numbers);
    if config.validate().is_err() {
        return;
    }
    let mut link = Link::new(config, netem::Seed::new(1));
    let mut now = Instant::ZERO;
    while !numbers.is_empty() {
        let (gap, size) = (numbers.short(), numbers.short());
        now += Duration::from_micros(gap.into());
        match gap % 64 {
            0 => link.set_outage(now, [None, Some(OutageMode::Drop), Some(OutageMode::Pause)][usize::from(size % 3)]),
            1 => link.handle_timeout(now),
            _ => link.handle_packet(now, Probe(size.into())),
        }
        while let Some(delivery) = link.poll_output() {
            assert!(delivery.at <= now, "nothing arrives before its time is told");
        }
        assert!(link.report().holds());
    }
    link.set_outage(now, None);
    link.handle_timeout(Instant::MAX);
    while link.poll_output().is_some() {}
    let totals = link.report().totals();
    assert!(link.report().holds());
    assert_eq!((totals.waiting, totals.flying), (0, 0), "at the end of time nothing is under way");
}
