//! The entries of a finished run, for whoever works on with them.
//!
//! Refuses: lines that are not entries. Whether they tell the truth is [`verify`](super::verify)'s to say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{AuditError, DecidedMask, Entry, ReviewedRun, RunOpened, files, line, root};
use crate::hex;
use crate::store::layout;

/// The entries of the run in `folder`, in order, unchecked.
///
/// # Errors
///
/// [`AuditError::Io`] when there is no log; [`AuditError::Damaged`] when a line is not an entry in canonical form.
pub fn read(folder: &Path) -> Result<Vec<Entry>, AuditError> {
    let parse = |(number, line): (usize, &[u8])| {
        Entry::from_line(line).ok_or_else(|| AuditError::Damaged {
            path: folder.to_path_buf(),
            problem: format!("line {} is not an entry in canonical form", number + 1),
        })
    };
    let text = text(folder)?;
    let lines = text.split(|&byte| byte == b'\n');
    lines.enumerate().map(parse).collect()
}

/// How the run in `folder` began, unchecked; `None` where the first line of its log does not say so.
#[must_use]
pub fn read_opened(folder: &Path) -> Option<RunOpened> {
    let longest = line::LONGEST as u64 + 1;
    let mut log = BufReader::new(files::log(folder).ok()?).take(longest);
    let mut first = Vec::new();
    log.read_until(b'\n', &mut first).ok()?;
    first.pop_if(|last| *last == b'\n');
    match Entry::from_line(&first)? {
        Entry::RunOpened(opened) => Some(opened),
        _ => None,
    }
}

/// The log without its last newline, where it is a plain file: the folder may be anybody's.
fn text(folder: &Path) -> Result<Vec<u8>, AuditError> {
    let mut text = Vec::new();
    let read = files::log(folder)?.read_to_end(&mut text);
    read.map_err(|source| AuditError::Io {
        path: folder.join(layout::LOG),
        source,
    })?;
    text.pop_if(|last| *last == b'\n');
    Ok(text)
}

/// The entries of the log in `folder`, whose root must be `verified` (hex, as [`verify`](super::verify) told it): what was changed since is not read.
///
/// # Errors
///
/// [`AuditError::Io`] when there is no log; [`AuditError::Unverified`] when it is another one by now.
pub fn read_verified(folder: &Path, verified: &str) -> Result<Vec<Entry>, AuditError> {
    first(folder, usize::MAX, verified)
}

/// The first entries of the log in `folder`, as many as a run that follows its review names: their root must be the one that it names.
///
/// # Errors
///
/// As [`read_verified`].
pub fn read_followed(folder: &Path, named: &ReviewedRun) -> Result<Vec<Entry>, AuditError> {
    first(
        folder,
        usize::try_from(named.size).unwrap_or(usize::MAX),
        &named.root,
    )
}

fn first(folder: &Path, count: usize, verified: &str) -> Result<Vec<Entry>, AuditError> {
    let text = text(folder)?;
    let lines = || text.split(|&byte| byte == b'\n').take(count);
    let entries: Option<Vec<Entry>> = lines().map(Entry::from_line).collect();
    match entries {
        Some(entries) if hex::encode(&root(lines())) == verified => Ok(entries),
        _ => Err(AuditError::Unverified {
            path: folder.to_path_buf(),
            problems: vec![format!("{} changed while it was read", layout::LOG)],
        }),
    }
}

/// The root over `entries` as the log's lines, hex.
///
/// # Errors
///
/// [`AuditError`] when an entry cannot be written.
pub fn root_of(entries: &[Entry]) -> Result<String, AuditError> {
    let lines: Vec<Vec<u8>> = entries
        .iter()
        .map(Entry::to_line)
        .collect::<Result<_, _>>()?;
    Ok(hex::encode(&root(lines.iter().map(Vec::as_slice))))
}

