//! `heatveil verify`.

use std::path::PathBuf;

use serde_json::json;

use super::print::answer;
use super::{Exit, Global};
use crate::Error;
use crate::audit::{Verification, VerifyOptions, verify, verify_proof};
use crate::outside;

/// Arguments of `heatveil verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil verify tonight --key example.vkey\n  \
    heatveil verify tonight --checkpoint mailed-last-week\n  \
    heatveil verify temperature.tif --proof temperature.tif.tlog-proof --key example.vkey")]
pub(super) struct VerifyCommand {
    /// Folder of a run; with --proof also one published file alone
    #[arg(value_name = "DIR")]
    published: PathBuf,
    /// A checkpoint of the same log that was kept elsewhere
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    checkpoint: Option<PathBuf>,
    /// Verifier key received by another way [default: the folder's own, which proves less]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Verifier key of a reviewer, received by another way; repeat for more. Others' decisions are problems then
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    reviewer: Vec<PathBuf>,
    /// Verifier key of somebody who must have cosigned the finished run; repeat for more
    #[arg(long, value_name = "FILE")]
    cosigned_by: Vec<PathBuf>,
    /// Folder of the run whose review this one follows: its decisions are compared with what was done
    #[arg(long, value_name = "DIR", conflicts_with = "proof")]
    reviewed: Option<PathBuf>,
    /// Check one file with its proof, without the rest of the run
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
}

/// The text of a verifier key, where one was given.
pub(super) fn read_key(path: Option<PathBuf>) -> Result<Option<String>, Error> {
    path.map(read).transpose()
}

impl VerifyCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let keys = |paths: Vec<PathBuf>| paths.into_iter().map(read).collect::<Result<_, _>>();
        let options = VerifyOptions {
            reviewed: self.reviewed,
            checkpoint: self.checkpoint,
            key: read_key(self.key)?,
            reviewers: keys(self.reviewer)?,
            cosigners: keys(self.cosigned_by)?,
        };
        let found = match self.proof {
            Some(proof) => verify_proof(&self.published, &proof, &options)?,
            None => verify(&self.published, &options)?,
        };
        if global.json {
            answer(&as_json(&found));
        } else {
            tell(&found);
        }
        Ok(if found.ok() {
            Exit::Done
        } else {
            Exit::Unverified
        })
    }
}

/// Reads a key's file.
pub(super) fn read(path: PathBuf) -> Result<String, Error> {
    outside::read_key(&path).map_err(|source| Error::Input { path, source })
}

fn as_json(found: &Verification) -> String {
    let cosignatures = found.cosignatures.iter().map(|signed| {
        json!({"name": signed.name, "key": signed.key, "at": signed.at, "size": signed.size})
    });
    let releases = found
        .releases
        .iter()
        .map(|[recipient, approver]| json!({"recipient": recipient, "approver": approver}));
    json!({
        "message_type": "summary", "ok": found.ok(), "entries": found.entries, "root": found.root,
        "checkpoint": found.checkpoint, "problems": found.problems, "notes": found.notes,
        "cosignatures": cosignatures.collect::<Vec<_>>(), "releases": releases.collect::<Vec<_>>(),
    })
    .to_string()
}

fn tell(found: &Verification) {
    for problem in &found.problems {
        answer(&format!("problem: {problem}"));
    }
    for signed in &found.cosignatures {
        answer(&format!(
            "cosigned: {} of {} entries by {} at {}, key {}",
            signed.size, found.entries, signed.name, signed.at, signed.key
        ));
    }
    for note in &found.notes {
        answer(&format!("note: {note}"));
    }
    let verdict = if found.ok() {
        "verified"
    } else {
        "NOT VERIFIED"
    };
    answer(&format!(
        "{verdict}: {} entries, root {}",
        found.entries, found.root
    ));
}
