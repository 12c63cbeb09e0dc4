//! The hot person of a flight: how they come into a frame, and how they would be found in whatever a run writes.

use std::path::Path;

use crate::common::{person, samples_of};

/// Counts of the person in DJI frames: 77.1625 °C, far above everything else in the scene.
pub(crate) const CANARY: u16 = 22_420;
/// The same in °C, as files have it.
pub(crate) const CANARY_CELSIUS: f32 = 22_420.0 / 64.0 - 273.15;
/// No built-in model was evaluated for so much.
pub(crate) const FIRE_CELSIUS: f32 = 180.0;
/// Columns and rows of the person: 0.5 m x 1.3 m on the ground.
pub(crate) const PERSON: ([usize; 2], [usize; 2]) = ([300, 308], [200, 220]);

/// A frame of the fixture with something of one temperature in it.
pub(crate) fn planted(
    name: &str,
    bytes: &[u8],
    celsius: f32,
    ([left, right], [top, bottom]): ([usize; 2], [usize; 2]),
) -> Vec<u8> {
    let is_there = |(x, y)| (left..right).contains(&x) && (top..bottom).contains(&y);
    person::changed(name, bytes, &|at| is_there(at).then_some(celsius.into()))
}

/// Whether a file holds the person's temperature: as bytes of any form, as samples of a raster, as the top of the ramp in a picture.
pub(crate) fn shows_person(path: &Path, bytes: &[u8]) -> bool {
    holds_bytes(bytes) || holds_samples(path, bytes)
}

fn holds_bytes(bytes: &[u8]) -> bool {
    let forms: [Vec<u8>; 4] = [
        CANARY.to_le_bytes().repeat(4),
        CANARY.to_be_bytes().repeat(4),
        CANARY_CELSIUS.to_le_bytes().repeat(2),
        f64::from(CANARY_CELSIUS).to_le_bytes().to_vec(),
    ];
    let holds = |form: &Vec<u8>| {
        let starts = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == form[0]);
        starts
            .map(|(at, _)| &bytes[at..])
            .any(|rest| rest.starts_with(form))
    };
    forms.iter().any(holds)
}

/// The same of what a file holds once it is decoded: every band and overview of rasters, every tile of archives.
fn holds_samples(path: &Path, bytes: &[u8]) -> bool {
    // Heat loss has other values and the same ramp.
    if path.to_string_lossy().contains("heatloss") {
        return false;
    }
    let is_near = |value: f32| (value - CANARY_CELSIUS).abs() < 5.0;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("f32") => bytes
            .chunks_exact(4)
            .any(|four| is_near(f32::from_le_bytes(four.try_into().unwrap()))),
        // Angles and numbers of frames, in the other bands of the map, are far below.
        Some("tif" | "ovr") => samples_of(path).into_iter().any(is_near),
        Some("png" | "tiles" | "pmtiles" | "mbtiles") => person::ends_the_ramp(path, bytes),
        _ => false,
    }
}
