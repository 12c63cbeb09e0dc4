//! Thermal TIFF files with a pose, and GeoTIFF rasters.
//!
//! In: temperatures. Out: TIFF bytes. Refuses: what the encoder refuses.

use std::borrow::Cow;
use std::io::Cursor;

use tiff::TiffResult;
use tiff::encoder::colortype::{ColorType, Gray16, Gray32Float};
use tiff::encoder::{Compression, DeflateLevel, Predictor, Rational, TiffEncoder, TiffValue};
use tiff::tags::Tag;

use super::super::SimulateError;
use super::super::geodesy::UTM;
use super::exif::{sexagesimal, thousandths};
use super::{Stamp, to_u16, xmp};
use crate::store::{Artifact, sealed};

/// Columns and rows of a real camera.
const SENSOR: (u32, u32) = (640, 512);

/// FLIR `TLinear` in high gain: 0.04 K a count (DOMAIN section 1.3).
pub(super) fn encode_counts(celsius: &[f32], stamp: &Stamp) -> Result<Vec<u8>, SimulateError> {
    let counts: Vec<u16> = celsius
        .iter()
        .map(|&value| to_u16((f64::from(value) + 273.15) / 0.04))
        .collect();
    let packet = xmp::zenmuse(stamp);
    let mut out = Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut out)?
        .with_compression(Compression::Lzw)
        .with_predictor(Predictor::Horizontal);
    frame::<Gray16>(encoder, &counts, stamp, &packet, SENSOR)?;
    Ok(out.into_inner())
}

/// Float °C as converters write it, rounded to 1/64 K.
pub(super) fn encode_celsius(celsius: &[f32], stamp: &Stamp) -> Result<Vec<u8>, SimulateError> {
    let rounded: Vec<f32> = celsius
        .iter()
        .map(|value| (value * 64.0).round() / 64.0)
        .collect();
    let packet = xmp::m3t(stamp);
    let mut out = Cursor::new(Vec::new());
    let encoder =
        TiffEncoder::new(&mut out)?.with_compression(Compression::Deflate(DeflateLevel::Best));
    frame::<Gray32Float>(encoder, &rounded, stamp, &packet, SENSOR)?;
    Ok(out.into_inner())
}

/// Columns and rows of a frame that only its header makes a real one.
pub(in crate::simulate) const CHEAP: (u16, u16) = (320, 256);

/// A frame of [`CHEAP`] pixels that shows a ramp.
pub(in crate::simulate) fn encode_cheap(stamp: &Stamp) -> Result<Vec<u8>, SimulateError> {
    let (width, height) = CHEAP;
    let ramp: Vec<f32> = (0..height)
        .flat_map(|y| (0..width).map(move |x| f32::from(x / 32 + y / 32) / 4.0))
        .collect();
    let mut out = Cursor::new(Vec::new());
    let encoder =
        TiffEncoder::new(&mut out)?.with_compression(Compression::Deflate(DeflateLevel::Fast));
    frame::<Gray32Float>(
        encoder,
        &ramp,
        stamp,
        &xmp::m3t(stamp),
        (width.into(), height.into()),
    )?;
    Ok(out.into_inner())
}

fn rational((n, d): (u32, u32)) -> Rational {
    Rational { n, d }
}

fn frame<C: ColorType>(
    mut encoder: TiffEncoder<&mut Cursor<Vec<u8>>>,
    samples: &[C::Inner],
    stamp: &Stamp,
    packet: &str,
    (width, height): (u32, u32),
) -> TiffResult<()>
where
    [C::Inner]: TiffValue,
{
    let clock = stamp.clock(':', ' ');
    let mut exif = encoder.extra_directory()?;
    exif.write_tag(Tag::Unknown(0x9003), clock.as_str())?;
    exif.write_tag(Tag::Unknown(0x9004), clock.as_str())?;
    exif.write_tag(Tag::Unknown(0x920a), rational(thousandths(stamp.focal_mm)))?;
    let exif = exif.finish_with_offsets()?;
    let degrees = |value: f64| sexagesimal(value).map(rational);
    let mut gps = encoder.extra_directory()?;
    gps.write_tag(Tag::Unknown(0), &[2_u8, 2, 0, 0][..])?;
    gps.write_tag(
        Tag::Unknown(1),
        if stamp.latitude < 0.0 { "S" } else { "N" },
    )?;
    gps.write_tag(Tag::Unknown(2), &degrees(stamp.latitude)[..])?;
    gps.write_tag(
        Tag::Unknown(3),
        if stamp.longitude < 0.0 { "W" } else { "E" },
    )?;
    gps.write_tag(Tag::Unknown(4), &degrees(stamp.longitude)[..])?;
    gps.write_tag(Tag::Unknown(5), &[0_u8][..])?;
    gps.write_tag(Tag::Unknown(6), rational(thousandths(stamp.absolute)))?;
    gps.write_tag(Tag::Unknown(16), "T")?;
    let track = rational(thousandths(stamp.yaw.rem_euclid(360.0)));
    gps.write_tag(Tag::Unknown(17), track)?;
    gps.write_tag(Tag::Unknown(18), "WGS-84")?;
    let gps = gps.finish_with_offsets()?;
    let mut image = encoder.new_image::<C>(width, height)?;
    image.rows_per_strip(32)?;
    let directory = image.encoder();
    directory.write_tag(Tag::Make, stamp.make)?;
    directory.write_tag(Tag::Model, stamp.model)?;
    directory.write_tag(Tag::Software, stamp.software)?;
    directory.write_tag(Tag::DateTime, clock.as_str())?;
    directory.write_tag(Tag::Unknown(700), packet.as_bytes())?;
    directory.write_tag(Tag::ExifDirectory, exif.offset)?;
    directory.write_tag(Tag::GpsDirectory, gps.offset)?;
    image.write_data(samples)
}

/// A north-up float raster in UTM zone 30N.
#[derive(Debug)]
pub(in crate::simulate) struct GeoRaster {
    /// Columns and rows.
    pub width: usize,
    /// Easting of the left edge, metres.
    pub left: f64,
    /// Northing of the top edge, metres.
    pub top: f64,
    /// Side of a cell, metres.
    pub cell: f64,
    /// Row by row from the north.
    pub samples: Vec<f32>,
}

impl GeoRaster {
    /// The raster as a GeoTIFF (OGC 19-008r4: pixel scale, tie point and three keys).
    pub(in crate::simulate) fn encode(&self) -> Result<Vec<u8>, SimulateError> {
        let side = u32::try_from(self.width).unwrap_or(u32::MAX);
        let mut out = Cursor::new(Vec::new());
        let mut encoder =
            TiffEncoder::new(&mut out)?.with_compression(Compression::Deflate(DeflateLevel::Best));
        let mut image = encoder.new_image::<Gray32Float>(side, side)?;
        let directory = image.encoder();
        let scale = [self.cell, self.cell, 0.0];
        directory.write_tag(Tag::ModelPixelScaleTag, &scale[..])?;
        let tie = [0.0, 0.0, 0.0, self.left, self.top, 0.0];
        directory.write_tag(Tag::ModelTiepointTag, &tie[..])?;
        // Version 1.1.0 and three keys: projected model, pixels are areas, the CRS.
        let keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, UTM];
        directory.write_tag(Tag::GeoKeyDirectoryTag, &keys[..])?;
        image.write_data(&self.samples)?;
        Ok(out.into_inner())
    }
}

/// Bytes of one simulated file.
pub(in crate::simulate) struct SimulatedFile(pub Vec<u8>);
impl sealed::Sealed for SimulatedFile {}
impl Artifact for SimulatedFile {
    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}
