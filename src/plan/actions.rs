//! What each participant does in the room and when: drawn before the run, each action from a stream of its own.
//!
//! Actions about one thing may overlap: a media is muted while any of them says so, and the last switch of networks that is
//! still on decides where one lives.

use super::{Outage, ParticipantPlan};
use crate::clock::{Duration, Instant};
use crate::conference::protocol::LayerChoice;
use crate::dist::unit;
use crate::scenario::action::{Action, ActionKind, When};
use crate::scenario::subscribe::LayerWish;
use crate::seed::Seed;

/// Something that a participant does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActionPlan {
    /// When, whether it is in the room by then or not.
    pub at: Instant,
    /// What.
    pub act: Act,
}

/// What a participant does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    /// Publishes a media, or stops.
    Publish {
        /// Its index.
        media: u16,
        /// Whether it is published from now on.
        on: bool,
    },
    /// Mutes a media, or unmutes it.
    Mute {
        /// Its index.
        media: u16,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// Lives behind another network from now on.
    SwitchNetwork {
        /// Its index.
        network: u16,
    },
    /// Wants what it receives in another layer from now on.
    SwitchLayer {
        /// Which.
        layer: LayerChoice,
    },
    /// Restarts ICE.
    RestartIce,
    /// Leaves, and comes back.
    Leave {
        /// When it comes back.
        until: Instant,
    },
}

impl ParticipantPlan {
    /// Whether it means to leave for a while, by an action, between these times.
    #[must_use]
    pub fn takes_break(&self, from: Instant, until: Instant) -> bool {
        let away =
            |action: &ActionPlan| matches!(action.act, Act::Leave { until: back } if action.at < until && from < back);
        self.actions.iter().any(away)
    }
}

/// A stretch of time in which something is on.
type Span = (Instant, Instant);

/// Draws one participant's actions before `end`, by time. `media` and `network` tell an index by name; `home` is where it
/// lives, `layer` what it asks for otherwise.
pub(super) fn draw(
    actions: &[Action],
    end: Instant,
    seed: Seed,
    (home, layer): (u16, LayerWish),
    media: impl Fn(&str) -> Option<u16>,
    network: impl Fn(&str) -> u16,
) -> Vec<ActionPlan> {
    let drawn: Vec<(&ActionKind, Vec<Span>)> = (0u64..)
        .zip(actions)
        .map(|(n, action)| (&action.kind, spans(action, end, seed.indexed("action", n))))
        .collect();
    let mut plan: Vec<ActionPlan> = Vec::new();
    let mut known: Vec<&ActionKind> = Vec::new();
    for (kind, _) in &drawn {
        if known.contains(kind) {
            continue;
        }
        known.push(kind);
        let all =
            drawn.iter().filter(|(other, _)| other == kind).flat_map(|(_, spans)| spans.iter().copied()).collect();
        for (from, until) in union(all) {
            let (begins, ends) = match kind {
                ActionKind::Mute(name) => both(media(name), |media, on| Act::Mute { media, muted: on }),
                ActionKind::Unpublish(name) => both(media(name), |media, on| Act::Publish { media, on: !on }),
                ActionKind::Share(name) => both(media(name), |media, on| Act::Publish { media, on }),
                ActionKind::Rejoin => (Some(Act::Leave { until }), None),
                ActionKind::RestartIce => (Some(Act::RestartIce), None),
                ActionKind::SwitchNetwork(_) | ActionKind::SwitchLayer(_) => (None, None),
            };
            plan.extend(begins.map(|act| ActionPlan { at: from, act }));
            plan.extend(ends.filter(|_| until < end).map(|act| ActionPlan { at: until, act }));
        }
    }
    plan.extend(switches(&drawn, home, network).into_iter().filter(|one| one.at < end));
    plan.extend(layers(&drawn, &wishes(layer, end, seed)).into_iter().filter(|one| one.at < end));
    plan.sort_by_key(|one| (one.at, one.act));
    plan
}

fn both(media: Option<u16>, act: impl Fn(u16, bool) -> Act) -> (Option<Act>, Option<Act>) {
    (media.map(|media| act(media, true)), media.map(|media| act(media, false)))
}

/// The stretches of one action.
fn spans(action: &Action, end: Instant, seed: Seed) -> Vec<Span> {
    let mut rng = seed.rng();
    // `unit` lies in (0, 1]: a probability of 0 never does it, 1 always.
    if unit(&mut rng) > action.prob {
        return Vec::new();
    }
    let length = |rng: &mut _| match (&action.kind, action.lasting) {
        (ActionKind::RestartIce, _) => Duration::ZERO,
        (_, Some(law)) => law.sample(rng).max(Duration::from_millis(1)),
        (_, None) => end - Instant::ZERO,
    };
    match action.when {
        When::At(at) => {
            let at = Instant::ZERO + at;
            vec![(at, at + length(&mut rng))]
        }
        When::Every(pause) => {
            let (mut spans, mut at) = (Vec::new(), Instant::ZERO);
            loop {
                at += pause.sample(&mut rng).max(Duration::from_millis(1));
                if at >= end {
                    return spans;
                }
                let until = at + length(&mut rng);
                spans.push((at, until));
                at = until;
            }
        }
    }
}

