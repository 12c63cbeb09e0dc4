//! All corrections of a flight at once, from ties between its frames.
//!
//! In: what the files say, ties. Out: the numbers of every frame, and those that all share. Refuses: nothing; what no tie touches stays
//! as the files say.
//!
//! Each tie says that two corrected frames show its ground at one place: `Ja xa - Jb xb = offset`, J how a place moves with each number of frame
//! and camera, found by small steps, and with the level of the ground where no model tells it (`levels.rs`). What the files say is a prior, each
//! number with its standard deviation.

use super::least_squares::solve;
use super::levels::{LEVEL, Levels, lean};
use super::poses::{CameraCorrection, Stated};
use super::terms::{Axis, Term, equation};
use super::ties::Tie;
use crate::georef::{Correction, Lens, Surface, View};
use crate::units::Metres;

/// Standard deviations of what the files say, in the order of [`Correction`]: position and height in metres (GPS without RTK, barometer), yaw
/// (compass), pitch and roll (gimbal) in radians.
const OWN: [f64; OWN_SIZE] = [1.0, 1.0, 1.0, 0.05, 0.01, 0.01];
/// Of what all frames share: height above the surface in metres, yaw in radians; focal length as a share of itself; optical axis to the right and
/// down in focal lengths; the lens' `k1` and `k2`.
const SHARED: [f64; SHARED_SIZE] = [1.0, 0.02, 0.01, 0.02, 0.02, 0.3, 0.3];
/// The first of [`SHARED`] on flat ground, which may lie at another height than the place of take-off.
const FLAT_HEIGHT: f64 = 5.0;
/// Metres below which no stated accuracy is believed: clocks of camera and receiver differ, and they do not stand in one place.
const LEAST_ACCURACY: f64 = 0.1;
/// Standard uncertainty of a flight's scale, from its positions, up to which they are believed more than ties.
const SCALE_KNOWN: f64 = 0.02;
/// Numbers of one frame.
const OWN_SIZE: usize = Correction::SIZE;
/// Numbers that all frames share.
const SHARED_SIZE: usize = 7;
/// Both.
const NUMBERS: usize = OWN_SIZE + SHARED_SIZE;
/// Of a tie: both frames, what they share, and the levels of the four nodes around its place.
const TERMS: usize = 2 * OWN_SIZE + SHARED_SIZE + 4;
/// Fewer matches than this do not tell how the lens bends lines.
const LEAST_FOR_LENS: usize = 200;

/// The numbers of every frame and of all, in metres, radians and shares.
#[derive(Debug, Clone)]
pub(super) struct Unknowns {
    own: Vec<[f64; OWN_SIZE]>,
    shared: [f64; SHARED_SIZE],
    priors: Vec<[f64; OWN_SIZE]>,
    shared_priors: [f64; SHARED_SIZE],
    /// `None` where they are not looked for.
    pub(super) levels: Option<Levels>,
}

impl Unknowns {
    /// Nothing changed yet.
    pub(super) fn of(frames: &[Stated], surface: &Surface) -> Self {
        let prior = |frame: &Stated| {
            let [east, north, up, yaw, pitch, roll] = OWN;
            let stated = |accuracy: Option<Metres>, usual| {
                accuracy.map_or(usual, |Metres(m)| m.max(LEAST_ACCURACY))
            };
            let (sideways, height) = frame.accuracy;
            let (east, north) = (stated(sideways, east), stated(sideways, north));
            [east, north, stated(height, up), yaw, pitch, roll]
        };
        let mut shared_priors = SHARED;
        let [height, ..] = &mut shared_priors;
        if surface.model().is_none() {
            *height = FLAT_HEIGHT;
        }
        Self {
            own: vec![[0.0; OWN_SIZE]; frames.len()],
            shared: [0.0; SHARED_SIZE],
            priors: frames.iter().map(prior).collect(),
            shared_priors,
            levels: Levels::on(surface),
        }
    }

    /// What to change about the frame at `index`, with what all share.
    pub(super) fn correction(&self, index: usize) -> Correction {
        correction(&self.numbers(index))
    }

    /// What to change about the camera of all.
    pub(super) fn camera(&self) -> CameraCorrection {
        camera(&self.shared)
    }

    /// The corrected view of the frame at `index`.
    pub(super) fn view(&self, index: usize, view: &View) -> View {
        corrected_view(view, &self.correction(index), &self.camera())
    }

