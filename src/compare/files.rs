//! A comparison as files: `changes.csv`, `changes.gpkg`, `comparison.json`.
//!
//! In: a comparison. Out: files in a folder of their own, through `store`. Refuses: folders with something in them, unless they are to
//! be replaced.

use std::borrow::Cow;
use std::path::Path;

use super::{Change, CompareError, Comparison};
use crate::georef::Crs;
use crate::heatloss::geopackage::{self, Style};
use crate::heatloss::table::{Field, Row, number, text};
use crate::heatloss::{Ring, TableCsv, TableError};
use crate::store::{Artifact, Existing, FileArtifact, Store, sealed};

/// All fields of a change, in order.
pub const CHANGE_FIELDS: &[Field<Change>] = &[
    text("id", "the building's name in the survey after", |row| {
        row.id.clone()
    }),
    text(
        "uprn",
        "Unique Property Reference Numbers in it, parted by ';'",
        |row| row.uprns.join(";"),
    ),
    text(
        "claim",
        "`loses less`, `loses more`, `no change can be claimed` or `not compared`",
        |row| row.claim.words().into(),
    ),
    text("reason", "why no more is claimed", |row| row.reason.clone()),
    number(
        "change",
        "W/m2K",
        2,
        "heat lost per kelvin, after less before",
        |row| row.difference.map(|change| change.estimate),
    ),
    number(
        "change_low",
        "W/m2K",
        2,
        "lower end of its 90 % interval",
        |row| row.difference.map(|change| change.low),
    ),
    number(
        "change_high",
        "W/m2K",
        2,
        "upper end of its 90 % interval",
        |row| row.difference.map(|change| change.high),
    ),
    number(
        "before",
        "W/m2K",
        2,
        "heat lost per kelvin before: an indicative U-value",
        |row| row.per_kelvin[0].map(|before| before.estimate),
    ),
    number(
        "before_low",
        "W/m2K",
        2,
        "lower end of its 90 % interval",
        |row| row.per_kelvin[0].map(|before| before.low),
    ),
    number(
        "before_high",
        "W/m2K",
        2,
        "upper end of its 90 % interval",
        |row| row.per_kelvin[0].map(|before| before.high),
    ),
    number("after", "W/m2K", 2, "heat lost per kelvin after", |row| {
        row.per_kelvin[1].map(|after| after.estimate)
    }),
    number(
        "after_low",
        "W/m2K",
        2,
        "lower end of its 90 % interval",
        |row| row.per_kelvin[1].map(|after| after.low),
    ),
    number(
        "after_high",
        "W/m2K",
        2,
        "upper end of its 90 % interval",
        |row| row.per_kelvin[1].map(|after| after.high),
    ),
    text("grade_before", "confidence in the figure before", |row| {
        row.grades[0].clone()
    }),
    text("grade_after", "confidence in the figure after", |row| {
        row.grades[1].clone()
    }),
    text(
        "stands_out",
        "the claim against the other homes: what all share, such as an error of the camera, drops out",
        |row| row.stands_out.words().into(),
    ),
    number(
        "against_others",
        "W/m2K",
        2,
        "the change less the median change of all homes",
        |row| row.against_others.map(|change| change.estimate),
    ),
    number(
        "against_others_low",
        "W/m2K",
        2,
        "lower end of its 90 % interval",
        |row| row.against_others.map(|change| change.low),
    ),
    number(
        "against_others_high",
        "W/m2K",
        2,
        "upper end of its 90 % interval",
        |row| row.against_others.map(|change| change.high),
    ),
];

impl Row for Change {
    const TABLE: &'static str = "changes";
    const FIELDS: &'static [Field<Self>] = CHANGE_FIELDS;

    fn polygons(&self) -> &[Vec<Ring>] {
        &self.polygons
    }
}

/// Blue for less, red for more (`ColorBrewer`'s `RdYlBu`, ends).
const STYLE: Style = Style {
    table: "changes",
    name: "claim",
    description: "change between two surveys",
    classes: &[
        ("\"claim\" = 'loses less'", "44,123,182", "loses less"),
        ("\"claim\" = 'loses more'", "215,25,28", "loses more"),
        (
            "\"claim\" = 'no change can be claimed'",
            "255,255,191",
            "no change can be claimed",
        ),
    ],
    rest: "not compared",
};

struct Package<'a> {
    changes: &'a [Change],
    crs: Crs,
}

impl sealed::Sealed for Package<'_> {}

impl FileArtifact for Package<'_> {
    type Error = TableError;

    fn write(&self, partial: &Path) -> Result<(), TableError> {
        Ok(geopackage::write(partial, self.crs, |dataset, system| {
            geopackage::write_layer(dataset, system, self.changes)?;
            geopackage::write_style(dataset, &STYLE)
        })?)
    }
}

struct Summary(serde_json::Value);

impl sealed::Sealed for Summary {}

impl Artifact for Summary {
    fn bytes(&self) -> Cow<'_, [u8]> {
        format!("{:#}\n", self.0).into_bytes().into()
    }
}

/// Writes the comparison into the folder `out`.
///
/// # Errors
///
/// [`CompareError`].
pub fn write(found: &Comparison, out: &Path, existing: Existing) -> Result<(), CompareError> {
    let crs = Crs::from_epsg(found.epsg)?;
    let changes = found.changes.as_slice();
    let store = Store::open_beside(out, existing)?;
    store.stage("changes.csv", &TableCsv(changes))?.commit()?;
    let package = Package { changes, crs };
    store.stage_file("changes.gpkg", &package)?.commit()?;
    let summary = Summary(found.summary());
    store.stage("comparison.json", &summary)?.commit()?;
    store.clear_work()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heatloss::table::tests::assert_documented;

    #[test]
    fn every_field_is_documented() {
        assert_documented::<Change>();
    }
}
