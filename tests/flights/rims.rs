//! What cameras read at the rims of their pictures, found without the code under test.

use heatveil::georef::View;
use heatveil::raster::Raster;
use heatveil::units::Degrees;

/// Cells across and down the sensor in which a [`Pattern`] is looked for.
const COLUMNS: usize = 4;
const ROWS: usize = 5;
const CELLS: usize = COLUMNS * ROWS;
/// Differences beyond this count less and less, K: the edges of things that two frames show a pixel apart.
const ROBUST: f64 = 0.6;

/// Places that two frames show.
pub(crate) struct Pair {
    frames: (usize, usize),
    /// Where the first and the second have a place on the sensor, -1 to 1 both ways, and by how much the second reads more, less the mean of that in this
    /// pair, K.
    seen: Vec<([f64; 2], [f64; 2], f64)>,
}

/// All pairs of frames that share enough.
pub(crate) fn pairs(frames: &[(View, Raster<f32>)]) -> Vec<Pair> {
    let seen = |(view, raster): &(View, Raster<f32>), (east, north): (f64, f64)| {
        let celsius = view.sample(raster, east, north)?;
        let (u, v) = view.pixel(east, north)?;
        let pixels = |side: usize| f64::from(u32::try_from(side).unwrap());
        let (width, height) = (pixels(raster.width()), pixels(raster.height()));
        Some((
            f64::from(celsius),
            [2.0 * u / width - 1.0, 2.0 * v / height - 1.0],
        ))
    };
    let mut pairs = Vec::new();
    for (at, first) in frames.iter().enumerate() {
        for (other, second) in frames.iter().enumerate().skip(at + 1) {
            let bounds = |view: &View| view.bounds(Degrees(50.0)).unwrap();
            let Some(shared) = bounds(&first.0).intersection(bounds(&second.0)) else {
                continue;
            };
            let (width, height) = shared.size();
            let place = |step: u32| {
                let (column, row) = (f64::from(step % 30) + 0.5, f64::from(step / 30) + 0.5);
                (
                    shared.west + width * column / 30.0,
                    shared.south + height * row / 30.0,
                )
            };
            let mut both: Vec<_> = (0..900)
                .filter_map(|step| Some((seen(first, place(step))?, seen(second, place(step))?)))
                .map(|((a, here), (b, there))| (here, there, b - a))
                .collect();
            if both.len() < 100 {
                continue;
            }
            let mean = both.iter().map(|(_, _, kelvin)| kelvin).sum::<f64>() / count(&both);
            for (_, _, kelvin) in &mut both {
                *kelvin -= mean;
            }
            pairs.push(Pair {
                frames: (at, other),
                seen: both,
            });
        }
    }
    pairs
}

fn count<T>(list: &[T]) -> f64 {
    list.iter().map(|_| 1.0).sum()
}

/// What overlapping frames say of each other's rims: their differences against the difference of the squared distances from the middle of the sensor (2 in the
/// corners), both less their means in each pair.
pub(crate) struct Rims {
    /// What corners read less than the middle, K: least squares.
    pub(crate) corner_kelvin: f64,
    /// Root mean square of the differences, K.
    pub(crate) rms: f64,
    pub(crate) places: usize,
}

impl Rims {
    pub(crate) fn of(pairs: &[Pair]) -> Self {
        let square = |[x, y]: [f64; 2]| x * x + y * y;
        let (mut products, mut squares, mut differences, mut places) = (0.0, 0.0, 0.0, 0);
        for pair in pairs {
            let farther =
                |(here, there, _): &([f64; 2], [f64; 2], f64)| square(*there) - square(*here);
            let mean = pair.seen.iter().map(farther).sum::<f64>() / count(&pair.seen);
            for seen in &pair.seen {
                let (difference, distance) = (seen.2, farther(seen) - mean);
                products += difference * distance;
                squares += distance * distance;
                differences += difference * difference;
            }
            places += pair.seen.len();
        }
        #[expect(clippy::cast_precision_loss, reason = "some thousand places")]
        let rms = (differences / places as f64).sqrt();
        Self {
            corner_kelvin: -2.0 * products / squares,
            rms,
            places,
        }
    }
}

