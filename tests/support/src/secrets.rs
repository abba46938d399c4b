//! The secrets of a request and of a process, and the search for them in texts that must not contain them.

use crate::http::Received;

/// The id of the function's access key, which must not be in any text either.
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// The function's secret access key.
pub const SECRET_KEY: &str = "canary-secret-access-key";
/// The function's session token.
pub const SESSION_TOKEN: &str = "canary-session-token";
/// The signature of every response URL.
pub const SIGNATURE: &str = "5b1f0c1de4f6canarysignature0123456789abcdef0123456789abcdef012345";

/// The query of a response URL that is signed in the future, so that the request is young whenever the tests run.
pub const QUERY: &str = concat!(
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20991123T101500Z&X-Amz-SignedHeaders=host&X-Amz-Expires=7200",
    "&X-Amz-Credential=ASIACANARYOFTHEURL00%2F20991123%2Fus-east-1%2Fs3%2Faws4_request",
    "&X-Amz-Security-Token=IQoJcanary%2Ftokenoftheurl%2Bb%3D%3D",
    "&X-Amz-Signature=5b1f0c1de4f6canarysignature0123456789abcdef0123456789abcdef012345",
);

/// A text in which a response URL with that query was signed years ago.
pub fn made_years_ago(text: &str) -> String {
    text.replace("X-Amz-Date=2099", "X-Amz-Date=2019")
}

/// Parts of all secrets that are known before a request runs. Each is long enough to be unmistakable.
pub const CANARIES: [&str; 8] = [
    "5b1f0c1de4f6",
    "canarysignature",
    "ASIACANARYOFTHEURL",
    "IQoJcanary",
    "tokenoftheurl",
    ACCESS_KEY_ID,
    SECRET_KEY,
    SESSION_TOKEN,
];

/// The signatures of calls to AWS.
pub fn signatures(calls: &[Received]) -> Vec<String> {
    let headers = calls.iter().filter_map(|call| call.header("authorization"));
    headers.map(|header| header.split_once("Signature=").expect("the call is signed").1.to_owned()).collect()
}

/// The secrets that a text contains.
pub fn found_in<'a>(text: &str, signatures: &'a [String]) -> Vec<&'a str> {
    let signatures = signatures.iter().map(String::as_str);
    CANARIES.into_iter().chain(signatures).filter(|secret| text.contains(secret)).collect()
}

/// Fails if a text contains a secret; `signatures` are those of calls to AWS.
pub fn assert_no_secret(text: &str, signatures: &[String]) {
    let found = found_in(text, signatures);
    assert!(found.is_empty(), "{found:?} in {text}");
}
