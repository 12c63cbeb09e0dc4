//! What the check of the folder showed, and by whom the tree head is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::{Verification, VerifyOptions};
use crate::hex;
use crate::page;

/// The state of a log that verified.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) entries: String,
    /// Hex.
    pub(super) root: String,
    /// Name of the log.
    pub(super) origin: String,
    pub(super) signatures: Vec<Signed>,
    /// The verifier key that the log was checked with, `name+id+base64`.
    pub(super) key: String,
    /// Whether the verifier key came by another way than the folder.
    pub(super) own_key: bool,
    /// Whether an older checkpoint was compared.
    pub(super) older: bool,
    /// The whole checkpoint.
    pub(super) checkpoint: String,
}

/// One signature line of a signed note.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) name: String,
    /// First four bytes of the signature, hex: the key's id.
    pub(super) key: String,
}

impl Trust {
    pub(super) fn new(found: &Verification, options: &VerifyOptions) -> Self {
        Self {
            entries: page::number(found.entries),
            root: found.root.clone(),
            origin: found.checkpoint.lines().next().unwrap_or("?").to_owned(),
            signatures: signatures(&found.checkpoint),
            key: found.key.clone(),
            own_key: options.key.is_none(),
            older: options.checkpoint.is_some(),
            checkpoint: found.checkpoint.clone(),
        }
    }

    /// Names of those who signed, with the ids of their keys.
    pub(super) fn signed_by(&self) -> String {
        let names = self.signatures.iter();
        let names: Vec<_> = names
            .map(|signed| format!("{} (key {})", signed.name, signed.key))
            .collect();
        page::joined(&names)
    }
}

/// The signature lines of a signed note (C2SP signed-note): em dash, name, base64 of the key's id (4 bytes) and the signature.
fn signatures(note: &str) -> Vec<Signed> {
    let lines = note
        .lines()
        .filter_map(|line| line.strip_prefix("\u{2014} "));
    let signed = lines.filter_map(|line| {
        let (name, signature) = line.split_once(' ')?;
        let bytes = STANDARD.decode(signature).ok()?;
        Some(Signed {
            name: name.to_owned(),
            key: hex::encode(bytes.first_chunk::<4>()?),
        })
    });
    signed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_key_ids_stand_in_the_signature_lines() {
        // The id is that of the verifier key example.org/heatveil+372b61a0+AdYK…
        let note = "example.org/heatveil\n141\n8DEF\n\n\u{2014} example.org/heatveil NythoOIDIIMoGUOJ\n\u{2014} broken ?\n";
        let signed = Signed {
            name: "example.org/heatveil".into(),
            key: "372b61a0".into(),
        };
        assert_eq!(signatures(note), [signed]);
    }
}