/// What a camera reads more in each cell of its sensor, as far as overlaps tell: with no model of a lens, the least pattern that explains the differences.
pub(crate) struct Pattern {
    /// Largest less smallest, K.
    pub(crate) peak_to_peak: f64,
    /// Standard error of a cell, K: root mean square over cells, by leaving out each frame in turn.
    pub(crate) error: f64,
}

impl Pattern {
    pub(crate) fn of(pairs: &[Pair], frames: usize) -> Self {
        let all: Vec<&Pair> = pairs.iter().collect();
        let cells = pattern(&all);
        let without: Vec<[f64; CELLS]> = (0..frames)
            .map(|frame| {
                let others = all.iter().copied();
                let others = others.filter(|pair| pair.frames.0 != frame && pair.frames.1 != frame);
                pattern(&others.collect::<Vec<_>>())
            })
            .collect();
        let left = count(&without);
        let mut squares = 0.0;
        for cell in 0..CELLS {
            let mean = without.iter().map(|cells| cells[cell]).sum::<f64>() / left;
            let spread: f64 = without
                .iter()
                .map(|cells| (cells[cell] - mean).powi(2))
                .sum();
            // The jackknife's variance (Efron, Stein 1981).
            squares += spread * (left - 1.0) / left;
        }
        let of = |fold: fn(f64, f64) -> f64| cells.iter().copied().reduce(fold).unwrap();
        Self {
            peak_to_peak: of(f64::max) - of(f64::min),
            error: (squares / count(&cells)).sqrt(),
        }
    }
}

/// Least squares over cells: differences are what the second's cell has more than the first's. What no pair tells (a constant, a slope along a straight
/// flight) stays 0 by a small weight on each cell.
fn pattern(pairs: &[&Pair]) -> [f64; CELLS] {
    let cell = |[x, y]: [f64; 2]| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "some cells; `as` saturates"
        )]
        let along = |place: f64, cells: usize| {
            ((f64::midpoint(place, 1.0) * cells as f64) as usize).min(cells - 1)
        };
        along(y, ROWS) * COLUMNS + along(x, COLUMNS)
    };
    let (mut normal, mut right) = ([[0.0; CELLS]; CELLS], [0.0; CELLS]);
    for pair in pairs {
        let mut rows = Vec::new();
        let mut mean = [0.0; CELLS];
        for (here, there, kelvin) in &pair.seen {
            let mut row = [0.0; CELLS];
            row[cell(*there)] += 1.0;
            row[cell(*here)] -= 1.0;
            for (mean, factor) in mean.iter_mut().zip(row) {
                *mean += factor / count(&pair.seen);
            }
            rows.push((row, *kelvin));
        }
        for (mut row, kelvin) in rows {
            for (factor, mean) in row.iter_mut().zip(mean) {
                *factor -= mean;
            }
            let weight = (ROBUST / kelvin.abs().max(ROBUST)).min(1.0);
            for (at, factor) in row.iter().enumerate() {
                right[at] += weight * factor * kelvin;
                for (sum, other) in normal[at].iter_mut().zip(row) {
                    *sum += weight * factor * other;
                }
            }
        }
    }
    let small: f64 = (0..CELLS).map(|at| normal[at][at]).sum::<f64>() / count(&right) * 1e-3;
    for (at, line) in normal.iter_mut().enumerate() {
        line[at] += small;
    }
    eliminated(normal, right)
}

/// Gauss; a positive definite matrix needs no pivots.
fn eliminated(mut matrix: [[f64; CELLS]; CELLS], mut right: [f64; CELLS]) -> [f64; CELLS] {
    for at in 0..CELLS {
        for below in at + 1..CELLS {
            let factor = matrix[below][at] / matrix[at][at];
            let line = matrix[at];
            for (entry, above) in matrix[below].iter_mut().zip(line) {
                *entry -= factor * above;
            }
            right[below] -= factor * right[at];
        }
    }
    for at in (0..CELLS).rev() {
        let known: f64 = (at + 1..CELLS).map(|k| matrix[at][k] * right[k]).sum();
        right[at] = (right[at] - known) / matrix[at][at];
    }
    right
}
