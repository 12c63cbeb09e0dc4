//! What `fuzz/` feeds with bytes: one function for everything that reads what others wrote.
//!
//! In: bytes. Out: nothing, or a panic where a promise does not hold: no input may panic, and what is accepted must be what its reader promises.
//! Targets that need private parts lie in the module whose parts they are. Built for tests, which replay the corpus of `fuzz/corpus`, and with
//! the feature `fuzzing`; never in a program that is used.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what fails here is of the fuzzer's own making"
)]

mod files;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod seeds;
mod tiff;

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use arbitrary::Unstructured;

use crate::audit;
use crate::config::Args;
use crate::detect;
use crate::frame::{Format, FrameId};
use crate::georef::{Bounds, Crs, KnownPoses, Projector};
use crate::heatloss::{self, FootprintSource, Objections, UprnPoints};
use crate::ingest;
use crate::ingest::{IngestOptions, TiffScale};
use crate::radiometry;
use crate::review::Proposal;
use crate::run;
use crate::run::FrameFootprint;
use crate::seal::{self, IntakeKey};
use crate::tiles::Probe;
use crate::units::Metres;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name: `fuzz/fuzz_targets` and `fuzz/corpus` have one of each.
pub const TARGETS: &[(&str, Target)] = &[
    ("card", detect::fuzzing::card),
    ("checkpoint", audit::fuzzing::checkpoint),
    ("config", config),
    ("decode", decode),
    ("files", made_files),
    #[cfg(feature = "serve")]
    ("http", http),
    ("line", line),
    ("log", log),
    ("map", map),
    ("outlines", outlines),
    ("poses", poses),
    ("postprocess", detect::fuzzing::postprocess),
    ("proof", proof),
    ("sealed", sealed),
    ("shards", run::fuzzing::shards),
    ("statement", audit::fuzzing::state),
    ("tags", ingest::fuzzing::tags),
];

/// Feeds a target by its name.
///
/// # Panics
///
/// Where there is no such target, and where the target finds a fault.
pub fn feed(target: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    (found.unwrap().1)(bytes);
}

/// A file through the door of a run: format, tags, samples, temperatures.
fn decode(bytes: &[u8]) {
    let _ = decoded(bytes);
}

/// The file's format, where it decodes.
fn decoded(bytes: &[u8]) -> Option<Format> {
    let scale = TiffScale {
        scale: 0.04,
        offset: -273.15,
    };
    let with = |tiff_scale| IngestOptions {
        tiff_scale,
        ..IngestOptions::default()
    };
    let read = |options| ingest::decode(FrameId(0), Path::new("a"), bytes, &options).ok();
    let raw = read(with(None)).or_else(|| read(with(Some(scale))))?;
    ingest::fuzzing::check(raw.meta());
    let format = raw.meta().format;
    let calibration = radiometry::calibration(&raw.meta().radiometry);
    let frame = raw.calibrate(&calibration).unwrap();
    if let Some(summary) = frame.summary() {
        assert!(summary.min.0.is_finite() && summary.max.0.is_finite());
        assert!(summary.min.0 <= summary.median.0 && summary.median.0 <= summary.max.0);
    }
    Some(format)
}

/// Files that look right as far as the bytes choose.
fn made_files(bytes: &[u8]) {
    if let Ok(file) = files::file(&mut Unstructured::new(bytes)) {
        decode(&file);
    }
}

/// Settings: what resolves has a digest, the same twice.
fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = || toml::from_str::<Args>(text).ok()?.resolve().ok();
    if let Some(config) = read() {
        assert_eq!(config.policy_sha256(), read().unwrap().policy_sha256());
    }
}

/// Lines of the log, a proposed decision, a line of the operator's list.
fn line(bytes: &[u8]) {
    audit::fuzzing::line(bytes);
    let _ = FrameFootprint::from_line(bytes);
    if let Ok(proposal) = Proposal::parse(bytes) {
        assert_eq!(proposal.decided().signatures.len(), 1);
    }
}

fn log(bytes: &[u8]) {
    in_folder(|folder| audit::fuzzing::log(bytes, folder));
}

fn proof(bytes: &[u8]) {
    in_folder(|folder| audit::fuzzing::prove(bytes, folder));
}

