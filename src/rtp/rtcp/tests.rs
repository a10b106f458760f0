use super::*;
use crate::clock::{Duration, Instant};
use crate::rtp::ntp::{Ntp, short};
use crate::rtp::twcc::FeedbackBuilder;
use proptest::prelude::*;

fn report(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: 25,
        cumulative_lost: -3,
        highest_sequence: 0x0001_FFFA,
        jitter: 123,
        last_sender_report: 0xAABB_CCDD,
        delay_since: 0x0001_0000,
    }
}

/// The only packet of a compound.
fn only(compound: &[u8]) -> Packet<'_> {
    let mut packets = parse(compound);
    let first = packets.next().expect("one packet");
    assert!(packets.next().is_none(), "one packet only");
    first
}

#[test]
fn a_sender_report_comes_back_with_its_blocks() {
    let info = SenderInfo { ntp: Ntp(0x0102_0304_0506_0708), rtp_time: u32::MAX - 99, packets: 7, octets: 8_000 };
    let mut out = Vec::new();
    write_sender_report(&mut out, 42, &info, &[report(1), report(2)]);
    assert_eq!(out.len(), 28 + 2 * 24);
    let Packet::SenderReport { ssrc, info: read, reports } = only(&out) else { panic!("an SR") };
    assert_eq!((ssrc, read), (42, info));
    assert_eq!(reports.collect::<Vec<_>>(), [report(1), report(2)]);
}

#[test]
fn more_than_31_blocks_go_into_more_packets() {
    let blocks: Vec<_> = (0..70).map(report).collect();
    let info = SenderInfo { ntp: Ntp(1), rtp_time: 2, packets: 3, octets: 4 };
    let mut out = Vec::new();
    write_sender_report(&mut out, 42, &info, &blocks);
    write_receiver_report(&mut out, 42, &blocks[..31]);
    write_receiver_report(&mut out, 42, &[]);
    let counts: Vec<_> = parse(&out)
        .map(|packet| match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => reports.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [31, 31, 8, 31, 0]);
}

#[test]
fn cumulative_loss_is_signed_and_stops_at_24_bits() {
    for (lost, read) in [(0, 0), (-1, -1), (8_388_607, 8_388_607), (9_000_000, 8_388_607), (-9_000_000, -8_388_608)] {
        let mut out = Vec::new();
        write_receiver_report(&mut out, 1, &[ReportBlock { cumulative_lost: lost, ..report(9) }]);
        let Packet::ReceiverReport { mut reports, .. } = only(&out) else { panic!("an RR") };
        assert_eq!(reports.next().map(|report| (report.cumulative_lost, report.fraction_lost)), Some((read, 25)));
    }
}

#[test]
fn the_round_trip_of_a_report_leaves_out_the_peers_delay() {
    let origin = Ntp(77 << 32);
    let sent = Ntp::at(origin, Instant::from_millis(100));
    let block =
        ReportBlock { last_sender_report: sent.middle(), delay_since: short(Duration::from_millis(700)), ..report(1) };
    let trip = block.round_trip(Ntp::at(origin, Instant::from_millis(1_000))).expect("a sender report was echoed");
    assert!(trip.abs_diff(Duration::from_millis(200)) < Duration::from_micros(46), "{trip:?}");
    assert_eq!(ReportBlock { last_sender_report: 0, ..block }.round_trip(sent), None);
}

#[test]
fn names_of_any_length_come_back_on_whole_words() {
    for len in [0, 1, 2, 3, 4, 16, 255] {
        let name = "n".repeat(len);
        let mut out = Vec::new();
        write_description(&mut out, 5, &name);
        assert_eq!(out.len() % 4, 0);
        let Packet::Description(chunks) = only(&out) else { panic!("an SDES") };
        assert_eq!(chunks.collect::<Vec<_>>(), [Description { ssrc: 5, cname: Some(name.as_bytes()) }]);
    }
}

#[test]
fn descriptions_of_several_sources_and_items_are_read() {
    let chunk_1 = [0, 0, 0, 1, 2, 1, b'x', 1, 2, b'a', b'b', 0];
    let chunk_2 = [0, 0, 0, 2, 0, 0, 0, 0];
    let packet = [&[0x82, 202, 0, 5][..], &chunk_1, &chunk_2].concat();
    let Packet::Description(chunks) = only(&packet) else { panic!("an SDES") };
    let expected = [Description { ssrc: 1, cname: Some(b"ab") }, Description { ssrc: 2, cname: None }];
    assert_eq!(chunks.collect::<Vec<_>>(), expected);
    let cut = [&[0x82, 202, 0, 3][..], &chunk_1].concat();
    assert!(matches!(only(&cut), Packet::Malformed(_)), "two chunks are counted, one is there");
}

