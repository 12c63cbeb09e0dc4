//! People on foot and on bicycles, who move while the drone flies.
//!
//! In: a random generator, then a time. Out: bodies at that time. Refuses: nothing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::scene::{Kind, PAVEMENT, STREET_EVERY, Scene};
use super::solid::{Body, SurfaceId, along};

/// Where somebody walks to and fro.
#[derive(Debug)]
pub(super) struct Person {
    entity: u32,
    bicycle: Option<u32>,
    from: [f64; 2],
    to: [f64; 2],
    /// Metres walked at time zero, along the way there and back.
    start: f64,
    speed: f64,
    size: f64,
    clothes: Clothes,
}

#[derive(Debug, Clone, Copy)]
struct Clothes {
    head: SurfaceId,
    coat: SurfaceId,
    legs: SurfaceId,
    metal: SurfaceId,
}

/// Puts people on every street: walkers on both pavements, some cyclists, some who stand in gardens.
pub(super) fn populate(scene: &mut Scene, rng: &mut ChaCha8Rng) -> Vec<Person> {
    let mut people = Vec::new();
    let mut street = -(scene.half / STREET_EVERY).floor() * STREET_EVERY;
    while street.abs() <= scene.half {
        let mut u = -scene.half + 20.0;
        while u < scene.half - 20.0 {
            for side in [-1.0, 1.0] {
                let v = street + side * rng.random_range(3.2..PAVEMENT - 0.3);
                let reach = rng.random_range(6.0..18.0);
                let speed = rng.random_range(0.7..1.5);
                people.push(person(
                    scene,
                    [u - reach, v],
                    [u + reach, v],
                    speed,
                    false,
                    rng,
                ));
                if rng.random_range(0..4_u8) == 0 {
                    // A companion beside the walker.
                    let (v, start) = (v + 0.6, people.last().map_or(0.0, |p| p.start));
                    let mut other =
                        person(scene, [u - reach, v], [u + reach, v], speed, false, rng);
                    other.start = start;
                    people.push(other);
                }
            }
            if rng.random_range(0..3_u8) == 0 {
                let v = street + rng.random_range(-1.2..1.2);
                people.push(person(scene, [u - 30.0, v], [u + 30.0, v], 2.5, true, rng));
            }
            let (v, stray) = (
                street + rng.random_range(21.0..26.0),
                rng.random_range(-8.0..8.0),
            );
            let here = [u + stray, v];
            people.push(person(
                scene,
                here,
                [here[0] + 0.5, v + 0.5],
                0.05,
                false,
                rng,
            ));
            u += rng.random_range(18.0..26.0);
        }
        street += STREET_EVERY;
    }
    people
}

fn person(
    scene: &mut Scene,
    from: [f64; 2],
    to: [f64; 2],
    speed: f64,
    cycling: bool,
    rng: &mut ChaCha8Rng,
) -> Person {
    let entity = scene.thing(Kind::Person);
    let bicycle = cycling.then(|| scene.thing(Kind::Bicycle));
    let clothes = Clothes {
        head: scene.surface(rng.random_range(26.0..31.0), 0.97, 1.0),
        coat: scene.surface(rng.random_range(19.0..27.0), 0.95, 2.0),
        legs: scene.surface(rng.random_range(19.0..25.0), 0.95, 1.5),
        metal: scene.surface(-0.5, 0.6, 0.1),
    };
    Person {
        entity,
        bicycle,
        from,
        to,
        start: rng.random_range(0.0..60.0),
        speed,
        size: rng.random_range(0.9..1.06),
        clothes,
    }
}

impl Person {
    /// The bodies at `seconds` after take-off.
    pub(super) fn at(&self, seconds: f64, bodies: &mut Vec<Body>) {
        let way = [self.to[0] - self.from[0], self.to[1] - self.from[1]];
        let length = way[0].hypot(way[1]);
        let walked = self.start + self.speed * seconds;
        let there = walked.rem_euclid(2.0 * length);
        let share = (length - (there - length).abs()) / length;
        let (forward, left) = (
            [way[0] / length, way[1] / length, 0.0],
            [-way[1] / length, way[0] / length, 0.0],
        );
        let ground = [
            self.from[0] + way[0] * share,
            self.from[1] + way[1] * share,
            0.0,
        ];
        let step = (walked * 4.2).sin() * 0.2;
        let mut part = |ahead: f64, aside: f64, up: f64, radii: [f64; 3], surface| {
            let mut centre = along(along(ground, forward, ahead), left, aside);
            centre[2] = up;
            let scaled = [radii[0], radii[1], radii[2]].map(|r| r * self.size);
            let centre = [centre[0], centre[1], centre[2] * self.size];
            bodies.push(Body::ellipsoid(centre, scaled, surface, self.entity));
        };
        let raised = if self.bicycle.is_some() { 0.25 } else { 0.0 };
        part(
            0.05,
            0.0,
            1.6 + raised,
            [0.13, 0.13, 0.17],
            self.clothes.head,
        );
        part(0.0, 0.0, 1.18 + raised, [0.2, 0.27, 0.4], self.clothes.coat);
        for side in [-1.0, 1.0] {
            let swing = side * step;
            part(
                -swing,
                side * 0.27,
                1.12 + raised,
                [0.16, 0.11, 0.34],
                self.clothes.coat,
            );
            part(
                swing,
                side * 0.12,
                0.48 + raised,
                [0.16, 0.13, 0.5],
                self.clothes.legs,
            );
        }
        if let Some(bicycle) = self.bicycle {
            for ahead in [-0.55, 0.55] {
                let mut centre = along(ground, forward, ahead);
                centre[2] = 0.34;
                let metal = self.clothes.metal;
                let wheel = Body::ellipsoid(centre, [0.34, 0.05, 0.34], metal, bicycle);
                bodies.push(wheel);
            }
            let (low, high) = (
                [ground[0] - 0.6, ground[1] - 0.04, 0.5],
                [ground[0] + 0.6, ground[1] + 0.04, 0.85],
            );
            let metal = (self.clothes.metal, self.clothes.metal);
            bodies.push(Body::cuboid(low, high, metal, bicycle));
        }
    }
}
