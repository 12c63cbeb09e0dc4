//! A survey over ground that rolls, of which no surface model tells: where refinement puts its places.

use std::sync::Arc;

use heatveil::frame::{Attitude, FrameId};
use heatveil::georef::{
    Detail, Intrinsics, Poses, Stated, Surface, SurfaceError, View, refine_poses,
};
use heatveil::raster::Raster;
use heatveil::units::{Degrees, Metres};

const CAMERA: Intrinsics = Intrinsics {
    width: 320,
    height: 256,
    fx: 380.0,
    fy: 380.0,
    cx: 160.0,
    cy: 128.0,
};
/// Frames of a line, and lines.
const ALONG: u8 = 6;
const LINES: u8 = 3;

/// Where a pixel was put, and where it belongs: metres east and north.
type Pair = ((f64, f64), (f64, f64));

#[derive(Debug)]
struct Failure;

impl From<SurfaceError> for Failure {
    fn from(_: SurfaceError) -> Self {
        Self
    }
}

/// Level of the ground in metres: hills of 3 m, some 150 m from one to the next.
fn level(east: f64, north: f64) -> f64 {
    3.0 * (east / 24.0).sin() * (north / 28.0).cos()
}

/// Temperature of the ground in °C: texture at all scales from 1 to 10 m.
fn celsius(east: f64, north: f64) -> f64 {
    (east * 1.7 + north * 0.9).sin()
        + (east * 0.6 - north * 1.3).sin()
        + 2.0 * (east * 0.21 + north * 0.33).sin()
        + (east * north * 0.013).sin()
}

/// From 60 m above the level of take-off, straight down.
fn view(centre: (f64, f64), yaw: f64) -> View {
    let attitude = Attitude {
        yaw: Degrees(yaw),
        pitch: Degrees(-90.0),
        roll: Degrees(0.0),
    };
    View::new(CAMERA, centre, Metres(60.0), attitude)
}

/// Where a pixel meets ground of these levels, by putting its level in again and again.
fn meets(view: &View, (u, v): (f64, f64), level: impl Fn(f64, f64) -> f64) -> (f64, f64) {
    let place = |up| view.above_ground(u, v, up).unwrap();
    (0..10).fold(place(0.0), |(east, north), _| place(level(east, north)))
}

fn picture(view: &View) -> Arc<Raster<f32>> {
    let sample = |at: usize| {
        let (u, v) = (at % CAMERA.width, at / CAMERA.width);
        let (east, north) = meets(view, (u as f64 + 0.5, v as f64 + 0.5), level);
        celsius(east, north) as f32
    };
    let samples = (0..CAMERA.width * CAMERA.height).map(sample).collect();
    Arc::new(Raster::new(CAMERA.width, CAMERA.height, samples).unwrap())
}

/// Metres by which half of the pixels of the inner frames are put nearer to their place than this, after the whole is moved, turned and scaled to fit: what
/// positions with errors cannot tell.
fn error(truth: &[View], put: impl Fn(usize, (f64, f64)) -> (f64, f64)) -> f64 {
    let pixels = (0..25).map(|at| {
        (
            f64::from(at % 5) * 64.0 + 32.0,
            f64::from(at / 5) * 51.0 + 26.0,
        )
    });
    let inner = (ALONG..(LINES - 1) * ALONG).map(usize::from);
    let both: Vec<_> = inner
        .flat_map(|at| pixels.clone().map(move |pixel| (at, pixel)))
        .map(|(at, pixel)| (put(at, pixel), meets(&truth[at], pixel, level)))
        .collect();
    let count = both.len() as f64;
    let mean = |of: &dyn Fn(&Pair) -> f64| both.iter().map(of).sum::<f64>() / count;
    let from = (mean(&|both| both.0.0), mean(&|both| both.0.1));
    let to = (mean(&|both| both.1.0), mean(&|both| both.1.1));
    let out = |both: &Pair| {
        (
            both.0.0 - from.0,
            both.0.1 - from.1,
            both.1.0 - to.0,
            both.1.1 - to.1,
        )
    };
    let sum = |of: &dyn Fn((f64, f64, f64, f64)) -> f64| {
        both.iter().map(|both| of(out(both))).sum::<f64>()
    };
    let square = sum(&|(x, y, _, _)| x * x + y * y);
    let turn = (
        sum(&|(x, y, u, v)| x * u + y * v) / square,
        sum(&|(x, y, u, v)| x * v - y * u) / square,
    );
    let left = |both| {
        let (x, y, u, v) = out(both);
        (turn.0 * x - turn.1 * y - u).hypot(turn.1 * x + turn.0 * y - v)
    };
    let mut left: Vec<f64> = both.iter().map(left).collect();
    left.sort_by(f64::total_cmp);
    left[left.len() / 2]
}

#[test]
fn over_rolling_ground_places_come_nearer_than_exact_poses_put_them_on_flat_ground() {
    let place = |at: u8| (12.0 * f64::from(at % ALONG), 16.0 * f64::from(at / ALONG));
    let truth: Vec<View> = (0..ALONG * LINES).map(|at| view(place(at), 20.0)).collect();
    let wrong = [0.9, -1.3, 0.4, 1.5, -0.6, -1.1, 0.2, 1.2, -0.3, -0.9, 0.1];
    // Positions off by up to 1.9 m, turns by 2 degrees.
    let stated: Vec<Stated> = (0..ALONG * LINES)
        .map(|at| {
            let ((east, north), off) = (place(at), wrong[usize::from(at) % wrong.len()]);
            Stated {
                id: FrameId(at.into()),
                view: view((east + off, north - 0.8 * off), 20.0 + 1.3 * off),
                accuracy: (None, None),
            }
        })
        .collect();
    let rasters: Vec<_> = truth.iter().map(picture).collect();
    let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&rasters[id.0 as usize]));
    let detailed = |id, detail: Detail| load(id).map(|raster| detail.of(raster));
    let found: Poses = refine_poses(&stated, &Surface::Flat, detailed).unwrap();
    let relief = found.relief.clone().unwrap();
    let (low, high) = relief.range();
    let ground = Surface::Relief(relief);
    let up = |east, north| ground.height(east, north).unwrap().unwrap();
    let refined = error(&truth, |at, pixel| {
        meets(&found.view(at, &stated[at].view), pixel, up)
    });
    let refined_on_flat = error(&truth, |at, (u, v)| {
        found.view(at, &stated[at].view).ground(u, v).unwrap()
    });
    let exact_on_flat = error(&truth, |at, (u, v)| truth[at].ground(u, v).unwrap());
    let exact = error(&truth, |at, pixel| meets(&truth[at], pixel, level));
    let (on_flat, after) = (found.on_flat.unwrap(), found.after.unwrap());
    println!(
        "rolling ground: exact poses on flat ground {exact_on_flat:.3} m, refined {refined:.3} m ({refined_on_flat:.3} m drawn on flat ground); squares {:.2} px on flat ground, {:.2} px; \
         levels from {:.1} to {:.1} m",
        on_flat.median_px, after.median_px, low.0, high.0
    );
    assert!(exact < 1e-6);
    assert!(refined < 0.5 * exact_on_flat);
    assert!(after.median_px < 0.5 * on_flat.median_px);
}
