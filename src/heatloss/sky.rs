//! How cold the night sky looks.
//!
//! In: air temperature, humidity, cloud. Out: the effective temperature with which the sky radiates, and the one that a camera sees mirrored.
//! Refuses: nothing.
//!
//! These are two temperatures. The balance of a roof takes what the sky sends at all wavelengths; a camera sees 8 to 14 um alone, where dry air is nearly
//! clear, so that a clear sky looks some 30 K colder.

use crate::units::{Celsius, Fraction, Kelvin};

/// Effective temperature of a clear sky: `.0552 Ta^1.5` in kelvin (Swinbank 1963; DOMAIN section 4).
#[must_use]
pub fn swinbank(air: Celsius) -> Celsius {
    Celsius::from(Kelvin(0.0552 * Kelvin::from(air).0.powf(1.5)))
}

/// Dew point by the Magnus formula (coefficients of Alduchov and Eskridge 1996: 17.625, 243.04 °C); `humidity` above 0.
#[must_use]
pub fn dew_point(air: Celsius, humidity: Fraction) -> Celsius {
    let gamma = humidity.value().max(1e-3).ln() + 17.625 * air.0 / (243.04 + air.0);
    Celsius(243.04 * gamma / (17.625 - gamma))
}

/// Effective temperature of a clear sky from the dew point:
/// `e_sky^.25 Ta`, `e_sky = .711 + .56 (Tdp/100) + .73 (Tdp/100)^2 + .013 cos(2 pi t/24)` (Berdahl and Martin 1984;
/// DOMAIN section 4). `hour` is solar time, 0 at midnight.
#[must_use]
pub fn berdahl_martin(air: Celsius, dew_point: Celsius, hour: f64) -> Celsius {
    let emissivity = clear_sky_emissivity(dew_point, hour);
    Celsius::from(Kelvin(emissivity.powf(0.25) * Kelvin::from(air).0))
}

/// The same with clouds: the clear sky's emissivity times `1 + .0224 N - .0035 N^2 + .00028 N^3`, N the cover in tenths
/// (Clark and Allen 1978, as in the Engineering Reference, "Sky Radiation Modeling" of `EnergyPlus`); never warmer than the air.
#[must_use]
pub fn under_clouds(air: Celsius, dew_point: Celsius, hour: f64, cloud: Fraction) -> Celsius {
    let tenths = 10.0 * cloud.value();
    let factor = 1.0 + 0.0224 * tenths - 0.0035 * tenths.powi(2) + 0.000_28 * tenths.powi(3);
    let emissivity = (clear_sky_emissivity(dew_point, hour) * factor).min(1.0);
    Celsius::from(Kelvin(emissivity.powf(0.25) * Kelvin::from(air).0))
}

/// How warm the sky looks to a camera of 8 to 14 um in a rough mirror that lies flat, such as crumpled foil: the temperature at which a blackbody would
/// look the same.
///
/// Emissivity of a clear sky overhead `.24 + 2.98e-8 e^2 exp(3000 / Ta)`, e in hPa (Idso 1981), over the hemisphere `z (1.4 - .4 z)`; clouds, 11 K colder
/// than the air, fill what is clear (Kimball, Idso, Aase 1982). Radiation in that band goes with the fifth power of the temperature near 0 °C
/// (`c2 / (10.5 um T)`).
#[must_use]
pub fn mirrored_sky(air: Celsius, humidity: Fraction, cloud: Fraction) -> Celsius {
    let kelvin = Kelvin::from(air).0;
    // Magnus (coefficients as in `dew_point`).
    let vapour = 6.1094 * humidity.value() * (17.625 * air.0 / (243.04 + air.0)).exp();
    let overhead = (0.24 + 2.98e-8 * vapour * vapour * (3000.0 / kelvin).exp()).min(1.0);
    let clear = overhead * (1.4 - 0.4 * overhead);
    let clouds = ((kelvin - 11.0) / kelvin).powi(5);
    let all = clear + (1.0 - clear) * cloud.value() * clouds;
    Celsius::from(Kelvin(all.powf(0.2) * kelvin))
}

fn clear_sky_emissivity(dew_point: Celsius, hour: f64) -> f64 {
    let dew = dew_point.0 / 100.0;
    let daily = 0.013 * (std::f64::consts::TAU * hour / 24.0).cos();
    0.711 + 0.56 * dew + 0.73 * dew * dew + daily
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks of DOMAIN section 4, to the digit printed there.
    #[test]
    fn clear_skies_are_as_cold_as_the_checks_say() {
        assert!((swinbank(Celsius(3.0)).0 - -19.8).abs() < 0.05);
        assert!((berdahl_martin(Celsius(3.0), Celsius(1.0), 0.0).0 - -17.9).abs() < 0.05);
    }

    /// Saturated air is at its dew point; 20 °C and 50 % give 9.3 °C in every psychrometric table.
    #[test]
    fn the_dew_point_is_that_of_the_tables() {
        assert!((dew_point(Celsius(7.0), Fraction::ONE).0 - 7.0).abs() < 1e-9);
        let half = Fraction::new(0.5).unwrap();
        assert!((dew_point(Celsius(20.0), half).0 - 9.3).abs() < 0.05);
    }

    /// By hand at 2 °C and 85 %: e = 5.996 hPa, .2982 overhead, .3819 over the hemisphere, whose fifth root is .8249 of 275.15 K.
    #[test]
    fn a_camera_sees_a_colder_sky_than_a_roof_does() {
        let (air, humidity) = (Celsius(2.0), Fraction::new(0.85).unwrap());
        let mirrored = |cloud| mirrored_sky(air, humidity, Fraction::new(cloud).unwrap()).0;
        assert!((mirrored(0.0) - -46.18).abs() < 0.02, "{}", mirrored(0.0));
        let effective = berdahl_martin(air, dew_point(air, humidity), 0.0).0;
        assert!(mirrored(0.0) < effective - 20.0, "{effective}");
        assert!(mirrored(0.0) < mirrored(0.5) && mirrored(1.0) < 2.0 && mirrored(1.0) > -11.0);
    }

    #[test]
    fn clouds_warm_the_sky_towards_the_air() {
        let sky = |cloud| {
            under_clouds(
                Celsius(3.0),
                Celsius(1.0),
                0.0,
                Fraction::new(cloud).unwrap(),
            )
            .0
        };
        assert!((sky(0.0) - berdahl_martin(Celsius(3.0), Celsius(1.0), 0.0).0).abs() < 1e-9);
        assert!(sky(0.0) < sky(0.5) && sky(0.5) < sky(1.0) && sky(1.0) <= 3.0);
    }
}
