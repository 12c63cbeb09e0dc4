//! What was hidden, by class, and how sure it is that nobody was missed.

use super::cards::{Card, Unseen, interval_of};
use super::facts::{Facts, Finds};
use super::reasons;
use super::survey::policies;
use crate::page;

/// What was hidden in the published frames.
#[derive(Debug)]
pub(super) struct Hidden {
    pub(super) rows: Vec<Row>,
    /// What was done with each class, without the last full stop.
    pub(super) policy: String,
    /// Share of pixels under masks, in a sentence.
    pub(super) share: String,
    /// The self-check, in a sentence.
    pub(super) self_check: String,
    /// Models that left frames out, in sentences.
    pub(super) skipped: Vec<String>,
    /// How many people were masked and how sure that is.
    pub(super) sentence: String,
    /// That sentence's limits in this run.
    pub(super) limits: Vec<String>,
}

/// Finds of one class.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) class: String,
    pub(super) models: String,
    pub(super) warm_spots: String,
    pub(super) carried: String,
    pub(super) self_check: String,
    pub(super) frames: String,
    pub(super) policy: String,
}

impl Hidden {
    pub(super) fn new(facts: &Facts, cards: &[Card]) -> Self {
        let masks = &facts.masks;
        let mut classes: Vec<&str> = masks.policies.keys().map(String::as_str).collect();
        let order = reasons::CLASSES;
        let place = |class: &str| order.iter().position(|known| *known == class);
        classes.sort_by_key(|class| place(class).unwrap_or(order.len()));
        let people = masks.of("person");
        let unseen = cards
            .iter()
            .find_map(|card| card.figures.as_ref()?.unseen.as_ref());
        Self {
            rows: classes
                .into_iter()
                .map(|class| Row::new(class, masks.of(class), facts))
                .collect(),
            policy: policy(facts),
            share: share(facts),
            self_check: self_check(facts),
            skipped: masks
                .skipped
                .iter()
                .map(|(model, frames)| {
                    let frames = page::count(*frames, "published frame");
                    format!(
                        "The model \u{201c}{model}\u{201d} left out {frames} that were coarser than its evaluation."
                    )
                })
                .collect(),
            sentence: sentence(facts, people, unseen),
            limits: limits(facts, unseen),
        }
    }
}

impl Row {
    fn new(class: &str, finds: Finds, facts: &Facts) -> Self {
        let policies = facts.masks.policies.get(class).into_iter().flatten();
        let policies: Vec<_> = policies.map(|policy| reasons::policy(policy)).collect();
        Self {
            class: reasons::class(class).to_owned(),
            models: page::number(finds.models),
            warm_spots: page::number(finds.warm_spots),
            carried: page::number(finds.carried),
            self_check: page::number(finds.self_check),
            frames: page::number(finds.frames),
            policy: page::joined(&policies),
        }
    }
}

fn policy(facts: &Facts) -> String {
    let policies = policies(&facts.masks.policies);
    let parts: Vec<_> = policies
        .iter()
        .map(|policy| format!("{} are {}", policy.classes, policy.short))
        .collect();
    match parts.as_slice() {
        [] => "Nothing was published, so nothing had to be hidden".to_owned(),
        parts => parts.join(". "),
    }
}

fn share(facts: &Facts) -> String {
    let frames = page::count(facts.closed.published.into(), "published frame");
    match facts.masks.share() {
        Some(share) => format!(
            "{} of all pixels of the {frames} lie under a mask.",
            page::percent(share)
        ),
        None => format!(
            "{} of the {frames} lie under a mask; this log does not say of how many.",
            page::count(facts.masks.hidden, "pixel")
        ),
    }
}

fn self_check(facts: &Facts) -> String {
    let rounds = &facts.masks.rounds;
    let grown: u64 = rounds.range(1..).map(|(_, frames)| frames).sum();
    let clean = rounds.get(&0).copied().unwrap_or_default();
    let most = rounds.keys().next_back().copied().unwrap_or_default();
    if grown == 0 {
        return format!(
            "Every published frame was looked at again after masking; in none of the {} did the mask have to grow.",
            page::number(clean)
        );
    }
    let grew = format!(
        "the mask grew by what the second look found, {} at most",
        page::count(most.into(), "time")
    );
    let start = "Every published frame was looked at again after masking.";
    if clean == 0 {
        return format!("{start} In all of them {grew}.");
    }
    format!(
        "{start} In {} nothing was left to hide; in {} {grew}.",
        page::count(clean, "frame"),
        page::count(grown, "frame")
    )
}

/// How many people were masked and how sure that is.
fn sentence(facts: &Facts, people: Finds, unseen: Option<&Unseen>) -> String {
    let frames = page::count(facts.closed.published.into(), "published frame");
    if facts.closed.published == 0 {
        return "No frame was published, so nobody is shown.".to_owned();
    }
    let masked = format!(
        "In {frames}, {} of a person were hidden. How many people that were nobody knows: one person counts once in every frame that shows them, again where a part of them was found later, and \
         most finds are false alarms.",
        page::count(people.first() + people.self_check, "find")
    );
    match unseen {
        Some(figures) => format!(
            "{masked} How sure that is was measured elsewhere: on labelled frames of places that the detector had never seen, at least four fifths of the \
             body were hidden for {} of {} people (95 % interval {:.1} to {:.1} %). So expect about 1 person in {} to be covered less than that; with \
             another camera, or in other conditions than those of the labelled frames, nobody has measured it.",
            page::percent(figures.covered),
            page::number(figures.persons),
            figures.interval[0] * 100.0,
            figures.interval[1] * 100.0,
            one_in(figures.covered)
        ),
        None => format!(
            "{masked} How many were missed nobody can say from here, because the card of the model that looked is not built into this program."
        ),
    }
}

/// 0.9455 missed none in 18: `18`.
fn one_in(covered: f64) -> String {
    let missed = (1.0 - covered).max(1e-6);
    format!("{:.0}", 1.0 / missed)
}

fn limits(facts: &Facts, unseen: Option<&Unseen>) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(figures) = unseen {
        if let (Some(day), Some(night)) = (figures.day, figures.night) {
            limits.push(format!(
                "By day {} were covered, by night {}: by day people are hardly warmer than the ground.",
                page::percent(day),
                page::percent(night)
            ));
        }
        if let Some(leaky) = figures.leaky {
            limits.push(format!(
                "On frames like those it was trained on the figure is {}; do not expect that elsewhere.",
                page::percent(leaky)
            ));
        }
        limits.push(
            "The figure is of the models alone. Warm spots and neighbouring frames come on top; models/README.md says by how much."
                .to_owned(),
        );
    }
    if !facts.opened.beyond_envelope.is_empty() {
        limits.push(
            "The figure does not hold for frames that were published beyond the conditions of the evaluation (see Policy and settings)."
                .to_owned(),
        );
    }
    limits
}

/// A figure with its interval for templates.
pub(super) fn covered(unseen: &Unseen) -> String {
    interval_of(unseen.covered, unseen.interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_missed_people_is_told_as_one_in_so_many() {
        // 1 / (1 - 0.9455) = 18.3
        assert_eq!(one_in(0.9455), "18");
        assert_eq!(one_in(0.5), "2");
    }
}
