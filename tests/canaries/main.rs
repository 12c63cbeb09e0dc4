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

#[path = "../common/mod.rs"]
mod common;
mod plant;
mod tags;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{files, fixture_frames, write};
use plant::{Canary, Planter, find, utf16};

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
const NAME: &str = "HVN000QXZ";

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
    planter.canaries
}

/// Whether bytes hold a text as it is, in UTF-16, in hexadecimal.
fn holds(bytes: &[u8], text: &str) -> bool {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    [
        text.as_bytes(),
        &utf16(text),
        hex.as_bytes(),
        hex.to_uppercase().as_bytes(),
    ]
    .iter()
    .any(|form| find(bytes, form).is_some())
}

/// Everything in a file that is compressed with zlib or gzip, wherever it stands: tiles, tags, pages of tables.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for at in 0..bytes.len().saturating_sub(2) {
        let rest = &bytes[at..];
        let mut piece = Vec::new();
        if rest.starts_with(&[0x1f, 0x8b, 8]) {
            let _ = flate2::read::GzDecoder::new(rest)
                .take(1 << 24)
                .read_to_end(&mut piece);
        } else if rest[0] & 0x8f == 8 && (u16::from(rest[0]) * 256 + u16::from(rest[1])) % 31 == 0 {
            let _ = flate2::read::ZlibDecoder::new(rest)
                .take(1 << 24)
                .read_to_end(&mut piece);
        }
        out.extend(piece);
    }
    out
}

/// Whether bytes hold what all texts end with, in any form: then each text is looked for.
fn suspicious(bytes: &[u8]) -> bool {
    holds(bytes, "QXZ")
}

fn call(folder: &Path, arguments: &[&str]) -> (i32, Vec<u8>) {
    let library = common::onnx_runtime();
    let output = Command::new(env!("CARGO_BIN_EXE_heatveil"))
        .args(arguments)
        .current_dir(folder)
        .env("ORT_DYLIB_PATH", library)
        .env("TMPDIR", folder.join("tmp"))
        .env("HOME", folder.join("home"))
        .env_remove("XDG_CACHE_HOME")
        .env_remove("ORT_DISABLE_TELEMETRY")
        .env("RUST_LOG", "trace")
        .stdin(Stdio::null())
        .output()
        .unwrap();
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
    println!("{} texts, {looked} files looked through", canaries.len());
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

#[test]
fn the_search_finds_what_is_compressed() {
    use flate2::Compression;
    use std::io::Write;
    let mut zlib = flate2::write::ZlibEncoder::new(b"before".to_vec(), Compression::best());
    zlib.write_all(b"a text: HVD001QXZ").unwrap();
    let packed = zlib.finish().unwrap();
    assert!(!suspicious(&packed) && suspicious(&unpacked(&packed)));
    let mut gzip = flate2::write::GzEncoder::new(b"before".to_vec(), Compression::best());
    gzip.write_all(&utf16("HVF001QXZ")).unwrap();
    assert!(suspicious(&unpacked(&gzip.finish().unwrap())));
}
