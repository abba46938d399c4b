//! Settings of the package that the compiler does not check.

const MANIFEST: &str = include_str!("../../Cargo.toml");
const LOCK: &str = include_str!("../../Cargo.lock");

/// The settings of a table in a TOML file, each on a line of its own.
fn table<'a>(file: &'a str, header: &str) -> Vec<&'a str> {
    file.lines().skip_while(|line| *line != header).skip(1).take_while(|line| !line.starts_with('[')).collect()
}

#[test]
fn a_release_build_unwinds_so_that_a_panic_can_be_answered() {
    let release = table(MANIFEST, "[profile.release]");
    assert!(
        release.contains(&r#"panic = "unwind""#),
        "cargo-lambda sets abort where the manifest is silent: {release:?}"
    );
}

#[test]
fn tls_uses_ring_only() {
    let crates: Vec<_> = LOCK.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(crates.contains(&r#""ring""#));
    for other in [r#""aws-lc-rs""#, r#""aws-lc-sys""#, r#""openssl-sys""#, r#""native-tls""#] {
        assert!(!crates.contains(&other), "{other} is in the tree");
    }
}
