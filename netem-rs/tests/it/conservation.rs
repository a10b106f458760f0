//! Laws under arbitrary operations: nothing appears or vanishes, and how often a link is ticked changes nothing.

use crate::Probe;
use netem_rs::{
    CLASSES, CoDel, DelayTable, DelayVariation, FqCoDel, Instant, Link, LinkConfig, Loss, LossTrace, Mahimahi,
    OutageMode, Pie, QueueLimit, QueuePolicy, RatePlan, RatePoint, Red, Reorder, Seed, Serialiser, SlotGap, Slots,
};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Operation {
    Packet { bytes: usize, class: usize },
    Pass { bytes: usize, class: usize },
    Apply(Box<LinkConfig>),
    Outage(Option<OutageMode>),
    Tick,
}

fn micros(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_micros)
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::None),
        (0.0..=1.0).prop_map(|p| Loss::Iid { p }),
        (0.0..0.5, 1.0..10.0).prop_map(|(mean, burst)| Loss::Gilbert { mean, burst }),
        (0.0..=1.0, 0.0..=1.0, 0.0..=1.0, 0.0..=1.0).prop_map(|(p, r, h, k)| Loss::GilbertElliott { p, r, h, k }),
        (0.0..0.5, 0.0..0.5, 0.0..0.5, 0.0..=1.0, 0.0..0.5).prop_map(|(p13, p31, p32, p23, p14)| Loss::FourState {
            p13,
            p31,
            p32,
            p23,
            p14
        }),
        (micros(1..50_000), micros(1..50_000)).prop_map(|(good, bad)| Loss::OnOff { good, bad }),
        prop::collection::vec(any::<bool>(), 1..200).prop_map(|bits| Loss::Trace(LossTrace::new(bits))),
        (1..9_u64).prop_map(|n| Loss::Nth { n }),
    ]
}

fn variation() -> impl Strategy<Value = DelayVariation> {
    let distribution = (0..6, micros(0..20_000), micros(0..20_000), any::<bool>());
    distribution.prop_map(|(kind, sd, max, reordering)| match kind {
        0 => DelayVariation::Gaussian { sd, max, reordering },
        1 => DelayVariation::Uniform { max, reordering },
        2 => DelayVariation::Pareto { sd, max, reordering },
        3 => DelayVariation::ParetoNormal { sd, max, reordering },
        4 => DelayVariation::Table { table: DelayTable::new([-9_000, 0, 3, 20_000]), sd, reordering },
        _ => DelayVariation::Normal { sd, max, reordering },
    })
}

/// In order whatever it was before.
fn in_order(variation: DelayVariation) -> DelayVariation {
    let reordering = false;
    match variation {
        DelayVariation::Gaussian { sd, max, .. } => DelayVariation::Gaussian { sd, max, reordering },
        DelayVariation::Uniform { max, .. } => DelayVariation::Uniform { max, reordering },
        DelayVariation::Normal { sd, max, .. } => DelayVariation::Normal { sd, max, reordering },
        DelayVariation::Pareto { sd, max, .. } => DelayVariation::Pareto { sd, max, reordering },
        DelayVariation::ParetoNormal { sd, max, .. } => DelayVariation::ParetoNormal { sd, max, reordering },
        DelayVariation::Table { table, sd, .. } => DelayVariation::Table { table, sd, reordering },
    }
}

fn slots() -> impl Strategy<Value = Slots> {
    let gap = (0..10_000_u64, 1..10_000_u64, any::<bool>()).prop_map(|(min, more, table)| {
        let delay = Duration::from_micros(min + more);
        if table {
            SlotGap::Table { table: DelayTable::new([-8_192, 0, 4_000, 30_000]), delay, sd: delay }
        } else {
            SlotGap::Uniform { min: Duration::from_micros(min), max: delay }
        }
    });
    let most = || proptest::option::of(1..9_u64);
    (gap, most(), proptest::option::of(1..3_000_u64)).prop_map(|(gap, packets, bytes)| Slots { gap, packets, bytes })
}

