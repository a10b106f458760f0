//! Every figure of the report, drawn once: the page inlines them, and each becomes a file of its own.

use super::draw::Drawing;
use super::facts::groups::{By, Panel};
use super::facts::{Facts, failures, speakers as voices, worst};
use super::plots::bullet::{Bullet, bullet};
use super::plots::{data, dots, heat, layers, percentiles, phases, small, speakers, strips, views};
use crate::outcome::Verdict;

/// Widths of figures across the page, of half of it, and on a phone, px.
const FULL: f64 = 1120.0;
const HALF: f64 = 544.0;
const NARROW: f64 = 352.0;

/// A figure, drawn for wide and, where it is large, for narrow screens.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Name of its file, without `.svg`.
    pub name: String,
    /// What is shown: the label for those who cannot see it.
    pub title: String,
    /// The drawing.
    pub wide: Drawing,
    /// The drawing for narrow screens.
    pub narrow: Option<Drawing>,
}

impl Figure {
    fn both(name: &str, title: &str, width: f64, paint: impl Fn(f64) -> Drawing) -> Self {
        let narrow = Some(paint(NARROW));
        Self { name: name.to_owned(), title: title.to_owned(), wide: paint(width), narrow }
    }

    fn one(name: String, title: String, wide: Drawing) -> Self {
        Self { name, title, wide, narrow: None }
    }

    /// Its markup for the page; `caption` is the id of what explains it, `class` that of a small plot.
    #[must_use]
    pub fn inline(&self, class: &str, caption: &str) -> String {
        match &self.narrow {
            None => self.wide.inline(class, &self.title, caption),
            Some(narrow) => self.wide.inline("w", &self.title, caption) + &narrow.inline("n", &self.title, caption),
        }
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Join time by phase.
    pub phases: Figure,
    /// Join time over percentile.
    pub percentiles: Figure,
    /// The run over time.
    pub time: Figure,
    /// Layers and keyframes over the run, where media was sent in layers.
    pub layers: Option<Figure>,
    /// Who spoke; `None` where nobody's voice was kept.
    pub speakers: Option<Figure>,
    /// Estimates of congestion control beside capacity; `None` where nothing was under it.
    pub congestion: Option<Figure>,
    /// Messages of data channels; `None` where there were none.
    pub data: Option<Figure>,
    /// Frame delay over time.
    pub heat: Figure,
    /// Six measures by network.
    pub networks: Vec<Figure>,
    /// Six measures by population.
    pub populations: Vec<Figure>,
    /// Timelines of the worst participants, in their order.
    pub worst: Vec<Figure>,
    /// Frames a second at the top of those timelines.
    pub fps: f64,
    /// When failures happened, in their order; `None` where there was nothing.
    pub failures: Vec<Option<Figure>>,
    /// The generator over time.
    pub generator: Figure,
    /// How near each threshold was, in the scenario's order.
    pub thresholds: Vec<Figure>,
    /// How near each limit of the generator was, in their order.
    pub checks: Vec<Figure>,
}

impl Figures {
    /// Draws them.
    #[must_use]
    pub fn of(facts: &Facts, failures: &[failures::Failure], compared: &[(By, Vec<Panel>)]) -> Self {
        let times = &facts.times;
        let fps = frame_rate(facts);
        let group = |by: By| -> Vec<Figure> {
            let panels = compared.iter().filter(|(b, _)| *b == by).flat_map(|(_, panels)| panels);
            panels.map(|panel| of_panel(facts, by, panel)).collect()
        };
        Self {
            phases: Figure::both("join-phases", "Join time by phase, a bar a quantile", HALF, |w| {
                phases::phases(facts, w)
            }),
            percentiles: Figure::both("join-percentiles", "Join time over percentile, a line a network", HALF, |w| {
                percentiles::percentiles(facts, w)
            }),
            time: {
                let list = views::over_the_run(facts);
                let names: Vec<&str> = list.iter().map(|strip| strip.title).collect();
                let title = format!("{} over the run", names.join(", "));
                Figure::both("over-time", &title, FULL, |w| strips::strips(times, w, &list))
            },
            layers: layers::is_known(facts.outcome).then(|| {
                let list = layers::layers(facts);
                let title = "Share of viewers by layer, switches, and keyframes asked for and received over the run";
                Figure::both("layers", title, FULL, |w| strips::strips(times, w, &list))
            }),
            speakers: of_speakers(facts),
            congestion: {
                let list = views::congestion(facts);
                let title =
                    "Estimated rate, encoders' target and the uplink's capacity over the run, and how full it was";
                (!list.is_empty()).then(|| Figure::both("congestion", title, FULL, |w| strips::strips(times, w, &list)))
            },
            data: data::is_known(facts.outcome).then(|| {
                let list = data::data(facts);
                let title = "Messages of data channels, their latency and the share that came, over the run";
                Figure::both("data", title, FULL, |w| strips::strips(times, w, &list))
            }),
            heat: Figure::both("frame-delay", "Frame delay of all frames over the run", FULL, |w| heat::heat(facts, w)),
            networks: group(By::Network),
            populations: group(By::Population),
            worst: of_worst(facts, fps),
            fps,
            failures: failures.iter().enumerate().map(|(i, f)| of_failure(facts, i, f)).collect(),
            generator: {
                let list = views::generator(facts);
                let title = "Send lateness, loop lag, CPU, memory and kernel drops of the generator over the run";
                Figure::both("generator", title, FULL, |w| strips::strips(times, w, &list))
            },
            thresholds: of_thresholds(facts),
            checks: of_checks(facts),
        }
    }

