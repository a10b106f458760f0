//! RFC 8867 §5.1 to §5.4.

use super::flow::{R_MAX, World, path};
use crate::cc::jain;
use crate::clock::{Duration, Instant};

fn at(seconds: u64) -> Instant {
    Instant::from_secs(seconds)
}

/// Runs through a schedule of the forward path.
fn run(world: &mut World, schedule: &[(u64, u64)], end: u64) {
    for &(from, rate) in schedule {
        world.run(at(from));
        world.step(0, rate);
    }
    world.run(at(end));
}

/// Seconds from a step until what flow `index` sends in one of them lies within 0.8 and 1.05 of what it may.
fn reached(world: &World, index: usize, from: u64, to: u64, may: f64) -> Option<u64> {
    let within = |second: u64| (0.8..=1.05).contains(&(world.sent(index, second as usize) / may));
    (from..to).find(|&second| within(second)).map(|second| second + 1 - from)
}

#[test]
fn case_5_1_one_flow_follows_a_capacity_that_changes() {
    let steps = [(0, 1_000_000), (40, 2_500_000), (60, 600_000), (80, 1_000_000)];
    for seed in 1..=2 {
        let mut world = World::new(seed, path(1_000_000), path(10_000_000));
        world.flow(0, at(0));
        run(&mut world, &steps, 100);
        for (index, &(from, rate)) in steps.iter().enumerate() {
            let to = steps.get(index + 1).map_or(100, |(next, _)| *next);
            // R_max is the encoder's: with the headers of its packets a little more.
            let may = (rate as f64).min(R_MAX * 1.03);
            let found = reached(&world, 0, from, to, may);
            assert!(found.is_some_and(|seconds| seconds <= 10), "seed {seed}, step at {from} s: {found:?}");
            let stays = world.mean(0, from as usize + 10, to as usize) / may;
            assert!((0.8..=1.05).contains(&stays), "seed {seed}, after the step at {from} s: {stays}");
        }
    }
}

#[test]
fn case_5_2_two_flows_share_a_capacity_that_changes() {
    let steps = [(0, 4_000_000), (25, 2_000_000), (50, 3_500_000), (75, 1_000_000), (100, 2_000_000)];
    let mut world = World::new(2, path(4_000_000), path(10_000_000));
    world.flow(0, at(0));
    world.flow(0, at(0));
    run(&mut world, &steps, 125);
    for (index, &(from, rate)) in steps.iter().enumerate() {
        let to = steps.get(index + 1).map_or(125, |(next, _)| *next) as usize;
        let (first, second) = (world.mean(0, to - 10, to), world.mean(1, to - 10, to));
        let may = (rate as f64).min(2.0 * R_MAX);
        let used = (first + second) / may;
        assert!((0.75..=1.05).contains(&used), "from {from} s on {used} of it is used");
        assert!(jain(&[first, second]) > 0.85, "from {from} s on {first} beside {second}");
    }
}

#[test]
fn case_5_3_a_full_way_back_slows_no_flow_for_long() {
    let forward = [(0, 2_000_000), (20, 1_000_000), (40, 500_000), (60, 2_000_000)];
    let back = [(0, 2_000_000), (35, 800_000), (70, 2_000_000)];
    let mut world = World::new(3, path(2_000_000), path(2_000_000));
    world.flow(0, at(0));
    world.flow(1, at(0));
    let mut steps: Vec<_> = forward.iter().map(|step| (0, *step)).chain(back.iter().map(|step| (1, *step))).collect();
    steps.sort_by_key(|(_, (at, _))| *at);
    for (path, (from, rate)) in steps {
        world.run(at(from));
        world.step(path, rate);
    }
    world.run(at(100));
    for (flow, from, to, rate) in [(0, 30, 40, 1e6), (0, 50, 60, 0.5e6), (0, 90, 100, R_MAX), (1, 60, 70, 0.8e6)] {
        let used = world.mean(flow, from, to) / rate;
        assert!((0.75..=1.05).contains(&used), "flow {flow} uses {used} before {to} s");
    }
    let late: Vec<_> = world.waited[90..].iter().map(|waited| waited[0].max(waited[1])).collect();
    assert!(late.iter().all(|waited| *waited < Duration::from_millis(150)), "{late:?}");
}

#[test]
fn case_5_4_three_flows_that_came_one_after_another_share_fairly() {
    for seed in 1..=2 {
        let mut world = World::new(seed, path(3_500_000), path(10_000_000));
        [0, 20, 40].into_iter().for_each(|from| world.flow(0, at(from)));
        world.run(at(120));
        let means: Vec<f64> = (0..3).map(|index| world.mean(index, 100, 120)).collect();
        let fairness = jain(&means);
        assert!(fairness >= 0.9, "seed {seed}: {fairness} of {means:?}");
        let used = means.iter().sum::<f64>() / 3.5e6;
        assert!((0.8..=1.05).contains(&used), "seed {seed}: {used}");
    }
}
