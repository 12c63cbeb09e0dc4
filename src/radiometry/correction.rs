//! From the temperature a blackbody would need to the temperature of a real surface.

use crate::units::{Celsius, Fraction, Kelvin};

/// What stands between a surface and an apparent temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// Emissivity of the surface, above 0.
    pub emissivity: Fraction,
    /// Transmission of the air over the whole path, above 0.
    pub transmission: Fraction,
    /// Reflected apparent temperature, at night mostly the sky's.
    pub reflected: Celsius,
    /// Air temperature.
    pub air: Celsius,
}

/// Temperature of the surface from its apparent (blackbody) temperature, by the T⁴ law:
/// `T = ((T0^4 - (1-e) tau Tr^4 - (1-tau) Ta^4) / (e tau))^(1/4)` in kelvin (DOMAIN section 1.2).
///
/// `NaN` where the surroundings alone would look warmer than what was seen.
#[must_use]
pub fn object_temperature(apparent: Celsius, correction: &Correction) -> Celsius {
    let fourth = |celsius: Celsius| Kelvin::from(celsius).0.powi(4);
    let (e, tau) = (
        correction.emissivity.value(),
        correction.transmission.value(),
    );
    let own = fourth(apparent)
        - (1.0 - e) * tau * fourth(correction.reflected)
        - (1.0 - tau) * fourth(correction.air);
    Celsius::from(Kelvin((own / (e * tau)).powf(0.25)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correction(emissivity: f64, transmission: f64, reflected: f64) -> Correction {
        Correction {
            emissivity: Fraction::new(emissivity).unwrap(),
            transmission: Fraction::new(transmission).unwrap(),
            reflected: Celsius(reflected),
            air: Celsius(2.0),
        }
    }

    #[test]
    fn a_blackbody_without_air_is_what_it_seems() {
        let Celsius(found) = object_temperature(Celsius(5.8), &correction(1.0, 1.0, -14.0));
        assert!((found - 5.8).abs() < 1e-9);
    }

    /// DOMAIN section 1.2: 5.8 °C apparent becomes warmer than it seems under a cold sky, colder with the
    /// embedded 25 °C.
    #[test]
    fn a_cold_sky_hides_heat_and_a_warm_default_invents_cold() {
        let Celsius(sky) = object_temperature(Celsius(5.8), &correction(0.9, 1.0, -40.0));
        let Celsius(default) = object_temperature(Celsius(5.8), &correction(0.9, 1.0, 25.0));
        assert!(sky > 5.8 && default < 5.8, "{sky} {default}");
    }

    #[test]
    fn what_is_colder_than_its_reflections_has_no_temperature() {
        assert!(
            object_temperature(Celsius(-50.0), &correction(0.05, 1.0, 20.0))
                .0
                .is_nan()
        );
    }
}
