//! An Ogg of Opus, one RTP packet a packet.

use super::{Refused, Unit, refused};
use crate::container::ogg;
use crate::media::payload::MAX_PAYLOAD;
use crate::rtp::opus;

/// Packets of sound.
pub(super) fn parse(file: &[u8]) -> Result<Vec<Unit>, Refused> {
    let help = "give an Ogg of Opus, as ffmpeg -c:a libopus -b:a 32k clip.opus writes it";
    let packets = ogg::parse_opus(file).map_err(|sentence| refused(sentence, help))?;
    let unit = |(index, packet): (usize, Vec<u8>)| {
        let Some(lasts) = opus::duration(&packet) else {
            return Err(refused(format!("has no Opus in packet {index}"), help));
        };
        if packet.len() > MAX_PAYLOAD {
            let sentence = format!("has {} bytes in packet {index}, and {MAX_PAYLOAD} fit", packet.len());
            return Err(refused(sentence, "encode it at a lower rate, as with ffmpeg -b:a 128k -frame_duration 20"));
        }
        Ok(Unit { keyframe: false, lasts, packets: vec![packet.into()], stamp: None })
    };
    packets.into_iter().enumerate().map(unit).collect()
}
