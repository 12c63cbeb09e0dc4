//! Where a run may have been stopped, and what `--resume` makes of it. `tests/faults` stops the real program everywhere; these are the faults it found.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test code: helpers unwrap, and tests damage what a crash may"
)]

use std::fs;
use std::path::{Path, PathBuf};

use heatveil::audit::{AuditError, Entry, VerifyOptions, verify};
use heatveil::run::{Run, RunError, Silent, Summary};
use heatveil::store::{Existing, Store};

use crate::common::{self, dji_frames, files, write, write_keys};

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write_keys(bench.0.path());
        for (name, bytes) in dji_frames().into_iter().take(2) {
            write(&bench.path("in").join(name), &bytes);
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, out: &str, existing: Existing) -> Run {
        Run {
            existing,
            ..common::run(self.0.path(), "in", out, "[tiles]\nresolution-m = 0.3")
        }
    }

    fn execute(&self, out: &str, existing: Existing) -> Result<Summary, RunError> {
        self.run(out, existing).execute(&mut Silent)
    }

    /// Entries but those of resuming.
    fn entries(&self, out: &str) -> Vec<Entry> {
        let log = fs::read(self.path(out).join("audit/entries.jsonl")).unwrap();
        let lines = log.split(|&byte| byte == b'\n');
        let entries = lines.filter_map(Entry::from_line);
        entries
            .filter(|entry| !matches!(entry, Entry::RunResumed(_)))
            .collect()
    }

    /// Whether two runs left the same.
    fn same(&self, one: &str, other: &str) {
        assert_eq!(self.entries(one), self.entries(other));
        assert!(files(&self.path(one).join("tiles")) == files(&self.path(other).join("tiles")));
        for out in [one, other] {
            let found = verify(&self.path(out), &VerifyOptions::default()).unwrap();
            assert!(found.ok(), "{:?}", found.problems);
            assert!(self.path(out).join("summary.json").exists());
            assert!(!self.path(out).join(".work").exists());
        }
    }
}

#[test]
fn a_run_stopped_before_its_first_entry_begins_anew() {
    let bench = Bench::new();
    bench.execute("whole", Existing::Refuse).unwrap();
    // With a lock alone; with a work folder and a key; with a first line that is torn.
    for (number, files) in [
        &[][..],
        &[("private/log.key.partial", "PRIV"), (".work/x", "")],
        &[("audit/entries.jsonl", "{\"at\":17685")],
    ]
    .iter()
    .enumerate()
    {
        let out = format!("early-{number}");
        write(&bench.path(&out).join(".heatveil.lock"), b"");
        for (name, text) in *files {
            write(&bench.path(&out).join(name), text.as_bytes());
        }
        bench.execute(&out, Existing::Keep).unwrap();
        bench.same("whole", &out);
    }
    // Where something was published, a log that is gone is not begun anew.
    let tile = bench.path("foreign/tiles/temperature.tif");
    write(&bench.path("foreign/.heatveil.lock"), b"");
    write(&tile, b"published");
    let refused = bench.execute("foreign", Existing::Keep);
    assert!(
        matches!(refused, Err(RunError::NothingToResume { .. })),
        "{refused:?}"
    );
    assert!(tile.exists() && !bench.path("foreign/audit").exists());
}

#[test]
fn a_run_stopped_between_its_last_entry_and_its_signature_is_completed() {
    let bench = Bench::new();
    bench.execute("whole", Existing::Refuse).unwrap();
    bench.execute("stopped", Existing::Refuse).unwrap();
    for name in ["audit/checkpoint", "summary.json"] {
        fs::remove_file(bench.path("stopped").join(name)).unwrap();
    }
    fs::remove_dir_all(bench.path("stopped/audit/proofs")).unwrap();
    let summary = bench.execute("stopped", Existing::Keep).unwrap();
    assert!(
        summary.mosaic.is_some(),
        "the summary is that of the whole run"
    );
    bench.same("whole", "stopped");
}

#[test]
fn a_finished_run_whose_files_are_gone_is_not_called_finished() {
    let bench = Bench::new();
    bench.execute("out", Existing::Refuse).unwrap();
    fs::remove_file(bench.path("out/tiles/temperature.pmtiles")).unwrap();
    let refused = bench.execute("out", Existing::Keep);
    assert!(
        matches!(&refused, Err(RunError::Audit(AuditError::Unverified { problems, .. })) if problems[0].contains("temperature.pmtiles")),
        "{refused:?}"
    );
}

#[test]
fn an_empty_folder_is_unbegun_and_a_missing_one_is_not() {
    let bench = Bench::new();
    fs::create_dir(bench.path("empty")).unwrap();
    assert!(Store::is_unbegun(&bench.path("empty")).unwrap());
    assert!(!Store::is_unbegun(&bench.path("missing")).unwrap());
    assert!(!Store::is_unbegun(Path::new(&bench.path("in"))).unwrap());
}