    /// Gives the flight the scale that its positions have, where they know it to [`SCALE_KNOWN`]: brings cameras nearer to each other or further
    /// apart and nearer to or further from the ground at `level`, by one factor; `placed` says which frames ties have moved.
    ///
    /// Frames of flat ground that look straight down agree just as well when everything is larger: only what stands on the ground tells, by
    /// little, and what is half hidden beside it tells wrongly (6 % on simulated streets, at which every position was off by 1 m).
    pub(super) fn keep_scale(&mut self, frames: &[Stated], placed: &[u32], level: f64) {
        let moved = |at: usize| placed.get(at).is_some_and(|matches| *matches > 0);
        let place = |(at, frame): (usize, &Stated)| {
            let (east, north) = frame.view.centre();
            let [to_east, to_north, ..] = self.own.get(at).copied().unwrap_or_default();
            ([east, north], [east + to_east, north + to_north])
        };
        let both: Vec<([f64; 2], [f64; 2])> = frames
            .iter()
            .enumerate()
            .filter(|(at, _)| moved(*at))
            .map(place)
            .collect();
        let count = both.iter().map(|_| 1.0).sum::<f64>();
        let mean = |of: fn(&([f64; 2], [f64; 2])) -> f64| both.iter().map(of).sum::<f64>() / count;
        let stated = [mean(|both| both.0[0]), mean(|both| both.0[1])];
        let centre = [mean(|both| both.1[0]), mean(|both| both.1[1])];
        let (mut along, mut square) = (0.0, 0.0);
        for (from, to) in &both {
            for axis in [0, 1] {
                let out = to[axis] - centre[axis];
                along += (from[axis] - stated[axis]) * out;
                square += out * out;
            }
        }
        let sideways = self
            .priors
            .iter()
            .map(|[east, north, ..]| east.hypot(*north) / 2.0_f64.sqrt());
        let accuracy = sideways.fold(0.0, f64::max);
        // The positions of the files are the uncertain ones of the two, so they are fitted to the others.
        let factor = along / square;
        if !(accuracy / square.sqrt() <= SCALE_KNOWN && factor > 0.5 && factor < 2.0) {
            return;
        }
        let (sum, heights) =
            frames
                .iter()
                .enumerate()
                .fold((0.0, 0.0), |(sum, heights), (at, frame)| {
                    (
                        sum + frame.view.height().0 + self.correction(at).up,
                        heights + 1.0,
                    )
                });
        let height = sum / f64::max(heights, 1.0) - level;
        for (at, (frame, own)) in frames.iter().zip(&mut self.own).enumerate() {
            if moved(at) {
                let (east, north) = frame.view.centre();
                let [to_east, to_north, ..] = own;
                *to_east += (factor - 1.0) * (east + *to_east - centre[0]);
                *to_north += (factor - 1.0) * (north + *to_north - centre[1]);
            }
        }
        let [above, ..] = &mut self.shared;
        *above += (factor - 1.0) * height;
        if let Some(levels) = &mut self.levels {
            levels.scale(factor, (centre[0], centre[1]));
        }
    }

    /// The numbers of all frames, then what they share, each in units of its prior.
    fn in_priors(&self) -> Vec<f64> {
        let own = self.own.iter().flatten().zip(self.priors.iter().flatten());
        let shared = self.shared.iter().zip(&self.shared_priors);
        own.chain(shared).map(|(now, prior)| now / prior).collect()
    }

    /// All numbers of a frame, its own and those of all.
    fn numbers(&self, index: usize) -> [f64; NUMBERS] {
        joined(
            &self.own.get(index).copied().unwrap_or_default(),
            &self.shared,
        )
    }

    /// Their priors.
    fn priors(&self, index: usize) -> [f64; NUMBERS] {
        joined(
            &self.priors.get(index).copied().unwrap_or(OWN),
            &self.shared_priors,
        )
    }
}

fn joined(own: &[f64; OWN_SIZE], shared: &[f64; SHARED_SIZE]) -> [f64; NUMBERS] {
    let mut all = [0.0; NUMBERS];
    for (slot, value) in all.iter_mut().zip(own.iter().chain(shared)) {
        *slot = *value;
    }
    all
}

fn correction(numbers: &[f64; NUMBERS]) -> Correction {
    let [east, north, up, yaw, pitch, roll, height, turn, ..] = *numbers;
    Correction::from_array([east, north, up + height, yaw + turn, pitch, roll])
}

fn camera([_, _, focal, right, down, k1, k2]: &[f64; SHARED_SIZE]) -> CameraCorrection {
    CameraCorrection {
        focal: 1.0 + focal,
        axis: (*right, *down),
        lens: Lens {
            k1: *k1,
            k2: *k2,
            ..Lens::default()
        },
    }
}

