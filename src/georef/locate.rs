//! Whether a frame can be placed on the ground at all, before any work is spent on it.
//!
//! In: metadata and the operator's word on the camera. Out: [`Located`], from which a [`View`] follows once the
//! flight's yaw source is known. Refuses: see [`GeorefError`].

use std::path::Path;
use std::sync::Arc;

use super::crs::median;
use super::{
    CameraOverrides, GeorefError, Intrinsics, KnownPose, KnownPoses, Lens, Projector, View,
    YawSource, intrinsics,
};
use crate::frame::{Attitude, FrameId, FrameMeta, Position, PositionSource};
use crate::raster::RowSpan;
use crate::units::{Degrees, Metres};

/// Yaws that differ by less lay neighbouring frames on the same ground to some decimetres.
const SAME_YAW: f64 = 2.0;

/// A frame with all that places it on the ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Located {
    camera: Intrinsics,
    lens: Lens,
    position: Position,
    above_take_off: Metres,
    /// What photogrammetry software says, where it was asked.
    known: Option<KnownPose>,
    gimbal: Option<Attitude>,
    flight: Option<Attitude>,
    /// The view with its foot at (0, 0) and yaw 0: all that does not depend on either.
    local: View,
    ground_resolution: Metres,
}

/// What places a run's frames besides their own tags.
#[derive(Debug, Clone, Default)]
pub struct Locator {
    /// The operator's word on the camera.
    pub camera: CameraOverrides,
    /// Poses that software worked out; they win over the tags.
    pub poses: Option<Arc<KnownPoses>>,
    /// Height of the take-off point in the datum of `poses`; `None` takes it from the frames' own heights above it.
    pub take_off: Option<Metres>,
}

impl Locator {
    /// Places the frame of a file.
    ///
    /// # Errors
    ///
    /// As [`locate`].
    pub fn locate(&self, file: &Path, meta: &FrameMeta) -> Result<Located, GeorefError> {
        let known = self.poses.as_ref().and_then(|poses| poses.of(file));
        place(meta, &self.camera, known.copied(), self.take_off)
    }
}

/// Checks that position, height, attitude and camera of a frame are known and that its centre meets the ground.
///
/// # Errors
///
/// [`GeorefError`], naming what is missing and the remedy.
pub fn locate(meta: &FrameMeta, overrides: &CameraOverrides) -> Result<Located, GeorefError> {
    place(meta, overrides, None, None)
}

fn place(
    meta: &FrameMeta,
    overrides: &CameraOverrides,
    known: Option<KnownPose>,
    take_off: Option<Metres>,
) -> Result<Located, GeorefError> {
    let by_software = known.map(|known| Position {
        latitude: known.latitude,
        longitude: known.longitude,
        source: PositionSource::Poses,
        accuracy: None,
        vertical_accuracy: None,
    });
    let position = by_software
        .or(meta.position)
        .filter(|position| {
            (-90.0..=90.0).contains(&position.latitude.0)
                && (-180.0..=180.0).contains(&position.longitude.0)
        })
        .ok_or(GeorefError::NoPosition)?;
    let above_take_off = known
        .and_then(|known| Some(Metres(known.height_in_file?.0 - take_off?.0)))
        .or(meta.relative_altitude);
    let above_take_off = above_take_off
        .filter(|height| height.0 > 0.0 && height.0.is_finite())
        .ok_or(GeorefError::NoAltitude)?;
    let turned = known.and_then(|known| known.attitude);
    let gimbal = turned.or(meta.gimbal.filter(is_finite));
    let flight = meta
        .flight
        .filter(|flight| turned.is_none() && is_finite(flight));
    let attitude = gimbal.or(flight).ok_or(GeorefError::NoAttitude)?;
    let camera = intrinsics(meta, overrides)?;
    let unturned = Attitude {
        yaw: Degrees(0.0),
        ..attitude
    };
    let local = View::new(camera, (0.0, 0.0), above_take_off, unturned).with_lens(overrides.lens);
    let ground_resolution =
        local
            .ground_resolution(camera.cx, camera.cy)
            .ok_or(GeorefError::AboveHorizon {
                pitch: attitude.pitch.0,
            })?;
    Ok(Located {
        camera,
        lens: overrides.lens,
        position,
        above_take_off,
        known,
        gimbal,
        flight,
        local,
        ground_resolution,
    })
}

