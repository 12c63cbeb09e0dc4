//! Poses that photogrammetry software worked out, by file name.
//!
//! In: a file of `OpenDroneMap` (`shots.geojson`, `geo.txt`) or a table of `Pix4D` or Metashape. Out: [`KnownPoses`]. Refuses: files of
//! another kind, lines that are not complete, the same frame twice.
//!
//! Angles become the attitude of [`crate::frame::Attitude`] by way of the rotation itself. What is read, and how:
//!
//! | file | position | angles |
//! | --- | --- | --- |
//! | `shots.geojson` | longitude, latitude, height | axis and angle of the turn from the map to the camera, in the UTM zone of the median longitude |
//! | `geo.txt` | in the system of its first line | yaw, pitch, roll; from true north, pitch 0 straight down |
//! | table with `omega`, `phi`, `kappa` | longitude and latitude, or `georef.poses-crs` | of that system's north |
//! | table with `yaw`, `pitch`, `roll` | the same | from true north, pitch 0 straight down |
//!
//! Omega, phi, kappa: `Rx(omega) Ry(phi) Rz(kappa)` turns the camera (x right, y to the top of the picture, z backwards) to east, north, up
//! (Kraus, Photogrammetry, 2007, section 2.1; `Pix4D`, "Yaw, Pitch, Roll and Omega, Phi, Kappa angles"; Agisoft Metashape exports the same).

mod error;
mod odm;
mod rotation;
mod table;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use gdal::spatial_ref::SpatialRef;
use sha2::{Digest, Sha256};

use super::{Crs, GeorefError, Projector};
use crate::frame::Attitude;
use crate::outside;
use crate::units::{Degrees, Metres};

pub use error::PoseError;
pub use odm::geo_txt;

/// Longest file: some 200 bytes for each of 300,000 frames.
const LONGEST: u64 = 64 << 20;

/// Where a frame was taken from, as software worked it out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownPose {
    /// Longitude on WGS 84 (EPSG:4326).
    pub longitude: Degrees,
    /// Latitude on WGS 84 (EPSG:4326).
    pub latitude: Degrees,
    /// Height in the file's own system, ellipsoid or geoid, which it does not name.
    pub height_in_file: Option<Metres>,
    /// Of the camera; yaw from true north. `None` where the file gives a position alone.
    pub attitude: Option<Attitude>,
}

/// The poses of one file, by the frame's file name.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownPoses {
    poses: BTreeMap<String, KnownPose>,
    sha256: [u8; 32],
    epsg: Option<u32>,
}

impl KnownPoses {
    /// Reads a file. `crs` is the system of a table's coordinates where these are not longitude and latitude.
    ///
    /// # Errors
    ///
    /// [`PoseError`] naming file, line and remedy.
    pub fn read(path: &Path, crs: Option<Crs>) -> Result<Self, PoseError> {
        let io = |source| PoseError::Io {
            path: path.to_path_buf(),
            source,
        };
        let bytes = outside::read(path, LONGEST).map_err(|source| match source.kind() {
            ErrorKind::FileTooLarge => PoseError::TooLarge {
                path: path.to_path_buf(),
                max_bytes: LONGEST,
            },
            _ => io(source),
        })?;
        let text = String::from_utf8_lossy(&bytes);
        let poses = Self::parse(&text, crs).map_err(|(line, problem)| problem.at(path, line))?;
        Ok(Self {
            poses,
            sha256: Sha256::digest(&bytes).into(),
            epsg: crs.map(Crs::epsg),
        })
    }

    /// Poses by name, or the line and what is wrong with it.
    fn parse(
        text: &str,
        crs: Option<Crs>,
    ) -> Result<BTreeMap<String, KnownPose>, (usize, Problem)> {
        let text = text.trim_start_matches('\u{feff}');
        let listed = if text.trim_start().starts_with('{') {
            odm::shots(text)?
        } else if let Some(system) = text.lines().next().and_then(odm::system) {
            odm::geo(text, &system.map_err(|problem| (1, problem))?)?
        } else {
            let system = crs.map(System::of).transpose();
            table::read(
                text,
                &system
                    .map_err(|problem| (1, problem))?
                    .unwrap_or(System::Geographic),
            )?
        };
        let mut poses = BTreeMap::new();
        for (line, name, pose) in listed {
            if !pose.is_sound() {
                return Err((line, Problem::Place));
            }
            if poses.insert(name.to_lowercase(), pose).is_some() {
                return Err((line, Problem::Twice));
            }
        }
        if poses.is_empty() {
            return Err((1, Problem::Empty));
        }
        Ok(poses)
    }

