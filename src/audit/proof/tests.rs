//! What a proof shows, and what does not pass for one.

use std::fs;

use serde_json::{Value, json};

use super::super::example::{FILE, Finished, long, signer, whole, with};
use super::super::{cosign as cosigned, prove};
use super::*;

const TILE: &str = "tiles/temperature.tif";
const PROOF: &str = "audit/proofs/tiles/temperature.tif.tlog-proof";

/// What is wrong with the file of a run by the proof that lies there.
fn wrong(finished: &Finished, published: &str) -> Vec<String> {
    let found = verify_proof(
        &finished.path(published),
        &finished.path(PROOF),
        &finished.options(),
    );
    found.unwrap().problems
}

fn entry(value: Value) -> Entry {
    serde_json::from_value(value).unwrap()
}

#[test]
fn an_entry_is_proved_where_it_publishes_a_file_that_the_one_before_does_not() {
    let told = whole();
    let value = |label: &str| told.value(label);
    let tile = value("temperature");
    let part = with(tile.clone(), "source_frames", json!([[3, 4]]));
    let table = |names: &[&str]| {
        let file = |name: &&str| json!({"path": name, "sha256": "5a".repeat(32), "bytes": 9});
        let files: Vec<Value> = names.iter().map(file).collect();
        with(value("buildings"), "files", files)
    };
    let (one, two) = (
        table(&["buildings/a"]),
        table(&["buildings/a", "buildings/b"]),
    );
    for (before, next, is_proved) in [
        (&tile, &value("closed"), false),
        (&tile, &part, false),
        (&tile, &value("heat tile"), true),
        (&one, &two, true),
        (&two, &one, false),
        (&one, &tile, true),
    ] {
        let before = Publication::of(3, &entry(before.clone()), &[]).unwrap();
        let next = entry(next.clone());
        let found = Publication::of(4, &next, &[before]);
        assert_eq!(found.is_some(), is_proved, "{next:?}");
        if let Some(found) = found {
            assert_eq!((found.index, found.line), (4, next.to_line().unwrap()));
        }
    }
}

#[test]
fn a_folder_has_the_proofs_of_its_files_and_no_others() {
    let finished = Finished::new();
    let right = finished.text(PROOF);
    let gone = format!("{PROOF} cannot be read (entity not found)");
    finished.remove(PROOF);
    assert_eq!(finished.problems(), [gone]);
    let other = format!(
        "{PROOF} is not the proof of its file under this checkpoint; `heatveil prove` writes it anew"
    );
    finished.replace(PROOF, right.replacen("index 20", "index 21", 1).as_bytes());
    assert_eq!(finished.problems(), [other]);
    finished.replace(PROOF, right.as_bytes());
    finished.replace("audit/proofs/tiles/b.tlog-proof", right.as_bytes());
    assert_eq!(
        finished.problems(),
        ["audit/proofs/tiles/b.tlog-proof is not in the log"]
    );
}

#[test]
fn proofs_that_somebody_took_away_are_noted() {
    let finished = Finished::new();
    let notes = || {
        let found = super::super::verify(finished.dir(), &finished.options()).unwrap();
        assert_eq!(found.problems, Vec::<String>::new());
        found.notes
    };
    assert_eq!(notes(), Vec::<String>::new());
    finished.remove(layout::PROOFS);
    let gone = "audit/proofs is not there: no file can be checked apart from the run; `heatveil prove` writes the proofs anew";
    assert_eq!(notes(), [gone]);
    // Nothing was published: there is nothing to prove.
    assert_eq!(missing(finished.dir(), &[]), None);
}

/// 300 lines: a hash of the second tile's and one of the next level's are on the way to the root.
#[test]
fn a_proof_leads_over_more_than_one_tile() {
    let finished = Finished::of(&long(300));
    assert_eq!(wrong(&finished, TILE), Vec::<String>::new());
    let tile = "audit/tile/0/001.p/44";
    let bytes = fs::read(finished.path(tile)).unwrap();
    for (bytes, words) in [
        (&bytes[32..], "0/001.p/44 has another length"),
        (&[&[0; 32], &bytes[32..]].concat(), "inconsistent"),
    ] {
        finished.replace(tile, bytes);
        let problems = finished.problems();
        assert!(
            problems.iter().any(|problem| problem.contains(words)),
            "{problems:?}"
        );
    }
    assert!(prove(finished.dir()).is_err());
}

/// C2SP tlog-proof: "extra" and "index", the hashes, an empty line, the checkpoint.
#[test]
fn a_proof_is_read_in_its_one_form() {
    let finished = Finished::new();
    let right = finished.text(PROOF);
    let (head, checkpoint) = right.split_once("\n\n").unwrap();
    let lines: Vec<&str> = head.split('\n').collect();
    assert_eq!(lines[2], "index 20");
    let read_right = read(right.as_bytes()).unwrap();
    let line = entry(whole().0[20].1.clone()).to_line().unwrap();
    assert_eq!((read_right.line, read_right.index), (line, 20));
    // 25 leaves: from the 21st up through its subtrees of 2, 4 and 8, then that of 16 to the left and the last leaf to the right.
    assert_eq!((lines.len() - 3, read_right.hashes.len()), (5, 5));
    assert_eq!(read_right.checkpoint, checkpoint.as_bytes());
    for (from, to, words) in [
        (
            "c2sp.org/tlog-proof@v1\n",
            "",
            "it does not begin with c2sp.org/tlog-proof@v1",
        ),
        (
            "@v1",
            "@v2",
            "it does not begin with c2sp.org/tlog-proof@v1",
        ),
        (lines[1], "extra !", "it holds no entry as `extra`"),
        (lines[1], &lines[1][6..], "it holds no entry as `extra`"),
        ("\nindex 20", "", "it has no index"),
        ("index 20", "index +20", "it has no index"),
        ("index 20", "index 020", "it has no index"),
        ("index 20", "index -1", "it has no index"),
        (lines[3], "AAAA", "a line is not a hash"),
        (lines[3], lines[1], "a line is not a hash"),
    ] {
        let changed = right.replacen(from, to, 1);
        assert_eq!(read(changed.as_bytes()).unwrap_err(), words, "{from} {to}");
    }
    assert_eq!(read(head.as_bytes()).unwrap_err(), "it has no checkpoint");
    assert_eq!(read(&[0xff]).unwrap_err(), "it is not text");
}

