//! FLIR radiometric JPEG: counts and Planck constants in FFF records (DOMAIN section 1.1).

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader};

use super::fff::{CAMERA_INFO, EMBEDDED_IMAGE, Fff, PICTURE_IN_PICTURE, RAW_DATA};
use super::{File, FrameDecoder, jpeg_leaks, jpeg_tags, tiff};
use crate::frame::{
    Atmosphere, Format, Frame, FrameId, Leak, ObjectParameters, PlanckConstants, Radiometry, Raw,
    Samples,
};
use crate::ingest::bytes::Endian;
use crate::ingest::jpeg::Jpeg;
use crate::ingest::{IngestError, IngestOptions, Limits};
use crate::raster::Raster;
use crate::units::{Celsius, Fraction, Kelvin, Metres};

/// FLIR radiometric JPEG.
pub(super) struct Flir;

const CHUNK: &[u8] = b"FLIR\0\x01";

impl FrameDecoder for Flir {
    fn name(&self) -> &'static str {
        "flir"
    }

    fn sniff(&self, file: &File<'_>) -> bool {
        file.jpeg()
            .is_some_and(|jpeg| chunks(jpeg).next().is_some())
    }

    fn decode(
        &self,
        id: FrameId,
        file: &File<'_>,
        options: &IngestOptions,
    ) -> Result<Frame<Raw>, IngestError> {
        let jpeg = file
            .jpeg()
            .ok_or_else(|| file.malformed("not a JPEG file"))?;
        let bytes = assemble(file, jpeg)?;
        let fff =
            Fff::parse(&bytes).ok_or_else(|| file.malformed("the FLIR block has no directory"))?;
        let raw = fff
            .record(RAW_DATA)
            .ok_or_else(|| file.malformed("no raw thermal record"))?;
        let info = fff
            .record(CAMERA_INFO)
            .ok_or_else(|| file.malformed("no camera info record"))?;
        let counts = raw_counts(file, raw, &options.limits)?;
        let radiometry = radiometry(info)
            .ok_or_else(|| file.malformed("the camera info record is incomplete"))?;
        let mut leaks = jpeg_leaks(jpeg);
        if fff.has(EMBEDDED_IMAGE) || fff.has(PICTURE_IN_PICTURE) {
            leaks.push(Leak::VisiblePhoto);
        }
        leaks.push(Leak::SerialNumber);
        let mut meta = jpeg_tags(jpeg).meta(Format::FlirRjpeg, radiometry, leaks);
        if ["", "*", "FLIR"].contains(&meta.camera.model.as_str()) {
            meta.camera.model = camera_model(info);
        }
        Ok(Frame::raw(id, meta, Samples::U16(counts)))
    }
}

/// Chunk index, last index and payload of each FLIR segment.
fn chunks<'a>(jpeg: &Jpeg<'a>) -> impl Iterator<Item = (u8, u8, &'a [u8])> {
    jpeg.app(1)
        .filter_map(|payload| match payload.strip_prefix(CHUNK)? {
            [index, last, rest @ ..] => Some((*index, *last, rest)),
            _ => None,
        })
}

/// The FFF block from its chunks; duplicates, gaps and differing last indices are refused.
fn assemble(file: &File<'_>, jpeg: &Jpeg<'_>) -> Result<Vec<u8>, IngestError> {
    let mut parts: Vec<(u8, u8, &[u8])> = chunks(jpeg).collect();
    parts.sort_by_key(|part| part.0);
    let last = parts.first().map_or(0, |part| part.1);
    if parts.iter().any(|part| part.1 != last) {
        return Err(file.malformed("FLIR chunks disagree about their number"));
    }
    if parts
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.0 == b.0))
    {
        return Err(file.malformed("a FLIR chunk stands there twice"));
    }
    if parts.len() != usize::from(last) + 1 {
        return Err(if jpeg.truncated {
            file.truncated("the FLIR block")
        } else {
            file.malformed(format!(
                "{} of {} FLIR chunks",
                parts.len(),
                usize::from(last) + 1
            ))
        });
    }
    let parts: Vec<&[u8]> = parts.into_iter().map(|part| part.2).collect();
    Ok(parts.concat())
}

