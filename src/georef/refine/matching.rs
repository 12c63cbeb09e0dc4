//! Where the same ground lies in two frames.
//!
//! In: two redacted rasters, resampled to one grid on the ground. Out: by how much the second shows a place elsewhere than the
//! first. Refuses: places without texture, hidden places, and places that match in two ways.

use fearless_simd::{Level, dispatch};

use super::chart::{Chart, Columns, LEAST_TEXTURE, Square};
use super::products::{Shared, products, shared};

/// A displacement in cells of the chart (columns to the right, rows down), and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    pub(super) columns: f64,
    pub(super) rows: f64,
    pub(super) score: f64,
}

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
    let scores = correlations((first, second), window, around, reach)?;
    let at = |dx: i64, dy: i64| scores.at((dx, dy)).unwrap_or(f64::NEG_INFINITY);
    let (dx, dy) = scores.best?;
    let (best, rival) = (at(dx, dy), scores.rival);
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

/// A place among those that are looked at: columns to the right and rows down from the middle one.
type Place = (i64, i64);

/// Correlations of a window with another moved within reach, as far as they were asked for.
struct Scores {
    reach: i64,
    /// Row by row; `NAN` where nobody asked, negative infinity where the second ends or too little is shown.
    found: Vec<f64>,
    /// The highest, and the highest that is not beside it.
    best: Option<Place>,
    rival: f64,
}

impl Scores {
    fn index(&self, (dx, dy): Place) -> Option<usize> {
        let inside = dx.abs() <= self.reach && dy.abs() <= self.reach;
        let index = (dy + self.reach) * (2 * self.reach + 1) + dx + self.reach;
        usize::try_from(index).ok().filter(|_| inside)
    }

    fn at(&self, place: Place) -> Option<f64> {
        let found = self.found.get(self.index(place)?).copied()?;
        (!found.is_nan()).then_some(found)
    }
}

/// Every how many cells it is looked for hills; from there upwards. What optics show is smooth over two pixels.
const LATTICE: i64 = 2;
/// Hills that are climbed, the highest first.
const HILLS: usize = 2;
/// Least correlation at the foot of a hill that is climbed: tops stand higher, but not by much more than twice.
const FOOT: f64 = 0.25;

/// Looks for the window of `first` within `reach` of `around` in `second`: hills on a lattice, then the tops of the highest. `None` where there is
/// nothing to look for.
fn correlations(
    (first, second): (&Chart, &Chart),
    window: Square,
    around: (i64, i64),
    reach: i64,
) -> Option<Scores> {
    let vectors = Level::new();
    let room = second.side.checked_sub(window.side)?;
    let lines = starts(window.row, around.1, reach, room);
    let columns = starts(window.column, around.0, reach, room);
    let (first_row, first_column) = (lines.first()?, columns.first()?);
    let here = first.window((window.column, window.row), window.side)?;
    let least = f64::from(window.least.max(2));
    #[expect(clippy::cast_precision_loss, reason = "at most 512")]
    let all = (window.side * window.side) as f64;
    let alone = first.totals(window)?;
    if alone.cells < least || (alone.cells >= all && alone.is_bare(all)) {
        return None;
    }
    let mut moved = Columns::of(second, first_column.1..columns.last()?.1 + window.side);
    moved.add(1.0, second, first_row.1..first_row.1 + window.side);
    let mut others = Vec::with_capacity(lines.len() * columns.len());
    for (number, (_, row)) in lines.iter().enumerate() {
        if number > 0 {
            moved.add(-1.0, second, row - 1..*row);
            moved.add(1.0, second, row + window.side - 1..row + window.side);
        }
        moved.windows(window.side, &mut others);
    }
    let score = |(dx, dy): Place| -> Option<f64> {
        let place = |lines: &[(i64, usize)], at: i64| {
            let number = usize::try_from(at - lines.first()?.0).ok()?;
            Some((number, lines.get(number)?.1))
        };
        let ((column, left), (row, top)) = (place(&columns, dx)?, place(&lines, dy)?);
        let other = others.get(row * columns.len() + column)?;
        if other.cells < least {
            return None;
        }
        let there = second.window((left, top), window.side)?;
        // Where neither hides anything, which is most often, one sum is all that is left.
        if alone.cells >= all && other.cells >= all {
            if other.is_bare(all) {
                return None;
            }
            let both = Shared {
                cells: all,
                first: alone.kelvin,
                first_squares: alone.squares,
                second: other.kelvin,
                second_squares: other.squares,
                products: dispatch!(vectors, simd => products(simd, here, there)),
            };
            return correlation(both, least);
        }
        correlation(dispatch!(vectors, simd => shared(simd, here, there)), least)
    };
    let size = usize::try_from((2 * reach + 1) * (2 * reach + 1)).ok()?;
    let mut scores = Scores {
        reach,
        found: vec![f64::NAN; size],
        best: None,
        rival: f64::NEG_INFINITY,
    };
    scores.climb(score);
    Some(scores)
}

