//! From the angles of other software to yaw, pitch and roll of the camera.

use crate::frame::Attitude;
use crate::units::Degrees;

/// A camera's unit vectors in east, north, up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    pub(super) right: [f64; 3],
    pub(super) forward: [f64; 3],
}

impl Axes {
    /// Of `Rx(omega) Ry(phi) Rz(kappa)`, degrees: its first column points right, its third backwards.
    pub(super) fn from_opk([omega, phi, kappa]: [f64; 3]) -> Self {
        let (so, co) = omega.to_radians().sin_cos();
        let (sp, cp) = phi.to_radians().sin_cos();
        let (sk, ck) = kappa.to_radians().sin_cos();
        Self {
            right: [cp * ck, co * sk + so * sp * ck, so * sk - co * sp * ck],
            forward: [-sp, so * cp, -co * cp],
        }
    }

    /// Of the turn about `axis` by its length in radians (Rodrigues) from the map to the camera (x right, y down, z forward).
    pub(super) fn from_rodrigues(axis: [f64; 3]) -> Self {
        let [x, y, z] = axis;
        let angle = (x * x + y * y + z * z).sqrt();
        if angle < 1e-12 {
            return Self {
                right: [1.0, 0.0, 0.0],
                forward: [0.0, 0.0, 1.0],
            };
        }
        let (x, y, z) = (x / angle, y / angle, z / angle);
        let (sin, cos) = angle.sin_cos();
        let rest = 1.0 - cos;
        // Rows of the matrix are the camera's axes on the map.
        Self {
            right: [
                cos + x * x * rest,
                x * y * rest - z * sin,
                x * z * rest + y * sin,
            ],
            forward: [
                x * z * rest - y * sin,
                y * z * rest + x * sin,
                cos + z * z * rest,
            ],
        }
    }

    /// The attitude that gives these axes by the formulas of DOMAIN section 2; yaw from the map's north.
    pub(super) fn attitude(self) -> Attitude {
        let [east, north, up] = self.forward;
        let level = east.hypot(north);
        let pitch = f64::atan2(up, level);
        let [right_east, right_north, right_up] = self.right;
        // Straight down yaw and roll are one turn: all of it is called yaw.
        let (yaw, roll) = if level < 1e-9 {
            (f64::atan2(-right_north, right_east), 0.0)
        } else {
            let yaw = f64::atan2(east, north);
            let (sin, cos) = yaw.sin_cos();
            let along = right_east * cos - right_north * sin;
            // d0 = f x r0, of which the part along the right axis is the sine of the roll.
            let d0 = [up * sin, up * cos, -level];
            let down = right_east * d0[0] + right_north * d0[1] + right_up * d0[2];
            (yaw, f64::atan2(down, along))
        };
        Attitude {
            yaw: Degrees(yaw.to_degrees()),
            pitch: Degrees(pitch.to_degrees()),
            roll: Degrees(roll.to_degrees()),
        }
    }
}
