//! The first look at one picture, by all detectors.
//!
//! In: a [`Picture`]. Out: [`Looked`], which holds boxes and a place and no pixel. The looks at the card's thresholds
//! are those of a run: same calls, same settings.

use std::sync::Arc;

use super::Evaluation;
use super::coco::LabelledFrame;
use super::error::FrameError;
use super::picture::Picture;
use crate::detect::{DetectError, Detection, Detections, Detector};
use crate::frame::{FrameId, Inputs, ModelInput};
use crate::georef::{self, CameraOverrides};
use crate::run::{Find, Seen};
use crate::units::Metres;

/// Finds are followed down to the first of these scores for the curves, to the next where that gives too many.
/// Below all of them precision is next to nothing.
const FLOORS: [f32; 3] = [0.02, 0.05, 0.1];

/// One picture after its first look.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) id: FrameId,
    /// Columns and rows.
    pub(super) shape: (usize, usize),
    pub(super) ground_resolution: Metres,
    /// The models' finds down to one of [`FLOORS`].
    pub(super) weak: Vec<Detection>,
    /// Whether `weak` ends at the card's thresholds, because there were too many below.
    pub(super) cut: bool,
    /// The models' looks at the card's thresholds.
    pub(super) models: Vec<Detections>,
    pub(super) warm_spots: Detections,
    /// What its neighbours need; `None` where nobody knows which ground it shows.
    pub(super) seen: Option<Arc<Seen>>,
}

impl Looked {
    /// The models' finds at the card's thresholds.
    pub(super) fn finds(&self) -> impl Iterator<Item = &Detection> {
        self.models.iter().flat_map(Detections::found)
    }
}

impl Evaluation<'_> {
    /// Looks at one picture.
    pub(super) fn look(&self, id: FrameId, labelled: &LabelledFrame) -> Result<Looked, FrameError> {
        let path = self.images.join(&labelled.file_name);
        let picture = Picture::open(id, self.images, labelled, self.ground_resolution)?;
        let failed = |source| FrameError::Detect {
            path: path.clone(),
            source,
        };
        let mut inputs = Inputs::new(picture.shape(), |multiple_of| picture.input(multiple_of));
        let (mut models, mut weak, mut cut) = (Vec::new(), Vec::new(), false);
        for detector in self.detectors {
            let input = inputs.padded_to(detector.multiple_of());
            let look = detector.detect(id, input).map_err(failed)?;
            let all = weakest(detector.as_ref(), id, input).map_err(failed)?;
            cut |= all.is_none();
            weak.extend_from_slice(all.as_ref().unwrap_or(&look).found());
            models.push(look);
        }
        let ground_resolution = picture.ground_resolution();
        let input = inputs.padded_to(1);
        let warm_spots = self.warm_spots.look(id, input, ground_resolution);
        let seen = picture.meta().and_then(|meta| {
            let folder = path.parent().unwrap_or(self.images).to_path_buf();
            let finds = Find::all_of(models.iter().chain([&warm_spots]));
            let located = georef::locate(meta, &CameraOverrides::default()).ok()?;
            Some(Arc::new(Seen::new(id, folder, meta, &located, finds, true)))
        });
        Ok(Looked {
            id,
            shape: picture.shape(),
            ground_resolution,
            weak,
            cut,
            models,
            warm_spots,
            seen,
        })
    }
}

/// Finds down to the lowest score that gives few enough; `None` where none does.
fn weakest(
    detector: &dyn Detector,
    id: FrameId,
    input: &ModelInput,
) -> Result<Option<Detections>, DetectError> {
    for floor in FLOORS {
        match detector.detect_from(floor, id, input) {
            Err(DetectError::TooMany { .. }) => {}
            answer => return answer.map(Some),
        }
    }
    Ok(None)
}
