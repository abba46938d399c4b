//! The repair of one target, on request: restores its snapshot, or removes what a deleted stack has left.
//!
//! A removal is what the Delete of the resource would do, by the same rules. It needs CloudFormation to say that the stack is
//! deleted, so that it sends no Delete any more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::aws::{Aws, Reads};
use crate::context::Context;
use crate::error::Error;
use crate::model::{DECLARED_TAG, Declaration, Endpoint, Location, Owner, Ownership, Registered, ScalableTargetId};
use crate::observability::Decision;
use crate::request::{Lifecycle, RepairOrder, SentRequest, StackRecord};
use crate::scalable_target;
use crate::snapshot::store::{self, Stored};
use crate::snapshot::{Newer, Snapshot, restore};

/// What a repair does, or would do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum Action {
    /// Deregister a target whose stack is deleted.
    Deregister,
    /// Hand such a target back to the resource that it was taken over from.
    HandBack,
    /// Nothing: the message says why.
    None,
    /// Remove the tags of this function from an adopted target whose stack is deleted.
    RemoveTags,
    /// Register a target again from its snapshot.
    RestoreSnapshot,
}

/// The answer of a repair.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Repair {
    resource_id: String,
    scalable_dimension: String,
    dry_run: bool,
    action: Action,
    done: bool,
    message: String,
}

/// What CloudFormation knows of a stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum StackState {
    Busy,
    Exists,
    Gone,
    /// In another account or Region.
    Elsewhere,
}

/// What is known of the target.
struct Facts<'a> {
    function: &'a str,
    id: &'a ScalableTargetId,
    registered: Option<&'a Registered>,
    snapshot: Option<&'a Snapshot>,
    /// The stacks of the owner and of the gate.
    stacks: BTreeMap<String, StackState>,
    /// Whether the resource that the target was taken over from exists.
    has_former_owner: bool,
    /// CloudFormation's record of the resource that owns the snapshot. `None` if it cannot be read.
    record: Option<StackRecord>,
    /// `None` for an inference component, and if the endpoint does not exist.
    endpoint: Option<&'a Endpoint>,
}

/// Repairs one target, or says what would be done.
pub async fn repair(
    reads: Reads<'_>,
    location: &Location,
    function: &str,
    order: &RepairOrder,
) -> Result<Repair, Error> {
    let text = format!("{}|{}|sagemaker", order.resource_id, order.scalable_dimension);
    let Ok(id) = text.parse::<ScalableTargetId>() else {
        let message = "ResourceId and ScalableDimension do not name a scalable target of SageMaker, such as \
                       endpoint/NAME/variant/NAME and sagemaker:variant:DesiredInstanceCount";
        return Ok(Repair::new(order, Action::None, message.to_owned()));
    };
    let registered = reads.registered(&id).await?;
    let registered = registered.as_ref();
    let stored = store::get(&reads, &id).await?;
    let snapshot = stored.as_ref().map(|stored| &stored.snapshot);
    let of_target = registered.and_then(|found| Owner::read(&found.tags));
    let of_snapshot = snapshot.and_then(Snapshot::resource);
    let owners = [of_target, of_snapshot.clone()].into_iter().flatten().map(|owner| owner.stack_id);
    let gate = snapshot.and_then(|snapshot| snapshot.update.as_ref()?.stack_id.clone());
    let mut stacks = BTreeMap::new();
    for stack in owners.chain(gate).collect::<BTreeSet<_>>() {
        let state = stack_state(&reads, location, &stack).await?;
        stacks.insert(stack, state);
    }
    let former = match registered {
        Some(found) => reads.existing_former_owner(&found.tags, &id).await,
        None => None,
    };
    let record = match &of_snapshot {
        Some(owner) => reads.record_of(owner).await,
        None => None,
    };
    let endpoint = match &id {
        ScalableTargetId::Variant { endpoint, .. } => reads.endpoint(endpoint).await?,
        ScalableTargetId::InferenceComponent(_) => None,
    };
    let facts = Facts {
        function,
        id: &id,
        registered,
        snapshot,
        stacks,
        has_former_owner: former.is_some(),
        record,
        endpoint: endpoint.as_ref(),
    };
    let (action, owner) = match decide(&facts) {
        Ok(decided) => decided,
        Err(why) => return Ok(Repair::new(order, Action::None, why)),
    };
    let mut repair = Repair::new(order, action, action.says(order.dry_run).to_owned());
    if !order.dry_run {
        act(reads, location, function, &owner, &id, action, stored).await?;
        let decision = action.decision();
        repair.done = decision.is_some_and(|decision| reads.progress.tally().count(decision) > 0);
        if !repair.done {
            repair.action = Action::None;
            repair.message = "Somebody else has changed the target or its snapshot meanwhile. Ask again".to_owned();
        }
    }
    let action = repair.action;
    tracing::info!(target = id.resource_id(), dry_run = order.dry_run, action = ?action, "repair finished");
    Ok(repair)
}