    /// Every figure, in the order of the page.
    pub fn all(&self) -> impl Iterator<Item = &Figure> {
        self.thresholds
            .iter()
            .chain([&self.phases, &self.percentiles, &self.time])
            .chain(&self.layers)
            .chain(&self.speakers)
            .chain(&self.congestion)
            .chain(&self.data)
            .chain([&self.heat])
            .chain(&self.networks)
            .chain(&self.populations)
            .chain(&self.worst)
            .chain(self.failures.iter().flatten())
            .chain(&self.checks)
            .chain([&self.generator])
    }
}

fn of_speakers(facts: &Facts) -> Option<Figure> {
    let rooms = voices::rooms(facts.outcome);
    let title = "Who spoke when, a row a person, with what the SFU said of it below each";
    (!rooms.is_empty()).then(|| Figure::both("who-spoke", title, FULL, |w| speakers::speakers(&facts.times, w, &rooms)))
}

fn of_panel(facts: &Facts, by: By, panel: &Panel) -> Figure {
    let name = format!("{}-{}", by.label(), panel.metric.name().replace(['.', '_'], "-"));
    let title = format!("{} by {}", panel.title, by.label());
    Figure::one(name, title, dots::dots(panel, facts.deadline))
}

/// Where the timelines' axis ends: most of what was seen fits, and a burst of one second does not flatten the rest.
fn frame_rate(facts: &Facts) -> f64 {
    let shown = facts.worst.all.iter().take(worst::SHOWN).filter_map(|p| p.timeline.as_ref());
    let mut seen: Vec<f64> = shown.flat_map(|t| t.fps.iter().flatten().map(|fps| f64::from(*fps))).collect();
    seen.sort_by(f64::total_cmp);
    let high = seen.get((seen.len() * 9 / 10).min(seen.len().saturating_sub(1))).copied().unwrap_or(0.0);
    (high * 1.1).max(1.0).ceil()
}

fn of_worst(facts: &Facts, most: f64) -> Vec<Figure> {
    let shown = facts.worst.all.iter().take(worst::SHOWN);
    shown
        .enumerate()
        .map(|(i, p)| {
            let title = format!("Frames a second of {} over the run, frozen time marked below", p.name);
            Figure::one(format!("worst-{:02}", i + 1), title, small::timeline(&facts.times, p.timeline.as_ref(), most))
        })
        .collect()
}

fn of_failure(facts: &Facts, i: usize, failure: &failures::Failure) -> Option<Figure> {
    if failure.when.is_empty() {
        return None;
    }
    let title = format!("When it happened: {}", failure.text);
    Some(Figure::one(format!("failure-{:02}", i + 1), title, small::rug(&facts.times, &failure.when)))
}

fn of_thresholds(facts: &Facts) -> Vec<Figure> {
    facts
        .judged
        .iter()
        .enumerate()
        .map(|(i, j)| {
            let judged = matches!(j.outcome.verdict, Verdict::Pass | Verdict::Fail);
            let of = Bullet { used: j.used, whisker: j.whisker, missed: j.is_missed(), judged };
            let title = format!("Share of the limit used by {} {}", j.outcome.metric, j.which());
            Figure::one(format!("threshold-{:02}", i + 1), title.trim_end().to_owned(), bullet(of))
        })
        .collect()
}

fn of_checks(facts: &Facts) -> Vec<Figure> {
    facts
        .outcome
        .health
        .checks
        .iter()
        .enumerate()
        .map(|(i, check)| {
            let used = check.value.map(|v| match (v > 0.0, check.limit > 0.0) {
                (false, _) => 0.0,
                (true, true) => v / check.limit,
                (true, false) => f64::INFINITY,
            });
            let of = Bullet { used, whisker: None, missed: check.exceeded, judged: check.value.is_some() };
            let title = format!("Share of the limit used: {}", check.condition);
            Figure::one(format!("generator-{:02}", i + 1), title, bullet(of))
        })
        .collect()
}
