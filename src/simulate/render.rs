//! What a perfect camera would see: one ray a pixel.
//!
//! In: the scene, the bodies that move, a pose. Out: apparent temperatures and which thing each pixel
//! shows. Refuses: nothing; a ray that meets nothing sees the sky.

use super::flight::{Pose, Shot};
use super::people::Person;
use super::scene::{Grid, Kind, Scene, to_block, to_enu};
use super::solid::{Body, Hit, Vec3, along, dot, unit};
use super::thermal::NIGHT;
use super::truth::Sighting;

/// Columns of a frame.
pub(super) const WIDTH: usize = 640;
/// Rows of a frame.
pub(super) const HEIGHT: usize = 512;

/// A scene ready to be seen.
#[derive(Debug)]
pub(super) struct World {
    pub scene: Scene,
    standing: Grid,
    people: Vec<Person>,
}

/// A frame before the camera spoils it.
#[derive(Debug)]
pub(super) struct View {
    /// Apparent temperature, °C, row by row.
    pub celsius: Vec<f64>,
    /// People, vehicles, windows and bicycles that can be seen.
    pub sightings: Vec<Sighting>,
}

impl World {
    pub(super) fn new(mut scene: Scene, people: Vec<Person>) -> Self {
        let bodies = std::mem::take(&mut scene.bodies);
        let standing = Grid::new(bodies, scene.half + 5.0);
        Self {
            scene,
            standing,
            people,
        }
    }

    /// Renders what `shot` sees.
    pub(super) fn render(&self, shot: &Shot) -> View {
        let mut bodies = Vec::new();
        for person in &self.people {
            person.at(shot.seconds, &mut bodies);
        }
        let moving = Grid::new(bodies, self.scene.half + 5.0);
        let camera = Rays::new(&shot.pose, shot.focal_px);
        let mut celsius = Vec::with_capacity(WIDTH * HEIGHT);
        let mut things = Vec::with_capacity(WIDTH * HEIGHT);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let ray = camera.ray(x, y);
                let (seen, thing) = self.look(camera.origin, ray, &moving);
                celsius.push(seen);
                things.push(thing);
            }
        }
        let sightings = self.sightings(&camera, &moving, &things);
        View { celsius, sightings }
    }

    /// Height in metres and kinetic temperature in °C of what lasts, seen from straight above.
    pub(super) fn top(&self, east: f64, north: f64) -> (f64, f64) {
        let origin = to_block([east, north, 100.0]);
        let down = [0.0, 0.0, -1.0];
        let lasting = |body: &Body| !self.kind(body.entity).is_passing();
        if let Some(hit) = self.standing.hit(origin, down, 100.0, lasting) {
            let place = along(origin, down, hit.t);
            return (place[2], self.kinetic(hit.surface, place));
        }
        let ground = self.scene.ground_at(origin[0], origin[1]);
        (0.0, self.kinetic(ground, [origin[0], origin[1], 0.0]))
    }

    /// Apparent temperature in °C of what stands there, seen from straight above `height` metres up.
    pub(super) fn apparent(&self, east: f64, north: f64, height: f64) -> f64 {
        let origin = to_block([east, north, height]);
        let nobody = Grid::new(Vec::new(), self.scene.half + 5.0);
        self.look(origin, [0.0, 0.0, -1.0], &nobody).0
    }

    fn kind(&self, thing: u32) -> Kind {
        let kind = self.scene.kinds.get(thing as usize);
        kind.copied().unwrap_or(Kind::Ground)
    }

    fn kinetic(&self, surface: usize, place: Vec3) -> f64 {
        let surface = &self.scene.surfaces[surface];
        let coarse = noise([place[0] / 2.3, place[1] / 2.3, place[2] / 2.3]);
        let fine = noise([place[0] / 0.35, place[1] / 0.35, place[2] / 0.35]);
        surface.celsius + surface.texture * (0.65 * coarse + 0.45 * fine)
    }

    /// Apparent temperature along a unit ray, and the thing that is seen.
    fn look(&self, origin: Vec3, ray: Vec3, moving: &Grid) -> (f64, u32) {
        let horizon = if ray[2] < -1e-4 {
            -origin[2] / ray[2]
        } else {
            return (NIGHT.sky_at(ray[2]), 0);
        };
        let standing = self.standing.hit(origin, ray, horizon, |_| true);
        let far = standing.map_or(horizon, |hit| hit.t);
        let hit = moving.hit(origin, ray, far, |_| true).or(standing);
        let ground = along(origin, ray, horizon);
        let hit = hit.unwrap_or_else(|| Hit {
            t: horizon,
            normal: [0.0, 0.0, 1.0],
            surface: self.scene.ground_at(ground[0], ground[1]),
            entity: 0,
        });
        let place = along(origin, ray, hit.t);
        let towards = -dot(ray, hit.normal);
        // Emissivity falls at grazing angles as reflectance rises (Schlick, 1994).
        let normal_emissivity = self.scene.surfaces[hit.surface].emissivity;
        let emissivity = normal_emissivity * (1.0 - (1.0 - towards.clamp(0.0, 1.0)).powi(5));
        let mirrored = along(ray, hit.normal, 2.0 * towards);
        let reflected = if mirrored[2] > 0.05 {
            NIGHT.sky_at(mirrored[2])
        } else {
            NIGHT.air
        };
        let kinetic = self.kinetic(hit.surface, place);
        let seen = NIGHT.apparent(kinetic, emissivity, reflected, hit.t);
        (seen, hit.entity)
    }

    /// Boxes around the things in `things`, with the share of each that nothing hides.
    fn sightings(&self, camera: &Rays, moving: &Grid, things: &[u32]) -> Vec<Sighting> {
        let mut found = std::collections::BTreeMap::<u32, Sighting>::new();
        for (index, &thing) in things.iter().enumerate() {
            if let Some(category) = category(self.kind(thing)) {
                let (x, y) = (index % WIDTH, index / WIDTH);
                let sighting = found.entry(thing);
                sighting
                    .or_insert_with(|| Sighting::new(category, thing))
                    .add(x, y);
            }
        }
        for (&thing, sighting) in &mut found {
            let bodies = self.standing.bodies().iter().chain(moving.bodies());
            let own: Vec<&Body> = bodies.filter(|body| body.entity == thing).collect();
            sighting.unhidden_px = camera.count(&own);
        }
        let mut sightings: Vec<_> = found.into_values().collect();
        sightings.retain(Sighting::counts);
        sightings
    }
}

