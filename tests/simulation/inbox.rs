//! The response URL: the requests, and the checks of each answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::function::FUNCTION_ARN;

use crate::common::attachments;
use crate::common::request::{self, Properties};
use crate::history::{Props, names, physical_id};
use crate::world::{Invocation, State};

pub(crate) type Request = request::Request<Props>;

impl Properties for Props {
    fn resource_type(&self) -> &'static str {
        "Custom::SageMakerScalableTarget"
    }

    fn as_sent(&self) -> Value {
        let (endpoint, variant) = names(self.target);
        let mut properties = json!({
            "ServiceToken": FUNCTION_ARN,
            "EndpointName": endpoint,
            "VariantName": variant,
            "MinCapacity": "1",
            "MaxCapacity": self.max.to_string(),
        });
        if self.adopt {
            properties["AdoptExisting"] = json!("true");
        }
        if let Some(tag) = self.tag {
            properties["Tags"] = json!([{"Key": "team", "Value": tag.to_string()}]);
        }
        attachments::declare(&mut properties, self.attached());
        properties
    }

    fn id(&self) -> String {
        physical_id(self.target)
    }
}

impl State {
    /// Receives an answer. The first answer to a request counts.
    pub(crate) fn take_answer(&mut self, invocation: &Invocation, body: &str) {
        let first = invocation.sent.lock().expect("not poisoned").body.get_or_insert_with(|| body.to_owned()).clone();
        if first != body {
            self.violation("an invocation sent two different answers");
        }
        let number = invocation.request;
        if let Err(wrong) = self.requests[number].check_answer(number, body, false) {
            self.violation(format!("answer to request {number} ({}): {wrong}: {body}", self.requests[number].kind));
        }
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let reason = answer["Reason"].as_str().unwrap_or_default();
        let aborted = ["out of time", "panicked", "injected"].iter().any(|text| reason.contains(text));
        if !self.is_waiting(number) && aborted {
            // Documented limit: work that is aborted or fails half way is not undone.
            self.excuse(number);
        }
        // The same limit: a Create fails after it has registered, and then has no time to read CloudFormation's record, or its
        // calls fail until the time is up.
        let is_cut_off =
            invocation.deadline.left_to_work() < UNDO_TAKES || invocation.met_trouble.load(Ordering::Relaxed);
        let has_failed = self.requests[number].kind == "Create" && answer["Status"] == "FAILED";
        if has_failed && is_cut_off && !self.is_waiting(number) {
            let made = self.made_by.iter().filter(|(_, made)| **made == number);
            self.left.extend(made.map(|(arn, _)| arn.clone()));
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

/// How long a failed Create takes until it knows whether it has to undo its registration: the record's lag, and its read.
const UNDO_TAKES: Duration = Duration::from_secs(3);
