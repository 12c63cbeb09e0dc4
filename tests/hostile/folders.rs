//! Run folders that somebody else made: read by `verify`, `report`, `prove`, `audit`, `pages` and `compare`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use heatveil::run::Silent;

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
        // The others verify in the same way.
        let count = if what.starts_with("an endless") { 6 } else { 2 };
        for command in &all[..count] {
            let found = bench.call(command);
            // Empty folders are no files: nothing is wrong with them. Proofs are written anew.
            let is_right = match what {
                "folders that lie deep" => true,
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
