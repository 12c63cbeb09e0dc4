//! How long what is kept, in the file only: `[survey.retention]`.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::resolve::out_of_range;

/// Days from the start of the run after which what is due for deletion; what is left out never is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct RetentionArgs {
    /// Input files.
    pub raw_days: Option<u32>,
    /// Redacted working files that a run left which was stopped at its very end; those of an unfinished one go when it is finished or made anew.
    pub working_days: Option<u32>,
    /// The operator's own lists of names.
    pub private_days: Option<u32>,
    /// Key of the input commitments.
    pub commitment_key_days: Option<u32>,
}

/// A century: more is a typing error.
const LONGEST_DAYS: u32 = 36_525;

impl RetentionArgs {
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            raw_days: self.raw_days.or(other.raw_days),
            working_days: self.working_days.or(other.working_days),
            private_days: self.private_days.or(other.private_days),
            commitment_key_days: self.commitment_key_days.or(other.commitment_key_days),
        }
    }

    /// Checks that names and key last as long as the files that are found and checked by them.
    pub(super) fn resolve(self) -> Result<Self, ConfigError> {
        let raw = self.raw_days.unwrap_or_default();
        for (key, days) in [
            ("survey.retention.raw-days", self.raw_days),
            ("survey.retention.working-days", self.working_days),
            ("survey.retention.private-days", self.private_days),
            (
                "survey.retention.commitment-key-days",
                self.commitment_key_days,
            ),
        ] {
            let Some(days) = days else { continue };
            if days > LONGEST_DAYS {
                return Err(out_of_range(key, &days, "at most 36525"));
            }
            if days < raw && key != "survey.retention.working-days" {
                let expected =
                    "at least raw-days: without names and key no input is found and deleted";
                return Err(out_of_range(key, &days, expected));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Args;

    #[test]
    fn names_and_key_last_as_long_as_the_inputs() {
        let resolve = |text: &str| {
            let args: Args = toml::from_str(&format!("[survey.retention]\n{text}")).unwrap();
            args.resolve().map_err(|error| error.to_string())
        };
        let kept =
            resolve("raw-days = 30\nworking-days = 1\nprivate-days = 30\ncommitment-key-days = 31");
        assert_eq!(kept.unwrap().survey.retention.raw_days, Some(30));
        for (text, said) in [
            (
                "raw-days = 30\nprivate-days = 29",
                "private-days = 29 is not at least raw-days",
            ),
            (
                "raw-days = 30\ncommitment-key-days = 0",
                "commitment-key-days = 0",
            ),
            ("raw-days = 40000", "at most 36525"),
        ] {
            let refused = resolve(text).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
