//! A payload, as Lambda hands it over, through the envelope and the properties.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::request(&String::from_utf8_lossy(bytes)));
