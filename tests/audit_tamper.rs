//! Every change to a log is found, by `verify` and by a Go program that uses none of our code; and the
//! building blocks agree with published vectors.

#![expect(clippy::unwrap_used, reason = "test code: helpers unwrap")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use heatveil::audit::{
    Entry, Ingested, Log, Manifest, NotPublished, RunClosed, RunOpened, Signer, VerifyOptions,
    keygen, root, verify,
};
use heatveil::hex;
use heatveil::store::{Existing, Store};

/// A small finished log of three rejected frames.
struct Bench {
    folder: tempfile::TempDir,
    key: String,
}

fn entries() -> Vec<Entry> {
    let commitments = [[1_u8; 32], [2; 32], [3; 32]];
    let root = root(commitments.iter().map(<[u8; 32]>::as_slice)).unwrap();
    let mut entries = vec![Entry::RunOpened(RunOpened {
        at: 1_768_516_200,
        operator: "Prüfung & Söhne".into(),
        purpose: "test".into(),
        recipients: vec!["a".into(), "b".into()],
        heatveil: "0.1.0".into(),
        libraries: vec![],
        models: vec![],
        policy_sha256: "00".repeat(32),
        beyond_envelope: String::new(),
        manifest: Manifest {
            count: 3,
            root: hex::encode(&root),
        },
    })];
    for (frame, commitment) in (0..).zip(commitments) {
        entries.push(Entry::Ingested(Ingested {
            frame,
            commitment: hex::encode(&commitment),
            format: String::new(),
            camera: String::new(),
            bytes: 7,
        }));
        entries.push(Entry::Rejected(NotPublished {
            frame,
            reason: "not-an-image".into(),
            detail: "the file".into(),
        }));
    }
    entries.push(Entry::RunClosed(RunClosed {
        at: 1_768_516_260,
        total: 3,
        published: 0,
        withheld: 0,
        rejected: 3,
    }));
    entries
}

