//! The facets of a roof, from the heights of a surface model.
//!
//! In: an outline, heights. Out: [`Facet`]s: tilt, direction and outline of each plane part of the roof, the largest first. Refuses:
//! parts too small to be told from chimneys, dormers and the noise of the model.
//!
//! Slopes are taken over a metre, on squares of half a cell. Squares whose neighbours slope alike vote for directions (a histogram of
//! normals, as for roof planes in laser scans: Vosselman and Dijkman 2001); the others, along eaves and ridges, go to the facet beside
//! them.

use gdal::errors::Result;
use gdal::vector::{Geometry, OGRwkbGeometryType};

use super::geopackage::multi_polygon;
use super::{Ring, coverage, footprints};
use crate::georef::Bounds;

/// Metres over which slopes are taken, where the model's cells are no larger.
const BASE: f64 = 1.0;
/// Steeper is no roof but the edge of one, in degrees.
const STEEPEST: f64 = 65.0;
/// Slopes less is flat, and has no direction, in degrees.
const FLAT: f64 = 5.0;
/// Normals this close belong together, in degrees.
const ALIKE: f64 = 15.0;
/// A facet has at least this area, in m² of plan, and this share of the roof.
const SMALLEST: f64 = 3.0;
const SMALLEST_SHARE: f64 = 0.05;
/// Squares of one roof at most; larger roofs have larger squares.
const MAX_SQUARES: f64 = 40_000.0;
/// Bins of normals along each axis.
const BINS: usize = 21;

/// A plane part of a roof.
#[derive(Debug, Clone, PartialEq)]
pub struct Facet {
    /// Degrees from level.
    pub tilt: f64,
    /// Direction in which it slopes down, degrees clockwise from the map's north; `None` for a flat one.
    pub azimuth: Option<f64>,
    /// Its outline from above, each polygon an outer ring and its holes, in the map's metres.
    pub polygons: Vec<Vec<Ring>>,
}

type Normal = [f64; 3];

/// Splits the roof within an outline; `height` is the level of the surface at a place (metres east and north), from a model of
/// cells of `cell` metres.
///
/// # Errors
///
/// What GDAL says about outlines.
pub fn facets(
    outline: &[Vec<Ring>],
    cell: f64,
    height: impl Fn(f64, f64) -> Option<f64>,
) -> Result<Vec<Facet>> {
    let Some(squares) = Squares::over(outline, cell) else {
        return Ok(Vec::new());
    };
    let base = cell.max(BASE);
    let normals: Vec<Option<Normal>> = (0..squares.count())
        .map(|at| normal(squares.centre(at), base, &height))
        .collect();
    let means = directions(&squares, &normals, base);
    let mut owner: Vec<Option<usize>> = (normals.iter().zip(&squares.inside))
        .map(|(normal, inside)| nearest(&means, (*normal).filter(|_| *inside)?))
        .collect();
    squares.fill(&mut owner, base);
    let whole = multi_polygon(outline)?;
    let mut found = Vec::new();
    for (number, mean) in means.iter().enumerate() {
        let polygons = squares.outline(&owner, number, &whole)?;
        let tilt = mean[2].clamp(-1.0, 1.0).acos().to_degrees();
        let azimuth = mean[0].atan2(mean[1]).to_degrees().rem_euclid(360.0);
        if !polygons.is_empty() {
            found.push(Facet {
                tilt,
                azimuth: (tilt >= FLAT).then_some(azimuth),
                polygons,
            });
        }
    }
    Ok(found)
}

/// Squares over an outline, row by row from the north-west.
struct Squares {
    area: Bounds,
    side: f64,
    width: usize,
    height: usize,
    /// Which of them the outline touches.
    inside: Vec<bool>,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some ten thousand squares"
)]
impl Squares {
    fn over(outline: &[Vec<Ring>], cell: f64) -> Option<Self> {
        let points: Ring = outline.iter().flatten().flatten().copied().collect();
        let area = Bounds::around(&points)?;
        let (across, down) = area.size();
        let side = (cell / 2.0)
            .clamp(0.2, 0.5)
            .max((across * down / MAX_SQUARES).sqrt());
        let (width, height) = (
            (across / side).ceil() as usize,
            (down / side).ceil() as usize,
        );
        let mut inside = vec![false; width * height];
        for polygon in outline {
            let place = |&(east, north): &(f64, f64)| {
                ((east - area.west) / side, (area.north - north) / side)
            };
            let rings: Vec<Ring> = polygon
                .iter()
                .map(|ring| ring.iter().map(place).collect())
                .collect();
            for (inside, share) in inside.iter_mut().zip(coverage(&rings, width, height)) {
                *inside |= share > 0.0;
            }
        }
        Some(Self {
            area,
            side,
            width,
            height,
            inside,
        })
    }

