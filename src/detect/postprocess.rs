//! From the network's grids to boxes in frame pixels.
//!
//! Each cell of the grid stands for `stride` pixels; its centre plus the four distances gives the box
//! (as `CenterNet` and `TTFNet`: Liu et al., Training-Time-Friendly Network, AAAI 2020).

use super::{BoxPx, ClassCard, DetectError, Detection};

/// Boxes of one class that overlap a better one by more than this are the same thing.
pub(super) const SAME: f32 = 0.5;
/// More boxes than this in one frame mean that the network does not understand it.
pub(super) const MOST: usize = 600;

/// How far beyond 0 and 1 a score may lie that is meant to be one of these: 8-bit numbers are rounded.
pub(super) const ROUNDED: f32 = 0.01;

/// One output of the network: `channels` planes of `rows` times `columns` cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid<'a> {
    pub(super) channels: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: &'a [f32],
}

impl<'a> Grid<'a> {
    fn plane(&self, channel: usize) -> &'a [f32] {
        let len = self.rows * self.columns;
        self.values
            .get(channel * len..(channel + 1) * len)
            .unwrap_or_default()
    }

    fn fits(&self, channels: usize, rows: usize, columns: usize) -> bool {
        (self.channels, self.rows, self.columns) == (channels, rows, columns)
            && self.values.len() == channels * rows * columns
    }
}

/// What [`decode`] needs to know of the model and the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) model: &'a str,
    pub(super) classes: &'a [ClassCard],
    pub(super) stride: usize,
    /// Scores from here on are reported where their class's threshold is higher; infinity for none.
    pub(super) floor: f32,
    /// Columns and rows of the network's input, padding included.
    pub(super) input: (usize, usize),
    /// Columns and rows of the frame.
    pub(super) frame: (usize, usize),
}

/// Boxes above their class's threshold or the layout's floor, the lower of the two, clipped to the frame, best first, without near-duplicates.
///
/// # Errors
///
/// [`DetectError::Output`] for another shape, a number that is not finite or a score that is not from 0 to 1, anywhere in the grids;
/// [`DetectError::TooMany`] for more boxes than anyone could check.
pub(super) fn decode(
    scores: Grid<'_>,
    distances: Grid<'_>,
    layout: &Layout<'_>,
) -> Result<Vec<Detection>, DetectError> {
    let (columns, rows) = (
        layout.input.0 / layout.stride,
        layout.input.1 / layout.stride,
    );
    for (grid, channels) in [(&scores, layout.classes.len()), (&distances, 4)] {
        if !grid.fits(channels, rows, columns) {
            return Err(DetectError::Output {
                model: layout.model.to_owned(),
                expected: format!("{channels}x{rows}x{columns} values"),
                found: format!("{}x{}x{}", grid.channels, grid.rows, grid.columns),
            });
        }
        if !grid.values.iter().all(|value| value.is_finite()) {
            return Err(DetectError::Output {
                model: layout.model.to_owned(),
                expected: "finite numbers".into(),
                found: "NaN or infinity".into(),
            });
        }
    }
    let is_score = |value: &f32| (-ROUNDED..=1.0 + ROUNDED).contains(value);
    if !scores.values.iter().all(is_score) {
        // Which ones is not told: what a strange network answers may be pixels.
        return Err(DetectError::Output {
            model: layout.model.to_owned(),
            expected: "scores from 0 to 1".into(),
            found: "others".into(),
        });
    }
    let sides: Vec<&[f32]> = (0..4).map(|side| distances.plane(side)).collect();
    let mut found = Vec::new();
    for (channel, class) in layout.classes.iter().enumerate() {
        let least = class.threshold.min(layout.floor);
        let mut candidates = Vec::new();
        for (cell, &score) in scores.plane(channel).iter().enumerate() {
            if score < least || score <= 0.0 {
                continue;
            }
            let reach = |side: usize| sides.get(side).and_then(|plane| plane.get(cell)).copied();
            let (Some(left), Some(top), Some(right), Some(bottom)) =
                (reach(0), reach(1), reach(2), reach(3))
            else {
                continue;
            };
            let x = centre(cell % columns, layout.stride);
            let y = centre(cell / columns, layout.stride);
            let mut bbox = BoxPx {
                x0: x - left,
                y0: y - top,
                x1: x + right,
                y1: y + bottom,
            };
            // Something is there, whatever the model says of its extent: then it is the cell.
            let half = centre(0, layout.stride);
            if bbox.x0 >= bbox.x1 {
                (bbox.x0, bbox.x1) = (x - half, x + half);
            }
            if bbox.y0 >= bbox.y1 {
                (bbox.y0, bbox.y1) = (y - half, y + half);
            }
            if let Some(bbox) = clip(bbox, layout.frame) {
                candidates.push(Detection {
                    class: class.name,
                    bbox,
                    score: score.min(1.0),
                    padding: class.padding(),
                    alarm: class.alarm,
                });
            }
        }
        found.extend(without_duplicates(candidates));
    }
    if found.len() > MOST {
        return Err(DetectError::TooMany {
            model: layout.model.to_owned(),
            limit: MOST,
        });
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(found)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "pixel coordinates are far below 2^24"
)]
fn centre(cell: usize, stride: usize) -> f32 {
    (cell as f32 + 0.5) * stride as f32
}

