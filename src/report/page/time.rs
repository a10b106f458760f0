//! Over time and delay: when it happened.

use super::parts::{about, figure, key, marks, numbers};
use crate::metrics::catalog::Metric;
use crate::metrics::sparse;
use crate::outcome::Labels;
use crate::report::facts::over_time::{Line, heads, mean, peak, rate, series, values};
use crate::report::facts::{Facts, five};
use crate::report::figures::Figures;
use crate::report::number::{clock, count, percent, seconds, significant, span, things};
use crate::report::plots::heat::{self, SHADES};
use maud::{Markup, html};

/// Rows of the tables of numbers.
const ROWS: usize = 16;

/// Everything over one axis.
#[must_use]
pub fn over_time(facts: &Facts, figures: &Figures) -> Markup {
    let shaded = html! {
        "0:00 is the start of the run; grey times are not judged, tinted ones are marked above"
        @if !facts.outcome.faults.is_empty() { ", paler until the last participant had recovered" }
        ". One point every "
        (span(facts.times.interval)) "; a peak's time is the beginning of its interval. A packet counts as lost once it is given up, "
        "so loss shows after what caused it, by as much as was waited for a retransmission."
        @if facts.is_simulated() {
            " The simulated SFU is no process: it has no memory to show, and CPU only where the scenario gives its packets a cost."
        }
    };
    html! {
        section id="time" {
            h2 { "Over time" }
            p class="lead" { (lead(facts)) }
            (figure(&figures.time, "c-time", "One axis for all", &shaded, &marks(&facts.times)))
            (table(facts))
            p class="note" {
                "Measures: " (about(Metric::RtpLossNet, "loss on the network")) ", "
                (about(Metric::RtpLossResidual, "loss after repair")) ", " (about(Metric::RtpJitter, "jitter")) ", "
                (about(Metric::VideoFreezeCount, "freezes"))
                @if facts.has_process(Metric::SfuCpu) { ", " (about(Metric::SfuCpu, "SFU CPU")) }
                @if facts.has_process(Metric::SfuRss) { ", " (about(Metric::SfuRss, "SFU memory")) }
                "."
            }
        }
    }
}

fn lead(facts: &Facts) -> String {
    let at = |i: usize| clock(i as f64 * facts.times.interval);
    let mut parts = Vec::new();
    let down = rate(facts.outcome, Metric::RtpBytesReceived, 8e-6);
    let up = rate(facts.outcome, Metric::RtpBytesSent, 8e-6);
    let middle = |line: &Line| mean(line, |i| facts.times.is_measured(i)).map(|v| significant(v, 1));
    if let Some((down, up)) = middle(&down).zip(middle(&up)) {
        parts
            .push(format!("In the measured time {down}\u{202f}Mbit/s went down and {up}\u{202f}Mbit/s up on average."));
    }
    match peak(&values(facts.outcome, Metric::RtpLossNet, 1.0)) {
        Some((i, loss)) if loss > 0.0 => {
            parts.push(format!("Loss on the network was highest at {}, with {}.", at(i), percent(loss)));
        }
        Some(_) => parts.push("No packet was lost on the network.".to_owned()),
        None => {}
    }
    match peak(&heads(&facts.outcome.series.frozen)) {
        Some((i, n)) if n > 0.0 => {
            parts.push(format!(
                "At most {} froze within {}, at {}.",
                things(n as u64, "video stream"),
                span(facts.outcome.series.interval),
                at(i)
            ));
        }
        Some(_) => parts.push("No picture froze.".to_owned()),
        None => {}
    }
    if let Some((_, cpu)) = peak(&values(facts.outcome, Metric::SfuCpu, 1.0)) {
        parts.push(format!("The SFU used at most {} cores.", significant(cpu, 2)));
    }
    parts.join(" ")
}

/// Intervals of a row of the tables.
fn step(facts: &Facts) -> usize {
    facts.outcome.series.intervals.div_ceil(ROWS).max(1)
}

