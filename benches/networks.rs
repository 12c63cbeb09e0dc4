//! One look of each network in int8 and fp32, taking turns in one process on one thread:
//! `cargo bench --bench networks`, or `-- CARD.toml...` for other models.
//!
//! The figure to quote is the ratio: it hardly depends on what else the machine does.

#![expect(clippy::unwrap_used, reason = "a bench on committed inputs")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod waves;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use heatveil::detect::{DetectError, Detector, Model, Onnx, Precision, Runtime, runtime_library};
use heatveil::frame::{FrameId, ModelInput};

const ROUNDS: usize = 40;
const SIZES: [(usize, usize); 2] = [(640, 512), (1280, 1024)];

fn main() {
    let given = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let cards: Vec<PathBuf> = given.map(PathBuf::from).collect();
    let library = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = library.join(".setup/onnxruntime/libonnxruntime.so");
    let runtime = Runtime::load(&runtime_library(Some(&library)), None).unwrap();
    println!(
        "{}, one thread, {ROUNDS} rounds in turn; median (lowest)",
        runtime.version()
    );
    println!("| model | picture | fp32 ms | int8 ms | int8 / fp32 (middle half of the rounds) |");
    println!("| --- | --- | --- | --- | --- |");
    let open = |precision| models(&cards, precision).map(|models| detectors(runtime, models));
    let fp32 = open(Precision::Fp32).unwrap();
    match open(Precision::Int8) {
        Ok(int8) => {
            for (fp32, int8) in fp32.iter().zip(&int8) {
                for size in SIZES {
                    compare(fp32, int8, size);
                }
            }
        }
        Err(error) => println!("no int8: {error}"),
    }
}

fn models(cards: &[PathBuf], precision: Precision) -> Result<Vec<Model>, DetectError> {
    if cards.is_empty() {
        return Model::embedded(Some(precision));
    }
    let load = |card: &PathBuf| Model::load(card, Some(precision));
    cards.iter().map(load).collect()
}

fn detectors(runtime: Runtime, models: Vec<Model>) -> Vec<Onnx> {
    let open = |model| Onnx::new(runtime, model, 1).unwrap();
    models.into_iter().map(open).collect()
}

fn compare(fp32: &Onnx, int8: &Onnx, (width, height): (usize, usize)) {
    let picture = waves::picture(width, height, 0);
    let look = |detector: &Onnx| {
        let input = ModelInput::from_grey8(&picture, detector.multiple_of());
        let started = Instant::now();
        black_box(detector.detect(FrameId(0), &input).unwrap());
        started.elapsed()
    };
    look(fp32);
    look(int8);
    let (mut slow, mut fast, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (a, b) = (look(fp32), look(int8));
        slow.push(a);
        fast.push(b);
        ratios.push(b.as_secs_f64() / a.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "| {} | {width}x{height} | {} | {} | {:.2} ({:.2} to {:.2}) |",
        fp32.card().card().name,
        milliseconds(&mut slow),
        milliseconds(&mut fast),
        ratios[ROUNDS / 2],
        ratios[ROUNDS / 4],
        ratios[ROUNDS * 3 / 4],
    );
}

fn milliseconds(times: &mut [Duration]) -> String {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    format!("{:.1} ({:.1})", ms(times[ROUNDS / 2]), ms(times[0]))
}
