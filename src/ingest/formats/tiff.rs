//! TIFF with 16-bit counts or float temperatures (DOMAIN section 1.3).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::Cursor;

use ::tiff::ColorType;
use ::tiff::decoder::{Decoder, DecodingResult};

use super::{Container, File, FrameDecoder};
use crate::frame::{CameraName, Format, Frame, FrameId, Radiometry, Raw, Samples};
use crate::ingest::bytes::Endian;
use crate::ingest::metadata::Tags;
use crate::ingest::{IngestError, IngestOptions, Limits, TiffScale};
use crate::raster::Raster;
use crate::units::Celsius;

/// Thermal TIFF.
pub(super) struct Tiff;

/// Float temperatures with a median above this are kelvin: no roof is that hot in Celsius.
const KELVIN_ABOVE: f32 = 200.0;

/// What a count means to cameras that never say it: part of the model's name, degrees per count, offset.
const KNOWN: [(&str, TiffScale); 5] = [
    (
        "Duo Pro R",
        TiffScale {
            scale: 0.04,
            offset: -273.15,
        },
    ),
    (
        "Vue Pro R",
        TiffScale {
            scale: 0.04,
            offset: -273.15,
        },
    ),
    (
        "Altum",
        TiffScale {
            scale: 0.01,
            offset: -273.15,
        },
    ),
    (
        "thermoMAP",
        TiffScale {
            scale: 0.01,
            offset: -100.0,
        },
    ),
    (
        "Boson",
        TiffScale {
            scale: 0.01,
            offset: -273.15,
        },
    ),
];

impl FrameDecoder for Tiff {
    fn name(&self) -> &'static str {
        "tiff"
    }

    fn sniff(&self, file: &File<'_>) -> bool {
        matches!(file.container, Container::Tiff(_))
    }

    fn decode(
        &self,
        id: FrameId,
        file: &File<'_>,
        options: &IngestOptions,
    ) -> Result<Frame<Raw>, IngestError> {
        let Container::Tiff(bytes) = file.container else {
            return Err(file.malformed("not a TIFF file"));
        };
        let mut samples = read(file, bytes, &options.limits)?;
        let tags = Tags::read([bytes], []);
        let no_data = directory(bytes).and_then(|directory| directory.no_data(bytes));
        let (format, radiometry) = match &mut samples {
            Samples::U16(_) => {
                let scale = options
                    .tiff_scale
                    .or_else(|| known_scale(&tags.camera()))
                    .ok_or_else(|| IngestError::UnknownScale {
                        path: file.path.to_path_buf(),
                    })?;
                (
                    Format::TiffU16,
                    Radiometry::Linear {
                        scale: scale.scale,
                        offset: scale.offset,
                        no_data: no_data.and_then(as_count),
                    },
                )
            }
            Samples::F32(raster) => {
                if let Some(no_data) = no_data {
                    empty(raster, no_data);
                }
                (Format::TiffF32, float_unit(raster))
            }
        };
        let meta = tags.meta(format, radiometry, vec![crate::frame::Leak::ThermalFrame]);
        Ok(Frame::raw(id, meta, samples))
    }
}

fn known_scale(camera: &CameraName) -> Option<TiffScale> {
    KNOWN
        .iter()
        .find(|(part, _)| camera.model.contains(part))
        .map(|(_, scale)| *scale)
}

/// Whether two numbers are one: -0 is 0, and what is no number is none.
fn is_same<N: PartialOrd + Copy>(one: N, other: N) -> bool {
    one.partial_cmp(&other).is_some_and(Ordering::is_eq)
}

/// The count that a value for no data is; none where it is no count, such as -9999.
fn as_count(value: f64) -> Option<u16> {
    (0..=u16::MAX).find(|count| is_same(f64::from(*count), value))
}

/// Makes no data of every sample that is `no_data`, rounded to a float as samples are.
fn empty(raster: &mut Raster<f32>, no_data: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    let no_data = no_data as f32;
    for sample in raster.samples_mut() {
        if is_same(*sample, no_data) {
            *sample = Celsius::NO_DATA;
        }
    }
}

