//! Shards put together: the run itself, as after an interruption, with frames from workers instead of from looking.
//!
//! In: a planned folder whose shards are done. Out: what [`Run::execute`] leaves. Refuses: before the first frame enters the log, and without having
//! published anything, whatever is missing or doubtful: a shard, a byte of a result, a raster, two shards that saw another thing in one frame.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rayon::ThreadPool;

use super::super::done::{Done, Taking};
use super::super::frame_task::FrameTask;
use super::super::intake::Manifest;
use super::super::journal::Journal;
use super::super::keys::Keys;
use super::super::reviewed::Decisions;
use super::super::window::Find;
use super::super::{Begun, Progress, Run, RunError, Summary, keys, record};
use super::plan::{Shard, ShardPlan, damaged, no_plan};
use super::result::{ShardResult, check_rasters, digest, doubtful, read};
use crate::audit::{self, AuditError, Entry, VerifyOptions};
use crate::store::{self, Existing, Store, layout};

impl Run {
    /// Makes the run of the plan in [`Run::out`] of its shards; `None` where that was done before. [`Run::inputs`] has no meaning here, and
    /// [`Run::existing`] is to be [`Existing::Keep`].
    ///
    /// # Errors
    ///
    /// [`RunError::Missing`] and [`RunError::Shard`] where shards are not done or not taken; else as [`Run::execute`].
    pub fn merge(&self, progress: &mut dyn Progress) -> Result<Option<Summary>, RunError> {
        self.watched(progress, |watchdog, progress| {
            let started = Instant::now();
            let pool = self.pool()?;
            if !store::exists(&self.out.join(layout::LOG))? {
                return Err(no_plan(&self.out));
            }
            let store = Store::open(&self.out, Existing::Keep)?;
            store.sync_names()?;
            let Some(plan) = ShardPlan::read_in(&store)? else {
                return finish(&store).map(|()| None);
            };
            match finish(&store) {
                // Stopped while it cleared up: what else the plan names may be gone.
                Ok(()) => return Ok(None),
                Err(RunError::NoPlan { .. } | RunError::Audit(_)) => {}
                Err(error) => return Err(error),
            }
            let decisions = Decisions::read(self.reviewed.as_deref(), Some(&plan.opened))?;
            let inputs = keys::input_keys(&self.out, &self.config, &decisions)?;
            plan.check(self, &inputs, &decisions)?;
            let keys = Keys::find(&self.out, Existing::Keep, &self.config, &decisions)?;
            if keys.signer.verifier() != plan.verifier {
                let (path, what) = (self.out.clone(), "key of the log");
                return Err(RunError::NotPlanned { path, what });
            }
            let (manifest, taken) = self.check_all(&pool, &store, &plan, progress)?;
            let begun = Begun {
                store,
                keys,
                decisions,
                manifest,
                opened: plan.opened.clone(),
                unreadable: plan.unreadable,
                ignored: plan.ignored,
            };
            let journal = Journal::open(&begun.store, self, &begun.keys, &begun.opened, true)?;
            let frames = |_: &FrameTask<'_>, taking: &mut Taking<'_, '_>| {
                self.take_all(&begun.store, &plan, &taken, taking)
            };
            self.complete(started, &pool, watchdog, &begun, journal, frames, progress)
                .map(Some)
        })
    }

    /// Reads every result, and returns the whole manifest and the SHA-256 of each result.
    fn check_all(
        &self,
        pool: &ThreadPool,
        store: &Store,
        plan: &ShardPlan,
        progress: &mut dyn Progress,
    ) -> Result<(Manifest, Vec<String>), RunError> {
        let mut missing = Vec::new();
        for number in 0..plan.shards.len() {
            if !store.has_kept(&layout::shard_result(number))? {
                missing.push(number);
            }
        }
        if !missing.is_empty() {
            return Err(RunError::Missing {
                path: store.root().to_path_buf(),
                shards: in_words(&missing),
                total: plan.shards.len(),
            });
        }
        progress.stage("checking shards", plan.shards.len());
        let (mut lines, mut taken) = (Vec::new(), Vec::new());
        let mut claims: Claims = BTreeMap::new();
        let mut seen: BTreeMap<u32, String> = BTreeMap::new();
        for (number, shard) in plan.shards.iter().enumerate() {
            let part = plan.part(store, number)?;
            let result = read(store, plan, number, &part)?
                .ok_or_else(|| doubtful(store, number, "it is gone".into()))?;
            check_rasters(pool, self.threads, store, &result.frames)
                .map_err(|problem| doubtful(store, number, problem))?;
            claim(&mut claims, number, &result);
            seen.extend(seen_by_both(plan, shard, &result));
            taken.push(result.sha256);
            let own = part.manifest.into_lines().into_iter();
            lines.extend(own.skip(shard.first - shard.from).take(part.own.len()));
            progress.step();
        }
        for (frame, claims) in claims {
            if let Some((shard, _)) = claims
                .iter()
                .find(|(_, claim)| seen.get(&frame) != Some(claim))
            {
                let problem = format!(
                    "it saw another thing in frame {frame} than the shard whose frame that is; their machines are of different kinds, or a look failed"
                );
                return Err(doubtful(store, *shard, problem));
            }
        }
        let manifest = Manifest::part(0, lines);
        if record::manifest(&manifest.commitments()) != plan.opened.manifest {
            return Err(damaged(store, "its lines are not the manifest of the log"));
        }
        Ok((manifest, taken))
    }

    /// Takes in the frames of all shards.
    fn take_all(
        &self,
        store: &Store,
        plan: &ShardPlan,
        taken: &[String],
        taking: &mut Taking<'_, '_>,
    ) -> Result<(), RunError> {
        for (number, sha256) in taken.iter().enumerate() {
            let part = plan.part(store, number)?;
            let result = read(store, plan, number, &part)?;
            let result = result.filter(|result| result.sha256 == *sha256);
            let result = result
                .ok_or_else(|| doubtful(store, number, "it changed during the merge".into()))?;
            for done in result.frames {
                if self.interrupted.load(Ordering::SeqCst) {
                    return Ok(());
                }
                taking.take(done)?;
            }
        }
        Ok(())
    }
}

