//! A whole story, and what is said when one thing in it is changed.

use serde_json::{Value, json};

use super::super::Entry;
use super::problems;

/// Entries of a run of three frames: the second with finds of a neighbour and of the self-check, the third no picture.
struct Told(Vec<(&'static str, Value)>);

fn whole() -> Told {
    let hash = "5a".repeat(32);
    let ingested = |frame: u32| {
        let commitment = format!("a{frame}").repeat(32);
        json!({"type": "frame.ingested", "frame": frame, "commitment": commitment, "format": "tiff-u16", "camera": "", "bytes": 9})
    };
    let found = json!([{"box": [1, 2, 3, 4], "class": "person", "score": 900, "sure": true}]);
    let twice = json!([found[0], found[0]]);
    let look = |frame: u32, round: u32, line: &str, found: &Value| json!({"type": "frame.detected", "frame": frame, "line": line, "round": round, "found": found});
    let model = |frame: u32, name: &str| with(look(frame, 0, "model", &json!([])), "model", name);
    let masked = |frame: u32, check: [u32; 2]| {
        json!({"type": "frame.masked", "frame": frame, "grid_px": 4, "mask_sha256": hash, "masked_pixels": 8, "output_sha256": hash,
            "padding_mm": 500, "policies": [], "self_check": {"found": check[0], "rounds": check[1]}})
    };
    let placed = |frame: u32| json!({"type": "frame.placed", "frame": frame, "matches": 9, "offset_mk": 0, "shift_mm": [0, 0, 0], "turn_urad": [0, 0, 0]});
    let tile = |path: &str| json!({"type": "tile.emitted", "path": path, "sha256": hash, "bytes": 9, "source_frames": [[0, 1]]});
    let pair = [1, 1];
    Told(vec![
        (
            "opened",
            json!({"type": "run.opened", "at": 5, "beyond_envelope": "", "heatveil": "0.1.0", "libraries": [], "operator": "o",
            "purpose": "p", "recipients": [], "policy_sha256": hash, "lines": ["model", "warm-spots", "carry"],
            // Python: the tree of RFC 6962 over a0.., a1.. and a2...
            "manifest": {"count": 3, "root": "4ac07f462072354ba2d3f50ac9cfcb4cf4bc2c27f95bb193c95af978c01e82b4"},
            "models": [{"name": "a", "sha256": hash}, {"name": "w", "sha256": hash, "skips": true}]}),
        ),
        ("ingested 0", ingested(0)),
        ("a 0", with(look(0, 0, "model", &found), "model", "a")),
        ("w 0", with(model(0, "w"), "skipped", "too coarse")),
        ("spots 0", look(0, 0, "warm-spots", &json!([]))),
        ("masked 0", masked(0, [0, 0])),
        ("ingested 1", ingested(1)),
        ("a 1", model(1, "a")),
        ("w 1", model(1, "w")),
        ("spots 1", look(1, 0, "warm-spots", &json!([]))),
        ("carry 1", with(look(1, 0, "carry", &found), "source", 0)),
        ("check 1", with(look(1, 1, "model", &twice), "model", "a")),
        ("masked 1", masked(1, [2, 1])),
        (
            "resumed",
            json!({"type": "run.resumed", "at": 6, "frames": 2}),
        ),
        ("ingested 2", ingested(2)),
        (
            "rejected 2",
            json!({"type": "frame.rejected", "frame": 2, "reason": "not-an-image", "detail": ""}),
        ),
        ("placed 0", placed(0)),
        ("placed 1", placed(1)),
        (
            "flight",
            json!({"type": "flight.placed", "frames": [[0, 1]], "flight_millikelvin": 2710, "gimbal_millikelvin": 3740,
            "ground": "flat ground", "pairs": 1, "reason": "r", "yaw": "flight"}),
        ),
        (
            "objection",
            json!({"type": "objection.applied", "commitment": hash, "count": 1, "margin_mm": 1000}),
        ),
        ("temperature", tile("tiles/temperature.tif")),
        (
            "heat",
            json!({"type": "heatloss.parameters", "air_mk": pair, "sky_mk": pair, "sky_source": "measured", "reflected_mk": pair,
            "reflected_source": "measured", "indoor_mk": pair, "wind_mm_s": pair, "humidity_milli": 1, "emissivity_milli": pair,
            "tilt_millidegrees": pair, "apparent_mk": 1, "drift_mk": 1, "place_mm": 1, "transmission_milli": 1, "convection_milli": 1,
            "convection": "mcadams", "method": "m", "grade": "A", "heatveil": "0.1.0"}),
        ),
        ("heat tile", tile("tiles/heatloss.tif")),
        (
            "buildings",
            json!({"type": "buildings.emitted", "files": [{"path": "buildings/a", "sha256": hash, "bytes": 9}],
            "footprints_sha256": hash, "buildings": 1, "measured": 1, "source_frames": [[0, 1]]}),
        ),
        (
            "closed",
            json!({"type": "run.closed", "at": 7, "total": 3, "published": 2, "withheld": 0, "rejected": 1}),
        ),
    ])
}

fn with(mut entry: Value, key: &str, value: impl Into<Value>) -> Value {
    entry[key] = value.into();
    entry
}

impl Told {
    fn at(&self, label: &str) -> usize {
        self.0.iter().position(|(name, _)| *name == label).unwrap()
    }

    fn set(mut self, label: &str, key: &str, value: impl Into<Value>) -> Self {
        let at = self.at(label);
        self.0[at].1[key] = value.into();
        self
    }

    fn without(mut self, label: &str) -> Self {
        let at = self.at(label);
        self.0.remove(at);
        self
    }

    /// Moves an entry before another.
    fn before(mut self, label: &str, other: &str) -> Self {
        let moved = self.0.remove(self.at(label));
        let at = self.at(other);
        self.0.insert(at, moved);
        self
    }

    /// Says an entry again right behind another.
    fn again(mut self, label: &str, behind: &str) -> Self {
        let copy = self.0[self.at(label)].clone();
        let at = self.at(behind) + 1;
        self.0.insert(at, copy);
        self
    }

    fn problems(&self) -> Vec<String> {
        let entry = |(label, value): &(&str, Value)| {
            let entry: Result<Entry, _> = serde_json::from_value(value.clone());
            entry.unwrap_or_else(|error| panic!("{label}: {error}"))
        };
        problems(&self.0.iter().map(entry).collect::<Vec<_>>())
    }
}

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
