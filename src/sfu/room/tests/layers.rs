//! Which layer reaches whom.

use super::*;
use crate::conference::SendLayer;
use crate::conference::protocol::LayerChoice;
use crate::rtp::layer::Layer;

/// A camera in three layers, as one that sends 150, 500 and 2,500 kbit/s says so.
fn camera() -> SendParameters {
    let layer = |(rid, ssrc, kbps): (&str, u32, u64)| SendLayer {
        rid: rid.into(),
        ssrc,
        rtx_ssrc: Some(ssrc + 1),
        max_bitrate: Some(kbps * 1_000),
    };
    let layers = [("q", 100, 150), ("h", 110, 500), ("f", 120, 2_500)].map(layer).to_vec();
    SendParameters { rtx_ssrc: Some(101), layers, ..track("camera", 100) }
}

/// A publisher, viewers, and the layers that flow.
struct Stage {
    world: World,
    sequence: u64,
    keyframes: [u32; 3],
    paused: Vec<String>,
    /// The layer of each packet that reached a viewer, and whether it began a keyframe.
    seen: BTreeMap<u64, Vec<(u8, bool)>>,
}

const RIDS: [&str; 3] = ["q", "h", "f"];
const BYTES: [u32; 3] = [625, 2_083, 10_416];

impl Stage {
    fn new(viewers: u64) -> Self {
        let mut world = World::new(Limits::default());
        world.enter(1, "red", "ann", vec![camera()]);
        world.connect(1);
        let mut stage = Self { world, sequence: 0, keyframes: [0; 3], paused: vec![], seen: BTreeMap::new() };
        (2..2 + viewers).for_each(|viewer| stage.join(viewer));
        stage
    }

    fn join(&mut self, viewer: u64) {
        self.world.enter(viewer, "red", &format!("v{viewer}"), vec![]);
        self.world.connect(viewer);
        self.world.ask(viewer, Request::Subscribe(vec![name("ann", "camera")]));
    }

    fn choose(&mut self, viewer: u64, layer: LayerChoice) {
        self.world.ask(viewer, Request::Layer { track: name("ann", "camera"), layer });
    }

    fn estimate(&mut self, viewer: u64, kbps: u64) {
        let leg = self.world.leg(viewer);
        self.world.tell(Input::Estimate { leg, rate: Bitrate::from_kbps(kbps) });
    }

    /// Lets frames flow for so long: keyframes where they were asked for, nothing of what is paused or `silent`.
    fn flow(&mut self, millis: u64, silent: &[u8]) {
        for _ in 0..millis / 33 {
            self.world.pass(self.world.now + Duration::from_millis(33));
            self.hear();
            self.sequence += 1;
            for layer in 0..3u8 {
                if silent.contains(&layer) || self.paused.contains(&RIDS[usize::from(layer)].to_owned()) {
                    continue;
                }
                let keyframe = self.sequence == 1 || self.asked(layer);
                self.keyframes[usize::from(layer)] += u32::from(keyframe);
                let place = Some(Layer { keyframe, starts_frame: true, begins_here: true, ..Layer::default() });
                let offered = self.world.offered(1, "camera", self.sequence + u64::from(layer) * 10_000);
                let packet = Offered { layer, keyframe, place, bytes: BYTES[usize::from(layer)], ..offered };
                for (to, _) in self.world.forward(&packet) {
                    self.seen.entry(to).or_default().push((layer, keyframe));
                }
            }
        }
    }

    /// What the publisher is told.
    fn hear(&mut self) {
        for message in self.world.heard(1) {
            if let ServerMessage::Layers { media, wanted } = message {
                assert_eq!(media, "camera");
                let resumed = |rid: &String| wanted.contains(rid);
                for rid in self.paused.iter().filter(|rid| resumed(rid)) {
                    let layer = RIDS.iter().position(|of| of == rid).unwrap() as u8;
                    let track = self.world.receiving[&self.world.leg(1)]["camera"];
                    // An encoder begins again with a keyframe.
                    self.world.commands.push((self.world.leg(1), LegCommand::Keyframe { track, layer }));
                }
                self.paused =
                    RIDS.iter().filter(|rid| !wanted.contains(&(**rid).into())).map(|rid| (*rid).into()).collect();
            }
        }
    }

    fn asked(&mut self, layer: u8) -> bool {
        let before = self.world.commands.len();
        let of = |command: &LegCommand| matches!(command, LegCommand::Keyframe { layer: of, .. } if *of == layer);
        self.world.commands.retain(|(_, command)| !of(command));
        self.world.commands.len() < before
    }

    /// The layers that a viewer got since the last time this was asked, each run of one layer once.
    fn layers(&mut self, viewer: u64) -> Vec<u8> {
        let mut seen = self.seen.remove(&viewer).unwrap_or_default();
        for pair in seen.windows(2) {
            assert!(pair[0].0 == pair[1].0 || pair[1].1, "a switch on a delta frame");
        }
        seen.dedup_by_key(|(layer, _)| *layer);
        seen.into_iter().map(|(layer, _)| layer).collect()
    }
}

#[test]
fn without_an_estimate_everybody_has_the_highest_layer_that_it_asks_for() {
    let mut stage = Stage::new(4);
    for (viewer, choice) in
        [(2, LayerChoice::Auto), (3, LayerChoice::Low), (4, LayerChoice::Mid), (5, LayerChoice::High)]
    {
        stage.choose(viewer, choice);
    }
    stage.flow(1_000, &[]);
    assert_eq!([2, 3, 4, 5].map(|viewer| stage.layers(viewer)), [vec![0, 1, 2], vec![0], vec![0, 1], vec![0, 1, 2]]);
    stage.choose(2, LayerChoice::Low);
    stage.choose(3, LayerChoice::High);
    stage.flow(1_000, &[]);
    assert_eq!([2, 3].map(|viewer| stage.layers(viewer)), [vec![0], vec![0, 2]], "at the next frame");
    stage.world.ask(2, Request::Layer { track: name("ann", "nothing"), layer: LayerChoice::Low });
    assert!(matches!(stage.world.heard(2).last(), Some(ServerMessage::Refused { .. })));
}