/// By frame: which shards say that they saw what in it.
type Claims = BTreeMap<u32, Vec<(usize, String)>>;

fn claim(claims: &mut Claims, shard: usize, result: &ShardResult) {
    for (frame, digest) in &result.neighbours {
        let claims = claims.entry(*frame).or_default();
        claims.push((shard, digest.clone()));
    }
}

/// What a shard saw in those of its frames that other shards look at too.
fn seen_by_both(plan: &ShardPlan, shard: &Shard, result: &ShardResult) -> Vec<(u32, String)> {
    let others = plan.shards.iter().filter(|other| *other != shard);
    let around = others.map(|other| other.from..other.to);
    let around: Vec<_> = around
        .filter(|lines| lines.start < shard.end && shard.first < lines.end)
        .collect();
    let is_claimed = |done: &&Done| {
        let frame = usize::try_from(done.id.0).unwrap_or(usize::MAX);
        around.iter().any(|lines| lines.contains(&frame))
    };
    let claimed = result.frames.iter().filter(is_claimed);
    let saw = |done: &Done| (done.id.0, digest(&Find::logged(&done.entries)));
    claimed.map(saw).collect()
}

/// Numbers, runs of them as ranges: `3, 5-7`.
fn in_words(numbers: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last): &(usize, usize)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

/// Where there is no plan: whether its merge was finished before, perhaps stopped while it cleared up, which is done then.
///
/// # Errors
///
/// [`RunError::NoPlan`] where no run was finished there, [`RunError::Audit`] where it does not verify.
pub fn finish_merged(folder: &Path) -> Result<(), RunError> {
    if !store::exists(&folder.join(layout::LOG))? {
        return Err(no_plan(folder));
    }
    finish(&Store::open(folder, Existing::Keep)?)
}

/// Clears up after a merge whose log is closed, signed to its end, and verifies.
fn finish(store: &Store) -> Result<(), RunError> {
    let root: &Path = store.root();
    let entries = audit::read(root)?;
    let closed = |entry: &Entry| matches!(entry, Entry::RunClosed(_));
    if !store::exists(&root.join(layout::CHECKPOINT))? || !entries.iter().any(closed) {
        return Err(no_plan(root));
    }
    let found = audit::verify(root, &VerifyOptions::default())?;
    if !found.ok() {
        let (path, problems) = (root.to_path_buf(), found.problems);
        return Err(AuditError::Unverified { path, problems }.into());
    }
    Ok(store.clear_work()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_numbers_are_ranges() {
        assert_eq!(in_words(&[3, 5, 6, 7, 9]), "3, 5-7, 9");
        assert_eq!(in_words(&[]), "");
    }
}
