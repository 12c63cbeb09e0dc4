//! One row a building: how warm, how much heat, how sure.
//!
//! In: outlines, a way to read the redacted map, weather. Out: [`Building`] rows in the order of the outlines. Refuses: to give a
//! number where too little of a building was seen, and says so instead.

use rayon::prelude::*;

use super::balance::{Convection, Surface};
use super::estimate::MIN_EMISSIVITY;
use super::grade::{Reason, Verdict, surface_reasons};
use super::index::{Ranked, Standing, standings};
use super::zone::{Core, shares, window_around};
use super::{
    FluxModel, Footprint, Grade, HotSpots, Interval, Ring, Spread, Weather, ZoneStatistics,
    hot_spots, rank_reasons, u_value,
};
use crate::georef::Bounds;
use crate::units::{Celsius, Degrees, Fraction, Metres};

/// Pixels of a window that are read at a time; a building beyond is left out and says so.
const MAX_PIXELS: usize = 16 << 20;

/// How buildings are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildingOptions {
    /// Material and its emissivity, lower case; the roof's own emissivity wins.
    pub materials: Vec<(String, f64)>,
    /// Emissivity where neither is known.
    pub emissivity: f64,
    /// Tilt of a roof whose tilt is not known.
    pub tilt: Degrees,
    /// Transmission of the air on the path to the camera.
    pub transmission: Fraction,
    /// How wind carries heat away.
    pub convection: Convection,
    /// What is uncertain besides the weather.
    pub spread: Spread,
    /// Neighbours are compared within this distance.
    pub radius: f64,
    /// Less of a building seen than this gives no number.
    pub least_visible: f64,
    /// Standard uncertainty of the map's place against the outlines, along each axis.
    pub place: Metres,
}

impl Default for BuildingOptions {
    /// Emissivities: middle of the ranges in DOMAIN section 4.
    fn default() -> Self {
        let known = [
            ("tile", 0.905),
            ("clay tile", 0.905),
            ("concrete tile", 0.905),
            ("slate", 0.90),
            ("brick", 0.945),
            ("concrete", 0.94),
            ("asphalt", 0.94),
            ("felt", 0.94),
            ("glass", 0.88),
            ("metal", 0.2),
        ];
        Self {
            materials: known
                .map(|(name, emissivity)| (name.to_owned(), emissivity))
                .into(),
            emissivity: 0.91,
            tilt: Degrees(35.0),
            transmission: Fraction::ONE,
            convection: Convection::default(),
            spread: Spread::default(),
            radius: 250.0,
            least_visible: 0.25,
            place: Metres(0.0),
        }
    }
}

impl BuildingOptions {
    /// A roof's own emissivity, else its material's; `None` where neither is known.
    #[must_use]
    pub fn stated_emissivity(&self, footprint: &Footprint) -> Option<f64> {
        let of_material = |name: &String| {
            let name = name.trim().to_lowercase();
            let known = self
                .materials
                .iter()
                .find(|(material, _)| *material == name);
            known.map(|(_, value)| *value)
        };
        let material = footprint.material.as_ref().and_then(of_material);
        footprint.emissivity.or(material)
    }
}

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
    /// What the heat balance starts from: the mean over what surely belongs to the building, °C.
    pub core: f64,
    /// Standard uncertainty in K of what sets this building apart from its neighbours: place of the map, drift of frames.
    pub own_sigma: f64,
    /// Temperature of the surface, corrected for emissivity, sky and air, °C.
    pub surface: Option<f64>,
    /// Temperature of the air, °C.
    pub air: Option<f64>,
    /// Heat lost, W/m².
    pub flux: Option<Interval>,
    /// Indicative U-value, W/m²K.
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

/// A map to measure on: a north-up grid of square pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapGrid {
    /// Its edges in metres.
    pub bounds: Bounds,
    /// Side of a pixel in metres.
    pub resolution: f64,
    /// Columns and rows.
    pub size: (usize, usize),
}

/// Columns `x0..x0 + width` and rows `y0..y0 + height` of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapWindow {
    /// First column.
    pub x0: usize,
    /// First row.
    pub y0: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Measures every building, in parallel; `open` opens the redacted map on a thread, `read` gives its apparent temperatures of a
