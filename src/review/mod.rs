//! What people do about frames after a run: look at what was withheld, and at a sample of what was not, and decide.
//!
//! In: a finished run's folder, its inputs, reviewers' keys. Out: a queue, redacted frames as pictures, signed `review.decided` entries.
//! Refuses: frames whose file is not the one of the manifest, pictures of frames that not every model looked at, and to change what
//! was published: a run that follows the review (`run --reviewed`) does that.
//!
//! Unredacted pixels stay in the privacy kernel here too: a frame is decoded, calibrated and masked before anything is drawn.

mod decide;
mod desk;
mod error;
mod picture;
mod sample;
mod show;

pub use decide::{Decision, People, Proposal};
pub use desk::{Case, Desk};
pub use error::ReviewError;
pub use picture::Picture;
pub use show::Margins;
