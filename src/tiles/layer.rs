//! Rasters on a map's grid: the mosaic itself, and what is worked out from it pixel by pixel.
//!
//! In: a mosaic and what to make of a pixel. Out: another raster in the work folder. Refuses: pixels without data.

use std::path::Path;

use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use rayon::prelude::*;

use super::error::GdalContext;
use super::mosaic::{BLOCK, BLOCKS_PER_THREAD};
use super::raster_file::{OpenRaster, RasterFile};
use super::{Grid, Mosaic, TilesError};
use crate::complaints::strictly;
use crate::frame::FrameId;
use crate::georef::Bounds;
use crate::units::Degrees;

/// Name and unit of a band.
pub type Band = (&'static str, &'static str);

/// A raster in the work folder.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Of its files.
    pub(super) name: &'static str,
    pub(super) grid: Grid,
    pub(super) file: RasterFile,
    pub(super) bands: &'static [Band],
}

impl Layer {
    /// Name and unit of each band.
    #[must_use]
    pub fn bands(&self) -> &'static [Band] {
        self.bands
    }
}

/// What a mosaic shows in one pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MosaicPixel {
    /// Apparent temperature, °C.
    pub celsius: f32,
    /// How far from straight down it was seen.
    pub off_nadir: Degrees,
    /// By which frame.
    pub frame: FrameId,
    /// Metres east and north of its middle.
    pub place: (f64, f64),
    /// Its number in the block, row by row.
    pub index: usize,
}

/// A rectangle of a map that is worked on at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapBlock {
    /// Column and row of its first pixel.
    pub origin: (usize, usize),
    /// Columns and rows.
    pub size: (usize, usize),
    /// The middles of its outermost pixels.
    pub area: Bounds,
}

/// Pixels of a window that are to hold no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Column and row of its first pixel.
    pub origin: (usize, usize),
    /// Columns and rows.
    pub size: (usize, usize),
    /// Which, row by row.
    pub pixels: Vec<bool>,
}

/// A mosaic's temperatures, open on one thread.
#[derive(Debug)]
pub struct MosaicReader(OpenRaster);

impl MosaicReader {
    /// Temperatures of a window, °C, row by row; `NAN` without data.
    ///
    /// # Errors
    ///
    /// [`TilesError::GdalFile`].
    pub fn celsius(
        &self,
        (column, row): (usize, usize),
        size: (usize, usize),
    ) -> Result<Vec<f32>, TilesError> {
        self.0.read(1, (signed(column), signed(row)), size)
    }

    /// The frames that drew a window, row by row; `None` without data.
    ///
    /// # Errors
    ///
    /// [`TilesError::GdalFile`].
    pub fn frames(
        &self,
        (column, row): (usize, usize),
        size: (usize, usize),
    ) -> Result<Vec<Option<FrameId>>, TilesError> {
        let numbers = self.0.read(3, (signed(column), signed(row)), size)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole numbers below 2^24, as they were written"
        )]
        let frame = |number: f32| number.is_finite().then_some(FrameId(number as u32));
        Ok(numbers.into_iter().map(frame).collect())
    }
}

impl Mosaic {
    /// Opens its temperatures.
    ///
    /// # Errors
    ///
    /// [`TilesError::GdalFile`].
    pub fn reader(&self) -> Result<MosaicReader, TilesError> {
        Ok(MosaicReader(self.layer.file.open()?))
    }

