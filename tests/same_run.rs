//! A run goes on only as the run that it was.

#![expect(clippy::unwrap_used, reason = "test code: helpers unwrap")]

mod common;

use std::fs;
use std::path::Path;

use common::{dji_frames, write, write_keys};
use heatveil::run::{Run, RunError, Silent};
use heatveil::seal::IntakeKey;
use heatveil::store::Existing;

fn run(folder: &Path, settings: &str) -> Run {
    common::run(folder, "in", "out", settings)
}

#[test]
fn another_runtime_or_key_of_the_inputs_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_keys(folder);
    let (name, bytes) = dji_frames().swap_remove(0);
    write(&folder.join("in").join(name), &bytes);
    run(folder, "").execute(&mut Silent).unwrap();
    let log = folder.join("out/audit/entries.jsonl");
    let before = fs::read(&log).unwrap();

    IntakeKey::create(&folder.join("key")).unwrap();
    let key = format!("[survey]\nintake-key = '{}/key'", folder.display());
    let resume = |runtime: &str, settings| Run {
        existing: Existing::Keep,
        runtime: runtime.into(),
        ..run(folder, settings)
    };
    for (other, said) in [
        (resume("onnxruntime 9.9", ""), "version of a library"),
        (resume("none", key.as_str()), "intake key"),
        (resume("none", "[redact]\ngrid-px = 8"), "configuration"),
    ] {
        match other.execute(&mut Silent).unwrap_err() {
            RunError::NotSame { what, .. } => assert_eq!(what, said),
            other => assert_eq!(other.to_string(), said),
        }
        assert_eq!(fs::read(&log).unwrap(), before, "{said}");
    }
    // The same run has nothing left to do.
    let summary = resume("none", "").execute(&mut Silent).unwrap();
    assert_eq!(summary.frames_published, 1);
    assert_eq!(fs::read(&log).unwrap(), before);
}
