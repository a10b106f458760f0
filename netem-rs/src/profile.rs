//! Named networks, each with where its numbers come from. Directions are the client's: `down` is what it receives.
//!
//! The sources give less than a link needs; what is added is the same everywhere:
//! * A rate comes with the queue of [`QueueLimit::typical`]: 300 ms, and at least four full packets.
//! * A delay given as d ± j is a uniform d-j to d+j with order kept; the sources' own tool (tc-netem) would reorder.
//! * Loss is iid, as it is in the sources.

use crate::config::{DelayVariation, LinkConfig, Loss, QueueLimit};
use std::sync::LazyLock;
use std::time::Duration;

/// A named network.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// The name, as in `nlc-3g`.
    pub name: &'static str,
    /// A short name that means this profile too, as in `3g`.
    pub alias: Option<&'static str>,
    /// From the client.
    pub up: LinkConfig,
    /// To the client.
    pub down: LinkConfig,
    /// Where the numbers come from.
    pub source: &'static str,
    /// One line for a list.
    pub summary: &'static str,
}

/// Every profile, in the order of the sources.
#[must_use]
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// The profile of that name or alias.
#[must_use]
pub fn profile(name: &str) -> Option<Profile> {
    PROFILES.iter().find(|profile| profile.name == name || profile.alias == Some(name)).cloned()
}

const ATC_3G: &str = "Augmented Traffic Control, utils/profiles/3G-Average.json; Apple Network Link Conditioner \"3G\"";
const ATC_3G_GOOD: &str = "Augmented Traffic Control, utils/profiles/3G-Good.json";
const ATC_EDGE: &str =
    "Augmented Traffic Control, utils/profiles/Edge-Average.json; Apple Network Link Conditioner \"Edge\"";
const ATC_EDGE_GOOD: &str = "Augmented Traffic Control, utils/profiles/Edge-Good.json";
const ATC_EDGE_LOSSY: &str = "Augmented Traffic Control, utils/profiles/Edge-Lossy.json";
const ATC_DSL: &str = "Augmented Traffic Control, utils/profiles/DSL.json; Apple Network Link Conditioner \"DSL\"";
const ATC_CABLE: &str = "Augmented Traffic Control, utils/profiles/Cable.json";
const ATC_2G_URBAN: &str = "Augmented Traffic Control, utils/profiles/2G-DevelopingUrban.json";
const ATC_2G_RURAL: &str = "Augmented Traffic Control, utils/profiles/2G-DevelopingRural.json";
const NLC_LTE: &str = "Apple Network Link Conditioner \"LTE\", as useprobe.app/docs/throttling repeats it (2026)";
const NLC_WIFI: &str =
    "Apple Network Link Conditioner \"Wi-Fi\", as public scripts of its presets (mac_netctl) repeat it";
const NLC_WIFI_AC: &str =
    "Apple Network Link Conditioner \"Wi-Fi 802.11ac\", as public scripts of its presets (mac_netctl) repeat it";
const NLC_VERY_BAD: &str =
    "Apple Network Link Conditioner \"Very Bad Network\", as useprobe.app/docs/throttling repeats it (2026)";
const NLC_100_LOSS: &str =
    "Apple Network Link Conditioner \"100% Loss\", as useprobe.app/docs/throttling repeats it (2026)";
const NLC_HIGH_DNS: &str =
    "Apple Network Link Conditioner \"High Latency DNS\", as useprobe.app/docs/throttling repeats it (2026)";
const LOADERO: &str = "Loadero wiki, network conditions";
const PATCHBAY: &str = "n0-computer/patchbay, lab.rs link conditions (2026-03)";
const BROWSERSTACK: &str = "BrowserStack App Automate, simulate network conditions";
const RMCAT: &str = "RFC 8867 section 5 (1 Mbit/s, 50 ms, drop-tail 300 ms, at most 30 ms of variation); \
    sd 15 ms as in WebRTC's bwe_test.h";

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(all);

