//! Which of the two yaws in a file is the camera's.
//!
//! In: the located frames of one flight and their redacted temperatures. Out: the source under which
//! overlapping frames agree better, and the evidence. Refuses: nothing; without evidence it falls back and says so.
//!
//! Looking straight down a gimbal's yaw is undefined, and some drones write nonsense: on the M2EA it is 53
//! degrees off and only the airframe's yaw assembles the flight; looking obliquely the airframe's differs
//! from the camera's for good reason (DOMAIN section 2).

use std::sync::Arc;

use super::crs::median;
use super::{GeorefError, Located, Projector, View};
use crate::frame::FrameId;
use crate::raster::Raster;
use crate::units::Degrees;

/// Frames are compared where both see the ground this steeply.
const MAX_OFF_NADIR: Degrees = Degrees(60.0);
/// Pairs compared at most.
const MAX_PAIRS: usize = 60;
/// Samples along each side of the area that two frames share.
const GRID: u32 = 48;
/// Fewer shared samples than this are no evidence.
const MIN_SAMPLES: u64 = 200;

/// Disagreements that differ by a smaller share of the smaller one do not decide.
const UNDECIDED: f64 = 0.01;
/// Degrees by which one yaw must lie nearer to the track than the other to count.
const CLEARLY: u32 = 10;

/// Where a frame's yaw is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YawSource {
    /// The gimbal.
    Gimbal,
    /// The airframe.
    Flight,
}

impl YawSource {
    /// Short lower-case name for the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gimbal => "gimbal",
            Self::Flight => "flight",
        }
    }

    /// The other source.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Gimbal => Self::Flight,
            Self::Flight => Self::Gimbal,
        }
    }
}

/// Why a yaw source was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YawReason {
    /// Overlapping frames agree better under it.
    Overlap,
    /// The files carry no other.
    OnlySource,
    /// Overlaps do not tell, and straight down the picture's top points along the track more nearly with it.
    Track,
    /// No overlap to judge by; straight down the gimbal's yaw is undefined.
    NoOverlapNadir,
    /// No overlap to judge by; obliquely the camera's yaw is the gimbal's.
    NoOverlapOblique,
}

impl YawReason {
    /// Short lower-case name for the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::OnlySource => "only-source",
            Self::Track => "track",
            Self::NoOverlapNadir => "no-overlap-nadir",
            Self::NoOverlapOblique => "no-overlap-oblique",
        }
    }
}

/// The yaw source of a flight, with the evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YawChoice {
    /// The source to use.
    pub source: YawSource,
    /// Why.
    pub reason: YawReason,
    /// Mean absolute difference of overlapping frames under the gimbal's yaw, in 0.01 K.
    pub gimbal_disagreement: Option<u32>,
    /// The same under the airframe's yaw.
    pub flight_disagreement: Option<u32>,
    /// Median angle between track and gimbal's yaw in degrees, 0..=180.
    pub gimbal_to_track: Option<u32>,
    /// The same for the airframe's yaw.
    pub flight_to_track: Option<u32>,
    /// Pairs of frames compared.
    pub pairs: usize,
    /// Temperatures compared under the chosen yaw.
    pub samples: u64,
}

