//! Why something was not sealed or opened.

use std::path::PathBuf;

/// Why a sealed file was not opened. The words are for the log too, so they name no file.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No key was given.
    #[error("it is sealed; give the key with --intake-key or survey.intake-key")]
    NoKey,
    /// It was sealed to another key.
    #[error("it is sealed to another key than the one of --intake-key")]
    OtherKey,
    /// It was cut or changed.
    #[error("it is sealed, and was cut or changed since; copy it again")]
    Damaged,
    /// It has more recipients than anybody gives a file.
    #[error(
        "it is sealed to more recipients than are read, {} bytes of them; seal it to one key",
        super::MAX_HEADER
    )]
    Recipients,
    /// It holds more than allowed.
    #[error("it is sealed and holds more bytes than allowed")]
    TooLarge,
}

/// Why an input was not sealed, or a key not taken.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A key could not be read.
    #[error("could not read the intake key {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold one key.
    #[error(
        "{}: not one secret key of age (X25519, AGE-SECRET-KEY-1…); `heatveil seal --key` or `age-keygen` makes one",
        path.display()
    )]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// The key was destroyed with what it had sealed.
    #[error(
        "{}: this key was destroyed, and what was sealed to it is deleted thereby; a new survey needs a new file", path.display()
    )]
    Destroyed {
        /// The file.
        path: PathBuf,
    },
    /// A text is no public key.
    #[error("not a public key of age (age1…): {problem}")]
    Public {
        /// What the library said.
        problem: &'static str,
    },
    /// The library gave up.
    #[error("could not seal: {problem}")]
    Seal {
        /// What the library said.
        problem: String,
    },
    /// Two inputs would have one copy.
    #[error(
        "{} and {} would both become {}; seal them into two folders", inputs[0].display(), inputs[1].display(), target.display()
    )]
    SameName {
        /// The files.
        inputs: [PathBuf; 2],
        /// Their copy.
        target: PathBuf,
    },
    /// A file lies where a copy belongs, and is not the copy.
    #[error(
        "{} is there already and is not this input, sealed to this key; seal into another folder", path.display()
    )]
    OtherCopy {
        /// The file.
        path: PathBuf,
    },
    /// The file is sealed already.
    #[error("{} is sealed already; leave it out", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
