//! Ogg (RFC 3533) as far as Opus needs it (RFC 7845): one logical stream, pages written with one packet each, and read
//! with any number.

use super::{le16, le32};

/// The first page of a stream.
pub const BEGINS: u8 = 0x02;
/// The last page of a stream.
pub const ENDS: u8 = 0x04;
const CONTINUES: u8 = 0x01;
const CAPTURE: &[u8; 4] = b"OggS";
/// Bytes of a page's header before its segment table.
const PAGE_HEADER_LEN: usize = 27;
const CRC_AT: usize = 22;
/// The most that one page of one packet holds: 255 segments, the last of them shorter than 255 bytes.
pub const MAX_PACKET: usize = 255 * 255 - 1;

/// Appends a page with one packet of at most [`MAX_PACKET`] bytes; an empty one makes a page without any.
///
/// # Panics
/// When the packet is longer.
pub fn write_page(out: &mut Vec<u8>, flags: u8, granule: u64, serial: u32, number: u32, packet: &[u8]) {
    assert!(packet.len() <= MAX_PACKET, "{} bytes in one page", packet.len());
    let start = out.len();
    out.extend_from_slice(CAPTURE);
    out.extend_from_slice(&[0, flags]);
    out.extend_from_slice(&granule.to_le_bytes());
    out.extend_from_slice(&serial.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let segments = if packet.is_empty() { 0 } else { packet.len() / 255 + 1 };
    out.push(segments as u8);
    out.extend(std::iter::repeat_n(255, segments.saturating_sub(1)));
    if segments > 0 {
        out.push((packet.len() % 255) as u8);
    }
    out.extend_from_slice(packet);
    let sum = checksum(&out[start..]).to_le_bytes();
    out[start + CRC_AT..start + CRC_AT + 4].copy_from_slice(&sum);
}

/// The packets of the file's one logical stream, in order.
///
/// # Errors
/// What is wrong with the file, in words that follow "the file".
pub fn parse(file: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    if !file.starts_with(CAPTURE) {
        return Err("is no Ogg (it does not begin with OggS)".to_owned());
    }
    let (mut packets, mut open, mut serial, mut rest, mut page) = (Vec::new(), Vec::new(), None, file, 0);
    while !rest.is_empty() {
        let (head, lacing, body) = split_page(rest).ok_or_else(|| format!("is cut off in page {page}"))?;
        if checksum_of_page(head, lacing, body) != le32(head, CRC_AT).unwrap_or_default() {
            return Err(format!("is damaged in page {page} (its checksum is wrong)"));
        }
        let own = le32(head, 14);
        if *serial.get_or_insert(own) != own {
            return Err("holds several streams, or several behind one another; it must hold one".to_owned());
        }
        if head[5] & CONTINUES == 0 {
            open.clear();
        }
        let mut at = 0;
        for &length in lacing {
            let end = at + usize::from(length);
            open.extend_from_slice(&body[at..end]);
            at = end;
            if length < 255 {
                packets.push(std::mem::take(&mut open));
            }
        }
        rest = &rest[head.len() + lacing.len() + body.len()..];
        page += 1;
    }
    Ok(packets)
}

/// Header, segment table and body of the page at the front.
fn split_page(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(PAGE_HEADER_LEN)?;
    head.starts_with(CAPTURE).then_some(())?;
    let (lacing, rest) = rest.split_at_checked(usize::from(head[PAGE_HEADER_LEN - 1]))?;
    let length = lacing.iter().map(|length| usize::from(*length)).sum();
    Some((head, lacing, rest.get(..length)?))
}

fn checksum_of_page(head: &[u8], lacing: &[u8], body: &[u8]) -> u32 {
    let without = [&head[..CRC_AT], &[0; 4], &head[CRC_AT + 4..]];
    without.into_iter().chain([lacing, body]).fold(0, update)
}

fn checksum(page: &[u8]) -> u32 {
    update(0, page)
}

/// The page checksum of RFC 3533: polynomial 04c11db7, not reflected, nothing inverted.
fn update(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 0x8000_0000 != 0 { sum << 1 ^ 0x04C1_1DB7 } else { sum << 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
}

/// The identification header of an Opus stream (RFC 7845 §5.1).
#[must_use]
pub fn opus_head(channels: u8) -> [u8; 19] {
    let mut head = [0; 19];
    head[..8].copy_from_slice(b"OpusHead");
    (head[8], head[9]) = (1, channels);
    // Nothing is to be skipped: what is written begins in the middle of somebody's sound.
    head[12..16].copy_from_slice(&48_000u32.to_le_bytes());
    head
}

/// The comment header of an Opus stream (RFC 7845 §5.2), with a vendor and no comments.
#[must_use]
pub fn opus_tags(vendor: &str) -> Vec<u8> {
    let mut tags = b"OpusTags".to_vec();
    tags.extend_from_slice(&(vendor.len() as u32).to_le_bytes());
    tags.extend_from_slice(vendor.as_bytes());
    tags.extend_from_slice(&[0; 4]);
    tags
}

/// The packets of sound in an Ogg Opus file of one or two channels.
///
/// # Errors
/// What is wrong with the file, in words that follow "the file".
pub fn parse_opus(file: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut packets = parse(file)?.into_iter();
    let head = packets.next().filter(|head| head.starts_with(b"OpusHead") && le16(head, 16).is_some());
    let Some(head) = head else { return Err("is an Ogg of another codec than Opus".to_owned()) };
    // Family 0 is mono or stereo, as RTP has it (RFC 7587); others are several Opus streams at once.
    if head.get(18) != Some(&0) {
        return Err("has more than two channels, which RTP does not carry".to_owned());
    }
    packets.next();
    Ok(packets.filter(|packet| !packet.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut file = Vec::new();
        write_page(&mut file, BEGINS, 0, 7, 0, &opus_head(1));
        write_page(&mut file, 0, 0, 7, 1, &opus_tags("throng"));
        for (number, packet) in (2..).zip(packets) {
            write_page(&mut file, 0, 960 * u64::from(number - 1), 7, number, packet);
        }
        file
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), named: bool) {
            if named && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(CAPTURE);
            }
            let _ = parse_opus(&bytes);
        }

        #[test]
        fn packets_are_read_as_written(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..800), 0..5), cut: prop::sample::Index, bit: u8) {
            let mut file = file(&packets);
            prop_assert_eq!(parse_opus(&file).unwrap(), packets);
            let at = cut.index(file.len());
            file[at] ^= 1 << (bit % 8);
            prop_assert!(parse_opus(&file).is_err(), "damage at {at} went unnoticed");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // The CRC of "123456789" under this polynomial, with nothing reflected or inverted.
        assert_eq!(checksum(b"123456789"), 0x89A1_897F);
    }

    #[test]
    fn a_packet_may_span_pages_and_end_on_a_full_segment() {
        let mut packet = vec![9; 255];
        let mut bytes = Vec::new();
        write_page(&mut bytes, BEGINS, 0, 7, 0, &packet);
        assert_eq!(parse(&bytes).unwrap(), [packet.clone()]);
        // The same packet cut after its first segment.
        let mut first = bytes[..PAGE_HEADER_LEN].to_vec();
        first[PAGE_HEADER_LEN - 1] = 1;
        first.push(255);
        first.extend_from_slice(&packet);
        let mut second = bytes[..PAGE_HEADER_LEN].to_vec();
        (second[5], second[PAGE_HEADER_LEN - 1]) = (CONTINUES, 1);
        second.extend_from_slice(&[2, 8, 8]);
        for page in [&mut first, &mut second] {
            page[CRC_AT..CRC_AT + 4].fill(0);
            let sum = checksum(page);
            page[CRC_AT..CRC_AT + 4].copy_from_slice(&sum.to_le_bytes());
        }
        packet.extend_from_slice(&[8, 8]);
        assert_eq!(parse(&[first, second].concat()).unwrap(), [packet]);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        assert!(parse_opus(b"DKIF").unwrap_err().contains("is no Ogg"));
        let mut vorbis = Vec::new();
        write_page(&mut vorbis, BEGINS, 0, 7, 0, b"\x01vorbis");
        assert!(parse_opus(&vorbis).unwrap_err().contains("another codec"));
        let mut surround = opus_head(6);
        surround[18] = 1;
        let mut file = Vec::new();
        write_page(&mut file, BEGINS, 0, 7, 0, &surround);
        assert!(parse_opus(&file).unwrap_err().contains("more than two channels"));
    }
}
