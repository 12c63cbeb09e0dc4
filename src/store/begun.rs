//! Whether a folder holds anything of a run that is worth going on with.

use std::path::Path;

use super::{LOCK, Store, StoreError, WORK, entries, exists, layout};

impl Store {
    /// Whether a run into `root` was stopped so early that nothing of it can be gone on with, or `root` is an empty folder: there may be keys, and
    /// a log in which no entry was durable, but nothing that was published or signed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], naming the folder.
    pub fn is_unbegun(root: &Path) -> Result<bool, StoreError> {
        if !root.is_dir() {
            return Ok(false);
        }
        let begins = [LOCK, WORK, layout::AUDIT, layout::PRIVATE];
        let names = entries(root)?;
        let is_ours = names.is_empty() || names.iter().any(|name| name == LOCK);
        let is_early = names
            .iter()
            .all(|name| begins.iter().any(|begin| name == begin));
        Ok(is_ours && is_early && !exists(&root.join(layout::CHECKPOINT))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::write_secret;

    /// Whether a folder with these files is taken for one of which nothing is begun.
    fn is_unbegun(files: &[&str]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            write_secret(&folder.path().join(file), b"x").unwrap();
        }
        Store::is_unbegun(folder.path()).unwrap()
    }

    #[test]
    fn only_a_folder_of_ours_without_checkpoint_and_files_is_unbegun() {
        for early in [
            &[][..],
            &[LOCK],
            &[LOCK, "private/log.key", "audit/entries.jsonl", ".work/a"],
        ] {
            assert!(is_unbegun(early), "{early:?}");
        }
        for begun in [
            &["private/log.key"][..],
            &["somebody's"],
            &[LOCK, "somebody's"],
            &[LOCK, "tiles/a"],
            &[LOCK, "audit/checkpoint"],
        ] {
            assert!(!is_unbegun(begun), "{begun:?}");
        }
        assert!(!Store::is_unbegun(Path::new("/nothing/is/here")).unwrap());
    }
}