    /// Takes pixels out of the map, in all bands, before anything is made from it; returns how many had data.
    ///
    /// # Errors
    ///
    /// [`TilesError::GdalFile`].
    pub fn erase(&mut self, windows: impl Iterator<Item = Erased>) -> Result<u64, TilesError> {
        let task = "take pixels out of";
        let options = DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_UPDATE,
            ..DatasetOptions::default()
        };
        let path = self.layer.file.path();
        let file = strictly(|| Dataset::open_ex(path, options)).task(task, path)?;
        let file = OpenRaster::to_write(file, path);
        let mut taken = Vec::new();
        for window in windows {
            let (column, row) = window.origin;
            for band in 1..=self.layer.bands.len() {
                let mut samples = file.read(band, (signed(column), signed(row)), window.size)?;
                for (at, (sample, hide)) in samples.iter_mut().zip(&window.pixels).enumerate() {
                    if !*hide {
                        continue;
                    }
                    if band == 1 && sample.is_finite() {
                        taken.push((column + at % window.size.0, row + at / window.size.0));
                    }
                    *sample = f32::NAN;
                }
                file.write(band, window.origin, window.size, samples)?;
            }
        }
        file.close()?;
        Ok(self.forget(&taken))
    }

    /// Another raster on the same grid, made from every pixel with data, in the folder `work`. `name` is that of its working
    /// files; `prepare` gives what the pixels of a block need in common.
    ///
    /// # Errors
    ///
    /// What `prepare` says, or [`TilesError::GdalFile`].
    pub fn derive<const N: usize, B>(
        &self,
        name: &'static str,
        bands: &'static [Band; N],
        work: &Path,
        prepare: impl Fn(MapBlock) -> Result<B, TilesError> + Sync,
        make: impl Fn(&B, MosaicPixel) -> [f32; N] + Sync,
    ) -> Result<Layer, TilesError> {
        let grid = *self.grid();
        let system = grid.crs.spatial_ref()?;
        let place = (&grid.geo_transform(), &system);
        let path = work.join(format!("{name}.tif"));
        let size = (grid.width, grid.height);
        let (file, output) = RasterFile::create(&path, size, N, BLOCK, Some(place))?;
        let batch = BLOCKS_PER_THREAD * rayon::current_num_threads();
        let columns: Vec<usize> = (0..grid.width).step_by(BLOCK).collect();
        for row in (0..grid.height).step_by(BLOCK) {
            for batch in columns.chunks(batch) {
                let blocks: Vec<Result<Option<[Vec<f32>; N]>, TilesError>> = batch
                    .par_iter()
                    .map(|&column| self.make_block((column, row), &prepare, &make))
                    .collect();
                for (&column, block) in batch.iter().zip(blocks) {
                    let Some(block) = block? else { continue };
                    for (band, samples) in (1..).zip(block) {
                        output.write(
                            band,
                            (column, row),
                            self.block_size((column, row)),
                            samples,
                        )?;
                    }
                }
            }
        }
        output.close()?;
        Ok(Layer {
            name,
            grid,
            file,
            bands,
        })
    }

    fn block_size(&self, (column, row): (usize, usize)) -> (usize, usize) {
        let grid = self.grid();
        (BLOCK.min(grid.width - column), BLOCK.min(grid.height - row))
    }

    /// One block; `None` without data.
    fn make_block<const N: usize, B>(
        &self,
        (column, row): (usize, usize),
        prepare: &(impl Fn(MapBlock) -> Result<B, TilesError> + Sync),
        make: &(impl Fn(&B, MosaicPixel) -> [f32; N] + Sync),
    ) -> Result<Option<[Vec<f32>; N]>, TilesError> {
        let source = self.layer.file.open()?;
        let size = self.block_size((column, row));
        let read = |band| source.read(band, (signed(column), signed(row)), size);
        let celsius = read(1)?;
        if celsius.iter().all(|celsius| celsius.is_nan()) {
            return Ok(None);
        }
        let (angles, frames) = (read(2)?, read(3)?);
        let grid = self.grid();
        let (west, north) = grid.centre(column, row);
        let (east, south) = grid.centre(column + size.0 - 1, row + size.1 - 1);
        let block = prepare(MapBlock {
            origin: (column, row),
            size,
            area: Bounds {
                west,
                south,
                east,
                north,
            },
        })?;
        let mut values: [Vec<f32>; N] = std::array::from_fn(|_| Vec::with_capacity(celsius.len()));
        let pixels = celsius.iter().zip(&angles).zip(&frames);
        for (index, ((&celsius, &angle), &frame)) in pixels.enumerate() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the band holds frame numbers; `as` saturates"
            )]
            let pixel = MosaicPixel {
                celsius,
                off_nadir: Degrees(f64::from(angle)),
                frame: FrameId(frame as u32),
                place: grid.centre(column + index % size.0, row + index / size.0),
                index,
            };
            let found = if celsius.is_finite() {
                make(&block, pixel)
            } else {
                [f32::NAN; N]
            };
            for (band, value) in values.iter_mut().zip(found) {
                band.push(value);
            }
        }
        Ok(Some(values))
    }
}

fn signed(pixels: usize) -> i64 {
    i64::try_from(pixels).unwrap_or(i64::MAX)
}
