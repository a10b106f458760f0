//! Interarrival jitter of RFC 3550 §6.4.1 and A.8, from the first packet of each frame.
//!
//! Taking every packet would measure the shape of frame bursts: as libwebrtc does, only packets in order whose RTP time
//! changed are compared, and a jump of 5 s or more is a new beginning. Arithmetic is A.8's, in clock units with four
//! fractional bits. This is a receiver's smoothed figure and nothing else; how far a link's delay varies is its own.

use crate::clock::{Duration, Instant};

/// Jumps of this many seconds are another timeline, not jitter.
const JUMP: i64 = 5;

/// The jitter of one stream.
#[derive(Clone, Debug)]
pub struct Jitter {
    clock_rate: u32,
    last: Option<(Instant, u32)>,
    /// Jitter in 1/16 of a clock unit.
    sixteenths: i64,
}

impl Jitter {
    /// Nothing has arrived on a stream of `clock_rate` Hz.
    #[must_use]
    pub const fn new(clock_rate: u32) -> Self {
        Self { clock_rate, last: None, sixteenths: 0 }
    }

    /// Takes a packet in order; |D| in seconds when it began another frame.
    pub fn handle_packet(&mut self, received: Instant, rtp_time: u32) -> Option<f64> {
        let Some((before, before_time)) = self.last else {
            self.last = Some((received, rtp_time));
            return None;
        };
        if rtp_time == before_time {
            return None;
        }
        self.last = Some((received, rtp_time));
        let rate = i64::from(self.clock_rate);
        let apart = received.signed_nanos_since(before);
        let passed = (i128::from(apart) * i128::from(rate) + 500_000_000).div_euclid(1_000_000_000) as i64;
        let media = i64::from(rtp_time.wrapping_sub(before_time) as i32);
        let difference = passed.wrapping_sub(media).saturating_abs();
        if difference >= JUMP * rate {
            return None;
        }
        self.sixteenths += difference - ((self.sixteenths + 8) >> 4);
        Some((apart as f64 / 1e9 - media as f64 / rate as f64).abs())
    }

    /// The jitter in clock units, as report blocks carry it.
    #[must_use]
    pub const fn clock_units(&self) -> u32 {
        (self.sixteenths >> 4) as u32
    }

    /// The jitter as time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos((self.sixteenths as u64).saturating_mul(1_000_000_000) / (16 * u64::from(self.clock_rate)))
    }

    /// Starts over, as for a new timeline; the smoothed value stays.
    pub const fn forget_timeline(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_equals_the_formula_on_a_sequence_worked_by_hand() {
        // Frames 3,000 units (33.333 ms) apart; D = 0, +900, −900, +450 units.
        let arrivals = [0i64, 3_000, 6_900, 9_000, 12_450];
        let mut jitter = Jitter::new(90_000);
        let mut units = Vec::new();
        for (frame, at) in arrivals.iter().enumerate() {
            let received = Instant::from_nanos((at * 1_000_000_000 / 90_000 + 1) as u64);
            jitter.handle_packet(received, (frame as u32 * 3_000).wrapping_add(u32::MAX - 99));
            units.push(jitter.sixteenths);
        }
        // A.8: J' = J + |D| − ((J + 8) >> 4): 0, 0, 900, then 900 + 900 − 56 = 1,744, then 1,744 + 450 − 109 = 2,085.
        assert_eq!(units, [0, 0, 900, 1_744, 2_085]);
        assert_eq!(jitter.clock_units(), 130);
    }

    #[test]
    fn an_even_stream_has_none_and_a_burst_of_one_frame_adds_none() {
        let mut jitter = Jitter::new(90_000);
        for frame in 0..50u32 {
            for packet in 0..5 {
                let received = Instant::from_micros(u64::from(frame) * 33_333 + 10 + packet * 300);
                jitter.handle_packet(received, frame * 3_000);
            }
        }
        assert_eq!(jitter.clock_units(), 0);
    }

    #[test]
    fn a_jump_of_the_timeline_is_no_jitter() {
        let mut jitter = Jitter::new(48_000);
        jitter.handle_packet(Instant::from_millis(0), 0);
        assert_eq!(jitter.handle_packet(Instant::from_millis(20), 48_000 * 3_600), None);
        assert_eq!(jitter.duration(), Duration::ZERO);
    }

    #[test]
    fn the_raw_difference_is_in_seconds() {
        let mut jitter = Jitter::new(48_000);
        jitter.handle_packet(Instant::from_millis(0), 0);
        let raw = jitter.handle_packet(Instant::from_millis(27), 960).expect("a second frame");
        assert!((raw - 0.007).abs() < 1e-9);
        assert_eq!(jitter.duration(), Duration::from_micros(437) + Duration::from_nanos(500));
    }
}
