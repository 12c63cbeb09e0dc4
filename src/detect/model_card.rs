//! A model and the card that says what it is, checked against each other.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Class, DetectError, Envelope, Padding};
use crate::hex;

/// What a model's TOML card says; `models/README.md` explains the fields.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Version of the card's schema: 1.
    pub schema: u32,
    /// Name for the log.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Model file, beside the card.
    pub file: String,
    /// SHA-256 of the model file, hex.
    pub sha256: String,
    /// SPDX expression for the weights.
    pub licence: String,
    /// The network's input.
    pub input: InputCard,
    /// The network's outputs.
    pub output: OutputCard,
    /// Classes in the order of the channels.
    pub class: Vec<ClassCard>,
    /// Frames the evaluation covers.
    pub envelope: Envelope,
    /// Data, licence, script: for people, and kept as they are.
    pub training: toml::Table,
    /// Figures: for people, and kept as they are.
    pub evaluation: toml::Table,
    /// Known failures and what was never tested.
    pub limits: toml::Table,
}

/// The network's input: one grey picture `[1, 1, H, W]`, `f32`, 0 to 255.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputCard {
    /// Name of the tensor.
    pub tensor: String,
    /// Both sides must be a multiple of this.
    pub multiple_of: usize,
    /// How values are scaled; `grey-255` is the only one known.
    pub scale: String,
}

/// The network's outputs on a grid of cells.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputCard {
    /// Tensor `[1, classes, H/stride, W/stride]`: 0 to 1, local maxima only.
    pub scores: String,
    /// Tensor `[1, 4, H/stride, W/stride]`: pixels from the cell's centre to left, top, right, bottom.
    pub distances: String,
    /// Pixels per cell.
    pub stride: usize,
}

/// One channel of the network.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassCard {
    /// What it finds.
    pub name: Class,
    /// Scores below this are not reported; everything above is masked.
    pub threshold: f32,
    /// From this score on, a find that the grown mask still does not hide withholds the frame. Above
    /// `threshold`: masking changes the picture a little, and what hovers at the threshold comes and goes.
    pub alarm: f32,
    /// Share of the box's own size that the mask adds on each side.
    pub padding: f32,
    /// Pixels that the mask adds at least on each side.
    pub padding_px: f32,
}

impl ClassCard {
    /// How far the mask reaches past the box.
    #[must_use]
    pub fn padding(&self) -> Padding {
        Padding {
            fraction: self.padding,
            px: self.padding_px,
        }
    }
}

/// A card and the bytes it belongs to.
pub struct Model {
    card: ModelCard,
    bytes: Vec<u8>,
    sha256: [u8; 32],
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Model({} {}, {} bytes)",
            self.card.name,
            self.card.version,
            self.bytes.len()
        )
    }
}

impl Model {
    /// The model that is built in.
    ///
    /// # Errors
    ///
    /// [`DetectError`] when the package was built with a card that does not match.
    pub fn embedded() -> Result<Self, DetectError> {
        let card = include_str!("../../models/person-vehicle-bicycle.toml");
        let bytes = include_bytes!("../../models/person-vehicle-bicycle.onnx");
        Self::new(
            Path::new("models/person-vehicle-bicycle.toml"),
            card,
            bytes.to_vec(),
        )
    }

    /// Reads a card and the model beside it.
    ///
    /// # Errors
    ///
    /// [`DetectError`] when either cannot be read, the card is not valid, or the hash differs.
    pub fn load(card_path: &Path) -> Result<Self, DetectError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| DetectError::Io {
                path: path.to_path_buf(),
                source,
            })
        };
        let card_error = |problem: String| DetectError::Card {
            path: card_path.to_path_buf(),
            problem,
        };
        let text =
            String::from_utf8(read(card_path)?).map_err(|error| card_error(error.to_string()))?;
        let card = parse(card_path, &text)?;
        let file = Path::new(&card.file);
        if file.components().count() != 1 || file.file_name().is_none() {
            return Err(card_error(format!(
                "file = {:?} must name a file beside the card",
                card.file
            )));
        }
        let bytes = read(&card_path.with_file_name(file))?;
        Self::new(card_path, &text, bytes)
    }

    fn new(card_path: &Path, text: &str, bytes: Vec<u8>) -> Result<Self, DetectError> {
        let card = parse(card_path, text)?;
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let found = hex::encode(&sha256);
        if found != card.sha256 {
            let path: PathBuf = card_path.with_file_name(&card.file);
            return Err(DetectError::WrongHash {
                path,
                expected: card.sha256,
                found,
            });
        }
        Ok(Self {
            card,
            bytes,
            sha256,
        })
    }

    /// What the card says.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The ONNX file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the ONNX file.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

fn parse(path: &Path, text: &str) -> Result<ModelCard, DetectError> {
    let wrong = |problem: String| DetectError::Card {
        path: path.to_path_buf(),
        problem,
    };
    let card: ModelCard = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if card.schema != 1 {
        return Err(wrong(format!("schema {} is not known; 1 is", card.schema)));
    }
    if card.input.scale != "grey-255" {
        return Err(wrong(format!(
            "input scale {:?} is not known; \"grey-255\" is",
            card.input.scale
        )));
    }
    if card.class.is_empty() || card.output.stride == 0 || card.input.multiple_of == 0 {
        return Err(wrong(
            "classes, output.stride and input.multiple_of must not be empty or 0".into(),
        ));
    }
    for class in &card.class {
        let sound = (0.0..=1.0).contains(&class.threshold)
            && (class.threshold..=1.0).contains(&class.alarm)
            && (0.0..=4.0).contains(&class.padding)
            && (0.0..=100.0).contains(&class.padding_px);
        if !sound {
            return Err(wrong(format!(
                "class {}: threshold must lie in 0..1, alarm between it and 1, padding in 0..4, padding_px in 0..100",
                class.name.name()
            )));
        }
    }
    Ok(card)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_model_matches_its_card() {
        let model = Model::embedded().unwrap();
        assert_eq!(
            model.card().class.first().map(|class| class.name),
            Some(Class::Person)
        );
    }

    #[test]
    fn another_file_under_the_same_card_is_refused() {
        let card = include_str!("../../models/person-vehicle-bicycle.toml");
        let error = Model::new(Path::new("m/card.toml"), card, b"other".to_vec()).unwrap_err();
        assert!(matches!(error, DetectError::WrongHash { .. }));
        assert!(
            error.to_string().contains("m/person-vehicle-bicycle.onnx"),
            "{error}"
        );
    }

    #[test]
    fn a_card_cannot_point_outside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let card = include_str!("../../models/person-vehicle-bicycle.toml").replace(
            "file = \"person-vehicle-bicycle.onnx\"",
            "file = \"../../etc/passwd\"",
        );
        let path = folder.path().join("card.toml");
        crate::store::write_secret(&path, card.as_bytes()).unwrap();
        let error = Model::load(&path).unwrap_err();
        assert!(error.to_string().contains("beside the card"), "{error}");
    }

    #[test]
    fn unknown_keys_on_a_card_are_refused() {
        let card = format!(
            "surprise = 1\n{}",
            include_str!("../../models/person-vehicle-bicycle.toml")
        );
        assert!(matches!(
            parse(Path::new("c"), &card),
            Err(DetectError::Card { .. })
        ));
    }
}
