//! The command line: arguments in, answers on stdout, everything else on stderr, an exit code.

mod audit;
mod compare;
mod config;
mod eval;
mod inspect;
mod keys;
mod leave;
mod logging;
mod memory;
mod offline;
mod pages;
mod print;
mod progress;
mod purge;
mod report;
mod review;
mod run;
mod seal;
#[cfg(feature = "serve")]
mod serve;
mod shards;
mod shell;
mod sign_off;
mod simulate;
mod verify;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::Error;
use print::failure;

/// Turns drone thermal frames into heat-loss tiles that show buildings and no people.
#[derive(Debug, Parser)]
#[command(
    name = "heatveil",
    version,
    about,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(after_help = "Examples:\n  \
    heatveil run flight/ --out tonight\n  \
    heatveil verify tonight --key reviewer/log.vkey\n  \
    heatveil inspect flight/DJI_0001_T.JPG")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global")]
pub struct Global {
    /// Answer in JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// How progress is shown on stderr
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    progress: progress::How,
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mask people in a flight's frames and make tiles and a log of them
    Run(Box<run::RunCommand>),
    /// Divide a run into shards for many workers
    Plan(Box<shards::PlanCommand>),
    /// Do one shard of a plan; safe to give again, and twice at once
    Work(Box<shards::WorkCommand>),
    /// Make the run of a plan whose shards are done
    Merge(Box<shards::MergeCommand>),
    /// Copy frames encrypted, so that destroying one key deletes them
    Seal(seal::SealCommand),
    /// Show what files hold, personal data included
    Inspect(inspect::InspectCommand),
    /// Measure detectors on labelled pictures
    Eval(eval::EvalCommand),
    /// Check a run's log and every published file
    Verify(verify::VerifyCommand),
    /// Show a run in a browser on this machine: map, log, review queue
    #[cfg(feature = "serve")]
    Serve(serve::ServeCommand),
    /// Ask a run which frames saw a place, and what became of them
    Audit(Box<audit::AuditCommand>),
    /// Make the evidence pack of a run: report, annexes, notice for the public
    Report(report::ReportCommand),
    /// Sign, as a reviewer, that you saw this log as it stands
    Cosign(sign_off::CosignCommand),
    /// Sign off the published files for a recipient
    Release(sign_off::ReleaseCommand),
    /// Write the proof of every published file anew
    Prove(sign_off::ProveCommand),
    /// Look at withheld frames and decide about them
    Review(review::ReviewCommand),
    /// List what is due for deletion, and delete it
    Purge(purge::PurgeCommand),
    /// Say what changed between two surveys of the same homes
    Compare(compare::CompareCommand),
    /// Make a page for every home of a run, and an overview
    Pages(pages::PagesCommand),
    /// Write a synthetic flight in real file formats, with its truth
    Simulate(simulate::SimulateCommand),
    /// Make a key: of a log, a reviewer, an approver
    Keygen(keys::KeygenCommand),
    /// Write, show or check a configuration file
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print completions for a shell
    Completions(shell::CompletionsCommand),
    /// Print the manual page
    Man,
    /// Do nothing but end (`leave.rs`)
    #[command(name = leave::END_WITH, hide = true)]
    EndWith {
        /// The exit code
        code: u8,
    },
}

/// Exit codes: part of the contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// Failed, nothing usable.
    Failed = 1,
    /// Wrong flags, configuration or input list.
    Usage = 2,
    /// Finished, but some frames were withheld or rejected.
    Partial = 3,
    /// The log or an output does not verify.
    Unverified = 4,
    /// Interrupted after a clean checkpoint.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Parses the arguments, does what they say and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::EndWith { code } = cli.command {
        return code.into();
    }
    begin(&cli);
    let json = cli.global.json;
    let exit = exit_of(json, || cli.execute());
    if exit == Exit::Failed {
        leave::at_once(exit);
    }
    exit.into()
}

/// What holds for the whole process, whatever it is to do.
fn begin(cli: &Cli) {
    logging::start(cli.global.verbose, cli.global.quiet);
    memory::say_only_where();
    memory::start_clean(cli.command.loads_runtime());
    memory::keep_private();
    offline::stay();
}

/// The exit code of what was done. A panic's place was told when it began.
fn exit_of(json: bool, work: impl FnOnce() -> Result<Exit, Error>) -> Exit {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => failure(&error, json),
        Err(_) => Exit::Failed,
    }
}

impl Command {
    /// Whether the library that runs networks is loaded.
    fn loads_runtime(&self) -> bool {
        matches!(
            self,
            Self::Run(_) | Self::Plan(_) | Self::Work(_) | Self::Merge(_) | Self::Eval(_)
        )
    }
}

impl Cli {
    fn execute(self) -> Result<Exit, Error> {
        match self.command {
            Command::Run(command) => command.execute(&self.global),
            Command::Plan(command) => command.execute(&self.global),
            Command::Work(command) => command.execute(&self.global),
            Command::Merge(command) => command.execute(&self.global),
            Command::Seal(command) => command.execute(&self.global),
            Command::Inspect(command) => command.execute(&self.global),
            Command::Eval(command) => command.execute(&self.global),
            Command::Verify(command) => command.execute(&self.global),
            #[cfg(feature = "serve")]
            Command::Serve(command) => command.execute(&self.global),
            Command::Audit(command) => command.execute(&self.global),
            Command::Report(command) => command.execute(&self.global),
            Command::Cosign(command) => command.execute(),
            Command::Release(command) => command.execute(),
            Command::Prove(command) => command.execute(),
            Command::Review(command) => command.execute(&self.global),
            Command::Purge(command) => command.execute(&self.global),
            Command::Compare(command) => command.execute(&self.global),
            Command::Pages(command) => command.execute(&self.global),
            Command::Simulate(command) => command.execute(&self.global),
            Command::Keygen(command) => command.execute(),
            Command::Config(command) => command.execute(),
            Command::Completions(command) => command.execute(),
            Command::Man => shell::man(),
            Command::EndWith { .. } => Ok(Exit::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_wherever_it_comes_from() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        let falls = || pool.install(|| -> Result<Exit, Error> { panic!("told to") });
        assert_eq!(exit_of(false, falls), Exit::Failed);
        assert_eq!(exit_of(false, || Ok(Exit::Partial)), Exit::Partial);
    }

    /// Tells the test below that it is the process that panics.
    const PANICS: &str = "HEATVEIL_TEST_PANICS";
    /// A sample at hand.
    const QUOTED: &str = "21.4375 degrees";

    #[test]
    fn a_panic_says_where_it_was_and_not_what_was_at_hand() {
        if std::env::var_os(PANICS).is_some() {
            begin(&Cli::parse_from(["heatveil", "man"]));
            let falls = || panic!("{QUOTED}");
            assert_eq!(exit_of(false, falls), Exit::Failed);
            return;
        }
        let name = "cli::tests::a_panic_says_where_it_was_and_not_what_was_at_hand";
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(PANICS, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{said}");
        assert!(!said.contains(QUOTED), "{said}");
        let place = concat!("internal error at ", file!(), ":");
        assert!(said.contains(place), "{said}");
    }
}
