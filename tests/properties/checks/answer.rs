//! What holds for any answer.

use std::collections::BTreeSet;

use http::Uri;
use sagemaker_scaling::request::ReplyTo;
use sagemaker_scaling::request::ResponseUrl;
use sagemaker_scaling::response::{Answer, MAX_BODY_BYTES, Outcome};
use serde_json::{Map, Value};

/// Builds an answer's body and checks it; `url` is the response URL as it was given.
pub fn answer(reply_to: &ReplyTo, url: &str, answer: &Answer) {
    let body = answer.body(reply_to);
    assert_eq!(body, answer.body(reply_to), "one answer has two bodies");
    assert!(body.len() <= MAX_BODY_BYTES, "{} bytes", body.len());
    let fields: Map<String, Value> = serde_json::from_str(&body).expect("a body is a JSON object");
    for (name, given) in [
        ("PhysicalResourceId", &answer.physical_resource_id),
        ("StackId", &reply_to.stack_id),
        ("RequestId", &reply_to.request_id),
        ("LogicalResourceId", &reply_to.logical_resource_id),
    ] {
        assert_eq!(fields.get(name), Some(&Value::from(given.as_str())), "{name} is not copied");
    }
    let more: BTreeSet<_> = fields.keys().map(String::as_str).filter(|name| !COPIED.contains(name)).collect();
    match &answer.outcome {
        Outcome::Success { data } => {
            assert_eq!(fields["Status"], "SUCCESS");
            let empty = Map::new();
            let told = fields.get("Data").map_or(&empty, |told| told.as_object().expect("Data is an object"));
            assert_eq!(more, if told.is_empty() { BTreeSet::new() } else { BTreeSet::from(["Data"]) });
            let mut left_out = data.clone();
            for (name, value) in told {
                assert_eq!(left_out.remove(name.as_str()).as_deref(), value.as_str(), "{name}");
            }
            for (name, value) in left_out {
                let room = MAX_BODY_BYTES - body.len();
                let took = escaped(&name) + escaped(&value) + r#"{"":"","Data":},"#.len();
                assert!(took > room, "{name} takes {took} bytes, and {room} are free");
            }
        }
        Outcome::Failed { reason } => {
            assert_eq!(fields["Status"], "FAILED");
            assert_eq!(more, BTreeSet::from(["Reason"]));
            let told = fields["Reason"].as_str().expect("Reason is text");
            assert!(!told.trim().is_empty(), "no reason");
            let clean = scrubbed(&reply_to.url, url, reason);
            if !clean.trim().is_empty() && told != clean {
                let head = told.strip_suffix(ELLIPSIS).expect("a cut reason ends so");
                let rest = clean.strip_prefix(head).expect("a cut reason is the beginning of the whole");
                let next = rest.chars().next().map_or(0, |next| escaped(next.encode_utf8(&mut [0; 4])));
                assert!(body.len() + next > MAX_BODY_BYTES, "cut to {} bytes", body.len());
                let whole = body.len() - escaped(ELLIPSIS) + escaped(rest);
                assert!(whole > MAX_BODY_BYTES, "cut, where {whole} bytes are the whole");
            }
        }
    }
}

/// A text without secrets of the response URL's and without anybody's credentials, checked; `given` is the URL as it
/// was given.
pub(super) fn scrubbed(url: &ResponseUrl, given: &str, text: &str) -> String {
    let clean = url.scrub(text);
    assert!(!has_credential(&clean), "a credential is told: {clean:?}");
    let secrets = secrets(given);
    // A presigned URL has no brackets, but the mark has, so that the rest of one may look like such a secret.
    if secrets.iter().any(|secret| secret.contains(['[', ']']) || URL_MARK.contains(secret.as_str())) {
        return clean;
    }
    let pieces: Vec<&str> = clean.split(URL_MARK).flat_map(|piece| piece.split(CREDENTIAL_MARK)).collect();
    for secret in &secrets {
        for piece in &pieces {
            assert!(!piece.contains(secret.as_str()), "{secret:?} of the response URL is told: {clean:?}");
        }
    }
    if clean != text {
        let is_secret = secrets.iter().any(|secret| text.contains(secret.as_str())) || text.contains(&whole(given));
        assert!(is_secret || has_credential(text), "{text:?} has nothing of {given:?}, but became {clean:?}");
        let [first, between @ .., last] = &pieces[..] else { panic!("{text:?} became {clean:?} without a mark") };
        let after_first = text.strip_prefix(first);
        let rest = between.iter().fold(after_first, |rest, piece| Some(rest?.split_once(piece)?.1));
        assert!(rest.is_some_and(|rest| rest.ends_with(last)), "{text:?} became {clean:?}, which says something else");
    }
    clean
}

/// The bytes that a text takes in JSON, without its quotes.
pub(super) fn escaped(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}

/// What makes the URL a secret: its query, and the heads of the values in it, as they are and as they read.
fn secrets(url: &str) -> Vec<String> {
    let url = url.split('#').next().unwrap_or_default();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let values = pairs.filter(|(name, _)| !KNOWN_TO_ALL.contains(name)).map(|(_, value)| value);
    let forms = values.flat_map(|value| [value.to_owned(), decoded(value)]);
    let heads = forms.filter(|form| form.chars().count() >= 8).map(|form| form.chars().take(8).collect());
    heads.chain(Some(query.to_owned()).filter(|query| query.len() >= 8)).collect()
}

/// What a part of a URL reads.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let digit = |at: usize| char::from(*others.get(at)?).to_digit(16);
        let byte = digit(0).zip(digit(1)).filter(|_| *first == b'%');
        bytes.push(byte.and_then(|(high, low)| u8::try_from(16 * high + low).ok()).unwrap_or(*first));
        rest = if byte.is_some() { &others[2..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a value follows a name that AWS gives to secrets.
fn has_credential(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let begins = |value: &str| value.starts_with(|c: char| !c.is_whitespace() && !"\"'\\,;&<>()[]{}".contains(c));
    CREDENTIALS.iter().any(|(name, separators)| {
        lower.match_indices(name).any(|(index, _)| {
            let after = lower[index + name.len()..].trim_start_matches(QUOTES);
            let mut values = separators.iter().filter_map(|separator| after.strip_prefix(separator));
            values.any(|value| begins(value.trim_start_matches(QUOTES)))
        })
    })
}

fn whole(url: &str) -> String {
    url.parse::<Uri>().map(|uri| uri.to_string()).expect("it was read")
}

const COPIED: [&str; 5] = ["Status", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"];
const ELLIPSIS: &str = " …";
const URL_MARK: &str = "[response URL]";
const CREDENTIAL_MARK: &str = "[secret]";
const KNOWN_TO_ALL: [&str; 4] = ["X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"];
const QUOTES: [char; 4] = ['"', '\'', '\\', ' '];
/// Names, and what stands between each and its value: of a signature, "Signature: " begins prose.
const CREDENTIALS: [(&str, &[&str]); 7] = [
    ("credential", &["=", "%3d"]),
    ("secretaccesskey", &["=", ":"]),
    ("security-token", &["=", "%3d", ":"]),
    ("securitytoken", &["=", ":"]),
    ("session-token", &["=", ":"]),
    ("sessiontoken", &["=", ":"]),
    ("signature", &["=", "%3d"]),
];
