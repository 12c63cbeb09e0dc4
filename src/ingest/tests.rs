//! Decoders against independent tools on real files, and against hostile bytes.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::frame::Leak;
use crate::radiometry;

/// The folder of real files, or `None` with a plain word that it is absent.
fn data() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("HEATVEIL_DATA").map_or(default, PathBuf::from);
    if folder.join("oracle.csv").exists() {
        return Some(folder);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    {
        eprintln!(
            "SKIPPED: no real files at {}; set HEATVEIL_DATA",
            folder.display()
        );
    }
    None
}

fn read(path: &Path, options: &IngestOptions) -> Result<Frame<Raw>, IngestError> {
    decode(FrameId(0), path, &fs::read(path).unwrap(), options)
}

/// One line of a CSV file whose quoted fields may hold commas.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}

#[test]
fn real_files_agree_with_independent_tools_or_are_refused_by_name() {
    let Some(data) = data() else { return };
    let oracle = fs::read_to_string(data.join("oracle.csv")).unwrap();
    let wiris = TiffScale {
        scale: 0.025,
        offset: -100.0,
    };
    let mut checked = 0;
    for line in oracle.lines().skip(1) {
        let fields = fields(line);
        let path = data.join(&fields[0]);
        let tiff_scale = fields[0].contains("wiris").then_some(wiris);
        let result = read(
            &path,
            &IngestOptions {
                tiff_scale,
                ..IngestOptions::default()
            },
        );
        if fields[1].starts_with("refused") {
            assert_eq!(
                result.unwrap_err().reason(),
                "unsupported-family",
                "{}",
                fields[0]
            );
            continue;
        }
        let raw = result.unwrap();
        let calibration = radiometry::calibration(&raw.meta().radiometry);
        let frame = raw.calibrate(&calibration).unwrap();
        let tolerance = if fields[0].contains("flir/") || fields[0].contains("xt2") {
            0.01
        } else {
            0.05
        };
        let celsius = frame.celsius_for_test();
        let (w, h) = celsius.shape();
        assert_eq!(
            (w.to_string(), h.to_string()),
            (fields[2].clone(), fields[3].clone())
        );
        let summary = frame.summary().unwrap();
        let at = |x: usize, y: usize| f64::from(*celsius.get(x, y).unwrap());
        let found = [
            summary.min.0,
            summary.max.0,
            summary.mean.0,
            at(0, 0),
            at(w / 4, h / 4),
            at(w / 2, h / 2),
            at(3 * w / 4, 3 * h / 4),
            at(w - 1, h - 1),
        ];
        for (found, expected) in found.iter().zip(&fields[5..]) {
            let expected: f64 = expected.parse().unwrap();
            assert!(
                (found - expected).abs() < tolerance,
                "{}: {found} instead of {expected}",
                fields[0]
            );
        }
        checked += 1;
    }
    assert!(checked >= 20, "only {checked} files were compared");
}

#[test]
fn every_frame_of_the_real_flights_decodes_with_its_pose() {
    let Some(data) = data() else { return };
    for (flight, frames) in [("m2ea", 33), ("xt2", 20)] {
        let found = discover(&[data.join("flights").join(flight)]).unwrap();
        assert_eq!(found.files.len(), frames);
        for file in found.files {
            let frame = read(&file, &IngestOptions::default()).unwrap();
            let meta = frame.meta();
            assert!(meta.position.is_some() && meta.relative_altitude.is_some());
            assert!(meta.gimbal.is_some() && meta.flight.is_some() && meta.captured_at.is_some());
            assert!(
                meta.leaks.contains(&Leak::ThermalFrame) && meta.leaks.contains(&Leak::Thumbnail)
            );
        }
    }
}

#[test]
fn the_m2ea_is_placed_by_xmp_not_by_exif() {
    let Some(data) = data() else { return };
    let found = discover(&[data.join("flights/m2ea")]).unwrap();
    let frame = read(&found.files[0], &IngestOptions::default()).unwrap();
    assert_eq!(
        frame.meta().position.unwrap().source,
        crate::frame::PositionSource::Xmp
    );
}

