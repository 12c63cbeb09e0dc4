//! A model: its card, and the file that is run.
//!
//! In: a card and bytes. Out: a [`Model`], whose bytes have the SHA-256 on its card. Refuses: other bytes, a
//! precision that the card has no file for.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::model_card::parse;
use super::{DetectError, ModelCard, Precision};
use crate::hex;
use crate::outside;

/// Bytes of a card and of a model.
const LONGEST_CARD: u64 = 1 << 20;
const LONGEST_MODEL: u64 = 1 << 30;

/// A card and one of the files that belong to it.
#[derive(Clone)]
pub struct Model {
    card: ModelCard,
    precision: Precision,
    title: String,
    bytes: Vec<u8>,
    sha256: [u8; 32],
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Model({} {} {}, {} bytes)",
            self.card.name,
            self.card.version,
            self.precision.name(),
            self.bytes.len()
        )
    }
}

impl Model {
    /// Reads a card and the model beside it, in the card's default precision or another.
    ///
    /// # Errors
    ///
    /// [`DetectError`] when either cannot be read, the card is not valid, has no such precision, or the hash
    /// differs.
    pub fn load(card_path: &Path, wanted: Option<Precision>) -> Result<Self, DetectError> {
        let text = String::from_utf8(read(card_path, LONGEST_CARD)?).map_err(|error| {
            DetectError::Card {
                path: card_path.to_path_buf(),
                problem: error.to_string(),
            }
        })?;
        Self::new(card_path, &text, wanted, |file| {
            read(&card_path.with_file_name(file), LONGEST_MODEL)
        })
    }

    /// Checks a card's text, then the file that `bytes` gives for the chosen name.
    pub(super) fn new(
        card_path: &Path,
        text: &str,
        wanted: Option<Precision>,
        bytes: impl FnOnce(&str) -> Result<Vec<u8>, DetectError>,
    ) -> Result<Self, DetectError> {
        let card = parse(card_path, text)?;
        let (precision, file) = card.files.choose(wanted).ok_or_else(|| DetectError::Card {
            path: card_path.to_path_buf(),
            problem: "it names no int8 file; leave detect.precision at auto".into(),
        })?;
        let bytes = bytes(&file.file)?;
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let found = hex::encode(&sha256);
        if found != file.sha256 {
            return Err(DetectError::WrongHash {
                path: card_path.with_file_name(&file.file),
                expected: file.sha256.clone(),
                found,
            });
        }
        Ok(Self {
            title: format!("{} {}", card.name, precision.name()),
            card,
            precision,
            bytes,
            sha256,
        })
    }

    /// What the card says.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Name and precision, for the log: `person-vehicle-bicycle int8`.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Which of the card's files this is.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
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

fn read(path: &Path, most: u64) -> Result<Vec<u8>, DetectError> {
    outside::read(path, most).map_err(|source| DetectError::Io {
        path: path.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_under_the_same_card_is_refused() {
        let card = include_str!("../../models/person-vehicle-bicycle.toml");
        let path = Path::new("m/card.toml");
        let error = Model::new(path, card, None, |_| Ok(b"other".to_vec())).unwrap_err();
        assert!(matches!(error, DetectError::WrongHash { .. }));
        assert!(
            error.to_string().contains("m/person-vehicle-bicycle"),
            "{error}"
        );
    }
}
