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

/// Drift left in a map above which one roof cannot be told from the next, in K: half the standard deviation of 1 K between the roofs of
/// a street, with which ranks would correlate with the truth to less than [`RANKS_SURE`].
const DRIFT: f64 = 0.5;
/// Drift that is as large as what it hides, in K.
const DRIFT_LARGE: f64 = 1.0;
/// Least expected rank correlation of grades A and B.
const RANKS_SURE: f64 = 0.9;
/// Least of grade C.
const RANKS_HINT: f64 = 0.7;

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
        match self.strongest_wind {
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
                Grade::D,
                "sky temperature estimated for a clear night, cloud not noted: under clouds all fluxes are far lower".into(),
            ),
        }
        match self.reflected_source {
            Sky::Measured => {}
            Sky::Estimated => say(
                Grade::B,
                "what roofs mirror of the sky estimated from humidity and cloud".into(),
            ),
            Sky::CloudUnknown => say(
                Grade::C,
                "what roofs mirror of the sky estimated, cloud not noted".into(),
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

/// What frames that read more or less than each other leave of a map's grade; `drift` is the standard deviation in K of a frame's reading
/// as a whole against its neighbours', `None` where no two frames of several overlap.
#[must_use]
pub fn drift_reason(drift: Option<f64>) -> Option<Reason> {
    let Some(drift) = drift else {
        return Some(Reason {
            at_best: Grade::C,
            text: "frames do not overlap: nothing tells whether the camera drifted".into(),
        });
    };
    let at_best = match drift {
        drift if drift > DRIFT_LARGE => Grade::D,
        drift if drift > DRIFT => Grade::C,
        _ => return None,
    };
    let text = format!(
        "the camera drifted: frames read {drift:.1} K more or less than each other, at most {DRIFT} K allowed"
    );
    Some(Reason { at_best, text })
}

/// Whether the roofs of a map can be ranked: their mean temperatures in °C, each with the standard uncertainty in K that it does not share
/// with the others. `None` where they can, or where there are too few to say.
///
/// With noise of variance n in an observed variance v the observed values correlate with the true ones to `r = sqrt(1 - n/v)` (Spearman 1904), their
/// ranks to `6/pi asin(r/2)` (Pearson 1907, for normal distributions). Below 0.9 the grade is C at best, below 0.7 D.
#[must_use]
pub fn rank_reasons(roofs: &[(f64, f64)]) -> Option<Reason> {
    let known = || {
        roofs
            .iter()
            .filter(|(mean, sigma)| mean.is_finite() && sigma.is_finite())
    };
    let count = known().map(|_| 1.0).sum::<f64>();
    if count < 3.0 {
        return None;
    }
    let mean = known().map(|(mean, _)| mean).sum::<f64>() / count;
    let observed = known()
        .map(|(value, _)| (value - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0);
    let noise = known().map(|(_, sigma)| sigma * sigma).sum::<f64>() / count;
    let correlation = (1.0 - noise / observed).max(0.0).sqrt();
    let ranks = 6.0 / std::f64::consts::PI * (correlation / 2.0).asin();
    let at_best = match ranks {
        ranks if ranks >= RANKS_SURE => return None,
        ranks if ranks >= RANKS_HINT => Grade::C,
        _ => Grade::D,
    };
    Some(Reason {
        at_best,
        text: format!(
            "roofs differ by {:.1} K, of which {:.1} K may be drift of the camera and place of the map: ranks are expected to agree with the truth to {ranks:.2} \
             only, {RANKS_SURE} needed",
            observed.sqrt(),
            noise.sqrt()
        ),
    })
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
        assert_eq!(grade(|note| note.reflected = None), Grade::B);
        let verdict = WeatherNote {
            air: Some(2.0),
            wind: Some(1.0),
            ..WeatherNote::default()
        };
        let verdict = verdict.complete().unwrap().unwrap().verdict();
        assert!(verdict.reasons.len() >= 5 && verdict.grade == Grade::D);
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

    #[test]
    fn drift_that_hides_what_roofs_differ_by_lowers_the_grade() {
        assert_eq!(drift_reason(Some(0.1)), None);
        let grade = |drift| drift_reason(drift).unwrap().at_best;
        assert_eq!(grade(Some(0.7)), Grade::C);
        assert_eq!(grade(Some(1.4)), Grade::D);
        assert_eq!(grade(None), Grade::C);
        assert!(
            drift_reason(Some(0.7))
                .unwrap()
                .text
                .contains("frames read 0.7 K more or less")
        );
    }

    /// Values -1.5, -0.5, 0.5, 1.5 have a variance of 5/3. Noise of variance 5/3 x 0.36 leaves r = 0.8 and ranks of
    /// 6/pi asin 0.4 = 0.786; of 5/3 x 0.09 leaves 0.954 and 0.9498.
    #[test]
    fn ranks_are_doubted_where_noise_makes_much_of_what_roofs_differ_by() {
        let roofs = |sigma: f64| {
            [-1.5, -0.5, 0.5, 1.5].map(|value: f64| (value, sigma * (5.0_f64 / 3.0).sqrt()))
        };
        assert_eq!(rank_reasons(&roofs(0.3)), None);
        let reason = rank_reasons(&roofs(0.6)).unwrap();
        assert!(
            reason.at_best == Grade::C && reason.text.contains("to 0.79 only"),
            "{reason:?}"
        );
        assert_eq!(rank_reasons(&roofs(2.0)).unwrap().at_best, Grade::D);
        assert_eq!(rank_reasons(&roofs(2.0)[..2]), None);
    }
}