impl Entry {
    /// When it was written, seconds since 1970; `None` for what carries no wall clock.
    #[must_use]
    pub fn at(&self) -> Option<i64> {
        match self {
            Self::RunOpened(entry) => Some(entry.at),
            Self::RunResumed(entry) => Some(entry.at),
            Self::RunClosed(entry) => Some(entry.at),
            Self::Review(entry) => Some(entry.at),
            Self::Release(entry) => Some(entry.at),
            Self::Deleted(entry) => Some(entry.at),
            _ => None,
        }
    }
}

/// A run that people reviewed, for a run that follows them.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// How it began.
    pub opened: RunOpened,
    /// For `run.opened` of the run that follows.
    pub run: ReviewedRun,
    /// Frames about whose mask people decided, with all that earlier reviews decided; rejected ones among them.
    pub masks: BTreeMap<u32, DecidedMask>,
    /// Frames that are never published.
    pub rejected: Vec<u32>,
}

/// What people decided about the run in `folder`, whose log was verified to have this root (hex).
///
/// # Errors
///
/// As [`read_verified`]; [`AuditError::Damaged`] when the log does not begin with `run.opened`.
pub fn read_reviewed(folder: &Path, verified: &str) -> Result<Reviewed, AuditError> {
    reviewed(folder, &read_verified(folder, verified)?)
}

/// As [`read_reviewed`], for a run that was begun when the log was as `named` says: what was appended since is left out where it decides nothing.
///
/// # Errors
///
/// As [`read_reviewed`].
pub fn read_reviewed_then(
    folder: &Path,
    verified: &str,
    named: &ReviewedRun,
) -> Result<Reviewed, AuditError> {
    let entries = read_verified(folder, verified)?;
    let size = usize::try_from(named.size).unwrap_or(usize::MAX);
    let decides = |entry: &Entry| matches!(entry, Entry::Review(_));
    let then = match entries.split_at_checked(size) {
        Some((then, later)) if !later.iter().any(decides) => then,
        _ => &entries,
    };
    reviewed(folder, then)
}

/// What people decided by these entries, the first ones of the log in `folder`.
pub(super) fn reviewed(folder: &Path, entries: &[Entry]) -> Result<Reviewed, AuditError> {
    let Some(Entry::RunOpened(opened)) = entries.first() else {
        return Err(AuditError::Damaged {
            path: folder.to_path_buf(),
            problem: "it does not begin with run.opened".into(),
        });
    };
    let mut decisions = Sha256::new();
    for entry in entries {
        if matches!(entry, Entry::Review(_)) {
            decisions.update(entry.to_line()?);
            decisions.update(b"\n");
        }
    }
    let (masks, rejected) = decided(entries);
    Ok(Reviewed {
        run: ReviewedRun {
            size: entries.len() as u64,
            root: root_of(entries)?,
            decisions_sha256: hex::encode(&decisions.finalize()),
        },
        opened: opened.clone(),
        masks,
        rejected,
    })
}

