//! What people decide after a run, and what a run that follows them makes of it; what is deleted when it is due.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use heatveil::audit::{
    Entry, Masked, RawDeleted, Release, Signer, VerifyOptions, keygen, release, verify,
};
use heatveil::detect::{Class, Detection, Padding, Scripted};
use heatveil::frame::FrameId;
use heatveil::report::{ReportOptions, compose};
use heatveil::retention::{Purge, RetentionError, due, purge};
use heatveil::review::{Decision, Desk, Margins, People, ReviewError};
use heatveil::run::{Run, RunError, Silent};
use heatveil::store::{Artifact, Existing};

use crate::common::{self, dji_frames, files, find, raw_offsets, write, write_keys};

/// In every frame. Edges lie on the grid of masks.
const PERSON: [u32; 4] = [300, 200, 340, 260];
const WINDOW: [u32; 4] = [100, 320, 132, 352];
/// Nobody found this one.
const MISSED: [u32; 4] = [400, 100, 440, 140];
const AT: i64 = 1_768_516_200;
const DAY: i64 = 86_400;
const SETTINGS: &str =
    "[tiles]\nkeep-frames = true\n[redact]\npadding-m = 0\n[detect.carry]\nenabled = false";

/// A folder of frames, keys and outputs.
struct Bench(tempfile::TempDir);

fn finds() -> Vec<Detection> {
    let find = |class, bbox: [u32; 4]| {
        find(
            class,
            bbox.map(|edge| f32::from(u16::try_from(edge).unwrap())),
        )
    };
    vec![find(Class::Person, PERSON), find(Class::Window, WINDOW)]
}

