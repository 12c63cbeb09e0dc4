//! The answer as a table: its fields in one place, for every format and for the documentation.
//!
//! In: an [`Answer`]. Out: rows of plain values; the table as CSV, as JSON lines and in words. Refuses: text that a spreadsheet would run as a
//! formula. What stands in no field here leaves in no table.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use serde_json::{Map, Number};

use super::{Answer, FrameAnswer, calendar};
use crate::heatloss::{Value, csv_cell};
use crate::store::{Artifact, sealed};

/// A field of the answer.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name in every format.
    pub name: &'static str,
    /// In words.
    pub meaning: &'static str,
    /// Its kind, and how it is taken.
    pub getter: Getter,
}

/// How a field takes its value from a frame's answer.
#[derive(Debug, Clone, Copy)]
pub enum Getter {
    /// Text; empty text is missing.
    Text(fn(&FrameAnswer) -> String),
    /// A whole number.
    Whole(fn(&FrameAnswer) -> Option<u64>),
}

impl Field {
    /// The field's value of a frame.
    #[must_use]
    pub fn value(&self, row: &FrameAnswer) -> Value {
        match self.getter {
            Getter::Text(get) => Some(get(row))
                .filter(|text| !text.is_empty())
                .map_or(Value::Missing, Value::Text),
            Getter::Whole(get) => {
                let number = get(row).and_then(|number| i64::try_from(number).ok());
                number.map_or(Value::Missing, Value::Whole)
            }
        }
    }
}

/// All fields, in order.
pub const FIELDS: &[Field] = &[
    text(
        "places",
        "numbers of the places asked for that it saw, parted by ';'",
        |row| listed(&row.places),
    ),
    whole("frame", "number in the manifest", |row| {
        Some(u64::from(row.frame))
    }),
    text("time", "capture in whole seconds, UTC", |row| {
        row.at.map(calendar::iso).unwrap_or_default()
    }),
    text(
        "tile",
        "web tile (zoom/column/row) around the middle of what it saw",
        |row| row.tile.clone().unwrap_or_default(),
    ),
    text("camera", "make and model", |row| row.camera.clone()),
    text(
        "placed_by",
        "whose pose: `map` (as drawn), `file` or `none`",
        |row| row.placed_by.clone(),
    ),
    text("outcome", "`published`, `withheld` or `rejected`", |row| {
        row.outcome.into()
    }),
    text("reason", "why it was not published", |row| {
        row.reason.clone().unwrap_or_default()
    }),
    text(
        "found",
        "finds by class in the whole frame, parted by ';'",
        |row| pairs(&row.found),
    ),
    text(
        "carried",
        "finds of neighbouring frames that were hidden here too",
        |row| pairs(&row.carried),
    ),
    text(
        "policies",
        "what was done with each class that was found",
        |row| pairs(&row.policies),
    ),
    whole("masked_pixels", "pixels that were masked", |row| {
        row.masked_pixels
    }),
    whole(
        "self_check",
        "finds of the second look, for which the mask grew",
        |row| row.self_check.map(u64::from),
    ),
    text(
        "decisions",
        "what people decided and when, parted by ';'",
        |row| {
            let decided = row.reviews.iter();
            listed(
                decided.map(|review| format!("{} {}", review.decision, calendar::iso(review.at))),
            )
        },
    ),
    whole(
        "files",
        "published files that may show pixels of it",
        |row| Some(u64::from(row.files)),
    ),
    text(
        "raw_deleted",
        "when its input was deleted, by the log's evidence",
        |row| row.raw_deleted.map(calendar::iso).unwrap_or_default(),
    ),
];

const fn text(name: &'static str, meaning: &'static str, get: fn(&FrameAnswer) -> String) -> Field {
    Field {
        name,
        meaning,
        getter: Getter::Text(get),
    }
}

const fn whole(
    name: &'static str,
    meaning: &'static str,
    get: fn(&FrameAnswer) -> Option<u64>,
) -> Field {
    Field {
        name,
        meaning,
        getter: Getter::Whole(get),
    }
}

fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(";")
}

fn pairs<T: Display>(map: &BTreeMap<String, T>) -> String {
    listed(map.iter().map(|(name, value)| format!("{name} {value}")))
}

/// The answer as CSV (RFC 4180), one row a frame.
#[derive(Debug, Clone, Copy)]
pub struct AnswerCsv<'a>(pub &'a Answer);

impl sealed::Sealed for AnswerCsv<'_> {}

impl Artifact for AnswerCsv<'_> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        let mut text = names.join(",") + "\r\n";
        for row in &self.0.frames {
            let cells: Vec<String> = FIELDS
                .iter()
                .map(|field| csv_cell(field.value(row)))
                .collect();
            text += &(cells.join(",") + "\r\n");
        }
        text.into_bytes().into()
    }
}

