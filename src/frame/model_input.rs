//! A frame as a network sees it: grey, stretched, padded. Its pixels stay inside the crate.

use std::borrow::Cow;

use super::mask::RUN;
use crate::raster::Raster;

/// A frame as 8-bit-like grey (0 to 255, `f32`), padded to a multiple of the network's stride.
///
/// The stretch maps the 0.1 and 99.9 percentiles of the measured pixels to 0 and 255 and clips. Pixels
/// without data are filled from their surroundings. The picture stands at the top left; padding repeats
/// the last column and row.
pub struct ModelInput {
    width: usize,
    height: usize,
    grey: Raster<f32>,
    kelvin_per_grey: Option<f32>,
}

impl std::fmt::Debug for ModelInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModelInput({}x{})", self.width, self.height)
    }
}

impl ModelInput {
    /// Columns and rows of the frame, without the padding.
    #[must_use]
    pub fn frame_shape(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The padded picture, for the detectors alone.
    pub(crate) fn grey(&self) -> &Raster<f32> {
        &self.grey
    }

    /// The picture made smaller: `factor` times its sides, rounded, every pixel the mean of the area it covers.
    #[cfg_attr(
        not(any(test, feature = "onnx", feature = "tract")),
        expect(dead_code, reason = "asked for by the networks alone")
    )]
    pub(crate) fn reduced(&self, factor: f64, multiple_of: usize) -> Self {
        let columns = shares(self.width, factor);
        let rows = shares(self.height, factor);
        let mut narrow = Vec::with_capacity(self.height * columns.len());
        for row in self.grey.rows().take(self.height) {
            let row = row.get(..self.width).unwrap_or(row);
            match self.width / columns.len() {
                2 if row.len() == 2 * columns.len() => narrow.extend(means::<2>(row)),
                4 if row.len() == 4 * columns.len() => narrow.extend(means::<4>(row)),
                _ => narrow.extend(columns.iter().map(|shares| shares.mean(row))),
            }
        }
        let mut samples = Vec::with_capacity(columns.len() * rows.len());
        let mut sums = vec![0.0; columns.len()];
        for shares in &rows {
            sums.fill(0.0);
            let lines = narrow.chunks_exact(columns.len()).skip(shares.first);
            for (weight, line) in shares.weights.iter().zip(lines) {
                for (sum, value) in sums.iter_mut().zip(line) {
                    *sum += weight * value;
                }
            }
            samples.extend(sums.iter().map(|sum| sum / shares.total));
        }
        let picture = Raster::new(columns.len(), rows.len(), samples)
            .expect("one sample for each column of each row, at least one of either");
        Self {
            kelvin_per_grey: self.kelvin_per_grey,
            ..pad(&picture, |&value| value, multiple_of)
        }
    }

    /// The piece of the padded picture that starts at `corner` and has `size`, cut off at the picture's end.
    #[cfg_attr(
        not(any(test, feature = "onnx", feature = "tract")),
        expect(dead_code, reason = "asked for by the networks alone")
    )]
    pub(crate) fn part(&self, (x, y): (usize, usize), (width, height): (usize, usize)) -> Self {
        let rows = self.grey.rows().skip(y).take(height);
        let samples: Vec<f32> = rows
            .flat_map(|row| row.iter().skip(x).take(width).copied())
            .collect();
        let width = width.min(self.grey.width().saturating_sub(x));
        let height = height.min(self.grey.height().saturating_sub(y));
        Self {
            width: width.min(self.width.saturating_sub(x)),
            height: height.min(self.height.saturating_sub(y)),
            grey: Raster::new(width, height, samples).expect("a piece lies in its picture"),
            kelvin_per_grey: self.kelvin_per_grey,
        }
    }

    /// Kelvin that one grey level stands for; `None` for pictures that carry no temperatures.
    pub(crate) fn kelvin_per_grey(&self) -> Option<f32> {
        self.kelvin_per_grey
    }

    /// A picture that is 8-bit grey already, for `eval` on labelled sets that carry no temperatures.
    #[must_use]
    pub fn from_grey8(picture: &Raster<u8>, multiple_of: usize) -> Self {
        pad(picture, |&value| f32::from(value), multiple_of)
    }
}

/// Percentiles of the stretch, as fractions (as the network was trained: models/README.md).
const LOW: f64 = 0.001;
const HIGH: f64 = 0.999;

/// The two temperatures that become 0 and 255.
///
/// It is taken once from the unredacted frame and kept for the second look: without the warmest things in
/// the picture a new stretch would show everything else in another contrast than the network was asked about.
/// It never leaves the kernel.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    low: f32,
    high: f32,
}

