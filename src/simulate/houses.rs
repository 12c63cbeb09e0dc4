//! Houses, gardens and parked cars along the streets.
//!
//! In: a random generator. Out: a [`Scene`] of everything that stands still. Refuses: nothing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::gardens::{drive, garden};
use super::scene::{Dwelling, Kind, PAVEMENT, Roof, STREET_EVERY, Scene, from_cross_road};
use super::solid::{Body, Face, SurfaceId};
use super::vehicles::park_cars;

/// Roof U-values from a new roof to an uninsulated one, W/(m² K).
const ROOFS: [f64; 6] = [0.16, 0.25, 0.4, 0.7, 1.3, 2.3];
/// Wall U-values from filled cavity to solid brick.
const WALLS: [f64; 3] = [0.35, 1.0, 2.1];
const EAVES: f64 = 5.1;
const FRONT_GARDEN: f64 = 4.5;
/// Farthest that a roof reaches beyond its walls, and below their top.
const OVERHANG: f64 = 0.35;
const DROP: f64 = 0.25;

/// Builds every street within `half` metres.
pub(super) fn build(half: f64, rng: &mut ChaCha8Rng) -> Scene {
    let mut scene = Scene::bare(half);
    let mut street = -(half / STREET_EVERY).floor() * STREET_EVERY;
    while street.abs() <= half {
        terrace_side(&mut scene, street, rng);
        detached_side(&mut scene, street, rng);
        park_cars(&mut scene, street, rng);
        street += STREET_EVERY;
    }
    scene
}

/// A plot: where it lies, and the house on it.
pub(super) struct Plot {
    /// Middle of the street.
    pub(super) street: f64,
    /// 1 when the house stands north of the street, -1 south.
    pub(super) side: f64,
    pub(super) u0: f64,
    pub(super) u1: f64,
    pub(super) depth: f64,
    /// The ridge runs along the street.
    pub(super) ridge_along: bool,
    pub(super) pitch: f64,
}

impl Plot {
    /// `v` of a distance from the middle of the street.
    pub(super) fn v(&self, distance: f64) -> f64 {
        self.street + self.side * distance
    }

    /// Lower and upper `v` between two distances.
    pub(super) fn span(&self, near: f64, far: f64) -> (f64, f64) {
        let (a, b) = (self.v(near), self.v(far));
        (a.min(b), a.max(b))
    }

    pub(super) fn front() -> f64 {
        PAVEMENT + FRONT_GARDEN
    }

    pub(super) fn back(&self) -> f64 {
        Self::front() + self.depth
    }
}

pub(super) fn pick(values: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    values[rng.random_range(0..values.len())]
}

fn terrace_side(scene: &mut Scene, street: f64, rng: &mut ChaCha8Rng) {
    let (width, mut u) = (5.6, -scene.half + 4.0);
    while u < scene.half - 40.0 {
        let units = rng.random_range(4..=7_u8);
        let end = u + width * f64::from(units);
        if from_cross_road(f64::midpoint(u, end)) < (end - u) / 2.0 + PAVEMENT + 2.0 {
            u += 3.0;
            continue;
        }
        for _ in 0..units {
            let plot = Plot {
                street,
                side: 1.0,
                u0: u,
                u1: u + width,
                depth: 8.2,
                ridge_along: true,
                pitch: 38.0,
            };
            house(scene, &plot, rng);
            garden(scene, &plot, (u, u + width), rng);
            u += width;
        }
        u += 3.5;
    }
}

fn detached_side(scene: &mut Scene, street: f64, rng: &mut ChaCha8Rng) {
    let (lot, mut u) = (14.0, -scene.half + 3.0);
    while u + lot < scene.half {
        if from_cross_road(u + lot / 2.0) < lot / 2.0 + PAVEMENT + 0.5 {
            u += 3.0;
            continue;
        }
        let width = rng.random_range(8.0..9.6);
        let plot = Plot {
            street,
            side: -1.0,
            u0: u + 1.0,
            u1: u + 1.0 + width,
            depth: rng.random_range(7.4..8.8),
            ridge_along: rng.random_range(0..3_u8) > 0,
            pitch: rng.random_range(30.0..42.0),
        };
        house(scene, &plot, rng);
        garden(scene, &plot, (u, u + lot), rng);
        drive(scene, &plot, u + lot - 0.4, rng);
        u += lot;
    }
}

