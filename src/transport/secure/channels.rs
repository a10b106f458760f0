//! Data channels of the real transport: str0m's SCTP over its DTLS, begun with the first channel.

use super::super::{Message, Output};
use super::{Event, Secure};
use crate::clock::Instant;
use crate::conference::channel::{ChannelParameters, MAX_MESSAGE_LEN, Reliability};
use std::collections::VecDeque;
use str0m::channel::{ChannelConfig, ChannelId};

/// The channels of one transport.
#[derive(Debug, Default)]
pub(super) struct Channels {
    open: Vec<(u16, ChannelId)>,
    messages: VecDeque<Message>,
}

impl Channels {
    fn stream(&self, channel: ChannelId) -> Option<u16> {
        self.open.iter().find(|(_, known)| *known == channel).map(|(id, _)| *id)
    }

    fn channel(&self, id: u16) -> Option<ChannelId> {
        self.open.iter().find(|(known, _)| *known == id).map(|(_, channel)| *channel)
    }
}

/// A channel in str0m's words.
pub(crate) fn config(parameters: &ChannelParameters) -> ChannelConfig {
    ChannelConfig {
        ordered: parameters.ordered,
        reliability: match parameters.reliability {
            Reliability::Reliable => str0m::channel::Reliability::Reliable,
            Reliability::MaxRetransmits(retransmits) => str0m::channel::Reliability::MaxRetransmits { retransmits },
            Reliability::MaxLifetime(lifetime) => str0m::channel::Reliability::MaxPacketLifetime { lifetime },
        },
        negotiated: Some(parameters.id),
        ..ChannelConfig::default()
    }
}

impl Secure {
    /// Opens a data channel that both ends agreed on; see [`super::super::Transport::open_channel`].
    pub fn open_channel(&mut self, now: Instant, parameters: &ChannelParameters) {
        // str0m takes a second one of a number for a mistake of ours.
        if self.ended || self.channels.channel(parameters.id).is_some() {
            return;
        }
        let mut direct = self.rtc.direct_api();
        direct.start_sctp(self.active);
        let channel = direct.create_data_channel(config(parameters));
        self.channels.open.push((parameters.id, channel));
        self.handle_timeout(now);
    }

    /// Closes a data channel; both ends do.
    pub fn close_channel(&mut self, now: Instant, id: u16) {
        if let Some(channel) = self.channels.channel(id).filter(|_| !self.ended) {
            self.channels.open.retain(|(known, _)| *known != id);
            self.rtc.direct_api().close_data_channel(channel);
            self.handle_timeout(now);
        }
    }

    /// Sends a message; false when it was not taken.
    pub fn send_message(&mut self, now: Instant, id: u16, bytes: &[u8]) -> bool {
        let Some(channel) = self.channels.channel(id).filter(|_| !self.ended && bytes.len() <= MAX_MESSAGE_LEN) else {
            return false;
        };
        let taken = self.rtc.channel(channel).is_some_and(|mut channel| channel.write(true, bytes).unwrap_or(false));
        if taken {
            self.handle_timeout(now);
        }
        taken
    }

    /// The next message that came.
    pub fn poll_message(&mut self) -> Option<Message> {
        self.channels.messages.pop_front()
    }

    pub(super) fn handle_channel_event(&mut self, event: str0m::Event) {
        match event {
            str0m::Event::ChannelOpen(channel, _) => {
                if let Some(id) = self.channels.stream(channel) {
                    self.outputs.push_back(Output::Event(Event::ChannelOpen(id)));
                }
            }
            str0m::Event::ChannelData(data) => {
                if let Some(id) = self.channels.stream(data.id) {
                    self.channels.messages.push_back(Message { id, bytes: data.data });
                }
            }
            str0m::Event::ChannelClose(channel) => self.channels.open.retain(|(_, known)| *known != channel),
            _ => {}
        }
    }
}
