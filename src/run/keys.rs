//! The keys of a run: those that were given, else those in its folder, else new ones there.

use std::path::Path;

use super::RunError;
use super::reviewed::Decisions;
use crate::audit::{self, AuditError, CommitmentKey, Signer};
use crate::config::Config;
use crate::seal::{IntakeKey, SealError};
use crate::store::{self, Store, layout};

/// Keys of a run.
pub(super) struct Keys {
    pub(super) inputs: InputKeys,
    pub(super) signer: Signer,
}

/// Keys that reading inputs takes: all that a worker has.
pub(super) struct InputKeys {
    pub(super) commitment: CommitmentKey,
    /// Opens sealed inputs.
    pub(super) intake: Option<IntakeKey>,
}

/// The keys that were given, or of the reviewed run, else those in the folder, else new ones there.
pub(super) fn keys(
    store: &Store,
    config: &Config,
    decisions: &Decisions,
) -> Result<Keys, RunError> {
    let given = config.audit.commitment_key.clone();
    let commitment = match given.or_else(|| decisions.commitment_key()) {
        Some(path) => CommitmentKey::load(&path)?,
        None => own(
            store,
            layout::COMMITMENT_KEY,
            CommitmentKey::load,
            CommitmentKey::create,
        )?,
    };
    let signer = match &config.audit.log_key {
        Some(path) => Signer::load(path)?,
        None => own(store, layout::SIGNING_KEY, Signer::load, |path| {
            let pair = audit::keygen("heatveil")?;
            store::write_secret(path, format!("{}\n", pair.signer).as_bytes())?;
            Signer::load(path)
        })?,
    };
    Ok(Keys {
        inputs: InputKeys {
            commitment,
            intake: intake_key(config)?,
        },
        signer,
    })
}

/// The keys that a worker needs, of a run that was begun by another process.
pub(super) fn input_keys(
    root: &Path,
    config: &Config,
    decisions: &Decisions,
) -> Result<InputKeys, RunError> {
    let given = config.audit.commitment_key.clone();
    let path = given.or_else(|| decisions.commitment_key());
    let path = path.unwrap_or_else(|| root.join(layout::COMMITMENT_KEY));
    Ok(InputKeys {
        commitment: CommitmentKey::load(&path)?,
        intake: intake_key(config)?,
    })
}

/// The key that opens sealed inputs, where the settings name one.
pub(crate) fn intake_key(config: &Config) -> Result<Option<IntakeKey>, SealError> {
    IntakeKey::load_given(config.survey.intake_key.as_deref())
}

fn own<K>(
    store: &Store,
    path: &str,
    load: impl Fn(&Path) -> Result<K, AuditError>,
    create: impl Fn(&Path) -> Result<K, AuditError>,
) -> Result<K, AuditError> {
    let path = store.root().join(path);
    if path.exists() {
        load(&path)
    } else {
        create(&path)
    }
}
