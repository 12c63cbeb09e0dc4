//! Goes on with the log of a finished run: what people decide later.
//!
//! In: a run's folder, the key of its log, decisions. Out: the new checkpoint. Refuses: a log that is not closed, does not verify or is
//! of another key; decisions that do not fit the run. Nothing is written then.

use std::path::Path;

use super::{AuditError, Entry, Log, Signer, VerifyOptions, story, verify};
use crate::store::{Existing, Store, layout};

/// Appends decisions to the log of the finished run in `dir`, durably, and returns the new checkpoint.
///
/// # Errors
///
/// [`AuditError::Unverified`] when the folder does not verify with the signer's key, its run is not closed, or the decisions do not fit
/// it; [`AuditError::Store`] when another program holds the folder or it cannot be written.
pub fn append_after(dir: &Path, signer: &Signer, entries: &[Entry]) -> Result<String, AuditError> {
    // Opening would make a folder where there is none.
    let log = dir.join(layout::LOG);
    std::fs::metadata(&log).map_err(|source| AuditError::Io { path: log, source })?;
    let store = Store::open(dir, Existing::Keep)?;
    let checkpoint = append(&store, signer, entries);
    store.clear_work()?;
    checkpoint
}

fn append(store: &Store, signer: &Signer, entries: &[Entry]) -> Result<String, AuditError> {
    let options = VerifyOptions {
        key: Some(signer.verifier().to_owned()),
        ..VerifyOptions::default()
    };
    let found = verify(store.root(), &options)?;
    refuse(store, found.problems)?;
    let (mut log, mut whole) = Log::open(store, signer)?;
    whole.extend_from_slice(entries);
    refuse(store, story::problems(&whole)?)?;
    for entry in entries {
        log.append(entry)?;
    }
    log.checkpoint()
}

fn refuse(store: &Store, problems: Vec<String>) -> Result<(), AuditError> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(AuditError::Unverified {
        path: store.root().to_path_buf(),
        problems,
    })
}
