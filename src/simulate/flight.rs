//! Where the drone flies, and what it believes about that.
//!
//! In: a preset. Out: shots with the true pose and the recorded one. Refuses: nothing.

use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::camera::normal;
use super::solid::Vec3;
use super::{Options, Preset};
use crate::frame::Format;

/// Height of the nadir legs above take-off, metres.
const NADIR_UP: f64 = 50.0;
/// Height of the oblique legs, metres.
const OBLIQUE_UP: f64 = 35.0;
/// Between frames along a nadir leg and between legs: 70 % overlap of 33.8 m and 42.2 m.
const FORWARD: f64 = 10.0;
const ASIDE: f64 = 12.5;
/// Between oblique frames.
const OBLIQUE_STEP: f64 = 10.0;

/// Position in metres east, north and up of take-off, and attitude in degrees (DOMAIN section 2).
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Pose {
    pub east: f64,
    pub north: f64,
    pub up: f64,
    pub yaw: f64,
    pub pitch: f64,
    pub roll: f64,
}

/// One frame to be taken.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    /// After take-off.
    pub seconds: f64,
    pub pose: Pose,
    pub recorded: Pose,
    pub format: Format,
    /// Focal length and pixel pitch.
    pub focal_mm: f64,
    pub pitch_um: f64,
    pub focal_px: f64,
}

impl Pose {
    /// Forward, right and down of the camera in east-north-up (DOMAIN section 2).
    pub(super) fn axes(&self) -> [Vec3; 3] {
        let (sin_yaw, cos_yaw) = self.yaw.to_radians().sin_cos();
        let (sin_pitch, cos_pitch) = self.pitch.to_radians().sin_cos();
        let (sin_roll, cos_roll) = self.roll.to_radians().sin_cos();
        let f = [sin_yaw * cos_pitch, cos_yaw * cos_pitch, sin_pitch];
        let r0 = [cos_yaw, -sin_yaw, 0.0];
        let d0 = [
            f[1] * r0[2] - f[2] * r0[1],
            f[2] * r0[0] - f[0] * r0[2],
            f[0] * r0[1] - f[1] * r0[0],
        ];
        let mix = |a: f64, b: f64| [0, 1, 2].map(|i| a * r0[i] + b * d0[i]);
        [f, mix(cos_roll, sin_roll), mix(-sin_roll, cos_roll)]
    }
}

/// Focal length in millimetres and pixel pitch in micrometres of the camera that writes `format`.
pub(super) fn optics(format: Format) -> (f64, f64) {
    match format {
        Format::DjiRjpeg | Format::TiffF32 => (9.1, 12.0),
        Format::FlirRjpeg | Format::TiffU16 => (13.0, 17.0),
    }
}

/// All shots of a flight, in order.
pub(super) fn plan(options: &Options, rng: &mut ChaCha8Rng) -> Vec<Shot> {
    use Format::{DjiRjpeg as Dji, FlirRjpeg as Flir, TiffF32 as F32, TiffU16 as U16};
    let (nadir, oblique, columns) = match options.preset {
        Preset::Survey(survey) => return survey.plan(options.ideal, rng),
        Preset::Fixture => (9, 4, 3),
        Preset::Full { frames } => (frames - frames / 4, frames / 4, side(frames)),
    };
    let mixed = [Dji, Dji, Flir, Dji, U16, Dji, F32, Flir, Dji];
    let formats: &[Format] = match (&options.formats[..], options.preset) {
        ([], Preset::Fixture) => &mixed,
        ([], Preset::Full { .. } | Preset::Survey(_)) => &[Dji],
        (chosen, _) => chosen,
    };
    let rows = nadir.div_ceil(columns);
    let mut poses: Vec<(Pose, Format)> = (0..nadir)
        .map(|index| nadir_pose(index, columns, rows))
        .zip(formats.iter().copied().cycle())
        .collect();
    poses.extend((0..oblique).map(|index| (oblique_pose(index, oblique), Dji)));
    let shot = |(seconds, (pose, format)): (u32, (Pose, Format))| {
        let (focal_mm, pitch_um) = optics(format);
        let pose = if options.ideal { pose } else { sway(pose, rng) };
        Shot {
            seconds: f64::from(seconds),
            pose,
            recorded: if options.ideal {
                pose
            } else {
                believe(pose, rng)
            },
            format,
            focal_mm,
            pitch_um,
            focal_px: focal_mm / (pitch_um / 1000.0),
        }
    };
    (0..).zip(poses).map(shot).collect()
}

