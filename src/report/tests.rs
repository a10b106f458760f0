//! Claims about the whole report, checked on made-up outcomes.

use super::sample::{Sample, empty, outcome};
use super::{Artifact, draw::advance, render};
use crate::outcome::{Outcome, Verdict};
use std::path::Path;
use std::sync::OnceLock;

struct Rendered {
    name: &'static str,
    outcome: Outcome,
    artifacts: Vec<Artifact>,
}

/// Every sample, rendered once for all tests.
fn rendered() -> &'static [Rendered] {
    static ALL: OnceLock<Vec<Rendered>> = OnceLock::new();
    ALL.get_or_init(|| {
        let all = samples().into_iter();
        all.map(|(name, outcome)| Rendered { name, artifacts: render(&outcome), outcome }).collect()
    })
}

fn sample(name: &str) -> &'static Rendered {
    rendered().iter().find(|r| r.name == name).expect("a sample")
}

fn samples() -> Vec<(&'static str, Outcome)> {
    let people = |n| outcome(&Sample::of(n));
    let five = vec!["home", "bad-mobile", "lte", "wifi-busy-and-with-a-very-long-name-indeed", "3g"];
    let many: Vec<&'static str> = "a b c d e f g h i j k l m n o p".split(' ').collect();
    vec![
        ("empty", empty()),
        ("three", people(3)),
        ("hundred", outcome(&Sample { verdict: Verdict::Pass, calm: true, ..Sample::of(100) })),
        ("thousand", people(1_000)),
        ("invalid", outcome(&Sample { verdict: Verdict::Invalid, many_events: true, ..Sample::of(100) })),
        ("long", outcome(&Sample { seconds: 700, networks: five, verdict: Verdict::Inconclusive, ..Sample::of(60) })),
        ("wide", outcome(&Sample { networks: many, ..Sample::of(200) })),
        ("alone", outcome(&Sample { networks: vec!["home"], verdict: Verdict::Interrupted, ..Sample::of(30) })),
    ]
}

fn text<'a>(artifacts: &'a [Artifact], name: &str) -> &'a str {
    let found = artifacts.iter().find(|a| a.name == name).expect("rendered");
    std::str::from_utf8(&found.bytes).expect("text")
}

/// Writes the samples below `target/report-samples`, to be looked at.
#[test]
fn samples_render_into_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/report-samples");
    for Rendered { name, outcome, .. } in rendered() {
        let directory = root.join(name);
        let page = crate::cli::report::write(outcome, &directory).expect("target can be written");
        std::fs::write(directory.join("outcome.json"), serde_json::to_vec(&outcome).expect("serialises"))
            .expect("written");
        assert!(page.is_file());
        assert!(directory.join("plots/over-time.svg").is_file());
    }
}

/// From the file both times: serde_json reads a float to within one unit of its last place only.
#[test]
fn the_same_outcome_gives_the_same_bytes() {
    for Rendered { name, outcome, .. } in rendered() {
        let json = serde_json::to_vec(outcome).expect("serialises");
        let read = || serde_json::from_slice::<Outcome>(&json).expect("parses");
        assert!(render(&read()) == render(&read()), "{name}");
    }
}

#[test]
fn the_page_fetches_nothing_and_runs_nothing() {
    for Rendered { name, artifacts, .. } in rendered() {
        let page = text(artifacts, "report.html");
        for forbidden in ["<script", "src=", "href=\"http", "href=\"//", "url(", "@import", "<iframe", "javascript:"] {
            assert!(!page.contains(forbidden), "{name}: {forbidden}");
        }
        let addresses: Vec<&str> =
            page.match_indices("http").map(|(at, _)| &page[at..(at + 30).min(page.len())]).collect();
        assert!(addresses.iter().all(|a| a.starts_with("http://www.w3.org/2000/svg")), "{name}: {addresses:?}");
    }
}

#[test]
fn the_page_and_every_plot_are_well_formed() {
    for Rendered { name, artifacts, .. } in rendered() {
        for artifact in artifacts.iter().filter(|a| a.name.ends_with("html") || a.name.ends_with("svg")) {
            let text = std::str::from_utf8(&artifact.bytes).expect("text");
            nested(text).unwrap_or_else(|fault| panic!("{name} {}: {fault}", artifact.name));
        }
    }
}

