//! The parts of an answer, into its body.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::checks::Parts::read(bytes).check();
});
