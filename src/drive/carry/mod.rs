//! Carries the messages of signalling adapters out, over real HTTP and WebSocket connections, and brings back what came.
//!
//! A [`Carrier`] owns a small tokio runtime of its own, apart from the threads that do media: they hand a [`Carry`] over
//! without waiting and get every [`Carried`] through a channel of theirs. One task routes; each connection and each
//! request is a task, so that a thousand at once cost no thread. It takes no decision of the protocol: no redirect is
//! followed, nothing is sent twice, no connection is reused by another request. Every address is checked before it is
//! connected to (`gate`).

mod gate;
mod request;
mod socket;

#[cfg(test)]
mod tests;

use crate::signalling::{Carried, Carry};
use gate::Gate;
use request::Client;
use socket::Frame;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How long a connection, or the answer to a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Threads for name look-ups, which block; names are looked up once a run.
const LOOKUP_THREADS: usize = 4;

/// Whose message it is; comes back with every answer. Each ticket has one WebSocket at most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket {
    /// Index of the client.
    pub client: u32,
    /// Index of the connection within the client.
    pub leg: u8,
    /// Number of the client's stay, so that what is late is told from what is new.
    pub session: u32,
}

/// Where answers go; unbounded, or the carrier would wait for who reads it.
pub type Reply = crossbeam_channel::Sender<(Ticket, Carried)>;

/// Messages that nobody carries out: whoever holds this takes them and answers in the SFU's place, for benches.
#[derive(Debug)]
pub struct ByHand(mpsc::UnboundedReceiver<Order>);

impl ByHand {
    /// The next message that was handed over, and where its answers go; `None` while there is none.
    pub fn try_next(&mut self) -> Option<(Ticket, Carry, Reply)> {
        match self.0.try_recv() {
            Ok(Order::Carry(ticket, carry, reply)) => Some((ticket, carry, reply)),
            Ok(Order::Finish(..)) | Err(_) => None,
        }
    }
}

/// The runtime that carries messages out.
#[derive(Debug)]
pub struct Carrier {
    runtime: Runtime,
    handle: CarrierHandle,
}

/// Hands messages to a [`Carrier`]; one for each media worker.
#[derive(Clone, Debug)]
pub struct CarrierHandle {
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Carry(Ticket, Carry, Reply),
    /// Nothing more will come: end what is open and say how much was cut off.
    Finish(Duration, oneshot::Sender<usize>),
}

impl Carrier {
    /// Starts a carrier with this many threads (one is enough for signalling; 0 counts as one). Without `allow_remote` it
    /// connects to loopback addresses alone.
    ///
    /// # Errors
    /// When the machine refuses a thread, or TLS cannot be set up.
    pub fn start(allow_remote: bool, threads: usize) -> std::io::Result<Self> {
        install_tls();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .max_blocking_threads(LOOKUP_THREADS)
            .thread_name("throng-carry")
            .enable_io()
            .enable_time()
            .build()?;
        let gate = Arc::new(Gate::new(allow_remote));
        let client = Client::new(Arc::clone(&gate))?;
        let (orders, received) = mpsc::unbounded_channel();
        runtime.spawn(route(received, gate, client));
        Ok(Self { runtime, handle: CarrierHandle { orders } })
    }

    /// A handle for one more thread.
    #[must_use]
    pub fn handle(&self) -> CarrierHandle {
        self.handle.clone()
    }

    /// Takes no more orders, closes every WebSocket, and waits until these closes and all requests under way are done, at
    /// most `within`. Says how many were cut off. Not to be called on a thread of a runtime.
    pub fn shutdown(self, within: Duration) -> usize {
        let (done, finished) = oneshot::channel();
        let asked = self.handle.orders.send(Order::Finish(within, done));
        let cut_off = asked.map_or(0, |()| self.runtime.block_on(finished).unwrap_or(0));
        self.runtime.shutdown_background();
        cut_off
    }
}

impl CarrierHandle {
    /// A handle whose messages are taken by hand instead of being carried out.
    #[must_use]
    pub fn by_hand() -> (Self, ByHand) {
        let (orders, taken) = mpsc::unbounded_channel();
        (Self { orders }, ByHand(taken))
    }

