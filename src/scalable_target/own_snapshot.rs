//! What a snapshot of the target means for its registration.

use super::ownership::{self, Registration};
use super::reconcile::merged;
use crate::aws::{AwsError, ChangeError};
use crate::context::Context;
use crate::error::Error;
use crate::model::attributes::{Attributes, TARGET_ARN};
use crate::model::{
    AttachmentKey, Endpoint, FORMER_OWNER_TAGS, Owner, Ownership, Refusal, ScalableTargetId, TargetSpec, UpdateGateId,
    hand_back, release,
};
use crate::properties::{Declared, Desired};
use crate::request::Lifecycle;
use crate::snapshot::store::{self, Stored};
use crate::snapshot::{EndpointUpdate, Newer, Snapshot, SnapshotError, remove_ended_actions, restore};

/// The snapshot of the target, without scheduled actions that have ended. `None` if it belongs to another update and
/// is this resource's own, or may belong to another and is older than a day.
///
/// `update` is the update of the endpoint that the request belongs to: `None` without a gate.
pub(super) async fn own_snapshot(
    context: &Context<'_>,
    desired: &Desired,
    update: Option<&EndpointUpdate>,
) -> Result<Option<Stored>, AwsError> {
    let (aws, target) = (&context.aws, &desired.spec.id);
    let get = async || match desired.gate {
        Some(_) => store::get_readable(aws, target).await,
        None => store::get_if_allowed(aws, target).await,
    };
    let Some(mut stored) = store::get_settled(aws, get).await? else { return Ok(None) };
    let snapshot = &stored.snapshot;
    let mut belongs = update.map(|update| snapshot.belongs_to(update));
    let is_own = matches!(Ownership::read(context.owner(), &snapshot.spec.tags), Ownership::Own { .. });
    if belongs == Some(false) && is_own {
        belongs = Some(is_of_current_gate(context, desired, snapshot).await);
    }
    if belongs == Some(false) && is_own || belongs != Some(true) && snapshot.is_stale(context.aws.now()) {
        return Ok(None);
    }
    remove_ended_actions(&context.aws, &mut stored.snapshot);
    Ok(Some(stored))
}

/// Whether a snapshot belongs to an update to the configuration that a gate of the stack has now, or from it. After several
/// updates that failed without a rollback, the stack reverts them all, and neither the previous gate of the resource nor the
/// new one names it.
async fn is_of_current_gate(context: &Context<'_>, desired: &Desired, snapshot: &Snapshot) -> bool {
    let (Some(gate), Some(update)) = (&desired.gate, &snapshot.update) else { return false };
    let gate_of = |config| UpdateGateId { endpoint: gate.endpoint.clone(), config };
    context.aws.has_any_gate(update.configs.iter().filter_map(|config| config.parse().ok()).map(gate_of)).await
}

/// Fails if the target has another snapshot than was read before.
pub(super) async fn ensure_unchanged(
    context: &Context<'_>,
    desired: &Desired,
    update: Option<&EndpointUpdate>,
    read: Option<&Stored>,
) -> Result<(), ChangeError> {
    let now = own_snapshot(context, desired, update).await?;
    let is_same = match (read, &now) {
        (None, None) => true,
        (Some(read), Some(now)) => read.is_same(now),
        (None, Some(_)) | (Some(_), None) => false,
    };
    if is_same { Ok(()) } else { Err(ChangeError::Outdated) }
}

/// One description of the template and a snapshot, with the tags of the owner. Refuses a snapshot of another owner, as it
/// would refuse the registered target. `None` if the snapshot's resource (its owner, or the native resource) was deleted with
/// its target: no request restores such a snapshot.
pub(super) async fn restored_spec(
    context: &Context<'_>,
    desired: &Desired,
    snapshot: &Snapshot,
    to_delete: &[AttachmentKey],
    previous: &Declared,
) -> Result<Option<TargetSpec>, Error> {
    let mut registered = snapshot.as_registered();
    if let Some(resource) = snapshot.resource().filter(|resource| resource != context.owner())
        && context.aws.is_deleted(&resource).await
    {
        let former = context.aws.existing_former_owner(&registered.tags, &snapshot.spec.id).await;
        match (former, Ownership::read(&resource, &registered.tags)) {
            (Some(former), _) => hand_back(&mut registered.tags, &former),
            (None, Ownership::Own { adopted: false } | Ownership::Untagged) => return Ok(None),
            // The deleted resource has released the target.
            (None, _) => release(&mut registered.tags),
        }
    }
    match ownership::registration(desired, context.owner(), Some(&registered), &previous.tags) {
        Ok(
            Registration::Adopt { tags, .. }
            | Registration::Create { tags }
            | Registration::TakeOver { tags, .. }
            | Registration::Update { all: tags, .. },
        ) => {
            let mut spec = merged(desired, snapshot, to_delete, previous);
            spec.tags.extend(tags);
            if Owner::read_former(&spec.tags).as_ref() == Some(context.owner()) {
                // This resource owns the target again. These tags would mark an interrupted hand-back.
                spec.tags.retain(|key, _| !FORMER_OWNER_TAGS.contains(&key.as_str()));
            }
            Ok(Some(spec))
        }
        Err(refusal) => Err(Refusal::Kept { refusal: Box::new(refusal), parameter: snapshot.parameter_name() }.into()),
    }
}