impl Scores {
    fn ask(&mut self, place: Place, score: &impl Fn(Place) -> Option<f64>) -> f64 {
        let Some(index) = self.index(place) else {
            return f64::NEG_INFINITY;
        };
        match self.found.get_mut(index) {
            Some(found) if found.is_nan() => {
                *found = score(place).unwrap_or(f64::NEG_INFINITY);
                *found
            }
            Some(found) => *found,
            None => f64::NEG_INFINITY,
        }
    }

    /// Finds the highest place and its rival.
    fn climb(&mut self, score: impl Fn(Place) -> Option<f64>) {
        let reach = self.reach;
        let lattice = move || (-reach..=reach).filter(move |at| (at + reach) % LATTICE == 0);
        let mut seen: Vec<(f64, Place)> = Vec::new();
        for dy in lattice() {
            for dx in lattice() {
                seen.push((self.ask((dx, dy), &score), (dx, dy)));
            }
        }
        // The first of equals, as they were asked.
        seen.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut tops: Vec<(f64, Place)> = Vec::new();
        let mut feet: Vec<Place> = Vec::new();
        for (foot, place) in seen {
            let is_new = feet.iter().all(|other| !is_beside(*other, place));
            if foot < FOOT || feet.len() == HILLS || !is_new {
                continue;
            }
            feet.push(place);
            tops.push(self.top(foot, place, &score));
        }
        let best = tops
            .iter()
            .copied()
            .reduce(|a, b| if b.0 > a.0 { b } else { a });
        let Some((_, best)) = best else { return };
        self.best = Some(best);
        let others = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
        let rivals = others.filter(|place| !is_beside(*place, best));
        self.rival = rivals
            .filter_map(|place| self.at(place))
            .fold(f64::NEG_INFINITY, f64::max);
    }

    /// The top of the hill at `place`.
    fn top(
        &mut self,
        height: f64,
        place: Place,
        score: &impl Fn(Place) -> Option<f64>,
    ) -> (f64, Place) {
        let mut top = (height, place);
        loop {
            let (_, (x, y)) = top;
            let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (x + dx, y + dy)));
            let highest = around.fold(top, |highest, place| {
                let height = self.ask(place, score);
                if height > highest.0 {
                    (height, place)
                } else {
                    highest
                }
            });
            if highest.1 == top.1 {
                return top;
            }
            top = highest;
        }
    }
}

/// Whether two places are so near that they are one hill.
fn is_beside(a: Place, b: Place) -> bool {
    (a.0 - b.0).abs() <= 2 && (a.1 - b.1).abs() <= 2
}

/// First lines of a window that starts at `start` and is moved by `around` and up to `reach` either way, `last` at most, each with how far it is moved.
fn starts(start: usize, around: i64, reach: i64, last: usize) -> Vec<(i64, usize)> {
    let line = |by: i64| {
        let at = usize::try_from(i64::try_from(start).ok()? + around + by).ok()?;
        (at <= last).then_some((by, at))
    };
    (-reach..=reach).filter_map(line).collect()
}

/// `None` where too little is shown, or one of the two is bare.
fn correlation(both: Shared, least: f64) -> Option<f64> {
    let n = both.cells;
    if n < least {
        return None;
    }
    let (mean_a, mean_b) = (both.first / n, both.second / n);
    let (var_a, var_b) = (
        both.first_squares / n - mean_a.powi(2),
        both.second_squares / n - mean_b.powi(2),
    );
    let covariance = both.products / n - mean_a * mean_b;
    (var_a.min(var_b) > LEAST_TEXTURE * LEAST_TEXTURE).then(|| covariance / (var_a * var_b).sqrt())
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
