//! What a leg publishes: encoders as the SFU accepted them, one a simulcast layer, and the rates that they are told.

use super::leg::Leg;
use super::turn::Turn;
use crate::clock::Instant;
use crate::conference::{SendLayer, SendParameters};
use crate::media::source::Sending;
use crate::media::{Encoder, Identity, LayerPlan, MediaPlan};
use crate::metrics::catalog::Metric;
use crate::participant::{Publication, Simulcast};
use crate::rtp::rtcp;
use crate::seed::Seed;
use crate::units::Bitrate;

impl Leg {
    /// The keys are there: what the SFU accepted begins. `tag` is what SRTP adds to a packet, in bytes.
    pub(super) fn start_publishing(&mut self, turn: &mut Turn<'_>, tag: usize) {
        let shared = turn.shared;
        let me = shared.participant(turn.me);
        for parameters in std::mem::take(&mut self.accepted) {
            let Some(media) = shared.media_named(&parameters.media) else { continue };
            let plan = &shared.plan.media[usize::from(media)];
            let identity = Identity { publisher: turn.me, room: me.room, media };
            let seed = me.seed.indexed("publish", u64::from(media));
            let layers = accepted_layers(plan, &parameters);
            let refused = plan.layers().len().saturating_sub(layers.len());
            if plan.layers().is_empty() {
                let encoder = Encoder::seated(plan, identity, me.seat.as_ref(), &seed, turn.now);
                self.start_one((media, plan.sending), parameters, encoder, &seed, tag, turn.now);
                continue;
            }
            if layers.is_empty() {
                // A server without simulcast gets the largest picture, as one from a browser does.
                let top = plan.layers().len() - 1;
                turn.count(Metric::VideoLayersRefused, Some(media), turn.now, top as u64);
                let encoder = Encoder::of_layer(plan, top as u8, identity, &seed, turn.now);
                let seed = seed.indexed("layer", top as u64);
                self.start_one((media, plan.sending), parameters, encoder, &seed, tag, turn.now);
                continue;
            }
            if refused > 0 {
                turn.count(Metric::VideoLayersRefused, Some(media), turn.now, refused as u64);
            }
            self.publish_layers(turn, (media, plan), (&parameters, &layers), (identity, &seed), tag);
        }
        self.start_congestion(turn);
    }

    fn publish_layers(
        &mut self,
        turn: &Turn<'_>,
        (media, plan): (u16, &MediaPlan),
        (parameters, layers): (&SendParameters, &[(u8, SendLayer)]),
        (identity, seed): (Identity, &Seed),
        tag: usize,
    ) {
        // What was published before under this name has ended.
        self.simulcasts.retain(|one| one.media() != media);
        let first = self.publications.len();
        for (layer, accepted) in layers {
            let encoder = Encoder::of_layer(plan, *layer, identity, seed, turn.now);
            let own = SendParameters {
                ssrc: accepted.ssrc,
                rtx_ssrc: accepted.rtx_ssrc,
                layers: Vec::new(),
                ..parameters.clone()
            };
            let seed = seed.indexed("layer", u64::from(*layer));
            self.start_one((media, plan.sending), own, encoder, &seed, tag, turn.now);
            let publication = self.publications.pop().expect("just published");
            self.publications.push(publication.as_layer(&accepted.rid));
        }
        let plans: Vec<LayerPlan> =
            layers.iter().map(|(layer, _)| plan.layers()[usize::from(*layer)].clone()).collect();
        self.simulcasts.push(Simulcast::new(media, first..self.publications.len(), &plans, plan.keeps_step()));
    }

    fn start_one(
        &mut self,
        (media, sending): (u16, Sending),
        parameters: SendParameters,
        encoder: Encoder,
        seed: &Seed,
        tag: usize,
        now: Instant,
    ) {
        let index = self.publications.len() as u16;
        self.by_ssrc.insert(parameters.ssrc, index);
        if index == 0 || self.publications.iter().all(Publication::is_stopped) {
            // What one publishes and what one receives is reported under one SSRC, as browsers do.
            self.received.sender = parameters.ssrc;
        }
        let mut publication = Publication::new(index, parameters, encoder, seed, tag, now).sent_as(sending);
        publication.set_muted(now, self.muted.contains(&media));
        self.publications.push(publication);
    }

    /// The SFU says which layers of a media somebody takes.
    pub(super) fn handle_wanted(&mut self, turn: &Turn<'_>, media: &str, rids: &[String]) {
        let media = turn.shared.media_named(media);
        if let Some(simulcast) = self.simulcasts.iter_mut().find(|one| Some(one.media()) == media) {
            simulcast.set_wanted(turn.now, rids, &mut self.publications);
        }
    }

    /// A limit for several streams is shared by their own targets' proportion; for one it is that stream's. Layers of one
    /// media share what falls to them as an encoder does.
    pub(super) fn handle_remb(&mut self, now: Instant, remb: &rtcp::Remb<'_>) {
        let named: Vec<usize> =
            remb.ssrcs.clone().filter_map(|ssrc| self.by_ssrc.get(&ssrc).map(|index| usize::from(*index))).collect();
        let total: u64 = named.iter().map(|&index| self.publications[index].nominal().bps()).sum();
        let share = |of: u64| Bitrate((u128::from(remb.rate) * u128::from(of) / u128::from(total.max(1))) as u64);
        if let Some(congestion) = &mut self.congestion {
            for &index in &named {
                congestion.set_limit(index as u16, share(self.publications[index].nominal().bps()));
            }
        }
        // Who follows a congestion controller is told by it.
        let controlled = self.congestion.is_some();
        let follows = |one: &Publication| controlled && one.bounds().is_some();
        for simulcast in &mut self.simulcasts {
            if self.publications.iter().enumerate().any(|(index, one)| simulcast.carries(index) && follows(one)) {
                continue;
            }
            let layers = named.iter().filter(|index| simulcast.carries(**index));
            let own: u64 = layers.map(|&index| self.publications[index].nominal().bps()).sum();
            if own > 0 {
                simulcast.set_target(now, share(own), &mut self.publications);
            }
        }
        for index in named {
            let alone = !self.simulcasts.iter().any(|simulcast| simulcast.carries(index));
            if alone && !follows(&self.publications[index]) {
                let publication = &mut self.publications[index];
                publication.set_remb(now, share(publication.nominal().bps()));
            }
        }
        self.set_targets(now);
    }
}

/// The layers of the plan that the SFU accepted, with their index in it, the lowest first.
fn accepted_layers(plan: &MediaPlan, accepted: &SendParameters) -> Vec<(u8, SendLayer)> {
    let of = |rid: &str| accepted.layers.iter().find(|layer| layer.rid == rid).cloned();
    plan.layers().iter().enumerate().filter_map(|(index, layer)| Some((index as u8, of(&layer.rid)?))).collect()
}
