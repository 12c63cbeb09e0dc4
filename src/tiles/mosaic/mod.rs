//! One map from many frames: every pixel from the frame that sees it freely and most steeply.
//!
//! In: views, a surface and redacted temperatures. Out: a working raster of temperature, off-nadir angle and source
//! frame, and a report. Refuses: extents beyond the limit.
//!
//! A map pixel stands on the surface: frames are sampled at [`View::pixel_above`] of its height, and one from which
//! something hides it, or that sees it too obliquely, from too far or too coarsely, does not compete (ray casting over a
//! height field, as for true orthophotos: Amhar, Jansa, Ries 1998). One that sees it past something by a hair, so that a
//! small error would paint that there, comes after all that see it freely ([`MosaicOptions::clearance`]).
//!
//! Blocks of 512 x 512 pixels are drawn in parallel, row of blocks by row of blocks: memory holds a few blocks a thread,
//! the frame cache, the footprint index, the squares of a surface model and, for each thread, the patch of it under and around a block (4 bytes for each of its
//! cells, however many lie under a pixel). Where two frames see a pixel equally steeply the lower number wins, so that threads do not change a byte.

mod block;
mod index;
mod offsets;
mod options;
mod totals;

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::raster_file::RasterFile;
use super::{Band, Grid, Layer, TilesError};
use crate::frame::FrameId;
use crate::georef::{Bounds, Crs, Surface, View};
use crate::raster::{Raster, RasterCache};
use crate::units::Metres;
use block::Scene;
use index::FootprintIndex;
use offsets::FrameOffsets;
pub use options::MosaicOptions;
use totals::{Drawn, Totals};

/// Side of a block.
pub(super) const BLOCK: usize = 512;
/// Pixels around a block or a part of one in which what a frame sees must lie for the frame to be asked: bounds are drawn through points of its edge, which a
/// lens bends, so that a few pixels more than they say may be seen.
const MARGIN: f64 = 16.0;
/// Megabytes that GDAL may hold of rasters being written and read.
const GDAL_CACHE_MB: &str = "64";
/// Blocks a thread draws before they are written.
pub(super) const BLOCKS_PER_THREAD: usize = 4;
/// What a mosaic holds.
const BANDS: &[Band] = &[
    ("temperature", "\u{b0}C"),
    ("off-nadir angle", "degree"),
    ("source frame", ""),
];

/// A frame to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MosaicFrame {
    /// Its number.
    pub id: FrameId,
    /// What it sees, in the mosaic's map.
    pub view: View,
}

/// A mosaic in the work folder: bands temperature (°C), off-nadir angle (°) and source frame.
#[derive(Debug, Clone)]
pub struct Mosaic {
    pub(super) layer: Layer,
    report: MosaicReport,
    offsets: FrameOffsets,
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
    /// Pixels that a second frame saw too; places out of which pixels were taken do not count here, nor in the two that follow.
    pub overlap_pixels: u64,
    /// Mean absolute difference in kelvin between the frame drawn and the next best there.
    pub overlap_disagreement: Option<f64>,
    /// Standard deviation in kelvin of what one frame reads more or less than its neighbours as a whole: drift and vignetting that
    /// are left in the map.
    pub frame_offset: Option<f64>,
    /// Pixels near a seam that mix two frames; this and all below describe the map as it was drawn.
    pub blended_pixels: u64,
    /// Pixels with a temperature where the surface model has no height, drawn on level 0.
    pub unknown_height_pixels: u64,
    /// Mean tangent of the off-nadir angle of the pixels with a temperature: metres by which something 1 m high is
    /// displaced on a map of flat ground.
    pub mean_tangent: f64,
}

impl Mosaic {
    /// What was drawn.
    #[must_use]
    pub fn report(&self) -> &MosaicReport {
        &self.report
    }

    /// Its raster.
    #[must_use]
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// Leaves pixels that were taken out, by column and row, out of the report; returns how many.
    pub(super) fn forget(&mut self, pixels: &[(usize, usize)]) -> u64 {
        for pixel in pixels {
            self.offsets.forget(*pixel);
        }
        let count = pixels.len() as u64;
        self.report.valid_pixels = self.report.valid_pixels.saturating_sub(count);
        (self.report.overlap_pixels, self.report.overlap_disagreement) =
            self.offsets.disagreement();
        self.report.frame_offset = self.offsets.spread();
        count
    }

    /// The pixel grid.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.layer.grid
    }
}

/// Draws `frames` over flat ground: see [`build_on`].
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
    build_on(&Surface::Flat, crs, frames, options, work, load)
}

/// Draws `frames` over `surface` into a working raster in the folder `work`.
///
/// `load` gives redacted temperatures in °C; `NAN` leaves a hole, which other frames fill.
///
/// # Errors
///
/// What `load` says, or [`TilesError`].
pub fn build_on<E>(
    surface: &Surface,
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
    let (grid, bounds) = Grid::over(crs, &frames, options, surface.range())?;
    let heights = median(frames.iter().map(|frame| frame.view.height().0));
    let seen = frames.into_iter().zip(bounds);
    let (frames, bounds): (Vec<MosaicFrame>, Vec<Bounds>) = seen
        .filter_map(|(frame, bounds)| Some((frame, bounds?)))
        .unzip();
    let scene = Scene {
        index: FootprintIndex::new(&grid, &bounds),
        grid,
        surface,
        options,
        frames,
        bounds,
    };
    let system = crs.spatial_ref().map_err(TilesError::from)?;
    let (file, output) = RasterFile::create(
        &work.join("mosaic.tif"),
        (grid.width, grid.height),
        BANDS.len(),
        BLOCK,
        Some((&grid.geo_transform(), &system)),
    )?;
    let cache = RasterCache::new(options.cache_bytes);
    let raster = |id| cache.get(id, || load(id));
    let feather = options.feather.map(|feather| feather.0 / heights);
    let mut totals = Totals::default();
    let batch = BLOCKS_PER_THREAD * rayon::current_num_threads();
    for row in (0..grid.height).step_by(BLOCK) {
        let columns: Vec<usize> = (0..grid.width).step_by(BLOCK).collect();
        for batch in columns.chunks(batch) {
            let blocks: Vec<Result<Option<Drawn>, E>> = batch
                .par_iter()
                .map(|&column| {
                    let block = scene.draw((column, row), &raster)?;
                    Ok(block.map(|block| Drawn::of(&block, feather)))
                })
                .collect();
            for block in blocks {
                let Some(block) = block? else { continue };
                totals.add(block.totals);
                for (number, samples) in (1..).zip(block.bands) {
                    output.write(number, block.origin, block.size, samples)?;
                }
            }
        }
    }
    output.close()?;
    let (report, offsets) = totals.report(&grid);
    let layer = Layer {
        name: "mosaic",
        grid,
        file,
        bands: BANDS,
    };
    Ok(Mosaic {
        layer,
        report,
        offsets,
    })
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
