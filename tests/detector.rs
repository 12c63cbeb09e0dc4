//! The shipped detector on the committed synthetic flight: a regression gate, never an accuracy claim
//! (the claim, on labelled real frames, is in models/README.md).

#![cfg(feature = "onnx")]

use std::path::{Path, PathBuf};

use heatveil::detect::{
    BoxPx, Detection, Detector, Model, Onnx, Precision, Runtime, runtime_library,
};
use heatveil::frame::{FrameId, ModelInput, RedactionMask};
use heatveil::georef::{CameraOverrides, locate};
use heatveil::ingest::{IngestOptions, decode};
use heatveil::radiometry;
use heatveil::raster::Raster;
use heatveil::redact::{RedactConfig, mask};

use crate::common;

fn fixture_frames() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/frames")
}

fn runtime() -> Runtime {
    let library = common::onnx_runtime();
    Runtime::load(&runtime_library(Some(&library)), None)
        .expect("`make setup` puts ONNX Runtime there")
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

/// A frame of the fixture in 8-bit grey, 640x512, without going through the pipeline.
fn grey(frame: usize) -> Raster<u8> {
    let (_, bytes) = common::dji_frames().swap_remove(frame);
    let offsets = common::raw_offsets(&bytes);
    let counts = offsets
        .chunks_exact(2)
        .map(|at| u16::from_le_bytes([bytes[at[0]], bytes[at[1]]]));
    let counts: Vec<u16> = counts.collect();
    let mut sorted = counts.clone();
    sorted.sort_unstable();
    let (low, high) = (
        f64::from(sorted[300]),
        f64::from(sorted[sorted.len() - 300]),
    );
    let stretch = |count: u16| ((f64::from(count) - low) / (high - low) * 255.0).clamp(0.0, 255.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a byte"
    )]
    let samples = counts.into_iter().map(|count| stretch(count) as u8);
    Raster::new(640, 512, samples.collect()).unwrap()
}

/// The picture repeated over a larger one, moved to the right by `dx`.
fn repeated(picture: &Raster<u8>, (width, height): (usize, usize), dx: usize) -> Raster<u8> {
    let (columns, rows) = picture.shape();
    let at = |x: usize, y: usize| {
        *picture
            .get((x + columns - dx % columns) % columns, y % rows)
            .unwrap()
    };
    let samples = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Raster::new(width, height, samples.map(|(x, y)| at(x, y)).collect()).unwrap()
}

fn finds(detector: &Onnx, picture: &Raster<u8>) -> Vec<Detection> {
    let input = ModelInput::from_grey8(picture, detector.multiple_of());
    let look = detector.detect(FrameId(0), &input).unwrap();
    look.found().to_vec()
}

fn moved(bbox: BoxPx, dx: f32, dy: f32) -> BoxPx {
    BoxPx {
        x0: bbox.x0 + dx,
        y0: bbox.y0 + dy,
        x1: bbox.x1 + dx,
        y1: bbox.y1 + dy,
    }
}

/// Sure finds that lie well inside a picture of 640x512, so that nothing beside it changes them much.
fn sure_and_inside(found: &[Detection]) -> Vec<Detection> {
    let inside =
        |bbox: &BoxPx| bbox.x0 > 40.0 && bbox.y0 > 40.0 && bbox.x1 < 600.0 && bbox.y1 < 472.0;
    let sure = found
        .iter()
        .filter(|find| find.is_sure() && inside(&find.bbox));
    sure.copied().collect()
}

#[test]
fn a_frame_of_1280x1024_is_searched_at_full_resolution() {
    let detector = Onnx::new(runtime(), person_model(), 1).unwrap();
    for frame in 0..3 {
        let picture = grey(frame);
        let small = sure_and_inside(&finds(&detector, &picture));
        assert!(small.len() >= 3, "{}", small.len());
        let large = finds(&detector, &repeated(&picture, (1280, 1024), 0));
        for (dx, dy) in [(0.0, 0.0), (640.0, 0.0), (0.0, 512.0), (640.0, 512.0)] {
            for find in &small {
                let there = moved(find.bbox, dx, dy);
                let same = large
                    .iter()
                    .filter(|other| other.class == find.class && other.bbox.iou(&there) > 0.5);
                assert_eq!(same.count(), 1, "frame {frame}: {find:?} at {dx}, {dy}");
            }
        }
    }
}

#[test]
fn what_lies_on_the_border_of_a_slice_is_found_once() {
    let detector = Onnx::new(runtime(), person_model(), 1).unwrap();
    let picture = grey(0);
    let find = sure_and_inside(&finds(&detector, &picture))[0];
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a pixel inside the picture"
    )]
    let centre = f32::midpoint(find.bbox.x0, find.bbox.x1) as u16;
    // Slices of 1280 columns reach from 0 to 704 and from 576 to 1280.
    for border in [576_u16, 640, 704] {
        let dx = (border + 640 - centre) % 640;
        let large = finds(
            &detector,
            &repeated(&picture, (1280, 1024), usize::from(dx)),
        );
        for dy in [0.0, 512.0] {
            let there = moved(find.bbox, f32::from(border) - f32::from(centre), dy);
            let near = large
                .iter()
                .filter(|other| other.class == find.class && other.bbox.iou(&there) > 0.45);
            assert_eq!(near.count(), 1, "{find:?} at {border}, {dy}");
        }
    }
}

#[test]
fn the_quantised_network_finds_what_the_other_is_sure_of() {
    let open = |precision| {
        let card = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/person-vehicle-bicycle.toml");
        let model = Model::load(&card, Some(precision));
        model.map(|model| Onnx::new(runtime(), model, 1).unwrap())
    };
    let fp32 = open(Precision::Fp32).unwrap();
    if fp32.card().card().files.int8.is_none() {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: the card names no int8 file");
        }
        return;
    }
    let int8 = open(Precision::Int8).unwrap();
    assert_ne!(fp32.model().1, int8.model().1);
    let (mut sure, mut both) = (0, 0);
    for frame in 0..8 {
        let picture = grey(frame);
        let quantised = finds(&int8, &picture);
        for find in sure_and_inside(&finds(&fp32, &picture)) {
            let same =
                |other: &Detection| other.class == find.class && other.bbox.iou(&find.bbox) > 0.5;
            sure += 1;
            both += usize::from(quantised.iter().any(same));
        }
    }
    assert!(sure >= 20, "{sure}");
    assert!(both * 100 >= sure * 98, "{both} of {sure}");
}
