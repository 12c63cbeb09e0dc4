//! Why a log could not be written or read. What is wrong with a log is a [`Verification`](super::Verification).

use std::path::PathBuf;

/// Why a log could not be written or read.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file could not be written, or not be read back.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An entry could not be written as JSON.
    #[error("an entry could not be written: {problem}")]
    Entry {
        /// What the serialiser said.
        problem: String,
    },
    /// An entry is longer than an entry bundle can hold.
    #[error("an entry of {bytes} bytes exceeds the limit of 65535")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A key is not what it should be.
    #[error("{what}: {problem}; make one with `heatveil keygen`")]
    Key {
        /// The file or name.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// A log cannot be gone on with.
    #[error("the log in {} cannot be gone on with: {problem}", path.display())]
    Damaged {
        /// The output folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A finished run cannot be gone on with: its folder does not verify, or the new entries do not fit it.
    #[error("{} does not verify and was left as it is: {}", path.display(), problems.join("; "))]
    Unverified {
        /// The output folder.
        path: PathBuf,
        /// What is wrong.
        problems: Vec<String>,
    },
    /// The tree could not be computed.
    #[error("the log's tree: {problem}")]
    Tree {
        /// What went wrong.
        problem: String,
    },
}

impl AuditError {
    /// Whether a key or file that was named is at fault.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Key { .. } | Self::Io { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_named_is_the_callers_fault_and_a_damaged_log_is_not() {
        let problem = String::new;
        let key = AuditError::Key {
            what: "key".into(),
            problem: problem(),
        };
        let damaged = AuditError::Damaged {
            path: PathBuf::new(),
            problem: problem(),
        };
        assert!(key.is_usage() && !damaged.is_usage());
    }
}
