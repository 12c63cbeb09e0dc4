//! Why a frame has no place on the ground.

/// Why a frame has no place on the ground. Messages name the remedy, never a position.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum GeorefError {
    /// The file carries no coordinates.
    #[error("the frame has no position; geotag it (XMP drone-dji or EXIF GPS) before the run")]
    NoPosition,
    /// The file carries no usable height.
    #[error(
        "the frame has no height above take-off, or one that is not above 0 m; write XMP RelativeAltitude"
    )]
    NoAltitude,
    /// The file carries no usable attitude.
    #[error(
        "the frame has no attitude; write XMP GimbalYawDegree, GimbalPitchDegree and GimbalRollDegree"
    )]
    NoAttitude,
    /// Nobody said how wide the camera sees.
    #[error(
        "the camera {make:?} {model:?} is not in the table or its lens is unknown; \
         give camera.focal-length-px, or focal-length-mm and pixel-pitch-um"
    )]
    UnknownCamera {
        /// Maker as written in the file.
        make: String,
        /// Model as written in the file.
        model: String,
    },
    /// The lens that the operator gave shows two directions in one pixel.
    #[error("the lens folds the frame onto itself; correct camera.distortion (k1, k2, p1, p2, k3)")]
    Lens,
    /// The centre of the frame does not meet the ground.
    #[error(
        "the frame looks above the horizon (pitch {pitch:.1} degrees); leave it out or correct its pitch"
    )]
    AboveHorizon {
        /// Pitch of the camera in degrees.
        pitch: f64,
    },
    /// The map asked for is not one in metres.
    #[error(
        "EPSG:{epsg} is not a projected system in metres that PROJ knows; give another with georef.crs"
    )]
    UnknownCrs {
        /// The code.
        epsg: u32,
    },
    /// The map asked for stretches the place that was flown.
    #[error(
        "a metre on the ground is {scale:.2} m in EPSG:{epsg} where the frames were taken, more than 1 % off; give a system made for that place with georef.crs, or none for its UTM zone"
    )]
    Scale {
        /// The code.
        epsg: u32,
        /// Metres of the map for a metre on the ground.
        scale: f64,
    },
    /// Web tiles end at 180 degrees of longitude.
    #[error(
        "the frames lie on both sides of 180 degrees of longitude, where web tiles end; make one run of each side, and leave out frames whose position is wrong"
    )]
    Antimeridian,
    /// The British grid ends at its table.
    #[error(
        "outside Great Britain, where EPSG:27700 is defined by OSTN15; give another system with georef.crs"
    )]
    OutsideBritain,
    /// The projection library refused.
    #[error(
        "could not project between coordinate systems; check the installation of GDAL and PROJ"
    )]
    Projection {
        /// What GDAL said.
        #[from]
        source: gdal::errors::GdalError,
    },
}

impl GeorefError {
    /// Short lower-case name for the log.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoPosition => "no-position",
            Self::NoAltitude => "no-altitude",
            Self::NoAttitude => "no-attitude",
            Self::UnknownCamera { .. } => "unknown-camera",
            Self::Lens => "lens",
            Self::AboveHorizon { .. } => "above-horizon",
            Self::UnknownCrs { .. } => "unknown-crs",
            Self::Scale { .. } => "scale",
            Self::Antimeridian => "antimeridian",
            Self::OutsideBritain => "outside-britain",
            Self::Projection { .. } => "projection",
        }
    }
}
