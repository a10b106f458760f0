use super::*;
use proptest::prelude::*;

/// A stream of frames of `per_frame` packets, fed by hand.
#[derive(Default)]
struct Bench {
    frames: Frames,
    complete: usize,
    decodable: Vec<i64>,
    undecodable: usize,
    torn: usize,
    gaps: usize,
    base_gaps: usize,
    blocked: usize,
}

impl Bench {
    fn drain(&mut self) {
        while let Some(event) = self.frames.poll_event() {
            match event {
                Event::Complete(_) => self.complete += 1,
                Event::Decodable(frame, _) => self.decodable.push(frame.rtp_time / 3_000),
                Event::Undecodable(_) => self.undecodable += 1,
                Event::Torn(_) => self.torn += 1,
                Event::PictureGap(_) => self.gaps += 1,
                Event::BaseGap(_) => self.base_gaps += 1,
                Event::Blocked(_) => self.blocked += 1,
            }
        }
    }

    fn piece(&mut self, piece: Piece, floor: i64) {
        self.frames.handle_piece(&piece, floor);
        self.drain();
    }

    /// Packet `part` of three of VP8 frame `frame`; everything before it is settled.
    fn vp8(&mut self, frame: i64, part: i64, keyframe: bool) {
        let piece = vp8(frame, part, keyframe);
        self.piece(piece, piece.number + 1);
    }
}

fn vp8(frame: i64, part: i64, keyframe: bool) -> Piece {
    let id = (32_760 + frame) as u16 & 0x7FFF;
    let place = Place { picture_id: Some((id, 15)), tl0: Some(frame as u8), layer: Some((0, false)) };
    let opened = (part == 0).then_some(Opened { starts: true, keyframe, place, unit: None, timing: None });
    plain(frame, part, opened)
}

fn plain(frame: i64, part: i64, opened: Option<Opened>) -> Piece {
    let number = 65_530 + frame * 3 + part;
    let received = Instant::from_millis((frame * 33 + part) as u64);
    Piece { number, rtp_time: frame * 3_000, marker: part == 2, received, bytes: 100, opened }
}

#[test]
fn whole_frames_in_order_are_all_decodable() {
    let mut bench = Bench::default();
    for frame in 0..100 {
        (0..3).for_each(|part| bench.vp8(frame, part, frame == 0));
    }
    assert_eq!((bench.complete, bench.decodable.len()), (100, 100));
    assert_eq!((bench.undecodable, bench.torn, bench.gaps, bench.blocked), (0, 0, 0, 0));
    assert!(bench.frames.open.is_empty());
}

#[test]
fn packets_of_a_frame_may_come_in_any_order() {
    let mut bench = Bench::default();
    for part in [2, 0, 1] {
        bench.piece(vp8(0, part, true), 65_530);
    }
    for part in [1, 2, 0] {
        bench.piece(vp8(1, part, false), 65_533);
    }
    assert_eq!((bench.decodable.as_slice(), bench.torn, bench.blocked), (&[0, 1][..], 0, 0));
}

#[test]
fn a_frame_waits_for_the_one_it_refers_to() {
    let mut bench = Bench::default();
    (0..3).for_each(|part| bench.vp8(0, part, true));
    let hole = vp8(1, 1, false);
    bench.piece(vp8(1, 0, false), hole.number);
    bench.piece(vp8(1, 2, false), hole.number);
    (0..3).for_each(|part| bench.piece(vp8(2, part, false), hole.number));
    assert_eq!((bench.complete, bench.decodable.as_slice()), (2, &[0][..]));
    bench.piece(hole, 65_540);
    assert_eq!((bench.decodable.as_slice(), bench.undecodable), (&[0, 1, 2][..], 0));
}

#[test]
fn a_packet_given_up_blocks_until_a_keyframe() {
    let mut bench = Bench::default();
    (0..3).for_each(|part| bench.vp8(0, part, true));
    bench.vp8(1, 0, false);
    bench.vp8(1, 2, false);
    (0..3).for_each(|part| bench.vp8(2, part, false));
    assert_eq!((bench.decodable.len(), bench.undecodable), (1, 2));
    assert!(bench.blocked >= 1 && !bench.frames.is_intact());
    (0..3).for_each(|part| bench.vp8(3, part, true));
    (0..3).for_each(|part| bench.vp8(4, part, false));
    assert_eq!(bench.decodable, [0, 3, 4]);
}

#[test]
fn a_frame_lost_whole_blocks_too() {
    let mut bench = Bench::default();
    (0..3).for_each(|part| bench.vp8(0, part, true));
    (0..3).for_each(|part| bench.vp8(2, part, false));
    assert_eq!((bench.decodable.as_slice(), bench.undecodable, bench.blocked, bench.gaps), (&[0][..], 1, 1, 0));
}

#[test]
fn a_keyframe_does_not_wait_for_what_is_missing_before_it() {
    let mut bench = Bench::default();
    (0..3).for_each(|part| bench.vp8(0, part, true));
    let hole = 65_534;
    bench.piece(vp8(1, 0, false), hole);
    bench.piece(vp8(1, 2, false), hole);
    (0..3).for_each(|part| bench.piece(vp8(2, part, true), hole));
    assert_eq!((bench.decodable.as_slice(), bench.undecodable), (&[0, 2][..], 1));
    bench.piece(vp8(1, 1, false), 65_539);
    assert_eq!(bench.decodable, [0, 2], "too late to be shown");
}