    /// Has a message carried out; never waits. Whatever comes of it goes to `reply`: [`Carried::Opened`] or
    /// [`Carried::Closed`] for a WebSocket, then its texts and one `Closed`; one answer for each request.
    pub fn carry(&self, ticket: Ticket, carry: Carry, reply: &Reply) {
        if let Err(refused) = self.orders.send(Order::Carry(ticket, carry, reply.clone()))
            && let Order::Carry(ticket, carry, reply) = refused.0
        {
            refuse(ticket, &carry, &reply);
        }
    }
}

/// Both TLS users (reqwest, tungstenite) take the process's provider; who was first does not matter.
fn install_tls() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Answers what comes after the end.
fn refuse(ticket: Ticket, carry: &Carry, reply: &Reply) {
    let reason = "signalling has been shut down".to_owned();
    match carry {
        Carry::Open { .. } => tell(reply, ticket, Carried::Closed { reason, status: None }),
        Carry::Request(request) => tell(reply, ticket, Carried::RequestFailed { id: request.id, reason }),
        Carry::Text(_) | Carry::Close | Carry::Abort => {}
    }
}

/// A worker that has gone wants no answers any more.
fn tell(reply: &Reply, ticket: Ticket, carried: Carried) {
    let _ = reply.send((ticket, carried));
}

/// A WebSocket that is open or opening, by its number: a later one under the same ticket is another.
struct Connection {
    number: u64,
    frames: mpsc::UnboundedSender<Frame>,
}

/// What the routing task keeps.
struct Router {
    gate: Arc<Gate>,
    client: Client,
    connections: BTreeMap<Ticket, Connection>,
    opened: u64,
    /// Each ends with the WebSocket that it was, if it was one.
    tasks: JoinSet<Option<(Ticket, u64)>>,
}

async fn route(mut orders: mpsc::UnboundedReceiver<Order>, gate: Arc<Gate>, client: Client) {
    let mut router = Router { gate, client, connections: BTreeMap::new(), opened: 0, tasks: JoinSet::new() };
    let finish = loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Carry(ticket, carry, reply)) => router.carry(ticket, carry, reply),
                Some(Order::Finish(within, done)) => break Some((within, done)),
                None => break None,
            },
            Some(ended) = router.tasks.join_next() => {
                if let Ok(Some(connection)) = ended {
                    router.forget(connection);
                }
            }
        }
    };
    orders.close();
    while let Some(order) = orders.recv().await {
        if let Order::Carry(ticket, carry, reply) = order {
            router.carry(ticket, carry, reply);
        }
    }
    if let Some((within, done)) = finish {
        let _ = done.send(router.finish(within).await);
    }
}

impl Router {
    fn carry(&mut self, ticket: Ticket, carry: Carry, reply: Reply) {
        match carry {
            Carry::Open { url, headers } => self.open(ticket, url, headers, reply),
            Carry::Text(text) => self.frame(ticket, Frame::Text(text)),
            Carry::Close => self.frame(ticket, Frame::Close),
            Carry::Abort => self.frame(ticket, Frame::Abort),
            Carry::Request(request) => {
                let answer = self.client.send(request);
                self.tasks.spawn(async move {
                    tell(&reply, ticket, answer.await);
                    None
                });
            }
        }
    }

    /// Opens a WebSocket; one that was open under the ticket loses its sender, and so closes.
    fn open(&mut self, ticket: Ticket, url: String, headers: Vec<(String, String)>, reply: Reply) {
        self.opened += 1;
        let (number, gate) = (self.opened, Arc::clone(&self.gate));
        let (sender, frames) = mpsc::unbounded_channel();
        self.connections.insert(ticket, Connection { number, frames: sender });
        self.tasks.spawn(async move {
            socket::run(&gate, &url, &headers, frames, |carried| tell(&reply, ticket, carried)).await;
            Some((ticket, number))
        });
    }

    /// A frame for a WebSocket that has closed is dropped: its adapter has been told, or is about to be.
    fn frame(&self, ticket: Ticket, frame: Frame) {
        if let Some(connection) = self.connections.get(&ticket) {
            let _ = connection.frames.send(frame);
        }
    }

    fn forget(&mut self, (ticket, number): (Ticket, u64)) {
        if self.connections.get(&ticket).is_some_and(|connection| connection.number == number) {
            self.connections.remove(&ticket);
        }
    }

    async fn finish(mut self, within: Duration) -> usize {
        self.connections.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(within, all).await;
        self.tasks.len()
    }
}
