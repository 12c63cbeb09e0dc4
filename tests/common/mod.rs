//! What the tests of the built program and of the public API share.

#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod onnx;
pub(crate) mod person;
pub(crate) mod serve;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gdal::Dataset;
use gdal::vector::LayerAccess;
use gdal::vector::sql::Dialect;
use heatveil::audit::keygen;
use heatveil::config::Args;
use heatveil::detect::{BoxPx, Class, Detection, Detector, Padding, Scripted};
use heatveil::frame::{Frame, FrameId, Redacted};
use heatveil::ingest::{IngestOptions, decode};
use heatveil::radiometry::calibration;
use heatveil::redact::{RedactConfig, mask};
use heatveil::run::{Outcome, Progress, Run};
use heatveil::store::Existing;
use heatveil::units::Metres;

/// The committed synthetic flight.
pub(crate) fn fixture_frames() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/frames")
}

/// The library that `make setup` fetches.
pub(crate) fn onnx_runtime() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".setup/onnxruntime/libonnxruntime.so")
}

/// Writes `count` good frames into a folder.
pub(crate) fn good_frames(folder: &Path, count: usize) {
    for (name, bytes) in dji_frames().into_iter().take(count) {
        write(&folder.join(name), &bytes);
    }
}

/// Outcome, or the reason where a frame was not published, by file name, from the operator's list of a run.
pub(crate) fn outcomes(out: &Path) -> Vec<(String, String)> {
    let list = fs::read_to_string(out.join("private/frames.jsonl")).unwrap();
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = Path::new(line["file"].as_str().unwrap())
            .file_name()
            .unwrap()
            .to_owned();
        let reason = line["reason"].as_str().or(line["outcome"].as_str());
        (name.into_string().unwrap(), reason.unwrap().to_owned())
    };
    list.lines().map(line).collect()
}

/// Writes a file of a test.
#[expect(clippy::disallowed_methods, reason = "tests prepare their own inputs")]
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Stops a run, by what it looks at, after this frame.
pub(crate) struct Stop(pub(crate) Arc<AtomicBool>, pub(crate) u32);

