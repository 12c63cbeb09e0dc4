//! The committed corpus, fed to the targets on every toolchain: what fuzzing found once stays mended.

use std::fs;
use std::path::{Path, PathBuf};

use super::{TARGETS, feed};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let mut names: Vec<String> = entries.map(|entry| name(entry).unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let mut programs = names(&fuzz().join("fuzz_targets"));
    for program in &mut programs {
        *program = program.strip_suffix(".rs").unwrap().to_owned();
    }
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    if cfg!(feature = "serve") {
        assert_eq!(programs, known);
        assert_eq!(names(&fuzz().join("corpus")), known);
    }
    for name in known {
        assert!(
            !names(&fuzz().join("corpus").join(name)).is_empty(),
            "{name}"
        );
    }
}

#[test]
fn the_corpus_finds_no_fault() {
    let mut fed = 0;
    for (target, _) in TARGETS {
        let folder = fuzz().join("corpus").join(target);
        for name in names(&folder) {
            let bytes = fs::read(folder.join(&name)).unwrap();
            let result = std::panic::catch_unwind(|| feed(target, &bytes));
            assert!(result.is_ok(), "fuzz/corpus/{target}/{name}");
            fed += 1;
        }
    }
    assert!(fed > 50, "only {fed} files");
}