/// Chooses the yaw source of one flight by how well at most 60 pairs of overlapping frames agree.
///
/// `load` gives a frame's redacted temperatures in °C; pixels that are `NAN` are skipped. At most two
/// rasters are held at a time.
///
/// # Errors
///
/// What `load` says, or [`GeorefError::Projection`].
pub fn choose_yaw<E: From<GeorefError>>(
    frames: &[(FrameId, Located)],
    projector: &Projector,
    mut load: impl FnMut(FrameId) -> Result<Arc<Raster<f32>>, E>,
) -> Result<YawChoice, E> {
    let has = |source| {
        frames
            .iter()
            .all(|(_, located)| located.yaw(source).is_some())
    };
    let (has_gimbal, has_flight) = (has(YawSource::Gimbal), has(YawSource::Flight));
    let centres = centres(frames, projector)?;
    // Tracks are laid out on the grid, yaws are from true north.
    let grid_north = match frames.first() {
        Some((_, first)) => {
            let place = first.position();
            projector.convergence(place.longitude.0, place.latitude.0)?
        }
        None => 0.0,
    };
    let mut choice = YawChoice {
        source: YawSource::Gimbal,
        reason: YawReason::OnlySource,
        gimbal_disagreement: None,
        flight_disagreement: None,
        gimbal_to_track: angle_to_track(frames, &centres, grid_north, YawSource::Gimbal),
        flight_to_track: angle_to_track(frames, &centres, grid_north, YawSource::Flight),
        pairs: 0,
        samples: 0,
    };
    if !(has_gimbal && has_flight) {
        if has_flight {
            choice.source = YawSource::Flight;
        }
        return Ok(choice);
    }
    let (mut gimbal, mut flight) = (Disagreement::default(), Disagreement::default());
    for (a, b) in pairs(frames, &centres) {
        let (Some((id_a, first)), Some((id_b, second))) = (frames.get(a), frames.get(b)) else {
            continue;
        };
        let (raster_a, raster_b) = (load(*id_a)?, load(*id_b)?);
        for (source, sum) in [
            (YawSource::Gimbal, &mut gimbal),
            (YawSource::Flight, &mut flight),
        ] {
            let views = (
                first.view(projector, source)?,
                second.view(projector, source)?,
            );
            sum.add((&views.0, &raster_a), (&views.1, &raster_b));
        }
        choice.pairs += 1;
    }
    choice.gimbal_disagreement = gimbal.centikelvin();
    choice.flight_disagreement = flight.centikelvin();
    let is_nadir = median_pitch(frames) < -80.0;
    (choice.source, choice.reason) = match (gimbal.mean(), flight.mean()) {
        (Some(by_gimbal), Some(by_flight))
            if (by_gimbal - by_flight).abs() > UNDECIDED * by_gimbal.min(by_flight)
                || choice.by_track().is_none()
                || !is_nadir =>
        {
            let source = if by_flight < by_gimbal {
                YawSource::Flight
            } else {
                YawSource::Gimbal
            };
            (source, YawReason::Overlap)
        }
        _ if is_nadir => choice
            .by_track()
            .map_or((YawSource::Flight, YawReason::NoOverlapNadir), |source| {
                (source, YawReason::Track)
            }),
        _ => (YawSource::Gimbal, YawReason::NoOverlapOblique),
    };
    choice.samples = match choice.source {
        YawSource::Gimbal => gimbal.samples,
        YawSource::Flight => flight.samples,
    };
    Ok(choice)
}

impl YawChoice {
    /// The source whose yaw lies nearer to the track, where one clearly does.
    fn by_track(&self) -> Option<YawSource> {
        let (gimbal, flight) = (self.gimbal_to_track?, self.flight_to_track?);
        (gimbal.abs_diff(flight) >= CLEARLY).then_some(if flight < gimbal {
            YawSource::Flight
        } else {
            YawSource::Gimbal
        })
    }
}

/// Sum of absolute differences between frames that see the same ground.
#[derive(Debug, Default, Clone, Copy)]
struct Disagreement {
    sum: f64,
    samples: u64,
}

impl Disagreement {
    fn add(&mut self, a: (&View, &Raster<f32>), b: (&View, &Raster<f32>)) {
        let bounds = |view: &View| view.bounds(MAX_OFF_NADIR);
        let Some(shared) = bounds(a.0)
            .zip(bounds(b.0))
            .and_then(|(a, b)| a.intersection(b))
        else {
            return;
        };
        let (width, height) = shared.size();
        for row in 0..GRID {
            for column in 0..GRID {
                let east = shared.west + width * (f64::from(column) + 0.5) / f64::from(GRID);
                let north = shared.south + height * (f64::from(row) + 0.5) / f64::from(GRID);
                if let (Some(a), Some(b)) = (sample(a, east, north), sample(b, east, north)) {
                    self.sum += f64::from((a - b).abs());
                    self.samples += 1;
                }
            }
        }
    }

    fn mean(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "at most 60 x 48 x 48 samples")]
        (self.samples >= MIN_SAMPLES).then(|| self.sum / self.samples as f64)
    }

    fn centikelvin(&self) -> Option<u32> {
        self.mean().map(|mean| rounded(mean * 100.0))
    }
}

/// The temperature that a frame measured at a point of the ground, where it saw it steeply enough.
fn sample((view, raster): (&View, &Raster<f32>), east: f64, north: f64) -> Option<f32> {
    let limit = MAX_OFF_NADIR.to_radians().tan();
    if view.tangent_squared(east, north, 0.0) > limit * limit {
        return None;
    }
    view.sample(raster, east, north)
}

