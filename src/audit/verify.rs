//! Checks a finished run: the log, its signature, the balance of outcomes, every published file.
//!
//! In: an output folder that nobody trusts. Out: a list of problems, empty when there are none. Refuses:
//! to stop at the first problem, to follow links, to panic on any bytes.
//!
//! Memory grows with the log: its lines, entries and 64 bytes of hashes an entry are held at once.

use std::fs;
use std::path::{Path, PathBuf};

use super::tree::{TileContent, Tree, bundle};
use super::{AuditError, Entry, files, follow, keys, reviewers, story};
use crate::hex;
use crate::store::layout;

/// What to check a folder against.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// A checkpoint kept elsewhere: it must be signed by the key and be a prefix of the log.
    pub checkpoint: Option<PathBuf>,
    /// The verifier key, received by another way than the folder.
    pub key: Option<String>,
    /// Verifier keys of the reviewers, received by another way; empty takes any that signed.
    pub reviewers: Vec<String>,
    /// Folder of the run whose review is followed; that run must verify too, and its decisions must have been followed.
    pub reviewed: Option<PathBuf>,
}

/// What the check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Entries in the log.
    pub entries: u64,
    /// Tree head, hex.
    pub root: String,
    /// The checkpoint's text.
    pub checkpoint: String,
    /// What is wrong. Any problem means that the run must not be relied on.
    pub problems: Vec<String>,
    /// What the check could not show.
    pub notes: Vec<String>,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks the run in `folder`.
///
/// # Errors
///
/// [`AuditError::Io`] when a key or checkpoint that the caller named cannot be read. What is wrong with
/// the folder is in the result.
pub fn verify(folder: &Path, options: &VerifyOptions) -> Result<Verification, AuditError> {
    let mut check = Check {
        folder,
        result: Verification::default(),
        lines: Vec::new(),
        tree: Tree::default(),
    };
    let entries = check.read_log()?;
    let key = check.key(options);
    check.signature(key.as_deref())?;
    if let Some(path) = &options.checkpoint {
        let bytes = fs::read(path).map_err(|source| AuditError::Io {
            path: path.clone(),
            source,
        })?;
        check.prefix(&bytes, key.as_deref(), "the checkpoint kept elsewhere")?;
    }
    check.tiles()?;
    check.decisions(&entries, key.as_deref(), &options.reviewers)?;
    let mut result = check.result;
    result.problems.extend(story::problems(&entries)?);
    if let Some(before) = &options.reviewed {
        let reviewers = options.reviewers.clone();
        let of_before = VerifyOptions {
            reviewers,
            ..VerifyOptions::default()
        };
        let found = verify(before, &of_before)?.problems.into_iter();
        let found = found.map(|problem| format!("the reviewed run: {problem}"));
        result.problems.extend(found);
        result.problems.extend(follow::problems(&entries, before)?);
    }
    let emitted = entries.iter().flat_map(files::Logged::of);
    result.problems.extend(files::problems(folder, emitted));
    Ok(result)
}

struct Check<'a> {
    folder: &'a Path,
    result: Verification,
    lines: Vec<Vec<u8>>,
    tree: Tree,
}

impl Check<'_> {
    fn problem(&mut self, problem: impl Into<String>) {
        self.result.problems.push(problem.into());
    }

    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        files::read(self.folder, path)
            .map_err(|problem| self.problem(problem))
            .ok()
    }

    fn read_log(&mut self) -> Result<Vec<Entry>, AuditError> {
        let bytes = self.read(layout::LOG).unwrap_or_default();
        if bytes.last().is_some_and(|&byte| byte != b'\n') {
            self.problem("the last line of the log is torn");
        }
        let mut entries = Vec::new();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            self.tree.push(line)?;
            match Entry::from_line(line) {
                Some(entry) => entries.push(entry),
                None => self.problem(format!(
                    "line {} is not an entry in canonical form",
                    self.lines.len() + 1
                )),
            }
            self.lines.push(line.to_vec());
        }
        self.result.entries = self.tree.size();
        self.result.root = hex::encode(&self.tree.root_at(self.tree.size())?.0);
        Ok(entries)
    }

    fn key(&mut self, options: &VerifyOptions) -> Option<String> {
        if let Some(key) = &options.key {
            return Some(key.clone());
        }
        self.result.notes.push(
            "the verifier key came from the folder itself: this shows that nothing changed since it was signed, \
             not who signed; give --key with a key received by another way"
                .into(),
        );
        self.read(layout::VERIFIER_KEY)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn signature(&mut self, key: Option<&str>) -> Result<(), AuditError> {
        let Some(bytes) = self.read(layout::CHECKPOINT) else {
            return Ok(());
        };
        self.result.checkpoint = String::from_utf8_lossy(&bytes).into_owned();
        let size = self.prefix(&bytes, key, "the checkpoint")?;
        if size.is_some_and(|size| size != self.tree.size()) {
            self.problem(format!(
                "the checkpoint covers {} entries, the log has {}",
                size.unwrap_or_default(),
                self.tree.size()
            ));
        }
        Ok(())
    }

    /// Checks that a signed tree head belongs to the first entries of this log.
    fn prefix(
        &mut self,
        bytes: &[u8],
        key: Option<&str>,
        what: &str,
    ) -> Result<Option<u64>, AuditError> {
        let Some(key) = key else { return Ok(None) };
        match keys::open_checkpoint(bytes, key) {
            Err(problem) => {
                self.problem(format!("{what}: {problem}"));
                Ok(None)
            }
            Ok((size, _)) if size > self.tree.size() => {
                self.problem(format!(
                    "{what} covers {size} entries, the log has only {}",
                    self.tree.size()
                ));
                Ok(Some(size))
            }
            Ok((size, root)) => {
                if self.tree.root_at(size)? != root {
                    self.problem(format!(
                        "{what} has another root over the first {size} entries: the log was changed"
                    ));
                }
                Ok(Some(size))
            }
        }
    }

    /// Checks who decided what about this log.
    fn decisions(
        &mut self,
        entries: &[Entry],
        key: Option<&str>,
        known: &[String],
    ) -> Result<(), AuditError> {
        let root_at = |size| self.tree.root_at(size);
        let problems = reviewers::problems(entries, root_at, key, known)?;
        self.result.problems.extend(problems);
        if known.is_empty()
            && entries
                .iter()
                .any(|entry| matches!(entry, Entry::Review(_)))
        {
            self.result.notes.push(
                "the reviewers' keys came from the log itself: give --reviewer with each key received by another way"
                    .into(),
            );
        }
        Ok(())
    }

    fn tiles(&mut self) -> Result<(), AuditError> {
        for (path, content) in self.tree.tiles_since(0)? {
            let expected = match content {
                TileContent::Hashes(hashes) => hashes,
                TileContent::Entries(leaves) => {
                    let line = |leaf: u64| {
                        usize::try_from(leaf)
                            .ok()
                            .and_then(|leaf| self.lines.get(leaf))
                    };
                    bundle(leaves.filter_map(line).map(Vec::as_slice))
                }
            };
            let path = format!("{}/{path}", layout::LOG_TILES);
            if self.read(&path).is_some_and(|found| found != expected) {
                self.problem(format!("{path} does not belong to the log"));
            }
        }
        Ok(())
    }
}
