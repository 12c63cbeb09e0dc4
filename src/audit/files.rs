//! Whether the files of a folder that nobody trusts are those of its log.
//!
//! Refuses: to follow links, to read anything but plain files (a pipe would block, a device never end),
//! and to take a folder that cannot be listed for an empty one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use super::TileEmitted;
use crate::hex;
use crate::store::hash_file;

/// Folder of everything that is published.
const PUBLISHED: &str = "tiles";

/// Reads a plain file; the words say what is wrong otherwise.
pub(super) fn read(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
    plain(folder, path)?;
    fs::read(folder.join(path)).map_err(|error| unreadable(path, &error))
}

/// Whether the files under `tiles/` are those that were logged, all of them and no others.
pub(super) fn problems<'a>(
    folder: &Path,
    emitted: impl Iterator<Item = &'a TileEmitted>,
) -> Vec<String> {
    let mut listed = BTreeSet::new();
    let mut problems = Vec::new();
    for tile in emitted {
        listed.insert(tile.path.as_str());
        problems.extend(changed(folder, tile));
    }
    list(folder, PUBLISHED, &mut |path| match path {
        Ok(path) if listed.contains(path) => {}
        Ok(path) => problems.push(format!("{path:?} is not in the log")),
        Err(problem) => problems.push(problem),
    });
    problems
}

/// What is wrong with one published file.
fn changed(folder: &Path, tile: &TileEmitted) -> Option<String> {
    let path = tile.path.as_str();
    let mut parts = Path::new(path).components();
    let below = parts.next() == Some(Component::Normal(PUBLISHED.as_ref()))
        && parts.all(|part| matches!(part, Component::Normal(_)));
    if !below {
        return Some(format!("{path:?} is not a path of a tile"));
    }
    if let Err(problem) = plain(folder, path) {
        return Some(problem);
    }
    match hash_file(&folder.join(path)) {
        Ok((sha256, bytes)) if hex::encode(&sha256) == tile.sha256 && bytes == tile.bytes => None,
        Ok(_) => Some(format!("{path:?} is not the file of the log")),
        Err(_) => Some(format!("{path:?} cannot be read")),
    }
}

fn plain(folder: &Path, path: &str) -> Result<(), String> {
    match fs::symlink_metadata(folder.join(path)) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(format!("{path:?} is not a plain file")),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> String {
    format!("{path:?} cannot be read ({})", error.kind())
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
                None => found(Err(format!("{below:?} holds a name that is not text"))),
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
            ["a/b", "a/two", "one"].map(|name| format!("\"tiles/{name}\" is not in the log"))
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
        let tile = |path: &str| TileEmitted {
            path: path.into(),
            sha256: hex::encode(&sha256),
            bytes,
            source_frames: Vec::new(),
            flights: Vec::new(),
        };
        assert_eq!(
            problems(folder.path(), [tile("tiles/a"), tile("tiles/b")].iter()),
            ["\"tiles/a\" is not a plain file"]
        );
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in ["tiles/../secret", "/etc/passwd", "audit/checkpoint", ""] {
            let tile = TileEmitted {
                path: path.into(),
                sha256: String::new(),
                bytes: 0,
                source_frames: Vec::new(),
                flights: Vec::new(),
            };
            let problem = changed(Path::new("/"), &tile).unwrap();
            assert!(problem.contains("not a path of a tile"), "{problem}");
        }
    }
}
