//! The log: what was taken in, found, masked, decided and published, so that nobody needs to trust us.
//!
//! In: [`Entry`] values from `run`. Out: canonical lines, a Merkle tree over them, a signed checkpoint
//! (C2SP tlog-tiles, tlog-checkpoint and signed-note), and [`verify`]. Refuses: floats, lines that are
//! not canonical, to go on behind a checkpoint that is not a prefix. Format: `docs/audit-log.md`.

mod after;
mod aftermath;
mod begin;
mod canonical;
mod commitment;
mod cosign;
mod decisions;
mod entry;
mod error;
#[cfg(test)]
mod example;
mod files;
mod follow;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod keys;
mod line;
mod lines;
mod log;
mod proof;
mod read;
mod results;
mod reviewers;
mod scan;
mod statement;
mod story;
mod tile_files;
mod tree;
mod verify;

pub(crate) use after::must_exist;
pub use after::{
    Release, append_after, append_what, complete, open_finished, prove, refuse_unsigned, release,
    write_proofs,
};
pub use begin::{Manifest, ModelId, RunOpened};
pub use commitment::CommitmentKey;
pub use cosign::{Cosignature, cosign};
pub use decisions::{
    DecidedMask, RawDeleted, ReleaseApproved, Retention, ReviewDecided, ReviewedRun, Signature,
};
pub use entry::{
    Detected, Entry, FlightEvidence, Found, Ingested, MOST_RANGES, Masked, NotPublished, Placed,
    Policy, RunClosed, RunResumed, SelfCheck, TileEmitted,
};
pub use error::AuditError;
pub use files::published;
pub use keys::{KeyPair, Signer, keygen};
pub use log::Log;
pub use proof::verify_proof;
pub use read::{
    REVIEWED, Reviewed, read, read_followed, read_opened, read_reviewed, read_reviewed_then,
    read_verified, root_of,
};
pub use results::{
    BuildingsEmitted, HeatLossParameters, LineWeather, ObjectionApplied, PublishedFile,
};
pub use tree::{LinesRoot, root};
pub use verify::{Verification, VerifyOptions, verify};
