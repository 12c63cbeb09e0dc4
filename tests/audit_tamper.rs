//! Every change to a log is found, by `verify` and by a Go program that uses none of our code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use heatveil::audit::{
    AuditError, DecidedMask, Detected, Entry, Found, Ingested, Log, Manifest, Masked, ModelId,
    NotPublished, Policy, RawDeleted, Retention, ReviewDecided, RunClosed, RunOpened, RunResumed,
    SelfCheck, Signer, TileEmitted, Verification, VerifyOptions, append_after, keygen, root,
    verify,
};
use heatveil::hex;
use heatveil::store::{Existing, Store};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const TILE: &[u8] = b"a picture of a roof";

/// A small finished run: frame 0 published, 1 withheld after an interruption, 2 rejected, one tile.
fn entries() -> Vec<Entry> {
    let mut entries = vec![opened(3)];
    entries.extend(published(0));
    entries.push(Entry::RunResumed(RunResumed {
        at: 1_768_516_230,
        frames: 1,
    }));
    entries.extend([ingested(1), detected(1)]);
    entries.push(Entry::Withheld(NotPublished {
        frame: 1,
        reason: "self-check".into(),
        detail: "still found after the mask had grown: person".into(),
        reviewed: None,
    }));
    entries.extend(rejected(2));
    entries.push(tile([0, 0]));
    entries.push(closed([3, 1, 1, 1]));
    entries
}

/// A finished run of `count` frames, all but the first rejected: 2 x `count` + 4 entries.
fn long(count: u32) -> Vec<Entry> {
    let mut entries = vec![opened(count)];
    entries.extend(published(0));
    entries.extend((1..count).flat_map(rejected));
    entries.push(tile([0, 0]));
    entries.push(closed([count, 1, 0, count - 1]));
    entries
}

fn commitment(frame: u32) -> [u8; 32] {
    Sha256::digest(frame.to_be_bytes()).into()
}

fn opened(count: u32) -> Entry {
    let commitments: Vec<_> = (0..count).map(commitment).collect();
    let root = root(commitments.iter().map(<[u8; 32]>::as_slice));
    Entry::RunOpened(RunOpened {
        at: 1_768_516_200,
        operator: "Prüfung & Söhne".into(),
        purpose: "test".into(),
        recipients: vec!["a".into(), "b".into()],
        heatveil: "0.1.0".into(),
        libraries: vec![],
        lines: vec!["model".into()],
        models: vec![ModelId {
            name: "m".into(),
            sha256: "0a".repeat(32),
            skips: false,
        }],
        policy_sha256: "00".repeat(32),
        beyond_envelope: String::new(),
        manifest: Manifest {
            count,
            root: hex::encode(&root),
        },
        intake_key: None,
        retention: Retention {
            raw: Some(5),
            ..Retention::default()
        },
        reviewed: None,
    })
}

fn ingested(frame: u32) -> Entry {
    Entry::Ingested(Ingested {
        frame,
        commitment: hex::encode(&commitment(frame)),
        format: String::new(),
        camera: String::new(),
        bytes: 7,
        sealed: false,
    })
}

fn look(frame: u32, line: &str, source: Option<u32>, round: u32) -> Entry {
    Entry::Detected(Detected {
        frame,
        line: line.into(),
        model: (line == "model").then(|| "m".into()),
        source,
        skipped: None,
        round,
        found: vec![Found {
            class: "person".into(),
            bbox: [1, 2, 9, 11],
            score: 912,
            sure: true,
        }],
    })
}

fn detected(frame: u32) -> Entry {
    look(frame, "model", None, 0)
}

fn warm_spots(frame: u32) -> Entry {
    look(frame, "warm-spots", None, 0)
}

fn carried(frame: u32, source: u32) -> Entry {
    look(frame, "carry", Some(source), 0)
}

fn published(frame: u32) -> [Entry; 3] {
    let masked = Entry::Masked(Masked {
        frame,
        policies: vec![Policy {
            class: "person".into(),
            policy: "nodata".into(),
        }],
        padding_mm: 500,
        grid_px: 4,
        mask_sha256: "0b".repeat(32),
        masked_pixels: 256,
        pixels: None,
        output_sha256: "0c".repeat(32),
        self_check: SelfCheck {
            found: 0,
            rounds: 0,
        },
        reviewed: None,
    });
    [ingested(frame), detected(frame), masked]
}