impl Bench {
    fn new(entries: &[Entry]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = keygen("test.example/log").unwrap();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        let signer = Signer::parse(&pair.signer, "test").unwrap();
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        for entry in entries {
            log.append(entry).unwrap();
        }
        log.checkpoint().unwrap();
        Self {
            folder,
            key: pair.verifier,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn problems(&self) -> Vec<String> {
        let options = VerifyOptions {
            checkpoint: None,
            key: Some(self.key.clone()),
        };
        verify(self.folder.path(), &options).unwrap().problems
    }

    /// What the Go program says: `None` where this machine has no Go and no test server asks for it.
    fn go(&self, older: Option<&Path>) -> Option<bool> {
        let installed = Command::new("go")
            .arg("version")
            .output()
            .is_ok_and(|output| output.status.success());
        if !installed && std::env::var_os("CI").is_none() {
            #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
            {
                eprintln!("SKIPPED: Go is not installed; `.ci/setup test` does");
            }
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/verify.sh");
        let mut command = Command::new(script);
        command
            .arg(self.folder.path())
            .arg(self.path("audit/verifier.key"))
            .args(older);
        Some(command.status().unwrap().success())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests change files behind the program's back"
)]
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_good_log_is_accepted_by_both_verifiers() {
    let bench = Bench::new(&entries());
    assert_eq!(bench.problems(), Vec::<String>::new());
    assert_ne!(bench.go(None), Some(false));
}

#[test]
fn every_changed_byte_of_log_and_checkpoint_is_found() {
    let bench = Bench::new(&entries());
    for name in ["audit/entries.jsonl", "audit/checkpoint"] {
        let path = bench.path(name);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            write(&path, &bad);
            assert!(!bench.problems().is_empty(), "{name}, byte {at}");
        }
        write(&path, &good);
    }
    for tile in ["audit/tile/0/000.p/8", "audit/tile/entries/000.p/8"] {
        let path = bench.path(tile);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[20] ^= 1;
        write(&path, &bad);
        assert!(!bench.problems().is_empty(), "{tile}");
        assert_ne!(bench.go(None), Some(true), "{tile}");
        write(&path, &good);
    }
    assert!(bench.problems().is_empty());
}

#[test]
fn every_dropped_swapped_doubled_or_cut_line_is_found() {
    let bench = Bench::new(&entries());
    let path = bench.path("audit/entries.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let mut bad = Vec::new();
    for at in 0..lines.len() {
        let without: String = lines
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != at)
            .map(|(_, line)| *line)
            .collect();
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        let mut swapped = lines.clone();
        swapped.swap(at, (at + 1) % lines.len());
        bad.extend([
            without,
            doubled.concat(),
            swapped.concat(),
            lines[..at].concat(),
        ]);
    }
    bad.push(good.trim_end().to_owned());
    for (number, text) in bad.iter().enumerate() {
        write(&path, text.as_bytes());
        assert!(!bench.problems().is_empty(), "case {number}");
        if number < 4 {
            assert_ne!(bench.go(None), Some(true), "case {number}");
        }
    }
}

#[test]
fn a_log_rewritten_with_the_same_key_is_caught_by_a_checkpoint_kept_elsewhere() {
    let bench = Bench::new(&entries());
    let kept = bench.path("kept");
    fs::read(bench.path("audit/checkpoint"))
        .map(|bytes| write(&kept, &bytes))
        .unwrap();
    let mut rewritten = entries();
    if let Entry::Rejected(rejected) = &mut rewritten[2] {
        rejected.detail = "nothing to see".into();
    }
    let pair = keygen("test.example/log").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    let signer = Signer::parse(&pair.signer, "test").unwrap();
    let checkpoint_of = |entries: &[Entry]| {
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        for entry in entries {
            log.append(entry).unwrap();
        }
        log.checkpoint().unwrap()
    };
    write(&kept, checkpoint_of(&entries()).as_bytes());
    drop(store);
    let store = Store::open(folder.path(), Existing::Replace).unwrap();
    let (mut log, _) = Log::open(&store, &signer).unwrap();
    for entry in &rewritten {
        log.append(entry).unwrap();
    }
    log.checkpoint().unwrap();
    let options = VerifyOptions {
        checkpoint: None,
        key: Some(pair.verifier.clone()),
    };
    assert!(
        verify(folder.path(), &options).unwrap().ok(),
        "alone, a rewritten log looks whole"
    );
    let options = VerifyOptions {
        checkpoint: Some(kept),
        ..options
    };
    let found = verify(folder.path(), &options).unwrap();
    assert!(
        found
            .problems
            .iter()
            .any(|problem| problem.contains("was changed")),
        "{:?}",
        found.problems
    );
}

#[test]
fn stories_that_do_not_add_up_are_found_even_when_signed() {
    let mut stories: Vec<Vec<Entry>> = Vec::new();
    for drop in [0, 2, 7] {
        let mut story = entries();
        story.remove(drop);
        stories.push(story);
    }
    let mut two_outcomes = entries();
    two_outcomes.insert(3, two_outcomes[2].clone());
    stories.push(two_outcomes);
    let mut wrong_balance = entries();
    if let Some(Entry::RunClosed(closed)) = wrong_balance.last_mut() {
        closed.published = 1;
    }
    stories.push(wrong_balance);
    let mut missing_frame = entries();
    missing_frame.drain(3..5);
    stories.push(missing_frame);
    let mut other_input = entries();
    if let Entry::Ingested(ingested) = &mut other_input[3] {
        ingested.commitment = "09".repeat(32);
    }
    stories.push(other_input);
    for (number, story) in stories.iter().enumerate() {
        assert!(!Bench::new(story).problems().is_empty(), "story {number}");
    }
}

#[test]
fn another_key_does_not_open_the_log() {
    let bench = Bench::new(&entries());
    let other = keygen("test.example/log").unwrap().verifier;
    let options = VerifyOptions {
        checkpoint: None,
        key: Some(other),
    };
    assert!(!verify(bench.folder.path(), &options).unwrap().ok());
}

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
            index < size && hashes.is_some_and(check)
        } else {
            let (new_size, old_size) = (number("size2"), number("size1"));
            let hashes = hash(&vector["root2"]).zip(hash(&vector["root1"]));
            let check = |(new, old)| check_tree(&proof, new_size, new, old_size, old).is_ok();
            (1..=new_size).contains(&old_size) && hashes.is_some_and(check)
        };
        let wanted = !vector["wantErr"].as_bool().unwrap_or_default();
        // That a log continues the empty log says nothing; the library refuses to be asked.
        let empty_prefix = !inclusion && number("size1") == 0;
        assert!(
            accepted == wanted || empty_prefix,
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
