//! Why a join failed: one cause a participant, mutually exclusive, in the order in which a join can get stuck.
//!
//! The names are those of TRTC's own triage; every report uses them, whatever the SFU.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The phase of a join, in order; each begins where the one before it ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// From the intended arrival until the driver began: our own lateness.
    Dispatch,
    /// Until the SFU accepted the participant.
    Signal,
    /// Until ICE connected.
    Ice,
    /// Until the SRTP keys were there.
    Dtls,
    /// Until the first RTP packet of something subscribed.
    FirstRtp,
    /// Until the first packet of a keyframe (audio: the same packet).
    FirstKeyframe,
    /// Until the first decodable frame.
    FirstFrame,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 7] =
        [Self::Dispatch, Self::Signal, Self::Ice, Self::Dtls, Self::FirstRtp, Self::FirstKeyframe, Self::FirstFrame];

    /// The name that reports use; `join.` before it is the metric's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dispatch => "dispatch",
            Self::Signal => "signal",
            Self::Ice => "ice",
            Self::Dtls => "dtls",
            Self::FirstRtp => "first_rtp",
            Self::FirstKeyframe => "first_keyframe",
            Self::FirstFrame => "first_frame",
        }
    }
}

/// Why a participant did not get in, or did not stay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The target cannot do what the plan asks (a codec, a layout).
    Config,
    /// Credentials were refused.
    Auth,
    /// The SFU is full, suspended, or does not have the room.
    Admission,
    /// The signalling connection or its first exchange failed.
    SignalSetup,
    /// Signalling did not answer before the deadline of the join.
    JoinTimeout,
    /// Neither side offered an ICE candidate that could be used.
    IceNoCandidate,
    /// ICE failed, DTLS failed, or the transport was lost.
    TransportFailed,
    /// ICE connected, and DTLS did not finish in time.
    DtlsTimeout,
    /// Transport connected, and no media arrived before the deadline.
    NoMedia,
    /// Packets arrived, and no frame could be decoded.
    Black,
    /// Our own machine refused a socket, a port or memory.
    Local,
    /// The run ended before the join did.
    RunEnded,
}

impl Cause {
    /// The name that reports and `causes` use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Auth => "auth",
            Self::Admission => "admission",
            Self::SignalSetup => "signal_setup",
            Self::JoinTimeout => "join_timeout",
            Self::IceNoCandidate => "ice_no_candidate",
            Self::TransportFailed => "transport_failed",
            Self::DtlsTimeout => "dtls_timeout",
            Self::NoMedia => "no_media",
            Self::Black => "black",
            Self::Local => "local",
            Self::RunEnded => "run_ended",
        }
    }

    /// The cause of a join that was stuck in `phase` when its time was up.
    #[must_use]
    pub const fn stuck_in(phase: Phase) -> Self {
        match phase {
            Phase::Dispatch => Self::Local,
            Phase::Signal => Self::JoinTimeout,
            Phase::Ice => Self::TransportFailed,
            Phase::Dtls => Self::DtlsTimeout,
            Phase::FirstRtp => Self::NoMedia,
            Phase::FirstKeyframe | Phase::FirstFrame => Self::Black,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
