//! Sums over any square of a picture in four reads each.
//!
//! In: grey levels. Out: number, sum and spread of the pixels in a square, as far as it lies in the frame. Refuses: to round: all sums are whole numbers.

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

/// Summed-area tables (Crow, Summed-area tables for texture mapping, SIGGRAPH 1984): any rectangle in four
/// reads. Grey levels are rounded to 1/16, so that all sums are exact integers.
pub(super) struct Sums {
    width: usize,
    height: usize,
    /// Of all pixels above and left, one more column and row than the frame.
    steps: Vec<u64>,
    /// Of their squares.
    squares: Vec<u64>,
}

/// Sums count these instead of grey levels.
pub(super) const STEPS_PER_GREY: f64 = 16.0;

impl Sums {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "grey levels from 0 to 255; `as` takes NaN to 0"
    )]
    pub(super) fn of(grey: &Raster<f32>, width: usize, height: usize) -> Self {
        let stride = width + 1;
        let mut steps = vec![0; stride * (height + 1)];
        let mut squares = steps.clone();
        for (y, row) in grey.rows().take(height).enumerate() {
            let [sums, squares] = [&mut steps, &mut squares].map(|table| {
                let (above, here) = table.split_at_mut((y + 1) * stride);
                let above = above[y * stride..].iter();
                here[1..].iter_mut().zip(above.skip(1))
            });
            let (mut sum, mut square) = (0, 0);
            for (&value, ((to, above), (to_square, above_square))) in
                row.iter().zip(sums.zip(squares))
            {
                let steps = (f64::from(value).clamp(0.0, 255.0) * STEPS_PER_GREY + 0.5) as u32;
                let steps = u64::from(steps);
                sum += steps;
                square += steps * steps;
                *to = above + sum;
                *to_square = above_square + square;
            }
        }
        Self {
            width,
            height,
            steps,
            squares,
        }
    }

    /// The rows within `radius` of row `y`, as far as they lie in the frame.
    pub(super) fn band(&self, y: usize, radius: usize) -> Band<'_> {
        let (top, bottom) = (y.saturating_sub(radius), (y + radius + 1).min(self.height));
        let line = |y: usize| y * (self.width + 1)..(y + 1) * (self.width + 1);
        let (above, below) = (&self.steps[line(top)], &self.steps[line(bottom)]);
        Band {
            radius,
            rows: bottom - top,
            sums: below
                .iter()
                .zip(above)
                .map(|(below, above)| below - above)
                .collect(),
            squares: (&self.squares[line(top)], &self.squares[line(bottom)]),
        }
    }
}

/// Rows of a frame, for sums of squares of pixels that are as high as they are.
pub(super) struct Band<'a> {
    radius: usize,
    rows: usize,
    /// Of all pixels of these rows to the left, one more column than the frame.
    sums: Vec<u64>,
    /// Of the squares of all pixels above these rows, and of those with them.
    squares: (&'a [u64], &'a [u64]),
}

impl Band<'_> {
    /// The columns within `radius` of column `x`, as far as they lie in the frame: the first and the one
    /// after the last.
    fn columns(&self, x: usize) -> (usize, usize) {
        let end = self.sums.len() - 1;
        (
            x.saturating_sub(self.radius),
            (x + self.radius + 1).min(end),
        )
    }

    /// The square of `2 * radius + 1` pixels around column `x`, as far as it lies in the frame.
    pub(super) fn around(&self, x: usize) -> Sum {
        let (x0, x1) = self.columns(x);
        Sum {
            count: ((x1 - x0) * self.rows) as u64,
            sum: self.sums[x1] - self.sums[x0],
        }
    }

    /// The sums of [`Band::around`] for `columns` that are all at least `radius` from the frame's edges.
    pub(super) fn along(&self, columns: Range<usize>) -> impl Iterator<Item = u64> {
        let from = &self.sums[columns.start - self.radius..columns.end - self.radius];
        let to = &self.sums[columns.start + self.radius + 1..=columns.end + self.radius];
        to.iter().zip(from).map(|(to, from)| to - from)
    }

    /// The sum of the squares of the same pixels.
    pub(super) fn squares(&self, x: usize) -> u64 {
        let (x0, x1) = self.columns(x);
        let up_to = |x: usize| self.squares.1[x] - self.squares.0[x];
        up_to(x1) - up_to(x0)
    }
}
