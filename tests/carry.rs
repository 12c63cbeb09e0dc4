//! What one frame shows, its neighbours in time hide too: on a simulated flight, with a detector that knows the
//! truth and is blind in every second frame.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heatveil::audit::{Entry, VerifyOptions, verify};
use heatveil::config::CarryConfig;
use heatveil::detect::{
    BoxPx, Class, Detection, Detector, Padding, Scripted, WarmSpotConfig, WarmSpots,
};
use heatveil::eval::{Evaluation, Labels};
use heatveil::frame::FrameId;
use heatveil::redact::RedactConfig;
use heatveil::run::{Outcome, Progress, Run, RunError, Silent};
use heatveil::simulate::{self, Options, Preset};
use heatveil::store::{Existing, layout};

use crate::common::{self, Stop, files, write_keys};

/// A flight, the persons in it, and outputs.
struct Bench {
    folder: tempfile::TempDir,
    /// Boxes of persons by frame.
    persons: Vec<Vec<[f32; 4]>>,
}

/// Counts what became of persons and pixels, frame by frame, while the redacted rasters still lie in the work folder.
struct Watch<'a> {
    bench: &'a Bench,
    work: PathBuf,
    hidden: usize,
    pixels: usize,
    covered: BTreeMap<FrameId, usize>,
}

const FRAMES: usize = 12;

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        simulate::run(&Options {
            seed: 5,
            preset: Preset::Full { frames: FRAMES },
            ..Options::fixture(folder.path().join("flight"))
        })
        .unwrap();
        write_keys(folder.path());
        let persons = persons(&folder.path().join("flight"));
        Self { folder, persons }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A detector that knows the truth, but nothing of the frames for which `blind` holds.
    fn detector(&self, blind: impl Fn(usize) -> bool) -> Scripted {
        let sighted = self
            .persons
            .iter()
            .enumerate()
            .filter(|(frame, _)| !blind(*frame));
        let found = sighted
            .map(|(frame, persons)| {
                let finds = persons.iter().map(|&bbox| find(bbox)).collect();
                (FrameId(u32::try_from(frame).unwrap()), finds)
            })
            .collect();
        Scripted {
            found,
            ..Scripted::default()
        }
    }

    fn run(&self, out: &str, detector: Scripted, settings: &str, existing: Existing) -> Run {
        Run {
            detectors: vec![Box::new(detector)],
            existing,
            ..common::run(self.folder.path(), "flight/frames", out, settings)
        }
    }

    fn watch(&self, out: &str, detector: Scripted, settings: &str) -> Watch<'_> {
        let mut watch = Watch {
            bench: self,
            work: self.path(out).join(".work"),
            hidden: 0,
            pixels: 0,
            covered: BTreeMap::new(),
        };
        let run = self.run(out, detector, settings, Existing::Refuse);
        assert_eq!(run.execute(&mut watch).unwrap().frames_published, FRAMES);
        watch
    }

    fn entries(&self, out: &str) -> Vec<Entry> {
        let log = fs::read(self.path(out).join(layout::LOG)).unwrap();
        let lines = log
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        lines.map(|line| Entry::from_line(line).unwrap()).collect()
    }
}

/// The redacted raster of a frame in a work folder: the one file that begins with its number.
fn spilled(work: &Path, id: FrameId) -> PathBuf {
    let frames = fs::read_dir(work.join("frames")).unwrap();
    let mut frames = frames.map(|entry| entry.unwrap().path());
    let number = format!("{:08}-", id.0);
    let is_its = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(&number)
    };
    frames.find(is_its).unwrap()
}

impl Progress for Watch<'_> {
    fn frame(&mut self, id: FrameId, _file: &Path, outcome: &Outcome) {
        assert_eq!(*outcome, Outcome::Published);
        let bytes = fs::read(spilled(&self.work, id)).unwrap();
        let hidden: Vec<bool> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|four| f32::from_le_bytes(*four).is_nan())
            .collect();
        self.pixels += hidden.len();
        self.hidden += hidden.iter().filter(|hidden| **hidden).count();
        let persons = &self.bench.persons[usize::try_from(id.0).unwrap()];
        let covered = persons.iter().filter(|bbox| covered(bbox, &hidden) >= 0.8);
        self.covered.insert(id, covered.count());
    }
}

