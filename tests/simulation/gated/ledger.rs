//! What must be registered, and the checks of it: what the stacks declare, and what others have registered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::attached::step;
use test_support::function::{
    ADOPTED_TAG, DECLARED_TAG, FORMER_LOGICAL_ID_TAG, FORMER_STACK_ID_TAG, LOGICAL_ID_TAG, RESTORING_TAG, SNAPSHOTS,
    STACK_ID_TAG,
};

use super::history::{DIMENSIONS, Native, Scaling, VARIANTS, parameter, resource_id};
use super::request::{Props, Request};
use super::stack::{NAMES_NO_GATE, Stack};
use super::world::{INVOCATION, Invocation, State};
use crate::common::attachments::{self, says};

/// What others than the stacks have registered and attached.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) natives: [Option<Registered>; 3],
    /// Whether somebody attached a policy, an action and a tag to a target with an owner; `false`: they may be gone.
    pub(crate) foreign: [Option<bool>; 3],
    /// Whether each target was handed back. Until the next Update, it has what its new owner declared.
    pub(crate) handed_back: [bool; 3],
    /// Whether each target was taken over once. It then keeps what only its former owner declares.
    pub(crate) taken_over: [bool; 3],
    /// How often each variant was removed from the endpoint, or with it.
    pub(crate) removals: [u32; 3],
    /// When a request for each variant changed its target last, and of which stack.
    pub(crate) changed: [Option<(f64, String)>; 3],
    /// How often each variant had been removed when each request was made.
    pub(crate) removals_before: Vec<[u32; 3]>,
    /// The snapshots of a new gate that a request has left, because the endpoint scaled out until its time was up.
    pub(crate) left_by_new_gate: [Option<Value>; 3],
    /// Exchanges and requests of the first deployment.
    pub(crate) exchanges_before: u32,
    pub(crate) requests_before: usize,
}

/// A target that was registered without a stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registered {
    pub(crate) native: Native,
    /// Whether it must still be there. Otherwise it may be.
    pub(crate) must_be: bool,
    /// Whether a stack has adopted it, now or once.
    pub(crate) adopted: bool,
}

impl State {
    /// Registers a variant without a stack.
    pub(crate) fn register_natively(&mut self, variant: usize, native: Native) -> bool {
        let mut input = target(variant);
        input["MinCapacity"] = json!(1);
        input["MaxCapacity"] = json!(native.max);
        input["SuspendedState"] = json!({ "DynamicScalingOutSuspended": native.suspended });
        if native.tag {
            input["Tags"] = json!({ "by": "hand" });
        }
        if self.by_hand(REGISTER, &input).is_err() {
            return false;
        }
        if let Some(value) = native.policy {
            self.put(variant, "n", value);
        }
        if let Some(value) = native.action {
            self.schedule(variant, "m", value);
        }
        self.ledger.natives[variant] = Some(Registered { native, must_be: true, adopted: false });
        self.ledger.foreign[variant] = None;
        true
    }

    /// Deregisters the target of a native resource that is deleted. Keeps a target that a stack has adopted since, as
    /// `docs/UPDATES.md` advises. A half-restored target without an owner is not kept.
    pub(crate) fn delete_native(&mut self, variant: usize) {
        let is_adopted = self.shadows[variant].as_ref().is_some_and(|shadow| shadow.tags.contains_key(STACK_ID_TAG));
        let kept = self.snapshot(variant);
        let is_kept_adopted = kept.is_some_and(|kept| kept["Target"]["Tags"].get(ADOPTED_TAG).is_some());
        if is_adopted || is_kept_adopted {
            return;
        }
        drop(self.by_hand("AnyScaleFrontendService.DeregisterScalableTarget", &target(variant)));
        self.ledger.natives[variant] = None;
    }

    /// Attaches a policy, an action and a tag to a target with an owner.
    pub(crate) fn attach_foreign(&mut self, variant: usize) -> bool {
        let Some(shadow) = &self.shadows[variant] else { return false };
        if !shadow.tags.contains_key(STACK_ID_TAG) {
            return false;
        }
        let tag = json!({ "ResourceARN": shadow.arn, "Tags": { "foreign": "x" } });
        self.put(variant, "f", 1);
        self.schedule(variant, "g", 1);
        self.by_hand("AnyScaleFrontendService.TagResource", &tag).expect("it is registered");
        self.ledger.foreign[variant] = Some(true);
        true
    }

    /// Deregisters a target without an owner.
    pub(crate) fn deregister_native(&mut self, variant: usize) -> bool {
        let is_native =
            self.shadows[variant].as_ref().is_some_and(|shadow| !shadow.tags.keys().any(|key| is_own_tag(key)));
        if !is_native || self.has_snapshot(variant) {
            return false;
        }
        self.by_hand("AnyScaleFrontendService.DeregisterScalableTarget", &target(variant)).expect("it is registered");
        self.ledger.natives[variant] = None;
        true
    }

