//! Sound, with pauses and without.

use super::*;

#[test]
fn clean_sound_scores_well_and_loss_lowers_it() {
    let mut clean = Bench::new(&sound(None));
    clean.run(22_000, |_| Fate::Deliver).finish();
    clean.assert_whole();
    assert_eq!(clean.ratio(Metric::AudioConcealedRatio).0, 0);
    let scores = clean.values(Metric::AudioMosEst);
    assert!(scores.len() == 2 && scores.iter().all(|&mos| (mos - 4.41).abs() < 0.01), "{scores:?}");
    assert!(clean.values(Metric::DelayFrame).iter().all(|&delay| (delay - 0.020).abs() < 1e-6));
    assert!(!clean.values(Metric::DelayE2e).is_empty() && clean.opened * 4 < clean.told);
    let ttfa = clean.firsts[&First::Rtp].saturating_since(Instant::from_millis(500)).as_secs_f64();
    assert_eq!(clean.values(Metric::AudioTtfa), [ttfa]);
    assert_eq!(clean.firsts.values().collect::<std::collections::BTreeSet<_>>().len(), 1);

    let mut lossy = Bench::new(&sound(None));
    lossy.rtx = false;
    lossy.run(22_000, |index| if index % 10 == 5 { Fate::Drop } else { Fate::Deliver }).finish();
    let (concealed, all) = lossy.ratio(Metric::AudioConcealedRatio);
    assert!((concealed as f64 / all as f64 - 0.1).abs() < 0.002, "{concealed} of {all}");
    assert!(lossy.values(Metric::AudioMosEst).iter().all(|&mos| (mos - 2.35).abs() < 0.15));
}

#[test]
fn the_pauses_of_dtx_are_not_loss() {
    let talk = Talk { on: Dist::parse("exp(2s)").expect("a distribution"), off: Dist::parse("exp(3s)").expect("too") };
    let mut bench = Bench::new(&sound(Some(talk)));
    bench.run(31_000, |_| Fate::Deliver).finish();
    assert!(bench.sent.len() < 1_400, "it paused: {}", bench.sent.len());
    assert_eq!((bench.ratio(Metric::AudioConcealedRatio).0, bench.ratio(Metric::RtpLossNet).0), (0, 0));
}

#[test]
fn sound_that_dies_is_heard_to_be_dead() {
    let mut bench = Bench::new(&sound(None));
    bench.run(11_500, |_| Fate::Deliver).run(22_000, |_| Fate::Drop).finish();
    let scores = bench.values(Metric::AudioMosEst);
    assert!(scores[0] > 4.3 && scores[1] < 1.3, "{scores:?}");
    assert!(bench.ratio(Metric::AudioConcealedRatio).0 > 500);
}
