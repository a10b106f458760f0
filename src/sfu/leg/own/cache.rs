//! The packets of a stream that can be sent again: the newest ones, shared with whoever else was sent them.

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

/// One packet that can be sent again. Every subscriber of every stream has as many of these as it was sent in [`AGE`], so
/// they are small.
#[derive(Debug)]
pub(super) struct Cached {
    pub packet: Arc<Packet>,
    /// Its numbers in the stream. No stream has 2^32 packets.
    sequence: u32,
    rtp_time: u32,
    picture: (u16, u8),
    frame: u16,
    active: (u8, u8),
    /// Which of the above there are, and what else is so.
    marks: u8,
    /// When it was sent again last, in [`TICK`]s of nanoseconds; 0 for never.
    resent: u32,
}

impl Cached {
    fn new(numbers: Numbers, packet: &Arc<Packet>) -> Self {
        let Numbers { sequence, rtp_time, picture, frame, active, marker, empty } = numbers;
        let marks = [picture.is_some(), frame.is_some(), active.is_some(), marker, empty];
        Self {
            packet: Arc::clone(packet),
            sequence: sequence as u32,
            rtp_time,
            picture: picture.unwrap_or_default(),
            frame: frame.unwrap_or_default(),
            active: active.unwrap_or_default(),
            marks: marks.into_iter().fold(0, |marks, mark| marks << 1 | u8::from(mark)),
            resent: 0,
        }
    }

    /// Its numbers in the stream.
    pub fn numbers(&self) -> Numbers {
        let is = |bit: u8| self.marks >> bit & 1 == 1;
        Numbers {
            sequence: self.sequence.into(),
            rtp_time: self.rtp_time,
            picture: is(4).then_some(self.picture),
            frame: is(3).then_some(self.frame),
            active: is(2).then_some(self.active),
            marker: is(1),
            empty: is(0),
        }
    }

    /// Notes that it is sent again at `now`, unless it was within `apart` before.
    pub fn is_due_again(&mut self, now: Instant, apart: Duration) -> bool {
        let ticks = |nanos: u128| (nanos / u128::from(TICK)) as u32;
        let now = ticks(now.as_nanos().into());
        let due = self.resent == 0 || now.saturating_sub(self.resent) >= ticks(apart.as_nanos());
        if due {
            self.resent = now.max(1);
        }
        due
    }
}

/// The newest packets in the order of their numbers.
#[derive(Default, Debug)]
pub(super) struct Cache {
    packets: VecDeque<Cached>,
}

impl Cache {
    /// Keeps a packet that was sent.
    pub fn store(&mut self, numbers: Numbers, packet: &Arc<Packet>) {
        if self.packets.len() == PACKETS {
            self.packets.pop_front();
        }
        let cached = Cached::new(numbers, packet);
        match self.packets.back() {
            Some(last) if last.sequence > cached.sequence => {
                let at = self.packets.partition_point(|known| known.sequence < cached.sequence);
                self.packets.insert(at, cached);
            }
            _ => self.packets.push_back(cached),
        }
    }

    /// Forgets what is too old at `now`.
    pub fn expire(&mut self, now: Instant) {
        while self.packets.front().is_some_and(|front| front.packet.arrival + AGE < now) {
            self.packets.pop_front();
        }
    }

    /// The packet with this number in its header, while it is young enough.
    pub fn find(&mut self, now: Instant, sequence: u16) -> Option<&mut Cached> {
        let newest = self.packets.back()?.sequence;
        let wanted = newest.checked_sub(u32::from((newest as u16).wrapping_sub(sequence)))?;
        let at = self.packets.partition_point(|known| known.sequence < wanted);
        let found = self.packets.get_mut(at)?;
        (found.sequence == wanted && found.packet.arrival + AGE >= now).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::leg::FrameNumbers;
    use crate::sfu::room::TrackId;

    fn packet(millis: u64) -> Arc<Packet> {
        Arc::new(Packet {
            track: TrackId(0),
            codec: crate::conference::Codec::Vp8,
            layer: 0,
            sequence: 0,
            marker: false,
            rtp_time: 0,
            arrival: Instant::from_millis(millis),
            payload: Arc::from(&b"x"[..]),
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
        Numbers { sequence, ..Numbers::default() }
    }

    #[test]
    fn it_keeps_256_packets_around_a_wrap_and_in_any_order() {
        let mut cache = Cache::default();
        let mut order: Vec<u64> = (65_400..65_800).collect();
        order.swap(210, 213);
        order.iter().for_each(|&sequence| cache.store(numbers(sequence), &packet(1)));
        let mut found =
            |sequence: u64| cache.find(Instant::from_millis(2), sequence as u16).map(|c| c.numbers().sequence);
        for sequence in 65_544..65_800 {
            assert_eq!(found(sequence), Some(sequence));
        }
        assert_eq!((found(65_543), found(65_800)), (None, None));
    }

    #[test]
    fn an_entry_is_small_and_one_sent_again_waits_its_time() {
        assert!(size_of::<Cached>() <= 32);
        let mut cached = Cached::new(numbers(9), &packet(0));
        let all = Numbers {
            sequence: 9,
            rtp_time: 3,
            picture: Some((1, 2)),
            frame: Some(7),
            active: Some((0, 1)),
            marker: true,
            empty: true,
        };
        for numbers in
            [all, Numbers { picture: None, marker: false, ..all }, Numbers { frame: None, active: None, ..all }]
        {
            assert_eq!(Cached::new(numbers, &packet(0)).numbers(), numbers);
        }
        let mut due = |millis| cached.is_due_again(Instant::from_millis(millis), Duration::from_millis(20));
        assert_eq!([due(0), due(1), due(19), due(21), due(40), due(41)], [true, false, false, true, false, true]);
    }

    #[test]
    fn it_forgets_after_two_seconds() {
        let mut cache = Cache::default();
        cache.store(numbers(7), &packet(1_000));
        cache.store(numbers(8), &packet(2_000));
        assert!(cache.find(Instant::from_millis(3_000), 7).is_some());
        assert!(cache.find(Instant::from_millis(3_001), 7).is_none());
        cache.expire(Instant::from_millis(3_001));
        assert_eq!(cache.packets.len(), 1);
        assert!(cache.find(Instant::from_millis(3_001), 8).is_some());
    }
}
