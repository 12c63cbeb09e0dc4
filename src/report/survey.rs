//! Conditions of the survey, settings, and what was made from the map.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::reasons;
use crate::page;

/// A name and what it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
}

pub(super) fn pair(name: &str, value: impl Into<String>) -> Pair {
    Pair {
        name: name.to_owned(),
        value: value.into(),
    }
}

/// Settings in words.
pub(super) fn settings(facts: &Facts) -> Vec<Pair> {
    let opened = &facts.opened;
    let masks = &facts.masks;
    let lines: Vec<_> = opened
        .lines
        .iter()
        .map(|line| reasons::line(line))
        .collect();
    let numbers = |values: &BTreeSet<u32>, unit: &str| {
        let values: Vec<_> = values
            .iter()
            .map(|value| format!("{value} {unit}"))
            .collect();
        page::joined(&values)
    };
    let beyond = if opened.beyond_envelope.is_empty() {
        "withheld".to_owned()
    } else {
        format!(
            "published on purpose: \u{201c}{}\u{201d}",
            opened.beyond_envelope
        )
    };
    let cameras = facts.cameras.iter();
    let cameras: Vec<_> = cameras
        .map(|(camera, frames)| format!("{camera} ({})", page::count(*frames, "frame")))
        .collect();
    let mut pairs = vec![
        pair("Lines of defence", page::joined(&lines)),
        pair("Frames beyond the conditions of the evaluation", beyond),
    ];
    if facts.closed.published > 0 {
        pairs.push(pair(
            "Masks reach past a find on the ground by",
            format!("at least {}", numbers(&masks.padding_mm, "mm")),
        ));
        pairs.push(pair(
            "Masks start and end on a grid of",
            format!(
                "{}, so that an outline shows no figure",
                numbers(&masks.grid_px, "pixels")
            ),
        ));
    }
    pairs.push(pair("Cameras", page::joined(&cameras)));
    pairs.push(pair("Program", format!("heatveil {}", opened.heatveil)));
    pairs.push(pair(
        "Libraries that decide about bytes",
        page::joined(&opened.libraries),
    ));
    pairs
}

/// What was done with some classes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    /// In a row, the first with a capital.
    pub(super) classes: String,
    pub(super) short: String,
    pub(super) plain: String,
}

/// What was done with each class, the classes of one policy together, in the order in which readers ask for them.
pub(super) fn policies(policies: &BTreeMap<String, BTreeSet<String>>) -> Vec<Policy> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let known = reasons::CLASSES.into_iter();
    let known = known.filter_map(|class| policies.get_key_value(class));
    let others = policies
        .iter()
        .filter(|(class, _)| !reasons::CLASSES.contains(&class.as_str()));
    for (class, policies) in known.chain(others) {
        for policy in policies {
            let class = reasons::class(class);
            match found.iter_mut().find(|(name, _)| name == policy) {
                Some((_, classes)) => classes.push(class),
                None => found.push((policy, vec![class])),
            }
        }
    }
    let policy = |(name, classes): (&str, Vec<&str>)| {
        let (first, rest) = classes.split_first().unwrap_or((&"", &[]));
        let mut names = vec![(*first).to_owned()];
        names.extend(rest.iter().map(|class| class.to_lowercase()));
        Policy {
            classes: page::joined(&names),
            short: reasons::policy_short(name).to_owned(),
            plain: reasons::policy_plain(name).to_owned(),
        }
    };
    found.into_iter().map(policy).collect()
}

