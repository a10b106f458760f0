//! Verbs that send nothing: init, check, schema, metrics, profiles, completions, report on what is no outcome.

use super::{here, repository, throng, write};
use std::collections::BTreeSet;

#[test]
fn what_init_writes_passes_check_and_is_never_overwritten() {
    let dir = here();
    let ran = throng(dir.path(), &["init", "mine"]).exits(0);
    assert!(ran.out.contains("throng run mine.toml"), "{}", ran.out);
    throng(dir.path(), &["check", "mine.toml"]).exits(0);
    let before = std::fs::read(dir.path().join("mine.toml")).unwrap();
    throng(dir.path(), &["init", "mine"]).exits(2).silent().says(&["`mine.toml` is there already"]);
    assert_eq!(std::fs::read(dir.path().join("mine.toml")).unwrap(), before);
}

#[test]
fn check_prints_the_figures_of_the_plan() {
    let dir = here();
    let quickstart = repository("scenarios/quickstart.toml");
    let quickstart = quickstart.to_str().unwrap();
    let text = throng(dir.path(), &["check", quickstart]).exits(0).out;
    for part in ["100 participants in 5 rooms", "packets/s", "Mbps down", "sockets", "MiB", "cores of", "joins"] {
        assert!(text.contains(part), "`{part}`:\n{text}");
    }
    let figures: serde_json::Value =
        serde_json::from_str(&throng(dir.path(), &["check", "--json", quickstart]).exits(0).out).expect("JSON");
    let forecast = &figures["forecast"];
    let whole = |key: &str| forecast[key].as_f64().unwrap_or_else(|| panic!("{key}: {forecast}"));
    // Ten speakers with two tracks each; everybody receives those of the room's other speakers.
    assert_eq!((whole("participants"), whole("rooms"), whole("joins")), (100.0, 5.0, 100.0));
    assert_eq!((whole("tracks_published"), whole("tracks_received")), (20.0, 5.0 * (18.0 * 4.0 + 2.0 * 2.0)));
    assert_eq!(whole("joins_per_second"), 20.0);
    for flow in ["steady", "peak"] {
        for key in ["packets_up", "packets_down", "bits_up", "bits_down"] {
            assert!(forecast[flow][key].as_f64().is_some_and(|value| value > 0.0), "{flow}.{key}: {forecast}");
        }
        // Every uplink packet reaches all but one of the twenty in the room.
        let (up, down) = (&forecast[flow]["packets_up"], &forecast[flow]["packets_down"]);
        let fan_out = down.as_f64().unwrap() / up.as_f64().unwrap();
        assert!((fan_out - 19.0).abs() < 0.01, "{fan_out}");
    }
    for key in ["sockets", "open_files", "memory", "cores", "sfu_cores"] {
        assert!(whole(key) > 0.0, "{key}");
    }
    assert!(figures["cores_available"].as_u64().is_some_and(|cores| cores > 0));
}

#[test]
fn set_and_seed_change_what_is_checked() {
    let dir = here();
    let quickstart = repository("scenarios/quickstart.toml");
    let line = |more: &[&str]| {
        let line: Vec<&str> = ["check", "--json", quickstart.to_str().unwrap()].iter().chain(more).copied().collect();
        serde_json::from_str::<serde_json::Value>(&throng(dir.path(), &line).exits(0).out).expect("JSON")
    };
    assert_eq!(line(&["--set", "rooms.count=3"])["forecast"]["rooms"], 3);
    assert_eq!(line(&["--seed", "7"])["seed"], 7);
    assert_eq!(line(&["--set", "run.duration=90s"])["run"]["duration"], 90.0);
}

/// Keys of every table in a TOML value, names of tables that the user chose left out.
fn keys(value: &toml::Value, named: bool, into: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                if !named {
                    into.insert(key.clone());
                }
                keys(value, !named && matches!(key.as_str(), "media" | "network" | "tags" | "where"), into);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| keys(item, false, into)),
        _ => {}
    }
}

