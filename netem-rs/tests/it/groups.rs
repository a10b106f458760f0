//! Members of a place share what is shared, and nothing else; the books of all its links fit together.

use crate::Probe;
use crate::statistics::{assert_law, binomial, seeds};
use netem_rs::{
    Direction, FqCoDel, Group, Instant, LinkConfig, Loss, Member, OutageMode, QueueLimit, QueuePolicy, Reorder, Seed,
};
use proptest::prelude::*;
use std::time::Duration;

fn probe(number: u64) -> Probe {
    Probe { number, bytes: 1_000, class: 0 }
}

/// A packet of 1,000 bytes takes a millisecond.
fn line(queue: QueueLimit) -> LinkConfig {
    LinkConfig { rate: Some(8_000_000), queue, overhead: 0, ..LinkConfig::default() }
}

fn drain(group: &mut Group<Probe>) -> Vec<(Member, u64, Instant)> {
    let out = std::iter::from_fn(|| group.poll_output()).map(|(who, out)| (who, out.item.number, out.at)).collect();
    assert!(group.holds());
    out
}

#[test]
fn a_member_waits_for_the_others_packets_in_both_directions() {
    for direction in [Direction::Up, Direction::Down] {
        let wifi = |millis| LinkConfig { delay: Duration::from_millis(millis), ..LinkConfig::default() };
        let mut group = Group::new(direction, line(QueueLimit::Unlimited), Seed::new(1));
        let (near, far) = (group.join(wifi(1)), group.join(wifi(20)));
        (0..5).for_each(|number| group.handle_packet(Instant::ZERO, near, probe(number)));
        group.handle_packet(Instant::ZERO, far, probe(5));
        group.handle_timeout(Instant::from_secs(1));
        let last = drain(&mut group).into_iter().map(|(who, _, at)| (who, at.as_millis())).collect::<Vec<_>>();
        // Up, the far member's packet meets an empty line after its own 20 ms; down, the near one's five are before it.
        let expected = if direction == Direction::Up { 21 } else { 26 };
        assert_eq!(last.last(), Some(&(far, expected)), "{direction:?}");
        assert_eq!(last.iter().filter(|(who, _)| *who == near).count(), 5);
    }
}

#[test]
fn fair_queues_share_the_line_between_members() {
    for seed in seeds().take(10) {
        let config = LinkConfig { policy: QueuePolicy::FqCoDel(FqCoDel::default()), ..line(QueueLimit::Packets(600)) };
        let mut group = Group::new(Direction::Down, config, seed);
        let members: Vec<Member> = (0..4).map(|_| group.join(LinkConfig::default())).collect();
        for tick in 0..20_000_u64 {
            // The first member offers four times what each of the others does, which is the line's rate.
            let now = Instant::from_millis(tick);
            (0..4).for_each(|_| group.handle_packet(now, members[0], probe(tick)));
            members[1..].iter().for_each(|member| group.handle_packet(now, *member, probe(tick)));
            while group.poll_output().is_some() {}
        }
        let delivered = |member: &Member| group.report(*member).totals().delivered as f64;
        let sum: f64 = members.iter().map(delivered).sum();
        for member in &members {
            let share = delivered(member) / sum;
            assert!((share - 0.25).abs() < 0.002, "{share}");
        }
        assert!(group.holds());
    }
}

#[test]
fn loss_on_the_line_is_everybodys_and_on_a_members_link_its_own() {
    let lossy = |p| LinkConfig { loss: Loss::Iid { p }, ..LinkConfig::default() };
    let count = 10_000;
    let mut ratios = [Vec::new(), Vec::new()];
    for seed in seeds() {
        let mut group = Group::new(Direction::Up, lossy(0.02), seed);
        let members = [group.join(lossy(0.1)), group.join(LinkConfig::default())];
        for number in 0..count {
            members.iter().for_each(|member| group.handle_packet(Instant::from_micros(number), *member, probe(number)));
        }
        let out = drain(&mut group);
        for (member, ratios) in members.iter().zip(&mut ratios) {
            let arrived = out.iter().filter(|(who, ..)| who == member).count();
            ratios.push(1.0 - arrived as f64 / count as f64);
        }
    }
    // Both lose a packet: 1 - (1-p)(1-q).
    for (expected, ratios) in [1.0 - 0.98 * 0.9, 0.02].into_iter().zip(ratios) {
        assert_law("loss of a member", &ratios, expected, binomial(expected, count));
    }
}

