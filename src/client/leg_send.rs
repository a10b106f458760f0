//! What a leg sends: frames that are due, feedback, and the sealing of whatever leaves the emulated uplink.

use super::group::Load;
use super::item::{UpItem, UpLoad, control_class};
use super::leg::{FEEDBACK_EVERY, Leg, REPORT_EVERY, Role};
use super::line::UP;
use super::network::{Conditions, Network};
use super::shared::Shared;
use super::turn::Turn;
use crate::clock::{Duration, Instant};
use crate::dump::Tap;
use crate::metrics::catalog::Metric;
use crate::participant::Outgoing;
use crate::participant::cache::Written;
use crate::plan::Selection;
use crate::plan::target::AdapterPlan;
use crate::rtp::header::Kind;
use crate::rtp::rtcp::{self, Packet, ReportBlock};
use crate::seed::Seed;
use crate::signalling::{self, Adapter, room, whip};
use crate::transport::Output;
use netem::{Packet as _, Stream};
use std::net::SocketAddr;

/// SRTCP adds at most this much: 16 bytes of tag and 4 of index.
const SRTCP_OVERHEAD: u16 = 20;
/// The longest that the making of a frame is put off.
const MAX_HOLD: Duration = Duration::from_millis(20);
/// Reception reports in one packet (RFC 3550 §6.4.2).
const MAX_REPORTS: usize = 31;

/// The legs of a session: one for the room protocol, one a WHIP or WHEP session otherwise.
pub(super) fn legs(
    shared: &Shared,
    (me, session): (u32, u32),
    seed: &Seed,
    conditions: &Conditions,
    now: Instant,
) -> Vec<Leg> {
    let plan = shared.participant(me);
    let room = &shared.plan.rooms[plan.room as usize];
    let mut legs: Vec<Leg> = Vec::new();
    let mut add = |role: Role, adapter: Adapter| {
        let index = legs.len() as u8;
        let seed = seed.indexed("leg", u64::from(index));
        let mut path = Stream::new(conditions.up.clone(), conditions.down.clone(), seed.child("signalling"));
        path.set_outage(now, conditions.up_outage, conditions.down_outage);
        let mut leg = Leg::new(index, role, adapter, path, &seed);
        leg.hold = hold(conditions);
        if shared.dumped.contains(&me) {
            leg.received.tap = Some(Box::new(Tap::new(&plan.name, session, index, shared.ntp_origin)));
        }
        legs.push(leg);
    };
    match &shared.plan.target.adapter {
        AdapterPlan::Reference(_) | AdapterPlan::Room { .. } => {
            add(Role::Room, Adapter::Room(room::Room::new(&shared.base_url, &room.name, &plan.name)));
        }
        AdapterPlan::WhipWhep(target) => {
            if !plan.publish.is_empty() {
                add(Role::Publish, Adapter::Whip(whip::Session::publish(target, &room.name, &plan.name)));
            }
            for &publisher in played(shared, me).iter() {
                let name = &shared.participant(publisher).name;
                let kinds = kinds_played(shared, me, publisher);
                add(Role::Play { publisher }, Adapter::Whip(whip::Session::play(target, &room.name, name, kinds)));
            }
        }
    }
    legs
}

/// Whom a participant plays where every publisher is a session of its own.
fn played(shared: &Shared, me: u32) -> Vec<u32> {
    let room = &shared.plan.rooms[shared.participant(me).room as usize];
    let others = room.participants.iter().copied().filter(|&other| other != me);
    others.filter(|&other| !kinds_played(shared, me, other).is_empty()).collect()
}

