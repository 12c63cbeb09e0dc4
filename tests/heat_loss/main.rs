//! From the frames of a simulated night to heat loss, a table of buildings, and homes that are in neither.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: helpers unwrap, and figures are printed"
)]

mod bench;
#[path = "../common/mod.rs"]
mod common;
mod seeds;
mod walls;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bench::{Agreement, Bench, NIGHT, Row, number, overhead, spearman};
use common::{files, write};
use heatveil::audit::{Entry, VerifyOptions, verify};
use serde_json::Value;

#[test]
fn a_survey_gives_flux_within_its_interval_and_ranks_roofs_by_their_u_value() {
    let (bench, summary) = Bench::measured();
    assert_eq!(summary.heat_loss.as_ref().unwrap().grade, "A");
    let found = verify(&bench.path("out"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);

    let rows = bench.rows("out");
    let Agreement {
        inside,
        all,
        fluxes,
        u_values,
    } = bench.agreement(&rows);
    let share = f64::from(inside) / f64::from(all);
    let ranks = spearman(&fluxes, &u_values);
    println!("{inside} of {all} roofs inside the interval, rank correlation {ranks:.3}");
    assert!(all >= 6 && share >= 0.85, "{inside} of {all}");
    assert!(ranks >= 0.9, "{ranks}");

    // Every gable has two facets, as steep as it was built, that look away from each other.
    let tilts = bench.true_tilts();
    let mut parts: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for part in bench.layer("out", "building_parts") {
        parts.entry(part["id"].clone()).or_default().push(part);
    }
    let whole = rows
        .iter()
        .filter(|(_, row)| number(row, "visible") > Some(0.9));
    for (uprn, row) in whole {
        let parts = &parts[uprn];
        assert_eq!(parts.len(), 2, "{uprn}: {parts:?}");
        let [a, b] = [0, 1].map(|at: usize| move |field: &str| number(&parts[at], field).unwrap());
        for part in [&a, &b] {
            assert!(
                (part("tilt") - tilts[uprn]).abs() < 2.0,
                "{} {}",
                part("tilt"),
                tilts[uprn]
            );
        }
        let apart = (a("azimuth") - b("azimuth")).abs();
        assert!((apart - 180.0).abs() < 4.0, "{apart}");
        let (sum, area) = (a("area") + b("area"), number(row, "area").unwrap());
        assert!((sum / area - 1.0).abs() < 0.03, "{sum} of {area}");
        assert!(a("flux_low") < a("flux") && a("flux") < a("flux_high"));
    }

    // The raster, by each pixel's own tilt and path, has every roof's true flux, and the table's, but for chimneys and roof lights: the coldest and the
    // warmest tenth.
    let mut off = Vec::new();
    for (_, truth, row) in bench.seen(&rows) {
        let (mut flux, _) = bench.within("out", "tiles/heatloss.tif", &row["id"]);
        flux.sort_unstable_by(f32::total_cmp);
        let middle = &flux[flux.len() / 10..flux.len() * 9 / 10];
        let mean = middle.iter().map(|value| f64::from(*value)).sum::<f64>()
            / f64::from(u32::try_from(middle.len()).unwrap());
        let of_table = number(row, "flux").unwrap();
        off.push(mean - truth);
        assert!((mean - of_table).abs() < 4.0, "{mean} {of_table} {row:?}");
        assert!((mean - truth).abs() < 8.0, "{mean} {truth} {row:?}");
    }
    let count = f64::from(u32::try_from(off.len()).unwrap());
    let mean = off.iter().sum::<f64>() / count;
    let spread = (off.iter().map(|off| (off - mean).powi(2)).sum::<f64>() / count).sqrt();
    println!(
        "heatloss.tif less the true flux of {count} roofs: {mean:.2} W/m2, standard deviation {spread:.2}"
    );
    assert!(mean.abs() < 3.0 && spread < 3.0, "{mean} {spread}");

    // Data where the temperatures have it.
    let (uprn, _) = rows
        .iter()
        .find(|(_, row)| number(row, "visible") > Some(0.99))
        .unwrap();
    let (flux, empty) = bench.within("out", "tiles/heatloss.tif", uprn);
    assert!(
        empty < flux.len() / 20,
        "{empty} of {}: what a chimney hides",
        flux.len()
    );
    let entries = bench.entries("out");
    let parameters = entries.iter().find_map(|entry| match entry {
        Entry::HeatLoss(parameters) => Some(parameters.clone()),
        _ => None,
    });
    assert_eq!(parameters.unwrap().sky_mk, [-14_000, 2_000]);
}

#[test]
fn a_home_whose_people_object_is_in_no_tile_and_no_table_and_not_named_in_the_log() {
    let (bench, _) = Bench::measured();
    let rows = bench.rows("out");
    let (uprn, _) = rows
        .iter()
        .find(|(_, row)| number(row, "visible") > Some(0.99))
        .unwrap();
    let mut list = bench.buildings.clone();
    let keep = |one: &Value| one["properties"]["uprn"] == uprn.as_str();
    list["features"].as_array_mut().unwrap().retain(keep);
    write(&bench.path("list.geojson"), list.to_string().as_bytes());
    let objection = format!("opt-out = '{}'", bench.path("list.geojson").display());
    for (out, threads) in [("one", 1), ("four", 4)] {
        let summary = bench.run(out, threads, &objection).unwrap();
        assert_eq!(summary.objections, Some(1));
    }
    // Threads change no byte of what is published.
    for folder in ["tiles", "buildings", "audit"] {
        assert!(
            files(&bench.path("one").join(folder)) == files(&bench.path("four").join(folder)),
            "{folder}"
        );
    }
    for file in ["tiles/temperature.tif", "tiles/heatloss.tif"] {
        assert!(bench.within("out", file, uprn).0.len() > 100);
        let (found, empty) = bench.within("one", file, uprn);
        assert!(found.is_empty() && empty > 100, "{file}: {}", found.len());
    }
    let left = bench.rows("one");
    assert!(!left.contains_key(uprn) && left.len() == rows.len() - 1);
    let log = fs::read_to_string(bench.path("one/audit/entries.jsonl")).unwrap();
    assert!(log.contains("\"type\":\"objection.applied\"") && !log.contains(uprn.as_str()));
    for (path, bytes) in files(&bench.path("one/buildings")) {
        let named = bytes
            .windows(uprn.len())
            .any(|text| text == uprn.as_bytes());
        assert!(!named, "{}", path.display());
    }
    let found = verify(&bench.path("one"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);
    write(&bench.path("one/buildings/extra.csv"), b"x");
    let found = verify(&bench.path("one"), &VerifyOptions::default()).unwrap();
    assert_eq!(found.problems, ["buildings/extra.csv is not in the log"]);
}

/// Frames of the first heading noted as 3 K colder: there the map is that of a run in which all were, elsewhere that of the survey's note.
#[test]
fn each_pixel_and_each_roof_has_the_weather_in_which_it_was_seen() {
    let (bench, _) = Bench::measured();
    let colder = NIGHT.replace("air-celsius = 2\n", "air-celsius = -1\n");
    bench.run_in(&colder, "colder", 2, "").unwrap();
    let halves = format!(
        "{NIGHT}[[weather.line]]\nfrom = '2026-01-15T22:30:00'\nuntil = '2026-01-15T22:31:12'\nair-celsius = -1\n"
    );
    bench.run_in(&halves, "halves", 2, "").unwrap();
    let flux = |out| bench.band(out, "tiles/heatloss.tif", 1);
    let frames = bench.band("halves", "tiles/temperature.tif", 3);
    let (mut late, mut early) = (BTreeSet::new(), BTreeSet::new());
    let pixels = flux("halves")
        .into_iter()
        .zip(flux("out"))
        .zip(flux("colder"));
    for (((own, warm), cold), frame) in pixels.zip(frames) {
        assert_eq!(own.is_nan(), frame.is_nan());
        if own.is_finite() {
            #[expect(clippy::cast_possible_truncation, reason = "whole numbers")]
            let frame = frame as i32;
            assert!(warm < cold);
            if own.to_bits() == warm.to_bits() {
                late.insert(frame);
            } else {
                assert_eq!(own.to_bits(), cold.to_bits(), "{own} {warm} {cold}");
                early.insert(frame);
            }
        }
    }
    // Frames are numbered in the order in which they were taken.
    assert!(early.len() > 5 && late.len() > 5, "{early:?} {late:?}");
    assert!(early.last() < late.first(), "{early:?} {late:?}");

    let [warm, cold, own] = ["out", "colder", "halves"].map(|out| bench.rows(out));
    let (mut as_warm, mut as_cold) = (0, 0);
    for (uprn, row) in &own {
        let of = |rows: &bench::Rows| rows[uprn].get("flux_low").cloned();
        match row.get("flux_low").cloned() {
            flux if flux == of(&warm) => as_warm += 1,
            flux => {
                assert_eq!(flux, of(&cold), "{row:?}");
                as_cold += 1;
            }
        }
    }
    assert!(as_warm > 0 && as_cold > 0, "{as_warm} {as_cold}");
    let found = verify(&bench.path("halves"), &VerifyOptions::default()).unwrap();
    assert!(found.ok(), "{:?}", found.problems);
    let entries = bench.entries("halves");
    let lines = entries.iter().find_map(|entry| match entry {
        Entry::HeatLoss(parameters) => Some(&parameters.lines[..]),
        _ => None,
    });
    let [line] = lines.unwrap() else {
        panic!("{lines:?}")
    };
    assert_eq!((line.air_mk, line.sky_mk), ([-1000, 500], [-14_000, 2000]));
    assert_eq!((line.frames.len(), line.frames[0][0]), (1, 0));
}

#[test]
fn outlines_and_lists_that_cannot_be_used_end_a_run_before_its_first_frame() {
    let bench = Bench::ideal();
    let missing = bench
        .run("missing", 1, "opt-out = '/nowhere/list.gpkg'")
        .unwrap_err();
    assert!(
        missing.to_string().contains("/nowhere/list.gpkg"),
        "{missing}"
    );
    let field = bench.run("field", 1, "tilt = 'slope'").unwrap_err();
    assert!(field.to_string().contains("no field \"slope\""), "{field}");
    let mut crossed = bench.buildings.clone();
    let ring = &mut crossed["features"][1]["geometry"]["coordinates"][0];
    ring.as_array_mut().unwrap().swap(1, 2);
    write(
        &bench.path("crossed.geojson"),
        crossed.to_string().as_bytes(),
    );
    let crossed = bench
        .run(
            "crossed",
            1,
            &format!("opt-out = '{}'", bench.path("crossed.geojson").display()),
        )
        .unwrap_err()
        .to_string();
    assert!(
        crossed.contains("crossed.geojson") && crossed.contains("1 features"),
        "{crossed}"
    );
    let points = format!(
        "uprn-points = '{}'",
        bench.path("crossed.geojson").display()
    );
    let points = bench.run("points", 1, &points).unwrap_err().to_string();
    assert!(points.contains("no field \"UPRN\""), "{points}");
    let folder = format!("opt-out = '{}'", bench.path("sim").display());
    assert!(bench.run("folder", 1, &folder).is_err());
    for out in ["missing", "field", "crossed", "points", "folder"] {
        assert!(!bench.path(out).exists(), "{out}");
    }
}

/// Grade of the run, worst reason, and Spearman's correlation of the fluxes with the true U-values.
fn ranked(bench: &Bench, out: &str) -> (String, String, f64) {
    let heat = bench.run(out, 2, "").unwrap().heat_loss.unwrap();
    let found = bench.agreement(&bench.rows(out));
    let ranks = spearman(&found.fluxes, &found.u_values);
    println!(
        "{out}: grade {} ({:?}), rank correlation {ranks:.3}",
        heat.grade, heat.reasons
    );
    (heat.grade, heat.reasons.join("; "), ranks)
}

/// Issue 5: ranks agree with U-values in grades A and B, and where they do not the grade falls and says why.
#[test]
fn the_grade_falls_with_drift_wind_and_sun_and_a_or_b_ranks_roofs() {
    let mut bench = Bench::flown(5, overhead(0.0));
    let (grade, reasons, ranks) = ranked(&bench, "calm");
    assert!(
        grade.as_str() <= "B" && ranks >= 0.9,
        "{grade} {reasons} {ranks}"
    );
    // The same flight with what the camera drifted and its lens took left in.
    bench.match_temperatures = false;
    let (grade, reasons, drifting) = ranked(&bench, "drifting");
    assert!(
        grade.as_str() >= "C" && reasons.contains("the camera drifted"),
        "{grade} {reasons}"
    );
    assert!(drifting < ranks - 0.05, "{drifting} {ranks}");
    for row in bench
        .rows("drifting")
        .values()
        .filter(|row| row.contains_key("flux"))
    {
        assert!(row["grade"].as_str() >= "C", "{row:?}");
    }
    bench.match_temperatures = true;
    bench.weather = NIGHT
        .replace("wind-m-s = 1\n", "wind-m-s = 6\n")
        .replace("hours-since-sun = 6\n", "hours-since-sun = 1\n");
    let (grade, reasons, _) = ranked(&bench, "windy");
    assert!(
        grade == "E" && reasons.contains("wind 6 m/s") && reasons.contains("since sun"),
        "{grade} {reasons}"
    );
}
