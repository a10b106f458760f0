//! rtpdump, the file of rtptools, which Wireshark reads: a line of text, a header, and packets behind their time. Big endian.

/// The most bytes of a packet that a file can hold.
pub const MAX_PACKET: usize = u16::MAX as usize - PACKET_HEADER_LEN;
const PACKET_HEADER_LEN: usize = 8;

/// Appends the file's beginning: when it begins, in Unix nanoseconds. The address is nobody's: packets of a bundle come
/// from one, and what names a stream is its SSRC.
pub fn write_header(out: &mut Vec<u8>, unix_nanos: u64) {
    out.extend_from_slice(b"#!rtpplay1.0 127.0.0.1/5004\n");
    out.extend_from_slice(&((unix_nanos / 1_000_000_000) as u32).to_be_bytes());
    out.extend_from_slice(&((unix_nanos % 1_000_000_000 / 1_000) as u32).to_be_bytes());
    out.extend_from_slice(&[127, 0, 0, 1]);
    out.extend_from_slice(&5_004u16.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
}

/// Appends an RTP packet that came so many milliseconds after the beginning. One longer than [`MAX_PACKET`] is cut, and
/// its true length stands beside it where that fits.
pub fn write_packet(out: &mut Vec<u8>, millis: u32, packet: &[u8]) {
    let kept = &packet[..packet.len().min(MAX_PACKET)];
    out.extend_from_slice(&((kept.len() + PACKET_HEADER_LEN) as u16).to_be_bytes());
    out.extend_from_slice(&(packet.len().min(usize::from(u16::MAX)) as u16).to_be_bytes());
    out.extend_from_slice(&millis.to_be_bytes());
    out.extend_from_slice(kept);
}

/// A packet, behind its milliseconds.
pub type Timed<'a> = (u32, &'a [u8]);

/// The packets of a file with their milliseconds, in order.
///
/// # Errors
/// What is wrong with the file, in words that follow "the file".
pub fn parse(file: &[u8]) -> Result<Vec<Timed<'_>>, String> {
    let line = file.iter().position(|byte| *byte == b'\n').filter(|_| file.starts_with(b"#!rtpplay1.0 "));
    let Some(line) = line else { return Err("is no rtpdump (it does not begin with #!rtpplay1.0)".to_owned()) };
    let mut rest = file.get(line + 1 + 16..).ok_or("ends inside its header")?;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let Some((packet, after)) = split(rest) else { return Err(format!("is cut off in packet {}", packets.len())) };
        packets.push(packet);
        rest = after;
    }
    Ok(packets)
}

fn split(bytes: &[u8]) -> Option<(Timed<'_>, &[u8])> {
    let (head, _) = bytes.split_first_chunk::<PACKET_HEADER_LEN>()?;
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let millis = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let packet = bytes.get(PACKET_HEADER_LEN..length)?;
    Some(((millis, packet), &bytes[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail(bytes in proptest::collection::vec(any::<u8>(), 0..80), named: bool) {
            let head: &[u8] = if named { b"#!rtpplay1.0 0.0.0.0/0\n" } else { b"" };
            let _ = parse(&[head, &bytes].concat());
        }

        #[test]
        fn packets_are_read_as_written(packets in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..5)) {
            let mut file = Vec::new();
            write_header(&mut file, 1_767_225_600_123_456_789);
            packets.iter().for_each(|(at, packet)| write_packet(&mut file, *at, packet));
            let read = parse(&file).unwrap();
            prop_assert_eq!(read, packets.iter().map(|(at, packet)| (*at, &packet[..])).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_header_is_that_of_rtptools() {
        let mut file = Vec::new();
        write_header(&mut file, 3_000_500_000_000);
        write_packet(&mut file, 40, &[0x80, 96]);
        let expected: &[u8] = b"#!rtpplay1.0 127.0.0.1/5004\n\0\0\x0B\xB8\0\x07\xA1\x20\x7F\0\0\x01\x13\x8C\0\0\0\x0A\0\x02\0\0\0\x28\x80\x60";
        assert_eq!(file, expected);
    }
}
