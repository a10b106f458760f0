//! How near to its limit? The bar is the share of the limit that was used; the limit stands at the same place in every
//! row, so all rows align. Passing is grey; only what is beyond its limit is red.

use crate::report::draw::{Canvas, Drawing, Role, Scale, draw};

const WIDTH: f64 = 212.0;
const HEIGHT: f64 = 32.0;
/// Where the axis ends, share of the limit.
const END: f64 = 1.47;
const MIDDLE: f64 = HEIGHT / 2.0;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Bullet {
    /// Share of the limit that was used; `None` where there is no value.
    pub used: Option<f64>,
    /// Ends of its 95 % interval.
    pub whisker: Option<(f64, f64)>,
    /// Whether it was beyond its limit.
    pub missed: bool,
    /// Whether it was judged.
    pub judged: bool,
}

/// Draws it.
#[must_use]
pub fn bullet(of: Bullet) -> Drawing {
    let x = Scale::linear(0.0, END, 0.0, WIDTH - 2.0);
    draw(WIDTH, HEIGHT, |canvas| {
        canvas.rect(0.0, MIDDLE - 4.0, x.at(1.0), 8.0, Role::Grid);
        let used = of.used.unwrap_or(0.0);
        let length = x.at(used.clamp(0.0, END));
        if !of.judged {
            let outline = if of.used.is_some() { length.max(8.0) } else { x.at(0.4) };
            canvas.outline(0.5, MIDDLE - 4.0, outline, 8.0, Role::Unsure);
        } else if used > 0.0 {
            canvas.rect(0.0, MIDDLE - 4.0, length.max(1.0), 8.0, if of.missed { Role::Bad } else { Role::Held });
        }
        if used > END {
            notch(canvas, x.at(1.3));
        }
        if let Some((low, high)) = of.whisker.filter(|_| of.judged) {
            whisker(canvas, x.at(low.min(END)), x.at(high.min(END)), high <= END);
        }
        canvas.rect(x.at(1.0) - 0.75, MIDDLE - 10.0, 1.5, 20.0, Role::Ink);
    })
}

/// The bar goes on beyond the axis.
fn notch(canvas: &mut Canvas, x: f64) {
    let cut = [(x, MIDDLE + 6.0), (x + 5.0, MIDDLE - 6.0), (x + 9.0, MIDDLE - 6.0), (x + 4.0, MIDDLE + 6.0)];
    canvas.area(&cut, Role::Paper);
}

fn whisker(canvas: &mut Canvas, low: f64, high: f64, closed: bool) {
    canvas.line((low, MIDDLE), (high, MIDDLE), 3.5, Role::Paper);
    canvas.line((low, MIDDLE), (high, MIDDLE), 1.25, Role::Ink);
    canvas.line((low, MIDDLE - 3.0), (low, MIDDLE + 3.0), 1.25, Role::Ink);
    if closed {
        canvas.line((high, MIDDLE - 3.0), (high, MIDDLE + 3.0), 1.25, Role::Ink);
    }
}
