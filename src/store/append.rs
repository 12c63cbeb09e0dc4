//! A file that only grows: the log.
//!
//! Refuses: a name that is a link or lies behind one. What was appended is durable after [`Appender::sync`], the name at once.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::disk::{create_dir, open_for_append, refuse_links};
use super::error::IoContext;
use super::{Store, StoreError};

/// A file that only grows: the log.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: fs::File,
}

impl Store {
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
    /// [`StoreError::Read`], naming the file.
    pub fn read(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0)).reading(&self.path)?;
        self.file.read_to_end(&mut bytes).reading(&self.path)?;
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
