//! Which frames of a stream with layers reach whom, and what is said of them.

use super::*;
use crate::clock::Instant;
use crate::sfu::room::TrackId;

/// A publisher of so many spatial layers in the temporal pattern `0 2 1 2`, two packets a frame.
struct Publisher {
    layers: u8,
    keyed: bool,
    sequence: u64,
    pictures: u32,
    since_key: u32,
}

impl Publisher {
    fn new(layers: u8, keyed: bool) -> Self {
        Self { layers, keyed, sequence: 65_500, pictures: 0, since_key: 0 }
    }

    fn picture(&mut self, keyframe: bool) -> Vec<Offered> {
        self.pictures += 1;
        self.since_key = if keyframe { 0 } else { self.since_key + 1 };
        let temporal = [0, 2, 1, 2][self.since_key as usize % 4];
        let mut packets = Vec::new();
        for spatial in 0..self.layers {
            for half in 0..2u8 {
                self.sequence += 1;
                let top = spatial + 1 == self.layers;
                let place = Layer {
                    spatial,
                    temporal,
                    keyframe,
                    begins_here: temporal == 0,
                    opens_spatial: keyframe,
                    opens_above: true,
                    needed_above: !top && (keyframe || !self.keyed),
                    starts_frame: half == 0,
                    ends_frame: half == 1,
                    ends_picture: top && half == 1,
                };
                packets.push(Offered {
                    track: TrackId(0),
                    layer: 0,
                    sequence: self.sequence,
                    rtp_time: self.pictures * 3_000,
                    arrival: Instant::from_millis(u64::from(self.pictures) * 33),
                    keyframe: keyframe && spatial == 0 && half == 0,
                    bytes: 1_000,
                    place: Some(place),
                    picture: None,
                    frame: None,
                    clock: None,
                });
            }
        }
        packets
    }
}

fn viewer(target: u8, temporal: u8) -> Scalable {
    let mut viewer = Scalable::new(Renumberer::new(7, 90_000, false));
    aim(&mut viewer, target, temporal);
    viewer
}

fn aim(viewer: &mut Scalable, target: u8, temporal: u8) {
    (viewer.aim.wanted, viewer.aim.target, viewer.aim.top) = ((target, temporal), target, 2);
}

/// What came of a picture: its layers that went out, and where the marker stood; their numbers go to `seen`.
fn send(viewer: &mut Scalable, picture: &[Offered], seen: &mut Vec<u64>) -> (Vec<u8>, Option<u8>) {
    let (mut layers, mut ends) = (vec![], None);
    for packet in picture {
        let place = packet.place.unwrap();
        if let Some(numbers) = viewer.take(packet) {
            assert_eq!(ends, None, "nothing comes after the marker");
            seen.push(numbers.sequence);
            layers.push(place.spatial);
            if numbers.marker || place.ends_picture {
                ends = Some(place.spatial);
            }
        }
    }
    layers.dedup();
    (layers, ends)
}

#[test]
fn layers_that_lean_on_one_another_are_left_at_the_next_picture_and_taken_at_a_keyframe() {
    let (mut publisher, mut viewer, mut seen) = (Publisher::new(3, false), viewer(2, u8::MAX), vec![]);
    assert!(viewer.waits());
    assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![], None), "it begins with a keyframe");
    assert_eq!(send(&mut viewer, &publisher.picture(true), &mut seen), (vec![0, 1, 2], Some(2)));
    assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![0, 1, 2], Some(2)));
    aim(&mut viewer, 0, u8::MAX);
    assert!(!viewer.waits(), "no keyframe is needed");
    assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![0], Some(0)));
    aim(&mut viewer, 1, u8::MAX);
    assert!(viewer.waits());
    for _ in 0..5 {
        assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![0], Some(0)));
    }
    assert_eq!(send(&mut viewer, &publisher.picture(true), &mut seen), (vec![0, 1], Some(1)));
    assert!(!viewer.waits());
    assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![0, 1], Some(1)));
    assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {seen:?}");
}

#[test]
fn where_layers_lean_on_one_another_in_keyframes_only_the_shown_one_goes_alone() {
    let (mut publisher, mut viewer, mut seen) = (Publisher::new(3, true), viewer(2, u8::MAX), vec![]);
    assert_eq!(send(&mut viewer, &publisher.picture(true), &mut seen), (vec![0, 1, 2], Some(2)));
    assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![2], Some(2)));
    aim(&mut viewer, 0, u8::MAX);
    assert!(viewer.waits(), "the frames of the lower layer before this were not sent");
    // Of the pattern `2 1 2 0` that follows only the base goes out.
    let sent: Vec<_> = (0..3).map(|_| send(&mut viewer, &publisher.picture(false), &mut seen)).collect();
    assert_eq!(sent, [(vec![], None), (vec![], None), (vec![2], Some(2))]);
    assert_eq!(send(&mut viewer, &publisher.picture(true), &mut seen), (vec![0], Some(0)));
    assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![0], Some(0)), "and all its pictures");
    assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {seen:?}");
}

