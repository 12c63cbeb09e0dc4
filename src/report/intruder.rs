//! What an attacker got back from published frames and maps, as `make intruder` measured it.
//!
//! In: the models and policies of a run. Out: the figures of the committed test (`models/intruder.json`, docs/assurance.md), where it was of the same
//! models. Refuses: figures for other models.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::facts::Facts;
use crate::audit::ModelId;
use crate::page;

const MEASURED: &str = include_str!("../../models/intruder.json");

/// What was done with people, as the test names it and as the page does.
const POLICIES: [(&str, &str); 5] = [
    ("true", "Nothing (not offered)"),
    ("blur", "Blurred (not offered)"),
    ("mosaic", "Made coarse blocks (not offered)"),
    ("mean", "Levelled to their mean"),
    ("nodata", "Removed"),
];

#[derive(Deserialize)]
struct Measured {
    date: String,
    command: String,
    flown: u64,
    models: Vec<ModelId>,
    people: u64,
    detector: BTreeMap<String, Found>,
    map: BTreeMap<String, Found>,
    inverse: BTreeMap<String, Choices>,
}

#[derive(Deserialize)]
struct Found {
    found: u64,
    of: u64,
}

/// How often a picture drawn again is more like its own person than like another.
#[derive(Deserialize)]
struct Choices {
    share: f64,
    low: f64,
    high: f64,
    people: u64,
}

/// The test of the models of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Intruder {
    /// Who attacked what, in sentences.
    pub(super) test: String,
    pub(super) rows: Vec<Row>,
    /// The published map, in a sentence.
    pub(super) map: String,
    /// People behind the last column.
    pub(super) people: String,
}

/// One policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) policy: String,
    pub(super) found: String,
    pub(super) alike: String,
}

impl Intruder {
    /// The committed test; `None` where it was of other models than those of the run.
    pub(super) fn of(facts: &Facts) -> Option<Self> {
        let measured: Measured = serde_json::from_str(MEASURED).ok()?;
        let in_run = facts.masks.policies.get("person");
        measured
            .is_of(&facts.opened.models)
            .then(|| Self::new(&measured, in_run))
            .flatten()
    }

    fn new(measured: &Measured, in_run: Option<&BTreeSet<String>>) -> Option<Self> {
        let Measured {
            detector,
            map,
            inverse,
            ..
        } = measured;
        let row = |(name, words): (&str, &str)| {
            let (found, choices) = (detector.get(name)?, inverse.get(name)?);
            let here = in_run.is_some_and(|policies| policies.contains(name));
            let Choices {
                share, low, high, ..
            } = choices;
            Some(Row {
                policy: format!("{words}{}", if here { ", as in this run" } else { "" }),
                found: of(found),
                alike: format!("{share:.2} ({low:.2} to {high:.2})"),
            })
        };
        let (open, shown) = (map.get("unmasked")?, map.get("published")?);
        Some(Self {
            test: format!(
                "On {} an attacker was played (\u{201c}{}\u{201d}) on a simulated flight of {} that this program had published with these models: {} of people whose \
                 places are known.",
                measured.date,
                measured.command,
                page::count(measured.flown, "frame"),
                page::count(measured.people, "sight"),
            ),
            rows: POLICIES.into_iter().map(row).collect::<Option<_>>()?,
            map: format!(
                "In the published map the detector found {} where they stood; with nothing masked it would have been {}.",
                of(shown),
                of(open)
            ),
            people: page::number(inverse.get("nodata")?.people),
        })
    }
}

impl Measured {
    /// Whether the run's models are those that were tested; one that may leave out frames finds no people and may be missing.
    fn is_of(&self, run: &[ModelId]) -> bool {
        let among = |models: &[ModelId], one: &ModelId| {
            models.iter().any(|model| model.sha256 == one.sha256)
        };
        let mut needed = self.models.iter().filter(|model| !model.skips);
        needed.all(|model| among(run, model))
            && !run.is_empty()
            && run.iter().all(|model| among(&self.models, model))
    }
}

fn of(Found { found, of }: &Found) -> String {
    format!("{} of {}", page::number(*found), page::number(*of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(sha256: &str, skips: bool) -> ModelId {
        ModelId {
            name: String::new(),
            sha256: sha256.into(),
            skips,
        }
    }

    #[test]
    fn only_the_models_that_were_tested_have_figures() {
        let mut measured: Measured = serde_json::from_str(MEASURED).unwrap();
        measured.models = vec![model("people", false), model("windows", true)];
        let run = |names: &[&str]| {
            let models: Vec<_> = names.iter().map(|name| model(name, false)).collect();
            measured.is_of(&models)
        };
        assert!(run(&["people", "windows"]) && run(&["people"]));
        assert!(!run(&["windows"]) && !run(&["people", "other"]) && !run(&[]));
    }

    /// Of `docs/assurance.md`, The intruder.
    #[test]
    fn the_committed_figures_are_those_of_the_documentation() {
        let measured: Measured = serde_json::from_str(MEASURED).unwrap();
        let in_run = BTreeSet::from(["nodata".to_owned()]);
        let told = Intruder::new(&measured, Some(&in_run)).unwrap();
        let docs = include_str!("../../docs/assurance.md");
        for row in &told.rows[..2] {
            assert!(docs.contains(&format!("| {} |", row.found)), "{row:?}");
        }
        assert_eq!(told.rows[4].policy, "Removed, as in this run");
        let nodata = &measured.inverse["nodata"];
        let row = format!(
            "| `nodata` | {:.3} ({:.3} to {:.3}) | {} |",
            nodata.share, nodata.low, nodata.high, told.people
        );
        assert!(docs.contains(&row), "{row}");
    }
}
