//! What a frame shows of a square of ground.
//!
//! In: temperatures on a grid. Out: windows of it, and their sums. Refuses: nothing; what a frame does not show counts nowhere.

use super::products::Window;

/// A square grid of temperatures on the ground.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) side: usize,
    /// What is about the mean of all, in °C.
    typical: f32,
    /// Above that, 0 where a frame shows nothing: sums need no branch, and single precision is enough for them.
    kelvin: Vec<f32>,
    /// 1 where a frame shows something, else 0.
    shown: Vec<f32>,
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

impl Square {
    /// Column and row of its first cell.
    pub(super) fn start(self) -> (usize, usize) {
        (self.column, self.row)
    }
}

/// Least standard deviation of a window in K: below, noise is matched with noise.
pub(super) const LEAST_TEXTURE: f64 = 0.06;
/// Sums over cells that show something.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) cells: f64,
    /// Their sum, K.
    pub(super) kelvin: f64,
    /// The sum of their squares.
    pub(super) squares: f64,
}

impl Totals {
    /// Whether `n` cells are too much alike to be matched.
    pub(super) fn is_bare(&self, n: f64) -> bool {
        self.squares / n - (self.kelvin / n).powi(2) <= LEAST_TEXTURE * LEAST_TEXTURE
    }
}

/// Sums over the lines of a window, column by column.
pub(super) struct Columns {
    range: std::ops::Range<usize>,
    cells: Vec<f64>,
    kelvin: Vec<f64>,
    squares: Vec<f64>,
}

impl Columns {
    /// No line yet.
    pub(super) fn of(chart: &Chart, columns: std::ops::Range<usize>) -> Self {
        let columns = columns.start..columns.end.min(chart.side);
        let zeros = vec![0.0; columns.len()];
        Self {
            range: columns,
            cells: zeros.clone(),
            kelvin: zeros.clone(),
            squares: zeros,
        }
    }

    /// Takes lines in, or out with `sign` -1.
    pub(super) fn add(&mut self, sign: f64, chart: &Chart, rows: std::ops::Range<usize>) {
        for row in rows {
            let from = row * chart.side;
            let line = from + self.range.start..from + self.range.end;
            let (Some(kelvin), Some(shown)) =
                (chart.kelvin.get(line.clone()), chart.shown.get(line))
            else {
                continue;
            };
            let sums = self
                .cells
                .iter_mut()
                .zip(&mut self.kelvin)
                .zip(&mut self.squares);
            for (((cells, sum), squares), (kelvin, shown)) in sums.zip(kelvin.iter().zip(shown)) {
                let kelvin = f64::from(*kelvin);
                *cells += sign * f64::from(*shown);
                *sum += sign * kelvin;
                *squares += sign * kelvin * kelvin;
            }
        }
    }

    /// Sums over `side` columns, from each column on that has so many.
    pub(super) fn windows(&self, side: usize, found: &mut Vec<Totals>) {
        let mut sum = Totals::default();
        let columns = self.cells.iter().zip(&self.kelvin).zip(&self.squares);
        let before = std::iter::once(sum).chain(columns.map(|((cells, kelvin), squares)| {
            sum.cells += cells;
            sum.kelvin += kelvin;
            sum.squares += squares;
            sum
        }));
        let before: Vec<Totals> = before.collect();
        let ends = before.get(side..).unwrap_or_default();
        found.extend(before.iter().zip(ends).map(|(from, to)| Totals {
            cells: to.cells - from.cells,
            kelvin: to.kelvin - from.kelvin,
            squares: to.squares - from.squares,
        }));
    }
}

impl Chart {
    /// Of a frame that shows nothing yet, and what it shows about `typical` °C.
    pub(super) fn blank(side: usize, typical: f32) -> Self {
        Self {
            side,
            typical,
            kelvin: vec![0.0; side * side],
            shown: vec![0.0; side * side],
        }
    }

    /// From temperatures in °C, `NAN` where a frame shows nothing.
    #[cfg(test)]
    pub(super) fn new(side: usize, celsius: &[f32]) -> Self {
        let typical = celsius.iter().find(|celsius| celsius.is_finite());
        let mut chart = Self::blank(side, typical.copied().unwrap_or_default());
        for (row, line) in celsius.chunks_exact(side).enumerate() {
            chart.put((0, row), line);
        }
        chart
    }

    /// Puts in temperatures in °C, `NAN` where the frame shows nothing, from a place to the right; what would lie outside is left out.
    pub(super) fn put(&mut self, (column, row): (usize, usize), celsius: &[f32]) {
        let len = celsius.len().min(self.side.saturating_sub(column));
        let from = row * self.side + column;
        let (Some(kelvin), Some(shown)) = (
            self.kelvin.get_mut(from..from + len),
            self.shown.get_mut(from..from + len),
        ) else {
            return;
        };
        for ((kelvin, shown), celsius) in kelvin.iter_mut().zip(shown).zip(celsius) {
            let is_shown = celsius.is_finite();
            *kelvin = if is_shown {
                celsius - self.typical
            } else {
                0.0
            };
            *shown = f32::from(u8::from(is_shown));
        }
    }

    /// Sums over a window; `None` where it reaches out of the chart.
    pub(super) fn totals(&self, window: Square) -> Option<Totals> {
        let mut columns = Columns::of(self, window.column..window.column + window.side);
        columns.add(1.0, self, window.row..window.row + window.side);
        let mut all = Vec::new();
        columns.windows(window.side, &mut all);
        all.first().copied()
    }

    /// Whether there is anything in a window to be matched.
    pub(super) fn is_worth_matching(&self, window: Square) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "at most 512")]
        let all = (window.side * window.side) as f64;
        self.totals(window).is_some_and(|totals| {
            totals.cells >= f64::from(window.least.max(2))
                && (totals.cells < all || !totals.is_bare(all))
        })
    }

    /// A window that lies inside.
    pub(super) fn window(&self, (column, row): (usize, usize), side: usize) -> Option<Window<'_>> {
        let from = row * self.side + column;
        let is_inside = column + side <= self.side && row + side <= self.side;
        is_inside.then_some(Window {
            kelvin: self.kelvin.get(from..)?,
            shown: self.shown.get(from..)?,
            stride: self.side,
            side,
        })
    }
}
