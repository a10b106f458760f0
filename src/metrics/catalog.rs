//! The catalog: every metric once, with its name, kind, unit and meaning.
//!
//! Everything that names a metric reads it here: the recorder, the thresholds, the report's footnotes, `throng metrics`.
//! Names are stable. W3C webrtc-stats identifiers are given where the definition is the same.

use std::fmt;

/// How a metric is recorded, and so which aggregates it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Single values in a histogram: quantiles, min, max, mean, med, count.
    Trend,
    /// A number that only grows: count, rate.
    Counter,
    /// A numerator and a denominator, pooled: value, and quantiles over participants.
    Ratio,
    /// A level sampled over time: min, max, mean, last.
    Gauge,
}

impl Kind {
    /// The name that files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trend => "trend",
            Self::Counter => "counter",
            Self::Ratio => "ratio",
            Self::Gauge => "gauge",
        }
    }
}

/// What a metric's values are measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Pieces.
    Count,
    /// Bytes.
    Bytes,
    /// A share of a whole, 0..=1; CPU in cores may exceed 1.
    Share,
    /// Per second.
    PerSecond,
    /// An opinion score, 1..=5.
    Score,
    /// Bits per second.
    BitsPerSecond,
}

impl Unit {
    /// The name that files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Count => "1",
            Self::Bytes => "B",
            Self::Share => "ratio",
            Self::PerSecond => "1/s",
            Self::Score => "score",
            Self::BitsPerSecond => "bit/s",
        }
    }

    /// What 1 in a histogram stands for: histograms hold whole numbers (microseconds, thousandths).
    #[must_use]
    pub const fn scale(self) -> f64 {
        match self {
            Self::Seconds | Self::Share => 1e-6,
            Self::PerSecond | Self::Score => 1e-3,
            Self::Count | Self::Bytes | Self::BitsPerSecond => 1.0,
        }
    }
}

/// One line of the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// The metric.
    pub metric: Metric,
    /// Its stable, dotted name.
    pub name: &'static str,
    /// How it is recorded.
    pub kind: Kind,
    /// What its values are measured in.
    pub unit: Unit,
    /// What it means, in a sentence or two.
    pub meaning: &'static str,
    /// W3C webrtc-stats identifier with the same definition.
    pub w3c: Option<&'static str>,
}

/// A metric.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the catalog below says what each one means")]
pub enum Metric {
    JoinDispatch,
    JoinSignal,
    JoinIce,
    JoinDtls,
    JoinFirstRtp,
    JoinFirstKeyframe,
    JoinFirstFrame,
    JoinTotal,
    JoinSuccess,
    ArrivalsDropped,
    SessionsLost,
    SessionReconnects,
    SessionReconnect,
    FaultRecovery,
    FaultUnrecovered,
    RtpPacketsSent,
    RtpBytesSent,
    RtpPacketsReceived,
    RtpBytesReceived,
    RtpLossNet,
    RtpLossResidual,
    RtpLossLate,
    RtpJitter,
    RtpInterarrival,
    RtpReorder,
    RtpDup,
    RtpNackSent,
    RtpRtxReceived,
    RtpRtxSent,
    RtpProbeSent,
    RtpPliSent,
    RtpFirSent,
    RtpRtt,
    RtpRttStun,
    AudioConcealedRatio,
    AudioRecovered,
    AudioMosEst,
    AudioTtfa,
    AudioSubscribeWait,
    VideoFramesPublished,
    VideoLayersRefused,
    VideoFramesReceived,
    VideoFramesDecodable,
    VideoFramesUndecodable,
    VideoKeyframes,
    VideoFps,
    VideoHfps,
    VideoFreezeCount,
    VideoFreezeTime,
    VideoFreezeRatio,
    VideoPauseCount,
    VideoIfd,
    VideoAssembly,
    VideoTtff,
    VideoSubscribeWait,
    VideoKeyframeWait,
    VideoKeyframesMissed,
    VideoLayerSwitch,
    VideoLayerDistance,
    VideoResolutionTime,
    VideoBlack,
    BweEstimate,
    BweTarget,
    BweCapacity,
    BweUtil,
    BweOvershoot,
    BweConvergence,
    BweFairness,
    DataMessagesSent,
    DataBytesSent,
    DataMessagesDropped,
    DataMessagesReceived,
    DataBytesReceived,
    DataMessagesDuplicate,
    DataDelivery,
    DataLatency,
    DelayTransport,
    DelayFrame,
    DelayE2e,
    SyncAvSkew,
    SfuForwardDelay,
    SfuCpu,
    SfuRss,
    IntegrityMisroute,
    IntegrityTornFrames,
    IntegrityStampCrc,
    IntegrityPayloadCrc,
    IntegrityTsBackwards,
    IntegrityPidGap,
    IntegrityTl0Gap,
    IntegrityLayerStart,
    IntegritySeqJump,
    IntegritySsrcDup,
    IntegrityAuth,
    IntegrityRed,
    IntegrityDescriptor,
    IntegrityMessageOrder,
    NetEmuLoss,
    NetEmuQueue,
    NetEmuLateness,
    HarnessSendLateness,
    HarnessArrivalLateness,
    HarnessCpu,
    HarnessProcessCpu,
    HarnessRss,
    HarnessRxDrops,
    HarnessLoopLag,
    HarnessStall,
    HarnessOpened,
    HarnessHandshakeDeferred,
}

