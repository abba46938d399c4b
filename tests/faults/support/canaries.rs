//! The secrets of a request, and the search for them in what may not hold them.

use super::socket::Received;
use super::{SECRET_KEY, SESSION_TOKEN};

/// The query of a response URL, whose day is not over yet: so the requests are young, whenever these tests are run.
pub(crate) const QUERY: &str = concat!(
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20991123T101500Z&X-Amz-SignedHeaders=host&X-Amz-Expires=7200",
    "&X-Amz-Credential=ASIACANARYOFTHEURL00%2F20991123%2Fus-east-1%2Fs3%2Faws4_request",
    "&X-Amz-Security-Token=IQoJcanary%2Ftokenoftheurl%2Bb%3D%3D",
    "&X-Amz-Signature=5b1f0c1de4f6canarysignature0123456789abcdef0123456789abcdef012345",
);

/// The URL of the same request as if it had been made years ago.
pub(crate) fn made_long_ago(url: &str) -> String {
    url.replace("X-Amz-Date=2099", "X-Amz-Date=2019")
}

/// Parts of all secrets that are known before a request runs, each long enough to be nothing else.
pub(crate) const CANARIES: [&str; 8] = [
    "5b1f0c1de4f6",
    "canarysignature",
    "ASIACANARYOFTHEURL",
    "IQoJcanary",
    "tokenoftheurl",
    "AKIAIOSFODNN7EXAMPLE",
    SECRET_KEY,
    SESSION_TOKEN,
];

/// The signatures of calls to AWS.
pub(crate) fn signatures(calls: &[Received]) -> Vec<String> {
    let headers = calls.iter().filter_map(|call| call.header("authorization"));
    headers.map(|header| header.split_once("Signature=").expect("it is signed").1.to_owned()).collect()
}

/// The secrets that a text holds.
pub(crate) fn found_in<'a>(text: &str, signatures: &'a [String]) -> Vec<&'a str> {
    let signatures = signatures.iter().map(String::as_str);
    CANARIES.into_iter().chain(signatures).filter(|secret| text.contains(secret)).collect()
}