/// Walls, roof, chimney, windows and door of one dwelling.
fn house(scene: &mut Scene, plot: &Plot, rng: &mut ChaCha8Rng) {
    let building = scene.thing(Kind::Building);
    let (roof_u, roof_e) = (pick(&ROOFS, rng), rng.random_range(0.90..0.93));
    let roof = scene.element(roof_u, roof_e, 0.9, 0.3);
    let wall = scene.element(pick(&WALLS, rng), rng.random_range(0.93..0.96), 0.45, 0.2);
    let (v0, v1) = plot.span(Plot::front(), plot.back());
    let footprint = [plot.u0, v0, plot.u1, v1];
    scene.dwellings.push(Dwelling {
        uprn: 999_900_000_000 + scene.dwellings.len() as u64 + 1,
        footprint,
        roof_u,
        roof_celsius: scene.surfaces[roof].celsius,
        roof_emissivity: roof_e,
        roof: outline(plot, footprint, roof),
        wall,
        refurbished: false,
    });
    scene.bodies.push(Body::cuboid(
        [plot.u0, v0, 0.0],
        [plot.u1, v1, EAVES],
        (roof, wall),
        building,
    ));
    let ridge = gable(scene, plot, footprint, (roof, wall), building);
    chimney(scene, plot, footprint, ridge, building, rng);
    if rng.random_range(0..4_u8) == 0 {
        roof_light(scene, plot, footprint, rng);
    }
    for distance in [Plot::front(), plot.back()] {
        openings(scene, plot, distance, rng);
    }
}

/// The pitched part over a footprint; returns the height of the ridge.
fn gable(
    scene: &mut Scene,
    plot: &Plot,
    [u0, v0, u1, v1]: [f64; 4],
    surfaces: (SurfaceId, SurfaceId),
    entity: u32,
) -> f64 {
    let overhang = OVERHANG;
    let (sin, cos) = plot.pitch.to_radians().sin_cos();
    let (axis, low, high) = if plot.ridge_along {
        (1, v0, v1)
    } else {
        (0, u0, u1)
    };
    let ridge = EAVES + (high - low) / 2.0 * sin / cos;
    let slope = |direction: f64| {
        let mut normal = [0.0, 0.0, cos];
        normal[axis] = direction * sin;
        let offset = direction * sin * f64::midpoint(low, high) + cos * ridge;
        Face {
            normal,
            offset,
            surface: surfaces.0,
        }
    };
    let mut corners = ([u0, v0, EAVES - DROP], [u1, v1, ridge + 0.1]);
    corners.0[axis] -= overhang;
    corners.1[axis] += overhang;
    scene.bodies.push(Body::clipped(
        corners.0,
        corners.1,
        (surfaces.0, surfaces.1),
        &[slope(1.0), slope(-1.0)],
        entity,
    ));
    // A vent line under the ridge tiles, a little warmer than the roof.
    let celsius = scene.surfaces[surfaces.0].celsius + 0.8;
    let tiles = scene.surface(celsius, 0.9, 0.2);
    let middle = f64::midpoint(low, high);
    let (mut a, mut b) = ([u0, v0, ridge - 0.15], [u1, v1, ridge + 0.02]);
    (a[axis], b[axis]) = (middle - 0.18, middle + 0.18);
    scene
        .bodies
        .push(Body::cuboid(a, b, (tiles, tiles), entity));
    ridge
}

/// Corners and ridge of what [`gable`] builds: a slope ends at the overhang or where it has dropped far enough.
fn outline(plot: &Plot, [u0, v0, u1, v1]: [f64; 4], surface: SurfaceId) -> Roof {
    let slope = plot.pitch.to_radians().tan();
    let beyond = OVERHANG.min(DROP / slope);
    let low = EAVES - beyond * slope;
    let (du, dv) = if plot.ridge_along {
        (0.0, beyond)
    } else {
        (beyond, 0.0)
    };
    let (u, v) = (f64::midpoint(u0, u1), f64::midpoint(v0, v1));
    let ridge = if plot.ridge_along {
        [[u0, v], [u1, v]].map(|[u, v]| [u, v, EAVES + (v1 - v0) / 2.0 * slope])
    } else {
        [[u, v0], [u, v1]].map(|[u, v]| [u, v, EAVES + (u1 - u0) / 2.0 * slope])
    };
    Roof {
        corners: [
            [u0 - du, v0 - dv, low],
            [u1 + du, v0 - dv, low],
            [u1 + du, v1 + dv, low],
            [u0 - du, v1 + dv, low],
        ],
        ridge,
        surface,
    }
}

