//! How cold the night sky looks.
//!
//! In: air temperature, humidity, cloud. Out: the effective temperature with which the sky radiates. Refuses: nothing.

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
