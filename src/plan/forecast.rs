//! What a plan will offer and cost, before a single packet: packets, bits, sockets, memory, cores.
//!
//! The cost model is what runs of `scenarios/quickstart.toml` and `scenarios/thousand.toml` cost on a shared machine of
//! two cores: 16 µs of CPU a packet sent or received, links and measures included, 0.4 ms a join, 32 MiB and 110 KiB a
//! participant; the reference SFU 20 µs a packet forwarded. RTCP, retransmissions and what networks drop are not in the
//! figures; of simulcast every layer is published, and the largest is what everybody receives. Of data channels each packet
//! of SCTP counts as one, acknowledgements do not.

use super::presence::{Buckets, presence};
use super::target::AdapterPlan;
use super::{ChannelPlan, ParticipantPlan, Plan, Seat, Selection, pins};
use crate::conference::MediaKind;
use crate::media::MediaPlan;
use crate::media::source::Source;
use serde::Serialize;

/// CPU seconds a packet sent.
pub const COST_SENT: f64 = 16e-6;
/// CPU seconds a packet received.
pub const COST_RECEIVED: f64 = 16e-6;
/// CPU seconds a join.
pub const COST_JOIN: f64 = 4e-4;
/// Bytes a participant.
pub const COST_MEMORY: u64 = 110 * 1024;
/// Bytes of the generator without anybody: program, histograms, plan.
pub const COST_MEMORY_BASE: u64 = 32 << 20;
/// CPU seconds of the reference SFU a packet forwarded.
pub const COST_SFU_SENT: f64 = 20e-6;
/// CPU seconds of the reference SFU a packet received.
pub const COST_SFU_RECEIVED: f64 = 9.9e-6;
/// Files that the process has open besides sockets of participants.
const OTHER_FILES: u64 = 64;
/// Bytes of RTP header, header extensions and SRTP tag on each packet.
const PACKET_OVERHEAD: f64 = 12.0 + 16.0 + 16.0;
/// Bytes of a message that one packet of SCTP carries, and what DTLS and SCTP add.
const FRAGMENT: usize = 1_062;
const FRAGMENT_OVERHEAD: f64 = 65.0;
/// Bytes of a video frame that one packet carries.
const PACKET_ROOM: f64 = 1_120.0;

/// What a plan will offer and cost.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Forecast {
    /// Participants of the plan.
    pub participants: u64,
    /// Most of them in at once.
    pub participants_at_once: f64,
    /// Rooms.
    pub rooms: u64,
    /// Tracks published.
    pub tracks_published: u64,
    /// Tracks received, one for each that a subscriber gets with everybody in.
    pub tracks_received: u64,
    /// Data channels published, and received with everybody in.
    pub channels_published: u64,
    /// Likewise.
    pub channels_received: u64,
    /// Joins, rejoins included.
    pub joins: f64,
    /// Most joins in a second.
    pub joins_per_second: f64,
    /// Open arrivals beyond `max`.
    pub arrivals_dropped: u64,
    /// Mean over the measured window.
    pub steady: Flow,
    /// The busiest second.
    pub peak: Flow,
    /// When it is, seconds from the start of the run.
    pub peak_at: f64,
    /// UDP and TCP sockets at once.
    pub sockets: u64,
    /// Open files at once, sockets included: what the limit on open files must allow.
    pub open_files: u64,
    /// Resident memory of the generator, bytes.
    pub memory: u64,
    /// CPU cores of the generator in its busiest second.
    pub cores: f64,
    /// CPU cores of the reference SFU in its busiest second; `None` for another target.
    pub sfu_cores: Option<f64>,
}

/// Media a second: RTP, and messages of data channels in SCTP over DTLS, as UDP payloads.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Flow {
    /// Packets from publishers.
    pub packets_up: f64,
    /// Packets to subscribers.
    pub packets_down: f64,
    /// Bits from publishers.
    pub bits_up: f64,
    /// Bits to subscribers.
    pub bits_down: f64,
}

impl Flow {
    fn add(&mut self, other: Self, times: f64) {
        self.packets_up += other.packets_up * times;
        self.packets_down += other.packets_down * times;
        self.bits_up += other.bits_up * times;
        self.bits_down += other.bits_down * times;
    }
}

/// Packets and bits a second of one track.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Load {
    packets: f64,
    bits: f64,
}

