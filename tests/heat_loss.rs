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
use heatveil::heatloss::{Convection, FluxModel, Spread, Surface, WeatherNote, air_transmission};
use heatveil::run::{Run, RunError, Silent, Summary};
use heatveil::simulate::{self, Options, Preset, Survey};
use heatveil::units::{Celsius, Degrees, Fraction, Metres};
use serde_json::Value;

/// The night of the simulation, as an operator would note it; what roofs mirror is the sky some way up.
const NIGHT: &str = "[weather]\nair-celsius = 2\nsky-celsius = -14\nhumidity = 0.85\nwind-m-s = 1\nindoor-celsius = 19\n\
                     cloud = 0.1\nhours-since-sun = 6\nhours-since-rain = 48\nhours-heated = 48\nemissivity = 0.96\n";

/// A row of the table: field to text.
type Row = BTreeMap<String, String>;
/// Rows by name.
type Rows = BTreeMap<String, Row>;

/// A survey from straight above, flown once for all tests.
struct Bench {
    folder: tempfile::TempDir,
    buildings: Value,
    /// As the operator noted it.
    weather: String,
    /// Poses from overlaps.
    refine: bool,
    /// Temperatures from overlaps.
    match_temperatures: bool,
}

/// What is wrong in the frames.
#[derive(Clone, Copy, PartialEq)]
enum Errors {
    None,
    /// Drift of 2 K, vignetting of 3 K.
    Camera,
    /// And positions of 1 m, yaws of 2 degrees.
    All,
}

impl Bench {
    /// A drone that knows its pose, a camera without errors.
    fn new() -> Self {
        Self::flown(5, Errors::None)
    }

