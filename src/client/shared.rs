//! What all clients of a run share and none of them changes.

use crate::clock::Instant;
use crate::conference::MediaKind;
use crate::metrics::labels::{Key, RunPhase};
use crate::plan::target::AdapterPlan;
use crate::plan::{Act, FaultKind, ParticipantPlan, Plan};
use crate::rtp::ntp::Ntp;
use crate::transport::Factory;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// The plan with what the driver adds to it.
#[derive(Debug)]
pub struct Shared {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Makes transports.
    pub transports: Factory,
    /// Wall-clock time at the start of the run, for RTCP.
    pub ntp_origin: Ntp,
    /// Where the target's HTTP answers; set by the driver when it started the target itself.
    pub base_url: String,
    /// Whether addresses off this machine may be sent to.
    pub i_own_target: bool,
    /// Participants whose reception is written, by index.
    pub dumped: BTreeSet<u32>,
    /// Index of a participant by name.
    participants: FxHashMap<String, u32>,
    /// Index of a media by name.
    media: FxHashMap<String, u16>,
    /// Index of a data channel by name.
    channels: FxHashMap<String, u16>,
}

impl Shared {
    /// Shares a plan. `base_url` is where the target's HTTP answers.
    #[must_use]
    pub fn new(plan: Arc<Plan>, transports: Factory, ntp_origin: Ntp, base_url: String, i_own_target: bool) -> Self {
        let participants = plan.participants.iter().map(|p| (p.name.clone(), p.index)).collect();
        let media = plan.media.iter().zip(0u16..).map(|(m, index)| (m.name.clone(), index)).collect();
        let channels = plan.channels.iter().zip(0u16..).map(|(channel, index)| (channel.name.clone(), index)).collect();
        let dumped = BTreeSet::new();
        Self { plan, transports, ntp_origin, base_url, i_own_target, dumped, participants, media, channels }
    }

    /// The same with what these participants receive written.
    #[must_use]
    pub fn dumping(mut self, participants: impl IntoIterator<Item = u32>) -> Self {
        self.dumped.extend(participants);
        self
    }

    /// The participant with this index.
    #[must_use]
    pub fn participant(&self, index: u32) -> &ParticipantPlan {
        &self.plan.participants[index as usize]
    }

    /// The participant called `name`.
    #[must_use]
    pub fn participant_named(&self, name: &str) -> Option<&ParticipantPlan> {
        self.participants.get(name).map(|&index| self.participant(index))
    }

    /// Index of the media called `name`.
    #[must_use]
    pub fn media_named(&self, name: &str) -> Option<u16> {
        self.media.get(name).copied()
    }

    /// Index of the data channel called `name`.
    #[must_use]
    pub fn channel_named(&self, name: &str) -> Option<u16> {
        self.channels.get(name).copied()
    }

    /// The one media of a kind that a participant publishes; `None` when there are several, or none.
    #[must_use]
    pub fn only_media(&self, participant: u32, kind: MediaKind) -> Option<u16> {
        let published = &self.participant(participant).publish;
        let mut of_kind = published.iter().copied().filter(|&index| self.plan.media[usize::from(index)].kind() == kind);
        of_kind.next().filter(|_| of_kind.next().is_none())
    }

    /// Whether the plan restarts a participant's ICE.
    #[must_use]
    pub fn restarts_ice(&self, participant: u32) -> bool {
        let plan = self.participant(participant);
        let restarts = |act: &Act| matches!(act, Act::RestartIce | Act::SwitchNetwork { .. });
        if plan.actions.iter().any(|action| restarts(&action.act)) {
            return true;
        }
        plan.faults.iter().any(|&fault| matches!(self.plan.faults[usize::from(fault)].kind, FaultKind::IceRestart))
    }

    /// The port of the SFU's signalling.
    #[must_use]
    pub fn signalling_port(&self) -> u16 {
        let plain = self.base_url.replace(['{', '}'], "");
        url::Url::parse(&plain).ok().and_then(|url| url.port_or_known_default()).unwrap_or_default()
    }

    /// The phase of the run at `at`.
    #[must_use]
    pub fn phase(&self, at: Instant) -> RunPhase {
        self.plan.run.phase(at)
    }

    /// The key of a participant's sample that was due at `due`.
    #[must_use]
    pub fn key(&self, participant: u32, media: Option<u16>, due: Instant, rejoin: bool) -> Key {
        let plan = self.participant(participant);
        let (phase, spell) = (self.phase(due), self.plan.spell(due));
        Key { population: Some(plan.population), network: Some(plan.network), media, phase, spell, rejoin }
    }

    /// The key of a sample of the run as a whole that was due at `due`.
    #[must_use]
    pub fn run_key(&self, due: Instant) -> Key {
        Key { spell: self.plan.spell(due), ..Key::run(self.phase(due)) }
    }

    /// Whether an address may be sent to: loopback always, others only on the user's own word.
    #[must_use]
    pub fn allows(&self, address: SocketAddr) -> bool {
        self.i_own_target || address.ip().is_loopback()
    }

    /// Whether the adapter plays publishers one session each (WHEP) rather than all over one transport.
    #[must_use]
    pub fn plays_by_session(&self) -> bool {
        matches!(self.plan.target.adapter, AdapterPlan::WhipWhep(_))
    }

    /// NTP time at `now`.
    #[must_use]
    pub fn ntp(&self, now: Instant) -> Ntp {
        Ntp::at(self.ntp_origin, now)
    }
}
