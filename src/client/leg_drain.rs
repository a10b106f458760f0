//! What a received stream has to say, on its way out: samples, the RTCP that it asks for, and what is written of it.

use super::leg_receive::Incoming;
use super::recovery::Back;
use super::turn::Turn;
use crate::clock::Instant;
use crate::participant::subscriber::{Arrived, First, Output, Request};
use crate::rtp::rtcp::{self, FirRequest};
use std::collections::VecDeque;

/// Ends a stream, and takes what it says at its end.
pub(super) fn finish_stream(turn: &mut Turn<'_>, incoming: &mut Incoming, firsts: &mut VecDeque<(First, Instant)>) {
    incoming.stream.finish(turn.now);
    // What a stream asks for at its end is asked of nobody any more.
    drain_stream(turn, incoming, 0, &mut Vec::new(), firsts);
    incoming.ended = true;
}

/// Has a stream take a packet, and takes what it says of it.
pub(super) fn take_packet(
    turn: &mut Turn<'_>,
    incoming: &mut Incoming,
    arrived: &Arrived<'_>,
    sender: u32,
    out: &mut Vec<u8>,
    firsts: &mut VecDeque<(First, Instant)>,
) {
    incoming.stream.lend_room(std::mem::take(&mut turn.sink.room));
    incoming.stream.handle_packet(turn.now, arrived);
    drain_stream(turn, incoming, sender, out, firsts);
}

/// Takes everything that a stream says; what it asks for goes into `out`, as from `sender`.
pub(super) fn drain_stream(
    turn: &mut Turn<'_>,
    incoming: &mut Incoming,
    sender: u32,
    out: &mut Vec<u8>,
    firsts: &mut VecDeque<(First, Instant)>,
) {
    let (media, ssrc) = (incoming.media, incoming.ssrc);
    while let Some(record) = incoming.stream.poll_record() {
        turn.sink.dumped.push(record);
    }
    while let Some(output) = incoming.stream.poll_output() {
        match output {
            Output::Request(Request::Nack(ask)) => ask.write(out, sender, ssrc),
            Output::Request(Request::Pli) => rtcp::write_pli(out, sender, ssrc),
            Output::Request(Request::Fir) => {
                incoming.fir_sequence = incoming.fir_sequence.wrapping_add(1);
                rtcp::write_fir(out, sender, &[FirRequest { ssrc, sequence: incoming.fir_sequence }]);
            }
            Output::Sample { metric, due, value } => {
                let key = turn.key(media, due);
                turn.sink.recorder.record(metric, key, value);
            }
            Output::Censored { metric, due, value } => {
                let key = turn.key(media, due);
                turn.sink.recorder.record_censored(metric, key, value);
            }
            Output::Count { metric, due, n } => turn.count(metric, media, due, n),
            Output::Ratio { metric, due, numerator, denominator } => {
                turn.ratio(metric, media, due, numerator, denominator)
            }
            Output::First(first, at) => firsts.push_back((first, at)),
            Output::Delivered { due, at, before } => incoming.back = Some(Back::after_gap(due, at, before)),
        }
    }
    turn.sink.room = incoming.stream.take_room();
}
