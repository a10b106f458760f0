//! One path in each direction with senders and receivers at its ends.

use crate::cc::{Config, DATAGRAM_OVERHEAD, Pacer, Sender};
use crate::clock::{Duration, Instant};
use crate::dist;
use crate::rtp::rtcp::{self, Packet as Rtcp};
use crate::rtp::twcc::FeedbackBuilder;
use crate::seed::{ChaCha8Rng, Seed};
use crate::units::Bitrate;
use netem::{DelayVariation, Link, LinkConfig, QueueLimit};

/// RFC 8867 §5: what a flow sends at least, at most, and at first.
pub const R_MIN: f64 = 150e3;
pub const R_MAX: f64 = 1.5e6;
const FPS: f64 = 30.0;
/// Bytes of a full packet and of padding, as UDP payload.
const PACKET: u32 = 1_200;
const PADDING: u32 = 300;
/// How long arrivals are gathered.
const FEEDBACK_EVERY: Duration = Duration::from_millis(100);

/// A datagram on a path.
#[derive(Clone, Debug)]
pub enum Datagram {
    Media { flow: usize, sequence: u16, bytes: u32 },
    Feedback { flow: usize, bytes: Vec<u8> },
}

impl netem::Packet for Datagram {
    fn wire_size(&self) -> usize {
        match self {
            Self::Media { bytes, .. } => *bytes as usize,
            Self::Feedback { bytes, .. } => bytes.len() + 20,
        }
    }
}

/// One flow: an encoder, its controller, and the receiver at the far end.
pub struct Flow {
    /// Which path its media takes; feedback takes the other one.
    pub forward: usize,
    pub from: Instant,
    pub sender: Sender,
    pub pacer: Pacer<u32>,
    luck: ChaCha8Rng,
    next_frame: Instant,
    first: bool,
    arrivals: FeedbackBuilder,
    next_feedback: Option<Instant>,
    /// Bytes that left and that arrived, headers of datagrams included, by second.
    pub sent: Vec<u64>,
    pub arrived: Vec<u64>,
    pub estimates: Vec<Bitrate>,
    pub paddings: u64,
}

/// Two paths and their flows.
pub struct World {
    pub now: Instant,
    pub paths: [Link<Datagram>; 2],
    pub flows: Vec<Flow>,
    /// What becomes of each feedback before it is handed over: how often it is, and after which delay.
    pub fate: Box<dyn FnMut(u64) -> Vec<Duration>>,
    pub feedbacks: u64,
    held: Vec<(Instant, usize, Vec<u8>)>,
    /// The longest that a packet waited in either path, by second.
    pub waited: Vec<[Duration; 2]>,
}

/// The paths of RFC 8867 §5: 50 ms one way, a queue of 300 ms, jitter.
pub fn path(rate: u64) -> LinkConfig {
    LinkConfig {
        rate: Some(rate),
        queue: QueueLimit::Time(Duration::from_millis(300)),
        delay: Duration::from_millis(50),
        delay_variation: Some(DelayVariation::Gaussian {
            sd: Duration::from_millis(5),
            max: Duration::from_millis(15),
            reordering: false,
        }),
        ..LinkConfig::TRANSPARENT
    }
}

impl World {
    pub fn new(seed: u64, forward: LinkConfig, back: LinkConfig) -> Self {
        let seed = Seed::new(seed);
        Self {
            now: Instant::ZERO,
            paths: [Link::new(forward, seed.child("forward")), Link::new(back, seed.child("back"))],
            flows: Vec::new(),
            fate: Box::new(|_| vec![Duration::ZERO]),
            feedbacks: 0,
            held: Vec::new(),
            waited: Vec::new(),
        }
    }

    /// One more flow, over path 0 or 1, that begins at `from`.
    pub fn flow(&mut self, forward: usize, from: Instant) {
        let config = Config { start: Bitrate(R_MIN as u64), least: Bitrate(30_000), first_sequence: 65_500 };
        let mut sender = Sender::new(config);
        sender.set_desired(from, Bitrate(R_MAX as u64));
        let pacer = Pacer::new(sender.pacing_rate());
        let luck = Seed::new(11).indexed("flow", self.flows.len() as u64).rng();
        self.flows.push(Flow {
            forward,
            from,
            sender,
            pacer,
            luck,
            next_frame: from,
            first: true,
            arrivals: FeedbackBuilder::new(),
            next_feedback: None,
            sent: Vec::new(),
            arrived: Vec::new(),
            estimates: Vec::new(),
            paddings: 0,
        });
    }

    /// Changes the rate of a path.
    pub fn step(&mut self, path: usize, rate: u64) {
        let config = LinkConfig { rate: Some(rate), ..self.paths[path].config().clone() };
        self.paths[path].apply(self.now, config);
    }

