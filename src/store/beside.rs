//! Folders for what is made of finished runs.

use std::path::Path;

use super::{Existing, Store, StoreError, exists, layout};

impl Store {
    /// Opens a folder for what is made of finished runs. A run's own folder is refused, whatever `existing` says: its log and keys
    /// would go.
    ///
    /// # Errors
    ///
    /// [`StoreError::Foreign`] when a run lies there; as [`Store::open`] otherwise.
    pub fn open_beside(root: &Path, existing: Existing) -> Result<Self, StoreError> {
        if exists(&root.join(layout::LOG))? {
            let path = root.to_path_buf();
            return Err(StoreError::Foreign { path });
        }
        Self::open(root, existing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::write_secret;
    use super::*;

    #[test]
    fn a_runs_own_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        drop(Store::open(run, Existing::Refuse).unwrap());
        for name in [layout::LOG, layout::SIGNING_KEY] {
            write_secret(&run.join(name), b"x").unwrap();
        }
        for existing in [Existing::Refuse, Existing::Replace, Existing::Keep] {
            let refused = Store::open_beside(run, existing);
            assert!(matches!(refused, Err(StoreError::Foreign { .. })));
        }
        assert!(run.join(layout::SIGNING_KEY).exists() && run.join(layout::LOG).exists());
        // Made for it: replaced when asked.
        let beside = run.join("beside");
        drop(Store::open_beside(&beside, Existing::Refuse).unwrap());
        write_secret(&beside.join("old.csv"), b"x").unwrap();
        assert!(Store::open_beside(&beside, Existing::Refuse).is_err());
        drop(Store::open_beside(&beside, Existing::Replace).unwrap());
        assert!(!beside.join("old.csv").exists());
    }
}
