//! Plans, lists of lines and results of workers, as the fuzzer makes them.
//!
//! One plan is known to all; where a hash would keep the fuzzer out, it is put around what it made.

#![expect(
    clippy::unwrap_used,
    reason = "what fails here is of the fuzzer's own making"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::intake::{Line, Manifest};
use super::super::processed::Times;
use super::plan::{Part, ShardPlan, list, parse_list};
use super::result;
use crate::frame::FrameId;
use crate::hex;

/// Lines of the manifest: the first two are the shard's own, the third is its neighbour's.
const LINES: usize = 3;
const OWN: usize = 2;

static PLAN: LazyLock<ShardPlan> =
    LazyLock::new(|| ShardPlan::parse(plan_text().as_bytes()).unwrap());

/// The plan that everybody knows.
fn plan_text() -> String {
    let hash = |byte: u8| hex::encode(&[byte; 32]);
    let shard = |first: usize, end: usize| json!({ "first": first, "end": end, "from": 0, "to": LINES, "sha256": hash(1) });
    let plan = json!({
        "version": 1,
        "folder": "/",
        "settings": "",
        "reviewed": Value::Null,
        "opened": {
            "at": 1_768_516_200, "beyond_envelope": "", "heatveil": "0.1.0", "libraries": [], "lines": ["model", "carry"],
            "manifest": { "count": LINES, "root": hash(2) }, "models": [{ "name": "m", "sha256": hash(3) }],
            "operator": "", "policy_sha256": hash(4), "purpose": "", "recipients": [],
        },
        "key_check": hash(5),
        "verifier": "",
        "unreadable": 0,
        "ignored": 0,
        "shards": [shard(0, OWN), shard(OWN, LINES)],
    });
    plan.to_string()
}

fn part() -> Part {
    let line = |number: usize| Line {
        path: number.to_string().into(),
        commitment: commitment(number),
        duplicate_of: None,
        is_read: true,
    };
    Part {
        manifest: Manifest::part(0, (0..LINES).map(line).collect()),
        own: 0..OWN,
    }
}

fn commitment(line: usize) -> [u8; 32] {
    [u8::try_from(line).unwrap(); 32]
}

/// What is accepted has every frame once, and written again it is read as the same.
pub(crate) fn shards(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    match kind {
        0 => planned(bytes),
        1 => listed(bytes),
        2 => worked(bytes),
        _ => worked(&around(bytes)),
    }
}

fn planned(bytes: &[u8]) {
    let Some(plan) = ShardPlan::parse(bytes) else {
        return;
    };
    let owned: usize = plan
        .shards
        .iter()
        .map(|shard| shard.end - shard.first)
        .sum();
    assert_eq!(owned, plan.frames());
    for shard in &plan.shards {
        assert!(shard.neighbours() <= shard.to);
    }
}

fn listed(bytes: &[u8]) {
    if let Some(lines) = parse_list(bytes) {
        let whole = 0..lines.len();
        let text = list(&Manifest::part(0, lines), &whole).unwrap();
        let again = Manifest::part(0, parse_list(&text).unwrap());
        assert_eq!(list(&again, &whole).unwrap(), text);
    }
}

/// A result that holds these lines of frames.
fn around(frames: &[u8]) -> Vec<u8> {
    let head = json!({ "plan": PLAN.sha256, "shard": 0, "neighbours": { (OWN.to_string()): "" } });
    let mut text = head.to_string().into_bytes();
    text.push(b'\n');
    text.extend(frames);
    text.push(b'\n');
    let tail = json!({ "sha256": hex::encode(&Sha256::digest(&text)) });
    text.extend(tail.to_string().into_bytes());
    text.push(b'\n');
    text
}

fn worked(bytes: &[u8]) {
    let Ok(found) = result::parse(bytes, &PLAN, 0, &part()) else {
        return;
    };
    let ids: Vec<_> = found.frames.iter().map(|done| done.id).collect();
    assert_eq!(ids, [FrameId(0), FrameId(1)]);
    let mut times = Times::default();
    for done in &found.frames {
        times.add(&done.times);
        assert!(
            done.entries
                .iter()
                .all(|entry| entry.frame_under_way() == Some(done.id.0))
        );
    }
    let write = |neighbours: &BTreeMap<u32, String>, frames: &[_]| {
        result::write(&PLAN, 0, neighbours.clone(), frames).unwrap()
    };
    let text = write(&found.neighbours, &found.frames);
    let again = result::parse(&text, &PLAN, 0, &part()).unwrap();
    assert_eq!(write(&again.neighbours, &again.frames), text);
}

/// A plan, a list, and the frames of a result in which one is published and one is not.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    use crate::frame::{Format, FrameMeta};

    let meta = toml::to_string(&FrameMeta::bare(Format::TiffF32)).unwrap();
    let ingested = |frame: usize, format: &str| json!({ "bytes": 9, "camera": "", "commitment": hex::encode(&commitment(frame)), "format": format, "frame": frame, "type": "frame.ingested" });
    let masked = json!({
        "frame": 0, "grid_px": 4, "mask_sha256": hex::encode(&[6; 32]), "masked_pixels": 16, "output_sha256": hex::encode(&[7; 32]), "padding_mm": 500,
        "policies": [{ "class": "person", "policy": "nodata" }], "self_check": { "found": 0, "rounds": 0 }, "type": "frame.masked",
    });
    let look = json!({
        "found": [{ "box": [312, 96, 321, 118], "class": "person", "score": 874, "sure": true }],
        "frame": 0, "line": "model", "model": "m", "round": 0, "type": "frame.detected",
    });
    let rejected =
        json!({ "detail": "d", "frame": 1, "reason": "undecodable", "type": "frame.rejected" });
    let times = serde_json::to_value(Times::default()).unwrap();
    let frames = [
        json!({ "entries": [ingested(0, "tiff-f32"), look, masked], "meta": meta, "times": times }),
        json!({ "entries": [ingested(1, ""), rejected], "meta": Value::Null, "times": times }),
    ];
    let frames = frames.map(|frame| frame.to_string()).join("\n");
    let whole = result::parse(&around(frames.as_bytes()), &PLAN, 0, &part()).unwrap();
    assert_eq!(whole.frames.len(), OWN);
    let with = |kind: u8, text: Vec<u8>| [vec![kind], text].concat();
    vec![
        with(0, plan_text().into_bytes()),
        with(1, list(&part().manifest, &(0..LINES)).unwrap()),
        with(2, around(frames.as_bytes())),
        with(3, frames.into_bytes()),
    ]
}
