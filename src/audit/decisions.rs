//! Entries about what people decided after a run: reviews, releases, deletions.

use serde::{Deserialize, Serialize};

/// Somebody's signature over the canonical JSON of the entry without its `signatures`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The signer's verifier key (C2SP signed-note: `name+id+base64`).
    pub key: String,
    /// Ed25519, base64.
    pub signature: String,
}

/// `review.decided`: a person looked at a frame and decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecided {
    /// Seconds since 1970.
    pub at: i64,
    /// Number in the manifest.
    pub frame: u32,
    /// `approve`: publish with the masks of the run and those of `hide`. `reject`: never publish. `release`: publish as it is,
    /// with less hidden than the run would. `confirm`: a published frame was looked at and is right.
    pub decision: String,
    /// In words; never empty for `release`.
    pub reason: String,
    /// Also hidden: left, top, right, bottom in whole pixels; the last two are one past the box.
    pub hide: Vec<[u32; 4]>,
    /// Of the reviewer; of a second person too where less is hidden.
    pub signatures: Vec<Signature>,
}

/// `release.approved`: the published files may be handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseApproved {
    /// Seconds since 1970.
    pub at: i64,
    /// Who receives the files.
    pub recipient: String,
    /// Who answers for it.
    pub approver: String,
    /// SHA-256 of the statement (in-toto in a DSSE envelope), hex.
    pub statement_sha256: String,
    /// Entries that the statement's checkpoint covers.
    pub size: u64,
    /// Root over these, hex.
    pub root: String,
}

/// `raw.deleted`: evidence that something was deleted, never proof of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDeleted {
    /// Seconds since 1970.
    pub at: i64,
    /// `raw` (input files), `working` (redacted working files), `private` (list of names), `commitment-key`.
    pub category: String,
    /// Files deleted.
    pub files: u64,
    /// Their length together.
    pub bytes: u64,
    /// Frames whose input was deleted, as inclusive ranges.
    pub frames: Vec<[u32; 2]>,
    /// Files that were gone before.
    pub missing: u64,
    /// Files still found by the scan afterwards.
    pub left: u64,
    /// When they were due, seconds since 1970.
    pub due: i64,
}

/// Decisions about a frame.
pub(super) const DECISIONS: [&str; 4] = ["approve", "reject", "release", "confirm"];
/// What is deleted.
pub(super) const CATEGORIES: [&str; 4] = ["raw", "working", "private", "commitment-key"];

impl ReviewDecided {
    pub(super) fn problem(&self) -> Option<String> {
        if !DECISIONS.contains(&self.decision.as_str()) {
            return Some("a decision is not one of approve, reject, release, confirm".into());
        }
        if self.decision == "release" && self.reason.trim().is_empty() {
            return Some("a frame was released without a reason".into());
        }
        let wrong = |[x0, y0, x1, y1]: &[u32; 4]| x0 >= x1 || y0 >= y1;
        if self.hide.iter().any(wrong) {
            return Some("a box is empty or the wrong way round".into());
        }
        self.signatures
            .is_empty()
            .then(|| "a decision has no signature".into())
    }
}

impl RawDeleted {
    pub(super) fn problem(&self) -> Option<String> {
        (!CATEGORIES.contains(&self.category.as_str()))
            .then(|| "what was deleted is not one of raw, working, private, commitment-key".into())
    }
}
