//! `heatveil review`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::print::{answer, answer_json, tell};
use super::run::now;
use super::{Exit, Global};
use crate::Error;
use crate::audit::{self, AuditError, Signer};
use crate::config::Args;
use crate::detect;
use crate::outside;
use crate::review::{Case, Decision, Desk, Margins, People, Proposal, ReviewError};
use crate::seal::IntakeKey;
use crate::store::{self, Existing, layout};

/// Arguments of `heatveil review`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil review tonight list\n  \
    heatveil review tonight show 17 --out 17.png --config heatveil.toml\n  \
    heatveil review tonight approve 17 --hide 312,96,340,132 --key jo.key\n  \
    heatveil review tonight sample --share 0.05 --seed 'a word of the reviewer'\n  \
    heatveil run flight/ --out reviewed --reviewed tonight --config heatveil.toml")]
pub(super) struct ReviewCommand {
    /// Folder of a run
    dir: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List withheld frames, with reasons and decisions
    List,
    /// List published frames to look at, chosen by the log and the reviewer's word
    Sample {
        /// Share of the published frames, above 0 and at most 1
        #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
        share: f64,
        /// A word that the reviewer chooses after the run
        #[arg(long, value_name = "TEXT", default_value = "")]
        seed: String,
    },
    /// Draw a redacted frame with its masks
    Show(Box<Show>),
    /// Publish a frame with the masks of the run, and with these
    Approve {
        #[command(flatten)]
        decide: Decide,
        /// Also hide left,top,right,bottom in pixels; repeat for more
        #[arg(long, value_name = "X0,Y0,X1,Y1", value_parser = boxed)]
        hide: Vec<[u32; 4]>,
    },
    /// Never publish a frame
    Reject {
        #[command(flatten)]
        decide: Decide,
    },
    /// Publish a frame with less hidden: a reason and a second person are required
    Release {
        #[command(flatten)]
        decide: Decide,
        /// Hide nothing in left,top,right,bottom; repeat for more [default: the whole frame]
        #[arg(long, value_name = "X0,Y0,X1,Y1", value_parser = boxed)]
        open: Vec<[u32; 4]>,
        /// Hide left,top,right,bottom all the same; repeat for more
        #[arg(long, value_name = "X0,Y0,X1,Y1", value_parser = boxed)]
        hide: Vec<[u32; 4]>,
        /// Signing key of a second person, where both sit at this machine
        #[arg(long, value_name = "FILE", required_unless_present = "propose")]
        second_key: Option<PathBuf>,
        /// Log nothing yet: write this file for the second person, who countersigns it
        #[arg(long, value_name = "FILE", conflicts_with = "second_key")]
        propose: Option<PathBuf>,
    },
    /// Sign, as the second person, what `release --propose` wrote, and log it
    Countersign {
        /// The proposal
        proposal: PathBuf,
        #[command(flatten)]
        keys: Keys,
    },
    /// Say that a published frame was looked at and is right
    Confirm {
        #[command(flatten)]
        decide: Decide,
    },
}

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
struct Show {
    /// Number of the frame
    frame: u32,
    /// The picture (PNG)
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "underneath"
    )]
    out: Option<PathBuf>,
    /// Show the unredacted frame instead, in coarse blocks on this terminal and nowhere else
    #[arg(long, conflicts_with = "out")]
    underneath: bool,
    /// Show this part of it alone: left,top,right,bottom
    #[arg(long, value_name = "X0,Y0,X1,Y1", value_parser = boxed, requires = "underneath")]
    part: Option<[u32; 4]>,
    /// Settings of the run
    #[arg(short, long, value_name = "FILE", env = "HEATVEIL_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Args,
}

/// Arguments of every decision.
#[derive(Debug, clap::Args)]
struct Decide {
    /// Number of the frame
    frame: u32,
    /// Why, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    keys: Keys,
}

/// Keys that a decision needs.
#[derive(Debug, clap::Args)]
struct Keys {
    /// The reviewer's own signing key, from `heatveil keygen`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Key that signs the log [default: the one under DIR/private]
    #[arg(long, value_name = "FILE", env = "HEATVEIL_LOG_KEY")]
    log_key: Option<PathBuf>,
    /// Key of the input commitments [default: the one under DIR/private]
    #[arg(long, value_name = "FILE", env = "HEATVEIL_COMMITMENT_KEY")]
    commitment_key: Option<PathBuf>,
    /// Key that opens the frame's input, where it is sealed
    #[arg(long, value_name = "FILE", env = "HEATVEIL_INTAKE_KEY")]
    intake_key: Option<PathBuf>,
}

