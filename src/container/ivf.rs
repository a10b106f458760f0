//! IVF, the file of libvpx: a header of 32 bytes, then frames, each behind its size and time. Little endian.

use super::{le16, le32, le64};

/// Bytes of the file's header.
pub const HEADER_LEN: usize = 32;
/// Bytes in front of each frame.
pub const FRAME_HEADER_LEN: usize = 12;
/// Where in the file its length stands, in time units: where a unit is a frame, that is the number of its frames.
pub const LENGTH_AT: u64 = 24;
const SIGNATURE: &[u8; 4] = b"DKIF";

/// What the file says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The codec: `VP80`, `VP90`, `AV01`.
    pub fourcc: [u8; 4],
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// Time units a second are `rate / scale`.
    pub rate: u32,
    /// See `rate`.
    pub scale: u32,
}

impl Header {
    /// The header of a file whose length is not known yet; it belongs at [`LENGTH_AT`].
    #[must_use]
    pub fn bytes(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[..4].copy_from_slice(SIGNATURE);
        out[6..8].copy_from_slice(&(HEADER_LEN as u16).to_le_bytes());
        out[8..12].copy_from_slice(&self.fourcc);
        out[12..14].copy_from_slice(&self.width.to_le_bytes());
        out[14..16].copy_from_slice(&self.height.to_le_bytes());
        out[16..20].copy_from_slice(&self.rate.to_le_bytes());
        out[20..24].copy_from_slice(&self.scale.to_le_bytes());
        out
    }
}

/// Appends a frame that is shown at `time`, in units of the header.
pub fn write_frame(out: &mut Vec<u8>, time: u64, frame: &[u8]) {
    out.extend_from_slice(&(frame.len() as u32).to_le_bytes());
    out.extend_from_slice(&time.to_le_bytes());
    out.extend_from_slice(frame);
}

/// A frame, behind its time in units of the header.
pub type Timed<'a> = (u64, &'a [u8]);

/// A file's header and its frames with their times, in order.
///
/// # Errors
/// What is wrong with the file, in words that follow "the file".
pub fn parse(file: &[u8]) -> Result<(Header, Vec<Timed<'_>>), String> {
    if !file.starts_with(SIGNATURE) {
        return Err("is no IVF (it does not begin with DKIF)".to_owned());
    }
    let header = parse_header(file).ok_or("ends inside its header")?;
    let mut at = usize::from(le16(file, 6).unwrap_or_default()).max(HEADER_LEN);
    let mut frames = Vec::new();
    while at < file.len() {
        let frame = le32(file, at).zip(le64(file, at + 4)).and_then(|(size, time)| {
            let bytes = file.get(at + FRAME_HEADER_LEN..)?.get(..usize::try_from(size).ok()?)?;
            Some((time, bytes))
        });
        let Some((time, bytes)) = frame else { return Err(format!("is cut off in frame {}", frames.len())) };
        at += FRAME_HEADER_LEN + bytes.len();
        frames.push((time, bytes));
    }
    Ok((header, frames))
}

fn parse_header(file: &[u8]) -> Option<Header> {
    let _ = le64(file, HEADER_LEN - 8)?;
    Some(Header {
        fourcc: *file.get(8..)?.first_chunk()?,
        width: le16(file, 12)?,
        height: le16(file, 14)?,
        rate: le32(file, 16)?,
        scale: le32(file, 20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header = Header { fourcc: *b"VP80", width: 320, height: 180, rate: 90_000, scale: 1 };

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), named: bool) {
            if named && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(SIGNATURE);
            }
            let _ = parse(&bytes);
        }

        #[test]
        fn frames_are_read_as_written(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
            let mut file = HEADER.bytes().to_vec();
            for (index, frame) in frames.iter().enumerate() {
                write_frame(&mut file, index as u64 * 3_000, frame);
            }
            let (header, read) = parse(&file).unwrap();
            prop_assert_eq!(header, HEADER);
            let expected: Vec<(u64, &[u8])> = frames.iter().enumerate().map(|(i, f)| (i as u64 * 3_000, &f[..])).collect();
            prop_assert_eq!(&read, &expected);
            if !frames.is_empty() {
                file.pop();
                prop_assert!(parse(&file).is_err());
            }
        }
    }

    #[test]
    fn what_is_no_ivf_says_so() {
        assert!(parse(b"OggS").unwrap_err().contains("is no IVF"));
        assert_eq!(parse(b"DKIF\0\0\x20\0VP80").unwrap_err(), "ends inside its header");
    }
}
