//! The plan: which lines of the manifest are whose, fixed and logged before anyone looks.
//!
//! In: a run before its first frame. Out: `plan.json` and a list of lines for each shard, in the work folder. Refuses: to be read where it or a
//! list changed. Names of files stand there, commitments, settings: no pixel, no place.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::intake::{Line, Manifest};
use super::super::journal::Journal;
use super::super::keys::InputKeys;
use super::super::reviewed::Decisions;
use super::super::{Progress, Run, RunError, record, window};
use crate::audit::RunOpened;
use crate::frame::FrameId;
use crate::hex;
use crate::store::{Artifact, Store, StoreError, layout, sealed};

/// Of the files of plans and results.
const VERSION: u32 = 1;
/// What the commitment key is known by.
const KEY_CHECK: &[u8] = b"heatveil: the key of a plan\0";

/// How a run is divided: `plan.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardPlan {
    version: u32,
    /// Folder in which the plan was made: relative paths begin there.
    pub folder: PathBuf,
    /// Settings as TOML, as they were given.
    pub settings: String,
    /// Folder of the run whose review is followed.
    pub reviewed: Option<PathBuf>,
    /// The log's first entry.
    pub(super) opened: RunOpened,
    /// Commitment to a fixed text, by which the key is known.
    key_check: String,
    /// Verifier key of the log.
    pub(super) verifier: String,
    pub(super) unreadable: usize,
    pub(super) ignored: usize,
    /// The shards, in the order of their frames.
    pub shards: Vec<Shard>,
    /// SHA-256 of the file, hex.
    #[serde(skip)]
    pub(super) sha256: String,
}

/// Lines of the manifest that one worker takes at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Its first frame.
    pub first: usize,
    /// One past its last frame.
    pub end: usize,
    /// First line that it looks at, for the neighbours of its first frames.
    pub from: usize,
    /// One past the last line that it looks at.
    pub to: usize,
    /// SHA-256 of its list of lines, hex.
    sha256: String,
}

impl Shard {
    /// Lines that are looked at for their neighbours alone.
    #[must_use]
    pub fn neighbours(&self) -> usize {
        (self.to - self.from) - (self.end - self.first)
    }
}

/// A line of such a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineText {
    file: PathBuf,
    commitment: String,
    duplicate_of: Option<u32>,
    is_read: bool,
}

/// Lines of a shard with those around them.
pub(super) struct Part {
    pub(super) manifest: Manifest,
    pub(super) own: Range<usize>,
}

impl Part {
    pub(super) fn owns(&self, FrameId(frame): FrameId) -> bool {
        self.own
            .contains(&usize::try_from(frame).unwrap_or(usize::MAX))
    }

    /// Whether lines of other shards may be looked at for this one's sake, or this one for theirs: it is no more than `reach` lines from an end.
    pub(super) fn is_near_border(&self, FrameId(frame): FrameId, reach: usize) -> bool {
        let inner = self.own.start + reach..self.own.end.saturating_sub(reach);
        !usize::try_from(frame).is_ok_and(|at| inner.contains(&at))
    }
}

/// Bytes of a plan, a list or a result.
pub(super) struct Text(pub(super) Vec<u8>);

impl sealed::Sealed for Text {}

impl Artifact for Text {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.0.as_slice().into()
    }
}

impl Run {
    /// Does what [`Run::execute`] does before the first frame, and divides what is left into at most so many shards. `settings` (TOML) are kept
    /// for those who work on them.
    ///
    /// # Errors
    ///
    /// [`RunError`] as [`Run::execute`]; [`RunError::Name`] where the name of an input is not UTF-8.
    pub fn divide(
        &self,
        shards: NonZeroUsize,
        settings: &str,
        progress: &mut dyn Progress,
    ) -> Result<ShardPlan, RunError> {
        self.watched(progress, |_, progress| {
            let pool = self.pool()?;
            let begun = self.begin(&pool, progress)?;
            let folders: Vec<_> = begun.manifest.inputs().map(|line| line.folder()).collect();
            let mut plan = ShardPlan {
                version: VERSION,
                folder: std::env::current_dir().unwrap_or_default(),
                settings: settings.to_owned(),
                reviewed: self.reviewed.clone(),
                opened: begun.opened.clone(),
                key_check: key_check(&begun.keys.inputs),
                verifier: begun.keys.signer.verifier().to_owned(),
                unreadable: begun.unreadable,
                ignored: begun.ignored,
                shards: Vec::new(),
                sha256: String::new(),
            };
            // The manifest is logged before anyone looks.
            Journal::open(&begun.store, self, &begun.keys, &begun.opened, true)?;
            let reach = window::reach(self.config.detect.carry);
            for (number, own) in cut(&folders, shards).into_iter().enumerate() {
                let around = around(&folders, &own, reach);
                let text = list(&begun.manifest, &around)?;
                plan.shards.push(Shard {
                    first: own.start,
                    end: own.end,
                    from: around.start,
                    to: around.end,
                    sha256: hex::encode(&Sha256::digest(&text)),
                });
                begun.store.keep(&layout::shard_plan(number), &Text(text))?;
            }
            let text = serde_json::to_vec_pretty(&plan)
                .ok()
                .ok_or_else(|| RunError::Name {
                    path: plan.folder.clone(),
                })?;
            plan.sha256 = hex::encode(&Sha256::digest(&text));
            begun.store.keep(layout::PLAN, &Text(text))?;
            Ok(plan)
        })
    }
}

