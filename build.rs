//! Tells the program which commit and compiler it was built from, for the outcome's environment.
//!
//! A source tree without git (an archive, a vendored crate) builds as well: the commit is then `unknown`, or what the
//! packager put into `THRONG_COMMIT`.

#![allow(clippy::disallowed_macros, reason = "a build script speaks to cargo by printing")]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=THRONG_COMMIT");
    // A change of the sources may make the tree dirty, a commit may make it clean.
    for path in ["src", "Cargo.toml", "Cargo.lock", "build.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for name in ["HEAD", "packed-refs", "refs/heads"] {
        if let Some(path) = output("git", &["rev-parse", "--git-path", name])
            && std::path::Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    println!("cargo::rustc-env=THRONG_COMMIT={}", commit());
    println!("cargo::rustc-env=THRONG_RUSTC={}", output(compiler, &["--version"]).unwrap_or_else(unknown));
}

fn commit() -> String {
    if let Some(given) = std::env::var_os("THRONG_COMMIT").and_then(|value| value.into_string().ok()) {
        return given;
    }
    // The repository must be this package's own, not one that happens to lie around it.
    let tracked = output("git", &["ls-files", "--error-unmatch", "build.rs"]);
    let Some(hash) = tracked.and_then(|_| output("git", &["rev-parse", "--short=12", "HEAD"])) else {
        return unknown();
    };
    let dirty = output("git", &["status", "--porcelain", "--untracked-files=no"]).is_some();
    if dirty { format!("{hash}-dirty") } else { hash }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The trimmed output of a command; `None` when it fails, is absent, or says nothing.
fn output(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
