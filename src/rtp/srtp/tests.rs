use super::*;
use proptest::prelude::*;

const SSRC: u32 = 0x1234_5678;

/// Both ends of an association, the first being the DTLS client.
fn ends(profile: SrtpProfile) -> (Session, Session) {
    let material: Vec<u8> = (0..profile.keying_material_len() as u8).map(|n| n.wrapping_mul(37) ^ 0x5A).collect();
    let end = |active| Session::from_keying_material(&material, active).expect("the profile's length");
    (end(true), end(false))
}

fn plain(ssrc: u32, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&(sequence as u16).to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 7]);
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn sealed(tx: &mut Session, sequence: u64) -> Vec<u8> {
    let mut packet = plain(SSRC, sequence, b"what was said");
    tx.tx.seal_rtp(&mut packet, sequence);
    packet
}

fn open(rx: &mut Session, packet: &[u8]) -> Result<u64, OpenError> {
    let mut packet = packet.to_vec();
    let opened = rx.rx.open_rtp(&mut packet)?;
    assert_eq!(opened.payload(&packet), b"what was said");
    Ok(opened.sequence)
}

#[test]
fn the_length_of_the_keying_material_tells_the_profile() {
    for (len, profile) in
        [(56, SrtpProfile::AeadAes128Gcm), (88, SrtpProfile::AeadAes256Gcm), (60, SrtpProfile::Aes128CmSha1_80)]
    {
        assert_eq!(
            Session::from_keying_material(&vec![7; len], true).map(|session| session.profile()).ok(),
            Some(profile)
        );
    }
    assert_eq!(Session::from_keying_material(&[7; 57], true).err(), Some(KeyError::Length(57)));
    assert_eq!(Session::from_keying_material(&[], true).err(), Some(KeyError::Length(0)));
}

#[test]
fn what_one_end_seals_the_other_opens_both_ways() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        for sequence in 1..50 {
            let packet = sealed(&mut client, sequence);
            assert_eq!(packet.len(), 12 + 13 + profile.rtp_overhead());
            assert_eq!(open(&mut server, &packet), Ok(sequence));
            let packet = sealed(&mut server, sequence);
            assert_eq!(open(&mut client, &packet), Ok(sequence));
        }
    }
}

#[test]
fn the_two_directions_and_rtp_and_rtcp_have_keys_of_their_own() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let from_client = sealed(&mut client, 9);
        assert_ne!(from_client, sealed(&mut server, 9));
        assert_eq!(open(&mut client, &from_client), Err(OpenError::Authentication), "its own packet, reflected");
    }
}

#[test]
fn rtcp_comes_back_with_a_growing_index() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let plain: Vec<u8> = [&[0x80, 201, 0, 1, 1, 2, 3, 4][..], &[0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
        for compound in [&plain[..], &plain[..8]] {
            for _ in 0..3 {
                let mut packet = compound.to_vec();
                client.tx.seal_rtcp(&mut packet);
                assert_eq!(packet.len(), compound.len() + profile.rtcp_overhead());
                let copy = packet.clone();
                assert_eq!(server.rx.open_rtcp(&mut packet).expect("authentic"), compound);
                assert_eq!(server.rx.open_rtcp(&mut copy.clone()), Err(OpenError::Replayed));
            }
        }
    }
}

#[test]
fn unencrypted_rtcp_is_refused() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let mut packet = vec![0x80, 201, 0, 1, 1, 2, 3, 4];
        client.tx.seal_rtcp(&mut packet);
        let e_bit = if profile == SrtpProfile::Aes128CmSha1_80 { packet.len() - 14 } else { packet.len() - 4 };
        packet[e_bit] &= 0x7F;
        assert_eq!(server.rx.open_rtcp(&mut packet), Err(OpenError::Unencrypted));
    }
}

#[test]
fn any_changed_bit_of_rtp_is_noticed() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let packet = sealed(&mut client, 77);
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(server.rx.open_rtp(&mut changed).is_err(), "{profile:?}, bit {bit}");
        }
        assert_eq!(open(&mut server, &packet), Ok(77), "the forgeries left no trace");
    }
}

