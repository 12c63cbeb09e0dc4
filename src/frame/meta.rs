//! What is known about a frame besides its pixels: camera, time, place, attitude, radiometry.
//!
//! In: what a decoder found on its allow-list. Out: plain values for radiometry, georeferencing and
//! the log. Refuses: serial numbers, maker notes and previews have no field here, so none travels on.
//!
//! Workers write it down for the run that puts their frames together (`run::shards`), beside the operator's own lists.

use serde::{Deserialize, Serialize};

use crate::units::{Celsius, Degrees, Fraction, Metres};

/// Everything a frame carries besides its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameMeta {
    /// The format the frame was decoded from.
    pub format: Format,
    /// Columns of the thermal raster.
    pub width: usize,
    /// Rows of the thermal raster.
    pub height: usize,
    /// Camera make and model as written in the file, trimmed.
    pub camera: CameraName,
    /// Seconds since 1970-01-01 of the capture; the camera's clock, taken as UTC when no zone is given.
    pub captured_at: Option<i64>,
    /// Where the camera was.
    pub position: Option<Position>,
    /// Height above the take-off point (not above the ground below).
    pub relative_altitude: Option<Metres>,
    /// Height above the datum that the file names.
    pub absolute_altitude: Option<Height>,
    /// Where EXIF says the camera was, whatever `position` was read from.
    pub exif_position: Option<Position>,
    /// Attitude of the gimbal, thus of the camera. Pitch -90 looks straight down.
    pub gimbal: Option<Attitude>,
    /// Attitude of the airframe.
    pub flight: Option<Attitude>,
    /// Focal length in millimetres as written in the file.
    pub focal_length_mm: Option<f64>,
    /// How samples become temperatures.
    pub radiometry: Radiometry,
    /// Kinds of personal data found in the file; named here, never carried.
    pub leaks: Vec<Leak>,
}

#[cfg(test)]
impl FrameMeta {
    /// Of a file that says nothing but temperatures in °C.
    pub(crate) fn bare(format: Format) -> Self {
        Self {
            format,
            width: 0,
            height: 0,
            camera: CameraName::default(),
            captured_at: None,
            position: None,
            relative_altitude: None,
            absolute_altitude: None,
            exif_position: None,
            gimbal: None,
            flight: None,
            focal_length_mm: None,
            radiometry: Radiometry::Celsius,
            leaks: Vec::new(),
        }
    }
}

/// File formats that carry temperatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// FLIR radiometric JPEG with an FFF payload.
    FlirRjpeg,
    /// DJI radiometric JPEG of the `iirp` family.
    DjiRjpeg,
    /// TIFF with 16-bit samples.
    TiffU16,
    /// TIFF with float samples.
    TiffF32,
}

impl Format {
    /// Short lower-case name for the log and `inspect`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FlirRjpeg => "flir-rjpeg",
            Self::DjiRjpeg => "dji-rjpeg",
            Self::TiffU16 => "tiff-u16",
            Self::TiffF32 => "tiff-f32",
        }
    }
}

/// Make and model of a camera; empty where the file does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CameraName {
    /// Maker, such as `DJI`.
    pub make: String,
    /// Model, such as `M3T`.
    pub model: String,
}

/// A position on WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Latitude, WGS 84 (EPSG:4326), north positive.
    pub latitude: Degrees,
    /// Longitude, WGS 84 (EPSG:4326), east positive.
    pub longitude: Degrees,
    /// Which tag it was read from.
    pub source: PositionSource,
    /// Standard deviation of each horizontal coordinate, where RTK states it; a receiver without RTK is good for some metres.
    pub accuracy: Option<Metres>,
    /// Standard deviation of the height, where RTK states it.
    pub vertical_accuracy: Option<Metres>,
}

/// A height and what it is above.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Height {
    /// How high.
    pub metres: Metres,
    /// Above what.
    pub datum: Datum,
}

/// What a height is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Datum {
    /// The ellipsoid of WGS 84.
    Ellipsoid,
    /// Mean sea level by a geoid.
    Geoid,
    /// One of these two, the file does not say which.
    Unstated,
}

impl Datum {
    /// Short lower-case name for `inspect`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ellipsoid => "ellipsoid",
            Self::Geoid => "geoid",
            Self::Unstated => "unstated",
        }
    }
}

