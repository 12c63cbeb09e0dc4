//! The only door to disk: whole files or nothing, and only what is safe to keep.
//!
//! In: an [`Artifact`] or [`FileArtifact`] and a relative path. Out: a [`Staged`] file, durable under a
//! temporary name, that becomes visible by [`Staged::commit`] once the log holds its hash. Refuses:
//! unredacted frames (no such artifact exists), replacing without being asked, two runs in one folder, links within it.
//!
//! ```
//! use heatveil::{frame::{Frame, Redacted}, store::Artifact};
//! fn keep(frame: &Frame<Redacted>) -> usize { frame.bytes().len() }
//! ```
//!
//! ```compile_fail
//! use heatveil::{frame::{Frame, Calibrated}, store::Artifact};
//! fn keep(frame: &Frame<Calibrated>) -> usize { frame.bytes().len() }
//! ```

mod append;
mod artifact;
mod begun;
mod beside;
mod disk;
mod error;
mod folder;
pub mod layout;
mod pulse;
mod removal;
mod single;
mod staged;
mod watch;
mod work;

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use append::Appender;
pub use artifact::{Artifact, FileArtifact};
pub(crate) use artifact::{sealed, without_journal};
use disk::{create_dir, entries, open_for_append, refuse_links, remove_dir, remove_file, sync};
pub(crate) use disk::{exists, link};
use error::IoContext;
pub use error::StoreError;
pub use folder::{Folder, Listed, MANIFEST, is_below};
pub(crate) use pulse::{beat, pulse};
pub use removal::{Lies, Plain, private_lists, sync_folder, working_files};
pub(crate) use single::{NamedFile, create_named, create_partial, remove_leftover};
pub use single::{check_free, write_file, write_large, write_private, write_secret};
pub use staged::{Receipt, Staged};
pub(crate) use watch::Watch;

/// An output folder, held by one run at a time.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    lock: fs::File,
}

/// An output folder that is held, in which nothing was changed yet.
#[derive(Debug)]
pub struct Held {
    store: Store,
    existing: Existing,
}

/// What to do with an output folder that has something in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Refuse,
    /// Remove what an earlier run left and start anew.
    Replace,
    /// Go on with what is there.
    Keep,
}

/// Name of the marker by which a folder is known as ours, and of the folder for temporary files.
const LOCK: &str = ".heatveil.lock";
const WORK: &str = ".work";
/// Names of files that are being written begin so.
const PARTIAL: &str = "partial~";

impl Store {
    /// Opens `root` as an output folder, making it where it does not exist, and locks it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotEmpty`] when something is there and `existing` is [`Existing::Refuse`];
    /// [`StoreError::Foreign`] when it is to be replaced but holds what no run of ours wrote; [`StoreError::Link`] when a name in it leads
    /// elsewhere (`root` itself may be a link);
    /// [`StoreError::Locked`] when another run holds it; [`StoreError::Io`] otherwise.
    pub fn open(root: &Path, existing: Existing) -> Result<Self, StoreError> {
        Self::hold(root, existing)?.begin()
    }

    /// As [`Store::open`], but what is there stays until [`Held::begin`]: who still finds a reason to refuse leaves it as it was.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn hold(root: &Path, existing: Existing) -> Result<Held, StoreError> {
        create_dir(root)?;
        let occupied = entries(root)?.iter().any(|name| name != LOCK);
        let ours = exists(&root.join(LOCK))?;
        for name in [LOCK, WORK, layout::AUDIT, layout::PRIVATE] {
            refuse_links(root, Path::new(name))?;
        }
        if occupied && existing == Existing::Refuse {
            return Err(StoreError::NotEmpty {
                path: root.to_path_buf(),
            });
        }
        if occupied && existing == Existing::Replace && !ours {
            return Err(StoreError::Foreign {
                path: root.to_path_buf(),
            });
        }
        let lock = open_for_append(&root.join(LOCK))?;
        if lock.try_lock().is_err() {
            return Err(StoreError::Locked {
                path: root.to_path_buf(),
            });
        }
        let store = Self {
            root: root.to_path_buf(),
            lock,
        };
        Ok(Held { store, existing })
    }

    /// Makes all names in the folder durable: a run that was killed may have left some that are not, and who goes on with it relies on them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the folder.
    pub fn sync_names(&self) -> Result<(), StoreError> {
        disk::sync_tree(&self.root)
    }

    /// The output folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for redacted working files and files not yet published.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join(WORK)
    }

    /// Removes all working files.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the folder.
    pub fn clear_work(&self) -> Result<(), StoreError> {
        remove_dir(&self.work())?;
        sync(&self.root)
    }

    /// Removes files that an interrupted run was writing: libraries refuse to make what is there.
    fn clear_partial(&self) -> Result<(), StoreError> {
        if !self.work().is_dir() {
            return Ok(());
        }
        for name in entries(&self.work())? {
            let path = self.work().join(&name);
            match name.to_string_lossy().starts_with(PARTIAL) {
                true if path.is_dir() => remove_dir(&path)?,
                true => remove_file(&path)?,
                false => {}
            }
        }
        Ok(())
    }

    /// Removes what an earlier run left.
    fn clear(&self) -> Result<(), StoreError> {
        for names in self.to_clear()? {
            for name in names {
                let path = self.root.join(&name);
                if path.is_dir() {
                    remove_dir(&path)?;
                } else {
                    remove_file(&path)?;
                }
            }
            sync(&self.root)?;
        }
        Ok(())
    }

    /// What an earlier run left, in the order in which it goes: its log last, since no published file is ever there without it.
    fn to_clear(&self) -> Result<[Vec<OsString>; 2], StoreError> {
        let names = entries(&self.root)?.into_iter().filter(|name| name != LOCK);
        let (log, others) = names.partition(|name| name == layout::AUDIT);
        Ok([others, log])
    }
}

