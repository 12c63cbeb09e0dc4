//! Makes the detectors that the settings ask for.
//!
//! In: cards (or none for those built in), a precision, a runtime. Out: detectors ready to look, and the runtime's
//! name for the log. Refuses: what this build or a card does not have, rather than taking something else.

use std::path::{Path, PathBuf};

use super::{DetectError, Detector, Precision, Provider};

/// What runs the networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", value(rename_all = "lower"))]
pub enum Engine {
    /// ONNX Runtime, from its shared library: the fast one.
    #[default]
    OnnxRuntime,
    /// tract, built in with the feature `tract`: no library needed, slower, fp32 only.
    Tract,
}

/// Which models look, and how.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// Cards; empty for the models that are built in.
    pub cards: &'a [PathBuf],
    /// `None` for each card's default.
    pub precision: Option<Precision>,
    /// What runs the networks.
    pub engine: Engine,
    /// ONNX Runtime's library, where it is not found by itself.
    pub library: Option<&'a Path>,
    /// SHA-256 of that library (64 lower-case hex digits), where it is none that is known here.
    pub library_sha256: Option<&'a str>,
    /// What ONNX Runtime computes on.
    pub provider: Provider,
    /// SHA-256 of the library of that provider (64 lower-case hex digits), where it has one of its own.
    pub provider_sha256: Option<&'a str>,
    /// Frames that are looked at side by side.
    pub workers: usize,
}

/// Detectors in the order in which they look, and the runtime's name and version.
pub type Opened = (Vec<Box<dyn Detector>>, String);

/// Loads the chosen models into the chosen runtime.
///
/// # Errors
///
/// [`DetectError`] when a model or the runtime cannot be loaded, or was not built in.
pub fn open(choice: &Choice<'_>) -> Result<Opened, DetectError> {
    match choice.engine {
        Engine::OnnxRuntime => onnxruntime(choice),
        Engine::Tract => tract(choice),
    }
}

#[cfg(any(feature = "onnx", feature = "tract"))]
fn models(choice: &Choice<'_>) -> Result<Vec<super::Model>, DetectError> {
    use super::Model;
    if choice.cards.is_empty() {
        return Model::embedded(choice.precision);
    }
    let load = |card: &PathBuf| Model::load(card, choice.precision);
    choice.cards.iter().map(load).collect()
}

/// The card's default may be int8, which only the processor's kernels of ONNX Runtime are good at: elsewhere the other file, unless int8 was asked for.
#[cfg(any(feature = "onnx", feature = "tract"))]
fn fp32<'a>(choice: &Choice<'a>) -> Choice<'a> {
    Choice {
        precision: choice.precision.or(Some(Precision::Fp32)),
        ..*choice
    }
}

#[cfg(feature = "onnx")]
fn onnxruntime(choice: &Choice<'_>) -> Result<Opened, DetectError> {
    use super::library::identify_provider;
    use super::{Onnx, Runtime, runtime_library};
    let provider = choice.provider;
    let is_elsewhere = provider != Provider::Cpu;
    let models = models(&if is_elsewhere { fp32(choice) } else { *choice })?;
    let library = runtime_library(choice.library);
    let runtime = Runtime::load(&library, choice.library_sha256)?;
    let mut name = runtime.version().to_owned();
    if is_elsewhere {
        name += " on ";
        name += &identify_provider(provider, &library, choice.provider_sha256)?;
    }
    let mut detectors: Vec<Box<dyn Detector>> = Vec::new();
    for model in models {
        let here = is_elsewhere.then(|| Onnx::new(runtime, model.clone(), 1));
        let detector = Onnx::on(provider, runtime, model, choice.workers)?;
        if let Some(here) = here {
            detector.agrees_with(&here?)?;
        }
        detectors.push(Box::new(detector));
    }
    Ok((detectors, name))
}

#[cfg(not(feature = "onnx"))]
fn onnxruntime(_: &Choice<'_>) -> Result<Opened, DetectError> {
    Err(DetectError::NotBuiltIn {
        runtime: "onnxruntime",
        feature: "onnx",
    })
}

#[cfg(feature = "tract")]
fn tract(choice: &Choice<'_>) -> Result<Opened, DetectError> {
    if choice.provider != Provider::Cpu {
        return Err(DetectError::Provider {
            provider: choice.provider.name(),
            problem:
                "tract computes on the processor alone; choose detect.runtime = \"onnxruntime\""
                    .into(),
        });
    }
    let mut detectors: Vec<Box<dyn Detector>> = Vec::new();
    for model in models(&fp32(choice))? {
        detectors.push(Box::new(super::Tract::new(model)?));
    }
    Ok((detectors, super::tract::LIBRARY.to_owned()))
}

#[cfg(not(feature = "tract"))]
fn tract(_: &Choice<'_>) -> Result<Opened, DetectError> {
    Err(DetectError::NotBuiltIn {
        runtime: "tract",
        feature: "tract",
    })
}
