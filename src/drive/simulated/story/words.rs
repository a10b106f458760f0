//! What a story says of a datagram, a message, a fault or a sample.

use crate::conference::TrackName;
use crate::conference::protocol::{ClientMessage, RosterEntry, ServerMessage};
use crate::metrics::catalog::{Metric, Unit};
use crate::metrics::recorder::{Sample, Watched};
use crate::outcome::words::{grouped, readable};
use crate::plan::{FaultKind, Ports};
use crate::rtp::header::{Kind, View};

/// Whether a metric's samples are events, and not as many as packets.
fn tells(metric: Metric) -> bool {
    let name = metric.name();
    let by_packet = [
        Metric::RtpPacketsSent,
        Metric::RtpBytesSent,
        Metric::RtpPacketsReceived,
        Metric::RtpBytesReceived,
        Metric::RtpInterarrival,
        Metric::RtpReorder,
        Metric::RtpLossNet,
        Metric::RtpLossResidual,
        Metric::RtpLossLate,
        Metric::VideoIfd,
        Metric::VideoAssembly,
        Metric::SfuForwardDelay,
        Metric::DataMessagesSent,
        Metric::DataBytesSent,
        Metric::DataMessagesReceived,
        Metric::DataBytesReceived,
    ];
    !name.starts_with("harness.") && !name.starts_with("net.") && !by_packet.contains(&metric)
}

/// A sample, with the name of its media among `media` where it is of one; nothing where it is one of many, or nothing
/// happened.
pub(super) fn measured(watched: &Watched, media: &[String]) -> Option<String> {
    let spec = watched.metric.spec();
    let unit = spec.unit.name();
    if !tells(watched.metric) {
        return None;
    }
    let text = match watched.sample {
        Sample::Value(value) => readable(value, unit),
        Sample::Censored(waited) => format!("given up after {}", readable(waited, Unit::Seconds.name())),
        Sample::Count(0) | Sample::Share(_, 0) => return None,
        Sample::Count(count) if spec.unit == Unit::Bytes => format!("{} more", readable(count as f64, unit)),
        Sample::Count(count) => format!("{} more", grouped(count as i64)),
        // Its parts are lengths of time.
        Sample::Share(part, whole) if watched.metric == Metric::VideoFreezeRatio => {
            let [frozen, seen] = [part, whole].map(|nanos| readable(nanos as f64 * 1e-9, Unit::Seconds.name()));
            format!("frozen {frozen} of {seen}")
        }
        Sample::Share(part, whole) => readable(part as f64 / whole as f64, unit),
    };
    let of = watched.key.media.and_then(|index| media.get(usize::from(index)));
    let of = of.map_or_else(String::new, |name| format!(" ({name})"));
    Some(format!("{} {text}{of}", spec.name))
}

/// A class of packets as links count them.
pub(super) fn of_class(class: &str) -> &str {
    match class {
        "rtx" => "RTX",
        "rtcp" => "RTCP",
        "stun" => "STUN",
        "dtls" => "DTLS",
        class => class,
    }
}

/// What a fault does.
pub(super) fn of_fault(kind: &FaultKind) -> String {
    match kind {
        FaultKind::SfuKill { .. } => "the SFU is killed".to_owned(),
        FaultKind::SfuPause => "the SFU stands still".to_owned(),
        FaultKind::Partition => "nothing gets through, neither datagrams nor signalling".to_owned(),
        FaultKind::UdpBlock => "no datagram gets through".to_owned(),
        FaultKind::PortBlock(Ports::Media) => "the SFU's ports of media are closed".to_owned(),
        FaultKind::PortBlock(Ports::Signalling) => "the SFU's port of signalling is closed".to_owned(),
        FaultKind::PortBlock(Ports::These(ports)) => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            format!("the SFU's ports {} are closed", ports.join(", "))
        }
        FaultKind::SignalDrop => "signalling breaks, and no connection can be opened".to_owned(),
        FaultKind::IceRestart => "ICE is restarted".to_owned(),
        FaultKind::NatRebind => "the NAT gives every socket another port".to_owned(),
    }
}

/// A datagram.
pub(super) fn datagram(bytes: &[u8]) -> String {
    let len = bytes.len();
    match Kind::of(bytes) {
        Kind::Stun => {
            let what = if bytes[0] == 0 { "request" } else { "response" };
            format!("STUN binding {what}, {len} bytes")
        }
        Kind::Dtls => format!("DTLS, {len} bytes"),
        Kind::Rtcp => format!("RTCP, {len} bytes"),
        Kind::Rtp => match View::parse(bytes) {
            Some(view) => {
                let marker = if view.marker() { ", marker" } else { "" };
                let (ssrc, sequence, time) = (view.ssrc(), view.sequence(), view.rtp_time());
                format!("RTP {ssrc:08x} #{sequence} pt {} at {time}{marker}, {len} bytes", view.payload_type())
            }
            None => format!("malformed RTP, {len} bytes"),
        },
        Kind::Other => format!("{len} bytes of nothing known"),
    }
}

