//! Every single call to the operating system that changes something in the output folder, or reads what lies there, fails once: `make storage-faults`,
//! `make read-faults`.

use std::path::Path;

use crate::bench::{Bench, Faults, Finished, Start, finished, remove, same_map, stderr};
use crate::given;

/// SIGABRT and SIGSEGV (signal(7)).
const FALLS: [i32; 2] = [6, 11];

/// What a disk says, and for how long: it is full, a block is bad once, it became read-only.
const FAULTS: [(&str, &str, &str); 3] = [
    ("ENOSPC", "28", "space"),
    ("EIO", "5", "once"),
    ("EROFS", "30", "all"),
];

/// What a disk says of a file that it took before: of a bad block, and of all that it holds.
const READ_FAULTS: [(&str, &str, &str); 2] = [("EIO", "5", "once"), ("EIO", "5", "all")];

/// A run with nothing but counting: what it leaves, and the calls that change something, or those that read.
pub(crate) fn counted(bench: &mut Bench, own_keys: bool, reads: bool) -> (Finished, Vec<String>) {
    let attempt = bench.attempt("counted");
    let faults = Faults {
        trace: Some(bench.path("trace")),
        reads,
        ..Faults::default()
    };
    let how = Start {
        own_keys,
        faults: Some(&faults),
        ..Start::default()
    };
    let output = bench.run(&attempt, &how);
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        stderr(&output)
    );
    bench.check(&attempt).unwrap();
    let below = attempt.join("out").display().to_string();
    let calls = traced(&bench.path("trace"));
    let calls = calls.iter().map(|line| line.replace(&below, "out"));
    let calls = calls.collect();
    (finished(&attempt.join("out")).unwrap(), calls)
}

/// The calls that `shim.c` counted.
pub(crate) fn traced(trace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(trace).unwrap();
    let is_call = |line: &&str| {
        let kind = line.split('\t').nth(1);
        !["made", "durable-file", "durable-folder"]
            .map(Some)
            .contains(&kind)
    };
    text.lines().filter(is_call).map(str::to_owned).collect()
}

/// Fails those calls that `chosen` picks, by their numbers from 1, in each way.
fn inject(reads: bool, chosen: impl Fn(&[String]) -> Vec<usize>) {
    let mut bench = if reads {
        Bench::given()
    } else {
        Bench::with_shim()
    };
    let (like, calls) = counted(&mut bench, false, reads);
    assert!(calls.len() > 100, "{} calls", calls.len());
    let ways: &[_] = if reads { &READ_FAULTS } else { &FAULTS };
    let mut failed = Vec::new();
    let (mut stopped, mut survived, mut fell) = (0, 0, 0);
    for at in chosen(&calls) {
        for &(name, errno, lasts) in ways {
            match one(&mut bench, &like, at, (errno, lasts), reads) {
                Ok(Ended::Finished) => survived += 1,
                Ok(Ended::Stopped) => stopped += 1,
                // Of the working rasters and their overviews.
                Ok(Ended::Fell)
                    if calls[at - 1].contains("\tout/") && calls[at - 1].contains(".tif") =>
                {
                    println!("{name} ({lasts}) at {}: a library fell", calls[at - 1]);
                    fell += 1;
                }
                other => {
                    let problem = other.map_or_else(|problem| problem, |_| "fell".into());
                    let problem = format!("{name} at {}: {problem}", calls[at - 1]);
                    println!("{problem}");
                    failed.push(problem);
                }
            }
        }
    }
    println!(
        "{} calls: {stopped} runs stopped with a message, {survived} finished all the same, {fell} fell in a library",
        calls.len()
    );
    assert!(stopped > 10 * fell);
    assert!(failed.is_empty(), "{}: {failed:#?}", failed.len());
}

/// What a fault came to.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// Nothing that matters failed.
    Finished,
    /// With a message.
    Stopped,
    /// By a signal: GDAL 3.6 does not stand every read that fails while it writes.
    Fell,
}

