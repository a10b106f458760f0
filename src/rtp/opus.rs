//! The first byte of an Opus packet (TOC, RFC 6716 §3.1) and how much sound a packet holds (RFC 7587 §4.2).
//!
//! Enough to write packets that a receiver takes for Opus and to read how long they last. It decodes no sound.

use crate::clock::Duration;

/// Bytes of the comfort-noise update that a silent sender with DTX sends, TOC included. RFC 7587 §3.1.3 leaves its
/// size to the encoder; this one is our choice.
pub const DTX_LEN: usize = 8;
/// Time between two of them: 20 frames of 20 ms in libopus.
pub const DTX_INTERVAL: Duration = Duration::from_millis(400);

/// The table-of-contents byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Toc(pub u8);

impl Toc {
    /// Mono, one frame of this length: hybrid fullband for 10 and 20 ms, CELT fullband below, SILK wideband above.
    /// `None` for a length that a single Opus frame cannot have.
    #[must_use]
    pub const fn for_frame(length: Duration) -> Option<Self> {
        let config = match length.as_micros() {
            2_500 => 28,
            5_000 => 29,
            10_000 => 14,
            20_000 => 15,
            40_000 => 10,
            60_000 => 11,
            _ => return None,
        };
        Some(Self(config << 3))
    }

    /// Mode, bandwidth and frame length together, 0..=31.
    #[must_use]
    pub const fn config(self) -> u8 {
        self.0 >> 3
    }

    /// Whether both channels are coded.
    #[must_use]
    pub const fn stereo(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// How frames are packed: 0 one, 1 two of equal size, 2 two, 3 as the next byte says.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0 & 0x03
    }

    /// Whether frames begin with SILK: SILK alone or hybrid, not CELT.
    #[must_use]
    pub const fn has_silk(self) -> bool {
        self.config() < 16
    }

    /// Voice activity flags of a frame: one for each 20 ms.
    const fn silk_frames(self) -> u32 {
        match self.frame_length().as_millis() {
            0..=20 => 1,
            21..=40 => 2,
            _ => 3,
        }
    }

    /// Sound in one frame.
    #[must_use]
    pub const fn frame_length(self) -> Duration {
        Duration::from_micros(match (self.config(), self.config() & 3) {
            (0..=11, 0) => 10_000,
            (0..=11, 1) => 20_000,
            (0..=11, 2) => 40_000,
            (0..=11, _) => 60_000,
            (12..=15, 0 | 2) => 10_000,
            (12..=15, _) => 20_000,
            (_, 0) => 2_500,
            (_, 1) => 5_000,
            (_, 2) => 10_000,
            _ => 20_000,
        })
    }
}

/// Bytes of the beginning of a SILK frame that [`silk_header`] is.
pub const SILK_HEADER_LEN: usize = 1;

/// The byte after the TOC of a mono packet with SILK in it (RFC 6716 §4.2.3): a voice activity flag for each 20 ms, then
/// the flag that low bit-rate redundancy (LBRR, the in-band FEC) of the packet before follows. The rest are ones.
#[must_use]
pub const fn silk_header(toc: Toc, voice: bool, redundant: bool) -> u8 {
    let flags = toc.silk_frames();
    let voiced = if voice { 0xFF << (8 - flags) } else { 0 };
    voiced as u8 | (redundant as u8) << (7 - flags) | 0x7F >> flags
}

/// Whether a packet brings the packet before it again at a low rate (LBRR, RFC 6716 §2.1.7). Read of mono packets with one
/// frame, as WebRTC sends them; of others it is `false`.
#[must_use]
pub fn has_redundancy(payload: &[u8]) -> bool {
    let [toc, header, ..] = *payload else { return false };
    let toc = Toc(toc);
    let single = toc.has_silk() && !toc.stereo() && toc.code() == 0;
    single && !is_dtx(payload) && header >> (7 - toc.silk_frames()) & 1 == 1
}

/// Sound in a packet; `None` when it is empty, malformed or says more than the 120 ms that a packet may hold.
#[must_use]
pub fn duration(payload: &[u8]) -> Option<Duration> {
    let toc = Toc(*payload.first()?);
    let frames = match toc.code() {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(payload.get(1)? & 0x3F),
    };
    let duration = toc.frame_length() * frames;
    (frames > 0 && duration <= Duration::from_millis(120)).then_some(duration)
}

/// Whether the packet is as small as a comfort-noise update (or smaller: a TOC alone says that a frame was not sent).
#[must_use]
pub const fn is_dtx(payload: &[u8]) -> bool {
    payload.len() <= DTX_LEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail(bytes in proptest::collection::vec(any::<u8>(), 0..4)) {
            if let Some(duration) = duration(&bytes) {
                prop_assert!(duration >= Duration::from_micros(2_500) && duration <= Duration::from_millis(120));
            }
            let _ = (is_dtx(&bytes), has_redundancy(&bytes));
        }
    }

    #[test]
    fn the_redundancy_flag_follows_the_voice_flags() {
        for (millis, expected) in [(10, 0b1111_1111u8), (20, 0b1111_1111), (40, 0b1111_1111), (60, 0b1111_1111)] {
            let toc = Toc::for_frame(Duration::from_millis(millis)).unwrap();
            assert_eq!(silk_header(toc, true, true), expected);
            for voice in [false, true] {
                for redundant in [false, true] {
                    let payload = [&[toc.0, silk_header(toc, voice, redundant)][..], &[1; 60]].concat();
                    assert_eq!(has_redundancy(&payload), redundant, "{millis} ms");
                    assert!(!has_redundancy(&payload[..DTX_LEN]), "comfort noise");
                }
            }
        }
        assert_eq!(silk_header(Toc(15 << 3), false, false), 0b0011_1111);
        assert_eq!(silk_header(Toc(11 << 3), false, true), 0b0001_1111);
        // CELT alone, stereo, and two frames a packet.
        for toc in [28 << 3, 15 << 3 | 4, 15 << 3 | 1] {
            assert!(!has_redundancy(&[&[toc, 0xFF][..], &[1; 60]].concat()));
        }
    }

    #[test]
    fn a_written_toc_lasts_as_long_as_asked() {
        for micros in [2_500, 5_000, 10_000, 20_000, 40_000, 60_000] {
            let length = Duration::from_micros(micros);
            let toc = Toc::for_frame(length).unwrap();
            assert_eq!((toc.frame_length(), toc.code(), toc.stereo()), (length, 0, false));
            assert_eq!(duration(&[toc.0, 1]), Some(length));
        }
        assert_eq!(Toc::for_frame(Duration::from_millis(30)), None);
    }

    #[test]
    fn packets_of_several_frames_last_their_sum() {
        // Config 31 is CELT fullband of 20 ms (RFC 6716, Table 2).
        assert_eq!(duration(&[31 << 3 | 1]), Some(Duration::from_millis(40)));
        assert_eq!(duration(&[31 << 3 | 3, 6]), Some(Duration::from_millis(120)));
        assert_eq!(duration(&[31 << 3 | 3, 7]), None);
        assert_eq!(duration(&[31 << 3 | 3, 0]), None);
        assert_eq!(duration(&[31 << 3 | 3]), None);
        assert_eq!(duration(&[]), None);
    }
}
