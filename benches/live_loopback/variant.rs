//! The product beside itself with something more on: congestion control, simulcast layers.
//!
//! Both send or receive as many packets of the same sizes, so that their ratio is what the variant costs. In three layers a
//! frame has its four packets as 1 + 1 + 2; whoever receives gets the largest layer, which then has all four.

use super::measure::{Figures, Span};
use super::median;
use super::product::run as product;
use std::time::Duration;

/// How long a controller may take until it allows everything.
const SETTLE: Duration = Duration::from_secs(4);

/// What differs from the plain product.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Variant {
    /// Publishers follow a congestion controller (`cc = "gcc"`), and are told what it needs.
    pub gcc: bool,
    /// Pictures are published in three simulcast layers.
    pub layers: bool,
}

impl Variant {
    /// Takes `--cc gcc` and `--layers 3` out of the arguments.
    ///
    /// # Errors
    /// A sentence for whoever wrote something else.
    pub fn take(arguments: &mut Vec<String>) -> Result<Self, String> {
        let mut take = |name: &str, only: &str| {
            let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(false) };
            match arguments.get(at + 1) {
                Some(value) if value == only => {
                    arguments.drain(at..at + 2);
                    Ok(true)
                }
                other => Err(format!("{name} takes {only}, not {}", other.map_or("nothing", String::as_str))),
            }
        };
        Ok(Self { gcc: take("--cc", "gcc")?, layers: take("--layers", "3")? })
    }

    /// Its name in what is printed.
    const fn name(self) -> &'static str {
        match (self.gcc, self.layers) {
            (false, false) => "plain",
            (true, false) => "gcc",
            (false, true) => "layers",
            (true, true) => "both",
        }
    }

    /// Whether it differs from the plain product in this direction: receivers have no controller.
    const fn is_any(self, sending: bool) -> bool {
        self.layers || self.gcc && sending
    }

    /// The lines of a camera that makes `bitrate` in packets of equal size, four a frame.
    pub fn camera(self, sending: bool) -> String {
        let cc = if self.gcc { "gcc" } else { "fixed" };
        let (rate, layers) = match (self.layers, sending) {
            (false, _) => ("bitrate = \"978.56kbps\"", String::new()),
            (true, true) => ("", layers("489.28kbps")),
            (true, false) => ("", layers("978.56kbps")),
        };
        format!("{rate}\n{layers}\ncc = \"{cc}\"")
    }
}

/// Three layers of which the two lower ones have one packet a frame. The lowest is a little smaller, because layers ascend.
fn layers(top: &str) -> String {
    let rids = [("q", "240kbps"), ("h", "244.64kbps"), ("f", top)];
    let rids = rids.map(|(rid, bitrate)| format!("{{ rid = \"{rid}\", bitrate = \"{bitrate}\" }}"));
    format!("layers = {{ mode = \"simulcast\", rids = [{}] }}", rids.join(", "))
}

/// Runs the variant beside the plain product in turn, round by round, and prints each round, the medians, and the median
/// of the rounds' ratios variant : plain.
pub fn run(variant: Variant, sending: bool, participants: usize, span: Span, rounds: usize) {
    let contest = if sending { "send" } else { "receive" };
    if !variant.is_any(sending) {
        println!("{contest:<8} a receiver has no congestion controller: --cc gcc is for send");
        return;
    }
    // Both wait alike, so that both are measured as long after the joins.
    let settle = if variant.gcc { SETTLE } else { Duration::ZERO };
    let span = Span { warm: span.warm + settle, ..span };
    let sides = [Variant::default(), variant];
    let mut costs = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for round in 1..=rounds {
        for (side, costs) in sides.iter().zip(&mut costs) {
            let name = side.name();
            let Some(figures): Option<Figures> = product(participants, span, sending, *side) else {
                println!("{contest:<8} {name:<8} round {round}: one core does not carry {participants}");
                return;
            };
            println!("{contest:<8} {name:<8} round {round}: {figures}");
            costs.push(figures.micros_per_packet());
        }
    }
    let [plain, own] = costs;
    let ratios = plain.iter().zip(&own).map(|(plain, own)| own / plain).collect();
    let (plain, own, ratio) = (median(plain), median(own), median(ratios));
    println!(
        "{contest:<8} {:<8} median: {own:.2} µs/packet beside {plain:.2}, {ratio:.3} times as much",
        variant.name()
    );
}
