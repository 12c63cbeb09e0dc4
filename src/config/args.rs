//! Settings as the user writes them: every one optional, the same words in TOML and on the command line.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{BuildingsArgs, ConfigError, DetectArgs, RunArgs, SurveyArgs, Walls, WeatherArgs};
use crate::georef::YawSource;
use crate::redact::Policy;

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Args {
    /// Who flies, why, for whom.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub survey: SurveyArgs,
    /// How long a run waits.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub run: RunArgs,
    /// What the files do not say about the camera.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub camera: CameraArgs,
    /// Which models look for people.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub detect: DetectArgs,
    /// What happens to what they find.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub redact: RedactArgs,
    /// How frames come to lie on the ground.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub georef: GeorefArgs,
    /// What the tiles look like.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub tiles: TilesArgs,
    /// The weather of the survey.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub weather: WeatherArgs,
    /// Which buildings are measured.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub buildings: BuildingsArgs,
    /// Keys of the log.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub audit: AuditArgs,
}

/// What the files do not say about the camera.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Camera"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct CameraArgs {
    /// Focal length in pixels of the thermal raster
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "PX", env = "HEATVEIL_FOCAL_LENGTH_PX")
    )]
    pub focal_length_px: Option<f64>,
    /// Focal length in millimetres
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "MM", env = "HEATVEIL_FOCAL_LENGTH_MM")
    )]
    pub focal_length_mm: Option<f64>,
    /// Distance between pixels on the sensor in micrometres
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "UM", env = "HEATVEIL_PIXEL_PITCH_UM")
    )]
    pub pixel_pitch_um: Option<f64>,
    /// Column of the optical axis in pixels [default: the middle]
    #[cfg_attr(feature = "cli", arg(long, value_name = "PX", env = "HEATVEIL_CX"))]
    pub cx: Option<f64>,
    /// Row of the optical axis in pixels [default: the middle]
    #[cfg_attr(feature = "cli", arg(long, value_name = "PX", env = "HEATVEIL_CY"))]
    pub cy: Option<f64>,
    /// Distortion of the lens as `OpenCV` has it: k1,k2,p1,p2,k3 [default: found from overlaps]
    #[cfg_attr(
        feature = "cli",
        arg(
            long,
            value_name = "K1,K2,P1,P2,K3",
            env = "HEATVEIL_DISTORTION",
            value_delimiter = ',',
            num_args = 1,
            allow_hyphen_values = true
        )
    )]
    pub distortion: Option<Vec<f64>>,
    /// Degrees per count of 16-bit TIFFs that do not say it themselves
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "SCALE", env = "HEATVEIL_TIFF_SCALE")
    )]
    pub tiff_scale: Option<f64>,
    /// Degrees Celsius at count 0 of such TIFFs [default: -273.15]
    #[cfg_attr(
        feature = "cli",
        arg(
            long,
            value_name = "CELSIUS",
            env = "HEATVEIL_TIFF_OFFSET",
            allow_negative_numbers = true
        )
    )]
    pub tiff_offset: Option<f64>,
}

/// What happens to what is found.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Redact"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct RedactArgs {
    /// Metres on the ground that a mask adds on each side at least [default: 0.25]
    #[cfg_attr(
        feature = "cli",
        arg(
            long = "mask-padding-m",
            value_name = "M",
            env = "HEATVEIL_MASK_PADDING_M"
        )
    )]
    pub padding_m: Option<f64>,
    /// Masks start and end on multiples of this many pixels [default: 4]
    #[cfg_attr(
        feature = "cli",
        arg(
            long = "mask-grid-px",
            value_name = "PX",
            env = "HEATVEIL_MASK_GRID_PX"
        )
    )]
    pub grid_px: Option<usize>,
    /// Walls as means over cells [default: auto, where a DSM and an oblique camera show walls]
    #[cfg_attr(feature = "cli", arg(long, value_name = "HOW", env = "HEATVEIL_WALLS"))]
    pub walls: Option<Walls>,
    /// Metres along a cell of a wall, at least 1 [default: 1]
    #[cfg_attr(feature = "cli", arg(skip))]
    pub wall_cell_m: Option<f64>,
    /// Metres around a wall that poses and DSM may be off by [default: 1.5]
    #[cfg_attr(feature = "cli", arg(skip))]
    pub wall_margin_m: Option<f64>,
    /// Persons.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub person: ClassArgs,
    /// Vehicles.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub vehicle: ClassArgs,
    /// Bicycles.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub bicycle: ClassArgs,
    /// Windows.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub window: ClassArgs,
    /// Warm spots.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub warm_spot: ClassArgs,
}

/// Settings of one class, in the file only: `[redact.person]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClassArgs {
    /// `nodata` or `mean`.
    pub policy: Option<Policy>,
}

