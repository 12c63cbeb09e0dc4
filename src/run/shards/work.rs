//! One shard, by one of many workers.
//!
//! In: a planned folder and the number of a shard. Out: redacted rasters and the shard's result, whole or not at all. Refuses: to touch the log; to
//! take a file for lost that the plan could read: another machine may still see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;

use super::super::done::Done;
use super::super::frame_task::FrameTask;
use super::super::processed::{Input, Looked};
use super::super::reviewed::Decisions;
use super::super::window::{self, Find};
use super::super::{BEYOND_ENVELOPE, Outcome, Progress, Run, RunError, keys};
use super::plan::{Part, ShardPlan, Text, join, no_plan};
use super::result::{ShardResult, check_rasters, digest, doubtful, parse, read, write};
use crate::frame::FrameId;
use crate::store::layout;

/// Reasons to reject a file that another machine, or this one later, may not have.
const LOST: [&str; 3] = ["io", "changed", "sealed"];

/// What a worker did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Worked {
    /// Number of the shard.
    pub shard: usize,
    /// Its frames.
    pub frames: usize,
    /// Those that are published.
    pub frames_published: usize,
    /// Lines that were looked at for their neighbours alone.
    pub neighbours: usize,
    /// Whether it was done before, so that nothing was left to do.
    pub was_done: bool,
}

/// What became of first looks beside the shard's own frames.
#[derive(Default)]
struct Beside {
    neighbours: BTreeMap<u32, String>,
    lost: Option<RunError>,
    /// Whether a look failed near an end of the shard.
    has_failed: bool,
}

impl Run {
    /// Does one shard of the plan in [`Run::out`], unless it is done; `again` does it whatever is there. [`Run::inputs`] and [`Run::existing`] have
    /// no meaning here. Any number of workers may do this at once, the same shard too.
    ///
    /// # Errors
    ///
    /// [`RunError`] when the plan is not for this run, a file that the plan read is not there ([`RunError::Input`]), nothing can be written, or it
    /// was interrupted. Nothing but working files is left then.
    pub fn work(
        &self,
        shard: usize,
        again: bool,
        progress: &mut dyn Progress,
    ) -> Result<Worked, RunError> {
        self.watched(progress, |watchdog, progress| {
            let pool = self.pool()?;
            let store = join(&self.out)?;
            let plan = ShardPlan::read_in(&store)?.ok_or_else(|| no_plan(&self.out))?;
            let part = plan.part(&store, shard)?;
            let decisions = Decisions::read(self.reviewed.as_deref(), Some(&plan.opened))?;
            let keys = keys::input_keys(&self.out, &self.config, &decisions)?;
            plan.check(self, &keys, &decisions)?;
            let before = match read(&store, &plan, shard, &part) {
                _ if again => None,
                // Whatever is wrong with it, it is done anew.
                Err(RunError::Shard { .. }) => None,
                before => before?,
            };
            let whole = |result: &ShardResult| {
                check_rasters(&pool, self.threads, &store, &result.frames).is_ok()
            };
            if let Some(result) = before.filter(whole) {
                return Ok(worked(shard, &result, true));
            }

            let task = FrameTask::new(self, &keys, &decisions, &store, watchdog);
            let needed = self.neighbours(&pool, &task, &part)?;
            let (mut frames, mut beside) =
                self.own_frames(&pool, &task, &part, Some(&needed), progress)?;
            if beside.has_failed {
                // A look that failed makes another line somebody's neighbour: all around are looked at.
                (frames, beside) = self.own_frames(&pool, &task, &part, None, progress)?;
            }
            if self.interrupted.load(Ordering::SeqCst) {
                let (done, total) = (frames.len(), part.own.len());
                return Err(RunError::Interrupted { done, total });
            }
            let rasters = frames.iter().filter_map(|done| {
                let sha256 = done.output_sha256?;
                Some(layout::spilled_frame(done.id, &sha256))
            });
            let rasters: Vec<_> = rasters.collect();
            store.sync_spilled(rasters.iter().map(String::as_str))?;

            let refuse = |problem| doubtful(&store, shard, problem);
            let text = write(&plan, shard, beside.neighbours, &frames);
            let text = text.ok_or_else(|| refuse("it cannot be written down".into()))?;
            // Read as whoever merges will: what does not come back as it was is no result.
            let result = parse(&text, &plan, shard, &part).map_err(refuse)?;
            let pairs = result.frames.iter().zip(&frames);
            if !pairs.into_iter().all(|(read, made)| read.meta == made.meta) {
                return Err(refuse("its metadata does not come back as it was".into()));
            }
            store.keep(&layout::shard_result(shard), &Text(text))?;
            Ok(worked(shard, &result, false))
        })
    }
}

