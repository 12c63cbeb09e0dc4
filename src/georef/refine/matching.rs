//! Where the same ground lies in two frames.
//!
//! In: two redacted rasters, resampled to one grid on the ground. Out: by how much the second shows a place elsewhere than the
//! first. Refuses: places without texture, hidden places, and places that match in two ways.

use wide::f32x8;

/// A square grid of temperatures on the ground.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) side: usize,
    /// Above the mean of all, 0 where a frame shows nothing: sums need no branch, and single precision is enough for them.
    kelvin: Plane,
    squares: Plane,
    /// 1 where a frame shows something, else 0.
    shown: Plane,
    totals: Vec<Totals>,
}

/// A displacement in cells of the chart (columns to the right, rows down), and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    pub(super) columns: f64,
    pub(super) rows: f64,
    pub(super) score: f64,
}

/// A square window of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Square {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) side: usize,
    /// Cells that both must show, at least.
    pub(super) least: u32,
}

/// Least standard deviation of a window in K: below, noise is matched with noise.
const LEAST_TEXTURE: f64 = 0.12;
/// Least correlation of a match.
const LEAST_SCORE: f64 = 0.5;
/// By how much the best match must beat any that is not beside it.
const LEAST_LEAD: f64 = 0.03;

/// The shift of `second` against `first` in a window, within `reach` cells of the shift `around`: the highest normalised cross-correlation of
/// what both show, refined by a parabola through its neighbours (Lewis 1995; masked as in Padfield 2012).
pub(super) fn shift(
    first: &Chart,
    second: &Chart,
    window: Square,
    around: (i64, i64),
    reach: i64,
) -> Option<Shift> {
    let width = 2 * reach + 1;
    let score =
        |dx: i64, dy: i64| correlation(first, second, window, (around.0 + dx, around.1 + dy));
    let scores: Vec<f64> = (-reach..=reach)
        .flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)))
        .map(|(dx, dy)| score(dx, dy).unwrap_or(f64::NEG_INFINITY))
        .collect();
    let at = |dx: i64, dy: i64| -> f64 {
        let inside = dx.abs() <= reach && dy.abs() <= reach;
        let index = usize::try_from((dy + reach) * width + dx + reach).unwrap_or(usize::MAX);
        scores
            .get(index)
            .copied()
            .filter(|_| inside)
            .unwrap_or(f64::NEG_INFINITY)
    };
    let places = || (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
    let (dx, dy) = places().fold((0, 0), |best, place| {
        if at(place.0, place.1) > at(best.0, best.1) {
            place
        } else {
            best
        }
    });
    let best = at(dx, dy);
    let rival = places()
        .filter(|(x, y)| (x - dx).abs() > 2 || (y - dy).abs() > 2)
        .map(|(x, y)| at(x, y))
        .fold(f64::NEG_INFINITY, f64::max);
    // A best match on the border may go on beyond it.
    if dx.abs() == reach || dy.abs() == reach || best < LEAST_SCORE || best - rival < LEAST_LEAD {
        return None;
    }
    let beside = [
        at(dx - 1, dy),
        at(dx + 1, dy),
        at(dx, dy - 1),
        at(dx, dy + 1),
    ];
    let [left, right, above, below] = beside;
    if beside.iter().any(|score| !score.is_finite()) {
        return None;
    }
    let peak = |before: f64, after: f64| {
        let curve = before - 2.0 * best + after;
        if curve < 0.0 {
            (0.5 * (before - after) / curve).clamp(-0.5, 0.5)
        } else {
            0.0
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "a few cells")]
    let (columns, rows) = ((around.0 + dx) as f64, (around.1 + dy) as f64);
    Some(Shift {
        columns: columns + peak(left, right),
        rows: rows + peak(above, below),
        score: best,
    })
}

