//! Poses from overlaps: each frame a shift, a turn and a little tilt.

use std::sync::Arc;

use super::least_squares::{Equation, solve};
use super::pairs::Overlaps;
use super::ties::{ROUNDS, Round, Tie, ties};
use crate::frame::FrameId;
use crate::georef::{Correction, Lens, Surface, SurfaceError, View};
use crate::raster::Raster;

/// Standard deviations of what the files say, in the order of [`Correction`]: position and height in metres (GPS without RTK), yaw (compass),
/// pitch and roll (gimbal) in radians.
const PRIOR: [f64; Correction::SIZE] = [2.5, 2.5, 1.0, 0.05, 0.01, 0.01];
/// Of what all frames share: focal length as a share of itself, and the lens' `k1` and `k2`.
const CAMERA_PRIOR: [f64; CAMERA] = [0.01, 0.3, 0.3];
/// Numbers that all frames share.
const CAMERA: usize = 3;
/// Numbers of one frame and the camera.
const NUMBERS: usize = Correction::SIZE + CAMERA;
/// Fewer matches than this do not tell how the lens bends lines.
const LEAST_FOR_LENS: usize = 200;

/// Corrections of a flight's frames, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub struct Poses {
    /// What to change about each view.
    pub corrections: Vec<Correction>,
    /// What to change about the camera of all.
    pub camera: CameraCorrection,
    /// Squares that each frame has a part in when looked at once more with the corrections; what an earlier round matched may have moved a
    /// frame with none.
    pub matches: Vec<u32>,
    /// Pairs of frames compared.
    pub pairs: usize,
    /// How far the same ground lay apart in two frames, with the poses of the files; only of squares that were matched, thus no
    /// further than was looked.
    pub before: Option<Offsets>,
    /// The same with the corrections.
    pub after: Option<Offsets>,
}

/// How a camera differs from what the table and the file say: the same in every frame of a flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraCorrection {
    /// Factor on the focal length.
    pub focal: f64,
    /// The lens.
    pub lens: Lens,
}

impl Default for CameraCorrection {
    fn default() -> Self {
        Self {
            focal: 1.0,
            lens: Lens::default(),
        }
    }
}

impl CameraCorrection {
    fn from_array([focal, k1, k2]: [f64; CAMERA]) -> Self {
        let lens = Lens {
            k1,
            k2,
            ..Lens::default()
        };
        Self {
            focal: 1.0 + focal,
            lens,
        }
    }

    fn to_array(self) -> [f64; CAMERA] {
        [self.focal - 1.0, self.lens.k1, self.lens.k2]
    }
}

impl Poses {
    /// The corrected view of the frame at `index` of the list.
    #[must_use]
    pub fn view(&self, index: usize, view: &View) -> View {
        let correction = self.corrections.get(index).copied().unwrap_or_default();
        corrected_view(view, &correction, &self.camera)
    }
}

impl Poses {
    /// The list with nothing changed put in wherever `was_refined` is false.
    pub fn spread(&mut self, was_refined: impl IntoIterator<Item = bool>) {
        let (mut corrections, mut matches) = (self.corrections.iter(), self.matches.iter());
        let both: Vec<(Correction, u32)> = was_refined
            .into_iter()
            .map(|was| {
                let found = was.then(|| corrections.next().copied().zip(matches.next().copied()));
                found.flatten().unwrap_or_default()
            })
            .collect();
        (self.corrections, self.matches) = both.into_iter().unzip();
    }
}

fn corrected_view(view: &View, correction: &Correction, camera: &CameraCorrection) -> View {
    let view = view.corrected(correction);
    // A lens that the operator gave is known better than overlaps tell.
    if view.lens().is_straight() {
        view.with_focal_factor(camera.focal).with_lens(camera.lens)
    } else {
        view
    }
}

/// Distances between the places where two frames show the same ground, in pixels of the coarser frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offsets {
    /// Half are below.
    pub median_px: f64,
    /// 95 % are below.
    pub p95_px: f64,
    /// Squares matched.
    pub matches: usize,
}

