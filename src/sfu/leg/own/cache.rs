//! The packets of a stream that can be sent again: the newest ones, shared with whoever else was sent them.
//!
//! Every subscriber of every stream has one of these. Mostly its numbers differ from the publisher's by one and the same
//! offset, and then nothing is kept but whose packets they are.

use super::super::Packet;
use crate::clock::{Duration, Instant};
use crate::sfu::room::Numbers;
use std::collections::VecDeque;
use std::sync::Arc;

/// Packets kept; at 110 packets/s over two seconds.
const PACKETS: usize = 256;
/// How long they are kept, as mediasoup does: no receiver of ours still waits for one that is older.
const AGE: Duration = Duration::from_secs(2);
/// The unit in which it is kept when one was sent again last.
const TICK: u64 = 100_000;
/// How many more are made room for at a time: there are thousands of streams, and most have few packets in [`AGE`].
const STEP: usize = 16;

/// The newest packets in the order of their numbers.
#[derive(Default, Debug)]
pub(super) struct Cache {
    packets: VecDeque<Arc<Packet>>,
    numbers: Kept,
    /// Those that were sent again, by number, and when they were last, in [`TICK`]s of nanoseconds.
    resent: Vec<(u64, u32)>,
}

/// The numbers of the packets in the stream.
#[derive(Debug)]
enum Kept {
    /// The publisher's, that of the packet moved by so much.
    Moved(u64),
    /// Numbers of their own.
    Own(VecDeque<Numbers>),
}

impl Default for Kept {
    fn default() -> Self {
        Self::Moved(0)
    }
}

impl Cache {
    /// Keeps a packet that was sent, and forgets those that are too old by then.
    pub fn store(&mut self, numbers: Numbers, packet: &Arc<Packet>) {
        self.expire(packet.arrival);
        if self.packets.len() == PACKETS {
            self.drop_oldest();
        }
        self.make_room(numbers, packet);
        let last = self.packets.len().checked_sub(1).map(|last| self.numbers_at(last).sequence);
        let at = match last {
            Some(last) if last > numbers.sequence => self.place_of(numbers.sequence),
            _ => self.packets.len(),
        };
        self.packets.insert(at, Arc::clone(packet));
        if let Kept::Own(own) = &mut self.numbers {
            own.insert(at, numbers);
        }
    }

    /// Forgets what is too old at `now`.
    pub fn expire(&mut self, now: Instant) {
        while self.packets.front().is_some_and(|front| front.arrival + AGE < now) {
            self.drop_oldest();
        }
    }

    /// The packet with this number in its header and its numbers, to be sent again at `now`: while it is young enough,
    /// and unless it was sent again within `apart` before.
    pub fn again(&mut self, now: Instant, apart: Duration, sequence: u16) -> Option<(Arc<Packet>, Numbers)> {
        let newest = self.numbers_at(self.packets.len().checked_sub(1)?).sequence;
        let wanted = newest.checked_sub(u64::from((newest as u16).wrapping_sub(sequence)))?;
        let at = self.place_of(wanted);
        let packet = self.packets.get(at).filter(|packet| packet.arrival + AGE >= now)?;
        let numbers = self.numbers_at(at);
        if numbers.sequence != wanted {
            return None;
        }
        let packet = Arc::clone(packet);
        self.is_due_again(now, apart, wanted).then_some((packet, numbers))
    }

    /// Notes that a packet is sent again at `now`, unless it was within `apart` before.
    fn is_due_again(&mut self, now: Instant, apart: Duration, number: u64) -> bool {
        let ticks = |nanos: u128| (nanos / u128::from(TICK)) as u32;
        let now = ticks(now.as_nanos().into());
        if let Some((_, before)) = self.resent.iter_mut().find(|(of, _)| *of == number) {
            let due = now.saturating_sub(*before) >= ticks(apart.as_nanos());
            if due {
                *before = now;
            }
            return due;
        }
        let oldest = self.numbers_at(0).sequence;
        self.resent.retain(|(of, _)| *of >= oldest);
        self.resent.push((number, now));
        true
    }

    fn drop_oldest(&mut self) {
        self.packets.pop_front();
        if let Kept::Own(own) = &mut self.numbers {
            own.pop_front();
        }
    }

    /// Sees that one more fits, and that its numbers can be told.
    fn make_room(&mut self, numbers: Numbers, packet: &Packet) {
        if self.packets.len() == self.packets.capacity() {
            self.packets.reserve_exact(STEP);
        }
        let offset = numbers.sequence.wrapping_sub(packet.sequence);
        if self.packets.is_empty() {
            self.numbers = Kept::Moved(offset);
        }
        let is_moved = packet.under(numbers.sequence) == numbers;
        if matches!(self.numbers, Kept::Moved(by) if by != offset || !is_moved) {
            self.numbers = Kept::Own((0..self.packets.len()).map(|at| self.numbers_at(at)).collect());
        }
    }

