//! Twenty different surveys against their truth: `make heat-seeds`.
//!
//! Each has its own streets, errors of position, yaw, drift and vignetting, and its own night: the camera's calibration, the operator's note and the
//! asset list are off by what the tool itself holds possible.

use heatveil::audit::Entry;
use heatveil::heatloss::{
    Convection, FluxModel, Interval, Spread, Surface, WeatherNote, air_transmission,
};
use heatveil::simulate::Survey;
use heatveil::units::{Celsius, Degrees, Fraction, Metres};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, NIGHT, Row, number, overhead, spearman};

/// Surveys.
const SURVEYS: u8 = 20;
/// Quantiles of the standard normal distribution at the middles of twenty equal parts.
const QUANTILES: [f64; SURVEYS as usize] = [
    -1.9600, -1.4395, -1.1503, -0.9346, -0.7554, -0.5978, -0.4538, -0.3186, -0.1891, -0.0627,
    0.0627, 0.1891, 0.3186, 0.4538, 0.5978, 0.7554, 0.9346, 1.1503, 1.4395, 1.9600,
];

/// What a survey is off by as a whole.
#[derive(Default)]
struct Off {
    /// Kelvin that the camera reads too much.
    camera: f64,
    /// Of the noted air, K.
    air: f64,
    /// Of the noted wind, m/s; in it the error of the convection formula, as the wind that would make it.
    wind: f64,
    /// Of the noted sky, K.
    sky: f64,
    /// Of the noted reading of the foil, K.
    reflected: f64,
    /// Of the asset list's emissivity.
    emissivity: f64,
}

/// Every input takes every quantile of its standard uncertainty once, in an order of its own, so that twenty surveys stand for many (Latin hypercube
/// sampling: `McKay`, Beckman, Conover 1979). Camera 2 K as a 90 % interval; the others as docs/buildings.md has them.
fn all_off() -> Vec<Off> {
    let mut rng = ChaCha8Rng::seed_from_u64(1000);
    let mut orders = [QUANTILES; 7];
    for order in &mut orders {
        for last in (1..order.len()).rev() {
            order.swap(last, rng.random_range(0..=last));
        }
    }
    let of = |at: usize| {
        let [camera, air, wind, convection, sky, reflected, emissivity] =
            orders.map(|order| order[at]);
        Off {
            camera: 2.0 / 1.645 * camera,
            air: 0.5 * air,
            // 20 % of 5.7 + 3.8 v at 1 m/s is what 0.5 m/s do.
            wind: 0.7 * wind + 0.5 * convection,
            sky: 2.0 * sky,
            reflected: 5.0 * reflected,
            emissivity: 0.02 * emissivity,
        }
    };
    (0..QUANTILES.len()).map(of).collect()
}

/// The flight of a seed, its errors drawn around the usual ones.
fn survey(seed: u64, off: &Off) -> Survey {
    let mut rng = ChaCha8Rng::seed_from_u64(2000 + seed);
    let mut between = |low: f64, high: f64| rng.random_range(low..high);
    Survey {
        step: Metres(24.0),
        lane: Metres(24.0),
        drift_kelvin: between(1.0, 3.0),
        vignetting_kelvin: between(1.0, 4.0),
        offset_kelvin: off.camera,
        ..overhead(between(0.5, 1.5))
    }
}

/// The note of an operator who is off by so much.
fn noted(off: &Off) -> String {
    NIGHT
        .replace(
            "air-celsius = 2\n",
            &format!("air-celsius = {}\n", 2.0 + off.air),
        )
        .replace(
            "sky-celsius = -14\n",
            &format!("sky-celsius = {}\n", -14.0 + off.sky),
        )
        .replace(
            "reflected-celsius = -24.6\n",
            &format!("reflected-celsius = {}\n", -24.6 + off.reflected),
        )
        .replace(
            "wind-m-s = 1\n",
            &format!("wind-m-s = {}\n", (1.0 + off.wind).max(0.0)),
        )
}

/// What the tool says of a roof under another note: its own balance from the row's temperature, tilt and uncertainty, the camera reading so much more.
fn under(row: &Row, own: &Off, off: &Off, from: &str) -> Interval {
    let night = WeatherNote {
        air: Some(2.0 + off.air),
        wind: Some((1.0 + off.wind).max(0.0)),
        sky: Some(-14.0 + off.sky),
        reflected: Some(-24.6 + off.reflected),
        humidity: Some(0.85),
        indoor: Some(19.0),
        ..WeatherNote::default()
    };
    let weather = night.complete().unwrap().unwrap();
    let field = |name| number(row, name).unwrap();
    let surface = Surface {
        emissivity: Fraction::new((0.96 + off.emissivity).min(1.0)).unwrap(),
        tilt: Degrees(field("tilt")),
    };
    let air = air_transmission(&weather, Metres(61.0));
    let spread = Spread {
        drift: field("core_sigma"),
        ..Spread::default()
    };
    let model = FluxModel::new(&weather, surface, air, Convection::McAdams, &spread).unwrap();
    model.flux(Celsius(field(from) - own.camera + off.camera))
}