/// Where each frame's centre meets the ground, for nadir frames near enough under both yaws.
fn centres(
    frames: &[(FrameId, Located)],
    projector: &Projector,
) -> Result<Vec<(f64, f64)>, GeorefError> {
    frames
        .iter()
        .map(|(_, located)| {
            let position = located.position();
            projector.to_map(position.longitude.0, position.latitude.0)
        })
        .collect()
}

/// Pairs of overlapping frames: up to 60 frames, evenly chosen, each with those partners whose distance is nearest to 0.4
/// of the footprint's smaller side: near enough to share much, far enough for a wrong yaw to show.
fn pairs(frames: &[(FrameId, Located)], centres: &[(f64, f64)]) -> Vec<(usize, usize)> {
    let count = frames.len();
    let anchors = count.min(MAX_PAIRS);
    let partners = MAX_PAIRS.checked_div(anchors).unwrap_or(0).max(1);
    let mut pairs = std::collections::BTreeSet::new();
    for anchor in (0..anchors).map(|step| step * count / anchors) {
        let (Some((_, located)), Some(&centre)) = (frames.get(anchor), centres.get(anchor)) else {
            continue;
        };
        let side = smaller_side(located);
        let mut near: Vec<(f64, usize)> = Vec::with_capacity(partners + 1);
        for (index, other) in centres.iter().enumerate() {
            let distance = (other.0 - centre.0).hypot(other.1 - centre.1);
            if index == anchor || distance > 0.8 * side {
                continue;
            }
            near.push(((distance - 0.4 * side).abs(), index));
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            near.truncate(partners);
        }
        pairs.extend(
            near.iter()
                .map(|&(_, index)| (anchor.min(index), anchor.max(index))),
        );
    }
    pairs.into_iter().take(MAX_PAIRS).collect()
}

/// Metres of ground along the smaller side of a frame, at the resolution of its centre.
fn smaller_side(located: &Located) -> f64 {
    let (width, height) = located.camera().size();
    width.min(height) * located.ground_resolution().0
}

fn median_pitch(frames: &[(FrameId, Located)]) -> f64 {
    let mut pitches: Vec<f64> = frames
        .iter()
        .map(|(_, located)| located.pitch().0)
        .collect();
    pitches.sort_unstable_by(f64::total_cmp);
    pitches.get(pitches.len() / 2).copied().unwrap_or(-90.0)
}

/// Median angle between yaw and the direction to the next frame, in whole degrees.
fn angle_to_track(
    frames: &[(FrameId, Located)],
    centres: &[(f64, f64)],
    grid_north: f64,
    source: YawSource,
) -> Option<u32> {
    let mut angles: Vec<f64> = frames
        .iter()
        .zip(centres.windows(2))
        .filter_map(|((_, located), steps)| {
            let &[from, to] = steps else { return None };
            let (east, north) = (to.0 - from.0, to.1 - from.1);
            // Slower than a metre a frame is hovering, where the track means nothing.
            if east.hypot(north) < 1.0 {
                return None;
            }
            let track = f64::atan2(east, north).to_degrees() - grid_north;
            let turn = track - located.yaw(source)?.0;
            let turn = turn.rem_euclid(360.0);
            Some(turn.min(360.0 - turn))
        })
        .collect();
    median(&mut angles).map(rounded)
}

fn rounded(value: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; `as` saturates"
    )]
    let whole = value.round() as u32;
    whole
}

#[cfg(test)]
mod tests {
    use super::super::camera::tests::meta;
    use super::super::{CameraOverrides, Crs, locate};
    use super::*;
    use crate::units::Metres;

