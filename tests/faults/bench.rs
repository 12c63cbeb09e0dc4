//! A flight in which a hot person stands, the real program over it, and what must hold of the folder it leaves.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gdal::Metadata as _;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::canary::{CANARY, CANARY_CELSIUS, FIRE_CELSIUS, PERSON, planted, shows_person};
use crate::common::onnx::{times, with_card};
use crate::common::{
    dji_frames, files, fixture_frames, onnx_runtime, samples_of, write, write_keys,
};
use crate::given;

/// A run takes seconds; on a busy machine a minute, and CI has surveys beside it.
const PATIENCE: Duration = Duration::from_mins(5);

/// Settings under which the person is found by warm spots, everything is written, and the ramp ends below the canary.
const SETTINGS: &str = "[detect]
[weather]
air-celsius = 2
wind-m-s = 1
sky-celsius = -14
[tiles]
xyz = true
keep-frames = true
resolution-m = 0.5
max-celsius = 70
[buildings]
id = 'uprn'
uprn = 'uprn'
";

/// A FLIR R-JPEG, and counts in a TIFF.
const OTHERS: [&str; 2] = [
    "DJI_20260115223002_0003_R.JPG",
    "DUO_20260115223004_0005_IR.TIF",
];

/// What becomes of the frames of [`Bench::new`], in the run's order.
pub(crate) const OUTCOMES: [(&str, &str); 6] = [
    ("DJI_20260115223000_0001_T.JPG", "published"),
    ("DJI_20260115223001_0002_T.JPG", "published"),
    (OTHERS[0], "published"),
    ("DJI_20260115223003_0004_T.JPG", "beyond-envelope"),
    (NO_IMAGE, "not-an-image"),
    (OTHERS[1], "published"),
];
const NO_IMAGE: &str = "DJI_NO_IMAGE.JPG";

/// A flight, its settings and keys; attempts are made in folders of their own beside it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    library: Option<PathBuf>,
    /// Contents that were looked through already.
    clean: HashSet<[u8; 32]>,
}

/// What a finished run left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finished {
    /// Files by path: all but the log, the summary and the lock.
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    /// Entries without those of resuming.
    pub(crate) entries: Vec<String>,
    /// Counts of the summary.
    pub(crate) counts: [u64; 4],
}

impl Bench {
    /// Frames of every format under the built-in models, among them one that is withheld and one that is rejected.
    pub(crate) fn new() -> Self {
        let bench = Self::flight(SETTINGS);
        for name in OTHERS {
            let bytes = fs::read(fixture_frames().join(name)).unwrap();
            let bytes = planted(name, &bytes, CANARY_CELSIUS, PERSON);
            write(&bench.path("in").join(name), &bytes);
        }
        // Beside the person something is hotter than what the models were evaluated for.
        let (name, bytes) = dji_frames().swap_remove(2);
        let bytes = planted(&name, &bytes, CANARY_CELSIUS, PERSON);
        let bytes = planted(&name, &bytes, FIRE_CELSIUS, ([400, 408], PERSON.1));
        write(&bench.path("in").join(name), &bytes);
        write(
            &bench.path("in").join(NO_IMAGE),
            &CANARY.to_le_bytes().repeat(999),
        );
        bench
    }

    /// Two frames in which the person stands.
    fn flight(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_keys(folder.path());
        for (name, bytes) in dji_frames().into_iter().take(2) {
            let bytes = planted(&name, &bytes, CANARY_CELSIUS, PERSON);
            write(&folder.path().join("in").join(name), &bytes);
        }
        let bench = Self {
            folder,
            library: None,
            clean: HashSet::new(),
        };
        bench.set(settings);
        bench
    }

    /// Writes the settings, with keys of the run's own and with given ones.
    fn set(&self, settings: &str) {
        let keys = self.folder.path().display();
        let given = self.path("given").join(given::OUTLINES);
        let outlines = if given.is_file() {
            given
        } else {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/truth/buildings.geojson")
        };
        let own = format!("{settings}footprints = '{}'\n", outlines.display());
        let given = format!(
            "{own}[audit]\nlog-key = '{keys}/log.key'\ncommitment-key = '{keys}/commitment.key'\n"
        );
        write(&self.path("own.toml"), own.as_bytes());
        write(&self.path("given.toml"), given.as_bytes());
    }