/// A view with both corrections.
pub(super) fn corrected_view(
    view: &View,
    correction: &Correction,
    camera: &CameraCorrection,
) -> View {
    let view = view.corrected(correction);
    // A camera that the operator described is known better than overlaps tell.
    if view.lens().is_straight() {
        view.with_focal_factor(camera.focal)
            .with_axis_moved(camera.axis)
            .with_lens(camera.lens)
    } else {
        view
    }
}

/// Solves for all numbers at once, `with_levels` those of the ground too.
pub(super) fn solve_ties(
    unknowns: &mut Unknowns,
    frames: &[Stated],
    ties: &[Tie],
    with_levels: bool,
) {
    let knows_lens = ties.len() >= LEAST_FOR_LENS;
    let shared_from = frames.len() * OWN_SIZE;
    let levels_from = shared_from + SHARED_SIZE;
    let levels = unknowns.levels.as_ref().filter(|_| with_levels);
    let levels = levels.map(|levels| (levels, levels.free(ties)));
    let views = frames.iter().enumerate();
    let views: Vec<Steps> = views
        .map(|(at, stated)| Steps::of(&stated.view, unknowns.numbers(at)))
        .collect();
    let mut equations = Vec::with_capacity(2 * ties.len());
    for tie in ties {
        let second = (tie.place.0 + tie.offset.0, tie.place.1 + tie.offset.1);
        let sides = [(tie.frames.0, tie.place, 1.0), (tie.frames.1, second, -1.0)];
        let mut terms: Vec<Term> = Vec::with_capacity(TERMS);
        let mut apart = (0.0, 0.0);
        for (frame, place, sign) in sides {
            let both = views.get(frame).and_then(|view| {
                let lean = lean(&view.now, place, tie.up);
                Some((view, view.moves(place, tie.up)?, lean))
            });
            let Some((view, moves, lean)) = both else {
                continue;
            };
            apart = (apart.0 + sign * lean.0, apart.1 + sign * lean.1);
            let numbers = view
                .numbers
                .into_iter()
                .zip(moves)
                .zip(unknowns.priors(frame));
            for (number, ((now, moves), prior)) in numbers.enumerate() {
                let (unknown, is_known) = match number.checked_sub(OWN_SIZE) {
                    None => (frame * OWN_SIZE + number, true),
                    Some(shared) => (shared_from + shared, knows_lens),
                };
                let sign = if is_known { sign } else { 0.0 };
                let moves = (sign * moves.0, sign * moves.1);
                // What both frames share moves both: one term.
                match terms.iter_mut().find(|term| term.unknown == unknown) {
                    Some(term) => {
                        term.moves = (term.moves.0 + moves.0, term.moves.1 + moves.1);
                    }
                    None => terms.push(Term {
                        unknown,
                        moves,
                        now,
                        prior,
                    }),
                }
            }
        }
        if terms.len() < NUMBERS + OWN_SIZE {
            continue;
        }
        if let Some((levels, free)) = &levels {
            terms.extend(
                levels
                    .around(tie.place, free)
                    .map(|(number, share, now)| Term {
                        unknown: levels_from + number,
                        moves: (share * apart.0, share * apart.1),
                        now,
                        prior: LEVEL,
                    }),
            );
        }
        for (axis, offset) in [(Axis::East, tie.offset.0), (Axis::North, tie.offset.1)] {
            equations.push(equation::<TERMS>(&terms, axis, offset, tie.sigma));
        }
    }
    if let Some((levels, free)) = &levels {
        equations.extend(levels.gentle(free, levels_from));
    }
    // From what the round before found: it is near.
    let mut start = unknowns.in_priors();
    let of_levels = levels.iter().flat_map(|(levels, free)| {
        let level = |node| levels.relief().level(node) / LEVEL;
        free.keys().copied().map(level)
    });
    start.extend(of_levels);
    let sizes = std::iter::repeat_n(OWN_SIZE, frames.len()).chain([SHARED_SIZE]);
    let solved = solve(&equations, start, sizes);
    let free = levels.map(|(_, free)| free).unwrap_or_default();
    let (own, rest) = solved.split_at(shared_from);
    let (shared, of_levels) = rest.split_at(SHARED_SIZE);
    let priors = unknowns.priors.iter();
    unknowns.own = own
        .chunks_exact(OWN_SIZE)
        .zip(priors)
        .map(|(chunk, prior)| scaled(chunk, *prior))
        .collect();
    unknowns.shared = scaled(shared, unknowns.shared_priors);
    if let Some(levels) = unknowns.levels.as_mut().filter(|_| with_levels) {
        levels.set(&free, of_levels);
    }
}

