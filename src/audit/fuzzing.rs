//! Logs, notes, proofs and statements as the fuzzer makes them.
//!
//! One signing key is known to all: what it signed is fixed, so that anything else that passes is a forgery. Where a signature would keep the fuzzer
//! out, the key signs what it made.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what fails here is of the fuzzer's own making"
)]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::SigningKey;
use signed_note::{Note, StandardSigner};
use tlog_tiles::{Hash, record_hash};

use super::tree::Tree;
use super::{
    Entry, RunClosed, Signer, TileEmitted, VerifyOptions, canonical, cosign, keys, proof, scan,
    statement, verify, verify_proof,
};
use crate::hex;
use crate::store::layout;

const NAME: &str = "fuzzing.example/heatveil";
/// The published file of the only proof.
const PUBLISHED: &[u8] = b"a map";

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::parse(&secret(), "fuzzing").unwrap());

/// The key that everybody knows.
fn secret() -> String {
    let seed = [7; 32];
    let public = SigningKey::from_bytes(&seed).verifying_key();
    let id = signed_note::key_id(NAME, &[&[1], public.as_bytes().as_slice()].concat());
    let secret = BASE64_STANDARD.encode([&[1], seed.as_slice()].concat());
    format!("PRIVATE+KEY+{NAME}+{id:08x}+{secret}")
}

/// What is read must be the only line that stands for it, by our writer and by `serde_jcs`.
pub(crate) fn line(bytes: &[u8]) {
    let canonical = scan::scan(bytes).is_some();
    if let Some(entry) = Entry::from_line(bytes) {
        assert!(canonical);
        assert_eq!(entry.to_line().unwrap(), bytes);
    }
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes)
        && canonical
    {
        assert_eq!(canonical::to_vec(&value).unwrap(), bytes);
    }
}

/// The only checkpoint that the key signed.
pub(crate) fn signed_checkpoint() -> Vec<u8> {
    SIGNER.checkpoint(3, Hash([9; 32])).unwrap()
}

/// A note as it is, then its text signed; a key of a reviewer, an own one.
pub(crate) fn checkpoint(bytes: &[u8]) {
    if let Ok(head) = keys::open_checkpoint(bytes, SIGNER.verifier()) {
        assert_eq!(head, (3, Hash([9; 32])), "a forged checkpoint");
    }
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    if let Some(signed) = sign(text)
        && let Ok((size, root)) = keys::open_checkpoint(&signed, SIGNER.verifier())
    {
        let said = format!("{NAME}\n{size}\n{root}\n");
        assert!(text.starts_with(said.as_bytes()), "two texts for one head");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(reviewer) = cosign::Cosigner::parse(text) {
        let again = cosign::Cosigner::parse(&reviewer.verifier());
        assert_eq!(again.as_ref(), Some(&reviewer));
        assert!(cosign::signs(&reviewer, bytes).is_none());
    }
    let _ = Signer::parse(text, "fuzzing");
    if let Some(own) = cosign::Cosigner::parse(SIGNER.verifier()) {
        assert!(cosign::signs(&own, bytes).is_none(), "a forged cosignature");
    }
}

fn sign(text: &[u8]) -> Option<Vec<u8>> {
    let mut note = Note::new(text, &[]).ok()?;
    let key = StandardSigner::new(&secret()).ok()?;
    note.add_sigs(&[&key]).ok()?;
    Some(note.to_bytes())
}

/// The one true proof, up to its checkpoint, and with it.
pub(crate) fn true_proof() -> (String, Vec<u8>) {
    let emitted = Entry::TileEmitted(TileEmitted {
        path: "tiles/a".into(),
        sha256: hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(PUBLISHED)),
        bytes: PUBLISHED.len() as u64,
        source_frames: vec![[0, 0]],
    });
    let closed = Entry::RunClosed(RunClosed {
        at: 5,
        total: 1,
        published: 1,
        withheld: 0,
        rejected: 0,
    });
    let [emitted, closed] = [emitted, closed].map(|entry| entry.to_line().unwrap());
    let mut tree = Tree::default();
    let leaves = [&emitted, &closed].map(|line| record_hash(line));
    for leaf in leaves {
        tree.push(leaf);
    }
    let checkpoint = SIGNER.checkpoint(2, tree.root()).unwrap();
    let head = format!(
        "c2sp.org/tlog-proof@v1\nextra {}\nindex 0\n{}\n\n",
        BASE64_STANDARD.encode(&emitted),
        leaves[1]
    );
    let whole = [head.as_bytes(), &checkpoint].concat();
    (head, whole)
}

/// A proof as it is, then with a checkpoint that the key signed: only the true one may pass.
pub(crate) fn prove(bytes: &[u8], folder: &Path) {
    let (head, whole) = true_proof();
    let checkpoint = whole.strip_prefix(head.as_bytes()).unwrap_or_default();
    let found = bytes.windows(2).position(|pair| pair == b"\n\n");
    let completed = found.map(|at| [bytes.get(..at + 2).unwrap_or_default(), checkpoint].concat());
    let (file, path) = (folder.join("file"), folder.join("proof"));
    fs::write(&file, PUBLISHED).unwrap();
    for proof in [Some(bytes), completed.as_deref()].into_iter().flatten() {
        let _ = proof::read(proof);
        fs::write(&path, proof).unwrap();
        let options = VerifyOptions {
            key: Some(SIGNER.verifier().to_owned()),
            ..VerifyOptions::default()
        };
        if verify_proof(&file, &path, &options).unwrap().ok() {
            assert!(proof.starts_with(head.as_bytes()), "a forged proof");
        }
    }
}

/// An envelope as it is, then its bytes as a statement that the key signed.
pub(crate) fn state(bytes: &[u8]) {
    let _ = statement::open(bytes);
    let signature = SIGNER.sign_bytes(&statement::pre_authentication(bytes));
    let envelope = serde_json::json!({
        "payload": BASE64_STANDARD.encode(bytes),
        "payloadType": statement::PAYLOAD_TYPE,
        "signatures": [{"keyid": SIGNER.verifier(), "sig": BASE64_STANDARD.encode(signature.unwrap())}],
    });
    let envelope = serde_json::to_vec(&envelope).unwrap();
    if let Err(problem) = statement::open(&envelope) {
        assert_ne!(problem, "its signature does not verify");
    }
}

/// A whole log: under a checkpoint over another one it must fail, and under one of its own it is read to its end.
pub(crate) fn log(bytes: &[u8], folder: &Path) {
    let mut tree = Tree::default();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    for line in lines.by_ref() {
        tree.push(record_hash(line.strip_suffix(b"\n").unwrap_or(line)));
    }
    fs::create_dir_all(folder.join("audit")).unwrap();
    fs::write(folder.join(layout::LOG), bytes).unwrap();
    let options = VerifyOptions {
        key: Some(SIGNER.verifier().to_owned()),
        ..VerifyOptions::default()
    };
    let own = SIGNER.checkpoint(tree.size(), tree.root()).unwrap();
    for (checkpoint, is_own) in [(signed_checkpoint(), false), (own, true)] {
        fs::write(folder.join(layout::CHECKPOINT), checkpoint).unwrap();
        let found = verify(folder, &options).unwrap();
        assert!(is_own || !found.ok(), "a log that nobody signed passed");
        let is_whole = bytes.is_empty() || bytes.ends_with(b"\n");
        let other = |problem: &String| problem.contains("has another root");
        assert!(
            !is_own || !is_whole || !found.problems.iter().any(other),
            "two roots of one log"
        );
    }
    let _ = super::read(folder);
    let _ = super::published(folder);
}