fn placed(frame: u32) -> Entry {
    let line = format!(
        r#"{{"frame":{frame},"matches":0,"offset_mk":0,"shift_mm":[0,0,0],"turn_urad":[0,0,0],"type":"frame.placed"}}"#
    );
    Entry::from_line(line.as_bytes()).unwrap()
}

fn rejected(frame: u32) -> [Entry; 2] {
    let rejected = Entry::Rejected(NotPublished {
        frame,
        reason: "not-an-image".into(),
        detail: "the file".into(),
        reviewed: None,
    });
    [ingested(frame), rejected]
}

fn tile(source_frames: [u32; 2]) -> Entry {
    Entry::TileEmitted(TileEmitted {
        path: "tiles/a.tif".into(),
        sha256: hex::encode(&Sha256::digest(TILE)),
        bytes: TILE.len() as u64,
        source_frames: vec![source_frames],
    })
}

fn closed([total, published, withheld, rejected]: [u32; 4]) -> Entry {
    Entry::RunClosed(RunClosed {
        // Before what is decided here.
        at: 4,
        total,
        published,
        withheld,
        rejected,
    })
}

/// A run on disk.
struct Bench {
    folder: tempfile::TempDir,
    signer: String,
    key: String,
}

impl Bench {
    /// Writes `entries` in one go.
    fn new(entries: &[Entry]) -> Self {
        let bench = Self::empty();
        bench.append(entries);
        bench
    }

    fn empty() -> Self {
        let pair = keygen("test.example/log").unwrap();
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            signer: pair.signer,
            key: pair.verifier,
        };
        write(&bench.path("tiles/a.tif"), TILE);
        bench
    }

    /// Goes on with the log and returns its checkpoint.
    fn append(&self, entries: &[Entry]) -> String {
        let store = Store::open(self.folder.path(), Existing::Keep).unwrap();
        let signer = Signer::parse(&self.signer, "test").unwrap();
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        for entry in entries {
            log.append(entry).unwrap();
        }
        log.checkpoint().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn verify(&self, checkpoint: Option<PathBuf>) -> Verification {
        let key = Some(self.key.clone());
        let options = VerifyOptions {
            checkpoint,
            key,
            ..VerifyOptions::default()
        };
        verify(self.folder.path(), &options).unwrap()
    }

    fn problems(&self) -> Vec<String> {
        self.verify(None).problems
    }

    /// What the Go program says: `None` where this machine has no Go and no test server asks for it.
    fn go(&self, older: Option<&Path>) -> Option<bool> {
        let installed = Command::new("go")
            .arg("version")
            .output()
            .is_ok_and(|output| output.status.success());
        if !installed {
            assert!(std::env::var_os("CI").is_none(), "CI must have Go");
            #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
            {
                eprintln!("SKIPPED: Go is not installed; `.ci/setup test` does");
            }
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/verify.sh");
        let output = Command::new(script)
            .arg(self.folder.path())
            .arg(self.path("audit/verifier.key"))
            .args(older)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // A program that could not be built or started has not said that anything is wrong.
        assert!(
            output.status.success() || said.contains("NOT VERIFIED"),
            "{said}"
        );
        Some(output.status.success())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests change files behind the program's back"
)]
fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // A file that is cut and written again is flushed by ext4: ten times slower than a new one.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_good_log_is_accepted_by_both_verifiers() {
    let bench = Bench::new(&entries());
    assert_eq!(bench.problems(), Vec::<String>::new());
    assert_ne!(bench.go(None), Some(false));
}

#[test]
fn every_flipped_bit_of_log_and_checkpoint_is_found() {
    let bench = Bench::new(&entries());
    for name in ["audit/entries.jsonl", "audit/checkpoint"] {
        let path = bench.path(name);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                write(&path, &bad);
                assert!(!bench.problems().is_empty(), "{name}, byte {at}, bit {bit}");
            }
            for byte in [None, Some(b'\n'), Some(b' ')] {
                let mut bad = good.clone();
                bad.splice(at..=at, byte);
                if bad != good {
                    write(&path, &bad);
                    assert!(
                        !bench.problems().is_empty(),
                        "{name}, byte {at} as {byte:?}"
                    );
                }
            }
        }
        write(&path, &good);
    }
    assert!(bench.problems().is_empty());
}

