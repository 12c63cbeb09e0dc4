//! Run folders that somebody else made: read by `verify`, `report`, `prove`, `audit`, `pages` and `compare`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use heatveil::audit::keygen;
use heatveil::hex;
use heatveil::run::Silent;
use heatveil::store::hash_file;
use serde_json::{Value, json};

use crate::bench::{Bench, lengthen};
use crate::common::{self, dji_frames, write, write_keys};

/// A finished run in `out`, made in this process.
pub(crate) fn finished() -> Bench {
    let bench = Bench::new();
    let folder = bench.path("");
    write_keys(&folder);
    for (name, bytes) in dji_frames().into_iter().take(2) {
        write(&bench.path("in").join(name), &bytes);
    }
    common::run(&folder, "in", "out", "[georef]\nrefine = false")
        .execute(&mut Silent)
        .unwrap();
    bench
}

/// Makes a file as long as no disk is, without its bytes.
fn endless(path: &Path) {
    write(path, b"");
    lengthen(path, 1 << 40);
}

pub(crate) fn remove(path: &Path) {
    if path.symlink_metadata().is_ok() {
        Command::new("rm").arg("-rf").arg(path).status().unwrap();
    }
}

/// What is done to a copy of a folder.
pub(crate) type Attack = (&'static str, Box<dyn Fn(&Path)>);

/// A pipe that nobody writes into.
pub(crate) fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// `bad`, a new copy of `out`, after an attack.
pub(crate) fn attacked(bench: &Bench, attack: &dyn Fn(&Path)) {
    let copied = Command::new("sh")
        .args(["-c", "rm -rf bad && cp -r out bad"])
        .current_dir(bench.path(""))
        .status();
    assert!(copied.unwrap().success());
    attack(&bench.path("bad"));
}

/// The first line of a log with this text, as an entry.
fn entry(log: &str, holds: &str) -> Value {
    let line = log.lines().find(|line| line.contains(holds)).unwrap();
    serde_json::from_str(line).unwrap()
}

/// A log of `frames` frames, all of which are told of as one flight, `flights` times.
fn flown(log: &str, frames: u32, flights: usize) -> String {
    let of_frame = ["frame.ingested", "frame.detected", "frame.masked"];
    let first: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("\"frame\":0,"))
        .filter(|line| of_frame.iter().any(|kind| line.contains(kind)))
        .collect();
    assert!(first.len() >= 3, "{first:?}");
    let opened = log.lines().take(1).map(str::to_owned);
    let frame = |frame: u32| {
        let number = format!("\"frame\":{frame},");
        let lines = first.iter();
        lines.map(move |line| line.replace("\"frame\":0,", &number))
    };
    let mut flight = entry(log, "flight.placed");
    flight["frames"] = json!([[0, frames - 1]]);
    let flights = std::iter::repeat_n(flight.to_string(), flights);
    let lines: Vec<String> = opened
        .chain((0..frames).flat_map(frame))
        .chain(flights)
        .collect();
    lines.join("\n") + "\n"
}

/// Writes a list into `out` and tells of it so many times behind the log, a tile between each two.
fn told_of(out: &Path, list: &str, times: usize) {
    let path = "tiles/list/manifest.jsonl";
    write(&out.join(path), list.as_bytes());
    let (sha256, bytes) = hash_file(&out.join(path)).unwrap();
    let log = out.join("audit/entries.jsonl");
    let before = fs::read_to_string(&log).unwrap();
    let tile = entry(&before, "tiles/temperature.tif");
    let mut listing = tile.clone();
    listing["path"] = path.into();
    listing["sha256"] = hex::encode(&sha256).into();
    listing["bytes"] = bytes.into();
    let told = format!("{listing}\n{tile}\n");
    write(&log, (before + &told.repeat(times)).as_bytes());
}