fn queue() -> impl Strategy<Value = QueueLimit> {
    prop_oneof![
        Just(QueueLimit::Unlimited),
        (1_500..20_000_u64).prop_map(QueueLimit::Bytes),
        (1..20_u64).prop_map(QueueLimit::Packets),
        micros(1..500_000).prop_map(QueueLimit::Time),
    ]
}

fn rates() -> impl Strategy<Value = u64> {
    prop_oneof![1_u64..100_000, 100_000_u64..1_000_000_000_000]
}

/// Steps and ramps, once or over and over.
fn plan() -> impl Strategy<Value = Serialiser> {
    let points = prop::collection::vec((1..300_000_u64, rates(), any::<bool>()), 1..5);
    (points, proptest::option::of(1..300_000_u64), 0..1_000_000_u64).prop_map(|(points, period, phase)| {
        let mut at = Duration::ZERO;
        let last = points.len() - 1;
        let points: Vec<RatePoint> = (points.into_iter().enumerate())
            .map(|(index, (gap, rate, ramp))| {
                let point = RatePoint { at, rate, ramp: ramp && index < last };
                at += Duration::from_micros(gap);
                point
            })
            .collect();
        let plan = RatePlan::new(&points, period.map(|more| at + Duration::from_micros(more))).unwrap();
        Serialiser::Plan { plan, phase: Duration::from_micros(phase) }
    })
}

fn trace() -> impl Strategy<Value = Serialiser> {
    let times = prop::collection::vec(0..300_u32, 1..20);
    (times, 1..3_000_u32, proptest::option::of(micros(0..1_000_000))).prop_map(|(mut times, bytes, phase)| {
        times.push(301);
        times.sort_unstable();
        let text: String = times.iter().map(|time| format!("{time}\n")).collect();
        Serialiser::Trace { trace: Mahimahi::parse(&text).unwrap().with_bytes(bytes), phase }
    })
}

/// A rate, where there is one beside it, and how it goes over time.
fn serialiser() -> impl Strategy<Value = (Option<u64>, Serialiser)> {
    let bucket = (rates(), 1_500..20_000_u64, proptest::option::of(rates()));
    prop_oneof![
        2 => Just((None, Serialiser::Steady)),
        4 => rates().prop_map(|rate| (Some(rate), Serialiser::Steady)),
        1 => bucket.prop_map(|(rate, burst, peak)| (Some(rate), Serialiser::TokenBucket { burst, peak })),
        1 => plan().prop_map(|plan| (None, plan)),
        1 => trace().prop_map(|trace| (None, trace)),
    ]
}

fn policy() -> impl Strategy<Value = QueuePolicy> {
    let span = || micros(1..30_000);
    let codel = || (span(), span(), any::<bool>()).prop_map(|(target, interval, ecn)| CoDel { target, interval, ecn });
    let red = (0..6_000_u64, 1..9_000_u64, 0.0..=1.0, 0.0..=1.0, any::<bool>(), any::<bool>());
    prop_oneof![
        2 => Just(QueuePolicy::DropTail),
        1 => Just(QueuePolicy::DropHead),
        1 => codel().prop_map(QueuePolicy::CoDel),
        1 => (codel(), 1..3_000_u32, 1..5_u32)
            .prop_map(|(codel, quantum, flows)| QueuePolicy::FqCoDel(FqCoDel { codel, quantum, flows })),
        1 => (span(), 100..30_000_u64, 0.0..20.0, 0.0..200.0, span(), any::<bool>()).prop_map(
            |(target, update, alpha, beta, burst, ecn)| {
                QueuePolicy::Pie(Pie { target, update: Duration::from_micros(update), alpha, beta, burst, ecn })
            }
        ),
        1 => red.prop_map(|(min, more, probability, weight, gentle, ecn)| {
            QueuePolicy::Red(Red { min, max: min + more, probability, weight, packet: 500, gentle, ecn })
        }),
    ]
}

