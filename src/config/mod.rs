//! What the operator asked for: flags over environment over `heatveil.toml` over defaults.
//!
//! In: [`Args`] from the command line and from the file. Out: a checked [`Config`]. Refuses: unknown keys
//! and numbers outside their range.

mod args;
mod camera;
mod detect;
mod error;
mod ground;
mod limits;
mod lines;
mod resolve;
mod retention;
mod survey;
mod weather;
mod weather_line;

pub use args::{Args, AuditArgs, CameraArgs, ClassArgs, GeorefArgs, RedactArgs, TilesArgs, Yaw};
pub use detect::{DetectArgs, DetectConfig, Precision};
pub use error::ConfigError;
pub use ground::{SurfaceConfig, WallConfig, Walls};
pub use limits::{RunArgs, RunLimits};
pub use lines::{CarryArgs, CarryConfig, WarmSpotArgs};
pub use resolve::{AuditConfig, CameraConfig, Config, GeorefConfig, TilesConfig};
pub use retention::RetentionArgs;
pub use survey::{SurveyArgs, SurveyConfig};
pub use weather::{BuildingsArgs, BuildingsConfig, ConvectionName, WeatherArgs, WeatherConfig};
pub use weather_line::{WeatherLine, WeatherLineArgs};
