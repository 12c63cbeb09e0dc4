//! Completions and the manual page.

use clap::CommandFactory;

use super::print::product;
use super::{Cli, Exit};
use crate::Error;

/// Arguments of `heatveil completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsCommand {
    /// The shell
    shell: clap_complete::Shell,
}

impl CompletionsCommand {
    pub(super) fn execute(self) -> Result<Exit, Error> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "heatveil", &mut text);
        product(&String::from_utf8_lossy(&text))?;
        Ok(Exit::Done)
    }
}

pub(super) fn man() -> Result<Exit, Error> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .map_err(|source| Error::Input {
            path: "man".into(),
            source,
        })?;
    product(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
