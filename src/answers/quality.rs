//! How sure the detectors are, from their cards.
//!
//! In: model cards and the models that the log names. Out: figures of the cards whose file's hash stands in the log. Refuses: to quote the card of
//! a model that did not run.

use crate::audit::ModelId;
use crate::detect::ModelCard;

/// How well a model did on labelled pictures that it was not trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Name and version of the model.
    pub model: String,
    /// What it finds.
    pub class: String,
    /// Labelled things in the evaluation.
    pub objects: u32,
    /// Share of them that it found, 0 to 1.
    pub recall: f64,
    /// Share of them of which at least four fifths were hidden by the padded finds, with its 95 % interval where the card has one.
    pub covered: f64,
    /// Ends of that interval.
    pub covered_interval: Option<[f64; 2]>,
}

impl Quality {
    /// The figures of the models that ran, as far as their cards are at hand.
    #[must_use]
    pub fn of(cards: &[ModelCard], models: &[ModelId]) -> Vec<Self> {
        let ran = |card: &&ModelCard| {
            let mut hashes = std::iter::once(&card.files.fp32).chain(&card.files.int8);
            hashes.any(|file| models.iter().any(|model| model.sha256 == file.sha256))
        };
        cards.iter().filter(ran).flat_map(figures).collect()
    }
}

/// `evaluation.scene_disjoint.operating_point` of models by class, `evaluation.buildings` of the window model (`models/README.md`).
fn figures(card: &ModelCard) -> Vec<Quality> {
    let model = format!("{} {}", card.name, card.version);
    let disjoint = card.evaluation.get("scene_disjoint");
    let points = disjoint
        .and_then(|view| view.get("operating_point"))
        .and_then(toml::Value::as_array);
    let by_class = points.into_iter().flatten().filter_map(|point| {
        Some(Quality {
            model: model.clone(),
            class: point.get("class")?.as_str()?.to_owned(),
            objects: whole(point, "objects")?,
            recall: number(point, "recall")?,
            covered: number(point, "objects_80_covered")?,
            covered_interval: interval(point, "objects_80_covered_ci"),
        })
    });
    let buildings = card
        .evaluation
        .get("buildings")
        .and_then(toml::Value::as_array);
    let both = buildings
        .into_iter()
        .flatten()
        .filter(|row| row.get("building").and_then(toml::Value::as_str) == Some("both"));
    let windows = both.filter_map(|row| {
        let objects = whole(row, "windows")?;
        Some(Quality {
            model: model.clone(),
            class: "window".into(),
            objects,
            recall: number(row, "recall")?,
            covered: f64::from(whole(row, "covered_80")?) / f64::from(objects.max(1)),
            covered_interval: interval(row, "covered_80_ci"),
        })
    });
    by_class.chain(windows).collect()
}

fn number(table: &toml::Value, name: &str) -> Option<f64> {
    let value = table.get(name)?;
    value.as_float().filter(|share| (0.0..=1.0).contains(share))
}

fn whole(table: &toml::Value, name: &str) -> Option<u32> {
    u32::try_from(table.get(name)?.as_integer()?).ok()
}

fn interval(table: &toml::Value, name: &str) -> Option<[f64; 2]> {
    let ends: Vec<f64> = table
        .get(name)?
        .as_array()?
        .iter()
        .filter_map(toml::Value::as_float)
        .collect();
    ends.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Model;

    #[test]
    fn only_the_cards_of_models_that_ran_are_quoted() {
        let cards: Vec<ModelCard> = Model::embedded(None)
            .unwrap()
            .iter()
            .map(|model| model.card().clone())
            .collect();
        let ran = |sha256: &str| ModelId {
            name: "x".into(),
            sha256: sha256.into(),
            skips: false,
        };
        assert!(Quality::of(&cards, &[ran("00")]).is_empty());
        // models/person-vehicle-bicycle.toml, int8, and models/window.toml, fp32: read there by eye.
        let both = [
            ran("e9be39f0193104ecd490ba7522e1187e1bb943fc364b05a6386438f17b581d29"),
            ran("ede980a9106e4ccab638a5536d0d3b7e756c491d7b88a1cc2d57607aa06d3e42"),
        ];
        let found = Quality::of(&cards, &both);
        let classes: Vec<&str> = found.iter().map(|quality| quality.class.as_str()).collect();
        assert_eq!(classes, ["person", "vehicle", "bicycle", "window"]);
        assert_eq!((found[0].objects, found[3].objects), (8686, 47));
        assert!(
            (found[0].recall - 0.8752).abs() < 1e-9 && (found[0].covered - 0.9455).abs() < 1e-9
        );
        assert_eq!(found[0].covered_interval, Some([0.8976, 0.9848]));
        assert!((found[3].covered - 37.0 / 47.0).abs() < 1e-9);
    }
}
