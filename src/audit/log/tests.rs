//! What of a log is on disk when, and what is made of it when it is opened again.

use std::fs;

use super::*;
use crate::audit::entry::{NotPublished, RunResumed};
use crate::audit::example;
use crate::store::{self, Existing, StoreError};

fn entry(number: u32) -> Entry {
    Entry::RunResumed(RunResumed {
        at: 1,
        frames: number,
    })
}

/// A folder in which no log was begun.
fn begun() -> (tempfile::TempDir, Store, Signer) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Existing::Refuse).unwrap();
    (folder, store, example::signer("test"))
}

fn lines(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let line = |frames| format!(r#"{{"at":1,"frames":{frames},"type":"run.resumed"}}"#);
    numbers.map(|number| line(number).into_bytes()).collect()
}

/// A bundle of C2SP tlog-tiles: each line behind its length in two bytes, big-endian; these are of less than 256 bytes.
fn bundle(numbers: std::ops::Range<u32>) -> Vec<u8> {
    let lines = lines(numbers).into_iter();
    let framed = lines.flat_map(|line| [vec![0, u8::try_from(line.len()).unwrap()], line]);
    framed.flatten().collect()
}

fn root(numbers: std::ops::Range<u32>) -> String {
    hex::encode(&tree::root(lines(numbers).iter().map(Vec::as_slice)))
}

fn append(log: &mut Log<'_>, numbers: std::ops::Range<u32>) {
    for number in numbers {
        log.append(&entry(number)).unwrap();
    }
}

fn damage(store: &Store, signer: &Signer) -> String {
    match Log::open(store, signer) {
        Err(AuditError::Damaged { path, problem }) if path == store.root() => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_torn_last_line_is_cut_and_the_log_goes_on() {
    let (_folder, store, signer) = begun();
    {
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        log.append(&entry(1)).unwrap();
        log.checkpoint().unwrap();
        log.file.append(br#"{"at":1,"fra"#).unwrap();
    }
    let (mut log, entries) = Log::open(&store, &signer).unwrap();
    assert_eq!(entries, [entry(1)]);
    log.append(&entry(2)).unwrap();
    log.checkpoint().unwrap();
    let (_, entries) = Log::open(&store, &signer).unwrap();
    assert_eq!(entries, [entry(1), entry(2)]);
}

#[test]
fn a_log_shorter_than_its_checkpoint_is_not_gone_on_with() {
    let (_folder, store, signer) = begun();
    let (mut log, _) = Log::open(&store, &signer).unwrap();
    log.append(&entry(1)).unwrap();
    log.append(&entry(2)).unwrap();
    log.checkpoint().unwrap();
    assert!(log.truncate(1).is_err());
    log.file.truncate(0).unwrap();
    assert!(matches!(
        Log::open(&store, &signer),
        Err(AuditError::Damaged { .. })
    ));
}

#[test]
fn a_checkpoint_is_signed_on_its_way_when_it_is_due_and_no_sooner() {
    let (folder, store, signer) = begun();
    let (mut log, _) = Log::open(&store, &signer).unwrap();
    for number in 1..=CHECKPOINT_EVERY + 1 {
        log.append(&entry(1)).unwrap();
        log.checkpoint_if_due().unwrap();
        let due = number >= CHECKPOINT_EVERY;
        assert_eq!(log.signed(), if due { CHECKPOINT_EVERY } else { 0 });
    }
    let note = fs::read(folder.path().join(layout::CHECKPOINT)).unwrap();
    let (size, _) = keys::open_checkpoint(&note, signer.verifier()).unwrap();
    assert_eq!(size, CHECKPOINT_EVERY);
    // 4096 = 16 full tiles of 256.
    let tile = folder.path().join(layout::LOG_TILES).join("0/015");
    assert_eq!(fs::read(tile).unwrap().len(), 256 * 32);
}

#[test]
fn dropping_unfinished_entries_gives_the_log_without_them() {
    let (_folder, store, signer) = begun();
    let (mut log, _) = Log::open(&store, &signer).unwrap();
    log.append(&entry(1)).unwrap();
    let root = log.tree.root();
    let withheld = NotPublished {
        frame: 0,
        reason: "x".into(),
        detail: "y".repeat(400),
        reviewed: None,
    };
    log.append(&Entry::Withheld(withheld)).unwrap();
    log.truncate(1).unwrap();
    assert_eq!((log.len(), log.tree.root()), (1, root));
}

#[test]
fn what_a_failed_append_left_is_cut_before_the_next() {
    let (folder, store, signer) = begun();
    let (mut log, _) = Log::open(&store, &signer).unwrap();
    for number in 1..3 {
        log.append(&entry(number)).unwrap();
        log.file.append(br#"{"at":1,"fra"#).unwrap();
        log.torn = true;
    }
    log.checkpoint().unwrap();
    let (_, entries) = Log::open(&store, &signer).unwrap();
    assert_eq!(entries, [entry(1), entry(2)]);
    let text = fs::read(folder.path().join(layout::LOG)).unwrap();
    assert_eq!(text.last(), Some(&b'\n'));
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_not_taken_for_none() {
    let (folder, store, signer) = begun();
    // A folder in its place: even root cannot read it as a file.
    let inside = format!("{}/x", layout::CHECKPOINT);
    store::write_secret(&folder.path().join(inside), b"").unwrap();
    assert!(matches!(
        Log::open(&store, &signer),
        Err(AuditError::Store(StoreError::Read { .. }))
    ));
}

#[test]
fn a_log_tells_its_length_root_and_next_checkpoint() {
    let (folder, store, signer) = begun();
    let (mut log, entries) = Log::open(&store, &signer).unwrap();
    assert!(log.is_empty() && entries.is_empty());
    append(&mut log, 0..3);
    assert!(!log.is_empty());
    assert_eq!((log.len(), log.signed(), log.root()), (3, 0, root(0..3)));
    let (size, head) = log.head();
    assert_eq!((size, hex::encode(&head.0)), (3, root(0..3)));
    let next = log.next_checkpoint().unwrap();
    let lines = lines(3..5);
    let behind = log.checkpoint_behind(&lines).unwrap();
    assert_eq!(log.checkpoint().unwrap(), next);
    assert_eq!(log.signed(), 3);
    let written = fs::read(folder.path().join(layout::CHECKPOINT)).unwrap();
    assert_eq!(written, next.as_bytes());
    let (size, head) = keys::open_own_checkpoint(&behind, signer.verifier()).unwrap();
    assert_eq!((size, hex::encode(&head.0)), (5, root(0..5)));
    let key = fs::read(folder.path().join(layout::VERIFIER_KEY)).unwrap();
    assert_eq!(key, format!("{}\n", signer.verifier()).into_bytes());
}

/// Paths and widths of C2SP tlog-tiles: 300 = 256 + 44, 600 = 2 * 256 + 88.
#[test]
fn a_checkpoint_writes_the_tiles_and_bundles_of_the_log_wherever_it_was_stopped() {
    let (folder, store, signer) = begun();
    let tile = |path: &str| fs::read(folder.path().join(layout::LOG_TILES).join(path));
    let hashes = |numbers| {
        let hashes: Vec<_> = lines(numbers)
            .iter()
            .map(|line| record_hash(line))
            .collect();
        hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>()
    };
    {
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        append(&mut log, 0..300);
        assert!(tile("entries/000").is_err(), "nothing is written before");
        log.checkpoint().unwrap();
        append(&mut log, 300..520);
    }
    assert_eq!(tile("entries/000").unwrap(), bundle(0..256));
    assert_eq!(tile("entries/001.p/44").unwrap(), bundle(256..300));
    assert_eq!(tile("0/000").unwrap(), hashes(0..256));
    assert_eq!(tile("0/001.p/44").unwrap(), hashes(256..300));
    assert_eq!(hex::encode(&tile("1/000.p/1").unwrap()), root(0..256));
    assert!(tile("entries/001").is_err() && tile("0/001").is_err());
    // What was filled, but not signed, before it was stopped is written with the rest.
    let (mut log, entries) = Log::open(&store, &signer).unwrap();
    assert_eq!((entries.len(), log.signed()), (520, 300));
    append(&mut log, 520..600);
    log.checkpoint().unwrap();
    assert_eq!(tile("entries/001").unwrap(), bundle(256..512));
    assert_eq!(tile("entries/002.p/88").unwrap(), bundle(512..600));
    assert_eq!(tile("0/001").unwrap(), hashes(256..512));
    assert_eq!(tile("0/002.p/88").unwrap(), hashes(512..600));
    let above = [root(0..256), root(256..512)].concat();
    assert_eq!(hex::encode(&tile("1/000.p/2").unwrap()), above);
}

#[test]
fn what_a_checkpoint_covers_is_not_kept_when_a_log_is_opened() {
    let (_folder, store, signer) = begun();
    {
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        append(&mut log, 0..256);
        log.checkpoint().unwrap();
        assert!(log.bundle.is_empty() && log.full.is_empty());
        append(&mut log, 256..512);
    }
    let (log, _) = Log::open(&store, &signer).unwrap();
    let kept: Vec<_> = log.full.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(kept, ["entries/001", "0/001"]);
}

#[test]
fn entries_behind_a_checkpoint_are_dropped_and_none_before_it() {
    let (_folder, store, signer) = begun();
    {
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        append(&mut log, 0..2);
        log.checkpoint().unwrap();
        append(&mut log, 2..300);
        for keep in [301, 300] {
            log.truncate(keep).unwrap();
            assert_eq!(log.len(), 300);
        }
        assert!(matches!(log.truncate(1), Err(AuditError::Damaged { .. })));
        assert_eq!(log.len(), 300);
        log.truncate(2).unwrap();
        append(&mut log, 7..8);
    }
    let (_, entries) = Log::open(&store, &signer).unwrap();
    assert_eq!(entries, [0, 1, 7].map(entry));
}

#[test]
fn a_log_whose_checkpoint_is_another_or_whose_lines_are_no_entries_is_not_gone_on_with() {
    let (_folder, store, signer) = begun();
    // Nothing was signed, and that is a prefix of every log.
    {
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        log.checkpoint().unwrap();
    }
    let (mut log, _) = Log::open(&store, &signer).unwrap();
    append(&mut log, 0..2);
    log.checkpoint().unwrap();
    assert!(damage(&store, &example::signer("test")).contains("its checkpoint: "));
    // As many entries, and others.
    log.file.truncate(0).unwrap();
    append(&mut log, 5..7);
    let prefix = "its checkpoint is not a prefix of the entries";
    assert_eq!(damage(&store, &signer), prefix);
    log.file.append(b"{}\n").unwrap();
    let line = "line 3 is not an entry in canonical form";
    assert_eq!(damage(&store, &signer), line);
}
