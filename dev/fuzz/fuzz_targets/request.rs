//! Reads the envelope and the properties of a random payload.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::request(&String::from_utf8_lossy(bytes)));
