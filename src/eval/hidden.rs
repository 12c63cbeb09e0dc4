//! What the masks of each line of defence hide of what is labelled.
//!
//! In: a [`Looked`], its neighbours, its labels. Out: [`Hidden`] for each line alone and for all of them. The masks
//! are those of a run's first look: same calls, same settings; the self-check and the envelope are not part of it.

use std::collections::BTreeMap;

use super::Evaluation;
use super::coco::{LabelledFrame, Rect};
use super::error::FrameError;
use super::look::Looked;
use crate::config::Yaw;
use crate::detect::{Class, Detections, Line};
use crate::redact::{self, RedactionMask};
use crate::run::{Neighbour, Seen, overlaps, unanswered};

/// An object counts as masked when at least this share of its box is.
const MASKED: f64 = 0.8;

/// Names of the lines of defence in [`Lines::each`].
pub(super) const LINES: [&str; 4] = ["models", "warm-spots", "carry", "all"];

/// What the lines of defence hide in one frame.
#[derive(Debug)]
pub(super) struct Lines {
    models: Hidden,
    warm_spots: Hidden,
    /// `None` where no neighbour shows the same ground.
    carry: Option<Hidden>,
    /// All of them together, carry as a run has it: for what the frame does not answer.
    pub(super) all: Hidden,
    /// Share of the frame under the mask of one class of the models' finds alone.
    pub(super) area: BTreeMap<Class, f64>,
}

impl Lines {
    /// In the order of [`LINES`]; `None` where a line could not be measured.
    pub(super) fn each(&self) -> [Option<&Hidden>; LINES.len()] {
        let (models, warm_spots) = (Some(&self.models), Some(&self.warm_spots));
        [models, warm_spots, self.carry.as_ref(), Some(&self.all)]
    }
}

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
    /// Masks one frame by each line of defence.
    pub(super) fn hide(
        &self,
        labelled: &LabelledFrame,
        looked: &Looked,
        neighbours: &[Neighbour],
    ) -> Result<Lines, FrameError> {
        let id = looked.id;
        // As a run pads what it finds.
        let finest = looked.seen.as_ref().map(|seen| seen.finest_resolution());
        let resolution = finest.unwrap_or(looked.ground_resolution);
        let mask = |looks: &[&Detections]| {
            let looks = looks.iter().copied();
            redact::mask(id, looked.shape, looks, &[], resolution, self.redact).map_err(|error| {
                FrameError::Internal {
                    path: self.images.join(&labelled.file_name),
                    problem: error.to_string(),
                }
            })
        };
        let hidden = |looks: &[&Detections]| {
            mask(looks).map(|mask| Hidden::by(&mask, looked.shape, labelled))
        };
        // A line alone: as after a model that found nothing.
        let blind = Detections::completed(id, Line::Model, Vec::new());
        let alone = match &looked.seen {
            Some(seen) if neighbours.iter().any(|near| overlaps(seen, near, YAW)) => {
                Some(self.carried(&seen.blind(), neighbours))
            }
            _ => None,
        };
        let seen = looked.seen.as_deref();
        let carried = seen.map(|seen| self.carried(seen, neighbours));
        let models = looked.models.iter();
        let all = models.clone().chain([&looked.warm_spots]);
        let all: Vec<_> = all.chain(carried.iter().flatten()).collect();
        let carry = alone.map(|carried| {
            let looks: Vec<_> = carried.iter().chain([&blind]).collect();
            hidden(&looks)
        });
        let mut area = BTreeMap::new();
        for &class in self.labels.classes.keys() {
            let of_class = looked.finds().filter(|find| find.class == class);
            let look = Detections::completed(id, Line::Model, of_class.copied().collect());
            area.insert(class, share(&mask(&[&look])?, looked.shape));
        }
        Ok(Lines {
            models: hidden(&models.collect::<Vec<_>>())?,
            warm_spots: hidden(&[&blind, &looked.warm_spots])?,
            carry: carry.transpose()?,
            all: hidden(&all)?,
            area,
        })
    }

    /// What `neighbours` saw that `seen` does not answer.
    fn carried(&self, seen: &Seen, neighbours: &[Neighbour]) -> Vec<Detections> {
        let carried = unanswered(seen, neighbours, self.carry, YAW);
        carried.into_iter().map(|(_, look)| look).collect()
    }
}

/// As a run does by default: both yaws where a file's two differ.
const YAW: Yaw = Yaw::Auto;

impl Hidden {
    fn by(mask: &RedactionMask, shape: (usize, usize), labelled: &LabelledFrame) -> Self {
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