/// window, row-major.
///
/// Without weather there is no flux: temperatures and standing among neighbours remain.
///
/// # Errors
///
/// What `open` and `read` say. A roof that mirrors the sky is flagged in its row, not an error.
pub fn measure<S, E: Send>(
    footprints: Vec<Footprint>,
    grid: &MapGrid,
    weather: Option<&Weather>,
    options: &BuildingOptions,
    open: impl Fn() -> Result<S, E> + Sync,
    read: impl Fn(&S, MapWindow) -> Result<Vec<f32>, E> + Sync,
) -> Result<Vec<Building>, E> {
    let mut rows = footprints
        .into_par_iter()
        .with_min_len(16)
        .map_init(&open, |source, footprint| {
            let read = |window| match source {
                Ok(source) => read(source, window),
                // The reason is lost to the other buildings of this thread: ask again for each.
                Err(_) => read(&open()?, window),
            };
            building(footprint, grid, weather, options, read)
        })
        .collect::<Result<Vec<_>, E>>()?;
    let ranked: Vec<Ranked> = rows.iter().map(|row| row.ranked(options)).collect();
    for (row, standing) in rows.iter_mut().zip(standings(&ranked, options.radius)) {
        row.standing = standing;
    }
    let of_roofs: Vec<(f64, f64)> = rows
        .iter()
        .filter(|row| row.flux.is_some())
        .map(|row| (row.core, row.own_sigma))
        .collect();
    if let Some(reason) = rank_reasons(&of_roofs) {
        for row in rows.iter_mut().filter(|row| row.flux.is_some()) {
            row.verdict = row.verdict.and([reason.clone()]);
        }
    }
    Ok(rows)
}

fn building<E>(
    footprint: Footprint,
    grid: &MapGrid,
    weather: Option<&Weather>,
    options: &BuildingOptions,
    read: impl FnOnce(MapWindow) -> Result<Vec<f32>, E>,
) -> Result<Building, E> {
    let stated = options.stated_emissivity(&footprint);
    let emissivity = stated.unwrap_or(options.emissivity);
    let tilt = footprint.tilt.unwrap_or(options.tilt.0);
    let mut reasons = Vec::new();
    if stated.is_none() {
        reasons.push(Reason {
            at_best: Grade::B,
            text: "material of the roof not known".into(),
        });
    }
    if footprint.tilt.is_none() {
        reasons.push(Reason {
            at_best: Grade::B,
            text: format!("tilt of the roof not known, taken as {tilt} degrees"),
        });
    }
    let rings = footprint.polygons.iter().flatten();
    let area: f64 = footprint
        .polygons
        .iter()
        .map(|polygon| polygon_area(polygon))
        .sum();
    let touched = window_around(rings, grid, options.place);
    let window = touched.filter(|window| window.width * window.height <= MAX_PIXELS);
    let (apparent, core, hot_spots) = if let Some(window) = window {
        let celsius = read(window)?;
        let shares = shares(&footprint, grid, window);
        let pixel_area = grid.resolution * grid.resolution;
        let pixels = celsius.iter().copied().zip(shares.iter().copied());
        let resolution = Metres(grid.resolution);
        (
            ZoneStatistics::of(pixels),
            Core::of(&celsius, &shares, window.width, resolution, options.place),
            hot_spots(&celsius, &shares, window.width, pixel_area),
        )
    } else {
        reasons.extend(touched.map(|_| Reason {
            at_best: Grade::E,
            text: "too large to be measured as one building".into(),
        }));
        (ZoneStatistics::of([]), Core::NONE, HotSpots::default())
    };
    // Of the whole outline: what lies beside the map was not seen.
    let seen = apparent.valid * grid.resolution * grid.resolution;
    // Adding 0 turns the -0 of an empty sum into 0.
    let visible = (seen / area).min(1.0) + 0.0;
    let mut row = Building {
        footprint,
        area,
        visible,
        apparent,
        core: core.mean,
        own_sigma: core.sigma.hypot(options.spread.drift),
        surface: None,
        air: weather.map(|weather| weather.air.value),
        flux: None,
        u: None,
        standing: None,
        hot_spots,
        emissivity,
        tilt,
        verdict: Verdict::from_reasons(reasons),
    };
    if visible.is_nan() || visible < options.least_visible {
        let text = format!(
            "only {:.0} % of it was seen, {:.0} % needed",
            100.0 * visible,
            100.0 * options.least_visible
        );
        row.apparent = ZoneStatistics::of([]);
        row.core = f64::NAN;
        row.hot_spots = HotSpots::default();
        row.verdict = row.verdict.and([Reason {
            at_best: Grade::E,
            text,
        }]);
        return Ok(row);
    }
    if let Some(weather) = weather {
        row.balance(weather, options);
    } else {
        row.verdict = row.verdict.and([Reason {
            at_best: Grade::D,
            text: "no weather noted: temperatures only".into(),
        }]);
    }
    Ok(row)
}

