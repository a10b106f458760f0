//! The reference SFU's sockets, workers and HTTP.
//!
//! [`Server::start`] binds one UDP port a media worker and one TCP port for HTTP: the room protocol over WebSocket, WHIP
//! and WHEP, health and metrics. Media runs on plain threads, one a worker; a room lives on one worker, chosen by its
//! name. tokio carries signalling only. Everything decided about rooms and packets is decided in `sfu`.

mod clock;
mod counters;
mod door;
pub mod egress;
mod http;
mod metrics;
mod misroute;
mod problem;
mod socket;
mod websocket;
mod whip;
mod worker;

#[cfg(test)]
mod tests;

use crate::seed::Seed;
use crate::sfu::leg::{self, LegKind, Maker};
use crate::sfu::room::{Census, Limits, Rooms, RoomsConfig};
use crate::transport::Factory;
use crate::units::{Bitrate, Bytes};
use door::WorkerHandle;
use egress::Egress;
use misroute::Misroute;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How the SFU is started.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Address of HTTP; media takes free UDP ports of the same IP address.
    pub listen: SocketAddr,
    /// IP address that participants are told, where it is not that of `listen`.
    pub announce: Option<std::net::IpAddr>,
    /// Media workers, at least one.
    pub workers: usize,
    /// UDP port of each media worker in turn; a free one where none is named.
    pub media_ports: Vec<u16>,
    /// What is admitted.
    pub limits: Limits,
    /// Largest body of a request, and largest message of a WebSocket.
    pub message_limit: Bytes,
    /// What every video publisher is told by REMB: a ceiling, not an estimate.
    pub ceiling: Bitrate,
    /// Seed of SSRCs and first sequence numbers.
    pub seed: u64,
    /// The network on every subscriber's downlink; none where it is left out.
    pub egress: Option<Egress>,
    /// What participants' transports are made of.
    pub leg: LegKind,
    /// Whether the way to each subscriber is estimated.
    pub estimates: bool,
    /// A fault for tests: every so many packets one of another room goes out in a packet's place; 0 for never.
    pub misroute_every: u32,
}

/// Why the SFU does not start; each message is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A wildcard address says nothing to participants.
    #[error("{0} is no address that participants could send to: name one with --announce")]
    Announce(std::net::IpAddr),
    /// Something of the machine is missing.
    #[error("{0}")]
    Machine(String),
}

/// What the makers of all workers share; `unbound` is no socket's address yet.
fn maker(kind: LegKind, start: std::time::Instant, unbound: SocketAddr) -> Result<Maker, String> {
    match kind {
        LegKind::Str0m => leg::str0m::Maker::new(start, unbound, unbound).map(Maker::Str0m),
        LegKind::Own => {
            let transports = Factory::new(start)?;
            Ok(Maker::Own(leg::own::Maker::new(transports, unbound, unbound, clock::wall(), 0)))
        }
    }
}

/// A running SFU.
#[derive(Debug)]
pub struct Server {
    http: SocketAddr,
    udp: Vec<SocketAddr>,
    workers: Vec<WorkerHandle>,
    stop_http: oneshot::Sender<()>,
    http_task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Binds everything and starts; call it inside a tokio runtime.
    ///
    /// # Errors
    /// When an address is taken, or the machine cannot do what is needed.
    pub async fn start(options: &ServeOptions) -> Result<Self, ServeError> {
        let listen_error = |error| ServeError::Listen { address: options.listen, error };
        let ip = options.listen.ip();
        let announced = options.announce.unwrap_or(ip);
        if announced.is_unspecified() {
            return Err(ServeError::Announce(announced));
        }
        let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
        let http = listener.local_addr().map_err(listen_error)?;
        let start = clock::start();
        let any_port = SocketAddr::new(ip, 0);
        let maker = maker(options.leg, start, any_port).map_err(ServeError::Machine)?;
        let census = Arc::new(Census::default());
        let mut workers = Vec::new();
        for index in 0..options.workers.max(1) {
            let config = RoomsConfig {
                limits: options.limits,
                ceiling: options.ceiling,
                estimates: options.estimates,
                seed: Seed::new(options.seed).indexed("worker", index as u64),
                #[cfg(test)]
                defect: None,
            };
            let rooms = Rooms::new(config, Arc::clone(&census));
            let faults = (options.egress.clone(), Misroute::new(options.misroute_every));
            let port = options.media_ports.get(index).copied().unwrap_or(0);
            let media = SocketAddr::new(ip, port);
            let error = |error| ServeError::Listen { address: media, error };
            workers.push(worker::start(index, media, announced, start, &maker, rooms, faults).map_err(error)?);
        }
        let udp = workers.iter().map(|worker| worker.address).collect();
        let desk = http::Desk::new(&workers, census, options.leg, options.message_limit);
        let (stop_http, stopped) = oneshot::channel();
        let router = http::router(Arc::new(desk));
        let http_task = tokio::spawn(async move {
            let serving = async move { axum::serve(listener, router).await };
            tokio::select! {
                _ = serving => {}
                _ = stopped => {}
            }
        });
        Ok(Self { http, udp, workers, stop_http, http_task })
    }

    /// Address of HTTP.
    #[must_use]
    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    /// Address of each media worker.
    #[must_use]
    pub fn udp(&self) -> &[SocketAddr] {
        &self.udp
    }

    /// Closes every leg, stops the workers and HTTP.
    pub async fn stop(self) {
        for worker in self.workers {
            // A worker that panicked has nothing left to stop.
            let _ = tokio::task::spawn_blocking(move || worker.stop()).await;
        }
        let _ = self.stop_http.send(());
        let _ = self.http_task.await;
    }
}
