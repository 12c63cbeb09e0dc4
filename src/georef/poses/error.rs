//! Why a file of poses was refused.

use std::path::PathBuf;

/// Why a file of poses was refused. Messages name line and remedy, never a position.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PoseError {
    /// The file could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too long to be a list of poses.
    #[error("{}: longer than {max_bytes} bytes; give the file of this flight alone", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is allowed.
        max_bytes: u64,
    },
    /// A line cannot be used.
    #[error("{}: line {line} {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line from 1; of the shot in a feature collection.
        line: usize,
        /// What is wrong, with the remedy.
        problem: &'static str,
    },
}
