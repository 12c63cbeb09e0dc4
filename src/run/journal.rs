//! The log as the run's journal: what is in it is not done again.
//!
//! A frame's entries are appended together, its outcome last; an interrupted frame has no outcome and is
//! cut off on resume. There is no second state file that could disagree: beside it stand only notes about frames
//! that came to no end (`Store::note_unending`), and a plan's own files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::done::Done;
use super::frame_task::{FrameTask, guarded};
use super::keys::Keys;
use super::parts::drop_unfinished_parts;
use super::processed::{Input, Looked, Masked, Processed};
use super::window::Find;
use super::{Counts, Outcome, Run, RunError, record};
use crate::audit::{
    self, AuditError, CommitmentKey, Entry, FlightEvidence, Log, Placed, RunClosed, RunOpened,
    RunResumed, Signer, VerifyOptions,
};
use crate::frame::{FrameId, FrameMeta};
use crate::hex;
use crate::raster::Raster;
use crate::redact::SelfCheck;
use crate::store::{Existing, Receipt, Staged, Store, layout};
use crate::tiles::TilesError;

/// Frames between two times that the log is made durable.
const SYNC_EVERY: usize = 64;

/// The open log and what an earlier run wrote into it.
pub(super) struct Journal<'a> {
    log: Log<'a>,
    store: &'a Store,
    signer: &'a Signer,
    known: BTreeMap<FrameId, Known>,
    emitted: BTreeMap<String, String>,
    /// Results that were told of before an interruption.
    noted: Vec<Entry>,
    /// Flights that were, in order, and are to be told of again.
    flights: Vec<Entry>,
    /// Entries that publish files, with their place in the log.
    published: Vec<(u64, Entry)>,
    commitment: &'a CommitmentKey,
    /// Frames placed before an interruption.
    placed: BTreeMap<u32, Placed>,
    finished: bool,
    /// When the run began, or was gone on with.
    at: i64,
    counts: Counts,
    unsynced: usize,
}

/// A frame that has its outcome in the log.
#[derive(Debug, Clone)]
pub(super) struct Known {
    outcome: Outcome,
    /// Hash of the redacted raster, where it was published.
    output_sha256: Option<[u8; 32]>,
    bytes: u64,
    /// What its neighbours may have to hide.
    finds: Arc<[Find]>,
    /// Whether a model looked.
    looked: bool,
}

impl<'a> Journal<'a> {
    /// Opens the log: a new one begins with `run.opened`; one to go on with must be of the same run. What was planned begins with its plan's
    /// entry and was not interrupted by that.
    pub(super) fn open(
        store: &'a Store,
        run: &Run,
        keys: &'a Keys,
        opened: &RunOpened,
        is_planned: bool,
    ) -> Result<Self, RunError> {
        let (log, entries) = Log::open(store, &keys.signer)?;
        let mut journal = Self {
            log,
            store,
            signer: &keys.signer,
            known: BTreeMap::new(),
            emitted: BTreeMap::new(),
            noted: Vec::new(),
            flights: Vec::new(),
            published: Vec::new(),
            commitment: &keys.inputs.commitment,
            placed: BTreeMap::new(),
            finished: false,
            at: run.now,
            counts: Counts::default(),
            unsynced: 0,
        };
        // Stopped before its first entry was durable, a run begins anew.
        let is_unbegun = entries.is_empty() && Store::is_unbegun(store.root())?;
        if run.existing != Existing::Keep || is_unbegun {
            journal.log.append(&Entry::RunOpened(opened.clone()))?;
            journal.log.sync()?;
            return Ok(journal);
        }
        let path = || store.root().to_path_buf();
        let Some(Entry::RunOpened(before)) = entries.first() else {
            return Err(RunError::NothingToResume { path: path() });
        };
        if let Some(what) = record::differs(before, opened) {
            return Err(RunError::NotSame { path: path(), what });
        }
        if is_planned && before != opened {
            let what = "plan";
            return Err(RunError::NotSame { path: path(), what });
        }
        let is_first = is_planned && entries.len() == 1;
        if is_first {
            journal.at = before.at;
        }
        journal.recall(entries)?;
        if !journal.finished && !is_first {
            let frames = record::count(journal.known.len());
            journal.log.append(&Entry::RunResumed(RunResumed {
                at: run.now,
                frames,
            }))?;
            journal.log.sync()?;
        }
        Ok(journal)
    }

