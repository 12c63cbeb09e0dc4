//! Whether a run that follows a review does what people decided, all of it and nothing else.
//!
//! In: its entries and the log that it names. Out: what does not add up. Refuses: nothing; that the reviewed run verifies is checked apart.

use std::path::Path;

use super::read::{read, reviewed};
use super::{AuditError, Entry, REVIEWED};

/// What is wrong between the run in `run` and the one in `folder`, which it is said to follow.
pub(super) fn problems(run: &Path, folder: &Path) -> Result<Vec<String>, AuditError> {
    // What cannot be read was told of by the check of either run.
    let Ok(entries) = &read(run) else {
        return Ok(Vec::new());
    };
    let Some(Entry::RunOpened(opened)) = entries.first() else {
        return Ok(Vec::new());
    };
    let Some(named) = &opened.reviewed else {
        return Ok(vec!["the run follows no review".into()]);
    };
    // The reviewed log may have grown since.
    let Ok(before) = read(folder) else {
        return Ok(Vec::new());
    };
    let size = usize::try_from(named.size).unwrap_or(usize::MAX);
    let reviewed = reviewed(folder, before.get(..size).unwrap_or(&before))?;
    let mut problems = Vec::new();
    // What was decided before the run began must have been followed.
    for entry in before.iter().skip(size) {
        if let Entry::Review(review) = entry
            && review.at <= opened.at
        {
            problems.push(format!(
                "the decision about frame {} was made before the run and is not followed",
                review.frame
            ));
        }
    }
    if reviewed.run != *named {
        problems.push("the run follows another log than this one".into());
    }
    let old = &reviewed.opened;
    let same = old.manifest == opened.manifest
        && old.policy_sha256 == opened.policy_sha256
        && old.models == opened.models
        && old.retention == opened.retention
        && old.lines == opened.lines
        && old.beyond_envelope == opened.beyond_envelope;
    if !same {
        problems.push("the reviewed run had other inputs, settings, models or dates".into());
    }
    for entry in entries {
        let (frame, follows) = match entry {
            Entry::Masked(masked) => {
                let decided = reviewed.masks.get(&masked.frame);
                let rejected = reviewed.rejected.contains(&masked.frame);
                (
                    masked.frame,
                    masked.reviewed.as_ref() == decided && !rejected,
                )
            }
            Entry::Withheld(withheld) => {
                let rejected = reviewed.rejected.contains(&withheld.frame);
                (withheld.frame, (withheld.reason == REVIEWED) == rejected)
            }
            _ => continue,
        };
        if !follows {
            problems.push(format!(
                "frame {frame} does not follow what people decided about it"
            ));
        }
    }
    Ok(problems)
}
