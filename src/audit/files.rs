//! Whether the files of a folder that nobody trusts are those of its log.
//!
//! Refuses: to follow links, to read anything but plain files (a pipe would block, a device never end),
//! and to take a folder that cannot be listed for an empty one. Names are shown with control characters
//! escaped, since whoever made them may aim at the reader's terminal.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use super::Entry;
use crate::hex;
use crate::store::hash_file;

/// Folders of everything that is published.
const PUBLISHED: [&str; 2] = ["tiles", "buildings"];

/// A file as the log has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged<'a> {
    path: &'a str,
    sha256: &'a str,
    bytes: u64,
}

impl<'a> Logged<'a> {
    /// The files that an entry tells of.
    pub(super) fn of(entry: &'a Entry) -> Vec<Self> {
        match entry {
            Entry::TileEmitted(tile) => vec![Self {
                path: &tile.path,
                sha256: &tile.sha256,
                bytes: tile.bytes,
            }],
            Entry::Buildings(table) => {
                let files = table.files.iter().map(|file| Self {
                    path: &file.path,
                    sha256: &file.sha256,
                    bytes: file.bytes,
                });
                files.collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Reads a plain file; the words say what is wrong otherwise.
pub(super) fn read(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
    plain(folder, path)?;
    fs::read(folder.join(path)).map_err(|error| unreadable(path, &error))
}

/// Whether the published files are those that were logged, all of them and no others.
pub(super) fn problems<'a>(
    folder: &Path,
    emitted: impl Iterator<Item = Logged<'a>>,
) -> Vec<String> {
    let mut listed = BTreeSet::new();
    let mut problems = Vec::new();
    for file in emitted {
        listed.insert(file.path);
        problems.extend(changed(folder, file));
    }
    for published in PUBLISHED {
        list(folder, published, &mut |path| match path {
            Ok(path) if listed.contains(path) => {}
            Ok(path) => problems.push(format!("{} is not in the log", path.escape_debug())),
            Err(problem) => problems.push(problem),
        });
    }
    problems
}

/// What is wrong with one published file.
fn changed(folder: &Path, file: Logged<'_>) -> Option<String> {
    let path = file.path;
    let mut parts = Path::new(path).components();
    let first = parts.next();
    let below = PUBLISHED
        .iter()
        .any(|folder| first == Some(Component::Normal(folder.as_ref())))
        && parts.all(|part| matches!(part, Component::Normal(_)));
    if !below {
        return Some(format!("{} is not a path of a tile", path.escape_debug()));
    }
    if let Err(problem) = plain(folder, path) {
        return Some(problem);
    }
    match hash_file(&folder.join(path)) {
        Ok((sha256, bytes)) if hex::encode(&sha256) == file.sha256 && bytes == file.bytes => None,
        Ok(_) => Some(format!(
            "{} is not the file of the log",
            path.escape_debug()
        )),
        Err(_) => Some(format!("{} cannot be read", path.escape_debug())),
    }
}

fn plain(folder: &Path, path: &str) -> Result<(), String> {
    match fs::symlink_metadata(folder.join(path)) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(format!("{} is not a plain file", path.escape_debug())),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> String {
    format!("{} cannot be read ({})", path.escape_debug(), error.kind())
}

/// Calls `found` for everything below `below` that is not a folder, as a path relative to `root`.
fn list(root: &Path, below: &str, found: &mut impl FnMut(Result<&str, String>)) {
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
                Some(name) if kind.is_dir() => list(root, &format!("{below}/{name}"), found),
                Some(name) => found(Ok(&format!("{below}/{name}"))),
            },
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::store::write_secret;

    fn found(folder: &Path) -> Vec<String> {
        problems(folder, std::iter::empty())
    }

    #[test]
    fn a_circle_of_links_is_reported_and_not_walked() {
        let folder = tempfile::tempdir().unwrap();
        write_secret(&folder.path().join("tiles/a/b"), b"x").unwrap();
        for name in ["tiles/one", "tiles/a/two"] {
            std::os::unix::fs::symlink("..", folder.path().join(name)).unwrap();
        }
        let mut found = found(folder.path());
        found.sort();
        assert_eq!(
            found,
            ["a/b", "a/two", "one"].map(|name| format!("tiles/{name} is not in the log"))
        );
    }

    #[test]
    fn a_link_to_the_right_bytes_is_not_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("elsewhere");
        write_secret(&real, b"x").unwrap();
        write_secret(&folder.path().join("tiles/b"), b"x").unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("tiles/a")).unwrap();
        let (sha256, bytes) = hash_file(&real).unwrap();
        let sha256 = hex::encode(&sha256);
        let tile = |path| Logged {
            path,
            sha256: &sha256,
            bytes,
        };
        assert_eq!(
            problems(
                folder.path(),
                [tile("tiles/a"), tile("tiles/b")].into_iter()
            ),
            ["tiles/a is not a plain file"]
        );
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in ["tiles/../secret", "/etc/passwd", "audit/checkpoint", ""] {
            let tile = Logged {
                path,
                sha256: "",
                bytes: 0,
            };
            let problem = changed(Path::new("/"), tile).unwrap();
            assert!(problem.contains("not a path of a tile"), "{problem}");
        }
    }
}
