//! The heat balance of a surface at night.
//!
//! In: surface, air and sky. Out: flux in W/m², and the U-value it would mean in a steady state. Refuses: nothing;
//! what is not a number stays so.

use crate::units::{Celsius, Degrees, Fraction, Kelvin};

/// Stefan-Boltzmann constant in W/m²K⁴ (CODATA 2018).
pub(super) const STEFAN_BOLTZMANN: f64 = 5.670_374_419e-8;

/// How wind carries heat away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Convection {
    /// `5.7 + 3.8 v` W/m²K, below 5 m/s (`McAdams` 1954, after Jürges 1924; DOMAIN section 4).
    #[default]
    McAdams,
    /// `4 + 4 v` W/m²K (ISO 6946:2017, annex C; DOMAIN section 4).
    Iso6946,
}

impl Convection {
    /// Heat transfer coefficient in W/m²K at a wind speed in m/s.
    #[must_use]
    pub fn coefficient(self, wind: f64) -> f64 {
        match self {
            Self::McAdams => 5.7 + 3.8 * wind,
            Self::Iso6946 => 4.0 + 4.0 * wind,
        }
    }

    /// Name for the log and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::McAdams => "mcadams",
            Self::Iso6946 => "iso-6946",
        }
    }
}

/// What a surface is and how it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surface {
    /// Emissivity in the long-wave infrared.
    pub emissivity: Fraction,
    /// 0 for a flat roof, 90 for a wall.
    pub tilt: Degrees,
}

impl Surface {
    /// Share of the hemisphere that is sky: `(1 + cos tilt) / 2` (DOMAIN section 4).
    #[must_use]
    pub fn sky_view(&self) -> f64 {
        f64::midpoint(1.0, self.tilt.to_radians().cos())
    }
}

/// Heat that leaves a surface, in W/m²: `h_c (Ts - Ta) + e sigma (Ts^4 - F Tsky^4 - (1 - F) Ta^4)`, kelvin (DOMAIN section 4).
///
/// `sky_view` is F, `convection` the coefficient `h_c` in W/m²K. Horizon and ground count as air.
#[must_use]
pub fn flux(
    surface: Celsius,
    air: Celsius,
    sky: Celsius,
    emissivity: f64,
    sky_view: f64,
    convection: f64,
) -> f64 {
    let fourth = |celsius: Celsius| Kelvin::from(celsius).0.powi(4);
    let exchange = fourth(surface) - sky_view * fourth(sky) - (1.0 - sky_view) * fourth(air);
    convection * (surface.0 - air.0) + emissivity * STEFAN_BOLTZMANN * exchange
}

/// The U-value in W/m²K that `flux` would mean if nothing changed for days, by the kelvins between inside and outside: `q / (Ti - Ta)` (DOMAIN section 4).
#[must_use]
pub fn u_value(flux: f64, difference: f64) -> f64 {
    flux / difference
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The roof of DOMAIN section 4: Ts 1, Ta 2, Ti 19, v 1, e .93, Tsky -14, F .85.
    fn roof(surface: f64, sky: f64, wind: f64, emissivity: f64) -> (f64, f64) {
        let air = Celsius(2.0);
        let convection = Convection::McAdams.coefficient(wind);
        let q = flux(
            Celsius(surface),
            air,
            Celsius(sky),
            emissivity,
            0.85,
            convection,
        );
        (q, u_value(q, 19.0 - air.0))
    }

    #[test]
    fn the_roof_of_the_checks_loses_what_they_say() {
        let (q, u) = roof(1.0, -14.0, 1.0, 0.93);
        assert!((q - 40.88).abs() < 0.005, "{q}");
        assert!((u - 2.404).abs() < 0.0005, "{u}");
    }

    #[test]
    fn its_sensitivities_are_those_of_the_checks() {
        let (_, u) = roof(1.0, -14.0, 1.0, 0.93);
        for (changed, expected) in [
            (roof(1.0, -9.0, 1.0, 0.93), -0.94),
            (roof(3.0, -14.0, 1.0, 0.93), 1.63),
            (roof(1.0, -14.0, 2.0, 0.93), -0.22),
            (roof(1.0, -14.0, 1.0, 0.90), -0.10),
        ] {
            assert!(
                (changed.1 - u - expected).abs() < 0.005,
                "{} {expected}",
                changed.1 - u
            );
        }
    }

    #[test]
    fn a_roof_colder_than_the_air_still_loses_heat_to_the_sky() {
        assert!(roof(1.0, -14.0, 1.0, 0.93).0 > 0.0);
    }

    #[test]
    fn a_wall_sees_half_the_sky_and_a_flat_roof_all() {
        let emissivity = Fraction::ONE;
        let view = |tilt| {
            Surface {
                emissivity,
                tilt: Degrees(tilt),
            }
            .sky_view()
        };
        assert!((view(90.0) - 0.5).abs() < 1e-12 && (view(0.0) - 1.0).abs() < 1e-12);
    }
}
