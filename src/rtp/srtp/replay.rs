//! Which index a received packet has, and whether that index was seen before (RFC 3711 §3.3.1 and §3.3.2).

/// How many indices, ending with the highest, are remembered. RFC 3711 asks for 64 at least; WebRTC's 30 packets a frame
/// and RTX bursts reorder further.
const WINDOW: u64 = 128;

/// Why an index is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// It was accepted before.
    Repeated,
    /// It lies before the window, where nothing can tell.
    TooOld,
}

/// The highest index of one SSRC and which of those just below it have been accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayWindow {
    highest: u64,
    /// Bit n of the 128 stands for `highest - n`; two halves keep the alignment, and so the table, small.
    accepted: [u64; 2],
}

impl ReplayWindow {
    /// A window whose only accepted index is `first`.
    pub const fn new(first: u64) -> Self {
        Self { highest: first, accepted: [1, 0] }
    }

    /// The 48-bit index of RTP sequence number `sequence`: that whose roll-over counter brings it nearest to the highest.
    ///
    /// `None` when that would lie before the stream's first cycle, where no sender ever was.
    pub fn estimate(&self, sequence: u16) -> Option<u64> {
        const HALF: u16 = 1 << 15;
        let (roll_over, highest) = (self.highest >> 16, self.highest as u16);
        let roll_over = if highest < HALF {
            if sequence > highest && sequence - highest > HALF { roll_over.checked_sub(1)? } else { roll_over }
        } else if highest - HALF > sequence {
            roll_over + 1
        } else {
            roll_over
        };
        Some(roll_over << 16 | u64::from(sequence))
    }

    /// Whether `index` may still be accepted.
    pub fn check(&self, index: u64) -> Result<(), Refused> {
        let Some(age) = self.highest.checked_sub(index) else { return Ok(()) };
        if age >= WINDOW {
            return Err(Refused::TooOld);
        }
        if self.bits() >> age & 1 == 1 { Err(Refused::Repeated) } else { Ok(()) }
    }

    /// How far `index` lies beyond the highest; 0 when it does not.
    pub const fn ahead(&self, index: u64) -> u64 {
        index.saturating_sub(self.highest)
    }

    /// Accepts an index that [`Self::check`] let through.
    pub fn accept(&mut self, index: u64) {
        let bits = match index.checked_sub(self.highest) {
            Some(ahead) => {
                self.highest = index;
                if ahead < WINDOW { self.bits() << ahead | 1 } else { 1 }
            }
            None => self.bits() | 1 << (self.highest - index),
        };
        self.accepted = [bits as u64, (bits >> 64) as u64];
    }

    fn bits(&self) -> u128 {
        u128::from(self.accepted[1]) << 64 | u128::from(self.accepted[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_roll_over_counter_is_that_of_the_nearest_index() {
        let estimate = |highest, sequence| ReplayWindow::new(highest).estimate(sequence);
        assert_eq!(estimate(65_535, 0), Some(65_536));
        assert_eq!(estimate(65_535, 32_766), Some(65_536 + 32_766));
        assert_eq!(estimate(65_535, 32_767), Some(32_767), "an exact half cycle stays in its cycle");
        assert_eq!(estimate(65_536, 65_535), Some(65_535));
        assert_eq!(estimate(65_536 + 5, 32_773), Some(65_536 + 32_773));
        assert_eq!(estimate(65_536 + 5, 32_774), Some(32_774));
        assert_eq!(estimate(5, 65_535), None, "before the first cycle");
    }

    #[test]
    fn an_index_is_accepted_once_and_only_within_the_window() {
        let mut window = ReplayWindow::new(1_000);
        assert_eq!(window.check(1_000), Err(Refused::Repeated));
        assert_eq!(window.check(873), Ok(()));
        assert_eq!(window.check(872), Err(Refused::TooOld));
        window.accept(873);
        assert_eq!(window.check(873), Err(Refused::Repeated));
        window.accept(1_064);
        assert_eq!((window.check(1_000), window.check(1_001)), (Err(Refused::Repeated), Ok(())));
        window.accept(10_000);
        assert_eq!((window.check(9_999), window.check(1_064)), (Ok(()), Err(Refused::TooOld)));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set_of_all_that_was_accepted(steps in prop::collection::vec(-140i64..200, 1..300)) {
            let mut window = ReplayWindow::new(100_000);
            let mut accepted = BTreeSet::from([100_000u64]);
            for step in steps {
                let highest = *accepted.last().expect("never empty");
                let index = highest.checked_add_signed(step).expect("far from the ends");
                let expected = if index + WINDOW <= highest {
                    Err(Refused::TooOld)
                } else if accepted.contains(&index) {
                    Err(Refused::Repeated)
                } else {
                    Ok(())
                };
                prop_assert_eq!(window.check(index), expected);
                if expected.is_ok() {
                    window.accept(index);
                    accepted.insert(index);
                }
            }
        }
    }
}
