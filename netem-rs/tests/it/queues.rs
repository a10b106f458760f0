//! Queue policies against their control laws: exact where there is no chance in them, over 50 seeds where there is.

use crate::Probe;
use crate::statistics::{assert_law, seeds};
use netem_rs::{CoDel, Counts, FqCoDel, Instant, Link, LinkConfig, Pie, QueueLimit, QueuePolicy, Red, Seed};
use std::time::Duration;

/// A packet of 1,000 bytes takes a millisecond.
const RATE: u64 = 8_000_000;
const SIZE: usize = 1_000;

fn path(policy: QueuePolicy) -> LinkConfig {
    LinkConfig { rate: Some(RATE), policy, overhead: 0, ..LinkConfig::default() }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Class 1 is capable of congestion marks.
fn offer(link: &mut Link<Probe>, now: Instant, number: u64, class: usize) {
    link.handle_packet(now, Probe { number, bytes: SIZE, class });
}

fn drain(link: &mut Link<Probe>, now: Instant) -> Vec<(u64, Instant)> {
    link.handle_timeout(now);
    let out = std::iter::from_fn(|| link.poll_output()).map(|delivery| (delivery.item.number, delivery.at)).collect();
    assert!(link.report().holds());
    out
}

#[test]
fn drop_head_keeps_the_latest_packets() {
    let mut link = Link::new(LinkConfig { queue: QueueLimit::Packets(3), ..path(QueuePolicy::DropHead) }, Seed::new(1));
    for number in 0..10 {
        offer(&mut link, Instant::ZERO, number, 0);
        assert!(link.report().holds());
    }
    let numbers: Vec<u64> = drain(&mut link, Instant::from_secs(1)).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [0, 7, 8, 9], "the one that was being sent, and the last three");
    assert_eq!(link.report().totals().overflowed, 6);
}

/// Milliseconds at which a link that gets twice its rate drops or marks, by the count that `of` reads.
fn events(policy: QueuePolicy, class: usize, of: impl Fn(&Counts) -> u64) -> Vec<u64> {
    let mut link = Link::new(path(policy), Seed::new(1));
    let (mut events, mut seen) = (Vec::new(), 0);
    for half in 0..4_000 {
        let now = Instant::from_micros(half * 500);
        offer(&mut link, now, half, class);
        drain(&mut link, now);
        let count = of(&link.report().totals());
        events.extend((seen..count).map(|_| now.as_millis()));
        seen = count;
    }
    events
}

#[test]
fn codel_drops_and_marks_by_its_control_law() {
    // The packet that is sent at millisecond k came at k/2: from 10 on it has waited for the target of 5 ms. After an
    // interval the first is dropped, and the n-th follows Σ interval/√k (k < n) later, when a packet leaves by then.
    let expected: Vec<u64> =
        std::iter::successors(Some((110.0_f64, 1.0_f64)), |(at, count)| Some((at + 100.0 / count.sqrt(), count + 1.0)))
            .map(|(at, _)| at.ceil() as u64)
            .take_while(|at| *at < 2_000)
            .collect();
    assert!(expected.len() > 80);
    let codel = CoDel::default();
    assert_eq!(events(QueuePolicy::CoDel(codel), 0, |counts| counts.overflowed), expected);

    // Marked packets leave too, a millisecond after they were chosen.
    let ecn = CoDel { ecn: true, ..codel };
    let marked = events(QueuePolicy::CoDel(ecn), 1, |counts| counts.marked);
    assert_eq!(marked, expected.iter().map(|at| at + 1).filter(|at| *at < 2_000).collect::<Vec<_>>());
    assert_eq!(events(QueuePolicy::CoDel(ecn), 1, |counts| counts.overflowed), [0_u64; 0]);
    assert_eq!(
        events(QueuePolicy::CoDel(ecn), 0, |counts| counts.overflowed),
        expected,
        "who takes no mark is dropped"
    );
    assert_eq!(events(QueuePolicy::CoDel(codel), 1, |counts| counts.marked), [0_u64; 0], "nobody asked for marks");
}

#[test]
fn codel_leaves_a_short_queue_alone() {
    let mut link = Link::new(path(QueuePolicy::CoDel(CoDel::default())), Seed::new(1));
    for number in 0..10_000 {
        // Three packets every 4 ms wait for up to 2 ms.
        offer(&mut link, Instant::from_millis(number / 3 * 4), number, 0);
    }
    drain(&mut link, Instant::from_secs(100));
    assert_eq!(link.report().totals().delivered, 10_000);
}

