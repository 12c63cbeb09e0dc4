//! The level of the ground as an unknown beside poses, where no surface model tells it.
//!
//! In: ties. Out: the nodes of a [`Relief`] that they tell, and how a place moves with the level under it. Refuses: to change what an earlier flight
//! told.
//!
//! Higher ground stands nearer to the camera: a place moves towards it, in both frames of a tie, and by how much they differ is what tells. Along the
//! line between the cameras this is all that ties say about levels; a prior holds the others, and the mean of all, which cameras' heights may take up.

use std::collections::{BTreeMap, BTreeSet};

use super::least_squares::Equation;
use super::ties::Tie;
use crate::georef::surface::Node;
use crate::georef::{Relief, Surface, View};

/// Standard deviation of a level in metres, for ground that passed for flat.
pub(super) const LEVEL: f64 = 3.0;
/// Of the difference of two neighbours, in metres: slopes of 4 %. Of 1 m, 2 m and no such prior, this brought pairs of frames that were not solved for nearest to
/// each other on a real flight (M2EA: 0.66, 0.67 and 0.70 px; 0.78 px on flat ground).
const GENTLE: f64 = 1.0;
/// Squares of ground, counted by their shares, without which a node keeps its level.
const LEAST_SHARE: f64 = 1.0;

/// Levels found so far.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    relief: Relief,
    /// Nodes that an earlier flight told.
    known: BTreeSet<Node>,
}

/// Nodes that are solved for, with their numbers.
pub(super) type Free = BTreeMap<Node, usize>;

impl Levels {
    /// Those of a surface before a flight; `None` where a model tells them.
    pub(super) fn on(surface: &Surface) -> Option<Self> {
        let relief = match surface {
            Surface::Flat => Relief::default(),
            Surface::Relief(relief) => relief.clone(),
            Surface::Model(_) => return None,
        };
        let known = relief.nodes().collect();
        Some(Self { relief, known })
    }

    /// Found so far.
    pub(super) fn relief(&self) -> &Relief {
        &self.relief
    }

    /// The ground so far.
    pub(super) fn surface(&self) -> Surface {
        if self.relief.count() == 0 {
            Surface::Flat
        } else {
            Surface::Relief(self.relief.clone())
        }
    }

    /// The nodes that `ties` tell.
    pub(super) fn free(&self, ties: &[Tie]) -> Free {
        let mut shares: BTreeMap<Node, f64> = BTreeMap::new();
        for (node, share) in ties.iter().flat_map(|tie| Relief::around(tie.place)) {
            *shares.entry(node).or_default() += share;
        }
        let told = shares
            .into_iter()
            .filter(|(node, share)| *share >= LEAST_SHARE && !self.known.contains(node));
        told.zip(0..)
            .map(|((node, _), number)| (node, number))
            .collect()
    }

    /// The solved nodes around a place: number, share in its level, level so far.
    pub(super) fn around<'a>(
        &'a self,
        place: (f64, f64),
        free: &'a Free,
    ) -> impl Iterator<Item = (usize, f64, f64)> + 'a {
        let shares = Relief::around(place).into_iter();
        shares.filter_map(|(node, share)| Some((*free.get(&node)?, share, self.relief.level(node))))
    }

    /// Neighbours lie at one level, but for [`GENTLE`]: what the solver takes with the ties, its unknowns counted `from`.
    pub(super) fn gentle<const N: usize>(&self, free: &Free, from: usize) -> Vec<Equation<N>> {
        let nodes: BTreeSet<Node> = free.keys().chain(&self.known).copied().collect();
        let next = |&(row, column): &Node| {
            let beside = [(row + 1, column), (row, column + 1)];
            beside.map(|beside| ((row, column), beside))
        };
        let pairs = nodes.iter().flat_map(next);
        let pairs = pairs.filter(|(node, beside)| {
            nodes.contains(beside) && (free.contains_key(node) || free.contains_key(beside))
        });
        let equation = |(node, beside): (Node, Node)| {
            let mut equation = Equation {
                unknowns: [0; N],
                factors: [0.0; N],
                target: 0.0,
            };
            let mut slots = equation.unknowns.iter_mut().zip(&mut equation.factors);
            for (node, per_metre) in [(node, 1.0 / GENTLE), (beside, -1.0 / GENTLE)] {
                match (free.get(&node), slots.next()) {
                    (Some(number), Some((unknown, factor))) => {
                        *unknown = u32::try_from(from + number).unwrap_or(u32::MAX);
                        *factor = per_metre * LEVEL;
                    }
                    _ => equation.target -= per_metre * self.relief.level(node),
                }
            }
            equation
        };
        pairs.map(equation).collect()
    }

    /// Takes the levels that were solved for, in units of [`LEVEL`]. What another round told and this one does not is level 0 again.
    pub(super) fn set(&mut self, free: &Free, solved: &[f64]) {
        let of_free = free.iter().filter_map(|(&node, &number)| {
            let level = solved.get(number)? * LEVEL;
            Some((node, level))
        });
        let of_known = self
            .known
            .iter()
            .map(|&node| (node, self.relief.level(node)));
        self.relief = Relief::of(of_known.chain(of_free));
    }

    /// Makes the ground larger with all that stands on it; what an earlier flight told stays.
    pub(super) fn scale(&mut self, factor: f64, about: (f64, f64)) {
        let scaled = self.relief.scaled(factor, about);
        let level = |node: Node| {
            let from = if self.known.contains(&node) {
                &self.relief
            } else {
                &scaled
            };
            (node, from.level(node))
        };
        self.relief = Relief::of(self.relief.nodes().map(level));
    }
}

