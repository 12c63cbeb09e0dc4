//! What a shard came to, as a worker writes it and as whoever merges reads it.
//!
//! In: frames that have their outcome. Out: a file with their entries and metadata, its own SHA-256 in its last line. Refuses: to be read where a
//! byte changed, a frame is missing, an entry is not one that a run logs of this line of this manifest, or a redacted raster is not the one of the entries.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use rayon::ThreadPool;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::done::Done;
use super::super::intake::Line;
use super::super::journal;
use super::super::processed::Times;
use super::super::window::Find;
use super::super::{RunError, for_each_ordered, record};
use super::plan::{Part, ShardPlan};
use crate::audit::Entry;
use crate::frame::{FrameId, FrameMeta};
use crate::hex;
use crate::store::{Store, layout};

/// What a shard came to.
#[derive(Debug)]
pub(super) struct ShardResult {
    /// What its first looks found in lines that are other shards', by frame.
    pub(super) neighbours: BTreeMap<u32, String>,
    /// Its own frames, in order.
    pub(super) frames: Vec<Done>,
    /// SHA-256 of the file, hex.
    pub(super) sha256: String,
}

/// The first line of the file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// SHA-256 of `plan.json`, hex.
    plan: String,
    shard: usize,
    neighbours: BTreeMap<u32, String>,
}

/// A frame's line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameText {
    entries: Vec<Entry>,
    /// TOML, in which every number comes back as it was, to the last bit.
    meta: Option<String>,
    times: Times,
}

/// The last line: SHA-256 of those before it, hex.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    sha256: String,
}

/// What first looks found, in a few bytes: what carry goes by, and nothing else.
pub(super) fn digest(finds: &[Find]) -> String {
    let mut hash = Sha256::new();
    for find in finds {
        let (class, score, sure) = (find.class.name(), find.score, find.sure);
        hash.update(format!("{class} {:?} {score} {sure}\n", find.bbox));
    }
    hex::encode(&hash.finalize())
}

/// The file; `None` where it cannot be written, which has no reason but a defect.
pub(super) fn write(
    plan: &ShardPlan,
    shard: usize,
    neighbours: BTreeMap<u32, String>,
    frames: &[Done],
) -> Option<Vec<u8>> {
    let head = Head {
        plan: plan.sha256.clone(),
        shard,
        neighbours,
    };
    let mut text = serde_json::to_vec(&head).ok()?;
    text.push(b'\n');
    for done in frames {
        let meta = done.meta.as_ref().map(toml::to_string).transpose().ok()?;
        let line = FrameText {
            entries: done.entries.clone(),
            meta,
            times: done.times,
        };
        text.extend(serde_json::to_vec(&line).ok()?);
        text.push(b'\n');
    }
    let sha256 = hex::encode(&Sha256::digest(&text));
    text.extend(serde_json::to_vec(&Tail { sha256 }).ok()?);
    text.push(b'\n');
    Some(text)
}

/// The result of a shard; `None` where there is none. Rasters are not looked at.
pub(super) fn read(
    store: &Store,
    plan: &ShardPlan,
    shard: usize,
    part: &Part,
) -> Result<Option<ShardResult>, RunError> {
    let text = store.read_kept(&layout::shard_result(shard))?;
    let parsed = text.map(|text| parse(&text, plan, shard, part));
    let doubtful = |problem| doubtful(store, shard, problem);
    parsed.transpose().map_err(doubtful)
}

pub(super) fn doubtful(store: &Store, shard: usize, problem: String) -> RunError {
    RunError::Shard {
        path: store.root().to_path_buf(),
        shard,
        problem,
    }
}