/// Gives every frame whose pose software worked out its height from there: above the level which, in the middle of the flight,
/// lies as far below these frames as they say themselves that they are above take-off. The datum of the poses drops out.
///
/// Returns the height of that level in the datum of the poses; `None` where no frame has both heights.
pub fn level(frames: &mut [(FrameId, Located)]) -> Option<Metres> {
    let known = |located: &Located| located.known.and_then(|known| known.height_in_file);
    let mut levels: Vec<f64> = frames
        .iter()
        .filter_map(|(_, located)| Some(known(located)?.0 - located.above_take_off.0))
        .collect();
    let level = median(&mut levels)?;
    for (_, located) in frames {
        let above = known(located).map(|height| height.0 - level);
        if let Some(above) = above.filter(|above| *above > 0.0) {
            located.above_take_off = Metres(above);
        }
    }
    Some(Metres(level))
}

fn is_finite(attitude: &Attitude) -> bool {
    attitude.yaw.0.is_finite() && attitude.pitch.0.is_finite() && attitude.roll.0.is_finite()
}

impl Located {
    /// Where the camera was.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Height of the camera above take-off, taken as the height above the ground.
    #[must_use]
    pub fn above_take_off(&self) -> Metres {
        self.above_take_off
    }

    /// Whether software worked its height out.
    #[must_use]
    pub fn has_known_height(&self) -> bool {
        self.known
            .is_some_and(|known| known.height_in_file.is_some())
    }

