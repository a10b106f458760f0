//! Bits from the highest of each byte on: total reads, and writes that grow.

/// Reads bits; `None` where the bytes end.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// An unsigned number of `count` bits, at most 32.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | u32::from(self.bit()?)))
    }

    /// One bit.
    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(bit)
    }

    /// A number below `limit`, which is at least 1, in as few bits as it needs (`ns(n)` of AV1).
    pub(super) fn below(&mut self, limit: u32) -> Option<u32> {
        let width = u32::BITS - limit.leading_zeros();
        let short = (1 << width) - limit;
        let value = self.bits(width - 1)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.bits(1)?)
    }
}

/// Writes bits.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

impl BitWriter {
    /// The lower `count` bits of `value`.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.bit(value >> bit & 1 == 1);
        }
    }

    /// One bit.
    pub(super) fn bit(&mut self, bit: bool) {
        if self.used.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (7 - self.used % 8);
        }
        self.used += 1;
    }

    /// A number below `limit`, as [`BitReader::below`] reads it.
    pub(super) fn below(&mut self, value: u32, limit: u32) {
        let width = u32::BITS - limit.leading_zeros();
        let short = (1 << width) - limit;
        if value < short {
            self.bits(value, width - 1);
        } else {
            self.bits(value + short, width);
        }
    }

    /// What was written, filled up with zeros to a whole byte.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_any_limit_come_back_in_as_few_bits_as_they_need() {
        for limit in 1..40 {
            for value in 0..limit {
                let mut writer = BitWriter::default();
                writer.below(value, limit);
                assert!(writer.used <= u32::BITS - (limit - 1).leading_zeros(), "{value} below {limit}");
                writer.bits(0b101, 3);
                let bytes = writer.finish();
                let mut reader = BitReader::new(&bytes);
                assert_eq!((reader.below(limit), reader.bits(3)), (Some(value), Some(5)));
            }
        }
        // ns(5) of the AV1 specification §4.10.7: 0, 1 and 2 in two bits, 3 and 4 in three.
        let mut writer = BitWriter::default();
        [0, 2, 3, 4].into_iter().for_each(|value| writer.below(value, 5));
        assert_eq!(writer.finish(), [0b0010_1101, 0b1100_0000]);
        assert_eq!(BitReader::new(&[0xFF]).bits(9), None);
    }
}
