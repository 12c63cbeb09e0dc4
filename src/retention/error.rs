//! Why something could not be deleted.

use std::path::PathBuf;

/// Why something could not be deleted.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The run has no end yet.
    #[error(
        "the run in {} is not finished; go on with `heatveil run --resume` first, or make it anew with --overwrite: either takes its working files away",
        path.display()
    )]
    NotFinished {
        /// Its folder.
        path: PathBuf,
    },
    /// The entry would stand before an older one.
    #[error(
        "the last entry of the log is of {last}, this one would be of {at}; is the clock right?"
    )]
    Clock {
        /// Seconds since 1970 of the last entry.
        last: i64,
        /// Those of this one.
        at: i64,
    },
    /// Without the key nobody can say which file is which input.
    #[error(
        "{} is not there, and without it no file can be told to be an input; a run that follows a review uses the key of the reviewed run: \
         give --commitment-key", path.display()
    )]
    NoKey {
        /// Where it should lie.
        path: PathBuf,
    },
    /// A whole folder of inputs is not there.
    #[error("{} is not there: mount the drive, or give --folders-are-gone if it was deleted", path.display())]
    FolderGone {
        /// The folder.
        path: PathBuf,
    },
    /// The intake key is of other inputs.
    #[error("{} is not the key that the inputs of this run were sealed to ({})", path.display(), expected.as_deref().unwrap_or("none were"))]
    OtherIntakeKey {
        /// The file.
        path: PathBuf,
        /// The public key in `run.opened`.
        expected: Option<String>,
    },
    /// The intake key's file cannot be written over.
    #[error("{} is a link or has a second name: give the file itself, without another name, to destroy the key", path.display())]
    LinkedKey {
        /// The file.
        path: PathBuf,
    },
    /// The intake key cannot be used.
    #[error(transparent)]
    Seal(#[from] crate::seal::SealError),
    /// The operator's list could not be read.
    #[error("could not read private/frames.jsonl")]
    List(#[from] std::io::Error),
    /// The log could not be read or written.
    #[error(transparent)]
    Audit(#[from] crate::audit::AuditError),
    /// A file could not be looked at or deleted.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl RetentionError {
    /// Whether what was asked for is at fault, not the disk or the log.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Audit(error) => error.is_usage(),
            _ => true,
        }
    }
}