#[rustfmt::skip]
fn all() -> Vec<Profile> {
    vec![
        pair("nlc-3g", Some("3g"), kbps(780, 100, 0), kbps(330, 100, 0), ATC_3G, "3G: 780/330 kbit/s, 100 ms"),
        pair("atc-3g-good", None, kbps(850, 90, 0), kbps(420, 100, 0), ATC_3G_GOOD, "good 3G: 850/420 kbit/s, 90/100 ms"),
        pair("nlc-edge", Some("edge"), kbps(240, 400, 0), kbps(200, 440, 0), ATC_EDGE, "EDGE: 240/200 kbit/s, 400/440 ms"),
        pair("atc-edge-good", None, kbps(250, 350, 0), kbps(200, 370, 0), ATC_EDGE_GOOD, "good EDGE: 250/200 kbit/s, 350/370 ms"),
        pair("atc-edge-lossy", None, kbps(240, 400, 10), kbps(200, 440, 10), ATC_EDGE_LOSSY, "EDGE with 1 % loss: 240/200 kbit/s, 400/440 ms"),
        pair("nlc-dsl", Some("dsl"), kbps(2_000, 5, 0), kbps(256, 5, 0), ATC_DSL, "DSL: 2000/256 kbit/s, 5 ms"),
        pair("nlc-lte", Some("lte"), kbps(50_000, 50, 0), kbps(10_000, 65, 0), NLC_LTE, "LTE: 50/10 Mbit/s, 50/65 ms"),
        pair("nlc-wifi", Some("wifi"), kbps(40_000, 1, 0), kbps(33_000, 1, 0), NLC_WIFI, "Wi-Fi: 40/33 Mbit/s, 1 ms"),
        pair("nlc-wifi-ac", None, kbps(250_000, 1, 0), kbps(100_000, 1, 0), NLC_WIFI_AC, "802.11ac: 250/100 Mbit/s, 1 ms"),
        both("nlc-very-bad", kbps(1_000, 500, 100), NLC_VERY_BAD, "very bad: 1 Mbit/s, 500 ms, 10 % loss"),
        both("nlc-100-loss", lossy(LinkConfig::TRANSPARENT, 1_000), NLC_100_LOSS, "nothing comes through"),
        both("nlc-high-dns", LinkConfig::TRANSPARENT, NLC_HIGH_DNS, "names resolve 3 s later; the path itself is transparent"),
        pair("atc-cable", Some("cable"), kbps(6_000, 2, 0), kbps(1_000, 2, 0), ATC_CABLE, "cable: 6/1 Mbit/s, 2 ms"),
        pair("atc-2g-urban", Some("2g"), kbps(35, 650, 0), kbps(32, 650, 0), ATC_2G_URBAN, "2G in a town: 35/32 kbit/s, 650 ms"),
        pair("atc-2g-rural", None, kbps(20, 650, 20), kbps(18, 650, 20), ATC_2G_RURAL, "2G in the country: 20/18 kbit/s, 650 ms, 2 % loss"),
        pair("loadero-4g", Some("4g"), varied(kbps(100_000, 0, 2), 45, 5), varied(kbps(50_000, 0, 2), 45, 15), LOADERO, "4G: 100/50 Mbit/s, 45 ± 5/15 ms, 0.2 % loss"),
        pair("loadero-hsdpa", None, varied(kbps(20_000, 0, 5), 150, 10), varied(kbps(10_000, 0, 5), 150, 10), LOADERO, "HSDPA: 20/10 Mbit/s, 150 ± 10 ms, 0.5 % loss"),
        both("loadero-3g", varied(kbps(1_200, 0, 5), 250, 50), LOADERO, "3G: 1.2 Mbit/s, 250 ± 50 ms, 0.5 % loss"),
        pair("loadero-edge", None, varied(kbps(200, 0, 10), 650, 100), varied(kbps(260, 0, 10), 650, 100), LOADERO, "EDGE: 200/260 kbit/s, 650 ± 100 ms, 1 % loss"),
        pair("loadero-gprs", None, varied(kbps(80, 0, 10), 650, 100), varied(kbps(20, 0, 10), 650, 100), LOADERO, "GPRS: 80/20 kbit/s, 650 ± 100 ms, 1 % loss"),
        pair("loadero-asym", None, varied(kbps(500, 0, 0), 50, 10), varied(kbps(1_000, 0, 0), 50, 10), LOADERO, "more up than down: 500/1000 kbit/s, 50 ± 10 ms"),
        pair("loadero-sat", Some("satellite"), kbps(1_000, 600, 0), kbps(256, 600, 0), LOADERO, "satellite: 1000/256 kbit/s, 600 ms"),
        both("loadero-loss-5", lossy(LinkConfig::TRANSPARENT, 50), LOADERO, "5 % loss and nothing else"),
        both("loadero-loss-10", lossy(LinkConfig::TRANSPARENT, 100), LOADERO, "10 % loss and nothing else"),
        both("loadero-loss-20", lossy(LinkConfig::TRANSPARENT, 200), LOADERO, "20 % loss and nothing else"),
        both("loadero-loss-50", lossy(LinkConfig::TRANSPARENT, 500), LOADERO, "50 % loss and nothing else"),
        both("loadero-loss-100", lossy(LinkConfig::TRANSPARENT, 1_000), LOADERO, "nothing comes through"),
        both("loadero-latency", varied(LinkConfig::TRANSPARENT, 500, 50), LOADERO, "high delay: 500 ± 50 ms"),
        both("loadero-jitter", varied(LinkConfig::TRANSPARENT, 200, 100), LOADERO, "high delay variation: 200 ± 100 ms"),
        both("patchbay-wifi", lossy(varied(LinkConfig::TRANSPARENT, 5, 2), 1), PATCHBAY, "good Wi-Fi: 5 ± 2 ms, 0.1 % loss"),
        both("patchbay-wifi-bad", varied(kbps(20_000, 0, 20), 40, 15), PATCHBAY, "bad Wi-Fi: 20 Mbit/s, 40 ± 15 ms, 2 % loss"),
        both("patchbay-4g", lossy(varied(LinkConfig::TRANSPARENT, 25, 8), 5), PATCHBAY, "4G: 25 ± 8 ms, 0.5 % loss"),
        both("patchbay-3g", varied(kbps(2_000, 0, 20), 100, 30), PATCHBAY, "3G: 2 Mbit/s, 100 ± 30 ms, 2 % loss"),
        both("patchbay-leo", lossy(varied(LinkConfig::TRANSPARENT, 40, 7), 10), PATCHBAY, "low satellites: 40 ± 7 ms, 1 % loss"),
        both("patchbay-geo", varied(kbps(25_000, 0, 5), 300, 20), PATCHBAY, "high satellites: 25 Mbit/s, 300 ± 20 ms, 0.5 % loss"),
        pair("browserstack-2g-good", None, kbps(50, 500, 10), kbps(30, 500, 10), BROWSERSTACK, "good 2G: 50/30 kbit/s, 500 ms, 1 % loss"),
        pair("browserstack-2g-lossy", None, kbps(30, 650, 20), kbps(20, 650, 20), BROWSERSTACK, "lossy 2G: 30/20 kbit/s, 650 ms, 2 % loss"),
        pair("browserstack-edge-good", None, kbps(250, 300, 0), kbps(150, 300, 0), BROWSERSTACK, "good EDGE: 250/150 kbit/s, 300 ms"),
        pair("browserstack-edge-lossy", None, kbps(150, 500, 10), kbps(100, 500, 10), BROWSERSTACK, "lossy EDGE: 150/100 kbit/s, 500 ms, 1 % loss"),
        pair("browserstack-3g-good", None, kbps(400, 100, 0), kbps(100, 100, 0), BROWSERSTACK, "good 3G: 400/100 kbit/s, 100 ms"),
        pair("browserstack-3g-lossy", None, kbps(200, 200, 10), kbps(50, 200, 10), BROWSERSTACK, "lossy 3G: 200/50 kbit/s, 200 ms, 1 % loss"),
        pair("browserstack-3.5g-good", None, kbps(1_800, 100, 0), kbps(400, 100, 0), BROWSERSTACK, "good 3.5G: 1800/400 kbit/s, 100 ms"),
        pair("browserstack-3.5g-lossy", None, kbps(900, 190, 10), kbps(200, 190, 10), BROWSERSTACK, "lossy 3.5G: 900/200 kbit/s, 190 ms, 1 % loss"),
        both("rmcat-ref", rmcat(), RMCAT, "the reference path of congestion control: 1 Mbit/s, 50 ms"),
    ]
}

