//! The published map as one small picture.
//!
//! In: the published mosaic and the description of its web tiles, both checked against the log. Out: a PNG in the run's own ramp, what it
//! spans, a scale. Refuses: frames of any kind, and exact places: the extent is widened to whole web tiles of level 16.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::ReportError;
use crate::outside;
use crate::page;
use crate::store::layout;
use crate::tiles::{self, Ramp};

/// Longer side of the picture at most, pixels.
const LARGEST: usize = 960;
/// Metres of ground a pixel at least: enough to see what was flown, too coarse for a window or a person.
const FINEST: f64 = 0.5;
/// Level of the web tiles to which the extent is widened: some 600 m a tile at the equator, 370 m in Great Britain.
const LEVEL: u32 = 16;
/// Bytes of a description of web tiles.
const LONGEST: u64 = 1 << 20;

/// The map as a picture.
#[derive(Debug)]
pub(super) struct Coverage {
    /// The picture as base64 of a PNG.
    pub(super) png: String,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Extent in degrees, whole web tiles.
    pub(super) extent: String,
    /// Length of the scale bar in words, and as a share of the picture's width in per cent.
    pub(super) scale: (String, String),
    /// Colours from the coldest to the hottest end.
    pub(super) stops: Vec<Stop>,
    /// Share of the picture's rectangle with a temperature.
    pub(super) shown: String,
    /// Area with a temperature, in words.
    pub(super) area: String,
}

/// One colour of the legend.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) celsius: String,
    pub(super) colour: String,
}

impl Coverage {
    /// The map of the run in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join(layout::TEMPERATURE_COG);
        let wrong = |problem: String| ReportError::Map {
            path: path.clone(),
            problem,
        };
        let (ramp, bounds) = describe(&folder.join(layout::TILEJSON))?;
        let picture = Picture::read(&path).map_err(|error| wrong(error.to_string()))?;
        let png = picture
            .png(&ramp)
            .map_err(|error| wrong(error.to_string()))?;
        let stops = ramp.legend().into_iter().map(|(celsius, colour)| Stop {
            celsius: celsius.to_string(),
            colour,
        });
        let seen = picture.samples.iter().filter(|value| !value.is_nan());
        #[expect(clippy::cast_precision_loss, reason = "pixels of one small picture")]
        let (seen, all) = (seen.count() as f64, picture.samples.len() as f64);
        let area = seen * picture.metres[0] * picture.metres[1];
        Ok(Self {
            png: STANDARD.encode(png),
            width: picture.width,
            height: picture.height,
            extent: extent(bounds),
            scale: picture.scale(),
            stops: stops.collect(),
            shown: page::percent(seen / all),
            area: format!("{:.1} hectares", area / 10_000.0),
        })
    }
}

/// The ramp and the geographic bounds (west, south, east, north) of the web tiles.
fn describe(path: &Path) -> Result<(Ramp, [f64; 4]), ReportError> {
    let bytes = outside::read(path, LONGEST).map_err(|source| ReportError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    let wrong = || ReportError::Map {
        path: path.to_path_buf(),
        problem: "it does not describe the web tiles of a run".into(),
    };
    let told: Value = serde_json::from_slice(&bytes).map_err(|_not_json| wrong())?;
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).ok_or_else(wrong);
    let ramp = |key: &str| number(told.pointer(&format!("/heatveil:ramp/{key}")));
    let edge = |place: usize| number(told.pointer(&format!("/bounds/{place}")));
    #[expect(clippy::cast_possible_truncation, reason = "temperatures of a legend")]
    let ramp = Ramp::new(ramp("min")? as f32, ramp("max")? as f32).map_err(|_range| wrong())?;
    Ok((ramp, [edge(0)?, edge(1)?, edge(2)?, edge(3)?]))
}

