//! A row for every building: how warm, how much heat, how sure.
//!
//! In: outlines, a way to read the redacted map, weather. Out: [`Building`] rows in the order of the outlines. Refuses: to give a
//! number where too little of a building was seen, and says so instead.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::grade::{Reason, Verdict};
use super::index::{Ranked, standings};
use super::zone::{Core, shares, window_around};
use super::{
    Building, BuildingOptions, Footprint, Grade, HotSpots, MapGrid, MapWindow, Night, Ring, SeenBy,
    ZoneStatistics, hot_spots, rank_reasons,
};
use crate::units::Metres;

/// Pixels of a window that are read at a time; a building beyond is left out and says so.
const MAX_PIXELS: usize = 16 << 20;

/// Measures every building, in parallel; `open` opens the redacted map on a thread, `read` gives its apparent temperatures of a
/// window, row-major, and `which` in which of the `nights` and by which flight most of what has these shares of its pixels was seen.
///
/// Without nights there is no flux: temperatures and standing among neighbours remain.
///
/// # Errors
///
/// What `open`, `read` and `which` say. A roof that mirrors the sky is flagged in its row, not an error.
pub fn measure<S, E: Send>(
    footprints: Vec<Footprint>,
    grid: &MapGrid,
    nights: &[Night],
    options: &BuildingOptions,
    open: impl Fn() -> Result<S, E> + Sync,
    read: impl Fn(&S, MapWindow) -> Result<Vec<f32>, E> + Sync,
    which: impl Fn(&S, MapWindow, &[f64]) -> Result<SeenBy, E> + Sync,
) -> Result<Vec<Building>, E> {
    let mut rows = footprints
        .into_par_iter()
        .with_min_len(16)
        .map_init(&open, |source, footprint| {
            let again;
            let source = if let Ok(source) = source {
                &*source
            } else {
                // The reason is lost to the other buildings of this thread: ask again for each.
                again = open()?;
                &again
            };
            building(
                footprint,
                grid,
                nights,
                options,
                |window| read(source, window),
                |window, shares| which(source, window, shares),
            )
        })
        .collect::<Result<Vec<_>, E>>()?;
    let ranked: Vec<Ranked> = rows.iter().map(|row| row.ranked(options)).collect();
    for (row, standing) in rows.iter_mut().zip(standings(&ranked, options.radius)) {
        row.standing = standing;
    }
    // What two flights read apart is no difference between roofs.
    let flights: BTreeSet<usize> = rows.iter().map(|row| row.flight).collect();
    for flight in flights {
        let is_of = |row: &Building| row.flux.is_some() && row.flight == flight;
        let roofs = rows.iter().filter(|row| is_of(row));
        let roofs: Vec<(f64, f64)> = roofs.map(|row| (row.core, row.own_sigma)).collect();
        if let Some(reason) = rank_reasons(&roofs) {
            for row in rows.iter_mut().filter(|row| is_of(row)) {
                row.verdict = row.verdict.and([reason.clone()]);
            }
        }
    }
    Ok(rows)
}

fn building<E>(
    footprint: Footprint,
    grid: &MapGrid,
    nights: &[Night],
    options: &BuildingOptions,
    read: impl FnOnce(MapWindow) -> Result<Vec<f32>, E>,
    which: impl FnOnce(MapWindow, &[f64]) -> Result<SeenBy, E>,
) -> Result<Building, E> {
    let stated = options.stated_emissivity(&footprint);
    let emissivity = stated.unwrap_or(options.emissivity);
    let tilt = footprint.tilt.unwrap_or(options.tilt.0);
    let mut reasons = options.reasons.clone();
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
    let (mut night_seen, mut flight) = (None, 0);
    let (apparent, core, hot_spots) = if let Some(window) = window {
        let celsius = read(window)?;
        let shares = shares(&footprint, grid, window);
        let seen_by = which(window, &shares)?;
        (night_seen, flight) = (nights.get(seen_by.night), seen_by.flight);
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
        air: night_seen.map(|night| night.weather.air.value),
        flight,
        flux: None,
        u: None,
        standing: None,
        hot_spots,
        emissivity,
        tilt,
        verdict: Verdict::from_reasons(reasons),
    };
    if visible.is_nan() || visible < options.least_visible {
        row.refuse(options);
        return Ok(row);
    }
    if let Some(night) = night_seen {
        row.balance(night, options);
    } else {
        row.without_weather();
    }
    Ok(row)
}

