//! What GDAL and the libraries under it say failed: of the disk while something is written, of any kind while it is read.
//!
//! Before version 3.7 GDAL closes a file without a word when its last bytes did not reach the disk (its functions return nothing), and gives blocks of a
//! raster as empty, or the features of a layer as fewer, where it could not read them. Its messages are all there is: they are counted.
//! Refuses: to take for read or written what somebody complained of meanwhile.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use gdal::errors::{CplErrType, GdalError};
use gdal::vector::{Feature, Layer, LayerAccess};

/// `CPLE_FileIO` of GDAL.
const FILE_IO: i32 = 3;

/// Messages about the disk.
struct Failures {
    number: u64,
    last: String,
}

/// Those of this process since it began.
static FAILURES: Mutex<Failures> = Mutex::new(Failures {
    number: 0,
    last: String::new(),
});

thread_local! {
    /// The last failure, of whatever kind, that was told on this thread, or warning that the disk did not give what a file says of itself.
    static SAID: Cell<Option<String>> = const { Cell::new(None) };
}

/// Parts of GDAL's, libtiff's and SQLite's messages about the disk, in lower case. Others are about what is in a file.
const OF_THE_DISK: [&str; 11] = [
    "writ",
    "flush",
    "disk",
    "space",
    "i/o error",
    "io error",
    "input/output",
    "read-only",
    "truncat",
    // libtiff: "Cannot read offset/size for strile around ~1"; a word with a slash may be a path.
    "for strile",
    // SQLite's words for a journal that it cannot make.
    "unable to open database",
];

/// From here on nothing may fail to be written, in whichever thread; where libraries read back what they write, nothing may fail to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Complaints(u64);

impl Complaints {
    /// Begins to listen.
    pub(crate) fn begin() -> Self {
        hear_gdal();
        Self(failures().number)
    }

    /// The last one since, where there was any.
    pub(crate) fn last(self) -> Option<String> {
        let heard = failures();
        (heard.number != self.0).then(|| heard.last.clone())
    }
}

/// What came of reading: an error, too, where GDAL gave something all the same and said on this thread meanwhile that anything failed.
///
/// # Errors
///
/// What `read` holds, else the last complaint.
pub(crate) fn strictly<T>(
    read: impl FnOnce() -> gdal::errors::Result<T>,
) -> gdal::errors::Result<T> {
    hear_gdal();
    SAID.set(None);
    let read = read()?;
    match SAID.take() {
        None => Ok(read),
        Some(msg) => Err(GdalError::CplError {
            class: CplErrType::Failure as u32,
            number: FILE_IO,
            msg,
        }),
    }
}

/// The features of a layer, each read strictly; the first that cannot be read is the last.
pub(crate) fn features<'a>(
    layer: &'a mut Layer<'_>,
) -> impl Iterator<Item = gdal::errors::Result<Feature<'a>>> {
    let (mut features, failed) = match strictly(|| Ok(layer.features())) {
        Ok(features) => (Some(features), None),
        Err(error) => (None, Some(error)),
    };
    let features = each(move || features.as_mut()?.next());
    failed.map(Err).into_iter().chain(features)
}

fn each<T>(mut next: impl FnMut() -> Option<T>) -> impl Iterator<Item = gdal::errors::Result<T>> {
    let mut has_failed = false;
    std::iter::from_fn(move || {
        if has_failed {
            return None;
        }
        let next = strictly(|| Ok(next()));
        has_failed = next.is_err();
        next.transpose()
    })
}

fn hear_gdal() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| gdal::config::set_error_handler(listen));
}

fn failures() -> MutexGuard<'static, Failures> {
    FAILURES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(kind: CplErrType, number: i32, text: &str) {
    let text = &*without_statement(text);
    tracing::debug!("GDAL {kind:?} {number}: {text}");
    if is_failure(kind) || is_unread(text) {
        SAID.set(Some(text.to_owned()));
    }
    failures().hear(kind, text);
}

/// libtiff goes on without a tag that it could not read, such as that of the scale or of missing heights, and says so in a warning: "IO error during reading of
/// (tag); tag ignored".
fn is_unread(text: &str) -> bool {
    // One that libtiff knows by number alone says nothing of heights or places.
    text.contains("IO error during reading of") && !text.contains("of \"Tag ")
}

fn is_failure(kind: CplErrType) -> bool {
    matches!(kind, CplErrType::Failure | CplErrType::Fatal)
}

