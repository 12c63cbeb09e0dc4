//! Commands over a finished run are killed, and fail, at every call that changes something, and the power goes: begun again, they end as if nothing
//! had happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heatveil::audit::{VerifyOptions, verify};

use crate::bench::{Bench, Faults, Start, lines, make, remove, stderr};
use crate::common::{files, onnx_runtime, write};
use crate::crash::{Durable, Kept};
use crate::inject::{calls, traced};

/// A year after the run: everything is due.
const LATER: &str = "1800000000";

/// What each command is called, and the kind of entry that it adds.
const COMMANDS: [(&[&str], Option<&str>); 6] = [
    (
        &[
            "release",
            "out",
            "--recipient",
            "R",
            "--approver",
            "A",
            "--key",
            "../../a.key",
        ],
        Some("release.approved"),
    ),
    (&["cosign", "out", "--key", "../../a.key"], None),
    (
        &["review", "out", "confirm", "0", "--key", "../../a.key"],
        Some("review.decided"),
    ),
    (&["audit", "out", "query", "--class", "person"], None),
    (&["report", "out", "--overwrite"], None),
    (&["purge", "out", "--delete"], Some("raw.deleted")),
];

/// How a call fails: the power button, a full disk, one bad block, a disk that became read-only.
const FAULTS: [(&str, &str); 4] = [("kill", ""), ("28", "space"), ("5", "once"), ("30", "all")];

/// A finished run with keys of its own, and its inputs, to begin from again and again.
struct After {
    bench: Bench,
    files: BTreeMap<PathBuf, Vec<u8>>,
    entries: Vec<String>,
}

