//! Tables of buildings: their fields in one place, for every format and for the documentation.
//!
//! In: rows, such as measured buildings. Out: plain values, and the table as CSV. Refuses: text that a spreadsheet would run as a
//! formula.

use std::borrow::Cow;

use super::{Building, Ring};
use crate::store::{Artifact, sealed};

/// A value of the table.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number, already rounded to the digits of its field.
    Number(f64),
    /// Not known; the reasons say why.
    Missing,
}

/// A row of a table in which every row has an outline.
pub trait Row: Sized + 'static {
    /// Name of the table.
    const TABLE: &'static str;
    /// Its fields, in order.
    const FIELDS: &'static [Field<Self>];

    /// Polygons of the outline, each an outer ring and its holes, in the map's metres.
    fn polygons(&self) -> &[Vec<Ring>];
}

impl Row for Building {
    const TABLE: &'static str = "buildings";
    const FIELDS: &'static [Field] = FIELDS;

    fn polygons(&self) -> &[Vec<Ring>] {
        &self.footprint.polygons
    }
}

/// How a field takes its value from a row.
#[derive(Debug, Clone, Copy)]
pub enum Getter<R = Building> {
    /// Text.
    Text(fn(&R) -> String),
    /// A whole number.
    Whole(fn(&R) -> Option<i64>),
    /// A number, and the digits after the point to which it is rounded.
    Number(fn(&R) -> Option<f64>, u8),
}

/// A field of a table.
#[derive(Debug, Clone, Copy)]
pub struct Field<R = Building> {
    /// Name in every format.
    pub name: &'static str,
    /// Unit; empty where it has none.
    pub unit: &'static str,
    /// In words.
    pub meaning: &'static str,
    /// Its kind, and how it is taken.
    pub getter: Getter<R>,
}

impl<R> Field<R> {
    /// The field's value of a row; numbers that are not finite are missing.
    #[must_use]
    pub fn value(&self, row: &R) -> Value {
        match self.getter {
            Getter::Text(get) => Value::Text(get(row)),
            Getter::Whole(get) => get(row).map_or(Value::Missing, Value::Whole),
            Getter::Number(get, digits) => {
                let scale = 10_f64.powi(i32::from(digits));
                let finite = get(row).filter(|number| number.is_finite());
                // Adding 0 turns -0 into 0.
                finite.map_or(Value::Missing, |number| {
                    Value::Number((number * scale).round() / scale + 0.0)
                })
            }
        }
    }
}

