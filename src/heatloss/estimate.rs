//! Flux with an interval, from an apparent temperature.
//!
//! In: weather, surface, path. Out: surface temperature, flux and the 90 % interval that the uncertain inputs leave.
//! Refuses: surfaces that mirror the sky.
//!
//! Uncertainties are propagated to first order (JCGM 100:2008, section 5.1.2) by central differences, one input at a time (both
//! temperatures of the sky together where one note gives both: 5.2), with the whole chain from apparent temperature to flux in each step: emissivity and air act on both halves of it and partly cancel.

use super::balance::{Convection, Surface, flux, u_value};
use super::{HeatLossError, Sky, Weather};
use crate::radiometry::{Correction, object_temperature};
use crate::units::{Celsius, Degrees, Fraction, Kelvin};

/// Least emissivity from which a temperature is taken; below, the surface is a mirror (bare metal .05 to .3: DOMAIN section 4).
pub(super) const MIN_EMISSIVITY: f64 = 0.6;
/// Half width of a 90 % interval in standard deviations of a normal distribution.
const NINETY: f64 = 1.644_853_627;
/// Share of the hemisphere that is sky below which (a tilt of 53 degrees) a smooth surface no longer shows the sky to a camera straight above it, but
/// what stands before it; and that of a wall.
const STEEP: f64 = 0.8;
const VERTICAL: f64 = 0.5;

/// What is uncertain besides the weather, one sigma each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Of the apparent temperature, in K. Cameras state +-2 K; read as a 90 % interval that is 1.2.
    ///
    /// The whole night shares it: it widens intervals and moves no roof against its neighbours.
    pub apparent: f64,
    /// Of what sets one place of the map apart from another besides its heat, in K: what frames read more or less than each other, and
    /// at buildings the place of the map.
    pub drift: f64,
    /// Of the emissivity.
    pub emissivity: f64,
    /// Of the air's transmission.
    pub transmission: f64,
    /// Of the tilt, in degrees.
    pub tilt: f64,
    /// Of the convection coefficient, as a share of itself.
    pub convection: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            apparent: 1.2,
            drift: 0.0,
            emissivity: 0.02,
            // What formulas differ by over 60 m of cold air.
            transmission: 0.02,
            tilt: 5.0,
            convection: 0.2,
        }
    }
}

/// An estimate within its 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Best estimate.
    pub estimate: f64,
    /// 5 % lie below.
    pub low: f64,
    /// 5 % lie above.
    pub high: f64,
}

impl Interval {
    /// From an estimate and its standard deviation.
    #[must_use]
    pub fn from_sigma(estimate: f64, sigma: f64) -> Self {
        Self {
            estimate,
            low: estimate - NINETY * sigma,
            high: estimate + NINETY * sigma,
        }
    }

    /// A flux's heat lost per kelvin, W/m²K; `difference` is between inside and outside in K, `sigma` the standard uncertainty of the inside in K.
    ///
    /// That of the outside is part of the flux's. The two parts add as squares (JCGM 100:2008, section 5.1.2).
    #[must_use]
    pub fn per_kelvin(&self, difference: f64, sigma: f64) -> Self {
        let estimate = u_value(self.estimate, difference);
        let of_flux = u_value(self.half_width(), difference);
        let of_inside = NINETY * u_value(estimate * sigma, difference);
        let half = of_flux.hypot(of_inside);
        Self {
            estimate,
            low: estimate - half,
            high: estimate + half,
        }
    }

    /// Half of its width.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The balance of one kind of surface in one night's weather, seen through one path of air.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FluxModel {
    inputs: Inputs,
    sigmas: Inputs,
    /// Whether both temperatures of the sky are estimated from one note.
    sky_is_one: bool,
    correlation: Convection,
}

/// Everything that the flux depends on besides the apparent temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Inputs {
    apparent: f64,
    emissivity: f64,
    transmission: f64,
    tilt: f64,
    air: f64,
    sky: f64,
    /// The sky as the camera sees it mirrored.
    reflected: f64,
    /// Share of the sky that a surface sees which it also mirrors to a camera above it: all where it is rough.
    roughness: f64,
    wind: f64,
    /// Factor on the convection coefficient.
    convection: f64,
}

impl Inputs {
    /// Access to one input after the other, for steps; [`Inputs::SKY`] besides.
    const FIELDS: [fn(&mut Self) -> &mut f64; 8] = [
        |inputs| &mut inputs.apparent,
        |inputs| &mut inputs.emissivity,
        |inputs| &mut inputs.transmission,
        |inputs| &mut inputs.tilt,
        |inputs| &mut inputs.roughness,
        |inputs| &mut inputs.air,
        |inputs| &mut inputs.wind,
        |inputs| &mut inputs.convection,
    ];

    /// The two temperatures of the sky.
    const SKY: [fn(&mut Self) -> &mut f64; 2] =
        [|inputs| &mut inputs.sky, |inputs| &mut inputs.reflected];

    fn sky_view(&self) -> f64 {
        let emissivity = Fraction::ONE;
        Surface {
            emissivity,
            tilt: Degrees(self.tilt),
        }
        .sky_view()
    }

