//! Requests and reports: keyframes both ways, ceilings, round trips, arrivals, and the end.

use super::*;
use crate::rtp::rtcp::FirRequest;
use crate::units::Bitrate;

fn plis(pair: &Pair) -> usize {
    pair.publisher.told(|packet| matches!(packet, rtcp::Packet::Pli { media: PUBLISHED, .. }).then_some(())).len()
}

#[test]
fn a_subscribers_wish_for_a_keyframe_reaches_the_publisher() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let tell = |pair: &mut Pair, write: &dyn Fn(&mut Vec<u8>)| {
            let mut compound = vec![];
            write(&mut compound);
            pair.subscriber.send_rtcp(pair.now, compound);
            pair.run(ms(100));
            plis(pair)
        };
        assert_eq!(tell(&mut pair, &|out| rtcp::write_pli(out, 5, SSRC)), 1);
        assert_eq!(tell(&mut pair, &|out| rtcp::write_pli(out, 5, 0x9999)), 1, "of a stream that nobody sends");
        let fir = |sequence| move |out: &mut Vec<u8>| rtcp::write_fir(out, 5, &[FirRequest { ssrc: SSRC, sequence }]);
        assert_eq!(tell(&mut pair, &fir(0)), 2);
        assert_eq!(tell(&mut pair, &fir(0)), 2, "the same demand, repeated");
        assert_eq!(tell(&mut pair, &fir(1)), 3);
    }
}

#[test]
fn what_is_wanted_before_the_publisher_connects_is_asked_for_when_it_has() {
    let factory = Factory::Modelled;
    let mut pair = Pair::new(&factory, 0);
    pair.publisher.leg.handle_command(pair.now, LegCommand::Keyframe { track: TRACK, layer: 0 });
    pair.publisher.leg.handle_command(pair.now, LegCommand::Ceiling { track: TRACK, rate: Bitrate(1) });
    pair.run(ms(100));
    assert!(pair.publisher.told.is_empty(), "its source is not known yet");
    pair.publish(PUBLISHED, 1, &Extensions { mid: Some("0"), ..Extensions::default() });
    pair.run(ms(100));
    assert_eq!(plis(&pair), 1);
}

#[test]
fn a_ceiling_reaches_the_publisher() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let rate = Bitrate::from_kbps(2_500);
        pair.publisher.leg.handle_command(pair.now, LegCommand::Ceiling { track: TRACK, rate });
        pair.run(ms(100));
        let told = pair.publisher.told(|packet| match packet {
            rtcp::Packet::Remb(remb) => Some((remb.rate, remb.ssrcs.collect::<Vec<_>>())),
            _ => None,
        });
        assert_eq!(told.into_iter().map(|(_, told)| told).collect::<Vec<_>>(), [(2_500_000, vec![PUBLISHED])]);
        let reports = pair.publisher.told.iter().all(|(_, compound)| compound[1] == 201);
        assert!(reports, "every compound begins with a report");
    }
}

