//! Measures detectors on labelled pictures, with the processing that `run` has.
//!
//! In: COCO labels, pictures, detectors. Out: a [`Report`]: how much is found, how much of what is labelled is
//! masked, at what price, each with a 95 % interval by scene; and the finds as COCO results, for other tools.
//! Refuses: labels it does not understand. A picture that cannot be read is an error of its own, named, and in no
//! figure: neither its frame nor its objects count.
//!
//! `DESIGN.md` fixes the JSON; fields are only added. All figures are of first looks and of what their finds hide in
//! neighbouring frames; what a run does besides (self-check, envelope) is not in them.

mod bootstrap;
mod coco;
mod curve;
mod error;
mod figures;
mod hidden;
mod look;
mod matching;
mod picture;
mod report;
mod scenes;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

pub use coco::{Ignored, LabelledFrame, Labels, Rect};
pub use error::{EvalError, FrameError};
pub use report::{CocoResults, Report};

use crate::config::CarryConfig;
use crate::detect::{Class, Detector, WarmSpots};
use crate::frame::FrameId;
use crate::ingest::flight_order;
use crate::outside;
use crate::redact::RedactConfig;
use crate::run::{Neighbour, Ordered, Seen, Window};
use crate::units::Metres;

use figures::{Gave, Sums};
use look::Looked;

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
    /// How finds are carried into neighbouring frames, where pictures say which ground they show.
    pub carry: &'a CarryConfig,
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

impl<'a> Evaluation<'a> {
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
        let items = self.items();
        let count = items.iter().map(|item| item.scene + 1).max();
        let mut sums = Sums::new(
            self.labels.classes.keys().copied(),
            count.unwrap_or_default(),
        );
        let mut results = CocoResults::default();
        let mut errors = Vec::new();
        let in_flight = self.threads.saturating_mul(IN_FLIGHT_PER_THREAD);
        let look = |item: Item<'a>| {
            let looked = self.look(item.id, item.labelled);
            (item, looked)
        };
        let hide = |((item, looked), neighbours): (FirstLook<'a>, Vec<Neighbour>)| {
            let gave = looked.and_then(|looked| {
                let lines = self.hide(item.labelled, &looked, &neighbours)?;
                Ok(Gave { looked, lines })
            });
            (item, gave)
        };
        pool.in_place_scope_fifo(|scope| {
            let looked = Ordered::new(scope, items.into_iter(), in_flight, &look);
            let window = Window::new(looked, Some(*self.carry), place);
            for (item, gave) in Ordered::new(scope, window, in_flight, &hide) {
                match gave {
                    Ok(gave) => {
                        sums.add(item.scene, item.labelled, &gave);
                        let weak = &gave.looked.weak;
                        results.add(item.labelled.id, &self.labels.classes, weak);
                    }
                    Err(error) => {
                        failed(&error);
                        errors.push((item.labelled.file_name.clone(), error.to_string()));
                    }
                }
            }
        });
        let figures = sums.figures(|class| self.threshold(class));
        let models = self.detectors.iter().map(|detector| detector.model());
        Ok(Report::new(figures, models, &errors, results))
    }

    /// The labelled frames in the order in which a run takes the files of a folder, so that neighbours are the same.
    fn items(&self) -> Vec<Item<'a>> {
        let frames = &self.labels.frames;
        let names: Vec<&str> = frames.iter().map(|frame| &*frame.file_name).collect();
        let scenes = scenes::scenes(&names, self.scenes);
        let mut frames: Vec<_> = frames.iter().zip(scenes).collect();
        let path = |labelled: &'a LabelledFrame| Path::new(&labelled.file_name);
        frames.sort_by(|(one, _), (other, _)| flight_order(path(one), path(other)));
        let frames = frames.into_iter().zip(0_u32..);
        let item = |((labelled, scene), number)| Item {
            id: FrameId(number),
            labelled,
            scene,
        };
        frames.map(item).collect()
    }

    /// The lowest score from which on a model reports the class.
    fn threshold(&self, class: Class) -> Option<f32> {
        let thresholds = self.detectors.iter();
        thresholds
            .filter_map(|detector| detector.threshold(class))
            .min_by(f32::total_cmp)
    }
}

/// One frame to measure.
#[derive(Debug)]
struct Item<'a> {
    id: FrameId,
    labelled: &'a LabelledFrame,
    scene: usize,
}

/// A frame, and its first look where there was one.
type FirstLook<'a> = (Item<'a>, Result<Looked, FrameError>);

/// What a frame's neighbours need.
fn place<'a>((_, looked): &'a FirstLook<'_>) -> Option<&'a Arc<Seen>> {
    looked.as_ref().ok()?.seen.as_ref()
}

/// Pictures in flight for each thread, so that none waits for the slowest.
const IN_FLIGHT_PER_THREAD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Bytes of a file of scenes.
const LONGEST_SCENES: u64 = 64 << 20;

/// Reads scenes by file name: a JSON object of texts.
///
/// # Errors
///
/// [`EvalError`] naming the file.
pub fn read_scenes(path: &Path) -> Result<BTreeMap<String, String>, EvalError> {
    let text = outside::read_text(path, LONGEST_SCENES).map_err(|source| EvalError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| EvalError::Labels {
        path: path.to_path_buf(),
        problem: error.to_string(),
    })
}
