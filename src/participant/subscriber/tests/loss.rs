//! What does not arrive, comes twice, late or out of order, and what is asked for again.

use super::*;

#[test]
fn loss_with_retransmission_is_exact_and_leaves_nothing_missing() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    let fate = |index: usize| if index > 5 && index.is_multiple_of(17) { Fate::Drop } else { Fate::Deliver };
    bench.run(9_000, fate).run(9_900, |_| Fate::Deliver).finish();
    bench.assert_whole();
    assert!(bench.lost > 20);
    assert_eq!(bench.ratio(Metric::RtpLossNet).0, bench.lost);
    assert_eq!(bench.ratio(Metric::RtpLossResidual).0, 0);
    assert_eq!(bench.count(Metric::RtpNackSent), bench.lost);
    assert!(bench.count(Metric::RtpRtxReceived) >= bench.lost);
    assert_eq!(bench.count(Metric::RtpDup), bench.count(Metric::RtpRtxReceived) - bench.lost);
    assert_eq!((bench.count(Metric::VideoFramesUndecodable), bench.plis.len()), (0, 0));
    assert_eq!(bench.ratio(Metric::RtpReorder).0, 0, "retransmissions are not reordered packets");
}

#[test]
fn loss_without_retransmission_is_residual_and_asks_for_a_keyframe() {
    for codec in [Codec::Vp8, Codec::H264] {
        let mut bench = Bench::new(&video(codec));
        bench.rtx = false;
        bench.run(5_000, |index| if index == 40 { Fate::Drop } else { Fate::Deliver }).finish();
        bench.assert_whole();
        assert_eq!((bench.ratio(Metric::RtpLossNet).0, bench.ratio(Metric::RtpLossResidual).0), (1, 1), "{codec:?}");
        assert!(bench.nacks.len() > 1);
        assert_eq!(bench.count(Metric::RtpNackSent), 1);
        assert_eq!((bench.plis.len(), bench.count(Metric::RtpPliSent)), (1, 1));
        assert_eq!(bench.count(Metric::VideoKeyframes), 2);
        assert!(bench.count(Metric::VideoFramesUndecodable) > 10);
        assert_eq!(bench.count(Metric::VideoFreezeCount), 1);
        let wait = bench.values(Metric::VideoKeyframeWait);
        assert!(wait.len() == 1 && (0.02..0.09).contains(&wait[0]), "{wait:?}");
    }
}

#[test]
fn an_unanswered_request_is_repeated_every_half_second() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    (bench.rtx, bench.keyframes_answered) = (false, false);
    bench.run(5_000, |index| if index == 40 { Fate::Drop } else { Fate::Deliver }).finish();
    assert!((5..=8).contains(&bench.plis.len()), "{:?}", bench.plis);
    assert!(bench.plis.windows(2).all(|pair| pair[1] - pair[0] >= 500));
}

#[test]
fn reordering_and_duplicates_are_counted_and_are_no_loss() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    let fate = |index: usize| match index % 50 {
        10 => Fate::Delay(4),
        30 => Fate::Twice,
        _ => Fate::Deliver,
    };
    bench.run(6_000, fate).run(6_100, |_| Fate::Deliver).finish();
    bench.assert_whole();
    let twice = (0..bench.sent.len()).filter(|index| index % 50 == 30).count() as u64;
    assert!(bench.ratio(Metric::RtpReorder).0 > 3);
    assert!(bench.count(Metric::RtpDup).abs_diff(twice) <= 1, "one may still be flying");
    assert_eq!((bench.ratio(Metric::RtpLossNet).0, bench.ratio(Metric::RtpLossResidual).0), (0, 0));
    assert_eq!((bench.count(Metric::VideoFramesUndecodable), bench.plis.len()), (0, 0));
}

#[test]
fn late_retransmissions_are_late_and_duplicates_when_the_original_came() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.rtx = false;
    let fate = |index| match index {
        60 => Fate::Delay(700),
        90 => Fate::Delay(100),
        _ => Fate::Deliver,
    };
    bench.run(6_000, fate).finish();
    assert_eq!((bench.ratio(Metric::RtpLossLate).0, bench.ratio(Metric::RtpLossResidual).0), (1, 1));
    assert_eq!(bench.ratio(Metric::RtpReorder).0, 2);
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(6_000, |index| if index == 60 { Fate::Delay(200) } else { Fate::Deliver }).finish();
    assert_eq!((bench.count(Metric::RtpDup), bench.ratio(Metric::RtpLossNet).0), (bench.nacks.len() as u64, 0));
}

#[test]
fn padding_is_received_and_is_no_media() {
    let mut bench = Bench::new(&video(Codec::H264));
    bench.run(2_000, |_| Fate::Deliver);
    let before = bench.counts.clone();
    let last = bench.sent.last().expect("sent").clone();
    bench.flying.clear();
    // Padding takes the number of the next packet, and media goes on one number later.
    let padding = Packet { payload: Vec::new(), sequence: last.sequence.wrapping_add(1), marker: false, ..last };
    let now = Instant::from_millis(2_000);
    for packet in bench.sent.iter().rev().take(6).rev().cloned().collect::<Vec<_>>() {
        bench.deliver(now, now, &packet);
    }
    bench.deliver(now, now, &padding);
    bench.sent.push(padding);
    bench.run(4_000, |_| Fate::Deliver).finish();
    bench.assert_whole();
    assert_eq!((bench.ratio(Metric::RtpLossNet).0, bench.count(Metric::VideoFramesUndecodable)), (0, 0));
    assert!(
        bench.count(Metric::VideoFramesDecodable)
            > before.get(&Metric::VideoFramesDecodable).copied().unwrap_or(0) + 55
    );
}
