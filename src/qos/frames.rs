//! Frames out of packets, and which of them could be decoded, without a decoder.
//!
//! A frame is the packets of one RTP time, from the first (its payload says so, or the packet before it ends another frame)
//! to the last (the marker, or the packet after it begins another). It is decodable when it is complete and what it
//! refers to was decodable (`references`). Frames leave in decoding order: one that cannot become whole any more, because
//! its missing packets were given up, is undecodable, and so are those that lean on it until a keyframe. A frame of which no
//! packet came is nobody's to count here. At most [`OPEN`] frames are open.

use super::references::{Place, References};
use super::units::{Unit, Units};
use crate::clock::{Duration, Instant};
use std::collections::VecDeque;

/// How many frames may be open; the oldest is given up beyond that.
pub const OPEN: usize = 32;
/// A frame that is still open this long after its first packet when the stream ends never became decodable.
const OPEN_AT_END: Duration = Duration::from_millis(500);
/// Padding-only packets that are remembered, as they lie between frames and belong to none.
const FILLERS: usize = 8;
/// How many more frames are made room for at a time: there are thousands of streams, and most have one frame open.
const STEP: usize = 2;

/// Bytes that a packet has of its own: a VP8 descriptor has 1 to 6 (RFC 7741 §4.2), one of VP9 as many (RFC 9628 §4.2),
/// an FU-A's headers 2 (RFC 6184 §5.8).
const PACKET_OVERHEAD: i64 = 6;
/// Bytes that a frame has besides: the aggregation of a keyframe's parameter sets (RFC 6184 §5.7.1), or a packet more.
const FRAME_OVERHEAD: i64 = 16;

/// What a stamp says of a frame's times and size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// When the frame was due at its publisher.
    pub due: Instant,
    /// When its first packet left the publisher's network, where known.
    pub left: Option<Instant>,
    /// Bytes of payload of the whole frame as it was sent; where a picture has several layers, of its layer. 0 where nobody
    /// says.
    pub bytes: u32,
    /// The layer that it is of, 0 the lowest: of simulcast, or spatial in one stream.
    pub layer: u8,
}

/// What an opened payload says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Opened {
    /// A frame begins with this packet.
    pub starts: bool,
    /// It belongs to a keyframe.
    pub keyframe: bool,
    /// The frame's place among others, in a first packet.
    pub place: Place,
    /// What it refers to, where it says so itself, in the first packet of each layer.
    pub unit: Option<Unit>,
    /// The frame's stamp, in a first packet.
    pub timing: Option<Timing>,
}

/// One packet of a video stream, for the first time here.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Unwrapped sequence number.
    pub number: i64,
    /// Unwrapped RTP time.
    pub rtp_time: i64,
    /// The last packet of its frame.
    pub marker: bool,
    /// When it came.
    pub received: Instant,
    /// Bytes of its payload.
    pub bytes: u32,
    /// What the payload says, where it was opened.
    pub opened: Option<Opened>,
}

/// A frame, as far as it is here.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Unwrapped RTP time.
    pub rtp_time: i64,
    /// Lowest sequence number here.
    pub low: i64,
    /// Highest sequence number here.
    pub high: i64,
    /// Packets here.
    pub held: u32,
    /// Bytes of their payloads.
    pub bytes: u32,
    /// Whether it is a keyframe.
    pub keyframe: bool,
    /// Its place among others.
    pub place: Place,
    /// When its first packet came.
    pub first: Instant,
    /// When its last packet came.
    pub last: Instant,
    /// What its stamps say: the lowest layer's times, the bytes of all layers, and the highest layer.
    pub timing: Option<Timing>,
    /// A bit for each layer whose stamp was read.
    stamped: u8,
    starts: bool,
    ends: bool,
    complete: bool,
    torn: bool,
}

impl Frame {
    const fn new(piece: &Piece) -> Self {
        Self {
            rtp_time: piece.rtp_time,
            low: piece.number,
            high: piece.number,
            held: 0,
            bytes: 0,
            keyframe: false,
            place: Place { picture_id: None, tl0: None, layer: None },
            first: piece.received,
            last: piece.received,
            timing: None,
            stamped: 0,
            starts: false,
            ends: false,
            complete: false,
            torn: false,
        }
    }