/// Whether every element is closed in order and every attribute quoted.
fn nested(text: &str) -> Result<(), String> {
    const VOID: [&str; 4] = ["meta", "link", "br", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').ok_or("a tag without an end")? + at;
        let tag = &rest[at + 1..end];
        let quotes = tag.matches('"').count();
        if quotes % 2 == 1 || tag.contains('<') {
            return Err(format!("torn tag {tag}"));
        }
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or("");
        match (tag.starts_with('/'), tag.ends_with('/') || VOID.contains(&name)) {
            (true, _) if open.pop() != Some(name) => return Err(format!("{name} closed out of order")),
            (true, _) | (false, true) => {}
            (false, false) => open.push(name),
        }
        if name == "style" && !tag.starts_with('/') {
            rest = &rest[rest.find("</style>").ok_or("style without an end")?..];
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}

#[test]
fn names_are_escaped_everywhere() {
    let artifacts = &sample("three").artifacts;
    let page = text(artifacts, "report.html");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for artifact in artifacts.iter().filter(|a| !a.name.ends_with("csv")) {
        assert!(!text(artifacts, &artifact.name).contains("<script"), "{}", artifact.name);
    }
}

#[test]
fn no_colour_of_a_plot_is_left_in_the_page() {
    for Rendered { name, artifacts, .. } in rendered() {
        let page = text(artifacts, "report.html");
        assert!(!page.contains("\"#0") && !page.contains("=\"#F"), "{name}");
        let hex = |at: usize| page[at + 2..].chars().take(6).all(|c| c.is_ascii_hexdigit());
        let left: Vec<&str> =
            page.match_indices("\"#").filter(|(at, _)| hex(*at)).map(|(at, _)| &page[at - 20..at + 9]).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        for dashed in ["limit", "planned", "t0"] {
            assert!(page.contains(&format!("var(--{dashed})")), "{name}: {dashed}");
        }
    }
}

#[test]
fn junit_has_a_case_a_threshold_and_one_for_validity() {
    let Rendered { outcome, artifacts, .. } = sample("three");
    let xml = text(artifacts, "junit.xml");
    let report = quick_junit::Report::deserialize_from_str(xml).expect("is JUnit");
    assert_eq!(report.tests, outcome.thresholds.len() + 1);
    let missed = |t: &&crate::outcome::ThresholdOutcome| t.verdict != Verdict::Pass && t.severity == "fail";
    assert_eq!(report.failures, outcome.thresholds.iter().filter(missed).count());
    assert_eq!(report.errors, 0);
    let mut invalid = outcome.clone();
    invalid.verdict = Verdict::Invalid;
    let artifacts = &render(&invalid);
    let report = quick_junit::Report::deserialize_from_str(text(artifacts, "junit.xml")).expect("is JUnit");
    assert_eq!(report.errors, 1);
}

#[test]
fn metrics_csv_has_a_row_for_every_entry() {
    for Rendered { name, outcome, artifacts } in rendered() {
        let mut reader = csv::Reader::from_reader(text(artifacts, "metrics.csv").as_bytes());
        assert_eq!(reader.records().filter_map(Result::ok).count(), outcome.metrics.len(), "{name}");
        let rows = |line: &crate::outcome::MetricSeries| line.values.len() + line.histograms.len();
        let heads = &outcome.series;
        let wanted = heads.metrics.iter().map(rows).sum::<usize>()
            + [&heads.planned, &heads.joining, &heads.joined, &heads.failed, &heads.frozen]
                .map(Vec::len)
                .iter()
                .sum::<usize>();
        let mut reader = csv::Reader::from_reader(text(artifacts, "series.csv").as_bytes());
        assert_eq!(reader.records().filter_map(Result::ok).count(), wanted, "{name}");
    }
}

#[test]
fn the_first_screen_holds_verdict_reason_numbers_and_command() {
    let artifacts = &sample("thousand").artifacts;
    let page = text(artifacts, "report.html");
    let first = &page[..page.find("<nav").expect("a navigation")];
    for held in [
        "FAIL",
        "1.20\u{202f}%",
        "Join time, p95",
        "Loss after repair",
        "throng run scenarios/evening-calls.toml --seed 42",
    ] {
        assert!(first.contains(held), "{held}");
    }
    assert!(page.find("id=\"joins\"") < page.find("id=\"generator\""));
}

#[test]
fn an_invalid_run_shows_its_generator_first() {
    let artifacts = &sample("invalid").artifacts;
    let page = text(artifacts, "report.html");
    assert!(page.find("id=\"generator\"") < page.find("id=\"joins\""));
    assert!(page.contains("BEYOND"));
}

#[test]
fn failed_joins_rank_last_and_quantiles_among_them_have_no_number() {
    let mut outcome = outcome(&Sample::of(100));
    for p in outcome.participants_detail.iter_mut().skip(80) {
        p.join_total = None;
        p.cause = Some("dtls_timeout".to_owned());
    }
    let artifacts = render(&outcome);
    let page = text(&artifacts, "report.html");
    assert!(page.contains(">\u{202f}10\u{202f}s") || page.contains("&gt;\u{202f}10\u{202f}s"));
    assert!(page.contains("never joined"));
}

#[test]
fn too_few_samples_are_said_and_not_shown_as_numbers() {
    let artifacts = &sample("three").artifacts;
    let page = text(artifacts, "report.html");
    assert!(page.contains("n too small"));
    assert!(page.contains("3 of 368"));
}

struct Placed {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    text: String,
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(&tag[from..from + tag[from..].find('"')?])
}

fn number(tag: &str, name: &str) -> f64 {
    attribute(tag, name).and_then(|v| v.parse().ok()).unwrap_or(0.0)
}

/// Every text of an SVG with the box that the widest common font gives it.
fn boxes(svg: &str) -> Vec<Placed> {
    svg.split("<text")
        .skip(1)
        .map(|piece| {
            let (tag, rest) = piece.split_once('>').expect("a tag ends");
            let text = rest[..rest.find('<').expect("a text ends")]
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&");
            let (x, y, size) = (number(tag, "x") / 4.0, number(tag, "y") / 4.0, number(tag, "font-size") / 4.0);
            let width = advance::width(&text, size, tag.contains("bold"));
            let left = match attribute(tag, "text-anchor") {
                Some("end") => x - width,
                Some("middle") => x - width / 2.0,
                _ => x,
            };
            Placed { left, right: left + width, top: y - size / 2.0, bottom: y + size / 2.0, text }
        })
        .collect()
}

#[test]
fn no_label_overlaps_another_or_leaves_its_drawing() {
    let mut faults = std::collections::BTreeSet::new();
    for Rendered { name, artifacts, .. } in rendered() {
        let page = text(artifacts, "report.html");
        let inlined = page.split("<svg").skip(1).filter_map(|s| s.split_once("</svg>").map(|(svg, _)| svg.to_owned()));
        let files = artifacts.iter().filter(|a| a.name.ends_with("svg")).map(|a| text(artifacts, &a.name).to_owned());
        for svg in inlined.chain(files) {
            let label = attribute(&svg, "aria-label").unwrap_or("file").to_owned();
            faults.extend(misplaced(&svg).into_iter().map(|fault| format!("{name}, {label}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

fn misplaced(svg: &str) -> Vec<String> {
    let view = attribute(svg, "viewBox").expect("a view box");
    let view: Vec<f64> = view.split(' ').filter_map(|v| v.parse::<f64>().ok()).map(|v| v / 4.0).collect();
    let placed = boxes(svg);
    let mut faults = Vec::new();
    for (i, a) in placed.iter().enumerate() {
        if a.left < -1.0 || a.right > view[2] + 1.0 || a.top < -1.0 || a.bottom > view[3] + 1.0 {
            faults.push(format!("{:?} at {}..{}, {}..{} leaves {view:?}", a.text, a.left, a.right, a.top, a.bottom));
        }
        for b in &placed[i + 1..] {
            let beside = a.right <= b.left + 0.5 || b.right <= a.left + 0.5;
            let below = a.bottom <= b.top + 0.5 || b.bottom <= a.top + 0.5;
            if !beside && !below {
                faults.push(format!("{:?} over {:?} in {view:?}", a.text, b.text));
            }
        }
    }
    faults
}

#[test]
fn every_metric_that_is_named_is_explained_on_the_page() {
    let artifacts = &sample("hundred").artifacts;
    let page = text(artifacts, "report.html");
    let named = page.match_indices("href=\"#m-").map(|(at, _)| page[at + 7..].split('"').next().unwrap_or(""));
    for id in named {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn breaks_of_histograms_do_not_break_the_report() {
    let mut outcome = outcome(&Sample::of(3));
    for m in &mut outcome.metrics {
        m.histogram = m.histogram.as_ref().map(|_| "bm90IGEgaGlzdG9ncmFt".to_owned());
    }
    assert!(text(&render(&outcome), "report.html").contains("Frame delay"));
}

#[test]
fn the_page_of_a_thousand_is_hardly_larger_than_that_of_a_hundred() {
    let size = |name: &str| text(&sample(name).artifacts, "report.html").len();
    assert!(size("thousand") < size("hundred") * 3 / 2, "{} and {}", size("thousand"), size("hundred"));
    assert!(size("thousand") < 1_000_000);
}

#[test]
fn a_counter_that_moved_shows_in_the_failures_and_one_that_did_not_says_what_was_looked_at() {
    let mut outcome = outcome(&Sample::of(100));
    let moved = |o: &mut Outcome, n| {
        let all = o.metrics.iter_mut().find(|m| m.name == "integrity.misroute" && m.labels.is_empty());
        all.expect("an entry for all").count = n;
    };
    let page = |o: &Outcome| text(&render(o), "report.html").to_owned();
    assert!(page(&outcome).contains("Nothing arrived torn, misrouted or forged."));
    assert!(page(&outcome).contains("none in 16,000 packets"));
    moved(&mut outcome, 7);
    assert!(page(&outcome).contains("Some of what arrived was wrong"));
}

/// What a simulation leaves behind: no machine, no process, zeros of the generator's own.
fn simulation() -> Outcome {
    let mut outcome = outcome(&Sample::of(30));
    outcome.world = crate::outcome::World::Simulated;
    outcome.environment = None;
    outcome.metrics.retain(|m| !m.name.starts_with("sfu.cpu") && m.name != "sfu.rss");
    outcome.series.metrics.retain(|m| !m.name.starts_with("sfu.cpu") && m.name != "sfu.rss");
    outcome.health.notes = Vec::new();
    outcome
}

#[test]
fn a_simulated_report_has_nothing_of_a_machine() {
    let artifacts = render(&simulation());
    let page = text(&artifacts, "report.html");
    let measures =
        page.split("id=\"measures\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("there");
    assert!(!measures.contains("harness."), "no rows of the generator");
    for absent in ["Grey is our own lateness", "SFU memory, MiB", "the SFU is not a process of this run", ">took<"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for present in ["simulated time", "The simulated SFU is no process", "in virtual time it is never late"] {
        assert!(page.contains(present), "{present}");
    }
    assert!(page.contains("--world simulated --seed"), "the command again");
    assert!(text(&artifacts, "summary.md").contains("--world simulated --seed"));
    let live = text(&sample("three").artifacts, "report.html");
    assert!(live.contains("Grey is our own lateness") && live.contains("harness.") && live.contains(">took<"));
}

#[test]
fn nothing_on_a_page_is_left_in_backticks() {
    for Rendered { name, artifacts, .. } in rendered() {
        let page = text(artifacts, "report.html");
        let glossary = page.split("id=\"glossary\"").nth(1).expect("there");
        assert!(!glossary.contains('`'), "{name}");
        assert!(!page.contains("ratio, ratio"), "{name}");
    }
}

#[test]
fn a_fault_of_few_shows_no_tail() {
    let mut outcome = outcome(&Sample::of(100));
    outcome.faults.truncate(1);
    outcome.faults[0].present = 5;
    outcome.faults[0].recovery.p95 = Some(1.234);
    let artifacts = render(&outcome);
    let page = text(&artifacts, "report.html");
    let faults = page.split("id=\"faults\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("there");
    assert!(faults.contains("n too small: 5 of 72") && !faults.contains("1.23"), "{faults}");
}

#[test]
fn joins_that_took_no_time_have_no_largest_part_and_no_label_beside_a_logarithmic_axis() {
    let mut outcome = outcome(&Sample::of(3));
    for person in &mut outcome.participants_detail {
        person.network = "direct".to_owned();
        person.join_total = Some(0.0);
        person.join.iter_mut().for_each(|(_, took)| *took = 0.0);
    }
    let artifacts = render(&outcome);
    let page = text(&artifacts, "report.html");
    let joins = page.split("id=\"joins\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("there");
    assert!(joins.contains("in within 0") && !joins.contains("the largest part"), "{joins}");
    let plot = artifacts.iter().find(|a| a.name == "plots/join-percentiles.svg").expect("rendered");
    assert!(!String::from_utf8_lossy(&plot.bytes).contains(">all<"), "nothing is drawn");
}

#[test]
fn a_loss_after_repair_above_the_one_before_is_explained_by_what_came_too_late() {
    let with = |late: f64| {
        let mut outcome = outcome(&Sample::of(100));
        for (name, value) in [("rtp.loss_net", 0.005), ("rtp.loss_residual", 0.004 + late), ("rtp.loss_late", late)] {
            let all = outcome.metrics.iter_mut().find(|m| m.name == name && m.labels.is_empty());
            all.expect("an entry for all").value = Some(value);
        }
        text(&render(&outcome), "report.html").to_owned()
    };
    let page = with(0.002);
    let below = page.split(" before repair").nth(1).and_then(|rest| rest.split('<').next()).expect("there");
    assert!(below.starts_with(", 0.2") && below.ends_with("too late"), "{below}");
    assert!(with(0.0).contains(" before repair<"));
}

#[test]
fn the_summary_says_once_how_many_thresholds_held() {
    for Rendered { name, artifacts, outcome } in rendered() {
        let summary = text(artifacts, "summary.md");
        let top = summary.split("| | | |").next().expect("there");
        assert!(top.matches(" held").count() <= 1, "{name}: {top}");
        assert!(
            top.contains("Target: ") && top.contains(&format!("Exit code {}.", outcome.exit_code)),
            "{name}: {top}"
        );
    }
}
