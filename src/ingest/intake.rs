//! Which files a run works on, in a stable order.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{IngestError, flight_order};

/// What was found under the inputs.
#[derive(Debug, Default)]
pub struct Intake {
    /// Candidates, as [`flight_order`] has them, in whatever order the inputs were given.
    pub files: Vec<PathBuf>,
    /// Files in folders whose names are not those of images.
    pub ignored: Vec<PathBuf>,
    /// Folders and links that could not be read, and why.
    pub problems: Vec<(PathBuf, io::Error)>,
}

const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "rjpeg", "tif", "tiff"];
/// Last extension of a sealed file.
const SEALED: &str = "age";
/// Folders nested deeper than this are a loop or a mistake.
const MAX_DEPTH: usize = 32;

/// Lists the files under `inputs`, folders with everything below, so that frames of one flight follow each other ([`flight_order`]).
///
/// Hidden files are passed over. A link that leads out of its folder is a problem, not a file. A file named
/// twice stands there once.
///
/// # Errors
///
/// [`IngestError::Io`] when an input does not exist; [`IngestError::NoFrames`] when there is nothing to
/// work on and nothing that could not be read.
pub fn discover(inputs: &[PathBuf]) -> Result<Intake, IngestError> {
    let mut intake = Intake::default();
    for input in inputs {
        let kind = fs::metadata(input).map_err(|source| IngestError::Io {
            path: input.clone(),
            source,
        })?;
        if kind.is_dir() {
            let root = fs::canonicalize(input).map_err(|source| IngestError::Io {
                path: input.clone(),
                source,
            })?;
            intake.walk(input, &root, 0);
        } else {
            intake.files.push(input.clone());
        }
    }
    let mut seen = std::collections::HashSet::new();
    intake.files.retain(|file| seen.insert(file.clone()));
    intake.files.sort_by(|one, other| flight_order(one, other));
    if intake.files.is_empty() && intake.problems.is_empty() {
        let (paths, ignored) = (inputs.to_vec(), intake.ignored.len());
        return Err(IngestError::NoFrames { paths, ignored });
    }
    Ok(intake)
}

impl Intake {
    fn walk(&mut self, folder: &Path, root: &Path, depth: usize) {
        if depth > MAX_DEPTH {
            return self.problem(folder, io::Error::other("folders nested too deeply"));
        }
        let entries: io::Result<Vec<_>> = fs::read_dir(folder).and_then(Iterator::collect);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.problem(folder, error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            match target(&path, root) {
                Ok(kind) if kind.is_dir() => self.walk(&path, root, depth + 1),
                Ok(_) if is_candidate(&path) => self.files.push(path),
                Ok(_) => self.ignored.push(path),
                Err(error) => self.problem(&path, error),
            }
        }
    }

    fn problem(&mut self, path: &Path, error: io::Error) {
        self.problems.push((path.to_path_buf(), error));
    }
}

/// What a path leads to, links followed as long as they stay below `root`.
fn target(path: &Path, root: &Path) -> io::Result<fs::Metadata> {
    if fs::symlink_metadata(path)?.is_symlink() && !fs::canonicalize(path)?.starts_with(root) {
        return Err(io::Error::other(
            "a link that leads out of the input folder",
        ));
    }
    fs::metadata(path)
}

/// The name of a file before it was sealed: without its last `.age`.
#[must_use]
pub fn unsealed_name(path: &Path) -> Cow<'_, Path> {
    let sealed = path.extension().is_some_and(|last| last == SEALED);
    if sealed {
        path.with_extension("").into()
    } else {
        path.into()
    }
}

fn is_candidate(path: &Path) -> bool {
    let name = unsealed_name(path);
    let extension = name
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    EXTENSIONS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(extension))
}
