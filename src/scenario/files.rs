//! Files that a scenario names (traces, tables, clips): relative to its own, and never larger than anybody could mean.

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Looks up the bytes of a file that a scenario names, or says why there are none.
pub type Files<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, Unreadable>;

/// Why a file cannot be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// What is wrong, with the file's whole name.
    pub why: String,
    /// What to do about it.
    pub mend: &'static str,
}

impl Unreadable {
    fn of(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.display();
        let (why, mend) = match error.kind() {
            ErrorKind::NotFound => (
                format!("there is no {path}"),
                "write its name relative to the directory of this file, or put it there",
            ),
            ErrorKind::IsADirectory => (format!("{path} is a directory"), "write the name of a file in it"),
            ErrorKind::PermissionDenied => (format!("{path} may not be read by this user"), "change who may read it"),
            _ => (format!("{path}: {error}"), "see that it can be read"),
        };
        Self { why, mend }
    }
}

/// The most bytes of a file: five minutes of a Mahimahi trace at 100 Mbit/s, or a loss trace of 16 million packets.
const MOST: u64 = 16 << 20;

/// [`Files`] of a scenario that may name none.
///
/// # Errors
/// Always, with a sentence.
pub fn no_files(_: &str) -> Result<Vec<u8>, Unreadable> {
    Err(Unreadable { why: "there are no files here".to_owned(), mend: "write the values themselves" })
}

/// The same for a file of text.
pub(crate) fn text(files: Files<'_>, name: &str) -> Result<String, Unreadable> {
    String::from_utf8(files(name)?).map_err(|_| {
        let mend = "name a file of text; one that is compressed is unpacked first";
        Unreadable { why: format!("{name} is not text"), mend }
    })
}

/// [`Files`] relative to the directory of the scenario `file`. What it hands out opens files; nothing else in this module
/// does.
pub fn beside(file: &str) -> impl Fn(&str) -> Result<Vec<u8>, Unreadable> + use<> {
    let directory: PathBuf = Path::new(file).parent().unwrap_or(Path::new("")).to_owned();
    move |name| {
        let path = directory.join(name);
        let refused = |error: std::io::Error| Unreadable::of(&path, &error);
        let opened = std::fs::File::open(&path).map_err(refused)?;
        let mut bytes = Vec::new();
        opened.take(MOST + 1).read_to_end(&mut bytes).map_err(refused)?;
        if bytes.len() as u64 > MOST {
            let why = format!("{} is larger than 16 MiB", path.display());
            return Err(Unreadable { why, mend: "shorten it: a trace or a clip begins anew at its end" });
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_beside_the_scenario_and_a_huge_one_is_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("traces")).expect("a directory");
        std::fs::write(dir.path().join("traces/a.txt"), "1\n2\n").expect("written");
        std::fs::write(dir.path().join("b.txt"), [0xFF, 0xFE]).expect("written");
        let scenario = dir.path().join("s.toml").display().to_string();
        let files = beside(&scenario);
        assert_eq!(text(&files, "traces/a.txt").as_deref(), Ok("1\n2\n"));
        assert_eq!(files("b.txt"), Ok(vec![0xFF, 0xFE]));
        assert!(text(&files, "b.txt").unwrap_err().why.ends_with("is not text"));
        let missing = files("nowhere").unwrap_err();
        assert!(missing.why.starts_with("there is no ") && missing.why.ends_with("nowhere"), "{missing:?}");
        assert!(missing.mend.contains("relative to the directory of this file"), "{missing:?}");
        let directory = files("traces").unwrap_err();
        assert!(directory.why.ends_with("traces is a directory"), "{directory:?}");
        // It never ends: the limit does.
        assert!(files("/dev/zero").unwrap_err().why.contains("larger than 16 MiB"));
    }
}
