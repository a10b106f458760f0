//! Who spoke: a row a person, a block for each stretch of speech, and below it a line where the SFU named them.
//!
//! Rooms stand below one another over one time axis. A block's height is the share of its bin that was speech, so that a bin
//! of many intervals says how much it holds and nothing is lost between the pixels.

use super::frame::{FOOT, Frame, HEAD, WIDE};
use crate::outcome::Voice;
use crate::report::draw::{Anchor, Canvas, Drawing, Face, Role, draw};
use crate::report::facts::speakers::Room;
use crate::report::facts::times::Times;
use crate::report::number::percent;

const ROW: f64 = 18.0;
const BLOCK: f64 = 11.0;
const LINE: f64 = 2.0;
const TITLE: f64 = 22.0;
const GAP: f64 = 10.0;
/// Least width of a bin, px.
const BIN: f64 = 2.0;

/// Draws the rooms below one another.
#[must_use]
pub fn speakers(times: &Times, width: f64, rooms: &[Room<'_>]) -> Drawing {
    let names = rooms.iter().flat_map(|room| room.people.iter()).map(|(name, _)| Face::PLAIN.width(name));
    let most = if width >= WIDE { 150.0 } else { 86.0 };
    let labels = names.fold(0.0, f64::max).min(most);
    // Names stand where other plots have their ticks: the frame's own title column is not needed.
    let left = if width >= WIDE { (labels - 116.0).max(0.0) } else { labels + 4.0 };
    let voices = rooms.iter().flat_map(|room| room.people.iter());
    let shares = voices.map(|(_, voice)| Face::QUIET.width(&share(voice))).fold(0.0, f64::max);
    let frame = Frame::new(times, width, left, shares + 2.0);
    let heights: Vec<f64> = rooms.iter().map(|room| TITLE + room.people.len() as f64 * ROW + GAP).collect();
    let bottom = HEAD + heights.iter().sum::<f64>();
    draw(width, bottom + FOOT, |canvas| {
        frame.head(canvas);
        let mut top = HEAD;
        for (room, height) in rooms.iter().zip(&heights) {
            let (first, last) = (top + TITLE, top + height - GAP);
            frame.shade(canvas, first, last);
            frame.grid(canvas, first, last);
            canvas.text(0.0, top + TITLE / 2.0, Anchor::Start, &fit(room.name, Face::HEAVY, width), Face::HEAVY);
            for (row, (name, voice)) in room.people.iter().enumerate() {
                person(canvas, &frame, first + row as f64 * ROW, name, voice);
            }
            top += height;
        }
        frame.foot(canvas, bottom - GAP + 4.0);
        frame.tips(canvas, HEAD, bottom - GAP, |range| tip(rooms, range));
    })
}

fn person(canvas: &mut Canvas, frame: &Frame, top: f64, name: &str, voice: &Voice) {
    let middle = top + ROW / 2.0;
    let room = frame.left - 8.0;
    canvas.text(room, middle, Anchor::End, &fit(name, Face::PLAIN, room), Face::PLAIN);
    let base = top + 2.0 + BLOCK;
    canvas.line((frame.left, base), (frame.right, base), 1.0, Role::Grid);
    let per = per_bin(frame, voice.talked.len());
    let edge = |i: usize| frame.x.at((i as f64 * frame.times.interval).min(frame.times.end));
    let mean = |bin: &[f32]| bin.iter().map(|share| f64::from(*share)).sum::<f64>() / bin.len().max(1) as f64;
    for (index, bin) in voice.talked.chunks(per).enumerate() {
        let share = mean(bin);
        if share > 0.0 {
            let (from, until) = (edge(index * per), edge(index * per + bin.len()));
            let height = (BLOCK * share).max(1.0);
            canvas.rect(from, base - height, until - from, height, Role::S1);
        }
    }
    // Neighbours that are named are one line.
    let bins: Vec<bool> = voice.named.chunks(per).map(|bin| mean(bin) >= 0.5).collect();
    let mut at = 0;
    for run in bins.chunk_by(|a, b| a == b) {
        if run[0] {
            let (from, until) = (edge(at * per), edge((at + run.len()) * per));
            canvas.rect(from, base + 1.0, until - from, LINE, Role::S2);
        }
        at += run.len();
    }
    canvas.text(frame.right + 6.0, middle, Anchor::Start, &share(voice), Face::QUIET);
}

/// The share of the run that somebody spoke.
fn share(voice: &Voice) -> String {
    percent(voice.total() / voice.talked.len().max(1) as f64)
}

/// Intervals of a bin.
fn per_bin(frame: &Frame, intervals: usize) -> usize {
    let most = ((frame.right - frame.left) / BIN).max(1.0) as usize;
    intervals.div_ceil(most).max(1)
}

/// As much of a text as fits.
fn fit(text: &str, face: Face, room: f64) -> String {
    if face.width(text) <= room {
        return text.to_owned();
    }
    let mut short: String = text.to_owned();
    while short.pop().is_some() {
        let candidate = format!("{short}…");
        if face.width(&candidate) <= room {
            return candidate;
        }
    }
    String::new()
}

fn tip(rooms: &[Room<'_>], range: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    let mean = |list: &[f32]| {
        let part = list.get(range.start.min(list.len())..range.end.min(list.len())).unwrap_or(&[]);
        part.iter().map(|share| f64::from(*share)).sum::<f64>() / part.len().max(1) as f64
    };
    for (name, voice) in rooms.iter().flat_map(|room| room.people.iter()) {
        let (talked, named) = (mean(&voice.talked), mean(&voice.named));
        if talked > 0.0 || named > 0.0 {
            text += &format!("{name}: spoke {}, named {}\n", percent(talked), percent(named));
        }
    }
    text
}
