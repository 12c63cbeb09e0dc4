//! A rectangle of samples, checked once when it is made; and those used last ([`RasterCache`]).
//!
//! In: width, height and samples. Out: row-major access, row 0 at the top. Refuses: empty sides and
//! a sample count that does not match.

mod cache;

pub use cache::RasterCache;

/// Row-major samples with at least one row and one column; row 0 is the top.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster<T> {
    width: usize,
    height: usize,
    samples: Vec<T>,
}

/// Why samples do not form a raster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} samples do not fill {width}x{height}")]
pub struct ShapeError {
    /// Columns asked for.
    pub width: usize,
    /// Rows asked for.
    pub height: usize,
    /// Samples given.
    pub len: usize,
}

impl<T> Raster<T> {
    /// Wraps `samples`, row by row from the top.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when `samples.len() != width * height` or a side is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use heatveil::raster::Raster;
    /// let raster = Raster::new(2, 1, vec![7, 9])?;
    /// assert_eq!(raster.get(1, 0), Some(&9));
    /// # Ok::<(), heatveil::raster::ShapeError>(())
    /// ```
    pub fn new(width: usize, height: usize, samples: Vec<T>) -> Result<Self, ShapeError> {
        match width.checked_mul(height) {
            Some(expected) if expected == samples.len() && expected > 0 => Ok(Self {
                width,
                height,
                samples,
            }),
            _ => Err(ShapeError {
                width,
                height,
                len: samples.len(),
            }),
        }
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns and rows.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The sample in column `x` of row `y`, or `None` outside.
    #[must_use]
    pub fn get(&self, x: usize, y: usize) -> Option<&T> {
        if x < self.width {
            self.samples.get(y * self.width + x)
        } else {
            None
        }
    }

    /// The sample in column `x` of row `y` for writing, or `None` outside.
    #[must_use]
    pub fn get_mut(&mut self, x: usize, y: usize) -> Option<&mut T> {
        if x < self.width {
            self.samples.get_mut(y * self.width + x)
        } else {
            None
        }
    }

    /// All samples, row by row.
    #[must_use]
    pub fn samples(&self) -> &[T] {
        &self.samples
    }

    /// All samples for writing, row by row.
    #[must_use]
    pub fn samples_mut(&mut self) -> &mut [T] {
        &mut self.samples
    }

    /// The rows from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        self.samples.chunks_exact(self.width)
    }

    /// The rows from the top, for writing.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.samples.chunks_exact_mut(self.width)
    }

    /// Gives the samples back.
    #[must_use]
    pub fn into_samples(self) -> Vec<T> {
        self.samples
    }

    /// The raster with every sample passed through `change`.
    #[must_use]
    pub fn map<U>(&self, change: impl FnMut(&T) -> U) -> Raster<U> {
        Raster {
            width: self.width,
            height: self.height,
            samples: self.samples.iter().map(change).collect(),
        }
    }
}

impl<T: Clone> Raster<T> {
    /// A raster whose samples all equal `value`.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when a side is zero or the product overflows.
    pub fn filled(width: usize, height: usize, value: T) -> Result<Self, ShapeError> {
        let len = width.checked_mul(height).ok_or(ShapeError {
            width,
            height,
            len: 0,
        })?;
        Self::new(width, height, vec![value; len])
    }
}

impl Raster<f32> {
    /// What the pixel that holds a place, in pixels from the corner of the first, measured; `None` outside and where there is no data.
    #[must_use]
    pub(crate) fn measured_at(&self, (u, v): (f64, f64)) -> Option<f32> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative; `as` saturates and `get` checks the other end"
        )]
        let pixel = |at: f64| (at >= 0.0).then_some(at as usize);
        let value = *self.get(pixel(u)?, pixel(v)?)?;
        value.is_finite().then_some(value)
    }

    /// Half as many columns and rows, rounded up: means of 2x2 samples over those that are numbers, `NAN` where none is. For what is shown; refinement takes
    /// other halves, in which a hole spreads (`refine/detail.rs`).
    #[must_use]
    pub(crate) fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut samples = Vec::with_capacity(width * height);
        let below_the_last = vec![f32::NAN; self.width];
        let mut rows = self.rows();
        while let Some(upper) = rows.next() {
            let lower = rows.next().unwrap_or(&below_the_last);
            let (upper, upper_end) = upper.as_chunks();
            let (lower, lower_end) = lower.as_chunks();
            let pairs = upper.iter().zip(lower);
            samples.extend(pairs.map(|(&[a, b], &[c, d])| measured_mean([a, b, c, d])));
            let ends = upper_end.iter().zip(lower_end);
            samples.extend(ends.map(|(&a, &c)| measured_mean([a, f32::NAN, c, f32::NAN])));
        }
        Self {
            width,
            height,
            samples,
        }
    }
}

/// The mean of the values that are numbers; `NAN` where none is. Without a branch, so that many are worked out at once.
fn measured_mean(values: [f32; 4]) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        let is_measured = value.is_finite();
        sum += if is_measured { value } else { 0.0 };
        count += if is_measured { 1.0 } else { 0.0 };
    }
    if count > 0.0 { sum / count } else { f32::NAN }
}

/// Pixels `x0..x1` of row `row`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSpan {
    /// The row, from the top.
    pub row: usize,
    /// First column.
    pub x0: usize,
    /// Column after the last.
    pub x1: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_empty_sides_and_wrong_counts() {
        assert!(Raster::<u8>::new(0, 4, vec![]).is_err());
        assert!(Raster::new(2, 2, vec![1, 2, 3]).is_err());
        assert!(Raster::<u8>::new(usize::MAX, 2, vec![]).is_err());
    }

    #[test]
    fn a_column_past_the_right_edge_is_not_the_next_row() {
        let raster = Raster::new(2, 2, vec![1, 2, 3, 4]).unwrap();
        assert_eq!(raster.get(2, 0), None);
        assert_eq!(raster.get(1, 1), Some(&4));
        assert_eq!(raster.get(0, 2), None);
    }
}
