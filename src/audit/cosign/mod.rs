//! Cosignatures of reviewers (C2SP tlog-cosignature, Ed25519, timestamped): "I saw this tree head then, and it continues what I saw".
//!
//! In: a run's folder and a reviewer's own key. Out: `audit/cosigs/`: the checkpoint with one more line, and the key. Refuses: to sign what
//! does not verify. Whoever holds the log's key cannot make one, so a log that was written anew has none that fits.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature as Ed25519, Verifier as _, VerifyingKey};
use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};

use super::log::Record;
use super::{AuditError, Signer, VerifyOptions, files, verify};
use crate::store::{Existing, Store, layout};

/// Type of a key for cosignatures, and of an ordinary one (C2SP signed-note).
const COSIGNER: u8 = 4;
const ORDINARY: u8 = 1;

/// A reviewer's cosignature under a tree head of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Name of the key.
    pub name: String,
    /// The reviewer's verifier key (type 0x04).
    pub key: String,
    /// When it was made, by the reviewer's clock: seconds since 1970.
    pub at: i64,
    /// Entries that it covers.
    pub size: u64,
}

/// A key that checks cosignatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cosigner {
    name: String,
    key: VerifyingKey,
}

impl Cosigner {
    /// Reads a verifier key; an ordinary one stands for the cosigner with the same name and key.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = BASE64_STANDARD.decode(key).ok()?;
        let (kind, public) = bytes.split_first()?;
        let expected = format!("{:08x}", signed_note::key_id(name, &bytes));
        if ![COSIGNER, ORDINARY].contains(kind)
            || id != expected
            || !signed_note::is_key_name_valid(name)
        {
            return None;
        }
        let key = VerifyingKey::from_bytes(public.try_into().ok()?).ok()?;
        Some(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The verifier key as text, of type 0x04.
    pub(super) fn verifier(&self) -> String {
        let bytes = self.bytes();
        format!(
            "{}+{:08x}+{}",
            self.name,
            self.key_id(),
            BASE64_STANDARD.encode(bytes)
        )
    }

    fn bytes(&self) -> Vec<u8> {
        [&[COSIGNER], self.key.as_bytes().as_slice()].concat()
    }
}

impl Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        signed_note::key_id(&self.name, &self.bytes())
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        timed(signature)
            .is_some_and(|(at, signature)| self.key.verify(&message(at, text), &signature).is_ok())
    }
}

/// What is signed: header, time, the whole text of the checkpoint.
fn message(at: i64, text: &[u8]) -> Vec<u8> {
    [format!("cosignature/v1\ntime {at}\n").as_bytes(), text].concat()
}

/// Time and signature of a `timestamped_signature`.
fn timed(signature: &[u8]) -> Option<(i64, Ed25519)> {
    let (at, signature) = signature.split_first_chunk()?;
    let at = i64::try_from(u64::from_be_bytes(*at)).ok()?;
    Some((at, Ed25519::from_slice(signature).ok()?))
}

/// When `cosigner` signed a checkpoint, if it did.
pub(super) fn signs(cosigner: &Cosigner, checkpoint: &[u8]) -> Option<i64> {
    let note = Note::from_bytes(checkpoint).ok()?;
    let (signed, _) = note
        .verify(&VerifierList::new(vec![Box::new(cosigner.clone())]))
        .ok()?;
    timed(signed.first()?.signature()).map(|(at, _)| at)
}

/// The reviewers that the caller requires.
pub(super) fn required(options: &VerifyOptions) -> Result<Vec<Cosigner>, AuditError> {
    let parse = |text: &String| {
        Cosigner::parse(text).ok_or_else(|| AuditError::Key {
            what: text.clone(),
            problem: "not the verifier key of a reviewer".into(),
        })
    };
    options.cosigners.iter().map(parse).collect()
}

/// Cosigns the checkpoint of the run in `dir` with a reviewer's key, at `at` seconds since 1970, once everything verifies.
///
/// # Errors
///
/// [`AuditError::Unverified`] when the folder does not verify by `options`; [`AuditError::Store`] when it cannot be written.
pub fn cosign(
    dir: &Path,
    reviewer: &Signer,
    at: i64,
    options: &VerifyOptions,
) -> Result<Cosignature, AuditError> {
    super::after::must_exist(dir)?;
    let store = Store::open(dir, Existing::Keep)?;
    let written = write(&store, reviewer, at, options)?;
    store.clear_work()?;
    Ok(written)
}