impl Bench {
    /// The fixture's DJI frames, with somebody of `count` in frames 1 and 4 whom nobody found.
    fn new(count: u16) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write_keys(bench.0.path());
        for (number, (file, mut bytes)) in dji_frames().into_iter().enumerate() {
            let offsets = raw_offsets(&bytes);
            let [x0, y0, x1, y1] = MISSED.map(|edge| usize::try_from(edge).unwrap());
            for (x, y) in (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y))) {
                if [1, 4].contains(&number) {
                    let sample = 2 * (y * 640 + x);
                    for (at, byte) in offsets[sample..sample + 2].iter().zip(count.to_le_bytes()) {
                        bytes[*at] = byte;
                    }
                }
            }
            write(&bench.path("in").join(file), &bytes);
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A run whose detector fails on frame 4, or on none where it follows a review.
    fn run(&self, out: &str, reviewed: Option<&str>, settings: &str) -> Run {
        let found: BTreeMap<_, _> = (0..9).map(|frame| (FrameId(frame), finds())).collect();
        let fails = if reviewed.is_some() {
            vec![]
        } else {
            vec![FrameId(4)]
        };
        Run {
            reviewed: reviewed.map(|name| self.path(name)),
            detectors: vec![Box::new(Scripted {
                found,
                fails,
                ..Scripted::default()
            })],
            ..common::run(self.0.path(), "in", out, settings)
        }
    }

    fn execute(&self, out: &str, reviewed: Option<&str>) {
        self.run(out, reviewed, SETTINGS)
            .execute(&mut Silent)
            .unwrap();
    }

    /// A run whose parts are kept as long as these settings say.
    fn kept_for(&self, retention: &str) {
        let run = self.run("out", None, retention);
        run.execute(&mut Silent).unwrap();
    }

    /// Deletes what is due of that run.
    fn purge(
        &self,
        now: i64,
        commitment_key: Option<&Path>,
        folders_are_gone: bool,
    ) -> Result<Vec<RawDeleted>, RetentionError> {
        purge(&Purge {
            folder: &self.path("out"),
            now,
            log: &Signer::load(&self.path("log.key")).unwrap(),
            commitment_key,
            intake_key: None,
            folders_are_gone,
        })
    }

    fn decide(
        &self,
        frame: u32,
        decision: &str,
        boxes: [&[[u32; 4]]; 2],
        names: &[&str],
    ) -> Result<String, ReviewError> {
        let people: Vec<Signer> = names.iter().map(|name| self.person(name)).collect();
        let decision = Decision {
            frame,
            decision: decision.into(),
            reason: "looked at".into(),
            hide: boxes[0].to_vec(),
            open: boxes[1].to_vec(),
        };
        let people = People {
            log: &Signer::load(&self.path("log.key")).unwrap(),
            reviewer: &people[0],
            second: people.get(1),
        };
        let key = self.path("commitment.key");
        Desk::open(&self.path("old"))?.decide(decision, people, Some(&key), AT + 60)
    }

    /// The key of a person, the same each time.
    fn person(&self, name: &str) -> Signer {
        let path = self.path(name);
        if !path.exists() {
            write(&path, keygen(name).unwrap().signer.as_bytes());
        }
        Signer::load(&path).unwrap()
    }

    fn verify(&self, out: &str) -> Vec<String> {
        verify(&self.path(out), &VerifyOptions::default())
            .unwrap()
            .problems
    }

    fn entries(&self, out: &str) -> Vec<Entry> {
        heatveil::audit::read(&self.path(out)).unwrap()
    }

    fn masked(&self, out: &str) -> BTreeMap<u32, Masked> {
        let entries = self.entries(out).into_iter();
        let masked = entries.filter_map(|entry| match entry {
            Entry::Masked(masked) => Some((masked.frame, masked)),
            _ => None,
        });
        masked.collect()
    }

    fn log(&self, out: &str) -> Vec<u8> {
        fs::read(self.path(out).join("audit/entries.jsonl")).unwrap()
    }

    fn published(&self, out: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = files(&self.path(out).join("tiles"));
        all.extend(files(&self.path(out).join("frames")));
        all
    }

    /// Warmest pixel of the map and of the kept frames, in °C.
    fn warmest(&self, out: &str) -> f32 {
        let rasters = self.published(out).into_iter().map(|(path, _)| path);
        let rasters = rasters.filter(|path| path.extension().is_some_and(|kind| kind == "tif"));
        let mut warmest = f32::MIN;
        for raster in rasters {
            let folders =
                ["tiles", "frames"].map(|folder| self.path(out).join(folder).join(&raster));
            let path = folders.into_iter().find(|path| path.exists()).unwrap();
            let dataset = gdal::Dataset::open(path).unwrap();
            let band = dataset.rasterband(1).unwrap();
            let samples = band
                .read_as::<f32>((0, 0), band.size(), band.size(), None)
                .unwrap();
            let finite = samples
                .data()
                .iter()
                .copied()
                .filter(|value| value.is_finite());
            warmest = finite.fold(warmest, f32::max);
        }
        warmest
    }

    /// A run, decisions about it, a run that follows.
    fn reviewed(&self) {
        self.execute("old", None);
        self.decide(4, "approve", [&[MISSED], &[]], &["jo"])
            .unwrap();
        self.decide(1, "approve", [&[MISSED], &[]], &["jo"])
            .unwrap();
        self.decide(2, "reject", [&[], &[]], &["kim"]).unwrap();
        self.decide(3, "release", [&[], &[PERSON]], &["jo", "kim"])
            .unwrap();
        self.decide(0, "confirm", [&[], &[]], &["jo"]).unwrap();
        self.execute("new", Some("old"));
    }
}

/// 77.1875 °C in the counts of the fixture: nothing else in the scene is that warm.
const CANARY: u16 = 22_420;

