//! Builds the body of an answer from random parts.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::checks::Parts::read(bytes).check();
});
