//! All detectors on one picture, and what the masks of their finds hide.
//!
//! In: a [`Picture`] and its labels. Out: [`Seen`], which holds boxes and sums and no pixel. The looks at the
//! card's thresholds and the masks are those of a run: same calls, same settings. What a run does after its first
//! look (self-check, carry from other frames, the envelope) is not part of it.

use std::collections::BTreeMap;

use super::Evaluation;
use super::coco::{LabelledFrame, Rect};
use super::error::FrameError;
use super::picture::Picture;
use crate::detect::{Class, DetectError, Detection, Detections, Detector, Line};
use crate::frame::{FrameId, ModelInput};
use crate::redact::{self, RedactionMask};

/// Finds are followed down to the first of these scores for the curves, to the next where that gives too many.
/// Below all of them precision is next to nothing.
const FLOORS: [f32; 3] = [0.02, 0.05, 0.1];
/// An object counts as masked when at least this share of its box is.
const MASKED: f64 = 0.8;

/// What one picture gave.
#[derive(Debug)]
pub(super) struct Seen {
    /// The models' finds down to one of [`FLOORS`].
    pub(super) weak: Vec<Detection>,
    /// Whether `weak` ends at the card's thresholds, because there were too many below.
    pub(super) cut: bool,
    /// The models' finds at the card's thresholds.
    pub(super) finds: Vec<Detection>,
    /// By line of defence; the last is all of them together.
    pub(super) lines: [Hidden; 3],
    /// Share of the frame under the mask of one class alone.
    pub(super) area: BTreeMap<Class, f64>,
}

/// Names of [`Seen::lines`].
pub(super) const LINES: [&str; 3] = ["models", "warm-spots", "all"];

/// What a mask hides.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// Share of the frame.
    pub(super) area: f64,
    /// By class: hidden pixels of labelled boxes, and all of them.
    pub(super) pixels: BTreeMap<Class, (f64, f64)>,
    /// By object, in the order of the labels: whether enough of it is hidden.
    pub(super) objects: Vec<bool>,
}

impl Evaluation<'_> {
    /// Looks at one picture.
    pub(super) fn look(&self, id: FrameId, labelled: &LabelledFrame) -> Result<Seen, FrameError> {
        let picture = Picture::open(id, self.images, labelled, self.ground_resolution)?;
        let path = || self.images.join(&labelled.file_name);
        let failed = |source| FrameError::Detect {
            path: path(),
            source,
        };
        let (mut looks, mut weak, mut cut) = (Vec::new(), Vec::new(), false);
        for detector in self.detectors {
            let input = picture.input(detector.multiple_of());
            let look = detector.detect(id, &input).map_err(failed)?;
            let all = weakest(detector.as_ref(), id, &input).map_err(failed)?;
            cut |= all.is_none();
            weak.extend_from_slice(all.as_ref().unwrap_or(&look).found());
            looks.push(look);
        }
        let finds: Vec<Detection> = looks.iter().flat_map(Detections::found).copied().collect();
        let resolution = picture.ground_resolution();
        let spots = self.warm_spots.look(id, &picture.input(1), resolution);
        let mask = |looks: &[Detections]| {
            redact::mask(id, picture.shape(), looks, &[], resolution, self.redact).map_err(
                |error| FrameError::Internal {
                    path: path(),
                    problem: error.to_string(),
                },
            )
        };
        let hidden =
            |looks: &[Detections]| mask(looks).map(|mask| Hidden::by(&mask, &picture, labelled));
        let models = hidden(&looks)?;
        // Spots alone: as after a model that found nothing.
        let blind = Detections::completed(id, Line::Model, Vec::new());
        let warm = hidden(&[blind, spots.clone()])?;
        looks.push(spots);
        let all = hidden(&looks)?;
        let mut area = BTreeMap::new();
        for &class in self.labels.classes.keys() {
            let of_class = finds.iter().filter(|find| find.class == class).copied();
            let look = Detections::completed(id, Line::Model, of_class.collect());
            area.insert(class, share(&mask(&[look])?, picture.shape()));
        }
        Ok(Seen {
            weak,
            cut,
            finds,
            lines: [models, warm, all],
            area,
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

impl Hidden {
    fn by(mask: &RedactionMask, picture: &Picture, labelled: &LabelledFrame) -> Self {
        let shape = picture.shape();
        let mut hidden = Self {
            area: share(mask, shape),
            ..Self::default()
        };
        for (_, rect) in &labelled.objects {
            let (mut of_object, mut total) = (0.0, 0.0);
            for (x, y) in pixels(rect, shape) {
                total += 1.0;
                of_object += f64::from(u8::from(mask.hides(x, y)));
            }
            hidden
                .objects
                .push(total > 0.0 && of_object >= MASKED * total);
        }
        for class in Class::ALL {
            let boxes = labelled.objects.iter().filter(|(of, _)| *of == class);
            let mut covered = vec![false; shape.0 * shape.1];
            for (x, y) in boxes.flat_map(|(_, rect)| pixels(rect, shape)) {
                if let Some(pixel) = covered.get_mut(y * shape.0 + x) {
                    *pixel = true;
                }
            }
            let (mut under, mut total) = (0.0, 0.0);
            for (at, _) in covered.iter().enumerate().filter(|(_, covered)| **covered) {
                total += 1.0;
                under += f64::from(u8::from(mask.hides(at % shape.0, at / shape.0)));
            }
            hidden.pixels.insert(class, (under, total));
        }
        hidden
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "pixel counts are far below 2^52"
)]
fn share(mask: &RedactionMask, (width, height): (usize, usize)) -> f64 {
    mask.masked_pixels() as f64 / (width * height).max(1) as f64
}

/// Pixels of the frame that a box touches.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates at 0; the upper end is cut off at the frame's"
)]
fn pixels(rect: &Rect, (width, height): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let span = |from: f64, len: f64, most: usize| {
        from.floor() as usize..((from + len).ceil() as usize).min(most)
    };
    let xs = span(rect.x, rect.width, width);
    span(rect.y, rect.height, height).flat_map(move |y| xs.clone().map(move |x| (x, y)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_holds_every_pixel_it_touches_inside_the_frame() {
        let rect = |x, y| Rect {
            x,
            y,
            width: 1.5,
            height: 1.0,
        };
        let found = |x, y| pixels(&rect(x, y), (4, 3)).collect::<Vec<_>>();
        assert_eq!(found(0.4, 1.0), [(0, 1), (1, 1)]);
        assert_eq!(found(0.6, 1.0), [(0, 1), (1, 1), (2, 1)]);
        assert_eq!(found(3.5, 2.5), [(3, 2)]);
        assert_eq!(found(-1.0, -0.5), [(0, 0)]);
        assert_eq!(found(9.0, 9.0), []);
    }
}
