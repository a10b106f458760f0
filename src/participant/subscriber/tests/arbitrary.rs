//! Whatever a network brings, a stream takes it.

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_packets_and_payloads_are_taken(
        codec in prop::sample::select(vec![Codec::Opus, Codec::Vp8, Codec::H264]),
        packets in prop::collection::vec(
            (any::<u16>(), any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..80), 0u8..8, 0u64..400), 0..200),
        near in any::<bool>(),
    ) {
        let mut stream = Stream::new(expect(codec), 1, Some(2));
        let mut now = 1_000;
        for (sequence, rtp_time, marker, payload, kind, step) in packets {
            now += step;
            let at = Instant::from_millis(now);
            let sequence = if near { sequence % 64 } else { sequence };
            let rtp_time = if near { rtp_time % 8 * 3_000 } else { rtp_time };
            let header = Header { marker, payload_type: 96, sequence, rtp_time, ssrc: 1 };
            let rtx = kind == 0;
            let open = stream.wants_payload(&header, kind == 1, rtx);
            stream.handle_packet(at, &Arrived {
                received: Instant::from_millis(now - step / 4),
                entered: at,
                sequence,
                rtp_time,
                marker,
                payload: open.then_some(&payload),
                payload_bytes: payload.len(),
                wire_bytes: payload.len() + 28,
                descriptor: None,
                red: false,
                rtx,
            });
            match kind {
                2 => stream.set_muted(at, true),
                3 => stream.set_muted(at, false),
                4 => stream.handle_timeout(at),
                5 => { stream.report_block(at); }
                6 => { stream.take_interval(at); }
                _ => {}
            }
            while let Some(output) = stream.poll_output() {
                if let Output::Ratio { metric, numerator, denominator, .. } = output {
                    prop_assert!(numerator <= denominator || metric != Metric::RtpReorder);
                }
                if let Output::Sample { value, .. } = output {
                    prop_assert!(value.is_finite() && value >= 0.0);
                }
            }
        }
        stream.finish(Instant::from_millis(now + 1));
    }
}
