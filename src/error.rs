//! One error over all modules, with the one thing to do about it where there is one.

use std::path::PathBuf;

use crate::audit::AuditError;
use crate::compare::CompareError;
use crate::georef::GeorefError;
use crate::pages::PagesError;
use crate::published::PublishedError;
use crate::report::ReportError;
use crate::retention::RetentionError;
use crate::review::ReviewError;
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
    /// A file could not be written, or not be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A frame could not be shown or decided about.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// Something could not be deleted.
    #[error(transparent)]
    Retention(#[from] RetentionError),
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
            Self::Retention(error) => error.is_usage(),
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
            Self::Audit(error) => error.is_usage(),
            Self::Run(error) => matches!(
                error,
                RunError::Nested { .. }
                    | RunError::NotSame { .. }
                    | RunError::NotReviewed { .. }
                    | RunError::NothingToResume { .. }
                    | RunError::NoPlan { .. }
                    | RunError::NotPlanned { .. }
                    | RunError::NoShard { .. }
                    | RunError::Name { .. }
                    | RunError::NoWalls
                    | RunError::Surface(_)
                    | RunError::OptOut { .. }
                    | RunError::Footprints(_)
                    | RunError::Georef(
                        GeorefError::Scale { .. }
                            | GeorefError::Antimeridian
                            | GeorefError::OutsideBritain
                    )
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
                | Self::Audit(AuditError::Unverified { .. })
                | Self::Review(ReviewError::Audit(AuditError::Unverified { .. }))
                | Self::Retention(RetentionError::Audit(AuditError::Unverified { .. }))
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
            error if error.is_disk_full() => Some(
                "the disk is full: make room and give the command again; `heatveil run` goes on with --resume",
            ),
            error if error.is_unverified() => Some(
                "compare it with a copy or checkpoint kept elsewhere; `heatveil run --overwrite` makes a run again",
            ),
            Self::Config(_) => Some("`heatveil config init` prints all settings"),
            _ => None,
        }
    }
}

/// Whether an output folder has something in it.
fn is_taken(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotEmpty { .. } | StoreError::Foreign { .. } | StoreError::Link { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_verify_is_that_whoever_finds_it() {
        let unverified = || AuditError::Unverified {
            path: "out".into(),
            problems: vec!["the root is another".into()],
        };
        for error in [
            Error::Audit(unverified()),
            Error::from(RunError::Audit(unverified())),
            Error::Review(ReviewError::Audit(unverified())),
            Error::Retention(RetentionError::Audit(unverified())),
        ] {
            assert!(error.is_unverified() && !error.is_usage(), "{error}");
            assert!(error.to_string().contains("out does not verify"), "{error}");
            assert!(
                error
                    .hint()
                    .is_some_and(|hint| hint.contains("--overwrite"))
            );
        }
        // A disk that fails is neither.
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let store = StoreError::Io {
            path: "out/log".into(),
            source: full,
        };
        let error = Error::Retention(RetentionError::Audit(AuditError::Store(store)));
        assert!(!error.is_unverified() && !error.is_usage());
        assert!(error.hint().is_some_and(|hint| hint.contains("make room")));
    }
}
