//! What lies around a house: paths, hedges, trees, sheds, drives and garages.
//!
//! In: a plot, a random generator. Out: bodies in the scene. Refuses: nothing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::houses::{Plot, pick};
use super::scene::{Kind, PAVEMENT, STREET_EVERY, Scene};
use super::solid::{Body, SurfaceId};
use super::vehicles::car;

/// Path, terrace, hedges, a tree or two and sometimes a shed.
pub(super) fn garden(
    scene: &mut Scene,
    plot: &Plot,
    (left, right): (f64, f64),
    rng: &mut ChaCha8Rng,
) {
    let paving = scene.ground(3.0, 0.93, 0.8, 0.3);
    let leaves = scene.ground(0.2, 0.97, 0.35, 0.8);
    let plant = scene.thing(Kind::Plant);
    let rear = STREET_EVERY / 2.0 - 0.3;
    let door = plot.u0 + 0.75 * (plot.u1 - plot.u0);
    let mut slab = |u0: f64, u1: f64, near: f64, far: f64, height: f64, surface, entity| {
        let (v0, v1) = plot.span(near, far);
        let body = Body::cuboid([u0, v0, 0.0], [u1, v1, height], (surface, surface), entity);
        scene.bodies.push(body);
    };
    slab(
        door - 0.5,
        door + 0.5,
        PAVEMENT,
        Plot::front(),
        0.03,
        paving,
        0,
    );
    let patio = plot.back() + rng.random_range(2.0..4.0);
    slab(
        plot.u0 + 0.2,
        plot.u1 - 0.2,
        plot.back(),
        patio,
        0.05,
        paving,
        0,
    );
    slab(
        left,
        left + 0.45,
        plot.back() + 1.0,
        rear,
        rng.random_range(1.1..1.9),
        leaves,
        plant,
    );
    slab(left, right, rear - 0.35, rear, 1.7, leaves, plant);
    if rng.random_range(0..3_u8) > 0 {
        slab(
            left + 0.1,
            door - 0.8,
            PAVEMENT + 0.1,
            PAVEMENT + 0.6,
            1.1,
            leaves,
            plant,
        );
    }
    if rng.random_range(0..5_u8) < 2 {
        let roof = scene.ground(0.0, pick(&[0.92, 0.92, 0.28], rng), 0.95, 0.1);
        let shed = scene.ground(0.4, 0.92, 0.45, 0.2);
        let (v0, v1) = plot.span(rear - 3.2, rear - 0.8);
        scene.bodies.push(Body::cuboid(
            [right - 2.4, v0, 0.0],
            [right - 0.5, v1, 2.2],
            (roof, shed),
            0,
        ));
    }
    for _ in 0..rng.random_range(0..3_u8) {
        tree(
            scene,
            rng.random_range(left + 1.0..right - 1.0),
            plot.v(rng.random_range(plot.back() + 5.0..rear - 1.0)),
            leaves,
            plant,
            rng,
        );
    }
}

fn tree(scene: &mut Scene, u: f64, v: f64, leaves: SurfaceId, entity: u32, rng: &mut ChaCha8Rng) {
    let size = rng.random_range(0.8..1.7);
    scene.bodies.push(Body::cuboid(
        [u - 0.15, v - 0.15, 0.0],
        [u + 0.15, v + 0.15, 2.5],
        (leaves, leaves),
        entity,
    ));
    for _ in 0..9 {
        let mut about = |range: f64| rng.random_range(-range..range);
        let centre = [
            u + about(size * 0.8),
            v + about(size * 0.8),
            2.8 + about(0.9),
        ];
        let radius = size * (0.55 + about(0.15));
        scene.bodies.push(Body::ellipsoid(
            centre,
            [radius, radius, radius * 0.9],
            leaves,
            entity,
        ));
    }
}

/// A paved drive beside a detached house, a garage at its end, perhaps a car on it.
pub(super) fn drive(scene: &mut Scene, plot: &Plot, right: f64, rng: &mut ChaCha8Rng) {
    let paving = scene.ground(3.2, 0.94, 0.85, 0.3);
    let (v0, v1) = plot.span(PAVEMENT, Plot::front() + 2.0);
    let left = right - 2.8;
    let body = Body::cuboid([left, v0, 0.0], [right, v1, 0.03], (paving, paving), 0);
    scene.bodies.push(body);
    let roof = scene.element(pick(&[0.6, 1.5], rng), pick(&[0.93, 0.25], rng), 0.9, 0.15);
    let roof = if rng.random_range(0..2_u8) == 0 {
        roof
    } else {
        scene.ground(0.1, 0.93, 0.95, 0.2)
    };
    let wall = scene.ground(0.8, 0.94, 0.45, 0.2);
    let (v0, v1) = plot.span(Plot::front() + 2.0, Plot::front() + 7.5);
    let garage = Body::cuboid([left, v0, 0.0], [right, v1, 2.5], (roof, wall), 0);
    scene.bodies.push(garage);
    if rng.random_range(0..3_u8) > 0 {
        let v = plot.v(PAVEMENT + 3.0);
        car(scene, f64::midpoint(left, right), v, false, rng);
    }
}
