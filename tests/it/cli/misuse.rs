//! Bad scenarios and bad usage: file, line, key and what to write instead, all at once, on stderr, exit 2.

use super::{here, throng, throng_after, write};

const LEAST: &str = "version = 1\nname = \"x\"\n[run]\nduration = \"5s\"\n[[population]]\nname = \"a\"\ncount = 2\n";

#[test]
fn all_that_is_wrong_is_said_at_once_with_line_key_and_what_to_write() {
    let dir = here();
    let text = r#"version = 1
name = "bad"
[run]
duraton = "10s"
duration = "10 parsecs"
[media.cam]
kind = "video"
size = "640x360"
bitrate = "500kps"
[network.x]
down = { loss = { model = "gilbert", mean = 0.1, burst = 0.5 } }
[rooms]
participants = 10
[[population]]
name = "a"
share = 1.5
publish = ["cam", "mik"]
network = "y"
[[threshold]]
metric = "video.freez_ratio"
expect = "value < 0.1"
[[threshold]]
metric = "join.total"
where = { netwrok = "x" }
expect = "p95 < 2 apples"
"#;
    write(dir.path(), "bad.toml", text);
    let parts = [
        "bad.toml:4:1",
        "`duraton` is not a key of `run`",
        "run.duraton",
        "did you mean `duration`?",
        "bad.toml:5:12",
        "write a duration with its unit",
        "media.cam.bitrate",
        "write a rate with its unit",
        "network.x.down.loss.burst",
        "a mean burst of at least 1 packet",
        "population.a.share",
        "a ratio between 0 and 1",
        "there is no media `mik`",
        "there is no network `y`",
        "`video.freez_ratio` is not a metric",
        "did you mean `video.freeze_ratio`?",
        "threshold[1].where.netwrok",
        "`netwrok` is not a label",
        "did you mean `network`?",
        "`2 apples` is no limit for `join.total`",
        "bad.toml cannot run: 10 errors",
    ];
    for verb in [&["check", "bad.toml"][..], &["run", "bad.toml"], &["run", "--quiet", "bad.toml"]] {
        throng(dir.path(), verb).exits(2).silent().says(&parts);
    }
    throng(dir.path(), &["run", "--json", "bad.toml"]).exits(2).silent().says(&parts);
    assert!(!dir.path().join("reports").exists(), "nothing was run");
}

#[test]
fn a_label_that_no_sample_has_is_refused_before_the_run() {
    let dir = here();
    let threshold = "[[threshold]]\nmetric = \"join.total\"\nwhere = { population = \"b\" }\nexpect = \"p95 < 2s\"\n";
    write(dir.path(), "s.toml", &format!("{LEAST}{threshold}"));
    throng(dir.path(), &["run", "s.toml"])
        .exits(2)
        .says(&["there is no population `b`", "threshold[0].where.population"]);
}

#[test]
fn a_scenario_that_is_not_there_is_named() {
    let dir = here();
    for verb in ["run", "check"] {
        throng(dir.path(), &[verb, "nothere.toml"]).exits(2).silent().says(&["`nothere.toml`", "No such file"]);
    }
    write(dir.path(), "no.toml", "version = = 1\n");
    throng(dir.path(), &["check", "no.toml"]).exits(2).says(&["this is not TOML", "no.toml:1"]);
}

#[test]
fn set_is_checked_as_the_file_is() {
    let dir = here();
    write(dir.path(), "s.toml", LEAST);
    let line = ["check", "s.toml", "--set", "run.durtion=4s", "--set", "rooms.count=many", "--set", "nothing"];
    throng(dir.path(), &line).exits(2).silent().says(&[
        "--set run.durtion=4s",
        "did you mean `duration`?",
        "--set rooms.count=many",
        "write a whole number",
        "--set nothing",
        "`key=value`",
        "3 errors",
    ]);
    throng(dir.path(), &["check", "s.toml", "--set", "population.a.count=5"]).exits(0);
}

