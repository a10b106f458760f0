//! Whether what arrived is what was sent: to whom a frame belongs, whether its bytes are whole, whether time goes on.
//!
//! The stamp says who published a frame; an SFU that mixes up rooms or tracks cannot hide it. Payload checksums need every
//! packet of a frame opened, so they are checked on the sample of frames that is opened whole.

use crate::clock::Instant;
use crate::conference::Codec;
use crate::media::payload::frame_crc_update;
use crate::media::{Found, Stamp};

/// Whose frames a stream should carry, as indices of the plan; `None` where the target does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The room.
    pub room: u32,
    /// The publisher.
    pub publisher: Option<u32>,
    /// The media.
    pub media: Option<u16>,
}

/// What a payload's stamp says of its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is no stamp.
    Unstamped,
    /// There is one with a wrong checksum.
    BadCrc,
    /// Another room's or track's.
    Misrouted,
    /// As expected.
    Right(Stamp),
}

impl Origin {
    /// Judges an opened payload that may begin a frame.
    #[must_use]
    pub fn judge(&self, payload: &[u8]) -> Verdict {
        match Stamp::find(payload) {
            Found::None => Verdict::Unstamped,
            Found::BadCrc => Verdict::BadCrc,
            Found::Stamp(stamp, _) => {
                let ours = stamp.room == self.room
                    && self.publisher.is_none_or(|publisher| publisher == stamp.publisher)
                    && self.media.is_none_or(|media| media == stamp.media);
                if ours { Verdict::Right(stamp) } else { Verdict::Misrouted }
            }
        }
    }
}

/// RTP time that should not fall while sequence numbers rise.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeOrder {
    newest: Option<(u32, i64)>,
}

impl TimeOrder {
    /// Takes the RTP time of a packet newer than all before it: unwrapped, and whether it fell.
    pub fn handle_newer(&mut self, rtp_time: u32) -> (i64, bool) {
        let unwrapped = self.unwrap(rtp_time);
        let fell = self.newest.is_some_and(|(_, newest)| unwrapped < newest);
        self.newest = Some((rtp_time, unwrapped));
        (unwrapped, fell)
    }

    /// The RTP time of an older packet, unwrapped next to the newest.
    #[must_use]
    pub fn unwrap(&self, rtp_time: u32) -> i64 {
        let Some((last, unwrapped)) = self.newest else { return i64::from(rtp_time) };
        unwrapped + i64::from(rtp_time.wrapping_sub(last) as i32)
    }

    /// The RTP time of the newest packet, as it was sent.
    #[must_use]
    pub fn newest(&self) -> Option<u32> {
        self.newest.map(|(rtp_time, _)| rtp_time)
    }
}

/// The checksums of one picture that is opened whole, packet by packet in order: one a layer, each with its own stamp.
#[derive(Clone, Copy, Debug)]
pub struct WholeFrame {
    codec: Codec,
    rtp_time: u32,
    next: Option<i64>,
    crc: u32,
    expected: Option<(u32, Instant)>,
}

impl WholeFrame {
    /// The frame of this RTP time, of which nothing was seen.
    #[must_use]
    pub const fn new(codec: Codec, rtp_time: u32) -> Self {
        Self { codec, rtp_time, next: None, crc: 0, expected: None }
    }

    /// Its RTP time.
    #[must_use]
    pub const fn rtp_time(&self) -> u32 {
        self.rtp_time
    }

    /// Takes a packet of the picture, a stamped one first. `None`: go on. `Some`: stop, the frame ended or came out of
    /// order; the instant at which it was due when its checksum is wrong.
    pub fn handle_packet(
        &mut self,
        number: i64,
        payload: &[u8],
        marker: bool,
        stamp: Option<&Stamp>,
    ) -> Option<Option<Instant>> {
        match (self.next, stamp) {
            (None, Some(stamp)) => self.expected = Some((stamp.payload_crc, stamp.due)),
            (Some(next), Some(stamp)) if next == number => {
                if let Some(wrong) = self.wrong() {
                    return Some(Some(wrong));
                }
                (self.crc, self.expected) = (0, Some((stamp.payload_crc, stamp.due)));
            }
            (Some(next), None) if next == number => {}
            _ => return Some(None),
        }
        self.next = Some(number + 1);
        self.crc = frame_crc_update(self.codec, self.crc, payload);
        if !marker {
            return None;
        }
        Some(self.wrong())
    }

