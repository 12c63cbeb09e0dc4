//! Why a surface model cannot be used.

use std::path::PathBuf;

use super::super::GeorefError;

/// Why a surface model cannot be used. Messages never name a place.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SurfaceError {
    /// The path names no file on this machine.
    #[error("georef.dsm {} is not a file here; give a local GeoTIFF or VRT", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// GDAL could not read the file.
    #[error("{}: GDAL could not {task}", path.display())]
    Gdal {
        /// The file.
        path: PathBuf,
        /// What it was asked to do.
        task: &'static str,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// The file does not say where it lies.
    #[error("{} has no coordinate system or no place in it; set both with gdal_translate -a_srs -a_ullr", path.display())]
    NoPlace {
        /// The file.
        path: PathBuf,
    },
    /// Heights are not in metres.
    #[error("{}: heights are in {unit:?}; convert them to metres", path.display())]
    Unit {
        /// The file.
        path: PathBuf,
        /// The unit found.
        unit: String,
    },
    /// No cell of the file lies where the frames look.
    #[error("{} holds no height where the frames look; give the model of this neighbourhood", path.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
    },
    /// The frames look at too much of it.
    #[error(
        "{}: the frames lie over {width:.0} x {height:.0} cells of it, more than are read; run distant flights apart, or give a coarser model",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Columns that would be read.
        width: f64,
        /// Rows that would be read.
        height: f64,
    },
    /// The cameras' height above the surface does not follow.
    #[error("{} holds no height under the first frame of a flight; give georef.takeoff-elevation-m", path.display())]
    NoTakeOff {
        /// The file.
        path: PathBuf,
    },
    /// Coordinates could not be projected.
    #[error(transparent)]
    Georef(#[from] GeorefError),
}