/// All fields of a building, in order.
pub const FIELDS: &[Field] = &[
    text("id", "the building's name in the source file", |row| {
        row.footprint.id.clone()
    }),
    text(
        "uprn",
        "Unique Property Reference Numbers in it, parted by ';'",
        |row| row.footprint.uprns.join(";"),
    ),
    text(
        "grade",
        "confidence, A (best) to E (not to be acted on)",
        |row| row.verdict.grade.to_string(),
    ),
    text(
        "reasons",
        "why the grade is no better, worst first",
        |row| {
            let reasons: Vec<&str> = row
                .verdict
                .reasons
                .iter()
                .map(|reason| reason.text.as_str())
                .collect();
            reasons.join("; ")
        },
    ),
    number(
        "index",
        "",
        1,
        "share of comparable neighbours that lose less, 0 to 100; equals count half",
        |row| row.standing.map(|standing| standing.index),
    ),
    whole(
        "decile",
        "1 (loses least) to 10 among comparable neighbours",
        |row| row.standing.map(|standing| i64::from(standing.decile)),
    ),
    whole(
        "compared_with",
        "comparable buildings (material, tilt, flight), itself included",
        |row| {
            row.standing
                .and_then(|standing| i64::try_from(standing.among).ok())
        },
    ),
    number("flux", "W/m2", 1, "heat lost per area of roof", |row| {
        row.flux.map(|flux| flux.estimate)
    }),
    number(
        "flux_low",
        "W/m2",
        1,
        "lower end of its 90 % interval",
        |row| row.flux.map(|flux| flux.low),
    ),
    number(
        "flux_high",
        "W/m2",
        1,
        "upper end of its 90 % interval",
        |row| row.flux.map(|flux| flux.high),
    ),
    number(
        "u_indicative",
        "W/m2K",
        2,
        "U-value that the flux would mean in a steady state: indicative only",
        |row| row.u.map(|u| u.estimate),
    ),
    number(
        "u_low",
        "W/m2K",
        2,
        "lower end of its 90 % interval",
        |row| row.u.map(|u| u.low),
    ),
    number(
        "u_high",
        "W/m2K",
        2,
        "upper end of its 90 % interval",
        |row| row.u.map(|u| u.high),
    ),
    number(
        "surface",
        "degC",
        2,
        "temperature of the surface, corrected for emissivity, sky and air",
        |row| row.surface,
    ),
    number("above_air", "K", 2, "the same above the air", |row| {
        Some(row.surface? - row.air?)
    }),
    number(
        "apparent_mean",
        "degC",
        3,
        "mean apparent temperature",
        |row| Some(row.apparent.mean),
    ),
    number(
        "apparent_median",
        "degC",
        3,
        "half of the area looks colder",
        |row| Some(row.apparent.median),
    ),
    number(
        "apparent_p05",
        "degC",
        3,
        "5 % of the area look colder",
        |row| Some(row.apparent.p05),
    ),
    number(
        "apparent_p95",
        "degC",
        3,
        "95 % of the area look colder",
        |row| Some(row.apparent.p95),
    ),
    number(
        "core_mean",
        "degC",
        3,
        "mean apparent temperature of what surely belongs to it, without its coldest and warmest tenth: what the flux starts from",
        |row| Some(row.core),
    ),
    number(
        "core_sigma",
        "K",
        3,
        "standard uncertainty of it that neighbours do not share: drift of frames, place of the map",
        |row| Some(row.own_sigma).filter(|_| row.core.is_finite()),
    ),
    whole(
        "hot_spots",
        "places of 0.1 m2 and more that are clearly warmer than the rest",
        |row| Some(i64::from(row.hot_spots.count)),
    ),
    number("hot_spot_area", "m2", 2, "their area", |row| {
        Some(row.hot_spots.area)
    }),
    number(
        "hot_spot_excess",
        "K",
        2,
        "the warmest of them above the median",
        |row| Some(row.hot_spots.strongest),
    ),
    number("area", "m2", 1, "area of the outline", |row| Some(row.area)),
    number(
        "visible",
        "",
        3,
        "share of it with a temperature; masks, gaps and gates are the rest",
        |row| Some(row.visible),
    ),
    number("emissivity", "", 3, "emissivity that was used", |row| {
        Some(row.emissivity)
    }),
    number(
        "tilt",
        "degree",
        1,
        "tilt of the roof that was used",
        |row| Some(row.tilt),
    ),
];

pub(crate) const fn text<R>(
    name: &'static str,
    meaning: &'static str,
    get: fn(&R) -> String,
) -> Field<R> {
    Field {
        name,
        unit: "",
        meaning,
        getter: Getter::Text(get),
    }
}

pub(crate) const fn whole<R>(
    name: &'static str,
    meaning: &'static str,
    get: fn(&R) -> Option<i64>,
) -> Field<R> {
    Field {
        name,
        unit: "",
        meaning,
        getter: Getter::Whole(get),
    }
}

pub(crate) const fn number<R>(
    name: &'static str,
    unit: &'static str,
    digits: u8,
    meaning: &'static str,
    get: fn(&R) -> Option<f64>,
) -> Field<R> {
    Field {
        name,
        unit,
        meaning,
        getter: Getter::Number(get, digits),
    }
}

/// A table as CSV (RFC 4180), without the outlines.
#[derive(Debug, Clone, Copy)]
pub struct TableCsv<'a, R>(pub &'a [R]);

impl<R> sealed::Sealed for TableCsv<'_, R> {}

impl<R: Row> Artifact for TableCsv<'_, R> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let names: Vec<&str> = R::FIELDS.iter().map(|field| field.name).collect();
        let mut text = names.join(",") + "\r\n";
        for row in self.0 {
            let cells: Vec<String> = R::FIELDS
                .iter()
                .map(|field| csv_cell(field.value(row)))
                .collect();
            text += &(cells.join(",") + "\r\n");
        }
        text.into_bytes().into()
    }
}

/// Which property numbers lie in which building, as CSV: several may lie in one.
#[derive(Debug, Clone, Copy)]
pub struct UprnLinksCsv<'a>(pub &'a [Building]);

impl sealed::Sealed for UprnLinksCsv<'_> {}

impl Artifact for UprnLinksCsv<'_> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let mut text = String::from("uprn,id\r\n");
        for building in self.0 {
            for uprn in &building.footprint.uprns {
                let [uprn, id] =
                    [uprn, &building.footprint.id].map(|text| csv_cell(Value::Text(text.clone())));
                text.extend([&uprn, ",", &id, "\r\n"]);
            }
        }
        text.into_bytes().into()
    }
}