impl Stretch {
    /// Of a frame without a temperature.
    pub(super) const NONE: Self = Self {
        low: 0.0,
        high: 1.0,
    };

    /// How many of `len` temperatures, one or more, are colder than each of the two.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "indices below the length"
    )]
    pub(super) fn ranks(len: usize) -> (usize, usize) {
        let at = |fraction: f64| ((len - 1) as f64 * fraction).round() as usize;
        (at(LOW), at(HIGH))
    }

    /// From the two temperatures.
    pub(super) fn between(low: f32, high: f32) -> Self {
        Self { low, high }
    }
}

pub(super) fn from_celsius(
    celsius: &Raster<f32>,
    stretch: Stretch,
    multiple_of: usize,
) -> ModelInput {
    let Stretch { low, high } = stretch;
    let scale = 255.0 / (high - low).max(f32::EPSILON);
    let grey = |value: &f32| ((value - low) * scale).clamp(0.0, 255.0);
    ModelInput {
        kelvin_per_grey: Some(scale.recip()),
        ..pad(&fill_no_data(celsius), grey, multiple_of)
    }
}

/// Which pixels of a row become one pixel of the smaller row, and how much of each.
struct Shares {
    first: usize,
    weights: Vec<f32>,
    /// Of the weights.
    total: f32,
}

impl Shares {
    fn new(first: usize, weights: Vec<f32>) -> Self {
        let total: f32 = weights.iter().sum();
        Self {
            first,
            weights,
            total: total.max(f32::MIN_POSITIVE),
        }
    }

    fn mean(&self, row: &[f32]) -> f32 {
        let values = row.get(self.first..).unwrap_or_default();
        let weighted = self.weights.iter().zip(values);
        let sum: f32 = weighted.map(|(weight, value)| weight * value).sum();
        sum / self.total
    }
}

/// The shares of each pixel of a row of `len` pixels made `factor` times as long.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixel coordinates: not negative and far below 2^24"
)]
fn shares(len: usize, factor: f64) -> Vec<Shares> {
    let short = ((len as f64 * factor).round() as usize).clamp(1, len);
    let step = len as f64 / short as f64;
    (0..short)
        .map(|number| {
            let (from, to) = (number as f64 * step, (number + 1) as f64 * step);
            let (first, last) = (from as usize, (to.ceil() as usize).min(len));
            let covered = |at: usize| (to.min((at + 1) as f64) - from.max(at as f64)) as f32;
            Shares::new(first, (first..last).map(covered).collect())
        })
        .collect()
}

/// Means of `N` pixels at a time, as [`Shares::mean`] has them where `N` whole pixels become one.
fn means<const N: usize>(row: &[f32]) -> impl Iterator<Item = f32> {
    #[expect(clippy::cast_precision_loss, reason = "a few pixels")]
    let total = N as f32;
    let (groups, _) = row.as_chunks::<N>();
    groups
        .iter()
        .map(move |group| group.iter().sum::<f32>() / total)
}

fn pad<T>(picture: &Raster<T>, grey: impl Fn(&T) -> f32, multiple_of: usize) -> ModelInput {
    let (width, height) = picture.shape();
    let multiple_of = multiple_of.max(1);
    let padded_width = width.next_multiple_of(multiple_of);
    let padded_height = height.next_multiple_of(multiple_of);
    let mut samples: Vec<f32> = Vec::with_capacity(padded_width * padded_height);
    for row in picture.rows() {
        samples.extend(row.iter().map(&grey));
        let last = samples.last().copied().unwrap_or_default();
        samples.extend(std::iter::repeat_n(last, padded_width - width));
    }
    let last_row = samples
        .get(samples.len().saturating_sub(padded_width)..)
        .unwrap_or_default()
        .to_vec();
    for _ in height..padded_height {
        samples.extend_from_slice(&last_row);
    }
    let grey =
        Raster::new(padded_width, padded_height, samples).expect("rows were padded to this shape");
    ModelInput {
        width,
        height,
        grey,
        kelvin_per_grey: None,
    }
}

/// Fills pixels without data from their surroundings, by averaging ever coarser blocks (pull) and taking
/// the finest one that has data (push), after Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.4.
///
/// All zeros when no pixel has data.
pub(super) fn fill_no_data(celsius: &Raster<f32>) -> Cow<'_, Raster<f32>> {
    if celsius.samples().iter().all(|value| value.is_finite()) {
        return Cow::Borrowed(celsius);
    }
    let (width, height) = celsius.shape();
    let coarse = if width == 1 && height == 1 {
        return Cow::Owned(celsius.map(|value| if value.is_finite() { *value } else { 0.0 }));
    } else {
        fill_no_data(&celsius.halved()).into_owned()
    };
    let mut filled = celsius.clone();
    for (y, row) in filled.rows_mut().enumerate() {
        for (number, run) in row.chunks_mut(RUN).enumerate() {
            // Most runs lack nothing; without a branch a whole one is looked at at once.
            if run.iter().fold(true, |all, value| all & value.is_finite()) {
                continue;
            }
            for (x, value) in (number * RUN..).zip(run) {
                if !value.is_finite() {
                    *value = smooth(&coarse, x, y);
                }
            }
        }
    }
    Cow::Owned(filled)
}

