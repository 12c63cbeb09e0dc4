//! Why two surveys are not compared.

use std::path::PathBuf;

use crate::georef::GeorefError;
use crate::heatloss::TableError;
use crate::published::PublishedError;
use crate::store::StoreError;

/// Why two surveys are not compared.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// One of the folders is not used.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// Both are one run.
    #[error("both folders hold the same run; give the survey before and the one after")]
    Same,
    /// No figures of heat loss.
    #[error("{} has no heat loss: its run had no [weather]; temperatures of two nights are not compared", folder.display())]
    NoHeatLoss {
        /// The folder.
        folder: PathBuf,
    },
    /// Maps in two systems.
    #[error(
        "the survey before is in EPSG:{before}, the one after in EPSG:{after}; run one again with georef.crs of the other"
    )]
    Crs {
        /// EPSG code before.
        before: u32,
        /// EPSG code after.
        after: u32,
    },
    /// Figures of different formulas.
    #[error(
        "the surveys have different {what}: {before:?} before, {after:?} after; run one again with the settings of the other"
    )]
    Parameters {
        /// Which parameter.
        what: &'static str,
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// No home is in both.
    #[error(
        "no home is in both surveys ({before} before, {after} after), neither by UPRN nor by id; use the same outlines and the same [buildings] id"
    )]
    Strangers {
        /// Homes before.
        before: usize,
        /// Homes after.
        after: usize,
    },
    /// One name, two places.
    #[error(
        "{count} homes of the same name lie in different places, first {first:?}: the outlines are numbered otherwise; name them by [buildings] id"
    )]
    Moved {
        /// How many.
        count: usize,
        /// Name of the first.
        first: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The coordinate system is not one of a map.
    #[error(transparent)]
    Georef(#[from] GeorefError),
}