    /// Surface temperature: what it reflects is sky and air by its tilt, so that a wall mirrors less sky than a roof.
    fn surface(&self) -> Celsius {
        let fourth = |celsius: f64| Kelvin::from(Celsius(celsius)).0.powi(4);
        let view = self.roughness * self.sky_view();
        let reflected =
            (view * fourth(self.reflected) + (1.0 - view) * fourth(self.air)).powf(0.25);
        let fraction = |value: f64| Fraction::new(value.clamp(0.01, 1.0)).unwrap_or(Fraction::ONE);
        let correction = Correction {
            emissivity: fraction(self.emissivity),
            transmission: fraction(self.transmission),
            reflected: Celsius::from(Kelvin(reflected)),
            air: Celsius(self.air),
        };
        object_temperature(Celsius(self.apparent), &correction)
    }

    fn flux(&self, correlation: Convection) -> f64 {
        let coefficient = correlation.coefficient(self.wind.max(0.0)) * self.convection.max(0.0);
        let (air, sky) = (Celsius(self.air), Celsius(self.sky));
        flux(
            self.surface(),
            air,
            sky,
            self.emissivity.min(1.0),
            self.sky_view(),
            coefficient,
        )
    }
}

/// How rough a surface is, 1 or less, and its standard uncertainty, from the share of the sky that it sees.
///
/// A rough one mirrors all the sky that it sees. A smooth one mirrors one direction: on roofs sky, less than a hemisphere would show or
/// more, which the uncertainty of the sky's temperature covers; a vertical one shows a camera above it the ground alone. Which of both a wall is, nobody
/// notes, so that anything between them is as likely (rectangular distribution: JCGM 100:2008, section 4.3.7).
fn roughness(sky_view: f64) -> (f64, f64) {
    let half = ((STEEP - sky_view) / (STEEP - VERTICAL)).clamp(0.0, 1.0) / 2.0;
    (1.0 - half, half / 3.0_f64.sqrt())
}

impl FluxModel {
    /// For a surface in a night's weather; `transmission` is that of the air over the whole path.
    ///
    /// # Errors
    ///
    /// [`HeatLossError::Mirror`] below an emissivity of 0.6.
    pub fn new(
        weather: &Weather,
        surface: Surface,
        transmission: Fraction,
        correlation: Convection,
        spread: &Spread,
    ) -> Result<Self, HeatLossError> {
        let emissivity = surface.emissivity.value();
        if emissivity < MIN_EMISSIVITY {
            return Err(HeatLossError::Mirror {
                emissivity,
                min: MIN_EMISSIVITY,
            });
        }
        let (rough, rough_sigma) = roughness(surface.sky_view());
        Ok(Self {
            inputs: Inputs {
                apparent: 0.0,
                emissivity,
                transmission: transmission.value(),
                tilt: surface.tilt.0,
                air: weather.air.value,
                sky: weather.sky.value,
                reflected: weather.reflected.value,
                roughness: rough,
                wind: weather.wind.value,
                convection: 1.0,
            },
            sigmas: Inputs {
                apparent: spread.apparent.hypot(spread.drift),
                emissivity: spread.emissivity,
                transmission: spread.transmission,
                tilt: spread.tilt,
                air: weather.air.sigma,
                sky: weather.sky.sigma,
                reflected: weather.reflected.sigma,
                roughness: rough_sigma,
                wind: weather.wind.sigma,
                convection: spread.convection,
            },
            sky_is_one: weather.sky_source != Sky::Measured
                && weather.reflected_source != Sky::Measured,
            correlation,
        })
    }

    /// Temperature of the surface that looks `apparent` (°C); `NaN` where its surroundings alone would look warmer.
    #[must_use]
    pub fn surface_temperature(&self, apparent: Celsius) -> Celsius {
        self.at(apparent).surface()
    }

    /// Heat that leaves it, W/m²; all `NaN` where there is no temperature.
    #[must_use]
    pub fn flux(&self, apparent: Celsius) -> Interval {
        let inputs = self.at(apparent);
        let step = |fields: &[fn(&mut Inputs) -> &mut f64]| {
            let stepped = |side: f64| {
                let (mut changed, mut sigmas) = (inputs, self.sigmas);
                for field in fields {
                    *field(&mut changed) += side * *field(&mut sigmas);
                }
                changed.flux(self.correlation)
            };
            ((stepped(1.0) - stepped(-1.0)) / 2.0).powi(2)
        };
        let alone = |fields: &[fn(&mut Inputs) -> &mut f64]| -> f64 {
            let fields = fields.iter();
            fields.map(|field| step(std::slice::from_ref(field))).sum()
        };
        let sky = if self.sky_is_one {
            // Both come from the same humidity and cloud, and err together (JCGM 100, 5.2).
            step(&Inputs::SKY)
        } else {
            alone(&Inputs::SKY)
        };
        let variance = alone(&Inputs::FIELDS) + sky;
        Interval::from_sigma(inputs.flux(self.correlation), variance.sqrt())
    }

