//! The log on disk: append, make durable, sign, recover.
//!
//! In: entries. Out: `audit/` of the output folder. Refuses: to go on behind a checkpoint that is not a
//! prefix. Memory: what was appended since the last checkpoint, and once the whole log when it is opened again.

use std::io;

use tlog_tiles::{Hash, record_hash};

use super::tree::{self, Tree, WIDTH, push_line};
use super::{AuditError, Entry, Signer, files, keys, lines};
use crate::hex;
use crate::outside;
use crate::store::{Appender, Artifact, Staged, Store, StoreError, layout, sealed};

/// An open log. One thread appends.
#[derive(Debug)]
pub struct Log<'a> {
    store: &'a Store,
    signer: &'a Signer,
    file: Appender,
    tree: Tree,
    /// The entry bundle that is being filled.
    bundle: Vec<u8>,
    /// Tiles and bundles that were filled since the last checkpoint, by path below `audit/tile/`.
    full: Vec<(String, Vec<u8>)>,
    /// Where the last whole line ends in the file.
    end: u64,
    /// Size of the tree at the last checkpoint.
    signed: u64,
    /// Whether part of a line may stand behind the last whole one: an append failed.
    torn: bool,
}

/// Entries after which a run signs what it has.
const CHECKPOINT_EVERY: u64 = 4096;

/// Bytes of the log's own files.
pub(super) struct Record(pub(super) Vec<u8>);

impl sealed::Sealed for Record {}

impl Artifact for Record {
    fn bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        self.0.as_slice().into()
    }
}

impl<'a> Log<'a> {
    /// Opens the log of an output folder: a new one, or one to go on with.
    ///
    /// A torn last line is cut. The entries that are there come back in order.
    ///
    /// # Errors
    ///
    /// [`AuditError::Damaged`] when a line is not a canonical entry, or a checkpoint in the folder is not
    /// signed by this key or not a prefix of the log.
    pub fn open(store: &'a Store, signer: &'a Signer) -> Result<(Self, Vec<Entry>), AuditError> {
        let mut file = store.append(layout::LOG)?;
        let bytes = file.read()?;
        let end = bytes.iter().rposition(|&byte| byte == b'\n');
        let (whole, torn) = bytes.split_at(end.map_or(0, |last| last + 1));
        if !torn.is_empty() {
            file.truncate(whole.len() as u64)?;
        }
        let mut log = Self {
            store,
            signer,
            file,
            tree: Tree::default(),
            bundle: Vec::new(),
            full: Vec::new(),
            end: 0,
            signed: 0,
            torn: false,
        };
        let head = log.checkpoint_there()?;
        let mut reached = head.is_none_or(|(size, _)| size == 0);
        log.signed = head.map_or(0, |(size, _)| size);
        let mut entries = Vec::new();
        for line in lines::split(whole) {
            let number = entries.len() + 1;
            let entry = Entry::from_line(line).ok_or_else(|| {
                log.damaged(format!("line {number} is not an entry in canonical form"))
            })?;
            log.take(line);
            entries.push(entry);
            if let Some((_, root)) = head.filter(|(size, _)| *size == log.len()) {
                reached = root == log.tree.root();
            }
        }
        if !reached {
            return Err(log.damaged("its checkpoint is not a prefix of the entries".into()));
        }
        Ok((log, entries))
    }

    /// Entries.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.tree.size()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tree over all entries.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The tree head over all entries, hex.
    #[must_use]
    pub fn root(&self) -> String {
        hex::encode(&self.tree.root().0)
    }

    /// Adds an entry; durable only after [`Log::sync`].
    ///
    /// # Errors
    ///
    /// [`AuditError`] when the entry is too long or the file cannot be written.
    pub fn append(&mut self, entry: &Entry) -> Result<(), AuditError> {
        let mut line = entry.to_line()?;
        if self.torn {
            self.file.truncate(self.end)?;
        }
        line.push(b'\n');
        self.torn = true;
        self.file.append(&line)?;
        self.torn = false;
        line.pop();
        self.take(&line);
        Ok(())
    }

    /// Adds entries behind a finished run, gives `staged` its final name and signs. An interruption is completed or undone before the next
    /// decision ([`append_after`](super::append_after)).
    ///
    /// # Errors
    ///
    /// [`AuditError`] when an entry is too long or a file cannot be written.
    pub fn append_signed(
        &mut self,
        entries: &[Entry],
        staged: Option<Staged>,
    ) -> Result<String, AuditError> {
        let lines: Vec<_> = entries
            .iter()
            .map(Entry::to_line)
            .collect::<Result<_, _>>()?;
        let next = Record(self.checkpoint_behind(&lines)?);
        self.store.stage(layout::NEXT_CHECKPOINT, &next)?.commit()?;
        for entry in entries {
            self.append(entry)?;
        }
        self.sync()?;
        staged.map(Staged::commit).transpose()?;
        self.checkpoint()
    }

    /// Makes everything appended durable.
    ///
    /// # Errors
    ///
    /// [`AuditError::Store`], naming the file.
    pub fn sync(&mut self) -> Result<(), AuditError> {
        Ok(self.file.sync()?)
    }

