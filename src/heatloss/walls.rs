//! Walls of buildings: where they stand, and one row a side from what oblique frames saw of them.
//!
//! In: outlines, heights of the surface, temperatures of places on walls. Out: places to look at, [`Part`] rows. Refuses: walls under 2 m, and what stands
//! within a metre of a wall's edge: there a mean over a metre holds roof or garden too.
//!
//! Temperatures of walls come from frames in which every wall is a mean over at least a metre, so that no window can be told.

use std::collections::BTreeMap;

use super::parts::{Face, Part};
use super::{
    Building, BuildingOptions, Footprint, Grade, HotSpots, Night, Reason, Ring, Verdict,
    ZoneStatistics, signed_area,
};
use crate::units::Metres;

/// Metres between two places along a wall and up it.
const STEP: f64 = 1.0;
/// Metres from a wall's edges within which a mean over a metre holds something else.
const EDGE: f64 = 1.0;
/// Lowest wall that has a row, metres: as a wall of the map.
const LEAST_HEIGHT: f64 = 2.0;
/// Metres before a wall where the ground is looked up, and behind it where the roof is: beyond eaves and beyond what the surface model smooths.
const BEFORE: f64 = 1.5;
const BEHIND: f64 = 0.75;
/// How far eaves hang below the roof's line, metres.
const EAVES: f64 = 0.3;
/// Of brick, render and concrete (DOMAIN section 4: .93 to .96).
const EMISSIVITY: f64 = 0.94;
/// Metres by which the outline of a wall in the table stands before it.
const DRAWN: f64 = 0.5;
/// Tilt of a wall, degrees.
const VERTICAL: f64 = 90.0;

/// A side of the compass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Within 45 degrees of north.
    North,
    /// Of east.
    East,
    /// Of south.
    South,
    /// Of west.
    West,
}

impl Side {
    /// Of a direction east and north.
    fn of((east, north): (f64, f64)) -> Self {
        match (north.abs() >= east.abs(), north > 0.0, east > 0.0) {
            (true, true, _) => Self::North,
            (true, false, _) => Self::South,
            (false, _, true) => Self::East,
            (false, _, false) => Self::West,
        }
    }

    /// One letter.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::North => 'N',
            Self::East => 'E',
            Self::South => 'S',
            Self::West => 'W',
        }
    }
}

/// A place on a wall, about a square metre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallPlace {
    /// Number of its building.
    pub building: usize,
    /// Which way the wall looks.
    pub side: Side,
    /// Metres east and north in the map.
    pub place: (f64, f64),
    /// Above level 0 of the surface.
    pub up: f64,
    /// Unit vector away from the house, east and north.
    pub outward: (f64, f64),
    /// The edge of the outline on which it stands, metres east and north.
    pub edge: [(f64, f64); 2],
    /// Of the wall, m².
    pub area: f64,
    /// Whether it lies far enough from the wall's edges to be looked at.
    pub is_inner: bool,
}

/// What a frame saw at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallSight {
    /// Apparent temperature, a mean over a metre, °C.
    pub celsius: f32,
    /// Number of the frame's weather.
    pub night: usize,
    /// From the camera.
    pub distance: Metres,
}

