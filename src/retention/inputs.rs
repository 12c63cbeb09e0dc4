//! Deleting the input files of a run: those of the manifest and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Purge, RetentionError, destroyed_key, is_done, nothing};
use crate::audit::{CommitmentKey, Entry, RawDeleted, RunOpened};
use crate::hex;
use crate::ingest::{self, Limits};
use crate::seal::{IntakeKey, KeyFile};
use crate::store::{self, Lies, Plain, layout};

/// Ranges of frames that one entry holds: a line of the log has at most 65,535 bytes.
const RANGES: usize = 2000;

/// Deletes every file whose commitment is still the one in the log.
///
/// A file that was replaced, or that could not be read at intake, is left alone and counted as other; one that cannot be read now, or has a
/// second name, counts as left, and so does every frame of the manifest that `files` lacks. Where the intake key is given it is destroyed: what was sealed to it is deleted thereby, also where it
/// lies elsewhere or could not be removed. Returns one entry, or more where
/// the frames do not fit into one; what was not deleted is told in the last.
pub(super) fn delete(
    purge: &Purge<'_>,
    opened: &RunOpened,
    entries: &[Entry],
    files: &BTreeMap<u32, PathBuf>,
) -> Result<Vec<RawDeleted>, RetentionError> {
    let taken_in = TakenIn::of(entries);
    let intake = purge
        .intake_key
        .map(|path| SealedTo::load(path, opened))
        .transpose()?;
    // Destroying the key deletes these wherever they are.
    let with_key = |frame: u32| intake.is_some() && taken_in.sealed.contains(&frame);
    let own = purge.folder.join(layout::COMMITMENT_KEY);
    let mut key = None;
    for (frame, file) in files {
        let folder = file.parent().unwrap_or(Path::new("."));
        if !purge.folders_are_gone && !with_key(*frame) && !store::exists(folder)? {
            return Err(RetentionError::FolderGone {
                path: folder.to_path_buf(),
            });
        }
    }
    let mut told = nothing();
    let mut unnamed = 0;
    let mut others = BTreeSet::new();
    let mut deleted: BTreeMap<u32, Option<u64>> = BTreeMap::new();
    let mut folders = BTreeSet::new();
    for (&frame, file) in files {
        let lies = Plain::find(file)?;
        if lies == Lies::Nothing {
            // A name that is not text stands in the list with a mark in its place, and is not found by it.
            if file.to_string_lossy().contains(char::REPLACEMENT_CHARACTER) {
                unnamed += 1;
            } else {
                told.missing += 1;
            }
            continue;
        }
        let key = if let Some(key) = &key {
            key
        } else {
            let path = purge.commitment_key.unwrap_or(&own);
            if !store::exists(path)? {
                let path = path.to_path_buf();
                return Err(RetentionError::NoKey { path });
            }
            key.insert(CommitmentKey::load(path)?)
        };
        let opens = intake.as_ref().and_then(SealedTo::key);
        let was_destroyed = taken_in.destroyed || intake.is_some() && opens.is_none();
        let unreadable = was_destroyed && taken_in.sealed.contains(&frame);
        let same = is_input(file, opens, |bytes| {
            let commitment = hex::encode(&key.commit(bytes));
            taken_in.commitments.get(&frame) == Some(&commitment.as_str())
        });
        let plain = match (same, lies) {
            // Whose key was destroyed cannot be told from anything else.
            (None, _) if unreadable => {
                others.insert(file);
                continue;
            }
            // Who cannot be read, or has a second name, may be the input: it is found again below, and counted as left.
            (None, _) | (Some(true), Lies::Other | Lies::Nothing) => continue,
            (Some(false), _) => {
                others.insert(file);
                continue;
            }
            (Some(true), Lies::Plain(plain)) => plain,
        };
        if let Err(error) = plain.delete() {
            // It is found again below, and counted as left.
            tracing::error!("{error}");
        } else {
            deleted.insert(frame, Some(plain.bytes()));
            folders.insert(file.parent().unwrap_or(Path::new(".")));
        }
    }
    let plain_files = files.iter().find(|(frame, _)| !with_key(**frame));
    if let (false, Some((_, first)), true) = (
        purge.folders_are_gone,
        plain_files,
        told.missing == files.len() as u64,
    ) {
        return Err(RetentionError::FolderGone {
            path: first.parent().unwrap_or(Path::new(".")).to_path_buf(),
        });
    }
    for folder in folders {
        store::sync_folder(&folder.join("."))?;
    }
    if let Some(intake) = &intake {
        intake.destroy()?;
        told.destroyed_key = Some(intake.key.public().to_string());
        for &frame in &taken_in.sealed {
            deleted.entry(frame).or_insert(None);
        }
    }
    for (&frame, file) in files {
        let there = Plain::find(file)? != Lies::Nothing;
        if there && with_key(frame) {
            others.insert(file);
        }
        told.left += u64::from(there && !others.contains(file));
    }
    told.left += unnamed + unlisted(opened, entries, files, &deleted);
    told.other = others.len() as u64;
    Ok(in_lines(&deleted, &told))
}

