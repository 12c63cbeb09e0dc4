//! Two surveys of the same simulated streets, before and after some roofs were insulated: what is claimed is what changed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: helpers unwrap, and figures are printed"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::{write, write_keys};
use heatveil::compare::{Change, Claim, CompareError, Comparison, compare};
use heatveil::pages::{PagesError, PagesOptions};
use heatveil::published::{Published, PublishedError};
use heatveil::run::Silent;
use heatveil::simulate::{self, Options, Preset, Survey};
use heatveil::store::Existing;
use heatveil::units::{Degrees, Metres};
use serde_json::Value;

/// Nights as operators would note them: not those of the simulation (air 2, sky -14, wind 1), but off by about their own standard
/// uncertainties, and otherwise each time.
const BEFORE: &str = "air-celsius = 2.4\nsky-celsius = -12.5\nwind-m-s = 1.5\n";
const AFTER: &str = "air-celsius = 1.7\nsky-celsius = -15\nwind-m-s = 0.8\n";

struct Bench(tempfile::TempDir);

impl Bench {
    /// Both nights over the same houses; the camera of each has its own noise and drift.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_keys(folder.path());
        let bench = Self(folder);
        bench.night("before", 0, 0.0, BEFORE);
        bench.night("after", 1, 0.35, AFTER);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn night(&self, name: &str, night: u16, refurbished: f64, weather: &str) {
        let survey = Survey {
            side: Metres(50.0),
            pitch: Degrees(-90.0),
            step: Metres(24.0),
            lane: Metres(24.0),
            gps_noise: Metres(0.0),
            yaw_noise: Degrees(0.0),
            drift_kelvin: 0.6,
            vignetting_kelvin: 0.0,
            ..Survey::default()
        };
        let sim = self.path(&format!("sim-{name}"));
        simulate::run(&Options {
            seed: 8,
            preset: Preset::Survey(survey),
            refurbished,
            night,
            ..Options::fixture(sim.clone())
        })
        .unwrap();
        self.run(name, name, weather, "uprn");
    }

    fn run(&self, sim: &str, out: &str, weather: &str, id: &str) {
        let sim = self.path(&format!("sim-{sim}"));
        let settings = format!(
            "[weather]\n{weather}humidity = 0.85\nreflected-celsius = -24.6\nindoor-celsius = 19\ncloud = 0.1\nhours-since-sun = 6\nhours-since-rain = 48\n\
             hours-heated = 48\nemissivity = 0.96\n[buildings]\nfootprints = '{truth}/buildings.geojson'\nid = '{id}'\nuprn = 'uprn'\n\
             emissivity = 'roof_emissivity'\n[georef]\ndsm = '{truth}/dsm.tif'\nrefine = true\n[tiles]\nmatch-temperatures = true",
            truth = sim.join("truth").display(),
        );
        let run = common::run(self.0.path(), "frames", out, &settings);
        let run = heatveil::run::Run {
            inputs: vec![sim.join("frames")],
            ..run
        };
        run.execute(&mut Silent).unwrap();
    }

    /// The roof's U-value before and after, by property number.
    fn truth(&self) -> BTreeMap<String, [f64; 2]> {
        let read = |name: &str| -> Value {
            let path = self.path(&format!("sim-{name}/truth/buildings.geojson"));
            serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
        };
        let (before, after) = (read("before"), read("after"));
        let homes = |truth: &Value| truth["features"].as_array().unwrap().clone();
        let pairs = homes(&before).into_iter().zip(homes(&after));
        let pair = |(before, after): (Value, Value)| {
            let (before, after) = (&before["properties"], &after["properties"]);
            assert_eq!(before["uprn"], after["uprn"]);
            let u = |truth: &Value| truth["roof_u_w_m2k"].as_f64().unwrap();
            let is_refurbished = after["refurbished"] == true;
            assert_eq!(is_refurbished, u(before) > u(after) + 1e-9);
            (
                before["uprn"].as_str().unwrap().to_owned(),
                [u(before), u(after)],
            )
        };
        pairs.map(pair).collect()
    }

    fn compare(&self, before: &str, after: &str) -> Result<Comparison, CompareError> {
        compare(&self.path(before), &self.path(after), None)
    }
}

fn share(count: usize, of: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(of).unwrap())
}