fn polygon_area(rings: &[Ring]) -> f64 {
    let area = |ring: &Ring| super::signed_area(ring).abs();
    rings.first().map_or(0.0, area) - rings.iter().skip(1).map(area).sum::<f64>()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::weather::tests::calm_night;
    use super::*;
    use crate::georef::Bounds;
    use crate::heatloss::Spread;
    use crate::units::Fraction;
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

    fn calm() -> Night {
        Night {
            weather: calm_night().complete().unwrap().unwrap(),
            transmission: Fraction::ONE,
        }
    }

    fn one(footprint: Footprint, celsius: f32, hole: usize) -> Building {
        measure(
            vec![footprint],
            &GRID,
            &[calm()],
            &BuildingOptions::default(),
            || Ok(()),
            map(celsius, hole),
            |(), _, _| Ok(SeenBy::default()),
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
        // The inside is known to 1.5 K (one sigma).
        let of_inside = 1.644_853_627 * u.estimate * 1.5 / 17.0;
        let half = (flux.half_width() / 17.0).hypot(of_inside);
        assert!((u.half_width() - half).abs() < 1e-9, "{u:?}");
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
            &[calm()],
            &options,
            || Ok(()),
            warmer_to_the_east,
            |(), _, _| Ok(SeenBy::default()),
        )
        .unwrap();
        let index: Vec<f64> = rows
            .iter()
            .filter_map(|row| row.standing.map(|at| at.index))
            .collect();
        assert_eq!(index.len(), 12);
        assert!(index.is_sorted());
    }

    /// Two rows of twelve roofs, each warmer by so much a pixel further east; the camera of the flight that saw the northern ones reads 2 K more.
    fn of_two_flights(a_pixel: f32, options: &BuildingOptions) -> Vec<Building> {
        let row = |south| (0..12).map(move |i| house(i, 8.0 * f64::from(i), south));
        let houses: Vec<Footprint> = row(40.0).chain(row(60.0)).collect();
        let is_northern = |window: MapWindow| window.y0 < 90;
        let read = |(): &(), window: MapWindow| {
            let more = if is_northern(window) { 2.0 } else { 0.0 };
            let row: Vec<f32> = (window.x0..window.x0 + window.width)
                .map(|x| a_pixel * f32::from(u16::try_from(x).unwrap()) + more)
                .collect();
            Ok::<_, Infallible>(row.repeat(window.height))
        };
        let which = |(): &(), window, _: &[f64]| {
            Ok(SeenBy {
                night: 0,
                flight: usize::from(is_northern(window)),
            })
        };
        let night = [calm()];
        measure(houses, &GRID, &night, options, || Ok(()), read, which).unwrap()
    }

    #[test]
    fn a_flight_that_reads_more_than_another_moves_no_roof_in_rank() {
        let rows = of_two_flights(0.02, &BuildingOptions::default());
        let (southern, northern) = rows.split_at(12);
        for (one, other) in southern.iter().zip(northern) {
            assert!(one.standing.is_some_and(|at| at.among == 12), "{one:?}");
            assert_eq!(one.standing, other.standing);
            assert!((other.core - one.core - 2.0).abs() < 1e-5);
        }
    }

    /// Roofs of each flight are alike: what they differ by is drift alone, however far the flights are apart.
    #[test]
    fn what_flights_differ_by_makes_no_rank_sure() {
        let options = BuildingOptions {
            spread: Spread {
                drift: 0.2,
                ..Spread::default()
            },
            ..BuildingOptions::default()
        };
        let rows = of_two_flights(0.0, &options);
        assert!(rows.iter().all(|row| row.verdict.grade == Grade::D));
    }

    #[test]
    fn without_weather_temperatures_and_ranks_remain() {
        let rows = measure(
            vec![house(1, 10.0, 20.0)],
            &GRID,
            &[],
            &BuildingOptions::default(),
            || Ok(()),
            map(1.0, 200),
            |(), _, _| Ok(SeenBy::default()),
        )
        .unwrap();
        assert!(rows[0].flux.is_none() && (rows[0].apparent.median - 1.0).abs() < 1e-6);
        assert_eq!(rows[0].verdict.grade, Grade::D);
    }

    /// The same roof under the weather of the line in which it was seen, and with what the survey leaves open.
    #[test]
    fn each_roof_has_the_weather_in_which_it_was_seen() {
        let mut later = calm();
        later.weather.air.value = -3.0;
        let options = BuildingOptions {
            reasons: vec![Reason {
                at_best: Grade::C,
                text: "the camera drifted".into(),
            }],
            ..BuildingOptions::default()
        };
        let rows = measure(
            vec![house(1, 10.0, 20.0), house(2, 60.0, 20.0)],
            &GRID,
            &[calm(), later],
            &options,
            || Ok(()),
            map(1.0, 200),
            |(), window, shares| {
                assert_eq!(shares.len(), window.width * window.height);
                Ok(SeenBy {
                    night: usize::from(window.x0 > 100),
                    flight: 0,
                })
            },
        )
        .unwrap();
        let [first, second] = [0, 1].map(|at: usize| &rows[at]);
        assert_eq!([first.air, second.air], [Some(2.0), Some(-3.0)]);
        let flux = |row: &Building| row.flux.unwrap().estimate;
        // 5 K less of air alone: 9.5 W/m2K of convection, and what little of the surroundings is not sky.
        let more = flux(second) - flux(first);
        assert!((46.0..52.0).contains(&more), "{more}");
        assert!(rows.iter().all(|row| row.verdict.grade == Grade::C));
    }
}