    fn count(&self) -> usize {
        self.inside.len()
    }

    fn centre(&self, at: usize) -> (f64, f64) {
        let (column, row) = (at % self.width, at / self.width);
        (
            self.area.west + (column as f64 + 0.5) * self.side,
            self.area.north - (row as f64 + 0.5) * self.side,
        )
    }

    /// The squares `step` to the four sides.
    fn beside(&self, at: usize, step: usize) -> [Option<usize>; 4] {
        let (column, row) = (at % self.width, at / self.width);
        [
            column.checked_sub(step).map(|_| at - step),
            (column + step < self.width).then_some(at + step),
            row.checked_sub(step).map(|_| at - step * self.width),
            (row + step < self.height).then_some(at + step * self.width),
        ]
    }

    /// Squares as far as `metres`.
    fn steps(&self, metres: f64) -> usize {
        ((metres / self.side).round() as usize).max(1)
    }

    /// Gives squares without an owner that of one beside them, as far as eaves and ridges reach.
    fn fill(&self, owner: &mut [Option<usize>], base: f64) {
        for _ in 0..self.steps(2.0 * base) {
            let before = owner.to_vec();
            for (at, owner) in owner.iter_mut().enumerate() {
                let is_inside = self.inside.get(at).copied().unwrap_or(false);
                if owner.is_none() && is_inside {
                    let beside = self.beside(at, 1).into_iter().flatten();
                    let owners = beside.filter_map(|at| before.get(at).copied().flatten());
                    *owner = owners.min();
                }
            }
        }
    }