#[test]
fn a_run_that_follows_a_review_does_what_people_decided_and_nothing_else() {
    let bench = Bench::new(CANARY);
    bench.reviewed();
    assert_eq!(bench.verify("old"), Vec::<String>::new());
    assert_eq!(bench.verify("new"), Vec::<String>::new());
    let follows = |new: &str| {
        let options = VerifyOptions {
            reviewed: Some(bench.path("old")),
            ..VerifyOptions::default()
        };
        verify(&bench.path(new), &options).unwrap().problems
    };
    assert_eq!(follows("new"), Vec::<String>::new());
    assert_eq!(follows("old"), ["the run follows no review"]);
    let (old, new) = (bench.masked("old"), bench.masked("new"));
    assert_eq!(
        old.keys().collect::<Vec<_>>(),
        [&0, &1, &2, &3, &5, &6, &7, &8]
    );
    assert_eq!(
        new.keys().collect::<Vec<_>>(),
        [&0, &1, &3, &4, &5, &6, &7, &8]
    );
    // 40 x 60 of the person, 32 x 32 of the window, 40 x 40 of whom nobody found.
    assert_eq!(old[&1].masked_pixels, 2400 + 1024);
    assert_eq!(new[&1].masked_pixels, 2400 + 1024 + 1600);
    assert_eq!(new[&4].masked_pixels, 2400 + 1024 + 1600);
    assert_eq!(new[&3].masked_pixels, 1024);
    for frame in [0, 5, 6, 7, 8] {
        assert_eq!(old[&frame], new[&frame], "{frame}");
    }
    assert_eq!(new[&3].reviewed.as_ref().unwrap().open, [PERSON]);
    let rejected = bench
        .entries("new")
        .into_iter()
        .find_map(|entry| match entry {
            Entry::Withheld(withheld) => Some((withheld.frame, withheld.reason)),
            _ => None,
        });
    assert_eq!(rejected, Some((2, "reviewed".into())));
    // The old run showed whom nobody found; the new one does not.
    assert!(bench.warmest("old") > 77.0, "{}", bench.warmest("old"));
    assert!(bench.warmest("new") < 60.0, "{}", bench.warmest("new"));

    let log = bench.log("new");
    let again = Run {
        threads: std::num::NonZeroUsize::MIN,
        ..bench.run("again", Some("old"), SETTINGS)
    };
    again.execute(&mut Silent).unwrap();
    assert_eq!(log, bench.log("again"));
    assert!(bench.published("new") == bench.published("again"));

    // What people decide later, this run does not follow, and does not claim to.
    bench.decide(5, "reject", [&[], &[]], &["jo"]).unwrap();
    assert_eq!(follows("new"), Vec::<String>::new());
    who_decided_stands_in_the_report(&bench);
}

/// Of `new`, which follows `old`: with the reviewed run every decision that was followed, without it where to ask.
fn who_decided_stands_in_the_report(bench: &Bench) {
    let page = |reviewed: Option<PathBuf>| {
        let verify = VerifyOptions {
            reviewed,
            ..VerifyOptions::default()
        };
        let options = ReportOptions {
            verify,
            ..ReportOptions::default()
        };
        let pages = compose(&bench.path("new"), &options).unwrap();
        String::from_utf8(pages[0].bytes().into_owned()).unwrap()
    };
    let told = page(Some(bench.path("old")));
    for fact in [
        "Frame 3, published with less hidden by jo and kim:",
        "Frame 4, published with all that was found hidden by jo:",
        "Frame 2, never to be published by kim:",
        "4 overrides by people.",
        "stand with their signatures in that run",
    ] {
        assert!(told.contains(fact), "{fact}");
    }
    assert!(!told.contains("Frame 5,"), "decided later");
    let alone = page(None);
    let asks = "(published as decided: 1, 3\u{2013}4; withheld as decided: 2)";
    assert!(alone.contains(asks) && !alone.contains("None."), "{asks}");
}

/// A run that follows cannot publish frames 1 and 4: what people hid there waits for the next, as do a rejected frame, and what was hidden in it.
#[test]
fn what_people_decided_about_a_frame_outlives_a_run_that_withholds_it() {
    let bench = Bench::new(CANARY);
    bench.execute("old", None);
    for frame in [1, 2, 4] {
        bench
            .decide(frame, "approve", [&[MISSED], &[]], &["jo"])
            .unwrap();
    }
    bench.decide(2, "reject", [&[], &[]], &["kim"]).unwrap();
    let between = Run {
        detectors: vec![Box::new(Scripted {
            fails: [1, 2, 4].map(FrameId).to_vec(),
            ..Scripted::default()
        })],
        ..bench.run("between", Some("old"), SETTINGS)
    };
    between.execute(&mut Silent).unwrap();
    bench.execute("new", Some("between"));
    for (follows, reviewed) in [("between", "old"), ("new", "between")] {
        let options = VerifyOptions {
            reviewed: Some(bench.path(reviewed)),
            ..VerifyOptions::default()
        };
        let problems = verify(&bench.path(follows), &options).unwrap().problems;
        assert_eq!(problems, Vec::<String>::new(), "{follows}");
    }
    let (between, new) = (bench.masked("between"), bench.masked("new"));
    assert!([1, 2, 4].iter().all(|frame| !between.contains_key(frame)));
    for frame in [1, 4] {
        assert_eq!(new[&frame].reviewed.as_ref().unwrap().hide, [MISSED]);
        assert_eq!(new[&frame].masked_pixels, 2400 + 1024 + 1600);
    }
    assert!(!new.contains_key(&2) && bench.warmest("new") < 60.0);
    let kept = bench
        .entries("new")
        .into_iter()
        .find_map(|entry| match entry {
            Entry::Withheld(withheld) => withheld.reviewed.map(|mask| mask.hide),
            _ => None,
        });
    assert_eq!(kept, Some(vec![MISSED]));
}

