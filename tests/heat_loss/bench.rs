//! A survey from straight above, flown over a simulated neighbourhood, and its truth.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gdal::Dataset;
use gdal::vector::LayerAccess;
use heatveil::audit::Entry;
use heatveil::run::{Run, RunError, Silent, Summary};
use heatveil::simulate::{self, Options, Preset, Survey};
use heatveil::units::{Degrees, Metres};
use serde_json::Value;

use crate::common::{self, write, write_keys};

/// The night of the simulation, as an operator would note it. Its sky is -14 °C to the balance; to the camera -14 °C at the horizon and -30 °C
/// overhead, which is -24.6 °C in a rough mirror that lies flat (the mean of `-14 - 16 s` over `2 s ds`, s the sine of the elevation, by the fourth power).
pub(crate) const NIGHT: &str = "[weather]\nair-celsius = 2\nsky-celsius = -14\nreflected-celsius = -24.6\nhumidity = 0.85\nwind-m-s = 1\nindoor-celsius = 19\n\
                     cloud = 0.1\nhours-since-sun = 6\nhours-since-rain = 48\nhours-heated = 48\nemissivity = 0.96\n";

/// A row of the table: field to text.
pub(crate) type Row = BTreeMap<String, String>;
/// Rows by name.
pub(crate) type Rows = BTreeMap<String, Row>;

/// A survey from straight above.
pub(crate) struct Bench {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
    pub(crate) buildings: Value,
    /// As the operator noted it.
    pub(crate) weather: String,
    /// Poses from overlaps.
    pub(crate) refine: bool,
    /// Temperatures from overlaps.
    pub(crate) match_temperatures: bool,
    /// More settings of tiles.
    pub(crate) tiles: &'static str,
}

/// Straight down over 40 m of streets, with errors of position and yaw `poses` times the usual ones.
pub(crate) fn overhead(poses: f64) -> Survey {
    let usual = Survey::default();
    Survey {
        side: Metres(40.0),
        pitch: Degrees(-90.0),
        step: Metres(20.0),
        lane: Metres(20.0),
        gps_noise: Metres(poses * usual.gps_noise.0),
        yaw_noise: Degrees(poses * usual.yaw_noise.0),
        ..usual
    }
}

