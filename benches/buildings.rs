//! 10,000 buildings on a mosaic of 20,000 x 20,000 pixels against `exactextract` (Python), in turn on the same raster and polygons:
//! `cargo bench --bench buildings` prints the table of BENCHMARKS.md. Needs 1.7 GB of disk and the Python of `.setup/venv`.
//!
//! Each side runs in a process of its own, so that peak memory is its own. Seconds count from opening the files to the last figure:
//! `exactextract` gives mean, count and three quantiles, heatveil these, hot spots, flux with interval, grade and standing.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a bench on made-up ground that prints its result"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager};
use heatveil::georef::{Bounds, Crs};
use heatveil::heatloss::{
    BuildingOptions, FootprintSource, MapGrid, MapWindow, Night, SeenBy, WeatherNote, measure, read,
};
use heatveil::store::write_secret;
use heatveil::units::Fraction;
use serde_json::{Value, json};

const ROUNDS: usize = 3;
/// Pixels of a side, metres of a pixel.
const SIDE: usize = 20_000;
const PIXEL: f64 = 0.1;
/// Buildings along each side, one every 20 m.
const ALONG: u32 = 100;
const EVERY: f64 = 20.0;
const EPSG: u32 = 32_631;
const CORNER: (f64, f64) = (413_000.0, 5_837_000.0);
const BLOCK: usize = 512;

/// A number from 0 to 1 that looks random.
fn noise(of: u32) -> f64 {
    f64::from(of.wrapping_mul(2_654_435_761) >> 16) / 65_536.0
}

/// Waves and flicker, some places without data; tiles as the working mosaic has them.
fn raster(path: &Path) {
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let options = [
        "TILED=YES",
        "BLOCKXSIZE=512",
        "BLOCKYSIZE=512",
        "BIGTIFF=YES",
    ];
    let options = RasterCreationOptions::from_iter(options);
    let mut file = driver
        .create_with_band_type_with_options::<f32, _>(path, SIDE, SIDE, 1, &options)
        .unwrap();
    file.set_spatial_ref(&SpatialRef::from_epsg(EPSG).unwrap())
        .unwrap();
    file.set_geo_transform(&[CORNER.0, PIXEL, 0.0, CORNER.1, 0.0, -PIXEL])
        .unwrap();
    let mut band = file.rasterband(1).unwrap();
    band.set_no_data_value(Some(f64::NAN)).unwrap();
    for top in (0..SIDE).step_by(BLOCK) {
        let rows = BLOCK.min(SIDE - top);
        let samples = (0..rows * SIDE).map(|at| {
            let (column, row) = (at % SIDE, top + at / SIDE);
            let is_hole = (column / 40 + row / 40) % 97 == 0;
            let flicker = noise(u32::try_from(row * SIDE + column).unwrap());
            let wave = ((column % 700) as f64 - 350.0).abs() / 100.0;
            #[expect(clippy::cast_possible_truncation, reason = "some degrees")]
            let celsius = (wave + flicker) as f32;
            if is_hole { f32::NAN } else { celsius }
        });
        let mut buffer = Buffer::new((SIDE, rows), samples.collect());
        let top = isize::try_from(top).unwrap();
        band.write((0, top), (SIDE, rows), &mut buffer).unwrap();
    }
    file.close().unwrap();
}

/// Rectangles of some 9 x 7 m, each turned its own way.
fn outlines() -> String {
    let mut features = Vec::new();
    for number in 0..ALONG * ALONG {
        let centre = (
            CORNER.0 + EVERY * (f64::from(number % ALONG) + 0.5),
            CORNER.1 - EVERY * (f64::from(number / ALONG) + 0.5),
        );
        let (sin, cos) = (noise(number) * std::f64::consts::TAU).sin_cos();
        let (a, b) = (4.0 + noise(number + 7), 3.0 + noise(number + 13));
        let corner =
            |x: f64, y: f64| json!([centre.0 + x * cos - y * sin, centre.1 + x * sin + y * cos]);
        let ring = [
            corner(-a, -b),
            corner(a, -b),
            corner(a, b),
            corner(-a, b),
            corner(-a, -b),
        ];
        features.push(json!({
            "type": "Feature",
            "id": number,
            "properties": {"id": number},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }));
    }
    let system =
        json!({"type": "name", "properties": {"name": format!("urn:ogc:def:crs:EPSG::{EPSG}")}});
    json!({"type": "FeatureCollection", "crs": system, "features": features}).to_string()
}