#[test]
fn a_tiff_of_unknown_scale_is_refused_with_the_option_to_give() {
    let Some(data) = data() else { return };
    let path = data.join("facades/wiris/22-18-49-049-radiometric.tiff");
    let error = read(&path, &IngestOptions::default()).unwrap_err();
    assert!(error.to_string().contains("--tiff-scale"), "{error}");
    assert!(
        !error.detail().contains("22-18"),
        "the log must not name files: {}",
        error.detail()
    );
}

#[test]
fn a_plain_picture_is_not_thermal() {
    let Some(data) = data() else { return };
    let photo = fs::read_dir(data.join("hit-uav/images"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(
        read(&photo, &IngestOptions::default())
            .unwrap_err()
            .reason(),
        "not-thermal"
    );
}

/// Cuts and bit flips of real files: a frame or an error, never a panic.
#[test]
fn damaged_real_files_never_panic() {
    let Some(data) = data() else { return };
    for name in [
        "radiometric/dji/M3T_IR.JPG",
        "radiometric/flir/Flir_E40.jpg",
        "radiometric/flir/DJI_XT-2.jpg",
        "radiometric/tiff/flir-duo-pro-r.tiff",
    ] {
        let path = data.join(name);
        let bytes = fs::read(&path).unwrap();
        for step in 0..60_usize {
            // A multiplicative hash spreads the places over the file, denser at its start.
            let place =
                step.wrapping_mul(2_654_435_761) % if step % 2 == 0 { 4096 } else { bytes.len() };
            let _ = decode(
                FrameId(0),
                &path,
                &bytes[..place],
                &IngestOptions::default(),
            );
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (step % 8);
            let _ = decode(FrameId(0), &path, &flipped, &IngestOptions::default());
        }
    }
}

#[test]
fn an_absurd_header_is_refused_before_anything_is_allocated() {
    let header = |width: u32, height: u32| {
        let mut tiff = b"II*\0\x08\0\0\0\x07\0".to_vec();
        for (tag, kind, value) in [
            (256_u16, 4_u16, width),
            (257, 4, height),
            (258, 3, 16),
            (262, 3, 1),
            (273, 4, 8),
            (278, 4, height),
            (279, 4, 8),
        ] {
            tiff.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            tiff.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
        }
        tiff.extend([0; 4]);
        tiff
    };
    let decode = |bytes: &[u8]| {
        decode(
            FrameId(0),
            Path::new("x.tif"),
            bytes,
            &IngestOptions::default(),
        )
    };
    assert_eq!(
        decode(&header(100_000, 100_000)).unwrap_err().reason(),
        "too-large"
    );
    assert!(decode(&header(0, 0)).is_err());
    assert_eq!(decode(b"").unwrap_err().reason(), "not-an-image");
    assert_eq!(decode(b"hello").unwrap_err().reason(), "not-an-image");
    assert_eq!(decode(b"\xFF\xD8").unwrap_err().reason(), "truncated");
    assert_eq!(
        decode(b"\xFF\xD8\xFF\xDA").unwrap_err().reason(),
        "not-thermal"
    );
}

#[test]
fn folders_are_walked_in_order_and_everything_else_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| crate::store::write_secret(&folder.path().join(name), b"x").unwrap();
    for name in ["b.JPG", "a.tiff", "notes.txt", ".hidden.jpg", "sub/c.jpeg"] {
        write(name);
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("z.jpg")).unwrap();
    let intake = discover(&[folder.path().to_path_buf()]).unwrap();
    let names: Vec<_> = intake
        .files
        .iter()
        .map(|file| file.strip_prefix(folder.path()).unwrap().to_path_buf())
        .collect();
    assert_eq!(names, ["a.tiff", "b.JPG", "sub/c.jpeg"].map(PathBuf::from));
    assert_eq!(intake.ignored.len(), 1);
    #[cfg(unix)]
    assert_eq!(intake.problems.len(), 1);
}

/// Those of one flight within reach of each other, or carry is off.
#[test]
fn frames_come_in_the_order_of_the_flight_however_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a/IMG_1.jpg", "a/IMG_2.jpg", "a/IMG_10.jpg", "b/IMG_1.jpg"];
    let files = names.map(|name| folder.path().join(name));
    for file in &files {
        crate::store::write_secret(file, b"x").unwrap();
    }
    let [one, two, ten, other] = files.clone();
    for inputs in [
        vec![folder.path().to_path_buf()],
        vec![folder.path().join("b"), folder.path().join("a")],
        vec![ten.clone(), other, two, one, ten],
    ] {
        assert_eq!(discover(&inputs).unwrap().files, files);
    }
}

