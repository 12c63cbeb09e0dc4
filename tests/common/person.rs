//! Frames of the fixture with other temperatures in some pixels, in the form in which each format keeps them.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Luma};
use tiff::decoder::{Decoder, DecodingResult};
use tiff::encoder::colortype::{ColorType, Gray16, Gray32Float};
use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, TiffValue};
use tiff::tags::Tag;

use super::{pictures_of, raw_offsets};

/// 77.16 °C, which nothing else in the scene has: exact in the sixty-fourths of a kelvin of DJI (DOMAIN section 1.2), nearly so in the others.
pub(crate) const CELSIUS: f64 = 22_420.0 / 64.0 - 273.15;
/// Colour of everything at the warm end of the ramp and above.
const RAMP_END: image::Rgba<u8> = image::Rgba([250, 250, 164, 255]);

/// Whether a picture, or one of an archive, has the colour of the ramp's warm end somewhere.
pub(crate) fn ends_the_ramp(path: &Path, bytes: &[u8]) -> bool {
    let pictures = pictures_of(path, bytes);
    let mut pixels = pictures.iter().flat_map(|picture| picture.pixels());
    pixels.any(|pixel| *pixel == RAMP_END)
}

/// Columns and rows of every frame of the fixture.
const SHAPE: (u16, u16) = (640, 512);

/// The temperature of a pixel, column and row, °C; `None` where it stays.
pub(crate) type Change<'a> = &'a dyn Fn((usize, usize)) -> Option<f64>;

/// A frame of the fixture, by its name's end, with other temperatures.
pub(crate) fn changed(name: &str, bytes: &[u8], change: Change<'_>) -> Vec<u8> {
    if name.ends_with("_T.JPG") {
        dji(bytes, change)
    } else if name.ends_with("_R.JPG") {
        flir(bytes, change)
    } else {
        tiff(bytes, change)
    }
}

