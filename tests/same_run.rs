//! A run goes on only as the run that it was, and divided among workers it is the same run.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test code: helpers unwrap, and tests damage what a crash may"
)]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heatveil::audit::{Entry, VerifyOptions, verify};
use heatveil::detect::{Class, Scripted};
use heatveil::frame::FrameId;
use heatveil::run::{Outcome, Progress, Run, RunError, Shard, ShardPlan, Silent, Summary, Worked};
use heatveil::seal::IntakeKey;
use heatveil::store::Existing;

use crate::common::{self, dji_frames, files, find, fixture_frames, write, write_keys};

fn run(folder: &Path, settings: &str) -> Run {
    common::run(folder, "in", "out", settings)
}

#[test]
fn another_runtime_or_key_of_the_inputs_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_keys(folder);
    let (name, bytes) = dji_frames().swap_remove(0);
    write(&folder.join("in").join(name), &bytes);
    run(folder, "").execute(&mut Silent).unwrap();
    let log = folder.join("out/audit/entries.jsonl");
    let before = fs::read(&log).unwrap();

    IntakeKey::create(&folder.join("key")).unwrap();
    let key = format!("[survey]\nintake-key = '{}/key'", folder.display());
    let resume = |runtime: &str, settings| Run {
        existing: Existing::Keep,
        runtime: runtime.into(),
        ..run(folder, settings)
    };
    for (other, said) in [
        (resume("onnxruntime 9.9", ""), "version of a library"),
        (resume("none", key.as_str()), "intake key"),
        (resume("none", "[redact]\ngrid-px = 8"), "configuration"),
        (resume("none", "[survey]\noperator = 'b'"), "operator"),
        (resume("none", "[survey]\npurpose = 'b'"), "purpose"),
        (
            resume("none", "[survey]\nrecipients = ['b']"),
            "list of recipients",
        ),
    ] {
        match other.execute(&mut Silent).unwrap_err() {
            RunError::NotSame { what, .. } => assert_eq!(what, said),
            other => assert_eq!(other.to_string(), said),
        }
        assert_eq!(fs::read(&log).unwrap(), before, "{said}");
    }
    // The same run has nothing left to do.
    let summary = resume("none", "").execute(&mut Silent).unwrap();
    assert_eq!(summary.frames_published, 1);
    assert_eq!(fs::read(&log).unwrap(), before);
}

/// The fixture's flight in two folders, thus two flights, with a detector that sees people in some frames, fails on one, and says what it was
/// told to: carry has something to do on both sides of every border.
struct Survey(tempfile::TempDir);

impl Survey {
    fn new() -> Self {
        let survey = Self(tempfile::tempdir().unwrap());
        write_keys(survey.0.path());
        let mut names: Vec<_> = fs::read_dir(fixture_frames())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        for (number, file) in names.iter().enumerate() {
            let flight = if number < 8 { "in/a" } else { "in/b" };
            let name = file.file_name().unwrap();
            write(&survey.path(flight).join(name), &fs::read(file).unwrap());
        }
        // Frames 13 and 14: one that is none, and one that is there twice.
        write(&survey.path("in/b/x_0014_T.JPG"), b"no frame");
        let first = fs::read(&names[0]).unwrap();
        write(&survey.path("in/b/x_0015_T.JPG"), &first);
        survey
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, out: &str, existing: Existing) -> Run {
        let settings = "[tiles]\nresolution-m = 1.0\n[georef]\nrefine = false";
        let people = |x: f32| vec![find(Class::Person, [x, 200.0, x + 12.0, 220.0])];
        let found = [(0, 300.0), (2, 100.0), (4, 320.0), (9, 200.0), (12, 400.0)];
        let mut found: BTreeMap<_, _> = found.map(|(id, x)| (FrameId(id), people(x))).into();
        // Frame 8 is a neighbour of frame 11 because frame 10, where the look fails, is none.
        let many = [50.0, 200.0, 350.0, 500.0].map(people).concat();
        found.insert(FrameId(8), many);
        let detector = Scripted {
            found,
            fails: [3, 7, 10].map(FrameId).into(),
            ..Scripted::default()
        };
        Run {
            existing,
            detectors: vec![Box::new(detector)],
            ..common::run(self.0.path(), "in", out, settings)
        }
    }

