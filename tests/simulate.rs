//! The simulated flight: the same bytes for the same seed, and files that other tools read as real ones.

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
    if let Ok(keep) = std::env::var("HEATVEIL_REGENERATE") {
        let options = Options::fixture(PathBuf::from(keep));
        run(&options).unwrap();
        return;
    }
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