#[test]
fn a_farewell_names_its_streams() {
    let ssrcs: Vec<u32> = (0..40).collect();
    let mut out = Vec::new();
    write_bye(&mut out, &ssrcs);
    let read: Vec<u32> = parse(&out)
        .flat_map(|packet| match packet {
            Packet::Bye(ssrcs) => ssrcs,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(read, ssrcs);
    let with_reason = [0x81, 203, 0, 2, 0, 0, 0, 9, 3, b'e', b'n', b'd'];
    let Packet::Bye(ssrcs) = only(&with_reason) else { panic!("a BYE") };
    assert_eq!(ssrcs.collect::<Vec<_>>(), [9]);
}

fn nack_round_trip(lost: &[u16]) -> (Vec<u16>, usize) {
    let mut out = Vec::new();
    write_nack(&mut out, 1, 2, lost);
    let Packet::Nack { sender: 1, media: 2, lost } = only(&out) else { panic!("a NACK") };
    (lost.collect(), (out.len() - 12) / 4)
}

#[test]
fn lost_packets_share_an_entry_over_17_numbers_and_the_wrap() {
    assert_eq!(nack_round_trip(&[7]), (vec![7], 1));
    assert_eq!(nack_round_trip(&[100, 101, 116]), (vec![100, 101, 116], 1));
    assert_eq!(nack_round_trip(&[100, 117]), (vec![100, 117], 2));
    assert_eq!(nack_round_trip(&[65_530, 65_535, 0, 10, 11]), (vec![65_530, 65_535, 0, 10, 11], 2));
    assert_eq!(nack_round_trip(&[5, 5, 6, 6]), (vec![5, 6], 1), "once each");
    let mut nothing = Vec::new();
    write_nack(&mut nothing, 1, 2, &[]);
    assert!(nothing.is_empty());
}

#[test]
fn a_nack_is_expanded_as_rfc_4585_says() {
    let packet = [0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFE, 0x80, 0x05, 0x00, 0x09, 0, 0];
    let Packet::Nack { lost, .. } = only(&packet) else { panic!("a NACK") };
    assert_eq!(lost.collect::<Vec<_>>(), [65_534, 65_535, 1, 14, 9]);
}

#[test]
fn keyframe_requests_come_back() {
    let requests = [FirRequest { ssrc: 7, sequence: 255 }, FirRequest { ssrc: 8, sequence: 0 }];
    let mut out = Vec::new();
    write_pli(&mut out, 1, 2);
    write_fir(&mut out, 1, &requests);
    let mut packets = parse(&out);
    assert!(matches!(packets.next(), Some(Packet::Pli { sender: 1, media: 2 })));
    let Some(Packet::Fir { sender: 1, requests: read }) = packets.next() else { panic!("a FIR") };
    assert_eq!(read.collect::<Vec<_>>(), requests);
    assert!(packets.next().is_none());
}

#[test]
fn an_estimate_keeps_18_significant_bits() {
    for (rate, expected) in [
        (0, 0),
        (1, 1),
        (262_143, 262_143),
        (262_144, 262_144),
        (262_145, 262_144),
        (2_500_000, 2_500_000),
        (u64::MAX, 0x3FFFF << 46),
    ] {
        let mut out = Vec::new();
        write_remb(&mut out, 3, rate, &[10, 11]);
        let Packet::Remb(remb) = only(&out) else { panic!("a REMB") };
        assert_eq!((remb.sender, remb.rate), (3, expected));
        assert_eq!(remb.ssrcs.collect::<Vec<_>>(), [10, 11]);
    }
    // Exponent 63 shifts a mantissa of 2 out of 64 bits.
    let overflowing = [0x8F, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xFC, 0x00, 0x02];
    assert!(matches!(only(&overflowing), Packet::Malformed(_)));
}

#[test]
fn receivers_reference_times_come_back_and_give_a_round_trip() {
    let origin = Ntp(5 << 32);
    let asked = Ntp::at(origin, Instant::from_millis(20));
    let echo = LastReference { ssrc: 6, last: asked.middle(), delay_since: short(Duration::from_millis(30)) };
    let mut out = Vec::new();
    write_reference_time(&mut out, 6, asked);
    write_last_references(&mut out, 9, &[echo]);
    out.extend_from_slice(&[0x80, 207, 0, 4, 0, 0, 0, 9, 7, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0]);
    let mut seen = Vec::new();
    for packet in parse(&out) {
        let Packet::ExtendedReport { ssrc, blocks } = packet else { panic!("an XR") };
        for block in blocks {
            seen.push(match block {
                ExtendedBlock::ReferenceTime(ntp) => (ssrc, format!("{ntp:?}")),
                ExtendedBlock::LastReferences(mut echoes) => (ssrc, format!("{:?}", echoes.next().expect("one"))),
                ExtendedBlock::Unknown(kind) => (ssrc, kind.to_string()),
            });
        }
    }
    let expected = [(6, format!("{asked:?}")), (9, format!("{echo:?}")), (9, "7".to_owned()), (9, "4".to_owned())];
    assert_eq!(seen, expected);
    let trip = echo.round_trip(Ntp::at(origin, Instant::from_millis(130))).expect("echoed");
    assert!(trip.abs_diff(Duration::from_millis(80)) < Duration::from_micros(46), "{trip:?}");
}

#[test]
fn a_compound_is_read_to_its_end_and_past_unknown_kinds() {
    let mut out = Vec::new();
    write_receiver_report(&mut out, 1, &[]);
    write_description(&mut out, 1, "cname");
    out.extend_from_slice(&[0x85, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e']);
    out.extend_from_slice(&[0x8B, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
    write_pli(&mut out, 1, 2);
    let mut builder = FeedbackBuilder::new();
    builder.record(65_535, Instant::from_secs(3));
    assert!(builder.build(&mut out, 1, 2));
    let kinds: Vec<_> = parse(&out)
        .map(|packet| match packet {
            Packet::ReceiverReport { .. } => "rr",
            Packet::Description(_) => "sdes",
            Packet::Unknown { packet_type: 204, count: 5, body: [_, _, _, 1, b'n', b'a', b'm', b'e'] } => "app",
            Packet::Unknown { packet_type: 205, count: 11, .. } => "rfc 8888",
            Packet::Pli { .. } => "pli",
            Packet::Transport(feedback) if feedback.base_sequence == 65_535 => "twcc",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["rr", "sdes", "app", "rfc 8888", "pli", "twcc"]);
}

#[test]
fn what_does_not_hold_what_it_says_is_malformed_and_the_rest_goes_on() {
    let short_report = [0x81, 201, 0, 1, 0, 0, 0, 1];
    let mut out = short_report.to_vec();
    write_pli(&mut out, 1, 2);
    let mut packets = parse(&out);
    assert!(matches!(packets.next(), Some(Packet::Malformed(bytes)) if bytes == short_report));
    assert!(matches!(packets.next(), Some(Packet::Pli { .. })));
    assert!(packets.next().is_none());
    for broken in
        [&[0x80, 201, 0, 2, 0, 0, 0, 1][..], &[0x40, 201, 0, 0], &[0x80, 201, 0], &[0xA0, 201, 0, 1, 0, 0, 0, 9]]
    {
        assert!(matches!(only(broken), Packet::Malformed(bytes) if bytes == broken), "{broken:?}");
    }
}

#[test]
fn padding_at_the_end_is_left_out() {
    let padded = [0xA1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4];
    assert!(matches!(only(&padded), Packet::Pli { sender: 1, media: 2 }));
}

/// Reads everything that a packet can be asked for.
fn exhaust(packet: Packet<'_>) -> usize {
    match packet {
        Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => reports.count(),
        Packet::Description(chunks) => chunks.count(),
        Packet::Bye(ssrcs) => ssrcs.count(),
        Packet::Nack { lost, .. } => lost.count(),
        Packet::Transport(feedback) => {
            assert_eq!(feedback.arrivals().count(), usize::from(feedback.status_count));
            0
        }
        Packet::Fir { requests, .. } => requests.count(),
        Packet::Remb(remb) => remb.ssrcs.count(),
        Packet::ExtendedReport { blocks, .. } => blocks
            .map(|block| match block {
                ExtendedBlock::LastReferences(echoes) => echoes.count(),
                ExtendedBlock::ReferenceTime(_) | ExtendedBlock::Unknown(_) => 1,
            })
            .sum(),
        Packet::Pli { .. } | Packet::Unknown { .. } | Packet::Malformed(_) => 1,
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..160), kind in 199u8..=208, count in 0u8..64, framed in any::<bool>(),
    ) {
        let mut bytes = bytes;
        let words = bytes.len() / 4;
        if framed && let [first, packet_type, l0, l1, ..] = &mut bytes[..] {
            (*first, *packet_type) = (0x80 | count, kind);
            [*l0, *l1] = (words as u16 - 1).to_be_bytes();
        }
        let packets = parse(&bytes).map(exhaust).count();
        prop_assert!(packets <= words + 1);
    }

    #[test]
    fn any_losses_in_order_come_back(start: u16, steps in prop::collection::vec(1u16..60, 1..80)) {
        let mut lost = vec![start];
        for step in steps {
            lost.push(lost.last().expect("not empty").wrapping_add(step));
        }
        prop_assert_eq!(nack_round_trip(&lost).0, lost);
    }
}
