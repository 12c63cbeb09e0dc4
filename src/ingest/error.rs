//! Why a file is not a frame.

use std::path::{Path, PathBuf};

use crate::seal::OpenError;

/// Why a file is not a frame, or the inputs are not a list of files.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// An input does not exist or could not be looked at.
    #[error("could not read {}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The inputs hold no candidate file.
    #[error(
        "no frames in {}: looked for .jpg, .jpeg, .rjpeg, .tif and .tiff, each with .age behind it too, found {ignored} other files",
        list(paths)
    )]
    NoFrames {
        /// The inputs.
        paths: Vec<PathBuf>,
        /// Files with other names.
        ignored: usize,
    },
    /// The file is larger than allowed.
    #[error("{}: more than the limit of {max} bytes", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// The header promises more samples than allowed.
    #[error("{}: {width}x{height} exceeds the limit of {max_pixels} pixels", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Columns in the header.
        width: u64,
        /// Rows in the header.
        height: u64,
        /// The limit.
        max_pixels: u64,
    },
    /// The file is neither JPEG nor TIFF.
    #[error("{}: neither a JPEG nor a TIFF file", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// The picture carries no temperatures.
    #[error("{}: a picture without temperatures; heatveil needs the radiometric original", path.display())]
    NotThermal {
        /// The file.
        path: PathBuf,
    },
    /// A DJI family whose counts need the maker's tables.
    #[error(
        "{}: DJI family {family:?} needs the maker's own tables; convert it to a temperature TIFF with DJI's \
         thermal tools first (iirp is read natively)",
        path.display()
    )]
    UnsupportedFamily {
        /// The file.
        path: PathBuf,
        /// The family's tag.
        family: String,
    },
    /// A 16-bit TIFF that does not say what a count means.
    #[error(
        "{}: a 16-bit TIFF that does not say what a count means; give --tiff-scale and --tiff-offset \
         (for example 0.04 and -273.15)",
        path.display()
    )]
    UnknownScale {
        /// The file.
        path: PathBuf,
    },
    /// The file ends too early.
    #[error("{}: ends inside {what}; copy it again from the card", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What is cut.
        what: &'static str,
    },
    /// The file is sealed and was not opened.
    #[error("{}: {problem}", path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: OpenError,
    },
    /// The file contradicts itself or its format.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without values of pixels or tags.
        problem: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

impl IngestError {
    /// Short machine name for the log and the summary.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::NoFrames { .. } => "no-frames",
            Self::FileTooLarge { .. } | Self::TooLarge { .. } => "too-large",
            Self::NotAnImage { .. } => "not-an-image",
            Self::NotThermal { .. } => "not-thermal",
            Self::UnsupportedFamily { .. } => "unsupported-family",
            Self::UnknownScale { .. } => "unknown-scale",
            Self::Truncated { .. } => "truncated",
            Self::Sealed { .. } => "sealed",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// The message without the file's name, which must not enter the log.
    #[must_use]
    pub fn detail(&self) -> String {
        let message = self.to_string();
        let path = self
            .path()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        message
            .replace(&format!("{path}: "), "")
            .replace(&path, "the file")
    }

    /// Whether the list of inputs is at fault, not one file.
    #[must_use]
    pub fn is_input_list(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::NoFrames { .. })
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::FileTooLarge { path, .. }
            | Self::TooLarge { path, .. }
            | Self::NotAnImage { path }
            | Self::NotThermal { path }
            | Self::UnsupportedFamily { path, .. }
            | Self::UnknownScale { path }
            | Self::Truncated { path, .. }
            | Self::Sealed { path, .. }
            | Self::Malformed { path, .. } => Some(path),
            Self::NoFrames { .. } => None,
        }
    }
}