/// The places of a building's walls; `height` is the surface's level at metres east and north, `None` where it is not known.
///
/// A wall stands where an outline's edge parts a roof from ground at least 2 m below it: between two houses of a terrace there is none.
#[must_use]
pub fn wall_places(
    building: usize,
    polygons: &[Vec<Ring>],
    height: impl Fn(f64, f64) -> Option<f64>,
) -> Vec<WallPlace> {
    let mut places = Vec::new();
    for ring in polygons.iter().filter_map(|rings| rings.first()) {
        let turn = signed_area(ring).signum();
        let next = ring.iter().cycle().skip(1);
        for (&(x0, y0), &(x1, y1)) in ring.iter().zip(next) {
            let (dx, dy) = (x1 - x0, y1 - y0);
            let length = dx.hypot(dy);
            if length < 2.0 * EDGE {
                continue;
            }
            let outward = (turn * dy / length, -turn * dx / length);
            let columns = (length / STEP).ceil().max(1.0);
            let mut column = 0.5;
            while column < columns {
                let share = column / columns;
                let foot = (x0 + share * dx, y0 + share * dy);
                let along = (share * length).min((1.0 - share) * length);
                let at =
                    |metres: f64| height(foot.0 + metres * outward.0, foot.1 + metres * outward.1);
                let levels = at(BEFORE).zip(at(-BEHIND)).zip(at(-2.0 * BEHIND));
                if let Some(((ground, near), far)) = levels {
                    // The roof's line, drawn on to the wall.
                    let top = near - (far - near).max(0.0) - EAVES;
                    let stands = Standing { ground, top, along };
                    stands.places(length / columns, |up, area, is_inner| {
                        places.push(WallPlace {
                            building,
                            side: Side::of(outward),
                            place: foot,
                            up,
                            outward,
                            edge: [(x0, y0), (x1, y1)],
                            area,
                            is_inner,
                        });
                    });
                }
                column += 1.0;
            }
        }
    }
    places
}

/// A column of wall.
struct Standing {
    ground: f64,
    top: f64,
    /// To the nearer end of the wall.
    along: f64,
}

impl Standing {
    fn places(&self, width: f64, mut put: impl FnMut(f64, f64, bool)) {
        let height = self.top - self.ground;
        if height < LEAST_HEIGHT {
            return;
        }
        let rows = (height / STEP).ceil();
        let mut row = 0.5;
        while row < rows {
            let up = row / rows * height;
            let is_inner = self.along >= EDGE && up >= EDGE && height - up >= EDGE;
            put(self.ground + up, width * height / rows, is_inner);
            row += 1.0;
        }
    }
}

/// Rows of the walls of which anything could be looked at, building by building, side by side. `places` and `sights` go together; `night` gives the
/// air of a weather over a distance.
#[must_use]
pub fn wall_parts(
    buildings: &[Building],
    places: &[WallPlace],
    sights: &[Option<WallSight>],
    options: &BuildingOptions,
    night: impl Fn(usize, Metres) -> Option<Night>,
) -> Vec<Part> {
    let mut seen: Vec<(&WallPlace, Option<&WallSight>)> = places
        .iter()
        .zip(sights.iter().map(Option::as_ref))
        .collect();
    seen.sort_by_key(|(place, _)| (place.building, place.side));
    let walls = seen.chunk_by(|(a, _), (b, _)| (a.building, a.side) == (b.building, b.side));
    walls
        .filter_map(|wall| wall_part(buildings, wall, options, &night))
        .collect()
}

