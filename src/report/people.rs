//! What people decided: overridden frames first, then those that still wait.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::reasons;
use crate::audit::{NotPublished, ReviewDecided};
use crate::page;

/// Frames that need people or had them.
#[derive(Debug)]
pub(super) struct People {
    /// Frames published against the program's own outcome.
    pub(super) overridden: Vec<Decided>,
    /// Every other decision.
    pub(super) others: Vec<Decided>,
    /// Withheld frames without a decision.
    pub(super) waiting: Vec<Group>,
    pub(super) waiting_frames: u64,
    /// Frames that are not usable.
    pub(super) rejected: Vec<Group>,
}

/// One decision.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) frame: u32,
    pub(super) decision: String,
    pub(super) reason: String,
    /// Why the program had not published it; empty where it had.
    pub(super) withheld_for: &'static str,
    pub(super) hidden: String,
    pub(super) by: String,
    pub(super) at: String,
}

/// Frames that were not published for the same reason.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) reason: String,
    pub(super) words: &'static str,
    pub(super) count: String,
    pub(super) frames: String,
    /// Of its first frame.
    pub(super) detail: String,
}

impl People {
    pub(super) fn new(facts: &Facts) -> Self {
        let causes: BTreeMap<u32, &NotPublished> = facts
            .withheld
            .iter()
            .chain(&facts.rejected)
            .map(|frame| (frame.frame, frame))
            .collect();
        let decided: BTreeSet<u32> = facts.reviews.iter().map(|review| review.frame).collect();
        let (mut overridden, others): (Vec<_>, Vec<_>) = facts
            .reviews
            .iter()
            .partition(|review| matches!(review.decision.as_str(), "release" | "approve"));
        // What hides less first; a stable sort keeps the order of time.
        overridden.sort_by_key(|review| review.decision != "release");
        let rows = |reviews: Vec<&ReviewDecided>| {
            let rows = reviews.into_iter();
            rows.map(|review| Decided::new(review, causes.get(&review.frame).copied()))
                .collect()
        };
        let waits = |frame: &&NotPublished| !decided.contains(&frame.frame);
        let waiting: Vec<_> = facts.withheld.iter().filter(waits).collect();
        Self {
            overridden: rows(overridden),
            others: rows(others),
            waiting_frames: waiting.len() as u64,
            waiting: groups(&waiting),
            rejected: groups(&facts.rejected.iter().collect::<Vec<_>>()),
        }
    }
}

impl Decided {
    fn new(review: &ReviewDecided, cause: Option<&NotPublished>) -> Self {
        let signers = review.signatures.iter();
        let signers: Vec<String> = signers.map(|signature| signer(&signature.key)).collect();
        Self {
            frame: review.frame,
            decision: reasons::decision(&review.decision).to_owned(),
            reason: match review.reason.trim() {
                "" => "none given".to_owned(),
                reason => reason.to_owned(),
            },
            withheld_for: cause.map_or("", |cause| reasons::reason(&cause.reason)),
            hidden: match review.hide.len() {
                0 => "none".to_owned(),
                boxes => page::count(boxes as u64, "box"),
            },
            by: page::joined(&signers),
            at: page::time(review.at),
        }
    }
}

/// Name and id of a verifier key (`name+id+base64`).
fn signer(key: &str) -> String {
    let mut parts = key.splitn(3, '+');
    match (parts.next(), parts.next()) {
        (Some(name), Some(id)) => format!("{name} (key {id})"),
        _ => "a key without a name".to_owned(),
    }
}

/// Frames by reason, the most frequent first.
fn groups(frames: &[&NotPublished]) -> Vec<Group> {
    let mut by_reason: BTreeMap<&str, Vec<&NotPublished>> = BTreeMap::new();
    for frame in frames {
        by_reason.entry(&frame.reason).or_default().push(frame);
    }
    let mut groups: Vec<_> = by_reason.into_iter().collect();
    groups.sort_by_key(|(_, frames)| std::cmp::Reverse(frames.len()));
    let group = |(reason, frames): (&str, Vec<&NotPublished>)| Group {
        reason: reason.to_owned(),
        words: reasons::reason(reason),
        count: page::number(frames.len() as u64),
        frames: page::ranges(frames.iter().map(|frame| frame.frame)),
        detail: frames
            .first()
            .map(|frame| frame.detail.clone())
            .unwrap_or_default(),
    };
    groups.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_reason_comes_first_with_its_frames_as_ranges() {
        let frame = |frame, reason: &str| NotPublished {
            frame,
            reason: reason.into(),
            detail: format!("detail {frame}"),
        };
        let frames = [
            frame(1, "io"),
            frame(2, "self-check"),
            frame(3, "self-check"),
            frame(9, "self-check"),
        ];
        let found = groups(&frames.iter().collect::<Vec<_>>());
        assert_eq!(found[0].frames, "2\u{2013}3, 9");
        assert_eq!(
            (found[0].count.as_str(), found[0].detail.as_str()),
            ("3", "detail 2")
        );
        assert_eq!(found[1].reason, "io");
    }

    #[test]
    fn a_signer_is_named_by_name_and_key() {
        assert_eq!(
            signer("jo.reviewer+52c3b1ea+AaVL+x"),
            "jo.reviewer (key 52c3b1ea)"
        );
        assert_eq!(signer("?"), "a key without a name");
    }
}
