//! Whether what people decided after a run fits it.
//!
//! In: the entries behind `run.closed`. Out: what does not add up. Only `review.decided`, `release.approved` and `raw.deleted`
//! may stand there, in the order of time, about frames of the manifest; `confirm` is said of published frames, every other
//! decision of frames that were not.

use std::collections::BTreeSet;

use super::Entry;

/// What does not add up, in the order of the entries.
pub(super) fn problems(count: u32, published: &BTreeSet<u32>, after: &[Entry]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut last = i64::MIN;
    for entry in after {
        let at = match entry {
            Entry::Review(review) => {
                let frame = review.frame;
                if frame >= count {
                    problems.push(format!(
                        "frame {frame} was reviewed and is not in the manifest"
                    ));
                } else if published.contains(&frame) != (review.decision == "confirm") {
                    problems.push(format!(
                        "{:?} does not fit what became of frame {frame}",
                        review.decision
                    ));
                }
                review.at
            }
            Entry::Release(release) => release.at,
            Entry::Deleted(deleted) => {
                if deleted
                    .frames
                    .last()
                    .is_some_and(|[_, last]| *last >= count)
                {
                    problems.push("a frame was deleted that is not in the manifest".into());
                }
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
