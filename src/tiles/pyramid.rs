//! The mosaic on the web's tile grid, at every zoom level, as temperatures.
//!
//! In: a working mosaic. Out: one working raster a zoom level (`WebMercatorQuad`, tiles of 256 px, y down) and the
//! list of tiles with data. Refuses: to average colours; a coarser level is the mean of the temperatures
//! below it that exist.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use super::raster_file::{OpenRaster, RasterFile};
use super::{Grid, Layer, Mosaic, TilesError};
use crate::georef::{Bounds, WebMercator};
use crate::raster::Raster;

/// Side of a tile.
pub(super) const TILE: usize = 256;
const TILE_F: f64 = 256.0;
/// Half the side of the Web Mercator square in metres: pi times the WGS 84 equatorial radius (EPSG:3857).
const HALF_WORLD: f64 = std::f64::consts::PI * 6_378_137.0;
/// Zoom levels beyond this one hold no more than the camera saw.
const MAX_ZOOM: u8 = 22;
/// Coarsest level, unless the map is too large for two by two tiles there.
const MIN_ZOOM: u8 = 12;
/// Spacing in pixels of the points that PROJ transforms; between them coordinates are straight to micrometres.
const CONTROL: usize = 32;
/// Tiles made at a time.
const BATCH: usize = 64;

/// All zoom levels of a map.
#[derive(Debug, Clone)]
pub struct Pyramid {
    /// From the coarsest to the finest.
    pub(super) levels: Vec<Level>,
    /// Longitudes and latitudes of the map's edges.
    pub(super) geographic: Bounds,
}

/// A tile's samples, band by band.
type Bands = Vec<Vec<f32>>;

/// One zoom level.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) zoom: u8,
    /// Tile in the raster's top left corner.
    origin: (u32, u32),
    /// Columns and rows of tiles.
    size: (u32, u32),
    /// Tiles (x, y) with data.
    pub(super) tiles: BTreeSet<(u32, u32)>,
    file: RasterFile,
    /// Of its file.
    name: &'static str,
    bands: usize,
}

impl Pyramid {
    /// The mosaic's temperatures: see [`Pyramid::of`].
    ///
    /// # Errors
    ///
    /// As [`Pyramid::of`].
    pub fn build(mosaic: &Mosaic, work: &Path) -> Result<Self, TilesError> {
        Self::of(mosaic.layer(), 1, work)
    }

    /// Resamples the first `bands` of a raster (nearest pixel) to the finest zoom level and halves them from there, in the folder
    /// `work`.
    ///
    /// # Errors
    ///
    /// [`TilesError`] when a working raster cannot be written or a coordinate not projected.
    pub fn of(layer: &Layer, bands: usize, work: &Path) -> Result<Self, TilesError> {
        let (web, geographic) = extents(&layer.grid)?;
        let latitude = f64::midpoint(geographic.south, geographic.north);
        let max_zoom = finest_zoom(layer.grid.resolution, latitude);
        let base = Level::base(layer, bands, max_zoom, web, work)?;
        let mut levels = vec![base];
        while let Some(child) = levels.last() {
            let fits = child.size.0 <= 2 && child.size.1 <= 2;
            if child.zoom == 0 || (child.zoom <= MIN_ZOOM && fits) {
                break;
            }
            let parent = child.parent(work)?;
            levels.push(parent);
        }
        levels.reverse();
        Ok(Self { levels, geographic })
    }

    /// A pyramid without tiles.
    #[cfg(test)]
    pub(super) fn empty(geographic: Bounds) -> Self {
        Self {
            levels: Vec::new(),
            geographic,
        }
    }

    /// Coarsest and finest zoom level.
    #[must_use]
    pub fn zooms(&self) -> (u8, u8) {
        let zoom = |level: Option<&Level>| level.map_or(0, |level| level.zoom);
        (zoom(self.levels.first()), zoom(self.levels.last()))
    }

    /// Edges of the map: longitudes as east and west, latitudes as north and south, degrees.
    #[must_use]
    pub fn geographic(&self) -> Bounds {
        self.geographic
    }