/// Which kinds of a publisher's media a participant selects.
fn kinds_played(shared: &Shared, me: u32, publisher: u32) -> Vec<crate::conference::MediaKind> {
    let (subscribe, publisher) = (&shared.participant(me).subscribe, shared.participant(publisher));
    let media = publisher.publish.iter().map(|&index| &shared.plan.media[usize::from(index)]);
    let mut kinds: Vec<_> =
        media.map(|media| media.kind()).filter(|&kind| plays(subscribe.of(kind), &publisher.name)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Whether a selection that WHEP can carry out takes this publisher.
fn plays(selection: &Selection, publisher: &str) -> bool {
    *selection == Selection::All || selection.pins(publisher)
}

/// Offers a datagram to the uplink: at once when nothing would happen to it there.
fn send(leg: &mut Leg, turn: &mut Turn<'_>, network: &mut Network, load: UpLoad) {
    send_at(turn.now, leg, turn, network, load);
}

/// As [`send`], with the time at which it enters.
pub(super) fn send_at(at: Instant, leg: &mut Leg, turn: &mut Turn<'_>, network: &mut Network, load: UpLoad) {
    let item = UpItem { session: turn.session, leg: leg.index, load, damage: None };
    if let Some(lane) = network.lane(UP) {
        return turn.sink.crossings.extend(network.enter(lane, at, Load::Up(item)));
    }
    if network.up.pass(item.class(), item.wire_size()) {
        leg.emit(turn, &item.load);
    } else {
        network.up.handle_packet(at, item);
    }
}

/// How long the making of frames may be put off on an uplink with this delay: as long as nobody can see it, and short
/// enough for an interval's counts to be those of its own frames.
fn hold(conditions: &Conditions) -> Duration {
    if conditions.up_shared { Duration::ZERO } else { conditions.up.shortest_delay().min(MAX_HOLD) }
}

impl Leg {
    /// Makes the frames that were due by `until`, in the order in which they were, and offers them to the uplink as of
    /// then.
    pub fn produce(&mut self, turn: &mut Turn<'_>, network: &mut Network, until: Instant) {
        while let Some(due) = self.frames_due().filter(|due| *due <= until) {
            for index in 0..self.publications.len() {
                if self.publications[index].frame_due() == Some(due) {
                    self.produce_one(turn, network, index, due);
                }
            }
        }
    }

    fn produce_one(&mut self, turn: &mut Turn<'_>, network: &mut Network, index: usize, at: Instant) {
        let (now, hold) = (turn.now, self.hold);
        let media = Some(self.publications[index].media());
        let mut frame = std::mem::take(&mut turn.sink.frame);
        let mut outgoing = std::mem::take(&mut turn.sink.outgoing);
        let mut worst = now;
        let produced = self.publications[index].produce(at, &mut frame, &mut outgoing, |due| {
            worst = worst.min(due);
            turn.record(Metric::HarnessSendLateness, None, due, now.saturating_since(due + hold));
        });
        if produced.frames > 0 {
            let video = self.publications[index].is_video();
            turn.count(Metric::RtpPacketsSent, media, worst, produced.packets);
            turn.count(Metric::RtpBytesSent, media, worst, produced.bytes);
            if video {
                turn.count(Metric::VideoFramesPublished, media, worst, produced.frames);
            }
            self.publications[index].sent.add(produced);
            self.talked += self.publications[index].unit() * produced.voiced as u32;
        }
        for packet in outgoing.drain(..) {
            match self.congestion {
                Some(_) => self.send_paced(turn, network, at, packet),
                None => send_at(at, self, turn, network, UpLoad::Media(packet)),
            }
        }
        if self.congestion.is_some() {
            self.pace(turn, network, at);
        }
        turn.sink.frame = frame;
        turn.sink.outgoing = outgoing;
    }

    /// Sends the sender reports that are due.
    pub fn report_sent(&mut self, turn: &mut Turn<'_>, network: &mut Network) {
        for index in 0..self.publications.len() {
            self.report_one(turn, network, index);
        }
    }

    fn report_one(&mut self, turn: &mut Turn<'_>, network: &mut Network, index: usize) {
        let ntp = turn.ntp();
        let publication = &mut self.publications[index];
        if let Some(info) = publication.report(turn.now, ntp) {
            let mut bytes = Vec::with_capacity(64);
            let ssrc = publication.parameters.ssrc;
            rtcp::write_sender_report(&mut bytes, ssrc, &info, &[]);
            rtcp::write_description(&mut bytes, ssrc, &publication.parameters.cname);
            send(self, turn, network, UpLoad::Rtcp { bytes, tag: SRTCP_OVERHEAD });
        }
    }

    /// Seals and writes what leaves our network now.
    pub fn emit(&mut self, turn: &mut Turn<'_>, load: &UpLoad) {
        let start = turn.sink.datagrams.bytes.len();
        let to = match load {
            UpLoad::Control { to, .. } if !turn.lets(to.port()) => return,
            UpLoad::Control { to, bytes } => return turn.sink.datagrams.push(self.index, *to, bytes),
            UpLoad::Rtcp { .. } | UpLoad::Media(_) => self.transport.as_ref().and_then(|transport| transport.peer()),
        };
        let (Some(to), Some(srtp)) = (to, &mut self.srtp) else { return };
        if !turn.lets(to.port()) {
            return;
        }
        let outbox = &mut turn.sink.datagrams;
        match load {
            UpLoad::Media(packet) => {
                let Some(publication) = self.publications.get_mut(usize::from(packet.publication)) else { return };
                let numbered = publication.wants_transport_sequence() && packet.again.is_none();
                let transport_sequence = packet.transport_sequence.or_else(|| {
                    (numbered && self.congestion.is_none()).then(|| {
                        self.transport_sequence = self.transport_sequence.wrapping_add(1);
                        self.transport_sequence
                    })
                });
                let written = Written { ntp: turn.shared.ntp(turn.now), left: turn.now, transport_sequence };
                publication.write(packet, written, &mut outbox.bytes);
                srtp.tx.seal_rtp_at(&mut outbox.bytes, start, packet.sequence);
            }
            UpLoad::Rtcp { bytes, .. } => {
                outbox.bytes.extend_from_slice(bytes);
                srtp.tx.seal_rtcp_at(&mut outbox.bytes, start);
            }
            UpLoad::Control { .. } => {}
        }
        outbox.finish(self.index, to, start);
    }

    /// Sends what the transport and feedback have gathered; true when the transport had anything.
    pub fn send(&mut self, turn: &mut Turn<'_>, network: &mut Network) -> bool {
        let moved = self.drain_transport(turn, network);
        if !self.has_left {
            self.flush_feedback(turn, network);
        }
        moved
    }

    /// Moves the transport's datagrams into the uplink and its events on; true when there were any.
    fn drain_transport(&mut self, turn: &mut Turn<'_>, network: &mut Network) -> bool {
        let mut moved = false;
        if !self.stirred {
            return moved;
        }
        while let Some(output) = self.transport.as_mut().and_then(|transport| transport.poll_output()) {
            moved = true;
            match output {
                Output::Datagram { to, bytes } if turn.shared.allows(to) => {
                    send(self, turn, network, UpLoad::Control { to, bytes });
                }
                // A candidate that points off this machine is never sent to.
                Output::Datagram { .. } => {}
                Output::Event(event) => self.handle_transport(turn, event),
            }
        }
        moved
    }

    /// A datagram left the downlink.
    pub fn deliver(&mut self, turn: &mut Turn<'_>, source: SocketAddr, times: (Instant, Instant), bytes: &mut [u8]) {
        if self.has_left {
            return;
        }
        match Kind::of(bytes) {
            Kind::Stun | Kind::Dtls => {
                self.stirred = true;
                if let Some(transport) = &mut self.transport {
                    transport.handle_datagram(turn.now, source, bytes);
                }
                if self.data.is_some() {
                    self.take_messages(turn, times.0);
                }
            }
            Kind::Rtp => {
                let Some(srtp) = &mut self.srtp else { return };
                if let Some(sequence) = self.received.handle_rtp(turn, srtp, times, bytes) {
                    self.feedback.record(sequence, times.0);
                    self.next_feedback.get_or_insert(turn.now + FEEDBACK_EVERY);
                }
            }
            Kind::Rtcp => self.handle_rtcp(turn, times.0, bytes),
            Kind::Other => {}
        }
    }

    fn handle_rtcp(&mut self, turn: &mut Turn<'_>, received: Instant, bytes: &mut [u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let Ok(compound) = srtp.rx.open_rtcp(bytes) else {
            return turn.count(Metric::IntegrityAuth, None, turn.now, 1);
        };
        // The compound borrows the datagram, not us.
        let compound: &[u8] = compound;
        for packet in rtcp::parse(compound) {
            self.handle_report(turn, received, packet);
        }
    }

    fn handle_report(&mut self, turn: &mut Turn<'_>, received: Instant, packet: Packet<'_>) {
        match packet {
            Packet::SenderReport { ssrc, info, reports } => {
                self.received.handle_sender_report(turn, received, ssrc, &info);
                self.handle_blocks(turn, received, reports);
            }
            Packet::ReceiverReport { reports, .. } => self.handle_blocks(turn, received, reports),
            Packet::Nack { media, lost, .. } => {
                for sequence in lost {
                    self.resend(turn, media, sequence);
                }
            }
            Packet::Pli { media, .. } => self.request_keyframe(turn.now, media),
            Packet::Fir { requests, .. } => requests.for_each(|request| self.request_keyframe(turn.now, request.ssrc)),
            Packet::Remb(remb) => self.handle_remb(turn.now, &remb),
            Packet::Transport(feedback) => {
                self.word.handle_feedback(received, &feedback);
                self.handle_arrivals(turn.now, received, &feedback);
            }
            // Signalling says who left; a stream that only stops is told by its packets.
            Packet::Bye(_) | Packet::Description(_) => {}
            Packet::ExtendedReport { .. } | Packet::Unknown { .. } | Packet::Malformed(_) => {}
        }
    }

    fn handle_blocks(&mut self, turn: &mut Turn<'_>, received: Instant, blocks: impl Iterator<Item = ReportBlock>) {
        let arrival = turn.shared.ntp(received);
        for block in blocks {
            let Some(&index) = self.by_ssrc.get(&block.ssrc) else { continue };
            self.word.handle_report(received, block.ssrc, block.highest_sequence);
            if let Some(rtt) = block.round_trip(arrival) {
                let media = Some(self.publications[usize::from(index)].media());
                turn.record(Metric::RtpRtt, media, turn.now, rtt);
            }
        }
    }

    fn resend(&mut self, turn: &mut Turn<'_>, media: u32, sequence: u16) {
        let Some(&index) = self.by_ssrc.get(&media) else { return };
        let round_trip = self.congestion.as_ref().and_then(|congestion| congestion.round_trip());
        if self.congestion.as_mut().is_some_and(|congestion| !congestion.may_resend(turn.now)) {
            return;
        }
        if let Some(packet) = self.publications[usize::from(index)].resend(turn.now, sequence, round_trip) {
            if let Some(congestion) = &mut self.congestion {
                congestion.note_resent(turn.now, &packet);
            }
            self.resends.push(packet);
        }
    }

    fn request_keyframe(&mut self, now: Instant, media: u32) {
        let Some(&index) = self.by_ssrc.get(&media) else { return };
        let index = usize::from(index);
        match self.simulcasts.iter().find(|one| one.keeps_step() && one.carries(index)) {
            Some(simulcast) => simulcast.request_keyframe(now, &mut self.publications),
            None => self.publications[index].request_keyframe(now),
        }
    }

    /// Sends the retransmissions and the feedback that gathered.
    fn flush_feedback(&mut self, turn: &mut Turn<'_>, network: &mut Network) {
        for packet in std::mem::take(&mut self.resends) {
            self.send_again(turn, network, packet);
        }
        if !self.received.rtcp.is_empty() {
            let mut bytes = Vec::with_capacity(self.received.rtcp.len() + 8);
            // A compound begins with a report (RFC 3550 §6.1): not every server takes reduced-size RTCP.
            rtcp::write_receiver_report(&mut bytes, self.received.sender, &[]);
            bytes.append(&mut self.received.rtcp);
            send(self, turn, network, UpLoad::Rtcp { bytes, tag: SRTCP_OVERHEAD });
        }
        for bytes in std::mem::take(&mut self.arrivals) {
            send(self, turn, network, UpLoad::Rtcp { bytes, tag: SRTCP_OVERHEAD });
        }
    }

    fn send_again(&mut self, turn: &mut Turn<'_>, network: &mut Network, packet: Outgoing) {
        let media = Some(self.publications[usize::from(packet.publication)].media());
        turn.count(Metric::RtpRtxSent, media, turn.now, 1);
        match self.congestion {
            Some(_) => self.send_paced(turn, network, turn.now, packet),
            None => send(self, turn, network, UpLoad::Media(packet)),
        }
    }

    /// Receiver reports and transport-wide feedback, when they are due.
    pub fn handle_feedback_timeout(&mut self, turn: &mut Turn<'_>) {
        self.received.handle_timeout(turn);
        if self.next_feedback.is_some_and(|at| at <= turn.now) {
            self.next_feedback = None;
            let media = self.received.streams.first().map_or(0, |incoming| incoming.ssrc);
            loop {
                let mut bytes = Vec::with_capacity(96);
                rtcp::write_receiver_report(&mut bytes, self.received.sender, &[]);
                if !self.feedback.build(&mut bytes, self.received.sender, media) {
                    break;
                }
                // Padded at its end, so it goes last in a compound of its own.
                self.arrivals.push(bytes);
            }
        }
        if self.next_report.is_some_and(|at| at <= turn.now) {
            self.next_report = Some(turn.now + REPORT_EVERY);
            self.write_reports(turn.now);
        }
    }

    fn write_reports(&mut self, now: Instant) {
        let mut blocks = Vec::new();
        self.received.report_blocks(now, &mut blocks);
        for blocks in blocks.chunks(MAX_REPORTS) {
            rtcp::write_receiver_report(&mut self.received.rtcp, self.received.sender, blocks);
        }
    }

    /// The conditions of the network changed.
    pub fn apply(&mut self, turn: &mut Turn<'_>, conditions: &Conditions) {
        self.stirred = true;
        self.hold = if self.congestion.is_some() { Duration::ZERO } else { hold(conditions) };
        self.path.0.apply(turn.now, conditions.up.clone(), conditions.down.clone());
        self.path.0.set_outage(turn.now, conditions.up_outage, conditions.down_outage);
    }

    /// Leaves, once: BYE, goodbye to the SFU, and the end of what is received.
    pub fn leave(&mut self, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.has_left, true) {
            return;
        }
        self.stirred = true;
        self.received.finish(turn);
        self.finish_channels(turn);
        self.finish_congestion(turn);
        if self.srtp.is_some() && !turn.barrier.silent {
            let mut bytes = Vec::new();
            let mut ssrcs: Vec<u32> = self.publications.iter().map(|publication| publication.parameters.ssrc).collect();
            if ssrcs.is_empty() {
                ssrcs.push(self.received.sender);
            }
            rtcp::write_receiver_report(&mut bytes, ssrcs[0], &[]);
            for ssrcs in ssrcs.chunks(MAX_REPORTS) {
                rtcp::write_bye(&mut bytes, ssrcs);
            }
            self.emit(turn, &UpLoad::Rtcp { bytes, tag: SRTCP_OVERHEAD });
        }
        self.adapter.handle_input(turn.now, signalling::Input::Leave);
        while let Some(output) = self.adapter.poll_output() {
            if let signalling::Output::Carry(carry) = output
                && !turn.barrier.broken
            {
                turn.order(self.index, carry);
            }
        }
        if let Some(transport) = &mut self.transport {
            transport.close(turn.now);
        }
        // What is said in leaving does not wait for the emulated network: nobody measures it, and nobody is left to wait.
        while let Some(output) = self.transport.as_mut().and_then(|transport| transport.poll_output()) {
            if let Output::Datagram { to, bytes } = output
                && turn.shared.allows(to)
                && !turn.barrier.silent
                && turn.lets(to.port())
                && matches!(control_class(&bytes), super::item::Class::Dtls)
            {
                turn.sink.datagrams.push(self.index, to, &bytes);
            }
        }
    }
}
