//! The packets of a stream that can be sent again: the newest ones, shared with whoever else was sent them.

use super::super::Packet;
use crate::clock::{Duration, Instant};
use crate::sfu::room::Numbers;
use std::collections::VecDeque;
use std::sync::Arc;

/// Packets kept; at 110 packets/s over two seconds.
const PACKETS: usize = 256;
/// How long they are kept.
const AGE: Duration = Duration::from_secs(3);

/// One packet that can be sent again.
#[derive(Debug)]
pub(super) struct Cached {
    /// Its numbers in the stream.
    pub numbers: Numbers,
    pub packet: Arc<Packet>,
    /// When it was sent again last; [`Instant::ZERO`] for never.
    pub resent: Instant,
}

/// The newest packets in the order of their numbers.
#[derive(Default, Debug)]
pub(super) struct Cache {
    packets: VecDeque<Cached>,
}

impl Cache {
    /// Keeps a packet that was sent.
    pub fn store(&mut self, numbers: Numbers, packet: &Arc<Packet>) {
        let sequence = numbers.sequence;
        if self.packets.len() == PACKETS {
            self.packets.pop_front();
        }
        let cached = Cached { numbers, packet: Arc::clone(packet), resent: Instant::ZERO };
        match self.packets.back() {
            Some(last) if last.numbers.sequence > sequence => {
                let at = self.packets.partition_point(|known| known.numbers.sequence < sequence);
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
        let newest = self.packets.back()?.numbers.sequence;
        let wanted = newest.checked_sub(u64::from((newest as u16).wrapping_sub(sequence)))?;
        let at = self.packets.partition_point(|known| known.numbers.sequence < wanted);
        let found = self.packets.get_mut(at)?;
        (found.numbers.sequence == wanted && found.packet.arrival + AGE >= now).then_some(found)
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
            layer: 0,
            sequence: 0,
            marker: false,
            rtp_time: 0,
            arrival: Instant::from_millis(millis),
            payload: Arc::from(&b"x"[..]),
            audio_level: None,
            capture_time: None,
            descriptor: None,
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
            |sequence: u64| cache.find(Instant::from_millis(2), sequence as u16).map(|c| c.numbers.sequence);
        for sequence in 65_544..65_800 {
            assert_eq!(found(sequence), Some(sequence));
        }
        assert_eq!((found(65_543), found(65_800)), (None, None));
    }

    #[test]
    fn it_forgets_after_three_seconds() {
        let mut cache = Cache::default();
        cache.store(numbers(7), &packet(1_000));
        cache.store(numbers(8), &packet(2_000));
        assert!(cache.find(Instant::from_millis(4_000), 7).is_some());
        assert!(cache.find(Instant::from_millis(4_001), 7).is_none());
        cache.expire(Instant::from_millis(4_001));
        assert_eq!(cache.packets.len(), 1);
        assert!(cache.find(Instant::from_millis(4_001), 8).is_some());
    }
}