    fn whole(&self) -> Summary {
        let run = self.run("whole", Existing::Refuse);
        run.execute(&mut Silent).unwrap()
    }

    fn divide(&self, out: &str, shards: usize) -> ShardPlan {
        let run = self.run(out, Existing::Refuse);
        let shards = NonZeroUsize::new(shards).unwrap();
        run.divide(shards, "", &mut Silent).unwrap()
    }

    fn work(&self, out: &str, shard: usize) -> Result<Worked, RunError> {
        let run = self.run(out, Existing::Refuse);
        run.work(shard, false, &mut Silent)
    }

    fn merge(&self, out: &str) -> Result<Option<Summary>, RunError> {
        self.run(out, Existing::Keep).merge(&mut Silent)
    }

    /// All that is left, but how long it took.
    fn left(&self, out: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files: BTreeMap<_, _> = files(&self.path(out)).into_iter().collect();
        assert!(files.remove(Path::new("summary.json")).is_some());
        files
    }

    fn same(&self, out: &str) {
        let [whole, merged] = ["whole", out].map(|out| self.left(out));
        assert_eq!(
            whole.keys().collect::<Vec<_>>(),
            merged.keys().collect::<Vec<_>>()
        );
        for (path, bytes) in whole {
            assert!(merged[&path] == bytes, "{out}: {}", path.display());
        }
    }

    /// The file of a shard's result.
    fn result(&self, out: &str, shard: usize) -> PathBuf {
        let name = format!(".work/shards/{shard:05}.result.jsonl");
        self.path(out).join(name)
    }
}

