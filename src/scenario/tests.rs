//! Every documented error by its message, and what a whole file becomes.

use super::network::Change;
use super::population::{Headcount, Selection};
use super::{Scenario, ScenarioError, Settings};
use crate::clock::Duration;
use crate::conference::Codec;
use crate::media::source::Source;
use crate::plan;
use netem::{CoDel, DelayVariation, Loss, QueueLimit, QueuePolicy, Serialiser};
use proptest::prelude::*;

/// The least that runs.
pub(super) const LEAST: &str =
    "version = 1\nname = \"x\"\n[run]\nduration = \"10s\"\n[[population]]\nname = \"viewers\"\ncount = 4\n";

const MEDIA: &str =
    "[media.mic]\nkind = \"audio\"\n[media.cam]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"500kbps\"\n";

fn environment(name: &str) -> Option<String> {
    (name == "SFU_TOKEN").then(|| "hunter2".to_owned())
}

/// Files that scenarios of these tests may name.
fn files(name: &str) -> Result<String, String> {
    match name {
        "lte.up" => Ok("0\n3\n3\n10\n".to_owned()),
        "train.loss" => Ok("....x\n..xxx\n".to_owned()),
        "wifi.dist" => Ok("-8192 0 0 8192\n".to_owned()),
        "empty" => Ok("# nothing\n".to_owned()),
        "descending" => Ok("1\n7\n5\n".to_owned()),
        "traces/fading.mahimahi" => Ok(include_str!("../../scenarios/traces/fading.mahimahi").to_owned()),
        other => Err(format!("{other} (No such file)")),
    }
}