#[test]
fn temporal_layers_are_left_out_whole_and_taken_again_where_they_open() {
    let (mut publisher, mut viewer, mut seen) = (Publisher::new(2, false), viewer(1, 1), vec![]);
    let sent = |viewer: &mut Scalable, publisher: &mut Publisher, seen: &mut Vec<u64>| -> Vec<bool> {
        (0..4).map(|_| !send(viewer, &publisher.picture(publisher.pictures == 0), seen).0.is_empty()).collect()
    };
    assert_eq!(sent(&mut viewer, &mut publisher, &mut seen), [true, false, true, false]);
    aim(&mut viewer, 1, 0);
    assert_eq!(sent(&mut viewer, &mut publisher, &mut seen), [true, false, false, false]);
    aim(&mut viewer, 1, u8::MAX);
    assert_eq!(sent(&mut viewer, &mut publisher, &mut seen), [true; 4]);
    assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {seen:?}");
}

#[test]
fn what_is_late_finds_its_number_or_goes_out_empty() {
    let (mut publisher, mut viewer, mut seen) = (Publisher::new(3, false), viewer(1, u8::MAX), vec![]);
    send(&mut viewer, &publisher.picture(true), &mut seen);
    let picture = publisher.picture(false);
    // The end of the layer that is shown is missing, and the beginning of the one above it.
    let on_time: Vec<Offered> = [0, 1, 2, 5].map(|index: usize| picture[index]).to_vec();
    assert_eq!(send(&mut viewer, &on_time, &mut seen), (vec![0, 1], None));
    let late = viewer.take(&picture[3]).expect("its number was kept free");
    assert_eq!((late.sequence, late.marker, late.empty), (seen.last().unwrap() + 1, true, false));
    let late = viewer.take(&picture[4]).expect("its number too");
    assert_eq!((late.sequence, late.marker, late.empty), (seen.last().unwrap() + 2, false, true));
    // A picture of which nothing was on time.
    let lost = publisher.picture(false);
    send(&mut viewer, &publisher.picture(false), &mut seen);
    let empty: Vec<bool> = lost.iter().map(|packet| viewer.take(packet).unwrap().empty).collect();
    assert_eq!(empty, [false, false, false, false, true, true]);
}

#[test]
fn the_descriptor_is_told_what_is_left_once_and_with_each_keyframe() {
    let (mut publisher, mut viewer) = (Publisher::new(3, false), viewer(2, u8::MAX));
    let mut told = |viewer: &mut Scalable, keyframe| -> Vec<(u8, u8)> {
        publisher.picture(keyframe).iter().filter_map(|packet| viewer.take(packet)?.active).collect()
    };
    assert_eq!(told(&mut viewer, true), [], "it gets all");
    aim(&mut viewer, 1, u8::MAX);
    assert_eq!(told(&mut viewer, false), [(1, u8::MAX)]);
    assert_eq!(told(&mut viewer, false), []);
    assert_eq!(told(&mut viewer, true), [(1, u8::MAX)]);
    aim(&mut viewer, 2, u8::MAX);
    assert_eq!(told(&mut viewer, false), [], "it gets no more yet");
    assert_eq!(told(&mut viewer, true), [(u8::MAX, u8::MAX)]);
}

#[test]
fn a_layer_that_begins_anew_without_a_keyframe_is_taken() {
    let (mut publisher, mut viewer, mut seen) = (Publisher::new(2, false), viewer(2, u8::MAX), vec![]);
    assert_eq!(send(&mut viewer, &publisher.picture(true), &mut seen), (vec![0, 1], Some(1)));
    send(&mut viewer, &publisher.picture(false), &mut seen);
    publisher.layers = 3;
    let mut picture = publisher.picture(false);
    picture.iter_mut().filter_map(|packet| packet.place.as_mut()).filter(|place| place.spatial == 2).for_each(
        |place| {
            place.opens_spatial = true;
            place.keyframe = true;
        },
    );
    assert_eq!(send(&mut viewer, &picture, &mut seen), (vec![0, 1, 2], Some(2)));
    assert_eq!(send(&mut viewer, &publisher.picture(false), &mut seen), (vec![0, 1, 2], Some(2)));
}