/// Stretches that touch or overlap become one.
fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (from, until) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined
}

/// Where it lives from when on: of the switches that are on the one that began last.
fn switches(drawn: &[(&ActionKind, Vec<Span>)], home: u16, network: impl Fn(&str) -> u16) -> Vec<ActionPlan> {
    let mut spans: Vec<(Instant, Instant, u16)> = Vec::new();
    for (kind, stretches) in drawn {
        if let ActionKind::SwitchNetwork(name) = kind {
            spans.extend(stretches.iter().map(|(from, until)| (*from, *until, network(name))));
        }
    }
    let mut edges: Vec<Instant> = spans.iter().flat_map(|(from, until, _)| [*from, *until]).collect();
    edges.sort_unstable();
    edges.dedup();
    let (mut plan, mut here) = (Vec::new(), home);
    for at in edges {
        let on = spans.iter().filter(|(from, until, _)| *from <= at && at < *until).max_by_key(|(from, ..)| *from);
        let network = on.map_or(home, |(.., network)| *network);
        if network != here {
            here = network;
            plan.push(ActionPlan { at, act: Act::SwitchNetwork { network } });
        }
    }
    plan
}

/// The layers that it asks for before anything that it does, each from when on: at first from the start.
pub(super) fn wishes(layer: LayerWish, end: Instant, seed: Seed) -> Vec<(Instant, LayerChoice)> {
    let law = match layer {
        LayerWish::Always(layer) => return vec![(Instant::ZERO, layer)],
        LayerWish::Random(law) => law,
    };
    let mut rng = seed.child("layer").rng();
    let (mut wishes, mut at) = (Vec::new(), Instant::ZERO);
    while at < end {
        let layer = match unit(&mut rng) * 3.0 {
            low if low <= 1.0 => LayerChoice::Low,
            mid if mid <= 2.0 => LayerChoice::Mid,
            _ => LayerChoice::High,
        };
        wishes.push((at, layer));
        at += law.sample(&mut rng).max(Duration::from_millis(1));
    }
    wishes
}

/// The layers that it asks for from when on: of the switches that are on the one that began last, or what it wishes.
fn layers(drawn: &[(&ActionKind, Vec<Span>)], wishes: &[(Instant, LayerChoice)]) -> Vec<ActionPlan> {
    let mut spans: Vec<(Instant, Instant, LayerChoice)> = Vec::new();
    for (kind, stretches) in drawn {
        if let ActionKind::SwitchLayer(layer) = kind {
            spans.extend(stretches.iter().map(|(from, until)| (*from, *until, *layer)));
        }
    }
    let mut edges: Vec<Instant> = spans.iter().flat_map(|(from, until, _)| [*from, *until]).collect();
    edges.extend(wishes.iter().skip(1).map(|(at, _)| *at));
    edges.sort_unstable();
    edges.dedup();
    let Some((_, mut now)) = wishes.first().copied() else { return Vec::new() };
    let mut plan = Vec::new();
    for at in edges {
        let on = spans.iter().filter(|(from, until, _)| *from <= at && at < *until).max_by_key(|(from, ..)| *from);
        let wished = wishes.partition_point(|(from, _)| *from <= at).checked_sub(1).map(|index| wishes[index].1);
        let Some(layer) = on.map(|(.., layer)| *layer).or(wished).filter(|layer| *layer != now) else { continue };
        now = layer;
        plan.push(ActionPlan { at, act: Act::SwitchLayer { layer } });
    }
    plan
}

