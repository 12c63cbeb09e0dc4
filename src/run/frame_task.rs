//! One frame from file to redacted raster, in two halves: decode, locate, calibrate, look; then, with what its
//! neighbours saw, mask and look again.
//!
//! Whatever fails ends in an [`Outcome`] that says so; nothing here publishes.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::carry::{self, Find, Neighbour, Seen};
use super::processed::{Input, Look, Looked, Masked, Processed, Ready, Times};
use super::{Cause, Outcome, RunError, record};
use crate::audit::CommitmentKey;
use crate::config::Config;
use crate::detect::{Beyond, Detection, Detections, Detector, Line, View, WarmSpots};
use crate::frame::{
    Calibrated, Calibration, Frame, FrameId, FrameMeta, ModelInput, Radiometry, Raw, Redacted,
};
use crate::georef::{self, CameraOverrides, Located};
use crate::ingest::{self, IngestOptions};
use crate::radiometry;
use crate::raster::RowSpan;
use crate::redact::{self, RedactionMask, SelfCheck, uncovered};
use crate::store::{Store, StoreError, layout};
use crate::units::Metres;

/// Times that the mask grows by what a second look still finds, before the frame is withheld. Masking
/// changes the picture, so that a new edge may look like something once or twice.
const MAX_ROUNDS: usize = 3;

/// What every frame of a run is done with.
pub(super) struct FrameTask<'a> {
    detectors: &'a [Box<dyn Detector>],
    config: &'a Config,
    ingest: IngestOptions,
    camera: CameraOverrides,
    key: &'a CommitmentKey,
    pub(super) store: &'a Store,
    calibration: Mutex<Option<(Radiometry, Arc<Calibration>)>>,
}

/// What decoding and placing frames need to know, from the settings.
pub(super) fn options(config: &Config) -> (IngestOptions, CameraOverrides) {
    let ingest = IngestOptions {
        tiff_scale: config.camera.tiff_scale,
        ..IngestOptions::default()
    };
    (ingest, config.camera.lens)
}

impl<'a> FrameTask<'a> {
    pub(super) fn new(
        detectors: &'a [Box<dyn Detector>],
        config: &'a Config,
        key: &'a CommitmentKey,
        store: &'a Store,
    ) -> Self {
        let (ingest, camera) = options(config);
        Self {
            detectors,
            config,
            ingest,
            camera,
            key,
            store,
            calibration: Mutex::new(None),
        }
    }

    /// The first half: takes one frame through its first look. A panic in any stage withholds the frame.
    pub(super) fn look(&self, input: &Input<'_>) -> Looked {
        let mut processed = Processed::new(input);
        let ready = match guarded(|| self.try_look(input, &mut processed)) {
            Ok(ready) => Some(ready),
            Err(outcome) => {
                processed.outcome = outcome;
                None
            }
        };
        let found = processed.looks.iter().flat_map(record::found);
        let finds = found.filter_map(|found| Find::of(&found)).collect();
        Looked {
            seen: self.seen(input, processed.meta.as_ref(), finds),
            ready,
            processed,
        }
    }

