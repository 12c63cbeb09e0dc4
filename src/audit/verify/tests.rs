//! Whether a check tells what is wrong with a run, and nothing else.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::example::{Finished, Told, long, signer, whole};
use super::super::{Log, Release, RunOpened, Signer, append_after, release, tree};
use super::*;
use crate::store::{Existing, Store};

const STATEMENT: &str = "release/statement.dsse.json";

/// The root over the first entries of the log.
fn root(finished: &Finished, size: usize) -> Hash {
    let log = finished.text(layout::LOG);
    Hash(tree::root(log.lines().take(size).map(str::as_bytes)))
}

#[test]
fn a_whole_run_is_told_by_its_size_root_and_key() {
    let finished = Finished::new();
    let found = verify(finished.dir(), &finished.options()).unwrap();
    assert!(found.ok());
    let checkpoint = finished.text(layout::CHECKPOINT);
    // Origin, size and root (C2SP tlog-checkpoint).
    let lines: Vec<&str> = checkpoint.lines().collect();
    let root = hex::encode(&BASE64_STANDARD.decode(lines[2]).unwrap());
    assert_eq!(
        (found.entries.to_string(), found.root),
        (lines[1].into(), root)
    );
    assert_eq!(
        (found.checkpoint, found.key),
        (checkpoint.clone(), finished.log.verifier().into())
    );
    assert_eq!(found.notes, Vec::<String>::new());

    let own = verify(finished.dir(), &VerifyOptions::default()).unwrap();
    assert_eq!(own.key, finished.log.verifier());
    assert_eq!(own.notes, [OWN_KEY]);

    finished.replace("tiles/temperature.tif", b"changed");
    assert!(!verify(finished.dir(), &finished.options()).unwrap().ok());
}

#[test]
fn entries_behind_the_checkpoint_are_told_and_not_proved() {
    let finished = Finished::new();
    let tile = json!({"type": "tile.emitted", "path": "tiles/b", "sha256": hex::encode(&Sha256::digest("b")), "bytes": 1, "source_frames": [[0, 1]]});
    {
        let store = Store::open(finished.dir(), Existing::Keep).unwrap();
        let (mut log, _) = Log::open(&store, &finished.log).unwrap();
        log.append(&serde_json::from_value(tile).unwrap()).unwrap();
    }
    finished.replace("tiles/b", b"b");
    assert_eq!(
        finished.problems(),
        [
            "audit/tile/0/000.p/26 cannot be read (entity not found)",
            "audit/tile/entries/000.p/26 cannot be read (entity not found)",
            "the checkpoint covers 25 entries, the log has 26",
            "entries of a run follow run.closed",
        ]
    );
}

#[test]
fn proofs_are_looked_at_where_they_are_asked_for() {
    let finished = Finished::new();
    finished.replace("audit/proofs/tiles/temperature.tif.tlog-proof", b"another");
    let problems = |has_proofs: bool| {
        let found = check(finished.dir(), &finished.options(), has_proofs);
        found.unwrap().result.problems
    };
    assert_eq!(problems(false), Vec::<String>::new());
    assert_eq!(problems(true).len(), 1);
}

#[test]
fn a_log_that_was_written_anew_is_not_the_one_that_was_signed() {
    let finished = Finished::new();
    let changed = finished
        .text(layout::LOG)
        .replacen("{\"at\":6,", "{\"at\":7,", 1);
    finished.replace(layout::LOG, changed.as_bytes());
    let told = "the checkpoint has another root over the first 25 entries: the log was changed";
    assert!(finished.problems().contains(&told.into()));

    let torn = changed.replacen("{\"at\":7,", "{\"at\": 7,", 1);
    finished.replace(layout::LOG, torn.as_bytes());
    let told = "line 14 is not an entry in canonical form";
    assert!(finished.problems().contains(&told.into()));
}