#[test]
fn reports_give_both_sides_twice_the_delay_of_the_path() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let mut answered = 0;
        for sequence in 0..300 {
            // Ten packets a second, as their RTP times say; every seventh is lost.
            if sequence % 7 != 6 {
                pair.publish(PUBLISHED, sequence, &Extensions::default());
            }
            if sequence % 10 == 0 {
                let (ntp, rtp_time) = (Ntp::at(pair.origin, pair.now), rtp_time(sequence));
                let info = rtcp::SenderInfo { ntp, rtp_time, packets: 0, octets: 0 };
                let mut report = vec![];
                rtcp::write_sender_report(&mut report, PUBLISHED, &info, &[]);
                pair.publisher.send_rtcp(pair.now, report);
            }
            pair.run(ms(100));
            let (told, origin) = (sender_reports(&pair), pair.origin);
            for (at, (_, info)) in &told[answered..] {
                answer(&mut pair, *at, info.ntp);
                // The stream's clock at the instant of the report: packet 0 reached the SFU one delay after it was sent.
                let since = info.ntp.signed_nanos_since(Ntp::at(origin, pair.publisher.packets[0].arrival));
                let expected = rtp_time(0).wrapping_add((since * 9 / 100_000) as u32);
                assert!(info.rtp_time.abs_diff(expected) < 120, "{} is not {expected}", info.rtp_time);
            }
            answered = told.len();
        }
        assert!(answered >= 29, "once a second: {answered}");
        let smoothed = pair.subscriber.leg.rtt.smoothed().expect("it was measured");
        assert!(smoothed.abs_diff(2 * DELAY) < Duration::from_micros(1_100), "{smoothed:?}");
        let blocks = pair.publisher.told(|packet| match packet {
            rtcp::Packet::ReceiverReport { mut reports, .. } => reports.next(),
            _ => None,
        });
        let (at, block) = blocks.last().expect("the publisher is told too");
        let trip = block.round_trip(Ntp::at(pair.origin, *at)).expect("its report was echoed");
        assert!(trip.abs_diff(2 * DELAY) < Duration::from_micros(1_100), "{trip:?}");
        assert!((20..60).contains(&block.fraction_lost), "a seventh: {block:?}");
        assert!((38..=43).contains(&block.cumulative_lost) && block.jitter < 100, "{block:?}");
    }
}

fn sender_reports(pair: &Pair) -> Vec<(Instant, (u32, rtcp::SenderInfo))> {
    pair.subscriber.told(|packet| match packet {
        rtcp::Packet::SenderReport { ssrc, info, .. } => Some((ssrc, info)),
        _ => None,
    })
}

/// The subscriber's report on what it received, with the report of this time echoed.
fn answer(pair: &mut Pair, received: Instant, ntp: Ntp) {
    let block = rtcp::ReportBlock {
        ssrc: SSRC,
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_sequence: 0,
        jitter: 0,
        last_sender_report: ntp.middle(),
        delay_since: crate::rtp::ntp::short(pair.now.saturating_since(received)),
    };
    let mut report = vec![];
    rtcp::write_receiver_report(&mut report, 5, &[block]);
    pair.subscriber.send_rtcp(pair.now, report);
}

#[test]
fn sender_reports_name_the_publisher_and_count_what_was_sent() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    pair.run(ms(2_000));
    assert!(sender_reports(&pair).is_empty(), "nothing is reported of a stream that has not begun");
    for sequence in 0..30 {
        pair.publish(PUBLISHED, sequence, &Extensions::default());
    }
    pair.run(ms(2_000));
    let (_, (ssrc, info)) = *sender_reports(&pair).last().expect("one a second");
    assert_eq!((ssrc, info.packets, info.octets), (SSRC, 30, 30 * 19));
    let names = pair.subscriber.told(|packet| match packet {
        rtcp::Packet::Description(mut chunks) => chunks.next().and_then(|chunk| chunk.cname.map(<[u8]>::to_vec)),
        _ => None,
    });
    assert_eq!(names[0].1, b"ann");
}

#[test]
fn arrivals_are_told_where_transport_wide_numbers_were_negotiated() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        for sequence in 0..100 {
            let number = Some(65_500_u16.wrapping_add(sequence as u16));
            if sequence != 50 {
                pair.publish(PUBLISHED, sequence, &Extensions { transport_sequence: number, ..Extensions::default() });
            }
            pair.run(ms(3));
        }
        pair.run(ms(200));
        let told = pair.publisher.told(|packet| match packet {
            rtcp::Packet::Transport(feedback) => Some(feedback.arrivals().collect::<Vec<_>>()),
            _ => None,
        });
        assert!((4..=8).contains(&told.len()), "every 50 ms: {}", told.len());
        let arrivals: Vec<_> = told.into_iter().flat_map(|(_, arrivals)| arrivals).collect();
        let numbers: Vec<u16> = arrivals.iter().map(|arrival| arrival.sequence).collect();
        assert_eq!(numbers, (0..100).map(|n| 65_500_u16.wrapping_add(n)).collect::<Vec<_>>());
        let missing: Vec<usize> = (0..100).filter(|&index| arrivals[index].received.is_none()).collect();
        assert_eq!(missing, [50]);
        let times: Vec<i64> = arrivals.iter().filter_map(|arrival| arrival.received).collect();
        assert!(times.windows(2).all(|two| (3_000..=6_250).contains(&(two[1] - two[0]))), "{times:?}");
    }
}