    fn at(&self, apparent: Celsius) -> Inputs {
        Inputs {
            apparent: apparent.0,
            ..self.inputs
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::weather::tests::calm_night;
    use super::*;

    fn model(emissivity: f64, tilt: f64, spread: Spread) -> FluxModel {
        let weather = calm_night().complete().unwrap().unwrap();
        let surface = Surface {
            emissivity: Fraction::new(emissivity).unwrap(),
            tilt: Degrees(tilt),
        };
        let transmission = Fraction::new(0.98).unwrap();
        FluxModel::new(
            &weather,
            surface,
            transmission,
            Convection::McAdams,
            &spread,
        )
        .unwrap()
    }

    /// A normal deviate from a fixed sequence (Box and Muller 1958 on the splitmix64 generator).
    fn normal(state: &mut u64) -> f64 {
        let mut uniform = || {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut bits = *state;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            #[expect(clippy::cast_precision_loss, reason = "53 bits")]
            let share = ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
            share
        };
        let (a, b) = (uniform().max(1e-300), uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// To 15 % of the half width: wind multiplies temperature, and what first order leaves out widens the ends by up to 13 % on a roof 5 K below the air
    /// (400,000 draws in numpy).
    #[test]
    fn first_order_agrees_with_monte_carlo() {
        for (emissivity, tilt, apparent) in
            [(0.93, 45.0, 0.0), (0.91, 0.0, -3.0), (0.95, 90.0, 5.0)]
        {
            let model = model(emissivity, tilt, Spread::default());
            let expected = model.flux(Celsius(apparent));
            let mut state = 7;
            let mut drawn: Vec<f64> = (0..40_000)
                .map(|_| {
                    let (mut inputs, mut sigmas) = (model.at(Celsius(apparent)), model.sigmas);
                    for field in Inputs::FIELDS.into_iter().chain(Inputs::SKY) {
                        *field(&mut inputs) += normal(&mut state) * *field(&mut sigmas);
                    }
                    inputs.flux(model.correlation)
                })
                .collect();
            drawn.sort_by(f64::total_cmp);
            let half = expected.half_width();
            for (found, at) in [
                (expected.low, 2_000),
                (expected.estimate, 20_000),
                (expected.high, 38_000),
            ] {
                assert!(
                    (found - drawn[at]).abs() < 0.15 * half,
                    "{found} {} +-{half}",
                    drawn[at]
                );
            }
        }
    }

    #[test]
    fn nothing_uncertain_gives_no_interval_and_the_roof_of_the_checks() {
        let weather = calm_night().complete().unwrap().unwrap();
        // F .85 is a tilt of acos .7; a blackbody camera path without air; apparent such that the surface is 1 °C.
        let tilt = Degrees(0.7_f64.acos().to_degrees());
        let surface = Surface {
            emissivity: Fraction::new(0.93).unwrap(),
            tilt,
        };
        let model = FluxModel::new(
            &weather,
            surface,
            Fraction::ONE,
            Convection::McAdams,
            &Spread::default(),
        )
        .unwrap();
        let fourth = |celsius: f64| (celsius + 273.15_f64).powi(4);
        let reflected = 0.85 * fourth(-14.0) + 0.15 * fourth(2.0);
        let apparent = (0.93 * fourth(1.0) + 0.07 * reflected).powf(0.25) - 273.15;
        assert!((model.surface_temperature(Celsius(apparent)).0 - 1.0).abs() < 1e-9);
        assert!((model.flux(Celsius(apparent)).estimate - 40.88).abs() < 0.005);
    }

    /// 40 +-12 W/m² at 20 K: 2 +-0.6 W/m²K, of which 2 K in 20 are a tenth: one sigma of 0.2.
    #[test]
    fn what_nobody_measured_inside_widens_what_is_lost_per_kelvin() {
        let flux = Interval {
            estimate: 40.0,
            low: 28.0,
            high: 52.0,
        };
        let [known, unsure] = [0.0, 2.0].map(|sigma| flux.per_kelvin(20.0, sigma));
        assert!((known.estimate - 2.0).abs() < 1e-12 && (known.half_width() - 0.6).abs() < 1e-12);
        let half = 0.6_f64.hypot(0.2 * 1.644_853_627);
        assert!((unsure.low - (2.0 - half)).abs() < 1e-9, "{unsure:?}");
        assert!((unsure.high - (2.0 + half)).abs() < 1e-9, "{unsure:?}");
    }

    #[test]
    fn mirrors_are_refused() {
        let weather = calm_night().complete().unwrap().unwrap();
        let surface = Surface {
            emissivity: Fraction::new(0.0).unwrap(),
            tilt: Degrees(30.0),
        };
        let refused = FluxModel::new(
            &weather,
            surface,
            Fraction::ONE,
            Convection::McAdams,
            &Spread::default(),
        );
        assert!(matches!(refused, Err(HeatLossError::Mirror { .. })));
    }

    #[test]
    fn no_data_gives_no_flux() {
        let found = model(0.93, 30.0, Spread::default()).flux(Celsius(f64::NAN));
        assert!(found.estimate.is_nan() && found.low.is_nan() && found.high.is_nan());
    }
}
