//! How far a figure can be trusted: A to E, with the reasons.
//!
//! In: the weather, and what is known of one surface. Out: the worst grade that any reason allows. Refuses: nothing.

use std::fmt;

use super::{Sky, Weather};
use crate::units::Fraction;

/// Wind up to which the survey gate is open, in m/s (DOMAIN section 4).
const WIND_GATE: f64 = 5.0;
/// Wind up to which convection is well known, in m/s.
const WIND_CALM: f64 = 2.5;
/// Kelvin between inside and outside (DOMAIN section 4).
const HEATED: f64 = 10.0;

/// Confidence in a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// All gates open, all inputs measured.
    A,
    /// Good for ranking and for the order of magnitude.
    B,
    /// Good for ranking among neighbours.
    C,
    /// A hint.
    D,
    /// Outside the survey gates: not to be acted on.
    E,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::E => "E",
        })
    }
}

/// One reason, with the best grade that it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// No better than this.
    pub at_best: Grade,
    /// In plain words.
    pub text: String,
}

/// A grade and why it is no better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The worst that any reason allows.
    pub grade: Grade,
    /// Worst first.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// From reasons; A without any.
    #[must_use]
    pub fn from_reasons(mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.at_best));
        let grade = reasons.first().map_or(Grade::A, |reason| reason.at_best);
        Self { grade, reasons }
    }

    /// The same with more reasons.
    #[must_use]
    pub fn and(&self, more: impl IntoIterator<Item = Reason>) -> Self {
        Self::from_reasons(self.reasons.iter().cloned().chain(more).collect())
    }
}

impl Weather {
    /// The survey gates of DOMAIN section 4: inside at least 10 K warmer for 24 h, wind at most 5 m/s, dry for 24 h, no sun
    /// for 2 h. A gate that is shut gives E; one that nobody noted, no better than C.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let mut reasons = Vec::new();
        let mut say = |at_best, text: String| reasons.push(Reason { at_best, text });
        let difference = self.indoor.value - self.air.value;
        if difference < HEATED {
            say(
                Grade::E,
                format!("inside only {difference:.1} K warmer than outside, {HEATED} needed"),
            );
        }
        match self.wind.value {
            wind if wind > WIND_GATE => say(
                Grade::E,
                format!("wind {wind} m/s, at most {WIND_GATE} allowed"),
            ),
            wind if wind > WIND_CALM => say(
                Grade::B,
                format!("wind {wind} m/s: convection is less sure"),
            ),
            _ => {}
        }
        for (noted, least, what) in [
            (
                self.note.hours_heated,
                24.0,
                "of heating at 10 K difference",
            ),
            (self.note.hours_since_rain, 24.0, "since rain"),
            (self.note.hours_since_sun, 2.0, "since sun"),
        ] {
            match noted {
                Some(hours) if hours < least => {
                    say(Grade::E, format!("{hours} h {what}, {least} needed"));
                }
                None => say(Grade::C, format!("hours {what} not noted")),
                Some(_) => {}
            }
        }
        match self.sky_source {
            Sky::Measured => {}
            Sky::Estimated => say(
                Grade::B,
                "sky temperature estimated from humidity and cloud".into(),
            ),
            Sky::CloudUnknown => say(
                Grade::C,
                "sky temperature estimated, cloud not noted".into(),
            ),
        }
        if self.note.indoor.is_none() {
            say(
                Grade::C,
                "inside temperature not noted, taken as 19 °C".into(),
            );
        }
        if self.note.humidity.is_none() {
            say(Grade::B, "humidity not noted, taken as 80 %".into());
        }
        Verdict::from_reasons(reasons)
    }
}

/// Reasons that lie in one surface: how much of it was seen, and how sure its figure is.
///
/// `visible` is the share of the surface with a temperature; `half_width` and `flux` are in W/m².
#[must_use]
pub fn surface_reasons(visible: Fraction, flux: f64, half_width: f64) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let share = visible.value();
    let percent = 100.0 * share;
    if share < 0.5 {
        reasons.push(Reason {
            at_best: Grade::D,
            text: format!("only {percent:.0} % of it was seen"),
        });
    } else if share < 0.8 {
        reasons.push(Reason {
            at_best: Grade::B,
            text: format!("{percent:.0} % of it was seen"),
        });
    }
    let relative = half_width / flux.abs();
    if relative.is_nan() || relative > 1.0 {
        reasons.push(Reason {
            at_best: Grade::C,
            text: "the flux's interval spans zero".into(),
        });
    } else if relative > 0.5 {
        reasons.push(Reason {
            at_best: Grade::B,
            text: "the flux is known to worse than half of itself".into(),
        });
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::super::weather::tests::calm_night;
    use super::*;
    use crate::heatloss::WeatherNote;

    fn grade(change: impl FnOnce(&mut WeatherNote)) -> Grade {
        let mut note = calm_night();
        change(&mut note);
        note.complete().unwrap().unwrap().verdict().grade
    }

    #[test]
    fn a_calm_dry_dark_night_with_a_measured_sky_is_an_a() {
        assert_eq!(grade(|_| {}), Grade::A);
    }

    #[test]
    fn every_shut_gate_is_an_e() {
        assert_eq!(grade(|note| note.wind = Some(6.0)), Grade::E);
        assert_eq!(grade(|note| note.air = Some(12.0)), Grade::E);
        assert_eq!(grade(|note| note.hours_since_rain = Some(3.0)), Grade::E);
        assert_eq!(grade(|note| note.hours_since_sun = Some(1.0)), Grade::E);
        assert_eq!(grade(|note| note.hours_heated = Some(5.0)), Grade::E);
    }

    #[test]
    fn what_nobody_noted_is_not_taken_for_good() {
        assert_eq!(grade(|note| note.hours_since_rain = None), Grade::C);
        assert_eq!(grade(|note| note.sky = None), Grade::B);
        let verdict = WeatherNote {
            air: Some(2.0),
            wind: Some(1.0),
            ..WeatherNote::default()
        };
        let verdict = verdict.complete().unwrap().unwrap().verdict();
        assert!(verdict.reasons.len() >= 5 && verdict.grade == Grade::C);
    }

    #[test]
    fn little_seen_or_little_known_lowers_the_grade() {
        let share = |value| Fraction::new(value).unwrap();
        assert!(surface_reasons(share(0.95), 40.0, 10.0).is_empty());
        let worst = |reasons: Vec<Reason>| Verdict::from_reasons(reasons).grade;
        assert_eq!(worst(surface_reasons(share(0.3), 40.0, 10.0)), Grade::D);
        assert_eq!(worst(surface_reasons(share(0.9), 40.0, 50.0)), Grade::C);
        assert_eq!(
            worst(surface_reasons(share(0.9), f64::NAN, f64::NAN)),
            Grade::C
        );
    }
}
