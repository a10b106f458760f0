//! The reference SFU's protocol, from the participant's side: JSON over one WebSocket.

use super::{Carried, Carry, Event, Input, Output};
use crate::clock::Instant;
use crate::conference::protocol::{ClientMessage, PROTOCOL_VERSION, Refusal, RosterEntry, ServerMessage};
use crate::conference::{Cause, ReceiveParameters, SendParameters, TransportParameters};
use std::collections::VecDeque;

/// The adapter of one participant.
#[derive(Debug)]
pub struct Room {
    url: String,
    room: String,
    participant: String,
    state: State,
    /// What is sent as soon as the WebSocket is open.
    join: Option<ClientMessage>,
    publish: Vec<SendParameters>,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Opening,
    Joining,
    Joined,
    Leaving,
    Ended,
}

impl Room {
    /// An adapter that will enter `room` at the SFU whose HTTP answers at `base` (`http://…` or `ws://…`, no path).
    #[must_use]
    pub fn new(base: &str, room: &str, participant: &str) -> Self {
        let base = base.trim_end_matches('/');
        let base = base.strip_prefix("http").map_or_else(|| base.to_owned(), |rest| format!("ws{rest}"));
        Self {
            url: format!("{base}/ws"),
            room: room.to_owned(),
            participant: participant.to_owned(),
            state: State::Idle,
            join: None,
            publish: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Tells one fact.
    pub fn handle_input(&mut self, _now: Instant, input: Input) {
        match input {
            Input::Join { transport, publish } => self.open(transport, publish),
            Input::Subscribe(tracks) => self.say(&ClientMessage::Subscribe { tracks }),
            Input::Unsubscribe(tracks) => self.say(&ClientMessage::Unsubscribe { tracks }),
            Input::Layer { track, layer } => self.say(&ClientMessage::Layer { track, layer }),
            Input::Mute { media, muted } => self.say(&ClientMessage::Mute { media, muted }),
            Input::Publish(track) => self.say(&ClientMessage::Publish { track }),
            Input::Unpublish(media) => self.say(&ClientMessage::Unpublish { media }),
            Input::Restart(credentials) => self.say(&ClientMessage::Restart { credentials }),
            Input::OpenChannel(channel) => self.say(&ClientMessage::OpenChannel { channel }),
            Input::ReceiveChannels(channels) => self.say(&ClientMessage::ReceiveChannels { channels }),
            Input::Leave => self.leave(),
            Input::Carried(carried) => self.handle_carried(carried),
        }
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn open(&mut self, transport: TransportParameters, publish: Vec<SendParameters>) {
        self.publish.clone_from(&publish);
        self.join = Some(ClientMessage::Join {
            version: PROTOCOL_VERSION,
            room: self.room.clone(),
            participant: self.participant.clone(),
            transport,
            publish,
        });
        self.state = State::Opening;
        self.outputs.push_back(Output::Carry(Carry::Open { url: self.url.clone(), headers: Vec::new() }));
    }

    fn say(&mut self, message: &ClientMessage) {
        if matches!(self.state, State::Joining | State::Joined) {
            let text = serde_json::to_string(message).expect("the protocol's messages are plain data");
            self.outputs.push_back(Output::Carry(Carry::Text(text)));
        }
    }

    fn leave(&mut self) {
        match self.state {
            State::Idle | State::Ended | State::Leaving => {}
            State::Opening | State::Joining | State::Joined => {
                self.say(&ClientMessage::Leave);
                self.state = State::Leaving;
                self.outputs.push_back(Output::Carry(Carry::Close));
                self.end(Event::Ended);
            }
        }
    }

    fn handle_carried(&mut self, carried: Carried) {
        match carried {
            Carried::Opened if self.state == State::Opening => {
                self.state = State::Joining;
                if let Some(join) = self.join.take() {
                    self.say(&join);
                }
            }
            Carried::Text(text) => match serde_json::from_str(&text) {
                Ok(message) => self.handle_message(message),
                Err(error) => self
                    .fail(Cause::SignalSetup, format!("the SFU said something that is not of its protocol: {error}")),
            },
            Carried::Closed { reason, status } => self.handle_closed(&reason, status),
            Carried::Opened | Carried::Response(_) | Carried::RequestFailed { .. } => {}
        }
    }

    fn handle_closed(&mut self, reason: &str, status: Option<u16>) {
        let cause = match (self.state, status) {
            (_, Some(401 | 403)) => Cause::Auth,
            (_, Some(429 | 503)) => Cause::Admission,
            (State::Opening | State::Joining, _) => Cause::SignalSetup,
            _ => Cause::TransportFailed,
        };
        self.fail(cause, format!("signalling closed: {reason}"));
    }

    fn handle_message(&mut self, message: ServerMessage) {
        let event = match message {
            ServerMessage::Joined { transport, roster } if self.state == State::Joining => {
                self.joined(transport, roster)
            }
            ServerMessage::Joined { .. } => return,
            ServerMessage::PublishAccepted { media } => Event::Accepted(media),
            ServerMessage::Restarted { transport } => Event::Restarted(transport),
            ServerMessage::Entered { entry } => Event::Entered(entry),
            ServerMessage::Left { participant } => Event::Left(participant),
            ServerMessage::Published { participant, track } => Event::Published { participant, track },
            ServerMessage::Unpublished { track } => Event::Unpublished(track),
            ServerMessage::Muted { track, muted } => Event::Muted { track, muted },
            ServerMessage::Layers { media, wanted } => Event::Wanted { media, layers: wanted },
            ServerMessage::Speakers { speakers } => Event::Speakers(speakers),
            ServerMessage::Subscribed { streams } => Event::Subscribed(streams),
            ServerMessage::ChannelAccepted { media } => Event::ChannelAccepted(media),
            ServerMessage::Channels { published } => Event::Channels(published),
            ServerMessage::ChannelsReceived { channels } => Event::ChannelsReceived(channels),
            ServerMessage::Unsubscribed { tracks } => Event::Unsubscribed(tracks),
            ServerMessage::Refused { reason, detail } => return self.refused(reason, &detail),
        };
        if self.state != State::Ended {
            self.outputs.push_back(Output::Event(event));
        }
    }

    fn joined(&mut self, transport: TransportParameters, roster: Vec<RosterEntry>) -> Event {
        self.state = State::Joined;
        let receive: Vec<ReceiveParameters> = Vec::new();
        Event::Joined { transport, send: std::mem::take(&mut self.publish), receive, roster }
    }

    fn refused(&mut self, reason: Refusal, detail: &str) {
        // Once we are in, a refused request (a subscription, say) does not end the session.
        if self.state == State::Joined {
            return;
        }
        let cause = match reason {
            Refusal::RoomsFull | Refusal::ParticipantsFull => Cause::Admission,
            Refusal::Malformed | Refusal::Version | Refusal::Unsupported => Cause::Config,
        };
        self.fail(cause, format!("the SFU refused the join: {detail}"));
    }

    fn fail(&mut self, cause: Cause, detail: String) {
        if !matches!(self.state, State::Ended | State::Leaving) {
            self.outputs.push_back(Output::Carry(Carry::Close));
            self.end(Event::Failed { cause, detail });
        }
    }

    fn end(&mut self, event: Event) {
        self.state = State::Ended;
        self.outputs.push_back(Output::Event(event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conference::{Setup, TrackName};
    use proptest::prelude::*;

    fn transport() -> TransportParameters {
        TransportParameters {
            ufrag: "abcd".into(),
            pwd: "0123456789abcdef0123456".into(),
            fingerprint: "sha-256 AA".into(),
            setup: Setup::Actpass,
            ice_lite: false,
            candidates: vec![],
        }
    }

    fn texts(room: &mut Room) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(output) = room.poll_output() {
            if let Output::Carry(Carry::Text(text)) = output {
                texts.push(text);
            }
        }
        texts
    }

    fn events(room: &mut Room) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(output) = room.poll_output() {
            if let Output::Event(event) = output {
                events.push(event);
            }
        }
        events
    }

    fn joining() -> Room {
        let mut room = Room::new("http://127.0.0.1:1", "r", "p");
        room.handle_input(Instant::ZERO, Input::Join { transport: transport(), publish: vec![] });
        assert_eq!(
            room.poll_output(),
            Some(Output::Carry(Carry::Open { url: "ws://127.0.0.1:1/ws".into(), headers: vec![] }))
        );
        room.handle_input(Instant::ZERO, Input::Carried(Carried::Opened));
        room
    }

    fn server(room: &mut Room, message: &ServerMessage) {
        let text = serde_json::to_string(message).unwrap();
        room.handle_input(Instant::ZERO, Input::Carried(Carried::Text(text)));
    }

    #[test]
    fn a_join_is_said_when_the_socket_opens_and_answered_with_the_roster() {
        let mut room = joining();
        assert!(texts(&mut room)[0].starts_with(r#"{"type":"join","version":4"#));
        server(&mut room, &ServerMessage::Joined { transport: transport(), roster: vec![] });
        assert!(matches!(events(&mut room)[..], [Event::Joined { .. }]));
        room.handle_input(
            Instant::ZERO,
            Input::Subscribe(vec![TrackName { participant: "a".into(), media: "cam".into() }]),
        );
        assert_eq!(texts(&mut room), [r#"{"type":"subscribe","tracks":[{"participant":"a","media":"cam"}]}"#]);
    }

    #[test]
    fn a_full_sfu_is_an_admission_failure_and_a_dead_one_is_not() {
        let mut room = joining();
        server(&mut room, &ServerMessage::Refused { reason: Refusal::ParticipantsFull, detail: "full".into() });
        assert!(matches!(events(&mut room)[..], [Event::Failed { cause: Cause::Admission, .. }]));
        let mut room = joining();
        room.handle_input(Instant::ZERO, Input::Carried(Carried::Closed { reason: "reset".into(), status: None }));
        assert!(matches!(events(&mut room)[..], [Event::Failed { cause: Cause::SignalSetup, .. }]));
    }

    #[test]
    fn words_that_are_not_of_the_protocol_fail_the_join_and_never_panic() {
        for text in ["", "{", "null", r#"{"type":"joined"}"#, r#"{"type":"dance"}"#] {
            let mut room = joining();
            room.handle_input(Instant::ZERO, Input::Carried(Carried::Text(text.into())));
            assert!(matches!(events(&mut room)[..], [Event::Failed { cause: Cause::SignalSetup, .. }]), "{text}");
        }
    }

    #[test]
    fn leaving_says_so_and_ends_once() {
        let mut room = joining();
        server(&mut room, &ServerMessage::Joined { transport: transport(), roster: vec![] });
        events(&mut room);
        room.handle_input(Instant::ZERO, Input::Leave);
        let mut said = Vec::new();
        while let Some(output) = room.poll_output() {
            said.push(output);
        }
        assert_eq!(said[0], Output::Carry(Carry::Text(r#"{"type":"leave"}"#.into())));
        assert_eq!(said[1..], [Output::Carry(Carry::Close), Output::Event(Event::Ended)]);
        room.handle_input(Instant::ZERO, Input::Carried(Carried::Closed { reason: "bye".into(), status: None }));
        assert_eq!(room.poll_output(), None);
    }

    fn carried() -> impl Strategy<Value = Carried> {
        let joined = ServerMessage::Joined { transport: transport(), roster: vec![] };
        let refused = ServerMessage::Refused { reason: Refusal::Malformed, detail: "no".into() };
        let left = ServerMessage::Left { participant: "a".into() };
        let known = [joined, refused, left].map(|message| serde_json::to_string(&message).unwrap());
        prop_oneof![
            2 => Just(Carried::Opened),
            4 => prop::sample::select(known.to_vec()).prop_map(Carried::Text),
            1 => ".{0,60}".prop_map(Carried::Text),
            1 => prop::option::of(any::<u16>()).prop_map(|status| Carried::Closed { reason: "bye".into(), status }),
            1 => any::<u32>().prop_map(|id| Carried::RequestFailed { id, reason: String::new() }),
        ]
    }

    fn inputs() -> impl Strategy<Value = Vec<Input>> {
        let tracks = || vec![TrackName { participant: "a".into(), media: "cam".into() }];
        let input = prop_oneof![
            6 => carried().prop_map(Input::Carried),
            1 => Just(Input::Leave),
            1 => Just(Input::Subscribe(tracks())),
            1 => Just(Input::Unsubscribe(tracks())),
            1 => any::<bool>().prop_map(|muted| Input::Mute { media: "mic".into(), muted }),
        ];
        prop::collection::vec(input, 0..20)
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_order_nothing_follows_the_end(inputs in inputs(), joins in any::<bool>()) {
            let mut room = Room::new("http://127.0.0.1:1", "r", "p");
            if joins {
                room.handle_input(Instant::ZERO, Input::Join { transport: transport(), publish: vec![] });
            }
            let (mut ended, mut joined) = (false, 0);
            for input in inputs {
                room.handle_input(Instant::ZERO, input);
                while let Some(output) = room.poll_output() {
                    prop_assert!(!ended, "{output:?} after the end");
                    if let Output::Event(event) = output {
                        ended = matches!(event, Event::Failed { .. } | Event::Ended);
                        joined += u32::from(matches!(event, Event::Joined { .. }));
                    }
                }
            }
            prop_assert!(joined <= u32::from(joins));
        }
    }
}