    /// Ground whose temperature is a smooth pattern of about 10 m.
    fn scene(east: f64, north: f64) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "a test pattern")]
        let value = (10.0 * ((east / 6.0).sin() + (north / 9.0).cos())) as f32;
        value
    }

    type Flight = (Vec<(FrameId, Located)>, Projector, Vec<Arc<Raster<f32>>>);

    fn flight(pitch: f64, truth: YawSource) -> Flight {
        let frames: Vec<(FrameId, Located)> = (0..6)
            .map(|index| {
                let mut meta = meta("M3T");
                meta.relative_altitude = Some(Metres(60.0));
                let step = f64::from(index);
                meta.position.as_mut().unwrap().longitude.0 += step * 1e-4;
                meta.gimbal.as_mut().unwrap().pitch = Degrees(pitch);
                (
                    FrameId(index),
                    locate(&meta, &CameraOverrides::default()).unwrap(),
                )
            })
            .collect();
        let crs = Crs::for_positions(frames.iter().map(|(_, located)| located.position())).unwrap();
        let projector = crs.projector().unwrap();
        let rasters = frames
            .iter()
            .map(|(_, located)| {
                let view = located.view(&projector, truth).unwrap();
                let pixels = (0..512 * 640).map(|at| {
                    let (u, v) = (f64::from(at % 640) + 0.5, f64::from(at / 640) + 0.5);
                    view.ground(u, v)
                        .map_or(f32::NAN, |(east, north)| scene(east, north))
                });
                Arc::new(Raster::new(640, 512, pixels.collect()).unwrap())
            })
            .collect();
        (frames, projector, rasters)
    }

    fn choose(pitch: f64, truth: YawSource) -> YawChoice {
        let (frames, projector, rasters) = flight(pitch, truth);
        choose_yaw::<GeorefError>(&frames, &projector, |id| {
            Ok(Arc::clone(&rasters[id.0 as usize]))
        })
        .unwrap()
    }

    #[test]
    fn the_yaw_under_which_frames_agree_wins() {
        for truth in [YawSource::Gimbal, YawSource::Flight] {
            for pitch in [-90.0, -60.0] {
                let choice = choose(pitch, truth);
                assert_eq!((choice.source, choice.reason), (truth, YawReason::Overlap));
                let (right, wrong) = match truth {
                    YawSource::Gimbal => (choice.gimbal_disagreement, choice.flight_disagreement),
                    YawSource::Flight => (choice.flight_disagreement, choice.gimbal_disagreement),
                };
                assert!(right.unwrap() < 60 && wrong.unwrap() > 200, "{choice:?}");
            }
        }
    }

    #[test]
    fn without_overlap_the_pitch_decides_and_the_choice_says_so() {
        let (mut frames, projector, rasters) = flight(-90.0, YawSource::Gimbal);
        frames.truncate(1);
        let load = |_| Ok::<_, GeorefError>(Arc::clone(&rasters[0]));
        let nadir = choose_yaw(&frames, &projector, load).unwrap();
        assert_eq!(
            (nadir.source, nadir.reason),
            (YawSource::Flight, YawReason::NoOverlapNadir)
        );
        let (mut frames, projector, _) = flight(-45.0, YawSource::Gimbal);
        frames.truncate(1);
        let oblique = choose_yaw(&frames, &projector, load).unwrap();
        assert_eq!(
            (oblique.source, oblique.reason),
            (YawSource::Gimbal, YawReason::NoOverlapOblique)
        );
    }

    #[test]
    fn frames_that_are_masked_altogether_are_no_evidence() {
        let (frames, projector, _) = flight(-90.0, YawSource::Gimbal);
        let empty = Arc::new(Raster::filled(640, 512, f32::NAN).unwrap());
        let choice =
            choose_yaw::<GeorefError>(&frames, &projector, |_| Ok(Arc::clone(&empty))).unwrap();
        // They fly east: 27 degrees from the airframe's yaw of 63, 80 from the gimbal's of 10.
        assert_eq!(
            (choice.source, choice.reason),
            (YawSource::Flight, YawReason::Track)
        );
        assert_eq!(
            (choice.gimbal_to_track, choice.flight_to_track),
            (Some(80), Some(27))
        );
        assert_eq!(choice.gimbal_disagreement, None);
    }

    #[test]
    fn a_file_with_one_yaw_leaves_no_choice() {
        let mut meta = meta("M3T");
        meta.flight = None;
        let located = locate(&meta, &CameraOverrides::default()).unwrap();
        let crs = Crs::for_positions([located.position()]).unwrap();
        let raster = Arc::new(Raster::filled(640, 512, 1.0).unwrap());
        let choice =
            choose_yaw::<GeorefError>(&[(FrameId(0), located)], &crs.projector().unwrap(), |_| {
                Ok(Arc::clone(&raster))
            })
            .unwrap();
        assert_eq!(
            (choice.source, choice.reason),
            (YawSource::Gimbal, YawReason::OnlySource)
        );
    }
}
