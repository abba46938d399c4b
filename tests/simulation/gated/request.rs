//! The requests that CloudFormation makes, and the checks of each answer.

use serde_json::{Value, json};
use test_support::function::{FUNCTION_ARN, LOGICAL_ID_TAG, STACK_ID_TAG};

use super::history::{
    ATTACHED, Config, DIMENSIONS, ENDPOINT, SCALINGS, Scaling, VARIANTS, gate_id, parameter, scaling_id,
};
use super::ledger::TWIN;
use super::world::{Invocation, State};
use crate::common::attachments;
use crate::common::request::{self, Properties};

/// The properties of a resource of a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Props {
    Config(Config),
    Gate {
        config: String,
        include: bool,
    },
    Endpoint {
        config: String,
    },
    /// `AWS::ApplicationAutoScaling::ScalableTarget`, with its policies.
    Native {
        variant: usize,
    },
    Scaling {
        variant: usize,
        scaling: Scaling,
        gate: Option<String>,
    },
}

pub(crate) type Request = request::Request<Props>;

impl Props {
    pub(crate) fn variant(&self) -> Option<usize> {
        match self {
            Self::Scaling { variant, .. } => Some(*variant),
            _ => None,
        }
    }
}

impl Properties for Props {
    fn resource_type(&self) -> &'static str {
        match self {
            Self::Gate { .. } => "Custom::SageMakerEndpointUpdateGate",
            _ => "Custom::SageMakerScalableTarget",
        }
    }

    fn id(&self) -> String {
        match self {
            Self::Gate { config, .. } => gate_id(config),
            Self::Scaling { variant, .. } => scaling_id(*variant),
            Self::Config(_) | Self::Endpoint { .. } | Self::Native { .. } => unreachable!("a native resource"),
        }
    }

    fn as_sent(&self) -> Value {
        match self {
            Self::Gate { config, include } => {
                let mut properties = json!({
                    "ServiceToken": FUNCTION_ARN, "EndpointName": ENDPOINT, "EndpointConfigName": config,
                });
                if *include {
                    properties["IncludeOtherStacks"] = json!("true");
                }
                properties
            }
            Self::Scaling { variant, scaling, gate } => scaling.as_sent(*variant, gate.as_deref()),
            Self::Config(_) | Self::Endpoint { .. } | Self::Native { .. } => unreachable!("a native resource"),
        }
    }
}

impl Scaling {
    /// Whether it may take a target over from an owner, by stack id and logical id. `stack` is its own.
    pub(crate) fn takes_over_from(&self, owner: (&str, &str), stack: &str, variant: usize) -> bool {
        self.takes_over && owner == (stack, SCALINGS[usize::from(!self.renamed)][variant])
    }

    fn as_sent(&self, variant: usize, gate: Option<&str>) -> Value {
        let mut properties = json!({
            "ServiceToken": FUNCTION_ARN,
            "EndpointName": ENDPOINT,
            "VariantName": VARIANTS[variant],
            "ScalableDimension": DIMENSIONS[variant],
            "MinCapacity": self.min.to_string(),
            "MaxCapacity": self.max.to_string(),
        });
        if self.takes_over {
            properties["TakeOverFrom"] = json!(SCALINGS[usize::from(!self.renamed)][variant]);
        }
        if self.adopt {
            properties["AdoptExisting"] = json!("true");
        }
        if self.suspended {
            properties["SuspendedState"] = json!({"ScheduledScalingSuspended": "true"});
        }
        if let Some(tag) = self.tag {
            properties["Tags"] = json!([{"Key": "team", "Value": tag.to_string()}]);
        }
        if let Some(gate) = gate {
            properties["UpdateGate"] = json!(gate);
        }
        attachments::declare(&mut properties, self.attachments());
        properties
    }

    /// The policies and actions: names and values.
    pub(crate) fn attachments(&self) -> impl Iterator<Item = (&'static str, u8)> {
        ATTACHED.into_iter().zip(self.attached).filter_map(|(name, value)| Some((name, value?)))
    }
}