/// Unknowns of the solver back in metres and radians.
fn scaled<const N: usize>(solved: &[f64], priors: [f64; N]) -> [f64; N] {
    let mut numbers = priors;
    for (number, value) in numbers.iter_mut().zip(solved) {
        *number *= value;
    }
    numbers
}

/// A frame's view, and views with each of its numbers a little larger.
struct Steps {
    now: View,
    numbers: [f64; NUMBERS],
    stepped: [View; NUMBERS],
}

impl Steps {
    const STEP: f64 = 1e-4;

    fn of(view: &View, numbers: [f64; NUMBERS]) -> Self {
        let with = |numbers: &[f64; NUMBERS]| {
            let [_, _, _, _, _, _, shared @ ..] = numbers;
            corrected_view(view, &correction(numbers), &camera(shared))
        };
        let stepped = |number: usize| {
            let mut stepped = numbers;
            if let Some(value) = stepped.get_mut(number) {
                *value += Self::STEP;
            }
            with(&stepped)
        };
        Self {
            now: with(&numbers),
            numbers,
            stepped: std::array::from_fn(stepped),
        }
    }

    /// Metres east and north by which a place on level `up` moves per unit of each number.
    fn moves(&self, (east, north): (f64, f64), up: f64) -> Option<[(f64, f64); NUMBERS]> {
        let (u, v) = self.now.pixel_above(east, north, up)?;
        let mut moves = [(0.0, 0.0); NUMBERS];
        for (moved, view) in moves.iter_mut().zip(&self.stepped) {
            let (to_east, to_north) = view.above_ground(u, v, up)?;
            *moved = (
                (to_east - east) / Self::STEP,
                (to_north - north) / Self::STEP,
            );
        }
        Some(moves)
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_view;
    use super::*;
    use crate::frame::FrameId;

    const TRUE_UP: f64 = 60.0;

    fn place(at: u8) -> (f64, f64) {
        (500.0 + 20.0 * f64::from(at % 5), 20.0 * f64::from(at / 5))
    }

    /// Twenty frames 20 m apart, whose files are off by fixed amounts up to 1.5 m.
    fn stated() -> Vec<Stated> {
        let off = [0.9, -1.3, 0.4, 1.5, -0.6, -1.1, 0.2];
        let frame = |at: u8| {
            let ((east, north), off) = (place(at), off[usize::from(at) % off.len()]);
            let centre = (east + off, north - 0.8 * off);
            Stated {
                id: FrameId(at.into()),
                view: made_view(centre, TRUE_UP, 0.0, -90.0),
                accuracy: (None, None),
            }
        };
        (0..20).map(frame).collect()
    }

    #[test]
    fn a_flight_that_shrank_and_sank_gets_the_scale_of_its_positions_back() {
        let frames = stated();
        let mut unknowns = Unknowns::of(&frames, &Surface::Flat);
        // Ground at level 4, everything 6 % smaller about (540, 30).
        for (at, (frame, own)) in (0..).zip(frames.iter().zip(&mut unknowns.own)) {
            let ((east, north), (from_east, from_north)) = (place(at), frame.view.centre());
            own[0] = 540.0 + 0.94 * (east - 540.0) - from_east;
            own[1] = 30.0 + 0.94 * (north - 30.0) - from_north;
        }
        unknowns.shared[0] = -0.06 * (TRUE_UP - 4.0);
        unknowns.keep_scale(&frames, &[9; 20], 4.0);
        for (at, frame) in (0..).zip(&frames) {
            let view = unknowns.view(usize::from(at), &frame.view);
            let (east, north) = (view.centre().0 - place(at).0, view.centre().1 - place(at).1);
            assert!(east.hypot(north) < 0.4, "{at}: {east} {north}");
            assert!(
                (view.height().0 - TRUE_UP).abs() < 0.6,
                "{:?}",
                view.height()
            );
        }
    }

    #[test]
    fn a_flight_too_short_to_know_its_scale_is_left_as_it_is() {
        let frames: Vec<Stated> = stated().into_iter().take(3).collect();
        let mut unknowns = Unknowns::of(&frames, &Surface::Flat);
        unknowns.own[0][0] = 0.7;
        let before = unknowns.own.clone();
        unknowns.keep_scale(&frames, &[9; 3], 0.0);
        assert_eq!(unknowns.own, before);
    }
}
