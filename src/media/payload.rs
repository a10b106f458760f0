//! The payload of one RTP packet as a short prefix of its own and a run of a filler that all packets share.
//!
//! A cache of sent packets keeps [`Payload`]s (32 bytes each) instead of media, so retransmissions copy nothing. The
//! filler stands for entropy-coded data: no byte of it is zero, so nothing in it looks like a start code of H.264, none
//! is a `T`, so no stamp seems to begin in it, and every 64th byte is `0x80`, which can end an H.264 NAL unit. A
//! frame's filler runs on from packet to packet, so a lost, swapped or foreign piece changes its CRC.

use super::stamp::{STAMP_LEN, Stamp};
use crate::conference::Codec;
use crate::rtp::opus::{self, SILK_HEADER_LEN, Toc};
use crate::rtp::{av1, h264, vp8, vp9};
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};

/// The most bytes of payload in one packet. 1,200 bytes of UDP payload hold 12 of RTP header, 32 of header extensions,
/// 2 of RTX sequence number and 16 of SRTP tag besides, and 18 are kept free for longer extensions.
pub const MAX_PAYLOAD: usize = 1_120;
/// The most bytes of a packet's own prefix, where it repeats no packets before it.
pub const MAX_PREFIX: usize = 112;
/// The filler repeats after so many bytes.
pub(super) const PERIOD: usize = 8_192;
/// In the filler, each byte whose index is one below a multiple of this is `0x80`.
pub(super) const END_EVERY: usize = 64;
const UNSTAMPED: u16 = u16::MAX;
/// No stamp, but the beginning of a frame whose capture time goes into a header extension.
const CAPTURED: u16 = u16::MAX - 1;
static FILLER: [u8; PERIOD + MAX_PAYLOAD] = filler();

const fn filler() -> [u8; PERIOD + MAX_PAYLOAD] {
    let mut bytes = [0x80; PERIOD + MAX_PAYLOAD];
    let mut state: u32 = 0x7468_726F;
    let mut at = 0;
    while at < bytes.len() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        if at >= PERIOD {
            bytes[at] = bytes[at - PERIOD];
        } else if at % END_EVERY != END_EVERY - 1 {
            let byte = (state >> 24) as u8;
            bytes[at] = if byte == 0 || byte == b'T' { 0x55 } else { byte };
        }
        at += 1;
    }
    bytes
}

/// The payload of one RTP packet.
#[derive(Clone)]
pub struct Payload {
    prefix: Prefix,
    stamp_at: u16,
    filler_at: u16,
    filler_len: u16,
}

/// Most packets have a descriptor of a few bytes; only the first of a frame has headers and a stamp.
#[derive(Clone)]
enum Prefix {
    Short([u8; SHORT], u8),
    Long(Arc<[u8]>),
}

/// Bytes of a prefix that are kept in place.
const SHORT: usize = 14;

impl Prefix {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes, length) => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl Payload {
    /// `prefix`, then `filler_len` bytes of filler from its byte `filler_at` on (it repeats).
    ///
    /// # Panics
    /// When the whole is longer than [`MAX_PAYLOAD`].
    #[must_use]
    pub fn new(prefix: &[u8], filler_at: usize, filler_len: usize) -> Self {
        assert!(prefix.len() + filler_len <= MAX_PAYLOAD, "{} bytes of payload", prefix.len() + filler_len);
        let mut short = [0; SHORT];
        let prefix = match short.get_mut(..prefix.len()) {
            Some(place) => {
                place.copy_from_slice(prefix);
                Prefix::Short(short, prefix.len() as u8)
            }
            None => Prefix::Long(prefix.into()),
        };
        Self { prefix, stamp_at: UNSTAMPED, filler_at: (filler_at % PERIOD) as u16, filler_len: filler_len as u16 }
    }

    /// A payload of which nothing is filler, shared by all who send it; `stamp_at` is where its stamp begins.
    ///
    /// # Panics
    /// When it is longer than [`MAX_PAYLOAD`].
    #[must_use]
    pub fn whole(bytes: Arc<[u8]>, stamp_at: Option<usize>) -> Self {
        assert!(bytes.len() <= MAX_PAYLOAD, "{} bytes of payload", bytes.len());
        let stamp_at = stamp_at.map_or(UNSTAMPED, |at| at as u16);
        Self { prefix: Prefix::Long(bytes), stamp_at, filler_at: 0, filler_len: 0 }
    }

    /// The same where a header extension says when the frame was due, because nothing in the payload can.
    #[must_use]
    pub fn captured(self) -> Self {
        Self { stamp_at: CAPTURED, ..self }
    }

