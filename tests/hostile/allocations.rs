//! How much memory a decoder takes for a file, counted at the allocator: a multiple of the file and of the picture in it, whatever it says.

use std::fs;
use std::path::Path;
use std::process::Command;

use heatveil::frame::FrameId;
use heatveil::ingest::{IngestOptions, decode};
use peak_alloc::PeakAlloc;

use crate::bombs::bombs;
use crate::common::fixture_frames;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Bytes that a decoder may hold at once, the file itself left out, for each byte of the file,
const PER_BYTE: usize = 2;
/// for each pixel of the picture that it gives: 4 that stay, as many while it is read, and 4 for the median of floats,
const PER_PIXEL: usize = 12;
/// and whatever the file is: lists of strips, packets of tags, inflated text.
const MORE: usize = 4 << 20;

/// Starts this program again for it, because what other tests allocate at the same time would be counted too.
#[test]
fn no_file_makes_a_decoder_allocate_more_than_a_multiple_of_itself() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "allocations::child", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    println!("{said}");
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

#[test]
#[ignore = "what the other test starts in a process of its own"]
fn child() {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(fixture_frames())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    let honest = files.len();
    files.extend(
        bombs()
            .into_iter()
            .map(|(name, bytes, _)| (name.to_owned(), bytes)),
    );
    let (mut decoded, mut over) = (0, Vec::new());
    for (number, (name, bytes)) in files.iter().enumerate() {
        ALLOCATED.reset_peak_usage();
        let before = ALLOCATED.current_usage();
        let frame = decode(
            FrameId(0),
            Path::new(name),
            bytes,
            &IngestOptions::default(),
        );
        let taken = ALLOCATED.peak_usage() - before;
        let pixels = frame
            .as_ref()
            .map_or(0, |frame| frame.shape().0 * frame.shape().1);
        decoded += usize::from(frame.is_ok() && number < honest);
        // 2 bytes a pixel at least: the counter counts.
        assert!(taken >= 2 * pixels, "{name}: {taken}");
        let allowed = PER_BYTE * bytes.len() + PER_PIXEL * pixels + MORE;
        println!(
            "{name}: {taken} of {allowed} bytes, file {}, {pixels} pixels",
            bytes.len()
        );
        if taken > allowed {
            over.push(format!("{name}: {taken} > {allowed}"));
        }
    }
    assert!(decoded > 5, "{decoded} of {honest} honest files are frames");
    assert!(over.is_empty(), "{over:#?}");
}
