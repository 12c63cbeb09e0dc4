//! The first half of a frame's way: decode, locate, calibrate, look. The second is in `masking`.
//!
//! In: one line of the manifest. Out: a [`Looked`]. Refuses: to end the run; whatever fails ends in an [`Outcome`]
//! that says so. Nothing here publishes.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::keys::InputKeys;
use super::processed::{Input, Look, Looked, Processed, Ready, Times};
use super::reviewed::{Decisions, beyond, boxes};
use super::watchdog::{self, Watchdog, Watched};
use super::window::{Find, Seen};
use super::{BEYOND_ENVELOPE, Cause, Outcome, Run};
use crate::config::Config;
use crate::detect::{Beyond, Conditions, Detections, Detector, WarmSpots};
use crate::frame::{
    Calibrated, Calibration, Frame, FrameId, FrameMeta, Inputs, ModelInput, Radiometry, Raw,
};
use crate::georef::{Located, Locator};
use crate::ingest::{self, IngestOptions};
use crate::radiometry;
use crate::raster::RowSpan;
use crate::store::Store;
use crate::units::Metres;

/// What every frame of a run is done with.
pub(super) struct FrameTask<'a> {
    detectors: &'a [Box<dyn Detector>],
    pub(super) config: &'a Config,
    ingest: IngestOptions,
    places: Locator,
    keys: &'a InputKeys,
    pub(super) decisions: &'a Decisions,
    pub(super) store: &'a Store,
    pub(super) watchdog: &'a Watchdog,
    calibration: Mutex<Option<(Radiometry, Arc<Calibration>)>>,
}

/// The table for a camera's constants: where the weather is given, emissivity and sky come in with the map. The one rule for a run and for whoever
/// draws its frames again.
pub(crate) fn calibration(config: &Config, radiometry: &Radiometry) -> Calibration {
    match config.weather {
        Some(_) => radiometry::apparent_calibration(radiometry),
        None => radiometry::calibration(radiometry),
    }
}

/// What decoding and placing frames need to know, from the settings.
pub(crate) fn options(config: &Config) -> (IngestOptions, Locator) {
    let ingest = IngestOptions {
        tiff_scale: config.camera.tiff_scale,
        ..IngestOptions::default()
    };
    let places = Locator {
        camera: config.camera.lens,
        poses: config.georef.poses.clone(),
        take_off: config.georef.poses_take_off,
    };
    (ingest, places)
}

impl<'a> FrameTask<'a> {
    pub(super) fn new(
        run: &'a Run,
        keys: &'a InputKeys,
        decisions: &'a Decisions,
        store: &'a Store,
        watchdog: &'a Watchdog,
    ) -> Self {
        let (ingest, places) = options(&run.config);
        watchdog.note_in(store);
        Self {
            detectors: &run.detectors,
            config: &run.config,
            ingest,
            places,
            keys,
            decisions,
            store,
            watchdog,
            calibration: Mutex::new(None),
        }
    }

    /// The first half: takes one frame through its first look. A panic in any stage withholds the frame.
    pub(super) fn look(&self, input: &Input<'_>) -> Looked {
        self.looked(input, |watched, processed| {
            let ready = self.prepare(input, watched, processed)?;
            self.first_look(&ready, watched, processed)?;
            Ok(ready)
        })
    }

    /// A frame before its first look, as if that will be made where the frame lies within the models' evaluation: what neighbours need to know of
    /// it but for what is found there, and its outcome if it has one by now.
    pub(super) fn unlooked(&self, input: &Input<'_>) -> Looked {
        let looked = self.looked(input, |watched, processed| {
            self.prepare(input, watched, processed)
        });
        Looked {
            ready: None,
            ..looked
        }
    }

