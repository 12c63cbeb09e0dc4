//! Diagnostics on stderr. `RUST_LOG` wins over `-v` and `-q`; `NO_COLOR` is honoured.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

pub(super) fn start(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("heatveil={level},ort=error")));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .without_time()
        .with_target(false)
        .init();
}
