//! How long a run waits: `[run]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::resolve::within;

/// How long a run waits for what may not come to an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Run"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunArgs {
    /// Seconds that a frame may take up to its first look, and again from there, before it is withheld [default: 120]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "S", env = "HEATVEIL_FRAME_SECONDS")
    )]
    pub frame_seconds: Option<f64>,
    /// Seconds without any sign of life after which a run ends, to be gone on with by --resume [default: 3600]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "S", env = "HEATVEIL_STALL_SECONDS")
    )]
    pub stall_seconds: Option<f64>,
}

/// How long a run waits for what may not come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// For each half of a frame's way; then it is withheld, or after twice as long the run ends.
    pub frame: Duration,
    /// For a sign of life of any kind; then the run ends.
    pub stall: Duration,
}

impl RunArgs {
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            frame_seconds: self.frame_seconds.or(other.frame_seconds),
            stall_seconds: self.stall_seconds.or(other.stall_seconds),
        }
    }

    pub(super) fn resolve(self) -> Result<RunLimits, ConfigError> {
        let seconds = |key, value, default: f64| -> Result<Duration, ConfigError> {
            let value = within(key, value, 0.1..=1e6, "between 0.1 and 1000000 s")?;
            Ok(Duration::from_secs_f64(value.unwrap_or(default)))
        };
        Ok(RunLimits {
            frame: seconds("run.frame-seconds", self.frame_seconds, 120.0)?,
            stall: seconds("run.stall-seconds", self.stall_seconds, 3600.0)?,
        })
    }
}
