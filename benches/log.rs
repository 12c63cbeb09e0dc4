//! A log of a million entries: appended durably, verified by `verify` and by the Go program in the same run.
//!
//! `cargo bench --bench log [-- ENTRIES]`. Prints seconds and ratios; the figures of BENCHMARKS.md are its output.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it prints what it found"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use heatveil::audit::{Entry, Log, Signer, VerifyOptions, keygen, root, verify};
use heatveil::hex;
use heatveil::store::{Existing, Store};
use sha2::{Digest, Sha256};

const RUNS: usize = 3;
/// Frames between two times that a run makes its log durable.
const SYNC_EVERY: u32 = 64;

fn main() {
    let entries = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let frames = entries.unwrap_or(1_000_000_u32) / 3 - 1;
    let folder = tempfile::tempdir().unwrap();
    let key = keygen("bench.example/log").unwrap();
    let took = append(folder.path(), &key.signer, frames);
    let options = VerifyOptions {
        key: Some(key.verifier),
        ..VerifyOptions::default()
    };
    let before = peak_kib();
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut size = 0;
    let go = build_go(folder.path());
    for _ in 0..RUNS {
        let started = Instant::now();
        let found = verify(folder.path(), &options).unwrap();
        ours.push(started.elapsed());
        assert_eq!(found.problems, Vec::<String>::new());
        size = found.entries;
        if let Some(go) = &go {
            let started = Instant::now();
            let key = folder.path().join("audit/verifier.key");
            let output = Command::new(go)
                .arg(folder.path())
                .arg(key)
                .output()
                .unwrap();
            theirs.push(started.elapsed());
            assert!(output.status.success(), "{output:?}");
        }
    }
    let log = fs::metadata(folder.path().join("audit/entries.jsonl")).unwrap();
    println!("{size} entries, {} MB of lines", log.len() / 1_000_000);
    println!(
        "appended durably, a sync every {SYNC_EVERY} frames: {:.1} s, {:.0} entries/s",
        took.as_secs_f64(),
        f64::from(frames) * 3.0 / took.as_secs_f64()
    );
    println!(
        "verify: {}; memory at most {} MB before, {} MB after",
        told(&ours),
        before / 1000,
        peak_kib() / 1000
    );
    if theirs.is_empty() {
        println!("Go is not installed: no peer");
    } else {
        let ratio = best(&ours).as_secs_f64() / best(&theirs).as_secs_f64();
        println!("Go program: {}; verify / Go {ratio:.2}", told(&theirs));
    }
}

fn best(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}

fn told(times: &[Duration]) -> String {
    let seconds: Vec<String> = times
        .iter()
        .map(|time| format!("{:.2}", time.as_secs_f64()))
        .collect();
    format!(
        "best {:.2} s of {}",
        best(times).as_secs_f64(),
        seconds.join(", ")
    )
}

/// A run of `frames` frames, all published, and one file.
fn append(folder: &Path, signer: &str, frames: u32) -> Duration {
    let store = Store::open(folder, Existing::Keep).unwrap();
    let signer = Signer::parse(signer, "bench").unwrap();
    let (mut log, _) = Log::open(&store, &signer).unwrap();
    let digest = |frame: u32| hex::encode(&Sha256::digest(frame.to_be_bytes()));
    let commitments: Vec<[u8; 32]> = (0..frames)
        .map(|frame| Sha256::digest(frame.to_be_bytes()).into())
        .collect();
    let manifest = root(commitments.iter().map(<[u8; 32]>::as_slice));
    let manifest = hex::encode(&manifest);
    drop(commitments);
    let entry = |line: String| Entry::from_line(line.as_bytes()).unwrap();
    let d = digest(0);
    let first = entry(format!(
        r#"{{"at":1,"beyond_envelope":"","heatveil":"0","libraries":[],"lines":["model"],"manifest":{{"count":{frames},"root":"{manifest}"}},"models":[{{"name":"hit-uav-s","sha256":"{d}"}}],"operator":"bench","policy_sha256":"{d}","purpose":"bench","recipients":[],"type":"run.opened"}}"#
    ));
    let mut took = Duration::ZERO;
    log.append(&first).unwrap();
    for frame in 0..frames {
        let d = digest(frame);
        let three = [
            format!(
                r#"{{"bytes":1048576,"camera":"DJI M2EA","commitment":"{d}","format":"dji-iirp","frame":{frame},"type":"frame.ingested"}}"#
            ),
            format!(
                r#"{{"found":[{{"box":[312,96,321,118],"class":"person","score":874,"sure":true}}],"frame":{frame},"line":"model","model":"hit-uav-s","round":0,"type":"frame.detected"}}"#
            ),
            format!(
                r#"{{"frame":{frame},"grid_px":4,"mask_sha256":"{d}","masked_pixels":768,"output_sha256":"{d}","padding_mm":500,"policies":[{{"class":"person","policy":"nodata"}},{{"class":"window","policy":"mean"}}],"self_check":{{"found":0,"rounds":0}},"type":"frame.masked"}}"#
            ),
        ]
        .map(entry);
        let started = Instant::now();
        for entry in &three {
            log.append(entry).unwrap();
        }
        if frame % SYNC_EVERY == 0 {
            log.sync().unwrap();
        }
        log.checkpoint_if_due().unwrap();
        took += started.elapsed();
    }
    let last = frames - 1;
    let closed = format!(
        r#"{{"at":2,"published":{frames},"rejected":0,"total":{frames},"type":"run.closed","withheld":0}}"#
    );
    let tile = format!(
        r#"{{"bytes":1,"path":"tiles/a","sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","source_frames":[[0,{last}]],"type":"tile.emitted"}}"#
    );
    write_tile(folder);
    log.append(&entry(tile)).unwrap();
    log.append(&entry(closed)).unwrap();
    let started = Instant::now();
    log.checkpoint().unwrap();
    took + started.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "a file for the bench's log")]
fn write_tile(folder: &Path) {
    fs::create_dir_all(folder.join("tiles")).unwrap();
    // printf x | sha256sum
    fs::write(folder.join("tiles/a"), b"x").unwrap();
}

/// The Go program, built anew; `None` without Go.
fn build_go(folder: &Path) -> Option<std::path::PathBuf> {
    let binary = folder.join("go-verify");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg(".")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go"))
        .envs([
            ("GOPROXY", "off"),
            ("GOFLAGS", "-mod=mod"),
            ("GOTOOLCHAIN", "local"),
        ])
        .status();
    built.is_ok_and(|status| status.success()).then_some(binary)
}

/// Most memory that this process held, in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}
