//! Commitments to input files: checkable by the operator, meaningless to others, unlinked by deleting a key.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::AuditError;
use crate::hex;
use crate::outside;

/// The run's key for commitments: HMAC-SHA256 (RFC 2104) of a file under it.
pub struct CommitmentKey([u8; 32]);

impl std::fmt::Debug for CommitmentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CommitmentKey")
    }
}

impl CommitmentKey {
    /// A key of 32 bytes, for tests and tools that keep keys themselves.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a key of 64 hex digits.
    ///
    /// # Errors
    ///
    /// [`AuditError::Io`] or [`AuditError::Key`], naming the file.
    pub fn load(path: &Path) -> Result<Self, AuditError> {
        let text = outside::read_key(path).map_err(|source| AuditError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        hex::decode_32(text.trim())
            .map(Self)
            .ok_or_else(|| AuditError::Key {
                what: path.display().to_string(),
                problem: "a commitment key has 64 hex digits".into(),
            })
    }

    /// Makes a key from the system's randomness, and the text of its file: secret.
    ///
    /// # Errors
    ///
    /// [`AuditError::Key`] when there is no randomness.
    pub fn generate() -> Result<(Self, String), AuditError> {
        let mut key = [0; 32];
        super::keys::fill_random(&mut key)?;
        Ok((Self(key), hex::encode(&key)))
    }

    /// The commitment to `bytes`.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn commit(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    /// RFC 4231, test case 1 has a 20-byte key; HMAC pads with zeros, so the padded key gives the same.
    #[test]
    fn the_commitment_is_hmac_sha256() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        let key = CommitmentKey::from_bytes(key);
        assert_eq!(hex::encode(&key.commit(b"Hi There")), expected);
        assert_eq!(format!("{key:?}"), "CommitmentKey", "and no byte of it");
    }

    #[test]
    fn a_key_comes_back_from_its_file_and_nonsense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let (made, text) = CommitmentKey::generate().unwrap();
        store::write_secret(&path, text.as_bytes()).unwrap();
        assert_eq!(
            CommitmentKey::load(&path).unwrap().commit(b"x"),
            made.commit(b"x")
        );
        let other = folder.path().join("other");
        store::write_secret(&other, b"xyz").unwrap();
        assert!(
            CommitmentKey::load(&other)
                .unwrap_err()
                .to_string()
                .contains("64 hex digits")
        );
    }
}
