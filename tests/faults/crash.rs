//! The power goes at every call: `make power-cuts`. What was not made durable (fsync) is lost.
//!
//! A run is killed before its k-th call. Of the folder it left, three disks are made: one that kept everything; one that kept all names but
//! of each file only what it held at its last fsync; one that kept of each folder, too, only the names of its last fsync.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::bench::{Bench, Faults, Finished, Start, make, remove};
use crate::common::{files, write};
use crate::inject::{calls, counted};

/// What survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Everything,
    Names,
    Synced,
}

/// What had become durable, by inode, from the trace of `shim.c`.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    files: BTreeMap<u64, Vec<u8>>,
    /// Names with inode and whether it is a folder.
    folders: BTreeMap<u64, Vec<(u64, bool, String)>>,
}

impl Durable {
    fn read(trace: &Path, keep: &Path) -> Self {
        let mut durable = Self::default();
        durable.follow(trace, keep);
        durable
    }

    /// All that lies in a folder: what was there before may be taken for durable.
    pub(crate) fn take(&mut self, folder: &Path) {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            names.push((inode(&path), path.is_dir(), name));
            if path.is_dir() {
                self.take(&path);
            } else {
                self.files.insert(inode(&path), fs::read(&path).unwrap());
            }
        }
        self.folders.insert(inode(folder), names);
    }

    /// What became durable later, from a trace.
    pub(crate) fn follow(&mut self, trace: &Path, keep: &Path) {
        for line in fs::read_to_string(trace).unwrap_or_default().lines() {
            let parts: Vec<&str> = line.split('\t').collect();
            let [number, call, _, inode] = parts[..] else {
                panic!("{line}");
            };
            let inode = inode.parse().unwrap();
            match call {
                // The inode of a file that is gone may come back as another's.
                "made" => {
                    self.files.remove(&inode);
                    self.folders.remove(&inode);
                }
                "durable-file" => {
                    self.files
                        .insert(inode, fs::read(keep.join(number)).unwrap());
                }
                "durable-folder" => {
                    let text = fs::read_to_string(keep.join(number)).unwrap();
                    let names = text.lines().map(|line| {
                        let mut parts = line.splitn(3, '\t');
                        let mut part = || parts.next().unwrap();
                        (part().parse().unwrap(), part() == "d", part().to_owned())
                    });
                    self.folders.insert(inode, names.collect());
                }
                _ => {}
            }
        }
    }

    /// Puts in a folder's place what the disk kept of it.
    pub(crate) fn replace(&self, folder: &Path, kept: Kept, spare: &Path) {
        remove(spare);
        match kept {
            Kept::Everything => copy(folder, spare, None),
            Kept::Names => copy(folder, spare, Some(self)),
            Kept::Synced => self.restore(inode(folder), spare),
        }
        remove(folder);
        move_to(spare, folder);
    }

    /// Makes the disk that kept only what was synced.
    fn restore(&self, inode: u64, to: &Path) {
        make(to);
        for (inode, is_folder, name) in self.folders.get(&inode).into_iter().flatten() {
            if *is_folder {
                self.restore(*inode, &to.join(name));
            } else {
                let bytes = self.files.get(inode).cloned().unwrap_or_default();
                write(&to.join(name), &bytes);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests move their own folders")]
fn move_to(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}

fn inode(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::symlink_metadata(path).unwrap())
}

/// Copies a tree with, of each file, what `kept` says.
fn copy(from: &Path, to: &Path, durable: Option<&Durable>) {
    make(to);
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target, durable);
        } else {
            let bytes = match durable {
                None => fs::read(&path).unwrap(),
                Some(durable) => durable
                    .files
                    .get(&inode(&path))
                    .cloned()
                    .unwrap_or_default(),
            };
            write(&target, &bytes);
        }
    }
}