/// The weather and what it allows; empty where heat loss was not worked out.
pub(super) fn conditions(facts: &Facts) -> Vec<Pair> {
    let Some(heat) = &facts.heat_loss else {
        return Vec::new();
    };
    let give = |[value, spread]: [i64; 2], unit: &str| {
        format!("{} \u{b1} {} {unit}", milli(value), milli(spread))
    };
    let mut told = vec![
        pair("Best grade that the weather allows, A to E", &heat.grade),
        pair("Air", give(heat.air_mk, "\u{b0}C")),
        pair(
            "Sky, as a radiating surface",
            format!("{} ({})", give(heat.sky_mk, "\u{b0}C"), heat.sky_source),
        ),
        pair(
            "Sky, as the camera sees it mirrored",
            format!(
                "{} ({})",
                give(heat.reflected_mk, "\u{b0}C"),
                heat.reflected_source
            ),
        ),
        pair("Inside, assumed", give(heat.indoor_mk, "\u{b0}C")),
        pair("Wind", give(heat.wind_mm_s, "m/s")),
        pair(
            "Relative humidity",
            format!("{} of 1", milli(heat.humidity_milli)),
        ),
        pair(
            "Emissivity where none is known",
            give(heat.emissivity_milli, "of 1"),
        ),
        pair(
            "Tilt of roofs where none is known",
            give(heat.tilt_millidegrees, "degrees"),
        ),
        pair(
            "Temperatures of the camera",
            format!("\u{b1} {} K", milli(heat.apparent_mk)),
        ),
        pair(
            "Method",
            format!(
                "{}; wind after {}",
                heat.method,
                reasons::convection(&heat.convection)
            ),
        ),
    ];
    told.extend(heat.lines.iter().map(|line| {
        let frames: u64 = line
            .frames
            .iter()
            .map(|[first, last]| u64::from(last - first) + 1)
            .sum();
        pair(
            &format!("Weather of {}", page::count(frames, "frame")),
            format!(
                "air {}, sky {}, mirrored {}, wind {}",
                give(line.air_mk, "\u{b0}C"),
                give(line.sky_mk, "\u{b0}C"),
                give(line.reflected_mk, "\u{b0}C"),
                give(line.wind_mm_s, "m/s")
            ),
        )
    }));
    told
}

/// A number of thousandths without zeros at its end: `-14`, `0.91`.
fn milli(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.unsigned_abs() / 1000, value.unsigned_abs() % 1000);
    let text = format!("{sign}{whole}.{rest:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What lies on the ground and what was made from it, in sentences.
pub(super) fn results(facts: &Facts) -> Vec<String> {
    let mut results = Vec::new();
    if let Some(objection) = &facts.objection {
        results.push(format!(
            "{} of residents that touch the map were taken out of it, with a margin of {} m, before any file was made. The log holds \
             their number and a keyed commitment to the list, not the list.",
            page::count(objection.count.into(), "objection"),
            milli(objection.margin_mm.into())
        ));
    } else {
        results.push("No list of objections was applied.".to_owned());
    }
    if let Some(table) = &facts.buildings {
        results.push(format!(
            "A table of {} was published; {} of them have a temperature.",
            page::count(table.buildings.into(), "building"),
            page::number(table.measured.into())
        ));
    }
    let grounds = facts.grounds.iter();
    results.extend(grounds.map(|ground| format!("The map was laid on: {ground}.")));
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_one_policy_stand_together_people_first() {
        let all = ["bicycle", "window", "person", "animal"].map(|class| {
            let policy = if class == "window" { "mean" } else { "nodata" };
            (class.to_owned(), BTreeSet::from([policy.to_owned()]))
        });
        let found = policies(&BTreeMap::from(all));
        let told: Vec<_> = found
            .iter()
            .map(|policy| format!("{} were {}", policy.classes, policy.plain))
            .collect();
        assert_eq!(
            told,
            [
                "People, bicycles and animal were taken out of the map",
                "Windows were each turned into one flat colour"
            ]
        );
    }

    #[test]
    fn thousandths_are_told_without_zeros_at_the_end() {
        let told = [-14_000, 910, 0, -250, 19_000, 1_216].map(milli);
        assert_eq!(told, ["-14", "0.91", "0", "-0.25", "19", "1.216"]);
    }
}
