//! Settings of heat loss: the weather of the survey and the buildings, in the file only: `[weather]` and `[buildings]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::resolve::{out_of_range, within};
use super::weather_line::{self, WeatherLine, WeatherLineArgs};
use crate::heatloss::{
    BuildingOptions, Convection, FluxModel, FootprintSource, HeatLossError, Spread, Surface,
    UprnPoints, Weather, WeatherNote,
};
use crate::units::{Degrees, Fraction, Metres};

/// A camera that is as wrong as it says in nine of ten cases: half the 90 % interval of a normal distribution in sigmas.
const NINETY: f64 = 1.644_853_627;

/// The weather of the survey: what the operator noted.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct WeatherArgs {
    /// Air temperature.
    pub air_celsius: Option<f64>,
    /// Effective sky temperature, measured over all wavelengths [default: from humidity and cloud].
    pub sky_celsius: Option<f64>,
    /// What the camera reads in crumpled foil that lies flat under the sky (ASTM E1862, ISO 18434-1) [default: from humidity and cloud].
    pub reflected_celsius: Option<f64>,
    /// Share of the sky under clouds, 0 to 1.
    pub cloud: Option<f64>,
    /// Relative humidity, 0 to 1 [default: 0.8].
    pub humidity: Option<f64>,
    /// Wind at roof height.
    pub wind_m_s: Option<f64>,
    /// Inside temperature [default: 19].
    pub indoor_celsius: Option<f64>,
    /// Hours since the sun last shone on the surfaces.
    pub hours_since_sun: Option<f64>,
    /// Hours since rain.
    pub hours_since_rain: Option<f64>,
    /// Hours for which inside was at least 10 K warmer than outside.
    pub hours_heated: Option<f64>,
    /// Emissivity of surfaces that nobody knows better [default: 0.91].
    pub emissivity: Option<f64>,
    /// Tilt of roofs that nobody knows better [default: 35].
    pub roof_tilt_deg: Option<f64>,
    /// How wind carries heat away [default: mcadams].
    pub convection: Option<ConvectionName>,
    /// What the camera's maker states as its accuracy, plus or minus [default: 2].
    pub camera_accuracy_k: Option<f64>,
    /// Where it changed in the course of the survey.
    pub line: Vec<WeatherLineArgs>,
}

/// How wind carries heat away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum ConvectionName {
    /// `5.7 + 3.8 v` (`McAdams`, after Jürges).
    #[serde(rename = "mcadams")]
    McAdams,
    /// `4 + 4 v` (ISO 6946).
    #[serde(rename = "iso-6946")]
    Iso6946,
}

/// The weather, checked, and what is assumed of surfaces.
#[derive(Debug, Clone, PartialEq)]
pub struct WeatherConfig {
    /// The weather of the survey.
    pub weather: Weather,
    /// Where it changed, in the order of times.
    pub lines: Vec<WeatherLine>,
    /// A surface of which nothing is known.
    pub surface: Surface,
    /// How wind carries heat away.
    pub convection: Convection,
    /// What is uncertain besides the weather.
    pub spread: Spread,
}

/// Which buildings are measured, and which are left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct BuildingsArgs {
    /// Outlines: any file that OGR reads.
    pub footprints: Option<PathBuf>,
    /// Its layer [default: the only one].
    pub layer: Option<String>,
    /// Field of a building's name [default: its number].
    pub id: Option<String>,
    /// Field of the UPRN.
    pub uprn: Option<String>,
    /// Points with UPRNs: any file that OGR reads, such as OS Open UPRN.
    pub uprn_points: Option<PathBuf>,
    /// Field of the UPRN in that file [default: UPRN].
    pub uprn_points_field: Option<String>,
    /// Field of the roof's material.
    pub material: Option<String>,
    /// Field of the roof's emissivity.
    pub emissivity: Option<String>,
    /// Field of the roof's tilt in degrees.
    pub tilt: Option<String>,
    /// Neighbours are compared within this distance [default: 250].
    pub radius_m: Option<f64>,
    /// Outlines of homes and gardens whose people object: any file that OGR reads.
    pub opt_out: Option<PathBuf>,
    /// Metres around them that go too [default: 1, more without a surface model].
    pub opt_out_margin_m: Option<f64>,
}

/// Which buildings are measured, and which are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuildingsConfig {
    /// Outlines; `None` makes no table.
    pub footprints: Option<FootprintSource>,
    /// Points with UPRNs.
    pub uprn_points: Option<UprnPoints>,
    /// How they are measured: without weather, by default values.
    pub options: BuildingOptions,
    /// Homes and gardens whose people object.
    pub opt_out: Option<PathBuf>,
    /// Around them; `None` leaves it to the map.
    pub opt_out_margin: Option<Metres>,
}

