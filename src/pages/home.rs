//! The page of one home.

use super::chart::{Mark, histogram};
use super::{PagesError, Survey, bounds, file_name, parts, picture, title, words};
use crate::page::escape;
use crate::published::Home;

/// Pixels of a side of a picture at most.
const MOST: usize = 800;
/// Fields of figures with an interval.
pub(super) const FLUX: [&str; 3] = ["flux", "flux_low", "flux_high"];
const U: [&str; 3] = ["u_indicative", "u_low", "u_high"];

/// Page and pictures of home `number`, by file name.
pub(super) fn files(
    survey: &Survey<'_>,
    number: usize,
    home: &Home,
) -> Result<Vec<(String, Vec<u8>)>, PagesError> {
    let (name, title) = (file_name(number), title(survey, number, home));
    let mut found = Vec::new();
    let mut figures = String::new();
    if let Some(area) = bounds(home) {
        if let Some(crop) = survey.temperature.crop(area, 1, MOST)? {
            let ramp = &survey.ramps.temperature;
            let png = picture::temperature(&crop, ramp)?;
            figures += &figure(
                &picture::svg(&crop, &png, "apparent temperature", &outline(home, &crop)),
                &picture::legend(ramp, "\u{b0}C"),
                "Apparent temperature: what the camera saw. Hatched places were not seen or were hidden.",
            );
            found.push((format!("{name}.png"), png));
        }
        let flux = survey.heat_loss.as_ref();
        let flux = flux.map(|raster| raster.crop(area, 3, MOST)).transpose()?;
        if let Some(crop) = flux.flatten() {
            let ramp = &survey.ramps.flux;
            let png = picture::flux(&crop, ramp)?;
            figures += &figure(
                &picture::svg(&crop, &png, "heat loss", &outline(home, &crop)),
                &picture::legend(ramp, "W/m\u{b2}"),
                "Heat loss. Greyer where the figure is less sure, striped where it may be nothing. Only the roof is meant; ground is worked out like a roof.",
            );
            found.push((format!("{name}-heatloss.png"), png));
        }
    }
    let body = format!(
        "<p class=\"small\"><a href=\"index.html\">All homes</a></p><h1>{title}</h1><p class=\"lead\">{}</p><div class=\"two\">{figures}</div>{}{}{}{}{}{}",
        summary(home),
        standing(survey, home),
        table(home),
        parts::table(home),
        sureness(home),
        made_with(survey, home),
        words::reference(survey.run)
    );
    found.push((format!("{name}.html"), words::page(&title, &body)));
    Ok(found)
}

fn outline(home: &Home, crop: &super::raster::Crop) -> String {
    let path = picture::path(crop, &home.polygons);
    format!("<path class=\"halo\" d=\"{path}\"/><path class=\"line\" d=\"{path}\"/>")
}

fn figure(svg: &str, legend: &str, caption: &str) -> String {
    format!("<figure>{svg}{legend}<figcaption>{caption}</figcaption></figure>")
}

/// The page in two sentences.
fn summary(home: &Home) -> String {
    let grade = words::badge(home.text("grade"));
    let loss = match home.interval(FLUX) {
        Some(flux) => format!(
            "In the night of the survey each square metre of this roof {}.",
            words::loss(&flux)
        ),
        None => "There is no figure of heat loss for this roof; the reasons are below.".into(),
    };
    let standing = match (home.number("index"), home.number("compared_with")) {
        (Some(index), Some(among)) => format!(
            " It stands at {index:.0} of 100 among {among:.0} comparable roofs nearby: about {index:.0} % of them lose less."
        ),
        _ => " Too few comparable roofs nearby for a comparison.".into(),
    };
    format!("{loss}{standing} Confidence: {grade}")
}

