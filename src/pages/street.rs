//! The overview: a map of all homes and a table sorted by how they stand.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::chart::histogram;
use super::home::FLUX;
use super::{PagesError, Survey, bounds, file_name, picture, title, words};
use crate::georef::Bounds;
use crate::published::Home;

/// Pixels of the map's longer side at most.
const MOST: usize = 1600;
/// Colours by decile, as in the `GeoPackage` (`ColorBrewer`'s `RdYlBu`, 5 classes); grey without a standing.
const CLASSES: [(&str, &str); 5] = [
    ("#2c7bb6", "loses least (deciles 1, 2)"),
    ("#abd9e9", "3, 4"),
    ("#ffffbf", "5, 6"),
    ("#fdae61", "7, 8"),
    ("#d7191c", "loses most (9, 10)"),
];
const NONE: &str = "#bebebe";

/// Overview and its picture, by file name.
pub(super) fn files(survey: &Survey<'_>) -> Result<Vec<(String, Vec<u8>)>, PagesError> {
    let homes = &survey.run.homes;
    let area = homes.iter().filter_map(bounds).reduce(Bounds::union);
    let mut found = Vec::new();
    let mut map = String::new();
    let crop = area
        .map(|area| survey.temperature.crop(area, 1, MOST))
        .transpose()?;
    if let Some(crop) = crop.flatten() {
        let png = picture::temperature(&crop, &survey.ramps.temperature)?;
        let mut drawn = String::new();
        for (number, home) in (1..).zip(homes) {
            let path = picture::path(&crop, &home.polygons);
            let _ = write!(
                drawn,
                "<a href=\"{}.html\"><title>{}</title><path d=\"{path}\" fill=\"{}\" fill-opacity=\".75\" stroke=\"#1c2733\" stroke-width=\"1\" vector-effect=\"non-scaling-stroke\"/></a>",
                file_name(number),
                title(survey, number, home),
                colour(home)
            );
        }
        let key = CLASSES.iter().chain([&(NONE, "no comparison")]);
        let key: Vec<String> = key
            .map(|(colour, label)| {
                format!("<span><i style=\"background:{colour}\"></i>{label}</span>")
            })
            .collect();
        let key = key.concat();
        map = format!(
            "<figure>{}<div class=\"key\">{key}</div><figcaption>Homes by what their roofs lose, among comparable neighbours, on the map of apparent temperatures. A home leads to its page.</figcaption></figure>",
            picture::svg(&crop, &png, "map of all homes", &drawn)
        );
        found.push(("street.png".into(), png));
    }
    let values: Vec<f64> = homes
        .iter()
        .filter_map(|home| home.number("flux"))
        .collect();
    let spread = histogram(&values, "W/m\u{b2}", None);
    let spread = if spread.is_empty() {
        spread
    } else {
        format!(
            "<h2>Heat loss of all roofs</h2><figure>{spread}<figcaption>Homes by heat loss.</figcaption></figure>"
        )
    };
    let measured = homes
        .iter()
        .filter(|home| home.number("apparent_mean").is_some());
    let names = if survey.options.with_uprn {
        ""
    } else {
        " Homes are numbered as in the table of buildings; the pages name none."
    };
    let night = survey.run.heat_loss.as_ref().map_or_else(String::new, |night| {
        format!(
            "<h2>What it was worked out with</h2><table>{}</table><p class=\"small\">After \u{b1}: standard uncertainties.</p>",
            words::parameters(night)
        )
    });
    let body = format!(
        "<h1>Heat loss of {} homes</h1><p class=\"lead\">{} of them were seen well enough for a figure.{names}</p>{map}{spread}<h2>Homes, those that lose most first</h2>{}{night}{}",
        homes.len(),
        measured.count(),
        table(survey),
        words::reference(survey.run)
    );
    found.push((
        "index.html".into(),
        words::page("Heat loss of homes", &body),
    ));
    Ok(found)
}

fn colour(home: &Home) -> &'static str {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1 to 10"
    )]
    let class = |decile: f64| ((decile - 1.0) / 2.0) as usize;
    let class = home.number("decile").map(class);
    class
        .and_then(|class| CLASSES.get(class))
        .map_or(NONE, |(colour, _)| colour)
}

/// By index, then by flux; homes without either come last, in their order.
fn table(survey: &Survey<'_>) -> String {
    let mut homes: Vec<(usize, &Home)> = (1..).zip(&survey.run.homes).collect();
    let key = |home: &Home| [home.number("index"), home.number("flux")];
    let known = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
    homes.sort_by(|(_, a), (_, b)| {
        let pairs = key(a).into_iter().zip(key(b));
        let mut orders = pairs.map(|(a, b)| known(b).total_cmp(&known(a)));
        orders
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    let mut rows = String::new();
    for (number, home) in homes {
        let cell = |field: &str, digits: usize, scale: f64| {
            let value = home.number(field);
            value.map_or_else(String::new, |value| format!("{:.digits$}", value * scale))
        };
        let _ = write!(
            rows,
            "<tr><td><a href=\"{}.html\">{}</a></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            file_name(number),
            title(survey, number, home),
            cell("index", 0, 1.0),
            cell("decile", 0, 1.0),
            words::badge(home.text("grade")),
            words::figure(home.interval(FLUX), 0, ""),
            cell("visible", 0, 100.0)
        );
    }
    format!(
        "<table><tr><th>Home</th><th class=\"n\">Index</th><th class=\"n\">Decile</th><th>Grade</th><th class=\"n\">Heat loss, W/m\u{b2} (90 % interval)</th><th class=\"n\">Seen, %</th></tr>{rows}</table>"
    )
}
