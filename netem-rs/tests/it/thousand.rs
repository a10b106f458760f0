//! The first 1,000 verdicts of every model from one seed, as a digest: the same on every machine and in every build.

use crate::verdicts;
use netem_rs::{LinkConfig, Loss, LossTrace, Seed};
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
