//! The evidence pack: pages by which people who do not trust us, or do not know the program, judge a run.
//!
//! In: the folder of a run that verifies. Out: `report/index.html` (evidence with annexes) and the notice for the public in two sizes of
//! print, each one file without scripts, other files or the network. Refuses: a folder that does not verify, since a page can be
//! cropped, printed and mailed without its warning; anything but entries, model cards and published files: no frame, no file
//! name of an input, nothing of `private/`.
//!
//! The pages are derived: the same folder, options and program give the same bytes (times come from the log). They are not logged, and
//! `heatveil verify` does not look at them: whoever doubts a page makes it again.

mod afterwards;
mod annexes;
mod cards;
mod coverage;
mod error;
mod facts;
mod hidden;
mod intruder;
mod pages;
mod people;
mod reasons;
mod survey;
mod trust;

use std::borrow::Cow;
use std::path::Path;

pub use error::ReportError;

use crate::audit::{VerifyOptions, verify};
use crate::store::{self, Artifact, Existing, sealed};
use facts::Facts;
use trust::Trust;

/// What to say beyond the folder.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// Who answers for the report; without one it is marked as a draft.
    pub approver: Option<String>,
    /// What to check the folder against.
    pub verify: VerifyOptions,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Name of its file.
    pub name: &'static str,
    html: String,
}

impl sealed::Sealed for Page {}

impl Artifact for Page {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.html.as_bytes().into()
    }
}

/// Puts the pages of the run in `folder` together.
///
/// # Errors
///
/// [`ReportError::NotVerified`] when anything is wrong with the folder; others when a file cannot be read.
pub fn compose(folder: &Path, options: &ReportOptions) -> Result<Vec<Page>, ReportError> {
    let found = verify(folder, &options.verify)?;
    if !found.ok() {
        return Err(ReportError::NotVerified {
            folder: folder.to_path_buf(),
            problems: found.problems,
        });
    }
    let mut facts = Facts::read(folder, &found.root)?;
    // It verifies, and is the one that was followed: `verify` saw to both.
    if let (Some(before), Some(named)) = (&options.verify.reviewed, &facts.opened.reviewed) {
        facts.before = Some(Box::new(Facts::read_followed(before, named)?));
    }
    let trust = Trust::new(&found, &options.verify);
    pages::all(folder, &facts, &trust, options.approver.as_deref())
}

/// Writes pages into `out`, making it where it does not exist.
///
/// # Errors
///
/// [`ReportError::Out`] when `out` is one of the folders of the run; [`ReportError::Store`] when a page is there and `existing` does not
/// say to replace it, or cannot be written.
pub fn write(
    pages: &[Page],
    folder: &Path,
    out: &Path,
    existing: Existing,
) -> Result<(), ReportError> {
    if !is_free(folder, out) {
        return Err(ReportError::Out {
            path: out.to_path_buf(),
        });
    }
    for page in pages {
        store::check_free(&out.join(page.name), existing)?;
    }
    for page in pages {
        store::write_file(&out.join(page.name), page, existing)?;
    }
    Ok(())
}

/// Whether `out` is none of the run's own folders: a page in `tiles` would be a file that is not in the log.
fn is_free(folder: &Path, out: &Path) -> bool {
    let real = |path: &Path| {
        let path = &std::path::absolute(path).unwrap_or_else(|_empty| path.to_path_buf());
        let known = path.ancestors().find_map(|above| {
            let rest = path.strip_prefix(above).ok()?;
            Some(above.canonicalize().ok()?.join(rest))
        });
        known.unwrap_or_else(|| path.clone())
    };
    let (folder, out) = (real(folder), real(out));
    let below = out.strip_prefix(&folder).ok();
    let first = below.and_then(|below| below.components().next());
    let own = [
        "audit",
        "buildings",
        "frames",
        "private",
        "release",
        "tiles",
    ];
    first.is_none_or(|first| !own.iter().any(|own| first.as_os_str() == *own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_is_written_into_the_run_s_own_folders() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        for own in ["tiles", "tiles/report", "private", "audit/a/b"] {
            assert!(!is_free(run, &run.join(own)), "{own}");
        }
        for other in ["report", "", "../elsewhere", "tiles-report"] {
            assert!(is_free(run, &run.join(other)), "{other}");
        }
    }
}
