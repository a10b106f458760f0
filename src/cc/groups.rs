//! Packets in the groups in which they were sent, and how much later each group arrived than the one before it
//! (draft-ietf-rmcat-gcc-02 §5.2; libwebrtc `InterArrivalDelta`).

/// Packets sent within this time are one group: a pacer sends in bursts. Microseconds.
const GROUP: i64 = 5_000;
/// Packets that arrive this close behind one another, sooner than they were sent, came out of one queue at once.
const BURST_GAP: i64 = 5_000;
/// The longest such burst.
const BURST: i64 = 100_000;
/// So many groups in a row that arrive before their elder: the receiver's clock has jumped.
const REORDERED_LIMIT: u32 = 3;
/// An arrival that is this much later than the last one, against its sending, begins a new timeline.
const JUMP: i64 = 3_000_000;

/// How one group of packets followed another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Delta {
    /// Microseconds between the ends of their sending.
    pub sent: i64,
    /// Microseconds between the ends of their arrival.
    pub arrived: i64,
    /// When the later one had arrived, in microseconds on the receiver's clock.
    pub at: i64,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    sent: i64,
    first_arrived: i64,
    arrived: i64,
}

/// The group at hand and the one before it.
#[derive(Default, Debug)]
pub(super) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
    reordered: u32,
}

impl Groups {
    /// A packet that was sent and arrived at these times (microseconds, each on its own clock), in order of arrival. A
    /// delta when it begins a new group and two were complete before it.
    pub fn push(&mut self, sent: i64, arrived: i64) -> Option<Delta> {
        let fresh = Group { first_sent: sent, sent, first_arrived: arrived, arrived };
        let Some(current) = &mut self.current else {
            self.current = Some(fresh);
            return None;
        };
        if sent < current.first_sent {
            // Its group is over; what it says of the queue is old.
            return None;
        }
        if !is_new(current, sent, arrived) {
            current.sent = current.sent.max(sent);
            current.arrived = current.arrived.max(arrived);
            return None;
        }
        let done = *current;
        let before = self.previous.replace(done);
        self.current = Some(fresh);
        let before = before?;
        let delta = Delta { sent: done.sent - before.sent, arrived: done.arrived - before.arrived, at: done.arrived };
        if (delta.arrived - delta.sent).abs() >= JUMP {
            *self = Self::default();
            return None;
        }
        if delta.arrived < 0 {
            self.reordered += 1;
            if self.reordered >= REORDERED_LIMIT {
                *self = Self::default();
            }
            return None;
        }
        self.reordered = 0;
        Some(delta)
    }
}

fn is_new(current: &Group, sent: i64, arrived: i64) -> bool {
    let (sent_apart, arrived_apart) = (sent - current.sent, arrived - current.arrived);
    if sent_apart == 0 {
        return false;
    }
    let caught_up = arrived_apart - sent_apart < 0 && arrived_apart <= BURST_GAP;
    if caught_up && arrived - current.first_arrived < BURST {
        return false;
    }
    sent - current.first_sent > GROUP
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deltas(packets: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut groups = Groups::default();
        let found = packets.iter().filter_map(|&(sent, arrived)| groups.push(sent * 1_000, arrived * 1_000));
        found.map(|delta| (delta.sent / 1_000, delta.arrived / 1_000)).collect()
    }

    #[test]
    fn what_was_sent_within_five_milliseconds_is_one_group() {
        let steady = [(0, 50), (2, 52), (20, 70), (22, 72), (40, 90), (60, 110)];
        assert_eq!(deltas(&steady), [(20, 20), (18, 18)]);
    }

    #[test]
    fn a_group_that_waited_longer_arrived_later_than_it_was_sent() {
        assert_eq!(deltas(&[(0, 50), (20, 75), (40, 100), (60, 125)]), [(20, 25), (20, 25)]);
    }

    #[test]
    fn what_left_a_queue_at_once_is_one_group() {
        // Three groups that waited for one another arrive within a millisecond.
        let burst = [(0, 50), (20, 70), (40, 120), (60, 120), (80, 121), (100, 150), (120, 170)];
        assert_eq!(deltas(&burst), [(20, 20), (60, 51), (20, 29)]);
    }

    #[test]
    fn what_comes_after_its_group_is_passed_over_and_a_jump_begins_anew() {
        assert_eq!(deltas(&[(0, 50), (20, 70), (10, 71), (40, 90), (60, 110)]), [(20, 20), (20, 20)]);
        assert_eq!(deltas(&[(0, 50), (20, 70), (40, 9_000), (60, 9_020), (80, 9_040)]), [(20, 20)]);
    }

    #[test]
    fn a_receivers_clock_that_goes_back_is_followed_after_three_groups() {
        let mut back: Vec<(i64, i64)> = (0..6).map(|n| (20 * n, 1_000 + 20 * n)).collect();
        // Each of these groups seems to arrive before the one before it.
        back.extend((6..10).map(|n| (20 * n, 1_000 - 20 * n)));
        back.extend((10..16).map(|n| (20 * n, 20 * n)));
        let found = deltas(&back);
        assert!(found.iter().all(|(_, arrived)| *arrived >= 0));
        assert_eq!(found.last(), Some(&(20, 20)));
    }
}
