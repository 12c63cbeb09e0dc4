//! Rules of the log that a small run shows: what stands behind it, which paths its entries publish, and that its proofs are there.

#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use heatveil::audit::{
    AuditError, Entry, ReviewDecided, Signer, VerifyOptions, append_after, append_what, keygen,
    prove, read, root_of, verify,
};
use heatveil::run::Silent;

use crate::common::{self, dji_frames, write, write_keys};

const AT: i64 = 1_768_516_200;

/// A finished run of one frame.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_keys(folder.path());
        let (name, bytes) = dji_frames().swap_remove(0);
        write(&folder.path().join("in").join(name), &bytes);
        let settings = "[survey.retention]\nraw-days = 1";
        let run = common::run(folder.path(), "in", "out", settings);
        run.execute(&mut Silent).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn log(&self) -> Signer {
        Signer::load(&self.path("log.key")).unwrap()
    }

    fn problems(&self) -> Vec<String> {
        let options = VerifyOptions::default();
        verify(&self.path("out"), &options).unwrap().problems
    }

    fn heatveil(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heatveil"));
        let command = command.args(arguments).current_dir(self.0.path());
        let output = command
            .env("SOURCE_DATE_EPOCH", AT.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    }
}

fn decision(root: &str, at: i64) -> ReviewDecided {
    let jo = Signer::parse(&keygen("jo").unwrap().signer, "jo").unwrap();
    let decision = ReviewDecided {
        at,
        frame: 0,
        decision: "reject".into(),
        reason: String::new(),
        hide: Vec::new(),
        open: Vec::new(),
        root: root.to_owned(),
        signatures: Vec::new(),
    };
    decision.signed(&[&jo]).unwrap()
}

fn refused(result: Result<String, AuditError>) -> String {
    match result.unwrap_err() {
        AuditError::Unverified { problems, .. } => problems.join("; "),
        other => other.to_string(),
    }
}

#[test]
fn what_does_not_fit_behind_a_run_is_not_appended() {
    let bench = Bench::new();
    let (out, log) = (bench.path("out"), bench.log());
    let before = fs::read(out.join("audit/entries.jsonl")).unwrap();
    let root = root_of(&read(&out).unwrap()).unwrap();

    let elsewhere = Entry::Review(decision(&"07".repeat(32), AT + 60));
    let said = refused(append_after(&out, &log, &[elsewhere]));
    assert!(said.contains("made about another log"), "{said}");
    // The second of two is about the log with the first.
    let twice = [0, 1].map(|more| Entry::Review(decision(&root, AT + 60 + more)));
    let said = refused(append_after(&out, &log, &twice));
    assert!(said.contains("made about another log"), "{said}");
    let early = Entry::Review(decision(&root, AT - 1));
    let said = refused(append_after(&out, &log, &[early]));
    assert!(said.contains("order of time"), "{said}");
    assert_eq!(fs::read(out.join("audit/entries.jsonl")).unwrap(), before);

    append_what(&out, &log, |_, root| {
        Ok::<_, AuditError>(vec![Entry::Review(decision(root, AT + 60))])
    })
    .unwrap();
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[test]
fn proofs_that_are_all_gone_are_missed() {
    let bench = Bench::new();
    let proofs = bench.path("out/audit/proofs");
    remove(&proofs);
    let notes = || {
        let options = VerifyOptions::default();
        verify(&bench.path("out"), &options).unwrap().notes
    };
    let told = || {
        notes()
            .iter()
            .any(|note| note.contains("audit/proofs is not there"))
    };
    assert!(told(), "{:?}", notes());
    assert_eq!(bench.problems(), Vec::<String>::new());
    prove(&bench.path("out")).unwrap();
    assert!(proofs.exists() && !told());
    // One that is gone alone is a problem.
    remove(&proofs.join("tiles"));
    assert!(bench.problems()[0].contains("audit/proofs/tiles"));
}

#[test]
fn options_that_would_be_passed_over_are_refused() {
    let bench = Bench::new();
    let proof = "out/audit/proofs/tiles/temperature.tif.tlog-proof";
    let (code, said) = bench.heatveil(&["verify", "out", "--proof", proof]);
    assert_eq!(code, Some(0), "{said}");
    for more in [["--reviewer", "log.key"], ["--reviewed", "out"]] {
        let (code, said) = bench.heatveil(&["verify", "out", "--proof", proof, more[0], more[1]]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("cannot be used with"), "{said}");
    }
    // A time ahead of the clock is for looking, not for deleting.
    let later = (AT + 2 * 86_400).to_string();
    let keys = ["--log-key", "log.key", "--commitment-key", "commitment.key"];
    let (code, said) = bench.heatveil(&["purge", "out", "--now", &later]);
    assert_eq!(code, Some(3), "{said}");
    let delete = [&["purge", "out", "--delete", "--now", &later], &keys[..]].concat();
    let (code, said) = bench.heatveil(&delete);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("ahead of the clock"), "{said}");
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[expect(clippy::disallowed_methods, reason = "tests prepare their own inputs")]
fn remove(folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
}
