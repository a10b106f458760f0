//! `throng profiles`: the built-in networks.

use super::{print, table};
use crate::units::Bitrate;
use clap::Args;
use netem::LinkConfig;
use std::process::ExitCode;

/// Options.
#[derive(Args, Debug)]
pub struct Arguments {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints them.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.json {
        let entry = |profile: &netem::Profile| {
            serde_json::json!({
                "name": profile.name, "alias": profile.alias, "summary": profile.summary, "source": profile.source,
                "down": figures(&profile.down), "up": figures(&profile.up),
            })
        };
        let entries: Vec<serde_json::Value> = netem::profiles().iter().map(entry).collect();
        let text = serde_json::to_string_pretty(&entries).expect("profiles are plain JSON");
        return print(&format!("{text}\n"));
    }
    let rate = |path: &LinkConfig| path.rate.map_or("unlimited".to_owned(), |rate| Bitrate(rate).to_string());
    let loss = |path: &LinkConfig| format!("{}%", (path.loss.ratio() * 1e5).round() / 1e3);
    let row = |profile: &netem::Profile| {
        let name = profile.alias.map_or(profile.name.to_owned(), |alias| format!("{} ({alias})", profile.name));
        let (down, up) = (&profile.down, &profile.up);
        [name, rate(down), rate(up), loss(down), format!("{}. {}", profile.summary, profile.source)]
    };
    let rows: Vec<[String; 5]> = netem::profiles().iter().map(row).collect();
    let mut text = table::render(["profile", "down", "up", "loss", "what and whence"], &rows, table::width());
    text.push_str("\nUse one as `network = \"nlc-3g\"`, or change it with `[network.mine] extends = \"nlc-3g\"`.\n");
    print(&text)
}

fn figures(path: &LinkConfig) -> serde_json::Value {
    serde_json::json!({
        "rate": path.rate, "delay_ms": path.delay.as_secs_f64() * 1e3, "loss": path.loss.ratio(),
    })
}