/// Metres east and north by which what a frame shows at a place moves per metre that the ground there is higher: towards the camera.
pub(super) fn lean(view: &View, (east, north): (f64, f64), up: f64) -> (f64, f64) {
    let (camera_east, camera_north) = view.centre();
    let drop = view.height().0 - up;
    ((camera_east - east) / drop, (camera_north - north) / drop)
}

#[cfg(test)]
mod tests {
    use super::super::made_view;
    use super::super::poses::Stated;
    use super::super::solve::{Unknowns, solve_ties};
    use super::*;
    use crate::frame::FrameId;
    use crate::georef::{Bounds, Patch};

    fn view(centre: (f64, f64), pitch: f64) -> View {
        made_view(centre, 60.0, 20.0, pitch)
    }

    fn patch(relief: &Relief) -> Patch {
        let bounds = Bounds {
            west: 0.0,
            south: 0.0,
            east: 200.0,
            north: 200.0,
        };
        let patch = Surface::Relief(relief.clone()).patch(bounds);
        patch.unwrap().unwrap()
    }

    /// Where a pixel meets the ground, by putting its level in again and again: gentle ground lets that settle.
    fn meets(view: &View, (u, v): (f64, f64), ground: &Patch) -> (f64, f64, f64) {
        let mut up = 0.0;
        for _ in 0..50 {
            let (east, north) = view.above_ground(u, v, up).unwrap();
            up = ground.height(east, north).unwrap();
        }
        let (east, north) = view.above_ground(u, v, up).unwrap();
        (east, north, up)
    }

    /// Ground that rolls by 2 m.
    fn rolling() -> Relief {
        let nodes = (0..9).flat_map(|row| (0..9).map(move |column| (row, column)));
        Relief::of(nodes.map(|(row, column)| {
            let (x, y) = (f64::from(column), f64::from(row));
            ((row, column), 2.0 * (0.9 * x).sin() * (0.7 * y + 0.5).cos())
        }))
    }

    #[test]
    fn places_move_with_the_nodes_around_them_as_small_steps_say() {
        const STEP: f64 = 0.1;
        let relief = rolling();
        for (pitch, pixel) in [
            (-90.0, (80.0, 40.0)),
            (-90.0, (600.0, 470.0)),
            (-50.0, (100.0, 300.0)),
        ] {
            let view = view((98.0, 90.0), pitch);
            let (east, north, up) = meets(&view, pixel, &patch(&relief));
            let (to_east, to_north) = lean(&view, (east, north), up);
            for (node, share) in Relief::around((east, north)) {
                let step = |by: f64| {
                    let levels = relief.nodes().map(|at| {
                        let raised = if at == node { by } else { 0.0 };
                        (at, relief.level(at) + raised)
                    });
                    meets(&view, pixel, &patch(&Relief::of(levels)))
                };
                let (up, down) = (step(STEP), step(-STEP));
                let found = (
                    (up.0 - down.0) / (2.0 * STEP),
                    (up.1 - down.1) / (2.0 * STEP),
                );
                // The ground's own slope, up to 7 %, makes a place move a little further or less: rounds of matching take that up.
                let expected = (share * to_east, share * to_north);
                let error = (found.0 - expected.0).hypot(found.1 - expected.1);
                let size = expected.0.hypot(expected.1);
                assert!(
                    error <= 0.1 * size + 1e-3,
                    "{pixel:?} {node:?}: {found:?} {expected:?}"
                );
            }
        }
    }