#[test]
fn every_file_of_the_log_that_is_changed_or_gone_is_found_by_both_verifiers() {
    let bench = Bench::new(&long(150));
    assert_eq!(bench.verify(None).entries, 304);
    for name in [
        "audit/tile/0/000",
        "audit/tile/0/001.p/48",
        "audit/tile/1/000.p/1",
        "audit/tile/entries/000",
        "audit/tile/entries/001.p/48",
        "audit/entries.jsonl",
        "audit/checkpoint",
    ] {
        let path = bench.path(name);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[20] ^= 1;
        for bad in [&bad[..], &good[..good.len() - 1], b""] {
            write(&path, bad);
            assert!(!bench.problems().is_empty(), "{name}");
            assert_ne!(bench.go(None), Some(true), "{name}");
        }
        write(&path, &good);
    }
    assert_eq!(bench.problems(), Vec::<String>::new());
    assert_ne!(bench.go(None), Some(false));
}

#[test]
fn every_dropped_swapped_doubled_or_cut_line_is_found() {
    let bench = Bench::new(&entries());
    let path = bench.path("audit/entries.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let mut bad = Vec::new();
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        let mut swapped = lines.clone();
        swapped.swap(at, (at + 1) % lines.len());
        bad.extend([without, doubled, swapped, lines[..at].to_vec()].map(|lines| lines.concat()));
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
fn published_files_that_are_changed_gone_or_not_in_the_log_are_found() {
    let bench = Bench::new(&entries());
    let tile = bench.path("tiles/a.tif");
    for bad in [&b"a picture of a rooF"[..], &TILE[1..], b""] {
        write(&tile, bad);
        assert!(!bench.problems().is_empty());
    }
    write(&tile, TILE);
    assert!(bench.problems().is_empty());
    write(&bench.path("tiles/deep/er/extra.png"), b"x");
    assert_eq!(
        bench.problems(),
        ["tiles/deep/er/extra.png is not in the log"]
    );
}

#[test]
fn a_log_that_grew_continues_its_older_checkpoints() {
    let story = long(400);
    let bench = Bench::empty();
    let kept = bench.path("kept");
    for part in [&story[..1], &story[1..256], &story[256..300]] {
        write(&kept, bench.append(part).as_bytes());
        // Not finished, which is all that is wrong with it.
        let found = bench.verify(Some(kept.clone())).problems;
        assert!(
            found
                .iter()
                .all(|problem| problem.contains("not finished")
                    || problem.contains("is not in the log")),
            "{found:?}"
        );
        assert_ne!(bench.go(Some(&kept)), Some(true));
    }
    bench.append(&story[300..]);
    assert_eq!(
        bench.verify(Some(kept.clone())).problems,
        Vec::<String>::new()
    );
    assert_ne!(bench.go(Some(&kept)), Some(false));
    let at_once = Bench::new(&story);
    assert_eq!(bench.verify(None).root, at_once.verify(None).root);
}

#[test]
fn the_same_entries_and_key_give_the_same_files() {
    let one = Bench::new(&long(150));
    let mut other = Bench::empty();
    other.signer.clone_from(&one.signer);
    other.append(&long(150));
    for name in [
        "entries.jsonl",
        "checkpoint",
        "tile/0/000",
        "tile/entries/001.p/48",
    ] {
        let read = |bench: &Bench| fs::read(bench.path("audit").join(name)).unwrap();
        assert_eq!(read(&one), read(&other), "{name}");
    }
}

#[test]
fn a_log_rewritten_with_the_same_key_is_caught_by_a_checkpoint_kept_elsewhere() {
    let first = Bench::new(&entries());
    let kept = first.path("kept");
    write(&kept, &fs::read(first.path("audit/checkpoint")).unwrap());
    let mut story = entries();
    let hidden = story.iter_mut().find_map(|entry| match entry {
        Entry::Withheld(withheld) => Some(&mut withheld.detail),
        _ => None,
    });
    *hidden.unwrap() = "nothing to see".into();
    let mut rewritten = Bench::empty();
    rewritten.signer.clone_from(&first.signer);
    rewritten.key.clone_from(&first.key);
    rewritten.append(&story);
    assert!(
        rewritten.problems().is_empty(),
        "alone, a rewritten log looks whole"
    );
    let found = rewritten.verify(Some(kept.clone())).problems;
    assert!(found.iter().any(|p| p.contains("was changed")), "{found:?}");
    assert_ne!(rewritten.go(Some(&kept)), Some(true));
    // A checkpoint by another key says nothing about this log.
    let other = Bench::new(&entries());
    assert!(!other.verify(Some(kept)).ok());
}

#[test]
fn another_key_does_not_open_the_log_and_the_folders_own_is_told_apart() {
    let bench = Bench::new(&entries());
    let with = |key| {
        let options = VerifyOptions {
            key,
            ..VerifyOptions::default()
        };
        verify(bench.folder.path(), &options).unwrap()
    };
    assert!(!with(Some(keygen("test.example/log").unwrap().verifier)).ok());
    assert!(!with(Some("nonsense".into())).ok());
    let own = with(None);
    assert!(own.ok() && own.notes[0].contains("came from the folder itself"));
}

/// Stories that a careless or dishonest operator could sign; each breaks one rule.
#[test]
fn stories_that_do_not_add_up_are_found_even_when_signed() {
    let [count, looked, shown, twice, order, balance] = [
        "the manifest has 3 frames",
        "models looked",
        "not all of which were published",
        "stands outside its frame",
        "not in manifest order",
        "run.closed tells",
    ];
    let change = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut story = entries();
        change(&mut story);
        story
    };
    let stories = [
        ("does not begin", change(&|s| drop(s.remove(0)))),
        ("is not finished", change(&|s| drop(s.pop()))),
        (
            "opened stands there twice",
            change(&|s| s.insert(1, opened(3))),
        ),
        (
            "follow run.closed",
            change(&|s| s.push(closed([3, 1, 1, 1]))),
        ),
        (looked, change(&|s| drop(s.remove(2)))),
        (looked, change(&|s| s.insert(3, detected(0)))),
        ("has no outcome", change(&|s| drop(s.remove(3)))),
        (twice, change(&|s| s.insert(4, s[3].clone()))),
        (twice, change(&|s| s.insert(7, detected(0)))),
        // A frame whose outcome was not liked is done again.
        (order, change(&|s| drop(s.splice(8..8, published(1))))),
        ("run.resumed tells of", change(&|s| s.swap(4, 1))),
        ("within a frame", change(&|s| s.swap(4, 5))),
        (count, change(&|s| drop(s.drain(8..10)))),
        ("manifest's root", change(&|s| s[8] = ingested(7))),
        (order, change(&|s| s[8] = ingested(7))),
        (shown, change(&|s| s[10] = tile([0, 1]))),
        (shown, change(&|s| s[10] = tile([1, 1]))),
        (shown, change(&|s| s[10] = tile([0, u32::MAX]))),
        (shown, change(&|s| s.swap(10, 2))),
        ("published twice", change(&|s| s.insert(10, tile([0, 0])))),
        ("comes after a tile", change(&|s| s.swap(10, 7))),
        (
            "after the map was begun",
            change(&|s| s.insert(4, placed(0))),
        ),
        ("not in the log", change(&|s| drop(s.remove(10)))),
        (balance, change(&|s| s[11] = closed([3, 2, 0, 1]))),
        (balance, change(&|s| s[11] = closed([2, 1, 1, 1]))),
    ];
    for (number, (expected, story)) in stories.iter().enumerate() {
        let problems = Bench::new(story).problems();
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "story {number}: {expected} not in {problems:?}"
        );
    }
}

