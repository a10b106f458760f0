//! "Did you mean": the nearest of the known words.

/// The known word nearest to `word`, when it is near enough to be a slip of the fingers.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to write instead of `word`: the nearest, or all of them.
pub(crate) fn instead<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<String> = known.into_iter().map(|word| format!("`{word}`")).collect();
    if all.is_empty() { "the scenario has none".to_owned() } else { format!("write one of {}", all.join(", ")) }
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substitution = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_recognised_and_another_word_is_not() {
        let keys = ["warmup", "duration", "cooldown"];
        assert_eq!(nearest("warumup", keys), Some("warmup"));
        assert_eq!(nearest("duraiton", keys), Some("duration"));
        assert_eq!(nearest("Duration", keys), Some("duration"));
        assert_eq!(nearest("network", keys), None);
        assert_eq!(instead("network", keys), "write one of `warmup`, `duration`, `cooldown`");
    }
}
