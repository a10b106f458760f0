//! Legs between a publisher and a subscriber over a path in memory, on modelled and on real transports.

mod arbitrary;
mod estimates;
mod media;
mod pair;
mod repair;
mod requests;

use super::*;
use crate::conference::{Codec, CodecParameters, MediaKind, ReceiveParameters, SendParameters, TrackName, numbering};
use crate::rtp::extension::{AbsCaptureTime, AbsSendTime, AudioLevel, Extensions};
use crate::rtp::header::{Header, View, write_header};
use crate::rtp::rtcp;
use crate::rtp::rtx;
use crate::rtp::twcc::FeedbackBuilder;
use crate::sfu::room::TrackId;
use crate::units::Bitrate;
use pair::{DELAY, Pair, RTX_SSRC, SSRC, STREAM, TRACK, factories, payload, plain, rtp_time};

const PUBLISHED: u32 = 0x1111;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
