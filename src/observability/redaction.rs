//! Removes credentials and signatures from text of any origin.

use std::ops::Range;

/// Replaces the values of the names that AWS gives to secrets in headers, queries and messages.
pub(crate) fn redact_credentials(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let values = NAMES.iter().flat_map(|(name, separators)| {
        let names = lower.match_indices(name);
        names.filter_map(|(index, _)| value_at(&lower, index + name.len(), separators))
    });
    let mut values: Vec<_> = values.collect();
    values.sort_by_key(|value| value.start);

    let mut clean = String::new();
    let mut done = 0;
    for value in values {
        if value.start >= done {
            clean.push_str(&text[done..value.start]);
            clean.push_str(REDACTED);
            done = value.end;
        }
    }
    clean + &text[done..]
}

/// The value that follows a name and one of the separators.
fn value_at(lower: &str, end_of_name: usize, separators: &[&str]) -> Option<Range<usize>> {
    let quotes = |c: char| matches!(c, '"' | '\'' | '\\' | ' ');
    let after = lower[end_of_name..].trim_start_matches(quotes);
    let value = separators.iter().find_map(|separator| after.strip_prefix(separator))?.trim_start_matches(quotes);
    let start = lower.len() - value.len();
    let length = value.find(|c: char| c.is_whitespace() || ENDS.contains(c)).unwrap_or(value.len());
    (length > 0).then_some(start..start + length)
}

const REDACTED: &str = "[secret]";
/// Names in lower case, and what separates them from their values. "Signature:" and "Credential:" are prose.
const NAMES: &[(&str, &[&str])] = &[
    ("credential", &["=", "%3d"]),
    ("secretaccesskey", &["=", ":"]),
    ("security-token", &["=", "%3d", ":"]),
    ("securitytoken", &["=", ":"]),
    ("sessiontoken", &["=", ":"]),
    ("session-token", &["=", ":"]),
    ("signature", &["=", "%3d"]),
];
/// Characters that no value contains. A bracket begins a value that is already redacted.
const ENDS: &str = "\"'\\,;&<>()[]{}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_in_every_form_of_quoting() {
        for (text, clean) in [
            (
                "Authorization=AWS4-HMAC-SHA256 Credential=AKIA/2026/us-east-1, SignedHeaders=host, Signature=0a1b",
                "Authorization=AWS4-HMAC-SHA256 Credential=[secret], SignedHeaders=host, Signature=[secret]",
            ),
            ("'POST\nx-amz-security-token:IQoJ+/=\nhost:h'", "'POST\nx-amz-security-token:[secret]\nhost:h'"),
            (r#"{"X-Amz-Security-Token": "IQoJ", "a": 1}"#, r#"{"X-Amz-Security-Token": "[secret]", "a": 1}"#),
            (r#""{\"x-amz-security-token\": \"IQoJ\"}""#, r#""{\"x-amz-security-token\": \"[secret]\"}""#),
            (
                "https://h/p?X-Amz-Credential=A%2F1&X-Amz-Signature=0a",
                "https://h/p?X-Amz-Credential=[secret]&X-Amz-Signature=[secret]",
            ),
            ("X-Amz-Signature%3D0a1b", "X-Amz-Signature%3D[secret]"),
            ("a SecretAccessKey: wJalr, b", "a SecretAccessKey: [secret], b"),
        ] {
            assert_eq!(redact_credentials(text), clean);
        }
    }

    #[test]
    fn prose_about_secrets_is_unchanged() {
        for text in [
            "The request signature we calculated does not match the signature you provided.",
            "Signature expired: 20261123T101500Z is now earlier than 20261123T102000Z",
            "IncompleteSignature: check the function's credentials",
            "Credential should be scoped to a valid region.",
            "Signature=[response URL] and X-Amz-Security-Token: ",
            "é🦀 ümläut",
        ] {
            assert_eq!(redact_credentials(text), text);
        }
    }
}
