//! `throng quick`: a run without a file. It writes the scenario that it runs, and `--save` keeps it.

use super::fail;
use super::run::{RunOptions, run_text};
use crate::scenario::secret::redact_url;
use crate::units::parse_duration;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use url::Url;

/// `quick`
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The target: ws://… or http://… of a reference SFU, or a WHEP/WHIP template with {room} and {participant}; left out,
    /// the run starts the reference SFU itself
    pub url: Option<String>,
    /// Rooms
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Publishers (microphone and camera), over all rooms
    #[arg(long, default_value_t = 2)]
    pub publishers: u32,
    /// Subscribers, over all rooms
    #[arg(long, default_value_t = 20)]
    pub subscribers: u32,
    /// Length of the measured window
    #[arg(long = "for", default_value = "30s", value_name = "DURATION")]
    pub duration: String,
    /// Everybody's network: one of `throng profiles`; the video's bitrate is chosen to fit it
    #[arg(long, value_name = "PROFILE")]
    pub network: Option<String>,
    /// Video codec
    #[arg(long, default_value = "vp8", value_parser = ["vp8", "h264", "vp9", "av1"])]
    pub codec: String,
    /// Write the scenario to this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Set any key of the scenario, as for `run`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The seed that everything random comes from
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What every run takes.
    #[command(flatten)]
    pub options: RunOptions,
}

/// Runs it.
#[must_use]
pub fn run(args: &Arguments) -> ExitCode {
    if let Err(sentence) = check(args) {
        return fail(&sentence);
    }
    let text = scenario(args);
    if let Some(path) = &args.save {
        if path.exists() {
            return fail(&format!("{}: exists already; choose another name for --save", path.display()));
        }
        if let Err(error) = std::fs::write(path, &text) {
            return fail(&format!("{}: {error}", path.display()));
        }
    }
    let file = args.save.as_ref().map_or_else(|| "quick.toml".to_owned(), |path| path.display().to_string());
    run_text(&file, &text, &args.set, args.seed, &args.options)
}

/// What is wrong on the command line is said of the command line, and not of a scenario that nobody wrote.
fn check(args: &Arguments) -> Result<(), String> {
    if let (Some(url), Some("simulated")) = (&args.url, args.options.world.as_deref()) {
        let url = redact_url(url);
        return Err(format!(
            "--world simulated has an SFU of its own, and none at {url}: take the URL out, or --world simulated"
        ));
    }
    if parse_duration(&args.duration).is_none_or(|length| length.is_zero()) {
        return Err(format!(
            "--for: `{}` is no length of time: write a duration with its unit, as in 30s or 5m",
            args.duration
        ));
    }
    if args.publishers + args.subscribers == 0 {
        return Err("nobody takes part: write 1 or more for --publishers or --subscribers".to_owned());
    }
    if let Some(url) = &args.url {
        check_url(url)?;
    }
    match args.network.as_deref() {
        Some(network) if netem::profile(network).is_none() && network != "none" => {
            Err(format!("--network: there is no built-in network `{network}`; write one of `throng profiles`"))
        }
        _ => Ok(()),
    }
}

/// Whether it is a URL, and if it has a path, one of WHIP and WHEP with the places that are filled in.
fn check_url(url: &str) -> Result<(), String> {
    let examples =
        "write http://127.0.0.1:8080 for a reference SFU, or http://127.0.0.1:8089/whip/{room}/{participant}";
    let said = redact_url(url);
    let filled = url.replace("{room}", "room").replace("{participant}", "participant");
    let parsed = Url::parse(&filled).ok().filter(|parsed| parsed.has_host());
    let parsed = parsed.ok_or_else(|| format!("`{said}` is not a URL of a server: {examples}"))?;
    match parsed.scheme() {
        "http" | "https" => {}
        "ws" | "wss" if filled == url => {}
        scheme => return Err(format!("`{said}` has the scheme {scheme}: {examples}")),
    }
    if filled == url && !matches!(parsed.path(), "" | "/") {
        return Err(format!("`{said}` has a path, and no {{room}} and {{participant}} in it: {examples}"));
    }
    Ok(())
}

