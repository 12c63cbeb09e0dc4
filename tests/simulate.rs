//! The simulated flight: the same bytes for the same seed, and files that other tools read as real ones.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says plainly what it skipped"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use heatveil::simulate::{Options, run};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight")
}

/// Every file below `root` except the lock, by relative path.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["frames", "truth"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(root).unwrap().to_path_buf();
            found.insert(relative, fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn the_committed_flight_is_what_its_seed_gives() {
    let folder = tempfile::tempdir().unwrap();
    let report = run(&Options::fixture(folder.path().join("flight"))).unwrap();
    assert_eq!(report.frames, 13);
    assert!(report.bytes < 9_000_000, "{} bytes", report.bytes);
    let (made, committed) = (files(&folder.path().join("flight")), files(&fixture()));
    assert_eq!(
        made.keys().collect::<Vec<_>>(),
        committed.keys().collect::<Vec<_>>()
    );
    for (path, bytes) in &made {
        assert!(
            committed[path] == *bytes,
            "{} differs from the committed file",
            path.display()
        );
    }
}

/// What `exiftool` prints for `tags` of a file of the flight, one value a line; `None` where it is missing.
fn exiftool(file: &str, tags: &[&str]) -> Option<Vec<String>> {
    let path = fixture().join("frames").join(file);
    let output = Command::new("exiftool")
        .args(["-s3", "-f"])
        .args(tags)
        .arg(path)
        .output();
    let Ok(output) = output else {
        println!("SKIPPED: exiftool is not installed (apt-get install libimage-exiftool-perl)");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn exiftool_reads_a_dji_frame_as_a_real_one() {
    let tags = [
        "-Model",
        "-DateTimeOriginal",
        "-FocalLength",
        "-XMP:GimbalPitchDegree",
        "-XMP:FlightYawDegree",
        "-ThumbnailImage",
        "-ThermalData",
        "-NumberOfImages",
        "-PreviewImage",
    ];
    let Some(values) = exiftool("DJI_20260115223009_0010_T.JPG", &tags) else {
        return;
    };
    assert_eq!(
        values[..4],
        ["M3T", "2026:01:15 22:30:09", "9.1 mm", "-40.00"]
    );
    let yaw: f64 = values[4].parse().unwrap();
    assert!((yaw - 90.0).abs() < 6.0, "{yaw}");
    assert!(values[5].contains("Binary data"), "{values:?}");
    assert!(values[6].contains("655360 bytes"), "{values:?}");
    assert_eq!(values[7], "2");
    assert!(values[8].contains("Binary data"), "{values:?}");
}

#[test]
fn exiftool_finds_the_recorded_position_in_exif_and_xmp() {
    let tags = [
        "-n",
        "-XMP:GPSLatitude",
        "-XMP:GPSLongitude",
        "-EXIF:GPSLatitude",
        "-EXIF:GPSLongitude",
    ];
    let Some(values) = exiftool("DJI_20260115223003_0004_T.JPG", &tags) else {
        return;
    };
    let poses: serde_json::Value =
        serde_json::from_slice(&fs::read(fixture().join("truth/poses.json")).unwrap()).unwrap();
    let truth = &poses["frames"][3];
    let number = |index: usize| values[index].parse::<f64>().unwrap();
    let (latitude, longitude) = (
        truth["true_latitude"].as_f64().unwrap(),
        truth["true_longitude"].as_f64().unwrap(),
    );
    // The receiver is 0.3 m off (one standard deviation), so 2 m are never exceeded.
    assert!((number(0) - latitude).abs() * 111_000.0 < 2.0);
    assert!((number(1) - longitude).abs() * 64_000.0 < 2.0);
    // EXIF keeps thousandths of a second of arc, without a sign.
    assert!((number(2) - number(0)).abs() < 2e-7);
    assert!((number(3) + number(1)).abs() < 2e-7);
}

#[test]
fn exiftool_reads_both_flir_payloads_and_the_visible_photo() {
    let tags = [
        "-RawThermalImageWidth",
        "-RawThermalImageHeight",
        "-RawThermalImageType",
        "-PlanckB",
        "-EmbeddedImageWidth",
    ];
    for (file, kind) in [
        ("DJI_20260115223002_0003_R.JPG", "PNG"),
        ("DJI_20260115223007_0008_R.JPG", "TIFF"),
    ] {
        let Some(values) = exiftool(file, &tags) else {
            return;
        };
        assert_eq!(values, ["640", "512", kind, "1501", "320"]);
    }
}

/// What the truth says about the frame at `index`, and GDAL's samples of the probes.
fn probed_by_gdal(index: usize) -> (serde_json::Value, Vec<f64>) {
    let poses: serde_json::Value =
        serde_json::from_slice(&fs::read(fixture().join("truth/poses.json")).unwrap()).unwrap();
    let frame = poses["frames"][index].clone();
    let path = fixture()
        .join("frames")
        .join(frame["file"].as_str().unwrap());
    let dataset = gdal::Dataset::open(path).unwrap();
    let band = dataset.rasterband(1).unwrap();
    let sample = |probe: &serde_json::Value| {
        let place = |key: &str| isize::try_from(probe[key].as_i64().unwrap()).unwrap();
        let window = (place("x"), place("y"));
        band.read_as::<f64>(window, (1, 1), (1, 1), None)
            .unwrap()
            .data()[0]
    };
    let samples = frame["probes"]
        .as_array()
        .unwrap()
        .iter()
        .map(sample)
        .collect();
    (frame, samples)
}

#[test]
fn gdal_reads_both_tiff_frames_as_the_temperatures_that_the_camera_stored() {
    for (index, scale, offset) in [(4, 0.04, -273.15), (6, 1.0, 0.0)] {
        let (frame, samples) = probed_by_gdal(index);
        assert!(frame["format"].as_str().unwrap().starts_with("tiff"));
        for (probe, sample) in frame["probes"].as_array().unwrap().iter().zip(samples) {
            let expected = probe["celsius"].as_f64().unwrap();
            assert!((sample * scale + offset - expected).abs() < 0.03);
        }
    }
}

#[test]
fn gdal_places_the_surface_model_at_the_site() {
    let dataset = gdal::Dataset::open(fixture().join("truth/dsm.tif")).unwrap();
    assert_eq!(dataset.spatial_ref().unwrap().auth_code().unwrap(), 32_630);
    let [left, cell, _, top, _, _] = dataset.geo_transform().unwrap();
    // PROJ: (-2.45, 54.60) is (535531.65, 6050420.31) in EPSG:32630.
    let (width, height) = dataset.raster_size();
    assert_eq!((width, height), (280, 280));
    assert!((left + 140.0 * cell - 535_532.0).abs() < 1.0);
    assert!((top - 140.0 * cell - 6_050_420.0).abs() < 1.0);
}

#[test]
fn the_preview_lies_where_the_multi_picture_index_says_and_ends_the_file() {
    let name = "DJI_20260115223001_0002_T.JPG";
    let tags = ["-n", "-MPImage2:MPImageStart", "-MPImage2:MPImageLength"];
    let Some(values) = exiftool(name, &tags) else {
        return;
    };
    let bytes = fs::read(fixture().join("frames").join(name)).unwrap();
    let number = |index: usize| values[index].parse::<usize>().unwrap();
    assert_eq!(number(0) + number(1), bytes.len());
    assert_eq!(
        bytes[number(0) - 2..number(0) + 2],
        [0xff, 0xd9, 0xff, 0xd8]
    );
}
