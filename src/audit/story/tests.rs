//! A whole story, and what is said when one thing in it is changed.

use serde_json::{Value, json};

use super::super::example::{Told, whole};
use super::{MOST, Story};

/// What stands in `frame.masked` where people decided.
fn decided() -> Value {
    json!({"decision": "approve", "hide": [[1, 2, 3, 4]]})
}

#[test]
fn a_whole_story_has_no_problems() {
    assert_eq!(whole().problems(), Vec::<String>::new());
}

#[test]
fn so_has_one_that_leaves_out_what_need_not_be_or_follows_a_review() {
    let no_warm_spots = whole()
        .set("opened", "lines", json!(["model", "carry"]))
        .without("spots 0")
        .without("spots 1");
    let map = [
        "placed 0",
        "placed 1",
        "flight",
        "objection",
        "temperature",
        "heat",
        "heat tile",
        "buildings",
        "resumed",
    ];
    let no_map = map.into_iter().fold(whole(), Told::without);
    let hash = "5a".repeat(32);
    let reviewed = json!({"size": 9, "root": hash, "decisions_sha256": hash});
    let following = whole().set("opened", "reviewed", reviewed);
    let following = following.set("masked 0", "reviewed", decided());
    for told in [
        no_warm_spots,
        no_map,
        whole().withheld("beyond-envelope"),
        following.withheld("reviewed"),
    ] {
        assert_eq!(told.problems(), Vec::<String>::new());
    }
}

#[test]
fn a_log_that_begins_otherwise_or_has_no_end_is_told_once() {
    let begins = "the log does not begin with run.opened";
    for (told, expected) in [
        (Told(vec![]), begins),
        (whole().without("opened"), begins),
        (whole().before("opened", "closed"), begins),
        (
            whole().without("closed"),
            "the log has no run.closed: the run is not finished",
        ),
    ] {
        assert_eq!(told.problems(), [expected]);
    }
}

#[test]
fn a_story_tells_how_the_run_began_whether_it_ended_and_how_much_is_wrong_so_far() {
    let mut story = Story::default();
    assert_eq!(story.opened(), None);
    let told = whole().set("resumed", "frames", 1);
    let (first_wrong, closed) = (told.at("resumed"), told.at("closed"));
    for (at, entry) in told.entries().iter().enumerate() {
        assert!(!story.is_closed());
        story.take(entry);
        assert_eq!(story.opened().map(|opened| opened.at), Some(5));
        assert_eq!(story.problems(), usize::from(at >= first_wrong));
        assert_eq!(story.is_closed(), at == closed);
    }
}