    /// Deregisters a target that keeps an endpoint from rolling back, as `docs/UPDATES.md` advises. What it had is lost.
    pub(crate) fn deregister_as_operator(&mut self, variant: usize, stack_id: &str) {
        let owner = self.shadows[variant].as_ref().and_then(|shadow| shadow.tags.get(STACK_ID_TAG));
        if owner.is_some_and(|owner| owner != stack_id) {
            self.excuse(variant, "an operator deregisters another stack's target on the way back");
        }
        self.tell(|| format!("an operator deregisters {}", VARIANTS[variant]));
        *self.limits.entry("an operator deregisters a target on the way back").or_default() += 1;
        if self.by_hand("AnyScaleFrontendService.DeregisterScalableTarget", &target(variant)).is_ok() {
            self.may_be_gone(variant);
        }
    }

    pub(crate) fn has_snapshot(&mut self, variant: usize) -> bool {
        self.by_hand("AmazonSSM.GetParameter", &json!({ "Name": parameter(variant) })).is_ok()
    }

    fn put(&mut self, variant: usize, name: &str, value: u8) {
        let policy = test_support::attached::merged(target(variant), &step(name, value));
        self.by_hand("AnyScaleFrontendService.PutScalingPolicy", &policy).expect("it is registered");
    }

    fn schedule(&mut self, variant: usize, name: &str, value: u8) {
        let mut action = target(variant);
        action["ScheduledActionName"] = json!(name);
        action["Schedule"] = json!("rate(1 day)");
        action["ScalableTargetAction"] = json!({ "MinCapacity": value });
        self.by_hand("AnyScaleFrontendService.PutScheduledAction", &action).expect("it is registered");
    }

    /// After a deployment: what belongs to a variant that the endpoint does not have, or will not have, may be gone.
    pub(crate) fn note_dropped_variants(&mut self) {
        let Some(found) = self.endpoint() else { return };
        let pending = found["PendingDeploymentSummary"]["EndpointConfigName"].as_str();
        let types = |name: Option<&str>| self.configs.get(name.unwrap_or_default()).map(|config| config.types);
        let (now, next) = (types(found["EndpointConfigName"].as_str()), types(pending));
        for variant in 0..3 {
            let lacks = |types: Option<[Option<u8>; 3]>| types.is_some_and(|types| types[variant].is_none());
            if lacks(now) && next.is_none_or(|_| lacks(next)) {
                self.ledger.natives[variant] = None;
                self.ledger.foreign[variant] = None;
                self.ledger.removals[variant] += 1;
            } else if lacks(now) || lacks(next) {
                self.may_be_gone(variant);
            }
        }
    }

    /// The Delete of a target's owner takes with it what others attached.
    pub(crate) fn note_deleted_owner(&mut self, variant: usize) {
        if let Some(foreign) = &mut self.ledger.foreign[variant] {
            *foreign = false;
        }
    }

    /// SageMaker deregisters the targets of a deleted endpoint.
    pub(crate) fn note_deleted_endpoint(&mut self) {
        self.ledger.natives = [None; 3];
        self.ledger.foreign = [None; 3];
        self.ledger.removals = self.ledger.removals.map(|removals| removals + 1);
    }

    /// How often the variant of a resource had been removed before its last request.
    pub(crate) fn removals_before(&self, stack: &str, logical: &str, props: &Props) -> u32 {
        let last = self.requests.iter().rposition(|made| made.stack_id == stack && made.logical_id == logical);
        props.variant().zip(last).map_or(0, |(variant, request)| self.ledger.removals_before[request][variant])
    }

    fn may_be_gone(&mut self, variant: usize) {
        if let Some(native) = &mut self.ledger.natives[variant] {
            native.must_be = false;
        }
        if let Some(foreign) = &mut self.ledger.foreign[variant] {
            *foreign = false;
        }
    }

    /// A request was delivered three times, and no invocation answered it.
    pub(crate) fn note_unanswered(&mut self, request: usize) {
        let limit = "no delivery of a request was answered";
        match self.requests[request].props.variant() {
            _ if self.waiting.contains(&request) => {}
            Some(variant) => self.excuse(variant, limit),
            None => self.excuse_all(limit),
        }
    }

