//! A redacted frame: the only stage whose pixels anyone may read.

use super::model_input::{self, ModelInput, Stretch};
use super::{Frame, FrameId, FrameMeta, MaskMismatch, RedactionMask};
use crate::raster::Raster;

/// Stage of a frame whose masked pixels are gone.
#[derive(Clone)]
pub struct Redacted {
    celsius: Raster<f32>,
    stretch: Stretch,
    /// All that was applied.
    mask: RedactionMask,
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
    mask: RedactionMask,
) -> Frame<Redacted> {
    Frame {
        id,
        meta,
        stage: Redacted {
            celsius,
            stretch,
            mask,
        },
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

    /// What hides its pixels.
    #[must_use]
    pub fn mask(&self) -> &RedactionMask {
        &self.stage.mask
    }

    /// Masks more of a frame, as the self-check asks for. A region that became its mean is emptied where a part of it is no data now: the mean
    /// knows that part.
    ///
    /// # Errors
    ///
    /// [`MaskMismatch`] when `mask` was made for another frame or shape; the frame is dropped then.
    pub fn redact(mut self, mask: &RedactionMask) -> Result<Self, MaskMismatch> {
        mask.check(self.id, self.shape())?;
        let mask = mask.after(&self.stage.mask);
        mask.apply(&mut self.stage.celsius);
        self.stage.mask = mask;
        Ok(self)
    }
}