    /// Whether a header extension is to say when its frame was due.
    #[must_use]
    pub const fn is_captured(&self) -> bool {
        self.stamp_at == CAPTURED
    }

    /// Writes `stamp` into the prefix, which keeps [`STAMP_LEN`] bytes free for it at its end.
    ///
    /// # Panics
    /// When the prefix is shorter than a stamp, or the payload was copied already.
    pub fn stamp(&mut self, stamp: &Stamp) {
        let Prefix::Long(bytes) = &mut self.prefix else { panic!("a stamp does not fit") };
        let bytes = Arc::get_mut(bytes).expect("a payload is stamped before it is copied");
        let at = bytes.len() - STAMP_LEN;
        stamp.write(&mut bytes[at..]);
        self.stamp_at = at as u16;
    }

    /// Bytes of payload.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a payload is never empty")]
    pub fn len(&self) -> usize {
        self.prefix.bytes().len() + self.filler_len as usize
    }

    /// Appends the payload to `out`.
    pub fn write_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.bytes());
        out.extend_from_slice(self.filler());
    }

    /// Where in the payload its stamp begins, for [`Stamp::patch_left`]; `None` when it carries none.
    #[must_use]
    pub fn stamp_at(&self) -> Option<usize> {
        (self.stamp_at < CAPTURED).then_some(usize::from(self.stamp_at))
    }

    /// The bytes of filler.
    #[must_use]
    pub fn filler(&self) -> &'static [u8] {
        let at = usize::from(self.filler_at);
        &FILLER[at..at + usize::from(self.filler_len)]
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({:02x?} + {} filler)", self.prefix.bytes(), self.filler_len)
    }
}

/// A run of the filler that all packets share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Filler {
    at: u16,
    len: u16,
}

impl Filler {
    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> &'static [u8] {
        &FILLER[usize::from(self.at)..][..usize::from(self.len)]
    }

    /// How many those are.
    #[must_use]
    pub fn len(self) -> usize {
        self.len.into()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The sum of its bytes.
    #[must_use]
    pub fn sum(self) -> u64 {
        static SUMS: LazyLock<Vec<u32>> = LazyLock::new(|| {
            let sums = FILLER.iter().scan(0, |sum, byte| {
                *sum += u32::from(*byte);
                Some(*sum)
            });
            std::iter::once(0).chain(sums).collect()
        });
        let at = usize::from(self.at);
        u64::from(SUMS[at + self.len()] - SUMS[at])
    }
}

/// Splits a payload into what it has of its own and the filler that it ends in; without any where that is too short to be
/// told from others. Total: of foreign bytes nothing is filler.
#[must_use]
pub fn fold(payload: &[u8]) -> (&[u8], Filler) {
    let none = (payload, Filler::default());
    let Some(place) = payload.last_chunk::<KNOWN>().and_then(|last| places().get(last)) else { return none };
    // It repeats, so that the later of two places has more before it.
    let place = usize::from(*place) + KNOWN;
    let end = if place + PERIOD <= FILLER.len() { place + PERIOD } else { place };
    let (theirs, ours) = (payload.rchunks(KNOWN), FILLER[..end].rchunks(KNOWN));
    let mut len = KNOWN * theirs.zip(ours).take_while(|(a, b)| a.len() == KNOWN && a == b).count();
    let own = |at: usize| at < payload.len().min(end) && payload[payload.len() - 1 - at] == FILLER[end - 1 - at];
    while own(len) {
        len += 1;
    }
    if len < WORTH {
        return none;
    }
    (&payload[..payload.len() - len], Filler { at: (end - len) as u16, len: len as u16 })
}

/// So many bytes of the filler stand at one place of it only.
const KNOWN: usize = 8;
/// Less filler than this is kept where it is.
const WORTH: usize = 48;

/// Where in the filler each run of [`KNOWN`] bytes begins.
fn places() -> &'static FxHashMap<[u8; KNOWN], u16> {
    static PLACES: LazyLock<FxHashMap<[u8; KNOWN], u16>> = LazyLock::new(|| {
        let runs = FILLER.windows(KNOWN).filter_map(|run| run.first_chunk().copied());
        runs.zip(0..PERIOD as u16).collect()
    });
    &PLACES
}

/// The filler in an opened payload: what follows the payload format's header, the codec's header and the stamp. Total:
/// of a foreign or malformed payload it is whatever would stand there, or nothing.
#[must_use]
pub fn filler_of(codec: Codec, payload: &[u8]) -> &[u8] {
    match codec {
        Codec::Opus => opus_filler(payload).unwrap_or_default(),
        Codec::Vp8 => vp8_filler(payload).unwrap_or_default(),
        Codec::H264 => h264_filler(payload).unwrap_or_default(),
        Codec::Vp9 => vp9_filler(payload).unwrap_or_default(),
        Codec::Av1 => av1_filler(payload).unwrap_or_default(),
    }
}

