//! The sending end of an association: fragments, what is in flight, what is sent again, and what is given up.
//!
//! Congestion control is that of RFC 9260 §7.2 (slow start, congestion avoidance, fast recovery), the timer that of
//! §6.3 with sctp-proto's bounds, giving up that of RFC 3758 §3.5 under the policies of RFC 7496.

use super::wire::{Chunk, Data, FRAGMENT_LEN, PACKET_LEN, Packet};
use crate::clock::{Duration, Instant};
use crate::conference::channel::{BUFFER_LIMIT, ChannelParameters, Reliability};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Retransmission timeout before a round trip is known, at least, and at most (sctp-proto; RFC 9260 §16 begins with 1 s).
pub(super) const RTO_INITIAL: Duration = Duration::from_secs(3);
const RTO_MIN: Duration = Duration::from_secs(1);
pub(super) const RTO_MAX: Duration = Duration::from_secs(60);
/// Reports of a chunk as missing after which it is sent again, once (RFC 9260 §7.2.4).
const MISSES: u8 = 3;
const MTU: usize = PACKET_LEN;

/// A message that has not been sent whole.
#[derive(Debug)]
struct Waiting {
    message: u64,
    channel: ChannelParameters,
    ssn: Option<u16>,
    since: Instant,
    payload: Arc<[u8]>,
    sent: usize,
}

/// How a chunk stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Flying,
    /// Told to have come, beyond something that has not.
    Acknowledged,
    /// To be sent again.
    Lost,
    Abandoned,
}

/// A chunk that was sent, and is not acknowledged with all before it.
#[derive(Debug)]
struct Sent {
    message: u64,
    channel: ChannelParameters,
    ssn: u16,
    since: Instant,
    payload: Arc<[u8]>,
    start: usize,
    end: usize,
    at: Instant,
    /// Times it was sent again.
    again: u32,
    misses: u8,
    state: State,
}

impl Sent {
    fn len(&self) -> usize {
        self.end - self.start
    }

    fn data(&self, tsn: u32) -> Data<'_> {
        Data {
            tsn,
            stream: self.channel.id,
            ssn: self.ssn,
            unordered: !self.channel.ordered,
            begin: self.start == 0,
            end: self.end == self.payload.len(),
            payload: &self.payload[self.start..self.end],
        }
    }
}

/// What is sent over an association.
#[derive(Debug)]
pub(super) struct Sending {
    waiting: VecDeque<Waiting>,
    /// In the order of their TSNs, the first of them `acknowledged + 1`.
    sent: VecDeque<Sent>,
    acknowledged: u32,
    messages: u64,
    ssns: BTreeMap<u16, u16>,
    /// Bytes that wait or were sent, and were neither acknowledged nor given up.
    buffered: usize,
    flying: usize,
    window: usize,
    congestion: usize,
    threshold: usize,
    partly: usize,
    /// In fast recovery until this TSN is acknowledged.
    recovers: Option<u32>,
    /// One packet may go out whatever is in flight.
    urgent: bool,
    forward: bool,
    round_trip: Option<(Duration, Duration)>,
    timeout: Duration,
    timer: Option<Instant>,
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            acknowledged: 0,
            messages: 0,
            ssns: BTreeMap::new(),
            buffered: 0,
            flying: 0,
            window: BUFFER_LIMIT,
            congestion: (4 * MTU).min(4_380.max(2 * MTU)),
            threshold: usize::MAX,
            partly: 0,
            recovers: None,
            urgent: false,
            forward: false,
            round_trip: None,
            timeout: RTO_INITIAL,
            timer: None,
        }
    }
}

impl Sending {
    /// Takes a message, if there is room for it.
    pub fn offer(&mut self, now: Instant, channel: ChannelParameters, bytes: &[u8]) -> bool {
        if self.buffered + bytes.len() > BUFFER_LIMIT {
            return false;
        }
        self.buffered += bytes.len();
        self.messages += 1;
        let message = self.messages;
        self.waiting.push_back(Waiting { message, channel, ssn: None, since: now, payload: bytes.into(), sent: 0 });
        true
    }

    /// Forgets what waits of a channel, and gives up what is under way.
    pub fn close(&mut self, id: u16) {
        let messages: Vec<u64> =
            self.waiting.iter().filter(|one| one.channel.id == id).map(|one| one.message).collect();
        let flying = self.sent.iter().filter(|one| one.channel.id == id).map(|one| one.message);
        for message in messages.into_iter().chain(flying.collect::<Vec<_>>()) {
            self.abandon(message);
        }
        self.ssns.remove(&id);
    }