#[test]
fn any_changed_bit_of_rtcp_is_noticed() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let mut packet = vec![0x81, 201, 0, 3, 1, 2, 3, 4, 9, 9, 9, 9, 8, 8, 8, 8];
        client.tx.seal_rtcp(&mut packet);
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(server.rx.open_rtcp(&mut changed).is_err(), "{profile:?}, bit {bit}");
        }
        assert!(server.rx.open_rtcp(&mut packet).is_ok(), "the forgeries left no trace");
    }
}

#[test]
fn a_wrong_key_opens_nothing() {
    for profile in SrtpProfile::ALL {
        let (mut client, _) = ends(profile);
        let other = vec![3; profile.keying_material_len()];
        let mut stranger = Session::from_keying_material(&other, false).expect("the profile's length");
        assert_eq!(open(&mut stranger, &sealed(&mut client, 1)), Err(OpenError::Authentication));
        let mut compound = vec![0x80, 201, 0, 1, 1, 2, 3, 4];
        client.tx.seal_rtcp(&mut compound);
        assert_eq!(stranger.rx.open_rtcp(&mut compound), Err(OpenError::Authentication));
        assert!(!stranger.rx.knows(SSRC));
    }
}

#[test]
fn replays_and_packets_older_than_the_window_are_refused() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let old = sealed(&mut client, 872);
        let edge = sealed(&mut client, 873);
        let newest = sealed(&mut client, 1_000);
        assert_eq!(open(&mut server, &newest), Ok(1_000));
        assert_eq!(open(&mut server, &newest), Err(OpenError::Replayed));
        assert_eq!(open(&mut server, &edge), Ok(873));
        assert_eq!(open(&mut server, &edge), Err(OpenError::Replayed));
        assert_eq!(open(&mut server, &old), Err(OpenError::TooOld));
    }
}

#[test]
fn the_roll_over_is_followed_through_loss_and_reordering() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let order = [65_530, 65_534, 65_538, 65_535, 65_537, 65_533, 65_540, 65_536, 65_532, 65_600];
        for sequence in order {
            let packet = sealed(&mut client, sequence);
            assert_eq!(open(&mut server, &packet), Ok(sequence), "{profile:?}");
        }
    }
}

#[test]
fn a_stream_that_begins_just_before_its_wrap_is_followed() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        for sequence in [65_535, 65_537, 65_536, 65_534, 131_000] {
            let packet = sealed(&mut client, sequence);
            let expected = if sequence == 131_000 { Err(OpenError::Authentication) } else { Ok(sequence) };
            assert_eq!(open(&mut server, &packet), expected, "more than half a cycle lost cannot be followed");
        }
    }
}

#[test]
fn each_stream_has_a_roll_over_counter_of_its_own() {
    let (mut client, mut server) = ends(SrtpProfile::AeadAes128Gcm);
    let mut transfer = |ssrc, sequence| {
        let mut packet = plain(ssrc, sequence, b"payload");
        client.tx.seal_rtp(&mut packet, sequence);
        server.rx.open_rtp(&mut packet).map(|opened| opened.sequence)
    };
    for (media, rtx) in (65_500..65_600).zip(3..) {
        assert_eq!(transfer(1, media), Ok(media));
        assert_eq!(transfer(2, rtx), Ok(rtx));
    }
}

#[test]
fn skipped_packets_carry_the_roll_over_across_cycles() {
    let (mut client, mut server) = ends(SrtpProfile::AeadAes256Gcm);
    assert_eq!(open(&mut server, &sealed(&mut client, 60_000)), Ok(60_000));
    for sequence in 60_001u64..200_000 {
        assert_eq!(server.rx.skip_rtp(SSRC, sequence as u16), Skipped::New);
    }
    assert_eq!(open(&mut server, &sealed(&mut client, 200_000)), Ok(200_000));

    let (mut client, mut server) = ends(SrtpProfile::AeadAes256Gcm);
    assert_eq!(open(&mut server, &sealed(&mut client, 60_000)), Ok(60_000));
    assert_eq!(open(&mut server, &sealed(&mut client, 200_000)), Err(OpenError::Authentication), "without skipping");
}

