//! Counters that wrap, unwrapped: RTP sequence numbers, RTP times, picture ids and their like.
//!
//! Each value is read as the one nearest to the value before it, so loss and reordering of up to half a cycle are
//! followed, either way. It is deliberately not SRTP's index estimate, which follows the highest authenticated packet
//! (`srtp`).

/// Unwraps a counter of `BITS` bits (1 to 32).
///
/// The first value stands for itself (cycle 0, as SRTP's roll-over counter begins), so values before it in time can be
/// negative. An exact half cycle counts as a step back.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Unwrapper<const BITS: u32> {
    last: Option<i64>,
}

/// RTP sequence numbers, of media and of the transport-wide extension.
pub type Sequence = Unwrapper<16>;
/// RTP times.
pub type RtpTime = Unwrapper<32>;
/// VP8 and VP9 picture ids of the long form.
pub type PictureId = Unwrapper<15>;
/// TL0PICIDX and other counters of one byte.
pub type Byte = Unwrapper<8>;
/// abs-send-time and the reference times of transport feedback.
pub type Bits24 = Unwrapper<24>;

impl<const BITS: u32> Unwrapper<BITS> {
    const MASK: i64 = {
        assert!(BITS >= 1 && BITS <= 32);
        (1 << BITS) - 1
    };

    /// An unwrapper that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// The unwrapped `value`; bits above `BITS` are ignored.
    pub fn unwrap(&mut self, value: u32) -> i64 {
        let unwrapped = self.peek(value);
        self.last = Some(unwrapped);
        unwrapped
    }

    /// What [`Self::unwrap`] would give, without following it.
    #[must_use]
    pub fn peek(&self, value: u32) -> i64 {
        let value = i64::from(value) & Self::MASK;
        let Some(last) = self.last else { return value };
        let ahead = value.wrapping_sub(last) & Self::MASK;
        let behind = ahead - (Self::MASK + 1);
        last + if ahead < -behind { ahead } else { behind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unwrapped<const BITS: u32>(values: &[u32]) -> Vec<i64> {
        let mut unwrapper = Unwrapper::<BITS>::new();
        values.iter().map(|&value| unwrapper.unwrap(value)).collect()
    }

    #[test]
    fn a_sequence_goes_on_after_its_wrap() {
        let values: Vec<u32> = (65_530..65_545).map(|n| n & 0xFFFF).collect();
        assert_eq!(unwrapped::<16>(&values), (65_530..65_545).collect::<Vec<i64>>());
    }

    #[test]
    fn loss_and_reordering_around_the_wrap_are_followed() {
        assert_eq!(unwrapped::<16>(&[65_530, 2, 65_535, 1, 3]), [65_530, 65_538, 65_535, 65_537, 65_539]);
        assert_eq!(unwrapped::<16>(&[1, 65_535, 2]), [1, -1, 2], "before the first lies below zero");
    }

    #[test]
    fn rtp_time_wraps_at_32_bits() {
        let start = u32::MAX - 99;
        let times = [start, start.wrapping_add(3_000), start.wrapping_add(90_000), start.wrapping_add(6_000)];
        let first = i64::from(start);
        assert_eq!(unwrapped::<32>(&times), [first, first + 3_000, first + 90_000, first + 6_000]);
    }

    #[test]
    fn picture_ids_wrap_at_15_bits_and_indices_at_8() {
        assert_eq!(unwrapped::<15>(&[32_760, 32_767, 0, 1]), [32_760, 32_767, 32_768, 32_769]);
        assert_eq!(unwrapped::<8>(&[250, 255, 4, 254]), [250, 255, 260, 254]);
    }

    #[test]
    fn half_a_cycle_is_a_step_back() {
        assert_eq!(unwrapped::<16>(&[0, 32_767, 0, 32_768]), [0, 32_767, 0, -32_768]);
    }

    #[test]
    fn peeking_follows_nothing() {
        let mut unwrapper = Sequence::new();
        unwrapper.unwrap(65_535);
        assert_eq!((unwrapper.peek(3), unwrapper.peek(65_000)), (65_539, 65_000));
        assert_eq!(unwrapper.unwrap(0), 65_536);
    }

    proptest! {
        #[test]
        fn any_walk_of_less_than_half_cycles_is_recovered(
            start in 0u32..1 << 16,
            steps in prop::collection::vec(-32_767i64..=32_767, 0..200),
        ) {
            let mut unwrapper = Sequence::new();
            let mut truth = i64::from(start);
            prop_assert_eq!(unwrapper.unwrap(start), truth);
            for step in steps {
                truth += step;
                prop_assert_eq!(unwrapper.unwrap((truth & 0xFFFF) as u32), truth);
            }
        }
    }
}
