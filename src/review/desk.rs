//! A finished run as a reviewer meets it: its frames, what became of them, and what was decided so far.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{ReviewError, sample};
use crate::audit::{
    self, AuditError, CommitmentKey, Detected, Entry, Ingested, Masked, NotPublished, RunOpened,
};
use crate::hex;
use crate::ingest::{self, Limits};
use crate::run;
use crate::run::frame_files;
use crate::seal::IntakeKey;
use crate::store::layout;

/// A finished run under review, which verified when it was opened.
#[derive(Debug)]
pub struct Desk {
    pub(super) folder: PathBuf,
    pub(super) opened: RunOpened,
    /// Entries up to and with `run.closed`.
    closed: usize,
    pub(super) entries: Vec<Entry>,
    /// Over these, hex.
    pub(super) root: String,
    frames: BTreeMap<u32, Told>,
    files: BTreeMap<u32, PathBuf>,
    pub(super) intake: Option<IntakeKey>,
}

/// What the log tells of one frame.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) ingested: Option<Ingested>,
    pub(super) looks: Vec<Detected>,
    pub(super) masked: Option<Masked>,
    pub(super) withheld: Option<NotPublished>,
    decision: Option<(String, Vec<String>)>,
}

/// One frame in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Number in the manifest.
    pub frame: u32,
    /// Its file, where the operator's list still names it.
    pub file: Option<PathBuf>,
    /// `published`, `withheld` or `rejected`.
    pub outcome: &'static str,
    /// Short machine name of the reason, where it was not published.
    pub reason: Option<String>,
    /// The reason in words.
    pub detail: Option<String>,
    /// Finds by class, each counted as often as it was found.
    pub found: BTreeMap<String, usize>,
    /// The last decision, where there is one.
    pub decision: Option<String>,
    /// Who signed it.
    pub decided_by: Vec<String>,
}

impl Desk {
    /// Verifies the folder, then reads the log and the operator's list of names: a picture is drawn from what the log says was found.
    ///
    /// # Errors
    ///
    /// [`ReviewError::Audit`] when the folder does not verify; [`ReviewError::NotFinished`] without `run.closed`, [`ReviewError::Audit`] or [`ReviewError::Io`] when a file cannot be read. A
    /// list that was deleted is empty.
    pub fn open(folder: &Path) -> Result<Self, ReviewError> {
        let found = audit::verify(folder, &audit::VerifyOptions::default())?;
        if !found.ok() {
            return Err(AuditError::Unverified {
                path: folder.to_path_buf(),
                problems: found.problems,
            }
            .into());
        }
        let entries = audit::read_verified(folder, &found.root)?;
        let end = |entry: &Entry| matches!(entry, Entry::RunClosed(_));
        let (Some(Entry::RunOpened(opened)), Some(end)) =
            (entries.first(), entries.iter().position(end))
        else {
            return Err(ReviewError::NotFinished {
                path: folder.to_path_buf(),
            });
        };
        let files = frame_files(folder).map_err(|source| ReviewError::Io {
            path: folder.join(layout::FRAME_LIST),
            source,
        })?;
        Ok(Self {
            folder: folder.to_path_buf(),
            opened: opened.clone(),
            closed: end + 1,
            frames: told(&entries),
            entries,
            root: found.root,
            files,
            intake: None,
        })
    }

    /// Takes the key that opens sealed inputs.
    #[must_use]
    pub fn with_intake_key(mut self, key: Option<IntakeKey>) -> Self {
        self.intake = key;
        self
    }

    /// Frames that were withheld, in order.
    pub fn withheld(&self) -> impl Iterator<Item = Case> {
        let withheld = self
            .frames
            .iter()
            .filter(|(_, told)| told.withheld.is_some());
        withheld.map(|(&frame, told)| self.case(frame, told))
    }

