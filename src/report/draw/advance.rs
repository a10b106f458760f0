//! How wide a text will be at most, without asking any font.
//!
//! The advances are those of the widest common interface font (DejaVu Sans), rounded up: every gutter and every
//! placement comes from here, so a layout is the same on every machine and holds with narrower fonts too.

/// Width of `text` in px at `size` px.
#[must_use]
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    let em: f64 = text.chars().map(advance).sum();
    em * size * if bold { 1.1 } else { 1.0 }
}

fn advance(c: char) -> f64 {
    match c {
        '0'..='9' => 0.64,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.97,
        'i' | 'l' | 'j' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' => 0.36,
        ' ' => 0.33,
        '\u{202f}' => 0.25,
        '-' | '(' | ')' | '/' | '·' | 'f' | 't' | 'r' => 0.44,
        'A'..='Z' => 0.74,
        'a'..='z' => 0.64,
        c if c.is_ascii() => 0.64,
        c if c as u32 >= 0x2e80 => 1.05,
        _ => 0.84,
    }
}

/// `text`, cut with an ellipsis where it would be wider than `room` px.
#[must_use]
pub fn cut(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept, size, bold) + size > room {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

/// Moves `places` apart to at least `gap`, keeping their order and staying within `low..=high` where they fit.
#[must_use]
pub fn spread(places: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&a, &b| places[a].total_cmp(&places[b]).then(a.cmp(&b)));
    let mut out = places.to_vec();
    let mut floor = low;
    for &i in &order {
        out[i] = out[i].max(floor);
        floor = out[i] + gap;
    }
    let mut ceiling = high;
    for &i in order.iter().rev() {
        out[i] = out[i].min(ceiling);
        ceiling = out[i] - gap;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_spread_within_their_bounds() {
        assert_eq!(spread(&[10.0, 12.0, 60.0], 13.0, 0.0, 60.0), [10.0, 23.0, 60.0]);
        assert_eq!(spread(&[60.0, 59.0], 13.0, 0.0, 60.0), [60.0, 47.0]);
    }

    #[test]
    fn long_names_are_cut_to_their_room() {
        let cut = cut("a-network-with-a-very-long-name", 12.0, false, 80.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0, false) <= 80.0, "{cut}");
    }
}
