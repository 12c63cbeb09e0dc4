//! Whether a run that follows a review does what people decided, all of it and nothing else.
//!
//! In: its entries and the log that it names. Out: what does not add up. Refuses: nothing; that the reviewed run verifies is checked apart.

use std::path::Path;

use super::read::{read, reviewed};
use super::{Entry, REVIEWED};

const ANOTHER: &str = "the run follows another log than this one";

/// What is wrong between the run in `run` and the one in `folder`, which it is said to follow.
pub(super) fn problems(run: &Path, folder: &Path) -> Vec<String> {
    let Ok(entries) = read(run) else {
        return vec!["the log of the run cannot be read".into()];
    };
    let Some(Entry::RunOpened(opened)) = entries.first() else {
        return Vec::new();
    };
    let Some(named) = &opened.reviewed else {
        return vec!["the run follows no review".into()];
    };
    // The reviewed log may have grown since.
    let Ok(before) = read(folder) else {
        return vec!["the log of the reviewed run cannot be read".into()];
    };
    let size = usize::try_from(named.size).unwrap_or(usize::MAX);
    let Ok(reviewed) = reviewed(folder, before.get(..size).unwrap_or(&before)) else {
        return vec![ANOTHER.into()];
    };
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
        problems.push(ANOTHER.into());
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
        let (frame, mask, is_rejected) = match entry {
            Entry::Masked(masked) => (masked.frame, masked.reviewed, false),
            Entry::Withheld(entry) => (entry.frame, entry.reviewed, entry.reason == REVIEWED),
            Entry::Rejected(entry) => (entry.frame, entry.reviewed, false),
            _ => continue,
        };
        let rejected = reviewed.rejected.binary_search(&frame).is_ok();
        if mask.as_ref() != reviewed.masks.get(&frame) || is_rejected != rejected {
            problems.push(format!(
                "frame {frame} does not follow what people decided about it"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::example::{Told, released, review, whole, with};
    use super::*;

    const BOX: [u32; 4] = [1, 2, 3, 4];

    /// A run, closed at 7, in which frame 0 was approved with a box more, and 1 is never published.
    fn before() -> Told {
        whole()
            .then(with(review(0, "approve", 8), "hide", json!([BOX])))
            .then(review(1, "reject", 9))
    }

    fn withheld(frame: u32, reason: &str) -> Value {
        json!({"type": "frame.withheld", "frame": frame, "reason": reason, "detail": ""})
    }

    /// The run, begun at 20, that follows it. Frame 2 is withheld for another reason.
    fn after() -> Told {
        let named = reviewed(Path::new(""), &before().entries()).unwrap().run;
        let decided = json!({"decision": "approve", "hide": [BOX]});
        let mut after = whole()
            .set("opened", "at", 20)
            .set("opened", "reviewed", serde_json::to_value(named).unwrap())
            .set("masked 0", "reviewed", decided);
        for (label, entry) in [
            ("masked 1", withheld(1, REVIEWED)),
            ("rejected 2", withheld(2, "beyond-envelope")),
        ] {
            let at = after.at(label);
            after.0[at].1 = entry;
        }
        after
    }

    fn found(after: &Told, before: &Told) -> Vec<String> {
        problems(after.unsigned().path(), before.unsigned().path())
    }

    #[test]
    fn a_run_that_does_what_people_decided_follows_them() {
        assert_eq!(found(&after(), &before()), Vec::<String>::new());
        // The reviewed log goes on: a release, and a decision behind the beginning of this run.
        let grown = before().then(released(10)).then(review(0, "confirm", 21));
        assert_eq!(found(&after(), &grown), Vec::<String>::new());
    }

    #[test]
    fn a_frame_that_is_not_published_keeps_what_is_decided_about_its_mask() {
        for kind in ["frame.withheld", "frame.rejected"] {
            let mut after = after();
            let at = after.at("masked 0");
            let decided = json!({"decision": "approve", "hide": [BOX]});
            let ended = with(withheld(0, "out-of-time"), "type", kind);
            after.0[at].1 = with(ended, "reviewed", decided);
            assert_eq!(found(&after, &before()), Vec::<String>::new(), "{kind}");
        }
    }

    #[test]
    fn a_decision_of_before_the_run_is_not_left_out() {
        for at in [10, 20] {
            let grown = before().then(review(1, "confirm", at));
            assert_eq!(
                found(&after(), &grown),
                ["the decision about frame 1 was made before the run and is not followed"]
            );
        }
    }

    #[test]
    fn another_log_is_not_the_one_that_is_named() {
        let named = |key: &str, value: Value| {
            let opened = after().0[0].1["reviewed"].clone();
            let after = after().set("opened", "reviewed", with(opened, key, value));
            found(&after, &before())
        };
        let other = "5b".repeat(32);
        for (key, value) in [
            ("root", json!(other)),
            ("decisions_sha256", json!(other)),
            ("size", json!(26)),
            ("size", json!(28)),
            ("size", json!(0)),
        ] {
            let found = named(key, value.clone());
            let last = found.last().map(String::as_str);
            // Fewer entries: what they decided is another thing, too.
            let told = found.iter().any(|problem| problem == ANOTHER);
            assert!(told, "{key} {value}: {last:?}");
        }
        let none = whole().set("opened", "at", 20);
        assert_eq!(found(&none, &before()), ["the run follows no review"]);
        let begun = before().without("opened");
        assert!(found(&after(), &begun).contains(&ANOTHER.into()));
    }

    #[test]
    fn inputs_settings_models_and_dates_are_those_of_the_reviewed_run() {
        let other = "5b".repeat(32);
        for (key, value) in [
            ("manifest", json!({"count": 3, "root": other})),
            ("policy_sha256", json!(other)),
            ("models", json!([{"name": "a", "sha256": other}])),
            ("retention", json!({"raw": 30})),
            ("lines", json!(["model", "warm-spots"])),
            ("beyond_envelope", json!("a reason")),
        ] {
            assert_eq!(
                found(&after().set("opened", key, value), &before()),
                ["the reviewed run had other inputs, settings, models or dates"],
                "{key}"
            );
        }
    }

    #[test]
    fn each_frame_becomes_what_people_decided() {
        let other = json!({"decision": "approve", "hide": [[1, 2, 3, 5]]});
        let published = with(whole().value("masked 1"), "frame", 1);
        let rejected = with(withheld(1, "io"), "type", "frame.rejected");
        for (label, frame, entry) in [
            ("masked 0", 0, whole().value("masked 0")),
            (
                "masked 0",
                0,
                with(after().value("masked 0"), "reviewed", other),
            ),
            ("masked 1", 1, published),
            ("masked 1", 1, withheld(1, "beyond-envelope")),
            ("rejected 2", 2, withheld(2, REVIEWED)),
            ("masked 0", 0, withheld(0, "out-of-time")),
            ("masked 1", 1, rejected),
        ] {
            let mut after = after();
            let at = after.at(label);
            after.0[at].1 = entry.clone();
            let expected = format!("frame {frame} does not follow what people decided about it");
            assert_eq!(found(&after, &before()), [expected], "{entry}");
        }
    }

    /// What is wrong there is told by the check of either run; but a disk may have given the log to that and not to this.
    #[test]
    fn a_log_that_cannot_be_read_is_a_problem() {
        let (none, folder) = (tempfile::tempdir().unwrap(), before().unsigned());
        let follows = whole().unsigned();
        let wrong = problems(follows.path(), folder.path());
        assert_eq!(wrong, ["the run follows no review"]);
        let after = after().unsigned();
        for (run, before, told) in [
            (none.path(), folder.path(), "the log of the run"),
            (after.path(), none.path(), "the log of the reviewed run"),
        ] {
            assert_eq!(problems(run, before), [format!("{told} cannot be read")]);
        }
        #[cfg(unix)]
        {
            let audit = follows.path().join("audit");
            std::os::unix::fs::symlink(audit, none.path().join("audit")).unwrap();
            let behind_a_link = problems(none.path(), folder.path());
            assert_eq!(behind_a_link, ["the log of the run cannot be read"]);
        }
    }
}
