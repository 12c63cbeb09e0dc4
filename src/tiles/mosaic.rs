//! One map from many frames: every pixel from the frame that sees it most steeply.
//!
//! In: views and redacted temperatures. Out: a working raster of temperature, off-nadir angle and source
//! frame, and a report. Refuses: extents beyond the limit.
//!
//! Blocks of 512 x 512 pixels are drawn in parallel, row of blocks by row of blocks: memory holds one such row and
//! the frame cache. Frames compete in the order of their numbers, so threads do not change a byte.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::raster_file::{OpenRaster, RasterFile};
use super::{FrameCache, Grid, TilesError};
use crate::frame::FrameId;
use crate::georef::{Bounds, Crs, View};
use crate::raster::Raster;
use crate::units::{Degrees, Metres};

/// Side of a block.
const BLOCK: usize = 512;
/// Megabytes that GDAL may hold of rasters being written and read.
const GDAL_CACHE_MB: &str = "64";
/// Blocks of a row drawn before they are written.
const BATCH: usize = 16;

/// Temperatures and angles are kept to 1/64: at most 0.008 °C from what was measured, and noise below that is not
/// stored, which halves the published file.
const STEPS_PER_UNIT: f32 = 64.0;

/// A frame to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MosaicFrame {
    /// Its number.
    pub id: FrameId,
    /// What it sees, in the mosaic's UTM zone.
    pub view: View,
}

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MosaicOptions {
    /// Side of a pixel; default: the frames' median, to two significant digits.
    pub resolution: Option<Metres>,
    /// Ground seen more obliquely stays empty; below 90 (emissivity falls beyond 60: DOMAIN section 2).
    pub max_off_nadir: Degrees,
    /// Ground seen more coarsely stays empty.
    pub max_ground_resolution: Option<Metres>,
    /// Pixels allowed, empty ones included.
    pub max_pixels: u64,
    /// Bytes of frames held at a time.
    pub cache_bytes: usize,
}

impl Default for MosaicOptions {
    fn default() -> Self {
        Self {
            resolution: None,
            max_off_nadir: Degrees(60.0),
            max_ground_resolution: None,
            max_pixels: 4_000_000_000,
            cache_bytes: 128 << 20,
        }
    }
}

/// A mosaic in the work folder: bands temperature (°C), off-nadir angle (°) and source frame.
#[derive(Debug, Clone)]
pub struct Mosaic {
    pub(super) grid: Grid,
    pub(super) file: RasterFile,
    report: MosaicReport,
}

/// What was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct MosaicReport {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Side of a pixel.
    pub resolution: Metres,
    /// EPSG code of the map.
    pub epsg: u32,
    /// Pixels with a temperature.
    pub valid_pixels: u64,
    /// Frames that gave at least one pixel, ascending.
    pub used_frames: Vec<FrameId>,
    /// Pixels that a second frame saw too.
    pub overlap_pixels: u64,
    /// Mean absolute difference in kelvin between the frame drawn and the next best there.
    pub overlap_disagreement: Option<f64>,
}

impl Mosaic {
    /// What was drawn.
    #[must_use]
    pub fn report(&self) -> &MosaicReport {
        &self.report
    }

    /// The pixel grid.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }
}

/// Draws `frames` into a working raster in the folder `work`.
///
/// `load` gives redacted temperatures in °C; `NAN` leaves a hole, which other frames fill.
///
/// # Errors
///
/// What `load` says, or [`TilesError`].
pub fn build<E>(
    crs: Crs,
    frames: &[MosaicFrame],
    options: &MosaicOptions,
    work: &Path,
    load: impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E> + Sync + Send,
) -> Result<Mosaic, E>
where
    E: From<TilesError> + Send,
{
    bound_gdal()?;
    let mut frames = frames.to_vec();
    frames.sort_by_key(|frame| frame.id);
    let (grid, bounds) = Grid::over(crs, &frames, options)?;
    let candidates: Vec<(MosaicFrame, Bounds)> = frames
        .into_iter()
        .zip(bounds)
        .filter_map(|(frame, bounds)| Some((frame, bounds?)))
        .collect();
    let system = crs.spatial_ref().map_err(TilesError::from)?;
    let (file, output) = RasterFile::create(
        &work.join("mosaic.tif"),
        (grid.width, grid.height),
        3,
        BLOCK,
        Some((&grid.geo_transform(), &system)),
    )?;
    let cache = FrameCache::new(options.cache_bytes, load);
    let mut totals = Totals::default();
    for row in (0..grid.height).step_by(BLOCK) {
        let columns: Vec<usize> = (0..grid.width).step_by(BLOCK).collect();
        for batch in columns.chunks(BATCH) {
            let blocks: Vec<Result<Option<Block>, E>> = batch
                .par_iter()
                .map(|&column| draw(&grid, (column, row), &candidates, options, &cache))
                .collect();
            for block in blocks {
                if let Some(block) = block? {
                    totals.add(&block, &output)?;
                }
            }
        }
    }
    output.close()?;
    let report = totals.report(&grid);
    Ok(Mosaic { grid, file, report })
}

/// Bounds GDAL's own cache of raster blocks, which by default takes a twentieth of the machine's memory.
fn bound_gdal() -> Result<(), TilesError> {
    gdal::config::set_config_option("GDAL_CACHEMAX", GDAL_CACHE_MB).map_err(|source| {
        TilesError::Gdal {
            task: "bound its cache",
            source,
        }
    })
}

