//! The air between a surface and the camera.
//!
//! In: height, angle, weather. Out: slant range and transmission. Refuses: nothing.

use super::Weather;
use crate::frame::Atmosphere;
use crate::radiometry::transmission;
use crate::units::{Celsius, Degrees, Fraction, Metres};

/// Coefficients that FLIR's cameras carry for air (DOMAIN section 1.1).
const AIR: Atmosphere = Atmosphere {
    alpha1: 0.006_569,
    alpha2: 0.012_62,
    beta1: -0.002_276,
    beta2: -0.006_67,
    x: 1.9,
};

/// Metres from a camera `height` above take-off to the ground at an angle from straight down.
#[must_use]
pub fn slant_range(height: Metres, off_nadir: Degrees) -> Metres {
    Metres(height.0 / off_nadir.to_radians().cos())
}

/// Share of the surface's radiation that reaches a camera so far away.
#[must_use]
pub fn air_transmission(weather: &Weather, range: Metres) -> Fraction {
    // FLIR's formula goes with the root of the path: over two halves of it one after the other it takes too much. `transmission` halves what it is given.
    let whole = Metres(2.0 * range.0);
    let air = Celsius(weather.air.value);
    Fraction::new(transmission(&AIR, air, weather.humidity, whole)).unwrap_or(Fraction::ONE)
}

#[cfg(test)]
mod tests {
    use super::super::weather::tests::calm_night;
    use super::*;

    #[test]
    fn a_camera_at_60_degrees_is_twice_as_far() {
        assert!((slant_range(Metres(60.0), Degrees(60.0)).0 - 120.0).abs() < 1e-9);
    }

    /// FLIR's formula by hand: 4.636 g/m3 of water, `1.9 exp(-sqrt(60) .0016684) - .9 exp(sqrt(60) .0017418)` = .9634; and more is lost the further it is.
    #[test]
    fn air_takes_a_few_percent() {
        let weather = calm_night().complete().unwrap().unwrap();
        let at = |metres| air_transmission(&weather, Metres(metres)).value();
        assert!((at(60.0) - 0.9634).abs() < 5e-5, "{}", at(60.0));
        assert!(at(120.0) < at(60.0) && at(60.0) < at(5.0));
    }
}
