//! What happened when: the run, then what people decided, handed on and deleted.

use super::facts::Facts;
use super::reasons;
use super::survey::{Pair, pair};
use crate::page;

/// What happened at a time.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) at: String,
    pub(super) what: String,
}

/// Everything that the log tells with its time, in order.
pub(super) fn timeline(facts: &Facts) -> Vec<Event> {
    let (opened, closed) = (&facts.opened, &facts.closed);
    let mut events = vec![(
        opened.at,
        format!(
            "Run opened over {}, whose list was fixed before the first was read.",
            page::count(opened.manifest.count.into(), "frame")
        ),
    )];
    for resumed in &facts.resumed {
        let done = page::count(resumed.frames.into(), "frame");
        events.push((
            resumed.at,
            format!("Run resumed after an interruption; {done} were done."),
        ));
    }
    events.push((
        closed.at,
        format!(
            "Run closed: {} published, {} withheld, {} not usable.",
            page::number(closed.published.into()),
            page::number(closed.withheld.into()),
            page::number(closed.rejected.into())
        ),
    ));
    let mut after: Vec<(i64, String)> = Vec::new();
    for review in &facts.reviews {
        let decision = reasons::decision(&review.decision);
        after.push((
            review.at,
            format!("Frame {} reviewed. {decision}.", review.frame),
        ));
    }
    for release in &facts.releases {
        let (recipient, approver) = (&release.recipient, &release.approver);
        after.push((
            release.at,
            format!("Released to {recipient}, approved by {approver}."),
        ));
    }
    for deleted in &facts.deletions {
        let (what, files) = (
            reasons::category(&deleted.category),
            page::count(deleted.files, "file"),
        );
        let key = match deleted.destroyed_key {
            Some(_) => " The key that they were sealed to was destroyed.",
            None => "",
        };
        after.push((deleted.at, format!("Deleted: {what}, {files}.{key}")));
    }
    after.sort_by_key(|(at, _)| *at);
    events.extend(after);
    let event = |(at, what)| Event {
        at: page::time(at),
        what,
    };
    events.into_iter().map(event).collect()
}

/// Evidence of one deletion.
#[derive(Debug)]
pub(super) struct Deleted {
    pub(super) what: String,
    pub(super) at: String,
    pub(super) due: String,
    pub(super) files: String,
    pub(super) missing: String,
    pub(super) left: String,
}

pub(super) fn deletions(facts: &Facts) -> Vec<Deleted> {
    let row = |deleted: &crate::audit::RawDeleted| Deleted {
        what: reasons::category(&deleted.category).to_owned(),
        at: page::time(deleted.at),
        due: page::day(deleted.due),
        files: format!(
            "{} ({})",
            page::number(deleted.files),
            page::bytes(deleted.bytes)
        ),
        missing: page::number(deleted.missing),
        left: page::number(deleted.left),
    };
    facts.deletions.iter().map(row).collect()
}

/// Whether the raw frames are gone, in a sentence.
pub(super) fn raw_data(facts: &Facts) -> String {
    let raw: Vec<_> = facts
        .deletions
        .iter()
        .filter(|deleted| deleted.category == "raw")
        .collect();
    let Some(last) = raw.last() else {
        let due = match facts.opened.retention.raw {
            Some(due) => format!("They are due for deletion on {}.", page::day(due)),
            None => "No date for their deletion was fixed.".to_owned(),
        };
        return format!(
            "No: the log holds no deletion of the raw frames. Take them as still there. {due}"
        );
    };
    let mut gone: Vec<[u32; 2]> = raw
        .iter()
        .flat_map(|deleted| deleted.frames.clone())
        .collect();
    gone.sort_unstable();
    let total = facts.opened.manifest.count;
    let frames = covered(&gone, total);
    if last.left > 0 {
        return format!(
            "No: {} were deleted, but the scan afterwards still found, or could not look for, {}.",
            page::count(raw.iter().map(|deleted| deleted.files).sum(), "file"),
            page::count(last.left, "file")
        );
    }
    if frames < total {
        return format!(
            "Partly: the raw files of {} of {} frames were deleted by {}.",
            page::number(frames.into()),
            page::number(total.into()),
            page::time(last.at)
        );
    }
    format!(
        "Yes, by the operator\u{2019}s evidence: the raw files of all {} were deleted by {}, and a scan afterwards found none. {}",
        page::count(total.into(), "frame"),
        page::time(last.at),
        copies(facts)
    )
}

/// What the log can say of copies that lie elsewhere.
fn copies(facts: &Facts) -> String {
    let destroyed = facts
        .deletions
        .iter()
        .any(|deleted| deleted.destroyed_key.is_some());
    if !destroyed {
        return "The log can show that this was recorded, not that no copy exists elsewhere."
            .to_owned();
    }
    format!(
        "{} lay there encrypted, and the log records that their key was destroyed: encrypted copies elsewhere cannot be opened. It cannot show \
         that no copy of the key, and none from before they were encrypted, exists elsewhere.",
        page::count(facts.sealed, "file")
    )
}

/// How many of the frames 0 to `total` - 1 lie in sorted ranges that may overlap.
fn covered(ranges: &[[u32; 2]], total: u32) -> u32 {
    let mut next = 0;
    let mut covered = 0;
    for &[first, last] in ranges {
        let first = first.max(next);
        let end = last.saturating_add(1).min(total);
        if first < end {
            covered += end - first;
            next = end;
        }
    }
    covered
}

/// Releases: when, to whom, who answers for it.
pub(super) fn releases(facts: &Facts) -> Vec<[String; 4]> {
    let row = |release: &crate::audit::ReleaseApproved| {
        [
            page::time(release.at),
            release.recipient.clone(),
            release.approver.clone(),
            release.statement_sha256.clone(),
        ]
    };
    facts.releases.iter().map(row).collect()
}

/// Every published file with its hash.
pub(super) fn files(facts: &Facts) -> Vec<Pair> {
    let tiles = facts
        .emitted
        .iter()
        .map(|tile| pair(&tile.path, &tile.sha256));
    let tables = facts.buildings.iter().flat_map(|table| &table.files);
    tiles
        .chain(tables.map(|file| pair(&file.path, &file.sha256)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_in_overlapping_ranges_count_once() {
        assert_eq!(covered(&[[0, 4], [2, 6], [8, 8]], 9), 8);
        assert_eq!(covered(&[[0, 99]], 9), 9);
        assert_eq!(covered(&[], 9), 0);
    }
}
