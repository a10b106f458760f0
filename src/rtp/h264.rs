//! The H.264 payload format in packetization-mode 1 (RFC 6184): single NAL units, STAP-A and FU-A.
//!
//! Reads any packet and says whether a keyframe begins with it. Writes the two prefixes that a sender needs (aggregation
//! and fragmentation); the parameter sets and slice headers inside are made by [`headers`]. It decodes no picture.
//! STAP-B, MTAP and FU-B belong to mode 2 and are not packets here.

pub mod headers;

/// NAL unit type of a slice of an ordinary picture.
pub const SLICE: u8 = 1;
/// NAL unit type of a slice of an IDR picture.
pub const IDR: u8 = 5;
/// NAL unit type of supplemental enhancement information.
pub const SEI: u8 = 6;
/// NAL unit type of a sequence parameter set.
pub const SPS: u8 = 7;
/// NAL unit type of a picture parameter set.
pub const PPS: u8 = 8;
/// Bytes in front of a fragment: FU indicator and FU header.
pub const FRAGMENT_PREFIX_LEN: usize = 2;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// What a packet's payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    /// One whole NAL unit, header included.
    Single(&'a [u8]),
    /// Several whole NAL units (STAP-A).
    Aggregate(Aggregate<'a>),
    /// A piece of one NAL unit (FU-A).
    Fragment(Fragment<'a>),
}

/// The NAL units of a STAP-A, in order. Iteration ends at the first unit that is empty or cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aggregate<'a>(&'a [u8]);

impl<'a> Iterator for Aggregate<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (size, rest) = self.0.split_first_chunk::<2>()?;
        let (nal, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
        self.0 = rest;
        (!nal.is_empty()).then_some(nal)
    }
}

/// A piece of a NAL unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment<'a> {
    /// The first piece (S).
    pub starts: bool,
    /// The last piece (E).
    pub ends: bool,
    /// The header of the whole NAL unit, put together again.
    pub nal_header: u8,
    /// Bytes of the piece, NAL header not included.
    pub bytes: &'a [u8],
}

/// Reads a payload; `None` when it is empty, cut off, or of a type that mode 1 does not know.
#[must_use]
pub fn parse(payload: &[u8]) -> Option<Packet<'_>> {
    let (indicator, rest) = payload.split_first()?;
    match nal_type(*indicator) {
        1..=23 => Some(Packet::Single(payload)),
        STAP_A => Some(Packet::Aggregate(Aggregate(rest))),
        FU_A => {
            let (header, bytes) = rest.split_first()?;
            Some(Packet::Fragment(Fragment {
                starts: header & 0x80 != 0,
                ends: header & 0x40 != 0,
                nal_header: indicator & 0xE0 | header & 0x1F,
                bytes,
            }))
        }
        _ => None,
    }
}

/// The type in a NAL unit's first byte, 0..=31.
#[must_use]
pub const fn nal_type(header: u8) -> u8 {
    header & 0x1F
}

/// Whether a keyframe begins with this packet: it holds a parameter set or the beginning of an IDR slice.
///
/// A keyframe may answer yes in several of its packets (parameter sets, then the slice); the RTP time says that they
/// are one frame.
#[must_use]
pub fn starts_keyframe(payload: &[u8]) -> bool {
    let key = |header: u8| matches!(nal_type(header), IDR | SPS | PPS);
    match parse(payload) {
        Some(Packet::Single(nal)) => nal.first().is_some_and(|header| key(*header)),
        Some(Packet::Aggregate(mut nals)) => nals.any(|nal| key(nal[0])),
        Some(Packet::Fragment(fragment)) => fragment.starts && key(fragment.nal_header),
        None => false,
    }
}

/// The first byte of a STAP-A whose NAL units have at most the importance of parameter sets (NRI 3).
#[must_use]
pub const fn aggregate_header() -> u8 {
    3 << 5 | STAP_A
}

/// FU indicator and FU header of a piece of the NAL unit with this header.
#[must_use]
pub const fn fragment_prefix(nal_header: u8, starts: bool, ends: bool) -> [u8; FRAGMENT_PREFIX_LEN] {
    [nal_header & 0xE0 | FU_A, (starts as u8) << 7 | (ends as u8) << 6 | nal_type(nal_header)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = starts_keyframe(&bytes);
            if let Some(Packet::Aggregate(nals)) = parse(&bytes) {
                prop_assert!(nals.map(|nal| nal.len() + 2).sum::<usize>() < bytes.len());
            }
        }

        #[test]
        fn a_fragment_is_read_as_written(kind in 1u8..24, nri in 0u8..4, starts: bool, ends: bool) {
            let header = nri << 5 | kind;
            let mut payload = fragment_prefix(header, starts, ends).to_vec();
            payload.push(9);
            let expected = Packet::Fragment(Fragment { starts, ends, nal_header: header, bytes: &[9] });
            prop_assert_eq!(parse(&payload), Some(expected));
            prop_assert_eq!(starts_keyframe(&payload), starts && matches!(kind, 5 | 7 | 8));
        }
    }

    #[test]
    fn an_aggregate_ends_where_it_is_cut_off() {
        let payload = [aggregate_header(), 0, 2, 0x67, 1, 0, 1, 0x68, 0, 9, 0x65];
        let Some(Packet::Aggregate(nals)) = parse(&payload) else { panic!("a STAP-A") };
        assert_eq!(nals.collect::<Vec<_>>(), [&[0x67, 1][..], &[0x68]]);
        assert!(starts_keyframe(&payload));
        assert!(!starts_keyframe(&[aggregate_header(), 0, 2, 0x41, 1]));
    }

    #[test]
    fn an_ordinary_slice_and_foreign_modes_start_no_keyframe() {
        assert!(starts_keyframe(&[0x65, 0x88]));
        assert!(!starts_keyframe(&[0x41, 0x9A]));
        for foreign in [0, 25, 26, 27, 29, 30, 31] {
            assert_eq!(parse(&[foreign, 0x85, 1, 1]), None);
        }
        assert_eq!(parse(&[0x7C]), None);
    }
}
