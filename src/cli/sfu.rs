//! `throng sfu`: the reference SFU on its own.

use crate::serve::egress::Egress;
use crate::serve::{ServeOptions, Server};
use crate::sfu::leg::LegKind;
use crate::sfu::room::Limits;
use crate::units::{Bitrate, Bytes};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the reference SFU until it is told to stop (SIGTERM, SIGINT).
#[derive(Clone, Debug, clap::Args)]
pub struct SfuArgs {
    /// Address of HTTP (rooms over WebSocket, WHIP, WHEP, health, metrics); port 0 takes a free one.
    /// Media uses free UDP ports of the same IP address.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// IP address that participants are told, where it is not that of --listen.
    #[arg(long, value_name = "IP")]
    announce: Option<IpAddr>,
    /// Media workers, a thread and a UDP port each; a room lives on one. 0: one for every second core.
    #[arg(long, default_value_t = 0, value_name = "N")]
    workers: usize,
    /// UDP ports of the media workers, in turn; free ones without it. A server that is started again gets its old ones.
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    media_ports: Vec<u16>,
    /// Most rooms.
    #[arg(long, default_value_t = Limits::default().rooms, value_name = "N")]
    max_rooms: usize,
    /// Most participants in all rooms together.
    #[arg(long, default_value_t = Limits::default().participants, value_name = "N")]
    max_participants: usize,
    /// Most participants in one room.
    #[arg(long, default_value_t = Limits::default().participants_per_room, value_name = "N")]
    max_room_participants: usize,
    /// Largest body of a request, and largest message over a WebSocket.
    #[arg(long, default_value = "256KiB", value_name = "SIZE", value_parser = size)]
    max_message: Bytes,
    /// What every video publisher is told by REMB, once a second: a ceiling, not an estimate.
    #[arg(long, default_value = "5Mbps", value_name = "RATE", value_parser = rate)]
    remb: Bitrate,
    /// What participants' transports are made of: str0m, a WebRTC stack that throng did not write, or throng's own.
    #[arg(long, default_value = "str0m", value_name = "str0m|own", value_parser = leg)]
    leg: LegKind,
    /// Estimate the way to each subscriber: number its packets transport-wide, ask it for feedback, and probe.
    #[arg(long)]
    estimates: bool,
    /// A seeded link of this network (a built-in one, or FILE.toml#name) on every subscriber's downlink; its loss is keyed by (seed, track,
    /// sequence), so that two receivers of one track lose the same packets.
    #[arg(long, value_name = "NETWORK")]
    egress: Option<String>,
    /// Seed of --egress, of SSRCs and of first sequence numbers.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// A fault on request, for tests of what finds it: every Nth packet of all rooms but the first is replaced by one of
    /// the first room; 0: none.
    #[arg(long, default_value_t = 0, value_name = "N", hide = true)]
    inject_misroute: u32,
    /// Stop when stdin ends, so that a parent that was killed leaves no orphan.
    #[arg(long)]
    parent_stdin: bool,
}

fn size(text: &str) -> Result<Bytes, String> {
    Bytes::parse(text).ok_or_else(|| "write a size like 256KiB or 1MB".to_owned())
}

fn rate(text: &str) -> Result<Bitrate, String> {
    Bitrate::parse(text).ok_or_else(|| "write a rate like 2.5Mbps or 800kbps".to_owned())
}

fn leg(text: &str) -> Result<LegKind, String> {
    let known = LegKind::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| "write str0m or own".to_owned())
}

fn network_of(name: &str, seed: u64) -> Result<Egress, String> {
    let egress = match name.split_once('#') {
        Some((file, name)) => Egress::of_file(file, name, seed),
        None => Egress::named(name, seed),
    };
    egress.map_err(|sentence| format!("--egress: {sentence}"))
}

impl SfuArgs {
    fn options(&self) -> Result<ServeOptions, String> {
        let egress = self.egress.as_deref().map(|network| network_of(network, self.seed)).transpose()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(ServeOptions {
            listen: self.listen,
            announce: self.announce,
            workers: if self.workers == 0 { (cores / 2).max(1) } else { self.workers },
            media_ports: self.media_ports.clone(),
            limits: Limits {
                rooms: self.max_rooms,
                participants: self.max_participants,
                participants_per_room: self.max_room_participants,
            },
            message_limit: self.max_message,
            ceiling: self.remb,
            seed: self.seed,
            egress,
            leg: self.leg,
            estimates: self.estimates,
            misroute_every: self.inject_misroute,
        })
    }
}

/// Runs the SFU; its one line on stdout, when it is ready, is JSON: `{"http":"IP:PORT","udp":["IP:PORT",…]}`.
///
/// Returns 0 after an orderly stop, 2 when it cannot start.
#[must_use]
pub fn run(args: &SfuArgs) -> ExitCode {
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))
        .and_then(|runtime| runtime.block_on(serve(args)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Nobody to tell when stderr is gone.
            let _ = writeln!(std::io::stderr(), "throng sfu: {sentence}");
            ExitCode::from(2)
        }
    }
}

async fn serve(args: &SfuArgs) -> Result<(), String> {
    let unusable = |error| format!("signals cannot be heard: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(unusable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unusable)?;
    let server = Server::start(&args.options()?).await.map_err(|error| error.to_string())?;
    let udp: Vec<_> = server.udp().iter().map(ToString::to_string).collect();
    let ready = serde_json::json!({ "http": server.http().to_string(), "udp": udp });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{ready}").and_then(|()| stdout.flush()).map_err(|error| format!("stdout is closed: {error}"))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = orphaned(args.parent_stdin) => {}
    }
    server.stop().await;
    Ok(())
}

/// Ends when stdin does; never, when that is not asked for.
async fn orphaned(watch: bool) {
    if !watch {
        return std::future::pending().await;
    }
    let (ended, end) = tokio::sync::oneshot::channel();
    // Not a blocking task of the runtime: that one would hold up its end.
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut nothing = [0; 256];
        while stdin.read(&mut nothing).is_ok_and(|read| read > 0) {}
        let _ = ended.send(());
    });
    let _ = end.await;
}
