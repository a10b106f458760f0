//! `--egress`: a seeded link of a named network on every subscriber's downlink.
//!
//! All these links have one seed, and a packet's loss is keyed by its track and the publisher's sequence number, so that
//! two receivers of one track lose the same packets. Retransmissions are keyed by their own stream, RTCP and STUN are
//! drawn in order. A participant that receives nothing is not behind such a link.

use crate::clock::Instant;
use crate::conference::TrackName;
use crate::rtp::bytes::flip_bit;
use crate::scenario::{Scenario, Settings, beside};
use crate::seed::Seed;
use crate::sfu::leg::Sent;
use crate::sfu::room::StreamId;
use netem::{Identity, Link, LinkConfig, Packet};
use std::net::SocketAddr;
use str0m::net::DatagramSend;

/// The network on every subscriber's downlink.
#[derive(Clone, Debug)]
pub struct Egress {
    down: LinkConfig,
    seed: Seed,
}

impl Egress {
    /// A built-in profile's downlink.
    ///
    /// # Errors
    /// When there is no such profile; a sentence with those that there are.
    pub fn named(name: &str, seed: u64) -> Result<Self, String> {
        let profile = netem::profile(name).ok_or_else(|| {
            let names: Vec<_> = netem::profiles().iter().map(|profile| profile.name).collect();
            format!("there is no built-in network \"{name}\"; there are {}", names.join(", "))
        })?;
        Ok(Self::new(profile.down, seed))
    }

    /// The downlink of a network in a scenario file. Its schedule would need the run's clock, which an SFU on its own does
    /// not have, so a network with one is refused.
    ///
    /// # Errors
    /// When the file cannot be read, is no scenario, or has no such network; sentences with file and key.
    pub fn of_file(file: &str, name: &str, seed: u64) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read `{file}`: {error}"))?;
        // Credentials of the file's target do not matter to its networks.
        let files = beside(file);
        let settings = Settings { set: &[], seed: None, environment: &|_| Some(String::new()), files: &files };
        let scenario = Scenario::parse(file, &text, &settings)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let network = scenario.networks.iter().find(|network| network.name == name).ok_or_else(|| {
            let names: Vec<_> = scenario.networks.iter().map(|network| network.name.as_str()).collect();
            format!("{file}: there is no [network.{name}]; there are {}", names.join(", "))
        })?;
        if !network.schedule.is_empty() {
            return Err(format!(
                "{file}: network.{name}.schedule: an SFU on its own has no clock of a run to follow it by"
            ));
        }
        Ok(Self::new(network.base.down.config.clone(), seed))
    }

    /// These conditions, which are valid.
    pub(super) fn new(down: LinkConfig, seed: u64) -> Self {
        Self { down, seed: Seed::new(seed).child("egress") }
    }

    pub(super) fn downlink(&self) -> Downlink {
        Downlink { link: Link::new(self.down.clone(), self.seed), followed: Vec::new() }
    }

    /// The name of a track among the packets of all links, the same in every run.
    pub(super) fn track_key(&self, room: &str, track: &TrackName) -> u64 {
        self.seed.child("room").child(room).child(&track.participant).child(&track.media).bits()
    }
}

/// One datagram on its way.
#[derive(Clone, Debug)]
struct Crossing {
    to: SocketAddr,
    bytes: Vec<u8>,
    identity: Option<Identity>,
    /// A bit of it was flipped, and it is neither SRTP nor SRTCP: the UDP checksum would have found it.
    dropped: bool,
}

impl Packet for Crossing {
    fn wire_size(&self) -> usize {
        self.bytes.len()
    }

    fn identity(&self) -> Option<Identity> {
        self.identity
    }

    fn ecn_capable(&self) -> bool {
        self.identity.is_some()
    }

    fn corrupt(&mut self, bits: u64) {
        self.dropped = self.bytes.first().is_none_or(|first| *first < 128);
        flip_bit(&mut self.bytes, bits);
    }
}

/// How a stream's own sequence numbers lead to the publisher's.
#[derive(Clone, Copy, Debug)]
struct Followed {
    track: u64,
    own: u64,
    publishers: u64,
}

/// One subscriber's downlink.
#[derive(Debug)]
pub(super) struct Downlink {
    link: Link<Crossing>,
    followed: Vec<Option<Followed>>,
}

impl Downlink {
    /// From now on `stream` carries the track of that key.
    pub fn follow(&mut self, stream: StreamId, track: u64) {
        if self.followed.len() <= stream.index() {
            self.followed.resize(stream.index() + 1, None);
        }
        self.followed[stream.index()] = Some(Followed { track, own: 0, publishers: 0 });
    }

    /// A packet was written to `stream` under its `own` sequence number.
    pub fn note(&mut self, stream: StreamId, own: u64, publishers: u64) {
        if let Some(Some(followed)) = self.followed.get_mut(stream.index()) {
            (followed.own, followed.publishers) = (own, publishers);
        }
    }