#[test]
fn what_lies_under_a_box_that_people_hid_changes_no_published_byte() {
    let (one, other) = (Bench::new(CANARY), Bench::new(17_000));
    one.reviewed();
    other.reviewed();
    assert!(one.published("old") != other.published("old"));
    assert!(one.published("new") == other.published("new"));
}

#[test]
fn decisions_that_are_not_whole_are_refused_and_nothing_is_logged() {
    let bench = Bench::new(CANARY);
    bench.execute("old", None);
    let before = bench.log("old");
    let refused = |frame, decision, boxes, names: &[&str]| {
        let error = bench.decide(frame, decision, boxes, names).unwrap_err();
        assert_eq!(bench.log("old"), before);
        error.to_string()
    };
    for (said, answer) in [
        (
            "two people",
            refused(3, "release", [&[], &[PERSON]], &["jo"]),
        ),
        ("twice", refused(3, "release", [&[], &[]], &["jo", "jo"])),
        (
            "within the frame",
            refused(3, "approve", [&[[630, 0, 641, 9]], &[]], &["jo"]),
        ),
        (
            "within the frame",
            refused(3, "approve", [&[[9, 0, 9, 9]], &[]], &["jo"]),
        ),
        ("was withheld", refused(4, "confirm", [&[], &[]], &["jo"])),
        (
            "none with the number 9",
            refused(9, "reject", [&[], &[]], &["jo"]),
        ),
        (
            "must not be the log's own",
            refused(3, "reject", [&[], &[]], &["log.key"]),
        ),
    ] {
        assert!(answer.contains(said), "{said} not in {answer}");
    }
    let (name, mut bytes) = dji_frames().swap_remove(3);
    bytes.push(0);
    write(&bench.path("in").join(name), &bytes);
    let answer = refused(3, "reject", [&[], &[]], &["jo"]);
    assert!(answer.contains("its commitment differs"), "{answer}");
}

#[test]
fn a_tampered_decision_is_found_and_not_followed() {
    let bench = Bench::new(CANARY);
    bench.execute("old", None);
    bench
        .decide(4, "approve", [&[MISSED], &[]], &["jo"])
        .unwrap();
    let known = |name: &str| VerifyOptions {
        reviewers: vec![bench.person(name).verifier().to_owned()],
        ..VerifyOptions::default()
    };
    let problems = |options: &VerifyOptions| verify(&bench.path("old"), options).unwrap().problems;
    assert_eq!(problems(&known("jo")), Vec::<String>::new());
    assert!(problems(&known("kim"))[0].contains("nobody named"));
    let log = String::from_utf8(bench.log("old")).unwrap();
    let smaller = log.replace(
        "\"hide\":[[400,100,440,140]]",
        "\"hide\":[[400,100,404,104]]",
    );
    assert_ne!(log, smaller);
    write(&bench.path("old/audit/entries.jsonl"), smaller.as_bytes());
    let found = problems(&VerifyOptions::default());
    assert!(
        found
            .iter()
            .any(|problem| problem.contains("was not signed by")),
        "{found:?}"
    );
    let refused = bench.run("new", Some("old"), SETTINGS).execute(&mut Silent);
    assert!(
        matches!(refused, Err(RunError::Unverified { .. })),
        "{refused:?}"
    );
    assert!(!bench.path("new").exists());
}