/// How frames come to lie on the ground.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Georeference"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct GeorefArgs {
    /// Coordinate system of the map, as `EPSG:27700` [default: the flight's UTM zone]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "EPSG:N", env = "HEATVEIL_CRS")
    )]
    pub crs: Option<String>,
    /// Whether overlapping frames refine each other's poses [default: true]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "BOOL", env = "HEATVEIL_REFINE")
    )]
    pub refine: Option<bool>,
    /// Poses by photogrammetry software: ODM's shots.geojson or geo.txt, a `Pix4D` or Metashape table
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "FILE", env = "HEATVEIL_POSES")
    )]
    pub poses: Option<PathBuf>,
    /// Coordinate system of such a table [default: longitude and latitude]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "EPSG:N", env = "HEATVEIL_POSES_CRS")
    )]
    pub poses_crs: Option<String>,
    /// Height of take-off in the datum of the poses [default: by the frames' own heights above it]
    #[cfg_attr(
        feature = "cli",
        arg(
            long,
            value_name = "M",
            env = "HEATVEIL_POSES_TAKEOFF_M",
            allow_negative_numbers = true
        )
    )]
    pub poses_takeoff_m: Option<f64>,
    /// Which yaw to believe [default: auto, chosen per flight by overlap agreement]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "SOURCE", env = "HEATVEIL_YAW")
    )]
    pub yaw: Option<Yaw>,
    /// Degrees from straight down beyond which pixels are not shown [default: 60]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "DEG", env = "HEATVEIL_MAX_OFF_NADIR_DEG")
    )]
    pub max_off_nadir_deg: Option<f64>,
    /// Surface model: a raster of elevations that GDAL reads [default: flat ground]
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", env = "HEATVEIL_DSM"))]
    pub dsm: Option<PathBuf>,
    /// Elevation of the take-off point in the DSM's datum [default: the DSM under the first frame]
    #[cfg_attr(
        feature = "cli",
        arg(
            long,
            value_name = "M",
            env = "HEATVEIL_TAKEOFF_ELEVATION_M",
            allow_negative_numbers = true
        )
    )]
    pub takeoff_elevation_m: Option<f64>,
    /// Metres from the camera beyond which pixels are not shown [default: no limit]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "M", env = "HEATVEIL_MAX_SLANT_RANGE_M")
    )]
    pub max_slant_range_m: Option<f64>,
    /// Degrees from the normal of the DSM beyond which pixels are not shown [default: 75]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "DEG", env = "HEATVEIL_MAX_INCIDENCE_DEG")
    )]
    pub max_incidence_deg: Option<f64>,
}

/// Which yaw to believe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Yaw {
    /// The one with which overlapping frames agree better, per flight.
    #[default]
    Auto,
    /// The gimbal's.
    Gimbal,
    /// The airframe's.
    Flight,
}

impl Yaw {
    /// The one insisted on; `None` where flights choose.
    #[must_use]
    pub fn source(self) -> Option<YawSource> {
        match self {
            Self::Auto => None,
            Self::Gimbal => Some(YawSource::Gimbal),
            Self::Flight => Some(YawSource::Flight),
        }
    }
}

/// What the tiles look like.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Tiles"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct TilesArgs {
    /// Metres per pixel of the mosaic [default: the median of the frames]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "M", env = "HEATVEIL_RESOLUTION_M")
    )]
    pub resolution_m: Option<f64>,
    /// Temperature at the cold end of the colour ramp [default: -10]
    #[cfg_attr(
        feature = "cli",
        arg(
            long,
            value_name = "CELSIUS",
            env = "HEATVEIL_MIN_CELSIUS",
            allow_negative_numbers = true
        )
    )]
    pub min_celsius: Option<f64>,
    /// Temperature at the warm end of the colour ramp [default: 20]
    #[cfg_attr(
        feature = "cli",
        arg(
            long,
            value_name = "CELSIUS",
            env = "HEATVEIL_MAX_CELSIUS",
            allow_negative_numbers = true
        )
    )]
    pub max_celsius: Option<f64>,
    /// Metres along seams in which two frames are mixed [default: never, every pixel is one measured value]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "M", env = "HEATVEIL_FEATHER_M")
    )]
    pub feather_m: Option<f64>,
    /// Whether overlapping frames take drift and vignetting out of each other's temperatures [default: true]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "BOOL", env = "HEATVEIL_MATCH_TEMPERATURES")
    )]
    pub match_temperatures: Option<bool>,
    /// Whether web tiles are written as folders of pictures too, for servers of plain files [default: false]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", env = "HEATVEIL_XYZ")
    )]
    pub xyz: Option<bool>,
    /// Whether redacted frames are written too, with poses, for photogrammetry software [default: false]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", env = "HEATVEIL_KEEP_FRAMES")
    )]
    pub keep_frames: Option<bool>,
}

