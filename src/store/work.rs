//! The work folder: redacted frames on their way into the map, and what workers on many machines hand to the run that puts them together.
//!
//! In: an [`Artifact`] and a name. Out: a whole file under that name or none, whoever writes the same one at once. Refuses: to enter a folder
//! that another run holds for itself; to read back what is not what was written.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::disk::{
    create, create_dir, create_private, parent, rename, replace, sync, write_durably,
};
use super::error::IoContext;
use super::{Artifact, LOCK, PARTIAL, Store, StoreError, WORK, beat, exists, layout};
use crate::frame::FrameId;

/// Bytes that are read, hashed and taken over while the processor's cache holds them.
const BLOCK: usize = 1 << 16;

impl Store {
    /// Enters an output folder beside other workers; nobody can hold it alone until all have left.
    ///
    /// A network file system that knows no locks keeps nobody out: then it is for who starts the commands to see that nothing is merged while
    /// others work.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when a run holds it alone; [`StoreError::Io`] when it is not there.
    pub fn join(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(LOCK);
        let lock = fs::File::open(&path).at(&path)?;
        if let Err(fs::TryLockError::WouldBlock) = lock.try_lock_shared() {
            return Err(StoreError::Locked {
                path: root.to_path_buf(),
            });
        }
        Ok(Self {
            root: root.to_path_buf(),
            lock,
        })
    }

    /// Writes a working file that may be lost in a crash (its hash is in the log), under the name that `named` makes of the SHA-256 of its bytes,
    /// and returns that.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn spill(
        &self,
        named: impl Fn(&[u8; 32]) -> String,
        artifact: &impl Artifact,
    ) -> Result<[u8; 32], StoreError> {
        let bytes = artifact.bytes();
        let sha256 = Sha256::digest(&bytes).into();
        let path = self.work().join(named(&sha256));
        create_dir(parent(&path))?;
        let partial = self.own_partial(&path);
        create(&partial)?.write_all(&bytes).at(&partial)?;
        replace(&partial, &path)?;
        Ok(sha256)
    }

    /// Reads a working file of `count` float32, little-endian.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`], naming the file, where it is gone, cannot be read, or is not what was spilled.
    pub fn read_spilled(
        &self,
        name: &str,
        sha256: &[u8; 32],
        count: usize,
    ) -> Result<Vec<f32>, StoreError> {
        let path = self.work().join(name);
        beat(&path);
        let other = || {
            let words = "it holds other bytes than were written";
            Err(io::Error::new(io::ErrorKind::InvalidData, words)).reading(&path)
        };
        let mut file = fs::File::open(&path).reading(&path)?;
        let len = file.metadata().reading(&path)?.len();
        if count
            .checked_mul(4)
            .and_then(|bytes| u64::try_from(bytes).ok())
            != Some(len)
        {
            return other();
        }
        let mut values = Vec::with_capacity(count);
        let (mut hash, mut block) = (Sha256::new(), vec![0; BLOCK.min(4 * count)]);
        while values.len() < count {
            block.truncate(4 * (count - values.len()));
            file.read_exact(&mut block).reading(&path)?;
            hash.update(&block);
            let (fours, _) = block.as_chunks();
            values.extend(fours.iter().map(|four| f32::from_le_bytes(*four)));
        }
        if hash.finalize() == *sha256 {
            Ok(values)
        } else {
            other()
        }
    }

    /// Makes working files durable that were spilled, with their names.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn sync_spilled<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), StoreError> {
        let mut folders = std::collections::BTreeSet::new();
        for name in names {
            let path = self.work().join(name);
            sync(&path)?;
            folders.insert(parent(&path).to_path_buf());
        }
        folders.iter().try_for_each(|folder| sync(folder))
    }

    /// Writes a working file durably, for its owner's eyes alone, replacing what is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn keep(&self, name: &str, artifact: &impl Artifact) -> Result<(), StoreError> {
        let path = self.work().join(name);
        create_dir(parent(&path))?;
        let partial = self.own_partial(&path);
        write_durably(create_private(&partial)?, &partial, &artifact.bytes())?;
        rename(&partial, &path)
    }

    /// Reads a working file that was kept; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`], naming the file.
    pub fn read_kept(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.work().join(name);
        beat(&path);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).reading(&path),
        }
    }

    /// Whether a working file is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`], naming the file, where the disk does not say.
    pub fn has_kept(&self, name: &str) -> Result<bool, StoreError> {
        exists(&self.work().join(name))
    }

    /// Notes, for whoever goes on with the run in `root`, that work on a frame came to no end. This process holds that run and is about to end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn note_unending(root: &Path, frame: FrameId) -> Result<(), StoreError> {
        let path = root.join(WORK).join(layout::unending(frame));
        create_dir(parent(&path))?;
        write_durably(create_private(&path)?, &path, &[])
    }

    /// Whether an earlier process noted that work on a frame came to no end; where the disk does not say, it is tried again.
    #[must_use]
    pub fn is_unending(&self, frame: FrameId) -> bool {
        self.has_kept(&layout::unending(frame)).unwrap_or(false)
    }

    /// A name that nobody else writes to: workers on other machines may have this process's number and write the same file.
    fn own_partial(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let own = RandomState::new().build_hasher().finish();
        self.work().join(format!("{PARTIAL}{own:016x}~{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Existing;
    use super::super::tests::Note;
    use super::*;

    #[test]
    fn workers_share_a_folder_that_no_run_holds_alone() {
        let folder = tempfile::tempdir().unwrap();
        let alone = Store::open(folder.path(), Existing::Refuse).unwrap();
        let locked = |result| matches!(result, Err(StoreError::Locked { .. }));
        assert!(locked(Store::join(folder.path())));
        drop(alone);
        let workers = [(); 2].map(|()| Store::join(folder.path()).unwrap());
        assert!(locked(Store::open(folder.path(), Existing::Keep)));
        drop(workers);
        Store::open(folder.path(), Existing::Keep).unwrap();
        // Nobody made this one an output folder.
        let other = tempfile::tempdir().unwrap();
        assert!(Store::join(other.path()).is_err());
    }

    #[test]
    fn what_is_kept_is_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        assert_eq!(store.read_kept("a/b").unwrap(), None);
        assert!(!store.has_kept("a/b").unwrap());
        // A folder is not nothing.
        create_dir(&store.work().join("a/c")).unwrap();
        assert!(store.read_kept("a/c").is_err());
        store.keep("a/b", &Note("one")).unwrap();
        store.keep("a/b", &Note("two")).unwrap();
        assert_eq!(store.read_kept("a/b").unwrap().unwrap(), b"two");
        assert!(store.has_kept("a/b").unwrap());
        Store::note_unending(folder.path(), FrameId(3)).unwrap();
        assert!(store.is_unending(FrameId(3)) && !store.is_unending(FrameId(4)));
        let name = |sha256: &[u8; 32]| format!("f/{}", crate::hex::encode(sha256));
        let sha256 = store.spill(name, &Note("abc")).unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(crate::hex::encode(&sha256), expected);
        store.sync_spilled([name(&sha256).as_str()]).unwrap();
        assert_eq!(fs::read(store.work().join(name(&sha256))).unwrap(), b"abc");
        let mut left = super::super::disk::entries(&store.work()).unwrap();
        left.sort();
        assert_eq!(left, ["a", "f", "unending"]);
    }
}
