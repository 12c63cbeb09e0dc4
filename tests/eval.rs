//! `heatveil eval` on labelled frames: its figures against pycocotools, and what it does with bad pictures.

#![cfg(all(feature = "cli", feature = "onnx"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and says plainly what it skipped"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn eval(arguments: &[&str]) -> Output {
    let library = root().join(".setup/onnxruntime/libonnxruntime.so");
    Command::new(env!("CARGO_BIN_EXE_heatveil"))
        .arg("eval")
        .args(arguments)
        .env("ORT_DYLIB_PATH", library)
        .output()
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Evaluates, and lets pycocotools judge the same finds; gives the answer.
fn agrees_with_pycocotools(labels: &Path, images: &Path) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (answer, finds) = (
        folder.path().join("answer.json"),
        folder.path().join("finds.json"),
    );
    let output = eval(&[
        "--data",
        text(labels),
        "--images",
        text(images),
        "--out",
        text(&answer),
        "--detections",
        text(&finds),
    ]);
    assert!(output.status.success(), "{output:?}");
    let python = root().join(".setup/venv/bin/python");
    if python.exists() {
        let script = root().join("tests/python/check_eval.py");
        let checked = Command::new(python)
            .args([&script, labels, &answer, &finds])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success(), "{checked:?}");
        println!("{said}");
    } else {
        println!("SKIPPED: no Python with pycocotools; `.ci/setup test` makes one");
    }
    serde_json::from_str(&fs::read_to_string(answer).unwrap()).unwrap()
}

#[test]
fn average_precision_on_the_simulated_flight_is_that_of_pycocotools() {
    let flight = root().join("fixtures/flight");
    let answer = agrees_with_pycocotools(&flight.join("truth/coco.json"), &flight.join("frames"));
    assert_eq!(answer["frames"], 13);
    // As many as the truth has: `grep -c` of its category numbers.
    assert_eq!(answer["classes"]["person"]["objects"], 95);
    assert_eq!(answer["classes"]["vehicle"]["objects"], 137);
    assert_eq!(answer["classes"]["window"]["objects"], 199);
    assert_eq!(answer["classes"]["bicycle"]["ap50"], Value::Null);
    // One flight is one scene, which says nothing about others.
    assert_eq!(answer["classes"]["person"]["recall_ci"], Value::Null);
    let lines = &answer["lines"];
    let measured = |line: &str, figure: &str| lines[line][figure].as_f64().unwrap();
    for line in ["models", "warm-spots", "carry"] {
        for figure in ["objects_80_masked", "masked_area"] {
            assert!(measured("all", figure) >= measured(line, figure), "{line}");
        }
    }
    assert!(measured("all", "masked_area") > measured("models", "masked_area"));
    // Of the three cameras one took a single frame, which has no neighbour.
    assert_eq!(lines["carry"]["frames"], 12);
}

/// The labelled set, unless it is not here.
fn hit_uav() -> Option<PathBuf> {
    let data = std::env::var_os("HEATVEIL_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let found = data.join("hit-uav");
    if !found.join("val.json").exists() {
        println!("SKIPPED: {} is not here", found.display());
        return None;
    }
    Some(found)
}

#[test]
fn average_precision_on_real_frames_is_that_of_pycocotools() {
    let Some(data) = hit_uav() else { return };
    let mut labels: Value =
        serde_json::from_str(&fs::read_to_string(data.join("val.json")).unwrap()).unwrap();
    let images = labels["images"].as_array().unwrap();
    let some: Vec<Value> = images.iter().step_by(4).cloned().collect();
    let kept = |annotation: &Value| {
        some.iter()
            .any(|image| image["id"] == annotation["image_id"])
    };
    let annotations = labels["annotations"].as_array().unwrap().iter();
    let annotations: Vec<Value> = annotations.filter(|one| kept(one)).cloned().collect();
    let frames = some.len();
    labels["images"] = some.into();
    labels["annotations"] = annotations.into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.json");
    fs::write(&path, labels.to_string()).unwrap();

    let answer = agrees_with_pycocotools(&path, &data.join("images"));
    assert_eq!(answer["frames"], frames);
    let person = &answer["classes"]["person"];
    let (ap50, low) = (
        person["ap50"].as_f64().unwrap(),
        person["ap50_ci"][0].as_f64(),
    );
    assert!(ap50 > 0.5 && low.unwrap() < ap50, "{person}");
}

/// One grey picture of HIT-UAV's form, beside the labels of two.
fn two_pictures(folder: &Path) -> PathBuf {
    let grey = image::GrayImage::from_fn(64, 64, |x, y| image::Luma([(x * 3 + y) as u8]));
    grey.save(folder.join("1_60_90_0_00001.png")).unwrap();
    let labels = folder.join("labels.json");
    let text = r#"{"images":[{"id":1,"file_name":"1_60_90_0_00001.png"},{"id":2,"file_name":"1_60_90_0_00099.png"}],
        "annotations":[{"id":1,"image_id":1,"category_id":0,"bbox":[10,10,12,12]}],
        "categories":[{"id":0,"name":"person"}]}"#;
    fs::write(&labels, text).unwrap();
    labels
}

#[test]
fn a_picture_that_is_not_there_is_named_and_the_others_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let labels = two_pictures(folder.path());
    let output = eval(&[
        "--data",
        text(&labels),
        "--images",
        text(folder.path()),
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["frames"], 1);
    assert_eq!(answer["classes"]["person"]["objects"], 1);
    let carry = &answer["lines"]["carry"];
    assert_eq!(carry["not_measured"], "no positions");
    assert_eq!(carry["objects_80_masked"], Value::Null);
    assert_eq!(answer["errors"][0]["file"], "1_60_90_0_00099.png");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("1_60_90_0_00099.png"), "{said}");
    let in_words = eval(&["--data", text(&labels), "--images", text(folder.path())]).stdout;
    let said = String::from_utf8(in_words).unwrap();
    assert!(said.contains("not measured: no positions"), "{said}");
}

#[test]
fn without_any_picture_it_fails_and_with_labels_it_does_not_know_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let labels = two_pictures(folder.path());
    let empty = tempfile::tempdir().unwrap();
    let output = eval(&["--data", text(&labels), "--images", text(empty.path())]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let strange = fs::read_to_string(&labels)
        .unwrap()
        .replace("person", "dog");
    fs::write(&labels, strange).unwrap();
    let output = eval(&["--data", text(&labels), "--images", text(folder.path())]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("dog"));
}

#[test]
fn threads_change_nothing_and_no_file_is_replaced_unasked() {
    let flight = root().join("fixtures/flight");
    let (labels, images) = (flight.join("truth/coco.json"), flight.join("frames"));
    let base = [
        "--data",
        text(&labels),
        "--images",
        text(&images),
        "--json",
        "--threads",
    ];
    let with = |threads| eval(&[&base[..], &[threads]].concat()).stdout;
    assert_eq!(with("1"), with("3"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("answer.json");
    fs::write(&out, "mine").unwrap();
    let output = eval(&[&base[..], &["2", "--out", text(&out)]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(fs::read_to_string(out).unwrap(), "mine");
}
