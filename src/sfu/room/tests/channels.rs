//! Data channels in the rooms.

use super::*;
use crate::conference::channel::{MAX_MESSAGE_LEN, MAX_STREAM_ID};
use crate::conference::{ChannelParameters, ReceiveChannel, Reliability, SendChannel};

fn channel(media: &str, id: u16) -> SendChannel {
    let channel = ChannelParameters { id, ordered: false, reliability: Reliability::MaxRetransmits(2) };
    SendChannel { media: media.into(), channel }
}

fn copies(world: &mut World, connection: u64, id: u16, length: usize) -> Vec<MessageCopy> {
    let mut out = Vec::new();
    let leg = world.leg(connection);
    world.rooms.forward_message(leg, id, length, &mut out);
    out
}

/// Ann and Bob in one room, Eve in another; Ann publishes a channel that Bob receives.
fn world() -> World {
    let mut world = World::new(Limits::default());
    for (connection, room, name) in [(1, "r", "ann"), (2, "r", "bob"), (3, "other", "eve")] {
        world.enter(connection, room, name, vec![]);
    }
    world.ask(1, Request::OpenChannel(channel("chat", 0)));
    for connection in [2, 3] {
        world.ask(connection, Request::ReceiveChannels(vec![name("ann", "chat")]));
    }
    world
}

fn heard(world: &World, connection: u64) -> Vec<ServerMessage> {
    world.heard.get(&ConnectionId(connection)).cloned().unwrap_or_default()
}

#[test]
fn messages_go_to_who_asked_in_the_same_room_over_a_channel_as_reliable_as_the_publishers() {
    let mut world = world();
    let bob = world.leg(2);
    assert_eq!(copies(&mut world, 1, 0, 100), [MessageCopy { leg: bob, id: 1 }]);
    let parameters = ChannelParameters { id: 1, ..channel("chat", 0).channel };
    let carried = ReceiveChannel { track: name("ann", "chat"), channel: parameters };
    assert!(heard(&world, 2).contains(&ServerMessage::ChannelsReceived { channels: vec![carried] }));
    assert!(heard(&world, 2).contains(&ServerMessage::Channels { published: vec![name("ann", "chat")] }));
    assert!(heard(&world, 1).contains(&ServerMessage::ChannelAccepted { media: "chat".into() }));
    assert!(world.commands.contains(&(bob, LegCommand::OpenChannel(parameters))));
    // Eve asked for what is not in her room.
    assert!(heard(&world, 3).contains(&ServerMessage::ChannelsReceived { channels: vec![] }));
    // Asked for again it is not carried twice, and nobody hears her own.
    world.ask(2, Request::ReceiveChannels(vec![name("ann", "chat")]));
    world.ask(1, Request::ReceiveChannels(vec![name("ann", "chat")]));
    assert_eq!(copies(&mut world, 1, 0, 100).len(), 1);
    assert_eq!(copies(&mut world, 2, 1, 100), [], "a receiver's channel carries nothing back");
}

#[test]
fn who_comes_later_is_told_what_there_is_and_who_leaves_takes_it_along() {
    let mut world = world();
    world.enter(4, "r", "carl", vec![]);
    assert!(heard(&world, 4).contains(&ServerMessage::Channels { published: vec![name("ann", "chat")] }));
    world.ask(4, Request::ReceiveChannels(vec![name("ann", "chat")]));
    assert_eq!(copies(&mut world, 1, 0, 100).len(), 2);
    world.ask(2, Request::Leave);
    assert_eq!(copies(&mut world, 1, 0, 100).len(), 1);
    let carl = world.leg(4);
    world.ask(1, Request::Leave);
    assert!(world.commands.contains(&(carl, LegCommand::CloseChannel(1))));
    // She comes back, and her channel gets another stream: the old one would have to be reset first.
    world.enter(5, "r", "ann", vec![]);
    world.ask(5, Request::OpenChannel(channel("chat", 0)));
    world.ask(4, Request::ReceiveChannels(vec![name("ann", "chat")]));
    assert_eq!(copies(&mut world, 5, 0, 100), [MessageCopy { leg: carl, id: 3 }]);
}

#[test]
fn what_breaks_the_rules_is_refused_or_counted() {
    let mut world = world();
    let refusals = |world: &World| {
        heard(world, 1).iter().filter(|message| matches!(message, ServerMessage::Refused { .. })).count()
    };
    for (count, wrong) in
        [channel("odd", 1), channel("again", 0), channel("chat", 2), channel("", 4), channel("high", MAX_STREAM_ID + 1)]
            .into_iter()
            .enumerate()
    {
        world.ask(1, Request::OpenChannel(wrong));
        assert_eq!(refusals(&world), count + 1);
    }
    for id in 1..16 {
        world.ask(1, Request::OpenChannel(channel(&format!("m{id}"), 2 * id)));
    }
    assert_eq!(refusals(&world), 5);
    world.ask(1, Request::OpenChannel(channel("one-too-many", 40)));
    assert_eq!(refusals(&world), 6);
    assert_eq!(copies(&mut world, 1, 0, MAX_MESSAGE_LEN).len(), 1);
    assert_eq!(copies(&mut world, 1, 0, MAX_MESSAGE_LEN + 1), []);
    assert_eq!(copies(&mut world, 1, 77, 10), [], "no channel of hers");
    world.rooms.note_message_dropped();
    assert_eq!(world.rooms.messages_dropped(), 2);
}
