//! A decision: checked against run and input, signed, logged, covered by a new checkpoint.

use std::path::Path;

use super::{Desk, ReviewError};
use crate::audit::{self, Entry, ReviewDecided, Signer};
use crate::frame::FrameId;
use crate::ingest::{self, IngestOptions};
use crate::run;

/// What a person decided about a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Number in the manifest.
    pub frame: u32,
    /// `approve`, `reject`, `release` or `confirm`: see [`ReviewDecided`].
    pub decision: String,
    /// In words.
    pub reason: String,
    /// Also hidden: left, top, right, bottom in whole pixels, the last two one past the box.
    pub hide: Vec<[u32; 4]>,
    /// Not hidden, for a `release`; empty opens the whole frame.
    pub open: Vec<[u32; 4]>,
}

/// Who signs a decision, and the log.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    /// The key that signs the log.
    pub log: &'a Signer,
    /// The reviewer.
    pub reviewer: &'a Signer,
    /// A second person, for a `release`.
    pub second: Option<&'a Signer>,
}

impl Desk {
    /// Logs a decision made at `at`, seconds since 1970, and returns the new checkpoint.
    ///
    /// # Errors
    ///
    /// [`ReviewError`] when it does not fit the frame, its input is not the file of the manifest, a box lies outside, a signature
    /// is missing, or the log cannot be gone on with. Nothing is logged then.
    pub fn decide(
        &self,
        decision: Decision,
        people: People<'_>,
        commitment_key: Option<&Path>,
        at: i64,
    ) -> Result<String, ReviewError> {
        let frame = decision.frame;
        let outcome = self.frame(frame)?.outcome();
        let fits = match decision.decision.as_str() {
            "confirm" => outcome == run::PUBLISHED,
            _ => outcome != run::REJECTED,
        };
        if !fits {
            return Err(ReviewError::DoesNotFit {
                frame,
                outcome,
                decision: decision.decision,
            });
        }
        let (file, bytes) = self.input(
            frame,
            &self.commitment_key(commitment_key)?,
            self.intake.as_ref(),
        )?;
        let mut open = decision.open;
        if decision.decision == "release" || !decision.hide.is_empty() {
            let options = IngestOptions {
                tiff_scale: Some(ingest::TiffScale {
                    scale: 1.0,
                    offset: 0.0,
                }),
                ..IngestOptions::default()
            };
            let shape = ingest::decode(FrameId(frame), file, &bytes, &options)?.shape();
            if decision.decision == "release" && open.is_empty() {
                let edge = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
                open.push([0, 0, edge(shape.0), edge(shape.1)]);
            }
            check(decision.hide.iter().chain(&open), shape)?;
        }
        let signers: Vec<&Signer> = [Some(people.reviewer), people.second]
            .into_iter()
            .flatten()
            .collect();
        if signers.iter().any(|signer| signer.is_same(people.log)) {
            return Err(ReviewError::LogKey);
        }

        audit::append_what(&self.folder, people.log, |before, root| {
            let last = before.iter().filter_map(Entry::at).max();
            if let Some(last) = last.filter(|last| at < *last) {
                return Err(ReviewError::Clock { last, at });
            }
            let decided = ReviewDecided {
                at,
                frame,
                decision: decision.decision,
                reason: decision.reason,
                hide: decision.hide,
                open,
                root: root.to_owned(),
                signatures: Vec::new(),
            };
            Ok(vec![Entry::Review(decided.signed(&signers)?)])
        })
    }
}

/// Refuses boxes that are empty or reach out of the frame: a typing error would hide nothing.
fn check<'a>(
    boxes: impl Iterator<Item = &'a [u32; 4]>,
    (width, height): (usize, usize),
) -> Result<(), ReviewError> {
    for &bbox in boxes {
        let [x0, y0, x1, y1] = bbox;
        let within = |edge: u32, side: usize| usize::try_from(edge).is_ok_and(|edge| edge <= side);
        if x0 >= x1 || y0 >= y1 || !within(x1, width) || !within(y1, height) {
            return Err(ReviewError::Box {
                bbox,
                width,
                height,
            });
        }
    }
    Ok(())
}
