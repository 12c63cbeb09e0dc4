//! What may follow a finished run, and what is left when it was stopped.

use super::super::example::{Finished, signer};
use super::super::{ReviewDecided, verify_proof};
use super::*;

fn to(recipient: &str, at: i64) -> Release {
    Release {
        at,
        recipient: recipient.into(),
        approver: "kim".into(),
    }
}

/// Whether the words say so, and nothing of the folder was changed by who said it.
fn refused<T: std::fmt::Debug>(
    finished: &Finished,
    words: &str,
    work: impl FnOnce() -> Result<T, AuditError>,
) {
    let before = (
        finished.bytes(layout::LOG),
        finished.bytes(layout::CHECKPOINT),
    );
    match work() {
        Err(AuditError::Unverified { problems, .. }) => {
            let said = problems.join("\n");
            assert!(said.contains(words), "{said}");
        }
        other => panic!("{other:?}"),
    }
    let after = (
        finished.bytes(layout::LOG),
        finished.bytes(layout::CHECKPOINT),
    );
    assert_eq!(before, after);
}

#[test]
fn a_finished_run_verifies() {
    let finished = Finished::new();
    assert_eq!(finished.problems(), Vec::<String>::new());
}

#[test]
fn a_release_is_signed_logged_and_proved_and_the_next_has_a_statement_of_its_own() {
    let finished = Finished::new();
    let kim = signer("kim");
    let statements = [
        "release/statement.dsse.json",
        "release/statement-2.dsse.json",
    ];
    for (at, path) in (9..).zip(statements) {
        let before = finished.entries().len();
        let (statement, checkpoint) =
            release(finished.dir(), &finished.log, &kim, &to("council", at)).unwrap();
        assert_eq!(statement, path);
        assert_eq!(checkpoint.as_bytes(), finished.bytes(layout::CHECKPOINT));
        // The second line of a checkpoint is the number of entries.
        assert_eq!(checkpoint.lines().nth(1), Some(&*(before + 1).to_string()));
    }
    let options = VerifyOptions::default();
    let found = super::super::verify(finished.dir(), &options).unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    let expected = ["council".to_owned(), "kim".to_owned()];
    assert_eq!(found.releases, [expected.clone(), expected]);
    // Every file has a proof under the last checkpoint.
    let missing = found.notes.iter().any(|note| note.contains("proof"));
    assert!(!missing, "{:?}", found.notes);
    assert!(!finished.path(".work").exists());
}

#[test]
fn a_decision_is_appended_where_it_was_signed_for_this_log_by_somebody_else() {
    let finished = Finished::new();
    let jo = signer("jo");
    let signed = finished.review(0).signed(&[&jo]).unwrap();
    let own = finished.review(0).signed(&[&finished.log]).unwrap();
    let log = &finished.log;
    let append = |review: &ReviewDecided| {
        append_after(finished.dir(), log, &[Entry::Review(review.clone())])
    };
    refused(&finished, "log's own key", || append(&own));
    let checkpoint = append(&signed).unwrap();
    assert_eq!(checkpoint.as_bytes(), finished.bytes(layout::CHECKPOINT));
    assert_eq!(finished.problems(), Vec::<String>::new());
    assert_eq!(
        finished.entries().last(),
        Some(&Entry::Review(signed.clone()))
    );
    // The log is another one now; so it is for the second of two that are appended at once.
    refused(&finished, "about another log", || append(&signed));
    let twice = [0, 1].map(|frame| {
        let signed = finished.review(frame).signed(&[&jo]).unwrap();
        Entry::Review(signed)
    });
    refused(&finished, "frame 1 was made about another log", || {
        append_after(finished.dir(), log, &twice)
    });
}

#[test]
fn the_key_that_was_given_counts_and_not_the_one_that_lies_there() {
    let finished = Finished::new();
    let other = format!("{}\n", signer("kim").verifier());
    finished.replace(layout::VERIFIER_KEY, other.as_bytes());
    append_after(finished.dir(), &finished.log, &[]).unwrap();
    let own = format!("{}\n", finished.log.verifier());
    assert_eq!(finished.bytes(layout::VERIFIER_KEY), own.as_bytes());
}

#[test]
fn who_decides_sees_the_log_before_and_its_root() {
    let finished = Finished::new();
    let entries = finished.entries();
    let decide = |before: &[Entry], root: &str| {
        assert_eq!((before, root), (&*entries, &*finished.review(0).root));
        Ok::<_, AuditError>(vec![])
    };
    append_what(finished.dir(), &finished.log, decide).unwrap();
}

