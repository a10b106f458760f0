//! What a participant wants to receive at the moment: who is there, who spoke last and which page is shown decide whose
//! tracks are asked for, as an app's tiles do.
//!
//! It is told what the SFU says and what time it is, and answers with the requests that lead from what was asked for to what
//! is wanted. Pages flip at times that count from the intended arrival, whatever the join took.

use crate::clock::Instant;
use crate::conference::protocol::{RosterEntry, RosterTrack};
use crate::conference::{MediaKind, TrackName};
use crate::dist::Dist;
use crate::plan::{Selection, Subscribe};
use crate::seed::{ChaCha8Rng, Seed};
use std::collections::{BTreeMap, BTreeSet};

const KINDS: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

/// The tiles of one participant.
#[derive(Debug)]
pub struct Chooser {
    me: String,
    subscribe: Subscribe,
    /// In the order in which they came.
    publishers: Vec<Publisher>,
    /// Who spoke last comes first.
    recent: Vec<String>,
    pages: [Option<Box<Pages>>; 2],
    /// What was asked for, and not given up.
    asked: BTreeMap<TrackName, MediaKind>,
    muted: BTreeSet<TrackName>,
    /// Of kinds of which everything is wanted: to be asked for.
    fresh: Vec<TrackName>,
    /// Something changed that other selections may depend on.
    stirred: bool,
}

#[derive(Debug)]
struct Publisher {
    name: String,
    tracks: Vec<(String, MediaKind)>,
}

/// The page that is shown.
#[derive(Debug)]
struct Pages {
    size: usize,
    flip: Dist,
    rng: ChaCha8Rng,
    number: usize,
    next: Instant,
}

/// What leads from what was asked for to what is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// To be asked for.
    pub ask: Vec<TrackName>,
    /// To be given up.
    pub give_up: Vec<TrackName>,
}

impl Chooser {
    /// Nobody is there yet. Pages count from `intended`; `seed` is a branch of the participant's session.
    #[must_use]
    pub fn new(me: &str, subscribe: &Subscribe, seed: &Seed, intended: Instant) -> Self {
        let pages = KINDS.map(|kind| match subscribe.of(kind) {
            Selection::Page { size, flip } => {
                let mut rng = seed.child(if kind == MediaKind::Audio { "audio pages" } else { "video pages" }).rng();
                let next = intended + flip.sample(&mut rng).max(crate::clock::Duration::from_millis(1));
                Some(Box::new(Pages { size: *size as usize, flip: *flip, rng, number: 0, next }))
            }
            _ => None,
        });
        Self {
            me: me.to_owned(),
            subscribe: subscribe.clone(),
            publishers: Vec::new(),
            recent: Vec::new(),
            pages,
            asked: BTreeMap::new(),
            muted: BTreeSet::new(),
            fresh: Vec::new(),
            stirred: false,
        }
    }

    /// Somebody is there, with these tracks.
    pub fn handle_entered(&mut self, entry: &RosterEntry) {
        // Where everything is wanted, or nothing, nobody has to be remembered.
        let chooses = KINDS.iter().any(|kind| !matches!(self.subscribe.of(*kind), Selection::All | Selection::None));
        if chooses && !self.publishers.iter().any(|one| one.name == entry.participant) {
            self.publishers.push(Publisher { name: entry.participant.clone(), tracks: Vec::new() });
        }
        entry.tracks.iter().for_each(|track| self.handle_published(&entry.participant, track));
    }

    /// Somebody publishes one more track.
    pub fn handle_published(&mut self, participant: &str, track: &RosterTrack) {
        let name = TrackName { participant: participant.to_owned(), media: track.media.clone() };
        if track.muted {
            self.muted.insert(name.clone());
        }
        match self.subscribe.of(track.kind) {
            Selection::None => {}
            Selection::All => {
                if self.asked.insert(name.clone(), track.kind).is_none() {
                    self.fresh.push(name);
                }
            }
            _ => {
                let place = self.publishers.iter().position(|one| one.name == participant).unwrap_or_else(|| {
                    self.publishers.push(Publisher { name: participant.to_owned(), tracks: Vec::new() });
                    self.publishers.len() - 1
                });
                let tracks = &mut self.publishers[place].tracks;
                if !tracks.iter().any(|(media, _)| *media == track.media) {
                    tracks.push((track.media.clone(), track.kind));
                }
                self.stirred = true;
            }
        }
    }

