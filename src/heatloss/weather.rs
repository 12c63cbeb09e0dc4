//! The weather of a survey, as the balance needs it.
//!
//! In: the operator's note. Out: values with their uncertainty, checked. Refuses: what is not weather, and the hard
//! stops of DOMAIN section 4.

use super::{HeatLossError, dew_point, mirrored_sky, under_clouds};
use crate::units::{Celsius, Fraction};

/// Wind above this is a hard stop, in m/s (DOMAIN section 4).
pub(super) const WIND_STOP: f64 = 10.0;

/// A value and its standard uncertainty (one sigma), in the value's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uncertain {
    /// Best estimate.
    pub value: f64,
    /// Standard uncertainty.
    pub sigma: f64,
}

/// Where a temperature of the sky comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sky {
    /// Measured during the flight.
    Measured,
    /// From humidity and a stated cloud cover (Berdahl-Martin, Clark-Allen; as a camera sees it: Idso, Kimball).
    Estimated,
    /// The same, the cloud cover not stated and taken as none.
    CloudUnknown,
}

/// What the operator noted; `None` where nothing was.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeatherNote {
    /// Air temperature in °C.
    pub air: Option<f64>,
    /// Effective sky temperature in °C.
    pub sky: Option<f64>,
    /// What the sky looks like to the camera in a rough mirror that lies flat, in °C.
    pub reflected: Option<f64>,
    /// Relative humidity, 0 to 1.
    pub humidity: Option<f64>,
    /// Wind at roof height in m/s.
    pub wind: Option<f64>,
    /// Inside temperature in °C.
    pub indoor: Option<f64>,
    /// Share of the sky under clouds, 0 to 1.
    pub cloud: Option<f64>,
    /// Hours since the sun last shone on the surfaces.
    pub hours_since_sun: Option<f64>,
    /// Hours since rain.
    pub hours_since_rain: Option<f64>,
    /// Hours for which inside was at least 10 K warmer than outside.
    pub hours_heated: Option<f64>,
}

/// Weather that a heat balance can be made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Air temperature in °C.
    pub air: Uncertain,
    /// Effective sky temperature in °C.
    pub sky: Uncertain,
    /// Where it comes from.
    pub sky_source: Sky,
    /// What the sky looks like to the camera, in °C: what surfaces mirror.
    pub reflected: Uncertain,
    /// Where it comes from.
    pub reflected_source: Sky,
    /// Wind in m/s.
    pub wind: Uncertain,
    /// Inside temperature in °C.
    pub indoor: Uncertain,
    /// Relative humidity.
    pub humidity: Fraction,
    /// The strongest wind that was noted in it, m/s, for the gates.
    pub strongest_wind: f64,
    /// The operator's note, for the gates.
    pub note: WeatherNote,
}

impl Weather {
    /// The mean of several weathers, each by its weight: that of frames which were brought to one level of temperature. Sources are the least sure,
    /// the wind for the gates the strongest. `None` of nothing.
    #[must_use]
    pub fn mean(parts: &[(&Self, f64)]) -> Option<Self> {
        let all: f64 = parts.iter().map(|(_, weight)| weight).sum();
        let (first, _) = parts.first()?;
        let mean = |of: fn(&Self) -> f64| {
            let weighed = parts.iter().map(|(weather, weight)| weight * of(weather));
            weighed.sum::<f64>() / all
        };
        let uncertain = |of: fn(&Self) -> Uncertain| {
            let by = |pick: fn(Uncertain) -> f64| {
                let weighed = parts
                    .iter()
                    .map(|(weather, weight)| weight * pick(of(weather)));
                weighed.sum::<f64>() / all
            };
            Uncertain {
                value: by(|known| known.value),
                sigma: by(|known| known.sigma),
            }
        };
        let least_sure = |of: fn(&Self) -> Sky| parts.iter().map(|(weather, _)| of(weather)).max();
        let is_humidity_noted = parts
            .iter()
            .all(|(weather, _)| weather.note.humidity.is_some());
        let winds = parts.iter().map(|(weather, _)| weather.strongest_wind);
        Some(Self {
            air: uncertain(|weather| weather.air),
            sky: uncertain(|weather| weather.sky),
            sky_source: least_sure(|weather| weather.sky_source)?,
            reflected: uncertain(|weather| weather.reflected),
            reflected_source: least_sure(|weather| weather.reflected_source)?,
            wind: uncertain(|weather| weather.wind),
            indoor: uncertain(|weather| weather.indoor),
            humidity: Fraction::new(mean(|weather| weather.humidity.value()))
                .unwrap_or(first.humidity),
            strongest_wind: winds.fold(f64::NEG_INFINITY, f64::max),
            note: WeatherNote {
                // What one of them did not note, the mean did not.
                humidity: first.note.humidity.filter(|_| is_humidity_noted),
                ..first.note
            },
        })
    }
}