    /// When the layer at hand was due, if its checksum is wrong.
    fn wrong(&self) -> Option<Instant> {
        self.expected.and_then(|(crc, due)| (crc != self.crc).then_some(due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::STAMP_LEN;

    fn stamped(room: u32, publisher: u32, media: u16) -> Vec<u8> {
        let mut payload = vec![0x78; STAMP_LEN + 1];
        let due = Instant::from_millis(5);
        let (frame, frame_bytes, payload_crc) = (3, 50, 0);
        Stamp { layer: 0, media, publisher, room, frame, frame_bytes, due, left: None, payload_crc }
            .write(&mut payload[1..]);
        payload
    }

    #[test]
    fn a_frame_of_another_room_publisher_or_track_is_misrouted() {
        let origin = Origin { room: 1, publisher: Some(2), media: Some(3) };
        assert!(matches!(origin.judge(&stamped(1, 2, 3)), Verdict::Right(_)));
        for (room, publisher, media) in [(9, 2, 3), (1, 9, 3), (1, 2, 9)] {
            assert_eq!(origin.judge(&stamped(room, publisher, media)), Verdict::Misrouted);
        }
        let anybody = Origin { room: 1, publisher: None, media: None };
        assert!(matches!(anybody.judge(&stamped(1, 9, 9)), Verdict::Right(_)));
    }

    #[test]
    fn a_changed_stamp_is_noticed_and_a_foreign_payload_has_none() {
        let origin = Origin { room: 1, publisher: None, media: None };
        let mut payload = stamped(1, 2, 3);
        payload[20] ^= 1;
        assert_eq!(origin.judge(&payload), Verdict::BadCrc);
        assert_eq!(origin.judge(&[0x78; 100]), Verdict::Unstamped);
    }

    #[test]
    fn rtp_time_may_wrap_and_may_not_fall() {
        let mut order = TimeOrder::default();
        let start = u32::MAX - 99;
        assert_eq!(order.handle_newer(start), (i64::from(start), false));
        assert_eq!(order.handle_newer(start.wrapping_add(3_000)), (i64::from(start) + 3_000, false));
        assert_eq!(order.unwrap(start), i64::from(start));
        assert_eq!(order.handle_newer(start), (i64::from(start), true));
    }

    #[test]
    fn a_frame_opened_whole_has_the_checksum_of_its_stamp() {
        let crc = [&[0x90u8, 1, 2][..], &[0x80, 3, 4]]
            .iter()
            .fold(0, |crc, payload| frame_crc_update(Codec::Vp8, crc, payload));
        let due = Instant::from_millis(5);
        let stamp = |payload_crc| Stamp {
            layer: 0,
            media: 0,
            publisher: 0,
            room: 0,
            frame: 0,
            frame_bytes: 6,
            due,
            left: None,
            payload_crc,
        };
        let check = |payload_crc, second: &[u8], number| {
            let mut whole = WholeFrame::new(Codec::Vp8, 7);
            assert_eq!(whole.handle_packet(10, &[0x90, 1, 2], false, Some(&stamp(payload_crc))), None);
            whole.handle_packet(number, second, true, None)
        };
        assert_eq!(check(crc, &[0x80, 3, 4], 11), Some(None));
        assert_eq!(check(crc, &[0x80, 3, 5], 11), Some(Some(due)));
        assert_eq!(check(crc, &[0x80, 3, 5], 12), Some(None), "a packet is missing: not opened whole");
    }
}
