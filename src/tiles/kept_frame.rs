//! A redacted frame for photogrammetry software: float32 TIFF with nothing but a focal length and a place.
//!
//! In: what of a redacted frame may be published, its view and where it was taken. Out: temperatures, °C, `NAN` without data. Refuses:
//! every other tag: no time, no camera name, no serial number; no height, which `geo.txt` has with the name of what it is above (DESIGN section 2, guarantee 4).
//!
//! Tags: `GPSInfo` and `FocalLengthIn35mmFilm` of Exif 2.32 (the latter by width: 36 mm are the frame's columns, as `OpenSfM` and
//! `OpenDroneMap` read it), `GDAL_NODATA`. Samples: the floating-point predictor of Adobe Photoshop TIFF Technical Note 3, then deflate: what is left of the
//! two high bytes of each sample is nearly all zeros, so that an encoder made for such bytes takes a fifth of the time that a general one takes without the
//! predictor, and a tenth less room (BENCHMARKS.md).

use std::path::Path;

use tiff::TiffResult;
use tiff::encoder::{Rational, TiffEncoder};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, Predictor, SampleFormat, Tag};

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
/// Rows that are compressed together: readers hold so many at once.
const STRIP: u32 = 64;

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
        let width = self.celsius.width();
        let (columns, rows) = (u32::try_from(width)?, u32::try_from(self.celsius.height())?);
        let mut tiff = TiffEncoder::new(file)?;
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
        let mut image = tiff.image_directory()?;
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for samples in self.celsius.samples().chunks(width * STRIP as usize) {
            let strip = fdeflate::compress_to_vec(&predicted(samples, width));
            lengths.push(u32::try_from(strip.len())?);
            offsets.push(u32::try_from(image.write_data(&strip[..])?)?);
        }
        image.write_tag(Tag::ImageWidth, columns)?;
        image.write_tag(Tag::ImageLength, rows)?;
        image.write_tag(Tag::BitsPerSample, 32_u16)?;
        image.write_tag(Tag::SampleFormat, SampleFormat::IEEEFP.to_u16())?;
        image.write_tag(Tag::SamplesPerPixel, 1_u16)?;
        let ink = PhotometricInterpretation::BlackIsZero.to_u16();
        image.write_tag(Tag::PhotometricInterpretation, ink)?;
        image.write_tag(Tag::Compression, CompressionMethod::Deflate.to_u16())?;
        image.write_tag(Tag::Predictor, Predictor::FloatingPoint.to_u16())?;
        image.write_tag(Tag::RowsPerStrip, STRIP.min(rows))?;
        image.write_tag(Tag::StripOffsets, &offsets[..])?;
        image.write_tag(Tag::StripByteCounts, &lengths[..])?;
        image.write_tag(NO_DATA, "nan")?;
        image.write_tag(Tag::GpsDirectory, gps.offset)?;
        image.write_tag(Tag::ExifDirectory, exif.offset)?;
        image.finish()
    }
}

/// Rows of samples by the floating-point predictor: of each row the highest bytes of all samples, then the second, and so on, each less the one before it in
/// the row (Adobe Photoshop TIFF Technical Note 3, 2005, "Floating point predictor").
fn predicted(samples: &[f32], width: usize) -> Vec<u8> {
    let mut predicted = vec![0; size_of_val(samples)];
    let mut bytes = vec![0; width * size_of::<f32>()];
    let rows = predicted.chunks_exact_mut(bytes.len());
    for (row, out) in samples.chunks_exact(width).zip(rows) {
        for (plane, shift) in bytes.chunks_exact_mut(width).zip([24, 16, 8, 0]) {
            for (byte, sample) in plane.iter_mut().zip(row) {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the byte that is asked for"
                )]
                let wanted = (sample.to_bits() >> shift) as u8;
                *byte = wanted;
            }
        }
        let before = std::iter::once(&0).chain(&bytes);
        for (out, (byte, before)) in out.iter_mut().zip(bytes.iter().zip(before)) {
            *out = byte.wrapping_sub(*before);
        }
    }
    predicted
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

#[cfg(test)]
mod tests {
    use gdal::Dataset;
    use tiff::decoder::{Decoder, DecodingResult};

    use super::*;
    use crate::frame::Attitude;
    use crate::georef::Intrinsics;
    use crate::units::{Degrees, Metres};

    fn bits(samples: &[f32]) -> Vec<u32> {
        samples.iter().map(|sample| sample.to_bits()).collect()
    }

    #[test]
    fn readers_get_the_samples_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let down = Attitude {
            yaw: Degrees(0.0),
            pitch: Degrees(-90.0),
            roll: Degrees(0.0),
        };
        // Strips that are whole, one that is not, one row alone, one column alone.
        for (width, height) in [(640, 512), (5, 130), (7, 1), (1, 65)] {
            // Any bits, those of NAN and of infinities too.
            let samples = (1..).map(|i: u32| f32::from_bits(i.wrapping_mul(2_654_435_761)));
            let raster = Raster::new(width, height, samples.take(width * height).collect());
            let raster = raster.unwrap();
            let camera = Intrinsics {
                width,
                height,
                fx: 758.0,
                fy: 758.0,
                cx: 0.0,
                cy: 0.0,
            };
            let path = folder.path().join(format!("{width}.tif"));
            let frame = KeptFrame {
                celsius: &raster,
                view: &View::new(camera, (0.0, 0.0), Metres(60.0), down),
                place: (-1.5, 53.8),
            };
            frame.write(&path).unwrap();
            let mut decoder = Decoder::new(std::fs::File::open(&path).unwrap()).unwrap();
            let DecodingResult::F32(read) = decoder.read_image().unwrap() else {
                panic!("other samples");
            };
            assert!(bits(&read) == bits(raster.samples()), "{width}x{height}");
            let mut tags: Vec<u16> = decoder
                .tag_iter()
                .map(|tag| tag.unwrap().0.to_u16())
                .collect();
            tags.sort_unstable();
            let shape = [256, 257, 258, 259, 262, 273, 277, 278, 279, 317, 339];
            assert_eq!(tags, [&shape[..], &[34_665, 34_853, 42_113]].concat());
            let dataset = Dataset::open(&path).unwrap();
            let band = dataset.rasterband(1).unwrap();
            let read = band.read_as::<f32>((0, 0), (width, height), (width, height), None);
            let read = read.unwrap();
            assert!(
                bits(read.data()) == bits(raster.samples()),
                "{width}x{height}"
            );
            assert!(band.no_data_value().is_some_and(f64::is_nan));
        }
    }
}
