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
