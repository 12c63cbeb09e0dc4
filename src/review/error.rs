//! Why a frame could not be shown or decided about.

use std::path::PathBuf;

/// Why a frame could not be shown or decided about.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The run has no end yet.
    #[error("the run in {} is not finished; go on with `heatveil run --resume` first", path.display())]
    NotFinished {
        /// Its folder.
        path: PathBuf,
    },
    /// There is no such frame.
    #[error(
        "the run has {count} frames, none with the number {frame}; `review DIR list` names those that wait"
    )]
    NoFrame {
        /// The number asked for.
        frame: u32,
        /// Frames of the manifest.
        count: u32,
    },
    /// The decision does not go with what became of the frame.
    #[error("frame {frame} was {outcome}: {decision:?} says nothing about it")]
    DoesNotFit {
        /// The frame.
        frame: u32,
        /// What became of it.
        outcome: &'static str,
        /// The decision.
        decision: String,
    },
    /// The list of names does not know the frame's file.
    #[error("{} names no file for frame {frame}; without the input nothing is decided", path.display())]
    NoName {
        /// The list.
        path: PathBuf,
        /// The frame.
        frame: u32,
    },
    /// The file is not the one that the run took in.
    #[error("{} is not the file that the run took in as frame {frame}: its commitment differs", path.display())]
    OtherFile {
        /// The file.
        path: PathBuf,
        /// The frame.
        frame: u32,
    },
    /// The settings are not those of the run.
    #[error(
        "the settings differ from those of the run, so its masks cannot be drawn again; give the same --config and flags"
    )]
    OtherSettings,
    /// A model of the run is not among the cards.
    #[error(
        "no card of a model {model:?} was given; its masks cannot be drawn again; give models and precision as the run had them"
    )]
    NoCard {
        /// Its name in the log.
        model: String,
    },
    /// Nobody knows what is in the frame.
    #[error(
        "not every model looked at frame {frame}, so that nothing of it may be shown ({reason}); approve it to have it masked by a run that follows, or reject it"
    )]
    NotLookedAt {
        /// The frame.
        frame: u32,
        /// Why, as the log says.
        reason: String,
    },
    /// A box lies outside the frame.
    #[error(
        "the box {bbox:?} does not lie within the frame of {width}x{height} pixels; give left,top,right,bottom"
    )]
    Box {
        /// The box.
        bbox: [u32; 4],
        /// Columns of the frame.
        width: usize,
        /// Rows of the frame.
        height: usize,
    },
    /// A file holds no proposal.
    #[error("not a proposal of `review release --propose`: one decision with one signature")]
    NoProposal,
    /// The log went on since a decision was proposed.
    #[error(
        "the log has gone on since this was proposed, and the first signature is over the log as it was; propose it again"
    )]
    Stale,
    /// A reviewer signs with the log's key.
    #[error("a reviewer's key must not be the log's own; make one with `heatveil keygen`")]
    LogKey,
    /// The decision would stand before an older one.
    #[error(
        "the last entry of the log is of {last}, this one would be of {at}; is the clock right?"
    )]
    Clock {
        /// Seconds since 1970 of the last entry.
        last: i64,
        /// Those of this one.
        at: i64,
    },
    /// A proposal from the future.
    #[error(
        "the proposal is of {at} (seconds since 1970), now is {now}: later decisions would have to be later still; is a clock wrong?"
    )]
    Ahead {
        /// When it was proposed.
        at: i64,
        /// Now.
        now: i64,
    },
    /// A share is none.
    #[error("--share {share} is not above 0 and at most 1")]
    Share {
        /// What was given.
        share: f64,
    },
    /// The frame could not be masked or drawn.
    #[error("frame {frame} cannot be drawn: {problem}")]
    Draw {
        /// The frame.
        frame: u32,
        /// What went wrong.
        problem: String,
    },
    /// What is underneath was not shown.
    #[error(transparent)]
    Glimpse(#[from] crate::frame::GlimpseError),
    /// The operator's list could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key that opens sealed inputs cannot be used.
    #[error(transparent)]
    Seal(#[from] crate::seal::SealError),
    /// The input could not be read or decoded.
    #[error(transparent)]
    Ingest(#[from] crate::ingest::IngestError),
    /// The frame has no place on the ground.
    #[error(transparent)]
    Georef(#[from] crate::georef::GeorefError),
    /// The log could not be read or written.
    #[error(transparent)]
    Audit(#[from] crate::audit::AuditError),
    /// The folder could not be written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl ReviewError {
    /// Whether what was asked for is at fault, not the machine.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Draw { .. } | Self::Store(_) | Self::OtherFile { .. } => false,
            Self::Audit(error) => {
                error.is_usage() || matches!(error, crate::audit::AuditError::Entry { .. })
            }
            _ => true,
        }
    }
}
