//! The frames of one received stream, taken out of their packets and put into a file.

use super::{Place, Record};
use crate::conference::Codec;
use crate::container::{annexb, ivf, ogg};
use crate::rtp::{av1, h264, opus, vp8, vp9};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Bytes of payload that wait for their frames at most: beyond them the oldest are let go, and so are their frames.
pub const MAX_HELD: usize = 8 << 20;
/// The clock of pictures (RFC 7741 §4.1, RFC 6184 §5.1), and what lies between two of them where nobody says.
const VIDEO_CLOCK: u32 = 90_000;
const USUAL_GAP: i64 = 3_000;
/// In an OBU's header: a size follows it (AV1 bitstream §5.3.2).
const SIZED: u8 = 0x02;
/// The serial number of an Ogg's one stream.
const SERIAL: u32 = 0x7468_726F;

/// The file of one stream.
#[derive(Clone, Debug)]
pub struct Track {
    file: Arc<str>,
    codec: Codec,
    format: Format,
    /// Payloads by number, of frames that are not judged yet; sound with its RTP time.
    held: BTreeMap<i64, (i64, Box<[u8]>)>,
    held_bytes: usize,
    /// Everything up to here is written or gone.
    passed: Option<i64>,
    /// The RTP time that is 0 in the file.
    base: Option<i64>,
    /// Where in the file a stream that begins (again) goes on, and the least time of what comes next, in ticks.
    end: i64,
    least: i64,
    records: VecDeque<Record>,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    /// VP8, VP9 and AV1; frames so far.
    Ivf { frames: u32 },
    /// H.264.
    AnnexB,
    /// Opus; pages so far, and the granule position after the last.
    Ogg { pages: u32, granule: u64 },
}

impl Track {
    pub(super) fn new(stem: String, codec: Codec) -> Self {
        let (format, extension) = match codec {
            Codec::Vp8 | Codec::Vp9 | Codec::Av1 => (Format::Ivf { frames: 0 }, "ivf"),
            Codec::H264 => (Format::AnnexB, "h264"),
            Codec::Opus => (Format::Ogg { pages: 0, granule: 0 }, "opus"),
        };
        Self {
            file: format!("{stem}.{extension}").into(),
            codec,
            format,
            held: BTreeMap::new(),
            held_bytes: 0,
            passed: None,
            base: None,
            end: 0,
            least: 0,
            records: VecDeque::new(),
        }
    }

    /// A payload came, in any order: its unwrapped number and RTP time. Everything below `floor` is here or given up.
    pub fn handle_packet(&mut self, number: i64, rtp_time: i64, payload: &[u8], floor: i64) {
        if !payload.is_empty() && self.passed.is_none_or(|passed| number > passed) {
            self.hold(number, rtp_time, payload);
        }
        self.handle_settled(floor);
    }

    fn hold(&mut self, number: i64, rtp_time: i64, payload: &[u8]) {
        self.held_bytes += payload.len();
        if let Some((_, before)) = self.held.insert(number, (rtp_time, payload.into())) {
            self.held_bytes -= before.len();
        }
        while self.held_bytes > MAX_HELD {
            let Some((_, (_, oldest))) = self.held.pop_first() else { break };
            self.held_bytes -= oldest.len();
        }
    }

    /// The packets from `low` to `high`, `count` of them, are a picture that can be decoded.
    pub fn handle_picture(&mut self, low: i64, high: i64, count: u32, rtp_time: i64) {
        let payloads: Vec<Box<[u8]>> = self.held.range(low..=high).map(|(_, (_, payload))| payload.clone()).collect();
        self.handle_gone(high);
        if payloads.len() != count as usize {
            return;
        }
        match self.format {
            Format::Ivf { frames } => self.write_ivf(&payloads, rtp_time, frames),
            Format::AnnexB => self.write_h264(&payloads),
            Format::Ogg { .. } => {}
        }
    }

