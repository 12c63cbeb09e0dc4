//! Why an evaluation could not be done.

use std::path::PathBuf;

/// Why an evaluation could not be done.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A file of labels or scenes could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of labels or scenes makes no sense.
    #[error("{}: {problem}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the number of the image, annotation or category.
        problem: String,
    },
    /// No thread could be started.
    #[error("could not start {threads} threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
}

/// Why one frame is in no figure.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It is a thermal frame that could not be read.
    #[error(transparent)]
    Ingest(#[from] crate::ingest::IngestError),
    /// It is a picture that could not be read.
    #[error("{}: not a readable picture: {source}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: image::ImageError,
    },
    /// Its labels belong to a picture of another size.
    #[error("{}: {}x{}, labelled as {}x{}", path.display(), found.0, found.1, labelled.0, labelled.1)]
    Size {
        /// The file.
        path: PathBuf,
        /// Its columns and rows.
        found: (usize, usize),
        /// Those of the labels.
        labelled: (usize, usize),
    },
    /// Nothing says how large its pixels are on the ground.
    #[error("{}: its ground resolution is not known{}; give --ground-resolution", path.display(), because.as_deref().map(|why| format!(" ({why})")).unwrap_or_default())]
    NoResolution {
        /// The file.
        path: PathBuf,
        /// Why the frame's own geometry does not say it.
        because: Option<String>,
    },
    /// A detector failed on it.
    #[error("{}: {source}", path.display())]
    Detect {
        /// The file.
        path: PathBuf,
        /// Why.
        source: crate::detect::DetectError,
    },
    /// A stage broke one of its own promises.
    #[error("{}: {problem}", path.display())]
    Internal {
        /// The file.
        path: PathBuf,
        /// What it said.
        problem: String,
    },
}
