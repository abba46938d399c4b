//! Handles a rollback in which CloudFormation will also move the endpoint back to its previous configuration. A registered
//! target would block that, so it is stored as a snapshot and deregistered. The gate restores it afterwards.

use futures_util::future::try_join;

use super::own_snapshot::{is_update, own_snapshot, restored_spec, update_of};
use super::ownership;
use super::reconcile::no_longer_declared;
use super::remove::ensure_fresh;
use crate::aws::{Precondition, TargetState, unless_outdated};
use crate::context::Context;
use crate::deadline::Stopwatch;
use crate::error::Error;
use crate::model::attributes::{self, Attributes, TARGET_ARN, policy_arn};
use crate::model::{AttachmentKind, Refusal, Registered, ScalableTargetId, blocks_update};
use crate::observability::Decision;
use crate::properties::{Declared, Desired};
use crate::request::Freshness;
use crate::snapshot::store::{self, Stored};
use crate::snapshot::{EndpointUpdate, Snapshot, capture};

/// Whether the endpoint is about to roll back: it runs the configuration of the previous gate, and this target would
/// block its update to the configuration of the new gate.
///
/// `failure` is why the endpoint cannot be scaled now.
pub(super) async fn is_rolling_back(
    context: &Context<'_>,
    desired: &Desired,
    failure: Option<&Error>,
) -> Result<bool, Error> {
    let (Some(gate), ScalableTargetId::Variant { endpoint, variant, .. }) = (&desired.gate, &desired.spec.id) else {
        return Ok(false);
    };
    let may_be_the_configuration =
        matches!(failure, None | Some(Error::Refused(Refusal::VariantMissing { .. } | Refusal::CannotScaleToZero(_))));
    // A rollback creates no resource.
    if !may_be_the_configuration || !is_update(context) {
        return Ok(false);
    }
    let Some(endpoint) = context.aws.endpoint(endpoint).await? else { return Ok(false) };
    // If the endpoint runs any other configuration, it was updated outside this stack. Then no gate would restore the
    // snapshot, so the target stays registered.
    let previous = context.lifecycle().old_gate().filter(|previous| !previous.is_same(gate));
    if !previous.is_some_and(|previous| endpoint.runs(previous.config.as_str())) {
        if endpoint.runs(gate.config.as_str()) {
            return Ok(false);
        }
        // After updates that failed without a rollback, the stack goes back by several configurations. Then a gate has taken
        // a snapshot for the update to the one that the endpoint runs.
        let snapshot = own_snapshot(context, desired).await?.and_then(|stored| stored.snapshot.update);
        if !snapshot.is_some_and(|update| update.configs.iter().any(|config| endpoint.runs(config))) {
            return Ok(false);
        }
    }
    let running = context.aws.endpoint_config(&endpoint.config);
    let (running, wanted) = try_join(running, context.aws.endpoint_config(gate.config.as_str())).await?;
    let (Some(running), Some(wanted)) = (running, wanted) else { return Ok(false) };
    Ok(blocks_update(variant.as_str(), &wanted, &running))
}

/// Stores a snapshot of the target as the template declares it, with the attachments that others put, and deregisters it.
pub(super) async fn keep_as_snapshot(
    context: &Context<'_>,
    desired: &Desired,
    previous: &Declared,
) -> Result<Attributes, Error> {
    let target = &desired.spec.id;
    // A target that an earlier request registered may not be visible yet.
    context.aws.earlier_changes_visible().await;
    loop {
        ensure_fresh(context, target).await?;
        let read = Stopwatch::start();
        let registered = context.aws.registered(target).await?;
        let snapshot = desired_snapshot(context, desired, previous, registered.as_ref()).await?;
        let stored = Stored::new(snapshot)?;
        if !store::put(&context.aws, &stored).await? {
            continue;
        }
        let is_done = match registered {
            None => true,
            Some(_) => {
                ensure_fresh(context, target).await?;
                let state = TargetState::new(context.owner(), registered.as_ref());
                let mut precondition = Precondition::since(read, target, state, Freshness::Fresh);
                unless_outdated(context.aws.deregister_target(target, &mut precondition).await)?.is_some()
            }
        };
        if is_done {
            context.progress().decided(Decision::Snapshot);
            let target = target.resource_id();
            tracing::info!(target, "snapshot taken: the endpoint is about to roll back to another configuration");
            return Ok(attributes_before(desired, &stored.snapshot));
        }
    }
}

/// What the template declares, with what others attached to the registered target, or to the target in the snapshot.
async fn desired_snapshot(
    context: &Context<'_>,
    desired: &Desired,
    previous: &Declared,
    registered: Option<&Registered>,
) -> Result<Snapshot, Error> {
    let (aws, target) = (&context.aws, &desired.spec.id);
    ownership::registration(desired, context.owner(), registered, &previous.tags)?;
    let update = update_of(context, desired);
    let mut before = None;
    if registered.is_some()
        && let Some(description) = aws.describe_target(target).await?
    {
        before = capture(aws, target, description, update.clone()).await?;
    }
    if before.is_none() {
        // The gate, or another delivery of this request, may have stored it.
        before = own_snapshot(context, desired).await?.map(|stored| stored.snapshot);
    }
    if let Some(before) = before {
        let to_delete = no_longer_declared(target, &Declared::read(context.lifecycle().properties()), previous);
        if let Some(spec) = restored_spec(context, desired, &before, &to_delete, previous).await? {
            // The gate that took the earlier snapshot restores this one.
            let update = update.map(|update| match before.update {
                Some(earlier) => EndpointUpdate { configs: update.configs, ..earlier },
                None => update,
            });
            return Ok(Snapshot::new(aws.now(), spec, before.attributes, update));
        }
    }
    let mut spec = desired.spec.clone();
    spec.tags.extend(context.owner().tags());
    Ok(Snapshot::new(aws.now(), spec, Attributes::new(), update))
}

/// The attributes with the ARNs that the target had, since the stack may use them. It gets others when it is restored.
fn attributes_before(desired: &Desired, snapshot: &Snapshot) -> Attributes {
    let mut attributes = attributes::of_target(&desired.spec);
    let policies = desired.spec.attachments_of(AttachmentKind::ScalingPolicy).map(|policy| policy_arn(policy.name()));
    let had = policies.filter_map(|name| Some((name.clone(), snapshot.attributes.get(&name)?.clone())));
    attributes.extend(had);
    attributes.insert(TARGET_ARN.to_owned(), snapshot.arn().unwrap_or_default().to_owned());
    attributes
}
