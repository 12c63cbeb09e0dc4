//! Why a whole run could not be done. What happens to single frames is an outcome, not an error.

use std::path::PathBuf;

/// Why a whole run could not be done.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The output folder lies in an input folder, or an input, or a file that the settings name, in the output folder.
    #[error("output {} and input {} lie within each other; give an output folder elsewhere", out.display(), input.display())]
    Nested {
        /// The input.
        input: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// The folder to resume in belongs to another run.
    #[error("{} was made with another {what}; resume with the same, or give another folder", path.display())]
    NotSame {
        /// The output folder.
        path: PathBuf,
        /// What differs, in a word or two: `manifest`, `configuration`, `model`, `operator`, `review`, a key or a version.
        what: &'static str,
    },
    /// The run to follow reviewed other inputs or settings.
    #[error("{} reviews another {what}; give the same inputs and settings as that run had", path.display())]
    NotReviewed {
        /// The folder of the reviewed run.
        path: PathBuf,
        /// What differs: `manifest`, `configuration` or `model`.
        what: &'static str,
    },
    /// The run to follow does not verify.
    #[error("{} does not verify: {problem}; see `heatveil verify`", path.display())]
    Unverified {
        /// Its folder.
        path: PathBuf,
        /// The first problem.
        problem: String,
    },
    /// The folder to resume in holds no log.
    #[error("{} holds no run to go on with; leave --resume out", path.display())]
    NothingToResume {
        /// The output folder.
        path: PathBuf,
    },
    /// The run was stopped from outside after a clean checkpoint.
    #[error("interrupted after {done} of {total} frames; go on with --resume")]
    Interrupted {
        /// Frames with an outcome in the log.
        done: usize,
        /// Frames in the manifest.
        total: usize,
    },
    /// What a frame's input came to again is not what the log has.
    #[error(
        "the input of frame {frame} changed during the run; put it back, then run again with --resume"
    )]
    Working {
        /// The frame's number.
        frame: u32,
    },
    /// A redacted frame cannot be had from the work folder.
    #[error(
        "the working file of frame {frame} cannot be had; give the command again: with --resume `heatveil run` makes it anew, `heatveil merge` says which shard lacks it"
    )]
    Spilled {
        /// The frame's number.
        frame: u32,
        /// The file, and what became of it.
        source: crate::store::StoreError,
    },
    /// A file came out otherwise than the log has it from before.
    #[error("{path} came out otherwise than before the interruption; start anew with --overwrite")]
    OtherBytes {
        /// The file.
        path: String,
    },
    /// The folder holds no plan.
    #[error("{} holds no plan: make one with `heatveil plan`; if it was merged already, `heatveil verify` says whether that run is whole", path.display())]
    NoPlan {
        /// The output folder.
        path: PathBuf,
    },
    /// The plan changed, or was made by another version.
    #[error("the plan in {} cannot be followed: {problem}; make it again with `heatveil plan --overwrite`", path.display())]
    Plan {
        /// The output folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The plan is for another run.
    #[error("{} was planned with another {what}; give what `heatveil plan` was given, with the same program and libraries", path.display())]
    NotPlanned {
        /// The output folder.
        path: PathBuf,
        /// What differs, such as `model`.
        what: &'static str,
    },
    /// There is no such shard.
    #[error("there is no shard {shard}: the plan has {shards}, counted from 0")]
    NoShard {
        /// What was asked for.
        shard: usize,
        /// How many there are.
        shards: usize,
    },
    /// The name of an input cannot stand in a plan.
    #[error("the name of {} is not UTF-8, which a plan cannot hold; rename it", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A worker does not see the file that was planned with.
    #[error("{} is not what the plan read ({reason}: {detail}); nothing was written: is it there on this machine? if it is gone for good, plan anew without it", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// Short machine name, such as `io`.
        reason: String,
        /// In words.
        detail: String,
    },
    /// Not all shards are done.
    #[error("of {total} shards these are not done: {shards}; do each with `heatveil work {} --shard K`, then merge again", path.display())]
    Missing {
        /// The output folder.
        path: PathBuf,
        /// Numbers and ranges of numbers.
        shards: String,
        /// How many there are.
        total: usize,
    },
    /// What a shard came to is not taken.
    #[error("the result of shard {shard} is not taken: {problem}; do it again with `heatveil work {} --shard {shard} --again`", path.display())]
    Shard {
        /// The output folder.
        path: PathBuf,
        /// Its number.
        shard: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Threads could not be started.
    #[error("could not start threads: {problem}")]
    Threads {
        /// What the system said.
        problem: String,
    },
    /// The key that opens sealed inputs cannot be used.
    #[error(transparent)]
    Seal(#[from] crate::seal::SealError),
    /// The inputs could not be listed.
    #[error(transparent)]
    Ingest(#[from] crate::ingest::IngestError),
    /// The output could not be written, or not be read back.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The log could not be written or read.
    #[error(transparent)]
    Audit(#[from] crate::audit::AuditError),
    /// Walls cannot be told from roofs.
    #[error(
        "redact.walls = \"mean\" needs georef.dsm with cells of at most 2 m; give one, or walls = \"auto\""
    )]
    NoWalls,
    /// The surface model cannot be used.
    #[error(transparent)]
    Surface(#[from] crate::georef::SurfaceError),
    /// Frames could not be laid on the ground.
    #[error(transparent)]
    Georef(#[from] crate::georef::GeorefError),
    /// Tiles could not be made.
    #[error(transparent)]
    Tiles(#[from] crate::tiles::TilesError),
    /// The list of objections cannot be read.
    #[error("could not read the objections in {}", path.display())]
    OptOut {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Outlines of buildings or objections cannot be used.
    #[error(transparent)]
    Footprints(#[from] crate::heatloss::FootprintError),
    /// No heat balance can be made.
    #[error(transparent)]
    HeatLoss(#[from] crate::heatloss::HeatLossError),
    /// The table of buildings could not be written.
    #[error(transparent)]
    Table(#[from] crate::heatloss::TableError),
    /// The ends of the colour ramp are no range.
    #[error(transparent)]
    Ramp(#[from] crate::tiles::RampError),
}
