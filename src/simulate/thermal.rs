//! How warm a surface gets on a steady winter night, and how warm it looks.
//!
//! In: weather and what lies behind a surface. Out: surface and apparent temperatures. Refuses: nothing;
//! all inputs are constants of the scene.

use crate::units::ZERO_CELSIUS_IN_KELVIN;

/// Stefan-Boltzmann constant, W/(m² K⁴) (CODATA 2018).
const SIGMA: f64 = 5.670_374_419e-8;

/// The night of the flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// Air, °C.
    pub air: f64,
    /// Effective sky, °C.
    pub sky: f64,
    /// Wind, m/s.
    pub wind: f64,
    /// Heated rooms, °C.
    pub indoor: f64,
}

/// A winter night as surveyors wait for it.
pub(super) const NIGHT: Weather = Weather {
    air: 2.0,
    sky: -14.0,
    wind: 1.0,
    indoor: 19.0,
};

/// A kind of surface at its temperature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surface {
    /// Kinetic temperature, °C.
    pub celsius: f64,
    /// Emissivity at normal incidence.
    pub emissivity: f64,
    /// Amplitude of the variation across the surface, K.
    pub texture: f64,
}

/// What warms a surface from behind: conductance in W/(m² K) and the temperature there in °C.
#[derive(Debug, Clone, Copy)]
pub(super) struct Behind {
    pub conductance: f64,
    pub celsius: f64,
}

impl Behind {
    /// A building element of U-value `u`, W/(m² K), without its outer film (ISO 6946: 0.04 m² K/W).
    pub(super) fn element(u: f64, indoor: f64) -> Self {
        Self {
            conductance: 1.0 / (1.0 / u - 0.04),
            celsius: indoor,
        }
    }
}

fn kelvin(celsius: f64) -> f64 {
    celsius + ZERO_CELSIUS_IN_KELVIN
}

impl Weather {
    /// Surface temperature in °C at which what comes from behind leaves by convection and radiation:
    /// `G (Tb - Ts) = h (Ts - Ta) + e sigma (Ts^4 - F Tsky^4 - (1-F) Ta^4)`, solved by Newton's method
    /// (DOMAIN section 4, with h of `McAdams` / Jürges).
    pub(super) fn surface(self, behind: Behind, emissivity: f64, sky_view: f64) -> f64 {
        let convection = 5.7 + 3.8 * self.wind;
        let around =
            sky_view * kelvin(self.sky).powi(4) + (1.0 - sky_view) * kelvin(self.air).powi(4);
        let mut surface = self.air;
        for _ in 0..20 {
            let hot = kelvin(surface);
            let balance = convection * (surface - self.air)
                + emissivity * SIGMA * (hot.powi(4) - around)
                - behind.conductance * (behind.celsius - surface);
            let slope = convection + 4.0 * emissivity * SIGMA * hot.powi(3) + behind.conductance;
            surface -= balance / slope;
        }
        surface
    }

    /// Sky temperature in °C at the sine of an elevation: -14 at the horizon, -30 overhead.
    pub(super) fn sky_at(self, sine: f64) -> f64 {
        self.sky - 16.0 * sine.clamp(0.0, 1.0)
    }

    /// Apparent temperature in °C of a surface at `celsius` that mirrors `reflected`, `distance` metres
    /// away: the inverse of the T⁴ law of DOMAIN section 1.2, with a transmission of 0.98 per 60 m.
    pub(super) fn apparent(
        self,
        celsius: f64,
        emissivity: f64,
        reflected: f64,
        distance: f64,
    ) -> f64 {
        let transmission = 0.98_f64.powf(distance / 60.0);
        let surface =
            emissivity * kelvin(celsius).powi(4) + (1.0 - emissivity) * kelvin(reflected).powi(4);
        let at_lens = transmission * surface + (1.0 - transmission) * kelvin(self.air).powi(4);
        at_lens.sqrt().sqrt() - ZERO_CELSIUS_IN_KELVIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roof_that_gets_the_flux_of_the_domain_vector_is_at_its_temperature() {
        // DOMAIN section 4: Ts 1, Ta 2, v 1, e .93, Tsky -14, F .85 gives q = 40.88 W/m².
        let behind = Behind {
            conductance: 40.88 / (19.0 - 1.0),
            celsius: 19.0,
        };
        assert!((NIGHT.surface(behind, 0.93, 0.85) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_worse_roof_is_warmer_and_a_good_one_colder_than_the_air() {
        let roof = |u| NIGHT.surface(Behind::element(u, 19.0), 0.91, 0.9);
        assert!(roof(2.3) > roof(0.16) + 2.0);
        assert!(roof(0.16) < NIGHT.air);
    }
}
