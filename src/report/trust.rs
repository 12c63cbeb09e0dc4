//! What the check of the folder showed, and by whom the tree head is signed.

use crate::audit::{Verification, VerifyOptions};
use crate::page;

/// The state of a log that verified.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) entries: String,
    /// Hex.
    pub(super) root: String,
    /// Name of the log.
    pub(super) origin: String,
    /// The verifier key that the log was checked with, `name+id+base64`: its signature is the only one that a checkpoint which verifies bears.
    pub(super) key: String,
    /// Whether the verifier key came by another way than the folder.
    pub(super) own_key: bool,
    /// Whether an older checkpoint was compared.
    pub(super) older: bool,
    /// The whole checkpoint.
    pub(super) checkpoint: String,
}

impl Trust {
    pub(super) fn new(found: &Verification, options: &VerifyOptions) -> Self {
        Self {
            entries: page::number(found.entries),
            root: found.root.clone(),
            origin: found.checkpoint.lines().next().unwrap_or("?").to_owned(),
            key: found.key.clone(),
            own_key: options.key.is_none(),
            older: options.checkpoint.is_some(),
            checkpoint: found.checkpoint.clone(),
        }
    }

    /// Who signed the tree head: name and id of the key.
    pub(super) fn signed_by(&self) -> String {
        let mut parts = self.key.split('+');
        let (name, id) = (parts.next().unwrap_or("?"), parts.next().unwrap_or("?"));
        format!("{name} (key {id})")
    }
}
