//! The manifest: every input, with its commitment, fixed before the first frame is worked on.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rayon::ThreadPool;

use super::keys::InputKeys;
use super::processed::Input;
use super::{Progress, RunError, for_each_ordered};
use crate::frame::FrameId;
use crate::ingest::{self, Intake};

/// Every input of a run, in order.
pub(super) struct Manifest {
    /// Number of the first line.
    first: usize,
    lines: Vec<Line>,
}

/// One line of the manifest.
pub(super) struct Line {
    pub(super) path: PathBuf,
    pub(super) commitment: [u8; 32],
    /// The earlier line with the same bytes.
    pub(super) duplicate_of: Option<FrameId>,
    /// Whether it could be read when the manifest was fixed.
    pub(super) is_read: bool,
}

/// The inputs' files, in a stable order.
pub(super) fn discover(inputs: &[PathBuf]) -> Result<Intake, RunError> {
    let found = ingest::discover(inputs)?;
    for problem in &found.problems {
        tracing::error!("could not read {}: {}", problem.0.display(), problem.1);
    }
    Ok(found)
}

/// Refuses an output folder inside an input folder (its files would become inputs), and an input inside the output folder, which is cleared.
pub(crate) fn check_apart(inputs: &[PathBuf], out: &Path) -> Result<(), RunError> {
    let out_path = absolute(out);
    for input in inputs {
        let holds_out = input.is_dir() && out_path.starts_with(absolute(input));
        if holds_out || lies_in(input, &out_path) {
            return Err(RunError::Nested {
                input: input.clone(),
                out: out.to_path_buf(),
            });
        }
    }
    Ok(())
}

/// Whether a file or folder lies in `out`, or is a link there: then the link would be cleared.
fn lies_in(path: &Path, out: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let name = path.parent().zip(path.file_name());
    absolute(&path).starts_with(out)
        || name.is_some_and(|(folder, name)| absolute(folder).join(name).starts_with(out))
}

/// The real path, also of something that does not exist yet below something that does.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let real = path.ancestors().find_map(|ancestor| {
        let real = fs::canonicalize(ancestor).ok()?;
        Some(real.join(path.strip_prefix(ancestor).ok()?))
    });
    real.unwrap_or(path)
}

impl Manifest {
    /// Reads every file once and commits to its bytes: of a sealed file to those that were sealed, so that it is known by them whether it lies
    /// there sealed or not.
    ///
    /// A file that cannot be read keeps its line: its commitment is to its path, and its outcome will be
    /// `rejected`.
    pub(super) fn fix(
        pool: &ThreadPool,
        threads: NonZeroUsize,
        found: &Intake,
        keys: &InputKeys,
        progress: &mut dyn Progress,
    ) -> Self {
        let mut lines = Vec::with_capacity(found.files.len());
        let mut first = HashMap::new();
        progress.stage("inspecting", found.files.len());
        let in_flight = threads.saturating_add(1);
        let limits = ingest::Limits::default();
        let key = &keys.commitment;
        let commit = |path: &PathBuf| match ingest::open(path, &limits, keys.intake.as_ref()) {
            Ok(opened) => (path.clone(), key.commit(&opened.bytes), true),
            Err(error) => {
                let cause = error
                    .source()
                    .map_or_else(|| error.detail(), ToString::to_string);
                tracing::warn!("could not read {}: {cause}", path.display());
                (path.clone(), key.commit(&unreadable(path)), false)
            }
        };
        let result: Result<(), std::convert::Infallible> = for_each_ordered(
            pool,
            &found.files,
            in_flight,
            commit,
            |(path, commitment, is_read)| {
                let id = frame_id(lines.len());
                let duplicate_of = if is_read {
                    first.get(&commitment).copied()
                } else {
                    None
                };
                first.entry(commitment).or_insert(id);
                lines.push(Line {
                    path,
                    commitment,
                    duplicate_of,
                    is_read,
                });
                progress.step();
                Ok(())
            },
        );
        match result {
            Ok(()) => Self { first: 0, lines },
        }
    }

    /// Lines of a manifest that was fixed before, from number `first` on.
    pub(super) fn part(first: usize, lines: Vec<Line>) -> Self {
        Self { first, lines }
    }

    /// The lines, in order.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The inputs themselves.
    pub(super) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// Frames.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Commitments in order, for the manifest's root.
    pub(super) fn commitments(&self) -> Vec<[u8; 32]> {
        self.lines.iter().map(|line| line.commitment).collect()
    }

    /// The file of a frame.
    pub(super) fn path(&self, id: FrameId) -> &Path {
        self.line(id).map_or(Path::new(""), |line| &line.path)
    }

    /// The line of a frame.
    pub(super) fn line(&self, id: FrameId) -> Option<&Line> {
        let number = usize::try_from(id.0).ok()?;
        self.lines.get(number.checked_sub(self.first)?)
    }

    /// The inputs of this run or shard, in order.
    pub(super) fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        (self.first..).zip(&self.lines).map(|(index, line)| Input {
            id: frame_id(index),
            path: &line.path,
            commitment: line.commitment,
            duplicate_of: line.duplicate_of,
        })
    }
}

fn frame_id(index: usize) -> FrameId {
    FrameId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// What stands for the bytes of a file that cannot be read.
fn unreadable(path: &Path) -> Vec<u8> {
    [
        b"heatveil: unreadable\0",
        path.as_os_str().as_encoded_bytes(),
    ]
    .concat()
}
