//! `[[fault]]`.

use schemars::JsonSchema;

/// Something that goes wrong on purpose, within the measured window.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Fault {
    /// Its name, part of the phases `fault:<name>` and `recovery:<name>`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"))]
    pub name: String,
    /// When it begins, from the start of the run.
    pub at: String,
    /// What happens.
    #[schemars(extend("enum" = [
        "sfu-kill", "sfu-pause", "partition", "udp-block", "port-block", "signal-drop", "ice-restart", "nat-rebind"
    ]))]
    pub kind: String,
    /// How long it lasts; of a `signal-drop` how long no connection can be opened, without it not at all.
    #[schemars(rename = "for")]
    pub lasting: Option<String>,
    /// `sfu-kill`: how long after it the SFU is started again; without it, never.
    pub restart_after: Option<String>,
    /// `port-block`: which ports of the SFU: "media", "signalling", or a list.
    pub ports: Option<Ports>,
    /// Whom it happens to; without it everybody. Not for faults of the SFU.
    pub select: Option<FaultSelect>,
    /// What is expected after it; judged as a threshold.
    pub expect: Option<FaultExpect>,
}

/// Ports by role, or by number.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum Ports {
    /// By role.
    Role(String),
    /// By number.
    These(Vec<u16>),
}

/// Whom a fault happens to.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct FaultSelect {
    /// People of this population.
    pub population: Option<String>,
    /// People behind this network.
    pub network: Option<String>,
    /// People of this room, numbered from 1.
    #[schemars(range(min = 1))]
    pub room: Option<u32>,
    /// This share of them: an exact quota (largest remainder), in seeded order; without it, all.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub fraction: Option<f64>,
}

/// What is expected after a fault.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct FaultExpect {
    /// How soon after its end everybody it happened to must have again what they had.
    pub recover_within: String,
}
