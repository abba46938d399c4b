//! The services as the function meets them: late to show what is new, and watched for whose targets are touched.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use test_support::function::{ADOPTED_TAG, LOGICAL_ID_TAG, STACK_ID_TAG};
use test_support::stack_resource;

use crate::history::{ENDPOINTS, Props, VARIANTS, resource_id};
use crate::run::ADOPTED;
use crate::world::{Invocation, Look, Record, State};

/// A target that is registered.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) target: usize,
    pub(crate) arn: String,
    pub(crate) max: u64,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Registered {
    /// The stack id and the logical id that its tags name, if they name any of the two.
    pub(crate) fn holder(&self) -> Option<(&str, &str)> {
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
    /// Answers a call of the function.
    ///
    /// `awaited`: whether CloudFormation waited for the request when the call left.
    pub(crate) fn call(&mut self, invocation: &Invocation, awaited: bool, target: &str, body: &[u8]) -> (u16, String) {
        if target.starts_with("CloudFormation") {
            let reply = self.describe_stack_resource(invocation.request);
            if ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"].iter().any(|status| reply.1.contains(status)) {
                *invocation.awaited_at.lock().expect("not poisoned") = Some(self.now());
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
            let look = before.as_ref().map(|found| Look {
                target: found.target,
                holder: found.holder().map(|(stack, logical)| (stack.to_owned(), logical.to_owned())),
                at: now,
            });
            *invocation.look.lock().expect("not poisoned") = look;
        }
        if changes && answer.is_ok() {
            // What makes a target anew, and then marks it as its own and puts on it what belongs to it, takes it back
            // where it came too late.
            let marks_as_ours = operation == "TagResource"
                && input["Tags"].get(STACK_ID_TAG).is_some()
                && input["Tags"].get(ADOPTED_TAG).is_none();
            let made = before.as_ref().and_then(|found| self.made_by.get(&found.arn));
            let puts_on_its_own = operation.starts_with("Put") && made == Some(&invocation.request);
            if before.is_some() && !marks_as_ours && !puts_on_its_own {
                self.check_timely(invocation, awaited, operation);
            } else if (marks_as_ours || self.requests[invocation.request].kind != "Create")
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
                let holder = Some((request.stack_id.clone(), request.logical_id.to_owned()));
                let look = Look { target: request.props.target, holder, at: now };
                *invocation.look.lock().expect("not poisoned") = Some(look);
            }
        }
        match answer {
            Ok(output) => (200, output.to_string()),
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
        let all = json!({"ServiceNamespace": "sagemaker"});
        let found = self.by_hand("AnyScaleFrontendService.DescribeScalableTargets", &all).expect("describes");
        let found = found["ScalableTargets"].as_array().cloned().unwrap_or_default();
        let read = |item: Value| {
            let id = item["ResourceId"].as_str()?;
            let arn = item["ScalableTargetARN"].as_str()?.to_owned();
            let tags =
                self.by_hand("AnyScaleFrontendService.ListTagsForResource", &json!({"ResourceARN": arn})).ok()?;
            Some(Registered {
                target: (0..ENDPOINTS.len() * VARIANTS.len()).find(|target| resource_id(*target) == id)?,
                max: item["MaxCapacity"].as_u64()?,
                tags: serde_json::from_value(tags["Tags"].clone()).ok()?,
                arn,
            })
        };
        found.into_iter().filter_map(read).collect()
    }

    /// What is attached to a target, by name.
    fn attached(&mut self, target: usize) -> BTreeMap<String, u64> {
        let id = json!({"ServiceNamespace": "sagemaker", "ResourceId": resource_id(target)});
        let mut describe = |what: &str| {
            let found = self.by_hand(&format!("AnyScaleFrontendService.Describe{what}"), &id).expect("describes");
            found[what].as_array().cloned().unwrap_or_default()
        };
        let policies = describe("ScalingPolicies").into_iter().map(|policy| {
            let step = &policy["StepScalingPolicyConfiguration"]["StepAdjustments"][0];
            (policy["PolicyName"].clone(), step["ScalingAdjustment"].clone())
        });
        let actions = describe("ScheduledActions").into_iter().map(|action| {
            (action["ScheduledActionName"].clone(), action["ScalableTargetAction"]["MinCapacity"].clone())
        });
        let named = |(name, value): (Value, Value)| Some((name.as_str()?.to_owned(), value.as_u64()?));
        policies.chain(actions).filter_map(named).collect()
    }

    /// Whether exactly that is attached to a target which properties say, beside what hands put there.
    pub(crate) fn is_attached(&mut self, props: &Props) -> Result<(), String> {
        let mut wanted = props.attached();
        let by_hand = self.by_hand.get(&props.target);
        if by_hand.is_some() {
            wanted.insert(BY_HAND.to_owned(), 1);
        }
        // What was put on an adopted target stays when that is released.
        let is_adopted = by_hand == Some(&ADOPTED);
        let found = self.attached(props.target);
        let is_there = wanted.iter().all(|(name, value)| found.get(name) == Some(value));
        if is_there && (is_adopted || found.len() == wanted.len()) {
            return Ok(());
        }
        Err(format!("{found:?} is attached to it, and not {wanted:?}"))
    }

    /// What is on record, as of a moment ago.
    fn describe_stack_resource(&self, request: usize) -> (u16, String) {
        let request = &self.requests[request];
        let records = self.records.get(&(request.stack_id.clone(), request.logical_id));
        let seen = self.now() - self.lag / 2.0;
        match records.and_then(|records| records.iter().rev().find(|record| record.changed <= seen)) {
            Some(Record { status, id, changed }) => {
                let changed = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(*changed);
                (200, stack_resource::described(status, id, Some(changed)))
            }
            None => (400, stack_resource::unknown_resource()),
        }
    }

    /// Invariant: no request changes anything that CloudFormation no longer waits for, unless it takes back what it did.
    fn check_timely(&mut self, invocation: &Invocation, awaited: bool, operation: &str) {
        let number = invocation.request;
        let takes_back = matches!(
            operation,
            "DeleteScalingPolicy" | "DeleteScheduledAction" | "DeregisterScalableTarget" | "UntagResource"
        );
        let kind = self.requests[number].kind;
        if self.is_waiting(number) || (takes_back && kind != "Delete") {
            return;
        }
        let now = self.now();
        let told = invocation.awaited_at.lock().expect("not poisoned").is_some_and(|at| now - at < FRESH);
        let young = now - self.requests[number].made < FRESH;
        if awaited || told || young || kind == "Delete" {
            // Documented: it was on its way, or too young to ask.
            self.excuse(number);
        } else {
            self.violation(format!("{operation} for request {number}, for which CloudFormation waits no longer"));
        }
    }

    /// Leaves the target of a request out of the look at the end: a documented limit.
    pub(crate) fn excuse(&mut self, request: usize) {
        let target = self.requests[request].props.target;
        self.windows.insert(target);
    }

    /// Invariant: nothing that others hold is touched. `before` is what the call met.
    fn check_touch(&mut self, invocation: &Invocation, operation: &str, input: &Value, before: Option<&Registered>) {
        let now = self.now();
        let (owner, props) = {
            let request = &self.requests[invocation.request];
            ((request.stack_id.clone(), request.logical_id), request.props)
        };
        let Some(before) = before else {
            if operation == "RegisterScalableTarget" {
                let target = (0..4).find(|target| input["ResourceId"] == resource_id(*target)).expect("one of ours");
                self.registered_at.insert(target, now);
                self.taken_down.remove(&(target, (owner.0.clone(), owner.1.to_owned())));
                if input.get("Tags").is_none() {
                    // Documented: between our look and our registration somebody deregistered it.
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
        match before.holder() {
            Some((stack, logical)) if (stack, logical) == (owner.0.as_str(), owner.1) => {
                if operation == "DeregisterScalableTarget" && before.is_adopted() {
                    self.violation(format!("{operation} of the adopted target {}", before.target));
                }
            }
            None if adopting => {
                self.by_hand.insert(before.target, ADOPTED);
            }
            None if self.windows.contains(&before.target) => {}
            holder => {
                let look = invocation.look.lock().expect("not poisoned").clone();
                let was_ours = look.is_some_and(|look| {
                    let adopts = props.adopt && matches!(operation, "RegisterScalableTarget" | "TagResource");
                    let ours = look.holder.map_or(adopts, |(stack, logical)| stack == owner.0 && logical == owner.1);
                    ours && look.target == before.target && now - look.at < FRESH
                });
                if was_ours {
                    // Documented: it changed hands between our look and our call.
                    self.windows.insert(before.target);
                    return;
                }
                let text = format!("{operation} for {owner:?} of {}, which {holder:?} holds", before.target);
                self.violation(text);
            }
        }
    }
}

/// The policy that hands put on the targets that they register.
pub(crate) const BY_HAND: &str = "h";
/// For how long a look or a word of CloudFormation holds, in seconds, with what the call that acts on it may take.
const FRESH: f64 = 15.0;

/// Whether a call is about a target, which calls name by their id or by their ARN.
fn is_about(input: &Value, found: &Registered) -> bool {
    let id = resource_id(found.target);
    input["ResourceId"] == id || input["ResourceARN"] == found.arn || input["ResourceIds"] == json!([id])
}
