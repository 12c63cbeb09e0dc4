//! The same homes in two surveys: what changed, and whether that can be said.
//!
//! In: two verified runs, before and after. Out: one [`Change`] a home that is in both, for `--json`, CSV and `GeoPackage`. Refuses:
//! folders that do not verify, and surveys whose figures are not made alike.

mod change;
mod error;
mod files;
mod matching;

use std::path::Path;

use serde_json::json;

pub use change::{Change, Claim};
pub use error::CompareError;
pub use files::{CHANGE_FIELDS, write};

use crate::audit::HeatLossParameters;
use crate::heatloss::Value;
use crate::published::Published;
use change::Night;

/// Two surveys, home by home.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Tree heads of both logs, before and after, hex.
    pub roots: [String; 2],
    /// EPSG code of the outlines.
    pub epsg: u32,
    /// Homes that are in both, in the order of the survey before.
    pub changes: Vec<Change>,
    /// Homes that are in one alone: before, after.
    pub alone: [usize; 2],
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Compares two runs. `key` is the verifier key of both, received by another way.
///
/// # Errors
///
/// [`CompareError`].
pub fn compare(before: &Path, after: &Path, key: Option<&str>) -> Result<Comparison, CompareError> {
    let runs = [Published::open(before, key)?, Published::open(after, key)?];
    let [a, b] = &runs;
    if a.root == b.root {
        return Err(CompareError::Same);
    }
    if a.epsg != b.epsg {
        return Err(CompareError::Crs {
            before: a.epsg,
            after: b.epsg,
        });
    }
    let nights = [night(a)?, night(b)?];
    alike(nights.map(|(_, parameters)| parameters))?;
    let (pairs, alone) = matching::pairs(&a.homes, &b.homes)?;
    let nights = nights.map(|(night, _)| night);
    let mut changes: Vec<Change> = pairs
        .into_iter()
        .map(|homes| Change::between(homes, nights))
        .collect();
    change::against_others(&mut changes, nights);
    let mut notes: Vec<String> = runs.iter().flat_map(|run| run.notes.clone()).collect();
    notes.dedup();
    notes.extend(versions(&runs));
    Ok(Comparison {
        roots: [a.root.clone(), b.root.clone()],
        epsg: a.epsg,
        changes,
        alone,
        notes,
    })
}

impl Comparison {
    /// How many homes have a claim.
    #[must_use]
    pub fn count(&self, claim: Claim) -> usize {
        let claims = self.changes.iter().filter(|change| change.claim == claim);
        claims.count()
    }

    /// All in numbers, for programs.
    #[must_use]
    pub fn summary(&self) -> serde_json::Value {
        let [before, after] = &self.roots;
        json!({
            "message_type": "summary",
            "homes": self.changes.len(),
            "lose_less": self.count(Claim::Less),
            "lose_more": self.count(Claim::More),
            "no_change_claimed": self.count(Claim::Nothing),
            "not_compared": self.count(Claim::NotCompared),
            "only_before": self.alone[0],
            "only_after": self.alone[1],
            "log_before": before,
            "log_after": after,
            "notes": self.notes,
        })
    }

    /// A home's fields, for programs.
    #[must_use]
    pub fn record(change: &Change) -> serde_json::Value {
        let mut record = serde_json::Map::new();
        record.insert("message_type".into(), "change".into());
        for field in CHANGE_FIELDS {
            let value = match field.value(change) {
                Value::Text(text) => text.into(),
                Value::Whole(number) => number.into(),
                Value::Number(number) => number.into(),
                Value::Missing => serde_json::Value::Null,
            };
            record.insert(field.name.into(), value);
        }
        record.into()
    }
}

/// The night's difference between inside and outside, with its parameters.
fn night(run: &Published) -> Result<(Night, &HeatLossParameters), CompareError> {
    let parameters = run
        .heat_loss
        .as_ref()
        .ok_or_else(|| CompareError::NoHeatLoss {
            folder: run.folder.clone(),
        })?;
    #[expect(clippy::cast_precision_loss, reason = "thousandths of some kelvin")]
    let kelvin = |milli: i64| milli as f64 / 1e3;
    let [indoor, sigma] = parameters.indoor_mk;
    let night = Night {
        difference: kelvin(indoor - parameters.air_mk[0]),
        indoor_sigma: kelvin(sigma),
        indoor: (!parameters.lines.is_empty()).then(|| kelvin(indoor)),
    };
    Ok((night, parameters))
}

/// Refuses figures of different formulas: their difference would be that of the formulas.
fn alike([a, b]: [&HeatLossParameters; 2]) -> Result<(), CompareError> {
    for (what, before, after) in [
        ("convection", &a.convection, &b.convection),
        ("method", &a.method, &b.method),
    ] {
        if before != after {
            return Err(CompareError::Parameters {
                what,
                before: before.clone(),
                after: after.clone(),
            });
        }
    }
    Ok(())
}

fn versions([a, b]: &[Published; 2]) -> Option<String> {
    let version = |run: &Published| Some(run.heat_loss.as_ref()?.heatveil.clone());
    let (a, b) = (version(a)?, version(b)?);
    (a != b).then(|| {
        format!(
            "made with heatveil {a} before and {b} after: read CHANGELOG.md for what lies between"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_different_formulas_are_not_compared() {
        let night = HeatLossParameters {
            air_mk: [2_000, 500],
            sky_mk: [-14_000, 2_000],
            sky_source: "measured".into(),
            reflected_mk: [-25_000, 5_000],
            reflected_source: "measured".into(),
            indoor_mk: [19_000, 1_500],
            wind_mm_s: [1_000, 700],
            humidity_milli: 800,
            lines: Vec::new(),
            emissivity_milli: [910, 20],
            tilt_millidegrees: [35_000, 5_000],
            apparent_mk: 1_200,
            drift_mk: 100,
            place_mm: 100,
            transmission_milli: 10,
            convection_milli: 200,
            convection: "mcadams".into(),
            method: "steady".into(),
            grade: "A".into(),
            heatveil: "0".into(),
        };
        let windier = HeatLossParameters {
            wind_mm_s: [3_000, 700],
            ..night.clone()
        };
        assert!(
            alike([&night, &windier]).is_ok(),
            "a night is not a formula"
        );
        let iso = HeatLossParameters {
            convection: "iso-6946".into(),
            ..night.clone()
        };
        let refused = alike([&night, &iso]).unwrap_err().to_string();
        assert!(
            refused.contains("convection") && refused.contains("iso-6946"),
            "{refused}"
        );
    }
}