#[test]
fn a_leg_that_closes_says_so_on_every_layer_and_nothing_follows() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        pair.publish(PUBLISHED, 1, &Extensions::default());
        pair.run(ms(100));
        pair.subscriber.leg.handle_command(pair.now, LegCommand::Close);
        pair.run(ms(100));
        let byes = pair.subscriber.told(|packet| match packet {
            rtcp::Packet::Bye(ssrcs) => Some(ssrcs.collect::<Vec<_>>()),
            _ => None,
        });
        assert_eq!(byes[0].1, [SSRC]);
        assert!(pair.subscriber.outputs.contains(&"Closed".to_owned()), "{:?}", pair.subscriber.outputs);
        assert_eq!(pair.subscriber.outputs.iter().filter(|output| *output == "closed").count(), 1);
        assert_eq!(pair.subscriber.leg.poll_timeout(), None);
        pair.subscriber.leg.handle_command(pair.now, LegCommand::StopSending(STREAM));
        assert!(pair.subscriber.leg.poll_output().is_none());
        let heard = pair.subscriber.heard.len();
        pair.publish(PUBLISHED, 2, &Extensions::default());
        pair.run(ms(100));
        assert_eq!(pair.subscriber.heard.len(), heard);
    }
}

#[test]
fn a_participant_that_says_goodbye_or_falls_silent_closes_its_leg() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        pair.publisher.transport.close(pair.now);
        pair.subscriber.lost_up = |_| true;
        pair.run(ms(100));
        assert_eq!(pair.publisher.outputs.last().map(String::as_str), Some("closed"));
        assert!(!pair.subscriber.outputs.contains(&"closed".to_owned()));
        pair.run(Duration::from_secs(35));
        assert!(pair.subscriber.outputs.contains(&"closed".to_owned()), "{:?}", pair.subscriber.outputs);
    }
}

#[test]
fn a_participant_whose_address_changed_is_followed_once_it_has_checked() {
    for factory in factories() {
        let mut pair = Pair::new(&factory, PUBLISHED);
        let before = pair.subscriber.address;
        pair.subscriber.address = SocketAddr::from(([127, 0, 0, 1], 6_002));
        pair.subscriber.sent_to.clear();
        for sequence in 0..100 {
            pair.publish(PUBLISHED, sequence, &Extensions::default());
            pair.run(ms(100));
        }
        assert!(pair.subscriber.sent_to.contains(&before), "nobody knows at once");
        assert_eq!(pair.subscriber.sent_to.last(), Some(&pair.subscriber.address), "{factory:?}");
    }
}

#[test]
fn sender_reports_follow_a_timeline_that_begins_anew_and_no_packet_that_is_late() {
    let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
    let mut reported = |sequence, rtp_time: u32| {
        let mut packet = plain(PUBLISHED, 96, sequence, &payload(sequence), &Extensions::default());
        packet[4..8].copy_from_slice(&rtp_time.to_be_bytes());
        pair.publisher.send_rtp(pair.now, packet, sequence);
        pair.run(ms(1_100));
        sender_reports(&pair).last().expect("one a second").1.1.rtp_time
    };
    let first = reported(1, 900_000);
    assert!((900_000..1_000_000).contains(&first), "{first}");
    let late = reported(2, 890_000);
    assert!((first + 80_000..first + 110_000).contains(&late), "{late} goes on from {first}");
    let anew = reported(3, 7_000);
    assert!((7_000..107_000).contains(&anew), "{anew}");
}
