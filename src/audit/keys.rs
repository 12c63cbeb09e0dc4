//! Keys that sign checkpoints, in Go's note format (C2SP signed-note, Ed25519).

use std::path::Path;

use rand_core::{OsRng, RngCore};
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};

use super::AuditError;
use crate::outside;

/// A key pair as text.
pub struct KeyPair {
    /// `PRIVATE+KEY+name+id+base64`: secret.
    pub signer: String,
    /// `name+id+base64`: for reviewers.
    pub verifier: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPair({})", self.verifier)
    }
}

/// Makes a key pair for the log `name`, such as `example.org/heatveil`.
///
/// # Errors
///
/// [`AuditError::Key`] when the name is empty or holds a blank or a plus sign.
pub fn keygen(name: &str) -> Result<KeyPair, AuditError> {
    if !signed_note::is_key_name_valid(name) {
        let problem = "a key's name must not be empty and must not hold blanks or plus signs";
        return Err(AuditError::Key {
            what: format!("{name:?}"),
            problem: problem.into(),
        });
    }
    fill_random(&mut [0; 1])?;
    let (signer, verifier) = signed_note::generate_key(&mut OsRng, name);
    Ok(KeyPair { signer, verifier })
}

/// Fills `bytes` with the system's randomness.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), AuditError> {
    OsRng
        .try_fill_bytes(bytes)
        .map_err(|error| AuditError::Key {
            what: "the system's randomness".into(),
            problem: error.to_string(),
        })
}

/// Signs checkpoints.
pub struct Signer {
    key: StandardSigner,
    verifier: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

impl Signer {
    /// Reads a signing key from its text.
    ///
    /// # Errors
    ///
    /// [`AuditError::Key`] naming `what` (the file it came from).
    pub fn parse(text: &str, what: &str) -> Result<Self, AuditError> {
        let wrong = |problem: String| AuditError::Key {
            what: what.to_owned(),
            problem,
        };
        let text = text.trim();
        let key = StandardSigner::new(text).map_err(|error| wrong(error.to_string()))?;
        let verifier =
            verifier_of(text).ok_or_else(|| wrong("not an Ed25519 signing key".into()))?;
        Ok(Self { key, verifier })
    }

    /// Reads a signing key from its file.
    ///
    /// # Errors
    ///
    /// [`AuditError::Io`] or [`AuditError::Key`], naming the file.
    pub fn load(path: &Path) -> Result<Self, AuditError> {
        let text = outside::read_key(path).map_err(|source| AuditError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// The verifier key that belongs to it.
    #[must_use]
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// The key's name.
    pub(super) fn name(&self) -> &str {
        signed_note::Signer::name(&self.key)
    }

    /// Whether it is the same key, under whatever name.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        super::reviewers::public(&self.verifier) == super::reviewers::public(&other.verifier)
    }

    /// The bare signature over `message` (Ed25519, 64 bytes).
    pub(super) fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, AuditError> {
        let signed = signed_note::Signer::sign(&self.key, message);
        signed.map_err(|error| AuditError::Key {
            what: self.verifier.clone(),
            problem: error.to_string(),
        })
    }

    /// A signed checkpoint over a tree head; its origin is the key's name.
    pub(super) fn checkpoint(&self, size: u64, root: Hash) -> Result<Vec<u8>, AuditError> {
        let failed = |problem: String| AuditError::Tree { problem };
        let origin = signed_note::Signer::name(&self.key);
        let text = format!("{origin}\n{size}\n{root}\n");
        let mut note =
            Note::new(text.as_bytes(), &[]).map_err(|error| failed(error.to_string()))?;
        note.add_sigs(&[&self.key])
            .map_err(|error| failed(error.to_string()))?;
        Ok(note.to_bytes())
    }
}

/// The verifier key of a signing key (C2SP signed-note: a type byte before the Ed25519 public key).
fn verifier_of(signer: &str) -> Option<String> {
    let mut parts = signer.splitn(5, '+').skip(2);
    let name = parts.next()?;
    let secret = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, parts.nth(1)?).ok()?;
    let seed: [u8; 32] = secret.get(1..)?.try_into().ok()?;
    let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
    Some(signed_note::new_ed25519_verifier_key(name, &public))
}

/// Whether `signature` is the bare one of `verifier` over `message`; the words say what is wrong with the key otherwise.
pub(super) fn signed_bytes(
    verifier: &str,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let key = StandardVerifier::new(verifier)
        .map_err(|error| format!("the verifier key is not valid ({error})"))?;
    Ok(signed_note::Verifier::verify(&key, message, signature))
}

/// Opens a signed checkpoint with a verifier key; the words say what is wrong otherwise. Others may have signed it too: nobody asks who.
pub(super) fn open_checkpoint(bytes: &[u8], verifier: &str) -> Result<(u64, Hash), String> {
    open(bytes, verifier).map(|(head, _)| head)
}

/// As [`open_checkpoint`], for a log's own file: it holds the text, the one signature of the log, and nothing that somebody without a key
/// may have added.
pub(super) fn open_own_checkpoint(bytes: &[u8], verifier: &str) -> Result<(u64, Hash), String> {
    let (head, signed_alone) = open(bytes, verifier)?;
    if signed_alone != bytes {
        return Err("it holds more than one signature of the log".into());
    }
    Ok(head)
}

/// The tree head of a checkpoint, and its bytes with the key's own signature alone.
fn open(bytes: &[u8], verifier: &str) -> Result<((u64, Hash), Vec<u8>), String> {
    let key = StandardVerifier::new(verifier.trim())
        .map_err(|error| format!("the verifier key is not valid ({error})"))?;
    let name = signed_note::Verifier::name(&key).to_owned();
    let note = Note::from_bytes(bytes).map_err(|error| format!("not a signed note ({error})"))?;
    let (signatures, _) = note
        .verify(&VerifierList::new(vec![Box::new(key)]))
        .map_err(|error| format!("the signature does not verify ({error})"))?;
    let checkpoint = Checkpoint::from_bytes(note.text())
        .map_err(|error| format!("the signed text is not a checkpoint ({error})"))?;
    if checkpoint.origin() != name {
        return Err(format!(
            "its origin is {:?}, the key's name is {name:?}",
            checkpoint.origin()
        ));
    }
    let own = signatures.first().ok_or("nobody signed it")?.to_bytes();
    let signed_alone = [note.text(), b"\n", &own].concat();
    Ok(((checkpoint.size(), *checkpoint.hash()), signed_alone))
}

#[cfg(test)]
mod tests {
    use super::super::example::{
        GO_SIGNATURE, GO_SIGNER, GO_TEXT, GO_VERIFIER, go_signer, renamed,
    };
    use super::*;
    use crate::store::write_secret;