fn set<T>(samples: &mut [T], change: Change<'_>, stored: impl Fn(f64) -> T) {
    let width = usize::from(SHAPE.0);
    for (at, sample) in samples.iter_mut().enumerate() {
        if let Some(celsius) = change((at % width, at / width)) {
            *sample = stored(celsius);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates"
)]
fn count(value: f64) -> u16 {
    value.round() as u16
}

/// Sixty-fourths of a kelvin; the lowest two bits are nought in every frame of this width (DOMAIN section 1.2).
fn dji(bytes: &[u8], change: Change<'_>) -> Vec<u8> {
    let offsets = raw_offsets(bytes);
    let pairs = offsets.as_chunks().0;
    let mut counts: Vec<u16> = pairs
        .iter()
        .map(|&[low, high]| u16::from_le_bytes([bytes[low], bytes[high]]))
        .collect();
    set(&mut counts, change, |celsius| {
        count((celsius + 273.15) * 64.0) & !3
    });
    let mut out = bytes.to_vec();
    for (&[low, high], count) in pairs.iter().zip(counts) {
        [out[low], out[high]] = count.to_le_bytes();
    }
    out
}

/// Counts of a blackbody by the constants of the fixture (`src/simulate/formats/flir.rs`; DOMAIN section 1.1).
fn planck(celsius: f64) -> u16 {
    count(21_106.77 / (0.012_545_258 * ((1501.0 / (celsius + 273.15)).exp() - 1.0)) + 7340.0)
}

/// What a FLIR segment begins with: its number and the last one's follow.
pub(crate) const CHUNK: &[u8] = b"FLIR\0\x01";

fn flir(jpeg: &[u8], change: Change<'_>) -> Vec<u8> {
    let (mut out, mut fff, mut at) = (jpeg[..2].to_vec(), Vec::new(), 2);
    while jpeg[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        let payload = &jpeg[at + 4..end];
        if payload.starts_with(CHUNK) {
            fff.extend(&payload[CHUNK.len() + 2..]);
        } else {
            out.extend(&jpeg[at..end]);
        }
        at = end;
    }
    let fff = fff_with(fff, change);
    let chunks = fff.chunks(65_000);
    let last = u8::try_from(chunks.len() - 1).unwrap();
    for (number, chunk) in (0..=last).zip(chunks) {
        let length = u16::try_from(2 + CHUNK.len() + 2 + chunk.len()).unwrap();
        out.extend([&[0xff, 0xe1], &length.to_be_bytes()[..], CHUNK].concat());
        out.extend([&[number, last], chunk].concat());
    }
    out.extend(&jpeg[at..]);
    out
}

/// An FFF file whose raw record, the first of its directory, has become another at its end.
fn fff_with(mut fff: Vec<u8>, change: Change<'_>) -> Vec<u8> {
    let is_big = fff[0x14..0x18] == 100_u32.to_be_bytes();
    let number = |value: u32| {
        if is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let entry = 64;
    let field = |at: usize| {
        let four = fff[at..at + 4].try_into().unwrap();
        let value = if is_big {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        };
        value as usize
    };
    let (at, length) = (field(entry + 12), field(entry + 16));
    let record = raw_record(&fff[at..at + length], change);
    fff[at..at + length].fill(0);
    let places = [fff.len(), record.len()].map(|value| number(u32::try_from(value).unwrap()));
    fff[entry + 12..entry + 20].copy_from_slice(&places.concat());
    fff.extend(record);
    fff
}

/// A raw record, its samples plain or a PNG in which their bytes are swapped.
fn raw_record(record: &[u8], change: Change<'_>) -> Vec<u8> {
    let (header, payload) = record.split_at(32);
    let mut out = header.to_vec();
    if !payload.starts_with(b"\x89PNG") {
        let pairs = payload.as_chunks().0.iter();
        let mut counts: Vec<u16> = pairs.map(|&pair| u16::from_le_bytes(pair)).collect();
        set(&mut counts, change, planck);
        out.extend(counts.into_iter().flat_map(u16::to_le_bytes));
        return out;
    }
    let picture = image::load_from_memory(payload).unwrap();
    let mut counts = picture.as_luma16().unwrap().as_raw().clone();
    set(&mut counts, change, |celsius| planck(celsius).swap_bytes());
    let (width, height) = (SHAPE.0.into(), SHAPE.1.into());
    let picture = image::ImageBuffer::<Luma<u16>, _>::from_raw(width, height, counts).unwrap();
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(picture)
        .write_to(&mut png, ImageFormat::Png)
        .unwrap();
    out.extend(png.into_inner());
    out
}

/// Counts of 0.04 K as LZW with a predictor, or degrees as Deflate (fixtures/README.md).
fn tiff(bytes: &[u8], change: Change<'_>) -> Vec<u8> {
    let read = Decoder::new(Cursor::new(bytes)).unwrap().read_image();
    match read.unwrap() {
        DecodingResult::U16(mut counts) => {
            set(&mut counts, change, |celsius| {
                count((celsius + 273.15) / 0.04)
            });
            let how = (Compression::Lzw, Predictor::Horizontal);
            with_strips(bytes, &encoded::<Gray16>(&counts, how))
        }
        DecodingResult::F32(mut degrees) => {
            #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
            set(&mut degrees, change, |celsius| celsius as f32);
            let how = (Compression::Deflate(DeflateLevel::Fast), Predictor::None);
            with_strips(bytes, &encoded::<Gray32Float>(&degrees, how))
        }
        _ => unreachable!("the fixture has no other samples"),
    }
}

fn encoded<C: ColorType>(samples: &[C::Inner], how: (Compression, Predictor)) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut out = Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut out).unwrap();
    let mut encoder = encoder.with_compression(how.0).with_predictor(how.1);
    let mut image = encoder
        .new_image::<C>(SHAPE.0.into(), SHAPE.1.into())
        .unwrap();
    image.rows_per_strip(32).unwrap();
    image.write_data(samples).unwrap();
    out.into_inner()
}

/// A TIFF with its own tags and the strips of another, as many.
fn with_strips(bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut other_tags = Decoder::new(Cursor::new(other)).unwrap();
    let mut listed = |tag| other_tags.get_tag_u32_vec(tag).unwrap();
    let (offsets, lengths) = (listed(Tag::StripOffsets), listed(Tag::StripByteCounts));
    let mut out = bytes.to_vec();
    let mut moved = Vec::new();
    for (&at, &length) in offsets.iter().zip(&lengths) {
        moved.push(u32::try_from(out.len()).unwrap());
        out.extend(&other[at as usize..][..length as usize]);
    }
    for (tag, values) in [(273, moved), (279, lengths)] {
        let list: Vec<u8> = values.into_iter().flat_map(u32::to_le_bytes).collect();
        let at = long_list(bytes, tag, list.len() / 4);
        out[at..at + list.len()].copy_from_slice(&list);
    }
    out
}

/// Where the values of a tag of the first directory stand, `count` of four bytes, in a little-endian TIFF.
fn long_list(bytes: &[u8], tag: u16, count: usize) -> usize {
    let long = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let first = long(4) + 2;
    let head = [tag.to_le_bytes(), 4_u16.to_le_bytes()].concat();
    let mut entries = (first..bytes.len()).step_by(12);
    let entry = entries.find(|&at| bytes[at..].starts_with(&head)).unwrap();
    assert_eq!(long(entry + 4), count);
    long(entry + 8)
}
