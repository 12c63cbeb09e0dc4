//! Inputs that vanish, change or can no longer be read while a run is under way: a card that is pulled out, a share that stumbles, a sync that goes on.
//! The manifest is fixed by then, so each still has exactly one outcome, and nothing of other bytes than those committed to is published.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test code: helpers unwrap, and tests take files away"
)]

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use heatveil::audit::{Entry, VerifyOptions, verify};
use heatveil::run::{Progress, Run, RunError, Silent, Summary};
use heatveil::store::Existing;

use crate::common::{self, Stop, dji_frames, files, person, write, write_keys};

/// The stage in which frames are first read after the manifest was fixed.
const READS: &str = "redacting";

/// What becomes of an input.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Gone,
    Dangling,
    Folder,
    Pipe,
    /// Opens, and cannot be read from its begin: nobody may see page 0.
    Memory,
    Hot,
    Cut,
}

/// Number of the frame, what becomes of it, and the reason that the log gives.
const HARMS: [(usize, Harm, &str); 7] = [
    (1, Harm::Gone, "io"),
    (2, Harm::Hot, "changed"),
    (3, Harm::Folder, "io"),
    (4, Harm::Cut, "changed"),
    (5, Harm::Memory, "io"),
    (6, Harm::Dangling, "io"),
    (7, Harm::Pipe, "io"),
];

/// Does something to the inputs when a stage begins.
struct Strike<F> {
    stage: &'static str,
    strike: F,
}

impl<F: FnMut()> Progress for Strike<F> {
    fn stage(&mut self, name: &'static str, _total: usize) {
        if name == self.stage {
            (self.strike)();
        }
    }
}

/// A flight of nine frames and its runs.
struct Bench {
    folder: tempfile::TempDir,
    frames: Vec<(String, Vec<u8>)>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            frames: dji_frames(),
        };
        assert_eq!(bench.frames.len(), 9);
        write_keys(bench.folder.path());
        bench.restore();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn input(&self, number: usize) -> PathBuf {
        self.path("in").join(&self.frames[number].0)
    }

    /// All inputs as they were on the card.
    fn restore(&self) {
        if self.path("in").exists() {
            fs::remove_dir_all(self.path("in")).unwrap();
        }
        for (number, (_, bytes)) in self.frames.iter().enumerate() {
            write(&self.input(number), bytes);
        }
    }

    fn harm(&self, number: usize, harm: Harm) {
        let (path, bytes) = (self.input(number), &self.frames[number].1);
        fs::remove_file(&path).unwrap();
        match harm {
            Harm::Gone => {}
            Harm::Dangling => symlink("gone_T.JPG", &path).unwrap(),
            Harm::Folder => fs::create_dir(&path).unwrap(),
            Harm::Pipe => {
                let made = Command::new("mkfifo").arg(&path).status();
                assert!(made.unwrap().success());
            }
            Harm::Memory => symlink("/proc/self/mem", &path).unwrap(),
            // 77 °C in every pixel.
            Harm::Hot => write(
                &path,
                &person::changed(&self.frames[number].0, bytes, &|_| Some(person::CELSIUS)),
            ),
            Harm::Cut => write(&path, &bytes[..bytes.len() / 2]),
        }
    }

    fn run(&self, out: &str, existing: Existing) -> Run {
        Run {
            existing,
            ..common::run(
                self.folder.path(),
                "in",
                out,
                "[georef]\nrefine = false\n[tiles]\nkeep-frames = true",
            )
        }
    }

    /// Entries but those of resuming.
    fn entries(&self, out: &str) -> Vec<Entry> {
        let log = fs::read(self.path(out).join("audit/entries.jsonl")).unwrap();
        let entries = log
            .split(|&byte| byte == b'\n')
            .filter_map(Entry::from_line);
        entries
            .filter(|entry| !matches!(entry, Entry::RunResumed(_)))
            .collect()
    }

    /// Reason and words by frame for those rejected, in the order of the log, of which every frame has one outcome.
    fn rejected(&self, out: &str) -> Vec<(usize, String, String)> {
        let entries = self.entries(out);
        let outcomes = entries.iter().filter(|entry| entry.is_outcome());
        let numbers: Vec<_> = outcomes.filter_map(Entry::frame_under_way).collect();
        assert_eq!(numbers, (0..9).collect::<Vec<u32>>());
        let told = entries.into_iter().filter_map(|entry| match entry {
            Entry::Rejected(told) => Some((told.frame as usize, told.reason, told.detail)),
            _ => None,
        });
        told.collect()
    }

    /// What is published, but for the log.
    fn published(&self, out: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = files(&self.path(out));
        all.retain(|(path, _)| path.starts_with("tiles") || path.starts_with("frames"));
        assert!(all.len() > 5, "{}", all.len());
        all
    }

    fn verifies(&self, out: &str) {
        let found = verify(&self.path(out), &VerifyOptions::default()).unwrap();
        assert!(found.ok(), "{:?}", found.problems);
    }

    /// That going on is refused with the inputs as they are, and nothing is changed by trying.
    fn refuses_to_go_on(&self, out: &str) {
        let before = files(&self.path(out));
        let refused = self.run(out, Existing::Keep).execute(&mut Silent);
        let told = refused.unwrap_err();
        let what = "manifest";
        let is_right = matches!(&told, RunError::NotSame { what: found, .. } if *found == what);
        assert!(is_right, "{told}");
        assert!(heatveil::Error::from(told).is_usage());
        assert!(files(&self.path(out)) == before);
    }
}

