//! A frame as decoded: counts without meaning, and no way to look at them.

use super::measured::Measured;
use super::{Calibrated, Calibration, CalibrationMismatch, Frame, FrameId, FrameMeta};
use crate::raster::Raster;

/// Stage of a frame whose samples are still counts, or floats whose unit is not applied yet.
pub struct Raw {
    pub(super) samples: Samples,
}

/// Samples as a decoder hands them over.
pub enum Samples {
    /// 16-bit counts.
    U16(Raster<u16>),
    /// Float temperatures, in the unit that the radiometry names.
    F32(Raster<f32>),
}

impl std::fmt::Debug for Samples {
    /// Prints the kind and the shape, never a sample.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::U16(raster) => write!(f, "U16({}x{})", raster.width(), raster.height()),
            Self::F32(raster) => write!(f, "F32({}x{})", raster.width(), raster.height()),
        }
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.samples.fmt(f)
    }
}

impl Frame<Raw> {
    /// Takes a decoder's samples in; `meta.width` and `meta.height` are set from their shape.
    #[must_use]
    pub fn raw(id: FrameId, mut meta: FrameMeta, samples: Samples) -> Self {
        (meta.width, meta.height) = match &samples {
            Samples::U16(raster) => raster.shape(),
            Samples::F32(raster) => raster.shape(),
        };
        Self {
            id,
            meta,
            stage: Raw { samples },
        }
    }

    /// Turns samples into temperatures, consuming the raw frame.
    ///
    /// Counts that the calibration maps to no temperature become no data.
    ///
    /// # Errors
    ///
    /// [`CalibrationMismatch`] when the calibration is for another kind of samples.
    pub fn calibrate(
        self,
        calibration: &Calibration,
    ) -> Result<Frame<Calibrated>, CalibrationMismatch> {
        let counted = match (&self.stage.samples, calibration) {
            (Samples::U16(counts), Calibration::Table(table)) => Measured::of_counts(counts, table),
            _ => None,
        };
        let celsius = calibration.apply(self.stage.samples)?;
        Ok(Frame {
            id: self.id,
            meta: self.meta,
            stage: Calibrated {
                measured: counted.unwrap_or_else(|| Measured::of(&celsius)),
                celsius,
            },
        })
    }
}
