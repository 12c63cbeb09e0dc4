//! The neighbourhood as data: surfaces, bodies, things with a name, and a grid that finds them.
//!
//! In: bodies from `houses` and `people`. Out: the nearest hit of a ray. Refuses: nothing; outside the
//! built-up square there is grass.
//!
//! Axes: `u` along the streets, `v` across them, `z` up, metres from the site; east-north-up is turned
//! into them by [`to_block`].

use super::solid::{Body, Hit, SurfaceId, Vec3};
use super::thermal::{Behind, NIGHT, Surface};

/// Distance between the middles of neighbouring streets, metres.
pub(super) const STREET_EVERY: f64 = 58.0;
/// Distance between cross roads, metres.
pub(super) const CROSS_EVERY: f64 = 124.0;
/// Half the width of the carriageway, metres.
pub(super) const KERB: f64 = 2.75;
/// From the middle of the street to the end of the pavement, metres.
pub(super) const PAVEMENT: f64 = 4.75;
/// No body is higher, metres.
const TALLEST: f64 = 14.0;
/// Side of a grid cell, metres.
const CELL: f64 = 6.0;
/// Direction of the streets, degrees counter-clockwise from east.
const STREET_ANGLE: f64 = 11.0;

/// What a body is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ground,
    Building,
    Window,
    Plant,
    Vehicle,
    Bicycle,
    Person,
}

impl Kind {
    /// People and what they drive: gone tomorrow, so no part of height and temperature truth.
    pub(super) fn is_passing(self) -> bool {
        matches!(self, Self::Vehicle | Self::Bicycle | Self::Person)
    }
}

/// A dwelling for the truth.
#[derive(Debug, Clone)]
pub(super) struct Dwelling {
    /// Twelve digits that no real property has.
    pub uprn: u64,
    /// Footprint in block axes: `u0, v0, u1, v1`.
    pub footprint: [f64; 4],
    /// U-value of the roof, W/(m² K).
    pub roof_u: f64,
    /// Kinetic temperature of the roof, °C.
    pub roof_celsius: f64,
    /// Emissivity of the roof.
    pub roof_emissivity: f64,
    pub roof: Roof,
    /// Of all its walls.
    pub wall: SurfaceId,
    /// Insulated since the neighbourhood was built.
    pub refurbished: bool,
}

/// Where a pitched roof lies, in block axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roof {
    /// At the eaves, counter-clockwise from the lowest `u` and `v`.
    pub corners: [Vec3; 4],
    pub ridge: [Vec3; 2],
    pub surface: SurfaceId,
}

/// Bodies sorted into square cells.
#[derive(Debug)]
pub(super) struct Grid {
    bodies: Vec<Body>,
    cells: Vec<Vec<u32>>,
    across: usize,
    half: f64,
}

/// Everything that stands still, and the surfaces of everything.
#[derive(Debug)]
pub(super) struct Scene {
    pub surfaces: Vec<Surface>,
    pub kinds: Vec<Kind>,
    pub bodies: Vec<Body>,
    pub dwellings: Vec<Dwelling>,
    /// Half the side of the built-up square, metres.
    pub half: f64,
    grass: SurfaceId,
    road: SurfaceId,
    pavement: SurfaceId,
}

/// Turns a vector from east-north-up into block axes.
pub(super) fn to_block(v: Vec3) -> Vec3 {
    let (sin, cos) = STREET_ANGLE.to_radians().sin_cos();
    [v[0] * cos + v[1] * sin, v[1] * cos - v[0] * sin, v[2]]
}

/// Turns a vector from block axes into east-north-up.
pub(super) fn to_enu(v: Vec3) -> Vec3 {
    let (sin, cos) = STREET_ANGLE.to_radians().sin_cos();
    [v[0] * cos - v[1] * sin, v[1] * cos + v[0] * sin, v[2]]
}

/// Distance to the nearest multiple of `every`.
fn from_line(value: f64, every: f64) -> f64 {
    (value - (value / every).round() * every).abs()
}

/// Distance to the middle of the nearest cross road, metres.
pub(super) fn from_cross_road(u: f64) -> f64 {
    from_line(u - CROSS_EVERY / 2.0, CROSS_EVERY)
}

impl Scene {
    /// Bare ground: streets, pavements and grass.
    pub(super) fn bare(half: f64) -> Self {
        let mut scene = Self {
            surfaces: Vec::new(),
            kinds: vec![Kind::Ground],
            bodies: Vec::new(),
            dwellings: Vec::new(),
            half,
            grass: 0,
            road: 0,
            pavement: 0,
        };
        scene.grass = scene.ground(1.1, 0.97, 0.95, 0.9);
        scene.road = scene.ground(4.5, 0.94, 0.9, 0.35);
        scene.pavement = scene.ground(3.4, 0.93, 0.85, 0.3);
        scene
    }

    /// Adds a surface at a known temperature.
    pub(super) fn surface(&mut self, celsius: f64, emissivity: f64, texture: f64) -> SurfaceId {
        self.surfaces.push(Surface {
            celsius,
            emissivity,
            texture,
        });
        self.surfaces.len() - 1
    }