#[test]
fn delta_frames_before_the_first_keyframe_ask_for_one() {
    let mut bench = Bench::default();
    (0..3).for_each(|part| bench.vp8(7, part, false));
    assert_eq!((bench.complete, bench.decodable.len(), bench.undecodable, bench.blocked), (1, 0, 1, 1));
}

#[test]
fn h264_leans_on_every_frame_before_and_recovers_at_an_idr() {
    let mut bench = Bench::default();
    let h264 = |frame: i64, part: i64| {
        let key = frame % 5 == 0;
        let opened = (part == 0).then_some(Opened { starts: key, keyframe: key, ..Opened::default() });
        plain(frame, part, opened)
    };
    for (frame, part) in (0..10).flat_map(|frame| (0..3).map(move |part| (frame, part))) {
        if (frame, part) == (2, 2) {
            continue;
        }
        let piece = h264(frame, part);
        bench.piece(piece, piece.number + 1);
    }
    assert_eq!(bench.decodable, [0, 1, 5, 6, 7, 8, 9]);
    assert_eq!(bench.undecodable, 3);
}

#[test]
fn padding_between_frames_is_not_a_missing_packet() {
    let mut bench = Bench::default();
    let at = |frame: i64, part: i64, shift: i64| {
        let opened = (part == 0).then_some(Opened { starts: frame == 0, keyframe: frame == 0, ..Opened::default() });
        let piece = plain(frame, part, opened);
        Piece { number: piece.number + shift, ..piece }
    };
    (0..3).for_each(|part| bench.piece(at(0, part, 0), at(0, part, 0).number + 1));
    bench.frames.handle_filler(65_533, Instant::ZERO, 65_534);
    (0..3).for_each(|part| bench.piece(at(1, part, 1), at(1, part, 1).number + 1));
    assert_eq!((bench.decodable.as_slice(), bench.undecodable), (&[0, 1][..], 0));
}

#[test]
fn a_marker_in_the_middle_tears_a_frame_once() {
    let mut bench = Bench::default();
    (0..3).for_each(|part| bench.vp8(0, part, true));
    bench.vp8(1, 0, false);
    bench.piece(Piece { marker: true, ..vp8(1, 2, false) }, 65_534);
    bench.piece(Piece { marker: true, ..vp8(1, 1, false) }, 65_536);
    assert_eq!(bench.torn, 1);
}

#[test]
fn another_length_tears_a_frame_and_another_cut_does_not() {
    // Three packets of 100 bytes are here.
    for (sent, torn) in [(300, 0), (299, 0), (334, 0), (266, 0), (335, 1), (265, 1), (400, 1)] {
        let mut bench = Bench::default();
        let mut first = vp8(0, 0, true);
        if let Some(opened) = &mut first.opened {
            opened.timing = Some(Timing { due: Instant::ZERO, left: None, bytes: sent, layer: 0 });
        }
        bench.piece(first, 65_531);
        (1..3).for_each(|part| bench.vp8(0, part, true));
        assert_eq!(bench.torn, torn, "{sent}");
    }
}

#[test]
fn a_picture_id_that_skips_without_a_missing_packet_is_a_gap() {
    let mut bench = Bench::default();
    (0..3).for_each(|part| bench.vp8(0, part, true));
    for part in 0..3 {
        let mut piece = vp8(2, part, false);
        piece.number -= 3;
        bench.piece(piece, piece.number + 1);
    }
    assert_eq!(bench.gaps, 1);
}

#[test]
fn what_is_still_open_at_the_end_was_never_decodable_unless_it_is_young() {
    let mut bench = Bench::default();
    bench.vp8(0, 0, true);
    let mut young = Bench { frames: bench.frames.clone(), ..Bench::default() };
    bench.frames.finish(Instant::from_secs(2));
    bench.drain();
    young.frames.finish(Instant::from_millis(100));
    young.drain();
    assert_eq!((bench.undecodable, young.undecodable), (1, 0));
}

proptest! {
    #[test]
    fn any_packets_are_taken_and_no_frame_is_counted_twice(
        packets in prop::collection::vec((0i64..200, 0i64..40, any::<bool>(), any::<bool>(), any::<bool>(), -50i64..50), 0..400),
    ) {
        let mut bench = Bench::default();
        let mut highest = 0;
        for (number, frame, marker, starts, keyframe, lag) in packets {
            highest = highest.max(number);
            let opened = starts.then_some(Opened { starts, keyframe, ..Opened::default() });
            let received = Instant::from_millis(number as u64);
            let piece = Piece { number, rtp_time: frame * 3_000, marker, received, bytes: 10, opened };
            if lag == 0 {
                bench.frames.handle_filler(number, received, highest);
            }
            bench.piece(piece, (highest + lag).min(highest + 1));
            bench.frames.handle_settled(received, highest + 1 - lag.abs());
            bench.drain();
            prop_assert!(bench.frames.open.len() <= OPEN);
        }
        bench.frames.finish(Instant::from_secs(100));
        bench.drain();
        prop_assert!(bench.decodable.len() <= bench.complete);
    }
}