/// The part inside the frame; `None` where there is none (a find in the padding).
#[expect(
    clippy::cast_precision_loss,
    reason = "pixel coordinates are far below 2^24"
)]
fn clip(bbox: BoxPx, (width, height): (usize, usize)) -> Option<BoxPx> {
    let clipped = BoxPx {
        x0: bbox.x0.max(0.0),
        y0: bbox.y0.max(0.0),
        x1: bbox.x1.min(width as f32),
        y1: bbox.y1.min(height as f32),
    };
    (clipped.x0 < clipped.x1 && clipped.y0 < clipped.y1).then_some(clipped)
}

/// Greedy non-maximum suppression: the best box stays, and what overlaps it by more than [`SAME`] goes.
fn without_duplicates(mut candidates: Vec<Detection>) -> Vec<Detection> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in candidates {
        if kept
            .iter()
            .all(|better| better.bbox.iou(&candidate.bbox) <= SAME)
        {
            kept.push(candidate);
        }
        if kept.len() > MOST {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Class;

    fn classes() -> Vec<ClassCard> {
        vec![ClassCard {
            name: Class::Person,
            threshold: 0.2,
            alarm: 0.4,
            padding: 0.5,
            padding_px: 4.0,
        }]
    }

    fn decode_one(scores: &[f32], distances: &[f32]) -> Result<Vec<Detection>, DetectError> {
        decode_from(f32::INFINITY, scores, distances)
    }

    fn decode_from(
        floor: f32,
        scores: &[f32],
        distances: &[f32],
    ) -> Result<Vec<Detection>, DetectError> {
        let grid = |channels, values| Grid {
            channels,
            rows: 2,
            columns: 2,
            values,
        };
        let classes = classes();
        let layout = Layout {
            model: "m",
            classes: &classes,
            stride: 4,
            floor,
            input: (8, 8),
            frame: (7, 8),
        };
        decode(grid(1, scores), grid(4, distances), &layout)
    }

    #[test]
    fn a_cell_becomes_the_box_around_its_centre() {
        let distances: Vec<f32> = [1.0_f32, 2.0, 3.0, 4.0]
            .iter()
            .flat_map(|&d| [d; 4])
            .collect();
        let found = decode_one(&[0.9, 0.0, 0.0, 0.0], &distances).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].bbox,
            BoxPx {
                x0: 1.0,
                y0: 0.0,
                x1: 5.0,
                y1: 6.0
            }
        );
    }

    #[test]
    fn a_floor_lowers_a_threshold_and_never_raises_it() {
        let count = |floor| decode_from(floor, &[0.9, 0.25, 0.15, 0.05], &[1.0; 16]);
        let counts = [f32::INFINITY, 0.5, 0.1].map(|floor| count(floor).unwrap().len());
        assert_eq!(counts, [2, 2, 3]);
    }

    #[test]
    fn a_box_past_the_frame_is_clipped_and_one_in_the_padding_dropped() {
        let found = decode_one(&[0.0, 0.9, 0.0, 0.0], &[9.0; 16]).unwrap();
        assert_eq!(
            found[0].bbox,
            BoxPx {
                x0: 0.0,
                y0: 0.0,
                x1: 7.0,
                y1: 8.0
            }
        );
    }

    /// The cell around (2, 2), four pixels wide.
    #[test]
    fn a_sure_find_without_an_extent_is_its_cell() {
        for distance in [-1.0, 0.0] {
            let found = decode_one(&[0.9, 0.0, 0.0, 0.0], &[distance; 16]).unwrap();
            let BoxPx { x0, y0, x1, y1 } = found[0].bbox;
            assert_eq!((found.len(), [x0, y0, x1, y1]), (1, [0.0, 0.0, 4.0, 4.0]));
        }
    }

    #[test]
    fn the_worse_of_two_equal_boxes_goes() {
        let boxes: Vec<f32> = vec![
            2.0, 6.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 6.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0,
        ];
        let found = decode_one(&[0.5, 0.9, 0.0, 0.0], &boxes).unwrap();
        assert_eq!(found.len(), 1);
        assert!((found[0].score - 0.9).abs() < f32::EPSILON);
    }

    #[test]
    fn what_is_not_a_number_is_an_error_not_an_empty_answer() {
        assert!(decode_one(&[f32::NAN, 0.0, 0.0, 0.0], &[1.0; 16]).is_err());
        assert!(decode_one(&[0.0; 4], &[f32::INFINITY; 16]).is_err());
    }

    /// Such a network is not the one of its card, whatever else it says.
    #[test]
    fn a_score_that_is_none_is_an_error_and_one_that_was_rounded_is_not() {
        for score in [1.02, 255.0, -0.02, -1.0] {
            let error = decode_one(&[0.0, score, 0.0, 0.0], &[1.0; 16]).unwrap_err();
            assert!(error.to_string().contains("scores from 0 to 1"), "{error}");
        }
        let found = decode_one(&[1.004, -0.004, 1.0, 0.0], &[1.0; 16]).unwrap();
        let scores: Vec<f32> = found.iter().map(|find| find.score).collect();
        assert_eq!(scores, [1.0, 1.0]);
        // Distances are no scores.
        assert!(decode_one(&[0.9, 0.0, 0.0, 0.0], &[255.0; 16]).is_ok());
    }

    #[test]
    fn another_shape_is_an_error() {
        assert!(decode_one(&[0.0; 3], &[1.0; 16]).is_err());
        assert!(decode_one(&[0.0; 4], &[1.0; 12]).is_err());
    }
}
