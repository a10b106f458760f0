//! Corruption on the way: one bit of a datagram is flipped, past the UDP checksum.
//!
//! On a real path that checksum finds nearly all of it, and what it finds is loss. What is emulated here is the rest,
//! which is there to be found by whoever opens it: SRTP and SRTCP arrive damaged and fail authentication. STUN and DTLS
//! are dropped as the checksum would: a handshake is not authenticated before its end, so a bit of it that nobody noticed
//! would break joins that no real network breaks.
//!
//! Uplink packets cross the link unsealed, so their bit is flipped after they were sealed: the copy kept for
//! retransmission stays whole.

use super::item::{Class, DownItem, UpLoad};
use super::leg::Leg;
use super::turn::Turn;
use crate::clock::Instant;
use crate::metrics::catalog::Metric;
use crate::rtp::bytes::flip_bit;
use crate::rtp::header::{Kind, View};

impl Leg {
    /// As [`Leg::emit`], and flips a bit of what leaves.
    pub fn emit_damaged(&mut self, turn: &mut Turn<'_>, load: &UpLoad, bits: u64) {
        if matches!(load, UpLoad::Control { .. }) {
            return;
        }
        let start = turn.sink.datagrams.bytes.len();
        self.emit(turn, load);
        flip_bit(&mut turn.sink.datagrams.bytes[start..], bits);
    }

    /// As [`Leg::deliver`], for a datagram that was damaged on its way down. A receiver authenticates before it believes
    /// anything, whatever it would have left sealed: not even the stream that the header names is told.
    pub fn deliver_damaged(&mut self, turn: &mut Turn<'_>, received: Instant, item: &mut DownItem) {
        if !matches!(item.class, Class::Media | Class::Rtx | Class::Rtcp) {
            return;
        }
        let bytes = item.bytes.unfold();
        let Some(srtp) = self.srtp.as_mut().filter(|_| !self.has_left) else { return };
        let (media, refused) = match Kind::of(bytes) {
            Kind::Rtp => {
                let media = View::parse(bytes).and_then(|view| self.received.media_of(view.ssrc()));
                (media, srtp.rx.open_rtp(bytes).is_err())
            }
            Kind::Rtcp => (None, srtp.rx.open_rtcp(bytes).is_err()),
            // The bit that tells what it is: nobody takes it for anything any more.
            Kind::Stun | Kind::Dtls | Kind::Other => return,
        };
        turn.count(Metric::IntegrityAuth, media, received, u64::from(refused));
    }
}
