//! A byte stream of H.264 (Annex B), one RTP frame an access unit, with an SEI that carries the stamp.
//!
//! The first packet of a picture is a STAP-A: before a keyframe the clip's parameter sets, then our SEI, then the slices
//! where they fit. Decoders skip the SEI (user_data_unregistered, D.1.6). What is no picture in the clip (delimiters, its
//! own SEI, filler) is left out.

use super::{Parsed, Refused, Unit, pieces, refused};
use crate::clock::Duration;
use crate::container::annexb;
use crate::media::payload::frame_crc_update;
use crate::media::stamp::{SEARCH_LEN, STAMP_LEN, Stamp};
use crate::rtp::h264::{self, FRAGMENT_PREFIX_LEN, IDR, PPS, SLICE, SPS, headers};
use std::sync::Arc;

const HELP: &str = "give a byte stream, as ffmpeg -c:v libx264 -profile:v baseline -bf 0 -x264-params repeat-headers=1 clip.h264 writes it";

/// One picture.
#[derive(Default)]
struct Picture<'a> {
    keyframe: bool,
    slices: Vec<&'a [u8]>,
}

/// Size and pictures, in packets of at most `most(keyframe)` bytes; each lasts as `fps` says.
pub(super) fn parse(file: &[u8], fps: f64, most: impl Fn(bool) -> usize) -> Result<Parsed, Refused> {
    let mut sets = Sets::default();
    let mut pictures: Vec<Picture<'_>> = Vec::new();
    for nal in annexb::nals(file) {
        match h264::nal_type(nal[0]) {
            SPS | PPS => sets.take(nal)?,
            kind @ (SLICE | IDR) => take_slice(nal, kind == IDR, &mut pictures)?,
            // SEI, delimiter, ends of sequence and stream, filler.
            6 | 9..=12 => {}
            kind => return Err(refused(format!("holds a NAL unit of type {kind}, which WebRTC does not send"), HELP)),
        }
    }
    if pictures.is_empty() {
        return Err(refused("holds no picture of H.264", HELP));
    }
    if !pictures[0].keyframe {
        return Err(refused("does not begin with a keyframe", "cut it at a keyframe"));
    }
    let size = sets.size.ok_or_else(|| refused("has no sequence parameter set", HELP))?;
    if sets.pps.is_empty() {
        return Err(refused("has no picture parameter set", HELP));
    }
    let lasts = |index: usize| at(index + 1, fps) - at(index, fps);
    let unit = |(index, picture): (usize, &Picture<'_>)| unit(picture, &sets, lasts(index), most(picture.keyframe));
    let units = pictures.iter().enumerate().map(unit);
    Ok((size, units.collect::<Result<_, _>>()?))
}

fn at(index: usize, fps: f64) -> Duration {
    Duration::from_nanos((index as f64 * 1e9 / fps).round() as u64)
}

/// The parameter sets of a clip.
#[derive(Default)]
struct Sets<'a> {
    sps: Option<&'a [u8]>,
    size: Option<(u32, u32)>,
    pps: Vec<&'a [u8]>,
}

impl<'a> Sets<'a> {
    fn take(&mut self, nal: &'a [u8]) -> Result<(), Refused> {
        if h264::nal_type(nal[0]) == PPS {
            if !self.pps.contains(&nal) {
                self.pps.push(nal);
            }
            return Ok(());
        }
        if self.sps.is_some_and(|known| known != nal) {
            return Err(refused("changes its sequence parameter set", "encode it in one piece and one size"));
        }
        let profile = nal.get(1).copied().unwrap_or_default();
        if profile != 66 {
            let sentence = format!("has the profile {profile}, and WebRTC is offered the baseline profile (66)");
            return Err(refused(sentence, HELP));
        }
        (self.sps, self.size) = (Some(nal), sps_size(nal));
        if self.size.is_none() {
            return Err(refused("has a sequence parameter set that ends too early", HELP));
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &'a [u8]> {
        self.sps.into_iter().chain(self.pps.iter().copied())
    }
}

fn take_slice<'a>(nal: &'a [u8], keyframe: bool, pictures: &mut Vec<Picture<'a>>) -> Result<(), Refused> {
    let index = pictures.len();
    let mut bits = Bits::new(&nal[1..]);
    let (Some(first), Some(kind)) = (bits.ue(), bits.ue()) else {
        return Err(refused(format!("has a slice that ends too early, in picture {index}"), HELP));
    };
    if kind % 5 == 1 {
        return Err(refused(format!("holds B slices (picture {index}), which change the order of pictures"), HELP));
    }
    if first == 0 {
        pictures.push(Picture { keyframe, slices: Vec::new() });
    }
    let Some(picture) = pictures.last_mut().filter(|picture| picture.keyframe == keyframe) else {
        return Err(refused("begins in the middle of a picture", HELP));
    };
    picture.slices.push(nal);
    Ok(())
}

