//! Sound that comes again in a later packet: whole by RED (RFC 2198), or at a low rate by Opus' in-band FEC (RFC 6716 §2.1.7).
//!
//! What is missing and comes back so counts as a retransmission would: as lost by the network, not as residual loss, and
//! as heard if it is here when it is to be played.

use super::super::output::Arrived;
use super::{Media, SECOND, Stream};
use crate::clock::Instant;
use crate::metrics::catalog::Metric;
use crate::rtp::{opus, red};

impl Stream {
    /// Takes a packet that came by itself, out of its RED where it is in it, and what it brings again.
    pub(super) fn take_with_redundancy(&mut self, now: Instant, arrived: &Arrived) {
        let packet = arrived.payload.filter(|_| arrived.red).and_then(red::parse);
        if packet.is_none() && arrived.red && arrived.payload.is_some_and(|payload| !payload.is_empty()) {
            self.out.count(Metric::IntegrityRed);
        }
        let primary = packet.as_ref().map(|packet| packet.primary.payload);
        let plain = if arrived.red { &Arrived { payload: primary, ..*arrived } } else { arrived };
        self.take_original(now, plain);
        self.take_redundancy(now, plain, packet.as_ref().map_or(&[], |packet| packet.redundant()));
    }

    /// What a packet of sound brings again of those before it: whole ones, newest last, and one at a low rate.
    fn take_redundancy(&mut self, now: Instant, arrived: &Arrived, blocks: &[red::Block<'_>]) {
        let Some(payload) = arrived.payload.filter(|_| matches!(self.media, Media::Sound(_))) else { return };
        self.repeats = self.repeats.max(blocks.len() as u8);
        for (back, block) in (1..).zip(blocks.iter().rev()) {
            let rtp_time = arrived.rtp_time.wrapping_sub(block.offset);
            self.take_again(now, arrived, back, rtp_time, Some(block.payload));
        }
        if opus::has_redundancy(payload)
            && let Some(length) = opus::duration(payload)
        {
            self.repeats = self.repeats.max(1);
            let ticks = length.as_nanos() * u128::from(self.expect.codec.clock_rate()) / u128::from(SECOND);
            self.take_again(now, arrived, 1, arrived.rtp_time.wrapping_sub(ticks as u32), None);
        }
    }

    /// The packet that lies so many before one that arrived, out of that one, if it is missing.
    fn take_again(&mut self, now: Instant, by: &Arrived, back: u16, rtp_time: u32, payload: Option<&[u8]>) {
        let sequence = by.sequence.wrapping_sub(back);
        let Some(number) = self.arrivals.handle_repair(sequence) else { return };
        let in_time = self.missing.handle_filled(number, false, false);
        self.late += u64::from(!in_time);
        self.out.tally.count(Metric::AudioRecovered, u32::from(in_time));
        let again = Arrived { sequence, rtp_time, payload, marker: false, rtx: true, ..*by };
        let unwrapped = self.order.unwrap(rtp_time);
        self.take_media(now, number, unwrapped, in_time, &again);
    }
}