#[test]
fn fq_codel_shares_bytes_and_lets_small_flows_through() {
    for seed in seeds().take(10) {
        let config = LinkConfig { queue: QueueLimit::Packets(1_000), ..path(QueuePolicy::FqCoDel(FqCoDel::default())) };
        let mut link = Link::new(config, seed);
        let mut late = Duration::ZERO;
        let mut arrived = Vec::new();
        for tick in 0..20_000_u64 {
            let now = Instant::from_micros(tick * 500);
            // Flow 0 offers twice the rate in packets of 1,000 bytes, flow 2 1.6 times in small ones, flow 4 a trickle.
            link.handle_packet(now, Probe { number: tick, bytes: 1_000, class: 0 });
            for _ in 0..4 {
                link.handle_packet(now, Probe { number: tick, bytes: 200, class: 2 });
            }
            if tick % 40 == 0 {
                link.handle_packet(now, Probe { number: tick, bytes: 100, class: 4 });
            }
            link.handle_timeout(now);
            arrived.extend(std::iter::from_fn(|| link.poll_output()));
        }
        for delivery in arrived.iter().filter(|delivery| delivery.item.class == 4) {
            late = late.max(delivery.at.saturating_since(Instant::from_micros(delivery.item.number * 500)));
        }
        let bytes = |class: usize| link.report().class(class).delivered_bytes as f64;
        let share = bytes(0) / (bytes(0) + bytes(2));
        assert!((share - 0.5).abs() < 0.002, "{share}: a quantum in five million bytes");
        assert_eq!(link.report().class(4).overflowed, 0);
        // At most the packet being sent and, when it was new a moment ago, one turn of both others.
        assert!(late < Duration::from_micros(5_100), "{late:?}");
        assert!(link.report().holds());
    }
}

#[test]
fn fq_codel_drops_half_of_the_fattest_flow_beyond_its_limit() {
    let config = LinkConfig { queue: QueueLimit::Packets(100), ..path(QueuePolicy::FqCoDel(FqCoDel::default())) };
    let mut link = Link::new(config, Seed::new(1));
    // One is sent, 90 of flow 0 and 10 of flow 2 wait; one more of flow 2 costs flow 0 its oldest 45.
    (0..91).for_each(|number| offer(&mut link, Instant::ZERO, number, 0));
    (0..11).for_each(|number| offer(&mut link, Instant::ZERO, 1_000 + number, 2));
    assert_eq!((link.report().class(0).overflowed, link.report().class(2).overflowed), (45, 0));
    let first = drain(&mut link, Instant::from_millis(4));
    assert!(first.contains(&(0, Instant::from_millis(1))) && first.iter().any(|(number, _)| *number == 46));
}

/// Sends at exactly the link's rate behind a standing queue that was there at `start`; what share was marked later on,
/// counted when packets leave the queue.
fn marked_share(policy: QueuePolicy, seed: Seed, start: Instant, standing: u64, settle: u64, count: u64) -> f64 {
    let mut link = Link::new(path(policy), seed);
    (0..standing).for_each(|number| offer(&mut link, start, number, 1));
    let mut before = 0;
    for number in 1..=settle + count + standing {
        let now = start + ms(number);
        if number == settle + standing {
            before = link.report().totals().marked;
        }
        offer(&mut link, now, number, 1);
        while link.poll_output().is_some() {}
    }
    assert_eq!(link.report().totals().overflowed, 0);
    (link.report().totals().marked - before) as f64 / count as f64
}

#[test]
fn red_spreads_its_marks_evenly() {
    // The packet that comes finds 8,000 bytes, which is the average with all the weight: p = P·(8-4)/(14-4) = 1/25.
    // Marks are then 1 to 24 packets apart, all equally likely: 12.5 in the mean, with variance (24²-1)/12.
    let (min, max, probability, weight) = (4_000, 14_000, 0.1, 1.0);
    let red = Red { min, max, probability, weight, packet: 1_000, gentle: false, ecn: true };
    let (count, mean, variance) = (10_000, 12.5_f64, (24.0 * 24.0 - 1.0) / 12.0);
    let share = |seed| marked_share(QueuePolicy::Red(red), seed, Instant::ZERO, 10, 100, count);
    // A renewal process counts n/μ with variance n·σ²/μ³.
    let error = (variance / mean.powi(3) / count as f64).sqrt();
    assert_law("red", &seeds().map(share).collect::<Vec<_>>(), 1.0 / mean, error);
}

#[test]
fn red_drops_by_its_thresholds() {
    let (min, max, weight) = (3_000, 6_000, 1.0);
    let dropped = |probability, gentle, ecn, packets: u64| {
        let red = Red { min, max, probability, weight, packet: 1_000, gentle, ecn };
        let mut link = Link::new(path(QueuePolicy::Red(red)), Seed::new(1));
        (0..packets).for_each(|number| offer(&mut link, Instant::ZERO, number, 1));
        link.report().totals().overflowed
    };
    assert_eq!(dropped(0.0, false, false, 100), 93, "one is sent and six wait, which is the most");
    assert_eq!(dropped(0.0, false, true, 100), 93, "from the most on marks do not help");
    assert_eq!(dropped(1.0, false, false, 4), 0, "below the least nothing is dropped");
    assert_eq!(dropped(0.0, true, true, 13), 0, "gentle marks go on to twice the most");
    assert_eq!(dropped(0.0, true, true, 100), 87);
}

