//! `heatveil config`: write, show or check a configuration file.

use std::path::PathBuf;

use super::Exit;
use super::print::{answer, product};
use crate::Error;
use crate::config::Args;

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Print a commented configuration file to start from
    Init,
    /// Print the settings that a file makes, defaults left out
    Show {
        /// The file
        file: PathBuf,
    },
    /// Check a file: unknown keys and numbers outside their range are errors
    Check {
        /// The file
        file: PathBuf,
    },
}

/// What `config init` prints.
const TEMPLATE: &str = include_str!("heatveil.toml");

impl ConfigCommand {
    pub(super) fn execute(self) -> Result<Exit, Error> {
        match self {
            Self::Init => product(TEMPLATE.trim_end())?,
            Self::Show { file } => {
                let args = Args::read(&file)?;
                let text = args.to_toml()?;
                args.resolve()?;
                product(text.trim_end())?;
            }
            Self::Check { file } => {
                Args::read(&file)?.resolve()?;
                answer(&format!("{} is valid", file.display()));
            }
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid_with_and_without_its_comments() {
        let parse = |text: &str| toml::from_str::<Args>(text).unwrap().resolve().unwrap();
        let plain = parse(TEMPLATE);
        // What names poses is read when settings are checked, and this file does not exist.
        let uncommented: String = TEMPLATE
            .lines()
            .filter(|line| !line.starts_with("#: poses"))
            .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
            .collect();
        assert_eq!(parse("").policy_sha256(), plain.policy_sha256());
        parse(&uncommented);
    }
}
