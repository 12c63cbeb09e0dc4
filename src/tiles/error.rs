//! Why no map could be made.

use std::path::{Path, PathBuf};

use crate::frame::FrameId;
use crate::georef::{GeorefError, SurfaceError};
use crate::raster::ShapeError;
use crate::store::StoreError;

/// Why no map could be made.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TilesError {
    /// No frame sees ground within the limits.
    #[error(
        "no frame sees ground within {max_off_nadir:.0} degrees of straight down; start anew with a larger georef.max-off-nadir-deg"
    )]
    NothingSeen {
        /// The limit in degrees.
        max_off_nadir: f64,
    },
    /// The frames lie too far apart for one map.
    #[error(
        "frames {first} and {second} lie {kilometres:.0} km apart: a map of {width}x{height} pixels exceeds the \
         limit of {max_pixels} or is nearly empty; start anew: run distant flights apart, or give a coarser tiles.resolution-m"
    )]
    TooLarge {
        /// A frame at one end.
        first: FrameId,
        /// A frame at the other end.
        second: FrameId,
        /// Distance between the two.
        kilometres: f64,
        /// Columns that the map would have.
        width: f64,
        /// Rows that the map would have.
        height: f64,
        /// Pixels allowed.
        max_pixels: u64,
    },
    /// The resolution is not a length.
    #[error("a map resolution of {value} m is not usable; give tiles.resolution-m above 0")]
    Resolution {
        /// The value found.
        value: f64,
    },
    /// GDAL could not do something in memory, or with a file that is not named to whoever asks (`serve`).
    #[error("GDAL could not {task}")]
    Gdal {
        /// What it was asked to do.
        task: &'static str,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// GDAL could not read or write a file.
    #[error("GDAL could not {task} {}", path.display())]
    GdalFile {
        /// What it was asked to do.
        task: &'static str,
        /// With which file.
        path: PathBuf,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// A working file could not be written or read.
    #[error("could not {task} {}", path.display())]
    Io {
        /// What was tried.
        task: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A tile could not be encoded.
    #[error("could not encode a map tile as PNG")]
    Png {
        /// What the encoder said.
        #[from]
        source: png::EncodingError,
    },
    /// The tile archive could not be written.
    #[error("could not write the PMTiles archive")]
    PmTiles {
        /// What the writer said.
        #[from]
        source: pmtiles::PmtError,
    },
    /// A frame could not be encoded.
    #[error("could not encode a redacted frame as TIFF")]
    Tiff {
        /// What the encoder said.
        #[from]
        source: tiff::TiffError,
    },
    /// Coordinates could not be projected.
    #[error(transparent)]
    Georef(#[from] GeorefError),
    /// The surface model could not be read.
    #[error(transparent)]
    Surface(#[from] SurfaceError),
    /// Samples do not form a raster.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A file could not be written, or not be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Says what GDAL was asked to do, and with which file.
pub(super) trait GdalContext<T> {
    fn task(self, task: &'static str, path: &Path) -> Result<T, TilesError>;
}

impl<T> GdalContext<T> for Result<T, gdal::errors::GdalError> {
    fn task(self, task: &'static str, path: &Path) -> Result<T, TilesError> {
        self.map_err(|source| TilesError::GdalFile {
            task,
            path: path.to_path_buf(),
            source,
        })
    }
}

/// Says what was done with a working file.
pub(super) trait IoContext<T> {
    fn on(self, task: &'static str, path: &Path) -> Result<T, TilesError>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn on(self, task: &'static str, path: &Path) -> Result<T, TilesError> {
        let path = path.to_path_buf();
        self.map_err(|source| TilesError::Io { task, path, source })
    }
}
