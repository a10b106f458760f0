//! What is added to the delay of each packet, as written; slots and reordering with it.

use super::{is_none, of_file, tag};
use crate::clock::Duration;
use crate::scenario::Files;
use crate::scenario::section::{Section, Shape};
use crate::units::format_duration;
use netem::{DelayTable, DelayVariation, Reorder, SlotGap, Slots};

const BOUNDED: &[&str] = &["dist", "sd", "max", "correlation", "reordering"];

static NR_GAUSS: Shape = Shape { name: "DelayVariation.nr-gauss", keys: BOUNDED, refused: &[] };
static NORMAL: Shape = Shape { name: "DelayVariation.normal", keys: BOUNDED, refused: &[] };
static PARETO: Shape = Shape { name: "DelayVariation.pareto", keys: BOUNDED, refused: &[] };
static PARETO_NORMAL: Shape = Shape { name: "DelayVariation.paretonormal", keys: BOUNDED, refused: &[] };
static UNIFORM: Shape =
    Shape { name: "DelayVariation.uniform", keys: &["dist", "max", "correlation", "reordering"], refused: &[] };
static TABLE: Shape =
    Shape { name: "DelayVariation.table", keys: &["dist", "file", "sd", "correlation", "reordering"], refused: &[] };
static SLOT_DIST: Shape = Shape {
    name: "DelayVariation.slot",
    keys: &["dist", "min", "max", "file", "delay", "sd", "packets", "bytes"],
    refused: &[],
};
static NO_VARIATION: Shape = Shape { name: "DelayVariation.none", keys: &["dist"], refused: &[] };
static SLOT: Shape =
    Shape { name: "Slot", keys: &["min", "max", "file", "delay", "sd", "packets", "bytes"], refused: &[] };
static REORDER: Shape = Shape { name: "Reorder", keys: &["ratio", "by"], refused: &[] };

/// The words of `dist`.
const DISTS: [&str; 8] = ["nr-gauss", "normal", "uniform", "pareto", "paretonormal", "table", "slot", "none"];

const LONGEST: Duration = Duration::from_secs(3_600);
const TABLE_HELP: &str = "write whole numbers, 8192 for one `sd`, as tc's .dist files have them";

/// A variation and how much of one packet's luck the next one keeps.
#[derive(Clone, PartialEq, Debug)]
pub struct Variation {
    /// The law; `None` is none.
    pub variation: Option<DelayVariation>,
    /// From 0 to below 1.
    pub correlation: f64,
}

/// Reads `delay_variation` and `slot`: `dist = "slot"` is the second without the first.
pub(super) fn read(path: &Section<'_>, files: Files<'_>) -> (Option<Variation>, Option<Option<Slots>>) {
    if tag(path, "delay_variation", "dist") != Some("slot") {
        return (read_variation(path, files), read_slot(path, files));
    }
    if path.has("slot") {
        let message = "`slot` and `dist = \"slot\"` are both there";
        path.fail("slot", message, "write one of them");
        return (None, None);
    }
    let Some(table) = path.sub("delay_variation", &SLOT_DIST, "write a table") else { return (None, None) };
    match read_slots(&table, files) {
        Some(slots) => (Some(Variation { variation: None, correlation: 0.0 }), Some(Some(slots))),
        None => (None, None),
    }
}

fn read_variation(path: &Section<'_>, files: Files<'_>) -> Option<Variation> {
    let shape = match tag(path, "delay_variation", "dist") {
        Some("normal") => &NORMAL,
        Some("uniform") => &UNIFORM,
        Some("pareto") => &PARETO,
        Some("paretonormal") => &PARETO_NORMAL,
        Some("table") => &TABLE,
        Some("none") => &NO_VARIATION,
        _ => &NR_GAUSS,
    };
    let help = "write delay_variation = { dist = \"nr-gauss\", sd = \"5ms\", max = \"15ms\" }";
    let table = path.sub("delay_variation", shape, help)?;
    let all: Vec<String> = DISTS.iter().map(|word| format!("`{word}`")).collect();
    table.missing("dist", &format!("write dist = \"nr-gauss\", or another of {}", all.join(", ")));
    let words = DISTS.map(|word| (word, ()));
    table.choice("dist", &words, &[])?;
    if std::ptr::eq(shape, &NO_VARIATION) {
        return Some(Variation { variation: None, correlation: 0.0 });
    }
    let correlation = read_correlation(&table)?;
    let variation = Some(read_law(&table, shape, files)?);
    Some(Variation { variation, correlation })
}

fn read_correlation(table: &Section<'_>) -> Option<f64> {
    if !table.has("correlation") {
        return Some(0.0);
    }
    let correlation = table.number("correlation")?;
    if (0.0..1.0).contains(&correlation) {
        return Some(correlation);
    }
    table.fail("correlation", format!("`correlation` is {correlation}"), "write a number from 0 to below 1");
    None
}

