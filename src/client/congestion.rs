//! Congestion control of a leg that publishes: what its encoders may aim at, when their packets leave for the uplink, and the
//! probes between them.
//!
//! Packets get their transport-wide numbers here, before the emulated uplink, so that what it loses is told as lost. Sound
//! passes the pacer, as browsers have it, and takes its share of the rate.

use super::item::UpLoad;
use super::leg::Leg;
use super::leg_send::send_at;
use super::line::UP;
use super::network::Network;
use super::turn::Turn;
use crate::cc::{self, ClusterId, Convergence, DATAGRAM_OVERHEAD, Pacer, Sender};
use crate::clock::{Duration, Instant};
use crate::metrics::catalog::Metric;
use crate::participant::Outgoing;
use crate::rtp::twcc::Feedback;
use crate::units::Bitrate;
use netem::Serialiser;
use std::collections::VecDeque;

/// How often it is seen what goes beside the encoders' media.
const SECOND: Duration = Duration::from_secs(1);
/// The time over which no more than [`MOST_AGAIN`] of the path is sent again, as libwebrtc's limiter of retransmissions has it:
/// a queue that overflows is not filled again with what it dropped.
const AGAIN_WINDOW: Duration = Duration::from_millis(500);
/// Headers beside a codec's output before anything was sent: a twelfth.
const USUAL_SHARE: f64 = 12.0 / 13.0;
/// The share of a path that retransmissions take from encoders, at most (libwebrtc's limit of protection overhead).
const MOST_AGAIN: f64 = 0.5;
/// What is known of the share of headers is kept over so many bytes.
const MEMORY: f64 = 250_000.0;

/// The controller of one leg.
#[derive(Debug)]
pub(super) struct Congestion {
    sender: Sender,
    pacer: Pacer<Outgoing>,
    /// What a receiver allows each publication (REMB).
    limits: Vec<Option<Bitrate>>,
    /// Bytes that controlled encoders made, and what their packets came to on the path.
    coded: f64,
    carried: f64,
    /// Bit/s that went beside them in the last second: sound and media of a fixed rate, and retransmissions.
    beside: f64,
    again: f64,
    /// Bytes of both since the second began.
    bytes: (u64, u64),
    next_second: Instant,
    /// All bytes that left since the second began.
    sent: u64,
    /// Bit/s that would leave if the path allowed everything.
    wanted: f64,
    convergence: Convergence,
    /// What was sent again within the last window.
    resent: VecDeque<(Instant, u32)>,
    scratch: Scratch,
}

impl Congestion {
    /// When it has something to do by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.pacer.poll_timeout(), self.sender.poll_timeout(), Some(self.next_second)].into_iter().flatten().min()
    }

    /// The round trip as it is now, queues included.
    pub const fn round_trip(&self) -> Option<Duration> {
        self.sender.round_trip()
    }

    /// Whether one more packet may be sent again.
    pub fn may_resend(&mut self, now: Instant) -> bool {
        while self.resent.front().is_some_and(|(at, _)| now.saturating_since(*at) >= AGAIN_WINDOW) {
            self.resent.pop_front();
        }
        let bits: u64 = self.resent.iter().map(|(_, bytes)| u64::from(*bytes) * 8).sum();
        bits as f64 <= self.sender.estimate().bps() as f64 * MOST_AGAIN * AGAIN_WINDOW.as_secs_f64()
    }

    /// One was sent again.
    pub fn note_resent(&mut self, now: Instant, packet: &Outgoing) {
        self.resent.push_back((now, u32::from(packet.size) + DATAGRAM_OVERHEAD));
    }

    /// A receiver allows a publication so much.
    pub fn set_limit(&mut self, publication: u16, rate: Bitrate) {
        if let Some(limit) = self.limits.get_mut(usize::from(publication)) {
            *limit = Some(rate);
        }
    }

    /// What is left for the output of the encoders, in bit/s.
    fn for_encoders(&self) -> f64 {
        let left = (self.sender.estimate().bps() as f64 - self.beside).max(0.0);
        (left - self.again.min(left * MOST_AGAIN)) * self.payload_share()
    }

    /// The share of what is carried that codecs made.
    fn payload_share(&self) -> f64 {
        if self.carried > 0.0 { self.coded / self.carried } else { USUAL_SHARE }
    }

    fn tally(&mut self, packet: &Outgoing, bytes: u32, controlled: bool) {
        self.sent += u64::from(bytes);
        if packet.rtx_of.is_some() || packet.again.is_some() {
            self.bytes.1 += u64::from(bytes);
        } else if packet.padding {
            // A probe says what the path carries, not what is left of it.
        } else if controlled {
            self.coded += packet.payload.len() as f64;
            self.carried += f64::from(bytes);
            if self.carried > MEMORY {
                self.coded *= 0.5;
                self.carried *= 0.5;
            }
        } else {
            self.bytes.0 += u64::from(bytes);
        }
    }

    fn end_second(&mut self) {
        let (beside, again) = std::mem::take(&mut self.bytes);
        (self.beside, self.again) = (beside as f64 * 8.0, again as f64 * 8.0);
        self.next_second += SECOND;
    }
}

