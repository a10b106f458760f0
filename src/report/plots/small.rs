//! Small plots in table rows: a participant's frames a second with its frozen time, and when failures happened.

use super::frame::shade;
use crate::outcome::Timeline;
use crate::report::draw::{Anchor, Drawing, Face, Role, Scale, draw};
use crate::report::facts::times::Times;

const WIDE: f64 = 352.0;
const RUG: f64 = 300.0;
/// Beyond so many events a rug becomes a density.
const CROWD: u64 = 400;
const POINTS: usize = 352;

/// A participant's timeline, `most` frames a second at its top; what is beyond is drawn at the top, thicker.
#[must_use]
pub fn timeline(times: &Times, line: Option<&Timeline>, most: f64) -> Drawing {
    let x = Scale::linear(0.0, times.end, 1.0, WIDE - 1.0);
    let y = Scale::linear(0.0, most, 25.0, 3.0);
    draw(WIDE, 34.0, |canvas| {
        shade(canvas, times, x, 2.0, 25.0);
        canvas.line((1.0, 25.0), (WIDE - 1.0, 25.0), 1.0, Role::Rule);
        let Some(line) = line else {
            canvas.text(WIDE / 2.0, 14.0, Anchor::Middle, "no timeline kept", Face::QUIET);
            return;
        };
        let at = |i: usize| x.at(((i as f64 + 0.5) * times.interval).min(times.end));
        let per = line.fps.len().div_ceil(POINTS).max(1);
        let bins: Vec<_> = line.fps.chunks(per).enumerate().map(|(i, c)| (i * per, low(c))).collect();
        for run in bins.chunk_by(|a, b| a.1.is_some() == b.1.is_some()) {
            let points: Vec<_> =
                run.iter().filter_map(|&(i, v)| v.map(|v| (at(i), y.at(f64::from(v).min(most))))).collect();
            canvas.path(&points, 1.25, Role::S1);
            if let [(px, py)] = points[..] {
                canvas.dot(px, py, 1.25, Role::S1);
            }
        }
        if bins.iter().all(|(_, v)| v.is_none()) {
            canvas.text(WIDE / 2.0, 14.0, Anchor::Middle, "watched no video", Face::QUIET);
        }
        for &(i, _) in bins.iter().filter(|(_, v)| v.is_some_and(|v| f64::from(v) > most)) {
            canvas.line((at(i) - 1.5, 3.0), (at(i) + 1.5, 3.0), 2.5, Role::S1);
        }
        for (i, share) in line.frozen.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let from = x.at((i as f64 * times.interval).min(times.end));
            let width = (at(i) - from) * 2.0 * f64::from(share.min(1.0));
            canvas.rect(from, 28.0, width.max(1.5), 5.0, Role::Bad);
        }
    })
}

fn low(values: &[Option<f32>]) -> Option<f32> {
    values.iter().flatten().copied().reduce(f32::min)
}

/// When something happened: a tick each, or a density where there are many.
#[must_use]
pub fn rug(times: &Times, when: &[(f64, u64)]) -> Drawing {
    let x = Scale::linear(0.0, times.end, 1.0, RUG - 1.0);
    let total: u64 = when.iter().map(|(_, n)| n).sum();
    let most = when.iter().map(|(_, n)| *n).max().unwrap_or(1) as f64;
    draw(RUG, 22.0, |canvas| {
        shade(canvas, times, x, 2.0, 19.0);
        canvas.line((1.0, 19.0), (RUG - 1.0, 19.0), 1.0, Role::Rule);
        for &(at, n) in when {
            let height = if total > CROWD { (15.0 * n as f64 / most).max(1.0) } else { 13.0 };
            let at = x.at(at.clamp(0.0, times.end));
            canvas.rect(at - 0.5, 18.5 - height, 1.25, height, Role::Ink);
        }
    })
}
