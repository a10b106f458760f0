//! One video at an SFU's leg, as its publisher sends it and as it is sent on; `benches/packet.rs` includes this file too.

use throng::conference::{
    Codec, CodecParameters, MediaKind, ReceiveParameters, SendParameters, TransportParameters, numbering,
};
use throng::sfu::room::{LegCommand, LegSetup, StreamId, TrackId};

/// The track that is published.
pub const TRACK: TrackId = TrackId(0);
/// The stream that is sent on.
pub const STREAM: StreamId = StreamId(0);

fn codec() -> CodecParameters {
    numbering::codec_parameters(Codec::Vp8)
}

/// A leg of a participant with these parameters.
pub fn setup(remote: TransportParameters) -> LegSetup {
    let extensions = numbering::extensions(MediaKind::Video);
    LegSetup { room: "red".into(), remote, codecs: vec![codec()], extensions, estimates: false }
}

/// It publishes the track: SSRC 1, repaired by 2.
pub fn published() -> LegCommand {
    let parameters = Box::new(SendParameters {
        media: "cam".into(),
        mid: "0".into(),
        codec: codec(),
        ssrc: 1,
        rtx_ssrc: Some(2),
        cname: "ann".into(),
        extensions: numbering::extensions(MediaKind::Video),
        layers: Vec::new(),
    });
    LegCommand::Receive { track: TRACK, parameters }
}

/// It is sent the stream: SSRC 3, repaired by 4.
pub fn sent_on() -> LegCommand {
    let parameters = Box::new(ReceiveParameters {
        track: None,
        kind: MediaKind::Video,
        mid: Some("0".into()),
        codecs: vec![codec()],
        ssrc: Some(3),
        rtx_ssrc: Some(4),
        extensions: numbering::extensions(MediaKind::Video),
    });
    LegCommand::Send { stream: STREAM, parameters }
}