/// One more than are told, so that it can be seen that there are more.
#[test]
fn what_is_wrong_a_thousand_times_is_not_looked_at_any_more() {
    let mut told = whole().set("resumed", "frames", 1);
    let resumed = told.0[told.at("resumed")].clone();
    told.0.splice(1..1, vec![resumed; 2000]);
    let mut story = Story::default();
    for entry in told.entries() {
        story.take(&entry);
    }
    assert_eq!(story.problems(), MOST + 1);
    assert_eq!(story.finish().len(), MOST + 1);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of rules")]
fn each_rule_is_told_when_it_is_broken() {
    for (told, expected) in [
        (
            whole().again("opened", "masked 0"),
            "run.opened stands there twice",
        ),
        (
            whole().again("closed", "closed"),
            "entries of a run follow run.closed",
        ),
        (
            {
                let mut told = whole();
                let at = told.at("closed");
                told.0.insert(at, ("release", json!({"type": "release.approved", "at": 9, "recipient": "r", "approver": "a",
                    "statement_sha256": "", "size": 1, "root": ""})));
                told
            },
            "a decision stands before run.closed",
        ),
        // Frames.
        (whole().without("masked 0"), "frame 0 has no outcome"),
        (whole().without("rejected 2"), "frame 2 has no outcome"),
        (
            whole().without("rejected 2"),
            "the manifest has 3 frames, 2 have an outcome",
        ),
        (
            whole().set("ingested 1", "frame", 2),
            "frame 2 is not in manifest order",
        ),
        (
            whole().again("ingested 2", "temperature"),
            "frame 2 comes after a tile",
        ),
        (
            whole().again("ingested 2", "placed 0"),
            "frame 2 comes after the map was begun",
        ),
        (
            whole()
                .without("placed 0")
                .without("placed 1")
                .again("ingested 2", "flight"),
            "frame 2 comes after the map was begun",
        ),
        (
            whole()
                .without("placed 0")
                .without("placed 1")
                .without("flight")
                .again("ingested 2", "objection"),
            "frame 2 comes after the map was begun",
        ),
        (
            whole().before("masked 0", "ingested 0"),
            "an entry of frame 0 stands outside its frame",
        ),
        (
            whole().again("a 0", "masked 0"),
            "an entry of frame 0 stands outside its frame",
        ),
        (
            whole().again("resumed", "ingested 2"),
            "run.resumed stands within a frame",
        ),
        (
            whole().set("resumed", "frames", 1),
            "run.resumed tells of 1 frames with an outcome, the entries before it of 2",
        ),
        (
            whole().set("ingested 0", "commitment", "b0".repeat(32)),
            "the commitments of the frames do not give the manifest's root",
        ),
        (
            whole().set("closed", "withheld", 1),
            "run.closed tells [3, 2, 1, 1] (total, published, withheld, rejected), the entries hold [3, 2, 0, 1]",
        ),
        // Looks.
        (
            whole().before("w 1", "a 1"),
            "\"w\" looked at frame 1 out of the order of run.opened",
        ),
        (
            whole().before("carry 1", "spots 1"),
            "\"warm-spots\" looked at frame 1 out of the order of run.opened",
        ),
        (
            whole().again("spots 0", "spots 0"),
            "\"warm-spots\" looked at frame 0 out of the order of run.opened",
        ),
        (
            whole().without("a 1"),
            "\"w\" looked at frame 1 out of the order of run.opened",
        ),
        (
            whole().before("check 1", "carry 1"),
            "\"carry\" looked at frame 1 out of the order of run.opened",
        ),
        (
            whole().set("carry 1", "source", 1),
            "\"carry\" looked at frame 1 out of the order of run.opened",
        ),
        (
            whole().set("carry 1", "source", 3),
            "\"carry\" looked at frame 1 out of the order of run.opened",
        ),
        (
            whole().set("carry 1", "source", 2),
            "finds were carried from frame 2, in which nothing was found",
        ),
        (
            whole()
                .again("carry 1", "spots 0")
                .set("carry 1", "frame", 0)
                .set("carry 1", "source", 1),
            "finds were carried from frame 1, in which nothing was found",
        ),
        (
            whole().set("opened", "lines", json!(["model", "carry"])),
            "\"warm-spots\" looked at frame 0 out of the order of run.opened",
        ),
        (
            whole().set("a 0", "model", "b"),
            "\"b\" looked at frame 0 out of the order of run.opened",
        ),
        (
            whole().set("a 1", "skipped", "too coarse"),
            "Some(\"a\") left out frame 1, which run.opened does not allow it",
        ),
        (
            whole().without("w 1"),
            "frame 1 was published, but 1 of 2 models looked",
        ),
        (
            whole().without("a 0"),
            "frame 0 was published, but 0 of 2 models looked",
        ),
        (
            whole()
                .set(
                    "opened",
                    "models",
                    json!([{"name": "a", "sha256": "", "skips": true}, {"name": "w", "sha256": "", "skips": true}]),
                )
                .set("a 0", "skipped", "too coarse"),
            "frame 0 was published, but 0 of 2 models looked",
        ),
        (
            whole().without("spots 1"),
            "frame 1 was published, but nobody looked for warm spots",
        ),
        (
            whole().without("check 1"),
            "frame 1 tells of 2 finds in 1 rounds of its self-check, its looks of 0 in 0",
        ),
        (
            whole().set("masked 1", "self_check", json!({"found": 2, "rounds": 2})),
            "frame 1 tells of 2 finds in 2 rounds of its self-check, its looks of 2 in 1",
        ),
        // People.
        (
            whole().set(
                "masked 0",
                "reviewed",
                decided(),
            ),
            "frame 0 follows a decision, the run follows no review",
        ),
        (
            whole().set("rejected 2", "reviewed", decided()),
            "frame 2 follows a decision, the run follows no review",
        ),
        (
            whole().withheld("out-of-time").set("rejected 2", "reviewed", decided()),
            "frame 2 follows a decision, the run follows no review",
        ),
        (
            whole().withheld("reviewed"),
            "frame 2 follows a decision, the run follows no review",
        ),
        // The map.
        (
            whole().before("placed 0", "masked 0"),
            "frame 0 was placed before the outcome of frame 0",
        ),
        (
            whole().before("placed 0", "masked 0"),
            "frame 0 was placed and not published",
        ),
        (
            whole().before("placed 1", "placed 0"),
            "frame 0 was placed out of order",
        ),
        (
            whole().again("placed 1", "placed 1"),
            "frame 1 was placed out of order",
        ),
        (
            whole().again("placed 1", "temperature"),
            "frame 1 was placed after a tile",
        ),
        (
            whole().set("placed 1", "frame", 2),
            "frame 2 was placed and not published",
        ),
        (
            whole().before("flight", "rejected 2"),
            "a flight was placed before the outcome of frame 2",
        ),
        (
            whole().before("flight", "buildings"),
            "a flight was placed after a tile",
        ),
        (
            whole().set("flight", "frames", json!([[0, 2]])),
            "a flight of frames 0 to 2 was placed, not all of which were published",
        ),
        (
            whole().again("flight", "objection"),
            "frame 0 is of two flights",
        ),
        (
            whole().before("objection", "rejected 2"),
            "objection.applied comes before the outcome of frame 2",
        ),
        (
            whole().again("objection", "objection"),
            "objection.applied stands there twice",
        ),
        (
            whole().before("objection", "closed"),
            "objection.applied comes after a file that was published",
        ),
        (
            whole().again("heat", "heat"),
            "heatloss.parameters stands there twice",
        ),
        (
            whole().before("heat tile", "heat"),
            "\"tiles/heatloss.tif\" comes before heatloss.parameters",
        ),
        (
            whole().again("buildings", "buildings"),
            "buildings.emitted stands there twice",
        ),
        (
            whole().before("temperature", "rejected 2"),
            "a tile comes before the outcome of frame 2",
        ),
        (
            whole().again("temperature", "heat"),
            "\"tiles/temperature.tif\" was published twice",
        ),
        (
            whole().set("temperature", "source_frames", json!([[0, 2]])),
            "\"tiles/temperature.tif\" shows frames 0 to 2, not all of which were published",
        ),
    ] {
        let problems = told.problems();
        assert!(
            problems.iter().any(|problem| problem == expected),
            "{expected}: {problems:#?}"
        );
    }
}

/// An entry twice, the first with frame 0 and the second, somewhere behind it, with `second` in the place of its ranges.
fn parts(label: &'static str, key: &str, behind: &str, second: &Value) -> Told {
    let ranges = json!([[0, 0]]);
    let mut told = whole().set(label, key, ranges).again(label, behind);
    let last = told.0.iter().rposition(|(name, _)| *name == label).unwrap();
    told.0[last].1[key] = second.clone();
    told
}

#[test]
fn ranges_of_frames_go_on_in_the_next_entry_and_in_no_other() {
    let next = json!([[1, 1]]);
    for (label, key) in [
        ("temperature", "source_frames"),
        ("buildings", "source_frames"),
        ("flight", "frames"),
    ] {
        let told = parts(label, key, label, &next);
        assert_eq!(told.problems(), Vec::<String>::new(), "{label}");
    }
    let tile = "\"tiles/temperature.tif\" was published twice";
    let table = "buildings.emitted stands there twice";
    let file = "\"buildings/a\" was published twice";
    for again in [json!([[0, 0]]), json!([])] {
        let told = parts("temperature", "source_frames", "temperature", &again);
        assert_eq!(told.problems(), [tile]);
        let told = parts("buildings", "source_frames", "buildings", &again);
        assert_eq!(told.problems(), [table, file]);
    }
    let apart = parts("temperature", "source_frames", "heat", &next);
    assert_eq!(apart.problems(), [tile]);
    let mut other = parts("temperature", "source_frames", "temperature", &next);
    let at = other.at("temperature") + 1;
    other.0[at].1["bytes"] = 8.into();
    assert_eq!(other.problems(), [tile]);
}

#[test]
fn weather_by_frames_goes_on_in_the_next_entry_and_behind_its_frames_alone() {
    let weather = |frames: [u32; 2]| {
        let pair = [1, 1];
        json!([{"air_mk": pair, "frames": [frames], "humidity_milli": 1, "reflected_mk": pair, "sky_mk": pair, "wind_mm_s": pair}])
    };
    let told = |first, second, behind| {
        let told = whole().set("heat", "lines", weather(first));
        let mut told = told.again("heat", behind);
        let last = told.0.iter().rposition(|(name, _)| *name == "heat");
        told.0[last.unwrap()].1["lines"] = weather(second);
        told
    };
    let whole = told([0, 0], [1, 1], "heat");
    assert_eq!(whole.problems(), Vec::<String>::new());
    for told in [
        told([1, 1], [0, 0], "heat"),
        told([0, 1], [1, 1], "heat"),
        told([0, 0], [1, 1], "heat tile"),
    ] {
        assert_eq!(told.problems(), ["heatloss.parameters stands there twice"]);
    }
}
