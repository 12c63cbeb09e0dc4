//! Nothing is copied through: a text stands in every place of a file that can hold one, and in no output of any command.

#![cfg(all(feature = "cli", feature = "onnx"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::similar_names,
    reason = "test code: helpers unwrap, and the counts are the result"
)]

mod exiftool;
mod plant;
mod search;
mod tags;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use plant::{Canary, Planter, find};
use search::{holds, suspicious, unpacked};

use crate::common::serve::Served;
use crate::common::{self, files, fixture_frames, write};

/// Application segments that hold what the decoder needs, by format.
const FORMATS: [(&str, char, &str, &[u8]); 4] = [
    ("DJI R-JPEG", 'D', "DJI_20260115223001_0002_T.JPG", &[3]),
    ("FLIR R-JPEG", 'F', "DJI_20260115223002_0003_R.JPG", &[]),
    ("TIFF of counts", 'U', "DUO_20260115223004_0005_IR.TIF", &[]),
    (
        "TIFF of degrees",
        'C',
        "DJI_20260115223006_0007_T_C.TIF",
        &[],
    ),
];

/// What the name of each file and of their folder holds: the operator's own lists say it, nothing else does.
const NAME: &str = "N00QXZHVJ";

/// A frame of each format with all that was planted in it.
fn flight(folder: &Path) -> Vec<Canary> {
    let mut all = Vec::new();
    for (format, letter, name, raw) in FORMATS {
        let bytes = fs::read(fixture_frames().join(name)).unwrap();
        let mut planter = Planter::new(letter);
        let planted = if name.ends_with("JPG") {
            let mut planted = planter.jpeg_file(&bytes, raw);
            if letter == 'F' {
                for (kind, old) in [
                    ("FLIR camera serial number", &b"SIM640013"[..]),
                    ("FLIR part number", b"SIM000001"),
                ] {
                    planter.replace(&mut planted, kind, old);
                }
                // The photo's record begins with its header: 3, 320, 240.
                let photo = find(&planted, &[3, 0, 64, 1, 240, 0]).unwrap();
                let old = planted[photo + 400..photo + 409].to_vec();
                planter.replace(&mut planted[photo..], "visible photo", &old);
            }
            planted
        } else {
            planter.tiff_file(&bytes)
        };
        let number = planter.canaries.len();
        println!("{format}: {number} places");
        assert!(number >= 20);
        for canary in &planter.canaries {
            assert!(
                holds(&planted, &canary.text),
                "{format}: {} was not planted",
                canary.kind
            );
        }
        let name = Path::new(name);
        let stem = name.file_stem().unwrap().to_string_lossy();
        let extension = name.extension().unwrap().to_string_lossy();
        write(
            &folder.join(NAME).join(format!("{stem}{NAME}.{extension}")),
            &planted,
        );
        all.extend(planter.canaries);
    }
    all.extend(refused(&folder.join(NAME)));
    all
}

/// How many files [`refused`] writes.
const REFUSED: usize = 6;

