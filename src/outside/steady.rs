//! What GDAL says of others' files, held against a disk that fails.
//!
//! From some formats GDAL leaves out, without a word, what the disk does not give: all features of a `GeoJSON` file, the end of a table, a scale that stands in a file
//! beside. Refuses: what is not the same when it is read again (a fault that passed), and files of which some byte cannot be read (one that lasts).

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind::InvalidFilename, ErrorKind::NotFound};
use std::path::{Path, PathBuf};

use gdal::errors::GdalError;

use super::{IN_MEMORY, file, refusal};

/// What GDAL may look for behind the name of a file: metadata, masks, what SQLite has not yet taken over.
const BEHIND: [&str; 5] = [".aux.xml", ".msk", ".hdr", "-wal", "-journal"];

/// What stands beside a file whose name ends so, instead of that end.
const INSTEAD: [(&str, &[&str]); 7] = [
    ("shp", &["shx", "dbf", "prj", "cpg"]),
    ("dbf", &["shp", "shx", "prj", "cpg"]),
    ("tab", &["dat", "map", "id", "ind"]),
    ("mif", &["mid"]),
    ("csv", &["csvt", "prj"]),
    ("gml", &["xsd", "gfs"]),
    ("img", &["ige"]),
];

/// What stands beside others: of grids and world files.
const OTHERWISE: &[&str] = &["hdr", "prj", "aux", "tfw", "blw", "wld"];

/// What `ask` learns from a file through GDAL.
///
/// # Errors
///
/// What `ask` says; what `failed` makes of two answers that differ, or of a byte that cannot be read.
pub(crate) fn steadily<T: PartialEq, E>(
    path: &Path,
    failed: impl Fn(GdalError) -> E,
    ask: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let told = agreed(&failed, ask)?;
    // After GDAL: what failed for both answers fails now.
    every_byte(path).map_err(failed)?;
    Ok(told)
}

/// What is the same when it is asked again.
///
/// # Errors
///
/// What `ask` says; what `failed` makes of two answers that differ.
pub(crate) fn agreed<T: PartialEq, E>(
    failed: impl FnOnce(GdalError) -> E,
    mut ask: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let first = ask()?;
    if ask()? == first {
        return Ok(first);
    }
    Err(failed(refusal(
        "it is not the same when it is read again: something writes to it, or the disk or network that it lies on fails",
    )))
}

/// Reads a file and its [`parts`] to the end, without GDAL.
///
/// # Errors
///
/// What the system says of the first that cannot be read, with its name.
pub(crate) fn every_byte(path: &Path) -> gdal::errors::Result<()> {
    if !path.starts_with(IN_MEMORY) {
        through(path)?;
    }
    beside(path)
}

/// As [`every_byte`], but for the file itself.
///
/// # Errors
///
/// As [`every_byte`].
pub(crate) fn beside(path: &Path) -> gdal::errors::Result<()> {
    parts(path)?.iter().try_for_each(|part| through(part))
}

fn through(path: &Path) -> gdal::errors::Result<()> {
    let read = file(path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
    read.map(drop).map_err(|error| unread(path, &error))
}

/// The plain files beside a file that GDAL takes for parts of it, such as `map.tif.aux.xml` or `map.tfw` beside `map.tif`; none of one in memory.
///
/// # Errors
///
/// Where the system does not say whether there is one.
pub(super) fn parts(path: &Path) -> gdal::errors::Result<Vec<PathBuf>> {
    if path.starts_with(IN_MEMORY) {
        return Ok(Vec::new());
    }
    let behind = BEHIND.iter().map(|end| {
        let mut name = OsString::from(path);
        name.push(end);
        PathBuf::from(name)
    });
    let kind = path.extension().unwrap_or_default().to_ascii_lowercase();
    let known = INSTEAD.iter().find(|(main, _)| kind == *main);
    let instead = known.map_or(OTHERWISE, |(_, parts)| parts);
    let instead = instead.iter().flat_map(|end| {
        let both = [(*end).to_owned(), end.to_uppercase()];
        both.map(|end| path.with_extension(end))
    });
    let mut found = Vec::new();
    for other in behind.chain(instead).filter(|other| other != path) {
        match fs::metadata(&other) {
            Ok(kind) if kind.is_file() => found.push(other),
            Ok(_) => {}
            // A name that is too long is none.
            Err(error) if [NotFound, InvalidFilename].contains(&error.kind()) => {}
            Err(error) => return Err(unread(&other, &error)),
        }
    }
    Ok(found)
}

pub(super) fn unread(path: &Path, error: &io::Error) -> GdalError {
    refusal(&format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_same_twice_is_refused() {
        let path = Path::new("/vsimem/a");
        let failed = |error: GdalError| error.to_string();
        let mut answers = [vec![1, 2], vec![1]].into_iter();
        let refused = steadily(path, failed, || Ok(answers.next().unwrap())).unwrap_err();
        assert!(refused.contains("not the same"), "{refused}");
        assert_eq!(steadily(path, failed, || Ok(vec![1, 2])).unwrap(), [1, 2]);
    }

    /// Reading one's own memory from its start fails with EIO, like a bad block.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_part_of_a_file_that_cannot_be_read_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let bad = |name: &str| std::os::unix::fs::symlink("/proc/self/mem", path(name)).unwrap();
        let failed = |error: GdalError| error.to_string();
        let told = |name: &str| steadily(&path(name), failed, || Ok(1));
        for name in ["List.shp", "List.shx", "other.dbf", "Other.tif"] {
            crate::store::write_secret(&path(name), b"x").unwrap();
        }
        let _folder = tempfile::Builder::new()
            .prefix("List.prj")
            .rand_bytes(0)
            .tempdir_in(folder.path())
            .unwrap();
        for unrelated in ["Lists.dbf", "List.shp.doc", "List.ige"] {
            bad(unrelated);
        }
        assert_eq!(parts(&path("List.shp")).unwrap(), [path("List.shx")]);
        assert_eq!(told("List.shp"), Ok(1));
        for (file, part) in [("List.shp", "List.DBF"), ("Other.tif", "Other.tif.aux.xml")] {
            bad(part);
            let refused = told(file).unwrap_err();
            assert!(
                refused.contains(&format!("{part} cannot be read")),
                "{refused}"
            );
        }
        bad("Bad.shp");
        assert!(told("Bad.shp").is_err());
        assert!(parts(&path(&"a".repeat(250))).unwrap().is_empty());
        assert!(parts(&path("List.shx/a")).is_err(), "the disk does not say");
    }
}
