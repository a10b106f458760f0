//! `kind = "data"`: messages over a data channel.

use crate::clock::Duration;
use crate::conference::Reliability;
use crate::conference::channel::MAX_MESSAGE_LEN;
use crate::media::channel::ChannelPlan;
use crate::media::stamp::STAMP_LEN;
use crate::scenario::section::Section;
use crate::units::Bytes;

/// The longest life of a message: its unit is the millisecond, in 16 bits (RFC 8832 §5.1).
const LONGEST: Duration = Duration::from_millis(u16::MAX as u64);

/// Reads it; what could not be read was said, and has its default.
pub(super) fn read(name: String, section: &Section<'_>) -> ChannelPlan {
    section.missing("message", "write the bytes of a message, as in message = \"200B\"");
    section.missing("rate", "write the messages a second, as in rate = 10");
    let help = "write it as \"200B\" or \"16KiB\"";
    let message = section.parsed("message", Bytes::parse, help).map_or(200, |bytes| bytes.0);
    if message < STAMP_LEN as u64 {
        let sentence = format!("a message of {message} bytes has no room for its stamp of {STAMP_LEN}");
        section.fail("message", sentence, format!("write at least \"{STAMP_LEN}B\""));
    } else if message > MAX_MESSAGE_LEN as u64 {
        let sentence = format!("a message of {message} bytes is longer than the {MAX_MESSAGE_LEN} that a peer takes");
        section.fail("message", sentence, "write at most \"64KiB\"");
    }
    let rate = section.within("rate", 0.01..=1_000.0, "messages a second, from 0.01 to 1000").unwrap_or(1.0);
    ChannelPlan {
        name,
        message: message.clamp(STAMP_LEN as u64, MAX_MESSAGE_LEN as u64) as usize,
        rate,
        ordered: section.bool("ordered").unwrap_or(true),
        reliability: reliability(section),
    }
}

fn reliability(section: &Section<'_>) -> Reliability {
    if section.has("max_retransmits") && section.has("max_lifetime") {
        let sentence = "a channel is limited by retransmissions or by a lifetime, not by both (RFC 8832 §5.1)";
        section.fail("max_lifetime", sentence, "keep one of `max_retransmits` and `max_lifetime`");
        return Reliability::Reliable;
    }
    if section.has("max_retransmits") {
        let most = section.integer("max_retransmits", 0..=u64::from(u16::MAX)).unwrap_or(0);
        return Reliability::MaxRetransmits(most as u16);
    }
    if !section.has("max_lifetime") {
        return Reliability::Reliable;
    }
    let lifetime = section.duration("max_lifetime").unwrap_or(LONGEST);
    if !(Duration::from_millis(1)..=LONGEST).contains(&lifetime) {
        section.fail("max_lifetime", "`max_lifetime` is out of bounds", "write a duration from \"1ms\" to \"65s\"");
        return Reliability::Reliable;
    }
    Reliability::MaxLifetime(lifetime.as_millis() as u16)
}
