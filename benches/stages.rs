//! Time of each stage up to the mask, on the committed synthetic flight (640x512): `cargo bench`.

#![expect(clippy::unwrap_used, reason = "a bench on committed inputs")]

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heatveil::detect::{
    BoxPx, Class, Detection, Detections, Detector, Padding, Scripted, WarmSpotConfig, WarmSpots,
};
use heatveil::frame::{Calibrated, Frame, FrameId, Raw};
use heatveil::ingest::{self, IngestOptions};
use heatveil::radiometry;
use heatveil::redact::{RedactConfig, mask};
use heatveil::units::Metres;

const PIXELS: u64 = 640 * 512;

/// One file of each format.
fn files() -> Vec<(&'static str, PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/frames");
    let named = |name, file: &str| {
        let path = folder.join(file);
        let bytes = std::fs::read(&path).unwrap();
        (name, path, bytes)
    };
    vec![
        named("dji", "DJI_20260115223000_0001_T.JPG"),
        named("flir-png", "DJI_20260115223002_0003_R.JPG"),
        named("flir-plain", "DJI_20260115223007_0008_R.JPG"),
        named("tiff-u16", "DUO_20260115223004_0005_IR.TIF"),
        named("tiff-f32", "DJI_20260115223006_0007_T_C.TIF"),
    ]
}

fn raw(path: &Path, bytes: &[u8]) -> Frame<Raw> {
    ingest::decode(FrameId(0), path, bytes, &IngestOptions::default()).unwrap()
}

fn calibrated() -> Frame<Calibrated> {
    let (_, path, bytes) = files().remove(0);
    let raw = raw(&path, &bytes);
    let table = radiometry::calibration(&raw.meta().radiometry);
    raw.calibrate(&table).unwrap()
}

/// Forty people, evenly spread.
fn look(frame: &Frame<Calibrated>) -> Detections {
    let person = |number: u16| {
        let (x0, y0) = (f32::from(number % 8) * 80.0, f32::from(number / 8) * 100.0);
        Detection {
            class: Class::Person,
            bbox: BoxPx {
                x0,
                y0,
                x1: x0 + 12.0,
                y1: y0 + 19.0,
            },
            score: 0.9,
            padding: Padding {
                fraction: 0.5,
                px: 4.0,
            },
            alarm: 0.5,
        }
    };
    let found = [(FrameId(0), (0..40).map(person).collect())].into();
    let detector = Scripted {
        found,
        ..Scripted::default()
    };
    detector.detect(FrameId(0), &frame.model_input(32)).unwrap()
}

fn stages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(PIXELS));
    for (name, path, bytes) in files() {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| raw(&path, black_box(&bytes)));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Elements(PIXELS));
    let (_, path, bytes) = files().remove(0);
    let table = radiometry::calibration(&raw(&path, &bytes).meta().radiometry);
    group.bench_function("calibrate", |bencher| {
        bencher.iter_batched(
            || raw(&path, &bytes),
            |raw| raw.calibrate(&table).unwrap(),
            BatchSize::LargeInput,
        );
    });
    let frame = calibrated();
    group.bench_function("model-input", |bencher| {
        bencher.iter(|| frame.model_input(32));
    });
    let (spots, input) = (
        WarmSpots::new(&WarmSpotConfig::default()),
        frame.model_input(32),
    );
    group.bench_function("warm-spots", |bencher| {
        bencher.iter(|| spots.look(FrameId(0), black_box(&input), Metres(0.066)));
    });
    let looks = [look(&frame)];
    let config = RedactConfig::default();
    let draw = || mask(FrameId(0), (640, 512), &looks, &[], Metres(0.066), &config).unwrap();
    group.bench_function("mask", |bencher| bencher.iter(draw));
    let drawn = draw();
    group.bench_function("redact", |bencher| {
        bencher.iter_batched(
            calibrated,
            |frame| frame.redact(&drawn).unwrap(),
            BatchSize::LargeInput,
        );
    });
    let redacted = calibrated().redact(&drawn).unwrap();
    group.bench_function("model-input-filled", |bencher| {
        bencher.iter(|| redacted.model_input(32));
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