    /// Settings with a network that finds nothing in no time, and more of the section `detect`.
    fn blinded(&self, detect: &str) -> String {
        let card = with_card(self.folder.path(), "blind", &times(0.0));
        let text = fs::read_to_string(&card).unwrap();
        // As hot as the built-in models know.
        let text = text.replace("max_celsius = 1000.0", "max_celsius = 150.0");
        write(&card, text.as_bytes());
        let models = format!("[detect]\nmodels = ['{}']\n{detect}", card.display());
        SETTINGS.replace("[detect]\n", &models)
    }

    /// [`Bench::new`] with a network that finds nothing in no time: most of the time goes by with files then.
    pub(crate) fn blind() -> Self {
        let bench = Self::new();
        bench.set(&bench.blinded(""));
        bench
    }

    /// The two frames alone, and nothing finds the person.
    pub(crate) fn unmasked() -> Self {
        let bench = Self::flight(SETTINGS);
        bench.set(&bench.blinded("[detect.warm-spots]\nenabled = false\n"));
        bench
    }

    /// The two frames alone, with calls to the operating system passing `shim.c`. Its network finds nothing: what is attacked are calls, some thousand,
    /// and the person is found by warm spots.
    pub(crate) fn with_shim() -> Self {
        let mut bench = Self::flight(SETTINGS);
        bench.set(&bench.blinded("publish-beyond-envelope = 'a test'\n"));
        let library = bench.path("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let arguments = [
            "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
        ];
        let compiled = Command::new("cc")
            .args(arguments)
            .args([&library, &source])
            .arg("-ldl")
            .status();
        assert!(compiled.unwrap().success(), "shim.c needs a C compiler");
        bench.library = Some(library);
        bench
    }