impl Watch<'_> {
    #[expect(clippy::cast_precision_loss, reason = "pixels are counted in millions")]
    fn hidden_share(&self) -> f64 {
        self.hidden as f64 / self.pixels as f64
    }

    /// Persons that are hidden and persons that are there, in frames for which `of` holds.
    fn covered(&self, of: impl Fn(usize) -> bool) -> (usize, usize) {
        let frames = self
            .bench
            .persons
            .iter()
            .zip(self.covered.values())
            .enumerate();
        frames
            .filter(|(frame, _)| of(*frame))
            .fold((0, 0), |(covered, all), (_, (persons, more))| {
                (covered + more, all + persons.len())
            })
    }
}

fn find([x0, y0, x1, y1]: [f32; 4]) -> Detection {
    Detection {
        class: Class::Person,
        bbox: BoxPx { x0, y0, x1, y1 },
        score: 0.9,
        padding: Padding {
            fraction: 0.25,
            px: 2.0,
        },
        alarm: 0.5,
    }
}

/// Persons of the flight's truth, frames in the order of their names.
#[expect(clippy::cast_possible_truncation, reason = "pixels of a frame")]
fn persons(flight: &Path) -> Vec<Vec<[f32; 4]>> {
    let coco: serde_json::Value =
        serde_json::from_slice(&fs::read(flight.join("truth/coco.json")).unwrap()).unwrap();
    let mut names: Vec<(String, u64)> = coco["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            (
                image["file_name"].as_str().unwrap().to_owned(),
                image["id"].as_u64().unwrap(),
            )
        })
        .collect();
    names.sort();
    let boxes = |image: u64| {
        let all = coco["annotations"].as_array().unwrap().iter();
        all.filter(|thing| thing["category_id"] == 1 && thing["image_id"] == image)
            .map(|thing| {
                let [x, y, width, height] =
                    [0, 1, 2, 3].map(|at| thing["bbox"][at].as_f64().unwrap() as f32);
                [x, y, x + width, y + height]
            })
            .collect()
    };
    names.into_iter().map(|(_, image)| boxes(image)).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixels of a frame of 640 x 512"
)]
fn covered(bbox: &[f32; 4], hidden: &[bool]) -> f64 {
    let [x0, y0, x1, y1] = bbox.map(|edge| edge as usize);
    let pixels = (y0..y1).flat_map(|y| (x0..x1).map(move |x| y * 640 + x));
    let under = pixels.filter(|at| hidden[*at]).count();
    under as f64 / ((x1 - x0) * (y1 - y0)) as f64
}

fn odd(frame: usize) -> bool {
    !frame.is_multiple_of(2)
}

#[test]
fn a_person_is_hidden_in_a_frame_in_which_the_model_was_blind() {
    let bench = Bench::new();
    let without = bench.watch(
        "without",
        bench.detector(odd),
        "[detect.carry]\nenabled = false",
    );
    let with = bench.watch("with", bench.detector(odd), "");
    let (before, persons) = without.covered(odd);
    let (after, _) = with.covered(odd);
    assert!(persons >= 20 && before == 0, "{before} of {persons}");
    assert!(after * 4 >= persons * 3, "{after} of {persons}");
    assert_eq!(
        with.covered(|frame| !odd(frame)),
        without.covered(|frame| !odd(frame))
    );

    let sighted = bench.watch("sighted", bench.detector(|_| false), "");
    let alone = bench.watch(
        "alone",
        bench.detector(|_| false),
        "[detect.carry]\nenabled = false",
    );
    // Nine persons a frame, of whom roofs hide some from one frame to the next: a crowded street.
    let more = sighted.hidden_share() - alone.hidden_share();
    assert!((0.0..0.025).contains(&more), "{more}");
    for entry in bench.entries("with") {
        if let Entry::Detected(look) = entry {
            assert_eq!(look.line == "carry", look.source.is_some());
            assert!(look.source.is_none_or(|source| source % 2 == 0), "{look:?}");
        }
    }
    let found = verify(&bench.path("with"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);
}

/// With one neighbour on each side a frame's neighbours see in a run in which every second frame is blind, as they do
/// where that frame alone is: two runs, one for the odd and one for the even frames, tell what `eval` must count.
#[test]
fn eval_counts_whom_carry_alone_hides_as_runs_hide_them() {
    let bench = Bench::new();
    let hidden = |out, blind: fn(usize) -> bool| {
        let settings = "[detect.carry]\nframes = 1";
        let watch = bench.watch(out, bench.detector(blind), settings);
        watch.covered(blind)
    };
    let (odd_hidden, odd_persons) = hidden("odd", odd);
    let (even_hidden, even_persons) = hidden("even", |frame| !odd(frame));

    let labels = Labels::read(&bench.path("flight/truth/coco.json")).unwrap();
    let detectors: Vec<Box<dyn Detector>> = vec![Box::new(bench.detector(|_| false))];
    // The runs have no warm spots either.
    let no_spots = WarmSpots::new(&WarmSpotConfig {
        min_deviations: f64::INFINITY,
        ..WarmSpotConfig::default()
    });
    let report = Evaluation {
        labels: &labels,
        images: &bench.path("flight/frames"),
        scenes: &BTreeMap::new(),
        ground_resolution: None,
        detectors: &detectors,
        warm_spots: &no_spots,
        carry: &CarryConfig {
            frames: 1,
            ..CarryConfig::default()
        },
        redact: &RedactConfig::default(),
        threads: NonZeroUsize::new(2).unwrap(),
    }
    .measure(|error| panic!("{error}"))
    .unwrap();
    let answer: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let carry = &answer["lines"]["carry"];
    assert_eq!(
        (&carry["frames"], &answer["frames"]),
        (&FRAMES.into(), &FRAMES.into())
    );
    assert_eq!(carry["objects"], odd_persons + even_persons);
    let (hidden, persons) = (odd_hidden + even_hidden, odd_persons + even_persons);
    assert!(
        hidden * 2 > persons && hidden < persons,
        "{hidden} of {persons}"
    );
    #[expect(
        clippy::cast_precision_loss,
        reason = "persons are counted in hundreds"
    )]
    let share = hidden as f64 / persons as f64;
    let found = carry["objects_80_masked"].as_f64().unwrap();
    assert!(
        (found - share).abs() < 1e-5,
        "{carry} {hidden} of {persons}"
    );
    // The detector knows the truth: with it, all are hidden, and carry adds ground.
    assert_eq!(answer["lines"]["all"]["objects_80_masked"], 1.0);
}

