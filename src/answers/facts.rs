//! What the log says of a run as a whole.
//!
//! In: the entries that are about no single frame's way. Out: who, why, what was published, released and deleted, and the decisions about
//! frames. Leaves out: what reviewers wrote and who they are; both may name people.

use std::collections::BTreeMap;

use super::answer::Reviewed;
use crate::audit::{Entry, RunClosed, RunOpened};

/// What the log says of a run as a whole.
#[derive(Debug, Clone, Default)]
pub struct RunFacts {
    /// Who, why, with which models; `None` for a log without a beginning, which does not verify.
    pub opened: Option<RunOpened>,
    /// The balance of outcomes; `None` where the run was interrupted.
    pub closed: Option<RunClosed>,
    /// Homes that were taken out of the map because their people object.
    pub objections: u32,
    /// To whom published files were handed on.
    pub releases: Vec<Release>,
    /// What was deleted.
    pub deletions: Vec<Deletion>,
    /// Published files and the frames of which they may show pixels.
    pub(super) files: Vec<(String, Vec<[u32; 2]>)>,
    /// Decisions by frame.
    pub(super) reviews: BTreeMap<u32, Vec<Reviewed>>,
}

/// Published files were handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Seconds since 1970.
    pub at: i64,
    /// To whom.
    pub recipient: String,
}

/// Evidence that something was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Seconds since 1970.
    pub at: i64,
    /// `raw`, `working`, `private` or `commitment-key`.
    pub category: String,
    /// When it was due.
    pub due: i64,
    /// Files still found afterwards.
    pub left: u64,
    /// Files in their place that are others, and stay.
    pub other: u64,
    /// Frames whose input was deleted, as inclusive ranges.
    pub frames: Vec<[u32; 2]>,
}

impl RunFacts {
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let mut facts = Self::default();
        for entry in entries {
            match entry {
                Entry::RunOpened(opened) => facts.opened = Some(opened),
                Entry::RunClosed(closed) => facts.closed = Some(closed),
                Entry::Objection(objection) => facts.objections = objection.count,
                Entry::TileEmitted(tile) => facts.files.push((tile.path, tile.source_frames)),
                Entry::Buildings(table) => {
                    let files = table.files.into_iter();
                    facts
                        .files
                        .extend(files.map(|file| (file.path, table.source_frames.clone())));
                }
                Entry::Release(release) => facts.releases.push(Release {
                    at: release.at,
                    recipient: release.recipient,
                }),
                Entry::Deleted(deleted) => facts.deletions.push(Deletion {
                    at: deleted.at,
                    category: deleted.category,
                    due: deleted.due,
                    left: deleted.left,
                    other: deleted.other,
                    frames: deleted.frames,
                }),
                Entry::Review(review) => {
                    let (frame, at) = (review.frame, review.at);
                    let decision = review.decision;
                    let reviews = facts.reviews.entry(frame).or_default();
                    reviews.push(Reviewed { at, decision });
                }
                _ => {}
            }
        }
        facts
    }

    /// Published files that may show pixels of a frame.
    pub(super) fn files_of(&self, frame: u32) -> u32 {
        let of_frame = self.files.iter().filter(|(_, ranges)| holds(ranges, frame));
        u32::try_from(of_frame.count()).unwrap_or(u32::MAX)
    }

    /// When the input of a frame was last deleted; `None` where the log has no evidence of it, or the last scan still found inputs: it does not
    /// say of which frames. A purge tells what is left in the last of its entries alone.
    #[must_use]
    pub fn raw_deleted(&self, frame: u32) -> Option<i64> {
        let raw = || {
            let newest_first = self.deletions.iter().rev();
            newest_first.filter(|deletion| deletion.category == "raw")
        };
        if raw().next()?.left > 0 {
            return None;
        }
        raw()
            .find(|deletion| holds(&deletion.frames, frame))
            .map(|deletion| deletion.at)
    }

    /// Whether the key of the commitments was destroyed, and nothing found in its place afterwards.
    #[must_use]
    pub fn key_destroyed(&self) -> bool {
        let mut deletions = self.deletions.iter();
        deletions
            .rfind(|deletion| deletion.category == "commitment-key")
            .is_some_and(|deletion| deletion.left == 0 && deletion.other == 0)
    }
}

fn holds(ranges: &[[u32; 2]], frame: u32) -> bool {
    let at = ranges.partition_point(|[_, last]| *last < frame);
    ranges.get(at).is_some_and(|[first, _]| *first <= frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_in_a_range_or_between_two() {
        let ranges = [[0, 2], [5, 5], [8, 9]];
        let found: Vec<u32> = (0..11).filter(|&frame| holds(&ranges, frame)).collect();
        assert_eq!(found, [0, 1, 2, 5, 8, 9]);
    }

    #[test]
    fn a_deletion_after_which_files_were_left_is_no_evidence() {
        let deletion = |at, left| Deletion {
            at,
            category: "raw".into(),
            due: 0,
            left,
            other: 0,
            frames: vec![[0, 5]],
        };
        let mut facts = RunFacts {
            deletions: vec![deletion(7, 1)],
            ..RunFacts::default()
        };
        assert_eq!(facts.raw_deleted(3), None);
        facts.deletions.push(deletion(9, 0));
        assert_eq!(
            (facts.raw_deleted(3), facts.raw_deleted(6)),
            (Some(9), None)
        );
    }

    #[test]
    fn what_one_purge_left_and_the_next_did_not_was_deleted_by_either() {
        let line = |at, category: &str, left, frame| Deletion {
            at,
            category: category.into(),
            due: 0,
            left,
            other: 0,
            frames: vec![[frame, frame]],
        };
        // Two lines of one purge, of which the last tells what is left.
        let mut facts = RunFacts {
            deletions: vec![line(7, "raw", 0, 3), line(7, "raw", 1, 4)],
            ..RunFacts::default()
        };
        let gone = |facts: &RunFacts| [3, 4, 5].map(|frame| facts.raw_deleted(frame));
        assert_eq!(gone(&facts), [None; 3]);
        facts.deletions.push(line(9, "raw", 0, 5));
        facts.deletions.push(line(9, "private", 1, 0));
        assert_eq!(gone(&facts), [Some(7), Some(7), Some(9)]);
        // A copy came back, and stayed.
        facts.deletions.push(line(11, "raw", 1, 3));
        assert_eq!(gone(&facts), [None; 3]);
    }

    #[test]
    fn a_key_is_destroyed_where_nothing_of_it_was_left() {
        let deletion = |category: &str, left, other| Deletion {
            at: 7,
            category: category.into(),
            due: 0,
            left,
            other,
            frames: Vec::new(),
        };
        let mut facts = RunFacts::default();
        for (category, left, other, destroyed) in [
            ("raw", 0, 0, false),
            ("commitment-key", 0, 1, false),
            ("commitment-key", 1, 0, false),
            ("commitment-key", 0, 0, true),
            ("private", 1, 0, true),
        ] {
            facts.deletions.push(deletion(category, left, other));
            assert_eq!(facts.key_destroyed(), destroyed, "{:?}", facts.deletions);
        }
    }
}
