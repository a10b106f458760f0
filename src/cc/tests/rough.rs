//! Feedback that is lost, overtaken or doubled; paths that lose, jitter, and fall silent; a flow that is the same twice.

use super::flow::{R_MAX, World, path};
use crate::clock::{Duration, Instant};
use netem::{Loss, OutageMode};

fn at(seconds: u64) -> Instant {
    Instant::from_secs(seconds)
}

fn flow_with(fate: impl FnMut(u64) -> Vec<Duration> + 'static) -> f64 {
    let mut world = World::new(5, path(1_000_000), path(10_000_000));
    world.fate = Box::new(fate);
    world.flow(0, at(0));
    world.run(at(40));
    world.mean(0, 30, 40) / 1e6
}

#[test]
fn feedback_that_is_lost_late_or_twice_does_not_break_the_rate() {
    let ms = Duration::from_millis;
    let cases: [(&str, f64); 3] = [
        ("every eighth lost", flow_with(|n| if n % 8 == 0 { vec![] } else { vec![Duration::ZERO] })),
        ("every fifth late", flow_with(move |n| vec![if n % 5 == 0 { ms(250) } else { ms(0) }])),
        ("all twice", flow_with(move |_| vec![ms(0), ms(30)])),
    ];
    for (what, used) in cases {
        assert!((0.7..=1.05).contains(&used), "{what}: {used} of the path is used");
    }
}

#[test]
fn losses_of_a_tenth_and_more_lower_the_rate_and_few_do_not() {
    let used = |loss: f64| {
        let mut config = path(10_000_000);
        config.loss = Loss::Iid { p: loss };
        let mut world = World::new(5, config, path(10_000_000));
        world.flow(0, at(0));
        world.run(at(60));
        world.mean(0, 40, 60) / (1.0 - loss)
    };
    let (clean, few, many) = (used(0.0), used(0.01), used(0.15));
    assert!(clean > 0.9 * R_MAX && few > 0.9 * R_MAX, "{clean}, {few}");
    assert!(many < 0.5 * R_MAX, "{many}");
}

#[test]
fn jitter_alone_keeps_no_flow_from_a_wide_path() {
    let mut config = path(20_000_000);
    config.delay_variation = Some(netem::DelayVariation::Gaussian {
        sd: Duration::from_millis(10),
        max: Duration::from_millis(30),
        reordering: true,
    });
    let mut world = World::new(5, config, path(10_000_000));
    world.flow(0, at(0));
    world.run(at(30));
    assert!(world.mean(0, 20, 30) > 0.85 * R_MAX, "{}", world.mean(0, 20, 30));
}

#[test]
fn a_path_that_falls_silent_is_sent_less_and_used_again_afterwards() {
    let mut world = World::new(5, path(2_000_000), path(2_000_000));
    world.flow(0, at(0));
    world.run(at(20));
    let before = world.flows[0].sender.estimate();
    world.paths[0].set_outage(world.now, Some(OutageMode::Drop));
    world.run(at(35));
    let within = world.flows[0].sender.estimate();
    assert!(within.bps() < before.bps() / 5, "{within} after {before}");
    world.paths[0].set_outage(world.now, None);
    world.run(at(60));
    assert!(world.mean(0, 50, 60) > 0.8 * R_MAX, "{}", world.mean(0, 50, 60));
}

#[test]
fn probes_find_a_wide_path_within_two_seconds() {
    let mut world = World::new(5, path(10_000_000), path(10_000_000));
    world.flow(0, at(0));
    world.run(at(2));
    assert!(world.flows[0].sender.estimate().bps() > 1_400_000, "{}", world.flows[0].sender.estimate());
    assert!(world.flows[0].paddings > 0);
}

#[test]
fn a_flow_tells_the_same_story_twice() {
    let story = || {
        let mut world = World::new(9, path(1_000_000), path(1_000_000));
        world.flow(0, at(0));
        world.flow(1, at(3));
        world.run(at(20));
        world.flows.iter().map(|flow| (flow.sent.clone(), flow.estimates.clone())).collect::<Vec<_>>()
    };
    assert_eq!(story(), story());
}

#[test]
fn a_receivers_own_limit_is_kept() {
    let mut world = World::new(5, path(10_000_000), path(10_000_000));
    world.flow(0, at(0));
    world.run(at(5));
    world.flows[0].sender.handle_remb(crate::units::Bitrate(400_000));
    world.run(at(10));
    assert!(world.sent(0, 9) < 450e3);
}
