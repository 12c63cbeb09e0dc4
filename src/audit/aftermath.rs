//! Whether what people decided after a run fits it.
//!
//! In: the entries behind `run.closed`, one after the other. Out: what does not add up. Only `review.decided`, `release.approved` and `raw.deleted`
//! may stand there, in the order of time and none before `run.closed`, about frames of the manifest; decisions are about frames that could be looked at (published
//! or withheld), `confirm` about published ones; what was deleted was due when `run.opened` says. Who signed is [`super::reviewers`]' to check.

use super::frames::FrameSet;
use super::{Entry, RawDeleted, ReviewDecided, RunOpened};

/// What was decided so far.
#[derive(Debug)]
pub(super) struct Aftermath {
    /// When the last decision was made.
    last: i64,
}

impl Aftermath {
    /// Behind a run that was closed at `closed`, seconds since 1970.
    pub(super) fn of(closed: i64) -> Self {
        Self { last: closed }
    }
}

/// How the run ended for its frames.
pub(super) struct Ended<'a> {
    pub(super) opened: &'a RunOpened,
    pub(super) published: &'a FrameSet,
    pub(super) withheld: &'a FrameSet,
}

impl Aftermath {
    /// What does not add up about the next entry.
    pub(super) fn take(&mut self, ended: &Ended<'_>, entry: &Entry) -> Vec<String> {
        let (at, problem) = match entry {
            Entry::Review(review) => (review.at, ended.reviewed(review)),
            Entry::Release(release) => (release.at, None),
            Entry::Deleted(deleted) => (deleted.at, ended.deleted(deleted)),
            _ => return vec!["entries of a run follow run.closed".into()],
        };
        let mut problems: Vec<String> = problem.into_iter().collect();
        if at < self.last {
            problems.push("decisions do not come in the order of time".into());
        }
        self.last = self.last.max(at);
        problems
    }
}

impl Ended<'_> {
    fn reviewed(&self, review: &ReviewDecided) -> Option<String> {
        let frame = review.frame;
        if frame >= self.opened.manifest.count {
            return Some(format!(
                "frame {frame} was reviewed and is not in the manifest"
            ));
        }
        let published = self.published.contains(frame);
        let fits = match review.decision.as_str() {
            "confirm" => published,
            _ => published || self.withheld.contains(frame),
        };
        (!fits).then(|| {
            format!(
                "{:?} does not fit what became of frame {frame}",
                review.decision
            )
        })
    }

    fn deleted(&self, deleted: &RawDeleted) -> Option<String> {
        let count = self.opened.manifest.count;
        if deleted
            .frames
            .last()
            .is_some_and(|[_, last]| *last >= count)
        {
            return Some("a frame was deleted that is not in the manifest".into());
        }
        let (category, due) = (&deleted.category, deleted.due);
        if self.opened.retention.due(category) != Some(due) {
            return Some(format!("{category} was not due when raw.deleted says"));
        }
        if deleted.destroyed_key.is_some() && deleted.destroyed_key != self.opened.intake_key {
            return Some("raw.deleted destroyed another key than run.opened names".into());
        }
        (deleted.at < due).then(|| format!("{category} was deleted before it was due"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::example::{Told, released, review, whole, with};

    /// The run of `whole`, closed at 7, whose inputs are due at 10 and its working files at 7, and one more entry behind it.
    fn behind(entry: Value) -> Vec<String> {
        both(entry, None)
    }

    fn both(entry: Value, next: Option<Value>) -> Vec<String> {
        let run = whole()
            .set("opened", "retention", json!({"raw": 10, "working": 7}))
            .set("opened", "intake_key", "age1a");
        let Told(mut entries) = run;
        entries.push(("behind", entry));
        entries.extend(next.map(|next| ("next", next)));
        Told(entries).problems()
    }

    fn deleted(at: i64) -> Value {
        json!({"type": "raw.deleted", "at": at, "category": "raw", "files": 1, "bytes": 1, "frames": [[0, 2]], "missing": 0, "left": 0,
            "other": 0, "due": 10})
    }

    #[test]
    fn decisions_that_fit_are_taken() {
        for entry in [
            review(1, "confirm", 7),
            review(0, "reject", 8),
            released(7),
            deleted(10),
            with(deleted(11), "destroyed_key", "age1a"),
            with(with(deleted(7), "category", "working"), "due", 7),
        ] {
            assert_eq!(behind(entry.clone()), Vec::<String>::new(), "{entry}");
        }
        let none = both(review(1, "confirm", 9), Some(released(9)));
        assert_eq!(none, Vec::<String>::new());
    }

    /// Frames 0 and 1 were published, 2 was rejected; there are no more.
    #[test]
    fn each_that_does_not_is_told() {
        let tile = json!({"type": "tile.emitted", "path": "tiles/b", "sha256": "5a".repeat(32), "bytes": 9, "source_frames": [[0, 1]]});
        let order = "decisions do not come in the order of time";
        for (entry, expected) in [
            (tile, "entries of a run follow run.closed"),
            (review(0, "confirm", 6), order),
            (released(6), order),
            (
                with(with(deleted(6), "category", "working"), "due", 7),
                order,
            ),
            (
                review(3, "reject", 7),
                "frame 3 was reviewed and is not in the manifest",
            ),
            (
                review(2, "reject", 7),
                "\"reject\" does not fit what became of frame 2",
            ),
            (
                with(deleted(10), "frames", json!([[0, 0], [2, 3]])),
                "a frame was deleted that is not in the manifest",
            ),
            (
                with(deleted(10), "due", 9),
                "raw was not due when raw.deleted says",
            ),
            (
                with(deleted(10), "category", "private"),
                "private was not due when raw.deleted says",
            ),
            (
                with(deleted(10), "destroyed_key", "age1b"),
                "raw.deleted destroyed another key than run.opened names",
            ),
            (deleted(9), "raw was deleted before it was due"),
        ] {
            let told = behind(entry.clone());
            assert!(
                told.iter().any(|problem| problem == expected),
                "{entry}: {told:?}"
            );
        }
        assert_eq!(both(released(9), Some(released(8))), [order]);
    }

    #[test]
    fn what_was_withheld_is_decided_and_not_confirmed() {
        let behind = |entry| whole().withheld("beyond-envelope").then(entry).problems();
        let looked = behind(review(2, "approve", 7));
        assert_eq!(looked, Vec::<String>::new());
        let confirmed = behind(review(2, "confirm", 7));
        assert_eq!(
            confirmed,
            ["\"confirm\" does not fit what became of frame 2"]
        );
    }
}
