//! Decides the findings of a target and of a snapshot, from what was read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::{Cause, Code, Finding, SnapshotReport, TargetName, TargetReport};
use super::read::{Facts, Found, StackFacts};
use crate::model::json::{Object, text};
use crate::model::{
    AttachmentKind, DECLARED_TAG, Declaration, Difference, OWNER_TAGS, Owner, Ownership, PhysicalResourceId,
    ResourceType, ScalableTargetId,
};
use crate::snapshot::{Snapshot, SnapshotError};

/// What CloudFormation knows of an owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OwnerState {
    /// It exists, and has the target.
    Exists,
    /// Its stack is being changed.
    Busy,
    /// Its stack exists, and has no such resource, or one with another target.
    ResourceGone,
    /// Its stack is deleted.
    StackGone,
    /// Its stack is in another account or Region.
    Elsewhere,
    /// It could not be read.
    Unknown,
}

/// What CloudFormation knows of the owner of a target.
pub(super) fn owner_state(owner: &Owner, target: &ScalableTargetId, facts: &Facts<'_>) -> OwnerState {
    if !facts.location.has(&owner.stack_id) {
        return OwnerState::Elsewhere;
    }
    let Some(stack) = facts.stacks.get(&owner.stack_id) else { return OwnerState::Unknown };
    if stack.is_gone() {
        return OwnerState::StackGone;
    }
    if stack.is_busy() {
        return OwnerState::Busy;
    }
    let has_other = |id: &str| PhysicalResourceId::read(id).is_other_target(target);
    let found = stack.resources.iter().find(|resource| resource.logical_resource_id == owner.logical_resource_id);
    match found {
        Some(found) if !is_removed(&found.resource_status) && !has_other(&found.physical_resource_id) => {
            OwnerState::Exists
        }
        Some(_) | None => OwnerState::ResourceGone,
    }
}

/// Whether the stack no longer has a resource with this status. It may have retained it.
fn is_removed(status: &str) -> bool {
    matches!(status, "DELETE_COMPLETE" | "DELETE_SKIPPED")
}

/// The findings of a registered target. `declared` has the resources that declare targets, by the keys of these.
pub(super) fn target(found: &Found, facts: &Facts<'_>, declared: &BTreeMap<String, Owner>) -> TargetReport {
    let id = &found.spec.id;
    let owner = Owner::read(&found.spec.tags);
    let mut findings = Vec::new();
    let mut is_busy = false;
    match &owner {
        None => findings.push(of_nobody(found, declared.get(&super::read::key(id)))),
        Some(owner) => {
            let state = owner_state(owner, id, facts);
            findings.extend(of_owner(owner, state, found, facts));
            // The gate of another stack may restore it at this moment.
            let restoring = facts.restoring_stack(id).filter(|_| state == OwnerState::Exists);
            findings.extend(restoring.map(busy));
            is_busy = state == OwnerState::Busy || restoring.is_some();
            if state == OwnerState::Exists && !is_busy && !is_of_other(found, facts) {
                findings.extend(differences(owner, found));
            }
        }
    }
    // While the stack is being changed, the endpoint may be, too.
    if !is_busy {
        findings.extend(of_endpoint(found, owner.as_ref(), facts));
    }
    findings.extend(of_activities(id, facts));
    TargetReport {
        resource_id: id.resource_id(),
        scalable_dimension: id.dimension().as_str(),
        registered: true,
        adopted: owner.as_ref().is_some_and(|owner| is_adopted(owner, found)),
        owner,
        min_capacity: Some(found.spec.capacity("MinCapacity")),
        max_capacity: Some(found.spec.capacity("MaxCapacity")),
        findings,
    }
}

fn is_adopted(owner: &Owner, found: &Found) -> bool {
    Ownership::read(owner, &found.spec.tags) == Ownership::Own { adopted: true }
}

/// Whether another deployment of the function registered it.
fn is_of_other(found: &Found, facts: &Facts<'_>) -> bool {
    Declaration::read(&found.spec.tags).is_some_and(|declared| !declared.is_of(facts.function))
}

fn busy(stack: &str) -> Finding {
    let message = format!("Stack {stack} is being changed, or was while the report ran; look again afterwards");
    Finding::note(Code::StackBusy, message)
}

