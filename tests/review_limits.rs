//! Where one person's decision ends: frames beyond what the models were evaluated for, decisions that a run came too late for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heatveil::audit::{Entry, Masked, Signer, VerifyOptions, keygen, verify};
use heatveil::detect::{Envelope, Scripted};
use heatveil::review::{Decision, Desk, Margins, People, Proposal, ReviewError};
use heatveil::run::{Run, Silent};
use heatveil::store::Artifact;

use crate::common::{self, dji_frames, write, write_keys};

const AT: i64 = 1_768_516_200;
const PIXELS: u64 = 640 * 512;
/// Finer than any frame sees the ground, metres.
const FINEST: f64 = 0.01;
const SETTINGS: &str = "[detect.carry]\nenabled = false";
/// What a reviewer may write, and a terminal would obey.
const REASON: &str = "looked at\u{1b}]0;owned\u{7} \u{9b}2J\u{202e}";

/// Three frames and a detector that was evaluated for nothing as coarse as they are.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write_keys(bench.path());
        for (name, bytes) in dji_frames().into_iter().take(3) {
            write(&bench.path().join("in").join(name), &bytes);
        }
        bench
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn execute(&self, out: &str, reviewed: Option<&str>, now: i64) {
        let detector = Scripted {
            envelope: Envelope {
                max_ground_resolution_m: FINEST,
                ..Scripted::default().envelope
            },
            ..Scripted::default()
        };
        let run = Run {
            detectors: vec![Box::new(detector)],
            reviewed: reviewed.map(|name| self.path().join(name)),
            now,
            ..common::run(self.path(), "in", out, SETTINGS)
        };
        run.execute(&mut Silent).unwrap();
    }

    fn decide(&self, out: &str, frame: u32, decision: &str, names: &[&str], at: i64) {
        let people: Vec<Signer> = names.iter().map(|name| self.person(name)).collect();
        let decision = Decision {
            frame,
            decision: decision.into(),
            reason: REASON.into(),
            hide: Vec::new(),
            open: Vec::new(),
        };
        let people = People {
            log: &Signer::load(&self.path().join("log.key")).unwrap(),
            reviewer: &people[0],
            second: people.get(1),
        };
        let key: PathBuf = self.path().join("commitment.key");
        let desk = Desk::open(&self.path().join(out)).unwrap();
        desk.decide(decision, people, Some(&key), at).unwrap();
    }

    fn person(&self, name: &str) -> Signer {
        let path = self.path().join(name);
        if !path.exists() {
            write(&path, keygen(name).unwrap().signer.as_bytes());
        }
        Signer::load(&path).unwrap()
    }

    fn problems(&self, out: &str, reviewed: &str) -> Vec<String> {
        let options = VerifyOptions {
            reviewed: Some(self.path().join(reviewed)),
            ..VerifyOptions::default()
        };
        verify(&self.path().join(out), &options).unwrap().problems
    }

    fn masked(&self, out: &str) -> BTreeMap<u32, Masked> {
        let entries = heatveil::audit::read(&self.path().join(out)).unwrap();
        let masked = entries.into_iter().filter_map(|entry| match entry {
            Entry::Masked(masked) => Some((masked.frame, masked)),
            _ => None,
        });
        masked.collect()
    }
}

#[test]
fn one_person_opens_nothing_that_is_coarser_than_evaluated_and_two_do() {
    let bench = Bench::new();
    bench.execute("old", None, AT);
    assert_eq!(bench.masked("old").len(), 0, "all are beyond the envelope");
    bench.decide("old", 0, "approve", &["jo"], AT + 60);
    bench.decide("old", 1, "release", &["jo", "kim"], AT + 60);
    bench.decide("old", 2, "release", &["jo", "kim"], AT + 60);
    bench.decide("old", 2, "approve", &["kim"], AT + 61);
    bench.execute("new", Some("old"), AT + 120);
    assert_eq!(bench.problems("new", "old"), Vec::<String>::new());
    let hidden: Vec<u64> = bench
        .masked("new")
        .values()
        .map(|masked| masked.masked_pixels)
        .collect();
    assert_eq!(hidden, [PIXELS, 0, PIXELS], "the last was taken back");
    // Whoever looks at the run that followed sees what it publishes: grey is neither hidden nor framed.
    let Run { config, .. } = common::run(bench.path(), "in", "new", SETTINGS);
    let margins = Margins::default().evaluated_to(FINEST);
    let desk = Desk::open(&bench.path().join("new")).unwrap();
    let shown = [0, 1, 2].map(|frame| {
        let picture = desk.show(frame, &config, &margins).unwrap();
        let picture = image::load_from_memory(&picture.bytes()).unwrap().to_rgb8();
        let is_grey = |pixel: &&image::Rgb<u8>| pixel[0] == pixel[1] && pixel[1] == pixel[2];
        picture.pixels().filter(is_grey).count() as u64
    });
    assert_eq!(shown, [0, PIXELS, 0]);
}

#[test]
fn a_decision_that_was_made_before_the_run_must_have_been_followed() {
    let bench = Bench::new();
    bench.execute("old", None, AT);
    bench.decide("old", 1, "release", &["jo", "kim"], AT + 10);
    bench.execute("new", Some("old"), AT + 120);
    // Signed and logged behind the run's back, with a time before it began.
    bench.decide("old", 1, "reject", &["jo"], AT + 60);
    assert_eq!(
        bench.problems("new", "old"),
        ["the decision about frame 1 was made before the run and is not followed"]
    );
}