    /// Lets time pass.
    pub fn run(&mut self, until: Instant) {
        while self.now < until {
            self.now += Duration::from_millis(1);
            let second = ((self.now.as_millis() - 1) / 1_000) as usize;
            self.waited.resize(second + 1, [Duration::ZERO; 2]);
            for index in 0..self.flows.len() {
                let World { now, paths, flows, .. } = self;
                let flow = &mut flows[index];
                flow.grow(second);
                if *now >= flow.from {
                    flow.send(*now, index, second, &mut paths[flow.forward]);
                    flow.feed_back(*now, index, &mut paths[1 - flow.forward]);
                }
            }
            self.deliver(second);
            for flow in &mut self.flows {
                flow.estimates[second] = flow.sender.estimate();
            }
        }
    }

    fn deliver(&mut self, second: usize) {
        for (index, path) in self.paths.iter_mut().enumerate() {
            path.handle_timeout(self.now);
            let waited = path.report().queue_delay();
            self.waited[second][index] = self.waited[second][index].max(waited);
            while let Some(delivery) = path.poll_output() {
                match delivery.item {
                    Datagram::Media { flow, sequence, bytes } => {
                        let flow = &mut self.flows[flow];
                        flow.arrivals.record(sequence, delivery.at);
                        flow.arrived[second] += u64::from(bytes + DATAGRAM_OVERHEAD);
                        flow.next_feedback.get_or_insert(self.now + FEEDBACK_EVERY);
                    }
                    Datagram::Feedback { flow, bytes } => {
                        let copies = (self.fate)(self.feedbacks);
                        self.feedbacks += 1;
                        self.held.extend(copies.into_iter().map(|after| (delivery.at + after, flow, bytes.clone())));
                    }
                }
            }
        }
        let now = self.now;
        let (due, rest) = std::mem::take(&mut self.held).into_iter().partition(|(at, ..)| *at <= now);
        self.held = rest;
        let due: Vec<(Instant, usize, Vec<u8>)> = due;
        for (_, flow, bytes) in due {
            for packet in rtcp::parse(&bytes) {
                if let Rtcp::Transport(feedback) = packet {
                    self.flows[flow].sender.handle_feedback(now, &feedback);
                }
            }
        }
    }

    /// Bits that flow `index` sent in a second.
    pub fn sent(&self, index: usize, second: usize) -> f64 {
        self.flows[index].sent.get(second).copied().unwrap_or(0) as f64 * 8.0
    }

    /// The mean of what arrived from `from` to `to`, in bit/s.
    pub fn mean(&self, index: usize, from: usize, to: usize) -> f64 {
        self.flows[index].arrived[from..to].iter().sum::<u64>() as f64 * 8.0 / (to - from) as f64
    }
}

impl Flow {
    fn grow(&mut self, second: usize) {
        self.sent.resize(second + 1, 0);
        self.arrived.resize(second + 1, 0);
        self.estimates.resize(second + 1, Bitrate(0));
    }

    /// Makes the frames that are due and lets go what the pacer lets go.
    fn send(&mut self, now: Instant, index: usize, second: usize, path: &mut Link<Datagram>) {
        while self.next_frame <= now {
            let headers = f64::from(PACKET) / f64::from(PACKET + DATAGRAM_OVERHEAD);
            let target = (self.sender.estimate().bps() as f64 * headers).clamp(R_MIN, R_MAX);
            let noise = 0.7 + 0.6 * dist::unit(&mut self.luck);
            let times = if std::mem::take(&mut self.first) { 4.0 } else { noise };
            let mut bytes = (target / 8.0 / FPS * times) as u32;
            while bytes > 0 {
                let packet = bytes.min(PACKET);
                self.pacer.push(self.next_frame, false, packet + DATAGRAM_OVERHEAD, packet);
                bytes -= packet;
            }
            self.next_frame += Duration::from_micros(33_333);
        }
        if self.sender.poll_timeout().is_some_and(|at| at <= now) {
            self.sender.handle_timeout(now);
        }
        while let Some(cluster) = self.sender.poll_probe() {
            self.pacer.probe(cluster);
        }
        self.pacer.set_rate(self.sender.pacing_rate());
        while let Some(departure) = self.pacer.poll(now) {
            let bytes = departure.item.unwrap_or(PADDING);
            let wire = bytes + DATAGRAM_OVERHEAD;
            if departure.item.is_none() {
                self.pacer.handle_padding(departure.at, wire);
                self.paddings += 1;
            }
            let sequence = self.sender.handle_sent(departure.at, wire, departure.cluster);
            self.sent[second] += u64::from(wire);
            path.handle_packet(departure.at, Datagram::Media { flow: index, sequence, bytes });
        }
    }

    fn feed_back(&mut self, now: Instant, index: usize, back: &mut Link<Datagram>) {
        if self.next_feedback.is_some_and(|at| at <= now) {
            self.next_feedback = None;
            loop {
                let mut bytes = Vec::new();
                if !self.arrivals.build(&mut bytes, 1, 2) {
                    break;
                }
                back.handle_packet(now, Datagram::Feedback { flow: index, bytes });
            }
        }
    }
}
