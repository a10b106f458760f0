//! What a publisher says over a data channel: messages of one size at a steady rate, each with a stamp.

use super::stamp::{STAMP_LEN, Stamp};
use crate::clock::{Duration, Instant};
use crate::conference::Reliability;

/// A data channel of a scenario.
#[derive(Clone, PartialEq, Debug)]
pub struct ChannelPlan {
    /// Its name, as `[media.*]` has it.
    pub name: String,
    /// Bytes of each message, the stamp included.
    pub message: usize,
    /// Messages a second.
    pub rate: f64,
    /// Whether they are handed on in order.
    pub ordered: bool,
    /// How hard the sender tries.
    pub reliability: Reliability,
}

impl ChannelPlan {
    /// Time from one message to the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }
}

/// What a received message turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checked {
    /// Whole: what its stamp says.
    Whole(Stamp),
    /// Its stamp fits, and the rest of it does not.
    Torn,
    /// It has no stamp, or one with a wrong checksum.
    Unstamped,
}

/// Writes a message of `length` bytes, at least those of a stamp, into `out`.
pub fn write(out: &mut Vec<u8>, length: usize, identity: super::Identity, number: u32, due: Instant, left: Instant) {
    out.clear();
    out.resize(length.max(STAMP_LEN), 0);
    // Any filler would do: one that differs from message to message, so that two of them cannot be spliced unseen.
    for (index, byte) in out.iter_mut().enumerate().skip(STAMP_LEN) {
        *byte = (index as u32).wrapping_mul(0x9E37_79B1).wrapping_add(number) as u8;
    }
    let super::Identity { publisher, room, media } = identity;
    let stamp = Stamp {
        layer: 0,
        media,
        publisher,
        room,
        frame: number,
        frame_bytes: out.len() as u32,
        due,
        left: Some(left),
        payload_crc: crc32fast::hash(&out[STAMP_LEN..]),
    };
    stamp.write(out);
}

/// Reads a message.
#[must_use]
pub fn check(message: &[u8]) -> Checked {
    match Stamp::read(message) {
        None => Checked::Unstamped,
        Some(stamp) if stamp.frame_bytes as usize != message.len() => Checked::Torn,
        Some(stamp) if stamp.payload_crc != crc32fast::hash(&message[STAMP_LEN..]) => Checked::Torn,
        Some(stamp) => Checked::Whole(stamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Identity;
    use proptest::prelude::*;

    #[test]
    fn a_message_says_who_sent_it_and_when_and_shows_what_was_changed() {
        let identity = Identity { publisher: 3, room: 1, media: 4 };
        let mut message = Vec::new();
        write(&mut message, 1_000, identity, 7, Instant::from_millis(20), Instant::from_millis(21));
        assert!(message.starts_with(b"THRG") && message.len() == 1_000);
        let Checked::Whole(stamp) = check(&message) else { panic!("whole") };
        assert_eq!((stamp.publisher, stamp.room, stamp.media, stamp.frame), (3, 1, 4, 7));
        assert_eq!(stamp.due, Instant::from_millis(20));
        message[500] ^= 1;
        assert_eq!(check(&message), Checked::Torn);
        message[500] ^= 1;
        assert_eq!(check(&message[..999]), Checked::Torn);
        message[20] ^= 1;
        assert_eq!(check(&message), Checked::Unstamped);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = check(&bytes);
        }
    }
}