    /// Somebody left.
    pub fn handle_left(&mut self, participant: &str) {
        self.publishers.retain(|one| one.name != participant);
        self.recent.retain(|one| one != participant);
        self.asked.retain(|track, _| track.participant != participant);
        self.muted.retain(|track| track.participant != participant);
        self.fresh.retain(|track| track.participant != participant);
        self.stirred = true;
    }

    /// Somebody publishes a track no longer.
    pub fn handle_unpublished(&mut self, track: &TrackName) {
        for one in self.publishers.iter_mut().filter(|one| one.name == track.participant) {
            one.tracks.retain(|(media, _)| *media != track.media);
        }
        self.asked.remove(track);
        self.muted.remove(track);
        self.fresh.retain(|one| one != track);
        self.stirred = true;
    }

    /// A track is muted, or no longer.
    pub fn handle_muted(&mut self, track: &TrackName, muted: bool) {
        if muted {
            self.muted.insert(track.clone());
        } else {
            self.muted.remove(track);
        }
    }

    /// These speak, the loudest first.
    pub fn handle_speakers(&mut self, speakers: &[String]) {
        for name in speakers.iter().rev().filter(|name| **name != self.me) {
            self.recent.retain(|one| one != name);
            self.recent.insert(0, name.clone());
        }
        self.stirred = true;
    }

