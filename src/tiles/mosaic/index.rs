//! Which frames can touch which block of a map.

use super::{BLOCK, Grid, MARGIN};
use crate::georef::Bounds;
use crate::units::Metres;

/// Per block of the map the frames whose bounds reach into it or to within [`MARGIN`]: four bytes for each pair, whatever the frames hold.
#[derive(Debug)]
pub(super) struct FootprintIndex {
    across: usize,
    blocks: Vec<Vec<u32>>,
}

impl FootprintIndex {
    /// The index over `bounds`, by their place among the frames.
    pub(super) fn new(grid: &Grid, bounds: &[Bounds]) -> Self {
        let (across, down) = (grid.width.div_ceil(BLOCK), grid.height.div_ceil(BLOCK));
        let mut blocks = vec![Vec::new(); across * down];
        for (number, bounds) in (0..).zip(bounds) {
            let window = grid.window(&bounds.grown(Metres(grid.resolution * MARGIN)));
            if window.is_empty() {
                continue;
            }
            for row in window.top / BLOCK..=(window.bottom - 1) / BLOCK {
                for column in window.left / BLOCK..=(window.right - 1) / BLOCK {
                    if let Some(block) = blocks.get_mut(row * across + column) {
                        block.push(number);
                    }
                }
            }
        }
        Self { across, blocks }
    }

    /// Frames that may touch the block with this first pixel, ascending.
    pub(super) fn at(&self, (column, row): (usize, usize)) -> &[u32] {
        let block = (row / BLOCK) * self.across + column / BLOCK;
        self.blocks.get(block).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::georef::Crs;

    #[test]
    fn a_block_is_offered_the_frames_that_reach_into_it_and_no_others() {
        // Two by two blocks of 512 m, from (0, 1024) down to (1024, 0).
        let grid = Grid {
            crs: Crs::from_epsg(32_631).unwrap(),
            resolution: 1.0,
            west: 0.0,
            north: 1024.0,
            width: 1024,
            height: 1024,
        };
        let bounds = |west, south, east, north| Bounds {
            west,
            south,
            east,
            north,
        };
        let index = FootprintIndex::new(
            &grid,
            &[
                bounds(10.0, 900.0, 20.0, 910.0),
                bounds(500.0, 500.0, 520.0, 520.0),
                bounds(-50.0, -50.0, 1.0, 1.0),
                bounds(5000.0, 0.0, 5010.0, 10.0),
                // What a lens bends beyond its bounds may lie in the next block.
                bounds(480.0, 1000.0, 500.0, 1010.0),
            ],
        );
        assert_eq!(index.at((0, 0)), [0, 1, 4]);
        assert_eq!(index.at((512, 0)), [1, 4]);
        assert_eq!(index.at((0, 512)), [1, 2]);
        assert_eq!(index.at((512, 512)), [1]);
    }
}