#[test]
fn an_outage_of_one_is_not_one_of_all() {
    let mut group = Group::new(Direction::Down, LinkConfig::default(), Seed::new(1));
    let (one, other) = (group.join(LinkConfig::default()), group.join(LinkConfig::default()));
    let at = Instant::from_millis;
    group.set_outage(at(1), one, Some(OutageMode::Pause));
    group.handle_packet(at(2), one, probe(0));
    group.handle_packet(at(2), other, probe(1));
    assert_eq!(drain(&mut group), [(other, 1, at(2))]);
    group.set_outage(at(5), one, None);
    assert_eq!(drain(&mut group), [(one, 0, at(5))]);
    group.set_shared_outage(at(6), Some(OutageMode::Drop));
    group.handle_packet(at(7), other, probe(2));
    assert_eq!(drain(&mut group), []);
    assert_eq!(group.shared_report().totals().lost, 1);
    assert_eq!((group.len(), group.is_empty(), group.poll_timeout()), (2, false, None));
}

/// Conditions with something of everything, by a number.
fn conditions(kind: u8) -> LinkConfig {
    let queue = QueueLimit::Packets(4);
    let rate = (kind & 1 == 1).then_some(1_000_000 + u64::from(kind) * 9_999);
    LinkConfig {
        rate,
        queue,
        loss: if kind & 2 == 2 { Loss::Gilbert { mean: 0.2, burst: 2.0 } } else { Loss::None },
        delay: Duration::from_micros(u64::from(kind / 4 % 8) * 333),
        reorder: (kind & 32 == 32).then_some(Reorder { ratio: 0.3, by: Duration::from_micros(700) }),
        duplicate: if kind & 64 == 64 { 0.2 } else { 0.0 },
        policy: if kind & 128 == 128 { QueuePolicy::DropHead } else { QueuePolicy::DropTail },
        ..LinkConfig::default()
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Packet(usize),
    Apply(usize, u8),
    Shared(u8),
    Outage(usize, Option<OutageMode>),
}

fn operation() -> impl Strategy<Value = Operation> {
    let outage = prop_oneof![2 => Just(None), 1 => Just(Some(OutageMode::Drop)), 1 => Just(Some(OutageMode::Pause))];
    prop_oneof![
        12 => (0..3_usize).prop_map(Operation::Packet),
        1 => (0..3_usize, any::<u8>()).prop_map(|(member, kind)| Operation::Apply(member, kind)),
        1 => any::<u8>().prop_map(Operation::Shared),
        1 => (0..4_usize, outage).prop_map(|(member, outage)| Operation::Outage(member, outage)),
    ]
}

fn run(direction: Direction, script: &[(u64, Operation)], ticks: u32) -> Vec<(Member, u64, Instant)> {
    let mut group = Group::new(direction, conditions(1), Seed::new(5));
    let members = [group.join(conditions(40)), group.join(conditions(70)), group.join(conditions(7))];
    let (mut now, mut out) = (Instant::ZERO, Vec::new());
    for ((gap, operation), number) in script.iter().zip(0..) {
        for _ in 0..ticks {
            now += Duration::from_micros(*gap) / ticks;
            group.handle_timeout(now);
            out.extend(drain(&mut group));
        }
        if ticks == 0 {
            let next = now + Duration::from_micros(*gap);
            while let Some(due) = group.poll_timeout().filter(|due| *due < next) {
                assert!(due >= now, "a timeout lies behind the time told");
                now = due;
                group.handle_timeout(now);
                out.extend(drain(&mut group));
            }
            now = next;
        }
        match operation {
            Operation::Packet(member) => group.handle_packet(now, members[*member], probe(number)),
            Operation::Apply(member, kind) => group.apply(now, members[*member], conditions(*kind)),
            Operation::Shared(kind) => group.apply_shared(now, conditions(*kind)),
            Operation::Outage(3, outage) => group.set_shared_outage(now, *outage),
            Operation::Outage(member, outage) => group.set_outage(now, members[*member], *outage),
        }
        out.extend(drain(&mut group));
    }
    group.set_shared_outage(now, None);
    members.iter().for_each(|member| group.set_outage(now, *member, None));
    group.handle_timeout(Instant::MAX);
    out.extend(drain(&mut group));
    let left: u64 =
        members.iter().map(|member| group.report(*member).totals()).map(|own| own.waiting + own.flying).sum();
    assert_eq!(left + group.shared_report().totals().waiting + group.shared_report().totals().flying, 0);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_vanishes_between_links_and_ticks_change_nothing(
        up in any::<bool>(),
        script in prop::collection::vec((prop_oneof![Just(0), 0..4_000_u64].prop_map(|gap| gap / 6 * 6), operation()), 1..80),
    ) {
        let direction = if up { Direction::Up } else { Direction::Down };
        let often = run(direction, &script, 3);
        prop_assert!(often.windows(2).all(|pair| pair[0].2 <= pair[1].2), "in order of arrival");
        prop_assert_eq!(&often, &run(direction, &script, 1));
        prop_assert_eq!(&often, &run(direction, &script, 0));
    }
}
