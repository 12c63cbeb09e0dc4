//! The entry types. Integers and text only, so that every program writes the same bytes.

use serde::{Deserialize, Serialize};

use super::{
    BuildingsEmitted, DecidedMask, HeatLossParameters, ObjectionApplied, RawDeleted,
    ReleaseApproved, ReviewDecided, RunOpened, line,
};

/// Most ranges of frames in one entry: 24 bytes each at most, so that a line stays below 65,535.
pub const MOST_RANGES: usize = 2000;

/// One line of the log. Frame entries carry no wall clock, no position and no file name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Entry {
    /// A run began: who, why, with what, on which inputs.
    #[serde(rename = "run.opened")]
    RunOpened(RunOpened),
    /// A run went on after an interruption.
    #[serde(rename = "run.resumed")]
    RunResumed(RunResumed),
    /// A line of the manifest was taken up.
    #[serde(rename = "frame.ingested")]
    Ingested(Ingested),
    /// A line of defence looked at a frame.
    #[serde(rename = "frame.detected")]
    Detected(Detected),
    /// A frame was masked and may be published.
    #[serde(rename = "frame.masked")]
    Masked(Masked),
    /// A frame needs a human.
    #[serde(rename = "frame.withheld")]
    Withheld(NotPublished),
    /// A frame is not usable.
    #[serde(rename = "frame.rejected")]
    Rejected(NotPublished),
    /// A published frame was laid on the ground.
    #[serde(rename = "frame.placed")]
    Placed(Placed),
    /// A flight was laid on the ground.
    #[serde(rename = "flight.placed")]
    Flight(FlightEvidence),
    /// Homes were taken out of the map because their people object.
    #[serde(rename = "objection.applied")]
    Objection(ObjectionApplied),
    /// What heat loss was worked out with.
    #[serde(rename = "heatloss.parameters")]
    HeatLoss(HeatLossParameters),
    /// The table of buildings was published.
    #[serde(rename = "buildings.emitted")]
    Buildings(BuildingsEmitted),
    /// A file was published.
    #[serde(rename = "tile.emitted")]
    TileEmitted(TileEmitted),
    /// A run ended; the counts must balance.
    #[serde(rename = "run.closed")]
    RunClosed(RunClosed),
    /// After the run: a person decided about a frame.
    #[serde(rename = "review.decided")]
    Review(ReviewDecided),
    /// After the run: the published files may be handed on.
    #[serde(rename = "release.approved")]
    Release(ReleaseApproved),
    /// After the run: something was deleted.
    #[serde(rename = "raw.deleted")]
    Deleted(RawDeleted),
}

/// `run.resumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResumed {
    /// Seconds since 1970.
    pub at: i64,
    /// Frames that had an outcome.
    pub frames: u32,
}

/// `frame.ingested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingested {
    /// Number in the manifest.
    pub frame: u32,
    /// HMAC-SHA256 of the file (before it was sealed) under the run's key, hex.
    pub commitment: String,
    /// Format, empty where the file could not be decoded.
    pub format: String,
    /// Make and model of the camera.
    pub camera: String,
    /// Length of the file, as it was before it was sealed.
    pub bytes: u64,
    /// Whether the file lay there sealed to the run's intake key.
    #[serde(
        default,
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "line::only_true"
    )]
    pub sealed: bool,
}

/// `frame.detected`: one for each completed look at the frame itself, for each model that left the frame out, for each neighbour from which finds were
/// carried here, and for each look of the self-check whose finds the mask grew by, or the frame was withheld for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detected {
    /// Number in the manifest.
    pub frame: u32,
    /// Line of defence: `model`, `warm-spots` or `carry`.
    pub line: String,
    /// Name of the model, where one looked.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub model: Option<String>,
    /// The neighbour whose finds were carried here.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub source: Option<u32>,
    /// Why the model did not look, where it did not.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub skipped: Option<String>,
    /// 0 for a look at the frame, 1 and up for the self-check's at the masked frame.
    pub round: u32,
    /// What was found; from round 1 on only what the mask did not wholly hide.
    pub found: Vec<Found>,
}

/// One find: class, box in whole pixels rounded outwards, score times 1000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Class.
    pub class: String,
    /// Left, top, right, bottom; the last two are one past the box.
    #[serde(rename = "box")]
    pub bbox: [u32; 4],
    /// Score times 1000.
    pub score: u32,
    /// Sure enough to be carried into neighbours, and to withhold a frame that still shows it.
    pub sure: bool,
}

impl Detected {
    /// Whether this is what a model or warm spots found in the frame itself before any masking.
    #[must_use]
    pub fn is_first_look(&self) -> bool {
        self.round == 0 && self.source.is_none()
    }