impl Building {
    /// Adds what the heat balance gives, at the core's mean apparent temperature: over a roof's spread of some kelvin the balance is
    /// straight to about 0.1 W/m².
    fn balance(&mut self, weather: &Weather, options: &BuildingOptions) {
        let surface = Surface {
            emissivity: Fraction::new(self.emissivity).unwrap_or(Fraction::ONE),
            tilt: Degrees(self.tilt),
        };
        let spread = Spread {
            drift: self.own_sigma,
            ..options.spread
        };
        let air = options.transmission;
        let model = FluxModel::new(weather, surface, air, options.convection, &spread);
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
        let at = |flux| {
            u_value(
                flux,
                Celsius(weather.indoor.value),
                Celsius(weather.air.value),
            )
        };
        self.surface = Some(model.surface_temperature(apparent).0);
        self.flux = Some(flux);
        self.u = Some(Interval {
            estimate: at(flux.estimate),
            low: at(flux.low),
            high: at(flux.high),
        });
        let seen = Fraction::new(self.visible).unwrap_or(Fraction::ONE);
        let reasons = weather.verdict().reasons;
        self.verdict =
            self.verdict
                .and(reasons)
                .and(surface_reasons(seen, flux.estimate, flux.half_width()));
    }

    fn ranked(&self, options: &BuildingOptions) -> Ranked {
        let points: Vec<(f64, f64)> = self
            .footprint
            .polygons
            .iter()
            .flatten()
            .flatten()
            .copied()
            .collect();
        let place = Bounds::around(&points).map_or((0.0, 0.0), |bounds| {
            (
                f64::midpoint(bounds.west, bounds.east),
                f64::midpoint(bounds.south, bounds.north),
            )
        });
        let material = self.footprint.material.as_deref().unwrap_or("?");
        // Tilts within 20 degrees of each other see about the same sky.
        let tilt = self.footprint.tilt.unwrap_or(options.tilt.0) / 20.0;
        let mean = Some(self.core).filter(|mean| mean.is_finite());
        let is_mirror = self.emissivity < MIN_EMISSIVITY;
        Ranked {
            place,
            class: format!("{material} {tilt:.0}"),
            value: self
                .flux
                .map(|flux| flux.estimate)
                .or(mean)
                .filter(|_| !is_mirror),
        }
    }
}