impl Load {
    fn add(&mut self, other: Self, times: f64) {
        self.packets += other.packets * times;
        self.bits += other.bits * times;
    }

    /// A data channel.
    fn of_channel(channel: &ChannelPlan) -> Self {
        let packets = channel.message.div_ceil(FRAGMENT) as f64;
        let bytes = channel.message as f64 + packets * FRAGMENT_OVERHEAD;
        Self { packets: packets * channel.rate, bits: bytes * 8.0 * channel.rate }
    }

    /// What a publisher of this media sends: all layers.
    fn up(media: &MediaPlan, seat: Option<&Seat>) -> Self {
        if media.layers().is_empty() {
            return Self::of(media, seat);
        }
        let layers = (0..media.layers().len()).filter_map(|layer| media.layer(layer));
        layers
            .map(|layer| Self::of(&layer, seat))
            .fold(Self::default(), |sum, one| Self { packets: sum.packets + one.packets, bits: sum.bits + one.bits })
    }

    /// What a subscriber of this media receives at most: the largest layer.
    fn down(media: &MediaPlan, seat: Option<&Seat>) -> Self {
        media
            .layers()
            .len()
            .checked_sub(1)
            .and_then(|top| media.layer(top))
            .map_or_else(|| Self::of(media, seat), |top| Self::of(&top, seat))
    }

    /// A track of a participant with this seat, if with any.
    fn of(media: &MediaPlan, seat: Option<&Seat>) -> Self {
        let payload = media.bitrate.bps() as f64;
        let packets = match &media.source {
            Source::Audio(audio) => {
                let full = 1.0 / audio.ptime.as_secs_f64();
                let talking = audio.talk.map_or(1.0, |talk| {
                    let (on, off) = (talk.on.mean().as_secs_f64(), talk.off.mean().as_secs_f64());
                    on / (on + off)
                });
                let talking = match (audio.talk, seat) {
                    (_, None) => talking,
                    (Some(_), Some(seat)) => talking * seat.share_of_floor(),
                    (None, Some(seat)) => seat.share_of_talk(),
                };
                // In silence DTX sends one update every 400 ms (RFC 7587 §3.1.3), a few bytes each.
                let pause = if audio.dtx { 2.5 } else { full };
                let packets = full * talking + pause * (1.0 - talking);
                let bytes = payload / 8.0 / full;
                return Self { packets, bits: packets * (bytes + PACKET_OVERHEAD) * 8.0 };
            }
            Source::File(file) => file.clip().packets_a_second(),
            Source::Video(video) if video.silent => return Self::default(),
            Source::Video(video) => {
                let frame = payload / 8.0 / video.fps;
                // A frame of random size ends half a packet short of a full one on average.
                let packets = if frame < PACKET_ROOM / 2.0 { 1.0 } else { frame / PACKET_ROOM + 0.5 };
                packets.max(1.0) * video.fps
            }
        };
        Self { packets, bits: payload + packets * PACKET_OVERHEAD * 8.0 }
    }
}

/// Sums of one room, bucket by bucket.
#[derive(Debug, Default)]
struct RoomLoad {
    /// Published: sound, pictures, messages.
    published: [Vec<Load>; LANES],
    /// What one subscriber would get of it.
    served: [Vec<Load>; LANES],
    /// Subscribers, by kind.
    subscribers: [Vec<f64>; LANES],
    /// What subscribers would get from themselves.
    own: Vec<Load>,
    publishers: Vec<f64>,
    watching: Vec<f64>,
    present: Vec<f64>,
    /// Publishers who also watch: they do not play themselves.
    both: Vec<f64>,
}

impl RoomLoad {
    fn reset(&mut self, buckets: usize) {
        for load in self.published.iter_mut().chain(&mut self.served).chain([&mut self.own]) {
            load.clear();
            load.resize(buckets, Load::default());
        }
        let counts = [&mut self.publishers, &mut self.watching, &mut self.present, &mut self.both];
        for counts in self.subscribers.iter_mut().chain(counts) {
            counts.clear();
            counts.resize(buckets, 0.0);
        }
    }
}

const KINDS: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];
/// The kinds of tracks, and messages.
const LANES: usize = KINDS.len() + 1;
const MESSAGES: usize = KINDS.len();

