//! SIGKILL at random instants: `make kill-loop`.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Finished, OUTCOMES, Start, finished, remove, stderr};
use crate::canary::{CANARY_CELSIUS, shows_person};
use crate::common::{files, outcomes};

/// What became of the kills.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    /// Runs that were faster than their killer.
    missed: usize,
    /// Kills before the log had an entry, with frames done, with a file under its final name, with the run closed.
    nothing: usize,
    frames: usize,
    published: usize,
    closed: usize,
}

/// Numbers that look like chance (`SplitMix64`: Steele, Lea and Flood 2014, section 5).
struct Chance(u64);

impl Chance {
    /// A share of 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits at most")]
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A run that nothing stops: what it leaves, and how long it takes.
fn reference(bench: &mut Bench, own_keys: bool) -> (Finished, Duration) {
    let attempt = bench.attempt(if own_keys { "whole-own" } else { "whole" });
    let begun = Instant::now();
    let how = Start {
        own_keys,
        ..Start::default()
    };
    let output = bench.run(&attempt, &how);
    let took = begun.elapsed();
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        stderr(&output)
    );
    bench.check(&attempt).unwrap();
    let found = finished(&attempt.join("out")).unwrap();
    let expected = OUTCOMES.map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&attempt.join("out")), expected);
    // In all, published, withheld, rejected.
    assert_eq!(found.counts, [6, 4, 1, 1]);
    assert!(found.files.len() > 20, "{:?}", found.files.keys());
    (found, took)
}

fn kill_loop(mut bench: Bench, kills: usize) {
    let references = [false, true].map(|own_keys| reference(&mut bench, own_keys));
    let longest = references[0].1.max(references[1].1);
    let mut chance = Chance(20_261_125);
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for number in 0.. {
        if tally.kills >= kills {
            break;
        }
        let own_keys = number % 2 == 1;
        let like = &references[usize::from(own_keys)].0;
        let attempt = bench.attempt("killed");
        let mut how = Start {
            own_keys,
            ..Start::default()
        };
        // A third of them is killed again while it goes on.
        for round in 0..3 {
            let mut child = bench.start(&attempt, &how);
            std::thread::sleep(longest.mul_f64(chance.share() * 1.02));
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            if output.status.signal() == Some(9) {
                tally.kills += 1;
            } else {
                tally.missed += 1;
            }
            if let Err(problem) = bench.check(&attempt) {
                failed.push(format!("{number}, kill {round}: {problem}"));
            }
            how.resume = attempt.join("out").exists();
            if chance.share() > 1.0 / 3.0 {
                break;
            }
        }
        tally.see(
            &std::fs::read_to_string(attempt.join("out/audit/entries.jsonl")).unwrap_or_default(),
        );
        if let Err(problem) = bench.finish(&attempt, own_keys, like) {
            failed.push(format!("{number}: {problem}"));
        }
        remove(&attempt);
        if number % 20 == 19 {
            println!("{} kills so far, {} problems", tally.kills, failed.len());
        }
    }
    println!("{kills} kills of runs of {longest:?}: {tally:?}");
    assert!(
        failed.is_empty(),
        "{} of {kills}: {failed:#?}",
        failed.len()
    );
}

impl Tally {
    fn see(&mut self, log: &str) {
        let place = if log.contains("run.closed") {
            &mut self.closed
        } else if log.contains("tile.emitted") {
            &mut self.published
        } else if log.contains("run.opened") {
            &mut self.frames
        } else {
            &mut self.nothing
        };
        *place += 1;
    }
}

/// About two seconds of one core for each kill. The built-in networks would take most of a run's time: they look in the long loop.
#[test]
fn a_run_that_is_killed_at_any_instant_leaks_nothing_and_is_completed() {
    kill_loop(Bench::blind(), 60);
}

#[test]
#[ignore = "`make kill-loop`: 1,000 kills take an hour"]
fn kills() {
    let wanted = std::env::var("KILLS").map_or(1000, |number| number.parse().unwrap());
    kill_loop(Bench::new(), wanted);
}

#[test]
fn the_search_would_find_the_person() {
    let mut bench = Bench::blind();
    let attempt = bench.attempt("control");
    let (found, _) = reference(&mut bench, false);
    assert!(!found.files.is_empty());
    let all = files(&bench.path("in"));
    let shown = all.iter().filter(|(name, bytes)| shows_person(name, bytes));
    assert_eq!(
        (shown.count(), all.len()),
        (4, 6),
        "three frames and the one that is none"
    );
    let planted = CANARY_CELSIUS.to_le_bytes();
    crate::common::write(&attempt.join("out/.work/frames/00000000.f32"), &planted);
    assert!(bench.check(&attempt).is_err());
}

/// Otherwise that nothing shows the person would tell nothing.
#[test]
fn the_search_finds_the_person_in_each_kind_of_file_of_a_run_that_masks_nothing() {
    let bench = Bench::unmasked();
    let attempt = bench.attempt("unmasked");
    let output = bench.run(&attempt, &Start::default());
    assert!(output.status.success(), "{}", stderr(&output));
    let mut shown = files(&attempt.join("out"));
    shown.retain(|(path, bytes)| shows_person(&attempt.join("out").join(path), bytes));
    let shown = |start: &str, end: &str| {
        let is_it = |name: &str| name.starts_with(start) && name.ends_with(end);
        shown.iter().any(|(path, _)| is_it(&path.to_string_lossy()))
    };
    let kinds = [
        ("frames/", ".tif"),
        ("tiles/temperature.tif", ""),
        ("tiles/temperature.pmtiles", ""),
        ("tiles/temperature.mbtiles", ""),
        ("tiles/temperature/", ".png"),
    ];
    for (start, end) in kinds {
        assert!(shown(start, end), "{start}*{end}");
    }
}