fn wall_part(
    buildings: &[Building],
    wall: &[(&WallPlace, Option<&WallSight>)],
    options: &BuildingOptions,
    night: &impl Fn(usize, Metres) -> Option<Night>,
) -> Option<Part> {
    let (first, _) = wall.first()?;
    let building = buildings.get(first.building)?;
    let inner = || wall.iter().filter(|(place, _)| place.is_inner);
    let looked_at: f64 = inner().map(|(place, _)| place.area).sum();
    if looked_at <= 0.0 {
        return None;
    }
    let temperature = |sight: Option<&WallSight>| sight.map_or(f32::NAN, |sight| sight.celsius);
    let apparent =
        ZoneStatistics::of(inner().map(|(place, sight)| (temperature(*sight), place.area)));
    let sights = || inner().filter_map(|(place, sight)| Some((place.area, (*sight)?)));
    let valid: f64 = sights().map(|(area, _)| area).sum();
    let distance = sights()
        .map(|(area, sight)| area * sight.distance.0)
        .sum::<f64>()
        / valid;
    let visible = valid / looked_at;
    let mut reasons = options.reasons.clone();
    reasons.push(Reason {
        at_best: Grade::C,
        text: "a wall: means over a metre, its windows in them".into(),
    });
    let mut part = Part {
        building: building.footprint.id.clone(),
        number: 0,
        azimuth: None,
        face: Face::Wall(first.side),
        figures: Building {
            footprint: Footprint {
                id: building.footprint.id.clone(),
                uprns: Vec::new(),
                polygons: strips(wall.iter().map(|(place, _)| *place)),
                material: None,
                emissivity: Some(EMISSIVITY),
                tilt: Some(VERTICAL),
            },
            area: wall.iter().map(|(place, _)| place.area).sum(),
            visible,
            apparent: ZoneStatistics::of([]),
            core: f64::NAN,
            own_sigma: options.spread.drift,
            surface: None,
            air: None,
            flight: 0,
            flux: None,
            u: None,
            standing: None,
            hot_spots: HotSpots::default(),
            emissivity: EMISSIVITY,
            tilt: VERTICAL,
            verdict: Verdict::from_reasons(reasons),
        },
    };
    if visible < options.least_visible {
        part.figures.refuse(options);
        return Some(part);
    }
    part.figures.apparent = apparent;
    part.figures.core = apparent.mean;
    let nights = sights().map(|(area, sight)| (sight.night, area));
    match mostly(nights).and_then(|number| night(number, Metres(distance))) {
        Some(night) => {
            part.figures.air = Some(night.weather.air.value);
            part.figures.balance(&night, options);
        }
        None => part.figures.without_weather(),
    }
    Some(part)
}

/// The number with the most weight; of equals the first.
#[must_use]
pub fn mostly(weighed: impl Iterator<Item = (usize, f64)>) -> Option<usize> {
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    for (number, weight) in weighed {
        *sums.entry(number).or_default() += weight;
    }
    let most = sums.values().copied().fold(0.0, f64::max);
    sums.into_iter()
        .find(|(_, sum)| *sum >= most)
        .map(|(number, _)| number)
}

/// Half a metre of ground before each edge.
fn strips<'a>(places: impl Iterator<Item = &'a WallPlace>) -> Vec<Vec<Ring>> {
    let mut edges: Vec<&WallPlace> = Vec::new();
    for place in places {
        if !edges.iter().any(|known| known.edge == place.edge) {
            edges.push(place);
        }
    }
    let strip = |place: &WallPlace| {
        let ([a, b], (east, north)) = (place.edge, place.outward);
        let out = |(x, y): (f64, f64)| (x + DRAWN * east, y + DRAWN * north);
        vec![vec![a, b, out(b), out(a)]]
    };
    edges.into_iter().map(strip).collect()
}

#[cfg(test)]
mod tests {
    use super::super::weather::tests::calm_night;
    use super::*;
    use crate::units::Fraction;

