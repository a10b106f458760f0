//! One path's rate among several encoders.

use crate::units::Bitrate;

/// A share that is not settled yet.
const OPEN: Bitrate = Bitrate(u64::MAX);

/// Shares `total` among encoders, each with the least and the most that it can take, in proportion to the most, into
/// `shares`. Nobody gets less than its least, so the sum can exceed a total that is below it; what one cannot take goes to
/// the others.
pub fn share(total: Bitrate, takers: &[(Bitrate, Bitrate)], shares: &mut Vec<Bitrate>) {
    shares.clear();
    shares.resize(takers.len(), OPEN);
    // Each round settles whoever is bound by its least or its most; the rest share what is left.
    loop {
        let settled: u64 = shares.iter().filter(|share| **share != OPEN).map(|share| share.bps()).sum();
        let left = u128::from(total.bps().saturating_sub(settled));
        let open = takers.iter().zip(shares.iter()).filter(|(_, share)| **share == OPEN);
        let weight: u128 = open.map(|((_, most), _)| u128::from(most.bps())).sum();
        let fair = |most: Bitrate| (left * u128::from(most.bps()) / weight.max(1)) as u64;
        let mut bound = false;
        for (share, (least, most)) in shares.iter_mut().zip(takers) {
            if *share == OPEN && fair(*most) < least.bps() {
                (*share, bound) = (*least, true);
            }
        }
        if bound {
            continue;
        }
        for (share, (_, most)) in shares.iter_mut().zip(takers) {
            if *share == OPEN {
                *share = Bitrate(fair(*most).min(most.bps()));
            }
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kbps(total: u64, takers: &[(u64, u64)]) -> Vec<u64> {
        let takers: Vec<_> = takers.iter().map(|&(a, b)| (Bitrate::from_kbps(a), Bitrate::from_kbps(b))).collect();
        let mut shares = vec![Bitrate(7)];
        share(Bitrate::from_kbps(total), &takers, &mut shares);
        shares.into_iter().map(|share| share.bps() / 1_000).collect()
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
