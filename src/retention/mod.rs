//! What is due for deletion, and deleting it.
//!
//! In: a finished run's folder and the time. Out: what is due by the dates of `run.opened`; deleted files and `raw.deleted` entries.
//! Refuses: files that are not those of the manifest, to destroy names or key while inputs that are due still lie there.
//!
//! Order: files are deleted, their names' absence made durable, the places scanned again, then the entry is logged and signed. Killed in
//! between, the log claims nothing that did not happen; the next purge counts those files as missing.
//!
//! Where inputs are sealed and their key is given, the key is destroyed with them: that is the deletion of every copy, wherever it lies.

mod error;
mod inputs;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use error::RetentionError;

use crate::audit::{self, AuditError, Entry, RawDeleted, RunOpened, Signer};
use crate::run::frame_files;
use crate::store::{self, Existing, Lies, Plain, Store, layout};

/// Categories in the order in which they are deleted: names and key are needed to find and to check inputs.
const CATEGORIES: [&str; 4] = ["working", "raw", "private", "commitment-key"];

/// One category with a date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// `raw`, `working`, `private` or `commitment-key`.
    pub category: &'static str,
    /// Seconds since 1970.
    pub due: i64,
    /// Whether it is due and was not deleted yet.
    pub is_due: bool,
    /// Files that lie there; of `raw` not yet compared with the manifest.
    pub files: u64,
}

/// What deleting needs.
#[derive(Debug, Clone, Copy)]
pub struct Purge<'a> {
    /// Folder of the run.
    pub folder: &'a Path,
    /// Seconds since 1970.
    pub now: i64,
    /// The key that signs the log.
    pub log: &'a Signer,
    /// Key of the commitments, where it is not the run's own.
    pub commitment_key: Option<&'a Path>,
    /// The intake key of sealed inputs: destroyed with them, so that no copy of them can be opened.
    pub intake_key: Option<&'a Path>,
    /// Whether inputs whose whole folder is gone count as deleted by others; else they may be on a drive that is not mounted.
    pub folders_are_gone: bool,
}

/// What has a date, in the order in which it is deleted.
///
/// # Errors
///
/// [`RetentionError`] when the run is not finished or the folder cannot be read.
pub fn due(folder: &Path, now: i64) -> Result<Vec<Due>, RetentionError> {
    let entries = audit::read(folder)?;
    let opened = opened(folder, &entries)?;
    let mut dates = Vec::new();
    for category in CATEGORIES {
        let Some(due) = opened.retention.due(category) else {
            continue;
        };
        let files = there(&files_of(folder, category)?)?;
        dates.push(Due {
            category,
            due,
            is_due: due <= now
                && waits(&entries, category, files)
                && !is_elsewhere(category, files),
            files,
        });
    }
    Ok(dates)
}

