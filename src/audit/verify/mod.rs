//! Checks a finished run: the log, its signature, the balance of outcomes, every published file, proofs, cosignatures, releases.
//!
//! In: an output folder that nobody trusts. Out: a list of problems, empty when there are none. Refuses:
//! to stop at the first problem, to follow links, to panic on any bytes.
//!
//! The log is read once, 256 lines at a time: what the lines of one block say and hash to is worked out on all cores, and taken in order
//! behind it. Memory does not grow with the log but for a few bits a frame ([`story`]).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tlog_tiles::Hash;

use super::cosign::{self, Cosignature};
use super::lines::{Blocks, Checked};
use super::proof::{self, Publication};
use super::statement::{self, Statement};
use super::story::Story;
use super::tile_files::{compare, work};
use super::tree::{HashTile, Tree};
use super::{AuditError, Entry, PublishedFile, ReleaseApproved, files, follow, keys, reviewers};
use crate::hex;
use crate::outside;
use crate::store::layout;

/// Problems that are told; more are counted. What is wrong a thousand times is wrong.
pub(super) const MOST: usize = 1000;

/// What to check a folder against.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// A checkpoint kept elsewhere: it must be signed by the key and be a prefix of the log.
    pub checkpoint: Option<PathBuf>,
    /// The verifier key, received by another way than the folder.
    pub key: Option<String>,
    /// Verifier keys of people who must have cosigned the finished run, each of them.
    pub cosigners: Vec<String>,
    /// Verifier keys of those who may decide about frames, received by another way; empty takes any that signed.
    pub reviewers: Vec<String>,
    /// Folder of the run whose review is followed; that run must verify too, and its decisions must have been followed.
    pub reviewed: Option<PathBuf>,
}

/// What the check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Entries in the log.
    pub entries: u64,
    /// Tree head, hex.
    pub root: String,
    /// The verifier key that its signature was checked with, `name+id+base64`; empty where there was none.
    pub key: String,
    /// The checkpoint's text.
    pub checkpoint: String,
    /// What is wrong. Any problem means that the run must not be relied on.
    pub problems: Vec<String>,
    /// What the check could not show.
    pub notes: Vec<String>,
    /// Reviewers' cosignatures that hold, with keys from the folder.
    pub cosignatures: Vec<Cosignature>,
    /// Releases that hold: recipient and approver.
    pub releases: Vec<[String; 2]>,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Said where no reviewer's key was given.
const REVIEWERS_KEYS: &str = "the reviewers' keys came from the log itself: give --reviewer with each key received by another way";
pub(super) const OWN_KEY: &str = "the verifier key came from the folder itself: this shows that nothing changed since it was signed, \
     not who signed; give --key with a key received by another way";

/// Blocks that are worked on at a time: 16,384 lines.
const BATCH: usize = 64;

/// Checks the run in `folder`.
///
/// # Errors
///
/// [`AuditError::Io`] when a key or checkpoint that the caller named cannot be read, [`AuditError::Key`] when a reviewer's key is none.
/// What is wrong with the folder is in the result.
pub fn verify(folder: &Path, options: &VerifyOptions) -> Result<Verification, AuditError> {
    Ok(check(folder, options, true)?.result)
}

/// A check, and the entries that publish files.
pub(super) struct Found {
    pub(super) result: Verification,
    pub(super) publications: Vec<Publication>,
}

/// Checks the run in `folder`, its proofs only where asked for.
pub(super) fn check(
    folder: &Path,
    options: &VerifyOptions,
    has_proofs: bool,
) -> Result<Found, AuditError> {
    let required = cosign::required(options)?;
    let mut check = Check::new(folder, &options.reviewers);
    let key = check.key(options);
    check.log_key.clone_from(&key);
    let text = key.as_deref().unwrap_or_default();
    text.trim().clone_into(&mut check.result.key);
    let head = check.checkpoint(options, key.as_deref())?;
    let cosigned = match &key {
        Some(key) => cosign::read(folder, key, &mut check.result.problems),
        None => Vec::new(),
    };
    for one in &cosigned {
        check.claim(&one.path, one.head);
        check.result.cosignatures.push(one.cosignature.clone());
    }
    check.log();
    if let Some((size, _)) = head.filter(|(size, _)| *size < check.tree.size()) {
        let entries = check.tree.size();
        check.problem(format!(
            "the checkpoint covers {size} entries, the log has {entries}"
        ));
    }
    let publications = std::mem::take(&mut check.publications);
    let published: Vec<PublishedFile> = publications
        .iter()
        .flat_map(|publication| publication.files.clone())
        .collect();
    for reviewer in required {
        let key = reviewer.verifier();
        let mut theirs = check.result.cosignatures.iter();
        if !theirs.any(|signed| signed.key == key && signed.size >= check.closed) {
            let problem = format!("{} has not cosigned the finished run", reviewer.name());
            check.problem(problem);
        }
    }
    check.releases(key.as_deref(), &published)?;
    if check.reviews > 0 && options.reviewers.is_empty() {
        check.result.notes.push(REVIEWERS_KEYS.into());
    }
    let follows = check
        .story
        .opened()
        .is_some_and(|run| run.reviewed.is_some());
    let mut result = check.result;
    result.problems.extend(check.story.finish());
    result.problems.extend(files::problems(folder, &published));
    if follows && options.reviewed.is_none() {
        result.notes.push(
            "the run follows a review that was not looked at: give --reviewed with the folder of the reviewed run".into(),
        );
    }
    if let Some(before) = &options.reviewed {
        let of_before = VerifyOptions {
            reviewers: options.reviewers.clone(),
            ..VerifyOptions::default()
        };
        let found = verify(before, &of_before)?.problems.into_iter();
        let found = found.map(|problem| format!("the reviewed run: {problem}"));
        result.problems.extend(found);
        result.problems.extend(follow::problems(folder, before));
    }
    if let Some(head) = head.filter(|head| has_proofs && head.0 == result.entries) {
        let checkpoint = result.checkpoint.as_bytes();
        let problems = proof::problems(folder, checkpoint, head, &publications);
        result.problems.extend(problems);
        result.notes.extend(proof::missing(folder, &publications));
    }
    let more = result.problems.len().saturating_sub(MOST);
    if more > 0 {
        result.problems.truncate(MOST);
        result.problems.push(format!("and {more} problems more"));
    }
    Ok(Found {
        result,
        publications,
    })
}

