//! Finds people, vehicles and openings in a frame.
//!
//! In: a [`ModelInput`], the only view of a frame that leaves the kernel. Out: [`Detections`], which exist
//! only when a look ran to its end. Refuses: a model whose bytes do not match its card, outputs of
//! another shape, numbers that are not finite, scores that are none. An error is never "nothing found".

mod area_sums;
#[cfg(any(test, feature = "onnx"))]
mod batches;
mod embedded;
mod envelope;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(feature = "onnx")]
mod library;
#[cfg(any(test, feature = "onnx", feature = "tract"))]
mod looks;
mod model;
mod model_card;
#[cfg(any(feature = "onnx", feature = "tract"))]
mod network;
mod open;
#[cfg(any(test, feature = "onnx", feature = "tract"))]
mod postprocess;
mod provider;
mod scripted;
#[cfg(feature = "onnx")]
mod session;
#[cfg(any(test, feature = "onnx"))]
mod sessions;
#[cfg(feature = "tract")]
mod tract;
#[cfg(feature = "onnx")]
mod trial;
mod warm_spots;

pub use envelope::{Beyond, Conditions, Envelope};
pub use error::DetectError;
#[cfg(feature = "onnx")]
pub use library::runtime_library;
pub use model::Model;
pub use model_card::{ClassCard, FileCard, FilesCard, InputCard, ModelCard, OutputCard, Precision};
pub use open::{Choice, Engine, Opened, models, open};
pub use provider::{DISTANCES, Provider, SCORES};
pub use scripted::Scripted;
#[cfg(all(feature = "onnx", feature = "cli"))]
pub(crate) use session::TELEMETRY_OFF;
#[cfg(feature = "onnx")]
pub use session::{Onnx, Runtime};
#[cfg(feature = "tract")]
pub use tract::Tract;
pub use warm_spots::{WarmSpotConfig, WarmSpots};

use crate::frame::{FrameId, ModelInput};

/// What a detector looks for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A person.
    Person,
    /// A car, van, lorry or bus.
    Vehicle,
    /// A bicycle, ridden or parked.
    Bicycle,
    /// A window, glazed door or rooflight.
    Window,
    /// Something as warm and as large as a person or an animal, found without a model.
    WarmSpot,
}

impl Class {
    /// All classes, in the order of the log.
    pub const ALL: [Self; 5] = [
        Self::Person,
        Self::Vehicle,
        Self::Bicycle,
        Self::Window,
        Self::WarmSpot,
    ];

    /// Lower-case name for cards, configuration and the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Vehicle => "vehicle",
            Self::Bicycle => "bicycle",
            Self::Window => "window",
            Self::WarmSpot => "warm-spot",
        }
    }
}

/// A rectangle in frame pixels, continuous: pixel (0, 0) covers 0 to 1 on both axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxPx {
    /// Left edge.
    pub x0: f32,
    /// Top edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Bottom edge.
    pub y1: f32,
}

impl BoxPx {
    /// Width times height, 0 where the edges are swapped.
    #[must_use]
    pub fn area(&self) -> f32 {
        (self.x1 - self.x0).max(0.0) * (self.y1 - self.y0).max(0.0)
    }

    /// Area that both cover.
    #[must_use]
    pub fn shared(&self, other: &Self) -> f32 {
        Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        }
        .area()
    }

    /// Intersection over union, 0 to 1.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.shared(other);
        shared / (self.area() + other.area() - shared).max(f32::MIN_POSITIVE)
    }
}

/// One thing that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// What it is.
    pub class: Class,
    /// Where it is.
    pub bbox: BoxPx,
    /// How sure the network is, 0 to 1.
    pub score: f32,
    /// How much larger the mask is than the box.
    pub padding: Padding,
    /// From this score on, a find that still stands out of the grown mask withholds the frame.
    pub alarm: f32,
}

impl Detection {
    /// Whether the find is sure: enough to be carried, and to withhold a frame that still shows it.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.score >= self.alarm
    }
}

/// How far a mask reaches past its box: the larger of the two on each side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Padding {
    /// Share of the box's own width or height, on each side.
    pub fraction: f32,
    /// Pixels on each side.
    pub px: f32,
}

/// Which line of defence found something (DESIGN section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// A network.
    Model,
    /// Warm regions of a person's size, without a network.
    WarmSpots,
    /// Finds in overlapping frames near in time.
    Carry,
}

impl Line {
    /// Name for the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::WarmSpots => "warm-spots",
            Self::Carry => "carry",
        }
    }
}

/// Everything found in one frame by one completed pass.
///
/// It has no public constructor: it exists only where a detector ran to its end, in this frame or, for carry, in a
/// neighbour.
#[derive(Debug, Clone, PartialEq)]
pub struct Detections {
    frame: FrameId,
    line: Line,
    found: Vec<Detection>,
}

impl Detections {
    pub(crate) fn completed(frame: FrameId, line: Line, found: Vec<Detection>) -> Self {
        Self { frame, line, found }
    }

    /// The frame that was looked at.
    #[must_use]
    pub fn frame(&self) -> FrameId {
        self.frame
    }

    /// The line of defence that looked.
    #[must_use]
    pub fn line(&self) -> Line {
        self.line
    }

    /// What was found, in its own order.
    #[must_use]
    pub fn found(&self) -> &[Detection] {
        &self.found
    }
}

/// Something that finds people and vehicles. Implementations answer equally for equal input, on accelerators but for last digits.
pub trait Detector: Send + Sync {
    /// Name and SHA-256 of the model, for the log.
    fn model(&self) -> (&str, [u8; 32]);

    /// The frames that the model was evaluated for.
    fn envelope(&self) -> &Envelope;

    /// The number that both sides of the network's input must be a multiple of.
    fn multiple_of(&self) -> usize;

    /// Looks at one frame.
    ///
    /// # Errors
    ///
    /// [`DetectError`] when the network failed or answered nonsense: the frame must be withheld.
    fn detect(&self, frame: FrameId, input: &ModelInput) -> Result<Detections, DetectError>;

    /// Looks as [`Detector::detect`] does, but reports finds scored at or above `floor` too: for precision-recall
    /// curves, never for masks. An implementation without scores of its own reports what it always does.
    ///
    /// # Errors
    ///
    /// [`DetectError`] as [`Detector::detect`]; more finds come sooner to [`DetectError::TooMany`].
    fn detect_from(
        &self,
        floor: f32,
        frame: FrameId,
        input: &ModelInput,
    ) -> Result<Detections, DetectError> {
        let _ = floor;
        self.detect(frame, input)
    }

    /// Ends the looks that go on at `frame` with an error, where this can be done; called from another thread, again until they have ended. An
    /// implementation that cannot does nothing.
    fn stop(&self, frame: FrameId) {
        let _ = frame;
    }

    /// The score from which on `class` is reported; `None` where it is not looked for.
    fn threshold(&self, class: Class) -> Option<f32> {
        let _ = class;
        None
    }
}
