//! Stages that panic or never end, one frame each: that frame is withheld, the others go on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex};

use heatveil::audit::{VerifyOptions, verify};
use heatveil::detect::{DetectError, Detections, Detector, Envelope, Scripted};
use heatveil::frame::{FrameId, ModelInput};
use heatveil::run::{Progress, Run, Silent, Summary};
use heatveil::store::Existing;

use crate::bench::Bench;
use crate::common::{self, write_keys};

/// What becomes of which look at which frame: the first, and the self-check's.
const PANICS: [(u32, usize); 2] = [(0, 1), (1, 2)];
const NEVER_ENDS: [(u32, usize); 2] = [(2, 1), (3, 2)];

/// Finds nothing, panics, or looks until it is stopped.
#[derive(Default)]
struct Wild {
    inner: Scripted,
    looks: Mutex<BTreeMap<FrameId, usize>>,
    stopped: Mutex<Vec<FrameId>>,
    told: Condvar,
}

impl Detector for Wild {
    fn model(&self) -> (&str, [u8; 32]) {
        self.inner.model()
    }

    fn envelope(&self) -> &Envelope {
        self.inner.envelope()
    }

    fn multiple_of(&self) -> usize {
        self.inner.multiple_of()
    }

    #[expect(clippy::panic_in_result_fn, reason = "it is told to")]
    fn detect(&self, frame: FrameId, input: &ModelInput) -> Result<Detections, DetectError> {
        let look = {
            let mut looks = self.looks.lock().unwrap();
            let look = looks.entry(frame).or_default();
            *look += 1;
            (frame.0, *look)
        };
        assert!(!PANICS.contains(&look), "told to panic");
        if NEVER_ENDS.contains(&look) {
            let stopped = self.stopped.lock().unwrap();
            let waits = |stopped: &mut Vec<FrameId>| !stopped.contains(&frame);
            drop(self.told.wait_while(stopped, waits).unwrap());
            let problem = "stopped".into();
            return Err(DetectError::Inference {
                model: "wild".into(),
                problem,
            });
        }
        self.inner.detect(frame, input)
    }

    fn stop(&self, frame: FrameId) {
        self.stopped.lock().unwrap().push(frame);
        self.told.notify_all();
    }
}

fn run(bench: &Bench, existing: Existing) -> Run {
    let folder = bench.path("");
    // Long enough for honest frames on a machine that does much else.
    let settings = "[run]\nframe-seconds = 5\n[georef]\nrefine = false";
    Run {
        detectors: vec![Box::new(Wild::default())],
        existing,
        ..common::run(&folder, "in", "out", settings)
    }
}

fn counts(summary: &Summary) -> [usize; 3] {
    [
        summary.frames_total,
        summary.frames_published,
        summary.frames_withheld,
    ]
}

#[test]
fn what_panics_or_never_ends_withholds_its_own_frame_alone() {
    let bench = Bench::new();
    bench.good(6);
    write_keys(&bench.path(""));
    let summary = run(&bench, Existing::Refuse).execute(&mut Silent).unwrap();
    assert_eq!(counts(&summary), [6, 2, 4]);
    let list = std::fs::read_to_string(bench.path("out/private/frames.jsonl")).unwrap();
    let reasons: Vec<String> = list
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["reason"].as_str().unwrap_or("published").to_owned())
        .collect();
    let expected = [
        "internal",
        "internal",
        "out-of-time",
        "out-of-time",
        "published",
        "published",
    ];
    assert_eq!(reasons, expected);
    assert!(
        verify(&bench.path("out"), &VerifyOptions::default())
            .unwrap()
            .ok()
    );
}

/// Panics when frames are laid on the ground.
struct Falls;

impl Progress for Falls {
    fn stage(&mut self, name: &'static str, _total: usize) {
        assert!(name != "mapping", "told to panic");
    }
}

#[test]
fn a_panic_behind_the_last_frame_ends_the_run_and_resume_completes_it() {
    let bench = Bench::new();
    bench.good(2);
    write_keys(&bench.path(""));
    let whole = || Run {
        detectors: vec![Box::new(Scripted::default())],
        existing: Existing::Keep,
        ..run(&bench, Existing::Keep)
    };
    let first = Run {
        existing: Existing::Refuse,
        ..whole()
    };
    assert!(catch_unwind(AssertUnwindSafe(|| first.execute(&mut Falls))).is_err());
    let summary = whole().execute(&mut Silent).unwrap();
    assert_eq!(counts(&summary), [2, 2, 0]);
    assert!(
        verify(&bench.path("out"), &VerifyOptions::default())
            .unwrap()
            .ok()
    );
}