fn config() -> impl Strategy<Value = LinkConfig> {
    let parts = (
        serialiser(),
        (queue(), policy()),
        0..100_usize,
        loss(),
        prop_oneof![Just(Duration::ZERO), micros(0..100_000)],
        proptest::option::of(variation()),
        proptest::option::of((0.0..=1.0, micros(1..50_000)).prop_map(|(ratio, by)| Reorder { ratio, by })),
        prop_oneof![Just(0.0), 0.0..=1.0],
        (prop_oneof![Just(0.0), 0.0..1.0], proptest::option::weighted(0.2, slots()), prop_oneof![Just(0.0), 0.0..=1.0]),
    );
    let config = parts.prop_map(
        |((rate, serialiser), (queue, policy), overhead, loss, delay, delay_variation, reorder, duplicate, end)| {
            let queue =
                if rate.is_none() && matches!(queue, QueueLimit::Time(_)) { QueueLimit::Unlimited } else { queue };
            // A variation may not take away more than the delay.
            let delay = match delay_variation {
                Some(DelayVariation::Normal { max, .. }) => delay + max,
                Some(_) => delay + Duration::from_millis(35),
                _ => delay,
            };
            let (delay_correlation, slots, corrupt) = end;
            LinkConfig {
                rate,
                serialiser,
                queue,
                policy,
                overhead,
                loss,
                delay,
                delay_variation,
                reorder,
                duplicate,
                delay_correlation,
                slots,
                corrupt,
            }
        },
    );
    prop_oneof![1 => Just(LinkConfig::default()), 5 => config]
}

fn operation() -> impl Strategy<Value = Operation> {
    let outage = prop_oneof![Just(None), Just(Some(OutageMode::Drop)), Just(Some(OutageMode::Pause))];
    prop_oneof![
        10 => (0..1_500_usize, 0..CLASSES).prop_map(|(bytes, class)| Operation::Packet { bytes, class }),
        2 => (0..1_500_usize, 0..CLASSES).prop_map(|(bytes, class)| Operation::Pass { bytes, class }),
        1 => config().prop_map(|config| Operation::Apply(Box::new(config))),
        1 => outage.prop_map(Operation::Outage),
        3 => Just(Operation::Tick),
    ]
}

/// Operations, each some microseconds after the one before; bursts at one instant are common.
fn script() -> impl Strategy<Value = Vec<(u64, Operation)>> {
    let step = (prop_oneof![Just(0_u64), 0..2_000_u64, 0..200_000_u64], operation());
    prop::collection::vec(step, 1..120)
}

/// Runs a script; `ticks` is called between operations with the time before and after.
fn run(
    config: &LinkConfig,
    script: &[(u64, Operation)],
    mut between: impl FnMut(&mut Link<Probe>, Instant, Instant, &mut Vec<(u64, Instant)>),
) -> (Vec<(u64, Instant)>, netem_rs::Report) {
    let mut link = Link::new(config.clone(), Seed::new(11));
    let (mut now, mut number, mut out) = (Instant::ZERO, 0, Vec::new());
    for (gap, operation) in script {
        let next = now + Duration::from_micros(*gap);
        between(&mut link, now, next, &mut out);
        now = next;
        match operation {
            Operation::Packet { bytes, class } => {
                link.handle_packet(now, Probe { number, bytes: *bytes, class: *class });
                number += 1;
            }
            Operation::Pass { bytes, class } => {
                // Time first: what is due now must be out before a packet may overtake the machine.
                link.handle_timeout(now);
                drain(&mut link, &mut out);
                if link.pass(*class, *bytes) {
                    out.push((number, now));
                } else {
                    link.handle_packet(now, Probe { number, bytes: *bytes, class: *class });
                }
                number += 1;
            }
            Operation::Apply(config) => link.apply(now, (**config).clone()),
            Operation::Outage(outage) => link.set_outage(now, *outage),
            Operation::Tick => link.handle_timeout(now),
        }
        drain(&mut link, &mut out);
    }
    link.set_outage(now, None);
    link.handle_timeout(Instant::MAX);
    drain(&mut link, &mut out);
    let report = link.report().clone();
    (out, report)
}

