//! The calls to the operating system that change something on disk. What a function here has done survives a power cut: a name is durable once its
//! folder was synced, in whichever order the disk writes.
//!
//! Refuses: nothing; every error names the file.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::error::IoContext;
use super::{StoreError, beat};

/// Names in a folder.
pub(super) fn entries(path: &Path) -> Result<Vec<std::ffi::OsString>, StoreError> {
    let listing: io::Result<Vec<_>> = fs::read_dir(path)
        .reading(path)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect();
    listing.reading(path)
}

/// The name below `root` that is a link and that `below` is, or lies behind; `root` itself may be one.
pub(crate) fn link<'a>(root: &Path, below: &'a Path) -> Option<&'a Path> {
    let mut parts = below
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty());
    parts.find(|part| root.join(part).is_symlink())
}

/// Refuses a name below `root` that is a link, or that lies behind one: what is written there would lie elsewhere.
pub(super) fn refuse_links(root: &Path, below: &Path) -> Result<(), StoreError> {
    link(root, below).map_or(Ok(()), |link| {
        Err(StoreError::Link {
            path: root.join(link),
        })
    })
}

/// Makes the bytes of a file, or the names in a folder, durable.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    beat(path);
    fs::File::open(path)
        .and_then(|file| file.sync_all())
        .at(path)
}

/// The folder in which a file or folder has its name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a folder, and those above it, where there is none.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes folders"
)]
pub(super) fn create_dir(path: &Path) -> Result<(), StoreError> {
    let above = parent(path);
    match fs::create_dir(path) {
        Ok(()) => sync(above),
        Err(error) if error.kind() == io::ErrorKind::NotFound && above != path => {
            create_dir(above)?;
            create_dir(path)
        }
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error).at(path),
    }
}

/// Opens a new file for writing, or an old one without its contents. Neither name nor bytes are durable yet.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that opens new files for writing"
)]
pub(super) fn create(path: &Path) -> Result<fs::File, StoreError> {
    beat(path);
    fs::File::create(path).at(path)
}

/// Opens a file for its owner's eyes alone; else as [`create`].
pub(super) fn create_private(path: &Path) -> Result<fs::File, StoreError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that opens new files for their owner alone"
    )]
    let file = options.open(path).at(path)?;
    // One that an interrupted run left may have been readable.
    #[cfg(unix)]
    {
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        file.set_permissions(owner).at(path)?;
    }
    Ok(file)
}

/// Writes all there is to a file and makes its bytes durable.
pub(super) fn write_durably(
    mut file: fs::File,
    path: &Path,
    bytes: &[u8],
) -> Result<(), StoreError> {
    beat(path);
    file.write_all(bytes).at(path)?;
    file.sync_all().at(path)
}

/// Opens a file that grows; its name is durable.
pub(super) fn open_for_append(path: &Path) -> Result<fs::File, StoreError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that opens files for appending"
    )]
    let file = fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .at(path)?;
    sync(parent(path))?;
    Ok(file)
}

/// Whether something is there; a link that leads to nothing is nothing.
///
/// # Errors
///
/// [`StoreError::Read`] where the disk does not say.
pub(crate) fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().reading(path)
}

/// Gives a file or folder its final name, durably.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that gives files their final name"
)]
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).at(to)?;
    sync(parent(to))
}

/// Gives a file a name that may be lost in a crash.
#[expect(
    clippy::disallowed_methods,
    reason = "working files get their names here"
)]
pub(super) fn replace(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).at(to)
}

/// Renames a file to a name that must be free; where the disk knows no second names (FAT), that is asked a moment before.
pub(super) fn rename_new(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !exists(to)? => {
            rename(from, to)
        }
        result => {
            remove_file(from)?;
            result.at(to)?;
            sync(parent(to))
        }
    }
}

/// Removes a file; durable once its folder is synced.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that removes files"
)]
pub(super) fn remove_file(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).at(path)
}

/// Removes a folder with all that is in it, where there is one; durable once the folder above is synced.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that removes folders"
)]
pub(super) fn remove_dir(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.at(path),
    }
}

/// Makes durable the name of a folder and all names below: a process that was killed may have left some that are not.
pub(super) fn sync_tree(root: &Path) -> Result<(), StoreError> {
    sync(parent(root))?;
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for name in entries(&folder)? {
            let path = folder.join(name);
            if fs::symlink_metadata(&path).reading(&path)?.is_dir() {
                open.push(path);
            }
        }
        sync(&folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_lies_in_the_folder_where_the_program_stands() {
        let above = ["a", "a/b", "/a"].map(|path| parent(Path::new(path)));
        assert_eq!(above, [".", "a", "/"].map(Path::new));
    }

    /// A name that no disk takes is one of which it does not say whether it is free.
    #[test]
    fn a_disk_that_does_not_say_is_not_taken_for_nothing_there() {
        let folder = tempfile::tempdir().unwrap();
        let [new, long] = ["new".into(), "a".repeat(999)].map(|name| folder.path().join(name));
        assert!(!exists(&new).unwrap() && exists(folder.path()).unwrap());
        assert!(matches!(exists(&long), Err(StoreError::Read { path, .. }) if path == long));
        write_durably(create(&new).unwrap(), &new, b"new").unwrap();
        assert!(matches!(
            rename_new(&new, &long),
            Err(StoreError::Read { .. })
        ));
        assert_eq!(fs::read(&new).unwrap(), b"new");
    }

    /// No disk gives folders a second name, as some give none to files.
    #[test]
    fn what_can_have_no_second_name_is_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        create_dir(&old).unwrap();
        rename_new(&old, &new).unwrap();
        assert!(!exists(&old).unwrap() && new.is_dir());
    }

    #[test]
    fn a_file_is_no_folder_and_is_not_replaced_by_one_that_must_be_new() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        for (path, bytes) in [(&old, b"old"), (&new, b"new")] {
            write_durably(create(path).unwrap(), path, bytes).unwrap();
        }
        assert!(create_dir(&old).is_err() && remove_dir(&old).is_err());
        assert!(rename_new(&new, &old).is_err());
        assert_eq!(fs::read(&old).unwrap(), b"old");
        assert!(!new.exists(), "what was to be named");
    }
}
