//! Ground as overlaps tell it, where no surface model does: levels at the nodes of a coarse lattice.
//!
//! In: levels. Out: a [`Patch`], which is bilinear between them, and shares of nodes in a place, by the same rule. Refuses: nothing; what nobody told
//! lies at level 0, as flat ground does.
//!
//! A wood or a row of houses that fills the squares of a cell passes for ground there, and what lies between its trees is drawn at its level.
//!
//! Nodes are counted from the origin of the map, so that all flights of a run share them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::Patch;
use crate::georef::Bounds;
use crate::units::Metres;

/// A node of the lattice: how many times [`Relief::SPACING`] it lies north and east of the map's origin. In ascending order they go from south to
/// north, each row from west to east.
pub(in crate::georef) type Node = (i32, i32);

/// Levels of the ground at the nodes of a lattice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relief {
    /// Millimetres above level 0.
    levels: BTreeMap<Node, i32>,
}

impl Relief {
    /// Metres between two nodes: what lies within is no relief but houses and trees, and each needs some squares of ground (10 m at 120 m) to tell it.
    pub const SPACING: Metres = Metres(25.0);

    /// Levels in metres, rounded to the millimetre.
    pub(in crate::georef) fn of(levels: impl IntoIterator<Item = (Node, f64)>) -> Self {
        let rounded = |(node, level): (Node, f64)| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "`as` saturates; levels are some metres"
            )]
            let millimetres = (level * 1e3).round() as i32;
            (node, millimetres)
        };
        Self {
            levels: levels.into_iter().map(rounded).collect(),
        }
    }

    /// The nodes around a place, with the share that each has in its level.
    pub(in crate::georef) fn around((east, north): (f64, f64)) -> [(Node, f64); 4] {
        let Metres(spacing) = Self::SPACING;
        let (x, y) = (east / spacing, north / spacing);
        let (right, above) = (x - x.floor(), y - y.floor());
        let (column, row) = (whole(x.floor()), whole(y.floor()));
        [
            ((row, column), (1.0 - above) * (1.0 - right)),
            ((row, column + 1), (1.0 - above) * right),
            ((row + 1, column), above * (1.0 - right)),
            ((row + 1, column + 1), above * right),
        ]
    }

    /// Level at a node, in metres.
    pub(in crate::georef) fn level(&self, node: Node) -> f64 {
        self.levels
            .get(&node)
            .map_or(0.0, |&millimetres| f64::from(millimetres) / 1e3)
    }

    /// The nodes whose level is told.
    pub(in crate::georef) fn nodes(&self) -> impl Iterator<Item = Node> {
        self.levels.keys().copied()
    }

    /// How many nodes have a level.
    #[must_use]
    pub fn count(&self) -> usize {
        self.levels.len()
    }

    /// Levels of the lowest and the highest point; level 0 is one of the surface's.
    #[must_use]
    pub fn range(&self) -> (Metres, Metres) {
        let (low, high) = self.levels.values().fold((0, 0), |(low, high), &level| {
            (level.min(low), level.max(high))
        });
        let metres = |millimetres: i32| Metres(f64::from(millimetres) / 1e3);
        (metres(low), metres(high))
    }

    /// SHA-256 of all levels in millimetres as i32 little-endian, node by node from south to north, each row from west to east. Places are not in it.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for level in self.levels.values() {
            hash.update(level.to_le_bytes());
        }
        hash.finalize().into()
    }

    /// The same relief, `factor` times as large in all directions about a place of level 0.
    pub(in crate::georef) fn scaled(&self, factor: f64, about: (f64, f64)) -> Self {
        let Metres(spacing) = Self::SPACING;
        let back = |at: i32, about: f64| about + (f64::from(at) * spacing - about) / factor;
        let level = |(row, column): Node| {
            let around = Self::around((back(column, about.0), back(row, about.1)));
            let level: f64 = around
                .iter()
                .map(|(node, share)| share * self.level(*node))
                .sum();
            ((row, column), factor * level)
        };
        Self::of(self.nodes().map(level))
    }

    /// The lattice over `bounds`, with what is needed to interpolate anywhere in them.
    pub(super) fn patch(&self, bounds: Bounds) -> Patch {
        let Metres(spacing) = Self::SPACING;
        let below = |metres: f64| whole((metres / spacing).floor());
        // A patch ends before its last row and column.
        let (west, south) = (below(bounds.west), below(bounds.south) - 1);
        let (east, north) = (below(bounds.east) + 1, below(bounds.north) + 1);
        let levels = (south..=north)
            .rev()
            .flat_map(|row| (west..=east).map(move |column| (row, column)));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "f32 holds metres to a fraction of a millimetre"
        )]
        let levels: Vec<f32> = levels.map(|node| self.level(node) as f32).collect();
        let count = |from: i32, to: i32| usize::try_from(to - from + 1).unwrap_or(0);
        Patch::new(
            (f64::from(west) * spacing, f64::from(north) * spacing),
            spacing,
            (count(west, east), count(south, north)),
            levels,
        )
    }
}

fn whole(nodes: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates; maps are far smaller"
    )]
    let whole = nodes as i32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hill() -> Relief {
        // A node at (50, 100) is 2 m high, its eastern neighbour 1 m deep.
        Relief::of([((4, 2), 2.0), ((4, 3), -1.0)])
    }

    #[test]
    fn shares_and_patch_are_one_rule() {
        let relief = hill();
        let bounds = Bounds {
            west: 20.0,
            south: 70.0,
            east: 120.0,
            north: 130.0,
        };
        let patch = relief.patch(bounds);
        // By hand: half way between both 0.5 m; a quarter of the way to the flat north of that, three quarters of it; elsewhere level 0.
        for (place, expected) in [
            ((50.0, 100.0), 2.0),
            ((62.5, 100.0), 0.5),
            ((62.5, 106.25), 0.375),
            ((20.0, 70.0), 0.0),
            ((120.0, 130.0), 0.0),
        ] {
            let shares: f64 = Relief::around(place)
                .iter()
                .map(|(node, share)| share * relief.level(*node))
                .sum();
            let patched = patch.height(place.0, place.1).unwrap();
            assert!((shares - expected).abs() < 1e-9, "{place:?}: {shares}");
            assert!((patched - expected).abs() < 1e-6, "{place:?}: {patched}");
        }
    }

    #[test]
    fn a_larger_world_has_higher_hills_further_off() {
        // Twice as large about (50, 100): the hill stays and doubles, the dip goes 25 m further and its old place lies half way.
        let relief = Relief::of([((4, 2), 2.0), ((4, 3), -1.0), ((4, 4), 0.0)]);
        let larger = relief.scaled(2.0, (50.0, 100.0));
        let expected = Relief::of([((4, 2), 4.0), ((4, 3), 1.0), ((4, 4), -2.0)]);
        assert_eq!(larger, expected);
    }

    #[test]
    fn the_digest_is_of_levels_alone() {
        // printf '\xd0\x07\x00\x00\x18\xfc\xff\xff' | sha256sum
        let expected = "08dee0deb13b6db0d783853a0bd6aebb1809a20ea85d65c7bbab383f4cf9bc23";
        assert_eq!(crate::hex::encode(&hill().sha256()), expected);
        let elsewhere = Relief::of([((7, 1), 2.0), ((9, 0), -1.0)]);
        assert_eq!(elsewhere.sha256(), hill().sha256());
        assert_eq!(hill().range(), (Metres(-1.0), Metres(2.0)));
    }
}
