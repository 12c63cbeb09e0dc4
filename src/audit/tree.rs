//! The Merkle tree over the log's lines (RFC 6962, section 2.1; C2SP tlog-tiles).
//!
//! In: leaf hashes, one after the other. Out: tree heads, and each hash tile as it fills. Refuses: to go back. It keeps the tiles that
//! are being filled, at most 255 hashes a level, so that memory does not grow with the log. `tlog_tiles` keeps all hashes (64 bytes
//! an entry): it is what the tests compare with, and what reads proofs from tiles.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash, record_hash};

use crate::hex;

/// Hashes in a full hash tile, lines in a full entry bundle: 2^8 (C2SP tlog-tiles).
pub(super) const WIDTH: usize = 256;

/// A growing tree.
#[derive(Debug, Default, Clone)]
pub(super) struct Tree {
    size: u64,
    /// The tile that is being filled at each level.
    levels: Vec<Vec<Hash>>,
}

/// The root over lines that come one after the other.
#[derive(Debug, Default, Clone)]
pub struct LinesRoot(Tree);

impl LinesRoot {
    /// Adds a line, without its newline.
    pub fn push(&mut self, line: &[u8]) {
        self.0.push(record_hash(line));
    }

    /// The root so far, hex.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(&self.0.root().0)
    }
}

/// A hash tile, full or not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HashTile {
    level: usize,
    index: u64,
    hashes: Vec<Hash>,
}

impl Tree {
    /// Leaves.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; returns the tiles that it fills, lowest first.
    pub(super) fn push(&mut self, leaf: Hash) -> Vec<HashTile> {
        self.size += 1;
        self.rise(0, leaf)
    }

    /// Adds a full tile of leaves whose root is known; returns the tiles above that it fills. The tree must end at a full tile.
    pub(super) fn push_tile(&mut self, root: Hash) -> Vec<HashTile> {
        self.size += WIDTH as u64;
        self.rise(1, root)
    }

    fn rise(&mut self, from: usize, mut hash: Hash) -> Vec<HashTile> {
        let mut full = Vec::new();
        for level in from.. {
            while self.levels.len() <= level {
                self.levels.push(Vec::new());
            }
            let Some(tile) = self.levels.get_mut(level) else {
                break;
            };
            tile.push(hash);
            if tile.len() < WIDTH {
                break;
            }
            let hashes = std::mem::take(tile);
            hash = perfect(&hashes);
            full.push(HashTile {
                level,
                index: (self.size >> (8 * (level + 1))) - 1,
                hashes,
            });
        }
        full
    }

    /// Tiles that are not full.
    pub(super) fn partial(&self) -> impl Iterator<Item = HashTile> {
        let filled = self.levels.iter().enumerate();
        filled
            .filter(|(_, hashes)| !hashes.is_empty())
            .map(|(level, hashes)| HashTile {
                level,
                index: self.size >> (8 * (level + 1)),
                hashes: hashes.clone(),
            })
    }

    /// The tree head.
    pub(super) fn root(&self) -> Hash {
        self.root_with(&[])
    }

    /// The tree head if fewer than 256 `leaves` were added; the tree must end at a full tile, or `leaves` be empty.
    pub(super) fn root_with(&self, leaves: &[Hash]) -> Hash {
        let own = self.levels.first().map(Vec::as_slice).unwrap_or_default();
        let lowest = [own, leaves]
            .into_iter()
            .find(|hashes| !hashes.is_empty())
            .unwrap_or_default();
        let above = self.levels.iter().skip(1).map(Vec::as_slice);
        // From the right: small subtrees first, each joined by the next larger one on its left (RFC 6962, section 2.1).
        let mut root = None;
        for hashes in std::iter::once(lowest).chain(above) {
            let mut rest = hashes;
            while !rest.is_empty() {
                let width = 1 << rest.len().trailing_zeros();
                let (before, last) = rest.split_at(rest.len() - width);
                let left = perfect(last);
                root = Some(root.map_or(left, |right| node_hash(left, right)));
                rest = before;
            }
        }
        root.unwrap_or(EMPTY_HASH)
    }
}

/// Root over a power of two of hashes.
pub(super) fn perfect(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => EMPTY_HASH,
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(perfect(left), perfect(right))
        }
    }
}

impl HashTile {
    /// Level; 0 holds leaf hashes.
    pub(super) fn level(&self) -> usize {
        self.level
    }

    /// The tile's path by C2SP tlog-tiles, below `tile/`.
    pub(super) fn path(&self) -> String {
        path(&self.level.to_string(), self.index, self.hashes.len())
    }

    /// The bytes of its file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        concat(&self.hashes)
    }
}

/// Hashes as a tile holds them.
pub(super) fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The path of a tile or bundle of `width` (C2SP tlog-tiles): the index in groups of three digits, all but the last with an `x`.
pub(super) fn path(level: &str, index: u64, width: usize) -> String {
    let mut number = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % 1000);
        rest /= 1000;
    }
    let part = if width == WIDTH {
        String::new()
    } else {
        format!(".p/{width}")
    };
    format!("{level}/{number}{part}")
}

/// Adds a line to an entry bundle: behind its length in two bytes, big-endian (C2SP tlog-tiles).
pub(super) fn push_line(bundle: &mut Vec<u8>, line: &[u8]) {
    bundle.extend(u16::try_from(line.len()).unwrap_or(u16::MAX).to_be_bytes());
    bundle.extend(line);
}