impl Forecast {
    /// Predicts a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let buckets = Buckets::of(plan);
        let mut flows = vec![Flow::default(); buckets.count];
        let mut joins = vec![0.0; buckets.count];
        let mut transports = vec![0.0; buckets.count];
        let mut present = vec![0.0; buckets.count];
        let mut room_load = RoomLoad::default();
        let whip = matches!(plan.target.adapter, AdapterPlan::WhipWhep(_));
        for room in 0..plan.rooms.len() {
            room_load.reset(buckets.count);
            sum_room(plan, room, buckets, &mut room_load, &mut joins);
            for bucket in 0..buckets.count {
                flows[bucket].add(room_load.flow(bucket), 1.0);
                present[bucket] += room_load.present[bucket];
                transports[bucket] += if whip { room_load.whip_sessions(bucket) } else { room_load.present[bucket] };
            }
        }
        Self::from_buckets(plan, buckets, &flows, &joins, &transports, &present)
    }

    fn from_buckets(
        plan: &Plan,
        buckets: Buckets,
        flows: &[Flow],
        joins: &[f64],
        transports: &[f64],
        present: &[f64],
    ) -> Self {
        let cost = |i: usize| {
            let flow = flows[i];
            flow.packets_up * COST_SENT + flow.packets_down * COST_RECEIVED + joins[i] / buckets.width * COST_JOIN
        };
        let sfu = |i: usize| flows[i].packets_down * COST_SFU_SENT + flows[i].packets_up * COST_SFU_RECEIVED;
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let busiest = (0..buckets.count).max_by(|&a, &b| {
            let packets = |i: usize| flows[i].packets_up + flows[i].packets_down;
            packets(a).total_cmp(&packets(b)).then(b.cmp(&a))
        });
        let busiest = busiest.unwrap_or(0);
        let sockets = 2 * most(&mut transports.iter().copied()).ceil() as u64;
        let reference = matches!(plan.target.adapter, AdapterPlan::Reference(_));
        let (published, received) = tracks(plan);
        let (channels_published, channels_received) = channels(plan);
        Self {
            participants: plan.participants.len() as u64,
            participants_at_once: most(&mut present.iter().copied()),
            rooms: plan.rooms.len() as u64,
            tracks_published: published,
            tracks_received: received,
            channels_published,
            channels_received,
            joins: joins.iter().sum(),
            joins_per_second: most(&mut joins.iter().map(|joins| joins / buckets.width)),
            arrivals_dropped: plan.arrivals_dropped,
            steady: steady(plan, buckets, flows),
            peak: flows[busiest],
            peak_at: busiest as f64 * buckets.width,
            sockets,
            open_files: sockets + OTHER_FILES,
            memory: COST_MEMORY_BASE + plan.participants.len() as u64 * COST_MEMORY,
            cores: most(&mut (0..buckets.count).map(cost)),
            sfu_cores: reference.then(|| most(&mut (0..buckets.count).map(sfu))),
        }
    }
}

impl RoomLoad {
    fn flow(&self, bucket: usize) -> Flow {
        let mut flow = Flow::default();
        for kind in 0..LANES {
            let (load, subscribers) = (self.published[kind][bucket], self.subscribers[kind][bucket]);
            let served = self.served[kind][bucket];
            flow.packets_up += load.packets;
            flow.bits_up += load.bits;
            flow.packets_down += served.packets * subscribers;
            flow.bits_down += served.bits * subscribers;
        }
        flow.packets_down = (flow.packets_down - self.own[bucket].packets).max(0.0);
        flow.bits_down = (flow.bits_down - self.own[bucket].bits).max(0.0);
        flow
    }

    /// WHIP: a session for who publishes, and a WHEP session for each publisher that somebody plays.
    fn whip_sessions(&self, bucket: usize) -> f64 {
        self.publishers[bucket] + (self.publishers[bucket] * self.watching[bucket] - self.both[bucket]).max(0.0)
    }
}