impl Failures {
    fn hear(&mut self, kind: CplErrType, text: &str) {
        if is_failure(kind) && is_of_the_disk(text) {
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
fn is_of_the_disk(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = lower.split_whitespace();
    let said: Vec<&str> = words
        .filter(|word| {
            !word.contains(['/', '\\']) || word.contains("i/o") || word.contains("input/output")
        })
        .collect();
    let said = said.join(" ");
    OF_THE_DISK.iter().any(|word| said.contains(word))
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
        assert!(is_of_the_disk(&said));
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
        assert!(!is_of_the_disk(unread));
        for failed in [
            "/mnt/a.tif: TIFFAppendToStrip:Write error at scanline 0",
            "/mnt/a.tif, band 1: Input/output error",
            "sqlite3_step: disk I/O error",
        ] {
            assert!(is_of_the_disk(failed), "{failed}");
        }
    }

    #[test]
    fn what_was_read_while_gdal_complained_is_not_taken() {
        assert_eq!(strictly(|| Ok(1)).unwrap(), 1);
        let complain = || {
            listen(CplErrType::Warning, 1, "a tag is odd");
            listen(CplErrType::Failure, 1, "Unterminated object");
            Ok(1)
        };
        let judged = strictly(complain);
        let Err(GdalError::CplError { msg, .. }) = &judged else {
            panic!("{judged:?}");
        };
        assert_eq!(msg, "Unterminated object");
        let odd = || {
            listen(CplErrType::Warning, 1, "a tag is odd");
            Ok(1)
        };
        assert_eq!(strictly(odd).unwrap(), 1, "what came before is over");
        let lost = || {
            let said =
                "TIFFFetchNormalTag:IO error during reading of \"GDALMetadata\"; tag ignored";
            listen(CplErrType::Warning, 1, said);
            Ok(1)
        };
        assert!(strictly(lost).is_err(), "a scale may be lost");
        let private = || {
            let said = "TIFFFetchNormalTag:IO error during reading of \"Tag 50841\"; tag ignored";
            listen(CplErrType::Warning, 1, said);
            Ok(1)
        };
        assert!(strictly(private).is_ok());
        // Said by GDAL itself.
        let path = "/vsimem/heatveil/complaints-cut.geojson";
        gdal::vsi::create_mem_file(
            path,
            br#"{"type":"FeatureCollection","features":["#.to_vec(),
        )
        .unwrap();
        let cut = strictly(|| Ok(gdal::Dataset::open(path).is_ok()));
        assert!(cut.is_err(), "{cut:?}");
    }

    #[test]
    fn what_fails_while_features_are_read_is_the_last_of_them() {
        let mut number = 0;
        let next = || {
            number += 1;
            if number == 2 {
                listen(CplErrType::Failure, 1, "cut");
            }
            Some(number)
        };
        let read: Vec<_> = each(next).take(9).map(Result::ok).collect();
        assert_eq!(read, [Some(1), None]);
        let path = "/vsimem/heatveil/complaints-whole.geojson";
        let point =
            r#"{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}"#;
        let text = format!(r#"{{"type":"FeatureCollection","features":[{point},{point}]}}"#);
        gdal::vsi::create_mem_file(path, text.into_bytes()).unwrap();
        let dataset = gdal::Dataset::open(path).unwrap();
        let mut layer = dataset.layer(0).unwrap();
        assert_eq!(features(&mut layer).flatten().count(), 2);
    }

    /// On values of their own: what this process's libraries say belongs to other tests.
    #[test]
    fn a_failed_write_or_read_is_heard_whoever_reports_it_and_a_missing_file_is_not() {
        let mut heard = Failures {
            number: 0,
            last: String::new(),
        };
        let missing = "a.tif: No such file or directory";
        heard.hear(CplErrType::Failure, missing);
        let meant = "nothing was written, which is meant";
        heard.hear(CplErrType::Warning, meant);
        assert_eq!(heard.number, 0);
        for (number, failed) in [
            (1, "TIFFAppendToStrip:Write error at scanline 0"),
            (
                2,
                "TIFFFetchStripThing:IO error during reading of \"TileOffsets\"",
            ),
            (
                3,
                "_TIFFPartialReadStripArray:Cannot read offset/size for strile around ~1",
            ),
        ] {
            heard.hear(CplErrType::Failure, failed);
            assert_eq!((heard.number, heard.last.as_str()), (number, failed));
        }
    }
}