impl WeatherArgs {
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            air_celsius: self.air_celsius.or(other.air_celsius),
            sky_celsius: self.sky_celsius.or(other.sky_celsius),
            reflected_celsius: self.reflected_celsius.or(other.reflected_celsius),
            cloud: self.cloud.or(other.cloud),
            humidity: self.humidity.or(other.humidity),
            wind_m_s: self.wind_m_s.or(other.wind_m_s),
            indoor_celsius: self.indoor_celsius.or(other.indoor_celsius),
            hours_since_sun: self.hours_since_sun.or(other.hours_since_sun),
            hours_since_rain: self.hours_since_rain.or(other.hours_since_rain),
            hours_heated: self.hours_heated.or(other.hours_heated),
            emissivity: self.emissivity.or(other.emissivity),
            roof_tilt_deg: self.roof_tilt_deg.or(other.roof_tilt_deg),
            convection: self.convection.or(other.convection),
            camera_accuracy_k: self.camera_accuracy_k.or(other.camera_accuracy_k),
            line: if self.line.is_empty() {
                other.line
            } else {
                self.line
            },
        }
    }

    /// `None` where nothing was noted.
    pub(super) fn resolve(self) -> Result<Option<WeatherConfig>, ConfigError> {
        if self == Self::default() {
            return Ok(None);
        }
        let defaults = BuildingOptions::default();
        let emissivity = self.emissivity.unwrap_or(defaults.emissivity);
        let emissivity = Fraction::new(emissivity)
            .map_err(|error| out_of_range("weather.emissivity", &error.0, "between 0 and 1"))?;
        let tilt = self.roof_tilt_deg;
        let tilt = within(
            "weather.roof-tilt-deg",
            tilt,
            0.0..=90.0,
            "between 0 and 90",
        )?;
        let accuracy = self.camera_accuracy_k;
        let key = "weather.camera-accuracy-k";
        let accuracy = within(key, accuracy, 0.1..=10.0, "between 0.1 and 10 K")?.unwrap_or(2.0);
        let note = WeatherNote {
            air: self.air_celsius,
            sky: self.sky_celsius,
            reflected: self.reflected_celsius,
            humidity: self.humidity,
            wind: self.wind_m_s,
            indoor: self.indoor_celsius,
            cloud: self.cloud,
            hours_since_sun: self.hours_since_sun,
            hours_since_rain: self.hours_since_rain,
            hours_heated: self.hours_heated,
        };
        let Some(weather) = note.complete()? else {
            let (key, missing) = match self.air_celsius {
                None => ("weather.air-celsius", "given; heat loss starts from it"),
                Some(_) => ("weather.wind-m-s", "given; heat loss starts from it"),
            };
            return Err(out_of_range(key, &"nothing", missing));
        };
        let config = WeatherConfig {
            weather,
            lines: weather_line::resolve(self.line, &note)?,
            surface: Surface {
                emissivity,
                tilt: Degrees(tilt.unwrap_or(defaults.tilt.0)),
            },
            convection: match self.convection {
                Some(ConvectionName::Iso6946) => Convection::Iso6946,
                Some(ConvectionName::McAdams) | None => Convection::McAdams,
            },
            spread: Spread {
                apparent: accuracy / NINETY,
                ..defaults.spread
            },
        };
        config.model(&config.weather, config.surface, Fraction::ONE)?;
        Ok(Some(config))
    }
}

impl WeatherConfig {
    /// The balance of a surface in one weather of the survey, through air of this transmission.
    pub(crate) fn model(
        &self,
        weather: &Weather,
        surface: Surface,
        transmission: Fraction,
    ) -> Result<FluxModel, HeatLossError> {
        let Self {
            convection, spread, ..
        } = self;
        FluxModel::new(weather, surface, transmission, *convection, spread)
    }
}