/// The bilinear value of the coarse raster at the centre of fine pixel (x, y).
fn smooth(coarse: &Raster<f32>, x: usize, y: usize) -> f32 {
    let near = |at: usize, len: usize| {
        let nearest = at / 2;
        let other = if at.is_multiple_of(2) {
            nearest.saturating_sub(1)
        } else {
            (nearest + 1).min(len - 1)
        };
        (nearest, other)
    };
    let (x0, x1) = near(x, coarse.width());
    let (y0, y1) = near(y, coarse.height());
    let at = |x, y| coarse.get(x, y).copied().unwrap_or_default();
    0.5625 * at(x0, y0) + 0.1875 * at(x1, y0) + 0.1875 * at(x0, y1) + 0.0625 * at(x1, y1)
}

/// A raster of temperatures as a detector gets it, for tests of detectors.
#[cfg(test)]
pub(crate) fn of_celsius(celsius: &Raster<f32>) -> ModelInput {
    use super::measured::Measured;
    from_celsius(celsius, Measured::of(celsius).stretch, 32)
}

#[cfg(test)]
mod tests {
    use super::super::measured::Measured;
    use super::*;

    #[test]
    fn a_hole_is_filled_from_its_surroundings() {
        let mut picture = Raster::filled(16, 16, 5.0_f32).unwrap();
        for y in 4..12 {
            for x in 4..12 {
                *picture.get_mut(x, y).unwrap() = f32::NAN;
            }
        }
        let filled = fill_no_data(&picture);
        assert!(
            filled
                .samples()
                .iter()
                .all(|value| (value - 5.0).abs() < 1e-5)
        );
    }

    #[test]
    fn padding_repeats_the_edge() {
        let picture = Raster::new(3, 1, vec![0_u8, 10, 255]).unwrap();
        let input = ModelInput::from_grey8(&picture, 4);
        assert_eq!(input.grey().shape(), (4, 4));
        assert_eq!(input.grey().get(3, 3), Some(&255.0));
        assert_eq!(input.frame_shape(), (3, 1));
    }

    #[test]
    fn a_smaller_picture_holds_the_means_of_what_each_pixel_covers() {
        // By hand: 3 columns to 2 are 1.5 each, so (2*0 + 1*30) / 3 and (1*30 + 2*90) / 3.
        let picture = Raster::new(3, 2, vec![0_u8, 30, 90, 0, 30, 90]).unwrap();
        let small = ModelInput::from_grey8(&picture, 4).reduced(0.5, 4);
        assert_eq!(small.frame_shape(), (2, 1));
        assert_eq!(small.grey().shape(), (4, 4));
        let row: Vec<f32> = small.grey().samples().iter().copied().take(3).collect();
        assert!((row[0] - 10.0).abs() < 1e-4, "{row:?}");
        assert!((row[1] - 70.0).abs() < 1e-4, "{row:?}");
        assert!(
            (row[2] - row[1]).abs() < f32::EPSILON,
            "the edge is repeated"
        );
    }

    #[test]
    fn a_piece_keeps_its_pixels_and_knows_where_the_frame_ends() {
        let picture = Raster::new(6, 1, vec![0_u8, 1, 2, 3, 4, 5]).unwrap();
        let piece = ModelInput::from_grey8(&picture, 4).part((4, 0), (4, 4));
        assert_eq!(piece.grey().shape(), (4, 4));
        assert_eq!(piece.frame_shape(), (2, 1));
        assert_eq!(piece.grey().get(1, 3), Some(&5.0));
    }

    #[test]
    fn a_flat_frame_does_not_divide_by_zero() {
        let flat = Raster::filled(4, 4, 3.0_f32).unwrap();
        let input = from_celsius(&flat, Measured::of(&flat).stretch, 4);
        assert!(input.grey().samples().iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_frame_without_any_data_gives_a_flat_picture() {
        let empty = Raster::filled(4, 4, f32::NAN).unwrap();
        let input = from_celsius(&empty, Measured::of(&empty).stretch, 4);
        assert!(input.grey().samples().iter().all(|value| *value == 0.0));
    }
}