    /// Takes over what an earlier run wrote, without the entries of a frame that has no outcome.
    fn recall(&mut self, mut entries: Vec<Entry>) -> Result<(), RunError> {
        while entries
            .last()
            .is_some_and(|last| last.frame_under_way().is_some() && !last.is_outcome())
        {
            entries.pop();
        }
        drop_unfinished_parts(&mut entries);
        // Closed, but stopped before that was signed: the last files are made again, which says whether they are whole.
        if matches!(entries.last(), Some(Entry::RunClosed(_))) && self.log.signed() < self.log.len()
        {
            entries.pop();
        }
        self.log.truncate(entries.len() as u64)?;
        let mut bytes = 0;
        let (mut finds, mut looked) = (Vec::new(), false);
        for (index, entry) in (0..).zip(entries) {
            if matches!(entry, Entry::TileEmitted(_) | Entry::Buildings(_)) {
                self.published.push((index, entry.clone()));
            }
            let (frame, outcome, output_sha256) = match entry {
                Entry::Ingested(ingested) => {
                    bytes = ingested.bytes;
                    continue;
                }
                Entry::Detected(detected) => {
                    if detected.is_first_look() {
                        looked |= detected.model.is_some() && detected.skipped.is_none();
                        finds.extend(detected.found.iter().filter_map(Find::of));
                    }
                    continue;
                }
                Entry::TileEmitted(tile) => {
                    self.emitted.insert(tile.path, tile.sha256);
                    continue;
                }
                Entry::Placed(placed) => {
                    self.placed.insert(placed.frame, placed);
                    continue;
                }
                flight @ Entry::Flight(_) => {
                    self.flights.push(flight);
                    continue;
                }
                result @ (Entry::Objection(_) | Entry::HeatLoss(_) | Entry::Buildings(_)) => {
                    self.noted.push(result);
                    continue;
                }
                Entry::RunClosed(_) => {
                    self.finished = true;
                    continue;
                }
                other => match (other.frame_under_way(), record::outcome(&other)) {
                    (Some(frame), Some((outcome, sha256))) => (frame, outcome, sha256),
                    _ => continue,
                },
            };
            self.counts.add(&outcome);
            self.known.insert(
                FrameId(frame),
                Known {
                    outcome,
                    output_sha256,
                    bytes,
                    finds: std::mem::take(&mut finds).into(),
                    looked: std::mem::take(&mut looked),
                },
            );
        }
        Ok(())
    }

    /// Frames that have their outcome already.
    pub(super) fn known(&self) -> BTreeMap<FrameId, Known> {
        self.known.clone()
    }

    /// The counts and the checkpoint of a run that was finished before and verifies; `None` where there is work to do.
    pub(super) fn closed(&mut self) -> Result<Option<(Counts, String)>, RunError> {
        if !self.finished {
            return Ok(None);
        }
        audit::refuse_unsigned(self.store, &self.log)?;
        let checkpoint = self.sign()?;
        // A run that replaces another may have been stopped while it removed that one's files.
        let path = self.store.root();
        let found = audit::verify(path, &VerifyOptions::default())?;
        if !found.ok() {
            let (path, problems) = (path.to_path_buf(), found.problems);
            return Err(AuditError::Unverified { path, problems }.into());
        }
        Ok(Some((self.counts, checkpoint)))
    }

    /// Signs the whole log and writes the proofs of all files under that checkpoint.
    pub(super) fn sign(&mut self) -> Result<String, RunError> {
        let checkpoint = self.log.checkpoint()?;
        audit::write_proofs(self.store, self.signer, &self.published)?;
        Ok(checkpoint)
    }

    /// Logs one frame, unless it is logged already: then what came out again must be the same.
    pub(super) fn frame(&mut self, done: &Done) -> Result<(), RunError> {
        if let Some(known) = self.known.get(&done.id) {
            let same = known.outcome == done.outcome && known.output_sha256 == done.output_sha256;
            return if same {
                Ok(())
            } else {
                Err(RunError::Working { frame: done.id.0 })
            };
        }
        for entry in &done.entries {
            self.log.append(entry)?;
        }
        self.counts.add(&done.outcome);
        self.unsynced += 1;
        if self.unsynced >= SYNC_EVERY {
            self.sync()?;
        }
        // Only here: a checkpoint must not cover part of a frame, which is cut off on resume.
        Ok(self.log.checkpoint_if_due()?)
    }

    /// Makes the log durable.
    pub(super) fn sync(&mut self) -> Result<(), RunError> {
        self.unsynced = 0;
        Ok(self.log.sync()?)
    }

    /// Logs how frames were laid on the ground, once: an interrupted run may have begun to.
    pub(super) fn placed(&mut self, placed: &[Placed]) -> Result<(), RunError> {
        for placed in placed {
            match self.placed.get(&placed.frame) {
                Some(before) if before == placed => {}
                Some(_) => {
                    let path = format!("the place of frame {}", placed.frame);
                    return Err(RunError::OtherBytes { path });
                }
                None => self.log.append(&Entry::Placed(*placed))?,
            }
        }
        Ok(())
    }

    /// Logs how flights were laid on the ground, once: an interrupted run may have begun to.
    pub(super) fn flights(&mut self, flights: &[FlightEvidence]) -> Result<(), RunError> {
        let entries = flights.iter().flat_map(record::flight);
        let mut before = std::mem::take(&mut self.flights).into_iter();
        for entry in entries {
            match before.next() {
                Some(before) if before == entry => {}
                Some(_) => {
                    let path = "the place of a flight".into();
                    return Err(RunError::OtherBytes { path });
                }
                None => self.log.append(&entry)?,
            }
        }
        Ok(())
    }