    /// Of its working files.
    pub(super) fn name(&self) -> &'static str {
        self.levels.first().map_or("empty", |level| level.name)
    }

    /// Tiles with data, over all zoom levels.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.levels.iter().map(|level| level.tiles.len()).sum()
    }
}

/// The finest useful zoom level: the first whose pixels are no larger on the ground than the mosaic's.
fn finest_zoom(resolution: f64, latitude: f64) -> u8 {
    let at_zero = 2.0 * HALF_WORLD / TILE_F * latitude.to_radians().cos();
    (0..MAX_ZOOM)
        .find(|&zoom| at_zero / f64::from(1_u32 << zoom) <= resolution)
        .unwrap_or(MAX_ZOOM)
}

/// The grid's extent in EPSG:3857 and in degrees, from points along its edges.
fn extents(grid: &Grid) -> Result<(Bounds, Bounds), TilesError> {
    let (web, geographic) = (grid.crs.web_mercator()?, grid.crs.projector()?);
    let Bounds {
        west,
        south,
        east,
        north,
    } = grid.bounds();
    let mut on_web = Vec::new();
    let mut on_globe = Vec::new();
    for step in 0..=16_u8 {
        let share = f64::from(step) / 16.0;
        let (x, y) = (
            west + share * (east - west),
            south + share * (north - south),
        );
        for (x, y) in [(x, south), (x, north), (west, y), (east, y)] {
            on_web.push(web.to_web(x, y)?);
            on_globe.push(geographic.to_geographic(x, y)?);
        }
    }
    Bounds::around(&on_web)
        .zip(Bounds::around(&on_globe))
        .ok_or(TilesError::NothingSeen { max_off_nadir: 0.0 })
}

/// Metres of a tile's side in EPSG:3857.
fn tile_side(zoom: u8) -> f64 {
    2.0 * HALF_WORLD / f64::from(1_u32 << zoom)
}

