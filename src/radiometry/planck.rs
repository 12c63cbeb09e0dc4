//! FLIR counts to temperature (formulas: DOMAIN section 1.1).

use crate::frame::{Atmosphere, ObjectParameters, PlanckConstants};
use crate::units::{Celsius, Fraction, Kelvin, Metres, ZERO_CELSIUS_IN_KELVIN};

/// Transmission of air over **half** the path of length `distance`, 0 to 1 (DOMAIN section 1.1: tau).
#[must_use]
pub fn transmission(
    atmosphere: &Atmosphere,
    air: Celsius,
    humidity: Fraction,
    distance: Metres,
) -> f64 {
    let t = air.0;
    let h2o = humidity.value()
        * (1.5587 + 0.069_39 * t - 0.000_278_16 * t.powi(2) + 0.000_000_684_55 * t.powi(3)).exp();
    let path = (distance.0 / 2.0).sqrt();
    let Atmosphere {
        alpha1,
        alpha2,
        beta1,
        beta2,
        x,
    } = *atmosphere;
    let root = h2o.sqrt();
    x * (-path * (alpha1 + beta1 * root)).exp()
        + (1.0 - x) * (-path * (alpha2 + beta2 * root)).exp()
}

/// Counts of a blackbody at a temperature (DOMAIN section 1.1: P).
fn blackbody_counts(planck: &PlanckConstants, temperature: Celsius) -> f64 {
    let Kelvin(kelvin) = temperature.into();
    planck.r1 / (planck.r2 * ((planck.b / kelvin).exp() - planck.f)) - planck.o
}

/// The object's temperature in °C as a function of counts; `NaN` where the logarithm has no argument.
///
/// Formula: DOMAIN section 1.1, with the half-path transmission applied before and behind the window.
pub fn counts_to_celsius(
    planck: &PlanckConstants,
    object: &ObjectParameters,
) -> impl Fn(f64) -> f64 + use<> {
    let (planck, e, w) = (
        *planck,
        object.emissivity.value(),
        object.window_transmission.value(),
    );
    let tau = transmission(
        &object.atmosphere,
        object.air,
        object.humidity,
        object.distance,
    );
    let air = blackbody_counts(&planck, object.air);
    let surroundings = (1.0 - tau) / (e * tau) * air
        + (1.0 - tau) / (e * tau * w * tau) * air
        + (1.0 - w) / (e * tau * w) * blackbody_counts(&planck, object.window)
        + (1.0 - e) / e * blackbody_counts(&planck, object.reflected);
    let gain = 1.0 / (e * tau * w * tau);
    move |counts| {
        let radiance = counts * gain - surroundings;
        let argument = planck.r1 / (planck.r2 * (radiance + planck.o)) + planck.f;
        if argument > 0.0 {
            planck.b / argument.ln() - ZERO_CELSIUS_IN_KELVIN
        } else {
            f64::NAN
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const PLANCK: PlanckConstants = PlanckConstants {
        r1: 21106.77,
        r2: 0.012_545_258,
        b: 1501.0,
        f: 1.0,
        o: -7340.0,
    };
    pub(in crate::radiometry) const ATMOSPHERE: Atmosphere = Atmosphere {
        alpha1: 0.006_569,
        alpha2: 0.012_62,
        beta1: -0.002_276,
        beta2: -0.006_67,
        x: 1.9,
    };

    fn object(emissivity: f64, window: f64) -> ObjectParameters {
        ObjectParameters {
            emissivity: Fraction::new(emissivity).unwrap(),
            distance: Metres(1.0),
            reflected: Celsius(20.0),
            air: Celsius(20.0),
            window: Celsius(20.0),
            window_transmission: Fraction::new(window).unwrap(),
            humidity: Fraction::new(0.5).unwrap(),
            atmosphere: ATMOSPHERE,
        }
    }

    /// Vectors of DOMAIN section 1.1; the fifth is the published one.
    #[test]
    fn counts_become_the_temperatures_of_the_vectors() {
        for (counts, emissivity, window, expected, tolerance) in [
            (18109.0, 1.0, 1.0, 23.654_940_704, 1e-8),
            (15500.0, 1.0, 1.0, 8.165_135_548, 1e-8),
            (18109.0, 0.95, 0.96, 24.000_220_926, 1e-8),
            (15500.0, 0.95, 0.96, 6.931_726_495, 1e-8),
            (17994.06, 0.95, 0.96, 23.31223, 1e-4),
        ] {
            let found = counts_to_celsius(&PLANCK, &object(emissivity, window))(counts);
            assert!(
                (found - expected).abs() < tolerance,
                "{counts}: {found} instead of {expected}"
            );
        }
    }

    #[test]
    fn a_cold_night_over_sixty_metres_agrees_with_the_vectors() {
        let object = ObjectParameters {
            distance: Metres(60.0),
            reflected: Celsius(-14.0),
            air: Celsius(2.0),
            humidity: Fraction::new(0.85).unwrap(),
            ..object(0.95, 1.0)
        };
        let tau = transmission(&ATMOSPHERE, object.air, object.humidity, object.distance);
        assert!((tau - 0.974_090_437).abs() < 1e-9, "{tau}");
        let celsius = counts_to_celsius(&PLANCK, &object);
        assert!((celsius(18109.0) - 26.278_053_286).abs() < 1e-8);
        assert!((celsius(15500.0) - 9.624_376_539).abs() < 1e-8);
    }

    /// DOMAIN section 1.1: P of a blackbody turned round, `B / ln(R1 / (R2 (18109 + O)) + F)`, whatever the file says of object and path.
    #[test]
    fn an_apparent_temperature_is_that_of_a_blackbody_at_the_lens() {
        let far = ObjectParameters {
            distance: Metres(60.0),
            ..object(0.8, 1.0)
        };
        let blackbody = ObjectParameters {
            emissivity: Fraction::ONE,
            distance: Metres(0.0),
            ..far
        };
        let found = counts_to_celsius(&PLANCK, &blackbody)(18109.0);
        assert!((found - 23.624_326_500).abs() < 1e-8, "{found}");
    }

    #[test]
    fn counts_below_the_blackbody_have_no_temperature() {
        assert!(counts_to_celsius(&PLANCK, &object(1.0, 1.0))(0.0).is_nan());
    }
}
