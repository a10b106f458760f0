//! SCTP packets in DTLS records, as long as the real ones: chunks are laid out as RFC 9260 §3.3 and RFC 3758 §3.2 draw
//! them, in a record of DTLS 1.2 with AES-GCM (RFC 5288 §3). A sum stands where the tag would, so that what was damaged
//! on the way is noticed.

use crate::rtp::bytes::sum;

/// Content type of application data (RFC 5246 §6.2.1).
const APPLICATION_DATA: u8 = 23;
/// Bytes of a record before what it carries: header and explicit nonce.
const RECORD_LEN: usize = 13 + 8;
/// Bytes after it: the tag.
const TAG_LEN: usize = 16;
/// Bytes of the common header (RFC 9260 §3.1).
const COMMON_LEN: usize = 12;
/// Bytes of a DATA chunk before its user data.
const DATA_LEN: usize = 16;
/// Bytes of user data in a DATA chunk at most, as str0m has it: 1,150 of a datagram, without 48 for DTLS and 40 for SCTP.
pub(super) const FRAGMENT_LEN: usize = 1_150 - 48 - 40;
/// Bytes of an SCTP packet at most.
pub(super) const PACKET_LEN: usize = COMMON_LEN + DATA_LEN + FRAGMENT_LEN;
/// Reports of a SACK at most: the rest is told when the first gaps are filled.
const GAPS: usize = 64;

const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SACK: u8 = 3;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;
const FORWARD_TSN: u8 = 192;

/// Bytes of INIT with its list of supported extensions, and of a state cookie.
const INIT_LEN: usize = 28;
const COOKIE_LEN: usize = 36;

/// A DATA chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Data<'a> {
    pub tsn: u32,
    pub stream: u16,
    pub ssn: u16,
    pub unordered: bool,
    pub begin: bool,
    pub end: bool,
    pub payload: &'a [u8],
}

/// A chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Chunk<'a> {
    Init,
    InitAck,
    CookieEcho,
    CookieAck,
    Data(Data<'a>),
    Sack {
        cumulative: u32,
        window: u32,
        /// First and last TSN of what came beyond, as offsets from `cumulative`.
        gaps: Vec<(u16, u16)>,
    },
    ForwardTsn {
        cumulative: u32,
        /// The last abandoned message of each ordered stream: stream and sequence number.
        streams: Vec<(u16, u16)>,
    },
}

/// A packet that is being written.
#[derive(Debug)]
pub(super) struct Packet(Vec<u8>);

impl Packet {
    /// Without any chunk.
    pub fn new() -> Self {
        let mut bytes = vec![0; RECORD_LEN + COMMON_LEN];
        bytes[..3].copy_from_slice(&[APPLICATION_DATA, 0xFE, 0xFD]);
        Self(bytes)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.len() == RECORD_LEN + COMMON_LEN
    }

    /// Whether a DATA chunk with so much user data still fits.
    pub fn fits(&self, payload: usize) -> bool {
        self.0.len() - RECORD_LEN + DATA_LEN + payload.next_multiple_of(4) <= PACKET_LEN.next_multiple_of(4)
    }

    /// Appends a chunk.
    pub fn push(&mut self, chunk: &Chunk<'_>) {
        match chunk {
            Chunk::Init => self.plain(INIT, INIT_LEN),
            Chunk::InitAck => self.plain(INIT_ACK, INIT_LEN + COOKIE_LEN),
            Chunk::CookieEcho => self.plain(COOKIE_ECHO, COOKIE_LEN),
            Chunk::CookieAck => self.plain(COOKIE_ACK, 4),
            Chunk::Data(data) => {
                let flags = u8::from(data.unordered) << 2 | u8::from(data.begin) << 1 | u8::from(data.end);
                self.head(DATA, flags, DATA_LEN + data.payload.len());
                self.0.extend(data.tsn.to_be_bytes());
                self.0.extend(data.stream.to_be_bytes());
                self.0.extend(data.ssn.to_be_bytes());
                // The payload protocol identifier of binary data (RFC 8831 §8).
                self.0.extend(53u32.to_be_bytes());
                self.0.extend(data.payload);
                let padded = (self.0.len() - RECORD_LEN).next_multiple_of(4) + RECORD_LEN;
                self.0.resize(padded, 0);
            }
            Chunk::Sack { cumulative, window, gaps } => {
                let gaps = &gaps[..gaps.len().min(GAPS)];
                self.head(SACK, 0, 16 + 4 * gaps.len());
                self.0.extend(cumulative.to_be_bytes());
                self.0.extend(window.to_be_bytes());
                self.0.extend((gaps.len() as u16).to_be_bytes());
                self.0.extend([0; 2]);
                self.pairs(gaps);
            }
            Chunk::ForwardTsn { cumulative, streams } => {
                let streams = &streams[..streams.len().min(GAPS)];
                self.head(FORWARD_TSN, 0, 8 + 4 * streams.len());
                self.0.extend(cumulative.to_be_bytes());
                self.pairs(streams);
            }
        }
    }

    /// The datagram.
    pub fn finish(mut self) -> Vec<u8> {
        let len = (self.0.len() - 13 + TAG_LEN) as u16;
        self.0[11..13].copy_from_slice(&len.to_be_bytes());
        let sum = sum(&self.0).to_be_bytes();
        self.0.extend(sum);
        self.0.extend([0; TAG_LEN - 8]);
        self.0
    }