    /// Logs the table of buildings durably, once.
    pub(super) fn buildings(&mut self, entries: Vec<Entry>) -> Result<(), RunError> {
        if self.has_noted(&entries, "the table of buildings")? {
            return Ok(());
        }
        self.append_published(entries)?;
        self.sync()
    }

    /// Whether an interrupted run told these `entries`, which are of one kind; an error where it told others of `what`.
    fn has_noted(&self, entries: &[Entry], what: &str) -> Result<bool, RunError> {
        let kind = entries.first().map(std::mem::discriminant);
        let noted = self.noted.iter();
        let mut before = noted
            .filter(|noted| Some(std::mem::discriminant(*noted)) == kind)
            .peekable();
        if before.peek().is_none() {
            return Ok(false);
        }
        if before.eq(entries) {
            return Ok(true);
        }
        let path = what.into();
        Err(RunError::OtherBytes { path })
    }

    /// Logs entries that publish a file.
    fn append_published(&mut self, entries: Vec<Entry>) -> Result<(), RunError> {
        for entry in entries {
            self.log.append(&entry)?;
            self.published.push((self.log.len() - 1, entry));
        }
        Ok(())
    }

    /// Logs durably what is told of once a run, in one entry or in several of a kind: an interrupted run may have told it.
    pub(super) fn note(&mut self, entries: Vec<Entry>) -> Result<(), RunError> {
        if self.has_noted(&entries, "a result of the run")? {
            return Ok(());
        }
        for entry in &entries {
            self.log.append(entry)?;
        }
        self.noted.extend(entries);
        self.sync()
    }

    /// The commitment to a file that is not public.
    pub(super) fn commit(&self, bytes: &[u8]) -> [u8; 32] {
        self.commitment.commit(bytes)
    }

    /// Logs a staged file durably, then gives it its final name.
    pub(super) fn publish(
        &mut self,
        staged: Staged,
        frames: &[FrameId],
    ) -> Result<Receipt, RunError> {
        let receipt = staged.receipt();
        match self.emitted.get(&receipt.path) {
            Some(sha256) if *sha256 == hex::encode(&receipt.sha256) => {}
            Some(_) => {
                let path = receipt.path.clone();
                return Err(RunError::OtherBytes { path });
            }
            None => self.append_published(record::tile(receipt, frames))?,
        }
        self.sync()?;
        Ok(staged.commit()?)
    }

    /// Signs what is there, so that an interrupted run can be shown to be a beginning of the whole one.
    pub(super) fn interrupt(&mut self) -> Result<(), RunError> {
        self.log.checkpoint()?;
        Ok(())
    }

    /// Logs the balance, and gives the checkpoint with which [`Journal::sign`] will sign it.
    pub(super) fn close(&mut self) -> Result<String, RunError> {
        let Counts {
            total,
            published,
            withheld,
            rejected,
        } = self.counts;
        self.log.append(&Entry::RunClosed(RunClosed {
            at: self.at,
            total: record::count(total),
            published: record::count(published),
            withheld: record::count(withheld),
            rejected: record::count(rejected),
        }))?;
        self.sync()?;
        Ok(self.log.next_checkpoint()?)
    }
}

impl Known {
    /// The frame as the earlier run left it; `None` where its working file is gone or damaged, so that it
    /// must be made again.
    pub(super) fn reload(&self, task: &FrameTask<'_>, input: &Input<'_>) -> Option<Looked> {
        let mut processed = Processed::new(input);
        let decoded = guarded(|| task.decode(input, &mut processed).map(drop));
        if decoded.is_err() && !matches!(self.outcome, Outcome::Rejected(_)) {
            // Looked at again: its neighbours must not go without what was found in it because a disk stumbled.
            return None;
        }
        // The log has its entries, and `Journal::frame` makes none again: what is left out below is told nobody.
        processed.bytes = self.bytes;
        processed.outcome = self.outcome.clone();
        if let Some(output_sha256) = self.output_sha256 {
            let meta = processed.meta.as_ref()?;
            load(task.store, input.id, meta, &output_sha256).ok()?;
            processed.masked = Some(Masked {
                mask_sha256: [0; 32],
                hidden_pixels: 0,
                output_sha256,
                self_check: SelfCheck::default(),
            });
        }
        Some(Looked {
            seen: task.seen(
                input,
                processed.meta.as_ref(),
                Arc::clone(&self.finds),
                self.looked,
            ),
            ready: None,
            processed,
        })
    }
}

/// Temperatures of a redacted frame from the work folder.
///
/// # Errors
///
/// [`RunError::Spilled`] where they cannot be had or are not those of the log, [`RunError::Tiles`] where they are no raster of that size.
pub(super) fn load(
    store: &Store,
    id: FrameId,
    meta: &FrameMeta,
    sha256: &[u8; 32],
) -> Result<Raster<f32>, RunError> {
    let count = meta.width.saturating_mul(meta.height);
    let celsius = store
        .read_spilled(&layout::spilled_frame(id, sha256), sha256, count)
        .map_err(|source| RunError::Spilled {
            frame: id.0,
            source,
        })?;
    let raster = Raster::new(meta.width, meta.height, celsius);
    Ok(raster.map_err(TilesError::from)?)
}
