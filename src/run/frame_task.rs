//! One frame from file to redacted raster: decode, locate, calibrate, look, mask, look again.
//!
//! Whatever fails ends in an [`Outcome`] that says so; nothing here publishes.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Cause, Outcome, RunError};
use crate::audit::CommitmentKey;
use crate::config::Config;
use crate::detect::{Detection, Detections, Detector, View};
use crate::frame::{Calibrated, Calibration, Frame, FrameId, FrameMeta, Radiometry, Raw, Redacted};
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
    pub(super) detectors: &'a [Box<dyn Detector>],
    pub(super) config: &'a Config,
    pub(super) ingest: IngestOptions,
    pub(super) camera: CameraOverrides,
    pub(super) key: &'a CommitmentKey,
    pub(super) store: &'a Store,
    calibration: Mutex<Option<(Radiometry, Arc<Calibration>)>>,
}

/// One line of the manifest.
#[derive(Debug, Clone)]
pub(super) struct Input<'a> {
    pub(super) id: FrameId,
    pub(super) path: &'a Path,
    /// Commitment made at intake; the file must still have it.
    pub(super) commitment: [u8; 32],
    /// The earlier line with the same bytes.
    pub(super) duplicate_of: Option<FrameId>,
}

/// What became of one frame, with everything the log and the mosaic need.
#[derive(Debug)]
pub(super) struct Processed {
    pub(super) id: FrameId,
    pub(super) commitment: [u8; 32],
    pub(super) bytes: u64,
    /// `None` where the file could not be decoded.
    pub(super) meta: Option<FrameMeta>,
    pub(super) detections: Vec<Detections>,
    pub(super) masked: Option<Masked>,
    pub(super) outcome: Outcome,
    pub(super) times: Times,
}

/// A redacted frame in the work folder and how it came to be.
#[derive(Debug)]
pub(super) struct Masked {
    pub(super) mask_sha256: [u8; 32],
    pub(super) hidden_pixels: usize,
    pub(super) output_sha256: [u8; 32],
    pub(super) self_check: SelfCheck,
}

/// Wall-clock time that one frame took, by stage.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    pub(super) read: Duration,
    pub(super) decode: Duration,
    pub(super) calibrate: Duration,
    pub(super) detect: Duration,
    pub(super) redact: Duration,
    pub(super) self_check: Duration,
    /// Inside the detectors, all looks.
    pub(super) inference: Duration,
    /// Times that a network looked at a frame.
    pub(super) looks: u32,
}

