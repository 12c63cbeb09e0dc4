//! What must stay with the operator is planted in inputs and settings and looked for in everything that is handed on: log, proofs, statement, tiles, tables,
//! report, pages, public letter. Serial numbers, file and folder names, addresses, precise times, places of frames. Pixels are `tests/privacy.rs`' part.

#![cfg(feature = "cli")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD as STANDARD, BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD};
use heatveil::audit::{Entry, Release, Signer, VerifyOptions, cosign, keygen, release, verify};
use heatveil::pages::PagesOptions;
use heatveil::published::Published;
use heatveil::run::{Run, Silent};
use heatveil::store::Existing;

use crate::common::{self, dji_frames, files, fixture_frames, write, write_keys};

const FOLDER: &str = "canary-street-12";
const FILE: &str = "CANARY-FILE-4711";
const ADDRESS: &str = "7 Canary Lane";
const OBJECTION: &str = "9 Canary Mews";
/// In the tags of every frame of the fixture.
const SERIAL: &str = "SIM0000";
/// Latitudes and longitudes of the fixture's frames (`exiftool -n -GPSLatitude -GPSLongitude`), cut to four decimals.
const PLACES: [&str; 8] = [
    "54.5999", "54.6000", "54.5995", "2.4501", "2.4502", "2.4500", "2.4499", "2.4498",
];
/// A year after the frames were taken, so that no time of the run is one of theirs.
const NOW: i64 = 1_800_000_000;

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

/// Outlines of the fixture, each with an address that nobody asked to publish.
fn outlines(address: &str) -> String {
    let truth = fixture_frames().parent().unwrap().join("truth");
    let outlines = fs::read_to_string(truth.join("buildings.geojson")).unwrap();
    let with = format!("\"properties\":{{\"address\":\"{address}\",");
    outlines.replace("\"properties\":{", &with)
}

/// A run with buildings and an objection, cosigned, handed on, with report, pages and the public letter.
fn make(folder: &Path) {
    write_keys(folder);
    for (number, (_, bytes)) in dji_frames().into_iter().enumerate() {
        assert!(contains(&bytes, SERIAL), "the fixture has serial numbers");
        let name = format!("{FOLDER}/{FILE}-{number}_T.JPG");
        write(&folder.join(name), &bytes);
    }
    write(&path(folder, "homes.geojson"), outlines(ADDRESS).as_bytes());
    let all = outlines(OBJECTION);
    let one: serde_json::Value = serde_json::from_str(&all).unwrap();
    let objection =
        serde_json::json!({"type": "FeatureCollection", "features": [one["features"][5]]});
    let objection = objection.to_string();
    write(&path(folder, "objections.geojson"), objection.as_bytes());
    let settings = format!(
        "[weather]\nair-celsius = 2\nwind-m-s = 1\n[[weather.line]]\nfrom = '2031-03-04T05:06'\nuntil = '2031-03-04T07:08'\nair-celsius = 3\n[tiles]\nxyz = true\n[buildings]\nfootprints = '{0}/homes.geojson'\nid = 'uprn'\nuprn = 'uprn'\nopt-out = '{0}/objections.geojson'",
        folder.display()
    );
    let run = Run {
        now: NOW,
        ..common::run(folder, FOLDER, "out", &settings)
    };
    run.execute(&mut Silent).unwrap();
    let out = path(folder, "out");
    let log = Signer::load(&path(folder, "log.key")).unwrap();
    let jo = Signer::parse(&keygen("jo").unwrap().signer, "jo").unwrap();
    let handed_on = Release {
        at: NOW + 60,
        recipient: "Example Council".into(),
        approver: "A. Approver".into(),
    };
    release(&out, &log, &jo, &handed_on).unwrap();
    let options = VerifyOptions {
        key: Some(log.verifier().to_owned()),
        ..VerifyOptions::default()
    };
    cosign(&out, &jo, NOW + 120, &options).unwrap();
    let published = Published::open(&out, None).unwrap();
    let pages = path(folder, "pages");
    let options = PagesOptions::default();
    assert!(heatveil::pages::write(&published, options, &pages, Existing::Refuse).unwrap() > 0);
    for command in [
        "report out --out report",
        "audit out query --letter foi --format html --out letter.html",
    ] {
        let mut heatveil = Command::new(env!("CARGO_BIN_EXE_heatveil"));
        heatveil.args(command.split(' ')).current_dir(folder);
        let said = heatveil.output().unwrap();
        assert!(said.status.success(), "{command}: {said:?}");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let mut windows = bytes.windows(text.len());
    windows.any(|window| window == text.as_bytes())
}

/// What stands in base64, wherever it does, one after the other.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let letter = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"+/".contains(byte);
    let words = bytes.split(letter).filter(|word| word.len() > 40);
    let whole = words.map(|word| STANDARD_NO_PAD.decode(word).unwrap_or_default());
    whole.collect::<Vec<_>>().join(&b'\n')
}

#[test]
fn what_stands_in_base64_is_found() {
    let planted = format!("\"extra\":\"{}\"", STANDARD.encode([b'x'; 31]));
    assert!(contains(&unpacked(planted.as_bytes()), "xxxxxxxxxx"));
}

