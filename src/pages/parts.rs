//! The parts of a roof on the page of its home.
//!
//! In: a home with its parts. Out: a table. Refuses: nothing; without parts there is none.

use super::home::FLUX;
use super::words;
use crate::published::Home;

/// Directions of the compass, clockwise from north.
const COMPASS: [&str; 8] = [
    "north",
    "north-east",
    "east",
    "south-east",
    "south",
    "south-west",
    "west",
    "north-west",
];

/// One row a part; empty where the roof was not split.
pub(super) fn table(home: &Home) -> String {
    if home.parts.is_empty() {
        return String::new();
    }
    let rows: String = home.parts.iter().map(row).collect();
    format!(
        "<h2>Parts of the building</h2><table><tr><th>Part</th><th>What</th><th class=\"n\">Tilt</th><th class=\"n\">Area</th>\
         <th class=\"n\">Seen</th><th class=\"n\">Heat loss, W/m\u{b2}</th><th>Grade</th></tr>{rows}</table>\
         <p class=\"small\">In brackets: 90 % intervals. Areas of roofs are along the slope. Walls are means over at least a metre, their windows in them.</p>"
    )
}

fn row(part: &Home) -> String {
    let number = |field: &str, digits: usize, unit: &str| {
        let known = part.number(field);
        known.map_or_else(
            || "not known".into(),
            |known| format!("{known:.digits$}{unit}"),
        )
    };
    let seen = part.number("visible").map(|share| 100.0 * share);
    let cells = [
        ("", number("part", 0, "")),
        ("", face(part)),
        ("n", number("tilt", 0, "\u{b0}")),
        ("n", number("slope_area", 0, " m\u{b2}")),
        (
            "n",
            seen.map_or_else(|| "not known".into(), |share| format!("{share:.0} %")),
        ),
        ("n", words::figure(part.interval(FLUX), 0, "")),
        ("", words::badge(part.text("grade"))),
    ];
    let cell = |(class, text): (&str, String)| match class {
        "" => format!("<td>{text}</td>"),
        class => format!("<td class=\"{class}\">{text}</td>"),
    };
    format!("<tr>{}</tr>", cells.map(cell).concat())
}

/// Roof or wall, and which way it looks.
fn face(part: &Home) -> String {
    let side = match part.text("face") {
        "wall-N" => "north",
        "wall-E" => "east",
        "wall-S" => "south",
        "wall-W" => "west",
        _ => {
            let azimuth = part.number("azimuth");
            return azimuth.map_or_else(
                || "roof, flat".into(),
                |azimuth| format!("roof, down to the {}", direction(azimuth)),
            );
        }
    };
    format!("wall, {side} side")
}

/// The nearest of eight directions.
fn direction(azimuth: f64) -> &'static str {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a remainder of 360 in eighths"
    )]
    let eighth = (azimuth.rem_euclid(360.0) / 45.0).round() as usize % COMPASS.len();
    COMPASS.get(eighth).copied().unwrap_or("north")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::heatloss::Value;

    #[test]
    fn directions_go_round() {
        for (azimuth, expected) in [
            (0.0, "north"),
            (22.0, "north"),
            (23.0, "north-east"),
            (180.0, "south"),
            (337.0, "north-west"),
            (338.0, "north"),
            (359.9, "north"),
        ] {
            assert_eq!(direction(azimuth), expected, "{azimuth}");
        }
    }

    fn home(values: &[(&str, Value)], parts: Vec<Home>) -> Home {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Home {
            id: "1".into(),
            uprns: vec![],
            polygons: vec![],
            values: values.collect::<BTreeMap<_, _>>(),
            parts,
        }
    }

    #[test]
    fn a_part_has_a_row_and_a_roof_in_one_piece_no_table() {
        assert_eq!(table(&home(&[], vec![])), "");
        let number = Value::Number;
        let steep = [
            ("part", Value::Whole(1)),
            ("tilt", number(38.2)),
            ("azimuth", number(169.0)),
            ("slope_area", number(29.4)),
            ("visible", number(0.97)),
            ("flux", number(51.0)),
            ("flux_low", number(22.0)),
            ("flux_high", number(80.0)),
            ("grade", Value::Text("B".into())),
        ];
        let flat = [("part", Value::Whole(2)), ("azimuth", Value::Missing)];
        let wall = [
            ("part", Value::Whole(3)),
            ("face", Value::Text("wall-E".into())),
        ];
        let parts = [&steep[..], &flat, &wall].map(|values| home(values, vec![]));
        let found = table(&home(&[], parts.into()));
        for text in [
            "down to the south",
            "wall, east side",
            "38\u{b0}",
            "29 m\u{b2}",
            "97 %",
            "51 (22 to 80)",
            "gB",
            "flat",
            "no figure",
        ] {
            assert!(found.contains(text), "{text}: {found}");
        }
        assert_eq!(found.matches("<tr>").count(), 4);
    }
}