/// The CRC-32 of a frame's filler, with one more of its packets: 0 before the first one, all packets in order, and equal
/// to [`Stamp::payload_crc`] after the last.
#[must_use]
pub fn frame_crc_update(codec: Codec, crc: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(crc);
    hasher.update(filler_of(codec, payload));
    hasher.finalize()
}

/// Comfort noise has nothing before its filler but the TOC.
fn opus_filler(payload: &[u8]) -> Option<&[u8]> {
    let head = if Toc(*payload.first()?).has_silk() && !opus::is_dtx(payload) { 1 + SILK_HEADER_LEN } else { 1 };
    payload.get(head..).map(after_stamp)
}

fn vp8_filler(payload: &[u8]) -> Option<&[u8]> {
    let packet = vp8::parse(payload)?;
    let frame = &payload[packet.descriptor.len..];
    match packet.header {
        Some(header) => frame.get(vp8::FrameHeader::len(header.keyframe)..).map(after_stamp),
        None => Some(frame),
    }
}

fn vp9_filler(payload: &[u8]) -> Option<&[u8]> {
    let packet = vp9::parse(payload)?;
    let frame = &payload[packet.descriptor.len..];
    match packet.header {
        Some(header) => frame.get(vp9::FrameHeader::len(header.keyframe)..).map(after_stamp),
        None => Some(frame),
    }
}

fn av1_filler(payload: &[u8]) -> Option<&[u8]> {
    let packet = av1::parse(payload)?;
    let (last, before) = packet.pieces().fold((None, 0), |(_, count), piece| (Some(piece), count + 1));
    let last = last?;
    if packet.continues && before == 1 {
        return Some(last);
    }
    let obu = av1::Obu::parse(last).filter(|obu| obu.kind == av1::FRAME)?;
    last.get(obu.header_len() + av1::FRAME_HEADER_LEN..).map(after_stamp)
}

fn h264_filler(payload: &[u8]) -> Option<&[u8]> {
    match h264::parse(payload)? {
        h264::Packet::Single(nal) => nal.get(h264::headers::SLICE_LEN..).map(after_stamp),
        h264::Packet::Aggregate(mut nals) => nals.find_map(h264::headers::read_sei).map(after_stamp),
        h264::Packet::Fragment(fragment) if fragment.starts => {
            fragment.bytes.get(h264::headers::SLICE_LEN - 1..).map(after_stamp)
        }
        h264::Packet::Fragment(fragment) => Some(fragment.bytes),
    }
}

fn after_stamp(bytes: &[u8]) -> &[u8] {
    if Stamp::begins(bytes) { &bytes[STAMP_LEN..] } else { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Found;
    use proptest::prelude::*;

    #[test]
    fn filler_holds_no_start_code_and_no_stamp() {
        assert!(!FILLER.contains(&0) && !FILLER.contains(&b'T'));
        assert!((END_EVERY - 1..FILLER.len()).step_by(END_EVERY).all(|at| FILLER[at] == 0x80));
        assert_eq!(places().len(), PERIOD, "each run is at one place");
        assert!(FILLER[..PERIOD].chunks(END_EVERY).skip(1).all(|chunk| chunk != &FILLER[..END_EVERY]));
    }

    #[test]
    fn a_payload_is_small_enough_to_be_kept() {
        assert!(size_of::<Payload>() <= 32);
    }

    #[test]
    fn a_payload_writes_its_prefix_and_then_filler() {
        let payload = Payload::new(&[1, 2, 3], PERIOD - 1, 4);
        let mut out = vec![9];
        payload.write_into(&mut out);
        assert_eq!(out, [9, 1, 2, 3, FILLER[PERIOD - 1], FILLER[0], FILLER[1], FILLER[2]]);
        assert_eq!((payload.len(), payload.stamp_at()), (7, None));
    }

    proptest! {
        #[test]
        fn filler_of_arbitrary_bytes_never_fails(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for codec in Codec::ALL {
                prop_assert!(filler_of(codec, &bytes).len() <= bytes.len());
                let _ = frame_crc_update(codec, 7, &bytes);
            }
        }

        #[test]
        fn any_run_of_filler_fits_and_holds_no_stamp(at in 0usize..100_000, len in 0usize..=MAX_PAYLOAD) {
            let mut out = Vec::new();
            Payload::new(&[], at, len).write_into(&mut out);
            prop_assert_eq!(out.len(), len);
            prop_assert_eq!(Stamp::find(&out), Found::None);
        }
    }
}