/// The scenario that the arguments ask for.
#[must_use]
pub fn scenario(args: &Arguments) -> String {
    let mut text = String::from("# Written by `throng quick`.\nversion = 1\nname = \"quick\"\nseed = 1\n\n");
    let ramps = [ramp(args.publishers), ramp(args.subscribers)];
    let warmup = 4 + (ramps[0] + ramps[1]).div_ceil(1_000);
    let _ = write!(text, "[run]\nwarmup = \"{warmup}s\"\nduration = {}\ncooldown = \"2s\"\n\n", quoted(&args.duration));
    text.push_str(&target(args.url.as_deref()));
    text.push_str("[media.mic]\nkind = \"audio\"\ncodec = \"opus\"\nbitrate = \"32kbps\"\n\n");
    let _ = write!(
        text,
        "[media.cam]\nkind = \"video\"\ncodec = \"{}\"\nsize = \"640x360\"\nfps = 25\nbitrate = \"{}kbps\"\n\n",
        args.codec,
        video_kbps(args)
    );
    if let Some(profile) = &args.network {
        let _ = write!(text, "[network.access]\nextends = {}\n\n", quoted(profile));
    }
    let _ = write!(text, "[rooms]\ncount = {}\nassign = \"round-robin\"\n\n", args.rooms);
    // Publishers first, so that who comes later has something to watch.
    let waits = [0, ramps[0]];
    for (name, count, publishes) in [("publishers", args.publishers, true), ("subscribers", args.subscribers, false)] {
        if count > 0 {
            let start = start(waits[usize::from(!publishes)], ramp(count));
            text.push_str(&population(name, count, publishes, args.network.is_some(), &start));
        }
    }
    text.push_str(THRESHOLDS);
    text
}

fn target(url: Option<&str>) -> String {
    match url {
        None => "[target]\nadapter = \"reference\"\n\n".to_owned(),
        Some(url) if url.contains('{') => {
            let whip = url.replace("/whep", "/whip");
            let whep = url.replace("/whip", "/whep");
            format!("[target]\nadapter = \"whip-whep\"\nwhip = {}\nwhep = {}\n\n", quoted(&whip), quoted(&whep))
        }
        Some(url) => format!("[target]\nadapter = \"room\"\nurl = {}\n\n", quoted(url)),
    }
}

/// The video's bitrate: 500 kbit/s, or what fits into three quarters of the network beside the sound; at least 50.
fn video_kbps(args: &Arguments) -> u64 {
    let Some(profile) = args.network.as_deref().and_then(netem::profile) else { return 500 };
    // Of every publisher in the room a subscriber receives a video and a sound, headers included.
    let a_room = u64::from(args.publishers.div_ceil(args.rooms).max(1));
    let fits = |rate: Option<u64>, tracks: u64| {
        rate.map_or(u64::MAX, |rate| (rate * 3 / 4 / 1_000 / tracks).saturating_sub(SOUND_KBPS) / 10 * 10)
    };
    fits(profile.up.rate, 1).min(fits(profile.down.rate, a_room)).clamp(50, 500)
}

/// What the sound takes on the wire, kbit/s: 32 of Opus and fifty packets' headers.
const SOUND_KBPS: u64 = 60;

/// Arrivals a second.
const RATE: u32 = 50;

/// How long `count` people take to arrive, ms: whole tenths of a second, and one to spare.
fn ramp(count: u32) -> u32 {
    if count == 0 { 0 } else { ((count * 10).div_ceil(RATE) + 1) * 100 }
}

/// Arrivals for `ramp` ms after nothing for `wait` ms.
fn start(wait: u32, ramp: u32) -> String {
    let nobody = if wait > 0 { format!("{{ for = \"{wait}ms\", rate = \"0/s\" }}, ") } else { String::new() };
    format!(
        "{{ arrivals = {{ process = \"constant\", stages = [{nobody}{{ for = \"{ramp}ms\", rate = \"{RATE}/s\" }}] }} }}"
    )
}

