//! From counts to temperatures.
//!
//! In: constants and parameters that a decoder read. Out: a [`Calibration`] table for the kernel to
//! apply, and the correction from apparent to object temperature. Refuses: to see a pixel.

mod correction;
mod planck;

pub use correction::{Correction, object_temperature};
pub use planck::{counts_to_celsius, transmission};

use crate::frame::{Calibration, ObjectParameters, Radiometry};
use crate::units::{Fraction, Metres};

/// The table that turns a frame's samples into apparent (blackbody) temperatures in °C: without the emissivity, reflections and path of
/// the file, which a heat balance would correct for a second time.
#[must_use]
pub fn apparent_calibration(radiometry: &Radiometry) -> Calibration {
    match *radiometry {
        Radiometry::Planck(planck, object) => {
            let blackbody = ObjectParameters {
                emissivity: Fraction::ONE,
                distance: Metres(0.0),
                ..object
            };
            calibration(&Radiometry::Planck(planck, blackbody))
        }
        _ => calibration(radiometry),
    }
}

/// The table that turns a frame's samples into °C.
#[must_use]
pub fn calibration(radiometry: &Radiometry) -> Calibration {
    match radiometry {
        Radiometry::Planck(planck, object) => {
            let celsius = counts_to_celsius(planck, object);
            Calibration::from_counts(|counts| celsius(f64::from(counts)))
        }
        Radiometry::Linear {
            scale,
            offset,
            no_data,
        } => Calibration::from_counts(|counts| {
            if Some(counts) == *no_data {
                return f64::NAN;
            }
            f64::from(counts).mul_add(*scale, *offset)
        }),
        Radiometry::Celsius => Calibration::Celsius,
        Radiometry::Kelvin => Calibration::Kelvin,
    }
}
