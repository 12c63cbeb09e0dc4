//! One home before and after.
//!
//! In: its rows in both surveys. Out: a [`Change`] with its interval and what may be said of it. Refuses: claims where the interval
//! holds zero, or where a figure is not to be acted on.
//!
//! What is compared is heat lost per kelvin between inside and outside, W/m²K: a flux without its night's temperatures, and what an
//! indicative U-value is. Errors of two nights are taken as independent, so their variances add (JCGM 100:2008, section 5.1.2).
//! They are not quite: those of the camera and of the emissivity mostly have the same sign both times and cancel in part, which makes the
//! interval wider than need be. That of the convection formula has opposite signs where a roof was warmer than the air before and
//! colder after, and is the smaller by far (DOMAIN section 4: some .2 W/m²K against 1).

use crate::heatloss::{FEWEST, Interval, Ring};
use crate::published::Home;

/// Half width of a 90 % interval in standard deviations of a normal distribution.
const NINETY: f64 = 1.644_853_627;
/// Standard deviation of a normal distribution in median absolute deviations.
const MAD: f64 = 1.482_602_219;
/// Variance of a median over that of one value, times their number (normal distribution).
const MEDIAN: f64 = std::f64::consts::FRAC_PI_2;
/// Roofs that differ by more than this are other roofs: emissivity, and degrees of tilt.
const SAME_EMISSIVITY: f64 = 0.1;
const SAME_TILT: f64 = 10.0;
/// Digits of the tables: fluxes are rounded to this, W/m².
const ROUNDED: f64 = 0.1;

/// The inside of a night against its outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Night {
    /// Kelvin.
    pub(super) difference: f64,
    /// Standard uncertainty of the inside temperature, K; the air's is part of the flux's.
    pub(super) indoor_sigma: f64,
    /// Inside temperature, °C, where homes were seen in different weathers: the difference then is each home's own.
    pub(super) indoor: Option<f64>,
}

impl Night {
    /// Kelvin between inside and outside when a home was seen.
    fn of(&self, home: &Home) -> f64 {
        let air = || Some(home.number("surface")? - home.number("above_air")?);
        let own = || Some(self.indoor? - air()?);
        own().unwrap_or(self.difference)
    }
}

/// What may be said of a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It loses less than before.
    Less,
    /// It loses more than before.
    More,
    /// The interval holds zero.
    Nothing,
    /// There is no difference to speak of.
    NotCompared,
}

impl Claim {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Less => "loses less",
            Self::More => "loses more",
            Self::Nothing => "no change can be claimed",
            Self::NotCompared => "not compared",
        }
    }

    fn of(interval: &Interval) -> Self {
        if interval.high < 0.0 {
            Self::Less
        } else if interval.low > 0.0 {
            Self::More
        } else {
            Self::Nothing
        }
    }
}

/// One home's row.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its name in the survey after.
    pub id: String,
    /// Its property numbers there.
    pub uprns: Vec<String>,
    /// Its outline there.
    pub polygons: Vec<Vec<Ring>>,
    /// Grades before and after.
    pub grades: [String; 2],
    /// Heat lost per kelvin before and after, W/m²K.
    pub per_kelvin: [Option<Interval>; 2],
    /// After less before.
    pub difference: Option<Interval>,
    /// What may be said.
    pub claim: Claim,
    /// Why no more.
    pub reason: String,
    /// The difference less the median difference of all homes.
    pub against_others: Option<Interval>,
    /// What may be said of that.
    pub stands_out: Claim,
}

impl Change {
    /// Of the same home in two surveys.
    pub(super) fn between([before, after]: [&Home; 2], nights: [Night; 2]) -> Self {
        let homes = [(before, nights[0]), (after, nights[1])];
        let grades = [before, after].map(|home| home.text("grade").to_owned());
        let per_kelvin = homes.map(|(home, night)| per_kelvin(home, night));
        let mut change = Self {
            id: after.id.clone(),
            uprns: after.uprns.clone(),
            polygons: after.polygons.clone(),
            grades,
            per_kelvin,
            difference: None,
            claim: Claim::NotCompared,
            reason: String::new(),
            against_others: None,
            stands_out: Claim::NotCompared,
        };
        if let Some(reason) = other_roof([before, after]) {
            change.reason = reason;
            return change;
        }
        let [Some(old), Some(new)] = per_kelvin else {
            let (when, home) = if per_kelvin[0].is_none() {
                ("before", before)
            } else {
                ("after", after)
            };
            change.reason = format!("no figure {when}: {}", home.text("reasons"));
            return change;
        };
        let half = old.half_width().hypot(new.half_width());
        let difference = around(new.estimate - old.estimate, half);
        change.difference = Some(difference);
        change.claim = Claim::of(&difference);
        if change.grades.iter().any(|grade| grade == "E") {
            change.claim = Claim::Nothing;
            change.reason = "one of the nights was outside the survey gates (grade E)".into();
        } else if change.claim == Claim::Nothing {
            change.reason = "the 90 % interval of the difference holds zero".into();
        }
        change
    }
}