impl After {
    fn new() -> Self {
        let bench = Bench::with_shim();
        let settings = std::fs::read_to_string(bench.path("own.toml")).unwrap();
        let retention = "[survey.retention]\nraw-days = 30\nworking-days = 1\nprivate-days = 31\ncommitment-key-days = 31\n";
        write(&bench.path("own.toml"), (settings + retention).as_bytes());
        let attempt = bench.attempt("after");
        let own_keys = Start {
            own_keys: true,
            ..Start::default()
        };
        let output = bench.run(&attempt, &own_keys);
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{}",
            stderr(&output)
        );
        let keygen = ["keygen", "--name", "a.approver", "--out", "../../a.key"];
        let after = Self {
            entries: lines(&attempt.join("out")),
            files: files(&attempt.join("out")).into_iter().collect(),
            bench,
        };
        assert!(after.call(&attempt, &keygen, None).status.success());
        copy(&attempt, "out", &after.bench.path("whole"));
        copy(&after.bench.path(""), "in", &after.bench.path("whole"));
        after
    }

    fn call(&self, attempt: &Path, arguments: &[&str], faults: Option<&Faults>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heatveil"));
        // `shim.c` knows folders by their whole names.
        let whole = |argument: &&str| match *argument {
            "out" => attempt.join("out"),
            other => PathBuf::from(other),
        };
        command
            .args(arguments.iter().map(whole))
            .current_dir(attempt)
            .env("SOURCE_DATE_EPOCH", LATER)
            .env("TMPDIR", attempt.join("tmp"))
            .env("ORT_DYLIB_PATH", onnx_runtime())
            .env_remove("RUST_LOG");
        if let Some(faults) = faults {
            let below = self.bench.path("in");
            let root = below.parent().unwrap();
            self.bench.attack(&mut command, root, faults);
        }
        command.output().unwrap()
    }

    /// The run as it was, in a folder of its own.
    fn fresh(&self) -> PathBuf {
        let attempt = self.bench.attempt("after");
        copy(&self.bench.path("whole"), "out", &attempt);
        remove(&self.bench.path("in"));
        copy(&self.bench.path("whole"), "in", &self.bench.path(""));
        attempt
    }

    /// Calls that change something while nothing fails.
    fn calls(&self, arguments: &[&str]) -> Vec<String> {
        let attempt = self.fresh();
        let trace = self.bench.path("trace");
        remove_file(&trace);
        let faults = Faults {
            trace: Some(trace.clone()),
            ..Faults::default()
        };
        let output = self.call(&attempt, arguments, Some(&faults));
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        traced(&trace)
    }

    /// One fault; what is wrong after it, or whether the command was stopped.
    fn one(&mut self, number: usize, at: usize, fault: usize) -> Result<bool, String> {
        let arguments = COMMANDS[number].0;
        let (how, lasts) = FAULTS[fault];
        let attempt = self.fresh();
        let faults = Faults {
            fault: Some((at, how.to_owned(), lasts)),
            ..Faults::default()
        };
        let output = self.call(&attempt, arguments, Some(&faults));
        let message = stderr(&output);
        match (output.status.code(), how) {
            (Some(0), _) | (None, "kill") => {}
            // An input could not be deleted, which is said and stays due.
            (Some(3), _) if message.contains("inputs are left") => {}
            (Some(1), errno) if errno != "kill" && message.contains("error: ") => {}
            (code, _) => return Err(format!("exit {code:?}: {message}")),
        }
        // What an answer kept beside itself could not be written, which is no reason not to give it; nor could it be removed.
        let is_untidy = attempt.join("out/private/answers.index.partial").exists();
        let was_stopped = !output.status.success() || is_untidy;
        self.recovers(&attempt, number, was_stopped, &message)?;
        Ok(was_stopped)
    }

    /// The power goes before a call, or, where there is none of this number, after the command. What is wrong afterwards.
    fn cut(&mut self, number: usize, at: usize, kept: Kept) -> Result<(), String> {
        let attempt = self.fresh();
        let inputs = self.bench.path("in");
        let (trace, keep) = (self.bench.path("cut-trace"), self.bench.path("cut-keep"));
        write(&trace, b"");
        remove(&keep);
        make(&keep);
        let mut durable = Durable::default();
        durable.take(&attempt);
        durable.take(&inputs);
        let faults = Faults {
            trace: Some(trace.clone()),
            keep: Some(keep.clone()),
            fault: Some((at, "kill".into(), "")),
            ..Faults::default()
        };
        let output = self.call(&attempt, COMMANDS[number].0, Some(&faults));
        durable.follow(&trace, &keep);
        for folder in [&attempt, &inputs] {
            durable.replace(folder, kept, &self.bench.path("spare"));
        }
        let was_stopped = !output.status.success();
        self.recovers(&attempt, number, was_stopped, &stderr(&output))
    }

    /// What is wrong after a command, which is given again where it was stopped.
    fn recovers(
        &mut self,
        attempt: &Path,
        number: usize,
        was_stopped: bool,
        message: &str,
    ) -> Result<(), String> {
        let (arguments, adds) = COMMANDS[number];
        self.bench.check(attempt)?;
        if was_stopped {
            let mut again = self.call(attempt, arguments, None);
            // All inputs were deleted, and their folder with them, before that was logged: the message says what to do.
            let remedy = "--folders-are-gone";
            if stderr(&again).contains(remedy) {
                again = self.call(attempt, &[arguments, &[remedy]].concat(), None);
            }
            if !again.status.success() {
                return Err(format!(
                    "again: {:?}: {}, before: {message}",
                    again.status,
                    stderr(&again)
                ));
            }
        }
        self.is_sound(attempt, adds)
    }

    /// Whether the folder verifies, holds the run as it was, and says once or twice what was done.
    fn is_sound(&self, attempt: &Path, adds: Option<&str>) -> Result<(), String> {
        let out = attempt.join("out");
        let found = verify(&out, &VerifyOptions::default()).map_err(|error| error.to_string())?;
        if !found.ok() {
            return Err(format!("{:?}", found.problems));
        }
        let entries = lines(&out);
        if !entries.starts_with(&self.entries) {
            return Err("entries of the run are gone".into());
        }
        let added = &entries[self.entries.len()..];
        if added.is_empty() == adds.is_some() {
            return Err(format!("{} entries were added", added.len()));
        }
        if let Some(other) = added
            .iter()
            .find(|line| adds.is_none_or(|kind| !line.contains(kind)))
        {
            return Err(format!("an entry of another kind: {other}"));
        }
        let now: BTreeMap<PathBuf, Vec<u8>> = files(&out).into_iter().collect();
        let published = |path: &&PathBuf| {
            ["tiles", "buildings", "frames"]
                .iter()
                .any(|below| path.starts_with(below))
        };
        let mut published = self.files.keys().filter(published);
        if let Some(path) = published.find(|path| now.get(*path) != self.files.get(*path)) {
            return Err(format!("{} is another file", path.display()));
        }
        if let Some(path) = now
            .keys()
            .find(|path| path.to_string_lossy().ends_with(".partial"))
        {
            return Err(format!("{} was left behind", path.display()));
        }
        Ok(())
    }
}

