//! The loss models against their closed formulas, over 50 seeds each.

use crate::statistics::{assert_law, binomial, seeds};
use crate::verdicts;
use netem_rs::{Instant, Link, LinkConfig, Loss, Seed};

const PACKETS: u64 = 20_000;

fn path(loss: Loss) -> LinkConfig {
    LinkConfig { loss, ..LinkConfig::default() }
}

fn ratio(lost: &[bool]) -> f64 {
    lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64
}

/// Lengths of the runs of losses that begin and end within.
fn bursts(lost: &[bool]) -> Vec<f64> {
    let mut lengths = Vec::new();
    let mut run = 0.0;
    for lost in lost {
        if *lost {
            run += 1.0;
        } else if run > 0.0 {
            lengths.push(run);
            run = 0.0;
        }
    }
    lengths
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn iid_loses_p_in_bursts_of_one_over_one_minus_p() {
    for p in [0.01, 0.05, 0.3] {
        let runs: Vec<_> = seeds().map(|seed| verdicts(&path(Loss::Iid { p }), seed, PACKETS)).collect();
        let ratios: Vec<f64> = runs.iter().map(|run| ratio(run)).collect();
        assert_law(&format!("iid {p}"), &ratios, p, binomial(p, PACKETS));

        // Runs are geometric: mean 1/(1-p), variance p/(1-p)²; there are n·p·(1-p) of them.
        let lengths: Vec<f64> = runs.iter().map(|run| mean(&bursts(run))).collect();
        let error = (p / (1.0 - p).powi(2) / (PACKETS as f64 * p * (1.0 - p))).sqrt();
        assert_law(&format!("bursts of iid {p}"), &lengths, 1.0 / (1.0 - p), error);
    }
}

#[test]
fn gilbert_has_the_stated_mean_and_burst() {
    for (loss, burst) in [(0.01, 2.0), (0.02, 3.0), (0.05, 4.0), (0.1, 5.0), (0.3, 10.0)] {
        let config = path(Loss::Gilbert { mean: loss, burst });
        let runs: Vec<_> = seeds().map(|seed| verdicts(&config, seed, PACKETS)).collect();
        let n = PACKETS as f64;

        // The ratio of a two-state chain has variance L(1-L)/n · (1+λ)/(1-λ), λ = 1-p-r its second eigenvalue.
        let (p, r) = (loss / ((1.0 - loss) * burst), 1.0 / burst);
        let eigenvalue = 1.0 - p - r;
        let error = (loss * (1.0 - loss) / n * (1.0 + eigenvalue) / (1.0 - eigenvalue)).sqrt();
        let ratios: Vec<f64> = runs.iter().map(|run| ratio(run)).collect();
        assert_law(&format!("gilbert {loss}/{burst}"), &ratios, loss, error);

        // Bursts are geometric with success r: mean B, variance B(B-1); a run of n packets has n·L/B of them.
        let lengths: Vec<f64> = runs.iter().map(|run| mean(&bursts(run))).collect();
        let error = (burst * (burst - 1.0) / (n * loss / burst)).sqrt();
        assert_law(&format!("bursts of gilbert {loss}/{burst}"), &lengths, burst, error);
    }
}

#[test]
fn gilbert_elliott_loses_h_in_the_bad_state_and_k_in_the_good() {
    for (p, r, h, k) in [(0.01, 0.3, 0.9, 0.001), (0.05, 0.25, 0.5, 0.0), (0.02, 0.1, 1.0, 0.02)] {
        let config = path(Loss::GilbertElliott { p, r, h, k });
        let ratios: Vec<f64> = seeds().map(|seed| ratio(&verdicts(&config, seed, PACKETS))).collect();
        let bad = p / (p + r);
        let expected = h * bad + k * (1.0 - bad);
        assert!((config.loss.ratio() - expected).abs() < 1e-12);

        // Var = [L(1-L) + 2(h-k)²·π_B·π_G·λ/(1-λ)] / n: the states are correlated by λ^lag, the draws are not.
        let eigenvalue = 1.0 - p - r;
        let covariance = 2.0 * (h - k).powi(2) * bad * (1.0 - bad) * eigenvalue / (1.0 - eigenvalue);
        let error = ((expected * (1.0 - expected) + covariance) / PACKETS as f64).sqrt();
        assert_law(&format!("ge {p} {r} {h} {k}"), &ratios, expected, error);
    }
}

#[test]
fn gilbert_is_gilbert_elliott_with_all_and_nothing() {
    let (mean, burst) = (0.1, 5.0);
    let full = Loss::GilbertElliott { p: mean / ((1.0 - mean) * burst), r: 1.0 / burst, h: 1.0, k: 0.0 };
    // P(lost | the last was lost) = 1-r in both; a chain of its own draws, so by statistics and not by packets.
    let again = |loss: Loss| -> Vec<f64> {
        seeds()
            .map(|seed| {
                let lost = verdicts(&path(loss.clone()), seed, PACKETS);
                let pairs = lost.windows(2).filter(|pair| pair[0]).count() as f64;
                lost.windows(2).filter(|pair| pair[0] && pair[1]).count() as f64 / pairs
            })
            .collect()
    };
    let error = binomial(1.0 - 1.0 / burst, (PACKETS as f64 * mean) as u64);
    assert_law("gilbert", &again(Loss::Gilbert { mean, burst }), 0.8, error);
    assert_law("ge", &again(full), 0.8, error);
}

#[test]
fn certain_and_impossible_losses_are_exact() {
    let seed = Seed::new(1);
    assert_eq!(ratio(&verdicts(&path(Loss::Iid { p: 1.0 }), seed, 5_000)), 1.0);
    for never in [
        Loss::None,
        Loss::Iid { p: 0.0 },
        Loss::Gilbert { mean: 0.0, burst: 3.0 },
        Loss::GilbertElliott { p: 0.0, r: 0.0, h: 1.0, k: 0.0 },
    ] {
        assert_eq!(ratio(&verdicts(&path(never.clone()), seed, 5_000)), 0.0, "{never:?}");
    }
}

#[test]
fn a_short_flow_has_the_stated_mean_too() {
    // A chain that began in the good state would lose far less in its first packets.
    let config = path(Loss::Gilbert { mean: 0.2, burst: 20.0 });
    let first = (0..5_000).filter(|seed| verdicts(&config, Seed::new(*seed), 1)[0]).count();
    let error = binomial(0.2, 5_000) * 5_000.0;
    assert!((first as f64 - 1_000.0).abs() < 4.0 * error, "{first}");
}

#[test]
fn a_change_of_conditions_never_seeds_again() {
    // The same conditions applied before every packet change nothing; neither does a change of another stage.
    let config = path(Loss::Gilbert { mean: 0.1, burst: 4.0 });
    let seed = Seed::new(3);
    let undisturbed = verdicts(&config, seed, 2_000);

    let mut link = Link::new(config.clone(), seed);
    let mut lost = vec![true; 2_000];
    let mut arrived = Vec::new();
    for number in 0..2_000_u64 {
        let now = Instant::from_micros(number);
        let other = LinkConfig { duplicate: if number % 2 == 0 { 0.5 } else { 0.0 }, ..config.clone() };
        link.apply(now, other);
        link.handle_packet(now, crate::Probe { number, bytes: 100, class: 0 });
        arrived.extend(std::iter::from_fn(|| link.poll_output()));
    }
    arrived.iter().for_each(|delivery| lost[delivery.item.number as usize] = false);
    assert_eq!(lost, undisturbed);
    assert!(link.report().totals().duplicated > 100);
}

#[test]
fn stages_and_links_draw_from_streams_of_their_own() {
    let loss = Loss::Iid { p: 0.1 };
    let alone = verdicts(&path(loss.clone()), Seed::new(5), 1_000);
    let varied = LinkConfig {
        delay_variation: Some(netem_rs::DelayVariation::Uniform {
            max: std::time::Duration::from_millis(3),
            reordering: true,
        }),
        ..path(loss.clone())
    };
    assert_eq!(verdicts(&varied, Seed::new(5), 1_000), alone, "a further stage changes no verdict");
    assert_ne!(verdicts(&path(loss), Seed::new(6), 1_000), alone);
}