    /// A house of 8 x 6 m with eaves at 5 m and a ridge along it at 7 m; another wall to wall with it in the east.
    fn ground(east: f64, north: f64) -> f64 {
        let is_house = (0.0..=16.0).contains(&east) && (0.0..=6.0).contains(&north);
        let roof = 5.3 + 2.0 * (1.0 - (north - 3.0).abs() / 3.0);
        if is_house { roof } else { 0.0 }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as surfaces answer")]
    fn known(east: f64, north: f64) -> Option<f64> {
        Some(ground(east, north))
    }

    fn house() -> Vec<Vec<Ring>> {
        vec![vec![vec![(0.0, 0.0), (8.0, 0.0), (8.0, 6.0), (0.0, 6.0)]]]
    }

    #[test]
    fn walls_stand_where_a_roof_ends_over_lower_ground_whichever_way_the_ring_runs() {
        let places = wall_places(3, &house(), known);
        let mut clockwise = house();
        clockwise[0][0].reverse();
        let other = wall_places(3, &clockwise, known);
        for places in [&places, &other] {
            let area = |side| -> f64 {
                let of_side = places.iter().filter(|place| place.side == side);
                of_side.map(|place| place.area).sum()
            };
            // 8 m by 5 m; the gable's mean height is 6 m; between two houses there is no wall.
            assert!(
                (area(Side::South) - 40.0).abs() < 1e-6,
                "{}",
                area(Side::South)
            );
            assert!((area(Side::North) - 40.0).abs() < 1e-6);
            assert!(
                (area(Side::West) - 36.0).abs() < 0.5,
                "{}",
                area(Side::West)
            );
            assert!(area(Side::East).abs() < 1e-9);
        }
        // 8 columns of 5 rows, of which 6 x 3 are a metre from every edge.
        let inner = |place: &&WallPlace| place.side == Side::South && place.is_inner;
        assert_eq!(places.iter().filter(inner).count(), 18);
        assert!(places.iter().all(|place| place.building == 3));
        let low = |east, north| Some(ground(east, north).min(1.9));
        assert!(wall_places(0, &house(), low).is_empty());
        assert!(wall_places(0, &house(), |_, _| None).is_empty());
    }

    /// Half of the south wall at 4 °C, a quarter at 6 °C, the north wall not seen.
    #[test]
    fn a_wall_has_the_mean_of_what_was_seen_of_it_and_its_own_balance() {
        let places = wall_places(0, &house(), known);
        let mut count = 0;
        let sights: Vec<Option<WallSight>> = places
            .iter()
            .map(|place| {
                (place.side == Side::South && place.is_inner).then(|| count += 1)?;
                let celsius = match count {
                    1..=9 => 4.0,
                    10..=14 => 7.6,
                    _ => return None,
                };
                Some(WallSight {
                    celsius,
                    night: 0,
                    distance: Metres(70.0),
                })
            })
            .collect();
        let building = super::super::buildings::tests::row();
        let weather = calm_night().complete().unwrap().unwrap();
        let night = |number, distance: Metres| {
            assert!(number == 0 && (distance.0 - 70.0).abs() < 1e-9);
            Some(Night {
                weather,
                transmission: Fraction::ONE,
            })
        };
        let options = BuildingOptions::default();
        let rows = wall_parts(&[building], &places, &sights, &options, night);
        let sides: Vec<Face> = rows.iter().map(|row| row.face).collect();
        let wall = Face::Wall;
        assert_eq!(
            sides,
            [wall(Side::North), wall(Side::South), wall(Side::West)]
        );
        let [north, south] = [&rows[0].figures, &rows[1].figures];
        assert!(north.flux.is_none() && north.visible.abs() < 1e-9);
        assert!(north.verdict.grade == Grade::E && north.apparent.mean.is_nan());
        // 9 x 4.0 and 5 x 7.6 over 14 of 18 places.
        assert!((south.visible - 14.0 / 18.0).abs() < 1e-6);
        assert!(
            (south.apparent.mean - 74.0 / 14.0).abs() < 1e-5,
            "{:?}",
            south.apparent
        );
        assert!((south.area - 40.0).abs() < 1e-6);
        // A wall mirrors half the sky that it sees: Ts from (T^4 - .06 (.25 (-14)^4 + .75 2^4)) / .94, then 9.5 (Ts - 2) + .94 sigma (Ts^4 - .5 (-14)^4 - .5 2^4).
        let fourth = |celsius: f64| (celsius + 273.15).powi(4);
        let around = 0.5 * fourth(-14.0) + 0.5 * fourth(2.0);
        let mirrored = 0.25 * fourth(-14.0) + 0.75 * fourth(2.0);
        let surface = ((fourth(74.0 / 14.0) - 0.06 * mirrored) / 0.94).powf(0.25) - 273.15;
        let flux = 9.5 * (surface - 2.0) + 0.94 * 5.670_374_419e-8 * (fourth(surface) - around);
        assert!((south.flux.unwrap().estimate - flux).abs() < 0.01, "{flux}");
        assert_eq!(south.verdict.grade, Grade::C);
        assert_eq!(south.footprint.polygons.len(), 1);
    }
}
