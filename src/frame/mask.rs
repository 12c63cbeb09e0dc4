//! Which pixels of one frame go, and how.
//!
//! In: rectangles with a policy, from `redact`. Out: an effect on the frame the mask was made for.
//! Refuses: any other frame or shape.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::FrameId;
use crate::raster::Raster;
use crate::units::Celsius;

/// A mask bound to one frame: pixels to keep, to empty, or to flatten to their region's mean.
#[derive(Debug, Clone, PartialEq)]
pub struct RedactionMask {
    frame: FrameId,
    width: usize,
    height: usize,
    /// Per pixel [`KEEP`], [`NO_DATA`], or [`FIRST_MEAN`] and up: the number of a mean region.
    cells: Vec<u16>,
    next_mean: u16,
}

const KEEP: u16 = 0;
const NO_DATA: u16 = 1;
const FIRST_MEAN: u16 = 2;

/// A mask that was made for another frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mask is for frame {} of {}x{}, not for frame {} of {}x{}",
    mask.0, mask.1, mask.2, frame.0, frame.1, frame.2
)]
pub struct MaskMismatch {
    mask: (FrameId, usize, usize),
    frame: (FrameId, usize, usize),
}

/// A half-open rectangle of pixels: `x0 <= x < x1`, `y0 <= y < y1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelRect {
    pub(crate) x0: usize,
    pub(crate) y0: usize,
    pub(crate) x1: usize,
    pub(crate) y1: usize,
}

impl RedactionMask {
    /// A mask that keeps everything, for `redact` to draw on.
    pub(crate) fn new(frame: FrameId, width: usize, height: usize) -> Self {
        let cells = vec![KEEP; width.saturating_mul(height)];
        Self {
            frame,
            width,
            height,
            cells,
            next_mean: FIRST_MEAN,
        }
    }

    /// The frame this mask was made for.
    #[must_use]
    pub fn frame(&self) -> FrameId {
        self.frame
    }

    /// Empties every pixel of `rect`, whatever was drawn there before.
    pub(crate) fn draw_no_data(&mut self, rect: PixelRect) {
        self.for_each(rect, |cell| *cell = NO_DATA);
    }

    /// Keeps every pixel of `rect`, whatever was drawn there before: two people decided so.
    pub(crate) fn draw_keep(&mut self, rect: PixelRect) {
        self.for_each(rect, |cell| *cell = KEEP);
    }

    /// Flattens `rect` to its own mean; pixels that are emptied or in an earlier region stay so.
    ///
    /// With more regions than a frame can number, the rectangle is emptied instead.
    pub(crate) fn draw_mean(&mut self, rect: PixelRect) {
        let Some(next) = self.next_mean.checked_add(1) else {
            return self.draw_no_data(rect);
        };
        let region = self.next_mean;
        self.next_mean = next;
        self.for_each(rect, |cell| {
            if *cell == KEEP {
                *cell = region;
            }
        });
    }

    fn for_each(&mut self, rect: PixelRect, mut change: impl FnMut(&mut u16)) {
        let (x0, x1) = (rect.x0.min(self.width), rect.x1.min(self.width));
        for y in rect.y0.min(self.height)..rect.y1.min(self.height) {
            let start = y * self.width;
            self.cells
                .iter_mut()
                .take(start + x1)
                .skip(start + x0)
                .for_each(&mut change);
        }
    }

    /// Whether the pixel is emptied or flattened; `false` outside.
    #[must_use]
    pub fn hides(&self, x: usize, y: usize) -> bool {
        x < self.width
            && self
                .cells
                .get(y * self.width + x)
                .is_some_and(|&cell| cell != KEEP)
    }

    /// Pixels that are emptied or flattened.
    #[must_use]
    pub fn masked_pixels(&self) -> usize {
        self.cells.iter().filter(|&&cell| cell != KEEP).count()
    }

