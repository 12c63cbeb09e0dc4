//! The built program on good and bad input: messages that name the file and the remedy, exit codes, and the
//! rest of the frames still worked on.

#![cfg(all(feature = "cli", feature = "onnx"))]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::{self, dji_frames, files, fixture_frames, raw_offsets, write};

struct Bench(tempfile::TempDir);

/// What a call answered.
struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program, to be run in the folder of the test.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heatveil"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("ORT_DYLIB_PATH", common::onnx_runtime())
            .env_remove("RUST_LOG");
        command
    }

    /// Runs the program in the folder of the test.
    fn call(&self, arguments: &[&str]) -> Answer {
        self.command(arguments).output().unwrap().into()
    }

    /// Writes `count` good frames into `in/`.
    fn good(&self, count: usize) {
        common::good_frames(&self.path("in"), count);
    }

    /// The last line of a run's JSON answer.
    fn summary(answer: &Answer) -> serde_json::Value {
        serde_json::from_str(answer.out.lines().last().unwrap()).unwrap()
    }

    /// Outcome and reason by file name, from the operator's list.
    fn outcomes(&self) -> Vec<(String, String)> {
        common::outcomes(&self.path("out"))
    }
}

/// Replaces every occurrence of `from` by `to`, of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(
        found > 0,
        "{} is not in the file",
        String::from_utf8_lossy(from)
    );
    bytes
}

/// A TIFF header that promises `width` x `height` 16-bit samples and brings none.
fn tiff_header(width: u32, height: u32) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x07\0".to_vec();
    let fields = [
        (256_u16, width),
        (257, height),
        (258, 16),
        (262, 1),
        (273, 8),
        (278, height),
        (279, 8),
    ];
    for (tag, value) in fields {
        tiff.extend([tag.to_le_bytes(), 4_u16.to_le_bytes()].concat());
        tiff.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    tiff.extend([0; 4]);
    tiff
}

