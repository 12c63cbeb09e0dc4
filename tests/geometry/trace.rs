//! Why a corner is where it is: every frame's refined pose against the true one, and which frame drew each corner.
//!
//! Run by people: `HEATVEIL_TRACE=/some/folder cargo test --release --test geometry trace -- --ignored --nocapture`. The flight is kept
//! in that folder and flown once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heatveil::frame::{Attitude, FrameId};
use heatveil::georef::{
    Bounds, CameraOverrides, Crs, Detail, Lens, Located, Projector, Stated, Surface, SurfaceError,
    Temperatures, View, YawSource, locate, match_temperatures, refine_poses,
};
use heatveil::raster::Raster;
use heatveil::simulate::{self, Options, Preset};
use heatveil::tiles::{MosaicFrame, MosaicOptions, TilesError, build_on};
use heatveil::units::{Degrees, Metres};

use super::measure::{Accuracy, corners, panels};
use super::survey;
use super::truth::{Map, Truth};
use crate::common::unmasked;

/// A frame with what the file says of it and what is true.
struct Frame {
    id: FrameId,
    stated: View,
    truth: View,
    drift: f64,
    raster: Arc<Raster<f32>>,
}

#[derive(Debug)]
struct Failure;

impl From<SurfaceError> for Failure {
    fn from(_: SurfaceError) -> Self {
        Self
    }
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("HEATVEIL_TRACE").unwrap())
}

fn seed() -> u64 {
    std::env::var("HEATVEIL_TRACE_SEED").map_or(4, |seed| seed.parse().unwrap())
}

fn frames(flight: &Path) -> (Vec<Frame>, Crs, Surface) {
    let read = |name: &str| std::fs::read(flight.join("truth").join(name)).unwrap();
    let poses: serde_json::Value = serde_json::from_slice(&read("poses.json")).unwrap();
    let ground = poses["origin"]["elevation_m"].as_f64().unwrap();
    let list = poses["frames"].as_array().unwrap();
    let mut located: Vec<(Located, Raster<f32>)> = Vec::new();
    for (number, entry) in (0..).zip(list) {
        let path = flight.join("frames").join(entry["file"].as_str().unwrap());
        located.push(frame(FrameId(number), &path));
    }
    let crs = Crs::for_positions(located.iter().map(|(located, _)| located.position())).unwrap();
    let projector = crs.projector().unwrap();
    let frames = (0..).zip(list).zip(located);
    let frames: Vec<Frame> = frames
        .map(|((id, entry), (located, raster))| Frame {
            id: FrameId(id),
            stated: located.view(&projector, YawSource::Gimbal).unwrap(),
            truth: true_view(entry, &located, &projector),
            drift: entry["drift_k"].as_f64().unwrap(),
            raster: Arc::new(raster),
        })
        .collect();
    let centres: Vec<_> = frames.iter().map(|frame| frame.stated.centre()).collect();
    let area = Bounds::around(&centres).unwrap().grown(Metres(200.0));
    let surface = Surface::open(&flight.join("truth/dsm.tif"), crs, area)
        .unwrap()
        .with_reference(Metres(ground));
    (frames, crs, surface)
}

fn frame(id: FrameId, path: &Path) -> (Located, Raster<f32>) {
    let redacted = unmasked(id, path);
    let located = locate(redacted.meta(), &CameraOverrides::default()).unwrap();
    (located, redacted.celsius().clone())
}

fn true_view(entry: &serde_json::Value, located: &Located, projector: &Projector) -> View {
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let (longitude, latitude) = (
        number(&entry["true_longitude"]),
        number(&entry["true_latitude"]),
    );
    let pose = &entry["true"];
    let turn = projector.convergence(longitude, latitude).unwrap();
    let attitude = Attitude {
        yaw: Degrees(number(&pose["yaw_deg"]) + turn),
        pitch: Degrees(number(&pose["pitch_deg"])),
        roll: Degrees(number(&pose["roll_deg"])),
    };
    let centre = projector.to_map(longitude, latitude).unwrap();
    let height = Metres(number(&pose["up_m"]));
    View::new(*located.camera(), centre, height, attitude)
}

/// Metres east and north by which a view shows a place elsewhere than it is.
fn off(view: &View, truth: &View, (east, north): (f64, f64), up: f64) -> Option<(f64, f64)> {
    let (u, v) = truth.pixel_above(east, north, up)?;
    let (x, y) = view.above_ground(u, v, up)?;
    Some((x - east, y - north))
}

