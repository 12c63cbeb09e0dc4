//! Settings as the code reads them: complete and checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::camera::PlaceText;
use super::ground::GroundText;
use super::{
    Args, BuildingsConfig, ConfigError, DetectConfig, GeorefArgs, RedactArgs, RunLimits,
    SurfaceConfig, SurveyConfig, TilesArgs, WallConfig, WeatherConfig, Yaw,
};
use crate::detect::{Class, Engine, Provider};
use crate::georef::{CameraOverrides, Crs, KnownPoses};
use crate::ingest::TiffScale;
use crate::outside;
use crate::redact::RedactConfig;
use crate::units::{Celsius, Degrees, Metres};

/// Characters of a line that a message quotes.
const QUOTED: usize = 120;

/// Bytes of a configuration file; the template with everything in it has some ten thousand.
const LONGEST: u64 = 1 << 20;

/// All settings, complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Who flies, why, for whom.
    pub survey: SurveyConfig,
    /// How long a run waits.
    pub run: RunLimits,
    /// What the files do not say about the camera.
    pub camera: CameraConfig,
    /// Which models look for people.
    pub detect: DetectConfig,
    /// What happens to what they find.
    pub redact: RedactConfig,
    /// How walls are published.
    pub walls: WallConfig,
    /// How frames come to lie on the ground.
    pub georef: GeorefConfig,
    /// What the tiles look like.
    pub tiles: TilesConfig,
    /// The weather of the survey; `None` gives temperatures only.
    pub weather: Option<WeatherConfig>,
    /// Which buildings are measured.
    pub buildings: BuildingsConfig,
    /// Keys of the log.
    pub audit: AuditConfig,
}

/// What the files do not say about the camera.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CameraConfig {
    /// Its lens.
    pub lens: CameraOverrides,
    /// Scale of 16-bit TIFFs that do not say it themselves.
    pub tiff_scale: Option<TiffScale>,
}

/// How frames come to lie on the ground.
#[derive(Debug, Clone, PartialEq)]
pub struct GeorefConfig {
    /// Which yaw to believe.
    pub yaw: Yaw,
    /// Pixels further from straight down are not shown.
    pub max_off_nadir: Degrees,
    /// The surface they lie on.
    pub surface: SurfaceConfig,
    /// Coordinate system of the map; `None` takes the UTM zone.
    pub crs: Option<Crs>,
    /// Whether overlaps refine the poses.
    pub refine: bool,
    /// Poses that software worked out.
    pub poses: Option<Arc<KnownPoses>>,
    /// Height of the take-off point in their datum; `None` takes it from the frames' own heights.
    pub poses_take_off: Option<Metres>,
}

/// What the tiles look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TilesConfig {
    /// Metres per pixel of the mosaic; `None` takes the median of the frames.
    pub resolution: Option<Metres>,
    /// Whether overlaps take out drift and vignetting.
    pub match_temperatures: bool,
    /// Cold end of the colour ramp.
    pub min: Celsius,
    /// Warm end of the colour ramp.
    pub max: Celsius,
    /// Width of the band along seams in which two frames are mixed; `None` never mixes.
    pub feather: Option<Metres>,
    /// Whether web tiles are written as folders of pictures too.
    pub xyz: bool,
    /// Whether redacted frames are written too.
    pub keep_frames: bool,
}

/// Keys of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditConfig {
    /// Key that signs the log.
    pub log_key: Option<PathBuf>,
    /// Key of the input commitments.
    pub commitment_key: Option<PathBuf>,
}

impl Args {
    /// Reads settings from a TOML file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the file cannot be read, is not TOML, or has a key that is not known.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = outside::read_text(path, LONGEST).map_err(|source| ConfigError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Settings from TOML that stands in a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Syntax`] when it is not TOML, or has a key that is not known.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: path.to_path_buf(),
            problem: cut(&error.to_string()),
        })
    }

    /// Fills in defaults and checks ranges.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Range`] naming the key, what was found and what is allowed.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let weather = self.weather.resolve()?;
        if self.tiles.keep_frames == Some(true) && self.buildings.opt_out.is_some() {
            let expected = "possible with buildings.opt-out: frames show homes as a whole; leave one of the two out";
            return Err(out_of_range("tiles.keep-frames", &true, expected));
        }
        Ok(Config {
            survey: self.survey.resolve()?,
            run: self.run.resolve()?,
            camera: self.camera.resolve()?,
            detect: self.detect.resolve()?,
            walls: self.redact.resolve_walls()?,
            redact: self.redact.resolve()?,
            georef: self.georef.resolve()?,
            tiles: self.tiles.resolve()?,
            buildings: self.buildings.resolve(weather.as_ref())?,
            weather,
            audit: AuditConfig {
                log_key: self.audit.log_key,
                commitment_key: self.audit.commitment_key,
            },
        })
    }
}

