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
mod watch;
mod work;

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use artifact::{Artifact, FileArtifact};
pub(crate) use artifact::{sealed, without_journal};
pub(crate) use disk::link;
use disk::{
    create, create_dir, create_private, entries, open_for_append, refuse_links, remove_dir,
    remove_file, rename, sync, write_durably,
};
use error::IoContext;
pub use error::StoreError;
pub use folder::{Folder, Listed, MANIFEST, is_below};
pub(crate) use pulse::{beat, pulse};
pub use removal::{Lies, Plain, private_lists, sync_folder, working_files};
pub use single::{check_free, write_file, write_large, write_private, write_secret};
pub(crate) use single::{create_partial, remove_leftover};
pub(crate) use watch::Watch;

/// An output folder, held by one run at a time.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    lock: fs::File,
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

/// A durable file or folder under a temporary name; dropped without [`Staged::commit`], it is removed.
#[derive(Debug)]
#[must_use = "a staged file is not visible until it is committed"]
pub struct Staged {
    partial: PathBuf,
    target: PathBuf,
    receipt: Receipt,
    is_folder: bool,
    committed: bool,
}

/// What a published file is, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Path relative to the output folder, with `/` between parts.
    pub path: String,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// Length in bytes.
    pub bytes: u64,
}

/// A file that only grows: the log.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: fs::File,
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
        create_dir(root)?;
        let occupied = entries(root)?.iter().any(|name| name != LOCK);
        let ours = root.join(LOCK).exists();
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
        match existing {
            Existing::Replace => store.clear()?,
            Existing::Keep => store.clear_partial()?,
            Existing::Refuse => {}
        }
        create_dir(&store.work())?;
        Ok(store)
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

    /// Writes `artifact` durably under a temporary name, to become `path` on commit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn stage(&self, path: &str, artifact: &impl Artifact) -> Result<Staged, StoreError> {
        let partial = self.partial(path)?;
        let bytes = artifact.bytes();
        let file = if is_private(path) {
            create_private(&partial)?
        } else {
            create(&partial)?
        };
        write_durably(file, &partial, &bytes)?;
        let receipt = Receipt {
            path: path.to_owned(),
            sha256: Sha256::digest(&bytes).into(),
            bytes: bytes.len() as u64,
        };
        Ok(self.staged(partial, receipt))
    }

    /// Lets `artifact` write itself to a temporary name (for libraries that open files by path) and makes
    /// the result durable, to become `path` on commit.
    ///
    /// # Errors
    ///
    /// What the artifact's writer says, or [`StoreError::Io`].
    pub fn stage_file<A: FileArtifact>(&self, path: &str, artifact: &A) -> Result<Staged, A::Error>
    where
        A::Error: From<StoreError>,
    {
        let partial = self.partial(path)?;
        if is_private(path) {
            // Writing into it keeps who may read it.
            create_private(&partial)?;
        }
        beat(&partial);
        let watch = Watch::begin();
        watch.end(&partial, artifact.write(&partial))?;
        let (sha256, bytes) = hash_file(&partial)?;
        sync(&partial)?;
        Ok(self.staged(
            partial,
            Receipt {
                path: path.to_owned(),
                sha256,
                bytes,
            },
        ))
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

    /// Opens a file that only grows, such as the log, making it where it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn append(&self, path: &str) -> Result<Appender, StoreError> {
        refuse_links(&self.root, Path::new(path))?;
        let path = self.root.join(path);
        if let Some(parent) = path.parent() {
            create_dir(parent)?;
        }
        Ok(Appender {
            file: open_for_append(&path)?,
            path,
        })
    }

    fn staged(&self, partial: PathBuf, receipt: Receipt) -> Staged {
        Staged {
            target: self.root.join(&receipt.path),
            partial,
            receipt,
            is_folder: false,
            committed: false,
        }
    }

    /// Where a file lies until it is committed; its final name must not lie behind a link.
    fn partial(&self, path: &str) -> Result<PathBuf, StoreError> {
        if let Some(folder) = Path::new(path).parent() {
            refuse_links(&self.root, folder)?;
        }
        create_dir(&self.work())?;
        Ok(self
            .work()
            .join(format!("{PARTIAL}{}", path.replace('/', "~"))))
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

impl Drop for Store {
    fn drop(&mut self) {
        // An unlock that fails is undone by closing the file right after.
        let _ = self.lock.unlock();
    }
}

impl Staged {
    /// Path, hash and length, to be logged before the file becomes visible.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Gives the file its final name and makes the name durable.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn commit(mut self) -> Result<Receipt, StoreError> {
        create_dir(disk::parent(&self.target))?;
        let old = self.partial.with_extension("old");
        if self.is_folder && self.target.exists() {
            // What an interrupted run left; a folder with files in it cannot be replaced in one step, and must not be seen half removed.
            remove_dir(&old)?;
            rename(&self.target, &old)?;
        }
        rename(&self.partial, &self.target)?;
        self.committed = true;
        if self.is_folder {
            remove_dir(&old)?;
        }
        Ok(self.receipt.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing to do where it fails: a file in the work folder is removed at the end of the run.
            let _ = if self.is_folder {
                remove_dir(&self.partial)
            } else {
                remove_file(&self.partial)
            };
        }
    }
}

impl Appender {
    /// Adds `bytes` at the end; durable only after [`Appender::sync`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).at(&self.path)
    }

    /// Makes everything appended durable.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.file.sync_data().at(&self.path)
    }

    /// Reads the whole file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn read(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0)).at(&self.path)?;
        self.file.read_to_end(&mut bytes).at(&self.path)?;
        Ok(bytes)
    }

    /// Cuts the file to `len` bytes: recovery from a torn last line.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn truncate(&mut self, len: u64) -> Result<(), StoreError> {
        self.file.set_len(len).at(&self.path)?;
        self.file.sync_all().at(&self.path)
    }
}

/// SHA-256 and length of a file, read in pieces.
///
/// # Errors
///
/// [`StoreError::Io`], naming the file.
pub fn hash_file(path: &Path) -> Result<([u8; 32], u64), StoreError> {
    let mut file = fs::File::open(path).at(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut len = 0;
    loop {
        beat(path);
        let read = file.read(&mut piece).at(path)?;
        if read == 0 {
            return Ok((hash.finalize().into(), len));
        }
        hash.update(piece.get(..read).unwrap_or_default());
        len += read as u64;
    }
}

/// Whether a path relative to an output folder is for its owner's eyes alone.
fn is_private(path: &str) -> bool {
    Path::new(path).starts_with(layout::PRIVATE)
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
        create(&photo).unwrap();
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