/// By the median. What is no temperature in either unit has no say, nor has 0: it pads pictures.
fn float_unit(raster: &Raster<f32>) -> Radiometry {
    const ABSOLUTE_ZERO: f32 = -273.15;
    let mut known: Vec<f32> = raster
        .samples()
        .iter()
        .copied()
        .filter(|value| value.is_finite() && *value > ABSOLUTE_ZERO && value.abs() > 0.0)
        .collect();
    let middle = known.len() / 2;
    let kelvin =
        !known.is_empty() && *known.select_nth_unstable_by(middle, f32::total_cmp).1 > KELVIN_ABOVE;
    if kelvin {
        Radiometry::Kelvin
    } else {
        Radiometry::Celsius
    }
}

/// 16-bit counts of a TIFF inside another file.
pub(super) fn counts(
    file: &File<'_>,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Raster<u16>, IngestError> {
    match read(file, bytes, limits)? {
        Samples::U16(raster) => Ok(raster),
        Samples::F32(_) => Err(file.malformed("the raw record's TIFF is not 16-bit")),
    }
}

/// What the library says, in words of ours: its own quote values of tags, and where a tag's values are is the file's to say, in its picture too. These
/// words go to the log.
fn words(error: &::tiff::TiffError) -> &'static str {
    use ::tiff::{TiffError, TiffFormatError, TiffUnsupportedError};
    match error {
        TiffError::FormatError(
            TiffFormatError::TiffSignatureNotFound | TiffFormatError::TiffSignatureInvalid,
        ) => "it does not begin like one",
        TiffError::FormatError(TiffFormatError::RequiredTagNotFound(_)) => {
            "a tag that it must have is not there"
        }
        TiffError::FormatError(_) => "its tags or its picture are damaged",
        TiffError::UnsupportedError(
            TiffUnsupportedError::UnknownCompressionMethod
            | TiffUnsupportedError::UnsupportedCompressionMethod(_),
        ) => "its compression is not read: save it without, or with Deflate or LZW",
        TiffError::UnsupportedError(_) => "its pixels are of a kind that is not read",
        _ => "it is damaged",
    }
}

/// The only picture of a TIFF with one sample a pixel.
fn read(file: &File<'_>, bytes: &[u8], limits: &Limits) -> Result<Samples, IngestError> {
    let unreadable = |error: ::tiff::TiffError| match error {
        ::tiff::TiffError::IoError(_) => file.truncated("the TIFF"),
        ::tiff::TiffError::LimitsExceeded => {
            file.malformed("the TIFF asks for more memory than allowed")
        }
        error => file.malformed(format!("the TIFF cannot be read ({})", words(&error))),
    };
    if directory(bytes).is_some_and(|directory| directory.lists_too_much()) {
        return Err(file.malformed("the TIFF's tags list more values than allowed"));
    }
    let mut allowed = ::tiff::decoder::Limits::default();
    let memory = usize::try_from(limits.max_pixels.saturating_mul(4)).unwrap_or(usize::MAX);
    allowed.decoding_buffer_size = memory;
    allowed.intermediate_buffer_size = memory;
    let bytes = with_photometric(bytes);
    let mut decoder = Decoder::new(Cursor::new(bytes.as_ref()))
        .map_err(unreadable)?
        .with_limits(allowed);
    let (width, height) = decoder.dimensions().map_err(unreadable)?;
    let (width, height) = file.shape(width.into(), height.into(), limits)?;
    let colour = decoder.colortype().map_err(unreadable)?;
    if !matches!(colour, ColorType::Gray(16 | 32)) {
        return Err(IngestError::NotThermal {
            path: file.path.to_path_buf(),
        });
    }
    if decoder.more_images() {
        return Err(file.malformed("more than one picture in the TIFF; split it"));
    }
    let wrong = |error: crate::raster::ShapeError| file.malformed(error.to_string());
    match decoder.read_image().map_err(unreadable)? {
        DecodingResult::U16(samples) => Ok(Samples::U16(
            Raster::new(width, height, samples).map_err(wrong)?,
        )),
        DecodingResult::F32(samples) => Ok(Samples::F32(
            Raster::new(width, height, samples).map_err(wrong)?,
        )),
        _ => Err(file.malformed("samples are neither unsigned 16-bit nor float")),
    }
}