impl ShardPlan {
    /// Reads the plan in an output folder.
    ///
    /// # Errors
    ///
    /// [`RunError::NoPlan`] where there is none, [`RunError::Plan`] where it is not one of this version, [`RunError::Store`] where it cannot be
    /// read or a run holds the folder.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        Self::read_in(&join(folder)?)?.ok_or_else(|| no_plan(folder))
    }

    /// Frames of the manifest.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.shards.last().map_or(0, |shard| shard.end)
    }

    /// `None` where there is none.
    pub(super) fn read_in(store: &Store) -> Result<Option<Self>, RunError> {
        let Some(text) = store.read_kept(layout::PLAN)? else {
            return Ok(None);
        };
        let plan = Self::parse(&text);
        let plan =
            plan.ok_or_else(|| damaged(store, "it is not one that this version of heatveil made"))?;
        Ok(Some(plan))
    }

    /// `None` where it is not a plan of this version with every frame in one shard.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut plan = serde_json::from_slice::<Self>(text).ok()?;
        plan.sha256 = hex::encode(&Sha256::digest(text));
        (plan.version == VERSION && plan.is_whole()).then_some(plan)
    }

    /// Whether every frame is in one shard.
    fn is_whole(&self) -> bool {
        let mut next = 0;
        for shard in &self.shards {
            let is_in_order =
                shard.from <= shard.first && shard.first < shard.end && shard.end <= shard.to;
            if shard.first != next || !is_in_order {
                return false;
            }
            next = shard.end;
        }
        record::count(self.frames()) == self.opened.manifest.count
    }

    /// Refuses to go on for another run.
    pub(super) fn check(
        &self,
        run: &Run,
        keys: &InputKeys,
        decisions: &Decisions,
    ) -> Result<(), RunError> {
        let opened = record::opened(run, keys, self.opened.manifest.clone(), decisions);
        let other = record::differs(&self.opened, &opened);
        let other = other.or((self.key_check != key_check(keys)).then_some("commitment key"));
        match other {
            Some(what) => Err(RunError::NotPlanned {
                path: run.out.clone(),
                what,
            }),
            None => Ok(()),
        }
    }

    /// The lines of a shard and those around them.
    pub(super) fn part(&self, store: &Store, number: usize) -> Result<Part, RunError> {
        let shard = self.shards.get(number).ok_or(RunError::NoShard {
            shard: number,
            shards: self.shards.len(),
        })?;
        let text = store.read_kept(&layout::shard_plan(number))?;
        let text = text.filter(|text| hex::encode(&Sha256::digest(text)) == shard.sha256);
        let lines = text.and_then(|text| parse_list(&text));
        let lines = lines.filter(|lines| lines.len() == shard.to - shard.from);
        let lines =
            lines.ok_or_else(|| damaged(store, &format!("the lines of shard {number} changed")))?;
        Ok(Part {
            manifest: Manifest::part(shard.from, lines),
            own: shard.first..shard.end,
        })
    }
}

/// Enters a planned folder beside other workers.
pub(super) fn join(folder: &Path) -> Result<Store, RunError> {
    Store::join(folder).map_err(|error| match error {
        StoreError::Io { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            no_plan(folder)
        }
        error => error.into(),
    })
}

pub(super) fn no_plan(folder: &Path) -> RunError {
    RunError::NoPlan {
        path: folder.to_path_buf(),
    }
}

pub(super) fn damaged(store: &Store, problem: &str) -> RunError {
    RunError::Plan {
        path: store.root().to_path_buf(),
        problem: problem.to_owned(),
    }
}

fn key_check(keys: &InputKeys) -> String {
    hex::encode(&keys.commitment.commit(KEY_CHECK))
}

