//! Where in the log and in the list of footprints each frame stands, so that a question reads only what it is about.
//!
//! In: `audit/entries.jsonl` and `private/footprints.jsonl`. Out: `private/answers.index`, 64 bytes a frame in the order of frames: a question goes
//! through all of them, which for a million takes milliseconds, and no tree is needed. Refuses: an index of another root of the log (it is made
//! anew), one whose own hash does not fit, lines that are not entries, a log that is no longer the one that was verified.
//!
//! Layout: one line of JSON ([`Header`]), the records, SHA-256 of all that.

mod record;

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::AnswersError;
use crate::audit::{Entry, LinesRoot};
use crate::outside;
use crate::run::FrameFootprint;
use crate::store::{self, Artifact, Store, StoreError, layout, sealed};

pub(super) use record::Record;
use record::{Digest16, NEVER, RECORD, Row, Span, edges};

/// Bytes of the hash at the end.
const HASH: usize = 32;

/// An index, held in memory: 64 bytes a frame.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    header: Header,
    records: Vec<u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
struct Header {
    version: u32,
    /// Tree head of the log, hex: the one that was verified.
    root: String,
    /// Median longitude and latitude of the frames.
    centre: Option<[f64; 2]>,
    has_footprints: bool,
    /// Offset, length and hash of the entries that are about no single frame's way: run, files, decisions.
    others: Vec<(u64, u32, Digest16)>,
}

impl Index {
    /// The index of a folder whose log was verified to have `root`: the one that is there, else a new one, which is kept where the folder can be
    /// written, nobody else holds it and the footprints are there: what was deleted does not come back in it.
    ///
    /// # Errors
    ///
    /// [`AnswersError`] where log or footprints cannot be read.
    pub fn open(folder: &Path, root: &str) -> Result<Self, AnswersError> {
        let path = folder.join(layout::ANSWERS_INDEX);
        let kept = outside::read(&path, LONGEST_INDEX)
            .ok()
            .and_then(|bytes| Self::parse(folder, &bytes));
        if let Some(kept) = kept.filter(|kept| kept.header.root == root) {
            return Ok(kept);
        }
        let index = Self::build(folder, root)?;
        if let Err(error) = index.keep(&path) {
            tracing::warn!("the index is not kept: {error}");
        }
        Ok(index)
    }

    /// Writes the index where there are footprints, while nobody deletes them.
    fn keep(&self, path: &Path) -> Result<(), StoreError> {
        let _held = Store::join(&self.folder)?;
        if self.header.has_footprints && store::exists(&self.folder.join(layout::FOOTPRINTS))? {
            store::write_private(path, self)?;
        }
        Ok(())
    }

    fn parse(folder: &Path, bytes: &[u8]) -> Option<Self> {
        let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
        if Sha256::digest(body)[..] != *hash {
            return None;
        }
        let end = body.iter().position(|&byte| byte == b'\n')?;
        let header: Header = serde_json::from_slice(body.get(..end)?).ok()?;
        let records = body.get(end + 1..)?.to_vec();
        let fits = header.version == 2 && records.len().is_multiple_of(RECORD);
        fits.then(|| Self {
            folder: folder.to_path_buf(),
            header,
            records,
        })
    }

