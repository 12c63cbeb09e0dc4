//! An overlap in blocks of cells.
//!
//! In: which pixels show their corners. Out: which of them a frame shows, two frames, or some squares. Refuses: nothing.

use super::sampling::BLOCK;
use crate::raster::Raster;

/// Which pixels of a frame show the corners of an overlap's blocks.
pub(super) struct Mesh {
    across: usize,
    corners: Vec<Option<(f64, f64)>>,
    /// Of each block, whether any corner lies within the frame.
    shown: Vec<bool>,
}

impl Mesh {
    /// Of `across` times as many blocks, with the pixels that show their corners, line by line, in a frame of this size.
    pub(super) fn of(
        across: usize,
        corners: Vec<Option<(f64, f64)>>,
        (width, height): (f64, f64),
    ) -> Self {
        let is_inside = |corner: &Option<(f64, f64)>| {
            corner.is_some_and(|(u, v)| (0.0..width).contains(&u) && (0.0..height).contains(&v))
        };
        let inside: Vec<bool> = corners.iter().map(is_inside).collect();
        let is_shown = |at: usize| {
            let first = at / across * (across + 1) + at % across;
            let ends = [first, first + 1, first + across + 1, first + across + 2];
            ends.iter().any(|end| inside.get(*end) == Some(&true))
        };
        Self {
            across,
            shown: (0..across * across).map(is_shown).collect(),
            corners,
        }
    }

    /// All blocks, by row and column.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.across).flat_map(|row| (0..self.across).map(move |column| (row, column)))
    }

    /// North-west, north-east, south-west, south-east.
    pub(super) fn corners_of(&self, column: usize, row: usize) -> Option<[(f64, f64); 4]> {
        let first = row * (self.across + 1) + column;
        let below = first + self.across + 1;
        let at = |corner: usize| self.corners.get(corner).copied().flatten();
        Some([at(first)?, at(first + 1)?, at(below)?, at(below + 1)?])
    }

    /// Mean of what a raster, shrunk so many times, shows at the corners.
    pub(super) fn typical(&self, raster: &Raster<f32>, shrunk: f64) -> f32 {
        let corners = self.corners.iter().flatten();
        let seen = corners.filter_map(|(u, v)| raster.measured_at((u / shrunk, v / shrunk)));
        let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), seen| (sum + seen, count + 1.0));
        sum / f32::max(count, 1.0)
    }

    /// Blocks that both frames show.
    pub(super) fn shared(&self, other: &Self) -> Blocks {
        let both = self.shown.iter().zip(&other.shown);
        Blocks {
            across: self.across,
            has: both.map(|(a, b)| *a && *b).collect(),
        }
    }
}

/// Some of the blocks of an overlap.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    across: usize,
    has: Vec<bool>,
}

impl Blocks {
    pub(super) fn has(&self, column: usize, row: usize) -> bool {
        self.has.get(row * self.across + column) == Some(&true)
    }

    /// Blocks that a square of cells touches: columns and rows.
    fn around(&self, (column, row): (usize, usize), side: usize) -> [std::ops::Range<usize>; 2] {
        [column, row].map(|from| from / BLOCK..(from + side).div_ceil(BLOCK).min(self.across))
    }

    /// As many, none of them in it.
    pub(super) fn none(&self) -> Self {
        Self {
            across: self.across,
            has: vec![false; self.has.len()],
        }
    }

    /// The share of a square's blocks that are among them.
    pub(super) fn share(&self, from: (usize, usize), side: usize) -> f64 {
        let [columns, rows] = self.around(from, side);
        let blocks = rows.flat_map(|row| columns.clone().map(move |column| (column, row)));
        let (found, all) = blocks.fold((0_u32, 0_u32), |(found, all), (column, row)| {
            (found + u32::from(self.has(column, row)), all + 1)
        });
        f64::from(found) / f64::from(all.max(1))
    }

    /// Takes in the blocks of a square that are `among` others.
    pub(super) fn add(&mut self, from: (usize, usize), side: usize, among: &Self) {
        let [columns, rows] = self.around(from, side);
        for (row, column) in rows.flat_map(|row| columns.clone().map(move |at| (row, at))) {
            let at = row * self.across + column;
            if let Some(has) = self.has.get_mut(at) {
                *has |= among.has(column, row);
            }
        }
    }
}
