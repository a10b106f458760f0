//! The payload stamp: who sent a frame, which one, when it was due and when it left, carried inside the frame itself.
//!
//! An SFU rewrites SSRC, sequence numbers, RTP times and picture ids, but not what a codec wrote; so delay, misrouting
//! and torn frames are read from here. The stamp is in the clear only inside SRTP: a reader opens the packet first and
//! searches it with [`Stamp::find`]. It is not an RTP header extension, and no SFU knows about it.
//! The layout is our own (version 1, 49 bytes, big endian):
//! `THRG` · version u8 · mask u8 · layer u8 · media u16 · publisher u32 · room u32 · frame u32 · frame bytes u32 ·
//! due u64 µs · left u64 µs · payload CRC u32 · CRC u32. What follows the mask is xored with it, and the mask is a byte
//! that does not occur there: no byte of a stamp is zero, so none can look like a start code of H.264 (Annex B).

use crate::clock::Instant;

/// Bytes of a stamp in a payload.
pub const STAMP_LEN: usize = 49;
/// A stamp begins within so many bytes of a payload, or [`Stamp::find`] does not see it.
pub const SEARCH_LEN: usize = 128;
const MAGIC: [u8; 4] = *b"THRG";
const VERSION: u8 = 1;
const MASK_AT: usize = 5;
const FIELDS_AT: usize = 6;
const LEFT_AT: usize = 33;
const CRC_AT: usize = 45;
const NOT_LEFT: u64 = u64::MAX;

/// What a frame says about itself. Times are kept in whole microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Simulcast layer, 0 where there is one.
    pub layer: u8,
    /// Index of the publisher's media.
    pub media: u16,
    /// Index of the publisher in the run.
    pub publisher: u32,
    /// Index of the room in the run.
    pub room: u32,
    /// Number of the frame in its track, from 0.
    pub frame: u32,
    /// Bytes of RTP payload of the whole frame, as its publisher sent it.
    pub frame_bytes: u32,
    /// When the frame was due at its publisher.
    pub due: Instant,
    /// When the frame's first packet left the publisher's emulated network; `None` until somebody says so.
    pub left: Option<Instant>,
    /// CRC-32 over the filler bytes of the frame in packet order (`payload::filler_of`).
    pub payload_crc: u32,
}

/// What [`Stamp::find`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// No stamp begins here.
    None,
    /// A stamp begins here, but it is cut off, of an unknown version, or its CRC does not fit.
    BadCrc,
    /// A stamp, and where in the payload it begins.
    Stamp(Stamp, usize),
}

impl Stamp {
    /// Writes the stamp over the first [`STAMP_LEN`] bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than that.
    pub fn write(&self, out: &mut [u8]) {
        let mut bytes = [0; STAMP_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[6] = self.layer;
        bytes[7..9].copy_from_slice(&self.media.to_be_bytes());
        bytes[9..13].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[13..17].copy_from_slice(&self.room.to_be_bytes());
        bytes[17..21].copy_from_slice(&self.frame.to_be_bytes());
        bytes[21..25].copy_from_slice(&self.frame_bytes.to_be_bytes());
        bytes[25..33].copy_from_slice(&self.due.as_micros().to_be_bytes());
        bytes[LEFT_AT..41].copy_from_slice(&self.left.map_or(NOT_LEFT, Instant::as_micros).to_be_bytes());
        bytes[41..45].copy_from_slice(&self.payload_crc.to_be_bytes());
        seal(&mut bytes);
        out[..STAMP_LEN].copy_from_slice(&bytes);
    }

    /// Rewrites when the frame left, in the stamp that begins at the first byte of `at`. Says whether one begins there.
    pub fn patch_left(at: &mut [u8], left: Instant) -> bool {
        let Some(mut bytes) = unmasked(at) else { return false };
        bytes[LEFT_AT..41].copy_from_slice(&left.as_micros().to_be_bytes());
        seal(&mut bytes);
        at[..STAMP_LEN].copy_from_slice(&bytes);
        true
    }

    /// Searches the beginning of an opened payload, whatever its codec, and never fails on foreign bytes.
    #[must_use]
    pub fn find(payload: &[u8]) -> Found {
        let searched = &payload[..payload.len().min(SEARCH_LEN + MAGIC.len() - 1)];
        let mut found = Found::None;
        for at in searched.windows(MAGIC.len()).enumerate().filter(|(_, bytes)| *bytes == MAGIC).map(|(at, _)| at) {
            if let Some(stamp) = Self::read(&payload[at..]) {
                return Found::Stamp(stamp, at);
            }
            found = Found::BadCrc;
        }
        found
    }

    /// Reads the stamp that begins at the first byte; `None` when there is none or its CRC does not fit.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = unmasked(bytes)?;
        if u32_at(&bytes, CRC_AT) != crc32fast::hash(&bytes[..CRC_AT]) {
            return None;
        }
        let left = u64_at(&bytes, LEFT_AT);
        Some(Self {
            layer: bytes[6],
            media: u16::from_be_bytes([bytes[7], bytes[8]]),
            publisher: u32_at(&bytes, 9),
            room: u32_at(&bytes, 13),
            frame: u32_at(&bytes, 17),
            frame_bytes: u32_at(&bytes, 21),
            due: instant(u64_at(&bytes, 25)),
            left: (left != NOT_LEFT).then(|| instant(left)),
            payload_crc: u32_at(&bytes, 41),
        })
    }

