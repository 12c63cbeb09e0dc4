//! The `heatveil` command.

fn main() {}
