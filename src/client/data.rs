//! The data channels of a leg: messages that are due, and messages that come.
//!
//! A leg without channels has none of this. A message goes to the transport when it is due; what that does not take, since
//! the channel is not open or too much waits, is counted, keeps its number, and is missed by those who receive the
//! others.

use super::leg::{Leg, Role};
use super::turn::Turn;
use crate::clock::{Duration, Instant};
use crate::conference::{ChannelParameters, ReceiveChannel, SendChannel, TrackName};
use crate::media::Identity;
use crate::media::channel::{self, ChannelPlan, Checked};
use crate::metrics::catalog::Metric;
use crate::qos::messages::{Came, Messages};
use crate::signalling;

/// The channels of a leg.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// Asked for, and not accepted yet.
    offered: Vec<SendChannel>,
    sending: Vec<Sending>,
    receiving: Vec<Receiving>,
    /// Scratch: the message being written.
    message: Vec<u8>,
}

/// A channel that we publish.
#[derive(Debug)]
struct Sending {
    id: u16,
    /// Index of the channel in the plan.
    channel: u16,
    number: u32,
    interval: Duration,
    /// When the next message is due; `None` before the channel is open.
    due: Option<Instant>,
}

/// A channel over which we receive.
#[derive(Debug)]
struct Receiving {
    track: TrackName,
    channel: ChannelParameters,
    /// Index of the publisher and of the media, where they are of the plan.
    publisher: Option<u32>,
    media: Option<u16>,
    messages: Messages,
}

impl Data {
    /// When the next message is due.
    fn poll_timeout(&self) -> Option<Instant> {
        self.sending.iter().filter_map(|sending| sending.due).min()
    }
}

impl Leg {
    /// When a message is due.
    pub(super) fn message_due(&self) -> Option<Instant> {
        self.data.as_ref().and_then(|data| data.poll_timeout())
    }

    /// It is in: asks the SFU to take the data channels that the plan publishes.
    pub(super) fn offer_channels(&mut self, turn: &mut Turn<'_>) {
        let shared = turn.shared;
        if self.role != Role::Room {
            return;
        }
        for (place, &index) in (0u16..).zip(&shared.participant(turn.me).channels) {
            let plan = &shared.plan.channels[usize::from(index)];
            let ChannelPlan { ordered, reliability, .. } = *plan;
            // Even, as RFC 8832 §6 gives them to the DTLS client.
            let channel = ChannelParameters { id: 2 * place, ordered, reliability };
            let offer = SendChannel { media: plan.name.clone(), channel };
            self.data.get_or_insert_default().offered.push(offer.clone());
            // Not drained here: whoever tells the adapter something drains it.
            self.stirred = true;
            self.adapter.handle_input(turn.now, signalling::Input::OpenChannel(offer));
        }
    }

    /// The SFU takes a channel of ours.
    pub(super) fn handle_channel_accepted(&mut self, turn: &mut Turn<'_>, media: &str) {
        let (Some(data), Some(transport)) = (&mut self.data, &mut self.transport) else { return };
        let Some(place) = data.offered.iter().position(|offer| offer.media == media) else { return };
        let SendChannel { channel, .. } = data.offered.remove(place);
        let Some(index) = turn.shared.channel_named(media) else { return };
        let interval = turn.shared.plan.channels[usize::from(index)].interval();
        data.sending.push(Sending { id: channel.id, channel: index, number: 0, interval, due: None });
        self.stirred = true;
        transport.open_channel(turn.now, &channel);
    }

    /// Others publish channels: asks for those that the plan wants.
    pub(super) fn handle_channels(&mut self, turn: &mut Turn<'_>, published: Vec<TrackName>) {
        let wanted = &turn.shared.participant(turn.me).subscribe;
        let channels: Vec<_> =
            published.into_iter().filter(|track| wanted.takes_messages_of(&track.participant)).collect();
        if !channels.is_empty() {
            self.stirred = true;
            self.adapter.handle_input(turn.now, signalling::Input::ReceiveChannels(channels));
        }
    }

    /// The SFU says over which channels their messages come.
    pub(super) fn handle_channels_received(&mut self, turn: &mut Turn<'_>, channels: Vec<ReceiveChannel>) {
        let (shared, Some(transport)) = (turn.shared, &mut self.transport) else { return };
        for ReceiveChannel { track, channel } in channels {
            let index = shared.channel_named(&track.media);
            let interval = index.map(|index| shared.plan.channels[usize::from(index)].interval());
            self.data.get_or_insert_default().receiving.push(Receiving {
                publisher: shared.participant_named(&track.participant).map(|plan| plan.index),
                media: index.map(|index| shared.plan.channel_media(index)),
                messages: Messages::new(interval.unwrap_or(Duration::from_secs(1))),
                track,
                channel,
            });
            transport.open_channel(turn.now, &channel);
            self.stirred = true;
        }
    }

