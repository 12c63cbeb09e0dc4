//! The entry types. Integers and text only, so that every program writes the same bytes.

use serde::{Deserialize, Serialize};

use super::{
    AuditError, BuildingsEmitted, HeatLossParameters, ObjectionApplied, RawDeleted,
    ReleaseApproved, ReviewDecided, canonical,
};
use crate::hex;

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

/// `run.opened`: always the first entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOpened {
    /// Seconds since 1970.
    pub at: i64,
    /// Who is responsible.
    pub operator: String,
    /// What it is for.
    pub purpose: String,
    /// Who receives the tiles.
    pub recipients: Vec<String>,
    /// Version of heatveil.
    pub heatveil: String,
    /// Versions of the libraries that decide about bytes.
    pub libraries: Vec<String>,
    /// Lines of defence that look: `model`, `warm-spots`, `carry`.
    pub lines: Vec<String>,
    /// Models that look, in order.
    pub models: Vec<ModelId>,
    /// SHA-256 of the settings that can change a published byte, hex.
    pub policy_sha256: String,
    /// Why frames beyond the models' envelope are published; empty where they are withheld.
    pub beyond_envelope: String,
    /// The inputs.
    pub manifest: Manifest,
}

/// A model by name and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelId {
    /// Name on the card.
    pub name: String,
    /// SHA-256 of the ONNX file, hex.
    pub sha256: String,
    /// Whether it leaves out frames that are coarser than its evaluation; never a model for persons.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skips: bool,
}

/// The inputs, fixed before the first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Frames.
    pub count: u32,
    /// RFC 6962 tree head over the commitments in order, hex.
    pub root: String,
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
    /// HMAC-SHA256 of the file under the run's key, hex.
    pub commitment: String,
    /// Format, empty where the file could not be decoded.
    pub format: String,
    /// Make and model of the camera.
    pub camera: String,
    /// Length of the file.
    pub bytes: u64,
}

/// `frame.detected`: one for each completed look at the frame itself, and for each look of the self-check whose finds
/// the mask grew by, or the frame was withheld for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detected {
    /// Number in the manifest.
    pub frame: u32,
    /// Line of defence: `model`, `warm-spots` or `carry`.
    pub line: String,
    /// Name of the model, where one looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The neighbour whose finds were carried here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<u32>,
    /// Why the model did not look, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// 0 for a look at the frame, 1 and up for the self-check's at the masked frame.
    pub round: u32,
    /// What was found; from round 1 on only what the mask did not hide.
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

    fn problem(&self) -> Option<String> {
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
    /// SHA-256 of the redacted raster (float32 °C, little-endian, row by row), hex.
    pub output_sha256: String,
    /// What the second look found.
    pub self_check: SelfCheck,
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
    /// Finds outside the mask, over all rounds.
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
}

/// `tile.emitted`: one for each file under `tiles/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileEmitted {
    /// Path relative to the output folder.
    pub path: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
    /// Frames of which it may show pixels, as inclusive ranges.
    pub source_frames: Vec<[u32; 2]>,
    /// How each flight was laid on the ground.
    pub flights: Vec<FlightEvidence>,
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

/// How one flight was laid on the ground, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlightEvidence {
    /// Frames of the flight, as inclusive ranges.
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
    /// What it was laid on, in words: flat ground, or a surface model with the SHA-256 of its heights.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ground: String,
    /// Median angle between the gimbal's yaw and the track flown, in degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gimbal_to_track_degrees: Option<u32>,
    /// The same for the airframe's yaw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flight_to_track_degrees: Option<u32>,
    /// Median place by EXIF from the place by XMP, which is used: millimetres east and north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exif_offset_mm: Option<[i32; 2]>,
    /// Which frames photogrammetry software placed, in words, with the SHA-256 of its file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub poses: String,
    /// What is added by the place on the sensor, in millikelvin a term: x, y, x², xy, y², x³, x²y, xy², y³, x⁴, x³y, x²y², xy³, y⁴, with x from -1 at the
    /// left to 1 at the right edge and y from -1 at the top to 1 at the bottom; empty where temperatures stay as measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vignetting_mk: Vec<i32>,
    /// How its frames were brought into agreement, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
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

/// Longest line: an entry bundle holds lengths of 16 bits (C2SP tlog-tiles).
const LONGEST: usize = u16::MAX as usize;

/// Scores are parts of a thousand.
const FULL_SCORE: u32 = 1000;

impl Entry {
    /// The canonical line (RFC 8785), without a newline.
    ///
    /// # Errors
    ///
    /// [`AuditError::TooLong`] beyond 65,535 bytes; [`AuditError::Entry`] when a digest is not 64 lower-case
    /// hex digits, an integer is beyond 2^53 - 1, a score beyond 1000, a box or range the wrong way round.
    pub fn to_line(&self) -> Result<Vec<u8>, AuditError> {
        if let Some(problem) = self.problem() {
            return Err(AuditError::Entry { problem });
        }
        let line = canonical::to_vec(self)?;
        if line.len() > LONGEST {
            Err(AuditError::TooLong { bytes: line.len() })
        } else {
            Ok(line)
        }
    }

