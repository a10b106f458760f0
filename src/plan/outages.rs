//! Outages of one participant's links: drawn by the rules of its network, then flattened, so that no two overlap.
//!
//! Where rules overlap, dropping wins over pausing: what is lost cannot also wait.

use super::Outage;
use crate::clock::Instant;
use crate::dist::unit;
use crate::scenario::network::{Change, OutageRule, Step};
use crate::seed::Seed;

/// Draws one participant's outages before `end`, by time.
pub(super) fn draw(schedule: &[Step], end: Instant, seed: Seed) -> Vec<Outage> {
    let mut drawn: Vec<(Instant, OutageRule)> = Vec::new();
    let rules = schedule.iter().filter_map(|step| match &step.change {
        Change::Outage(rule) => Some((step.at, *rule)),
        Change::Conditions { .. } => None,
    });
    for (number, (at, rule)) in rules.enumerate() {
        let mut rng = seed.indexed("outage", number as u64).rng();
        let mut at = Instant::ZERO + at;
        while at < end {
            if unit(&mut rng) <= rule.prob {
                drawn.push((at, rule));
            }
            match rule.every {
                Some(every) => at += every,
                None => break,
            }
        }
    }
    let up = flatten(&drawn, |rule| rule.up);
    let down = flatten(&drawn, |rule| rule.down);
    join(up, down)
}

/// A stretch of one direction: from, to, paused.
type Stretch = (Instant, Instant, bool);

/// Stretches of one direction, none overlapping, in order.
fn flatten(drawn: &[(Instant, OutageRule)], of: impl Fn(&OutageRule) -> bool) -> Vec<Stretch> {
    let mut spans: Vec<Stretch> =
        drawn.iter().filter(|(_, rule)| of(rule)).map(|(at, rule)| (*at, *at + rule.length, rule.pause)).collect();
    spans.sort();
    if spans.windows(2).all(|pair| pair[0].1 < pair[1].0) {
        return spans;
    }
    let mut edges: Vec<Instant> = spans.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut flat: Vec<Stretch> = Vec::new();
    for edge in edges.windows(2) {
        let covering = || spans.iter().filter(|(from, to, _)| *from <= edge[0] && edge[1] <= *to);
        if covering().next().is_none() {
            continue;
        }
        let pause = covering().all(|(_, _, pause)| *pause);
        match flat.last_mut() {
            Some(last) if last.1 == edge[0] && last.2 == pause => last.1 = edge[1],
            _ => flat.push((edge[0], edge[1], pause)),
        }
    }
    flat
}

/// Both directions in one list; what is out in both is one outage.
fn join(up: Vec<Stretch>, mut down: Vec<Stretch>) -> Vec<Outage> {
    let outage = |(from, to, pause): Stretch, up, down| Outage { at: from, length: to - from, up, down, pause };
    let mut outages: Vec<Outage> = Vec::new();
    for stretch in up {
        let both = down.iter().position(|other| *other == stretch);
        if let Some(i) = both {
            down.remove(i);
        }
        outages.push(outage(stretch, true, both.is_some()));
    }
    outages.extend(down.into_iter().map(|stretch| outage(stretch, false, true)));
    outages.sort_by_key(|outage| (outage.at, !outage.up));
    outages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Duration;

    fn step(at: u64, rule: OutageRule) -> Step {
        Step { at: Duration::from_millis(at), change: Change::Outage(rule), path: String::new() }
    }

    fn rule(length: u64) -> OutageRule {
        OutageRule { length: Duration::from_millis(length), every: None, prob: 1.0, up: true, down: true, pause: false }
    }

    fn spans(outages: &[Outage]) -> Vec<(u64, u128, bool, bool, bool)> {
        let span = |o: &Outage| (o.at.as_millis(), o.length.as_millis(), o.up, o.down, o.pause);
        outages.iter().map(span).collect()
    }

    #[test]
    fn overlapping_outages_are_flattened_and_dropping_wins() {
        let schedule = [
            step(1_000, OutageRule { pause: true, ..rule(2_000) }),
            step(1_500, OutageRule { down: false, ..rule(500) }),
            step(2_900, rule(200)),
        ];
        let outages = draw(&schedule, Instant::from_secs(10), Seed::new(1));
        let expected = [
            (1_000, 500, true, false, true),
            (1_000, 1_900, false, true, true),
            (1_500, 500, true, false, false),
            (2_000, 900, true, false, true),
            (2_900, 200, true, true, false),
        ];
        assert_eq!(spans(&outages), expected);
    }

    #[test]
    fn every_repeats_until_the_end_of_the_run_with_its_probability() {
        let always = OutageRule { every: Some(Duration::from_secs(10)), ..rule(800) };
        let outages = draw(&[step(5_000, always)], Instant::from_secs(40), Seed::new(1));
        let starts: Vec<u64> = outages.iter().map(|outage| outage.at.as_millis()).collect();
        assert_eq!(starts, [5_000, 15_000, 25_000, 35_000]);
        let half = OutageRule { prob: 0.5, ..always };
        let count: usize =
            (0..500).map(|seed| draw(&[step(5_000, half)], Instant::from_secs(40), Seed::new(seed)).len()).sum();
        // 2,000 draws of a half: five standard errors are 112.
        assert!((888..=1_112).contains(&count), "{count}");
        let never = OutageRule { prob: 0.0, ..always };
        assert_eq!(draw(&[step(5_000, never)], Instant::from_secs(40), Seed::new(1)), []);
    }
}
