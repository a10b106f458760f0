//! How much may wait for the serialiser, and who is dropped or marked.

use std::time::Duration;

/// How much may wait for the serialiser, under every policy. The packet that is being sent does not wait, and an empty queue
/// takes one packet of any size, so that no limit can starve a class of packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueLimit {
    /// No limit.
    Unlimited,
    /// Bytes, overhead included.
    Bytes(u64),
    /// This time at the current rate, in bytes: computed anew at each change of the rate; what waits stays.
    Time(Duration),
    /// Packets of any size.
    Packets(u64),
}

/// Who is dropped when more would wait than [`QueueLimit`] allows, and what is dropped or marked before. All drops count
/// as overflowed. Where a policy has `ecn`, a packet that says it can take a mark
/// ([`Packet::ecn_capable`](crate::Packet::ecn_capable)) is marked instead of dropped, except by the limit.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum QueuePolicy {
    /// The packet that comes.
    #[default]
    DropTail,
    /// The packets that have waited longest, until the one that comes has room.
    DropHead,
    /// Controlled delay, RFC 8289: drops what leaves the queue, ever faster, while packets have waited too long.
    CoDel(CoDel),
    /// Fair queueing by [`Packet::flow`](crate::Packet::flow) with CoDel in each flow, RFC 8290.
    FqCoDel(FqCoDel),
    /// Proportional integral controller enhanced, RFC 8033: drops what enters the queue with a controlled probability.
    Pie(Pie),
    /// Random early detection (Floyd and Jacobson 1993): drops what enters the queue by its average length.
    Red(Red),
}

/// CoDel's parameters; the defaults are RFC 8289's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoDel {
    /// How long packets may wait (5 ms).
    pub target: Duration,
    /// For how long they must have waited longer before one is dropped (100 ms).
    pub interval: Duration,
    /// Marks instead of dropping.
    pub ecn: bool,
}

/// FQ-CoDel's parameters; the defaults are RFC 8290's, but for its limit of 10,240 packets, which is
/// [`QueueLimit::Packets`] here. What goes beyond the limit is dropped from the head of the flow with most bytes: half
/// of it, at most 64 packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FqCoDel {
    /// What holds within each flow. RFC 8290 marks by default.
    pub codel: CoDel,
    /// Bytes that a flow may send before the next one's turn (1,514).
    pub quantum: u32,
    /// Into how many queues flows are hashed (1,024); those that meet share one.
    pub flows: u32,
}

/// PIE's parameters; the defaults are RFC 8033's. The delay is that of the packet in front, and drops are derandomised
/// (section 5.4) with the step of the probability capped (section 5.5).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pie {
    /// How long packets shall wait (15 ms).
    pub target: Duration,
    /// Between two looks at the delay (15 ms).
    pub update: Duration,
    /// Weight of the delay's distance from the target, a second (1/8).
    pub alpha: f64,
    /// Weight of the delay's change since the last look, a second (1 1/4).
    pub beta: f64,
    /// For how long a burst after silence passes untouched (150 ms).
    pub burst: Duration,
    /// Marks instead of dropping while the probability is at most a tenth.
    pub ecn: bool,
}

/// RED's parameters.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Red {
    /// Average bytes below which nothing is dropped.
    pub min: u64,
    /// Average bytes from which everything is dropped, marks or not; more than `min`.
    pub max: u64,
    /// Probability of a drop just below `max`, 0..=1 (Floyd and Jacobson use 1/50), before the drops are spread evenly.
    pub probability: f64,
    /// Weight of the queue's length now in its average, 0..=1 (they use 0.002).
    pub weight: f64,
    /// Bytes of the small packets that an idle link is thought to have sent meanwhile; 1,000 is customary.
    pub packet: u32,
    /// From `max` to twice that the probability goes on rising to 1, instead of jumping there.
    pub gentle: bool,
    /// Marks instead of dropping below `max`, and with `gentle` below twice that.
    pub ecn: bool,
}

impl Default for CoDel {
    fn default() -> Self {
        Self { target: Duration::from_millis(5), interval: Duration::from_millis(100), ecn: false }
    }
}

impl Default for FqCoDel {
    fn default() -> Self {
        Self { codel: CoDel { ecn: true, ..CoDel::default() }, quantum: 1_514, flows: 1_024 }
    }
}

impl Default for Pie {
    fn default() -> Self {
        Self {
            target: Duration::from_millis(15),
            update: Duration::from_millis(15),
            alpha: 0.125,
            beta: 1.25,
            burst: Duration::from_millis(150),
            ecn: false,
        }
    }
}

impl QueueLimit {
    /// The queue that a rate (bits a second, at least 1) gets where nobody says: 300 ms (RFC 8867's drop-tail queue),
    /// and never less than the time of four packets of 1,500 bytes, or a slow path could not hold one.
    #[must_use]
    pub const fn typical(rate: u64) -> Self {
        const FOUR_PACKETS: u64 = 4 * 1_500 * 8 * 1_000;
        let four_packets = FOUR_PACKETS.div_ceil(rate);
        Self::Time(Duration::from_millis(if four_packets > 300 { four_packets } else { 300 }))
    }
}
