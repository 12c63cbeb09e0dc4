//! Input that means harm, through the real program: files, folders, models and settings that try to crash it, to fill its memory, to keep it
//! busy for ever, to lead it to other files or the network, or to speak through it to whoever reads its results.

#![cfg(all(target_os = "linux", feature = "cli", feature = "onnx"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::format_collect,
    clippy::too_many_lines,
    reason = "test code: helpers unwrap, a figure is a result, and lists of attacks are long"
)]

mod allocations;
mod bench;
mod bombs;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod folders;
mod frames;
mod models;
mod names;
mod served;
mod settings;
mod unending;
