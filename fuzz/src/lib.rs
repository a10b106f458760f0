//! What is fuzzed: every parser and machine that is handed bytes from a network, one function a target.
//!
//! The fuzzer's binaries are `fuzz_targets/`; `tests/it/totality.rs` of throng includes this very file and runs the same
//! functions over arbitrary bytes in `cargo test`. The corpus is code: the first byte of an input says whether the rest
//! is the datagram itself, or which seed it damages and where.

mod codecs;
mod files;
mod legs;
mod machines;
mod packets;
mod texts;
mod video;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of its binary.
    pub name: &'static str,
    seeds: fn() -> Vec<Vec<u8>>,
    run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 21] = [
    Target { name: "rtp", seeds: packets::rtp_seeds, run: packets::rtp },
    Target { name: "rtcp", seeds: packets::rtcp_seeds, run: packets::rtcp },
    Target { name: "twcc", seeds: packets::twcc_seeds, run: packets::twcc },
    Target { name: "srtp", seeds: packets::srtp_seeds, run: packets::srtp },
    Target { name: "stun", seeds: packets::stun_seeds, run: packets::stun },
    Target { name: "vp8", seeds: codecs::vp8_seeds, run: codecs::vp8 },
    Target { name: "vp9", seeds: codecs::vp9_seeds, run: codecs::vp9 },
    Target { name: "av1", seeds: codecs::av1_seeds, run: codecs::av1 },
    Target { name: "descriptor", seeds: codecs::descriptor_seeds, run: codecs::descriptor },
    Target { name: "h264", seeds: codecs::h264_seeds, run: codecs::h264 },
    Target { name: "opus", seeds: codecs::opus_seeds, run: codecs::opus },
    Target { name: "red", seeds: codecs::red_seeds, run: codecs::red },
    Target { name: "stamp", seeds: codecs::stamp_seeds, run: codecs::stamp },
    Target { name: "sdp", seeds: texts::sdp_seeds, run: texts::sdp },
    Target { name: "room", seeds: texts::room_seeds, run: texts::room },
    Target { name: "whip", seeds: texts::whip_seeds, run: texts::whip },
    Target { name: "stream", seeds: machines::stream_seeds, run: machines::stream },
    Target { name: "netem", seeds: machines::netem_seeds, run: machines::netem },
    Target { name: "container", seeds: files::container_seeds, run: files::container },
    Target { name: "clip", seeds: files::clip_seeds, run: files::clip },
    Target { name: "leg", seeds: legs::leg_seeds, run: legs::leg },
];

impl Target {
    /// Runs the target on one input; panics when a law does not hold.
    pub fn run(&self, input: &[u8]) {
        (self.run)(&damaged(&(self.seeds)(), input));
    }

    /// Runs the target on its seeds as they are.
    pub fn run_seeds(&self) {
        for seed in (self.seeds)() {
            (self.run)(&seed);
        }
    }
}

/// Runs the target of this name.
///
/// # Panics
/// When there is none, or a law does not hold.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("there is no target {name}")).run(input);
}

/// The datagram of an input. An even first byte: the rest of it. An odd one: that seed, with each three bytes that
/// follow overwriting one byte at a position; a position past the end cuts there.
fn damaged(seeds: &[Vec<u8>], input: &[u8]) -> Vec<u8> {
    let Some((&choice, rest)) = input.split_first() else { return Vec::new() };
    if choice % 2 == 0 || seeds.is_empty() {
        return rest.to_vec();
    }
    let mut datagram = seeds[usize::from(choice / 2) % seeds.len()].clone();
    for edit in rest.as_chunks::<3>().0 {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % (datagram.len() + datagram.len() / 8 + 1);
        match datagram.get_mut(at) {
            Some(byte) => *byte = edit[2],
            None => datagram.truncate(usize::from(edit[2]) * datagram.len() / 256),
        }
    }
    datagram
}

/// Reads numbers off the front of an input; zeros after its end.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn word(&mut self) -> u32 {
        u32::from(self.short()) << 16 | u32::from(self.short())
    }

    fn long(&mut self) -> u64 {
        u64::from(self.word()) << 32 | u64::from(self.word())
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }
}
