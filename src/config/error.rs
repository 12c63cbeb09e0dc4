//! Why settings were refused.

use std::path::PathBuf;

use crate::georef::PoseError;
use crate::heatloss::HeatLossError;

/// Why settings were refused.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration file is not valid, or has a key that is not known.
    #[error("{}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        problem: String,
    },
    /// Settings cannot be written as TOML.
    #[error("these settings cannot be kept: {problem}; name files in UTF-8")]
    Unwritable {
        /// Which, and why.
        problem: String,
    },
    /// The file of poses cannot be used.
    #[error("georef.poses is refused")]
    Poses {
        /// Why.
        source: PoseError,
    },
    /// No heat balance can be made of the weather.
    #[error(transparent)]
    Weather(#[from] HeatLossError),
    /// No heat balance can be made of the weather of a part of the survey.
    #[error("weather.line from {from} is refused")]
    WeatherLine {
        /// When it begins.
        from: String,
        /// Why.
        source: HeatLossError,
    },
    /// A setting lies outside its range.
    #[error("{key} = {found} is not {expected}")]
    Range {
        /// The setting.
        key: &'static str,
        /// What was given.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
}