/// A message to the SFU.
pub(super) fn said(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(ClientMessage::Join { room, publish, .. }) => {
            format!("join {room}, publishing {}", list(publish.iter().map(|track| track.media.clone())))
        }
        Ok(ClientMessage::Publish { track }) => format!("publish {}", track.media),
        Ok(ClientMessage::Unpublish { media }) => format!("unpublish {media}"),
        Ok(ClientMessage::Subscribe { tracks }) => format!("subscribe to {}", names(tracks.iter())),
        Ok(ClientMessage::Unsubscribe { tracks }) => format!("unsubscribe from {}", names(tracks.iter())),
        Ok(ClientMessage::Layer { track, layer }) => format!("layer {layer:?} of {track}").to_lowercase(),
        Ok(ClientMessage::Mute { media, muted }) => format!("{} {media}", if muted { "mute" } else { "unmute" }),
        Ok(ClientMessage::Restart { .. }) => "restart ICE".to_owned(),
        Ok(ClientMessage::OpenChannel { channel }) => format!("open the data channel {}", channel.media),
        Ok(ClientMessage::ReceiveChannels { channels }) => format!("messages of {}", names(channels.iter())),
        Ok(ClientMessage::Leave) => "leave".to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// A message from the SFU.
pub(super) fn heard(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(ServerMessage::Joined { roster, .. }) => match roster.len() {
            0 => "joined, nobody else is there".to_owned(),
            1 => "joined, 1 other is there".to_owned(),
            others => format!("joined, {others} others are there"),
        },
        Ok(ServerMessage::Entered { entry }) => {
            let RosterEntry { participant, tracks } = entry;
            format!("{participant} entered, publishing {}", list(tracks.into_iter().map(|track| track.media)))
        }
        Ok(ServerMessage::Left { participant }) => format!("{participant} left"),
        Ok(ServerMessage::Published { participant, track }) => format!("{participant} publishes {}", track.media),
        Ok(ServerMessage::Unpublished { track }) => format!("{} publishes {} no more", track.participant, track.media),
        Ok(ServerMessage::Layers { media, wanted }) => format!("somebody takes of {media}: {}", wanted.join(", ")),
        Ok(ServerMessage::Muted { track, muted }) => {
            format!("{} {} {}", track.participant, if muted { "mutes" } else { "unmutes" }, track.media)
        }
        Ok(ServerMessage::Speakers { speakers }) if speakers.is_empty() => "nobody speaks".to_owned(),
        Ok(ServerMessage::Speakers { speakers }) => format!("who speaks: {}", list(speakers.into_iter())),
        Ok(ServerMessage::PublishAccepted { media }) => format!("{media} may be sent"),
        Ok(ServerMessage::Subscribed { streams }) => {
            format!("subscribed: {}", names(streams.iter().filter_map(|stream| stream.track.as_ref())))
        }
        Ok(ServerMessage::ChannelAccepted { media }) => format!("the data channel {media} may be opened"),
        Ok(ServerMessage::Channels { published }) => format!("there are the data channels {}", names(published.iter())),
        Ok(ServerMessage::ChannelsReceived { channels }) => {
            format!("messages will come of {}", names(channels.iter().map(|channel| &channel.track)))
        }
        Ok(ServerMessage::Unsubscribed { tracks }) => format!("no more of {}", names(tracks.iter())),
        Ok(ServerMessage::Restarted { .. }) => "ICE may begin anew".to_owned(),
        Ok(ServerMessage::Refused { detail, .. }) => format!("refused: {detail}"),
        Err(_) => text.to_owned(),
    }
}

fn names<'a>(tracks: impl Iterator<Item = &'a TrackName>) -> String {
    list(tracks.map(|track| format!("{}/{}", track.participant, track.media)))
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels::{Key, RunPhase};

    fn told(metric: Metric, sample: Sample) -> Option<String> {
        measured(&Watched { metric, key: Key::run(RunPhase::Steady), sample }, &[])
    }

    #[test]
    fn samples_have_their_unit_and_nothing_is_not_told() {
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(told(Metric::RtpRttStun, Sample::Value(0.036_814)), is("rtp.rtt_stun 36.8 ms"));
        assert_eq!(told(Metric::JoinTotal, Sample::Censored(15.0)), is("join.total given up after 15.00 s"));
        let frozen = Sample::Share(250_000_000, 1_000_000_000);
        assert_eq!(told(Metric::VideoFreezeRatio, frozen), is("video.freeze_ratio frozen 250 ms of 1.00 s"));
        assert_eq!(told(Metric::AudioConcealedRatio, Sample::Share(3, 50)), is("audio.concealed_ratio 6.00 %"));
        assert_eq!(told(Metric::RtpNackSent, Sample::Count(3)), is("rtp.nack_sent 3 more"));
        let key = Key { media: Some(1), ..Key::run(RunPhase::Steady) };
        let watched = Watched { metric: Metric::VideoFps, key, sample: Sample::Value(19.5) };
        assert_eq!(measured(&watched, &["mic".to_owned(), "cam".to_owned()]), is("video.fps 19.5 per s (cam)"));
        assert_eq!(told(Metric::FaultUnrecovered, Sample::Count(0)), None);
        assert_eq!(told(Metric::RtpBytesSent, Sample::Count(1_200)), None, "packets have lines of their own");
    }

    #[test]
    fn messages_are_sentences() {
        let track = TrackName { participant: "a-1".to_owned(), media: "cam".to_owned() };
        let json = |message: &ServerMessage| heard(&serde_json::to_string(message).expect("plain JSON"));
        let entry = RosterEntry { participant: "a-1".to_owned(), tracks: Vec::new() };
        assert_eq!(json(&ServerMessage::Entered { entry }), "a-1 entered, publishing nothing");
        assert_eq!(json(&ServerMessage::Left { participant: "a-1".to_owned() }), "a-1 left");
        assert_eq!(json(&ServerMessage::Unsubscribed { tracks: vec![track.clone()] }), "no more of a-1/cam");
        assert_eq!(json(&ServerMessage::Muted { track, muted: true }), "a-1 mutes cam");
    }
}
