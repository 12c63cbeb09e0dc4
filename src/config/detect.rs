//! Which models look, in what, and what their finds need to hide more.
//!
//! In: `[detect]` of the settings. Out: what `detect::open` opens, and the settings of warm spots and carry. Refuses: hashes that are none, and a reason
//! without words.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::resolve::out_of_range;
use super::{CarryArgs, CarryConfig, ConfigError, WarmSpotArgs};
use crate::detect::{self, Choice, Engine, Provider, WarmSpotConfig};
use crate::hex;

/// Which models look for people.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Detect"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct DetectArgs {
    /// Card of a model; repeat for more [default: those that are built in]
    #[cfg_attr(feature = "cli", arg(long = "model", value_name = "CARD.toml"))]
    pub models: Option<Vec<PathBuf>>,
    /// Which of a model's files to take [default: auto, as its card says]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "PRECISION", env = "HEATVEIL_PRECISION")
    )]
    pub precision: Option<Precision>,
    /// What runs the networks [default: onnxruntime]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "RUNTIME", env = "HEATVEIL_RUNTIME")
    )]
    pub runtime: Option<Engine>,
    /// ONNX Runtime's library [default: beside heatveil, else $`ORT_DYLIB_PATH`]
    #[cfg_attr(
        feature = "cli",
        arg(
            long = "onnx-runtime",
            value_name = "FILE",
            env = "HEATVEIL_ONNX_RUNTIME"
        )
    )]
    pub onnx_runtime: Option<PathBuf>,
    /// Its SHA-256, where it is another than this version was tested with
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "HEX", env = "HEATVEIL_ONNX_RUNTIME_SHA256")
    )]
    pub onnx_runtime_sha256: Option<String>,
    /// What ONNX Runtime computes on; never anything else [default: cpu]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "PROVIDER", env = "HEATVEIL_PROVIDER")
    )]
    pub provider: Option<Provider>,
    /// SHA-256 of the library of that provider
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "HEX", env = "HEATVEIL_PROVIDER_SHA256")
    )]
    pub provider_sha256: Option<String>,
    /// Publish frames outside what the models were evaluated for, for this reason (logged)
    #[cfg_attr(feature = "cli", arg(long, value_name = "REASON"))]
    pub publish_beyond_envelope: Option<String>,
    /// Warm spots, the line of defence that needs no model.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub warm_spots: WarmSpotArgs,
    /// What neighbouring frames saw.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub carry: CarryArgs,
}

/// Which of a model's files to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// The default on its card.
    #[default]
    Auto,
    /// As it was trained, 32-bit floating point.
    Fp32,
    /// Quantised to 8-bit integers.
    Int8,
}

/// Which models look for people.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectConfig {
    /// Cards of models; empty for those that are built in.
    pub models: Vec<PathBuf>,
    /// Which of a model's files to take; `None` for its card's default.
    pub precision: Option<detect::Precision>,
    /// What runs the networks.
    pub runtime: Engine,
    /// ONNX Runtime's library, where it is not found by itself.
    pub onnx_runtime: Option<PathBuf>,
    /// SHA-256 of that library (64 lower-case hex digits), where it is another than this version was tested with.
    pub onnx_runtime_sha256: Option<String>,
    /// What ONNX Runtime computes on.
    pub provider: Provider,
    /// SHA-256 of the library of that provider (64 lower-case hex digits), where it has one of its own.
    pub provider_sha256: Option<String>,
    /// Why frames outside the models' envelope are published; `None` withholds them.
    pub publish_beyond_envelope: Option<String>,
    /// When a region is a warm spot; `None` looks for none.
    pub warm_spots: Option<WarmSpotConfig>,
    /// How finds are carried into neighbouring frames; `None` where they are not.
    pub carry: Option<CarryConfig>,
}

impl DetectConfig {
    /// What [`detect::open`] opens, for `workers` frames side by side.
    #[must_use]
    pub fn choice(&self, workers: usize) -> Choice<'_> {
        Choice {
            cards: &self.models,
            precision: self.precision,
            engine: self.runtime,
            library: self.onnx_runtime.as_deref(),
            library_sha256: self.onnx_runtime_sha256.as_deref(),
            provider: self.provider,
            provider_sha256: self.provider_sha256.as_deref(),
            workers,
        }
    }
}

/// A SHA-256 in 64 lower-case hex digits.
fn sha256(name: &'static str, given: Option<String>) -> Result<Option<String>, ConfigError> {
    match given {
        Some(text) if hex::decode_32(&text).is_none() => {
            let expected = "64 hex digits, as `sha256sum` prints them";
            Err(out_of_range(name, &text, expected))
        }
        given => Ok(given.map(|text| text.to_lowercase())),
    }
}

impl DetectArgs {
    /// The settings of `self`, and where it has none those of `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            models: self.models.or(other.models),
            precision: self.precision.or(other.precision),
            runtime: self.runtime.or(other.runtime),
            onnx_runtime: self.onnx_runtime.or(other.onnx_runtime),
            onnx_runtime_sha256: self.onnx_runtime_sha256.or(other.onnx_runtime_sha256),
            provider: self.provider.or(other.provider),
            provider_sha256: self.provider_sha256.or(other.provider_sha256),
            publish_beyond_envelope: self
                .publish_beyond_envelope
                .or(other.publish_beyond_envelope),
            warm_spots: self.warm_spots.or(&other.warm_spots),
            carry: self.carry.or(&other.carry),
        }
    }

    pub(super) fn resolve(self) -> Result<DetectConfig, ConfigError> {
        let reason = self.publish_beyond_envelope;
        if reason
            .as_ref()
            .is_some_and(|reason| reason.trim().is_empty())
        {
            return Err(out_of_range(
                "detect.publish-beyond-envelope",
                &"\"\"",
                "a reason in words",
            ));
        }
        Ok(DetectConfig {
            models: self.models.unwrap_or_default(),
            precision: match self.precision.unwrap_or_default() {
                Precision::Auto => None,
                Precision::Fp32 => Some(detect::Precision::Fp32),
                Precision::Int8 => Some(detect::Precision::Int8),
            },
            runtime: self.runtime.unwrap_or_default(),
            onnx_runtime: self.onnx_runtime,
            onnx_runtime_sha256: sha256("detect.onnx-runtime-sha256", self.onnx_runtime_sha256)?,
            provider: self.provider.unwrap_or_default(),
            provider_sha256: sha256("detect.provider-sha256", self.provider_sha256)?,
            publish_beyond_envelope: reason,
            warm_spots: self.warm_spots.resolve()?,
            carry: self.carry.resolve()?,
        })
    }
}