    /// Documented limit: the time of an invocation that has made changes is up while the endpoint scales out. So it is not
    /// handed over, and leaves the snapshots of a new gate that it would have restored: those of others if it registers
    /// behind that gate, and the one that its Delete has released or handed back.
    pub(crate) fn note_left_by_new_gate(&mut self, invocation: &Invocation, answer: &Value) {
        let request = &self.requests[invocation.request];
        let Props::Scaling { variant: own, gate, .. } = &request.props else { return };
        let is_behind = |props: &Props| matches!(props, Props::Scaling { gate: Some(_), .. });
        let (own, is_delete) = (*own, request.kind == "Delete");
        let restores = is_delete || gate.is_some() && !request.old.as_ref().is_some_and(is_behind);
        let is_time_up = invocation.deadline.left_to_work() < LONGEST_PAUSE;
        if !restores || !is_time_up || answer["Status"] != "SUCCESS" {
            return;
        }
        let (stack_id, logical_id) = (request.stack_id.clone(), request.logical_id);
        let is_scaling =
            |found: Value| found["EndpointStatus"] == "Updating" && found["PendingDeploymentSummary"].is_null();
        if !self.endpoint().is_some_and(is_scaling) {
            return;
        }
        let is_left = |kept: &Value| {
            let (update, tags) = (&kept["Update"], &kept["Target"]["Tags"]);
            let is_of_stack = tags[STACK_ID_TAG] == stack_id;
            let is_own = is_of_stack && (!is_delete || tags[LOGICAL_ID_TAG] == logical_id);
            update["IsByNewGate"] == true && update["StackId"] == stack_id && !is_own
        };
        for variant in (0..3).filter(|variant| !is_delete || *variant == own) {
            if let Some(kept) = self.snapshot(variant).filter(is_left) {
                self.ledger.left_by_new_gate[variant] = Some(kept);
            }
        }
    }

    /// Documented limits: what an Update changes while CloudFormation cancels it, and what one delivery of a young request
    /// changes after another was answered. The function may act on a record that it read some seconds ago, and the
    /// record lags. What a gate or another Create changes then, is undone or deleted.
    pub(crate) fn note_late_change(&mut self, request: usize, was_awaited: bool, operation: &str) {
        if self.waiting.contains(&request) {
            return;
        }
        let found = &self.requests[request];
        let Props::Scaling { variant, .. } = found.props else { return };
        let shadow = self.shadows[variant].as_ref();
        let is_others = shadow.is_some_and(|shadow| {
            shadow.made_by != Some(request) && self.now() - shadow.since < self.record_lag + READ_VALID
        });
        if found.kind == "Create" && operation == "DeregisterScalableTarget" && is_others {
            self.excuse(variant, "a resource was created anew while a delivery of its former Create was undone");
            return;
        }
        let is_of_same = |other: &Request| other.stack_id == found.stack_id && other.logical_id == found.logical_id;
        let is_overtaken = self.requests[request + 1..].iter().any(is_of_same);
        let failed = found.answer.as_ref().is_some_and(|answer| answer["Status"] == "FAILED");
        let is_twin = failed || found.answer.is_some() && is_overtaken;
        let is_young = self.now() - found.made < CHECKS_FRESHNESS_AFTER;
        let was_just_answered =
            found.answered_at.is_some_and(|answered| self.now() - answered < self.record_lag + READ_VALID);
        if is_twin && (is_young || is_overtaken && was_just_answered) {
            self.excuse(variant, TWIN);
            return;
        }
        let is_update = found.kind == "Update";
        let is_recent = self.cancelled.get(&request).is_some_and(|at| self.now() - at < self.record_lag + READ_VALID);
        if is_update && (was_awaited || is_recent) && operation != "DeregisterScalableTarget" {
            self.excuse(variant, "an Update changed a target while it was cancelled");
        }
    }

    /// Documented limit: AWS denies a cancelled gate a call of the restore.
    pub(crate) fn note_denied(&mut self, request: usize, body: &[u8]) {
        if !self.cancelled.contains_key(&request) || !matches!(self.requests[request].props, Props::Gate { .. }) {
            return;
        }
        let input: Value = serde_json::from_slice(body).unwrap_or_default();
        let is_concerned = |variant: &usize| {
            let id = resource_id(*variant);
            let names = [&input["Name"], &input["ResourceId"], &input["ResourceIds"]].map(Value::to_string);
            input["Path"].is_string()
                || names.iter().any(|name| name.contains(&id))
                || self.variant_of(&input) == Some(*variant)
        };
        for variant in (0..3).filter(is_concerned).collect::<Vec<_>>() {
            self.excuse(variant, "AWS denies a cancelled gate a call");
        }
    }