/// Keys of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Audit"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct AuditArgs {
    /// Key that signs the log, from `heatveil keygen` [default: a new one under DIR/private]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "FILE", env = "HEATVEIL_LOG_KEY")
    )]
    pub log_key: Option<PathBuf>,
    /// Key of the input commitments, 64 hex digits [default: a new one under DIR/private]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "FILE", env = "HEATVEIL_COMMITMENT_KEY")
    )]
    pub commitment_key: Option<PathBuf>,
}

impl Args {
    /// The settings of `self`, and where it has none those of `file`, where one is given.
    ///
    /// # Errors
    ///
    /// As [`Args::read`].
    pub fn over(self, file: Option<&Path>) -> Result<Self, ConfigError> {
        match file {
            Some(path) => Ok(self.or(Self::read(path)?)),
            None => Ok(self),
        }
    }

    /// The settings as TOML, which [`Args::read`] reads as the same.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Unwritable`] where a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Unwritable {
            problem: error.to_string(),
        })
    }

    /// The settings of `self`, and where it has none those of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let Self {
            survey,
            run,
            camera,
            detect,
            redact,
            georef,
            tiles,
            weather,
            buildings,
            audit,
        } = self;
        Self {
            survey: survey.or(other.survey),
            run: run.or(other.run),
            camera: CameraArgs {
                focal_length_px: camera.focal_length_px.or(other.camera.focal_length_px),
                focal_length_mm: camera.focal_length_mm.or(other.camera.focal_length_mm),
                pixel_pitch_um: camera.pixel_pitch_um.or(other.camera.pixel_pitch_um),
                cx: camera.cx.or(other.camera.cx),
                cy: camera.cy.or(other.camera.cy),
                distortion: camera.distortion.or(other.camera.distortion),
                tiff_scale: camera.tiff_scale.or(other.camera.tiff_scale),
                tiff_offset: camera.tiff_offset.or(other.camera.tiff_offset),
            },
            detect: detect.or(other.detect),
            redact: RedactArgs {
                padding_m: redact.padding_m.or(other.redact.padding_m),
                grid_px: redact.grid_px.or(other.redact.grid_px),
                walls: redact.walls.or(other.redact.walls),
                wall_cell_m: redact.wall_cell_m.or(other.redact.wall_cell_m),
                wall_margin_m: redact.wall_margin_m.or(other.redact.wall_margin_m),
                person: redact.person.or(&other.redact.person),
                vehicle: redact.vehicle.or(&other.redact.vehicle),
                bicycle: redact.bicycle.or(&other.redact.bicycle),
                window: redact.window.or(&other.redact.window),
                warm_spot: redact.warm_spot.or(&other.redact.warm_spot),
            },
            georef: GeorefArgs {
                crs: georef.crs.or(other.georef.crs),
                refine: georef.refine.or(other.georef.refine),
                poses: georef.poses.or(other.georef.poses),
                poses_crs: georef.poses_crs.or(other.georef.poses_crs),
                poses_takeoff_m: georef.poses_takeoff_m.or(other.georef.poses_takeoff_m),
                yaw: georef.yaw.or(other.georef.yaw),
                max_off_nadir_deg: georef.max_off_nadir_deg.or(other.georef.max_off_nadir_deg),
                dsm: georef.dsm.or(other.georef.dsm),
                takeoff_elevation_m: georef
                    .takeoff_elevation_m
                    .or(other.georef.takeoff_elevation_m),
                max_slant_range_m: georef.max_slant_range_m.or(other.georef.max_slant_range_m),
                max_incidence_deg: georef.max_incidence_deg.or(other.georef.max_incidence_deg),
            },
            tiles: TilesArgs {
                resolution_m: tiles.resolution_m.or(other.tiles.resolution_m),
                min_celsius: tiles.min_celsius.or(other.tiles.min_celsius),
                max_celsius: tiles.max_celsius.or(other.tiles.max_celsius),
                feather_m: tiles.feather_m.or(other.tiles.feather_m),
                match_temperatures: tiles.match_temperatures.or(other.tiles.match_temperatures),
                xyz: tiles.xyz.or(other.tiles.xyz),
                keep_frames: tiles.keep_frames.or(other.tiles.keep_frames),
            },
            weather: weather.or(other.weather),
            buildings: buildings.or(other.buildings),
            audit: AuditArgs {
                log_key: audit.log_key.or(other.audit.log_key),
                commitment_key: audit.commitment_key.or(other.audit.commitment_key),
            },
        }
    }
}

impl ClassArgs {
    fn or(&self, other: &Self) -> Self {
        Self {
            policy: self.policy.or(other.policy),
        }
    }
}
