//! RTP headers (RFC 3550 §5.1) and what kind of datagram shares their port (RFC 7983, RFC 5761).
//!
//! A [`View`] borrows a whole packet, sealed or plain, and reads its header where it lies; everything that it can say is
//! in the clear in SRTP. It deliberately knows no payload format and keeps no state from packet to packet.

use super::bytes;
use super::extension::{Elements, ExtensionMap, Extensions};

/// Bytes of a header without contributing sources and extensions.
pub const FIXED_LEN: usize = 12;

/// What a datagram on a port shared by ICE, DTLS and media is, by its first two bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// STUN, first byte 0 to 3.
    Stun,
    /// DTLS, first byte 20 to 63.
    Dtls,
    /// RTP, sealed or plain.
    Rtp,
    /// RTCP, sealed or plain: second byte 192 to 223.
    Rtcp,
    /// ZRTP, TURN channel data, QUIC or nothing known; a first byte alone of RTP's range as well.
    Other,
}

impl Kind {
    /// Tells a datagram's kind.
    #[must_use]
    pub const fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            _ => Self::Other,
        }
    }
}

/// Whether a datagram of RTP's range is RTCP (RFC 5761 §4).
#[must_use]
pub const fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(Kind::of(datagram), Kind::Rtcp)
}

/// The fixed fields of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The payload format's mark: for video the last packet of a frame, for audio the first of a talk spurt.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Sampling instant of the payload's first byte, in units of the payload type's clock.
    pub rtp_time: u32,
    /// The stream.
    pub ssrc: u32,
}

/// A packet whose header has been read; borrowed, never copied.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    packet: &'a [u8],
    header: Header,
    header_len: usize,
    profile: u16,
    extension: &'a [u8],
}

impl<'a> View<'a> {
    /// Reads a packet's header; `None` unless it is RTP of version 2 whose header lies within `packet`.
    #[must_use]
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let &[first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = packet.first_chunk::<FIXED_LEN>()?;
        if first >> 6 != 2 {
            return None;
        }
        let header = Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            rtp_time: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
        };
        let mut header_len = FIXED_LEN + 4 * usize::from(first & 0x0F);
        let mut profile = 0;
        let mut extension: &[u8] = &[];
        if first & 0x10 != 0 {
            profile = bytes::u16_at(packet, header_len)?;
            let len = 4 * usize::from(bytes::u16_at(packet, header_len + 2)?);
            header_len += 4;
            extension = packet.get(header_len..header_len + len)?;
            header_len += len;
        }
        (header_len <= packet.len()).then_some(Self { packet, header, header_len, profile, extension })
    }

    /// The fixed fields.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// The stream.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.header.ssrc
    }

    /// The sequence number.
    #[must_use]
    pub const fn sequence(&self) -> u16 {
        self.header.sequence
    }

    /// The RTP time.
    #[must_use]
    pub const fn rtp_time(&self) -> u32 {
        self.header.rtp_time
    }

    /// The payload type, 0 to 127.
    #[must_use]
    pub const fn payload_type(&self) -> u8 {
        self.header.payload_type
    }

    /// The marker bit.
    #[must_use]
    pub const fn marker(&self) -> bool {
        self.header.marker
    }

    /// Bytes of the header, contributing sources and extensions included.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// Whether the payload ends in padding; how much of it there is, is sealed.
    #[must_use]
    pub const fn has_padding(&self) -> bool {
        self.packet[0] & 0x20 != 0
    }

    /// Contributing sources in the order of the packet.
    pub fn contributing(&self) -> impl Iterator<Item = u32> + use<'a> {
        let count = usize::from(self.packet[0] & 0x0F);
        let list = self.packet.get(FIXED_LEN..FIXED_LEN + 4 * count).unwrap_or_default();
        list.as_chunks::<4>().0.iter().map(|ssrc| u32::from_be_bytes(*ssrc))
    }

    /// What follows the header: of a sealed packet the sealed payload and the tag.
    #[must_use]
    pub fn payload_ciphertext(&self) -> &'a [u8] {
        self.packet.get(self.header_len..).unwrap_or_default()
    }

    /// The payload of a packet that is *not* sealed, without its padding; `None` when the padding's count is impossible.
    #[must_use]
    pub fn plain_payload(&self) -> Option<&'a [u8]> {
        let payload = self.payload_ciphertext();
        payload.get(..payload.len() - padding_len(self.has_padding(), payload)?)
    }

    /// The value of the extension element with this `id`, of either form; the first one when it repeats.
    #[must_use]
    pub fn extension(&self, id: u8) -> Option<&'a [u8]> {
        self.extensions().find_map(|(found, value)| (found == id).then_some(value))
    }

    /// Every extension element, as (id, value).
    #[must_use]
    pub const fn extensions(&self) -> Elements<'a> {
        Elements::new(self.profile, self.extension)
    }
}

/// Bytes of padding at the end of a plain payload (RFC 3550 §5.1), its count byte included; `None` when impossible.
pub(super) fn padding_len(has_padding: bool, payload: &[u8]) -> Option<usize> {
    if !has_padding {
        return Some(0);
    }
    let count = usize::from(*payload.last()?);
    (1..=payload.len()).contains(&count).then_some(count)
}

