//! Files to temperatures, and to float TIFF, for `benches/peers/decoders.py`: `cargo bench --bench decode -- --what calibrate --threads 1 FILE...`
//! prints the seconds for all files, reading included.
//!
//! `tiff` is the way of a frame under `--keep-frames` but for networks and self-check, of which other programs have none: nothing is found, so nothing
//! is masked.

#![expect(
    clippy::unwrap_used,
    reason = "a bench on files that are known to be good"
)]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use heatveil::detect::{Detector, Scripted};
use heatveil::frame::{Attitude, Calibrated, Calibration, Frame, FrameId, Radiometry};
use heatveil::georef::{CameraOverrides, View, locate};
use heatveil::ingest::{self, IngestOptions, Limits};
use heatveil::radiometry;
use heatveil::redact::{RedactConfig, mask};
use heatveil::store::FileArtifact;
use heatveil::tiles::KeptFrame;
use heatveil::units::{Degrees, Metres};
use rayon::prelude::*;

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut what, mut threads, mut out, mut files) = (String::new(), 1, None, Vec::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "--what" => what = words.next().unwrap(),
            "--threads" => threads = words.next().unwrap().parse().unwrap(),
            "--out" => out = words.next().map(PathBuf::from),
            file => files.push(PathBuf::from(file)),
        }
    }
    let is_known = ["calibrate", "tiff"].contains(&what.as_str());
    if files.is_empty() || !is_known {
        println!("give --what calibrate or tiff, and files: see benches/peers/decoders.py");
        return;
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let started = Instant::now();
    let pixels: usize = pool.install(|| {
        let numbered = files.par_iter().enumerate();
        let done = numbered.map(|(number, file)| {
            let id = FrameId(u32::try_from(number).unwrap());
            let frame = calibrated(id, file);
            if what == "tiff" {
                write(frame, out.as_deref().unwrap(), number)
            } else {
                frame.shape().0 * frame.shape().1
            }
        });
        done.sum()
    });
    println!("{} {pixels}", started.elapsed().as_secs_f64());
}

fn calibrated(id: FrameId, file: &Path) -> Frame<Calibrated> {
    let opened = ingest::open(file, &Limits::default(), None).unwrap();
    let raw = ingest::decode(id, file, &opened.bytes, &IngestOptions::default()).unwrap();
    let table = table(&raw.meta().radiometry);
    raw.calibrate(&table).unwrap()
}

/// As a run does: a flight has one set of constants, so the last table is kept.
fn table(radiometry: &Radiometry) -> Arc<Calibration> {
    static KEPT: Mutex<Option<(Radiometry, Arc<Calibration>)>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap();
    match &*kept {
        Some((known, table)) if known == radiometry => Arc::clone(table),
        _ => {
            let table = Arc::new(radiometry::calibration(radiometry));
            *kept = Some((*radiometry, Arc::clone(&table)));
            table
        }
    }
}

fn write(frame: Frame<Calibrated>, out: &Path, number: usize) -> usize {
    let (id, shape) = (frame.id(), frame.shape());
    // No model looks: an empty script, so that the kernel lets an unmasked frame through.
    let looks = [Scripted::default()
        .detect(id, &frame.model_input(1))
        .unwrap()];
    let hidden = mask(
        id,
        shape,
        &looks,
        &[],
        Metres(0.1),
        &RedactConfig::default(),
    )
    .unwrap();
    let located = locate(frame.meta(), &CameraOverrides::default()).unwrap();
    let position = located.position();
    let down = Attitude {
        yaw: Degrees(0.0),
        pitch: Degrees(-90.0),
        roll: Degrees(0.0),
    };
    let view = View::new(*located.camera(), (0.0, 0.0), Metres(60.0), down);
    let redacted = frame.redact(&hidden).unwrap();
    let kept = KeptFrame {
        celsius: redacted.celsius(),
        view: &view,
        place: (position.longitude.0, position.latitude.0),
    };
    kept.write(&out.join(format!("{number:08}.tif"))).unwrap();
    shape.0 * shape.1
}
