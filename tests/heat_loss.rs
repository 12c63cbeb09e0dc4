//! From the frames of a simulated night to heat loss, a table of buildings, and homes that are in neither.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: helpers unwrap, and figures are printed"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use common::{files, write, write_keys};
use gdal::Dataset;
use gdal::vector::LayerAccess;
use heatveil::audit::{Entry, VerifyOptions, verify};
use heatveil::run::{Run, RunError, Silent, Summary};
use heatveil::simulate::{self, Options, Preset, Survey};
use heatveil::units::{Degrees, Metres};
use serde_json::Value;

/// The night of the simulation, as an operator would note it; what roofs mirror is the sky some way up.
const NIGHT: &str = "[weather]\nair-celsius = 2\nsky-celsius = -14\nhumidity = 0.85\nwind-m-s = 1\nindoor-celsius = 19\n\
                     cloud = 0.1\nhours-since-sun = 6\nhours-since-rain = 48\nhours-heated = 48\nemissivity = 0.96\n";

/// Fields and their text.
type Row = BTreeMap<String, String>;

/// A survey from straight above, flown once for all tests.
struct Bench {
    folder: tempfile::TempDir,
    buildings: Value,
    /// As the operator noted it.
    weather: String,
    /// Poses and temperatures from overlaps.
    refine: bool,
}

impl Bench {
    /// A drone that knows its pose, a camera without errors.
    fn new() -> Self {
        Self::flown(5, true)
    }

    fn flown(seed: u64, ideal: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let survey = Survey {
            side: Metres(40.0),
            pitch: Degrees(-90.0),
            step: Metres(20.0),
            lane: Metres(20.0),
            vignetting_kelvin: if ideal { 0.0 } else { 3.0 },
            ..Survey::default()
        };
        let options = Options {
            seed,
            preset: Preset::Survey(survey),
            ideal,
            ..Options::fixture(folder.path().join("sim"))
        };
        simulate::run(&options).unwrap();
        let truth = fs::read(folder.path().join("sim/truth/buildings.geojson")).unwrap();
        write_keys(folder.path());
        Self {
            folder,
            buildings: serde_json::from_slice(&truth).unwrap(),
            weather: NIGHT.to_owned(),
            refine: !ideal,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, out: &str, threads: usize, buildings: &str) -> Result<Summary, RunError> {
        let settings = format!(
            "{weather}[buildings]\nfootprints = '{truth}/buildings.geojson'\nid = 'uprn'\nuprn = 'uprn'\nemissivity = 'roof_emissivity'\n{buildings}\n\
             [georef]\ndsm = '{truth}/dsm.tif'\nrefine = {refine}\n[tiles]\nmatch-temperatures = {refine}",
            truth = self.path("sim/truth").display(),
            weather = self.weather,
            refine = self.refine,
        );
        let run = Run {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..common::run(self.folder.path(), "sim/frames", out, &settings)
        };
        run.execute(&mut Silent)
    }

    /// Rows of the table by name: field to text.
    fn rows(&self, out: &str) -> BTreeMap<String, Row> {
        let rows = self.layer(out, "buildings").into_iter();
        rows.map(|row| (row["id"].clone(), row)).collect()
    }

    /// Rows of a layer, read by GDAL.
    fn layer(&self, out: &str, name: &str) -> Vec<Row> {
        let dataset = Dataset::open(self.path(out).join("buildings/buildings.gpkg")).unwrap();
        let mut layer = dataset.layer_by_name(name).unwrap();
        let names: Vec<String> = layer.defn().fields().map(|field| field.name()).collect();
        let row = |feature: gdal::vector::Feature<'_>| {
            let text = |at| feature.field_as_string(at).unwrap();
            let cells = names.iter().enumerate();
            let cells = cells.filter_map(|(at, name)| Some((name.clone(), text(at)?)));
            cells.collect()
        };
        layer.features().map(row).collect()
    }

