//! The inputs that fuzzing kept because each reaches something that the others don't. They are in `dev/fuzz/corpus`.

use std::fs;

use crate::checks::{self, Parts};
use crate::support::files;

fn each(corpus: &str, check: impl Fn(&[u8])) {
    for file in files(corpus) {
        println!("{}", file.display());
        check(&fs::read(file).expect("a file of the corpus"));
    }
}

#[test]
fn requests_that_fuzzing_kept_are_answered() {
    each("dev/fuzz/corpus/request", |bytes| checks::request(&String::from_utf8_lossy(bytes)));
}

#[test]
fn answers_that_fuzzing_kept_fit() {
    each("dev/fuzz/corpus/answer", |bytes| {
        Parts::read(bytes).check();
    });
}
