//! What libraries could not write.
//!
//! Before version 3.7 GDAL closes a file without a word when its last bytes did not reach the disk (its functions return nothing). Its messages are
//! all there is: they are counted, so that a file is not published that lacks a part. Refuses: to go on where anything was not written meanwhile.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use gdal::errors::CplErrType;

use super::disk::{create, parent, remove_file, write_durably};
use super::{PARTIAL, StoreError};

/// Messages about writing.
struct Failures {
    number: u64,
    last: String,
}

/// Those of this process since it began.
static FAILURES: Mutex<Failures> = Mutex::new(Failures {
    number: 0,
    last: String::new(),
});

/// Parts of GDAL's, libtiff's and SQLite's messages about writing, in lower case. Others are about reading, which has an answer of its own.
const WRITING: [&str; 10] = [
    "writ",
    "flush",
    "disk",
    "space",
    "i/o error",
    "io error",
    "input/output",
    "read-only",
    "truncat",
    // SQLite's words for a journal that it cannot make.
    "unable to open database",
];

/// From here to [`Watch::end`] nothing may fail to be written, in whichever thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch(u64);

impl Watch {
    /// Begins to watch.
    pub(crate) fn begin() -> Self {
        static LISTEN: Once = Once::new();
        LISTEN.call_once(|| gdal::config::set_error_handler(listen));
        Self(failures().number)
    }

    /// Whether something could not be written since.
    pub(crate) fn has_failed(self) -> bool {
        failures().number != self.0
    }

    /// What came of writing `path`: an error, too, where it was reported as done.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] with what the disk itself says now; else what `result` holds, or [`StoreError::Library`] where it holds no error.
    pub(crate) fn end<T, E: From<StoreError>>(
        self,
        path: &Path,
        result: Result<T, E>,
    ) -> Result<T, E> {
        let failed = self.has_failed().then(|| failures().last.clone());
        judged(path, failed, result)
    }
}

/// What `result` is worth where a library told meanwhile that something had `failed`.
fn judged<T, E: From<StoreError>>(
    path: &Path,
    failed: Option<String>,
    result: Result<T, E>,
) -> Result<T, E> {
    if result.is_err() || failed.is_some() {
        ask_the_disk(path)?;
    }
    match failed {
        Some(problem) => {
            let path = path.to_path_buf();
            Err(StoreError::Library { path, problem }.into())
        }
        None => result,
    }
}

fn failures() -> MutexGuard<'static, Failures> {
    FAILURES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(kind: CplErrType, number: i32, text: &str) {
    let text = &*without_statement(text);
    tracing::debug!("GDAL {kind:?} {number}: {text}");
    failures().hear(kind, text);
}

impl Failures {
    fn hear(&mut self, kind: CplErrType, text: &str) {
        let is_failure = matches!(kind, CplErrType::Failure | CplErrType::Fatal);
        if is_failure && is_about_writing(text) {
            self.number += 1;
            text.clone_into(&mut self.last);
        }
    }
}

/// GDAL repeats a statement that SQLite refused, with the values in it: `sqlite3_step(INSERT ...): words`, `sqlite3_exec(INSERT ...) failed: words`.
fn without_statement(text: &str) -> Cow<'_, str> {
    let cut = || {
        let name = text.find("sqlite3_")?;
        let start = name + text.get(name..)?.find('(')?;
        let after = text.get(start..)?;
        let end = start + after.rfind("):").or_else(|| after.rfind(") failed:"))? + 1;
        Some((text.get(..start)?, text.get(end..)?))
    };
    match cut() {
        Some((before, after)) => format!("{before}(...){after}").into(),
        None => text.into(),
    }
}

/// By its words, but for those of the file's path, which may lie on `/mnt/disk`.
fn is_about_writing(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = lower.split_whitespace();
    let said: Vec<&str> = words
        .filter(|word| {
            !word.contains(['/', '\\']) || word.contains("i/o") || word.contains("input/output")
        })
        .collect();
    let said = said.join(" ");
    WRITING.iter().any(|word| said.contains(word))
}

/// A library says that it failed, the system says why: a file is written beside `path`.
fn ask_the_disk(path: &Path) -> Result<(), StoreError> {
    // Others may ask about other files at the same time.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let trial = parent(path).join(format!("{PARTIAL}trial~{name}"));
    let room = vec![0; 1 << 16];
    let written = create(&trial).and_then(|file| write_durably(file, path, &room));
    let removed = remove_file(&trial);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `make storage-faults` met it.
    #[test]
    fn a_statement_is_not_repeated_and_what_sqlite_could_not_make_counts() {
        let told = "In ExecuteSQL(): sqlite3_step(INSERT INTO metadata VALUES ('bounds','-2.45,54.59')):\n  unable to open database file";
        let said = without_statement(told);
        assert_eq!(
            said,
            "In ExecuteSQL(): sqlite3_step(...):\n  unable to open database file"
        );
        assert!(is_about_writing(&said));
        let told = "sqlite3_exec(UPDATE gpkg_contents SET min_x = (-2.45)) failed: disk I/O error";
        assert_eq!(
            without_statement(told),
            "sqlite3_exec(...) failed: disk I/O error"
        );
        for other in [
            "no statement (at all): none",
            "(a): sqlite3_step(b failed",
            "sqlite3_open() failed",
            "",
        ] {
            assert_eq!(without_statement(other), other);
        }
    }

    #[test]
    fn a_path_says_nothing_about_writing() {
        let unread =
            "/mnt/disk/space/a.tif: TIFFReadDirectory:Failed to read directory at offset 8";
        assert!(!is_about_writing(unread));
        for failed in [
            "/mnt/a.tif: TIFFAppendToStrip:Write error at scanline 0",
            "/mnt/a.tif, band 1: Input/output error",
            "sqlite3_step: disk I/O error",
        ] {
            assert!(is_about_writing(failed), "{failed}");
        }
    }

    /// On values of their own: what this process's libraries say belongs to other tests.
    #[test]
    fn a_failed_write_is_seen_whoever_reports_it_and_a_failed_read_is_not() {
        let mut heard = Failures {
            number: 0,
            last: String::new(),
        };
        let unread = "a.tif: No such file or directory";
        heard.hear(CplErrType::Failure, unread);
        let meant = "nothing was written, which is meant";
        heard.hear(CplErrType::Warning, meant);
        assert_eq!(heard.number, 0);
        let failed = "TIFFAppendToStrip:Write error at scanline 0";
        heard.hear(CplErrType::Failure, failed);
        assert_eq!((heard.number, heard.last.as_str()), (1, failed));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(judged(&path, None, Ok::<_, StoreError>(())).is_ok());
        let told = judged(&path, Some(heard.last), Ok::<_, StoreError>(())).unwrap_err();
        assert!(told.to_string().contains(&path.display().to_string()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_the_disk_itself_says_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone/a");
        let unread = StoreError::Library {
            path: gone.clone(),
            problem: "unread".into(),
        };
        let why = |failed, result: Result<(), StoreError>| judged(&gone, failed, result);
        for judged in [why(Some("failed".into()), Ok(())), why(None, Err(unread))] {
            assert!(matches!(judged, Err(StoreError::Io { .. })), "{judged:?}");
        }
        assert!(why(None, Ok(())).is_ok());
    }
}
