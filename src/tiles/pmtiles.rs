//! The web pyramid in one PMTiles file.
//!
//! In: encoded tiles. Out: an archive in its own order (zoom, then Hilbert curve), so that it is clustered. Refuses: nothing.

use std::path::Path;

use pmtiles::{PmTilesWriter, TileType};

use super::{EncodedTiles, TileJson, TilesError};
use crate::store::{self, FileArtifact, sealed};

/// Encoded tiles, to be written as PMTiles.
#[derive(Debug, Clone, Copy)]
pub struct PmTiles<'a> {
    /// The tiles.
    pub tiles: &'a EncodedTiles,
    /// What the archive says about itself.
    pub description: &'a TileJson,
}

impl sealed::Sealed for PmTiles<'_> {}

impl FileArtifact for PmTiles<'_> {
    type Error = TilesError;

    fn write(&self, partial: &Path) -> Result<(), TilesError> {
        let (min_zoom, max_zoom) = self.tiles.zooms();
        let edges = self.tiles.geographic();
        let mut archive = PmTilesWriter::new(TileType::Png)
            .min_zoom(min_zoom)
            .max_zoom(max_zoom)
            .bounds(edges.west, edges.south, edges.east, edges.north)
            .center(
                f64::midpoint(edges.west, edges.east),
                f64::midpoint(edges.south, edges.north),
            )
            .center_zoom(self.description.center_zoom())
            .metadata(self.description.metadata().to_string())
            .create(store::create_named(partial)?)?;
        self.tiles
            .each(|coord, png| Ok(archive.add_tile(coord, png)?))?;
        Ok(archive.finalize().map(drop)?)
    }
}