/// Even ranges of frames; a border within a quarter of a shard of the end of a folder, thus of a flight, lies there: nothing is looked at twice.
fn cut(folders: &[PathBuf], shards: NonZeroUsize) -> Vec<Range<usize>> {
    let total = folders.len();
    let shards = shards.get().min(total);
    let begins = |at: usize| at > 0 && at < total && folders.get(at - 1) != folders.get(at);
    let mut start = 0;
    let mut ranges = Vec::with_capacity(shards);
    for number in 1..=shards {
        let even = total * number / shards;
        let slack = total / shards / 4;
        let near = (0..=slack).flat_map(|off| [even.saturating_sub(off), even + off]);
        let end = match number {
            last if last == shards => total,
            _ => near.into_iter().find(|at| begins(*at)).unwrap_or(even),
        };
        ranges.push(start..end);
        start = end;
    }
    ranges
}

/// A range with the lines around it in which a neighbour may stand: at most `lines` on each side, without those at the far end that are of other
/// folders than all of its frames.
fn around(folders: &[PathBuf], own: &Range<usize>, lines: usize) -> Range<usize> {
    let flights: BTreeSet<_> = folders
        .get(own.clone())
        .unwrap_or_default()
        .iter()
        .collect();
    let is_near = |at: &usize| {
        let folder = folders.get(*at);
        folder.is_some_and(|folder| flights.contains(folder))
    };
    let mut before = own.start.saturating_sub(lines)..own.start;
    let mut after = own.end..folders.len().min(own.end + lines);
    let from = before.find(is_near).unwrap_or(own.start);
    let to = after.rfind(is_near).map_or(own.end, |last| last + 1);
    from..to
}

/// The list of the lines in a range.
pub(super) fn list(manifest: &Manifest, range: &Range<usize>) -> Result<Vec<u8>, RunError> {
    let mut text = Vec::new();
    for line in manifest.lines().get(range.clone()).unwrap_or_default() {
        let line = LineText {
            file: line.path.clone(),
            commitment: hex::encode(&line.commitment),
            duplicate_of: line.duplicate_of.map(|FrameId(frame)| frame),
            is_read: line.is_read,
        };
        let json = serde_json::to_vec(&line);
        text.extend(json.ok().ok_or(RunError::Name { path: line.file })?);
        text.push(b'\n');
    }
    Ok(text)
}

/// `None` where it is not such a list.
pub(super) fn parse_list(text: &[u8]) -> Option<Vec<Line>> {
    let lines = text.strip_suffix(b"\n")?.split(|&byte| byte == b'\n');
    let parse = |line: &[u8]| {
        let line: LineText = serde_json::from_slice(line).ok()?;
        Some(Line {
            path: line.file,
            commitment: hex::decode_32(&line.commitment)?,
            duplicate_of: line.duplicate_of.map(FrameId),
            is_read: line.is_read,
        })
    };
    lines.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ten` frames of each of these folders.
    fn folders(names: &str, each: usize) -> Vec<PathBuf> {
        let names = names.chars().flat_map(|name| vec![name; each]);
        names.map(|name| name.to_string().into()).collect()
    }

    fn shards(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).unwrap()
    }

    #[test]
    fn borders_lie_between_flights_where_one_is_near() {
        let one = folders("a", 10);
        assert_eq!(cut(&one, shards(2)), [0..5, 5..10]);
        assert_eq!(cut(&one, shards(3)), [0..3, 3..6, 6..10]);
        assert_eq!(cut(&one, shards(1)).len(), 1);
        assert_eq!(cut(&one, shards(99)).len(), 10);
        // 45 frames a shard, borders at 45 and 90; flights end at 40 and 80, within 11 of these.
        let mut three = folders("ab", 40);
        three.extend(folders("c", 55));
        assert_eq!(cut(&three, shards(3)), [0..40, 40..80, 80..135]);
        // 67 is 13 from 80, within 16; nothing else is near.
        assert_eq!(cut(&three, shards(2)), [0..80, 80..135]);
    }

    #[test]
    fn every_frame_is_in_one_shard() {
        for each in [1, 2, 7, 31] {
            let all = folders("abacdd", each);
            for number in 1..40 {
                let ranges = cut(&all, shards(number));
                assert!(ranges.iter().all(|range| !range.is_empty()), "{ranges:?}");
                let frames: Vec<_> = ranges.into_iter().flatten().collect();
                assert_eq!(frames, (0..all.len()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn lines_of_other_flights_are_not_looked_at_but_between_those_of_its_own() {
        let all = folders("aba", 10);
        assert_eq!(around(&all, &(10..20), 8), 10..20);
        assert_eq!(around(&all, &(4..6), 8), 0..10);
        assert_eq!(around(&all, &(4..6), 2), 2..8);
        // Lines 18 and 19 are the last of the other folder, line 20 is its own flight's again.
        assert_eq!(around(&all, &(0..18), 3), 0..21);
        assert_eq!(around(&all, &(4..6), 0), 4..6);
    }
}
