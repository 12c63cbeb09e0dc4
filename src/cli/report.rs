//! `heatveil report`.

use std::path::PathBuf;

use super::print::{answer, tell};
use super::verify::read_key;
use super::{Exit, Global};
use crate::Error;
use crate::audit::VerifyOptions;
use crate::report::{ReportError, ReportOptions, compose, write};
use crate::store::Existing;

/// Arguments of `heatveil report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil report tonight\n  \
    heatveil report tonight --approver \"A. Approver\" --key example.vkey --overwrite\n  \
    heatveil report final --reviewed tonight\n\n\
    The folder is verified first; where it does not verify, no report is made and the exit code is 4.")]
pub(super) struct ReportCommand {
    /// Folder of a run
    dir: PathBuf,
    /// Folder for the pages [default: DIR/report]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Who answers for the report; without one it is marked as a draft
    #[arg(long, value_name = "NAME")]
    approver: Option<String>,
    /// A checkpoint of the same log that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Verifier key received by another way [default: the folder's own, which proves less]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Folder of the run whose review this one follows: who decided what, and why, stands in its log
    #[arg(long, value_name = "DIR")]
    reviewed: Option<PathBuf>,
    /// Replace the pages of an earlier report
    #[arg(long)]
    overwrite: bool,
}

impl ReportCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let options = ReportOptions {
            approver: self.approver.filter(|name| !name.trim().is_empty()),
            verify: VerifyOptions {
                checkpoint: self.checkpoint,
                key: read_key(self.key)?,
                reviewed: self.reviewed,
                ..VerifyOptions::default()
            },
        };
        let out = self.out.unwrap_or_else(|| self.dir.join("report"));
        let existing = if self.overwrite {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        match compose(&self.dir, &options) {
            Err(error @ ReportError::NotVerified { .. }) => Ok(refuse(&error, global.json)),
            Err(error) => Err(error.into()),
            Ok(pages) => {
                write(&pages, &self.dir, &out, existing)?;
                for page in &pages {
                    let path = out.join(page.name);
                    if global.json {
                        let line = serde_json::json!({ "message_type": "page", "path": path });
                        answer(&line.to_string());
                    } else {
                        answer(&path.display().to_string());
                    }
                }
                Ok(Exit::Done)
            }
        }
    }
}

/// Says why there is no report.
fn refuse(error: &ReportError, json: bool) -> Exit {
    let problems = match error {
        ReportError::NotVerified { problems, .. } => problems.as_slice(),
        _ => &[],
    };
    if json {
        let message = serde_json::json!({
            "message_type": "error", "error": error.to_string(), "problems": problems,
        });
        answer(&message.to_string());
    }
    for problem in problems {
        tell(&format!("problem: {problem}"));
    }
    tell(&format!("error: {error}"));
    Exit::Unverified
}
