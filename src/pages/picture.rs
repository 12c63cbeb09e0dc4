//! A crop of the map as a picture: PNG, and SVG with outlines around it.

use std::fmt::Write as _;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbaImage};

use super::PagesError;
use super::raster::Crop;
use crate::heatloss::Ring;
use crate::tiles::Ramp;

/// Metres of the bar that tells the scale, the longest that takes at most a third of the width.
const BARS: [f64; 7] = [100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0];

/// One band in the ramp's colours; transparent without data.
pub(super) fn temperature(crop: &Crop, ramp: &Ramp) -> Result<Vec<u8>, PagesError> {
    let celsius = crop.bands.iter().flatten();
    let colours = celsius.map(|celsius| ramp.colour(*celsius));
    png(crop, colours.flatten().collect())
}

/// Estimate, low and high as in the map: greyer and hatched where it is less sure.
pub(super) fn flux(crop: &Crop, ramp: &Ramp) -> Result<Vec<u8>, PagesError> {
    let palette = ramp.uncertain_palette();
    let mut colours = Vec::with_capacity(4 * crop.width * crop.height);
    for at in 0..crop.width * crop.height {
        let value = |band: usize| {
            let samples = crop.bands.get(band);
            samples
                .and_then(|samples| samples.get(at))
                .copied()
                .unwrap_or(f32::NAN)
        };
        let place = (at % crop.width, at / crop.width);
        let shade = ramp.uncertain_shade([value(0), value(1), value(2)], place);
        let colour = palette.get(usize::from(shade)).copied();
        colours.extend(colour.unwrap_or_default());
    }
    png(crop, colours)
}

fn png(crop: &Crop, colours: Vec<u8>) -> Result<Vec<u8>, PagesError> {
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let picture = RgbaImage::from_raw(side(crop.width), side(crop.height), colours);
    let mut bytes = Cursor::new(Vec::new());
    if let Some(picture) = picture {
        picture.write_to(&mut bytes, ImageFormat::Png)?;
    }
    Ok(bytes.into_inner())
}

/// A picture inside a page, with what is drawn on it, in the crop's pixels.
pub(super) fn svg(crop: &Crop, png: &[u8], label: &str, drawn: &str) -> String {
    let (width, height) = (crop.width, crop.height);
    format!(
        "<svg class=\"map\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\
         <image href=\"data:image/png;base64,{}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\"/>{drawn}{}</svg>",
        STANDARD.encode(png),
        scale(crop),
    )
}

/// Outlines as a path.
pub(super) fn path(crop: &Crop, polygons: &[Vec<Ring>]) -> String {
    let mut path = String::new();
    for ring in polygons.iter().flatten() {
        for (number, point) in ring.iter().enumerate() {
            let (x, y) = crop.place(*point);
            let command = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{x:.1} {y:.1}");
        }
        path.push('Z');
    }
    path
}

/// A bar of whole metres in the lower left corner.
#[expect(clippy::cast_precision_loss, reason = "pixels of a picture")]
fn scale(crop: &Crop) -> String {
    let (width, height) = (crop.width as f64, crop.height as f64);
    let fits = |metres: &&f64| **metres / crop.pixel <= width / 3.0;
    let Some(metres) = BARS.iter().find(fits) else {
        return String::new();
    };
    let (x0, x1, y) = (
        0.03 * width,
        0.03 * width + metres / crop.pixel,
        0.95 * height,
    );
    let size = 0.045 * width;
    format!(
        "<path class=\"halo\" d=\"M{x0:.1} {y:.1}H{x1:.1}\"/><path class=\"bar\" d=\"M{x0:.1} {y:.1}H{x1:.1}\"/>\
         <text class=\"bar\" x=\"{x0:.1}\" y=\"{:.1}\" font-size=\"{size:.1}\" stroke-width=\"{:.2}\">{metres} m</text>",
        y - 0.02 * width,
        size / 8.0
    )
}

/// The colours and what they mean, below a picture.
pub(super) fn legend(ramp: &Ramp, unit: &str) -> String {
    let steps = ramp.legend();
    let colours: Vec<&str> = steps.iter().map(|(_, colour)| colour.as_str()).collect();
    let (low, high) = ramp.range();
    format!(
        "<div class=\"legend\"><span>{low} {unit}</span><i style=\"background:linear-gradient(to right,{})\"></i><span>{high} {unit}</span></div>",
        colours.join(",")
    )
}
