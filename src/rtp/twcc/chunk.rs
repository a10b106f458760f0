//! Packet status chunks: 16 bits that hold a run of equal states, 14 states of one bit, or 7 of two.

use super::{LARGE_DELTA, SMALL_DELTA};
use crate::rtp::bytes;

/// The longest run of one chunk.
const MAX_RUN: u16 = (1 << 13) - 1;
/// States in a vector of one bit each.
const ONE_BIT: u16 = 14;
/// States in a vector of two bits each.
const TWO_BIT: u16 = 7;

/// The states that chunks hold, one by one.
#[derive(Clone, Debug)]
pub(super) struct Symbols<'a> {
    chunks: &'a [u8],
    chunk: u16,
    /// States left in `chunk`, and in all.
    in_chunk: u16,
    left: u16,
}

impl<'a> Symbols<'a> {
    /// The first `count` states of `chunks`.
    pub const fn new(chunks: &'a [u8], count: u16) -> Self {
        Self { chunks, chunk: 0, in_chunk: 0, left: count }
    }

    /// The bytes that no state was read from yet.
    pub const fn unread(&self) -> &'a [u8] {
        self.chunks
    }

    fn load(&mut self) -> Option<()> {
        self.chunk = bytes::u16_at(self.chunks, 0)?;
        self.chunks = self.chunks.get(2..)?;
        self.in_chunk = match self.chunk >> 14 {
            0b10 => ONE_BIT,
            0b11 => TWO_BIT,
            _ => self.chunk & MAX_RUN,
        };
        Some(())
    }
}

impl Iterator for Symbols<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        // A run may say zero, so one chunk need not be enough; each round consumes two bytes.
        while self.in_chunk == 0 {
            self.load()?;
        }
        self.in_chunk -= 1;
        let symbol = match self.chunk >> 14 {
            0b10 => self.chunk >> self.in_chunk & 1,
            0b11 => self.chunk >> (2 * self.in_chunk) & 3,
            _ => self.chunk >> 13 & 3,
        };
        Some(symbol as u8)
    }
}

/// Packs states into as few chunks as a single pass can.
#[derive(Default, Debug)]
pub(super) struct ChunkWriter {
    /// States not written yet; of a run only the first counts, and `len` goes on.
    pending: [u8; ONE_BIT as usize],
    len: u16,
    uniform: bool,
    large: bool,
}

impl ChunkWriter {
    /// Takes the next state, and writes a chunk when one is full.
    pub fn push(&mut self, out: &mut Vec<u8>, symbol: u8) {
        while !self.fits(symbol) {
            self.write(out, false);
        }
        if let Some(slot) = self.pending.get_mut(usize::from(self.len)) {
            *slot = symbol;
        }
        self.uniform = self.len == 0 || self.uniform && self.pending[0] == symbol;
        self.large |= symbol == LARGE_DELTA;
        self.len += 1;
    }

    /// Writes all that is pending.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        while self.len > 0 {
            self.write(out, true);
        }
    }

    /// Whether one chunk can hold what is pending and `symbol`.
    fn fits(&self, symbol: u8) -> bool {
        let run = self.uniform && self.pending[0] == symbol && self.len < MAX_RUN;
        let one_bit = !self.large && symbol <= SMALL_DELTA && self.len < ONE_BIT;
        self.len < TWO_BIT || run || one_bit
    }

    /// Writes one chunk of what is pending, as much as fits.
    ///
    /// Only the last chunk may have states to spare: a reader takes all that a chunk holds for states of packets.
    fn write(&mut self, out: &mut Vec<u8>, last: bool) {
        if self.uniform {
            out.extend_from_slice(&(u16::from(self.pending[0]) << 13 | self.len).to_be_bytes());
            *self = Self::default();
            return;
        }
        let one_bit = !self.large && (last || self.len == ONE_BIT);
        let (bits, room, mark) = if one_bit { (1, ONE_BIT, 0b10) } else { (2, TWO_BIT, 0b11) };
        let taken = self.len.min(room);
        let states = self.pending.iter().take(usize::from(taken));
        let vector = states.fold(0u16, |vector, &symbol| vector << bits | u16::from(symbol));
        out.extend_from_slice(&(mark << 14 | vector << (bits * (room - taken))).to_be_bytes());
        let rest = self.pending;
        let len = self.len;
        *self = Self::default();
        for &symbol in &rest[usize::from(taken)..usize::from(len)] {
            self.push(out, symbol);
        }
    }
}