impl Level {
    /// An empty level over the tiles `first..=last`.
    fn create(
        (name, bands): (&'static str, usize),
        zoom: u8,
        first: (u32, u32),
        last: (u32, u32),
        work: &Path,
    ) -> Result<(Self, OpenRaster), TilesError> {
        let size = (last.0 - first.0 + 1, last.1 - first.1 + 1);
        let pixels = (size.0 as usize * TILE, size.1 as usize * TILE);
        let path = work.join(format!("{name}-zoom-{zoom:02}.tif"));
        let (file, output) = RasterFile::create(&path, pixels, bands, TILE, None)?;
        let level = Self {
            zoom,
            origin: first,
            size,
            tiles: BTreeSet::new(),
            file,
            name,
            bands,
        };
        Ok((level, output))
    }

    /// The finest level: the raster's nearest pixel at the centre of each tile pixel.
    fn base(
        layer: &Layer,
        bands: usize,
        zoom: u8,
        web: Bounds,
        work: &Path,
    ) -> Result<Self, TilesError> {
        let side = tile_side(zoom);
        let last = (1_u32 << zoom) - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; clamped to the level"
        )]
        let index = |metres: f64| ((metres / side).floor() as u32).min(last);
        let first = (index(web.west + HALF_WORLD), index(HALF_WORLD - web.north));
        let end = (index(web.east + HALF_WORLD), index(HALF_WORLD - web.south));
        let (mut level, output) = Self::create((layer.name, bands), zoom, first, end, work)?;
        let open = || -> Result<(OpenRaster, WebMercator), TilesError> {
            Ok((layer.file.open()?, layer.grid.crs.web_mercator()?))
        };
        level.fill(&output, open, |(source, projection), tile| {
            sample_tile((&layer.grid, bands), source, projection, zoom, tile)
        })?;
        output.close()?;
        Ok(level)
    }

    /// The level above: each pixel the mean of the up to four below it that have data.
    fn parent(&self, work: &Path) -> Result<Self, TilesError> {
        let last = (
            self.origin.0 + self.size.0 - 1,
            self.origin.1 + self.size.1 - 1,
        );
        let (mut level, output) = Self::create(
            (self.name, self.bands),
            self.zoom - 1,
            (self.origin.0 / 2, self.origin.1 / 2),
            (last.0 / 2, last.1 / 2),
            work,
        )?;
        level.fill(
            &output,
            || self.file.open(),
            |source, (x, y)| {
                let at = self.pixel(2 * x, 2 * y);
                let halve = |band| {
                    let below = source.read(band, at, (2 * TILE, 2 * TILE))?;
                    let below = Raster::new(2 * TILE, 2 * TILE, below)?;
                    Ok(below.halved().into_samples())
                };
                (1..=self.bands).map(halve).collect()
            },
        )?;
        output.close()?;
        Ok(level)
    }

    /// Makes all tiles in parallel and writes those with data in order.
    fn fill<S>(
        &mut self,
        output: &OpenRaster,
        open: impl Fn() -> Result<S, TilesError> + Sync,
        make: impl Fn(&S, (u32, u32)) -> Result<Bands, TilesError> + Sync,
    ) -> Result<(), TilesError> {
        for row in 0..self.size.1 {
            let all: Vec<u32> = (0..self.size.0).collect();
            for batch in all.chunks(BATCH) {
                let drawn: Vec<Result<Bands, TilesError>> = batch
                    .par_iter()
                    .with_min_len(8)
                    .map_init(&open, |source, &column| match source {
                        Ok(source) => make(source, (self.origin.0 + column, self.origin.1 + row)),
                        // The reason is lost to the other tiles of this thread: ask again for each.
                        Err(_) => make(&open()?, (self.origin.0 + column, self.origin.1 + row)),
                    })
                    .collect();
                for (&column, tile) in batch.iter().zip(drawn) {
                    let tile = tile?;
                    if tile.iter().flatten().all(|value| value.is_nan()) {
                        continue;
                    }
                    let at = (column as usize * TILE, row as usize * TILE);
                    for (band, samples) in (1..).zip(tile) {
                        output.write(band, at, (TILE, TILE), samples)?;
                    }
                    self.tiles
                        .insert((self.origin.0 + column, self.origin.1 + row));
                }
            }
        }
        Ok(())
    }

    /// Column and row in the raster of a tile's top left pixel; negative left of or above the raster.
    fn pixel(&self, x: u32, y: u32) -> (i64, i64) {
        let side = i64::try_from(TILE).unwrap_or(i64::MAX);
        (
            (i64::from(x) - i64::from(self.origin.0)) * side,
            (i64::from(y) - i64::from(self.origin.1)) * side,
        )
    }

    /// Opens the level for [`Level::read`].
    pub(super) fn open(&self) -> Result<OpenRaster, TilesError> {
        self.file.open()
    }

    /// The bands of a tile.
    pub(super) fn read(
        &self,
        source: &OpenRaster,
        (x, y): (u32, u32),
    ) -> Result<Bands, TilesError> {
        let read = |band| source.read(band, self.pixel(x, y), (TILE, TILE));
        (1..=self.bands).map(read).collect()
    }
}

/// Places in continuous pixels of the raster at the corners of a tile's control cells, row by row.
type Controls = Vec<(f64, f64)>;
/// Control cells along a side of a tile.
const CELLS: usize = TILE / CONTROL;

