//! FLIR radiometric JPEG (DOMAIN section 1.1).
//!
//! In: temperatures of objects with emissivity 1. Out: a JPEG with an FFF file in its APP1 segments.
//! Refuses: what the encoders refuse.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

use super::super::SimulateError;
use super::{Stamp, exif, jpeg, to_u16, xmp};

/// Planck constants of DOMAIN's vectors.
const R1: f32 = 21_106.77;
const R2: f32 = 0.012_545_258;
const B: f32 = 1501.0;
const F: f32 = 1.0;
const O: i32 = -7340;

/// Directory entries, most of them empty as in real files (`flyr` 5.1 relies on that).
const SLOTS: u32 = 14;

/// How the raw record holds its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// A PNG with swapped bytes in a big-endian FFF file, as handhelds write it.
    Png,
    /// Plain little-endian samples in a little-endian FFF file, as the XT2 writes it (`exiftool` shows them
    /// as TIFF).
    Plain,
}

/// Counts of a blackbody: `R1/(R2 (exp(B/T) - F)) - O`.
fn counts(celsius: f32) -> u16 {
    let kelvin = f64::from(celsius) + 273.15;
    let planck = (f64::from(B) / kelvin).exp() - f64::from(F);
    to_u16(f64::from(R1) / (f64::from(R2) * planck) - f64::from(O))
}

/// Encodes a frame.
pub(super) fn encode(
    celsius: &[f32],
    stamp: &Stamp,
    payload: Payload,
) -> Result<Vec<u8>, SimulateError> {
    let picture = jpeg::picture(celsius);
    let exif = exif::segment(stamp, &jpeg::thumbnail(&picture)?);
    let packet = [xmp::NAMESPACE, xmp::zenmuse(stamp).as_bytes()].concat();
    let mut segments = [jpeg::segment(0xe1, &exif), jpeg::segment(0xe1, &packet)].concat();
    let samples: Vec<u16> = celsius.iter().map(|&value| counts(value)).collect();
    let file = fff(stamp, &samples, payload)?;
    let chunks: Vec<&[u8]> = file.chunks(jpeg::SEGMENT - 8).collect();
    let last = u8::try_from(chunks.len().saturating_sub(1)).unwrap_or(u8::MAX);
    for (index, chunk) in (0..=last).zip(chunks) {
        let header = [b'F', b'L', b'I', b'R', 0, 1, index, last];
        segments.extend(jpeg::segment(0xe1, &[&header, chunk].concat()));
    }
    Ok(jpeg::with_segments(&jpeg::encode(&picture, 80)?, &segments))
}

/// The FFF file: header, directory, raw data, camera information, visible photo.
#[expect(
    clippy::cast_possible_truncation,
    reason = "records are below a megabyte"
)]
fn fff(stamp: &Stamp, samples: &[u16], payload: Payload) -> Result<Vec<u8>, SimulateError> {
    let records = [
        (
            1_u16,
            if payload == Payload::Png { 3_u16 } else { 2 },
            raw(samples, payload)?,
        ),
        (32, 1, camera_information(stamp, samples)),
        (14, 1, visible_photo()?),
    ];
    let u16_bytes = |value: u16| match payload {
        Payload::Png => value.to_be_bytes(),
        Payload::Plain => value.to_le_bytes(),
    };
    let u32_bytes = |value: u32| match payload {
        Payload::Png => value.to_be_bytes(),
        Payload::Plain => value.to_le_bytes(),
    };
    let mut header = b"FFF\0DJI".to_vec();
    header.resize(0x14, 0);
    for value in [100, 64, SLOTS, 2] {
        header.extend(u32_bytes(value));
    }
    header.resize(64, 0);
    let first = 64 + 32 * SLOTS;
    let mut offset = first;
    for (kind, subtype, bytes) in &records {
        header.extend(u16_bytes(*kind));
        header.extend(u16_bytes(*subtype));
        for value in [100, 1, offset, bytes.len() as u32, 0, 0, 0] {
            header.extend(u32_bytes(value));
        }
        offset += bytes.len() as u32;
    }
    header.resize(first as usize, 0);
    header.extend(records.into_iter().flat_map(|record| record.2));
    Ok(header)
}