#[test]
fn a_run_is_gone_on_with_after_a_release_of_the_one_that_it_follows_and_not_after_a_decision() {
    let bench = Bench::new(CANARY);
    bench.execute("old", None);
    bench.execute("new", Some("old"));
    let before = bench.entries("new");
    let resume = || {
        let resumed = Run {
            existing: Existing::Keep,
            ..bench.run("new", Some("old"), SETTINGS)
        };
        resumed.execute(&mut Silent)
    };
    let log = Signer::load(&bench.path("log.key")).unwrap();
    let to = Release {
        at: AT + 60,
        recipient: "Example Council".into(),
        approver: "A. Approver".into(),
    };
    release(&bench.path("old"), &log, &bench.person("approver"), &to).unwrap();
    resume().unwrap();
    assert_eq!(bench.entries("new"), before);
    bench.decide(0, "confirm", [&[], &[]], &["jo"]).unwrap();
    let refused = resume();
    assert!(
        matches!(refused, Err(RunError::NotSame { what: "review", .. })),
        "{refused:?}"
    );
}

#[test]
fn a_review_of_other_inputs_or_settings_is_not_followed() {
    let bench = Bench::new(CANARY);
    bench.execute("old", None);
    let other = format!("{SETTINGS}\n[georef]\nyaw = 'gimbal'");
    let refused = bench.run("new", Some("old"), &other).execute(&mut Silent);
    assert!(
        matches!(
            refused,
            Err(RunError::NotReviewed {
                what: "configuration",
                ..
            })
        ),
        "{refused:?}"
    );
    let (name, mut bytes) = dji_frames().swap_remove(3);
    bytes.push(0);
    write(&bench.path("in").join(&name), &bytes);
    let refused = bench.run("new", Some("old"), SETTINGS).execute(&mut Silent);
    assert!(
        matches!(
            refused,
            Err(RunError::NotReviewed {
                what: "manifest",
                ..
            })
        ),
        "{refused:?}"
    );
    // What was there stays, and nothing was left that would have to be replaced.
    let before = files(&bench.path("old"));
    bench.execute("there", None);
    let there = files(&bench.path("there"));
    let replacing = Run {
        existing: Existing::Replace,
        ..bench.run("there", Some("old"), SETTINGS)
    };
    let refused = replacing.execute(&mut Silent);
    assert!(
        matches!(refused, Err(RunError::NotReviewed { .. })),
        "{refused:?}"
    );
    assert!(files(&bench.path("there")) == there && files(&bench.path("old")) == before);
    bytes.pop();
    write(&bench.path("in").join(&name), &bytes);
    bench.execute("new", Some("old"));
    assert_eq!(bench.verify("new"), Vec::<String>::new());
    replacing.execute(&mut Silent).unwrap();
    assert_eq!(bench.verify("there"), Vec::<String>::new());
}

#[test]
fn a_picture_shows_the_redacted_frame_and_none_of_what_not_every_model_saw() {
    let bench = Bench::new(CANARY);
    bench.execute("old", None);
    let config = bench.run("unused", None, SETTINGS).config;
    let none = Padding {
        fraction: 0.0,
        px: 0.0,
    };
    let margins = Margins::default()
        .with("scripted", Class::Person, none)
        .with("scripted", Class::Window, none);
    let desk = Desk::open(&bench.path("old")).unwrap();
    let picture = desk.show(1, &config, &margins).unwrap();
    let picture = image::load_from_memory(&picture.bytes()).unwrap().to_rgb8();
    let is_grey = |x: u32, y: u32| {
        let [r, g, b] = picture.get_pixel(x, y).0;
        r == g && g == b
    };
    let hidden =
        |[x0, y0, x1, y1]: [u32; 4], x: u32, y: u32| (x0..x1).contains(&x) && (y0..y1).contains(&y);
    for (x, y) in (0..512).flat_map(|y| (0..640).map(move |x| (x, y))) {
        let expected = hidden(PERSON, x, y) || hidden(WINDOW, x, y);
        assert_eq!(is_grey(x, y), !expected, "{x} {y}");
    }
    // Its one number is all that the window shows inside the frame around it.
    let window: std::collections::BTreeSet<_> = (321..351)
        .flat_map(|y| (101..131).map(move |x| (x, y)))
        .map(|(x, y)| picture.get_pixel(x, y).0)
        .collect();
    assert_eq!(window.len(), 1);

    let refused = desk.show(4, &config, &margins).unwrap_err();
    assert!(
        matches!(refused, ReviewError::NotLookedAt { frame: 4, .. }),
        "{refused}"
    );
    let unknown = desk.show(1, &config, &Margins::default()).unwrap_err();
    assert!(matches!(unknown, ReviewError::NoCard { .. }), "{unknown}");
    let mut other = config;
    other.redact.grid_px = 8;
    let refused = desk.show(1, &other, &margins).unwrap_err();
    assert!(matches!(refused, ReviewError::OtherSettings), "{refused}");
}