#[test]
fn two_people_who_do_not_meet_sign_one_after_the_other() {
    let bench = Bench::new();
    bench.execute("old", None, AT);
    let log = Signer::load(&bench.path().join("log.key")).unwrap();
    let [jo, kim] = ["jo", "kim"].map(|name| bench.person(name));
    let key = bench.path().join("commitment.key");
    let desk = || Desk::open(&bench.path().join("old")).unwrap();
    let release = Decision {
        frame: 1,
        decision: "release".into(),
        reason: "a chimney".into(),
        hide: Vec::new(),
        open: vec![[0, 0, 9, 9]],
    };
    let propose = |at| {
        let made = desk().propose(release.clone(), &jo, Some(&key), at);
        made.unwrap().bytes().into_owned()
    };
    let bytes = propose(AT + 60);
    let countersign = |bytes: &[u8], second: &Signer| {
        let proposal = Proposal::parse(bytes)?;
        desk().countersign(proposal, &log, second, Some(&key), AT + 90)
    };
    // Not by the same person, not from the future, not with another box, not by the log itself, not what is whole already.
    for (said, refused) in [
        ("twice", countersign(&bytes, &jo)),
        ("is a clock wrong?", countersign(&propose(AT + 91), &kim)),
        ("must not be the log's own", countersign(&bytes, &log)),
        ("not signed by", {
            let text = String::from_utf8(bytes.clone()).unwrap();
            countersign(text.replace("[0,0,9,9]", "[0,0,99,99]").as_bytes(), &kim)
        }),
        ("not a proposal", countersign(b"{}", &kim)),
    ] {
        // What the log refuses stands in the list of its problems.
        let refused = refused.unwrap_err();
        let refused = format!("{refused} {refused:?}");
        assert!(refused.contains(said), "{said} not in {refused}");
    }
    // A decision in between undoes it.
    bench.decide("old", 0, "approve", &["kim"], AT + 61);
    let stale = countersign(&bytes, &kim).unwrap_err();
    assert!(matches!(stale, ReviewError::Stale), "{stale}");
    countersign(&propose(AT + 62), &kim).unwrap();
    let found = verify(&bench.path().join("old"), &VerifyOptions::default()).unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    bench.execute("new", Some("old"), AT + 120);
    assert_eq!(bench.problems("new", "old"), Vec::<String>::new());
    assert_eq!(bench.masked("new")[&1].masked_pixels, PIXELS - 81);
}

/// `script` (bsdutils, in every Debian) gives the program a terminal of its own.
#[cfg(all(target_os = "linux", feature = "cli"))]
#[test]
fn unredacted_pixels_are_shown_on_a_terminal_alone_and_wiped_from_it() {
    use std::process::{Command, Stdio};

    let bench = Bench::new();
    bench.execute("out", None, AT);
    let keys = bench.path().display();
    let settings = format!(
        "[detect.carry]\nenabled = false\n[detect.warm-spots]\nenabled = false\n[audit]\nlog-key = '{keys}/log.key'\ncommitment-key = '{keys}/commitment.key'\n"
    );
    write(&bench.path().join("settings.toml"), settings.as_bytes());
    let program = env!("CARGO_BIN_EXE_heatveil");
    let shown = format!("{program} review out show 0 --underneath --config settings.toml");
    let call = |command: &mut Command| {
        let child = command
            .current_dir(bench.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let on_terminal = |line: &str| call(Command::new("script").args(["-qec", line, "/dev/null"]));
    let block = '\u{2580}';
    let (code, out, err) = on_terminal(&shown);
    let wiped = out
        .rfind("\u{1b}[2J\u{1b}[?1049l")
        .unwrap_or_else(|| panic!("{out:?} {err}"));
    assert!(out.find("\u{1b}[?1049h") < out.find(block) && out.rfind(block) < Some(wiped));
    // 107 x 86 means of 6 x 6 pixels, two in each block.
    assert_eq!((code, out.matches(block).count()), (Some(0), 107 * 43));
    let refused = "unredacted pixels are shown on a terminal alone";
    for line in [format!("{shown} > file"), format!("{shown} < /dev/null")] {
        let (code, out, _) = on_terminal(&line);
        assert!(
            code == Some(2) && out.contains(refused) && !out.contains(block),
            "{line}: {out:?}"
        );
    }
    assert_eq!(std::fs::read(bench.path().join("file")).unwrap(), b"");
    let (code, out, err) = call(Command::new("sh").args(["-c", &shown]));
    assert!(
        code == Some(2) && out.is_empty() && err.contains(refused),
        "{out:?} {err}"
    );
    // The whole log: a terminal is shown what it would obey, a program gets it.
    bench.decide("out", 0, "approve", &["jo"], AT + 60);
    for (format, shown) in [("csv", 2), ("jsonl", 2)] {
        let export = format!("{program} audit out export --format {format}");
        let (code, out, err) = on_terminal(&export);
        assert_eq!(code, Some(0), "{err}");
        let obeyed = ["\u{1b}]0", "\u{7}", "\u{9b}", "\u{202e}"];
        assert!(!obeyed.iter().any(|aims| out.contains(aims)), "{out:?}");
        assert!(out.matches("\\u009b2J\\u202e").count() == shown, "{out:?}");
        let (_, piped, _) = call(Command::new("sh").args(["-c", &export]));
        assert!(
            piped.matches("\u{9b}2J\u{202e}").count() == shown,
            "{piped:?}"
        );
    }
}
