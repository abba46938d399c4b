//! The response URL: the requests, and the checks of each answer.

use std::sync::Arc;

use serde_json::{Value, json};
use test_support::attached::step;
use test_support::function::{FUNCTION_ARN, MAX_BODY_BYTES};
use tokio::sync::Notify;

use crate::history::{Props, names, physical_id};
use crate::world::{Invocation, State};

/// A request that CloudFormation made.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) kind: &'static str,
    pub(crate) stack_id: String,
    pub(crate) logical_id: &'static str,
    pub(crate) props: Props,
    pub(crate) old: Option<Props>,
    /// The id that CloudFormation gives, in an Update or a Delete.
    pub(crate) given: Option<String>,
    /// When it was made, in seconds since the epoch.
    pub(crate) made: f64,
    pub(crate) answer: Option<Value>,
    pub(crate) answered: Arc<Notify>,
}

impl Request {
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
            "ResourceType": "Custom::SageMakerScalableTarget",
            "ResourceProperties": properties(self.props),
        });
        if let Some(id) = &self.given {
            payload["PhysicalResourceId"] = json!(id);
        }
        if let Some(old) = self.old {
            payload["OldResourceProperties"] = properties(old);
        }
        serde_json::to_string(&payload).expect("JSON")
    }
}

fn properties(props: Props) -> Value {
    let (endpoint, variant) = names(props.target);
    let mut properties = json!({
        "ServiceToken": FUNCTION_ARN,
        "EndpointName": endpoint,
        "VariantName": variant,
        "MinCapacity": "1",
        "MaxCapacity": props.max.to_string(),
    });
    if props.adopt {
        properties["AdoptExisting"] = json!("true");
    }
    if let Some(tag) = props.tag {
        properties["Tags"] = json!([{"Key": "team", "Value": tag.to_string()}]);
    }
    let mut policies = Vec::new();
    for (name, value) in props.attached() {
        if name == "s" {
            let limits = json!({"MinCapacity": value.to_string()});
            properties["ScheduledActions"] =
                json!([{"ScheduledActionName": name, "Schedule": "rate(1 day)", "ScalableTargetAction": limits}]);
        } else {
            policies.push(step(&name, value.to_string()));
        }
    }
    if !policies.is_empty() {
        properties["ScalingPolicies"] = policies.into();
    }
    properties
}

impl State {
    /// Receives an answer. The first answer to a request counts.
    pub(crate) fn take_answer(&mut self, invocation: &Invocation, body: &str) {
        let first = invocation.sent.lock().expect("not poisoned").body.get_or_insert_with(|| body.to_owned()).clone();
        if first != body {
            self.violation("an invocation sent two different answers");
        }
        let number = invocation.request;
        if let Err(wrong) = self.check_answer(number, body) {
            self.violation(format!("answer to request {number} ({}): {wrong}: {body}", self.requests[number].kind));
        }
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let reason = answer["Reason"].as_str().unwrap_or_default();
        let aborted = ["out of time", "panicked", "injected"].iter().any(|text| reason.contains(text));
        if !self.is_waiting(number) && aborted {
            // Documented limit: work that is aborted or fails half way is not undone.
            self.excuse(number);
        }
        if self.is_waiting(number) && reason.contains("no longer waits") {
            self.violation(format!("CloudFormation waits for request {number}, but {reason}"));
        }
        if self.requests[number].answer.is_none() && self.is_waiting(number) {
            if let Err(wrong) = self.check_truth(number, &answer) {
                self.violation(format!("answer to request {number}: {wrong}: {body}"));
            }
            self.requests[number].answer = Some(answer);
            self.requests[number].answered.notify_one();
        }
    }

    /// Whether CloudFormation still waits for the answer to a request.
    pub(crate) fn is_waiting(&self, number: usize) -> bool {
        self.waiting.contains(&number)
    }

    /// Invariant: each answer is valid, and has the right physical id.
    fn check_answer(&self, number: usize, body: &str) -> Result<(), String> {
        let request = &self.requests[number];
        if body.len() > MAX_BODY_BYTES {
            return Err(format!("{} bytes", body.len()));
        }
        let answer: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        for (name, expected) in [
            ("StackId", request.stack_id.as_str()),
            ("LogicalResourceId", request.logical_id),
            ("RequestId", &format!("request-{number}")),
        ] {
            if answer[name] != expected {
                return Err(format!("{name} is not copied"));
            }
        }
        let id = answer["PhysicalResourceId"].as_str().filter(|id| !id.is_empty()).ok_or("no PhysicalResourceId")?;
        let wanted = physical_id(request.props.target);
        let marker = format!("not-registered|{}", request.logical_id);
        let fits = match (request.kind, answer["Status"].as_str()) {
            ("Create", Some("SUCCESS")) | ("Update", Some("SUCCESS")) => id == wanted,
            ("Create", Some("FAILED")) => id == wanted || id == marker,
            (_, Some("SUCCESS" | "FAILED")) => request.given.as_deref() == Some(id),
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

    /// Invariant: a success that CloudFormation accepts is true at that moment.
    fn check_truth(&mut self, number: usize, answer: &Value) -> Result<(), String> {
        if answer["Status"] != "SUCCESS" {
            return Ok(());
        }
        let request = self.requests[number].clone();
        let found = self.registered().into_iter().find(|found| found.target == request.props.target);
        let is_owner =
            found.as_ref().is_some_and(|found| found.owner() == Some((&request.stack_id, request.logical_id)));
        match request.kind {
            "Delete" => Ok(()),
            // Documented limit: the owner changed between a read and a call.
            _ if self.windows.contains(&request.props.target) => Ok(()),
            _ if !is_owner => Err(format!("a success, but {found:?} is registered")),
            _ if found.is_some_and(|found| found.max != u64::from(request.props.max)) => {
                Err("a success, but with other limits".to_owned())
            }
            // The policies of a resource that CloudFormation gave up are unknown.
            _ if self.excused.contains(&request.props.target) => Ok(()),
            _ => self.is_attached(&request.props).map_err(|wrong| format!("a success, but {wrong}")),
        }
    }
}
