//! RTP, RTCP, SRTP and STUN.

use super::Numbers;
use throng::clock::{Duration, Instant};
use throng::rtp::extension::{AudioLevel, ExtensionKind, ExtensionMap, Extensions};
use throng::rtp::header::{Header, Kind, View, write_header};
use throng::rtp::ntp::Ntp;
use throng::rtp::rtcp::{self, ExtendedBlock, FirRequest, Packet, ReportBlock, SenderInfo};
use throng::rtp::rtx;
use throng::rtp::srtp::{Session, SrtpProfile};
use throng::rtp::twcc::{FeedbackBuilder, SentHistory};
use throng::transport::stun::{self, Message};

fn map(first_id: u8) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for (kind, id) in ExtensionKind::ALL.into_iter().zip(first_id..) {
        map.set(kind, id).expect("ids differ");
    }
    map
}

pub fn rtp_seeds() -> Vec<Vec<u8>> {
    let header = Header { marker: true, payload_type: 96, sequence: 65_530, rtp_time: u32::MAX - 100, ssrc: 7 };
    let level = AudioLevel { voice: true, below_overload: 30 };
    let values = Extensions { audio_level: Some(level), transport_sequence: Some(9), ..Extensions::default() };
    // Ids from 14 on need the two-byte form.
    [1, 14]
        .map(|first_id| {
            let mut packet = Vec::new();
            write_header(&mut packet, &header, &map(first_id), &values);
            packet.extend_from_slice(&[0x12, 0x34, 1, 2, 3]);
            packet
        })
        .to_vec()
}

pub fn rtp(bytes: &[u8]) {
    let _ = Kind::of(bytes);
    let Some(view) = View::parse(bytes) else { return };
    assert!(view.header_len() <= bytes.len());
    assert_eq!(view.header_len() + view.payload_ciphertext().len(), bytes.len());
    assert!(view.contributing().count() <= 15);
    for (id, value) in view.extensions() {
        assert!(view.extension(id).is_some() && value.len() <= 255);
    }
    for first_id in [1, 14] {
        let _ = map(first_id).read(&view);
    }
    if let Some((_, rest)) = view.plain_payload().and_then(rtx::split) {
        assert!(rest.len() + 2 <= bytes.len());
    }
}

pub fn rtcp_seeds() -> Vec<Vec<u8>> {
    let block = ReportBlock {
        ssrc: 1,
        fraction_lost: 25,
        cumulative_lost: -3,
        highest_sequence: 70_000,
        jitter: 90,
        last_sender_report: 5,
        delay_since: 6,
    };
    let info = SenderInfo { ntp: Ntp(1 << 40), rtp_time: 4, packets: 5, octets: 6 };
    let mut reports = Vec::new();
    rtcp::write_sender_report(&mut reports, 1, &info, &[block, block]);
    rtcp::write_description(&mut reports, 1, "somebody");
    rtcp::write_bye(&mut reports, &[1, 2]);
    let mut feedback = Vec::new();
    rtcp::write_receiver_report(&mut feedback, 1, &[block]);
    rtcp::write_nack(&mut feedback, 1, 2, &[65_534, 65_535, 0, 40]);
    rtcp::write_pli(&mut feedback, 1, 2);
    rtcp::write_fir(&mut feedback, 1, &[FirRequest { ssrc: 2, sequence: 3 }]);
    rtcp::write_remb(&mut feedback, 1, 1_500_000, &[2, 3]);
    rtcp::write_reference_time(&mut feedback, 1, Ntp(1 << 33));
    vec![reports, feedback]
}

pub fn rtcp(bytes: &[u8]) {
    let mut seen = 0;
    for packet in rtcp::parse(bytes) {
        seen += 1;
        match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => {
                reports.for_each(|block| {
                    let _ = block.round_trip(Ntp(1 << 45));
                });
            }
            Packet::Description(chunks) => drop(chunks.count()),
            Packet::Bye(ssrcs) => assert!(ssrcs.count() <= 31),
            Packet::Nack { lost, .. } => drop(lost.count()),
            Packet::Transport(feedback) => assert_eq!(feedback.arrivals().count(), usize::from(feedback.status_count)),
            Packet::Fir { requests, .. } => drop(requests.count()),
            Packet::Remb(remb) => assert!(remb.ssrcs.clone().count() <= 255),
            Packet::ExtendedReport { blocks, .. } => {
                for block in blocks {
                    if let ExtendedBlock::LastReferences(references) = block {
                        references.for_each(|reference| {
                            let _ = reference.round_trip(Ntp(1 << 45));
                        });
                    }
                }
            }
            Packet::Pli { .. } | Packet::Unknown { .. } | Packet::Malformed(_) => {}
        }
    }
    assert!(seen <= bytes.len().div_ceil(4), "every packet takes bytes");
}

