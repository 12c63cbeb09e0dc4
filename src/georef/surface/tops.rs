//! What may stand in the way at most, square by square: lines of sight pass over most of a surface without a look at its cells.
//!
//! In: heights of cells. Out: how far a line that rises stays above everything below it. It leaves out only what cannot hide anything, so that answers
//! are those of a look at every step (maximum mipmaps: Tevs, Ihrke, Seidel 2008, of which this has one level); only where a step falls within rounding of a wall may they differ.

use crate::georef::camera::as_f64;

/// Cells along a square.
const SIDE: usize = 16;

/// The highest level of each square.
#[derive(Debug, Clone)]
pub(super) struct Tops {
    /// Over the 16 x 16 cells of a square and those beside it that the surface leans on; the least number where none is known.
    levels: Vec<f32>,
    across: usize,
}

impl Tops {
    /// `heights` go row by row, `NAN` where unknown; unknown surface hides nothing.
    pub(super) fn of(heights: &[f32], (width, height): (usize, usize)) -> Self {
        let across = width.div_ceil(SIDE);
        let mut levels = vec![f32::NEG_INFINITY; across * height.div_ceil(SIDE)];
        if width == 0 {
            return Self { levels, across };
        }
        for (row, heights) in heights.chunks_exact(width).enumerate() {
            // The first row and column of a square belong to the surface of the one before it too.
            for square_row in row.saturating_sub(1) / SIDE..=row / SIDE {
                let tops = levels.iter_mut().skip(square_row * across);
                for (square, top) in tops.take(across).enumerate() {
                    let end = ((square + 1) * SIDE + 1).min(width);
                    let cells = heights.get(square * SIDE..end).unwrap_or_default();
                    *top = cells.iter().fold(*top, |top, &level| top.max(level));
                }
            }
        }
        Self { levels, across }
    }

    /// How many steps of a line may be taken at once: 0 where something in its square may stand above `level`. `(column, row)` are cells, whole for the
    /// centres, and `(by_column, by_row)` what a step goes; the line rises. Zero outside, without end for a line straight up.
    pub(super) fn steps_over(
        &self,
        (column, row): (f64, f64),
        (by_column, by_row): (f64, f64),
        level: f64,
    ) -> f64 {
        if !(column >= 0.0 && row >= 0.0) {
            return 0.0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative; `as` saturates"
        )]
        let (i, j) = (column as usize / SIDE, row as usize / SIDE);
        if i >= self.across {
            return 0.0;
        }
        let top = self
            .levels
            .get(j.saturating_mul(self.across).saturating_add(i));
        if !top.is_some_and(|&top| f64::from(top) < level) {
            return 0.0;
        }
        let way = |at: f64, square: usize, by: f64| {
            let edge = as_f64(square * SIDE) + if by > 0.0 { as_f64(SIDE) } else { 0.0 };
            if by == 0.0 {
                f64::INFINITY
            } else {
                (edge - at) / by
            }
        };
        way(column, i, by_column)
            .min(way(row, j, by_row))
            .max(1.0)
            .trunc()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers of steps")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever a line passes over in the steps that it is spared lies below it.
        #[test]
        fn nothing_stands_in_steps_that_are_left_out(
            (width, height) in (1_usize..70, 1_usize..70),
            seed in any::<u64>(),
            at in (0.0..70.0_f64, 0.0..70.0_f64),
            heading in 0.0..std::f64::consts::TAU,
            level in 0.0..12.0_f64,
        ) {
            let heights = roofs(seed, width * height);
            let by = (0.5 * heading.cos(), 0.5 * heading.sin());
            let steps = Tops::of(&heights, (width, height)).steps_over(at, by, level);
            prop_assert!(steps == 0.0 || steps >= 1.0 && steps.fract() == 0.0);
            let mut taken = 0.0;
            while taken < steps.min(1000.0) {
                let (column, row) = (at.0 + taken * by.0, at.1 + taken * by.1);
                for (i, j) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
                    let (column, row) = (column.floor() + i, row.floor() + j);
                    if column < 0.0 || row < 0.0 || column >= as_f64(width) || row >= as_f64(height) {
                        continue;
                    }
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside")]
                    let cell = heights[row as usize * width + column as usize];
                    prop_assert!(cell.is_nan() || f64::from(cell) < level, "{cell} at {taken} of {steps}");
                }
                taken += 1.0;
            }
        }
    }

    /// Ground with roofs of 3 m to 10 m here and there, some of it unknown.
    fn roofs(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                match state >> 54 {
                    0..3 => f32::NAN,
                    3..8 => 3.0,
                    8..12 => 10.0,
                    _ => 0.0,
                }
            })
            .collect()
    }

    #[test]
    fn squares_are_passed_whole_and_looked_at_where_something_stands() {
        // 40 x 20 cells of ground, a roof of 5 m in column 33, row 3.
        let mut heights = vec![0.0; 800];
        heights[3 * 40 + 33] = 5.0;
        heights[5] = f32::NAN;
        let tops = Tops::of(&heights, (40, 20));
        // From column 1 at half a cell a step, 15 cells to the next square; to the west 1 cell.
        assert_eq!(tops.steps_over((1.0, 2.0), (0.5, 0.0), 1.0), 30.0);
        assert_eq!(tops.steps_over((1.0, 2.0), (-0.5, 0.0), 1.0), 2.0);
        assert_eq!(tops.steps_over((1.0, 2.0), (0.3, 0.4), 1.0), 35.0);
        // The roof's square, above and below it; the square before it leans on column 32 alone.
        assert_eq!(tops.steps_over((36.0, 10.0), (0.5, 0.0), 1.0), 0.0);
        assert_eq!(tops.steps_over((36.0, 10.0), (0.5, 0.0), 5.5), 24.0);
        assert_eq!(tops.steps_over((30.0, 10.0), (0.5, 0.0), 1.0), 4.0);
        assert_eq!(tops.steps_over((1.0, 2.0), (0.0, 0.0), 1.0), f64::INFINITY);
        // Outside nothing is known to be left out.
        for outside in [
            (-1.0, 2.0),
            (2.0, -1.0),
            (50.0, 2.0),
            (2.0, 40.0),
            (f64::NAN, 2.0),
        ] {
            assert_eq!(tops.steps_over(outside, (0.5, 0.0), 1.0), 0.0);
        }
    }

    #[test]
    fn a_square_leans_on_the_first_cells_of_the_next() {
        let mut heights = vec![0.0; 40 * 40];
        heights[16 * 40 + 16] = 5.0;
        let tops = Tops::of(&heights, (40, 40));
        for (column, row, stands) in [
            (8.0, 8.0, true),
            (24.0, 8.0, true),
            (8.0, 24.0, true),
            (33.0, 8.0, false),
            (8.0, 33.0, false),
        ] {
            let steps = tops.steps_over((column, row), (0.5, 0.0), 1.0);
            assert_eq!(steps == 0.0, stands, "{column} {row}");
        }
        let nothing = Tops::of(&[], (0, 0));
        assert_eq!(nothing.steps_over((0.0, 0.0), (0.5, 0.0), 1.0), 0.0);
    }
}
