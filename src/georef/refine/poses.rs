//! Poses from overlaps: each frame a shift, a turn and a little tilt; all frames one camera.

use std::sync::Arc;

use super::detail::Detail;
use super::levels::Levels;
use super::overlap::Shown;
use super::pairs::Overlaps;
use super::rounds::{FOUND, ROUNDS, Round};
use super::solve::{Unknowns, corrected_view, solve_ties};
use super::ties::{Matching, Tie};
use crate::frame::FrameId;
use crate::georef::crs::median;
use crate::georef::{Correction, Lens, Relief, Surface, SurfaceError, View};
use crate::raster::Raster;
use crate::units::Metres;

/// What a file says about a frame's pose.
#[derive(Debug, Clone, Copy)]
pub struct Stated {
    /// The frame.
    pub id: FrameId,
    /// Where it stands and looks.
    pub view: View,
    /// Standard deviation of its position, sideways and in height, where the file gives one (RTK).
    pub accuracy: (Option<Metres>, Option<Metres>),
}

/// Corrections of a flight's frames, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub struct Poses {
    /// What to change about each view, with what is the same for all.
    pub corrections: Vec<Correction>,
    /// What to change about the camera of all.
    pub camera: CameraCorrection,
    /// Squares of ground by which each frame was placed; a frame with none keeps the pose of its file but for what is the same for all.
    pub matches: Vec<u32>,
    /// Pairs of frames compared.
    pub pairs: usize,
    /// Of these, the pairs that are tied: seen to show the same ground.
    pub tied: usize,
    /// How far the same ground lay apart in two frames, with the poses of the files; only of squares that were matched, thus no
    /// further than was looked.
    pub before: Option<Offsets>,
    /// The same with corrections found so far, of squares matched in half their detail, before the level of the ground was looked for; `None`
    /// where it was not: on a surface model, and where cameras look obliquely.
    pub on_flat: Option<Offsets>,
    /// The same with all corrections.
    pub after: Option<Offsets>,
    /// The ground, with what earlier flights told of it; `None` where it was not looked for.
    pub relief: Option<Relief>,
}

/// How a camera differs from what the table and the file say: the same in every frame of a flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraCorrection {
    /// Factor on the focal length.
    pub focal: f64,
    /// By how much the optical axis meets the sensor elsewhere, to the right and down, in focal lengths. A camera that is mounted askew looks
    /// the same.
    pub axis: (f64, f64),
    /// The lens.
    pub lens: Lens,
}

impl Default for CameraCorrection {
    fn default() -> Self {
        Self {
            focal: 1.0,
            axis: (0.0, 0.0),
            lens: Lens::default(),
        }
    }
}

impl Poses {
    /// The corrected view of the frame at `index` of the list.
    #[must_use]
    pub fn view(&self, index: usize, view: &View) -> View {
        let correction = self.corrections.get(index).copied().unwrap_or_default();
        corrected_view(view, &correction, &self.camera)
    }

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

/// Distances between the places where two frames show the same ground, in pixels of the coarser frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offsets {
    /// Half are below.
    pub median_px: f64,
    /// 95 % are below.
    pub p95_px: f64,
    /// Half are below, of their parts across the line between the two cameras. Along it a height of the ground that is not known moves
    /// a place in one frame against the other; across it nothing but poses, lens and the match does.
    pub median_across_px: Option<f64>,
    /// Squares matched.
    pub matches: usize,
}

