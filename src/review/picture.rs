//! A redacted frame as a picture for people.
//!
//! In: a redacted frame, the boxes of what was found. Out: a PNG. Refuses: any other frame, since no other shows its pixels.

use std::borrow::Cow;

use crate::frame::{Frame, Redacted};
use crate::store::{Artifact, sealed};

/// A PNG of a redacted frame: grey, warm is bright; emptied places are magenta with stripes, flattened ones tinted green, finds framed in yellow.
#[derive(Debug, Clone)]
pub struct Picture {
    png: Vec<u8>,
}

/// Emptied, and every fourth diagonal of it.
const EMPTIED: [[u8; 3]; 2] = [[150, 30, 110], [95, 15, 70]];
/// The frame around a find.
const FOUND: [u8; 3] = [250, 220, 60];
/// Share of the coldest and of the warmest pixels that the greys leave out.
const TAIL: f64 = 0.005;

impl Picture {
    /// Draws a frame.
    ///
    /// # Errors
    ///
    /// What the encoder says.
    pub fn of(frame: &Frame<Redacted>, boxes: &[[u32; 4]]) -> Result<Self, png::EncodingError> {
        let celsius = frame.celsius();
        let (width, height) = celsius.shape();
        let (low, high) = range(celsius.samples());
        let mut pixels = Vec::with_capacity(3 * width * height);
        for (y, row) in celsius.rows().enumerate() {
            for (x, &value) in row.iter().enumerate() {
                pixels.extend(if boxes.iter().any(|&bbox| is_edge(bbox, x, y)) {
                    FOUND
                } else if !value.is_finite() {
                    EMPTIED[usize::from((x + y) % 8 < 2)]
                } else {
                    let grey = grey(value, low, high);
                    let tint = if frame.mask().hides(x, y) { 3 } else { 0 };
                    [grey - grey / 8 * tint, grey, grey - grey / 8 * tint]
                });
            }
        }
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, side(width), side(height));
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(Self { png })
    }
}

impl sealed::Sealed for Picture {}

impl Artifact for Picture {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.png.as_slice().into()
    }
}

fn is_edge([x0, y0, x1, y1]: [u32; 4], x: usize, y: usize) -> bool {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
        return false;
    };
    let inside = (x0..x1).contains(&x) && (y0..y1).contains(&y);
    inside && (x == x0 || y == y0 || x + 1 == x1 || y + 1 == y1)
}

/// The ends of the greys, by what was not emptied.
fn range(samples: &[f32]) -> (f32, f32) {
    let mut finite: Vec<f32> = samples
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    finite.sort_unstable_by(f32::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a small share of a frame's pixels"
    )]
    let cut = (finite.len() as f64 * TAIL) as usize;
    let low = finite.get(cut).copied().unwrap_or_default();
    let high = finite.iter().rev().nth(cut).copied().unwrap_or_default();
    (low, high)
}

fn grey(value: f32, low: f32, high: f32) -> u8 {
    let share = (value - low) / (high - low).max(f32::EPSILON);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 255"
    )]
    let grey = (share.clamp(0.0, 1.0) * 255.0) as u8;
    grey
}