    /// A channel carries messages from now on: ours begin within one interval, so that publishers do not speak at once.
    pub(super) fn handle_channel_open(&mut self, turn: &Turn<'_>, id: u16) {
        let Some(data) = &mut self.data else { return };
        let Some(sending) = data.sending.iter_mut().find(|sending| sending.id == id && sending.due.is_none()) else {
            return;
        };
        let seed = turn.shared.participant(turn.me).seed.indexed("channel", u64::from(sending.channel));
        let phase = (u128::from(seed.bits()) * sending.interval.as_nanos()) >> 64;
        sending.due = Some(turn.now + Duration::from_nanos(phase as u64));
    }

    /// Sends the messages that are due.
    pub(super) fn send_messages(&mut self, turn: &mut Turn<'_>) {
        let (Some(data), Some(transport)) = (&mut self.data, &mut self.transport) else { return };
        if data.poll_timeout().is_none_or(|due| due > turn.now) {
            return;
        }
        self.stirred = true;
        let Data { sending, message, .. } = data.as_mut();
        let room = turn.shared.participant(turn.me).room;
        for sending in sending {
            let plan = &turn.shared.plan.channels[usize::from(sending.channel)];
            let media = turn.shared.plan.channel_media(sending.channel);
            let identity = Identity { publisher: turn.me, room, media };
            while let Some(due) = sending.due.filter(|due| *due <= turn.now) {
                channel::write(message, plan.message, identity, sending.number, due, turn.now);
                turn.record(Metric::HarnessSendLateness, Some(media), due, turn.now.saturating_since(due));
                turn.count(Metric::DataMessagesSent, Some(media), due, 1);
                turn.count(Metric::DataBytesSent, Some(media), due, message.len() as u64);
                if !transport.send_message(turn.now, sending.id, message) {
                    turn.count(Metric::DataMessagesDropped, Some(media), due, 1);
                }
                sending.number = sending.number.wrapping_add(1);
                sending.due = Some(due + sending.interval);
            }
        }
    }

    /// Takes the messages that a datagram brought which left our network at `received`.
    pub(super) fn take_messages(&mut self, turn: &mut Turn<'_>, received: Instant) {
        let (Some(data), Some(transport)) = (&mut self.data, &mut self.transport) else { return };
        while let Some(message) = transport.poll_message() {
            if let Some(one) = data.receiving.iter_mut().find(|one| one.channel.id == message.id) {
                one.take(turn, received, &message.bytes);
            }
        }
    }

    /// Somebody left, and with them the channels over which their messages came.
    pub(super) fn end_channels(&mut self, turn: &mut Turn<'_>, participant: &str) {
        let (Some(data), Some(transport)) = (&mut self.data, &mut self.transport) else { return };
        for one in data.receiving.iter_mut().filter(|one| one.track.participant == participant) {
            one.finish(turn);
            transport.close_channel(turn.now, one.channel.id);
            self.stirred = true;
        }
        data.receiving.retain(|one| one.track.participant != participant);
    }

    /// It leaves: nothing more is sent, and what has not come does not.
    pub(super) fn finish_channels(&mut self, turn: &mut Turn<'_>) {
        let Some(mut data) = self.data.take() else { return };
        data.receiving.iter_mut().for_each(|one| one.finish(turn));
    }
}

impl Receiving {
    fn take(&mut self, turn: &mut Turn<'_>, received: Instant, bytes: &[u8]) {
        let media = self.media;
        let stamp = match channel::check(bytes) {
            Checked::Whole(stamp) => stamp,
            Checked::Torn => return turn.count(Metric::IntegrityPayloadCrc, media, received, 1),
            Checked::Unstamped => return turn.count(Metric::IntegrityStampCrc, media, received, 1),
        };
        let room = turn.shared.participant(turn.me).room;
        let others = self.publisher.is_some_and(|publisher| publisher != stamp.publisher)
            || media.is_some_and(|media| media != stamp.media)
            || room != stamp.room;
        if others {
            return turn.count(Metric::IntegrityMisroute, media, received, 1);
        }
        let came = self.messages.handle_message(received, stamp.frame, stamp.due);
        if came == Came::Again {
            turn.count(Metric::DataMessagesDuplicate, media, stamp.due, 1);
        } else {
            turn.count(Metric::DataMessagesReceived, media, stamp.due, 1);
            turn.count(Metric::DataBytesReceived, media, stamp.due, bytes.len() as u64);
            turn.ratio(Metric::DataDelivery, media, stamp.due, 1, 1);
            turn.record(Metric::DataLatency, media, stamp.due, received.saturating_since(stamp.due));
        }
        // Whatever is not the newest came after a newer one.
        if came != Came::Newest && self.channel.ordered {
            turn.count(Metric::IntegrityMessageOrder, media, stamp.due, 1);
        }
        self.tell_lost(turn);
    }

    fn finish(&mut self, turn: &mut Turn<'_>) {
        self.messages.handle_end(turn.now);
        self.tell_lost(turn);
    }

    fn tell_lost(&mut self, turn: &mut Turn<'_>) {
        for due in self.messages.take_lost() {
            turn.ratio(Metric::DataDelivery, self.media, due, 0, 1);
        }
    }
}
