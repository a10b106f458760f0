//! Superframes (VP9 bitstream, annex B): several frames that are decoded at once, of which at most the last is shown.

/// The most frames of a superframe.
pub const MAX_FRAMES: usize = 8;
const MARKER: u8 = 0b110;

/// The frames of what a container calls one: those of a superframe without its index, or the bytes as they are. `None`
/// when they are empty or an index does not fit what stands before it.
#[must_use]
pub fn frames(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let last = *bytes.last()?;
    if last >> 5 != MARKER {
        return Some(vec![bytes]);
    }
    let (count, width) = (usize::from(last & 0x07) + 1, usize::from(last >> 3 & 0x03) + 1);
    let index_len = 2 + count * width;
    let (mut rest, index) = bytes.split_at_checked(bytes.len().checked_sub(index_len)?)?;
    if index[0] != last {
        // The same byte at both ends is what makes an index of it.
        return Some(vec![bytes]);
    }
    let mut frames = Vec::with_capacity(count);
    for size in index[1..index_len - 1].chunks(width) {
        let size = size.iter().rev().fold(0usize, |size, byte| size << 8 | usize::from(*byte));
        let (frame, after) = rest.split_at_checked(size).filter(|(frame, _)| !frame.is_empty())?;
        frames.push(frame);
        rest = after;
    }
    rest.is_empty().then_some(frames)
}