    pub(super) fn problem(&self) -> Option<String> {
        let shape = (self.model.is_some(), self.source.is_some(), self.round);
        if self.skipped.is_some() && (shape != (true, false, 0) || !self.found.is_empty()) {
            return Some("what was skipped is not a model's first look".into());
        }
        let fits = match self.line.as_str() {
            "model" => matches!(shape, (true, false, _)),
            "warm-spots" => shape == (false, false, 0),
            "carry" => shape == (false, true, 0),
            _ => false,
        };
        if !fits {
            return Some("a look is not one of model, warm-spots or carry".into());
        }
        self.found.iter().find_map(Found::problem)
    }
}

/// Scores are parts of a thousand.
const FULL_SCORE: u32 = 1000;

impl Found {
    fn problem(&self) -> Option<String> {
        let [x0, y0, x1, y1] = self.bbox;
        if x0 > x1 || y0 > y1 {
            return Some("a box is the wrong way round".into());
        }
        (self.score > FULL_SCORE).then(|| "a score is beyond 1000".into())
    }
}

/// `frame.masked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked {
    /// Number in the manifest.
    pub frame: u32,
    /// Policy of each class that there is.
    pub policies: Vec<Policy>,
    /// Padding on the ground in millimetres, each side.
    pub padding_mm: u32,
    /// Masks start and end on multiples of this.
    pub grid_px: u32,
    /// SHA-256 of the mask, hex.
    pub mask_sha256: String,
    /// Pixels under the mask.
    pub masked_pixels: u64,
    /// Pixels of the frame, so that a share can be told; logs of before have none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub pixels: Option<u64>,
    /// SHA-256 of the redacted raster (float32 °C, little-endian, row by row), hex.
    pub output_sha256: String,
    /// What the second look found.
    pub self_check: SelfCheck,
    /// What people decided about the mask, where they did.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub reviewed: Option<DecidedMask>,
}

/// Policy of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Class.
    pub class: String,
    /// `nodata` or `mean`.
    pub policy: String,
}

/// What the second look at the redacted frame found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfCheck {
    /// Finds that the mask did not wholly hide, over all rounds.
    pub found: u32,
    /// Times that the mask grew by them.
    pub rounds: u32,
}

/// `frame.withheld` and `frame.rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotPublished {
    /// Number in the manifest.
    pub frame: u32,
    /// Short machine name.
    pub reason: String,
    /// In words.
    pub detail: String,
    /// What people decided about its mask, where they did: it was not drawn, and waits for the run that can.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub reviewed: Option<DecidedMask>,
}

/// `tile.emitted`: one for each file under `tiles/`, and for the list of a folder there or of `frames/`; further ones where its frames are more ranges than
/// a line holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileEmitted {
    /// Path relative to the output folder.
    pub path: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
    /// Frames of which it may show pixels, as inclusive ranges; at most [`MOST_RANGES`], the others in further entries of the same file.
    pub source_frames: Vec<[u32; 2]>,
}

/// `frame.placed`: how refinement changed a published frame's pose and temperatures; all 0 where it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// Number in the manifest.
    pub frame: u32,
    /// East, north and up, in millimetres.
    pub shift_mm: [i32; 3],
    /// Yaw, pitch and roll, in microradians.
    pub turn_urad: [i32; 3],
    /// Added to its temperatures, in millikelvin; what the flight's vignetting adds comes on top.
    pub offset_mk: i32,
    /// Squares of ground that it was matched by.
    pub matches: u32,
}

/// `flight.placed`: how one flight was laid on the ground, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlightEvidence {
    /// Frames of the flight, as inclusive ranges; at most [`MOST_RANGES`], the others in further entries of the same flight.
    pub frames: Vec<[u32; 2]>,
    /// `gimbal` or `flight`.
    pub yaw: String,
    /// In words.
    pub reason: String,
    /// Disagreement of overlapping frames with the gimbal's yaw in millikelvin, -1 where unknown.
    pub gimbal_millikelvin: i64,
    /// The same with the airframe's yaw.
    pub flight_millikelvin: i64,
    /// Pairs of frames compared.
    pub pairs: u32,
    /// What it was laid on, in words: flat ground, ground as overlaps tell it, or a surface model, the last two with the SHA-256 of their heights.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "line::filled"
    )]
    pub ground: String,
    /// Median angle between the gimbal's yaw and the track flown, in degrees.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub gimbal_to_track_degrees: Option<u32>,
    /// The same for the airframe's yaw.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub flight_to_track_degrees: Option<u32>,
    /// Median place by EXIF from the place by XMP, which is used: millimetres east and north.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "line::present"
    )]
    pub exif_offset_mm: Option<[i32; 2]>,
    /// Which frames photogrammetry software placed, in words, with the SHA-256 of its file.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "line::filled"
    )]
    pub poses: String,
    /// What is added by the place on the sensor, in millikelvin a term: x, y, x², xy, y², x³, x²y, xy², y³, x⁴, x³y, x²y², xy³, y⁴, with x from -1 at the
    /// left to 1 at the right edge and y from -1 at the top to 1 at the bottom; empty where temperatures stay as measured.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "line::some"
    )]
    pub vignetting_mk: Vec<i32>,
    /// How its frames were brought into agreement, in words.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "line::filled"
    )]
    pub agreement: String,
}