/// The flux of a roof with the weather, the camera and the roof as they are, from the middle of its core or from the median of its outline: what is left of
/// the error then is neither theirs.
fn with_all_known(row: &Row, own: &Off, from: &str) -> f64 {
    under(row, own, &Off::default(), from).estimate
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// What came of one survey.
struct Found {
    roofs: u32,
    inside: u32,
    /// Of as many roofs under each of the notes.
    inside_under_all: u32,
    ranks: f64,
    grade: String,
}

fn fly(seed: u64, off: &Off, all: &[Off]) -> Found {
    let mut bench = Bench::flown(seed, survey(seed, off));
    bench.weather = noted(off);
    // Half of what the camera resolves: a roof has 2,000 pixels.
    bench.tiles = "resolution-m = 0.15";
    bench.state_emissivity(off.emissivity);
    bench.run("out", 2, "").unwrap();
    let rows = bench.rows("out");
    let known = bench.seen(&rows);
    let field = |row: &Row, name: &str| number(row, name).unwrap();
    let is_inside = |(_, flux, row): &&(f64, f64, &Row)| {
        (field(row, "flux_low")..=field(row, "flux_high")).contains(flux)
    };
    let inside = u32::try_from(known.iter().filter(is_inside).count()).unwrap();
    // The same map under the notes of all twenty nights; under its own it says what the table says, but for the air of each roof's own path.
    let apart = known.iter().flat_map(|(_, _, row)| {
        let again = under(row, off, off, "core_mean");
        let ends = [
            (again.estimate, "flux"),
            (again.low, "flux_low"),
            (again.high, "flux_high"),
        ];
        ends.map(|(value, name)| (value - field(row, name)).abs())
    });
    let apart = apart.fold(0.0, f64::max);
    assert!(apart < 2.0, "{apart} W/m2 from what the table says");
    let under_all = known.iter().flat_map(|(_, flux, row)| {
        all.iter().filter(move |other| {
            let said = under(row, off, other, "core_mean");
            (said.low..=said.high).contains(flux)
        })
    });
    let inside_under_all = u32::try_from(under_all.count()).unwrap();
    let (u_values, indices): (Vec<f64>, Vec<f64>) = known
        .iter()
        .filter_map(|(u, _, row)| Some((*u, number(row, "index")?)))
        .unzip();
    let ranks = spearman(&indices, &u_values);
    let mut grades: Vec<&str> = known
        .iter()
        .map(|(_, _, row)| row["grade"].as_str())
        .collect();
    grades.sort_unstable();
    let grade = grades[grades.len() / 2].to_owned();
    // What the map shows of a roof against what an ideal camera would have seen from straight above.
    let of_map = known.iter().filter_map(|(_, _, row)| {
        let truth = bench
            .within("sim/truth", "apparent_temperature.tif", &row["id"])
            .0;
        let truth = mean(truth.into_iter().map(f64::from));
        Some(field(row, "core_mean") - off.camera - truth).filter(|off| off.is_finite())
    });
    let of_map = mean(of_map);
    let error = mean(known.iter().map(|(_, flux, row)| field(row, "flux") - flux));
    let [left, by_median] = ["core_mean", "apparent_median"].map(|from| {
        let left = |(_, flux, row): &(f64, f64, &Row)| with_all_known(row, off, from) - flux;
        mean(known.iter().map(left))
    });
    let half = mean(
        known
            .iter()
            .map(|(_, _, row)| (field(row, "flux_high") - field(row, "flux_low")) / 2.0),
    );
    let entries = bench.entries("out");
    let logged = entries.iter().find_map(|entry| match entry {
        Entry::HeatLoss(logged) => Some((logged.drift_mk, logged.place_mm)),
        _ => None,
    });
    let (drift, place) = logged.unwrap();
    println!(
        "| {seed} | {} | {inside} | {error:.1} | {half:.1} | {left:.1} | {by_median:.1} | {of_map:.2} | {ranks:.2} | {grade} | {drift} | {place} | {:.2} |",
        known.len(),
        off.camera
    );
    Found {
        roofs: u32::try_from(known.len()).unwrap(),
        inside,
        inside_under_all,
        ranks,
        grade,
    }
}

/// Issue 5: the true flux of 85 to 95 % of roofs lies in its 90 % interval, and in grades A and B the index ranks roofs by their U-values to 0.9 in every
/// survey. Roofs of one night are inside or outside together, and twenty nights tell a share of nine in ten to seven percent only: so each survey is judged
/// under the notes of all twenty.
#[test]
#[ignore = "some twenty minutes: make heat-seeds"]
fn twenty_surveys_hold_their_intervals_and_rank_their_roofs() {
    println!(
        "| seed | roofs | inside | mean error, W/m2 | half interval, W/m2 | error with all known, W/m2 | by the median | core less mean of the outline in truth, K | ranks | grade | drift_mk | place_mm | camera, K |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    let all = all_off();
    let surveys: Vec<Found> = (0..SURVEYS.into())
        .zip(&all)
        .map(|(seed, off)| fly(seed, off, &all))
        .collect();
    let roofs: u32 = surveys.iter().map(|found| found.roofs).sum();
    let inside: u32 = surveys.iter().map(|found| found.inside).sum();
    let under_all: u32 = surveys.iter().map(|found| found.inside_under_all).sum();
    let nights = roofs * u32::from(SURVEYS);
    let share = f64::from(under_all) / f64::from(nights);
    let trusted = surveys.iter().filter(|found| found.grade.as_str() <= "B");
    let mut ranks: Vec<f64> = trusted.map(|found| found.ranks).collect();
    ranks.sort_unstable_by(f64::total_cmp);
    let of_ranks = mean(ranks.iter().copied());
    println!(
        "{inside} of {roofs} roofs inside the 90 % interval; each survey under all {SURVEYS} notes: {under_all} of {nights}, {share:.3}; ranks in the {} surveys of grades A and B: {of_ranks:.3} on average, {ranks:.2?}",
        ranks.len()
    );
    assert!((0.85..=0.95).contains(&share), "{share}");
    assert!(ranks.len() >= 10, "grades fell in calm nights");
    assert!(ranks[0] >= 0.9, "{ranks:?}");
}
