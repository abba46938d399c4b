//! Short digests for the values of tags.

/// The lowest bits of a text's hash, six in each of `len` characters. A tag may have all these characters. `len` is at most five.
///
/// FNV-1a of 64 bits, folded: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
pub(super) fn digest(text: &str, len: usize) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let folded = hash ^ (hash >> 30);
    (0..len).map(|place| char::from(ALPHABET[(folded >> (6 * place)) as usize % ALPHABET.len()])).collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_versions_make_the_same_digests() {
        assert_eq!(
            (digest("team", 5), digest("team", 4), digest("", 5)),
            ("QSKIx".into(), "QSKI".into(), "3CF6r".into())
        );
    }
}