impl RedactArgs {
    fn resolve(self) -> Result<RedactConfig, ConfigError> {
        let defaults = RedactConfig::default();
        let padding = within(
            "redact.padding-m",
            self.padding_m,
            0.0..=10.0,
            "between 0 and 10 m",
        )?;
        let grid_px = self.grid_px.unwrap_or(defaults.grid_px);
        if !(1..=64).contains(&grid_px) {
            return Err(out_of_range("redact.grid-px", &grid_px, "between 1 and 64"));
        }
        Ok(RedactConfig {
            person: self.person.policy.unwrap_or(defaults.person),
            vehicle: self.vehicle.policy.unwrap_or(defaults.vehicle),
            bicycle: self.bicycle.policy.unwrap_or(defaults.bicycle),
            window: self.window.policy.unwrap_or(defaults.window),
            warm_spot: self.warm_spot.policy.unwrap_or(defaults.warm_spot),
            padding: padding.map_or(defaults.padding, Metres),
            grid_px,
        })
    }
}

impl GeorefArgs {
    fn resolve(self) -> Result<GeorefConfig, ConfigError> {
        let limit = self.max_off_nadir_deg;
        let limit = within(
            "georef.max-off-nadir-deg",
            limit,
            1.0..=85.0,
            "between 1 and 85",
        )?;
        let (poses, poses_take_off) = self.resolve_poses()?;
        Ok(GeorefConfig {
            surface: self.resolve_surface()?,
            crs: self
                .crs
                .as_deref()
                .map(|text| crs("georef.crs", text))
                .transpose()?,
            poses,
            poses_take_off,
            refine: self.refine.unwrap_or(true),
            yaw: self.yaw.unwrap_or_default(),
            max_off_nadir: Degrees(limit.unwrap_or(60.0)),
        })
    }
}

/// `EPSG:27700`, or its number alone.
pub(super) fn crs(key: &'static str, text: &str) -> Result<Crs, ConfigError> {
    let number = text.trim().to_ascii_uppercase();
    let number = number.strip_prefix("EPSG:").unwrap_or(&number);
    let known = number
        .parse()
        .ok()
        .and_then(|epsg| Crs::from_epsg(epsg).ok());
    let expected = "the EPSG code of a projected system in metres, such as EPSG:27700";
    known.ok_or_else(|| out_of_range(key, &text, expected))
}

impl TilesArgs {
    fn resolve(self) -> Result<TilesConfig, ConfigError> {
        let end = |key, value| within(key, value, -100.0..=500.0, "between -100 and 500");
        let min = end("tiles.min-celsius", self.min_celsius)?.unwrap_or(-10.0);
        let max = end("tiles.max-celsius", self.max_celsius)?.unwrap_or(20.0);
        if max <= min {
            return Err(out_of_range(
                "tiles.max-celsius",
                &max,
                "above tiles.min-celsius",
            ));
        }
        let resolution = self.resolution_m;
        let resolution = within(
            "tiles.resolution-m",
            resolution,
            0.005..=10.0,
            "between 0.005 and 10 m",
        )?;
        Ok(TilesConfig {
            resolution: resolution.map(Metres),
            min: Celsius(min),
            max: Celsius(max),
            match_temperatures: self.match_temperatures.unwrap_or(true),
            xyz: self.xyz.unwrap_or(false),
            keep_frames: self.keep_frames.unwrap_or(false),
            feather: within(
                "tiles.feather-m",
                self.feather_m,
                0.01..=100.0,
                "between 0.01 and 100 m",
            )?
            .map(Metres),
        })
    }
}

pub(super) fn out_of_range(
    key: &'static str,
    found: &dyn ToString,
    expected: &'static str,
) -> ConfigError {
    ConfigError::Range {
        key,
        found: found.to_string(),
        expected,
    }
}

pub(super) fn within(
    key: &'static str,
    value: Option<f64>,
    range: std::ops::RangeInclusive<f64>,
    expected: &'static str,
) -> Result<Option<f64>, ConfigError> {
    match value {
        Some(value) if !range.contains(&value) => Err(ConfigError::Range {
            key,
            found: value.to_string(),
            expected,
        }),
        value => Ok(value),
    }
}

/// A parser's message without the ends of its lines, which may be as long as the file.
fn cut(message: &str) -> String {
    let lines = message.trim_end().lines();
    let cut = lines.map(|line| line.chars().take(QUOTED).collect::<String>());
    cut.collect::<Vec<_>>().join("\n")
}

/// What decides about published bytes, for the digest: no paths of keys, no runtime library.
#[derive(Serialize)]
struct PolicyText<'a> {
    place: PlaceText,
    frame_seconds: f64,
    runtime: Engine,
    provider: Provider,
    beyond_envelope: Option<&'a str>,
    warm_spots: Option<[f64; 5]>,
    carry: Option<(usize, u64, f64)>,
    policies: [&'a str; Class::ALL.len()],
    padding_m: f64,
    grid_px: usize,
    crs: Option<u32>,
    refine: bool,
    match_temperatures: bool,
    also: [bool; 2],
    yaw: Yaw,
    max_off_nadir_deg: f64,
    resolution_m: Option<f64>,
    ramp_celsius: [f64; 2],
    ground: GroundText<'a>,
    /// Plain numbers, names and paths, as Rust writes them.
    heat_loss: String,
}

