//! The generator's health in `outcome.json`: its limits, and how it fared; types only.

use serde::{Deserialize, Serialize};

/// The generator's own health.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// Whether every limit held.
    pub valid: bool,
    /// Each limit with its value.
    pub checks: Vec<HealthCheck>,
    /// Media workers.
    pub workers: u32,
    /// Datagrams that the kernel dropped at our sockets.
    pub rx_drops: u64,
    /// Receive buffer granted by the kernel, bytes, smallest of all sockets.
    pub receive_buffer: u64,
    /// Whether that is what was asked for.
    pub receive_buffer_full: bool,
    /// Datagrams that the kernel refused to send (buffer full, connection refused).
    pub send_errors: u64,
    /// Share of received media packets that were decrypted and authenticated.
    pub opened: Option<f64>,
    /// CPU time stolen by the hypervisor, share of the run's CPU time.
    pub steal: Option<f64>,
    /// Longest stall of the whole machine, seconds.
    pub longest_stall: f64,
    /// Sentences for people.
    pub notes: Vec<String>,
}

/// One limit of the generator.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HealthCheck {
    /// As written in `invalid_if`.
    pub condition: String,
    /// The value; null when there was no sample.
    pub value: Option<f64>,
    /// The limit.
    pub limit: f64,
    /// Unit of both.
    pub unit: String,
    /// Whether the run is invalid by it.
    pub exceeded: bool,
}
