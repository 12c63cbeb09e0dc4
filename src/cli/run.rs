//! `heatveil run`.

use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::print::{answer, tell};
use super::{Exit, Global, progress};
use crate::Error;
use crate::config::Args;
use crate::detect::open;
use crate::frame::FrameId;
use crate::run::{FrameLine, Outcome, Preview, Progress, Run, RunError, Summary, check_apart};
use crate::store::Existing;

/// Arguments of `heatveil run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil run flight/ --out tonight\n  \
    heatveil run flight/ --out tonight --resume\n  \
    find . -name '*_T.JPG' | heatveil run - --out tonight --config heatveil.toml")]
pub(super) struct RunCommand {
    /// Thermal frames: files, folders, or - for a list of paths on stdin
    ///
    /// However they are given, they are numbered by folder, then by name, numbers in names by their value.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for tiles, log and summary
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Settings (see `heatveil config init`); flags win over the file
    #[arg(short, long, value_name = "FILE", env = "HEATVEIL_CONFIG")]
    config: Option<PathBuf>,
    /// Threads [default: one per core]
    #[arg(short, long, value_name = "N", env = "HEATVEIL_THREADS")]
    threads: Option<NonZeroUsize>,
    /// Look at the inputs and settings, say what would be done, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on with an interrupted run of the same inputs and settings
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Follow what people decided about an earlier run of the same inputs and settings (`heatveil review`)
    #[arg(long, value_name = "DIR")]
    reviewed: Option<PathBuf>,
    /// Replace what an earlier run wrote into the folder
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    settings: Args,
}

impl RunCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        if self.overwrite {
            check_apart(self.config.as_slice(), &self.out)?;
        }
        let settings = self.settings.over(self.config.as_deref())?;
        let run = Run {
            inputs: inputs(&self.inputs)?,
            reviewed: self.reviewed,
            existing: match (self.resume, self.overwrite) {
                (true, _) => Existing::Keep,
                (_, true) => Existing::Replace,
                _ => Existing::Refuse,
            },
            ..prepare(settings, self.threads, self.out)?
        };
        if self.dry_run {
            show_preview(&run.preview()?, global);
            return Ok(Exit::Done);
        }
        match run.execute(&mut Teller::new(global)) {
            Ok(summary) => Ok(show(&summary, &run.out, global)),
            Err(RunError::Interrupted { done, total }) => {
                tell(&format!(
                    "interrupted after {done} of {total} frames; go on with --resume"
                ));
                Ok(Exit::Interrupted)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A run with these settings and the detectors that they name, without inputs.
pub(super) fn prepare(
    settings: Args,
    threads: Option<NonZeroUsize>,
    out: PathBuf,
) -> Result<Run, Error> {
    let config = settings.resolve()?;
    let threads = threads
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN);
    let (detectors, runtime) = open(&config.detect.choice(threads.get()))?;
    Ok(Run {
        inputs: Vec::new(),
        out,
        config,
        detectors,
        reviewed: None,
        existing: Existing::Refuse,
        threads,
        now: now(),
        runtime,
        interrupted: interrupted(),
        hung: super::leave::hung,
    })
}

/// Answers with what was done; its exit code.
pub(super) fn show(summary: &Summary, out: &Path, global: &Global) -> Exit {
    if global.json {
        answer(&serde_json::to_string(summary).unwrap_or_default());
    } else {
        answer(&summary.in_words(out));
    }
    if summary.is_complete() {
        Exit::Done
    } else {
        Exit::Partial
    }
}

/// The inputs with `-` replaced by the paths on stdin, one a line.
pub(super) fn inputs(given: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut inputs = Vec::new();
    for path in given {
        if path.as_os_str() != "-" {
            inputs.push(path.clone());
            continue;
        }
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|source| Error::Input {
                path: "-".into(),
                source,
            })?;
            if !line.trim().is_empty() {
                inputs.push(PathBuf::from(line.trim_end_matches('\r')));
            }
        }
    }
    Ok(inputs)
}

/// The run's time in seconds since 1970: `SOURCE_DATE_EPOCH` where set, else the clock.
pub(super) fn now() -> i64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse().ok());
    fixed.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since
            .ok()
            .and_then(|since| i64::try_from(since.as_secs()).ok())
            .unwrap_or_default()
    })
}

/// Becomes true on the first Ctrl-C or termination signal; the second one ends the program at once, which a
/// run survives (`--resume`).
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raise = Arc::clone(&flag);
    if let Err(error) = ctrlc::set_handler(move || {
        if raise.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
    }) {
        tracing::warn!("Ctrl-C will stop the run without a checkpoint: {error}");
    }
    flag
}

fn show_preview(preview: &Preview, global: &Global) {
    if global.json {
        answer(&serde_json::to_string(preview).unwrap_or_default());
    } else {
        answer(&preview.in_words());
    }
}

/// Adds the JSON line of each frame on stdout.
pub(super) struct Teller {
    json: bool,
    inner: Box<dyn Progress>,
}

impl Teller {
    pub(super) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            inner: progress::choose(global.progress, global.quiet),
        }
    }
}

impl Progress for Teller {
    fn stage(&mut self, name: &'static str, total: usize) {
        self.inner.stage(name, total);
    }

    fn frame(&mut self, id: FrameId, file: &Path, outcome: &Outcome) {
        if self.json {
            let line = FrameLine::new(id, file, outcome);
            if let Ok(serde_json::Value::Object(mut object)) = serde_json::to_value(line) {
                object.insert("message_type".into(), "frame".into());
                answer(&serde_json::Value::Object(object).to_string());
            }
        }
        self.inner.frame(id, file, outcome);
    }

    fn step(&mut self) {
        self.inner.step();
    }

    fn note(&mut self, text: &str) {
        self.inner.note(text);
    }
}