pub(super) fn parse(
    text: &[u8],
    plan: &ShardPlan,
    shard: usize,
    part: &Part,
) -> Result<ShardResult, String> {
    let changed = || "its file is not whole".to_owned();
    let lines = text.strip_suffix(b"\n").ok_or_else(changed)?;
    let last = lines.iter().rposition(|&byte| byte == b'\n');
    let (body, tail) = text.split_at(last.ok_or_else(changed)? + 1);
    let tail: Tail = serde_json::from_slice(tail).ok().ok_or_else(changed)?;
    if tail.sha256 != hex::encode(&Sha256::digest(body)) {
        return Err(changed());
    }
    let mut lines = body.split(|&byte| byte == b'\n');
    let head = lines
        .next()
        .and_then(|line| serde_json::from_slice(line).ok());
    let head: Head = head.ok_or_else(changed)?;
    if head.plan != plan.sha256 || head.shard != shard {
        return Err("it was made for another plan".into());
    }
    let ids = part.manifest.inputs().map(|input| input.id);
    let (own, others): (Vec<_>, Vec<_>) = ids.partition(|id| part.owns(*id));
    let around: BTreeSet<_> = others.iter().map(|id| id.0).collect();
    if !head.neighbours.keys().all(|frame| around.contains(frame)) {
        return Err("it tells of lines that are not around it".into());
    }
    let mut frames = Vec::with_capacity(own.len());
    for id in own {
        let missing = || format!("frame {id} is missing or another's");
        let line = lines.next().filter(|line| !line.is_empty());
        let line = line.and_then(|line| serde_json::from_slice::<FrameText>(line).ok());
        let manifest = part.manifest.line(id).ok_or_else(missing)?;
        let done = line.and_then(|line| done(id, line, manifest, plan));
        frames.push(done.ok_or_else(missing)?);
    }
    match lines.next() {
        Some([]) if lines.next().is_none() => Ok(ShardResult {
            neighbours: head.neighbours,
            frames,
            sha256: hex::encode(&Sha256::digest(text)),
        }),
        _ => Err("it tells of more frames than it has".into()),
    }
}

/// The frame, where its entries are those that a run logs of one.
fn done(id: FrameId, line: FrameText, manifest: &Line, plan: &ShardPlan) -> Option<Done> {
    let meta = line.meta.as_deref().map(toml::from_str::<FrameMeta>);
    let meta = meta.transpose().ok()?;
    let (last, before) = line.entries.split_last()?;
    let (outcome, output_sha256) = record::outcome(last)?;
    let is_ours = line.entries.iter().all(|entry| {
        let text = entry.to_line().ok();
        entry.frame_under_way() == Some(id.0)
            && text.is_some_and(|text| Entry::from_line(&text).as_ref() == Some(entry))
    });
    let is_ingested = matches!(before.first(), Some(Entry::Ingested(entry))
        if entry.commitment == hex::encode(&manifest.commitment) && meta.is_some() != entry.format.is_empty());
    let models = &plan.opened.models;
    let are_looks = before.iter().skip(1).all(|entry| match entry {
        Entry::Detected(look) => {
            plan.opened.lines.contains(&look.line)
                && look
                    .model
                    .as_ref()
                    .is_none_or(|name| models.iter().any(|model| model.name == *name))
        }
        _ => false,
    });
    let is_published = output_sha256.is_some();
    let is_whole = is_ours && is_ingested && are_looks;
    (is_whole && (!is_published || meta.is_some())).then_some(Done {
        id,
        meta,
        outcome,
        output_sha256,
        times: line.times,
        entries: line.entries,
    })
}

/// Refuses where a redacted raster is gone or not the one of the entries.
pub(super) fn check_rasters(
    pool: &ThreadPool,
    threads: NonZeroUsize,
    store: &Store,
    frames: &[Done],
) -> Result<(), String> {
    let published = frames.iter().filter_map(|done| {
        let raster = done.output_sha256.zip(done.meta.as_ref());
        raster.map(|(sha256, meta)| (done.id, sha256, meta))
    });
    let read = |(id, sha256, meta): (FrameId, [u8; 32], &FrameMeta)| {
        (id, journal::load(store, id, meta, &sha256).err())
    };
    for_each_ordered(pool, published, threads, read, |(id, lost)| {
        let Some(lost) = lost else { return Ok(()) };
        let causes =
            std::iter::successors(std::error::Error::source(&lost), |cause| cause.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        Err(format!(
            "the redacted raster of frame {id} is gone or damaged: {}",
            causes.join(": ")
        ))
    })
}
