//! One building: its row, its heat balance, what it is ranked by.
//!
//! In: what the map shows of it, a night's weather. Out: a row. Refuses: to take a temperature from a roof that mirrors the sky, and says so instead.

use super::balance::Surface;
use super::estimate::MIN_EMISSIVITY;
use super::grade::{Reason, Verdict, surface_reasons};
use super::index::{Ranked, Standing};
use super::{
    BuildingOptions, FluxModel, Footprint, Grade, HotSpots, Interval, Night, Spread, ZoneStatistics,
};
use crate::units::{Celsius, Degrees, Fraction};

/// One building's row.
#[derive(Debug, Clone, PartialEq)]
pub struct Building {
    /// As in the source.
    pub footprint: Footprint,
    /// Area of the outline in m².
    pub area: f64,
    /// Share of it with a temperature.
    pub visible: f64,
    /// Apparent temperatures, °C; all `NaN` where too little was seen.
    pub apparent: ZoneStatistics,
    /// What the heat balance starts from: the mean over what surely belongs to the building, without its coldest and warmest tenth, °C.
    pub core: f64,
    /// Standard uncertainty in K of what sets this building apart from its neighbours: place of the map, drift of frames.
    pub own_sigma: f64,
    /// Temperature of the surface, corrected for emissivity, sky and air, °C.
    pub surface: Option<f64>,
    /// Temperature of the air, °C.
    pub air: Option<f64>,
    /// Number of the flight that saw most of it; 0 of what was not looked for in the map.
    pub flight: usize,
    /// Heat lost, W/m².
    pub flux: Option<Interval>,
    /// Indicative U-value, W/m²K; its interval holds what is not known of the inside temperature too.
    pub u: Option<Interval>,
    /// Among comparable neighbours.
    pub standing: Option<Standing>,
    /// What stands out.
    pub hot_spots: HotSpots,
    /// Emissivity and tilt that were used.
    pub emissivity: f64,
    /// In degrees.
    pub tilt: f64,
    /// Confidence and its reasons.
    pub verdict: Verdict,
}

impl Building {
    /// Gives no number: too little of it was seen.
    pub(super) fn refuse(&mut self, options: &BuildingOptions) {
        let text = format!(
            "only {:.0} % of it was seen, {:.0} % needed",
            100.0 * self.visible,
            100.0 * options.least_visible
        );
        self.apparent = ZoneStatistics::of([]);
        self.core = f64::NAN;
        self.hot_spots = HotSpots::default();
        self.verdict = self.verdict.and([Reason {
            at_best: Grade::E,
            text,
        }]);
    }

    /// Says that there is no balance.
    pub(super) fn without_weather(&mut self) {
        self.verdict = self.verdict.and([Reason {
            at_best: Grade::D,
            text: "no weather noted: temperatures only".into(),
        }]);
    }

    /// Adds what the heat balance gives, at the core's apparent temperature (a trimmed mean): over a roof's spread of some kelvin the balance is
    /// straight to about 0.1 W/m².
    pub(super) fn balance(&mut self, night: &Night, options: &BuildingOptions) {
        let Night {
            weather,
            transmission,
        } = night;
        let surface = Surface {
            emissivity: Fraction::new(self.emissivity).unwrap_or(Fraction::ONE),
            tilt: Degrees(self.tilt),
        };
        let spread = Spread {
            drift: self.own_sigma,
            ..options.spread
        };
        let model = FluxModel::new(weather, surface, *transmission, options.convection, &spread);
        let model = match model {
            Ok(model) => model,
            Err(refusal) => {
                let text = format!("low-emissivity roof: {refusal}");
                self.verdict = self.verdict.and([Reason {
                    at_best: Grade::E,
                    text,
                }]);
                return;
            }
        };
        let apparent = Celsius(self.core);
        let flux = model.flux(apparent);
        let difference = weather.indoor.value - weather.air.value;
        self.surface = Some(model.surface_temperature(apparent).0);
        self.flux = Some(flux);
        self.u = Some(flux.per_kelvin(difference, weather.indoor.sigma));
        let seen = Fraction::new(self.visible).unwrap_or(Fraction::ONE);
        let reasons = weather.verdict().reasons;
        self.verdict =
            self.verdict
                .and(reasons)
                .and(surface_reasons(seen, flux.estimate, flux.half_width()));
    }

    pub(super) fn ranked(&self, options: &BuildingOptions) -> Ranked {
        let place = self.footprint.bounds().map_or((0.0, 0.0), |bounds| {
            (
                f64::midpoint(bounds.west, bounds.east),
                f64::midpoint(bounds.south, bounds.north),
            )
        });
        let material = self.footprint.material.as_deref().unwrap_or("?");
        // Tilts within 20 degrees of each other see about the same sky.
        let tilt = self.footprint.tilt.unwrap_or(options.tilt.0) / 20.0;
        let flight = self.flight;
        let mean = Some(self.core).filter(|mean| mean.is_finite());
        let is_mirror = self.emissivity < MIN_EMISSIVITY;
        Ranked {
            place,
            class: format!("{material} {tilt:.0} {flight}"),
            value: self
                .flux
                .map(|flux| flux.estimate)
                .or(mean)
                .filter(|_| !is_mirror),
        }
    }
}
