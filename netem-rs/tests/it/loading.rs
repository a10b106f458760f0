//! Profiles as text: everything can be said, and what is wrong is named with its line.

use netem_rs::{
    CoDel, DelayTable, DelayVariation, FqCoDel, LinkConfig, LoadedProfile, Loss, LossTrace, Mahimahi, Pie, QueueLimit,
    QueuePolicy, RatePlan, RatePoint, Red, Reorder, Serialiser, SlotGap, Slots,
};
use proptest::prelude::*;
use std::time::Duration;

fn files(name: &str) -> Result<String, String> {
    match name {
        "lte.trace" => Ok("1\n5\n".to_owned()),
        "train.loss" => Ok("..x\n".to_owned()),
        "wifi.dist" => Ok("-8192 0 8192\n".to_owned()),
        "broken.trace" => Ok("5\n4\n".to_owned()),
        other => Err(format!("no file {other}")),
    }
}

/// A profile of this upward direction alone.
fn up(lines: &str) -> Result<LinkConfig, String> {
    let text = format!("name = x\n[up]\n{lines}");
    LoadedProfile::parse(&text, files).map(|profile| profile.up).map_err(|error| error.to_string())
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn everything_can_be_said() {
    let rate_point = |at, rate, ramp| RatePoint { at: Duration::from_secs(at), rate, ramp };
    let path = || LinkConfig { delay: ms(40), ..LinkConfig::default() };
    let varied = |variation| LinkConfig { delay_variation: Some(variation), ..path() };
    let managed = |policy| LinkConfig { policy, queue: QueueLimit::Packets(100), ..path() };
    let lossy = |loss| LinkConfig { loss, ..path() };
    let limited = |rate, serialiser, queue| LinkConfig { rate, serialiser, queue, ..path() };
    let table = DelayTable::new([-8_192, 0, 8_192]);
    let (sd, reordering) = (ms(5), false);
    let plan = [rate_point(0, 1_000_000, false), rate_point(40, 2_000_000, true), rate_point(50, 4_000_000, false)];
    let plan = RatePlan::new(&plan, Some(Duration::from_secs(100))).unwrap();
    let trace = Mahimahi::parse("1\n5\n").unwrap();
    let typical = QueueLimit::typical(2_000_000);
    let cases = [
        ("rate = 2 Mbit/s", limited(Some(2_000_000), Serialiser::Steady, typical)),
        ("rate = 2Mbps\nqueue = unlimited", limited(Some(2_000_000), Serialiser::Steady, QueueLimit::Unlimited)),
        ("rate = unlimited\nqueue = 64KiB", limited(None, Serialiser::Steady, QueueLimit::Bytes(65_536))),
        ("rate = 2Mbit/s\nqueue = 20 ms", limited(Some(2_000_000), Serialiser::Steady, QueueLimit::Time(ms(20)))),
        (
            "rate = bucket 2Mbit/s burst=15kB peak=9Mbit/s",
            limited(Some(2_000_000), Serialiser::TokenBucket { burst: 15_000, peak: Some(9_000_000) }, typical),
        ),
        (
            "rate = mahimahi lte.trace phase=2s bytes=1504",
            limited(
                None,
                Serialiser::Trace { trace: trace.clone().with_bytes(1_504), phase: Some(ms(2_000)) },
                QueueLimit::typical(2 * 1_504 * 8 * 1_000 / 5),
            ),
        ),
        (
            "rate = plan 0s=1Mbit/s ramp-40s=2Mbit/s 50s=4Mbit/s period=100s phase=2s",
            limited(None, Serialiser::Plan { plan, phase: ms(2_000) }, QueueLimit::typical(1_000_000)),
        ),
        ("queue = 100packets\npolicy = drop-head", managed(QueuePolicy::DropHead)),
        (
            "queue = 100packets\npolicy = codel target=10ms ecn",
            managed(QueuePolicy::CoDel(CoDel { target: ms(10), ecn: true, ..CoDel::default() })),
        ),
        (
            "queue = 100packets\npolicy = fq-codel flows=8",
            managed(QueuePolicy::FqCoDel(FqCoDel { codel: CoDel::default(), flows: 8, ..FqCoDel::default() })),
        ),
        (
            "queue = 100packets\npolicy = pie burst=100ms beta=2",
            managed(QueuePolicy::Pie(Pie { burst: ms(100), beta: 2.0, ..Pie::default() })),
        ),
        (
            "queue = 100packets\npolicy = red min=30kB max=90kB gentle",
            managed(QueuePolicy::Red(Red {
                min: 30_000,
                max: 90_000,
                probability: 0.02,
                weight: 0.002,
                packet: 1_000,
                gentle: true,
                ecn: false,
            })),
        ),
        ("loss = none", path()),
        ("loss = iid p=1%", lossy(Loss::Iid { p: 0.01 })),
        ("loss = gilbert mean=0.02 burst=2.5", lossy(Loss::Gilbert { mean: 0.02, burst: 2.5 })),
        ("loss = ge p=1% r=30% h=90% k=1%", lossy(Loss::GilbertElliott { p: 0.01, r: 0.3, h: 0.9, k: 0.01 })),
        (
            "loss = four-state p13=1% p31=20% p32=30% p23=40% p14=0",
            lossy(Loss::FourState { p13: 0.01, p31: 0.2, p32: 0.3, p23: 0.4, p14: 0.0 }),
        ),
        ("loss = on-off good=10s bad=200ms", lossy(Loss::OnOff { good: ms(10_000), bad: ms(200) })),
        ("loss = trace train.loss", lossy(Loss::Trace(LossTrace::new([false, false, true])))),
        ("loss = nth n=100", lossy(Loss::Nth { n: 100 })),
        ("variation = none", path()),
        ("variation = nr-gauss sd=5ms", varied(DelayVariation::Gaussian { sd, max: ms(15), reordering })),
        ("variation = uniform max=9ms", varied(DelayVariation::Uniform { max: ms(9), reordering })),
        ("variation = normal sd=5ms", varied(DelayVariation::Normal { sd, max: ms(15), reordering })),
        ("variation = pareto sd=5ms reordering", varied(DelayVariation::Pareto { sd, max: ms(20), reordering: true })),
        (
            "variation = paretonormal sd=5ms max=9ms",
            varied(DelayVariation::ParetoNormal { sd, max: ms(9), reordering }),
        ),
        (
            "variation = table wifi.dist sd=5ms\ncorrelation = 0.3",
            LinkConfig {
                delay_correlation: 0.3,
                ..varied(DelayVariation::Table { table: table.clone(), sd, reordering })
            },
        ),
        (
            "slots = uniform min=1ms max=6ms packets=8",
            LinkConfig {
                slots: Some(Slots { gap: SlotGap::Uniform { min: ms(1), max: ms(6) }, packets: Some(8), bytes: None }),
                ..path()
            },
        ),
        (
            "slots = table wifi.dist delay=4ms sd=1ms bytes=900",
            LinkConfig {
                slots: Some(Slots {
                    gap: SlotGap::Table { table, delay: ms(4), sd: ms(1) },
                    packets: None,
                    bytes: Some(900),
                }),
                ..path()
            },
        ),
        ("reorder = ratio=1% by=20ms", LinkConfig { reorder: Some(Reorder { ratio: 0.01, by: ms(20) }), ..path() }),
        (
            "duplicate = 0.1%\ncorrupt = 0.2\noverhead = 48B",
            LinkConfig { duplicate: 0.001, corrupt: 0.2, overhead: 48, ..path() },
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(up(&format!("{lines}\ndelay = 40ms\n")), Ok(expected), "{lines}");
    }
}

#[test]
fn a_profile_has_a_head_and_directions() {
    let text =
        "# measured\nname = cafe # the one at the corner\nsummary = a café\nsource = May 2026\n[both]\ndelay = 3ms\n";
    let cafe = LoadedProfile::parse(text, files).unwrap();
    assert_eq!((cafe.name.as_str(), cafe.summary.as_str(), cafe.source.as_str()), ("cafe", "a café", "May 2026"));
    assert_eq!((cafe.up.delay, cafe.down.delay), (ms(3), ms(3)));
    let half = LoadedProfile::parse("name = x\n[down]\ndelay = 3ms\n", files).unwrap();
    assert!(half.up.is_transparent() && !half.down.is_transparent());
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = [
        ("rate = 2", "line 3: `rate = 2`: write `2Mbit/s`, `unlimited`, `bucket`, `mahimahi` or `plan`"),
        ("rate = bucket burst=15kB", "line 3: write the rate first, as in `bucket 2Mbit/s burst=15kB`"),
        ("rate = plan 5s=1Mbit/s", "line 3: `serialiser.plan.at` is 5s: points of which the first is at 0"),
        ("rate = plan 0s=fast", "line 3: `0s=fast`: write points as in `40s=2Mbit/s` or `ramp-40s=2Mbit/s`"),
        ("rate = mahimahi broken.trace", "line 3: `broken.trace`, line 2: 4 ms comes before the 5 ms above it"),
        ("rate = mahimahi gone.trace", "line 3: `gone.trace`: no file gone.trace"),
        ("rate = mahimahi", "line 3: `mahimahi` needs the name of a file"),
        ("loss = iid", "line 3: `iid` needs `p`, as in `p=1%`"),
        ("loss = iid p=much", "line 3: `p=much`: write it as in `p=1%`"),
        ("loss = iid p=1% burst=3", "line 3: `iid` has no `burst`"),
        ("loss = iid p=1% 3", "line 3: `3` after `iid`: write parameters as key=value"),
        (
            "\n\nloss = gilbert mean=70% burst=2",
            "line 5: `loss.mean` is 0.7: at most burst/(1+burst) = 0.6667 with bursts of 2",
        ),
        (
            "delay = 5ms\nvariation = normal sd=5ms",
            "line 4: `delay_variation.max` is 15ms: at most the delay, 5ms, or packets would arrive before they left",
        ),
        ("queue = 20ms", "line 3: `queue` is 20ms: a limit in time needs a `rate`; without one give bytes or packets"),
        ("queue = long", "line 3: write `300ms`, `64KiB`, `100packets`, `typical` or `unlimited`"),
        ("policy = drop-tail ecn", "line 3: `drop-tail` has no `ecn`"),
        ("delay = 5ms\ndelay = 6ms", "line 4: `delay` a second time"),
        ("delay 5ms", "line 3: `delay 5ms` is no section and no `key = value`"),
        ("delay =", "line 3: `delay` has no value"),
        ("[up]", "line 3: `[up]`: this direction has a section already"),
        ("[sideways]", "line 3: `[sideways]`: write `[up]`, `[down]` or `[both]`"),
        ("reorder = ratio=1%", "line 3: `reorder` needs `by`, as in `by=20ms`"),
        ("reorder = 1% by=20ms", "line 3: `reorder` needs `ratio`, as in `ratio=1%`"),
    ];
    for (lines, expected) in cases {
        assert_eq!(up(lines).unwrap_err(), expected, "{lines}");
    }
    assert!(up("jitter = 5ms").unwrap_err().starts_with("line 3: `jitter` is no field of a path: there are `rate`"));
    let error = |text: &str| LoadedProfile::parse(text, files).unwrap_err().to_string();
    assert_eq!(error("[up]\n"), "line 1: a profile begins with its name, as in `name = cafe`");
    assert_eq!(error("name = a\nname = b\n"), "line 2: `name` a second time");
    assert!(error("delay = 5ms\n").starts_with("line 1: `delay` stands before any section"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(
        lines in prop::collection::vec(
            "(rate|queue|policy|loss|delay|variation|slots|reorder|name)? ?=? ?(plan|bucket|mahimahi|iid|table|pie|red|0s=1bit/s|[0-9.]{1,20}(ms|s|h|kB|%|Mbit/s)?|[a-z]{1,8}=[0-9.e]{1,20}[a-zA-Z/%]{0,6}|\\[up\\]|\\[both\\]){0,4}",
            0..8,
        ),
        noise in "\\PC{0,80}",
    ) {
        let _ = LoadedProfile::parse(&format!("name = x\n[up]\n{}", lines.join("\n")), files);
        let _ = LoadedProfile::parse(&noise, files);
        let _ = Mahimahi::parse(&noise);
        let _ = LossTrace::parse(&noise);
        let _ = DelayTable::parse(&noise);
    }
}