    /// Whether a stamp seems to begin at the first byte: its magic and its length fit.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.len() >= STAMP_LEN && bytes.starts_with(&MAGIC)
    }
}

/// The fields in the clear, with a mask of zero as the CRC sees them.
fn unmasked(bytes: &[u8]) -> Option<[u8; STAMP_LEN]> {
    let mut bytes: [u8; STAMP_LEN] = bytes.get(..STAMP_LEN)?.try_into().ok()?;
    if bytes[..4] != MAGIC || bytes[4] != VERSION {
        return None;
    }
    let mask = std::mem::take(&mut bytes[MASK_AT]);
    bytes[FIELDS_AT..].iter_mut().for_each(|byte| *byte ^= mask);
    Some(bytes)
}

/// Sets the CRC, then the mask.
fn seal(bytes: &mut [u8; STAMP_LEN]) {
    let crc = crc32fast::hash(&bytes[..CRC_AT]);
    bytes[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
    // 43 bytes cannot occupy all of 1..=63, so the first word always has a free value.
    let taken = bytes[FIELDS_AT..].iter().filter(|byte| **byte < 64).fold(1u64, |taken, byte| taken | 1 << byte);
    let mask = taken.trailing_ones() as u8;
    bytes[MASK_AT] = mask;
    bytes[FIELDS_AT..].iter_mut().for_each(|byte| *byte ^= mask);
}

fn u32_at(bytes: &[u8; STAMP_LEN], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; STAMP_LEN], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 4))
}

/// An instant from microseconds that came from a network, so they may be any number.
fn instant(micros: u64) -> Instant {
    Instant::from_nanos(micros.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_stamp() -> impl Strategy<Value = Stamp> {
        let ids = (any::<u8>(), any::<u16>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
        (ids, 0..u64::MAX / 2_000, proptest::option::of(0..u64::MAX / 2_000)).prop_map(|(ids, due, left)| Stamp {
            layer: ids.0,
            media: ids.1,
            publisher: ids.2,
            room: ids.3,
            frame: ids.4,
            frame_bytes: ids.5,
            payload_crc: ids.6,
            due: Instant::from_micros(due),
            left: left.map(Instant::from_micros),
        })
    }

    fn zeros() -> Stamp {
        let due = Instant::ZERO;
        Stamp { layer: 0, media: 0, publisher: 0, room: 0, frame: 0, frame_bytes: 0, due, left: None, payload_crc: 0 }
    }

    proptest! {
        #[test]
        fn a_stamp_is_read_as_written_wherever_it_stands(stamp in any_stamp(), before in 0usize..SEARCH_LEN) {
            let mut payload = vec![0xA5; before + STAMP_LEN + 10];
            stamp.write(&mut payload[before..]);
            prop_assert_eq!(Stamp::find(&payload), Found::Stamp(stamp, before));
            prop_assert!(!payload[before..before + STAMP_LEN].contains(&0), "a zero byte could begin a start code");
        }

        #[test]
        fn leaving_changes_nothing_but_when_it_left(stamp in any_stamp(), left in 0..u64::MAX / 2_000) {
            let mut bytes = [0; STAMP_LEN];
            stamp.write(&mut bytes);
            prop_assert!(Stamp::patch_left(&mut bytes, Instant::from_micros(left)));
            prop_assert_eq!(Stamp::read(&bytes), Some(Stamp { left: Some(Instant::from_micros(left)), ..stamp }));
            prop_assert!(!bytes.contains(&0));
        }

        #[test]
        fn any_changed_bit_is_noticed(stamp in any_stamp(), bit in 0usize..STAMP_LEN * 8) {
            let mut bytes = [0; STAMP_LEN];
            stamp.write(&mut bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Stamp::read(&bytes), None);
            prop_assert_eq!(Stamp::find(&bytes), if bit < 32 { Found::None } else { Found::BadCrc });
        }

        #[test]
        fn searching_arbitrary_bytes_never_fails(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..300) {
            let _ = Stamp::find(&bytes);
            if let Some(room) = bytes.get_mut(at..at + 4) {
                room.copy_from_slice(&MAGIC);
            }
            prop_assert!(!matches!(Stamp::find(&bytes), Found::Stamp(..)));
            let _ = Stamp::patch_left(&mut bytes, Instant::ZERO);
        }
    }

    #[test]
    fn a_stamp_beyond_the_search_or_cut_off_is_not_read() {
        let mut payload = vec![1; 300];
        zeros().write(&mut payload[SEARCH_LEN..]);
        assert_eq!(Stamp::find(&payload), Found::None);
        let mut payload = vec![1; 60];
        zeros().write(&mut payload[11..]);
        assert_eq!(Stamp::find(&payload), Found::Stamp(zeros(), 11));
        assert_eq!(Stamp::find(&payload[..59]), Found::BadCrc);
        assert!(!Stamp::patch_left(&mut payload[10..], Instant::ZERO));
    }

    #[test]
    fn a_time_too_large_for_the_clock_is_read_as_its_end() {
        let mut bytes = [0; STAMP_LEN];
        zeros().write(&mut bytes);
        let mut clear = unmasked(&bytes).unwrap();
        clear[25..33].copy_from_slice(&u64::MAX.to_be_bytes());
        seal(&mut clear);
        assert_eq!(Stamp::read(&clear).unwrap().due, Instant::MAX);
    }
}
