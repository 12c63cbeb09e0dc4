//! The web pyramid in one PMTiles file.
//!
//! In: temperatures at every zoom level and a ramp. Out: PNG tiles, written in the archive's own order (zoom, then
//! Hilbert curve), so that it is clustered. Refuses: colouring what has no data.

use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use pmtiles::{PmTilesWriter, TileCoord, TileId, TileType};
use rayon::prelude::*;

use super::pyramid::TILE;
use super::{Pyramid, Ramp, TileJson, TilesError};
use crate::store::{self, FileArtifact, sealed};

/// Tiles encoded before they are written.
const BATCH: usize = 256;

/// A pyramid and its colours, to be written as PMTiles.
#[derive(Debug, Clone, Copy)]
pub struct WebTiles<'a> {
    /// Temperatures.
    pub pyramid: &'a Pyramid,
    /// Colours.
    pub ramp: &'a Ramp,
    /// What the archive says about itself.
    pub description: &'a TileJson,
}

impl sealed::Sealed for WebTiles<'_> {}

impl FileArtifact for WebTiles<'_> {
    type Error = TilesError;

    fn write(&self, partial: &Path) -> Result<(), TilesError> {
        let (min_zoom, max_zoom) = self.pyramid.zooms();
        let edges = self.pyramid.geographic();
        let mut archive = PmTilesWriter::new(TileType::Png)
            .min_zoom(min_zoom)
            .max_zoom(max_zoom)
            .bounds(edges.west, edges.south, edges.east, edges.north)
            .center(
                f64::midpoint(edges.west, edges.east),
                f64::midpoint(edges.south, edges.north),
            )
            .center_zoom(self.description.center_zoom())
            .metadata(self.description.metadata())
            .create(store::create_partial(partial)?)?;
        for level in &self.pyramid.levels {
            let mut tiles = Vec::with_capacity(level.tiles.len());
            for &(x, y) in &level.tiles {
                tiles.push((TileCoord::new(level.zoom, x, y)?, (x, y)));
            }
            tiles.sort_by_key(|&(coord, _)| TileId::from(coord));
            for batch in tiles.chunks(BATCH) {
                let encoded: Vec<Result<Vec<u8>, TilesError>> = batch
                    .par_iter()
                    .with_min_len(16)
                    .map_init(
                        || level.open(),
                        |source, &(_, tile)| {
                            let celsius = match source {
                                Ok(source) => level.read(source, tile)?,
                                Err(_) => level.read(&level.open()?, tile)?,
                            };
                            encode(&celsius, self.ramp)
                        },
                    )
                    .collect();
                for (&(coord, _), png) in batch.iter().zip(encoded) {
                    archive.add_tile(coord, &png?)?;
                }
            }
        }
        Ok(archive.finalize().map(drop)?)
    }
}

/// A tile as PNG, of one band by its colour, of estimate, low and high by [`Ramp::uncertain`]; what has no data is transparent.
fn encode(bands: &[Vec<f32>], ramp: &Ramp) -> Result<Vec<u8>, TilesError> {
    let pixels: Vec<u8> = match bands {
        [estimate, low, high] => (0..)
            .zip(estimate.iter().zip(low).zip(high))
            .flat_map(|(at, ((&estimate, &low), &high))| {
                ramp.uncertain([estimate, low, high], (at % TILE, at / TILE))
            })
            .collect(),
        bands => bands
            .iter()
            .take(1)
            .flatten()
            .flat_map(|&value| ramp.colour(value))
            .collect(),
    };
    let mut png = Vec::new();
    let side = u32::try_from(TILE).unwrap_or(u32::MAX);
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(&pixels, side, side, ExtendedColorType::Rgba8)?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_shows_only_what_has_data() {
        let mut celsius = vec![f32::NAN; TILE * TILE];
        celsius[5] = 3.0;
        let ramp = Ramp::default();
        let png = encode(&[celsius], &ramp).unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_rgba8();
        assert_eq!(picture.dimensions(), (256, 256));
        assert_eq!(picture.get_pixel(5, 0).0, ramp.colour(3.0));
        assert_eq!(picture.pixels().filter(|pixel| pixel.0[3] > 0).count(), 1);
    }
}