impl Progress for Stop {
    fn frame(&mut self, id: FrameId, _file: &Path, _outcome: &Outcome) {
        if id.0 == self.1 {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// Writes `log.key` and `commitment.key`, the same for every run of a folder.
pub(crate) fn write_keys(folder: &Path) {
    let keys = keygen("test.example/heatveil").unwrap();
    write(&folder.join("log.key"), keys.signer.as_bytes());
    write(&folder.join("commitment.key"), "07".repeat(32).as_bytes());
}

/// A run on two threads over `input` of a folder with keys, into `out` there, with a detector that finds nothing and without warm spots,
/// whose finds would be of the test's own making.
pub(crate) fn run(folder: &Path, input: &str, out: &str, settings: &str) -> Run {
    let settings = format!(
        "{settings}\n[detect.warm-spots]\nenabled = false\n[audit]\nlog-key = '{keys}/log.key'\ncommitment-key = '{keys}/commitment.key'",
        keys = folder.display()
    );
    Run {
        inputs: vec![folder.join(input)],
        out: folder.join(out),
        config: toml::from_str::<Args>(&settings)
            .unwrap()
            .resolve()
            .unwrap(),
        detectors: vec![Box::new(Scripted::default())],
        reviewed: None,
        existing: Existing::Refuse,
        threads: NonZeroUsize::new(2).unwrap(),
        now: 1_768_516_200,
        runtime: "none".into(),
        interrupted: Arc::new(AtomicBool::new(false)),
        hung: |hang| assert!(hang.waited.is_zero(), "{hang}"),
    }
}

/// A sure find without padding, left, top, right and bottom in pixels.
pub(crate) fn find(class: Class, [x0, y0, x1, y1]: [f32; 4]) -> Detection {
    Detection {
        class,
        bbox: BoxPx { x0, y0, x1, y1 },
        score: 0.9,
        padding: Padding {
            fraction: 0.0,
            px: 0.0,
        },
        alarm: 0.5,
    }
}

/// A frame of a file in which nothing is hidden.
pub(crate) fn unmasked(id: FrameId, path: &Path) -> Frame<Redacted> {
    let bytes = fs::read(path).unwrap();
    let raw = decode(id, path, &bytes, &IngestOptions::default()).unwrap();
    let table = calibration(&raw.meta().radiometry);
    let calibrated = raw.calibrate(&table).unwrap();
    let nobody = Scripted::default();
    let look = nobody
        .detect(id, &calibrated.model_input(nobody.multiple_of()))
        .unwrap();
    let (shape, config) = (calibrated.shape(), RedactConfig::default());
    let none = mask(id, shape, &[look], &[], Metres(0.16), &config).unwrap();
    calibrated.redact(&none).unwrap()
}

/// The DJI frames of the fixture, by name.
pub(crate) fn dji_frames() -> Vec<(String, Vec<u8>)> {
    let mut frames: Vec<_> = fs::read_dir(fixture_frames())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with("_T.JPG"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    frames.sort();
    frames
}

/// Offsets in a DJI R-JPEG of the two bytes of each raw sample, row by row.
pub(crate) fn raw_offsets(bytes: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut at = 2;
    while bytes[at] == 0xFF && bytes[at + 1] != 0xDA {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        if bytes[at + 1] == 0xE3 {
            offsets.extend(at + 4..at + 2 + length);
        }
        at += 2 + length;
    }
    assert_eq!(offsets.len(), 2 * 640 * 512, "raw frame of the fixture");
    offsets
}

/// All files below a folder with their bytes, by relative path.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder_now) = open.pop() {
        for entry in fs::read_dir(&folder_now).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push((
                    path.strip_prefix(folder).unwrap().to_path_buf(),
                    fs::read(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

/// Samples of all bands and all overviews of a raster, as far as they can be read: it may be half written.
pub(crate) fn samples_of(path: &Path) -> Vec<f32> {
    let mut samples = Vec::new();
    let _ = read_samples(path, &mut samples);
    samples
}

fn read_samples(path: &Path, samples: &mut Vec<f32>) -> gdal::errors::Result<()> {
    let dataset = Dataset::open(path)?;
    for number in 1..=dataset.raster_count() {
        let band = dataset.rasterband(number)?;
        let overviews = 0..usize::try_from(band.overview_count()?).unwrap_or_default();
        let overviews = overviews.filter_map(|number| band.overview(number).ok());
        for band in overviews.chain([dataset.rasterband(number)?]) {
            if let Ok(all) = band.read_band_as::<f32>() {
                samples.extend_from_slice(all.data());
            }
        }
    }
    Ok(())
}

/// What pictures begin with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG file, or all tiles of a PMTiles or MBTiles archive, whatever its file is called; none of what is half written.
pub(crate) fn pictures_of(path: &Path, bytes: &[u8]) -> Vec<image::RgbaImage> {
    let decoded = |png: &[u8]| Some(image::load_from_memory(png).ok()?.to_rgba8());
    if bytes.starts_with(b"SQLite format 3\0") {
        // A large blob lies there in pieces.
        let tiles = tiles_of(path).unwrap_or_default();
        return tiles.iter().filter_map(|tile| decoded(tile)).collect();
    }
    let starts = memchr::memmem::find_iter(bytes, PNG);
    starts.filter_map(|at| decoded(&bytes[at..])).collect()
}

/// Tiles of an MBTiles archive, as they lie there.
fn tiles_of(path: &Path) -> gdal::errors::Result<Vec<Vec<u8>>> {
    // By the name alone GDAL takes its reader of MBTiles, which makes one raster of them.
    let archive = Dataset::open(format!("SQLITE:{}", path.display()))?;
    let all = archive.execute_sql("SELECT hex(tile_data) FROM tiles", None, Dialect::DEFAULT)?;
    let mut tiles = Vec::new();
    if let Some(mut all) = all {
        for tile in all.features() {
            tiles.push(from_hex(&tile.field_as_string(0)?.unwrap_or_default()));
        }
    }
    Ok(tiles)
}

fn from_hex(digits: &str) -> Vec<u8> {
    let byte = |two: &[u8]| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap();
    digits.as_bytes().chunks_exact(2).map(byte).collect()
}
