//! Work on a frame that comes to no end and cannot be stopped: the program ends, and the run that goes on withholds that frame.

use std::process::Command;
use std::thread;
use std::time::Duration;

use heatveil::audit::{VerifyOptions, verify};
use heatveil::detect::{DetectError, Detections, Detector, Envelope, Scripted};
use heatveil::frame::{FrameId, ModelInput};
use heatveil::run::{Hang, Run, Silent};
use heatveil::store::Existing;

use crate::bench::Bench;
use crate::common::{self, write_keys};

/// Names the folder of the run that hangs to the process that hangs.
const FOLDER: &str = "HEATVEIL_TEST_UNENDING";
/// Long enough for honest frames on a machine that does much else.
const SETTINGS: &str = "[run]\nframe-seconds = 5";
/// Exit code of that process.
const HUNG: i32 = 71;
/// The frame on which it hangs.
const FRAME: FrameId = FrameId(1);

/// Finds nothing, and looks at one frame for ever.
#[derive(Default)]
struct Deaf(Scripted);

impl Detector for Deaf {
    fn model(&self) -> (&str, [u8; 32]) {
        self.0.model()
    }

    fn envelope(&self) -> &Envelope {
        self.0.envelope()
    }

    fn multiple_of(&self) -> usize {
        self.0.multiple_of()
    }

    fn detect(&self, frame: FrameId, input: &ModelInput) -> Result<Detections, DetectError> {
        if frame == FRAME {
            loop {
                thread::sleep(Duration::from_secs(1));
            }
        }
        self.0.detect(frame, input)
    }
}

fn end(hang: &Hang) {
    assert_eq!(hang.frame, Some(FRAME));
    std::process::exit(HUNG);
}

#[test]
#[ignore = "what the other test starts in a process of its own"]
fn child() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let run = Run {
        detectors: vec![Box::new(Deaf::default())],
        hung: end,
        ..common::run(folder.as_ref(), "in", "out", SETTINGS)
    };
    unreachable!("{:?}", run.execute(&mut Silent));
}

#[test]
fn the_run_that_goes_on_withholds_the_frame_on_which_the_program_hung() {
    let bench = Bench::new();
    bench.good(4);
    write_keys(&bench.path(""));
    let hung = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "unending::child", "--ignored"])
        .env(FOLDER, bench.path(""))
        .output()
        .unwrap();
    assert_eq!(hung.status.code(), Some(HUNG), "{hung:?}");
    let run = |existing| Run {
        existing,
        ..common::run(&bench.path(""), "in", "out", SETTINGS)
    };
    let summary = run(Existing::Keep).execute(&mut Silent).unwrap();
    let counts = (summary.frames_published, summary.frames_withheld);
    assert_eq!(counts, (3, 1));
    let outcomes: Vec<_> = bench.outcomes().into_iter().map(|line| line.1).collect();
    let published = || "published".to_owned();
    let expected = [published(), "out-of-time".into(), published(), published()];
    assert_eq!(outcomes, expected);
    let found = verify(&bench.path("out"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);
    // From the start nothing is known of it.
    let summary = run(Existing::Replace).execute(&mut Silent).unwrap();
    assert_eq!(summary.frames_published, 4);
}