    /// Degrees of each roof's two slopes, by property number: the rise from an eave's corner to the ridge over the distance from one
    /// to the other.
    fn true_tilts(&self) -> BTreeMap<String, f64> {
        let text = fs::read(self.path("sim/truth/roofs.json")).unwrap();
        let truth: Value = serde_json::from_slice(&text).unwrap();
        let roof = |roof: &Value| {
            let point = |point: &Value| {
                ["east", "north", "height"].map(|axis| point[axis].as_f64().unwrap())
            };
            let [corner, a, b] =
                [&roof["corners"][0], &roof["ridge"][0], &roof["ridge"][1]].map(point);
            let along = [b[0] - a[0], b[1] - a[1]];
            let to = [corner[0] - a[0], corner[1] - a[1]];
            let away = (along[0] * to[1] - along[1] * to[0]).abs() / along[0].hypot(along[1]);
            let tilt = ((a[2] - corner[2]) / away).atan().to_degrees();
            (roof["uprn"].as_str().unwrap().to_owned(), tilt)
        };
        truth["roofs"]
            .as_array()
            .unwrap()
            .iter()
            .map(roof)
            .collect()
    }

    /// The table against the truth, for roofs that were seen.
    fn agreement(&self, rows: &BTreeMap<String, Row>) -> Agreement {
        let mut found = Agreement::default();
        for feature in self.buildings["features"].as_array().unwrap() {
            let truth = &feature["properties"];
            let row = &rows.get(truth["uprn"].as_str().unwrap());
            let Some(row) = row.filter(|row| number(row, "visible") > Some(0.9)) else {
                continue;
            };
            // ISO 6946: what comes from behind a roof of U-value u, whose outer film of 0.04 m2K/W the balance has itself.
            let u = truth["roof_u_w_m2k"].as_f64().unwrap();
            let flux = (19.0 - truth["roof_celsius"].as_f64().unwrap()) / (1.0 / u - 0.04);
            let [low, high] = ["flux_low", "flux_high"].map(|end| number(row, end).unwrap());
            found.all += 1;
            found.inside += u32::from((low..=high).contains(&flux));
            found.fluxes.push(number(row, "flux").unwrap());
            found.u_values.push(u);
        }
        found
    }

    fn entries(&self, out: &str) -> Vec<Entry> {
        let log = fs::read(self.path(out).join("audit/entries.jsonl")).unwrap();
        let lines = log
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        lines.map(|line| Entry::from_line(line).unwrap()).collect()
    }

    /// The finite values of a band in a rectangle around a building, drawn in by a metre on each side; and how many have none.
    fn within(&self, out: &str, file: &str, uprn: &str) -> (Vec<f32>, usize) {
        let feature = self.buildings["features"].as_array().unwrap();
        let feature = feature
            .iter()
            .find(|one| one["properties"]["uprn"] == uprn)
            .unwrap();
        let dataset = Dataset::open(self.path(out).join(file)).unwrap();
        let (map, transform) = (
            dataset.spatial_ref().unwrap(),
            dataset.geo_transform().unwrap(),
        );
        let mut globe = gdal::spatial_ref::SpatialRef::from_epsg(4326).unwrap();
        globe
            .set_axis_mapping_strategy(gdal::spatial_ref::AxisMappingStrategy::TraditionalGisOrder);
        let to_map = gdal::spatial_ref::CoordTransform::new(&globe, &map).unwrap();
        let shape = gdal::vector::Geometry::from_geojson(&feature["geometry"].to_string()).unwrap();
        let shape = shape.transform(&to_map).unwrap().buffer(-1.0, 4).unwrap();
        let band = dataset.rasterband(1).unwrap();
        let samples = band.read_band_as::<f32>().unwrap();
        let (width, height) = band.size();
        let (mut found, mut empty) = (Vec::new(), 0);
        let area = shape.envelope();
        for row in 0..height {
            for column in 0..width {
                let east =
                    transform[0] + (f64::from(u32::try_from(column).unwrap()) + 0.5) * transform[1];
                let north =
                    transform[3] + (f64::from(u32::try_from(row).unwrap()) + 0.5) * transform[5];
                if !(area.MinX..area.MaxX).contains(&east)
                    || !(area.MinY..area.MaxY).contains(&north)
                {
                    continue;
                }
                let mut point =
                    gdal::vector::Geometry::empty(gdal::vector::OGRwkbGeometryType::wkbPoint)
                        .unwrap();
                point.add_point_2d((east, north));
                if shape.contains(&point) {
                    match samples.data()[row * width + column] {
                        value if value.is_finite() => found.push(value),
                        _ => empty += 1,
                    }
                }
            }
        }
        (found, empty)
    }
}