    /// What lies up to `high` was written, or will never be decoded.
    pub fn handle_gone(&mut self, high: i64) {
        let kept = self.held.split_off(&high.saturating_add(1));
        let gone = std::mem::replace(&mut self.held, kept);
        self.held_bytes -= gone.values().map(|(_, payload)| payload.len()).sum::<usize>();
        self.passed = Some(self.passed.map_or(high, |passed| passed.max(high)));
    }

    /// Everything below `floor` is here or given up: sound goes into the file that far.
    fn handle_settled(&mut self, floor: i64) {
        if !matches!(self.format, Format::Ogg { .. }) {
            return;
        }
        while let Some(first) = self.held.first_entry().filter(|first| *first.key() < floor) {
            let (number, (rtp_time, packet)) = first.remove_entry();
            self.held_bytes -= packet.len();
            self.passed = Some(number);
            self.write_opus(rtp_time, &packet);
        }
    }

    /// The stream begins again, with numbers and RTP times of its own. The file goes on.
    pub fn restart(&mut self) {
        self.handle_settled(i64::MAX);
        self.held.clear();
        (self.held_bytes, self.passed, self.base) = (0, None, None);
    }

    /// The stream has ended.
    pub fn finish(&mut self) {
        self.handle_settled(i64::MAX);
        match self.format {
            Format::Ivf { frames } if frames > 0 => {
                self.put(Place::At(ivf::LENGTH_AT), (self.end as u32).to_le_bytes().to_vec());
            }
            Format::Ogg { pages, granule } if pages > 0 => {
                let mut page = Vec::new();
                ogg::write_page(&mut page, ogg::ENDS, granule, SERIAL, pages, &[]);
                self.put(Place::End, page);
            }
            Format::Ivf { .. } | Format::AnnexB | Format::Ogg { .. } => {}
        }
    }

    /// The next record; drain to `None` after every input.
    pub fn poll_record(&mut self) -> Option<Record> {
        self.records.pop_front()
    }

    fn put(&mut self, place: Place, bytes: Vec<u8>) {
        self.records.push_back(Record { file: self.file.clone(), place, bytes });
    }

    /// The time in the file of what lasts `length` ticks: in step with the stream's own, and never back.
    fn time(&mut self, rtp_time: i64, length: i64, step: i64) -> u64 {
        let base = *self.base.get_or_insert(rtp_time - self.end);
        let time = (rtp_time - base).max(self.least);
        (self.end, self.least) = (time + length, time + step);
        time as u64
    }

    fn write_ivf(&mut self, payloads: &[Box<[u8]>], rtp_time: i64, frames: u32) {
        let Some((fourcc, frame, size)) = unpack(self.codec, payloads) else { return };
        let mut bytes = Vec::with_capacity(frame.len() + ivf::HEADER_LEN + ivf::FRAME_HEADER_LEN);
        if frames == 0 {
            // The file begins with a picture that says how large it is.
            let Some((width, height)) = size else { return };
            let header = ivf::Header { fourcc: *fourcc, width, height, rate: VIDEO_CLOCK, scale: 1 };
            bytes.extend_from_slice(&header.bytes());
        }
        // No two pictures have one time in an IVF.
        ivf::write_frame(&mut bytes, self.time(rtp_time, USUAL_GAP, 1), &frame);
        self.format = Format::Ivf { frames: frames + 1 };
        self.put(Place::End, bytes);
    }

    fn write_h264(&mut self, payloads: &[Box<[u8]>]) {
        let mut bytes = Vec::new();
        for payload in payloads {
            match h264::parse(payload) {
                Some(h264::Packet::Single(nal)) => annexb::write_nal(&mut bytes, nal),
                Some(h264::Packet::Aggregate(nals)) => nals.for_each(|nal| annexb::write_nal(&mut bytes, nal)),
                Some(h264::Packet::Fragment(fragment)) => {
                    if fragment.starts {
                        annexb::write_nal(&mut bytes, &[fragment.nal_header]);
                    }
                    bytes.extend_from_slice(fragment.bytes);
                }
                None => return,
            }
        }
        self.put(Place::End, bytes);
    }

