//! Why a detector could not be made or did not finish.

use std::path::PathBuf;

/// Why a detector could not be made or did not finish.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// A card or model file could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A card is not valid.
    #[error("model card {}: {problem}", path.display())]
    Card {
        /// The card.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Two models that looked at one frame could not be told apart in the log.
    #[error("model card {}: another model is called {title:?} too; leave one out, or give its card another name", path.display())]
    SameTitle {
        /// The card of the second.
        path: PathBuf,
        /// Name and precision.
        title: String,
    },
    /// A model's bytes are not those that its card was written for.
    #[error(
        "{} has SHA-256 {found}, its card says {expected}; restore the file or use the card that belongs to it",
        path.display()
    )]
    WrongHash {
        /// The model file.
        path: PathBuf,
        /// Hash on the card, hex.
        expected: String,
        /// Hash of the file, hex.
        found: String,
    },
    /// ONNX Runtime's library is missing or too old.
    #[error("ONNX Runtime could not be loaded from {}: {problem}; run `make setup`, or point ORT_DYLIB_PATH at libonnxruntime.so 1.24 or later", path.display())]
    Runtime {
        /// Where it was looked for.
        path: PathBuf,
        /// What the loader said.
        problem: String,
    },
    /// This build of heatveil holds no such runtime.
    #[error(
        "heatveil was built without {runtime}; choose another detect.runtime, or build with --features {feature}"
    )]
    NotBuiltIn {
        /// The runtime that was asked for.
        runtime: &'static str,
        /// The feature that builds it in.
        feature: &'static str,
    },
    /// An accelerator cannot be used.
    #[error("detect.provider {provider}: {problem}")]
    Provider {
        /// What was asked for.
        provider: &'static str,
        /// Why it is refused.
        problem: String,
    },
    /// The network could not be loaded or run.
    #[error("model {model}: {problem}")]
    Inference {
        /// Name on the card.
        model: String,
        /// What ONNX Runtime said.
        problem: String,
    },
    /// The network's answer has an unexpected shape, is not finite, or has scores that do not lie from 0 to 1.
    #[error("model {model} answered {found} where {expected} was expected")]
    Output {
        /// Name on the card.
        model: String,
        /// What was expected.
        expected: String,
        /// What came.
        found: String,
    },
    /// So many things were found that the answer cannot be trusted.
    #[error("model {model} found more than {limit} things in one frame")]
    TooMany {
        /// Name on the card.
        model: String,
        /// The limit.
        limit: usize,
    },
}

impl DetectError {
    /// Whether the settings name a model that is not there or not the one on its card.
    #[must_use]
    pub fn is_settings(&self) -> bool {
        matches!(
            self,
            Self::Io { .. }
                | Self::Card { .. }
                | Self::SameTitle { .. }
                | Self::WrongHash { .. }
                | Self::NotBuiltIn { .. }
                | Self::Provider { .. }
        )
    }
}
