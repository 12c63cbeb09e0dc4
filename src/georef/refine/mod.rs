//! Frames of one flight brought into agreement with each other.
//!
//! In: views from the files, the surface, redacted rasters. Out: per frame a small correction of its pose, and an offset of its
//! temperatures with one vignetting model for all; with the disagreement before and after. Refuses: to move what does
//! not overlap, and to read anything but redacted rasters.
//!
//! Positions and angles in the files are priors, so the whole flight stays where GPS put it; overlaps say how its frames lie to each other.

mod blocks;
mod chart;
mod detail;
mod kept;
mod least_squares;
mod levels;
mod matching;
mod normal;
mod overlap;
mod pairs;
mod poses;
mod products;
mod rounds;
mod sampling;
mod solve;
mod temperatures;
mod terms;
mod ties;
mod vignetting;

pub use detail::Detail;
pub use poses::{CameraCorrection, Offsets, Poses, Stated, refine_poses};
pub use temperatures::{Radiometric, Temperatures, match_temperatures};
pub use vignetting::Vignetting;

/// For tests: the view of a camera of 640x512 pixels without distortion, `up` metres above level 0, angles in degrees.
#[cfg(test)]
pub(crate) fn made_view(centre: (f64, f64), up: f64, yaw: f64, pitch: f64) -> super::View {
    let camera = super::Intrinsics {
        width: 640,
        height: 512,
        fx: 760.0,
        fy: 760.0,
        cx: 320.0,
        cy: 256.0,
    };
    let attitude = crate::frame::Attitude {
        yaw: crate::units::Degrees(yaw),
        pitch: crate::units::Degrees(pitch),
        roll: crate::units::Degrees(0.0),
    };
    super::View::new(camera, centre, crate::units::Metres(up), attitude)
}