impl Held {
    /// Removes what is to be replaced, and makes the work folder.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file or folder.
    pub fn begin(self) -> Result<Store, StoreError> {
        let store = self.store;
        match self.existing {
            Existing::Replace => store.clear()?,
            Existing::Keep => store.clear_partial()?,
            Existing::Refuse => {}
        }
        create_dir(&store.work())?;
        Ok(store)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // An unlock that fails is undone by closing the file right after.
        let _ = self.lock.unlock();
    }
}

/// SHA-256 and length of a file, read in pieces.
///
/// # Errors
///
/// [`StoreError::Read`], naming the file.
pub fn hash_file(path: &Path) -> Result<([u8; 32], u64), StoreError> {
    let mut file = fs::File::open(path).reading(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut len = 0;
    loop {
        beat(path);
        let read = file.read(&mut piece).reading(path)?;
        if read == 0 {
            return Ok((hash.finalize().into(), len));
        }
        hash.update(piece.get(..read).unwrap_or_default());
        len += read as u64;
    }
}

#[cfg(test)]
mod working_tests;

#[cfg(test)]
mod tests {
    use super::*;

    /// A text as a file.
    pub(super) struct Note(pub(super) &'static str);
    impl sealed::Sealed for Note {}
    impl Artifact for Note {
        fn bytes(&self) -> std::borrow::Cow<'_, [u8]> {
            self.0.as_bytes().into()
        }
    }
    impl FileArtifact for Note {
        type Error = StoreError;

        fn write(&self, path: &Path) -> Result<(), StoreError> {
            disk::write_durably(disk::create(path)?, path, self.0.as_bytes())
        }
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_staged_file_is_invisible_until_committed() {
        let folder = folder();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        let staged = store.stage("tiles/a.txt", &Note("hello")).unwrap();
        assert!(!folder.path().join("tiles/a.txt").exists());
        let receipt = staged.commit().unwrap();
        assert_eq!(
            fs::read(folder.path().join("tiles/a.txt")).unwrap(),
            b"hello"
        );
        assert_eq!(receipt.bytes, 5);
    }

    #[test]
    fn a_staged_file_that_is_dropped_leaves_nothing() {
        let folder = folder();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        drop(store.stage("a.txt", &Note("hello")).unwrap());
        assert_eq!(entries(&store.work()).unwrap().len(), 0);
    }

    #[test]
    fn an_occupied_folder_needs_permission_and_a_foreign_one_is_never_cleared() {
        let folder = folder();
        drop(
            Store::open(folder.path(), Existing::Refuse)
                .unwrap()
                .stage("a", &Note("x"))
                .unwrap(),
        );
        assert!(matches!(
            Store::open(folder.path(), Existing::Refuse),
            Err(StoreError::NotEmpty { .. })
        ));
        assert!(Store::open(folder.path(), Existing::Replace).is_ok());
        let foreign = tempfile::tempdir().unwrap();
        let photo = foreign.path().join("holiday.jpg");
        write_secret(&photo, b"x").unwrap();
        let refused = Store::open(foreign.path(), Existing::Replace);
        assert!(matches!(refused, Err(StoreError::Foreign { .. })));
        assert!(photo.exists());
    }

    #[test]
    fn two_runs_cannot_share_a_folder() {
        let folder = folder();
        let _first = Store::open(folder.path(), Existing::Refuse).unwrap();
        assert!(matches!(
            Store::open(folder.path(), Existing::Keep),
            Err(StoreError::Locked { .. })
        ));
    }

    #[test]
    fn a_secret_is_not_replaced_and_only_its_owner_reads_it() {
        let folder = folder();
        let path = folder.path().join("key");
        write_secret(&path, b"s").unwrap();
        assert!(write_secret(&path, b"t").is_err());
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions())
                & 0o077,
            0
        );
    }
}
