//! How far frames lie apart on the ground, found without the code under test.

use heatveil::georef::{Patch, Surface, View};
use heatveil::raster::Raster;
use heatveil::units::{Degrees, Metres};

use super::flight::Flight;

/// What a frame shows of the ground, north up in cells of `cell` metres, counted from the origin of the map.
struct Chart {
    west: i64,
    north: i64,
    width: i64,
    celsius: Vec<f32>,
}

impl Chart {
    fn of(view: &View, ground: &Surface, raster: &Raster<f32>, cell: f64) -> Self {
        let bounds = view.bounds_between(ground.range(), Degrees(50.0)).unwrap();
        let patch = ground.patch(bounds.grown(Metres(2.0))).unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "a map's cells")]
        let whole = |metres: f64| (metres / cell).floor() as i64;
        let (west, north) = (whole(bounds.west), whole(bounds.north));
        let (width, height) = (whole(bounds.east) - west, north - whole(bounds.south));
        #[expect(clippy::cast_precision_loss, reason = "a map's cells")]
        let at = |cells: i64| (cells as f64 + 0.5) * cell;
        let shows = |index: i64| {
            let (east, north) = (at(west + index % width), at(north - index / width));
            let level = |patch: &Patch| patch.height(east, north).unwrap();
            let up = patch.as_ref().map_or(0.0, level);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "pixels; `as` saturates"
            )]
            let pixel = view
                .pixel_above(east, north, up)
                .map(|(u, v)| (u as usize, v as usize));
            pixel.and_then(|(u, v)| raster.get(u, v)).copied()
        };
        Self {
            west,
            north,
            width,
            celsius: (0..width * height)
                .map(|index| shows(index).unwrap_or(f32::NAN))
                .collect(),
        }
    }

    fn get(&self, column: i64, row: i64) -> Option<f64> {
        let index = usize::try_from(row * self.width + column).ok()?;
        let inside = (0..self.width).contains(&column);
        let celsius = self.celsius.get(index).filter(|_| inside)?;
        celsius.is_finite().then(|| f64::from(*celsius))
    }

    /// Correlation with what `other` shows `(right, down)` cells away; `None` where they share little.
    fn correlation(&self, other: &Self, (right, down): (i64, i64), step: i64) -> Option<f64> {
        let rows = i64::try_from(self.celsius.len()).unwrap() / self.width;
        let pairs = (0..rows / step).flat_map(|row| {
            (0..self.width / step).filter_map(move |column| {
                let (column, row) = (column * step, row * step);
                let (east, south) = (self.west - other.west, other.north - self.north);
                let there = other.get(column + east + right, row + south + down)?;
                Some((self.get(column, row)?, there))
            })
        });
        let mut sums = [0.0; 6];
        for (a, b) in pairs {
            for (sum, term) in sums.iter_mut().zip([1.0, a, b, a * a, b * b, a * b]) {
                *sum += term;
            }
        }
        let [n, a, b, aa, bb, ab] = sums;
        let shared = (aa / n - (a / n).powi(2)) * (bb / n - (b / n).powi(2));
        (n > 1000.0).then(|| (ab / n - a * b / n / n) / shared.sqrt())
    }

    /// By how many cells `other` shows the same ground elsewhere: the best of all whole shifts up to `reach`, and how well it correlates.
    fn apart(&self, other: &Self, reach: i64, step: i64) -> Option<(f64, f64)> {
        let shifts =
            (-reach..=reach).flat_map(|down| (-reach..=reach).map(move |right| (right, down)));
        let scored =
            shifts.filter_map(|shift| Some((self.correlation(other, shift, step)?, shift)));
        let (score, (right, down)) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
        #[expect(clippy::cast_precision_loss, reason = "some ten cells")]
        let cells = (right as f64).hypot(down as f64);
        Some((cells, score))
    }
}

/// Metres between the places where frames of the first line and frames of the second show the same ground, half are below: found without
/// the code under test. With it the number of pairs.
pub(crate) fn lines_apart(
    flight: &Flight,
    ground: &Surface,
    view: impl Fn(usize) -> View,
    (cell, reach, step): (f64, i64, i64),
) -> (f64, usize) {
    let charts: Vec<Chart> = (0..31)
        .map(|at| Chart::of(&view(at), ground, &flight.rasters[at], cell))
        .collect();
    // Frames 14 to 17 are of the turn. Beside each other lie 5 and 25, 10 and 20.
    let pairs = (2..13).flat_map(|a| (28 - a..33 - a).map(move |b| (a, b)));
    let mut found: Vec<f64> = pairs
        .filter(|(_, b)| (18..31).contains(b))
        .filter_map(|(a, b)| charts[a].apart(&charts[b], reach, step))
        .filter_map(|(cells, score)| (score > 0.55).then_some(cells * cell))
        .collect();
    found.sort_by(f64::total_cmp);
    (found[found.len() / 2], found.len())
}
