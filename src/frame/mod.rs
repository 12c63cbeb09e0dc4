//! The privacy kernel: a frame's stage is part of its type.
//!
//! ```text
//! decoder -> Frame<Raw> --calibrate(&Calibration)--> Frame<Calibrated> --redact(&RedactionMask)--> Frame<Redacted>
//! ```
//!
//! In: samples from a decoder. Out: only `Frame<Redacted>` shows pixels. Refuses: pixel access before
//! redaction, cloning and printing of unredacted samples, masks made for another frame.
//! No closure ever sees an unredacted pixel: calibration takes a table, masking takes a mask. [`Frame::glimpse`] shows them to a
//! person, on a terminal, and to no code.
//!
//! Pixels of a redacted frame are public:
//!
//! ```
//! fn publish(frame: &heatveil::frame::Frame<heatveil::frame::Redacted>) -> usize {
//!     frame.celsius().width()
//! }
//! ```
//!
//! Those of a calibrated or raw frame are not (the blocks above and below differ in the stage alone):
//!
//! ```compile_fail
//! fn publish(frame: &heatveil::frame::Frame<heatveil::frame::Calibrated>) -> usize {
//!     frame.celsius().width()
//! }
//! ```
//!
//! ```compile_fail
//! fn publish(frame: &heatveil::frame::Frame<heatveil::frame::Raw>) -> usize {
//!     frame.celsius().width()
//! }
//! ```
//!
//! Redaction consumes the frame, so that no unredacted twin survives. Control, then the forbidden flow:
//!
//! ```
//! use heatveil::frame::{Calibrated, Frame, RedactionMask};
//! fn once(frame: Frame<Calibrated>, mask: &RedactionMask) {
//!     let _redacted = frame.redact(mask);
//! }
//! ```
//!
//! ```compile_fail
//! use heatveil::frame::{Calibrated, Frame, RedactionMask};
//! fn once(frame: Frame<Calibrated>, mask: &RedactionMask) {
//!     let _redacted = frame.redact(mask);
//!     let _twin = frame.id();
//! }
//! ```
//!
//! An unredacted frame cannot be cloned; a redacted one can:
//!
//! ```
//! fn copy(frame: &heatveil::frame::Frame<heatveil::frame::Redacted>) -> heatveil::frame::Frame<heatveil::frame::Redacted> {
//!     frame.clone()
//! }
//! ```
//!
//! ```compile_fail
//! fn copy(frame: &heatveil::frame::Frame<heatveil::frame::Calibrated>) -> heatveil::frame::Frame<heatveil::frame::Calibrated> {
//!     frame.clone()
//! }
//! ```
//!
//! A mask cannot be made outside the crate, so nobody can "redact" with an empty one. Control, then not:
//!
//! ```
//! fn count(mask: &heatveil::frame::RedactionMask) -> usize { mask.masked_pixels() }
//! ```
//!
//! ```compile_fail
//! fn empty() -> heatveil::frame::RedactionMask {
//!     heatveil::frame::RedactionMask::new(heatveil::frame::FrameId(0), 1, 1)
//! }
//! ```

mod calibrated;
mod calibration;
mod glimpse;
mod inputs;
mod mask;
mod measured;
mod meta;
mod model_input;
mod raw;
mod redacted;

use std::fmt;

pub use calibrated::{Calibrated, TemperatureSummary};
pub use calibration::{Calibration, CalibrationMismatch};
pub use glimpse::GlimpseError;
pub(crate) use inputs::Inputs;
pub(crate) use mask::PixelRect;
pub use mask::{MaskMismatch, RedactionMask};
pub use meta::{
    Atmosphere, Attitude, CameraName, Datum, Format, FrameMeta, Height, Leak, ObjectParameters,
    PlanckConstants, Position, PositionSource, Radiometry,
};
pub use model_input::ModelInput;
#[cfg(test)]
pub(crate) use model_input::of_celsius as model_input_for_test;
pub use raw::{Raw, Samples};
pub use redacted::Redacted;

/// A frame's place in the intake manifest, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One thermal frame at stage `S`: [`Raw`], [`Calibrated`] or [`Redacted`].
pub struct Frame<S> {
    id: FrameId,
    meta: FrameMeta,
    stage: S,
}

impl<S> Frame<S> {
    /// The frame's place in the intake manifest.
    #[must_use]
    pub fn id(&self) -> FrameId {
        self.id
    }

    /// What is known about the frame besides its pixels.
    #[must_use]
    pub fn meta(&self) -> &FrameMeta {
        &self.meta
    }

    /// Columns and rows of the thermal raster.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.meta.width, self.meta.height)
    }
}

impl<S> fmt::Debug for Frame<S> {
    /// Prints the frame's number and shape; never a sample, never a position.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.shape();
        write!(f, "Frame({}, {width}x{height})", self.id)
    }
}

#[cfg(test)]
mod tests;
