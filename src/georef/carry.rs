//! Where in one frame something may be that another frame saw.
//!
//! In: a box in one frame, both frames' places. Out: the box in the other frame that holds it. Refuses (as
//! `None`): what looks past the ground, and what the other frame does not see.
//!
//! Both views lie on one plane that touches the earth at the first frame: over the hundred metres between
//! neighbours that is exact to centimetres, and no map projection is needed.

use super::{Located, View, YawSource};
use crate::frame::{Attitude, Position};
use crate::units::{Degrees, Metres};

/// Metres above the ground of the middle of a person, on whose level boxes are carried: how far head and feet
/// lean away from there is in the box.
const MIDDLE: f64 = 1.0;
/// Directions in which a reach is laid out; the polygon lies outside the circle.
const DIRECTIONS: u8 = 16;

/// Two frames side by side, under one of the yaws that their files offer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbours {
    from: View,
    to: View,
}

impl Neighbours {
    /// The pair under every yaw that may be the camera's: both where the files offer two that differ, because
    /// which of them is right is known only once a flight is complete (DOMAIN section 2). `yaw` settles it.
    #[must_use]
    pub fn under_each_yaw(from: &Located, to: &Located, yaw: Option<YawSource>) -> Vec<Self> {
        let mut sources = from.possible_yaws(yaw);
        let also = to.possible_yaws(yaw);
        if sources.len() < also.len() {
            sources = also;
        }
        let origin = from.position();
        let pair = |source| {
            Some(Self {
                from: view(from, origin, source)?,
                to: view(to, origin, source)?,
            })
        };
        sources.into_iter().filter_map(pair).collect()
    }

    /// Whether the second frame sees ground that the first saw, by the box around it.
    #[must_use]
    pub fn overlap(&self) -> bool {
        let camera = self.from.camera();
        let (width, height) = camera.size();
        let whole = [0.0, 0.0, width, height];
        self.carry(whole, Metres(0.0)).is_some()
    }

    /// The pixels (left, top, right, bottom) of the second frame in which something may be that the first saw
    /// in `bbox`, when it moved by at most `reach` in any direction, errors of both places included.
    ///
    /// `None` where the box does not meet the ground, or the second frame does not see it.
    #[must_use]
    pub fn carry(&self, bbox: [f64; 4], reach: Metres) -> Option<[f64; 4]> {
        let [x0, y0, x1, y1] = bbox;
        let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)];
        let radius = reach.0 / (std::f64::consts::PI / f64::from(DIRECTIONS)).cos();
        let camera = self.to.camera();
        let mut carried: Option<[f64; 4]> = None;
        let at_middle = |(u, v)| self.from.above_ground(u, v, MIDDLE);
        for (east, north) in corners.into_iter().filter_map(at_middle) {
            for direction in 0..DIRECTIONS {
                let angle = f64::from(direction) * std::f64::consts::TAU / f64::from(DIRECTIONS);
                let (sin, cos) = angle.sin_cos();
                let (east, north) = (east + radius * sin, north + radius * cos);
                let Some((u, v)) = self.to.pixel_above(east, north, MIDDLE) else {
                    continue;
                };
                carried = Some(carried.map_or([u, v, u, v], |[x0, y0, x1, y1]| {
                    [x0.min(u), y0.min(v), x1.max(u), y1.max(v)]
                }));
            }
        }
        let [x0, y0, x1, y1] = carried?;
        let (x0, y0) = (x0.max(0.0), y0.max(0.0));
        let (width, height) = camera.size();
        let (x1, y1) = (x1.min(width), y1.min(height));
        (x0 < x1 && y0 < y1).then_some([x0, y0, x1, y1])
    }
}

/// The frame's view on the plane that touches the earth at `origin`, north up.
fn view(located: &Located, origin: Position, source: YawSource) -> Option<View> {
    let yaw = located
        .yaw(source)
        .or_else(|| located.yaw(source.other()))?;
    let attitude = Attitude {
        yaw,
        ..located.attitude()
    };
    let centre = offset(origin, located.position());
    Some(
        View::new(
            *located.camera(),
            centre,
            located.above_take_off(),
            attitude,
        )
        .with_lens(located.lens()),
    )
}

/// Metres east and north from one position to another near it, by the lengths of a degree on WGS 84
/// (NGA, Length of a Degree of Latitude and Longitude).
pub(super) fn offset(from: Position, to: Position) -> (f64, f64) {
    let latitude = Degrees(f64::midpoint(from.latitude.0, to.latitude.0)).to_radians();
    let cos = |times: f64| (times * latitude).cos();
    let north = 111_132.92 - 559.82 * cos(2.0) + 1.175 * cos(4.0);
    let east = 111_412.84 * cos(1.0) - 93.5 * cos(3.0) + 0.118 * cos(5.0);
    let turn = (to.longitude.0 - from.longitude.0 + 180.0).rem_euclid(360.0) - 180.0;
    (turn * east, (to.latitude.0 - from.latitude.0) * north)
}

#[cfg(test)]
mod tests {
    use super::super::camera::tests::meta;
    use super::super::{CameraOverrides, locate};
    use super::*;