fn chimney(
    scene: &mut Scene,
    plot: &Plot,
    [u0, v0, u1, v1]: [f64; 4],
    ridge: f64,
    entity: u32,
    rng: &mut ChaCha8Rng,
) {
    let in_use = rng.random_range(0..3_u8) == 0;
    let brick = scene.element(if in_use { 5.0 } else { 1.2 }, 0.94, 0.5, 0.2);
    let flue = scene.surface(if in_use { 24.0 } else { 0.5 }, 0.95, 0.5);
    let (u, v) = if plot.ridge_along {
        (u1 - 0.5, f64::midpoint(v0, v1))
    } else {
        (f64::midpoint(u0, u1), v1 - 0.6)
    };
    let (low, high) = (
        [u - 0.45, v - 0.3, ridge - 1.2],
        [u + 0.45, v + 0.3, ridge + 1.0],
    );
    scene
        .bodies
        .push(Body::cuboid(low, high, (brick, brick), entity));
    for pot in [-0.22, 0.22] {
        let centre = [u + pot, v, ridge + 1.1];
        scene
            .bodies
            .push(Body::ellipsoid(centre, [0.13, 0.13, 0.25], flue, entity));
    }
}

fn pane(scene: &mut Scene, rng: &mut ChaCha8Rng, sky_view: f64) -> SurfaceId {
    let glazing = pick(&[1.2, 1.6, 2.8, 2.8, 4.8], rng);
    scene.element(glazing, 0.88, sky_view, 0.15)
}

fn roof_light(scene: &mut Scene, plot: &Plot, [u0, v0, u1, v1]: [f64; 4], rng: &mut ChaCha8Rng) {
    let glass = pane(scene, rng, 0.85);
    let window = scene.thing(Kind::Window);
    let (sin, cos) = plot.pitch.to_radians().sin_cos();
    let direction = if rng.random_range(0..2_u8) == 0 {
        1.0
    } else {
        -1.0
    };
    let (axis, low, high) = if plot.ridge_along {
        (1, v0, v1)
    } else {
        (0, u0, u1)
    };
    let middle = f64::midpoint(low, high);
    let ridge = EAVES + (high - low) / 2.0 * sin / cos;
    let across = middle + direction * (high - low) / 4.0;
    let mut normal = [0.0, 0.0, cos];
    normal[axis] = direction * sin;
    let top = Face {
        normal,
        offset: direction * sin * middle + cos * ridge + 0.06,
        surface: glass,
    };
    let height = EAVES + (high - low) / 4.0 * sin / cos;
    let other = 1 - axis;
    let along = if axis == 1 {
        f64::midpoint(u0, u1)
    } else {
        f64::midpoint(v0, v1)
    };
    let (mut a, mut b) = ([0.0, 0.0, height - 0.7], [0.0, 0.0, height + 0.7]);
    (a[axis], b[axis]) = (across - 0.5, across + 0.5);
    (a[other], b[other]) = (along - 0.45, along + 0.45);
    scene
        .bodies
        .push(Body::clipped(a, b, (glass, glass), &[top], window));
}

/// Two windows upstairs, a window and a door downstairs; lit rooms are warmer.
fn openings(scene: &mut Scene, plot: &Plot, distance: f64, rng: &mut ChaCha8Rng) {
    let width = plot.u1 - plot.u0;
    for (share, sill, half_width, height) in [
        (0.27, 0.9, 0.85, 1.4),
        (0.27, 3.1, 0.7, 1.2),
        (0.75, 3.1, 0.6, 1.2),
    ] {
        let glass = pane(scene, rng, 0.45);
        let window = scene.thing(Kind::Window);
        let u = plot.u0 + share * width;
        let (v0, v1) = plot.span(distance - 0.04, distance + 0.04);
        scene.bodies.push(Body::cuboid(
            [u - half_width, v0, sill],
            [u + half_width, v1, sill + height],
            (glass, glass),
            window,
        ));
    }
    let door = scene.element(3.0, 0.92, 0.45, 0.1);
    let u = plot.u0 + 0.75 * width;
    let (v0, v1) = plot.span(distance - 0.05, distance + 0.05);
    scene.bodies.push(Body::cuboid(
        [u - 0.5, v0, 0.1],
        [u + 0.5, v1, 2.1],
        (door, door),
        0,
    ));
}
