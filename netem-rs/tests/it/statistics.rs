//! How a claim about a probability is judged over seeds.

use netem_rs::Seed;

/// Independent runs of every law.
pub(crate) const SEEDS: u64 = 50;

pub(crate) fn seeds() -> impl Iterator<Item = Seed> {
    (0..SEEDS).map(|number| Seed::new(9_000 + number))
}

/// Asserts that 50 estimates with this expectation and standard error look like it: each within 4.5 standard errors
/// (chance of one outside: 3e-4), at least 42 within 1.96 (expected 47.5; chance of fewer: 4e-3), and their mean within
/// 4 of its own (chance 6e-5). The seeds are fixed, so a law that holds once holds always.
pub(crate) fn assert_law(what: &str, estimates: &[f64], expected: f64, standard_error: f64) {
    assert_eq!(estimates.len() as u64, SEEDS);
    let scores: Vec<f64> = estimates.iter().map(|estimate| (estimate - expected) / standard_error).collect();
    let worst = scores.iter().copied().fold(0.0_f64, |worst, score| worst.max(score.abs()));
    let inside = scores.iter().filter(|score| score.abs() <= 1.96).count();
    let mean = estimates.iter().sum::<f64>() / SEEDS as f64;
    let pooled = (mean - expected) / (standard_error / (SEEDS as f64).sqrt());
    let facts =
        format!("{what}: expected {expected}, mean {mean}, worst {worst:.2}, inside {inside}, pooled {pooled:.2}");
    assert!(worst <= 4.5 && inside >= 42 && pooled.abs() <= 4.0, "{facts}");
}

/// Standard error of a ratio of `n` independent trials.
pub(crate) fn binomial(p: f64, n: u64) -> f64 {
    (p * (1.0 - p) / n as f64).sqrt()
}
