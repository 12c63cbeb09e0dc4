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