#[test]
fn an_estimate_decides_and_a_step_up_needs_a_tenth_more() {
    let mut stage = Stage::new(1);
    stage.flow(2_000, &[]);
    assert_eq!(stage.layers(2).last(), Some(&2));
    let mut after = |kbps| {
        stage.estimate(2, kbps);
        stage.flow(1_500, &[]);
        *stage.layers(2).last().unwrap()
    };
    assert_eq!([after(400), after(510), after(570), after(540)], [0, 0, 1, 1], "500 kbit/s and a tenth of it");
    assert_eq!([after(2_600), after(2_900), after(2_600), after(100)], [1, 2, 2, 0]);
}

#[test]
fn a_layer_that_stops_is_left_and_taken_again_when_it_is_back() {
    let mut stage = Stage::new(1);
    stage.flow(4_000, &[]);
    assert_eq!(stage.layers(2).last(), Some(&2));
    assert_eq!(stage.paused, ["h"]);
    stage.flow(3_000, &[2]);
    assert_eq!(stage.layers(2).last(), Some(&1), "the next best, although it was paused");
    stage.flow(2_000, &[]);
    assert_eq!(stage.layers(2), [1, 2]);
    assert!(!stage.paused.contains(&"f".into()), "somebody wants it all the time");
}

#[test]
fn what_nobody_takes_is_paused_and_comes_back_at_once() {
    let mut stage = Stage::new(1);
    stage.choose(2, LayerChoice::Low);
    stage.flow(1_500, &[]);
    assert!(stage.paused.is_empty(), "not so soon");
    stage.flow(2_000, &[]);
    assert_eq!(stage.paused, ["h", "f"]);
    assert_eq!(stage.layers(2), [0]);
    stage.choose(2, LayerChoice::Mid);
    stage.flow(100, &[]);
    assert_eq!(stage.paused, ["f"]);
    assert_eq!(stage.layers(2), [0, 1]);
    stage.world.ask(2, Request::Leave);
    stage.flow(4_000, &[]);
    assert_eq!(stage.paused, ["h", "f"], "the lowest goes on for whoever comes");
    stage.join(9);
    stage.flow(1_000, &[]);
    assert_eq!(stage.layers(9).last(), Some(&2));
}

#[test]
fn fifty_joins_in_a_second_cost_what_the_throttle_allows_and_starve_nobody() {
    let mut stage = Stage::new(0);
    stage.flow(990, &[]);
    let before = stage.keyframes;
    let mut first_picture = vec![];
    for viewer in 10..60 {
        stage.join(viewer);
        let joined = stage.world.now;
        stage.flow(if viewer % 2 == 0 { 33 } else { 0 }, &[]);
        first_picture.push((viewer, joined));
    }
    stage.flow(1_500, &[]);
    for (viewer, _) in first_picture {
        assert_eq!(stage.layers(viewer).first().copied(), Some(2), "viewer {viewer}");
    }
    let cost = stage.keyframes[2] - before[2];
    assert!((2..=5).contains(&cost), "{cost} keyframes in 2.3 s");
}

#[test]
fn temporal_layers_go_before_the_picture_does() {
    let mut stage = Stage::new(1);
    stage.flow(33, &[]);
    let mut kept = BTreeMap::<u8, u32>::new();
    stage.estimate(2, 100);
    for index in 0..400u64 {
        stage.world.pass(stage.world.now + Duration::from_millis(33));
        let temporal = [0, 2, 1, 2][(index % 4) as usize];
        let asked = stage.asked(0);
        let keyframe = temporal == 0 && (asked || index == 0);
        let offered = stage.world.offered(1, "camera", 2 + index);
        let place = Some(Layer { temporal, keyframe, begins_here: index % 4 != 3, ..Layer::default() });
        let bytes = [1_000, 500, 500][usize::from(temporal)];
        let packet = Offered { keyframe, place, bytes, ..offered };
        let reached = !stage.world.forward(&packet).is_empty();
        if index >= 200 {
            *kept.entry(temporal).or_default() += u32::from(reached);
        }
    }
    // 61 kbit/s of the base, 30 of the second layer, 61 of the third.
    assert_eq!(kept, BTreeMap::from([(0, 50), (1, 50), (2, 0)]));
}

#[test]
fn layers_that_make_no_sense_are_refused() {
    let refused = |change: fn(&mut SendParameters)| {
        let mut world = World::new(Limits::default());
        let mut camera = camera();
        change(&mut camera);
        world.enter(1, "red", "ann", vec![camera]);
        matches!(world.heard(1)[..], [ServerMessage::Refused { reason: Refusal::Malformed, .. }])
    };
    assert!(!refused(|_| ()));
    assert!(refused(|camera| camera.layers[1].rid = "q".into()));
    assert!(refused(|camera| camera.layers[1].rid = "no-hyphen".into()));
    assert!(refused(|camera| camera.layers[1].ssrc = 100));
    assert!(refused(|camera| camera.layers.push(SendLayer {
        rid: "x".into(),
        ssrc: 1,
        rtx_ssrc: None,
        max_bitrate: None
    })));
    assert!(refused(|camera| camera.codec.codec = Codec::Opus));
}
