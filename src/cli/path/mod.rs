//! `throng path`: puts any UDP application behind an emulated network, on this machine.

mod readout;

use super::{fail, interrupt, print};
use crate::clock::{Duration, Instant};
use crate::drive::path::{Options, Relay, Side, Status};
use crate::plan::alone::Alone;
use crate::scenario::{Scenario, Settings, beside};
use crate::units::{format_duration, parse_duration};
use clap::Args;
use readout::Readout;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::process::ExitCode;

/// `path`
#[derive(Args, Debug)]
pub struct Arguments {
    /// Where clients send to, instead of to the application; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Where the application is
    #[arg(long, value_name = "IP:PORT")]
    pub to: SocketAddr,
    /// The network, seen from a client: one of `throng profiles`, or FILE.toml#name
    #[arg(long, value_name = "NETWORK")]
    pub network: String,
    /// The seed that everything random comes from; clients have luck of their own, by the order in which they come
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// How long at most; Ctrl-C ends it sooner
    #[arg(long = "for", default_value = "24h", value_name = "DURATION", value_parser = duration)]
    pub length: Duration,
    /// Print the counts as JSON, and no read-out
    #[arg(long)]
    pub json: bool,
    /// Use addresses that are not on this machine, because they are yours
    #[arg(long)]
    pub i_own_target: bool,
}

/// The longest: schedules and outages are known in advance.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

fn duration(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).ok_or("write a duration with its unit, as in 30s or 5m")?;
    if length.is_zero() || length > LONGEST {
        return Err("write a time longer than nothing, at most 24h".to_owned());
    }
    Ok(length)
}

/// Relays, and prints what became of every datagram.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    match relay(arguments) {
        Ok(text) => print(&text),
        Err(sentence) => fail(&sentence),
    }
}

fn relay(arguments: &Arguments) -> Result<String, String> {
    check_addresses(arguments)?;
    let network = network_of(&arguments.network, Instant::ZERO + arguments.length)?;
    let described = network.plan.describe();
    let interrupted = interrupt::watch(|| {}).map_err(|error| format!("signals cannot be watched: {error}"))?;
    let relay = Relay::bind(Options {
        listen: arguments.listen,
        to: arguments.to,
        network,
        seed: arguments.seed,
        length: arguments.length,
        interrupted,
    })?;
    let head = format!("{} → {} behind {}, seed {}", relay.local(), arguments.to, arguments.network, arguments.seed);
    let mut readout = if arguments.json {
        Readout::silent(&head)
    } else {
        Readout::start(&head, &described, std::io::stderr().is_terminal())
    };
    let status = relay.run(&mut |status| readout.show(status))?;
    readout.finish();
    Ok(if arguments.json { json(arguments, &status) } else { text(&status) })
}

fn check_addresses(arguments: &Arguments) -> Result<(), String> {
    for (option, address) in [("--listen", arguments.listen), ("--to", arguments.to)] {
        if !address.ip().is_loopback() && !arguments.i_own_target {
            return Err(format!(
                "{option}: {address} is not on this machine; if it is yours to use, say so with --i-own-target"
            ));
        }
    }
    if arguments.to.port() == 0 {
        return Err("--to: port 0 is nobody's; write the application's".to_owned());
    }
    if arguments.listen == arguments.to {
        return Err("--listen and --to are the same: write a port of its own for --listen".to_owned());
    }
    Ok(())
}

/// A built-in network, or one of a scenario file.
fn network_of(name: &str, end: Instant) -> Result<Alone, String> {
    let Some((file, name)) = name.split_once('#') else {
        return Alone::builtin(name, end).ok_or_else(|| {
            format!(
                "--network: there is no built-in network `{name}`; write one of `throng profiles`, or FILE.toml#name"
            )
        });
    };
    let text = std::fs::read_to_string(file).map_err(|error| format!("--network: cannot read `{file}`: {error}"))?;
    // Credentials of the file's target do not matter to its networks.
    let files = beside(file);
    let settings = Settings { set: &[], seed: None, environment: &|_| Some(String::new()), files: &files };
    let all = |errors: Vec<crate::scenario::ScenarioError>| {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let scenario = Scenario::parse(file, &text, &settings).map_err(all)?;
    Alone::of(&scenario, name, end).map_err(all)?.ok_or_else(|| {
        let names: Vec<_> = scenario.networks.iter().map(|network| network.name.as_str()).collect();
        match names[..] {
            [] => format!("--network: {file} has no networks"),
            _ => format!("--network: there is no [network.{name}] in {file}; there are {}", names.join(", ")),
        }
    })
}

/// So many clients, in words.
fn many(clients: u64) -> String {
    format!("{clients} client{}", if clients == 1 { "" } else { "s" })
}

/// The balance of both directions in words.
fn text(status: &Status) -> String {
    let mut out = format!("{} in {}\n", many(status.seen), format_duration(rounded(status)));
    for (name, side) in [("up", &status.up), ("down", &status.down)] {
        let c = &side.counts;
        let _ = writeln!(
            out,
            "{name:<5} {} offered + {} duplicated = {} delivered + {} lost + {} overflowed + {} waiting + {} flying; \
             {} marked, {} corrupted",
            c.offered, c.duplicated, c.delivered, c.lost, c.overflowed, c.waiting, c.flying, c.marked, c.corrupted
        );
    }
    if status.turned_away > 0 {
        let _ = writeln!(
            out,
            "turned away: {} datagrams of clients for whom there was no room or no socket",
            status.turned_away
        );
    }
    if status.unsent > 0 {
        let _ = writeln!(out, "not sent: {} delivered datagrams that the kernel refused", status.unsent);
    }
    out
}

fn rounded(status: &Status) -> Duration {
    Duration::from_millis(status.now.as_millis())
}

fn json(arguments: &Arguments, status: &Status) -> String {
    let side = |side: &Side| {
        let c = &side.counts;
        serde_json::json!({
            "offered": c.offered, "delivered": c.delivered, "lost": c.lost, "overflowed": c.overflowed,
            "marked": c.marked, "duplicated": c.duplicated, "corrupted": c.corrupted, "waiting": c.waiting,
            "flying": c.flying, "offered_bytes": c.offered_bytes, "delivered_bytes": c.delivered_bytes,
        })
    };
    let document = serde_json::json!({
        "network": arguments.network, "seed": arguments.seed, "seconds": rounded(status).as_secs_f64(),
        "clients": status.seen, "turned_away": status.turned_away, "unsent": status.unsent,
        "up": side(&status.up), "down": side(&status.down),
    });
    format!("{}\n", serde_json::to_string_pretty(&document).expect("counts are plain JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netem::Counts;

    #[test]
    fn the_counts_are_a_balance_that_can_be_checked_by_eye() {
        let counts = Counts { offered: 10, delivered: 8, lost: 1, overflowed: 1, marked: 2, ..Counts::default() };
        let side = Side { counts, ..Side::default() };
        let status = Status { now: Instant::from_millis(1_500), seen: 2, up: side, unsent: 3, ..Status::default() };
        let text = text(&status);
        let expected = "2 clients in 1.5s\nup    10 offered + 0 duplicated = 8 delivered + 1 lost + 1 overflowed + 0 \
                        waiting + 0 flying; 2 marked, 0 corrupted\ndown ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("not sent: 3 delivered datagrams that the kernel refused\n"), "{text}");
    }
}