/// One cell: quoted where CSV asks for it, and text that a spreadsheet would run as a formula made plain by an apostrophe
/// (OWASP, "CSV Injection").
pub(crate) fn csv_cell(value: Value) -> String {
    match value {
        Value::Missing => String::new(),
        Value::Whole(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => {
            let text = without_formulas(text);
            if text.contains([',', '"', '\r', '\n']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text
            }
        }
    }
}

/// Text with an apostrophe before whatever a spreadsheet would take for a formula (OWASP, CSV injection): at its beginning, and where a
/// spreadsheet that parts cells by semicolons or tabs, as many do whose decimals have commas, would see the beginning of another cell.
fn without_formulas(text: String) -> String {
    const BEGINS: [char; 8] = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    const PARTS: [char; 4] = [';', '\t', '\r', '\n'];
    if !text.contains(BEGINS) && !text.starts_with(PARTS) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 1);
    let mut begins = true;
    for c in text.chars() {
        if begins && (BEGINS.contains(&c) || (safe.is_empty() && matches!(c, '\t' | '\r' | '\n'))) {
            safe.push('\'');
        }
        safe.push(c);
        begins = PARTS.contains(&c);
    }
    safe
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::buildings::tests::row;
    use super::*;

    #[test]
    fn no_cell_begins_with_a_formula_however_a_spreadsheet_parts_them() {
        let cell = |text: &str| csv_cell(Value::Text(text.into()));
        for plain in ["plain", "a-b", "a = b", "100023;100024", "{\"x\":-5}", ""] {
            assert_eq!(without_formulas(plain.into()), plain);
        }
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell("@SUM(1)"), "'@SUM(1)");
        assert_eq!(cell("\u{ff1d}1"), "'\u{ff1d}1");
        assert_eq!(cell("\t=1"), "'\t'=1");
        assert_eq!(cell("\n=1"), "\"'\n'=1\"");
        assert_eq!(cell("1;=1+1"), "1;'=1+1");
        assert_eq!(cell("a\n-1"), "\"a\n'-1\"");
    }

    fn text(building: &Building) -> String {
        String::from_utf8(
            TableCsv(std::slice::from_ref(building))
                .bytes()
                .into_owned(),
        )
        .unwrap()
    }

    #[test]
    fn a_row_has_every_field_in_its_column() {
        let text = text(&row());
        let mut lines = text.split("\r\n");
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert_eq!(names.len(), FIELDS.len());
        let cells: Vec<&str> = lines.next().unwrap().split(',').collect();
        let at = |name: &str| cells[names.iter().position(|other| *other == name).unwrap()];
        assert_eq!(
            (at("grade"), at("apparent_mean"), at("area")),
            ("A", "2.5", "50")
        );
        assert!(at("flux_low").parse::<f64>().unwrap() < at("flux_high").parse::<f64>().unwrap());
        assert_eq!(at("index"), "", "one building has no neighbours");
    }

    #[test]
    fn a_spreadsheet_runs_no_formula_from_a_name() {
        let mut building = row();
        building.footprint.id = "=HYPERLINK(\"http://x\",1)".into();
        assert!(text(&building).contains("\"'=HYPERLINK(\"\"http://x\"\",1)\""));
    }

    #[test]
    fn several_properties_in_one_building_are_links_and_not_rows() {
        let mut building = row();
        building.footprint.uprns = vec!["100".into(), "200".into()];
        let links = UprnLinksCsv(std::slice::from_ref(&building))
            .bytes()
            .into_owned();
        assert_eq!(
            String::from_utf8(links).unwrap(),
            "uprn,id\r\n100,1\r\n200,1\r\n"
        );
        assert_eq!(text(&building).matches("100;200").count(), 1);
    }

    /// docs/buildings.md is the schema that users read: one line a field.
    #[test]
    fn every_field_is_documented() {
        assert_documented::<Building>();
    }

    pub(crate) fn assert_documented<R: Row>() {
        let documented = include_str!("../../docs/buildings.md");
        for field in R::FIELDS {
            let unit = if field.unit.is_empty() {
                "-"
            } else {
                field.unit
            };
            let line = format!("| `{}` | {unit} | {} |", field.name, field.meaning);
            assert!(documented.contains(&line), "{line}");
        }
    }
}