    /// The squares of one facet as polygons within the whole outline; corners of the squares are smoothed away.
    fn outline(
        &self,
        owner: &[Option<usize>],
        number: usize,
        whole: &Geometry,
    ) -> Result<Vec<Vec<Ring>>> {
        let mut rows = Geometry::empty(OGRwkbGeometryType::wkbMultiPolygon)?;
        for (row, owners) in owner.chunks(self.width.max(1)).enumerate() {
            let is_ours = |column: usize| owners.get(column) == Some(&Some(number));
            let mut column = 0;
            while column < owners.len() {
                let start = column;
                while is_ours(column) {
                    column += 1;
                }
                if column > start {
                    // Edges by their numbers, so that neighbouring strips share theirs to the last digit.
                    let east = |column: usize| self.area.west + column as f64 * self.side;
                    let north = |row: usize| self.area.north - row as f64 * self.side;
                    let strip =
                        Geometry::bbox(east(start), north(row + 1), east(column), north(row))?;
                    rows.add_geometry(strip)?;
                }
                column += 1;
            }
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let smooth = rows.buffer(0.0, 1)?.simplify_preserve_topology(self.side)?;
        Ok(smooth
            .intersection(whole)
            .map_or_else(Vec::new, |shape| parts(&shape)))
    }
}

/// The polygons of a shape, without what has no area.
fn parts(shape: &Geometry) -> Vec<Vec<Ring>> {
    footprints::polygons(shape).unwrap_or_else(|| {
        (0..shape.geometry_count())
            .flat_map(|part| footprints::polygons(&shape.get_geometry(part)).unwrap_or_default())
            .collect()
    })
}

/// The unit vector that stands on the surface, from heights half of `base` to each side.
fn normal(
    (east, north): (f64, f64),
    base: f64,
    height: impl Fn(f64, f64) -> Option<f64>,
) -> Option<Normal> {
    let half = base / 2.0;
    let rise = |to: Option<f64>, from: Option<f64>| Some((to? - from?) / base);
    let to_east = rise(height(east + half, north), height(east - half, north))?;
    let to_north = rise(height(east, north + half), height(east, north - half))?;
    let length = (to_east * to_east + to_north * to_north + 1.0).sqrt();
    let up = 1.0 / length;
    (up >= STEEPEST.to_radians().cos()).then_some([-to_east / length, -to_north / length, up])
}

fn is_alike(a: Normal, b: Normal) -> bool {
    cosine(a, b) >= ALIKE.to_radians().cos()
}

fn cosine(a: Normal, b: Normal) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The facet whose direction is nearest, if one is near.
fn nearest(means: &[Normal], normal: Normal) -> Option<usize> {
    let near = means.iter().map(|mean| cosine(*mean, normal)).enumerate();
    let near = near.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (near.1 >= ALIKE.to_radians().cos()).then_some(near.0)
}

/// Mean normals of facets, those with the most votes first.
fn directions(squares: &Squares, normals: &[Option<Normal>], base: f64) -> Vec<Normal> {
    let step = squares.steps(base / 2.0);
    let at = |at: usize| normals.get(at).copied().flatten();
    let votes = |square: usize| -> Option<Normal> {
        let normal = at(square).filter(|_| squares.inside.get(square) == Some(&true))?;
        let mut beside = squares.beside(square, step).into_iter();
        let agree = beside.all(|other| {
            other
                .and_then(at)
                .is_some_and(|other| is_alike(normal, other))
        });
        agree.then_some(normal)
    };
    let mut open: Vec<Normal> = (0..squares.count()).filter_map(votes).collect();
    let roof = squares.inside.iter().filter(|inside| **inside).count();
    // Votes are the middle of a facet: eaves and ridges around it do not vote.
    let share = SMALLEST_SHARE * Squares::area_of(roof, squares.side);
    let least = SMALLEST.max(share) / 4.0;
    let mut means = Vec::new();
    while let Some(mean) = fullest(&open).and_then(|bin| mean(&open, bin)) {
        let before = open.len();
        let mean = self::mean(&open, mean).unwrap_or(mean);
        open.retain(|normal| !is_alike(*normal, mean));
        let votes = before - open.len();
        if Squares::area_of(votes, squares.side) < least {
            break;
        }
        means.push(mean);
    }
    means
}

impl Squares {
    #[expect(clippy::cast_precision_loss, reason = "some ten thousand squares")]
    fn area_of(count: usize, side: f64) -> f64 {
        count as f64 * side * side
    }
}

/// The middle of the three by three bins with the most normals.
fn fullest(normals: &[Normal]) -> Option<Normal> {
    #[expect(clippy::cast_precision_loss, reason = "some twenty bins")]
    let half = (BINS / 2) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "components of unit vectors: 0 to 20"
    )]
    let bin = |part: f64| ((part * half).round() + half) as usize;
    let mut bins = vec![0_u32; BINS * BINS];
    for [east, north, _] in normals {
        if let Some(count) = bins.get_mut(bin(*north) * BINS + bin(*east)) {
            *count += 1;
        }
    }
    let around = |row: usize, column: usize| -> u32 {
        let near = |at: usize| at.saturating_sub(1)..=(at + 1).min(BINS - 1);
        near(row)
            .flat_map(|row| near(column).map(move |column| row * BINS + column))
            .filter_map(|at| bins.get(at))
            .sum()
    };
    let places = (0..BINS).flat_map(|row| (0..BINS).map(move |column| (row, column)));
    // The first of equals, so that equal roofs give equal facets.
    let best = places
        .map(|(row, column)| (around(row, column), row, column))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    #[expect(clippy::cast_precision_loss, reason = "some twenty bins")]
    let part = |at: usize| at as f64 / half - 1.0;
    let (east, north) = (part(best.2), part(best.1));
    let up = (1.0 - east * east - north * north).max(0.0).sqrt();
    (best.0 > 0).then_some([east, north, up])
}

