//! One path's rate among several encoders.

use crate::units::Bitrate;

/// Shares `total` among encoders, each with the least and the most that it can take, in proportion to the most. Nobody gets
/// less than its least, so the sum can exceed a total that is below it; what one cannot take goes to the others.
#[must_use]
pub fn share(total: Bitrate, takers: &[(Bitrate, Bitrate)]) -> Vec<Bitrate> {
    let mut shares: Vec<Bitrate> = takers.iter().map(|(least, _)| *least).collect();
    let mut open: Vec<usize> = (0..takers.len()).collect();
    // Each round settles whoever is bound by its least or its most; the rest share what is left.
    loop {
        let settled: u64 =
            (0..takers.len()).filter(|index| !open.contains(index)).map(|index| shares[index].bps()).sum();
        let left = u128::from(total.bps().saturating_sub(settled));
        let weight: u128 = open.iter().map(|&index| u128::from(takers[index].1.bps())).sum();
        let fair = |index: usize| (left * u128::from(takers[index].1.bps()) / weight.max(1)) as u64;
        let too_little: Vec<usize> =
            open.iter().copied().filter(|&index| fair(index) < takers[index].0.bps()).collect();
        if too_little.is_empty() {
            for &index in &open {
                shares[index] = Bitrate(fair(index).min(takers[index].1.bps()));
            }
            return shares;
        }
        open.retain(|index| !too_little.contains(index));
        if open.is_empty() {
            return shares;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kbps(total: u64, takers: &[(u64, u64)]) -> Vec<u64> {
        let takers: Vec<_> = takers.iter().map(|&(a, b)| (Bitrate::from_kbps(a), Bitrate::from_kbps(b))).collect();
        share(Bitrate::from_kbps(total), &takers).into_iter().map(|share| share.bps() / 1_000).collect()
    }

    #[test]
    fn everybody_gets_its_proportion_between_its_least_and_its_most() {
        assert_eq!(kbps(1_000, &[(30, 1_500)]), [1_000]);
        assert_eq!(kbps(9_000, &[(30, 1_500)]), [1_500]);
        assert_eq!(kbps(10, &[(30, 1_500)]), [30]);
        assert_eq!(kbps(1_000, &[(30, 1_500), (30, 500)]), [750, 250]);
        assert_eq!(kbps(1_000, &[(30, 1_500), (400, 500)]), [600, 400]);
        assert_eq!(kbps(50, &[(30, 1_500), (30, 500)]), [30, 30]);
        assert_eq!(kbps(1_000, &[]), Vec::<u64>::new());
    }
}
