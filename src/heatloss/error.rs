//! What the heat balance refuses, why outlines cannot be used, and why a table could not be written.

use std::path::PathBuf;

use crate::georef::GeorefError;
use crate::store::StoreError;

/// Why no heat loss is given.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HeatLossError {
    /// A value that weather does not have.
    #[error("[weather] {key} = {value} is not between {min} and {max}")]
    Value {
        /// Key of the configuration.
        key: &'static str,
        /// What it says.
        value: f64,
        /// Least that is believed.
        min: f64,
        /// Most that is believed.
        max: f64,
    },
    /// Heat does not flow outwards.
    #[error(
        "[weather] indoor-celsius = {indoor} is not above air-celsius = {air}: heat flows inwards, and no heat loss can be given"
    )]
    NotHeated {
        /// Inside.
        indoor: f64,
        /// Outside.
        air: f64,
    },
    /// Wind beyond the hard stop of DOMAIN section 4.
    #[error(
        "[weather] wind-m-s = {wind} is above the hard stop of {limit}: convection hides what the walls lose; fly on a calmer night"
    )]
    TooWindy {
        /// Wind speed in m/s.
        wind: f64,
        /// The hard stop in m/s.
        limit: f64,
    },
    /// A surface that mirrors the sky.
    #[error(
        "emissivity {emissivity} is not between {min} and 1: such a surface shows the sky's temperature, not its own"
    )]
    Mirror {
        /// Emissivity given.
        emissivity: f64,
        /// Least that a temperature can be taken from.
        min: f64,
    },
}

/// Why outlines cannot be used.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum FootprintError {
    /// OGR cannot read it.
    #[error("could not read the buildings in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What GDAL says.
        source: gdal::errors::GdalError,
    },
    /// Nobody says where it lies.
    #[error("{}: no coordinate system; add one (`ogr2ogr -a_srs EPSG:27700 ...`)", path.display())]
    NoCrs {
        /// The file.
        path: PathBuf,
    },
    /// Its coordinate system cannot be used.
    #[error("{}: its coordinate system cannot be used", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// Why.
        source: GeorefError,
    },
    /// A roof that no roof is like.
    #[error("{}: feature {feature}: {what} = {value} is not between {min} and {max}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The building's name.
        feature: String,
        /// `emissivity` or `tilt`.
        what: &'static str,
        /// What it says.
        value: f64,
        /// Least that is believed.
        min: f64,
        /// Most that is believed.
        max: f64,
    },
    /// A folder, or what is no file at all: it could not be committed to in the log.
    #[error("{}: no plain file; give one, such as a GeoPackage (`ogr2ogr one.gpkg ...`)", path.display())]
    NoFile {
        /// What was given.
        path: PathBuf,
    },
    /// An outline of which nobody can say whether it lies on the map.
    #[error("{}: feature {feature} lies where its coordinate system or the map's does not hold; mend it, or cut the file to the place that was flown", path.display())]
    Unplaced {
        /// The file.
        path: PathBuf,
        /// Number of the feature.
        feature: u64,
    },
    /// An objection to which no margin can be given.
    #[error("{}: no margin can be drawn around feature {feature}; repair it (`ogr2ogr -makevalid`)", path.display())]
    Unapplied {
        /// The file.
        path: PathBuf,
        /// Its name.
        feature: String,
    },
    /// Several layers, none named.
    #[error("{}: {count} layers; name one with [buildings] layer where it holds the outlines, else give a file with one", path.display())]
    Layers {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// A field of the settings is not there.
    #[error("{}: no field {name:?}; it has {present}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// What the settings name.
        name: String,
        /// What there is.
        present: String,
    },
    /// Outlines that are empty, no polygons or cross themselves.
    #[error("{}: the outlines of {} features are empty or no valid polygons, first of feature {first}; draw those that are empty, repair the others (`ogr2ogr -makevalid`)", path.display(), count)]
    Invalid {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// Number of the first.
        first: u64,
    },
    /// One name, two buildings.
    #[error("{}: {count} buildings bear the name of another, first {first:?}; give a field of names that differ with [buildings] id, or none to number them", path.display())]
    DuplicateId {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// The first such name.
        first: String,
    },
    /// One property number, two buildings.
    #[error("{}: {} UPRNs stand in two buildings, first in features {first} and {second}", path.display(), count)]
    DuplicateUprn {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// Number of the first building.
        first: String,
        /// Number of the second.
        second: String,
    },
    /// None lies on the map.
    #[error("{}: none of its {count} buildings lies on the map; is it of another place, or in another coordinate system than it says?", path.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
}

/// Why the table of buildings could not be written.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// GDAL refuses.
    #[error("could not write the table of buildings")]
    Gdal(#[from] gdal::errors::GdalError),
    /// The Parquet writer refuses.
    #[error("could not write the table of buildings as Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
