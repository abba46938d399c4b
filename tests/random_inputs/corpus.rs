//! The corpus of the fuzz targets: inputs each of which reaches code that the others do not.

use test_support::function::Envelope;
use test_support::request::files;

use std::fs;
use std::path::PathBuf;

use crate::checks::{self, Parts};

/// Checks every input. Returns for how many of them `check` returns `true`.
fn count(corpus: &str, check: impl Fn(&[u8]) -> bool) -> usize {
    let counts = |path: &PathBuf| {
        println!("{}", path.display());
        check(&fs::read(path).expect("a file of the corpus"))
    };
    files(corpus).iter().filter(|path| counts(path)).count()
}

#[test]
fn requests_of_the_fuzzing_corpus_are_answered() {
    let requests = count("dev/fuzz/corpus/request", |bytes| {
        let payload = String::from_utf8_lossy(bytes);
        checks::request(&payload);
        Envelope::open(&payload).is_ok()
    });
    assert!(requests > 100, "only {requests} have a response URL");
}

#[test]
fn answers_of_the_fuzzing_corpus_fit_the_size_limit() {
    let answers = count("dev/fuzz/corpus/answer", |bytes| Parts::read(bytes).check());
    assert!(answers > 50, "only {answers} make an answer");
}