    /// 60 m up, straight down, gimbal and airframe both at `yaw`, `east` and `north` metres from the first
    /// frame: at latitude 52.658 a degree is 67,665 m by 111,280 m.
    fn frame(yaw: f64, east: f64, north: f64) -> Located {
        let mut meta = meta("M3T");
        let position = meta.position.as_mut().unwrap();
        position.longitude.0 += east / 67_665.0;
        position.latitude.0 += north / 111_280.0;
        for attitude in [&mut meta.gimbal, &mut meta.flight] {
            attitude.as_mut().unwrap().yaw = Degrees(yaw);
        }
        locate(&meta, &CameraOverrides::default()).unwrap()
    }

    fn carry(from: &Located, to: &Located, bbox: [f64; 4], reach: f64) -> Option<[f64; 4]> {
        let pairs = Neighbours::under_each_yaw(from, to, None);
        assert_eq!(pairs.len(), 1);
        pairs[0].carry(bbox, Metres(reach))
    }

    #[test]
    fn a_box_moves_by_the_flight_and_grows_by_the_reach() {
        // 59 m down to the middle of a person, 59 m / (9.1 mm / 12 um) = 0.077 80 m a pixel: 7.780 m are 100 px.
        let (first, second) = (frame(0.0, 0.0, 0.0), frame(0.0, 0.0, 7.780));
        let still = carry(&first, &second, [310.0, 150.0, 330.0, 170.0], 0.0).unwrap();
        // Flown north by 100 px, what stands there moves down by 100 px.
        for (found, expected) in still.into_iter().zip([310.0, 250.0, 330.0, 270.0]) {
            assert!((found - expected).abs() < 0.05, "{found} {expected}");
        }
        let reached = carry(&first, &second, [310.0, 150.0, 330.0, 170.0], 1.0).unwrap();
        let px = 1.0 / 0.077_80;
        for (side, sign) in [-1.0, -1.0, 1.0, 1.0].into_iter().enumerate() {
            let grown = sign * (reached[side] - still[side]);
            assert!(grown >= px && grown < 1.03 * px, "{grown} {px}");
        }
    }

    #[test]
    fn a_turned_neighbour_sees_it_turned() {
        let (first, second) = (frame(0.0, 0.0, 0.0), frame(90.0, 0.0, 0.0));
        // 100 px up is north; with the top of the frame to the east, north is left: 320 - 100, 256.
        let [x0, y0, x1, y1] = carry(&first, &second, [319.0, 155.0, 321.0, 157.0], 0.0).unwrap();
        for (found, expected) in [x0, y0, x1, y1]
            .into_iter()
            .zip([219.0, 255.0, 221.0, 257.0])
        {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn what_the_neighbour_does_not_see_is_not_carried_and_what_it_half_sees_is_clipped() {
        let (first, second) = (frame(0.0, 0.0, 0.0), frame(0.0, 0.0, 30.0));
        // 30 m are 386 px: only what lies in the upper 126 rows is still in view.
        assert_eq!(
            carry(&first, &second, [300.0, 200.0, 310.0, 210.0], 1.0),
            None
        );
        let clipped = carry(&first, &second, [300.0, 120.0, 310.0, 140.0], 0.0).unwrap();
        assert!((clipped[3] - 512.0).abs() < f64::EPSILON);
    }

    #[test]
    fn frames_overlap_until_one_is_a_frame_further() {
        // 512 rows of 0.0778 m are 39.8 m.
        let overlap = |north| {
            let pairs =
                Neighbours::under_each_yaw(&frame(0.0, 0.0, 0.0), &frame(0.0, 0.0, north), None);
            pairs[0].overlap()
        };
        assert_eq!([0.0, 39.0, 41.0].map(overlap), [true, true, false]);
    }

    #[test]
    fn the_sky_is_not_carried() {
        let mut level = meta("M3T");
        level.gimbal.as_mut().unwrap().pitch = Degrees(-5.0);
        let level = locate(&level, &CameraOverrides::default()).unwrap();
        let pairs = Neighbours::under_each_yaw(&level, &level, Some(YawSource::Gimbal));
        assert_eq!(pairs[0].carry([10.0, 10.0, 20.0, 20.0], Metres(1.0)), None);
        assert!(
            pairs[0]
                .carry([10.0, 500.0, 20.0, 510.0], Metres(1.0))
                .is_some()
        );
    }

    #[test]
    fn two_yaws_that_differ_are_both_tried_unless_settled() {
        let mut torn = meta("M3T");
        torn.gimbal.as_mut().unwrap().yaw = Degrees(359.0);
        torn.flight.as_mut().unwrap().yaw = Degrees(52.0);
        let torn = locate(&torn, &CameraOverrides::default()).unwrap();
        let count = |yaw| Neighbours::under_each_yaw(&torn, &torn, yaw).len();
        assert_eq!((count(None), count(Some(YawSource::Flight))), (2, 1));
        let mut near = meta("M3T");
        near.gimbal.as_mut().unwrap().yaw = Degrees(359.5);
        near.flight.as_mut().unwrap().yaw = Degrees(0.5);
        let near = locate(&near, &CameraOverrides::default()).unwrap();
        assert_eq!(Neighbours::under_each_yaw(&near, &near, None).len(), 1);
    }
}
