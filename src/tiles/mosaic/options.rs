//! How to draw a mosaic.

use crate::georef::View;
use crate::units::{Degrees, Metres};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MosaicOptions {
    /// Side of a pixel; default: the frames' median, to two significant digits.
    pub resolution: Option<Metres>,
    /// Surface seen more obliquely from straight down stays empty; below 90 (emissivity falls beyond 60: DOMAIN section 2).
    pub max_off_nadir: Degrees,
    /// Surface seen more obliquely from its own normal stays empty. Where the ground is flat this is the angle above.
    pub max_incidence: Degrees,
    /// Surface further from the camera stays empty.
    pub max_slant_range: Option<Metres>,
    /// Surface seen more coarsely stays empty.
    pub max_ground_resolution: Option<Metres>,
    /// Surface that is hidden in pictures displaced by this much comes from another frame where one sees it freely: poses and surface
    /// models err, and what stands in front would be painted on what lies behind. Zero asks no more than that nothing hides it.
    pub clearance: Metres,
    /// Width of the band along a seam in which the two steepest frames are blended; `None` never blends.
    ///
    /// With `d` the metres from the foot of the camera (tangent of the off-nadir angle x median height of the cameras), the
    /// steepest frame weighs `(1 + min(1, (d_next - d_best) / feather)) / 2`: a half on the seam, one from there on where
    /// the next is `feather` metres worse. A blended pixel is no longer one that was measured.
    pub feather: Option<Metres>,
    /// Pixels allowed, empty ones included.
    pub max_pixels: u64,
    /// Bytes of frames held at a time.
    pub cache_bytes: usize,
}

impl Default for MosaicOptions {
    fn default() -> Self {
        Self {
            resolution: None,
            max_off_nadir: Degrees(60.0),
            // Slopes of a 1 m model are some 10 degrees off; the limit above holds for the rest.
            max_incidence: Degrees(75.0),
            max_slant_range: None,
            max_ground_resolution: None,
            // Roof corners of the simulated survey come within 0.4 m; a wall in a model of 1 m cells stands half a cell off.
            clearance: Metres(0.5),
            feather: None,
            max_pixels: 4_000_000_000,
            cache_bytes: 128 << 20,
        }
    }
}

/// The limits of one frame as the drawing compares them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Squared tangent of the off-nadir angle.
    pub(super) tangent_squared: f64,
    /// Squared distance from the camera: slant range = resolution x focal length.
    pub(super) slant_squared: f64,
    /// Cosine of the incidence.
    pub(super) cos_incidence: f64,
}

impl Limits {
    pub(super) fn new(view: &View, options: &MosaicOptions) -> Self {
        let by_resolution = options
            .max_ground_resolution
            .map_or(f64::INFINITY, |limit| limit.0 * view.camera().fx);
        let slant = options
            .max_slant_range
            .map_or(by_resolution, |limit| limit.0.min(by_resolution));
        Self {
            tangent_squared: options.max_off_nadir.to_radians().tan().powi(2),
            slant_squared: slant.powi(2),
            cos_incidence: options.max_incidence.to_radians().cos(),
        }
    }
}
