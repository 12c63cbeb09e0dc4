//! Whether the files of a folder that nobody trusts are those of its log.
//!
//! Refuses: to follow links to files or folders below the run's own, to read anything but plain files (a pipe would block, a device never end),
//! and to take a folder that cannot be listed for an empty one. Names are shown with control characters
//! escaped, since whoever made them may aim at the reader's terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::lines::Blocks;
use super::verify::MOST;
use super::{AuditError, Entry, PublishedFile};
use crate::hex;
use crate::outside;
use crate::store::{self, Listed, MANIFEST, hash_file, layout};

/// Bytes of what is read as a whole: keys, checkpoints, signatures, proofs, tiles of hashes; and of a list, which has 150 MB for a million files.
pub(super) const LONGEST: u64 = 16 << 20;
const LONGEST_LIST: u64 = 1 << 30;

/// Folders of everything that is published.
const PUBLISHED: [&str; 3] = ["tiles", "buildings", "frames"];

/// The files that an entry tells of.
pub(super) fn of(entry: &Entry) -> Vec<PublishedFile> {
    match entry {
        Entry::TileEmitted(tile) => vec![PublishedFile {
            path: tile.path.clone(),
            sha256: tile.sha256.clone(),
            bytes: tile.bytes,
        }],
        Entry::Buildings(table) => table.files.clone(),
        _ => Vec::new(),
    }
}

/// The files that the log of `folder` tells of, and those of the lists among them, as the log has them: nothing is hashed.
/// Lines that are no entries and paths that lead elsewhere are left out; [`verify`](fn@super::verify) says what is wrong with those.
///
/// # Errors
///
/// [`AuditError::Io`] when there is no log that can be read.
pub fn published(folder: &Path) -> Result<Vec<PublishedFile>, AuditError> {
    let log = log(folder)?;
    let mut files = Vec::new();
    // A file of many frames is told of in parts, each of which names its list.
    let mut lists = BTreeSet::new();
    let mut blocks = Blocks::new(log);
    while let Some(block) = blocks.take(1).pop() {
        let entries = block.lines().filter_map(Entry::from_line);
        let told = entries.flat_map(|entry| of(&entry));
        for file in told.filter(|file| is_published(&file.path)) {
            if let Some(below) = folder_of_list(&file.path)
                && lists.insert(file.path.clone())
            {
                let text = read_up_to(folder, &file.path, LONGEST_LIST).unwrap_or_default();
                let lines = lines(&text).map_while(|line| line);
                let listed = lines.filter(|line| store::is_below(&line.path));
                files.extend(listed.map(|line| PublishedFile {
                    path: format!("{below}{}", line.path),
                    sha256: line.sha256,
                    bytes: line.bytes,
                }));
            }
            files.push(file);
        }
    }
    Ok(files)
}

/// The folder, with its `/`, that a list tells of; `None` for other files.
fn folder_of_list(path: &str) -> Option<&str> {
    path.strip_suffix(MANIFEST)
        .filter(|below| below.ends_with('/'))
}

/// Whether a path lies in a folder of what is published.
fn is_published(path: &str) -> bool {
    lies_below(path, &PUBLISHED)
}

/// Whether a path names a file below one of these folders, in the one spelling that it has: `tiles//a` and `tiles/./a` are none.
pub(super) fn lies_below(path: &str, folders: &[&str]) -> bool {
    let below = folders
        .iter()
        .find_map(|folder| path.strip_prefix(folder)?.strip_prefix('/'));
    below.is_some_and(store::is_below)
}

/// Reads a plain file that is no list; the words say what is wrong otherwise.
pub(super) fn read(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
    read_up_to(folder, path, LONGEST)
}

fn read_up_to(folder: &Path, path: &str, most: u64) -> Result<Vec<u8>, String> {
    plain(folder, path)?;
    outside::read(&folder.join(path), most).map_err(|error| unreadable(path, &error))
}

/// Opens a plain file; the words say what is wrong otherwise.
pub(super) fn open(folder: &Path, path: &str) -> Result<fs::File, String> {
    plain(folder, path)?;
    fs::File::open(folder.join(path)).map_err(|error| unreadable(path, &error))
}

/// Opens the log of a folder, as [`open`] does.
///
/// # Errors
///
/// [`AuditError::Io`] when there is none that can be read.
pub(super) fn log(folder: &Path) -> Result<fs::File, AuditError> {
    open(folder, layout::LOG).map_err(|words| AuditError::Io {
        path: folder.join(layout::LOG),
        source: std::io::Error::other(words),
    })
}

/// Whether bytes are those of a file of the log.
pub(super) fn is(bytes: &[u8], file: &PublishedFile) -> bool {
    hex::encode(&Sha256::digest(bytes)) == file.sha256 && bytes.len() as u64 == file.bytes
}

/// Whether the published files are those that were logged, all of them and no others.
pub(super) fn problems(folder: &Path, emitted: &[PublishedFile]) -> Vec<String> {
    let mut looked = Looked {
        folder,
        found: BTreeMap::new(),
        problems: Vec::new(),
    };
    for file in emitted {
        looked.emitted(file);
        if looked.problems.len() > MOST {
            return looked.problems;
        }
    }
    let Looked {
        found,
        mut problems,
        ..
    } = looked;
    for published in PUBLISHED {
        problems.extend(unlisted(folder, published, |path| found.contains_key(path)));
    }
    problems
}

