//! A frame with temperatures, still unredacted: a summary and a model's input are all it gives.

use super::measured::Measured;
use super::model_input::{self, ModelInput};
use super::{Frame, MaskMismatch, Redacted, RedactionMask, redacted};
use crate::raster::Raster;
use crate::units::Celsius;

/// Stage of a frame whose samples are temperatures of an unredacted scene.
pub struct Calibrated {
    pub(super) celsius: Raster<f32>,
    pub(super) measured: Measured,
}

impl std::fmt::Debug for Calibrated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Calibrated({}x{})",
            self.celsius.width(),
            self.celsius.height()
        )
    }
}

/// Range and centre of a frame's temperatures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureSummary {
    /// Lowest.
    pub min: Celsius,
    /// Highest.
    pub max: Celsius,
    /// Arithmetic mean.
    pub mean: Celsius,
    /// Middle value; of an even count the upper of the two.
    pub median: Celsius,
    /// Pixels without a temperature.
    pub no_data: usize,
}

impl Frame<Calibrated> {
    /// Range and centre of the temperatures, for `inspect` and the envelope check on the operator's own
    /// machine. It describes unredacted pixels: it must not enter the log or a published file.
    ///
    /// `None` when no pixel has a temperature.
    #[must_use]
    pub fn summary(&self) -> Option<TemperatureSummary> {
        self.stage.measured.summary
    }

    /// The frame as a grey picture for a network: see [`ModelInput`].
    #[must_use]
    pub fn model_input(&self, multiple_of: usize) -> ModelInput {
        model_input::from_celsius(
            &self.stage.celsius,
            self.stage.measured.stretch,
            multiple_of,
        )
    }

    /// Replaces every pixel under `mask` by its policy, consuming the unredacted frame.
    ///
    /// # Errors
    ///
    /// [`MaskMismatch`] when `mask` was made for another frame or shape. The frame is dropped then: a
    /// frame that cannot be masked is never published.
    pub fn redact(self, mask: &RedactionMask) -> Result<Frame<Redacted>, MaskMismatch> {
        mask.check(self.id, self.shape())?;
        let mut celsius = self.stage.celsius;
        mask.apply(&mut celsius);
        Ok(redacted::frame(
            self.id,
            self.meta,
            celsius,
            self.stage.measured.stretch,
            mask.clone(),
        ))
    }
}

#[cfg(test)]
impl Frame<Calibrated> {
    /// Pixels of an unredacted frame, for tests of this crate against independent tools.
    pub(crate) fn celsius_for_test(&self) -> &Raster<f32> {
        &self.stage.celsius
    }
}
