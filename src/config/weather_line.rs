//! Weather that changes in the course of a survey: `[[weather.line]]`.
//!
//! In: spans of time with what was noted in them. Out: checked lines, none over another. Refuses: spans that end before they begin or overlap, times
//! with a zone, lines that say nothing, and weather that the survey's own note could not have either.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::resolve::out_of_range;
use crate::heatloss::{Weather, WeatherNote};

const FROM: &str = "weather.line.from";
const UNTIL: &str = "weather.line.until";

/// What was noted during a part of the survey; what is left out is as in `[weather]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct WeatherLineArgs {
    /// Date and time of its first frame or before, as the frames' clock tells them: `2026-01-15T22:30:00`.
    pub from: Option<String>,
    /// When it was over, likewise; not part of it.
    pub until: Option<String>,
    /// Air temperature.
    pub air_celsius: Option<f64>,
    /// Effective sky temperature.
    pub sky_celsius: Option<f64>,
    /// What the camera reads in crumpled foil.
    pub reflected_celsius: Option<f64>,
    /// Share of the sky under clouds, 0 to 1.
    pub cloud: Option<f64>,
    /// Relative humidity, 0 to 1.
    pub humidity: Option<f64>,
    /// Wind at roof height.
    pub wind_m_s: Option<f64>,
}

/// The weather of a part of the survey.
#[derive(Debug, Clone, PartialEq)]
pub struct WeatherLine {
    /// Seconds since 1970 on the frames' clock: from the first to before the second.
    pub seconds: [i64; 2],
    /// The same as it was given, for people.
    pub span: [String; 2],
    /// Its weather.
    pub weather: Weather,
}

impl WeatherLine {
    /// Whether a frame of this time was taken in it.
    #[must_use]
    pub fn holds(&self, captured_at: i64) -> bool {
        let [from, until] = self.seconds;
        (from..until).contains(&captured_at)
    }
}

impl WeatherLineArgs {
    fn resolve(self, survey: &WeatherNote) -> Result<WeatherLine, ConfigError> {
        let own = WeatherNote {
            air: self.air_celsius,
            sky: self.sky_celsius,
            reflected: self.reflected_celsius,
            humidity: self.humidity,
            wind: self.wind_m_s,
            cloud: self.cloud,
            ..WeatherNote::default()
        };
        let span = [self.from, self.until].map(Option::unwrap_or_default);
        let seconds = [time(FROM, &span[0])?, time(UNTIL, &span[1])?];
        if seconds[1] <= seconds[0] {
            let expected = "after the line's from";
            return Err(out_of_range(UNTIL, &span[1], expected));
        }
        if own == WeatherNote::default() {
            let expected = "the beginning of a line that notes anything: give air-celsius, wind-m-s or another";
            return Err(out_of_range(FROM, &span[0], expected));
        }
        let note = WeatherNote {
            air: own.air.or(survey.air),
            sky: own.sky.or(survey.sky),
            reflected: own.reflected.or(survey.reflected),
            humidity: own.humidity.or(survey.humidity),
            wind: own.wind.or(survey.wind),
            cloud: own.cloud.or(survey.cloud),
            ..*survey
        };
        match note.complete() {
            Ok(Some(weather)) => Ok(WeatherLine {
                seconds,
                span,
                weather,
            }),
            // The survey's own note is looked at before its lines.
            Ok(None) => Err(out_of_range("weather.air-celsius", &"nothing", "given")),
            Err(source) => Err(ConfigError::WeatherLine {
                from: span[0].clone(),
                source,
            }),
        }
    }
}

/// Lines in the order of their times.
pub(super) fn resolve(
    lines: Vec<WeatherLineArgs>,
    survey: &WeatherNote,
) -> Result<Vec<WeatherLine>, ConfigError> {
    let lines = lines.into_iter().map(|line| line.resolve(survey));
    let mut lines: Vec<WeatherLine> = lines.collect::<Result<_, ConfigError>>()?;
    lines.sort_by_key(|line| line.seconds);
    for pair in lines.windows(2) {
        if let [before, after] = pair
            && after.seconds[0] < before.seconds[1]
        {
            let expected = "after the end of the line before; lines may not overlap";
            return Err(out_of_range(FROM, &after.span[0], expected));
        }
    }
    Ok(lines)
}