/// A decision about the log `before`, signed by as many people as are needed.
fn reviewed(before: &[Entry], frame: u32, decision: &str, at: i64) -> Entry {
    let lines: Vec<_> = before
        .iter()
        .map(|entry| entry.to_line().unwrap())
        .collect();
    let root = root(lines.iter().map(Vec::as_slice));
    let people = ["jo", "kim"].map(|name| {
        let pair = keygen(name).unwrap();
        Signer::parse(&pair.signer, name).unwrap()
    });
    let decision = ReviewDecided {
        at,
        frame,
        decision: decision.into(),
        reason: "looked at".into(),
        hide: vec![],
        open: if decision == "release" {
            vec![[0, 0, 4, 4]]
        } else {
            vec![]
        },
        root: hex::encode(&root),
        signatures: vec![],
    };
    Entry::Review(decision.signed(&people.each_ref()).unwrap())
}

fn deleted(last: u32, at: i64) -> Entry {
    Entry::Deleted(RawDeleted {
        at,
        category: "raw".into(),
        files: 3,
        bytes: 21,
        frames: vec![[0, last]],
        missing: 0,
        left: 0,
        other: 0,
        due: 5,
        destroyed_key: None,
    })
}

/// The story with these decisions about it.
fn decided(decisions: &[(u32, &str, i64)]) -> Vec<Entry> {
    let mut story = entries();
    for (frame, decision, at) in decisions {
        let entry = reviewed(&story, *frame, decision, *at);
        story.push(entry);
    }
    story
}

