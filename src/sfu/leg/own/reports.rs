//! RTCP of a leg: what a participant reports and asks for, and what it is told.

use super::super::{LegOutput, Sent};
use super::Leg;
use crate::clock::Instant;
use crate::rtp::ntp::Ntp;
use crate::rtp::rtcp::{self, Packet, ReportBlock};
use crate::sfu::room::StreamId;
use crate::units::Bitrate;

/// Most bytes of plain RTCP in one datagram: sealed it stays below 1,200.
const COMPOUND_LEN: usize = 1_160;
/// Bytes of an RR without blocks.
const EMPTY_REPORT_LEN: usize = 8;

impl Leg {
    /// A sealed compound of the participant's came.
    pub(super) fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(datagram);
        // What is not authentic is as good as lost.
        if let Ok(compound) = srtp.rx.open_rtcp(&mut scratch) {
            for packet in rtcp::parse(compound) {
                self.handle_report(now, packet);
            }
        }
        self.scratch = scratch;
    }

    fn handle_report(&mut self, now: Instant, packet: Packet<'_>) {
        match packet {
            Packet::SenderReport { ssrc, info, reports } => {
                self.receiving.handle_sender_report(now, ssrc, &info);
                self.handle_blocks(now, reports);
            }
            Packet::ReceiverReport { reports, .. } => self.handle_blocks(now, reports),
            Packet::Nack { media, lost, .. } => {
                for sequence in lost {
                    self.resend(now, media, sequence);
                }
            }
            Packet::Pli { media, .. } => {
                let stream = self.sending.of(media).map(|(stream, _)| stream);
                self.keyframe_wanted(stream);
            }
            Packet::Fir { requests, .. } => {
                for request in requests {
                    let found = self.sending.of(request.ssrc);
                    let stream = found.and_then(|(stream, of)| of.is_new_demand(request.sequence).then_some(stream));
                    self.keyframe_wanted(stream);
                }
            }
            // Who leaves says so to the rooms; a stream that only stops is told by its packets.
            Packet::Bye(_) | Packet::Description(_) => {}
            Packet::Transport(feedback) => {
                if let Some(estimator) = &mut self.estimator {
                    estimator.handle_feedback(now, &feedback);
                    self.estimate(now);
                }
            }
            Packet::Remb(remb) => {
                if let Some(estimator) = &mut self.estimator {
                    estimator.handle_remb(Bitrate(remb.rate));
                    self.estimate(now);
                }
            }
            Packet::ExtendedReport { .. } | Packet::Unknown { .. } | Packet::Malformed(_) => {}
        }
    }

    fn handle_blocks(&mut self, now: Instant, blocks: impl Iterator<Item = ReportBlock>) {
        let arrival = Ntp::at(self.origin, now);
        for block in blocks {
            let Some((_, outgoing)) = self.sending.of(block.ssrc) else { continue };
            outgoing.acknowledge();
            if self.rtt.handle_report(arrival, block.last_sender_report, block.delay_since).is_some()
                && let Some(smoothed) = self.rtt.smoothed()
            {
                self.receiving.set_rtt(smoothed);
            }
        }
    }

    fn keyframe_wanted(&mut self, stream: Option<StreamId>) {
        self.outputs.extend(stream.map(LegOutput::KeyframeWanted));
    }

    fn resend(&mut self, now: Instant, media: u32, sequence: u16) {
        let (Some(srtp), Some(to)) = (&mut self.srtp, self.transport.peer()) else { return };
        let Some((_, outgoing)) = self.sending.of(media) else { return };
        let ntp = Ntp::at(self.origin, now);
        let mut estimator = self.estimator.as_mut().filter(|_| outgoing.is_numbered());
        let number = estimator.as_ref().map(|estimator| estimator.next_sequence());
        if let Some(resent) = outgoing.resend(now, (ntp, number), srtp, self.rtt.smoothed(), sequence) {
            if let Some(estimator) = &mut estimator {
                estimator.handle_sent(now, resent.datagram.len());
            }
            let sent = Sent::Retransmission { ssrc: resent.ssrc, sequence: resent.sequence };
            self.outputs.push_back(LegOutput::Transmit { to, datagram: resent.datagram, sent });
        }
    }

    /// Writes what is reported once a second.
    pub(super) fn report(&mut self, now: Instant) {
        let ntp = Ntp::at(self.origin, now);
        let blocks = self.receiving.blocks(now);
        if !blocks.is_empty() {
            rtcp::write_receiver_report(&mut self.rtcp, self.sending.source(), &blocks);
        }
        for outgoing in self.sending.iter_mut() {
            outgoing.report(now, ntp, &mut self.rtcp);
        }
    }

    /// Sends what is due of requests and feedback, with what was written before.
    pub(super) fn flush(&mut self, now: Instant) {
        if self.srtp.is_some() && !self.closed {
            let sender = self.sending.source();
            self.receiving.request(now, sender, &mut self.rtcp);
        }
        self.send_rtcp();
    }

    /// Seals and sends the RTCP at hand, in as many datagrams as it takes.
    pub(super) fn send_rtcp(&mut self) {
        if self.rtcp.is_empty() {
            return;
        }
        let mut rest = std::mem::take(&mut self.rtcp);
        let (Some(srtp), Some(to)) = (&mut self.srtp, self.transport.peer()) else { return };
        let sender = self.sending.source();
        let mut at = 0;
        while at < rest.len() {
            let end = at + fitting(&rest[at..]);
            let mut bytes = Vec::with_capacity(EMPTY_REPORT_LEN + end - at + srtp.profile().rtcp_overhead());
            // A compound begins with a report (RFC 3550 §6.1): not every participant takes reduced-size RTCP.
            if !matches!(rest.get(at + 1), Some(200 | 201)) {
                rtcp::write_receiver_report(&mut bytes, sender, &[]);
            }
            bytes.extend_from_slice(&rest[at..end]);
            srtp.tx.seal_rtcp(&mut bytes);
            self.outputs.push_back(LegOutput::Transmit { to, datagram: bytes.into(), sent: Sent::Control });
            at = end;
        }
        rest.clear();
        self.rtcp = rest;
    }
}

/// Bytes of the packets at the front that fit one datagram: one packet at least.
fn fitting(packets: &[u8]) -> usize {
    let mut len = 0;
    while let Some(&[_, _, high, low]) = packets.get(len..).and_then(|rest| rest.first_chunk::<4>()) {
        let next = len + 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        if len > 0 && EMPTY_REPORT_LEN + next > COMPOUND_LEN {
            break;
        }
        len = next;
    }
    len.max(4).min(packets.len())
}