/// Where a position was read from. XMP is preferred (DOMAIN section 2: EXIF is 4 m off on the M2EA).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PositionSource {
    /// XMP tags of the drone.
    Xmp,
    /// EXIF GPS tags.
    Exif,
    /// Photogrammetry software, asked instead of the tags.
    Poses,
}

impl PositionSource {
    /// Short lower-case name for the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xmp => "xmp",
            Self::Exif => "exif",
            Self::Poses => "poses",
        }
    }
}

/// Angles of a body. Yaw is clockwise from true north, pitch -90 looks straight down, roll is right-hand
/// about the viewing direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Attitude {
    /// Clockwise from true north.
    pub yaw: Degrees,
    /// 0 is level, -90 straight down.
    pub pitch: Degrees,
    /// Right side down is positive.
    pub roll: Degrees,
}

/// How the samples of a frame become temperatures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Radiometry {
    /// FLIR counts, with the constants and the object parameters that the file embeds.
    Planck(PlanckConstants, ObjectParameters),
    /// `celsius = counts * scale + offset`: apparent temperature.
    Linear {
        /// Degrees per count.
        scale: f64,
        /// Degrees Celsius at count zero.
        offset: f64,
        /// The count that stands for no data, where the file names one.
        no_data: Option<u16>,
    },
    /// Float samples in degrees Celsius.
    Celsius,
    /// Float samples in kelvin.
    Kelvin,
}

impl Radiometry {
    /// What the temperatures mean: corrected with the file's `object` parameters, or `apparent`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Planck(..) => "object",
            _ => "apparent",
        }
    }
}

/// Calibration constants of a FLIR camera (DOMAIN section 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlanckConstants {
    /// R1.
    pub r1: f64,
    /// R2.
    pub r2: f64,
    /// B, in kelvin.
    pub b: f64,
    /// F.
    pub f: f64,
    /// O, in counts.
    pub o: f64,
}

/// What a FLIR camera was told about object, air and window (DOMAIN section 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ObjectParameters {
    /// Emissivity of the object.
    pub emissivity: Fraction,
    /// Distance to the object.
    pub distance: Metres,
    /// Reflected apparent temperature.
    pub reflected: Celsius,
    /// Air temperature.
    pub air: Celsius,
    /// Temperature of an external window.
    pub window: Celsius,
    /// Transmission of an external window.
    pub window_transmission: Fraction,
    /// Relative humidity.
    pub humidity: Fraction,
    /// Atmosphere coefficients alpha 1, alpha 2, beta 1, beta 2 and X.
    pub atmosphere: Atmosphere,
}

/// Coefficients of FLIR's atmosphere model (DOMAIN section 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Atmosphere {
    /// Alpha 1.
    pub alpha1: f64,
    /// Alpha 2.
    pub alpha2: f64,
    /// Beta 1.
    pub beta1: f64,
    /// Beta 2.
    pub beta2: f64,
    /// X.
    pub x: f64,
}

/// A kind of personal data that a file carries beside its thermal raster (DOMAIN section 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Leak {
    /// An embedded visible-light photograph.
    VisiblePhoto,
    /// The unmasked thermal frame beside the picture.
    ThermalFrame,
    /// An EXIF thumbnail.
    Thumbnail,
    /// A preview picture after the end of the first one (MPF).
    Preview,
    /// A maker note, with serial numbers.
    MakerNote,
    /// Serial numbers in plain tags.
    SerialNumber,
    /// An exact position.
    Position,
    /// An exact time.
    Time,
    /// Laser range finder target coordinates.
    LaserTarget,
    /// Bytes after the end of the picture that no known tag accounts for.
    Trailer,
}

impl Leak {
    /// Short lower-case name for `inspect`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VisiblePhoto => "visible-photo",
            Self::ThermalFrame => "thermal-frame",
            Self::Thumbnail => "thumbnail",
            Self::Preview => "preview",
            Self::MakerNote => "maker-note",
            Self::SerialNumber => "serial-number",
            Self::Position => "position",
            Self::Time => "time",
            Self::LaserTarget => "laser-target",
            Self::Trailer => "trailer",
        }
    }
}
