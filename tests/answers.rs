//! Questions to a finished run: which frames saw a place, what leaves with the answer and what does not, and that a changed log answers nothing.
//!
//! Which frames saw which place was worked out from `fixtures/flight/truth/poses.json` with a pinhole camera in 30 lines of Python; the places lie 4 m or more from the
//! edge of any frame.

#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use heatveil::answers::{Answer, Index, Places, Question};
use heatveil::audit::{
    AuditError, Entry, RawDeleted, Release, ReviewDecided, Signer, VerifyOptions, append_after,
    append_what, keygen, release, verify,
};
use heatveil::detect::{Class, Scripted};
use heatveil::frame::FrameId;
use heatveil::run::{Run, Silent};
use heatveil::store::{Existing, Store};
use heatveil::units::Metres;

use crate::common::{self, dji_frames, find, fixture_frames, write, write_keys};

/// Seen by all nine frames; by all but 2 and 4; by 6 alone; by none.
const MIDDLE: (f64, f64) = (-2.450_061_9, 54.599_982_0);
const WEST: (f64, f64) = (-2.450_247_6, 54.599_892_2);
const EAST: (f64, f64) = (-2.449_381_1, 54.599_712_5);
const MOOR: (f64, f64) = (-2.451_237_8, 54.599_281_3);
/// 22:30 of 2026-01-15: `date -u -d 2026-01-15T22:30:00 +%s`.
const START: i64 = 1_768_516_200;

struct Bench(tempfile::TempDir);

struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Bench {
    /// Nine frames with a person and a window in each; the detector fails on the fourth.
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write_keys(bench.0.path());
        for (name, bytes) in dji_frames() {
            write(&bench.path("in").join(name), &bytes);
        }
        let finds = vec![
            find(Class::Person, [300.0, 200.0, 340.0, 260.0]),
            find(Class::Window, [100.0, 320.0, 132.0, 352.0]),
        ];
        let found: BTreeMap<_, _> = (0..9)
            .map(|frame| (FrameId(frame), finds.clone()))
            .collect();
        let detector = Scripted {
            found,
            fails: vec![FrameId(3)],
            ..Scripted::default()
        };
        let truth = fixture_frames().parent().unwrap().join("truth");
        let settings = format!(
            "[survey]\noperator = 'Example Housing'\npurpose = 'heat-loss survey'\nrecipients = ['Example <Council>']\n[survey.retention]\nraw-days = 1\ncommitment-key-days = 1\n\
             [weather]\nair-celsius = 2\nwind-m-s = 1\n[buildings]\nfootprints = '{}/buildings.geojson'\nid = 'uprn'\nuprn = 'uprn'",
            truth.display()
        );
        let run = Run {
            detectors: vec![Box::new(detector)],
            ..common::run(bench.0.path(), "in", "out", &settings)
        };
        run.execute(&mut Silent).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What people do after a run: a frame is rejected, the files are handed on, the originals deleted.
    fn aftermath(&self) {
        let log = Signer::load(&self.path("log.key")).unwrap();
        let jo = keygen("jo.canary").unwrap();
        let jo = Signer::parse(&jo.signer, "jo").unwrap();
        let at = START + 86_400;
        let out = self.path("out");
        append_what(&out, &log, |_, root| {
            let review = ReviewDecided {
                at,
                frame: 3,
                decision: "reject".into(),
                reason: "the people of 1 Canary Row".into(),
                hide: Vec::new(),
                open: Vec::new(),
                root: root.to_owned(),
                signatures: Vec::new(),
            };
            Ok::<_, AuditError>(vec![Entry::Review(review.signed(&[&jo])?)])
        })
        .unwrap();
        let handed_on = Release {
            at: at + 1,
            recipient: "Example Council".into(),
            approver: "A. Canary".into(),
        };
        release(&out, &log, &jo, &handed_on).unwrap();
        let deleted = RawDeleted {
            at: at + 2,
            category: "raw".into(),
            files: 9,
            bytes: 9,
            frames: vec![[0, 8]],
            missing: 0,
            left: 0,
            other: 0,
            due: at,
            destroyed_key: None,
        };
        // It had a second name, and stayed.
        let key = RawDeleted {
            category: "commitment-key".into(),
            files: 0,
            frames: Vec::new(),
            left: 1,
            ..deleted.clone()
        };
        append_after(&out, &log, &[deleted, key].map(Entry::Deleted)).unwrap();
    }

    fn index(&self) -> Index {
        let found = verify(&self.path("out"), &VerifyOptions::default()).unwrap();
        assert!(found.ok(), "{:?}", found.problems);
        Index::open(&self.path("out"), &found.root).unwrap()
    }

    fn ask(&self, change: impl FnOnce(&Index, &mut Question)) -> Answer {
        let index = self.index();
        let mut question = Question::default();
        change(&index, &mut question);
        Answer::find(&index, &question).unwrap()
    }

    fn at(&self, margin: f64, points: &[(f64, f64)]) -> Answer {
        self.ask(|index, question| {
            let (longitude, latitude) = index.centre().unwrap();
            let mut places = Places::near(longitude, latitude, Metres(margin)).unwrap();
            for (longitude, latitude) in points {
                places.add_point(*longitude, *latitude).unwrap();
            }
            question.places = Some(places);
        })
    }

    fn call(&self, arguments: &[&str]) -> Told {
        let output = Command::new(env!("CARGO_BIN_EXE_heatveil"))
            .args(["audit", "out"])
            .args(arguments)
            .current_dir(self.0.path())
            .env("SOURCE_DATE_EPOCH", "1768700000")
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        Told {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn good(&self, arguments: &[&str]) -> String {
        let told = self.call(arguments);
        assert_eq!(told.code, 0, "{arguments:?}: {}", told.err);
        told.out
    }
}

fn numbers(answer: &Answer) -> Vec<u32> {
    answer.frames.iter().map(|frame| frame.frame).collect()
}

#[test]
fn a_finished_run_answers() {
    let bench = Bench::new();
    which_frames_saw_a_place(&bench);
    other_questions(&bench);
    property_numbers_and_lists(&bench);
    the_index_follows_the_log(&bench);
    nothing_leaves_that_should_not(&bench);
    the_letters(&bench);
    the_whole_log(&bench);
    #[cfg(target_os = "linux")]
    a_full_disk_behind_stdout_is_told(&bench);
    a_changed_log_answers_nothing(&bench);
}

fn which_frames_saw_a_place(bench: &Bench) {
    assert_eq!(
        numbers(&bench.at(0.0, &[MIDDLE])),
        (0..9).collect::<Vec<_>>()
    );
    assert_eq!(numbers(&bench.at(0.0, &[WEST])), [0, 1, 3, 5, 6, 7, 8]);
    assert_eq!(numbers(&bench.at(0.0, &[EAST])), [6]);
    assert!(numbers(&bench.at(0.0, &[MOOR])).is_empty());
    // Half a kilometre around the moor there is the whole flight.
    assert_eq!(
        numbers(&bench.at(500.0, &[MOOR])),
        (0..9).collect::<Vec<_>>()
    );
    let both = bench.at(0.0, &[EAST, MIDDLE]);
    let places: Vec<&[u32]> = both.frames.iter().map(|frame| &frame.places[..]).collect();
    assert_eq!((places[5], places[6]), (&[2][..], &[1, 2][..]));
    assert_eq!((both.places, both.unknown), (2, 0));
    let [first, .., withheld] = [&both.frames[0], &both.frames[1], &both.frames[3]];
    assert_eq!(
        (first.at, first.outcome, withheld.outcome),
        (Some(START), "published", "withheld")
    );
    assert_eq!(withheld.reason.as_deref(), Some("detector-failed"));
    assert_eq!((first.found["person"], first.found["window"]), (1, 1));
    assert_eq!(
        (&*first.policies["person"], &*first.policies["window"]),
        ("nodata", "mean")
    );
    assert!(first.masked_pixels.unwrap() >= 40 * 60 + 32 * 32);
    assert!(first.files > 4 && withheld.files == 0);
    assert_eq!(first.tile.as_deref(), Some("16/32321/20855"));
}

fn other_questions(bench: &Bench) {
    let frames = |change: fn(&mut Question)| numbers(&bench.ask(|_, question| change(question)));
    assert_eq!(
        frames(|question| question.frames = vec![[1, 2], [7, 7]]),
        [1, 2, 7]
    );
    assert_eq!(
        frames(|question| question.outcomes = vec!["withheld".into()]),
        [3]
    );
    assert_eq!(
        frames(|question| question.classes = vec!["person".into()]),
        [0, 1, 2, 4, 5, 6, 7, 8]
    );
    assert!(frames(|question| question.classes = vec!["vehicle".into()]).is_empty());
    // Names of the files: 22:30:00, :01, :03, :05, :08 to :12.
    assert_eq!(
        frames(|question| (question.from, question.to) = (Some(START + 1), Some(START + 5))),
        [1, 2, 3]
    );
}

fn property_numbers_and_lists(bench: &Bench) {
    // Worked out as the places above, of the outlines in truth/buildings.geojson.
    let frames = |arguments: &[&str]| {
        let mut all = vec!["query", "--margin", "0", "--format", "csv"];
        all.extend(arguments);
        let text = bench.good(&all);
        let rows = text.lines().skip(1).map(|row| {
            let mut cells = row.split(',');
            format!("{}:{}", cells.next().unwrap(), cells.next().unwrap())
        });
        rows.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        frames(&["--uprn", "999900000151"]),
        "1:0 1:1 1:3 1:5 1:6 1:7 1:8"
    );
    let list = format!(
        "address,lon,lat,uprn\n1 Canary Row,{},{},\n2 Canary Row,,,999900000155\n",
        EAST.0, EAST.1
    );
    write(&bench.path("list.csv"), list.as_bytes());
    assert_eq!(frames(&["--addresses", "list.csv"]), "2:4 2:5 1;2:6");
    let (x, y) = EAST;
    let garden = format!(
        r#"{{"type":"Polygon","coordinates":[[[{x},{y}],[{},{y}],[{x},{}],[{x},{y}]]]}}"#,
        x + 1e-5,
        y + 1e-5
    );
    write(&bench.path("garden.geojson"), garden.as_bytes());
    assert_eq!(frames(&["--polygon", "garden.geojson"]), "1:6");
    let told = bench.call(&["query", "--uprn", "1"]);
    assert!(
        told.code == 2 && told.err.contains("no published building has the UPRN 1"),
        "{}",
        told.err
    );
    write(&bench.path("bad.csv"), b"name,lon\nx,1\n");
    let told = bench.call(&["query", "--addresses", "bad.csv"]);
    assert!(
        told.code == 2 && told.err.contains("row 1: it names no place"),
        "{}",
        told.err
    );
}

fn the_index_follows_the_log(bench: &Bench) {
    let file = bench.path("out/private/answers.index");
    let before = fs::read(&file).unwrap();
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o077, 0);
    }
    // One byte of it changed: it is made anew, and the same.
    let mut changed = before.clone();
    let at = before.len() - 40;
    changed[at] ^= 1;
    write(&file, &changed);
    assert_eq!(numbers(&bench.at(0.0, &[EAST])), [6]);
    assert!(fs::read(&file).unwrap() == before);
    // While another command holds the folder the answer is the same, and nothing is kept.
    remove(&file);
    let held = Store::open(&bench.path("out"), Existing::Keep).unwrap();
    assert_eq!(numbers(&bench.at(0.0, &[EAST])), [6]);
    assert!(!file.exists());
    held.clear_work().unwrap();
    drop(held);
    bench.aftermath();
    let rejected = bench.ask(|_, question| question.decisions = vec!["reject".into()]);
    assert_eq!(numbers(&rejected), [3]);
    assert_eq!(rejected.frames[0].raw_deleted, Some(START + 86_402));
    assert!(fs::read(&file).unwrap() != before, "the root is another");
}