/// Deletes what is due and logs it, category by category.
///
/// # Errors
///
/// [`RetentionError`] when the log cannot be gone on with, or a file not be deleted: what was deleted before is in the log.
pub fn purge(purge: &Purge<'_>) -> Result<Vec<RawDeleted>, RetentionError> {
    let folder = purge.folder;
    audit::must_exist(folder)?;
    let store = Store::open(folder, Existing::Keep)?;
    let (mut log, entries) = audit::open_finished(&store, purge.log)?;
    let run = opened(folder, &entries)?;
    let retention = run.retention;
    let newest = entries.iter().filter_map(Entry::at).max();
    if let Some(last) = newest.filter(|last| purge.now < *last) {
        let at = purge.now;
        return Err(RetentionError::Clock { last, at });
    }
    let inputs_stay = |done: &[RawDeleted]| {
        let now = done.iter().rfind(|deleted| deleted.category == "raw");
        retention.raw.is_some_and(|raw| raw <= purge.now)
            && now.map_or(!is_done(&entries, "raw"), |deleted| deleted.left > 0)
    };
    let mut done: Vec<RawDeleted> = Vec::new();
    for category in CATEGORIES {
        let due = retention.due(category).filter(|due| *due <= purge.now);
        let Some(due) = due else { continue };
        let files = files_of(folder, category)?;
        let count = there(&files)?;
        let key_waits =
            category == "raw" && purge.intake_key.is_some() && destroyed_key(&entries).is_none();
        if !key_waits && !waits(&entries, category, count) {
            continue;
        }
        if is_elsewhere(category, count) {
            tracing::warn!(
                "the key of the commitments does not lie in {}: destroy it where it lies, once no other run needs it",
                folder.display()
            );
            continue;
        }
        if ["private", "commitment-key"].contains(&category) && inputs_stay(&done) {
            tracing::error!(
                "inputs are left, so that {category} stays: without it no more could be found and checked"
            );
            continue;
        }
        let deleted = match category {
            "raw" => inputs::delete(purge, run, &entries, &frame_files(folder)?)?,
            _ => vec![delete(&files, category == "commitment-key")?],
        };
        let deleted: Vec<RawDeleted> = deleted
            .into_iter()
            .map(|entry| RawDeleted {
                at: purge.now,
                due,
                category: category.to_owned(),
                ..entry
            })
            .collect();
        let told: Vec<Entry> = deleted.iter().cloned().map(Entry::Deleted).collect();
        log.append_signed(&told, None)?;
        done.extend(deleted);
    }
    store.clear_work()?;
    drop(log);
    drop(store);
    // Those of an earlier purge that was stopped may not have been written.
    let deleted = entries
        .iter()
        .any(|entry| matches!(entry, Entry::Deleted(_)));
    if deleted || !done.is_empty() {
        match audit::prove(folder) {
            Ok(_) => {}
            // What was changed in the folder is no reason to keep what is due: the deletion is logged, `verify` tells the rest.
            Err(error @ AuditError::Unverified { .. }) => {
                tracing::warn!("the proofs of the published files were not written anew: {error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

fn opened<'a>(folder: &Path, entries: &'a [Entry]) -> Result<&'a RunOpened, RetentionError> {
    let closed = entries
        .iter()
        .any(|entry| matches!(entry, Entry::RunClosed(_)));
    match entries.first() {
        Some(Entry::RunOpened(opened)) if closed => Ok(opened),
        _ => Err(RetentionError::NotFinished {
            path: folder.to_path_buf(),
        }),
    }
}

/// What the log tells of the last deletion of a category.
fn last<'a>(entries: &'a [Entry], category: &str) -> Option<&'a RawDeleted> {
    entries.iter().rev().find_map(|entry| match entry {
        Entry::Deleted(deleted) if deleted.category == category => Some(deleted),
        _ => None,
    })
}

/// The intake key that was destroyed, by the log.
fn destroyed_key(entries: &[Entry]) -> Option<&str> {
    entries.iter().find_map(|entry| match entry {
        Entry::Deleted(deleted) => deleted.destroyed_key.as_deref(),
        _ => None,
    })
}

/// Whether the log tells that nothing of a category was left.
fn is_done(entries: &[Entry], category: &str) -> bool {
    last(entries, category).is_some_and(|deleted| deleted.left == 0)
}

/// Whether a category that is due waits for its deletion: it was not deleted, or more lies there again than was left alone.
fn waits(entries: &[Entry], category: &str, files: u64) -> bool {
    last(entries, category).is_none_or(|last| last.left > 0 || files > last.other)
}

/// Whether nothing can be said of the commitment key: the run's own folder does not hold it.
fn is_elsewhere(category: &str, files: u64) -> bool {
    category == "commitment-key" && files == 0
}

/// How many of the files are there.
fn there(files: &[PathBuf]) -> Result<u64, RetentionError> {
    let mut there = 0;
    for file in files {
        there += u64::from(Plain::find(file)? != Lies::Nothing);
    }
    Ok(there)
}

/// The files of a category, whether they are there or not.
fn files_of(folder: &Path, category: &str) -> Result<Vec<PathBuf>, RetentionError> {
    Ok(match category {
        "raw" => frame_files(folder)?.into_values().collect(),
        "working" => store::working_files(folder)?,
        "private" => store::private_lists(folder)?,
        // A key that lies elsewhere may belong to other runs too: it is not ours to destroy.
        _ => vec![folder.join(layout::COMMITMENT_KEY)],
    })
}

/// An entry about nothing yet.
fn nothing() -> RawDeleted {
    RawDeleted {
        at: 0,
        category: String::new(),
        files: 0,
        bytes: 0,
        frames: Vec::new(),
        missing: 0,
        left: 0,
        other: 0,
        due: 0,
        destroyed_key: None,
    }
}

/// Deletes files of our own making: what is a link or has a second name stays, and counts as left.
fn delete(files: &[PathBuf], is_key: bool) -> Result<RawDeleted, RetentionError> {
    let mut told = nothing();
    for file in files {
        match Plain::find(file)? {
            Lies::Nothing => told.missing += 1,
            Lies::Other => tracing::error!(
                "{} is a link or has a second name, and is left: delete it, and what it leads to or its other name",
                file.display()
            ),
            Lies::Plain(plain) => {
                if is_key {
                    plain.destroy()?;
                } else {
                    plain.delete()?;
                    store::sync_folder(file)?;
                }
                told.files += 1;
                told.bytes += plain.bytes();
            }
        }
    }
    told.left = there(files)?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a link leads to, and what has another name, is not gone with one name.
    #[cfg(unix)]
    #[test]
    fn a_link_or_a_second_name_of_our_own_files_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let [plain, twice, second, link] =
            ["plain", "twice", "second", "link"].map(|name| folder.path().join(name));
        for file in [&plain, &twice] {
            store::write_secret(file, b"secret").unwrap();
        }
        std::fs::hard_link(&twice, &second).unwrap();
        std::os::unix::fs::symlink(&second, &link).unwrap();
        for is_key in [false, true] {
            let files = [plain.clone(), twice.clone(), link.clone()];
            let told = delete(&files, is_key).unwrap();
            assert_eq!(told.files + told.missing, 1);
            assert_eq!((told.left, told.other), (2, 0));
            assert!(waits(
                &[Entry::Deleted(RawDeleted {
                    category: "private".into(),
                    ..told
                })],
                "private",
                2
            ));
        }
        assert_eq!(std::fs::read(&second).unwrap(), b"secret");
        assert!(!plain.exists() && twice.exists());
    }

    #[test]
    fn a_run_that_is_not_finished_is_refused_with_what_takes_its_working_files_away() {
        let refused = opened(Path::new("out"), &[]).unwrap_err().to_string();
        assert!(refused.contains("--resume") && refused.contains("--overwrite"));
    }

    #[test]
    fn a_folder_that_is_no_run_stays_as_it_is() {
        let above = tempfile::tempdir().unwrap();
        let keys = audit::keygen("test.example/log").unwrap();
        let log = Signer::parse(&keys.signer, "log").unwrap();
        let [other, nowhere] = ["other", "nowhere"].map(|name| above.path().join(name));
        store::write_secret(&other.join("photo.jpg"), b"x").unwrap();
        for folder in [&other, &nowhere] {
            let refused = purge(&Purge {
                folder,
                now: 0,
                log: &log,
                commitment_key: None,
                intake_key: None,
                folders_are_gone: false,
            });
            assert!(matches!(refused, Err(RetentionError::Audit(_))));
        }
        assert!(!nowhere.exists());
        let names = std::fs::read_dir(&other).unwrap();
        assert_eq!(names.count(), 1);
    }
}