    /// When it was due, or came where nobody says.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.timing.map_or(self.first, |timing| timing.due)
    }

    /// Adds a packet of this frame; whether that contradicts the others.
    fn take(&mut self, piece: &Piece) -> bool {
        let contradicts = self.ends && piece.number > self.high || piece.marker && piece.number < self.high;
        if piece.number < self.low {
            (self.low, self.starts) = (piece.number, false);
        }
        self.high = self.high.max(piece.number);
        self.ends |= piece.marker;
        self.held += 1;
        self.bytes += piece.bytes;
        self.first = self.first.min(piece.received);
        self.last = self.last.max(piece.received);
        if let Some(opened) = piece.opened {
            self.keyframe |= opened.keyframe;
            self.note(opened.timing);
            if opened.starts && piece.number == self.low {
                (self.starts, self.place) = (true, opened.place);
            }
        }
        contradicts
    }

    fn note(&mut self, timing: Option<Timing>) {
        let Some(new) = timing else { return };
        let bit = 1u8 << (new.layer & 7);
        if self.stamped & bit != 0 {
            return;
        }
        self.stamped |= bit;
        self.timing = Some(match self.timing {
            Some(old) => {
                let bytes = old.bytes.saturating_add(new.bytes);
                Timing { bytes, layer: old.layer.max(new.layer), ..old }
            }
            None => new,
        });
    }

    const fn is_whole(&self) -> bool {
        self.starts && self.ends && self.held as i64 == self.high - self.low + 1
    }

    /// Whether the bytes here are not those that were sent, although every packet is here. A server may write other
    /// payload descriptors, or cut the frame into other packets: both change it by a few bytes a packet.
    fn has_another_length(&self) -> bool {
        let sent = self.timing.map(|timing| i64::from(timing.bytes)).filter(|bytes| *bytes > 0);
        let Some(sent) = sent else { return false };
        (i64::from(self.bytes) - sent).abs() > PACKET_OVERHEAD * i64::from(self.held) + FRAME_OVERHEAD
    }
}

/// What happened to a frame.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Every packet is here.
    Complete(Frame),
    /// It can be decoded, since this instant.
    Decodable(Frame, Instant),
    /// It will never be decoded.
    Undecodable(Frame),
    /// Its packets contradict each other.
    Torn(Frame),
    /// Its picture id does not follow the one before it, although no packet is missing between them.
    PictureGap(Frame),
    /// Its TL0PICIDX does not follow that of the one before it, although no packet is missing between them.
    BaseGap(Frame),
    /// Nothing can be decoded any more until a keyframe comes.
    Blocked(Instant),
}

/// The frames of one video stream.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    open: VecDeque<Frame>,
    references: References,
    units: Units,
    /// Last sequence number of the newest decoded frame.
    decoded_end: Option<i64>,
    /// The newest frame that left: its last sequence number, whether it was whole, and its place.
    gone: Option<(i64, bool, Place)>,
    /// Whether the last packet of that frame is known to end it.
    gone_ended: bool,
    fillers: [i64; FILLERS],
    filled: usize,
    events: VecDeque<Event>,
}

impl Frames {
    /// Takes a packet. Packets below `floor` are settled: here, or given up.
    pub fn handle_piece(&mut self, piece: &Piece, floor: i64) {
        if self.gone.is_some_and(|(end, ..)| piece.number <= end) {
            return;
        }
        if self.continues(piece) {
            return;
        }
        let index = self.place_of(piece);
        if let Some(unit) = piece.opened.and_then(|opened| opened.unit) {
            self.units.handle_unit(piece.rtp_time, unit);
        }
        let frame = &mut self.open[index];
        if frame.take(piece) {
            self.tear(index);
        }
        self.link(index);
        let completed = self.complete_around(index);
        if completed || self.open.len() > 1 {
            self.resolve(piece.received, floor);
        }
        if self.open.len() > OPEN {
            self.give_up_front(piece.received);
        }
    }

