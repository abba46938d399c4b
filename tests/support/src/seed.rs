//! The seed of tests that try something new in every run.

use std::env;
use std::process::Command;
use std::sync::LazyLock;

/// The seed of this run, which is printed: `SEED`, if it is set; in CI, a number that follows from the commit; a random
/// one otherwise. A test that fails shows the line, and so does `--nocapture`.
pub fn seed() -> u64 {
    println!("SEED={}", *SEED);
    *SEED
}

static SEED: LazyLock<u64> = LazyLock::new(|| {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(seed) = set("SEED") {
        return seed.parse().unwrap_or_else(|error| panic!("SEED={seed}: expected a whole number: {error}"));
    }
    if set("CI").is_none() {
        return fastrand::u64(..);
    }
    let commit = set("GITHUB_SHA").or_else(head).expect("CI is set, but no commit is known: set SEED");
    of_commit(&commit).unwrap_or_else(|| panic!("expected a commit id, found {commit:?}: set SEED"))
});

/// The commit that is checked out here.
fn head() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The first 60 bits of a commit id.
fn of_commit(commit: &str) -> Option<u64> {
    u64::from_str_radix(commit.get(..15)?, 16).ok()
}
