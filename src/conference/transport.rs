//! What two ends must know of each other to connect: ICE credentials, a DTLS fingerprint, candidates.

use serde::{Deserialize, Serialize};

/// Who sends the ClientHello (RFC 8842 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setup {
    /// This side sends it.
    Active,
    /// The other side sends it.
    Passive,
    /// The answerer chooses.
    Actpass,
}

/// ICE credentials (RFC 8839 §5.4), new ones at each restart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// User fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

impl Credentials {
    /// Whether both have as many characters as RFC 8839 §5.4 wants.
    #[must_use]
    pub fn is_long_enough(&self) -> bool {
        (4..=256).contains(&self.ufrag.len()) && (22..=256).contains(&self.pwd.len())
    }
}

/// One side's transport, as structured data (the same facts as an SDP's transport lines).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransportParameters {
    /// ICE user fragment (RFC 8839 §5.4).
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// `"sha-256 AA:BB:…"`, hash function and colon-separated bytes (RFC 8122 §5).
    pub fingerprint: String,
    /// The DTLS role offered or chosen.
    pub setup: Setup,
    /// Whether this side is ICE-lite (RFC 8445 §2.5).
    #[serde(default)]
    pub ice_lite: bool,
    /// Candidate attributes without `a=`, component 1: `"candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host"`.
    pub candidates: Vec<String>,
}

/// What the reference SFU's ends of its participants' transports are made of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LegKind {
    /// str0m, a whole WebRTC stack that throng did not write.
    #[default]
    Str0m,
    /// throng's own transport, SRTP and RTP.
    Own,
}

impl LegKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Str0m, Self::Own];

    /// Its name, as the command line and scenarios have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Str0m => "str0m",
            Self::Own => "own",
        }
    }
}
