//! The services as the function meets them: new targets become visible late, and each change is checked.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use test_support::function::{ADOPTED_TAG, LOGICAL_ID_TAG, STACK_ID_TAG};
use test_support::stack_resource;

use crate::common::attachments;
use crate::history::{Props, RESOURCE_IDS, resource_id};
use crate::run::ADOPTED;
use crate::world::{Invocation, Read, Record, State};

/// A target that is registered.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) target: usize,
    pub(crate) arn: String,
    pub(crate) max: u64,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Registered {
    /// The stack id and the logical id in its tags, if there is one of the two.
    pub(crate) fn owner(&self) -> Option<(&str, &str)> {
        let tag = |name: &str| self.tags.get(name).map(String::as_str);
        match (tag(STACK_ID_TAG), tag(LOGICAL_ID_TAG), tag(ADOPTED_TAG)) {
            (None, None, None) => None,
            (stack, logical, _) => Some((stack.unwrap_or_default(), logical.unwrap_or_default())),
        }
    }

    pub(crate) fn is_adopted(&self) -> bool {
        self.tags.contains_key(ADOPTED_TAG)
    }
}

impl State {
    /// Replies to a call of the function.
    ///
    /// `fresh`: whether CloudFormation waited for the answer when the function made the call.
    pub(crate) fn call(&mut self, invocation: &Invocation, fresh: bool, target: &str, body: &[u8]) -> (u16, String) {
        if target.starts_with("CloudFormation") {
            let reply = self.describe_stack_resource(invocation.request);
            if ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"].iter().any(|status| reply.1.contains(status)) {
                *invocation.fresh_at.lock().expect("not poisoned") = Some(self.now());
            }
            return reply;
        }
        let input: Value = serde_json::from_slice(body).expect("the function sends JSON");
        let operation = target.rsplit('.').next().unwrap_or_default();
        let now = self.now();
        let changes = matches!(
            operation,
            "DeleteScalingPolicy"
                | "DeleteScheduledAction"
                | "DeregisterScalableTarget"
                | "PutScalingPolicy"
                | "PutScheduledAction"
                | "RegisterScalableTarget"
                | "TagResource"
                | "UntagResource"
        );
        let lagging = self.registered_at.values().any(|registered| now < registered + self.lag);
        let before = if changes || lagging || operation == "ListTagsForResource" {
            self.registered().into_iter().find(|found| is_about(&input, found))
        } else {
            None
        };
        if let Some(found) = &before
            && self.registered_at.get(&found.target).is_some_and(|registered| now < registered + self.lag)
        {
            match operation {
                "DescribeScalableTargets" => return (200, json!({"ScalableTargets": []}).to_string()),
                "ListTagsForResource" | "TagResource" | "UntagResource" => {
                    return (400, json!({"__type": "ResourceNotFoundException", "Message": "not yet"}).to_string());
                }
                "PutScalingPolicy" | "PutScheduledAction" => {
                    return (400, json!({"__type": "ObjectNotFoundException", "Message": "not yet"}).to_string());
                }
                _ => {}
            }
        }
        let answer = self.aws.call(target, &input, now);
        if operation == "ListTagsForResource" {
            let read = before.as_ref().map(|found| Read {
                target: found.target,
                owner: found.owner().map(|(stack, logical)| (stack.to_owned(), logical.to_owned())),
                at: now,
            });
            *invocation.read.lock().expect("not poisoned") = read;
        }
        if changes && answer.is_ok() {
            // A request that registers a target, and then tags it and puts its policies, undoes the registration if the
            // request is stale.
            let tags_as_own = operation == "TagResource"
                && input["Tags"].get(STACK_ID_TAG).is_some()
                && input["Tags"].get(ADOPTED_TAG).is_none();
            let made = before.as_ref().and_then(|found| self.made_by.get(&found.arn));
            let puts_on_own = operation.starts_with("Put") && made == Some(&invocation.request);
            if before.is_some() && !tags_as_own && !puts_on_own {
                self.check_timely(invocation, fresh, operation);
            } else if (tags_as_own
                || self.requests[invocation.request].kind != "Create"
                || invocation.has_no_record.load(Ordering::Relaxed))
                && !self.is_waiting(invocation.request)
            {
                self.excuse(invocation.request);
            }
            self.check_touch(invocation, operation, &input, before.as_ref());
            if operation == "RegisterScalableTarget" && before.is_none() {
                let arn = answer.as_ref().map_or("", |made| made["ScalableTargetARN"].as_str().unwrap_or_default());
                self.made_by.insert(arn.to_owned(), invocation.request);
            }
            if operation == "RegisterScalableTarget" && input.get("Tags").is_some() {
                let request = &self.requests[invocation.request];
                let owner = Some((request.stack_id.clone(), request.logical_id.to_owned()));
                let read = Read { target: request.props.target, owner, at: now };
                *invocation.read.lock().expect("not poisoned") = Some(read);
            }
        }
        match answer {
            Ok(output) => (200, serde_json::to_string(&output).expect("JSON")),
            Err(fault) => (fault.status, fault.body().to_string()),
        }
    }

    /// Calls a service by hand.
    pub(crate) fn by_hand(&mut self, target: &str, input: &Value) -> Result<Value, local_aws::Fault> {
        let now = self.now();
        self.aws.call(target, input, now)
    }

    /// Everything that is registered.
    pub(crate) fn registered(&mut self) -> Vec<Registered> {
        let now = self.now();
        let read = |found: local_aws::Registered<'_>| {
            Some(Registered {
                target: RESOURCE_IDS.iter().position(|id| *id == found.resource_id)?,
                max: found.max_capacity.try_into().ok()?,
                tags: found.tags.clone(),
                arn: found.arn.to_owned(),
            })
        };
        self.aws.registered(now).filter_map(read).collect()
    }

    /// The policies and actions of a target: names and values.
    fn attached(&mut self, target: usize) -> BTreeMap<String, u64> {
        let id = json!({"ServiceNamespace": "sagemaker", "ResourceId": resource_id(target)});
        attachments::described(|what| {
            self.by_hand(&format!("AnyScaleFrontendService.Describe{what}"), &id).expect("describes")
        })
    }

    /// Whether a target has exactly the policies and actions of the properties, beside those by hand.
    pub(crate) fn is_attached(&mut self, props: &Props) -> Result<(), String> {
        let mut wanted = props.attached();
        let by_hand = self.by_hand.get(&props.target);
        if by_hand.is_some() {
            wanted.insert(BY_HAND.to_owned(), 1);
        }
        // A release does not remove policies and actions from an adopted target.
        let is_adopted = by_hand == Some(&ADOPTED);
        let found = self.attached(props.target);
        let is_there = wanted.iter().all(|(name, value)| found.get(name) == Some(value));
        if is_there && (is_adopted || found.len() == wanted.len()) {
            return Ok(());
        }
        Err(format!("{found:?} is attached to it, and not {wanted:?}"))
    }

    /// CloudFormation's record, which lags.
    fn describe_stack_resource(&self, request: usize) -> (u16, String) {
        let request = &self.requests[request];
        let records = self.records.get(&(request.stack_id.clone(), request.logical_id));
        let visible = self.now() - self.lag / 2.0;
        match records.and_then(|records| records.iter().rev().find(|record| record.changed <= visible)) {
            Some(Record { status, id, changed }) => {
                let changed = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(*changed);
                (200, stack_resource::described(status, id, Some(changed)))
            }
            None => (400, stack_resource::unknown_resource()),
        }
    }

    /// Invariant: a stale request changes nothing, unless it undoes what it did.
    fn check_timely(&mut self, invocation: &Invocation, fresh: bool, operation: &str) {
        let number = invocation.request;
        let undoes = matches!(
            operation,
            "DeleteScalingPolicy" | "DeleteScheduledAction" | "DeregisterScalableTarget" | "UntagResource"
        );
        let kind = self.requests[number].kind;
        if self.is_waiting(number) || (undoes && kind != "Delete") {
            return;
        }
        let now = self.now();
        let was_fresh = invocation.fresh_at.lock().expect("not poisoned").is_some_and(|at| now - at < VALID);
        let young = now - self.requests[number].made < VALID;
        let has_no_record = invocation.has_no_record.load(Ordering::Relaxed);
        if fresh || was_fresh || young || has_no_record || kind == "Delete" {
            // Documented limit: the call was in flight, the request too young to check its freshness, or the record not read.
            self.excuse(number);
        } else {
            self.violation(format!("{operation} for request {number}, for which CloudFormation no longer waits"));
        }
    }

    /// Excludes the target of a request from the checks at the end: a documented limit.
    pub(crate) fn excuse(&mut self, request: usize) {
        let target = self.requests[request].props.target;
        self.windows.insert(target);
    }

    /// Invariant: the target of another owner is not changed. `before` is the target before the call.
    fn check_touch(&mut self, invocation: &Invocation, operation: &str, input: &Value, before: Option<&Registered>) {
        let now = self.now();
        let (owner, props) = {
            let request = &self.requests[invocation.request];
            ((request.stack_id.clone(), request.logical_id), request.props)
        };
        let Some(before) = before else {
            if operation == "RegisterScalableTarget" {
                let target = (0..4)
                    .find(|target| input["ResourceId"] == resource_id(*target))
                    .expect("a target of this history");
                self.registered_at.insert(target, now);
                self.deregistered_by_hand.remove(&(target, (owner.0.clone(), owner.1.to_owned())));
                if input.get("Tags").is_none() {
                    // Documented limit: it was deregistered between a read and the registration.
                    self.windows.insert(target);
                }
            }
            return;
        };
        let adopting = props.adopt
            && match operation {
                "TagResource" => input["Tags"].get(ADOPTED_TAG).is_some(),
                _ => false,
            };
        match before.owner() {
            Some((stack, logical)) if (stack, logical) == (owner.0.as_str(), owner.1) => {
                if operation == "DeregisterScalableTarget" && before.is_adopted() {
                    self.violation(format!("{operation} of the adopted target {}", before.target));
                }
            }
            None if adopting => {
                self.by_hand.insert(before.target, ADOPTED);
            }
            None if self.windows.contains(&before.target) => {}
            other => {
                let read = invocation.read.lock().expect("not poisoned").clone();
                let was_owner = read.is_some_and(|read| {
                    let adopts = props.adopt && matches!(operation, "RegisterScalableTarget" | "TagResource");
                    let owned = read.owner.map_or(adopts, |(stack, logical)| stack == owner.0 && logical == owner.1);
                    owned && read.target == before.target && now - read.at < VALID
                });
                if was_owner {
                    // Documented limit: the owner changed between a read and the call.
                    self.windows.insert(before.target);
                    return;
                }
                let text = format!("{operation} for {owner:?} of {}, which {other:?} owns", before.target);
                self.violation(text);
            }
        }
    }
}

/// The policy of targets that are registered by hand.
pub(crate) const BY_HAND: &str = "h";
/// How long a read, or a reply of CloudFormation, is valid, in seconds, including the call that depends on it.
const VALID: f64 = 15.0;

/// Whether a call is about a target. Calls name a target by its id or by its ARN.
fn is_about(input: &Value, found: &Registered) -> bool {
    let id = resource_id(found.target);
    input["ResourceId"] == id || input["ResourceARN"] == found.arn || input["ResourceIds"] == json!([id])
}
