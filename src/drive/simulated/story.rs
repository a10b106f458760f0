//! One participant's story, event by event: what it said and heard, what its links did, and what was measured of it.
//!
//! It is told what passes between the participant and the world around it, and writes a line for each, in virtual time.
//! Samples that come with every packet are left out: packets have lines of their own.

mod words;

use crate::client::{Client, Order, Sink};
use crate::clock::Instant;
use crate::outcome::LinkOutcome;
use crate::plan::{FaultPlan, Plan};
use crate::signalling::{Carried, Carry};
use std::collections::BTreeMap;
use words::measured;

/// The story of one participant.
#[derive(Debug)]
pub(super) struct Story {
    client: u32,
    lines: Vec<String>,
    /// Names of the plan's media, for samples that are of one.
    media: Vec<String>,
    /// When which of its faults begin and end, the next one last.
    faults: Vec<(Instant, String)>,
    /// What its links had lost, dropped and doubled, by direction and class.
    links: BTreeMap<(String, String), [u64; 3]>,
    /// Of which session how many segments of signalling were lost, up and down.
    segments: (u32, [u64; 2]),
}

impl Story {
    /// The story of the participant with this index in the plan, which is this client of its island.
    pub fn new(plan: &Plan, participant: u32, client: u32) -> Self {
        let faults = &plan.participants[participant as usize].faults;
        let faults = faults.iter().flat_map(|fault| turnings(&plan.faults[usize::from(*fault)]));
        let mut faults: Vec<(Instant, String)> = faults.collect();
        // Of one instant's, what stands first in the file happens first.
        faults.sort_by_key(|(at, _)| *at);
        faults.reverse();
        let media = plan.media_names().map(str::to_owned).collect();
        Self { client, lines: Vec::new(), media, faults, links: BTreeMap::new(), segments: Default::default() }
    }

    /// Whether it is this participant's.
    pub const fn is_of(&self, client: u32) -> bool {
        self.client == client
    }

    /// The lines up to `now` that were not taken yet.
    pub fn take(&mut self, now: Instant) -> Vec<String> {
        self.catch_up(now);
        std::mem::take(&mut self.lines)
    }

    fn line(&mut self, at: Instant, who: &str, what: &str) {
        self.catch_up(at);
        self.write(at, who, what);
    }

    /// Tells of the faults that began or ended by `now`.
    fn catch_up(&mut self, now: Instant) {
        while let Some((at, what)) = self.faults.pop_if(|(at, _)| *at <= now) {
            self.write(at, "fault", &what);
        }
    }

    fn write(&mut self, at: Instant, who: &str, what: &str) {
        let (millis, micros) = (at.as_millis(), at.as_micros() % 1_000);
        self.lines.push(format!("{:>6}.{:03} {micros:03}  {who:<8} {what}", millis / 1_000, millis % 1_000));
    }

    /// The participant is about to be told something.
    pub fn begin(&mut self, sink: &mut Sink) {
        sink.recorder.watch();
    }

    /// It was told.
    pub fn end(&mut self, at: Instant, sink: &mut Sink, client: &Client) {
        for link in client.links() {
            self.compare(at, &link);
        }
        if let Some((session, lost)) = client.lost_segments() {
            self.count_segments(at, session, lost);
        }
        for watched in sink.recorder.take_watched() {
            if let Some(text) = measured(&watched, &self.media) {
                self.line(at, "measured", &text);
            }
        }
    }

    fn compare(&mut self, at: Instant, link: &LinkOutcome) {
        let now = [link.lost, link.overflowed, link.duplicated];
        let before = self.links.insert((link.direction.clone(), link.class.clone()), now).unwrap_or_default();
        let class = words::of_class(&link.class);
        for ((now, before), what) in now.iter().zip(before).zip(["lost", "dropped by the queue", "duplicated"]) {
            let more = now - before;
            if more > 0 {
                let text = format!("{more} {class} packet{} {what} on the way {}", plural(more), link.direction);
                self.line(at, "link", &text);
            }
        }
    }

    fn count_segments(&mut self, at: Instant, session: u32, lost: [u64; 2]) {
        let (known, before) = std::mem::replace(&mut self.segments, (session, lost));
        let before = if known == session { before } else { [0; 2] };
        for ((lost, before), direction) in lost.into_iter().zip(before).zip(["up", "down"]) {
            let more = lost - before;
            if more > 0 {
                let (s, are) = (plural(more), if more == 1 { "is" } else { "are" });
                let text = format!(
                    "{more} signalling segment{s} lost on the way {direction}, and {are} sent again after a timeout"
                );
                self.line(at, "link", &text);
            }
        }
    }

    /// It wants something done.
    pub fn order(&mut self, at: Instant, order: &Order) {
        let (who, text) = match order {
            Order::Bind { leg } => ("socket", format!("leg {leg}: opened")),
            Order::Unbind { leg } => ("socket", format!("leg {leg}: closed")),
            Order::Rebind { leg } => ("socket", format!("leg {leg}: its NAT gives it another port")),
            Order::Connect { .. } => return,
            Order::Carry { carry: Carry::Open { .. }, .. } => ("signals", "opens its WebSocket".to_owned()),
            Order::Carry { carry: Carry::Close, .. } => ("signals", "closes its WebSocket".to_owned()),
            Order::Carry { carry: Carry::Abort, .. } => ("signals", "its WebSocket breaks".to_owned()),
            Order::Carry { carry: Carry::Text(text), .. } => ("signals", words::said(text)),
            Order::Carry { carry: Carry::Request(request), .. } => {
                ("signals", format!("{:?} {}", request.method, request.url))
            }
        };
        self.line(at, who, &text);
    }

    /// Something comes to it over signalling, and enters its downlink.
    pub fn heard(&mut self, at: Instant, carried: &Carried) {
        let text = match carried {
            Carried::Opened => "the WebSocket is open".to_owned(),
            Carried::Text(text) => words::heard(text),
            Carried::Closed { reason, .. } => format!("the WebSocket is closed: {reason}"),
            Carried::Response(response) => format!("status {}", response.status),
            Carried::RequestFailed { reason, .. } => format!("no answer: {reason}"),
        };
        self.line(at, "hears", &text);
    }

    /// A datagram left its uplink.
    pub fn sent(&mut self, at: Instant, bytes: &[u8]) {
        self.line(at, "sends", &words::datagram(bytes));
    }

    /// A datagram enters its downlink.
    pub fn arrived(&mut self, at: Instant, bytes: &[u8]) {
        self.line(at, "is sent", &words::datagram(bytes));
    }
}

/// When a fault begins and ends, in words. What cannot be over is not over.
fn turnings(fault: &FaultPlan) -> Vec<(Instant, String)> {
    let (name, what) = (&fault.name, words::of_fault(&fault.kind));
    if fault.kind.is_instant() {
        return vec![(fault.at, format!("{name}: {what}"))];
    }
    let mut list = vec![(fault.at, format!("{name} begins: {what}"))];
    if fault.kind.can_recover() {
        list.push((fault.until, format!("{name} is over")));
    }
    list
}

const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