fn write(
    store: &Store,
    reviewer: &Signer,
    at: i64,
    options: &VerifyOptions,
) -> Result<Cosignature, AuditError> {
    let found = verify(store.root(), options)?;
    super::after::refuse(store, found.problems)?;
    let wrong = |problem: &str| AuditError::Key {
        what: reviewer.name().to_owned(),
        problem: problem.into(),
    };
    let cosigner = Cosigner::parse(reviewer.verifier()).ok_or_else(|| wrong("not a key"))?;
    let time = u64::try_from(at)
        .ok()
        .ok_or_else(|| wrong("the time lies before 1970"))?;
    // It bears the log's signature alone: it verified.
    let note =
        Note::from_bytes(found.checkpoint.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
    let signature = reviewer.sign_bytes(&message(at, note.text()))?;
    let signature = [time.to_be_bytes().as_slice(), &signature].concat();
    let line = signed_note::Signature::new(cosigner.name.clone(), cosigner.key_id(), signature)
        .map_err(|error| wrong(&error.to_string()))?;
    let signed = [found.checkpoint.as_bytes(), &line.to_bytes()].concat();
    let name = format!("{}/{:08x}", layout::COSIGNATURES, cosigner.key_id());
    let key = format!("{}\n", cosigner.verifier()).into_bytes();
    store
        .stage(&format!("{name}.vkey"), &Record(key))?
        .commit()?;
    let path = format!("{name}-{}.checkpoint", found.entries);
    store.stage(&path, &Record(signed))?.commit()?;
    Ok(Cosignature {
        name: cosigner.name.clone(),
        key: cosigner.verifier(),
        at,
        size: found.entries,
    })
}

/// A cosigned tree head that the log must continue.
#[derive(Debug)]
pub(super) struct Cosigned {
    pub(super) path: String,
    pub(super) head: (u64, Hash),
    pub(super) cosignature: Cosignature,
}

/// Reads all cosignatures of a folder, checked against their keys and that of the log; problems go to `problems`.
pub(super) fn read(folder: &Path, log_key: &str, problems: &mut Vec<String>) -> Vec<Cosigned> {
    let mut paths = BTreeSet::new();
    files::list(folder, layout::COSIGNATURES, &mut |path| match path {
        Ok(path) => drop(paths.insert(path.to_owned())),
        Err(problem) => problems.push(problem),
    });
    let mut signed = Vec::new();
    for path in &paths {
        let shown = path.escape_debug();
        if path.strip_suffix(".vkey").is_some() {
            let read = files::read(folder, path);
            let key = read.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let named = key.and_then(|key| {
                let cosigner = Cosigner::parse(&key)?;
                let name = format!("{}/{:08x}.vkey", layout::COSIGNATURES, cosigner.key_id());
                (name == *path && key == format!("{}\n", cosigner.verifier())).then_some(())
            });
            if named.is_none() {
                problems.push(format!("{shown} is not the key that its name says"));
            }
            continue;
        }
        match one(folder, path, log_key) {
            Ok(one) => signed.push(one),
            Err(problem) => problems.push(format!("{shown}: {problem}")),
        }
    }
    signed
}

fn one(folder: &Path, path: &str, log_key: &str) -> Result<Cosigned, String> {
    let name = path
        .strip_suffix(".checkpoint")
        .and_then(|name| name.rsplit_once('-'));
    let (key_name, size_name) = name.ok_or("neither a key nor a cosigned checkpoint")?;
    let key = files::read(folder, &format!("{key_name}.vkey"))?;
    let cosigner = Cosigner::parse(&String::from_utf8_lossy(&key)).ok_or("its key is none")?;
    let bytes = files::read(folder, path)?;
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let note = Note::from_bytes(&bytes).map_err(|error| said(&error))?;
    let log = StandardVerifier::new(log_key.trim()).map_err(|error| said(&error))?;
    let log_name = log.name().to_owned();
    let known = VerifierList::new(vec![Box::new(log), Box::new(cosigner.clone())]);
    let (verified, _) = note.verify(&known).map_err(|error| said(&error))?;
    let lines: Vec<u8> = verified
        .iter()
        .flat_map(signed_note::Signature::to_bytes)
        .collect();
    // Anything else in the file was signed by nobody.
    if verified.len() != 2 || [note.text(), b"\n", &lines].concat() != bytes {
        return Err("it does not bear one signature of the log and one of the reviewer".into());
    }
    let checkpoint = Checkpoint::from_bytes(note.text()).map_err(|error| said(&error))?;
    let at = signs(&cosigner, &bytes).ok_or("it has no time")?;
    let id = format!("{}/{:08x}", layout::COSIGNATURES, cosigner.key_id());
    if checkpoint.origin() != log_name
        || size_name != checkpoint.size().to_string()
        || key_name != id
    {
        return Err("its name is that of another key or checkpoint".into());
    }
    Ok(Cosigned {
        path: path.to_owned(),
        head: (checkpoint.size(), *checkpoint.hash()),
        cosignature: Cosignature {
            key: cosigner.verifier(),
            name: cosigner.name,
            at,
            size: checkpoint.size(),
        },
    })
}

#[cfg(test)]
mod tests;
