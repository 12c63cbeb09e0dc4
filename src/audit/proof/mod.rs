//! Proofs that one published file is in the log (C2SP `tlog-proof@v1`), to be handed on with the file alone.
//!
//! In: a run's folder, or a proof and a file. Out: `audit/proofs/`, or what is wrong. The entry itself travels as the proof's `extra` data:
//! it is not trusted, since its leaf hash must fit the proof. Refuses: to take a hash from a tile that does not give the signed root.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::{Hash, Tile, TileHashReader, TileReader, check_record, prove_record, record_hash};

use super::log::Record;
use super::{AuditError, Entry, PublishedFile, Verification, VerifyOptions, cosign, files, keys};
use crate::hex;
use crate::outside;
use crate::store::{self, Store, StoreError, hash_file, layout};

/// First line of a proof.
const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// An entry that publishes files, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Publication {
    pub(super) index: u64,
    pub(super) line: Vec<u8>,
    pub(super) files: Vec<PublishedFile>,
}

impl Publication {
    /// The entry at `index`, where it publishes files that none before it does.
    pub(super) fn of(index: u64, entry: &Entry, before: &[Self]) -> Option<Self> {
        let files = files::of(entry);
        // Further ranges of frames of the same file.
        let again = |file| {
            before
                .last()
                .is_some_and(|before| before.files.contains(file))
        };
        if files.is_empty() || files.iter().all(again) {
            return None;
        }
        let line = entry.to_line().ok()?;
        Some(Self { index, line, files })
    }
}

/// Hash tiles of a folder that nobody trusts.
struct Tiles<'a>(&'a Path);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| {
            let width = tile.width() as usize;
            let path = super::tree::path(&tile.level().to_string(), tile.level_index(), width);
            let path = format!("{}/{path}", layout::LOG_TILES);
            let failed = tlog_tiles::Error::InvalidInput;
            let bytes = files::read(self.0, &path).map_err(failed)?;
            if bytes.len() != width * 32 {
                return Err(failed(format!("{path} has another length")));
            }
            Ok(bytes)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The proof of a publication under a signed checkpoint over `size` entries.
pub(super) fn proof(
    folder: &Path,
    checkpoint: &[u8],
    (size, root): (u64, Hash),
    publication: &Publication,
) -> Result<Vec<u8>, AuditError> {
    let tiles = Tiles(folder);
    let reader = TileHashReader::new(size, root, &tiles);
    let failed = |error: tlog_tiles::Error| AuditError::Tree {
        problem: error.to_string(),
    };
    let index = publication.index;
    let extra = BASE64_STANDARD.encode(&publication.line);
    let hashes = prove_record(size, index, &reader).map_err(failed)?;
    let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
    let head = format!("{HEAD}\nextra {extra}\nindex {index}");
    let lines = [vec![head], hashes].concat().join("\n");
    Ok([lines.as_bytes(), b"\n\n", checkpoint].concat())
}

/// Writes the proof of every published file under the folder's checkpoint, replacing older ones.
pub(super) fn write_all(
    store: &Store,
    verifier: &str,
    publications: &[Publication],
) -> Result<(), AuditError> {
    let path = store.root().join(layout::CHECKPOINT);
    let checkpoint =
        outside::read(&path, files::LONGEST).map_err(|source| StoreError::Read { path, source })?;
    let damaged = |problem| AuditError::Damaged {
        path: store.root().to_path_buf(),
        problem,
    };
    let head = keys::open_own_checkpoint(&checkpoint, verifier).map_err(damaged)?;
    for publication in publications {
        let text = proof(store.root(), &checkpoint, head, publication)
            .map_err(|error| damaged(error.to_string()))?;
        for file in &publication.files {
            let record = Record(text.clone());
            store.stage(&layout::proof(&file.path), &record)?.commit()?;
        }
    }
    Ok(())
}

/// Says that a folder has none of its proofs: that is no doubt about its files, but somebody took them away.
pub(super) fn missing(folder: &Path, publications: &[Publication]) -> Option<String> {
    let gone = || matches!(store::exists(&folder.join(layout::PROOFS)), Ok(false));
    (!publications.is_empty() && gone()).then(|| {
        format!(
            "{} is not there: no file can be checked apart from the run; `heatveil prove` writes the proofs anew",
            layout::PROOFS
        )
    })
}

/// Whether the proofs of a folder, where it has any, are those of its files under its checkpoint: all of them and no others.
pub(super) fn problems(
    folder: &Path,
    checkpoint: &[u8],
    head: (u64, Hash),
    publications: &[Publication],
) -> Vec<String> {
    match store::exists(&folder.join(layout::PROOFS)) {
        Ok(true) => {}
        Ok(false) => return Vec::new(),
        Err(error) => return vec![error.to_string()],
    }
    let mut problems = Vec::new();
    let mut listed = BTreeSet::new();
    for publication in publications {
        let expected = proof(folder, checkpoint, head, publication);
        for file in &publication.files {
            let path = layout::proof(&file.path);
            match (&expected, files::read(folder, &path)) {
                (Ok(expected), Ok(found)) if *expected == found => {}
                (Ok(_), Ok(_)) => problems.push(format!(
                    "{} is not the proof of its file under this checkpoint; `heatveil prove` writes it anew",
                    path.escape_debug()
                )),
                (Err(error), _) => problems.push(error.to_string()),
                (_, Err(problem)) => problems.push(problem),
            }
            listed.insert(path);
        }
    }
    problems.extend(files::unlisted(folder, layout::PROOFS, |path| {
        listed.contains(path)
    }));
    problems
}

/// A proof as it was read.
#[derive(Debug)]
pub(super) struct Proof {
    line: Vec<u8>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: Vec<u8>,
}

/// Reads a proof; the words say what is wrong otherwise.
pub(super) fn read(bytes: &[u8]) -> Result<Proof, &'static str> {
    let text = std::str::from_utf8(bytes).ok().ok_or("it is not text")?;
    let (head, checkpoint) = text.split_once("\n\n").ok_or("it has no checkpoint")?;
    let mut lines = head.split('\n');
    if lines.next() != Some(HEAD) {
        return Err("it does not begin with c2sp.org/tlog-proof@v1");
    }
    let base64 = |text: &str| BASE64_STANDARD.decode(text).ok();
    let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
    let line = extra
        .and_then(base64)
        .ok_or("it holds no entry as `extra`")?;
    let number = lines.next().and_then(|line| line.strip_prefix("index "));
    let index = number.and_then(|number| {
        let index = number.parse::<u64>().ok()?;
        (index.to_string() == number).then_some(index)
    });
    let hash = |line: &str| base64(line)?.try_into().ok().map(Hash);
    Ok(Proof {
        line,
        index: index.ok_or("it has no index")?,
        hashes: lines
            .map(hash)
            .collect::<Option<_>>()
            .ok_or("a line is not a hash")?,
        checkpoint: checkpoint.as_bytes().to_vec(),
    })
}

