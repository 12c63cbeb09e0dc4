//! One frame's view of flat ground.
//!
//! In: a pinhole camera, its place and its attitude. Out: pixel to ground, ground to pixel, ground resolution,
//! off-nadir angle and footprint. Refuses (as `None`): pixels above the horizon, ground behind the camera.
//!
//! Pixel coordinates are continuous: the raster spans `0..width` and `0..height`, pixel centres lie at + 0.5.
//! Ground coordinates are metres east and north in the run's map.

use super::{Intrinsics, Lens};
use crate::frame::Attitude;
use crate::raster::Raster;
use crate::units::{Degrees, Metres};

/// One frame's view of flat ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    camera: Intrinsics,
    lens: Lens,
    /// East, north of the camera.
    centre: (f64, f64),
    /// Above the ground.
    height: f64,
    forward: [f64; 3],
    right: [f64; 3],
    down: [f64; 3],
}

/// A rectangle of ground: metres east and north in the run's map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Western edge.
    pub west: f64,
    /// Southern edge.
    pub south: f64,
    /// Eastern edge.
    pub east: f64,
    /// Northern edge.
    pub north: f64,
}

impl Bounds {
    /// The smallest rectangle around `points`; `None` without points.
    #[must_use]
    pub fn around(points: &[(f64, f64)]) -> Option<Self> {
        let mut points = points.iter();
        let &(east, north) = points.next()?;
        let start = Self {
            west: east,
            south: north,
            east,
            north,
        };
        Some(points.fold(start, |bounds, &(east, north)| Self {
            west: bounds.west.min(east),
            south: bounds.south.min(north),
            east: bounds.east.max(east),
            north: bounds.north.max(north),
        }))
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            west: self.west.min(other.west),
            south: self.south.min(other.south),
            east: self.east.max(other.east),
            north: self.north.max(other.north),
        }
    }

    /// What both share; `None` when they do not overlap.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let shared = Self {
            west: self.west.max(other.west),
            south: self.south.max(other.south),
            east: self.east.min(other.east),
            north: self.north.min(other.north),
        };
        (shared.west < shared.east && shared.south < shared.north).then_some(shared)
    }

    /// The rectangle with its edges moved outwards.
    #[must_use]
    pub fn grown(self, by: Metres) -> Self {
        Self {
            west: self.west - by.0,
            south: self.south - by.0,
            east: self.east + by.0,
            north: self.north + by.0,
        }
    }

    /// Whether `other` lies within.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.union(other) == self
    }

    /// Metres from west to east and from south to north.
    #[must_use]
    pub fn size(self) -> (f64, f64) {
        (self.east - self.west, self.north - self.south)
    }
}

impl View {
    /// A camera at `centre` (metres east, north in the map's grid), `height` above flat ground.
    ///
    /// `attitude.yaw` is clockwise from grid north. Rotation: DOMAIN section 2.
    #[must_use]
    pub fn new(camera: Intrinsics, centre: (f64, f64), height: Metres, attitude: Attitude) -> Self {
        let (sin_yaw, cos_yaw) = attitude.yaw.to_radians().sin_cos();
        let (sin_pitch, cos_pitch) = attitude.pitch.to_radians().sin_cos();
        let (sin_roll, cos_roll) = attitude.roll.to_radians().sin_cos();
        let forward = [sin_yaw * cos_pitch, cos_yaw * cos_pitch, sin_pitch];
        let level_right = [cos_yaw, -sin_yaw, 0.0];
        let level_down = cross(forward, level_right);
        Self {
            camera,
            lens: Lens::default(),
            centre,
            height: height.0,
            forward,
            right: combine(level_right, cos_roll, level_down, sin_roll),
            down: combine(level_down, cos_roll, level_right, -sin_roll),
        }
    }

    /// The same camera behind a lens that bends straight lines.
    #[must_use]
    pub fn with_lens(self, lens: Lens) -> Self {
        Self { lens, ..self }
    }

