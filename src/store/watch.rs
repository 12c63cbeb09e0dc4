//! What libraries could not write.
//!
//! Their complaints, so that a file is not published that lacks a part. Refuses: to go on where anything was not written, or not read
//! back, meanwhile.

use std::path::Path;

use super::disk::{create, parent, remove_file, write_durably};
use super::{PARTIAL, StoreError};
use crate::complaints::Complaints;

/// From here to [`Watch::end`] nothing may fail to be written, in whichever thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch(Complaints);

impl Watch {
    /// Begins to watch.
    pub(crate) fn begin() -> Self {
        Self(Complaints::begin())
    }

    /// Whether something could not be written since.
    pub(crate) fn has_failed(self) -> bool {
        self.0.last().is_some()
    }

    /// What came of writing `path`: an error, too, where it was reported as done.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] with what the disk itself says now; else what `result` holds, or [`StoreError::Library`] where it holds no error.
    pub(crate) fn end<T, E: From<StoreError>>(
        self,
        path: &Path,
        result: Result<T, E>,
    ) -> Result<T, E> {
        judged(path, self.0.last(), result)
    }
}

/// What `result` is worth where a library told meanwhile that something had `failed`.
fn judged<T, E: From<StoreError>>(
    path: &Path,
    failed: Option<String>,
    result: Result<T, E>,
) -> Result<T, E> {
    if result.is_err() || failed.is_some() {
        ask_the_disk(path)?;
    }
    match failed {
        Some(problem) => {
            let path = path.to_path_buf();
            Err(StoreError::Library { path, problem }.into())
        }
        None => result,
    }
}

/// A library says that it failed, the system says why: a file is written beside `path`.
fn ask_the_disk(path: &Path) -> Result<(), StoreError> {
    // Others may ask about other files at the same time.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let trial = parent(path).join(format!("{PARTIAL}trial~{name}"));
    let room = vec![0; 1 << 16];
    let written = create(&trial).and_then(|file| write_durably(file, path, &room));
    let removed = remove_file(&trial);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_written_is_told_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(judged(&path, None, Ok::<_, StoreError>(())).is_ok());
        let told = judged(&path, Some("failed".into()), Ok::<_, StoreError>(())).unwrap_err();
        assert!(told.to_string().contains(&path.display().to_string()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_the_disk_itself_says_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone/a");
        let unread = StoreError::Library {
            path: gone.clone(),
            problem: "unread".into(),
        };
        let why = |failed, result: Result<(), StoreError>| judged(&gone, failed, result);
        for judged in [why(Some("failed".into()), Ok(())), why(None, Err(unread))] {
            assert!(matches!(judged, Err(StoreError::Io { .. })), "{judged:?}");
        }
        assert!(why(None, Ok(())).is_ok());
    }
}