/// The finding of a target whose tags name no owner. `declares` is the resource that declares it.
fn of_nobody(found: &Found, declares: Option<&Owner>) -> Finding {
    let Some(Owner { stack_id, logical_resource_id }) = declares else {
        let message =
            "No resource of this function owns it: it was registered by hand, by a native resource or by another tool";
        return Finding::note(Code::NoOwner, message);
    };
    let message = format!(
        "Resource {logical_resource_id} of stack {stack_id} declares it, but its tags name no owner: somebody removed \
         them, or registered it again"
    );
    // The function adopts no target that has some of an owner's tags.
    let left: Vec<_> = OWNER_TAGS.into_iter().filter(|tag| found.spec.tags.contains_key(*tag)).collect();
    let first = if left.is_empty() { String::new() } else { format!("Remove the tags {} by hand. ", left.join(", ")) };
    let next = format!("{first}Deploy the stack with AdoptExisting: true for resource {logical_resource_id}");
    Finding::attention(Code::OwnerLost, message, next)
}

fn of_owner(owner: &Owner, state: OwnerState, found: &Found, facts: &Facts<'_>) -> Vec<Finding> {
    let declaration = Declaration::read(&found.spec.tags);
    let mut findings = Vec::new();
    let is_other = is_of_other(found, facts);
    if is_other {
        let message = "Another deployment of the function registered it; this one does not repair it";
        findings.push(Finding::note(Code::OtherFunction, message));
    }
    // Somebody else had registered an adopted target, and may still need it.
    let by_hand = if is_adopted(owner, found) {
        "remove its tags that begin with sagemaker-scaling: by hand, with aws application-autoscaling untag-resource"
    } else {
        "deregister it by hand, with aws application-autoscaling deregister-scalable-target"
    };
    let repair = match (&declaration, is_other) {
        (_, true) => format!(
            "Ask the deployment of the function that registered it for a repair. If it does not exist any more, and \
             nobody needs the target, {by_hand}"
        ),
        (Some(_), false) if is_adopted(owner, found) => {
            "Ask for a repair: it removes the function's tags, and the target stays registered".to_owned()
        }
        (Some(_), false) => "Ask for a repair: it deregisters the target, or hands it back if it was taken over from \
                             a resource that still exists"
            .to_owned(),
        (None, false) => {
            format!("No repair does it, because the target has no tag {DECLARED_TAG}: if nobody needs it, {by_hand}")
        }
    };
    let Owner { stack_id, logical_resource_id } = owner;
    match state {
        OwnerState::Busy => findings.push(busy(stack_id)),
        OwnerState::Elsewhere => {
            let message =
                format!("Its stack {stack_id} is in another account or Region, where this function cannot look");
            findings.push(Finding::note(Code::NotInThisAccount, message));
        }
        OwnerState::ResourceGone => {
            let message = format!("Stack {stack_id} no longer has resource {logical_resource_id} with this target");
            let next = format!("Declare it in a resource whose TakeOverFrom names that one, or {by_hand}");
            findings.push(Finding::attention(Code::ResourceGone, message, next));
        }
        OwnerState::StackGone => {
            let message = format!("Its stack {stack_id} is deleted");
            findings.push(Finding::attention(Code::StackGone, message, repair));
        }
        OwnerState::Exists | OwnerState::Unknown => {}
    }
    findings
}

fn differences(owner: &Owner, found: &Found) -> Vec<Finding> {
    let Some(declaration) = Declaration::read(&found.spec.tags) else {
        let message = format!(
            "It cannot be compared, because it has no tag {DECLARED_TAG}: an earlier version of the function registered \
             it, it was handed back to this owner, or its tags leave no room. The next Update of the resource adds the tag \
             if there is room"
        );
        return vec![Finding::note(Code::NotComparable, message)];
    };
    declaration.differences(&found.spec).into_iter().map(|difference| of_difference(owner, found, difference)).collect()
}