/// In no format: coordinates, names of files, serial numbers, addresses, what and who reviewers are, a commitment, a pixel's value.
fn nothing_leaves_that_should_not(bench: &Bench) {
    let point = format!("{},{}", WEST.0, WEST.1);
    let mut told = String::new();
    for place in [
        ["--point", &point],
        ["--uprn", "999900000151"],
        ["--addresses", "list.csv"],
    ] {
        for format in ["table", "csv", "jsonl"] {
            let text = bench.good(&["query", place[0], place[1], "--format", format]);
            assert!(text.contains("published"), "{text}");
            told += &text;
        }
        let file = format!("{}.parquet", &place[0][2..]);
        bench.good(&[
            "query", place[0], place[1], "--format", "parquet", "--out", &file,
        ]);
        told += &String::from_utf8_lossy(&fs::read(bench.path(&file)).unwrap());
    }
    told += &bench.good(&["query", "--point", &point, "--format", "html"]);
    told += &bench.good(&["query", "--letter", "foi", "--format", "html"]);
    let list = fs::read_to_string(bench.path("out/private/footprints.jsonl")).unwrap();
    let log = fs::read_to_string(bench.path("out/audit/entries.jsonl")).unwrap();
    let commitment = log
        .split("\"commitment\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let corner = list.split("[[[").nth(1).unwrap().split(',').next().unwrap();
    let canaries = [
        "SIM000",
        "DJI_2026",
        ".JPG",
        "54.59",
        "-2.45",
        "Canary",
        "canary",
        "999900000151",
        commitment,
        corner,
    ];
    for canary in canaries {
        assert!(!told.contains(canary), "{canary}");
    }
    assert!(list.contains(corner) && log.contains("Canary") && log.contains(commitment));
}

fn the_letters(bench: &Bench) {
    let point = format!("{},{}", WEST.0, WEST.1);
    // By the true poses of the fixture frame 2 ends 4.8 m from there, frame 4 8.7 m.
    let personal = bench.good(&["query", "--point", &point, "--format", "html"]);
    for said in [
        "<html lang=\"en-GB\">",
        "Draft.",
        "8 pictures may show the place",
        "15 January 2026, 22:30:00",
        "Example Housing",
        "Example &lt;Council&gt;",
        "7 finds that may be people, in 7 pictures: cut out",
        "7 finds that may be windows, in 7 pictures: replaced by one mean",
        "picture 3 on 16 January 2026: is never published",
        "Handed on to Example Council on 16 January 2026",
        "evidence that 8 originals were deleted, the last on 16 January 2026",
        "ico.org.uk",
        "the cards of the models that ran are not at hand",
    ] {
        assert!(personal.contains(said), "{said}\n{personal}");
    }
    assert!(!personal.contains("was destroyed"), "{personal}");
    assert!(
        !personal.contains("<script")
            && !personal.contains("http://")
            && !personal.contains("https://")
    );
    let root = bench.index_root();
    assert!(personal.contains(&root));
    let signed = bench.good(&[
        "query",
        "--point",
        &point,
        "--format",
        "html",
        "--signed-by",
        "A. <Name>",
        "--contact",
        "privacy@example.org",
    ]);
    assert!(signed.contains("Answered by: A. &lt;Name&gt;") && !signed.contains("Draft."));
    let public = bench.good(&["query", "--letter", "foi", "--format", "html"]);
    assert!(
        public.contains("internal review")
            && !public.contains("22:30")
            && !public.contains("picture 3"),
        "{public}"
    );
    let nobody = bench.call(&["query", "--format", "html"]);
    assert!(
        nobody.code == 2 && nobody.err.contains("about one place"),
        "{}",
        nobody.err
    );
    assert_eq!(
        bench
            .call(&["query", "--addresses", "list.csv", "--format", "html"])
            .code,
        2
    );
}

impl Bench {
    fn index_root(&self) -> String {
        verify(&self.path("out"), &VerifyOptions::default())
            .unwrap()
            .root
    }
}

fn the_whole_log(bench: &Bench) {
    let log = fs::read_to_string(bench.path("out/audit/entries.jsonl")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let json = bench.good(&["export", "--format", "jsonl"]);
    let rows: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), lines.len());
    for (number, (row, line)) in rows.iter().zip(&lines).enumerate() {
        assert_eq!(row["entry"], number);
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&row["line_json"], &row["type"]), (&line, &line["type"]));
    }
    // GDAL reads the CSV as we wrote it.
    bench.good(&["export", "--out", "log.csv"]);
    let dataset = gdal::Dataset::open(bench.path("log.csv")).unwrap();
    let mut layer = gdal::vector::LayerAccess::features(&mut dataset.layer(0).unwrap()).count();
    assert_eq!(layer, lines.len());
    layer = 0;
    bench.good(&["export", "--format", "parquet", "--out", "log.parquet"]);
    let file = fs::File::open(bench.path("log.parquet")).unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    for row in parquet::file::reader::FileReader::get_row_iter(&reader, None).unwrap() {
        let row = row.unwrap().to_json_value_or_text();
        assert!(row.contains(&format!("entry: {layer}")), "{row}");
        layer += 1;
    }
    assert_eq!(layer, lines.len());
    let told = bench.call(&["export", "--format", "parquet"]);
    assert!(told.code == 2 && told.err.contains("--out"), "{}", told.err);
    let again = bench.call(&["export", "--out", "log.csv"]);
    assert_ne!(again.code, 0, "a file is not replaced without --overwrite");
}

/// A row of Parquet as text.
trait RowText {
    fn to_json_value_or_text(&self) -> String;
}

impl RowText for parquet::record::Row {
    fn to_json_value_or_text(&self) -> String {
        let columns = self.get_column_iter();
        columns
            .map(|(name, value)| format!("{name}: {value}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// What was sent to a file must not be taken for whole where it is not.
#[cfg(target_os = "linux")]
fn a_full_disk_behind_stdout_is_told(bench: &Bench) {
    for arguments in [
        &["audit", "out", "export"][..],
        &["audit", "out", "export", "--format", "jsonl"],
        &["audit", "out", "query", "--frame", "0"],
        &["audit", "out", "query", "--format", "csv"],
        &["config", "init"],
    ] {
        let output = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" >/dev/full"])
            .arg(env!("CARGO_BIN_EXE_heatveil"))
            .args(arguments)
            .current_dir(bench.0.path())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains("could not write stdout"), "{told}");
        assert!(told.contains("the disk is full"), "{told}");
    }
}

fn a_changed_log_answers_nothing(bench: &Bench) {
    let path = bench.path("out/audit/entries.jsonl");
    let log = fs::read_to_string(&path).unwrap();
    write(
        &path,
        log.replacen("\"masked_pixels\":", "\"masked_pixels\":1", 1)
            .as_bytes(),
    );
    for arguments in [
        &["query", "--frame", "0"][..],
        &["export"],
        &[
            "query", "--frame", "0", "--format", "html", "--letter", "foi",
        ],
    ] {
        let told = bench.call(arguments);
        assert_eq!((told.code, told.out.as_str()), (4, ""), "{}", told.err);
        assert!(told.err.contains("does not verify"), "{}", told.err);
    }
    write(&path, log.as_bytes());
    bench.good(&["query", "--frame", "0"]);
    // Without footprints nobody can say who saw a place, and it says so; other questions are answered.
    let index = bench.path("out/private/answers.index");
    remove(&bench.path("out/private/footprints.jsonl"));
    remove(&index);
    let told = bench.call(&["query", "--point", "-2.45,54.6"]);
    assert!(
        told.code == 2 && told.err.contains("footprints.jsonl is not there"),
        "{}",
        told.err
    );
    assert!(
        bench
            .good(&["query", "--outcome", "withheld"])
            .contains("1 frame: 0 published, 1 withheld")
    );
    assert!(!index.exists(), "what was deleted does not come back");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test deletes what retention would"
)]
fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}
