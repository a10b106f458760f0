//! What is not what was sent.

use super::*;

#[test]
fn a_frame_of_another_room_is_misrouted() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    let elsewhere = Origin { room: 4, publisher: None, media: None };
    bench.stream = Stream::new(Expect { origin: elsewhere, ..expect(Codec::Vp8) }, 0x1234, None);
    bench.run(2_000, |_| Fate::Deliver).finish();
    assert!(bench.count(Metric::IntegrityMisroute) >= 29);
    assert!(bench.values(Metric::DelayFrame).is_empty(), "another's stamp says nothing of ours");
}

#[test]
fn changed_bytes_are_found_in_the_stamp_and_in_the_payload() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.stream.finish(Instant::ZERO);
    let opening = Opening { one_frame_in: 1, ..Opening::default() };
    bench.stream = Stream::new(Expect { opening, ..expect(Codec::Vp8) }, 0x1234, None);
    let fate = |index| match index {
        60 => Fate::Flip(1_000),
        90 => Fate::Flip(1_000),
        _ => Fate::Deliver,
    };
    bench.run(4_000, fate).finish();
    assert_eq!(bench.count(Metric::IntegrityPayloadCrc), 2);
    assert_eq!(bench.opened, bench.told);
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(2_000, |_| Fate::Flip(40)).finish();
    assert!(bench.count(Metric::IntegrityStampCrc) >= 25);
}
