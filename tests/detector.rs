//! The shipped detector on the committed synthetic flight: a regression gate, never an accuracy claim
//! (the claim, on labelled real frames, is in models/README.md).

#![cfg(feature = "onnx")]
#![expect(clippy::unwrap_used, reason = "test code: helpers unwrap")]

use std::path::{Path, PathBuf};

use heatveil::detect::{Detector, Model, Onnx, Runtime, runtime_library};
use heatveil::frame::{FrameId, RedactionMask};
use heatveil::georef::{CameraOverrides, locate};
use heatveil::ingest::{IngestOptions, decode};
use heatveil::radiometry;
use heatveil::redact::{RedactConfig, mask};

fn fixture_frames() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/frames")
}

fn runtime() -> Runtime {
    let library =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(".setup/onnxruntime/libonnxruntime.so");
    Runtime::load(&runtime_library(Some(&library))).expect("`make setup` puts ONNX Runtime there")
}

/// The built-in model that finds persons.
fn person_model() -> Model {
    Model::embedded(None).unwrap().remove(0)
}

/// The mask of the first look at one file of the fixture.
fn masked(detector: &Onnx, name: &str) -> RedactionMask {
    let path = fixture_frames().join(name);
    let raw = decode(
        FrameId(0),
        &path,
        &std::fs::read(&path).unwrap(),
        &IngestOptions::default(),
    )
    .unwrap();
    let resolution = locate(raw.meta(), &CameraOverrides::default())
        .unwrap()
        .ground_resolution();
    let table = radiometry::calibration(&raw.meta().radiometry);
    let frame = raw.calibrate(&table).unwrap();
    let look = detector
        .detect(FrameId(0), &frame.model_input(detector.multiple_of()))
        .unwrap();
    mask(
        FrameId(0),
        frame.shape(),
        &[look],
        &[],
        resolution,
        &RedactConfig::default(),
    )
    .unwrap()
}

#[test]
fn nearly_all_simulated_people_are_masked_in_every_format() {
    let truth = fixture_frames().with_file_name("truth").join("coco.json");
    let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    let detector = Onnx::new(runtime(), person_model(), 1).unwrap();
    let (mut persons, mut hidden) = (0, 0);
    for image in truth["images"].as_array().unwrap() {
        let mask = masked(
            &detector,
            Path::new(image["file_name"].as_str().unwrap())
                .file_name()
                .unwrap()
                .to_str()
                .unwrap(),
        );
        for person in truth["annotations"].as_array().unwrap() {
            if person["image_id"] != image["id"] || person["category_id"] != 1 {
                continue;
            }
            let side =
                |index: usize| usize::try_from(person["bbox"][index].as_u64().unwrap()).unwrap();
            let (x, y, w, h) = (side(0), side(1), side(2), side(3));
            let covered = (y..y + h)
                .flat_map(|y| (x..x + w).map(move |x| (x, y)))
                .filter(|&(x, y)| mask.hides(x, y));
            persons += 1;
            hidden += usize::from(covered.count() * 10 >= w * h * 8);
        }
    }
    #[expect(clippy::print_stderr, reason = "the figure is worth a line in CI")]
    {
        eprintln!("{hidden} of {persons} simulated people at least 80 % masked at the first look");
    }
    assert!(persons >= 50, "{persons}");
    assert!(hidden * 100 >= persons * 90, "{hidden} of {persons}");
}

#[test]
fn equal_frames_get_equal_answers() {
    let detector = Onnx::new(runtime(), person_model(), 2).unwrap();
    let name = "DJI_20260115223000_0001_T.JPG";
    assert_eq!(
        masked(&detector, name).sha256(),
        masked(&detector, name).sha256()
    );
}