/// What counts in the end: a frame's decisions one after the other, on top of what the run itself followed. One person alone only ever hides more:
/// hidden boxes add up, `approve` and `reject` take opened ones back, a rejected frame is published again by a `release` alone, and `confirm` changes
/// nothing. What is decided about a frame's mask stays decided while the frame is not published.
fn decided(entries: &[Entry]) -> (BTreeMap<u32, DecidedMask>, Vec<u32>) {
    let mut masks: BTreeMap<u32, DecidedMask> = BTreeMap::new();
    let mut rejected = BTreeSet::new();
    for entry in entries {
        match entry {
            Entry::Masked(masked) => {
                let mask = masked.reviewed.clone();
                masks.extend(mask.map(|mask| (masked.frame, mask)));
            }
            Entry::Withheld(entry) | Entry::Rejected(entry) => {
                let mask = entry.reviewed.clone();
                masks.extend(mask.map(|mask| (entry.frame, mask)));
                if entry.reason == REVIEWED {
                    rejected.insert(entry.frame);
                }
            }
            Entry::Review(review) => match review.decision.as_str() {
                "reject" => {
                    rejected.insert(review.frame);
                    if let Some(mask) = masks.get_mut(&review.frame) {
                        mask.open.clear();
                        mask.decision = "approve".into();
                    }
                }
                "approve" | "release" => {
                    let mask = masks.entry(review.frame).or_default();
                    mask.hide.extend_from_slice(&review.hide);
                    if review.decision == "approve" {
                        mask.open.clear();
                    }
                    mask.open.extend_from_slice(&review.open);
                    mask.decision = if mask.open.is_empty() {
                        "approve"
                    } else {
                        "release"
                    }
                    .into();
                    if review.decision == "release" {
                        rejected.remove(&review.frame);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    (masks, rejected.into_iter().collect())
}

/// Reason of `frame.withheld` where people decided that a frame is never published.
pub const REVIEWED: &str = "reviewed";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::example::{self, Told, whole, with};
    use super::super::{Masked, NotPublished, ReviewDecided, SelfCheck};
    use super::*;

    fn masked(frame: u32, reviewed: Option<DecidedMask>) -> Entry {
        Entry::Masked(Masked {
            frame,
            policies: vec![],
            padding_mm: 0,
            grid_px: 4,
            mask_sha256: String::new(),
            masked_pixels: 0,
            pixels: None,
            output_sha256: String::new(),
            self_check: SelfCheck {
                found: 0,
                rounds: 0,
            },
            reviewed,
        })
    }

    fn review(frame: u32, decision: &str, hide: &[[u32; 4]], open: &[[u32; 4]]) -> Entry {
        Entry::Review(ReviewDecided {
            at: 0,
            frame,
            decision: decision.into(),
            reason: String::new(),
            hide: hide.to_vec(),
            open: open.to_vec(),
            root: String::new(),
            signatures: vec![],
        })
    }

    #[test]
    fn one_person_alone_only_ever_hides_more() {
        let earlier = DecidedMask {
            decision: "approve".into(),
            hide: vec![[1; 4]],
            open: vec![],
        };
        let entries = [
            masked(0, Some(earlier.clone())),
            masked(1, None),
            masked(2, Some(earlier.clone())),
            review(0, "release", &[], &[[9; 4]]),
            review(0, "approve", &[[2; 4]], &[]),
            review(1, "approve", &[], &[]),
            review(1, "reject", &[], &[]),
            review(2, "confirm", &[], &[]),
            review(3, "release", &[[5; 4]], &[[6; 4]]),
            review(1, "approve", &[], &[]),
            review(1, "confirm", &[], &[]),
            review(4, "approve", &[[3; 4]], &[]),
            review(4, "approve", &[[4; 4]], &[]),
            review(4, "confirm", &[], &[]),
            review(5, "reject", &[], &[]),
            review(5, "release", &[], &[[7; 4]]),
            review(6, "release", &[], &[[8; 4]]),
            review(6, "reject", &[], &[]),
            review(6, "release", &[], &[[9; 4]]),
        ];
        let (masks, rejected) = decided(&entries);
        assert_eq!(rejected, [1]);
        assert_eq!(
            masks.keys().collect::<Vec<_>>(),
            [&0, &1, &2, &3, &4, &5, &6]
        );
        assert_eq!(masks[&4].hide, [[3; 4], [4; 4]]);
        assert_eq!(masks[&5].open, [[7; 4]]);
        assert_eq!(masks[&6].open, [[9; 4]], "the first release was taken back");
        assert_eq!(masks[&0].hide, [[1; 4], [2; 4]]);
        assert_eq!(masks[&0].decision, "approve", "the release was taken back");
        assert_eq!(masks[&2], earlier);
        assert_eq!((masks[&3].hide.len(), masks[&3].open.len()), (1, 1));
    }
    #[test]
    fn a_frame_that_people_rejected_stays_rejected_in_the_run_that_follows() {
        let withheld = |frame: u32, reason: &str| {
            Entry::Withheld(NotPublished {
                frame,
                reason: reason.into(),
                detail: String::new(),
                reviewed: None,
            })
        };
        let entries = [
            withheld(0, "reviewed"),
            withheld(1, "beyond-envelope"),
            withheld(2, "reviewed"),
            review(2, "release", &[], &[[1; 4]]),
        ];
        let (masks, rejected) = decided(&entries);
        assert_eq!((masks.len(), masks[&2].decision.as_str()), (1, "release"));
        assert_eq!(rejected, [0]);
    }

    /// What was to be hidden there is hidden by the run that can.
    #[test]
    fn what_is_decided_about_a_mask_outlives_a_run_that_does_not_publish_the_frame() {
        let decided_mask = DecidedMask {
            decision: "release".into(),
            hide: vec![[1; 4]],
            open: vec![[2; 4]],
        };
        let ended = |frame: u32, reason: &str| NotPublished {
            frame,
            reason: reason.into(),
            detail: String::new(),
            reviewed: Some(decided_mask.clone()),
        };
        let entries = [
            Entry::Withheld(ended(0, "detector-failed")),
            Entry::Rejected(ended(1, "io")),
            Entry::Withheld(ended(2, REVIEWED)),
            review(2, "reject", &[], &[]),
        ];
        let (masks, rejected) = decided(&entries);
        assert_eq!((&masks[&0], &masks[&1]), (&decided_mask, &decided_mask));
        let closed = DecidedMask {
            decision: "approve".into(),
            hide: vec![[1; 4]],
            open: vec![],
        };
        assert_eq!((&masks[&2], rejected), (&closed, vec![2]));
    }

    #[test]
    fn a_log_is_read_whole_or_not_at_all() {
        let read_log = |log: &str| {
            let folder = tempfile::tempdir().unwrap();
            crate::store::write_secret(&folder.path().join(layout::LOG), log.as_bytes()).unwrap();
            read(folder.path())
        };
        let log = std::fs::read_to_string(whole().unsigned().path().join(layout::LOG)).unwrap();
        // The last newline may be missing.
        for log in [&log, log.trim_end()] {
            assert_eq!(read_log(log).unwrap(), whole().entries());
        }
        let other = log.replacen("{\"at\":6", "{\"at\": 6", 1);
        let error = read_log(&other).unwrap_err().to_string();
        // `run.resumed` is the fourteenth entry.
        assert!(error.contains("line 14 is not an entry"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(read(empty.path()), Err(AuditError::Io { .. })));
    }

    #[test]
    fn entries_are_those_of_the_root_that_was_verified_or_followed() {
        let folder = whole().unsigned();
        let entries = whole().entries();
        let named = |size: usize| ReviewedRun {
            size: size as u64,
            root: root_of(&entries[..size]).unwrap(),
            decisions_sha256: String::new(),
        };
        let all = named(entries.len());
        assert_eq!(read_verified(folder.path(), &all.root).unwrap(), entries);
        for size in [entries.len(), 7] {
            let read = read_followed(folder.path(), &named(size)).unwrap();
            assert_eq!(read, entries[..size]);
        }
        let changed = |read: Result<Vec<Entry>, AuditError>| match read {
            Err(AuditError::Unverified { problems, .. }) => problems.join("\n"),
            other => panic!("{other:?}"),
        };
        let words = "audit/entries.jsonl changed while it was read";
        assert_eq!(changed(read_verified(folder.path(), &named(7).root)), words);
        let other = ReviewedRun {
            size: 8,
            ..named(7)
        };
        assert_eq!(changed(read_followed(folder.path(), &other)), words);
        let (none, root) = (tempfile::tempdir().unwrap(), &all.root);
        assert!(matches!(
            read_verified(none.path(), root),
            Err(AuditError::Io { .. })
        ));
    }

    /// Python: the tree of RFC 6962 over the lines `{"at":6,"frames":0,"type":"run.resumed"}`, the same with 7 and 1, and with 8 and 2.
    #[test]
    fn the_root_is_that_of_the_lines() {
        let resumed = |frames: i64| {
            let entry = json!({"type": "run.resumed", "at": 6 + frames, "frames": frames});
            ("resumed", entry)
        };
        let told = Told((0..3).map(resumed).collect());
        assert_eq!(
            root_of(&told.entries()).unwrap(),
            "17fecb4e9f361277bcc9667f076957a5983a54251064eb7b01f83bd20b169fb6"
        );
    }

    #[test]
    fn a_review_is_named_by_all_entries_and_its_decisions_alone() {
        let told = whole()
            .then(with(
                example::review(0, "approve", 8),
                "hide",
                json!([[1, 2, 3, 4]]),
            ))
            .then(example::review(1, "reject", 9));
        let (folder, entries) = (told.unsigned(), told.entries());
        let root = root_of(&entries).unwrap();
        let read = read_reviewed(folder.path(), &root).unwrap();
        let expected = ReviewedRun {
            size: 27,
            root: root.clone(),
            // Python: of both lines, each with its newline.
            decisions_sha256: "44f0ff63dc25f7d7db6e9addabcda85cacbeb57c0e4d7eb95358e11c5f67350e"
                .into(),
        };
        assert_eq!(read.run, expected);
        assert_eq!(Some(&Entry::RunOpened(read.opened)), entries.first());
        assert_eq!(read.masks[&0].hide, [[1, 2, 3, 4]]);
        assert_eq!(read.rejected, [1]);
        let other = root_of(&entries[1..]).unwrap();
        assert!(read_reviewed(folder.path(), &other).is_err());
        let begun = reviewed(folder.path(), &entries[1..]);
        assert!(matches!(begun, Err(AuditError::Damaged { .. })));
    }

    #[test]
    fn what_carries_a_wall_clock_is_told() {
        let deleted = json!({"type": "raw.deleted", "at": 10, "category": "raw", "files": 1, "bytes": 1, "frames": [], "missing": 0, "left": 0,
            "other": 0, "due": 10});
        let told = whole()
            .then(example::review(0, "confirm", 8))
            .then(example::released(9))
            .then(deleted);
        let at: Vec<i64> = told.entries().iter().filter_map(Entry::at).collect();
        // `run.opened`, `run.resumed`, `run.closed`, and what people decided.
        assert_eq!(at, [5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn a_log_that_grew_without_a_decision_is_the_one_that_was_followed() {
        let before = whole().then(example::review(1, "reject", 8));
        let read = |told: &Told, named: &ReviewedRun| {
            let root = root_of(&told.entries()).unwrap();
            let read = read_reviewed_then(told.unsigned().path(), &root, named);
            read.unwrap().run
        };
        let named = reviewed(Path::new(""), &before.entries()).unwrap().run;
        assert_eq!(read(&before, &named), named);
        let released = before.then(example::released(9));
        assert_eq!(read(&released, &named), named);
        let decided = released.then(example::review(0, "confirm", 10));
        assert_eq!(read(&decided, &named).size, named.size + 2);
        // Another log has another root, and a shorter one is read whole.
        let other = whole().then(example::review(0, "reject", 8));
        assert_ne!(read(&other, &named).root, named.root);
        assert_eq!(read(&whole(), &named).size, named.size - 1);
    }

    #[test]
    fn how_a_run_began_is_told_by_its_first_line_whatever_comes_behind() {
        let entries = whole().entries();
        let folder = whole().unsigned();
        let Some(Entry::RunOpened(opened)) = entries.first() else {
            panic!("{entries:?}");
        };
        assert_eq!(read_opened(folder.path()).as_ref(), Some(opened));
        let began = |log: &[u8]| {
            let folder = tempfile::tempdir().unwrap();
            crate::store::write_secret(&folder.path().join(layout::LOG), log).unwrap();
            read_opened(folder.path())
        };
        let first = entries[0].to_line().unwrap();
        let torn = [&first, &b"\n{\"at\":6"[..]].concat();
        assert_eq!(began(&torn).as_ref(), Some(opened));
        assert_eq!(began(&first[1..]), None);
        assert_eq!(began(&entries[1].to_line().unwrap()), None);
        assert_eq!(read_opened(tempfile::tempdir().unwrap().path()), None);
        let mut longest = opened.clone();
        longest.purpose = "p".repeat(line::LONGEST - first.len() + opened.purpose.len());
        let line = Entry::RunOpened(longest.clone()).to_line().unwrap();
        assert_eq!(began(&[&line, &b"\n"[..]].concat()), Some(longest));
        assert_eq!(began(&[&line, &b" \n"[..]].concat()), None, "longer");
    }
}
