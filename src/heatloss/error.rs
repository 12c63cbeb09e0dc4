//! What the heat balance refuses, and why a table could not be written.

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
