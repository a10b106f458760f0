//! CoDel, RFC 8289 section 5: what leaves a queue is dropped, ever faster, while packets wait longer than the target.

use crate::Instant;
use crate::config::CoDel;
use std::time::Duration;

/// A line of packets that CoDel takes from.
pub(super) trait Line {
    /// When the front packet came and how many bytes wait behind it.
    fn front(&self) -> Option<(Instant, u64)>;
    fn drop_front(&mut self);
    /// Whether the front packet could be marked, and now is.
    fn mark_front(&mut self) -> bool;
}

#[derive(Default)]
pub(super) struct State {
    /// When packets will have waited too long for an interval, if they have since some time.
    first_above: Option<Instant>,
    dropping: bool,
    drop_next: Instant,
    count: u32,
    last_count: u32,
}

/// A drop state this many intervals ago still tells how fast to drop.
const RECENT: u32 = 16;

impl State {
    /// Drops from the front, or marks it, until it may be sent at `now`. `largest` is the largest packet so far: less
    /// than that behind the front is no queue to control.
    pub(super) fn choose(&mut self, now: Instant, codel: &CoDel, largest: u64, line: &mut impl Line) {
        let mut above = self.above(now, codel, largest, line);
        if self.dropping {
            self.dropping = above;
            while self.dropping && now >= self.drop_next {
                self.count += 1;
                if codel.ecn && line.mark_front() {
                    self.drop_next = law(self.drop_next, codel, self.count);
                    return;
                }
                line.drop_front();
                above = self.above(now, codel, largest, line);
                if above {
                    self.drop_next = law(self.drop_next, codel, self.count);
                } else {
                    self.dropping = false;
                }
            }
        } else if above {
            if !(codel.ecn && line.mark_front()) {
                line.drop_front();
                let _ = self.above(now, codel, largest, line);
            }
            self.dropping = true;
            let more = self.count - self.last_count;
            let recent = now.saturating_since(self.drop_next) < codel.interval * RECENT;
            self.count = if more > 1 && recent { more } else { 1 };
            self.drop_next = law(now, codel, self.count);
            self.last_count = self.count;
        }
    }

    /// Whether the front packet, and those before it for an interval, have waited longer than the target.
    fn above(&mut self, now: Instant, codel: &CoDel, largest: u64, line: &impl Line) -> bool {
        let long = line
            .front()
            .is_some_and(|(arrived, behind)| now.saturating_since(arrived) >= codel.target && behind > largest);
        match self.first_above {
            _ if !long => self.first_above = None,
            None => self.first_above = Some(now + codel.interval),
            Some(first_above) => return now >= first_above,
        }
        false
    }
}

/// When to drop next: after interval/√count.
fn law(from: Instant, codel: &CoDel, count: u32) -> Instant {
    let nanos = codel.interval.as_nanos() as f64 / f64::from(count).sqrt();
    from + Duration::from_nanos(nanos as u64)
}
