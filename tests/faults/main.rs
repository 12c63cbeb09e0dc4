//! Nothing lost, nothing leaked, whatever happens to the program or the disk under it: the real program is killed, its calls to the
//! operating system fail, and the power goes. `docs/assurance.md` holds the results of the long ones.

#![cfg(all(target_os = "linux", feature = "cli", feature = "onnx"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::format_collect,
    reason = "test code: helpers unwrap, and the counts are the result"
)]

mod after;
mod bench;
mod canary;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod given;
mod inject;
mod kill;