/// Attacks on the folder of a finished run.
pub(crate) fn attacks(bench: &Bench) -> Vec<Attack> {
    let log = fs::read_to_string(bench.path("out/audit/entries.jsonl")).unwrap();
    let with_log = |text: String| -> Box<dyn Fn(&Path)> {
        Box::new(move |out| write(&out.join("audit/entries.jsonl"), text.as_bytes()))
    };
    let at = |name: &'static str, make: fn(&Path)| -> Box<dyn Fn(&Path)> {
        Box::new(move |out| {
            remove(&out.join(name));
            make(&out.join(name));
        })
    };
    let zeros: fn(&Path) = |path| symlink("/dev/zero", path).unwrap();
    let deep = format!("{log}{}\n", "[".repeat(60_000));
    let deeper = format!("{log}{}\n", "{\"a\":".repeat(12_000));
    let path_out = log.replace("tiles/temperature.tif", "tiles/../../../etc/passwd");
    let path_root = log.replace("tiles/temperature.tif", "/etc/passwd");
    let numbers = log.replace("\"bytes\":", "\"bytes\":99999999999999999999999999");
    assert!(path_out != log && path_root != log && numbers != log);
    vec![
        ("an endless log", at("audit/entries.jsonl", endless)),
        ("an endless checkpoint", at("audit/checkpoint", endless)),
        ("an endless key", at("audit/verifier.key", endless)),
        (
            "an endless proof",
            at("audit/proofs/tiles/temperature.tif.tlog-proof", endless),
        ),
        ("an endless cosignature", at("audit/cosigs/jo", endless)),
        ("an endless statement", at("release/1.dsse.json", endless)),
        ("a log that is a pipe", at("audit/entries.jsonl", pipe)),
        ("a checkpoint that is a pipe", at("audit/checkpoint", pipe)),
        ("a key that is a pipe", at("audit/verifier.key", pipe)),
        ("an index that is a pipe", at("private/answers.index", pipe)),
        ("a tile that is a pipe", at("tiles/temperature.tif", pipe)),
        ("a log that is a device", at("audit/entries.jsonl", zeros)),
        (
            "a checkpoint that is a device",
            at("audit/checkpoint", zeros),
        ),
        (
            "a tile that is a device",
            at("tiles/temperature.tif", zeros),
        ),
        (
            "a tile that is a folder",
            at("tiles/temperature.tif", |path| write(&path.join("a"), b"x")),
        ),
        ("a line that is too deep", with_log(deep)),
        ("objects that are too deep", with_log(deeper)),
        ("a path that leads out", with_log(path_out)),
        ("a path from the root", with_log(path_root)),
        ("a number that is too large", with_log(numbers)),
        ("no lines", with_log("\n".repeat(100_000))),
        ("nothing", with_log(String::new())),
        (
            "one flight, told of again and again",
            with_log(flown(&log, 6_000, 8_000)),
        ),
        (
            "a list that is told of again and again",
            Box::new(|out| {
                let line = |n: u32| json!({"bytes": 1, "path": format!("{n}.png"), "sha256": "0".repeat(64)});
                let list: String = (0..5_000).map(|n| format!("{}\n", line(n))).collect();
                told_of(out, &list, 4_000);
            }),
        ),
        (
            "a list that is none",
            Box::new(|out| told_of(out, &"x\n".repeat(20 << 20), 1)),
        ),
        (
            "a tile without an end",
            at("tiles/temperature.tif", endless),
        ),
        (
            "folders that lie deep",
            at("tiles/d", |path| {
                let below = format!("{}/a", "d/".repeat(1_500));
                let deep = path.join(below);
                let made = Command::new("sh")
                    .args([
                        "-c",
                        "mkdir -p \"$0\" && cd \"$0\" && mkdir -p \"$1\"",
                        &path.display().to_string(),
                        &"d/".repeat(1_000),
                    ])
                    .status();
                assert!(made.unwrap().success(), "{}", deep.display());
            }),
        ),
        (
            "ten thousand files",
            at("tiles/many", |path| {
                (0..10_000).for_each(|number| write(&path.join(number.to_string()), b""));
            }),
        ),
        (
            "names that aim at a terminal",
            at("tiles/\u{1b}]0;owned\u{7}\u{202e}", |path| {
                write(path, b"x");
            }),
        ),
    ]
}

