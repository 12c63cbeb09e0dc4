//! A decision: checked against run and input, signed, logged, covered by a new checkpoint.

use std::borrow::Cow;
use std::path::Path;

use super::{Desk, ReviewError};
use crate::audit::{self, Entry, ReviewDecided, Signer};
use crate::frame::FrameId;
use crate::ingest::{self, IngestOptions};
use crate::run;
use crate::store::{Artifact, sealed};

/// What a person decided about a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Number in the manifest.
    pub frame: u32,
    /// `approve`, `reject`, `release` or `confirm`: see [`ReviewDecided`].
    pub decision: String,
    /// In words.
    pub reason: String,
    /// Also hidden: left, top, right, bottom in whole pixels, the last two one past the box.
    pub hide: Vec<[u32; 4]>,
    /// Not hidden, for a `release`; empty opens the whole frame.
    pub open: Vec<[u32; 4]>,
}

/// Who signs a decision, and the log.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    /// The key that signs the log.
    pub log: &'a Signer,
    /// The reviewer.
    pub reviewer: &'a Signer,
    /// A second person, for a `release`.
    pub second: Option<&'a Signer>,
}

/// A `release` with the first of its two signatures, on its way to the second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal(ReviewDecided);

impl Proposal {
    /// Reads what [`Desk::propose`] made.
    ///
    /// # Errors
    ///
    /// [`ReviewError::NoProposal`] when it is anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReviewError> {
        match Entry::from_line(bytes.trim_ascii()) {
            Some(Entry::Review(decided))
                if decided.signatures.len() == 1 && decided.decision == "release" =>
            {
                Ok(Self(decided))
            }
            _ => Err(ReviewError::NoProposal),
        }
    }

    /// What is proposed, for whoever is to sign it.
    #[must_use]
    pub fn decided(&self) -> &ReviewDecided {
        &self.0
    }
}

impl sealed::Sealed for Proposal {}

/// The entry as it would stand in the log.
impl Artifact for Proposal {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let line = Entry::Review(self.0.clone()).to_line();
        line.unwrap_or_default().into()
    }
}

impl Desk {
    /// Logs a decision made at `at`, seconds since 1970, and returns the new checkpoint.
    ///
    /// # Errors
    ///
    /// [`ReviewError`] when it does not fit the frame, its input is not the file of the manifest, a box lies outside, a signature
    /// is missing, or the log cannot be gone on with. Nothing is logged then.
    pub fn decide(
        &self,
        decision: Decision,
        people: People<'_>,
        commitment_key: Option<&Path>,
        at: i64,
    ) -> Result<String, ReviewError> {
        let decision = self.checked(decision, commitment_key)?;
        let signers: Vec<&Signer> = [Some(people.reviewer), people.second]
            .into_iter()
            .flatten()
            .collect();
        if signers.iter().any(|signer| signer.is_same(people.log)) {
            return Err(ReviewError::LogKey);
        }
        audit::append_what(&self.folder, people.log, |before, root| {
            check_clock(before, at)?;
            let signed = decision.at(at, root).signed(&signers)?;
            Ok(vec![Entry::Review(signed)])
        })
    }

    /// Signs a `release` for a second person to sign too. Nothing is logged; what is logged before that undoes the proposal.
    ///
    /// # Errors
    ///
    /// As [`Desk::decide`].
    pub fn propose(
        &self,
        decision: Decision,
        reviewer: &Signer,
        commitment_key: Option<&Path>,
        at: i64,
    ) -> Result<Proposal, ReviewError> {
        let decision = self.checked(decision, commitment_key)?;
        check_clock(&self.entries, at)?;
        let decided = decision.at(at, &self.root).countersigned(reviewer)?;
        // Refuses what the log would refuse, but for the signature that is still missing.
        Entry::Review(decided.clone()).to_line()?;
        Ok(Proposal(decided))
    }