async fn stack_state(reads: &Reads<'_>, location: &Location, stack: &str) -> Result<StackState, Error> {
    if !location.has(stack) {
        return Ok(StackState::Elsewhere);
    }
    Ok(match reads.stack(stack).await?.filter(|stack| !stack.status.is_deleted()) {
        None => StackState::Gone,
        Some(stack) if stack.status.is_busy() => StackState::Busy,
        Some(_) => StackState::Exists,
    })
}

/// Decides the action and the owner for whom it is taken, or says why there is none.
fn decide(facts: &Facts<'_>) -> Result<(Action, Owner), String> {
    // A target that is half restored is completed from its snapshot.
    let is_complete = |found: &&Registered| facts.snapshot.is_none() || !found.is_restoring();
    let registered = facts.registered.filter(is_complete);
    let tags = match (registered, facts.snapshot) {
        (Some(found), _) => &found.tags,
        (None, Some(snapshot)) => &snapshot.spec.tags,
        (None, None) => {
            return Err(
                "The target is not registered, and has no snapshot. Deploy the stack that declares it, with a \
                        changed property of its resource, such as ServiceTimeout"
                    .to_owned(),
            );
        }
    };
    let Some(owner) = Owner::read(tags) else {
        return Err(
            "No resource of this function owns the target, so a repair changes nothing. See docs/RUNBOOK.md".to_owned()
        );
    };
    match Declaration::read(tags) {
        Some(declared) if declared.is_of(facts.function) => {}
        Some(_) => {
            return Err(
                "Another deployment of the function registered the target. Ask that deployment for a repair".to_owned()
            );
        }
        None => {
            return Err(format!(
                "It is not known which deployment of the function registered the target, because it has no tag \
                 {DECLARED_TAG}. See docs/RUNBOOK.md"
            ));
        }
    }
    if let Some((stack, _)) = facts.stacks.iter().find(|(_, state)| **state == StackState::Elsewhere) {
        return Err(format!("Stack {stack} is in another account or Region, where this function cannot look"));
    }
    if let Some((stack, _)) = facts.stacks.iter().find(|(_, state)| **state == StackState::Busy) {
        return Err(format!("Stack {stack} is being changed. Ask again afterwards"));
    }
    let is_gone = facts.stacks.get(&owner.stack_id) == Some(&StackState::Gone);
    let Some(found) = registered else {
        return restorable(facts, &owner, is_gone).map(|()| (Action::RestoreSnapshot, owner));
    };
    if !is_gone {
        return Err(format!(
            "Stack {} exists, so a repair changes nothing. Do what the findings of the report say",
            owner.stack_id
        ));
    }
    let is_adopted = Ownership::read(&owner, &found.tags) == Ownership::Own { adopted: true };
    let action = match (facts.has_former_owner, is_adopted) {
        (true, _) => Action::HandBack,
        (false, true) => Action::RemoveTags,
        (false, false) => Action::Deregister,
    };
    Ok((action, owner))
}

