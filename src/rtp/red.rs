//! Redundant audio data (RFC 2198): payloads sent before, again, in front of the one that is new.
//!
//! ```text
//!  0                   1                    2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3  4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |F|   block PT  |  timestamp offset         |   block length    |    of each redundant block, F is 1
//! |0|   block PT  |                                                  of the last, the primary
//! ```
//!
//! The blocks follow their headers in order, oldest first. Reading is total.

/// Bytes of a redundant block's header.
pub const HEADER_LEN: usize = 4;
/// Bytes of the primary block's header.
pub const PRIMARY_HEADER_LEN: usize = 1;
/// The longest redundant block, in bytes (10 bits).
pub const MAX_BLOCK_LEN: usize = 1_023;
/// The furthest that a redundant block lies back, in units of the RTP clock (14 bits).
pub const MAX_OFFSET: u32 = 16_383;
/// The most redundant blocks that are read of a packet.
pub const MAX_BLOCKS: usize = 9;

/// A payload within a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block<'a> {
    /// Its payload type, 0..=127.
    pub payload_type: u8,
    /// How far its RTP time lies before the packet's, 0..=16,383; 0 of the primary.
    pub offset: u32,
    /// Its payload.
    pub payload: &'a [u8],
}

/// What a packet holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    redundant: [Block<'a>; MAX_BLOCKS],
    count: usize,
    /// What is new.
    pub primary: Block<'a>,
}

impl<'a> Packet<'a> {
    /// What was sent before, oldest first.
    #[must_use]
    pub fn redundant(&self) -> &[Block<'a>] {
        &self.redundant[..self.count]
    }
}

/// Reads a payload; `None` when it ends too soon or has more than nine redundant blocks.
#[must_use]
pub fn parse(payload: &[u8]) -> Option<Packet<'_>> {
    let none = Block { payload_type: 0, offset: 0, payload: &[] };
    let mut lengths = [0; MAX_BLOCKS];
    let mut packet = Packet { redundant: [none; MAX_BLOCKS], count: 0, primary: none };
    let mut rest = payload;
    loop {
        let (&first, after) = rest.split_first()?;
        if first & 0x80 == 0 {
            packet.primary.payload_type = first & 0x7F;
            rest = after;
            break;
        }
        let (&[high, middle, low], after) = after.split_first_chunk::<3>()?;
        let bits = u32::from_be_bytes([0, high, middle, low]);
        *lengths.get_mut(packet.count)? = (bits & 0x3FF) as usize;
        packet.redundant[packet.count] = Block { payload_type: first & 0x7F, offset: bits >> 10, payload: &[] };
        packet.count += 1;
        rest = after;
    }
    for (block, length) in packet.redundant.iter_mut().zip(lengths).take(packet.count) {
        (block.payload, rest) = rest.split_at_checked(length)?;
    }
    packet.primary.payload = rest;
    Some(packet)
}

