//! Writers of the files that thermal cameras leave on their memory cards.
//!
//! In: temperatures in °C and a [`Stamp`]. Out: bytes of one file. Refuses: nothing but what the encoders
//! refuse. Layouts and tag names follow real files; every table and serial number is made up.

mod dji;
mod exif;
mod flir;
mod ifd;
mod jpeg;
pub(super) mod tiff;
mod xmp;

use super::SimulateError;
use super::flight::Shot;
use super::geodesy::{ELEVATION, Site};
use crate::frame::Format;

/// What a drone notes about a frame.
#[derive(Debug)]
pub(super) struct Stamp {
    pub make: &'static str,
    pub model: &'static str,
    pub software: &'static str,
    /// Longitude and latitude, degrees, WGS 84.
    pub longitude: f64,
    pub latitude: f64,
    /// Metres above take-off and in the absolute datum.
    pub relative: f64,
    pub absolute: f64,
    pub yaw: f64,
    pub pitch: f64,
    pub roll: f64,
    pub focal_mm: f64,
    pub pitch_um: f64,
    /// Seconds after 2026-01-15T22:30:00Z.
    pub seconds: u32,
    /// Frame number on the card.
    pub number: usize,
}

impl Stamp {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "flights last seconds to hours"
    )]
    pub(super) fn new(shot: &Shot, number: usize, site: &Site) -> Self {
        let (make, model, software) = match shot.format {
            Format::DjiRjpeg | Format::TiffF32 => ("DJI", "M3T", "10.12.05.45"),
            Format::FlirRjpeg => ("DJI", "XT2", "V06.02.20"),
            Format::TiffU16 => ("FLIR", "Duo Pro R", "01.02.03"),
        };
        let pose = shot.recorded;
        let (longitude, latitude) = site.to_geographic(pose.east, pose.north);
        Self {
            make,
            model,
            software,
            longitude,
            latitude,
            relative: pose.up,
            absolute: ELEVATION + pose.up,
            yaw: (pose.yaw + 180.0).rem_euclid(360.0) - 180.0,
            pitch: pose.pitch,
            roll: pose.roll,
            focal_mm: shot.focal_mm,
            pitch_um: shot.pitch_um,
            seconds: shot.seconds as u32,
            number,
        }
    }

    /// Local date and time of the capture (the camera's clock is on UTC): date with `separator`, a space or
    /// `T`, and the time.
    fn clock(&self, separator: char, between: char) -> String {
        let total = 22 * 3600 + 30 * 60 + self.seconds;
        let (day, rest) = (15 + total / 86_400, total % 86_400);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        format!("2026{separator}01{separator}{day:02}{between}{hour:02}:{minute:02}:{second:02}")
    }

    /// Seconds since 1970.
    fn unix(&self) -> u32 {
        1_768_516_200 + self.seconds
    }

    /// Name of the file in `frames/`.
    pub(super) fn file_name(&self, format: Format) -> String {
        let clock: String = self
            .clock('-', 'T')
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let number = self.number;
        match format {
            Format::DjiRjpeg => format!("DJI_{clock}_{number:04}_T.JPG"),
            Format::FlirRjpeg => format!("DJI_{clock}_{number:04}_R.JPG"),
            Format::TiffU16 => format!("DUO_{clock}_{number:04}_IR.TIF"),
            Format::TiffF32 => format!("DJI_{clock}_{number:04}_T_C.TIF"),
        }
    }
}

/// Encodes a frame; FLIR frames alternate between PNG and plain payloads by their number on the card.
pub(super) fn encode(
    format: Format,
    celsius: &[f32],
    stamp: &Stamp,
) -> Result<Vec<u8>, SimulateError> {
    match format {
        Format::DjiRjpeg => dji::encode(celsius, stamp),
        Format::FlirRjpeg if stamp.number.is_multiple_of(2) => {
            flir::encode(celsius, stamp, flir::Payload::Plain)
        }
        Format::FlirRjpeg => flir::encode(celsius, stamp, flir::Payload::Png),
        Format::TiffU16 => tiff::encode_counts(celsius, stamp),
        Format::TiffF32 => tiff::encode_celsius(celsius, stamp),
    }
}

/// A 16-bit sample, rounded and kept in range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of the type"
)]
fn to_u16(value: f64) -> u16 {
    value.round().clamp(0.0, 65_535.0) as u16
}