    /// Offers a datagram, and hands out what has arrived.
    pub fn offer(
        &mut self,
        now: Instant,
        (to, datagram): (SocketAddr, DatagramSend),
        sent: Sent,
        arrived: &mut Vec<(SocketAddr, DatagramSend)>,
    ) {
        if self.link.pass(0, datagram.len()) {
            return arrived.push((to, datagram));
        }
        let identity = self.identity(sent);
        self.link.handle_packet(now, Crossing { to, bytes: datagram.into(), identity, dropped: false });
        self.take(arrived);
    }

    /// Lets time pass, and hands out what has arrived.
    pub fn handle_timeout(&mut self, now: Instant, arrived: &mut Vec<(SocketAddr, DatagramSend)>) {
        self.link.handle_timeout(now);
        self.take(arrived);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.link.poll_timeout()
    }

    fn take(&mut self, arrived: &mut Vec<(SocketAddr, DatagramSend)>) {
        while let Some(delivery) = self.link.poll_output() {
            if delivery.item.dropped {
                continue;
            }
            arrived.push((delivery.item.to, delivery.item.bytes.into()));
        }
    }

    fn identity(&self, sent: Sent) -> Option<Identity> {
        match sent {
            Sent::Control => None,
            Sent::Media { stream, sequence } => {
                let followed = (*self.followed.get(stream.index())?)?;
                // The packet is one of the last that were written: the distance fits 16 bits.
                let behind = u64::from((followed.own as u16).wrapping_sub(sequence));
                Some(Identity { stream: followed.track, number: followed.publishers.wrapping_sub(behind) })
            }
            Sent::Retransmission { ssrc, sequence } | Sent::Padding { ssrc, sequence } => {
                Some(Identity { stream: ssrc.into(), number: sequence.into() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netem::Loss;
    use std::collections::BTreeSet;

    const STREAM: StreamId = StreamId(3);

    #[test]
    fn a_network_of_a_file_is_taken_by_name() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/quickstart.toml");
        let egress = Egress::of_file(file, "bad-mobile", 1).expect("it is there");
        assert_eq!(egress.down.rate, Some(2_500_000));
        assert!(Egress::of_file(file, "moon", 1).unwrap_err().contains("there are home, bad-mobile"));
        assert!(Egress::of_file("/nowhere.toml", "home", 1).unwrap_err().contains("cannot read `/nowhere.toml`"));
    }

    /// The publisher's numbers that arrive at a subscriber whose own numbers begin with `first`, and which sees
    /// `others` control datagrams between any two packets.
    fn arrived(egress: &Egress, track: &str, first: u64, others: usize) -> BTreeSet<u64> {
        let mut downlink = egress.downlink();
        let name = TrackName { participant: "ann".into(), media: track.into() };
        downlink.follow(STREAM, egress.track_key("red", &name));
        let to = "127.0.0.1:9".parse().expect("address");
        let mut out = vec![];
        for number in 65_000u64..67_000 {
            let own = first + number - 65_000;
            downlink.note(STREAM, own, number);
            let datagram = number.to_be_bytes().to_vec().into();
            downlink.offer(
                Instant::ZERO,
                (to, datagram),
                Sent::Media { stream: STREAM, sequence: own as u16 },
                &mut out,
            );
            for _ in 0..others {
                downlink.offer(Instant::ZERO, (to, vec![0; 4].into()), Sent::Control, &mut out);
            }
        }
        let media = out.iter().filter_map(|(_, datagram)| Some(u64::from_be_bytes((**datagram).try_into().ok()?)));
        media.collect()
    }

    #[test]
    fn two_receivers_of_a_track_lose_the_same_packets() {
        let config = LinkConfig { loss: Loss::Iid { p: 0.1 }, ..LinkConfig::default() };
        let egress = Egress::new(config.clone(), 7);
        let one = arrived(&egress, "camera", 0, 0);
        assert!((1_700..1_900).contains(&one.len()), "{}", one.len());
        assert_eq!(one, arrived(&egress, "camera", 30_000, 3));
        assert_ne!(one, arrived(&egress, "screen", 0, 0), "another track");
        assert_ne!(one, arrived(&Egress::new(config, 8), "camera", 0, 0), "another seed");
    }

    #[test]
    fn without_loss_everything_arrives_at_once() {
        let egress = Egress::new(LinkConfig::default(), 7);
        assert_eq!(arrived(&egress, "camera", 5, 1).len(), 2_000);
    }

    #[test]
    fn an_unknown_network_is_refused_with_those_that_there_are() {
        assert!(Egress::named("3g", 1).is_ok());
        let sentence = Egress::named("6g", 1).expect_err("unknown");
        assert!(sentence.contains("6g") && sentence.contains("nlc-3g"), "{sentence}");
    }
}