/// The same over two links, cut behind the bottleneck; `Pass` counts as `Packet`. Also the numbers of what was dropped.
fn run_cut(config: &LinkConfig, script: &[(u64, Operation)]) -> (Vec<(u64, Instant)>, Vec<u64>, netem_rs::Counts) {
    let mut first: Link<Probe> = Link::new(config.bottleneck(), Seed::new(11));
    let mut second: Link<Probe> = Link::new(config.behind_bottleneck(), Seed::new(11));
    first.keep_dropped();
    second.keep_dropped();
    let (mut now, mut number, mut out, mut dropped) = (Instant::ZERO, 0, Vec::new(), Vec::new());
    let mut carry_on = |first: &mut Link<Probe>, second: &mut Link<Probe>, now| {
        first.handle_timeout(now);
        while let Some(delivery) = first.poll_output() {
            second.handle_packet(delivery.at, delivery.item);
        }
        second.handle_timeout(now);
        drain(second, &mut out);
        for link in [first, second] {
            dropped.extend(std::iter::from_fn(|| link.poll_dropped()).map(|dropped| dropped.item.number));
        }
    };
    for (gap, operation) in script {
        now += Duration::from_micros(*gap);
        carry_on(&mut first, &mut second, now);
        match operation {
            Operation::Packet { bytes, class } | Operation::Pass { bytes, class } => {
                first.handle_packet(now, Probe { number, bytes: *bytes, class: *class });
                number += 1;
            }
            Operation::Apply(config) => {
                first.apply(now, config.bottleneck());
                second.apply(now, config.behind_bottleneck());
            }
            Operation::Outage(outage) => first.set_outage(now, *outage),
            Operation::Tick => {}
        }
        carry_on(&mut first, &mut second, now);
    }
    first.set_outage(now, None);
    carry_on(&mut first, &mut second, Instant::MAX);
    let (first, second) = (first.report().totals(), second.report().totals());
    assert_eq!(first.delivered, second.offered);
    let (lost, overflowed) = (first.lost + second.lost, first.overflowed + second.overflowed);
    (out, dropped, netem_rs::Counts { offered: first.offered, lost, overflowed, ..second })
}

