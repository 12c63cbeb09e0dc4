//! What a run did, in numbers for programs and in words for people.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::processed::Times;
use super::{Cause, Counts, Outcome, RunError};
use crate::frame::FrameId;
use crate::outside;
use crate::store::{Artifact, Store, layout, sealed};

/// Totals of a run: `summary.json`, and the last line of `run --json`. Fields are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Always `summary`.
    pub message_type: &'static str,
    /// Frames in the manifest.
    pub frames_total: usize,
    /// Frames whose redacted pixels may be in the tiles.
    pub frames_published: usize,
    /// Frames that need a human.
    pub frames_withheld: usize,
    /// Frames that are not usable.
    pub frames_rejected: usize,
    /// Input paths that could not be listed or read at all.
    pub inputs_unreadable: usize,
    /// Files in input folders that are not candidates by their name.
    pub inputs_ignored: usize,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Frames of the manifest per second.
    pub frames_per_second: f64,
    /// Largest resident memory of the process so far, 0 where the system does not say.
    pub peak_rss_bytes: u64,
    /// Seconds inside the networks, summed over workers.
    pub inference_seconds: f64,
    /// Times that a network looked at a frame: at least two for each published one.
    pub inference_passes: u32,
    /// Seconds by stage, summed over workers.
    pub stage_seconds: BTreeMap<&'static str, f64>,
    /// Signed tree head of the log.
    pub checkpoint: String,
    /// How many frames were withheld or rejected for which reason.
    pub reasons: BTreeMap<String, usize>,
    /// Why no map was made, where none was.
    pub no_map: Option<String>,
    /// The mosaic, where one was made.
    pub mosaic: Option<MosaicSummary>,
    /// How far heat loss can be trusted, where the weather is known.
    pub heat_loss: Option<super::HeatLossSummary>,
    /// What the heights in `frames/geo.txt` are above, where frames were kept.
    pub kept_frames_heights: Option<String>,
    /// Objections that touch the map, where a list was given.
    pub objections: Option<usize>,
    /// The table of buildings, where outlines were given.
    pub buildings: Option<super::BuildingsSummary>,
    /// Yaw chosen per flight.
    pub flights: Vec<FlightSummary>,
    /// Why frames outside the models' envelope were published; `None` where they were not.
    pub beyond_envelope: Option<String>,
    /// Versions of what ran.
    pub versions: BTreeMap<&'static str, String>,
}

/// What the mosaic is like.
#[derive(Debug, Clone, Serialize)]
pub struct MosaicSummary {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Metres per pixel.
    pub resolution_m: f64,
    /// Coordinate reference system.
    pub crs: String,
    /// Pixels with a temperature.
    pub valid_pixels: u64,
    /// Frames of which at least one pixel is shown.
    pub frames_used: usize,
    /// Mean absolute difference between the frame shown and the next best one, in kelvin.
    pub seam_kelvin: Option<f64>,
    /// Pixels near a seam that mix two frames, where feathering was asked for.
    pub blended_pixels: u64,
    /// What it lies on.
    pub ground: GroundSummary,
}

/// What the map lies on, and how wrong that may be.
#[derive(Debug, Clone, Serialize)]
pub struct GroundSummary {
    /// `flat`, `relief` (ground as overlaps tell it) or `surface`.
    pub model: &'static str,
    /// Side of a cell of the surface model or of the relief.
    pub cell_m: Option<f64>,
    /// Elevation of the reference level in the surface model's datum.
    pub reference_elevation_m: Option<f64>,
    /// Pixels where the surface model has no height, drawn on the reference level.
    pub pixels_without_height: u64,
    /// Metres by which an eave 5 m high is drawn away from its place on average; `null` with a surface model.
    pub expected_roof_error_m: Option<f64>,
    /// Metres by which a pitch that is off by 1 degree moves a pixel on average.
    pub expected_pitch_error_m: f64,
    /// The same for people.
    pub in_words: String,
    /// `mean` where walls are published as means over cells only, else `keep`.
    pub walls: &'static str,
    /// Why.
    pub walls_reason: &'static str,
}

/// How one flight was laid on the ground.
#[derive(Debug, Clone, Serialize)]
pub struct FlightSummary {
    /// Frames of the flight that were published.
    pub frames: usize,
    /// `gimbal` or `flight`.
    pub yaw: &'static str,
    /// Why.
    pub reason: String,
    /// Mean absolute disagreement between overlapping frames with the gimbal's yaw, in kelvin.
    pub gimbal_disagreement_kelvin: Option<f64>,
    /// The same with the airframe's yaw.
    pub flight_disagreement_kelvin: Option<f64>,
    /// Pairs of overlapping frames compared.
    pub pairs: usize,
    /// How its frames were brought into agreement.
    pub alignment: super::FlightAlignment,
}