impl Metric {
    /// How many there are.
    pub const COUNT: usize = CATALOG.len();

    /// Every metric, in the catalog's order.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOG.iter().map(|spec| spec.metric)
    }

    /// Its line of the catalog.
    #[must_use]
    pub const fn spec(self) -> &'static Spec {
        &CATALOG[self as usize]
    }

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// Whether it is one of data channels, of which participants' own totals are not kept.
    #[must_use]
    pub fn is_of_messages(self) -> bool {
        self.name().starts_with("data.") || self == Self::IntegrityMessageOrder
    }

    /// The metric called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        CATALOG.iter().find(|spec| spec.name == name).map(|spec| spec.metric)
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The catalog, in the order of [`Metric`].
#[rustfmt::skip]
pub const CATALOG: &[Spec] = &[
    spec(Metric::JoinDispatch, "join.dispatch", Kind::Trend, Unit::Seconds, "From the intended arrival until the driver began to join: the generator's own lateness.", None),
    spec(Metric::JoinSignal, "join.signal", Kind::Trend, Unit::Seconds, "From there until the SFU accepted the participant: connection set-up, the join request and its answer.", None),
    spec(Metric::JoinIce, "join.ice", Kind::Trend, Unit::Seconds, "From there until ICE connected. Our ICE agent paces its checks at 50 ms.", None),
    spec(Metric::JoinDtls, "join.dtls", Kind::Trend, Unit::Seconds, "From there until the SRTP keys were there. Our DTLS stack's first retransmission comes after 1 s.", None),
    spec(Metric::JoinFirstRtp, "join.first_rtp", Kind::Trend, Unit::Seconds, "From there until the first RTP packet of something subscribed.", None),
    spec(Metric::JoinFirstKeyframe, "join.first_keyframe", Kind::Trend, Unit::Seconds, "From there until the first packet of a keyframe (audio: no time passes).", None),
    spec(Metric::JoinFirstFrame, "join.first_frame", Kind::Trend, Unit::Seconds, "From there until the first decodable frame.", None),
    spec(Metric::JoinTotal, "join.total", Kind::Trend, Unit::Seconds, "From the intended arrival until the first decodable frame of something published and subscribed; for who has nothing to receive, until the SRTP keys. Failed joins are censored at the time they had waited.", None),
    spec(Metric::JoinSuccess, "join.success", Kind::Ratio, Unit::Share, "Share of intended joins that succeeded.", None),
    spec(Metric::ArrivalsDropped, "arrivals.dropped", Kind::Counter, Unit::Count, "Open arrivals beyond a population's `max`, never begun.", None),
    spec(Metric::SessionsLost, "session.lost", Kind::Counter, Unit::Count, "Sessions that ended unasked after joining.", None),
    spec(Metric::SessionReconnects, "session.reconnects", Kind::Counter, Unit::Count, "Attempts to come back into the room after a session was lost, as the population's `reconnect` says. Those that fail and are followed by another are no joins of their own.", None),
    spec(Metric::SessionReconnect, "session.reconnect", Kind::Trend, Unit::Seconds, "From the loss of a session until the participant was in again, pauses and failed attempts included. Who gave up, or was still out at the end, is censored at the time it had waited.", None),
    spec(Metric::FaultRecovery, "fault.recovery", Kind::Trend, Unit::Seconds, "From the end of a fault (an instant: from the fault itself) until a participant whom it selected, and who was in the room, had again what it had before: a decodable frame or a packet of sound of every track it received, and an acknowledgement of what it published, all sent after that end. 0 for whom nothing stood still then; who never had it back is censored.", None),
    spec(Metric::FaultUnrecovered, "fault.unrecovered", Kind::Counter, Unit::Count, "Participants who did not have again what a fault took before the run, or their own stay, was over.", None),
    spec(Metric::RtpPacketsSent, "rtp.packets_sent", Kind::Counter, Unit::Count, "RTP packets that publishers handed to their uplink, retransmissions apart.", Some("packetsSent")),
    spec(Metric::RtpBytesSent, "rtp.bytes_sent", Kind::Counter, Unit::Bytes, "Bytes of those packets as UDP payload.", None),
    spec(Metric::RtpPacketsReceived, "rtp.packets_received", Kind::Counter, Unit::Count, "RTP packets received, duplicates and retransmissions apart.", Some("packetsReceived")),
    spec(Metric::RtpBytesReceived, "rtp.bytes_received", Kind::Counter, Unit::Bytes, "Bytes of those packets as UDP payload.", None),
    spec(Metric::RtpLossNet, "rtp.loss_net", Kind::Ratio, Unit::Share, "Share of expected packets that did not arrive by themselves, before any repair.", None),
    spec(Metric::RtpLossResidual, "rtp.loss_residual", Kind::Ratio, Unit::Share, "Share of expected packets still missing at the frame's deadline, after retransmissions.", None),
    spec(Metric::RtpLossLate, "rtp.loss_late", Kind::Ratio, Unit::Share, "Share of expected packets that came only after the frame's deadline.", None),
    spec(Metric::RtpJitter, "rtp.jitter", Kind::Trend, Unit::Seconds, "Interarrival jitter of RFC 3550 §6.4.1, from the first packet of each frame, sampled once a second a stream.", Some("jitter")),
    spec(Metric::RtpInterarrival, "rtp.interarrival", Kind::Trend, Unit::Seconds, "|D| of RFC 3550 §6.4.1 of each frame's first packet, before smoothing.", None),
    spec(Metric::RtpReorder, "rtp.reorder", Kind::Ratio, Unit::Share, "Share of received packets that came after a later one.", None),
    spec(Metric::RtpDup, "rtp.dup", Kind::Counter, Unit::Count, "Packets received more than once, late retransmissions among them.", None),
    spec(Metric::RtpNackSent, "rtp.nack_sent", Kind::Counter, Unit::Count, "Packets asked for again by receivers, each counted once.", Some("nackCount")),
    spec(Metric::RtpRtxReceived, "rtp.rtx_rcvd", Kind::Counter, Unit::Count, "Retransmissions received.", Some("retransmittedPacketsReceived")),
    spec(Metric::RtpRtxSent, "rtp.rtx_sent", Kind::Counter, Unit::Count, "Retransmissions that publishers sent.", Some("retransmittedPacketsSent")),
    spec(Metric::RtpProbeSent, "rtp.probe_sent", Kind::Counter, Unit::Count, "Packets of padding that publishers under congestion control sent to probe their uplink, in the stream of retransmissions and counted neither as media nor as those.", None),
    spec(Metric::RtpPliSent, "rtp.pli_sent", Kind::Counter, Unit::Count, "Picture loss indications sent by receivers.", Some("pliCount")),
    spec(Metric::RtpFirSent, "rtp.fir_sent", Kind::Counter, Unit::Count, "Full intra requests sent by receivers.", Some("firCount")),
    spec(Metric::RtpRtt, "rtp.rtt", Kind::Trend, Unit::Seconds, "Round trip from sender and receiver reports (A − LSR − DLSR), at publishers.", Some("roundTripTime")),
    spec(Metric::RtpRttStun, "rtp.rtt_stun", Kind::Trend, Unit::Seconds, "Round trip of STUN binding requests, at everyone.", Some("currentRoundTripTime")),
    spec(Metric::AudioConcealedRatio, "audio.concealed_ratio", Kind::Ratio, Unit::Share, "Share of published sound that was not there when it was due to be played.", None),
    spec(Metric::AudioRecovered, "audio.recovered", Kind::Counter, Unit::Count, "Lost packets of sound that came back out of a later one, by in-band FEC or RED, before they were given up: not concealed.", None),
    spec(Metric::AudioMosEst, "audio.mos_est", Kind::Trend, Unit::Score, "Mouth-to-ear quality by the E-model (ITU-T G.107, narrow-band scale, Ie 0, Bpl 10): an uncalibrated estimate, one a stream and 10 s.", None),
    spec(Metric::AudioTtfa, "audio.ttfa", Kind::Trend, Unit::Seconds, "From the intended arrival until the first audio packet.", None),
    spec(Metric::AudioSubscribeWait, "audio.subscribe_wait", Kind::Trend, Unit::Seconds, "From a request to receive a track of sound until its first packet. What was given up, or over, before that is censored; muted tracks are left out.", None),
    spec(Metric::VideoFramesPublished, "video.frames_published", Kind::Counter, Unit::Count, "Frames that publishers encoded.", Some("framesEncoded")),
    spec(Metric::VideoLayersRefused, "video.layers_refused", Kind::Counter, Unit::Count, "Simulcast layers that publishers offered and the server did not accept: the picture is sent without them.", None),
    spec(Metric::VideoFramesReceived, "video.frames_received", Kind::Counter, Unit::Count, "Frames received complete.", Some("framesReceived")),
    spec(Metric::VideoFramesDecodable, "video.frames_decodable", Kind::Counter, Unit::Count, "Complete frames whose references were decodable too. There is no decoder: decodable stands for decoded.", Some("framesDecoded")),
    spec(Metric::VideoFramesUndecodable, "video.frames_undecodable", Kind::Counter, Unit::Count, "Frames that never became decodable.", Some("framesDropped")),
    spec(Metric::VideoKeyframes, "video.keyframes", Kind::Counter, Unit::Count, "Decodable keyframes.", Some("keyFramesDecoded")),
    spec(Metric::VideoFps, "video.fps", Kind::Trend, Unit::PerSecond, "Decodable frames per second, one sample a stream and second.", Some("framesPerSecond")),
    spec(Metric::VideoHfps, "video.hfps", Kind::Trend, Unit::PerSecond, "Harmonic frame rate Σd/Σd² over the gaps d between decodable frames, one sample a stream and session: gaps weigh by their length.", None),
    spec(Metric::VideoFreezeCount, "video.freeze_count", Kind::Counter, Unit::Count, "Freezes by the W3C rule: a gap ≥ max(3·mean, mean + 150 ms) over the last 30 gaps. An open freeze at the end counts.", Some("freezeCount")),
    spec(Metric::VideoFreezeTime, "video.freeze_time", Kind::Trend, Unit::Seconds, "Length of each freeze, the whole gap.", Some("totalFreezesDuration")),
    spec(Metric::VideoFreezeRatio, "video.freeze_ratio", Kind::Ratio, Unit::Share, "Frozen time over watched time.", None),
    spec(Metric::VideoPauseCount, "video.pause_count", Kind::Counter, Unit::Count, "Gaps of more than 5 s that nobody announced.", Some("pauseCount")),
    spec(Metric::VideoIfd, "video.ifd", Kind::Trend, Unit::Seconds, "Gap between decodable frames.", Some("totalInterFrameDelay")),
    spec(Metric::VideoAssembly, "video.assembly", Kind::Trend, Unit::Seconds, "From the first to the last packet of a frame of several packets.", Some("totalAssemblyTime")),
    spec(Metric::VideoTtff, "video.ttff", Kind::Trend, Unit::Seconds, "From the intended arrival until the first decodable video frame.", None),
    spec(Metric::VideoSubscribeWait, "video.subscribe_wait", Kind::Trend, Unit::Seconds, "From a request to receive a video track until its first decodable frame: a tile that is opened, a page that is flipped. What was given up, or over, before that is censored; muted tracks are left out.", None),
    spec(Metric::VideoKeyframeWait, "video.keyframe_wait", Kind::Trend, Unit::Seconds, "From the first picture loss indication until the keyframe that answered it.", None),
    spec(Metric::VideoKeyframesMissed, "video.keyframes_missed", Kind::Counter, Unit::Count, "Times that a receiver asked for a keyframe and none came before the stream ended, a second later or more.", None),
    spec(Metric::VideoLayerSwitch, "video.layer_switch", Kind::Counter, Unit::Count, "Changes of the simulcast layer that a receiver gets, told by the publisher's stamp.", None),
    spec(Metric::VideoLayerDistance, "video.layer_distance", Kind::Trend, Unit::Count, "How many layers below the highest that its publisher has a receiver gets, one sample a stream and second; 0 is the highest. Only of media in layers.", None),
    spec(Metric::VideoResolutionTime, "video.resolution_time", Kind::Ratio, Unit::Share, "Share of the watched time of media in layers that was watched in the highest one.", None),
    spec(Metric::VideoBlack, "video.black", Kind::Counter, Unit::Count, "Video streams that were subscribed to and published, and had no decodable frame within the deadline.", None),
    spec(Metric::BweEstimate, "bwe.estimate", Kind::Trend, Unit::BitsPerSecond, "What a publisher under congestion control estimates its uplink to carry, datagrams' headers included, one sample a second.", None),
    spec(Metric::BweTarget, "bwe.target", Kind::Trend, Unit::BitsPerSecond, "What the encoders that follow that estimate aim at together, headers not counted, one sample a second.", None),
    spec(Metric::BweCapacity, "bwe.capacity", Kind::Trend, Unit::BitsPerSecond, "What that uplink carries, as it is emulated, one sample a second; none where it has no steady rate.", None),
    spec(Metric::BweUtil, "bwe.util", Kind::Trend, Unit::Share, "What that publisher sent in a second, headers included, over what its uplink carries or, where that is less, the publisher would send at most (RFC 8868).", None),
    spec(Metric::BweOvershoot, "bwe.overshoot", Kind::Trend, Unit::Share, "How far beyond that it sent, as a share of it; 0 in a second that stayed within.", None),
    spec(Metric::BweConvergence, "bwe.convergence", Kind::Trend, Unit::Seconds, "From a step of the uplink's rate, or the first packet, until bwe.util stayed within 80 % and 105 % for 5 s (RFC 8868). What had not converged when the next step, or the end, came is censored.", None),
    spec(Metric::BweFairness, "bwe.fairness", Kind::Trend, Unit::Share, "Jain's index over what the publishers under congestion control of a link group carried over their shared uplink in a second, headers included: 1 where all get the same, 1/n where one of n gets everything. One sample a second for each group in which at least two sent; its label is the network.", None),
    spec(Metric::DataMessagesSent, "data.messages_sent", Kind::Counter, Unit::Count, "Messages that publishers of data channels were due to send.", Some("messagesSent")),
    spec(Metric::DataBytesSent, "data.bytes_sent", Kind::Counter, Unit::Bytes, "Bytes of those messages.", Some("bytesSent")),
    spec(Metric::DataMessagesDropped, "data.messages_dropped", Kind::Counter, Unit::Count, "Messages among those that the sender's own buffer of 1 MiB had no room for: they are missed by everybody who receives the others.", None),
    spec(Metric::DataMessagesReceived, "data.messages_received", Kind::Counter, Unit::Count, "Messages received, duplicates apart.", Some("messagesReceived")),
    spec(Metric::DataBytesReceived, "data.bytes_received", Kind::Counter, Unit::Bytes, "Bytes of those messages.", Some("bytesReceived")),
    spec(Metric::DataMessagesDuplicate, "data.messages_duplicate", Kind::Counter, Unit::Count, "Messages received again, or 30 s late and given up by then.", None),
    spec(Metric::DataDelivery, "data.delivery", Kind::Ratio, Unit::Share, "Share of a data channel's messages that came, from the first that a receiver got on. Lost is what did not come within 30 s, or was due 5 s before the channel ended and had not come.", None),
    spec(Metric::DataLatency, "data.latency", Kind::Trend, Unit::Seconds, "From when a message was due at its publisher until it came whole at a receiver, waiting for those before it included where the channel is ordered.", None),
    spec(Metric::DelayTransport, "delay.transport", Kind::Trend, Unit::Seconds, "From the first packet of a frame leaving the publisher's network until the last one arrived.", None),
    spec(Metric::DelayFrame, "delay.frame", Kind::Trend, Unit::Seconds, "From when a frame was due at the publisher until it was decodable at the subscriber (audio: received).", None),
    spec(Metric::DelayE2e, "delay.e2e", Kind::Trend, Unit::Seconds, "From when a frame was due until it would be shown by an adaptive playout: p95 of the last 10 s of frame delay, order kept.", None),
    spec(Metric::SyncAvSkew, "sync.av_skew", Kind::Trend, Unit::Seconds, "How far the picture and the sound of one publisher lie apart at a receiver: the difference of their newest frames' ways here, each from its capture time as the last sender report gives it (RFC 3550 §6.4.1), in either direction; one sample a sender report of the picture. Not available without sound, or without reports of both.", None),
    spec(Metric::SfuForwardDelay, "sfu.forward_delay", Kind::Trend, Unit::Seconds, "From the first packet of a frame leaving the publisher's emulated network until it reached the subscriber's: what the SFU and the host add.", None),
    spec(Metric::SfuCpu, "sfu.cpu", Kind::Gauge, Unit::Share, "CPU of the SFU's process, in cores, once an interval.", None),
    spec(Metric::SfuRss, "sfu.rss", Kind::Gauge, Unit::Bytes, "Resident memory of the SFU's process, once an interval.", None),
    spec(Metric::IntegrityMisroute, "integrity.misroute", Kind::Counter, Unit::Count, "Frames that carry another room's or another track's stamp.", None),
    spec(Metric::IntegrityTornFrames, "integrity.torn_frames", Kind::Counter, Unit::Count, "Frames whose packets contradict each other: two lengths, or a marker in the middle.", None),
    spec(Metric::IntegrityStampCrc, "integrity.stamp_crc", Kind::Counter, Unit::Count, "Stamps with a wrong checksum.", None),
    spec(Metric::IntegrityPayloadCrc, "integrity.payload_crc", Kind::Counter, Unit::Count, "Frames opened whole whose payload has a wrong checksum.", None),
    spec(Metric::IntegrityTsBackwards, "integrity.ts_backwards", Kind::Counter, Unit::Count, "Packets whose sequence number rises and whose RTP time falls.", None),
    spec(Metric::IntegrityPidGap, "integrity.pid_gap", Kind::Counter, Unit::Count, "Picture ids that do not follow one another although no packet is missing.", None),
    spec(Metric::IntegrityTl0Gap, "integrity.tl0_gap", Kind::Counter, Unit::Count, "TL0PICIDX that does not follow although no packet is missing: base frames count it up by one, upper ones have that of their base.", None),
    spec(Metric::IntegrityLayerStart, "integrity.layer_start", Kind::Counter, Unit::Count, "Changes of the simulcast layer with a frame that is no keyframe: what it refers to was never sent.", None),
    spec(Metric::IntegritySeqJump, "integrity.seq_jump", Kind::Counter, Unit::Count, "Times that the sequence numbers of a stream began anew somewhere else.", None),
    spec(Metric::IntegritySsrcDup, "integrity.ssrc_dup", Kind::Counter, Unit::Count, "SSRCs announced for two streams at once.", None),
    spec(Metric::IntegrityAuth, "integrity.auth", Kind::Counter, Unit::Count, "SRTP and SRTCP packets that failed authentication.", None),
    spec(Metric::IntegrityRed, "integrity.red", Kind::Counter, Unit::Count, "Payloads of redundant audio (RED) whose blocks do not fit into them: nothing of them is heard.", None),
    spec(Metric::IntegrityDescriptor, "integrity.descriptor", Kind::Counter, Unit::Count, "Dependency descriptors that are malformed, of the packets that were opened: their frames are judged by what else they say.", None),
    spec(Metric::IntegrityMessageOrder, "integrity.message_order", Kind::Counter, Unit::Count, "Messages of an ordered data channel that came after a later one, or again.", None),
    spec(Metric::NetEmuLoss, "net.emu_loss", Kind::Ratio, Unit::Share, "Share of packets offered to the emulated links that these lost or overflowed.", None),
    spec(Metric::NetEmuQueue, "net.emu_queue", Kind::Trend, Unit::Seconds, "Time that a packet waited in an emulated bottleneck's queue.", None),
    spec(Metric::NetEmuLateness, "net.emu_lateness", Kind::Trend, Unit::Seconds, "How late after its logical delivery time a delayed packet was handed on.", None),
    spec(Metric::HarnessSendLateness, "harness.send_lateness", Kind::Trend, Unit::Seconds, "How late a frame was sent: after it was due, or, behind an emulated uplink, after that could first have let it out (20 ms at most).", None),
    spec(Metric::HarnessArrivalLateness, "harness.arrival_lateness", Kind::Trend, Unit::Seconds, "How late after its intended arrival a participant was dispatched.", None),
    spec(Metric::HarnessCpu, "harness.cpu", Kind::Gauge, Unit::Share, "Busy share of the busiest media worker, once a second.", None),
    spec(Metric::HarnessProcessCpu, "harness.process_cpu", Kind::Gauge, Unit::Share, "CPU of throng's own process, in cores, once a second.", None),
    spec(Metric::HarnessRss, "harness.rss", Kind::Gauge, Unit::Bytes, "Resident memory of throng's own process, once a second.", None),
    spec(Metric::HarnessRxDrops, "harness.rx_drops", Kind::Counter, Unit::Count, "Datagrams that the kernel dropped at our own sockets.", None),
    spec(Metric::HarnessLoopLag, "harness.loop_lag", Kind::Trend, Unit::Seconds, "How late after its 1 ms tick a worker woke.", None),
    spec(Metric::HarnessStall, "harness.stall", Kind::Trend, Unit::Seconds, "Stalls of the whole machine, seen by a thread that does nothing but sleep.", None),
    spec(Metric::HarnessOpened, "harness.opened", Kind::Ratio, Unit::Share, "Share of received media packets that were decrypted and authenticated.", None),
    spec(Metric::HarnessHandshakeDeferred, "harness.handshake_deferred", Kind::Counter, Unit::Count, "Joins put off to a later tick because a tick's budget of handshakes was spent.", None),
];

const fn spec(
    metric: Metric,
    name: &'static str,
    kind: Kind,
    unit: Unit,
    meaning: &'static str,
    w3c: Option<&'static str>,
) -> Spec {
    Spec { metric, name, kind, unit, meaning, w3c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_stands_in_the_order_of_the_enum_and_names_each_metric_once() {
        for (index, spec) in CATALOG.iter().enumerate() {
            assert_eq!(spec.metric as usize, index, "{}", spec.name);
            assert_eq!(Metric::from_name(spec.name), Some(spec.metric));
        }
    }
}