/// The files that were looked at. Each is hashed once, however often entries and lists name it.
struct Looked<'a> {
    folder: &'a Path,
    /// SHA-256 and length by path; `None` where the file is not the one that was named.
    found: BTreeMap<String, Option<([u8; 32], u64)>>,
    /// Some more than [`MOST`] where the rest was not looked at.
    problems: Vec<String>,
}

impl Looked<'_> {
    /// A file that an entry names, and those that it lists.
    fn emitted(&mut self, file: &PublishedFile) {
        if self.is_good(file) {
            return;
        }
        if let Some(problem) = changed(self.folder, file) {
            self.found.insert(file.path.clone(), None);
            self.problems.push(problem);
            return;
        }
        self.good(file);
        let Some(below) = folder_of_list(&file.path) else {
            return;
        };
        let text = match read_up_to(self.folder, &file.path, LONGEST_LIST) {
            Ok(text) => text,
            Err(problem) => return self.problems.push(problem),
        };
        for line in lines(&text) {
            let Some(line) = line else {
                let list = file.path.escape_debug();
                return self.problems.push(format!("{list} is not a list of files"));
            };
            self.listed(below, line);
            if self.problems.len() > MOST {
                return;
            }
        }
    }

    /// A file of a list.
    fn listed(&mut self, below: &str, line: Listed) {
        let path = format!("{below}{}", line.path);
        if !store::is_below(&line.path) {
            let problem = format!("{} leads out of its folder", path.escape_debug());
            return self.problems.push(problem);
        }
        let file = PublishedFile {
            path,
            sha256: line.sha256,
            bytes: line.bytes,
        };
        if self.is_good(&file) {
            return;
        }
        match changed(self.folder, &file) {
            None => self.good(&file),
            Some(problem) => self.problems.push(problem),
        }
    }

    fn good(&mut self, file: &PublishedFile) {
        let sha256 = hex::decode_32(&file.sha256);
        let found = sha256.map(|sha256| (sha256, file.bytes));
        self.found.insert(file.path.clone(), found);
    }

    fn is_good(&self, file: &PublishedFile) -> bool {
        let found = self.found.get(&file.path).copied().flatten();
        found.is_some_and(|(sha256, bytes)| {
            hex::encode(&sha256) == file.sha256 && bytes == file.bytes
        })
    }
}

/// What lies below a folder and is not in a list.
pub(super) fn unlisted(
    folder: &Path,
    below: &str,
    is_listed: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    list(folder, below, &mut |path| match path {
        Ok(path) if is_listed(path) => {}
        Ok(path) => problems.push(format!("{} is not in the log", path.escape_debug())),
        Err(problem) => problems.push(problem),
    });
    problems
}

/// The lines of a list; `None` for what is none.
fn lines(text: &[u8]) -> impl Iterator<Item = Option<Listed>> {
    let lines = text.split(|&byte| byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).ok())
}

/// What is wrong with one published file.
pub(super) fn changed(folder: &Path, file: &PublishedFile) -> Option<String> {
    let path = file.path.as_str();
    if !is_published(path) {
        return Some(format!("{} is not a path of a tile", path.escape_debug()));
    }
    let there = match plain(folder, path) {
        Ok(there) => there,
        Err(problem) => return Some(problem),
    };
    // One of another length is not read: it may have no end.
    if there.len() != file.bytes {
        return Some(other(path));
    }
    match hash_file(&folder.join(path)) {
        Ok((sha256, bytes)) if hex::encode(&sha256) == file.sha256 && bytes == file.bytes => None,
        Ok(_) => Some(other(path)),
        Err(_) => Some(format!("{} cannot be read", path.escape_debug())),
    }
}

fn other(path: &str) -> String {
    format!("{} is not the file of the log", path.escape_debug())
}

/// What lies at `path`, where it is a plain file and no link below `folder` leads there.
fn plain(folder: &Path, path: &str) -> Result<fs::Metadata, String> {
    if let Some(link) = Path::new(path)
        .parent()
        .and_then(|above| link(folder, above))
    {
        return Err(link);
    }
    match fs::symlink_metadata(folder.join(path)) {
        Ok(found) if found.is_file() => Ok(found),
        Ok(_) => Err(format!("{} is not a plain file", path.escape_debug())),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// What is wrong with a folder below `root` that is a link, or that lies behind one.
fn link(root: &Path, below: &Path) -> Option<String> {
    let shown = store::link(root, below)?.to_string_lossy();
    Some(format!("{} is a link and no folder", shown.escape_debug()))
}

fn unreadable(path: &str, error: &std::io::Error) -> String {
    format!("{} cannot be read ({})", path.escape_debug(), error.kind())
}

/// Calls `found` for everything below `below` that is not a folder, as a path relative to `root`.
pub(super) fn list(root: &Path, below: &str, found: &mut impl FnMut(Result<&str, String>)) {
    match link(root, Path::new(below)) {
        Some(link) => found(Err(link)),
        None => walk(root, below, found),
    }
}

fn walk(root: &Path, below: &str, found: &mut impl FnMut(Result<&str, String>)) {
    let entries = match fs::read_dir(root.join(below)) {
        Ok(entries) => entries,
        // A run that published nothing makes no folder.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return found(Err(unreadable(below, &error))),
    };
    for entry in entries {
        match entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))) {
            Err(error) => found(Err(unreadable(below, &error))),
            Ok((name, kind)) => match name.to_str() {
                None => found(Err(format!(
                    "{} holds a name that is not text",
                    below.escape_debug()
                ))),
                Some(name) if kind.is_dir() => walk(root, &format!("{below}/{name}"), found),
                Some(name) => found(Ok(&format!("{below}/{name}"))),
            },
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
