//! Goes on with the log of a finished run: what people decide later.
//!
//! In: a run's folder, the key of its log, decisions. Out: the new checkpoint, and every file's proof under it. Refuses: a log that is not
//! closed, does not verify or is of another key; decisions that do not fit the run. Nothing is written then.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tlog_tiles::record_hash;

use super::log::Record;
use super::proof::{self, Publication};
use super::statement::Statement;
use super::{
    AuditError, Entry, Log, PublishedFile, ReleaseApproved, Signer, Verification, VerifyOptions,
    files, keys, reviewers, story,
};
use crate::hex;
use crate::store::{self, Existing, Staged, Store, layout};

/// Appends decisions to the log of the finished run in `dir`, durably, and returns the new checkpoint.
///
/// # Errors
///
/// [`AuditError::Unverified`] when the folder does not verify with the signer's key, its run is not closed, or the decisions do not fit
/// it; [`AuditError::Store`] when another program holds the folder or it cannot be written.
pub fn append_after(dir: &Path, signer: &Signer, entries: &[Entry]) -> Result<String, AuditError> {
    append_what(dir, signer, |_, _| Ok(entries.to_vec()))
}

/// As [`append_after`], for decisions that depend on the log before them: `decide` gets its entries and its root (hex) while nobody else
/// can go on with it.
///
/// # Errors
///
/// As [`append_after`], and what `decide` says.
pub fn append_what<E: From<AuditError>>(
    dir: &Path,
    signer: &Signer,
    decide: impl FnOnce(&[Entry], &str) -> Result<Vec<Entry>, E>,
) -> Result<String, E> {
    within(dir, |store| {
        recover(store, signer)?;
        let found = check(store, signer)?;
        let before = Log::open(store, signer)?.1;
        let entries = decide(&before, &found.root)?;
        Ok(append(store, signer, &entries, None)?)
    })
}

/// Who releases a run's files to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Seconds since 1970.
    pub at: i64,
    /// Who receives the files.
    pub recipient: String,
    /// Who answers for it.
    pub approver: String,
}

/// Releases the published files of the finished run in `dir`: a statement signed with the approver's key, an entry, a new checkpoint.
/// Returns the path of the statement, relative to `dir`, and the checkpoint.
///
/// # Errors
///
/// As [`append_after`].
pub fn release(
    dir: &Path,
    log: &Signer,
    approver: &Signer,
    release: &Release,
) -> Result<(String, String), AuditError> {
    within(dir, |store| {
        recover(store, log)?;
        let found = check(store, log)?;
        let entries = Log::open(store, log)?.1;
        let Some(Entry::RunOpened(opened)) = entries.first() else {
            return Err(AuditError::Unverified {
                path: store.root().to_path_buf(),
                problems: vec!["the log does not begin with run.opened".into()],
            });
        };
        let released = entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Release(_)));
        let path = layout::statement(released.count());
        let published: Vec<PublishedFile> = entries.iter().flat_map(files::of).collect();
        let statement = Statement {
            at: release.at,
            recipient: &release.recipient,
            approver: &release.approver,
            checkpoint: &found.checkpoint,
            opened,
            files: &published,
        };
        let envelope = statement.sign(approver)?;
        let entry = Entry::Release(ReleaseApproved {
            at: release.at,
            recipient: release.recipient.clone(),
            approver: release.approver.clone(),
            statement_sha256: hex::encode(&Sha256::digest(&envelope)),
            size: found.entries,
            root: found.root,
        });
        let staged = store.stage(&path, &Record(envelope))?;
        let checkpoint = append(store, log, &[entry], Some(staged))?;
        Ok((path, checkpoint))
    })
}

/// Ends what a command over the finished run in `dir` had begun when it was stopped: its entries are signed or taken back, and proofs are written anew.
///
/// # Errors
///
/// [`AuditError::Unverified`] where the folder does not verify for another reason; as [`append_after`] otherwise.
pub fn complete(dir: &Path, log: &Signer) -> Result<(), AuditError> {
    within(dir, |store| {
        recover(store, log)?;
        let options = VerifyOptions::default();
        let found = super::verify::check(store.root(), &options, false)?;
        refuse(store, found.result.problems)?;
        proof::write_all(store, log.verifier(), &found.publications)
    })
}

/// Writes the proof of every published file of the run in `dir` under its checkpoint; returns how many entries publish files.
///
/// # Errors
///
/// [`AuditError::Damaged`] when the log or its checkpoint cannot be relied on, [`AuditError::Store`] when the folder cannot be read or written.
pub fn prove(dir: &Path) -> Result<usize, AuditError> {
    within(dir, |store| {
        let key = files::read(dir, layout::VERIFIER_KEY)
            .and_then(|key| String::from_utf8(key).map_err(|error| error.to_string()))
            .map_err(|problem| AuditError::Damaged {
                path: dir.to_path_buf(),
                problem,
            })?;
        let options = VerifyOptions::default();
        let found = super::verify::check(store.root(), &options, false)?;
        refuse(store, found.result.problems)?;
        proof::write_all(store, &key, &found.publications)?;
        Ok(found.publications.len())
    })
}