/// `run.closed`: the last entry of the run; what people decide later comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunClosed {
    /// Seconds since 1970.
    pub at: i64,
    /// Frames in the manifest.
    pub total: u32,
    /// Masked and published.
    pub published: u32,
    /// Withheld.
    pub withheld: u32,
    /// Rejected.
    pub rejected: u32,
}

impl Entry {
    /// The frame whose way from its intake to its outcome this entry is part of; `None` for what is told of it later.
    #[must_use]
    pub fn frame_under_way(&self) -> Option<u32> {
        match self {
            Self::Ingested(Ingested { frame, .. })
            | Self::Detected(Detected { frame, .. })
            | Self::Masked(Masked { frame, .. })
            | Self::Withheld(NotPublished { frame, .. })
            | Self::Rejected(NotPublished { frame, .. }) => Some(*frame),
            _ => None,
        }
    }

    /// Whether this entry ends a frame: masked, withheld or rejected.
    #[must_use]
    pub fn is_outcome(&self) -> bool {
        matches!(
            self,
            Self::Masked(_) | Self::Withheld(_) | Self::Rejected(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::example::{is_told, whole, with};
    use super::*;

    fn look(label: &str) -> Value {
        whole().value(label)
    }

    fn found(bbox: [i32; 4], score: u32) -> Value {
        json!([{"box": bbox, "class": "person", "score": score, "sure": true}])
    }

    #[test]
    fn a_look_is_a_models_or_of_warm_spots_or_carried() {
        for told in [
            look("a 0"),
            look("w 0"),
            look("spots 0"),
            look("carry 1"),
            look("check 1"),
        ] {
            assert!(is_told(&told), "{told}");
        }
        for wrong in [
            with(look("a 0"), "source", 1),
            with(look("a 0"), "line", "warm-spots"),
            with(look("a 0"), "line", "eyes"),
            with(look("spots 0"), "model", "a"),
            with(look("spots 0"), "source", 1),
            with(look("spots 0"), "round", 1),
            with(look("spots 0"), "line", "model"),
            with(look("spots 0"), "line", "carry"),
            with(look("carry 1"), "model", "a"),
            with(look("carry 1"), "round", 1),
        ] {
            assert!(!is_told(&wrong), "{wrong}");
        }
    }

    #[test]
    fn what_was_skipped_found_nothing_at_a_first_look() {
        for wrong in [
            with(look("w 0"), "round", 1),
            with(look("w 0"), "found", found([1, 2, 3, 4], 900)),
            with(look("spots 0"), "skipped", "too coarse"),
            with(look("carry 1"), "skipped", "too coarse"),
        ] {
            assert!(!is_told(&wrong), "{wrong}");
        }
    }

    #[test]
    fn a_box_may_be_empty_and_not_the_wrong_way_round_and_a_score_is_at_most_1000() {
        for (bbox, score, is_right) in [
            ([1, 2, 3, 4], 1000, true),
            ([1, 2, 1, 2], 0, true),
            ([2, 2, 1, 4], 0, false),
            ([1, 4, 3, 3], 0, false),
            ([1, 2, 3, 4], 1001, false),
        ] {
            let told = with(look("a 0"), "found", found(bbox, score));
            assert_eq!(is_told(&told), is_right, "{told}");
        }
    }

    #[test]
    fn a_first_look_is_at_the_frame_itself_before_any_masking() {
        let is_first = |label| match serde_json::from_value(look(label)).unwrap() {
            Entry::Detected(look) => look.is_first_look(),
            other => panic!("{other:?}"),
        };
        assert!(is_first("a 1") && is_first("spots 1"));
        assert!(!is_first("carry 1") && !is_first("check 1"));
    }

    /// By the labels of the story.
    #[test]
    fn a_frame_is_under_way_from_its_intake_to_its_outcome() {
        let told = whole();
        for ((label, _), entry) in told.0.iter().zip(told.entries()) {
            let is_way = [
                "ingested", "a", "w", "spots", "masked", "carry", "check", "rejected",
            ];
            let mut words = label.split(' ');
            let way = words.next().filter(|word| is_way.contains(word));
            let frame = way.and_then(|_| words.next()?.parse().ok());
            assert_eq!(entry.frame_under_way(), frame, "{label}");
            let is_outcome = matches!(way, Some("masked" | "rejected"));
            assert_eq!(entry.is_outcome(), is_outcome, "{label}");
        }
    }
}
