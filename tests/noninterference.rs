//! Whatever stands under masks changes no published byte: random finds, policies and pixels through the whole pipeline, with overlapping frames that
//! refine each other's poses and temperatures. Of a region under `mean`, nothing but its mean counts.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::format_push_string,
    reason = "test code: helpers unwrap, and the counts are the result"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use heatveil::audit::{Entry, VerifyOptions, verify};
use heatveil::detect::{Class, Detection, Scripted};
use heatveil::frame::FrameId;
use heatveil::report::{ReportOptions, compose};
use heatveil::run::{Run, Silent};
use heatveil::store::Existing;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::common::{self, dji_frames, files, find, raw_offsets, write, write_keys};

/// Frames of the flight.
const FRAMES: u32 = 4;
/// Cells of a frame, each of which may hold one find: padding and grid do not reach from one into the next.
const CELL: usize = 64;
const CELLS: (usize, usize) = (10, 8);

/// A find: frame, cell, class, columns and rows.
#[derive(Debug, Clone, Copy)]
struct Find {
    frame: u32,
    cell: usize,
    class: Class,
    size: (usize, usize),
    /// How many columns further right somebody stands whom the self-check alone sees.
    late: Option<usize>,
}

/// One case: finds, which classes become means, and what to make of the pixels.
#[derive(Debug, Clone)]
struct Case {
    finds: Vec<Find>,
    means: [bool; 4],
    seed: u64,
    buildings: bool,
    walls: bool,
}

const CLASSES: [(Class, &str); 4] = [
    (Class::Person, "person"),
    (Class::Vehicle, "vehicle"),
    (Class::Bicycle, "bicycle"),
    (Class::Window, "window"),
];

fn case() -> impl Strategy<Value = Case> {
    let find = (
        0..FRAMES,
        0..CELLS.0 * CELLS.1,
        0..4_usize,
        4..40_usize,
        4..40_usize,
    );
    let find = find.prop_map(|(frame, cell, class, width, height)| Find {
        frame,
        cell,
        class: CLASSES[class].0,
        size: (width, height),
        late: None,
    });
    let finds = proptest::collection::vec(find, 4..40);
    let flags = (
        prop_oneof![Just([false; 4]), any::<[bool; 4]>()],
        any::<u64>(),
        any::<bool>(),
        any::<bool>(),
    );
    (finds, flags).prop_map(|(mut finds, (means, seed, buildings, walls))| {
        finds.sort_by_key(|find| (find.frame, find.cell));
        finds.dedup_by_key(|find| (find.frame, find.cell));
        // In every second cell, where persons are no data, one whom the first look misses.
        let is_even = |find: &&Find| find.cell.is_multiple_of(2) && !means[0];
        let late: Vec<Find> = finds.iter().filter(is_even).map(Find::beside).collect();
        finds.extend(late);
        Case {
            finds,
            means,
            seed,
            buildings,
            walls,
        }
    })
}

impl Case {
    /// Windows become means, everything else no data; neither buildings nor walls are asked for.
    fn with_means_of_windows(finds: Vec<Find>) -> Self {
        Self {
            finds,
            means: [false, false, false, true],
            seed: 1,
            buildings: false,
            walls: false,
        }
    }
}

impl Find {
    /// Somebody who stands over the right edge of this find, most of them outside even of what is padded: a region has a mean that knows them by the
    /// time they are seen.
    fn beside(&self) -> Self {
        Self {
            class: Class::Person,
            size: (28, self.size.1),
            late: Some(self.size.0 - 4),
            ..*self
        }
    }

    /// Left, top, right and bottom edge.
    fn edges(&self) -> [usize; 4] {
        let (x, y) = (
            self.cell % CELLS.0 * CELL + 10 + self.late.unwrap_or(0),
            self.cell / CELLS.0 * CELL + 10,
        );
        [x, y, x + self.size.0, y + self.size.1]
    }

