//! `heatveil cosign`, `heatveil release` and `heatveil prove`: what reviewers and approvers add to a finished run.

use std::path::PathBuf;

use super::Exit;
use super::print::answer;
use super::run::now;
use super::verify::read;
use crate::Error;
use crate::audit::{self, Release, Signer, VerifyOptions};
use crate::store::layout;

/// Arguments of `heatveil cosign`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  heatveil cosign tonight --key jo.key --log-key example.vkey --checkpoint mailed-last-week"
)]
pub(super) struct CosignCommand {
    /// Folder of a finished run
    dir: PathBuf,
    /// Your signing key (heatveil keygen)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The log's verifier key, received by another way [default: the folder's own, which proves less]
    #[arg(long, value_name = "FILE")]
    log_key: Option<PathBuf>,
    /// A checkpoint of the same log that you kept: it must be a beginning of this log
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

impl CosignCommand {
    pub(super) fn execute(self) -> Result<Exit, Error> {
        let reviewer = Signer::load(&self.key)?;
        let options = VerifyOptions {
            checkpoint: self.checkpoint,
            key: self.log_key.map(read).transpose()?,
            ..VerifyOptions::default()
        };
        let signed = match audit::cosign(&self.dir, &reviewer, now(), &options) {
            Ok(signed) => signed,
            Err(error) => return refused(error),
        };
        answer(&format!(
            "cosigned {} entries as {}",
            signed.size, signed.name
        ));
        answer(&signed.key);
        Ok(Exit::Done)
    }
}

/// Arguments of `heatveil release`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  heatveil release tonight --recipient \"Example Council\" --approver \"A. Approver\" --key approver.key"
)]
pub(super) struct ReleaseCommand {
    /// Folder of a finished run
    dir: PathBuf,
    /// Who receives the files
    #[arg(long, value_name = "NAME")]
    recipient: String,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    approver: String,
    /// The approver's signing key (heatveil keygen)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The log's signing key [default: the one that the run made in private/]
    #[arg(long, value_name = "FILE")]
    log_key: Option<PathBuf>,
}

impl ReleaseCommand {
    pub(super) fn execute(self) -> Result<Exit, Error> {
        let own = || self.dir.join(layout::SIGNING_KEY);
        let log = Signer::load(&self.log_key.clone().unwrap_or_else(own))?;
        let approver = Signer::load(&self.key)?;
        let release = Release {
            at: now(),
            recipient: self.recipient,
            approver: self.approver,
        };
        let (path, checkpoint) = match audit::release(&self.dir, &log, &approver, &release) {
            Ok(released) => released,
            Err(error) => return refused(error),
        };
        answer(&format!("released to {}: {path}", release.recipient));
        answer(&checkpoint);
        Ok(Exit::Done)
    }
}

/// Arguments of `heatveil prove`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  heatveil prove tonight")]
pub(super) struct ProveCommand {
    /// Folder of a finished run
    dir: PathBuf,
}

impl ProveCommand {
    pub(super) fn execute(self) -> Result<Exit, Error> {
        let Self { dir } = self;
        let written = match audit::prove(&dir) {
            Ok(written) => written,
            Err(error) => return refused(error),
        };
        answer(&format!(
            "proofs of {written} entries: {}",
            dir.join(layout::PROOFS).display()
        ));
        Ok(Exit::Done)
    }
}

/// A folder that does not verify has its own exit code.
fn refused(error: audit::AuditError) -> Result<Exit, Error> {
    match error {
        audit::AuditError::Unverified { path, problems } => {
            for problem in problems {
                answer(&format!("problem: {problem}"));
            }
            answer(&format!(
                "NOT VERIFIED: {}; nothing was added",
                path.display()
            ));
            Ok(Exit::Unverified)
        }
        error => Err(error.into()),
    }
}