    /// Takes a packet that holds nothing but padding.
    pub fn handle_filler(&mut self, number: i64, at: Instant, floor: i64) {
        self.fillers[self.filled % FILLERS] = number;
        self.filled += 1;
        for index in 0..self.open.len() {
            self.link(index);
        }
        for index in 0..self.open.len() {
            self.complete(index);
        }
        self.resolve(at, floor);
    }

    /// Packets below `floor` are settled as of `now`.
    pub fn handle_settled(&mut self, now: Instant, floor: i64) {
        if !self.open.is_empty() {
            self.resolve(now, floor);
        }
    }

    /// The stream began again: what is open is not to be continued.
    pub fn restart(&mut self, now: Instant) {
        while !self.open.is_empty() {
            self.give_up_front(now);
        }
        self.gone = None;
        self.decoded_end = None;
    }

    /// The stream ended: what is still open and old enough never became decodable.
    pub fn finish(&mut self, now: Instant) {
        while let Some(frame) = self.open.pop_front() {
            self.units.forget(frame.rtp_time);
            if now.saturating_since(frame.first) >= OPEN_AT_END || !self.open.is_empty() {
                tell(&mut self.events, Event::Undecodable(frame));
            }
        }
    }

    /// What happened; drain to `None` after every input.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether a keyframe was decoded and the frames since then lean on it without a break.
    #[must_use]
    pub const fn is_intact(&self) -> bool {
        self.references.is_intact()
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.units.heap_bytes()
            + self.open.capacity() * size_of::<Frame>()
            + self.events.capacity() * size_of::<Event>()
    }

    /// The index of the frame that `piece` belongs to, which is opened if need be.
    fn place_of(&mut self, piece: &Piece) -> usize {
        if let Some(index) = self.open.iter().rposition(|frame| frame.rtp_time == piece.rtp_time) {
            return index;
        }
        let index = self.open.iter().rposition(|frame| frame.low < piece.number).map_or(0, |before| before + 1);
        if index > 0 && self.open[index - 1].high > piece.number {
            self.tear(index - 1);
        }
        if self.open.len() == self.open.capacity() {
            self.open.reserve_exact(STEP);
        }
        self.open.insert(index, Frame::new(piece));
        index
    }

    /// Takes the usual packet, in the middle of the newest frame and unopened, which changes nothing but counts.
    fn continues(&mut self, piece: &Piece) -> bool {
        let Some(frame) = self.open.back_mut() else { return false };
        let usual = frame.rtp_time == piece.rtp_time
            && frame.high + 1 == piece.number
            && !(frame.ends || piece.marker)
            && piece.opened.is_none();
        if usual {
            frame.high = piece.number;
            frame.held += 1;
            frame.bytes += piece.bytes;
            frame.last = frame.last.max(piece.received);
        }
        usual
    }

    /// Learns from its neighbours where a frame begins and ends.
    fn link(&mut self, index: usize) {
        let frame = self.open[index];
        let begins = match index.checked_sub(1) {
            Some(before) => self.follows(self.open[before].high, frame.low),
            None => self.gone.is_some_and(|(end, ..)| self.gone_ended && self.follows(end, frame.low)),
        };
        if begins {
            self.open[index].starts = true;
            if index > 0 {
                self.open[index - 1].ends = true;
            }
        }
        if self.open.get(index + 1).is_some_and(|next| self.follows(frame.high, next.low)) {
            self.open[index].ends = true;
            self.open[index + 1].starts = true;
        }
    }

    fn complete_around(&mut self, index: usize) -> bool {
        let mut completed = false;
        for index in index.saturating_sub(1)..=(index + 1).min(self.open.len() - 1) {
            completed |= self.complete(index);
        }
        completed
    }

    fn complete(&mut self, index: usize) -> bool {
        let frame = &mut self.open[index];
        if frame.complete || !frame.is_whole() {
            return false;
        }
        frame.complete = true;
        let frame = *frame;
        tell(&mut self.events, Event::Complete(frame));
        if frame.has_another_length() {
            self.tear(index);
        }
        true
    }