    /// The pose of a frame, by its file name with or without extension, in any case.
    #[must_use]
    pub fn of(&self, file: &Path) -> Option<&KnownPose> {
        let key = |part: Option<&std::ffi::OsStr>| Some(part?.to_string_lossy().to_lowercase());
        let found = |name: String| self.poses.get(&name);
        key(file.file_name())
            .and_then(found)
            .or_else(|| key(file.file_stem()).and_then(found))
    }

    /// Frames listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.poses.len()
    }

    /// Whether no frame is listed; never so for a file that was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.poses.is_empty()
    }

    /// EPSG code that its coordinates were read with; `None` for what the file itself says.
    #[must_use]
    pub fn epsg(&self) -> Option<u32> {
        self.epsg
    }

    /// SHA-256 of the file.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

impl KnownPose {
    fn is_sound(&self) -> bool {
        let angles = self.attitude.is_none_or(|attitude| {
            [attitude.yaw, attitude.pitch, attitude.roll]
                .iter()
                .all(|angle| angle.0.is_finite())
        });
        (-90.0..=90.0).contains(&self.latitude.0)
            && (-180.0..=180.0).contains(&self.longitude.0)
            && self
                .height_in_file
                .is_none_or(|height| height.0.is_finite())
            && angles
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Kind,
    Json,
    Header,
    System,
    Proj,
    Number,
    Place,
    Twice,
    Empty,
}

impl Problem {
    fn at(self, path: &Path, line: usize) -> PoseError {
        let problem = match self {
            Self::Kind => {
                "is neither a feature collection nor a table; give shots.geojson, geo.txt, or a table with a header"
            }
            Self::Json => {
                "is not a shot with filename, rotation and a point of longitude, latitude and height; export shots.geojson again"
            }
            Self::Header => {
                "has no columns for the image name, x, y and either omega, phi, kappa or yaw, pitch, roll; keep the header when exporting"
            }
            Self::System => "names a coordinate system that is not known; give EPSG:n",
            Self::Proj => {
                "names a coordinate system by parameters of PROJ that are not read here, such as grids and other files; give EPSG:n"
            }
            Self::Number => {
                "lacks a column or has one that is not a number; correct it or leave the frame out"
            }
            Self::Place => {
                "is no place in longitude and latitude; say what its coordinates are with georef.poses-crs"
            }
            Self::Twice => "lists a frame again; keep one line for each",
            Self::Empty => "starts a file without poses",
        };
        PoseError::Line {
            path: path.to_path_buf(),
            line,
            problem,
        }
    }
}

/// The coordinate system of a file.
#[derive(Debug)]
enum System {
    Geographic,
    Map(Projector),
}

impl System {
    fn of(crs: Crs) -> Result<Self, Problem> {
        let projector: Result<Projector, GeorefError> = crs.projector();
        projector.map(Self::Map).ok().ok_or(Problem::System)
    }

    fn from_proj4(text: &str) -> Result<Self, Problem> {
        let system = SpatialRef::from_proj4(text).ok().ok_or(Problem::System)?;
        if !system.is_projected() {
            return Ok(Self::Geographic);
        }
        let projector = Projector::of(&system);
        projector.map(Self::Map).ok().ok_or(Problem::System)
    }

    /// Longitude and latitude, and the direction of true north clockwise from the system's own.
    fn place(&self, x: f64, y: f64) -> Result<(f64, f64, f64), Problem> {
        match self {
            Self::Geographic => Ok((x, y, 0.0)),
            Self::Map(projector) => {
                let (longitude, latitude) =
                    projector.to_geographic(x, y).ok().ok_or(Problem::Place)?;
                let convergence = projector.convergence(longitude, latitude);
                Ok((longitude, latitude, convergence.ok().ok_or(Problem::Place)?))
            }
        }
    }
}

#[cfg(test)]
mod tests;