struct Check<'a> {
    folder: &'a Path,
    result: Verification,
    tree: Tree,
    story: Story,
    publications: Vec<Publication>,
    /// Tree heads that somebody signed, the largest first: what, entries, root.
    claims: Vec<(String, u64, Hash)>,
    releases: Vec<ReleaseApproved>,
    /// The key that signs the log, and those of people who may decide.
    log_key: Option<String>,
    reviewers: &'a [String],
    reviews: u64,
    /// Entries up to `run.closed`, it included.
    closed: u64,
}

impl<'a> Check<'a> {
    fn new(folder: &'a Path, reviewers: &'a [String]) -> Self {
        Self {
            folder,
            result: Verification::default(),
            tree: Tree::default(),
            story: Story::default(),
            publications: Vec::new(),
            claims: Vec::new(),
            releases: Vec::new(),
            log_key: None,
            reviewers,
            reviews: 0,
            closed: 0,
        }
    }

    fn problem(&mut self, problem: impl Into<String>) {
        self.result.problems.push(problem.into());
    }

    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        files::read(self.folder, path)
            .map_err(|problem| self.problem(problem))
            .ok()
    }

    fn key(&mut self, options: &VerifyOptions) -> Option<String> {
        if let Some(key) = &options.key {
            return Some(key.clone());
        }
        self.result.notes.push(OWN_KEY.into());
        self.read(layout::VERIFIER_KEY)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Takes up the signed tree heads that the log must have; returns that of the folder.
    fn checkpoint(
        &mut self,
        options: &VerifyOptions,
        key: Option<&str>,
    ) -> Result<Option<(u64, Hash)>, AuditError> {
        let mut head = None;
        if let Some(bytes) = self.read(layout::CHECKPOINT) {
            self.result.checkpoint = String::from_utf8_lossy(&bytes).into_owned();
            head = key.and_then(|key| {
                self.signed(keys::open_own_checkpoint(&bytes, key), "the checkpoint")
            });
        }
        if let Some(path) = &options.checkpoint {
            let bytes = outside::read(path, files::LONGEST).map_err(|source| AuditError::Io {
                path: path.clone(),
                source,
            })?;
            if let Some(key) = key {
                // Whoever kept it may have had it signed by others too.
                let opened = keys::open_checkpoint(&bytes, key);
                self.signed(opened, "the checkpoint kept elsewhere");
            }
        }
        Ok(head)
    }

    fn signed(&mut self, opened: Result<(u64, Hash), String>, what: &str) -> Option<(u64, Hash)> {
        match opened {
            Ok(head) => {
                self.claim(what, head);
                Some(head)
            }
            Err(problem) => {
                self.problem(format!("{what}: {problem}"));
                None
            }
        }
    }

    fn claim(&mut self, what: &str, (size, root): (u64, Hash)) {
        self.claims.push((what.to_owned(), size, root));
        self.claims.sort_by_key(|claim| std::cmp::Reverse(claim.1));
    }

    /// Reads the log from one end to the other.
    fn log(&mut self) {
        let folder = self.folder;
        let file = files::open(folder, layout::LOG);
        let file = file.map_err(|problem| self.problem(problem));
        if let Ok(file) = file {
            let mut blocks = Blocks::new(file);
            let mut next = blocks.take(BATCH);
            let mut ready = Vec::new();
            while !next.is_empty() || !ready.is_empty() {
                let batch = std::mem::take(&mut next);
                let ((), checked) = rayon::join(
                    || {
                        for block in std::mem::take(&mut ready) {
                            self.take(block);
                        }
                        next = blocks.take(BATCH);
                    },
                    || work(folder, &batch),
                );
                ready = checked;
                if self.result.problems.len() + self.story.problems() > MOST {
                    self.problem("so much is wrong with the log that the rest was not read");
                    break;
                }
            }
            self.result.problems.extend(blocks.problem());
        }
        self.claims_at(&[]);
        for tile in self.tree.partial() {
            self.result.problems.extend(compare(folder, &tile));
        }
        self.result.entries = self.tree.size();
        self.result.root = hex::encode(&self.tree.root().0);
        let size = self.tree.size();
        for (what, claimed, _) in std::mem::take(&mut self.claims) {
            self.problem(format!(
                "{what} covers {claimed} entries, the log has only {size}"
            ));
        }
    }

    /// Compares claims about the tree as it is with fewer than 256 `leaves` more.
    fn claims_at(&mut self, leaves: &[Hash]) {
        let size = self.tree.size() + leaves.len() as u64;
        while let Some((what, _, root)) = self.claims.pop_if(|claim| claim.1 <= size) {
            if root != self.tree.root_with(leaves) {
                self.problem(format!(
                    "{what} has another root over the first {size} entries: the log was changed"
                ));
            }
        }
    }

    fn take(&mut self, block: Checked) {
        self.result.problems.extend(block.problems);
        let first = self.tree.size();
        for (at, entry) in block.entries.into_iter().enumerate() {
            let index = first + at as u64;
            let before = block.leaves.get(..at).unwrap_or_default();
            if self.claims.last().is_some_and(|claim| claim.1 <= index) {
                self.claims_at(before);
            }
            let Some(entry) = entry else {
                self.problem(format!(
                    "line {} is not an entry in canonical form",
                    index + 1
                ));
                continue;
            };
            if let Entry::Review(review) = &entry {
                let root = self.tree.root_with(before);
                let log_key = self.log_key.as_deref();
                let problems = reviewers::problems(review, root, log_key, self.reviewers);
                self.result.problems.extend(problems);
                self.reviews += 1;
            }
            if let Entry::Release(release) = &entry {
                let root = self.tree.root_with(before);
                if release.size != index || release.root != hex::encode(&root.0) {
                    self.problem(
                        "a release names another tree head than the one it was made under",
                    );
                }
                self.releases.push(release.clone());
            }
            if matches!(entry, Entry::RunClosed(_)) && !self.story.is_closed() {
                self.closed = index + 1;
            }
            let publication = Publication::of(index, &entry, &self.publications);
            self.publications.extend(publication);
            self.story.take(&entry);
        }
        let full: Vec<HashTile> = match block.root {
            Some(root) => self.tree.push_tile(root),
            None => block
                .leaves
                .iter()
                .flat_map(|leaf| self.tree.push(*leaf))
                .collect(),
        };
        for tile in full {
            self.result.problems.extend(compare(self.folder, &tile));
        }
    }

    /// Checks the statements of releases: each is the only one that the log allows, and the folder holds no other.
    fn releases(
        &mut self,
        key: Option<&str>,
        published: &[PublishedFile],
    ) -> Result<(), AuditError> {
        let mut listed = BTreeSet::new();
        let opened = self.story.opened().cloned();
        for (number, release) in std::mem::take(&mut self.releases).into_iter().enumerate() {
            let path = layout::statement(number);
            listed.insert(path.clone());
            let Some(bytes) = self.read(&path) else {
                continue;
            };
            let said = statement::open(&bytes).map_err(str::to_owned);
            let said = said.and_then(|(checkpoint, signer)| {
                let (size, root) =
                    keys::open_checkpoint(checkpoint.as_bytes(), key.unwrap_or_default())?;
                if (size, hex::encode(&root.0)) != (release.size, release.root.clone()) {
                    return Err("its checkpoint is not that of its entry".into());
                }
                Ok((checkpoint, signer))
            });
            let (checkpoint, signer) = match said {
                Ok(said) => said,
                Err(problem) => {
                    self.problem(format!("{path}: {problem}"));
                    continue;
                }
            };
            let Some(opened) = &opened else { continue };
            let expected = Statement {
                at: release.at,
                recipient: &release.recipient,
                approver: &release.approver,
                checkpoint: &checkpoint,
                opened,
                files: published,
            };
            let logged = PublishedFile {
                path: path.clone(),
                sha256: release.statement_sha256,
                bytes: bytes.len() as u64,
            };
            if !files::is(&bytes, &logged) || !statement::says(&bytes, &expected)? {
                self.problem(format!("{path} is not the statement of the log"));
                continue;
            }
            self.result.notes.push(format!(
                "released to {:?} by {:?} with the key {signer}",
                release.recipient, release.approver
            ));
            self.result
                .releases
                .push([release.recipient, release.approver]);
        }
        let unlisted = files::unlisted(self.folder, layout::RELEASES, |path| listed.contains(path));
        self.result.problems.extend(unlisted);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