impl Times {
    pub(super) fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.decode += other.decode;
        self.calibrate += other.calibrate;
        self.detect += other.detect;
        self.redact += other.redact;
        self.self_check += other.self_check;
        self.inference += other.inference;
        self.looks += other.looks;
    }

    /// Stages by name; `detect` and `self-check` hold the time inside the networks too.
    pub(super) fn by_stage(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        [
            ("read", self.read),
            ("decode", self.decode),
            ("calibrate", self.calibrate),
            ("detect", self.detect),
            ("redact", self.redact),
            ("self-check", self.self_check),
        ]
        .into_iter()
    }
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

    /// Takes one frame to its outcome, its redacted raster to the work folder. A panic in any stage withholds
    /// the frame.
    ///
    /// # Errors
    ///
    /// [`RunError::Store`] when the work folder cannot be written: that ends the run, not the frame.
    pub(super) fn process(&self, input: &Input<'_>) -> Result<Processed, RunError> {
        let mut processed = Processed {
            id: input.id,
            commitment: input.commitment,
            bytes: 0,
            meta: None,
            detections: Vec::new(),
            masked: None,
            outcome: Outcome::Published,
            times: Times::default(),
        };
        let result =
            panic::catch_unwind(AssertUnwindSafe(|| self.try_process(input, &mut processed)));
        processed.outcome = match result {
            Ok(Ok(())) => Outcome::Published,
            Ok(Err(Stop::Frame(outcome))) => outcome,
            Ok(Err(Stop::Run(error))) => return Err(error.into()),
            Err(_) => Outcome::Withheld(Cause::new(
                "internal",
                "a stage stopped with an internal error",
            )),
        };
        if processed.outcome != Outcome::Published {
            processed.masked = None;
        }
        Ok(processed)
    }

    fn try_process(&self, input: &Input<'_>, processed: &mut Processed) -> Result<(), Stop> {
        let raw = self.decode(input, processed)?;
        processed.meta = Some(raw.meta().clone());
        let located = georef::locate(raw.meta(), &self.camera)
            .map_err(|error| Outcome::Rejected(Cause::new(error.reason(), error.to_string())))?;
        let calibrated = timed(&mut processed.times.calibrate, || self.calibrate(raw))?;
        let hidden = self.envelope(&calibrated, &located)?;
        self.redact(calibrated, &located, &hidden, processed)
    }

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
        timed(&mut processed.times.decode, || {
            ingest::decode(input.id, input.path, &bytes, &self.ingest)
                .map_err(|error| reject(error.reason(), error.detail()))
        })
    }

    fn calibrate(&self, raw: Frame<Raw>) -> Result<Frame<Calibrated>, Outcome> {
        let calibration = self.calibration(&raw.meta().radiometry);
        raw.calibrate(&calibration)
            .map_err(|error| Outcome::Withheld(Cause::new("internal", error.to_string())))
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

    /// Withholds what lies outside every model's evaluation, and lists the pixels that do.
    fn envelope(
        &self,
        frame: &Frame<Calibrated>,
        located: &Located,
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
        for detector in self.detectors {
            if let Some(detail) = detector.envelope().beyond(&view) {
                return Err(withheld(detail));
            }
            limit = limit.min(detector.envelope().max_ground_resolution_m);
        }
        Ok(located.beyond(Metres(limit)))
    }

    fn redact(
        &self,
        calibrated: Frame<Calibrated>,
        located: &Located,
        hidden: &[RowSpan],
        processed: &mut Processed,
    ) -> Result<(), Stop> {
        let (id, shape) = (calibrated.id(), calibrated.shape());
        let times = &mut processed.times;
        let started = Instant::now();
        let mut looks = self.look(id, |multiple_of| calibrated.model_input(multiple_of), times)?;
        times.detect += started.elapsed();
        let started = Instant::now();
        processed.detections.clone_from(&looks);
        let internal = |error: String| Outcome::Withheld(Cause::new("internal", error));
        let mask_of = |looks: &[Detections]| {
            redact::mask(
                id,
                shape,
                looks,
                hidden,
                located.ground_resolution(),
                &self.config.redact,
            )
            .map_err(|error| internal(error.to_string()))
        };
        let mut mask = mask_of(&looks)?;
        let mut frame = calibrated
            .redact(&mask)
            .map_err(|error| internal(error.to_string()))?;
        processed.times.redact += started.elapsed();

        let started = Instant::now();
        let times = &mut processed.times;
        let mut self_check = SelfCheck::default();
        let mut missed = self.missed(&frame, &mask, times)?;
        while !missed.is_empty() && self_check.rounds < MAX_ROUNDS {
            self_check.found += missed.len();
            self_check.rounds += 1;
            looks.push(Detections::completed(
                id,
                crate::detect::Line::Model,
                missed,
            ));
            mask = mask_of(&looks)?;
            frame = frame
                .redact(&mask)
                .map_err(|error| internal(error.to_string()))?;
            missed = self.missed(&frame, &mask, times)?;
            if !missed.iter().any(Detection::is_alarming) {
                missed.clear();
            }
        }
        processed.times.self_check += started.elapsed();
        if !missed.is_empty() {
            let detail = format!("still found after the mask had grown: {}", named(&missed));
            return Err(Outcome::Withheld(Cause::new("self-check", detail)).into());
        }
        let output_sha256 = self.store.spill(&layout::spilled_frame(id), &frame)?;
        processed.masked = Some(Masked {
            mask_sha256: mask.sha256(),
            hidden_pixels: mask.masked_pixels(),
            output_sha256,
            self_check,
        });
        Ok(())
    }

    /// What all detectors still find outside the mask.
    fn missed(
        &self,
        frame: &Frame<Redacted>,
        mask: &RedactionMask,
        times: &mut Times,
    ) -> Result<Vec<Detection>, Outcome> {
        let looks = self.look(
            frame.id(),
            |multiple_of| frame.model_input(multiple_of),
            times,
        )?;
        Ok(looks
            .iter()
            .flat_map(|look| uncovered(look, mask))
            .collect())
    }

    /// All detectors' finds; the failure of one is the failure of all.
    fn look(
        &self,
        id: FrameId,
        input: impl Fn(usize) -> crate::frame::ModelInput,
        times: &mut Times,
    ) -> Result<Vec<Detections>, Outcome> {
        let mut look = |detector: &dyn Detector| {
            let input = input(detector.multiple_of());
            times.looks += 1;
            timed(&mut times.inference, || detector.detect(id, &input)).map_err(|error| {
                Outcome::Withheld(Cause::new("detector-failed", error.to_string()))
            })
        };
        self.detectors
            .iter()
            .map(|detector| look(detector.as_ref()))
            .collect()
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

/// Classes and scores, such as `person 0.87`.
fn named(found: &[Detection]) -> String {
    let name = |find: &Detection| format!("{} {:.2}", find.class.name(), find.score);
    found.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn timed<R>(total: &mut Duration, work: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = work();
    *total += started.elapsed();
    result
}