/// All homes of the survey, and where this one is among them.
fn standing(survey: &Survey<'_>, home: &Home) -> String {
    let has_flux = survey.run.heat_loss.is_some();
    let (field, unit, what) = if has_flux {
        ("flux", "W/m\u{b2}", "heat loss")
    } else {
        ("apparent_mean", "\u{b0}C", "apparent temperature")
    };
    let homes = &survey.run.homes;
    let values: Vec<f64> = homes.iter().filter_map(|home| home.number(field)).collect();
    let mark = home.number(field).map(|at| Mark {
        at,
        interval: has_flux.then(|| home.interval(FLUX)).flatten(),
    });
    if values.is_empty() {
        return String::new();
    }
    let this = if mark.is_some() {
        "This home is the red one; the pale line above is its 90 % interval. Most of that interval is common to all homes of the night, so the order of homes is surer than the figures."
    } else {
        "This home has no figure and is not among them."
    };
    format!(
        "<h2>Among its neighbours</h2><figure>{}<figcaption>The {what} of all {} homes of the survey that have a figure. {this}</figcaption></figure>",
        histogram(&values, unit, mark),
        values.len()
    )
}

fn table(home: &Home) -> String {
    let plain = |field: &str, digits: usize, unit: &str| {
        let number = home.number(field);
        number.map_or_else(
            || "not known".into(),
            |number| format!("{number:.digits$} {unit}"),
        )
    };
    let percent = |field: &str| {
        let share = home.number(field);
        share.map_or_else(
            || "not known".into(),
            |share| format!("{:.0} %", 100.0 * share),
        )
    };
    let hot = match home.number("hot_spots") {
        Some(count) if count > 0.0 => format!(
            "{count:.0}, together {}, the warmest {} above the rest",
            plain("hot_spot_area", 1, "m\u{b2}"),
            plain("hot_spot_excess", 1, "K")
        ),
        Some(_) => "none".into(),
        None => "not known".into(),
    };
    let spread = format!(
        "{} (the middle 90 % of it: {} to {})",
        plain("apparent_median", 1, "\u{b0}C"),
        plain("apparent_p05", 1, "\u{b0}C"),
        plain("apparent_p95", 1, "\u{b0}C")
    );
    let rows = [
        (
            "Heat loss",
            words::figure(home.interval(FLUX), 0, "W/m\u{b2}"),
        ),
        (
            "Indicative U-value",
            words::figure(home.interval(U), 2, "W/m\u{b2}K"),
        ),
        ("Surface temperature", plain("surface", 1, "\u{b0}C")),
        ("Surface above the air", plain("above_air", 1, "K")),
        ("Apparent temperature", spread),
        ("Places clearly warmer", hot),
        ("Area of the outline", plain("area", 0, "m\u{b2}")),
        ("Share of it seen", percent("visible")),
        ("Decile among neighbours", plain("decile", 0, "of 10")),
    ];
    let row = |(name, value): (&str, String)| format!("<tr><th>{name}</th><td>{value}</td></tr>");
    format!(
        "<h2>Figures</h2><table>{}</table><p class=\"small\">In brackets: 90 % intervals.</p>",
        rows.map(row).concat()
    )
}

fn sureness(home: &Home) -> String {
    let grade = home.text("grade");
    let reasons: Vec<String> = home
        .text("reasons")
        .split("; ")
        .filter(|reason| !reason.is_empty())
        .map(|reason| format!("<li>{}</li>", escape(reason)))
        .collect();
    let reasons = if reasons.is_empty() {
        String::new()
    } else {
        format!("<p>Why it is no better:</p><ul>{}</ul>", reasons.concat())
    };
    format!(
        "<h2>How sure this is</h2><p>{} {}</p>{reasons}",
        words::badge(grade),
        words::grade(grade)
    )
}

fn made_with(survey: &Survey<'_>, home: &Home) -> String {
    let own = [
        ("Emissivity of this roof", "emissivity", 3, ""),
        ("Tilt of this roof", "tilt", 0, "\u{b0}"),
    ];
    let own = own.map(|(name, field, digits, unit)| {
        let value = home.number(field);
        let value = value.map_or_else(String::new, |value| format!("{value:.digits$}{unit}"));
        format!("<tr><th>{name}</th><td>{value}</td></tr>")
    });
    let night = survey.run.heat_loss.as_ref();
    let night = night.map_or_else(String::new, words::parameters);
    format!(
        "<h2>What it was worked out with</h2><table>{}{night}</table><p class=\"small\">After \u{b1}: standard uncertainties.</p>",
        own.concat()
    )
}
