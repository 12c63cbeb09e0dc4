//! What refinement changes about a view.
//!
//! In: a view and small corrections. Out: the corrected view. Refuses: nothing.

use super::View;

/// By how much a camera stands and looks otherwise than its file says: metres and radians.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Correction {
    /// Metres east.
    pub east: f64,
    /// Metres north.
    pub north: f64,
    /// Metres up.
    pub up: f64,
    /// Clockwise from above, radians.
    pub yaw: f64,
    /// Upwards, radians.
    pub pitch: f64,
    /// Right-hand about the viewing direction, radians.
    pub roll: f64,
}

impl Correction {
    /// How many numbers it has.
    pub(super) const SIZE: usize = 6;

    /// From its numbers, in the order of the fields.
    pub(super) fn from_array([east, north, up, yaw, pitch, roll]: [f64; Self::SIZE]) -> Self {
        Self {
            east,
            north,
            up,
            yaw,
            pitch,
            roll,
        }
    }

    /// Metres that the camera moves sideways.
    #[must_use]
    pub fn shift(&self) -> f64 {
        self.east.hypot(self.north)
    }
}

impl View {
    /// The view with a correction: moved, then turned about the vertical, its own right and its own line of sight.
    #[must_use]
    pub fn corrected(self, correction: &Correction) -> Self {
        let (sin_yaw, cos_yaw) = correction.yaw.sin_cos();
        let turned =
            |[x, y, z]: [f64; 3]| [x * cos_yaw + y * sin_yaw, y * cos_yaw - x * sin_yaw, z];
        let (forward, right, down) = self.axes();
        let (forward, right, down) = (turned(forward), turned(right), turned(down));
        let mix = |a: [f64; 3], by_a: f64, b: [f64; 3], by_b: f64| {
            [0, 1, 2].map(|axis: usize| {
                let at = |vector: [f64; 3]| vector.get(axis).copied().unwrap_or_default();
                by_a * at(a) + by_b * at(b)
            })
        };
        let (sin_pitch, cos_pitch) = correction.pitch.sin_cos();
        let (forward, down) = (
            mix(forward, cos_pitch, down, -sin_pitch),
            mix(down, cos_pitch, forward, sin_pitch),
        );
        let (sin_roll, cos_roll) = correction.roll.sin_cos();
        let (right, down) = (
            mix(right, cos_roll, down, sin_roll),
            mix(down, cos_roll, right, -sin_roll),
        );
        self.placed(
            (correction.east, correction.north, correction.up),
            (forward, right, down),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Intrinsics;
    use super::*;
    use crate::frame::Attitude;
    use crate::units::{Degrees, Metres};

    fn view(east: f64, height: f64, yaw: f64, pitch: f64, roll: f64) -> View {
        let camera = Intrinsics {
            width: 640,
            height: 512,
            fx: 758.0,
            fy: 758.0,
            cx: 320.0,
            cy: 256.0,
        };
        let attitude = Attitude {
            yaw: Degrees(yaw),
            pitch: Degrees(pitch),
            roll: Degrees(roll),
        };
        View::new(camera, (east, 7.0), Metres(height), attitude)
    }

    /// A corrected view sees the ground where a view made with the corrected numbers sees it.
    #[test]
    fn corrections_are_those_of_the_numbers_in_the_file() {
        let base = view(3.0, 60.0, 30.0, -50.0, 0.0);
        let turn = |degrees: f64| degrees.to_radians();
        for (correction, expected) in [
            (
                Correction {
                    east: 2.0,
                    ..Correction::default()
                },
                view(5.0, 60.0, 30.0, -50.0, 0.0),
            ),
            (
                Correction {
                    up: 4.0,
                    ..Correction::default()
                },
                view(3.0, 64.0, 30.0, -50.0, 0.0),
            ),
            (
                Correction {
                    yaw: turn(10.0),
                    ..Correction::default()
                },
                view(3.0, 60.0, 40.0, -50.0, 0.0),
            ),
            (
                Correction {
                    pitch: turn(5.0),
                    ..Correction::default()
                },
                view(3.0, 60.0, 30.0, -45.0, 0.0),
            ),
            (
                Correction {
                    roll: turn(8.0),
                    ..Correction::default()
                },
                view(3.0, 60.0, 30.0, -50.0, 8.0),
            ),
        ] {
            let corrected = base.corrected(&correction);
            for (u, v) in [(0.0, 0.0), (640.0, 100.0), (320.0, 512.0)] {
                let (found, wanted) = (
                    corrected.ground(u, v).unwrap(),
                    expected.ground(u, v).unwrap(),
                );
                let distance = (found.0 - wanted.0).hypot(found.1 - wanted.1);
                assert!(distance < 1e-9, "{correction:?}: {distance}");
            }
        }
    }
}
