//! What a worker counts; written by its thread, read by `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the start, except where said.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// RTP packets of tracks that arrived (recovered ones included), and their payload bytes.
    pub packets_in: AtomicU64,
    pub bytes_in: AtomicU64,
    /// RTP packets sent, and the bytes of their datagrams; retransmissions apart.
    pub packets_out: AtomicU64,
    pub bytes_out: AtomicU64,
    pub retransmissions: AtomicU64,
    /// Datagrams that the kernel did not take, its send buffer being full.
    pub send_drops: AtomicU64,
    /// Datagrams that the kernel dropped because we read too late (SO_RXQ_OVFL).
    pub kernel_drops: AtomicU64,
    /// Datagrams of nobody.
    pub strays: AtomicU64,
    pub keyframes_wanted: AtomicU64,
    pub keyframes_asked: AtomicU64,
    /// Messages of data channels that arrived, copies of them handed to receivers, and copies that were not taken.
    pub messages_in: AtomicU64,
    pub messages_out: AtomicU64,
    pub messages_dropped: AtomicU64,
    /// Nanoseconds not spent waiting.
    pub busy_nanos: AtomicU64,
    /// Right now.
    pub rooms: AtomicU64,
    pub participants: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

pub(super) fn set(counter: &AtomicU64, value: u64) {
    counter.store(value, Ordering::Relaxed);
}

pub(super) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