#[test]
fn what_people_decide_after_a_run_must_fit_it() {
    let problems = |story: &[Entry]| Bench::new(story).problems();
    let after = |decisions: &[Entry]| problems(&[&entries()[..], decisions].concat());
    let mut good = decided(&[
        (0, "confirm", 5),
        (1, "approve", 5),
        (1, "release", 5),
        (0, "reject", 6),
    ]);
    good.push(deleted(2, 6));
    assert_eq!(problems(&good), Vec::<String>::new());
    let early = |deleted: Entry| match deleted {
        Entry::Deleted(mut deleted) => {
            deleted.due = 6;
            Entry::Deleted(deleted)
        }
        other => other,
    };
    for (expected, found) in [
        ("does not fit", problems(&decided(&[(1, "confirm", 5)]))),
        ("does not fit", problems(&decided(&[(2, "approve", 5)]))),
        (
            "not in the manifest",
            problems(&decided(&[(3, "reject", 5)])),
        ),
        ("not in the manifest", after(&[deleted(3, 5)])),
        ("order of time", after(&[deleted(2, 6), deleted(2, 5)])),
        ("before it was due", after(&[deleted(2, 4)])),
        ("was not due when", after(&[early(deleted(2, 7))])),
        ("follow run.closed", after(&[tile([0, 0])])),
        ("another log", {
            let mut story = decided(&[(1, "approve", 5), (1, "reject", 5)]);
            story.remove(story.len() - 2);
            problems(&story)
        }),
        ("not signed by", {
            let mut story = decided(&[(1, "approve", 5)]);
            if let Some(Entry::Review(review)) = story.last_mut() {
                review.hide.push([0, 0, 1, 1]);
            }
            problems(&story)
        }),
        ("follows no review", {
            let mut story = entries();
            for entry in &mut story {
                if let Entry::Masked(masked) = entry {
                    masked.reviewed = Some(DecidedMask {
                        decision: "approve".into(),
                        ..DecidedMask::default()
                    });
                }
            }
            problems(&story)
        }),
        ("before run.closed", {
            let mut story = entries();
            story.insert(10, deleted(2, 5));
            problems(&story)
        }),
    ] {
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{expected} not in {found:?}"
        );
    }
}