fn read_law(table: &Section<'_>, shape: &'static Shape, files: Files<'_>) -> Option<DelayVariation> {
    let reordering = table.bool("reordering").unwrap_or(false);
    if std::ptr::eq(shape, &UNIFORM) {
        table.missing("max", "write the most that is added, as in max = \"20ms\"");
        return Some(DelayVariation::Uniform { max: table.duration("max")?, reordering });
    }
    table.missing("sd", "write the standard deviation, as in sd = \"5ms\"");
    if std::ptr::eq(shape, &TABLE) {
        table.missing("file", "write the name of a table, relative to this file");
        let read = of_file(table, "file", files, DelayTable::parse, TABLE_HELP);
        let sd = table.duration("sd");
        return Some(DelayVariation::Table { table: read?, sd: sd?, reordering });
    }
    let sd = table.duration("sd")?;
    // RFC 8868 cuts at three standard deviations, tc-netem's tables end at four.
    let max = table.duration("max");
    Some(match shape.name {
        "DelayVariation.normal" => DelayVariation::Normal { sd, max: max.unwrap_or(sd * 3), reordering },
        "DelayVariation.pareto" => DelayVariation::Pareto { sd, max: max.unwrap_or(sd * 4), reordering },
        "DelayVariation.paretonormal" => DelayVariation::ParetoNormal { sd, max: max.unwrap_or(sd * 4), reordering },
        _ => DelayVariation::Gaussian { sd, max: max.unwrap_or(sd * 3), reordering },
    })
}

fn read_slot(path: &Section<'_>, files: Files<'_>) -> Option<Option<Slots>> {
    if is_none(path, "slot") {
        return Some(None);
    }
    let slot = path.sub("slot", &SLOT, "write slot = { min = \"2ms\", max = \"20ms\" }, or \"none\"")?;
    read_slots(&slot, files).map(Some)
}

fn read_slots(slot: &Section<'_>, files: Files<'_>) -> Option<Slots> {
    let gap = if slot.has("file") { read_table_gap(slot, files)? } else { read_gap(slot)? };
    // Checked here, or `dist = "slot"` would be told of a key that it has not written.
    if gap_is_nothing(&gap) {
        slot.fail(if slot.has("file") { "delay" } else { "max" }, "slots take no time", "write a longer time");
        return None;
    }
    let whole = |key: &str| slot.integer(key, 1..=1 << 40);
    Some(Slots { gap, packets: whole("packets"), bytes: whole("bytes") })
}

fn read_gap(slot: &Section<'_>) -> Option<SlotGap> {
    if let Some(key) = ["delay", "sd"].into_iter().find(|key| slot.has(key)) {
        slot.fail(key, format!("`{key}` belongs to a table of times"), "add `file`, or write `min` and `max`");
        return None;
    }
    slot.missing("min", "write the shortest time between slots, as in min = \"2ms\"");
    let min = slot.duration("min")?;
    let max = if slot.has("max") { slot.duration("max")? } else { min };
    if min > max || max > LONGEST {
        let message = format!("`min` is {} and `max` is {}", format_duration(min), format_duration(max));
        slot.fail("max", message, "write the smaller one as `min`, both at most an hour");
        return None;
    }
    Some(SlotGap::Uniform { min, max })
}

fn read_table_gap(slot: &Section<'_>, files: Files<'_>) -> Option<SlotGap> {
    if let Some(key) = ["min", "max"].into_iter().find(|key| slot.has(key)) {
        slot.fail(key, format!("`{key}` and `file` are both there"), "write one of them");
        return None;
    }
    slot.missing("delay", "write the time between slots at 0 of the table, as in delay = \"4ms\"");
    slot.missing("sd", "write what 8192 of the table stands for, as in sd = \"1ms\"");
    let table = of_file(slot, "file", files, DelayTable::parse, TABLE_HELP);
    let (delay, sd) = (slot.duration("delay"), slot.duration("sd"));
    let (table, delay, sd) = (table?, delay?, sd?);
    if delay > LONGEST || sd > LONGEST {
        slot.fail(if sd > LONGEST { "sd" } else { "delay" }, "slots are more than an hour apart", "write less");
        return None;
    }
    Some(SlotGap::Table { table, delay, sd })
}

/// Whether netem would find that time stands still.
fn gap_is_nothing(gap: &SlotGap) -> bool {
    let slots = Some(Slots { gap: gap.clone(), packets: None, bytes: None });
    !netem::LinkConfig { slots, ..netem::LinkConfig::TRANSPARENT }.problems().is_empty()
}

/// Reads `reorder`.
pub(super) fn read_reorder(path: &Section<'_>) -> Option<Reorder> {
    let reorder = path.sub("reorder", &REORDER, "write reorder = { ratio = 0.01, by = \"20ms\" }")?;
    reorder.missing("ratio", "write the share of packets that are held back, as in ratio = 0.01");
    reorder.missing("by", "write how long they are held back, as in by = \"20ms\"");
    let (ratio, by) = (reorder.ratio("ratio"), reorder.duration("by"));
    Some(Reorder { ratio: ratio?, by: by? })
}

/// Every table of this file, for the schema's tests.
#[cfg(test)]
pub(super) static SHAPES: [&Shape; 10] =
    [&NR_GAUSS, &NORMAL, &UNIFORM, &PARETO, &PARETO_NORMAL, &TABLE, &SLOT_DIST, &NO_VARIATION, &SLOT, &REORDER];
