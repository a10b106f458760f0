//! What participants received, into files: one thread writes, for all workers.
//!
//! Memory is bounded: so many bytes may wait for the disk. A live run has no time to wait for it: a file that would need
//! more ends there, and the run says so. A simulated run waits. What goes wrong with a file ends that file, never a run.

use crate::dump::{Place, Record};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Bytes that may wait for the disk.
const MOST_WAITING: usize = 64 << 20;
/// Records that may: small ones have a size of their own.
const MOST_RECORDS: usize = 1 << 16;
/// Files that are held open; one that is needed again is opened again.
const MOST_OPEN: usize = 128;

/// Who is dumped, and where to.
#[derive(Clone, Debug)]
pub struct Dump {
    /// Indices of participants in the plan.
    pub participants: Vec<u32>,
    /// Where it goes.
    pub hose: Hose,
}

/// One worker's way to the writer.
#[derive(Clone, Debug)]
pub struct Hose {
    sender: SyncSender<Option<Record>>,
    waiting: Arc<Waiting>,
    /// Whether it waits for the disk rather than let files end.
    patient: bool,
    /// Files that ended for want of room.
    ended: BTreeSet<Arc<str>>,
}

/// What waits for the disk.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Mutex<usize>,
    less: Condvar,
    /// Files that were cut off.
    cut: Mutex<BTreeSet<Arc<str>>>,
}

impl Waiting {
    /// Takes room for so many bytes; false where there is none and nobody may wait.
    fn take(&self, bytes: usize, patient: bool) -> bool {
        let mut waiting = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        while *waiting > 0 && *waiting + bytes > MOST_WAITING {
            if !patient {
                return false;
            }
            waiting = self.less.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting += bytes;
        true
    }

    fn give_back(&self, bytes: usize) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        self.less.notify_all();
    }

    fn cut(&self, file: &Arc<str>) {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).insert(file.clone());
    }
}

impl Hose {
    /// Hands records on, in their order, and empties the list.
    pub fn pour(&mut self, records: &mut Vec<Record>) {
        for record in records.drain(..) {
            if self.ended.contains(&record.file) {
                continue;
            }
            let (file, length) = (record.file.clone(), record.bytes.len());
            let gone = !self.waiting.take(length, self.patient) || {
                let refused = if self.patient {
                    self.sender.send(Some(record)).is_err()
                } else {
                    self.sender.try_send(Some(record)).is_err()
                };
                if refused {
                    self.waiting.give_back(length);
                }
                refused
            };
            if gone {
                self.waiting.cut(&file);
                self.ended.insert(file);
            }
        }
    }
}

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Files.
    pub files: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What went wrong, a sentence each.
    pub wrong: Vec<String>,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Writer {
    sender: SyncSender<Option<Record>>,
    waiting: Arc<Waiting>,
    thread: JoinHandle<Written>,
}

impl Writer {
    /// Begins to write into `dir`, which is made when something comes. `patient` as for a simulated run.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(dir: PathBuf, patient: bool) -> io::Result<(Self, Hose)> {
        let (sender, records) = sync_channel(MOST_RECORDS);
        let waiting = Arc::<Waiting>::default();
        let hose = Hose { sender: sender.clone(), waiting: waiting.clone(), patient, ended: BTreeSet::new() };
        let room = waiting.clone();
        let work = move || write(&dir, &records, &room);
        let thread = std::thread::Builder::new().name("dump".to_owned()).spawn(work)?;
        Ok((Self { sender, waiting, thread }, hose))
    }

    /// Writes what is left, and says what was written.
    #[must_use]
    pub fn finish(self) -> Written {
        // A writer that is gone has panicked, which the join tells.
        let _ = self.sender.send(None);
        let mut written = self.thread.join().unwrap_or_else(|_| Written {
            wrong: vec!["The dump's writer ended with a bug.".to_owned()],
            ..Written::default()
        });
        let cut = self.waiting.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let sentence = |file: &Arc<str>| {
            let limit = MOST_WAITING >> 20;
            format!("{file}: ends before the run did: the disk was more than {limit} MiB behind")
        };
        written.wrong.extend(cut.iter().map(sentence));
        written
    }
}

/// Writes until it is told to end.
fn write(dir: &Path, records: &Receiver<Option<Record>>, waiting: &Waiting) -> Written {
    let mut files = Files { dir, open: FxHashMap::default(), known: BTreeMap::new(), wrong: Vec::new() };
    while let Ok(Some(record)) = records.recv() {
        let length = record.bytes.len();
        files.take(&record);
        waiting.give_back(length);
    }
    files.finish()
}

struct Files<'a> {
    dir: &'a Path,
    open: FxHashMap<Arc<str>, BufWriter<File>>,
    /// Every file, with its bytes; `None` for one that ended with an error.
    known: BTreeMap<Arc<str>, Option<u64>>,
    wrong: Vec<String>,
}