/// Checks that the snapshot can be restored, or says why not.
fn restorable(facts: &Facts<'_>, owner: &Owner, is_gone: bool) -> Result<(), String> {
    let parameter = facts.snapshot.map(Snapshot::parameter_name).unwrap_or_default();
    if is_gone {
        return Err(format!(
            "Stack {}, which owns the target, is deleted, so nothing is restored. Delete parameter {parameter} by hand",
            owner.stack_id
        ));
    }
    match &facts.record {
        None => return Err(format!("CloudFormation does not say whether {owner} exists. Ask again")),
        Some(record) if record.is_gone() || record.has_other_target(facts.id) => {
            return Err(format!("The {owner} no longer has this target. Delete parameter {parameter} by hand"));
        }
        Some(_) => {}
    }
    if let ScalableTargetId::Variant { endpoint: name, variant, .. } = facts.id {
        match facts.endpoint {
            None => {
                return Err(format!(
                    "Endpoint {name} does not exist, so nothing is restored. Create it, or delete parameter {parameter} \
                     by hand"
                ));
            }
            Some(endpoint) if endpoint.status != "InService" => {
                return Err(format!("Endpoint {name} is {}. Ask again once it is InService", endpoint.status));
            }
            Some(endpoint) if !endpoint.has_variant_of(facts.id) => {
                return Err(format!(
                    "Endpoint {name} has no variant {variant}, so nothing is restored. Delete parameter {parameter} by \
                     hand"
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

async fn act(
    reads: Reads<'_>,
    location: &Location,
    function: &str,
    owner: &Owner,
    id: &ScalableTargetId,
    action: Action,
    stored: Option<Stored>,
) -> Result<(), Error> {
    // The Delete that CloudFormation would send. It has another id than the record, in which a retained resource keeps its own: a
    // Delete with the id of a resource that was not deleted is stale.
    let lifecycle = Lifecycle::Delete { id: "repair".to_owned(), properties: Value::Object(Map::new()) };
    let age = reads.deadline.age(None, reads.deadline.began());
    let request = SentRequest { id: "repair", lifecycle: &lifecycle, owner, age, follows_change: false };
    let aws = Aws { reads, request };
    match (action, stored) {
        (Action::Deregister | Action::HandBack | Action::RemoveTags, _) => {
            scalable_target::delete(&Context { aws, location, function }, id).await
        }
        (Action::RestoreSnapshot, Some(stored)) => Ok(restore(&aws, stored, Newer::Leave).await?),
        (Action::RestoreSnapshot, None) | (Action::None, _) => Ok(()),
    }
}

impl Action {
    /// What the log of a request counts for it.
    fn decision(self) -> Option<Decision> {
        match self {
            Self::Deregister => Some(Decision::Deregister),
            Self::HandBack => Some(Decision::HandBack),
            Self::RemoveTags => Some(Decision::Release),
            Self::RestoreSnapshot => Some(Decision::Restore),
            Self::None => None,
        }
    }

    fn says(self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (Self::Deregister, true) => {
                "Its stack is deleted: it would be deregistered, with its policies and scheduled actions"
            }
            (Self::Deregister, false) => {
                "Its stack is deleted: it was deregistered, with its policies and scheduled actions"
            }
            (Self::HandBack, true) => "Its stack is deleted: it would be handed back to its former owner",
            (Self::HandBack, false) => "Its stack is deleted: it was handed back to its former owner",
            (Self::RemoveTags, true) => {
                "Its stack is deleted, and had adopted it: it would lose the tags of the function"
            }
            (Self::RemoveTags, false) => {
                "Its stack is deleted, and had adopted it: it has lost the tags of the function"
            }
            (Self::RestoreSnapshot, true) => {
                "It would be registered again, with the policies and scheduled actions of its snapshot"
            }
            (Self::RestoreSnapshot, false) => {
                "It was registered again, with the policies and scheduled actions of its snapshot"
            }
            (Self::None, _) => "",
        }
    }
}

impl Repair {
    fn new(order: &RepairOrder, action: Action, message: String) -> Self {
        let RepairOrder { resource_id, scalable_dimension, dry_run } = order.clone();
        Self { resource_id, scalable_dimension, dry_run, action, done: false, message }
    }
}
