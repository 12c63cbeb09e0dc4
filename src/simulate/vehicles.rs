//! Cars at the kerb, on drives and on the road; some with a warm engine.
//!
//! In: a place and a random generator. Out: bodies in the scene. Refuses: nothing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::houses::pick;
use super::scene::{CROSS_EVERY, KERB, Kind, PAVEMENT, Scene, from_cross_road};
use super::solid::{Body, SurfaceId};
use super::thermal::NIGHT;

/// Parks cars at both kerbs of a street and puts one on it.
pub(super) fn park_cars(scene: &mut Scene, street: f64, rng: &mut ChaCha8Rng) {
    for side in [-1.0, 1.0] {
        let mut u = -scene.half + 6.0;
        while u < scene.half - 6.0 {
            if from_cross_road(u) > PAVEMENT + 6.0 {
                car(scene, u, street + side * (KERB - 1.0), true, rng);
            }
            u += pick(&[5.4, 5.8, 11.0, 17.0, 24.0], rng);
        }
    }
    // One that is being driven, near the middle of each block.
    let u = rng.random_range(-CROSS_EVERY / 4.0..CROSS_EVERY / 4.0);
    car(scene, u, street + 0.2, true, rng);
}

/// A car along `u` or along `v`; one in three was driven lately and shows its engine.
pub(super) fn car(scene: &mut Scene, u: f64, v: f64, along_u: bool, rng: &mut ChaCha8Rng) {
    let vehicle = scene.thing(Kind::Vehicle);
    let warm = rng.random_range(0..3_u8) == 0;
    let paint = scene.ground(0.0, 0.9, 0.9, 0.1);
    let side = scene.surface(NIGHT.air - if warm { -1.5 } else { 1.6 }, 0.9, 0.3);
    let glass = scene.surface(if warm { 5.0 } else { -2.5 }, 0.87, 0.1);
    let bonnet = scene.surface(
        if warm {
            rng.random_range(9.0..19.0)
        } else {
            -3.2
        },
        0.9,
        1.0,
    );
    let tyre = scene.surface(if warm { 10.0 } else { 0.6 }, 0.95, 0.1);
    let (long, wide) = (rng.random_range(1.9..2.3), rng.random_range(0.84..0.93));
    let nose = if rng.random_range(0..2_u8) == 0 {
        1.0
    } else {
        -1.0
    };
    let mut place = |a: (f64, f64), b: f64, z: (f64, f64), top: SurfaceId, sides: SurfaceId| {
        let (x0, x1) = ((a.0 * nose).min(a.1 * nose), (a.0 * nose).max(a.1 * nose));
        let (low, high) = if along_u {
            ([u + x0, v - b, z.0], [u + x1, v + b, z.1])
        } else {
            ([u - b, v + x0, z.0], [u + b, v + x1, z.1])
        };
        scene
            .bodies
            .push(Body::cuboid(low, high, (top, sides), vehicle));
    };
    place((-long, long), wide, (0.3, 0.88), paint, side);
    place(
        (long * 0.42, long * 0.97),
        wide * 0.88,
        (0.88, 0.95),
        bonnet,
        bonnet,
    );
    place(
        (-long * 0.75, long * 0.4),
        wide * 0.92,
        (0.88, 1.12),
        glass,
        glass,
    );
    place(
        (-long * 0.62, long * 0.18),
        wide * 0.85,
        (1.12, 1.42),
        paint,
        glass,
    );
    for axle in [-0.62, 0.62] {
        let at = (long * axle - 0.3, long * axle + 0.3);
        place(at, wide * 1.01, (0.0, 0.6), tyre, tyre);
    }
}