/// Appends a header: the fixed fields and those `values` that `map` has an id for.
///
/// # Panics
/// When the payload type or a value does not fit the bits that it has on the wire (a text: 255 bytes).
pub fn write_header(out: &mut Vec<u8>, header: &Header, map: &ExtensionMap, values: &Extensions<'_>) {
    assert!(header.payload_type < 128, "payload type {} does not fit 7 bits", header.payload_type);
    let start = out.len();
    out.extend_from_slice(&[0x80, u8::from(header.marker) << 7 | header.payload_type]);
    out.extend_from_slice(&header.sequence.to_be_bytes());
    out.extend_from_slice(&header.rtp_time.to_be_bytes());
    out.extend_from_slice(&header.ssrc.to_be_bytes());
    if map.write(out, values) {
        out[start] |= 0x10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::extension::ExtensionKind;
    use proptest::prelude::*;

    const HEADER: Header =
        Header { marker: true, payload_type: 96, sequence: 65_530, rtp_time: u32::MAX - 99, ssrc: 0xDEAD_BEEF };

    #[test]
    fn a_written_header_is_read_back() {
        let mut packet = vec![1, 2, 3];
        write_header(&mut packet, &HEADER, &ExtensionMap::default(), &Extensions::default());
        packet.extend_from_slice(b"payload");
        let view = View::parse(&packet[3..]).expect("well formed");
        assert_eq!(view.header(), HEADER);
        assert_eq!((view.header_len(), view.payload_ciphertext()), (12, &b"payload"[..]));
        assert_eq!(view.plain_payload(), Some(&b"payload"[..]));
    }

    #[test]
    fn contributing_sources_and_extensions_are_part_of_the_header() {
        let packet = [
            &[0x92, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..],
            &[0, 0, 0, 9, 0, 0, 0, 8],
            &[0xBE, 0xDE, 0, 1, 0x50, 0xAA, 0, 0],
            b"xy",
        ]
        .concat();
        let view = View::parse(&packet).expect("well formed");
        assert_eq!(view.contributing().collect::<Vec<_>>(), [9, 8]);
        assert_eq!((view.header_len(), view.extension(5), view.extension(4)), (28, Some(&[0xAA][..]), None));
        assert_eq!(view.payload_ciphertext(), b"xy");
        for len in 0..28 {
            assert!(View::parse(&packet[..len]).is_none(), "a header cut at {len}");
        }
    }

    #[test]
    fn padding_is_taken_off_and_an_impossible_count_is_refused() {
        let plain = |payload: &[u8]| [&[0xA0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], payload].concat();
        let read = |packet: Vec<u8>| View::parse(&packet).expect("RTP").plain_payload().map(<[u8]>::to_vec);
        assert_eq!(read(plain(&[7, 0, 2])), Some(vec![7]));
        assert_eq!(read(plain(&[0, 2])), Some(vec![]), "padding only");
        assert_eq!(read(plain(&[0, 3])), None);
        assert_eq!(read(plain(&[7, 0])), None);
        assert_eq!(read(plain(&[])), None);
    }

    #[test]
    fn other_versions_are_not_rtp() {
        for version in [0u8, 1, 3] {
            let mut packet = [0u8; 12];
            packet[0] = version << 6;
            assert!(View::parse(&packet).is_none());
        }
    }

    #[test]
    fn one_port_is_told_apart_by_its_first_two_bytes() {
        assert_eq!(Kind::of(&[0, 1]), Kind::Stun);
        assert_eq!(Kind::of(&[3]), Kind::Stun);
        assert_eq!(Kind::of(&[22, 254]), Kind::Dtls);
        assert_eq!(Kind::of(&[63]), Kind::Dtls);
        for first in 128..=191 {
            assert_eq!(Kind::of(&[first, 191]), Kind::Rtp);
            assert_eq!(Kind::of(&[first, 192]), Kind::Rtcp);
            assert_eq!(Kind::of(&[first, 223]), Kind::Rtcp);
            assert_eq!(Kind::of(&[first, 224]), Kind::Rtp);
        }
        for other in [&[][..], &[128], &[4, 0], &[16, 0], &[64, 0], &[192, 200]] {
            assert_eq!(Kind::of(other), Kind::Other);
        }
        assert!(is_rtcp(&[0x80, 200]) && !is_rtcp(&[0x80, 96]) && !is_rtcp(&[0x80, 0xE0]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), first in any::<u8>()) {
            let mut bytes = bytes;
            if let Some(byte) = bytes.first_mut() {
                *byte = 0x80 | first & 0x3F;
            }
            let _ = Kind::of(&bytes);
            if let Some(view) = View::parse(&bytes) {
                prop_assert!(view.header_len() <= bytes.len());
                prop_assert_eq!(view.header_len() + view.payload_ciphertext().len(), bytes.len());
                let _ = (view.plain_payload(), view.contributing().count(), view.extensions().count());
                let mut map = ExtensionMap::default();
                for (id, kind) in (1..).zip(ExtensionKind::ALL) {
                    map.set(kind, id).expect("ids are distinct");
                }
                let _ = map.read(&view);
            }
        }
    }
}
