//! Why a whole run could not be done. What happens to single frames is an outcome, not an error.

use std::path::PathBuf;

/// Why a whole run could not be done.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The output folder lies in an input folder, or the other way round.
    #[error("output {} and input {} lie within each other; give an output folder elsewhere", out.display(), input.display())]
    Nested {
        /// The input folder.
        input: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// The folder to resume in belongs to another run.
    #[error("{} was made with another {what}; resume with the same, or give another folder", path.display())]
    NotSame {
        /// The output folder.
        path: PathBuf,
        /// What differs: `manifest`, `configuration` or `models`.
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
    /// A redacted frame in the work folder is not the one in the log.
    #[error("the working file of frame {frame} changed during the run; run again with --resume")]
    Working {
        /// The frame's number.
        frame: u32,
    },
    /// A file came out otherwise than the log has it from before.
    #[error("{path} came out otherwise than before the interruption; start anew with --overwrite")]
    OtherBytes {
        /// The file.
        path: String,
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
    /// The output could not be written.
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
