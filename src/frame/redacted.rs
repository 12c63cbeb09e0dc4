//! A redacted frame: the only stage whose pixels anyone may read.

use super::model_input::{self, ModelInput, Stretch};
use super::{Frame, FrameId, FrameMeta, MaskMismatch, RedactionMask};
use crate::raster::Raster;

/// Stage of a frame whose masked pixels are gone.
#[derive(Clone)]
pub struct Redacted {
    celsius: Raster<f32>,
    stretch: Stretch,
}

impl std::fmt::Debug for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Redacted({}x{})",
            self.celsius.width(),
            self.celsius.height()
        )
    }
}

/// Only the kernel makes redacted frames.
pub(super) fn frame(
    id: FrameId,
    meta: FrameMeta,
    celsius: Raster<f32>,
    stretch: Stretch,
) -> Frame<Redacted> {
    Frame {
        id,
        meta,
        stage: Redacted { celsius, stretch },
    }
}

impl Clone for Frame<Redacted> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            meta: self.meta.clone(),
            stage: self.stage.clone(),
        }
    }
}

impl Frame<Redacted> {
    /// Temperatures in °C; `NAN` where masked or without a measurement.
    #[must_use]
    pub fn celsius(&self) -> &Raster<f32> {
        &self.stage.celsius
    }

    /// The frame as a grey picture for the self-check; masked areas are filled from their surroundings.
    #[must_use]
    pub fn model_input(&self, multiple_of: usize) -> ModelInput {
        model_input::from_celsius(&self.stage.celsius, self.stage.stretch, multiple_of)
    }

    /// Masks more of a frame, as the self-check asks for.
    ///
    /// # Errors
    ///
    /// [`MaskMismatch`] when `mask` was made for another frame or shape; the frame is dropped then.
    pub fn redact(mut self, mask: &RedactionMask) -> Result<Self, MaskMismatch> {
        mask.check(self.id, self.shape())?;
        mask.apply(&mut self.stage.celsius);
        Ok(self)
    }
}