impl Config {
    /// SHA-256 of every setting that can change a published byte but the operator's name; two runs with equal digests, inputs, models, versions and
    /// operators publish equal bytes where the files that settings name are equal too: surface model, outlines, points and opt-outs are in it by
    /// their paths, poses by their content.
    ///
    /// # Panics
    ///
    /// Never: plain numbers and strings serialise.
    #[must_use]
    pub fn policy_sha256(&self) -> [u8; 32] {
        let redact = &self.redact;
        let text = PolicyText {
            place: PlaceText::new(self),
            frame_seconds: self.run.frame.as_secs_f64(),
            runtime: self.detect.runtime,
            provider: self.detect.provider,
            beyond_envelope: self.detect.publish_beyond_envelope.as_deref(),
            warm_spots: self.detect.warm_spots.map(|spots| {
                [
                    spots.min_contrast_k,
                    spots.min_deviations,
                    spots.min_length.0,
                    spots.max_length.0,
                    spots.max_area_m2,
                ]
            }),
            carry: self
                .detect
                .carry
                .map(|carry| (carry.frames, carry.seconds, carry.position_error.0)),
            policies: Class::ALL.map(|class| redact.policy(class).name()),
            padding_m: redact.padding.0,
            grid_px: redact.grid_px,
            crs: self.georef.crs.map(Crs::epsg),
            refine: self.georef.refine,
            match_temperatures: self.tiles.match_temperatures,
            also: [self.tiles.xyz, self.tiles.keep_frames],
            yaw: self.georef.yaw,
            max_off_nadir_deg: self.georef.max_off_nadir.0,
            resolution_m: self.tiles.resolution.map(|resolution| resolution.0),
            ramp_celsius: [self.tiles.min.0, self.tiles.max.0],
            ground: GroundText::new(&self.georef.surface, &self.walls, self.tiles.feather),
            heat_loss: format!("{:?} {:?}", self.weather, self.buildings),
        };
        let bytes = serde_json::to_vec(&text).expect("plain numbers and strings serialise");
        Sha256::digest(bytes).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Policy;

    fn parse(text: &str) -> Result<Args, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn unknown_keys_are_refused_wherever_they_stand() {
        for text in [
            "surprise = 1",
            "[detect]\nthreshhold = 0.2",
            "[redact.persons]\npolicy = \"mean\"",
            "[redact.person]\npad = 1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = parse("[tiles]\nmin-celsius = -20\n[redact.person]\npolicy = \"mean\"").unwrap();
        let flags = parse("[tiles]\nmin-celsius = -5").unwrap();
        let config = flags.or(file).resolve().unwrap();
        assert_eq!(config.tiles.min, Celsius(-5.0));
        assert_eq!(config.redact.person, Policy::Mean);
        assert_eq!(config.redact.vehicle, Policy::NoData);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_no_toml_can_hold_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let mut args = parse("[tiles]\nmin-celsius = -20").unwrap();
        assert_eq!(parse(&args.to_toml().unwrap()).unwrap(), args);
        args.audit.log_key = Some(std::ffi::OsString::from_vec(vec![0xff]).into());
        let error = args.to_toml().unwrap_err().to_string();
        assert!(error.contains("UTF-8"), "{error}");
    }

    #[test]
    fn a_number_outside_its_range_is_named() {
        let error = parse("[redact]\npadding-m = -1")
            .unwrap()
            .resolve()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "redact.padding-m = -1 is not between 0 and 10 m"
        );
        assert!(
            parse("[tiles]\nmin-celsius = 5\nmax-celsius = 5")
                .unwrap()
                .resolve()
                .is_err()
        );
        assert!(
            parse("[detect]\npublish-beyond-envelope = \" \"")
                .unwrap()
                .resolve()
                .is_err()
        );
    }

    #[test]
    fn whole_frames_are_not_kept_where_properties_object() {
        let both = "[tiles]\nkeep-frames = true\n[buildings]\nopt-out = \"a.gpkg\"";
        let refused = parse(both).unwrap().resolve().unwrap_err().to_string();
        assert!(
            refused.contains("tiles.keep-frames") && refused.contains("buildings.opt-out"),
            "{refused}"
        );
        assert!(
            parse("[tiles]\nkeep-frames = true")
                .unwrap()
                .resolve()
                .is_ok()
        );
    }

    #[test]
    fn the_digest_changes_with_what_changes_bytes_and_with_nothing_else() {
        let digest = |text| parse(text).unwrap().resolve().unwrap().policy_sha256();
        assert_ne!(digest(""), digest("[redact]\ngrid-px = 8"));
        assert_ne!(digest(""), digest("[detect.carry]\nenabled = false"));
        // What is withheld for its time is not published.
        assert_ne!(digest(""), digest("[run]\nframe-seconds = 5"));
        assert_eq!(digest(""), digest("[run]\nstall-seconds = 5"));
        assert_eq!(digest(""), digest("[audit]\nlog-key = \"k\""));
    }
}
