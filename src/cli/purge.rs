//! `heatveil purge`.

use std::path::PathBuf;

use super::print::{answer, answer_json, usage};
use super::run::now as clock;
use super::{Exit, Global};
use crate::Error;
use crate::audit::{RawDeleted, Signer};
use crate::retention::{Due, Purge, due, purge};
use crate::store::layout;

/// Arguments of `heatveil purge`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 3 where something is due, 0 where nothing is.\n\nExamples:\n  \
    heatveil purge tonight\n  \
    heatveil purge tonight --delete"
)]
pub(super) struct PurgeCommand {
    /// Folder of a run
    dir: PathBuf,
    /// Delete what is due and log evidence of it
    #[arg(long)]
    delete: bool,
    /// Seconds since 1970 instead of the clock [default: $`SOURCE_DATE_EPOCH`]
    #[arg(long, value_name = "SECONDS")]
    now: Option<i64>,
    /// Inputs whose whole folder is gone were deleted, not unmounted
    #[arg(long)]
    folders_are_gone: bool,
    /// Key that signs the log [default: the one under DIR/private]
    #[arg(long, value_name = "FILE", env = "HEATVEIL_LOG_KEY")]
    log_key: Option<PathBuf>,
    /// Key of the input commitments, to check inputs by; only the one under DIR/private is ever destroyed [default: that one]
    #[arg(long, value_name = "FILE", env = "HEATVEIL_COMMITMENT_KEY")]
    commitment_key: Option<PathBuf>,
    /// Key that opens sealed inputs: DESTROYED with them when they are due, so that no copy of them can be opened
    #[arg(long, value_name = "FILE")]
    intake_key: Option<PathBuf>,
}

impl PurgeCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let now = self.now.unwrap_or_else(clock);
        if self.delete && now > clock() {
            // The log refuses decisions that are older than its last entry.
            return Ok(usage(
                "--now lies ahead of the clock: that is for listing alone; deleting would lock every decision until then",
            ));
        }
        if self.delete {
            let own = self.dir.join(layout::SIGNING_KEY);
            let done = purge(&Purge {
                folder: &self.dir,
                now,
                log: &Signer::load(&self.log_key.unwrap_or(own))?,
                commitment_key: self.commitment_key.as_deref(),
                intake_key: self.intake_key.as_deref(),
                folders_are_gone: self.folders_are_gone,
            })?;
            for entry in &done {
                told(entry, global);
            }
        }
        let dates = due(&self.dir, now)?;
        for date in &dates {
            listed(date, now, global);
        }
        if dates.is_empty() && !global.json {
            answer("nothing has a date: [survey.retention] was empty when the run began");
        }
        Ok(if dates.iter().any(|date| date.is_due) {
            Exit::Partial
        } else {
            Exit::Done
        })
    }
}

fn listed(date: &Due, now: i64, global: &Global) {
    if global.json {
        return answer_json("status", date);
    }
    let state = match (date.is_due, date.due <= now) {
        (true, _) => "DUE",
        (false, true) => "deleted",
        (false, false) => "not due",
    };
    answer(&format!(
        "{state}: {}, {} files there, due {}",
        date.category,
        date.files,
        day(date.due)
    ));
}

fn told(entry: &RawDeleted, global: &Global) {
    if global.json {
        return answer_json("status", entry);
    }
    answer(&format!(
        "deleted: {} files of {} ({} bytes); {} were gone before, {} are left, {} are other files and stay",
        entry.files, entry.category, entry.bytes, entry.missing, entry.left, entry.other
    ));
    if let Some(key) = &entry.destroyed_key {
        answer(&format!(
            "destroyed: the key of {key}; copies of what was sealed to it are of no use any more, and the key's file says that it was destroyed"
        ));
    }
}

/// The time as people write it, UTC.
fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}