    /// When the next page is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pages.iter().flatten().map(|pages| pages.next).min()
    }

    /// It is `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        for pages in self.pages.iter_mut().flatten() {
            while pages.next <= now {
                pages.number = pages.number.wrapping_add(1);
                pages.next += pages.flip.sample(&mut pages.rng).max(crate::clock::Duration::from_millis(1));
                self.stirred = true;
            }
        }
    }

    /// Whether anything was asked for that is not muted.
    #[must_use]
    pub fn expects(&self) -> bool {
        self.asked.keys().any(|track| !self.muted.contains(track))
    }

    /// Whether the publisher has muted this track.
    #[must_use]
    pub fn is_muted(&self, track: &TrackName) -> bool {
        self.muted.contains(track)
    }

    /// What is to be asked for and given up since the last call.
    pub fn changes(&mut self) -> Changes {
        let mut changes = Changes { ask: std::mem::take(&mut self.fresh), give_up: Vec::new() };
        if !std::mem::take(&mut self.stirred) {
            return changes;
        }
        for kind in KINDS {
            if matches!(self.subscribe.of(kind), Selection::All | Selection::None) {
                continue;
            }
            let wanted = self.wanted(kind);
            let gone = self.asked.iter().filter(|(track, of)| **of == kind && !wanted.contains(track));
            let gone: Vec<TrackName> = gone.map(|(track, _)| track.clone()).collect();
            for track in gone {
                self.asked.remove(&track);
                changes.give_up.push(track);
            }
            for track in wanted {
                if self.asked.insert(track.clone(), kind).is_none() {
                    changes.ask.push(track);
                }
            }
        }
        changes
    }

    fn wanted(&self, kind: MediaKind) -> BTreeSet<TrackName> {
        let publishes = |one: &&Publisher| one.tracks.iter().any(|(_, of)| *of == kind);
        let there = || self.publishers.iter().filter(publishes);
        let spoke = || self.recent.iter().filter_map(|name| there().find(|one| one.name == *name));
        let selection = self.subscribe.of(kind);
        let people: Vec<&Publisher> = match selection {
            Selection::All | Selection::None => Vec::new(),
            Selection::Active(n) => spoke().take(*n as usize).collect(),
            Selection::LastN(n) => {
                let silent = there().filter(|one| !self.recent.contains(&one.name));
                spoke().chain(silent).take(*n as usize).collect()
            }
            Selection::Page { .. } => {
                let pages =
                    self.pages[usize::from(kind == MediaKind::Video)].as_ref().expect("made with the selection");
                let shown = pages.number % there().count().div_ceil(pages.size).max(1);
                there().skip(shown * pages.size).take(pages.size).collect()
            }
            Selection::Pinned { active, .. } => {
                let pinned = there().filter(|one| selection.pins(&one.name));
                pinned.chain(spoke().filter(|one| !selection.pins(&one.name)).take(*active as usize)).collect()
            }
        };
        let tracks = people.into_iter().flat_map(|one| {
            let of_kind = one.tracks.iter().filter(|(_, of)| *of == kind);
            of_kind.map(|(media, _)| TrackName { participant: one.name.clone(), media: media.clone() })
        });
        tracks.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conference::Codec;
    use proptest::prelude::*;

    fn track(media: &str) -> RosterTrack {
        let codec = if media == "mic" { Codec::Opus } else { Codec::Vp8 };
        RosterTrack { media: media.into(), kind: codec.kind(), codec, muted: false }
    }

    fn entry(name: &str) -> RosterEntry {
        RosterEntry { participant: name.into(), tracks: vec![track("mic"), track("cam")] }
    }

    fn chooser(audio: &str, video: &str) -> Chooser {
        use crate::scenario::subscribe::LayerWish;
        let parse = |text: &str| Selection::parse(text).expect("a selection");
        let subscribe = Subscribe {
            data: Selection::All,
            audio: parse(audio),
            video: parse(video),
            layer: LayerWish::Always(crate::conference::protocol::LayerChoice::Auto),
        };
        Chooser::new("me", &subscribe, &Seed::new(4), Instant::ZERO)
    }

    /// Names of who is seen, or heard, after the changes.
    fn people(chooser: &mut Chooser, kind: MediaKind) -> Vec<String> {
        chooser.changes();
        chooser.asked.iter().filter(|(_, of)| **of == kind).map(|(track, _)| track.participant.clone()).collect()
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn everything_is_asked_for_once() {
        let mut all = chooser("all", "all");
        all.handle_entered(&entry("a"));
        assert_eq!(all.changes().ask.len(), 2);
        all.handle_entered(&entry("a"));
        assert_eq!(all.changes(), Changes::default());
        all.handle_left("a");
        assert!(!all.expects());
    }

    #[test]
    fn the_active_ones_stay_until_others_speak() {
        let mut active = chooser("active(1)", "active(2)");
        for name in ["a", "b", "c"] {
            active.handle_entered(&entry(name));
        }
        assert_eq!(people(&mut active, MediaKind::Video), names(&[]), "nobody has spoken");
        active.handle_speakers(&names(&["me", "b"]));
        assert_eq!(people(&mut active, MediaKind::Video), ["b"]);
        active.handle_speakers(&names(&["c", "b"]));
        active.handle_speakers(&names(&[]));
        assert_eq!(people(&mut active, MediaKind::Video), ["b", "c"], "silence takes nobody away");
        assert_eq!(people(&mut active, MediaKind::Audio), ["c"], "the louder one");
        active.handle_speakers(&names(&["a"]));
        let changes = active.changes();
        assert_eq!((changes.ask.len(), changes.give_up.len()), (2, 2), "{changes:?}");
        assert_eq!(people(&mut active, MediaKind::Video), ["a", "c"]);
        active.handle_left("a");
        assert_eq!(people(&mut active, MediaKind::Video), ["b", "c"], "who spoke before comes back");
    }

    #[test]
    fn the_last_n_are_filled_up_with_who_came_first() {
        let mut last = chooser("none", "last-n(2)");
        for name in ["d", "a", "b", "c"] {
            last.handle_entered(&entry(name));
        }
        assert_eq!(people(&mut last, MediaKind::Video), ["a", "d"]);
        last.handle_speakers(&names(&["c"]));
        assert_eq!(people(&mut last, MediaKind::Video), ["c", "d"]);
        assert_eq!(people(&mut last, MediaKind::Audio), names(&[]));
    }

    #[test]
    fn pages_flip_when_the_plan_says_and_begin_anew() {
        let mut pages = chooser("none", "page(size=2, flip=10s)");
        for name in ["a", "b", "c"] {
            pages.handle_entered(&entry(name));
        }
        assert_eq!(people(&mut pages, MediaKind::Video), ["a", "b"]);
        assert_eq!(pages.poll_timeout(), Some(Instant::from_secs(10)));
        pages.handle_timeout(Instant::from_secs(10));
        assert_eq!(people(&mut pages, MediaKind::Video), ["c"]);
        pages.handle_timeout(Instant::from_secs(25));
        assert_eq!(people(&mut pages, MediaKind::Video), ["a", "b"]);
        // Who joins late sees the page that is shown by then.
        let mut late = chooser("none", "page(size=2, flip=10s)");
        late.handle_timeout(Instant::from_secs(15));
        ["a", "b", "c"].iter().for_each(|name| late.handle_entered(&entry(name)));
        assert_eq!(people(&mut late, MediaKind::Video), ["c"]);
    }

    #[test]
    fn who_is_pinned_is_seen_whoever_speaks() {
        let mut pinned = chooser("all", "pinned(host) + active(1)");
        for name in ["host-1", "guest-1", "guest-2"] {
            pinned.handle_entered(&entry(name));
        }
        assert_eq!(people(&mut pinned, MediaKind::Video), ["host-1"]);
        pinned.handle_speakers(&names(&["host-1", "guest-2"]));
        assert_eq!(people(&mut pinned, MediaKind::Video), ["guest-2", "host-1"]);
        pinned.handle_unpublished(&TrackName { participant: "host-1".into(), media: "cam".into() });
        assert_eq!(people(&mut pinned, MediaKind::Video), ["guest-2"]);
        pinned.handle_published("host-1", &track("cam"));
        assert_eq!(people(&mut pinned, MediaKind::Video), ["guest-2", "host-1"]);
    }

    #[test]
    fn of_the_muted_nothing_is_expected() {
        let mut all = chooser("all", "none");
        all.handle_entered(&entry("a"));
        assert!(all.expects());
        let mic = TrackName { participant: "a".into(), media: "mic".into() };
        all.handle_muted(&mic, true);
        assert!(!all.expects() && all.is_muted(&mic));
        all.handle_muted(&mic, false);
        assert!(all.expects());
    }

    proptest! {
        #[test]
        fn what_is_asked_for_is_there_and_never_too_much(
            events in prop::collection::vec((0..6u8, 0..5u8), 0..60),
            which in 0..4usize,
        ) {
            let selection = ["active(2)", "last-n(2)", "page(size=2, flip=exp(5s))", "pinned(p) + active(1)"][which];
            let mut chooser = chooser(selection, selection);
            let mut there: BTreeSet<String> = BTreeSet::new();
            let mut asked: BTreeSet<TrackName> = BTreeSet::new();
            let mut now = Instant::ZERO;
            for (event, who) in events {
                let name = if who == 4 { "p-1".to_owned() } else { format!("q-{who}") };
                match event {
                    0 | 1 => { chooser.handle_entered(&entry(&name)); there.insert(name); }
                    2 => {
                        chooser.handle_left(&name);
                        asked.retain(|track| track.participant != name);
                        there.remove(&name);
                    }
                    3 => chooser.handle_speakers(&[name]),
                    4 => chooser.handle_speakers(&[]),
                    _ => { now += crate::clock::Duration::from_secs(3); chooser.handle_timeout(now); }
                }
                let changes = chooser.changes();
                for track in changes.give_up {
                    prop_assert!(asked.remove(&track));
                }
                for track in changes.ask {
                    prop_assert!(there.contains(&track.participant));
                    prop_assert!(asked.insert(track));
                }
                prop_assert!(asked.len() <= 4, "{asked:?}");
            }
        }
    }
}
