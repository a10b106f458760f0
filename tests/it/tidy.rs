//! The house rules that a compiler does not check: floors, sizes, words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Lines of a file without its tests.
const MAX_FILE: usize = 500;
/// Lines of a function.
const MAX_FUNCTION: usize = 70;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The code of a file up to its tests; empty for a file of tests.
fn code(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy();
    let test_file =
        name == "tests.rs" || path.components().any(|part| part.as_os_str() == "tests") || only_for_tests(path);
    let text = std::fs::read_to_string(path).unwrap();
    if test_file { String::new() } else { text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned() }
}

/// Whether the module beside or above a file declares it for tests alone.
fn only_for_tests(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_string_lossy();
    let parent = std::fs::read_to_string(path.with_file_name("mod.rs")).unwrap_or_default();
    ["", "pub(crate) "].iter().any(|seen| parent.contains(&format!("#[cfg(test)]\n{seen}mod {stem};")))
}

/// The floor table of ARCHITECTURE.md: rows `| number | modules | … |`, lowest first.
fn floors() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut floors = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(Ok(number)) = cells.get(1).map(|cell| cell.parse::<usize>()) else { continue };
        for name in cells[2].split_whitespace() {
            floors.insert(name.trim_matches('`').to_owned(), number);
        }
    }
    floors
}

/// Imports between modules of one floor that the design allows, as ARCHITECTURE.md lists them.
const SIDEWAYS: [(&str, &str); 1] = [("sfu", "transport")];

#[test]
fn imports_only_go_down() {
    let floors = floors();
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")) {
        let relative = path.strip_prefix(root().join("src")).unwrap().to_owned();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if first == "main" || first == "lib" {
            continue;
        }
        let Some(&own) = floors.get(&first) else {
            wrong.push(format!("{}: `{first}` stands on no floor of ARCHITECTURE.md", relative.display()));
            continue;
        };
        for line in code(&path).lines().filter(|line| !line.trim_start().starts_with("//")) {
            for part in line.split("crate::").skip(1) {
                let target: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let Some(&floor) = floors.get(&target) else { continue };
                let sideways = SIDEWAYS.contains(&(first.as_str(), target.as_str()));
                if target != first && floor >= own && !sideways {
                    wrong.push(format!("{}: {}", relative.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that go up or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn files_and_functions_stay_small() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("netem-rs/src"))) {
        let code = code(&path);
        let lines: Vec<&str> = code.lines().collect();
        if lines.len() > MAX_FILE {
            wrong.push(format!("{}: {} lines", path.display(), lines.len()));
        }
        let mut start = None;
        for (number, line) in lines.iter().enumerate() {
            let trimmed = line.trim_start();
            let indent = line.len() - trimmed.len();
            let opens = [
                "fn ",
                "pub fn ",
                "pub(super) fn ",
                "pub(crate) fn ",
                "const fn ",
                "pub const fn ",
                "async fn ",
                "pub async fn ",
            ];
            if start.is_none() && opens.iter().any(|open| trimmed.starts_with(open)) {
                start = Some((number, indent));
            }
            if let Some((from, at)) = start
                && (trimmed == "}"
                    || trimmed.ends_with(" }") && number == from
                    || trimmed.ends_with(';') && number == from)
                && indent == at
            {
                if number - from + 1 > MAX_FUNCTION {
                    wrong.push(format!("{}:{}: a function of {} lines", path.display(), from + 1, number - from + 1));
                }
                start = None;
            }
        }
    }
    assert!(wrong.is_empty(), "too long:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let missing: Vec<String> = sources(&root().join("src"))
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs") && !path.components().any(|part| part.as_os_str() == "tests"))
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(missing.is_empty(), "without a head: {missing:?}");
}

#[test]
fn nothing_is_left_to_be_done_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
    ];
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("netem-rs"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in words.iter().filter(|word| text.contains(**word)) {
            wrong.push(format!("{}: {word}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn transcendental_functions_come_from_libm() {
    // A square root is exact everywhere (IEEE 754); these differ between C libraries.
    let names = ["ln", "ln_1p", "log2", "log10", "exp", "exp2", "exp_m1", "powf", "powi", "cbrt", "hypot"];
    let angles = ["sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh"];
    let calls: Vec<String> = names.iter().chain(&angles).map(|name| format!(".{name}(")).collect();
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("netem-rs/src"))) {
        for line in code(&path).lines().filter(|line| !line.trim_start().starts_with("//")) {
            if calls.iter().any(|call| line.contains(call.as_str())) {
                wrong.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "take these from libm:\n{}", wrong.join("\n"));
}
