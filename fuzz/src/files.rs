//! Files of media that a scenario names, or that were dumped.

use throng::clock::Duration;
use throng::conference::Codec;
use throng::container::{annexb, ivf, ogg, rtpdump};
use throng::media::clip::Clip;
use throng::rtp::{av1, vp9};

/// One small file of each kind.
pub fn container_seeds() -> Vec<Vec<u8>> {
    let header = ivf::Header { fourcc: *b"VP80", width: 64, height: 48, rate: 30, scale: 1 };
    let mut pictures = header.bytes().to_vec();
    ivf::write_frame(&mut pictures, 0, &[0x10, 2, 0, 0x9D, 1, 0x2A, 64, 0, 48, 0, 7]);
    ivf::write_frame(&mut pictures, 1, &[0x11, 2, 0, 9]);
    let mut units = Vec::new();
    for unit in [&[0x67, 66, 0xC0, 30, 0xDA, 2, 0x80][..], &[0x68, 0xCE, 0x3C, 0x80], &[0x65, 0x88, 4], &[0x41, 0x9A]] {
        annexb::write_nal(&mut units, unit);
    }
    let mut sound = Vec::new();
    ogg::write_page(&mut sound, ogg::BEGINS, 0, 5, 0, &ogg::opus_head(1));
    ogg::write_page(&mut sound, 0, 0, 5, 1, &ogg::opus_tags("seed"));
    ogg::write_page(&mut sound, ogg::ENDS, 960, 5, 2, &[0x78, 1, 2, 3]);
    let mut packets = Vec::new();
    rtpdump::write_header(&mut packets, 0);
    rtpdump::write_packet(&mut packets, 20, &[0x80, 96, 0, 1]);
    vec![pictures, units, sound, packets]
}

/// Whatever a file holds, every reader takes it.
pub fn container(bytes: &[u8]) {
    if let Ok((_, frames)) = ivf::parse(bytes) {
        assert!(frames.iter().map(|(_, frame)| frame.len() + ivf::FRAME_HEADER_LEN).sum::<usize>() <= bytes.len());
    }
    assert!(annexb::nals(bytes).map(|unit| unit.len() + 3).sum::<usize>() <= bytes.len());
    if let Ok(packets) = ogg::parse_opus(bytes) {
        assert!(packets.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    }
    if let Ok(packets) = rtpdump::parse(bytes) {
        assert!(packets.iter().map(|(_, packet)| packet.len() + 8).sum::<usize>() <= bytes.len());
    }
}

/// The same files: small clips of each codec among them.
pub fn clip_seeds() -> Vec<Vec<u8>> {
    let mut key = [0xFF; vp9::KEYFRAME_HEADER_LEN + 2];
    vp9::FrameHeader { keyframe: true, shown: true, size: Some((64, 48)) }.write(&mut key);
    let hidden = [0x84, 1, 2, 3, 4];
    let superframe = [&hidden[..], &[0x86, 1, 2, 3, 4], &[0xC1, 5, 5, 0xC1]].concat();
    let mut sequence = [0; av1::MAX_SEQUENCE_HEADER_LEN];
    let len = av1::write_sequence_header(64, 48, 0, &mut sequence);
    let unit = [&[0x12, 0, 0x0A, len as u8], &sequence[..len], &[0x32, 2, av1::frame_header(true), 0x55]].concat();
    let next = vec![0x12, 0, 0x32, 2, av1::frame_header(false), 0x55];
    let file = |fourcc: &[u8; 4], frames: [&[u8]; 2]| {
        let header = ivf::Header { fourcc: *fourcc, width: 64, height: 48, rate: 30, scale: 1 };
        let mut file = header.bytes().to_vec();
        (0..).zip(frames).for_each(|(time, frame)| ivf::write_frame(&mut file, time, frame));
        file
    };
    let mut seeds = container_seeds();
    seeds.extend([file(b"VP90", [&key, &superframe]), file(b"AV01", [&unit, &next])]);
    seeds
}

/// Whatever a clip holds, it is refused or can be played.
pub fn clip(bytes: &[u8]) {
    for codec in Codec::ALL {
        let Ok(clip) = Clip::parse(codec, bytes, 30.0, codec == Codec::Av1) else { continue };
        assert!(clip.length() > Duration::ZERO && clip.packets_a_second() > 0.0 && clip.bitrate().bps() > 0);
    }
}
