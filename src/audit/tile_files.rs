//! Whether the hash tiles and entry bundles of a folder that nobody trusts are those of its lines.

use std::path::Path;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::files;
use super::lines::{Block, Checked};
use super::tree::{self, HashTile};
use crate::store::layout;

/// Parses and hashes blocks and compares them with their tile files, on all cores.
pub(super) fn work(folder: &Path, blocks: &[Block]) -> Vec<Checked> {
    let one = |block: &Block| {
        let mut checked = block.check();
        let width = checked.leaves.len();
        let hashes = tree::concat(&checked.leaves);
        for (level, expected) in [("0", hashes), ("entries", block.bundle())] {
            let path = tree::path(level, block.number, width);
            checked.problems.extend(differs(folder, &path, &expected));
        }
        checked
    };
    blocks.par_iter().map(one).collect()
}

/// What is wrong with a hash tile's file.
pub(super) fn compare(folder: &Path, tile: &HashTile) -> Option<String> {
    // Those of the lowest level were compared with their block.
    (tile.level() > 0).then(|| differs(folder, &tile.path(), &tile.bytes()))?
}

fn differs(folder: &Path, path: &str, expected: &[u8]) -> Option<String> {
    let path = format!("{}/{path}", layout::LOG_TILES);
    match files::read(folder, &path) {
        Ok(found) if found == expected => None,
        Ok(_) => Some(format!("{path} does not belong to the log")),
        Err(problem) => Some(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{Finished, whole};
    use super::*;

    /// A log of 300 lines: one full block, and a tile of the next level.
    fn long() -> Finished {
        let mut told = whole();
        while told.0.len() < 300 {
            told = told.again("resumed", "resumed");
        }
        let finished = Finished::of(&told);
        // They cannot be made from wrong tiles.
        finished.remove(layout::PROOFS);
        finished
    }

    /// The names are those of C2SP tlog-tiles.
    #[test]
    fn each_tile_and_bundle_is_compared_once() {
        let finished = long();
        assert_eq!(finished.problems(), Vec::<String>::new());
        for name in [
            "0/000",
            "0/001.p/44",
            "entries/000",
            "entries/001.p/44",
            "1/000.p/1",
        ] {
            let path = format!("{}/{name}", layout::LOG_TILES);
            let right = std::fs::read(finished.path(&path)).unwrap();
            let mut wrong = right.clone();
            wrong[31] ^= 1;
            finished.replace(&path, &wrong);
            assert_eq!(
                finished.problems(),
                [format!("{path} does not belong to the log")]
            );
            finished.remove(&path);
            assert_eq!(
                finished.problems(),
                [format!("{path} cannot be read (entity not found)")]
            );
            finished.replace(&path, &right);
        }
    }
}
