//! Pictures a second of all networks together, in fp32, on the processor and on an accelerator, by threads that show them pictures of 640 x 512:
//! `HEATVEIL_PROVIDER=cuda HEATVEIL_PROVIDER_SHA256=... HEATVEIL_ONNX_RUNTIME=... HEATVEIL_ONNX_RUNTIME_SHA256=... cargo bench --bench providers`.
//!
//! One thread looks at one picture at a time; what several threads gain on an accelerator, they gain by batches.

#![expect(clippy::unwrap_used, reason = "a bench on made pictures")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod waves;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use heatveil::detect::{self, Choice, Detector, Engine, Precision, Provider};
use heatveil::frame::{FrameId, ModelInput};

const THREADS: [usize; 5] = [1, 2, 4, 8, 16];
const LASTS: Duration = Duration::from_secs(3);

fn main() {
    let env = |name: &str| std::env::var(name).ok();
    let known = [
        Provider::Cpu,
        Provider::Cuda,
        Provider::TensorRt,
        Provider::CoreMl,
        Provider::DirectMl,
    ];
    let name = env("HEATVEIL_PROVIDER").unwrap_or_else(|| Provider::Cpu.name().into());
    let provider = known.into_iter().find(|one| one.name() == name);
    let provider = provider.expect("HEATVEIL_PROVIDER names a provider");
    let library = env("HEATVEIL_ONNX_RUNTIME").map(PathBuf::from);
    let library_sha256 = env("HEATVEIL_ONNX_RUNTIME_SHA256");
    let provider_sha256 = env("HEATVEIL_PROVIDER_SHA256");
    let open = |provider, workers| {
        let choice = Choice {
            cards: &[],
            precision: Some(Precision::Fp32),
            engine: Engine::OnnxRuntime,
            library: library.as_deref(),
            library_sha256: library_sha256.as_deref(),
            provider,
            provider_sha256: provider_sha256.as_deref(),
            workers,
        };
        detect::open(&choice).unwrap()
    };
    let cores = thread::available_parallelism().unwrap().get();
    println!("| networks on | threads | pictures/s |");
    println!("| --- | --- | --- |");
    let mut providers = vec![Provider::Cpu];
    providers.extend((provider != Provider::Cpu).then_some(provider));
    for provider in providers {
        let most = *THREADS.last().unwrap();
        let (detectors, _) = open(provider, most);
        for threads in THREADS.into_iter().filter(|&threads| threads <= cores) {
            // First times prepare for a number of pictures.
            pictures_a_second(&detectors, threads);
            let speed = pictures_a_second(&detectors, threads);
            println!("| {} | {threads} | {speed:.0} |", provider.name());
        }
    }
}

fn pictures_a_second(detectors: &[Box<dyn Detector>], threads: usize) -> f64 {
    let next = AtomicU32::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begun.elapsed() < LASTS {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let picture = waves::picture(640, 512, at as usize % 40);
                    for detector in detectors {
                        let input = ModelInput::from_grey8(&picture, detector.multiple_of());
                        detector.detect(FrameId(at), &input).unwrap();
                    }
                }
            });
        }
    });
    f64::from(next.into_inner()) / begun.elapsed().as_secs_f64()
}