impl Run {
    /// A shard's own frames; of the lines around them those in `needed` are looked at, or all.
    fn own_frames(
        &self,
        pool: &ThreadPool,
        task: &FrameTask<'_>,
        part: &Part,
        needed: Option<&BTreeSet<FrameId>>,
        progress: &mut dyn Progress,
    ) -> Result<(Vec<Done>, Beside), RunError> {
        progress.stage("redacting", part.own.len());
        let reach = window::reach(self.config.detect.carry);
        let beside = Mutex::new(Beside::default());
        let noted = || beside.lock().unwrap_or_else(PoisonError::into_inner);
        let look = |input: Input<'_>| {
            let is_needed = needed.is_none_or(|needed| needed.contains(&input.id));
            if !part.owns(input.id) && !is_needed {
                return Looked::away(&input);
            }
            let looked = task.look(&input);
            noted().has_failed |= part.is_near_border(input.id, reach) && has_failed(&looked);
            if let Err(lost) = refuse_lost(part, input.id, &looked.processed.outcome) {
                noted().lost = Some(lost);
            } else if !part.owns(input.id) {
                let finds = digest(&finds(&looked));
                noted().neighbours.insert(input.id.0, finds);
            }
            looked
        };
        let mut frames: Vec<Done> = Vec::with_capacity(part.own.len());
        let result = self.both_halves(
            pool,
            task,
            &part.manifest,
            look,
            |id| part.owns(id),
            |done| {
                noted().lost.take().map_or(Ok(()), Err)?;
                progress.frame(done.id, part.manifest.path(done.id), &done.outcome);
                frames.push(done);
                Ok(())
            },
        );
        let mut beside = beside.into_inner().unwrap_or_else(PoisonError::into_inner);
        beside.lost.take().map_or(Ok(()), Err)?;
        result.map(|()| (frames, beside))
    }
}

/// Whether a frame was to be looked at, and no look came to its end.
fn has_failed(looked: &Looked) -> bool {
    let is_blind = looked.seen.as_ref().is_some_and(|seen| !seen.looked);
    let outcome = &looked.processed.outcome;
    is_blind && matches!(outcome, Outcome::Withheld(cause) if cause.reason != BEYOND_ENVELOPE)
}

/// Refuses to go on without a file that the plan could read.
pub(super) fn refuse_lost(part: &Part, id: FrameId, outcome: &Outcome) -> Result<(), RunError> {
    let line = part.manifest.line(id).filter(|line| line.is_read);
    match (line, outcome) {
        (Some(line), Outcome::Rejected(cause)) if LOST.contains(&cause.reason.as_str()) => {
            Err(RunError::Input {
                path: line.path.clone(),
                reason: cause.reason.clone(),
                detail: cause.detail.clone(),
            })
        }
        _ => Ok(()),
    }
}

fn finds(looked: &Looked) -> std::sync::Arc<[Find]> {
    let looks = looked.processed.looks.iter();
    Find::all_of(looks.map(|look| &look.detections))
}

fn worked(shard: usize, result: &ShardResult, was_done: bool) -> Worked {
    let published = result
        .frames
        .iter()
        .filter(|done| done.output_sha256.is_some());
    Worked {
        shard,
        frames: result.frames.len(),
        frames_published: published.count(),
        neighbours: result.neighbours.len(),
        was_done,
    }
}