    fn head(&mut self, kind: u8, flags: u8, len: usize) {
        self.0.extend([kind, flags]);
        self.0.extend((len as u16).to_be_bytes());
    }

    fn plain(&mut self, kind: u8, len: usize) {
        self.head(kind, 0, len);
        self.0.extend(std::iter::repeat_n(0, len - 4));
    }

    fn pairs(&mut self, pairs: &[(u16, u16)]) {
        for (a, b) in pairs {
            self.0.extend(a.to_be_bytes());
            self.0.extend(b.to_be_bytes());
        }
    }
}

/// Whether a datagram is a record of application data.
pub(in super::super) fn is_record(datagram: &[u8]) -> bool {
    datagram.first() == Some(&APPLICATION_DATA)
}

/// The chunks of a datagram; none of one that is damaged, and none after one that is cut off or unknown.
pub(super) fn chunks(datagram: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = opened(datagram).unwrap_or_default();
    std::iter::from_fn(move || {
        let (chunk, behind) = parse(rest)?;
        rest = behind;
        Some(chunk)
    })
}

fn opened(datagram: &[u8]) -> Option<&[u8]> {
    let body = datagram.len().checked_sub(TAG_LEN)?;
    let (body, tag) = datagram.split_at(body);
    let whole = is_record(body) && tag[..8] == sum(body).to_be_bytes() && tag[8..] == [0; TAG_LEN - 8];
    body.get(RECORD_LEN + COMMON_LEN..).filter(|_| whole)
}

fn parse(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let &[kind, flags, high, low, ..] = bytes else { return None };
    let len = usize::from(u16::from_be_bytes([high, low]));
    let body = bytes.get(4..len)?;
    let rest = bytes.get(len.next_multiple_of(4)..)?;
    let chunk = match kind {
        INIT => Chunk::Init,
        INIT_ACK => Chunk::InitAck,
        COOKIE_ECHO => Chunk::CookieEcho,
        COOKIE_ACK => Chunk::CookieAck,
        DATA => Chunk::Data(Data {
            tsn: u32_at(body, 0)?,
            stream: u16_at(body, 4)?,
            ssn: u16_at(body, 6)?,
            unordered: flags & 4 != 0,
            begin: flags & 2 != 0,
            end: flags & 1 != 0,
            payload: body.get(DATA_LEN - 4..)?,
        }),
        SACK => {
            let count = usize::from(u16_at(body, 8)?);
            let gaps = pairs(body.get(12..12 + 4 * count)?);
            Chunk::Sack { cumulative: u32_at(body, 0)?, window: u32_at(body, 4)?, gaps }
        }
        FORWARD_TSN => Chunk::ForwardTsn { cumulative: u32_at(body, 0)?, streams: pairs(body.get(4..)?) },
        _ => return None,
    };
    Some((chunk, rest))
}

fn pairs(bytes: &[u8]) -> Vec<(u16, u16)> {
    let pair = |four: &[u8]| (u16::from_be_bytes([four[0], four[1]]), u16::from_be_bytes([four[2], four[3]]));
    bytes.chunks_exact(4).map(pair).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(chunk: &Chunk<'_>) -> Vec<u8> {
        let mut packet = Packet::new();
        packet.push(chunk);
        packet.finish()
    }

    #[test]
    fn chunks_are_as_long_as_the_rfcs_draw_them_and_read_as_what_they_are() {
        let data =
            Data { tsn: 7, stream: 2, ssn: 3, unordered: true, begin: true, end: false, payload: &[1; FRAGMENT_LEN] };
        let small = Data { payload: &[9; 5], end: true, unordered: false, ..data };
        let sack = Chunk::Sack { cumulative: 9, window: 1 << 20, gaps: vec![(2, 3), (5, 5)] };
        let forward = Chunk::ForwardTsn { cumulative: 11, streams: vec![(2, 4)] };
        for (chunk, len) in [
            (Chunk::Data(data), 37 + 12 + 16 + FRAGMENT_LEN.next_multiple_of(4)),
            (Chunk::Data(small), 37 + 12 + 16 + 8),
            (sack, 37 + 12 + 16 + 8),
            (forward, 37 + 12 + 8 + 4),
            (Chunk::Init, 37 + 12 + 28),
            (Chunk::InitAck, 37 + 12 + 64),
            (Chunk::CookieEcho, 37 + 12 + 36),
            (Chunk::CookieAck, 37 + 12 + 4),
        ] {
            let bytes = packet(&chunk);
            assert_eq!(bytes.len(), len, "{chunk:?}");
            assert_eq!(chunks(&bytes).collect::<Vec<_>>(), [chunk]);
        }
    }

    #[test]
    fn any_one_damaged_bit_is_noticed() {
        let mut bytes = packet(&Chunk::Sack { cumulative: 9, window: 5, gaps: vec![(2, 3)] });
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(chunks(&bytes).count(), 0, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            chunks(&bytes).for_each(drop);
            let mut packet = Packet::new();
            packet.0.extend(bytes);
            chunks(&packet.finish()).for_each(drop);
        }
    }
}
