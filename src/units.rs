//! Numbers with a unit: temperatures, lengths, angles and checked fractions.
//!
//! In: plain numbers. Out: types that say what they measure. Refuses: fractions outside `0..=1`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 0 °C in kelvin (BIPM, The International System of Units, 9th edition, section 2.3.1).
pub const ZERO_CELSIUS_IN_KELVIN: f64 = 273.15;

/// Temperature in degrees Celsius (°C).
///
/// `NAN` means *no data*: the pixel was masked, saturated or outside the calibrated range.
/// It is never a temperature.
///
/// ```
/// use heatveil::units::{Celsius, Kelvin};
/// assert_eq!(Kelvin::from(Celsius(20.0)), Kelvin(293.15));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Celsius(pub f64);

impl Celsius {
    /// The value that marks a pixel without a temperature.
    pub const NO_DATA: f32 = f32::NAN;
}

/// Thermodynamic temperature in kelvin (K).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Kelvin(pub f64);

impl From<Celsius> for Kelvin {
    fn from(celsius: Celsius) -> Self {
        Self(celsius.0 + ZERO_CELSIUS_IN_KELVIN)
    }
}

impl From<Kelvin> for Celsius {
    fn from(kelvin: Kelvin) -> Self {
        Self(kelvin.0 - ZERO_CELSIUS_IN_KELVIN)
    }
}

/// Length in metres (m).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Metres(pub f64);

/// Angle in degrees (°).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Degrees(pub f64);

impl Degrees {
    /// The same angle in radians.
    #[must_use]
    pub fn to_radians(self) -> f64 {
        self.0.to_radians()
    }
}

/// A number between 0 and 1, both included.
///
/// ```
/// use heatveil::units::Fraction;
/// assert!(Fraction::new(0.95).is_ok());
/// assert!(Fraction::new(1.5).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

/// A number that should lie between 0 and 1 and does not.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not between 0 and 1")]
pub struct NotAFraction(pub f64);

impl Fraction {
    /// The whole.
    pub const ONE: Self = Self(1.0);

    /// Checks that `value` lies in `0..=1`.
    ///
    /// # Errors
    ///
    /// [`NotAFraction`] for anything else, `NaN` included.
    pub fn new(value: f64) -> Result<Self, NotAFraction> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(NotAFraction(value))
        }
    }

    /// The number, in `0..=1`.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Fraction {
    type Error = NotAFraction;

    fn try_from(value: f64) -> Result<Self, NotAFraction> {
        Self::new(value)
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

impl fmt::Display for Celsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} °C", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn celsius_and_kelvin_convert_both_ways() {
        assert_eq!(Celsius::from(Kelvin(273.15)), Celsius(0.0));
        assert_eq!(Kelvin::from(Celsius(-273.15)), Kelvin(0.0));
    }

    #[test]
    fn a_fraction_refuses_what_lies_outside_or_is_not_a_number() {
        assert!(Fraction::new(-0.001).is_err());
        assert!(Fraction::new(f64::NAN).is_err());
        assert_eq!(Fraction::new(0.25).map(Fraction::value), Ok(0.25));
    }
}
