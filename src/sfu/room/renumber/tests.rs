//! What a subscriber sees across switches and frames that are left out.

use super::*;
use crate::rtp::layer::Layer;
use crate::sfu::room::{Picture, SenderClock, TrackId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const RATE: u32 = 90_000;

/// One layer of a publisher: a packet a frame unless it says otherwise.
#[derive(Clone)]
struct Publisher {
    layer: u8,
    sequence: u64,
    time: u32,
    picture: u16,
    tl0: u8,
}

fn publisher(layer: u8, sequence: u64, time: u32, picture: u16, tl0: u8) -> Publisher {
    Publisher { layer, sequence, time, picture, tl0 }
}

impl Publisher {
    /// The packets of the frame captured at `millis`; sender reports say the same.
    fn frame(&mut self, millis: u64, keyframe: bool, temporal: u8, packets: u64) -> Vec<Offered> {
        self.picture = self.picture.wrapping_add(1) & 0x7FFF;
        self.tl0 = self.tl0.wrapping_add(u8::from(temporal == 0));
        let rtp_time = self.time.wrapping_add(millis as u32 * (RATE / 1_000));
        let packets = (0..packets).map(|index| {
            self.sequence += 1;
            Offered {
                track: TrackId(0),
                layer: self.layer,
                sequence: self.sequence,
                rtp_time,
                arrival: Instant::from_millis(millis + 5),
                keyframe: keyframe && index == 0,
                bytes: 1_000,
                place: Some(Layer { temporal, keyframe, ..Layer::default() }),
                picture: Some(Picture { id: self.picture, tl0: self.tl0 }),
                frame: Some(self.picture.wrapping_mul(3)),
                clock: Some(SenderClock {
                    ntp: Ntp::from_unix_nanos(1_000_000_000),
                    rtp_time: self.time.wrapping_add(RATE),
                    at: Instant::from_secs(1),
                }),
            }
        });
        packets.collect()
    }
}

#[test]
fn a_switch_goes_on_where_the_other_layer_stopped_across_every_wrap() {
    let mut full = publisher(2, 65_529, u32::MAX - 100_000, 32_759, 253);
    let mut quarter = publisher(0, 9_000, 77, 5, 200);
    let mut numbers = Renumberer::new(65_530, RATE, true);
    let mut seen = vec![];
    for index in 0..40u64 {
        let millis = 2_000 + index * 33;
        let (high, low) =
            (full.frame(millis, index == 0 || index == 30, 0, 2), quarter.frame(millis, index == 10, 0, 1));
        for packet in high.iter().chain(&low) {
            let switches = packet.keyframe && numbers.layer() != Some(packet.layer);
            seen.extend(if switches { Some(numbers.switch(packet)) } else { numbers.pass(packet) });
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence), "no gap");
    assert_eq!(seen[0].sequence, 65_530);
    let mut frames: Vec<Numbers> = seen.clone();
    frames.dedup_by_key(|numbers| numbers.rtp_time);
    assert_eq!(frames.len(), 41, "the frame at which it went down is there in both layers");
    for pair in frames.windows(2) {
        let (before, after) = (pair[0].picture.unwrap(), pair[1].picture.unwrap());
        assert_eq!((after.0, after.1), ((before.0 + 1) & 0x7FFF, before.1.wrapping_add(1)));
        let step = pair[1].rtp_time.wrapping_sub(pair[0].rtp_time);
        assert!(step == 33 * 90 || step == 1 || step == 33 * 90 * 2 - 1 || step == 33 * 90 - 1, "{step}");
    }
    let passed = frames[40].rtp_time.wrapping_sub(frames[0].rtp_time);
    assert!(passed.abs_diff(39 * 33 * 90) <= 2, "time goes on as it does at the publisher: {passed}");
}

#[test]
fn frames_that_are_left_out_leave_no_gap() {
    let mut base = publisher(0, 100, 0, 100, 7);
    let mut numbers = Renumberer::new(5, RATE, true);
    let mut seen = vec![];
    for (index, temporal) in [0, 2, 1, 2, 0, 2, 1, 2].into_iter().enumerate() {
        for packet in base.frame(1_000 + index as u64 * 33, index == 0, temporal, 2) {
            seen.extend(match (index, temporal) {
                (0, _) if packet.keyframe => Some(numbers.switch(&packet)),
                (_, 2) => numbers.leave_out(&packet, Some(0)),
                _ => numbers.pass(&packet),
            });
        }
    }
    let sequences: Vec<u64> = seen.iter().map(|numbers| numbers.sequence).collect();
    assert_eq!(sequences, (5..13).collect::<Vec<_>>());
    let pictures: Vec<(u16, u8)> = seen.iter().step_by(2).map(|numbers| numbers.picture.unwrap()).collect();
    assert_eq!(pictures, [(101, 8), (102, 8), (103, 9), (104, 9)]);
}

#[test]
fn what_is_late_finds_the_number_that_was_kept_for_it() {
    let mut full = publisher(2, 0, 0, 10, 0);
    let mut quarter = publisher(0, 500, 9, 900, 0);
    let mut numbers = Renumberer::new(1_000, RATE, true);
    let key = full.frame(1_000, true, 0, 1);
    assert_eq!(numbers.switch(&key[0]).sequence, 1_000);
    let lost = full.frame(1_033, false, 0, 1);
    let upper = full.frame(1_066, false, 2, 3);
    // The last but one of a frame that is left out is missing, and a whole frame before it.
    assert_eq!((numbers.leave_out(&upper[0], Some(0)), numbers.leave_out(&upper[2], Some(0))), (None, None));
    let next = full.frame(1_100, false, 0, 1);
    let passed = numbers.pass(&next[0]).unwrap();
    assert_eq!((passed.sequence, passed.picture.unwrap().0), (1_003, 13), "two numbers are kept free");
    let late = numbers.pass(&lost[0]).unwrap();
    assert_eq!((late.sequence, late.picture.unwrap().0, late.empty), (1_001, 12, false));
    let late = numbers.pass(&upper[1]).unwrap();
    assert_eq!((late.sequence, late.empty), (1_002, true), "nobody gets the rest of that frame");
    // After a switch what is late of the layer before finds its place too, and nothing else of it.
    let missing = full.frame(1_133, false, 0, 1);
    let last = full.frame(1_166, false, 0, 1);
    assert_eq!(numbers.pass(&last[0]).unwrap().sequence, 1_005);
    let key = quarter.frame(1_166, true, 0, 1);
    let after = full.frame(1_200, false, 0, 1);
    assert_eq!(numbers.switch(&key[0]).sequence, 1_006);
    assert_eq!(numbers.pass(&missing[0]).unwrap().sequence, 1_004);
    assert_eq!(numbers.pass(&after[0]), None);
    assert_eq!(numbers.pass(&quarter.frame(1_200, false, 0, 1)[0]).unwrap().sequence, 1_007);
}

#[test]
fn without_sender_reports_time_goes_by_arrivals_and_never_falls() {
    let mut full = publisher(2, 0, 4_000_000_000, 10, 0);
    let mut quarter = publisher(0, 500, 9, 900, 0);
    let mut numbers = Renumberer::new(0, RATE, true);
    let plain = |packet: &Offered| Offered { clock: None, ..*packet };
    let first = numbers.switch(&plain(&full.frame(1_000, true, 0, 1)[0]));
    let second = numbers.switch(&plain(&quarter.frame(3_000, true, 0, 1)[0]));
    assert_eq!(second.rtp_time.wrapping_sub(first.rtp_time), 2 * RATE);
    let back = numbers.switch(&plain(&full.frame(3_000, true, 0, 1)[0]));
    assert_eq!(back.rtp_time.wrapping_sub(second.rtp_time), 1, "at once, and yet after it");
    // A clock that says something else than the arrivals is not believed.
    let wild = SenderClock { ntp: Ntp::from_unix_nanos(99_000_000_000_000), rtp_time: 0, at: Instant::ZERO };
    let wild = Offered { clock: Some(wild), ..quarter.frame(3_100, true, 0, 1)[0] };
    assert_eq!(numbers.switch(&wild).rtp_time.wrapping_sub(back.rtp_time), RATE / 10);
}

proptest! {
    #[test]
    fn no_two_packets_share_a_number_and_nothing_falls(
        frames in prop::collection::vec((0u8..3, 0u8..3, 1u64..4, prop::collection::vec(0usize..6, 3)), 1..80),
        start in 0u64..65_536,
    ) {
        let mut layers = [publisher(0, 65_530, 1, 32_760, 250), publisher(1, start, 77, 0, 0), publisher(2, 3, 9, 9, 9)];
        let mut numbers = Renumberer::new(start, RATE, true);
        let mut temporal_cap = 2;
        let (mut delayed, mut seen): (Vec<Offered>, BTreeMap<u64, u32>) = (vec![], BTreeMap::new());
        for (index, (target, temporal, packets, fates)) in frames.into_iter().enumerate() {
            for layer in &mut layers {
                let key = layer.layer == target && numbers.layer() != Some(target);
                let temporal = if key { 0 } else { temporal };
                for (position, packet) in layer.frame(1_000 + index as u64 * 33, key, temporal, packets).into_iter().enumerate() {
                    match fates[position] {
                        0 if !packet.keyframe => continue,
                        1 if !packet.keyframe => { delayed.push(packet); continue }
                        _ => {}
                    }
                    let out = if packet.keyframe {
                        Some(numbers.switch(&packet))
                    } else if numbers.layer() == Some(packet.layer) && packet.place.is_some_and(|place| place.temporal > temporal_cap) {
                        numbers.leave_out(&packet, Some(0))
                    } else {
                        numbers.pass(&packet)
                    };
                    if let Some(out) = out {
                        prop_assert!(seen.insert(out.sequence, out.rtp_time).is_none());
                    }
                }
            }
            if index % 7 == 6 {
                temporal_cap = (temporal_cap + 1) % 3;
                for packet in delayed.drain(..) {
                    if let Some(out) = numbers.pass(&packet) {
                        prop_assert!(seen.insert(out.sequence, out.rtp_time).is_none());
                    }
                }
            }
        }
        let first = seen.values().next().copied().unwrap_or(0);
        let times: Vec<u32> = seen.values().map(|time| time.wrapping_sub(first)).collect();
        prop_assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
    }
}