/// COCO category of a kind: 1 person, 2 vehicle, 3 bicycle, 4 window.
fn category(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Person => Some(1),
        Kind::Vehicle => Some(2),
        Kind::Bicycle => Some(3),
        Kind::Window => Some(4),
        Kind::Ground | Kind::Building | Kind::Plant => None,
    }
}

/// The rays of a camera in block axes (DOMAIN section 2).
struct Rays {
    origin: Vec3,
    forward: Vec3,
    right: Vec3,
    down: Vec3,
    focal_px: f64,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels are counted in the hundreds"
)]
impl Rays {
    fn new(pose: &Pose, focal_px: f64) -> Self {
        let [forward, right, down] = pose.axes();
        Self {
            origin: to_block([pose.east, pose.north, pose.up]),
            forward: to_block(forward),
            right: to_block(right),
            down: to_block(down),
            focal_px,
        }
    }

    fn ray(&self, x: usize, y: usize) -> Vec3 {
        let across = (x as f64 + 0.5 - WIDTH as f64 / 2.0) / self.focal_px;
        let downwards = (y as f64 + 0.5 - HEIGHT as f64 / 2.0) / self.focal_px;
        unit(along(
            along(self.forward, self.right, across),
            self.down,
            downwards,
        ))
    }

    /// Pixels that `bodies` would cover with nothing else in the scene.
    fn count(&self, bodies: &[&Body]) -> usize {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for body in bodies {
            for corner in 0..8 {
                let pick = |axis: usize| {
                    if corner >> axis & 1 == 0 {
                        body.low[axis]
                    } else {
                        body.high[axis]
                    }
                };
                let point = along([pick(0), pick(1), pick(2)], self.origin, -1.0);
                let depth = dot(point, self.forward).max(0.1);
                let x = WIDTH as f64 / 2.0 + self.focal_px * dot(point, self.right) / depth;
                let y = HEIGHT as f64 / 2.0 + self.focal_px * dot(point, self.down) / depth;
                low = [low[0].min(x), low[1].min(y)];
                high = [high[0].max(x), high[1].max(y)];
            }
        }
        let clip = |value: f64, most: usize| (value.max(0.0) as usize).min(most);
        let columns = clip(low[0], WIDTH)..clip(high[0] + 1.0, WIDTH);
        let rows = clip(low[1], HEIGHT)..clip(high[1] + 1.0, HEIGHT);
        rows.map(|y| {
            let covered = |x: &usize| {
                let ray = self.ray(*x, y);
                bodies
                    .iter()
                    .any(|body| body.hit(self.origin, ray).is_some())
            };
            columns.clone().filter(covered).count()
        })
        .sum()
    }
}

/// Smooth noise in about `-1..=1`, from hashed lattice points.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "lattice points are hashed, not counted"
)]
fn noise(p: Vec3) -> f64 {
    let cell = p.map(f64::floor);
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let w = [0, 1, 2].map(|axis| ease(p[axis] - cell[axis]));
    let mut sum = 0.0;
    for corner in 0..8_u8 {
        let (mut weight, mut hash) = (1.0, 0x9E37_79B9_7F4A_7C15_u64);
        for axis in 0..3 {
            let upper = f64::from(corner >> axis & 1);
            weight *= if upper > 0.5 { w[axis] } else { 1.0 - w[axis] };
            hash ^= (cell[axis] + upper) as i64 as u64;
            hash = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
            hash ^= hash >> 29;
        }
        sum += weight * ((hash >> 40) as f64 / f64::from(1_u32 << 23) - 1.0);
    }
    sum
}

/// Corners of a footprint in metres east and north, counter-clockwise.
pub(super) fn corners([u0, v0, u1, v1]: [f64; 4]) -> [[f64; 2]; 4] {
    [[u0, v0], [u1, v0], [u1, v1], [u0, v1]].map(|[u, v]| {
        let place = to_enu([u, v, 0.0]);
        [place[0], place[1]]
    })
}