fn of_difference(owner: &Owner, found: &Found, difference: Difference) -> Finding {
    let deploy = deploy_again(owner);
    let attention = |code, message: String| Finding::attention(code, message, deploy.clone());
    let (min, max) = (found.spec.capacity("MinCapacity"), found.spec.capacity("MaxCapacity"));
    let codes = |kind, policy, action| if kind == AttachmentKind::ScalingPolicy { policy } else { action };
    match difference {
        Difference::Limits(declared_min, declared_max) => attention(
            Code::LimitsChanged,
            format!("Its limits are {min} to {max}; the resource declared {declared_min} to {declared_max}"),
        ),
        Difference::Suspended(declared) => {
            let declared = match &declared[..] {
                [] => "no suspension".to_owned(),
                members => format!("true for {}", members.join(", ")),
            };
            let message = format!("Its SuspendedState was changed; the resource declared {declared}");
            attention(Code::SuspendedStateChanged, message)
        }
        Difference::Changed(kind, name) => attention(
            codes(kind, Code::PolicyChanged, Code::ActionChanged),
            format!("{} {name} differs from what the resource declared", capitalized(kind)),
        ),
        // The function keeps what others have attached.
        Difference::Added(AttachmentKind::ScalingPolicy, name) => Finding::note(
            Code::PolicyAdded,
            format!("Scaling policy {name} is not declared by the resource, whose deployments keep it"),
        ),
        Difference::Added(AttachmentKind::ScheduledAction, name) => Finding::note(
            Code::ActionAdded,
            format!("Scheduled action {name} is not declared by the resource, whose deployments keep it"),
        ),
        Difference::Missing(kind, count) => attention(
            codes(kind, Code::PolicyMissing, Code::ActionMissing),
            format!("{count} declared {} missing", are(kind, count)),
        ),
        Difference::Ended(count) => Finding::note(
            Code::ActionEnded,
            format!(
                "{count} declared {} gone: each takes place once or has an end, so it has ended or was deleted",
                are(AttachmentKind::ScheduledAction, count)
            ),
        ),
        Difference::Parts(count) => attention(
            Code::PartsChanged,
            format!("Its policies and scheduled actions differ from the {count} that the resource declared"),
        ),
    }
}

fn deploy_again(owner: &Owner) -> String {
    let resource = &owner.logical_resource_id;
    format!("Deploy its stack again, with a changed property of resource {resource}, such as ServiceTimeout")
}

fn capitalized(kind: AttachmentKind) -> &'static str {
    match kind {
        AttachmentKind::ScalingPolicy => "Scaling policy",
        AttachmentKind::ScheduledAction => "Scheduled action",
    }
}

fn are(kind: AttachmentKind, count: usize) -> &'static str {
    match (kind, count) {
        (AttachmentKind::ScalingPolicy, 1) => "scaling policy is",
        (AttachmentKind::ScalingPolicy, _) => "scaling policies are",
        (AttachmentKind::ScheduledAction, 1) => "scheduled action is",
        (AttachmentKind::ScheduledAction, _) => "scheduled actions are",
    }
}

fn of_endpoint(found: &Found, owner: Option<&Owner>, facts: &Facts<'_>) -> Option<Finding> {
    let remove_or = |other: &str| match owner {
        Some(owner) => {
            format!("Remove resource {} from stack {}, or {other}", owner.logical_resource_id, owner.stack_id)
        }
        None => "Deregister it by hand, with aws application-autoscaling deregister-scalable-target".to_owned(),
    };
    match &found.spec.id {
        ScalableTargetId::InferenceComponent(name) => match facts.components.get(name)? {
            false => {
                let message = format!("Inference component {name} does not exist");
                let next = remove_or("create the inference component again");
                Some(Finding::attention(Code::EndpointGone, message, next))
            }
            true => None,
        },
        id @ ScalableTargetId::Variant { endpoint: name, variant, .. } => {
            let Some(endpoint) = facts.endpoint(name)? else {
                let message = format!("Endpoint {name} does not exist");
                return Some(Finding::attention(Code::EndpointGone, message, remove_or("create the endpoint again")));
            };
            if endpoint.is_stable() && !endpoint.has_variant_of(id) {
                let message = format!("Endpoint {name} has no variant {variant}");
                return Some(Finding::attention(
                    Code::VariantGone,
                    message,
                    remove_or("give the endpoint this variant"),
                ));
            }
            let is_newer = endpoint.created.zip(found.created).is_some_and(|(endpoint, target)| endpoint > target);
            is_newer.then(|| {
                // AWS identifies a target by the name of its endpoint. A deployment would not change when it was registered.
                let message = format!(
                    "Endpoint {name} was deleted and created again after the target was registered; the target applies \
                     to the new endpoint"
                );
                Finding::note(Code::EndpointReplaced, message)
            })
        }
    }
}