    /// The same camera with its focal length times `factor`.
    #[must_use]
    pub fn with_focal_factor(self, factor: f64) -> Self {
        let (fx, fy) = (self.camera.fx * factor, self.camera.fy * factor);
        Self {
            camera: Intrinsics {
                fx,
                fy,
                ..self.camera
            },
            ..self
        }
    }

    /// The same camera with its optical axis moved to the right and down, in focal lengths.
    #[must_use]
    pub fn with_axis_moved(self, (right, down): (f64, f64)) -> Self {
        let Intrinsics { fx, fy, cx, cy, .. } = self.camera;
        let (cx, cy) = (cx + right * fx, cy + down * fy);
        Self {
            camera: Intrinsics {
                cx,
                cy,
                ..self.camera
            },
            ..self
        }
    }

    /// Its lens.
    #[must_use]
    pub fn lens(&self) -> Lens {
        self.lens
    }

    /// Unit vectors forward, right and down of the camera, east-north-up.
    pub(super) fn axes(&self) -> ([f64; 3], [f64; 3], [f64; 3]) {
        (self.forward, self.right, self.down)
    }

    /// The same camera, moved and with other axes.
    pub(super) fn placed(
        self,
        (east, north, up): (f64, f64, f64),
        (forward, right, down): ([f64; 3], [f64; 3], [f64; 3]),
    ) -> Self {
        Self {
            centre: (self.centre.0 + east, self.centre.1 + north),
            height: self.height + up,
            forward,
            right,
            down,
            ..self
        }
    }

    /// The camera.
    #[must_use]
    pub fn camera(&self) -> &Intrinsics {
        &self.camera
    }

    /// Where the camera is: metres east and north.
    #[must_use]
    pub fn centre(&self) -> (f64, f64) {
        self.centre
    }

    /// Height of the camera above the ground.
    #[must_use]
    pub fn height(&self) -> Metres {
        Metres(self.height)
    }

    /// Direction of a pixel, east-north-up; its component along the optical axis is 1.
    #[must_use]
    pub fn ray(&self, u: f64, v: f64) -> [f64; 3] {
        let (x, y) = self.lens.straighten((
            (u - self.camera.cx) / self.camera.fx,
            (v - self.camera.cy) / self.camera.fy,
        ));
        let [fe, fn_, fu] = self.forward;
        let [re, rn, ru] = self.right;
        let [de, dn, du] = self.down;
        [
            fe + x * re + y * de,
            fn_ + x * rn + y * dn,
            fu + x * ru + y * du,
        ]
    }

    /// Where a pixel meets the ground: metres east and north. `None` at or above the horizon.
    #[must_use]
    pub fn ground(&self, u: f64, v: f64) -> Option<(f64, f64)> {
        self.above_ground(u, v, 0.0)
    }

    /// Where a pixel meets the level `level` metres above the ground, as [`View::ground`] has it.
    #[must_use]
    pub fn above_ground(&self, u: f64, v: f64, level: f64) -> Option<(f64, f64)> {
        let [east, north, up] = self.ray(u, v);
        let scale = (level - self.height) / up;
        let (ground_east, ground_north) =
            (self.centre.0 + east * scale, self.centre.1 + north * scale);
        (scale > 0.0 && up < 0.0 && ground_east.is_finite() && ground_north.is_finite())
            .then_some((ground_east, ground_north))
    }

    /// The pixel that sees a point of the ground; it may lie outside the raster. `None` behind the camera.
    #[must_use]
    pub fn pixel(&self, east: f64, north: f64) -> Option<(f64, f64)> {
        self.pixel_above(east, north, 0.0)
    }