    /// A share of the published frames, in order, chosen by the log itself and by `seed`, the reviewer's own word: the operator can
    /// choose neither. At least one, where any was published.
    ///
    /// # Errors
    ///
    /// [`ReviewError::Share`] unless `share` lies above 0 and at most at 1.
    pub fn sampled(&self, share: f64, seed: &str) -> Result<Vec<Case>, ReviewError> {
        let published = self.frames.iter().filter(|(_, told)| told.masked.is_some());
        let published: Vec<u32> = published.map(|(&frame, _)| frame).collect();
        let root = audit::root_of(self.entries.get(..self.closed).unwrap_or_default())?;
        let chosen = sample::choose(&published, &root, seed, share)?;
        let case = |frame: u32| Some(self.case(frame, self.frames.get(&frame)?));
        Ok(chosen.into_iter().filter_map(case).collect())
    }

    fn case(&self, frame: u32, told: &Told) -> Case {
        let mut found = BTreeMap::new();
        for look in told.looks.iter().flat_map(|look| &look.found) {
            *found.entry(look.class.clone()).or_default() += 1;
        }
        let reason = told.withheld.as_ref();
        Case {
            frame,
            file: self.files.get(&frame).cloned(),
            outcome: told.outcome(),
            reason: reason.map(|entry| entry.reason.clone()),
            detail: reason.map(|entry| entry.detail.clone()),
            found,
            decision: told.decision.as_ref().map(|(decision, _)| decision.clone()),
            decided_by: told
                .decision
                .iter()
                .flat_map(|(_, by)| by.clone())
                .collect(),
        }
    }

    /// What the log tells of a frame.
    pub(super) fn frame(&self, frame: u32) -> Result<&Told, ReviewError> {
        self.frames.get(&frame).ok_or(ReviewError::NoFrame {
            frame,
            count: self.opened.manifest.count,
        })
    }

    /// The frame's input, once it is known to be the file that the run took in.
    pub(super) fn input(
        &self,
        frame: u32,
        key: &CommitmentKey,
        intake: Option<&IntakeKey>,
    ) -> Result<(&Path, Vec<u8>), ReviewError> {
        let file = self.files.get(&frame).ok_or_else(|| ReviewError::NoName {
            path: self.folder.join(layout::FRAME_LIST),
            frame,
        })?;
        let bytes = ingest::open(file, &Limits::default(), intake)?.bytes;
        let taken_in = self.frame(frame)?.ingested.as_ref();
        let commitment = hex::encode(&key.commit(&bytes));
        if taken_in.is_some_and(|taken_in| taken_in.commitment == commitment) {
            Ok((file, bytes))
        } else {
            Err(ReviewError::OtherFile {
                path: file.clone(),
                frame,
            })
        }
    }

    /// The key of the run's commitments: the one that was given, else its own.
    pub(super) fn commitment_key(
        &self,
        given: Option<&Path>,
    ) -> Result<CommitmentKey, ReviewError> {
        let own = self.folder.join(layout::COMMITMENT_KEY);
        Ok(CommitmentKey::load(given.unwrap_or(&own))?)
    }
}

impl Told {
    pub(super) fn outcome(&self) -> &'static str {
        match (&self.masked, &self.withheld) {
            (Some(_), _) => run::PUBLISHED,
            (_, Some(_)) => run::WITHHELD,
            _ => run::REJECTED,
        }
    }
}

fn told(entries: &[Entry]) -> BTreeMap<u32, Told> {
    let mut frames: BTreeMap<u32, Told> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Ingested(entry) => {
                frames.entry(entry.frame).or_default().ingested = Some(entry.clone());
            }
            Entry::Detected(entry) => {
                frames
                    .entry(entry.frame)
                    .or_default()
                    .looks
                    .push(entry.clone());
            }
            Entry::Masked(entry) => {
                frames.entry(entry.frame).or_default().masked = Some(entry.clone());
            }
            Entry::Withheld(entry) => {
                frames.entry(entry.frame).or_default().withheld = Some(entry.clone());
            }
            Entry::Review(entry) => {
                let by = entry
                    .signatures
                    .iter()
                    .map(|signature| signature.key.clone());
                frames.entry(entry.frame).or_default().decision =
                    Some((entry.decision.clone(), by.collect()));
            }
            _ => {}
        }
    }
    frames
}