/// Writes the proofs of a run whose log was just signed.
///
/// # Errors
///
/// As [`prove`].
pub fn write_proofs(
    store: &Store,
    signer: &Signer,
    published: &[(u64, Entry)],
) -> Result<(), AuditError> {
    let mut publications: Vec<Publication> = Vec::new();
    for (index, entry) in published {
        publications.extend(Publication::of(*index, entry, &publications));
    }
    proof::write_all(store, signer.verifier(), &publications)
}

/// Holds the folder of a run while `work` goes on.
fn within<T, E: From<AuditError>>(
    dir: &Path,
    work: impl FnOnce(&Store) -> Result<T, E>,
) -> Result<T, E> {
    must_exist(dir)?;
    let store = Store::open(dir, Existing::Keep).map_err(AuditError::from)?;
    let done = work(&store)?;
    // Only now: what was refused may be a run that was interrupted and goes on from its working files.
    store.clear_work().map_err(AuditError::from)?;
    Ok(done)
}

/// Opening a store would make a folder where there is none.
pub(crate) fn must_exist(dir: &Path) -> Result<(), AuditError> {
    let path = dir.join(layout::LOG);
    match fs::metadata(&path) {
        Ok(_) => Ok(()),
        Err(source) => Err(AuditError::Io { path, source }),
    }
}

/// Refuses what does not verify. Proofs are left out: they are written anew behind every decision.
fn check(store: &Store, signer: &Signer) -> Result<Verification, AuditError> {
    let options = VerifyOptions {
        key: Some(signer.verifier().to_owned()),
        ..VerifyOptions::default()
    };
    let mut found = super::verify::check(store.root(), &options, false)?.result;
    refuse(store, std::mem::take(&mut found.problems))?;
    Ok(found)
}

fn append(
    store: &Store,
    signer: &Signer,
    entries: &[Entry],
    staged: Option<Staged>,
) -> Result<String, AuditError> {
    let (mut log, mut whole) = Log::open(store, signer)?;
    refuse(store, signatures(&log, signer, entries)?)?;
    whole.extend_from_slice(entries);
    refuse(store, story::problems(&whole))?;
    let checkpoint = log.append_signed(entries, staged)?;
    let published: Vec<(u64, Entry)> = (0..)
        .zip(whole)
        .filter(|(_, entry)| !files::of(entry).is_empty())
        .collect();
    write_proofs(store, signer, &published)?;
    Ok(checkpoint)
}

/// What is wrong with decisions that are about to follow the log, one by one: who signed them, and over which log.
fn signatures(
    log: &Log<'_>,
    signer: &Signer,
    entries: &[Entry],
) -> Result<Vec<String>, AuditError> {
    let mut tree = log.tree().clone();
    let mut problems = Vec::new();
    for entry in entries {
        if let Entry::Review(review) = entry {
            let log_key = Some(signer.verifier());
            problems.extend(reviewers::problems(review, tree.root(), log_key, &[]));
        }
        tree.push(record_hash(&entry.to_line()?));
    }
    Ok(problems)
}

/// Opens the log of a finished run to go on with it, whatever became of the published files: deleting must not wait for those.
///
/// # Errors
///
/// [`AuditError::Unverified`] when its entries tell no whole story, or some of them were never signed; as [`Log::open`] otherwise.
pub fn open_finished<'a>(
    store: &'a Store,
    signer: &'a Signer,
) -> Result<(Log<'a>, Vec<Entry>), AuditError> {
    recover(store, signer)?;
    let (log, entries) = Log::open(store, signer)?;
    refuse_unsigned(store, &log)?;
    refuse(store, story::problems(&entries))?;
    Ok((log, entries))
}

/// Refuses a log with entries that nobody signed: whoever goes on with it would sign them.
///
/// # Errors
///
/// [`AuditError::Unverified`].
pub fn refuse_unsigned(store: &Store, log: &Log<'_>) -> Result<(), AuditError> {
    if log.signed() == log.len() {
        return Ok(());
    }
    let problem = "entries stand behind the checkpoint that nobody signed";
    refuse(store, vec![problem.into()])
}

/// Completes an append that was interrupted when all of it was written, and undoes one that was interrupted before. Only a checkpoint that the
/// log's own key signed beforehand says what was to be appended: entries that somebody else added are left for [`check`] to refuse.
fn recover(store: &Store, signer: &Signer) -> Result<(), AuditError> {
    let Ok(next) = files::read(store.root(), layout::NEXT_CHECKPOINT) else {
        return Ok(());
    };
    let Ok(next) = keys::open_checkpoint(&next, signer.verifier()) else {
        return Ok(());
    };
    let (mut log, entries) = Log::open(store, signer)?;
    if next.0 == log.signed() {
        return Ok(());
    }
    let releases = entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Release(_)));
    let mut has_all = true;
    for number in 0..releases.count() {
        has_all &= store::exists(&store.root().join(layout::statement(number)))?;
    }
    let is_whole = log.head() == next;
    if is_whole && has_all {
        log.checkpoint()?;
    } else if is_whole || log.len() < next.0 {
        log.truncate(log.signed())?;
    }
    Ok(())
}

pub(super) fn refuse(store: &Store, problems: Vec<String>) -> Result<(), AuditError> {
    if problems.is_empty() {
        return Ok(());
    }
    let path = store.root().to_path_buf();
    Err(AuditError::Unverified { path, problems })
}

#[cfg(test)]
mod tests;
