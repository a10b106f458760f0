//! What a whole file becomes, and what is said of one that cannot be read.

mod arbitrary;
mod clips;
mod faults;
mod messages;

use super::network::Change;
use super::population::Headcount;
use super::subscribe::Selection;
use super::{Scenario, ScenarioError, Settings, Unreadable};
use crate::clock::Duration;
use crate::conference::Codec;
use crate::media::source::Source;
use crate::plan;
use netem::{CoDel, DelayVariation, Loss, QueueLimit, QueuePolicy, Serialiser};

/// The least that runs.
pub(super) const LEAST: &str =
    "version = 1\nname = \"x\"\n[run]\nduration = \"10s\"\n[[population]]\nname = \"viewers\"\ncount = 4\n";

const MEDIA: &str =
    "[media.mic]\nkind = \"audio\"\n[media.cam]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"500kbps\"\n";

fn environment(name: &str) -> Option<String> {
    (name == "SFU_TOKEN").then(|| "hunter2".to_owned())
}

/// Files that scenarios of these tests may name.
fn files(name: &str) -> Result<Vec<u8>, Unreadable> {
    let text = match name {
        "media/clip.ivf" => return Ok(include_bytes!("../../scenarios/media/clip.ivf").to_vec()),
        "media/low.ivf" => return Ok(include_bytes!("../../scenarios/media/low.ivf").to_vec()),
        "media/clip-vp9.ivf" => return Ok(include_bytes!("../../scenarios/media/clip-vp9.ivf").to_vec()),
        "media/clip-av1.ivf" => return Ok(include_bytes!("../../scenarios/media/clip-av1.ivf").to_vec()),
        "media/low.h264" => return Ok(include_bytes!("../../scenarios/media/low.h264").to_vec()),
        "media/clip.h264" => return Ok(include_bytes!("../../scenarios/media/clip.h264").to_vec()),
        "media/clip.opus" => return Ok(include_bytes!("../../scenarios/media/clip.opus").to_vec()),
        "nothing" => return Ok(Vec::new()),
        "lte.up" => Ok("0\n3\n3\n10\n".to_owned()),
        "train.loss" => Ok("....x\n..xxx\n".to_owned()),
        "wifi.dist" => Ok("-8192 0 0 8192\n".to_owned()),
        "empty" => Ok("# nothing\n".to_owned()),
        "descending" => Ok("1\n7\n5\n".to_owned()),
        "traces/fading.mahimahi" => Ok(include_str!("../../scenarios/traces/fading.mahimahi").to_owned()),
        other => Err(Unreadable { why: format!("there is no {other}"), mend: "put it there" }),
    };
    text.map(String::into_bytes)
}

pub(super) fn read_with(text: &str, set: &[&str]) -> Result<(Scenario, plan::Plan), Vec<ScenarioError>> {
    let set: Vec<String> = set.iter().map(|&set| set.to_owned()).collect();
    plan::load("s.toml", text, &Settings { set: &set, seed: None, environment: &environment, files: &files }, None)
}

/// The same beside files of one's own.
pub(super) fn read_beside(text: &str, files: super::Files<'_>) -> Result<(Scenario, plan::Plan), Vec<ScenarioError>> {
    plan::load("s.toml", text, &Settings { set: &[], seed: None, environment: &environment, files }, None)
}

pub(super) fn read(text: &str) -> Scenario {
    read_with(text, &[]).unwrap_or_else(|errors| panic!("{}\n{errors:#?}", text)).0
}

pub(super) fn errors(text: &str) -> Vec<ScenarioError> {
    read_with(text, &[]).err().unwrap_or_default()
}

