//! tract finds what ONNX Runtime finds: `make test-tract`.

#![expect(clippy::unwrap_used, reason = "test code: helpers unwrap")]

use std::path::Path;

use heatveil::detect::{
    Choice, Detection, Engine, Model, Precision, Provider, Tract, open, runtime_library,
};
use heatveil::frame::FrameId;
use heatveil::ingest::{IngestOptions, decode};
use heatveil::radiometry;

/// What each of the models that are built in finds in every frame of the fixture.
fn finds(engine: Engine) -> Vec<Vec<Detection>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = root.join(".setup/onnxruntime/libonnxruntime.so");
    let (detectors, _) = open(&Choice {
        cards: &[],
        precision: Some(Precision::Fp32),
        engine,
        library: Some(&runtime_library(Some(&library))),
        library_sha256: None,
        provider: Provider::Cpu,
        provider_sha256: None,
        workers: 1,
    })
    .unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(root.join("fixtures/flight/frames"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut looks = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        let raw = decode(FrameId(0), &path, &bytes, &IngestOptions::default()).unwrap();
        let table = radiometry::calibration(&raw.meta().radiometry);
        let frame = raw.calibrate(&table).unwrap();
        for detector in &detectors {
            let input = frame.model_input(detector.multiple_of());
            let look = detector.detect(FrameId(0), &input).unwrap();
            looks.push(look.found().to_vec());
        }
    }
    looks
}

#[test]
fn both_runtimes_find_the_same_within_a_tenth_of_a_pixel_and_a_thousandth_of_score() {
    let (theirs, ours) = (finds(Engine::OnnxRuntime), finds(Engine::Tract));
    assert_eq!(theirs.len(), ours.len());
    let mut compared = 0;
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(theirs.len(), ours.len());
        for find in theirs {
            let same = ours.iter().any(|other| {
                let edges = [
                    (find.bbox.x0, other.bbox.x0),
                    (find.bbox.y0, other.bbox.y0),
                    (find.bbox.x1, other.bbox.x1),
                    (find.bbox.y1, other.bbox.y1),
                ];
                find.class == other.class
                    && (find.score - other.score).abs() < 1e-3
                    && edges.iter().all(|(a, b)| (a - b).abs() < 0.1)
            });
            assert!(same, "{find:?}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn int8_is_refused_with_the_remedy() {
    let card = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/person-vehicle-bicycle.toml");
    if let Ok(model) = Model::load(&card, Some(Precision::Int8)) {
        let error = Tract::new(model).unwrap_err();
        assert!(error.to_string().contains("detect.precision"), "{error}");
    }
}
