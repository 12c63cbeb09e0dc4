//! Peak memory of a run does not grow with its flight: simulated surveys with real headers, each run in a process of its
//! own, measured by the kernel (`VmHWM`: proc(5)).
//!
//! `make soak-frames` does the same with 500 and 10,000 frames over the same streets, `make soak-area` with twenty times the streets.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: helpers unwrap, and the figures are the result"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use common::write_keys;
use heatveil::run::{Progress, Run};
use heatveil::simulate::{self, Options, Preset, Survey};
use heatveil::units::Metres;

/// Names the folder of the flight that a child process is to run.
const FOLDER: &str = "HEATVEIL_SOAK_FOLDER";
/// Bytes that a frame may take for as long as a run lasts: header, footprint, log entries, file name.
const PER_FRAME: u64 = 8 << 10;
/// What allocators and caches may vary by, bytes.
const SLACK: u64 = 32 << 20;

/// One heap, large blocks handed back at once (mallopt(3)): what lies unused in glibc's heap of each thread varies by 50 MiB from run to run, more than
/// what is looked for here; like this it is 5 MiB.
const ALLOCATOR: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "524288"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];

/// Frames and peak of a run.
#[derive(Debug, Clone, Copy)]
struct Peak {
    frames: u64,
    bytes: u64,
}

/// Simulates a survey of a square with frames `step` and lines `lane` metres apart, and runs it in a process of its own.
fn measure(side: f64, step: f64, lane: f64) -> Peak {
    let folder = tempfile::tempdir().unwrap();
    let report = simulate::run(&Options {
        preset: Preset::Survey(Survey {
            side: Metres(side),
            step: Metres(step),
            lane: Metres(lane),
            cheap: true,
            ..Survey::default()
        }),
        ..Options::fixture(folder.path().join("flight"))
    })
    .unwrap();
    let started = Instant::now();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .envs(ALLOCATOR)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(
        child.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let figure = text.split("VmHWM ").nth(1).unwrap();
    let kib: u64 = figure.split_whitespace().next().unwrap().parse().unwrap();
    let frames = u64::try_from(report.frames).unwrap();
    for line in text.lines().filter(|line| line.starts_with("  ")) {
        println!("{line}");
    }
    println!(
        "{frames} frames: peak {} MiB, {:.0} s",
        kib >> 10,
        started.elapsed().as_secs_f64()
    );
    Peak {
        frames,
        bytes: kib << 10,
    }
}

fn compare(small: Peak, large: Peak) {
    let allowed = small.bytes + (large.frames - small.frames) * PER_FRAME + SLACK;
    assert!(large.bytes <= allowed, "{small:?} {large:?}");
}

#[test]
fn twice_the_frames_over_the_same_streets_take_no_more_memory_than_their_index() {
    // Already the smaller one fills the cache of frames, however its threads take turns: half as many do so in some runs alone.
    compare(measure(220.0, 4.0, 16.0), measure(220.0, 2.0, 16.0));
}

#[test]
#[ignore = "half an hour and 4 GB of disk: make soak-frames"]
fn ten_thousand_frames_over_the_same_streets_take_no_more_memory_than_their_index() {
    let (small, large) = (measure(544.0, 40.0, 64.0), measure(544.0, 8.0, 16.0));
    assert!(small.frames >= 500 && large.frames >= 10_000);
    // Fewer streets: a map that is smaller than the blocks drawn at a time.
    measure(104.0, 8.0, 16.0);
    compare(small, large);
}

#[test]
#[ignore = "ten minutes and 5 GB of disk: make soak-area"]
fn twenty_times_the_streets_take_no_more_memory_than_their_index() {
    // Less for a machine that is busy.
    let side = std::env::var("HEATVEIL_SOAK_SIDE").map_or(2500.0, |side| side.parse().unwrap());
    let (small, large) = (measure(544.0, 40.0, 64.0), measure(side, 40.0, 64.0));
    assert!(small.frames >= 500 && large.frames >= 4 * small.frames);
    compare(small, large);
}

#[test]
#[ignore = "what the other tests start in a process of its own"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let summary = run(&folder).execute(&mut Stages("")).unwrap();
    assert!(summary.mosaic.is_some() && summary.frames_published > 0);
    println!("VmHWM {}", status("VmHWM"));
}

/// A figure of this process, KiB (proc(5)).
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Says how large the process is when a stage begins and when one of its larger steps is done.
struct Stages(&'static str);

impl Stages {
    fn say(what: &str) {
        let [now, peak] = ["VmRSS", "VmHWM"].map(|name| status(name) >> 10);
        println!("  {what}: {now} MiB, so far at most {peak} MiB");
    }
}

impl Progress for Stages {
    fn stage(&mut self, name: &'static str, _total: usize) {
        self.0 = name;
        Self::say(name);
    }

    fn step(&mut self) {
        if self.0 == "mapping" {
            Self::say("done with a step of it");
        }
    }
}

/// Poses are not refined: the frames' pixels are all alike.
fn run(folder: &Path) -> Run {
    write_keys(folder);
    let settings = "[detect.carry]\nenabled = false\n[georef]\nrefine = false";
    common::run(folder, "flight/frames", "out", settings)
}