impl BuildingsArgs {
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            footprints: self.footprints.or(other.footprints),
            layer: self.layer.or(other.layer),
            id: self.id.or(other.id),
            uprn: self.uprn.or(other.uprn),
            uprn_points: self.uprn_points.or(other.uprn_points),
            uprn_points_field: self.uprn_points_field.or(other.uprn_points_field),
            material: self.material.or(other.material),
            emissivity: self.emissivity.or(other.emissivity),
            tilt: self.tilt.or(other.tilt),
            radius_m: self.radius_m.or(other.radius_m),
            opt_out: self.opt_out.or(other.opt_out),
            opt_out_margin_m: self.opt_out_margin_m.or(other.opt_out_margin_m),
        }
    }

    pub(super) fn resolve(
        self,
        weather: Option<&WeatherConfig>,
    ) -> Result<BuildingsConfig, ConfigError> {
        let radius = self.radius_m;
        let radius = within(
            "buildings.radius-m",
            radius,
            10.0..=10_000.0,
            "between 10 and 10,000 m",
        )?;
        let margin = self.opt_out_margin_m;
        let key = "buildings.opt-out-margin-m";
        let margin = within(key, margin, 0.0..=50.0, "between 0 and 50 m")?;
        if margin.is_some() && self.opt_out.is_none() {
            let found = margin.unwrap_or_default();
            return Err(out_of_range(
                key,
                &found,
                "used without buildings.opt-out; give that too",
            ));
        }
        let for_outlines = [
            ("buildings.layer", &self.layer),
            ("buildings.id", &self.id),
            ("buildings.uprn", &self.uprn),
            ("buildings.material", &self.material),
            ("buildings.emissivity", &self.emissivity),
            ("buildings.tilt", &self.tilt),
            ("buildings.uprn-points-field", &self.uprn_points_field),
        ];
        let unused = for_outlines
            .into_iter()
            .find_map(|(key, field)| Some((key, field.clone()?)));
        if let (Some((key, found)), None) = (unused, &self.footprints) {
            let expected = "used without buildings.footprints; give that too";
            return Err(out_of_range(key, &found, expected));
        }
        let (defaults, field) = (BuildingOptions::default(), self.uprn_points_field);
        Ok(BuildingsConfig {
            uprn_points: self.uprn_points.map(|path| UprnPoints {
                path,
                field: field.unwrap_or_else(|| "UPRN".into()),
            }),
            footprints: self.footprints.map(|path| FootprintSource {
                driver: None,
                path,
                layer: self.layer,
                id: self.id,
                uprn: self.uprn,
                material: self.material,
                emissivity: self.emissivity,
                tilt: self.tilt,
            }),
            options: BuildingOptions {
                emissivity: weather.map_or(defaults.emissivity, |weather| {
                    weather.surface.emissivity.value()
                }),
                tilt: weather.map_or(defaults.tilt, |weather| weather.surface.tilt),
                convection: weather.map_or(defaults.convection, |weather| weather.convection),
                spread: weather.map_or(defaults.spread, |weather| weather.spread),
                radius: radius.unwrap_or(defaults.radius),
                ..defaults
            },
            opt_out: self.opt_out,
            opt_out_margin: margin.map(Metres),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Args;

    fn resolve(text: &str) -> Result<super::super::Config, String> {
        let args: Args = toml::from_str(text).map_err(|error| error.to_string())?;
        args.resolve().map_err(|error| error.to_string())
    }

    fn night(more: &str) -> Result<super::super::Config, String> {
        resolve(&format!("[weather]\nair-celsius = 2\n{more}"))
    }

    #[test]
    fn nonsense_is_refused_by_its_name() {
        assert!(resolve("").unwrap().weather.is_none());
        assert!(night("wind-m-s = 1").unwrap().weather.is_some());
        for (text, said) in [
            (
                "wind-m-s = 1\nindoor-celsius = 1",
                "indoor-celsius = 1 is not above air-celsius = 2",
            ),
            ("wind-m-s = 30", "hard stop"),
            (
                "wind-m-s = 1\nemissivity = 0",
                "emissivity 0 is not between 0.6 and 1",
            ),
            ("wind-m-s = 1\nemissivity = 9", "weather.emissivity = 9"),
            ("wind-m-s = 1\nhumidity = 85", "humidity = 85"),
            (
                "wind-m-s = 1\nroof-tilt-deg = 120",
                "weather.roof-tilt-deg = 120",
            ),
            ("cloud = 0.5", "weather.wind-m-s = nothing is not given"),
            ("wind = 1", "unknown field `wind`"),
            (
                "wind-m-s = 1\nconvection = \"fan\"",
                "unknown variant `fan`",
            ),
        ] {
            let refused = night(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn what_needs_another_setting_says_which() {
        let refused = resolve("[buildings]\nuprn = \"uprn\"").unwrap_err();
        assert!(refused.contains("buildings.footprints"), "{refused}");
        let refused = resolve("[buildings]\nopt-out-margin-m = 2").unwrap_err();
        assert!(refused.contains("buildings.opt-out"), "{refused}");
        assert!(resolve("[buildings]\nfootprints = \"a.gpkg\"\nuprn = \"uprn\"").is_ok());
    }

    #[test]
    fn the_digest_changes_with_weather_outlines_and_objections() {
        let digest = |text| resolve(text).unwrap().policy_sha256();
        let texts = [
            "",
            "[weather]\nair-celsius = 2\nwind-m-s = 1",
            "[weather]\nair-celsius = 2\nwind-m-s = 1\nemissivity = 0.95",
            "[buildings]\nfootprints = \"a.gpkg\"",
            "[buildings]\nopt-out = \"a.gpkg\"",
            "[buildings]\nopt-out = \"a.gpkg\"\nopt-out-margin-m = 3",
        ];
        let digests: std::collections::BTreeSet<_> = texts.into_iter().map(digest).collect();
        assert_eq!(digests.len(), texts.len());
    }
}