fn rmcat() -> LinkConfig {
    let (sd, max) = (Duration::from_millis(15), Duration::from_millis(30));
    LinkConfig { delay_variation: Some(DelayVariation::Gaussian { sd, max, reordering: false }), ..kbps(1_000, 50, 0) }
}

/// `down` stands before `up`, as in the sources.
fn pair(
    name: &'static str,
    alias: Option<&'static str>,
    down: LinkConfig,
    up: LinkConfig,
    source: &'static str,
    summary: &'static str,
) -> Profile {
    Profile { name, alias, up, down, source, summary }
}

fn both(name: &'static str, path: LinkConfig, source: &'static str, summary: &'static str) -> Profile {
    Profile { name, alias: None, up: path.clone(), down: path, source, summary }
}

/// A path of so many kbit/s, ms of delay and thousandths of loss.
fn kbps(rate: u64, delay: u64, loss: u32) -> LinkConfig {
    let path = LinkConfig {
        rate: Some(rate * 1_000),
        queue: QueueLimit::typical(rate * 1_000),
        delay: Duration::from_millis(delay),
        ..LinkConfig::TRANSPARENT
    };
    lossy(path, loss)
}

/// The same with a loss of so many thousandths.
fn lossy(path: LinkConfig, loss: u32) -> LinkConfig {
    if loss == 0 {
        return path;
    }
    LinkConfig { loss: Loss::Iid { p: loss as f64 / 1_000.0 }, ..path }
}