    /// Twelve frames 14 m apart, and where each two of them show pixels of rolling ground, drawn on the ground found so far.
    fn ties(frames: &[Stated], truth: &Relief, unknowns: &Unknowns) -> Vec<Tie> {
        let (ground, drawn) = (
            patch(truth),
            patch(unknowns.levels.as_ref().unwrap().relief()),
        );
        let pairs = (0..frames.len()).flat_map(|a| (0..a).map(move |b| (b, a)));
        let pixels =
            || (1..8).flat_map(|i| (1..7).map(move |j| (80.0 * f64::from(i), 73.0 * f64::from(j))));
        let tie = |(a, b): (usize, usize), pixel: (f64, f64)| {
            let (first, second) = (&frames[a].view, &frames[b].view);
            let (east, north, up) = meets(first, pixel, &ground);
            let (u, v) = second.pixel_above(east, north, up)?;
            let inside = (0.0..640.0).contains(&u) && (0.0..512.0).contains(&v);
            let seen = |frame: usize, pixel| {
                meets(&unknowns.view(frame, &frames[frame].view), pixel, &drawn)
            };
            let (place, other) = (seen(a, pixel), seen(b, (u, v)));
            inside.then_some(Tie {
                frames: (a, b),
                place: (place.0, place.1),
                offset: (other.0 - place.0, other.1 - place.1),
                up: place.2,
                sigma: 0.04,
                pixel: 0.08,
            })
        };
        pairs
            .flat_map(|pair| pixels().filter_map(move |pixel| tie(pair, pixel)))
            .collect()
    }

    #[test]
    fn rolling_ground_is_found_from_where_frames_show_it() {
        let frames: Vec<Stated> = (0..12_u8)
            .map(|at| Stated {
                id: FrameId(at.into()),
                view: view(
                    (
                        70.0 + 14.0 * f64::from(at % 4),
                        80.0 + 14.0 * f64::from(at / 4),
                    ),
                    -90.0,
                ),
                accuracy: (None, None),
            })
            .collect();
        let truth = rolling();
        let mut unknowns = Unknowns::of(&frames, &Surface::Flat);
        for _ in 0..3 {
            let ties = ties(&frames, &truth, &unknowns);
            solve_ties(&mut unknowns, &frames, &ties, true);
        }
        let found = unknowns.levels.as_ref().unwrap();
        let (truth, ground) = (patch(&truth), patch(found.relief()));
        let errors: Vec<f64> = [
            (80.0, 85.0),
            (95.0, 100.0),
            (110.0, 90.0),
            (90.0, 110.0),
            (105.0, 105.0),
        ]
        .map(|(east, north)| {
            truth.height(east, north).unwrap() - ground.height(east, north).unwrap()
        })
        .to_vec();
        // Of the mean level ties say nothing, and of a slope of the whole little: cameras may stand and lean otherwise.
        let mean = errors.iter().sum::<f64>() / 5.0;
        assert!(
            errors.iter().all(|error| (error - mean).abs() < 0.3),
            "{errors:?}"
        );
        let left = ties(&frames, &rolling(), &unknowns);
        let worst = left
            .iter()
            .map(|tie| tie.offset.0.hypot(tie.offset.1))
            .fold(0.0, f64::max);
        assert!(worst < 0.02, "{worst}");
    }

    #[test]
    fn what_an_earlier_flight_told_stays() {
        let known = Relief::of([((4, 4), 1.0)]);
        let levels = Levels::on(&Surface::Relief(known)).unwrap();
        let tie = |place| Tie {
            frames: (0, 1),
            place,
            offset: (0.0, 0.0),
            up: 0.0,
            sigma: 0.1,
            pixel: 0.1,
        };
        let free = levels.free(&[
            tie((100.0, 100.0)),
            tie((125.0, 100.0)),
            tie((155.0, 100.0)),
        ]);
        // The third square is told by less than a whole one.
        assert_eq!(free.keys().collect::<Vec<_>>(), [&(4, 5)]);
        let mut levels = levels;
        levels.set(&free, &[0.5]);
        assert_eq!(
            (levels.relief().level((4, 4)), levels.relief().level((4, 5))),
            (1.0, 0.5 * LEVEL)
        );
        assert!(
            Levels::on(&Surface::Flat)
                .unwrap()
                .relief()
                .nodes()
                .next()
                .is_none()
        );
    }
}