    /// In a rollback, a resource that may adopt a target adopts it in the snapshot. Documented limit: the gate of a stack
    /// without the endpoint may replace the snapshot of a rollback.
    pub(crate) fn note_snapshot(&mut self, number: usize, input: &Value) {
        let request = &self.requests[number];
        let Props::Scaling { variant, scaling, .. } = &request.props else {
            let variant = (0..3).find(|variant| input["Name"] == parameter(*variant));
            if let (Some(variant), true) = (variant, request.stack_id.contains(OTHER_STACK)) {
                self.excuse(variant, NO_ENDPOINT);
            } else if let Some(variant) = variant
                && self.shadows[variant].is_none()
                && self.follows_another_stack(number, variant)
            {
                self.excuse(variant, CHANGED_BY_ANOTHER);
            }
            return;
        };
        let value: Value =
            input["Value"].as_str().and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
        let owner = value["Target"]["Tags"][LOGICAL_ID_TAG].as_str();
        if request.kind == "Delete" && owner.is_some_and(|owner| owner != request.logical_id) {
            self.ledger.handed_back[*variant] = true;
        }
        let adopts = scaling.adopt && input["Value"].as_str().is_some_and(|value| value.contains(ADOPTED_TAG));
        if let (Some(native), true) = (&mut self.ledger.natives[*variant], adopts) {
            native.adopted = true;
        }
    }

    /// Whether another stack changed the target while a request took its snapshot.
    fn follows_another_stack(&self, request: usize, variant: usize) -> bool {
        let stack_id = &self.requests[request].stack_id;
        let changed = self.ledger.changed[variant].as_ref().filter(|(_, stack)| stack != stack_id);
        let recent = self.latest_read() + self.latest_parameter_read() + SNAPSHOT_TAKES;
        changed.is_some_and(|(at, _)| self.now() - *at < recent)
    }

    /// Invariant: no request changes a target that it may not change. Called after the call, and before the shadow
    /// follows it.
    pub(crate) fn check_change(&mut self, number: usize, operation: &str, input: &Value, variant: usize) {
        let adopts = operation == "TagResource" && input["Tags"].get(ADOPTED_TAG).is_some();
        if adopts && let Some(native) = &mut self.ledger.natives[variant] {
            native.adopted = true;
        }
        if operation == "RegisterScalableTarget" && self.shadows[variant].is_none() {
            self.note_late_registration(number, variant);
            self.check_registration(number, input, variant);
        }
        let kept = if operation == "RegisterScalableTarget" { self.snapshot(variant) } else { None };
        let is_undone = self.is_half_restored_of_deleted(variant);
        let Some(shadow) = &self.shadows[variant] else { return };
        if let (Some(keys), "UntagResource") = (input["TagKeys"].as_array(), operation)
            && !keys.iter().filter_map(Value::as_str).any(|key| shadow.tags.contains_key(key))
        {
            return;
        }
        let request = &self.requests[number];
        let tag = |name: &str| shadow.tags.get(name).map(String::as_str);
        let owner = tag(STACK_ID_TAG).zip(tag(LOGICAL_ID_TAG));
        let former = tag(FORMER_STACK_ID_TAG).zip(tag(FORMER_LOGICAL_ID_TAG));
        let to = (input["Tags"][STACK_ID_TAG].as_str()).zip(input["Tags"][LOGICAL_ID_TAG].as_str());
        if input["Tags"].get(FORMER_LOGICAL_ID_TAG).is_some() {
            self.ledger.taken_over[variant] = true;
        }
        if to.is_some() && to == former && to != Some((request.stack_id.as_str(), request.logical_id)) {
            self.ledger.handed_back[variant] = true;
        }
        let ends_hand_back =
            operation == "UntagResource" && owner == former && input["TagKeys"] == json!(HANDED_BACK_TAGS);
        // Documented limit: the target may change between a read and the call.
        let restored = shadow.made_by.is_some_and(|made| self.requests[made].props.variant() != Some(variant));
        let is_half_restored = tag(RESTORING_TAG).is_some() || restored && self.now() - shadow.tagged < VALID;
        let ends_restore = operation == "UntagResource" && input["TagKeys"] == json!([RESTORING_TAG]);
        let wrong = match &request.props {
            // A resource behind a new gate restores the targets of others.
            Props::Scaling { variant: own, .. } if *own != variant && (is_half_restored || ends_restore) => None,
            Props::Scaling { scaling, .. } => match owner {
                Some(owner) if owner == (request.stack_id.as_str(), request.logical_id) => {
                    (operation == "DeregisterScalableTarget" && request.kind == "Delete" && tag(ADOPTED_TAG).is_some())
                        .then_some("deregisters an adopted target")
                }
                // The resource stores the target as a snapshot if the endpoint rolls back.
                Some(owner)
                    if ["DeregisterScalableTarget", "TagResource"].contains(&operation)
                        && scaling.takes_over_from(owner, &request.stack_id, variant) =>
                {
                    None
                }
                _ if ends_hand_back => None,
                None if shadow.made_by == Some(number) => None,
                None if scaling.adopt && operation == "TagResource" => None,
                // A resource that may adopt continues a restore that was killed. It is undone if its resource is deleted.
                None if scaling.adopt && is_undone => None,
                _ if self.now() - shadow.tagged < VALID => {
                    self.excuse(variant, CHANGED_OWNER);
                    return;
                }
                None => Some("a scaling changes a target without an owner"),
                Some(_) => Some("a scaling changes a target of another owner"),
            },
            Props::Gate { include, .. } if operation == "DeregisterScalableTarget" => {
                if request.stack_id.contains(OTHER_STACK) {
                    // Documented limit: nobody updates the endpoint back to the configuration of that gate.
                    self.excuse(variant, NO_ENDPOINT);
                    return;
                }
                if self.follows_another_stack(number, variant) {
                    self.excuse(variant, CHANGED_BY_ANOTHER);
                    return;
                }
                let is_others = owner.is_some_and(|(stack, _)| stack != request.stack_id);
                if is_others && !include && self.now() - shadow.tagged < VALID {
                    // Documented limit.
                    self.excuse(variant, CHANGED_OWNER);
                    return;
                }
                (is_others && !include && !is_half_restored).then_some("a gate deregisters another stack's target")
            }
            // Documented limit: another stack has adopted the target or completed it at this moment.
            Props::Gate { .. }
                if operation == "RegisterScalableTarget"
                    && self.now() - shadow.tagged < VALID
                    && (tag(RESTORING_TAG).is_none() || owner != kept_owner(kept.as_ref())) =>
            {
                self.excuse(variant, CHANGED_OWNER);
                return;
            }
            // The tag of a restore may still be visible, and is removed again.
            _ if is_half_restored || ends_restore => None,
            _ => Some("a gate changes a target that is not being restored"),
        };
        if let Some(wrong) = wrong {
            let text = format!("{operation} for request {number} of {}: {shadow:?}", VARIANTS[variant]);
            self.violation(wrong, text);
        }
    }
}