    /// As [`Bench::with_shim`], with a map of more than four blocks, which libtiff keeps in another way, and with every kind of file that is read through
    /// GDAL in the folder `given`, where calls fail too: outlines, points, an opt-out list, a surface model that says how its values are scaled.
    pub(crate) fn given() -> Self {
        let bench = Self::with_shim();
        let given = bench.path("given");
        make(&given);
        given::write(&given);
        let path = |name: &str| given.join(name).display().to_string();
        let detect = "publish-beyond-envelope = 'a test'\n";
        let settings = bench
            .blinded(detect)
            .replace("keep-frames = true\n", "")
            .replace("resolution-m = 0.5", "resolution-m = 0.05")
            .replace("[buildings]\n", &format!(
                "[georef]\ndsm = '{}'\n[buildings]\nopt-out = '{}'\nuprn-points = '{}'\nuprn-points-field = 'UPRN'\n",
                path(given::SURFACE),
                path(given::OPT_OUT),
                path(given::POINTS),
            ));
        bench.set(&settings);
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new folder for an attempt; its output is `out` in it.
    pub(crate) fn attempt(&self, name: &str) -> PathBuf {
        let folder = self.path("attempts").join(name);
        remove(&folder);
        make(&folder.join("tmp"));
        folder
    }

    /// Starts a run into an attempt.
    pub(crate) fn start(&self, attempt: &Path, how: &Start<'_>) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heatveil"));
        command
            .args(["run", "--progress", "none", "--threads"])
            // One, where calls are counted: they come in the same order then.
            .arg(if how.faults.is_some() { "1" } else { "2" })
            .args(how.resume.then_some("--resume"))
            .arg(self.path("in"))
            .arg("--out")
            .arg(attempt.join("out"))
            .arg("--config")
            .arg(self.path(if how.own_keys {
                "own.toml"
            } else {
                "given.toml"
            }))
            .env("SOURCE_DATE_EPOCH", "1768516200")
            .env("TMPDIR", attempt.join("tmp"))
            .env("HOME", attempt.join("home"))
            .env_remove("XDG_CACHE_HOME")
            .env_remove("ORT_DISABLE_TELEMETRY")
            .env_remove("RUST_LOG")
            .env("ORT_DYLIB_PATH", onnx_runtime())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(faults) = how.faults {
            self.attack(&mut command, attempt, faults);
        }
        command.spawn().unwrap()
    }

    /// Puts `shim.c` between a command and libc, for calls below `root`.
    pub(crate) fn attack(&self, command: &mut Command, root: &Path, faults: &Faults) {
        command
            .env("LD_PRELOAD", self.library.as_ref().unwrap())
            .env("FAULT_ROOT", root)
            .env("FAULT_GIVEN", self.path("given"));
        faults.apply(command);
    }

    /// Starts a run and waits for its end; one that hangs is killed.
    pub(crate) fn run(&self, attempt: &Path, how: &Start<'_>) -> Output {
        let child = self.start(attempt, how);
        let id = child.id().to_string();
        let (done, wait) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            let hangs = wait.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if hangs {
                Command::new("kill").args(["-9", &id]).status().unwrap();
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(done);
        watchdog.join().unwrap();
        output
    }

    /// Goes on with an attempt until it is finished; what it left must be that of a run that nothing stopped.
    pub(crate) fn finish(
        &self,
        attempt: &Path,
        own_keys: bool,
        like: &Finished,
    ) -> Result<(), String> {
        let resume = Start {
            resume: true,
            own_keys,
            faults: None,
        };
        let mut output = self.run(attempt, &resume);
        if output.status.code() == Some(2) && is_nothing_begun(&attempt.join("out")) {
            output = self.run(
                attempt,
                &Start {
                    resume: false,
                    ..resume
                },
            );
        }
        if !matches!(output.status.code(), Some(0 | 3)) {
            return Err(format!(
                "--resume: {:?}: {}",
                output.status,
                stderr(&output)
            ));
        }
        let found = finished(&attempt.join("out"))?;
        compare(&found, like, own_keys)
    }

    /// What must hold of an attempt at any instant: nothing of the person, nothing under a final name that the log does not hold.
    pub(crate) fn check(&mut self, attempt: &Path) -> Result<(), String> {
        for (path, bytes) in files(attempt) {
            if path.starts_with("home") {
                return Err(format!("{} was left in the user's home", path.display()));
            }
            let hash = Sha256::digest(&bytes).into();
            if self.clean.contains(&hash) {
                continue;
            }
            if shows_person(&attempt.join(&path), &bytes) {
                return Err(format!("{} shows the person", path.display()));
            }
            self.clean.insert(hash);
        }
        only_logged(&attempt.join("out"))
    }
}

/// How a run is started.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Start<'a> {
    pub(crate) resume: bool,
    /// Whether the run makes its own keys.
    pub(crate) own_keys: bool,
    pub(crate) faults: Option<&'a Faults>,
}

/// What `shim.c` is to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) trace: Option<PathBuf>,
    pub(crate) keep: Option<PathBuf>,
    /// Whether calls that read are counted and fail, instead of those that change something.
    pub(crate) reads: bool,
    /// Number of a call, what becomes of it, what becomes of later ones.
    pub(crate) fault: Option<(usize, String, &'static str)>,
}

impl Faults {
    fn apply(&self, command: &mut Command) {
        if let Some(trace) = &self.trace {
            command.env("FAULT_TRACE", trace);
        }
        if let Some(keep) = &self.keep {
            command.env("FAULT_KEEP", keep);
        }
        if self.reads {
            command.env("FAULT_READS", "1");
        }
        if let Some((at, how, lasts)) = &self.fault {
            command
                .env("FAULT_AT", at.to_string())
                .env("FAULT_HOW", how)
                // For one that never returns; on a busy machine a step of an honest run takes a second.
                .env(
                    "HEATVEIL_STALL_SECONDS",
                    if how == "stall" { "8" } else { "3600" },
                )
                .env("FAULT_LASTS", lasts);
        }
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "tests make their own folders")]
pub(crate) fn make(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "tests remove their own folders")]
pub(crate) fn remove(folder: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
}

