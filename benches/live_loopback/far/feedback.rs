//! What the far side tells publishers that follow a congestion controller: transport-wide feedback and a REMB, as the
//! reference SFU does.

use super::{Far, OWN};
use throng::clock::{Duration, Instant};
use throng::conference::SendParameters;
use throng::rtp::extension::{ExtensionKind, ExtensionMap};
use throng::rtp::header::View;
use throng::rtp::rtcp;
use throng::rtp::twcc::FeedbackBuilder;

/// How long arrivals are gathered, and how often a ceiling is told; both are those of the reference SFU.
const FEEDBACK_EVERY: Duration = Duration::from_millis(50);
const CEILING_EVERY: Duration = Duration::from_secs(1);
/// A ceiling that limits nothing.
const CEILING: u64 = 4_000_000;

/// What one publisher is told.
pub struct Told {
    extensions: ExtensionMap,
    /// Streams of pictures.
    ssrcs: Vec<u32>,
    builder: FeedbackBuilder,
    next_feedback: Option<Instant>,
    next_ceiling: Instant,
}

impl Told {
    /// Of a publisher that offers this; nothing where its packets have no transport-wide numbers.
    pub fn new(now: Instant, offered: &[SendParameters]) -> Option<Self> {
        let mut extensions = ExtensionMap::default();
        for (&id, uri) in offered.iter().flat_map(|one| &one.extensions) {
            if let Some(kind) = ExtensionKind::from_uri(uri) {
                let _ = extensions.set(kind, id);
            }
        }
        extensions.id(ExtensionKind::TransportSequence)?;
        let videos = offered.iter().filter(|one| one.codec.feedback.remb);
        let ssrcs = videos.flat_map(SendParameters::sources).map(|(ssrc, _)| ssrc).collect();
        let next_ceiling = now + CEILING_EVERY;
        Some(Self { extensions, ssrcs, builder: FeedbackBuilder::new(), next_feedback: None, next_ceiling })
    }

    /// A packet came.
    pub fn note(&mut self, received: Instant, view: &View<'_>) {
        if let Some(number) = self.extensions.read(view).transport_sequence {
            self.builder.record(number, received);
            self.next_feedback.get_or_insert(received + FEEDBACK_EVERY);
        }
    }

    /// Appends one packet that is due; `false` when none is.
    fn write(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if self.next_ceiling <= now {
            self.next_ceiling += CEILING_EVERY;
            rtcp::write_remb(out, OWN, CEILING, &self.ssrcs);
            return true;
        }
        if self.next_feedback.is_none_or(|at| at > now) {
            return false;
        }
        let media = self.ssrcs.first().copied().unwrap_or(0);
        let written = self.builder.build(out, OWN, media);
        if !written {
            self.next_feedback = None;
        }
        written
    }
}

impl Far<'_> {
    /// Tells a publisher what is due.
    pub(super) fn tell(&mut self, now: Instant, index: usize) {
        let peer = &mut self.peers[index];
        let (Some(told), Some(srtp)) = (&mut peer.told, &mut peer.srtp) else { return };
        loop {
            self.bytes.clear();
            if !told.write(now, &mut self.bytes) {
                return;
            }
            srtp.tx.seal_rtcp_at(&mut self.bytes, 0);
            let length = self.bytes.len();
            let _ = self.sockets[peer.room as usize].send_group(peer.address, &self.bytes, length);
        }
    }
}