/// A drawn block: per pixel the best view and the next best.
struct Block {
    origin: (usize, usize),
    size: (usize, usize),
    best: Vec<Best>,
}

#[derive(Clone, Copy)]
struct Best {
    celsius: f32,
    frame: u32,
    /// Squared tangent of the off-nadir angle.
    tangent: f64,
    next_celsius: f32,
    next_tangent: f64,
}

const NOTHING: Best = Best {
    celsius: f32::NAN,
    frame: 0,
    tangent: f64::INFINITY,
    next_celsius: f32::NAN,
    next_tangent: f64::INFINITY,
};

fn draw<E>(
    grid: &Grid,
    (column, row): (usize, usize),
    candidates: &[(MosaicFrame, Bounds)],
    options: &MosaicOptions,
    cache: &FrameCache<impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E>>,
) -> Result<Option<Block>, E> {
    let size = (BLOCK.min(grid.width - column), BLOCK.min(grid.height - row));
    let (west, north) = grid.centre(column, row);
    let (east, south) = grid.centre(column + size.0 - 1, row + size.1 - 1);
    let area = Bounds {
        west,
        south,
        east,
        north,
    };
    let mut block: Option<Block> = None;
    for (frame, bounds) in candidates {
        let touches = bounds.west <= area.east
            && bounds.east >= area.west
            && bounds.south <= area.north
            && bounds.north >= area.south;
        if !touches {
            continue;
        }
        let raster = cache.get(frame.id)?;
        let block = block.get_or_insert_with(|| Block {
            origin: (column, row),
            size,
            best: vec![NOTHING; size.0 * size.1],
        });
        block.compete(grid, frame, bounds, &raster, options);
    }
    Ok(block)
}

impl Block {
    /// Lets one frame take the pixels that it sees more steeply than those before it.
    fn compete(
        &mut self,
        grid: &Grid,
        frame: &MosaicFrame,
        bounds: &Bounds,
        raster: &Raster<f32>,
        options: &MosaicOptions,
    ) {
        let limit = max_tangent_squared(&frame.view, options);
        for (row, pixels) in self.best.chunks_exact_mut(self.size.0).enumerate() {
            for (column, best) in pixels.iter_mut().enumerate() {
                let (east, north) = grid.centre(self.origin.0 + column, self.origin.1 + row);
                if north > bounds.north || north < bounds.south {
                    break;
                }
                let tangent = frame.view.tangent_squared(east, north);
                if east < bounds.west || tangent > limit || tangent >= best.next_tangent {
                    continue;
                }
                let Some(celsius) = frame.view.sample(raster, east, north) else {
                    continue;
                };
                if tangent < best.tangent {
                    *best = Best {
                        celsius,
                        frame: frame.id.0,
                        tangent,
                        next_celsius: best.celsius,
                        next_tangent: best.tangent,
                    };
                } else {
                    best.next_celsius = celsius;
                    best.next_tangent = tangent;
                }
            }
        }
    }
}

/// Squared tangent of the steepest off-nadir angle allowed: by angle, and by resolution where that is tighter.
fn max_tangent_squared(view: &View, options: &MosaicOptions) -> f64 {
    let by_angle = options.max_off_nadir.to_radians().tan().powi(2);
    let by_resolution = options
        .max_ground_resolution
        .map_or(f64::INFINITY, |limit| {
            // slant = height sqrt(1 + tan^2) = resolution x focal length
            (limit.0 * view.camera().fx / view.height().0).powi(2) - 1.0
        });
    by_angle.min(by_resolution)
}

fn quantised(value: f32) -> f32 {
    (value * STEPS_PER_UNIT).round() / STEPS_PER_UNIT
}

#[derive(Default)]
struct Totals {
    valid: u64,
    overlap: u64,
    difference: f64,
    used: BTreeSet<FrameId>,
}

impl Totals {
    fn add(&mut self, block: &Block, output: &OpenRaster) -> Result<(), TilesError> {
        for best in block.best.iter().filter(|best| best.celsius.is_finite()) {
            self.valid += 1;
            self.used.insert(FrameId(best.frame));
            if best.next_celsius.is_finite() {
                self.overlap += 1;
                self.difference += f64::from((best.celsius - best.next_celsius).abs());
            }
        }
        let band = |value: fn(&Best) -> f32| -> Vec<f32> {
            block
                .best
                .iter()
                .map(|best| {
                    if best.celsius.is_finite() {
                        value(best)
                    } else {
                        f32::NAN
                    }
                })
                .collect()
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "angles need few digits; frame numbers are exact below 2^24, which the docs state"
        )]
        let bands = [
            band(|best| quantised(best.celsius)),
            band(|best| quantised(best.tangent.sqrt().atan().to_degrees() as f32)),
            band(|best| best.frame as f32),
        ];
        for (number, samples) in (1..).zip(bands) {
            output.write(number, block.origin, block.size, samples)?;
        }
        Ok(())
    }

    fn report(self, grid: &Grid) -> MosaicReport {
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
        let disagreement = (self.overlap > 0).then(|| self.difference / self.overlap as f64);
        MosaicReport {
            width: grid.width,
            height: grid.height,
            resolution: Metres(grid.resolution),
            epsg: grid.crs.epsg(),
            valid_pixels: self.valid,
            used_frames: self.used.into_iter().collect(),
            overlap_pixels: self.overlap,
            overlap_disagreement: disagreement,
        }
    }
}