#[test]
fn carried_finds_do_not_depend_on_threads_interruption_or_lost_working_files() {
    let bench = Bench::new();
    let run = |out: &str, threads, existing| {
        let mut run = bench.run(out, bench.detector(odd), "", existing);
        run.threads = NonZeroUsize::new(threads).unwrap();
        run
    };
    run("one", 1, Existing::Refuse)
        .execute(&mut Silent)
        .unwrap();
    run("four", 4, Existing::Refuse)
        .execute(&mut Silent)
        .unwrap();
    for folder in ["tiles", "audit"] {
        let of = |out: &str| files(&bench.path(out).join(folder));
        assert!(of("one") == of("four"), "{folder}");
    }

    let stopped = run("stopped", 1, Existing::Refuse);
    let stop = Arc::clone(&stopped.interrupted);
    let result = stopped.execute(&mut Stop(stop, 2));
    assert!(
        matches!(result, Err(RunError::Interrupted { .. })),
        "{result:?}"
    );
    #[expect(clippy::disallowed_methods, reason = "tests damage what a crash may")]
    fs::remove_file(spilled(&bench.path("stopped/.work"), FrameId(1))).unwrap();
    run("stopped", 2, Existing::Keep)
        .execute(&mut Silent)
        .unwrap();
    assert!(files(&bench.path("one/tiles")) == files(&bench.path("stopped/tiles")));
    let about_frames = |out: &str| {
        let mut entries = bench.entries(out);
        entries.retain(|entry| entry.frame_under_way().is_some());
        entries
    };
    assert_eq!(about_frames("one"), about_frames("stopped"));
}

/// Frames on which the detector fails tell nothing, and must not stand in the way of those behind them that do.
#[test]
fn a_frame_that_nobody_looked_at_takes_no_neighbours_place() {
    let bench = Bench::new();
    let sources = |out: &str, fails: &[u32]| {
        let detector = Scripted {
            fails: fails.iter().map(|&id| FrameId(id)).collect(),
            ..bench.detector(|frame| frame != 2)
        };
        let settings = "[detect.carry]\nframes = 1\nseconds = 60";
        let run = bench.run(out, detector, settings, Existing::Refuse);
        run.execute(&mut Silent).unwrap();
        let carried = |entry: Entry| match entry {
            Entry::Detected(look) if look.frame == 4 => look.source,
            _ => None,
        };
        let found: Vec<u32> = bench.entries(out).into_iter().filter_map(carried).collect();
        found
    };
    assert_eq!(sources("all", &[]), [] as [u32; 0], "frame 3 saw nothing");
    assert_eq!(sources("one-fails", &[3]), [2]);
}
