//! The numbers that a subscriber sees of a track that is sent to it now from this layer, now from that one.
//!
//! Each layer is a stream of its own, with its own sequence numbers, RTP time, picture ids, TL0PICIDX and frame numbers; a
//! subscriber gets one stream in which none of them falls or jumps. A switch goes on where the last layer stopped; frames
//! that are left out leave no gap in sequence numbers, and none in picture ids where nothing refers by them (VP8). What was lost on the way from the publisher keeps its numbers free, so that a
//! packet that is recovered later finds its place, also after a switch.

use super::offered::{Numbers, Offered};
use crate::clock::Instant;
use crate::rtp::ntp::Ntp;
use std::collections::VecDeque;

/// Runs of packets between two frames that were left out, a layer; older ones are forgotten.
const RUNS: usize = 64;
/// Pictures of which something was left out, which are remembered.
const LEFT_OUT: usize = 32;
/// A clock that differs from the arrivals by more than this many seconds is not believed.
const BELIEVED: i64 = 10;

/// The state of one stream to a subscriber.
#[derive(Debug)]
pub(super) struct Renumberer {
    clock_rate: u32,
    /// Whether picture ids are counted anew where pictures are left out.
    counts_anew: bool,
    /// The next sequence number that nothing has.
    next: u64,
    source: Option<Source>,
    /// The layer before it, for what is late.
    before: Option<Source>,
    /// RTP time of the newest frame, and when it arrived.
    newest: Option<(u32, Instant)>,
    /// An instant of the publisher's clock, and its RTP time in this stream.
    anchor: Option<(Ntp, u32)>,
    /// Picture id and TL0PICIDX of the newest frame.
    picture: (u16, u8),
    /// Frame number of the newest frame.
    number: u16,
}

/// The layer that is being sent.
#[derive(Debug)]
struct Source {
    layer: u8,
    runs: VecDeque<Run>,
    highest: u64,
    /// What is added to its RTP times, its TL0PICIDX, and its frame numbers.
    time: u32,
    tl0: u8,
    number: u16,
    frame: u32,
    /// The RTP time in this stream with which another layer began.
    until: Option<u32>,
    /// RTP times of pictures of which something was left out, as they came, each with a bit for each spatial layer that was
    /// not.
    left_out: [Option<(u32, u8)>; LEFT_OUT],
    gone: usize,
}

/// Packets from here on have these differences.
#[derive(Clone, Copy, Debug)]
struct Run {
    from: u64,
    sequence: u64,
    picture: u16,
}

impl Renumberer {
    /// Nothing was sent; the first packet will have this number. With `counts_anew` pictures that are left out leave no gap
    /// in picture ids.
    pub fn new(first_sequence: u64, clock_rate: u32, counts_anew: bool) -> Self {
        Self {
            clock_rate,
            counts_anew,
            next: first_sequence,
            source: None,
            before: None,
            newest: None,
            anchor: None,
            picture: (0, 0),
            number: 0,
        }
    }

    /// Leaves so many sequence numbers out.
    #[cfg(test)]
    pub fn skip(&mut self, numbers: u64) {
        self.next += numbers;
    }

    /// The layer that is being sent.
    pub fn layer(&self) -> Option<u8> {
        self.source.as_ref().map(|source| source.layer)
    }

    /// Whether this packet begins a frame newer than all that was seen of its layer.
    pub fn is_new_frame(&self, packet: &Offered) -> bool {
        let current = self.source.as_ref().filter(|source| source.layer == packet.layer);
        current.is_some_and(|source| packet.sequence > source.highest && packet.rtp_time != source.frame)
    }

    /// Whether a later packet of its layer was seen before this one.
    pub fn is_behind(&self, packet: &Offered) -> bool {
        self.source.as_ref().is_some_and(|source| source.layer == packet.layer && packet.sequence <= source.highest)
    }

    /// Goes over to the layer of this packet, which begins a keyframe.
    pub fn switch(&mut self, packet: &Offered) -> Numbers {
        let (picture, frame) = (packet.picture.unwrap_or_default(), packet.frame.unwrap_or_default());
        let (time, id, tl0, number) = match self.newest {
            // The first layer keeps its own.
            None => (packet.rtp_time, picture.id, picture.tl0, frame),
            Some(newest) => {
                let time = self.time_after(newest, packet);
                let (id, tl0) = self.picture;
                (time, id.wrapping_add(1), tl0.wrapping_add(1), self.number.wrapping_add(1))
            }
        };
        let run = Run {
            from: packet.sequence,
            sequence: self.next.wrapping_sub(packet.sequence),
            picture: id.wrapping_sub(picture.id),
        };
        self.before = self.source.take().map(|source| Source { until: Some(time), ..source });
        self.source = Some(Source {
            layer: packet.layer,
            runs: VecDeque::from([run]),
            highest: packet.sequence.wrapping_sub(1),
            time: time.wrapping_sub(packet.rtp_time),
            tl0: tl0.wrapping_sub(picture.tl0),
            number: number.wrapping_sub(frame),
            frame: packet.rtp_time,
            until: None,
            left_out: [None; LEFT_OUT],
            gone: 0,
        });
        self.pass(packet).expect("it is the newest of the layer being sent")
    }

    /// The spatial layers that are kept of the picture of a packet of the layer being sent, a bit each; `None` where nothing was
    /// left out of it.
    pub fn kept_of(&self, packet: &Offered) -> Option<u8> {
        self.source.as_ref()?.kept_of(packet.rtp_time)
    }

