//! One run by many workers: planned once, worked on in shards, put together.
//!
//! In: a run, a number of shards. Out: the folder that [`Run::execute`](super::Run::execute) would have made, byte for byte. Refuses: another
//! manifest, other settings, models, libraries or keys than those of the plan; results that are missing, damaged, or that disagree where two
//! shards saw the same frame.
//!
//! ```text
//! divide (manifest, run.opened) -> work, once for each shard, anywhere, in any order, as often as you like -> merge (entries in order, map, close)
//! ```
//!
//! A worker goes through both halves of its frames' ways as a run does, and through the first half of those around them that carry needs. It
//! never writes to the log. What it leaves in the work folder is what a run leaves there and in its log: redacted rasters, named by their
//! SHA-256, and one file with entries and the metadata of frames.

mod borders;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod merge;
mod plan;
mod result;
mod work;

pub use merge::finish_merged;
pub use plan::{Shard, ShardPlan};
pub use work::Worked;
