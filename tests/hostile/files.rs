//! Input files and folders that mean harm, through whole runs.

use std::fs;
use std::os::unix::ffi::OsStrExt;

use heatveil::audit::keygen;

use crate::bench::{Bench, lengthen};
use crate::bombs::bombs;
use crate::common::onnx::{times, with_card};
use crate::common::{dji_frames, files, write};
use crate::folders::finished;

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

    // With homes, so that there are pages.
    let outlines = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/flight/truth/buildings.geojson"
    );
    let settings = format!(
        "[weather]\nair-celsius = 2\nwind-m-s = 1\n[tiles]\nkeep-frames = true\n[buildings]\nfootprints = '{outlines}'"
    );
    write(&bench.path("heatveil.toml"), settings.as_bytes());
    let arguments = [
        "run",
        "in",
        "--out",
        "out",
        "-v",
        "--config",
        "heatveil.toml",
    ];
    let run = bench.call(&arguments);
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
    are_handed_on_nowhere(&bench);
}

/// Of the names in the test above, what stands as it is in HTML, JSON, addresses and what a terminal is shown, however the rest is escaped.
const PARTS: [&str; 8] = [
    "_T.JPG",
    "bytes\u{fffd}",
    "line_T",
    "owned",
    "calc",
    "onerror",
    "alert",
    "gpj.a",
];

/// No name of an input is in what a run, `report` and `pages` make for others.
fn are_handed_on_nowhere(bench: &Bench) {
    for command in [&["report", "out"][..], &["pages", "out", "--out", "pages"]] {
        let made = bench.call(command);
        assert_eq!(made.code, Some(0), "{command:?}: {}", made.err);
        let said = made.out + &made.err;
        let told = PARTS.iter().find(|part| said.contains(**part));
        assert_eq!(told, None, "{command:?}: {said}");
    }
    let (mut run, pages) = (files(&bench.path("out")), files(&bench.path("pages")));
    let lies = |path: &str| run.iter().any(|(file, _)| file.starts_with(path));
    assert!(lies("report") && lies("frames") && lies("buildings") && pages.len() > 2);
    let list = fs::read_to_string(bench.path("out/private/frames.jsonl")).unwrap();
    assert!(PARTS.iter().all(|part| list.contains(part)), "{list}");
    run.retain(|(path, _)| !path.starts_with("private"));
    for (path, bytes) in run.into_iter().chain(pages) {
        let mut text = path.to_string_lossy().into_owned();
        text.push_str(&String::from_utf8_lossy(&bytes));
        let told = PARTS.iter().find(|part| text.contains(**part));
        assert_eq!(told, None, "{}", path.display());
    }
}

#[test]
fn labels_and_proposals_without_an_end_are_refused() {
    let bench = finished();
    write(
        &bench.path("jo.key"),
        keygen("jo").unwrap().signer.as_bytes(),
    );
    write(&bench.path("endless.json"), b"");
    lengthen(&bench.path("endless.json"), 1 << 40);
    for (file, why) in [
        ("endless.json", "longer than"),
        ("/dev/zero", "not a plain file"),
    ] {
        for command in [
            &["eval", "--data", file, "--images", "in"][..],
            &["review", "out", "countersign", file, "--key", "jo.key"],
        ] {
            let refused = bench.call(command);
            let err = &refused.err[..refused.err.len().min(600)];
            assert_eq!(refused.code, Some(2), "{command:?}: {err}");
            assert!(err.contains(file) && err.contains(why), "{err}");
        }
    }
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