#[test]
fn nothing_is_made_where_no_run_lies_and_nothing_written_where_one_does_not_verify() {
    let empty = tempfile::tempdir().unwrap();
    let (log, none) = (signer("log"), empty.path().join("none"));
    for dir in [empty.path(), &none] {
        let refused = append_after(dir, &log, &[]);
        assert!(matches!(refused, Err(AuditError::Io { .. })));
    }
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);

    let finished = Finished::new();
    let kim = signer("kim");
    let early = to("council", 6);
    refused(&finished, "order of time", || {
        release(finished.dir(), &finished.log, &kim, &early)
    });
    assert!(matches!(
        append_after(finished.dir(), &kim, &[]),
        Err(AuditError::Damaged { .. } | AuditError::Unverified { .. })
    ));
    let tile = "tiles/temperature.tif";
    finished.replace(tile, b"changed");
    refused(&finished, tile, || {
        append_after(finished.dir(), &finished.log, &[])
    });
    refused(&finished, tile, || prove(finished.dir()));
    refused(&finished, tile, || complete(finished.dir(), &finished.log));
}

#[test]
fn proofs_that_are_gone_are_written_again() {
    let finished = Finished::new();
    let tile = finished.path("tiles/temperature.tif");
    let proof = finished.path("audit/proofs/tiles/temperature.tif.tlog-proof");
    let again: [&dyn Fn(); 2] = [
        // Two tiles and the table of buildings.
        &|| assert_eq!(prove(finished.dir()).unwrap(), 3),
        &|| complete(finished.dir(), &finished.log).unwrap(),
    ];
    for again in again {
        finished.remove(layout::PROOFS);
        again();
        let found = verify_proof(&tile, &proof, &finished.options());
        assert_eq!(found.unwrap().problems, Vec::<String>::new());
    }
}

/// The states in which a kill leaves a release, made by hand: `next` signed, `lines` of its entry there, with or without statement.
fn killed(lines: usize, has_statement: bool) -> Finished {
    let finished = Finished::new();
    let store = Store::open(finished.dir(), Existing::Keep).unwrap();
    let (mut log, _) = Log::open(&store, &finished.log).unwrap();
    let entries = [9, 10].map(|at| {
        Entry::Release(ReleaseApproved {
            at,
            recipient: "council".into(),
            approver: "kim".into(),
            statement_sha256: "5a".repeat(32),
            size: 1,
            root: "5a".repeat(32),
        })
    });
    let all = entries.iter().map(|entry| entry.to_line().unwrap());
    let next = Record(log.checkpoint_behind(&all.collect::<Vec<_>>()).unwrap());
    let staged = store.stage(layout::NEXT_CHECKPOINT, &next).unwrap();
    staged.commit().unwrap();
    for entry in entries.iter().take(lines) {
        log.append(entry).unwrap();
    }
    for number in 0..if has_statement { 2 } else { 1 } {
        finished.replace(&layout::statement(number), b"{}");
    }
    drop(log);
    drop(store);
    finished
}

#[test]
fn what_was_begun_is_ended_when_all_of_it_is_there_and_taken_back_otherwise() {
    let finished = Finished::new();
    let count = finished.entries().len();
    for (lines, has_statement, expected) in [
        (0, true, count),
        (1, true, count),
        (2, false, count),
        (2, true, count + 2),
    ] {
        let killed = killed(lines, has_statement);
        let store = Store::open(killed.dir(), Existing::Keep).unwrap();
        recover(&store, &killed.log).unwrap();
        let (log, entries) = Log::open(&store, &killed.log).unwrap();
        let signed = usize::try_from(log.signed()).unwrap();
        assert_eq!(
            (entries.len(), signed),
            (expected, expected),
            "{lines} {has_statement}"
        );
        recover(&store, &killed.log).unwrap();
        assert_eq!(killed.entries().len(), expected);
    }
}

#[test]
fn entries_that_nobody_announced_are_neither_signed_nor_taken_back() {
    // Behind a run that nobody stopped; behind what was announced; as many as were, but others.
    for (finished, foreign) in [
        (Finished::new(), 1),
        (killed(2, true), 1),
        (killed(0, true), 2),
    ] {
        let store = Store::open(finished.dir(), Existing::Keep).unwrap();
        {
            let (mut log, entries) = Log::open(&store, &finished.log).unwrap();
            for _ in 0..foreign {
                log.append(entries.last().unwrap()).unwrap();
            }
        }
        let before = finished.bytes(layout::LOG);
        refused(&finished, "nobody signed", || {
            open_finished(&store, &finished.log).map(|_| ())
        });
        assert_eq!(finished.bytes(layout::LOG), before);
    }
}

#[test]
fn a_finished_log_is_opened_whatever_became_of_its_files() {
    let finished = Finished::new();
    finished.remove("tiles");
    let store = Store::open(finished.dir(), Existing::Keep).unwrap();
    let (log, entries) = open_finished(&store, &finished.log).unwrap();
    assert_eq!(entries, finished.entries());
    refuse_unsigned(&store, &log).unwrap();
}