#[test]
fn a_file_or_its_whole_run_is_checked_with_a_proof_alone() {
    let finished = Finished::new();
    let whole_run = super::super::verify(finished.dir(), &finished.options()).unwrap();
    let found = verify_proof(
        &finished.path(TILE),
        &finished.path(PROOF),
        &finished.options(),
    );
    let found = found.unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(
        found.notes,
        ["the file was published as tiles/temperature.tif"]
    );
    assert_eq!(
        (found.entries, found.root),
        (whole_run.entries, whole_run.root)
    );
    assert_eq!(found.checkpoint, whole_run.checkpoint);

    let by_folder = |options: &VerifyOptions| {
        let found = verify_proof(finished.dir(), &finished.path(PROOF), options);
        let found = found.unwrap();
        (found.problems, found.notes)
    };
    let none = Vec::<String>::new();
    assert_eq!(by_folder(&finished.options()), (none.clone(), none.clone()));
    let own = vec![super::super::verify::OWN_KEY.to_owned()];
    assert_eq!(by_folder(&VerifyOptions::default()), (none, own));
    let key = "who signed cannot be told without the log's verifier key; give it with --key";
    let file = verify_proof(
        &finished.path(TILE),
        &finished.path(PROOF),
        &VerifyOptions::default(),
    );
    assert_eq!(file.unwrap().problems, [key]);
    finished.remove(layout::VERIFIER_KEY);
    for (proof, options) in [
        (PROOF, VerifyOptions::default()),
        ("none", finished.options()),
    ] {
        let unreadable = verify_proof(finished.dir(), &finished.path(proof), &options);
        assert!(matches!(unreadable, Err(AuditError::Io { .. })));
    }
}

#[test]
fn another_file_is_not_the_published_one() {
    let finished = Finished::new();
    for other in [&b"Published"[..], b"published "] {
        finished.replace("other", other);
        let words = format!(
            "{} is not the file that the proof is about",
            finished.path("other").display()
        );
        assert_eq!(wrong(&finished, "other"), [words]);
    }
    finished.replace("copy", FILE);
    assert_eq!(wrong(&finished, "copy"), Vec::<String>::new());
    finished.replace(TILE, b"changed");
    assert_eq!(
        wrong(&finished, ""),
        ["tiles/temperature.tif is not the file of the log"]
    );
}

#[test]
fn a_proof_that_was_changed_shows_nothing() {
    let finished = Finished::new();
    let right = finished.text(PROOF);
    let changed = |changed: &str| {
        finished.replace(PROOF, changed.as_bytes());
        wrong(&finished, TILE)
    };
    let unled = "the proof does not lead from the entry to the checkpoint's root";
    assert_eq!(changed(&right.replacen("index 20", "index 19", 1)), [unled]);
    // The last entry, which publishes nothing, and what is no entry.
    for (line, words) in [
        (
            entry(whole().0[24].1.clone()).to_line().unwrap(),
            "the entry of the proof publishes no file",
        ),
        (b"{}".to_vec(), "the proof holds no canonical entry"),
    ] {
        let head = right.split('\n').nth(1).unwrap();
        let extra = format!("extra {}", BASE64_STANDARD.encode(line));
        assert_eq!(changed(&right.replacen(head, &extra, 1)), [unled, words]);
    }
    let unsigned = changed(&right.replacen("\n25\n", "\n24\n", 1));
    assert_eq!(unsigned.len(), 1);
    assert!(
        unsigned[0].starts_with("the proof's checkpoint: the signature does not verify"),
        "{unsigned:?}"
    );
    assert_eq!(changed("a proof"), ["the proof: it has no checkpoint"]);
}

#[test]
fn a_reviewer_who_is_asked_for_signed_the_checkpoint_of_the_proof() {
    let (finished, jo) = (Finished::new(), signer("jo"));
    let made = cosigned(finished.dir(), &jo, 9, &VerifyOptions::default()).unwrap();
    let id = made.key.split('+').nth(1).unwrap();
    let checkpoint = finished.text(&format!("audit/cosigs/{id}-25.checkpoint"));
    let line = checkpoint.lines().last().unwrap();
    let asked = || {
        let options = VerifyOptions {
            cosigners: vec![jo.verifier().to_owned()],
            ..finished.options()
        };
        let found = verify_proof(&finished.path(TILE), &finished.path(PROOF), &options);
        found.unwrap().problems
    };
    assert_eq!(
        asked(),
        ["the proof's checkpoint bears no cosignature of jo"]
    );
    let both = format!("{}{line}\n", finished.text(PROOF));
    finished.replace(PROOF, both.as_bytes());
    assert_eq!(asked(), Vec::<String>::new());
}
