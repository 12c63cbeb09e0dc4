//! Entries about what people decided after a run: reviews, releases, deletions.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::line;

/// Somebody's signature over the canonical JSON of the entry without its `signatures`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The signer's verifier key (C2SP signed-note: `name+id+base64`).
    pub key: String,
    /// Ed25519, base64.
    pub signature: String,
}

/// `review.decided`: a person looked at a frame and decided. One person alone only ever hides more ([`read_reviewed`](super::read_reviewed)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecided {
    /// Seconds since 1970.
    pub at: i64,
    /// Number in the manifest.
    pub frame: u32,
    /// `approve`: publish with the masks of the run and those of `hide`. `reject`: never publish. `release`: as `approve`, but
    /// with less hidden: nothing in the boxes of `open`. `confirm`: a published frame was looked at and is right.
    pub decision: String,
    /// In words; never empty for `release`.
    pub reason: String,
    /// Also hidden: left, top, right, bottom in whole pixels; the last two are one past the box.
    pub hide: Vec<[u32; 4]>,
    /// Not hidden, whatever the run found there; only in a `release`.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "line::some"
    )]
    pub open: Vec<[u32; 4]>,
    /// Root of the log before this entry, hex: the signatures are over this log and no other.
    pub root: String,
    /// Of the reviewer; of a second person too where less is hidden.
    pub signatures: Vec<Signature>,
}

/// In `run.opened`: whose decisions a run follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedRun {
    /// Entries of the reviewed run's log.
    pub size: u64,
    /// Root over these, hex.
    pub root: String,
    /// SHA-256 over the lines of its `review.decided`, each with its newline, hex.
    pub decisions_sha256: String,
}

/// In `frame.masked`: what people decided about its mask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecidedMask {
    /// `approve` or `release`.
    pub decision: String,
    /// Also hidden.
    pub hide: Vec<[u32; 4]>,
    /// Not hidden.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "line::some"
    )]
    pub open: Vec<[u32; 4]>,
}

/// In `run.opened`: when what is due for deletion, seconds since 1970; what is absent never is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Input files.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub raw: Option<i64>,
    /// Redacted working files.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub working: Option<i64>,
    /// The operator's own lists of names.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub private: Option<i64>,
    /// Key of the input commitments.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub commitment_key: Option<i64>,
}

impl Retention {
    /// Whether nothing is ever due.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What stands there: never empty.
    pub(super) fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let dates = Self::deserialize(from)?;
        if dates.is_empty() {
            return Err(D::Error::custom("no dates are left out"));
        }
        Ok(dates)
    }

    /// When a category of `raw.deleted` is due.
    #[must_use]
    pub fn due(&self, category: &str) -> Option<i64> {
        match category {
            "raw" => self.raw,
            "working" => self.working,
            "private" => self.private,
            "commitment-key" => self.commitment_key,
            _ => None,
        }
    }
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
    /// Files still found by the scan afterwards, and inputs of which nobody can say where to look.
    pub left: u64,
    /// Other files in the place of inputs: not those of the manifest, so never deleted.
    pub other: u64,
    /// When they were due, seconds since 1970.
    pub due: i64,
    /// The intake key (as in `run.opened`) that was destroyed, so that no copy of a sealed input can be opened; of `raw` alone.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub destroyed_key: Option<String>,
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
        let release = self.decision == "release";
        if release && self.reason.trim().is_empty() {
            return Some("a frame was released without a reason".into());
        }
        if release == self.open.is_empty() {
            return Some("less is hidden by a release alone, and by every release".into());
        }
        if !self.hide.is_empty() && ["reject", "confirm"].contains(&self.decision.as_str()) {
            return Some("more is hidden by approve and release alone".into());
        }
        if !boxes_are_whole(&self.hide) || !boxes_are_whole(&self.open) {
            return Some("a box is empty or the wrong way round".into());
        }
        self.signatures
            .is_empty()
            .then(|| "a decision has no signature".into())
    }
}

impl DecidedMask {
    pub(super) fn problem(&self) -> Option<String> {
        let release = self.decision == "release";
        if (!release && self.decision != "approve") || release == self.open.is_empty() {
            return Some("a mask was decided neither by approve nor by release".into());
        }
        let whole = boxes_are_whole(&self.hide) && boxes_are_whole(&self.open);
        (!whole).then(|| "a box is empty or the wrong way round".into())
    }
}

fn boxes_are_whole(boxes: &[[u32; 4]]) -> bool {
    boxes.iter().all(|[x0, y0, x1, y1]| x0 < x1 && y0 < y1)
}

