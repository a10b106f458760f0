//! Streams that begin just before their numbers wrap, and faults built into the SFU's rooms: each is caught by name.

use super::*;
use crate::conference::Defect;
use crate::plan::target::AdapterPlan;

/// Viewers whose way narrows and widens again, so that they go from the top layer down and back.
const STEPS: &str = r#"
version = 1
name = "steps"
[run]
world = "simulated"
duration = "26s"
[target]
adapter = "reference"
estimates = true
[media.mic]
kind = "audio"
codec = "opus"
[media.big]
kind = "video"
size = "1280x720"
layers = { mode = "simulcast", rids = ["q", "h", "f"], temporal = 2 }
[network.step]
up = { delay = "10ms" }
down = { rate = "6Mbps", queue = "400ms", delay = "10ms" }
schedule = [{ at = "8s", down = { rate = "0.5Mbps" } }, { at = "15s", down = { rate = "6Mbps" } }]
[rooms]
count = 1
[[population]]
name = "speaker"
count = 1
publish = ["mic", "big"]
subscribe = "none"
[[population]]
name = "viewers"
count = 3
network = "step"
"#;

/// Everything that says of a stream that an SFU numbered it wrongly.
const NUMBERS: [Metric; 6] = [
    Metric::IntegrityPidGap,
    Metric::IntegrityTl0Gap,
    Metric::IntegrityLayerStart,
    Metric::IntegritySeqJump,
    Metric::IntegrityTsBackwards,
    Metric::IntegrityTornFrames,
];

/// What must be zero besides, whatever happens.
const NEVER: [Metric; 6] = [
    Metric::IntegrityMisroute,
    Metric::IntegrityStampCrc,
    Metric::IntegrityPayloadCrc,
    Metric::IntegritySsrcDup,
    Metric::IntegrityAuth,
    Metric::SessionsLost,
];

fn broken(text: &str, defect: Option<Defect>) -> Outcome {
    let (scenario_text, mut plan) = load(text, 5);
    let AdapterPlan::Reference(reference) = &mut plan.target.adapter else { panic!("the reference SFU") };
    reference.defect = defect;
    let options = Options { scenario_text, ..Options::default() };
    let outcome = run(plan, &options, &mut |_| {}, &mut |_| {}).expect("it begins").outcome;
    for zero in NEVER {
        assert_eq!(count(&outcome, zero), 0, "{defect:?}: {}", zero.name());
    }
    assert_eq!(outcome.participants.joined, outcome.participants.planned);
    outcome
}

fn lost_for_good(outcome: &Outcome) -> u64 {
    metric(outcome, Metric::RtpLossResidual).and_then(|entry| entry.numerator).expect("there was media")
}

/// Asserts that these metrics caught it, and that none of the others says so too.
fn caught(outcome: &Outcome, by: &[Metric]) {
    let seen: Vec<(Metric, u64)> = NUMBERS.into_iter().map(|of| (of, count(outcome, of))).collect();
    assert!(by.iter().all(|of| count(outcome, *of) > 0), "{by:?} of {seen:?}");
}

#[test]
fn rooms_with_nothing_wrong_switch_layers_without_a_trace() {
    let outcome = broken(STEPS, None);
    assert!(count(&outcome, Metric::VideoLayerSwitch) >= 6, "{}", count(&outcome, Metric::VideoLayerSwitch));
    for zero in NUMBERS {
        assert_eq!(count(&outcome, zero), 0, "{}", zero.name());
    }
}

#[test]
fn picture_ids_that_a_switch_does_not_rewrite_are_caught() {
    caught(&broken(STEPS, Some(Defect::PictureIds)), &[Metric::IntegrityPidGap]);
}

#[test]
fn a_tl0picidx_that_a_switch_does_not_rewrite_is_caught() {
    let outcome = broken(STEPS, Some(Defect::Tl0));
    caught(&outcome, &[Metric::IntegrityTl0Gap]);
    assert_eq!(count(&outcome, Metric::IntegrityPidGap), 0, "it is that number alone");
}