impl State {
    /// Documented limit: the function registers by what it read of the endpoint some seconds ago.
    fn note_late_registration(&mut self, number: usize, variant: usize) {
        let is_of_own = self.requests[number].props.variant() == Some(variant);
        let slow = if is_of_own && self.has_slow_calls() { SLOW } else { 0.0 };
        // A gate restores before its time is up, also if the endpoint still changes.
        let is_gate = matches!(self.requests[number].props, Props::Gate { .. });
        let is_out_of_time = is_gate && INVOCATION.get().deadline.left_to_work() < KEPT_FOR_RESTORES;
        if !is_out_of_time && self.now() - self.endpoint_updated > READ_VALID + RETRY + slow {
            return;
        }
        let pending = self.endpoint().map(|mut found| found["PendingDeploymentSummary"]["EndpointConfigName"].take());
        let pending = pending.and_then(|name| self.configs.get(name.as_str()?));
        if pending.is_some_and(|config| config.types[variant].is_none()) {
            self.excuse(variant, "a variant that the endpoint's update removes is registered at this moment");
        }
    }

    /// Invariant: nobody but its owner registers a target that is in a snapshot, and a restore registers what the
    /// snapshot holds.
    fn check_registration(&mut self, number: usize, input: &Value, variant: usize) {
        let Some(kept) = self.snapshot(variant) else { return };
        let request = &self.requests[number];
        let tag = |name: &str| kept["Target"]["Tags"][name].as_str();
        let owner = tag(STACK_ID_TAG).zip(tag(LOGICAL_ID_TAG));
        let Props::Scaling { variant: own_variant, scaling, gate, .. } = &request.props else { return };
        // A resource behind a new gate restores the targets of others, as the gate would.
        let mut restored = kept["Target"].clone();
        restored["Tags"][RESTORING_TAG] = json!("true");
        if *own_variant != variant && *input == restored {
            return;
        }
        if input["Tags"].get(FORMER_LOGICAL_ID_TAG).is_some() {
            self.ledger.taken_over[variant] = true;
        }
        let is_own = owner.is_some_and(|owner| {
            owner == (request.stack_id.as_str(), request.logical_id)
                || scaling.takes_over_from(owner, &request.stack_id, variant)
        });
        let adopts = owner.is_none() && scaling.adopt && input["Tags"].get(ADOPTED_TAG).is_some();
        // No request restores the target of a deleted resource, or of one whose Create failed.
        let deleted = self.deleted(&kept);
        let is_gated = gate.is_some();
        if adopts && deleted.is_some_and(|at| self.now() - at < VALID) {
            self.excuse(variant, CHANGED_OWNER);
        }
        if adopts && let Some(native) = &mut self.ledger.natives[variant] {
            native.adopted = true;
        }
        if is_own || adopts {
            return;
        }
        if !is_gated {
            self.excuse(variant, NAMES_NO_GATE);
            return;
        }
        if deleted.is_some() {
            return;
        }
        let age = kept["TakenAt"].as_f64().map_or(f64::MAX, |taken_at| self.now() - taken_at);
        if self.has_late_reads() && age < VISIBLE_WITHIN {
            // Documented limit.
            self.excuse(variant, "a registration right after a snapshot that was not visible yet");
            return;
        }
        if !self.excused[variant].is_empty() {
            return;
        }
        let text = format!("{}: request {number} registers what {owner:?} has in a snapshot", VARIANTS[variant]);
        self.violation("taken over while it is in a snapshot", text);
    }