#[test]
fn a_run_in_shards_is_byte_for_byte_the_run() {
    let survey = Survey::new();
    let whole = survey.whole();
    let log = heatveil::audit::read(&survey.path("whole")).unwrap();
    let carried = |entry: &&Entry| matches!(entry, Entry::Detected(look) if look.source.is_some());
    assert!(
        log.iter().filter(carried).count() > 3,
        "carry has something to do"
    );
    let is_skipped_to = |entry: &Entry| matches!(entry, Entry::Detected(look) if (look.frame, look.source) == (11, Some(8)));
    assert!(
        log.iter().any(is_skipped_to),
        "a look that fails makes a neighbour"
    );
    assert!(whole.frames_published > 3 && whole.frames_withheld > 0 && whole.frames_rejected > 0);
    let found = verify(&survey.path("whole"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);

    for shards in [1, 2, 7, 31] {
        let out = format!("in-{shards}");
        let plan = survey.divide(&out, shards);
        assert_eq!(plan.shards.len(), shards.min(15));
        // Every second one, then the others from the last on; some twice.
        let mut looked = 0;
        let even = (0..plan.shards.len()).step_by(2);
        let odd = (0..plan.shards.len()).skip(1).step_by(2).rev();
        for shard in even.chain(odd) {
            let worked = survey.work(&out, shard).unwrap();
            assert!(!worked.was_done);
            looked += worked.neighbours;
        }
        // Neighbours alone, not all that stands around.
        let around = plan.shards.iter().map(Shard::neighbours).sum::<usize>();
        assert!(
            looked <= around && (shards < 7 || looked < around),
            "{looked} of {around}"
        );
        assert!(survey.work(&out, 0).unwrap().was_done);
        let merged = survey.merge(&out).unwrap().unwrap();
        assert_eq!(merged.frames_published, whole.frames_published);
        assert_eq!(
            merged.inference_passes, whole.inference_passes,
            "of own frames"
        );
        survey.same(&out);
        assert!(!survey.path(&out).join(".work").exists());
        let again = survey.merge(&out);
        assert!(matches!(again, Ok(None)), "{again:?}");
    }
}

/// Stops its run after a frame, as a signal does.
struct Stop(Arc<AtomicBool>);

impl Progress for Stop {
    fn frame(&mut self, _: FrameId, _: &Path, _: &Outcome) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn workers_may_be_stopped_and_do_the_same_shard_at_once() {
    let survey = Survey::new();
    survey.whole();
    survey.divide("out", 2);
    // Nothing is published, and the log holds the manifest alone.
    assert_eq!(heatveil::audit::read(&survey.path("out")).unwrap().len(), 1);

    let stopped = survey.run("out", Existing::Refuse);
    let mut stop = Stop(Arc::clone(&stopped.interrupted));
    let result = stopped.work(0, false, &mut stop);
    assert!(
        matches!(result, Err(RunError::Interrupted { .. })),
        "{result:?}"
    );
    match survey.merge("out") {
        Err(error @ RunError::Missing { .. }) => {
            assert!(error.to_string().contains("not done: 0-1;"), "{error}");
        }
        other => assert!(other.is_err(), "{other:?}"),
    }
    // What a worker that was killed in the middle of writing leaves.
    let frames = survey.path("out/.work/frames");
    let raster = fs::read_dir(&frames)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    write(&survey.path("out/.work/partial~00~frame"), b"torn");
    write(&raster, b"torn");
    std::thread::scope(|scope| {
        let workers = [0, 0, 1, 1].map(|shard| {
            let survey = &survey;
            scope.spawn(move || survey.work("out", shard).unwrap())
        });
        for worker in workers {
            worker.join().unwrap();
        }
    });
    // Done, then damaged: who does it again sees that.
    write(&raster, b"torn");
    assert!(matches!(
        survey.merge("out"),
        Err(RunError::Shard { shard: 0, .. })
    ));
    assert!(!survey.work("out", 0).unwrap().was_done);
    survey.merge("out").unwrap().unwrap();
    survey.same("out");
}

#[test]
fn a_merge_that_was_stopped_while_it_cleared_up_is_finished() {
    let survey = Survey::new();
    survey.divide("out", 1);
    survey.work("out", 0).unwrap();
    let plan = survey.path("out/.work/plan.json");
    let text = fs::read(&plan).unwrap();
    survey.merge("out").unwrap().unwrap();
    let before = survey.left("out");
    // Files of a folder go in any order: here the plan would have been the last.
    write(&plan, &text);
    let again = survey.merge("out");
    assert!(matches!(again, Ok(None)), "{again:?}");
    assert!(survey.left("out") == before);
    // A run that does not verify is not finished.
    write(&plan, &text);
    fs::remove_file(survey.path("out/tiles/temperature.pmtiles")).unwrap();
    let refused = survey.merge("out");
    assert!(
        matches!(refused, Err(RunError::Missing { .. })),
        "{refused:?}"
    );
    assert!(plan.exists());
}

#[test]
fn a_worker_of_another_operator_is_refused() {
    let survey = Survey::new();
    survey.divide("out", 1);
    let mut other = survey.run("out", Existing::Refuse);
    other.config.survey.operator = Some("another".into());
    let refusal = other.work(0, false, &mut Silent).unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("planned with another operator"),
        "{refusal}"
    );
}

#[test]
fn what_is_doubtful_is_not_merged() {
    let survey = Survey::new();
    survey.divide("out", 3);
    for shard in 0..3 {
        survey.work("out", shard).unwrap();
    }
    let log = survey.path("out/audit/entries.jsonl");
    let before = fs::read(&log).unwrap();
    let refused = |what: &str| {
        let error = survey.merge("out").unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert_eq!(fs::read(&log).unwrap(), before);
        assert!(!survey.path("out/tiles").exists());
    };

    // A byte in the middle, a line less, another shard's, another plan's.
    let good = fs::read(survey.result("out", 1)).unwrap();
    let mut byte = good.clone();
    byte[good.len() / 2] ^= 1;
    write(&survey.result("out", 1), &byte);
    refused("result of shard 1 is not taken: its file is not whole");
    let lines: Vec<_> = good.split_inclusive(|&byte| byte == b'\n').collect();
    write(&survey.result("out", 1), &lines[..lines.len() - 1].concat());
    refused("shard 1 is not taken");
    write(
        &survey.result("out", 1),
        &fs::read(survey.result("out", 2)).unwrap(),
    );
    refused("it was made for another plan");
    fs::remove_file(survey.result("out", 1)).unwrap();
    refused("not done: 1;");
    write(&survey.result("out", 1), &good);

    // A worker whose detector sees less: what its frames would have hidden of a neighbour is not there.
    let blind = Run {
        detectors: vec![Box::new(Scripted::default())],
        ..survey.run("out", Existing::Refuse)
    };
    blind.work(1, true, &mut Silent).unwrap();
    refused("it saw another thing in frame");
    assert!(
        survey.work("out", 1).unwrap().was_done,
        "whole, though it is not taken"
    );
    survey
        .run("out", Existing::Refuse)
        .work(1, true, &mut Silent)
        .unwrap();

    // Other settings, another key, a plan that was changed.
    let other = Run {
        config: survey.run("out", Existing::Keep).config,
        runtime: "another".into(),
        ..survey.run("out", Existing::Keep)
    };
    for result in [
        other.merge(&mut Silent).map(drop),
        other.work(0, false, &mut Silent).map(drop),
    ] {
        assert!(
            matches!(result, Err(RunError::NotPlanned { .. })),
            "{result:?}"
        );
    }
    let key = survey.path("commitment.key");
    write(&key, "08".repeat(32).as_bytes());
    refused("another commitment key");
    write(&key, "07".repeat(32).as_bytes());
    let list = survey.path("out/.work/shards/00002.plan.jsonl");
    let text = fs::read_to_string(&list).unwrap();
    write(&list, text.replacen("_T", "_R", 1).as_bytes());
    refused("the lines of shard 2 changed");
    write(&list, text.as_bytes());

    // A worker that does not see a file, its own or one beside (frame 5 is the first of shard 1), does not say that the file is bad.
    let own = survey.path("in/a").join(&dji_frames()[0].0);
    let list = fs::read_to_string(survey.path("out/.work/shards/00000.plan.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(list.lines().nth(5).unwrap()).unwrap();
    let beside = PathBuf::from(line["file"].as_str().unwrap());
    let hidden = survey.path("elsewhere");
    for file in [own, beside] {
        fs::rename(&file, &hidden).unwrap();
        let run = survey.run("out", Existing::Refuse);
        let worked = run.work(0, true, &mut Silent);
        assert!(matches!(worked, Err(RunError::Input { .. })), "{worked:?}");
        fs::rename(&hidden, &file).unwrap();
    }
    assert!(matches!(
        survey.work("out", 3),
        Err(RunError::NoShard { .. })
    ));
    survey.merge("out").unwrap().unwrap();
    assert!(
        verify(&survey.path("out"), &VerifyOptions::default())
            .unwrap()
            .ok()
    );
    assert!(matches!(
        survey.work("out", 0),
        Err(RunError::NoPlan { .. })
    ));
}

/// Machines that do not see the plan's folder, as where frames come from an object store (`deploy/objects`).
#[cfg(all(feature = "cli", feature = "onnx"))]
#[test]
fn relative_paths_of_a_plan_begin_where_base_says() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    common::good_frames(&at("here/in"), 2);
    let call = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_heatveil"))
            .args(arguments)
            .current_dir(at("here"))
            .env("ORT_DYLIB_PATH", common::onnx_runtime())
            .output()
            .unwrap()
    };
    let out = at("out").display().to_string();
    let planned = call(&["plan", "in", "--out", &out, "--shards", "1"]);
    assert!(planned.status.success(), "{planned:?}");
    fs::rename(at("here/in"), at("in")).unwrap();
    let lost = call(&["work", &out, "--shard", "0"]);
    assert_eq!(lost.status.code(), Some(1), "{lost:?}");
    let base = folder.path().display().to_string();
    let found = call(&["work", &out, "--shard", "0", "--base", &base]);
    assert!(found.status.success(), "{found:?}");
    let merged = call(&["merge", &out, "--base", &base]);
    assert!(merged.status.success(), "{merged:?}");
    let names = fs::read_to_string(at("out/private/frames.jsonl")).unwrap();
    assert_eq!(names.matches(&format!("{base}/in/")).count(), 2, "{names}");
}
