//! Puts any UDP application behind an emulated network: a relay between clients and one target.
//!
//! ```text
//! udp-path LISTEN TARGET PROFILE [--seed N] [--beyond-loopback]
//!
//! udp-path 9000 127.0.0.1:5000 nlc-3g        # what sends to port 9000 reaches port 5000 over Apple's 3G
//! udp-path 9000 5000 cafe.profile --seed 7   # over the network that a file describes
//! ```
//!
//! Every client address is a flow with an uplink, a downlink and a socket towards the target of its own, so answers find
//! their way back. It runs until it is stopped; a flow that is silent for a minute is closed and its books are printed.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a relay runs on the real clock, sleeps for it and prints"
)]

use netem_rs::{Instant, Link, LinkConfig, LoadedProfile, Packet, Seed, profile, profiles};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// So many clients at once; further ones are told on the terminal and ignored.
const MOST_FLOWS: usize = 256;
/// A flow that has been silent for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// How often sockets and the relay look whether they shall stop.
const LOOK: Duration = Duration::from_millis(50);

/// What the command line says.
#[derive(Debug)]
pub struct Arguments {
    /// Where clients send to.
    pub listen: SocketAddr,
    /// Where the application is.
    pub target: SocketAddr,
    /// The profile's name, for the terminal.
    pub network: String,
    /// From clients to the target.
    pub up: LinkConfig,
    /// From the target to clients.
    pub down: LinkConfig,
    /// The root of the random streams.
    pub seed: u64,
}

impl Arguments {
    /// Reads the words after the command's name.
    ///
    /// # Errors
    /// A sentence for the terminal.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let (mut plain, mut seed, mut beyond) = (Vec::new(), 1, false);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seed" => {
                    let value = words.next().ok_or("`--seed` needs a number, as in `--seed 7`")?;
                    seed = value.parse().map_err(|_| format!("`--seed {value}`: write a whole number"))?;
                }
                "--beyond-loopback" => beyond = true,
                option if option.starts_with("--") => {
                    return Err(format!("there is no `{option}`, only `--seed N` and `--beyond-loopback`"));
                }
                _ => plain.push(word),
            }
        }
        let [listen, target, network] = plain.try_into().map_err(|given: Vec<String>| {
            format!("write LISTEN TARGET PROFILE, three words; there are {}", given.len())
        })?;
        let (listen, target) = (address("LISTEN", &listen, beyond)?, address("TARGET", &target, beyond)?);
        let (up, down) = conditions(&network)?;
        Ok(Self { listen, target, network, up, down, seed })
    }
}

/// An address, or a port of this machine.
fn address(what: &str, text: &str, beyond: bool) -> Result<SocketAddr, String> {
    let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let parsed = text.parse::<u16>().map(local).or_else(|_| text.parse::<SocketAddr>());
    let address =
        parsed.map_err(|_| format!("{what} is `{text}`: write a port or an address, as in 127.0.0.1:9000"))?;
    if address.ip().is_loopback() || beyond {
        return Ok(address);
    }
    Err(format!("{what} is {address}, which is not this machine: add `--beyond-loopback` if that is meant"))
}

/// A built-in profile's or a file's conditions, up and down.
fn conditions(network: &str) -> Result<(LinkConfig, LinkConfig), String> {
    if let Some(profile) = profile(network) {
        return Ok((profile.up, profile.down));
    }
    let path = Path::new(network);
    let text = std::fs::read_to_string(path).map_err(|error| {
        let names: Vec<&str> = profiles().iter().map(|profile| profile.name).collect();
        format!("`{network}` is no built-in profile and no file ({error}); built in are {}", names.join(", "))
    })?;
    let beside = |name: &str| {
        let file = path.parent().unwrap_or(Path::new("")).join(name);
        std::fs::read_to_string(file).map_err(|error| error.to_string())
    };
    let loaded = LoadedProfile::parse(&text, beside).map_err(|error| format!("{network}, {error}"))?;
    Ok((loaded.up, loaded.down))
}

#[derive(Clone)]
struct Datagram(Vec<u8>);

impl Packet for Datagram {
    fn wire_size(&self) -> usize {
        self.0.len()
    }