/// One instant. `seen` holds the disks that were tried before.
fn cut(
    bench: &mut Bench,
    like: &Finished,
    at: usize,
    how: &str,
    own_keys: bool,
    seen: &mut HashSet<[u8; 32]>,
) -> Vec<String> {
    let attempt = bench.attempt("cut");
    let (trace, keep) = (bench.path("cut-trace"), bench.path("cut-keep"));
    write(&trace, b"");
    remove(&keep);
    make(&keep);
    let faults = Faults {
        trace: Some(trace.clone()),
        keep: Some(keep.clone()),
        fault: Some((at, how.to_owned(), "once")),
        ..Faults::default()
    };
    let start = Start {
        own_keys,
        faults: Some(&faults),
        ..Start::default()
    };
    bench.run(&attempt, &start);
    let durable = Durable::read(&trace, &keep);
    let mut problems = Vec::new();
    for kept in [Kept::Everything, Kept::Names, Kept::Synced] {
        let disk = bench.attempt("disk");
        match kept {
            Kept::Everything => copy(&attempt, &disk, None),
            Kept::Names => copy(&attempt, &disk, Some(&durable)),
            Kept::Synced => durable.restore(inode(&attempt), &disk),
        }
        make(&disk.join("tmp"));
        if !seen.insert(state(&disk)) {
            continue;
        }
        let checked = bench
            .check(&disk)
            .and_then(|()| bench.finish(&disk, own_keys, like));
        if let Err(problem) = checked {
            problems.push(format!("{kept:?}: {problem}"));
        }
    }
    problems
}

/// Hash of all names and bytes.
fn state(disk: &Path) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, bytes) in files(disk) {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(Sha256::digest(&bytes));
    }
    hash.finalize().into()
}

/// Every `step`th call from `first`; with keys of the run's own those alone that come before the last call for a key: later all is as with given ones.
fn cuts(first: usize, step: usize, own_keys: bool) {
    let mut bench = Bench::with_shim();
    let (like, calls) = counted(&mut bench, own_keys, false);
    let is_key = |call: &String| call.contains("/private/") && call.contains(".key");
    let last_of_keys = calls.iter().rposition(is_key);
    let last = if own_keys {
        // The next one comes after it.
        last_of_keys.unwrap() + 2
    } else {
        // One more: the run is over.
        calls.len() + 1
    };
    let mut seen = HashSet::new();
    let mut failed = Vec::new();
    for at in (first..=last).step_by(step) {
        let call = calls.get(at - 1).map_or("after the end", String::as_str);
        for how in ["kill", "torn"] {
            if how == "torn" && !call.contains("\twrite\t") {
                continue;
            }
            let problems = cut(&mut bench, &like, at, how, own_keys, &mut seen);
            failed.extend(
                problems
                    .into_iter()
                    .map(|problem| format!("{how} at {call}: {problem}")),
            );
        }
    }
    println!(
        "{last} of {} calls, {} different disks",
        calls.len(),
        seen.len()
    );
    assert!(failed.is_empty(), "{}: {failed:#?}", failed.len());
}

#[test]
fn what_was_not_made_durable_may_be_lost() {
    // Among frames, and while the map is made.
    cuts(40, 800, false);
}

#[test]
fn what_a_finished_run_reported_survives_a_power_cut() {
    let mut bench = Bench::with_shim();
    let (like, _) = counted(&mut bench, false, false);
    let attempt = bench.attempt("whole");
    let (trace, keep) = (bench.path("cut-trace"), bench.path("cut-keep"));
    make(&keep);
    let faults = Faults {
        trace: Some(trace.clone()),
        keep: Some(keep.clone()),
        fault: None,
        ..Faults::default()
    };
    bench.run(
        &attempt,
        &Start {
            faults: Some(&faults),
            ..Start::default()
        },
    );
    let disk = bench.attempt("disk");
    Durable::read(&trace, &keep).restore(inode(&attempt), &disk);
    let found = crate::bench::finished(&disk.join("out")).unwrap();
    assert!(found == like);
}

#[test]
#[ignore = "`make power-cuts`: every tenth call, an hour"]
fn every_cut() {
    let (first, step) = calls();
    cuts(first, step, false);
}

#[test]
#[ignore = "`make power-cuts`: every tenth call until a run has made its keys"]
fn every_cut_while_keys_are_made() {
    let (first, step) = calls();
    cuts(first, step, true);
}