/// Brings the frames of one flight into agreement.
///
/// `load` gives redacted temperatures in °C, with `NAN` where there is none, in the detail asked for (`Detail::of`); it is called from many
/// threads. Rounds of matching and solving, each on the views of the round before.
///
/// # Errors
///
/// What `load` says, or that the surface cannot be read.
pub fn refine_poses<E>(
    frames: &[Stated],
    surface: &Surface,
    load: impl Fn(FrameId, Detail) -> Result<Arc<Raster<f32>>, E> + Sync,
) -> Result<Poses, E>
where
    E: From<SurfaceError> + Send,
{
    let overlaps = Overlaps::of(frames.iter().map(|frame| &frame.view), surface);
    let ground_levels = overlaps.levels(surface)?;
    let mut unknowns = Unknowns::of(frames, surface);
    let looks_down = frames.iter().all(|frame| frame.view.looks_down());
    if !looks_down {
        // Obliquely squares lie on walls and roofs as often as on the ground.
        unknowns.levels = None;
    }
    let mut matching = Matching::of(&overlaps.pairs);
    let mut look = |unknowns: &Unknowns, round: Round| {
        let shown = |at: usize| {
            let frame = frames.get(at)?;
            Some(Shown {
                id: frame.id,
                view: unknowns.view(at, &frame.view),
                bounds: overlaps.bounds(at)?,
                level: *ground_levels.get(at)?,
            })
        };
        let ground = unknowns.levels.as_ref().map(Levels::surface);
        let surface = ground.as_ref().unwrap_or(surface);
        matching.ties(shown, surface, round, &load)
    };
    let centre = |unknowns: &Unknowns| {
        let views = frames.iter().enumerate();
        let centres = views.map(|(at, frame)| unknowns.view(at, &frame.view).centre());
        centres.collect::<Vec<_>>()
    };
    let (mut before, mut on_flat) = (None, None);
    let mut matches = Vec::new();
    let mut levels = Vec::new();
    for round in ROUNDS {
        let ties = look(&unknowns, round)?;
        before = before.or_else(|| offsets(&ties, &centre(&unknowns)));
        let tells_levels = round.tells_levels && unknowns.levels.is_some();
        if tells_levels {
            on_flat = on_flat.or_else(|| offsets(&ties, &centre(&unknowns)));
        }
        matches = counts(frames.len(), &ties);
        solve_ties(&mut unknowns, frames, &ties, tells_levels);
        levels = ties.iter().map(|tie| tie.up).collect();
    }
    if looks_down {
        // Relief grows with the flight, about level 0.
        let level = match unknowns.levels {
            Some(_) => 0.0,
            None => median(&mut levels).unwrap_or(0.0),
        };
        unknowns.keep_scale(frames, &matches, level);
    }
    let ties = look(&unknowns, FOUND)?;
    let mut of_tied: Vec<_> = ties.iter().map(|tie| tie.frames).collect();
    of_tied.dedup();
    Ok(Poses {
        corrections: (0..frames.len())
            .map(|at| unknowns.correction(at))
            .collect(),
        camera: unknowns.camera(),
        matches,
        pairs: overlaps.pairs.len(),
        tied: of_tied.len(),
        before,
        on_flat,
        after: offsets(&ties, &centre(&unknowns)),
        relief: unknowns.levels.map(|levels| levels.relief().clone()),
    })
}

/// Ties that each frame has a part in.
fn counts(frames: usize, ties: &[Tie]) -> Vec<u32> {
    let mut counts = vec![0; frames];
    for frame in ties.iter().flat_map(|tie| [tie.frames.0, tie.frames.1]) {
        if let Some(count) = counts.get_mut(frame) {
            *count += 1;
        }
    }
    counts
}