/// Half the side of the neighbourhood that a preset needs, metres: oblique views reach 120 m ahead.
#[expect(
    clippy::cast_precision_loss,
    reason = "frames are counted in thousands"
)]
pub(super) fn half_extent(preset: Preset) -> f64 {
    match preset {
        Preset::Fixture => 150.0,
        Preset::Full { frames } => 150.0 + side(frames) as f64 * ASIDE / 2.0,
        Preset::Survey(survey) => survey.half_extent(),
    }
}

/// Legs that make the flight about as wide as long.
fn side(frames: usize) -> usize {
    (frames * 3 / 4).isqrt().max(1)
}

/// Legs run north and south in turn.
#[expect(
    clippy::cast_precision_loss,
    reason = "frames are counted in thousands"
)]
fn nadir_pose(index: usize, columns: usize, rows: usize) -> Pose {
    let (leg, step) = (index / rows, index % rows);
    let northwards = leg.is_multiple_of(2);
    let along = (step as f64 - (rows - 1) as f64 / 2.0) * FORWARD;
    Pose {
        east: (leg as f64 - (columns - 1) as f64 / 2.0) * ASIDE,
        north: if northwards { along } else { -along },
        up: NADIR_UP,
        yaw: if northwards { 0.0 } else { 180.0 },
        pitch: -90.0,
        roll: 0.0,
    }
}

/// Two crossing legs, the first looking east, the second north, both over the middle.
#[expect(
    clippy::cast_precision_loss,
    reason = "frames are counted in thousands"
)]
fn oblique_pose(index: usize, frames: usize) -> Pose {
    let first = frames.div_ceil(2);
    let (step, legs, yaw) = if index < first {
        (index, first, 90.0)
    } else {
        (index - first, frames - first, 0.0)
    };
    // Long flights fold their legs into passes of 20 frames, a lane apart.
    let (pass, place) = (step / 20, step % 20);
    let length = legs.min(20);
    let along = (place as f64 - (length - 1) as f64 / 2.0) * OBLIQUE_STEP - 50.0;
    let aside = (pass as f64 - ((legs.max(1) - 1) / 20) as f64 / 2.0) * 20.0;
    let (east, north) = if yaw > 45.0 {
        (along, aside)
    } else {
        (aside, along)
    };
    Pose {
        east,
        north,
        up: OBLIQUE_UP,
        yaw,
        pitch: -40.0,
        roll: 0.0,
    }
}

/// What wind does to a pose.
pub(super) fn sway(pose: Pose, rng: &mut ChaCha8Rng) -> Pose {
    Pose {
        east: pose.east + 0.5 * normal(rng),
        north: pose.north + 0.5 * normal(rng),
        up: pose.up + 0.2 * normal(rng),
        yaw: pose.yaw + 1.2 * normal(rng),
        ..pose
    }
}

/// What the drone records: GPS within 0.3 m, barometer within 0.15 m, compass within half a degree.
fn believe(pose: Pose, rng: &mut ChaCha8Rng) -> Pose {
    Pose {
        east: pose.east + 0.3 * normal(rng),
        north: pose.north + 0.3 * normal(rng),
        up: pose.up + 0.15 * normal(rng),
        yaw: pose.yaw + 0.5 * normal(rng),
        ..pose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ground point of a pixel corner for a camera 60 m up (vectors of DOMAIN section 2).
    fn ground(pose: &Pose, u: f64, v: f64) -> [f64; 2] {
        let axes = pose.axes();
        let focal = 9.1 / 0.012;
        let (x, y) = ((u - 320.0) / focal, (v - 256.0) / focal);
        let ray = [0, 1, 2].map(|i| axes[0][i] + x * axes[1][i] + y * axes[2][i]);
        [ray[0] * -60.0 / ray[2], ray[1] * -60.0 / ray[2]]
    }

    #[test]
    fn corners_meet_the_ground_where_the_domain_vectors_say() {
        let pose = |yaw, pitch, roll| Pose {
            east: 0.0,
            north: 0.0,
            up: 60.0,
            yaw,
            pitch,
            roll,
        };
        let check = |pose: &Pose, u, v, expected: [f64; 2]| {
            let found = ground(pose, u, v);
            assert!((found[0] - expected[0]).abs() < 0.001, "{found:?}");
            assert!((found[1] - expected[1]).abs() < 0.001, "{found:?}");
        };
        check(&pose(90.0, -90.0, 0.0), 0.0, 0.0, [20.255, 25.319]);
        check(&pose(88.5, -40.0, 0.0), 0.0, 0.0, [151.748, 69.899]);
        check(&pose(0.0, -60.0, 5.0), 640.0, 512.0, [22.286, 10.084]);
    }
}
