//! The frame of everything over time: one x axis, shaded phases and faults, letters above, tips over it.

use crate::report::draw::advance::spread;
use crate::report::draw::{Anchor, Canvas, Face, Role, Scale, scale};
use crate::report::facts::times::Times;
use crate::report::number::clock;

/// Px above the first strip: phases and letters.
pub const HEAD: f64 = 40.0;
/// Px below the last one: the times.
pub const FOOT: f64 = 26.0;
/// From this width on titles stand left of the strips.
pub const WIDE: f64 = 700.0;
/// Px from letter to letter.
const APART: f64 = 18.0;
/// Most tips across the plot.
const TIPS: f64 = 90.0;

/// Where the x axis lies.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The run's times.
    pub times: &'a Times,
    /// Width of the drawing, px.
    pub width: f64,
    /// Left end of the axis, px.
    pub left: f64,
    /// Right end, px.
    pub right: f64,
    /// Seconds to px.
    pub x: Scale,
    /// Whether titles stand left of the strips.
    pub wide: bool,
}

impl<'a> Frame<'a> {
    /// A frame in a drawing of `width` px whose labels right of the axis need `labels` px and whose ticks `ticks` px.
    #[must_use]
    pub fn new(times: &'a Times, width: f64, ticks: f64, labels: f64) -> Self {
        let wide = width >= WIDE;
        let left = if wide { 116.0 } else { 0.0 } + ticks.max(if wide { 56.0 } else { 24.0 }) + 6.0;
        let right = width - labels.max(if wide { 112.0 } else { 30.0 }) - 8.0;
        Self { times, width, left, right, x: Scale::linear(0.0, times.end, left, right), wide }
    }

    /// The middle of interval `i`, px.
    #[must_use]
    pub fn middle(&self, i: usize) -> f64 {
        self.x.at(((i as f64 + 0.5) * self.times.interval).min(self.times.end))
    }

    /// Shades warm-up, cool-down and faults from `top` to `bottom`.
    pub fn shade(&self, canvas: &mut Canvas, top: f64, bottom: f64) {
        shade(canvas, self.times, self.x, top, bottom);
    }

    /// Names of the phases, and the letters of the marks.
    pub fn head(&self, canvas: &mut Canvas) {
        let times = self.times;
        let phases = [
            ("warm-up", 0.0, times.warmup),
            ("measured", times.warmup, times.cooldown),
            ("cool-down", times.cooldown, times.end),
        ];
        for (name, from, to) in phases {
            let (from, to) = (self.x.at(from), self.x.at(to));
            if to - from > Face::QUIET.width(name) {
                canvas.text((from + to) / 2.0, 8.0, Anchor::Middle, name, Face::QUIET);
            }
        }
        let mut lettered: Vec<(char, f64)> = Vec::new();
        for mark in &times.marks {
            let Some(letter) = mark.letter else { continue };
            let x = self.x.at((mark.at + mark.until) / 2.0);
            // The same again right beside it: one letter says it.
            let again = lettered.iter().any(|(known, at)| *known == letter && (x - at).abs() < 1.5 * APART);
            if !again && lettered.len() < ((self.right - self.left) / APART) as usize {
                lettered.push((letter, x));
            }
        }
        let places: Vec<f64> = lettered.iter().map(|(_, x)| *x).collect();
        let places = spread(&places, APART, self.left + 8.0, self.right - 2.0);
        for ((letter, _), x) in lettered.iter().zip(places) {
            canvas.dot(x, 27.0, 8.0, Role::S2);
            let face = Face { size: 11.0, bold: true, role: Role::Letter };
            canvas.text(x, 27.0, Anchor::Middle, &letter.to_string(), face);
        }
    }

    /// The axis below everything, with its times.
    pub fn foot(&self, canvas: &mut Canvas, y: f64) {
        for at in scale::times(self.times.end, self.most_times()) {
            let x = self.x.at(at);
            canvas.line((x, y), (x, y + 4.0), 1.0, Role::Rule);
            if x < self.right - 12.0 {
                canvas.text(x, y + 13.0, Anchor::Middle, &clock(at), Face::QUIET);
            }
        }
        canvas.text(self.right + 30.0, y + 13.0, Anchor::End, "m:s", Face::QUIET);
    }

    /// Upright grid lines.
    pub fn grid(&self, canvas: &mut Canvas, top: f64, bottom: f64) {
        for at in scale::times(self.times.end, self.most_times()) {
            canvas.line((self.x.at(at), top), (self.x.at(at), bottom), 1.0, Role::Grid);
        }
    }

    fn most_times(&self) -> usize {
        let room = self.right - self.left - 34.0;
        ((room / 52.0) as usize).clamp(2, 9)
    }

    /// Columns that tell what was there, `text` by the intervals of a column.
    pub fn tips(&self, canvas: &mut Canvas, top: f64, bottom: f64, text: impl Fn(std::ops::Range<usize>) -> String) {
        let length = (self.times.end / TIPS).max(10.0_f64.min(self.times.end / 4.0));
        let per = (length / self.times.interval).ceil().max(1.0) as usize;
        let intervals = (self.times.end / self.times.interval).ceil() as usize;
        for from in (0..intervals).step_by(per) {
            let until = (from + per).min(intervals);
            let at = |i: usize| (i as f64 * self.times.interval).min(self.times.end);
            let (x0, x1) = (self.x.at(at(from)), self.x.at(at(until)));
            let tip = format!("{} to {}\n{}", clock(at(from)), clock(at(until)), text(from..until));
            canvas.tip(x0, top, x1 - x0, bottom - top, tip.trim_end());
        }
    }
}

/// Shades phases and faults of any time axis.
pub fn shade(canvas: &mut Canvas, times: &Times, x: Scale, top: f64, bottom: f64) {
    let mut fill = |from: f64, to: f64, least: f64, role: Role| {
        let (from, to) = (x.at(from), x.at(to));
        canvas.rect(from, top, (to - from).max(least), bottom - top, role);
    };
    fill(0.0, times.warmup, 0.0, Role::Ramp);
    fill(times.cooldown, times.end, 0.0, Role::Ramp);
    for mark in times.marks.iter().filter(|mark| mark.recovered > mark.until) {
        fill(mark.until, mark.recovered, 0.0, Role::Recovery);
    }
    for mark in &times.marks {
        fill(mark.at, mark.until, 1.5, Role::Fault);
    }
}