/// Mean of the normals near one.
fn mean(normals: &[Normal], near: Normal) -> Option<Normal> {
    let mut sum = [0.0; 3];
    for normal in normals.iter().filter(|normal| is_alike(**normal, near)) {
        for (sum, part) in sum.iter_mut().zip(normal) {
            *sum += part;
        }
    }
    let length = cosine(sum, sum).sqrt();
    (length > 0.0).then(|| sum.map(|part| part / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 m along east, 10 m along north.
    fn outline() -> Vec<Vec<Ring>> {
        vec![vec![vec![(0.0, 0.0), (8.0, 0.0), (8.0, 10.0), (0.0, 10.0)]]]
    }

    fn on_ground(east: f64, north: f64, roof: f64) -> f64 {
        let is_house = (0.0..=8.0).contains(&east) && (0.0..=10.0).contains(&north);
        // A model is never smooth: some centimetres of noise that repeat nowhere near.
        let noise = 0.03 * ((east * 37.0).sin() + (north * 29.0).cos());
        if is_house { roof + noise } else { 0.0 }
    }

    /// As from a model of cells of so many metres.
    fn found(cell: f64, roof: impl Fn(f64, f64) -> f64) -> Vec<Facet> {
        let sample = |metres: f64| ((metres / cell).floor() + 0.5) * cell;
        let at = |east: f64, north: f64| on_ground(east, north, roof(east, north));
        let bilinear = |east: f64, north: f64| {
            let (e0, n0) = (sample(east - cell / 2.0), sample(north - cell / 2.0));
            let (x, y) = ((east - e0) / cell, (north - n0) / cell);
            let row = |north| at(e0, north) * (1.0 - x) + at(e0 + cell, north) * x;
            Some(row(n0) * (1.0 - y) + row(n0 + cell) * y)
        };
        facets(&outline(), cell, bilinear).unwrap()
    }

    fn area(facet: &Facet) -> f64 {
        multi_polygon(&facet.polygons).unwrap().area()
    }

    #[test]
    fn a_gable_has_two_facets_that_look_away_from_its_ridge() {
        for cell in [0.25, 1.0] {
            // The ridge runs north at 4 m; 38 degrees to both sides.
            let slope = 38_f64.to_radians().tan();
            let mut found = found(cell, |east, _| 8.0 - slope * (east - 4.0).abs());
            found.sort_by(|a, b| a.azimuth.unwrap().total_cmp(&b.azimuth.unwrap()));
            assert_eq!(found.len(), 2, "{cell}: {found:?}");
            for (facet, azimuth) in found.iter().zip([90.0, 270.0]) {
                assert!((facet.tilt - 38.0).abs() < 2.0, "{cell}: {}", facet.tilt);
                assert!((facet.azimuth.unwrap() - azimuth).abs() < 2.0);
                assert!((area(facet) - 40.0).abs() < 3.0, "{cell}: {}", area(facet));
            }
        }
    }

    #[test]
    fn a_hipped_roof_has_four() {
        let roof = |east: f64, north: f64| {
            let inwards = east.min(8.0 - east).min(north).min(10.0 - north);
            5.0 + 0.7 * inwards
        };
        let found = found(0.25, roof);
        assert_eq!(found.len(), 4, "{found:?}");
        // The trapezia of the long sides are 24 m² in plan, the triangles 16.
        let mut areas: Vec<f64> = found.iter().map(area).collect();
        areas.sort_by(f64::total_cmp);
        for (area, expected) in areas.iter().zip([16.0, 16.0, 24.0, 24.0]) {
            assert!((area - expected).abs() < 2.5, "{areas:?}");
        }
        assert!(found.iter().all(|facet| (facet.tilt - 35.0).abs() < 2.0));
    }

    #[test]
    fn a_flat_roof_is_one_facet_without_direction_whatever_stands_on_it() {
        let chimney = |east: f64, north: f64| {
            let stands = (3.0..3.8).contains(&east) && (4.0..4.8).contains(&north);
            if stands { 8.5 } else { 6.0 }
        };
        let found = found(0.25, chimney);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].azimuth.is_none() && (area(&found[0]) - 80.0).abs() < 2.0);
    }

    #[test]
    fn no_heights_no_facets() {
        assert!(facets(&outline(), 1.0, |_, _| None).unwrap().is_empty());
        assert!(facets(&[], 1.0, |_, _| Some(1.0)).unwrap().is_empty());
    }
}
