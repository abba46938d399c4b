//! The body of an answer: at most 4096 bytes, made once.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::attributes::{Attributes, policy_position};
use crate::model::json::escaped_len;
use crate::request::ReplyTo;

/// The longest body that CloudFormation accepts.
pub const MAX_BODY_BYTES: usize = 4_096;

/// The answer to one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The id of the resource, never empty.
    pub physical_resource_id: String,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The request failed.
    Failed {
        /// What the author of the template can do about it.
        reason: String,
    },
    /// The request succeeded.
    Success {
        /// The attributes of the resource.
        data: Attributes,
    },
}

impl Answer {
    /// The body of the answer. A reason that is too long is truncated. Attributes that do not fit are left out: first those
    /// of policies by position, from the last one on, and then the longest. Ids stay whole.
    pub fn body(&self, reply_to: &ReplyTo) -> String {
        let mut body = Body {
            status: "SUCCESS",
            reason: None,
            physical_resource_id: &self.physical_resource_id,
            stack_id: &reply_to.stack_id,
            request_id: &reply_to.request_id,
            logical_resource_id: &reply_to.logical_resource_id,
            data: None,
        };
        match &self.outcome {
            Outcome::Success { data } => {
                body.data = Some(data.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect());
                body.with_data_that_fits()
            }
            Outcome::Failed { reason } => {
                body.status = "FAILED";
                body.with_reason(&reply_to.url.redact(reason))
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<BTreeMap<&'a str, &'a str>>,
}

impl Body<'_> {
    /// CloudFormation reports an attribute that is left out, and ignores a body that is too long.
    fn with_data_that_fits(mut self) -> String {
        loop {
            self.data = self.data.filter(|data| !data.is_empty());
            let json = self.to_json();
            let Some(data) = self.data.as_mut().filter(|_| json.len() > MAX_BODY_BYTES) else { return json };
            let least_needed = data
                .iter()
                .max_by_key(|(name, value)| (policy_position(name), name.len() + escaped_len(value)))
                .map(|(name, _)| *name);
            least_needed.and_then(|name| data.remove(name));
        }
    }

    fn with_reason(mut self, reason: &str) -> String {
        let whole = if reason.trim().is_empty() { NO_REASON } else { reason };
        self.reason = Some(whole.to_owned());
        let mut json = self.to_json();
        // One byte of a reason takes at most six in JSON, so cutting a sixth of the excess never cuts too much.
        let mut end = whole.len().min(MAX_BODY_BYTES);
        while json.len() > MAX_BODY_BYTES && end > 0 {
            end = whole.floor_char_boundary(end);
            self.reason = Some(format!("{}{ELLIPSIS}", &whole[..end]));
            json = self.to_json();
            end = end.saturating_sub(json.len().saturating_sub(MAX_BODY_BYTES).div_ceil(6));
        }
        json
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text and maps of text serialize")
    }
}

const ELLIPSIS: &str = " …";
const NO_REASON: &str = "failed without a reason; see the function's log";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::request::Envelope;

    fn reply_to() -> ReplyTo {
        let payload = json!({
            "ResponseURL": "https://bucket.s3.amazonaws.com/path%7C1?X-Amz-Signature=0123456789abcdef0123",
            "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1",
            "RequestId": "r-1",
            "LogicalResourceId": "Scaling",
        });
        Envelope::open(&payload.to_string()).unwrap().reply_to
    }

    fn failed(reason: &str) -> (usize, Value) {
        let outcome = Outcome::Failed { reason: reason.to_owned() };
        let body = Answer { physical_resource_id: "id".into(), outcome }.body(&reply_to());
        (body.len(), serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn a_success_copies_the_ids_and_carries_the_data() {
        let outcome = Outcome::Success { data: Attributes::from([("MinCapacity".to_owned(), "1".to_owned())]) };
        let body = Answer { physical_resource_id: "id".into(), outcome }.body(&reply_to());
        let expected = json!({
            "Status": "SUCCESS",
            "PhysicalResourceId": "id",
            "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1",
            "RequestId": "r-1",
            "LogicalResourceId": "Scaling",
            "Data": {"MinCapacity": "1"},
        });
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn a_success_fits_with_the_longest_ids_and_attributes() {
        let long = |length| "x".repeat(length);
        let reply_to =
            ReplyTo { stack_id: long(512), request_id: long(256), logical_resource_id: long(256), ..reply_to() };
        // The longest id that CloudFormation may invent, and the longest attributes that AWS allows.
        let data = [
            ("EndpointName", 63),
            ("MaxCapacity", 10),
            ("MinCapacity", 10),
            ("ResourceId", 144),
            ("ScalableDimension", 38),
            ("ScalableTargetARN", 1_011),
            ("ServiceNamespace", 9),
            ("VariantName", 63),
        ];
        let outcome =
            Outcome::Success { data: data.into_iter().map(|(name, length)| (name.to_owned(), long(length))).collect() };
        let body = Answer { physical_resource_id: long(1_024), outcome }.body(&reply_to);
        assert!(body.len() <= MAX_BODY_BYTES, "{}", body.len());
    }

    #[test]
    fn attributes_that_do_not_fit_are_left_out_the_longest_first() {
        let values = [("A", "\"".repeat(900)), ("B", "b".repeat(1_700)), ("C", "c".repeat(1_700)), ("D", "d".into())];
        let outcome = Outcome::Success { data: Attributes::from(values.map(|(name, value)| (name.to_owned(), value))) };
        let body = Answer { physical_resource_id: "id".into(), outcome }.body(&reply_to());
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["Status"], "SUCCESS");
        assert_eq!(told["Data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["B", "C", "D"]);
    }

    #[test]
    fn an_answer_is_used_to_its_last_byte() {
        let success = |padding: usize| {
            let data = Attributes::from([("A".to_owned(), "a".repeat(padding)), ("B".to_owned(), "b".to_owned())]);
            let outcome = Outcome::Success { data };
            Answer { physical_resource_id: "id".into(), outcome }.body(&reply_to())
        };
        let room = MAX_BODY_BYTES - success(0).len();
        assert_eq!(success(room).len(), MAX_BODY_BYTES);
        assert!(!success(room + 1).contains("\"A\""));
        let reason = MAX_BODY_BYTES - failed("a").0 + 1;
        assert_eq!(failed(&"a".repeat(reason)).1["Reason"], "a".repeat(reason));
        assert!(failed(&"a".repeat(reason + 1)).1["Reason"].as_str().unwrap().ends_with(ELLIPSIS));
    }

    #[test]
    fn the_length_of_an_attribute_is_that_of_its_name_and_value() {
        let (name, value) = ("N".repeat(100), "v".repeat(2_000));
        let data = Attributes::from([("A".to_owned(), "a".repeat(3_800)), (name.clone(), value)]);
        let body = Answer { physical_resource_id: "id".into(), outcome: Outcome::Success { data } }.body(&reply_to());
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["Data"].as_object().unwrap().keys().collect::<Vec<_>>(), [&name]);
    }

    #[test]
    fn attributes_by_position_are_left_out_before_others_from_the_last_one_on() {
        let names = ["PolicyARN.a", "PolicyARN.b", "PolicyARN1", "PolicyARN2", "PolicyARN10", "ScalableTargetARN"];
        let data: Attributes = names.map(|name| (name.to_owned(), "x".repeat(850))).into();
        let body = Answer { physical_resource_id: "id".into(), outcome: Outcome::Success { data } }.body(&reply_to());
        let told: Value = serde_json::from_str(&body).unwrap();
        let kept: Vec<_> = told["Data"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(kept, ["PolicyARN.a", "PolicyARN.b", "PolicyARN1", "ScalableTargetARN"]);
    }

    #[test]
    fn a_reason_that_fits_is_not_truncated() {
        let (_, body) = failed("MinCapacity: expected a whole number, found \"one\"");
        assert_eq!(body["Reason"], "MinCapacity: expected a whole number, found \"one\"");
        assert_eq!(body["Status"], "FAILED");
    }

    #[test]
    fn a_long_reason_is_truncated_to_fill_the_body() {
        for piece in ["a", "\"", "a\n", "\u{1}", "é", "🦀", "a\"🦀\u{7f}\u{0}"] {
            let (length, body) = failed(&piece.repeat(5_000));
            assert!(length <= MAX_BODY_BYTES, "{piece:?}: {length}");
            assert!(length > MAX_BODY_BYTES - 16, "{piece:?}: {length} wastes room");
            assert!(body["Reason"].as_str().unwrap().starts_with(piece));
        }
    }

    #[test]
    fn a_failure_always_has_a_reason() {
        assert_eq!(failed(" ").1["Reason"], NO_REASON);
    }

    #[test]
    fn the_response_url_and_its_signature_are_in_no_reason() {
        for secret in [
            "https://bucket.s3.amazonaws.com/path%7C1?X-Amz-Signature=0123456789abcdef0123",
            "X-Amz-Signature=0123456789abcdef0123",
            "0123456789abcdef0123",
        ] {
            let (_, body) = failed(&format!("could not PUT {secret}!"));
            assert_eq!(body["Reason"], "could not PUT [response URL]!");
        }
        let (_, body) = failed("found \"0123456789ab… and 01234567");
        assert_eq!(body["Reason"], "found \"[response URL]… and [response URL]", "a part of a secret is secret");
    }
}
