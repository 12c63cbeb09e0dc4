//! What a run would do, found out without writing anything.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rayon::ThreadPool;
use serde::Serialize;

use super::{Cause, FrameLine, Outcome, Run, RunError, for_each_ordered, intake};
use crate::frame::FrameId;
use crate::georef::Locator;
use crate::ingest::{self, IngestOptions};
use crate::seal::IntakeKey;

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// Always `plan`; `heatveil plan` answers `planned`.
    pub message_type: &'static str,
    /// Frames that would be worked on.
    pub frames: usize,
    /// Frames that would be rejected, with the reason.
    pub rejected: Vec<FrameLine>,
    /// Files that are not candidates by their name.
    pub ignored: usize,
    /// Input paths that could not be read.
    pub unreadable: Vec<PathBuf>,
    /// Models that would look, with their SHA-256.
    pub models: Vec<(String, String)>,
    /// Where the output would go.
    pub out: PathBuf,
}

/// Looks at every input: decodes it and finds its place, and shows no pixel.
pub(super) fn preview(run: &Run) -> Result<Preview, RunError> {
    run.check_inputs()?;
    let found = intake::discover(&run.inputs)?;
    let pool = run.pool()?;
    let task = super::frame_task::options(&run.config);
    let key = super::intake_key(&run.config)?;
    let mut preview = Preview {
        message_type: "plan",
        frames: 0,
        rejected: Vec::new(),
        ignored: found.ignored.len(),
        unreadable: found
            .problems
            .iter()
            .map(|(path, _)| path.clone())
            .collect(),
        models: run
            .models()
            .into_iter()
            .map(|(name, sha256)| (name, crate::hex::encode(&sha256)))
            .collect(),
        out: run.out.clone(),
    };
    let look = |(number, path): (usize, PathBuf)| {
        let id = FrameId(u32::try_from(number).unwrap_or(u32::MAX));
        let outcome = usable(id, &path, key.as_ref(), &task);
        (id, path, outcome)
    };
    let files = found.files.iter().cloned().enumerate();
    let two = run.threads.saturating_add(1);
    each(
        &pool,
        two,
        files,
        look,
        |(id, path, outcome)| match outcome {
            Outcome::Published => preview.frames += 1,
            outcome => preview.rejected.push(FrameLine::new(id, &path, &outcome)),
        },
    );
    Ok(preview)
}

fn each<T: Send, R: Send>(
    pool: &ThreadPool,
    in_flight: NonZeroUsize,
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
    mut emit: impl FnMut(R),
) {
    let result: Result<(), std::convert::Infallible> =
        for_each_ordered(pool, items, in_flight, work, |result| {
            emit(result);
            Ok(())
        });
    match result {
        Ok(()) => {}
    }
}

fn usable(
    id: FrameId,
    path: &Path,
    key: Option<&IntakeKey>,
    (options, places): &(IngestOptions, Locator),
) -> Outcome {
    let reject = |reason: &str, detail: String| Outcome::Rejected(Cause::new(reason, detail));
    let decoded = ingest::open(path, &options.limits, key)
        .and_then(|opened| ingest::decode(id, path, &opened.bytes, options));
    match decoded {
        Err(error) => reject(error.reason(), error.detail()),
        Ok(frame) => match places.locate(&ingest::unsealed_name(path), frame.meta()) {
            Err(error) => reject(error.reason(), error.to_string()),
            Ok(_) => Outcome::Published,
        },
    }
}

impl Preview {
    /// The plan for a terminal.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = format!(
            "would work on {} frames and write to {}",
            self.frames,
            self.out.display()
        );
        for (name, sha256) in &self.models {
            // Writing to a string cannot fail.
            let _ = write!(text, "\nmodel {name}, SHA-256 {sha256}");
        }
        for line in &self.rejected {
            let (reason, detail) = (line.reason.as_deref(), line.detail.as_deref());
            let _ = write!(
                text,
                "\nwould reject {}: {}: {}",
                line.file,
                reason.unwrap_or_default(),
                detail.unwrap_or_default()
            );
        }
        for path in &self.unreadable {
            let _ = write!(text, "\ncould not read {}", path.display());
        }
        if self.ignored > 0 {
            let _ = write!(
                text,
                "\nwould ignore {} files: not images by their names",
                self.ignored
            );
        }
        text
    }
}
