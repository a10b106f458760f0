//! What a participant sends each second, and what must be opened of it.

use super::measure::{Figures, Meter, Span, Ticks};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// A video datagram and an audio datagram, bytes of UDP payload.
pub const VIDEO: usize = 1_152;
pub const AUDIO: usize = 136;
/// Packets of a frame; 27.5 frames and so 110 packets a second.
pub const BURST: usize = 4;
pub const PACKETS_PER_SECOND: usize = 160;
/// Everything repeats after so many ticks, which hold so many frames and so many packets of sound.
pub const CYCLE: usize = 400;
const FRAMES: usize = 11;
const SOUNDS: usize = 20;
pub const HEADER: usize = 12;
pub const TAG: usize = 16;
/// One received datagram of so many is opened, besides the first of each frame.
pub const OPEN_ONE_OF: u64 = 64;

/// What is due at each tick of the cycle: participant and packets of its video burst, 0 for an audio packet.
pub fn schedule(participants: usize) -> Vec<Vec<(u32, u8)>> {
    let mut slots = vec![Vec::new(); CYCLE];
    for participant in 0..participants {
        // Spread evenly, as arrivals at random would be.
        let offset = participant * CYCLE / participants;
        let index = u32::try_from(participant).expect("few");
        for frame in 0..FRAMES {
            slots[(offset + frame * CYCLE / FRAMES) % CYCLE].push((index, BURST as u8));
        }
        for packet in 0..SOUNDS {
            slots[(offset + 7 + packet * CYCLE / SOUNDS) % CYCLE].push((index, 0));
        }
    }
    slots
}

/// One participant's stream: a key, and the numbers that the header and the nonce need.
pub struct Stream {
    key: LessSafeKey,
    ssrc: u32,
    sequence: u32,
    pub rtp_time: u32,
}

impl Stream {
    pub fn new(index: usize) -> Self {
        Self { key: key(index), ssrc: u32::try_from(index).expect("few"), sequence: 0, rtp_time: 0 }
    }

    /// Writes the header and seals what follows it, in place.
    pub fn seal(&mut self, datagram: &mut [u8]) {
        self.sequence += 1;
        let (header, rest) = datagram.split_at_mut(HEADER);
        header[..2].copy_from_slice(&[0x80, 96]);
        header[2..4].copy_from_slice(&(self.sequence as u16).to_be_bytes());
        header[4..8].copy_from_slice(&self.rtp_time.to_be_bytes());
        header[8..].copy_from_slice(&self.ssrc.to_be_bytes());
        let (payload, tag) = rest.split_at_mut(rest.len() - TAG);
        let nonce = nonce(header);
        let sealed = self.key.seal_in_place_separate_tag(nonce, Aad::from(&header[..]), payload).expect("sealed");
        tag.copy_from_slice(sealed.as_ref());
    }

    /// Seals a burst (or an audio packet, for 0) into `buffer` and returns what is to be sent.
    pub fn burst<'a>(&mut self, packets: u8, buffer: &'a mut [u8; BURST * VIDEO]) -> &'a [u8] {
        self.rtp_time = self.rtp_time.wrapping_add(3_000);
        if packets == 0 {
            self.seal(&mut buffer[..AUDIO]);
            return &buffer[..AUDIO];
        }
        let bytes = usize::from(packets) * VIDEO;
        for datagram in buffer[..bytes].chunks_mut(VIDEO) {
            self.seal(datagram);
        }
        &buffer[..bytes]
    }
}

pub fn key(index: usize) -> LessSafeKey {
    let mut bytes = [0x5A; 16];
    bytes[..8].copy_from_slice(&(index as u64).to_le_bytes());
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &bytes).expect("key"))
}

pub fn nonce(header: &[u8]) -> Nonce {
    let mut bytes = [0; 12];
    bytes.copy_from_slice(header);
    Nonce::assume_unique_for_key(bytes)
}

pub fn packets_of(burst: u8) -> u64 {
    u64::from(burst.max(1))
}

/// Sends the workload through `send(participant, bytes)` until told to end; returns CPU and datagrams of the measured
/// part of `span`.
pub fn send_paced(participants: usize, span: Span, mut send: impl FnMut(usize, &[u8])) -> Figures {
    let slots = schedule(participants);
    let mut streams: Vec<Stream> = (0..participants).map(Stream::new).collect();
    let mut buffer = [0; BURST * VIDEO];
    let mut meter = Meter::new(span);
    let mut ticks = Ticks::new();
    for slot in slots.iter().cycle() {
        ticks.wait();
        for &(participant, burst) in slot {
            let participant = participant as usize;
            send(participant, streams[participant].burst(burst, &mut buffer));
            meter.packets += packets_of(burst);
        }
        if meter.ended() {
            break;
        }
    }
    meter.figures(Some((participants * PACKETS_PER_SECOND) as f64))
}

/// What must be known of a received stream to open the right datagrams.
pub struct Heard {
    key: LessSafeKey,
    rtp_time: u32,
    pub packets: u64,
}

impl Heard {
    pub fn new(index: usize) -> Self {
        Self { key: key(index), rtp_time: 0, packets: 0 }
    }

    pub fn hear(&mut self, datagram: &mut [u8]) {
        let (header, sealed) = datagram.split_at_mut(HEADER);
        let rtp_time = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        self.packets += 1;
        if rtp_time != self.rtp_time || self.packets.is_multiple_of(OPEN_ONE_OF) {
            self.rtp_time = rtp_time;
            let nonce = nonce(header);
            self.key.open_in_place(nonce, Aad::from(&header[..]), sealed).expect("what the blaster sealed opens");
        }
    }
}