/// Counts of the raw data record: plain, PNG or TIFF.
fn raw_counts(file: &File<'_>, record: &[u8], limits: &Limits) -> Result<Raster<u16>, IngestError> {
    let endian =
        record_endian(record).ok_or_else(|| file.malformed("the raw record has no marker"))?;
    let side = |at| {
        endian
            .u16(record, at)
            .map(u64::from)
            .ok_or_else(|| file.truncated("the raw record"))
    };
    let (width, height) = file.shape(side(2)?, side(4)?, limits)?;
    let payload = record.get(32..).unwrap_or_default();
    let counts = if payload.starts_with(b"\x89PNG") {
        png_counts(file, payload, limits)?
    } else if payload.starts_with(b"II*\0") || payload.starts_with(b"MM\0*") {
        tiff::counts(file, payload, limits)?
    } else {
        let (pairs, _) = payload.as_chunks();
        let samples = pairs.iter().take(width * height);
        let samples = samples.copied().map(u16::from_le_bytes).collect();
        Raster::new(width, height, samples)
            .map_err(|_short| file.truncated("the raw thermal frame"))?
    };
    if counts.shape() != (width, height) {
        return Err(file.malformed("the raw record and its picture differ in size"));
    }
    Ok(smoother_order(counts))
}

fn record_endian(record: &[u8]) -> Option<Endian> {
    [Endian::Little, Endian::Big]
        .into_iter()
        .find(|endian| endian.u16(record, 0) == Some(2))
}

fn png_counts(
    file: &File<'_>,
    payload: &[u8],
    limits: &Limits,
) -> Result<Raster<u16>, IngestError> {
    let mut reader = ImageReader::with_format(Cursor::new(payload), ImageFormat::Png);
    let mut allowed = image::Limits::default();
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(4));
    reader.limits(allowed);
    match reader.decode() {
        Ok(DynamicImage::ImageLuma16(picture)) => {
            let (width, height) =
                file.shape(picture.width().into(), picture.height().into(), limits)?;
            Raster::new(width, height, picture.into_raw())
                .map_err(|error| file.malformed(error.to_string()))
        }
        Ok(_) => Err(file.malformed("the raw record's PNG is not 16-bit grey")),
        // The library's words hold a checksum of the picture, and they would go to the log.
        Err(_) => {
            Err(file.malformed("the raw record's PNG is damaged, or of a kind that is not read"))
        }
    }
}

/// The byte order in which neighbours differ less (DOMAIN section 1.1).
fn smoother_order(counts: Raster<u16>) -> Raster<u16> {
    if roughness(&counts, u16::swap_bytes) < roughness(&counts, |count| count) {
        counts.map(|count| count.swap_bytes())
    } else {
        counts
    }
}

/// Differences between neighbours in a row, added up.
fn roughness(counts: &Raster<u16>, order: impl Fn(u16) -> u16) -> u64 {
    let row = |row: &[u16]| {
        let neighbours = row.iter().zip(row.iter().skip(1));
        let differences = neighbours.map(|(&a, &b)| u32::from(order(a).abs_diff(order(b))));
        // A row is shorter than 2^16 pixels.
        u64::from(differences.sum::<u32>())
    };
    counts.rows().map(row).sum()
}

/// Constants and parameters of the camera info record (offsets as exiftool documents them, FLIR tags).
fn radiometry(info: &[u8]) -> Option<Radiometry> {
    let endian = record_endian(info)?;
    let float = |at| endian.f32(info, at);
    let kelvin = |at| float(at).map(|value| Celsius::from(Kelvin(value)));
    let fraction = |at| float(at).and_then(|value| Fraction::new(value).ok());
    let humidity = float(0x3c).map(|value| if value > 2.0 { value / 100.0 } else { value })?;
    let planck = PlanckConstants {
        r1: float(0x58)?,
        r2: float(0x30c)?,
        b: float(0x5c)?,
        f: float(0x60)?,
        o: f64::from(endian.i32(info, 0x308)?),
    };
    let object = ObjectParameters {
        emissivity: fraction(0x20).filter(|emissivity| emissivity.value() > 0.0)?,
        distance: Metres(float(0x24)?.max(0.0)),
        reflected: kelvin(0x28)?,
        air: kelvin(0x2c)?,
        window: kelvin(0x30)?,
        window_transmission: fraction(0x34).filter(|share| share.value() > 0.0)?,
        humidity: Fraction::new(humidity).ok()?,
        atmosphere: Atmosphere {
            alpha1: float(0x70)?,
            alpha2: float(0x74)?,
            beta1: float(0x78)?,
            beta2: float(0x7c)?,
            x: float(0x80)?,
        },
    };
    Some(Radiometry::Planck(planck, object))
}

fn camera_model(info: &[u8]) -> String {
    let field = info.get(0xd4..0xf4).unwrap_or_default();
    let text = field.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text)
        .chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}