/// The answer as JSON lines, one a frame; what is missing is left out.
#[derive(Debug, Clone, Copy)]
pub struct AnswerJson<'a>(pub &'a Answer);

impl sealed::Sealed for AnswerJson<'_> {}

impl Artifact for AnswerJson<'_> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let mut text = String::new();
        for row in &self.0.frames {
            let mut line = Map::new();
            for field in FIELDS {
                let value = match field.value(row) {
                    Value::Text(text) => text.into(),
                    Value::Whole(number) => Number::from(number).into(),
                    Value::Number(_) | Value::Missing => continue,
                };
                line.insert(field.name.into(), value);
            }
            text += &(serde_json::Value::Object(line).to_string() + "\n");
        }
        text.into_bytes().into()
    }
}

/// The answer for a terminal: a line a frame, and what they add up to.
#[must_use]
pub fn words(answer: &Answer) -> String {
    let shown = [
        "frame",
        "time",
        "outcome",
        "reason",
        "found",
        "masked_pixels",
        "decisions",
        "raw_deleted",
    ];
    let fields: Vec<&Field> = FIELDS
        .iter()
        .filter(|field| shown.contains(&field.name))
        .collect();
    let mut rows: Vec<Vec<String>> =
        vec![fields.iter().map(|field| field.name.to_owned()).collect()];
    for row in &answer.frames {
        let cell = |field: &&Field| match field.value(row) {
            Value::Text(text) => text,
            Value::Whole(number) => number.to_string(),
            Value::Number(_) | Value::Missing => "-".into(),
        };
        rows.push(fields.iter().map(cell).collect());
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..fields.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text += &(cells.join("  ").trim_end().to_owned() + "\n");
    }
    let ended = |outcome: &str| {
        answer
            .frames
            .iter()
            .filter(|row| row.outcome == outcome)
            .count()
    };
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{} {}: {} published, {} withheld, {} rejected",
        answer.frames.len(),
        if answer.frames.len() == 1 {
            "frame"
        } else {
            "frames"
        },
        ended("published"),
        ended("withheld"),
        ended("rejected")
    );
    if answer.unknown > 0 {
        let _ = write!(
            text,
            "\n{} more frames may be meant: nobody knows their place or time",
            answer.unknown
        );
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::answer::Reviewed;
    use super::*;

    pub(in crate::answers) fn row() -> FrameAnswer {
        FrameAnswer {
            places: vec![1, 2],
            frame: 7,
            at: Some(1_768_516_200),
            tile: Some("16/32321/20855".into()),
            camera: "DJI M3T".into(),
            placed_by: "map".into(),
            outcome: "published",
            reason: None,
            found: BTreeMap::from([("person".into(), 2)]),
            carried: BTreeMap::new(),
            policies: BTreeMap::from([("person".into(), "nodata".into())]),
            masked_pixels: Some(768),
            self_check: Some(0),
            reviews: vec![Reviewed {
                at: 1_768_602_660,
                decision: "confirm".into(),
            }],
            files: 4,
            raw_deleted: None,
        }
    }

    pub(in crate::answers) fn answer(frames: Vec<FrameAnswer>) -> Answer {
        Answer {
            run: super::super::RunFacts::default(),
            places: 1,
            frames,
            unknown: 0,
        }
    }

    fn csv(row: FrameAnswer) -> String {
        String::from_utf8(AnswerCsv(&answer(vec![row])).bytes().into_owned()).unwrap()
    }

    #[test]
    fn a_row_tells_each_field_once() {
        let text = csv(row());
        assert!(text.ends_with(
            "1;2,7,2026-01-15T22:30:00Z,16/32321/20855,DJI M3T,map,published,,person 2,,person nodata,768,0,confirm 2026-01-16T22:31:00Z,4,\r\n"
        ), "{text}");
        let json = AnswerJson(&answer(vec![row()])).bytes().into_owned();
        let line: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            (&line["frame"], &line["found"]),
            (&7.into(), &"person 2".into())
        );
        assert!(line.get("raw_deleted").is_none());
    }

    #[test]
    fn a_spreadsheet_runs_no_formula_from_a_camera() {
        let camera = "=HYPERLINK(\"http://x\",1)".to_owned();
        let text = csv(FrameAnswer { camera, ..row() });
        assert!(
            text.contains("\"'=HYPERLINK(\"\"http://x\"\",1)\""),
            "{text}"
        );
    }

    #[test]
    fn every_field_is_documented() {
        let documented = include_str!("../../docs/answers.md");
        for field in FIELDS {
            let line = format!("| `{}` | {} |", field.name, field.meaning);
            assert!(documented.contains(&line), "{line}");
        }
    }
}
