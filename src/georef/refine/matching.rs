//! Where the same ground lies in two frames.
//!
//! In: two redacted rasters, resampled to one grid on the ground. Out: by how much the second shows a place elsewhere than the
//! first. Refuses: places without texture, hidden places, and places that match in two ways.

/// A square grid of temperatures on the ground.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) side: usize,
    /// Above the mean of all, 0 where a frame shows nothing: sums need no branch, and single precision is enough for them.
    kelvin: Vec<f32>,
    /// 1 where a frame shows something, else 0.
    shown: Vec<f32>,
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
    let column = usize::try_from(i64::try_from(window.column).ok()? + offset.0).ok()?;
    let row = usize::try_from(i64::try_from(window.row).ok()? + offset.1).ok()?;
    let mut sums = [0.0; 6];
    for line in 0..window.side {
        let a = first.line(window.column, window.row + line, window.side)?;
        let b = second.line(column, row + line, window.side)?;
        for (sum, term) in sums.iter_mut().zip(line_sums(a, b)) {
            *sum += f64::from(term);
        }
    }
    let [n, sum_a, sum_b, aa, bb, ab] = sums;
    if n < f64::from(window.least.max(2)) {
        return None;
    }
    let (var_a, var_b) = (aa / n - (sum_a / n).powi(2), bb / n - (sum_b / n).powi(2));
    let covariance = ab / n - sum_a / n * (sum_b / n);
    (var_a.min(var_b) > LEAST_TEXTURE * LEAST_TEXTURE).then(|| covariance / (var_a * var_b).sqrt())
}

/// Kelvin of a line of cells, and which of them are shown.
type Line<'a> = (&'a [f32], &'a [f32]);

/// Cells that are summed beside each other, for the compiler to use wide registers.
const LANES: usize = 8;

/// Of cells that both lines show: their number, the sums of both, of their squares and of their product.
fn line_sums((a, in_a): Line<'_>, (b, in_b): Line<'_>) -> [f32; 6] {
    let mut lanes = [[0.0_f32; LANES]; 6];
    let (whole_a, rest_a) = a.as_chunks();
    let (whole_b, rest_b) = b.as_chunks();
    let (whole_in_a, rest_in_a) = in_a.as_chunks();
    let (whole_in_b, rest_in_b) = in_b.as_chunks();
    for ((a, in_a), (b, in_b)) in whole_a
        .iter()
        .zip(whole_in_a)
        .zip(whole_b.iter().zip(whole_in_b))
    {
        add_cells(&mut lanes, (a, in_a), (b, in_b));
    }
    // What is not shown adds nothing.
    let [a, in_a, b, in_b] = [rest_a, rest_in_a, rest_b, rest_in_b].map(filled);
    add_cells(&mut lanes, (&a, &in_a), (&b, &in_b));
    lanes.map(|lane| lane.iter().sum())
}

fn add_cells(
    [n, sum_a, sum_b, aa, bb, ab]: &mut [[f32; LANES]; 6],
    (a, in_a): (&[f32; LANES], &[f32; LANES]),
    (b, in_b): (&[f32; LANES], &[f32; LANES]),
) {
    for lane in 0..LANES {
        n[lane] += in_a[lane] * in_b[lane];
        sum_a[lane] += a[lane] * in_b[lane];
        sum_b[lane] += b[lane] * in_a[lane];
        aa[lane] += a[lane] * a[lane] * in_b[lane];
        bb[lane] += b[lane] * b[lane] * in_a[lane];
        ab[lane] += a[lane] * b[lane];
    }
}

/// The last cells of a line, with zeros after them.
fn filled(rest: &[f32]) -> [f32; LANES] {
    let mut cells = [0.0; LANES];
    for (cell, value) in cells.iter_mut().zip(rest) {
        *cell = *value;
    }
    cells
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
        let (kelvin, shown) = both.unzip();
        Self {
            side,
            kelvin,
            shown,
        }
    }

    fn line(&self, column: usize, row: usize, length: usize) -> Option<Line<'_>> {
        let inside = column.checked_add(length)? <= self.side && row < self.side;
        let start = row.checked_mul(self.side)?.checked_add(column)?;
        let cells = start..start.checked_add(length)?;
        let line = (self.kelvin.get(cells.clone())?, self.shown.get(cells)?);
        inside.then_some(line)
    }

    /// Every `by`-th cell in both directions: the mean of those that show something.
    pub(super) fn coarser(&self, by: usize) -> Self {
        let side = self.side / by;
        let cell = |at: usize| {
            let (column, row) = (at % side * by, at / side * by);
            let lines = (row..row + by).filter_map(|row| self.line(column, row, by));
            let (sum, count) = lines.fold((0.0, 0.0), |(sum, count), (kelvin, shown)| {
                (
                    sum + kelvin.iter().sum::<f32>(),
                    count + shown.iter().sum::<f32>(),
                )
            });
            sum / count
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
