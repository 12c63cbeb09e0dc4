//! Why a report could not be made.

use std::io;
use std::path::PathBuf;

use crate::audit::AuditError;
use crate::store::StoreError;

/// Why a report could not be made.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder does not verify. No report is made of it: a page can be cropped, printed and mailed without its warning.
    #[error("{} does not verify, so no report was made ({} in all)", folder.display(), problems.len())]
    NotVerified {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, one at least.
        problems: Vec<String>,
    },
    /// The log changed while it was read.
    #[error("{} changed while it was read; try again when nothing writes there", path.display())]
    Changed {
        /// The log.
        path: PathBuf,
    },
    /// A report there would make the folder unverifiable, or would be mixed with secrets.
    #[error("{} is part of the run; give a folder outside it, or leave --out away", path.display())]
    Out {
        /// The folder asked for.
        path: PathBuf,
    },
    /// A file of the folder could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The map could not be read or drawn.
    #[error("could not draw {}: {problem}", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// In words.
        problem: String,
    },
    /// A page could not be put together.
    #[error("could not write the page {page}")]
    Page {
        /// Its name.
        page: &'static str,
        /// What the template said.
        source: askama::Error,
    },
    /// The log could not be checked.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A page could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