fn table(facts: &Facts) -> Markup {
    let outcome = facts.outcome;
    let (per, interval) = (step(facts), facts.times.interval);
    let mut lines: Vec<(&str, Line)> = vec![
        ("joined", heads(&outcome.series.joined)),
        ("packets/s down", rate(outcome, Metric::RtpPacketsReceived, 1.0)),
        ("Mbit/s down", rate(outcome, Metric::RtpBytesReceived, 8e-6)),
        ("Mbit/s up", rate(outcome, Metric::RtpBytesSent, 8e-6)),
        ("loss, %", values(outcome, Metric::RtpLossNet, 100.0)),
        ("after repair, %", values(outcome, Metric::RtpLossResidual, 100.0)),
    ];
    let of_process = [("SFU CPU, cores", Metric::SfuCpu, 1.0), ("SFU memory, MiB", Metric::SfuRss, 1.0 / 1_048_576.0)];
    for (name, metric, factor) in of_process.into_iter().filter(|(_, metric, _)| facts.has_process(*metric)) {
        lines.push((name, values(outcome, metric, factor)));
    }
    let frozen = heads(&outcome.series.frozen);
    let mut head = vec!["from".to_owned()];
    head.extend(lines.iter().map(|(name, _)| (*name).to_owned()));
    head.extend(["jitter p95, ms", "frozen, most"].map(str::to_owned));
    let cell = |v: Option<f64>| v.map_or_else(|| "none".to_owned(), |v| significant(v, 2));
    let rows: Vec<Vec<String>> = (0..outcome.series.intervals)
        .step_by(per)
        .map(|from| {
            let inside = |i: usize| i >= from && i < from + per;
            let mut row = vec![clock(from as f64 * interval)];
            row.extend(lines.iter().map(|(_, line)| cell(mean(line, inside))));
            row.push(cell(merged(facts, Metric::RtpJitter, from, per).0.map(|[_, p95, _]| p95 * 1e3)));
            let most = frozen.iter().skip(from).take(per).flatten().copied().reduce(f64::max);
            row.push(most.map_or_else(|| "none".to_owned(), |v| count(v as u64)));
            row
        })
        .collect();
    numbers(&format!("The numbers, means of {}", span(per as f64 * interval)), &head, &rows)
}

/// p50, p95, p99 of some intervals together, in seconds, and their samples.
fn merged(facts: &Facts, metric: Metric, from: usize, per: usize) -> (Option<[f64; 3]>, u64) {
    let mut all = Vec::new();
    if let Some(series) = series(facts.outcome, metric.name(), &Labels::new()) {
        series.histograms.iter().skip(from).take(per).for_each(|h| sparse::merge(&mut all, h));
    }
    let samples = all.iter().map(|(_, n)| u64::from(*n)).sum();
    let at = |q| sparse::quantile(&all, q).unwrap_or(0.0) * metric.spec().unit.scale();
    ((samples > 0).then(|| [0.5, 0.95, 0.99].map(at)), samples)
}

/// Frame delay of all frames.
#[must_use]
pub fn delay(facts: &Facts, figures: &Figures) -> Markup {
    // As wide as the wide drawing's plot.
    let length = heat::column_length(facts, 880.0);
    let caption = html! {
        "A cell's shade is its share of the frames of its column of " (span(length))
        " (longer on narrow screens); empty cells hold less than 0.3 %. Lines: p95 and p50."
    };
    let bounds: Vec<String> =
        SHADES.iter().map(|s| significant(s * 100.0, 1).trim_end_matches(".0").to_owned()).collect();
    let words: Vec<String> = (0..SHADES.len())
        .map(|i| match bounds.get(i + 1) {
            Some(next) => format!("{}–{next}\u{202f}%", bounds[i]),
            None => format!("{}\u{202f}% or more", bounds[i]),
        })
        .collect();
    let list = words.iter().enumerate().map(|(i, word)| (format!("h{i}"), word.as_str()));
    html! {
        section id="delay" {
            h2 { (about(Metric::DelayFrame, "Delay")) }
            p class="lead" { (delay_lead(facts, length)) }
            (figure(&figures.heat, "c-heat", "Every frame", &caption, &key(list)))
            (delay_table(facts))
        }
    }
}

fn delay_lead(facts: &Facts, length: f64) -> String {
    let number = &five::of(facts)[3];
    if !number.known {
        return format!("Frame delay: {}, {}.", number.big, number.below);
    }
    let p50 = number.below.trim_start_matches("p50 ").split(" · ").next().unwrap_or("").to_owned();
    let mut text = format!(
        "From when a frame was due until it could be decoded: half of the frames took less than {p50}, 95 % less than {}.",
        number.big
    );
    if let Some((from, p95)) = heat::worst(facts, length) {
        text += &format!(" The worst {} began at {}, with a p95 of {}.", span(length), clock(from), seconds(p95));
    }
    let mut pooled = facts.outcome.metrics.iter().filter(|entry| entry.labels.is_empty());
    let skew = pooled.find(|entry| entry.name == Metric::SyncAvSkew.name()).and_then(|entry| entry.p95);
    if let Some(p95) = skew {
        text += &format!(" Picture and sound were at most {} out of step 95 % of the time.", seconds(p95));
    }
    text
}

fn delay_table(facts: &Facts) -> Markup {
    let per = step(facts);
    let rows: Vec<Vec<String>> = (0..facts.outcome.series.intervals)
        .step_by(per)
        .map(|from| {
            let (levels, frames) = merged(facts, Metric::DelayFrame, from, per);
            let mut row = vec![clock(from as f64 * facts.times.interval), count(frames)];
            row.extend(levels.map_or_else(|| vec!["none".to_owned(); 3], |l| l.map(seconds).to_vec()));
            row
        })
        .collect();
    let head = ["from", "frames", "p50", "p95", "p99"].map(str::to_owned);
    numbers(&format!("The numbers, of {} each", span(per as f64 * facts.times.interval)), &head, &rows)
}
