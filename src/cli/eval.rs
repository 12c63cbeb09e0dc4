//! `heatveil eval`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::print::{answer, tell};
use super::{Exit, Global};
use crate::Error;
use crate::config::{Args, DetectArgs, Precision};
use crate::detect::{Choice, Provider, WarmSpots, open};
use crate::eval::{Evaluation, Labels, read_scenes};
use crate::store::{self, Existing};
use crate::units::Metres;

/// Arguments of `heatveil eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    heatveil eval --data practice/truth/coco.json --images practice/frames --json")]
pub(super) struct EvalCommand {
    /// Card of a model; repeat for more [default: those that are built in]
    #[arg(short, long, value_name = "CARD")]
    model: Vec<PathBuf>,
    /// Labels in the COCO format
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Folder of the pictures that the labels name
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Write the answer to a file too
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write every find to a file, as COCO results
    #[arg(long, value_name = "FILE")]
    detections: Option<PathBuf>,
    /// Scenes by file name, a JSON object [default: told by names and folders]
    #[arg(long, value_name = "FILE")]
    scenes: Option<PathBuf>,
    /// Metres per pixel of pictures that carry no geometry
    #[arg(long, value_name = "METRES", value_parser = metres)]
    ground_resolution: Option<Metres>,
    /// Which of a card's files to take [default: what the card says]
    #[arg(long, value_name = "WHICH")]
    precision: Option<Precision>,
    /// Library of ONNX Runtime
    #[arg(long, value_name = "FILE", env = "HEATVEIL_ONNX_RUNTIME")]
    onnx_runtime: Option<PathBuf>,
    /// Its SHA-256, where it is another than this version was tested with
    #[arg(long, value_name = "HEX", env = "HEATVEIL_ONNX_RUNTIME_SHA256")]
    onnx_runtime_sha256: Option<String>,
    /// What ONNX Runtime computes on [default: cpu]
    #[arg(long, value_name = "PROVIDER", env = "HEATVEIL_PROVIDER")]
    provider: Option<Provider>,
    /// SHA-256 of the library of that provider
    #[arg(long, value_name = "HEX", env = "HEATVEIL_PROVIDER_SHA256")]
    provider_sha256: Option<String>,
    /// Threads [default: one per core]
    #[arg(short, long, value_name = "N", env = "HEATVEIL_THREADS")]
    threads: Option<NonZeroUsize>,
    /// Replace what --out and --detections name
    #[arg(long)]
    overwrite: bool,
}

impl EvalCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let config = Args {
            detect: DetectArgs {
                precision: self.precision,
                onnx_runtime: self.onnx_runtime,
                onnx_runtime_sha256: self.onnx_runtime_sha256,
                provider: self.provider,
                provider_sha256: self.provider_sha256,
                ..DetectArgs::default()
            },
            ..Args::default()
        }
        .resolve()?;
        let existing = if self.overwrite {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        for path in self.out.iter().chain(&self.detections) {
            store::check_free(path, existing)?;
        }
        let labels = Labels::read(&self.data)?;
        let scenes = match &self.scenes {
            Some(path) => read_scenes(path)?,
            None => BTreeMap::new(),
        };
        let threads = self
            .threads
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN);
        let (detectors, _) = open(&Choice {
            cards: &self.model,
            ..config.detect.choice(threads.get())
        })?;
        let report = Evaluation {
            labels: &labels,
            images: &self.images,
            scenes: &scenes,
            ground_resolution: self.ground_resolution,
            detectors: &detectors,
            warm_spots: &WarmSpots::new(&config.detect.warm_spots.unwrap_or_default()),
            carry: &config.detect.carry.unwrap_or_default(),
            redact: &config.redact,
            threads,
        }
        .measure(|error| tell(&format!("error: {error}")))?;
        if let Some(path) = &self.out {
            store::write_file(path, &report, existing)?;
        }
        if let Some(path) = &self.detections {
            store::write_file(path, report.results(), existing)?;
        }
        answer(&if global.json {
            report.to_json()
        } else {
            report.in_words()
        });
        Ok(match (report.frames(), report.failed()) {
            (0, _) => Exit::Failed,
            (_, 0) => Exit::Done,
            _ => Exit::Partial,
        })
    }
}

/// A length that a pixel may have.
fn metres(text: &str) -> Result<Metres, String> {
    match text.parse() {
        Ok(metres) if (0.001..=10.0).contains(&metres) => Ok(Metres(metres)),
        _ => Err("metres per pixel from 0.001 to 10 are possible".into()),
    }
}
