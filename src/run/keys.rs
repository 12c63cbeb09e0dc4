//! The keys of a run: those that were given, else those in its folder, else new ones there.

use std::path::{Path, PathBuf};

use super::RunError;
use super::reviewed::Decisions;
use crate::audit::{self, CommitmentKey, Signer};
use crate::config::Config;
use crate::seal::{IntakeKey, SealError};
use crate::store::{self, Existing, Store, StoreError, layout};

/// Keys of a run.
pub(super) struct Keys {
    pub(super) inputs: InputKeys,
    pub(super) signer: Signer,
    /// The new ones among them, by where they belong.
    made: Vec<(&'static str, String)>,
}

/// Keys that reading inputs takes: all that a worker has.
pub(super) struct InputKeys {
    pub(super) commitment: CommitmentKey,
    /// Opens sealed inputs.
    pub(super) intake: Option<IntakeKey>,
}

impl Keys {
    /// The keys that were given, or of the reviewed run, else those in the folder, unless it is to be replaced, else new ones. Nothing is written.
    pub(super) fn find(
        root: &Path,
        existing: Existing,
        config: &Config,
        decisions: &Decisions,
    ) -> Result<Self, RunError> {
        let known = |given: Option<PathBuf>, own: &str| -> Result<Option<PathBuf>, StoreError> {
            if given.is_some() {
                return Ok(given);
            }
            let path = root.join(own);
            let is_kept = existing != Existing::Replace && store::exists(&path)?;
            Ok(is_kept.then_some(path))
        };
        let mut made = Vec::new();
        let given = config.audit.commitment_key.clone();
        let given = given.or_else(|| decisions.commitment_key());
        let commitment = if let Some(path) = known(given, layout::COMMITMENT_KEY)? {
            CommitmentKey::load(&path)?
        } else {
            let (key, text) = CommitmentKey::generate()?;
            made.push((layout::COMMITMENT_KEY, text));
            key
        };
        let given = config.audit.log_key.clone();
        let signer = if let Some(path) = known(given, layout::SIGNING_KEY)? {
            Signer::load(&path)?
        } else {
            let text = audit::keygen("heatveil")?.signer;
            let signer = Signer::parse(&text, layout::SIGNING_KEY)?;
            made.push((layout::SIGNING_KEY, text));
            signer
        };
        Ok(Self {
            inputs: InputKeys {
                commitment,
                intake: intake_key(config)?,
            },
            signer,
            made,
        })
    }

    /// Writes the new ones into the folder.
    pub(super) fn save(&self, store: &Store) -> Result<(), StoreError> {
        self.made.iter().try_for_each(|(path, text)| {
            store::write_secret(&store.root().join(path), format!("{text}\n").as_bytes())
        })
    }
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