/// The findings of a target's recent activities: those that failed, by their cause, and those that did not scale.
fn of_activities(id: &ScalableTargetId, facts: &Facts<'_>) -> Vec<Finding> {
    let activities = facts.activities.get(&super::read::key(id)).map_or(&[][..], Vec::as_slice);
    let mut failed: BTreeMap<Cause, Vec<&str>> = BTreeMap::new();
    let mut not_scaled: BTreeMap<&str, usize> = BTreeMap::new();
    for activity in activities {
        let message = text(activity, "StatusMessage").unwrap_or_default();
        let has_failed = matches!(text(activity, "StatusCode"), Some("Failed" | "Unfulfilled"));
        let mut codes = not_scaled_codes(activity).peekable();
        // An activity that was not scaled has the status Failed, too: the user guide shows one.
        if has_failed && codes.peek().is_none() {
            failed.entry(cause(message)).or_default().push(message);
        }
        for code in codes {
            if code == REFUSED_BY_SERVICE {
                failed.entry(Cause::Refused).or_default().push(if message.is_empty() { code } else { message });
            } else {
                *not_scaled.entry(code).or_default() += 1;
            }
        }
    }
    let failed = failed.into_iter().map(|(cause, messages)| {
        let next = match cause {
            Cause::Capacity => "Raise the quota of the instance type, or use another instance type or instance pools",
            Cause::Refused => "Correct what the message names, unless the endpoint was only being updated",
            Cause::Other => "Read the activities, with aws application-autoscaling describe-scaling-activities",
        };
        // The latest is the first.
        let last = messages.first().copied().unwrap_or_default();
        let count = messages.len();
        let message = match count {
            1 => format!("1 scaling activity failed in the last day: {last}"),
            _ => format!("{count} scaling activities failed in the last day; the last one: {last}"),
        };
        let finding = Finding::attention(Code::ActivityFailed, message, next);
        Finding { cause: Some(cause), count: Some(count), ..finding }
    });
    let not_scaled = not_scaled.into_iter().map(|(code, count)| match code {
        AT_MAXIMUM => {
            let message = format!("It was at MaxCapacity when a policy wanted to scale it out, {}", times(count));
            Finding::note(Code::AtMaximum, message)
        }
        code => Finding::note(Code::NotScaled, format!("A policy did not scale it, {}: {code}", times(count))),
    });
    failed.chain(not_scaled).collect()
}

fn times(count: usize) -> String {
    if count == 1 { "once in the last day".to_owned() } else { format!("{count} times in the last day") }
}

/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html>
fn not_scaled_codes(activity: &Object) -> impl Iterator<Item = &str> {
    let reasons = activity.get("NotScaledReasons").and_then(Value::as_array);
    reasons.into_iter().flatten().filter_map(|reason| reason["Code"].as_str())
}

/// Assumed (belief activity-texts): the words.
fn cause(message: &str) -> Cause {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["capacity error", "insufficient", "limitexceeded", "limit exceeded", "quota", "service limit"]) {
        Cause::Capacity
    } else if says(&["accessdenied", "cannot", "invalid", "not authorized", "refused", "validation"]) {
        Cause::Refused
    } else {
        Cause::Other
    }
}

/// The targets that stacks declare and that are not registered.
pub(super) fn unregistered(facts: &Facts<'_>) -> Vec<(Owner, ScalableTargetId)> {
    declared(facts).into_iter().filter(|(_, id)| !facts.is_registered(id)).collect()
}

