//! What is made from the schemas is what is committed.

use std::fs;

#[test]
fn every_file_is_current() {
    for (path, text) in schema::files() {
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{} is not current: run make schema", path.display());
    }
}