/// More bytes than a line of the log has, which a proposal is.
const LONGEST_PROPOSAL: u64 = 1 << 17;

/// `312,96,340,132`.
fn boxed(text: &str) -> Result<[u32; 4], String> {
    let edges: Option<Vec<u32>> = text
        .split(',')
        .map(|edge| edge.trim().parse().ok())
        .collect();
    let edges = edges.and_then(|edges| <[u32; 4]>::try_from(edges).ok());
    edges.ok_or_else(|| "give four whole numbers: left,top,right,bottom".into())
}

impl ReviewCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let dir = self.dir.as_path();
        let desk = self.what.desk(dir)?;
        match self.what {
            What::List => list(desk.withheld(), global),
            What::Sample { share, seed } => list(desk.sampled(share, &seed)?.into_iter(), global),
            What::Show(show) => show.execute(&desk)?,
            What::Approve { decide, hide } => {
                decide.execute(desk, dir, "approve", [hide, vec![]], None)?;
            }
            What::Reject { decide } => {
                decide.execute(desk, dir, "reject", [vec![], vec![]], None)?;
            }
            What::Confirm { decide } => {
                decide.execute(desk, dir, "confirm", [vec![], vec![]], None)?;
            }
            What::Release {
                decide,
                open,
                hide,
                propose: Some(file),
                ..
            } => decide.propose(desk, [hide, open], &file)?,
            What::Release {
                decide,
                open,
                hide,
                second_key,
                ..
            } => decide.execute(desk, dir, "release", [hide, open], second_key.as_deref())?,
            What::Countersign { proposal, keys } => keys.countersign(desk, dir, &proposal)?,
        }
        Ok(Exit::Done)
    }
}

impl What {
    /// The keys of a decision.
    fn keys(&self) -> Option<&Keys> {
        match self {
            Self::List | Self::Sample { .. } | Self::Show(_) => None,
            Self::Approve { decide, .. }
            | Self::Reject { decide }
            | Self::Release { decide, .. }
            | Self::Confirm { decide } => Some(&decide.keys),
            Self::Countersign { keys, .. } => Some(keys),
        }
    }

    /// The desk of a folder. Where a command over it was stopped half way, a decision ends that first.
    fn desk(&self, dir: &Path) -> Result<Desk, Error> {
        let refused = match Desk::open(dir) {
            Err(refused @ ReviewError::Audit(AuditError::Unverified { .. })) => refused,
            opened => return Ok(opened?),
        };
        let Some(Ok(log)) = self.keys().map(|keys| keys.signer(dir)) else {
            return Err(refused.into());
        };
        audit::complete(dir, &log)?;
        Ok(Desk::open(dir)?)
    }
}

impl Show {
    fn execute(self, desk: &Desk) -> Result<(), Error> {
        let config = self.settings.over(self.config.as_deref())?.resolve()?;
        let margins = Margins::of(&detect::models(&config.detect.choice(1))?);
        let Some(out) = &self.out else {
            return Ok(desk.show_underneath(self.frame, &config, &margins, self.part)?);
        };
        store::check_free(out, Existing::Refuse)?;
        let picture = desk.show(self.frame, &config, &margins)?;
        store::write_file(out, &picture, Existing::Refuse)?;
        answer(&format!(
            "frame {}: {} (emptied magenta, flattened green, finds yellow)",
            self.frame,
            out.display()
        ));
        Ok(())
    }
}

impl Keys {
    /// The key that signs the log, and the desk with what opens its inputs.
    fn open(&self, desk: Desk, dir: &Path) -> Result<(Signer, Desk), Error> {
        Ok((self.signer(dir)?, self.opens(desk)?))
    }

    /// The key that signs the log.
    fn signer(&self, dir: &Path) -> Result<Signer, AuditError> {
        let own = dir.join(layout::SIGNING_KEY);
        Signer::load(self.log_key.as_deref().unwrap_or(&own))
    }

    /// The desk with what opens its inputs.
    fn opens(&self, desk: Desk) -> Result<Desk, Error> {
        let intake = IntakeKey::load_given(self.intake_key.as_deref())?;
        Ok(desk.with_intake_key(intake))
    }

