//! The building blocks of the log agree with published vectors, and its page with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use heatveil::audit::Entry;

/// The folder of published vectors, or `None` with a plain word that it is absent.
fn vectors(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/vectors")
        .join(name);
    if folder.exists() {
        return Some(folder);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    {
        eprintln!("SKIPPED: no vectors at {}", folder.display());
    }
    None
}

fn below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// Proofs of the library under the log, against all inclusion and consistency vectors, negative ones too.
#[test]
fn merkle_proofs_agree_with_the_published_vectors() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    use tlog_tiles::{Hash, check_record, check_tree};

    let Some(folder) = vectors("merkle/testdata") else {
        return;
    };
    let mut files = Vec::new();
    below(&folder, &mut files);
    let mut checked = 0;
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "json"))
    {
        let vector: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let bytes = |value: &serde_json::Value| {
            base64::prelude::BASE64_STANDARD
                .decode(value.as_str().unwrap_or_default())
                .unwrap()
        };
        // Some vectors hold texts instead of hashes: their digests stand for them. Nothing is no hash.
        let hash = |value: &serde_json::Value| {
            let bytes = bytes(value);
            let digest = || Sha256::digest(&bytes).into();
            (!bytes.is_empty())
                .then(|| Hash(<[u8; 32]>::try_from(bytes.as_slice()).unwrap_or_else(|_| digest())))
        };
        let proof = vector["proof"].as_array();
        let proof: Vec<Hash> = proof
            .into_iter()
            .flatten()
            .map(|v| hash(v).unwrap_or(Hash([0; 32])))
            .collect();
        let number = |name: &str| vector[name].as_u64().unwrap_or_default();
        let inclusion = file
            .components()
            .any(|part| part.as_os_str() == "inclusion");
        let accepted = if inclusion {
            let (size, index) = (number("treeSize"), number("leafIdx"));
            let hashes = hash(&vector["root"]).zip(hash(&vector["leafHash"]));
            let check = |(root, leaf)| check_record(&proof, size, root, index, leaf).is_ok();
            hashes.is_some_and(check)
        } else {
            let (new_size, old_size) = (number("size2"), number("size1"));
            let hashes = hash(&vector["root2"]).zip(hash(&vector["root1"]));
            let check = |(new, old)| check_tree(&proof, new_size, new, old_size, old).is_ok();
            hashes.is_some_and(check)
        };
        let wanted = !vector["wantErr"].as_bool().unwrap_or_default();
        assert!(
            accepted == wanted,
            "{}: {accepted} instead of {wanted}",
            file.display()
        );
        checked += 1;
    }
    assert_eq!(checked, 196);
}

#[test]
fn canonical_json_agrees_with_the_published_vectors() {
    let Some(folder) = vectors("jcs/testdata") else {
        return;
    };
    let mut checked = 0;
    for entry in fs::read_dir(folder.join("input")).unwrap() {
        let input = entry.unwrap().path();
        let output = folder.join("output").join(input.file_name().unwrap());
        let value: serde_json::Value = serde_json::from_slice(&fs::read(&input).unwrap()).unwrap();
        let canonical = serde_jcs::to_vec(&value).unwrap();
        let expected = fs::read(output).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&canonical),
            String::from_utf8_lossy(expected.trim_ascii_end()),
            "{}",
            input.display()
        );
        checked += 1;
    }
    assert!(checked >= 5, "{checked}");
}

/// The examples of `docs/audit-log.md` are lines that the program reads and would write; none is missing.
#[test]
fn the_page_shows_a_true_example_of_every_entry() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit-log.md");
    let page = fs::read_to_string(page).unwrap();
    let mut shown = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with('{')) {
        assert!(Entry::from_line(line.as_bytes()).is_some(), "{line}");
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        shown.insert(entry["type"].as_str().unwrap().to_owned());
    }
    let all = [
        "buildings.emitted",
        "flight.placed",
        "frame.detected",
        "frame.ingested",
        "frame.masked",
        "frame.placed",
        "frame.rejected",
        "frame.withheld",
        "heatloss.parameters",
        "objection.applied",
        "raw.deleted",
        "release.approved",
        "review.decided",
        "run.closed",
        "run.opened",
        "run.resumed",
        "tile.emitted",
    ];
    assert_eq!(shown, all.map(String::from).into());
}
