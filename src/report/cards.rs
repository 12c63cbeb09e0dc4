//! The models of a run with the figures of their cards.
//!
//! In: models by name and hash, as the log has them. Out: what their cards say, where a card of that very file is built in. Refuses:
//! figures for a model that is not the one that ran.

use serde::Deserialize;
use toml::Table;

use crate::audit::ModelId;
use crate::detect::{Model, ModelCard, Precision};
use crate::hex;
use crate::page;

/// A model that ran.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) sha256: String,
    /// Whether it leaves out frames coarser than its evaluation.
    pub(super) skips: bool,
    /// `None` where no card of this file is built in.
    pub(super) figures: Option<Figures>,
}

/// What a card says, in words.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) version: String,
    pub(super) licence: String,
    pub(super) finds: String,
    pub(super) training: String,
    pub(super) attribution: String,
    pub(super) envelope: String,
    pub(super) unseen: Option<Unseen>,
    pub(super) buildings: Vec<Labelled>,
    pub(super) known: Vec<String>,
    pub(super) untested: Vec<String>,
}

/// Persons in places that the network never saw.
#[derive(Debug)]
pub(super) struct Unseen {
    pub(super) persons: u64,
    /// Persons of whom at least 80 % are hidden, share of one.
    pub(super) covered: f64,
    /// Its 95 % interval, whole scenes resampled.
    pub(super) interval: [f64; 2],
    pub(super) day: Option<f64>,
    pub(super) night: Option<f64>,
    pub(super) scenes: u64,
    pub(super) frames: u64,
    /// The same on frames like those of the training.
    pub(super) leaky: Option<f64>,
    pub(super) by_size: Vec<Size>,
}

/// Persons of one size.
#[derive(Debug)]
pub(super) struct Size {
    pub(super) pixels: String,
    pub(super) persons: String,
    pub(super) found: String,
    pub(super) covered: String,
}

/// Windows of labelled buildings.
#[derive(Debug)]
pub(super) struct Labelled {
    pub(super) building: String,
    pub(super) found: String,
    pub(super) recall: String,
    pub(super) covered: String,
}

#[derive(Deserialize)]
struct Evaluation {
    scene_disjoint: Option<Split>,
    leaky: Option<Split>,
    #[serde(default)]
    buildings: Vec<Building>,
}

#[derive(Deserialize)]
struct Split {
    frames: u64,
    scenes: u64,
    operating_point: Vec<Point>,
    by_size: Vec<Bucket>,
    subsets: Vec<Subset>,
}

#[derive(Deserialize)]
struct Point {
    class: String,
    objects: u64,
    objects_80_covered: f64,
    objects_80_covered_ci: [f64; 2],
}

#[derive(Deserialize)]
struct Bucket {
    class: String,
    min_px: f64,
    max_px: Option<f64>,
    objects: u64,
    recall: f64,
    objects_80_covered: f64,
}

#[derive(Deserialize)]
struct Subset {
    subset: String,
    objects_80_covered: f64,
}

#[derive(Deserialize)]
struct Building {
    #[serde(rename = "building")]
    name: String,
    windows: u64,
    found: u64,
    recall: f64,
    recall_ci: [f64; 2],
    covered_80: u64,
}

/// The models of a run, in the order in which they look.
pub(super) fn cards(models: &[ModelId]) -> Vec<Card> {
    let built_in: Vec<Model> = [Precision::Int8, Precision::Fp32]
        .into_iter()
        .filter_map(|precision| Model::embedded(Some(precision)).ok())
        .flatten()
        .collect();
    let card = |id: &ModelId| {
        let same = |model: &&Model| hex::encode(&model.sha256()) == id.sha256;
        Card {
            name: id.name.clone(),
            sha256: id.sha256.clone(),
            skips: id.skips,
            figures: built_in
                .iter()
                .find(same)
                .map(|model| figures(model.card())),
        }
    };
    models.iter().map(card).collect()
}

fn figures(card: &ModelCard) -> Figures {
    let evaluation: Option<Evaluation> = card.evaluation.clone().try_into().ok();
    let (split, leaky, buildings) = match evaluation {
        Some(found) => (found.scene_disjoint, found.leaky, found.buildings),
        None => (None, None, Vec::new()),
    };
    let training = &card.training;
    let classes: Vec<_> = card.class.iter().map(|class| class.name.name()).collect();
    let envelope = card.envelope;
    Figures {
        version: card.version.clone(),
        licence: card.licence.clone(),
        finds: page::joined(&classes),
        training: text(training, "data"),
        attribution: text(training, "attribution"),
        envelope: format!(
            "{} to {} m of ground a pixel, {} x {} pixels and more, {} to {} \u{b0}C",
            envelope.min_ground_resolution_m,
            envelope.max_ground_resolution_m,
            envelope.min_width,
            envelope.min_height,
            envelope.min_celsius,
            envelope.max_celsius
        ),
        unseen: split.and_then(|split| unseen(&split, leaky.as_ref())),
        buildings: buildings.iter().map(labelled).collect(),
        known: texts(&card.limits, "known"),
        untested: texts(&card.limits, "untested"),
    }
}

