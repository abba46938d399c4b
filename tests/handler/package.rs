//! What the package must keep to, though nothing would fail to compile without it.

const MANIFEST: &str = include_str!("../../Cargo.toml");
const LOCK: &str = include_str!("../../Cargo.lock");

#[test]
fn a_release_unwinds_so_that_a_panic_is_an_answer_too() {
    let (_, release) = MANIFEST.split_once("[profile.release]").expect("a release profile");
    assert!(release.contains("panic = \"unwind\""), "cargo-lambda sets abort where the manifest is silent");
}

#[test]
fn tls_is_on_ring() {
    assert!(LOCK.contains("name = \"ring\""));
    for other in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls"] {
        assert!(!LOCK.contains(&format!("name = \"{other}\"")), "{other} is in the tree");
    }
}