/// Appends a payload: the redundant blocks, oldest first, and the primary one.
///
/// # Panics
/// When a payload type, an offset or the length of a redundant block does not fit its bits.
pub fn write(out: &mut Vec<u8>, redundant: &[Block<'_>], primary: &Block<'_>) {
    write_headers(out, redundant.iter().map(|block| (block.payload_type, block.offset, block.payload.len())));
    assert!(primary.payload_type < 128, "payload type {} does not fit 7 bits", primary.payload_type);
    out.push(primary.payload_type);
    redundant.iter().chain([primary]).for_each(|block| out.extend_from_slice(block.payload));
}

fn write_headers(out: &mut Vec<u8>, blocks: impl Iterator<Item = (u8, u32, usize)>) {
    for (payload_type, offset, length) in blocks {
        assert!(payload_type < 128, "payload type {payload_type} does not fit 7 bits");
        assert!(offset <= MAX_OFFSET && length <= MAX_BLOCK_LEN, "a block of {length} bytes, {offset} units back");
        out.push(0x80 | payload_type);
        out.extend_from_slice(&(offset << 10 | length as u32).to_be_bytes()[1..]);
    }
}

/// Gives every block another payload type, as whoever hands the packet on to a transport with other numbers must.
/// What is no payload of this format is left as it is.
pub fn renumber(payload: &mut [u8], payload_type: u8) {
    if parse(payload).is_none() {
        return;
    }
    let mut at = 0;
    while let Some(first) = payload.get_mut(at) {
        let more = *first & 0x80;
        *first = more | payload_type & 0x7F;
        if more == 0 {
            return;
        }
        at += HEADER_LEN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn payloads_read_and_write_as_the_rfc_draws_them() {
        // Block 1: F, PT 111, 1920 back (0b00_0111_1000_0000), 3 bytes; block 2: 960 back, 2 bytes; the primary.
        let bytes = [
            0b1110_1111,
            0b0001_1110,
            0b0000_0000,
            0b0000_0011, // 14 bits of offset, 10 of length
            0b1110_1111,
            0b0000_1111,
            0b0000_0000,
            0b0000_0010, //
            0b0110_1111,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
        ];
        let packet = parse(&bytes).expect("well formed");
        let blocks = [
            Block { payload_type: 111, offset: 1_920, payload: &[1, 2, 3] },
            Block { payload_type: 111, offset: 960, payload: &[4, 5] },
        ];
        assert_eq!(packet.redundant(), blocks);
        assert_eq!(packet.primary, Block { payload_type: 111, offset: 0, payload: &[6, 7] });
        let mut written = Vec::new();
        write(&mut written, packet.redundant(), &packet.primary);
        assert_eq!(written, bytes);
        for cut in 0..14 {
            assert_eq!(parse(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(parse(&bytes[..14]).map(|packet| packet.primary.payload.len()), Some(0));
    }

    #[test]
    fn every_block_is_renumbered_and_nothing_else() {
        let mut bytes = Vec::new();
        let block = |offset, payload| Block { payload_type: 111, offset, payload };
        write(&mut bytes, &[block(960, &[0xEF, 0x6F])], &block(0, &[0xEF, 1]));
        renumber(&mut bytes, 96);
        let packet = parse(&bytes).expect("still whole");
        assert_eq!((packet.redundant()[0].payload_type, packet.primary.payload_type), (96, 96));
        assert_eq!((packet.redundant()[0].payload, packet.primary.payload), (&[0xEF, 0x6F][..], &[0xEF, 1][..]));
        let mut broken = [0xEF, 0, 0, 9, 0x6F];
        renumber(&mut broken, 96);
        assert_eq!(broken, [0xEF, 0, 0, 9, 0x6F]);
    }

    #[test]
    fn a_tenth_redundant_block_is_too_many() {
        let mut bytes = [0xEF, 0, 0, 0].repeat(9);
        bytes.push(0x6F);
        assert_eq!(parse(&bytes).map(|packet| packet.redundant().len()), Some(9));
        assert_eq!(parse(&[&[0xEF, 0, 0, 0][..], &bytes].concat()), None);
    }

    proptest! {
        #[test]
        fn any_blocks_come_back(
            blocks in prop::collection::vec((0u8..128, 0u32..=MAX_OFFSET, prop::collection::vec(any::<u8>(), 0..50)), 0..9),
            primary in prop::collection::vec(any::<u8>(), 0..50), payload_type in 0u8..128,
        ) {
            let redundant: Vec<Block> = blocks
                .iter()
                .map(|(payload_type, offset, payload)| Block { payload_type: *payload_type, offset: *offset, payload })
                .collect();
            let primary = Block { payload_type, offset: 0, payload: &primary };
            let mut bytes = Vec::new();
            write(&mut bytes, &redundant, &primary);
            let packet = parse(&bytes).expect("written");
            prop_assert_eq!(packet.redundant(), &redundant[..]);
            prop_assert_eq!(packet.primary, primary);
        }

        #[test]
        fn arbitrary_bytes_never_fail(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(packet) = parse(&bytes) {
                let held: usize = packet.redundant().iter().map(|block| block.payload.len()).sum();
                prop_assert!(held + packet.primary.payload.len() < bytes.len());
            }
            let mut bytes = bytes;
            renumber(&mut bytes, 96);
        }
    }
}
