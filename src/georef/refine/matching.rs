//! Where the same ground lies in two frames.
//!
//! In: two redacted rasters, resampled to one grid on the ground. Out: by how much the second shows a place elsewhere than the
//! first. Refuses: places without texture, hidden places, and places that match in two ways.

/// A square grid of temperatures on the ground; `NAN` where a frame shows nothing.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) side: usize,
    pub(super) celsius: Vec<f32>,
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
    let column = i64::try_from(window.column).ok()? + offset.0;
    let (mut count, mut sum_a, mut sum_b, mut aa, mut bb, mut ab) =
        (0_u32, 0.0, 0.0, 0.0, 0.0, 0.0);
    for row in 0..window.side {
        let other = i64::try_from(window.row + row).ok()? + offset.1;
        let line_a = first.line(window.column, window.row + row, window.side)?;
        let line_b = second.line(
            usize::try_from(column).ok()?,
            usize::try_from(other).ok()?,
            window.side,
        )?;
        for (a, b) in line_a.iter().zip(line_b) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            if (a + b).is_finite() {
                count += 1;
                sum_a += a;
                sum_b += b;
                aa += a * a;
                bb += b * b;
                ab += a * b;
            }
        }
    }
    if count < window.least.max(2) {
        return None;
    }
    let n = f64::from(count);
    let (var_a, var_b) = (aa / n - (sum_a / n).powi(2), bb / n - (sum_b / n).powi(2));
    let covariance = ab / n - sum_a / n * (sum_b / n);
    (var_a.min(var_b) > LEAST_TEXTURE * LEAST_TEXTURE).then(|| covariance / (var_a * var_b).sqrt())
}

impl Chart {
    fn line(&self, column: usize, row: usize, length: usize) -> Option<&[f32]> {
        let inside = column + length <= self.side && row < self.side;
        let start = row * self.side + column;
        self.celsius.get(start..start + length).filter(|_| inside)
    }

    /// Every `by`-th cell in both directions: the mean of those that show something.
    pub(super) fn coarser(&self, by: usize) -> Self {
        let side = self.side / by;
        let cell = |at: usize| {
            let (column, row) = (at % side * by, at / side * by);
            let lines = (row..row + by).filter_map(|row| self.line(column, row, by));
            let known = lines.flatten().filter(|value| value.is_finite());
            let (sum, count) = known.fold((0.0_f32, 0.0_f32), |(sum, count), value| {
                (sum + value, count + 1.0)
            });
            sum / count
        };
        Self {
            side,
            celsius: (0..side * side).map(cell).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Smooth texture of many waves, sampled with an offset.
    fn chart(dx: f64, dy: f64) -> Chart {
        let side = 96;
        let celsius = (0..side * side)
            .map(|at| {
                let (x, y) = (
                    f64::from(u16::try_from(at % side).unwrap()) + dx,
                    f64::from(u16::try_from(at / side).unwrap()) + dy,
                );
                let waves = (x * 0.31 + y * 0.17).sin()
                    + (x * 0.11 - y * 0.29).sin()
                    + (x * 0.07 * y * 0.05).sin();
                #[expect(clippy::cast_possible_truncation, reason = "temperatures")]
                let value = waves as f32;
                value
            })
            .collect();
        Chart { side, celsius }
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
        let mut warm = chart(2.0, 1.0);
        warm.celsius
            .iter_mut()
            .for_each(|value| *value = *value * 1.3 + 4.0);
        let found = shift(&chart(0.0, 0.0), &warm, WINDOW, (0, 0), 6).unwrap();
        assert!((found.columns + 2.0).abs() < 0.1 && (found.rows + 1.0).abs() < 0.1);
    }

    #[test]
    fn holes_are_left_out_and_too_many_of_them_match_nothing() {
        let mut holes = chart(2.0, 1.0);
        holes
            .celsius
            .iter_mut()
            .step_by(4)
            .for_each(|value| *value = f32::NAN);
        assert!(shift(&chart(0.0, 0.0), &holes, WINDOW, (0, 0), 6).is_some());
        holes
            .celsius
            .iter_mut()
            .step_by(2)
            .for_each(|value| *value = f32::NAN);
        assert_eq!(shift(&chart(0.0, 0.0), &holes, WINDOW, (0, 0), 6), None);
    }

    #[test]
    fn bare_ground_and_stripes_match_nothing() {
        let bare = Chart {
            side: 96,
            celsius: vec![3.0; 96 * 96],
        };
        assert_eq!(shift(&bare, &bare, WINDOW, (0, 0), 6), None);
        let stripes = Chart {
            side: 96,
            celsius: (0..96 * 96_u16).map(|at| f32::from(at % 96 % 4)).collect(),
        };
        assert_eq!(shift(&stripes, &stripes, WINDOW, (0, 0), 6), None);
    }
}
