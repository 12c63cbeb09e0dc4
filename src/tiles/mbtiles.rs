//! The web pyramid in one MBTiles file (specification 1.3), for GIS programs and tile servers that do not read PMTiles.
//!
//! In: encoded tiles. Out: an SQLite database of the same pictures, rows counted from the south. Refuses: nothing.
//!
//! Written through GDAL's SQLite driver: its `MBTiles` driver would resample a raster instead of taking the tiles.

use std::fmt::Write as _;
use std::path::Path;

use gdal::errors::Result;
use gdal::raster::RasterCreationOptions;
use gdal::vector::sql::Dialect;
use gdal::{Dataset, DriverManager};

use super::error::GdalContext;
use super::{EncodedTiles, TileJson, TilesError};
use crate::hex;
use crate::store::{FileArtifact, sealed, without_journal};

/// Tiles in one transaction.
const BATCH: usize = 1024;
const SCHEMA: [&str; 4] = [
    // "MPBX", by which `file` and SQLite know the format.
    "PRAGMA application_id = 1297105496",
    "CREATE TABLE metadata (name TEXT NOT NULL PRIMARY KEY, value TEXT)",
    "CREATE TABLE tiles (zoom_level INTEGER NOT NULL, tile_column INTEGER NOT NULL, tile_row INTEGER NOT NULL, tile_data BLOB NOT NULL)",
    "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)",
];

/// Encoded tiles, to be written as MBTiles.
#[derive(Debug, Clone, Copy)]
pub struct MbTiles<'a> {
    /// The tiles.
    pub tiles: &'a EncodedTiles,
    /// What the archive says about itself.
    pub description: &'a TileJson,
}

impl sealed::Sealed for MbTiles<'_> {}

impl FileArtifact for MbTiles<'_> {
    type Error = TilesError;

    fn write(&self, partial: &Path) -> std::result::Result<(), TilesError> {
        let task = "write";
        let mut dataset = create(partial).task(task, partial)?;
        self.describe(&mut dataset).task(task, partial)?;
        let (mut statement, mut pending) = (String::new(), 0);
        execute(&dataset, "BEGIN").task(task, partial)?;
        self.tiles.each(|coord, png| {
            let (zoom, column) = (coord.z(), coord.x());
            let row = ((1_u32 << zoom) - 1) - coord.y();
            statement.clear();
            // Writing to a String cannot fail.
            let _ = write!(
                statement,
                "INSERT INTO tiles VALUES ({zoom},{column},{row},x'{}')",
                hex::encode(png)
            );
            execute(&dataset, &statement).task(task, partial)?;
            pending += 1;
            if pending % BATCH == 0 {
                execute(&dataset, "COMMIT").task(task, partial)?;
                execute(&dataset, "BEGIN").task(task, partial)?;
            }
            Ok(())
        })?;
        execute(&dataset, "COMMIT").task(task, partial)?;
        dataset.close().task(task, partial)
    }
}

impl MbTiles<'_> {
    /// The table `metadata`.
    fn describe(&self, dataset: &mut Dataset) -> Result<()> {
        let (min_zoom, max_zoom) = self.tiles.zooms();
        let edges = self.tiles.geographic();
        let centre = (
            f64::midpoint(edges.west, edges.east),
            f64::midpoint(edges.south, edges.north),
        );
        let place = [
            ("format", "png".to_owned()),
            (
                "bounds",
                format!(
                    "{},{},{},{}",
                    edges.west, edges.south, edges.east, edges.north
                ),
            ),
            (
                "center",
                format!(
                    "{},{},{}",
                    centre.0,
                    centre.1,
                    self.description.center_zoom()
                ),
            ),
            ("minzoom", min_zoom.to_string()),
            ("maxzoom", max_zoom.to_string()),
        ];
        let described = self.description.metadata();
        let described = described.as_object().into_iter().flatten();
        let described = described.map(|(name, value)| {
            // Legends are JSON within the text, as the specification's own `json` field is.
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.as_str(), text)
        });
        for (name, value) in place.into_iter().chain(described) {
            let row = format!(
                "INSERT INTO metadata VALUES ('{}','{}')",
                quoted(name),
                quoted(&value)
            );
            execute(dataset, &row)?;
        }
        Ok(())
    }
}

/// An empty database with the tables of the specification and none of GDAL's own.
fn create(partial: &Path) -> Result<Dataset> {
    let driver = DriverManager::get_driver_by_name("SQLite")?;
    let mut options = RasterCreationOptions::new();
    options.set_name_value("METADATA", "NO")?;
    // No raster: a size of nought and no band.
    let dataset = without_journal(|| {
        driver.create_with_band_type_with_options::<u8, _>(partial, 0, 0, 0, &options)
    })?;
    for statement in SCHEMA {
        execute(&dataset, statement)?;
    }
    Ok(dataset)
}

fn execute(dataset: &Dataset, statement: &str) -> Result<()> {
    dataset
        .execute_sql(statement, None, Dialect::DEFAULT)
        .map(drop)
}

/// Text within an SQL string.
fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}