impl State {
    /// Receives an answer. The first answer to a request counts.
    pub(crate) fn take_answer(&mut self, invocation: &Invocation, body: &str) {
        let first = invocation.sent.lock().expect("not poisoned").body.get_or_insert_with(|| body.to_owned()).clone();
        if first != body {
            self.violation("one answer", "an invocation sent two different answers");
        }
        let number = invocation.request;
        if let Err(wrong) = self.requests[number].check_answer(number, body, true) {
            let kind = self.requests[number].kind;
            self.violation("valid answer", format!("answer to request {number} ({kind}): {wrong}: {body}"));
        }
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let is_waiting = self.waiting.contains(&number);
        if is_waiting && answer["Reason"].as_str().is_some_and(|reason| reason.contains("no longer waits")) {
            self.violation("fresh", format!("CloudFormation waits for request {number}, but {body}"));
        }
        if self.requests[number].answer.is_none() && is_waiting {
            if let Err(wrong) = self.check_truth(number, &answer) {
                self.violation("true success", format!("answer to request {number}: {wrong}"));
            }
            self.note_left_over(number, &answer);
            self.note_left_by_new_gate(invocation, &answer);
            if let Props::Scaling { variant, .. } = self.requests[number].props
                && answer["Status"] == "SUCCESS"
                && self.requests[number].kind != "Delete"
            {
                self.ledger.handed_back[variant] = false;
            }
            self.requests[number].answered_at = Some(self.now());
            self.requests[number].answer = Some(answer);
            self.requests[number].answered.notify_one();
        }
    }

    /// Documented limits: a Create fails in one delivery, and says that nothing is registered, while another registers; and
    /// what a failed request has registered stays if it may not undo it.
    fn note_left_over(&mut self, number: usize, answer: &Value) {
        let Some(variant) = self.requests[number].props.variant() else { return };
        let is_registered = self.shadows[variant].as_ref().is_some_and(|shadow| shadow.made_by == Some(number));
        if is_registered && answer["PhysicalResourceId"].as_str().is_some_and(|id| id.starts_with("not-registered")) {
            self.excuse(variant, TWIN);
        }
        let is_denied = answer["Reason"].as_str().is_some_and(|reason| reason.contains("AccessDenied"));
        let given = self.requests[number].given.as_deref().unwrap_or_default();
        if is_registered && is_denied && given.starts_with("not-registered") {
            self.excuse(variant, "a failed Update could not undo what it had registered");
        }
    }

    /// Invariant: a success that CloudFormation accepts is true at that moment.
    fn check_truth(&mut self, number: usize, answer: &Value) -> Result<(), String> {
        let request = &self.requests[number];
        let Props::Scaling { variant, .. } = request.props else { return Ok(()) };
        if answer["Status"] != "SUCCESS" || request.kind == "Delete" || !self.excused[variant].is_empty() {
            return Ok(());
        }
        let owner = (request.stack_id.clone(), request.logical_id);
        // An endpoint that is deleted takes its targets with it. It may have been created anew since.
        let (made, is_gone) = (request.made, self.shadows[variant].is_none());
        let is_new = |found: &Value| found["CreationTime"].as_f64().is_some_and(|created| created > made);
        if self.endpoint().is_none_or(|found| found["EndpointStatus"] == "Deleting" || is_gone && is_new(&found)) {
            return Ok(());
        }
        let tag = |name: &str| self.shadows[variant].as_ref()?.tags.get(name).map(String::as_str);
        if (tag(STACK_ID_TAG), tag(LOGICAL_ID_TAG)) == (Some(owner.0.as_str()), Some(owner.1)) {
            return Ok(());
        }
        // The endpoint is about to roll back: a snapshot stands for the target.
        let (stack_id, logical_id) = owner;
        let kept = self.by_hand("AmazonSSM.GetParameter", &json!({ "Name": parameter(variant) }));
        let kept = kept.ok().and_then(|found| found["Parameter"]["Value"].as_str().map(str::to_owned));
        if kept.is_some_and(|kept| {
            kept.contains(&stack_id) && kept.contains(&format!("\"{LOGICAL_ID_TAG}\":\"{logical_id}\""))
        }) {
            return Ok(());
        }
        Err(format!("a success, but {:?} is registered, and no snapshot is kept", self.shadows[variant]))
    }
}