    fn corrupt(&mut self, bits: u64) {
        if !self.0.is_empty() {
            let bit = bits % (self.0.len() as u64 * 8);
            self.0[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
    }
}

/// What a socket has received.
struct Received {
    at: std::time::Instant,
    client: SocketAddr,
    upward: bool,
    bytes: Vec<u8>,
}

struct Flow {
    up: Link<Datagram>,
    down: Link<Datagram>,
    /// Towards the target.
    socket: UdpSocket,
    heard: std::time::Instant,
    stop: Arc<AtomicBool>,
}

/// Relays between the clients of `socket` and the target until `stop` is set.
///
/// # Errors
/// When a socket cannot be had.
pub fn relay(socket: &UdpSocket, arguments: &Arguments, stop: &Arc<AtomicBool>) -> io::Result<()> {
    let began = std::time::Instant::now();
    let (tell, told) = channel();
    listen(socket.try_clone()?, None, tell.clone(), Arc::clone(stop))?;
    let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let now = since(began, std::time::Instant::now());
        let due = flows
            .values()
            .filter_map(|flow| [flow.up.poll_timeout(), flow.down.poll_timeout()].into_iter().flatten().min());
        let wait = due.min().map_or(LOOK, |due| due.saturating_since(now).min(LOOK));
        for received in wait_for(&told, wait) {
            let at = since(began, received.at);
            if !flows.contains_key(&received.client) {
                if !received.upward || flows.len() == MOST_FLOWS {
                    println!("ignored a datagram of {}: {} flows are open", received.client, flows.len());
                    continue;
                }
                let seed = Seed::new(arguments.seed).indexed("flow", count);
                count += 1;
                println!("flow {count}: {}", received.client);
                flows.insert(received.client, open(arguments, seed, received.client, &tell)?);
            }
            let flow = flows.get_mut(&received.client).expect("it was opened if it was not");
            flow.heard = received.at;
            let link = if received.upward { &mut flow.up } else { &mut flow.down };
            link.handle_packet(at, Datagram(received.bytes));
        }
        let now = since(began, std::time::Instant::now());
        for (client, flow) in &mut flows {
            flow.up.handle_timeout(now);
            flow.down.handle_timeout(now);
            // A datagram that the kernel refuses is lost, as on any network.
            while let Some(delivery) = flow.up.poll_output() {
                let _ = flow.socket.send(&delivery.item.0);
            }
            while let Some(delivery) = flow.down.poll_output() {
                let _ = socket.send_to(&delivery.item.0, client);
            }
        }
        flows.retain(|client, flow| {
            let kept = flow.heard.elapsed() < IDLE;
            if !kept {
                close(*client, flow);
            }
            kept
        });
    }
    flows.iter().for_each(|(client, flow)| close(*client, flow));
    Ok(())
}

/// Waits for the first datagram, and takes all that are there by then.
fn wait_for(told: &Receiver<Received>, wait: Duration) -> Vec<Received> {
    match told.recv_timeout(wait) {
        Ok(first) => std::iter::once(first).chain(told.try_iter()).collect(),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Vec::new(),
    }
}

fn since(began: std::time::Instant, at: std::time::Instant) -> Instant {
    Instant::ZERO + at.saturating_duration_since(began)
}

fn open(arguments: &Arguments, seed: Seed, client: SocketAddr, tell: &Sender<Received>) -> io::Result<Flow> {
    let any = if arguments.target.ip().is_loopback() { arguments.target.ip() } else { unspecified(arguments.target) };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(arguments.target)?;
    let stop = Arc::new(AtomicBool::new(false));
    listen(socket.try_clone()?, Some(client), tell.clone(), Arc::clone(&stop))?;
    Ok(Flow {
        up: Link::new(arguments.up.clone(), seed.child("up")),
        down: Link::new(arguments.down.clone(), seed.child("down")),
        socket,
        heard: std::time::Instant::now(),
        stop,
    })
}

fn unspecified(like: SocketAddr) -> IpAddr {
    if like.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() }
}

fn close(client: SocketAddr, flow: &Flow) {
    flow.stop.store(true, Ordering::Relaxed);
    println!("{client} up   {:?}", flow.up.report().totals());
    println!("{client} down {:?}", flow.down.report().totals());
}

/// Tells what a socket receives, on a thread of its own that ends with `stop`; `client` is whose answers they are.
fn listen(
    socket: UdpSocket,
    client: Option<SocketAddr>,
    tell: Sender<Received>,
    stop: Arc<AtomicBool>,
) -> io::Result<()> {
    socket.set_read_timeout(Some(LOOK))?;
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while !stop.load(Ordering::Relaxed) {
            // Time-outs are the looks at `stop`; what else fails, as a target that is not there yet, may pass.
            let Ok((size, from)) = socket.recv_from(&mut buffer) else { continue };
            let at = std::time::Instant::now();
            let (client, upward) = (client.unwrap_or(from), client.is_none());
            if tell.send(Received { at, client, upward, bytes: buffer[..size].to_vec() }).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn main() -> std::process::ExitCode {
    let run = || {
        let arguments = Arguments::parse(std::env::args().skip(1))?;
        let socket = UdpSocket::bind(arguments.listen).map_err(|error| format!("{}: {error}", arguments.listen))?;
        let listens = socket.local_addr().map_err(|error| error.to_string())?;
        println!("{listens} → {} behind {}, seed {}", arguments.target, arguments.network, arguments.seed);
        relay(&socket, &arguments, &Arc::new(AtomicBool::new(false))).map_err(|error| error.to_string())
    };
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("udp-path: {problem}\nusage: udp-path LISTEN TARGET PROFILE [--seed N] [--beyond-loopback]");
            std::process::ExitCode::from(2)
        }
    }
}
