//! Whatever a participant sends, a leg takes it. On a modelled transport anybody can seal, so what is inside is arbitrary
//! too.

use super::*;
use proptest::prelude::*;

const TAG: [u8; 16] = [0x5A; 16];

fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..90);
    let begun = prop::sample::select(vec![
        vec![],
        vec![0x00, 0x01, 0, 0, 0x21, 0x12, 0xA4, 0x42],
        vec![22, 0xFE, 0xFD, 0],
        vec![21, 0xFE, 0xFD, 1],
        // The published stream, with and without extensions and padding; its retransmissions; a stranger.
        vec![0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0x11, 0x11],
        vec![0x90, 0xE0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0x11, 0x11, 0xBE, 0xDE, 0, 1, 0x40, 0x30, 0x21, 0],
        vec![0xA0, 96, 0x10, 0x01, 0, 0, 0, 0, 0, 0, 0x11, 0x11],
        vec![0x80, 97, 0, 1, 0, 0, 0, 0, 0, 0, 0x11, 0x12],
        vec![0xBF, 97, 0, 1, 0, 0, 0, 0, 0, 0, 0x77, 0x77],
        // SR, RR, NACK, TWCC, PLI, FIR, REMB about the subscriber's stream.
        vec![0x81, 200, 0, 12, 0, 0, 0x11, 0x11],
        vec![0x81, 201, 0, 7, 0, 0, 0, 5, 0xAB, 0xCD, 0, 1],
        vec![0x81, 205, 0, 3, 0, 0, 0, 5, 0xAB, 0xCD, 0, 1],
        vec![0x8F, 205, 0, 5, 0, 0, 0, 5, 0xAB, 0xCD, 0, 1],
        vec![0x81, 206, 0, 2, 0, 0, 0, 5, 0xAB, 0xCD, 0, 1],
        vec![0x84, 206, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0xAB, 0xCD, 0, 1],
        vec![0x8F, 206, 0, 5, 0, 0, 0, 5, 0, 0, 0, 0, b'R', b'E', b'M', b'B'],
    ]);
    let seal = prop::sample::select(vec![0, 1, 1, 1]);
    (begun, bytes, seal, 0u8..9).prop_map(|(begun, bytes, seal, index)| {
        let tag: &[u8] = if seal == 1 { &TAG } else { &[] };
        let index: &[u8] = if begun.get(1).is_some_and(|second| *second >= 200) { &[0x80, 0, 0, index] } else { &[] };
        [&begun[..], &bytes, tag, index].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_datagrams_never_panic_and_only_known_streams_come_of_them(
        steps in prop::collection::vec((datagram(), 0u64..300), 1..60),
    ) {
        let mut pair = Pair::new(&Factory::Modelled, PUBLISHED);
        let leg = &mut pair.publisher.leg;
        let parameters = Box::new(pair::received());
        leg.handle_command(pair.now, LegCommand::Send { stream: STREAM, parameters });
        let (mut now, mut number, mut seen) = (pair.now, 40_000, std::collections::BTreeSet::new());
        for (bytes, later) in steps {
            now += ms(later);
            leg.handle_datagram(now, pair.publisher.address, &bytes);
            if leg.poll_timeout().is_some_and(|at| at <= now) {
                leg.handle_timeout(now);
            }
            while let Some(output) = leg.poll_output() {
                match output {
                    LegOutput::Packet(packet) => {
                        prop_assert_eq!(packet.track, TRACK);
                        prop_assert!(seen.insert(packet.sequence), "{} twice", packet.sequence);
                        number += 1;
                        leg.write(now, STREAM, packet.under(number), &packet);
                    }
                    LegOutput::KeyframeWanted(stream) => prop_assert_eq!(stream, STREAM),
                    LegOutput::Transmit { datagram, .. } => prop_assert!(datagram.len() <= 1_200),
                    LegOutput::Message { .. } => prop_assert!(false, "nobody opened a channel"),
                    LegOutput::Connected | LegOutput::Closed | LegOutput::Estimate(_) => {}
                }
            }
            if let Some(at) = leg.poll_timeout() {
                prop_assert!(at > now, "it would be driven for ever");
            }
        }
    }
}