    fn tear(&mut self, index: usize) {
        let frame = &mut self.open[index];
        if !frame.torn {
            frame.torn = true;
            tell(&mut self.events, Event::Torn(*frame));
        }
    }

    /// Lets frames go as far as they can be judged.
    fn resolve(&mut self, at: Instant, floor: i64) {
        let mut index = 0;
        while let Some(&frame) = self.open.get(index) {
            // A lower layer may come after a higher one that looked like the whole picture.
            if frame.complete && frame.is_whole() && self.allows(&frame) {
                (0..index).for_each(|_| self.skip_front());
                self.decode_front(at);
                index = 0;
                continue;
            }
            if index == 0 && self.is_hopeless(&frame, floor) {
                self.give_up_front(at);
                continue;
            }
            index += 1;
        }
    }

    fn allows(&self, frame: &Frame) -> bool {
        self.units.allow(frame.rtp_time).unwrap_or_else(|| {
            let adjacent = self.decoded_end.is_some_and(|end| self.follows(end, frame.low));
            self.references.allow(frame.keyframe, &frame.place, adjacent)
        })
    }

    /// Whether the oldest open frame can never be decoded, with everything below `floor` settled.
    fn is_hopeless(&self, frame: &Frame, floor: i64) -> bool {
        let next = self.open.get(1);
        if frame.complete {
            return floor >= frame.low;
        }
        let hole = i64::from(frame.held) < frame.high - frame.low + 1 && floor > frame.high;
        let no_start = !frame.starts && floor >= frame.low && (frame.ends || next.is_some());
        let no_end = !frame.ends && next.is_some_and(|next| floor >= next.low);
        hole || no_start || no_end
    }

    fn decode_front(&mut self, at: Instant) {
        if let Some(frame) = self.open.front() {
            self.units.handle_decoded(frame.rtp_time, frame.keyframe);
        }
        let Some(frame) = self.take_front() else { return };
        self.references.handle_decoded(frame.keyframe, &frame.place);
        self.decoded_end = Some(frame.high);
        tell(&mut self.events, Event::Decodable(frame, at));
    }

    fn skip_front(&mut self) {
        if let Some(frame) = self.take_front() {
            tell(&mut self.events, Event::Undecodable(frame));
        }
    }

    fn give_up_front(&mut self, at: Instant) {
        // Of a picture that says nothing of itself, the base pictures after it will tell whether it was needed.
        let named = self.open.front().and_then(|frame| self.units.is_base(frame.rtp_time));
        let Some(frame) = self.take_front() else { return };
        tell(&mut self.events, Event::Undecodable(frame));
        let base = if self.units.is_used() { named == Some(true) } else { frame.place.is_base() };
        if base {
            self.references.break_off();
            tell(&mut self.events, Event::Blocked(at));
        }
    }

    fn take_front(&mut self) -> Option<Frame> {
        let frame = self.open.pop_front()?;
        self.units.forget(frame.rtp_time);
        if let Some((end, true, before)) = self.gone
            && frame.complete
            && self.follows(end, frame.low)
        {
            if before.is_followed_by(&frame.place) == Some(false) {
                tell(&mut self.events, Event::PictureGap(frame));
            }
            if before.has_base_of(&frame.place) == Some(false) {
                tell(&mut self.events, Event::BaseGap(frame));
            }
        }
        self.gone = Some((frame.high, frame.complete, frame.place));
        self.gone_ended = frame.ends;
        Some(frame)
    }

    /// Whether nothing but padding lies between the two.
    fn follows(&self, end: i64, low: i64) -> bool {
        if low == end + 1 {
            return true;
        }
        let known = &self.fillers[..self.filled.min(FILLERS)];
        low > end && low - end <= known.len() as i64 + 1 && (end + 1..low).all(|number| known.contains(&number))
    }
}

fn tell(events: &mut VecDeque<Event>, event: Event) {
    if events.len() == events.capacity() {
        events.reserve_exact(STEP);
    }
    events.push_back(event);
}

#[cfg(test)]
mod tests;
