//! What a leg tells its SFU that it can be sent (REMB), where that was negotiated and transport-wide feedback was not: as
//! browsers do it.

use crate::cc::{DATAGRAM_OVERHEAD, Receiver};
use crate::clock::{Duration, Instant};
use crate::conference::ReceiveParameters;
use crate::rtp::bytes;
use crate::rtp::extension::{ExtensionKind, ExtensionMap};
use crate::rtp::header::View;
use crate::rtp::rtcp;

/// Streams that one REMB can name.
const MOST: usize = 255;

/// The estimator of what a leg receives; nothing where no stream asks for it.
#[derive(Debug, Default)]
pub(super) struct Limit {
    receiver: Option<Box<Receiver>>,
    ssrcs: Vec<u32>,
}

impl Limit {
    /// A stream will arrive.
    pub fn expect(&mut self, parameters: &ReceiveParameters, extensions: &ExtensionMap, ssrc: u32) {
        let asked = parameters.codecs.first().is_some_and(|codec| codec.feedback.remb);
        let timed = extensions.id(ExtensionKind::AbsSendTime).is_some();
        if asked && timed && extensions.id(ExtensionKind::TransportSequence).is_none() && self.ssrcs.len() < MOST {
            self.receiver.get_or_insert_default();
            self.ssrcs.push(ssrc);
        }
    }

    /// A stream has ended.
    pub fn forget(&mut self, ssrc: u32) {
        self.ssrcs.retain(|known| *known != ssrc);
    }

    /// A packet of a stream, sealed, arrived.
    pub fn handle_packet(&mut self, received: Instant, view: &View<'_>, extensions: &ExtensionMap, length: usize) {
        let Some(receiver) = &mut self.receiver else { return };
        let value = extensions.id(ExtensionKind::AbsSendTime).and_then(|id| view.extension(id));
        if let Some(send_time) = value.and_then(|value| bytes::u24_at(value, 0)) {
            receiver.handle_packet(received, send_time, length as u32 + DATAGRAM_OVERHEAD);
        }
    }

    /// The round trip to the SFU.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        if let Some(receiver) = &mut self.receiver {
            receiver.set_round_trip(round_trip);
        }
    }

    /// When it is to be told.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.receiver.as_ref().filter(|_| !self.ssrcs.is_empty())?.poll_timeout()
    }

    /// Appends a REMB when one is due.
    pub fn write(&mut self, now: Instant, sender: u32, rtcp: &mut Vec<u8>) {
        let Some(receiver) = self.receiver.as_mut().filter(|_| !self.ssrcs.is_empty()) else { return };
        if let Some(rate) = receiver.poll_remb(now) {
            rtcp::write_remb(rtcp, sender, rate.bps(), &self.ssrcs);
        }
    }
}
