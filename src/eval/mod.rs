//! Measures detectors on labelled pictures, with the processing that `run` has.
//!
//! In: COCO labels, pictures, detectors. Out: a [`Report`]: how much is found, how much of what is labelled is
//! masked, at what price, each with a 95 % interval by scene; and the finds as COCO results, for other tools.
//! Refuses: labels it does not understand. A picture that cannot be read is an error of its own, named, and in no
//! figure: neither its frame nor its objects count.
//!
//! `DESIGN.md` fixes the JSON; fields are only added. All figures are of first looks: what a run does after it
//! (self-check, finds carried from other frames, the envelope) is not in them.

mod bootstrap;
mod coco;
mod curve;
mod error;
mod figures;
mod look;
mod matching;
mod picture;
mod report;
mod scenes;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

pub use coco::{Ignored, LabelledFrame, Labels, Rect};
pub use error::{EvalError, FrameError};
pub use report::{CocoResults, Report};

use crate::detect::{Class, Detector, WarmSpots};
use crate::frame::FrameId;
use crate::redact::RedactConfig;
use crate::run::for_each_ordered;
use crate::units::Metres;

use figures::Sums;

/// Everything an evaluation needs to know.
pub struct Evaluation<'a> {
    /// What is there.
    pub labels: &'a Labels,
    /// Folder of the pictures.
    pub images: &'a Path,
    /// Scenes by file name, where names do not tell them (see [`read_scenes`]).
    pub scenes: &'a BTreeMap<String, String>,
    /// Metres per pixel of pictures that carry no geometry.
    pub ground_resolution: Option<Metres>,
    /// The models.
    pub detectors: &'a [Box<dyn Detector>],
    /// The line of defence without a model.
    pub warm_spots: &'a WarmSpots,
    /// How masks are made.
    pub redact: &'a RedactConfig,
    /// Workers.
    pub threads: NonZeroUsize,
}

impl std::fmt::Debug for Evaluation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Evaluation({} frames)", self.labels.frames.len())
    }
}

impl Evaluation<'_> {
    /// Looks at every picture; `failed` hears of those that could not be looked at.
    ///
    /// # Errors
    ///
    /// [`EvalError::Threads`] when no thread could be started.
    pub fn measure(&self, mut failed: impl FnMut(&FrameError)) -> Result<Report, EvalError> {
        let threads = self.threads.get();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|source| EvalError::Threads { threads, source })?;
        let frames = &self.labels.frames;
        let names: Vec<&str> = frames.iter().map(|frame| &*frame.file_name).collect();
        let scenes = scenes::scenes(&names, self.scenes);
        let items = frames.iter().zip(scenes.iter().copied()).zip(0_u32..);
        let look = |item| {
            let ((labelled, scene), number): ((&LabelledFrame, usize), u32) = item;
            (number, scene, self.look(FrameId(number), labelled))
        };
        let count = scenes.iter().max().map_or(0, |last| last + 1);
        let mut sums = Sums::new(self.labels.classes.keys().copied(), count);
        let mut results = CocoResults::default();
        let mut errors = Vec::new();
        let emitted: Result<(), std::convert::Infallible> = for_each_ordered(
            &pool,
            items,
            self.threads.saturating_mul(IN_FLIGHT_PER_THREAD),
            look,
            |(number, scene, seen)| {
                let Some(labelled) = frames.get(number as usize) else {
                    return Ok(());
                };
                match seen {
                    Ok(seen) => {
                        sums.add(scene, labelled, &seen);
                        results.add(labelled.id, &self.labels.classes, &seen.weak);
                    }
                    Err(error) => {
                        failed(&error);
                        errors.push((labelled.file_name.clone(), error.to_string()));
                    }
                }
                Ok(())
            },
        );
        match emitted {
            Ok(()) => {}
        }
        let figures = sums.figures(|class| self.threshold(class));
        let models = self.detectors.iter().map(|detector| detector.model());
        Ok(Report::new(figures, models, &errors, results))
    }

    /// The lowest score from which on a model reports the class.
    fn threshold(&self, class: Class) -> Option<f32> {
        let thresholds = self.detectors.iter();
        thresholds
            .filter_map(|detector| detector.threshold(class))
            .min_by(f32::total_cmp)
    }
}

/// Pictures in flight for each thread, so that none waits for the slowest.
const IN_FLIGHT_PER_THREAD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Reads scenes by file name: a JSON object of texts.
///
/// # Errors
///
/// [`EvalError`] naming the file.
pub fn read_scenes(path: &Path) -> Result<BTreeMap<String, String>, EvalError> {
    let text = std::fs::read_to_string(path).map_err(|source| EvalError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| EvalError::Labels {
        path: path.to_path_buf(),
        problem: error.to_string(),
    })
}
