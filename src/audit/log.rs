//! The log on disk: append, make durable, sign, recover.
//!
//! In: entries. Out: `audit/` of the output folder. Refuses: to go on behind a checkpoint that is not a
//! prefix. Memory: 72 bytes an entry while it is open, and once the whole log when it is opened again.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::tree::{TileContent, Tree, bundle};
use super::{AuditError, Entry, Signer, keys};
use crate::hex;
use crate::store::{Appender, Artifact, Store, layout, sealed};

/// An open log. One thread appends.
#[derive(Debug)]
pub struct Log<'a> {
    store: &'a Store,
    signer: &'a Signer,
    file: Appender,
    tree: Tree,
    /// Where each line ends in the file, its newline included.
    ends: Vec<u64>,
    /// Size of the tree at the last checkpoint.
    signed: u64,
    /// Whether part of a line may stand behind the last whole one: an append failed.
    torn: bool,
}

/// Bytes of the log's own files.
struct Record(Vec<u8>);

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
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |last| last + 1);
        if whole < bytes.len() {
            file.truncate(whole as u64)?;
        }
        let mut log = Self {
            store,
            signer,
            file,
            tree: Tree::default(),
            ends: Vec::new(),
            signed: 0,
            torn: false,
        };
        let mut entries = Vec::new();
        let lines = bytes
            .get(..whole)
            .unwrap_or_default()
            .split_inclusive(|&byte| byte == b'\n');
        for line in lines {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let number = entries.len() + 1;
            let entry = Entry::from_line(line).ok_or_else(|| {
                log.damaged(format!("line {number} is not an entry in canonical form"))
            })?;
            log.take(line)?;
            entries.push(entry);
        }
        log.check_prefix()?;
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

    /// The tree head over all entries, hex.
    ///
    /// # Errors
    ///
    /// [`AuditError::Tree`] when it cannot be computed.
    pub fn root(&self) -> Result<String, AuditError> {
        Ok(hex::encode(&self.tree.root_at(self.tree.size())?.0))
    }

    /// Adds an entry; durable only after [`Log::sync`].
    ///
    /// # Errors
    ///
    /// [`AuditError`] when the entry is too long or the file cannot be written.
    pub fn append(&mut self, entry: &Entry) -> Result<(), AuditError> {
        let mut line = entry.to_line()?;
        if self.torn {
            self.file.truncate(self.end())?;
        }
        line.push(b'\n');
        self.torn = true;
        self.file.append(&line)?;
        self.torn = false;
        line.pop();
        self.take(&line)
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
        self.ends
            .truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        self.file.truncate(self.end())?;
        let bytes = self.file.read()?;
        self.tree = Tree::default();
        self.ends.clear();
        bytes
            .split_inclusive(|&byte| byte == b'\n')
            .try_for_each(|line| self.take(line.strip_suffix(b"\n").unwrap_or(line)))
    }

    /// Writes the hash tiles and entry bundles, then a signed checkpoint, and returns the checkpoint.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when a file cannot be read or written.
    pub fn checkpoint(&mut self) -> Result<String, AuditError> {
        if self.torn {
            self.file.truncate(self.end())?;
            self.torn = false;
        }
        self.sync()?;
        for (path, content) in self.tree.tiles_since(self.signed)? {
            let data = match content {
                TileContent::Hashes(hashes) => hashes,
                TileContent::Entries(leaves) => self.bundle(leaves)?,
            };
            self.store
                .stage(&format!("{}/{path}", layout::LOG_TILES), &Record(data))?
                .commit()?;
        }
        let size = self.tree.size();
        let signed = self.signer.checkpoint(size, self.tree.root_at(size)?)?;
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

    /// The entry bundle of a range of leaves, read from the file.
    fn bundle(&self, leaves: Range<u64>) -> Result<Vec<u8>, AuditError> {
        let at = |leaf: u64| {
            let before = usize::try_from(leaf)
                .ok()
                .and_then(|leaf| leaf.checked_sub(1));
            before.map_or(Some(0), |before| self.ends.get(before).copied())
        };
        let (start, end) = at(leaves.start)
            .zip(at(leaves.end))
            .ok_or_else(|| self.damaged("a bundle reaches beyond its end".into()))?;
        let path = self.store.root().join(layout::LOG);
        let bytes =
            read_part(&path, start..end).map_err(|source| AuditError::Io { path, source })?;
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        Ok(bundle(
            lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line)),
        ))
    }

    /// Where the last whole line ends.
    fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    fn take(&mut self, line: &[u8]) -> Result<(), AuditError> {
        self.tree.push(line)?;
        self.ends.push(self.end() + line.len() as u64 + 1);
        Ok(())
    }

    fn check_prefix(&mut self) -> Result<(), AuditError> {
        let path = self.store.root().join(layout::CHECKPOINT);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(AuditError::Io { path, source }),
        };
        let (size, root) = keys::open_checkpoint(&bytes, self.signer.verifier())
            .map_err(|problem| self.damaged(format!("its checkpoint: {problem}")))?;
        if size > self.tree.size() || self.tree.root_at(size)? != root {
            return Err(self.damaged("its checkpoint is not a prefix of the entries".into()));
        }
        self.signed = size;
        Ok(())
    }

    fn damaged(&self, problem: String) -> AuditError {
        AuditError::Damaged {
            path: self.store.root().to_path_buf(),
            problem,
        }
    }
}