/// The 32 bytes before a picture in a record.
fn picture_header(marker: u16, width: u16, height: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    for value in [marker, width, height, 0, 0, 0] {
        out.extend(value.to_le_bytes());
    }
    out.resize(32, 0);
    out
}

fn raw(samples: &[u16], payload: Payload) -> Result<Vec<u8>, SimulateError> {
    let mut out = picture_header(2, 640, 512);
    match payload {
        Payload::Plain => out.extend(samples.iter().flat_map(|value| value.to_le_bytes())),
        Payload::Png => {
            // The encoder takes native order; cameras store the bytes the wrong way round.
            let swapped: Vec<u8> = samples
                .iter()
                .flat_map(|value| value.swap_bytes().to_ne_bytes())
                .collect();
            PngEncoder::new(&mut out).write_image(&swapped, 640, 512, ExtendedColorType::L16)?;
        }
    }
    Ok(out)
}

/// Camera information; offsets as `exiftool` documents them. Emissivity 1 and no distance: what the file
/// says is apparent temperature, as on the XT2.
fn camera_information(stamp: &Stamp, samples: &[u16]) -> Vec<u8> {
    let mut out = vec![0_u8; 0x480];
    let mut put = |offset: usize, bytes: &[u8]| {
        if let Some(place) = out.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, &2_u16.to_le_bytes());
    let floats: [(usize, f32); 26] = [
        (0x20, 1.0),
        (0x24, 0.0),
        (0x28, 293.15),
        (0x2c, 293.15),
        (0x30, 293.15),
        (0x34, 1.0),
        (0x3c, 0.3),
        (0x58, R1),
        (0x5c, B),
        (0x60, F),
        (0x70, 0.006_569),
        (0x74, 0.012_62),
        (0x78, -0.002_276),
        (0x7c, -0.006_67),
        (0x80, 1.9),
        (0x90, 408.15),
        (0x94, 248.15),
        (0x98, 423.15),
        (0x9c, 213.15),
        (0xa0, 408.15),
        (0xa4, 248.15),
        (0xa8, 423.15),
        (0xac, 213.15),
        (0x1b4, 45.0),
        (0x30c, R2),
        (0x45c, 0.0),
    ];
    for (offset, value) in floats {
        put(offset, &value.to_le_bytes());
    }
    put(0xd4, stamp.model.as_bytes());
    put(0xf4, b"SIM640013");
    put(0x104, b"SIM000001");
    put(0x114, stamp.software.as_bytes());
    put(0x170, b"FOL13");
    put(0x308, &O.to_le_bytes());
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let (low, high) = (sorted.first(), sorted.last());
    let (low, high) = (low.copied().unwrap_or(0), high.copied().unwrap_or(0));
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    put(0x312, &u16::MAX.to_le_bytes());
    put(0x338, &median.to_le_bytes());
    put(0x33c, &(high - low).to_le_bytes());
    put(0x384, &stamp.unix().to_le_bytes());
    put(0x464, &30_u16.to_le_bytes());
    out
}

/// The visible photo of a moor at night, drawn: a dark hill under a dark sky.
fn visible_photo() -> Result<Vec<u8>, SimulateError> {
    let photo = RgbImage::from_fn(320, 240, |x, y| {
        let hill = 130 + (x / 3) % 40 / 2;
        let shade = u8::try_from((x * 7 + y * 13) % 9).unwrap_or(0);
        if y > hill {
            Rgb([24 + shade, 30 + shade, 18])
        } else {
            Rgb([10, 12, 26 + shade])
        }
    });
    let mut out = picture_header(3, 320, 240);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 70).encode_image(&photo)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_match_the_published_vector() {
        // DOMAIN section 1.1: through 1 m of air at 20 °C (tau 0.995_721_603 a half path) 18109 counts are
        // 23.654940704 °C and 15500 are 8.165135548 °C.
        let through_air = |celsius| {
            let tau: f64 = 0.995_721_603;
            let share = tau * tau;
            share * f64::from(counts(celsius)) + (1.0 - share) * f64::from(counts(20.0))
        };
        assert!((through_air(23.654_94) - 18_109.0).abs() <= 1.0);
        assert!((through_air(8.165_136) - 15_500.0).abs() <= 1.0);
    }
}