/// The targets that stacks declare, without the stacks that are being changed.
pub(super) fn declared(facts: &Facts<'_>) -> Vec<(Owner, ScalableTargetId)> {
    let declares = |(stack, facts): (&String, &StackFacts)| {
        let stack = stack.clone();
        let resources = facts.resources.iter().filter(|found| {
            let is_target = ResourceType::read(&found.resource_type) == Some(ResourceType::ScalableTarget);
            is_target
                && matches!(found.resource_status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_FAILED")
        });
        let owned = resources.filter_map(move |found| match PhysicalResourceId::read(&found.physical_resource_id) {
            PhysicalResourceId::ScalableTarget(id) => {
                let logical_resource_id = found.logical_resource_id.clone();
                Some((Owner { stack_id: stack.clone(), logical_resource_id }, id))
            }
            PhysicalResourceId::Invented | PhysicalResourceId::NotRegistered | PhysicalResourceId::UpdateGate(_) => {
                None
            }
        });
        owned.collect::<Vec<_>>()
    };
    let settled = facts.stacks.iter().filter(|(_, stack)| !stack.is_busy() && !stack.is_gone());
    settled.flat_map(declares).collect()
}

/// The finding of a declared target that is not registered.
pub(super) fn not_registered(owner: Owner, id: &ScalableTargetId, has_snapshot: bool) -> TargetReport {
    let finding = if has_snapshot {
        let message = "The resource declares it, but a gate has deregistered it, and keeps its snapshot";
        Finding::attention(Code::NotRegistered, message, "Do what the finding of its snapshot says")
    } else {
        let message =
            "The resource declares it, but it is not registered: somebody deregistered it, or its endpoint was deleted";
        Finding::attention(Code::NotRegistered, message, deploy_again(&owner))
    };
    TargetReport {
        resource_id: id.resource_id(),
        scalable_dimension: id.dimension().as_str(),
        registered: false,
        owner: Some(owner),
        adopted: false,
        min_capacity: None,
        max_capacity: None,
        findings: vec![finding],
    }
}

/// Whether the target of a snapshot is going to be restored.
pub(super) fn is_waiting(snapshot: &Snapshot, facts: &Facts<'_>) -> bool {
    facts.is_expected(snapshot) && !snapshot.is_stale(facts.at)
}

/// The finding of a snapshot.
pub(super) fn snapshot(name: &str, read: Result<Snapshot, SnapshotError>, facts: &Facts<'_>) -> SnapshotReport {
    let snapshot = match read {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let next =
                "Save the parameter's value, delete the parameter, and deploy the stack that declares the target";
            let findings = vec![Finding::attention(Code::Unreadable, capitalize(&error.to_string()), next)];
            return SnapshotReport {
                parameter: name.to_owned(),
                target: None,
                age_seconds: None,
                owner: None,
                findings,
            };
        }
    };
    let id = &snapshot.spec.id;
    let owner = snapshot.resource();
    let finding = if facts.is_registered(id) && !facts.is_restoring(id) && !facts.is_expected(&snapshot) {
        let message = "Its target is registered; the next gate of the endpoint drops the snapshot";
        Finding::note(Code::AlreadyRegistered, message)
    } else if is_waiting(&snapshot, facts) {
        Finding::note(Code::Waiting, "Its stack or its endpoint is being changed; then the target is restored")
    } else {
        let message = if facts.is_restoring(id) {
            "A restore of its target was interrupted: the target may lack policies and scheduled actions"
        } else {
            "Its target is not registered, so nothing scales it"
        };
        let tags = &snapshot.spec.tags;
        let next = if Owner::read(tags).is_some() && Declaration::read(tags).is_some() {
            "Deploy the stack of the gate, which restores the target, or ask for a repair"
        } else {
            "Deploy the stack of the gate, which restores the target. No repair does, because the snapshot does not say \
             which deployment of the function registered the target"
        };
        Finding::attention(Code::Stale, message, next)
    };
    SnapshotReport {
        parameter: name.to_owned(),
        target: Some(TargetName::from(id)),
        age_seconds: Some(facts.at_secs().saturating_sub(snapshot.taken_at)),
        owner,
        findings: vec![finding],
    }
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

const AT_MAXIMUM: &str = "AlreadyAtMaxCapacity";
const REFUSED_BY_SERVICE: &str = "TargetServicePutResourceAsUnscalable";
