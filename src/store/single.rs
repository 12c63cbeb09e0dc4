//! Single files beside what a run logs, whole or not at all: keys, lists for their owner's eyes, files outside of any output folder.
//!
//! In: bytes or an artifact. Out: a whole, durable file or none; what is private is readable by its owner alone from its first byte on. Refuses: as `store` does.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::disk::{
    create, create_dir, create_private, parent, remove_file, rename, rename_new, sync,
    write_durably,
};
use super::error::IoContext;
use super::{Artifact, Existing, FileArtifact, StoreError, Watch, exists};

/// Writes a file that only its owner may read, such as a key; refuses to replace one.
///
/// # Errors
///
/// [`StoreError::Io`], naming the file; the kind is `AlreadyExists` where it exists.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    check_free(path, Existing::Refuse)?;
    create_dir(parent(path))?;
    // A name of its own: two programs may make a key of one name at once, and only one of them can have made it.
    let mut partial = beside(path).into_os_string();
    partial.push(format!(".{}", std::process::id()));
    let partial = PathBuf::from(partial);
    write_durably(create_private(&partial)?, &partial, bytes)?;
    rename_new(&partial, path)
}

/// Writes something private of an output folder that no run holds, replacing what is there.
///
/// # Errors
///
/// [`StoreError::Io`], naming the file.
pub fn write_private(path: &Path, artifact: &impl Artifact) -> Result<(), StoreError> {
    whole(path, |partial| {
        write_durably(create_private(partial)?, partial, &artifact.bytes())
    })
}

/// Lets `write` write beside `path`, and gives what it wrote that name; where anything fails nothing is left.
fn whole<E: From<StoreError>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let partial = beside(path);
    let written = write(&partial).and_then(|()| Ok(rename(&partial, path)?));
    written.inspect_err(|_| {
        // Where that fails too the next one takes its place; the first error is the one that counts.
        let _ = remove_leftover(&partial);
    })
}

/// Removes the working file that an interrupted run left under a name, so that no library tries to read it.
///
/// # Errors
///
/// [`StoreError::Io`], naming the file.
pub(crate) fn remove_leftover(path: &Path) -> Result<(), StoreError> {
    if exists(path)? {
        remove_file(path)?;
    }
    Ok(())
}

/// Whether [`write_file`] may write there, asked before long work.
///
/// # Errors
///
/// [`StoreError::Io`], naming the file; the kind is `AlreadyExists` where it exists and `existing` does not
/// say to replace it.
pub fn check_free(path: &Path, existing: Existing) -> Result<(), StoreError> {
    if existing != Existing::Replace && exists(path)? {
        let exists = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(exists).at(path);
    }
    Ok(())
}

/// Writes one file beside what a run logs, making its folder where there is none.
///
/// # Errors
///
/// [`StoreError::Io`], naming the file; the kind is `AlreadyExists` where it exists and `existing` does not
/// say to replace it.
pub fn write_file(
    path: &Path,
    artifact: &impl Artifact,
    existing: Existing,
) -> Result<(), StoreError> {
    check_free(path, existing)?;
    create_dir(parent(path))?;
    whole(path, |partial| {
        write_durably(create(partial)?, partial, &artifact.bytes())
    })
}

/// Lets an artifact write one file outside any output folder itself.
///
/// # Errors
///
/// As [`write_file`], and what the artifact's writer says.
pub fn write_large<A: FileArtifact>(
    path: &Path,
    artifact: &A,
    existing: Existing,
) -> Result<(), A::Error>
where
    A::Error: From<StoreError>,
{
    check_free(path, existing)?;
    whole(path, |partial| {
        let watch = Watch::begin();
        watch.end(partial, artifact.write(partial))?;
        Ok(sync(partial)?)
    })
}

/// Opens the path that a [`FileArtifact`] was given, for libraries that write to an open file.
pub(crate) fn create_partial(path: &Path) -> Result<File, StoreError> {
    create(path)
}

/// As [`create_partial`], for libraries whose errors do not say which file it was.
pub(crate) fn create_named(path: &Path) -> Result<NamedFile, StoreError> {
    Ok(NamedFile {
        file: create(path)?,
        path: path.to_path_buf(),
    })
}

/// A file whose errors name it.
#[derive(Debug)]
pub(crate) struct NamedFile {
    file: File,
    path: PathBuf,
}

impl NamedFile {
    fn named<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|source| {
            let path = self.path.clone();
            io::Error::new(source.kind(), StoreError::Io { path, source })
        })
    }
}

impl Write for NamedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.named(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.named(flushed)
    }
}

impl Seek for NamedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let sought = self.file.seek(to);
        self.named(sought)
    }
}

/// Name of a file that is not whole yet.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::Note;
    use super::*;

    /// Writes half of a file, and fails.
    struct Broken;

    impl super::super::sealed::Sealed for Broken {}
    impl FileArtifact for Broken {
        type Error = StoreError;

        fn write(&self, path: &Path) -> Result<(), StoreError> {
            Note("half").write(path)?;
            Err(io::Error::other("broken")).at(path)
        }
    }

    #[test]
    fn a_file_is_whole_under_its_name_and_replaces_another_only_where_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a");
        let read = || fs::read_to_string(&path).unwrap();
        check_free(&path, Existing::Refuse).unwrap();
        write_file(&path, &Note("one"), Existing::Refuse).unwrap();
        assert_eq!(read(), "one");
        for existing in [Existing::Refuse, Existing::Keep] {
            assert!(check_free(&path, existing).is_err());
            assert!(write_file(&path, &Note("two"), existing).is_err());
            assert!(write_large(&path, &Note("two"), existing).is_err());
        }
        assert_eq!(read(), "one");
        write_file(&path, &Note("two"), Existing::Replace).unwrap();
        assert_eq!(read(), "two");
        write_large(&path, &Note("three"), Existing::Replace).unwrap();
        assert_eq!(read(), "three");
        write_private(&path, &Note("four")).unwrap();
        assert_eq!(read(), "four");
        assert!(write_large(&path, &Broken, Existing::Replace).is_err());
        assert_eq!(read(), "four");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_written_into_a_named_file_says_which() {
        let path = Path::new("/dev/full");
        let error = create_named(path).unwrap().write_all(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("/dev/full"), "{error}");
    }

    #[test]
    fn a_named_file_is_written_where_it_is_sought() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = create_named(&path).unwrap();
        file.write_all(b"abcd").unwrap();
        assert_eq!(file.seek(SeekFrom::Start(2)).unwrap(), 2);
        file.write_all(b"X").unwrap();
        assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), 4);
        assert_eq!(fs::read(&path).unwrap(), b"abXd");
    }

    #[test]
    fn a_leftover_goes_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        remove_leftover(&path).unwrap();
        write_private(&path, &Note("left")).unwrap();
        remove_leftover(&path).unwrap();
        assert!(!path.exists());
    }
}