/// 256 lines are a block and a tile: heads stand within the first and the second, and between.
#[test]
fn a_checkpoint_kept_elsewhere_is_of_the_beginning_of_the_log() {
    let finished = Finished::of(&long(300));
    let kept = |by: &Signer, size: usize, root: Hash| {
        finished.replace("kept", &by.checkpoint(size as u64, root).unwrap());
        let options = VerifyOptions {
            checkpoint: Some(finished.path("kept")),
            ..finished.options()
        };
        verify(finished.dir(), &options).unwrap().problems
    };
    for size in [5, 255, 256, 257, 290, 300] {
        let (right, other) = (root(&finished, size), root(&finished, size - 1));
        assert_eq!(kept(&finished.log, size, right), Vec::<String>::new());
        let told = format!(
            "the checkpoint kept elsewhere has another root over the first {size} entries: the log was changed"
        );
        assert_eq!(kept(&finished.log, size, other), [told]);
    }
    assert_eq!(
        kept(&finished.log, 301, root(&finished, 300)),
        ["the checkpoint kept elsewhere covers 301 entries, the log has only 300"]
    );
    let foreign = kept(&signer("log"), 300, root(&finished, 300));
    assert!(
        foreign[0].starts_with("the checkpoint kept elsewhere: the signature does not verify"),
        "{foreign:?}"
    );
    let none = VerifyOptions {
        checkpoint: Some(finished.path("none")),
        ..finished.options()
    };
    let none = verify(finished.dir(), &none);
    assert!(matches!(none, Err(AuditError::Io { .. })));
}

/// A cosignature over the first entries of a log, with the checkpoint that the log must have signed then.
fn cosign_first(finished: &Finished, reviewer: &Signer, size: usize) {
    let cosigner = cosign::Cosigner::parse(reviewer.verifier()).unwrap();
    let key = cosigner.verifier();
    let id = key.split('+').nth(1).unwrap();
    let checkpoint = finished
        .log
        .checkpoint(size as u64, root(finished, size))
        .unwrap();
    let checkpoint = String::from_utf8(checkpoint).unwrap();
    let head: String = checkpoint.split_inclusive('\n').take(3).collect();
    // C2SP tlog-cosignature.
    let message = format!("cosignature/v1\ntime 9\n{head}");
    let signature = reviewer.sign_bytes(message.as_bytes()).unwrap();
    let id_bytes = u32::from_str_radix(id, 16).unwrap().to_be_bytes();
    let line = [id_bytes.as_slice(), &9_u64.to_be_bytes(), &signature].concat();
    let line = format!(
        "\u{2014} {} {}\n",
        reviewer.name(),
        BASE64_STANDARD.encode(line)
    );
    finished.replace(
        &format!("audit/cosigs/{id}.vkey"),
        format!("{key}\n").as_bytes(),
    );
    let name = format!("audit/cosigs/{id}-{size}.checkpoint");
    finished.replace(&name, (checkpoint + &line).as_bytes());
}

#[test]
fn who_is_asked_for_has_cosigned_all_of_the_run() {
    let asked = |told: &Told, size: usize| {
        let (finished, jo) = (Finished::of(told), signer("jo"));
        cosign_first(&finished, &jo, size);
        let options = VerifyOptions {
            cosigners: vec![jo.verifier().to_owned()],
            ..finished.options()
        };
        let found = verify(finished.dir(), &options).unwrap();
        assert_eq!(found.cosignatures[0].size, size as u64);
        found.problems
    };
    // The 25th entry closes the run.
    assert_eq!(asked(&whole(), 25), Vec::<String>::new());
    let missing = "jo has not cosigned the finished run";
    assert_eq!(asked(&whole(), 24), [missing]);
    // A run ends once, whatever somebody adds.
    let twice = asked(&whole().again("closed", "closed"), 25);
    assert_eq!(twice, ["entries of a run follow run.closed"]);
}

/// A decision about frame 0 as the log stands now.
fn decided(finished: &Finished, person: &Signer) {
    let signed = finished.review(0).signed(&[person]).unwrap();
    append_after(finished.dir(), &finished.log, &[Entry::Review(signed)]).unwrap();
}