    /// SHA-256 over width, height (u32 little-endian) and the cells (u16 little-endian, row by row).
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for side in [self.width, self.height] {
            hash.update(u32::try_from(side).unwrap_or(u32::MAX).to_le_bytes());
        }
        let bytes: Vec<[u8; 2]> = self.cells.iter().map(|cell| cell.to_le_bytes()).collect();
        hash.update(bytes.as_flattened());
        hash.finalize().into()
    }

    pub(super) fn check(
        &self,
        frame: FrameId,
        (width, height): (usize, usize),
    ) -> Result<(), MaskMismatch> {
        let (mask, frame) = (
            (self.frame, self.width, self.height),
            (frame, width, height),
        );
        if mask == frame {
            Ok(())
        } else {
            Err(MaskMismatch { mask, frame })
        }
    }

    /// This mask over what `before` left of the frame: what is empty stays so, and a region of `before` whose pixels are emptied in part goes as a
    /// whole, since its mean knows them.
    pub(super) fn after(&self, before: &Self) -> Self {
        let both = || self.cells.iter().copied().zip(before.cells.iter().copied());
        let emptied = both().filter(|&(cell, was)| cell == NO_DATA && was != KEEP);
        let gone: BTreeSet<u16> = emptied.map(|(_, was)| was).chain([NO_DATA]).collect();
        let cells = both().map(|(cell, was)| {
            if was != KEEP && gone.contains(&was) {
                NO_DATA
            } else {
                cell
            }
        });
        Self {
            cells: cells.collect(),
            ..*self
        }
    }

    /// Empties and flattens. A region's mean is taken over its own measured pixels, summed in row order.
    pub(super) fn apply(&self, celsius: &mut Raster<f32>) {
        let mut regions = vec![(0.0_f64, 0_u32); usize::from(self.next_mean)];
        for (cells, values) in hidden(&self.cells, celsius.samples().chunks(RUN)) {
            for (&cell, &value) in cells.iter().zip(values) {
                if cell >= FIRST_MEAN
                    && value.is_finite()
                    && let Some((sum, count)) = regions.get_mut(usize::from(cell))
                {
                    *sum += f64::from(value);
                    *count += 1;
                }
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "pixels are f32")]
        let means: Vec<f32> = regions
            .iter()
            .map(|&(sum, count)| {
                if count == 0 {
                    Celsius::NO_DATA
                } else {
                    (sum / f64::from(count)) as f32
                }
            })
            .collect();
        for (cells, values) in hidden(&self.cells, celsius.samples_mut().chunks_mut(RUN)) {
            for (&cell, value) in cells.iter().zip(values) {
                match cell {
                    KEEP => {}
                    NO_DATA => *value = Celsius::NO_DATA,
                    region => {
                        let mean = means.get(usize::from(region)).copied();
                        *value = mean.unwrap_or(Celsius::NO_DATA);
                    }
                }
            }
        }
    }
}

/// Pixels that are looked at together: most runs hide nothing and lack nothing.
pub(super) const RUN: usize = 64;

/// Runs of cells that hide anything, with their values.
fn hidden<V>(cells: &[u16], values: impl Iterator<Item = V>) -> impl Iterator<Item = (&[u16], V)> {
    let hides = |cells: &[u16]| cells.iter().fold(KEEP, |all, cell| all | cell) != KEEP;
    cells
        .chunks(RUN)
        .zip(values)
        .filter(move |(cells, _)| hides(cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster() -> Raster<f32> {
        Raster::new(4, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).unwrap()
    }

    #[test]
    fn a_mean_region_keeps_one_number() {
        let mut mask = RedactionMask::new(FrameId(0), 4, 2);
        mask.draw_mean(PixelRect {
            x0: 0,
            y0: 0,
            x1: 2,
            y1: 2,
        });
        let mut celsius = raster();
        mask.apply(&mut celsius);
        assert_eq!(celsius.samples(), [3.5, 3.5, 3.0, 4.0, 3.5, 3.5, 7.0, 8.0]);
    }

    #[test]
    fn emptied_pixels_do_not_enter_a_mean() {
        let mut mask = RedactionMask::new(FrameId(0), 4, 2);
        mask.draw_mean(PixelRect {
            x0: 0,
            y0: 0,
            x1: 2,
            y1: 2,
        });
        mask.draw_no_data(PixelRect {
            x0: 1,
            y0: 0,
            x1: 9,
            y1: 9,
        });
        let mut celsius = raster();
        mask.apply(&mut celsius);
        let kept: Vec<f32> = celsius
            .samples()
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .collect();
        assert_eq!(kept, [3.0, 3.0]);
        assert_eq!(
            celsius
                .samples()
                .iter()
                .filter(|value| value.is_nan())
                .count(),
            6
        );
    }

    #[test]
    fn the_last_row_and_column_are_hidden_too() {
        let mut mask = RedactionMask::new(FrameId(0), 4, 2);
        mask.draw_no_data(PixelRect {
            x0: 3,
            y0: 1,
            x1: 4,
            y1: 2,
        });
        assert!(mask.hides(3, 1));
        assert!(!mask.hides(3, 0));
        assert!(!mask.hides(4, 0));
        assert_eq!(mask.masked_pixels(), 1);
    }

    #[test]
    fn a_mask_for_another_frame_or_shape_is_refused() {
        let mask = RedactionMask::new(FrameId(7), 4, 2);
        assert!(mask.check(FrameId(8), (4, 2)).is_err());
        assert!(mask.check(FrameId(7), (2, 4)).is_err());
        assert!(mask.check(FrameId(7), (4, 2)).is_ok());
    }
}
