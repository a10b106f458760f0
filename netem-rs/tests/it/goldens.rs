//! The first verdicts of every model from one seed, written out: they are the same on every machine and in every
//! build, and a change of arithmetic or of the order of draws shows here.

use crate::{flow, verdicts};
use netem_rs::{DelayVariation, LinkConfig, Loss, Reorder, Seed};
use std::time::Duration;

fn seed() -> Seed {
    Seed::new(2_026).child("golden")
}

/// `x` is a loss.
fn losses(loss: Loss) -> String {
    let config = LinkConfig { loss, ..LinkConfig::default() };
    verdicts(&config, seed(), 64).into_iter().map(|lost| if lost { 'x' } else { '.' }).collect()
}

/// Nanoseconds on the wire of the first packets.
fn delays(variation: DelayVariation) -> Vec<u64> {
    let delay = Duration::from_millis(100);
    let config = LinkConfig { delay, delay_variation: Some(variation), ..LinkConfig::default() };
    let gap = Duration::from_secs(1);
    let flow = flow(&config, seed(), 6, gap);
    flow.iter().map(|(number, at)| at.as_nanos() - number * 1_000_000_000).collect()
}

#[test]
fn seeds_are_sha_256_as_anyone_computes_it() {
    // Python: sha256(sha256((1).to_bytes(8, "little")).digest() + b"x").digest()[:8], little-endian.
    assert_eq!(Seed::new(1).bits(), 0xa63f_41d4_36a1_9f7c);
    assert_eq!(Seed::new(1).child("x").bits(), 0xe7ba_606c_ea08_f996);
    assert_eq!(Seed::new(1).indexed("participant", 17).bits(), 0x8c21_8b50_3e00_90f1);
}

#[test]
fn losses_are_as_written() {
    assert_eq!(losses(Loss::Iid { p: 0.2 }), ".......xxx.xx..x..x............x..x........x....x..x...x...x..xx");
    assert_eq!(
        losses(Loss::Gilbert { mean: 0.2, burst: 4.0 }),
        "...........x...........................................xxxx...x."
    );
    assert_eq!(
        losses(Loss::GilbertElliott { p: 0.1, r: 0.3, h: 0.8, k: 0.05 }),
        "......xx....................x...x........x...x.................."
    );
}

#[test]
fn delays_are_as_written() {
    let (sd, max, reordering) = (Duration::from_millis(5), Duration::from_millis(15), false);
    assert_eq!(
        delays(DelayVariation::Gaussian { sd, max, reordering }),
        [104_551_570, 102_312_907, 102_850_099, 102_772_022, 101_027_254, 105_111_078]
    );
    assert_eq!(
        delays(DelayVariation::Uniform { max, reordering }),
        [108_012_471, 109_273_707, 101_527_666, 100_149_583, 114_162_001, 103_178_005]
    );
    assert_eq!(
        delays(DelayVariation::Normal { sd, max, reordering }),
        [95448430, 102_312_907, 102_850_099, 97227978, 101_027_254, 94888922]
    );
}

#[test]
fn copies_and_reordering_are_as_written() {
    let reorder = Some(Reorder { ratio: 0.2, by: Duration::from_micros(2_500) });
    let config = LinkConfig { duplicate: 0.2, reorder, ..LinkConfig::default() };
    let order: Vec<u64> =
        flow(&config, seed(), 16, Duration::from_millis(1)).iter().map(|(number, _)| *number).collect();
    assert_eq!(order, [0, 1, 3, 4, 2, 5, 6, 7, 5, 8, 9, 10, 11, 12, 13, 14, 15, 15]);
}

#[test]
fn a_queue_is_as_written() {
    let config = LinkConfig { rate: Some(777_777), delay: Duration::from_micros(1), ..LinkConfig::default() };
    let at: Vec<u64> = flow(&config, seed(), 4, Duration::ZERO).iter().map(|(_, at)| at.as_nanos()).collect();
    // The k-th has left after ⌈k · 1,024 bits / rate⌉, whatever was rounded before it.
    let exact = (1..=4_u64).map(|k| (k * 1_024 * 1_000_000_000).div_ceil(777_777) + 1_000);
    assert_eq!(at, exact.collect::<Vec<_>>());
    assert_eq!(at, [1_317_573, 2_634_146, 3_950_719, 5_267_291]);
}