/// Files that end as rejected: why is in the log, and what stands in them is not.
fn refused(folder: &Path) -> Vec<Canary> {
    let mut planter = Planter::new('X');
    let read = |name: &str| fs::read(fixture_frames().join(name)).unwrap();
    let text = planter.text("a file that is no picture");
    write(&folder.join("a.jpg"), text.as_bytes());
    let mut jpeg = planter.jpeg_file(&read(FORMATS[1].2), &[]);
    // No FLIR block any more.
    let at = find(&jpeg, b"FLIR\0\x01").unwrap();
    jpeg[at] = b'X';
    write(&folder.join("b.jpg"), &jpeg);
    let tiff = planter.tiff_file(&read(FORMATS[2].2));
    write(&folder.join("c.tif"), &tiff[..tiff.len() / 2]);
    write(
        &folder.join("d.tif"),
        &[&tiff[..8], planter.text("a broken TIFF").as_bytes()].concat(),
    );
    for (name, format) in [("e.tif", FORMATS[2]), ("f.tif", FORMATS[3])] {
        write(&folder.join(name), &planter.pages(&read(format.2)));
    }
    planter.canaries
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let library = common::onnx_runtime();
    let mut command = Command::new(env!("CARGO_BIN_EXE_heatveil"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("ORT_DYLIB_PATH", library)
        .env("TMPDIR", folder.join("tmp"))
        .env("HOME", folder.join("home"))
        .env_remove("XDG_CACHE_HOME")
        .env_remove("ORT_DISABLE_TELEMETRY")
        .env("RUST_LOG", "trace")
        .stdin(Stdio::null());
    command
}

fn call(folder: &Path, arguments: &[&str]) -> (i32, Vec<u8>) {
    let output = command(folder, arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), said)
}

#[test]
fn nothing_that_stands_in_a_file_is_in_any_output() {
    let bench = tempfile::tempdir().unwrap();
    let folder = bench.path();
    let canaries = flight(&folder.join("in"));
    write(&folder.join("tmp/keep"), b"");
    let outlines =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/truth/buildings.geojson");
    let settings = format!(
        "[detect]\npublish-beyond-envelope = 'a test'\n[weather]\nair-celsius = 2\nwind-m-s = 1\n[tiles]\nxyz = true\nkeep-frames = true\n\
         [buildings]\nfootprints = '{}'\nid = 'uprn'\nuprn = 'uprn'\n",
        outlines.display()
    );
    write(&folder.join("settings.toml"), settings.as_bytes());
    let mut said = Vec::new();
    let run = [
        "run",
        "in",
        "--out",
        "out",
        "--config",
        "settings.toml",
        "-vv",
        "--json",
    ];
    for (arguments, code) in [
        (&["keygen", "--name", "a.approver", "--out", "a.key"][..], 0),
        (&run, 3),
        (&["verify", "out"], 0),
        (&["report", "out", "--json"], 0),
        (
            &[
                "release",
                "out",
                "--recipient",
                "Example",
                "--approver",
                "A",
                "--key",
                "a.key",
            ],
            0,
        ),
        (&["pages", "out", "--out", "pages"], 0),
        (&["verify", "out", "--json"], 0),
    ] {
        let (found, text) = call(folder, arguments);
        assert_eq!(
            found,
            code,
            "{arguments:?}: {}",
            String::from_utf8_lossy(&text)
        );
        said.extend(text);
    }
    let outcomes = common::outcomes(&folder.join("out"));
    let published = outcomes.iter().filter(|(_, end)| end == "published");
    assert_eq!(
        (published.count(), outcomes.len()),
        (FORMATS.len(), FORMATS.len() + REFUSED),
        "{outcomes:?}"
    );
    let mut looked = 0;
    for part in ["out", "pages", "tmp"] {
        for (path, bytes) in files(&folder.join(part)) {
            looked += 1;
            for bytes in [&bytes, &unpacked(&bytes)] {
                if suspicious(bytes) {
                    check(&canaries, bytes, &path);
                    // The operator's own lists name the files, and say nothing else of them.
                    let is_named = !path.starts_with("private") && holds(bytes, NAME);
                    assert!(!is_named, "{} tells the file's name", path.display());
                }
            }
        }
    }
    let (served, said_then) = serve_all(folder);
    check(&canaries, &said_then, Path::new("what serve says"));
    for (path, answer) in &served {
        check(&canaries, answer, Path::new(path));
        check(&canaries, &unpacked(answer), Path::new(path));
        assert!(!holds(answer, NAME), "{path} tells the file's name");
    }
    // A reader that knows more places than this test: it sees the texts in what came in, and none in what comes out.
    for (format, least) in [("_T", 50), ("_R", 30), ("_IR", 30), ("_T_C", 30)] {
        let input = exiftool::all_of(folder, &[&format!("in/{NAME}/*{format}{NAME}.*")]);
        let seen = canaries.iter().filter(|canary| holds(&input, &canary.text));
        let seen = seen.count();
        println!("exiftool sees {seen} texts in *{format}");
        assert!(seen >= least, "{format}: {seen}");
    }
    let read = exiftool::all_of(folder, &["out", "pages"]);
    assert!(holds(&read, "temperature.tif"), "files are read");
    check(&canaries, &read, Path::new("what exiftool reads"));
    // What is said in the terminal names files, too.
    check(&canaries, &said, Path::new("stdout and stderr"));
    let list = fs::read(folder.join("out/private/frames.jsonl")).unwrap();
    assert!(
        holds(&list, NAME),
        "the name is looked for in the right form"
    );
    assert!(looked > 50);
    // ONNX Runtime's telemetry would be here.
    assert!(!folder.join("home").exists());
    println!(
        "{} texts, {looked} files and {} answers looked through",
        canaries.len(),
        served.len()
    );
}

/// Answers of `heatveil serve` on all its routes, head and body: the page, the log, every listed file, values and outlines; and what it says
/// in the terminal.
fn serve_all(folder: &Path) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let served = Served::start(command(folder, &["serve", "out", "--bind", "127.0.0.1:0"]));
    let served = served.unwrap_or_else(|refused| panic!("{refused:?}"));
    let mut paths: Vec<String> = [
        "/",
        "/api/run",
        "/api/outlines",
        "/audit/entries.jsonl",
        "/audit/checkpoint",
        "/audit/verifier.key",
    ]
    .map(String::from)
    .to_vec();
    let listed = heatveil::audit::published(&folder.join("out")).unwrap();
    assert!(listed.len() > 20, "{listed:?}");
    paths.extend(listed.iter().map(|file| format!("/files/{}", file.path)));
    // The middle of the map: fixtures/flight/truth.
    let place = "lon=1.7161&lat=52.6580";
    paths.extend(
        ["temperature", "heatloss"].map(|layer| format!("/api/value?layer={layer}&{place}")),
    );
    let answered = paths.into_iter().map(|path| {
        let (status, head, body) = served.get(&path);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        // Its bytes are those of the file that was looked through.
        let Some(file) = path.strip_prefix("/files/") else {
            return (path, [head.into_bytes(), body].concat());
        };
        let is_file = body == fs::read(folder.join("out").join(file)).unwrap();
        assert!(is_file, "{path} is another file");
        (path, head.into_bytes())
    });
    let mut answered: Vec<_> = answered.collect();
    // And what is refused tells no more.
    for path in [
        format!("/files/{NAME}"),
        "/private/frames.jsonl".into(),
        "/files/private/frames.jsonl".into(),
    ] {
        let (status, head, body) = served.get(&path);
        assert_eq!(status, 404, "{path}");
        answered.push((path, [head.into_bytes(), body].concat()));
    }
    let said = served.stop();
    println!("serve says {} bytes", said.len());
    assert!(!said.is_empty() && !holds(&said, NAME));
    (answered, said)
}

fn check(canaries: &[Canary], bytes: &[u8], path: &Path) {
    for canary in canaries {
        assert!(
            !holds(bytes, &canary.text),
            "{}: {}",
            path.display(),
            canary.kind
        );
    }
}
