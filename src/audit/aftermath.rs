//! Whether what people decided after a run fits it.
//!
//! In: the entries behind `run.closed`. Out: what does not add up. Only `review.decided`, `release.approved` and `raw.deleted`
//! may stand there, in the order of time, about frames of the manifest; decisions are about frames that could be looked at (published
//! or withheld), `confirm` about published ones; what was deleted was due when `run.opened` says. Who signed is [`super::reviewers`]' to check.

use std::collections::BTreeSet;

use super::{Entry, RawDeleted, ReviewDecided, RunOpened};

/// How the run ended for its frames.
pub(super) struct Ended<'a> {
    pub(super) opened: &'a RunOpened,
    pub(super) published: &'a BTreeSet<u32>,
    pub(super) withheld: &'a BTreeSet<u32>,
}

/// What does not add up, in the order of the entries.
pub(super) fn problems(ended: &Ended<'_>, after: &[Entry]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut last = i64::MIN;
    for entry in after {
        let at = match entry {
            Entry::Review(review) => {
                problems.extend(ended.reviewed(review));
                review.at
            }
            Entry::Release(release) => release.at,
            Entry::Deleted(deleted) => {
                problems.extend(ended.deleted(deleted));
                deleted.at
            }
            _ => {
                problems.push("entries of a run follow run.closed".into());
                continue;
            }
        };
        if at < last {
            problems.push("decisions do not come in the order of time".into());
        }
        last = last.max(at);
    }
    problems
}

impl Ended<'_> {
    fn reviewed(&self, review: &ReviewDecided) -> Option<String> {
        let frame = review.frame;
        let published = self.published.contains(&frame);
        let fits = match review.decision.as_str() {
            "confirm" => published,
            _ => published || self.withheld.contains(&frame),
        };
        if frame >= self.opened.manifest.count {
            Some(format!(
                "frame {frame} was reviewed and is not in the manifest"
            ))
        } else if fits {
            None
        } else {
            Some(format!(
                "{:?} does not fit what became of frame {frame}",
                review.decision
            ))
        }
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
        (deleted.at < due).then(|| format!("{category} was deleted before it was due"))
    }
}