/// The RFC 6962 tree head over `leaves`.
pub fn root<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.push(record_hash(leaf));
    }
    tree.root().0
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use tlog_tiles::{HashReader, Tile, stored_hashes, tree_hash};

    use super::*;

    /// All hashes, in Go's order of storage.
    #[derive(Default)]
    struct Stored(Vec<Hash>);

    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
            let read = |&index: &u64| self.0[usize::try_from(index).unwrap()];
            Ok(indexes.iter().map(read).collect())
        }
    }

    #[test]
    fn roots_agree_with_two_other_implementations() {
        let mut other = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        let mut stored = Stored::default();
        let mut tree = Tree::default();
        assert_eq!(tree.root(), EMPTY_HASH);
        for number in 0..600_u64 {
            let line = number.to_string().into_bytes();
            let new = stored_hashes(number, &line, &stored).unwrap();
            stored.0.extend(new);
            tree.push(record_hash(&line));
            other.push(line);
            assert_eq!(tree.size(), number + 1);
            assert_eq!(tree.root().0[..], other.root().as_bytes()[..], "{number}");
            assert_eq!(tree.root(), tree_hash(number + 1, &stored).unwrap());
        }
    }

    /// Leaves and roots of RFC 6962 in the tests of Certificate Transparency's programs (`transparency-dev/merkle`).
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"@ABC",
            b"PQRSTUVW",
            b"`abcdefghijklmno",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut lines = LinesRoot::default();
        assert_eq!(lines.hex(), roots[0]);
        for (number, leaf) in leaves.into_iter().enumerate() {
            lines.push(leaf);
            let first = leaves[..=number].iter().copied();
            assert_eq!(
                (lines.hex(), hex::encode(&root(first))),
                (roots[number + 1].into(), roots[number + 1].into())
            );
        }
        let hashes = leaves.map(record_hash);
        for size in [0, 1, 2, 4, 8] {
            assert_eq!(hex::encode(&perfect(&hashes[..size]).0), roots[size]);
        }
    }

    #[test]
    fn tiles_agree_with_another_implementation() {
        const SIZE: u64 = 256 * 256 + 256 + 44;
        let mut stored = Stored::default();
        let mut tree = Tree::default();
        let mut found = Vec::new();
        for number in 0..SIZE {
            let line = number.to_be_bytes();
            let new = stored_hashes(number, &line, &stored).unwrap();
            stored.0.extend(new);
            found.extend(tree.push(record_hash(&line)));
        }
        found.extend(tree.partial());
        let mut found: Vec<_> = found
            .iter()
            .map(|tile| (tile.path(), tile.bytes()))
            .collect();
        let mut wanted: Vec<_> = Tile::new_tiles(8, 0, SIZE)
            .iter()
            .map(|tile| {
                // The crate writes Go's older form, with the height.
                let path = tile.path().splitn(3, '/').nth(2).unwrap().to_owned();
                (path, tile.read_data(&stored).unwrap())
            })
            .collect();
        found.sort();
        wanted.sort();
        assert!(found == wanted);
    }

    /// A full tile of level 1 stands for 256 tiles of level 0.
    #[test]
    fn tiles_above_fill_from_whole_tiles_as_they_do_from_leaves() {
        let leaf = |tile: u32, at: u8| record_hash(&[&tile.to_be_bytes()[..], &[at]].concat());
        let mut leaves = Tree::default();
        let mut tiles = Tree::default();
        for tile in 0..2 * 256 + 3 {
            let hashes: Vec<Hash> = (0..=u8::MAX).map(|at| leaf(tile, at)).collect();
            let above = tiles.push_tile(perfect(&hashes));
            let mut full: Vec<HashTile> = hashes
                .into_iter()
                .flat_map(|hash| leaves.push(hash))
                .collect();
            let lowest = full.remove(0);
            assert_eq!(
                (lowest.level(), lowest.path()),
                (0, path("0", u64::from(tile), WIDTH))
            );
            assert_eq!(above, full);
            assert_eq!(tiles.size(), leaves.size());
            if let [above] = above.as_slice() {
                assert_eq!(above.level(), 1);
                assert_eq!(above.path(), format!("1/00{}", tile / 256));
            }
        }
        let partial: Vec<_> = tiles.partial().map(|tile| tile.path()).collect();
        assert_eq!(partial, ["1/002.p/3", "2/000.p/2"]);
        assert_eq!((tiles.root(), tiles.size()), (leaves.root(), 256 * 515));
    }

    #[test]
    fn whole_tiles_and_single_leaves_give_the_same_tree() {
        let leaves: Vec<Hash> = (0..1000_u32)
            .map(|n| record_hash(&n.to_be_bytes()))
            .collect();
        let mut one = Tree::default();
        let mut other = Tree::default();
        for (number, leaf) in leaves.iter().enumerate() {
            if number % WIDTH == 0 && number + WIDTH <= leaves.len() {
                other.push_tile(perfect(&leaves[number..number + WIDTH]));
            }
            one.push(*leaf);
            if number % 256 == 200 && number < 768 {
                let start = number / WIDTH * WIDTH;
                let mut before = Tree::default();
                for tile in leaves[..start].chunks(WIDTH) {
                    before.push_tile(perfect(tile));
                }
                assert_eq!(before.root_with(&leaves[start..=number]), one.root());
            }
        }
        assert_eq!(other.root_with(&leaves[768..]), one.root());
    }

    /// The examples of C2SP tlog-tiles.
    #[test]
    fn tile_paths_follow_c2sp() {
        assert_eq!(path("0", 1_234_067, WIDTH), "0/x001/x234/067");
        assert_eq!(path("entries", 0, 44), "entries/000.p/44");
    }
}
