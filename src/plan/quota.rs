//! Exact quotas: whole numbers that stand to each other as weights do (largest remainder, Hamilton's method).

/// Divides `total` by `weights`, exactly. Ties of remainders go to the earlier one; no weight above 0 gives nothing.
pub(super) fn largest_remainder(total: u32, weights: &[f64]) -> Vec<u32> {
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|weight| f64::from(total) * weight / sum).collect();
    // What lies within rounding of a whole number is that number.
    let mut quotas: Vec<u32> = exact.iter().map(|value| (value + 1e-9).floor() as u32).collect();
    let mut left = total.saturating_sub(quotas.iter().sum());
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let remainder = |i: usize| exact[i] - f64::from(quotas[i]);
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(&b)));
    for &i in order.iter().cycle() {
        if left == 0 {
            break;
        }
        quotas[i] += 1;
        left -= 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::largest_remainder;

    #[test]
    fn quotas_are_exact_and_add_up() {
        assert_eq!(largest_remainder(10, &[0.8, 0.2]), [8, 2]);
        assert_eq!(largest_remainder(90, &[0.8, 0.2]), [72, 18]);
        assert_eq!(largest_remainder(10, &[1.0, 1.0, 1.0]), [4, 3, 3]);
        assert_eq!(largest_remainder(7, &[0.5, 0.3, 0.2]), [4, 2, 1]);
        assert_eq!(largest_remainder(3, &[0.0, 5.0]), [0, 3]);
        assert_eq!(largest_remainder(0, &[1.0, 2.0]), [0, 0]);
        for total in 0..200 {
            let quotas = largest_remainder(total, &[0.137, 0.5, 0.001, 0.362]);
            assert_eq!(quotas.iter().sum::<u32>(), total);
        }
    }
}
