//! What a lens does to straight lines.
//!
//! In: a direction as a pinhole would show it, or as the lens shows it. Out: the other. Refuses (as `None`): directions so far out
//! that the model folds back on itself.

/// Distortion of Brown (1966) with `OpenCV`'s names and signs: `x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2)`,
/// `y' = y (...) + p1 (r^2 + 2 y^2) + 2 p2 x y`, with x and y from the optical axis in focal lengths
/// (`OpenCV` documentation, "Camera Calibration and 3D Reconstruction"). A barrel has a negative `k1`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lens {
    /// Radial, second power.
    pub k1: f64,
    /// Radial, fourth power.
    pub k2: f64,
    /// Tangential.
    pub p1: f64,
    /// Tangential.
    pub p2: f64,
    /// Radial, sixth power.
    pub k3: f64,
}

/// Steps of the inverse at most.
const STEPS: usize = 30;
/// Change in focal lengths at which it stops: a thousandth of a micrometre on the sensor.
const ENOUGH: f64 = 1e-10;

impl Lens {
    /// Whether lines stay straight.
    #[must_use]
    pub fn is_straight(&self) -> bool {
        *self == Self::default()
    }

    /// Where the lens shows the direction (x, y); `None` where the model folds back.
    #[must_use]
    pub fn distort(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        if self.is_straight() {
            return Some((x, y));
        }
        let r2 = x * x + y * y;
        // The radius as shown must still grow with the radius.
        let growth = 1.0 + r2 * (3.0 * self.k1 + r2 * (5.0 * self.k2 + r2 * 7.0 * self.k3));
        (growth > 0.0).then(|| self.shown((x, y)))
    }

    fn shown(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let r2 = x * x + y * y;
        let radial = 1.0 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3));
        (
            x * radial + 2.0 * self.p1 * x * y + self.p2 * (r2 + 2.0 * x * x),
            y * radial + self.p1 * (r2 + 2.0 * y * y) + 2.0 * self.p2 * x * y,
        )
    }

    /// The direction that the lens shows at (x, y): the inverse of [`Lens::distort`], by repeated correction. Where the model folds back,
    /// the nearest that the steps reach.
    #[must_use]
    pub fn straighten(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let mut found = (x, y);
        if self.is_straight() {
            return found;
        }
        for _ in 0..STEPS {
            let shown = self.shown(found);
            let (dx, dy) = (x - shown.0, y - shown.1);
            found = (found.0 + dx, found.1 + dy);
            if dx.abs().max(dy.abs()) < ENOUGH {
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARREL: Lens = Lens {
        k1: -0.25,
        k2: 0.06,
        p1: 0.001,
        p2: -0.002,
        k3: 0.0,
    };

    /// `cv2.projectPoints(np.array([[x, y, 1.]]), np.zeros(3), np.zeros(3), np.eye(3), np.array([-.25, .06, .001, -.002, 0]))`.
    #[test]
    fn points_are_shown_where_opencv_shows_them() {
        for (point, shown) in [
            ((0.4, 0.3), (0.375_6, 0.282_325)),
            ((-0.42, 0.34), (-0.393_063_85, 0.318_013_79)),
            ((0.1, -0.2), (0.098_585, -0.197_32)),
        ] {
            let found = BARREL.distort(point).unwrap();
            assert!(
                (found.0 - shown.0).abs() < 1e-8 && (found.1 - shown.1).abs() < 1e-8,
                "{found:?} {shown:?}"
            );
        }
    }

    #[test]
    fn straightening_undoes_the_lens() {
        for (x, y) in [(0.0, 0.0), (0.42, 0.34), (-0.42, -0.34), (0.2, -0.3)] {
            let shown = BARREL.distort((x, y)).unwrap();
            let found = BARREL.straighten(shown);
            assert!((found.0 - x).abs() < 1e-9 && (found.1 - y).abs() < 1e-9);
        }
    }

    #[test]
    fn where_the_model_folds_back_nothing_is_seen() {
        let strong = Lens {
            k1: -0.5,
            ..Lens::default()
        };
        assert!(strong.distort((0.5, 0.0)).is_some());
        assert_eq!(strong.distort((1.2, 0.0)), None);
    }
}
