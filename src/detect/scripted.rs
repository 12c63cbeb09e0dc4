//! A detector that answers what a test told it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Beyond, DetectError, Detection, Detections, Detector, Envelope};
use crate::frame::{FrameId, ModelInput};

/// Answers by frame number: in the first look at a frame what it finds, in each later one also what it finds later.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Scripted {
    /// Its name for the log.
    pub name: &'static str,
    /// Finds per frame; a frame without an entry has none.
    pub found: BTreeMap<FrameId, Vec<Detection>>,
    /// What each look after the first finds too, per frame; the last of these again in all further ones.
    pub later: BTreeMap<FrameId, Vec<Vec<Detection>>>,
    /// How often it looked at each frame.
    pub looks: Arc<Mutex<BTreeMap<FrameId, usize>>>,
    /// Frames on which the detector fails.
    pub fails: Vec<FrameId>,
    /// The envelope it claims.
    pub envelope: Envelope,
}

impl Default for Scripted {
    /// Finds nothing, and claims to have been evaluated for everything.
    fn default() -> Self {
        Self {
            name: "scripted",
            found: BTreeMap::new(),
            later: BTreeMap::new(),
            looks: Arc::default(),
            fails: Vec::new(),
            envelope: Envelope {
                beyond: Beyond::Withhold,
                min_ground_resolution_m: 0.0,
                max_ground_resolution_m: f64::INFINITY,
                min_width: 1,
                min_height: 1,
                min_celsius: f64::NEG_INFINITY,
                max_celsius: f64::INFINITY,
            },
        }
    }
}

impl Detector for Scripted {
    fn model(&self) -> (&str, [u8; 32]) {
        (self.name, [7; 32])
    }

    fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    fn multiple_of(&self) -> usize {
        32
    }

    fn detect(&self, frame: FrameId, _input: &ModelInput) -> Result<Detections, DetectError> {
        if self.fails.contains(&frame) {
            return Err(DetectError::Inference {
                model: "scripted".into(),
                problem: "told to fail".into(),
            });
        }
        let mut found = self.found.get(&frame).cloned().unwrap_or_default();
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let before = looks.entry(frame).or_default();
        if let (Some(number), Some(later)) = (before.checked_sub(1), self.later.get(&frame)) {
            found.extend(later.get(number).or(later.last()).into_iter().flatten());
        }
        *before += 1;
        Ok(Detections::completed(frame, super::Line::Model, found))
    }
}
