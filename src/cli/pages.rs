//! `heatveil pages`.

use std::path::PathBuf;

use super::print::answer;
use super::{Exit, Global};
use crate::Error;
use crate::pages::{self, PagesError, PagesOptions};
use crate::published::Published;
use crate::store::Existing;

/// Arguments of `heatveil pages`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil pages tonight --out pages\n  \
    heatveil pages tonight --out letters --with-uprn --key reviewer/log.vkey")]
pub(super) struct PagesCommand {
    /// Folder of a run with a table of buildings
    dir: PathBuf,
    /// Folder for the pages, not within the run's
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Show names of the source and property numbers on the pages
    #[arg(long)]
    with_uprn: bool,
    /// Replace earlier pages
    #[arg(long)]
    overwrite: bool,
    /// Verifier key received by another way [default: the folder's own]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl PagesCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let key = super::verify::read_key(self.key)?;
        let run = Published::open(&self.dir, key.as_deref()).map_err(PagesError::from)?;
        let options = PagesOptions {
            with_uprn: self.with_uprn,
        };
        let existing = if self.overwrite {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let homes = pages::write(&run, options, &self.out, existing)?;
        answer(&if global.json {
            serde_json::json!({"message_type": "summary", "homes": homes, "out": self.out})
                .to_string()
        } else {
            format!("{homes} homes in {}/index.html", self.out.display())
        });
        Ok(Exit::Done)
    }
}
