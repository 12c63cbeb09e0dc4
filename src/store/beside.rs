//! Folders for what is made of finished runs.

use std::path::Path;

use super::{Existing, Store, StoreError, layout};

impl Store {
    /// Opens a folder for what is made of finished runs. A run's own folder is refused, whatever `existing` says: its log and keys
    /// would go.
    ///
    /// # Errors
    ///
    /// [`StoreError::Foreign`] when a run lies there; as [`Store::open`] otherwise.
    pub fn open_beside(root: &Path, existing: Existing) -> Result<Self, StoreError> {
        if root.join(layout::LOG).exists() {
            let path = root.to_path_buf();
            return Err(StoreError::Foreign { path });
        }
        Self::open(root, existing)
    }
}
