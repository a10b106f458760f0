//! The files that recorded media lies in: IVF (VP8), Annex B (H.264), Ogg (Opus), and rtpdump (any RTP).
//!
//! Bytes in, bytes out: nothing here opens a file or decodes a picture. Readers are total: of a file that is cut off or
//! is something else they say so in words that follow "the file", and never panic.

pub mod annexb;
pub mod ivf;
pub mod ogg;
pub mod rtpdump;

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