/// Compares every difference with the others: what all homes share, such as a camera that is off or a sky that was judged wrongly, is in
/// every difference alike and drops out. The interval is that of the differences themselves (median absolute deviation), so it
/// supposes that fewer than half of the homes changed; refurbished ones widen it.
pub(super) fn against_others(changes: &mut [Change], nights: [Night; 2]) {
    let known = |change: &Change| change.difference.map(|difference| difference.estimate);
    let differences: Vec<f64> = changes.iter().filter_map(known).collect();
    if differences.len() < FEWEST {
        return;
    }
    let Some(centre) = median(differences.clone()) else {
        return;
    };
    let off = differences
        .iter()
        .map(|difference| (difference - centre).abs());
    let spread = MAD * median(off.collect()).unwrap_or(0.0);
    let kelvin = nights.map(|night| night.difference);
    let spread = spread.max(ROUNDED / kelvin[0].min(kelvin[1]));
    #[expect(clippy::cast_precision_loss, reason = "homes of a survey")]
    let count = differences.len() as f64;
    let half = NINETY * spread * (1.0 + MEDIAN / count).sqrt();
    for change in changes {
        change.against_others = known(change).map(|difference| around(difference - centre, half));
        if let Some(interval) = &change.against_others {
            change.stands_out = Claim::of(interval);
        }
        if change.grades.iter().any(|grade| grade == "E") && change.against_others.is_some() {
            change.stands_out = Claim::Nothing;
        }
    }
}

/// The flux over the night's kelvins; what is not known of the inside widens it.
fn per_kelvin(home: &Home, night: Night) -> Option<Interval> {
    let flux = home.interval(["flux", "flux_low", "flux_high"])?;
    Some(flux.per_kelvin(night.of(home), night.indoor_sigma))
}

fn around(estimate: f64, half: f64) -> Interval {
    Interval {
        estimate,
        low: estimate - half,
        high: estimate + half,
    }
}

