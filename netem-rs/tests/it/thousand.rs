//! The first 1,000 verdicts of every model from one seed, as a digest: the same on every machine and in every build.

use crate::{flow, verdicts};
use netem_rs::{
    CoDel, DelayTable, DelayVariation, FqCoDel, LinkConfig, Loss, LossTrace, Mahimahi, Pie, QueueLimit, QueuePolicy,
    RatePlan, RatePoint, Red, Reorder, Seed, Serialiser, SlotGap, Slots,
};
use sha2::{Digest, Sha256};
use std::time::Duration;

const COUNT: u64 = 1_000;

fn seed() -> Seed {
    Seed::new(2_026).child("golden")
}

/// The first 64 bits of a SHA-256, in hexadecimal.
fn digest(bytes: impl IntoIterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().collect();
    Sha256::digest(&bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One byte a packet: `x` for a loss, `.` otherwise.
fn losses(loss: Loss) -> String {
    let lost = verdicts(&LinkConfig { loss, ..LinkConfig::default() }, seed(), COUNT);
    digest(lost.into_iter().map(|lost| if lost { b'x' } else { b'.' }))
}

/// Number and nanosecond of each arrival, packets 1 ms apart.
fn arrivals(config: &LinkConfig) -> String {
    let out = flow(config, seed(), COUNT, Duration::from_millis(1));
    digest(out.into_iter().flat_map(|(number, at)| [number, at.as_nanos()]).flat_map(u64::to_le_bytes))
}

/// All differences at once, so that a new model's digests can be read off.
fn assert_digests(digests: &[(&str, String, &str)]) {
    let wrong: Vec<String> = digests
        .iter()
        .filter(|(_, digest, expected)| digest != expected)
        .map(|(name, digest, expected)| format!("{name}: {digest}, expected {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn losses_are_as_digested() {
    let models = [
        ("iid", Loss::Iid { p: 0.2 }, "2fcc7ae347207d31"),
        ("gilbert", Loss::Gilbert { mean: 0.2, burst: 4.0 }, "ac2fa3d282e2cbed"),
        ("gilbert-elliott", Loss::GilbertElliott { p: 0.1, r: 0.3, h: 0.8, k: 0.05 }, "298243c0aae6c219"),
        ("four states", Loss::FourState { p13: 0.05, p31: 0.3, p32: 0.2, p23: 0.5, p14: 0.02 }, "8ee9b9c93c7f049b"),
        ("on-off", Loss::OnOff { good: Duration::from_micros(40), bad: Duration::from_micros(10) }, "ee7139d85d717530"),
        ("trace", Loss::Trace(LossTrace::new((0..90).map(|number| number % 13 < 2))), "2138034806e4017e"),
        ("nth", Loss::Nth { n: 9 }, "63953979f749f945"),
    ];
    assert_digests(&models.map(|(name, model, expected)| (name, losses(model), expected)));
}

#[test]
fn what_happens_in_flight_is_as_digested() {
    let (sd, max) = (Duration::from_millis(5), Duration::from_millis(20));
    let path = LinkConfig { delay: Duration::from_millis(30), ..LinkConfig::default() };
    let varied = |variation: DelayVariation| LinkConfig { delay_variation: Some(variation), ..path.clone() };
    let correlated = |variation: DelayVariation| LinkConfig { delay_correlation: 0.6, ..varied(variation) };
    let table = || DelayTable::new((-40..200).map(|value| value * 100));
    let slots = |gap: SlotGap| LinkConfig { slots: Some(Slots { gap, packets: Some(4), bytes: None }), ..path.clone() };
    let (reordering, ms) = (true, Duration::from_millis);
    let digests = [
        ("constant", path.clone(), "c8bfb8e05e12814d"),
        ("folded normal", varied(DelayVariation::Gaussian { sd, max, reordering }), "551ed81be6971d17"),
        ("uniform", varied(DelayVariation::Uniform { max, reordering }), "f0a4cb425f3799ed"),
        ("normal", varied(DelayVariation::Normal { sd, max, reordering }), "f63e252900bb5a6e"),
        ("pareto", varied(DelayVariation::Pareto { sd, max, reordering }), "1819c95ebfc27c5f"),
        ("paretonormal", varied(DelayVariation::ParetoNormal { sd, max, reordering }), "d5a8cac157c6d8d4"),
        ("table", varied(DelayVariation::Table { table: table(), sd, reordering }), "29f1c9a52fee06ec"),
        ("correlated folded normal", correlated(DelayVariation::Gaussian { sd, max, reordering }), "78286199be444997"),
        ("correlated uniform", correlated(DelayVariation::Uniform { max, reordering }), "3518d847eb3edec9"),
        ("correlated normal", correlated(DelayVariation::Normal { sd, max, reordering }), "17245584338fe2fa"),
        ("correlated pareto", correlated(DelayVariation::Pareto { sd, max, reordering }), "7f9cd55938e8d853"),
        (
            "correlated paretonormal",
            correlated(DelayVariation::ParetoNormal { sd, max, reordering }),
            "11822b1e8f92959e",
        ),
        ("correlated table", correlated(DelayVariation::Table { table: table(), sd, reordering }), "efc1106c9041759a"),
        ("uniform slots", slots(SlotGap::Uniform { min: ms(1), max: ms(6) }), "414c75a8b5b2606d"),
        ("slots by a table", slots(SlotGap::Table { table: table(), delay: ms(4), sd: ms(1) }), "80b086e905bf07a6"),
        (
            "reordering",
            LinkConfig { reorder: Some(Reorder { ratio: 0.1, by: ms(5) }), ..path.clone() },
            "02381eab66c36817",
        ),
        ("duplication", LinkConfig { duplicate: 0.1, ..path.clone() }, "f377810f68d4fa3f"),
    ];
    assert_digests(&digests.map(|(name, config, expected)| (name, arrivals(&config), expected)));
}

#[test]
fn queues_are_as_digested() {
    // 128 bytes every millisecond are 1,024 kbit/s into 600.
    let path =
        |policy| LinkConfig { rate: Some(600_000), queue: QueueLimit::Packets(200), policy, ..LinkConfig::default() };
    let red = |gentle| {
        let (min, max, probability, weight) = (2_000, 6_000, 0.1, 0.02);
        QueuePolicy::Red(Red { min, max, probability, weight, packet: 100, gentle, ecn: false })
    };
    let digests = [
        ("drop tail", path(QueuePolicy::DropTail), "e150ac2995a74d12"),
        ("drop head", path(QueuePolicy::DropHead), "73130a16b297a188"),
        ("codel", path(QueuePolicy::CoDel(CoDel::default())), "b2328c4c6fe9718a"),
        ("fq-codel", path(QueuePolicy::FqCoDel(FqCoDel::default())), "f167973355181259"),
        ("pie", path(QueuePolicy::Pie(Pie::default())), "3e950934561c69a1"),
        ("red", path(red(false)), "a472e417eca94dbd"),
        ("gentle red", path(red(true)), "439ad809ba44f414"),
    ];
    assert_digests(&digests.map(|(name, config, expected)| (name, arrivals(&config), expected)));
}

#[test]
fn serialisers_are_as_digested() {
    let ms = Duration::from_millis;
    let path =
        |rate, serialiser| LinkConfig { rate, serialiser, queue: QueueLimit::Packets(100), ..LinkConfig::default() };
    let plan = |ramp| {
        let points = [(0, 2_000_000, ramp), (300, 400_000, ramp), (700, 900_000, false)];
        let points = points.map(|(at, rate, ramp)| RatePoint { at: ms(at), rate, ramp });
        Serialiser::Plan { plan: RatePlan::new(&points, Some(ms(900))).unwrap(), phase: ms(50) }
    };
    let trace = |phase| {
        let trace = Mahimahi::parse("0\n1\n1\n9\n40\n41\n41\n60\n").unwrap();
        Serialiser::Trace { trace, phase }
    };
    let digests = [
        ("steady", path(Some(900_000), Serialiser::Steady), "e701d718218c5a68"),
        ("steps", path(None, plan(false)), "ccad6f61a7317b27"),
        ("ramps", path(None, plan(true)), "801d6b93ac9cd9a9"),
        ("mahimahi", path(None, trace(Some(ms(7)))), "b2906d00c7a999d9"),
        ("mahimahi at its own phase", path(None, trace(None)), "9164bcd86905c92c"),
        ("bucket", path(Some(900_000), Serialiser::TokenBucket { burst: 9_000, peak: None }), "c553c9a6d65756ec"),
        (
            "peaked bucket",
            path(Some(900_000), Serialiser::TokenBucket { burst: 9_000, peak: Some(2_000_000) }),
            "d9fe1619e700c9e0",
        ),
    ];
    assert_digests(&digests.map(|(name, config, expected)| (name, arrivals(&config), expected)));
}
