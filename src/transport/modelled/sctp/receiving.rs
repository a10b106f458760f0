//! The receiving end of an association: what came, what is missing, and messages put together again.

use super::super::super::Message;
use super::wire::{Chunk, Data};
use crate::clock::{Duration, Instant};
use crate::conference::channel::BUFFER_LIMIT;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long a SACK may wait for a second packet (RFC 9260 §6.2).
const SACK_DELAY: Duration = Duration::from_millis(200);
/// TSNs beyond the cumulative one that are kept: a SACK cannot tell of more.
const REACH: u32 = u16::MAX as u32;

/// A part of a message that is not whole yet.
#[derive(Debug)]
struct Fragment {
    stream: u16,
    ssn: u16,
    unordered: bool,
    begin: bool,
    end: bool,
    payload: Vec<u8>,
}

/// An ordered stream: the next message to be handed on, and those that came before it.
#[derive(Debug, Default)]
struct Inbound {
    next: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
}

impl Inbound {
    /// The number of a message in full: the one nearest to the next.
    fn number(&self, ssn: u16) -> Option<u64> {
        self.next.checked_add_signed(i64::from(ssn.wrapping_sub(self.next as u16) as i16))
    }
}

/// What came of an association.
#[derive(Debug, Default)]
pub(super) struct Receiving {
    /// Everything up to this TSN came, or was given up.
    cumulative: u32,
    /// What came beyond it.
    beyond: BTreeSet<u32>,
    fragments: BTreeMap<u32, Fragment>,
    streams: BTreeMap<u16, Inbound>,
    /// Bytes in fragments and in messages that wait for one before them.
    held: usize,
    messages: VecDeque<Message>,
    /// Packets with data since the last SACK.
    packets: u32,
    at_once: bool,
    due: Option<Instant>,
}

impl Receiving {
    /// The next message.
    pub fn poll_message(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    /// When a SACK is due that waited.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// A DATA chunk came.
    pub fn handle_data(&mut self, data: &Data<'_>) {
        let fresh = data.tsn > self.cumulative && data.tsn - self.cumulative <= REACH && self.beyond.insert(data.tsn);
        if !fresh {
            self.at_once = true;
            return;
        }
        self.advance();
        self.held += data.payload.len();
        let fragment = Fragment {
            stream: data.stream,
            ssn: data.ssn,
            unordered: data.unordered,
            begin: data.begin,
            end: data.end,
            payload: data.payload.to_vec(),
        };
        self.fragments.insert(data.tsn, fragment);
        self.assemble(data.tsn);
    }

    /// A packet with data is through: a SACK follows at once for every second one and where something is missing.
    pub fn handle_packet_end(&mut self, now: Instant) {
        self.packets += 1;
        self.at_once |= self.packets >= 2 || !self.beyond.is_empty();
        if !self.at_once {
            self.due.get_or_insert(now + SACK_DELAY);
        }
    }

    /// The sender gave up everything up to a TSN (RFC 3758 §3.6).
    pub fn handle_forward(&mut self, cumulative: u32, streams: &[(u16, u16)]) {
        self.at_once = true;
        if cumulative <= self.cumulative || cumulative - self.cumulative > REACH {
            return;
        }
        self.cumulative = cumulative;
        self.beyond = self.beyond.split_off(&cumulative.saturating_add(1));
        self.advance();
        let kept = self.fragments.split_off(&cumulative.saturating_add(1));
        let given_up = std::mem::replace(&mut self.fragments, kept);
        self.release(given_up.values().map(|fragment| fragment.payload.len()).sum());
        for &(stream, ssn) in streams {
            let inbound = self.streams.entry(stream).or_default();
            let Some(number) = inbound.number(ssn).filter(|number| *number >= inbound.next) else { continue };
            let later = inbound.waiting.split_off(&(number + 1));
            let before = std::mem::replace(&mut inbound.waiting, later);
            inbound.next = number + 1;
            for bytes in before.into_values() {
                self.release(bytes.len());
                self.messages.push_back(Message { id: stream, bytes });
            }
            self.hand_on(stream);
        }
    }

    /// The SACK that is due.
    pub fn take_sack(&mut self, now: Instant) -> Option<Chunk<'static>> {
        if !self.at_once && self.due.is_none_or(|at| at > now) {
            return None;
        }
        (self.at_once, self.due, self.packets) = (false, None, 0);
        let mut gaps: Vec<(u16, u16)> = Vec::new();
        for tsn in &self.beyond {
            let offset = (tsn - self.cumulative) as u16;
            match gaps.last_mut() {
                Some((_, last)) if *last + 1 == offset => *last = offset,
                _ => gaps.push((offset, offset)),
            }
        }
        let window = BUFFER_LIMIT.saturating_sub(self.held) as u32;
        Some(Chunk::Sack { cumulative: self.cumulative, window, gaps })
    }

    fn advance(&mut self) {
        while self.cumulative.checked_add(1).is_some_and(|next| self.beyond.remove(&next)) {
            self.cumulative += 1;
        }
    }

    /// Hands the message on that a fragment belongs to, if it is whole.
    fn assemble(&mut self, tsn: u32) {
        let Some(first) = self.edge(tsn, |fragment| fragment.begin, |tsn| tsn.checked_sub(1)) else { return };
        let Some(last) = self.edge(tsn, |fragment| fragment.end, |tsn| tsn.checked_add(1)) else { return };
        let mut bytes = Vec::new();
        let mut of = None;
        for tsn in first..=last {
            if let Some(fragment) = self.fragments.remove(&tsn) {
                bytes.extend_from_slice(&fragment.payload);
                of = Some((fragment.stream, fragment.ssn, fragment.unordered));
            }
        }
        let Some((stream, ssn, unordered)) = of else { return };
        if unordered {
            self.release(bytes.len());
            self.messages.push_back(Message { id: stream, bytes });
            return;
        }
        let inbound = self.streams.entry(stream).or_default();
        let number = inbound.number(ssn).filter(|number| *number >= inbound.next);
        match number {
            Some(number) => {
                if let Some(before) = inbound.waiting.insert(number, bytes) {
                    self.release(before.len());
                }
                self.hand_on(stream);
            }
            None => self.release(bytes.len()),
        }
    }

    /// The fragment where a message begins or ends, from one in its middle.
    fn edge(&self, from: u32, is_edge: impl Fn(&Fragment) -> bool, step: impl Fn(u32) -> Option<u32>) -> Option<u32> {
        let mut tsn = from;
        while !is_edge(self.fragments.get(&tsn)?) {
            tsn = step(tsn)?;
        }
        Some(tsn)
    }

    fn hand_on(&mut self, stream: u16) {
        let Some(inbound) = self.streams.get_mut(&stream) else { return };
        let mut released = 0;
        while let Some(bytes) = inbound.waiting.remove(&inbound.next) {
            inbound.next += 1;
            released += bytes.len();
            self.messages.push_back(Message { id: stream, bytes });
        }
        self.release(released);
    }

    fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }
}
