//! `heatveil plan`, `work` and `merge`: one run by many workers.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::print::{answer, answer_json, tell};
use super::run::{Teller, inputs, prepare, show};
use super::{Exit, Global};
use crate::Error;
use crate::config::Args;
use crate::run::{Run, RunError, Shard, ShardPlan, check_apart, finish_merged};
use crate::store::Existing;

/// Arguments of `heatveil plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil plan flight/ --out tonight --shards 31\n  \
    heatveil work tonight --shard 0\n  \
    heatveil merge tonight")]
pub(super) struct PlanCommand {
    /// Thermal frames: files, folders, or - for a list of paths on stdin
    ///
    /// However they are given, they are numbered by folder, then by name, numbers in names by their value.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for tiles, log and summary, which all workers see
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Parts to divide the frames into, at most
    #[arg(short = 'n', long, value_name = "N")]
    shards: NonZeroUsize,
    /// Settings (see `heatveil config init`); flags win over the file
    #[arg(short, long, value_name = "FILE", env = "HEATVEIL_CONFIG")]
    config: Option<PathBuf>,
    /// Threads [default: one per core]
    #[arg(short, long, value_name = "N", env = "HEATVEIL_THREADS")]
    threads: Option<NonZeroUsize>,
    /// Follow what people decided about an earlier run of the same inputs and settings (`heatveil review`)
    #[arg(long, value_name = "DIR")]
    reviewed: Option<PathBuf>,
    /// Replace what an earlier run or plan wrote into the folder
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    settings: Args,
}

impl PlanCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        if self.overwrite {
            check_apart(self.config.as_slice(), &self.out)?;
        }
        let settings = self.settings.over(self.config.as_deref())?;
        let text = settings.to_toml()?;
        let run = Run {
            inputs: inputs(&self.inputs)?,
            reviewed: self.reviewed,
            existing: if self.overwrite {
                Existing::Replace
            } else {
                Existing::Refuse
            },
            ..prepare(settings, self.threads, self.out)?
        };
        let plan = run.divide(self.shards, &text, &mut Teller::new(global))?;
        let (frames, shards) = (plan.frames(), plan.shards.len());
        let neighbours: usize = plan.shards.iter().map(Shard::neighbours).sum();
        let out = run.out.display();
        if global.json {
            let answer = serde_json::json!({ "shards": shards, "frames": frames, "neighbours": neighbours, "out": run.out });
            answer_json("planned", &answer);
        } else {
            answer(&format!(
                "{frames} frames in {shards} shards, with at most {neighbours} first looks beside them at borders\n\
                 next: `heatveil work {out} --shard K` for each K from 0 to {}, then `heatveil merge {out}`",
                shards.saturating_sub(1)
            ));
        }
        Ok(Exit::Done)
    }
}

/// Arguments of `heatveil work`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Settings are those of the plan; a flag that is given here wins, for keys and libraries that lie elsewhere on this machine. What changes a published byte must be as it was \
    planned, the paths of surface model (--dsm), outlines and opt-outs too: where these lie elsewhere, give --base, in which relative paths begin."
)]
pub(super) struct WorkCommand {
    /// Folder of the plan
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Number of the shard, from 0 on
    #[arg(short = 'k', long, value_name = "K")]
    shard: usize,
    /// Do it even where it is done
    #[arg(long)]
    again: bool,
    /// Where relative paths begin [default: the folder in which the plan was made]
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Threads [default: one per core]
    #[arg(short, long, value_name = "N", env = "HEATVEIL_THREADS")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    settings: Args,
}

impl WorkCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let run = planned(
            &self.folder,
            self.base.as_deref(),
            self.settings,
            self.threads,
        )?;
        match run.work(self.shard, self.again, &mut Teller::new(global)) {
            Ok(worked) if global.json => answer_json("worked", &worked),
            Ok(worked) if worked.was_done => answer(&format!(
                "shard {} was done before; nothing to do",
                worked.shard
            )),
            Ok(worked) => answer(&format!(
                "shard {}: {} of {} frames may be published",
                worked.shard, worked.frames_published, worked.frames
            )),
            Err(RunError::Interrupted { done, total }) => {
                tell(&format!(
                    "interrupted after {done} of {total} frames; nothing of shard {} counts",
                    self.shard
                ));
                return Ok(Exit::Interrupted);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Exit::Done)
    }
}

/// Arguments of `heatveil merge`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "As `heatveil run` from the last frame on; what is missing or doubtful is refused before anything is published. \
    Interrupted, it goes on when it is given again."
)]
pub(super) struct MergeCommand {
    /// Folder of the plan
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where relative paths begin [default: the folder in which the plan was made]
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Threads [default: one per core]
    #[arg(short, long, value_name = "N", env = "HEATVEIL_THREADS")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    settings: Args,
}

impl MergeCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let merged_before = || {
            tell("it was merged before, and verifies; nothing to do");
            Exit::Done
        };
        let run = match planned(
            &self.folder,
            self.base.as_deref(),
            self.settings,
            self.threads,
        ) {
            Err(Error::Run(RunError::NoPlan { .. })) => {
                finish_merged(&self.folder)?;
                return Ok(merged_before());
            }
            run => Run {
                existing: Existing::Keep,
                ..run?
            },
        };
        match run.merge(&mut Teller::new(global)) {
            Ok(Some(summary)) => Ok(show(&summary, &run.out, global)),
            Ok(None) => Ok(merged_before()),
            Err(RunError::Interrupted { done, total }) => {
                tell(&format!(
                    "interrupted after {done} of {total} frames; give the same command again"
                ));
                Ok(Exit::Interrupted)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The run of a plan, with the plan's settings where none are given, in `base`, else in the folder in which the plan was made.
fn planned(
    folder: &Path,
    base: Option<&Path>,
    given: Args,
    threads: Option<NonZeroUsize>,
) -> Result<Run, Error> {
    let out = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let plan = ShardPlan::read(&out)?;
    let base = base.unwrap_or(&plan.folder);
    if let Err(error) = std::env::set_current_dir(base) {
        tracing::warn!(
            "{} is not there ({error}): relative paths of the plan will not be found",
            base.display()
        );
    }
    let settings = given.or(Args::parse(&plan.settings, &out)?);
    Ok(Run {
        reviewed: plan.reviewed,
        ..prepare(settings, threads, out)?
    })
}