fn sum_room(plan: &Plan, room: usize, buckets: Buckets, sum: &mut RoomLoad, joins: &mut [f64]) {
    let mut shares = Vec::new();
    for &index in &plan.rooms[room].participants {
        let participant = &plan.participants[index as usize];
        presence(plan, participant, buckets, &mut shares, joins);
        let [audio, video] = KINDS.map(|kind| watched(plan, participant, kind));
        let watches = [audio, video, heard(plan, participant)];
        let publishes = !participant.publish.is_empty();
        let (mut own, mut served) = ([Load::default(); LANES], [Load::default(); LANES]);
        for &channel in &participant.channels {
            let load = Load::of_channel(&plan.channels[usize::from(channel)]);
            own[MESSAGES].add(load, 1.0);
            served[MESSAGES].add(load, 1.0);
        }
        for &media in &participant.publish {
            let kind = usize::from(plan.media[usize::from(media)].kind() == MediaKind::Video);
            let (plan, seat) = (&plan.media[usize::from(media)], participant.seat.as_ref());
            own[kind].add(Load::up(plan, seat), 1.0);
            served[kind].add(Load::down(plan, seat), 1.0);
        }
        for (bucket, &share) in shares.iter().enumerate() {
            let watching = if watches[..MESSAGES].iter().any(|part| *part > 0.0) { share } else { 0.0 };
            sum.present[bucket] += share;
            sum.watching[bucket] += watching;
            if publishes {
                sum.publishers[bucket] += share;
                sum.both[bucket] += share * watching;
            }
            for kind in 0..LANES {
                sum.published[kind][bucket].add(own[kind], share);
                sum.served[kind][bucket].add(served[kind], share);
                let watching = watches[kind] * share;
                if watching > 0.0 {
                    sum.subscribers[kind][bucket] += watching;
                    sum.own[bucket].add(served[kind], share * watching);
                }
            }
        }
    }
}

/// The part of the others' tracks of a kind that a participant receives at once.
fn watched(plan: &Plan, one: &ParticipantPlan, kind: MediaKind) -> f64 {
    match one.subscribe.of(kind) {
        Selection::All => 1.0,
        Selection::None => 0.0,
        selection => {
            let others = pins::others(plan, one, kind).count() as u32;
            f64::from(selection.people(others, pins::pinned(plan, one, kind))) / f64::from(others.max(1))
        }
    }
}

/// The part of the others' messages that a participant receives.
fn heard(plan: &Plan, one: &ParticipantPlan) -> f64 {
    if plan.channels.is_empty() {
        return 0.0;
    }
    let room = &plan.rooms[one.room as usize];
    let others = room.participants.iter().filter(|index| **index != one.index);
    let others = others.map(|index| &plan.participants[*index as usize]).filter(|other| !other.channels.is_empty());
    let (mut all, mut taken) = (0, 0);
    for other in others {
        all += 1;
        taken += u32::from(one.subscribe.takes_messages_of(&other.name));
    }
    if all == 0 { 0.0 } else { f64::from(taken) / f64::from(all) }
}

/// Data channels published, and received with everybody in.
fn channels(plan: &Plan) -> (u64, u64) {
    let (mut published, mut received) = (0, 0);
    for room in &plan.rooms {
        let people = || room.participants.iter().map(|index| &plan.participants[*index as usize]);
        let all: u64 = people().map(|one| one.channels.len() as u64).sum();
        published += all;
        let of = |one: &ParticipantPlan| ((all - one.channels.len() as u64) as f64 * heard(plan, one)).round() as u64;
        received += if all == 0 { 0 } else { people().map(of).sum() };
    }
    (published, received)
}

/// Mean over the measured window.
fn steady(plan: &Plan, buckets: Buckets, flows: &[Flow]) -> Flow {
    let (from, until) = (plan.run.steady_from().as_secs_f64(), plan.run.steady_until().as_secs_f64());
    let mut mean = Flow::default();
    for (bucket, flow) in flows.iter().enumerate() {
        let start = bucket as f64 * buckets.width;
        let overlap = (until.min(start + buckets.width) - from.max(start)).max(0.0);
        mean.add(*flow, overlap / (until - from).max(1e-9));
    }
    mean
}

/// Tracks published, and tracks received with everybody in.
fn tracks(plan: &Plan) -> (u64, u64) {
    let (mut published, mut received) = (0, 0);
    for room in &plan.rooms {
        let people = || room.participants.iter().map(|index| &plan.participants[*index as usize]);
        for kind in KINDS {
            let own = |p: &super::ParticipantPlan| {
                p.publish.iter().filter(|media| plan.media[usize::from(**media)].kind() == kind).count() as u64
            };
            let all: u64 = people().map(own).sum();
            published += all;
            received += people().map(|p| ((all - own(p)) as f64 * watched(plan, p, kind)).round() as u64).sum::<u64>();
        }
    }
    (published, received)
}