/// The same at 5 x 5 places of the frame that are seen steeply enough: their mean and root mean square.
fn spread(view: &View, truth: &View) -> ((f64, f64), f64) {
    let mut sums = (0.0, 0.0, 0.0, 0);
    for at in 0..25_u8 {
        let (u, v) = (
            64.0 + 128.0 * f64::from(at % 5),
            51.0 + 102.0 * f64::from(at / 5),
        );
        let Some(place) = truth.above_ground(u, v, 2.0) else {
            continue;
        };
        if truth.tangent_squared(place.0, place.1, 2.0) > 3.0 {
            continue;
        }
        let (x, y) = off(view, truth, place, 2.0).unwrap();
        sums = (sums.0 + x, sums.1 + y, sums.2 + x * x + y * y, sums.3 + 1);
    }
    let count = f64::from(sums.3.max(1));
    ((sums.0 / count, sums.1 / count), (sums.2 / count).sqrt())
}

fn angles(view: &View) -> (f64, f64, f64) {
    let camera = view.camera();
    let [east, north, up] = view.ray(camera.cx, camera.cy);
    let right = {
        // So near to the axis that no lens bends anything.
        let [x, y, z] = view.ray(camera.cx + 0.01 * camera.fx, camera.cy);
        [x - east, y - north, z - up].map(|part| 100.0 * part)
    };
    let degrees = |radians: f64| radians.to_degrees();
    (
        degrees(east.atan2(north)),
        degrees(up.atan2(east.hypot(north))),
        degrees(
            (-right[2] / east.hypot(north) * (east * east + north * north + up * up).sqrt()).asin(),
        ),
    )
}

/// Factor on the focal length, axis to the right and down, `k1`, `k2`.
type Shared = [f64; 5];
/// East, north, up in metres, yaw, pitch and roll in degrees, and ties.
type Numbers = [f64; 7];

fn view(frame: &Frame, [focal, right, down, k1, k2]: Shared, numbers: Numbers) -> View {
    let [east, north, up, yaw, pitch, roll, _] = numbers;
    let attitude = Attitude {
        yaw: Degrees(yaw),
        pitch: Degrees(pitch),
        roll: Degrees(roll),
    };
    View::new(*frame.stated.camera(), (east, north), Metres(up), attitude)
        .with_focal_factor(focal)
        .with_axis_moved((right, down))
        .with_lens(Lens {
            k1,
            k2,
            ..Lens::default()
        })
}

/// Refines the flight and keeps its poses in a file.
#[expect(
    clippy::disallowed_methods,
    reason = "asked for by the person who runs the test"
)]
fn keep_refined(frames: &[Frame], surface: &Surface, kept: &Path) {
    let stated: Vec<Stated> = frames
        .iter()
        .map(|frame| Stated {
            id: frame.id,
            view: frame.stated,
            accuracy: (None, None),
        })
        .collect();
    let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&frames[id.0 as usize].raster));
    let detailed = |id, detail: Detail| load(id).map(|raster| detail.of(raster));
    let poses = refine_poses(&stated, surface, detailed).unwrap();
    println!(
        "refined: before {:?} after {:?}, tied {} of {}, {:?}",
        poses.before, poses.after, poses.tied, poses.pairs, poses.camera
    );
    let camera = poses.camera;
    let shared: Shared = [
        camera.focal,
        camera.axis.0,
        camera.axis.1,
        camera.lens.k1,
        camera.lens.k2,
    ];
    let numbers: Vec<Numbers> = frames
        .iter()
        .enumerate()
        .map(|(at, frame)| {
            let view = poses.view(at, &frame.stated);
            let ((east, north), (yaw, pitch, roll)) = (view.centre(), angles(&view));
            let ties = f64::from(poses.matches[at]);
            [east, north, view.height().0, yaw, pitch, roll, ties]
        })
        .collect();
    std::fs::write(kept, serde_json::to_vec(&(shared, numbers)).unwrap()).unwrap();
}

/// The views of the kept poses, and by how many squares each frame was tied.
fn kept_views(frames: &[Frame], surface: &Surface) -> (Vec<(FrameId, View)>, Vec<f64>) {
    let kept = folder().join(format!("views-{}.json", seed()));
    if !kept.exists() {
        keep_refined(frames, surface, &kept);
    }
    let (camera, list): (Shared, Vec<Numbers>) =
        serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    let views = frames
        .iter()
        .zip(&list)
        .map(|(frame, numbers)| (frame.id, view(frame, camera, *numbers)))
        .collect();
    (views, list.iter().map(|[.., ties]| *ties).collect())
}