fn unit(picture: &Picture<'_>, sets: &Sets<'_>, lasts: Duration, most: usize) -> Result<Unit, Refused> {
    let sei = sei();
    let mut first: Vec<&[u8]> = if picture.keyframe { sets.all().collect() } else { Vec::new() };
    first.push(&sei);
    let mut payloads = Vec::new();
    let with_slices = [&first[..], &picture.slices[..]].concat();
    if aggregate_len(&with_slices) <= most {
        payloads.push(aggregate(&with_slices));
    } else {
        payloads.push(aggregate(&first));
        picture.slices.iter().for_each(|slice| cut(slice, most, &mut payloads));
    }
    let before: usize = first[..first.len() - 1].iter().map(|nal| nal.len() + 2).sum();
    let at = 1 + before + 2 + headers::sei_prefix_len(STAMP_LEN);
    if at >= SEARCH_LEN {
        let sentence = format!("has parameter sets of {before} bytes, and {} fit", before + SEARCH_LEN - 1 - at);
        return Err(refused(sentence, "encode it with one picture parameter set and without VUI"));
    }
    let crc = payloads.iter().fold(0, |crc, payload| frame_crc_update(crate::conference::Codec::H264, crc, payload));
    let packets: Vec<Arc<[u8]>> = payloads.into_iter().map(Arc::from).collect();
    Ok(Unit { keyframe: picture.keyframe, lasts, packets, stamp: Some((at, crc)) })
}

/// Our SEI, with a stamp that says nothing yet.
fn sei() -> Vec<u8> {
    let at = headers::sei_prefix_len(STAMP_LEN);
    let mut sei = vec![0x80; at + STAMP_LEN + 1];
    headers::write_sei_prefix(STAMP_LEN, &mut sei);
    let due = crate::clock::Instant::ZERO;
    let nobody =
        Stamp { layer: 0, media: 0, publisher: 0, room: 0, frame: 0, frame_bytes: 0, due, left: None, payload_crc: 0 };
    nobody.write(&mut sei[at..]);
    sei
}

fn aggregate_len(nals: &[&[u8]]) -> usize {
    1 + nals.iter().map(|nal| nal.len() + 2).sum::<usize>()
}

fn aggregate(nals: &[&[u8]]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(aggregate_len(nals));
    payload.push(h264::aggregate_header());
    for nal in nals {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    payload
}

/// A slice as one packet, or in fragments.
fn cut(slice: &[u8], most: usize, payloads: &mut Vec<Vec<u8>>) {
    if slice.len() <= most {
        return payloads.push(slice.to_vec());
    }
    let pieces = pieces(&slice[1..], most - FRAGMENT_PREFIX_LEN);
    let last = pieces.len() - 1;
    payloads.extend(
        pieces
            .enumerate()
            .map(|(index, piece)| [&h264::fragment_prefix(slice[0], index == 0, index == last)[..], piece].concat()),
    );
}

/// The size that a sequence parameter set of the baseline profile names, cropped (§7.3.2.1.1).
pub(super) fn sps_size(nal: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(nal.get(4..)?);
    bits.ue()?; // seq_parameter_set_id
    bits.ue()?; // log2_max_frame_num_minus4
    match bits.ue()? {
        0 => drop(bits.ue()?),
        1 => {
            bits.bits(1)?;
            bits.ue()?;
            bits.ue()?;
            let cycle = bits.ue()?.min(255);
            (0..cycle).try_for_each(|_| bits.ue().map(drop))?;
        }
        _ => {}
    }
    bits.ue()?; // max_num_ref_frames
    bits.bits(1)?;
    let (across, down) = (bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?);
    // Baseline pictures are frames.
    bits.bits(2)?;
    let mut crop = [0; 4];
    if bits.bits(1)? == 1 {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let [left, right, top, bottom] = crop;
    let side = |blocks: u32, cut: Option<u32>| blocks.checked_mul(16)?.checked_sub(cut?.checked_mul(2)?);
    Some((side(across, left.checked_add(right))?, side(down, top.checked_add(bottom))?))
}

/// Bits of a NAL unit behind its header, without emulation prevention (§7.3.1).
struct Bits<'a> {
    bytes: &'a [u8],
    zeros: u32,
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, zeros: 0, byte: 0, left: 0 }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            return self.next_byte();
        }
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        Some(byte)
    }

    fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            if self.left == 0 {
                (self.byte, self.left) = (self.next_byte()?, 8);
            }
            self.left -= 1;
            value = value << 1 | u32::from(self.byte >> self.left & 1);
        }
        Some(value)
    }

    /// Exp-Golomb, unsigned, of at most 31 bits (§9.1).
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bits(1)? == 0 {
            zeros += 1;
            if zeros > 30 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.bits(zeros)?)
    }
}