#[test]
fn decisions_go_behind_a_finished_run_that_verifies_and_nowhere_else() {
    let bench = Bench::new(&entries());
    let signer = Signer::parse(&bench.signer, "test").unwrap();
    let add = |bench: &Bench, signer: &Signer, entry: Entry| {
        append_after(bench.folder.path(), signer, &[entry])
    };
    let kept = bench.path("kept");
    write(&kept, &fs::read(bench.path("audit/checkpoint")).unwrap());
    let checkpoint = add(&bench, &signer, reviewed(&entries(), 1, "reject", 5)).unwrap();
    assert!(checkpoint.contains("\n13\n"), "{checkpoint}");
    add(&bench, &signer, deleted(2, 6)).unwrap();
    let found = bench.verify(Some(kept.clone()));
    assert_eq!((found.entries, found.problems), (14, vec![]));
    assert_ne!(bench.go(Some(&kept)), Some(false));

    let refused = |bench: &Bench, signer: &Signer, entry: Entry, expected: &str| {
        let log = fs::read(bench.path("audit/entries.jsonl")).unwrap();
        match add(bench, signer, entry) {
            Err(AuditError::Unverified { problems, .. }) => {
                let problems = problems.join("; ");
                assert!(
                    problems.contains(expected),
                    "{expected} not in {problems:?}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read(bench.path("audit/entries.jsonl")).unwrap(), log);
    };
    refused(
        &bench,
        &signer,
        deleted(2, 5),
        "do not come in the order of time",
    );
    let log = heatveil::audit::read(bench.folder.path()).unwrap();
    refused(
        &bench,
        &signer,
        reviewed(&entries(), 1, "reject", 7),
        "made about another log",
    );
    refused(
        &bench,
        &signer,
        reviewed(&log, 9, "reject", 7),
        "not in the manifest",
    );
    let other = Signer::parse(&keygen("test.example/log").unwrap().signer, "test").unwrap();
    refused(&bench, &other, deleted(2, 7), "does not verify");
    write(&bench.path("tiles/a.tif"), b"another picture");
    refused(
        &bench,
        &signer,
        deleted(2, 7),
        "tiles/a.tif is not the file of the log",
    );
    let open = Bench::new(&entries()[..11]);
    let signer = Signer::parse(&open.signer, "test").unwrap();
    refused(&open, &signer, deleted(2, 7), "is not finished");
    let nowhere = tempfile::tempdir().unwrap();
    let nowhere = nowhere.path().join("run");
    assert!(append_after(&nowhere, &signer, &[deleted(2, 7)]).is_err());
    assert!(!nowhere.exists());
}

/// Frame 0 was looked at by all three lines of defence and masked once more by the self-check.
fn defended() -> Vec<Entry> {
    let mut story = entries();
    for entry in &mut story {
        match entry {
            Entry::RunOpened(opened) => {
                opened
                    .lines
                    .extend(["warm-spots", "carry"].map(String::from));
            }
            Entry::Masked(masked) => {
                masked.self_check = SelfCheck {
                    found: 1,
                    rounds: 1,
                };
            }
            _ => {}
        }
    }
    let looks = [warm_spots(0), carried(0, 1), look(0, "model", None, 1)];
    story.splice(3..3, looks);
    story
}

#[test]
fn looks_of_every_line_of_defence_must_add_up() {
    assert_eq!(Bench::new(&defended()).problems(), Vec::<String>::new());
    let change = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut story = defended();
        change(&mut story);
        Bench::new(&story).problems()
    };
    let order = "out of the order of run.opened";
    let check = "of its self-check";
    for (expected, found) in [
        (
            "nobody looked for warm spots",
            change(&|s| drop(s.remove(3))),
        ),
        (order, change(&|s| s.swap(2, 3))),
        (order, change(&|s| s.swap(4, 5))),
        (order, change(&|s| s.insert(4, carried(0, 1)))),
        (order, change(&|s| s[4] = carried(0, 0))),
        (order, change(&|s| s[4] = carried(0, 9))),
        (order, change(&|s| s[0] = opened(3))),
        (
            "in which nothing was found",
            change(&|s| s[4] = carried(0, 2)),
        ),
        (check, change(&|s| drop(s.remove(5)))),
        (check, change(&|s| s[5] = look(0, "model", None, 3))),
    ] {
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{expected} not in {found:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in the files, the answer is an answer, and it is no.
    #[test]
    fn any_bytes_in_any_file_are_refused_without_a_panic(
        name in prop::sample::select(vec!["entries.jsonl", "checkpoint", "verifier.key", "tile/0/000.p/12"]),
        at in any::<prop::sample::Index>(),
        junk in prop::collection::vec(any::<u8>(), 1..80),
    ) {
        let bench = Bench::new(&entries());
        let path = bench.path("audit").join(name);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let at = at.index(good.len());
        bad.splice(at..(at + junk.len()).min(good.len()), junk);
        write(&path, &bad);
        let found = verify(bench.folder.path(), &VerifyOptions::default()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        // Blanks around the key are not part of it.
        let same = bad == good || (name == "verifier.key" && text(&bad) == text(&good));
        prop_assert!(same || !found.ok());
    }
}

#[test]
fn a_model_leaves_a_frame_out_only_where_run_opened_allows_it_and_another_looks() {
    let left_out = |found: bool| {
        let Entry::Detected(mut entry) = detected(0) else {
            unreachable!("a look is an entry of its own type")
        };
        entry.model = Some("windows".into());
        entry.skipped = Some("too coarse".into());
        if !found {
            entry.found.clear();
        }
        Entry::Detected(entry)
    };
    let story = |skips: bool, change: &dyn Fn(&mut Vec<Entry>)| {
        let mut story = entries();
        for entry in &mut story {
            if let Entry::RunOpened(opened) = entry {
                let windows = ModelId {
                    name: "windows".into(),
                    skips,
                    ..opened.models[0].clone()
                };
                opened.models.push(windows);
            }
        }
        story.insert(3, left_out(false));
        change(&mut story);
        Bench::new(&story).problems()
    };
    let about_frame_0 = |problems: Vec<String>, text: &str| {
        let mut about = problems
            .iter()
            .filter(|problem| problem.contains("frame 0"));
        about.any(|problem| problem.contains(text))
    };
    assert!(!about_frame_0(story(true, &|_| {}), ""));
    assert!(about_frame_0(story(false, &|_| {}), "does not allow"));
    assert!(about_frame_0(
        story(true, &|s| drop(s.remove(3))),
        "1 of 2 models looked"
    ));
    assert!(about_frame_0(
        story(true, &|s| drop(s.remove(2))),
        "0 of 2 models looked"
    ));
    assert!(left_out(true).to_line().is_err(), "left out, and yet found");
}