/// Who takes a share of what the path carries.
#[derive(Clone, Copy, Debug)]
enum Taker {
    /// The publication with this index.
    Alone(usize),
    /// The layers of this simulcast.
    Layers(usize),
}

/// Lists that each feedback fills anew, some twenty times a second.
#[derive(Debug, Default)]
struct Scratch {
    takers: Vec<Taker>,
    bounds: Vec<(Bitrate, Bitrate)>,
    shares: Vec<Bitrate>,
}

impl Leg {
    /// Begins to control what is published, where anything asks for it and the SFU takes transport-wide numbers.
    pub(super) fn start_congestion(&mut self, turn: &Turn<'_>) {
        let controlled = self.publications.iter().filter(|one| one.bounds().is_some());
        if !controlled.clone().any(|one| one.wants_transport_sequence()) {
            return;
        }
        let nominal = |one: &crate::participant::Publication| one.nominal().bps() as f64 / USUAL_SHARE;
        let beside: f64 = self.publications.iter().filter(|one| one.bounds().is_none()).map(nominal).sum();
        let wanted: f64 = controlled.map(nominal).sum();
        let mut sender = Sender::new(cc::Config::usual(self.transport_sequence.wrapping_add(1)));
        sender.set_desired(turn.now, Bitrate((beside + wanted) as u64));
        self.congestion = Some(Box::new(Congestion {
            pacer: Pacer::new(sender.pacing_rate()),
            sender,
            limits: vec![None; self.publications.len()],
            coded: 0.0,
            carried: 0.0,
            beside,
            again: 0.0,
            bytes: (0, 0),
            next_second: turn.now + SECOND,
            sent: 0,
            wanted: beside + wanted,
            convergence: Convergence::default(),
            resent: VecDeque::new(),
            scratch: Scratch::default(),
        }));
        // Frames are made when they are due: the pacer decides when they leave.
        self.hold = Duration::ZERO;
        self.set_targets(turn.now);
    }

    /// Shares what the path is estimated to carry among the encoders that follow it.
    pub(super) fn set_targets(&mut self, now: Instant) {
        let Some(congestion) = &mut self.congestion else { return };
        let Scratch { mut takers, mut bounds, mut shares } = std::mem::take(&mut congestion.scratch);
        takers.clear();
        bounds.clear();
        let (publications, limits) = (&self.publications, &congestion.limits);
        let limited = |index: usize| {
            let (least, most) = publications[index].bounds()?;
            let limit = limits.get(index).copied().flatten();
            Some((least, limit.map_or(most, |limit| most.min(limit)).max(least)))
        };
        // Layers of one media are one taker: they share what falls to them as an encoder does.
        let in_layers = |index: usize| self.simulcasts.iter().any(|one| one.carries(index));
        for index in (0..publications.len()).filter(|index| !in_layers(*index)) {
            if let Some(limited) = limited(index) {
                takers.push(Taker::Alone(index));
                bounds.push(limited);
            }
        }
        for (at, one) in self.simulcasts.iter().enumerate() {
            let layers = one.publications().filter_map(limited);
            let sum = layers.reduce(|(least, sum), (_, most)| (least, Bitrate(sum.bps() + most.bps())));
            if let Some(sum) = sum {
                takers.push(Taker::Layers(at));
                bounds.push(sum);
            }
        }
        cc::share(Bitrate(congestion.for_encoders() as u64), &bounds, &mut shares);
        for (taker, share) in takers.iter().zip(&shares) {
            match *taker {
                Taker::Alone(index) => self.publications[index].set_target(now, *share),
                Taker::Layers(at) => self.simulcasts[at].set_target(now, *share, &mut self.publications),
            }
        }
        congestion.scratch = Scratch { takers, bounds, shares };
    }

    /// The SFU says what arrived.
    pub(super) fn handle_arrivals(&mut self, now: Instant, received: Instant, feedback: &Feedback<'_>) {
        if let Some(congestion) = &mut self.congestion {
            congestion.sender.handle_feedback(received, feedback);
            self.set_targets(now);
        }
    }

    /// Something is ready for the uplink at `at`.
    pub(super) fn send_paced(&mut self, turn: &mut Turn<'_>, network: &mut Network, at: Instant, packet: Outgoing) {
        let video = self.publications.get(usize::from(packet.publication)).is_some_and(|one| one.is_video());
        if !video {
            // What is due before it leaves before it.
            self.pace(turn, network, at);
        }
        let Some(congestion) = &mut self.congestion else { return };
        let bytes = u32::from(packet.size) + DATAGRAM_OVERHEAD;
        if video {
            congestion.pacer.push(at, packet.rtx_of.is_some() || packet.again.is_some(), bytes, packet);
        } else {
            let cluster = congestion.pacer.handle_passed(at, bytes);
            self.depart(turn, network, at, packet, cluster);
        }
    }