/// heatveil's side, in a process of its own.
fn ours(raster: &Path, outlines: &Path, threads: usize) {
    gdal::config::set_config_option("GDAL_CACHEMAX", "64").unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.build().unwrap();
    let started = Instant::now();
    let grid = MapGrid {
        bounds: Bounds {
            west: CORNER.0,
            south: CORNER.1 - SIDE as f64 * PIXEL,
            east: CORNER.0 + SIDE as f64 * PIXEL,
            north: CORNER.1,
        },
        resolution: PIXEL,
        size: (SIDE, SIDE),
    };
    let projector = Crs::from_epsg(EPSG).unwrap().projector().unwrap();
    let footprints = read(
        &FootprintSource::outlines(outlines),
        &projector,
        grid.bounds,
    )
    .unwrap();
    let note = WeatherNote {
        air: Some(2.0),
        wind: Some(1.0),
        ..WeatherNote::default()
    };
    let weather = note.complete().unwrap();
    let window = |file: &Dataset, window: MapWindow| {
        let origin = [window.x0, window.y0].map(|at| isize::try_from(at).unwrap());
        let size = (window.width, window.height);
        let band = file.rasterband(1)?;
        let buffer = band.read_as::<f32>((origin[0], origin[1]), size, size, None)?;
        Ok::<_, gdal::errors::GdalError>(buffer.into_shape_and_vec().1)
    };
    let options = BuildingOptions::default();
    let rows = pool.install(|| {
        let open = || Dataset::open(raster);
        let nights: Vec<Night> = weather
            .into_iter()
            .map(|weather| Night {
                weather,
                transmission: Fraction::ONE,
            })
            .collect();
        measure(
            footprints,
            &grid,
            &nights,
            &options,
            open,
            window,
            |_, _, _| Ok(SeenBy::default()),
        )
        .unwrap()
    });
    let seconds = started.elapsed().as_secs_f64();
    let means: Vec<f64> = rows.iter().map(|row| row.apparent.mean).collect();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    println!(
        "{}",
        json!({"seconds": seconds, "peak_mib": peak / 1024, "means": means})
    );
}

fn answer(command: &mut Command) -> Value {
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Median (lowest to highest).
fn spread(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[values.len() - 1]);
    let median = values[values.len() / 2];
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}

fn compare(raster: &Path, outlines: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut table = String::new();
    let sides = [
        ("feature-sequential", 1),
        ("raster-sequential", 1),
        ("feature-sequential", 2),
    ];
    for (strategy, threads) in sides {
        let (mut mine, mut theirs, mut ratio) = (vec![], vec![], vec![]);
        let mut peaks = [0, 0];
        for _ in 0..ROUNDS {
            let paths = [raster, outlines];
            let own = answer(
                Command::new(std::env::current_exe().unwrap())
                    .arg("measure")
                    .args(paths)
                    .arg(threads.to_string()),
            );
            let peer = answer(
                Command::new(root.join(".setup/venv/bin/python"))
                    .arg(root.join("benches/peers/exactextract_zones.py"))
                    .args(paths)
                    .arg(strategy),
            );
            let means = |side: &Value| side["means"].as_array().unwrap().clone();
            for (own, peer) in means(&own).iter().zip(means(&peer)) {
                // A building in a hole has no figure here, and few pixels there.
                if let (Some(own), Some(peer)) = (own.as_f64(), peer.as_f64()) {
                    assert!((own - peer).abs() < 1e-3, "{own} {peer}");
                }
            }
            assert_eq!(means(&own).len(), means(&peer).len());
            let seconds = |side: &Value| side["seconds"].as_f64().unwrap();
            mine.push(seconds(&own));
            theirs.push(seconds(&peer));
            ratio.push(seconds(&peer) / seconds(&own));
            peaks = [&own, &peer].map(|side| side["peak_mib"].as_u64().unwrap());
        }
        let (mine, theirs, ratio) = (spread(mine, 2), spread(theirs, 2), spread(ratio, 1));
        writeln!(
            table,
            "| {threads} | {strategy} | {mine} | {theirs} | {ratio} | {} | {} |",
            peaks[0], peaks[1]
        )
        .unwrap();
    }
    println!(
        "| threads of heatveil | strategy of exactextract | heatveil, s | exactextract, s | exactextract / heatveil | heatveil, peak MiB | exactextract, peak MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |\n{table}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "measure") {
        let threads = arguments[at + 3].parse().unwrap();
        return ours(
            Path::new(&arguments[at + 1]),
            Path::new(&arguments[at + 2]),
            threads,
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let (map, homes) = (
        folder.path().join("map.tif"),
        folder.path().join("homes.geojson"),
    );
    raster(&map);
    write_secret(&homes, outlines().as_bytes()).unwrap();
    println!(
        "{} buildings on {SIDE} x {SIDE} pixels, {ROUNDS} rounds in turn, median (lowest to highest).\n",
        ALONG * ALONG
    );
    compare(&map, &homes);
}
