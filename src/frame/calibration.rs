//! The table that turns counts into temperatures: data, so that no code sees a pixel on the way.

use super::Samples;
use crate::raster::Raster;
use crate::units::{Celsius, ZERO_CELSIUS_IN_KELVIN};

#[expect(clippy::cast_possible_truncation, reason = "pixels are f32")]
const ZERO: f32 = ZERO_CELSIUS_IN_KELVIN as f32;

/// How samples become degrees Celsius.
pub enum Calibration {
    /// One temperature in °C for each of the 65,536 counts; `NAN` where a count has none.
    Table(Box<[f32; 65_536]>),
    /// Float samples that are °C already.
    Celsius,
    /// Float samples in kelvin.
    Kelvin,
}

/// A calibration that does not fit the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {calibration} calibration does not fit {samples} samples")]
pub struct CalibrationMismatch {
    calibration: &'static str,
    samples: &'static str,
}

impl std::fmt::Debug for Calibration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Calibration {
    /// Builds the table of a function from counts to degrees Celsius; what is no temperature becomes no data.
    ///
    /// # Panics
    ///
    /// Never: the table has the length of the array.
    #[must_use]
    pub fn from_counts(celsius: impl Fn(u16) -> f64) -> Self {
        let table: Box<[f32]> = vec![Celsius::NO_DATA; 65_536].into_boxed_slice();
        let mut table: Box<[f32; 65_536]> =
            table.try_into().expect("the length is that of the array");
        for (entry, counts) in table.iter_mut().zip(0..=u16::MAX) {
            #[expect(clippy::cast_possible_truncation, reason = "pixels are f32")]
            let value = celsius(counts) as f32;
            *entry = temperature(value);
        }
        Self::Table(table)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Table(_) => "table",
            Self::Celsius => "celsius",
            Self::Kelvin => "kelvin",
        }
    }

    pub(super) fn apply(&self, samples: Samples) -> Result<Raster<f32>, CalibrationMismatch> {
        match (self, samples) {
            (Self::Table(table), Samples::U16(counts)) => {
                Ok(counts.map(|&counts| table[usize::from(counts)]))
            }
            (Self::Celsius, Samples::F32(celsius)) => Ok(celsius.map(|&value| temperature(value))),
            (Self::Kelvin, Samples::F32(kelvin)) => {
                Ok(kelvin.map(|&value| temperature(value - ZERO)))
            }
            (_, samples) => Err(CalibrationMismatch {
                calibration: self.name(),
                samples: match samples {
                    Samples::U16(_) => "16-bit",
                    Samples::F32(_) => "float",
                },
            }),
        }
    }
}

/// A temperature in °C, or no data where it is none: not finite, or not above absolute zero, as what pads a picture is not.
fn temperature(celsius: f32) -> f32 {
    if celsius.is_finite() && celsius > -ZERO {
        celsius
    } else {
        Celsius::NO_DATA
    }
}
