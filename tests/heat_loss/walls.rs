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
    for row in bench.layer("out", "building_parts") {
        let Some(side) = row["face"].strip_prefix("wall-") else {
            continue;
        };
        if let Some(surface) = number(&row, "surface") {
            *sides.entry(side.to_owned()).or_insert(0) += 1;
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
    assert!(off.len() >= 20 && sides.len() == 4, "{sides:?}");
    assert!((-0.5..1.0).contains(&at(50)), "{off:?}");
    assert!(ranks >= 0.7, "{ranks}");
}
