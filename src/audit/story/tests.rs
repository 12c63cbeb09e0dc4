//! A whole story, and what is said when one thing in it is changed.

use serde_json::{Value, json};

use super::super::example::{Told, whole, with};

#[test]
fn a_whole_story_has_no_problems() {
    assert_eq!(whole().problems(), Vec::<String>::new());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of rules")]
fn each_rule_is_told_when_it_is_broken() {
    for (told, expected) in [
        (
            whole().without("opened"),
            "the log does not begin with run.opened",
        ),
        (Told(vec![]), "the log does not begin with run.opened"),
        (
            whole().without("closed"),
            "the log has no run.closed: the run is not finished",
        ),
        (
            whole().again("opened", "masked 0"),
            "run.opened stands there twice",
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
            whole().again("ingested 2", "objection"),
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
                json!({"decision": "approve", "hide": [[1, 2, 3, 4]]}),
            ),
            "frame 0 follows a decision, the run follows no review",
        ),
        (
            whole().set("rejected 2", "type", "frame.withheld").set(
                "rejected 2",
                "reason",
                "reviewed",
            ),
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

#[test]
fn ranges_of_frames_go_on_in_the_next_entry_and_in_no_other() {
    let parts = |second: Value| {
        whole()
            .set("temperature", "source_frames", json!([[0, 0]]))
            .again("temperature", "temperature")
            .0
            .into_iter()
            .enumerate()
            .map(|(at, (label, value))| {
                let is_second = label == "temperature" && at == whole().at("temperature") + 1;
                let value = if is_second {
                    with(value, "source_frames", second.clone())
                } else {
                    value
                };
                (label, value)
            })
            .collect()
    };
    assert_eq!(
        Told(parts(json!([[1, 1]]))).problems(),
        Vec::<String>::new()
    );
    for again in [json!([[0, 0]]), json!([])] {
        let problems = Told(parts(again)).problems();
        assert_eq!(problems, ["\"tiles/temperature.tif\" was published twice"]);
    }
    // Frames of two entries of one flight.
    let flights = whole()
        .set("flight", "frames", json!([[0, 0]]))
        .again("flight", "flight");
    let at = flights.at("flight") + 1;
    let mut flights = flights;
    flights.0[at].1["frames"] = json!([[1, 1]]);
    assert_eq!(flights.problems(), Vec::<String>::new());
}