#[test]
fn skipping_tells_news_from_duplicates_and_follows_known_streams_only() {
    let (mut client, mut server) = ends(SrtpProfile::AeadAes128Gcm);
    assert_eq!(server.rx.skip_rtp(SSRC, 5), Skipped::Unfollowed);
    assert!(!server.rx.knows(SSRC));
    assert_eq!(open(&mut server, &sealed(&mut client, 5)), Ok(5));
    assert!(server.rx.knows(SSRC));
    assert_eq!(server.rx.skip_rtp(SSRC, 5), Skipped::Old, "opened before");
    assert_eq!(server.rx.skip_rtp(SSRC, 7), Skipped::New);
    assert_eq!(server.rx.skip_rtp(SSRC, 7), Skipped::Old, "skipped before");
    assert_eq!(open(&mut server, &sealed(&mut client, 7)), Err(OpenError::Replayed));
    assert_eq!(server.rx.skip_rtp(SSRC, 6), Skipped::New, "late, and new");
    assert_eq!(server.rx.skip_rtp(SSRC, 65_535), Skipped::Old, "before the stream's first cycle");
}

#[test]
fn a_header_far_ahead_is_not_believed_until_it_is_opened() {
    let (mut client, mut server) = ends(SrtpProfile::AeadAes128Gcm);
    assert_eq!(open(&mut server, &sealed(&mut client, 5)), Ok(5));
    assert_eq!(server.rx.skip_rtp(SSRC, 30_000), Skipped::Unfollowed, "a forgery");
    assert_eq!(server.rx.skip_rtp(SSRC, 6), Skipped::New, "it moved nothing");
    assert_eq!(server.rx.skip_rtp(SSRC, 1_006), Skipped::New);
    assert_eq!(server.rx.skip_rtp(SSRC, 2_007), Skipped::Unfollowed);
    assert_eq!(open(&mut server, &sealed(&mut client, 2_007)), Ok(2_007), "an outage");
    assert_eq!(server.rx.skip_rtp(SSRC, 2_008), Skipped::New);
}

#[test]
fn packets_of_one_buffer_are_sealed_one_behind_the_other() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = ends(profile);
        let (mut batch, mut starts) = (Vec::new(), vec![0]);
        for sequence in 10..15 {
            let start = batch.len();
            batch.extend_from_slice(&plain(SSRC, sequence, b"what was said"));
            client.tx.seal_rtp_at(&mut batch, start, sequence);
            starts.push(batch.len());
        }
        let start = batch.len();
        batch.extend_from_slice(&[0x80, 201, 0, 1, 1, 2, 3, 4]);
        client.tx.seal_rtcp_at(&mut batch, start);
        for (bounds, sequence) in starts.windows(2).zip(10..) {
            assert_eq!(open(&mut server, &batch[bounds[0]..bounds[1]]), Ok(sequence));
        }
        assert_eq!(server.rx.open_rtcp(&mut batch[start..]), Ok(&[0x80, 201, 0, 1, 1, 2, 3, 4][..]));
    }
}

#[test]
fn a_duplicated_packet_seals_to_the_same_bytes() {
    let (mut client, _) = ends(SrtpProfile::AeadAes128Gcm);
    assert_eq!(sealed(&mut client, 70_000), sealed(&mut client, 70_000));
    assert_ne!(sealed(&mut client, 70_000), sealed(&mut client, 70_000 + 65_536), "another roll-over");
}

#[test]
#[should_panic(expected = "the extended sequence number is that of the header")]
fn an_extended_sequence_of_another_packet_is_our_bug() {
    let (mut client, _) = ends(SrtpProfile::AeadAes128Gcm);
    client.tx.seal_rtp(&mut plain(SSRC, 5, b""), 6);
}

