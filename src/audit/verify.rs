//! Checks a finished run: the log, its signature, the balance of outcomes, every published file.
//!
//! In: an output folder that nobody trusts. Out: a list of problems, empty when there are none. Refuses:
//! to stop at the first problem, or to panic on any bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::tree::{TileContent, Tree, bundle};
use super::{AuditError, Entry, keys, root};
use crate::hex;
use crate::store::{hash_file, layout};

/// What to check a folder against.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// A checkpoint kept elsewhere: it must be signed by the key and be a prefix of the log.
    pub checkpoint: Option<PathBuf>,
    /// The verifier key, received by another way than the folder.
    pub key: Option<String>,
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
    check.story(&entries)?;
    check.files(&entries);
    Ok(check.result)
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
        match fs::read(self.folder.join(path)) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.problem(format!("{path} cannot be read ({})", error.kind()));
                None
            }
        }
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

    /// Whether the entries tell a whole story: opened, every frame of the manifest once, closed, balanced.
    fn story(&mut self, entries: &[Entry]) -> Result<(), AuditError> {
        let Some(Entry::RunOpened(opened)) = entries.first() else {
            self.problem("the log does not begin with run.opened");
            return Ok(());
        };
        let Some(Entry::RunClosed(closed)) = entries.last() else {
            self.problem("the log does not end with run.closed: the run is not finished");
            return Ok(());
        };
        let mut commitments = Vec::new();
        let mut outcomes: BTreeMap<u32, usize> = BTreeMap::new();
        let [mut published, mut withheld, mut rejected] = [0_u32; 3];
        let mut latest = None;
        for entry in entries.get(1..entries.len() - 1).unwrap_or_default() {
            match entry {
                Entry::RunOpened(_) => self.problem("run.opened stands there twice"),
                Entry::RunClosed(_) => self.problem("entries follow run.closed"),
                Entry::Ingested(ingested) => {
                    if usize::try_from(ingested.frame) != Ok(commitments.len()) {
                        self.problem(format!("frame {} is not in manifest order", ingested.frame));
                    }
                    commitments.push(ingested.commitment.clone());
                    latest = Some(ingested.frame);
                }
                Entry::Masked(_) => published += 1,
                Entry::Withheld(_) => withheld += 1,
                Entry::Rejected(_) => rejected += 1,
                _ => {}
            }
            if let Some(frame) = entry.frame() {
                if latest != Some(frame) || outcomes.contains_key(&frame) {
                    self.problem(format!(
                        "an entry of frame {frame} stands outside its frame"
                    ));
                }
                if entry.is_outcome() {
                    *outcomes.entry(frame).or_default() += 1;
                }
            }
        }
        let count = opened.manifest.count;
        for frame in 0..count.min(u32::try_from(entries.len()).unwrap_or(u32::MAX)) {
            match outcomes.get(&frame) {
                Some(1) => {}
                Some(many) => self.problem(format!("frame {frame} has {many} outcomes")),
                None => self.problem(format!("frame {frame} has no outcome")),
            }
        }
        let told = (
            closed.total,
            closed.published,
            closed.withheld,
            closed.rejected,
        );
        if told != (count, published, withheld, rejected)
            || usize::try_from(count) != Ok(outcomes.len())
        {
            self.problem(format!(
                "run.closed tells {told:?} (total, published, withheld, rejected), the entries hold \
                 ({count}, {published}, {withheld}, {rejected}) over {} frames",
                outcomes.len()
            ));
        }
        let leaves: Vec<[u8; 32]> = commitments
            .iter()
            .map(|text| hex::decode_32(text).unwrap_or_default())
            .collect();
        if hex::encode(&root(leaves.iter().map(<[u8; 32]>::as_slice))?) != opened.manifest.root {
            self.problem("the commitments of the frames do not give the manifest's root");
        }
        Ok(())
    }

    /// Whether the files under `tiles/` are those of the log, all of them and no others.
    fn files(&mut self, entries: &[Entry]) {
        let mut listed = BTreeSet::new();
        for entry in entries {
            let Entry::TileEmitted(tile) = entry else {
                continue;
            };
            let outside = Path::new(&tile.path)
                .components()
                .any(|part| !matches!(part, std::path::Component::Normal(_)));
            if outside || !tile.path.starts_with("tiles/") {
                self.problem(format!("{:?} is not a path of a tile", tile.path));
                continue;
            }
            listed.insert(tile.path.clone());
            match hash_file(&self.folder.join(&tile.path)) {
                Ok((sha256, bytes))
                    if hex::encode(&sha256) == tile.sha256 && bytes == tile.bytes => {}
                Ok(_) => self.problem(format!("{} is not the file of the log", tile.path)),
                Err(_) => self.problem(format!("{} cannot be read", tile.path)),
            }
        }
        let mut found = Vec::new();
        list(self.folder, Path::new("tiles"), &mut found);
        for path in found {
            if !listed.contains(&path) {
                self.problem(format!("{path} is not in the log"));
            }
        }
    }
}

/// Files below `below`, relative to `folder`, with `/` between parts.
fn list(folder: &Path, below: &Path, into: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder.join(below)) else {
        return;
    };
    for entry in entries.flatten() {
        let path = below.join(entry.file_name());
        if folder.join(&path).is_dir() {
            list(folder, &path, into);
        } else {
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            into.push(parts.join("/"));
        }
    }
}