/// The raster's values at the pixel centres of a tile.
fn sample_tile(
    (grid, bands): (&Grid, usize),
    source: &OpenRaster,
    projection: &WebMercator,
    zoom: u8,
    tile: (u32, u32),
) -> Result<Bands, TilesError> {
    let mut values = vec![vec![f32::NAN; TILE * TILE]; bands];
    let controls = controls(grid, projection, zoom, tile)?;
    let Some(area) = Bounds::around(&controls) else {
        return Ok(values);
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers; `as` saturates"
    )]
    let (origin, size) = (
        (area.west.floor() as i64, area.south.floor() as i64),
        (
            (area.east.floor() - area.west.floor()) as usize + 1,
            (area.north.floor() - area.south.floor()) as usize + 1,
        ),
    );
    // Tiles are a few hundred pixels wide where zoom level and resolution match, as they do here.
    if size.0 > 4096 || size.1 > 4096 {
        return Ok(values);
    }
    let read = |band| source.read(band, origin, size);
    let pixels: Bands = (1..=bands).map(read).collect::<Result<_, _>>()?;
    for row in 0..TILE {
        let cells =
            (0..CELLS).map(|cell| (cell * CONTROL, corners(&controls, cell, row / CONTROL)));
        for (first, corners) in cells {
            for column in first..first + CONTROL {
                let (east, south) = between(&corners, column, row);
                let (u, v) = (floor(east) - origin.0, floor(south) - origin.1);
                let inside = usize::try_from(u).ok().zip(usize::try_from(v).ok());
                let Some((u, v)) = inside.filter(|&(u, _)| u < size.0) else {
                    continue;
                };
                for (target, pixels) in values.iter_mut().zip(&pixels) {
                    if let (Some(target), Some(&value)) = (
                        target.get_mut(row * TILE + column),
                        pixels.get(v * size.0 + u),
                    ) {
                        *target = value;
                    }
                }
            }
        }
    }
    Ok(values)
}

/// Asks PROJ for the corners of a tile's control cells.
fn controls(
    grid: &Grid,
    projection: &WebMercator,
    zoom: u8,
    (x, y): (u32, u32),
) -> Result<Controls, TilesError> {
    let side = tile_side(zoom);
    #[expect(clippy::cast_precision_loss, reason = "at most 8 cells")]
    let step = |cell: usize| cell as f64 * side / CELLS as f64;
    let (left, top) = (
        f64::from(x) * side - HALF_WORLD,
        HALF_WORLD - f64::from(y) * side,
    );
    let corner = |at: usize| {
        let (column, row) = (at % (CELLS + 1), at / (CELLS + 1));
        let (east, north) = projection.to_map(left + step(column), top - step(row))?;
        Ok((
            (east - grid.west) / grid.resolution,
            (grid.north - north) / grid.resolution,
        ))
    };
    (0..(CELLS + 1) * (CELLS + 1)).map(corner).collect()
}

/// The four corners of a control cell; `NAN` where there are none.
fn corners(controls: &Controls, column: usize, row: usize) -> [(f64, f64); 4] {
    let first = row * (CELLS + 1) + column;
    [first, first + 1, first + CELLS + 1, first + CELLS + 2].map(|corner| {
        let known = controls.get(corner).copied();
        known.unwrap_or((f64::NAN, f64::NAN))
    })
}

/// Where the centre of a tile's pixel lies, between the corners of its control cell.
fn between(corners: &[(f64, f64); 4], column: usize, row: usize) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "less than a cell")]
    let share = |at: usize| ((at % CONTROL) as f64 + 0.5) / CONTROL as f64;
    let (p, q) = (share(column), share(row));
    let weights = [(1.0 - p) * (1.0 - q), p * (1.0 - q), (1.0 - p) * q, p * q];
    corners
        .iter()
        .zip(weights)
        .fold((0.0, 0.0), |sum, (&(east, south), weight)| {
            (sum.0 + east * weight, sum.1 + south * weight)
        })
}

/// The whole number below, without asking the C library, as `f64::floor` does where the processor is taken to be an old one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "pixels of a map fit 52 bits; `as` saturates"
)]
fn floor(value: f64) -> i64 {
    let whole = value as i64;
    whole.saturating_sub(i64::from(whole as f64 > value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finest_zoom_follows_the_resolution() {
        // DOMAIN section 3, at the latitude of its example.
        for (resolution, zoom) in [
            (0.046, 21),
            (0.08, 21),
            (0.091, 20),
            (0.16, 20),
            (0.001, 22),
        ] {
            assert_eq!(finest_zoom(resolution, 52.66), zoom, "{resolution}");
        }
    }
}