    /// Drops entries behind the first `keep`: those of a frame that was interrupted before its outcome.
    ///
    /// # Errors
    ///
    /// [`AuditError::Damaged`] when a checkpoint covers one of them.
    pub fn truncate(&mut self, keep: u64) -> Result<(), AuditError> {
        if keep < self.signed {
            return Err(self.damaged("a checkpoint covers entries of an unfinished frame".into()));
        }
        if keep >= self.len() {
            return Ok(());
        }
        let bytes = self.file.read()?;
        self.tree = Tree::default();
        self.bundle.clear();
        self.full.clear();
        self.end = 0;
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        for line in lines::split(&bytes).take(keep) {
            self.take(line);
        }
        Ok(self.file.truncate(self.end)?)
    }

    /// The checkpoint that [`Log::checkpoint`] would sign now; signatures are the same each time (RFC 8032).
    ///
    /// # Errors
    ///
    /// [`AuditError`] when it cannot be signed.
    pub fn next_checkpoint(&self) -> Result<String, AuditError> {
        let signed = self.checkpoint_behind(&[])?;
        Ok(String::from_utf8_lossy(&signed).into_owned())
    }

    /// The checkpoint that the log will have behind `lines`.
    pub(super) fn checkpoint_behind(&self, lines: &[Vec<u8>]) -> Result<Vec<u8>, AuditError> {
        let mut tree = self.tree.clone();
        for line in lines {
            tree.push(record_hash(line));
        }
        self.signer.checkpoint(tree.size(), tree.root())
    }

    /// Entries that a checkpoint covers.
    #[must_use]
    pub fn signed(&self) -> u64 {
        self.signed
    }

    /// Tree head over all entries.
    pub(super) fn head(&self) -> (u64, Hash) {
        (self.len(), self.tree.root())
    }

    /// Signs what a run has so far, where that is much more than was signed.
    ///
    /// # Errors
    ///
    /// As [`Log::checkpoint`].
    pub fn checkpoint_if_due(&mut self) -> Result<(), AuditError> {
        if self.len() - self.signed >= CHECKPOINT_EVERY {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Writes the hash tiles and entry bundles, then a signed checkpoint, and returns the checkpoint.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when a file cannot be read or written.
    pub fn checkpoint(&mut self) -> Result<String, AuditError> {
        if self.torn {
            self.file.truncate(self.end)?;
            self.torn = false;
        }
        self.sync()?;
        for (path, data) in std::mem::take(&mut self.full) {
            self.tile(&path, data)?;
        }
        for tile in self.tree.partial() {
            self.tile(&tile.path(), tile.bytes())?;
        }
        if !self.bundle.is_empty() {
            let size = self.len();
            let width = usize::try_from(size % WIDTH as u64).unwrap_or_default();
            let path = tree::path("entries", size / WIDTH as u64, width);
            self.tile(&path, self.bundle.clone())?;
        }
        let size = self.tree.size();
        let signed = self.signer.checkpoint(size, self.tree.root())?;
        let verifier = format!("{}\n", self.signer.verifier()).into_bytes();
        self.store
            .stage(layout::VERIFIER_KEY, &Record(verifier))?
            .commit()?;
        self.store
            .stage(layout::CHECKPOINT, &Record(signed.clone()))?
            .commit()?;
        self.signed = size;
        Ok(String::from_utf8_lossy(&signed).into_owned())
    }

    fn tile(&self, path: &str, data: Vec<u8>) -> Result<(), AuditError> {
        let path = format!("{}/{path}", layout::LOG_TILES);
        self.store.stage(&path, &Record(data))?.commit()?;
        Ok(())
    }

    fn take(&mut self, line: &[u8]) {
        self.end += line.len() as u64 + 1;
        push_line(&mut self.bundle, line);
        let tiles = self.tree.push(record_hash(line));
        let size = self.tree.size();
        if !size.is_multiple_of(WIDTH as u64) {
            return;
        }
        let bundle = std::mem::take(&mut self.bundle);
        // What a checkpoint covers is on disk.
        if size > self.signed {
            let path = tree::path("entries", size / WIDTH as u64 - 1, WIDTH);
            self.full.push((path, bundle));
            let tiles = tiles.iter().map(|tile| (tile.path(), tile.bytes()));
            self.full.extend(tiles);
        }
    }

    /// The tree head that was signed last, where there is one.
    fn checkpoint_there(&self) -> Result<Option<(u64, Hash)>, AuditError> {
        let path = self.store.root().join(layout::CHECKPOINT);
        let bytes = match outside::read(&path, files::LONGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Read { path, source }.into()),
        };
        keys::open_own_checkpoint(&bytes, self.signer.verifier())
            .map(Some)
            .map_err(|problem| self.damaged(format!("its checkpoint: {problem}")))
    }

    fn damaged(&self, problem: String) -> AuditError {
        AuditError::Damaged {
            path: self.store.root().to_path_buf(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests;
