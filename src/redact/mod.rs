//! From what was found to a mask.
//!
//! In: completed [`Detections`](crate::detect::Detections), the frame's ground resolution, the policies. Out: a [`RedactionMask`]
//! for that frame. Refuses: to round inwards, to follow an outline, to leave a class without a policy.

mod decided;
mod policy;
mod rasterize;
mod self_check;

pub use decided::Decided;
pub use policy::{Policy, RedactConfig};
pub use rasterize::{NotLookedAt, mask, mask_decided};
pub use self_check::{SelfCheck, stands_out, uncovered};

pub use crate::frame::RedactionMask;

#[cfg(test)]
mod tests;
