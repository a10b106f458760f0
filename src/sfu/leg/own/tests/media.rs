//! What is published arrives, as what it was; what is not of the stream does not.

use super::*;
use std::collections::BTreeMap;

/// The numbers in what the subscriber heard of its stream, in the order of arrival.
fn numbers(pair: &Pair) -> Vec<u64> {
    let media = pair.subscriber.heard.iter().filter(|heard| heard.header.ssrc == SSRC);
    media.map(|heard| u64::from_be_bytes(*heard.payload.last_chunk().expect("a number"))).collect()
}

#[test]
fn what_is_published_arrives_in_order_and_whole_across_both_wraps() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let published: Vec<u64> = (65_500..65_700).collect();
        for &sequence in &published {
            pair.publish(PUBLISHED, sequence, &Extensions::default());
            pair.run(ms(10));
        }
        pair.run(ms(100));
        assert_eq!(numbers(&pair), published);
        for (index, heard) in pair.subscriber.heard.iter().enumerate() {
            let sequence = published[index];
            let header = Header {
                marker: sequence.is_multiple_of(3),
                payload_type: 96,
                sequence: (65_530 + index) as u16,
                rtp_time: rtp_time(sequence),
                ssrc: SSRC,
            };
            assert_eq!((heard.header, &heard.payload), (header, &payload(sequence)));
        }
        let keyframes = pair.publisher.packets.iter().filter(|packet| packet.frame.keyframe);
        assert_eq!(keyframes.map(|packet| packet.sequence).collect::<Vec<_>>(), [65_500, 65_600]);
        let (first, last) = (&pair.subscriber.heard[0], pair.subscriber.heard.last().expect("some"));
        assert_eq!((first.mid.as_deref(), last.mid.as_deref()), (Some("sfu1"), Some("sfu1")), "nobody reported yet");
    }
}

#[test]
fn loudness_and_capture_time_go_on_and_the_time_of_sending_is_ours() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let level = Some(AudioLevel { voice: true, below_overload: 37 });
        let captured = Some(AbsCaptureTime { captured: Ntp(0xE000_0000_1234_5678), clock_offset: Some(-5) });
        let values = Extensions {
            audio_level: level,
            abs_capture_time: captured,
            abs_send_time: Some(AbsSendTime::from_raw(1)),
            transport_sequence: Some(9),
            ..Extensions::default()
        };
        pair.publish(PUBLISHED, 7, &values);
        pair.run(ms(50));
        let [heard] = &pair.subscriber.heard[..] else { panic!("{:?}", pair.subscriber.heard) };
        assert_eq!((heard.level, heard.captured), (level, captured));
        let left = Instant::from_nanos(heard.at.as_nanos() - DELAY.as_nanos() as u64);
        assert_eq!(heard.send_time, Some(AbsSendTime::from_ntp(Ntp::at(pair.origin, left))));
    }
}

#[test]
fn the_mid_is_sent_until_the_subscriber_has_reported() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    pair.publish(PUBLISHED, 1, &Extensions::default());
    pair.run(ms(50));
    let block = rtcp::ReportBlock {
        ssrc: SSRC,
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_sequence: 0,
        jitter: 0,
        last_sender_report: 0,
        delay_since: 0,
    };
    let mut report = vec![];
    rtcp::write_receiver_report(&mut report, 5, &[block]);
    pair.subscriber.send_rtcp(pair.now, report);
    pair.run(ms(50));
    pair.publish(PUBLISHED, 2, &Extensions::default());
    pair.run(ms(50));
    let mids: Vec<_> = pair.subscriber.heard.iter().map(|heard| heard.mid.as_deref()).collect();
    assert_eq!(mids, [Some("sfu1"), None]);
}

