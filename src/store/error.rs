//! Why an output could not be written, or not be read back.

use std::io;
use std::path::{Path, PathBuf};

/// Why an output could not be written, or not be read back.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("could not write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operating system gave no bytes of a file, or others than were written.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A library did not write all of a file.
    #[error("could not write {}: {problem}", path.display())]
    Library {
        /// The file.
        path: PathBuf,
        /// What the library said.
        problem: String,
    },
    /// The output folder has something in it.
    #[error("{} is not empty; give --overwrite to replace it, --resume to go on, or another folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The output folder holds files that no run of heatveil wrote.
    #[error("{} was not made by heatveil and is not replaced; give another folder", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// A name within the output folder leads elsewhere.
    #[error("{} is a link, and what is written there would lie elsewhere; remove it or give another folder", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A file in a folder would lie elsewhere.
    #[error("{name:?} is no name of a file in a folder")]
    Name {
        /// The name.
        name: String,
    },
    /// Another run is writing there.
    #[error("{} is in use by another run; wait for it or give another folder", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

impl StoreError {
    /// What the system said of stdout.
    pub(crate) fn stdout(source: io::Error) -> Self {
        Self::Io {
            path: "stdout".into(),
            source,
        }
    }
}

/// Adds the path to an I/O error.
pub(super) trait IoContext<T> {
    /// Of a call that writes.
    fn at(self, path: &Path) -> Result<T, StoreError>;
    /// Of a call that reads.
    fn reading(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io {
            path: path.to_path_buf(),
            source,
        })
    }

    fn reading(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Read {
            path: path.to_path_buf(),
            source,
        })
    }
}