#[test]
fn nothing_that_is_handed_on_tells_who_where_or_when() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make(folder);
    let found = verify(&path(folder, "out"), &VerifyOptions::default()).unwrap();
    assert_eq!(found.problems, Vec::<String>::new());

    let mut handed_on = files(&path(folder, "out"));
    handed_on.retain(|(name, _)| !name.starts_with("private"));
    let is_table = |name: &Path| name.starts_with("tiles") || name.starts_with("buildings");
    for part in ["report", "pages"] {
        handed_on.extend(files(&path(folder, part)));
    }
    let letter = fs::read(path(folder, "letter.html")).unwrap();
    handed_on.push(("letter.html".into(), letter));
    for kind in [
        "audit/proofs",
        "audit/cosigs",
        "release",
        "tiles",
        "buildings",
    ] {
        let mut names = handed_on.iter().map(|(name, _)| name);
        assert!(names.any(|name| name.starts_with(kind)), "no {kind}");
    }

    for (name, bytes) in &handed_on {
        let about = name.display();
        // Proofs and statements hold entries and files' names in base64.
        let bytes = &[bytes.as_slice(), &unpacked(bytes)].join(&b'\n');
        for planted in [FOLDER, FILE, ADDRESS, OBJECTION, SERIAL] {
            assert!(!contains(bytes, planted), "{planted} in {about}");
        }
        // The minute of every frame, as tags, people and programs write it, and the times of the weather line in the settings.
        for time in [
            "22:30:0",
            "22:30:1",
            "2026:01:15",
            "17685162",
            "2031-03-04",
            "05:06",
            "07:08",
        ] {
            assert!(!contains(bytes, time), "{time} in {about}");
        }
        // Where frames were, to 10 m: a map and a table of homes say where homes are, a report names a web tile's edges.
        for place in PLACES {
            let says = contains(bytes, place) && !is_table(name);
            assert!(!says, "{place} in {about}");
        }
    }
    // What is looked for is there to be found: with the operator alone.
    let private = files(&path(folder, "out/private"));
    for known in [FOLDER, FILE, PLACES[0]] {
        assert!(private.iter().any(|(_, bytes)| contains(bytes, known)));
    }
}

/// All members that an entry of the log may have. A new one is a decision: can it hold a file name, a serial number, an address, a place or a time of a frame?
const MEMBERS: &str = "
    agreement air_mk apparent_mk approver at beyond_envelope box buildings bytes camera category class
    commitment commitment_key convection convection_milli count decision decisions_sha256 destroyed_key detail
    drift_mk due emissivity_milli exif_offset_mm files flight_millikelvin flight_to_track_degrees
    footprints_sha256 format found frame frames gimbal_millikelvin gimbal_to_track_degrees grade grid_px
    ground heatveil hide humidity_milli indoor_mk intake_key key left libraries line lines manifest margin_mm
    mask_sha256 masked_pixels matches measured method missing model models name offset_mk open operator other
    output_sha256 padding_mm pairs path pixels place_mm policies policy policy_sha256 poses private published
    purpose raw reason recipient recipients reflected_mk reflected_source rejected retention reviewed root round rounds score sealed
    self_check sha256 shift_mm signature signatures size skipped skips sky_mk sky_source source source_frames
    statement_sha256 sure tilt_millidegrees total transmission_milli turn_urad type vignetting_mk wind_mm_s
    withheld working yaw";

#[test]
fn an_entry_has_no_member_for_what_must_stay_with_the_operator() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit-log.schema.json");
    let schema = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let mut members = BTreeSet::new();
    collect(&schema, &mut members);
    let known: BTreeSet<String> = MEMBERS.split_whitespace().map(str::to_owned).collect();
    assert_eq!(members, known);
    // The schema closes every object, so that no other member can come in.
    open_objects(&schema, "#");
    // Entries about frames have no time.
    let frames = [
        "ingested", "detected", "masked", "withheld", "rejected", "placed",
    ];
    for name in frames {
        let properties = &schema["$defs"][format!("frame.{name}")]["properties"];
        assert!(
            properties.is_object() && properties.get("at").is_none(),
            "{name}"
        );
    }
    // And the program refuses what the schema refuses.
    let line = br#"{"detail":"","frame":0,"latitude":1,"reason":"io","type":"frame.rejected"}"#;
    assert!(Entry::from_line(line).is_none());
}

/// Names of members, wherever they stand.
fn collect(schema: &serde_json::Value, members: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(object) => {
            if let Some(serde_json::Value::Object(properties)) = object.get("properties") {
                members.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| collect(value, members));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| collect(value, members)),
        _ => {}
    }
}

/// Ends the test where a definition of an object takes members that it does not name.
fn open_objects(schema: &serde_json::Value, at: &str) {
    let Some(object) = schema.as_object() else {
        return;
    };
    if at != "#" && object.get("type").is_some_and(|kind| kind == "object") {
        assert_eq!(
            object.get("additionalProperties"),
            Some(&false.into()),
            "{at}"
        );
    }
    for (name, value) in object {
        open_objects(value, &format!("{at}/{name}"));
    }
}
