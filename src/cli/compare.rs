//! `heatveil compare`.

use std::path::PathBuf;

use super::print::answer;
use super::{Exit, Global};
use crate::Error;
use crate::compare::{self, Change, Claim, Comparison};
use crate::heatloss::Interval;
use crate::store::Existing;

/// Arguments of `heatveil compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil compare winter-2025 winter-2026\n  \
    heatveil compare winter-2025 winter-2026 --out changes --key reviewer/log.vkey")]
pub(super) struct CompareCommand {
    /// Folder of the run before
    before: PathBuf,
    /// Folder of the run after, of the same homes
    after: PathBuf,
    /// Also write changes.csv, changes.gpkg and comparison.json
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace an earlier comparison
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Verifier key of both, received by another way [default: each folder's own]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl CompareCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let key = super::verify::read_key(self.key)?;
        let found = compare::compare(&self.before, &self.after, key.as_deref())?;
        if let Some(out) = &self.out {
            let existing = if self.overwrite {
                Existing::Replace
            } else {
                Existing::Refuse
            };
            compare::write(&found, out, existing)?;
        }
        if global.json {
            for change in &found.changes {
                answer(&Comparison::record(change).to_string());
            }
            answer(&found.summary().to_string());
        } else {
            table(&found);
        }
        Ok(Exit::Done)
    }
}

/// One line a home, then the sums.
fn table(found: &Comparison) {
    let width = found.changes.iter().map(|change| change.id.chars().count());
    let width = width.max().unwrap_or_default().max(4);
    let line = |cells: [&str; 6]| {
        let [id, before, after, change, claim, others] = cells;
        answer(
            format!("{id:width$}  {before:>18}  {after:>18}  {change:>21}  {claim:24}  {others}")
                .trim_end(),
        );
    };
    answer("Heat lost per kelvin between inside and outside, W/m2K, with 90 % intervals.\n");
    line([
        "home",
        "before",
        "after",
        "change",
        "claim",
        "against the others",
    ]);
    for change in &found.changes {
        let [before, after] = &change.per_kelvin;
        line([
            &change.id,
            &figure(before.as_ref(), false),
            &figure(after.as_ref(), false),
            &figure(change.difference.as_ref(), true),
            change.claim.words(),
            &others(change),
        ]);
        if change.claim == Claim::NotCompared {
            answer(&format!("{:width$}  {}", "", change.reason));
        }
    }
    let count = |claim| found.count(claim);
    answer(&format!(
        "\n{} homes: {} lose less, {} lose more, of {} no change can be claimed, {} not compared; {} only before, {} only after",
        found.changes.len(),
        count(Claim::Less),
        count(Claim::More),
        count(Claim::Nothing),
        count(Claim::NotCompared),
        found.alone[0],
        found.alone[1]
    ));
    for note in &found.notes {
        answer(&format!("note: {note}"));
    }
}

fn figure(interval: Option<&Interval>, is_change: bool) -> String {
    interval.map_or_else(String::new, |found| {
        let Interval {
            estimate,
            low,
            high,
        } = found;
        if is_change {
            format!("{estimate:+.2} ({low:+.2}..{high:+.2})")
        } else {
            format!("{estimate:.2} ({low:.2}..{high:.2})")
        }
    })
}

fn others(change: &Change) -> String {
    let known = change.against_others.as_ref();
    known.map_or_else(String::new, |_| {
        format!("{} {}", figure(known, true), change.stands_out.words())
    })
}