#[test]
fn the_schema_is_json_and_knows_every_key_of_the_scenarios() {
    let dir = here();
    let schema = throng(dir.path(), &["schema"]).exits(0).out;
    let parsed: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(parsed["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut used = BTreeSet::new();
    for entry in std::fs::read_dir(repository("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            keys(&std::fs::read_to_string(path).unwrap().parse::<toml::Table>().unwrap().into(), false, &mut used);
        }
    }
    let missing: Vec<&String> = used.iter().filter(|key| !schema.contains(&format!("\"{key}\""))).collect();
    assert!(used.len() > 30 && missing.is_empty(), "{missing:?} of {used:?}");
}

#[test]
fn the_catalog_has_name_kind_unit_and_meaning_of_each_metric() {
    let dir = here();
    let catalog: serde_json::Value =
        serde_json::from_str(&throng(dir.path(), &["metrics", "--json"]).exits(0).out).expect("JSON");
    let catalog = catalog.as_array().expect("a list");
    for entry in catalog {
        for key in ["name", "kind", "unit", "meaning"] {
            assert!(entry[key].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
        }
        assert!(entry["aggregates"].as_array().is_some_and(|list| !list.is_empty()), "{entry}");
    }
    let text = throng(dir.path(), &["metrics"]).exits(0).out;
    assert!(catalog.iter().all(|entry| text.contains(entry["name"].as_str().unwrap())));
}

#[test]
fn every_profile_that_is_listed_can_be_lived_behind() {
    let dir = here();
    let profiles: serde_json::Value =
        serde_json::from_str(&throng(dir.path(), &["profiles", "--json"]).exits(0).out).expect("JSON");
    let text = throng(dir.path(), &["profiles"]).exits(0).out;
    let mut networks = String::new();
    for profile in profiles.as_array().expect("a list") {
        let name = profile["name"].as_str().expect("a name");
        assert!(text.contains(name));
        networks.push_str(&format!("{{ use = \"{name}\", weight = 1 }}, "));
    }
    let scenario = format!(
        "version = 1\nname = \"all\"\n[run]\nduration = \"5s\"\n[[population]]\nname = \"a\"\ncount = 100\nnetwork = [{networks}]\n"
    );
    write(dir.path(), "all.toml", &scenario);
    throng(dir.path(), &["check", "all.toml"]).exits(0);
}

#[test]
fn completions_are_those_of_the_verbs() {
    let dir = here();
    for shell in ["bash", "zsh", "fish"] {
        let script = throng(dir.path(), &["completions", shell]).exits(0).out;
        assert!(
            ["quick", "schema", "profiles", "--i-own-target"]
                .iter()
                .all(|word| { script.contains(word) || script.contains(word.trim_start_matches('-')) })
        );
    }
    throng(dir.path(), &["completions", "abacus"]).exits(2).says(&["bash"]);
}

#[test]
fn help_names_the_verbs_and_the_exit_codes() {
    let dir = here();
    let help = throng(dir.path(), &["--help"]).exits(0).out;
    for word in
        ["run", "path", "check", "report", "quick", "init", "sfu", "schema", "metrics", "profiles", "completions"]
    {
        assert!(help.contains(word), "{word}");
    }
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for code in
        ["0 pass", "99 threshold", "98 inconclusive", "97 invalid", "2 bad", "3 target", "130 interrupted", "1 passed"]
    {
        assert!(flat.contains(code), "{code}: {flat}");
    }
}

#[test]
fn what_is_no_outcome_is_refused_with_file_and_reason() {
    let dir = here();
    for (name, text, part) in [
        ("broken.json", "{\"version\": 1, \"scen", "not JSON, or cut off"),
        ("other.json", "{\"version\": 7}", "an outcome of version 7; this throng reads version 1"),
        ("none.json", "{\"a\": 1}", "it has no `version`"),
        ("shape.json", "{\"version\": 1}", "missing field `scenario`"),
    ] {
        write(dir.path(), name, text);
        throng(dir.path(), &["report", name]).exits(2).silent().says(&[name, part]);
    }
    throng(dir.path(), &["report", "nothere.json"]).exits(2).silent().says(&["cannot read nothere.json"]);
    throng(dir.path(), &["report", "."]).exits(2).silent().says(&["outcome.json"]);
}