    /// What neighbours need to know of a frame, by what its file and its entries in the log say.
    pub(super) fn seen(
        &self,
        input: &Input<'_>,
        meta: Option<&FrameMeta>,
        finds: Arc<[Find]>,
    ) -> Option<Arc<Seen>> {
        let meta = meta?;
        Some(Arc::new(Seen {
            id: input.id,
            folder: input.folder(),
            camera: meta.camera.clone(),
            captured_at: meta.captured_at,
            located: georef::locate(meta, &self.camera).ok()?,
            finds,
        }))
    }

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
    ) -> Result<Processed, RunError> {
        let Looked {
            mut processed,
            ready,
            seen,
        } = looked;
        let Some(ready) = ready else {
            return Ok(processed);
        };
        let carried = || self.carried(seen.as_deref(), neighbours);
        match guarded(|| self.redact(ready, carried(), &mut processed)) {
            Ok(masked) => processed.masked = Some(masked),
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

    fn try_look(&self, input: &Input<'_>, processed: &mut Processed) -> Result<Ready, Outcome> {
        let raw = self.decode(input, processed)?;
        let located = georef::locate(raw.meta(), &self.camera)
            .map_err(|error| Outcome::Rejected(Cause::new(error.reason(), error.to_string())))?;
        let frame = timed(&mut processed.times.calibrate, || self.calibrate(raw))?;
        let hidden = self.envelope(&frame, &located, &mut processed.skipped)?;
        let started = Instant::now();
        let input = |multiple_of| frame.model_input(multiple_of);
        for (model, detector) in self.looking(&processed.skipped) {
            let detections = ask(detector, frame.id(), input, &mut processed.times)?;
            processed.looks.push(Look {
                detections,
                round: 0,
                model: Some(model),
                source: None,
            });
        }
        if let Some(config) = &self.config.detect.warm_spots {
            let resolution = located.ground_resolution();
            processed.looks.push(Look {
                detections: WarmSpots::new(config).look(frame.id(), &input(1), resolution),
                round: 0,
                model: None,
                source: None,
            });
        }
        processed.times.detect += started.elapsed();
        Ok(Ready {
            frame,
            located,
            hidden,
        })
    }

    /// Reads and decodes the file, and keeps its metadata.
    pub(super) fn decode(
        &self,
        input: &Input<'_>,
        processed: &mut Processed,
    ) -> Result<Frame<Raw>, Outcome> {
        if let Some(first) = input.duplicate_of {
            let detail = format!("the same bytes as frame {first}");
            return Err(Outcome::Rejected(Cause::new("duplicate", detail)));
        }
        let reject = |reason: &str, detail: String| Outcome::Rejected(Cause::new(reason, detail));
        let bytes = timed(&mut processed.times.read, || {
            ingest::read(input.path, &self.ingest.limits)
        })
        .map_err(|error| reject(error.reason(), error.detail()))?;
        processed.bytes = bytes.len() as u64;
        if self.key.commit(&bytes) != input.commitment {
            return Err(reject(
                "changed",
                "the file changed after the manifest was fixed".into(),
            ));
        }
        let raw = timed(&mut processed.times.decode, || {
            ingest::decode(input.id, input.path, &bytes, &self.ingest)
                .map_err(|error| reject(error.reason(), error.detail()))
        })?;
        processed.meta = Some(raw.meta().clone());
        Ok(raw)
    }

    fn calibrate(&self, raw: Frame<Raw>) -> Result<Frame<Calibrated>, Outcome> {
        let calibration = self.calibration(&raw.meta().radiometry);
        raw.calibrate(&calibration)
            .map_err(|error| internal(error.to_string()))
    }

    /// The table of these constants; a flight has one set, so the last one made is kept.
    fn calibration(&self, radiometry: &Radiometry) -> Arc<Calibration> {
        let mut kept = self
            .calibration
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((known, table)) if known == radiometry => Arc::clone(table),
            _ => {
                let table = Arc::new(radiometry::calibration(radiometry));
                *kept = Some((*radiometry, Arc::clone(&table)));
                table
            }
        }
    }

    /// The detectors that look at a frame, with their places among the run's models.
    fn looking(
        &self,
        skipped: &BTreeMap<usize, String>,
    ) -> impl Iterator<Item = (usize, &dyn Detector)> {
        let all = self.detectors.iter().map(AsRef::as_ref).enumerate();
        all.filter(|(model, _)| !skipped.contains_key(model))
    }

    /// Withholds what lies outside any model's evaluation, notes who need not look, and lists the pixels that
    /// lie outside.
    fn envelope(
        &self,
        frame: &Frame<Calibrated>,
        located: &Located,
        skipped: &mut BTreeMap<usize, String>,
    ) -> Result<Vec<RowSpan>, Outcome> {
        let withheld = |detail: String| Outcome::Withheld(Cause::new("beyond-envelope", detail));
        let Some(temperatures) = frame.summary() else {
            return Err(Outcome::Rejected(Cause::new(
                "no-temperature",
                "no pixel has a temperature",
            )));
        };
        if self.config.detect.publish_beyond_envelope.is_some() {
            return Ok(located.beyond(Metres(f64::INFINITY)));
        }
        let view = View {
            ground_resolution: located.ground_resolution(),
            shape: frame.shape(),
            temperatures,
        };
        let mut limit = f64::INFINITY;
        for (model, detector) in self.detectors.iter().enumerate() {
            let (envelope, (name, _)) = (detector.envelope(), detector.model());
            if let Some(why) = envelope.skips(&view) {
                skipped.insert(model, why);
            } else if let Some(detail) = envelope.beyond(&view) {
                return Err(withheld(format!("model {name}: {detail}")));
            } else if envelope.beyond == Beyond::Withhold {
                limit = limit.min(envelope.max_ground_resolution_m);
            }
        }
        if skipped.len() == self.detectors.len() {
            return Err(withheld("no model was evaluated for such a frame".into()));
        }
        Ok(located.beyond(Metres(limit)))
    }

    /// Masks what any line of defence found, then looks again and grows the mask.
    fn redact(
        &self,
        ready: Ready,
        carried: Vec<Look>,
        processed: &mut Processed,
    ) -> Result<Masked, Stop> {
        let started = Instant::now();
        let (id, shape) = (ready.frame.id(), ready.frame.shape());
        processed.looks.extend(carried);
        let mask_of = |looks: &[Look]| {
            let looks: Vec<_> = looks.iter().map(|look| look.detections.clone()).collect();
            let resolution = ready.located.ground_resolution();
            let config = &self.config.redact;
            redact::mask(id, shape, &looks, &ready.hidden, resolution, config)
                .map_err(|error| internal(error.to_string()))
        };
        let mut mask = mask_of(&processed.looks)?;
        let mut frame = ready
            .frame
            .redact(&mask)
            .map_err(|error| internal(error.to_string()))?;
        processed.times.redact += started.elapsed();

        let started = Instant::now();
        let mut self_check = SelfCheck::default();
        let mut missed = self.missed(&frame, &mask, 1, processed)?;
        while !missed.is_empty() && self_check.rounds < MAX_ROUNDS {
            self_check.found += finds(&missed).count();
            self_check.rounds += 1;
            processed.looks.append(&mut missed);
            mask = mask_of(&processed.looks)?;
            frame = frame
                .redact(&mask)
                .map_err(|error| internal(error.to_string()))?;
            let round = record::count(self_check.rounds) + 1;
            missed = self.missed(&frame, &mask, round, processed)?;
            if !finds(&missed).any(Detection::is_alarming) {
                missed.clear();
            }
        }
        processed.times.self_check += started.elapsed();
        if !missed.is_empty() {
            let detail = format!("still found after the mask had grown: {}", named(&missed));
            processed.looks.append(&mut missed);
            return Err(Outcome::Withheld(Cause::new("self-check", detail)).into());
        }
        let output_sha256 = self.store.spill(&layout::spilled_frame(id), &frame)?;
        Ok(Masked {
            mask_sha256: mask.sha256(),
            hidden_pixels: mask.masked_pixels(),
            output_sha256,
            self_check,
        })
    }

    /// What each detector still finds outside the mask; empty where none does.
    fn missed(
        &self,
        frame: &Frame<Redacted>,
        mask: &RedactionMask,
        round: u32,
        processed: &mut Processed,
    ) -> Result<Vec<Look>, Outcome> {
        let mut missed = Vec::new();
        let input = |multiple_of| frame.model_input(multiple_of);
        for (model, detector) in self.looking(&processed.skipped) {
            let found = uncovered(
                &ask(detector, frame.id(), input, &mut processed.times)?,
                mask,
            );
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

/// One detector's finds; its failure withholds the frame.
fn ask(
    detector: &dyn Detector,
    id: FrameId,
    input: impl Fn(usize) -> ModelInput,
    times: &mut Times,
) -> Result<Detections, Outcome> {
    let input = input(detector.multiple_of());
    times.looks += 1;
    timed(&mut times.inference, || detector.detect(id, &input))
        .map_err(|error| Outcome::Withheld(Cause::new("detector-failed", error.to_string())))
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

/// Does `work`; a panic in it withholds the frame.
pub(super) fn guarded<T, E: From<Outcome>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(internal("a stage stopped with an internal error".into()).into()))
}

fn internal(detail: String) -> Outcome {
    Outcome::Withheld(Cause::new("internal", detail))
}

fn finds(looks: &[Look]) -> impl Iterator<Item = &Detection> {
    looks.iter().flat_map(|look| look.detections.found())
}

/// Classes and scores, such as `person 0.87`.
fn named(looks: &[Look]) -> String {
    let name = |find: &Detection| format!("{} {:.2}", find.class.name(), find.score);
    finds(looks).map(name).collect::<Vec<_>>().join(", ")
}

fn timed<R>(total: &mut Duration, work: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = work();
    *total += started.elapsed();
    result
}