#[test]
fn the_queue_holds_what_was_withheld_and_the_sample_what_the_log_chooses() {
    let bench = Bench::new(CANARY);
    bench.execute("old", None);
    let queue = |desk: &Desk| {
        desk.withheld()
            .map(|case| (case.frame, case.reason, case.decision))
            .collect::<Vec<_>>()
    };
    let desk = Desk::open(&bench.path("old")).unwrap();
    let failed = Some("detector-failed".to_owned());
    assert_eq!(queue(&desk), [(4, failed.clone(), None)]);
    let chosen = |desk: &Desk, share| -> Vec<u32> {
        let sampled = desk.sampled(share, "word").unwrap();
        sampled.iter().map(|case| case.frame).collect()
    };
    let before = chosen(&desk, 0.3);
    assert_eq!(before.len(), 3, "0.3 of 8, rounded up");
    bench.decide(4, "reject", [&[], &[]], &["jo"]).unwrap();
    let desk = Desk::open(&bench.path("old")).unwrap();
    assert_eq!(queue(&desk), [(4, failed, Some("reject".into()))]);
    assert_eq!(chosen(&desk, 0.3), before, "a decision changes no sample");
    assert_eq!(chosen(&desk, 1.0), [0, 1, 2, 3, 5, 6, 7, 8]);
}

#[test]
fn what_is_due_is_deleted_and_no_file_that_took_an_inputs_place() {
    let bench = Bench::new(CANARY);
    let retention = "[survey.retention]\nraw-days = 30\nworking-days = 1\nprivate-days = 31\ncommitment-key-days = 31";
    bench.kept_for(retention);
    let out = bench.path("out");
    let key = bench.path("commitment.key");
    let due = |at| -> Vec<&str> {
        let dates = due(&out, at).unwrap();
        dates
            .iter()
            .filter(|date| date.is_due)
            .map(|date| date.category)
            .collect()
    };
    let delete = |now| bench.purge(now, Some(&key), false);
    // Where the key lies elsewhere, nothing is said of it: other runs may need it.
    assert_eq!(due(AT + 31 * DAY), ["working", "raw", "private"]);
    let own = out.join("private/commitment.key");
    write(&own, &fs::read(&key).unwrap());
    assert_eq!(due(AT), [""; 0]);
    assert_eq!(due(AT + 30 * DAY - 1), ["working"]);
    assert_eq!(
        due(AT + 31 * DAY),
        ["working", "raw", "private", "commitment-key"]
    );

    let inputs: Vec<PathBuf> = dji_frames()
        .iter()
        .map(|(name, _)| bench.path("in").join(name))
        .collect();
    write(&inputs[0], b"a file that took its place");
    remove(&inputs[1]);
    remove(&inputs[2]);
    write(&bench.path("elsewhere"), b"x");
    std::os::unix::fs::symlink(bench.path("elsewhere"), &inputs[2]).unwrap();
    let done = delete(AT + 30 * DAY).unwrap();
    let told = |category: &str| {
        done.iter()
            .find(|entry| entry.category == category)
            .unwrap()
    };
    let raw = told("raw");
    assert_eq!((raw.files, raw.missing, raw.left, raw.other), (6, 1, 0, 2));
    assert_eq!(raw.frames, [[3, 8]]);
    assert_eq!(raw.due, AT + 30 * DAY);
    assert_eq!((done.len(), told("working").left), (2, 0));
    assert_eq!(fs::read(&inputs[0]).unwrap(), b"a file that took its place");
    assert!(bench.path("elsewhere").exists());
    assert!(inputs[3..].iter().all(|input| !input.exists()));
    assert_eq!(bench.verify("out"), Vec::<String>::new());
    assert_eq!(due(AT + 30 * DAY), [""; 0]);

    // A backup brings one back: it is due again, and then it is told of again.
    write(&inputs[5], &Bench::frame(5));
    assert_eq!(due(AT + 30 * DAY), ["raw"]);
    let done = delete(AT + 31 * DAY).unwrap();
    let names: Vec<&str> = done.iter().map(|entry| entry.category.as_str()).collect();
    assert_eq!(names, ["raw", "private", "commitment-key"]);
    assert_eq!(done[0].frames, [[5, 5]]);
    assert!(!own.exists() && key.exists());
    assert!(!out.join("private/frames.jsonl").exists());
    assert_eq!(bench.verify("out"), Vec::<String>::new());
    assert_eq!(due(AT + 40 * DAY), [""; 0]);
}