/// One fault.
fn one(
    bench: &mut Bench,
    like: &Finished,
    at: usize,
    (errno, lasts): (&str, &'static str),
    reads: bool,
) -> Result<Ended, String> {
    let attempt = bench.attempt("fault");
    let faults = Faults {
        reads,
        fault: Some((at, errno.to_owned(), lasts)),
        ..Faults::default()
    };
    let how = Start {
        faults: Some(&faults),
        ..Start::default()
    };
    let output = bench.run(&attempt, &how);
    let message = stderr(&output);
    let code = output.status.code();
    let survived = matches!(code, Some(0 | 3));
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    // Not by what Rust ends with.
    let fell = reads
        && signal.is_some_and(|signal| FALLS.contains(&signal))
        && !message.contains("panicked");
    let given = bench.path("given");
    // What was given is refused as such.
    let is_refused = code == Some(2) && names(&message, &given);
    if survived {
        let out = attempt.join("out");
        let found = finished(&out).map_err(|problem| format!("exit {code:?}, and {problem}"))?;
        if reads {
            same_map(&found, like, &out)?;
        } else if found != *like {
            return Err(format!("exit {code:?}, and another result"));
        }
    } else if fell {
        // Whoever started the program is told by the shell.
    } else if is_refused {
        // Nothing else is to be told.
    } else if code != Some(1) {
        return Err(format!("exit {code:?} instead of 1: {message}"));
    } else if !message.contains("error: ") || !names(&message, &attempt) && !names(&message, &given)
    {
        return Err(format!("no file is named: {message}"));
    } else if errno == "28" && !message.contains("hint: the disk is full") {
        return Err(format!("no hint that the disk is full: {message}"));
    }
    bench.check(&attempt)?;
    if !survived {
        bench
            .finish(&attempt, false, like)
            .map_err(|problem| format!("{problem}; before: {message}"))?;
    }
    remove(&attempt);
    Ok(match (survived, fell) {
        (true, _) => Ended::Finished,
        (_, true) => Ended::Fell,
        _ => Ended::Stopped,
    })
}

/// Whether an error names something below a folder, or the folder itself, whose names are synced too; what else is said does not count.
fn names(message: &str, folder: &Path) -> bool {
    let folder = folder.display().to_string();
    let mut lines = message.lines();
    lines.any(|line| {
        let is_error = line.starts_with("error: ") || line.starts_with("  caused by: ");
        is_error && line.contains(&folder)
    })
}

/// Number of a call that writes into the working raster of the map, from 1.
fn drawing(calls: &[String]) -> usize {
    let writes =
        |line: &String| line.contains("write") && line.contains("/.work/") && line.contains(".tif");
    let mut all = (1..).zip(calls).filter(|(_, line)| writes(line));
    let count = all.clone().count();
    assert!(count > 2, "{calls:#?}");
    all.nth(count / 2).unwrap().0
}

#[test]
fn a_disk_that_turns_read_only_or_stands_still_in_a_library_ends_the_run_and_it_goes_on() {
    let mut bench = Bench::with_shim();
    let (like, calls) = counted(&mut bench, false, false);
    let at = drawing(&calls);
    for how in [("30", "all"), ("stall", "")] {
        let ended = one(&mut bench, &like, at, how, false);
        assert_eq!(ended, Ok(Ended::Stopped), "{}", calls[at - 1]);
    }
}

/// What libraries say of a write that fails names no file.
#[test]
fn a_write_that_fails_once_in_a_library_is_told_with_its_file() {
    let mut bench = Bench::with_shim();
    let (like, calls) = counted(&mut bench, false, false);
    for file in ["/partial~frames/", ".pmtiles", ".parquet"] {
        let mut writes = (1..).zip(&calls);
        let is_write = |line: &str| line.contains("\twrite\t") && line.contains(file);
        let (at, call) = writes.find(|(_, line)| is_write(line)).unwrap();
        let ended = one(&mut bench, &like, at, ("5", "once"), false);
        assert_eq!(ended, Ok(Ended::Stopped), "{call}");
    }
}

/// Which calls are attacked: the first, and then one in how many (of storage faults those of the kinds in `CALL` alone, as `shim.c` calls them). What several
/// commands did may be added up.
pub(crate) fn calls() -> (usize, usize) {
    let number = |name: &str, otherwise| {
        std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
    };
    (number("FIRST", 1), number("STEP", 10))
}

#[test]
fn a_disk_that_fails_loses_nothing_and_the_message_names_the_file() {
    // A write to the log, and one of GDAL's.
    let logs = |call: &String| call.contains("\twrite\t") && call.contains("/audit/");
    inject(false, |calls| {
        vec![calls.iter().position(logs).unwrap() + 1, drawing(calls)]
    });
}

/// What the run wrote itself and cannot have back: a redacted frame, the map, the log's tree.
#[test]
fn a_disk_that_gives_nothing_back_ends_the_run_and_the_message_names_the_file() {
    let mut bench = Bench::with_shim();
    let (like, calls) = counted(&mut bench, false, true);
    for file in [
        "/.work/frames/",
        "/.work/mosaic.tif",
        "/audit/tile/",
        "/audit/checkpoint",
    ] {
        // GDAL tries some things again, in other ways, so that one failure alone may be nothing.
        let at = calls.iter().position(|call| call.contains(file)).unwrap() + 1;
        let ended = one(&mut bench, &like, at, ("5", "all"), true);
        assert_eq!(ended, Ok(Ended::Stopped), "{}", calls[at - 1]);
    }
}

/// A part of what was given is never taken for the whole: where one read fails, early or late, the run ends, or its map and table are those of all of it.
#[test]
fn what_was_given_is_read_whole_or_not_at_all() {
    let mut bench = Bench::given();
    let (like, calls) = counted(&mut bench, false, true);
    for file in [
        given::OUTLINES,
        given::OPT_OUT,
        "points.dbf",
        given::SURFACE,
    ] {
        let numbered = (1..).zip(&calls).filter(|(_, call)| call.contains(file));
        let reads: Vec<usize> = numbered.map(|(at, _)| at).collect();
        for share in 0..=2 {
            let at = reads[(reads.len() - 1) * share / 2];
            let ended = one(&mut bench, &like, at, ("5", "once"), true);
            let is_well = matches!(ended, Ok(Ended::Finished | Ended::Stopped));
            assert!(is_well, "{}: {ended:?}", calls[at - 1]);
        }
        let last = reads[reads.len() - 1];
        let ended = one(&mut bench, &like, last, ("5", "all"), true);
        assert_eq!(ended, Ok(Ended::Stopped), "{}", calls[last - 1]);
    }
}

#[test]
#[ignore = "`make read-faults`: every tenth call that reads, half an hour"]
fn every_read() {
    let (first, step) = calls();
    inject(true, |calls| (first..=calls.len()).step_by(step).collect());
}

#[test]
#[ignore = "`make storage-faults`: every tenth call, half an hour"]
fn every_fault() {
    let (first, step) = calls();
    let kinds = std::env::var("CALL").ok();
    let is_asked = |call: &String| {
        let kind = call.split('\t').nth(1).unwrap_or_default();
        let kinds = kinds.as_ref();
        kinds.is_none_or(|kinds| kinds.split(' ').any(|asked| asked == kind))
    };
    inject(false, |calls| {
        let all = (first..=calls.len()).step_by(step);
        all.filter(|at| is_asked(&calls[at - 1])).collect()
    });
}