    /// Logs a proposal with the second person's signature and returns the new checkpoint.
    ///
    /// # Errors
    ///
    /// As [`Desk::decide`]; [`ReviewError::Stale`] when the log has gone on since it was proposed; [`ReviewError::Ahead`] when it was proposed after
    /// `now`, seconds since 1970: later decisions would have to be later still.
    pub fn countersign(
        &self,
        proposal: Proposal,
        log: &Signer,
        second: &Signer,
        commitment_key: Option<&Path>,
        now: i64,
    ) -> Result<String, ReviewError> {
        let Proposal(decided) = proposal;
        if decided.at > now {
            let at = decided.at;
            return Err(ReviewError::Ahead { at, now });
        }
        self.checked(Decision::of(&decided), commitment_key)?;
        if second.is_same(log) {
            return Err(ReviewError::LogKey);
        }
        audit::append_what(&self.folder, log, |_, root| {
            if decided.root != root {
                return Err(ReviewError::Stale);
            }
            // Who signed first, over what, and that it is another person, is asked when it is appended.
            Ok(vec![Entry::Review(decided.countersigned(second)?)])
        })
    }

    /// A decision that fits its frame and input, with the boxes that it opens.
    fn checked(
        &self,
        mut decision: Decision,
        commitment_key: Option<&Path>,
    ) -> Result<Decision, ReviewError> {
        let frame = decision.frame;
        let outcome = self.frame(frame)?.outcome();
        let fits = match decision.decision.as_str() {
            "confirm" => outcome == run::PUBLISHED,
            _ => outcome != run::REJECTED,
        };
        if !fits {
            return Err(ReviewError::DoesNotFit {
                frame,
                outcome,
                decision: decision.decision,
            });
        }
        let (file, bytes) = self.input(
            frame,
            &self.commitment_key(commitment_key)?,
            self.intake.as_ref(),
        )?;
        if decision.decision == "release" || !decision.hide.is_empty() {
            let options = IngestOptions {
                tiff_scale: Some(ingest::TiffScale {
                    scale: 1.0,
                    offset: 0.0,
                }),
                ..IngestOptions::default()
            };
            let shape = ingest::decode(FrameId(frame), file, &bytes, &options)?.shape();
            if decision.decision == "release" && decision.open.is_empty() {
                let edge = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
                decision.open.push([0, 0, edge(shape.0), edge(shape.1)]);
            }
            check(decision.hide.iter().chain(&decision.open), shape)?;
        }
        Ok(decision)
    }
}

impl Decision {
    /// As an entry that nobody signed yet.
    fn at(self, at: i64, root: &str) -> ReviewDecided {
        ReviewDecided {
            at,
            frame: self.frame,
            decision: self.decision,
            reason: self.reason,
            hide: self.hide,
            open: self.open,
            root: root.to_owned(),
            signatures: Vec::new(),
        }
    }

    fn of(decided: &ReviewDecided) -> Self {
        Self {
            frame: decided.frame,
            decision: decided.decision.clone(),
            reason: decided.reason.clone(),
            hide: decided.hide.clone(),
            open: decided.open.clone(),
        }
    }
}

/// Refuses a decision that would stand behind a younger entry.
fn check_clock(before: &[Entry], at: i64) -> Result<(), ReviewError> {
    let last = before.iter().filter_map(Entry::at).max();
    match last.filter(|last| at < *last) {
        Some(last) => Err(ReviewError::Clock { last, at }),
        None => Ok(()),
    }
}

/// Refuses boxes that are empty or reach out of the frame: a typing error would hide nothing.
fn check<'a>(
    boxes: impl Iterator<Item = &'a [u32; 4]>,
    (width, height): (usize, usize),
) -> Result<(), ReviewError> {
    for &bbox in boxes {
        let [x0, y0, x1, y1] = bbox;
        let within = |edge: u32, side: usize| usize::try_from(edge).is_ok_and(|edge| edge <= side);
        if x0 >= x1 || y0 >= y1 || !within(x1, width) || !within(y1, height) {
            return Err(ReviewError::Box {
                bbox,
                width,
                height,
            });
        }
    }
    Ok(())
}
