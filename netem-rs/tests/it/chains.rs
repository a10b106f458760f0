//! The variance of what a Markov chain counts, from its transition matrix: how far a finite run may stray.

/// A transition matrix: row by row, the chances of the next state.
pub(crate) type Matrix = Vec<Vec<f64>>;

/// States 3 and 4 of the four-state model.
pub(crate) const LOST: [f64; 4] = [0.0, 0.0, 1.0, 1.0];

/// The four-state model's matrix, of p13, p31, p32, p23, p14.
pub(crate) fn four([p13, p31, p32, p23, p14]: [f64; 5]) -> Matrix {
    vec![
        vec![1.0 - p13 - p14, 0.0, p13, p14],
        vec![0.0, 1.0 - p23, p23, 0.0],
        vec![p31, p32, 1.0 - p31 - p32, 0.0],
        vec![1.0, 0.0, 0.0, 0.0],
    ]
}

/// The equilibrium, by going on for long.
pub(crate) fn equilibrium(chain: &Matrix) -> Vec<f64> {
    let size = chain.len();
    let mut shares = vec![1.0 / size as f64; size];
    for _ in 0..20_000 {
        shares = (0..size).map(|to| (0..size).map(|from| shares[from] * chain[from][to]).sum()).collect();
    }
    shares
}

/// Standard error of the share of `n` steps in the states that `counts` marks:
/// Var = [L(1-L) + 2·Σₖ (Σᵢ πᵢ·fᵢ·(Pᵏf)ᵢ - L²)] / n.
pub(crate) fn ratio_error(chain: &Matrix, counts: &[f64], n: u64) -> f64 {
    let shares = equilibrium(chain);
    let mean: f64 = shares.iter().zip(counts).map(|(share, count)| share * count).sum();
    let mut ahead = counts.to_vec();
    let mut variance = mean * (1.0 - mean);
    for _ in 0..5_000 {
        ahead = chain.iter().map(|row| row.iter().zip(&ahead).map(|(p, value)| p * value).sum()).collect();
        let joint: f64 = (0..counts.len()).map(|state| shares[state] * counts[state] * ahead[state]).sum();
        variance += 2.0 * (joint - mean * mean);
    }
    (variance / n as f64).sqrt()
}
