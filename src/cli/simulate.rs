//! `heatveil simulate`.

use std::path::PathBuf;

use super::print::answer;
use super::{Exit, Global};
use crate::Error;
use crate::simulate::{self, Options, Preset};
use crate::store::Existing;

/// Arguments of `heatveil simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil simulate --out practice --seed 7 --frames 60\n  \
    heatveil simulate --out fixtures/flight --fixture --overwrite")]
pub(super) struct SimulateCommand {
    /// Folder for frames/ and truth/
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// The only source of randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Frames, three quarters of them straight down, the others oblique
    #[arg(long, value_name = "N", default_value_t = 40)]
    frames: usize,
    /// The small flight in all formats that the tests use; seed and number are its own
    #[arg(long, conflicts_with_all = ["seed", "frames"])]
    fixture: bool,
    /// A camera without noise and drift, and a drone that knows its pose
    #[arg(long)]
    ideal: bool,
    /// Replace an earlier simulation
    #[arg(long)]
    overwrite: bool,
}

impl SimulateCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let options = Options {
            existing: if self.overwrite {
                Existing::Replace
            } else {
                Existing::Refuse
            },
            ideal: self.ideal,
            ..if self.fixture {
                Options::fixture(self.out.clone())
            } else {
                Options {
                    seed: self.seed,
                    preset: Preset::Full {
                        frames: self.frames,
                    },
                    ..Options::fixture(self.out.clone())
                }
            }
        };
        let report = simulate::run(&options)?;
        let (frames, out) = (report.frames, self.out.display());
        answer(&if global.json {
            serde_json::json!({"message_type": "summary", "frames": frames, "out": self.out})
                .to_string()
        } else {
            format!("{frames} frames in {out}/frames, their truth in {out}/truth")
        });
        Ok(Exit::Done)
    }
}
