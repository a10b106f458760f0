//! Data channels of a leg on str0m: its SCTP over its DTLS, begun with the first channel.

use super::Leg;
use crate::clock::Instant;
use crate::conference::ChannelParameters;
use crate::conference::channel::MAX_MESSAGE_LEN;
use crate::transport::secure::channels::config;

impl Leg {
    pub(super) fn open_channel(&mut self, parameters: &ChannelParameters) {
        // str0m takes a second one of a number for a mistake of ours.
        if self.channels.iter().all(|(id, _)| *id != parameters.id) {
            let mut direct = self.rtc.direct_api();
            direct.start_sctp(self.active);
            let channel = direct.create_data_channel(config(parameters));
            self.channels.push((parameters.id, channel));
        }
    }

    pub(super) fn close_channel(&mut self, id: u16) {
        if let Some(index) = self.channels.iter().position(|(known, _)| *known == id) {
            let (_, channel) = self.channels.swap_remove(index);
            self.rtc.direct_api().close_data_channel(channel);
        }
    }

    /// Queues one message to the participant; [`Self::handle_timeout`] sends what is queued. False when it was not
    /// taken.
    pub fn send_message(&mut self, _now: Instant, id: u16, bytes: &[u8]) -> bool {
        let known = self.channels.iter().find(|(known, _)| *known == id).filter(|_| bytes.len() <= MAX_MESSAGE_LEN);
        let Some(&(_, channel)) = known.filter(|_| !self.closed) else { return false };
        self.rtc.channel(channel).is_some_and(|mut channel| channel.write(true, bytes).unwrap_or(false))
    }
}
