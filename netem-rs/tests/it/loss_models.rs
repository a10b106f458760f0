//! Four states, bursts in time, recorded losses and every n-th packet against their closed formulas.

use crate::statistics::{assert_law, binomial, seeds};
use crate::{chains, flow, verdicts};
use netem_rs::{Instant, Link, LinkConfig, Loss, LossTrace, Seed};
use rand::Rng;
use std::time::Duration;

const PACKETS: u64 = 20_000;

fn path(loss: Loss) -> LinkConfig {
    LinkConfig { loss, ..LinkConfig::default() }
}

fn ratio(lost: &[bool]) -> f64 {
    lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64
}

/// Mean length of the runs of losses.
fn burst(lost: &[bool]) -> f64 {
    let starts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(lost[0]);
    lost.iter().filter(|lost| **lost).count() as f64 / starts as f64
}

fn lost_at(config: &LinkConfig, seed: Seed, gap: Duration) -> Vec<bool> {
    let mut lost = vec![true; PACKETS as usize];
    flow(config, seed, PACKETS, gap).iter().for_each(|(number, _)| lost[*number as usize] = false);
    lost
}

#[test]
fn four_states_lose_what_their_equilibrium_says() {
    for [p13, p31, p32, p23, p14] in
        [[0.02, 0.25, 0.2, 0.4, 0.01], [0.1, 0.5, 0.5, 0.3, 0.0], [0.0, 0.3, 0.3, 0.3, 0.05]]
    {
        let loss = Loss::FourState { p13, p31, p32, p23, p14 };
        let chain = chains::four([p13, p31, p32, p23, p14]);
        // π₃ = π₁·p13/p31, π₂ = π₃·p32/p23, π₄ = π₁·p14.
        let gap = 1.0 / (1.0 + p13 / p31 * (1.0 + p32 / p23) + p14);
        let expected = gap * (p13 / p31 + p14);
        assert!((loss.ratio() - expected).abs() < 1e-12);
        let ratios: Vec<f64> = seeds().map(|seed| ratio(&verdicts(&path(loss.clone()), seed, PACKETS))).collect();
        assert_law(&format!("{loss:?}"), &ratios, expected, chains::ratio_error(&chain, &chains::LOST, PACKETS));
    }
}

#[test]
fn losses_in_a_burst_of_four_states_come_one_over_p31_and_p32_at_a_time() {
    let (p13, p31, p32, p23, p14) = (0.02, 0.15, 0.1, 0.4, 0.0);
    let loss = Loss::FourState { p13, p31, p32, p23, p14 };
    // Runs in state 3 are geometric with success p31+p32; there are n·π₃·(p31+p32) of them.
    let leave: f64 = p31 + p32;
    let mean = 1.0 / leave;
    let runs = PACKETS as f64 * loss.ratio() * leave;
    let lengths: Vec<f64> = seeds().map(|seed| burst(&verdicts(&path(loss.clone()), seed, PACKETS))).collect();
    assert_law("bursts of four states", &lengths, mean, (mean * (mean - 1.0) / runs).sqrt());
    // A loss on its own is alone.
    let alone = Loss::FourState { p13: 0.0, p31: 1.0, p32: 0.0, p23: 1.0, p14: 0.1 };
    assert_eq!(burst(&verdicts(&path(alone), Seed::new(1), PACKETS)), 1.0);
}

#[test]
fn gilbert_is_four_states_without_the_other_two() {
    // p13 = p, p31 = r: lost again with 1-r. In tc-netem `loss state p13 p31` is the same model.
    let loss = Loss::FourState { p13: 0.05, p31: 0.25, p32: 0.0, p23: 1.0, p14: 0.0 };
    assert!((loss.ratio() - 0.05 / 0.3).abs() < 1e-12);
    let again: Vec<f64> = seeds()
        .map(|seed| {
            let lost = verdicts(&path(loss.clone()), seed, PACKETS);
            let pairs = lost.windows(2).filter(|pair| pair[0]).count() as f64;
            lost.windows(2).filter(|pair| pair[0] && pair[1]).count() as f64 / pairs
        })
        .collect();
    assert_law("lost again", &again, 0.75, binomial(0.75, (PACKETS as f64 * loss.ratio()) as u64));
}

#[test]
fn a_path_bad_for_a_time_is_as_bad_at_every_packet_rate() {
    let (good, bad) = (Duration::from_millis(950), Duration::from_millis(50));
    let loss = Loss::OnOff { good, bad };
    let share: f64 = 0.05;
    assert!((loss.ratio() - share).abs() < 1e-12);
    for gap in [Duration::from_millis(2), Duration::from_millis(20), Duration::from_millis(400)] {
        // Looked at every `gap`, it is a chain of two states whose second eigenvalue is exp(-gap·(1/good + 1/bad)).
        let rate = 1.0 / good.as_secs_f64() + 1.0 / bad.as_secs_f64();
        let eigenvalue = (-gap.as_secs_f64() * rate).exp();
        let n = PACKETS as f64;
        let error = (share * (1.0 - share) / n * (1.0 + eigenvalue) / (1.0 - eigenvalue)).sqrt();
        let runs: Vec<_> = seeds().map(|seed| lost_at(&path(loss.clone()), seed, gap)).collect();
        assert_law(&format!("bad every {gap:?}"), &runs.iter().map(|run| ratio(run)).collect::<Vec<_>>(), share, error);
        // It stays bad with π + (1-π)·eigenvalue, so a burst has 1/(1-that) packets: `bad`/`gap` when that is long.
        let mean = 1.0 / (1.0 - share - (1.0 - share) * eigenvalue);
        let error = (mean * (mean - 1.0) / (n * share / mean)).sqrt();
        let lengths: Vec<f64> = runs.iter().map(|run| burst(run)).collect();
        assert_law(&format!("bursts every {gap:?}"), &lengths, mean, error);
    }
}

