//! The way to a subscriber, estimated from what it says of arrivals.

use super::*;

/// Publishes `kbps` of 500-byte packets for some seconds; the last estimate, in kbit/s.
fn last_estimate(pair: &mut Pair, next: &mut u64, kbps: u64, seconds: u64) -> Option<u64> {
    let apart = 500 * 8 / kbps;
    for milli in 0..seconds * 1_000 {
        if milli % apart == 0 {
            let packet = plain(PUBLISHED, 96, *next, &[0x10; 440], &Extensions::default());
            pair.publisher.send_rtp(pair.now, packet, *next);
            *next += 1;
        }
        pair.run(ms(1));
    }
    pair.subscriber.estimates.last().map(|(_, rate)| rate.bps() / 1_000)
}

#[test]
fn a_wide_way_is_found_by_probes_and_a_narrow_one_by_its_queue() {
    for factory in factories() {
        let mut pair = Pair::estimating(&factory, PUBLISHED);
        let command = LegCommand::Desire(Bitrate::from_kbps(1_500));
        pair.subscriber.leg.handle_command(pair.now, command);
        let mut next = 1;
        let wide = last_estimate(&mut pair, &mut next, 400, 8).expect("told");
        assert!(wide > 1_200, "{wide} kbit/s, with 400 sent");
        let padding = pair.subscriber.sent.iter().filter(|sent| matches!(sent, Sent::Padding { .. })).count();
        assert!(padding > 5, "probes were filled up");
        let media = pair.subscriber.heard.iter().filter(|heard| heard.header.ssrc == SSRC);
        assert!(media.map(|heard| &heard.payload).all(|payload| payload.len() == 440), "padding is none of it");
        pair.subscriber.down_rate = Some(300_000);
        let narrow = last_estimate(&mut pair, &mut next, 400, 6).expect("told");
        assert!((150..=330).contains(&narrow), "{narrow} kbit/s over a way of 300");
    }
}

#[test]
fn nothing_is_numbered_probed_or_told_where_nothing_is_to_be_estimated() {
    let mut pair = Pair::new(&factories()[0], PUBLISHED);
    let mut next = 1;
    assert_eq!(last_estimate(&mut pair, &mut next, 400, 3), None);
    assert!(pair.subscriber.sent.iter().all(|sent| !matches!(sent, Sent::Padding { .. })));
}

#[test]
fn a_subscribers_own_limit_bounds_the_estimate() {
    let mut pair = Pair::estimating(&factories()[0], PUBLISHED);
    let mut next = 1;
    last_estimate(&mut pair, &mut next, 400, 3);
    let mut compound = vec![];
    rtcp::write_receiver_report(&mut compound, 9, &[]);
    rtcp::write_remb(&mut compound, 9, 250_000, &[SSRC]);
    pair.subscriber.send_rtcp(pair.now, compound);
    let told = last_estimate(&mut pair, &mut next, 400, 1).expect("told");
    assert!((249..=250).contains(&told), "{told}");
}
