//! What makes a neighbourhood easy to survey: old roofs, empty streets, panels of known temperature; and the truth
//! about panels and roofs.
//!
//! In: a scene. Out: panels in it, `targets.json`, `roofs.json`. Refuses: places where something stands.

use serde_json::{Value, json};

use super::SimulateError;
use super::geodesy::{ELEVATION, Site};
use super::render::World;
use super::scene::{Dwelling, Kind, Scene, to_enu};
use super::solid::Body;
use super::thermal::{Behind, NIGHT};
use super::truth::round;

/// Side of a panel, metres.
const SIDE: f64 = 3.0;
/// Free ground around a panel, metres.
const MARGIN: f64 = 2.5;
/// Between places that are tried, metres, and their number along half the side at most.
const EVERY: f64 = 1.0;
const PLACES: f64 = 60.0;
/// Flat enough to lie under a panel: paving slabs, metres.
const FLAT: f64 = 0.06;
/// Temperatures in turn, °C: within the range of the ground around.
const CELSIUS: [f64; 4] = [-2.0, 4.0, 1.0, 7.0];

/// U-values of roofs that nobody insulated, W/(m² K): warmer than gardens and streets, no two alike.
const ROOFS: [f64; 2] = [2.6, 4.6];
/// Share of that range from one roof to the next, round and round: neighbours differ, and all of it is used (golden section).
const NEXT: f64 = 0.618_033_988_75;
/// Of these roofs; what they mirror of the sky depends on where one looks from, and should be little.
const EMISSIVITY: f64 = 0.96;

/// A panel on the ground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// Block axes: `u0, v0, u1, v1`.
    place: [f64; 4],
    celsius: f64,
}

/// Lays panels wherever nothing stands, within `half` metres of the middle.
pub(super) fn lay(scene: &mut Scene, half: f64) -> Vec<Target> {
    let surfaces = CELSIUS.map(|celsius| (celsius, scene.surface(celsius, 1.0, 0.0)));
    let every = EVERY.max(half / PLACES);
    let places = |from: f64| {
        (0_u32..)
            .map(move |index| from + every * f64::from(index))
            .take_while(move |place| *place <= half)
    };
    let mut targets: Vec<Target> = Vec::new();
    for v in places(-half) {
        for u in places(-half) {
            let reach = SIDE / 2.0 + MARGIN;
            let blocks = |body: &Body| {
                let apart = |axis: usize, at: f64| {
                    body.low[axis] > at + reach || body.high[axis] < at - reach
                };
                body.high[2] > FLAT && !apart(0, u) && !apart(1, v)
            };
            if scene.bodies.iter().any(blocks) {
                continue;
            }
            let (celsius, surface) = surfaces[targets.len() % surfaces.len()];
            let place = [
                u - SIDE / 2.0,
                v - SIDE / 2.0,
                u + SIDE / 2.0,
                v + SIDE / 2.0,
            ];
            scene.bodies.push(Body::cuboid(
                [place[0], place[1], 0.0],
                [place[2], place[3], FLAT + 0.02],
                (surface, surface),
                0,
            ));
            targets.push(Target { place, celsius });
        }
    }
    targets
}

/// Takes the insulation out of all roofs, so that each stands out from what lies around it.
pub(super) fn warm_roofs(scene: &mut Scene) {
    let mut share = 0.0_f64;
    for dwelling in &mut scene.dwellings {
        let u = round(ROOFS[0] + share * (ROOFS[1] - ROOFS[0]), 3);
        share = (share + NEXT).fract();
        let celsius = NIGHT.surface(Behind::element(u, NIGHT.indoor), EMISSIVITY, 0.9);
        if let Some(surface) = scene.surfaces.get_mut(dwelling.roof.surface) {
            (surface.celsius, surface.emissivity) = (celsius, EMISSIVITY);
        }
        (dwelling.roof_u, dwelling.roof_celsius) = (u, celsius);
        dwelling.roof_emissivity = EMISSIVITY;
    }
}

/// Leaves only what lasts: no people, no cars.
pub(super) fn clear_streets(scene: &mut Scene) {
    let kinds = &scene.kinds;
    let kind = |body: &Body| kinds.get(body.entity as usize).copied();
    scene
        .bodies
        .retain(|body| !kind(body).is_some_and(Kind::is_passing));
}

/// Easting and northing in UTM zone 30N, metres, of a point in block axes.
fn utm(site: &Site, u: f64, v: f64) -> Result<[f64; 2], SimulateError> {
    let [east, north, _] = to_enu([u, v, 0.0]);
    let (east, north) = site.to_utm(east, north)?;
    Ok([round(east, 3), round(north, 3)])
}

/// Panels: corners in UTM zone 30N counter-clockwise, kinetic temperature (emissivity is 1) and the apparent one
/// `distance` metres away through the air of the night.
pub(super) fn targets(
    targets: &[Target],
    site: &Site,
    distance: f64,
) -> Result<Value, SimulateError> {
    let mut found = Vec::with_capacity(targets.len());
    for target in targets {
        let [u0, v0, u1, v1] = target.place;
        let mut corners = Vec::new();
        for [u, v] in [[u0, v0], [u1, v0], [u1, v1], [u0, v1]] {
            corners.push(utm(site, u, v)?);
        }
        let apparent = NIGHT.apparent(target.celsius, 1.0, NIGHT.air, distance);
        found.push(json!({
            "corners": corners,
            "celsius": target.celsius,
            "apparent_celsius": round(apparent, 3),
        }));
    }
    Ok(json!({ "crs": "EPSG:32630", "targets": found }))
}

/// Roofs: four corners at the eaves counter-clockwise and two ends of the ridge, each easting, northing (UTM
/// zone 30N) and height in the datum of the surface model; which of the four edges no other roof continues; kinetic temperatures of roof and walls.
pub(super) fn roofs(world: &World, site: &Site) -> Result<Value, SimulateError> {
    let dwellings = &world.scene.dwellings;
    let mut found = Vec::with_capacity(dwellings.len());
    for dwelling in dwellings {
        let point = |[u, v, z]: [f64; 3]| -> Result<Value, SimulateError> {
            let [east, north] = utm(site, u, v)?;
            Ok(json!({"east": east, "north": north, "height": round(ELEVATION + z, 3)}))
        };
        let all = |points: &[[f64; 3]]| -> Result<Vec<Value>, SimulateError> {
            points.iter().copied().map(point).collect()
        };
        let wall = world.scene.surfaces.get(dwelling.wall);
        found.push(json!({
            "uprn": dwelling.uprn.to_string(),
            "corners": all(&dwelling.roof.corners)?,
            "ridge": all(&dwelling.roof.ridge)?,
            "free_edges": free_edges(dwelling, dwellings),
            "roof_celsius": round(dwelling.roof_celsius, 2),
            "wall_celsius": wall.map(|wall| round(wall.celsius, 2)),
        }));
    }
    Ok(json!({ "crs": "EPSG:32630", "takeoff_elevation_m": ELEVATION, "roofs": found }))
}

/// Edges from corner to corner, counter-clockwise from the lower `v`; terraces share the ones across the street.
fn free_edges(dwelling: &Dwelling, all: &[Dwelling]) -> [bool; 4] {
    let [u0, v0, u1, v1] = dwelling.footprint;
    let joins = |edge: f64, side: usize| {
        all.iter().any(|other| {
            let [_, low, _, high] = other.footprint;
            (other.footprint[side] - edge).abs() < 0.2 && low < v1 && high > v0
        })
    };
    [true, !joins(u1, 0), true, !joins(u0, 2)]
}