#[test]
fn refurbished_roofs_are_claimed_and_others_are_not() {
    let bench = Bench::new();
    let found = bench.compare("before", "after").unwrap();
    let truth = bench.truth();
    let known: Vec<(&Change, f64)> = found
        .changes
        .iter()
        .filter(|change| change.difference.is_some())
        .map(|change| {
            let [before, after] = truth[&change.id];
            (change, after - before)
        })
        .collect();
    // Larger than the interval's half width of some 3.3 W/m²K.
    let large: Vec<_> = known.iter().filter(|(_, change)| *change < -4.0).collect();
    let refurbished: Vec<_> = known.iter().filter(|(_, change)| *change < 0.0).collect();
    let same: Vec<_> = known.iter().filter(|(_, change)| *change > -1e-9).collect();
    let claimed = |homes: &[&(&Change, f64)]| {
        let less = homes
            .iter()
            .filter(|(change, _)| change.claim == Claim::Less);
        less.count()
    };
    let out = |homes: &[&(&Change, f64)]| {
        let less = homes
            .iter()
            .filter(|(change, _)| change.stands_out == Claim::Less);
        less.count()
    };
    println!(
        "large {} of {}, refurbished {} of {}, same {} of {}; against others {} of {}, same {}",
        claimed(&large),
        large.len(),
        claimed(&refurbished),
        refurbished.len(),
        claimed(&same),
        same.len(),
        out(&refurbished),
        refurbished.len(),
        out(&same)
    );
    assert!(large.len() >= 3 && same.len() >= 10);
    assert!(share(claimed(&large), large.len()) >= 0.9);
    let wrong = same
        .iter()
        .filter(|(change, _)| [Claim::Less, Claim::More].contains(&change.claim));
    assert!(share(wrong.count(), same.len()) <= 0.1);
    let stands = same
        .iter()
        .filter(|(change, _)| [Claim::Less, Claim::More].contains(&change.stands_out));
    assert!(share(stands.count(), same.len()) <= 0.1);
    assert!(share(out(&refurbished), refurbished.len()) >= 0.9);

    assert!(matches!(
        bench.compare("before", "before"),
        Err(CompareError::Same)
    ));
    bench.files(&found);
    bench.pages();
    bench.refusals();
}

impl Bench {
    /// CSV, `GeoPackage` and JSON hold the same homes.
    fn files(&self, found: &Comparison) {
        let out = self.path("changes");
        heatveil::compare::write(found, &out, Existing::Refuse).unwrap();
        let text = fs::read_to_string(out.join("changes.csv")).unwrap();
        assert_eq!(text.lines().count(), 1 + found.changes.len());
        let package = gdal::Dataset::open(out.join("changes.gpkg")).unwrap();
        let layer = package.layer_by_name("changes").unwrap();
        let count = gdal::vector::LayerAccess::feature_count(&layer);
        assert_eq!(usize::try_from(count).unwrap(), found.changes.len());
        let summary: Value =
            serde_json::from_slice(&fs::read(out.join("comparison.json")).unwrap()).unwrap();
        assert_eq!(summary["log_before"], found.roots[0].as_str());
        let record = Comparison::record(&found.changes[0]);
        assert!(text.contains(record["claim"].as_str().unwrap()));
        assert!(heatveil::compare::write(found, &out, Existing::Refuse).is_err());
        heatveil::compare::write(found, &out, Existing::Replace).unwrap();
    }

    /// Pages name nobody unless asked to, load nothing and run nothing.
    fn pages(&self) {
        let run = Published::open(&self.path("before"), None).unwrap();
        let uprn = &run.homes[0].uprns[0];
        for (out, with_uprn) in [("plain", false), ("named", true)] {
            let options = PagesOptions { with_uprn };
            let homes = heatveil::pages::write(&run, options, &self.path(out), Existing::Refuse);
            assert_eq!(homes.unwrap(), run.homes.len());
            let mut named = 0;
            for (path, bytes) in common::files(&self.path(out)) {
                assert!(!path.to_string_lossy().contains(uprn.as_str()));
                let text = String::from_utf8_lossy(&bytes).into_owned();
                named += usize::from(text.contains(uprn.as_str()));
                assert!(
                    !text.contains("<script")
                        && !text.contains("http://")
                        && !text.contains("https://")
                );
            }
            // The home's own page and the overview.
            assert_eq!(named, if with_uprn { 2 } else { 0 });
        }
        let inside = self.path("before/pages");
        let refused =
            heatveil::pages::write(&run, PagesOptions::default(), &inside, Existing::Refuse);
        assert!(matches!(refused, Err(PagesError::Within { .. })) && !inside.exists());
    }

    /// A folder that was touched.
    fn refusals(&self) {
        let table = self.path("after/buildings/buildings.csv");
        let mut bytes = fs::read(&table).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        write(&table, &bytes);
        match self.compare("before", "after").unwrap_err() {
            CompareError::Published(PublishedError::NotVerified { problems, .. }) => {
                assert!(
                    problems[0].contains("buildings/buildings.csv"),
                    "{problems:?}"
                );
            }
            other => assert!(other.to_string().is_empty(), "{other}"),
        }
    }
}
