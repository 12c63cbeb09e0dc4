//! One frame on its way through a run, and what became of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::window::Seen;
use super::{Cause, Outcome};
use crate::audit::DecidedMask;
use crate::detect::Detections;
use crate::frame::{Calibrated, Frame, FrameId, FrameMeta};
use crate::georef::Located;
use crate::raster::RowSpan;
use crate::redact::SelfCheck;

/// One input, as a frame to be worked on.
#[derive(Debug, Clone)]
pub(super) struct Input<'a> {
    pub(super) id: FrameId,
    pub(super) path: &'a Path,
    /// Commitment made at intake; the file must still have it.
    pub(super) commitment: [u8; 32],
    /// The earlier line with the same bytes.
    pub(super) duplicate_of: Option<FrameId>,
}

impl Input<'_> {
    /// Frames of one flight share it.
    pub(super) fn folder(&self) -> PathBuf {
        self.path.parent().map(PathBuf::from).unwrap_or_default()
    }
}

/// A frame after its first look.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) processed: Processed,
    /// What masking needs; `None` where the frame has its outcome already, or nobody looked.
    pub(super) ready: Option<Ready>,
    /// What its neighbours need; `None` where nobody knows which ground it shows.
    pub(super) seen: Option<Arc<Seen>>,
}

impl Looked {
    /// A line that nobody looked at, and that tells nobody anything.
    pub(super) fn away(input: &Input<'_>) -> Self {
        Self {
            processed: Processed::new(input),
            ready: None,
            seen: None,
        }
    }
}

/// An unredacted frame that waits for the first looks at its neighbours. It is never written anywhere.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) frame: Frame<Calibrated>,
    pub(super) located: Located,
    pub(super) hidden: Vec<RowSpan>,
}

/// What became of one frame, with everything the log and the mosaic need.
#[derive(Debug)]
pub(super) struct Processed {
    pub(super) id: FrameId,
    pub(super) commitment: [u8; 32],
    pub(super) bytes: u64,
    /// Whether the file lies there sealed.
    pub(super) sealed: bool,
    /// `None` where the file could not be decoded.
    pub(super) meta: Option<FrameMeta>,
    /// Completed looks, in the order of the log.
    pub(super) looks: Vec<Look>,
    /// Models that need not look, by their place among the run's models, and why.
    pub(super) skipped: BTreeMap<usize, String>,
    pub(super) masked: Option<Masked>,
    /// What people decided about the mask, where they did: followed, or for the run that can.
    pub(super) reviewed: Option<DecidedMask>,
    pub(super) outcome: Outcome,
    pub(super) times: Times,
}

/// One completed look at a frame by one line of defence.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) detections: Detections,
    /// 0 for what the frame shows, 1 and up for what the self-check found after so many rounds of masking.
    pub(super) round: u32,
    /// The model's place among the run's models.
    pub(super) model: Option<usize>,
    /// The neighbour that the finds were carried from.
    pub(super) source: Option<FrameId>,
}

/// A redacted frame in the work folder and how it came to be.
#[derive(Debug)]
pub(super) struct Masked {
    pub(super) mask_sha256: [u8; 32],
    pub(super) hidden_pixels: usize,
    pub(super) output_sha256: [u8; 32],
    pub(super) self_check: SelfCheck,
}

impl Processed {
    /// A frame of which nothing is known yet: withheld, until masking says that it is published.
    pub(super) fn new(input: &Input<'_>) -> Self {
        Self {
            id: input.id,
            commitment: input.commitment,
            bytes: 0,
            sealed: false,
            meta: None,
            looks: Vec::new(),
            skipped: BTreeMap::new(),
            masked: None,
            reviewed: None,
            outcome: Outcome::Withheld(Cause::new("internal", "it did not come to its end")),
            times: Times::default(),
        }
    }
}

/// Wall-clock time that one frame took, by stage.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    pub(super) read: Duration,
    pub(super) decode: Duration,
    pub(super) calibrate: Duration,
    pub(super) detect: Duration,
    pub(super) redact: Duration,
    pub(super) self_check: Duration,
    /// Inside the detectors, all looks.
    pub(super) inference: Duration,
    /// Times that a network looked at a frame.
    pub(super) looks: u32,
}

impl Times {
    /// Holds at the most that there is: a worker's result may say anything.
    pub(super) fn add(&mut self, other: &Self) {
        let add = |sum: &mut Duration, more: Duration| *sum = sum.saturating_add(more);
        add(&mut self.read, other.read);
        add(&mut self.decode, other.decode);
        add(&mut self.calibrate, other.calibrate);
        add(&mut self.detect, other.detect);
        add(&mut self.redact, other.redact);
        add(&mut self.self_check, other.self_check);
        add(&mut self.inference, other.inference);
        self.looks = self.looks.saturating_add(other.looks);
    }

    /// Stages by name; `detect` and `self-check` hold the time inside the networks too.
    pub(super) fn by_stage(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        [
            ("read", self.read),
            ("decode", self.decode),
            ("calibrate", self.calibrate),
            ("detect", self.detect),
            ("redact", self.redact),
            ("self-check", self.self_check),
        ]
        .into_iter()
    }
}
