//! A redacted frame for photogrammetry software: float32 TIFF with nothing but a focal length and a place.
//!
//! In: what of a redacted frame may be published, its view and where it was taken. Out: temperatures, °C, `NAN` without data. Refuses:
//! every other tag: no time, no camera name, no serial number; no height, which `geo.txt` has with the name of what it is above (DESIGN section 2, guarantee 4).
//!
//! Tags: `GPSInfo` and `FocalLengthIn35mmFilm` of Exif 2.32 (the latter by width: 36 mm are the frame's columns, as `OpenSfM` and
//! `OpenDroneMap` read it), `GDAL_NODATA`.

use std::path::Path;

use tiff::encoder::compression::DeflateLevel;
use tiff::encoder::{Compression, Rational, TiffEncoder, colortype::Gray32Float};
use tiff::tags::Tag;
use tiff::{TiffError, TiffResult};

use super::TilesError;
use crate::georef::View;
use crate::raster::Raster;
use crate::store::{self, FileArtifact, sealed};

/// `GDAL_NODATA`, an ASCII number.
const NO_DATA: Tag = Tag::Unknown(42_113);
/// `FocalLengthIn35mmFilm`, mm.
const FOCAL_LENGTH_35: Tag = Tag::Unknown(0xA405);
/// Width of a frame of film, mm.
const FILM: f64 = 36.0;

/// A redacted frame, to be written as TIFF.
#[derive(Debug, Clone, Copy)]
pub struct KeptFrame<'a> {
    /// What of it may be published, °C.
    pub celsius: &'a Raster<f32>,
    /// Its camera.
    pub view: &'a View,
    /// Longitude and latitude on WGS 84, degrees.
    pub place: (f64, f64),
}

impl sealed::Sealed for KeptFrame<'_> {}

impl FileArtifact for KeptFrame<'_> {
    type Error = TilesError;

    fn write(&self, partial: &Path) -> Result<(), TilesError> {
        let file = store::create_named(partial)?;
        Ok(self.encode(file)?)
    }
}

impl KeptFrame<'_> {
    fn encode(&self, file: impl std::io::Write + std::io::Seek) -> TiffResult<()> {
        let (width, height) = (self.celsius.width(), self.celsius.height());
        let side =
            |pixels: usize| u32::try_from(pixels).map_err(|_too_large| TiffError::IntSizeError);
        let deflate = Compression::Deflate(DeflateLevel::Fast);
        let mut tiff = TiffEncoder::new(file)?.with_compression(deflate);
        let (longitude, latitude) = self.place;
        let mut gps = tiff.extra_directory()?;
        gps.write_tag(Tag::Unknown(1), if latitude < 0.0 { "S" } else { "N" })?;
        gps.write_tag(Tag::Unknown(2), &angle(latitude)[..])?;
        gps.write_tag(Tag::Unknown(3), if longitude < 0.0 { "W" } else { "E" })?;
        gps.write_tag(Tag::Unknown(4), &angle(longitude)[..])?;
        let gps = gps.finish_with_offsets()?;
        let mut exif = tiff.extra_directory()?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small; `as` saturates"
        )]
        let focal_length = (self.view.camera().fx * FILM / width as f64).round() as u16;
        exif.write_tag(FOCAL_LENGTH_35, focal_length)?;
        let exif = exif.finish_with_offsets()?;
        let mut image = tiff.new_image::<Gray32Float>(side(width)?, side(height)?)?;
        image.encoder().write_tag(NO_DATA, "nan")?;
        image.encoder().write_tag(Tag::GpsDirectory, gps.offset)?;
        image.encoder().write_tag(Tag::ExifDirectory, exif.offset)?;
        image.write_data(self.celsius.samples())
    }
}

/// Degrees, minutes and seconds.
fn angle(degrees: f64) -> [Rational; 3] {
    let degrees = degrees.abs();
    let minutes = degrees.fract() * 60.0;
    let whole = |value: f64| thousandths(value.floor());
    [
        whole(degrees),
        whole(minutes),
        thousandths(minutes.fract() * 60.0),
    ]
}

/// Seconds to a thousandth are 3 cm.
fn thousandths(value: f64) -> Rational {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates"
    )]
    let n = (value * 1e3).round() as u32;
    Rational { n, d: 1000 }
}