impl Bench {
    /// A drone that knows its pose, a camera without errors; flown once for all tests, into cargo's folder for them.
    #[expect(clippy::disallowed_methods, reason = "tests prepare their own inputs")]
    pub(crate) fn ideal() -> &'static Self {
        static IDEAL: OnceLock<Bench> = OnceLock::new();
        IDEAL.get_or_init(|| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("heat-loss");
            if folder.exists() {
                fs::remove_dir_all(&folder).unwrap();
            }
            fs::create_dir_all(&folder).unwrap();
            Self::fly(folder, 5, overhead(0.0), true)
        })
    }

    /// The same and its run, made once for all tests: the folder `out`.
    pub(crate) fn measured() -> (&'static Self, &'static Summary) {
        static OUT: OnceLock<Summary> = OnceLock::new();
        let bench = Self::ideal();
        (bench, OUT.get_or_init(|| bench.run("out", 2, "").unwrap()))
    }

    /// In a folder that goes with it.
    pub(crate) fn flown(seed: u64, survey: Survey) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_path_buf();
        Self {
            _temporary: Some(temporary),
            ..Self::fly(folder, seed, survey, false)
        }
    }

    /// The same by a drone that knows its pose and a camera without errors.
    pub(crate) fn flown_ideally(seed: u64, survey: Survey) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_path_buf();
        Self {
            _temporary: Some(temporary),
            ..Self::fly(folder, seed, survey, true)
        }
    }

    fn fly(folder: PathBuf, seed: u64, survey: Survey, ideal: bool) -> Self {
        let options = Options {
            seed,
            preset: Preset::Survey(survey),
            ideal,
            ..Options::fixture(folder.join("sim"))
        };
        simulate::run(&options).unwrap();
        let truth = fs::read(folder.join("sim/truth/buildings.geojson")).unwrap();
        write_keys(&folder);
        Self {
            folder,
            _temporary: None,
            buildings: serde_json::from_slice(&truth).unwrap(),
            weather: NIGHT.to_owned(),
            refine: !ideal && survey.gps_noise.0 > 0.0,
            match_temperatures: !ideal,
            tiles: "",
        }
    }

    /// Tells the tool of roofs that emit so much more than they do.
    pub(crate) fn state_emissivity(&self, more: f64) {
        let mut stated = self.buildings.clone();
        for feature in stated["features"].as_array_mut().unwrap() {
            let emissivity = &mut feature["properties"]["roof_emissivity"];
            *emissivity = (emissivity.as_f64().unwrap() + more).clamp(0.6, 1.0).into();
        }
        let path = self.path("sim/truth/buildings.geojson");
        write(&path, stated.to_string().as_bytes());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn run(
        &self,
        out: &str,
        threads: usize,
        buildings: &str,
    ) -> Result<Summary, RunError> {
        self.run_in(&self.weather, out, threads, buildings)
    }

    /// In another weather than the survey's.
    pub(crate) fn run_in(
        &self,
        weather: &str,
        out: &str,
        threads: usize,
        buildings: &str,
    ) -> Result<Summary, RunError> {
        let settings = format!(
            "{weather}[buildings]\nfootprints = '{truth}/buildings.geojson'\nid = 'uprn'\nuprn = 'uprn'\nemissivity = 'roof_emissivity'\n{buildings}\n\
             [georef]\ndsm = '{truth}/dsm.tif'\nrefine = {refine}\n[tiles]\nmatch-temperatures = {matched}\n{tiles}",
            tiles = self.tiles,
            truth = self.path("sim/truth").display(),
            refine = self.refine,
            matched = self.match_temperatures,
        );
        let run = Run {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..common::run(&self.folder, "sim/frames", out, &settings)
        };
        run.execute(&mut Silent)
    }

    /// Rows of the table by name: field to text.
    pub(crate) fn rows(&self, out: &str) -> Rows {
        let rows = self.layer(out, "buildings").into_iter();
        rows.map(|row| (row["id"].clone(), row)).collect()
    }

    /// Rows of a layer, read by GDAL.
    pub(crate) fn layer(&self, out: &str, name: &str) -> Vec<Row> {
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
    pub(crate) fn true_tilts(&self) -> BTreeMap<String, f64> {
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
    pub(crate) fn seen<'a>(&self, rows: &'a Rows) -> Vec<(f64, f64, &'a Row)> {
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
    pub(crate) fn agreement(&self, rows: &Rows) -> Agreement {
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

    pub(crate) fn entries(&self, out: &str) -> Vec<Entry> {
        let log = fs::read(self.path(out).join("audit/entries.jsonl")).unwrap();
        let lines = log
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        lines.map(|line| Entry::from_line(line).unwrap()).collect()
    }

    /// A band of a published raster, row by row.
    pub(crate) fn band(&self, out: &str, file: &str, band: usize) -> Vec<f32> {
        let dataset = Dataset::open(self.path(out).join(file)).unwrap();
        let band = dataset.rasterband(band).unwrap();
        band.read_band_as::<f32>().unwrap().data().to_vec()
    }

    /// The finite values of a band in a rectangle around a building, drawn in by a metre on each side; and how many have none.
    pub(crate) fn within(&self, out: &str, file: &str, uprn: &str) -> (Vec<f32>, usize) {
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
pub(crate) struct Agreement {
    pub(crate) inside: u32,
    pub(crate) all: u32,
    pub(crate) fluxes: Vec<f64>,
    pub(crate) u_values: Vec<f64>,
}

pub(crate) fn number(row: &Row, field: &str) -> Option<f64> {
    row.get(field).and_then(|text| text.parse().ok())
}

/// Ranks, equals sharing theirs.
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let count = |of: &dyn Fn(&f64) -> bool| {
        f64::from(u32::try_from(values.iter().filter(|value| of(value)).count()).unwrap())
    };
    let rank = |value: &f64| {
        count(&|other| other < value) + 0.5 * count(&|other| (other - value).abs() < 1e-9)
    };
    values.iter().map(rank).collect()
}

/// Correlation of ranks (Spearman 1904).
pub(crate) fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let count = f64::from(u32::try_from(a.len()).unwrap());
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (ma, mb) = (mean(&a), mean(&b));
    let sum = |a: &[f64], ma: f64, b: &[f64], mb: f64| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum()
    };
    sum(&a, ma, &b, mb) / (sum(&a, ma, &a, ma) * sum(&b, mb, &b, mb)).sqrt()
}
