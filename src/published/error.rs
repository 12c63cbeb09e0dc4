//! Why nothing is made from a folder.

use std::path::PathBuf;

use crate::audit::AuditError;

/// Why nothing is made from a folder.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// The log or a file is not what it says.
    #[error("{} does not verify, nothing is made from it: {}", folder.display(), problems.join("; "))]
    NotVerified {
        /// The folder.
        folder: PathBuf,
        /// All that is wrong.
        problems: Vec<String>,
    },
    /// The run had no outlines.
    #[error("{} holds no table of buildings; run again with [buildings] footprints", folder.display())]
    NoTable {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the folder could not be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// GDAL could not read a file of the folder.
    #[error("GDAL could not read {}", path.display())]
    Gdal {
        /// The file.
        path: PathBuf,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// Two buildings of the table bear one name: nobody can say whose the parts of their roofs are.
    #[error("{}: two buildings bear the name {id:?}; make the run again with another [buildings] id", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        id: String,
    },
    /// The log could not be checked.
    #[error(transparent)]
    Audit(#[from] AuditError),
}
