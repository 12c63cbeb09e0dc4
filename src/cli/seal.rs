//! `heatveil seal`.

use std::path::{Path, PathBuf};

use super::print::{answer, failure};
use super::{Exit, Global};
use crate::Error;
use crate::ingest::{self, Limits};
use crate::seal::{IntakeKey, SealError, SealKey, is_sealed};
use crate::store::{self, Existing};

/// Arguments of `heatveil seal`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 3 where an input could not be read. The inputs stay where they are: delete them on card and drone yourself. Stopped half way, the same command goes on; with \
    --recipient alone nobody can tell whether what is there is the copy, so that it begins in a new folder.\n\nExamples:\n  \
    heatveil seal /media/card/flight --out sealed --key keys/tonight.agekey\n  \
    heatveil run sealed --out tonight --intake-key keys/tonight.agekey\n  \
    heatveil purge tonight --delete --intake-key keys/tonight.agekey"
)]
pub(super) struct SealCommand {
    /// Thermal frames: files or folders
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for the sealed copies, with the names of the inputs and .age behind them
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Key of this survey and of no other; made where there is no such file
    #[arg(long, value_name = "FILE", required_unless_present = "recipient")]
    key: Option<PathBuf>,
    /// Public key (age1…) instead, where the key itself lies elsewhere
    #[arg(long, value_name = "AGE1", conflicts_with = "key")]
    recipient: Option<String>,
}

impl SealCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let files = self.files()?;
        let key = match &self.key {
            Some(path) if store::exists(path)? => Some(IntakeKey::load(path)?),
            Some(path) => Some(IntakeKey::create(path)?),
            None => None,
        };
        let public = match (&key, &self.recipient) {
            (Some(key), _) => key.public(),
            (None, text) => SealKey::parse(text.as_deref().unwrap_or_default())?,
        };
        let limits = Limits::default();
        let (mut there, mut unread) = (0_usize, 0_usize);
        for (file, target) in &files {
            let bytes = match ingest::read(file, &limits) {
                Ok(bytes) => bytes,
                Err(error) => {
                    failure(&error.into(), global.json);
                    unread += 1;
                    continue;
                }
            };
            if is_sealed(&bytes) {
                return Err(SealError::Twice { path: file.clone() }.into());
            }
            if store::exists(target)? {
                there += 1;
            } else {
                let sealed = public.seal(&bytes)?;
                store::write_file(target, &sealed, Existing::Refuse)?;
            }
            if let Some(key) = &key {
                check(target, key, &limits, &bytes)?;
            }
        }
        answer(&format!(
            "{} files sealed to {public} in {}",
            files.len() - unread,
            self.out.display()
        ));
        for (files, what) in [
            (there, "of them were there already"),
            (unread, "could not be read and are NOT sealed"),
        ] {
            if files > 0 {
                answer(&format!("{files} {what}"));
            }
        }
        if let Some(path) = &self.key {
            answer(&format!(
                "the key is {}: without it nobody opens them, and whoever destroys it deletes them",
                path.display()
            ));
        }
        Ok(if unread == 0 {
            Exit::Done
        } else {
            Exit::Partial
        })
    }

    /// Inputs and where their copies go. Refuses two that would have one name.
    fn files(&self) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
        let mut pairs: Vec<(PathBuf, PathBuf)> = Vec::new();
        for input in &self.inputs {
            let found = ingest::discover(std::slice::from_ref(input))?;
            if let Some((path, source)) = found.problems.into_iter().next() {
                return Err(Error::Input { path, source });
            }
            for file in found.files {
                let name = match file.strip_prefix(input) {
                    Ok(below) if !below.as_os_str().is_empty() => below.to_path_buf(),
                    _ => PathBuf::from(file.file_name().unwrap_or_default()),
                };
                let mut target = self.out.join(name).into_os_string();
                target.push(".age");
                pairs.push((file, target.into()));
            }
        }
        let mut seen = std::collections::HashMap::new();
        for (file, target) in &pairs {
            if self.key.is_none() {
                store::check_free(target, Existing::Refuse)?;
            }
            if let Some(other) = seen.insert(target, file) {
                let (inputs, target) = ([other.clone(), file.clone()], target.clone());
                return Err(SealError::SameName { inputs, target }.into());
            }
        }
        Ok(pairs)
    }
}

/// Opens what lies there: whoever deletes the input relies on it.
fn check(target: &Path, key: &IntakeKey, limits: &Limits, bytes: &[u8]) -> Result<(), Error> {
    match ingest::open(target, limits, Some(key)) {
        Ok(opened) if opened.sealed && opened.bytes == bytes => Ok(()),
        _ => Err(SealError::OtherCopy {
            path: target.to_path_buf(),
        }
        .into()),
    }
}
