//! One error over all modules, with the one thing to do about it where there is one.

use std::path::PathBuf;

use crate::audit::AuditError;
use crate::compare::CompareError;
use crate::pages::PagesError;
use crate::published::PublishedError;
use crate::run::RunError;
use crate::store::StoreError;

/// Why a command failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two surveys were not compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// Settings were refused.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A model or the runtime could not be loaded.
    #[error(transparent)]
    Detect(#[from] crate::detect::DetectError),
    /// Labels could not be read.
    #[error(transparent)]
    Eval(#[from] crate::eval::EvalError),
    /// Inputs could not be listed or read.
    #[error(transparent)]
    Ingest(#[from] crate::ingest::IngestError),
    /// Pages could not be made.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// The run could not be done.
    #[error(transparent)]
    Run(RunError),
    /// A log could not be read or written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The synthetic flight could not be made.
    #[error(transparent)]
    Simulate(#[from] crate::simulate::SimulateError),
    /// Something given could not be read.
    #[error("could not read {}", path.display())]
    Input {
        /// The file, or `-` for stdin.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Ingest(error) => Self::Ingest(error),
            RunError::Store(error) => Self::Store(error),
            RunError::Audit(error) => Self::Audit(error),
            error => Self::Run(error),
        }
    }
}

impl Error {
    /// Whether flags, settings or the input list are at fault: exit code 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::Input { .. } => true,
            Self::Compare(CompareError::Table(_)) => false,
            Self::Store(error) | Self::Compare(CompareError::Store(error)) => is_taken(error),
            Self::Compare(_) => !self.is_unverified(),
            Self::Pages(error) => match error {
                PagesError::Store(error) => is_taken(error),
                PagesError::Published(_) => !self.is_unverified(),
                error => matches!(error, PagesError::Within { .. } | PagesError::NoMap { .. }),
            },
            Self::Eval(error) => !matches!(error, crate::eval::EvalError::Threads { .. }),
            Self::Ingest(error) => error.is_input_list(),
            Self::Detect(error) => error.is_settings(),
            Self::Audit(error) => matches!(error, AuditError::Key { .. } | AuditError::Io { .. }),
            Self::Run(error) => matches!(
                error,
                RunError::Nested { .. }
                    | RunError::NotSame { .. }
                    | RunError::NothingToResume { .. }
                    | RunError::NoWalls
                    | RunError::Surface(_)
                    | RunError::OptOut { .. }
                    | RunError::Footprints(_)
                    | RunError::Georef(crate::georef::GeorefError::OutsideBritain)
            ),
            _ => false,
        }
    }

    /// Whether a folder that was given does not verify.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        matches!(
            self,
            Self::Compare(CompareError::Published(PublishedError::NotVerified { .. }))
                | Self::Pages(PagesError::Published(PublishedError::NotVerified { .. }))
        )
    }

    /// The one thing to do, where there is one that the message does not say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) if error.is_disk_full() => {
                Some("the disk is full: make room and go on with --resume")
            }
            Self::Config(_) => Some("`heatveil config init` prints all settings"),
            _ => None,
        }
    }
}

/// Whether an output folder has something in it.
fn is_taken(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotEmpty { .. } | StoreError::Foreign { .. }
    )
}
