//! Who may import whom: data flows one way, and the privacy kernel knows nobody above it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and those it may name. `error` is the crate's error type; only `cli` uses it.
const ALLOWED: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("hex", &[]),
    // What GDAL says of the disk.
    ("complaints", &[]),
    // Files of others.
    ("outside", &["complaints"]),
    ("raster", &[]),
    ("frame", &["units", "raster"]),
    ("store", &["frame", "hex", "complaints"]),
    (
        "config",
        &[
            "hex", "units", "outside", "ingest", "detect", "redact", "georef", "heatloss",
        ],
    ),
    // Bytes of inputs at rest: knows no frame.
    ("seal", &["outside", "store"]),
    ("ingest", &["units", "raster", "frame", "seal"]),
    ("radiometry", &["units", "frame"]),
    ("detect", &["hex", "units", "outside", "raster", "frame"]),
    ("redact", &["units", "raster", "frame", "detect"]),
    (
        "georef",
        &["units", "complaints", "outside", "raster", "frame"],
    ),
    (
        "tiles",
        &[
            "hex",
            "units",
            "complaints",
            "raster",
            "frame",
            "store",
            "georef",
        ],
    ),
    (
        "heatloss",
        &[
            "units",
            "complaints",
            "outside",
            "frame",
            "store",
            "radiometry",
            "georef",
        ],
    ),
    ("audit", &["hex", "outside", "store"]),
    ("simulate", &["units", "frame", "store"]),
    (
        "published",
        &["hex", "complaints", "outside", "store", "heatloss", "audit"],
    ),
    (
        "compare",
        &["store", "georef", "heatloss", "audit", "published"],
    ),
    (
        "pages",
        &[
            "units",
            "page",
            "store",
            "georef",
            "tiles",
            "heatloss",
            "audit",
            "published",
        ],
    ),
    (
        "run",
        &[
            "hex",
            "units",
            "outside",
            "raster",
            "frame",
            "store",
            "config",
            "ingest",
            "radiometry",
            "detect",
            "redact",
            "georef",
            "tiles",
            "heatloss",
            "seal",
            "audit",
        ],
    ),
    (
        "eval",
        &[
            "hex",
            "units",
            "outside",
            "raster",
            "frame",
            "store",
            "config",
            "ingest",
            "radiometry",
            "detect",
            "redact",
            "georef",
            "run",
        ],
    ),
    // Metadata, outlines and cards alone: nothing that holds a pixel.
    (
        "answers",
        &[
            "hex",
            "units",
            "complaints",
            "outside",
            "frame",
            "page",
            "store",
            "detect",
            "georef",
            "heatloss",
            "audit",
            "run",
        ],
    ),
    ("page", &[]),
    // Pages for people: entries, cards and published files; nothing that holds a frame.
    (
        "report",
        &[
            "hex", "outside", "page", "store", "detect", "tiles", "audit",
        ],
    ),
    (
        "review",
        &[
            "hex",
            "units",
            "frame",
            "store",
            "config",
            "ingest",
            "radiometry",
            "detect",
            "redact",
            "georef",
            "seal",
            "audit",
            "run",
        ],
    ),
    (
        "retention",
        &["hex", "store", "ingest", "seal", "audit", "run"],
    ),
    (
        "error",
        &[
            "answers",
            "config",
            "ingest",
            "detect",
            "georef",
            "audit",
            "store",
            "simulate",
            "run",
            "seal",
            "eval",
            "serve",
            "report",
            "review",
            "retention",
            "published",
            "compare",
            "pages",
        ],
    ),
    ("serve", &["hex", "complaints", "store", "tiles", "audit"]),
    // Not in a program that is used: whatever reads what others wrote.
    (
        "fuzzing",
        &[
            "hex",
            "units",
            "frame",
            "config",
            "ingest",
            "radiometry",
            "detect",
            "georef",
            "tiles",
            "heatloss",
            "seal",
            "audit",
            "review",
            "run",
            "serve",
        ],
    ),
    (
        "cli",
        &[
            "answers",
            "units",
            "frame",
            "config",
            "ingest",
            "radiometry",
            "detect",
            "georef",
            "audit",
            "store",
            "simulate",
            "run",
            "eval",
            "serve",
            "report",
            "review",
            "retention",
            "heatloss",
            "published",
            "compare",
            "pages",
            "seal",
            "outside",
            "error",
        ],
    ),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn of_the_crate() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&root, &mut files);
    files
}

/// The modules that code (tests left out) names after `crate::`.
fn named(text: &str) -> BTreeSet<String> {
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            let name: String = rest
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                .collect();
            if name == "Error" {
                "error".to_owned()
            } else {
                name
            }
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn edges() -> Vec<(String, String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut edges = Vec::new();
    for file in of_the_crate() {
        let relative = file.strip_prefix(&root).unwrap();
        let first = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        if ["lib", "main"].contains(&module.as_str()) || relative.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("crate::{"),
            "{}: one module a line, so that it is seen here",
            file.display()
        );
        for name in named(&text) {
            if name != module {
                edges.push((module.clone(), name, relative.to_path_buf()));
            }
        }
    }
    edges
}

#[test]
fn every_import_is_in_the_table() {
    let mut wrong = Vec::new();
    for (module, name, file) in edges() {
        let allowed = ALLOWED.iter().find(|(from, _)| *from == module);
        if !allowed.is_some_and(|(_, to)| to.contains(&name.as_str())) {
            wrong.push(format!(
                "{}: {module} must not import {name}",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_imports() {
    let seen = edges();
    assert!(
        seen.iter()
            .any(|(from, to, _)| from == "redact" && to == "detect")
    );
    assert_eq!(
        named("use crate::tiles::Mosaic; // crate::x\nlet a = crate::Error::B;").len(),
        3
    );
    assert!(named("/// crate::tiles\n#[cfg(test)]\nmod tests {\nuse crate::run;").is_empty());
}

/// `autotests` is off: a file that nobody names would be no test.
#[test]
fn every_test_file_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let (suite, package) = (read("tests/suite.rs"), read("Cargo.toml"));
    let mut files = Vec::new();
    sources(&root.join("tests"), &mut files);
    let forgotten: Vec<_> = files
        .iter()
        .map(|file| file.strip_prefix(root.join("tests")).unwrap())
        .filter_map(|file| file.components().next()?.as_os_str().to_str())
        .map(|first| first.trim_end_matches(".rs"))
        .filter(|name| {
            !suite.contains(&format!("\nmod {name};"))
                && !package.contains(&format!("[[test]]\nname = \"{name}\""))
        })
        .collect();
    assert!(files.len() > 50, "{}", files.len());
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

/// `Path::exists` takes a disk that fails for a name that is free.
#[test]
fn nobody_takes_a_disk_that_does_not_say_for_nothing_there() {
    let files = of_the_crate();
    let asks = |file: &&PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        !file.to_string_lossy().ends_with("tests.rs") && code.contains(".exists()")
    };
    let asking: Vec<_> = files.iter().filter(asks).collect();
    assert!(asking.is_empty(), "{asking:?}: `store::exists`");
}

#[test]
fn no_file_is_longer_than_the_house_allows() {
    let files = of_the_crate();
    let long: Vec<_> = files
        .iter()
        .map(|file| (fs::read_to_string(file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}