    /// A frame after `work`, and what neighbours need to know of it.
    fn looked(
        &self,
        input: &Input<'_>,
        work: impl FnOnce(&Watched<'_>, &mut Processed) -> Result<Ready, Outcome>,
    ) -> Looked {
        let mut processed = Processed::new(input);
        let watched = self.watchdog.frame(input.id, input.path);
        let ready = guarded(|| work(&watched, &mut processed))
            .map_err(|outcome| processed.outcome = outcome)
            .ok();
        let is_first = |look: &Look| look.model.is_some() && look.round == 0;
        let looked = ready.is_some() || processed.looks.iter().any(is_first);
        let finds = Find::all_of(processed.looks.iter().map(|look| &look.detections));
        Looked {
            seen: self.seen(input, processed.meta.as_ref(), finds, looked),
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
        looked: bool,
    ) -> Option<Arc<Seen>> {
        let meta = meta?;
        let located = self.located(input.path, meta)?;
        let seen = Seen::new(input.id, input.folder(), meta, &located, finds, looked);
        Some(Arc::new(seen))
    }

    /// Where a frame was by its file, or by the poses that were given; `None` where nobody knows, or finding out failed inside.
    pub(super) fn located(&self, file: &Path, meta: &FrameMeta) -> Option<Located> {
        let name = ingest::unsealed_name(file);
        let locate = || self.places.locate(&name, meta);
        panic::catch_unwind(AssertUnwindSafe(locate)).ok()?.ok()
    }

    /// Takes a frame to where models may look at it.
    fn prepare(
        &self,
        input: &Input<'_>,
        watched: &Watched<'_>,
        processed: &mut Processed,
    ) -> Result<Ready, Outcome> {
        watched.stage("reading and decoding");
        let raw = self.decode(input, processed)?;
        let located = self
            .places
            .locate(&ingest::unsealed_name(input.path), raw.meta())
            .map_err(|error| Outcome::Rejected(Cause::new(error.reason(), error.to_string())))?;
        watched.stage("calibrating");
        let frame = timed(&mut processed.times.calibrate, || self.calibrate(raw))?;
        let hidden = self.envelope(&frame, &located, &mut processed.skipped)?;
        Ok(Ready {
            frame,
            located,
            hidden,
        })
    }

    fn first_look(
        &self,
        Ready { frame, located, .. }: &Ready,
        watched: &Watched<'_>,
        processed: &mut Processed,
    ) -> Result<(), Outcome> {
        watched.stage("the first look");
        let started = Instant::now();
        let mut inputs = Inputs::new(frame.shape(), |multiple_of| frame.model_input(multiple_of));
        for (model, detector) in self.looking(&processed.skipped) {
            let input = inputs.padded_to(detector.multiple_of());
            let detections = ask(detector, frame.id(), input, watched, &mut processed.times)?;
            processed.looks.push(Look {
                detections,
                round: 0,
                model: Some(model),
                source: None,
            });
        }
        if let Some(config) = &self.config.detect.warm_spots {
            let (input, resolution) = (inputs.padded_to(1), located.ground_resolution());
            processed.looks.push(Look {
                detections: WarmSpots::new(config).look(frame.id(), input, resolution),
                round: 0,
                model: None,
                source: None,
            });
        }
        processed.times.detect += started.elapsed();
        Ok(())
    }

    /// Reads and decodes the file, and keeps its metadata.
    pub(super) fn decode(
        &self,
        input: &Input<'_>,
        processed: &mut Processed,
    ) -> Result<Frame<Raw>, Outcome> {
        if let Some(first) = input.duplicate_of {
            processed.sealed = ingest::lies_sealed(input.path);
            let detail = format!("the same bytes as frame {first}");
            return Err(Outcome::Rejected(Cause::new("duplicate", detail)));
        }
        if self.store.is_unending(input.id) {
            processed.sealed = ingest::lies_sealed(input.path);
            return Err(watchdog::unending());
        }
        let reject = |reason: &str, detail: String| Outcome::Rejected(Cause::new(reason, detail));
        let opened = timed(&mut processed.times.read, || {
            let key = self.keys.intake.as_ref();
            ingest::open(input.path, &self.ingest.limits, key)
        })
        .map_err(|error| reject(error.reason(), error.detail()))?;
        processed.bytes = opened.bytes.len() as u64;
        processed.sealed = opened.sealed;
        if self.keys.commitment.commit(&opened.bytes) != input.commitment {
            return Err(reject(
                "changed",
                "the file changed after the manifest was fixed".into(),
            ));
        }
        let raw = timed(&mut processed.times.decode, || {
            ingest::decode(input.id, input.path, &opened.bytes, &self.ingest)
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
                let table = Arc::new(calibration(self.config, radiometry));
                *kept = Some((*radiometry, Arc::clone(&table)));
                table
            }
        }
    }

    /// The detectors that look at a frame, with their places among the run's models.
    pub(super) fn looking(
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
        let withheld = |detail: String| Outcome::Withheld(Cause::new(BEYOND_ENVELOPE, detail));
        let Some(temperatures) = frame.summary() else {
            return Err(Outcome::Rejected(Cause::new(
                "no-temperature",
                "no pixel has a temperature",
            )));
        };
        let decided = self.decisions.mask(frame.id());
        let beyond = |limit| beyond(located, Metres(limit), &boxes(decided));
        if self.config.detect.publish_beyond_envelope.is_some() {
            return Ok(beyond(f64::INFINITY));
        }
        let conditions = Conditions {
            ground_resolution: located.ground_resolution(),
            shape: frame.shape(),
            temperatures,
        };
        if let Err(detail) = self.evaluated(&conditions, skipped) {
            // One person lets the frame through: then all look.
            if decided.is_none() {
                return Err(withheld(detail));
            }
            skipped.clear();
        }
        Ok(beyond(self.evaluated_resolution()))
    }

    /// The coarsest ground resolution, metres, at which every model that withholds was evaluated.
    fn evaluated_resolution(&self) -> f64 {
        let envelopes = self.detectors.iter().map(|detector| detector.envelope());
        envelopes
            .filter(|envelope| envelope.beyond == Beyond::Withhold)
            .map(|envelope| envelope.max_ground_resolution_m)
            .fold(f64::INFINITY, f64::min)
    }

    /// Who need not look; the words say why the whole frame lies beyond the models' evaluation.
    fn evaluated(
        &self,
        conditions: &Conditions,
        skipped: &mut BTreeMap<usize, String>,
    ) -> Result<(), String> {
        for (model, detector) in self.detectors.iter().enumerate() {
            let (envelope, (name, _)) = (detector.envelope(), detector.model());
            if let Some(why) = envelope.skips(conditions) {
                skipped.insert(model, why);
            } else if let Some(detail) = envelope.outside(conditions) {
                return Err(format!("model {name}: {detail}"));
            }
        }
        if skipped.len() == self.detectors.len() {
            return Err("no model was evaluated for such a frame".into());
        }
        Ok(())
    }
}

/// One detector's finds; its failure withholds the frame, and so does that it is asked too late.
pub(super) fn ask(
    detector: &dyn Detector,
    id: FrameId,
    input: &ModelInput,
    watched: &Watched<'_>,
    times: &mut Times,
) -> Result<Detections, Outcome> {
    if watched.is_over() {
        return Err(watched.outcome());
    }
    times.looks += 1;
    // A look that came to its end is as good as any, however long it took.
    timed(&mut times.inference, || detector.detect(id, input)).map_err(|error| {
        if watched.is_over() {
            watched.outcome()
        } else {
            Outcome::Withheld(Cause::new("detector-failed", error.to_string()))
        }
    })
}

/// Does `work`; a panic in it withholds the frame.
pub(super) fn guarded<T, E: From<Outcome>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(internal("a stage stopped with an internal error".into()).into()))
}

pub(super) fn internal(detail: String) -> Outcome {
    Outcome::Withheld(Cause::new("internal", detail))
}

fn timed<R>(total: &mut Duration, work: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = work();
    *total += started.elapsed();
    result
}
