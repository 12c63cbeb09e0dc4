//! Whether what people decided after a run fits it.
//!
//! In: the entries behind `run.closed`, one after the other. Out: what does not add up. Only `review.decided`, `release.approved` and `raw.deleted`
//! may stand there, in the order of time, about frames of the manifest; `confirm` is said of published frames, every other
//! decision of frames that were not.

use super::Entry;
use super::frames::FrameSet;

/// What was decided so far.
#[derive(Debug)]
pub(super) struct Aftermath {
    /// When the last decision was made.
    last: i64,
}

impl Default for Aftermath {
    fn default() -> Self {
        Self { last: i64::MIN }
    }
}

impl Aftermath {
    /// What does not add up about the next entry, in a run of `count` frames.
    pub(super) fn take(&mut self, count: u32, published: &FrameSet, entry: &Entry) -> Vec<String> {
        let mut problems = Vec::new();
        let at = match entry {
            Entry::Review(review) => {
                let frame = review.frame;
                if frame >= count {
                    problems.push(format!(
                        "frame {frame} was reviewed and is not in the manifest"
                    ));
                } else if published.contains(frame) != (review.decision == "confirm") {
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
            _ => return vec!["entries of a run follow run.closed".into()],
        };
        if at < self.last {
            problems.push("decisions do not come in the order of time".into());
        }
        self.last = self.last.max(at);
        problems
    }
}