    fn write_opus(&mut self, rtp_time: i64, packet: &[u8]) {
        let Format::Ogg { pages, .. } = self.format else { return };
        // What is longer than an Ogg page, or no Opus at all, has no place in the file.
        let Some(length) = opus::duration(packet).filter(|_| packet.len() <= ogg::MAX_PACKET) else { return };
        let mut bytes = Vec::with_capacity(packet.len() + 128);
        let mut number = pages;
        if pages == 0 {
            let channels = if opus::Toc(packet[0]).stereo() { 2 } else { 1 };
            ogg::write_page(&mut bytes, ogg::BEGINS, 0, SERIAL, 0, &ogg::opus_head(channels));
            ogg::write_page(&mut bytes, 0, 0, SERIAL, 1, &ogg::opus_tags("throng"));
            number = 2;
        }
        let samples = (length.as_micros() * 48 / 1_000) as i64;
        let granule = self.time(rtp_time, samples, samples) + samples as u64;
        ogg::write_page(&mut bytes, 0, granule, SERIAL, number, packet);
        self.format = Format::Ogg { pages: number + 1, granule };
        self.put(Place::End, bytes);
    }
}

/// What a frame is called in an IVF, its bytes, and the size that it names.
type Unpacked = (&'static [u8; 4], Vec<u8>, Option<(u16, u16)>);

/// Takes a frame out of its packets. `None` when they are none of the codec's.
fn unpack(codec: Codec, payloads: &[Box<[u8]>]) -> Option<Unpacked> {
    let mut frame = Vec::new();
    match codec {
        Codec::Vp8 => {
            for payload in payloads {
                frame.extend_from_slice(&payload[vp8::Descriptor::parse(payload)?.len..]);
            }
            let size = vp8::FrameHeader::parse(&frame).and_then(|header| header.size);
            Some((b"VP80", frame, size))
        }
        Codec::Vp9 => {
            for payload in payloads {
                frame.extend_from_slice(payload.get(vp9::parse(payload)?.descriptor.len..)?);
            }
            let size = vp9::FrameHeader::parse(&frame).and_then(|header| header.size);
            Some((b"VP90", frame, size))
        }
        // The size stands in the sequence header, where a decoder looks for it.
        Codec::Av1 => Some((b"AV01", temporal_unit(payloads)?, Some((0, 0)))),
        Codec::H264 | Codec::Opus => None,
    }
}

/// The OBUs of a picture behind a temporal delimiter, each with its size (AV1 bitstream §5.2, §7.5).
fn temporal_unit(payloads: &[Box<[u8]>]) -> Option<Vec<u8>> {
    let mut obus: Vec<Vec<u8>> = Vec::new();
    for payload in payloads {
        let packet = av1::parse(payload)?;
        for (index, piece) in packet.pieces().enumerate() {
            match obus.last_mut().filter(|_| index == 0 && packet.continues) {
                Some(open) => open.extend_from_slice(piece),
                None => obus.push(piece.to_vec()),
            }
        }
    }
    let mut unit = vec![av1::TEMPORAL_DELIMITER << 3 | SIZED, 0];
    for obu in &obus {
        let header = av1::Obu::parse(obu)?;
        if header.sized {
            unit.extend_from_slice(obu);
            continue;
        }
        let (head, body) = obu.split_at_checked(1 + usize::from(header.layer.is_some()))?;
        let start = unit.len();
        unit.extend_from_slice(head);
        unit[start] |= SIZED;
        let mut size = [0; 10];
        let length = av1::write_leb128(body.len() as u64, &mut size);
        unit.extend_from_slice(&size[..length]);
        unit.extend_from_slice(body);
    }
    Some(unit)
}
