//! Whether ground that a frame saw comes near a place.
//!
//! In: rings in one map's metres. Out: yes or no. Refuses: nothing; a place of one point is a ring of one point.

use crate::georef::Bounds;
use crate::heatloss::Ring;

type Point = (f64, f64);

/// Whether `outline` comes within `margin` metres of the polygons whose `rings` (outer ones and holes together) are given.
pub(super) fn touches(rings: &[Ring], outline: &[Point], margin: f64) -> bool {
    let Some(near) = Bounds::around(outline) else {
        return false;
    };
    let near = near.grown(crate::units::Metres(margin));
    let inside = |point: &Point, ring: &[Point]| holds(std::iter::once(ring), *point);
    let of_place = rings.iter().filter_map(|ring| ring.first());
    let holds_place = of_place.into_iter().any(|point| inside(point, outline));
    let all = || rings.iter().map(Vec::as_slice);
    holds_place
        || outline.first().is_some_and(|&point| holds(all(), point))
        || rings.iter().flat_map(|ring| edges(ring)).any(|edge| {
            meets(edge, near) && edges(outline).any(|other| distance(edge, other) <= margin)
        })
}

/// Whether a point lies inside of an odd number of rings (Shimrat 1962, as corrected by Hacker).
fn holds<'a>(rings: impl Iterator<Item = &'a [Point]>, (x, y): Point) -> bool {
    let crossings = rings.flat_map(edges).filter(|&((x0, y0), (x1, y1))| {
        (y0 > y) != (y1 > y) && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    });
    crossings.count() % 2 == 1
}

fn edges(ring: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    ring.iter()
        .copied()
        .zip(ring.iter().copied().cycle().skip(1))
}

fn meets((a, b): (Point, Point), near: Bounds) -> bool {
    let (west, east) = (a.0.min(b.0), a.0.max(b.0));
    let (south, north) = (a.1.min(b.1), a.1.max(b.1));
    west <= near.east && east >= near.west && south <= near.north && north >= near.south
}

/// Distance of two straight pieces in metres; 0 where they cross.
fn distance((a, b): (Point, Point), (c, d): (Point, Point)) -> f64 {
    let side = |p: Point, q: Point, r: Point| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    let crosses = side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0;
    if crosses {
        return 0.0;
    }
    let ends = [
        to_piece(a, (c, d)),
        to_piece(b, (c, d)),
        to_piece(c, (a, b)),
        to_piece(d, (a, b)),
    ];
    ends.into_iter().fold(f64::INFINITY, f64::min)
}

fn to_piece(point: Point, (a, b): (Point, Point)) -> f64 {
    let along = (b.0 - a.0, b.1 - a.1);
    let length = along.0 * along.0 + along.1 * along.1;
    let share = ((point.0 - a.0) * along.0 + (point.1 - a.1) * along.1) / length;
    // A piece without length: 0 / 0.
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    f64::hypot(
        a.0 + share * along.0 - point.0,
        a.1 + share * along.1 - point.1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(west: f64, south: f64, side: f64) -> Ring {
        vec![
            (west, south),
            (west + side, south),
            (west + side, south + side),
            (west, south + side),
        ]
    }

    #[test]
    fn a_place_is_seen_from_within_across_and_nearby() {
        let frame = square(0.0, 0.0, 10.0);
        let seen = |place: Ring, margin| touches(&[place], &frame, margin);
        assert!(seen(vec![(5.0, 5.0)], 0.0), "a point inside");
        assert!(seen(square(4.0, 4.0, 1.0), 0.0), "a place inside the frame");
        assert!(
            seen(square(-50.0, -50.0, 100.0), 0.0),
            "a frame inside the place"
        );
        assert!(seen(square(9.0, -5.0, 20.0), 0.0), "across an edge");
        // A bar across the frame with no corner in it, and none of the frame's corners in the bar.
        assert!(seen(
            vec![(-5.0, 4.0), (15.0, 4.0), (15.0, 6.0), (-5.0, 6.0)],
            0.0
        ));
        assert!(
            !seen(vec![(13.0, 14.0)], 4.9),
            "a corner is 5 m away: 3, 4, 5"
        );
        assert!(seen(vec![(13.0, 14.0)], 5.1));
        assert!(!seen(square(12.0, 0.0, 5.0), 1.9) && seen(square(12.0, 0.0, 5.0), 2.1));
    }

    #[test]
    fn a_frame_in_a_courtyard_does_not_see_the_house_around_it() {
        let house = [square(0.0, 0.0, 100.0), square(20.0, 20.0, 60.0)];
        assert!(!touches(&house, &square(40.0, 40.0, 10.0), 5.0));
        assert!(touches(&house, &square(22.0, 40.0, 10.0), 5.0));
        assert!(touches(&house, &square(1.0, 1.0, 3.0), 0.0));
    }
}
