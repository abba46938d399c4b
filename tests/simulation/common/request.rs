//! The requests that CloudFormation makes, and the checks of each answer.

use std::sync::Arc;

use serde_json::{Value, json};
use test_support::function::MAX_BODY_BYTES;
use tokio::sync::Notify;

/// The properties of a resource.
pub(crate) trait Properties {
    fn resource_type(&self) -> &'static str;

    /// As CloudFormation sends them.
    fn as_sent(&self) -> Value;

    /// The `PhysicalResourceId` that follows from them.
    fn id(&self) -> String;
}

/// A request that CloudFormation made.
#[derive(Clone, Debug)]
pub(crate) struct Request<P> {
    pub(crate) kind: &'static str,
    pub(crate) stack_id: String,
    pub(crate) logical_id: &'static str,
    pub(crate) props: P,
    pub(crate) old: Option<P>,
    /// The id that CloudFormation gives, in an Update or a Delete.
    pub(crate) given: Option<String>,
    /// When it was made, in seconds since the epoch.
    pub(crate) made: f64,
    /// When its answer was received, likewise.
    pub(crate) answered_at: Option<f64>,
    pub(crate) answer: Option<Value>,
    pub(crate) answered: Arc<Notify>,
}

impl<P: Properties> Request<P> {
    /// Stack id, logical id and request type.
    pub(crate) fn key(&self) -> (String, &'static str, &'static str) {
        (self.stack_id.clone(), self.logical_id, self.kind)
    }

    /// The payload that Lambda delivers for the request of this number.
    pub(crate) fn payload(&self, number: usize) -> String {
        #[expect(clippy::cast_possible_truncation, reason = "seconds")]
        let made = aws_smithy_types::DateTime::from_secs(self.made as i64);
        let date = made.fmt(aws_smithy_types::date_time::Format::DateTime).expect("a date").replace(['-', ':'], "");
        let mut payload = json!({
            "RequestType": self.kind,
            "ResponseURL": format!("https://answers.example.com/{number}?X-Amz-Date={date}&X-Amz-Signature=0123456789abcdef"),
            "StackId": self.stack_id,
            "RequestId": format!("request-{number}"),
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.props.resource_type(),
            "ResourceProperties": self.props.as_sent(),
        });
        if let Some(id) = &self.given {
            payload["PhysicalResourceId"] = json!(id);
        }
        if let Some(old) = &self.old {
            payload["OldResourceProperties"] = old.as_sent();
        }
        serde_json::to_string(&payload).expect("JSON")
    }

    /// Invariant: each answer is valid, and has the right physical id.
    ///
    /// `may_keep`: whether an Update of a resource whose id CloudFormation invented may keep that id.
    pub(crate) fn check_answer(&self, number: usize, body: &str, may_keep: bool) -> Result<(), String> {
        if body.len() > MAX_BODY_BYTES {
            return Err(format!("{} bytes", body.len()));
        }
        let answer: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        for (name, expected) in [
            ("StackId", self.stack_id.as_str()),
            ("LogicalResourceId", self.logical_id),
            ("RequestId", &format!("request-{number}")),
        ] {
            if answer[name] != expected {
                return Err(format!("{name} is not copied"));
            }
        }
        let id = answer["PhysicalResourceId"].as_str().filter(|id| !id.is_empty()).ok_or("no PhysicalResourceId")?;
        let wanted = self.props.id();
        let given = self.given.as_deref();
        let was_invented = given.is_some_and(|given| !given.contains('|'));
        let fits = match (self.kind, answer["Status"].as_str()) {
            ("Update", Some("SUCCESS")) if may_keep && was_invented => id == wanted || given == Some(id),
            ("Create" | "Update", Some("SUCCESS")) => id == wanted,
            ("Create", Some("FAILED")) => id == wanted || id == format!("not-registered|{}", self.logical_id),
            (_, Some("SUCCESS" | "FAILED")) => given == Some(id),
            _ => return Err("no Status".to_owned()),
        };
        if !fits {
            return Err("the physical id does not follow from the request".to_owned());
        }
        if answer["Status"] == "FAILED" && answer["Reason"].as_str().is_none_or(str::is_empty) {
            return Err("no Reason".to_owned());
        }
        Ok(())
    }
}