#[test]
fn an_empty_folder_and_a_missing_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = discover(&[folder.path().to_path_buf()]).unwrap_err();
    assert!(
        error.to_string().contains(".jpg") && error.is_input_list(),
        "{error}"
    );
    assert_eq!(
        discover(&[folder.path().join("gone")])
            .unwrap_err()
            .reason(),
        "io"
    );
}

proptest! {
    #[test]
    fn any_bytes_give_a_frame_or_an_error(
        head in prop::sample::select(vec![&b""[..], b"\xFF\xD8", b"II*\0", b"MM\0*", b"\xFF\xD8\xFF\xE1\x00\x40FLIR\0\x01\0\0FFF\0"]),
        tail in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let bytes = [head, &tail].concat();
        let _ = decode(FrameId(0), Path::new("x"), &bytes, &IngestOptions::default());
    }
}

/// Tag 339 with 300 values whose place is the picture's: the library quotes what it does not know, and what is said of a file goes to the log.
#[test]
fn what_is_said_of_a_damaged_tiff_holds_no_pixel() {
    let pixels: Vec<u16> = (0..400).map(|at| 18_000 + 7 * at).collect();
    let tags = [
        (256_u16, 4_u16, 1_u32, 20_u32),
        (257, 4, 1, 20),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, 20),
        (279, 4, 1, 800),
        (339, 3, 300, 8),
    ];
    let mut tiff = [&b"II*\0"[..], &808_u32.to_le_bytes()].concat();
    tiff.extend(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
    tiff.extend(10_u16.to_le_bytes());
    for (tag, kind, count, value) in tags {
        tiff.extend([tag, kind].map(u16::to_le_bytes).concat());
        tiff.extend([count, value].map(u32::to_le_bytes).concat());
    }
    tiff.extend([0; 4]);
    let options = IngestOptions {
        tiff_scale: Some(TiffScale {
            scale: 0.04,
            offset: -273.15,
        }),
        ..IngestOptions::default()
    };
    let error = decode(FrameId(0), Path::new("a.tif"), &tiff, &options).unwrap_err();
    assert!(matches!(error, IngestError::Malformed { .. }), "{error:?}");
    let said = format!("{error} {error:?} {}", error.detail());
    assert!(!said.contains("18"), "{said}");
}

/// A TIFF of one row, little-endian, with `no_data` in tag 42113.
fn padded(row: &[u8], (bits, kind): (u32, u32), no_data: Option<&str>) -> Vec<u8> {
    let width = u32::try_from(row.len()).unwrap() * 8 / bits;
    let text = no_data.map(|text| format!("{text}\0"));
    let text = text.as_deref().unwrap_or_default().as_bytes();
    let [at_row, at_text] = [8, 8 + row.len()].map(|at| u32::try_from(at).unwrap());
    let mut inline = [0; 4];
    let value = if text.len() <= 4 {
        inline[..text.len()].copy_from_slice(text);
        u32::from_le_bytes(inline)
    } else {
        at_text
    };
    let length = u32::try_from(text.len()).unwrap();
    let bytes = u32::try_from(row.len()).unwrap();
    let tags = [
        (256_u16, 4_u16, 1_u32, width),
        (257, 4, 1, 1),
        (258, 3, 1, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, at_row),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, 1, bytes),
        (339, 3, 1, kind),
        (42_113, 2, length, value),
    ];
    let tags = &tags[..if no_data.is_some() { 11 } else { 10 }];
    let directory = (at_text + length).next_multiple_of(2);
    let mut tiff = [&b"II*\0"[..], &directory.to_le_bytes(), row, text].concat();
    tiff.resize(directory as usize, 0);
    tiff.extend(u16::try_from(tags.len()).unwrap().to_le_bytes());
    for &(tag, kind, count, value) in tags {
        tiff.extend([tag, kind].map(u16::to_le_bytes).concat());
        tiff.extend([count, value].map(u32::to_le_bytes).concat());
    }
    tiff.extend([0; 4]);
    tiff
}

