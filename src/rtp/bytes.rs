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

/// The sum of the bytes, which any one damaged bit changes.
#[must_use]
pub fn sum(bytes: &[u8]) -> u64 {
    /// Two bytes at a time add up to at most 510 in a lane of 16 bits: so many words of eight bytes fit.
    const FIT: usize = 128;
    const LANES: u64 = 0x00FF_00FF_00FF_00FF;
    let (words, rest) = bytes.as_chunks::<8>();
    let of = |words: &[[u8; 8]]| {
        let lanes = words.iter().map(|word| u64::from_le_bytes(*word));
        let lanes = lanes.fold(0, |sum, word| sum + (word & LANES) + (word >> 8 & LANES));
        (0..4).map(|lane| lanes >> (16 * lane) & 0xFFFF).sum::<u64>()
    };
    words.chunks(FIT).map(of).sum::<u64>() + rest.iter().map(|byte| u64::from(*byte)).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::{flip_bit, sum};

    #[test]
    fn a_sum_is_that_of_the_bytes_however_many() {
        let bytes: Vec<u8> = (0..5_000u32).map(|at| (at * 31 % 251) as u8 | 0xC0).collect();
        for len in [0, 1, 7, 8, 9, 1_023, 1_024, 1_025, 5_000] {
            assert_eq!(sum(&bytes[..len]), bytes[..len].iter().map(|byte| u64::from(*byte)).sum::<u64>());
        }
        assert_eq!(sum(&[255; 4_096]), 255 * 4_096);
    }

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
