//! A model's card.
//!
//! In: TOML text. Out: a [`ModelCard`]. Refuses: unknown keys, values that make no sense, files outside the card's
//! folder.
//!
//! What a card says about files, input and envelope (schema 2; the rest is in `models/README.md`):
//!
//! ```toml
//! schema = 2
//! name = "person-vehicle-bicycle"
//! version = "0.2.0"
//! licence = "MIT OR Apache-2.0"
//!
//! [files]                  # beside the card
//! default = "int8"         # which one `precision = "auto"` takes; "fp32" where there is no int8
//! fp32 = { file = "person-vehicle-bicycle.onnx", sha256 = "…" }
//! int8 = { file = "person-vehicle-bicycle.int8.onnx", sha256 = "…" }   # optional
//!
//! [input]
//! tensor = "frame"
//! multiple_of = 32
//! scale = "grey-255"
//! scales = [1.0, 0.5]      # optional, default [1.0]: the picture is looked at in each of these sizes
//! max_side = 1024          # optional, default 1024: larger pictures are looked at in overlapping slices
//!
//! [envelope]
//! beyond = "skip"          # optional, default "withhold"; "skip" only for windows: coarser frames are not looked at
//! # … the limits as before
//! ```

use std::path::Path;

use super::{Beyond, Class, DetectError, Envelope, Padding};

/// What a model's TOML card says; `models/README.md` explains the fields.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Version of the card's schema: 2.
    pub schema: u32,
    /// Name for the log.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// SPDX expression for the weights.
    pub licence: String,
    /// The model's files.
    pub files: FilesCard,
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

/// How a model's numbers are stored, and so how fast and how exactly it computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floating point.
    Fp32,
    /// 8-bit integers, quantised after training.
    Int8,
}

impl Precision {
    /// Name on cards, in settings and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Int8 => "int8",
        }
    }
}

/// The files that a model comes in.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesCard {
    /// The one to take unless the settings name another.
    pub default: Precision,
    /// The network as it was trained.
    pub fp32: FileCard,
    /// The quantised network, where there is one.
    pub int8: Option<FileCard>,
}

/// One file beside the card.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileCard {
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

impl FilesCard {
    /// The file for `wanted`, else for the default; `None` where there is no such file.
    pub(super) fn choose(&self, wanted: Option<Precision>) -> Option<(Precision, &FileCard)> {
        let precision = wanted.unwrap_or(self.default);
        let file = match precision {
            Precision::Fp32 => Some(&self.fp32),
            Precision::Int8 => self.int8.as_ref(),
        };
        file.map(|file| (precision, file))
    }
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
    /// Sizes of the picture that the network looks at, 1 being the frame's own.
    #[serde(default = "own_size")]
    pub scales: Vec<f64>,
    /// Pictures with a longer side are looked at in overlapping slices.
    #[serde(default = "max_side")]
    pub max_side: usize,
}

fn own_size() -> Vec<f64> {
    vec![1.0]
}

