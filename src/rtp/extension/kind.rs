//! The header extensions that have a name here, their URIs, and the ids that a session negotiated for them.

/// A header extension that can be read and written as a typed value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExtensionKind {
    /// The media section's name (RFC 8843).
    Mid,
    /// The layer's name (RFC 8852).
    Rid,
    /// The name of the layer that an RTX stream repairs (RFC 8852).
    RepairedRid,
    /// The sequence number across all streams of a transport (draft-holmer-rmcat-transport-wide-cc-extensions).
    TransportSequence,
    /// When the packet left its sender, 24 bits (WebRTC's abs-send-time).
    AbsSendTime,
    /// When the payload was captured, NTP (WebRTC's abs-capture-time).
    AbsCaptureTime,
    /// Loudness of the payload (RFC 6464).
    AudioLevel,
    /// How a picture is to be turned (3GPP TS 26.114).
    VideoOrientation,
    /// Limits for the receiver's playout delay (WebRTC's playout-delay).
    PlayoutDelay,
    /// Layer and references of a frame (AV1 RTP payload format, appendix A).
    DependencyDescriptor,
}

impl ExtensionKind {
    /// Every kind, in the order in which they are written.
    pub const ALL: [Self; 10] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::TransportSequence,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::AudioLevel,
        Self::VideoOrientation,
        Self::PlayoutDelay,
        Self::DependencyDescriptor,
    ];

    /// The URI that stands for this kind in an `a=extmap` line.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::TransportSequence => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
        }
    }

    /// The kind that a URI stands for; `None` for one that has no name here.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}

/// Why an id cannot be given to a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdError {
    /// Id 0 is padding.
    #[error("header extension id 0 is reserved for padding; use 1 to 255")]
    Zero,
    /// Another kind has this id already.
    #[error("header extension id {id} is already that of {taken_by:?}")]
    Taken {
        /// The id asked for.
        id: u8,
        /// The kind that has it.
        taken_by: ExtensionKind,
    },
}

/// The id of each negotiated kind: 1 to 14 fit the one-byte form, larger ones need the two-byte form.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExtensionMap {
    /// By position in [`ExtensionKind::ALL`]; 0 where nothing was negotiated.
    ids: [u8; ExtensionKind::ALL.len()],
}

impl ExtensionMap {
    /// Gives `kind` an id, in place of the one that it had.
    ///
    /// # Errors
    /// When the id is 0 or belongs to another kind.
    pub fn set(&mut self, kind: ExtensionKind, id: u8) -> Result<(), IdError> {
        match self.kind(id) {
            _ if id == 0 => Err(IdError::Zero),
            Some(taken_by) if taken_by != kind => Err(IdError::Taken { id, taken_by }),
            _ => {
                self.ids[kind as usize] = id;
                Ok(())
            }
        }
    }

    /// The id of a kind; `None` when it was not negotiated.
    #[must_use]
    pub const fn id(&self, kind: ExtensionKind) -> Option<u8> {
        match self.ids[kind as usize] {
            0 => None,
            id => Some(id),
        }
    }

    /// The kind that has this id.
    #[must_use]
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        if id == 0 {
            return None;
        }
        self.ids.iter().position(|&known| known == id).map(|at| ExtensionKind::ALL[at])
    }
}
