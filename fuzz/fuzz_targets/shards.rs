#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| heatveil::fuzzing::feed("shards", bytes));