#[test]
fn a_trace_repeats_bit_for_bit_and_the_nth_is_the_nth() {
    let bits: Vec<bool> = (0..150).map(|number| number % 7 == 3 || number > 140).collect();
    let trace = LossTrace::new(bits.iter().copied());
    let lost = verdicts(&path(Loss::Trace(trace.clone())), Seed::new(1), 1_000);
    assert!(lost.iter().zip(bits.iter().cycle()).all(|(lost, bit)| lost == bit));
    assert_eq!(Loss::Trace(trace).ratio(), bits.iter().filter(|bit| **bit).count() as f64 / 150.0);

    for n in [1, 3, 50] {
        let lost = verdicts(&path(Loss::Nth { n }), Seed::new(1), 1_000);
        assert!(lost.iter().zip(1..).all(|(lost, place)| *lost == (place % n == 0)), "every {n}");
    }
}

#[test]
fn a_change_of_conditions_leaves_the_chains_where_they_are() {
    let models = [
        Loss::FourState { p13: 0.02, p31: 0.25, p32: 0.2, p23: 0.4, p14: 0.01 },
        Loss::OnOff { good: Duration::from_micros(50), bad: Duration::from_micros(9) },
        Loss::Trace(LossTrace::new((0..100).map(|number| number % 9 < 2))),
        Loss::Nth { n: 7 },
    ];
    for loss in models {
        let undisturbed = verdicts(&path(loss.clone()), Seed::new(3), 2_000);
        let mut link = Link::new(path(loss.clone()), Seed::new(3));
        let mut lost = vec![true; 2_000];
        for number in 0..2_000_u64 {
            let now = Instant::from_micros(number);
            link.apply(now, path(loss.clone()));
            link.handle_packet(now, crate::Probe { number, bytes: 100, class: 0 });
            std::iter::from_fn(|| link.poll_output()).for_each(|at| lost[at.item.number as usize] = false);
        }
        assert_eq!(lost, undisturbed, "{loss:?}");
    }
}

#[test]
fn a_chain_that_is_caught_stays_caught() {
    for (p13, p31, p32, p23, p14, expected) in
        [(0.1, 0.0, 0.0, 0.5, 0.0, 1.0), (0.1, 0.2, 0.3, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)]
    {
        let loss = Loss::FourState { p13, p31, p32, p23, p14 };
        assert_eq!(loss.ratio(), expected);
        assert_eq!(ratio(&verdicts(&path(loss), Seed::new(4), 2_000)), expected);
    }
}

/// The numbers in [0, 1) that a link's loss stage draws.
fn draws(seed: Seed) -> impl Iterator<Item = f64> {
    let mut rng = seed.child("loss").rng();
    std::iter::repeat_with(move || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)
}

#[test]
fn from_the_same_draws_sch_netem_comes_to_the_same_losses() {
    let seed = Seed::new(77);
    // `loss random P`: one draw a packet against the probability.
    let iid: Vec<bool> = draws(seed).take(PACKETS as usize).map(|draw| draw < 0.13).collect();
    assert_eq!(verdicts(&path(Loss::Iid { p: 0.13 }), seed, PACKETS), iid);

    // `loss gemodel`: the transition's draw first, then the loss's, judged in the state before the transition. The
    // first draw is ours: where the chain starts.
    let (p, r, h, k) = (0.1, 0.3, 0.8, 0.05);
    let mut numbers = draws(seed);
    let mut bad = numbers.next().unwrap() < p / (p + r);
    let ge: Vec<bool> = (0..PACKETS)
        .map(|_| {
            let (transition, loss) = (numbers.next().unwrap(), numbers.next().unwrap());
            let before = bad;
            if before {
                bad = transition >= r;
                loss < h
            } else {
                bad = transition < p;
                loss < k
            }
        })
        .collect();
    assert_eq!(verdicts(&path(Loss::GilbertElliott { p, r, h, k }), seed, PACKETS), ge);

    // `loss state`: one draw a packet against thresholds in the order p14, p13 · p23 · p32, p31; states 3 and 4 lose.
    let (p13, p31, p32, p23, p14) = (0.05, 0.3, 0.2, 0.5, 0.02);
    let gap = 1.0 / (1.0 + p13 / p31 * (1.0 + p32 / p23) + p14);
    let mut numbers = draws(seed);
    let start = numbers.next().unwrap();
    let shares = [gap, gap * p13 / p31 * p32 / p23, gap * p13 / p31];
    let mut state = 1 + (0..3).filter(|upto| start >= shares[..=*upto].iter().sum::<f64>()).count();
    let four: Vec<bool> = numbers
        .take(PACKETS as usize)
        .map(|draw| {
            state = match state {
                1 if draw < p14 => 4,
                1 if draw < p14 + p13 => 3,
                1 => 1,
                2 if draw < p23 => 3,
                2 => 2,
                3 if draw < p32 => 2,
                3 if draw < p32 + p31 => 1,
                3 => 3,
                _ => 1,
            };
            state >= 3
        })
        .collect();
    assert_eq!(verdicts(&path(Loss::FourState { p13, p31, p32, p23, p14 }), seed, PACKETS), four);
}