fn max_side() -> usize {
    1024
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

/// The text as a card, with every promise of the card checked.
pub(super) fn parse(path: &Path, text: &str) -> Result<ModelCard, DetectError> {
    let wrong = |problem: String| DetectError::Card {
        path: path.to_path_buf(),
        problem,
    };
    let card: ModelCard = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    check(&card).map_err(wrong)?;
    Ok(card)
}

fn check(card: &ModelCard) -> Result<(), String> {
    if card.schema != 2 {
        return Err(format!("schema {} is not known; 2 is", card.schema));
    }
    check_files(&card.files)?;
    let input = &card.input;
    if input.scale != "grey-255" {
        return Err(format!(
            "input scale {:?} is not known; \"grey-255\" is",
            input.scale
        ));
    }
    if card.class.is_empty() || card.output.stride == 0 {
        return Err("classes and output.stride must not be empty or 0".into());
    }
    if input.multiple_of == 0 || !input.multiple_of.is_multiple_of(card.output.stride) {
        return Err(format!(
            "input.multiple_of = {} must be a multiple of output.stride = {}",
            input.multiple_of, card.output.stride
        ));
    }
    let scales = 1..=8;
    if !scales.contains(&input.scales.len())
        || !input
            .scales
            .iter()
            .all(|scale| (0.05..=1.0).contains(scale))
    {
        return Err("input.scales must be one to eight numbers from 0.05 to 1".into());
    }
    if !(256..=8192).contains(&input.max_side) || !input.max_side.is_multiple_of(input.multiple_of)
    {
        return Err(format!(
            "input.max_side = {} must lie in 256..8192 and be a multiple of input.multiple_of = {}",
            input.max_side, input.multiple_of
        ));
    }
    for class in &card.class {
        let sound = (0.0..=1.0).contains(&class.threshold)
            && (class.threshold..=1.0).contains(&class.alarm)
            && (0.0..=4.0).contains(&class.padding)
            && (0.0..=100.0).contains(&class.padding_px);
        if !sound {
            return Err(format!(
                "class {}: threshold must lie in 0..1, alarm between it and 1, padding in 0..4, padding_px in 0..100",
                class.name.name()
            ));
        }
    }
    let only_windows = card.class.iter().all(|class| class.name == Class::Window);
    if card.envelope.beyond == Beyond::Skip && !only_windows {
        return Err("envelope.beyond = \"skip\" is for models that find windows alone".into());
    }
    Ok(())
}

fn check_files(files: &FilesCard) -> Result<(), String> {
    for FileCard { file, .. } in [Some(&files.fp32), files.int8.as_ref()]
        .into_iter()
        .flatten()
    {
        let path = Path::new(file);
        if path.components().count() != 1 || path.file_name().is_none() {
            return Err(format!("file = {file:?} must name a file beside the card"));
        }
    }
    if files.choose(None).is_none() {
        return Err("files.default = \"int8\", but there is no files.int8".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = include_str!("../../models/person-vehicle-bicycle.toml");

    fn changed(from: &str, to: &str) -> String {
        let card = CARD.replacen(from, to, 1);
        assert_ne!(card, CARD, "{from}");
        card
    }

    #[test]
    fn a_card_cannot_point_outside_its_folder() {
        let card = changed(
            "file = \"person-vehicle-bicycle.onnx\"",
            "file = \"../../etc/passwd\"",
        );
        let error = parse(Path::new("c"), &card).unwrap_err();
        assert!(error.to_string().contains("beside the card"), "{error}");
    }

    #[test]
    fn a_precision_without_a_file_is_refused_with_the_remedy() {
        let card = parse(Path::new("c"), CARD).unwrap();
        let only_fp32 = FilesCard {
            int8: None,
            default: Precision::Fp32,
            ..card.files
        };
        assert!(only_fp32.choose(Some(Precision::Int8)).is_none());
        assert!(
            check_files(&FilesCard {
                default: Precision::Int8,
                ..only_fp32
            })
            .is_err()
        );
    }

    #[test]
    fn cards_that_make_no_sense_are_refused() {
        for (from, to) in [
            ("schema = 2", "surprise = 1\nschema = 2"),
            ("schema = 2", "schema = 1"),
            ("multiple_of = 32", "multiple_of = 0"),
            ("multiple_of = 32", "multiple_of = 30"),
            ("multiple_of = 32", "multiple_of = 32\nscales = []"),
            ("multiple_of = 32", "multiple_of = 32\nscales = [1.0, nan]"),
            ("multiple_of = 32", "multiple_of = 32\nscales = [2.0]"),
            ("multiple_of = 32", "multiple_of = 32\nmax_side = 1000"),
            ("multiple_of = 32", "multiple_of = 32\nmax_side = 96"),
            ("padding = 0.5", "padding = -1"),
            ("[envelope]", "[envelope]\nbeyond = \"skip\""),
            ("[envelope]", "[envelope]\nbeyond = \"publish\""),
        ] {
            let error = parse(Path::new("c"), &changed(from, to)).unwrap_err();
            assert!(matches!(error, DetectError::Card { .. }), "{to}");
        }
    }

    #[test]
    fn without_a_word_on_size_the_frame_is_looked_at_as_it_is() {
        let card = parse(Path::new("c"), CARD).unwrap();
        assert_eq!(card.input.scales, [1.0]);
        assert_eq!(card.input.max_side, 1024);
    }
}
