//! A run that follows a review: what people decided about an earlier run over the same inputs.
//!
//! In: the folder of that run. Out: what is decided about each frame. Refuses: a log that does not verify, and another manifest,
//! settings or models, since people decided about what these found.

use std::path::{Path, PathBuf};

use super::RunError;
use crate::audit::{self, DecidedMask, REVIEWED, Retention, Reviewed, ReviewedRun, RunOpened};
use crate::config::SurveyConfig;
use crate::frame::FrameId;
use crate::georef::Located;
use crate::raster::RowSpan;
use crate::redact::Decided;
use crate::store::layout;
use crate::units::Metres;

use super::{Cause, Outcome};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What people decided; nothing where a run follows no review.
#[derive(Debug, Default)]
pub(super) struct Decisions(Option<(PathBuf, Reviewed)>);

impl Decisions {
    /// Reads and verifies the log of the reviewed run, for one that begins, or that was begun when that log was as `begun` says.
    pub(super) fn read(folder: Option<&Path>, begun: Option<&RunOpened>) -> Result<Self, RunError> {
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        let path = folder.to_path_buf();
        let found = audit::verify(folder, &audit::VerifyOptions::default())?;
        let root = found.root;
        if let Some(problem) = found.problems.into_iter().next() {
            return Err(RunError::Unverified { path, problem });
        }
        let reviewed = match begun.and_then(|opened| opened.reviewed.as_ref()) {
            Some(named) => audit::read_reviewed_then(folder, &root, named)?,
            None => audit::read_reviewed(folder, &root)?,
        };
        Ok(Self(Some((path, reviewed))))
    }

    /// Key of the reviewed run's commitments: with another one the manifests could not be compared.
    pub(super) fn commitment_key(&self) -> Option<PathBuf> {
        self.0
            .as_ref()
            .map(|(folder, _)| folder.join(layout::COMMITMENT_KEY))
    }

    /// Refuses a review of another run.
    pub(super) fn check(&self, opened: &RunOpened) -> Result<(), RunError> {
        let Some((path, reviewed)) = &self.0 else {
            return Ok(());
        };
        let before = &reviewed.opened;
        let differs = [
            ("manifest", before.manifest != opened.manifest),
            (
                "configuration",
                before.policy_sha256 != opened.policy_sha256,
            ),
            ("model", before.models != opened.models),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(RunError::NotReviewed {
                path: path.clone(),
                what,
            }),
            None => Ok(()),
        }
    }

    /// For `run.opened`.
    pub(super) fn run(&self) -> Option<ReviewedRun> {
        self.0.as_ref().map(|(_, reviewed)| reviewed.run.clone())
    }

    /// When what is due: fixed at intake, which was that of the reviewed run.
    pub(super) fn retention(&self, survey: &SurveyConfig, now: i64) -> Retention {
        if let Some((_, reviewed)) = &self.0 {
            return reviewed.opened.retention;
        }
        let due = |days: Option<u32>| days.map(|days| now + i64::from(days) * DAY);
        let days = survey.retention;
        Retention {
            raw: due(days.raw_days),
            working: due(days.working_days),
            private: due(days.private_days),
            commitment_key: due(days.commitment_key_days),
        }
    }

    /// What is decided about the mask of a frame that is to be published.
    pub(super) fn mask(&self, FrameId(frame): FrameId) -> Option<&DecidedMask> {
        self.0.as_ref()?.1.masks.get(&frame)
    }

    /// The outcome of a frame that is never published.
    pub(super) fn rejected(&self, FrameId(frame): FrameId) -> Option<Outcome> {
        let (_, reviewed) = self.0.as_ref()?;
        let rejected = reviewed.rejected.binary_search(&frame).is_ok();
        let detail = "people decided that it is never published";
        rejected.then(|| Outcome::Withheld(Cause::new(REVIEWED, detail)))
    }
}

/// The boxes of a decision, where there is one.
pub(crate) fn boxes(decided: Option<&DecidedMask>) -> Decided<'_> {
    decided.map_or_else(Decided::default, |decided| Decided {
        hide: &decided.hide,
        open: &decided.open,
    })
}

/// What stays hidden whatever is found there: pixels that see the ground more coarsely than `limit`, but in the boxes that two people opened, and the
/// sky, which nobody opens. The one rule for a run and for whoever draws its masks again.
pub(crate) fn beyond(located: &Located, limit: Metres, decided: &Decided<'_>) -> Vec<RowSpan> {
    let mut hidden = outside(&located.beyond(limit), decided.open);
    if !decided.open.is_empty() {
        hidden.extend(located.beyond(Metres(f64::INFINITY)));
    }
    hidden
}

/// What lies outside all boxes: left, top, right, bottom in pixels, the last two one past the box.
fn outside(spans: &[RowSpan], boxes: &[[u32; 4]]) -> Vec<RowSpan> {
    let mut left = spans.to_vec();
    for bbox in boxes {
        let [x0, y0, x1, y1] = bbox.map(|edge| usize::try_from(edge).unwrap_or(usize::MAX));
        let cut = |span: RowSpan| {
            if !(y0..y1).contains(&span.row) {
                return vec![span];
            }
            // What is left of the box, and what is right of it.
            let parts = [
                RowSpan {
                    x1: span.x1.min(x0),
                    ..span
                },
                RowSpan {
                    x0: span.x0.max(x1),
                    ..span
                },
            ];
            parts.into_iter().filter(|part| part.x0 < part.x1).collect()
        };
        left = left.into_iter().flat_map(cut).collect();
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_cut_their_own_pixels_out_and_no_others() {
        let row = |row, x0, x1| RowSpan { row, x0, x1 };
        let all = [row(0, 0, 10), row(1, 0, 10), row(2, 4, 6)];
        assert_eq!(outside(&all, &[]), all);
        // Rows 1 and 2, columns 3 to 5; then the first row from column 8 on.
        let left = outside(&all, &[[3, 1, 6, 3], [8, 0, 99, 1]]);
        assert_eq!(left, [row(0, 0, 8), row(1, 0, 3), row(1, 6, 10)]);
    }
}