#[test]
fn reviewers_keys_of_the_log_itself_vouch_for_nobody() {
    let (finished, jo, kim) = (Finished::new(), signer("jo"), signer("kim"));
    let by = |reviewers: &[&Signer]| {
        let keys = reviewers
            .iter()
            .map(|reviewer| reviewer.verifier().to_owned());
        let options = VerifyOptions {
            reviewers: keys.collect(),
            ..finished.options()
        };
        let found = verify(finished.dir(), &options).unwrap();
        (found.problems.len(), found.notes)
    };
    assert_eq!(by(&[]), (0, vec![]));
    for _ in 0..2 {
        decided(&finished, &jo);
        assert_eq!(by(&[]), (0, vec![REVIEWERS_KEYS.into()]));
        assert_eq!(by(&[&kim, &jo]), (0, vec![]));
    }
    assert_eq!(by(&[&kim]), (2, vec![]));
}

#[test]
fn the_reviewed_run_is_checked_too() {
    let (before, jo, kim) = (Finished::new(), signer("jo"), signer("kim"));
    decided(&before, &jo);
    let named = super::super::read::reviewed(before.dir(), &before.entries()).unwrap();
    let named = serde_json::to_value(named.run).unwrap();
    let after = Finished::of(&whole().set("opened", "reviewed", named));
    let found = |after: &Finished, before: Option<&Finished>, reviewer: &Signer| {
        let options = VerifyOptions {
            reviewed: before.map(|before| before.dir().to_path_buf()),
            reviewers: vec![reviewer.verifier().to_owned()],
            ..after.options()
        };
        let found = verify(after.dir(), &options).unwrap();
        (found.problems, found.notes)
    };
    let (problems, notes) = found(&after, None, &jo);
    assert_eq!((problems.len(), notes.len()), (0, 1));
    assert!(notes[0].contains("give --reviewed"), "{notes:?}");
    assert_eq!(found(&after, Some(&before), &jo), (vec![], vec![]));
    let (problems, _) = found(&after, Some(&before), &kim);
    let unknown = format!(
        "the reviewed run: the decision about frame 0 was signed by {:?}, whom nobody named",
        jo.verifier()
    );
    assert_eq!(problems, [unknown]);
    let (problems, _) = found(&Finished::new(), Some(&before), &jo);
    assert_eq!(problems, ["the run follows no review"]);
    before.remove("tiles/temperature.tif");
    let (problems, _) = found(&after, Some(&before), &jo);
    assert_eq!(
        problems,
        ["the reviewed run: tiles/temperature.tif cannot be read (entity not found)"]
    );
}

/// A thousand problems are told, and how many more there are.
#[test]
fn what_is_wrong_a_thousand_times_is_not_read_to_its_end() {
    // Each entry tells of more frames with an outcome than there are.
    let wrong = |times: usize| {
        let told = whole().set("resumed", "frames", 3);
        let resumed = told.0[told.at("resumed")].clone();
        let mut told = told.without("resumed");
        let at = told.at("ingested 2");
        told.0.splice(at..at, std::iter::repeat_n(resumed, times));
        Finished::of(&told).problems()
    };
    let unread = "so much is wrong with the log that the rest was not read";
    let many = wrong(1000);
    assert_eq!((many.len(), many.contains(&unread.into())), (1000, false));
    let more = wrong(1001);
    assert_eq!((more.len(), &*more[0]), (1001, unread));
    assert_eq!(more[1000], "and 2 problems more");
}

/// What a release of the run says, before somebody changes it.
fn released(finished: &Finished) -> (String, RunOpened, Vec<PublishedFile>) {
    let entries = finished.entries();
    let Some(Entry::RunOpened(opened)) = entries.first().cloned() else {
        panic!("no run.opened");
    };
    let published = entries.iter().flat_map(files::of).collect();
    (finished.text(layout::CHECKPOINT), opened, published)
}