impl RawDeleted {
    pub(super) fn problem(&self) -> Option<String> {
        if !CATEGORIES.contains(&self.category.as_str()) {
            return Some(
                "what was deleted is not one of raw, working, private, commitment-key".into(),
            );
        }
        (self.destroyed_key.is_some() && self.category != "raw")
            .then(|| "a destroyed intake key deletes raw inputs alone".into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::example::{self, is_told, whole, with};
    use super::*;

    fn review(decision: &str) -> Value {
        let open = json!([[0, 0, 9, 9]]);
        let decided = with(example::review(1, decision, 9), "reason", "a chimney");
        if decision == "release" {
            with(decided, "open", open)
        } else {
            decided
        }
    }

    #[test]
    fn each_decision_hides_and_opens_what_it_may() {
        let boxes = || json!([[1, 2, 3, 4]]);
        for told in [
            review("approve"),
            review("reject"),
            review("release"),
            review("confirm"),
            with(review("approve"), "hide", boxes()),
            with(review("release"), "hide", boxes()),
            with(review("approve"), "reason", ""),
        ] {
            assert!(is_told(&told), "{told}");
        }
        let mut closed = review("release");
        closed.as_object_mut().unwrap().remove("open");
        for wrong in [
            closed,
            review("perhaps"),
            with(review("release"), "reason", " "),
            with(review("approve"), "open", boxes()),
            with(review("reject"), "hide", boxes()),
            with(review("confirm"), "hide", boxes()),
            with(review("confirm"), "signatures", json!([])),
        ] {
            assert!(!is_told(&wrong), "{wrong}");
        }
    }

    #[test]
    fn boxes_of_people_have_an_inside() {
        for bbox in [[1, 2, 1, 4], [1, 2, 3, 2], [3, 2, 1, 4], [1, 4, 3, 2]] {
            let (wrong, right) = (json!([bbox]), json!([[1, 2, 2, 3]]));
            let both = |hide: &Value, open: &Value| {
                let decided = with(review("release"), "hide", hide.clone());
                is_told(&with(decided, "open", open.clone()))
            };
            assert!(both(&right, &right));
            assert!(!both(&wrong, &right) && !both(&right, &wrong), "{bbox:?}");
            let mask = |hide: &Value, open: &Value| {
                let decided = json!({"decision": "release", "hide": hide, "open": open});
                is_told(&masked(decided))
            };
            assert!(mask(&right, &right));
            assert!(!mask(&wrong, &right) && !mask(&right, &wrong), "{bbox:?}");
        }
    }

    fn masked(decided: Value) -> Value {
        with(whole().value("masked 0"), "reviewed", decided)
    }

    #[test]
    fn a_mask_was_decided_by_approve_or_by_release_which_opens() {
        let open = || json!([[0, 0, 9, 9]]);
        let decided = |decision: &str| json!({"decision": decision, "hide": []});
        assert!(is_told(&masked(decided("approve"))));
        assert!(is_told(&masked(with(decided("release"), "open", open()))));
        for wrong in [
            decided("release"),
            decided("confirm"),
            with(decided("approve"), "open", open()),
            with(decided("reject"), "open", open()),
        ] {
            assert!(!is_told(&masked(wrong.clone())), "{wrong}");
        }
    }

    #[test]
    fn each_category_has_a_date_of_its_own() {
        let dates = Retention {
            raw: Some(2),
            working: Some(3),
            private: Some(4),
            commitment_key: Some(5),
        };
        let due = ["raw", "working", "private", "commitment-key", "tiles"];
        assert_eq!(
            due.map(|category| dates.due(category)),
            [Some(2), Some(3), Some(4), Some(5), None]
        );
        assert_eq!(CATEGORIES, due[..4]);
        assert!(!dates.is_empty() && Retention::default().is_empty());
        let opened = whole().value("opened");
        assert!(is_told(&with(
            opened.clone(),
            "retention",
            json!({"raw": 2})
        )));
        assert!(!is_told(&with(opened, "retention", json!({}))));
    }

    #[test]
    fn a_key_is_destroyed_for_raw_inputs_alone() {
        let deleted = |category: &str| {
            json!({"type": "raw.deleted", "at": 11, "category": category, "files": 1, "bytes": 1, "frames": [], "missing": 0, "left": 0,
                "other": 0, "due": 10})
        };
        for category in CATEGORIES {
            assert!(is_told(&deleted(category)), "{category}");
            let key = format!("age1{}", "q".repeat(58));
            let destroyed = with(deleted(category), "destroyed_key", key);
            assert_eq!(is_told(&destroyed), category == "raw", "{category}");
        }
        assert!(!is_told(&deleted("tiles")));
    }
}
