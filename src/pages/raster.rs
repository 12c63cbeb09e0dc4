//! A published raster, read window by window.

use std::path::{Path, PathBuf};

use gdal::Dataset;

use super::PagesError;
use crate::georef::Bounds;
use crate::tiles;

/// An open raster.
pub(super) struct MapRaster {
    path: PathBuf,
    dataset: Dataset,
    west: f64,
    north: f64,
    /// Metres.
    pixel: f64,
    size: (usize, usize),
}

/// Pixels of a part of the map.
pub(super) struct Crop {
    /// Metres east and north of its north-western corner.
    corner: (f64, f64),
    /// Metres of a pixel's side.
    pub(super) pixel: f64,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Row by row, one a band.
    pub(super) bands: Vec<Vec<f32>>,
}

impl Crop {
    /// Column and row of a place in the map.
    pub(super) fn place(&self, (east, north): (f64, f64)) -> (f64, f64) {
        (
            (east - self.corner.0) / self.pixel,
            (self.corner.1 - north) / self.pixel,
        )
    }
}

impl MapRaster {
    pub(super) fn open(path: &Path) -> Result<Self, PagesError> {
        let failed = |source| PagesError::Gdal {
            path: path.to_path_buf(),
            source,
        };
        let dataset = tiles::open_raster(path).map_err(failed)?;
        let [west, pixel, _, north, ..] = dataset.geo_transform().map_err(failed)?;
        let size = dataset.raster_size();
        Ok(Self {
            path: path.to_path_buf(),
            dataset,
            west,
            north,
            pixel,
            size,
        })
    }

    /// The ground of the whole map.
    #[expect(clippy::cast_precision_loss, reason = "columns and rows fit 31 bits")]
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            west: self.west,
            south: self.north - self.size.1 as f64 * self.pixel,
            east: self.west + self.size.0 as f64 * self.pixel,
            north: self.north,
        }
    }

    /// The first `bands` of what lies in `area`, with at most `most` pixels a side; `None` beside the map.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the map: not negative, and columns and rows fit 31 bits"
    )]
    pub(super) fn crop(
        &self,
        area: Bounds,
        bands: usize,
        most: usize,
    ) -> Result<Option<Crop>, PagesError> {
        let Some(area) = area.intersection(self.bounds()) else {
            return Ok(None);
        };
        let index = |metres: f64| (metres / self.pixel) as usize;
        let (x0, y0) = (index(area.west - self.west), index(self.north - area.north));
        let end = |metres: f64, most: usize| ((metres / self.pixel).ceil() as usize).min(most);
        let (x1, y1) = (
            end(area.east - self.west, self.size.0),
            end(self.north - area.south, self.size.1),
        );
        let window = (x1.saturating_sub(x0), y1.saturating_sub(y0));
        if window.0 == 0 || window.1 == 0 {
            return Ok(None);
        }
        let coarser = (window.0.max(window.1) as f64 / most as f64).max(1.0);
        let shrink = |count: usize| ((count as f64 / coarser).round() as usize).max(1);
        let (width, height) = (shrink(window.0), shrink(window.1));
        let read = |band: usize| {
            tiles::read_raster(&self.dataset, band, (x0, y0), window, (width, height))
        };
        let bands = (1..=bands)
            .map(read)
            .collect::<gdal::errors::Result<Vec<_>>>();
        let bands = bands.map_err(|source| PagesError::Gdal {
            path: self.path.clone(),
            source,
        })?;
        Ok(Some(Crop {
            corner: (
                self.west + x0 as f64 * self.pixel,
                self.north - y0 as f64 * self.pixel,
            ),
            pixel: self.pixel * window.0 as f64 / width as f64,
            width,
            height,
            bands,
        }))
    }
}