/// Two runs left the same, but for where in a GeoTIFF its blocks lie: GDAL reads back what it has written of one, and where it cannot it writes
/// that again at the end. What follows from that file's hash is left out: the catalogue, and their entries in the log.
pub(crate) fn same_map(found: &Finished, like: &Finished, out: &Path) -> Result<(), String> {
    let same_samples = |path: &Path, bytes: &[u8]| {
        let scratch = out.with_extension("like.tif");
        write(&scratch, bytes);
        let expected = shown(&scratch);
        !expected.is_empty() && shown(&out.join(path)) == expected
    };
    let differing = differing(found, like);
    let is_other = |path: &&&PathBuf| {
        let is_map = path.extension().is_some_and(|extension| extension == "tif");
        let bytes = like.files.get(**path).filter(|_| is_map);
        !path.starts_with("tiles/stac") && !bytes.is_some_and(|bytes| same_samples(path, bytes))
    };
    let other: Vec<_> = differing.iter().filter(is_other).collect();
    if !other.is_empty() {
        return Err(format!(
            "other contents than a run without a fault: {other:?}"
        ));
    }
    let maps = differing
        .iter()
        .filter(|path| !path.starts_with("tiles/stac"));
    if maps.count() == 0 && !differing.is_empty() || !found.files.keys().eq(like.files.keys()) {
        return Err(format!(
            "other files than a run without a fault: {differing:?}"
        ));
    }
    let entries = |finished: &Finished| -> Vec<Value> {
        let lines = finished.entries.iter();
        lines.map(|line| without_hashes(line, &differing)).collect()
    };
    if found.counts != like.counts || entries(found) != entries(like) {
        return Err("other counts or entries than a run without a fault".into());
    }
    Ok(())
}

/// What a GeoTIFF shows: where it lies, what its bands are called and measure, every sample; empty where it cannot be read.
fn shown(path: &Path) -> Vec<String> {
    let told = || -> gdal::errors::Result<Vec<String>> {
        let dataset = gdal::Dataset::open(path)?;
        let mut told = vec![
            format!("{:?}", dataset.geo_transform()?),
            dataset.spatial_ref()?.to_wkt()?,
        ];
        for number in 1..=dataset.raster_count() {
            let band = dataset.rasterband(number)?;
            let (name, unit) = (band.description()?, band.unit());
            let (no_data, overviews) = (band.no_data_value(), band.overview_count()?);
            told.push(format!("{name} {unit} {no_data:?} {overviews}"));
        }
        Ok(told)
    };
    let mut told = told().unwrap_or_default();
    let samples = samples_of(path);
    told.extend(samples.iter().map(|sample| sample.to_bits().to_string()));
    told
}

/// An entry of a log, without length and hash of these files.
fn without_hashes(line: &str, files: &[&PathBuf]) -> Value {
    let mut entry: Value = serde_json::from_str(line).unwrap();
    let blank = |told: &mut Value| {
        let path = told["path"].as_str().map(PathBuf::from);
        if path.is_some_and(|path| files.contains(&&path)) {
            told["sha256"].take();
            told["bytes"].take();
        }
    };
    blank(&mut entry);
    let table = entry.get_mut("files").and_then(Value::as_array_mut);
    table.into_iter().flatten().for_each(blank);
    entry
}

/// Whether a folder holds nothing, or only the lock: a run into it starts anew.
fn is_nothing_begun(out: &Path) -> bool {
    let names = fs::read_dir(out).into_iter().flatten();
    names
        .flatten()
        .all(|entry| entry.file_name() == ".heatveil.lock")
}

pub(crate) fn lines(out: &Path) -> Vec<String> {
    let log = fs::read(out.join("audit/entries.jsonl")).unwrap_or_default();
    let whole = log
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |last| last + 1);
    let text = String::from_utf8_lossy(&log[..whole]);
    text.lines().map(str::to_owned).collect()
}

