//! The web pyramid as PNG tiles, encoded once for every form in which they are handed on.
//!
//! In: values at every zoom level and a ramp. Out: one working file of pictures in the order of PMTiles (zoom, then Hilbert
//! curve) and where each lies in it. Refuses: colouring what has no data.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use fearless_simd::{Level, dispatch};
use pmtiles::{TileCoord, TileId};
use rayon::prelude::*;

use super::error::IoContext;
use super::pyramid::TILE;
use super::{Pyramid, Ramp, TilesError};
use crate::georef::Bounds;
use crate::store;

/// Tiles encoded before they are written.
const BATCH: usize = 256;
/// Of DEFLATE.
const LEVEL: u8 = 4;

/// Every tile of a pyramid as a picture, in the work folder.
#[derive(Debug, Clone)]
pub struct EncodedTiles {
    path: PathBuf,
    /// In the order of the file.
    tiles: Vec<(TileCoord, u32)>,
    zooms: (u8, u8),
    geographic: Bounds,
}

impl EncodedTiles {
    /// Colours and encodes the tiles of `pyramid`, in parallel, into a file in the folder `work`.
    ///
    /// # Errors
    ///
    /// [`TilesError`] when a level cannot be read or the file not be written.
    pub fn encode(pyramid: &Pyramid, ramp: &Ramp, work: &Path) -> Result<Self, TilesError> {
        let path = work.join(format!("{}.tiles", pyramid.name()));
        let mut file = BufWriter::new(store::create_partial(&path)?);
        let mut written = Vec::with_capacity(pyramid.tiles());
        for level in &pyramid.levels {
            let mut tiles = Vec::with_capacity(level.tiles.len());
            for &(x, y) in &level.tiles {
                tiles.push(TileCoord::new(level.zoom, x, y)?);
            }
            tiles.sort_by_key(|&coord| TileId::from(coord));
            for batch in tiles.chunks(BATCH) {
                let encoded: Vec<Result<Vec<u8>, TilesError>> = batch
                    .par_iter()
                    .with_min_len(16)
                    .map_init(
                        || level.open(),
                        |source, coord| {
                            let tile = (coord.x(), coord.y());
                            let bands = match source {
                                Ok(source) => level.read(source, tile)?,
                                // The reason is lost to the other tiles of this thread: ask again for each.
                                Err(_) => level.read(&level.open()?, tile)?,
                            };
                            encode(&bands, ramp)
                        },
                    )
                    .collect();
                for (&coord, png) in batch.iter().zip(encoded) {
                    let png = png?;
                    file.write_all(&png).on("write tiles to", &path)?;
                    written.push((coord, u32::try_from(png.len()).unwrap_or(u32::MAX)));
                }
            }
        }
        file.flush().on("write tiles to", &path)?;
        Ok(Self {
            path,
            tiles: written,
            zooms: pyramid.zooms(),
            geographic: pyramid.geographic(),
        })
    }

    /// Coarsest and finest zoom level.
    #[must_use]
    pub fn zooms(&self) -> (u8, u8) {
        self.zooms
    }

    /// Edges of the map: longitudes as east and west, latitudes as north and south, degrees.
    #[must_use]
    pub fn geographic(&self) -> Bounds {
        self.geographic
    }

    /// Hands over every tile and its PNG, by zoom level, then along the Hilbert curve.
    ///
    /// # Errors
    ///
    /// [`TilesError::Io`] when the working file cannot be read, or what `take` says.
    pub fn each(
        &self,
        mut take: impl FnMut(TileCoord, &[u8]) -> Result<(), TilesError>,
    ) -> Result<(), TilesError> {
        let task = "read tiles back from";
        let mut file = BufReader::new(File::open(&self.path).on(task, &self.path)?);
        let mut png = Vec::new();
        for &(coord, bytes) in &self.tiles {
            png.resize(bytes as usize, 0);
            file.read_exact(&mut png).on(task, &self.path)?;
            take(coord, &png)?;
        }
        Ok(())
    }
}

/// A tile as PNG of one byte a pixel: of one band by its colour, of estimate, low and high by how sure it is; what has no data
/// is transparent.
fn encode(bands: &[Vec<f32>], ramp: &Ramp) -> Result<Vec<u8>, TilesError> {
    let (palette, pixels): (_, Vec<u8>) = match bands {
        [estimate, low, high] => {
            let values = estimate.iter().zip(low).zip(high);
            let pixels = (0..).zip(values).map(|(at, ((&estimate, &low), &high))| {
                ramp.uncertain_shade([estimate, low, high], (at % TILE, at / TILE))
            });
            (ramp.uncertain_palette(), pixels.collect())
        }
        bands => {
            let values = bands.first().map_or(&[][..], Vec::as_slice);
            let shades = || values.iter().map(|&value| ramp.shade(value)).collect();
            (ramp.palette(), dispatch!(Level::new(), _ => shades()))
        }
    };
    let side = u32::try_from(TILE).unwrap_or(u32::MAX);
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    let colours: Vec<u8> = palette
        .iter()
        .flat_map(|[r, g, b, _]| [*r, *g, *b])
        .collect();
    encoder.set_palette(colours);
    // Of the other shades nothing need be said: they are opaque.
    encoder.set_trns(vec![0]);
    // Neighbouring indices say little about each other: filters make such pictures larger.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_deflate_compression(png::DeflateCompression::Level(LEVEL));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(picture)
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