/// Brings the frames of one flight into agreement.
///
/// `load` gives redacted temperatures in °C, with `NAN` where there is none; it is called from many threads. Rounds of matching and
/// solving, each on the views of the round before.
///
/// # Errors
///
/// What `load` says, or that the surface cannot be read.
pub fn refine_poses<E>(
    frames: &[(FrameId, View)],
    surface: &Surface,
    load: impl Fn(FrameId) -> Result<Arc<Raster<f32>>, E> + Sync,
) -> Result<Poses, E>
where
    E: From<SurfaceError> + Send,
{
    let overlaps = Overlaps::of(frames, surface);
    let pairs = &overlaps.pairs;
    let mut poses = Poses {
        corrections: vec![Correction::default(); frames.len()],
        camera: CameraCorrection::default(),
        matches: vec![0; frames.len()],
        pairs: pairs.len(),
        before: None,
        after: None,
    };
    let look = |poses: &Poses, round: Round| {
        let view = |at: usize| {
            let (id, view) = frames.get(at)?;
            Some((*id, poses.view(at, view), overlaps.bounds(at)?))
        };
        ties(view, pairs, surface, round, &load)
    };
    for round in ROUNDS {
        let ties = look(&poses, round)?;
        poses.before = poses.before.or_else(|| offsets(&ties));
        poses.solve(frames, &ties);
    }
    let [.., last] = ROUNDS;
    let ties = look(&poses, last)?;
    poses.after = offsets(&ties);
    for frame in ties.iter().flat_map(|tie| [tie.frames.0, tie.frames.1]) {
        if let Some(count) = poses.matches.get_mut(frame) {
            *count += 1;
        }
    }
    Ok(poses)
}

impl Poses {
    /// All numbers of a frame, its own and the camera's.
    fn numbers(&self, index: usize) -> [f64; NUMBERS] {
        let own = self.corrections.get(index).copied().unwrap_or_default();
        let mut all = [0.0; NUMBERS];
        let values = own.to_array().into_iter().chain(self.camera.to_array());
        for (slot, value) in all.iter_mut().zip(values) {
            *slot = value;
        }
        all
    }

    /// Solves for all corrections at once. Each tie says that both corrected frames show its ground at one place:
    /// `Ja xa - Jb xb = offset`, J how a place moves with each number of frame and camera, found by small steps.
    fn solve(&mut self, frames: &[(FrameId, View)], ties: &[Tie]) {
        const BOTH: usize = 2 * NUMBERS;
        let mut equations: Vec<Equation<BOTH>> = Vec::with_capacity(2 * ties.len());
        let knows_lens = ties.len() >= LEAST_FOR_LENS;
        for tie in ties {
            let side = |frame: usize, place: (f64, f64)| {
                let now = self.numbers(frame);
                Some((
                    frame,
                    now,
                    moves(&frames.get(frame)?.1, now, place, tie.up)?,
                ))
            };
            let second = (tie.place.0 + tie.offset.0, tie.place.1 + tie.offset.1);
            let (Some(a), Some(b)) = (side(tie.frames.0, tie.place), side(tie.frames.1, second))
            else {
                continue;
            };
            let sigma = tie.sigma;
            for (axis, offset) in [(Axis::East, tie.offset.0), (Axis::North, tie.offset.1)] {
                let mut equation = Equation {
                    unknowns: [0; BOTH],
                    factors: [0.0; BOTH],
                    target: offset / sigma,
                };
                let mut slots = equation.unknowns.iter_mut().zip(&mut equation.factors);
                for (sign, (frame, now, moves)) in [(1.0, &a), (-1.0, &b)] {
                    for (number, ((now, moved), prior)) in
                        now.iter().zip(moves).zip(priors()).enumerate()
                    {
                        let is_camera = number >= Correction::SIZE;
                        let index = if is_camera {
                            frames.len() * Correction::SIZE + number - Correction::SIZE
                        } else {
                            frame * Correction::SIZE + number
                        };
                        let slope = if is_camera && !knows_lens {
                            0.0
                        } else {
                            sign * axis.of(*moved)
                        };
                        let factor = slope * prior / sigma;
                        // Solved for whole corrections, so that the prior holds them to the file and not to the round before.
                        equation.target += factor * now / prior;
                        if let Some((unknown, slot)) = slots.next() {
                            *unknown = u32::try_from(index).unwrap_or(u32::MAX);
                            *slot = factor;
                        }
                    }
                }
                equations.push(equation);
            }
        }
        let solved = solve(&equations, frames.len() * Correction::SIZE + CAMERA);
        let (own, camera) = solved.split_at(frames.len() * Correction::SIZE);
        self.corrections = own
            .chunks_exact(Correction::SIZE)
            .map(|chunk| Correction::from_array(scaled(chunk, PRIOR)))
            .collect();
        self.camera = CameraCorrection::from_array(scaled(camera, CAMERA_PRIOR));
    }
}