    /// Whether software worked the pose out, attitude included: it is not to be refined.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known.is_some_and(|known| known.attitude.is_some())
    }

    /// What the lens does to straight lines.
    #[must_use]
    pub fn lens(&self) -> Lens {
        self.lens
    }

    /// The camera.
    #[must_use]
    pub fn camera(&self) -> &Intrinsics {
        &self.camera
    }

    /// Attitude of the camera: the gimbal's where known, else the airframe's. Its yaw may be wrong.
    pub(super) fn attitude(&self) -> Attitude {
        self.gimbal.or(self.flight).unwrap_or(Attitude {
            yaw: Degrees(0.0),
            pitch: Degrees(-90.0),
            roll: Degrees(0.0),
        })
    }

    /// Pitch of the camera; -90 looks straight down.
    #[must_use]
    pub fn pitch(&self) -> Degrees {
        self.attitude().pitch
    }

    /// Metres of a pixel across the line of sight, at the centre of the frame.
    #[must_use]
    pub fn ground_resolution(&self) -> Metres {
        self.ground_resolution
    }

    /// As [`Located::ground_resolution`] where the frame sees the ground from nearest, of 25 places in it: what is to reach some metres on the ground
    /// takes most pixels there.
    #[must_use]
    pub fn finest_resolution(&self) -> Metres {
        #[expect(
            clippy::cast_precision_loss,
            reason = "pixel coordinates are far below 2^53"
        )]
        let places = |side: usize| (0..5).map(move |step| (step * side) as f64 / 4.0);
        let camera = &self.camera;
        let seen = places(camera.width).flat_map(|u| places(camera.height).map(move |v| (u, v)));
        let resolutions = seen.filter_map(|(u, v)| self.local.ground_resolution(u, v));
        let finest = resolutions
            .map(|metres| metres.0)
            .fold(f64::INFINITY, f64::min);
        Metres(finest.min(self.ground_resolution.0))
    }

    /// Yaw from true north as `source` has it; `None` where the file lacks it.
    #[must_use]
    pub fn yaw(&self, source: YawSource) -> Option<Degrees> {
        match source {
            YawSource::Gimbal => self.gimbal,
            YawSource::Flight => self.flight,
        }
        .map(|attitude| attitude.yaw)
    }

    /// The yaws that may be the camera's: both where the file offers two that differ, because which of them is right is known only
    /// once a flight is complete (DOMAIN section 2). `settled` leaves no choice.
    #[must_use]
    pub fn possible_yaws(&self, settled: Option<YawSource>) -> Vec<YawSource> {
        let (gimbal, flight) = (YawSource::Gimbal, YawSource::Flight);
        let both = self.yaw(gimbal).zip(self.yaw(flight));
        let differ = both.is_some_and(|(gimbal, flight)| {
            let turn = (gimbal.0 - flight.0).rem_euclid(360.0);
            turn.min(360.0 - turn) > SAME_YAW
        });
        match settled {
            Some(source) => vec![source],
            None if differ => vec![gimbal, flight],
            None => vec![gimbal],
        }
    }

    /// The frame's view with the yaw of `source`, or of the other one where the file lacks it.
    ///
    /// Pitch and roll are the gimbal's where known. Yaw is turned from true to grid north.
    ///
    /// # Errors
    ///
    /// [`GeorefError::Projection`] outside the domain of the run's map.
    pub fn view(&self, projector: &Projector, source: YawSource) -> Result<View, GeorefError> {
        let (longitude, latitude) = (self.position.longitude.0, self.position.latitude.0);
        let yaw = self
            .yaw(source)
            .or_else(|| self.yaw(source.other()))
            .ok_or(GeorefError::NoAttitude)?;
        let grid_yaw = Degrees(yaw.0 + projector.convergence(longitude, latitude)?);
        Ok(View::new(
            self.camera,
            projector.to_map(longitude, latitude)?,
            self.above_take_off,
            Attitude {
                yaw: grid_yaw,
                ..self.attitude()
            },
        )
        .with_lens(self.lens))
    }

    /// The pixels that see the ground coarser than `limit`, or that see above the horizon.
    ///
    /// No position and no yaw enter, so it can be asked before the yaw source is chosen.
    #[must_use]
    pub fn beyond(&self, limit: Metres) -> Vec<RowSpan> {
        let mut spans = Vec::new();
        for row in 0..self.camera.height {
            if self.is_row_within(row, limit) {
                continue;
            }
            let mut open = None;
            for x in 0..=self.camera.width {
                let hidden = x < self.camera.width && !self.is_within(x, row, limit);
                match (open, hidden) {
                    (None, true) => open = Some(x),
                    (Some(x0), false) => {
                        spans.push(RowSpan { row, x0, x1: x });
                        open = None;
                    }
                    _ => {}
                }
            }
        }
        spans
    }

    /// Whether a whole row is clearly within, as its ends tell: what is seen within some distance lies in a cone about straight down, which is
    /// convex, and lines stay straight.
    fn is_row_within(&self, row: usize, limit: Metres) -> bool {
        let clearly = Metres(limit.0 * (1.0 - 1e-9));
        let ends = [0, self.camera.width.saturating_sub(1)];
        self.local.lens().is_straight() && ends.into_iter().all(|x| self.is_within(x, row, clearly))
    }

    fn is_within(&self, x: usize, row: usize, limit: Metres) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            reason = "sides of rasters lie far below 2^52"
        )]
        let (u, v) = (x as f64 + 0.5, row as f64 + 0.5);
        self.local
            .ground_resolution(u, v)
            .is_some_and(|resolution| resolution <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera::tests::meta;
    use super::*;

    fn refusal(change: impl FnOnce(&mut FrameMeta)) -> &'static str {
        let mut meta = meta("M3T");
        change(&mut meta);
        locate(&meta, &CameraOverrides::default())
            .map_or_else(|error| error.reason(), |_| "located")
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(refusal(|_| {}), "located");
        assert_eq!(refusal(|meta| meta.position = None), "no-position");
        assert_eq!(refusal(|meta| meta.relative_altitude = None), "no-altitude");
        assert_eq!(
            refusal(|meta| meta.relative_altitude = Some(Metres(0.0))),
            "no-altitude"
        );
        assert_eq!(
            refusal(|meta| meta.relative_altitude = Some(Metres(f64::NAN))),
            "no-altitude"
        );
        assert_eq!(
            refusal(|meta| {
                meta.gimbal = None;
                meta.flight = None;
            }),
            "no-attitude"
        );
        assert_eq!(
            refusal(|meta| meta.camera.model = "?".into()),
            "unknown-camera"
        );
        assert_eq!(
            refusal(|meta| meta.gimbal.as_mut().unwrap().pitch = Degrees(5.0)),
            "above-horizon"
        );
    }

    #[test]
    fn the_centre_resolution_of_a_nadir_frame_is_height_over_focal_length() {
        let located = locate(&meta("M3T"), &CameraOverrides::default()).unwrap();
        assert!((located.ground_resolution().0 - 60.0 * 0.012 / 9.1).abs() < 1e-9);
    }

    /// The bottom row of 512 looks atan(256 / 758.3) = 18.7 degrees lower than the axis.
    #[test]
    fn the_finest_resolution_is_where_the_ground_is_nearest() {
        let mut meta = meta("M3T");
        let nadir = locate(&meta, &CameraOverrides::default()).unwrap();
        assert!((nadir.finest_resolution().0 - nadir.ground_resolution().0).abs() < 1e-9);
        meta.gimbal.as_mut().unwrap().pitch = Degrees(-40.0);
        let located = locate(&meta, &CameraOverrides::default()).unwrap();
        let focal_length = 9.1 / 0.012;
        let lowest = 40_f64.to_radians() + f64::atan2(256.0, focal_length);
        let expected = 60.0 / lowest.sin() / focal_length;
        assert!((located.finest_resolution().0 - expected).abs() < 1e-6);
        assert!(expected < 0.8 * located.ground_resolution().0);
    }

    #[test]
    fn pixels_beyond_a_resolution_are_those_towards_the_horizon() {
        let mut meta = meta("M3T");
        meta.gimbal.as_mut().unwrap().pitch = Degrees(-10.0);
        let located = locate(&meta, &CameraOverrides::default()).unwrap();
        let spans = located.beyond(Metres(0.3));
        // 0.3 m x 758.33 px = 227.5 m of slant range: 74.7 degrees off nadir, 15.3 below the horizon, thus
        // 5.3 below the axis: row 256 + 758.33 tan 5.3 = 326 on the middle column.
        let hides = |row: usize, x: usize| {
            spans
                .iter()
                .any(|span| span.row == row && (span.x0..span.x1).contains(&x))
        };
        assert!(hides(0, 0) && hides(324, 320) && !hides(328, 320) && !hides(511, 320));
        assert!(
            located
                .beyond(Metres(1e9))
                .iter()
                .all(|span| span.row < 256)
        );
        let pixels: usize = located
            .beyond(Metres(0.01))
            .iter()
            .map(|span| span.x1 - span.x0)
            .sum();
        assert_eq!(pixels, 640 * 512);
    }

    #[test]
    fn yaws_that_differ_both_count_until_one_is_settled() {
        let yaws = |gimbal: f64, flight: f64, settled| {
            let mut meta = meta("M3T");
            meta.gimbal.as_mut().unwrap().yaw = Degrees(gimbal);
            meta.flight.as_mut().unwrap().yaw = Degrees(flight);
            let located = locate(&meta, &CameraOverrides::default()).unwrap();
            located.possible_yaws(settled)
        };
        let (gimbal, flight) = (YawSource::Gimbal, YawSource::Flight);
        assert_eq!(yaws(10.0, 60.0, None), [gimbal, flight]);
        assert_eq!(yaws(10.0, 60.0, Some(flight)), [flight]);
        assert_eq!(yaws(359.5, 0.5, None), [gimbal]);
    }

    #[test]
    fn a_view_takes_the_yaw_it_is_told_and_pitch_and_roll_of_the_gimbal() {
        let located = locate(&meta("M3T"), &CameraOverrides::default()).unwrap();
        let crs = super::super::Crs::for_positions([located.position()]).unwrap();
        let projector = crs.projector().unwrap();
        let view = located.view(&projector, YawSource::Flight).unwrap();
        let (east, north) = view.centre();
        let (top_east, top_north) = view.ground(320.0, 0.0).unwrap();
        let azimuth = f64::atan2(top_east - east, top_north - north).to_degrees();
        let convergence = projector
            .convergence(1.716_073_973, 52.658_007_833)
            .unwrap();
        assert!((azimuth - 63.0 - convergence).abs() < 1e-6, "{azimuth}");
        assert!((view.off_nadir(320.0, 256.0).0).abs() < 1e-6);
    }
}
