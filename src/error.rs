//! One error over all modules, with the one thing to do about it where there is one.

use std::path::PathBuf;

use crate::audit::AuditError;
use crate::compare::CompareError;
use crate::pages::PagesError;
use crate::published::PublishedError;
use crate::report::ReportError;
use crate::run::RunError;
use crate::seal::SealError;
use crate::store::StoreError;

/// Why a command failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two surveys were not compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// Inputs could not be sealed, or their key not be taken.
    #[error(transparent)]
    Seal(#[from] SealError),
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
    /// A question could not be answered.
    #[error(transparent)]
    Answers(crate::answers::AnswersError),
    /// A report could not be made.
    #[error(transparent)]
    Report(ReportError),
    /// A log could not be read or written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A frame could not be shown or decided about.
    #[error(transparent)]
    Review(#[from] crate::review::ReviewError),
    /// Something could not be deleted.
    #[error(transparent)]
    Retention(#[from] crate::retention::RetentionError),
    /// The synthetic flight could not be made.
    #[error(transparent)]
    Simulate(#[from] crate::simulate::SimulateError),
    /// The page could not be served.
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(#[from] crate::serve::ServeError),
    /// Something given could not be read.
    #[error("could not read {}", path.display())]
    Input {
        /// The file, or `-` for stdin.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<crate::answers::AnswersError> for Error {
    fn from(error: crate::answers::AnswersError) -> Self {
        match error {
            crate::answers::AnswersError::Store(error) => Self::Store(error),
            error => Self::Answers(error),
        }
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Ingest(error) => Self::Ingest(error),
            RunError::Store(error) => Self::Store(error),
            RunError::Audit(error) => Self::Audit(error),
            RunError::Seal(error) => Self::Seal(error),
            error => Self::Run(error),
        }
    }
}

impl From<ReportError> for Error {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Store(error) => Self::Store(error),
            ReportError::Audit(error) => Self::Audit(error),
            error => Self::Report(error),
        }
    }
}

impl Error {
    /// Whether flags, settings or the input list are at fault: exit code 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::Input { .. } | Self::Report(ReportError::Out { .. }) => true,
            Self::Seal(error) => !matches!(error, SealError::Store(_) | SealError::Seal { .. }),
            Self::Review(error) => error.is_usage(),
            Self::Retention(error) => !matches!(error, crate::retention::RetentionError::Store(_)),
            Self::Compare(CompareError::Table(_)) => false,
            Self::Store(error) | Self::Compare(CompareError::Store(error)) => is_taken(error),
            Self::Compare(_) => !self.is_unverified(),
            Self::Pages(error) => match error {
                PagesError::Store(error) => is_taken(error),
                PagesError::Published(_) => !self.is_unverified(),
                error => matches!(error, PagesError::Within { .. } | PagesError::NoMap { .. }),
            },
            Self::Eval(error) => !matches!(error, crate::eval::EvalError::Threads { .. }),
            Self::Answers(error) => error.is_usage(),
            Self::Ingest(error) => error.is_input_list(),
            Self::Detect(error) => error.is_settings(),
            #[cfg(feature = "serve")]
            Self::Serve(error) => error.is_usage(),
            Self::Audit(error) => matches!(error, AuditError::Key { .. } | AuditError::Io { .. }),
            Self::Run(error) => matches!(
                error,
                RunError::Nested { .. }
                    | RunError::NotSame { .. }
                    | RunError::NotReviewed { .. }
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

    /// Whether the disk was full, whatever was written.
    fn is_disk_full(&self) -> bool {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
            .any(|error| error.kind() == std::io::ErrorKind::StorageFull)
    }

    /// The one thing to do, where there is one that the message does not say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            error if error.is_disk_full() => {
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
