//! A datagram while it is under way in one process, without the filler in it.
//!
//! Most of a packet of throng's is filler that all packets share (`payload`). Where thousands of datagrams are under way at
//! once, and none leaves the process (the simulated world), it is named instead of carried.

use super::payload::Filler;

/// A datagram. One without filler is its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Folded {
    bytes: Vec<u8>,
    /// Where in the bytes the filler belongs.
    at: u16,
    filler: Filler,
}

impl Folded {
    /// A datagram of `bytes` with filler before the one at `at`.
    ///
    /// # Panics
    /// When `at` lies beyond the bytes, or 65,535.
    #[must_use]
    pub fn new(bytes: Vec<u8>, at: usize, filler: Filler) -> Self {
        assert!(at <= bytes.len(), "filler lies within a datagram");
        Self { bytes, at: u16::try_from(at).expect("a datagram has at most 65,535 bytes"), filler }
    }

    /// Bytes of the whole.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no datagram is asked for that")]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.filler.len()
    }

    /// What it begins with: its headers at least.
    #[must_use]
    pub fn beginning(&self) -> &[u8] {
        if self.filler.is_empty() { &self.bytes } else { &self.bytes[..usize::from(self.at)] }
    }

    /// The whole, in `room` where it does not lie here already.
    pub fn whole<'a>(&'a mut self, room: &'a mut Vec<u8>) -> &'a mut [u8] {
        if self.filler.is_empty() {
            return &mut self.bytes;
        }
        self.write_into(room);
        room
    }

    /// The whole, from now on without anything left out.
    pub fn unfold(&mut self) -> &mut [u8] {
        if !self.filler.is_empty() {
            let mut whole = Vec::with_capacity(self.len());
            self.write_into(&mut whole);
            *self = Self::from(whole);
        }
        &mut self.bytes
    }

    /// The whole.
    #[must_use]
    pub fn into_whole(mut self) -> Vec<u8> {
        self.unfold();
        self.bytes
    }

    /// The buffer that it lies in.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    fn write_into(&self, room: &mut Vec<u8>) {
        let (before, after) = self.bytes.split_at(self.at.into());
        room.clear();
        room.extend_from_slice(before);
        room.extend_from_slice(self.filler.bytes());
        room.extend_from_slice(after);
    }
}

impl From<Vec<u8>> for Folded {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0, filler: Filler::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Payload;
    use crate::media::payload::fold;

    #[test]
    fn what_is_left_out_comes_back_where_it_was() {
        let mut payload = Vec::new();
        Payload::new(b"of its own", 8_000, 700).write_into(&mut payload);
        let (head, filler) = fold(&payload);
        let whole = [&payload[..], b"tag"].concat();
        let mut folded = Folded::new([head, b"tag"].concat(), head.len(), filler);
        assert_eq!((folded.len(), folded.beginning()), (whole.len(), head));
        assert!(folded.bytes.len() <= 13, "little is left: {folded:?}");
        assert_eq!((folded.clone().into_whole(), &*folded.whole(&mut vec![1])), (whole.clone(), &whole[..]));
        assert_eq!(folded.unfold(), whole);
        assert_eq!((folded.beginning(), folded.len()), (&whole[..], whole.len()));
        assert_eq!(folded.into_buffer(), whole);
    }

    #[test]
    fn a_datagram_without_filler_is_its_bytes() {
        let mut folded = Folded::from(b"bytes".to_vec());
        assert_eq!((folded.len(), folded.beginning()), (5, &b"bytes"[..]));
        assert_eq!(folded.whole(&mut vec![]), b"bytes");
        assert_eq!(folded.into_whole(), b"bytes");
    }
}
