//! What reviewers and approvers add to a finished run: proofs, cosignatures, releases. Every change to them is found, by `verify` and by
//! a Go program that uses none of our code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use heatveil::audit::{
    AuditError, Entry, KeyPair, Log, Release, Signer, Verification, VerifyOptions, append_after,
    cosign, keygen, prove, release, root, verify, verify_proof,
};
use heatveil::hex;
use heatveil::store::{Existing, Store};
use sha2::{Digest, Sha256};

const FILES: [(&str, &[u8]); 3] = [
    ("tiles/a.tif", b"a picture of a roof"),
    ("buildings/buildings.csv", b"1,2\n"),
    ("buildings/uprn.csv", b""),
];

fn file(number: usize) -> String {
    let (path, bytes) = FILES[number];
    let sha256 = hex::encode(&Sha256::digest(bytes));
    let len = bytes.len();
    format!(r#""bytes":{len},"path":"{path}","sha256":"{sha256}""#)
}

/// A run of one frame, a file and a table of two.
fn story() -> Vec<Entry> {
    let d = "0b".repeat(32);
    let manifest = hex::encode(&root([[0x0b; 32].as_slice()]));
    let (a, b, c) = (file(0), file(1), file(2));
    [
        format!(r#"{{"at":1768516200,"beyond_envelope":"","heatveil":"0.1.0","libraries":[],"lines":["model"],"manifest":{{"count":1,"root":"{manifest}"}},"models":[{{"name":"m","sha256":"{d}"}}],"operator":"Söhne","policy_sha256":"{d}","purpose":"test","recipients":[],"retention":{{"raw":5}},"type":"run.opened"}}"#),
        format!(r#"{{"bytes":7,"camera":"","commitment":"{d}","format":"","frame":0,"type":"frame.ingested"}}"#),
        r#"{"found":[],"frame":0,"line":"model","model":"m","round":0,"type":"frame.detected"}"#.into(),
        format!(r#"{{"frame":0,"grid_px":4,"mask_sha256":"{d}","masked_pixels":0,"output_sha256":"{d}","padding_mm":500,"policies":[],"self_check":{{"found":0,"rounds":0}},"type":"frame.masked"}}"#),
        r#"{"flight_millikelvin":-1,"frames":[[0,0]],"gimbal_millikelvin":-1,"pairs":0,"reason":"the files carry no other","type":"flight.placed","yaw":"gimbal"}"#.into(),
        format!(r#"{{{a},"source_frames":[[0,0]],"type":"tile.emitted"}}"#),
        format!(r#"{{"buildings":1,"files":[{{{b}}},{{{c}}}],"footprints_sha256":"{d}","measured":1,"source_frames":[[0,0]],"type":"buildings.emitted"}}"#),
        r#"{"at":4,"published":1,"rejected":0,"total":1,"type":"run.closed","withheld":0}"#.into(),
    ]
    .iter()
    .map(|line| Entry::from_line(line.as_bytes()).unwrap())
    .collect()
}

fn deleted(at: i64) -> Entry {
    let line = format!(
        r#"{{"at":{at},"bytes":7,"category":"raw","due":5,"files":1,"frames":[[0,0]],"left":0,"missing":0,"other":0,"type":"raw.deleted"}}"#
    );
    Entry::from_line(line.as_bytes()).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests change files behind the program's back"
)]
fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests change files behind the program's back"
)]
fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

/// A finished run on disk.
struct Bench {
    folder: tempfile::TempDir,
    log: KeyPair,
    reviewer: KeyPair,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            log: keygen("test.example/log").unwrap(),
            reviewer: keygen("jo.reviewer").unwrap(),
        };
        for (path, bytes) in FILES {
            write(&bench.path(path), bytes);
        }
        bench.append(&story());
        bench
    }

    /// With proofs, a cosignature of the run, a deletion and two releases.
    fn signed_off() -> Self {
        let bench = Self::new();
        prove(bench.folder.path()).unwrap();
        bench.cosign(1_768_602_660).unwrap();
        append_after(
            bench.folder.path(),
            &bench.log_key(),
            &[deleted(1_768_602_700)],
        )
        .unwrap();
        bench.release("Example Council").unwrap();
        bench.release("Another").unwrap();
        bench
    }

    fn append(&self, entries: &[Entry]) {
        let store = Store::open(self.folder.path(), Existing::Keep).unwrap();
        let signer = self.log_key();
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        for entry in entries {
            log.append(entry).unwrap();
        }
        log.checkpoint().unwrap();
        store.clear_work().unwrap();
    }

    fn log_key(&self) -> Signer {
        Signer::parse(&self.log.signer, "log").unwrap()
    }

    fn reviewer_key(&self) -> Signer {
        Signer::parse(&self.reviewer.signer, "reviewer").unwrap()
    }

    fn cosign(&self, at: i64) -> Result<heatveil::audit::Cosignature, AuditError> {
        cosign(
            self.folder.path(),
            &self.reviewer_key(),
            at,
            &self.options(&[]),
        )
    }

    fn release(&self, recipient: &str) -> Result<(String, String), AuditError> {
        let to = Release {
            at: 1_768_689_060,
            recipient: recipient.into(),
            approver: "A. Approver".into(),
        };
        release(
            self.folder.path(),
            &self.log_key(),
            &self.reviewer_key(),
            &to,
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn options(&self, reviewers: &[&str]) -> VerifyOptions {
        VerifyOptions {
            key: Some(self.log.verifier.clone()),
            cosigners: reviewers.iter().map(ToString::to_string).collect(),
            ..VerifyOptions::default()
        }
    }

    fn verify(&self, reviewers: &[&str]) -> Verification {
        verify(self.folder.path(), &self.options(reviewers)).unwrap()
    }

    fn problems(&self) -> Vec<String> {
        self.verify(&[]).problems
    }

    fn proof(&self, published: &Path, proof: &str, reviewers: &[&str]) -> Verification {
        let proof = self.path(&format!("audit/proofs/{proof}.tlog-proof"));
        verify_proof(published, &proof, &self.options(reviewers)).unwrap()
    }

    /// All files below the folder's public parts.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap();
                    found.push(name.to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }
}

/// Runs the Go program; `None` where this machine has no Go and no test server asks for it.
fn go(arguments: &[&std::ffi::OsStr], run: Option<&Path>) -> Option<(bool, String)> {
    let installed = Command::new("go").arg("version").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI must have Go");
        #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
        {
            eprintln!("SKIPPED: Go is not installed; `.ci/setup test` does");
        }
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go");
    let mut command = match run {
        None => {
            let mut command = Command::new(folder.join("verify.sh"));
            command.args(arguments);
            command
        }
        Some(run) => {
            let mut command = Command::new("go");
            command
                .args(["test", "-count=1", "-v", "."])
                .current_dir(folder);
            command.env("HEATVEIL_RUN", run);
            for (name, value) in [
                ("GOPROXY", "off"),
                ("GOFLAGS", "-mod=mod"),
                ("GOTOOLCHAIN", "local"),
            ] {
                command.env(name, value);
            }
            command
        }
    };
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

#[test]
fn a_run_that_was_signed_off_verifies_and_says_so() {
    let bench = Bench::signed_off();
    let found = bench.verify(&[&bench.reviewer.verifier]);
    assert_eq!((found.entries, found.problems), (11, vec![]));
    let signed = &found.cosignatures[0];
    assert_eq!(
        (signed.name.as_str(), signed.at, signed.size),
        ("jo.reviewer", 1_768_602_660, 8)
    );
    let to = found
        .releases
        .iter()
        .map(|[recipient, _]| recipient.as_str());
    assert_eq!(to.collect::<Vec<_>>(), ["Example Council", "Another"]);
    let folder = bench.folder.path().as_os_str();
    let key = bench.path("audit/verifier.key");
    if let Some((good, said)) = go(&[folder, key.as_os_str()], None) {
        assert!(good, "{said}");
        for line in [
            "ok 11 entries",
            "3 published files as logged",
            "3 proofs",
            "cosigned: 8 entries by jo.reviewer",
            "2 release.approved after the run",
            "1 raw.deleted after the run",
        ] {
            assert!(said.contains(line), "{line} not in {said}");
        }
    }
}

/// Every byte of every file that anybody hands on is changed; some are dropped or doubled.
#[test]
fn every_changed_byte_of_a_run_that_was_signed_off_is_found() {
    let bench = Bench::signed_off();
    // Widths that the tree had before are not part of it any more; the key is given, not read.
    let is_old = |name: &str| name.starts_with("audit/tile/") && !name.ends_with(".p/11");
    let files = bench.files().into_iter();
    let unread = [
        "audit/verifier.key",
        "audit/checkpoint.next",
        ".heatveil.lock",
    ];
    let files = files.filter(|name| !is_old(name) && !unread.contains(&name.as_str()));
    let mut cases = 0;
    for name in files {
        let good = bench.read(&name);
        for at in 0..good.len() {
            let mut bad = vec![good.clone()];
            bad[0][at] ^= 1;
            // A byte more or less shifts all behind it, whichever it is.
            if at % 32 == 0 || at + 1 == good.len() {
                bad.extend([good.clone(), good.clone()]);
                bad[1].remove(at);
                bad[2].insert(at, good[at]);
            }
            for bad in bad {
                write(&bench.path(&name), &bad);
                assert!(!bench.problems().is_empty(), "{name}, byte {at}");
                cases += 1;
            }
        }
        remove(&bench.path(&name));
        // A proof is a copy of what the log says; so is a key without cosignatures. Everything else is missed.
        assert!(
            !bench.problems().is_empty() || name.starts_with("audit/cosigs/"),
            "{name} gone"
        );
        write(&bench.path(&name), &good);
    }
    assert_eq!(bench.problems(), Vec::<String>::new());
    assert!(cases > 10_000, "{cases}");
    if let Some((good, said)) = go(&[], Some(bench.folder.path())) {
        assert!(good && said.contains("cases"), "{said}");
    }
}

#[test]
fn files_that_nobody_signed_are_found() {
    let bench = Bench::signed_off();
    for name in [
        "audit/proofs/tiles/b.tif.tlog-proof",
        "audit/cosigs/x",
        "audit/cosigs/00000000-8.checkpoint",
        "release/statement-3.dsse.json",
        "release/notes.txt",
    ] {
        write(&bench.path(name), b"x");
        let found = bench.problems();
        assert!(
            found.iter().any(|problem| problem.contains(name)),
            "{name}: {found:?}"
        );
        remove(&bench.path(name));
    }
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[test]
fn a_file_is_verified_with_its_proof_alone() {
    let bench = Bench::signed_off();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("from the council.csv");
    for (path, bytes) in FILES {
        write(&copy, bytes);
        for published in [copy.as_path(), bench.folder.path()] {
            let found = bench.proof(published, path, &[]);
            assert_eq!((found.entries, found.problems), (11, vec![]));
        }
        if let Some((good, said)) = go(
            &[
                "-proof".as_ref(),
                bench
                    .path(&format!("audit/proofs/{path}.tlog-proof"))
                    .as_ref(),
                copy.as_ref(),
                bench.path("audit/verifier.key").as_ref(),
            ],
            None,
        ) {
            assert!(good && said.contains(path), "{said}");
        }
    }
    write(&copy, b"a picture of a rooF");
    let found = bench.proof(&copy, "tiles/a.tif", &[]).problems;
    assert!(
        found[0].contains("not the file that the proof is about"),
        "{found:?}"
    );
    write(&copy, FILES[0].1);
    let found = bench.proof(&copy, "buildings/uprn.csv", &[]).problems;
    assert!(found[0].contains("not the file"), "{found:?}");
    // Another log, another key, no key.
    let other = Bench::new();
    let proof = bench.path("audit/proofs/tiles/a.tif.tlog-proof");
    let foreign = verify_proof(&copy, &proof, &other.options(&[])).unwrap();
    assert!(foreign.problems[0].contains("signature"), "{foreign:?}");
    let none = verify_proof(&copy, &proof, &VerifyOptions::default()).unwrap();
    assert!(none.problems[0].contains("--key"), "{none:?}");
    // A cosignature that the proof's checkpoint does not bear.
    let missing = bench.proof(&copy, "tiles/a.tif", &[&bench.reviewer.verifier]);
    assert!(
        missing.problems[0].contains("no cosignature"),
        "{missing:?}"
    );
}

#[test]
fn every_changed_byte_of_a_proof_is_found_without_the_run() {
    let bench = Bench::signed_off();
    let good = bench.read("audit/proofs/tiles/a.tif.tlog-proof");
    let copy = bench.path("copy");
    write(&copy, FILES[0].1);
    let proof = bench.path("proof");
    for at in 0..good.len() {
        for bit in [1, 2, 0x20] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            write(&proof, &bad);
            let found = verify_proof(&copy, &proof, &bench.options(&[])).unwrap();
            assert!(!found.ok(), "byte {at}, bit {bit}");
        }
        write(&proof, &good[..at]);
        let found = verify_proof(&copy, &proof, &bench.options(&[])).unwrap();
        assert!(!found.ok(), "cut at {at}");
    }
}

#[test]
fn a_reviewer_who_is_required_must_have_cosigned_the_finished_run() {
    let bench = Bench::new();
    let key = bench.reviewer.verifier.clone();
    let found = bench.verify(&[&key]).problems;
    assert_eq!(found, ["jo.reviewer has not cosigned the finished run"]);
    let signed = bench.cosign(5).unwrap();
    assert!(bench.verify(&[&key]).ok());
    assert!(
        bench.verify(&[&signed.key]).ok(),
        "the key of type 0x04 too"
    );
    let other = keygen("jo.reviewer").unwrap().verifier;
    assert!(!bench.verify(&[&other]).ok());
    assert!(verify(bench.folder.path(), &bench.options(&["nonsense"])).is_err());
    // The run goes on, the cosignature stays; a log that was written anew has none that fits.
    append_after(bench.folder.path(), &bench.log_key(), &[deleted(6)]).unwrap();
    assert!(bench.verify(&[&key]).ok());
    let mut anew = Bench::new();
    anew.log = KeyPair {
        signer: bench.log.signer.clone(),
        verifier: bench.log.verifier.clone(),
    };
    for name in ["audit/entries.jsonl", "audit/checkpoint"] {
        remove(&anew.path(name));
    }
    let mut other = story();
    if let Entry::RunOpened(opened) = &mut other[0] {
        opened.purpose = "another".into();
    }
    anew.append(&other);
    assert!(anew.verify(&[]).ok());
    for name in bench
        .files()
        .iter()
        .filter(|name| name.starts_with("audit/cosigs/"))
    {
        write(&anew.path(name), &bench.read(name));
    }
    let found = anew.problems();
    assert!(found[0].contains("the log was changed"), "{found:?}");
}

#[test]
fn nothing_is_signed_off_that_does_not_verify() {
    let bench = Bench::new();
    let tile = bench.path(FILES[0].0);
    write(&tile, b"another");
    let before = bench.files();
    for refused in [
        bench.cosign(5).map(drop),
        bench.release("x").map(drop),
        prove(bench.folder.path()).map(drop),
        append_after(bench.folder.path(), &bench.log_key(), &[deleted(5)]).map(drop),
    ] {
        assert!(
            matches!(refused, Err(AuditError::Unverified { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(bench.files(), before);
}

/// Whoever may write into the folder, but has no key, adds an entry with all its tiles.
#[test]
fn entries_behind_the_checkpoint_are_found() {
    let bench = Bench::new();
    let signed = bench.read("audit/checkpoint");
    bench.append(&[deleted(5)]);
    assert!(bench.verify(&[]).ok());
    write(&bench.path("audit/checkpoint"), &signed);
    assert_eq!(
        bench.problems(),
        ["the checkpoint covers 8 entries, the log has 9"]
    );
    let key = bench.path("audit/verifier.key");
    let go = go(&[bench.folder.path().as_os_str(), key.as_os_str()], None);
    assert!(go.is_none_or(|(good, _)| !good));
    // Nor does anybody go on with them.
    let refused = append_after(bench.folder.path(), &bench.log_key(), &[deleted(6)]);
    assert!(
        matches!(refused, Err(AuditError::Unverified { .. })),
        "{refused:?}"
    );
}

/// A signature's line that anybody can write: it is of nobody, and no report may name it.
#[test]
fn a_line_of_nobody_under_the_checkpoint_is_found_and_not_cosigned() {
    let bench = Bench::new();
    let signed = bench.read("audit/checkpoint");
    let line = "\u{2014} ico.org.uk AAAAAAAA\n".as_bytes();
    let more = [signed.as_slice(), line].concat();
    write(&bench.path("audit/checkpoint"), &more);
    assert_eq!(
        bench.problems(),
        ["the checkpoint: it holds more than one signature of the log"]
    );
    let key = bench.path("audit/verifier.key");
    let go = || go(&[bench.folder.path().as_os_str(), key.as_os_str()], None);
    assert!(go().is_none_or(|(good, said)| !good && said.contains("more than one signature")));
    for refused in [
        prove(bench.folder.path()).map(drop),
        bench.cosign(5).map(drop),
    ] {
        assert!(
            matches!(refused, Err(AuditError::Unverified { .. })),
            "{refused:?}"
        );
    }
    // A checkpoint that was kept elsewhere may bear the signatures of others.
    write(&bench.path("audit/checkpoint"), &signed);
    write(&bench.path("kept"), &more);
    let options = VerifyOptions {
        checkpoint: Some(bench.path("kept")),
        ..bench.options(&[])
    };
    let found = verify(bench.folder.path(), &options).unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    bench.cosign(5).unwrap();
    assert!(bench.verify(&[&bench.reviewer.verifier]).ok());
    assert!(go().is_none_or(|(good, _)| good));
}

#[test]
fn an_append_that_was_interrupted_is_completed_or_undone() {
    let bench = Bench::new();
    let add = |at| append_after(bench.folder.path(), &bench.log_key(), &[deleted(at)]).unwrap();
    let before = bench.read("audit/checkpoint");
    add(5);
    // Killed between the last line and the checkpoint: all is there.
    write(&bench.path("audit/checkpoint"), &before);
    add(6);
    assert_eq!((bench.verify(&[]).entries, bench.problems()), (10, vec![]));
    // Killed within a line: nothing of it stays.
    let before = bench.read("audit/checkpoint");
    add(7);
    write(&bench.path("audit/checkpoint"), &before);
    let log = bench.read("audit/entries.jsonl");
    write(&bench.path("audit/entries.jsonl"), &log[..log.len() - 9]);
    add(8);
    assert_eq!((bench.verify(&[]).entries, bench.problems()), (11, vec![]));
    let log = String::from_utf8(bench.read("audit/entries.jsonl")).unwrap();
    assert!(!log.contains("\"at\":7,") && log.contains("\"at\":8,"));
    // Killed before the statement of a release had its name.
    let before = bench.read("audit/checkpoint");
    let (statement, _) = bench.release("Example Council").unwrap();
    write(&bench.path("audit/checkpoint"), &before);
    remove(&bench.path(&statement));
    bench.release("Another").unwrap();
    assert_eq!((bench.verify(&[]).entries, bench.problems()), (12, vec![]));
}

/// A statement that somebody else with the approver's key made for the same log is not the one of the log.
#[test]
fn a_statement_of_another_release_is_not_taken() {
    let bench = Bench::signed_off();
    let (one, other) = (
        "release/statement.dsse.json",
        "release/statement-2.dsse.json",
    );
    let (first, second) = (bench.read(one), bench.read(other));
    write(&bench.path(one), &second);
    write(&bench.path(other), &first);
    let found = bench.problems();
    assert!(
        found.iter().any(|problem| problem.contains("statement")),
        "{found:?}"
    );
}
