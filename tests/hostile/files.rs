//! Input files and folders that mean harm, through whole runs.

use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::bench::Bench;
use crate::bombs::bombs;
use crate::common::onnx::{times, with_card};
use crate::common::{dji_frames, write};

#[test]
fn every_bomb_ends_with_a_reason_in_bounded_memory_and_the_good_frames_are_published() {
    let bench = Bench::new();
    bench.good(2);
    let bombs = bombs();
    for (name, bytes, _) in &bombs {
        write(&bench.path("in").join(name), bytes);
    }
    let run = bench.call(&["run", "in", "--out", "out", "--json", "--threads", "2"]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    let outcomes = bench.outcomes();
    for (name, _, allowed) in &bombs {
        let found = outcomes.iter().find(|(file, _)| file == name).unwrap();
        assert!(allowed.contains(&found.1.as_str()), "{name}: {}", found.1);
    }
    let summary = run.summary();
    assert!(
        summary["frames_published"].as_u64() >= Some(2),
        "{}",
        run.out
    );
    // Two workers: two pictures of 16 megapixels as floats, the files, and what the good frames take.
    let peak = summary["peak_rss_bytes"].as_u64().unwrap() >> 20;
    assert!(peak < 1000, "{peak} MiB");
    assert_eq!(bench.call(&["verify", "out"]).code, Some(0));
    let names: Vec<String> = bombs
        .iter()
        .map(|(name, ..)| format!("in/{name}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let inspected = bench.call(&[&["inspect", "--json"][..], &names].concat());
    assert_eq!(inspected.code, Some(3), "{}", inspected.err);
}

#[test]
fn names_that_aim_at_a_terminal_or_lead_elsewhere_do_neither() {
    let bench = Bench::new();
    let frames = dji_frames();
    let folder = bench.path("in");
    let names: [&[u8]; 6] = [
        b"bytes\xff\xfe_T.JPG",
        b"new\nline_T.JPG",
        b"\x1b]0;owned\x07_T.JPG",
        b"=cmd|' _C calc'!A0_T.JPG",
        b"<img src=x onerror=alert(1)>_T.JPG",
        "\u{202e}gpj.a_T.JPG".as_bytes(),
    ];
    for (name, (_, bytes)) in names.iter().zip(&frames) {
        write(&folder.join(std::ffi::OsStr::from_bytes(name)), bytes);
    }
    // Two that cannot be read, so that messages name them.
    write(&folder.join("\u{1b}[2J\u{9b}31m bad_T.JPG"), b"nothing");
    write(&bench.path("elsewhere/secret_T.JPG"), &frames[7].1);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
    link("../elsewhere/secret_T.JPG", "out\u{1b}[31m_T.JPG");
    link("..", "up");
    link("loop_T.JPG", "loop_T.JPG");
    let fifo = std::process::Command::new("mkfifo")
        .arg(folder.join("pipe_T.JPG"))
        .status();
    assert!(fifo.unwrap().success());

    let run = bench.call(&["run", "in", "--out", "out", "-v"]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    let is_aimed =
        |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    for text in [&run.out, &run.err] {
        assert!(!text.contains(is_aimed), "{text:?}");
    }
    let list = fs::read_to_string(bench.path("out/private/frames.jsonl")).unwrap();
    let outcomes: Vec<serde_json::Value> = list
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let published = outcomes
        .iter()
        .filter(|line| line["outcome"] == "published")
        .count();
    assert_eq!(published, names.len(), "{list}");
    assert!(
        !list.contains("secret"),
        "a link out of the folder is no input"
    );
    assert_eq!(bench.call(&["verify", "out"]).code, Some(0));
    let inspected = bench.call(&["inspect", "in/\u{1b}[2J\u{9b}31m bad_T.JPG"]);
    assert!(
        !inspected.err.contains(is_aimed) && !inspected.out.contains(is_aimed),
        "{:?}",
        inspected.err
    );
}

/// Peak memory, in bytes, of a run over so many files of which none is a frame.
fn peak_of_many(count: usize) -> u64 {
    let bench = Bench::new();
    let card = with_card(&bench.path("m"), "nobody", &times(0.0));
    for number in 0..count {
        let name = format!("in/{}/{number}_T.JPG", number % 100);
        write(&bench.path(&name), number.to_string().as_bytes());
    }
    let card = card.display().to_string();
    let run = bench.call(&["run", "in", "--out", "out", "--json", "--model", &card]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    let summary = run.summary();
    assert_eq!(summary["frames_rejected"].as_u64(), Some(count as u64));
    assert_eq!(bench.call(&["verify", "out"]).code, Some(0));
    summary["peak_rss_bytes"].as_u64().unwrap()
}

#[test]
#[ignore = "`make many-files`: minutes of writing small files"]
fn memory_of_many_files_is_that_of_their_names() {
    let count = std::env::var("FILES").map_or(20_000, |count| count.parse().unwrap());
    let (few, many) = (peak_of_many(count / 10), peak_of_many(count));
    let each = many.saturating_sub(few) / (count - count / 10) as u64;
    println!(
        "{count} files: {} MiB at most, {each} bytes a file",
        many >> 20
    );
    // A path, a commitment, a line of each list, all in memory until the end: a million files take 2 GB at most.
    assert!(each < 2_000, "{each} bytes a file");
}
