//! The run's time axis: warm-up, measured window, cool-down, and the marks of what happened.

use crate::outcome::{Outcome, RunEvent};

/// Most letters; what happens again has the same one, and what is left is shaded and counted.
pub const LETTERS: usize = 12;

/// The axis of everything over time, in seconds from the start of the run.
#[derive(Clone, PartialEq, Debug)]
pub struct Times {
    /// Length of the axis.
    pub end: f64,
    /// End of the warm-up.
    pub warmup: f64,
    /// Start of the cool-down.
    pub cooldown: f64,
    /// Length of an interval of the series.
    pub interval: f64,
    /// Events, by time.
    pub marks: Vec<Mark>,
}

/// An event on the axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Mark {
    /// `A`, `B`, …; none beyond [`LETTERS`].
    pub letter: Option<char>,
    /// When it began.
    pub at: f64,
    /// When it ended; the same for an instant.
    pub until: f64,
    /// When the last participant had recovered from it; the same where it is no fault, or hit nobody.
    pub recovered: f64,
    /// What happened.
    pub text: String,
}

impl Times {
    /// The axis of a run.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        let run = &outcome.run;
        let interval = if outcome.series.interval > 0.0 { outcome.series.interval } else { 1.0 };
        let end = run.ended.max(outcome.series.intervals as f64 * interval).max(interval);
        let mut events: Vec<_> = outcome.events.iter().collect();
        events.sort_by(|a, b| a.at.total_cmp(&b.at));
        let mut texts: Vec<&str> = Vec::new();
        let marks = events.into_iter().map(|event| {
            let known = texts.iter().position(|text| *text == event.text);
            let n = known.unwrap_or_else(|| {
                texts.push(&event.text);
                texts.len() - 1
            });
            let until = (event.at + event.lasting).clamp(0.0, end);
            Mark {
                recovered: recovered(outcome, event, until, end),
                letter: (n < LETTERS).then(|| char::from(b'A' + n as u8)),
                at: event.at.clamp(0.0, end),
                until,
                text: event.text.clone(),
            }
        });
        Self {
            end,
            warmup: run.warmup.clamp(0.0, end),
            cooldown: (run.warmup + run.duration).clamp(0.0, end),
            interval,
            marks: marks.collect(),
        }
    }

    /// What happened, in the order of its letter: letter, text, and every time; then what has no letter.
    #[must_use]
    pub fn happened(&self) -> Vec<(Option<char>, &str, Vec<&Mark>)> {
        let mut list: Vec<(Option<char>, &str, Vec<&Mark>)> = Vec::new();
        for mark in &self.marks {
            match list.iter_mut().find(|(_, text, _)| *text == mark.text) {
                Some((_, _, times)) => times.push(mark),
                None => list.push((mark.letter, &mark.text, vec![mark])),
            }
        }
        list
    }

    /// Length of the measured window as it was.
    #[must_use]
    pub fn measured(&self) -> f64 {
        (self.cooldown - self.warmup).max(0.0)
    }

    /// Whether the middle of interval `i` lies in the measured window.
    #[must_use]
    pub fn is_measured(&self, i: usize) -> bool {
        let middle = (i as f64 + 0.5) * self.interval;
        middle >= self.warmup && middle < self.cooldown
    }
}

/// When the last participant had recovered from the fault that an event tells of.
fn recovered(outcome: &Outcome, event: &RunEvent, until: f64, end: f64) -> f64 {
    let tells = |name: &str| event.text.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
    let fault =
        outcome.faults.iter().find(|f| event.kind == "fault" && (f.at - event.at).abs() < 1e-9 && tells(&f.name));
    match fault {
        Some(fault) if fault.unrecovered > 0 => end,
        Some(fault) => fault.recovery.max.map_or(until, |longest| (until + longest).min(end)),
        None => until,
    }
}