/// Whether every file under a final name is one of the log's, byte for byte.
fn only_logged(out: &Path) -> Result<(), String> {
    let mut logged = BTreeSet::new();
    for line in lines(out) {
        // What a power cut left of the last line is the recovery's to judge.
        let Ok(entry) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let table = entry["files"].as_array().cloned().unwrap_or_default();
        for file in table.iter().chain([&entry]) {
            if let (Some(path), Some(sha256)) = (file["path"].as_str(), file["sha256"].as_str()) {
                logged.insert((path.to_owned(), sha256.to_owned()));
            }
        }
    }
    let hash = |bytes: &[u8]| {
        Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let lists: Vec<String> = logged.iter().map(|(path, _)| path.clone()).collect();
    for list in lists
        .iter()
        .filter(|path| path.ends_with("/manifest.jsonl"))
    {
        let Ok(text) = fs::read_to_string(out.join(list)) else {
            continue;
        };
        for line in text.lines() {
            let line: Value =
                serde_json::from_str(line).map_err(|error| format!("{list}: {error}"))?;
            let below = list.trim_end_matches("manifest.jsonl");
            let path = format!("{below}{}", line["path"].as_str().unwrap_or_default());
            logged.insert((path, line["sha256"].as_str().unwrap_or_default().to_owned()));
        }
    }
    for below in ["tiles", "buildings", "frames"] {
        let folder = out.join(below);
        if !folder.exists() {
            continue;
        }
        for (path, bytes) in files(&folder) {
            let path = format!("{below}/{}", path.display());
            if !logged.contains(&(path.clone(), hash(&bytes))) {
                return Err(format!(
                    "{path} has its final name, and the log does not hold it"
                ));
            }
        }
    }
    Ok(())
}

/// What a finished run left, which must verify and be tidy.
pub(crate) fn finished(out: &Path) -> Result<Finished, String> {
    let verified = heatveil::audit::verify(out, &heatveil::audit::VerifyOptions::default())
        .map_err(|error| format!("verify: {error}"))?;
    if !verified.ok() {
        return Err(format!("verify: {:?}", verified.problems));
    }
    let mut found = BTreeMap::new();
    for (path, bytes) in files(out) {
        let name = path.to_string_lossy();
        if name.starts_with(".work") || name.ends_with(".partial") {
            return Err(format!("{name} was left behind"));
        }
        let varies = ["audit/", "summary.json", ".heatveil.lock", "private/"];
        if !varies.iter().any(|start| name.starts_with(start))
            || name.ends_with(".jsonl") && name.starts_with("private/")
        {
            found.insert(path, bytes);
        }
    }
    if out.join(".work").exists() {
        return Err(".work was left behind".into());
    }
    let summary =
        fs::read(out.join("summary.json")).map_err(|error| format!("summary.json: {error}"))?;
    let summary: Value = serde_json::from_slice(&summary).map_err(|error| error.to_string())?;
    let count = |name: &str| summary[name].as_u64().unwrap_or(u64::MAX);
    let checkpoint = fs::read_to_string(out.join("audit/checkpoint")).unwrap_or_default();
    if summary["checkpoint"].as_str() != Some(&checkpoint) {
        return Err("summary.json holds another checkpoint".into());
    }
    let counts = [
        "frames_total",
        "frames_published",
        "frames_withheld",
        "frames_rejected",
    ]
    .map(count);
    let mut entries = lines(out);
    entries.retain(|line| !line.contains("\"type\":\"run.resumed\""));
    Ok(Finished {
        files: found,
        entries,
        counts,
    })
}

/// Files that are not the same bytes in both.
fn differing<'a>(found: &'a Finished, like: &'a Finished) -> Vec<&'a PathBuf> {
    let differ = |path: &&PathBuf| found.files.get(*path) != like.files.get(*path);
    let all: BTreeSet<&PathBuf> = found.files.keys().chain(like.files.keys()).collect();
    all.into_iter().filter(differ).collect()
}

fn compare(found: &Finished, like: &Finished, own_keys: bool) -> Result<(), String> {
    let differing = differing(found, like);
    if !differing.is_empty() {
        return Err(format!(
            "other bytes than a run that nothing stopped: {differing:?}"
        ));
    }
    if found.counts != like.counts {
        return Err(format!(
            "counts {:?} instead of {:?}",
            found.counts, like.counts
        ));
    }
    // Commitments are under the run's own key.
    if !own_keys && found.entries != like.entries {
        return Err("another log than that of a run that nothing stopped".into());
    }
    Ok(())
}