    #[expect(clippy::cast_precision_loss, reason = "pixels of a frame")]
    fn detection(&self) -> Detection {
        find(self.class, self.edges().map(|edge| edge as f32))
    }
}

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write_keys(bench.0.path());
        bench
    }

    /// The flight with other pixels under the finds: anything where they become no data, the same in another order where they become their mean.
    fn flight(&self, name: &str, case: &Case, seed: u64) {
        let mut state = seed;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap()
        };
        for (number, (file, mut bytes)) in (0..FRAMES).zip(dji_frames()) {
            let offsets = raw_offsets(&bytes);
            for find in case.finds.iter().filter(|find| find.frame == number) {
                let [left, top, right, bottom] = find.edges();
                let places =
                    (top..bottom).flat_map(|y| (left..right).map(move |x| 2 * (y * 640 + x)));
                let places: Vec<[usize; 2]> =
                    places.map(|at| [offsets[at], offsets[at + 1]]).collect();
                let mut values: Vec<[u8; 2]> = places
                    .iter()
                    .map(|place| place.map(|at| bytes[at]))
                    .collect();
                if case.is_mean(find.class) {
                    // Fisher and Yates.
                    for index in (1..values.len()).rev() {
                        values.swap(index, next() % (index + 1));
                    }
                } else {
                    // -73 to 180 °C, multiples of four as the format wants.
                    values.fill_with(|| {
                        u16::try_from(12_800 + next() % 4_000 * 4)
                            .unwrap()
                            .to_le_bytes()
                    });
                }
                for (place, value) in places.iter().zip(values) {
                    (bytes[place[0]], bytes[place[1]]) = (value[0], value[1]);
                }
            }
            write(&self.0.path().join(name).join(file), &bytes);
        }
    }

    fn run(&self, name: &str, case: &Case) -> Run {
        let outlines =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/truth/buildings.geojson");
        let surface = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flight/truth/dsm.tif");
        let mut settings = "[weather]\nair-celsius = 2\nwind-m-s = 1\n[tiles]\nxyz = true\nkeep-frames = true\nresolution-m = 0.2\n".to_owned();
        if case.buildings {
            settings += &format!(
                "[buildings]\nfootprints = '{}'\nid = 'uprn'\nuprn = 'uprn'\n",
                outlines.display()
            );
        }
        if case.walls {
            settings += &format!("[georef]\ndsm = '{}'\n", surface.display());
        }
        for (is_mean, (_, class)) in case.means.iter().zip(CLASSES) {
            let policy = if *is_mean { "mean" } else { "nodata" };
            settings += &format!("[redact.{class}]\npolicy = '{policy}'\n");
        }
        if case.means.contains(&true) {
            // What a neighbour carries here may cover a part of a region: the mean of the rest is another after pixels changed places.
            settings += "[detect.carry]\nenabled = false\n";
        }
        let [mut found, mut missed] = [BTreeMap::new(), BTreeMap::new()];
        for find in &case.finds {
            let finds = if find.late.is_some() {
                &mut missed
            } else {
                &mut found
            };
            let of_frame: &mut Vec<Detection> = finds.entry(FrameId(find.frame)).or_default();
            of_frame.push(find.detection());
        }
        Run {
            detectors: vec![Box::new(Scripted {
                found,
                missed,
                ..Scripted::default()
            })],
            ..common::run(self.0.path(), name, &format!("out-{name}"), &settings)
        }
    }

    /// Everything that a run over a flight publishes, and its log and pages without what follows from the inputs' commitments.
    fn publish(&self, name: &str, case: &Case) -> Published {
        let summary = self.run(name, case).execute(&mut Silent).unwrap();
        assert_eq!(summary.frames_published, FRAMES as usize);
        let ties = summary
            .flights
            .iter()
            .map(|flight| flight.alignment.pairs_tied)
            .sum();
        let seams = summary
            .flights
            .iter()
            .filter(|flight| flight.alignment.seam_after_kelvin.is_some())
            .count();
        let out = self.0.path().join(format!("out-{name}"));
        let mut published = BTreeMap::new();
        for part in ["tiles", "frames", "buildings"] {
            if out.join(part).exists() {
                published.extend(
                    files(&out.join(part))
                        .into_iter()
                        .map(|(path, bytes)| (Path::new(part).join(path), bytes)),
                );
            }
        }
        for list in ["frames.jsonl", "footprints.jsonl"] {
            let text = fs::read_to_string(out.join("private").join(list)).unwrap();
            let text = text.replace(&format!("/{name}/"), "/FLIGHT/");
            published.insert(Path::new("private").join(list), text.into_bytes());
        }
        let log = fs::read(out.join("audit/entries.jsonl")).unwrap();
        let mut secrets = Vec::new();
        let mut entries = Vec::new();
        for line in log
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let mut entry = Entry::from_line(line).unwrap();
            match &mut entry {
                Entry::Ingested(ingested) => secrets.push(std::mem::take(&mut ingested.commitment)),
                Entry::RunOpened(opened) => secrets.push(std::mem::take(&mut opened.manifest.root)),
                _ => {}
            }
            entries.push(entry);
        }
        let checkpoint = fs::read_to_string(out.join("audit/checkpoint")).unwrap();
        // Root and signature follow from the commitments.
        secrets.extend(
            checkpoint
                .lines()
                .skip(2)
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
        secrets.push(verify(&out, &VerifyOptions::default()).unwrap().root);
        secrets.push(format!("out-{name}"));
        let report = self.0.path().join(format!("report-{name}"));
        let pages = compose(&out, &ReportOptions::default()).unwrap();
        heatveil::report::write(&pages, &out, &report, Existing::Refuse).unwrap();
        for (path, bytes) in files(&report) {
            let mut text = String::from_utf8(bytes).unwrap();
            for secret in &secrets {
                text = text.replace(secret.as_str(), "FROM COMMITMENTS");
            }
            published.insert(Path::new("report").join(path), text.into_bytes());
        }
        let is_told = |entry: &Entry| matches!(entry, Entry::Flight(flight) if flight.ground.contains("as overlaps tell"));
        let reliefs = entries.iter().filter(|entry| is_told(entry)).count();
        Published {
            reliefs,
            files: published,
            entries,
            ties,
            seams,
        }
    }
}

