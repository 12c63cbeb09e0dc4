//! The Merkle tree over the log's lines (RFC 6962, section 2.1; C2SP tlog-tiles).

use tlog_tiles::{
    EMPTY_HASH, Hash, HashReader, Tile, record_hash, stored_hashes_for_record_hash, tree_hash,
};

use super::AuditError;

/// Height of a hash tile and width of an entry bundle: 2^8 (C2SP tlog-tiles).
const HEIGHT: u8 = 8;

/// All hashes of a growing tree, in Go's order of storage: about 64 bytes an entry.
#[derive(Debug, Default)]
pub(super) struct Tree {
    size: u64,
    hashes: Vec<Hash>,
}

struct Stored<'a>(&'a [Hash]);

impl HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let read = |&index: &u64| {
            usize::try_from(index)
                .ok()
                .and_then(|index| self.0.get(index))
                .copied()
        };
        indexes
            .iter()
            .map(read)
            .collect::<Option<_>>()
            .ok_or(tlog_tiles::Error::InvalidInput("hash index".into()))
    }
}

fn failed(error: impl std::fmt::Debug) -> AuditError {
    AuditError::Tree {
        problem: format!("{error:?}"),
    }
}

impl Tree {
    /// Leaves.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a line: its leaf hash is SHA-256(0x00 || line).
    pub(super) fn push(&mut self, line: &[u8]) -> Result<(), AuditError> {
        let new =
            stored_hashes_for_record_hash(self.size, record_hash(line), &Stored(&self.hashes));
        self.hashes.extend(new.map_err(failed)?);
        self.size += 1;
        Ok(())
    }

    /// The tree head over the first `size` leaves.
    pub(super) fn root_at(&self, size: u64) -> Result<Hash, AuditError> {
        if size == 0 {
            return Ok(EMPTY_HASH);
        }
        tree_hash(size, &Stored(&self.hashes)).map_err(failed)
    }

    /// Hash tiles and the numbers of entry bundles that a tree grown from `old` leaves needs, as
    /// (path, bytes or range of leaves).
    pub(super) fn tiles_since(&self, old: u64) -> Result<Vec<(String, TileContent)>, AuditError> {
        let mut tiles = Vec::new();
        for tile in Tile::new_tiles(HEIGHT, old, self.size) {
            let data = tile.read_data(&Stored(&self.hashes)).map_err(failed)?;
            tiles.push((
                path(&tile, &tile.level().to_string()),
                TileContent::Hashes(data),
            ));
            if tile.level() == 0 {
                let first = tile.level_index() << HEIGHT;
                tiles.push((
                    path(&tile, "entries"),
                    TileContent::Entries(first..first + u64::from(tile.width())),
                ));
            }
        }
        Ok(tiles)
    }
}

/// What a tile file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TileContent {
    /// Hashes, 32 bytes each.
    Hashes(Vec<u8>),
    /// Lines of a range of leaves.
    Entries(std::ops::Range<u64>),
}

/// The path of a tile by C2SP tlog-tiles, below `tile/`; the crate writes Go's older form with the height.
fn path(tile: &Tile, level: &str) -> String {
    let go = tile.path();
    let number = go.splitn(4, '/').nth(3).unwrap_or_default();
    format!("{level}/{number}")
}

/// An entry bundle: each line behind its length in two bytes, big-endian (C2SP tlog-tiles).
pub(super) fn bundle<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend(u16::try_from(line.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(line);
    }
    bytes
}

/// The RFC 6962 tree head over `leaves`.
///
/// # Errors
///
/// [`AuditError::Tree`] when the tree cannot be computed.
pub fn root<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Result<[u8; 32], AuditError> {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.push(leaf)?;
    }
    Ok(tree.root_at(tree.size())?.0)
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;

    use super::*;

    #[test]
    fn the_root_agrees_with_another_implementation() {
        let mut other = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        let mut tree = Tree::default();
        for number in 0..600_u32 {
            let line = number.to_string().into_bytes();
            tree.push(&line).unwrap();
            other.push(line);
            assert_eq!(
                tree.root_at(tree.size()).unwrap().0[..],
                other.root().as_bytes()[..],
                "{number}"
            );
        }
    }

    #[test]
    fn tile_paths_follow_c2sp() {
        let mut tree = Tree::default();
        for number in 0..300_u32 {
            tree.push(&number.to_be_bytes()).unwrap();
        }
        let paths: Vec<String> = tree
            .tiles_since(0)
            .unwrap()
            .into_iter()
            .map(|tile| tile.0)
            .collect();
        assert_eq!(
            paths,
            [
                "0/000",
                "entries/000",
                "0/001.p/44",
                "entries/001.p/44",
                "1/000.p/1"
            ]
        );
    }
}
