//! The tests that may share a process, as one program: two dozen would each compile and link what they share. Apart, and named in Cargo.toml, are those that
//! count a process's memory, start themselves again, want another feature, or take minutes.

#![expect(clippy::unwrap_used, reason = "test code: helpers unwrap")]

mod answers;
mod architecture;
mod audit_rules;
mod audit_sign_off;
mod audit_tamper;
mod audit_vectors;
mod canaries;
mod carry;
mod cli;
mod common;
mod detector;
mod eval;
mod flights;
mod inputs;
mod lines;
mod noninterference;
mod planted;
mod privacy;
mod report;
mod resume;
mod review;
mod review_limits;
mod same_run;
mod sealed;
mod self_check;
mod simulate;
mod surface;
mod tiles;