#[test]
fn a_missing_drive_is_no_deletion() {
    let bench = Bench::new(CANARY);
    let retention = "[survey.retention]\nraw-days = 1\nprivate-days = 1";
    bench.kept_for(retention);
    let key = bench.path("commitment.key");
    let delete = |folders_are_gone| bench.purge(AT + DAY, Some(&key), folders_are_gone);
    let before = bench.log("out");
    rename(&bench.path("in"), &bench.path("unmounted"));
    let refused = delete(false).unwrap_err();
    assert!(refused.to_string().contains("mount the drive"), "{refused}");
    assert_eq!(bench.log("out"), before);
    let done = delete(true).unwrap();
    assert_eq!((done[0].files, done[0].missing), (0, 9));
    assert_eq!(bench.verify("out"), Vec::<String>::new());
}

#[test]
fn inputs_that_the_list_no_longer_names_are_left_and_hold_back_list_and_key() {
    let bench = Bench::new(CANARY);
    let retention = "[survey.retention]\nraw-days = 1\nprivate-days = 1\ncommitment-key-days = 1";
    bench.kept_for(retention);
    let key = bench.path("commitment.key");
    let own = bench.path("out/private/commitment.key");
    write(&own, &fs::read(&key).unwrap());
    let delete = |folders_are_gone| bench.purge(AT + DAY, None, folders_are_gone).unwrap();
    let list = bench.path("out/private/frames.jsonl");
    let whole = fs::read_to_string(&list).unwrap();

    remove(&list);
    // Nobody knows which folders are gone either.
    for folders_are_gone in [false, true] {
        let done = delete(folders_are_gone);
        assert_eq!((done.len(), done[0].category.as_str()), (1, "raw"));
        assert_eq!((done[0].files, done[0].left), (0, 9));
    }
    let cut: String = whole.split_inclusive('\n').take(4).collect();
    write(&list, cut.as_bytes());
    let done = delete(false);
    assert_eq!((done.len(), done[0].files, done[0].left), (1, 4, 5));
    assert_eq!(done[0].frames, [[0, 3]]);
    assert!(own.exists() && bench.path("out/private/footprints.jsonl").exists());
    let dates = due(&bench.path("out"), AT + DAY).unwrap();
    assert!(dates.iter().all(|date| date.is_due), "{dates:?}");
    assert_eq!(bench.verify("out"), Vec::<String>::new());

    write(&list, whole.as_bytes());
    let done = delete(false);
    assert_eq!((done.len(), done[0].files, done[0].missing), (3, 5, 4));
    assert_eq!((done[0].left, own.exists()), (0, false));
    assert_eq!(bench.verify("out"), Vec::<String>::new());
    assert!(delete(false).is_empty(), "the list may be gone now");
}

impl Bench {
    /// A file of the fixture as [`Bench::new`] wrote it, where nobody was added.
    fn frame(number: usize) -> Vec<u8> {
        dji_frames().swap_remove(number).1
    }
}

#[expect(clippy::disallowed_methods, reason = "tests prepare their own inputs")]
fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "tests prepare their own inputs")]
fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}
