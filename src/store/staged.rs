//! What is written and not yet seen: durable under a temporary name, to be logged before it gets its own.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::disk::{
    self, create, create_dir, create_private, refuse_links, remove_dir, remove_file, rename, sync,
    write_durably,
};
use super::{
    Artifact, FileArtifact, PARTIAL, Store, StoreError, Watch, beat, exists, hash_file, layout,
};

/// A durable file or folder under a temporary name; dropped without [`Staged::commit`], it is removed.
#[derive(Debug)]
#[must_use = "a staged file is not visible until it is committed"]
pub struct Staged {
    pub(super) partial: PathBuf,
    pub(super) target: PathBuf,
    pub(super) receipt: Receipt,
    pub(super) is_folder: bool,
    pub(super) committed: bool,
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

impl Store {
    /// Writes `artifact` durably under a temporary name, to become `path` on commit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file.
    pub fn stage(&self, path: &str, artifact: &impl Artifact) -> Result<Staged, StoreError> {
        let partial = self.partial(path)?;
        let bytes = artifact.bytes();
        let file = if layout::is_private(path) {
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
    /// What the artifact's writer says, [`StoreError::Io`], or [`StoreError::Read`] when it cannot be read back to be hashed.
    pub fn stage_file<A: FileArtifact>(&self, path: &str, artifact: &A) -> Result<Staged, A::Error>
    where
        A::Error: From<StoreError>,
    {
        let partial = self.partial(path)?;
        if layout::is_private(path) {
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
    pub(super) fn partial(&self, path: &str) -> Result<PathBuf, StoreError> {
        if let Some(folder) = Path::new(path).parent() {
            refuse_links(&self.root, folder)?;
        }
        create_dir(&self.work())?;
        Ok(self
            .work()
            .join(format!("{PARTIAL}{}", path.replace('/', "~"))))
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
        if self.is_folder && exists(&self.target)? {
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