impl WeatherNote {
    /// Checks and completes the note. `Ok(None)` without air temperature and wind: nothing was noted that a balance could start from.
    ///
    /// Uncertainties (one sigma): air 0.5 K, wind 0.7 m/s, inside 1.5 K, sky 2 K measured, 3 K estimated, 6 K with unknown
    /// clouds: usual figures of weather stations and of the spread between sky models, not of this survey's instruments. What surfaces mirror of the
    /// sky: 5 K measured, since tiles mirror other parts of it than foil does, 10 K estimated, 15 K with unknown clouds. Inside is taken as 19 °C where not
    /// noted, humidity as 80 %.
    ///
    /// # Errors
    ///
    /// [`HeatLossError`] for values that weather does not have, and the hard stops.
    pub fn complete(&self) -> Result<Option<Weather>, HeatLossError> {
        for (key, value, min, max) in [
            ("air-celsius", self.air, -40.0, 35.0),
            ("sky-celsius", self.sky, -80.0, 35.0),
            ("reflected-celsius", self.reflected, -100.0, 35.0),
            ("humidity", self.humidity, 0.0, 1.0),
            ("wind-m-s", self.wind, 0.0, 60.0),
            ("indoor-celsius", self.indoor, 0.0, 40.0),
            ("cloud", self.cloud, 0.0, 1.0),
            ("hours-since-sun", self.hours_since_sun, 0.0, 1e5),
            ("hours-since-rain", self.hours_since_rain, 0.0, 1e5),
            ("hours-heated", self.hours_heated, 0.0, 1e5),
        ] {
            if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
                return Err(HeatLossError::Value {
                    key,
                    value,
                    min,
                    max,
                });
            }
        }
        let (Some(air), Some(wind)) = (self.air, self.wind) else {
            return Ok(None);
        };
        if wind > WIND_STOP {
            return Err(HeatLossError::TooWindy {
                wind,
                limit: WIND_STOP,
            });
        }
        let indoor = self.indoor.unwrap_or(19.0);
        if indoor <= air {
            return Err(HeatLossError::NotHeated { indoor, air });
        }
        let share = |value: Option<f64>, default| {
            Fraction::new(value.unwrap_or(default)).unwrap_or(Fraction::ONE)
        };
        let humidity = share(self.humidity, 0.8);
        let (sky, sigma, sky_source) = match (self.sky, self.cloud) {
            (Some(sky), _) => (sky, 2.0, Sky::Measured),
            (None, cloud) => {
                let dew = dew_point(Celsius(air), humidity);
                let sky = under_clouds(Celsius(air), dew, 0.0, share(cloud, 0.0)).0;
                match cloud {
                    Some(_) => (sky, 3.0, Sky::Estimated),
                    None => (sky, 6.0, Sky::CloudUnknown),
                }
            }
        };
        let (reflected, spread, reflected_source) = match (self.reflected, self.cloud) {
            (Some(reflected), _) => (reflected, 5.0, Sky::Measured),
            (None, cloud) => {
                let seen = mirrored_sky(Celsius(air), humidity, share(cloud, 0.0)).0;
                match cloud {
                    Some(_) => (seen, 10.0, Sky::Estimated),
                    None => (seen, 15.0, Sky::CloudUnknown),
                }
            }
        };
        let uncertain = |value, sigma| Uncertain { value, sigma };
        Ok(Some(Weather {
            air: uncertain(air, 0.5),
            sky: uncertain(sky, sigma),
            sky_source,
            reflected: uncertain(reflected, spread),
            reflected_source,
            wind: uncertain(wind, 0.7),
            indoor: uncertain(indoor, 1.5),
            humidity,
            strongest_wind: wind,
            note: *self,
        }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::heatloss) fn calm_night() -> WeatherNote {
        WeatherNote {
            air: Some(2.0),
            sky: Some(-14.0),
            reflected: Some(-14.0),
            humidity: Some(0.85),
            wind: Some(1.0),
            indoor: Some(19.0),
            cloud: Some(0.1),
            hours_since_sun: Some(6.0),
            hours_since_rain: Some(48.0),
            hours_heated: Some(48.0),
        }
    }

    fn refusal(change: impl FnOnce(&mut WeatherNote)) -> String {
        let mut note = calm_night();
        change(&mut note);
        note.complete()
            .map_or_else(|error| error.to_string(), |_| "taken".into())
    }

    #[test]
    fn nonsense_is_refused_by_the_name_of_its_key() {
        assert_eq!(refusal(|_| {}), "taken");
        assert!(refusal(|note| note.indoor = Some(1.0)).contains("indoor-celsius = 1"));
        assert!(refusal(|note| note.wind = Some(30.0)).contains("hard stop"));
        assert!(refusal(|note| note.wind = Some(-1.0)).contains("wind-m-s"));
        assert!(refusal(|note| note.humidity = Some(85.0)).contains("humidity"));
        assert!(refusal(|note| note.air = Some(f64::NAN)).contains("air-celsius"));
    }

    #[test]
    fn a_note_without_air_or_wind_gives_no_balance() {
        assert_eq!(WeatherNote::default().complete(), Ok(None));
    }

    /// Three frames at 2 °C and 1 m/s, one at -2 °C and 4 m/s: 1 °C, 1.75 m/s, and gates that look at 4 m/s.
    #[test]
    fn a_mean_weather_is_that_of_its_frames() {
        let calm = calm_night().complete().unwrap().unwrap();
        let mut note = calm_night();
        (note.air, note.wind, note.sky) = (Some(-2.0), Some(4.0), None);
        let later = note.complete().unwrap().unwrap();
        let mean = Weather::mean(&[(&calm, 3.0), (&later, 1.0)]).unwrap();
        assert!((mean.air.value - 1.0).abs() < 1e-12 && (mean.air.sigma - 0.5).abs() < 1e-12);
        assert!((mean.wind.value - 1.75).abs() < 1e-12);
        assert!((mean.strongest_wind - 4.0).abs() < 1e-12);
        assert_eq!(mean.sky_source, Sky::Estimated);
        assert_eq!(Weather::mean(&[]), None);
    }

    #[test]
    fn an_unmeasured_sky_is_estimated_and_less_sure() {
        let mut note = calm_night();
        note.sky = None;
        let estimated = note.complete().unwrap().unwrap();
        assert_eq!(estimated.sky_source, Sky::Estimated);
        assert!(estimated.sky.value < 2.0 - 10.0 && estimated.sky.sigma > 2.0);
        note.cloud = None;
        let unknown = note.complete().unwrap().unwrap();
        assert!(unknown.sky.sigma > estimated.sky.sigma);
        assert_eq!(unknown.reflected_source, Sky::Measured);
        note.reflected = None;
        let mirrored = note.complete().unwrap().unwrap();
        assert!(mirrored.reflected.value < mirrored.sky.value - 20.0);
        assert!(mirrored.reflected.sigma > unknown.reflected.sigma);
    }
}
