//! `heatveil keygen`.

use std::path::PathBuf;

use super::Exit;
use super::print::answer;
use crate::Error;
use crate::audit;
use crate::store;

/// Arguments of `heatveil keygen`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil keygen --name example.org/heatveil --out keys/log.key\n  \
    heatveil keygen --name jo.reviewer --out jo.key")]
pub(super) struct KeygenCommand {
    /// Name of the log or person, such as a domain with a path; no spaces, no plus sign
    #[arg(long, value_name = "NAME")]
    name: String,
    /// File for the signing key; the verifier key is written beside it as .vkey
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

impl KeygenCommand {
    pub(super) fn execute(self) -> Result<Exit, Error> {
        let keys = audit::keygen(&self.name)?;
        let public = self.out.with_extension("vkey");
        store::write_secret(&self.out, format!("{}\n", keys.signer).as_bytes())?;
        store::write_secret(&public, format!("{}\n", keys.verifier).as_bytes())?;
        answer(&format!(
            "signing key:  {} (keep it secret)",
            self.out.display()
        ));
        answer(&format!(
            "verifier key: {} (give it to reviewers)",
            public.display()
        ));
        answer(&keys.verifier);
        Ok(Exit::Done)
    }
}