/// Whether a snapshot has the target in this spelling, in which somebody else registered it, also if this resource adopted it.
pub(super) async fn has_snapshot_of_others(context: &Context<'_>, target: &ScalableTargetId) -> Result<bool, AwsError> {
    let stored = store::get_if_allowed(&context.aws, target).await?;
    Ok(stored.is_some_and(|stored| {
        let spec = &stored.snapshot.spec;
        spec.id == *target && Ownership::read(context.owner(), &spec.tags) != Ownership::Own { adopted: false }
    }))
}

/// The update of the endpoint that a request behind a gate belongs to.
pub(super) fn update_of(context: &Context<'_>, desired: &Desired) -> Option<EndpointUpdate> {
    let gates = context.lifecycle().old_gate().into_iter().chain(desired.gate.clone());
    let configs = gates.map(|gate| gate.config.to_string()).collect();
    // The gate may be in another stack, such as the parent of a nested stack.
    let kept_by = context.aws.request.id.to_owned();
    desired.gate.as_ref().map(|_| EndpointUpdate { stack_id: None, configs, is_by_new_gate: false, kept_by })
}

/// Fails if a gate could not deregister the target for the next update, or for the rollback of this one.
pub(super) fn ensure_fits(context: &Context<'_>, desired: &Desired, gate: &UpdateGateId) -> Result<(), SnapshotError> {
    let mut spec = desired.spec.clone();
    spec.tags.extend(context.owner().adoption_tags());
    if desired.take_over_from.is_some() {
        spec.tags.extend(context.owner().tags_after(&Owner {
            stack_id: "-".repeat(LONG_STACK_ID),
            logical_resource_id: "-".repeat(LONG_LOGICAL_ID),
        }));
    }
    let attributes = Attributes::from([(TARGET_ARN.to_owned(), "-".repeat(LONG_ARN + SUSPENDED_STATE))]);
    let other_config = "-".repeat(LONG_NAME);
    let update = EndpointUpdate {
        stack_id: Some(context.owner().stack_id.clone()),
        // The update after a failed one adds a third configuration.
        configs: vec![gate.config.to_string(), other_config.clone(), other_config],
        is_by_new_gate: true,
        kept_by: context.aws.request.id.to_owned(),
    };
    Snapshot::new(context.aws.now(), spec, attributes, Some(update)).value().map(drop)
}

/// Restores the targets of others that a gate has deregistered, if the gate is new in this update: nobody else does.
pub(super) async fn restore_others(context: &Context<'_>, desired: &Desired) -> Result<(), Error> {
    let (Some(update), ScalableTargetId::Variant { endpoint: name, .. }, None) =
        (update_of(context, desired), &desired.spec.id, context.lifecycle().old_gate())
    else {
        return Ok(());
    };
    let is_left = |Stored { snapshot, .. }: &Stored| {
        // A resource of this stack restores its own target.
        let owner = Owner::read(&snapshot.spec.tags);
        let is_of_others = owner.is_none_or(|owner| owner.stack_id != context.owner().stack_id);
        snapshot.is_by_new_gate() && is_of_others && snapshot.belongs_to(&update)
    };
    let left = store::get_all_readable(&context.aws, name).await?.into_iter().filter(is_left);
    restore_left(context, left.collect()).await
}

/// Restores the snapshots that a new gate has left, once the endpoint is settled, unless it lacks their variants.
pub(super) async fn restore_left(context: &Context<'_>, left: Vec<Stored>) -> Result<(), Error> {
    let aws = &context.aws;
    let Some(ScalableTargetId::Variant { endpoint: name, .. }) = left.first().map(|stored| &stored.snapshot.spec.id)
    else {
        return Ok(());
    };
    // It may be scaling out to its new minimum. Its update may have failed: in express mode, CloudFormation does not wait.
    let endpoint = aws.endpoint_once(name, Endpoint::is_settled, aws.left_to_work()).await?;
    let Some(endpoint) = endpoint.filter(Endpoint::is_settled) else { return Ok(()) };
    for stored in left.into_iter().filter(|stored| endpoint.has_variant_of(&stored.snapshot.spec.id)) {
        let target = stored.snapshot.spec.id.resource_id();
        if let Err(error) = restore(aws, stored, Newer::Restore).await {
            tracing::warn!(%error, target, "could not be restored; its snapshot is kept");
        }
    }
    Ok(())
}

pub(super) fn is_update(context: &Context<'_>) -> bool {
    matches!(context.lifecycle(), Lifecycle::Update { .. })
}

/// Room for the ARN of a scalable target, for the suspended state, which Describe always returns, for the longest name of a
/// configuration, and for the longest ids of a stack and of a resource in it.
const LONG_ARN: usize = 128;
const SUSPENDED_STATE: usize = 128;
const LONG_NAME: usize = 63;
const LONG_STACK_ID: usize = 229;
const LONG_LOGICAL_ID: usize = 255;
