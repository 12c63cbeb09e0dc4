//! What people decided: overridden frames first, then those that still wait.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::reasons;
use crate::audit::{NotPublished, REVIEWED, ReviewDecided};
use crate::page;

/// Frames that need people or had them.
#[derive(Debug)]
pub(super) struct People {
    /// Decisions against the program's own outcome.
    pub(super) overridden: Vec<Decided>,
    /// Frames that follow decisions in a log that was not given, in a sentence.
    pub(super) elsewhere: Option<String>,
    /// Where decisions about the run that is followed stand, in a sentence.
    pub(super) before: Option<String>,
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
    /// Signers without their keys.
    pub(super) names: String,
    /// The decision after "frame 5,".
    pub(super) short: &'static str,
    pub(super) at: String,
    /// Whether it was about the run that this one follows.
    pub(super) followed: bool,
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
        // What the followed run said of a frame goes before.
        let causes: BTreeMap<u32, &NotPublished> = facts
            .withheld
            .iter()
            .chain(&facts.rejected)
            .chain(facts.before.iter().flat_map(|run| &run.withheld))
            .map(|frame| (frame.frame, frame))
            .collect();
        let decided: BTreeSet<u32> = facts.decisions().map(|review| review.frame).collect();
        let of_before = facts.before.as_ref().map_or(0, |run| run.reviews.len());
        let all = facts.decisions().enumerate();
        let all = all.map(|(place, review)| (review, place < of_before));
        let (mut overridden, others): (Vec<_>, Vec<_>) =
            all.partition(|(review, _)| is_override(review));
        // What hides less first; a stable sort keeps the order of time.
        overridden.sort_by_key(|(review, _)| review.decision != "release");
        let rows = |reviews: Vec<(&ReviewDecided, bool)>| {
            let rows = reviews.into_iter();
            rows.map(|(review, followed)| {
                let cause = causes.get(&review.frame).copied();
                Decided::new(
                    review,
                    cause.filter(|cause| cause.reason != REVIEWED),
                    followed,
                )
            })
            .collect()
        };
        let waits =
            |frame: &&NotPublished| !decided.contains(&frame.frame) && frame.reason != REVIEWED;
        let waiting: Vec<_> = facts.withheld.iter().filter(waits).collect();
        Self {
            overridden: rows(overridden),
            elsewhere: elsewhere(facts),
            before: stands_in(facts),
            others: rows(others),
            waiting_frames: waiting.len() as u64,
            waiting: groups(&waiting),
            rejected: groups(&facts.rejected.iter().collect::<Vec<_>>()),
        }
    }
}

impl Decided {
    fn new(review: &ReviewDecided, cause: Option<&NotPublished>, followed: bool) -> Self {
        let signers = review.signatures.iter();
        let signers: Vec<String> = signers.map(|signature| signer(&signature.key)).collect();
        let keys = review.signatures.iter();
        let names: Vec<&str> = keys.map(|signature| name(&signature.key)).collect();
        Self {
            frame: review.frame,
            decision: reasons::decision(&review.decision).to_owned(),
            reason: match review.reason.trim() {
                "" => "none given".to_owned(),
                reason => reason.to_owned(),
            },
            withheld_for: cause.map_or("", |cause| reasons::reason(&cause.reason)),
            hidden: match (review.hide.len() as u64, review.open.len() as u64) {
                (0, 0) => "none".to_owned(),
                (added, 0) => format!("{} added", page::count(added, "box")),
                (0, opened) => format!("{} opened", page::count(opened, "box")),
                (added, opened) => {
                    format!("{} added, {opened} opened", page::count(added, "box"))
                }
            },
            by: page::joined(&signers),
            names: page::joined(&names),
            short: reasons::decided(&review.decision),
            at: page::time(review.at),
            followed,
        }
    }
}

/// Whether a decision changes what becomes of a frame.
pub(super) fn is_override(review: &ReviewDecided) -> bool {
    matches!(review.decision.as_str(), "release" | "approve" | "reject")
}

/// Where to check decisions about the run that is followed.
fn stands_in(facts: &Facts) -> Option<String> {
    let named = facts.opened.reviewed.as_ref()?;
    facts.before.as_ref()?;
    Some(format!(
        "Decisions marked \u{201c}before\u{201d} are about an earlier run over the same frames, and stand with their signatures in that run\u{2019}s log; this run\u{2019}s log \
         names it by its {} entries and their root {}. To check them, ask for that folder too: the commands below work in it as they do here.",
        page::number(named.size),
        named.root
    ))
}

/// What is to be said where the reviewed run was not given.
fn elsewhere(facts: &Facts) -> Option<String> {
    let named = facts.opened.reviewed.as_ref()?;
    if facts.before.is_some() {
        return None;
    }
    let withheld = facts
        .withheld
        .iter()
        .filter(|frame| frame.reason == REVIEWED);
    let withheld: Vec<u32> = withheld.map(|frame| frame.frame).collect();
    let told = |frames: &[u32], what: &str| match frames {
        [] => None,
        frames => Some(format!("{what}: {}", page::ranges(frames.iter().copied()))),
    };
    let told = [
        told(&facts.followed, "published as decided"),
        told(&withheld, "withheld as decided"),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    Some(format!(
        "This run follows what people decided about an earlier run ({}). Who decided, when and why stands in that run\u{2019}s log, of {} entries with the \
         root {}, which was not given for this page: ask for it, or for a page made with --reviewed.",
        told.join("; "),
        page::number(named.size),
        named.root
    ))
}

/// Name of a verifier key.
fn name(key: &str) -> &str {
    key.split_once('+')
        .map_or("a key without a name", |(name, _)| name)
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
            reviewed: None,
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