fn polygon_area(rings: &[Ring]) -> f64 {
    let area = |ring: &Ring| super::signed_area(ring).abs();
    rings.first().map_or(0.0, area) - rings.iter().skip(1).map(area).sum::<f64>()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::weather::tests::calm_night;
    use super::*;
    use std::convert::Infallible;

    const GRID: MapGrid = MapGrid {
        bounds: Bounds {
            west: 0.0,
            south: 0.0,
            east: 100.0,
            north: 100.0,
        },
        resolution: 0.5,
        size: (200, 200),
    };

    fn house(number: u8, west: f64, south: f64) -> Footprint {
        Footprint {
            id: number.to_string(),
            uprns: vec![],
            polygons: vec![vec![vec![
                (west, south),
                (west + 8.0, south),
                (west + 8.0, south + 6.25),
                (west, south + 6.25),
            ]]],
            material: Some("Tile".into()),
            emissivity: None,
            tilt: Some(35.0),
        }
    }

    /// The whole map at one temperature, except that columns from `hole` on have no data.
    fn map(celsius: f32, hole: usize) -> impl Fn(&(), MapWindow) -> Result<Vec<f32>, Infallible> {
        move |(), window| {
            let columns = (window.x0..window.x0 + window.width)
                .map(|x| if x < hole { celsius } else { f32::NAN });
            let row: Vec<f32> = columns.collect();
            Ok(row.repeat(window.height))
        }
    }

    fn one(footprint: Footprint, celsius: f32, hole: usize) -> Building {
        let weather = calm_night().complete().unwrap().unwrap();
        let options = BuildingOptions::default();
        measure(
            vec![footprint],
            &GRID,
            Some(&weather),
            &options,
            || Ok(()),
            map(celsius, hole),
        )
        .unwrap()
        .remove(0)
    }

    /// An evenly warm roof of 50 m², wholly seen.
    pub(in crate::heatloss) fn row() -> Building {
        one(house(1, 10.25, 20.1), 2.5, 200)
    }

    #[test]
    fn an_evenly_warm_roof_has_its_area_and_its_temperature() {
        let row = row();
        assert!((row.area - 50.0).abs() < 1e-9 && (row.visible - 1.0).abs() < 1e-9);
        assert!((row.apparent.mean - 2.5).abs() < 1e-6 && (row.emissivity - 0.905).abs() < 1e-12);
        let (flux, u) = (row.flux.unwrap(), row.u.unwrap());
        assert!(flux.low < flux.estimate && flux.estimate < flux.high);
        assert!((u.estimate - flux.estimate / 17.0).abs() < 1e-9);
        assert_eq!(row.verdict.grade, Grade::A, "{:?}", row.verdict);
    }

    #[test]
    fn half_a_roof_counts_half_and_a_sliver_gives_no_number() {
        let half = one(house(1, 10.0, 20.0), 1.0, 28);
        assert!((half.visible - 0.5).abs() < 1e-9 && half.flux.is_some());
        let sliver = one(house(1, 10.0, 20.0), 1.0, 21);
        assert!(sliver.flux.is_none() && sliver.apparent.mean.is_nan());
        assert_eq!(sliver.verdict.grade, Grade::E);
        assert!(
            sliver.verdict.reasons[0]
                .text
                .contains("6 % of it was seen")
        );
    }

    #[test]
    fn what_lies_beside_the_map_was_not_seen() {
        let row = one(house(1, 96.0, 50.0), 1.0, 200);
        assert!((row.visible - 0.5).abs() < 1e-9);
        // As a facet may: a building of the table always touches the map.
        let beside = one(house(1, 120.0, 50.0), 1.0, 200);
        let reasons = &beside.verdict.reasons;
        assert_eq!(reasons[0].text, "only 0 % of it was seen, 25 % needed");
        assert!(
            !reasons
                .iter()
                .any(|reason| reason.text.contains("too large"))
        );
    }

    #[test]
    fn a_metal_roof_is_flagged_and_not_reported_as_cold() {
        let mut metal = house(1, 10.0, 20.0);
        metal.material = Some("metal".into());
        let row = one(metal, -20.0, 200);
        assert!(row.flux.is_none() && row.u.is_none());
        assert!(row.verdict.reasons[0].text.contains("low-emissivity"));
    }

    #[test]
    fn roofs_are_ranked_by_what_they_lose() {
        let weather = calm_night().complete().unwrap().unwrap();
        let houses: Vec<Footprint> = (0..12)
            .map(|i| house(i, 8.0 * f64::from(i % 12), 40.0))
            .collect();
        let warmer_to_the_east = |(): &(), window: MapWindow| {
            let row: Vec<f32> = (window.x0..window.x0 + window.width)
                .map(|x| f32::from(u16::try_from(x).unwrap()) / 50.0)
                .collect();
            Ok::<_, Infallible>(row.repeat(window.height))
        };
        let options = BuildingOptions::default();
        let rows = measure(
            houses,
            &GRID,
            Some(&weather),
            &options,
            || Ok(()),
            warmer_to_the_east,
        )
        .unwrap();
        let index: Vec<f64> = rows
            .iter()
            .filter_map(|row| row.standing.map(|at| at.index))
            .collect();
        assert_eq!(index.len(), 12);
        assert!(index.is_sorted());
    }

    #[test]
    fn without_weather_temperatures_and_ranks_remain() {
        let rows = measure(
            vec![house(1, 10.0, 20.0)],
            &GRID,
            None,
            &BuildingOptions::default(),
            || Ok(()),
            map(1.0, 200),
        )
        .unwrap();
        assert!(rows[0].flux.is_none() && (rows[0].apparent.median - 1.0).abs() < 1e-6);
        assert_eq!(rows[0].verdict.grade, Grade::D);
    }
}