/// A run with something done to the inputs when a stage begins.
#[expect(
    clippy::panic_in_result_fn,
    reason = "a stage that never began is a fault of the test"
)]
fn struck(run: &Run, stage: &'static str, mut strike: impl FnMut()) -> Result<Summary, RunError> {
    let mut times = 0;
    let strike = || {
        times += 1;
        strike();
    };
    let result = run.execute(&mut Strike { stage, strike });
    assert_eq!(times, 1, "{stage} did not begin once");
    result
}

fn counts(summary: &Summary) -> [usize; 4] {
    [
        summary.frames_total,
        summary.frames_published,
        summary.frames_withheld,
        summary.frames_rejected,
    ]
}

#[test]
fn inputs_that_vanish_or_change_in_a_run_are_rejected_and_the_others_published() {
    let bench = Bench::new();
    let harm_all = || {
        for (at, harm, _) in HARMS {
            bench.harm(at, harm);
        }
    };
    let run = bench.run("out", Existing::Refuse);
    let summary = struck(&run, READS, harm_all).unwrap();
    assert_eq!(counts(&summary), [9, 2, 0, 7]);
    // Exit code 3.
    assert!(!summary.is_complete());
    assert!(summary.in_words(&run.out).contains("copy the file again"));
    let expected = HARMS.map(|(at, _, reason)| {
        let detail = match reason {
            "io" => "could not read the file",
            _ => "the file changed after the manifest was fixed",
        };
        (at, reason.to_owned(), detail.to_owned())
    });
    assert_eq!(bench.rejected("out"), expected);
    let told = common::outcomes(&run.out);
    let (name, reason) = &told[2];
    assert_eq!((name, reason.as_str()), (&bench.frames[2].0, "changed"));
    bench.verifies("out");

    // Of the bytes that came later nothing is there: it is the run in which all of these are gone.
    bench.restore();
    let other = bench.run("gone", Existing::Refuse);
    let gone = || {
        for (at, ..) in HARMS {
            bench.harm(at, Harm::Gone);
        }
    };
    let summary = struck(&other, READS, gone).unwrap();
    assert_eq!(counts(&summary), [9, 2, 0, 7]);
    assert!(bench.published("out") == bench.published("gone"));

    // The run is over, with these outcomes; its log does not take them back when the files are there again.
    bench.refuses_to_go_on("out");
    bench.restore();
    let before = files(&run.out);
    let summary = bench.run("out", Existing::Keep).execute(&mut Silent);
    assert_eq!(counts(&summary.unwrap()), [9, 2, 0, 7]);
    assert!(files(&run.out) == before);
    let again = bench.run("out", Existing::Replace).execute(&mut Silent);
    assert_eq!(counts(&again.unwrap()), [9, 9, 0, 0]);
}

#[test]
fn inputs_that_vanish_behind_the_last_frame_are_not_missed() {
    let bench = Bench::new();
    let whole = bench.run("whole", Existing::Refuse).execute(&mut Silent);
    assert_eq!(counts(&whole.unwrap()), [9, 9, 0, 0]);
    let run = bench.run("out", Existing::Refuse);
    let gone = || (0..9).for_each(|at| bench.harm(at, Harm::Gone));
    let summary = struck(&run, "mapping", gone).unwrap();
    assert_eq!(counts(&summary), [9, 9, 0, 0]);
    assert!(files(&bench.path("whole/audit")) == files(&bench.path("out/audit")));
    assert!(bench.published("whole") == bench.published("out"));
}

#[test]
fn a_stopped_run_goes_on_when_what_vanished_is_back_and_loses_nothing() {
    let bench = Bench::new();
    bench
        .run("whole", Existing::Refuse)
        .execute(&mut Silent)
        .unwrap();
    let run = Run {
        threads: NonZeroUsize::MIN,
        ..bench.run("out", Existing::Refuse)
    };
    let stopped = run.execute(&mut Stop(Arc::clone(&run.interrupted), 2));
    assert!(
        matches!(stopped, Err(RunError::Interrupted { done: 3.., .. })),
        "{stopped:?}"
    );
    // Before the run is gone on with: one whose outcome is in the log, and one that has none yet.
    for (at, harm) in [
        (0, Harm::Gone),
        (8, Harm::Gone),
        (8, Harm::Memory),
        (0, Harm::Hot),
    ] {
        bench.harm(at, harm);
        bench.refuses_to_go_on("out");
        bench.restore();
    }
    // While it is gone on with: what is in the log as published cannot be had again, and the log stays as it is.
    let lines = bench.entries("out");
    for harm in [Harm::Gone, Harm::Hot] {
        let resumed = bench.run("out", Existing::Keep);
        let error = struck(&resumed, READS, || bench.harm(0, harm));
        let error = error.unwrap_err();
        assert!(matches!(error, RunError::Working { frame: 0 }), "{error}");
        assert!(error.to_string().contains("--resume"), "{error}");
        assert_eq!(bench.entries("out"), lines);
        bench.restore();
    }
    let resumed = bench.run("out", Existing::Keep).execute(&mut Silent);
    assert_eq!(counts(&resumed.unwrap()), [9, 9, 0, 0]);
    assert_eq!(bench.entries("whole"), bench.entries("out"));
    assert!(bench.published("whole") == bench.published("out"));
    bench.verifies("out");
}