/// The file with tag 262 (photometric interpretation: black is zero) where its first directory lacks it.
///
/// The tag is required (TIFF 6.0, section 8), but WIRIS cameras leave it out. The completed directory goes
/// to the end of the file.
fn with_photometric(bytes: &[u8]) -> Cow<'_, [u8]> {
    completed(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned)
}

/// The first directory of a TIFF.
struct Directory<'a> {
    endian: Endian,
    /// Behind its entries.
    end: usize,
    entries: Vec<&'a [u8]>,
}

fn directory(bytes: &[u8]) -> Option<Directory<'_>> {
    const ENTRY: usize = 12;
    let endian = if bytes.starts_with(b"II") {
        Endian::Little
    } else {
        Endian::Big
    };
    let at = usize::try_from(endian.u32(bytes, 4)?).ok()?;
    let count = endian.u16(bytes, at)?;
    let start = at.checked_add(2)?;
    let end = start.checked_add(usize::from(count) * ENTRY)?;
    Some(Directory {
        endian,
        end,
        entries: bytes.get(start..end)?.chunks_exact(ENTRY).collect(),
    })
}

impl Directory<'_> {
    /// Whether a tag of the picture has more values than any camera gives it: strips, of which each row may be one. The library keeps some 50 bytes
    /// a value, whatever its limits say. Texts (type 2) are not read.
    fn lists_too_much(&self) -> bool {
        const PICTURE: std::ops::RangeInclusive<u16> = 254..=531;
        const MAX_VALUES: u32 = 1 << 16;
        let field = |entry: &[u8], at| self.endian.u16(entry, at).unwrap_or_default();
        self.entries.iter().any(|entry| {
            let values = self.endian.u32(entry, 4).unwrap_or_default();
            PICTURE.contains(&field(entry, 0)) && field(entry, 2) != 2 && values > MAX_VALUES
        })
    }

    /// The value that stands for no data, which GDAL writes as text (tag 42113): a number alone is taken of it, since no text of a file may
    /// travel.
    fn no_data(&self, bytes: &[u8]) -> Option<f64> {
        const GDAL_NO_DATA: u16 = 42_113;
        const ASCII: u16 = 2;
        const LONGEST: usize = 64;
        let is_it = |entry: &&[u8]| {
            let [tag, kind] = [0, 2].map(|at| self.endian.u16(entry, at));
            (tag, kind) == (Some(GDAL_NO_DATA), Some(ASCII))
        };
        let entry = *self.entries.iter().find(|entry| is_it(entry))?;
        let length = usize::try_from(self.endian.u32(entry, 4)?).ok()?;
        // What fits stands in the entry itself.
        let from = match length {
            ..=4 => entry.get(8..)?,
            5..=LONGEST => bytes.get(usize::try_from(self.endian.u32(entry, 8)?).ok()?..)?,
            _ => return None,
        };
        let text = from.get(..length)?.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(text).ok()?.trim().parse().ok()
    }
}

fn completed(bytes: &[u8]) -> Option<Vec<u8>> {
    const PHOTOMETRIC: u16 = 262;
    let Directory {
        endian,
        end,
        entries,
    } = directory(bytes)?;
    let count = u16::try_from(entries.len()).ok()?;
    let tag_of = |entry: &[u8]| endian.u16(entry, 0).unwrap_or(u16::MAX);
    if entries.iter().any(|entry| tag_of(entry) == PHOTOMETRIC) {
        return None;
    }
    let before = entries
        .iter()
        .take_while(|entry| tag_of(entry) < PHOTOMETRIC)
        .count();
    let (tag, short, one) = (
        endian.bytes16(PHOTOMETRIC),
        endian.bytes16(3),
        endian.bytes16(1),
    );
    let added = [&tag[..], &short, &endian.bytes32(1), &one, &[0, 0]].concat();
    let mut whole = bytes.to_vec();
    whole.resize(bytes.len().next_multiple_of(2), 0);
    let moved = endian.bytes32(u32::try_from(whole.len()).ok()?);
    whole.get_mut(4..8)?.copy_from_slice(&moved);
    whole.extend(endian.bytes16(count.checked_add(1)?));
    whole.extend(entries.iter().take(before).copied().flatten());
    whole.extend(added);
    whole.extend(entries.iter().skip(before).copied().flatten());
    whole.extend(bytes.get(end..end + 4).unwrap_or(&[0; 4]));
    Some(whole)
}