fn read_part(path: &std::path::Path, part: Range<u64>) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(part.start))?;
    let mut bytes = Vec::new();
    file.take(part.end - part.start).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::{NotPublished, RunResumed};
    use crate::store::{self, Existing};

    fn entry(number: u32) -> Entry {
        Entry::RunResumed(RunResumed {
            at: 1,
            frames: number,
        })
    }

    fn signer() -> Signer {
        Signer::parse(&keys::keygen("test").unwrap().signer, "test").unwrap()
    }

    #[test]
    fn a_torn_last_line_is_cut_and_the_log_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        let signer = signer();
        {
            let (mut log, _) = Log::open(&store, &signer).unwrap();
            log.append(&entry(1)).unwrap();
            log.checkpoint().unwrap();
            log.file.append(br#"{"at":1,"fra"#).unwrap();
        }
        let (mut log, entries) = Log::open(&store, &signer).unwrap();
        assert_eq!(entries, [entry(1)]);
        log.append(&entry(2)).unwrap();
        log.checkpoint().unwrap();
        let (_, entries) = Log::open(&store, &signer).unwrap();
        assert_eq!(entries, [entry(1), entry(2)]);
    }

    #[test]
    fn a_log_shorter_than_its_checkpoint_is_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        let signer = signer();
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        log.append(&entry(1)).unwrap();
        log.append(&entry(2)).unwrap();
        log.checkpoint().unwrap();
        assert!(log.truncate(1).is_err());
        log.file.truncate(0).unwrap();
        assert!(matches!(
            Log::open(&store, &signer),
            Err(AuditError::Damaged { .. })
        ));
    }

    #[test]
    fn dropping_unfinished_entries_gives_the_log_without_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        let signer = signer();
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        log.append(&entry(1)).unwrap();
        let root = log.tree.root_at(1).unwrap();
        let withheld = NotPublished {
            frame: 0,
            reason: "x".into(),
            detail: "y".repeat(400),
        };
        log.append(&Entry::Withheld(withheld)).unwrap();
        log.truncate(1).unwrap();
        assert_eq!((log.len(), log.tree.root_at(1).unwrap()), (1, root));
    }

    #[test]
    fn what_a_failed_append_left_is_cut_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        let signer = signer();
        let (mut log, _) = Log::open(&store, &signer).unwrap();
        for number in 1..3 {
            log.append(&entry(number)).unwrap();
            log.file.append(br#"{"at":1,"fra"#).unwrap();
            log.torn = true;
        }
        log.checkpoint().unwrap();
        let (_, entries) = Log::open(&store, &signer).unwrap();
        assert_eq!(entries, [entry(1), entry(2)]);
        let text = fs::read(folder.path().join(layout::LOG)).unwrap();
        assert_eq!(text.last(), Some(&b'\n'));
    }

    #[test]
    fn a_checkpoint_that_cannot_be_read_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Existing::Refuse).unwrap();
        let signer = signer();
        // A folder in its place: even root cannot read it as a file.
        let inside = format!("{}/x", layout::CHECKPOINT);
        store::write_secret(&folder.path().join(inside), b"").unwrap();
        assert!(matches!(
            Log::open(&store, &signer),
            Err(AuditError::Io { .. })
        ));
    }
}
