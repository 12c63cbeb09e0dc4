//! The pixel grid of a mosaic in the run's map.
//!
//! In: the ground that the frames see and a resolution. Out: a [`Grid`] whose edges lie on multiples of the
//! resolution, so that two runs over the same place line up. Refuses: more pixels than allowed.

use super::{MosaicFrame, MosaicOptions, TilesError};
use crate::georef::{Bounds, Crs};

/// Maps below this many pixels may be as empty as they like.
const MAX_EMPTY_PIXELS: f64 = 1e8;
/// Pixels of a larger map for each that a frame sees.
const MAX_EMPTINESS: f64 = 100.0;

/// A north-up grid of square pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Its coordinate system.
    pub crs: Crs,
    /// Metres of a pixel's side.
    pub resolution: f64,
    /// Metres east of the western edge.
    pub west: f64,
    /// Metres north of the northern edge.
    pub north: f64,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Half-open ranges of columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Window {
    pub(super) fn is_empty(self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }
}

impl Grid {
    /// The grid over all that `frames` see of a surface between two `levels` within the limits of `options`, with each frame's bounds (`None` where
    /// it sees nothing).
    ///
    /// # Errors
    ///
    /// [`TilesError::NothingSeen`], [`TilesError::Resolution`], [`TilesError::TooLarge`].
    pub(super) fn over(
        crs: Crs,
        frames: &[MosaicFrame],
        options: &MosaicOptions,
        levels: (f64, f64),
    ) -> Result<(Self, Vec<Option<Bounds>>), TilesError> {
        let bounds: Vec<Option<Bounds>> = frames
            .iter()
            .map(|frame| frame.view.bounds_between(levels, options.max_off_nadir))
            .collect();
        let all = bounds
            .iter()
            .flatten()
            .copied()
            .reduce(Bounds::union)
            .ok_or(TilesError::NothingSeen {
                max_off_nadir: options.max_off_nadir.0,
            })?;
        let resolution = match options.resolution {
            Some(resolution) => resolution.0,
            None => two_digits(median_resolution(frames)),
        };
        if !(resolution.is_finite() && resolution > 0.0) {
            return Err(TilesError::Resolution { value: resolution });
        }
        let west = (all.west / resolution).floor();
        let north = (all.north / resolution).ceil();
        let width = (all.east / resolution).ceil() - west;
        let height = north - (all.south / resolution).floor();
        let seen: f64 = bounds
            .iter()
            .flatten()
            .map(|bounds| bounds.size())
            .map(|(width, height)| width * height / (resolution * resolution))
            .sum();
        // Small maps may be empty; vast ones that hardly any frame sees come from flights far apart.
        let sparse = width * height > MAX_EMPTY_PIXELS.max(MAX_EMPTINESS * seen);
        #[expect(clippy::cast_precision_loss, reason = "a limit, not a count")]
        let fits = width * height <= options.max_pixels as f64
            && width.max(height) <= f64::from(i32::MAX)
            && !sparse;
        if !fits {
            return Err(too_large(frames, &bounds, (width, height), options));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, positive and checked against the limit"
        )]
        let grid = Self {
            crs,
            resolution,
            west: west * resolution,
            north: north * resolution,
            width: width.max(1.0) as usize,
            height: height.max(1.0) as usize,
        };
        Ok((grid, bounds))
    }

    /// GDAL's six numbers.
    pub(super) fn geo_transform(&self) -> [f64; 6] {
        [
            self.west,
            self.resolution,
            0.0,
            self.north,
            0.0,
            -self.resolution,
        ]
    }

    /// Centre of a pixel: metres east and north.
    #[expect(clippy::cast_precision_loss, reason = "columns and rows fit 31 bits")]
    pub(super) fn centre(&self, column: usize, row: usize) -> (f64, f64) {
        (
            self.west + (column as f64 + 0.5) * self.resolution,
            self.north - (row as f64 + 0.5) * self.resolution,
        )
    }

    /// Pixels whose centres may lie in `bounds`; empty outside the grid.
    pub(super) fn window(&self, bounds: &Bounds) -> Window {
        let along = |from: f64, to: f64, count: usize| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative; `as` saturates"
            )]
            let whole = |pixels: f64| (pixels.max(0.0) as usize).min(count);
            (
                whole((from / self.resolution).floor()),
                whole((to / self.resolution).ceil()),
            )
        };
        let (left, right) = along(bounds.west - self.west, bounds.east - self.west, self.width);
        let (top, bottom) = along(
            self.north - bounds.north,
            self.north - bounds.south,
            self.height,
        );
        Window {
            left,
            top,
            right,
            bottom,
        }
    }

    /// The ground covered.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "columns and rows fit 31 bits")]
    pub fn bounds(&self) -> Bounds {
        Bounds {
            west: self.west,
            south: self.north - self.height as f64 * self.resolution,
            east: self.west + self.width as f64 * self.resolution,
            north: self.north,
        }
    }
}

/// Median over the frames of the ground resolution at the centre, in metres; `NAN` where none has one.
fn median_resolution(frames: &[MosaicFrame]) -> f64 {
    let mut resolutions: Vec<f64> = frames
        .iter()
        .filter_map(|frame| {
            let camera = frame.view.camera();
            Some(frame.view.ground_resolution(camera.cx, camera.cy)?.0)
        })
        .collect();
    resolutions.sort_unstable_by(f64::total_cmp);
    resolutions
        .get(resolutions.len() / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

/// `value` to two significant digits: 0.1601 to 0.16.
fn two_digits(value: f64) -> f64 {
    if !(value.is_finite() && value > 0.0) {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of an f64")]
    let digits = 1 - value.log10().floor() as i32;
    // Powers of ten with positive exponents are exact, so 16 / 100 is the double nearest to 0.16.
    if digits >= 0 {
        (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
    } else {
        (value / 10_f64.powi(-digits)).round() * 10_f64.powi(-digits)
    }
}

/// Names the two frames at the far ends of the longer side.
fn too_large(
    frames: &[MosaicFrame],
    bounds: &[Option<Bounds>],
    (width, height): (f64, f64),
    options: &MosaicOptions,
) -> TilesError {
    let along = |bounds: &Bounds| {
        if width >= height {
            bounds.west
        } else {
            bounds.south
        }
    };
    let mut ends: Vec<_> = frames
        .iter()
        .zip(bounds)
        .filter_map(|(frame, bounds)| Some((along(bounds.as_ref()?), frame)))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.id.cmp(&b.1.id)));
    match (ends.first(), ends.last()) {
        (Some((_, first)), Some((_, second))) => {
            let ((x1, y1), (x2, y2)) = (first.view.centre(), second.view.centre());
            TilesError::TooLarge {
                first: first.id,
                second: second.id,
                kilometres: (x2 - x1).hypot(y2 - y1) / 1000.0,
                width,
                height,
                max_pixels: options.max_pixels,
            }
        }
        _ => TilesError::NothingSeen {
            max_off_nadir: options.max_off_nadir.0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::float_cmp,
        reason = "the result is the nearest double by design"
    )]
    fn resolutions_round_to_two_significant_digits() {
        assert_eq!(two_digits(0.160_1), 0.16);
        assert_eq!(two_digits(0.079_12), 0.079);
        assert_eq!(two_digits(0.997), 1.0);
        assert_eq!(two_digits(12.3), 12.0);
        assert_eq!(two_digits(1234.0), 1200.0);
    }
}