#[test]
fn a_switch_on_a_delta_frame_is_caught() {
    let outcome = broken(STEPS, Some(Defect::DeltaSwitch));
    caught(&outcome, &[Metric::IntegrityLayerStart]);
    assert_eq!(count(&outcome, Metric::IntegrityPidGap) + count(&outcome, Metric::IntegrityTl0Gap), 0);
}

#[test]
fn sequence_numbers_that_a_switch_leaves_out_are_caught() {
    // A few look like loss that nobody can repair, on a way that loses nothing else for good.
    let wide = STEPS.replace("0.5Mbps", "1Mbps").replace("400ms", "4s");
    let (well, few) = (broken(&wide, None), broken(&wide, Some(Defect::SequenceGap(3))));
    assert!(count(&well, Metric::VideoLayerSwitch) > 0);
    assert_eq!(lost_for_good(&well), 0, "the queue holds what the narrow way does not carry at once");
    let switches = count(&few, Metric::VideoLayerSwitch);
    assert!(switches > 0 && lost_for_good(&few) >= 3 * switches, "{} at {switches} switches", lost_for_good(&few));
    // Many are another stream's numbers.
    caught(&broken(STEPS, Some(Defect::SequenceGap(20_000))), &[Metric::IntegritySeqJump]);
}

#[test]
fn a_keyframe_request_that_nobody_hears_is_caught() {
    // What is lost in a second in the dark is more than can be sent again: only a keyframe helps.
    let text = STEPS.replace("estimates = true\n", "").replace(
        "schedule = [{ at = \"8s\", down = { rate = \"0.5Mbps\" } }, { at = \"15s\", down = { rate = \"6Mbps\" } }]",
        "schedule = [{ at = \"8s\", outage = \"3s\", dir = \"down\" }]",
    );
    let (well, deaf) = (broken(&text, None), broken(&text, Some(Defect::Pli)));
    let frozen =
        |outcome: &Outcome| metric(outcome, Metric::VideoFreezeTime).and_then(|entry| entry.max).expect("dark");
    assert!(count(&well, Metric::RtpPliSent) > 0);
    assert_eq!(count(&well, Metric::VideoKeyframesMissed), 0);
    assert!(frozen(&well) < 5.0, "{}", frozen(&well));
    assert!(count(&deaf, Metric::VideoKeyframesMissed) >= 3, "one a viewer");
    assert!(frozen(&deaf) > 14.0, "{}", frozen(&deaf));
}

#[test]
fn numbers_that_wrap_cost_nothing_in_any_codec_nor_across_switches() {
    let wrapping = STEPS
        .replace("codec = \"opus\"", "codec = \"opus\"\nnumbers = \"wrap\"")
        .replace("size = ", "numbers = \"wrap\"\nsize = ");
    let plain = |codec: &str| {
        let text = path("delay = \"10ms\"").replace("kind = \"audio\"", "kind = \"audio\"\nnumbers = \"wrap\"");
        text.replace("fps = 15", &format!("fps = 15\nnumbers = \"wrap\"\ncodec = \"{codec}\""))
    };
    let texts = [wrapping, plain("vp8"), plain("h264"), plain("vp9"), plain("av1")];
    for (index, text) in texts.iter().enumerate() {
        for defect in [None, Some(Defect::NearWrap)] {
            let outcome = broken(text, defect);
            for zero in NUMBERS {
                assert_eq!(count(&outcome, zero), 0, "text {index}, {defect:?}: {}", zero.name());
            }
            assert!(count(&outcome, Metric::VideoFramesDecodable) > 500, "text {index}");
            if index == 0 {
                assert!(count(&outcome, Metric::VideoLayerSwitch) >= 6);
            } else {
                let lost = metric(&outcome, Metric::RtpLossNet).and_then(|entry| entry.numerator);
                assert_eq!((lost, count(&outcome, Metric::RtpDup)), (Some(0), 0), "text {index}, {defect:?}");
                assert_eq!(count(&outcome, Metric::VideoFramesUndecodable), 0, "text {index}, {defect:?}");
                assert_eq!(count(&outcome, Metric::VideoFreezeCount), 0, "text {index}, {defect:?}");
            }
        }
    }
}