/// Of frames with their cameras at `centres`.
fn offsets(ties: &[Tie], centres: &[(f64, f64)]) -> Option<Offsets> {
    let mut px: Vec<f64> = ties
        .iter()
        .map(|tie| tie.offset.0.hypot(tie.offset.1) / tie.pixel)
        .collect();
    px.sort_by(f64::total_cmp);
    let across = |tie: &Tie| {
        let (a, b) = (*centres.get(tie.frames.0)?, *centres.get(tie.frames.1)?);
        let (east, north) = (b.0 - a.0, b.1 - a.1);
        let product = tie.offset.0 * north - tie.offset.1 * east;
        Some((product / east.hypot(north) / tie.pixel).abs()).filter(|px| px.is_finite())
    };
    let mut across: Vec<f64> = ties.iter().filter_map(across).collect();
    Some(Offsets {
        median_px: *px.get(px.len() / 2)?,
        p95_px: *px.get(px.len() * 95 / 100)?,
        median_across_px: median(&mut across),
        matches: px.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Attitude;
    use crate::georef::Intrinsics;
    use crate::units::Degrees;

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
    fn flight() -> (Vec<View>, Vec<Stated>) {
        let wrong = [0.9, -1.3, 0.4, 1.5, -0.6, -1.1, 0.2, 1.2, -0.3, -0.9];
        let place = |at: u8| (12.0 * f64::from(at % 5), 16.0 * f64::from(at / 5));
        let truth: Vec<View> = (0..10).map(|at| view(place(at), 20.0)).collect();
        let stated = (0..10_u8)
            .zip(wrong)
            .map(|(at, off)| {
                let (east, north) = place(at);
                Stated {
                    id: FrameId(u32::from(at)),
                    view: view((east + off, north - 0.8 * off), 20.0 + 1.3 * off),
                    accuracy: (None, None),
                }
            })
            .collect();
        (truth, stated)
    }

    fn refined(stated: &[Stated], rasters: &[Arc<Raster<f32>>]) -> Poses {
        refined_on(&Surface::Flat, stated, rasters)
    }

    fn refined_on(surface: &Surface, stated: &[Stated], rasters: &[Arc<Raster<f32>>]) -> Poses {
        let load = |id: FrameId, detail: Detail| {
            Ok::<_, Failure>(detail.of(Arc::clone(&rasters[id.0 as usize])))
        };
        refine_poses(stated, surface, load).unwrap()
    }

    #[derive(Debug)]
    struct Failure;
    impl From<SurfaceError> for Failure {
        fn from(_: SurfaceError) -> Self {
            Self
        }
    }

    #[test]
    fn a_flight_below_level_0_is_put_right_like_any_other() {
        // It took off in a valley: cameras 5 m below the level of the map's first flight, ground 60 m below them.
        let (truth, stated) = flight();
        let rasters: Vec<_> = truth.iter().map(picture).collect();
        let nodes = (-9..9).flat_map(|row| (-9..9).map(move |column| ((row, column), -65.0)));
        let valley = Surface::Relief(Relief::of(nodes));
        let lower = |frame: &Stated| Stated {
            view: frame.view.raised(-65.0),
            ..*frame
        };
        let low: Vec<Stated> = stated.iter().map(lower).collect();
        let found = refined_on(&valley, &low, &rasters);
        assert!(
            found.before.unwrap().median_px > 5.0 && found.after.unwrap().median_px < 0.3,
            "{found:?}"
        );
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
            let (view, right) = (found.view(at, &stated[at].view), &truth[at]);
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
        assert_eq!(found.matches[4], 0);
        // What all share moves it too; its own place stays.
        let correction = found.corrections[4];
        assert_eq!((correction.east, correction.north), (0.0, 0.0));
        assert!(found.matches[3] > 0);
    }

    #[test]
    fn frames_in_the_right_place_stay_there() {
        let (truth, _) = flight();
        let rasters: Vec<_> = truth.iter().map(picture).collect();
        let stated: Vec<_> = (0..)
            .zip(truth)
            .map(|(id, view)| Stated {
                id: FrameId(id),
                view,
                accuracy: (None, None),
            })
            .collect();
        let found = refined(&stated, &rasters);
        // A shift and a tilt may trade against each other: what counts is where the middle of the frame lies.
        for (at, Stated { view, .. }) in stated.iter().enumerate() {
            let corrected = found.view(at, view);
            let (a, b) = (
                view.ground(160.0, 128.0).unwrap(),
                corrected.ground(160.0, 128.0).unwrap(),
            );
            assert!((a.0 - b.0).hypot(a.1 - b.1) < 0.06, "{found:?}");
        }
    }
}