#[test]
fn an_idle_link_forgets_its_average() {
    // (1-w)^m with m = 20 ms / 1 ms: 10,000·0.9^20 = 1,216, so after it nothing is dropped for a while.
    let red = Red { min: 2_000, max: 4_000, probability: 1.0, weight: 0.1, packet: 1_000, gentle: false, ecn: false };
    let mut link = Link::new(path(QueuePolicy::Red(red)), Seed::new(1));
    for number in 0..400 {
        offer(&mut link, Instant::from_micros(number * 100), number, 0);
    }
    let overflowed = link.report().totals().overflowed;
    assert!(overflowed > 300);
    offer(&mut link, Instant::from_millis(300), 400, 0);
    assert_eq!(link.report().totals().overflowed, overflowed);
}

#[test]
fn pie_spreads_its_drops_as_derandomised() {
    // One look after 1,000 s finds a delay of 1 s and sets the probability for the next 1,000: α·(1 - 0.015)/2,048.
    let p = 0.08_f64;
    let alpha = p * 2_048.0 / 0.985;
    let pie = Pie {
        update: Duration::from_secs(1_000),
        alpha,
        beta: 0.0,
        burst: Duration::ZERO,
        ecn: true,
        ..Pie::default()
    };
    // Marks: none while the sum of probabilities is below 0.85, then p each, and for certain when it is 8.5.
    let sure = (0.85 / p).ceil() - 1.0;
    let forced = (8.5 / p).ceil() - sure;
    let gaps = (1..=forced as i32).map(|k| {
        let chance = if f64::from(k) < forced { (1.0 - p).powi(k - 1) * p } else { (1.0 - p).powi(k - 1) };
        (sure + f64::from(k), chance)
    });
    let (mean, square) =
        gaps.fold((0.0, 0.0), |(mean, square), (gap, chance)| (mean + gap * chance, square + gap * gap * chance));
    let count = 10_000;
    let start = Instant::from_secs(999);
    let share = |seed| marked_share(QueuePolicy::Pie(pie), seed, start, 1_001, 1_500, count);
    let error = ((square - mean * mean) / f64::powi(mean, 3) / count as f64).sqrt();
    assert_law("pie", &seeds().map(share).collect::<Vec<_>>(), 1.0 / mean, error);
}

#[test]
fn pie_holds_its_delay_and_loses_what_is_too_much() {
    for seed in seeds().take(5) {
        let mut link = Link::new(path(QueuePolicy::Pie(Pie::default())), seed);
        let (mut delays, mut before) = (Vec::new(), Counts::default());
        for number in 0..105_000_u64 {
            // 1.25 times the rate.
            let now = Instant::from_micros(number * 800);
            offer(&mut link, now, number, 0);
            let out = drain(&mut link, now);
            if number == 5_000 {
                before = link.report().totals();
            }
            if number > 5_000 {
                delays.extend(out.iter().map(|(sent, at)| at.as_micros() as f64 - *sent as f64 * 800.0));
            }
        }
        // The probability moves by Σ α·(delay - target) and never by as much as 0.2, so over 80 s the mean delay in front
        // is within 0.3 ms of the target; the packet itself takes another millisecond. What is lost is 1 - 1/1.25.
        let mean = delays.iter().sum::<f64>() / delays.len() as f64 / 1e3;
        assert!((mean - 16.0).abs() < 0.5, "{mean} ms");
        let totals = link.report().totals();
        let lost = (totals.overflowed - before.overflowed) as f64 / 100_000.0;
        assert!((lost - 0.2).abs() < 0.001, "{lost}");
    }
}

#[test]
fn a_change_of_policy_keeps_what_waits_and_its_order() {
    let policies = [
        QueuePolicy::FqCoDel(FqCoDel::default()),
        QueuePolicy::DropHead,
        QueuePolicy::FqCoDel(FqCoDel { flows: 1, ..FqCoDel::default() }),
        QueuePolicy::Pie(Pie::default()),
        QueuePolicy::DropTail,
    ];
    let mut link = Link::new(path(QueuePolicy::DropTail), Seed::new(1));
    for (policy, number) in policies.into_iter().zip(0..) {
        offer(&mut link, Instant::ZERO, number, 0);
        link.apply(Instant::ZERO, path(policy));
        assert!(link.report().holds());
        assert_eq!(link.report().totals().waiting, number + 1);
        assert_eq!(link.waiting_bytes(), number * 1_000);
    }
    let out = drain(&mut link, Instant::from_secs(1));
    let expected: Vec<_> = (0..5).map(|number| (number, Instant::from_millis(number + 1))).collect();
    assert_eq!(out, expected);
}
