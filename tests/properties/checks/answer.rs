//! What holds for any answer.

use std::collections::BTreeSet;

use http::Uri;
use sagemaker_scaling::answer::{Answer, MAX_BODY_BYTES, Outcome};
use sagemaker_scaling::envelope::ReplyTo;
use sagemaker_scaling::response_url::ResponseUrl;
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
                let took = escaped(name) + escaped(&value) + r#"{"":"","Data":},"#.len();
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
                let head = told.strip_suffix(" …").expect("a cut reason ends so");
                let rest = clean.strip_prefix(head).expect("a cut reason is the beginning of the whole");
                let next = rest.chars().next().map_or(0, |next| escaped(next.encode_utf8(&mut [0; 4])));
                assert!(body.len() + next > MAX_BODY_BYTES, "cut to {} bytes", body.len());
            }
        }
    }
}

/// A text without the response URL's secrets, checked; `given` is the URL as it was given.
pub(super) fn scrubbed(url: &ResponseUrl, given: &str, text: &str) -> String {
    let clean = url.scrub(text);
    let secrets = secrets(given);
    for piece in clean.split("[response URL]") {
        // A presigned URL has no brackets, but the mark has, so that the rest of one may look like such a secret.
        for secret in secrets.iter().filter(|secret| !secret.contains(['[', ']'])) {
            assert!(!piece.contains(secret.as_str()), "{secret:?} of the response URL is told: {clean:?}");
        }
    }
    if clean != text {
        assert!(
            secrets.iter().any(|secret| text.contains(secret.as_str())) || text.contains(&whole(given)),
            "{text:?} has nothing of {given:?}, but became {clean:?}"
        );
    }
    clean
}

/// The bytes that a text takes in JSON, without its quotes.
pub(super) fn escaped(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}

/// What makes the URL a secret: its query, and the heads of the values in it.
fn secrets(url: &str) -> Vec<String> {
    let url = url.split('#').next().unwrap_or_default();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    let long = |text: &&str| text.chars().count() > 8;
    let heads = values.filter(long).map(|value| value.chars().take(8).collect());
    heads.chain(Some(query).filter(long).map(str::to_owned)).collect()
}

fn whole(url: &str) -> String {
    url.parse::<Uri>().map(|uri| uri.to_string()).expect("it was read")
}

const COPIED: [&str; 5] = ["Status", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"];
