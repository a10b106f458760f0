//! Whatever a file holds, it is read or refused.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_is_read_without_panicking(text in "\\PC{0,300}", set in "[a-z\\[\\]0-9.=\" {}]{0,40}") {
        let _ = read_with(&text, &[&set]);
    }

    /// Valid TOML of the format's own keys with values of every kind.
    #[test]
    fn any_values_are_read_without_panicking(
        keys in prop::collection::vec((0usize..75, 0usize..36), 1..12),
        set in prop::collection::vec((0usize..75, 0usize..36), 0..3),
    ) {
        let paths = [
            "version", "name", "seed", "run", "run.duration", "run.warmup", "run.workers", "run.invalid_if", "target",
            "target.adapter", "target.url", "target.whip", "target.auth", "target.quirks.not_live", "target.process.cmd",
            "media", "media.m", "media.m.kind", "media.m.bitrate", "media.m.size", "media.m.fps", "media.m.talk.on",
            "media.m.frame_model.noise", "network", "network.n", "network.n.extends", "network.n.down", "network.n.down.rate",
            "network.n.down.queue", "network.n.down.loss", "network.n.down.loss.model", "network.n.down.delay",
            "network.n.down.delay_variation", "network.n.schedule", "rooms", "rooms.count", "rooms.size", "rooms.size.dist",
            "rooms.assign", "rooms.participants", "population", "population.p", "population.p.count", "population.p.share",
            "population.p.per_room", "population.p.publish", "population.p.subscribe", "population.p.network",
            "population.p.start", "population.p.start.arrivals", "population.p.session", "population.p.session.length",
            "population.p.timeouts", "threshold", "threshold.where", "output", "output.formats", "output.dir", "output.interval",
            "population.p.start.concurrency", "network.n.down.rate.plan", "network.n.down.rate.period", "network.n.down.trace",
            "network.n.down.trace.mahimahi", "network.n.down.token_bucket", "network.n.down.queue.aqm", "network.n.down.slot",
            "network.n.down.slot.min", "network.n.down.corrupt", "network.n.down.loss.burst", "network.n.down.loss.mean",
            "network.n.down.loss.good", "network.n.down.loss.bad", "network.n.down.delay_variation.dist",
            "network.n.down.delay_variation.sd",
        ];
        let values = [
            "1", "0", "-1", "9223372036854775807", "1.5", "nan", "inf", "true", "\"\"", "\"x\"", "\"10s\"", "\"1Mbps\"",
            "\"audio\"", "\"zipf\"", "[]", "[1]", "[\"a\"]", "{}", "{ dist = \"zipf\", s = 1, min = 1, max = 4 }",
            "[{ use = \"n\", weight = 1 }]", "[{ at = \"1s\", outage = \"1s\" }]", "1979-05-27",
            "{ arrivals = { process = \"poisson\", rate = \"2/s\" } }", "[{ t = \"0s\", n = 1 }]",
            "\"lte.up\"", "\"train.loss\"", "\"codel\"", "\"pareto\"", "\"on-off\"", "\"0s\"", "\"500000h\"", "\"gilbert\"", "{ burst = \"15kB\" }",
            "[{ at = \"0s\", rate = \"1Mbps\" }, { at = \"3s\", rate = \"2Mbps\", ramp = true }]",
            "[{ at = \"1s\", ramp = \"1s\", down = { delay = \"1s\", loss = { model = \"on-off\", good = \"0s\", bad = \"0s\" } } }]",
            "[{ at = \"1s\", ramp = \"1s\", down = { rate = \"1Mbps\", loss = { model = \"none\" } } }]",
        ];
        let text = format!("{LEAST}[[population]]\nname = \"p\"\ncount = 3\n");
        let sets: Vec<String> = keys.iter().chain(&set).map(|(k, v)| format!("{}={}", paths[*k], values[*v])).collect();
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        if let Ok((scenario, _)) = read_with(&text, &sets) {
            prop_assert!(read_with(&scenario.redacted_text(), &[]).is_ok());
        }
    }
}