#[test]
fn the_fixture_flight_goes_through_and_verifies_until_a_byte_changes() {
    let bench = Bench::new();
    let frames = fixture_frames().display().to_string();
    let run = bench.call(&["run", &frames, "--out", "out", "--json"]);
    let summary = Bench::summary(&run);
    assert_eq!(summary["frames_total"], 13, "{}", run.err);
    assert_eq!(
        run.code,
        if summary["frames_published"] == 13 {
            0
        } else {
            3
        }
    );
    assert!(
        summary["frames_published"].as_u64().unwrap() >= 9,
        "{}",
        run.out
    );
    // The kernel's own figure (VmHWM). Two threads take 225 MiB; each more has a session, three frames and a block of the map.
    let threads = std::thread::available_parallelism().unwrap().get() as u64;
    let peak = summary["peak_rss_bytes"].as_u64().unwrap() >> 20;
    assert!(peak < 300 + 80 * threads, "{peak} MiB on {threads} threads");
    assert_eq!(bench.call(&["verify", "out"]).code, 0);

    let refused = bench.call(&["run", &frames, "--out", "out"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("--overwrite") && refused.err.contains("--resume"),
        "{}",
        refused.err
    );
    assert_eq!(
        bench
            .call(&["run", &frames, "--out", "out", "--resume"])
            .code,
        run.code
    );

    let cog = bench.path("out/tiles/temperature.tif");
    let good = fs::read(&cog).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    write(&cog, &bad);
    let verify = bench.call(&["verify", "out", "--json"]);
    assert_eq!(verify.code, 4);
    assert!(
        verify
            .out
            .contains("temperature.tif is not the file of the log"),
        "{}",
        verify.out
    );
    write(&cog, &good);
    write(&bench.path("out/tiles/extra.png"), b"x");
    assert_eq!(
        bench.call(&["verify", "out"]).code,
        4,
        "a file that the log does not know"
    );
}

#[test]
fn bad_files_are_named_with_a_reason_and_the_good_ones_are_published() {
    let bench = Bench::new();
    bench.good(3);
    let (_, frame) = dji_frames().remove(3);
    let bad = |name: &str, bytes: &[u8]| write(&bench.path("in").join(name), bytes);
    let first = raw_offsets(&frame)[0];
    bad("a-empty.jpg", b"");
    bad("b-text.jpg", b"not a picture");
    bad("c-truncated.jpg", &frame[..first + 300_000]);
    bad(
        "d-family.jpg",
        &replaced(&frame, b"\xFF\xD2\xD1\xFFiirp", b"\xFF\xD2\xD1\xFFgirp"),
    );
    let no_xmp = replaced(&frame, b"drone-dji:Gps", b"drone-dji:Xps");
    bad(
        "e-position.jpg",
        &replaced(&no_xmp, b"\x25\x88\x04\x00", b"\x26\x88\x04\x00"),
    );
    bad(
        "f-altitude.jpg",
        &replaced(&frame, b"RelativeAltitude", b"XelativeAltitude"),
    );
    bad("g-empty.tif", &tiff_header(0, 0));
    bad("h-huge.tif", &tiff_header(100_000, 100_000));
    bad(
        "i-copy.jpg",
        &fs::read(fixture_frames().join(&dji_frames()[0].0)).unwrap(),
    );
    bad("notes.txt", b"ignored");
    let run = bench.call(&["run", "in", "--out", "out", "--json"]);
    assert_eq!(run.code, 3, "{}", run.err);
    let outcomes = bench.outcomes();
    let reason = |name: &str| {
        outcomes
            .iter()
            .find(|(file, _)| file.starts_with(name))
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(reason("a-"), "not-an-image");
    assert_eq!(reason("b-"), "not-an-image");
    assert_eq!(reason("c-"), "truncated");
    assert_eq!(reason("d-"), "unsupported-family");
    assert_eq!(reason("e-"), "no-position");
    assert_eq!(reason("f-"), "no-altitude");
    assert_eq!(reason("g-"), "malformed");
    assert_eq!(reason("h-"), "too-large");
    assert_eq!(reason("i-"), "duplicate");
    let summary = Bench::summary(&run);
    assert_eq!(summary["frames_published"], 3, "{}", run.out);
    assert_eq!(summary["inputs_ignored"], 1);
    assert_eq!(
        bench.call(&["verify", "out"]).code,
        0,
        "bad input does not hurt the log"
    );
    let log = fs::read_to_string(bench.path("out/audit/entries.jsonl")).unwrap();
    assert!(
        !log.contains("truncated.jpg") && !log.contains(".JPG"),
        "the log must not name files"
    );
}

#[test]
fn a_run_without_frames_or_on_a_missing_folder_is_wrong_usage() {
    let bench = Bench::new();
    fs::File::open(bench.0.path()).unwrap();
    write(&bench.path("in/readme.md"), b"x");
    let empty = bench.call(&["run", "in", "--out", "out"]);
    assert_eq!(empty.code, 2);
    assert!(
        empty.err.contains("no frames in in") && empty.err.contains(".tiff"),
        "{}",
        empty.err
    );
    let missing = bench.call(&["run", "gone", "--out", "out"]);
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("gone"), "{}", missing.err);
    assert!(
        !bench.path("out").exists(),
        "nothing is written on wrong usage"
    );
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
    let bench = Bench::new();
    bench.good(2);
    std::os::unix::fs::symlink("/nonexistent", bench.path("in/dangling.jpg")).unwrap();
    let run = bench.call(&["run", "in", "--out", "out", "--json"]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("dangling.jpg"), "{}", run.err);
    let summary = Bench::summary(&run);
    assert_eq!(
        (&summary["inputs_unreadable"], &summary["frames_published"]),
        (&1.into(), &2.into())
    );
}

/// The last frames are read when the others have been looked at: time enough to take them away once all are in the manifest.
#[test]
#[expect(clippy::disallowed_methods, reason = "a card that is pulled out")]
fn inputs_that_vanish_or_change_in_a_run_are_named_with_the_remedy() {
    let bench = Bench::new();
    bench.good(9);
    let names: Vec<String> = dji_frames().into_iter().map(|(name, _)| name).collect();
    let arguments = ["run", "in", "--out", "out", "--json", "--progress", "json"];
    let mut run = bench
        .command(&arguments)
        .args(["--threads", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    let is_fixed = |line: &String| {
        let told: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        told["stage"] == "inspecting" && told["done"] == 9
    };
    let mut lines = stderr.by_ref().lines().map(Result::unwrap);
    assert!(lines.any(|line| is_fixed(&line)));
    write(&bench.path("in").join(&names[7]), &dji_frames()[0].1);
    fs::remove_file(bench.path("in").join(&names[8])).unwrap();
    stderr.read_to_end(&mut Vec::new()).unwrap();
    let answer = Answer::from(run.wait_with_output().unwrap());
    assert_eq!(answer.code, 3);
    let summary = Bench::summary(&answer);
    assert_eq!(summary["reasons"]["changed"], 1, "{}", answer.out);
    assert_eq!(summary["reasons"]["io"], 1, "{}", answer.out);
    for (name, reason) in [(&names[7], "changed"), (&names[8], "io")] {
        let line = answer.out.lines().find(|line| line.contains(name.as_str()));
        let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
        assert_eq!(
            (&line["outcome"], &line["reason"]),
            (&"rejected".into(), &reason.into())
        );
        let remedy = "copy the file again from the card; a new run takes it";
        assert_eq!(line["remedy"], remedy);
    }
    assert_eq!(bench.call(&["verify", "out"]).code, 0);
    let resumed = bench.call(&["run", "in", "--out", "out", "--resume"]);
    assert_eq!(resumed.code, 2, "{}", resumed.err);
    assert!(resumed.err.contains("another manifest"), "{}", resumed.err);
}

/// The most that a process may write of itself when it crashes: as it is, and as it may set it.
#[cfg(target_os = "linux")]
fn core_limits(process: &str) -> [String; 2] {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let mut lines = limits.lines();
    let core = lines.find_map(|line| line.strip_prefix("Max core file size"));
    let mut parts = core.unwrap().split_whitespace().map(str::to_owned);
    [(); 2].map(|()| parts.next().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_of_the_program_leaves_no_core_dump() {
    if core_limits("self")[1] == "0" {
        #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
        {
            eprintln!("SKIPPED: nobody may write core dumps here");
        }
        return;
    }
    let bench = Bench::new();
    let allowed = "ulimit -S -c $(ulimit -H -c); exec \"$0\" \"$@\"";
    let mut run = Command::new("sh")
        .args(["-c", allowed, env!("CARGO_BIN_EXE_heatveil")])
        .args(["run", "-", "--out", "out"])
        .current_dir(bench.0.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // More than a pipe holds: once it is written the program reads its list of inputs, and has begun.
    let mut stdin = run.stdin.take().unwrap();
    stdin.write_all(&b"\n".repeat(1 << 21)).unwrap();
    let limits = core_limits(&run.id().to_string());
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(limits, ["0", "0"]);
}

#[test]
fn output_inside_the_input_is_refused() {
    let bench = Bench::new();
    bench.good(1);
    let run = bench.call(&["run", "in", "--out", "in/out"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("output folder elsewhere"), "{}", run.err);
    assert!(!bench.path("in/out").exists());
}

#[test]
fn settings_inside_the_output_are_not_cleared_with_it() {
    let bench = Bench::new();
    bench.good(1);
    write(&bench.path("out/.heatveil.lock"), b"");
    write(&bench.path("out/night.toml"), b"");
    for command in [&["run"][..], &["plan", "--shards", "1"]] {
        let rest = "in --out out --overwrite --config out/night.toml".split(' ');
        let arguments: Vec<_> = command.iter().copied().chain(rest).collect();
        let refused = bench.call(&arguments);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains("night.toml"), "{}", refused.err);
        assert!(bench.path("out/night.toml").exists());
    }
}

#[test]
fn a_foreign_folder_is_never_replaced() {
    let bench = Bench::new();
    bench.good(1);
    write(&bench.path("out/thesis.tex"), b"years of work");
    let run = bench.call(&["run", "in", "--out", "out", "--overwrite"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("was not made by heatveil"), "{}", run.err);
    assert!(bench.path("out/thesis.tex").exists());
}

#[test]
fn a_surface_model_that_cannot_be_used_is_named_before_the_first_frame() {
    let bench = Bench::new();
    bench.good(1);
    write(&bench.path("notes.tif"), b"no raster");
    for (arguments, said) in [
        (["--dsm", "gone.tif"], "gone.tif is not a file here"),
        (["--dsm", "notes.tif"], "notes.tif"),
        (["--walls", "mean"], "needs georef.dsm"),
        (["--crs", "EPSG:4326"], "georef.crs"),
    ] {
        let refused = bench.call(&["run", "in", "--out", "out", arguments[0], arguments[1]]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains(said), "{}", refused.err);
        assert!(
            !bench.path("out").exists(),
            "nothing is written on wrong usage"
        );
    }
}

#[test]
fn missing_or_wrong_models_and_a_missing_runtime_are_named_with_the_remedy() {
    let bench = Bench::new();
    bench.good(1);
    let missing = bench.call(&["run", "in", "--out", "out", "--model", "gone.toml"]);
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("gone.toml"), "{}", missing.err);

    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    write(
        &bench.path("m/card.toml"),
        &fs::read(models.join("person-vehicle-bicycle.toml")).unwrap(),
    );
    write(
        &bench.path("m/person-vehicle-bicycle.int8.onnx"),
        b"another model",
    );
    let wrong = bench.call(&["run", "in", "--out", "out", "--model", "m/card.toml"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("SHA-256") && wrong.err.contains("restore the file"),
        "{}",
        wrong.err
    );

    let runtime = bench.call(&[
        "run",
        "in",
        "--out",
        "out",
        "--onnx-runtime",
        "/nonexistent/lib.so",
    ]);
    assert_eq!(runtime.code, 1);
    assert!(
        runtime.err.contains("make setup") && runtime.err.contains("/nonexistent/lib.so"),
        "{}",
        runtime.err
    );
    write(&bench.path("lib.so"), b"another library");
    let other = bench.call(&["run", "in", "--out", "out", "--onnx-runtime", "lib.so"]);
    assert_eq!(other.code, 1);
    assert!(
        other.err.contains("SHA-256") && other.err.contains("lib.so"),
        "{}",
        other.err
    );
    assert!(!bench.path("out").exists());
}

#[test]
fn unknown_settings_and_flags_are_wrong_usage() {
    let bench = Bench::new();
    bench.good(1);
    write(
        &bench.path("heatveil.toml"),
        b"[detect]\nthreshhold = 0.5\n",
    );
    let run = bench.call(&["run", "in", "--out", "out", "--config", "heatveil.toml"]);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("threshhold") && run.err.contains("heatveil.toml"),
        "{}",
        run.err
    );
    assert_eq!(bench.call(&["config", "check", "heatveil.toml"]).code, 2);
    assert_eq!(bench.call(&["run", "--no-such-flag"]).code, 2);
    let template = bench.call(&["config", "init"]);
    write(&bench.path("heatveil.toml"), template.out.as_bytes());
    assert_eq!(bench.call(&["config", "check", "heatveil.toml"]).code, 0);
}

#[test]
fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let bench = Bench::new();
    bench.good(2);
    write(&bench.path("in/bad.jpg"), b"x");
    let run = bench.call(&["run", "in", "--out", "out", "--dry-run"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.out.contains("2 frames") && run.out.contains("bad.jpg"),
        "{}",
        run.out
    );
    assert!(!bench.path("out").exists());
}

/// A disk of one megabyte, where this machine lets tests mount one.
#[test]
fn a_full_disk_is_named_and_the_run_can_go_on_elsewhere() {
    let bench = Bench::new();
    bench.good(3);
    let disk = bench.path("disk");
    write(&disk.join("mark"), b"");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&disk)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
        {
            eprintln!("SKIPPED: this machine lets no test mount a small disk");
        }
        return;
    }
    let run = bench.call(&["run", "in", "--out", "disk/out"]);
    Command::new("umount").arg(&disk).status().unwrap();
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(
        run.err.contains("the disk is full") && run.err.contains("--resume"),
        "{}",
        run.err
    );
}

#[test]
fn inspect_shows_what_a_file_gives_away_and_names_what_it_cannot_read() {
    let bench = Bench::new();
    bench.good(1);
    let name = format!("in/{}", dji_frames()[0].0);
    write(&bench.path("bad.jpg"), b"x");
    let answer = bench.call(&["inspect", "--json", &name, "bad.jpg"]);
    assert_eq!(answer.code, 3);
    let found: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let properties = &found["features"][0]["properties"];
    assert_eq!(properties["celsius"]["kind"], "apparent");
    assert_eq!(found["features"][0]["geometry"]["type"], "Polygon");
    let leaks = properties["leaks"].as_array().unwrap();
    for leak in ["thermal-frame", "thumbnail", "preview", "position", "time"] {
        assert!(
            leaks.contains(&leak.into()),
            "{leak} is missing in {leaks:?}"
        );
    }
    assert!(
        found["features"][1]["properties"]["error"]
            .as_str()
            .unwrap()
            .contains("bad.jpg")
    );
}

#[test]
fn with_given_keys_and_time_two_runs_have_one_root() {
    let bench = Bench::new();
    bench.good(2);
    assert_eq!(
        bench
            .call(&["keygen", "--name", "example.org/log", "--out", "log.key"])
            .code,
        0
    );
    write(&bench.path("commitment.key"), "ab".repeat(32).as_bytes());
    write(
        &bench.path("heatveil.toml"),
        b"[audit]\nlog-key = \"log.key\"\ncommitment-key = \"commitment.key\"\n",
    );
    for out in ["one", "two"] {
        let library = common::onnx_runtime();
        let status = Command::new(env!("CARGO_BIN_EXE_heatveil"))
            .args([
                "run",
                "in",
                "--out",
                out,
                "--config",
                "heatveil.toml",
                "--quiet",
            ])
            .args(["--threads", if out == "one" { "1" } else { "2" }])
            .current_dir(bench.0.path())
            .env("ORT_DYLIB_PATH", library)
            .env("SOURCE_DATE_EPOCH", "1768516200")
            .output()
            .unwrap();
        assert_eq!(
            status.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&status.stderr)
        );
    }
    for part in ["audit", "tiles"] {
        assert_eq!(
            files(&bench.path("one").join(part)),
            files(&bench.path("two").join(part))
        );
    }
    assert_eq!(bench.call(&["verify", "one", "--key", "log.vkey"]).code, 0);
    assert!(
        !bench.path("one/private/log.key").exists(),
        "a given key is not copied"
    );
}

#[test]
fn an_accelerator_that_is_not_there_is_no_reason_to_compute_elsewhere() {
    let bench = Bench::new();
    bench.good(1);
    // The pinned library is made for processors: CUDA's has no file beside it, Core ML's is not in it.
    for (provider, expected) in [
        ("cuda", "libonnxruntime_providers_cuda.so could not be read"),
        ("coreml", "nothing is computed on the processor instead"),
    ] {
        let answer = bench.call(&["run", "in", "--out", "out", "--provider", provider]);
        assert_eq!(answer.code, 2, "{}", answer.err);
        let named = format!("detect.provider {provider}: ");
        assert!(answer.err.contains(&named), "{}", answer.err);
        assert!(answer.err.contains(expected), "{}", answer.err);
        assert!(!bench.path("out").exists());
    }
}
