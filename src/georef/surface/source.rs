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
    /// Opened twice, each with a memory of its own: of some formats GDAL gives heights that it could not read as 0.
    datasets: Mutex<[Dataset; 2]>,
    told: Told,
    inverse: GeoTransform,
}

/// What a file says of its heights.
#[derive(Debug, PartialEq)]
struct Told {
    driver: String,
    size: (usize, usize),
    place: GeoTransform,
    system: String,
    epsg: Option<u32>,
    no_data: Option<f64>,
    has_mask: bool,
    /// Elevation = value x scale + offset.
    scale: f64,
    offset: f64,
}

impl Told {
    /// Opens a file and asks it.
    fn read(path: &Path) -> Result<(Dataset, Self), SurfaceError> {
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
        let dataset =
            strictly(|| outside::open(path, RASTERS)).map_err(gdal("open the surface model"))?;
        let place = dataset.geo_transform().ok();
        let place = place.filter(|place| place.iter().all(|number| number.is_finite()));
        let place = place.ok_or_else(nowhere)?;
        let system = dataset.spatial_ref().ok().ok_or_else(nowhere)?;
        let epsg = (system.auth_name().as_deref() == Some("EPSG"))
            .then(|| system.auth_code().ok())
            .flatten()
            .and_then(|code| u32::try_from(code).ok());
        let size = dataset.raster_size();
        let band = dataset
            .rasterband(1)
            .map_err(gdal("find a band of heights"))?;
        let unit = band.unit();
        if !METRES.contains(&unit.trim().to_ascii_lowercase().as_str()) {
            return Err(SurfaceError::Unit {
                path: path.to_path_buf(),
                unit,
            });
        }
        let mask = strictly(|| band.mask_flags()).map_err(gdal("look for a mask"))?;
        let told = Self {
            driver: dataset.driver().short_name(),
            size,
            place,
            system: system
                .to_wkt()
                .map_err(gdal("name the coordinate system"))?,
            epsg,
            // No elevation anyway, and not equal to itself.
            no_data: band.no_data_value().filter(|value| !value.is_nan()),
            has_mask: mask.is_per_dataset() || mask.is_alpha(),
            scale: band.scale().filter(|scale| *scale != 0.0).unwrap_or(1.0),
            offset: band.offset().unwrap_or(0.0),
        };
        Ok((dataset, told))
    }
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, SurfaceError> {
        if !path.is_file() {
            return Err(SurfaceError::NotAFile {
                path: path.to_path_buf(),
            });
        }
        let failed = |source| SurfaceError::Gdal {
            path: path.to_path_buf(),
            task: "open the surface model",
            source,
        };
        let mut opened = Vec::new();
        let told = outside::agreed(failed, || {
            let (dataset, told) = Told::read(path)?;
            opened.push(dataset);
            Ok(told)
        })?;
        // Of its own format GDAL tells what it cannot read, and such a file may be larger than what is needed of it.
        let read = if told.driver == "GTiff" {
            outside::beside
        } else {
            outside::every_byte
        };
        read(path).map_err(failed)?;
        let nowhere = || SurfaceError::NoPlace {
            path: path.to_path_buf(),
        };
        let inverse = told.place.invert().ok().ok_or_else(nowhere)?;
        let datasets = <[Dataset; 2]>::try_from(opened).ok();
        Ok(Self {
            path: path.to_path_buf(),
            datasets: Mutex::new(datasets.ok_or_else(nowhere)?),
            told,
            inverse,
        })
    }

    pub(super) fn epsg(&self) -> Option<u32> {
        self.told.epsg
    }

    pub(super) fn system(&self) -> Result<SpatialRef, SurfaceError> {
        let system = SpatialRef::from_wkt(&self.told.system);
        system.ok().ok_or_else(|| self.no_place())
    }

    /// Pixel coordinates of coordinates in the file's own system.
    pub(super) fn to_pixel(&self, x: f64, y: f64) -> (f64, f64) {
        self.inverse.apply(x, y)
    }

    /// Coordinates of the outer corner of the first pixel.
    pub(super) fn corner(&self) -> (f64, f64) {
        self.told.place.apply(0.0, 0.0)
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
        let Some(window) =
            window.and_then(|edges| Window::around(edges, self.told.size, lattice.step))
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
        let datasets = self.lock();
        let mut each = datasets.iter();
        let bits = outside::agreed(gdal, || {
            let read = each
                .next()
                .map(|dataset| self.values(dataset, (left, top), size));
            read.transpose().map_err(gdal)
        })?;
        let values = bits.unwrap_or_default().into_iter();
        Ok(values.map(f64::from_bits).collect())
    }

    /// As [`Self::pixels`], from one of the two, as bits, by which what is no number is the same twice.
    fn values(
        &self,
        dataset: &Dataset,
        (left, top): (usize, usize),
        size: (usize, usize),
    ) -> gdal::errors::Result<Vec<u64>> {
        let band = dataset.rasterband(1)?;
        let origin = (left.cast_signed(), top.cast_signed());
        let read = strictly(|| band.read_as::<f64>(origin, size, size, None))?;
        let mut values: Vec<u64> = read.data().iter().map(|value| value.to_bits()).collect();
        if self.told.has_mask {
            let mask = band.open_mask_band()?;
            let shown = strictly(|| mask.read_as::<u8>(origin, size, size, None))?;
            let hidden = values.iter_mut().zip(shown.data());
            for (value, _) in hidden.filter(|(_, shown)| **shown == 0) {
                *value = f64::NAN.to_bits();
            }
        }
        Ok(values)
    }

    /// What a value of the file says; `None` where it is none.
    fn elevation(&self, value: f64) -> Option<f64> {
        let elevation = value.mul_add(self.told.scale, self.told.offset);
        (self.told.no_data != Some(value) && PLAUSIBLE.contains(&elevation)).then_some(elevation)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, [Dataset; 2]> {
        self.datasets.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use gdal::DriverManager;
    use gdal::raster::Buffer;

    use super::*;
    use crate::georef::Crs;

    /// A format of which GDAL gives 0 for what it cannot read, and says nothing.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test's own file")]
    fn heights_that_are_not_the_same_twice_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dsm.bil");
        let driver = DriverManager::get_driver_by_name("EHdr").unwrap();
        let mut file = driver
            .create_with_band_type::<f32, _>(&path, 4, 4, 1)
            .unwrap();
        file.set_geo_transform(&[413_000.0, 1.0, 0.0, 5_835_000.0, 0.0, -1.0])
            .unwrap();
        let system = Crs::from_epsg(32_631).unwrap().spatial_ref().unwrap();
        file.set_spatial_ref(&system).unwrap();
        let mut heights = Buffer::new((4, 4), vec![7_f32; 16]);
        let mut band = file.rasterband(1).unwrap();
        band.write((0, 0), (4, 4), &mut heights).unwrap();
        file.close().unwrap();
        let source = Source::open(&path).unwrap();
        assert_eq!(source.pixels((0, 0), (4, 4)).unwrap(), [7.0; 16]);
        let source = Source::open(&path).unwrap();
        // The first of the two keeps what it read.
        source.values(&source.lock()[0], (0, 0), (4, 4)).unwrap();
        std::fs::write(&path, [0; 64]).unwrap();
        let refused = source.pixels((0, 0), (4, 4)).unwrap_err();
        let Some(cause) = std::error::Error::source(&refused) else {
            panic!("{refused}");
        };
        assert!(cause.to_string().contains("not the same"), "{cause}");
    }
}
