//! A question about one home in a log of a million entries (200,000 frames): `cargo bench --bench query`.
//!
//! The log and the footprints are made up: lines of frames 20 m apart, each of which sees 42 m by 34 m, three looks a frame. Alone in turn: making the index, opening it,
//! then 200 polygons of 12 m by 12 m over the whole survey, each answered from the open index.

#![expect(clippy::unwrap_used, reason = "a bench on made-up inputs")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench prepares its own inputs")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use heatveil::answers::{Answer, Index, Places, Question};
use heatveil::units::Metres;

const FRAMES: u32 = 200_000;
const ENTRIES_A_FRAME: u32 = 5;
/// Frames in a line of the flight.
const LINE: u32 = 500;
const QUESTIONS: u32 = 200;
/// Degrees of 20 m east and north at 54.6 N.
const STEP: (f64, f64) = (3.1e-4, 1.8e-4);
const ORIGIN: (f64, f64) = (-2.5, 54.6);

fn place(frame: u32) -> (f64, f64) {
    let (column, row) = (f64::from(frame % LINE), f64::from(frame / LINE));
    (ORIGIN.0 + column * STEP.0, ORIGIN.1 + row * STEP.1)
}

fn write(folder: &Path) {
    let hash = "5a".repeat(32);
    let (mut log, mut list) = (String::new(), String::new());
    for frame in 0..FRAMES {
        let look = |line: &str| {
            format!(
                "{{\"found\":[{{\"box\":[312,96,321,118],\"class\":\"person\",\"score\":874,\"sure\":true}}],\"frame\":{frame},{line},\"round\":0,\"type\":\"frame.detected\"}}\n"
            )
        };
        writeln!(log, "{{\"bytes\":1048576,\"camera\":\"DJI M3T\",\"commitment\":\"{hash}\",\"format\":\"dji-rjpeg\",\"frame\":{frame},\"type\":\"frame.ingested\"}}").unwrap();
        log += &look("\"line\":\"model\",\"model\":\"person-vehicle-bicycle\"");
        log += &look("\"line\":\"model\",\"model\":\"window\"");
        log += &look("\"line\":\"warm-spots\"");
        writeln!(log, "{{\"frame\":{frame},\"grid_px\":4,\"mask_sha256\":\"{hash}\",\"masked_pixels\":768,\"output_sha256\":\"{hash}\",\"padding_mm\":500,\"policies\":[{{\"class\":\"person\",\"policy\":\"nodata\"}}],\"self_check\":{{\"found\":0,\"rounds\":0}},\"type\":\"frame.masked\"}}").unwrap();
        let (x, y) = place(frame);
        let (west, east, south, north) = (x - 3.3e-4, x + 3.3e-4, y - 1.5e-4, y + 1.5e-4);
        writeln!(list, "{{\"frame\":{frame},\"camera\":\"DJI M3T\",\"at\":{},\"placed_by\":\"map\",\"outlines\":[[[{west:.7},{south:.7}],[{east:.7},{south:.7}],[{east:.7},{north:.7}],[{west:.7},{north:.7}]]]}}", 1_768_516_200 + i64::from(frame)).unwrap();
    }
    for (path, text) in [
        ("audit/entries.jsonl", log),
        ("private/footprints.jsonl", list),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn ask(index: &Index, number: u32) -> Answer {
    let (x, y) = place(number * (FRAMES / QUESTIONS) + 77);
    let (longitude, latitude) = index.centre().unwrap();
    let mut places = Places::near(longitude, latitude, Metres(5.0)).unwrap();
    let file = format!("/vsimem/{number}.geojson");
    let polygon = format!(
        "{{\"type\":\"Polygon\",\"coordinates\":[[[{x},{y}],[{},{y}],[{},{}],[{x},{}],[{x},{y}]]]}}",
        x + 1.9e-4,
        x + 1.9e-4,
        y + 1.1e-4,
        y + 1.1e-4
    );
    gdal::vsi::create_mem_file(&file, polygon.into_bytes()).unwrap();
    places.add_outlines(Path::new(&file)).unwrap();
    gdal::vsi::unlink_mem_file(&file).unwrap();
    let question = Question {
        places: Some(places),
        ..Question::default()
    };
    Answer::find(index, &question).unwrap()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let root = "00".repeat(32);
    let timed = |what: &str| {
        let started = Instant::now();
        let index = Index::open(folder.path(), &root).unwrap();
        println!("{what}: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
        index
    };
    println!("{} entries, {FRAMES} frames", FRAMES * ENTRIES_A_FRAME);
    drop(timed("make the index"));
    let index = timed("open the index");
    let (mut took, mut seen) = (Vec::new(), 0);
    for number in 0..QUESTIONS {
        let started = Instant::now();
        let answer = ask(&index, number);
        took.push(started.elapsed().as_secs_f64() * 1e3);
        assert!(answer.frames.len() > 3, "{number}: {}", answer.frames.len());
        seen += answer.frames.len();
    }
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took[percent * (took.len() - 1) / 100];
    println!(
        "{QUESTIONS} polygons, {seen} frames found: median {:.2} ms, 95 % {:.2} ms, highest {:.2} ms",
        at(50),
        at(95),
        at(100)
    );
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "peak memory, the making of the log included: {}",
        peak.unwrap_or_default()
    );
}
