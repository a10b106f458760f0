//! Channels of every reliability side by side in one association, over a wire that delays and loses.

use super::Pair;
use crate::clock::{Duration, Instant};
use crate::conference::{ChannelParameters, Reliability};

/// A channel, the milliseconds between two messages, and their bytes.
type Stream = (Reliability, u64, usize);

/// A chat, a cursor and a state, as `scenarios/data.toml` has them.
const STREAMS: [Stream; 3] = [
    (Reliability::Reliable, 500, 300),
    (Reliability::MaxRetransmits(0), 50, 100),
    (Reliability::MaxLifetime(500), 500, 800),
];

/// What became of one channel's messages from one end to the other.
#[derive(Clone, Copy, Default, Debug)]
struct Fate {
    sent: u32,
    came: u32,
    longest: Duration,
}

struct Talk {
    pair: Pair,
    step: u64,
}

impl Talk {
    /// Both ends have opened the channels, and nothing is lost yet; a round trip takes 80 ms.
    fn new() -> Self {
        let mut pair = Pair::new();
        pair.wire.delay = Duration::from_millis(40);
        pair.connect([true, false]);
        pair.run(Duration::from_secs(2), [true, true]);
        for (id, (reliability, ..)) in (0..).zip(STREAMS) {
            let parameters = ChannelParameters { id, ordered: id == 0, reliability };
            [0, 1].into_iter().for_each(|end| pair.ends[end].open_channel(pair.now, &parameters));
        }
        pair.run(Duration::from_secs(2), [true, true]);
        assert_eq!(pair.opened.each_ref().map(Vec::len), [3, 3]);
        Self { pair, step: 0 }
    }

    /// Both ends send for a while, and wait then for what is under way; tells of what was sent from end 0 in that time.
    fn run(&mut self, time: Duration, wait: Duration) -> [Fate; 3] {
        let mut fates = [Fate::default(); 3];
        let (begun, ended) = (self.pair.now, self.pair.now + time);
        while self.pair.now < ended + wait {
            if self.pair.now < ended {
                self.send(&mut fates);
            }
            let before = self.pair.messages[1].len();
            self.pair.run(Duration::from_millis(1), [true, true]);
            for message in &self.pair.messages[1][before..] {
                let nanos = message.bytes[..8].try_into().expect("each begins with its time");
                let sent = Instant::from_nanos(u64::from_be_bytes(nanos));
                let fate = &mut fates[usize::from(message.id)];
                if sent >= begun {
                    fate.came += 1;
                    fate.longest = fate.longest.max(self.pair.now.saturating_since(sent));
                }
            }
        }
        assert!(self.pair.failures.iter().all(Vec::is_empty), "{:?}", self.pair.failures);
        fates
    }

    fn send(&mut self, fates: &mut [Fate; 3]) {
        self.step += 1;
        for (id, (_, every, length)) in (0u16..).zip(STREAMS) {
            for end in [0, 1].into_iter().filter(|end| (self.step + 17 * u64::from(id) + 5 * end).is_multiple_of(every))
            {
                let mut bytes = vec![0; length];
                bytes[..8].copy_from_slice(&self.pair.now.as_nanos().to_be_bytes());
                assert!(self.pair.ends[end as usize].send_message(self.pair.now, id, &bytes), "there is room");
                fates[usize::from(id)].sent += u32::from(end == 0);
            }
        }
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn channels_of_each_reliability_deliver_beside_the_others() {
    let mut talk = Talk::new();
    for fate in talk.run(millis(20_000), millis(100)) {
        assert!(fate.came == fate.sent && fate.longest < millis(60), "without loss: {fate:?}");
    }
    talk.pair.wire.lost_per_mille = 20;
    let [chat, cursor, state] = talk.run(millis(60_000), millis(10_000));
    assert!(chat.came == chat.sent && chat.longest > millis(100), "sent again: {chat:?}");
    assert!(cursor.came < cursor.sent && cursor.came > cursor.sent * 95 / 100, "never sent again: {cursor:?}");
    assert!(state.came > state.sent * 95 / 100 && state.longest < millis(1_500), "for half a second: {state:?}");
}

/// Who cannot keep up delays everything, for longer than it lasts; that says nothing of the network, and it passes.
#[test]
fn channels_recover_when_both_ends_were_too_slow_for_a_while() {
    let mut talk = Talk::new();
    talk.pair.wire.lost_per_mille = 20;
    talk.pair.wire.starved = Some((talk.pair.now + millis(20_000), millis(25)));
    let [chat, cursor, state] = talk.run(millis(20_000), millis(10_000));
    assert_eq!(chat.came, chat.sent, "late, and not lost: {chat:?}");
    assert!(chat.longest > millis(1_000) && cursor.longest > millis(300), "{chat:?} {cursor:?}");
    assert!(state.came < state.sent, "too late for some: {state:?}");
    talk.pair.wire.lost_per_mille = 0;
    // The window may still hold one packet: what is written at once then takes a round trip more, or two.
    for fate in talk.run(millis(10_000), millis(1_000)) {
        assert!(fate.came == fate.sent && fate.longest < millis(250), "afterwards: {fate:?}");
    }
}
