//! Each line of defence alone, on the committed synthetic flight.

use std::path::Path;

use heatveil::detect::{Detector, Scripted, WarmSpotConfig, WarmSpots};
use heatveil::frame::FrameId;
use heatveil::georef::{self, CameraOverrides};
use heatveil::ingest::{self, IngestOptions};
use heatveil::radiometry;
use heatveil::redact::{self, RedactConfig, RedactionMask};

use crate::common::fixture_frames;

/// A person that the simulator shows, in pixels: left, top, right, bottom.
struct Person {
    file: String,
    bbox: [usize; 4],
}

/// Persons of whom at least half is visible.
fn persons() -> Vec<Person> {
    let truth = fixture_frames().with_file_name("truth/coco.json");
    let coco: serde_json::Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    let name = |image: &serde_json::Value| {
        coco["images"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["id"] == *image)
            .unwrap()["file_name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    coco["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["category_id"] == 1 && entry["visible_share"].as_f64() >= Some(0.5))
        .map(|entry| {
            let side = |i: usize| usize::try_from(entry["bbox"][i].as_u64().unwrap()).unwrap();
            Person {
                file: name(&entry["image_id"]),
                bbox: [side(0), side(1), side(0) + side(2), side(1) + side(3)],
            }
        })
        .collect()
}

/// The mask of warm spots alone, and its share of the frame.
fn blinded(path: &Path) -> (RedactionMask, f64) {
    let options = IngestOptions::default();
    let bytes = ingest::read(path, &options.limits).unwrap();
    let raw = ingest::decode(FrameId(0), path, &bytes, &options).unwrap();
    let located = georef::locate(raw.meta(), &CameraOverrides::default()).unwrap();
    let table = radiometry::calibration(&raw.meta().radiometry);
    let frame = raw.calibrate(&table).unwrap();
    let resolution = located.ground_resolution();
    let blind = Scripted::default();
    let nothing = blind.detect(FrameId(0), &frame.model_input(32)).unwrap();
    let found = WarmSpots::new(&WarmSpotConfig::default()).look(
        FrameId(0),
        &frame.model_input(32),
        resolution,
    );
    let config = RedactConfig::default();
    let mask = redact::mask(
        FrameId(0),
        frame.shape(),
        &[nothing, found],
        &[],
        resolution,
        &config,
    )
    .unwrap();
    let (width, height) = frame.shape();
    let share = f64::from(u32::try_from(mask.masked_pixels()).unwrap())
        / f64::from(u32::try_from(width * height).unwrap());
    (mask, share)
}

/// With no network at all, warm spots cover most of the simulated people. The simulator's people are warmer and
/// rounder than real ones: a regression gate, no claim of accuracy.
#[test]
fn warm_spots_alone_cover_most_simulated_people_at_little_ground() {
    let persons = persons();
    let (mut covered, mut masked, mut frames) = (0_u32, 0.0, 0.0);
    let mut files: Vec<&str> = persons.iter().map(|person| person.file.as_str()).collect();
    files.dedup();
    for file in files {
        let (mask, share) = blinded(&fixture_frames().join(file));
        masked += share;
        frames += 1.0;
        for person in persons.iter().filter(|person| person.file == file) {
            let [x0, y0, x1, y1] = person.bbox;
            let hidden = (y0..y1)
                .flat_map(|y| (x0..x1).map(move |x| (x, y)))
                .filter(|&(x, y)| mask.hides(x, y))
                .count();
            covered += u32::from(hidden * 5 >= (x1 - x0) * (y1 - y0) * 4);
        }
    }
    let total = u32::try_from(persons.len()).unwrap();
    let (recall, ground) = (f64::from(covered) / f64::from(total), masked / frames);
    assert!(recall >= 0.9, "{covered} of {total} people");
    assert!(ground <= 0.02, "{ground} of the frame");
}