pub(super) fn read_with(text: &str, set: &[&str]) -> Result<(Scenario, plan::Plan), Vec<ScenarioError>> {
    let set: Vec<String> = set.iter().map(|&set| set.to_owned()).collect();
    plan::load("s.toml", text, &Settings { set: &set, seed: None, environment: &environment, files: &files }, None)
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
    assert_eq!((viewers.subscribe.audio, viewers.subscribe.video), (Selection::All, Selection::All));
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

/// Each documented error: what is appended to the least file, and parts of the message.
#[test]
fn every_documented_error_says_what_to_write_instead() {
    let cases: &[(&str, &str, &str)] = &[
        // Sections of the format that are not built yet.
        ("[search]\nwidth = 0.1", "searching for capacity", "take it out"),
        ("[output]\nkeep = { per_client = true }", "`output.keep` does not exist yet", "take it out"),
        ("[output]\nformats = [\"hdr\"]", "the format `hdr` is not built yet", "\"junit\""),
        ("[output]\nformats = [\"prometheus\"]", "the format `prometheus` is not built yet", "\"junit\""),
        ("[output]\nformats = [\"pdf\"]", "`pdf` is not a format", "\"junit\""),
        ("[output]\ninterval = \"10ms\"", "`interval` is out of bounds", "\"100ms\""),
        ("[output]\ndir = \"reports/{day}\"", "is not understood here", "`{name}` and `{time}`"),
        // Target.
        ("[target]\nadapter = \"livekit\"", "the adapter `livekit` is not built yet", "`whip-whep`"),
        ("[target]\nadapter = \"janus\"", "the adapter `janus` is not built yet", "`whip-whep`"),
        ("[target]\nadapter = \"galene\"", "the adapter `galene` is not built yet", "`whip-whep`"),
        ("[target]\nadapter = \"refrence\"", "`refrence` is no adapter", "did you mean `reference`?"),
        ("[target]\npolicy = \"x\"", "policies of the reference SFU are not built yet", ""),
        ("[target]\napps = []", "apps of the reference SFU are not built yet", ""),
        ("[target]\nleg = \"livekit\"", "`livekit` is no leg", "`str0m`"),
        (
            "[target]\nadapter = \"room\"\nurl = \"http://a\"\nleg = \"own\"",
            "`leg` does not belong to adapter \"room\"",
            "`url`",
        ),
        (
            "[target]\nurl = \"http://127.0.0.1:1\"",
            "`url` does not belong to adapter \"reference\"",
            "adapter = \"room\"",
        ),
        ("[target]\nadapter = \"room\"", "`target` needs `url`", "http://127.0.0.1:8080"),
        ("[target]\nadapter = \"room\"\nurl = \"localhost\"", "`url` is not a URL", "http://127.0.0.1:8080"),
        ("[target]\nadapter = \"room\"\nurl = \"http://a/b\"", "has a path", "http://127.0.0.1:8080"),
        ("[target]\nadapter = \"whip-whep\"\nurl = \"http://a\"", "`url` does not belong", "write `whip` and `whep`"),
        ("[target]\nadapter = \"whip-whep\"\nwhip = \"http://a/{user}\"", "unknown part in braces", "`{room}`"),
        ("[target]\nice = { mode = \"full\" }", "demanding a full ICE agent is not built yet", "`lite-ok`"),
        ("[target]\nice = { relay = \"always\" }", "TURN is not built yet", "`never`"),
        ("[target]\nice = { stun = [\"stun:a\"] }", "STUN servers are not built yet", "stun = []"),
        (
            "[target]\nadapter = \"whip-whep\"\nauth = { kind = \"jwt-hs256\" }",
            "jwt-hs256) is not built yet",
            "`bearer`",
        ),
        ("[target]\nadapter = \"whip-whep\"\nauth = { kind = \"bearer\" }", "there is no token", "token_env"),
        (
            "[target]\nadapter = \"whip-whep\"\nauth = { kind = \"bearer\", token_env = \"NONE\" }",
            "`NONE` is not set",
            "set it",
        ),
        ("[target]\nadapter = \"whip-whep\"\nquirks = { retry_after = \"9s\" }", "out of bounds", "\"50ms\" to \"5s\""),
        ("[target]\nadapter = \"whip-whep\"\nquirks = { retry_after = \"0s\" }", "out of bounds", "\"50ms\" to \"5s\""),
        (
            "[target]\nadapter = \"room\"\nurl = \"http://a\"\nprocess = { cmd = [] }",
            "names no program",
            "the program first",
        ),
        (
            "[target]\nadapter = \"room\"\nurl = \"http://a\"\nprocess = { cmd = [\"a\"], sample = [\"fds\"] }",
            "sampling `fds`",
            "\"rss\"",
        ),
        ("[target]\negress = \"3gg\"", "there is no built-in profile `3gg`", "`throng profiles`"),
        // Media.
        ("[media.m]\ncodec = \"opus\"", "`media.m` needs `kind`", "kind = \"audio\""),
        ("[media.m]\nkind = \"data\"", "data channels are not built yet", "`audio`"),
        ("[media.m]\nkind = \"audio\"\nfec = true", "in-band FEC is not built yet", "fec = false"),
        ("[media.m]\nkind = \"audio\"\nred = 1", "RED is not built yet", "red = 0"),
        ("[media.m]\nkind = \"audio\"\ndtx = true", "`dtx` without `talk` never finds silence", "talk = {"),
        (
            "[media.m]\nkind = \"audio\"\nptime = \"15ms\"",
            "an Opus packet holds 2.5, 5, 10, 20, 40 or 60 ms",
            "\"20ms\"",
        ),
        ("[media.m]\nkind = \"audio\"\nbitrate = \"8kbps\"", "every packet carries a stamp", "`ptime`"),
        ("[media.m]\nkind = \"audio\"\nbitrate = \"32\"", "`32` is not understood here", "\"1.5Mbps\""),
        ("[media.m]\nkind = \"audio\"\nbitrate = 32000", "`bitrate` is an integer", "\"1.5Mbps\""),
        ("[media.m]\nkind = \"audio\"\nsize = \"640x360\"", "`size` is not a key of `media.m`", "write one of `kind`"),
        (
            "[media.m]\nkind = \"audio\"\ntalk = { on = \"exp(4)\", off = \"1s\" }",
            "`exp(4)` is not understood",
            "exp(4s)",
        ),
        ("[media.m]\nkind = \"video\"\nbitrate = \"1Mbps\"", "`media.m` needs `size`", "size = \"1280x720\""),
        ("[media.m]\nkind = \"video\"\nsize = \"640x360\"", "`media.m` needs `bitrate`", "bitrate = \"1.5Mbps\""),
        ("[media.m]\nkind = \"video\"\nsize = \"641x360\"\nbitrate = \"1Mbps\"", "`641x360` is not understood", "even"),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"5kbps\"",
            "at 30 fps the bitrate is at least",
            "`fps`",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nfps = 500",
            "`fps` is 500",
            "0.5 to 120",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncodec = \"vp9\"",
            "`vp9` is not built yet",
            "`h264`",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncodec = \"av1\"",
            "`av1` is not built yet",
            "`h264`",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncc = \"gcc\"",
            "`gcc` is not built yet",
            "`remb`",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncontent = \"screen\"",
            "screen content is not built",
            "",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nlayers = { mode = \"svc\" }",
            "simulcast and SVC",
            "",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ngop = \"1ms\"",
            "`gop` is out of bounds",
            "on-request",
        ),
        ("[media.\"m m\"]\nkind = \"audio\"", "`m m` is not a name", "letters, digits"),
        // Networks.
        ("[network.n]\nextends = \"nlc-3gg\"", "there is no network `nlc-3gg`", "did you mean `nlc-3g`?"),
        ("[network.none]\nextends = \"3g\"", "`none` is the name of the unimpaired path", "another name"),
        ("[network.n]\ndown = { jitter = \"5ms\" }", "what it adds is `delay_variation`", ""),
        ("[network.n]\ndown = { loss = { p = 1.5 } }", "`p` is 1.5", "a ratio between 0 and 1"),
        (
            "[network.n]\ndown = { loss = { model = \"gilbert\", mean = 0.1, burst = 0.5 } }",
            "`burst` is 0.5",
            "at least 1 packet",
        ),
        (
            "[network.n]\ndown = { loss = { model = \"gilbert\", mean = 0.9, burst = 2.0 } }",
            "`loss.mean` is 0.9",
            "burst/(1+burst)",
        ),
        ("[network.n]\ndown = { loss = { model = \"ge\", p = 0.1, r = 0.1, h = 1 } }", "needs `k`", "k = 0.001"),
        ("[network.n]\ndown = { queue = \"200ms\" }", "`queue` is 200ms", "a limit in time needs a `rate`"),
        ("[network.n]\ndown = { reorder = { ratio = 0.1 } }", "needs `by`", "by = \"20ms\""),
        ("[network.n]\ndown = { rate = \"fast\" }", "`fast` is not understood", "\"unlimited\""),
        ("[network.n]\nschedule = [{ down = { delay = \"1ms\" } }]", "needs `at`", "at = \"60s\""),
        ("[network.n]\nschedule = [{ at = \"1s\" }]", "this step changes nothing", "`reset = true`"),
        (
            "[network.n]\nschedule = [{ at = \"1s\", every = \"1s\", reset = true }]",
            "`every` belongs to an outage",
            "outage",
        ),
        (
            "[network.n]\nschedule = [{ at = \"1s\", outage = \"1s\", reset = true }]",
            "an outage has no `reset`",
            "of its own",
        ),
        (
            "[network.n]\nschedule = [{ at = \"1s\", outage = \"2s\", every = \"1s\" }]",
            "before this one ends",
            "start to start",
        ),
        ("[network.n]\nschedule = [{ at = \"1s\", clock = \"participant\", reset = true }]", "a participant's own", ""),
        (
            "[network.n]\nschedule = [{ at = \"1s\", ramp = \"1s\", down = { rate = \"1Mbps\" } }]",
            "between a rate and no limit",
            "ramp = \"0s\"",
        ),
        (
            "[network.n]\nschedule = [{ at = \"1s\", ramp = \"5s\", down = { delay = \"9ms\" } }, { at = \"2s\", reset = true }]",
            "the ramp before it",
            "begin after",
        ),
        // Rooms.
        ("[rooms]\nassign = \"fill\"", "`fill` needs a `size`", "assign = \"spread\""),
        ("[rooms]\ncount = 3\nsize = [1, 2]", "`count` is 3, and 2 sizes are listed", "leave `count` out"),
        ("[rooms]\nsize = 3", "the rooms hold 3 people, and 4 come", "more or larger rooms"),
        ("[rooms]\nsize = { dist = \"lognormal\", n = 3 }", "a lognormal law are not built yet", "`zipf`"),
        (
            "[rooms]\nsize = { dist = \"zipf\", s = 1, min = 9, max = 3 }",
            "`min` is 9 and `max` is 3",
            "the smaller one",
        ),
        // Populations.
        ("[[population]]\nname = \"viewers\"\ncount = 1", "two populations are named `viewers`", "rename"),
        ("[[population]]\nname = \"p\"", "`population.p` needs `count`", "share = 0.05"),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nper_room = 1",
            "`count` and `per_room` are both there",
            "exactly one",
        ),
        ("[[population]]\nname = \"p\"\nshare = 0.5", "a share needs a whole", "[rooms] participants"),
        ("[[population]]\nname = \"p\"\nshare = 1.5", "`share` is 1.5", "between 0 and 1"),
        (
            "[rooms]\nparticipants = 7\n[[population]]\nname = \"p\"\nshare = 0.5",
            "is 3.5, which is no number of people",
            "comes out whole",
        ),
        ("[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]", "there is no media `mic`", "[media.mic]"),
        ("[[population]]\nname = \"p\"\ncount = 1\nnetwork = \"hme\"", "there is no network `hme`", "built-in profile"),
        ("[[population]]\nname = \"p\"\ncount = 1\nnetwork = []", "the weights add up to nothing", ""),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nspeaker = { active = 3 }",
            "rotating speakers are not built yet",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = \"last-n(9)\"",
            "`last-n(9)` is not built yet",
            "\"all\"",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"active(3)\", video = \"all\" }",
            "`active(3)` is not built yet",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all\", video = \"page(size=9)\" }",
            "is not built yet",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all\", video = \"pinned(a)\" }",
            "is not built yet",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all\", video = \"all\", layer = \"auto\" }",
            "choosing layers",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsession = { length = \"inf\", rejoin = { prob = 0.5, after = \"1s\" } }",
            "never leaves",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsession = { length = \"100ms\" }",
            "shorter than a second",
            "\"1s\"",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\ntimeouts = { join = \"1ms\" }",
            "`join` is out of bounds",
            "\"10m\"",
        ),
        ("[[population]]\nname = \"p\"\ncount = 1\nstart = {}", "`start` is empty", "arrivals"),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nstart = { arrivals = { process = \"poisson\" } }",
            "needs `rate`",
            "stages",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nstart = { arrivals = { process = \"poisson\", rate = \"3\" } }",
            "`3` is not understood",
            "10/s",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { arrivals = { process = \"constant\", stages = [{ for = \"2s\", rate = \"2/s\" }] } }",
            "the arrivals bring 4.0 people",
            "raise the rate",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { arrivals = { process = \"constant\", rate = \"9/s\", max = 10 } }",
            "`max` is 10, and the population has 9",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { concurrency = [{ t = \"1s\", n = 10 }] }",
            "10 are to be in at once",
            "at most the headcount",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { concurrency = [{ t = \"1s\", n = 1 }, { t = \"1s\", n = 2 }] }",
            "in the order of time",
            "",
        ),
        // Thresholds.
        (
            "[[threshold]]\nmetric = \"join.totl\"\nexpect = \"p95 < 2s\"",
            "`join.totl` is not a metric",
            "did you mean `join.total`?",
        ),
        ("[[threshold]]\nmetric = \"join.total\"\nexpect = []", "`expect` is empty", "p95 < 2s"),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"value < 2s\"",
            "`join.total` is a trend and has no `value`",
            "its aggregates",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p99 <= baseline * 1.1\"",
            "comparing with a baseline is not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nover = { window = \"5s\" }",
            "(`over`) is not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { population = \"viewer\" }",
            "there is no population `viewer`",
            "did you mean `viewers`?",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { colour = \"red\" }",
            "`colour` is not a label",
            "`population`",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { phase = \"fault:kill\" }",
            "there is no fault `kill`",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { layer = \"q\" }",
            "layers are not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { participant_kind = \"probe\" }",
            "probes are not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { room = \"2\" }",
            "there is no room `2`",
            "from 1 to 1",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { room = 1 }",
            "has no histogram a room",
            "population",
        ),
        (
            "[[threshold]]\nmetric = \"harness.cpu\"\nexpect = \"max < 0.9\"\nwhere = { population = \"viewers\" }",
            "the run as a whole",
            "`phase`",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nseverity = \"maybe\"",
            "`maybe` is no severity",
            "`warn`",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nabort = { after = \"3s\" }",
            "needs `on_fail`",
            "",
        ),
    ];
    let mut wrong = Vec::new();
    for (addition, message, help) in cases {
        let shown: Vec<String> = errors(&format!("{LEAST}{addition}\n")).iter().map(ToString::to_string).collect();
        let right =
            |error: &String| error.contains(message) && error.contains(help) && !error.starts_with("s.toml:1:1:");
        if shown.len() != 1 || !right(&shown[0]) {
            wrong.push(format!("{addition}\n  gave {shown:#?}\n  wanted {message} / {help}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
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
    for file in ["quickstart", "lossy", "churn", "whip", "thousand", "access", "faults"] {
        let text = std::fs::read_to_string(format!("{}/scenarios/{file}.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (scenario, plan) = read_with(&text, &["run.duration=35s"]).unwrap();
        let again = scenario.redacted_text();
        let (_, second) = read_with(&again, &[]).unwrap_or_else(|errors| panic!("{again}\n{errors:#?}"));
        assert_eq!(format!("{plan:?}"), format!("{second:?}"), "{again}");
    }
}

const OWN: &str = "version = 1\nname = \"x\"\n[run]\nwarmup = \"2s\"\nduration = \"20s\"\n[[population]]\nname = \"viewers\"\ncount = 4\n[[population]]\nname = \"hosts\"\ncount = 2\n";

fn fault(rest: &str) -> String {
    format!("{OWN}[[fault]]\nname = \"f\"\n{rest}\n")
}

#[test]
fn every_wrong_fault_says_what_to_write_instead() {
    let cases = [
        ("at = \"5s\"", "needs `kind`", "another of the kinds"),
        ("at = \"5s\"\nkind = \"clock-skew\"", "does not exist yet", "`sfu-kill`"),
        ("at = \"5s\"\nkind = \"udp-blok\"", "is no kind", "did you mean `udp-block`?"),
        ("kind = \"nat-rebind\"", "needs `at`", "from the start of the run"),
        ("at = \"5s\"\nkind = \"udp-block\"", "needs `for`", "as in for = \"5s\""),
        ("at = \"5s\"\nkind = \"udp-block\"\nfor = \"0s\"", "`for` is nothing", "above 0"),
        ("at = \"5s\"\nkind = \"ice-restart\"\nfor = \"1s\"", "does not belong to kind \"ice-restart\"", "an instant"),
        ("at = \"5s\"\nkind = \"sfu-kill\"\nfor = \"1s\"", "does not belong to kind \"sfu-kill\"", "`restart_after`"),
        (
            "at = \"5s\"\nkind = \"partition\"\nfor = \"1s\"\nrestart_after = \"1s\"",
            "does not belong to kind",
            "sfu-kill",
        ),
        ("at = \"5s\"\nkind = \"partition\"\nfor = \"1s\"\nports = [1]", "does not belong to kind", "port-block"),
        ("at = \"5s\"\nkind = \"port-block\"\nfor = \"1s\"", "needs `ports`", "\"media\""),
        ("at = \"5s\"\nkind = \"port-block\"\nfor = \"1s\"\nports = [0]", "not a port", "list of ports"),
        ("at = \"5s\"\nkind = \"port-block\"\nfor = \"1s\"\nports = \"udp\"", "is no ports", "`media`"),
        (
            "at = \"5s\"\nkind = \"sfu-pause\"\nfor = \"1s\"\nselect = { population = \"viewers\" }",
            "to everybody",
            "`select` out",
        ),
        ("at = \"1s\"\nkind = \"nat-rebind\"", "goes from 2 s to 22 s", "within the measured window"),
        ("at = \"30s\"\nkind = \"nat-rebind\"", "begins at 30 s", "lengthen the run"),
        ("at = \"20s\"\nkind = \"udp-block\"\nfor = \"5s\"", "ends at 25 s", "shorten it"),
        (
            "at = \"20s\"\nkind = \"nat-rebind\"\nexpect = { recover_within = \"8s\" }",
            "have recovered by 28 s",
            "leave time",
        ),
        (
            "at = \"5s\"\nkind = \"sfu-kill\"\nexpect = { recover_within = \"8s\" }",
            "nobody recovers",
            "`restart_after`",
        ),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nexpect = {}", "needs `recover_within`", "8s"),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\nexpect = { recover_within = \"8s\", often = 1 }",
            "is not a key",
            "recover_within",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\nselect = { population = \"viewer\" }",
            "no population `viewer`",
            "`viewers`",
        ),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nselect = { network = \"3g\" }", "nobody lives behind", "`none`"),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nselect = { room = 2 }", "there is no room `2`", "from 1 to 1"),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nselect = { fraction = 1.5 }", "`fraction` is 1.5", "up to 1"),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\nselect = { population = \"hosts\", fraction = 0.1 }",
            "happens to nobody",
            "larger fraction",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[fault]]\nname = \"f\"\nat = \"9s\"\nkind = \"ice-restart\"",
            "two faults are named `f`",
            "rename",
        ),
        (
            "at = \"5s\"\nkind = \"sfu-kill\"\n[[fault]]\nname = \"g\"\nat = \"9s\"\nkind = \"sfu-pause\"\nfor = \"1s\"",
            "has the SFU's process in hand",
            "after `f`",
        ),
        (
            "at = \"5s\"\nkind = \"partition\"\nfor = \"3s\"\n[[fault]]\nname = \"g\"\nat = \"6s\"\nkind = \"ice-restart\"",
            "cannot restart without signalling",
            "after `f`",
        ),
        (
            "at = \"5s\"\nkind = \"udp-block\"\nfor = \"3s\"\n[[fault]]\nname = \"g\"\nat = \"6s\"\nfor = \"1s\"\nkind = \"udp-block\"",
            "same fault at the same time",
            "other people",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"rtp.jitter\"\nexpect = \"p95 < 1s\"\nwhere = { phase = \"fault:f\" }",
            "over as soon as",
            "recovery:f",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"rtp.jitter\"\nexpect = \"p95 < 1s\"\nwhere = { phase = \"recovery:g\" }",
            "no fault `g`",
            "`f`",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"harness.cpu\"\nexpect = \"max < 1\"\nwhere = { phase = \"recovery:f\" }",
            "not kept by faults",
            "steady",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"video.freeze_ratio\"\nexpect = \"p95 < 0.1\"\nwhere = { phase = \"recovery:f\" }",
            "single participants",
            "`phase` out",
        ),
    ];
    let mut wrong = Vec::new();
    for (rest, message, help) in cases {
        let shown: Vec<String> = errors(&fault(rest)).iter().map(ToString::to_string).collect();
        let right = |one: &String| one.contains(message) && one.contains(help) && !one.starts_with("s.toml:1:1:");
        if shown.len() != 1 || !right(&shown[0]) {
            wrong.push(format!("{rest}\n  gave {shown:#?}\n  wanted {message} / {help}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn faults_need_a_target_that_can_have_them() {
    let on = |target: &str, kind: &str| {
        error(
            &fault(&format!("at = \"5s\"\nkind = \"{kind}\"")).replace("[run]", &format!("[target]\n{target}\n[run]")),
        )
    };
    let foreign = on("adapter = \"room\"\nurl = \"http://127.0.0.1:1\"", "sfu-kill");
    assert!(foreign.contains("needs an SFU that the run itself started") && foreign.contains("`[target.process]`"));
}

#[test]
fn people_reconnect_as_apps_do_unless_the_file_says_otherwise() {
    let with = |reconnect: &str| read(&format!("{LEAST}{reconnect}\n")).populations[0].reconnect;
    let default = with("").expect("as apps do");
    assert_eq!(
        (default.first, default.max, default.attempts),
        (Duration::from_millis(300), Duration::from_secs(7), 10)
    );
    assert_eq!(with("reconnect = \"never\""), None);
    let own = with("reconnect = { first = \"1s\", factor = 1.5, max = \"2s\", attempts = 3 }").expect("a law");
    assert_eq!((own.first, own.max, own.attempts), (Duration::from_secs(1), Duration::from_secs(2), 3));
    for (reconnect, message) in [
        ("reconnect = \"always\"", "not understood"),
        ("reconnect = { first = \"5s\", max = \"1s\" }", "shorter than the first"),
        ("reconnect = { factor = 0.5 }", "0.5"),
        ("reconnect = { attempts = 0 }", "`attempts` is 0"),
    ] {
        let shown = error(&format!("{LEAST}{reconnect}\n"));
        assert!(shown.contains(message), "{reconnect}\n{shown}");
    }
}

#[test]
fn a_fault_selects_an_exact_quota_and_its_expectation_is_a_threshold() {
    let text = fault(
        "at = \"5s\"\nkind = \"udp-block\"\nfor = \"2s\"\nselect = { population = \"viewers\", fraction = 0.5 }\nexpect = { recover_within = \"1500ms\" }",
    );
    let (_, plan) = read_with(&text, &[]).expect("a scenario");
    let selected = &plan.faults[0].selected;
    assert!(selected.len() == 2 && selected.iter().all(|&one| one < 4), "{selected:?}");
    assert!(plan.participants.iter().all(|one| one.faults.is_empty() != selected.contains(&one.index)));
    let seeds: std::collections::BTreeSet<Vec<u32>> = (0..20)
        .map(|seed| read_with(&text, &[&format!("seed={seed}")]).expect("a scenario").1.faults[0].selected.clone())
        .collect();
    assert!(seeds.len() > 2 && seeds.iter().all(|selected| selected.len() == 2), "{seeds:?}");
    let [judged] = &plan.thresholds[..] else { panic!("{:?}", plan.thresholds) };
    assert_eq!((judged.expect.as_str(), judged.filter["phase"].as_str()), ("max <= 1.5s", "recovery:f"));
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

proptest! {
    #[test]
    fn any_text_is_read_without_panicking(text in "\\PC{0,300}", set in "[a-z\\[\\]0-9.=\" {}]{0,40}") {
        let _ = read_with(&text, &[&set]);
    }

    /// Valid TOML of the format's own keys with values of every kind.
    #[test]
    fn any_values_are_read_without_panicking(
        keys in prop::collection::vec((0usize..75, 0usize..36), 1..12),
        set in prop::collection::vec((0usize..75, 0usize..36), 0..3),
    ) {
        let paths = [
            "version", "name", "seed", "run", "run.duration", "run.warmup", "run.workers", "run.invalid_if", "target",
            "target.adapter", "target.url", "target.whip", "target.auth", "target.quirks.not_live", "target.process.cmd",
            "media", "media.m", "media.m.kind", "media.m.bitrate", "media.m.size", "media.m.fps", "media.m.talk.on",
            "media.m.frame_model.noise", "network", "network.n", "network.n.extends", "network.n.down", "network.n.down.rate",
            "network.n.down.queue", "network.n.down.loss", "network.n.down.loss.model", "network.n.down.delay",
            "network.n.down.delay_variation", "network.n.schedule", "rooms", "rooms.count", "rooms.size", "rooms.size.dist",
            "rooms.assign", "rooms.participants", "population", "population.p", "population.p.count", "population.p.share",
            "population.p.per_room", "population.p.publish", "population.p.subscribe", "population.p.network",
            "population.p.start", "population.p.start.arrivals", "population.p.session", "population.p.session.length",
            "population.p.timeouts", "threshold", "threshold.where", "output", "output.formats", "output.dir", "output.interval",
            "population.p.start.concurrency", "network.n.down.rate.plan", "network.n.down.rate.period", "network.n.down.trace",
            "network.n.down.trace.mahimahi", "network.n.down.token_bucket", "network.n.down.queue.aqm", "network.n.down.slot",
            "network.n.down.slot.min", "network.n.down.corrupt", "network.n.down.loss.burst", "network.n.down.loss.mean",
            "network.n.down.loss.good", "network.n.down.loss.bad", "network.n.down.delay_variation.dist",
            "network.n.down.delay_variation.sd",
        ];
        let values = [
            "1", "0", "-1", "9223372036854775807", "1.5", "nan", "inf", "true", "\"\"", "\"x\"", "\"10s\"", "\"1Mbps\"",
            "\"audio\"", "\"zipf\"", "[]", "[1]", "[\"a\"]", "{}", "{ dist = \"zipf\", s = 1, min = 1, max = 4 }",
            "[{ use = \"n\", weight = 1 }]", "[{ at = \"1s\", outage = \"1s\" }]", "1979-05-27",
            "{ arrivals = { process = \"poisson\", rate = \"2/s\" } }", "[{ t = \"0s\", n = 1 }]",
            "\"lte.up\"", "\"train.loss\"", "\"codel\"", "\"pareto\"", "\"on-off\"", "\"0s\"", "\"500000h\"", "\"gilbert\"", "{ burst = \"15kB\" }",
            "[{ at = \"0s\", rate = \"1Mbps\" }, { at = \"3s\", rate = \"2Mbps\", ramp = true }]",
            "[{ at = \"1s\", ramp = \"1s\", down = { delay = \"1s\", loss = { model = \"on-off\", good = \"0s\", bad = \"0s\" } } }]",
            "[{ at = \"1s\", ramp = \"1s\", down = { rate = \"1Mbps\", loss = { model = \"none\" } } }]",
        ];
        let text = format!("{LEAST}[[population]]\nname = \"p\"\ncount = 3\n");
        let sets: Vec<String> = keys.iter().chain(&set).map(|(k, v)| format!("{}={}", paths[*k], values[*v])).collect();
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        if let Ok((scenario, _)) = read_with(&text, &sets) {
            prop_assert!(read_with(&scenario.redacted_text(), &[]).is_ok());
        }
    }
}

#[test]
fn a_wrong_label_does_not_hide_behind_a_wrong_limit() {
    let text = "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2 apples\"\nwhere = { colour = \"red\" }";
    let shown: Vec<String> = errors(&format!("{LEAST}{text}")).iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2, "{shown:#?}");
    assert!(shown[0].contains("is no limit") && shown[1].contains("`colour` is not a label"), "{shown:#?}");
}
