//! `heatveil verify`.

use std::path::PathBuf;

use super::print::answer;
use super::{Exit, Global};
use crate::Error;
use crate::audit::{VerifyOptions, verify};

/// Arguments of `heatveil verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil verify tonight --key example.vkey\n  \
    heatveil verify tonight --checkpoint mailed-last-week")]
pub(super) struct VerifyCommand {
    /// Folder of a run
    dir: PathBuf,
    /// A checkpoint of the same log that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Verifier key received by another way [default: the folder's own, which proves less]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// The text of a verifier key.
pub(super) fn read_key(path: Option<PathBuf>) -> Result<Option<String>, Error> {
    let read = |path: PathBuf| {
        std::fs::read_to_string(&path).map_err(|source| Error::Input { path, source })
    };
    path.map(read).transpose()
}

impl VerifyCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let options = VerifyOptions {
            checkpoint: self.checkpoint,
            key: read_key(self.key)?,
        };
        let found = verify(&self.dir, &options)?;
        if global.json {
            answer(
                &serde_json::json!({
                    "message_type": "summary", "ok": found.ok(), "entries": found.entries, "root": found.root,
                    "checkpoint": found.checkpoint, "problems": found.problems, "notes": found.notes,
                })
                .to_string(),
            );
        } else {
            for problem in &found.problems {
                answer(&format!("problem: {problem}"));
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
        Ok(if found.ok() {
            Exit::Done
        } else {
            Exit::Unverified
        })
    }
}
