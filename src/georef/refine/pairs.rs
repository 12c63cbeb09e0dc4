//! Which frames are compared.

use std::collections::{BTreeMap, BTreeSet};

use super::overlap::MAX_OFF_NADIR;
use crate::georef::crs::median;
use crate::georef::{Bounds, Surface, SurfaceError, View};

/// Neighbours of a frame that it is compared with.
const NEIGHBOURS: usize = 6;
/// Share of the smaller footprint that two frames must have in common.
const SHARE: f64 = 0.25;

/// What each frame sees of a surface steeply enough, and which frames are compared over it.
pub(super) struct Overlaps {
    bounds: Vec<Option<Bounds>>,
    pub(super) pairs: Vec<(usize, usize)>,
}

impl Overlaps {
    pub(super) fn of<'a>(views: impl Iterator<Item = &'a View>, surface: &Surface) -> Self {
        let bounds: Vec<_> = views
            .map(|view| view.bounds_between(surface.range(), MAX_OFF_NADIR))
            .collect();
        let pairs = pairs(&bounds);
        Self { bounds, pairs }
    }

    /// The level that half of 5 x 5 places in each frame's bounds are below: what stands at one of them, or a place that is not known, does not matter.
    pub(super) fn levels(&self, surface: &Surface) -> Result<Vec<f64>, SurfaceError> {
        let typical = |bounds: &Option<Bounds>| {
            let Some(bounds) = bounds else { return Ok(0.0) };
            let Some(patch) = surface.patch(*bounds)? else {
                return Ok(0.0);
            };
            let (width, height) = bounds.size();
            let share = |at: u8| (f64::from(at) + 0.5) / 5.0;
            let place = |at: u8| {
                let (column, row) = (share(at % 5), share(at / 5));
                (bounds.west + column * width, bounds.south + row * height)
            };
            let level = |(east, north)| patch.height(east, north);
            let mut levels: Vec<f64> = (0..25).map(place).filter_map(level).collect();
            Ok(median(&mut levels).unwrap_or(surface.range().0))
        };
        self.bounds.iter().map(typical).collect()
    }

    /// What the frame at `index` sees.
    pub(super) fn bounds(&self, index: usize) -> Option<Bounds> {
        self.bounds.get(index).copied().flatten()
    }
}

/// Pairs of overlapping frames by their place in the list, each once, the lower first: every frame with those with which it
/// shares most, half of them from the same stretch of the flight and half from elsewhere, where lines cross.
fn pairs(bounds: &[Option<Bounds>]) -> Vec<(usize, usize)> {
    let area = |bounds: Bounds| bounds.size().0 * bounds.size().1;
    let mut found = BTreeSet::new();
    for (a, first) in bounds.iter().enumerate() {
        let Some(first) = first else { continue };
        let mut near: Vec<(f64, usize)> = Vec::new();
        for (b, second) in bounds.iter().enumerate() {
            let Some(second) = second.filter(|_| a != b) else {
                continue;
            };
            let shared = first.intersection(second).map_or(0.0, area);
            let share = shared / area(*first).min(area(second));
            if share >= SHARE {
                near.push((share, b));
            }
        }
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let is_along = |b: usize| a.abs_diff(b) <= NEIGHBOURS;
        for kind in [true, false] {
            let chosen = near.iter().filter(|(_, b)| is_along(*b) == kind);
            found.extend(
                chosen
                    .take(NEIGHBOURS / 2)
                    .map(|&(_, b)| (a.min(b), a.max(b))),
            );
        }
    }
    found.into_iter().collect()
}

/// Of each pair, whether no way of `steps` tied pairs or fewer leads from one of its frames to the other.
pub(super) fn apart(pairs: &[(usize, usize)], is_tied: &[bool], steps: usize) -> Vec<bool> {
    let mut beside: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (&(a, b), _) in pairs.iter().zip(is_tied).filter(|(_, tied)| **tied) {
        beside.entry(a).or_default().push(b);
        beside.entry(b).or_default().push(a);
    }
    let around = |frame: usize| {
        let mut reached = BTreeSet::from([frame]);
        let mut edge = vec![frame];
        for _ in 0..steps {
            let next = edge.iter().filter_map(|at| beside.get(at)).flatten();
            edge = next.copied().filter(|at| reached.insert(*at)).collect();
        }
        reached
    };
    let mut from: Option<(usize, BTreeSet<usize>)> = None;
    let is_apart = |(&(a, b), tied): (&(usize, usize), &bool)| {
        if *tied {
            return false;
        }
        // Pairs are sorted: those of one frame follow each other.
        if from.as_ref().is_none_or(|(frame, _)| *frame != a) {
            from = Some((a, around(a)));
        }
        from.as_ref()
            .is_none_or(|(_, reached)| !reached.contains(&b))
    };
    pairs.iter().zip(is_tied).map(is_apart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::georef::Relief;

    fn frame(west: f64, south: f64) -> Bounds {
        Bounds {
            west,
            south,
            east: west + 40.0,
            north: south + 40.0,
        }
    }

    #[test]
    fn neighbours_along_and_across_are_paired_and_strangers_are_not() {
        // Two lines of ten frames, 10 m apart along and 20 m across.
        let mut bounds: Vec<_> = (0..10_u8)
            .map(|at| Some(frame(10.0 * f64::from(at), 0.0)))
            .collect();
        bounds.extend((0..10_u8).map(|at| Some(frame(10.0 * f64::from(at), 20.0))));
        bounds.push(Some(frame(5000.0, 5000.0)));
        bounds.push(None);
        let pairs = pairs(&bounds);
        assert!(pairs.contains(&(0, 1)) && pairs.contains(&(0, 10)));
        assert!(pairs.iter().all(|&(a, b)| a < b && b < 20));
        assert!(pairs.len() <= 20 * NEIGHBOURS);
    }

    #[test]
    fn the_level_of_a_frame_is_that_of_most_of_its_ground() {
        // A valley with a spoil heap in the middle of one frame; beyond the model nothing is known but level 0.
        let heap = |node| if node == (0, 0) { 30.0 } else { -65.0 };
        let nodes = (-4..4).flat_map(|row| (-4..4).map(move |column| (row, column)));
        let valley = Surface::Relief(Relief::of(nodes.map(|node| (node, heap(node)))));
        let around = Bounds {
            west: -70.0,
            south: -70.0,
            east: 70.0,
            north: 70.0,
        };
        let overlaps = Overlaps {
            bounds: vec![Some(around), None, Some(frame(900.0, 0.0))],
            pairs: Vec::new(),
        };
        let close = |surface, expected: [f64; 3]| {
            let found = overlaps.levels(surface).unwrap();
            let mut pairs = found.iter().zip(expected);
            pairs.all(|(found, expected)| (found - expected).abs() < 1e-3)
        };
        assert!(close(&valley, [-65.0, 0.0, 0.0]) && close(&Surface::Flat, [0.0; 3]));
    }

    #[test]
    fn frames_are_apart_where_no_short_way_of_ties_leads() {
        // A chain 0-1-2-3 is tied; 0-3, 3-4 and 0-4 are not.
        let pairs = [(0, 1), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4)];
        let is_tied = [true, false, false, true, true, false];
        let at = |steps| apart(&pairs, &is_tied, steps);
        assert_eq!(at(2), [false, true, true, false, false, true]);
        assert_eq!(at(3), [false, false, true, false, false, true]);
    }
}