/// The one error of a text: `line: key: message; help`.
fn error(text: &str) -> String {
    let errors = errors(text);
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{text}\n{shown:#?}");
    shown[0].clone()
}

#[test]
fn the_least_file_has_the_documented_defaults() {
    let scenario = read(LEAST);
    assert_eq!((scenario.seed, scenario.run.warmup, scenario.run.workers), (1, Duration::ZERO, 0));
    assert_eq!(scenario.run.duration, Duration::from_secs(10));
    assert_eq!(scenario.invalid_if.len(), 3);
    let viewers = &scenario.populations[0];
    assert_eq!(viewers.head, Headcount::Count(4));
    assert_eq!((&viewers.subscribe.audio, &viewers.subscribe.video), (&Selection::All, &Selection::All));
    assert_eq!(viewers.networks, [("none".to_owned(), 1.0)]);
    assert_eq!(viewers.join_timeout, Duration::from_secs(15));
    assert_eq!(scenario.output.formats.len(), 5);
    assert_eq!(scenario.output.interval, Duration::from_secs(1));
}

#[test]
fn a_wrong_key_is_found_with_its_line_and_the_nearest_right_one() {
    let text = LEAST.replace("duration", "durration");
    let errors = errors(&text);
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert_eq!(
        errors[1].to_string(),
        "s.toml:4:1: run.durration: `durration` is not a key of `run`; did you mean `duration`?"
    );
    assert_eq!(errors[0].message, "`run` needs `duration`");
    assert_eq!(
        error(&format!("colour = 3\n{LEAST}")),
        "s.toml:1:1: colour: `colour` is not a key of the file; write one of `version`, `name`, `seed`, `run`, `target`, \
         `media`, `network`, `rooms`, `population`, `fault`, `threshold`, `output`"
    );
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let text = "version = 2\nname = \"a b\"\n[run]\nduration = \"10\"\nwarmup = 5\n[network.n]\ndown = { loss = { p = 1.5 } }\n\
                [[population]]\nname = \"v\"\nshare = 1.5\n[[threshold]]\nmetric = \"join.totl\"\nexpect = \"p95 < 2s\"\n";
    let lines: Vec<usize> = errors(text).iter().map(|error| error.line).collect();
    assert_eq!(lines, [1, 2, 4, 5, 7, 10, 12]);
}

#[test]
fn text_that_is_not_toml_is_one_error_a_place() {
    let errors = errors("version = \n[run\nname = 'x'\n");
    assert!(!errors.is_empty() && errors[0].line == 1, "{errors:#?}");
    assert!(errors[0].message.starts_with("this is not TOML: "), "{errors:#?}");
}

#[test]
fn a_file_that_extends_other_files_is_refused() {
    assert!(error(&format!("extends = [\"a.toml\"]\n{LEAST}")).contains("`network.X.extends` is"));
}

#[test]
fn conditions_on_the_generator_have_the_same_grammar() {
    let with = |condition: &str| LEAST.replace("duration", &format!("invalid_if = [\"{condition}\"]\nduration"));
    assert!(error(&with("harness.cpu")).contains("is not a condition"));
    assert!(error(&with("harness.cpuu max > 0.9")).contains("did you mean `harness.cpu`?"));
    assert!(error(&with("join.total p95 > 2s")).contains("is not about the generator"));
    assert!(error(&with("harness.cpu p95 > 0.9")).contains("is a gauge and has no `p95`"));
    assert_eq!(read(&with("harness.cpu max > 95%")).invalid_if[0].limit, 0.95);
    assert_eq!(read(&LEAST.replace("duration", "invalid_if = []\nduration")).invalid_if, []);
}

#[test]
fn whip_carries_one_track_of_a_kind() {
    let target = "[target]\nadapter = \"whip-whep\"\nwhip = \"http://127.0.0.1:1/{room}/{participant}\"\nwhep = \"http://127.0.0.1:1/\"\n";
    let publish = |media: &str| {
        format!(
            "{LEAST}publish = [{media}]\n{MEDIA}[media.cam2]\nkind = \"video\"\nsize = \"64x64\"\nbitrate = \"90kbps\"\n{target}"
        )
    };
    read(&publish("\"mic\", \"cam\""));
    assert!(error(&publish("\"cam\", \"cam2\"")).contains("WHIP carries one audio and one video track"));
    let without = publish("\"cam\"").replace("whip = ", "#").replace("whep = ", "#");
    let messages: Vec<String> = errors(&without).into_iter().map(|error| error.message).collect();
    assert!(messages[0].contains("`whip` is not there") && messages[1].contains("`whep` is not there"), "{messages:?}");
}

#[test]
fn networks_extend_profiles_and_each_other_and_never_in_a_circle() {
    let text = format!(
        "{LEAST}[network.a]\nextends = \"3g\"\ndown = {{ loss = {{ p = 0.05 }} }}\n[network.b]\nextends = \"a\"\nup = {{ rate = \"1Mbps\" }}\n"
    );
    let scenario = read(&text);
    let b = &scenario.networks[1].base;
    assert_eq!((b.down.config.rate, b.up.config.rate), (Some(780_000), Some(1_000_000)));
    assert_eq!(b.down.config.loss, Loss::Iid { p: 0.05 });
    assert_eq!(b.down.config.queue, QueueLimit::Time(Duration::from_millis(300)));
    let circle = text.replace("extends = \"3g\"", "extends = \"b\"");
    let messages: Vec<String> = errors(&circle).into_iter().map(|error| error.message).collect();
    assert!(messages.iter().any(|message| message.contains("a → b → a")), "{messages:?}");
    let own = read(&format!("{LEAST}[network.nlc-3g]\nextends = \"nlc-3g\"\ndown = {{ delay = \"1ms\" }}\n"));
    assert_eq!(own.networks[0].base.down.config.rate, Some(780_000), "a built-in may be changed under its own name");
}

#[test]
fn a_path_is_read_with_all_its_parts() {
    let text = format!(
        "{LEAST}[network.n]\ndown = {{ rate = \"2Mbps\", queue = \"64KiB\", overhead = 48, delay = \"40ms\", duplicate = 0.01, \
         delay_variation = {{ dist = \"nr-gauss\", sd = \"3ms\" }}, loss = {{ model = \"ge\", p = 0.01, r = 0.3, h = 0.9, k = 0.001 }}, \
         reorder = {{ ratio = 0.02, by = \"30ms\" }} }}\nup = {{ rate = \"1Mbps\", delay_variation = {{ dist = \"uniform\", max = \"9ms\" }} }}\n"
    );
    let base = &read(&text).networks[0].base;
    let ms = Duration::from_millis;
    let down = &base.down.config;
    assert_eq!((down.rate, down.queue, down.overhead), (Some(2_000_000), QueueLimit::Bytes(65_536), 48));
    assert_eq!(down.delay_variation, Some(DelayVariation::Gaussian { sd: ms(3), max: ms(9), reordering: false }));
    assert_eq!(down.loss, Loss::GilbertElliott { p: 0.01, r: 0.3, h: 0.9, k: 0.001 });
    assert_eq!(down.reorder.map(|reorder| (reorder.ratio, reorder.by)), Some((0.02, ms(30))));
    assert_eq!(base.up.config.queue, QueueLimit::typical(1_000_000), "a rate never has an endless queue by default");
}

#[test]
fn set_reaches_tables_by_key_and_arrays_by_name() {
    let text = format!("{LEAST}[network.home.down]\nloss = {{ model = \"iid\", p = 0.01 }}\n");
    let set = [
        "population.viewers.count=500",
        "network.home.down.loss.p=0.05",
        "run.duration=15s",
        "rooms={ count = 5 }",
        "network.home.up.rate=1Mbps",
        "target.workers=2",
    ];
    let (scenario, plan) = read_with(&text, &set).unwrap();
    assert_eq!((plan.participants.len(), plan.rooms.len()), (500, 5));
    assert_eq!(scenario.run.duration, Duration::from_secs(15));
    assert_eq!(scenario.networks[0].base.down.config.loss, Loss::Iid { p: 0.05 });
    assert_eq!(scenario.networks[0].base.up.config.rate, Some(1_000_000));
}

#[test]
fn a_wrong_set_is_named_in_the_error() {
    let shown = |set: &str| {
        let errors = read_with(LEAST, &[set]).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors[0].to_string()
    };
    assert_eq!(
        shown("run.duration=5 parsecs"),
        "--set run.duration=5 parsecs: run.duration: `5 parsecs` is not understood here; write a duration with its unit, as in \
         \"20s\", \"1m30s\" or \"200ms\""
    );
    assert!(shown("run.durration=5s").contains("did you mean `duration`?"));
    assert!(shown("population.viewer.count=5").contains("did you mean `viewers`?"));
    assert!(shown("run.duration").contains("this is not `key=value`"));
    assert!(shown("run..duration=5s").contains("a part of the key is empty"));
    assert!(shown("threshold[0].severity=warn").contains("is not in the file"));
    assert!(shown("name.first=x").contains("`name` is a string"));
    assert!(shown(&format!("{}x=1", "a.".repeat(5_000))).contains("too many parts"));
}

#[test]
fn credentials_come_from_the_environment_and_are_written_nowhere() {
    let text = format!(
        "{LEAST}[target]\nadapter = \"whip-whep\"\nwhip = \"http://127.0.0.1:1/?access_token=hunter2\"\nauth = {{ kind = \"bearer\", token_env = \"SFU_TOKEN\" }}\n"
    );
    let (scenario, plan) = read_with(&text, &[]).unwrap();
    let plan::target::AdapterPlan::WhipWhep(whip) = &plan.target.adapter else { panic!("{:?}", plan.target) };
    assert_eq!(whip.bearer.as_deref(), Some("hunter2"));
    let literal = text.replace("token_env = \"SFU_TOKEN\"", "token = \"hunter2\"");
    let set = ["target.auth.token=hunter2"];
    for shown in [
        scenario.redacted_text(),
        read(&literal).redacted_text(),
        read_with(&literal, &set).unwrap().0.redacted_text(),
        format!("{:?}", plan.target),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let errors = read_with(LEAST, &["target.auth.tokn=hunter2"]).unwrap_err();
    assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
}

#[test]
fn the_text_of_a_scenario_reads_back_as_the_same_scenario() {
    let files = ["quickstart", "lossy", "churn", "whip", "thousand", "access", "faults", "meeting", "clips"];
    for file in files.into_iter().chain(["rfc8867-5.1", "rfc8867-5.2", "rfc8867-5.3"]) {
        let text = std::fs::read_to_string(format!("{}/scenarios/{file}.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (scenario, plan) = read_with(&text, &["run.duration=35s"]).unwrap();
        let again = scenario.redacted_text();
        let (_, second) = read_with(&again, &[]).unwrap_or_else(|errors| panic!("{again}\n{errors:#?}"));
        assert_eq!(format!("{plan:?}"), format!("{second:?}"), "{again}");
    }
}

/// What of the format's own example is built.
#[test]
fn the_example_of_the_format_reads_in_what_is_built() {
    let text = include_str!("example.toml");
    let scenario = read(text);
    assert_eq!(scenario.media.iter().map(|media| media.codec).collect::<Vec<_>>(), [Codec::Opus, Codec::Vp8]);
    let Source::Audio(audio) = &scenario.media[0].source else { panic!("mic is audio") };
    assert!(audio.dtx && audio.talk.is_some());
    assert_eq!(scenario.populations.len(), 2);
    let mobile = scenario.networks.iter().find(|network| network.name == "bad-mobile").unwrap();
    assert!(matches!(mobile.base.up.config.serialiser, Serialiser::Trace { phase: None, .. }), "{mobile:?}");
    assert_eq!(mobile.base.down.config.policy, QueuePolicy::CoDel(CoDel::default()));
    assert_eq!(mobile.schedule.len(), 4);
    assert!(matches!(mobile.schedule[3].change, Change::Outage(rule) if rule.prob == 0.5));
    assert_eq!(scenario.thresholds.len(), 5, "one a comparison");
    assert_eq!(scenario.thresholds[0].min_samples, 368);
}

#[test]
fn a_wrong_label_does_not_hide_behind_a_wrong_limit() {
    let text = "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2 apples\"\nwhere = { colour = \"red\" }";
    let shown: Vec<String> = errors(&format!("{LEAST}{text}")).iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2, "{shown:#?}");
    assert!(shown[0].contains("is no limit") && shown[1].contains("`colour` is not a label"), "{shown:#?}");
}
