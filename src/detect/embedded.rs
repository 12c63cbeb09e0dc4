//! The models that are built in.

use std::path::Path;

use super::{DetectError, Model, Precision};

/// A card and the files it names, as they lie in `models/`.
struct Embedded {
    path: &'static str,
    card: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

/// `models/NAME.toml` with `models/NAME` plus each ending.
macro_rules! embedded {
    ($name:literal, $($ending:literal),+) => {
        Embedded {
            path: concat!("models/", $name, ".toml"),
            card: include_str!(concat!("../../models/", $name, ".toml")),
            files: &[$((
                concat!($name, $ending),
                include_bytes!(concat!("../../models/", $name, $ending)),
            )),+],
        }
    };
}

/// In the order in which they look.
const EMBEDDED: &[Embedded] = &[embedded!("person-vehicle-bicycle", ".onnx")];

impl Model {
    /// The models that are built in, each in its card's default precision or all in another.
    ///
    /// # Errors
    ///
    /// [`DetectError`] when a card names no file of that precision, or the package was built with a file that
    /// does not match its card.
    pub fn embedded(wanted: Option<Precision>) -> Result<Vec<Self>, DetectError> {
        EMBEDDED.iter().map(|model| model.open(wanted)).collect()
    }
}

impl Embedded {
    fn open(&self, wanted: Option<Precision>) -> Result<Model, DetectError> {
        let path = Path::new(self.path);
        Model::new(path, self.card, wanted, |name| {
            let built_in = self.files.iter().find(|(file, _)| *file == name);
            let (_, bytes) = built_in.ok_or_else(|| DetectError::Card {
                path: path.to_path_buf(),
                problem: format!("{name} is not built in"),
            })?;
            Ok(bytes.to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Class;

    #[test]
    fn every_file_that_is_built_in_is_the_one_on_its_card() {
        for embedded in EMBEDDED {
            let card = embedded.open(None).unwrap().card().clone();
            for file in [Some(card.files.fp32), card.files.int8]
                .into_iter()
                .flatten()
            {
                assert!(embedded.files.iter().any(|(name, _)| *name == file.file));
            }
            assert!(embedded.open(Some(Precision::Fp32)).is_ok());
            if embedded.files.len() > 1 {
                assert!(embedded.open(Some(Precision::Int8)).is_ok());
            }
        }
    }

    #[test]
    fn the_first_of_them_looks_for_persons() {
        let models = Model::embedded(None).unwrap();
        assert_eq!(models[0].card().class[0].name, Class::Person);
    }
}