/// Roofs whose true flux lies in its interval, and what there is to rank.
#[derive(Default)]
struct Agreement {
    inside: u32,
    all: u32,
    fluxes: Vec<f64>,
    u_values: Vec<f64>,
}

fn number(row: &Row, field: &str) -> Option<f64> {
    row.get(field).and_then(|text| text.parse().ok())
}

/// Ranks, equals sharing theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let count = |of: &dyn Fn(&f64) -> bool| {
        f64::from(u32::try_from(values.iter().filter(|value| of(value)).count()).unwrap())
    };
    let rank = |value: &f64| {
        count(&|other| other < value) + 0.5 * count(&|other| (other - value).abs() < 1e-9)
    };
    values.iter().map(rank).collect()
}

/// Correlation of ranks (Spearman 1904).
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let count = f64::from(u32::try_from(a.len()).unwrap());
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (ma, mb) = (mean(&a), mean(&b));
    let sum = |a: &[f64], ma: f64, b: &[f64], mb: f64| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum()
    };
    sum(&a, ma, &b, mb) / (sum(&a, ma, &a, ma) * sum(&b, mb, &b, mb)).sqrt()
}

#[test]
fn a_survey_gives_flux_within_its_interval_and_ranks_roofs_by_their_u_value() {
    let bench = Bench::new();
    let summary = bench.run("out", 2, "").unwrap();
    assert_eq!(summary.heat_loss.unwrap().grade, "A");
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

    // The raster has the table's flux, and data where the temperatures have it.
    let (uprn, row) = rows
        .iter()
        .find(|(_, row)| number(row, "visible") > Some(0.99))
        .unwrap();
    let (flux, empty) = bench.within("out", "tiles/heatloss.tif", uprn);
    let mean = flux.iter().map(|value| f64::from(*value)).sum::<f64>()
        / f64::from(u32::try_from(flux.len()).unwrap());
    assert!(
        empty < flux.len() / 20,
        "{empty} of {}: what a chimney hides",
        flux.len()
    );
    assert!(
        (mean - number(row, "flux").unwrap()).abs() < 8.0,
        "{mean} {row:?}"
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
    let bench = Bench::new();
    bench.run("all", 1, "").unwrap();
    let rows = bench.rows("all");
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
        assert!(bench.within("all", file, uprn).0.len() > 100);
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

#[test]
fn outlines_and_lists_that_cannot_be_used_end_a_run_before_its_first_frame() {
    let bench = Bench::new();
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

/// A deviate of mean 0 and variance 1: twelve uniform ones (central limit).
fn normal(rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
    (0..12)
        .map(|_| rand::RngExt::random_range(rng, 0.0..1.0))
        .sum::<f64>()
        - 6.0
}

/// Issue 5 asks for 85 to 95 % over 20 seeds. Poses, drift and vignetting are wrong as in real flights, the note of the weather by its own
/// standard uncertainties; of a night's errors that all roofs share, 20 nights are 20 draws.
#[test]
#[ignore = "half an hour, and not reached yet (0.80 in November 2026): cargo test --test heat_loss -- --ignored --nocapture"]
fn over_twenty_nights_the_interval_holds_what_it_says() {
    let (mut inside, mut all) = (0, 0);
    for seed in 0..20 {
        let mut bench = Bench::flown(seed, false);
        let mut rng = rand::SeedableRng::seed_from_u64(1000 + seed);
        let mut off = |by: f64| by * normal(&mut rng);
        bench.weather = NIGHT
            .replace(
                "air-celsius = 2\n",
                &format!("air-celsius = {:.2}\n", 2.0 + off(0.5)),
            )
            .replace(
                "wind-m-s = 1\n",
                &format!("wind-m-s = {:.2}\n", (1.0 + off(0.7)).max(0.0)),
            )
            .replace(
                "sky-celsius = -14\n",
                &format!("sky-celsius = {:.2}\n", -14.0 + off(2.0)),
            );
        bench.run("out", 2, "").unwrap();
        let found = bench.agreement(&bench.rows("out"));
        let ranks = spearman(&found.fluxes, &found.u_values);
        println!(
            "seed {seed}: {} of {} inside, rank correlation {ranks:.3}",
            found.inside, found.all
        );
        inside += found.inside;
        all += found.all;
    }
    let share = f64::from(inside) / f64::from(all);
    println!("{inside} of {all} roofs inside the 90 % interval: {share:.3}");
    assert!(share >= 0.85, "{share}");
}