    /// The pixel that sees a point `up` metres above the ground. `None` behind the camera, and where the lens' model folds back.
    #[must_use]
    pub fn pixel_above(&self, east: f64, north: f64, up: f64) -> Option<(f64, f64)> {
        let to_ground = [
            east - self.centre.0,
            north - self.centre.1,
            up - self.height,
        ];
        let depth = dot(to_ground, self.forward);
        if depth <= 0.0 {
            return None;
        }
        let (x, y) = self.lens.distort((
            dot(to_ground, self.right) / depth,
            dot(to_ground, self.down) / depth,
        ))?;
        Some((
            self.camera.cx + self.camera.fx * x,
            self.camera.cy + self.camera.fy * y,
        ))
    }

    /// What the pixel that sees a point of the ground measured: the nearest one, never a mean of several.
    /// `None` outside the raster, behind the camera, and where there is no data.
    #[must_use]
    pub fn sample(&self, celsius: &Raster<f32>, east: f64, north: f64) -> Option<f32> {
        self.sample_above(celsius, (east, north), 0.0)
    }

    /// What the pixel that sees a point `up` metres above the ground measured, as [`View::sample`] has it.
    #[must_use]
    pub fn sample_above(
        &self,
        celsius: &Raster<f32>,
        (east, north): (f64, f64),
        up: f64,
    ) -> Option<f32> {
        celsius.measured_at(self.pixel_above(east, north, up)?)
    }

    /// The same view with the camera `metres` higher above level 0.
    #[must_use]
    pub fn raised(self, metres: f64) -> Self {
        Self {
            height: self.height + metres,
            ..self
        }
    }

    /// The rectangle that holds what the view sees, no more obliquely than `max_off_nadir`, of any surface between the
    /// levels `low` and `high`. The cone of sight grows straight with depth, so that its two ends are enough.
    #[must_use]
    pub fn bounds_between(
        &self,
        (low, high): (f64, f64),
        max_off_nadir: Degrees,
    ) -> Option<Bounds> {
        let ends = [low, high].map(|level| self.raised(-level).bounds(max_off_nadir));
        ends.into_iter().flatten().reduce(Bounds::union)
    }

    /// Metres of a pixel across the line of sight: slant range / focal length. `None` above the horizon.
    #[must_use]
    pub fn ground_resolution(&self, u: f64, v: f64) -> Option<Metres> {
        let (east, north) = self.ground(u, v)?;
        Some(Metres(
            self.tangent_squared(east, north, 0.0)
                .mul_add(self.height * self.height, self.height * self.height)
                .sqrt()
                / self.camera.fx,
        ))
    }

    /// Angle between a pixel's line of sight and straight down: 90 at the horizon, more above it.
    #[must_use]
    pub fn off_nadir(&self, u: f64, v: f64) -> Degrees {
        let [east, north, up] = self.ray(u, v);
        Degrees(f64::atan2(east.hypot(north), -up).to_degrees())
    }

    /// Whether the camera looks within 20 degrees of straight down. What stands on the ground leans too little then to tell the scale of a flight; cameras
    /// that look more obliquely see walls.
    #[must_use]
    pub fn looks_down(&self) -> bool {
        self.off_nadir(self.camera.cx, self.camera.cy) <= Degrees(20.0)
    }

    /// Squared tangent of the off-nadir angle under which a point at level `up` is seen; infinite where that is not below the camera.
    #[must_use]
    pub fn tangent_squared(&self, east: f64, north: f64, up: f64) -> f64 {
        let (dx, dy, drop) = (
            east - self.centre.0,
            north - self.centre.1,
            self.height - up,
        );
        if drop > 0.0 {
            (dx * dx + dy * dy) / (drop * drop)
        } else {
            f64::INFINITY
        }
    }