    /// Lets go what the pacer lets go by `until`.
    pub(super) fn pace(&mut self, turn: &mut Turn<'_>, network: &mut Network, until: Instant) {
        loop {
            let Some(congestion) = &mut self.congestion else { return };
            while let Some(cluster) = congestion.sender.poll_probe() {
                congestion.pacer.probe(cluster);
            }
            congestion.pacer.set_rate(congestion.sender.pacing_rate());
            let Some(departure) = congestion.pacer.poll(until) else { return };
            let (at, cluster) = (departure.at, departure.cluster);
            let packet = match departure.item {
                Some(packet) => packet,
                None => match self.publications.iter_mut().find_map(|one| one.pad(at)) {
                    Some(padding) => {
                        congestion.pacer.handle_padding(at, u32::from(padding.size) + DATAGRAM_OVERHEAD);
                        turn.count(Metric::RtpProbeSent, None, at, 1);
                        padding
                    }
                    None => {
                        congestion.pacer.abandon_probes();
                        continue;
                    }
                },
            };
            self.depart(turn, network, at, packet, cluster);
        }
    }

    /// A packet leaves for the uplink, under a number of the transport.
    fn depart(
        &mut self,
        turn: &mut Turn<'_>,
        network: &mut Network,
        at: Instant,
        mut packet: Outgoing,
        cluster: Option<ClusterId>,
    ) {
        let Some(congestion) = &mut self.congestion else { return };
        let Some(publication) = self.publications.get(usize::from(packet.publication)) else { return };
        let bytes = u32::from(packet.size) + DATAGRAM_OVERHEAD;
        congestion.tally(&packet, bytes, publication.bounds().is_some());
        // What is sent again as it was keeps the number that it had.
        if publication.wants_transport_sequence() && packet.again.is_none() {
            let number = congestion.sender.handle_sent(at, bytes, cluster);
            packet.transport_sequence = Some(number);
            self.transport_sequence = number;
        }
        send_at(at, self, turn, network, UpLoad::Media(packet));
    }

    /// A second has ended at `at`: what it was like.
    fn end_second(&mut self, turn: &mut Turn<'_>, network: &Network, at: Instant) {
        let Some(congestion) = &mut self.congestion else { return };
        congestion.end_second();
        let sent = std::mem::take(&mut congestion.sent) as f64 * 8.0;
        let target: u64 = self.publications.iter().filter(|one| one.bounds().is_some()).map(|o| o.target().bps()).sum();
        // What happened in the second is due within it.
        let due = at.saturating_sub(Duration::from_nanos(1));
        turn.sample(Metric::BweEstimate, None, due, congestion.sender.estimate().bps() as f64);
        turn.sample(Metric::BweTarget, None, due, target as f64);
        let config = network.whole(UP);
        let Some(rate) = config.rate.filter(|_| config.serialiser == Serialiser::Steady) else { return };
        // Of what others fill too it is what falls to this publisher.
        let rate = network.fair().map_or(rate, |fair| rate.min(fair.bps()));
        turn.sample(Metric::BweCapacity, None, due, rate as f64);
        let may = Bitrate((rate as f64).min(congestion.wanted) as u64);
        let (stepped, second) = congestion.convergence.handle_second(at, Bitrate(sent as u64), may);
        if let Some(waited) = stepped {
            turn.censor(Metric::BweConvergence, due, waited);
        }
        let Some(second) = second else { return };
        turn.sample(Metric::BweUtil, None, due, second.utilisation);
        turn.sample(Metric::BweOvershoot, None, due, second.overshoot);
        if let Some(took) = second.converged {
            turn.record(Metric::BweConvergence, None, due, took);
        }
    }

    /// What has not converged by the end never does.
    pub(super) fn finish_congestion(&mut self, turn: &mut Turn<'_>) {
        if let Some(waited) = self.congestion.take().and_then(|congestion| congestion.convergence.open(turn.now)) {
            // The time that was waited lies before now.
            let due = turn.now.saturating_sub(Duration::from_nanos(1));
            turn.censor(Metric::BweConvergence, due, waited);
        }
    }

    /// Time has passed.
    pub(super) fn handle_congestion_timeout(&mut self, turn: &mut Turn<'_>, network: &mut Network) {
        let now = turn.now;
        let Some(congestion) = &mut self.congestion else { return };
        if congestion.sender.poll_timeout().is_some_and(|at| at <= now) {
            congestion.sender.handle_timeout(now);
        }
        while let Some(at) = self.congestion.as_ref().map(|one| one.next_second).filter(|at| *at <= now) {
            self.end_second(turn, network, at);
        }
        self.set_targets(now);
        self.pace(turn, network, now);
    }
}
