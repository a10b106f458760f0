//! What is lost is asked for and sent again, on both sides of the SFU.

use super::*;

/// Sequence number in the header of a media packet from the publisher.
fn is_media(datagram: &[u8], sequence: u16) -> bool {
    let view = View::parse(datagram).filter(|_| Kind::of(datagram) == Kind::Rtp);
    view.is_some_and(|view| view.payload_type() == 96 && view.sequence() == sequence)
}

fn nacked(peer: &pair::Peer) -> Vec<(Instant, Vec<u16>)> {
    peer.told(|packet| match packet {
        rtcp::Packet::Nack { media: PUBLISHED, lost, .. } => Some(lost.collect()),
        _ => None,
    })
}

#[test]
fn what_the_publishers_uplink_loses_is_asked_for_and_passed_on_once_repaired() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        pair.publisher.lost_up = |datagram| is_media(datagram, 65_535) || is_media(datagram, 0);
        for sequence in 65_530..65_545 {
            pair.publish(PUBLISHED, sequence, &Extensions::default());
            pair.run(ms(5));
        }
        pair.run(ms(30));
        let asked = nacked(&pair.publisher);
        assert_eq!(asked[0].1, [65_535, 0], "across the wrap");
        for (number, original) in (500..).zip([65_535_u64, 65_536]) {
            let again = [&(original as u16).to_be_bytes()[..], &payload(original)].concat();
            let packet = plain(PUBLISHED + 1, 97, number, &again, &Extensions::default());
            pair.publisher.send_rtp(pair.now, packet, number);
        }
        pair.run(ms(100));
        let asked = nacked(&pair.publisher).len();
        let last: Vec<_> = pair.subscriber.heard[13..].iter().map(|heard| heard.header.sequence).collect();
        assert_eq!(last, [65_535, 0], "the numbers that were left out");
        let packets: Vec<u64> = pair.publisher.packets[13..].iter().map(|packet| packet.sequence).collect();
        assert_eq!(packets, [65_535, 65_536]);
        pair.run(ms(500));
        assert_eq!(nacked(&pair.publisher).len(), asked, "what is here is not asked for");
    }
}

#[test]
fn a_repair_of_what_is_here_and_an_original_that_was_repaired_are_not_passed_on() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    for sequence in [1, 2, 4, 5] {
        pair.publish(PUBLISHED, sequence, &Extensions::default());
    }
    for (number, original) in (500..).zip([2_u64, 3, 3]) {
        let again = [&(original as u16).to_be_bytes()[..], &payload(original)].concat();
        pair.publisher.send_rtp(pair.now, plain(PUBLISHED + 1, 97, number, &again, &Extensions::default()), number);
    }
    pair.publish(PUBLISHED, 3, &Extensions::default());
    // A probe of the sender's: padding over the source of retransmissions.
    pair.publisher.send_rtp(pair.now, plain(PUBLISHED + 1, 97, 503, b"", &Extensions::default()), 503);
    pair.run(ms(100));
    let packets: Vec<u64> = pair.publisher.packets.iter().map(|packet| packet.sequence).collect();
    assert_eq!(packets, [1, 2, 4, 5, 3]);
}

#[test]
fn what_was_not_negotiated_is_not_asked_for() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    pair.publisher.leg.handle_command(pair.now, LegCommand::StopReceiving(TRACK));
    let mut parameters = Box::new(pair::published(PUBLISHED));
    parameters.codec.feedback.nack = false;
    pair.publisher.leg.handle_command(pair.now, LegCommand::Receive { track: TRACK, parameters });
    for sequence in [1, 2, 9] {
        pair.publish(PUBLISHED, sequence, &Extensions::default());
    }
    pair.run(ms(300));
    assert_eq!(pair.publisher.packets.len(), 3);
    assert!(nacked(&pair.publisher).is_empty());
}

#[test]
fn an_outage_of_thousands_is_asked_for_in_datagrams_that_fit() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    for sequence in (0..10).chain(2_000..2_010) {
        pair.publish(PUBLISHED, sequence, &Extensions::default());
    }
    pair.run(ms(50));
    let asked: usize = nacked(&pair.publisher).iter().map(|(_, lost)| lost.len()).sum();
    assert_eq!(asked, 1_990);
    assert!(pair.publisher.told.iter().all(|(_, compound)| compound.len() <= 1_180));
}

fn ask(pair: &mut Pair, sequences: &[u16]) {
    let mut nack = vec![];
    rtcp::write_receiver_report(&mut nack, 5, &[]);
    rtcp::write_nack(&mut nack, 5, SSRC, sequences);
    pair.subscriber.send_rtcp(pair.now, nack);
}

/// Original number, own number and arrival of what came again.
fn resent(pair: &Pair) -> Vec<(u16, u16)> {
    let heard = pair.subscriber.heard.iter().filter(|heard| heard.header.ssrc == RTX_SSRC);
    heard.map(|heard| (rtx::split(&heard.payload).expect("an original").0, heard.header.sequence)).collect()
}

#[test]
fn what_the_subscriber_misses_is_sent_again_under_numbers_of_its_own() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        for sequence in 0..20 {
            pair.publish(PUBLISHED, sequence, &Extensions::default());
        }
        pair.run(ms(50));
        ask(&mut pair, &[65_534, 2, 900]);
        pair.run(ms(50));
        let first = RTX_SSRC as u16 & 0x7FFF;
        assert_eq!(resent(&pair), [(65_534, first), (2, first + 1)], "in order, and nothing that never was");
        let again = pair.subscriber.heard.iter().find(|heard| heard.header.ssrc == RTX_SSRC).expect("it came");
        assert_eq!((again.header.payload_type, again.header.rtp_time, again.header.marker), (97, rtp_time(4), false));
        assert_eq!(rtx::split(&again.payload), Some((65_534, &payload(4)[..])));
        let sent = Sent::Retransmission { ssrc: RTX_SSRC, sequence: first };
        assert!(pair.subscriber.sent.contains(&sent));
    }
}

#[test]
fn what_is_on_its_way_again_is_not_sent_a_third_time() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    pair.publish(PUBLISHED, 0, &Extensions::default());
    pair.run(ms(50));
    for expected in [1, 1, 2] {
        ask(&mut pair, &[65_530]);
        pair.run(ms(12));
        assert!(resent(&pair).len() <= expected);
    }
    pair.run(ms(100));
    assert_eq!(resent(&pair).len(), 2, "within 20 ms, where nobody knows the round trip");
    pair.run(ms(3_000));
    ask(&mut pair, &[65_530]);
    pair.run(ms(100));
    assert_eq!(resent(&pair).len(), 2, "after three seconds it is forgotten");
}

#[test]
fn the_same_story_is_told_twice() {
    let story = || {
        let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
        pair.publisher.lost_up = |datagram| is_media(datagram, 7);
        for sequence in 0..60 {
            let values = Extensions { transport_sequence: Some(sequence as u16), ..Extensions::default() };
            pair.publish(PUBLISHED, sequence, &values);
            pair.run(ms(33));
            ask(&mut pair, &[65_530_u16.wrapping_add(sequence as u16)]);
        }
        pair.run(ms(1_000));
        (pair.subscriber.heard, pair.subscriber.told, pair.subscriber.sent, pair.publisher.told)
    };
    let (once, again) = (story(), story());
    assert!(once.0.len() > 100 && once.3.len() > 20);
    assert_eq!(once, again);
}