/// The same with a delay of `delay` ± `by` ms.
fn varied(path: LinkConfig, delay: u64, by: u64) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(delay - by),
        delay_variation: Some(DelayVariation::Uniform { max: Duration::from_millis(2 * by), reordering: false }),
        ..path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_profile_is_valid_and_named_once() {
        let mut names = BTreeSet::new();
        for profile in profiles() {
            assert_eq!(profile.up.validate(), Ok(()), "{} up", profile.name);
            assert_eq!(profile.down.validate(), Ok(()), "{} down", profile.name);
            for name in [Some(profile.name), profile.alias].into_iter().flatten() {
                assert!(names.insert(name), "{name} twice");
                assert_eq!(super::profile(name).as_ref(), Some(profile));
            }
            assert!(!profile.source.is_empty() && !profile.summary.is_empty());
        }
        assert_eq!(names.len(), 44 + 9, "44 profiles, 9 with an alias");
        assert_eq!(profile("nlc-4g"), None);
    }

    #[test]
    fn directions_are_the_clients() {
        let profile = profile("nlc-3g").unwrap();
        assert_eq!((profile.down.rate, profile.up.rate), (Some(780_000), Some(330_000)));
        assert_eq!(profile.down.queue, QueueLimit::Time(Duration::from_millis(300)));
    }

    #[test]
    fn a_slow_path_still_holds_four_packets() {
        for profile in profiles() {
            for path in [&profile.up, &profile.down] {
                if let (Some(rate), QueueLimit::Time(time)) = (path.rate, path.queue) {
                    let bytes = time.as_secs_f64() * rate as f64 / 8.0;
                    assert!(bytes >= 6_000.0, "{}: {bytes} bytes", profile.name);
                }
            }
        }
    }

    #[test]
    fn a_delay_with_a_spread_is_centred_on_the_source() {
        let down = profile("loadero-hsdpa").unwrap().down;
        assert_eq!(down.delay, Duration::from_millis(140));
        let expected = DelayVariation::Uniform { max: Duration::from_millis(20), reordering: false };
        assert_eq!(down.delay_variation, Some(expected));
        assert_eq!(down.loss, Loss::Iid { p: 0.005 });
    }
}