    /// When the resource of a snapshot was deleted, or its Create failed: its owner, or the native resource.
    fn deleted(&self, kept: &Value) -> Option<f64> {
        let native = &kept["Native"];
        let native_owner = native["StackId"].as_str().zip(native["LogicalResourceId"].as_str());
        let owner = kept_owner(Some(kept)).or(native_owner)?;
        let last = self.records.iter().find(|((stack, logical), _)| owner == (stack.as_str(), *logical))?.1.last()?;
        let is_deleted = last.status.starts_with("DELETE") || last.status == "CREATE_FAILED";
        is_deleted.then_some(last.changed)
    }

    /// Whether a target is being restored for a resource that is deleted.
    fn is_half_restored_of_deleted(&mut self, variant: usize) -> bool {
        let is_half_restored =
            self.shadows[variant].as_ref().is_some_and(|shadow| shadow.tags.contains_key(RESTORING_TAG));
        is_half_restored && self.snapshot(variant).is_some_and(|kept| self.deleted(&kept).is_some())
    }

    /// The snapshot of a variant.
    fn snapshot(&mut self, variant: usize) -> Option<Value> {
        let found = self.by_hand("AmazonSSM.GetParameter", &json!({ "Name": parameter(variant) })).ok()?;
        serde_json::from_str(found["Parameter"]["Value"].as_str()?).ok()
    }
}

/// The owner that a snapshot names.
fn kept_owner(kept: Option<&Value>) -> Option<(&str, &str)> {
    let tags = &kept?["Target"]["Tags"];
    tags[STACK_ID_TAG].as_str().zip(tags[LOGICAL_ID_TAG].as_str())
}

/// Everything that is registered for a variant.
#[derive(Debug)]
struct Found {
    min: u64,
    max: u64,
    suspended: Value,
    tags: BTreeMap<String, String>,
    attached: BTreeMap<String, u64>,
}

/// A resource that declares a variant.
struct Declared {
    owner: (String, &'static str),
    scaling: Scaling,
}

/// Invariant: exactly what the settled stacks declare is registered, and what others had registered is there, with all
/// that it had.
pub(crate) fn check(state: &mut State, stacks: &[&Stack]) {
    state.note_dropped_variants();
    let running = state.endpoint();
    let running = running.and_then(|found| found["EndpointConfigName"].as_str().map(str::to_owned));
    let types = running.and_then(|name| state.configs.get(&name).map(|config| config.types)).unwrap_or_default();
    for (variant, kind) in types.into_iter().enumerate() {
        let found = state.found(variant);
        let removals = state.ledger.removals[variant];
        let resources = stacks.iter().flat_map(|stack| stack.resources.iter().map(|resource| (stack.id(), resource)));
        let declared = resources.filter_map(|(stack, (logical, resource))| match &resource.props {
            Props::Scaling { variant: of, scaling, .. } if *of == variant => {
                // A target that went with its variant is not registered again by itself.
                let is_owner = found.as_ref().is_some_and(|found| found.tags.get(STACK_ID_TAG) == Some(&stack));
                (resource.removals == removals || is_owner)
                    .then_some(Declared { owner: (stack, logical), scaling: *scaling })
            }
            _ => None,
        });
        let declared: Vec<_> = declared.collect();
        let wrong = match (&declared[..], kind) {
            (_, None) => found.as_ref().map(|_| "registered, but the endpoint has no such variant"),
            ([], _) => wrong_without_owner(found.as_ref(), state.ledger.natives[variant]),
            ([declared], _) => wrong_with_owner(declared, found.as_ref(), state, variant),
            _ => Some("two owners"),
        };
        let kept = state.snapshot(variant);
        if found.is_none() && kept.is_some() && kept == state.ledger.left_by_new_gate[variant] {
            state.excuse(variant, SCALED_OUT);
        }
        let is_left = kept.is_some();
        if !state.excused[variant].is_empty() {
            continue;
        }
        let name = VARIANTS[variant];
        if let Some(wrong) = wrong {
            let ledger = (state.ledger.natives[variant], state.ledger.foreign[variant]);
            let declared = declared.iter().map(|declared| (&declared.owner, declared.scaling)).collect::<Vec<_>>();
            state.violation(wrong, format!("{name}: found {found:?}, declared {declared:?}, by others {ledger:?}"));
        }
        if is_left {
            state.violation("a snapshot is left", name);
        }
    }
    let all = json!({ "Path": SNAPSHOTS, "Recursive": true });
    let left = state.by_hand("AmazonSSM.GetParametersByPath", &all).expect("a list");
    let known: BTreeSet<_> = (0..3).map(parameter).collect();
    let strange = left["Parameters"].as_array().into_iter().flatten();
    let strange = strange.filter(|left| !known.contains(left["Name"].as_str().unwrap_or_default())).count();
    if strange > 0 {
        state.violation("a snapshot is left", "of a target that does not exist");
    }
}

fn wrong_without_owner(found: Option<&Found>, native: Option<Registered>) -> Option<&'static str> {
    let (found, registered) = match (found, native) {
        (None, None) => return None,
        (None, Some(native)) => return native.must_be.then_some("a target of others is lost"),
        (Some(found), None) => {
            let owned = found.tags.contains_key(STACK_ID_TAG);
            return Some(if owned { "an orphan of a stack" } else { "registered, but nobody did" });
        }
        (Some(found), Some(native)) => (found, native),
    };
    let native = registered.native;
    if found.tags.contains_key(RESTORING_TAG) {
        return Some("the restoring tag is left");
    }
    if found.tags.keys().any(|key| is_own_tag(key)) {
        return Some("a target of others has an owner");
    }
    let wanted: BTreeMap<_, _> = native.attachments().map(|(name, value)| (name, u64::from(value))).collect();
    let has_all = wanted.iter().all(|(name, value)| found.attached.get(*name) == Some(value));
    if !has_all {
        return Some("a target of others lost policies or actions");
    }
    if native.tag && found.tags.get("by").map(String::as_str) != Some("hand") {
        return Some("a target of others lost a tag");
    }
    if registered.adopted {
        // A release keeps what the template added.
        return None;
    }
    let is_same = found.min == 1
        && found.max == u64::from(native.max)
        && found.suspended["DynamicScalingOutSuspended"] == native.suspended
        && found.suspended["ScheduledScalingSuspended"] == false
        && found.attached.len() == wanted.len()
        && found.tags.len() == usize::from(native.tag);
    (!is_same).then_some("a target of others is changed")
}

