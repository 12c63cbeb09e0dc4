//! Deleting what is due: inputs, lists, a key.
//!
//! Refuses: links and folders in the place of files, files with another name elsewhere, files that changed since they were looked at.
//! What deleting means on a disk is in `SECURITY.md`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::disk::{parent, remove_file, sync};
use super::error::IoContext;
use super::{StoreError, WORK, layout};

/// A plain file as it was found: of this place, this length, this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    place: Option<[u64; 2]>,
}

/// What lies in the place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lies {
    /// Nothing.
    Nothing,
    /// A plain file with one name.
    Plain(Plain),
    /// A link, a folder, or a file with a second name.
    Other,
}

impl Plain {
    /// What lies at `path`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`] when that cannot be found out: it is not nothing then.
    pub fn find(path: &Path) -> Result<Lies, StoreError> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lies::Nothing),
            Err(error) => return Err(error).reading(path),
        };
        #[cfg(unix)]
        let (place, names) = {
            use std::os::unix::fs::MetadataExt;
            (Some([found.dev(), found.ino()]), found.nlink())
        };
        #[cfg(not(unix))]
        let (place, names) = (None, 1);
        if !found.is_file() || names != 1 {
            return Ok(Lies::Other);
        }
        Ok(Lies::Plain(Self {
            path: path.to_path_buf(),
            bytes: found.len(),
            modified: found.modified().ok(),
            place,
        }))
    }

    /// Length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Deletes the file, if it is still the one that was found; its name is gone for good after [`sync_folder`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when it changed or cannot be deleted.
    pub fn delete(&self) -> Result<(), StoreError> {
        self.is_unchanged()?;
        remove_file(&self.path)
    }

    /// Writes `words` over a key, in one write: the file stays, the key does not.
    ///
    /// # Errors
    ///
    /// As [`Plain::delete`]; `InvalidInput` where the words are shorter than the file, so that something of it would be left.
    pub fn bury(&self, words: &[u8]) -> Result<(), StoreError> {
        if (words.len() as u64) < self.bytes {
            return Err(std::io::ErrorKind::InvalidInput.into()).at(&self.path);
        }
        self.is_unchanged()?;
        self.write_over(words)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that writes over a key"
    )]
    fn write_over(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).open(&self.path).at(&self.path)?;
        file.write_all(bytes).at(&self.path)?;
        file.sync_all().at(&self.path)
    }

    fn is_unchanged(&self) -> Result<(), StoreError> {
        if Self::find(&self.path)? == Lies::Plain(self.clone()) {
            return Ok(());
        }
        Err(std::io::Error::other("it changed while it was looked at")).at(&self.path)
    }

    /// Writes zeros over a key, then deletes it.
    ///
    /// # Errors
    ///
    /// As [`Plain::delete`].
    pub fn destroy(&self) -> Result<(), StoreError> {
        self.is_unchanged()?;
        self.write_over(&vec![0; usize::try_from(self.bytes).unwrap_or_default()])?;
        remove_file(&self.path)?;
        sync_folder(&self.path)
    }
}

/// Makes the deletion of `file` durable.
///
/// # Errors
///
/// [`StoreError::Io`], naming the folder.
pub fn sync_folder(file: &Path) -> Result<(), StoreError> {
    sync(parent(file))
}

/// Files below the work folder of an output folder: redacted frames and unpublished files.
///
/// # Errors
///
/// [`StoreError::Io`], naming the folder.
pub fn working_files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    files_below(&folder.join(WORK))
}

/// The operator's own lists in an output folder: everything private but the keys.
///
/// # Errors
///
/// [`StoreError::Io`], naming the folder.
pub fn private_lists(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let keys = [layout::COMMITMENT_KEY, layout::SIGNING_KEY].map(|key| folder.join(key));
    let mut files = files_below(&folder.join(layout::PRIVATE))?;
    files.retain(|file| !keys.contains(file));
    Ok(files)
}

/// All files below a folder, in order; none where there is no folder. Links are not followed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(now) = open.pop() {
        let entries = match fs::read_dir(&now) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).reading(&now),
        };
        for entry in entries {
            let entry = entry.reading(&now)?;
            let kind = entry.file_type().reading(&now)?;
            if kind.is_dir() { &mut open } else { &mut files }.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::write_secret;
    use super::*;

    fn plain(path: &Path) -> Plain {
        match Plain::find(path).unwrap() {
            Lies::Plain(plain) => plain,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_was_replaced_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_secret(&path, b"one").unwrap();
        let found = plain(&path);
        remove_file(&path).unwrap();
        write_secret(&folder.path().join("b"), b"takes the place on the disk").unwrap();
        write_secret(&path, b"another").unwrap();
        assert!(found.delete().is_err());
        assert!(path.exists());
        plain(&path).delete().unwrap();
        assert_eq!(Plain::find(&path).unwrap(), Lies::Nothing);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_second_names_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_secret(&path, b"one").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(Plain::find(&link).unwrap(), Lies::Other);
        fs::hard_link(&path, folder.path().join("second")).unwrap();
        assert_eq!(Plain::find(&path).unwrap(), Lies::Other);
        assert_eq!(Plain::find(folder.path()).unwrap(), Lies::Other);
    }

    #[test]
    fn what_cannot_be_found_out_is_not_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("a".repeat(4096));
        assert!(Plain::find(&long).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_destroyed_key_is_zeros_for_who_still_has_it_open() {
        use std::io::Read;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_secret(&path, b"secret").unwrap();
        let mut open = fs::File::open(&path).unwrap();
        let found = plain(&path);
        assert_eq!(found.bytes(), 6);
        found.destroy().unwrap();
        assert_eq!(Plain::find(&path).unwrap(), Lies::Nothing);
        let mut left = Vec::new();
        open.read_to_end(&mut left).unwrap();
        assert_eq!(left, [0; 6]);
        assert!(found.destroy().is_err());
        assert!(sync_folder(&path).is_ok());
        assert!(sync_folder(&folder.path().join("nowhere/a")).is_err());
    }

    #[test]
    fn of_a_buried_key_only_the_words_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_secret(&path, b"secret").unwrap();
        let found = plain(&path);
        assert!(found.bury(b"short").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        found.bury(b"buried").unwrap();
        plain(&path).bury(b"gone for good").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"gone for good");
        assert!(found.bury(b"it is another file now").is_err());
    }

    #[test]
    fn working_files_are_all_below_the_work_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(working_files(folder.path()).unwrap().is_empty());
        let files = ["a", "frames/b"].map(|name| folder.path().join(WORK).join(name));
        for file in &files {
            write_secret(file, b"x").unwrap();
        }
        write_secret(&folder.path().join("tiles/c"), b"x").unwrap();
        assert_eq!(working_files(folder.path()).unwrap(), files);
        let instead = folder.path().join("other");
        write_secret(&instead.join(WORK), b"x").unwrap();
        assert!(
            working_files(&instead).is_err(),
            "a file is not an empty folder"
        );
    }

    #[test]
    fn lists_are_all_that_is_private_but_keys() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            layout::COMMITMENT_KEY,
            layout::SIGNING_KEY,
            layout::FRAME_LIST,
            "private/x/y",
        ] {
            write_secret(&folder.path().join(name), b"x").unwrap();
        }
        let found = private_lists(folder.path()).unwrap();
        assert_eq!(
            found,
            [layout::FRAME_LIST, "private/x/y"].map(|name| folder.path().join(name))
        );
    }
}