/// Why both rows are not of one roof.
fn other_roof([before, after]: [&Home; 2]) -> Option<String> {
    for (field, most) in [("emissivity", SAME_EMISSIVITY), ("tilt", SAME_TILT)] {
        let (a, b) = (before.number(field)?, after.number(field)?);
        if (a - b).abs() > most {
            return Some(format!("another roof: {field} {a} before, {b} after"));
        }
    }
    None
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let (below, above) = (
        values.get((values.len().checked_sub(1)?) / 2)?,
        values.get(values.len() / 2)?,
    );
    Some(f64::midpoint(*below, *above))
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::home;
    use super::*;
    use crate::heatloss::Value;

    const NIGHT: Night = Night {
        indoor: None,
        difference: 20.0,
        indoor_sigma: 0.0,
    };

    fn losing(flux: f64, half: f64) -> Home {
        let mut home = home("1", &[], 0.0);
        for (field, value) in [
            ("flux", flux),
            ("flux_low", flux - half),
            ("flux_high", flux + half),
        ] {
            home.values.insert(field.into(), Value::Number(value));
        }
        home
    }

    fn between(before: &Home, after: &Home) -> Change {
        Change::between([before, after], [NIGHT; 2])
    }

    #[test]
    fn a_difference_is_per_kelvin_and_its_variances_add() {
        // 60 W/m² at 20 K and 40 W/m² at 10 K are 3 and 4 W/m²K; half widths 0.3 and 0.4 make 0.5.
        let colder = Night {
            difference: 10.0,
            ..NIGHT
        };
        let change = Change::between([&losing(60.0, 6.0), &losing(40.0, 4.0)], [NIGHT, colder]);
        let found = change.difference.unwrap();
        assert!((found.estimate - 1.0).abs() < 1e-9 && (found.half_width() - 0.5).abs() < 1e-9);
        assert_eq!(change.claim, Claim::More);
    }

    /// Seen at 4 °C outside where 19 °C inside were noted: 30 W/m² at 15 K are 2 W/m²K, whatever the survey's own difference.
    #[test]
    fn a_home_seen_in_other_weather_has_its_own_difference() {
        let lines = Night {
            indoor: Some(19.0),
            ..NIGHT
        };
        let mut home = losing(30.0, 0.0);
        for (field, value) in [("surface", 5.5), ("above_air", 1.5)] {
            home.values.insert(field.into(), Value::Number(value));
        }
        let found = |night| per_kelvin(&home, night).unwrap().estimate;
        assert!((found(lines) - 2.0).abs() < 1e-9 && (found(NIGHT) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn what_nobody_measured_inside_widens_the_figure() {
        let unsure = Night {
            indoor_sigma: 2.0,
            ..NIGHT
        };
        // 40 W/m² at 20 K: 2 W/m²K, of which 2 K in 20 are a tenth: one sigma of 0.2.
        let found = per_kelvin(&losing(40.0, 0.0), unsure).unwrap();
        assert!((found.half_width() - 0.2 * 1.644_853_627).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_claimed_where_the_interval_holds_zero_or_a_gate_was_shut() {
        assert_eq!(
            between(&losing(60.0, 10.0), &losing(40.0, 10.0)).claim,
            Claim::Less
        );
        let unsure = between(&losing(60.0, 20.0), &losing(40.0, 20.0));
        assert_eq!(unsure.claim, Claim::Nothing);
        let mut windy = losing(40.0, 1.0);
        windy.values.insert("grade".into(), Value::Text("E".into()));
        let shut = between(&losing(60.0, 1.0), &windy);
        assert!(shut.claim == Claim::Nothing && shut.reason.contains("grade E"));
    }

    #[test]
    fn another_roof_and_a_roof_without_a_figure_are_not_compared() {
        let mut metal = losing(40.0, 1.0);
        metal.values.insert("emissivity".into(), Value::Number(0.7));
        let other = between(&losing(60.0, 1.0), &metal);
        assert!(other.claim == Claim::NotCompared && other.reason.contains("emissivity 0.91"));
        let mut unseen = losing(40.0, 1.0);
        unseen.values.insert("flux".into(), Value::Missing);
        unseen.values.insert(
            "reasons".into(),
            Value::Text("only 3 % of it was seen".into()),
        );
        let none = between(&losing(60.0, 1.0), &unseen);
        assert_eq!(none.reason, "no figure after: only 3 % of it was seen");
        assert!(none.difference.is_none());
    }

    #[test]
    fn an_error_that_all_homes_share_drops_out_against_the_others() {
        // 13 homes that a warm camera shifts by 2 W/m²K, a little apart, and one of them refurbished.
        let mut changes: Vec<Change> = (0..13_u8)
            .map(|number| {
                let refurbished = if number == 7 { 30.0 } else { 0.0 };
                let noise = f64::from(number % 3) - 1.0;
                between(
                    &losing(60.0, 60.0),
                    &losing(100.0 + noise - refurbished, 60.0),
                )
            })
            .collect();
        against_others(&mut changes, [NIGHT; 2]);
        for (number, change) in changes.iter().enumerate() {
            let expected = if number == 7 {
                Claim::Less
            } else {
                Claim::Nothing
            };
            assert_eq!(
                (change.stands_out, change.claim),
                (expected, Claim::Nothing),
                "{number}"
            );
        }
        // Differences of 0.5, five of 1.95, three of 2.0, four of 2.05: the median is 2.0, and that of their deviations 0.05.
        let half = changes[0].against_others.unwrap().half_width();
        let expected = 1.644_853_627
            * 1.482_602_219
            * 0.05
            * (1.0 + std::f64::consts::FRAC_PI_2 / 13.0).sqrt();
        assert!((half - expected).abs() < 1e-9, "{half} {expected}");
        changes.truncate(9);
        for change in &mut changes {
            change.against_others = None;
        }
        against_others(&mut changes, [NIGHT; 2]);
        assert!(
            changes.iter().all(|change| change.against_others.is_none()),
            "too few"
        );
    }
}