/// Cameras that look 30 degrees from straight down, half of 40 degrees to each side, and a map of what is seen within 1 degree, or one whose metres are
/// none at 52 degrees north.
#[test]
fn a_run_of_which_there_will_never_be_a_map_ends_without_one() {
    let bench = Bench::new();
    for (name, mut bytes) in dji_frames().into_iter().take(2) {
        let text = b"GimbalPitchDegree=\"-90.00\"";
        let at = bytes.windows(text.len()).position(|part| part == text);
        bytes[at.unwrap()..][..text.len()].copy_from_slice(b"GimbalPitchDegree=\"-60.00\"");
        write(&bench.path("in").join(name), &bytes);
    }
    for (out, settings, remedy) in [
        (
            "narrow",
            "max-off-nadir-deg = 1\nrefine = false",
            "georef.max-off-nadir-deg",
        ),
        ("stretched", "crs = 'EPSG:3857'", "georef.crs"),
    ] {
        let run = |existing| {
            let settings = format!("[georef]\n{settings}");
            let mut run = common::run(bench.0.path(), "in", out, &settings);
            run.existing = existing;
            run.execute(&mut Silent).unwrap()
        };
        let summary = run(Existing::Refuse);
        assert_eq!(summary.frames_published, 2);
        let why = summary.no_map.as_deref().unwrap();
        assert!(why.contains(remedy), "{why}");
        assert!(summary.mosaic.is_none() && !summary.is_complete());
        let path = bench.path(out);
        let said = format!("No map: {why}");
        assert!(summary.in_words(&path).contains(&said), "{said}");
        assert!(!path.join("tiles").exists() && path.join("summary.json").exists());
        // Finished, and whole: there is nothing to resume, and what comes after a run may.
        for _ in 0..2 {
            let found = verify(&path, &VerifyOptions::default()).unwrap();
            assert!(found.ok(), "{:?}", found.problems);
            let closed = matches!(bench.entries(out).last(), Some(Entry::RunClosed(_)));
            assert!(closed);
            run(Existing::Keep);
        }
    }
}

/// A name mistyped costs nothing but the time to type it again.
#[test]
fn a_key_that_cannot_be_used_is_refused_before_anything_is_changed() {
    let bench = Bench::new();
    bench.execute("out", Existing::Refuse).unwrap();
    let before = files(&bench.path("out"));
    let typo = || Some(bench.path("typo.key"));
    for (out, existing) in [("out", Existing::Replace), ("new", Existing::Refuse)] {
        let runs = [(); 3].map(|()| bench.run(out, existing));
        let [mut log, mut commitment, mut intake] = runs;
        log.config.audit.log_key = typo();
        commitment.config.audit.commitment_key = typo();
        intake.config.survey.intake_key = typo();
        for run in [log, commitment, intake] {
            let error = run.execute(&mut Silent).unwrap_err().to_string();
            assert!(error.contains("typo.key"), "{error}");
        }
    }
    assert!(files(&bench.path("out")) == before);
    bench.execute("new", Existing::Refuse).unwrap();
    bench.same("out", "new");
}

#[test]
fn a_run_without_given_keys_makes_new_ones_and_goes_on_with_them() {
    let bench = Bench::new();
    let execute = |existing| {
        let mut run = bench.run("out", existing);
        run.config.audit.log_key = None;
        run.config.audit.commitment_key = None;
        run.execute(&mut Silent).unwrap();
        ["private/log.key", "private/commitment.key"]
            .map(|key| fs::read(bench.path("out").join(key)).unwrap())
    };
    let first = execute(Existing::Refuse);
    assert_eq!(execute(Existing::Keep), first);
    let new = execute(Existing::Replace);
    assert!(new.iter().zip(&first).all(|(new, old)| new != old));
    let found = verify(&bench.path("out"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);
}

#[test]
fn what_a_run_reads_is_not_cleared_with_the_run_that_it_replaces() {
    let bench = Bench::new();
    bench.execute("out", Existing::Refuse).unwrap();
    let frame = bench.path("out/flight").join(&dji_frames()[0].0);
    write(&frame, &dji_frames()[0].1);
    #[cfg(unix)]
    std::os::unix::fs::symlink(bench.path("log.key"), bench.path("out/link.key")).unwrap();
    #[cfg(not(unix))]
    write(&bench.path("out/link.key"), b"");
    let before = files(&bench.path("out"));
    let refused = |change: &dyn Fn(&mut Run)| {
        let mut run = bench.run("out", Existing::Replace);
        change(&mut run);
        for refused in [run.execute(&mut Silent).map(drop), run.preview().map(drop)] {
            assert!(
                matches!(refused, Err(RunError::Nested { .. })),
                "{refused:?}"
            );
        }
        assert!(files(&bench.path("out")) == before);
    };
    refused(&|run| run.inputs = vec![frame.clone()]);
    let inside = || Some(bench.path("out/link.key"));
    refused(&|run| run.config.audit.log_key = inside());
    refused(&|run| run.config.audit.commitment_key = inside());
    refused(&|run| run.config.survey.intake_key = inside());
    // What is gone on with keeps what lies there.
    let mut resumed = bench.run("out", Existing::Keep);
    resumed.config.audit.log_key = inside();
    #[cfg(unix)]
    resumed.execute(&mut Silent).unwrap();
}
