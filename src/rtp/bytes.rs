//! Total big-endian reads: `None` where the bytes end, never a panic. And the damage that a path does to them.

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u24_at(bytes: &[u8], at: usize) -> Option<u32> {
    let &[a, b, c] = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Flips the bit of a datagram that `bits` name, taken modulo its length; an empty one stays as it is.
pub fn flip_bit(datagram: &mut [u8], bits: u64) {
    if !datagram.is_empty() {
        let bit = bits % (datagram.len() as u64 * 8);
        datagram[(bit / 8) as usize] ^= 1 << (bit % 8);
    }
}

/// A sum that any one damaged bit changes: of the bytes in words of eight, the last one filled up with zeros.
#[must_use]
pub fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(0, |sum: u64, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

#[cfg(test)]
mod tests {
    use super::flip_bit;

    #[test]
    fn a_bit_is_flipped_and_flipped_back() {
        let mut datagram = [0u8; 3];
        flip_bit(&mut datagram, 24 * 5 + 17);
        assert_eq!(datagram, [0, 0, 2]);
        flip_bit(&mut datagram, 17);
        assert_eq!(datagram, [0; 3]);
        flip_bit(&mut [], 17);
    }
}