pub fn twcc_seeds() -> Vec<Vec<u8>> {
    let mut builder = FeedbackBuilder::new();
    for (index, sequence) in (65_500..65_535).chain(0..40).enumerate().filter(|(index, _)| index % 7 != 3) {
        builder.record(sequence, Instant::from_millis(1_000 + 3 * index as u64 * (1 + index as u64 % 5)));
    }
    let mut bytes = Vec::new();
    while builder.build(&mut bytes, 1, 2) {}
    vec![bytes]
}

pub fn twcc(bytes: &[u8]) {
    let mut history = SentHistory::new(65_490, 200);
    for index in 0..150 {
        history.record(Instant::from_millis(index), 1_200);
    }
    let mut reports = Vec::new();
    for packet in rtcp::parse(bytes) {
        if let Packet::Transport(feedback) = packet {
            assert_eq!(feedback.arrivals().count(), usize::from(feedback.status_count));
            history.apply(&feedback, &mut reports);
        }
    }
    assert!(reports.len() <= 2 * 150, "an arrival is told once, a loss once");
    // The other way round: whatever arrives, in whatever order, what is built from it can be read.
    let mut builder = FeedbackBuilder::new();
    let mut numbers = Numbers(bytes);
    let mut now = Instant::from_secs(1);
    while !numbers.is_empty() {
        now += Duration::from_micros(u64::from(numbers.short()) * 8);
        builder.record(numbers.short(), now);
    }
    loop {
        let mut built = Vec::new();
        if !builder.build(&mut built, 1, 2) {
            break;
        }
        assert!(rtcp::parse(&built).all(|packet| matches!(packet, Packet::Transport(_))));
    }
}

fn sessions(profile: SrtpProfile) -> [Session; 2] {
    let material: Vec<u8> = (0..profile.keying_material_len() as u8).collect();
    [true, false].map(|active| Session::from_keying_material(&material, active).expect("of its length"))
}

/// The first byte says which profile, and whether it is RTP or RTCP.
pub fn srtp_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, profile) in (0..).zip(SrtpProfile::ALL) {
        let [mut sender, _] = sessions(profile);
        let mut packet = rtp_seeds().swap_remove(0);
        sender.tx.seal_rtp(&mut packet, 65_530);
        packet.insert(0, number);
        let mut compound = rtcp_seeds().swap_remove(1);
        sender.tx.seal_rtcp(&mut compound);
        compound.insert(0, number + 3);
        seeds.extend([packet, compound]);
    }
    seeds
}

pub fn srtp(bytes: &[u8]) {
    let Some((&choice, datagram)) = bytes.split_first() else { return };
    let [_, mut receiver] = sessions(SrtpProfile::ALL[usize::from(choice % 3)]);
    let sealed = srtp_seeds().iter().any(|seed| seed.get(1..) == Some(datagram));
    let mut opened = datagram.to_vec();
    if choice / 3 % 2 == 0 {
        if let Some(view) = View::parse(datagram) {
            let _ = receiver.rx.skip_rtp(view.ssrc() ^ 1, view.sequence());
        }
        if let Ok(packet) = receiver.rx.open_rtp(&mut opened) {
            assert!(packet.payload(&opened).len() < datagram.len());
            assert!(sealed, "a packet that was never sealed was opened");
            let again = receiver.rx.open_rtp(&mut datagram.to_vec());
            assert!(again.is_err(), "a packet was taken twice");
        }
    } else if let Ok(compound) = receiver.rx.open_rtcp(&mut opened) {
        assert!(compound.len() < datagram.len());
        assert!(sealed, "a compound that was never sealed was opened");
    }
}

pub fn stun_seeds() -> Vec<Vec<u8>> {
    let mut check = stun::begin(stun::BINDING_REQUEST, [7; 12]);
    stun::push_attribute(&mut check, stun::USERNAME, b"them:us");
    stun::push_attribute(&mut check, stun::PRIORITY, &[0x6E, 0, 1, 0xFF]);
    stun::push_attribute(&mut check, stun::USE_CANDIDATE, &[]);
    vec![check, stun::begin(stun::BINDING_SUCCESS, [7; 12])]
}

pub fn stun(bytes: &[u8]) {
    let Some(message) = Message::parse(bytes) else { return };
    let read: usize = message.attributes().map(|(_, value)| stun::ATTRIBUTE_HEADER_LEN + value.len()).sum();
    assert!(stun::HEADER_LEN + read <= bytes.len(), "no byte belongs to two attributes");
    let _ = (message.addressed_fragment(), message.priority(), message.nominates());
    assert!(stun::binding_request(bytes).is_none() || stun::binding_success(bytes).is_none());
}
