//! Settings of the surface model and of walls.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::resolve::{out_of_range, within};
use super::{ConfigError, GeorefArgs, RedactArgs};
use crate::units::{Degrees, Metres};

/// How walls are published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Walls {
    /// As means where a surface model tells walls from roofs, in frames of cameras that look obliquely.
    #[default]
    Auto,
    /// As means over cells; needs a surface model.
    Mean,
    /// As measured.
    Keep,
}

/// How walls are published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallConfig {
    /// When.
    pub walls: Walls,
    /// Side of a cell.
    pub cell: Metres,
    /// Around a wall.
    pub margin: Metres,
}

/// The surface that frames are laid on, and which of its pixels are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceConfig {
    /// The surface model; `None` for flat ground.
    pub dsm: Option<PathBuf>,
    /// Elevation of the take-off points in its datum; `None` takes the surface under each flight's first frame.
    pub takeoff_elevation: Option<Metres>,
    /// Surface further from the camera is not shown.
    pub max_slant_range: Option<Metres>,
    /// Surface seen more obliquely from its normal is not shown.
    pub max_incidence: Degrees,
}

impl RedactArgs {
    pub(super) fn resolve_walls(&self) -> Result<WallConfig, ConfigError> {
        let cell = self.wall_cell_m;
        let cell = within("redact.wall-cell-m", cell, 1.0..=20.0, "between 1 and 20 m")?;
        let margin = self.wall_margin_m;
        let margin = within(
            "redact.wall-margin-m",
            margin,
            0.0..=20.0,
            "between 0 and 20 m",
        )?;
        Ok(WallConfig {
            walls: self.walls.unwrap_or_default(),
            cell: Metres(cell.unwrap_or(1.0)),
            margin: Metres(margin.unwrap_or(1.5)),
        })
    }
}

impl GeorefArgs {
    pub(super) fn resolve_surface(&self) -> Result<SurfaceConfig, ConfigError> {
        let elevation = self.takeoff_elevation_m;
        let elevation = within(
            "georef.takeoff-elevation-m",
            elevation,
            -500.0..=9000.0,
            "between -500 and 9000 m",
        )?;
        if elevation.is_some() && self.dsm.is_none() {
            let found = elevation.unwrap_or_default();
            let expected = "used without georef.dsm; give that too";
            return Err(out_of_range("georef.takeoff-elevation-m", &found, expected));
        }
        let range = self.max_slant_range_m;
        let range = within(
            "georef.max-slant-range-m",
            range,
            1.0..=5000.0,
            "between 1 and 5000 m",
        )?;
        let incidence = self.max_incidence_deg;
        let incidence = within(
            "georef.max-incidence-deg",
            incidence,
            1.0..=89.0,
            "between 1 and 89",
        )?;
        Ok(SurfaceConfig {
            dsm: self.dsm.clone(),
            takeoff_elevation: elevation.map(Metres),
            max_slant_range: range.map(Metres),
            max_incidence: Degrees(incidence.unwrap_or(75.0)),
        })
    }
}

/// What of these settings decides about published bytes, for the digest.
#[derive(Serialize)]
pub(super) struct GroundText<'a> {
    dsm: Option<&'a std::path::Path>,
    surface: [Option<f64>; 3],
    walls: (Walls, f64, f64),
    feather_m: Option<f64>,
}

impl<'a> GroundText<'a> {
    pub(super) fn new(
        surface: &'a SurfaceConfig,
        walls: &WallConfig,
        feather: Option<Metres>,
    ) -> Self {
        Self {
            dsm: surface.dsm.as_deref(),
            surface: [
                surface.takeoff_elevation.map(|elevation| elevation.0),
                surface.max_slant_range.map(|range| range.0),
                Some(surface.max_incidence.0),
            ],
            walls: (walls.walls, walls.cell.0, walls.margin.0),
            feather_m: feather.map(|feather| feather.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Args;

    fn resolve(text: &str) -> Result<super::super::Config, String> {
        let args: Args = toml::from_str(text).map_err(|error| error.to_string())?;
        args.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn a_cell_of_a_wall_is_never_under_a_metre() {
        let refused = resolve("[redact]\nwall-cell-m = 0.5").unwrap_err();
        assert_eq!(
            refused,
            "redact.wall-cell-m = 0.5 is not between 1 and 20 m"
        );
        assert!(resolve("[redact]\nwalls = \"blur\"").is_err());
    }

    #[test]
    fn an_elevation_without_a_surface_model_is_refused() {
        let refused = resolve("[georef]\ntakeoff-elevation-m = 30").unwrap_err();
        assert!(refused.contains("georef.dsm"), "{refused}");
        assert!(resolve("[georef]\ntakeoff-elevation-m = 30\ndsm = \"a.tif\"").is_ok());
    }

    #[test]
    fn the_digest_of_the_settings_changes_with_surface_walls_and_feather() {
        let digest = |text| resolve(text).unwrap().policy_sha256();
        let texts = [
            "",
            "[georef]\ndsm = \"a.tif\"",
            "[georef]\nmax-slant-range-m = 150",
            "[georef]\nmax-incidence-deg = 60",
            "[redact]\nwalls = \"keep\"",
            "[redact]\nwall-margin-m = 3",
            "[tiles]\nfeather-m = 2",
        ];
        let digests: std::collections::BTreeSet<_> = texts.into_iter().map(digest).collect();
        assert_eq!(digests.len(), texts.len());
    }
}
