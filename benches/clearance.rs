//! What `clearance` costs in drawing: the same oblique frames over made-up houses, drawn with it and without, in turn:
//! `cargo bench --bench clearance` prints the table of BENCHMARKS.md.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a bench on made-up ground that prints its result"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gdal::DriverManager;
use gdal::raster::Buffer;
use heatveil::frame::{Attitude, FrameId};
use heatveil::georef::{Bounds, Crs, Intrinsics, Surface, View};
use heatveil::raster::Raster;
use heatveil::tiles::{MosaicFrame, MosaicOptions, TilesError, build_on};
use heatveil::units::{Degrees, Metres};

const ROUNDS: usize = 3;
const CAMERA: Intrinsics = Intrinsics {
    width: 640,
    height: 512,
    fx: 758.333_3,
    fy: 758.333_3,
    cx: 320.0,
    cy: 256.0,
};
const ORIGIN: (f64, f64) = (413_000.0, 5_835_000.0);
/// Metres from the middle to the edge of the surface, and along a cell.
const HALF: f64 = 250.0;
const CELL: f64 = 0.5;

/// Houses of 10 x 8 m, 8 m high, with 8 m between them.
fn houses(folder: &Path, crs: Crs) -> Surface {
    let side = (2.0 * HALF / CELL).round() as i32;
    let height = |at: i32| {
        let (east, south) = (f64::from(at % side) * CELL, f64::from(at / side) * CELL);
        if east % 18.0 < 10.0 && south % 16.0 < 8.0 {
            8.0_f32
        } else {
            0.0
        }
    };
    let path = folder.join("dsm.tif");
    let cells = usize::try_from(side).unwrap();
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut file = driver
        .create_with_band_type::<f32, _>(&path, cells, cells, 1)
        .unwrap();
    let (west, north) = (ORIGIN.0 - HALF, ORIGIN.1 + HALF);
    file.set_geo_transform(&[west, CELL, 0.0, north, 0.0, -CELL])
        .unwrap();
    file.set_spatial_ref(&crs.spatial_ref().unwrap()).unwrap();
    let heights = (0..side * side).map(height).collect();
    let mut buffer = Buffer::new((cells, cells), heights);
    let mut band = file.rasterband(1).unwrap();
    band.write((0, 0), (cells, cells), &mut buffer).unwrap();
    file.close().unwrap();
    let area = Bounds::around(&[ORIGIN]).unwrap().grown(Metres(HALF - 1.0));
    Surface::open(&path, crs, area).unwrap()
}

/// 40 degrees down, 60 m up, four headings, 10 m along and 16 m across: 200 frames of 640x512.
fn frames() -> Vec<MosaicFrame> {
    let places = [0.0_f64, 90.0, 180.0, 270.0].into_iter().flat_map(|yaw| {
        (0..5_u8).flat_map(move |lane| (0..10_u8).map(move |step| (yaw, lane, step)))
    });
    let frame = |(id, (yaw, lane, step)): (u32, (f64, u8, u8))| {
        let (sin, cos) = yaw.to_radians().sin_cos();
        let (ahead, aside) = (
            10.0 * f64::from(step) - 102.0,
            16.0 * f64::from(lane) - 32.0,
        );
        let centre = (
            ORIGIN.0 + ahead * sin + aside * cos,
            ORIGIN.1 + ahead * cos - aside * sin,
        );
        let attitude = Attitude {
            yaw: Degrees(yaw),
            pitch: Degrees(-40.0),
            roll: Degrees(0.0),
        };
        MosaicFrame {
            id: FrameId(id),
            view: View::new(CAMERA, centre, Metres(60.0), attitude),
        }
    };
    (0..).zip(places).map(frame).collect()
}

/// Seconds to draw, and pixels with a temperature.
fn draw(surface: &Surface, crs: Crs, frames: &[MosaicFrame], clearance: Metres) -> (f64, u64) {
    let work = tempfile::tempdir().unwrap();
    let options = MosaicOptions {
        resolution: Some(Metres(0.25)),
        clearance,
        ..MosaicOptions::default()
    };
    let samples = (0..CAMERA.width * CAMERA.height).map(|at| (at % 640) as f32 / 100.0);
    let ramp = Raster::new(CAMERA.width, CAMERA.height, samples.collect()).unwrap();
    let ramp = Arc::new(ramp);
    let load = |_| Ok::<_, TilesError>(Arc::clone(&ramp));
    let start = Instant::now();
    let mosaic = build_on(surface, crs, frames, &options, work.path(), load).unwrap();
    (start.elapsed().as_secs_f64(), mosaic.report().valid_pixels)
}

/// Median (lowest to highest).
fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[values.len() - 1]);
    format!("{:.2} ({low:.2} to {high:.2})", values[values.len() / 2])
}

fn main() {
    let crs = Crs::from_epsg(32631).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (surface, frames) = (houses(folder.path(), crs), frames());
    let (mut with, mut without, mut ratio, mut pixels) = (vec![], vec![], vec![], 0);
    for _ in 0..ROUNDS {
        let (asked, drawn) = draw(&surface, crs, &frames, MosaicOptions::default().clearance);
        let (bare, same) = draw(&surface, crs, &frames, Metres(0.0));
        // It chooses among frames and empties no pixel.
        assert_eq!(drawn, same);
        with.push(asked);
        without.push(bare);
        ratio.push(asked / bare);
        pixels = drawn;
    }
    println!(
        "{} frames, {:.1} million pixels\n",
        frames.len(),
        pixels as f64 / 1e6
    );
    println!("| with clearance, s | without, s | with / without |");
    println!("| --- | --- | --- |");
    let [with, without, ratio] = [with, without, ratio].map(spread);
    println!("| {with} | {without} | {ratio} |");
}