    /// Adds a building element of U-value `u` that sees `sky_view` of the sky.
    pub(super) fn element(
        &mut self,
        u: f64,
        emissivity: f64,
        sky_view: f64,
        texture: f64,
    ) -> SurfaceId {
        let celsius = NIGHT.surface(Behind::element(u, NIGHT.indoor), emissivity, sky_view);
        self.surface(celsius, emissivity, texture)
    }

    /// Adds a surface that lies on soil of 7 °C with `conductance`, W/(m² K), in between.
    pub(super) fn ground(
        &mut self,
        conductance: f64,
        emissivity: f64,
        sky_view: f64,
        texture: f64,
    ) -> SurfaceId {
        let soil = Behind {
            conductance,
            celsius: 7.0,
        };
        let celsius = NIGHT.surface(soil, emissivity, sky_view);
        self.surface(celsius, emissivity, texture)
    }

    /// Adds a thing; its bodies carry the returned number.
    pub(super) fn thing(&mut self, kind: Kind) -> u32 {
        self.kinds.push(kind);
        u32::try_from(self.kinds.len() - 1).unwrap_or(0)
    }

    /// What lies on the ground there.
    pub(super) fn ground_at(&self, u: f64, v: f64) -> SurfaceId {
        if u.abs() > self.half || v.abs() > self.half {
            return self.grass;
        }
        let nearest = from_line(v, STREET_EVERY).min(from_cross_road(u));
        if nearest < KERB {
            self.road
        } else if nearest < PAVEMENT {
            self.pavement
        } else {
            self.grass
        }
    }
}

/// By how much the box around a body is larger than the body, metres: rounding loses no hit on a face or an edge.
const SPARE: f64 = 1e-6;

/// Whether a ray meets the box around a body before `nearest` (slabs: Kay and Kajiya, 1986): most bodies of a cell are missed.
fn meets_box(body: &Body, origin: Vec3, inverse: Vec3, nearest: f64) -> bool {
    let (mut enter, mut leave) = (0.0_f64, nearest);
    for (axis, inverse) in inverse.into_iter().enumerate() {
        let (a, b) = (
            (body.low[axis] - SPARE - origin[axis]) * inverse,
            (body.high[axis] + SPARE - origin[axis]) * inverse,
        );
        enter = enter.max(a.min(b));
        leave = leave.min(a.max(b));
    }
    enter <= leave
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "cells are counted in the hundreds and clamped to the grid"
)]
impl Grid {
    /// Sorts `bodies` that lie within `half` metres of the middle.
    pub(super) fn new(bodies: Vec<Body>, half: f64) -> Self {
        let across = (2.0 * half / CELL).ceil() as usize + 1;
        let mut grid = Self {
            bodies,
            cells: vec![Vec::new(); across * across],
            across,
            half,
        };
        for (index, body) in (0_u32..).zip(&grid.bodies) {
            let (u0, v0) = (grid.cell(body.low[0]), grid.cell(body.low[1]));
            let (u1, v1) = (grid.cell(body.high[0]), grid.cell(body.high[1]));
            for row in v0..=v1 {
                for column in u0..=u1 {
                    grid.cells[row * across + column].push(index);
                }
            }
        }
        grid
    }

    pub(super) fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    fn cell(&self, value: f64) -> usize {
        (((value + self.half) / CELL).max(0.0) as usize).min(self.across - 1)
    }

    /// The nearest body that `keep` accepts on a ray that starts above all of them and ends at `far`
    /// (Amanatides and Woo, 1987).
    pub(super) fn hit(
        &self,
        origin: Vec3,
        direction: Vec3,
        far: f64,
        keep: impl Fn(&Body) -> bool,
    ) -> Option<Hit> {
        if direction[2] >= 0.0 {
            return None;
        }
        let mut t = ((TALLEST - origin[2]) / direction[2]).max(0.0);
        let mut end = far;
        let inverse = direction.map(|by| 1.0 / by);
        for axis in 0..2 {
            let (a, b) = (
                (-self.half - origin[axis]) * inverse[axis],
                (self.half - origin[axis]) * inverse[axis],
            );
            t = t.max(a.min(b));
            end = end.min(a.max(b));
        }
        let mut best: Option<Hit> = None;
        while t < end {
            let inside = t + 1e-6;
            let place = [
                origin[0] + direction[0] * inside,
                origin[1] + direction[1] * inside,
            ];
            let cell = [self.cell(place[0]), self.cell(place[1])];
            for &index in &self.cells[cell[1] * self.across + cell[0]] {
                let body = &self.bodies[index as usize];
                let nearest = best.map_or(far, |best| best.t);
                if meets_box(body, origin, inverse, nearest)
                    && let Some(hit) = body.hit(origin, direction)
                    && best.is_none_or(|best| hit.t < best.t)
                    && keep(body)
                {
                    best = Some(hit);
                }
            }
            let mut next = f64::INFINITY;
            for axis in 0..2 {
                let edge = if direction[axis] > 0.0 {
                    cell[axis] as f64 + 1.0
                } else {
                    cell[axis] as f64
                };
                let crossing = (edge * CELL - self.half - origin[axis]) / direction[axis];
                if crossing > t {
                    next = next.min(crossing);
                }
            }
            if best.is_some_and(|best| best.t <= next) {
                break;
            }
            t = next.max(t + 1e-6);
        }
        best.filter(|best| best.t < far)
    }
}