/// The outages of a participant's links wherever it lives: those that there are `of` each network while it is there.
pub(super) fn outages(participant: &ParticipantPlan, of: impl Fn(u16) -> Vec<Outage>) -> Vec<Outage> {
    let stays: Vec<(Instant, u16)> = participant.networks().collect();
    let mut all = Vec::new();
    for (index, &(from, network)) in stays.iter().enumerate() {
        let until = stays.get(index + 1).map_or(Instant::MAX, |(at, _)| *at);
        all.extend(of(network).into_iter().filter_map(|outage| {
            let (begins, ends) = (outage.at.max(from), (outage.at + outage.length).min(until));
            (begins < ends).then(|| Outage { at: begins, length: ends - begins, ..outage })
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::Dist;

    fn action(kind: ActionKind, when: When, lasting: Option<&str>) -> Action {
        let lasting = lasting.map(|law| Dist::parse(law).unwrap());
        Action { kind, when, lasting, prob: 1.0, path: String::new() }
    }

    fn plan(actions: &[Action], seed: u64) -> Vec<ActionPlan> {
        let media = |name: &str| ["mic", "cam", "screen"].iter().position(|one| *one == name).map(|at| at as u16);
        let network = |name: &str| if name == "bad" { 2 } else { 1 };
        draw(
            actions,
            Instant::from_secs(100),
            Seed::new(seed),
            (1, LayerWish::Always(LayerChoice::Auto)),
            media,
            network,
        )
    }

    fn at(secs: u64, act: Act) -> ActionPlan {
        ActionPlan { at: Instant::from_secs(secs), act }
    }

    fn once(secs: u64) -> When {
        When::At(Duration::from_secs(secs))
    }

    #[test]
    fn what_overlaps_is_on_while_any_of_it_is() {
        let mute = || ActionKind::Mute("mic".into());
        let actions = [
            action(mute(), once(10), Some("20s")),
            action(mute(), once(25), Some("10s")),
            action(mute(), once(90), None),
        ];
        let (muted, loud) = (Act::Mute { media: 0, muted: true }, Act::Mute { media: 0, muted: false });
        assert_eq!(plan(&actions, 1), [at(10, muted), at(35, loud), at(90, muted)]);
    }

    #[test]
    fn a_screen_comes_and_goes_and_a_camera_goes_and_comes() {
        let share = action(ActionKind::Share("screen".into()), once(10), Some("5s"));
        let stop = action(ActionKind::Unpublish("cam".into()), once(20), Some("5s"));
        let publish = |media, on| Act::Publish { media, on };
        assert_eq!(
            plan(&[share, stop], 1),
            [at(10, publish(2, true)), at(15, publish(2, false)), at(20, publish(1, false)), at(25, publish(1, true))]
        );
    }

    #[test]
    fn the_last_switch_decides_and_home_is_where_it_ends() {
        let to = |name: &str, from, lasting| action(ActionKind::SwitchNetwork(name.into()), once(from), Some(lasting));
        let switch = |network| Act::SwitchNetwork { network };
        assert_eq!(plan(&[to("bad", 10, "10s")], 1), [at(10, switch(2)), at(20, switch(1))]);
        let home_meanwhile = [to("bad", 10, "50s"), to("home", 20, "10s")];
        assert_eq!(
            plan(&home_meanwhile, 1),
            [at(10, switch(2)), at(20, switch(1)), at(30, switch(2)), at(60, switch(1))]
        );
    }

    #[test]
    fn a_rate_has_its_mean_and_one_more_action_changes_no_other() {
        let every = When::Every(Dist::parse("exp(8s)").unwrap());
        let mute = action(ActionKind::Mute("mic".into()), every, Some("exp(2s)"));
        let ice = action(ActionKind::RestartIce, every, None);
        let mut times = 0;
        for seed in 0..200 {
            let alone = plan(std::slice::from_ref(&mute), seed);
            times += alone.iter().filter(|one| one.act == Act::Mute { media: 0, muted: true }).count();
            let with = plan(&[mute.clone(), ice.clone()], seed);
            assert_eq!(with.into_iter().filter(|one| one.act != Act::RestartIce).collect::<Vec<_>>(), alone);
        }
        // Cycles of 10 s in 100 s, 200 times: 2,000 or so less the last ones' part, ±5 %.
        assert!((1_850..=2_100).contains(&times), "{times}");
    }

    #[test]
    fn a_layer_is_that_of_the_switch_that_began_last_and_then_the_wished_one_again() {
        let switch = |layer, at| action(ActionKind::SwitchLayer(layer), once(at), Some("10s"));
        let planned = plan(&[switch(LayerChoice::Low, 10), switch(LayerChoice::Mid, 15)], 3);
        let switches: Vec<(Instant, Act)> = planned.iter().map(|one| (one.at, one.act)).collect();
        let at = |secs, layer| (Instant::from_secs(secs), Act::SwitchLayer { layer });
        assert_eq!(switches, [at(10, LayerChoice::Low), at(15, LayerChoice::Mid), at(25, LayerChoice::Auto)]);
    }

    #[test]
    fn a_random_wish_takes_each_of_three_layers_equally_often() {
        let law = LayerWish::Random(Dist::parse("exp(2s)").unwrap());
        let mut times = [0u32; 3];
        for seed in 0..100 {
            let wishes = wishes(law, Instant::from_secs(100), Seed::new(seed));
            assert_eq!(wishes[0].0, Instant::ZERO);
            for (_, layer) in wishes {
                let place =
                    [LayerChoice::Low, LayerChoice::Mid, LayerChoice::High].iter().position(|one| *one == layer);
                times[place.expect("one of the three")] += 1;
            }
        }
        // 51 a run, 100 runs: 1,700 of each, ±8 %.
        assert!(times.iter().all(|times| (1_560..=1_840).contains(times)), "{times:?}");
    }

    #[test]
    fn a_probability_is_that_of_a_participant() {
        let mut mute = action(ActionKind::Mute("mic".into()), once(10), None);
        mute.prob = 0.3;
        let did = (0..2_000).filter(|seed| !plan(std::slice::from_ref(&mute), *seed).is_empty()).count();
        assert!((500..=700).contains(&did), "{did}");
    }
}