fn population(name: &str, count: u32, publishes: bool, network: bool, start: &str) -> String {
    let publish = if publishes { "publish = [\"mic\", \"cam\"]\n" } else { "" };
    let network = if network { "network = \"access\"\n" } else { "" };
    format!(
        "[[population]]\nname = \"{name}\"\ncount = {count}\n{publish}subscribe = {{ audio = \"all\", video = \"all\" }}\n{network}start = {start}\n\n"
    )
}

/// The default service levels, written out so that they can be changed.
const THRESHOLDS: &str = r#"[[threshold]]
metric = "join.success"
expect = ["value >= 0.999"]
min_samples = 1

[[threshold]]
metric = "join.total"
expect = ["p95 < 2s"]
min_samples = 20

[[threshold]]
metric = "video.freeze_ratio"
expect = ["value < 0.01"]

[[threshold]]
metric = "rtp.loss_residual"
expect = ["value < 0.01"]

[[threshold]]
metric = "sfu.forward_delay"
expect = ["p99 < 50ms"]
severity = "warn"
"#;

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::load;
    use crate::scenario::{Settings, no_files};
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        quick: Arguments,
    }

    fn plan(line: &str) -> crate::plan::Plan {
        let args = Line::parse_from(std::iter::once("quick").chain(line.split_whitespace())).quick;
        let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
        let text = scenario(&args);
        load("quick.toml", &text, &settings, None).unwrap_or_else(|errors| panic!("{line}: {errors:?}\n{text}")).1
    }

    #[test]
    fn what_is_wrong_is_said_of_the_option() {
        let says = |line: &str, option: &str| {
            let args = Line::parse_from(std::iter::once("quick").chain(line.split_whitespace())).quick;
            let sentence = check(&args).expect_err(line);
            assert!(sentence.starts_with(option) && !sentence.contains("quick.toml"), "{sentence}");
        };
        says("ws://127.0.0.1:8080 --world simulated", "--world simulated");
        says("--for 10parsecs", "--for: `10parsecs`");
        says("--for 0s", "--for: `0s`");
        says("--publishers 0 --subscribers 0", "nobody takes part");
        says("http://127.0.0.1/whip/red", "`http://127.0.0.1/whip/red` has a path");
        says("ftp://127.0.0.1", "`ftp://127.0.0.1` has the scheme ftp");
        says(
            "ws://127.0.0.1/{room}/{participant}/whip",
            "`ws://127.0.0.1/{room}/{participant}/whip` has the scheme ws",
        );
        says("127.0.0.1:8080", "`127.0.0.1:8080` is not a URL");
        says("--network moon", "--network: there is no built-in network `moon`");
    }

    #[test]
    fn any_head_count_can_run() {
        for count in [1, 2, 3, 7, 19, 20, 21, 49, 50, 51, 99, 100, 333, 1_000] {
            let plan = plan(&format!("--subscribers {count} --publishers {} --for 5s", count / 2));
            assert_eq!(plan.participants.len() as u32, count + count / 2);
        }
    }

    #[test]
    fn the_video_fits_into_the_network() {
        let rate = |line: &str| {
            let args = Line::parse_from(std::iter::once("quick").chain(line.split_whitespace())).quick;
            video_kbps(&args)
        };
        assert_eq!(rate(""), 500);
        assert_eq!(rate("--network nlc-dsl"), 130, "256 kbit/s up");
        assert_eq!(rate("--network 3g"), 180, "330 kbit/s up");
        assert_eq!(rate("--network 3g --rooms 1 --publishers 6"), 50, "780 kbit/s down for six publishers");
    }

    #[test]
    fn every_form_can_run() {
        for line in [
            "",
            "--network 3g",
            "--network nlc-dsl --codec h264",
            "--publishers 0",
            "--subscribers 0",
            "ws://127.0.0.1:8080",
            "http://127.0.0.1:8080 --rooms 5",
            "http://127.0.0.1:8080/{room}/{participant}/whip",
            "http://127.0.0.1:8080/whep/{room}/{participant}",
        ] {
            assert!(!plan(line).participants.is_empty(), "{line}");
        }
    }
}
