//! The first entry: who, why, with what, on which inputs.

use serde::{Deserialize, Serialize};

use super::{Retention, ReviewedRun, line};

/// `run.opened`: always the first entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOpened {
    /// Seconds since 1970.
    pub at: i64,
    /// Who is responsible.
    pub operator: String,
    /// What it is for.
    pub purpose: String,
    /// Who receives the tiles.
    pub recipients: Vec<String>,
    /// Version of heatveil.
    pub heatveil: String,
    /// Versions of the libraries that decide about bytes.
    pub libraries: Vec<String>,
    /// Lines of defence that look: `model`, `warm-spots`, `carry`.
    pub lines: Vec<String>,
    /// Models that look, in order.
    pub models: Vec<ModelId>,
    /// SHA-256 of the settings that can change a published byte, hex.
    pub policy_sha256: String,
    /// Why frames beyond the models' envelope are published; empty where they are withheld.
    pub beyond_envelope: String,
    /// The inputs.
    pub manifest: Manifest,
    /// Public key of age (`age1…`) to which sealed inputs were sealed; absent where no key was given to open any.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub intake_key: Option<String>,
    /// When what is to be deleted.
    #[serde(
        default,
        skip_serializing_if = "Retention::is_empty",
        deserialize_with = "Retention::filled"
    )]
    pub retention: Retention,
    /// The run over the same inputs whose review this one follows.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub reviewed: Option<ReviewedRun>,
}

/// A model by name and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelId {
    /// Name on the card.
    pub name: String,
    /// SHA-256 of the ONNX file, hex.
    pub sha256: String,
    /// Whether it leaves out frames that are coarser than its evaluation; never a model for persons.
    #[serde(
        default,
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "line::only_true"
    )]
    pub skips: bool,
}

/// The inputs, fixed before the first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Frames.
    pub count: u32,
    /// RFC 6962 tree head over the commitments in order, hex.
    pub root: String,
}