impl sealed::Sealed for Summary {}

impl Artifact for Summary {
    fn bytes(&self) -> Cow<'_, [u8]> {
        serde_json::to_vec_pretty(self).unwrap_or_default().into()
    }
}

/// One line of the operator's own list: file names do not enter the log.
#[derive(Debug, Clone, Serialize)]
pub struct FrameLine {
    /// Number in the manifest.
    pub frame: u32,
    /// The file; what is not UTF-8 in its name is shown as U+FFFD.
    pub file: String,
    /// `published`, `withheld` or `rejected`.
    pub outcome: &'static str,
    /// Short machine name of the reason.
    pub reason: Option<String>,
    /// The reason in words.
    pub detail: Option<String>,
    /// What to do about it.
    pub remedy: Option<&'static str>,
}

impl FrameLine {
    /// The line of one frame.
    #[must_use]
    pub fn new(id: FrameId, file: &Path, outcome: &Outcome) -> Self {
        let (name, cause): (_, Option<&Cause>) = match outcome {
            Outcome::Published => (PUBLISHED, None),
            Outcome::Withheld(cause) => (WITHHELD, Some(cause)),
            Outcome::Rejected(cause) => (REJECTED, Some(cause)),
        };
        Self {
            frame: id.0,
            file: file.to_string_lossy().into_owned(),
            outcome: name,
            reason: cause.map(|cause| cause.reason.clone()),
            detail: cause.map(|cause| cause.detail.clone()),
            remedy: cause.map(Cause::remedy),
        }
    }
}

/// Names of the three outcomes.
pub(crate) const PUBLISHED: &str = "published";
pub(crate) const WITHHELD: &str = "withheld";
pub(crate) const REJECTED: &str = "rejected";

/// The file of each frame, by the operator's own list in `folder`; empty where the list was deleted.
///
/// # Errors
///
/// What the system says, or that a line is not one of the list.
pub(crate) fn frame_files(folder: &Path) -> io::Result<BTreeMap<u32, PathBuf>> {
    #[derive(serde::Deserialize)]
    struct Named {
        frame: u32,
        file: PathBuf,
    }
    let list = match outside::file(&folder.join(layout::FRAME_LIST)) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let named = BufReader::new(list).lines().map(|line| {
        let named: Named = serde_json::from_str(&line?).map_err(io::Error::other)?;
        Ok((named.frame, named.file))
    });
    named.collect()
}

/// The operator's own list of what happened to each file; lies in the private folder.
#[derive(Debug, Clone, Default)]
pub struct FrameList {
    lines: Vec<u8>,
}

impl FrameList {
    /// Adds one frame.
    pub fn push(&mut self, line: &FrameLine) {
        self.lines
            .extend(serde_json::to_vec(line).unwrap_or_default());
        self.lines.push(b'\n');
    }
}

impl sealed::Sealed for FrameList {}

impl Artifact for FrameList {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.lines.as_slice().into()
    }
}

impl Summary {
    /// Takes the counts over.
    pub(super) fn count(&mut self, counts: Counts) {
        self.frames_total = counts.total;
        self.frames_published = counts.published;
        self.frames_withheld = counts.withheld;
        self.frames_rejected = counts.rejected;
    }

    /// Counts why a frame was not published.
    pub(super) fn count_reason(&mut self, outcome: &Outcome) {
        if let Outcome::Withheld(cause) | Outcome::Rejected(cause) = outcome {
            *self.reasons.entry(cause.reason.clone()).or_default() += 1;
        }
    }

    /// Takes the times over.
    pub(super) fn time(&mut self, times: &Times) {
        self.inference_seconds = times.inference.as_secs_f64();
        self.inference_passes = times.looks;
        self.stage_seconds = times
            .by_stage()
            .map(|(stage, time)| (stage, time.as_secs_f64()))
            .collect();
    }

    /// Whether everything asked for was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let left_out = self.frames_withheld + self.frames_rejected + self.inputs_unreadable;
        left_out == 0 && self.no_map.is_none()
    }
}

/// Largest resident memory of this process so far in bytes; 0 where the system does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

/// Writes the summary: before the log is signed, since a run that was signed to its end is not gone on with.
pub(super) fn finish(
    store: &Store,
    started: Instant,
    summary: &mut Summary,
) -> Result<(), RunError> {
    summary.seconds = started.elapsed().as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        reason = "frame counts are far below 2^52"
    )]
    let frames = summary.frames_total as f64;
    summary.frames_per_second = frames / summary.seconds.max(1e-9);
    summary.peak_rss_bytes = peak_rss_bytes();
    store.stage(layout::SUMMARY, summary)?.commit()?;
    Ok(())
}