    /// Outline of the ground seen no more obliquely than `max_off_nadir` (below 90), in order around it; the round limit is
    /// drawn as 32 straight edges outside it. Empty when nothing is seen so steeply.
    #[must_use]
    pub fn footprint(&self, max_off_nadir: Degrees) -> Vec<(f64, f64)> {
        let (sin, cos) = max_off_nadir.to_radians().sin_cos();
        let (width, height) = self.camera.size();
        let corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
        // Behind a lens the edges are curves; each is drawn as eight chords.
        let parts = if self.lens.is_straight() { 1_u8 } else { 8 };
        let ends = corners.iter().cycle().skip(1);
        let frame: Vec<(f64, f64)> = corners
            .iter()
            .zip(ends)
            .flat_map(|(&(u, v), &(to_u, to_v))| {
                (0..parts).map(move |part| {
                    let share = f64::from(part) / f64::from(parts);
                    (u + share * (to_u - u), v + share * (to_v - v))
                })
            })
            .collect();
        // Rays are at least 1 long, so whatever is within the limit has `up <= -cos`: a straight cut.
        let below = clip(&frame, |(u, v)| -cos - self.ray(u, v)[2]);
        let mut outline: Vec<_> = below
            .iter()
            .filter_map(|&(u, v)| self.ground(u, v))
            .collect();
        let radius = self.height * sin / cos;
        for edge in 0..32_u8 {
            let (sin, cos) = (f64::from(edge) * std::f64::consts::TAU / 32.0).sin_cos();
            outline = clip(&outline, |(east, north)| {
                radius - (east - self.centre.0) * sin - (north - self.centre.1) * cos
            });
        }
        outline
    }

    /// The smallest rectangle around [`View::footprint`].
    #[must_use]
    pub fn bounds(&self, max_off_nadir: Degrees) -> Option<Bounds> {
        Bounds::around(&self.footprint(max_off_nadir))
    }
}

/// The part of a convex polygon where a linear function `inside` is not negative (Sutherland, Hodgman 1974).
fn clip(polygon: &[(f64, f64)], inside: impl Fn((f64, f64)) -> f64) -> Vec<(f64, f64)> {
    let mut kept = Vec::with_capacity(polygon.len() + 1);
    let ends = polygon.iter().cycle().skip(1);
    for (&from, &to) in polygon.iter().zip(ends) {
        let (a, b) = (inside(from), inside(to));
        if a >= 0.0 {
            kept.push(from);
        }
        if (a < 0.0) != (b < 0.0) {
            let share = a / (a - b);
            kept.push((
                from.0 + share * (to.0 - from.0),
                from.1 + share * (to.1 - from.1),
            ));
        }
    }
    kept
}

fn dot([ax, ay, az]: [f64; 3], [bx, by, bz]: [f64; 3]) -> f64 {
    ax * bx + ay * by + az * bz
}

fn cross([ax, ay, az]: [f64; 3], [bx, by, bz]: [f64; 3]) -> [f64; 3] {
    [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]
}