/// Correlation of the window in `first` with the window moved by `offset` in `second`, over what both show.
fn correlation(first: &Chart, second: &Chart, window: Square, offset: (i64, i64)) -> Option<f64> {
    let moved = Square {
        column: usize::try_from(i64::try_from(window.column).ok()? + offset.0).ok()?,
        row: usize::try_from(i64::try_from(window.row).ok()? + offset.1).ok()?,
        ..window
    };
    let (alone_a, alone_b) = (first.totals(window)?, second.totals(moved)?);
    let least = f64::from(window.least.max(2));
    if alone_a.cells.min(alone_b.cells) < least {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 512")]
    let all = (window.side * window.side) as f64;
    let product = |a: &Plane, b: &Plane| products(a.lines(window), b.lines(moved));
    // Of cells that both show. Where one hides nothing, which is most often, the sums of the other alone are all that is needed.
    let is_whole = [alone_a, alone_b].map(|alone| alone.cells >= all);
    let n = match is_whole {
        [true, _] => alone_b.cells,
        [_, true] => alone_a.cells,
        _ => product(&first.shown, &second.shown),
    };
    if n < least {
        return None;
    }
    let (sum_a, aa) = if is_whole[1] {
        (alone_a.kelvin, alone_a.squares)
    } else {
        let sum = product(&first.kelvin, &second.shown);
        (sum, product(&first.squares, &second.shown))
    };
    let (sum_b, bb) = if is_whole[0] {
        (alone_b.kelvin, alone_b.squares)
    } else {
        let sum = product(&first.shown, &second.kelvin);
        (sum, product(&first.shown, &second.squares))
    };
    let ab = product(&first.kelvin, &second.kelvin);
    let (var_a, var_b) = (aa / n - (sum_a / n).powi(2), bb / n - (sum_b / n).powi(2));
    let covariance = ab / n - sum_a / n * (sum_b / n);
    (var_a.min(var_b) > LEAST_TEXTURE * LEAST_TEXTURE).then(|| covariance / (var_a * var_b).sqrt())
}

/// Cells that are multiplied at once.
const LANES: usize = 8;
/// Lines that are summed in single precision.
const LINES: usize = 8;

/// Sum of the products of two windows, cell by cell.
fn products<'a>(a: impl Iterator<Item = &'a [f32]>, b: impl Iterator<Item = &'a [f32]>) -> f64 {
    let (mut sum, mut lanes) = (0.0, [f32x8::ZERO; 2]);
    for (line, (a, b)) in a.zip(b).enumerate() {
        if line % LINES == 0 {
            sum += total(lanes);
            lanes = [f32x8::ZERO; 2];
        }
        let (pairs_a, rest_a) = a.as_chunks::<{ 2 * LANES }>();
        let (pairs_b, rest_b) = b.as_chunks::<{ 2 * LANES }>();
        for (a, b) in pairs_a.iter().zip(pairs_b) {
            let (a, b) = (halves(a), halves(b));
            lanes = [lanes[0] + a[0] * b[0], lanes[1] + a[1] * b[1]];
        }
        let rest = rest_a.iter().zip(rest_b).map(|(a, b)| a * b);
        sum += f64::from(rest.sum::<f32>());
    }
    sum + total(lanes)
}

fn total([a, b]: [f32x8; 2]) -> f64 {
    f64::from((a + b).reduce_add())
}

fn halves(cells: &[f32; 2 * LANES]) -> [f32x8; 2] {
    let (halves, _) = cells.as_chunks::<LANES>();
    [halves[0], halves[1]].map(f32x8::new)
}

/// One number for each cell of a chart.
#[derive(Debug, Clone)]
struct Plane {
    side: usize,
    cells: Vec<f32>,
}

impl Plane {
    /// The lines of a window that lies inside.
    fn lines(&self, window: Square) -> impl Iterator<Item = &[f32]> {
        let lines = self.cells.chunks_exact(self.side.max(1));
        let lines = lines.skip(window.row).take(window.side);
        lines.filter_map(move |line| line.get(window.column..window.column + window.side))
    }
}

/// Sums over the cells of a window that show something.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    cells: f64,
    kelvin: f64,
    squares: f64,
}

impl Totals {
    /// With `sign` 1 or -1.
    fn add(self, sign: f64, other: Self) -> Self {
        Self {
            cells: self.cells + sign * other.cells,
            kelvin: self.kelvin + sign * other.kelvin,
            squares: self.squares + sign * other.squares,
        }
    }

    /// Summed-area table (Crow 1984), one line and column longer than the chart: each place holds the sums over all that lies before it.
    fn table(side: usize, kelvin: &[f32], shown: &[f32]) -> Vec<Self> {
        let width = side + 1;
        let mut table = vec![Self::default(); width * width];
        for (row, (kelvin, shown)) in kelvin
            .chunks_exact(side.max(1))
            .zip(shown.chunks_exact(side.max(1)))
            .enumerate()
        {
            let (before, from) = table.split_at_mut((row + 1) * width);
            let above = before.get(row * width + 1..).unwrap_or_default();
            let here = from.get_mut(1..width).unwrap_or_default();
            let mut line = Self::default();
            for ((sum, above), (kelvin, shown)) in
                here.iter_mut().zip(above).zip(kelvin.iter().zip(shown))
            {
                let kelvin = f64::from(*kelvin);
                let cell = Self {
                    cells: f64::from(*shown),
                    kelvin,
                    squares: kelvin * kelvin,
                };
                line = line.add(1.0, cell);
                *sum = above.add(1.0, line);
            }
        }
        table
    }
}

