//! Where the parts of a stream put what they have to say.

use super::output::{First, Output, Request};
use super::stream::Stream;
use super::tally::Tally;
use crate::clock::Instant;
use crate::dump::Track;
use crate::metrics::catalog::Metric;
use crate::qos::frames::Frame;
use crate::qos::sync::Timeline;
use std::collections::VecDeque;

/// Outputs that there is room for when nothing happens: as many as the last packet of a frame may cause.
const KEPT: usize = 8;

/// Outputs in order, and the counts that become outputs once a second.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To be polled.
    pub queue: VecDeque<Output>,
    /// To be handed out once a second.
    pub tally: Tally,
    /// The next unit that was sent at this time or later is told.
    pub armed: Option<Instant>,
    /// When the newest unit that was delivered had been due.
    pub newest: Option<Instant>,
    /// When the frame of the packet at hand was due, as its header says where its payload cannot.
    pub captured: Option<Instant>,
    /// Its RTP time on its publisher's clock and on ours.
    pub timeline: Timeline,
    /// Where its frames are written, of one who dumps what it receives.
    pub track: Option<Box<Track>>,
}

impl Outbox {
    /// The next of them. What the end of a second took more room for than packets do is given back: thousands of streams
    /// are kept, and each is said something of once in a while.
    pub fn poll(&mut self) -> Option<Output> {
        let output = self.queue.pop_front();
        if output.is_none() && self.queue.capacity() > KEPT {
            self.queue.shrink_to(KEPT);
        }
        output
    }

    /// A value of a trend.
    pub fn sample(&mut self, metric: Metric, due: Instant, value: f64) {
        self.tally.note(metric, value);
        self.queue.push_back(Output::Sample { metric, due, value });
    }

    /// What was asked for at `requested` is here at `at`: how long that took.
    pub fn answered(&mut self, metric: Metric, requested: &mut Option<Instant>, at: Instant) {
        if let Some(asked) = requested.take() {
            self.sample(metric, asked, at.saturating_since(asked).as_secs_f64());
        }
    }

    /// What was asked for at `requested` has not come by `now`, and will not.
    pub fn unanswered(&mut self, metric: Metric, requested: &mut Option<Instant>, now: Instant) {
        if let Some(asked) = requested.take() {
            let value = now.saturating_since(asked).as_secs_f64();
            self.queue.push_back(Output::Censored { metric, due: asked, value });
        }
    }

    /// One more of a counter.
    pub fn count(&mut self, metric: Metric) {
        self.tally.count(metric, 1);
    }

    /// A decodable frame, or a packet of sound, that was due at `due` is here at `at`.
    #[inline]
    pub fn delivered(&mut self, due: Instant, at: Instant) {
        if self.armed.is_some_and(|after| due >= after) {
            self.armed = None;
            self.queue.push_back(Output::Delivered { due, at, before: self.newest });
        }
        self.newest = Some(due);
    }

    /// Something for the first time.
    pub fn first(&mut self, first: First, at: Instant) {
        self.queue.push_back(Output::First(first, at));
    }

    /// A picture left: it can be decoded, or never will be.
    #[inline]
    pub fn left(&mut self, frame: &Frame, decodable: bool) {
        match &mut self.track {
            Some(track) if decodable => track.handle_picture(frame.low, frame.high, frame.held, frame.rtp_time),
            Some(track) => track.handle_gone(frame.high),
            None => {}
        }
    }

    /// Something to ask of the sender.
    pub fn request(&mut self, request: Request) {
        self.queue.push_back(Output::Request(request));
    }

    /// Hands out what was counted, as of `due`.
    pub fn flush(&mut self, due: Instant) {
        self.tally.flush(due, &mut self.queue);
    }
}

impl Stream {
    /// Gives it room for outputs, which it gives back with [`Self::take_room`] once they are polled: thousands of streams
    /// need none of their own.
    pub fn lend_room(&mut self, room: VecDeque<Output>) {
        if self.out.queue.is_empty() {
            self.out.queue = room;
        }
    }

    /// Gives back room for outputs; call when all were polled.
    pub fn take_room(&mut self) -> VecDeque<Output> {
        std::mem::take(&mut self.out.queue)
    }
}
