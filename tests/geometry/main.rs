//! Where roofs and temperatures of a simulated oblique survey end up in the published map, against the truth.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test code: helpers unwrap, sides are small, and the figures are the result"
)]

#[path = "../common/mod.rs"]
mod common;
mod measure;
mod rolling;
mod trace;
mod truth;

use std::path::{Path, PathBuf};

use common::write_keys;
use heatveil::run::Silent;
use heatveil::simulate::{self, Options, Preset, Survey};
use heatveil::store::layout;
use heatveil::units::{Degrees, Metres};
use measure::Accuracy;
use truth::{Map, Truth};

/// Metres of a map's pixel where corners are to lie within decimetres, and where they are metres off.
const FINE: f64 = 0.1;
const COARSE: f64 = 0.2;

/// The survey of the acceptance criteria: 40 degrees down, 60 m up, four headings, houses of 8 m.
fn survey() -> Survey {
    Survey {
        side: Metres(64.0),
        step: Metres(10.0),
        lane: Metres(16.0),
        ..Survey::default()
    }
}

/// The same by a drone and a camera that do not err, with half the frames.
fn exact() -> Survey {
    Survey {
        step: Metres(20.0),
        gps_noise: Metres(0.0),
        yaw_noise: Degrees(0.0),
        drift_kelvin: 0.0,
        vignetting_kelvin: 0.0,
        ..survey()
    }
}

struct Flight {
    folder: tempfile::TempDir,
    truth: Truth,
}

impl Flight {
    fn fly(survey: Survey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flight");
        simulate::run(&Options {
            seed: 4,
            preset: Preset::Survey(survey),
            ..Options::fixture(path.clone())
        })
        .unwrap();
        let truth = Truth::read(&path);
        Self { folder, truth }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the whole pipeline with nothing to hide, and measures the published map of pixels of `cell` metres. Walls stay as they are: means over
    /// cells reach 1.5 m around them, over the edges of roofs.
    fn measure(&self, out: &str, cell: f64, georef: &str, refine: bool) -> Accuracy {
        write_keys(self.folder.path());
        let settings = format!(
            "[detect.carry]\nenabled = false\n[redact]\nwalls = 'keep'\n[tiles]\nresolution-m = {cell}\nmatch-temperatures = {refine}\n\
             [georef]\nmax-incidence-deg = 60\nrefine = {refine}\n{georef}"
        );
        let run = common::run(self.folder.path(), "flight/frames", out, &settings);
        let summary = run.execute(&mut Silent).unwrap();
        println!("{out}: a run of {:.0} s", summary.seconds);
        let map = Map::read(&self.path(out).join(layout::TEMPERATURE_COG));
        keep(&self.path(out).join(layout::TEMPERATURE_COG), out);
        Accuracy::of(&map, &self.truth)
    }

    fn dsm(&self) -> String {
        format!("dsm = '{}'\n", self.path("flight/truth/dsm.tif").display())
    }
}

/// Copies a map to the folder that `HEATVEIL_KEEP_MAPS` names, for people to look at.
#[expect(
    clippy::disallowed_methods,
    reason = "asked for by the person who runs the test"
)]
fn keep(map: &Path, name: &str) {
    if let Some(folder) = std::env::var_os("HEATVEIL_KEEP_MAPS") {
        std::fs::copy(map, Path::new(&folder).join(format!("{name}.tif"))).unwrap();
    }
}

#[test]
fn a_map_that_is_displaced_by_a_metre_is_measured_as_a_metre_off() {
    let flight = Flight::fly(Survey {
        step: Metres(100.0),
        lane: Metres(100.0),
        ..exact()
    });
    let seen = &flight.truth.seen;
    let exact = Accuracy::of(seen, &flight.truth);
    assert!(
        exact.corners.len() >= 20 && exact.panels >= 10,
        "{}",
        exact.line()
    );
    assert!(exact.quantile(1.0) < 0.051, "{}", exact.line());
    assert!(exact.rmse < 0.1, "{}", exact.line());
    for (east, north, kelvin) in [(1.0, 0.0, 0.5), (-0.6, 0.8, -1.0), (0.0, -0.4, 0.0)] {
        let mut moved = seen.clone();
        (moved.west, moved.north) = (seen.west + east, seen.north + north);
        for value in &mut moved.samples {
            *value += kelvin as f32;
        }
        let found = Accuracy::of(&moved, &flight.truth);
        println!(
            "displaced by {:.2} m: {}",
            f64::hypot(east, north),
            found.line()
        );
        for share in [0.1, 0.5, 0.9] {
            let off = found.quantile(share) - f64::hypot(east, north);
            assert!(off.abs() < 0.06, "{} at {share}", found.line());
        }
    }
    // A map of one temperature shows no corner anywhere.
    let mut blank = seen.clone();
    blank.samples.fill(1.0);
    let found = Accuracy::of(&blank, &flight.truth);
    assert_eq!(found.lost, found.corners.len());
}

#[test]
fn with_exact_poses_and_the_surface_model_corners_lie_within_a_pixel_of_the_map() {
    let flight = Flight::fly(exact());
    let found = flight.measure("exact", FINE, &flight.dsm(), false);
    println!("exact poses, surface model: {}", found.line());
    assert!(found.corners.len() >= 20 && found.panels >= 10);
    // Pixels of the frames are 0.09 m to 0.16 m on the ground.
    assert!(found.quantile(0.5) <= 0.12 && found.quantile(0.95) <= 0.25);
    // Silhouettes of houses leave no slivers on the ground behind them: 0.25 K when they did.
    assert!(found.rmse <= 0.1);
}

#[test]
fn a_noisy_survey_is_mapped_as_accurately_as_promised() {
    let flight = Flight::fly(survey());
    let flat = flight.measure("flat", COARSE, "", false);
    println!("flat ground, unrefined: {}", flat.line());
    let placed = flight.measure("placed", COARSE, &flight.dsm(), false);
    println!("surface model, unrefined: {}", placed.line());
    assert!(placed.corners.len() >= 20 && placed.panels >= 10);
    // Errors of 1 m and 2 degrees show, so the figures below are not the simulation's kindness.
    assert!(flat.quantile(0.5) > 0.75 && placed.quantile(0.5) > 0.4);
    assert!(flat.rmse > 0.6 && placed.rmse > 0.6);
    let refined = flight.measure("refined", FINE, &flight.dsm(), true);
    println!("surface model, refined: {}", refined.line());
    // Measured 0.18 m median, 0.43 m at p95 of 35 corners; panels 0.03 K. The mean error of 200 positions, which no overlap can tell, is
    // 0.18 m of it. The issue asks for 0.25 m, 0.75 m and 0.3 K.
    assert!(refined.quantile(0.5) <= 0.25 && refined.quantile(0.95) <= 0.6);
    assert!(refined.rmse <= 0.15);
}