/// Whole web tiles around bounds, in words. Tile numbers: web Mercator as OpenStreetMap's "slippy map tile names" have it.
fn extent([west, south, east, north]: [f64; 4]) -> String {
    let tiles = f64::from(1_u32 << LEVEL);
    let column = |longitude: f64| (longitude + 180.0) / 360.0 * tiles;
    let row = |latitude: f64| {
        let mercator = latitude.to_radians().tan().asinh() / std::f64::consts::PI;
        (1.0 - mercator) / 2.0 * tiles
    };
    let longitude = |column: f64| column / tiles * 360.0 - 180.0;
    let latitude = |row: f64| {
        let mercator = (1.0 - 2.0 * row / tiles) * std::f64::consts::PI;
        mercator.sinh().atan().to_degrees()
    };
    format!(
        "longitude {:.3} to {:.3}, latitude {:.3} to {:.3}",
        longitude(column(west).floor()),
        longitude(column(east).ceil()),
        latitude(row(south).ceil()),
        latitude(row(north).floor())
    )
}

/// Temperatures for the picture, row by row.
struct Picture {
    width: usize,
    height: usize,
    samples: Vec<f32>,
    /// Metres of ground a pixel, across and down.
    metres: [f64; 2],
}

impl Picture {
    fn read(path: &Path) -> Result<Self, gdal::errors::GdalError> {
        let dataset = tiles::open_raster(path)?;
        let (columns, rows) = dataset.raster_size();
        let transform = dataset.geo_transform()?;
        let by = columns.max(rows).div_ceil(LARGEST).max(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most some hundred; `as` saturates"
        )]
        let by = by.max((FINEST / transform[1].abs()).ceil() as usize);
        let (width, height) = (columns.div_ceil(by), rows.div_ceil(by));
        // Every value shown was measured.
        let samples = tiles::read_raster(&dataset, 1, (0, 0), (columns, rows), (width, height))?;
        #[expect(clippy::cast_precision_loss, reason = "sides of a raster")]
        let metres = [
            transform[1].abs() * columns as f64 / width as f64,
            transform[5].abs() * rows as f64 / height as f64,
        ];
        Ok(Self {
            width,
            height,
            samples,
            metres,
        })
    }

    fn png(&self, ramp: &Ramp) -> Result<Vec<u8>, png::EncodingError> {
        let palette = ramp.palette();
        let shades: Vec<u8> = self
            .samples
            .iter()
            .map(|&value| ramp.shade(value))
            .collect();
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width), side(self.height));
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder.set_palette(
            palette
                .iter()
                .flat_map(|&[red, green, blue, _]| [red, green, blue])
                .collect::<Vec<u8>>(),
        );
        encoder.set_trns(palette.iter().map(|colour| colour[3]).collect::<Vec<u8>>());
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&shades)?;
        writer.finish()?;
        Ok(bytes)
    }

    /// A round length that is at most a third of the picture, and its share of the width in per cent.
    fn scale(&self) -> (String, String) {
        #[expect(clippy::cast_precision_loss, reason = "sides of a small picture")]
        let across = self.metres[0] * self.width as f64;
        let lengths = [1000.0, 500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0];
        let fits = lengths.into_iter().find(|length| length * 3.0 <= across);
        let length = fits.unwrap_or(1.0);
        let share = format!("{:.2}", (length / across * 100.0).min(100.0));
        (format!("{length} m"), share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_is_widened_to_whole_tiles() {
        // Level 16: tiles are 360 / 65536 degrees wide; the point lies in column 32585, row 21647 (OpenStreetMap's formula, worked
        // out with Python's math module).
        let point = [-1.0, 52.0, -1.0, 52.0];
        assert_eq!(
            extent(point),
            "longitude -1.005 to -1.000, latitude 51.998 to 52.002"
        );
    }

    #[test]
    fn the_picture_has_the_colours_of_the_ramp_and_nothing_where_there_is_no_data() {
        let picture = Picture {
            width: 3,
            height: 1,
            samples: vec![-10.0, f32::NAN, 20.0],
            metres: [1.0; 2],
        };
        let ramp = Ramp::default();
        let bytes = picture.png(&ramp).unwrap();
        let shown = image::load_from_memory(&bytes).unwrap().to_rgba8();
        let pixel = |x: u32| shown.get_pixel(x, 0).0;
        assert_eq!(pixel(0), ramp.colour(-10.0));
        assert_eq!(pixel(1)[3], 0);
        assert_eq!(pixel(2), ramp.colour(20.0));
    }

    #[test]
    fn the_scale_is_a_round_length() {
        let picture = Picture {
            width: 700,
            height: 1,
            samples: Vec::new(),
            metres: [0.1; 2],
        };
        assert_eq!(picture.scale(), ("20 m".into(), "28.57".into()));
    }
}
