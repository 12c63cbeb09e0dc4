//! Web tiles against `gdal2tiles.py`, and the Cloud-Optimized GeoTIFF against `gdal_translate`, in turn on the same map with the
//! same number of threads: `cargo bench --bench tiles` prints the tables of BENCHMARKS.md. Needs GDAL's programs.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a bench on made-up ground that prints its result"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use heatveil::frame::{Attitude, FrameId};
use heatveil::georef::{Crs, Intrinsics, View};
use heatveil::raster::Raster;
use heatveil::store::{Existing, Store};
use heatveil::tiles::{
    Cog, EncodedTiles, Mosaic, MosaicFrame, MosaicOptions, PmTiles, Pyramid, Ramp, TileJson,
    TilesError, build,
};
use heatveil::units::{Degrees, Metres};

const ROUNDS: usize = 5;
/// Frames in each direction.
const SIDE: u32 = 9;
const CAMERA: Intrinsics = Intrinsics {
    width: 640,
    height: 512,
    fx: 758.333_3,
    fy: 758.333_3,
    cx: 320.0,
    cy: 256.0,
};
const COG: &str = "tiles/temperature.tif";
const ORIGIN: (f64, f64) = (413_000.0, 5_835_000.0);

/// A map of some 5,000 by 4,000 pixels: nine by nine frames, straight down, over ground that waves and flickers.
fn mosaic(work: &Path) -> Mosaic {
    let frames: Vec<MosaicFrame> = (0..SIDE * SIDE)
        .map(|id| {
            let (column, row) = (f64::from(id % SIDE), f64::from(id / SIDE));
            let attitude = Attitude {
                yaw: Degrees(0.0),
                pitch: Degrees(-90.0),
                roll: Degrees(0.0),
            };
            let centre = (ORIGIN.0 + column * 45.0, ORIGIN.1 + row * 36.0);
            MosaicFrame {
                id: FrameId(id),
                view: View::new(CAMERA, centre, Metres(60.0), attitude),
            }
        })
        .collect();
    let options = MosaicOptions {
        resolution: Some(Metres(0.08)),
        ..MosaicOptions::default()
    };
    let crs = Crs::from_epsg(32631).unwrap();
    build(crs, &frames, &options, work, |id| {
        let view = &frames[id.0 as usize].view;
        let (width, height) = (CAMERA.width, CAMERA.height);
        let samples = (0..width * height).map(|at| {
            let (column, row) = (at % width, at / width);
            let (east, north) = view.ground(column as f64 + 0.5, row as f64 + 0.5).unwrap();
            let noise = (at as u32).wrapping_mul(2_654_435_761) >> 24;
            let wave = 8.0 * (east / 7.0).sin() * (north / 5.0).cos();
            (wave + f64::from(noise) / 1280.0) as f32
        });
        Ok::<_, TilesError>(Arc::new(
            Raster::new(width, height, samples.collect()).unwrap(),
        ))
    })
    .unwrap()
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(
        done.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Median (lowest to highest).
fn spread(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[values.len() - 1]);
    let median = values[values.len() / 2];
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}

/// The map in the ramp's colours, as `gdal2tiles.py` wants it.
fn colour(cog: &Path, ramp: &Ramp, store: &Store) -> String {
    let mut table = String::from("nv 0 0 0 0\n");
    for (value, colour) in ramp.legend() {
        let part = |at: usize| u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
        writeln!(table, "{value} {} {} {} 255", part(1), part(3), part(5)).unwrap();
    }
    let (list, picture) = (store.work().join("ramp"), store.work().join("colours.tif"));
    run(
        "sh",
        &["-c", &format!("printf '{table}' > {}", list.display())],
    );
    let picture = picture.display().to_string();
    let (cog, list) = (cog.display().to_string(), list.display().to_string());
    run(
        "gdaldem",
        &["color-relief", "-q", "-alpha", &cog, &list, &picture],
    );
    picture
}

/// Seconds of one process that writes the same options.
fn gdal_translate(source: &str, copy: &str) -> f64 {
    let options = "-q -of COG -co COMPRESS=DEFLATE -co PREDICTOR=3 -co LEVEL=3 -co BLOCKSIZE=512 -co RESAMPLING=NEAREST \
                   -co BIGTIFF=IF_SAFER -co NUM_THREADS=1";
    let mut arguments: Vec<&str> = options.split_whitespace().collect();
    arguments.extend([source, copy]);
    seconds(|| run("gdal_translate", &arguments))
}

/// Writes the GeoTIFF by turns and leaves it at its final name.
fn cog(store: &Store, mosaic: &Mosaic) {
    let (mut ours, mut theirs, mut ratio) = (vec![], vec![], vec![]);
    let source = store.work().join("mosaic.tif").display().to_string();
    let copy = store.work().join("peer.tif").display().to_string();
    let mut staged = None;
    for _ in 0..ROUNDS {
        staged = None;
        let mine = seconds(|| {
            staged = Some(store.stage_file(COG, &Cog(mosaic.layer())).unwrap());
        });
        let peer = gdal_translate(&source, &copy);
        ours.push(mine);
        theirs.push(peer);
        ratio.push(peer / mine);
    }
    staged.unwrap().commit().unwrap();
    println!(
        "| Cloud-Optimized GeoTIFF | heatveil, s | gdal_translate, s | speed of heatveil / gdal_translate |"
    );
    println!("| --- | --- | --- | --- |");
    let [ours, theirs, ratio] = [ours, theirs, ratio].map(|values| spread(values, 2));
    println!("| one thread | {ours} | {theirs} | {ratio} |\n");
}

/// Seconds, tiles, bytes and zoom levels of the archive.
fn pmtiles(store: &Store, mosaic: &Mosaic, ramp: &Ramp) -> (f64, usize, u64, (u8, u8)) {
    let work = store.work();
    let (mut tiles, mut bytes, mut zooms) = (0, 0, (0, 0));
    let seconds = seconds(|| {
        let pyramid = Pyramid::build(mosaic, &work).unwrap();
        let description = &TileJson::new(&pyramid, ramp, "");
        let encoded = &EncodedTiles::encode(&pyramid, ramp, &work).unwrap();
        let archive = PmTiles {
            tiles: encoded,
            description,
        };
        let staged = store.stage_file("tiles/temperature.pmtiles", &archive);
        bytes = staged.unwrap().receipt().bytes;
        (tiles, zooms) = (pyramid.tiles(), pyramid.zooms());
    });
    (seconds, tiles, bytes, zooms)
}

/// Seconds and bytes of a folder of tiles.
fn gdal2tiles(picture: &str, zooms: (u8, u8), threads: usize) -> (f64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let levels = format!("{}-{}", zooms.0, zooms.1);
    let (processes, out) = (threads.to_string(), folder.path().display().to_string());
    let options = [
        "--xyz",
        "-q",
        "-r",
        "near",
        "-w",
        "none",
        "-z",
        &levels,
        "--processes",
    ];
    let arguments = [&options[..], &[&processes, picture, &out]].concat();
    let seconds = seconds(|| run("gdal2tiles.py", &arguments));
    (seconds, size(folder.path()))
}

/// Bytes of the pictures below a folder.
fn size(folder: &Path) -> u64 {
    let entries = folder.read_dir().unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| match entry.path() {
        path if path.is_dir() => size(&path),
        path if path.extension().is_some_and(|end| end == "png") => entry.metadata().unwrap().len(),
        _ => 0,
    });
    sizes.sum()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    let mosaic = mosaic(&store.work());
    let ramp = Ramp::default();
    let (width, height) = (mosaic.grid().width, mosaic.grid().height);
    println!("{width} x {height} pixels, {ROUNDS} rounds in turn, median (lowest to highest).\n");
    cog(&store, &mosaic);
    let picture = colour(&folder.path().join(COG), &ramp, &store);
    println!(
        "| web tiles | tiles | MB | MB of gdal2tiles.py | heatveil, tiles/s | gdal2tiles.py, tiles/s | heatveil / gdal2tiles.py |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        let (mut ours, mut theirs, mut ratio, mut last) = (vec![], vec![], vec![], (0, 0, 0));
        for _ in 0..ROUNDS {
            let (mine, tiles, bytes, zooms) = pool.install(|| pmtiles(&store, &mosaic, &ramp));
            let (peer, peer_bytes) = gdal2tiles(&picture, zooms, threads);
            ours.push(tiles as f64 / mine);
            theirs.push(tiles as f64 / peer);
            ratio.push(peer / mine);
            last = (tiles, bytes / 1_000_000, peer_bytes / 1_000_000);
        }
        let (tiles, bytes, peer_bytes) = last;
        let (ours, theirs, ratio) = (spread(ours, 0), spread(theirs, 0), spread(ratio, 1));
        println!(
            "| {threads} at once | {tiles} | {bytes} | {peer_bytes} | {ours} | {theirs} | {ratio} |"
        );
    }
}
