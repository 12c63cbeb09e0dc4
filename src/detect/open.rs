//! Makes the detectors that the settings ask for.
//!
//! In: cards (or none for those built in), a precision, a runtime. Out: detectors ready to look, and the runtime's
//! name for the log. Refuses: what this build or a card does not have, rather than taking something else.

use std::path::{Path, PathBuf};

use super::{DetectError, Detector, Model, Precision, Provider};

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

/// The chosen models, without what runs them.
///
/// # Errors
///
/// [`DetectError`] when a model cannot be loaded; [`DetectError::SameTitle`] where the log could not tell two apart.
pub fn models(choice: &Choice<'_>) -> Result<Vec<Model>, DetectError> {
    // A card's default may be int8, which only the processor's kernels of ONNX Runtime are good at.
    let is_elsewhere = choice.engine == Engine::Tract || choice.provider != Provider::Cpu;
    let precision = match choice.precision {
        None if is_elsewhere => Some(Precision::Fp32),
        precision => precision,
    };
    if choice.cards.is_empty() {
        return Model::embedded(precision);
    }
    let mut models: Vec<Model> = Vec::new();
    for card in choice.cards {
        let model = Model::load(card, precision)?;
        if models.iter().any(|other| other.title() == model.title()) {
            return Err(DetectError::SameTitle {
                path: card.clone(),
                title: model.title().to_owned(),
            });
        }
        models.push(model);
    }
    Ok(models)
}

#[cfg(feature = "onnx")]
fn onnxruntime(choice: &Choice<'_>) -> Result<Opened, DetectError> {
    use super::library::identify_provider;
    use super::{Onnx, Runtime, runtime_library};
    let provider = choice.provider;
    let is_elsewhere = provider != Provider::Cpu;
    let models = models(choice)?;
    let library = runtime_library(choice.library);
    let runtime = Runtime::load(&library, choice.library_sha256)?;
    let mut name = runtime.version().to_owned();
    if is_elsewhere {
        name += " on ";
        name += &identify_provider(provider, &library, choice.provider_sha256)?;
    }
    let mut detectors: Vec<Box<dyn Detector>> = Vec::new();
    for model in models {
        let detector = if is_elsewhere {
            Onnx::on(provider, runtime, model)?
        } else {
            Onnx::new(runtime, model, choice.workers)?
        };
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
    for model in models(choice)? {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The log names a model by its title alone.
    #[test]
    fn two_models_of_one_title_are_refused() {
        let card = |name: &str| {
            let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
            models.join(name).with_extension("toml")
        };
        let titles = |cards: &[PathBuf], engine| {
            let models = models(&Choice {
                cards,
                precision: None,
                engine,
                library: None,
                library_sha256: None,
                provider: Provider::Cpu,
                provider_sha256: None,
                workers: 1,
            })?;
            let titles = models.iter().map(|model| model.title().to_owned());
            Ok(titles.collect::<Vec<_>>())
        };
        let [people, windows] = ["person-vehicle-bicycle", "window"].map(card);
        let both = [people.clone(), windows.clone()];
        let found: Result<_, DetectError> = titles(&both, Engine::Tract);
        assert_eq!(
            found.unwrap(),
            ["person-vehicle-bicycle fp32", "window fp32"]
        );
        let error = titles(&[people.clone(), windows, people], Engine::OnnxRuntime).unwrap_err();
        assert!(
            matches!(&error, DetectError::SameTitle { title, .. } if title == "person-vehicle-bicycle int8"),
            "{error}"
        );
        assert!(error.is_settings());
    }
}
