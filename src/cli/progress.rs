//! Progress on stderr: a bar on a terminal, a line now and then otherwise, or JSON lines.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::print::tell;
use crate::frame::FrameId;
use crate::run::{Outcome, Progress};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum How {
    /// A bar on a terminal, else a line with growing intervals.
    Auto,
    /// Not at all.
    None,
    /// JSON lines on stderr.
    Json,
}

/// The progress the operator chose.
pub(super) fn choose(how: How, quiet: bool) -> Box<dyn Progress> {
    match how {
        How::None => Box::new(crate::run::Silent),
        How::Auto if quiet => Box::new(crate::run::Silent),
        How::Json => Box::new(JsonLines::default()),
        How::Auto if io::stderr().is_terminal() => Box::new(Bar {
            bar: ProgressBar::hidden(),
        }),
        How::Auto => Box::new(Lines::default()),
    }
}

struct Bar {
    bar: ProgressBar,
}

impl Progress for Bar {
    fn stage(&mut self, name: &'static str, total: usize) {
        self.bar.finish_and_clear();
        let style = ProgressStyle::with_template("{msg:>10} {bar:40} {pos}/{len} {per_sec} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::new(total as u64)
            .with_style(style)
            .with_message(name);
    }

    fn frame(&mut self, _id: FrameId, _file: &Path, _outcome: &Outcome) {
        self.bar.inc(1);
    }

    fn step(&mut self) {
        self.bar.inc(1);
    }

    fn note(&mut self, text: &str) {
        self.bar.suspend(|| tell(&format!("note: {text}")));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One line when a stage begins, then at intervals that double up to a minute.
#[derive(Default)]
struct Lines {
    name: &'static str,
    total: usize,
    done: usize,
    last: Option<Instant>,
    pause: Duration,
}

impl Lines {
    fn advance(&mut self) {
        self.done += 1;
        let due = self.last.is_none_or(|last| last.elapsed() >= self.pause);
        if due || self.done == self.total {
            tell(&format!("{}: {} of {}", self.name, self.done, self.total));
            self.last = Some(Instant::now());
            self.pause = (self.pause * 2).clamp(Duration::from_secs(2), Duration::from_mins(1));
        }
    }
}

impl Progress for Lines {
    fn stage(&mut self, name: &'static str, total: usize) {
        *self = Self {
            name,
            total,
            ..Self::default()
        };
    }

    fn frame(&mut self, _id: FrameId, _file: &Path, _outcome: &Outcome) {
        self.advance();
    }

    fn step(&mut self) {
        self.advance();
    }

    fn note(&mut self, text: &str) {
        tell(&format!("note: {text}"));
    }
}

#[derive(Default)]
struct JsonLines {
    stage: &'static str,
    total: usize,
    done: usize,
}

impl JsonLines {
    fn advance(&mut self) {
        self.done += 1;
        let (stage, done, total) = (self.stage, self.done, self.total);
        tell(&serde_json::json!({"message_type": "status", "stage": stage, "done": done, "total": total}).to_string());
    }
}

impl Progress for JsonLines {
    fn stage(&mut self, name: &'static str, total: usize) {
        *self = Self {
            stage: name,
            total,
            done: 0,
        };
    }

    fn frame(&mut self, _id: FrameId, _file: &Path, _outcome: &Outcome) {
        self.advance();
    }

    fn step(&mut self) {
        self.advance();
    }

    fn note(&mut self, text: &str) {
        tell(&serde_json::json!({"message_type": "status", "note": text}).to_string());
    }
}
