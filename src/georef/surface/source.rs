//! The file of a surface model: any raster that GDAL opens, read window by window.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, GeoTransform, GeoTransformEx};

use super::SurfaceError;
use super::lattice::Lattice;
use crate::complaints::strictly;
use crate::georef::camera::as_f64;
use crate::outside::{self, RASTERS};

/// Elevations outside are not measurements: the deepest shore and the highest mountain lie between.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = -500.0..=9000.0;
/// Pixels of the file that are read at once, but for one row of samples.
const MOST_PIXELS: usize = 1 << 20;
/// Units of height that are metres, as files write them.
const METRES: [&str; 5] = ["", "m", "metre", "meter", "metres"];

/// An open surface model.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    dataset: Mutex<Dataset>,
    size: (usize, usize),
    place: GeoTransform,
    inverse: GeoTransform,
    epsg: Option<u32>,
    no_data: Option<f64>,
    /// Elevation = value x scale + offset.
    scale: f64,
    offset: f64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, SurfaceError> {
        if !path.is_file() {
            return Err(SurfaceError::NotAFile {
                path: path.to_path_buf(),
            });
        }
        let gdal = |task| {
            move |source| SurfaceError::Gdal {
                path: path.to_path_buf(),
                task,
                source,
            }
        };
        let nowhere = || SurfaceError::NoPlace {
            path: path.to_path_buf(),
        };
        let dataset = outside::open(path, RASTERS).map_err(gdal("open the surface model"))?;
        let place = dataset.geo_transform().ok().ok_or_else(nowhere)?;
        let inverse = place.invert().ok().ok_or_else(nowhere)?;
        let system = dataset.spatial_ref().ok().ok_or_else(nowhere)?;
        let epsg = (system.auth_name().as_deref() == Some("EPSG"))
            .then(|| system.auth_code().ok())
            .flatten()
            .and_then(|code| u32::try_from(code).ok());
        let size = dataset.raster_size();
        let (unit, no_data, scale, offset) = {
            let band = dataset
                .rasterband(1)
                .map_err(gdal("find a band of heights"))?;
            (
                band.unit(),
                band.no_data_value(),
                band.scale(),
                band.offset(),
            )
        };
        if !METRES.contains(&unit.trim().to_ascii_lowercase().as_str()) {
            return Err(SurfaceError::Unit {
                path: path.to_path_buf(),
                unit,
            });
        }
        Ok(Self {
            path: path.to_path_buf(),
            dataset: Mutex::new(dataset),
            size,
            place,
            inverse,
            epsg,
            no_data,
            scale: scale.filter(|scale| *scale != 0.0).unwrap_or(1.0),
            offset: offset.unwrap_or(0.0),
        })
    }

    pub(super) fn epsg(&self) -> Option<u32> {
        self.epsg
    }

    pub(super) fn system(&self) -> Result<SpatialRef, SurfaceError> {
        let system = self.lock().spatial_ref();
        system.ok().ok_or_else(|| self.no_place())
    }

    /// Pixel coordinates of coordinates in the file's own system.
    pub(super) fn to_pixel(&self, x: f64, y: f64) -> (f64, f64) {
        self.inverse.apply(x, y)
    }

    /// Coordinates of the outer corner of the first pixel.
    pub(super) fn corner(&self) -> (f64, f64) {
        self.place.apply(0.0, 0.0)
    }

    pub(super) fn no_place(&self) -> SurfaceError {
        SurfaceError::NoPlace {
            path: self.path.clone(),
        }
    }

    pub(super) fn too_large(&self, width: f64, height: f64) -> SurfaceError {
        SurfaceError::TooLarge {
            path: self.path.clone(),
            width,
            height,
        }
    }

    pub(super) fn no_take_off(&self) -> SurfaceError {
        SurfaceError::NoTakeOff {
            path: self.path.clone(),
        }
    }

    /// Elevations of `width` x `height` cells from `(column, row)` on, interpolated between the file's pixels; `NAN`
    /// where the nearer half of them is missing.
    pub(super) fn elevations(
        &self,
        lattice: &Lattice,
        (column, row): (usize, usize),
        (width, height): (usize, usize),
    ) -> Result<Vec<f32>, SurfaceError> {
        let place = |at: usize| lattice.pixel(column + at % width, row + at / width);
        let window =
            (0..width * height)
                .map(place)
                .fold(None, |window: Option<[f64; 4]>, (x, y)| {
                    let [x0, y0, x1, y1] = window.unwrap_or([x, y, x, y]);
                    Some([x0.min(x), y0.min(y), x1.max(x), y1.max(y)])
                });
        let Some(window) = window.and_then(|edges| Window::around(edges, self.size, lattice.step))
        else {
            return Ok(vec![f32::NAN; width * height]);
        };
        let read = self.read(&window)?;
        Ok((0..width * height)
            .map(|at| window.interpolate(&read, place(at)))
            .collect())
    }

    /// The samples of a window: each the mean of those of its pixels that are elevations, `NAN` where none is. (GDAL's own mean would take in a value for no
    /// data that the file does not name, and hide it there.)
    fn read(&self, window: &Window) -> Result<Vec<f32>, SurfaceError> {
        let (step, width) = (window.step, window.size.0);
        let mut samples = Vec::with_capacity(window.samples.0 * window.samples.1);
        let at_once = (MOST_PIXELS / (width * step)).max(1);
        for first in (0..window.samples.1).step_by(at_once) {
            let rows = at_once.min(window.samples.1 - first) * step;
            let pixels = self.pixels(
                (window.origin.0, window.origin.1 + first * step),
                (width, rows),
            )?;
            for rows in pixels.chunks_exact(width * step) {
                samples.extend((0..width).step_by(step).map(|column| {
                    let lines = rows.chunks_exact(width);
                    let own = lines
                        .filter_map(|row| row.get(column..column + step))
                        .flatten();
                    let known = own.filter_map(|&value| self.elevation(value));
                    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), elevation| {
                        (sum + elevation, count + 1.0)
                    });
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "f32 holds elevations to a millimetre; 0 / 0 is NAN"
                    )]
                    let mean = (sum / count) as f32;
                    mean
                }));
            }
        }
        Ok(samples)
    }

    /// Pixels of the file as they stand in it, row by row; `NAN` where a mask of the file's hides them.
    fn pixels(
        &self,
        (left, top): (usize, usize),
        size: (usize, usize),
    ) -> Result<Vec<f64>, SurfaceError> {
        let gdal = |source| SurfaceError::Gdal {
            path: self.path.clone(),
            task: "read heights",
            source,
        };
        let dataset = self.lock();
        let band = dataset.rasterband(1).map_err(gdal)?;
        let origin = (left.cast_signed(), top.cast_signed());
        let read = strictly(|| band.read_as::<f64>(origin, size, size, None)).map_err(gdal)?;
        let (_, mut pixels) = read.into_shape_and_vec();
        let mask = band.mask_flags().map_err(gdal)?;
        if mask.is_per_dataset() || mask.is_alpha() {
            let mask = band.open_mask_band().map_err(gdal)?;
            let shown = strictly(|| mask.read_as::<u8>(origin, size, size, None)).map_err(gdal)?;
            for (pixel, _) in pixels
                .iter_mut()
                .zip(shown.data())
                .filter(|(_, shown)| **shown == 0)
            {
                *pixel = f64::NAN;
            }
        }
        Ok(pixels)
    }

    /// What a value of the file says; `None` where it is none.
    fn elevation(&self, value: f64) -> Option<f64> {
        let elevation = value.mul_add(self.scale, self.offset);
        (self.no_data != Some(value) && PLAUSIBLE.contains(&elevation)).then_some(elevation)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Dataset> {
        self.dataset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pixels of the file to read, `step` by `step` averaged into one where the file is much finer than the cells.
struct Window {
    origin: (usize, usize),
    size: (usize, usize),
    samples: (usize, usize),
    step: usize,
}

impl Window {
    /// The window that holds the pixels around `edges` (west, north, east, south), clipped to the file; `None` outside.
    fn around(
        [x0, y0, x1, y1]: [f64; 4],
        (columns, rows): (usize, usize),
        step: usize,
    ) -> Option<Self> {
        if !(x0 + y0 + x1 + y1).is_finite() {
            return None;
        }
        let along = |from: f64, to: f64, count: usize| {
            let margin = as_f64(2 * step);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative; `as` saturates"
            )]
            let (first, end) = (
                (from - margin).floor().max(0.0) as usize,
                (to + margin).ceil().max(0.0) as usize,
            );
            let first = first / step * step;
            let end = end
                .div_ceil(step)
                .saturating_mul(step)
                .min(count / step * step);
            (first < end).then(|| (first, end - first))
        };
        let (left, width) = along(x0, x1, columns)?;
        let (top, height) = along(y0, y1, rows)?;
        Some(Self {
            origin: (left, top),
            size: (width, height),
            samples: (width / step, height / step),
            step,
        })
    }

    /// Bilinear between the four samples around a place in pixels of the file; missing ones leave their weight to the
    /// others, as long as these hold half of it.
    fn interpolate(&self, samples: &[f32], (x, y): (f64, f64)) -> f32 {
        let step = as_f64(self.step);
        let (x, y) = (
            (x - as_f64(self.origin.0)) / step - 0.5,
            (y - as_f64(self.origin.1)) / step - 0.5,
        );
        let (left, top) = (floor(x), floor(y));
        let (right, under) = (left.saturating_add(1), top.saturating_add(1));
        let (east, south) = (x - f64::from(left), y - f64::from(top));
        let (mut sum, mut weights) = (0.0, 0.0);
        for (column, row, weight) in [
            (left, top, (1.0 - east) * (1.0 - south)),
            (right, top, east * (1.0 - south)),
            (left, under, (1.0 - east) * south),
            (right, under, east * south),
        ] {
            let sample = self.sample(samples, column, row);
            if sample.is_finite() {
                sum += weight * f64::from(sample);
                weights += weight;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "a mean of f32")]
        let mean = if weights >= 0.5 {
            (sum / weights) as f32
        } else {
            f32::NAN
        };
        mean
    }

    /// `NAN` outside.
    fn sample(&self, samples: &[f32], column: i32, row: i32) -> f32 {
        match (usize::try_from(column), usize::try_from(row)) {
            (Ok(column), Ok(row)) if column < self.samples.0 => {
                let at = row.saturating_mul(self.samples.0).saturating_add(column);
                samples.get(at).copied().unwrap_or(f32::NAN)
            }
            _ => f32::NAN,
        }
    }
}

/// The whole number below, or the one below that where a negative place is whole: all of its weight goes to the right one then. `f64::floor` is a call where
/// the processor may lack SSE4.1, and each cell of a surface asks twice.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates; GDAL counts pixels in 32 bits too"
)]
fn floor(place: f64) -> i32 {
    (place as i32).saturating_sub(i32::from(place < 0.0))
}
