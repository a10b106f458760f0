//! `/metrics`: what the workers count, as OpenMetrics text, one series a worker.

use super::counters::{Counters, get};
use crate::conference::LegKind;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What is known of a worker.
#[derive(Debug)]
pub(super) struct WorkerFacts {
    pub address: SocketAddr,
    pub receive_buffer: usize,
    pub counters: Arc<Counters>,
}

type Label = [(&'static str, String); 1];
type Gauged = fn(&WorkerFacts) -> i64;
type Read = fn(&Counters) -> &AtomicU64;

const COUNTERS: [(&str, &str, Read); 13] = [
    ("packets_in", "RTP packets of tracks that arrived, recovered ones included", |c| &c.packets_in),
    ("payload_in_bytes", "Payload bytes of those packets", |c| &c.bytes_in),
    ("packets_out", "RTP packets handed to subscribers, retransmissions apart", |c| &c.packets_out),
    ("datagrams_out_bytes", "Bytes of all datagrams sent", |c| &c.bytes_out),
    ("retransmissions", "RTX packets sent", |c| &c.retransmissions),
    ("keyframes_wanted", "Keyframe requests of subscribers", |c| &c.keyframes_wanted),
    ("keyframes_asked", "Keyframe requests sent to publishers", |c| &c.keyframes_asked),
    ("messages_in", "Messages of data channels that arrived", |c| &c.messages_in),
    ("messages_out", "Copies of those messages handed to receivers", |c| &c.messages_out),
    ("messages_dropped", "Copies that were too long, or for a receiver with too much waiting", |c| &c.messages_dropped),
    ("kernel_drops", "Datagrams lost because they were read too late", |c| &c.kernel_drops),
    ("send_drops", "Datagrams that the kernel refused to send", |c| &c.send_drops),
    ("strays", "Datagrams of no known participant", |c| &c.strays),
];

pub(super) fn prometheus_text(leg: LegKind, workers: &[WorkerFacts]) -> String {
    let mut registry = Registry::with_prefix("throng_sfu");
    let made_of = Info::new([("kind", leg.name())]);
    registry.register("leg", "What the SFU's ends of its participants' transports are made of", made_of);
    let label = |index: usize| -> Label { [("worker", index.to_string())] };
    for (name, help, read) in COUNTERS {
        let family = Family::<Label, Counter>::default();
        for (index, worker) in workers.iter().enumerate() {
            family.get_or_create(&label(index)).inc_by(get(read(&worker.counters)));
        }
        registry.register(name, help, family);
    }
    let busy = Family::<Label, Counter<f64, AtomicU64>>::default();
    let gauges: [(&str, &str, Gauged); 3] = [
        ("rooms", "Rooms right now", |worker| get(&worker.counters.rooms) as i64),
        ("participants", "Participants right now, viewers included", |worker| {
            get(&worker.counters.participants) as i64
        }),
        ("receive_buffer_bytes", "Receive buffer that the kernel granted", |worker| worker.receive_buffer as i64),
    ];
    for (name, help, read) in gauges {
        let family = Family::<Label, Gauge>::default();
        for (index, worker) in workers.iter().enumerate() {
            family.get_or_create(&label(index)).set(read(worker));
        }
        registry.register(name, help, family);
    }
    for (index, worker) in workers.iter().enumerate() {
        busy.get_or_create(&label(index)).inc_by(get(&worker.counters.busy_nanos) as f64 / 1e9);
    }
    registry.register_with_unit("busy", "Time not spent waiting", Unit::Seconds, busy);
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing into a string cannot fail");
    text
}
