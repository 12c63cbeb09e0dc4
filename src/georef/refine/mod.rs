//! Frames of one flight brought into agreement with each other.
//!
//! In: views from the files, the surface, redacted rasters. Out: per frame a small correction of its pose, and an offset of its
//! temperatures with one vignetting model for all; with the disagreement before and after. Refuses: to move what does
//! not overlap, and to read anything but redacted rasters.
//!
//! Positions and angles in the files are priors, so the whole flight stays where GPS put it; overlaps say how its frames lie to each other.

mod chart;
mod kept;
mod least_squares;
mod levels;
mod matching;
mod overlap;
mod pairs;
mod poses;
mod products;
mod solve;
mod temperatures;
mod terms;
mod ties;
mod vignetting;

pub use poses::{CameraCorrection, Offsets, Poses, Stated, refine_poses};
pub use temperatures::{Radiometric, Temperatures, match_temperatures};
pub use vignetting::Vignetting;