/// Checks one published file with its proof alone: `published` is the file, or the folder of its run.
///
/// [`Verification::entries`] and root are those of the checkpoint in the proof.
///
/// # Errors
///
/// [`AuditError::Io`] when the proof or a file that the caller named cannot be read. What is wrong with them is in the result.
pub fn verify_proof(
    published: &Path,
    proof: &Path,
    options: &VerifyOptions,
) -> Result<Verification, AuditError> {
    let bytes = outside::read(proof, files::LONGEST).map_err(|source| AuditError::Io {
        path: proof.to_path_buf(),
        source,
    })?;
    let mut found = Verification::default();
    let read = match read(&bytes) {
        Ok(read) => read,
        Err(problem) => {
            found.problems.push(format!("the proof: {problem}"));
            return Ok(found);
        }
    };
    found.checkpoint = String::from_utf8_lossy(&read.checkpoint).into_owned();
    let Some(key) = key(published, options, &mut found)? else {
        return Ok(found);
    };
    match keys::open_checkpoint(&read.checkpoint, &key) {
        Err(problem) => found
            .problems
            .push(format!("the proof's checkpoint: {problem}")),
        Ok((size, root)) => {
            found.entries = size;
            found.root = hex::encode(&root.0);
            let leaf = record_hash(&read.line);
            if check_record(&read.hashes, size, root, read.index, leaf).is_err() {
                let problem = "the proof does not lead from the entry to the checkpoint's root";
                found.problems.push(problem.into());
            }
        }
    }
    match Entry::from_line(&read.line) {
        None => found
            .problems
            .push("the proof holds no canonical entry".into()),
        Some(entry) => {
            let problem = published_as_logged(published, &files::of(&entry), &mut found.notes)?;
            found.problems.extend(problem);
        }
    }
    let required = cosign::required(options)?;
    found
        .problems
        .extend(required.iter().filter_map(|reviewer| {
            let signed = cosign::signs(reviewer, &read.checkpoint).is_some();
            (!signed).then(|| {
                format!(
                    "the proof's checkpoint bears no cosignature of {}",
                    reviewer.name()
                )
            })
        }));
    Ok(found)
}

fn key(
    published: &Path,
    options: &VerifyOptions,
    found: &mut Verification,
) -> Result<Option<String>, AuditError> {
    if let Some(key) = &options.key {
        return Ok(Some(key.clone()));
    }
    if !published.is_dir() {
        let problem =
            "who signed cannot be told without the log's verifier key; give it with --key";
        found.problems.push(problem.into());
        return Ok(None);
    }
    found.notes.push(super::verify::OWN_KEY.into());
    let path = published.join(layout::VERIFIER_KEY);
    let text = outside::read_text(&path, files::LONGEST);
    text.map(Some)
        .map_err(|source| AuditError::Io { path, source })
}

/// What is wrong with the file; which one it is goes to the notes.
fn published_as_logged(
    published: &Path,
    logged: &[PublishedFile],
    notes: &mut Vec<String>,
) -> Result<Option<String>, AuditError> {
    if logged.is_empty() {
        return Ok(Some("the entry of the proof publishes no file".into()));
    }
    if published.is_dir() {
        let mut problems = logged
            .iter()
            .filter_map(|file| files::changed(published, file));
        return Ok(problems.next());
    }
    let (sha256, bytes) = hash_file(published)?;
    let sha256 = hex::encode(&sha256);
    let same = |file: &&PublishedFile| file.sha256 == sha256 && file.bytes == bytes;
    Ok(match logged.iter().find(same) {
        Some(file) => {
            notes.push(format!(
                "the file was published as {}",
                file.path.escape_debug()
            ));
            None
        }
        None => Some(format!(
            "{} is not the file that the proof is about",
            published.display()
        )),
    })
}

#[cfg(test)]
mod tests;