fn wrong_with_owner(declared: &Declared, found: Option<&Found>, state: &State, variant: usize) -> Option<&'static str> {
    let Declared { owner, scaling } = declared;
    let native = state.ledger.natives[variant];
    let foreign = state.ledger.foreign[variant];
    let Some(found) = found else { return Some("a declared target is not registered") };
    let tag = |name: &str| found.tags.get(name).map(String::as_str);
    if tag(STACK_ID_TAG).zip(tag(LOGICAL_ID_TAG)) != Some((owner.0.as_str(), owner.1)) {
        return Some("a declared target has another owner, or none");
    }
    if tag(RESTORING_TAG).is_some() {
        return Some("the restoring tag is left");
    }
    let is_adopted = tag(ADOPTED_TAG).is_some();
    match native {
        Some(native) if native.must_be && !native.adopted => return Some("a target of others was taken over"),
        Some(native) if native.must_be && !is_adopted => return Some("the mark of an adoption is lost"),
        None if is_adopted => return Some("marked as adopted, but it was not"),
        _ => {}
    }
    if tag(FORMER_LOGICAL_ID_TAG) == Some(owner.1) {
        return Some("a target was not completely handed back");
    }
    let (is_handed_back, was_taken_over) = (state.ledger.handed_back[variant], state.ledger.taken_over[variant]);
    if !is_handed_back && (found.min != u64::from(scaling.min) || found.max != u64::from(scaling.max)) {
        return Some("other limits than declared");
    }
    let suspended = &found.suspended;
    if is_handed_back {
        // The new owner's state stays.
    } else if suspended["ScheduledScalingSuspended"] != scaling.suspended
        || suspended["DynamicScalingOutSuspended"] != false
    {
        return Some("another suspended state than declared");
    }
    let native = native.filter(|_| is_adopted).map(|native| (native.native, native.must_be));
    let team = scaling.tag.map(|tag| tag.to_string());
    if tag("team") != team.as_deref() && !((native.is_some() || was_taken_over) && team.is_none()) && !is_handed_back {
        return Some("other tags than declared");
    }
    let mut must: BTreeMap<&str, u8> = scaling.attachments().filter(|_| !is_handed_back).collect();
    let mut may: BTreeSet<&str> = must.keys().copied().collect();
    if was_taken_over {
        may.extend(super::history::ATTACHED);
    }
    if let Some(certain) = foreign {
        may.extend(["f", "g"]);
        if certain {
            must.extend([("f", 1), ("g", 1)]);
            if tag("foreign").is_none() {
                return Some("a tag of others is lost");
            }
        }
    }
    if let Some((native, certain)) = native {
        may.extend(["n", "m", "p", "q", "s"]);
        if certain {
            must.extend(native.attachments());
            if native.tag && tag("by").is_none() {
                return Some("a tag of others is lost");
            }
        }
    }
    if must.iter().any(|(name, value)| found.attached.get(*name) != Some(&u64::from(*value))) {
        let of_others = |name: &str| !super::history::ATTACHED.contains(&name);
        let lost = must.iter().filter(|(name, value)| found.attached.get(**name) != Some(&u64::from(**value)));
        let lost: Vec<_> = lost.map(|(name, _)| *name).collect();
        return Some(if lost.iter().any(|name| of_others(name)) {
            "policies or actions of others are lost"
        } else {
            "other policies or actions than declared"
        });
    }
    if found.attached.keys().any(|name| !may.contains(name.as_str())) {
        return Some("more policies or actions than declared");
    }
    if !is_handed_back && !says(&found.tags, scaling.max, scaling.attachments().count()) {
        return Some("another declaration than declared");
    }
    let own = [STACK_ID_TAG, LOGICAL_ID_TAG, ADOPTED_TAG, DECLARED_TAG, FORMER_STACK_ID_TAG, FORMER_LOGICAL_ID_TAG];
    let tags = [&["team", "foreign", "by"], &own[..]].concat();
    found.tags.keys().any(|key| !tags.contains(&key.as_str())).then_some("more tags than declared")
}

