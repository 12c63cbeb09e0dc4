//! Folders of many files that become visible together, named to the log by one list.
//!
//! In: artifacts, one after the other. Out: a [`Staged`] folder whose last file, [`MANIFEST`], lists the others with length and hash.
//! Refuses: names that lead out of the folder.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::disk::{create, create_dir, remove_dir, sync, sync_tree, write_durably};
use super::{Artifact, FileArtifact, Receipt, Staged, Store, StoreError, Watch, hash_file};
use crate::hex;

/// Name of the list in a folder.
pub const MANIFEST: &str = "manifest.jsonl";

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Length.
    pub bytes: u64,
    /// Path relative to the folder, with `/` between parts.
    pub path: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// A folder in the making, under a temporary name.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    list: Vec<u8>,
}

impl Folder {
    /// Writes a file durably.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the file; [`StoreError::Name`] when `path` leads elsewhere.
    pub fn add(&mut self, path: &str, artifact: &impl Artifact) -> Result<(), StoreError> {
        let file = self.place(path)?;
        let bytes = artifact.bytes();
        write_durably(create(&file)?, &file, &bytes)?;
        self.list(path, &Sha256::digest(&bytes).into(), bytes.len() as u64);
        Ok(())
    }

    /// Lets `artifact` write itself, and makes the result durable.
    ///
    /// # Errors
    ///
    /// What the artifact's writer says; else as [`Folder::add`].
    pub fn add_file<A: FileArtifact>(&mut self, path: &str, artifact: &A) -> Result<(), A::Error>
    where
        A::Error: From<StoreError>,
    {
        let file = self.place(path)?;
        let watch = Watch::begin();
        watch.end(&file, artifact.write(&file))?;
        let (sha256, bytes) = hash_file(&file)?;
        sync(&file)?;
        self.list(path, &sha256, bytes);
        Ok(())
    }

    fn place(&self, path: &str) -> Result<PathBuf, StoreError> {
        if !is_below(path) || path == MANIFEST {
            return Err(StoreError::Name { name: path.into() });
        }
        let file = self.root.join(path);
        create_dir(file.parent().unwrap_or(&self.root))?;
        Ok(file)
    }

    fn list(&mut self, path: &str, sha256: &[u8; 32], bytes: u64) {
        let line = Listed {
            bytes,
            path: path.to_owned(),
            sha256: hex::encode(sha256),
        };
        // Texts and a number always have a JSON form.
        self.list
            .extend(serde_json::to_vec(&line).unwrap_or_default());
        self.list.push(b'\n');
    }
}

/// Whether a path stays within the folder that it is relative to.
#[must_use]
pub fn is_below(path: &str) -> bool {
    // Not by `components`, which takes `a//b` for `a/b`: a file has one spelling.
    let one = |part: &str| {
        let mut parts = Path::new(part).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == part)
    };
    path.split('/').all(one)
}

impl Store {
    /// Makes a folder durably under a temporary name, to become `path` with all its files on commit. The receipt is that of its list.
    ///
    /// # Errors
    ///
    /// What `fill` says, or [`StoreError::Io`].
    pub fn stage_folder<E: From<StoreError>>(
        &self,
        path: &str,
        fill: impl FnOnce(&mut Folder) -> Result<(), E>,
    ) -> Result<Staged, E> {
        let root = self.partial(path)?;
        remove_dir(&root)?;
        create_dir(&root)?;
        let mut folder = Folder {
            root: root.clone(),
            list: Vec::new(),
        };
        let filled = fill(&mut folder);
        let list = root.join(MANIFEST);
        let written = filled.and_then(|()| {
            write_durably(create(&list)?, &list, &folder.list)?;
            // All names at once, not folder by folder for every file.
            sync_tree(&root)?;
            Ok(())
        });
        let staged = Staged {
            target: self.root.join(path),
            partial: root,
            receipt: Receipt {
                path: format!("{path}/{MANIFEST}"),
                sha256: Sha256::digest(&folder.list).into(),
                bytes: folder.list.len() as u64,
            },
            is_folder: true,
            committed: false,
        };
        // Dropped, it is removed.
        written.map(|()| staged)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Existing;
    use super::super::tests::Note;
    use super::*;

    fn stage(store: &Store, text: &'static str) -> Staged {
        let fill = |folder: &mut Folder| folder.add("1/2.txt", &Note(text));
        store.stage_folder::<StoreError>("tiles/xyz", fill).unwrap()
    }

    #[test]
    fn a_folder_appears_as_a_whole_and_replaces_what_was_there() {
        let out = tempfile::tempdir().unwrap();
        let store = Store::open(out.path(), Existing::Refuse).unwrap();
        let path = out.path().join("tiles/xyz");
        let staged = stage(&store, "old");
        assert!(!path.exists());
        staged.commit().unwrap();
        let receipt = stage(&store, "new").commit().unwrap();
        assert_eq!(std::fs::read(path.join("1/2.txt")).unwrap(), b"new");
        let list = std::fs::read(path.join(MANIFEST)).unwrap();
        assert_eq!(receipt.path, "tiles/xyz/manifest.jsonl");
        assert_eq!(receipt.sha256, <[u8; 32]>::from(Sha256::digest(&list)));
        let line: Listed = serde_json::from_slice(list.trim_ascii_end()).unwrap();
        // printf new | sha256sum
        let sha256 = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
        assert_eq!((line.path.as_str(), line.bytes), ("1/2.txt", 3));
        assert_eq!(line.sha256, sha256);
    }

    #[test]
    fn a_file_that_writes_itself_is_listed_as_any_other() {
        let out = tempfile::tempdir().unwrap();
        let store = Store::open(out.path(), Existing::Refuse).unwrap();
        let all = |folder: &mut Folder| {
            folder.add("a", &Note("same"))?;
            folder.add_file("b", &Note("same"))
        };
        store
            .stage_folder::<StoreError>("f", all)
            .unwrap()
            .commit()
            .unwrap();
        let read = |name| std::fs::read_to_string(out.path().join("f").join(name)).unwrap();
        assert_eq!(read("b"), "same");
        let list = read(MANIFEST);
        let [first, second] = list.lines().collect::<Vec<_>>()[..] else {
            panic!("{list}");
        };
        assert_eq!(first.replace("\"a\"", "\"b\""), second);
    }

    #[test]
    fn a_folder_that_is_dropped_or_fails_leaves_nothing() {
        let out = tempfile::tempdir().unwrap();
        let store = Store::open(out.path(), Existing::Refuse).unwrap();
        drop(stage(&store, "x"));
        for name in ["../x", "/x", "", "a/../../x", MANIFEST] {
            let refused = store.stage_folder("f", |folder| folder.add(name, &Note("x")));
            assert!(matches!(refused, Err(StoreError::Name { .. })), "{name}");
        }
        assert_eq!(std::fs::read_dir(store.work()).unwrap().count(), 0);
    }
}