/// Seconds since 1970 of a time without a zone, as those of frames are counted.
fn time(key: &'static str, text: &str) -> Result<i64, ConfigError> {
    let expected = "a date and time without a zone, as the frames' clock tells them, such as 2026-01-15T22:30:00";
    let refused = || out_of_range(key, &text, expected);
    // A parser of civil times would drop an offset.
    let (_, of_day) = text.split_once(['T', ' ']).ok_or_else(refused)?;
    if of_day.contains(['+', '-', 'Z', 'z', '[']) {
        return Err(refused());
    }
    let time: jiff::civil::DateTime = text.parse().ok().ok_or_else(refused)?;
    let time = jiff::tz::Offset::UTC.to_timestamp(time);
    Ok(time.ok().ok_or_else(refused)?.as_second())
}

#[cfg(test)]
mod tests {
    use super::super::{Args, Config};

    fn night(lines: &str) -> Result<Config, String> {
        let text = format!("[weather]\nair-celsius = 2\nwind-m-s = 1\nhumidity = 0.9\n{lines}");
        let args: Args = toml::from_str(&text).map_err(|error| error.to_string())?;
        args.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_has_its_own_values_and_the_surveys_where_it_says_nothing() {
        let late = "[[weather.line]]\nfrom = '2026-01-15T23:00:00'\nuntil = '2026-01-16 01:00'\nair-celsius = -1\n";
        let early = "[[weather.line]]\nfrom = '2026-01-15T22:00:00'\nuntil = '2026-01-15T23:00:00'\nwind-m-s = 3\n";
        let weather = night(&format!("{late}{early}")).unwrap().weather.unwrap();
        let [first, second] = &weather.lines[..] else {
            panic!("{:?}", weather.lines)
        };
        assert!((first.weather.wind.value - 3.0).abs() < 1e-12);
        assert!((first.weather.air.value - 2.0).abs() < 1e-12);
        assert!((second.weather.air.value + 1.0).abs() < 1e-12);
        assert!((second.weather.humidity.value() - 0.9).abs() < 1e-12);
        // `date -u -d 2026-01-15T23:00:00 +%s`
        assert_eq!(second.seconds, [1_768_518_000, 1_768_525_200]);
        assert!(first.holds(1_768_517_999) && !first.holds(1_768_518_000));
        assert!(second.holds(1_768_518_000));
    }

    #[test]
    fn lines_that_cannot_be_meant_are_refused() {
        let span = "from = '2026-01-15T22:00:00'\nuntil = '2026-01-15T23:00:00'\n";
        for (line, said) in [
            (
                "air-celsius = 1",
                "weather.line.from =  is not a date and time",
            ),
            (
                "from = '2026-01-15T22:00:00Z'\nuntil = '2026-01-15T23:00:00'\nair-celsius = 1",
                "without a zone",
            ),
            (
                "from = '2026-01-15T22:00:00'\nuntil = '2026-01-15T21:00:00+01:00'\nair-celsius = 1",
                "weather.line.until",
            ),
            (
                "from = '2026-01-15T22:00:00'\nuntil = '2026-01-15T22:00:00'\nair-celsius = 1",
                "after the line's from",
            ),
            (span, "notes anything"),
            (&format!("{span}wind-m-s = 12"), "from 2026-01-15T22:00:00"),
            (&format!("{span}hours-since-sun = 1"), "unknown field"),
        ] {
            let refused = night(&format!("[[weather.line]]\n{line}")).unwrap_err();
            assert!(refused.contains(said), "{line}: {refused}");
        }
        let twice = format!("[[weather.line]]\n{span}air-celsius = 1\n").repeat(2);
        assert!(night(&twice).unwrap_err().contains("may not overlap"));
    }

    #[test]
    fn lines_change_the_digest_and_need_a_survey() {
        let line = "[[weather.line]]\nfrom = '2026-01-15T22:00:00'\nuntil = '2026-01-15T23:00:00'\nair-celsius = 1\n";
        let [with, without] = [line, ""].map(|lines| night(lines).unwrap().policy_sha256());
        assert_ne!(with, without);
        let args: Args = toml::from_str(line).unwrap();
        let refused = args.resolve().unwrap_err().to_string();
        assert!(refused.contains("weather.air-celsius"), "{refused}");
    }
}