/// Of two directions.
#[derive(Clone, Copy)]
enum Axis {
    East,
    North,
}

impl Axis {
    fn of(self, (east, north): (f64, f64)) -> f64 {
        match self {
            Self::East => east,
            Self::North => north,
        }
    }
}

fn priors() -> impl Iterator<Item = f64> {
    PRIOR.into_iter().chain(CAMERA_PRIOR)
}

/// Unknowns of the solver back in metres and radians.
fn scaled<const N: usize>(solved: &[f64], priors: [f64; N]) -> [f64; N] {
    let mut numbers = priors;
    for (number, value) in numbers.iter_mut().zip(solved) {
        *number *= value;
    }
    numbers
}

/// Metres east and north by which a place on level `up` moves per unit of each number.
fn moves(
    view: &View,
    now: [f64; NUMBERS],
    (east, north): (f64, f64),
    up: f64,
) -> Option<[(f64, f64); NUMBERS]> {
    const STEP: f64 = 1e-4;
    let with = |[e, n, h, yaw, pitch, roll, focal, k1, k2]: [f64; NUMBERS]| {
        let correction = Correction::from_array([e, n, h, yaw, pitch, roll]);
        corrected_view(
            view,
            &correction,
            &CameraCorrection::from_array([focal, k1, k2]),
        )
    };
    let (u, v) = with(now).pixel_above(east, north, up)?;
    let mut moves = [(0.0, 0.0); NUMBERS];
    for (number, moved) in moves.iter_mut().enumerate() {
        let mut stepped = now;
        *stepped.get_mut(number)? += STEP;
        let (to_east, to_north) = with(stepped).above_ground(u, v, up)?;
        *moved = ((to_east - east) / STEP, (to_north - north) / STEP);
    }
    Some(moves)
}