#[test]
fn a_secret_of_the_command_line_is_not_repeated() {
    let dir = here();
    write(dir.path(), "s.toml", LEAST);
    let set = "target.auth={ kind = \"bearer\", token = \"hunter2\", colour = \"red\" }";
    let ran = throng(dir.path(), &["check", "s.toml", "--set", set]).exits(2);
    assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"), "{ran:#?}");
}

#[test]
fn what_cannot_be_written_is_refused_before_the_run() {
    let dir = here();
    write(dir.path(), "s.toml", LEAST);
    write(dir.path(), "file", "");
    throng(dir.path(), &["run", "s.toml", "--out", "/proc/nope"])
        .exits(2)
        .silent()
        .says(&["/proc/nope: cannot be written"]);
    throng(dir.path(), &["run", "s.toml", "--out", "file"]).exits(2).silent().says(&["file: is no directory"]);
    throng(dir.path(), &["quick", "--out", "file"]).exits(2).silent().says(&["file: is no directory"]);
}

#[test]
fn too_few_open_files_are_a_sentence_with_need_and_limit() {
    let dir = here();
    let text = LEAST.replace("count = 2", "count = 40");
    write(dir.path(), "s.toml", &text);
    for verb in ["run", "check"] {
        throng_after(dir.path(), "ulimit -n 64", &format!("{verb} s.toml")).exits(2).silent().says(&[
            "open files",
            "64",
            "ulimit -Hn",
        ]);
    }
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let dir = here();
    throng(dir.path(), &["rum"]).exits(2).says(&["unrecognized subcommand", "'run'"]);
    throng(dir.path(), &["run"]).exits(2).says(&["<SCENARIO.toml>"]);
    throng(dir.path(), &["quick", "--subscriber", "3"]).exits(2).says(&["--subscribers"]);
    throng(dir.path(), &["quick", "--network", "5g-on-mars"]).exits(2).says(&["5g-on-mars", "throng profiles"]);
    throng(dir.path(), &["quick", "--for", "thirty"]).exits(2).says(&["write a duration with its unit"]);
    throng(dir.path(), &["init", "no/name"]).exits(2).says(&["`no/name` is not a name"]);
}

#[test]
fn a_story_goes_with_nothing_that_it_would_ignore() {
    let dir = here();
    write(dir.path(), "s.toml", LEAST);
    for other in [&["--json"][..], &["--quiet"], &["--out", "there"], &["--seeds", "1..2"]] {
        let mut line = vec!["run", "s.toml", "--world", "simulated", "--replay", "1", "--participant", "0"];
        line.extend(other);
        throng(dir.path(), &line).exits(2).silent().says(&["cannot be used with", other[0]]);
    }
}

#[test]
fn what_a_scenario_names_and_is_not_there_comes_with_what_to_do() {
    let dir = here();
    let network = |down: &str| format!("{LEAST}network = \"n\"\n[network.n]\ndown = {{ {down} }}\n");
    std::fs::create_dir(dir.path().join("traces")).unwrap();
    for (down, parts) in [
        ("trace = { mahimahi = \"gone.txt\" }", ["there is no gone.txt", "relative to the directory of this file"]),
        ("trace = { mahimahi = \"traces\" }", ["traces is a directory", "write the name of a file in it"]),
        ("delay_variation = { sd = \"2ms\" }", ["delay_variation.dist", "`paretonormal`, `table`, `slot`, `none`"]),
        ("loss = { model = \"4-state\", p13 = 0.9, p14 = 0.2 }", ["loss.p14", "at most 1 - p13 = 0.1"]),
    ] {
        write(dir.path(), "s.toml", &network(down));
        throng(dir.path(), &["check", "s.toml"]).exits(2).says(&parts);
    }
    let threshold =
        "[[threshold]]\nmetric = \"session.lost\"\nwhere = { phase = \"recovery:x\" }\nexpect = \"count == 0\"\n";
    write(dir.path(), "s.toml", &format!("{LEAST}{threshold}"));
    throng(dir.path(), &["check", "s.toml"]).exits(2).says(&["there is no fault `x`", "has no `[[fault]]`: add one"]);
}

#[test]
fn an_expectation_that_was_set_is_found_on_the_command_line() {
    let dir = here();
    let fault = "[[fault]]\nname = \"it\"\nat = \"2s\"\nkind = \"ice-restart\"\nexpect = { recover_within = \"1s\" }\n";
    write(dir.path(), "s.toml", &format!("{LEAST}{fault}"));
    let set = "fault.it.expect.recover_within=99s";
    throng(dir.path(), &["check", "s.toml", "--set", set]).exits(2).says(&["--set", set, "to have recovered by 101 s"]);
}

#[test]
fn keys_of_no_use_in_a_simulated_run_are_told_and_refuse_nothing() {
    let dir = here();
    write(dir.path(), "s.toml", &LEAST.replace("[run]", "[target]\nworkers = 2\n[run]\nworkers = 3"));
    let told = throng(dir.path(), &["check", "s.toml", "--world", "simulated"]).exits(0);
    for key in ["`run.workers` is of no use", "`target.workers` is of no use", "simulated  no sockets"] {
        assert!(told.out.contains(key), "{told:#?}");
    }
    assert!(!throng(dir.path(), &["check", "s.toml"]).exits(0).out.contains("of no use"));
    let run = throng(dir.path(), &["run", "s.toml", "--world", "simulated", "--out", "r"]);
    assert!(run.err.contains("note: `run.workers` is of no use in a simulated run"), "{run:#?}");
}
