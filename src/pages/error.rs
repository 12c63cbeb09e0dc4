//! Why there are no pages.

use std::path::PathBuf;

use crate::published::PublishedError;
use crate::store::StoreError;
use crate::tiles::RampError;

/// Why there are no pages.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// The folder is not used.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// Pages would be found in the run's folder, where nothing stands that is not in its log.
    #[error("{} lies in {}; give a folder elsewhere", out.display(), folder.display())]
    Within {
        /// Where pages were to go.
        out: PathBuf,
        /// The run's folder.
        folder: PathBuf,
    },
    /// The run published no map.
    #[error("{} holds no tiles/temperature.tif", folder.display())]
    NoMap {
        /// The folder.
        folder: PathBuf,
    },
    /// GDAL could not read the map.
    #[error("GDAL could not read {}", path.display())]
    Gdal {
        /// The file.
        path: PathBuf,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// A picture could not be encoded.
    #[error("could not encode a picture")]
    Image(#[from] image::ImageError),
    /// The range of temperatures has no colours.
    #[error(transparent)]
    Ramp(#[from] RampError),
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
