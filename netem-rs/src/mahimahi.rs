//! Mahimahi's packet delivery traces: one line for each opportunity to deliver, in whole milliseconds.

use crate::load::LineError;
use std::fmt;
use std::sync::Arc;

/// A trace of opportunities to deliver a number of bytes each, over and over: what `mm-link` reads. Packets use an
/// opportunity byte by byte, may take several, and what nobody uses is gone. Cheap to clone.
///
/// ```
/// use netem_rs::{Instant, Link, LinkConfig, Mahimahi, Packet, Seed, Serialiser};
/// use std::time::Duration;
///
/// struct Datagram(usize);
/// # impl Clone for Datagram { fn clone(&self) -> Self { Self(self.0) } }
/// impl Packet for Datagram {
///     fn wire_size(&self) -> usize {
///         self.0
///     }
/// }
///
/// let trace = Mahimahi::parse("2\n3\n7\n10\n")?;
/// assert_eq!(trace.rate(), 4 * 1_500 * 8 * 1_000 / 10);
/// let phase = Some(Duration::ZERO);
/// let config = LinkConfig { serialiser: Serialiser::Trace { trace, phase }, ..LinkConfig::default() };
/// let mut link = Link::new(config, Seed::new(1));
/// // 28 + 1,972 bytes need two opportunities, and the second has 1,000 bytes left for the next packet.
/// link.handle_packet(Instant::ZERO, Datagram(1_972));
/// link.handle_packet(Instant::ZERO, Datagram(972));
/// link.handle_timeout(Instant::from_millis(100));
/// assert_eq!(link.poll_output().map(|delivery| delivery.at), Some(Instant::from_millis(3)));
/// assert_eq!(link.poll_output().map(|delivery| delivery.at), Some(Instant::from_millis(3)));
/// # Ok::<(), netem_rs::LineError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mahimahi {
    /// Milliseconds, never falling, the last above 0.
    times: Arc<[u32]>,
    bytes: u32,
}

/// What `mm-link`'s manual says of an opportunity. (Its code says 1,504: [`Mahimahi::with_bytes`].)
const MTU: u32 = 1_500;

impl Mahimahi {
    /// Reads a trace: one whole number of milliseconds a line, never falling, the last above 0, where the trace begins
    /// anew. Empty lines and what follows a `#` are left out.
    ///
    /// # Errors
    /// Names the line that is no such number.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut times: Vec<u32> = Vec::new();
        let mut last_line = 0;
        for (index, line) in text.lines().enumerate() {
            let word = line.split('#').next().unwrap_or_default().trim();
            if word.is_empty() {
                continue;
            }
            let time: u32 = word.parse().map_err(|_| {
                LineError::new(index, format!("`{word}` is no whole number of milliseconds below {}", u32::MAX))
            })?;
            if let Some(before) = times.last().filter(|before| **before > time) {
                return Err(LineError::new(index, format!("{time} ms comes before the {before} ms above it")));
            }
            times.push(time);
            last_line = index;
        }
        match times.last() {
            None => Err(LineError::new(0, "no opportunity in the whole trace".to_owned())),
            Some(0) => {
                Err(LineError::new(last_line, "the last opportunity is at 0: a trace must take time".to_owned()))
            }
            Some(_) => Ok(Self { times: times.into(), bytes: MTU }),
        }
    }

    /// The same with so many bytes an opportunity, at least 1.
    #[must_use]
    pub const fn with_bytes(mut self, bytes: u32) -> Self {
        assert!(bytes > 0, "an opportunity to deliver nothing");
        self.bytes = bytes;
        self
    }

    /// The trace as text, as [`Mahimahi::parse`] reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.times.iter().map(|time| format!("{time}\n")).collect()
    }

    /// After how many milliseconds it begins anew.
    #[must_use]
    pub fn period_ms(&self) -> u32 {
        self.times[self.times.len() - 1]
    }

    /// Bits a second on average, rounded down.
    #[must_use]
    pub fn rate(&self) -> u64 {
        let bits = self.times.len() as u128 * u128::from(self.bytes) * 8 * 1_000;
        u64::try_from(bits / u128::from(self.period_ms())).unwrap_or(u64::MAX)
    }

    /// Bits times 10⁹ of the opportunities up to and with nanosecond `time`.
    pub(crate) fn work(&self, time: u128) -> u128 {
        let ms = time / 1_000_000;
        let period = u128::from(self.period_ms());
        let within = self.times.partition_point(|at| u128::from(*at) <= ms % period);
        (ms / period * self.times.len() as u128 + within as u128) * self.each()
    }

    /// The nanosecond of the opportunity that completes that work.
    pub(crate) fn when(&self, work: u128) -> u128 {
        let index = work.div_ceil(self.each()).saturating_sub(1);
        let count = self.times.len() as u128;
        let ms = index / count * u128::from(self.period_ms()) + u128::from(self.times[(index % count) as usize]);
        ms * 1_000_000
    }

    fn each(&self) -> u128 {
        u128::from(self.bytes) * 8 * 1_000_000_000
    }
}

/// Long traces would fill a screen.
impl fmt::Debug for Mahimahi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.times.len();
        write!(f, "Mahimahi({count} opportunities of {} bytes in {} ms)", self.bytes, self.period_ms())
    }
}
