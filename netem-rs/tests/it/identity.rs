//! Losses that are a property of the packet: the same ones on every link of the same seed, by the same laws.

use crate::chains;
use crate::statistics::{assert_law, seeds};
use netem_rs::{Identity, Instant, Link, LinkConfig, Loss, Packet, Seed};
use std::collections::BTreeSet;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Numbered(u64, u64);

impl Packet for Numbered {
    fn wire_size(&self) -> usize {
        100
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity { stream: self.0, number: self.1 })
    }
}

const MODELS: [Loss; 4] = [
    Loss::Iid { p: 0.1 },
    Loss::Gilbert { mean: 0.1, burst: 5.0 },
    Loss::GilbertElliott { p: 0.02, r: 0.2, h: 0.8, k: 0.01 },
    Loss::FourState { p13: 0.02, p31: 0.2, p32: 0.3, p23: 0.4, p14: 0.01 },
];

/// What is lost of these packets, offered in this order.
fn lost(loss: &Loss, seed: Seed, packets: impl Iterator<Item = Numbered>) -> BTreeSet<Numbered> {
    let mut link = Link::new(LinkConfig { loss: loss.clone(), ..LinkConfig::default() }, seed);
    let mut lost = BTreeSet::new();
    for packet in packets {
        link.handle_packet(Instant::ZERO, packet);
        if link.poll_output().is_none() {
            lost.insert(packet);
        }
    }
    lost
}

#[test]
fn two_receivers_lose_the_same_packets() {
    for loss in MODELS {
        let seed = Seed::new(8);
        let all = lost(&loss, seed, (0..10_000).map(|number| Numbered(1, number)));
        // The second came later, receives another stream as well, and gets this one out of order.
        let late = (3_000..10_000_u64).rev().flat_map(|number| [Numbered(2, number), Numbered(1, number)]);
        let late = lost(&loss, seed, late);
        let of_the_first: BTreeSet<_> = late.iter().copied().filter(|packet| packet.0 == 1).collect();
        let since_then: BTreeSet<_> = all.iter().copied().filter(|packet| packet.1 >= 3_000).collect();
        assert_eq!(of_the_first, since_then, "{loss:?}");

        let of_the_second: BTreeSet<_> = late.iter().filter(|packet| packet.0 == 2).map(|packet| packet.1).collect();
        assert_ne!(of_the_second, since_then.iter().map(|packet| packet.1).collect(), "streams have their own luck");
        assert_ne!(all, lost(&loss, Seed::new(9), (0..10_000).map(|number| Numbered(1, number))));
    }
}

#[test]
fn the_laws_are_those_of_losses_drawn_in_order() {
    let n = 20_000_u64;
    for loss in MODELS {
        // As in the laws of losses drawn in order: Var = [L(1-L) + 2(h-k)²·π_B·π_G·λ/(1-λ)] / n.
        if let Loss::FourState { p13, p31, p32, p23, p14 } = loss {
            let error = chains::ratio_error(&chains::four([p13, p31, p32, p23, p14]), &chains::LOST, n);
            let runs = seeds().map(|seed| lost(&loss, seed, (0..n).map(|number| Numbered(7, number))).len() as f64);
            assert_law("four states", &runs.map(|lost| lost / n as f64).collect::<Vec<_>>(), loss.ratio(), error);
            continue;
        }
        let (p, r, h, k) = match loss {
            Loss::Gilbert { mean, burst } => (mean / ((1.0 - mean) * burst), 1.0 / burst, 1.0, 0.0),
            Loss::GilbertElliott { p, r, h, k } => (p, r, h, k),
            _ => (0.5, 0.5, 0.1, 0.1),
        };
        let (bad, eigenvalue) = (p / (p + r), 1.0 - p - r);
        let ratio = loss.ratio();
        let covariance = 2.0 * (h - k).powi(2) * bad * (1.0 - bad) * eigenvalue / (1.0 - eigenvalue);
        let error = ((ratio * (1.0 - ratio) + covariance) / n as f64).sqrt();
        let runs: Vec<_> = seeds().map(|seed| lost(&loss, seed, (0..n).map(|number| Numbered(7, number)))).collect();
        let ratios: Vec<f64> = runs.iter().map(|lost| lost.len() as f64 / n as f64).collect();
        assert_law(&format!("{loss:?}"), &ratios, ratio, error);

        if let Loss::Gilbert { burst, .. } = loss {
            let bursts = |lost: &BTreeSet<Numbered>| {
                let begins = lost.iter().filter(|packet| !lost.contains(&Numbered(7, packet.1.wrapping_sub(1))));
                lost.len() as f64 / begins.count() as f64
            };
            let lengths: Vec<f64> = runs.iter().map(bursts).collect();
            let error = (burst * (burst - 1.0) / (n as f64 * ratio / burst)).sqrt();
            assert_law("bursts", &lengths, burst, error);
        }
    }
}
