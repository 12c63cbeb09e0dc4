//! The real program in a folder of its own, with bounded memory and time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{self, good_frames, onnx_runtime};

/// KiB of address space that a call may have; libraries, threads and the good frames fit in, a bomb does not.
const ADDRESSES: u64 = 3 << 20;
/// Seconds of processor time: a call that goes round in a circle is killed.
const SECONDS: u64 = 240;

pub(crate) struct Bench(tempfile::TempDir);

/// What a call answered.
pub(crate) struct Answer {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Answer {
    /// The last line of a run's JSON answer.
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap_or_default()).expect(&self.err)
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A call of the program with nothing done yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        let limits = format!("ulimit -v {ADDRESSES}; ulimit -t {SECONDS}; exec \"$0\" \"$@\"");
        command
            .args(["-c", &limits, env!("CARGO_BIN_EXE_heatveil")])
            .args(arguments)
            .current_dir(self.0.path())
            .env("ORT_DYLIB_PATH", onnx_runtime())
            .env("SOURCE_DATE_EPOCH", "1768516200")
            .env_remove("RUST_LOG");
        command
    }

    /// Calls the program in the folder of the test.
    pub(crate) fn call(&self, arguments: &[&str]) -> Answer {
        self.command(arguments).output().unwrap().into()
    }

    /// Writes `count` good frames into `in/`.
    pub(crate) fn good(&self, count: usize) {
        good_frames(&self.path("in"), count);
    }

    /// Outcome, or the reason where it was not published, by file name, from the operator's list.
    pub(crate) fn outcomes(&self) -> Vec<(String, String)> {
        common::outcomes(&self.path("out"))
    }
}

/// Makes a file longer, without its bytes.
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
pub(crate) fn lengthen(path: &Path, len: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(len).unwrap();
}
