//! Every model of a path as written: what it becomes, and what is said when it cannot be.

use super::Queue;
use crate::clock::{Duration, Instant};
use crate::scenario::network::Network;
use crate::scenario::tests::{LEAST, errors, read, read_with};
use crate::units::Bitrate;
use netem::{
    CoDel, DelayVariation, FqCoDel, LinkConfig, Loss, Pie, QueueLimit, QueuePolicy, Red, Serialiser, SlotGap, Slots,
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn network(text: &str) -> Network {
    read(&format!("{LEAST}[network.n]\n{text}\n")).networks.remove(0)
}

/// The downlink of these keys.
fn down(keys: &str) -> LinkConfig {
    network(&format!("down = {{ {keys} }}")).base.down.config
}

#[test]
fn each_loss_model_becomes_netems() {
    let loss = |keys: &str| down(&format!("loss = {{ {keys} }}")).loss;
    assert_eq!(loss("p = 0.1"), Loss::Iid { p: 0.1 });
    assert_eq!(loss("model = \"gilbert\", mean = 0.1, burst = 2"), Loss::Gilbert { mean: 0.1, burst: 2.0 });
    let in_time = Loss::OnOff { good: ms(9_800), bad: ms(200) };
    assert_eq!(loss("model = \"gilbert\", mean = 0.02, burst = \"200ms\", domain = \"time\""), in_time);
    assert!((in_time.ratio() - 0.02).abs() < 1e-12);
    assert_eq!(loss("model = \"gilbert\", mean = 0, burst = \"200ms\", domain = \"time\""), Loss::None);
    assert_eq!(
        loss("model = \"ge\", p = 0.1, r = 0.2, h = 0.3, k = 0.4"),
        Loss::GilbertElliott { p: 0.1, r: 0.2, h: 0.3, k: 0.4 }
    );
    // What is left out is tc-netem's.
    let lone = Loss::FourState { p13: 0.25, p31: 0.75, p32: 0.0, p23: 1.0, p14: 0.0 };
    assert_eq!(loss("model = \"4-state\", p13 = 0.25"), lone);
    let four = Loss::FourState { p13: 0.1, p31: 0.2, p32: 0.3, p23: 0.4, p14: 0.05 };
    assert_eq!(loss("model = \"4-state\", p13 = 0.1, p31 = 0.2, p32 = 0.3, p23 = 0.4, p14 = 0.05"), four);
    assert_eq!(
        loss("model = \"on-off\", good = \"10s\", bad = \"1s\""),
        Loss::OnOff { good: ms(10_000), bad: ms(1_000) }
    );
    let Loss::Trace(trace) = loss("model = \"trace\", file = \"train.loss\"") else { panic!("a trace") };
    assert_eq!((trace.len(), trace.lost()), (10, 4));
    assert_eq!(loss("model = \"nth\", n = 100"), Loss::Nth { n: 100 });
    assert_eq!(loss("model = \"none\""), Loss::None);
}

#[test]
fn each_queue_policy_becomes_netems_with_the_rfcs_defaults() {
    let policy = |keys: &str| down(&format!("rate = \"1Mbps\", queue = {{ aqm = \"{keys} }}")).policy;
    assert_eq!(policy("drop-tail\""), QueuePolicy::DropTail);
    assert_eq!(policy("droptail\""), QueuePolicy::DropTail, "Mahimahi's word");
    assert_eq!(policy("drop-head\""), QueuePolicy::DropHead);
    assert_eq!(policy("codel\""), QueuePolicy::CoDel(CoDel::default()));
    let codel = CoDel { target: ms(13), interval: ms(90), ecn: true };
    assert_eq!(policy("codel\", target = \"13ms\", interval = \"90ms\", ecn = true"), QueuePolicy::CoDel(codel));
    let fair = FqCoDel { codel: CoDel::default(), quantum: 300, flows: 16 };
    assert_eq!(policy("fq-codel\", quantum = 300, flows = 16"), QueuePolicy::FqCoDel(fair));
    let pie = Pie { target: ms(20), alpha: 0.2, ..Pie::default() };
    assert_eq!(policy("pie\", target = \"20ms\", alpha = 0.2"), QueuePolicy::Pie(pie));
    let red = Red { min: 5_000, max: 15_000, probability: 0.1, weight: 0.002, packet: 1_000, gentle: true, ecn: false };
    assert_eq!(policy("red\", min = \"5kB\", max = \"15kB\", probability = 0.1, gentle = true"), QueuePolicy::Red(red));
}

#[test]
fn a_queue_has_its_limit_or_that_of_its_rate() {
    let queue = |keys: &str| down(&format!("rate = \"1Mbps\", queue = {keys}")).queue;
    assert_eq!(queue("{ aqm = \"codel\", limit = \"1000ms\" }"), QueueLimit::Time(ms(1_000)));
    assert_eq!(queue("{ aqm = \"fq-codel\", limit = \"10240 packets\" }"), QueueLimit::Packets(10_240));
    assert_eq!(queue("{ aqm = \"pie\", limit = \"64KiB\" }"), QueueLimit::Bytes(65_536));
    assert_eq!(queue("{ aqm = \"codel\" }"), QueueLimit::typical(1_000_000));
    let base = network("extends = \"nlc-3g\"\ndown = { queue = { aqm = \"codel\" } }").base.down.config;
    assert_eq!((base.queue, base.rate), (QueueLimit::typical(780_000), Some(780_000)));
    // A word takes the policy back.
    let text = format!(
        "{LEAST}[network.a]\ndown = {{ rate = \"1Mbps\", queue = {{ aqm = \"codel\" }} }}\n[network.b]\nextends = \"a\"\ndown = {{ queue = \"200ms\" }}\n"
    );
    let b = read(&text).networks.remove(1).base.down.config;
    assert_eq!((b.policy, b.queue), (QueuePolicy::DropTail, QueueLimit::Time(ms(200))));
    assert_eq!(super::PathChange::default().queue, None::<Queue>);
}

#[test]
fn a_rate_may_be_a_plan_of_steps_and_ramps_from_the_start_of_the_run() {
    let plan = "rate = { plan = [{ at = \"0s\", rate = \"1Mbps\" }, { at = \"2s\", rate = \"3Mbps\", ramp = true }, \
                { at = \"4s\", rate = \"500kbps\" }], period = \"10s\", phase = \"1s\" }";
    let config = down(plan);
    let Serialiser::Plan { plan, phase } = &config.serialiser else { panic!("{config:?}") };
    let at = |millis| Bitrate(plan.rate_at(ms(millis))).to_string();
    let rates = [0, 1_000, 1_999, 2_000, 3_999, 4_000, 9_999, 11_000].map(at);
    assert_eq!(rates, ["1Mbps", "2Mbps", "2.999Mbps", "3Mbps", "3Mbps", "500kbps", "500kbps", "2Mbps"]);
    assert_eq!((*phase, config.rate), (ms(1_000), None));
    assert_eq!(config.queue, QueueLimit::typical(500_000), "that of the lowest rate");
}

#[test]
fn a_trace_begins_elsewhere_for_each_link_unless_it_says_where() {
    let trace = |keys: &str| match down(&format!("trace = {{ mahimahi = \"lte.up\"{keys} }}")).serialiser {
        Serialiser::Trace { trace, phase } => (trace.rate(), phase),
        other => panic!("{other:?}"),
    };
    let rate = 4 * 1_500 * 8 * 100;
    assert_eq!(trace(""), (rate, None));
    assert_eq!(trace(", phase = \"random\""), (rate, None));
    assert_eq!(trace(", phase = \"2s\", bytes = 3000"), (2 * rate, Some(ms(2_000))));
    let config = down("trace = { mahimahi = \"lte.up\" }");
    assert_eq!(config.queue, QueueLimit::typical(rate));
}

#[test]
fn a_bucket_a_trace_and_a_plan_are_taken_back_by_what_extends_them() {
    let chain = |first: &str, then: &str| {
        let text =
            format!("{LEAST}[network.a]\ndown = {{ {first} }}\n[network.b]\nextends = \"a\"\ndown = {{ {then} }}\n");
        read(&text).networks.remove(1).base.down.config
    };
    let bucket = "rate = \"1Mbps\", token_bucket = { burst = \"15kB\", peak = \"9Mbps\" }";
    let config = chain(bucket, "rate = \"2Mbps\"");
    assert_eq!(config.serialiser, Serialiser::TokenBucket { burst: 15_000, peak: Some(9_000_000) });
    assert_eq!(config.rate, Some(2_000_000), "the bucket stays under another rate");
    assert_eq!(chain(bucket, "token_bucket = \"none\"").serialiser, Serialiser::Steady);
    let trace = "trace = { mahimahi = \"lte.up\" }";
    let config = chain(trace, "rate = \"2Mbps\"");
    assert_eq!((config.rate, config.serialiser), (Some(2_000_000), Serialiser::Steady));
    let config = chain(bucket, trace);
    assert!(config.rate.is_none() && matches!(config.serialiser, Serialiser::Trace { .. }), "{config:?}");
    assert_eq!(chain(trace, "rate = \"unlimited\""), LinkConfig::default());
    assert_eq!(chain("slot = { min = \"2ms\" }", "slot = \"none\""), LinkConfig::default());
}

#[test]
fn each_variation_becomes_netems_with_its_correlation() {
    let variation = |keys: &str| {
        let config = down(&format!("delay = \"90ms\", delay_variation = {{ {keys} }}"));
        (config.delay_variation, config.delay_correlation)
    };
    let (sd, reordering) = (ms(5), true);
    let pareto = DelayVariation::Pareto { sd, max: ms(20), reordering: false };
    assert_eq!(variation("dist = \"pareto\", sd = \"5ms\""), (Some(pareto), 0.0));
    let both = DelayVariation::ParetoNormal { sd, max: ms(9), reordering };
    let keys = "dist = \"paretonormal\", sd = \"5ms\", max = \"9ms\", reordering = true, correlation = 0.25";
    assert_eq!(variation(keys), (Some(both), 0.25));
    let (table, correlation) = variation("dist = \"table\", file = \"wifi.dist\", sd = \"5ms\", correlation = 0.9");
    let Some(DelayVariation::Table { table, .. }) = table else { panic!("{table:?}") };
    assert_eq!((table.len(), correlation), (4, 0.9));
    let normal = DelayVariation::Normal { sd, max: ms(15), reordering: false };
    assert_eq!(variation("dist = \"normal\", sd = \"5ms\""), (Some(normal), 0.0));
    assert_eq!(variation("dist = \"none\""), (None, 0.0));
}

#[test]
fn slots_go_alone_or_with_a_variation() {
    let uniform = Slots { gap: SlotGap::Uniform { min: ms(2), max: ms(20) }, packets: Some(8), bytes: None };
    let keys = "min = \"2ms\", max = \"20ms\", packets = 8";
    let alone = down(&format!("delay_variation = {{ dist = \"slot\", {keys} }}"));
    assert_eq!((alone.slots, alone.delay_variation), (Some(uniform.clone()), None));
    let with = down(&format!("delay_variation = {{ dist = \"uniform\", max = \"9ms\" }}, slot = {{ {keys} }}"));
    assert_eq!(with.slots, Some(uniform));
    assert_eq!(with.delay_variation, Some(DelayVariation::Uniform { max: ms(9), reordering: false }));
    let table = down("slot = { file = \"wifi.dist\", delay = \"4ms\", sd = \"1ms\", bytes = 3000 }").slots.unwrap();
    assert!(matches!(&table.gap, SlotGap::Table { table, .. } if table.len() == 4), "{table:?}");
    assert_eq!((table.packets, table.bytes), (None, Some(3_000)));
    assert_eq!(down("corrupt = 0.01").corrupt, 0.01);
}

#[test]
fn what_a_path_cannot_be_is_refused_in_one_sentence_at_its_key() {
    let plan = |points: &str| format!("down = {{ rate = {{ plan = [{points}] }} }}");
    let (queue, loss, slot) = ("rate = \"1Mbps\", queue", "loss", "slot");
    let table = |key: &str, keys: &str| format!("down = {{ {key} = {{ {keys} }} }}");
    let cases = [
        // Files.
        (table("trace", "mahimahi = \"nowhere\""), "`nowhere` cannot be read: there is no nowhere", "put it there"),
        (table("trace", "mahimahi = \"empty\""), "`empty`, line 1: no opportunity", "milliseconds a line"),
        (table("trace", "mahimahi = \"descending\""), "`descending`, line 3: 5 ms comes before the 7 ms", "none below"),
        (table("trace", "mahimahi = \"lte.up\", phase = \"later\""), "`later` is not understood", "\"random\""),
        (table("trace", "mahimahi = \"lte.up\", bytes = 0"), "`bytes` is 0", "from 1"),
        (table("trace", "phase = \"1s\""), "needs `mahimahi`", "relative to this file"),
        (table(loss, "model = \"trace\", file = \"lte.up\""), "`lte.up`, line 2: `3` is neither", "`x` for each lost"),
        (table(loss, "model = \"trace\", file = \"empty\""), "no packet in the whole trace", "`.` for each"),
        (
            table("delay_variation", "dist = \"table\", file = \"train.loss\", sd = \"1ms\""),
            "line 1: `....x` is no whole number",
            "8192",
        ),
        // Rates.
        (
            "down = { rate = \"1Mbps\", trace = { mahimahi = \"lte.up\" } }".to_owned(),
            "`rate` and `trace` are both there",
            "one of them",
        ),
        (plan(""), "`at` is empty", "the first is at 0"),
        (plan("{ at = \"2s\", rate = \"1Mbps\" }"), "the plan begins at 2s", "\"0s\""),
        (plan("{ at = \"0s\", rate = \"1Mbps\", ramp = true }"), "nothing to come from", "take `ramp` out"),
        (
            plan("{ at = \"0s\", rate = \"1Mbps\" }, { at = \"0s\", rate = \"1Mbps\" }"),
            "0s does not come after 0s",
            "order of time",
        ),
        (plan("{ at = \"0s\", rate = \"0bps\" }"), "`rate` is 0", "1 bit/s"),
        (plan("{ at = \"0s\", rate = \"fast\" }"), "`fast` is not understood", "1.5Mbps"),
        (
            "down = { rate = { plan = [{ at = \"0s\", rate = \"1Mbps\" }, { at = \"9s\", rate = \"2Mbps\" }], period = \"5s\" } }"
                .to_owned(),
            "`period` is 5s",
            "longer than the points",
        ),
        (table("token_bucket", "burst = \"15kB\""), "`rate` is missing", "the rate that fills the bucket"),
        (
            "down = { rate = \"1Mbps\", token_bucket = { burst = \"90B\" } }".to_owned(),
            "`token_bucket.burst` is 90 bytes",
            "1500 bytes",
        ),
        (
            "down = { trace = { mahimahi = \"lte.up\" }, token_bucket = { burst = \"15kB\" } }".to_owned(),
            "filled by a rate of one number",
            "take the bucket out",
        ),
        // Queues.
        (table("queue", "aqm = \"codel\""), "nothing ever waits", "write a `rate`"),
        (table(queue, "aqm = \"codell\""), "`codell` is no aqm", "did you mean `codel`?"),
        (table(queue, "limit = \"1s\""), "needs `aqm`", "aqm = \"codel\""),
        (table(queue, "aqm = \"drop-tail\", ecn = true"), "marks nothing", "take it out"),
        (table(queue, "aqm = \"codel\", quantum = 300"), "`quantum` is not a key", "`interval`"),
        (table(queue, "aqm = \"codel\", target = \"0s\""), "`queue.target` is 0", "longer than nothing"),
        (table(queue, "aqm = \"fq-codel\", flows = 0"), "`flows` is 0", "from 1 to 65536"),
        (table(queue, "aqm = \"pie\", alpha = -1"), "`queue.alpha` is -1", "from 0 to 1000"),
        (table(queue, "aqm = \"red\", min = \"30kB\""), "needs `max`", "max = \"90kB\""),
        (table(queue, "aqm = \"red\", min = \"30kB\", max = \"3kB\""), "`queue.max` is 3000 bytes", "more than `min`"),
        (table(queue, "aqm = \"red\", min = \"1kB\", max = \"3kB\", weight = 2"), "`weight` is 2", "0 and 1"),
        // Losses.
        (table(loss, "model = \"gilbert\", mean = 0.1, burst = \"200ms\""), "counted in packets", "domain = \"time\""),
        (
            table(loss, "model = \"gilbert\", mean = 0.1, burst = 2, domain = \"time\""),
            "`burst` is an integer",
            "a duration",
        ),
        (
            table(loss, "model = \"gilbert\", mean = 1, burst = \"1s\", domain = \"time\""),
            "no time between bursts",
            "below 1",
        ),
        (
            table(loss, "model = \"gilbert\", mean = 1e-300, burst = \"1s\", domain = \"time\""),
            "more than an hour apart",
            "shorter bursts",
        ),
        (table(loss, "model = \"gilbert\", mean = 0.1, burst = 0.5"), "`burst` is 0.5", "at least 1 packet"),
        (table(loss, "model = \"4-state\", p13 = 0.6, p14 = 0.6"), "`loss.p14` is 0.6", "at most 1 - p13"),
        (table(loss, "model = \"4-state\""), "needs `p13`", "p13 = 0.01"),
        (table(loss, "model = \"on-off\", good = \"1s\""), "needs `bad`", "\"200ms\""),
        (table(loss, "model = \"on-off\", good = \"1s\", bad = \"0s\""), "`loss.bad` is 0", "longer than nothing"),
        (table(loss, "model = \"nth\", n = 0"), "`n` is 0", "from 1"),
        (table(loss, "model = \"5-state\", p = 1"), "`5-state` is no model", "did you mean `4-state`?"),
        // Delays.
        (
            table("delay_variation", "dist = \"uniform\", max = \"1ms\", correlation = 1"),
            "`correlation` is 1",
            "from 0 to below 1",
        ),
        (
            table("delay_variation", "dist = \"pareto\", sd = \"9ms\""),
            "`delay_variation.sd` is 9ms",
            "before they left",
        ),
        (table("delay_variation", "dist = \"slots\""), "`slots` is no dist", "did you mean `slot`?"),
        (table(slot, "max = \"2ms\""), "needs `min`", "min = \"2ms\""),
        (table(slot, "min = \"3ms\", max = \"2ms\""), "`min` is 3ms and `max` is 2ms", "the smaller one"),
        (table(slot, "min = \"0s\""), "slots take no time", "a longer time"),
        (table(slot, "min = \"1ms\", sd = \"1ms\""), "`sd` belongs to a table", "add `file`"),
        (table(slot, "min = \"1ms\", packets = 0"), "`packets` is 0", "from 1"),
        (
            "down = { delay_variation = { dist = \"slot\", min = \"1ms\" }, slot = { min = \"1ms\" } }".to_owned(),
            "are both there",
            "one of them",
        ),
        (table(slot, "file = \"wifi.dist\", delay = \"1ms\", sd = \"1ms\", min = \"1ms\""), "are both there", "one of"),
        ("down = { corrupt = 1.5 }".to_owned(), "`corrupt` is 1.5", "between 0 and 1"),
        ("link_group = \"office\"".to_owned(), "`office` is no link_group", "all"),
        ("link_group = 0".to_owned(), "`link_group` is 0", "from 1 to 1000000"),
        ("link_group = true".to_owned(), "says who shares", "how many participants share one"),
    ];
    let mut wrong = Vec::new();
    for (text, message, help) in &cases {
        let shown: Vec<String> =
            errors(&format!("{LEAST}[network.n]\n{text}\n")).iter().map(ToString::to_string).collect();
        let right = |error: &String| {
            error.contains(message)
                && error.contains(help)
                && error.starts_with("s.toml:9:")
                && error.contains(": network.n.")
        };
        if shown.len() != 1 || !right(&shown[0]) {
            wrong.push(format!("{text}\n  gave {shown:#?}\n  wanted {message} / {help}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The conditions of the downlink at a time, where a population lives behind the network.
fn scheduled(keys: &str, at: u64) -> LinkConfig {
    let text = format!("{LEAST}network = \"n\"\n[network.n]\n{keys}\n");
    let plan = read_with(&text, &[]).unwrap_or_else(|errors| panic!("{errors:#?}")).1;
    let steps = &plan.networks.iter().find(|network| network.name == "n").unwrap().steps;
    steps.iter().rev().find(|step| step.at <= Instant::from_millis(at)).unwrap().down.clone()
}

#[test]
fn ramps_go_evenly_between_two_of_the_same_model() {
    let ramp = |from: &str, to: &str| {
        format!(
            "down = {{ loss = {{ {from} }} }}\nschedule = [{{ at = \"1s\", ramp = \"1s\", down = {{ loss = {{ {to} }} }} }}]"
        )
    };
    let time = |mean: f64| format!("model = \"gilbert\", mean = {mean}, burst = \"200ms\", domain = \"time\"");
    let half = scheduled(&ramp(&time(0.1), &time(0.3)), 1_500).loss;
    assert!((half.ratio() - 0.2).abs() < 1e-9, "{half:?}");
    assert!((scheduled(&ramp("model = \"none\"", &time(0.2)), 1_500).loss.ratio() - 0.1).abs() < 1e-9);
    let half = scheduled(&ramp("model = \"4-state\", p13 = 0.2", "model = \"4-state\", p13 = 0.4"), 1_500).loss;
    let Loss::FourState { p13, p31, .. } = half else { panic!("{half:?}") };
    assert!((p13 - 0.3).abs() < 1e-9 && (p31 - 0.7).abs() < 1e-9);
    assert_eq!(scheduled(&ramp("model = \"nth\", n = 9", "model = \"nth\", n = 9"), 1_500).loss, Loss::Nth { n: 9 });
    for (from, to) in [("model = \"nth\", n = 9", "model = \"nth\", n = 8"), ("p = 0.1", "model = \"nth\", n = 8")] {
        let text = format!("{LEAST}[network.n]\n{}\n", ramp(from, to));
        assert!(errors(&text)[0].message.contains("no way between two loss models"), "{from} to {to}");
    }
}

#[test]
fn a_step_changes_the_policy_and_the_serialiser_and_reset_brings_them_back() {
    let keys = "down = { rate = \"2Mbps\", queue = { aqm = \"codel\" } }\nschedule = [\
                { at = \"1s\", down = { trace = { mahimahi = \"lte.up\" }, queue = { aqm = \"pie\" } } }, \
                { at = \"2s\", reset = true }]";
    let (before, during, after) = (scheduled(keys, 999), scheduled(keys, 1_000), scheduled(keys, 2_000));
    assert_eq!((before.policy.clone(), before.rate), (QueuePolicy::CoDel(CoDel::default()), Some(2_000_000)));
    assert_eq!((during.policy.clone(), during.rate), (QueuePolicy::Pie(Pie::default()), None));
    assert!(matches!(during.serialiser, Serialiser::Trace { .. }));
    assert_eq!(before, after);
    let ramped = keys.replacen("at = \"1s\",", "at = \"1s\", ramp = \"500ms\",", 1);
    let text = format!("{LEAST}[network.n]\n{ramped}\n");
    assert!(errors(&text)[0].message.contains("no way between a rate and a plan or a trace"), "{:?}", errors(&text));
}

#[test]
fn a_ramp_that_would_deliver_before_it_sends_is_refused() {
    let keys = "schedule = [{ at = \"1s\", ramp = \"1s\", down = { delay = \"20ms\", \
                delay_variation = { dist = \"normal\", sd = \"5ms\" } } }]";
    let shown = errors(&format!("{LEAST}[network.n]\n{keys}\n"))[0].to_string();
    assert!(shown.contains("on the way `delay_variation.max` is 15ms") && shown.contains("ramp = \"0s\""), "{shown}");
}

#[test]
fn a_wrong_step_is_named_by_its_own_key() {
    let keys = "down = { rate = \"1Mbps\" }\nschedule = [{ at = \"1s\", down = { queue = { aqm = \"codel\", target = \"0s\" } } }]";
    let shown = errors(&format!("{LEAST}[network.n]\n{keys}\n"))[0].to_string();
    assert!(shown.contains("network.n.schedule[0].down.queue.target: from then on `queue.target` is 0"), "{shown}");
}