/// Frames of the manifest of which nobody can say where their file lies: not in the list of names, and not deleted with a key.
///
/// Once the log tells that no input was left the list may go, and nothing is asked of it.
fn unlisted(
    opened: &RunOpened,
    entries: &[Entry],
    files: &BTreeMap<u32, PathBuf>,
    deleted: &BTreeMap<u32, Option<u64>>,
) -> u64 {
    if is_done(entries, "raw") {
        return 0;
    }
    let is_known = |frame: &u32| files.contains_key(frame) || deleted.contains_key(frame);
    let unlisted = (0..opened.manifest.count).filter(|frame| !is_known(frame));
    let unlisted = unlisted.count() as u64;
    if unlisted > 0 {
        tracing::error!(
            "{} does not say where {unlisted} inputs lie, and they count as left: bring it back from a copy, or from that of another run over the same inputs, and purge again",
            layout::FRAME_LIST
        );
    }
    unlisted
}

/// What the log tells of the inputs.
struct TakenIn<'a> {
    commitments: BTreeMap<u32, &'a str>,
    /// Frames whose file lay there sealed. A second copy of the same bytes may have been plain: no key deletes that.
    sealed: BTreeSet<u32>,
    /// Whether their key was destroyed before.
    destroyed: bool,
}

impl<'a> TakenIn<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let ingested = || {
            entries.iter().filter_map(|entry| match entry {
                Entry::Ingested(ingested) => Some(ingested),
                _ => None,
            })
        };
        Self {
            commitments: ingested()
                .map(|entry| (entry.frame, entry.commitment.as_str()))
                .collect(),
            sealed: ingested()
                .filter(|entry| entry.sealed)
                .map(|entry| entry.frame)
                .collect(),
            destroyed: destroyed_key(entries).is_some(),
        }
    }
}

/// The key that inputs were sealed to, or what was left of it by a purge that did not come to tell the log, or by that of another run.
struct SealedTo {
    key: KeyFile,
    file: Plain,
}

impl SealedTo {
    /// Refuses the key of anything else: it is going to be destroyed.
    fn load(path: &Path, opened: &RunOpened) -> Result<Self, RetentionError> {
        let key = KeyFile::read(path)?;
        let is_of_run = opened.intake_key.as_deref() == Some(&*key.public().to_string());
        match Plain::find(path)? {
            Lies::Plain(file) if is_of_run => Ok(Self { key, file }),
            Lies::Other if is_of_run => Err(RetentionError::LinkedKey {
                path: path.to_path_buf(),
            }),
            _ => Err(RetentionError::OtherIntakeKey {
                path: path.to_path_buf(),
                expected: opened.intake_key.clone(),
            }),
        }
    }

    /// What opens files, where it was not destroyed before.
    fn key(&self) -> Option<&IntakeKey> {
        match &self.key {
            KeyFile::Key(key) => Some(key),
            KeyFile::Destroyed(_) => None,
        }
    }

    fn destroy(&self) -> Result<(), RetentionError> {
        if self.key().is_some() {
            self.file.bury(&self.key.epitaph(self.file.bytes()))?;
        }
        Ok(())
    }
}

/// Whether a file is the one that was committed to; `None` where it cannot be read, which says neither.
fn is_input(
    file: &Path,
    intake: Option<&IntakeKey>,
    is_same: impl FnOnce(&[u8]) -> bool,
) -> Option<bool> {
    match std::fs::metadata(file) {
        // A folder, a pipe or a device is no input, and reading it might not end.
        Ok(found) if !found.is_file() => Some(false),
        Ok(_) => ingest::open(file, &Limits::default(), intake)
            .ok()
            .map(|opened| is_same(&opened.bytes)),
        // A link that leads nowhere.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

/// Deleted frames as entries that fit into lines; the last one is `told`.
///
/// A frame without bytes is one whose key was destroyed while its file lay elsewhere.
fn in_lines(deleted: &BTreeMap<u32, Option<u64>>, told: &RawDeleted) -> Vec<RawDeleted> {
    let mut lines = vec![nothing()];
    for (&frame, &bytes) in deleted {
        if lines.last().is_some_and(|line| line.frames.len() >= RANGES) {
            lines.push(nothing());
        }
        if let Some(line) = lines.last_mut() {
            line.files += u64::from(bytes.is_some());
            line.bytes += bytes.unwrap_or_default();
            match line.frames.last_mut() {
                Some([_, last]) if last.checked_add(1) == Some(frame) => *last = frame,
                _ => line.frames.push([frame, frame]),
            }
        }
    }
    if let Some(line) = lines.last_mut() {
        (line.missing, line.left, line.other) = (told.missing, told.left, told.other);
        line.destroyed_key.clone_from(&told.destroyed_key);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deleted_frame_is_told_of_once_in_lines_that_fit() {
        let deleted = (0..10_000).map(|frame| (2 * frame, Some(3))).collect();
        let told = RawDeleted {
            missing: 7,
            ..nothing()
        };
        let lines = in_lines(&deleted, &told);
        assert_eq!(lines.len(), 5);
        let files: u64 = lines.iter().map(|line| line.files).sum();
        let bytes: u64 = lines.iter().map(|line| line.bytes).sum();
        assert_eq!((files, bytes), (10_000, 30_000));
        let missing: Vec<u64> = lines.iter().map(|line| line.missing).collect();
        assert_eq!(missing, [0, 0, 0, 0, 7]);
        for mut line in lines {
            line.category = "raw".into();
            assert!(Entry::Deleted(line).to_line().is_ok());
        }
        let three = BTreeMap::from([(0, Some(1)), (1, None), (2, Some(1)), (5, Some(1))]);
        let whole = in_lines(&three, &nothing());
        assert_eq!(whole[0].frames, [[0, 2], [5, 5]]);
        assert_eq!((whole[0].files, whole[0].bytes), (3, 3));
    }
}
