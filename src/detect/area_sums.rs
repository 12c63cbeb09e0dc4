//! Sums over the squares of a picture around each pixel, row by row.
//!
//! In: grey levels. Out: number, sum and spread of the pixels in a square, as far as it lies in the frame. Refuses: to round: all sums are whole numbers.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the widest vectors"
)]

use std::ops::Range;

use crate::raster::Raster;

/// Number and sum of some pixels, in steps of grey.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) sum: u64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sums of a frame are below 2^52: 2^24 pixels of at most 2^24"
)]
impl Sum {
    /// Whether the mean lies at least `least` steps above that of `ground`: whole numbers only, as most
    /// pixels need no more than this.
    pub(super) fn exceeds(self, ground: Self, least: u64) -> bool {
        self.sum * ground.count >= (ground.sum + least * ground.count) * self.count
    }

    /// In grey levels.
    pub(super) fn mean(self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64 / STEPS_PER_GREY
    }

    /// In grey levels, with the sum of the squared steps.
    pub(super) fn deviation(self, squares: u64) -> f64 {
        let mean = self.mean();
        let squares = squares as f64 / self.count.max(1) as f64 / (STEPS_PER_GREY * STEPS_PER_GREY);
        (squares - mean * mean).max(0.0).sqrt()
    }
}

impl std::ops::Sub for Sum {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            count: self.count - other.count,
            sum: self.sum - other.sum,
        }
    }
}

/// Sums count these instead of grey levels.
pub(super) const STEPS_PER_GREY: f64 = 16.0;
/// Of a grey level of 255.
const MOST_STEPS: f64 = 255.0 * STEPS_PER_GREY;

/// Grey levels of a frame rounded to 1/16, so that all sums are exact integers.
pub(super) struct Steps {
    width: usize,
    steps: Vec<u16>,
}

impl Steps {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 4080 steps; `as` takes NaN to 0"
    )]
    #[inline(always)]
    pub(super) fn of(grey: &Raster<f32>, width: usize, height: usize) -> Self {
        let mut steps = Vec::with_capacity(width * height);
        for row in grey.rows().take(height) {
            let scaled = row.iter().map(|&value| f64::from(value) * STEPS_PER_GREY);
            let rounded = scaled.map(|value| (value.clamp(0.0, MOST_STEPS) + 0.5) as u16);
            steps.extend(rounded.take(width));
        }
        Self { width, steps }
    }

    /// The rows within `radius` of one before the first row.
    pub(super) fn band(&self, radius: usize) -> Band<'_> {
        Band {
            frame: self,
            radius,
            rows: 0..0,
            columns: vec![0; self.width],
            squares: vec![0; self.width],
            left: vec![0; self.width + 1],
        }
    }

    fn height(&self) -> usize {
        self.steps.len() / self.width
    }

    fn row(&self, y: usize) -> &[u16] {
        &self.steps[y * self.width..][..self.width]
    }
}

/// Rows of a frame, for sums over squares of pixels that are as high as they are: sums of columns, into which rows come on one side and which
/// they leave on the other, as the band moves down.
pub(super) struct Band<'a> {
    frame: &'a Steps,
    radius: usize,
    rows: Range<usize>,
    /// Of each column of these rows.
    columns: Vec<u32>,
    /// The same of the squares of pixels.
    squares: Vec<u64>,
    /// Of all columns to the left, one more than the frame has.
    left: Vec<u64>,
}

impl Band<'_> {
    /// Moves down to the rows within `radius` of row `y`, as far as they lie in the frame.
    #[inline(always)]
    pub(super) fn move_to(&mut self, y: usize) {
        let rows = y.saturating_sub(self.radius)..(y + self.radius + 1).min(self.frame.height());
        self.change(self.rows.end..rows.end, |sum, squares, steps| {
            *sum += steps;
            *squares += u64::from(steps * steps);
        });
        self.change(self.rows.start..rows.start, |sum, squares, steps| {
            *sum -= steps;
            *squares -= u64::from(steps * steps);
        });
        self.rows = rows;
        add_up(&mut self.left, self.columns.iter().copied().map(u64::from));
    }

    /// Changes the sums of each column by its pixels in some rows.
    #[inline(always)]
    fn change(&mut self, rows: Range<usize>, by: impl Fn(&mut u32, &mut u64, u32)) {
        for y in rows {
            let sums = self.columns.iter_mut().zip(&mut self.squares);
            for ((sum, squares), &steps) in sums.zip(self.frame.row(y)) {
                by(sum, squares, u32::from(steps));
            }
        }
    }

    /// The columns within `radius` of column `x`, as far as they lie in the frame.
    fn columns(&self, x: usize) -> Range<usize> {
        x.saturating_sub(self.radius)..(x + self.radius + 1).min(self.frame.width)
    }

    /// The square of `2 * radius + 1` pixels around column `x`, as far as it lies in the frame.
    pub(super) fn around(&self, x: usize) -> Sum {
        let Range { start, end } = self.columns(x);
        Sum {
            count: ((end - start) * self.rows.len()) as u64,
            sum: self.left[end] - self.left[start],
        }
    }

    /// The sums of [`Band::around`] for `columns` that are all at least `radius` from the frame's edges.
    #[inline(always)]
    pub(super) fn along(&self, columns: Range<usize>) -> impl Iterator<Item = u64> {
        let from = &self.left[columns.start - self.radius..columns.end - self.radius];
        let to = &self.left[columns.start + self.radius + 1..=columns.end + self.radius];
        to.iter().zip(from).map(|(to, from)| to - from)
    }

    /// The sum of the squares of the pixels of [`Band::around`].
    pub(super) fn squares(&self) -> impl Fn(usize) -> u64 {
        let mut left = vec![0; self.left.len()];
        add_up(&mut left, self.squares.iter().copied());
        move |x| {
            let Range { start, end } = self.columns(x);
            left[end] - left[start]
        }
    }
}

/// Sums of all columns to the left, of which the first has none.
#[inline(always)]
fn add_up(left: &mut [u64], columns: impl Iterator<Item = u64>) {
    let mut sum = 0;
    for (left, column) in left[1..].iter_mut().zip(columns) {
        sum += column;
        *left = sum;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_their_pixels(
            (width, height) in (1_usize..12, 1_usize..12),
            radius in 0_usize..9,
            grey in proptest::collection::vec(-10.0_f32..300.0, 144),
        ) {
            let padded = Raster::new(12, 12, grey).unwrap();
            let frame = Steps::of(&padded, width, height);
            let mut band = frame.band(radius);
            let near = |at: usize, side: usize| at.saturating_sub(radius)..(at + radius + 1).min(side);
            for y in 0..height {
                band.move_to(y);
                for x in 0..width {
                    let pixels: Vec<u64> = near(y, height)
                        .flat_map(|y| near(x, width).map(move |x| (x, y)))
                        .map(|(x, y)| {
                            let grey = f64::from(*padded.get(x, y).unwrap()).clamp(0.0, 255.0);
                            (0_u32..=4080).find(|&steps| f64::from(steps) + 0.5 > grey * 16.0).unwrap()
                        })
                        .map(u64::from)
                        .collect();
                    let Sum { count, sum } = band.around(x);
                    prop_assert_eq!((count, sum), (pixels.len() as u64, pixels.iter().sum()));
                    prop_assert_eq!(band.squares()(x), pixels.iter().map(|steps| steps * steps).sum::<u64>());
                    if radius <= x && x + radius < width {
                        prop_assert_eq!(band.along(x..x + 1).collect::<Vec<_>>(), vec![sum]);
                    }
                }
            }
        }
    }
}