fn offsets(ties: &[Tie]) -> Option<Offsets> {
    let mut px: Vec<f64> = ties
        .iter()
        .map(|tie| tie.offset.0.hypot(tie.offset.1) / tie.pixel)
        .collect();
    px.sort_by(f64::total_cmp);
    Some(Offsets {
        median_px: *px.get(px.len() / 2)?,
        p95_px: *px.get(px.len() * 95 / 100)?,
        matches: px.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Attitude;
    use crate::georef::Intrinsics;
    use crate::units::{Degrees, Metres};

    const CAMERA: Intrinsics = Intrinsics {
        width: 320,
        height: 256,
        fx: 380.0,
        fy: 380.0,
        cx: 160.0,
        cy: 128.0,
    };

    /// Ground with texture at all scales from 1 to 10 m.
    fn ground(east: f64, north: f64) -> f64 {
        (east * 1.7 + north * 0.9).sin()
            + (east * 0.6 - north * 1.3).sin()
            + 2.0 * (east * 0.21 + north * 0.33).sin()
            + (east * north * 0.013).sin()
    }

    fn view((east, north): (f64, f64), yaw: f64) -> View {
        let attitude = Attitude {
            yaw: Degrees(yaw),
            pitch: Degrees(-90.0),
            roll: Degrees(0.0),
        };
        View::new(CAMERA, (east, north), Metres(60.0), attitude)
    }

    fn picture(view: &View) -> Arc<Raster<f32>> {
        let samples = (0..CAMERA.width * CAMERA.height)
            .map(|at| {
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let (u, v) = (
                    (at % CAMERA.width) as f64 + 0.5,
                    (at / CAMERA.width) as f64 + 0.5,
                );
                let (east, north) = view.ground(u, v).unwrap();
                #[expect(clippy::cast_possible_truncation, reason = "temperatures")]
                let celsius = ground(east, north) as f32;
                celsius
            })
            .collect();
        Arc::new(Raster::new(CAMERA.width, CAMERA.height, samples).unwrap())
    }

    /// Two lines of five frames, 12 m along and 16 m across; the files are off by fixed amounts up to 1.5 m and 2 degrees.
    fn flight() -> (Vec<View>, Vec<(FrameId, View)>) {
        let wrong = [0.9, -1.3, 0.4, 1.5, -0.6, -1.1, 0.2, 1.2, -0.3, -0.9];
        let place = |at: u8| (12.0 * f64::from(at % 5), 16.0 * f64::from(at / 5));
        let truth: Vec<View> = (0..10).map(|at| view(place(at), 20.0)).collect();
        let stated = (0..10_u8)
            .zip(wrong)
            .map(|(at, off)| {
                let (east, north) = place(at);
                (
                    FrameId(u32::from(at)),
                    view((east + off, north - 0.8 * off), 20.0 + 1.3 * off),
                )
            })
            .collect();
        (truth, stated)
    }

    fn refined(stated: &[(FrameId, View)], rasters: &[Arc<Raster<f32>>]) -> Poses {
        let load = |id: FrameId| Ok::<_, Failure>(Arc::clone(&rasters[id.0 as usize]));
        refine_poses(stated, &Surface::Flat, load).unwrap()
    }

    #[derive(Debug)]
    struct Failure;
    impl From<SurfaceError> for Failure {
        fn from(_: SurfaceError) -> Self {
            Self
        }
    }

    #[test]
    fn wrong_positions_and_yaws_are_put_right_between_frames() {
        let (truth, stated) = flight();
        let rasters: Vec<_> = truth.iter().map(picture).collect();
        let found = refined(&stated, &rasters);
        assert!(
            found.before.unwrap().median_px > 5.0 && found.after.unwrap().median_px < 0.3,
            "{found:?}"
        );
        // Against each other: the whole flight may lie off by what all frames share.
        let error = |at: usize| {
            let (view, right) = (stated[at].1.corrected(&found.corrections[at]), &truth[at]);
            let (a, b) = (
                view.ground(160.0, 128.0).unwrap(),
                right.ground(160.0, 128.0).unwrap(),
            );
            (a.0 - b.0, a.1 - b.1)
        };
        let first = error(0);
        for at in 1..10 {
            let apart = (error(at).0 - first.0).hypot(error(at).1 - first.1);
            assert!(apart < 0.5, "{at}: {apart}");
        }
    }

    #[test]
    fn a_frame_without_texture_keeps_its_pose() {
        let (truth, stated) = flight();
        let mut rasters: Vec<_> = truth.iter().map(picture).collect();
        rasters[4] = Arc::new(Raster::filled(CAMERA.width, CAMERA.height, 3.0).unwrap());
        let found = refined(&stated, &rasters);
        assert_eq!(
            (found.matches[4], found.corrections[4]),
            (0, Correction::default())
        );
        assert!(found.matches[3] > 0);
    }

    #[test]
    fn frames_in_the_right_place_stay_there() {
        let (truth, _) = flight();
        let rasters: Vec<_> = truth.iter().map(picture).collect();
        let stated: Vec<_> = (0..).map(FrameId).zip(truth).collect();
        let found = refined(&stated, &rasters);
        // A shift and a tilt may trade against each other: what counts is where the middle of the frame lies.
        for ((_, view), correction) in stated.iter().zip(&found.corrections) {
            let corrected = view.corrected(correction);
            let (a, b) = (
                view.ground(160.0, 128.0).unwrap(),
                corrected.ground(160.0, 128.0).unwrap(),
            );
            assert!((a.0 - b.0).hypot(a.1 - b.1) < 0.06, "{found:?}");
        }
    }
}