    /// When something is sent again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timer
    }

    /// The timer of what is in flight ran out (RFC 9260 §6.3.3).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timer.is_none_or(|at| at > now) {
            return;
        }
        self.threshold = (self.congestion / 2).max(4 * MTU);
        (self.congestion, self.partly, self.recovers) = (MTU, 0, None);
        self.timeout = (2 * self.timeout).min(RTO_MAX);
        for sent in self.sent.iter_mut().filter(|sent| sent.state == State::Flying) {
            sent.state = State::Lost;
        }
        self.flying = 0;
        (self.urgent, self.forward, self.timer) = (true, true, None);
    }

    /// A SACK came (RFC 9260 §6.2.1).
    pub fn handle_sack(&mut self, now: Instant, cumulative: u32, window: u32, gaps: &[(u16, u16)]) {
        let Some(count) = cumulative.checked_sub(self.acknowledged).map(|count| count as usize) else { return };
        if count > self.sent.len() {
            return;
        }
        self.window = window as usize;
        let before = self.flying;
        let (mut acknowledged, mut sample) = (0, None);
        for _ in 0..count {
            let Some(mut sent) = self.sent.pop_front() else { break };
            acknowledged += self.acknowledge(now, &mut sent, &mut sample);
        }
        self.acknowledged = cumulative;
        let highest = self.note_gaps(now, gaps, &mut acknowledged, &mut sample);
        if let Some(sample) = sample {
            self.learn(sample);
        }
        if self.recovers.is_some_and(|until| until <= cumulative) {
            self.recovers = None;
        }
        if count > 0 && self.recovers.is_none() {
            self.grow(before, acknowledged);
        }
        self.note_misses(highest);
        if count > 0 {
            self.timer = None;
        }
        self.forward |= self.sent.front().is_some_and(|sent| sent.state == State::Abandoned);
        self.set_timer(now);
    }

    /// Bytes that a chunk's acknowledgement brings.
    fn acknowledge(&mut self, now: Instant, sent: &mut Sent, sample: &mut Option<Duration>) -> usize {
        if !matches!(sent.state, State::Flying | State::Lost) {
            return 0;
        }
        if sent.state == State::Flying {
            self.flying -= sent.len();
        }
        // What was sent twice says nothing of the round trip (Karn).
        if sent.again == 0 {
            *sample = Some(now.saturating_since(sent.at));
        }
        sent.state = State::Acknowledged;
        self.buffered -= sent.len();
        sent.len()
    }

    /// Notes what came beyond the cumulative TSN; answers the place of the newest that is told for the first time.
    fn note_gaps(
        &mut self,
        now: Instant,
        gaps: &[(u16, u16)],
        acknowledged: &mut usize,
        sample: &mut Option<Duration>,
    ) -> Option<usize> {
        let mut highest = None;
        let mut chunks = std::mem::take(&mut self.sent);
        for &(first, last) in gaps.iter().filter(|(first, _)| *first > 0) {
            for place in usize::from(first) - 1..usize::from(last) {
                let Some(sent) = chunks.get_mut(place) else { break };
                let bytes = self.acknowledge(now, sent, sample);
                *acknowledged += bytes;
                if bytes > 0 {
                    highest = highest.max(Some(place));
                }
            }
        }
        self.sent = chunks;
        highest
    }

    /// What lies before something newer is missing once more; at the third time it is sent again (RFC 9260 §7.2.4).
    fn note_misses(&mut self, highest: Option<usize>) {
        let Some(highest) = highest else { return };
        let mut lost = false;
        for sent in self.sent.iter_mut().take(highest).filter(|sent| sent.state == State::Flying) {
            sent.misses = sent.misses.saturating_add(1);
            if sent.misses == MISSES {
                sent.state = State::Lost;
                self.flying -= sent.len();
                lost = true;
            }
        }
        if lost {
            self.urgent = true;
            if self.recovers.is_none() {
                self.threshold = (self.congestion / 2).max(4 * MTU);
                (self.congestion, self.partly) = (self.threshold, 0);
                self.recovers = Some(self.acknowledged.saturating_add(self.sent.len() as u32));
            }
        }
    }

    /// RFC 9260 §7.2.1 and §7.2.2.
    fn grow(&mut self, before: usize, acknowledged: usize) {
        // A window that was not used tells nothing of the path.
        let used = before + MTU > self.congestion;
        if self.congestion <= self.threshold {
            if used {
                self.congestion += acknowledged.min(MTU);
            }
        } else {
            self.partly += acknowledged;
            if self.partly >= self.congestion && used {
                self.partly -= self.congestion;
                self.congestion += MTU;
            }
        }
        self.congestion = self.congestion.min(BUFFER_LIMIT);
    }

    /// RFC 9260 §6.3.1.
    fn learn(&mut self, sample: Duration) {
        let (smoothed, varies) = match self.round_trip {
            None => (sample, sample / 2),
            Some((smoothed, varies)) => {
                let off = smoothed.abs_diff(sample);
                (smoothed * 7 / 8 + sample / 8, varies * 3 / 4 + off / 4)
            }
        };
        self.round_trip = Some((smoothed, varies));
        self.timeout = (smoothed + 4 * varies).clamp(RTO_MIN, RTO_MAX);
    }

    fn set_timer(&mut self, now: Instant) {
        let owes = self.sent.iter().any(|sent| sent.state != State::Acknowledged);
        match (owes, self.timer) {
            (false, _) => self.timer = None,
            (true, None) => self.timer = Some(now + self.timeout),
            (true, Some(_)) => {}
        }
    }

    /// The next packet with data or with what was given up.
    pub fn poll_packet(&mut self, now: Instant) -> Option<Packet> {
        self.expire(now);
        let mut packet = Packet::new();
        self.send_again(now, &mut packet);
        self.send_new(now, &mut packet);
        if packet.is_empty()
            && std::mem::take(&mut self.forward)
            && let Some(chunk) = self.forwarded()
        {
            packet.push(&chunk);
        }
        self.set_timer(now);
        Some(packet).filter(|packet| !packet.is_empty())
    }

    /// Gives up what has lived too long.
    fn expire(&mut self, now: Instant) {
        let over = |channel: &ChannelParameters, since: Instant| match channel.reliability {
            Reliability::MaxLifetime(lifetime) => now.saturating_since(since).as_millis() > u128::from(lifetime),
            Reliability::Reliable | Reliability::MaxRetransmits(_) => false,
        };
        let waiting = self.waiting.iter().filter(|one| over(&one.channel, one.since)).map(|one| one.message);
        // What is in flight may still come: it is given up when it would be sent again.
        let lost = self.sent.iter().filter(|sent| sent.state == State::Lost && over(&sent.channel, sent.since));
        let messages: Vec<u64> = waiting.chain(lost.map(|sent| sent.message)).collect();
        messages.into_iter().for_each(|message| self.abandon(message));
    }

    fn abandon(&mut self, message: u64) {
        if let Some(place) = self.waiting.iter().position(|one| one.message == message) {
            let given_up = self.waiting.remove(place).expect("just found");
            self.buffered -= given_up.payload.len() - given_up.sent;
        }
        for sent in self.sent.iter_mut().filter(|sent| sent.message == message) {
            // What came of it came in vain.
            if sent.state == State::Flying {
                self.flying -= sent.len();
            }
            if matches!(sent.state, State::Flying | State::Lost) {
                self.buffered -= sent.len();
                sent.state = State::Abandoned;
                self.forward = true;
            }
        }
    }

    fn send_again(&mut self, now: Instant, packet: &mut Packet) {
        let mut given_up = Vec::new();
        let first = self.acknowledged.wrapping_add(1);
        for (place, sent) in self.sent.iter_mut().enumerate().filter(|(_, sent)| sent.state == State::Lost) {
            if matches!(sent.channel.reliability, Reliability::MaxRetransmits(most) if sent.again >= u32::from(most)) {
                given_up.push(sent.message);
                continue;
            }
            let allowed = self.urgent || self.flying + sent.len() <= self.congestion;
            if !allowed || !packet.fits(sent.len()) {
                break;
            }
            packet.push(&Chunk::Data(sent.data(first.wrapping_add(place as u32))));
            (sent.state, sent.at) = (State::Flying, now);
            sent.again += 1;
            self.flying += sent.len();
        }
        self.urgent = false;
        given_up.into_iter().for_each(|message| self.abandon(message));
    }

    fn send_new(&mut self, now: Instant, packet: &mut Packet) {
        let owes = self.sent.iter().any(|sent| sent.state == State::Lost);
        while let Some(waiting) = self.waiting.front_mut() {
            let len = (waiting.payload.len() - waiting.sent).min(FRAGMENT_LEN);
            // With nothing in flight one chunk goes out even into a window that is shut.
            let room = self.flying + len <= self.congestion.min(self.window) || self.flying == 0;
            if !room || owes || !packet.fits(len) {
                return;
            }
            let ssns = &mut self.ssns;
            let ssn = *waiting.ssn.get_or_insert_with(|| {
                let next = ssns.entry(waiting.channel.id).or_default();
                std::mem::replace(next, next.wrapping_add(u16::from(waiting.channel.ordered)))
            });
            let sent = Sent {
                message: waiting.message,
                channel: waiting.channel,
                ssn,
                since: waiting.since,
                payload: waiting.payload.clone(),
                start: waiting.sent,
                end: waiting.sent + len,
                at: now,
                again: 0,
                misses: 0,
                state: State::Flying,
            };
            waiting.sent += len;
            if waiting.sent == waiting.payload.len() {
                self.waiting.pop_front();
            }
            let tsn = self.acknowledged.wrapping_add(self.sent.len() as u32).wrapping_add(1);
            packet.push(&Chunk::Data(sent.data(tsn)));
            self.flying += len;
            self.sent.push_back(sent);
        }
    }

    /// What was given up before anything that was not (RFC 3758 §3.5).
    fn forwarded(&self) -> Option<Chunk<'static>> {
        let given_up = || self.sent.iter().take_while(|sent| sent.state == State::Abandoned);
        let count = given_up().count() as u32;
        let mut streams = BTreeMap::new();
        for sent in given_up().filter(|sent| sent.channel.ordered) {
            streams.insert(sent.channel.id, sent.ssn);
        }
        let cumulative = self.acknowledged.wrapping_add(count);
        (count > 0).then(|| Chunk::ForwardTsn { cumulative, streams: streams.into_iter().collect() })
    }
}