fn drain(link: &mut Link<Probe>, out: &mut Vec<(u64, Instant)>) {
    while let Some(delivery) = link.poll_output() {
        out.push((delivery.item.number, delivery.at));
        assert!(link.report().holds());
    }
    assert!(link.report().holds());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_appears_or_vanishes(config in config(), script in script()) {
        let (out, report) = run(&config, &script, |_, _, _, _| {});
        let totals = report.totals();
        prop_assert!(report.holds());
        prop_assert_eq!(totals.waiting, 0, "everything leaves in the end");
        prop_assert_eq!(totals.flying, 0);
        prop_assert_eq!(totals.delivered, out.len() as u64);
        let offered = script
            .iter()
            .filter(|(_, operation)| matches!(operation, Operation::Packet { .. } | Operation::Pass { .. }))
            .count() as u64;
        prop_assert_eq!(totals.offered, offered);
        prop_assert_eq!(offered + totals.duplicated, totals.delivered + totals.lost + totals.overflowed);
        prop_assert!(out.windows(2).all(|pair| pair[0].1 <= pair[1].1), "in order of arrival");
    }

    #[test]
    fn how_often_it_is_ticked_changes_nothing(
        config in config(),
        script in script(),
        cuts in prop::collection::vec(0.0..=1.0_f64, 0..4),
    ) {
        let mut cuts = cuts;
        cuts.sort_by(f64::total_cmp);
        let rare = run(&config, &script, |_, _, _, _| {});
        let often = run(&config, &script, |link, now, next, out| {
            for cut in &cuts {
                let span = next.saturating_since(now).as_nanos() as f64;
                link.handle_timeout(now + Duration::from_nanos((span * cut) as u64));
                drain(link, out);
            }
        });
        prop_assert_eq!(&rare, &often);
        // Ticked exactly when it asks to be, it is never late and never asks for nothing.
        let asked = run(&config, &script, |link, _, next, out| {
            while let Some(due) = link.poll_timeout().filter(|due| *due < next) {
                link.handle_timeout(due);
                let before = out.len();
                drain(link, out);
                for (_, at) in &out[before..] {
                    assert_eq!(*at, due, "told exactly then");
                }
            }
        });
        prop_assert_eq!(&rare, &asked);
    }

    #[test]
    fn a_link_that_is_cut_behind_its_bottleneck_is_the_same_link(config in config(), script in script()) {
        let script: Vec<_> = script.into_iter().map(|(gap, operation)| match operation {
            Operation::Pass { bytes, class } => (gap, Operation::Packet { bytes, class }),
            other => (gap, other),
        }).collect();
        let (whole, report) = run(&config, &script, |_, _, _, _| {});
        let (cut, mut dropped, books) = run_cut(&config, &script);
        prop_assert_eq!(&whole, &cut);
        let totals = report.totals();
        let of = |counts: &netem_rs::Counts| (counts.offered, counts.delivered, counts.lost, counts.overflowed);
        prop_assert_eq!(of(&totals), of(&books));
        prop_assert_eq!(dropped.len() as u64, totals.lost + totals.overflowed, "each of them is handed out");
        dropped.sort_unstable();
        prop_assert!(dropped.windows(2).all(|pair| pair[0] < pair[1]), "once");
        prop_assert!(dropped.iter().all(|number| whole.iter().all(|(delivered, _)| delivered != number)));
    }

    #[test]
    fn a_link_that_keeps_order_keeps_it_through_every_change(config in config(), script in script()) {
        let ordered = |config: &LinkConfig| LinkConfig {
            delay_variation: config.delay_variation.clone().map(in_order),
            reorder: None,
            ..config.clone()
        };
        let script: Vec<_> = script
            .into_iter()
            .map(|(gap, operation)| match operation {
                Operation::Apply(config) => (gap, Operation::Apply(Box::new(ordered(&config)))),
                other => (gap, other),
            })
            .collect();
        let (out, _) = run(&ordered(&config), &script, |_, _, _, _| {});
        let applied = script.iter().filter_map(|(_, operation)| match operation {
            Operation::Apply(config) => Some(&**config),
            _ => None,
        });
        let fair = applied.chain([&config]).any(|config| matches!(config.policy, QueuePolicy::FqCoDel(_)));
        let classes: Vec<usize> = script
            .iter()
            .filter_map(|(_, operation)| match operation {
                Operation::Packet { class, .. } | Operation::Pass { class, .. } => Some(*class),
                _ => None,
            })
            .collect();
        // Fair queues keep the order within a flow, which is a class here.
        for class in 0..if fair { CLASSES } else { 1 } {
            let of_class = |number: &u64| !fair || classes[*number as usize] == class;
            let numbers: Vec<u64> = out.iter().map(|(number, _)| *number).filter(of_class).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }

    #[test]
    fn what_validates_runs_and_validation_never_panics(
        rate in proptest::option::of(prop_oneof![Just(0), Just(1), Just(10_000_000_000_000), any::<u64>()]),
        queue in prop_oneof![
            queue(),
            any::<u64>().prop_map(QueueLimit::Bytes),
            any::<u64>().prop_map(QueueLimit::Packets),
            prop_oneof![Just(Duration::from_secs(3_600)), any::<Duration>()].prop_map(QueueLimit::Time),
        ],
        delay in prop_oneof![Just(Duration::from_secs(3_600)), micros(0..1_000), any::<Duration>()],
        ratio in prop_oneof![Just(0.0), Just(1.0), Just(0.5), any::<f64>()],
        burst in prop_oneof![Just(1.0), Just(1e300), any::<f64>()],
    ) {
        let loss = Loss::Gilbert { mean: ratio, burst };
        let config = LinkConfig { rate, queue, loss, delay, duplicate: ratio, ..LinkConfig::default() };
        if config.validate().is_ok() {
            let packet = Operation::Packet { bytes: 1_200, class: 0 };
            let script = vec![(0, packet.clone()), (0, packet.clone()), (7, packet)];
            let (_, report) = run(&config, &script, |_, _, _, _| {});
            prop_assert!(report.holds());
            prop_assert_eq!(report.totals().waiting, 0);
        }
    }
}