fn combine([ax, ay, az]: [f64; 3], a: f64, [bx, by, bz]: [f64; 3], b: f64) -> [f64; 3] {
    [a * ax + b * bx, a * ay + b * by, a * az + b * bz]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Intrinsics = Intrinsics {
        width: 640,
        height: 512,
        fx: 9.1 / 0.012,
        fy: 9.1 / 0.012,
        cx: 320.0,
        cy: 256.0,
    };

    fn view(yaw: f64, pitch: f64, roll: f64) -> View {
        let attitude = Attitude {
            yaw: Degrees(yaw),
            pitch: Degrees(pitch),
            roll: Degrees(roll),
        };
        View::new(CAMERA, (0.0, 0.0), Metres(60.0), attitude)
    }

    /// Top left, top right, bottom right, bottom left against DOMAIN section 2, to the digits printed there.
    fn assert_corners(view: &View, expected: [(f64, f64); 4]) {
        let corners = [(0.0, 0.0), (640.0, 0.0), (640.0, 512.0), (0.0, 512.0)];
        for ((u, v), (east, north)) in corners.into_iter().zip(expected) {
            let found = view.ground(u, v).unwrap();
            assert!((found.0 - east).abs() < 0.000_51, "{found:?} {east}");
            assert!((found.1 - north).abs() < 0.000_51, "{found:?} {north}");
            let (u_back, v_back) = view.pixel(found.0, found.1).unwrap();
            assert!((u_back - u).abs() < 1e-6 && (v_back - v).abs() < 1e-6);
        }
    }

    #[test]
    fn how_obliquely_a_place_is_seen_follows_from_its_own_level() {
        // A flight that took off in a valley, 65 m below the level of the map.
        let low = view(0.0, -90.0, 0.0).raised(-65.0);
        for (place, up) in [(0.0, -65.0), (80.0, -65.0), (150.0, -65.0), (40.0, -35.0)] {
            let level = view(0.0, -90.0, 0.0).tangent_squared(place, 0.0, up + 65.0);
            let there = low.tangent_squared(place, 0.0, up);
            assert!((there - level).abs() < 1e-12, "{place} {up}");
        }
        assert!((low.tangent_squared(60.0, 0.0, -65.0) - 1.0).abs() < 1e-12);
        let above = low.tangent_squared(1.0, 0.0, 0.0);
        assert!(above.is_infinite(), "it lies above the camera: {above}");
    }

    #[test]
    fn corners_fall_where_the_published_vectors_say() {
        assert_corners(
            &view(90.0, -90.0, 0.0),
            [
                (20.255, 25.319),
                (20.255, -25.319),
                (-20.255, -25.319),
                (-20.255, 25.319),
            ],
        );
        assert_corners(
            &view(88.5, -40.0, 0.0),
            [
                (151.748, 69.899),
                (155.198, -61.861),
                (37.270, -27.122),
                (35.799, 29.036),
            ],
        );
        assert_corners(
            &view(0.0, -60.0, 5.0),
            [
                (-34.522, 72.681),
                (37.678, 63.613),
                (22.286, 10.084),
                (-26.568, 14.212),
            ],
        );
    }

    #[test]
    fn resolution_and_angle_are_those_of_the_slant() {
        let oblique = view(0.0, -30.0, 0.0);
        assert!((oblique.off_nadir(320.0, 256.0).0 - 60.0).abs() < 1e-9);
        // 60 m / cos 60 = 120 m away, 758.33 px: 0.1582 m.
        let resolution = oblique.ground_resolution(320.0, 256.0).unwrap().0;
        assert!((resolution - 120.0 / 758.333_333).abs() < 1e-6);
    }

    #[test]
    fn the_sky_has_no_ground_and_what_is_behind_has_no_pixel() {
        let level = view(0.0, 0.0, 0.0);
        assert_eq!(level.ground(320.0, 255.0), None);
        assert_eq!(level.ground(320.0, 256.0), None);
        assert!(level.ground(320.0, 300.0).is_some());
        assert_eq!(level.pixel(0.0, -10.0), None);
        assert!(level.off_nadir(320.0, 100.0).0 > 90.0);
    }

    #[test]
    fn a_footprint_ends_at_the_limit_and_holds_all_within_it() {
        let whole = view(90.0, -90.0, 0.0).bounds(Degrees(60.0)).unwrap();
        assert!((whole.east - 20.255).abs() < 0.001 && (whole.north - 25.319).abs() < 0.001);
        let level = view(0.0, -10.0, 0.0);
        assert!(level.footprint(Degrees(60.0)).is_empty());
        let gated = view(0.0, -40.0, 0.0);
        let bounds = gated.bounds(Degrees(60.0)).unwrap();
        let limit = 60.0 * 60.0_f64.to_radians().tan();
        assert!(
            bounds.north >= limit - 1e-9 && bounds.north < limit * 1.01,
            "{bounds:?}"
        );
        for v in 0..512 {
            for u in [0.5, 100.5, 320.0, 639.5] {
                let v = f64::from(v) + 0.5;
                if gated.off_nadir(u, v).0 <= 60.0 {
                    let (east, north) = gated.ground(u, v).unwrap();
                    assert!(bounds.west <= east && east <= bounds.east);
                    assert!(bounds.south <= north && north <= bounds.north);
                }
            }
        }
    }
}