impl Files<'_> {
    fn take(&mut self, record: &Record) {
        if self.known.get(&record.file) == Some(&None) {
            return;
        }
        match self.put(record) {
            Ok(()) => {
                let bytes = self.known.entry(record.file.clone()).or_insert(Some(0));
                if record.place == Place::End {
                    *bytes = bytes.map(|bytes| bytes + record.bytes.len() as u64);
                }
            }
            Err(error) => self.give_up(&record.file, &error),
        }
    }

    fn put(&mut self, record: &Record) -> io::Result<()> {
        if !self.open.contains_key(&record.file) {
            if self.open.len() >= MOST_OPEN {
                self.close_all();
            }
            let file = self.open(&record.file)?;
            self.open.insert(record.file.clone(), file);
        }
        let Some(file) = self.open.get_mut(&record.file) else { return Ok(()) };
        match record.place {
            Place::End => file.write_all(&record.bytes),
            Place::At(at) => {
                file.seek(SeekFrom::Start(at))?;
                file.write_all(&record.bytes)?;
                file.seek(SeekFrom::End(0)).map(drop)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<BufWriter<File>> {
        let path = self.dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // A file of an earlier run is replaced, one of this run goes on.
        let fresh = !self.known.contains_key(name);
        let mut file = File::options().create(true).write(true).truncate(fresh).open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(BufWriter::new(file))
    }

    fn close_all(&mut self) {
        let open: Vec<_> = self.open.drain().collect();
        for (name, mut file) in open {
            if let Err(error) = file.flush() {
                self.give_up(&name, &error);
            }
        }
    }

    fn give_up(&mut self, name: &Arc<str>, error: &io::Error) {
        self.wrong.push(format!("{}: {error}; the file ends there", self.dir.join(&**name).display()));
        self.known.insert(name.clone(), None);
        if let Some(file) = self.open.remove(name) {
            // What is buffered would fail once more when it is dropped.
            let _ = file.into_parts();
        }
    }

    fn finish(mut self) -> Written {
        self.close_all();
        self.wrong.sort();
        Written { files: self.known.len(), bytes: self.known.values().flatten().sum(), wrong: self.wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(file: &str, place: Place, bytes: &[u8]) -> Record {
        Record { file: file.into(), place, bytes: bytes.to_vec() }
    }

    #[test]
    fn records_become_files_and_patches_stay_where_they_belong() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("a")).expect("a directory");
        std::fs::write(dir.path().join("a/old"), "of an earlier run").expect("written");
        let (writer, mut hose) = Writer::start(dir.path().to_owned(), false).expect("a thread");
        let mut records = vec![record("a/old", Place::End, b"0123"), record("b/c", Place::End, b"xyz")];
        hose.pour(&mut records);
        assert!(records.is_empty());
        hose.pour(&mut vec![record("a/old", Place::At(1), b"__"), record("a/old", Place::End, b"45")]);
        let written = writer.finish();
        assert_eq!(written, Written { files: 2, bytes: 9, wrong: Vec::new() });
        assert_eq!(std::fs::read(dir.path().join("a/old")).expect("there"), b"0__345");
        assert_eq!(std::fs::read(dir.path().join("b/c")).expect("there"), b"xyz");
    }

    #[test]
    fn more_files_than_may_be_open_are_all_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let (writer, mut hose) = Writer::start(dir.path().to_owned(), true).expect("a thread");
        for round in 0..2 {
            for file in 0..MOST_OPEN + 5 {
                hose.pour(&mut vec![record(&format!("{file}"), Place::End, &[round])]);
            }
        }
        assert_eq!(writer.finish().bytes, 2 * (MOST_OPEN as u64 + 5));
        assert_eq!(std::fs::read(dir.path().join("3")).expect("there"), [0, 1]);
    }

    #[test]
    fn a_file_that_cannot_be_written_ends_and_the_others_do_not() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("taken")).expect("a directory");
        let (writer, mut hose) = Writer::start(dir.path().to_owned(), false).expect("a thread");
        let one = |name: &str| record(name, Place::End, b"x");
        hose.pour(&mut vec![one("taken"), one("taken"), one("fine")]);
        let written = writer.finish();
        assert_eq!((written.files, written.bytes, written.wrong.len()), (2, 1, 1), "{written:?}");
        assert!(written.wrong[0].contains("taken"), "{}", written.wrong[0]);
    }

    #[test]
    fn a_file_that_would_keep_a_live_run_waiting_ends_and_that_is_said() {
        let (sender, records) = sync_channel(MOST_RECORDS);
        let waiting = Arc::<Waiting>::default();
        let mut hose = Hose { sender, waiting: waiting.clone(), patient: false, ended: BTreeSet::new() };
        let large = vec![0; MOST_WAITING - 1];
        hose.pour(&mut vec![record("a", Place::End, &large), record("b", Place::End, b"xx")]);
        waiting.give_back(large.len());
        // There is room again, but what came in between is missing: the file has ended.
        hose.pour(&mut vec![record("b", Place::End, b"y"), record("a", Place::End, b"z")]);
        let got: Vec<_> =
            records.try_iter().flatten().map(|record| (record.file.to_string(), record.bytes.len())).collect();
        assert_eq!(got, [("a".to_owned(), large.len()), ("a".to_owned(), 1)]);
        assert_eq!(waiting.cut.lock().expect("nobody panicked").iter().map(|file| &**file).collect::<Vec<_>>(), ["b"]);
    }
}