#[test]
fn padding_is_told_from_payload_once_opened() {
    let (mut client, mut server) = ends(SrtpProfile::AeadAes128Gcm);
    let mut transfer = |sequence, payload: &[u8]| {
        let mut packet = plain(SSRC, sequence, payload);
        packet[0] |= 0x20;
        client.tx.seal_rtp(&mut packet, sequence);
        server.rx.open_rtp(&mut packet).map(|opened| opened.payload_len)
    };
    assert_eq!(transfer(1, &[1, 2, 3, 0, 2]), Ok(3));
    assert_eq!(transfer(2, &[0, 0, 3]), Ok(0), "padding only");
    assert_eq!(transfer(3, &[0, 0, 4]), Err(OpenError::Malformed));
    assert_eq!(transfer(4, &[]), Err(OpenError::Malformed));
}

proptest! {
    #[test]
    fn any_datagram_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), second in 0u8..=255) {
        for profile in SrtpProfile::ALL {
            let (_, mut server) = ends(profile);
            let mut bytes = bytes.clone();
            if let [first, kind, ..] = &mut bytes[..] {
                (*first, *kind) = (0x80 | *first & 0x3F, second);
            }
            prop_assert!(server.rx.open_rtp(&mut bytes.clone()).is_err());
            prop_assert!(server.rx.open_rtcp(&mut bytes).is_err());
        }
    }

    #[test]
    fn any_packet_comes_back(payload in prop::collection::vec(any::<u8>(), 0..1_200), sequence in 0u64..65_536, ssrc: u32) {
        for profile in SrtpProfile::ALL {
            let (mut client, mut server) = ends(profile);
            let mut packet = plain(ssrc, sequence, &payload);
            client.tx.seal_rtp(&mut packet, sequence);
            let opened = server.rx.open_rtp(&mut packet).expect("authentic");
            prop_assert_eq!(opened.payload(&packet), &payload[..]);
        }
    }

    #[test]
    fn any_mix_of_loss_reordering_opening_and_skipping_keeps_the_roll_over(
        steps in prop::collection::vec((1u64..2_000, 0u64..60, any::<bool>()), 1..120),
    ) {
        let (mut client, mut server) = ends(SrtpProfile::AeadAes128Gcm);
        let mut newest = 30_000;
        let packet = sealed(&mut client, newest);
        prop_assert_eq!(open(&mut server, &packet), Ok(newest));
        for (ahead, behind, skip) in steps {
            newest += ahead;
            if skip && ahead <= MAX_SKIP {
                prop_assert_eq!(server.rx.skip_rtp(SSRC, newest as u16), Skipped::New);
            } else {
                let packet = sealed(&mut client, newest);
                prop_assert_eq!(open(&mut server, &packet), Ok(newest));
            }
            let late = newest - behind;
            let packet = sealed(&mut client, late);
            match open(&mut server, &packet) {
                Ok(sequence) => prop_assert_eq!(sequence, late),
                Err(error) => prop_assert_eq!(error, OpenError::Replayed),
            }
        }
    }
}

#[test]
fn a_modelled_session_is_as_long_as_a_real_one_and_notices_any_damaged_bit() {
    let (mut tx, mut rx) = (Session::modelled(), Session::modelled());
    let whole = sealed(&mut tx, 7);
    assert_eq!(whole.len(), sealed(&mut ends(SrtpProfile::AeadAes128Gcm).0, 7).len());
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Session::modelled().rx.open_rtp(&mut damaged).is_err(), "bit {bit}");
    }
    assert_eq!(open(&mut rx, &whole), Ok(7));
    let plain = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    let mut report = plain.clone();
    tx.tx.seal_rtcp(&mut report);
    assert_eq!(report.len(), plain.len() + SrtpProfile::AeadAes128Gcm.rtcp_overhead());
    for bit in 0..report.len() * 8 {
        let mut damaged = report.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Session::modelled().rx.open_rtcp(&mut damaged).is_err(), "bit {bit}");
    }
    assert_eq!(rx.rx.open_rtcp(&mut report), Ok(&plain[..]));
}
