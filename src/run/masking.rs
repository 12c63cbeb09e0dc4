//! The second half of a frame's way: with what its neighbours saw, mask and look again.
//!
//! In: a [`Looked`] and its neighbours. Out: a [`Processed`] with its outcome; the redacted raster of a frame that
//! may be published lies in the work folder. Refuses: to let a frame pass that still shows a sure find, but for what two people opened. Hidden
//! and not asked about again is what stands out of the mask by at most a fifth of its box, and what is found last in a frame that a person looked at.

use std::path::Path;
use std::time::Instant;

use super::carry;
use super::frame_task::{FrameTask, ask, guarded, internal};
use super::processed::{Look, Looked, Masked, Processed, Ready};
use super::reviewed::boxes;
use super::watchdog::Watched;
use super::window::{Neighbour, Seen};
use super::{Cause, Outcome, RunError, record};
use crate::detect::{Detection, Detections, Line};
use crate::frame::{Frame, Inputs, Redacted};
use crate::redact::{self, SelfCheck, stands_out, uncovered};
use crate::store::{StoreError, layout};

/// Times that the mask grows by what a second look still finds beside it, before the frame is withheld. Masking
/// changes the picture, so that a new edge may look like something once or twice.
const MAX_ROUNDS: usize = 3;

impl FrameTask<'_> {
    /// The second half: masks one frame, with what `neighbours` saw, and takes it to its outcome, its redacted
    /// raster to the work folder. A panic in any stage withholds the frame.
    ///
    /// # Errors
    ///
    /// [`RunError::Store`] when the work folder cannot be written: that ends the run, not the frame.
    pub(super) fn finish(
        &self,
        looked: Looked,
        neighbours: &[Neighbour],
        file: &Path,
    ) -> Result<Processed, RunError> {
        let Looked {
            mut processed,
            ready,
            seen,
        } = looked;
        processed.reviewed = self.decisions.mask(processed.id).cloned();
        if let Some(rejected) = self.decisions.rejected(processed.id) {
            (processed.outcome, processed.masked) = (rejected, None);
            return Ok(processed);
        }
        let Some(ready) = ready else {
            return Ok(processed);
        };
        let carried = || self.carried(seen.as_deref(), neighbours);
        // Its file is not opened again, but by its name the operator knows it.
        let watched = self.watchdog.frame(processed.id, file);
        match guarded(|| self.redact(ready, carried(), &watched, &mut processed)) {
            Ok(masked) => {
                (processed.outcome, processed.masked) = (Outcome::Published, Some(masked));
            }
            Err(Stop::Frame(outcome)) => processed.outcome = outcome,
            Err(Stop::Run(error)) => return Err(error.into()),
        }
        Ok(processed)
    }

    /// What a frame hides because its neighbours saw it.
    fn carried(&self, seen: Option<&Seen>, neighbours: &[Neighbour]) -> Vec<Look> {
        let (Some(seen), Some(config)) = (seen, &self.config.detect.carry) else {
            return Vec::new();
        };
        let look = |(source, detections)| Look {
            detections,
            round: 0,
            model: None,
            source: Some(source),
        };
        carry::unanswered(seen, neighbours, config, self.config.georef.yaw)
            .into_iter()
            .map(look)
            .collect()
    }

    /// Masks what any line of defence found, then looks again and grows the mask.
    fn redact(
        &self,
        ready: Ready,
        carried: Vec<Look>,
        watched: &Watched<'_>,
        processed: &mut Processed,
    ) -> Result<Masked, Stop> {
        watched.stage("masking");
        let started = Instant::now();
        let (id, shape) = (ready.frame.id(), ready.frame.shape());
        processed.looks.extend(carried);
        let reviewed = self.decisions.mask(id);
        let decided = boxes(reviewed);
        let mask_of = |looks: &[Look]| {
            let looks = looks.iter().map(|look| &look.detections);
            let resolution = ready.located.finest_resolution();
            let config = &self.config.redact;
            redact::mask_decided(
                id,
                shape,
                looks,
                &ready.hidden,
                resolution,
                config,
                &decided,
            )
            .map_err(|error| internal(error.to_string()))
        };
        let mut frame = ready
            .frame
            .redact(&mask_of(&processed.looks)?)
            .map_err(|error| internal(error.to_string()))?;
        processed.times.redact += started.elapsed();

        watched.stage("the self-check");
        let started = Instant::now();
        let mut self_check = SelfCheck::default();
        let mut missed = self.missed(&frame, 1, watched, processed)?;
        // What two people opened is found again, and must be.
        let is_left = |found: &Detection| found.is_sure() && !decided.opens(found);
        // Where a person looked too, what is found in the end is hidden and not asked about again.
        let max_rounds = MAX_ROUNDS + usize::from(reviewed.is_some());
        while !missed.is_empty() {
            // What hardly stands out is hidden without another look.
            let asks = finds(&missed).any(|found| {
                stands_out(found, frame.mask()) && (self_check.rounds == 0 || is_left(found))
            });
            if asks && self_check.rounds == max_rounds {
                let detail = format!("still found after the mask had grown: {}", named(&missed));
                processed.looks.append(&mut missed);
                processed.times.self_check += started.elapsed();
                return Err(Outcome::Withheld(Cause::new("self-check", detail)).into());
            }
            self_check.found += finds(&missed).count();
            self_check.rounds += 1;
            processed.looks.append(&mut missed);
            frame = frame
                .redact(&mask_of(&processed.looks)?)
                .map_err(|error| internal(error.to_string()))?;
            if !asks || self_check.rounds > MAX_ROUNDS {
                break;
            }
            let round = record::count(self_check.rounds) + 1;
            missed = self.missed(&frame, round, watched, processed)?;
            if !finds(&missed).any(is_left) {
                missed.clear();
            }
        }
        processed.times.self_check += started.elapsed();
        let output_sha256 = self
            .store
            .spill(|sha256| layout::spilled_frame(id, sha256), &frame)?;
        Ok(Masked {
            mask_sha256: frame.mask().sha256(),
            hidden_pixels: frame.mask().masked_pixels(),
            output_sha256,
            self_check,
        })
    }

    /// What each detector still finds that the mask does not wholly hide; empty where none does.
    fn missed(
        &self,
        frame: &Frame<Redacted>,
        round: u32,
        watched: &Watched<'_>,
        processed: &mut Processed,
    ) -> Result<Vec<Look>, Outcome> {
        let mut missed = Vec::new();
        let mut inputs = Inputs::new(frame.shape(), |multiple_of| frame.model_input(multiple_of));
        for (model, detector) in self.looking(&processed.skipped) {
            let input = inputs.padded_to(detector.multiple_of());
            let look = ask(detector, frame.id(), input, watched, &mut processed.times)?;
            let found = uncovered(&look, frame.mask());
            if !found.is_empty() {
                missed.push(Look {
                    detections: Detections::completed(frame.id(), Line::Model, found),
                    round,
                    model: Some(model),
                    source: None,
                });
            }
        }
        Ok(missed)
    }
}

/// Why a frame goes no further: its own outcome, or the end of the run.
enum Stop {
    Frame(Outcome),
    Run(StoreError),
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Self {
        Self::Frame(outcome)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Run(error)
    }
}

fn finds(looks: &[Look]) -> impl Iterator<Item = &Detection> {
    looks.iter().flat_map(|look| look.detections.found())
}

/// Classes and scores, such as `person 0.87`.
fn named(looks: &[Look]) -> String {
    let name = |find: &Detection| format!("{} {:.2}", find.class.name(), find.score);
    finds(looks).map(name).collect::<Vec<_>>().join(", ")
}