    #[test]
    fn it_signs_as_go_does() {
        let signer = go_signer();
        assert_eq!(
            (signer.name(), signer.verifier()),
            ("PeterNeumann", GO_VERIFIER)
        );
        let text = GO_TEXT.as_bytes();
        let signature =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, GO_SIGNATURE).unwrap();
        assert_eq!(signer.sign_bytes(text).unwrap(), signature[4..]);
        assert_eq!(signed_bytes(GO_VERIFIER, text, &signature[4..]), Ok(true));
        assert_eq!(signed_bytes(GO_VERIFIER, b"x", &signature[4..]), Ok(false));
        assert!(signed_bytes("PeterNeumann", text, &signature[4..]).is_err());
    }

    #[test]
    fn a_signed_text_that_is_no_checkpoint_of_the_keys_log_is_refused() {
        let note = format!("{GO_TEXT}\n\u{2014} PeterNeumann {GO_SIGNATURE}\n");
        let problem = open_checkpoint(note.as_bytes(), GO_VERIFIER).unwrap_err();
        assert!(problem.contains("not a checkpoint"), "{problem}");
        let signer = go_signer();
        let text = format!("elsewhere\n3\n{}\n", Hash([7; 32]));
        let mut note = Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&signer.key]).unwrap();
        let problem = open_checkpoint(&note.to_bytes(), GO_VERIFIER).unwrap_err();
        assert!(problem.contains("its origin is \"elsewhere\""), "{problem}");
    }

    #[test]
    fn a_key_is_the_same_under_another_name() {
        assert!(go_signer().is_same(&renamed()) && renamed().is_same(&go_signer()));
        let other = keygen("PeterNeumann").unwrap();
        let other = Signer::parse(&other.signer, "other").unwrap();
        assert!(!go_signer().is_same(&other));
    }

    #[test]
    fn a_key_is_read_from_its_file_and_the_file_is_named_when_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        assert!(
            matches!(Signer::load(&path), Err(AuditError::Io { path: named, .. }) if named == path)
        );
        write_secret(&path, format!("{GO_SIGNER}\n").as_bytes()).unwrap();
        assert_eq!(Signer::load(&path).unwrap().verifier(), GO_VERIFIER);
        let path = folder.path().join("not.key");
        write_secret(&path, GO_VERIFIER.as_bytes()).unwrap();
        let name = path.display().to_string();
        assert!(matches!(Signer::load(&path), Err(AuditError::Key { what, .. }) if what == name));
    }

    #[test]
    fn what_is_shown_of_a_key_is_what_reviewers_get() {
        let pair = KeyPair {
            signer: GO_SIGNER.into(),
            verifier: GO_VERIFIER.into(),
        };
        for (shown, kind) in [
            (format!("{pair:?}"), "KeyPair"),
            (format!("{:?}", go_signer()), "Signer"),
        ] {
            assert_eq!(shown, format!("{kind}({GO_VERIFIER})"));
        }
    }

    #[test]
    fn random_bytes_differ_each_time() {
        let mut filled = [[0; 32]; 2];
        for bytes in &mut filled {
            fill_random(bytes).unwrap();
        }
        assert_ne!(filled[0], filled[1]);
    }

    #[test]
    fn names_that_would_break_the_format_are_refused() {
        for name in ["", "two words", "a+b"] {
            assert!(keygen(name).is_err(), "{name:?}");
        }
        assert!(Signer::parse("PRIVATE+KEY+nonsense", "file").is_err());
    }
}