impl Chart {
    /// From temperatures in °C, `NAN` where a frame shows nothing.
    pub(super) fn new(side: usize, celsius: &[f32]) -> Self {
        let known = celsius.iter().filter(|value| value.is_finite());
        let (sum, count) = known.fold((0.0, 0_u32), |(sum, count), value| {
            (sum + f64::from(*value), count + 1)
        });
        #[expect(clippy::cast_possible_truncation, reason = "a temperature")]
        let mean = (sum / f64::from(count.max(1))) as f32;
        let both = celsius.iter().map(|value| {
            if value.is_finite() {
                (value - mean, 1.0)
            } else {
                (0.0, 0.0)
            }
        });
        let (kelvin, shown): (Vec<f32>, Vec<f32>) = both.unzip();
        let totals = Totals::table(side, &kelvin, &shown);
        let squares = kelvin.iter().map(|kelvin| kelvin * kelvin).collect();
        let [kelvin, squares, shown] = [kelvin, squares, shown].map(|cells| Plane { side, cells });
        Self {
            side,
            kelvin,
            squares,
            shown,
            totals,
        }
    }

    /// Sums over a window; `None` where it reaches out of the chart.
    fn totals(&self, window: Square) -> Option<Totals> {
        let (right, below) = (window.column + window.side, window.row + window.side);
        if right > self.side || below > self.side {
            return None;
        }
        let at = |column: usize, row: usize| self.totals.get(row * (self.side + 1) + column);
        let outer = at(right, below)?.add(1.0, *at(window.column, window.row)?);
        let inner = at(window.column, below)?.add(1.0, *at(right, window.row)?);
        Some(outer.add(-1.0, inner))
    }

    /// Every `by`-th cell in both directions: the mean of those that show something.
    pub(super) fn coarser(&self, by: usize) -> Self {
        let side = self.side / by;
        let cell = |at: usize| {
            let square = Square {
                column: at % side * by,
                row: at / side * by,
                side: by,
                least: 0,
            };
            let Totals { cells, kelvin, .. } = self.totals(square).unwrap_or_default();
            #[expect(clippy::cast_possible_truncation, reason = "a temperature")]
            let mean = (kelvin / cells) as f32;
            mean
        };
        let celsius: Vec<f32> = (0..side * side).map(cell).collect();
        Self::new(side, &celsius)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 96;

    /// Smooth texture of many waves, sampled with an offset.
    fn celsius(dx: f64, dy: f64) -> Vec<f32> {
        (0..SIDE * SIDE)
            .map(|at| {
                let (x, y) = (
                    f64::from(u16::try_from(at % SIDE).unwrap()) + dx,
                    f64::from(u16::try_from(at / SIDE).unwrap()) + dy,
                );
                let waves = (x * 0.31 + y * 0.17).sin()
                    + (x * 0.11 - y * 0.29).sin()
                    + (x * 0.07 * y * 0.05).sin();
                #[expect(clippy::cast_possible_truncation, reason = "temperatures")]
                let value = waves as f32;
                value
            })
            .collect()
    }

    fn chart(dx: f64, dy: f64) -> Chart {
        Chart::new(SIDE, &celsius(dx, dy))
    }

    const WINDOW: Square = Square {
        column: 32,
        row: 32,
        side: 32,
        least: 600,
    };

    #[test]
    fn a_shift_is_found_to_a_seventh_of_a_cell() {
        for (dx, dy) in [(0.0, 0.0), (3.3, -2.6), (-5.5, 4.25)] {
            // What lies at x in the first lies at x - dx in the second.
            let found = shift(&chart(0.0, 0.0), &chart(dx, dy), WINDOW, (0, 0), 8).unwrap();
            assert!(
                (found.columns + dx).abs() < 0.15 && (found.rows + dy).abs() < 0.15,
                "{found:?} {dx} {dy}"
            );
        }
    }

    #[test]
    fn drift_and_gain_do_not_move_a_match() {
        let mut warm = celsius(2.0, 1.0);
        for value in &mut warm {
            *value = *value * 1.3 + 4.0;
        }
        let warm = Chart::new(SIDE, &warm);
        let found = shift(&chart(0.0, 0.0), &warm, WINDOW, (0, 0), 6).unwrap();
        assert!((found.columns + 2.0).abs() < 0.1 && (found.rows + 1.0).abs() < 0.1);
    }

    #[test]
    fn holes_are_left_out_and_too_many_of_them_match_nothing() {
        let with_holes = |every: usize| {
            let mut celsius = celsius(2.0, 1.0);
            let holes = celsius.iter_mut().step_by(every);
            holes.for_each(|value| *value = f32::NAN);
            let holes = Chart::new(SIDE, &celsius);
            shift(&chart(0.0, 0.0), &holes, WINDOW, (0, 0), 6)
        };
        assert!(with_holes(4).is_some());
        assert_eq!(with_holes(2), None);
    }

    #[test]
    fn bare_ground_and_stripes_match_nothing() {
        let bare = Chart::new(SIDE, &vec![3.0; SIDE * SIDE]);
        assert_eq!(shift(&bare, &bare, WINDOW, (0, 0), 6), None);
        let stripes: Vec<f32> = (0..96 * 96_u16).map(|at| f32::from(at % 96 % 4)).collect();
        let stripes = Chart::new(SIDE, &stripes);
        assert_eq!(shift(&stripes, &stripes, WINDOW, (0, 0), 6), None);
    }
}