impl Case {
    fn is_mean(&self, class: Class) -> bool {
        let mut classes = self.means.iter().zip(CLASSES);
        classes.any(|(is_mean, (this, _))| this == class && *is_mean)
    }
}

struct Published {
    files: BTreeMap<PathBuf, Vec<u8>>,
    entries: Vec<Entry>,
    ties: usize,
    seams: usize,
    /// Flights that were laid on ground as overlaps tell it.
    reliefs: usize,
}

/// Random cases; how many pairs of frames were tied in all.
fn cases(number: u32) {
    let config = Config {
        cases: number,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[25; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (ties, seams) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let (pixels, reliefs) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let result = runner.run(&case(), |case| {
        let bench = Bench::new();
        bench.flight("one", &case, case.seed);
        bench.flight("other", &case, !case.seed);
        let inputs = ["one", "other"].map(|name| files(&bench.0.path().join(name)));
        prop_assert_ne!(&inputs[0], &inputs[1]);
        let (one, other) = (bench.publish("one", &case), bench.publish("other", &case));
        ties.set(ties.get() + one.ties);
        seams.set(seams.get() + one.seams);
        reliefs.set(reliefs.get() + one.reliefs);
        pixels.set(
            pixels.get()
                + case
                    .finds
                    .iter()
                    .map(|find| find.size.0 * find.size.1)
                    .sum::<usize>(),
        );
        let all = one.files.keys().chain(other.files.keys());
        let differ: Vec<_> = all
            .filter(|path| one.files.get(*path) != other.files.get(*path))
            .collect();
        prop_assert!(differ.is_empty(), "{:?}", differ);
        prop_assert_eq!(one.entries, other.entries);
        Ok(())
    });
    println!(
        "{number} cases, {} pixels changed, {} pairs tied, {} flights with temperatures matched, {} on ground as overlaps tell it",
        pixels.get(),
        ties.get(),
        seams.get(),
        reliefs.get()
    );
    result.unwrap();
    assert!(
        ties.get() > 0 && seams.get() > 0 && reliefs.get() > 0,
        "refinement, matching and relief were not all exercised"
    );
}

#[test]
fn what_stands_under_masks_changes_nothing_that_is_published() {
    cases(2);
}

#[test]
#[ignore = "`make noninterference`: 200 cases"]
fn many_cases() {
    let wanted = std::env::var("CASES").map_or(200, |number| number.parse().unwrap());
    cases(wanted);
}

#[test]
fn a_mean_that_differs_changes_what_is_published() {
    let find = Find {
        frame: 1,
        cell: 35,
        class: Class::Window,
        size: (30, 30),
        late: None,
    };
    let mut case = Case::with_means_of_windows(vec![find]);
    let bench = Bench::new();
    bench.flight("one", &case, 1);
    // The same find, but its pixels are made anew as if nothing of them were published.
    case.means[3] = false;
    bench.flight("other", &case, 2);
    case.means[3] = true;
    let (one, other) = (bench.publish("one", &case), bench.publish("other", &case));
    let mosaic = Path::new("tiles/temperature.tif");
    assert!(one.files[mosaic] != other.files[mosaic]);
}

/// Somebody stands at a window, which has its mean by the time the self-check sees them.
#[test]
fn a_region_under_which_somebody_is_found_later_shows_nothing_of_them() {
    let window = Find {
        frame: 1,
        cell: 34,
        class: Class::Window,
        size: (24, 30),
        late: None,
    };
    let case = Case::with_means_of_windows(vec![window, window.beside()]);
    let bench = Bench::new();
    for (name, seed) in [("one", 1), ("other", 2)] {
        bench.flight(name, &case, seed);
    }
    let (one, other) = (bench.publish("one", &case), bench.publish("other", &case));
    assert!(one.files == other.files && one.entries == other.entries);
}