fn copy(from: &Path, name: &str, to: &Path) {
    make(to);
    let copied = Command::new("cp")
        .arg("-r")
        .arg(from.join(name))
        .arg(to)
        .status();
    assert!(copied.unwrap().success());
}

#[expect(clippy::disallowed_methods, reason = "tests remove their own files")]
fn remove_file(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Attacks every `step`th call of every command in these ways.
fn attack(step: usize, ways: &[usize]) {
    let mut after = After::new();
    let (mut tried, mut stopped, mut failed) = (0, 0, Vec::new());
    for (number, (arguments, _)) in COMMANDS.iter().enumerate() {
        let calls = after.calls(arguments);
        println!("{}: {} calls", arguments[0], calls.len());
        assert!(calls.len() > 3, "{calls:?}");
        for at in (1 + number % step..=calls.len()).step_by(step) {
            for &way in ways {
                tried += 1;
                match after.one(number, at, way) {
                    Ok(was_stopped) => stopped += usize::from(was_stopped),
                    Err(problem) => {
                        let problem = format!(
                            "{}, {:?} at {}: {problem}",
                            arguments[0],
                            FAULTS[way],
                            calls[at - 1]
                        );
                        println!("{problem}");
                        failed.push(problem);
                    }
                }
            }
        }
    }
    println!("{tried} faults, {stopped} commands stopped");
    assert!(stopped > 0);
    assert!(
        failed.is_empty(),
        "{} of {tried}: {failed:#?}",
        failed.len()
    );
}

/// The power goes at every `step`th call of every command, and after it.
fn cut(step: usize) {
    let mut after = After::new();
    let (mut tried, mut failed) = (0, Vec::new());
    for (number, (arguments, _)) in COMMANDS.iter().enumerate() {
        let calls = after.calls(arguments);
        for at in (1 + number % step..=calls.len())
            .step_by(step)
            .chain([calls.len() + 1])
        {
            for kept in [Kept::Names, Kept::Synced] {
                tried += 1;
                if let Err(problem) = after.cut(number, at, kept) {
                    let call = calls.get(at - 1).map_or("the end", String::as_str);
                    let problem = format!("{}, {kept:?} at {call}: {problem}", arguments[0]);
                    println!("{problem}");
                    failed.push(problem);
                }
            }
        }
    }
    println!("{tried} power cuts");
    assert!(
        failed.is_empty(),
        "{} of {tried}: {failed:#?}",
        failed.len()
    );
}

#[test]
fn what_is_done_after_a_run_survives_a_kill() {
    attack(23, &[0]);
}

#[test]
#[ignore = "`make after-faults`: every call of every command, in four ways"]
fn every_fault_after_a_run() {
    attack(calls().1, &[0, 1, 2, 3]);
}

#[test]
fn what_a_command_after_a_run_reported_survives_a_power_cut() {
    cut(1000);
}

#[test]
#[ignore = "`make after-faults`: the power goes at every call of every command"]
fn every_cut_after_a_run() {
    cut(calls().1);
}
