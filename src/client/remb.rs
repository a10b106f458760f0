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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conference::{Codec, MediaKind, numbering};
    use crate::rtp::extension::{AbsSendTime, Extensions};
    use crate::rtp::header::{Header, write_header};
    use crate::rtp::ntp::Ntp;
    use crate::rtp::rtcp::Packet;

    /// What is told of a stream that is received for some seconds, with or without transport-wide feedback.
    fn told(remb: bool, twcc: bool) -> Vec<(u64, Vec<u32>)> {
        let mut codec = numbering::codec_parameters(Codec::Vp8);
        codec.feedback.remb = remb;
        let parameters = ReceiveParameters {
            track: None,
            kind: MediaKind::Video,
            mid: None,
            codecs: vec![codec],
            ssrc: Some(7),
            rtx_ssrc: None,
            extensions: numbering::extensions(MediaKind::Video),
        };
        let mut map = ExtensionMap::default();
        map.set(ExtensionKind::AbsSendTime, 2).expect("an id");
        if twcc {
            map.set(ExtensionKind::TransportSequence, 3).expect("an id");
        }
        let mut limit = Limit::default();
        limit.expect(&parameters, &map, 7);
        let mut rtcp = vec![];
        for packet in 0..500 {
            let now = Instant::from_millis(packet * 10);
            let header = Header { marker: false, payload_type: 96, sequence: packet as u16, rtp_time: 0, ssrc: 7 };
            let send_time = Some(AbsSendTime::from_ntp(Ntp::at(Ntp::from_unix_nanos(0), now)));
            let mut bytes = vec![];
            write_header(&mut bytes, &header, &map, &Extensions { abs_send_time: send_time, ..Extensions::default() });
            let view = View::parse(&bytes).expect("RTP");
            limit.handle_packet(now, &view, &map, 1_000);
            if limit.poll_timeout().is_some_and(|at| at <= now) {
                limit.write(now, 1, &mut rtcp);
            }
        }
        limit.forget(7);
        assert_eq!(limit.poll_timeout(), None, "of nothing nothing is told");
        let rembs = rtcp::parse(&rtcp).filter_map(|packet| match packet {
            Packet::Remb(remb) => Some((remb.rate, remb.ssrcs.collect())),
            _ => None,
        });
        rembs.collect()
    }

    #[test]
    fn a_limit_is_told_once_a_second_where_it_was_negotiated_alone() {
        let found = told(true, false);
        assert!((4..=5).contains(&found.len()), "{found:?}");
        assert!(found.iter().all(|(rate, ssrcs)| *rate > 700_000 && ssrcs == &[7]), "800 kbit/s come: {found:?}");
        assert!(told(false, false).is_empty() && told(true, true).is_empty());
    }
}