/// Coldest and warmest of a TIFF in °C, and how many of its pixels have no temperature.
fn range(tiff: &[u8]) -> (f64, f64, usize) {
    let options = IngestOptions {
        tiff_scale: Some(TiffScale {
            scale: 0.04,
            offset: -273.15,
        }),
        ..IngestOptions::default()
    };
    let raw = decode(FrameId(0), Path::new("a.tif"), tiff, &options).unwrap();
    let calibration = radiometry::calibration(&raw.meta().radiometry);
    let summary = raw.calibrate(&calibration).unwrap().summary().unwrap();
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    (
        rounded(summary.min.0),
        rounded(summary.max.0),
        summary.no_data,
    )
}

#[test]
fn what_pads_a_float_tiff_is_no_temperature() {
    let floats = |row: &[f32], no_data| {
        let row: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        range(&padded(&row, (32, 3), no_data))
    };
    let least = "-3.4028234663852886e+38";
    // Most of it is padding: the rest alone says what its unit is.
    for (pad, no_data) in [(-9999.0, Some("-9999")), (0.0, Some("0")), (-9999.0, None)] {
        assert_eq!(floats(&[pad, pad, pad, 1.5, 21.5], no_data), (1.5, 21.5, 3));
        let kelvin = [pad, pad, pad, 274.65, 294.65];
        assert_eq!(floats(&kelvin, no_data), (1.5, 21.5, 3), "{pad}");
    }
    assert_eq!(floats(&[0.0, 0.0, 274.65], None), (1.5, 1.5, 2));
    assert_eq!(floats(&[f32::MIN, 1.5], Some(least)), (1.5, 1.5, 1));
    assert_eq!(floats(&[-273.15, 1.5], None), (1.5, 1.5, 1));
    assert_eq!(floats(&[5.0, 1.5], Some(" 5.00 ")), (1.5, 1.5, 1));
    // What is no number, or too long for one, says nothing; without a word 0 °C is a temperature.
    let long = format!("1.5{}", "0".repeat(100));
    for no_data in [None, Some("nan"), Some("canary"), Some(""), Some(&*long)] {
        assert_eq!(floats(&[0.0, 1.5], no_data), (0.0, 1.5, 0), "{no_data:?}");
    }
}

#[test]
fn what_pads_a_16_bit_tiff_is_no_temperature() {
    let counts = |row: &[u16], no_data| {
        let row: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        range(&padded(&row, (16, 1), no_data))
    };
    // 7,000 counts are 280 K, 65,535 are 2,621.4 K, and 0 is absolute zero.
    assert_eq!(counts(&[0, 7000, 65_535], None), (6.85, 2348.25, 1));
    assert_eq!(counts(&[0, 7000, 65_535], Some("65535")), (6.85, 6.85, 2));
    assert_eq!(counts(&[7000, 65_535], Some("-9999")), (6.85, 2348.25, 0));
    assert_eq!(counts(&[7000, 7001], Some("7000.5")), (6.85, 6.89, 0));
}

/// A place beyond the file, and a length that is none.
#[test]
fn a_value_for_no_data_that_is_not_there_says_nothing() {
    let row: Vec<u8> = [1.5_f32, 2.5]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let mut tiff = padded(&row, (32, 3), Some("1.500"));
    let at = tiff.len() - 4 - 12;
    for (from, with) in [(8, u32::MAX), (8, 9_000_000), (4, u32::MAX)] {
        tiff[at + from..at + from + 4].copy_from_slice(&with.to_le_bytes());
        assert_eq!(range(&tiff), (1.5, 2.5, 0));
    }
}