/// Whoever made a folder may lead what is read from it, and written into it, to other places of the reader's machine.
#[test]
fn folders_that_are_links_are_neither_read_nor_written_through() {
    let bench = finished();
    write(
        &bench.path("jo.key"),
        keygen("jo").unwrap().signer.as_bytes(),
    );
    let cosign = ["cosign", "bad", "--key", "jo.key"];
    let (verify, prove) = (["verify", "bad"], ["prove", "bad"]);
    // The folder that becomes a link, and the commands that must refuse it.
    let links: [(&str, &[&[&str]]); 8] = [
        ("tiles", &[&verify, &prove, &cosign]),
        ("audit", &[&verify, &prove, &cosign]),
        ("audit/tile", &[&verify, &prove, &cosign]),
        ("audit/cosigs", &[&verify, &prove, &cosign]),
        ("audit/proofs", &[&verify, &prove, &cosign]),
        ("audit/proofs/tiles", &[&verify, &prove, &cosign]),
        (".work", &[&prove, &cosign]),
        ("private", &[&prove, &cosign]),
    ];
    for (name, commands) in links {
        attacked(&bench, &|out| {
            let elsewhere = bench.path("elsewhere");
            remove(&elsewhere);
            write(&out.join(name).join("partial~x"), b"x");
            remove(&out.join(name).join("partial~x"));
            if name == ".work" {
                write(&out.join(".work/partial~x"), b"not to be removed");
            }
            let moved = Command::new("mv")
                .arg(out.join(name))
                .arg(&elsewhere)
                .status();
            assert!(moved.unwrap().success());
            symlink(&elsewhere, out.join(name)).unwrap();
        });
        let before = common::files(&bench.path("elsewhere"));
        for command in commands {
            let found = bench.call(command);
            let said = found.out + &found.err;
            let refused = matches!(found.code, Some(1 | 2 | 4)) && said.contains(" is a link");
            assert!(refused, "{name}, {command:?}: {:?} {said}", found.code);
        }
        assert!(common::files(&bench.path("elsewhere")) == before, "{name}");
    }
    attacked(&bench, &|out| {
        remove(&out.join(".heatveil.lock"));
        symlink(bench.path("made"), out.join(".heatveil.lock")).unwrap();
    });
    assert_eq!(bench.call(&prove).code, Some(1));
    assert!(!bench.path("made").exists());
    // The reader's own name for the whole folder may be one.
    symlink(bench.path("out"), bench.path("linked")).unwrap();
    for command in ["verify", "prove"] {
        let found = bench.call(&[command, "linked"]);
        assert_eq!(found.code, Some(0), "{}", found.err);
    }
}

#[test]
fn a_folder_from_elsewhere_is_refused_whatever_lies_in_it() {
    let bench = finished();
    assert_eq!(bench.call(&["verify", "out"]).code, Some(0));
    for (what, attack) in attacks(&bench) {
        attacked(&bench, &attack);
        let all: [&[&str]; 6] = [
            &["verify", "bad"],
            &["report", "bad"],
            &["audit", "bad", "export"],
            &["prove", "bad"],
            &["pages", "bad", "--out", "p"],
            &["compare", "bad", "bad", "--out", "c"],
        ];
        for command in all {
            let found = bench.call(command);
            // Empty folders are no files: nothing is wrong with them. Proofs and indices are written anew.
            let is_right = match what {
                "folders that lie deep" | "an index that is a pipe" => true,
                "an endless proof" => command[0] == "prove",
                _ => false,
            };
            let right = matches!(found.code, Some(1 | 2 | 4)) || is_right && found.code == Some(0);
            let said = &found.err[..found.err.len().min(600)];
            assert!(right, "{what}, {command:?}: {:?} {said}", found.code);
            assert!(
                found.code.is_some(),
                "{what}, {command:?} was killed: {said}"
            );
            assert!(
                !found.err.contains(['\u{1b}', '\u{7}', '\u{202e}']),
                "{what}: {said:?}"
            );
            assert!(
                found.err.len() < 1 << 20,
                "{what}: {} bytes of message",
                found.err.len()
            );
        }
    }
}
