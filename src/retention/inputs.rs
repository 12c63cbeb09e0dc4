//! Deleting the input files of a run: those of the manifest and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Purge, RetentionError, nothing};
use crate::audit::{CommitmentKey, Entry, RawDeleted};
use crate::hex;
use crate::ingest::{self, Limits};
use crate::store::{self, Lies, Plain, layout};

/// Ranges of frames that one entry holds: a line of the log has at most 65,535 bytes.
const RANGES: usize = 2000;

/// Deletes every file whose commitment is still the one in the log.
///
/// A file that was replaced, or that could not be read at intake, is left alone and counted as other; one that cannot be read now, or has a
/// second name, counts as left. Returns one entry, or more where
/// the frames do not fit into one; what was not deleted is told in the last.
pub(super) fn delete(
    purge: &Purge<'_>,
    entries: &[Entry],
    files: &BTreeMap<u32, PathBuf>,
) -> Result<Vec<RawDeleted>, RetentionError> {
    let own = purge.folder.join(layout::COMMITMENT_KEY);
    let mut key = None;
    let commitments: BTreeMap<u32, &str> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Ingested(ingested) => Some((ingested.frame, ingested.commitment.as_str())),
            _ => None,
        })
        .collect();
    for file in files.values() {
        let folder = file.parent().unwrap_or(Path::new("."));
        if !purge.folders_are_gone && !folder.exists() {
            return Err(RetentionError::FolderGone {
                path: folder.to_path_buf(),
            });
        }
    }
    let mut told = nothing();
    let mut unnamed = 0;
    let mut others = BTreeSet::new();
    let mut deleted: Vec<(u32, u64)> = Vec::new();
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
        let key = match &key {
            Some(key) => key,
            None => key.insert(CommitmentKey::load(purge.commitment_key.unwrap_or(&own))?),
        };
        let same = is_input(file, |bytes| {
            let commitment = hex::encode(&key.commit(bytes));
            commitments.get(&frame) == Some(&commitment.as_str())
        });
        let plain = match (same, lies) {
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
            deleted.push((frame, plain.bytes()));
            folders.insert(file.parent().unwrap_or(Path::new(".")));
        }
    }
    if let (false, Some(first), true) = (
        purge.folders_are_gone,
        files.values().next(),
        told.missing == files.len() as u64,
    ) {
        return Err(RetentionError::FolderGone {
            path: first.parent().unwrap_or(Path::new(".")).to_path_buf(),
        });
    }
    for folder in folders {
        store::sync_folder(&folder.join("."))?;
    }
    for file in files.values() {
        let there = Plain::find(file)? != Lies::Nothing;
        told.left += u64::from(there && !others.contains(file));
    }
    told.left += unnamed;
    told.other = others.len() as u64;
    Ok(in_lines(&deleted, &told))
}

/// Whether a file is the one that was committed to; `None` where it cannot be read, which says neither.
fn is_input(file: &Path, is_same: impl FnOnce(&[u8]) -> bool) -> Option<bool> {
    match std::fs::metadata(file) {
        // A folder, a pipe or a device is no input, and reading it might not end.
        Ok(found) if !found.is_file() => Some(false),
        Ok(_) => ingest::read(file, &Limits::default())
            .ok()
            .map(|bytes| is_same(&bytes)),
        // A link that leads nowhere.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

/// Deleted frames as entries that fit into lines; the last one is `told`.
fn in_lines(deleted: &[(u32, u64)], told: &RawDeleted) -> Vec<RawDeleted> {
    let mut lines = vec![nothing()];
    for &(frame, bytes) in deleted {
        if lines.last().is_some_and(|line| line.frames.len() >= RANGES) {
            lines.push(nothing());
        }
        if let Some(line) = lines.last_mut() {
            line.files += 1;
            line.bytes += bytes;
            match line.frames.last_mut() {
                Some([_, last]) if last.checked_add(1) == Some(frame) => *last = frame,
                _ => line.frames.push([frame, frame]),
            }
        }
    }
    if let Some(line) = lines.last_mut() {
        (line.missing, line.left, line.other) = (told.missing, told.left, told.other);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deleted_frame_is_told_of_once_in_lines_that_fit() {
        let deleted: Vec<(u32, u64)> = (0..10_000).map(|frame| (2 * frame, 3)).collect();
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
        let whole = in_lines(&[(0, 1), (1, 1), (2, 1), (5, 1)], &nothing());
        assert_eq!(whole[0].frames, [[0, 2], [5, 5]]);
    }
}