fn tell_poses(frames: &[Frame], views: &[(FrameId, View)], ties: &[f64]) {
    let mut total = (0.0, 0.0);
    for ((frame, (_, view)), ties) in frames.iter().zip(views).zip(ties) {
        let (mean, rms) = spread(view, &frame.truth);
        let (before, was) = spread(&frame.stated, &frame.truth);
        let (found, right) = (angles(view), angles(&frame.truth));
        let ((east, north), at) = (view.centre(), frame.truth.centre());
        total = (total.0 + mean.0, total.1 + mean.1);
        println!(
            "frame {:3} yaw {:4.0} ties {ties:4} ground {:+.2} {:+.2} rms {rms:.2} (was {:+.2} {:+.2} rms {was:.2}) position {:+.2} {:+.2} {:+.2} yaw {:+.2} pitch {:+.2} roll {:+.2}",
            frame.id.0,
            right.0,
            mean.0,
            mean.1,
            before.0,
            before.1,
            east - at.0,
            north - at.1,
            view.height().0 - frame.truth.height().0,
            (found.0 - right.0 + 540.0).rem_euclid(360.0) - 180.0,
            found.1 - right.1,
            found.2 - right.2,
        );
    }
    let count = frames.len() as f64;
    println!(
        "all frames together: {:+.3} {:+.3}",
        total.0 / count,
        total.1 / count
    );
}

fn tell_temperatures(frames: &[Frame], found: &Temperatures) {
    let vignetting = found.frames[0].vignetting;
    println!(
        "temperatures: {:?} {:?}, vignetting {:.2}",
        found.before,
        found.after,
        vignetting.peak_to_peak()
    );
    let pairs = frames.iter().zip(&found.frames);
    let left: Vec<f64> = pairs
        .map(|(frame, found)| f64::from(found.offset) + frame.drift)
        .collect();
    let count = left.len() as f64;
    let mean = left.iter().sum::<f64>() / count;
    let rms = (left.iter().map(|left| (left - mean).powi(2)).sum::<f64>() / count).sqrt();
    println!("drift left: mean {mean:+.3}, about it {rms:.3}: {left:.2?}");
    for v in [0.5_f32, 128.0, 256.0, 384.0, 511.5] {
        let line =
            [0.5_f32, 160.0, 320.0, 480.0, 639.5].map(|u| vignetting.at((u, v), (640.0, 512.0)));
        println!("added at row {v}: {line:+.2?}");
    }
}

/// Pixels within 1.5 m of a place by the frame that drew them.
fn drawn_by(sources: &Map, [east, north]: [f64; 2]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for (at, source) in sources.samples.iter().enumerate() {
        let [x, y] = sources.place(at);
        if (x - east).hypot(y - north) < 1.5 && source.is_finite() {
            *counts.entry(*source as usize).or_default() += 1;
        }
    }
    counts
}

#[test]
#[ignore = "for people who look for the cause of an error; takes minutes"]
#[expect(
    clippy::disallowed_methods,
    reason = "asked for by the person who runs the test"
)]
fn trace_refinement() {
    let flight = folder().join(format!("flight-{}", seed()));
    if !flight.exists() {
        simulate::run(&Options {
            seed: seed(),
            preset: Preset::Survey(survey()),
            ..Options::fixture(flight.clone())
        })
        .unwrap();
    }
    let truth = Truth::read(&flight);
    let (frames, crs, surface) = frames(&flight);
    let (views, ties) = kept_views(&frames, &surface);
    tell_poses(&frames, &views, &ties);
    let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&frames[id.0 as usize].raster));
    let temperatures = match_temperatures(&views, &surface, load).unwrap();
    tell_temperatures(&frames, &temperatures);
    let work = tempfile::tempdir().unwrap();
    let drawn: Vec<MosaicFrame> = views
        .iter()
        .map(|&(id, view)| MosaicFrame { id, view })
        .collect();
    let corrected = |id: FrameId| {
        let at = id.0 as usize;
        Ok::<_, TilesError>(Arc::new(temperatures.frames[at].apply(&frames[at].raster)))
    };
    let options = MosaicOptions {
        resolution: Some(Metres(0.1)),
        max_incidence: Degrees(60.0),
        ..MosaicOptions::default()
    };
    build_on(&surface, crs, &drawn, &options, work.path(), corrected).unwrap();
    let file = work.path().join("mosaic.tif");
    std::fs::copy(&file, folder().join(format!("map-{}.tif", seed()))).unwrap();
    let (map, sources) = (Map::read(&file), Map::band(&file, 3));
    println!("{}", Accuracy::of(&map, &truth).line());
    for ([east, north], error) in corners(&map, &truth) {
        let level = surface.height(east, north).unwrap().unwrap_or(0.0);
        println!("corner {east:.1} {north:.1} off {error:.2}");
        for (id, count) in drawn_by(&sources, [east, north]) {
            let off = off(&views[id].1, &frames[id].truth, (east, north), level);
            println!(
                "  frame {id} drew {count} px, {} ties, off {off:.2?}",
                ties[id]
            );
        }
    }
    for ([east, north], error) in panels(&map, &truth) {
        println!("panel {east:.1} {north:.1} off {error:+.3} K");
    }
}