/// A statement about the run as it is, to somebody.
fn statement(finished: &Finished, recipient: &str, approver: &Signer) -> Vec<u8> {
    let (checkpoint, opened, published) = released(finished);
    let statement = Statement {
        at: 9,
        recipient,
        approver: "kim",
        checkpoint: &checkpoint,
        opened: &opened,
        files: &published,
    };
    statement.sign(approver).unwrap()
}

/// The entry of a release to the council, of that statement.
fn entry(finished: &Finished, statement: &[u8]) -> ReleaseApproved {
    ReleaseApproved {
        at: 9,
        recipient: "council".into(),
        approver: "kim".into(),
        statement_sha256: hex::encode(&Sha256::digest(statement)),
        size: 25,
        root: hex::encode(&root(finished, 25).0),
    }
}

/// What is wrong with a run whose log has the entry, and its folder the statement.
fn told(finished: &Finished, entry: ReleaseApproved, statement: &[u8]) -> Verification {
    append_after(finished.dir(), &finished.log, &[Entry::Release(entry)]).unwrap();
    finished.replace(STATEMENT, statement);
    verify(finished.dir(), &finished.options()).unwrap()
}

#[test]
fn a_release_is_told_where_its_statement_is_the_one_that_the_log_allows() {
    let (finished, kim) = (Finished::new(), signer("kim"));
    let said = statement(&finished, "council", &kim);
    let found = told(&finished, entry(&finished, &said), &said);
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(found.releases, [["council", "kim"]]);
    let note = format!(
        "released to \"council\" by \"kim\" with the key {}",
        kim.verifier()
    );
    assert_eq!(found.notes, [note]);

    let nobody = Vec::<[String; 2]>::new();
    let refused = |found: Verification, words: &str| {
        assert_eq!(
            (found.problems, found.releases),
            (vec![words.to_owned()], nobody.clone())
        );
    };
    let other = "release/statement.dsse.json is not the statement of the log";
    // The right words, signed by somebody else.
    let (finished, jo) = (Finished::new(), signer("jo"));
    let said = entry(&finished, &statement(&finished, "council", &kim));
    refused(
        told(&finished, said, &statement(&finished, "council", &jo)),
        other,
    );
    // The right hash, of a statement that releases to somebody else.
    let finished = Finished::new();
    let said = statement(&finished, "press", &kim);
    refused(told(&finished, entry(&finished, &said), &said), other);
}

#[test]
fn a_release_names_the_tree_head_that_it_was_made_under() {
    let kim = signer("kim");
    let head = "a release names another tree head than the one it was made under";
    let checkpoint = "release/statement.dsse.json: its checkpoint is not that of its entry";
    let changes: [fn(&mut ReleaseApproved); 2] = [
        |entry| entry.size = 24,
        |entry| entry.root = "5a".repeat(32),
    ];
    for change in changes {
        let finished = Finished::new();
        let said = statement(&finished, "council", &kim);
        let mut entry = entry(&finished, &said);
        change(&mut entry);
        assert_eq!(told(&finished, entry, &said).problems, [head, checkpoint]);
    }
}

#[test]
fn there_are_as_many_statements_as_releases() {
    let finished = Finished::new();
    finished.replace(STATEMENT, b"{}");
    let unlisted = "release/statement.dsse.json is not in the log";
    assert_eq!(finished.problems(), [unlisted]);
    finished.remove(STATEMENT);

    let to = Release {
        at: 9,
        recipient: "council".into(),
        approver: "kim".into(),
    };
    release(finished.dir(), &finished.log, &signer("kim"), &to).unwrap();
    assert_eq!(finished.problems(), Vec::<String>::new());
    finished.replace(STATEMENT, b"{}");
    assert_eq!(
        finished.problems(),
        ["release/statement.dsse.json: not a DSSE envelope"]
    );
    finished.remove(STATEMENT);
    assert_eq!(
        finished.problems(),
        ["release/statement.dsse.json cannot be read (entity not found)"]
    );
}