#[cfg(feature = "serve")]
fn http(bytes: &[u8]) {
    use crate::serve::fuzzing::Site;
    thread_local! {
        static SITE: OnceCell<Site> = const { OnceCell::new() };
    }
    in_folder(|folder| {
        SITE.with(|site| {
            site.get_or_init(|| Site::new(&folder.join("site")))
                .ask(bytes);
        });
    });
}

/// A sealed frame, and a key file.
fn sealed(bytes: &[u8]) {
    const MAX: u64 = 1 << 16;
    thread_local! {
        static KEY: OnceCell<IntakeKey> = const { OnceCell::new() };
    }
    in_folder(|folder| {
        let path = folder.join("intake.key");
        fs::write(&path, bytes).unwrap();
        let _ = IntakeKey::load(&path);
        fs::write(&path, SECRET).unwrap();
        KEY.with(|key| {
            let key = key.get_or_init(|| IntakeKey::load(&path).unwrap());
            if let Ok(opened) = key.open(bytes, MAX) {
                assert!(seal::is_sealed(bytes) && opened.len() as u64 <= MAX);
            }
        });
    });
}

/// A key of `age-keygen` that was made for this.
const SECRET: &str = "AGE-SECRET-KEY-1PEWD4NMRNTWSGAN07QPN92G8M2F89LXTPRA5PDYH8Z6W9GUC5J9Q5YFHQH\n";

/// Files of photogrammetry software, with and without a system of coordinates.
fn poses(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("poses");
        fs::write(&path, bytes).unwrap();
        for crs in [None, Crs::from_epsg(32_631).ok()] {
            if let Ok(poses) = KnownPoses::read(&path, crs) {
                assert!(!poses.is_empty());
            }
        }
    });
}

/// Outlines of buildings, objections and points of property numbers, as `GeoJSON`: the other formats are GDAL's to read.
fn outlines(bytes: &[u8]) {
    const PLACE: &str = "/vsimem/fuzzing.geojson";
    let (map, area) = map_of_the_survey();
    in_memory(PLACE, bytes);
    let path = Path::new(PLACE);
    let source = FootprintSource {
        driver: Some("GeoJSON"),
        uprn: Some("uprn".into()),
        ..FootprintSource::outlines(path)
    };
    let objections = Objections::read(path, bytes.to_vec(), &map, area, Metres(2.0));
    if let Ok(mut buildings) = heatloss::read(&source, &map, area) {
        let rings = buildings
            .iter()
            .flat_map(|building| building.polygons.concat());
        assert!(
            rings
                .flatten()
                .all(|(east, north)| east.is_finite() && north.is_finite())
        );
        let points = UprnPoints {
            path: path.to_path_buf(),
            field: "uprn".into(),
        };
        let _ = points.assign(&mut buildings, &map, area);
        if let Ok(objections) = objections {
            let _ = objections.filter(buildings);
        }
    }
}

/// A map on the east coast of England.
fn map_of_the_survey() -> (Projector, Bounds) {
    let bounds = Bounds {
        west: 400_000.0,
        south: 5_800_000.0,
        east: 420_000.0,
        north: 5_850_000.0,
    };
    (Crs::from_epsg(32_631).unwrap().projector().unwrap(), bounds)
}

/// A map as `serve` asks it for a value; nobody has verified it.
fn map(bytes: &[u8]) {
    const PLACE: &str = "/vsimem/fuzzing.tif";
    in_memory(PLACE, bytes);
    if let Ok(probe) = Probe::open(Path::new(PLACE)) {
        for (longitude, latitude) in [(1.7, 52.6), (f64::NAN, 0.0), (-180.0, 90.0)] {
            let _ = probe.at(longitude, latitude);
        }
    }
}

/// A file of GDAL's in memory. Never an empty one, whose place GDAL would free although nothing is there.
fn in_memory(place: &str, bytes: &[u8]) {
    let _ = gdal::vsi::unlink_mem_file(place);
    let bytes = if bytes.is_empty() { b"\n" } else { bytes };
    gdal::vsi::create_mem_file(place, bytes.to_vec()).unwrap();
}

/// Works in a folder of the thread's own, in memory where the system has one there.
fn in_folder(work: impl FnOnce(&Path)) {
    thread_local! {
        static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
    }
    let make = || {
        let memory = Path::new("/dev/shm");
        let made = memory.is_dir().then(|| tempfile::tempdir_in(memory).ok());
        made.flatten()
            .unwrap_or_else(|| tempfile::tempdir().unwrap())
    };
    FOLDER.with(|folder| work(folder.get_or_init(make).path()));
}
