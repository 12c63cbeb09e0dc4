//! JPEG pictures of a thermal frame, and the segments around them.
//!
//! In: temperatures, segment payloads. Out: JPEG bytes. Refuses: what the encoder refuses.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, GrayImage, Luma};

use super::super::SimulateError;
use super::super::render::WIDTH;

/// Most bytes of payload in one segment.
pub(super) const SEGMENT: usize = 65_532;

/// White is hot; the range spans the frame's 0.5th to 98.5th percentile, as an automatic gain would.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "grey levels are clamped to a byte"
)]
pub(super) fn picture(celsius: &[f32]) -> GrayImage {
    let mut sorted = celsius.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |share: usize| {
        sorted
            .get(sorted.len() * share / 1000)
            .copied()
            .unwrap_or(0.0)
    };
    let (low, high) = (at(5), at(985));
    let scale = 235.0 / (high - low).max(1.0);
    GrayImage::from_fn(640, 512, |x, y| {
        let value = celsius
            .get(y as usize * WIDTH + x as usize)
            .copied()
            .unwrap_or(low);
        Luma([((value - low) * scale + 10.0).clamp(0.0, 255.0) as u8])
    })
}

/// A picture as a JPEG.
pub(super) fn encode(picture: &GrayImage, quality: u8) -> Result<Vec<u8>, SimulateError> {
    let mut out = Vec::new();
    let (width, height) = picture.dimensions();
    JpegEncoder::new_with_quality(&mut out, quality).encode(
        picture.as_raw(),
        width,
        height,
        ExtendedColorType::L8,
    )?;
    Ok(out)
}

/// The 160x128 thumbnail.
pub(super) fn thumbnail(picture: &GrayImage) -> Result<Vec<u8>, SimulateError> {
    let small = resize(picture, 160, 128, FilterType::Triangle);
    encode(&small, 75)
}

/// A segment: marker, length, payload.
#[expect(
    clippy::cast_possible_truncation,
    reason = "payloads are at most 65,533 bytes"
)]
pub(super) fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() + 2) as u16;
    [&[0xff, marker], &length.to_be_bytes()[..], payload].concat()
}

/// Puts segments between the start of a JPEG and what follows.
pub(super) fn with_segments(jpeg: &[u8], segments: &[u8]) -> Vec<u8> {
    let (start, rest) = jpeg.split_at(jpeg.len().min(2));
    [start, segments, rest].concat()
}
