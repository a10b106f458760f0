//! See `throng_fuzz::TARGETS`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::run("clip", bytes));