    /// The numbers of a packet of the layer being sent, or of one that is late of the layer before; `None` for any other.
    pub fn pass(&mut self, packet: &Offered) -> Option<Numbers> {
        let source = self.source.as_mut().filter(|source| source.layer == packet.layer);
        let Some(source) = source else { return self.before.as_ref()?.late(packet) };
        if packet.sequence <= source.highest {
            return source.late(packet);
        }
        let run = *source.runs.back()?;
        source.highest = packet.sequence;
        source.frame = packet.rtp_time;
        let numbers = source.numbers(&run, packet);
        self.next = numbers.sequence + 1;
        if self.newest.is_none_or(|(newest, _)| newest != numbers.rtp_time) {
            self.newest = Some((numbers.rtp_time, packet.arrival));
        }
        self.picture = numbers.picture.unwrap_or(self.picture);
        self.number = numbers.frame.unwrap_or(self.number);
        if let (None, Some(clock)) = (self.anchor, packet.clock) {
            self.anchor = Some((clock.ntp, clock.rtp_time.wrapping_add(source.time)));
        }
        Some(numbers)
    }

    /// Leaves a packet of the layer being sent out: of a frame that the subscriber does not get, of whose picture it gets the
    /// spatial layers of these bits; or padding, with `None`. What is late and has a number that was kept free for it goes
    /// out empty under that.
    pub fn leave_out(&mut self, packet: &Offered, kept: Option<u8>) -> Option<Numbers> {
        let source = self.source.as_mut().filter(|source| source.layer == packet.layer)?;
        if packet.sequence <= source.highest {
            return source.late(packet).map(|numbers| Numbers { empty: true, ..numbers });
        }
        let run = *source.runs.back()?;
        let is_known = kept.is_some_and(|kept| source.note_left_out(packet.rtp_time, kept));
        let is_gone = kept == Some(0) && !is_known && self.counts_anew;
        let next = Run {
            from: packet.sequence + 1,
            sequence: run.sequence.wrapping_sub(1),
            picture: run.picture.wrapping_sub(u16::from(is_gone)),
        };
        // What is missing before it keeps its numbers free.
        self.next = packet.sequence.wrapping_add(run.sequence);
        source.highest = packet.sequence;
        if kept.is_some() {
            source.frame = packet.rtp_time;
        }
        if run.from == packet.sequence {
            source.runs.pop_back();
        }
        source.runs.push_back(next);
        if source.runs.len() > RUNS {
            source.runs.pop_front();
        }
        None
    }

    /// The RTP time of the first frame of another layer: by the publisher's clock where sender reports tell it, by the
    /// arrivals otherwise, and after the newest frame in any case.
    fn time_after(&self, (newest, arrived): (u32, Instant), packet: &Offered) -> u32 {
        let passed = packet.arrival.saturating_since(arrived).as_nanos() as u64;
        let by_arrival = (u128::from(passed) * u128::from(self.clock_rate) / 1_000_000_000) as i64;
        let by_clock = self.anchor.zip(packet.clock).map(|((at, rtp_time), clock)| {
            let since = clock.ntp.signed_nanos_since(at);
            let ticks = i128::from(since) * i128::from(self.clock_rate) / 1_000_000_000;
            let time = rtp_time.wrapping_add(ticks as u32).wrapping_add(packet.rtp_time.wrapping_sub(clock.rtp_time));
            i64::from(time.wrapping_sub(newest) as i32)
        });
        let believed = |ahead: &i64| (ahead - by_arrival).abs() < BELIEVED * i64::from(self.clock_rate);
        let ahead = by_clock.filter(believed).unwrap_or(by_arrival);
        newest.wrapping_add(ahead.max(1) as u32)
    }
}

impl Source {
    /// Remembers what is kept of a picture of which something is left out; whether something was before.
    fn note_left_out(&mut self, rtp_time: u32, kept: u8) -> bool {
        if let Some((_, known)) = self.left_out.iter_mut().flatten().find(|(time, _)| *time == rtp_time) {
            *known &= kept;
            return true;
        }
        self.left_out[self.gone % LEFT_OUT] = Some((rtp_time, kept));
        self.gone += 1;
        false
    }

    /// The spatial layers that are kept of a picture, a bit each; `None` where nothing was left out of it.
    fn kept_of(&self, rtp_time: u32) -> Option<u8> {
        self.left_out.iter().flatten().find(|(time, _)| *time == rtp_time).map(|(_, kept)| *kept)
    }

    fn numbers(&self, run: &Run, packet: &Offered) -> Numbers {
        Numbers {
            sequence: packet.sequence.wrapping_add(run.sequence),
            rtp_time: packet.rtp_time.wrapping_add(self.time),
            picture: packet
                .picture
                .map(|picture| (picture.id.wrapping_add(run.picture) & 0x7FFF, picture.tl0.wrapping_add(self.tl0))),
            frame: packet.frame.map(|frame| frame.wrapping_add(self.number)),
            active: None,
            marker: false,
            empty: false,
        }
    }

    /// The numbers of a packet that comes after a later one; `None` for one from before this layer was sent.
    fn late(&self, packet: &Offered) -> Option<Numbers> {
        if packet.layer != self.layer || packet.sequence > self.highest {
            return None;
        }
        let run = self.runs.iter().rev().find(|run| run.from <= packet.sequence)?;
        let spatial = packet.place.map_or(0, |place| place.spatial);
        let empty = self.kept_of(packet.rtp_time).is_some_and(|kept| kept >> (spatial & 7) & 1 == 0);
        let mut numbers = Numbers { empty, ..self.numbers(run, packet) };
        if let Some(until) = self.until.filter(|until| (numbers.rtp_time.wrapping_sub(*until) as i32) > 0) {
            // A frame that was left out may be younger than the one with which another layer began.
            numbers.rtp_time = until;
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests;