    /// Reads log and footprints once, a line at a time.
    fn build(folder: &Path, root: &str) -> Result<Self, AnswersError> {
        let mut header = Header {
            version: 2,
            root: root.to_owned(),
            centre: None,
            has_footprints: false,
            others: Vec::new(),
        };
        let mut rows: Vec<Row> = Vec::new();
        let mut read_root = LinesRoot::default();
        let log = folder.join(layout::LOG);
        each_line(&log, |offset, line| {
            read_root.push(line);
            let head: Head<'_> = serde_json::from_slice(line).ok()?;
            match (&*head.kind, head.frame) {
                ("frame.ingested", Some(frame)) => {
                    (usize::try_from(frame) == Ok(rows.len())).then_some(())?;
                    rows.push(Row::new(offset, line)?);
                }
                ("frame.detected" | "frame.masked" | "frame.withheld" | "frame.rejected", _) => {
                    rows.last_mut()?.add(line)?;
                }
                ("frame.placed", _) => {}
                _ => {
                    let bytes = u32::try_from(line.len()).ok()?;
                    header.others.push((offset, bytes, Digest16::of(line)));
                }
            }
            Some(())
        })?;
        if read_root.hex() != root {
            return Err(changed(&log));
        }
        let path = folder.join(layout::FOOTPRINTS);
        let (mut longitudes, mut latitudes) = (Vec::new(), Vec::new());
        let read = each_line(&path, |offset, line| {
            let seen = FrameFootprint::from_line(line)?;
            let row = rows.get_mut(usize::try_from(seen.frame).ok()?)?;
            row.footprint = Span::of(offset, line)?;
            row.at = seen.at.unwrap_or(NEVER);
            row.edges = edges(&seen.outlines);
            let first = seen.outlines.first().and_then(|outline| outline.first());
            if let Some([longitude, latitude]) = first {
                longitudes.push(*longitude);
                latitudes.push(*latitude);
            }
            Some(())
        });
        match read {
            Ok(()) => header.has_footprints = true,
            Err(AnswersError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        header.centre = median(&mut longitudes)
            .zip(median(&mut latitudes))
            .map(<[f64; 2]>::from);
        let records = rows.iter().flat_map(Row::bytes).collect();
        Ok(Self {
            folder: folder.to_path_buf(),
            header,
            records,
        })
    }

    /// Frames of the manifest.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.records.len() / RECORD
    }

    /// Median longitude and latitude of the frames; `None` where no frame has a place.
    #[must_use]
    pub fn centre(&self) -> Option<(f64, f64)> {
        self.header.centre.map(<(f64, f64)>::from)
    }

    /// Refuses where nobody can say which frames saw a place.
    ///
    /// # Errors
    ///
    /// [`AnswersError::NoFootprints`].
    pub fn check_footprints(&self) -> Result<(), AnswersError> {
        if self.header.has_footprints {
            return Ok(());
        }
        Err(AnswersError::NoFootprints {
            path: self.folder.join(layout::FOOTPRINTS),
        })
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let (records, _) = self.records.as_chunks::<RECORD>();
        (0..)
            .zip(records)
            .map(|(frame, bytes)| Record::of(frame, bytes))
    }

    /// The entries about no single frame's way: run, files, decisions.
    pub(super) fn others(&self) -> Result<Vec<Entry>, AnswersError> {
        let path = self.folder.join(layout::LOG);
        let mut file = Reading::open(path)?;
        let mut entries = Vec::new();
        for &(offset, bytes, hash) in &self.header.others {
            file.lines(Span { offset, bytes }, Some(hash), |line| {
                Entry::from_line(line).map(|entry| entries.push(entry))
            })?;
        }
        Ok(entries)
    }

    /// The entries and the footprint of each of these frames, in their order.
    pub(super) fn read(
        &self,
        records: &[Record],
        mut found: impl FnMut(&Record, Vec<Entry>, Option<FrameFootprint>) -> Result<(), AnswersError>,
    ) -> Result<(), AnswersError> {
        let mut log = Reading::open(self.folder.join(layout::LOG))?;
        let mut list = if self.header.has_footprints {
            Some(Reading::open(self.folder.join(layout::FOOTPRINTS))?)
        } else {
            None
        };
        for record in records {
            let (mut entries, mut footprint) = (Vec::new(), None);
            log.lines(record.entries, Some(record.hash), |line| {
                let entry = Entry::from_line(line)?;
                (entry.frame_under_way() == Some(record.frame)).then(|| entries.push(entry))
            })?;
            if let Some(list) = list.as_mut().filter(|_| record.footprint.bytes > 0) {
                list.lines(record.footprint, None, |line| {
                    let seen = FrameFootprint::from_line(line)?;
                    (seen.frame == record.frame).then(|| footprint = Some(seen))
                })?;
            }
            found(record, entries, footprint)?;
        }
        Ok(())
    }
}

impl sealed::Sealed for Index {}

impl Artifact for Index {
    fn bytes(&self) -> Cow<'_, [u8]> {
        let mut bytes = serde_json::to_vec(&self.header).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend(&self.records);
        let hash = Sha256::digest(&bytes);
        bytes.extend(&hash[..]);
        bytes.into()
    }
}

/// Type and frame of an entry, without the rest.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    frame: Option<u32>,
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Bytes of an index.
const LONGEST_INDEX: u64 = 1 << 30;

/// Bytes of a line; the rest of a longer one is taken for a line that is not what it should be.
const LONGEST_LINE: u64 = 1 << 20;

/// Calls `take` with each line of a file and where it begins; `None` from it says that the line is not what it should be.
pub(super) fn each_line(
    path: &Path,
    mut take: impl FnMut(u64, &[u8]) -> Option<()>,
) -> Result<(), AnswersError> {
    let failed = |source| AnswersError::Io {
        path: path.to_path_buf(),
        source,
    };
    let mut file = BufReader::with_capacity(1 << 20, outside::file(path).map_err(failed)?);
    let (mut line, mut offset, mut number) = (Vec::new(), 0_u64, 0_u64);
    loop {
        let read = (&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            return Ok(());
        }
        number += 1;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        take(offset, text).ok_or_else(|| AnswersError::Damaged {
            path: path.to_path_buf(),
            line: number,
            problem: "it is not what a run writes",
        })?;
        offset += line.len() as u64;
        line.clear();
    }
}

/// A file is not the one that was verified or indexed.
fn changed(path: &Path) -> AnswersError {
    AnswersError::Damaged {
        path: path.to_path_buf(),
        line: 0,
        problem: "it changed while it was read; ask again",
    }
}

/// A file of which parts are read.
struct Reading {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
}

impl Reading {
    fn open(path: PathBuf) -> Result<Self, AnswersError> {
        match outside::file(&path) {
            Ok(file) => Ok(Self {
                path,
                file,
                bytes: Vec::new(),
            }),
            Err(source) => Err(AnswersError::Io { path, source }),
        }
    }

    /// Calls `take` with each line of a part; `None` from it, or another hash, says that the file changed under the index.
    fn lines(
        &mut self,
        span: Span,
        hash: Option<Digest16>,
        mut take: impl FnMut(&[u8]) -> Option<()>,
    ) -> Result<(), AnswersError> {
        self.bytes
            .resize(usize::try_from(span.bytes).unwrap_or(usize::MAX), 0);
        let Self { path, file, bytes } = self;
        let read = file
            .seek(SeekFrom::Start(span.offset))
            .and_then(|_| file.read_exact(bytes));
        read.map_err(|source| AnswersError::Io {
            path: path.clone(),
            source,
        })?;
        if hash.is_some_and(|hash| hash != Digest16::of(bytes)) {
            return Err(changed(path));
        }
        let mut lines = bytes
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        lines.try_for_each(|line| take(line).ok_or_else(|| changed(path)))
    }
}