fn unseen(split: &Split, leaky: Option<&Split>) -> Option<Unseen> {
    let person = |split: &Split| -> Option<(u64, f64, [f64; 2])> {
        let mut points = split.operating_point.iter();
        let point = points.find(|point| point.class == "person")?;
        Some((
            point.objects,
            point.objects_80_covered,
            point.objects_80_covered_ci,
        ))
    };
    let subset = |name: &str| {
        let mut subsets = split.subsets.iter();
        let found = subsets.find(|subset| subset.subset == name)?;
        Some(found.objects_80_covered)
    };
    let (persons, covered, interval) = person(split)?;
    let sizes = split.by_size.iter().filter(|size| size.class == "person");
    Some(Unseen {
        persons,
        covered,
        interval,
        day: subset("day"),
        night: subset("night"),
        scenes: split.scenes,
        frames: split.frames,
        leaky: leaky.and_then(person).map(|(_, covered, _)| covered),
        by_size: sizes.map(size).collect(),
    })
}

fn size(bucket: &Bucket) -> Size {
    let pixels = match bucket.max_px {
        Some(most) if bucket.min_px > 0.0 => format!("{} to {most}", bucket.min_px),
        Some(most) => format!("below {most}"),
        None => format!("{} and more", bucket.min_px),
    };
    let share = |share: f64| interval_of(share, wilson(share, bucket.objects));
    Size {
        pixels,
        persons: page::number(bucket.objects),
        found: share(bucket.recall),
        covered: share(bucket.objects_80_covered),
    }
}

fn labelled(building: &Building) -> Labelled {
    Labelled {
        building: building.name.clone(),
        found: format!("{} of {}", building.found, building.windows),
        recall: interval_of(building.recall, building.recall_ci),
        covered: format!("{} of {}", building.covered_80, building.windows),
    }
}

/// A share with its interval: `94.6 % (89.8 to 98.5)`.
pub(super) fn interval_of(share: f64, [low, high]: [f64; 2]) -> String {
    let (low, high) = (low * 100.0, high * 100.0);
    format!("{} ({low:.1} to {high:.1})", page::percent(share))
}

/// 95 % score interval of a share of `objects` that are taken as independent (Wilson 1927, J. Am. Stat. Assoc. 22:209).
fn wilson(share: f64, objects: u64) -> [f64; 2] {
    const Z: f64 = 1.959_963_985;
    #[expect(clippy::cast_precision_loss, reason = "labelled objects are few")]
    let n = objects as f64;
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let middle = share + Z * Z / (2.0 * n);
    let scale = 1.0 + Z * Z / n;
    [middle - spread, middle + spread].map(|edge| (edge / scale).clamp(0.0, 1.0))
}

fn text(table: &Table, key: &str) -> String {
    let found = table.get(key).and_then(toml::Value::as_str);
    found.unwrap_or("not stated").to_owned()
}

fn texts(table: &Table, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(toml::Value::as_array);
    let texts = list.into_iter().flatten().filter_map(toml::Value::as_str);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_cards_give_the_figures_that_models_readme_names() {
        let models = Model::embedded(None).unwrap();
        let ids: Vec<_> = models
            .iter()
            .map(|model| ModelId {
                name: model.title().to_owned(),
                sha256: hex::encode(&model.sha256()),
                skips: false,
            })
            .collect();
        let cards = cards(&ids);
        let people = cards[0].figures.as_ref().unwrap().unseen.as_ref().unwrap();
        // models/README.md: "Over all three folds, 8,686 persons: … 80 % masked by the models alone .946".
        assert_eq!(
            (people.persons, page::percent(people.covered)),
            (8686, "94.6 %".into())
        );
        assert_eq!(people.by_size.len(), 6);
        let windows = &cards[1].figures.as_ref().unwrap().buildings;
        // models/README.md: "41 of 47, .87 (.75 to .94)".
        assert_eq!(windows.last().unwrap().found, "41 of 47");
        assert_eq!(windows.last().unwrap().recall, "87.2 % (74.8 to 94.0)");
    }

    #[test]
    fn a_model_that_is_not_built_in_has_no_figures() {
        let other = ModelId {
            name: "person-vehicle-bicycle int8".into(),
            sha256: "0a".repeat(32),
            skips: false,
        };
        assert!(cards(&[other])[0].figures.is_none());
    }

    #[test]
    fn the_score_interval_is_that_of_the_window_card() {
        // The intervals on the window card (`recall_ci`), which models/train/windows worked out in Python.
        for (share, of, low, high) in [
            (41.0 / 47.0, 47, 0.748, 0.940),
            (23.0 / 24.0, 24, 0.798, 0.993),
        ] {
            let [a, b] = wilson(share, of);
            assert!((a - low).abs() < 6e-4 && (b - high).abs() < 6e-4, "{a} {b}");
        }
    }
}
