//! What the second look at a masked frame finds: whom it sees beside the mask, who sticks out of it, and when a frame is given up.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use heatveil::audit::{Entry, VerifyOptions, verify};
use heatveil::detect::{Class, Detection, Scripted};
use heatveil::frame::FrameId;
use heatveil::run::{Run, Silent};

use crate::common::{self, find, good_frames, outcomes, write_keys};

/// Boxes are whole cells of the mask's grid, so that it hides them and nothing more.
const SETTINGS: &str =
    "[redact]\npadding-m = 0\n[detect.carry]\nenabled = false\n[georef]\nrefine = false";

/// Somebody whom the first look finds.
const FOUND: [f32; 4] = [200.0, 200.0, 240.0, 240.0];
/// Mostly under that mask: four columns of 40 stand out.
const EDGE: [f32; 4] = [204.0, 200.0, 244.0, 240.0];

fn first() -> Vec<Detection> {
    vec![find(Class::Person, FOUND)]
}

fn edge() -> Detection {
    find(Class::Person, EDGE)
}

/// Somebody else in each of these looks.
fn others(looks: Range<u8>) -> impl Iterator<Item = Vec<Detection>> {
    looks.map(|look| vec![beside(look)])
}

/// Somebody else for each look.
fn beside(look: u8) -> Detection {
    let x0 = f32::from(look) * 60.0;
    find(Class::Person, [x0, 40.0, x0 + 20.0, 60.0])
}

struct Frames {
    /// Outcome, or reason.
    outcomes: Vec<String>,
    looked: Vec<usize>,
    /// Mask, finds and rounds of each published frame.
    masked: BTreeMap<u32, (String, u32, u32)>,
}

impl Frames {
    /// Finds and rounds of published frames.
    fn rounds<const N: usize>(&self, frames: [u32; N]) -> [(u32, u32); N] {
        frames.map(|frame| (self.masked[&frame].1, self.masked[&frame].2))
    }
}

/// Flies frames in which each look finds this.
fn fly(finds: Vec<Vec<Vec<Detection>>>) -> Frames {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    good_frames(&folder.join("in"), finds.len());
    write_keys(folder);
    let mut scripted = Scripted::default();
    for (frame, mut looks) in (0..).map(FrameId).zip(finds) {
        let later = looks.split_off(1);
        scripted.found.insert(frame, looks.concat());
        scripted.later.insert(frame, later);
    }
    let looks = Arc::clone(&scripted.looks);
    let run = Run {
        detectors: vec![Box::new(scripted)],
        ..common::run(folder, "in", "out", SETTINGS)
    };
    run.execute(&mut Silent).unwrap();
    let out = folder.join("out");
    assert!(verify(&out, &VerifyOptions::default()).unwrap().ok());
    let looked = looks.lock().unwrap().values().copied().collect();
    Frames {
        outcomes: outcomes(&out)
            .into_iter()
            .map(|(_, outcome)| outcome)
            .collect(),
        looked,
        masked: masked(&out),
    }
}

fn masked(out: &Path) -> BTreeMap<u32, (String, u32, u32)> {
    let log = std::fs::read_to_string(out.join("audit/entries.jsonl")).unwrap();
    let of = |line: &str| match Entry::from_line(line.as_bytes()).unwrap() {
        Entry::Masked(masked) => {
            let (hash, check) = (masked.mask_sha256.clone(), masked.self_check);
            Some((masked.frame, (hash, check.found, check.rounds)))
        }
        _ => None,
    };
    log.lines().filter_map(of).collect()
}

/// Too weak to withhold a frame.
fn unsure(find: Detection) -> Detection {
    Detection { score: 0.3, ..find }
}

#[test]
fn what_is_unsure_or_hardly_stands_out_asks_for_no_further_look() {
    let frames = fly(vec![
        // In the second look whatever stands out asks, be it unsure.
        vec![first(), vec![edge(), unsure(beside(0))], vec![]],
        // In a later one what is sure alone, and what hardly stands out never.
        vec![
            first(),
            vec![beside(0)],
            vec![edge(), unsure(beside(1))],
            vec![beside(2)],
        ],
        vec![
            first(),
            vec![beside(0)],
            vec![unsure(edge())],
            vec![beside(2)],
        ],
        // Nor does that withhold the frame in the end.
        [first()]
            .into_iter()
            .chain(others(1..4))
            .chain([vec![edge(), unsure(beside(5))]])
            .collect(),
    ]);
    assert_eq!(frames.outcomes, ["published"; 4]);
    assert_eq!(frames.looked, [3, 3, 3, 5]);
    assert_eq!(
        frames.rounds([0, 1, 2, 3]),
        [(2, 1), (3, 2), (1, 1), (5, 4)]
    );
}

#[test]
fn who_stands_out_is_asked_about_again_and_an_edge_is_hidden_without() {
    let frames = fly(vec![
        // An edge, and what would be found if it were asked about.
        vec![first(), vec![edge()], vec![beside(0)]],
        // Somebody beside it, then nobody.
        vec![first(), vec![beside(0)]],
        // Whatever is hidden, there is somebody else.
        others(0..9).collect(),
        // The last look finds an edge of what the first found.
        [first()]
            .into_iter()
            .chain(others(1..4))
            .chain([vec![edge()]])
            .collect(),
        // What hides somebody wholly is our own filling.
        vec![first(), first()],
    ]);
    assert_eq!(
        frames.outcomes,
        [
            "published",
            "published",
            "self-check",
            "published",
            "published"
        ]
    );
    assert_eq!(frames.looked, [2, 3, 5, 5, 2]);
    assert_eq!(
        frames.rounds([0, 1, 3, 4]),
        [(1, 1), (1, 1), (4, 4), (0, 0)]
    );

    // Masks are those of a first look that finds everybody.
    let at_once = fly(vec![
        vec![[first(), vec![edge()]].concat()],
        vec![[first(), vec![beside(0)]].concat()],
        vec![vec![]],
        vec![[first(), others(1..4).flatten().collect(), vec![edge()]].concat()],
        vec![first()],
    ]);
    for frame in [0, 1, 3, 4] {
        assert_eq!(
            frames.masked[&frame].0, at_once.masked[&frame].0,
            "frame {frame}"
        );
    }
    assert_ne!(frames.masked[&0].0, frames.masked[&4].0);
}