    fn numbers_at(&self, at: usize) -> Numbers {
        match &self.numbers {
            Kept::Moved(by) => {
                let packet = &self.packets[at];
                packet.under(packet.sequence.wrapping_add(*by))
            }
            Kept::Own(own) => own[at],
        }
    }

    /// Where a number stands, or would.
    fn place_of(&self, sequence: u64) -> usize {
        match &self.numbers {
            Kept::Moved(by) => self.packets.partition_point(|packet| packet.sequence.wrapping_add(*by) < sequence),
            Kept::Own(own) => own.partition_point(|numbers| numbers.sequence < sequence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::leg::FrameNumbers;
    use crate::sfu::room::TrackId;

    const APART: Duration = Duration::from_millis(20);

    fn packet(sequence: u64, millis: u64) -> Arc<Packet> {
        Arc::new(Packet {
            track: TrackId(0),
            codec: crate::conference::Codec::Vp8,
            layer: 0,
            sequence,
            marker: false,
            rtp_time: 5,
            arrival: Instant::from_millis(millis),
            payload: crate::sfu::leg::Body::from(&b"x"[..]),
            audio_level: None,
            capture_time: None,
            descriptor: None,
            structure: None,
            red: false,
            frame: FrameNumbers::default(),
            clock: None,
        })
    }

    fn numbers(sequence: u64) -> Numbers {
        Numbers { sequence, rtp_time: 5, ..Numbers::default() }
    }

    fn found(cache: &mut Cache, millis: u64, sequence: u64) -> Option<Numbers> {
        cache.again(Instant::from_millis(millis), Duration::ZERO, sequence as u16).map(|(_, numbers)| numbers)
    }

    #[test]
    fn it_keeps_256_packets_around_a_wrap_and_in_any_order() {
        for own in [false, true] {
            let mut cache = Cache::default();
            let mut order: Vec<u64> = (65_400..65_800).collect();
            order.swap(210, 213);
            for &sequence in &order {
                // Numbers of their own: what a subscriber of several layers has after a switch.
                let rtp_time = if own && sequence > 65_500 { 9 } else { 5 };
                cache.store(Numbers { rtp_time, ..numbers(sequence) }, &packet(sequence + 70_000, 1));
            }
            assert_eq!(matches!(cache.numbers, Kept::Own(_)), own);
            for sequence in 65_544..65_800 {
                let rtp_time = if own { 9 } else { 5 };
                assert_eq!(found(&mut cache, 2, sequence), Some(Numbers { rtp_time, ..numbers(sequence) }));
            }
            assert_eq!((found(&mut cache, 2, 65_543), found(&mut cache, 2, 65_800)), (None, None));
        }
    }

    #[test]
    fn what_it_had_before_its_numbers_became_its_own_is_still_there() {
        let mut cache = Cache::default();
        cache.store(numbers(7), &packet(107, 0));
        let renumbered = Numbers { picture: Some((3, 4)), ..numbers(8) };
        cache.store(renumbered, &packet(108, 1));
        cache.store(numbers(9), &packet(300, 2));
        assert_eq!(
            [7, 8, 9].map(|of| found(&mut cache, 3, of)),
            [Some(numbers(7)), Some(renumbered), Some(numbers(9))]
        );
        cache.store(numbers(10), &packet(301, 5_000));
        assert!(matches!(cache.numbers, Kept::Moved(_)), "all others are forgotten");
    }

    #[test]
    fn one_sent_again_waits_its_time() {
        let mut cache = Cache::default();
        cache.store(numbers(9), &packet(9, 0));
        let mut due = |millis| cache.again(Instant::from_millis(millis), APART, 9).is_some();
        assert_eq!([due(0), due(1), due(19), due(21), due(40), due(41)], [true, false, false, true, false, true]);
    }

    #[test]
    fn a_thousand_packets_take_little_room() {
        let mut cache = Cache::default();
        for sequence in 0..1_000 {
            // 30 packets a second, of which every tenth is sent again.
            let millis = sequence * 33;
            cache.store(numbers(sequence), &packet(sequence, millis));
            if sequence % 10 == 0 {
                assert!(cache.again(Instant::from_millis(millis), APART, sequence as u16).is_some());
            }
        }
        assert!(cache.packets.capacity() <= 64 + STEP && cache.resent.len() <= 8);
    }

    #[test]
    fn it_forgets_after_two_seconds() {
        let mut cache = Cache::default();
        cache.store(numbers(7), &packet(7, 1_000));
        cache.store(numbers(8), &packet(8, 2_000));
        assert!(found(&mut cache, 3_000, 7).is_some());
        assert!(found(&mut cache, 3_001, 7).is_none());
        cache.expire(Instant::from_millis(3_001));
        assert_eq!(cache.packets.len(), 1);
        assert!(found(&mut cache, 3_001, 8).is_some());
    }
}
