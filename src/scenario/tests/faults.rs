//! Faults of a file: what is refused, and what they become.

use super::*;

const OWN: &str = "version = 1\nname = \"x\"\n[run]\nwarmup = \"2s\"\nduration = \"20s\"\n[[population]]\nname = \"viewers\"\ncount = 4\n[[population]]\nname = \"hosts\"\ncount = 2\n";

fn fault(rest: &str) -> String {
    format!("{OWN}[[fault]]\nname = \"f\"\n{rest}\n")
}

#[test]
fn every_wrong_fault_says_what_to_write_instead() {
    let cases = [
        ("at = \"5s\"", "needs `kind`", "another of the kinds"),
        ("at = \"5s\"\nkind = \"clock-skew\"", "does not exist yet", "`sfu-kill`"),
        ("at = \"5s\"\nkind = \"udp-blok\"", "is no kind", "did you mean `udp-block`?"),
        ("kind = \"nat-rebind\"", "needs `at`", "from the start of the run"),
        ("at = \"5s\"\nkind = \"udp-block\"", "needs `for`", "as in for = \"5s\""),
        ("at = \"5s\"\nkind = \"udp-block\"\nfor = \"0s\"", "`for` is nothing", "above 0"),
        ("at = \"5s\"\nkind = \"ice-restart\"\nfor = \"1s\"", "does not belong to kind \"ice-restart\"", "an instant"),
        ("at = \"5s\"\nkind = \"sfu-kill\"\nfor = \"1s\"", "does not belong to kind \"sfu-kill\"", "`restart_after`"),
        (
            "at = \"5s\"\nkind = \"partition\"\nfor = \"1s\"\nrestart_after = \"1s\"",
            "does not belong to kind",
            "sfu-kill",
        ),
        ("at = \"5s\"\nkind = \"partition\"\nfor = \"1s\"\nports = [1]", "does not belong to kind", "port-block"),
        ("at = \"5s\"\nkind = \"port-block\"\nfor = \"1s\"", "needs `ports`", "\"media\""),
        ("at = \"5s\"\nkind = \"port-block\"\nfor = \"1s\"\nports = [0]", "not a port", "list of ports"),
        ("at = \"5s\"\nkind = \"port-block\"\nfor = \"1s\"\nports = \"udp\"", "is no ports", "`media`"),
        (
            "at = \"5s\"\nkind = \"sfu-pause\"\nfor = \"1s\"\nselect = { population = \"viewers\" }",
            "to everybody",
            "`select` out",
        ),
        ("at = \"1s\"\nkind = \"nat-rebind\"", "goes from 2 s to 22 s", "within the measured window"),
        ("at = \"30s\"\nkind = \"nat-rebind\"", "begins at 30 s", "lengthen the run"),
        ("at = \"20s\"\nkind = \"udp-block\"\nfor = \"5s\"", "ends at 25 s", "shorten it"),
        (
            "at = \"20s\"\nkind = \"nat-rebind\"\nexpect = { recover_within = \"8s\" }",
            "have recovered by 28 s",
            "leave time",
        ),
        (
            "at = \"5s\"\nkind = \"sfu-kill\"\nexpect = { recover_within = \"8s\" }",
            "nobody recovers",
            "`restart_after`",
        ),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nexpect = {}", "needs `recover_within`", "8s"),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\nexpect = { recover_within = \"8s\", often = 1 }",
            "is not a key",
            "recover_within",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\nselect = { population = \"viewer\" }",
            "no population `viewer`",
            "`viewers`",
        ),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nselect = { network = \"3g\" }", "nobody lives behind", "`none`"),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nselect = { room = 2 }", "there is no room `2`", "from 1 to 1"),
        ("at = \"5s\"\nkind = \"nat-rebind\"\nselect = { fraction = 1.5 }", "`fraction` is 1.5", "up to 1"),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\nselect = { population = \"hosts\", fraction = 0.1 }",
            "happens to nobody",
            "larger fraction",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[fault]]\nname = \"f\"\nat = \"9s\"\nkind = \"ice-restart\"",
            "two faults are named `f`",
            "rename",
        ),
        (
            "at = \"5s\"\nkind = \"sfu-kill\"\n[[fault]]\nname = \"g\"\nat = \"9s\"\nkind = \"sfu-pause\"\nfor = \"1s\"",
            "has the SFU's process in hand",
            "after `f`",
        ),
        (
            "at = \"5s\"\nkind = \"partition\"\nfor = \"3s\"\n[[fault]]\nname = \"g\"\nat = \"6s\"\nkind = \"ice-restart\"",
            "cannot restart without signalling",
            "after `f`",
        ),
        (
            "at = \"5s\"\nkind = \"udp-block\"\nfor = \"3s\"\n[[fault]]\nname = \"g\"\nat = \"6s\"\nfor = \"1s\"\nkind = \"udp-block\"",
            "same fault at the same time",
            "other people",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"rtp.jitter\"\nexpect = \"p95 < 1s\"\nwhere = { phase = \"fault:f\" }",
            "over as soon as",
            "recovery:f",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"rtp.jitter\"\nexpect = \"p95 < 1s\"\nwhere = { phase = \"recovery:g\" }",
            "no fault `g`",
            "`f`",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"harness.cpu\"\nexpect = \"max < 1\"\nwhere = { phase = \"recovery:f\" }",
            "not kept by faults",
            "steady",
        ),
        (
            "at = \"5s\"\nkind = \"nat-rebind\"\n[[threshold]]\nmetric = \"video.freeze_ratio\"\nexpect = \"p95 < 0.1\"\nwhere = { phase = \"recovery:f\" }",
            "single participants",
            "`phase` out",
        ),
    ];
    let mut wrong = Vec::new();
    for (rest, message, help) in cases {
        let shown: Vec<String> = errors(&fault(rest)).iter().map(ToString::to_string).collect();
        let right = |one: &String| one.contains(message) && one.contains(help) && !one.starts_with("s.toml:1:1:");
        if shown.len() != 1 || !right(&shown[0]) {
            wrong.push(format!("{rest}\n  gave {shown:#?}\n  wanted {message} / {help}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn faults_need_a_target_that_can_have_them() {
    let on = |target: &str, kind: &str| {
        error(
            &fault(&format!("at = \"5s\"\nkind = \"{kind}\"")).replace("[run]", &format!("[target]\n{target}\n[run]")),
        )
    };
    let foreign = on("adapter = \"room\"\nurl = \"http://127.0.0.1:1\"", "sfu-kill");
    assert!(foreign.contains("needs an SFU that the run itself started") && foreign.contains("`[target.process]`"));
}

#[test]
fn people_reconnect_as_apps_do_unless_the_file_says_otherwise() {
    let with = |reconnect: &str| read(&format!("{LEAST}{reconnect}\n")).populations[0].reconnect;
    let default = with("").expect("as apps do");
    assert_eq!(
        (default.first, default.max, default.attempts),
        (Duration::from_millis(300), Duration::from_secs(7), 10)
    );
    assert_eq!(with("reconnect = \"never\""), None);
    let own = with("reconnect = { first = \"1s\", factor = 1.5, max = \"2s\", attempts = 3 }").expect("a law");
    assert_eq!((own.first, own.max, own.attempts), (Duration::from_secs(1), Duration::from_secs(2), 3));
    for (reconnect, message) in [
        ("reconnect = \"always\"", "not understood"),
        ("reconnect = { first = \"5s\", max = \"1s\" }", "shorter than the first"),
        ("reconnect = { factor = 0.5 }", "0.5"),
        ("reconnect = { attempts = 0 }", "`attempts` is 0"),
    ] {
        let shown = error(&format!("{LEAST}{reconnect}\n"));
        assert!(shown.contains(message), "{reconnect}\n{shown}");
    }
}

#[test]
fn a_fault_selects_an_exact_quota_and_its_expectation_is_a_threshold() {
    let text = fault(
        "at = \"5s\"\nkind = \"udp-block\"\nfor = \"2s\"\nselect = { population = \"viewers\", fraction = 0.5 }\nexpect = { recover_within = \"1500ms\" }",
    );
    let (_, plan) = read_with(&text, &[]).expect("a scenario");
    let selected = &plan.faults[0].selected;
    assert!(selected.len() == 2 && selected.iter().all(|&one| one < 4), "{selected:?}");
    assert!(plan.participants.iter().all(|one| one.faults.is_empty() != selected.contains(&one.index)));
    let seeds: std::collections::BTreeSet<Vec<u32>> = (0..20)
        .map(|seed| read_with(&text, &[&format!("seed={seed}")]).expect("a scenario").1.faults[0].selected.clone())
        .collect();
    assert!(seeds.len() > 2 && seeds.iter().all(|selected| selected.len() == 2), "{seeds:?}");
    let [judged] = &plan.thresholds[..] else { panic!("{:?}", plan.thresholds) };
    assert_eq!((judged.expect.as_str(), judged.filter["phase"].as_str()), ("max <= 1.5s", "recovery:f"));
}
