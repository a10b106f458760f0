//! Every codec and every scalability mode, through the SFU: what comes is whole.

use super::*;

fn room(media: &str, conditions: &str) -> String {
    let cam = "[media.cam]\nkind = \"video\"\nsize = \"320x180\"\nfps = 15\nbitrate = \"150kbps\"\n";
    let text = path(conditions);
    assert!(text.contains(cam));
    text.replace(
        cam,
        &format!("[media.cam]\nkind = \"video\"\nsize = \"320x160\"\nfps = 15\nbitrate = \"400kbps\"\n{media}\n"),
    )
    .replace("count = 2", "count = 1")
}

/// What `[media.cam]` says besides.
fn variants() -> Vec<String> {
    let mut variants = Vec::new();
    for (codec, modes) in [
        ("vp8", &["L1T1", "L1T3"][..]),
        ("h264", &["L1T1", "L1T2", "L1T3"]),
        ("vp9", &["L1T1", "L1T3", "L2T1", "L3T3", "L3T3_KEY"]),
        ("av1", &["L1T1", "L1T3", "L2T2_KEY", "L3T3"]),
    ] {
        for mode in modes {
            let layers = format!("codec = \"{codec}\"\nlayers = {{ mode = \"svc\", scalability = \"{mode}\" }}");
            if codec == "vp9" {
                variants.push(format!("{layers}\nflexible = true"));
            }
            if codec != "av1" {
                variants.push(format!("{layers}\ndependency_descriptor = true"));
            }
            variants.push(layers);
        }
    }
    variants
}

#[test]
fn every_codec_in_every_mode_is_decodable_and_whole() {
    for variant in variants() {
        let outcome = simulated(&room(&variant, "delay = \"10ms\""), 3);
        assert!(count(&outcome, Metric::VideoFramesDecodable) > 400, "{variant}");
        for zero in [
            Metric::VideoFreezeCount,
            Metric::VideoFramesUndecodable,
            Metric::RtpNackSent,
            Metric::IntegrityAuth,
            Metric::IntegrityRed,
            Metric::IntegrityDescriptor,
            Metric::IntegrityMisroute,
            Metric::IntegrityTornFrames,
            Metric::IntegrityStampCrc,
            Metric::IntegrityPayloadCrc,
            Metric::IntegrityPidGap,
        ] {
            assert_eq!(count(&outcome, zero), 0, "{variant}: {}", zero.name());
        }
    }
}

#[test]
fn loss_is_repaired_in_every_mode_and_nothing_is_out_of_place() {
    for variant in variants() {
        let outcome = simulated(&room(&variant, "delay = \"10ms\", loss = { model = \"iid\", p = 0.02 }"), 3);
        assert!(count(&outcome, Metric::RtpRtxReceived) > 0, "{variant}");
        assert!(count(&outcome, Metric::VideoFramesDecodable) > 380, "{variant}");
        for zero in [
            Metric::IntegrityMisroute,
            Metric::IntegrityTornFrames,
            Metric::IntegrityStampCrc,
            Metric::IntegrityPayloadCrc,
            Metric::IntegrityPidGap,
        ] {
            assert_eq!(count(&outcome, zero), 0, "{variant}: {}", zero.name());
        }
    }
}

#[test]
fn redundant_sound_is_concealed_less_and_counted_apart() {
    let text = path("delay = \"10ms\", loss = { model = \"iid\", p = 0.03 }").replace("count = 2", "count = 1");
    let of = |media: &str| {
        let outcome = simulated(&text.replace("kind = \"audio\"", &format!("kind = \"audio\"\n{media}")), 3);
        let concealed = metric(&outcome, Metric::AudioConcealedRatio).and_then(|entry| entry.value).expect("sound");
        for zero in [Metric::IntegrityMisroute, Metric::IntegrityStampCrc, Metric::IntegrityAuth] {
            assert_eq!(count(&outcome, zero), 0, "{media}: {}", zero.name());
        }
        (concealed, count(&outcome, Metric::AudioRecovered))
    };
    let (plain, none) = of("");
    assert!(plain > 0.03 && none == 0, "{plain}");
    for media in ["fec = true", "red = 1", "red = 2\nfec = true"] {
        let (concealed, recovered) = of(media);
        assert!(concealed < plain / 2.0 && recovered > 30, "{media}: {concealed} instead of {plain}, {recovered} back");
    }
}
