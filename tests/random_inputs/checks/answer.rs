//! Checks of an answer.

use std::collections::BTreeSet;

use http::Uri;
use serde_json::{Map, Value};

use super::function::{Answer, MAX_BODY_BYTES, Outcome, ReplyTo, ResponseUrl};

/// Builds an answer's body and checks it; `url` is the response URL as it was given.
pub fn answer(reply_to: &ReplyTo, url: &str, answer: &Answer) {
    let body = answer.body(reply_to);
    assert_eq!(body, answer.body(reply_to), "the body of an answer is not always the same");
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
            let shown = fields.get("Data").map_or(&empty, |shown| shown.as_object().expect("Data is an object"));
            assert_eq!(more, if shown.is_empty() { BTreeSet::new() } else { BTreeSet::from(["Data"]) });
            let mut left_out = data.clone();
            for (name, value) in shown {
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
            let shown = fields["Reason"].as_str().expect("Reason is text");
            assert!(!shown.trim().is_empty(), "no reason");
            let clean = scrubbed(&reply_to.url, url, reason);
            if !clean.trim().is_empty() && shown != clean {
                let head = shown.strip_suffix(ELLIPSIS).expect("a cut reason ends with an ellipsis");
                let rest = clean.strip_prefix(head).expect("a cut reason is the beginning of the whole");
                let next = rest.chars().next().map_or(0, |next| escaped(next.encode_utf8(&mut [0; 4])));
                assert!(body.len() + next > MAX_BODY_BYTES, "cut to {} bytes", body.len());
                let whole = body.len() - escaped(ELLIPSIS) + escaped(rest);
                assert!(whole > MAX_BODY_BYTES, "cut, although the whole takes only {whole} bytes");
            }
        }
    }
}

/// Redacts a text, and checks that it has no secret of the response URL and no credentials. `given` is the URL as it
/// was given.
pub(super) fn scrubbed(url: &ResponseUrl, given: &str, text: &str) -> String {
    let clean = url.redact(text);
    assert!(!has_credential(&clean), "the text has a credential: {clean:?}");
    let secrets = secrets(given);
    // Marks have brackets, which a presigned URL has not. A secret with brackets may occur next to a mark.
    if secrets.iter().any(|secret| secret.contains(['[', ']']) || URL_MARK.contains(secret.as_str())) {
        return clean;
    }
    let pieces: Vec<&str> = clean.split(URL_MARK).flat_map(|piece| piece.split(CREDENTIAL_MARK)).collect();
    for secret in &secrets {
        for piece in &pieces {
            assert!(!piece.contains(secret.as_str()), "the text has {secret:?} of the response URL: {clean:?}");
        }
    }
    if clean != text {
        let is_secret = secrets.iter().any(|secret| text.contains(secret.as_str())) || text.contains(&whole(given));
        assert!(is_secret || has_credential(text), "{text:?} has no secret of {given:?}, but became {clean:?}");
        let [first, between @ .., last] = &pieces[..] else { panic!("{text:?} became {clean:?} without a mark") };
        let after_first = text.strip_prefix(first);
        let rest = between.iter().fold(after_first, |rest, piece| Some(rest?.split_once(piece)?.1));
        assert!(
            rest.is_some_and(|rest| rest.ends_with(last)),
            "{text:?} became {clean:?}, which has another text between its marks"
        );
    }
    clean
}

/// The bytes that a text takes in JSON, without its quotes.
pub(super) fn escaped(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}

/// The secrets of the URL: its query, and the beginnings of the values in it, raw and decoded.
fn secrets(url: &str) -> Vec<String> {
    let url = url.split('#').next().unwrap_or_default();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let values = pairs.filter(|(name, _)| !KNOWN_TO_ALL.contains(name)).map(|(_, value)| value);
    let forms = values.flat_map(|value| [value.to_owned(), decoded(value)]);
    let heads = forms.filter(|form| form.chars().count() >= 8).map(|form| form.chars().take(8).collect());
    heads.chain(Some(query.to_owned()).filter(|query| query.len() >= 8)).collect()
}

/// A part of a URL, decoded.
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
/// Names, and what may separate each from its value. For a signature this is not a colon: "Signature: " begins prose.
const CREDENTIALS: [(&str, &[&str]); 7] = [
    ("credential", &["=", "%3d"]),
    ("secretaccesskey", &["=", ":"]),
    ("security-token", &["=", "%3d", ":"]),
    ("securitytoken", &["=", ":"]),
    ("session-token", &["=", ":"]),
    ("sessiontoken", &["=", ":"]),
    ("signature", &["=", "%3d"]),
];