    fn countersign(self, desk: Desk, dir: &Path, file: &Path) -> Result<(), Error> {
        let bytes = outside::read(file, LONGEST_PROPOSAL).map_err(|source| Error::Input {
            path: file.to_path_buf(),
            source,
        })?;
        let proposal = Proposal::parse(&bytes)?;
        let decided = proposal.decided();
        let frame = decided.frame;
        tell(&format!(
            "you sign: frame {frame} is published with less hidden, boxes opened {:?}, boxes hidden besides {:?}, because \u{201c}{}\u{201d}",
            decided.open, decided.hide, decided.reason
        ));
        let (log, desk) = self.open(desk, dir)?;
        let second = Signer::load(&self.key)?;
        let commitment_key = self.commitment_key.as_deref();
        let checkpoint = desk.countersign(proposal, &log, &second, commitment_key, now())?;
        logged(dir, frame, "release", &second, &checkpoint);
        Ok(())
    }
}

impl Decide {
    fn execute(
        self,
        desk: Desk,
        dir: &Path,
        decision: &str,
        boxes: [Vec<[u32; 4]>; 2],
        second: Option<&Path>,
    ) -> Result<(), Error> {
        let (log, desk) = self.keys.open(desk, dir)?;
        let reviewer = Signer::load(&self.keys.key)?;
        let second = second.map(Signer::load).transpose()?;
        let people = People {
            log: &log,
            reviewer: &reviewer,
            second: second.as_ref(),
        };
        let made = self.made(decision, boxes);
        let commitment_key = self.keys.commitment_key.as_deref();
        let checkpoint = desk.decide(made, people, commitment_key, now())?;
        logged(dir, self.frame, decision, &reviewer, &checkpoint);
        Ok(())
    }

    /// Writes the first half of a release. The log's key is not needed for it.
    fn propose(self, desk: Desk, boxes: [Vec<[u32; 4]>; 2], file: &Path) -> Result<(), Error> {
        store::check_free(file, Existing::Refuse)?;
        let desk = self.keys.opens(desk)?;
        let reviewer = Signer::load(&self.keys.key)?;
        let made = self.made("release", boxes);
        let commitment_key = self.keys.commitment_key.as_deref();
        let proposal = desk.propose(made, &reviewer, commitment_key, now())?;
        store::write_file(file, &proposal, Existing::Refuse)?;
        answer(&format!(
            "nothing is logged yet; the second person signs: heatveil review DIR countersign {} --key KEY",
            file.display()
        ));
        Ok(())
    }

    fn made(&self, decision: &str, [hide, open]: [Vec<[u32; 4]>; 2]) -> Decision {
        Decision {
            frame: self.frame,
            decision: decision.to_owned(),
            reason: self.reason.clone(),
            hide,
            open,
        }
    }
}

/// Says what was logged, and what follows from it.
fn logged(dir: &Path, frame: u32, decision: &str, by: &Signer, checkpoint: &str) {
    answer(&format!(
        "frame {frame}: {decision}, signed by {}",
        by.verifier()
    ));
    answer(&format!(
        "the log's new checkpoint (keep a copy elsewhere):\n{}",
        checkpoint.trim_end()
    ));
    if decision != "confirm" {
        answer(&format!(
            "what was published stays as it is; to follow: heatveil run INPUTS --out NEW --reviewed {}",
            dir.display()
        ));
    }
}

fn list(cases: impl Iterator<Item = Case>, global: &Global) {
    let (mut all, mut open) = (0, 0);
    for case in cases {
        all += 1;
        open += usize::from(case.decision.is_none());
        if global.json {
            answer_json("frame", &case);
        } else {
            answer(&words(&case));
        }
    }
    if !global.json {
        answer(&format!("{all} frames, {open} without a decision"));
    }
}

fn words(case: &Case) -> String {
    let file = case.file.as_deref().map(|file| file.display().to_string());
    let mut text = format!(
        "{:>6} {} {}",
        case.frame,
        case.outcome,
        file.unwrap_or_default()
    );
    // Writing to a string cannot fail.
    if let (Some(reason), Some(detail)) = (&case.reason, &case.detail) {
        let _ = write!(text, "\n       {reason}: {detail}");
    }
    if !case.found.is_empty() {
        let found: Vec<String> = case
            .found
            .iter()
            .map(|(class, count)| format!("{class} {count}"))
            .collect();
        let _ = write!(text, "\n       found: {}", found.join(", "));
    }
    if let Some(decision) = &case.decision {
        let _ = write!(
            text,
            "\n       {decision} by {}",
            case.decided_by.join(" and ")
        );
    }
    text
}
