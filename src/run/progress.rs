//! What a run tells while it works; the library does not know the terminal.

use super::Outcome;
use crate::frame::FrameId;

/// Hears of a run's progress, in order, on the calling thread.
pub trait Progress {
    /// A stage begins: `inspecting`, `redacting`, `mapping`, with the number of things to do.
    fn stage(&mut self, _name: &'static str, _total: usize) {}
    /// One frame has its outcome.
    fn frame(&mut self, _id: FrameId, _file: &std::path::Path, _outcome: &Outcome) {}
    /// One step of a stage that does not work on frames is done.
    fn step(&mut self) {}
    /// Something the operator should know, though the run goes on.
    fn note(&mut self, _text: &str) {}
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
