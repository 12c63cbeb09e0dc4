//! Settings of the lines of defence that need no model, in the file only: `[detect.warm-spots]` and `[detect.carry]`.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::resolve::{out_of_range, within};
use crate::detect::WarmSpotConfig;
use crate::units::Metres;

/// Settings of warm spots, in the file only: `[detect.warm-spots]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct WarmSpotArgs {
    /// Whether warm regions of a person's size are masked [default: true].
    pub enabled: Option<bool>,
    /// Kelvin above their surroundings at least [default: 0.5].
    pub min_contrast_k: Option<f64>,
    /// Standard deviations of their surroundings above them at least [default: 2.4].
    pub min_deviations: Option<f64>,
    /// Longer side in metres at least [default: 0.25].
    pub min_length_m: Option<f64>,
    /// Longer side in metres at most [default: 2.0].
    pub max_length_m: Option<f64>,
    /// Square metres at most [default: 1.5].
    pub max_area_m2: Option<f64>,
}

/// How finds are carried into neighbouring frames, in the file only: `[detect.carry]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct CarryArgs {
    /// Whether they are.
    pub enabled: Option<bool>,
    /// Neighbours on each side at most.
    pub frames: Option<usize>,
    /// Seconds between neighbours at most.
    pub seconds: Option<u64>,
    /// Metres by which the positions of two neighbours may be wrong against each other.
    pub position_error_m: Option<f64>,
}

/// How finds are carried into neighbouring frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarryConfig {
    /// Neighbours on each side at most.
    pub frames: usize,
    /// Seconds between neighbours at most.
    pub seconds: u64,
    /// By how much the positions of two neighbours may be wrong against each other.
    pub position_error: Metres,
}

impl Default for CarryConfig {
    fn default() -> Self {
        Self {
            frames: 2,
            seconds: 10,
            position_error: Metres(0.5),
        }
    }
}

impl WarmSpotArgs {
    pub(super) fn or(&self, other: &Self) -> Self {
        Self {
            enabled: self.enabled.or(other.enabled),
            min_contrast_k: self.min_contrast_k.or(other.min_contrast_k),
            min_deviations: self.min_deviations.or(other.min_deviations),
            min_length_m: self.min_length_m.or(other.min_length_m),
            max_length_m: self.max_length_m.or(other.max_length_m),
            max_area_m2: self.max_area_m2.or(other.max_area_m2),
        }
    }

    pub(super) fn resolve(self) -> Result<Option<WarmSpotConfig>, ConfigError> {
        let defaults = WarmSpotConfig::default();
        let contrast = within(
            "detect.warm-spots.min-contrast-k",
            self.min_contrast_k,
            0.0..=50.0,
            "between 0 and 50 K",
        )?;
        let deviations = within(
            "detect.warm-spots.min-deviations",
            self.min_deviations,
            0.5..=20.0,
            "between 0.5 and 20",
        )?;
        let metres = |key, value| within(key, value, 0.05..=10.0, "between 0.05 and 10 m");
        let shortest = metres("detect.warm-spots.min-length-m", self.min_length_m)?;
        let longest = metres("detect.warm-spots.max-length-m", self.max_length_m)?;
        let area = within(
            "detect.warm-spots.max-area-m2",
            self.max_area_m2,
            0.01..=50.0,
            "between 0.01 and 50 m2",
        )?;
        let config = WarmSpotConfig {
            min_contrast_k: contrast.unwrap_or(defaults.min_contrast_k),
            min_deviations: deviations.unwrap_or(defaults.min_deviations),
            min_length: shortest.map_or(defaults.min_length, Metres),
            max_length: longest.map_or(defaults.max_length, Metres),
            max_area_m2: area.unwrap_or(defaults.max_area_m2),
        };
        Ok(self.enabled.unwrap_or(true).then_some(config))
    }
}

impl CarryArgs {
    pub(super) fn or(&self, other: &Self) -> Self {
        Self {
            enabled: self.enabled.or(other.enabled),
            frames: self.frames.or(other.frames),
            seconds: self.seconds.or(other.seconds),
            position_error_m: self.position_error_m.or(other.position_error_m),
        }
    }

    pub(super) fn resolve(self) -> Result<Option<CarryConfig>, ConfigError> {
        let defaults = CarryConfig::default();
        let frames = self.frames.unwrap_or(defaults.frames);
        let seconds = self.seconds.unwrap_or(defaults.seconds);
        if !(1..=16).contains(&frames) {
            return Err(out_of_range(
                "detect.carry.frames",
                &frames,
                "between 1 and 16",
            ));
        }
        if seconds > 60 {
            return Err(out_of_range(
                "detect.carry.seconds",
                &seconds,
                "between 0 and 60",
            ));
        }
        let error = within(
            "detect.carry.position-error-m",
            self.position_error_m,
            0.0..=10.0,
            "between 0 and 10 m",
        )?;
        Ok(self.enabled.unwrap_or(true).then_some(CarryConfig {
            frames,
            seconds,
            position_error: error.map_or(defaults.position_error, Metres),
        }))
    }
}
