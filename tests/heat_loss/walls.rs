//! Walls of a simulated oblique survey against their truth: `make heat-walls`.

use std::collections::BTreeMap;
use std::fs;

use heatveil::audit::{VerifyOptions, verify};
use heatveil::simulate::Survey;
use heatveil::units::{Degrees, Metres};
use serde_json::Value;

use crate::bench::{Bench, number, spearman};

/// 40 degrees down in four headings, by a drone and a camera that do not err.
fn oblique() -> Survey {
    Survey {
        side: Metres(24.0),
        step: Metres(24.0),
        lane: Metres(24.0),
        gps_noise: Metres(0.0),
        yaw_noise: Degrees(0.0),
        ..Survey::default()
    }
}

/// Heat that bricks lose, W/m2, by the weather of the simulation: 2 °C, 1 m/s, a sky of -14 °C of which a wall there sees .45, emissivity .945
/// (`h (Ts - Ta) + e sigma (Ts^4 - F Tsky^4 - (1 - F) Ta^4)`, h = 5.7 + 3.8 v: DOMAIN section 4).
fn of_bricks(celsius: f64) -> f64 {
    let fourth = |celsius: f64| (celsius + 273.15_f64).powi(4);
    let exchange = fourth(celsius) - 0.45 * fourth(-14.0) - 0.55 * fourth(2.0);
    9.5 * (celsius - 2.0) + 0.945 * 5.670_374_419e-8 * exchange
}

/// Walls are uninsulated or insulated; a row tells which. What it says is warmer than the bricks by what windows add, and never to a window.
#[test]
#[ignore = "some minutes: make heat-walls"]
fn a_wall_is_as_warm_as_its_bricks_and_its_windows_make_it() {
    let mut bench = Bench::flown_ideally(5, oblique());
    bench.tiles = "resolution-m = 0.15";
    bench.run("out", 2, "").unwrap();
    let found = verify(&bench.path("out"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);
    let truth = fs::read(bench.path("sim/truth/roofs.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let walls: BTreeMap<&str, f64> = truth["roofs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|roof| {
            let celsius = roof["wall_celsius"].as_f64().unwrap();
            (roof["uprn"].as_str().unwrap(), celsius)
        })
        .collect();
    let (mut found, mut true_ones, mut sides) = (Vec::new(), Vec::new(), BTreeMap::new());
    let (mut inside, mut more) = (0, Vec::new());
    for row in bench.layer("out", "building_parts") {
        let Some(side) = row["face"].strip_prefix("wall-") else {
            continue;
        };
        if let Some(surface) = number(&row, "surface") {
            *sides.entry(side.to_owned()).or_insert(0) += 1;
            let [low, flux, high] =
                ["flux_low", "flux", "flux_high"].map(|end| number(&row, end).unwrap());
            let bricks = of_bricks(walls[row["id"].as_str()]);
            inside += usize::from((low..=high).contains(&bricks));
            more.push(flux - bricks);
            found.push(surface);
            true_ones.push(walls[row["id"].as_str()]);
            assert!(row["grade"].as_str() >= "C" && number(&row, "tilt") == Some(90.0));
        }
    }
    let mut off: Vec<f64> = found.iter().zip(&true_ones).map(|(a, b)| a - b).collect();
    off.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| off[off.len() * share / 100];
    let ranks = spearman(&found, &true_ones);
    println!(
        "{} walls, by side {sides:?}: surface less bricks {:.2} K (5 %), {:.2} K (median), {:.2} K (95 %); ranks {ranks:.2}",
        off.len(),
        at(5),
        at(50),
        at(95)
    );
    more.sort_unstable_by(f64::total_cmp);
    println!(
        "flux less that of bricks {:.1} W/m2 (median), {inside} of {} walls hold it in their intervals",
        more[more.len() / 2],
        more.len()
    );
    assert!(10 * inside >= 9 * off.len(), "{inside}");
    assert!(off.len() >= 20 && sides.len() == 4, "{sides:?}");
    assert!((-0.5..1.0).contains(&at(50)), "{off:?}");
    assert!(ranks >= 0.7, "{ranks}");
}
