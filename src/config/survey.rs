//! Who flies, why, for whom, and what becomes of the inputs: `[survey]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, RetentionArgs};

/// Who flies, why, for whom: written to the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Survey"))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct SurveyArgs {
    /// Who is responsible for the survey [default: "not stated"]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "NAME", env = "HEATVEIL_OPERATOR")
    )]
    pub operator: Option<String>,
    /// What the survey is for [default: "not stated"]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "TEXT", env = "HEATVEIL_PURPOSE")
    )]
    pub purpose: Option<String>,
    /// Who will receive the tiles; repeat for more
    #[cfg_attr(feature = "cli", arg(long = "recipient", value_name = "NAME"))]
    pub recipients: Option<Vec<String>>,
    /// Key that opens sealed inputs (`heatveil seal`), which are decrypted in memory alone
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "FILE", env = "HEATVEIL_INTAKE_KEY")
    )]
    pub intake_key: Option<PathBuf>,
    /// How long what is kept.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub retention: RetentionArgs,
}

/// Who flies, why, for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyConfig {
    /// Who is responsible.
    pub operator: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Who receives the tiles.
    pub recipients: Vec<String>,
    /// Key that opens sealed inputs.
    pub intake_key: Option<PathBuf>,
    /// How long what is kept.
    pub retention: RetentionArgs,
}

impl SurveyArgs {
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            operator: self.operator.or(other.operator),
            purpose: self.purpose.or(other.purpose),
            recipients: self.recipients.or(other.recipients),
            intake_key: self.intake_key.or(other.intake_key),
            retention: self.retention.or(other.retention),
        }
    }

    pub(super) fn resolve(self) -> Result<SurveyConfig, ConfigError> {
        Ok(SurveyConfig {
            operator: self.operator,
            purpose: self.purpose,
            recipients: self.recipients.unwrap_or_default(),
            intake_key: self.intake_key,
            retention: self.retention.resolve()?,
        })
    }
}