impl Native {
    fn attachments(&self) -> impl Iterator<Item = (&'static str, u8)> {
        let policy = self.policy.map(|value| ("n", value));
        policy.into_iter().chain(self.action.map(|value| ("m", value)))
    }
}

impl State {
    /// Everything that is registered for a variant.
    fn found(&mut self, variant: usize) -> Option<Found> {
        let ids = json!({ "ServiceNamespace": "sagemaker", "ResourceIds": [resource_id(variant)] });
        let found = self.by_hand("AnyScaleFrontendService.DescribeScalableTargets", &ids).expect("describes");
        let found = found["ScalableTargets"].get(0)?.clone();
        let arn = json!({ "ResourceARN": found["ScalableTargetARN"] });
        let tags = self.by_hand("AnyScaleFrontendService.ListTagsForResource", &arn).expect("it is registered");
        let id = json!({ "ServiceNamespace": "sagemaker", "ResourceId": resource_id(variant) });
        let attached = attachments::described(|what| {
            self.by_hand(&format!("AnyScaleFrontendService.Describe{what}"), &id).expect("describes")
        });
        Some(Found {
            min: found["MinCapacity"].as_u64()?,
            max: found["MaxCapacity"].as_u64()?,
            suspended: found["SuspendedState"].clone(),
            tags: serde_json::from_value(tags["Tags"].clone()).ok()?,
            attached,
        })
    }
}

/// A target, as the API names it.
fn target(variant: usize) -> Value {
    json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource_id(variant),
        "ScalableDimension": DIMENSIONS[variant],
    })
}

fn is_own_tag(key: &str) -> bool {
    key.starts_with("sagemaker-scaling:")
}

/// The tags that a target loses at the end of a hand-back.
const HANDED_BACK_TAGS: [&str; 3] = [DECLARED_TAG, FORMER_STACK_ID_TAG, FORMER_LOGICAL_ID_TAG];
const REGISTER: &str = "AnyScaleFrontendService.RegisterScalableTarget";
/// How long a gate may take from its reads to the deregistration, in seconds.
const SNAPSHOT_TAKES: f64 = 15.0;
/// Documented limits.
const SCALED_OUT: &str = "the endpoint scaled out until the time of a request after a new gate was up";
const NO_ENDPOINT: &str = "a gate without its endpoint";
pub(crate) const TWIN: &str = "two deliveries of a young request ran at once";
/// The age from which a request checks that it is fresh, in seconds, and a second more.
const CHECKS_FRESHNESS_AFTER: f64 = 6.0;
/// The longest pause between two reads of the endpoint. The function does not begin a pause that its time is too short for.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The time that a gate keeps to restore what it has deregistered, and a delay of a throttled call.
const KEPT_FOR_RESTORES: Duration = Duration::from_secs(70);
/// The longest delay of a throttled call, in seconds.
const RETRY: f64 = 10.0;
/// The longest time of a slow call, in seconds. Such a call may come between the read and the registration.
const SLOW: f64 = 8.0;
/// How long the function acts on what it read, in seconds.
const READ_VALID: f64 = 5.0;
/// How long a change may take until every read shows it, in seconds.
const VISIBLE_WITHIN: f64 = 6.0;
const OTHER_STACK: &str = "stack/other/";
/// Documented limit: a snapshot holds what the reads show.
const CHANGED_BY_ANOTHER: &str = "another stack changed a target while a gate took its snapshot";
const CHANGED_OWNER: &str = "the owner changed between a read and a call";
/// How long a read is valid, in seconds, including the call that depends on it.
const VALID: f64 = 15.0;
