//! Diagnostics on stderr, in one colour. `RUST_LOG` wins over `-v` and `-q`.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use super::print::harmless;

pub(super) fn start(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("heatveil={level},ort=error")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Harmless)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .init();
}

/// A line at a time: what is said may name files.
struct Harmless;

impl Write for Harmless {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().lock().write_all(harmless(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