#[test]
fn duplicates_strangers_and_damaged_packets_are_not_forwarded() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let now = pair.now;
        pair.publish(PUBLISHED, 10, &Extensions::default());
        // The same datagram twice, as a network duplicates it.
        let (_, datagram) = pair.publisher.up.back().expect("it is on its way").clone();
        pair.publisher.send(now, datagram.clone());
        pair.publish(0x2222, 11, &Extensions::default());
        pair.publisher.send_rtp(now, plain(PUBLISHED, 99, 12, b"no such type", &Extensions::default()), 12);
        pair.publish(PUBLISHED, 13, &Extensions::default());
        let (_, damaged) = pair.publisher.up.back_mut().expect("it is on its way");
        *damaged.last_mut().expect("a tag") ^= 1;
        pair.publish(PUBLISHED, 14, &Extensions::default());
        pair.run(ms(100));
        assert_eq!(numbers(&pair), [10, 14]);
    }
}

#[test]
fn reordered_packets_go_on_as_they_come() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    for sequence in [20, 21, 23, 22, 24] {
        pair.publish(PUBLISHED, sequence, &Extensions::default());
    }
    pair.run(ms(100));
    assert_eq!(numbers(&pair), [20, 21, 23, 22, 24]);
    let sequences: Vec<u16> = pair.subscriber.heard.iter().map(|heard| heard.header.sequence).collect();
    assert_eq!(sequences, [65_530, 65_531, 65_533, 65_532, 65_534]);
}

#[test]
fn a_source_that_was_not_announced_is_known_by_its_mid() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, 0);
        let named = Extensions { mid: Some("0"), ..Extensions::default() };
        pair.publish(0x3333, 1, &Extensions::default());
        pair.publish(0x4444, 1, &Extensions { mid: Some("1"), ..Extensions::default() });
        pair.publish(0x3333, 2, &named);
        pair.publish(0x3333, 3, &Extensions::default());
        pair.publish(0x5555, 9, &named);
        let again = [&4u16.to_be_bytes()[..], &payload(4)].concat();
        pair.publish(0x3333, 5, &Extensions::default());
        pair.publisher.send_rtp(pair.now, plain(0x3334, 97, 70, &again, &named), 70);
        pair.run(ms(100));
        assert_eq!(numbers(&pair), [2, 3, 5, 4], "its first packet said nothing, and a second source is a stranger");
    }
}

#[test]
fn padding_fills_its_place_and_carries_nothing() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    pair.publish(PUBLISHED, 1, &Extensions::default());
    let mut padding = plain(PUBLISHED, 96, 2, &[0, 0, 3], &Extensions::default());
    padding[0] |= 0x20;
    pair.publisher.send_rtp(pair.now, padding, 2);
    pair.publish(PUBLISHED, 3, &Extensions::default());
    pair.run(ms(100));
    let lengths: Vec<usize> = pair.subscriber.heard.iter().map(|heard| heard.payload.len()).collect();
    assert_eq!(lengths, [19, 0, 19], "the subscriber misses nothing");
}

#[test]
fn no_two_datagrams_are_sealed_alike() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let parameters = Box::new(pair::received());
        // The publisher subscribes to itself, so that two legs seal the same packets under the same numbers.
        pair.publisher.leg.handle_command(pair.now, LegCommand::Send { stream: STREAM, parameters });
        let mut sealed: [BTreeMap<(u32, u64), Vec<u8>>; 2] = Default::default();
        for sequence in 0..50 {
            pair.publish(PUBLISHED, sequence, &Extensions::default());
            pair.run(ms(21));
            let packet = Arc::clone(pair.publisher.packets.last().expect("it came"));
            let legs = [&mut pair.publisher.leg, &mut pair.subscriber.leg];
            for (leg, sealed) in legs.into_iter().zip(&mut sealed) {
                leg.write(pair.now, STREAM, packet.under(1_000 + sequence), &packet);
                while let Some(output) = leg.poll_output() {
                    if let LegOutput::Transmit { datagram, sent: Sent::Media { .. }, .. } = output {
                        let twice = sealed.insert((SSRC, 1_000 + sequence), datagram.into_whole());
                        assert!(twice.is_none());
                    }
                }
            }
        }
        let [one, other] = sealed;
        assert_eq!((one.len(), other.len()), (50, 50));
        let modelled = matches!(factory, Factory::Modelled);
        assert!(modelled || one.iter().all(|(number, bytes)| other[number] != *bytes), "each leg has keys of its own");
    }
}
