//! Why a question could not be answered.

use std::path::PathBuf;

/// Why a question could not be answered.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A file of the run is not what it should be.
    #[error("{}, line {line}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// The run kept no footprints, or they were deleted.
    #[error(
        "{} is not there: nobody can say any more which frames saw a place or when; ask by --frame, --class, --outcome or --decision",
        path.display()
    )]
    NoFootprints {
        /// The file.
        path: PathBuf,
    },
    /// Outlines could not be read.
    #[error(transparent)]
    Outlines(#[from] crate::heatloss::FootprintError),
    /// A place could not be laid on a map.
    #[error(
        "a place could not be laid on the map; coordinates are longitude, latitude in degrees (WGS 84)"
    )]
    Georef(#[from] crate::georef::GeorefError),
    /// GDAL could not read a list.
    #[error("could not read {} as a table", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// A row of a list names no place.
    #[error("{}, row {row}: {problem}; columns are `lon` and `lat` in degrees, or `uprn`", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, from 1, without the header.
        row: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A property number is not among the published buildings.
    #[error(
        "no published building has the UPRN {uprn}: it has no outline in this run, or objected; ask by --point or --polygon instead"
    )]
    Uprn {
        /// The number.
        uprn: String,
    },
    /// Parquet could not be written.
    #[error("the table could not be written as Parquet")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

impl AnswersError {
    /// Whether what was asked is at fault: exit code 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(
            self,
            Self::Store(_) | Self::Damaged { .. } | Self::Parquet(_)
        )
    }
}
