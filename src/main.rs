//! The `heatveil` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    heatveil::cli::main()
}