    /// Parses a line; `None` where it is not an entry in canonical form that [`Entry::to_line`] would write.
    #[must_use]
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(line).ok()?;
        (entry.to_line().ok()? == line).then_some(entry)
    }

    /// What the types alone do not rule out.
    fn problem(&self) -> Option<String> {
        let digests: Vec<&str> = match self {
            Self::RunOpened(opened) => {
                let models = opened.models.iter().map(|model| model.sha256.as_str());
                models
                    .chain([opened.policy_sha256.as_str(), &opened.manifest.root])
                    .collect()
            }
            Self::Ingested(ingested) => vec![&ingested.commitment],
            Self::Masked(masked) => vec![&masked.mask_sha256, &masked.output_sha256],
            Self::TileEmitted(tile) => vec![&tile.sha256],
            Self::Release(release) => vec![&release.statement_sha256, &release.root],
            Self::Objection(objection) => vec![&objection.commitment],
            Self::Buildings(table) => {
                let files = table.files.iter().map(|file| file.sha256.as_str());
                files.chain([table.footprints_sha256.as_str()]).collect()
            }
            _ => Vec::new(),
        };
        if !digests.into_iter().all(is_digest) {
            return Some("a digest is not 64 lower-case hex digits".into());
        }
        match self {
            Self::Detected(detected) => detected.problem(),
            Self::Review(review) => review.problem(),
            Self::Deleted(deleted) if !ascend(&deleted.frames) => {
                Some("ranges of frames do not ascend".into())
            }
            Self::Deleted(deleted) => deleted.problem(),
            Self::TileEmitted(tile) => {
                let flights = tile.flights.iter().map(|flight| &flight.frames);
                let ascending = flights.chain([&tile.source_frames]).all(|r| ascend(r));
                (!ascending).then(|| "ranges of frames do not ascend".into())
            }
            Self::Buildings(table) if !ascend(&table.source_frames) => {
                Some("ranges of frames do not ascend".into())
            }
            _ => None,
        }
    }

    /// The frame this entry is about.
    #[must_use]
    pub fn frame(&self) -> Option<u32> {
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

/// SHA-256 or HMAC-SHA256 as the log writes it: hex in one spelling.
fn is_digest(text: &str) -> bool {
    hex::decode_32(text).is_some_and(|bytes| hex::encode(&bytes) == text)
}

/// Whether inclusive ranges stand in order and do not overlap.
fn ascend(ranges: &[[u32; 2]]) -> bool {
    ranges.iter().all(|[first, last]| first <= last)
        && ranges.is_sorted_by(|[_, last], [first, _]| last < first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_sorted_and_comes_back() {
        let entry = Entry::RunClosed(RunClosed {
            at: 5,
            total: 3,
            published: 1,
            withheld: 1,
            rejected: 1,
        });
        let line = entry.to_line().unwrap();
        let text =
            r#"{"at":5,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#;
        assert_eq!(String::from_utf8(line.clone()).unwrap(), text);
        assert_eq!(Entry::from_line(&line), Some(entry));
    }

    #[test]
    fn other_order_blanks_floats_and_unknown_keys_are_refused() {
        for text in [
            r#"{"type":"run.closed","at":5,"published":1,"rejected":1,"total":3,"withheld":1}"#,
            r#"{"at":5, "published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
            r#"{"at":5.0,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
            r#"{"at":5,"extra":1,"published":1,"rejected":1,"total":3,"type":"run.closed","withheld":1}"#,
            r#"{"at":5,"type":"run.unknown"}"#,
        ] {
            assert_eq!(Entry::from_line(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_line_that_no_bundle_can_hold_is_refused() {
        let detail = "x".repeat(70_000);
        let entry = Entry::Withheld(NotPublished {
            frame: 0,
            reason: String::new(),
            detail,
        });
        assert!(matches!(entry.to_line(), Err(AuditError::TooLong { .. })));
    }

    #[test]
    fn digests_boxes_scores_and_ranges_that_mean_nothing_are_refused() {
        let digest = "0a".repeat(32);
        let ingested = |commitment: &str| {
            format!(
                r#"{{"bytes":1,"camera":"","commitment":"{commitment}","format":"","frame":0,"type":"frame.ingested"}}"#
            )
        };
        let found = |bbox: &str, score: u32| {
            format!(
                r#"{{"found":[{{"box":{bbox},"class":"person","score":{score},"sure":true}}],"frame":0,"line":"model","model":"m","round":0,"type":"frame.detected"}}"#
            )
        };
        let tile = |ranges: &str| {
            format!(
                r#"{{"bytes":1,"flights":[],"path":"tiles/a","sha256":"{digest}","source_frames":{ranges},"type":"tile.emitted"}}"#
            )
        };
        let good = [
            ingested(&digest),
            found("[1,2,3,4]", 1000),
            tile("[[0,0],[2,4]]"),
        ];
        let bad = [
            ingested(&digest.to_uppercase()),
            ingested("0a"),
            found("[3,2,1,4]", 1),
            found("[1,2,3,4]", 1001),
            tile("[[1,0]]"),
            tile("[[0,2],[2,3]]"),
            tile("[[4,5],[0,1]]"),
        ];
        for line in good {
            assert!(Entry::from_line(line.as_bytes()).is_some(), "{line}");
        }
        for line in bad {
            assert!(Entry::from_line(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn a_length_that_javascript_would_round_is_refused() {
        let entry = |bytes| {
            Entry::Ingested(Ingested {
                frame: 0,
                commitment: "00".repeat(32),
                format: String::new(),
                camera: String::new(),
                bytes,
            })
        };
        assert!(entry(canonical::LARGEST).to_line().is_ok());
        assert!(entry(canonical::LARGEST + 1).to_line().is_err());
    }
}