    fn flown(seed: u64, errors: Errors) -> Self {
        let ideal = errors == Errors::None;
        let exact = Survey {
            gps_noise: Metres(0.0),
            yaw_noise: Degrees(0.0),
            ..Survey::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let survey = Survey {
            side: Metres(40.0),
            pitch: Degrees(-90.0),
            step: Metres(20.0),
            lane: Metres(20.0),
            vignetting_kelvin: if ideal { 0.0 } else { 3.0 },
            ..if errors == Errors::Camera {
                exact
            } else {
                Survey::default()
            }
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
            refine: errors == Errors::All,
            match_temperatures: !ideal,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, out: &str, threads: usize, buildings: &str) -> Result<Summary, RunError> {
        let settings = format!(
            "{weather}[buildings]\nfootprints = '{truth}/buildings.geojson'\nid = 'uprn'\nuprn = 'uprn'\nemissivity = 'roof_emissivity'\n{buildings}\n\
             [georef]\ndsm = '{truth}/dsm.tif'\nrefine = {refine}\n[tiles]\nmatch-temperatures = {matched}",
            truth = self.path("sim/truth").display(),
            weather = self.weather,
            refine = self.refine,
            matched = self.match_temperatures,
        );
        let run = Run {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..common::run(self.folder.path(), "sim/frames", out, &settings)
        };
        run.execute(&mut Silent)
    }

    /// Rows of the table by name: field to text.
    fn rows(&self, out: &str) -> Rows {
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

    /// Rows of roofs that were seen, with their true U-values and fluxes.
    fn seen<'a>(&self, rows: &'a Rows) -> Vec<(f64, f64, &'a Row)> {
        let of = |feature: &Value| {
            let truth = &feature["properties"];
            let row = rows.get(truth["uprn"].as_str().unwrap());
            let row = row.filter(|row| number(row, "visible") > Some(0.9))?;
            // ISO 6946: what comes from behind a roof of U-value u, whose outer film of 0.04 m2K/W the balance has itself.
            let u = truth["roof_u_w_m2k"].as_f64().unwrap();
            let flux = (19.0 - truth["roof_celsius"].as_f64().unwrap()) / (1.0 / u - 0.04);
            Some((u, flux, row))
        };
        let features = self.buildings["features"].as_array().unwrap();
        features.iter().filter_map(of).collect()
    }

    /// The table against the truth.
    fn agreement(&self, rows: &Rows) -> Agreement {
        let mut found = Agreement::default();
        for (u, flux, row) in self.seen(rows) {
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

/// Grade of the run, worst reason, and Spearman's correlation of the fluxes with the true U-values. Three U-values among all roofs: 0.943 is the
/// most that ranks can reach.
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
    let mut bench = Bench::flown(5, Errors::Camera);
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

/// Quantiles of the standard normal distribution at the middles of twenty equal parts.
const QUANTILES: [f64; 20] = [
    -1.9600, -1.4395, -1.1503, -0.9346, -0.7554, -0.5978, -0.4538, -0.3186, -0.1891, -0.0627,
    0.0627, 0.1891, 0.3186, 0.4538, 0.5978, 0.7554, 0.9346, 1.1503, 1.4395, 1.9600,
];

/// What twenty nights are off by, in standard uncertainties: camera, air, wind and sky. Each takes every quantile once, in an order of its own, so
/// that twenty nights stand for many (Latin hypercube sampling: `McKay`, Beckman, Conover 1979).
fn nights(seed: u64) -> Vec<[f64; 4]> {
    let mut rng: rand_chacha::ChaCha8Rng = rand::SeedableRng::seed_from_u64(1000 + seed);
    let mut orders = [QUANTILES; 4];
    for order in &mut orders {
        for last in (1..order.len()).rev() {
            order.swap(last, rand::RngExt::random_range(&mut rng, 0..=last));
        }
    }
    (0..QUANTILES.len())
        .map(|night| orders.map(|order| order[night]))
        .collect()
}

/// Roofs whose true flux lies in the interval of a night: the run's own figures of each roof, with a camera that reads `off[0]` of its standard
/// uncertainty too much all night and a note of air, wind and sky that is off by the others.
fn inside(rows: &[(f64, &Row)], off: [f64; 4]) -> u32 {
    let night = WeatherNote {
        air: Some(2.0 + 0.5 * off[1]),
        wind: Some((1.0 + 0.7 * off[2]).max(0.0)),
        sky: Some(-14.0 + 2.0 * off[3]),
        humidity: Some(0.85),
        indoor: Some(19.0),
        ..WeatherNote::default()
    };
    let weather = night.complete().unwrap().unwrap();
    let within = |(truth, row): &&(f64, &Row)| {
        let field = |name| number(row, name).unwrap();
        let spread = Spread {
            drift: field("core_sigma"),
            ..Spread::default()
        };
        let surface = Surface {
            emissivity: Fraction::new(field("emissivity")).unwrap(),
            tilt: Degrees(field("tilt")),
        };
        let air = air_transmission(&weather, Metres(61.0));
        let model = FluxModel::new(&weather, surface, air, Convection::McAdams, &spread).unwrap();
        let camera = Spread::default().apparent * off[0];
        let flux = model.flux(Celsius(field("core_mean") + camera));
        (flux.low..=flux.high).contains(truth)
    };
    u32::try_from(rows.iter().filter(within).count()).unwrap()
}

/// Issue 5 asks for 85 to 95 %. Poses, drift and vignetting are wrong as in real flights, in frames of four flights; each is looked at under twenty
/// nights of what all roofs share: the camera's accuracy and the note of the weather, off by their own standard uncertainties.
#[test]
#[ignore = "a quarter of an hour: CARGO_PROFILE_TEST_OPT_LEVEL=3 cargo test --test heat_loss -- --ignored --nocapture"]
fn over_four_flights_of_twenty_nights_the_interval_holds_what_it_says() {
    let (mut within, mut all, mut worst) = (0, 0, 1.0_f64);
    for seed in 0..4 {
        let bench = Bench::flown(seed, Errors::All);
        let (_, _, ranks) = ranked(&bench, "out");
        let rows = bench.rows("out");
        let known: Vec<(f64, &Row)> = bench
            .seen(&rows)
            .into_iter()
            .map(|(_, flux, row)| (flux, row))
            .collect();
        let found: Vec<u32> = nights(seed)
            .into_iter()
            .map(|off| inside(&known, off))
            .collect();
        let roofs = u32::try_from(known.len()).unwrap();
        println!(
            "flight {seed}: {roofs} roofs, inside by night {found:?}, with the weather known {}",
            inside(&known, [0.0; 4])
        );
        within += found.iter().sum::<u32>();
        all += 20 * roofs;
        let mut grades: Vec<&str> = known.iter().map(|(_, row)| row["grade"].as_str()).collect();
        grades.sort_unstable();
        println!("flight {seed}: grades {grades:?}");
        if grades[grades.len() / 2] <= "B" {
            worst = worst.min(ranks);
        }
    }
    let share = f64::from(within) / f64::from(all);
    println!(
        "{within} of {all} roofs inside the 90 % interval: {share:.3}; least rank correlation in grades A and B {worst:.3}"
    );
    assert!((0.85..=0.95).contains(&share), "{share}");
    assert!(worst >= 0.9, "{worst}");
}
